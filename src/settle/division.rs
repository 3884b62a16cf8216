//! What is to be paid at one shop through one acquirer, and who pays it: the pool first, then clubs and other debtors out of what they owe.

use std::collections::BTreeMap;

use crate::ledger::{Account, Posting, Reason};
use crate::settle::add;
use crate::terms::{AcquirerId, ClubId, OrganisationId, Overflow, PersonId, ShopId};

/// Who owes a shop money besides the acquirer, and pays it out of an account of his own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Debtor {
    /// A club: discounts, redeemed purses.
    Club(ClubId),
    /// A sponsor or issuer of cards: what its pockets paid.
    Organisation(OrganisationId),
    /// Who runs the switch: what pockets paid that he owes.
    Operator,
}

/// Who takes a part of a shop's money; the order in which parts are paid.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Payee {
    /// A marketer.
    Person(PersonId),
    /// The owner of a club.
    Owner(ClubId),
    /// What is saved for the shop, kept by the club.
    Saving(ClubId),
    /// What the shop pays for credit that it funded, kept by the club.
    Reserve(ClubId),
    /// What the shop took for an organisation.
    Organisation(OrganisationId),
    /// What the shop took for who runs the switch; his fee is no part.
    Operator,
}

impl Payee {
    /// What it is called in statements and totals.
    pub fn role(self) -> &'static str {
        match self {
            Payee::Person(_) => "marketer",
            Payee::Owner(_) => "club-owner",
            Payee::Saving(_) => "acceptor-saving",
            Payee::Reserve(_) => "holder-saving",
            Payee::Organisation(_) => "organisation",
            Payee::Operator => "operator",
        }
    }
}

/// A part and the club whose rules made it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Part {
    /// Who gets it.
    pub payee: Payee,
    /// Whose rules.
    pub club: ClubId,
}

/// What one posting means to a shop. The amount beside it is below zero where the posting undoes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Move {
    /// A card paid into the pool.
    Card(AcquirerId, ShopId),
    /// Somebody owes the shop; a club from its own account, or from what the clearing house owes it.
    Owed(Debtor, ShopId),
    /// The shop owes a part.
    Part(ShopId, Payee),
    /// The shop owes the operator his fee: invoiced, in no file.
    Fee(ShopId),
    /// Not the shop's money.
    Elsewhere,
    /// The shop's money, but nothing that is known here.
    Unknown,
}

impl Move {
    pub(crate) fn of(posting: &Posting) -> (Move, i64) {
        let Posting {
            from,
            to,
            amount,
            reason,
            ..
        } = *posting;
        let forward = |from, to| Move::forward(from, to, reason);
        match (forward(from, to), forward(to, from)) {
            (Move::Unknown, undone) if undone != Move::Unknown => (undone, -amount),
            (moved, _) => (moved, amount),
        }
    }

    /// What pockets paid comes from organisations and the operator; what is loaded into them, and fees, go to them.
    fn forward(from: Account, to: Account, reason: Reason) -> Move {
        let pays = matches!(reason, Reason::RedeemPaid | Reason::ClubDiscount);
        match (from, to) {
            (Account::Pool { acquirer, shop }, Account::Shop(of)) if shop == of => {
                Move::Card(acquirer, shop)
            }
            (Account::Club(club) | Account::DueFromHouse(club), Account::Shop(shop)) => {
                Move::Owed(Debtor::Club(club), shop)
            }
            (Account::Organisation(id), Account::Shop(shop)) if pays => {
                Move::Owed(Debtor::Organisation(id), shop)
            }
            (Account::Operator, Account::Shop(shop)) if pays => Move::Owed(Debtor::Operator, shop),
            (Account::Shop(shop), Account::Person(person)) => {
                Move::Part(shop, Payee::Person(person))
            }
            (Account::Shop(shop), Account::Owner(club)) => Move::Part(shop, Payee::Owner(club)),
            (Account::Shop(shop), Account::Saving { shop: of, club }) if shop == of => {
                Move::Part(shop, Payee::Saving(club))
            }
            (Account::Shop(shop), Account::Reserve(club)) => Move::Part(shop, Payee::Reserve(club)),
            (Account::Shop(shop), Account::Operator) if reason == Reason::Fee => Move::Fee(shop),
            (Account::Shop(shop), Account::Operator) if !pays => Move::Part(shop, Payee::Operator),
            (Account::Shop(shop), Account::Organisation(id)) if !pays => {
                Move::Part(shop, Payee::Organisation(id))
            }
            (Account::Shop(_) | Account::Pool { .. }, _)
            | (_, Account::Shop(_) | Account::Pool { .. }) => Move::Unknown,
            _ => Move::Elsewhere,
        }
    }
}

/// What is due: rials, below zero where more was taken back than came in. What the shop itself gets is what is left
/// (pool and clubs less the parts), so all lines always add up.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lines {
    /// What the acquirer holds for the shop.
    pub pool: i64,
    /// What each debtor owes the shop.
    pub debtors: BTreeMap<Debtor, i64>,
    /// What is due to others out of the shop's money.
    pub parts: BTreeMap<Part, i64>,
}

impl Lines {
    /// Adds what an earlier day left.
    pub fn join(&mut self, other: &Lines) -> Result<(), Overflow> {
        add(&mut self.pool, other.pool)?;
        for (debtor, amount) in &other.debtors {
            add(self.debtors.entry(*debtor).or_default(), *amount)?;
        }
        for (part, amount) in &other.parts {
            add(self.parts.entry(*part).or_default(), *amount)?;
        }
        Ok(())
    }

    /// What is due to the shop itself.
    pub fn shop(&self) -> Result<i64, Overflow> {
        let mut due = self.pool;
        for amount in self.debtors.values() {
            add(&mut due, *amount)?;
        }
        for amount in self.parts.values() {
            add(&mut due, amount.checked_neg().ok_or(Overflow)?)?;
        }
        Ok(due)
    }

    /// Whether nothing is due to anybody.
    pub fn is_clear(&self) -> bool {
        self.pool == 0 && self.debtors.is_empty() && self.parts.is_empty()
    }

    /// Who pays whom. Parts come first, in their order, out of the pool and then out of what debtors owe (their own club before
    /// the others); the rest of each goes to the shop. What is below zero, or more than there is, is left for the next day.
    pub fn divide(mut self) -> Division {
        let mut division = Division::default();
        let mut pool = self.pool.max(0);
        self.pool -= pool;
        for (part, due) in &mut self.parts {
            let mut take = |held: &mut i64| {
                let paid = (*due).min(*held).max(0);
                *due -= paid;
                *held -= paid;
                paid
            };
            let paid = take(&mut pool);
            if paid > 0 {
                division.pool_parts.push((*part, paid));
            }
            let club = Debtor::Club(part.club);
            let own = self.debtors.get_mut(&club);
            let own = own.map(|held| (club, take(held)));
            let others = self.debtors.iter_mut();
            let others = others.map(|(debtor, held)| (*debtor, take(held)));
            division.debtor_parts.extend(
                own.into_iter()
                    .chain(others)
                    .filter(|(_, paid)| *paid > 0)
                    .map(|(debtor, paid)| (debtor, *part, paid)),
            );
        }
        division.pool_shop = pool;
        for (debtor, held) in &mut self.debtors {
            if *held > 0 {
                division.debtor_shop.push((*debtor, *held));
                *held = 0;
            }
        }
        self.debtors.retain(|_, held| *held != 0);
        self.parts.retain(|_, due| *due != 0);
        division.left = self;
        division
    }
}

/// What is paid, all above zero, and what is left.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Division {
    /// Parts out of the pool.
    pub pool_parts: Vec<(Part, i64)>,
    /// The rest of the pool, to the shop; zero where nothing is left of it.
    pub pool_shop: i64,
    /// Parts that the pool could not pay, out of what a debtor owes the shop.
    pub debtor_parts: Vec<(Debtor, Part, i64)>,
    /// What is left of what each debtor owes, to the shop.
    pub debtor_shop: Vec<(Debtor, i64)>,
    /// What is carried to the next day.
    pub left: Lines,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(id: u32) -> Part {
        Part {
            payee: Payee::Person(PersonId(id)),
            club: ClubId(0),
        }
    }

    fn lines(pool: i64, club: i64, parts: &[i64]) -> Lines {
        Lines {
            pool,
            debtors: BTreeMap::from([(Debtor::Club(ClubId(0)), club)]),
            parts: (0..).map(person).zip(parts.iter().copied()).collect(),
        }
    }

    /// Pool to parts and shop, club to parts and shop, left of pool, club, parts.
    fn check(due: Lines, want: (i64, i64, i64, i64), left: (i64, i64, i64)) {
        let shop = due.shop().unwrap();
        let got = due.divide();
        let club_shop = got.debtor_shop.iter().map(|c| c.1).sum::<i64>();
        assert_eq!(
            (
                got.pool_parts.iter().map(|p| p.1).sum(),
                got.pool_shop,
                got.debtor_parts.iter().map(|p| p.2).sum(),
                club_shop
            ),
            want
        );
        let after = &got.left;
        assert_eq!(
            (
                after.pool,
                after.debtors.values().sum(),
                after.parts.values().sum()
            ),
            left
        );
        assert_eq!(after.shop().unwrap(), shop - got.pool_shop - club_shop);
    }

    #[test]
    fn the_pool_pays_parts_first_and_the_shop_the_rest() {
        check(lines(1_000, 50, &[10, 20]), (30, 970, 0, 50), (0, 0, 0));
    }

    #[test]
    fn a_club_pays_the_parts_that_the_pool_lacks() {
        check(lines(5, 100, &[10, 20]), (5, 0, 25, 75), (0, 0, 0));
    }

    #[test]
    fn what_nobody_can_pay_is_left() {
        check(lines(5, 10, &[10, 20]), (5, 0, 10, 0), (0, 0, 15));
    }

    #[test]
    fn what_is_below_zero_pays_nothing_and_is_left() {
        check(lines(-100, -7, &[-10, 4]), (0, 0, 0, 0), (-100, -7, -6));
        check(lines(100, 0, &[-10, 30]), (30, 70, 0, 0), (0, 0, -10));
    }
}
