//! What goes into purses and out of them besides purchases, as postings and lots of one entry, and the holders of cards whose pockets
//! are moved.

use std::borrow::Cow;

use crate::engine::{Engine, Hand};
use crate::ledger::told::{PurseAmount, ToldBalance};
use crate::ledger::{
    Account, Aimed, Effects, Lot, LotId, LotMove, LotTerms, Member, MemberChange, Posting,
    PurseKey, Reason, Verdict,
};
use crate::rules::card::{Grant, Owes, Pocket};
use crate::rules::{Card, Club, Purse, dies, judge};
use crate::terms::person::Identity;
use crate::terms::{Day, Moment, Rials, RuleId, ShopId, UnitId, Zone};

/// A card whose pockets are moved, and who holds it.
pub(super) struct Holder<'h> {
    /// The product.
    pub card: &'h Card,
    /// Who holds it.
    pub member: Cow<'h, Member>,
    /// What makes him a holder, where he was none.
    pub new: Option<MemberChange>,
}

/// The movements of one entry so far.
pub(super) struct Moves<'z> {
    pub effects: Effects,
    pub at: Moment,
    pub today: Day,
    pub business_day: Day,
    pub zone: &'z Zone,
}

impl Engine {
    /// The holder of the card that is aimed at, or else of the card that asks. A card becomes a holder's with the first that
    /// happens to it.
    pub(super) fn holder<'h>(
        &'h self,
        hand: &'h Hand<'_>,
        aimed: Option<Aimed>,
    ) -> Result<Holder<'h>, Verdict> {
        let own = || {
            let identity = hand.request.identity()?;
            let bin = hand.request.asked.facts.bin;
            Some(Aimed { identity, bin })
        };
        let Aimed { identity, bin } = aimed.or_else(own).ok_or(Verdict::MemberUnknown)?;
        match identity {
            Identity::Card(token) => {
                let card = hand.rules.card_of(Some(token), bin);
                let card = card.ok_or(Verdict::MemberUnknown)?;
                Ok(self.holder_of(card, identity, hand.business_day))
            }
            Identity::Number(id) => {
                let member = self.book.member(id).ok_or(Verdict::MemberUnknown)?;
                let card = hand.rules.card(member.club).ok_or(Verdict::MemberUnknown)?;
                Ok(Holder {
                    card,
                    member: Cow::Borrowed(member),
                    new: None,
                })
            }
            _ => Err(Verdict::MemberUnknown),
        }
    }

    /// The holder of a card of a product: who is known by it, or the next member.
    pub(super) fn holder_of<'h>(
        &'h self,
        card: &'h Card,
        identity: Identity,
        joined: Day,
    ) -> Holder<'h> {
        let club = card.club.id;
        let known = self.book.who(club, identity);
        if let Some(member) = known.and_then(|id| self.book.member(id)) {
            return Holder {
                card,
                member: Cow::Borrowed(member),
                new: None,
            };
        }
        let member = self.book.next_member();
        Holder {
            card,
            member: Cow::Owned(Member::new(member, club, joined)),
            new: Some(MemberChange::Enrolled {
                member,
                club,
                joined,
                identities: vec![identity],
                marketer: None,
                introducer: None,
                tier: None,
            }),
        }
    }
}

impl<'h> Holder<'h> {
    /// One who is there.
    pub fn known(card: &'h Card, member: &'h Member) -> Holder<'h> {
        Holder {
            card,
            member: Cow::Borrowed(member),
            new: None,
        }
    }
}

impl<'z> Moves<'z> {
    /// Of an entry about one member.
    pub fn of(hand: &'z Hand<'_>, holder: &Holder<'_>) -> Moves<'z> {
        Moves {
            effects: Effects {
                club: Some(holder.card.club.id),
                member: Some(holder.member.id),
                members: holder.new.clone().into_iter().collect(),
                ..Effects::none()
            },
            at: hand.now,
            today: hand.local.day,
            business_day: hand.business_day,
            zone: &hand.rules.world.zone,
        }
    }

    /// So much comes into a purse. What he owes it is paid first.
    pub fn credit(
        &mut self,
        member: &Member,
        (purse, shop): (&Purse, Option<ShopId>),
        amount: i64,
        terms: LotTerms,
        reason: Reason,
    ) {
        let key = PurseKey {
            member: member.id,
            purse: purse.id,
            shop,
        };
        let paid = self.effects.postings.iter();
        let paid = paid.filter(|p| p.reason == Reason::DebtPaid && p.to == Account::Debt(key));
        let owed = member.debt(purse.id, shop) - paid.map(|p| p.amount).sum::<i64>();
        let repaid = amount.min(owed).max(0);
        let promised = Account::Outstanding {
            purse: purse.id,
            shop,
        };
        self.post(promised, Account::Purse(key), amount, purse.unit, reason);
        // Right behind what it is paid with, so that a reversal knows.
        self.post(
            Account::Purse(key),
            Account::Debt(key),
            repaid,
            purse.unit,
            Reason::DebtPaid,
        );
        if amount > repaid {
            self.put(member, key, terms, amount - repaid);
        }
    }

    /// So much goes out of a purse, from lots in the order given; it must be there.
    pub fn debit(
        &mut self,
        member: &Member,
        purse: &Purse,
        lots: &[Lot],
        amount: i64,
        reason: Reason,
    ) {
        let key = PurseKey {
            member: member.id,
            purse: purse.id,
            shop: None,
        };
        let promised = Account::Outstanding {
            purse: purse.id,
            shop: None,
        };
        self.post(Account::Purse(key), promised, amount, purse.unit, reason);
        let mut left = amount;
        for lot in lots {
            let taken = left.min(lot.amount);
            if taken > 0 {
                left -= taken;
                self.effects.lots.push(LotMove {
                    key,
                    lot: lot.id,
                    terms: lot.terms,
                    amount: -taken,
                });
            }
        }
    }

    /// What can be spent of a purse now, soonest end first, then oldest (S10).
    pub fn usable(&self, member: &Member, purse: &Purse) -> Vec<Lot> {
        let lots = member.lots().filter(|held| held.purse == purse.id);
        let mut lots: Vec<Lot> = lots
            .map(|held| held.lot)
            .filter(|lot| lot.is_usable(self.at, self.today))
            .collect();
        lots.sort_by_key(|lot| {
            let terms = lot.terms;
            (terms.dies.is_none(), terms.dies, terms.booked, lot.id)
        });
        lots
    }

    /// The terms of what comes into a pocket today.
    pub fn terms(&self, rule: RuleId, dies: Option<Day>) -> LotTerms {
        LotTerms {
            rule: Some(rule),
            booked: self.business_day,
            // The start of the day, so that what comes on one day shares a lot (S11).
            usable_from: self.zone.midnight(self.today).min(self.at),
            dies,
            hold: None,
        }
    }

    /// Money between those who owe; nothing where both are one.
    pub fn post(&mut self, from: Account, to: Account, amount: i64, unit: UnitId, reason: Reason) {
        if amount > 0 && from != to {
            self.effects.postings.push(Posting {
                from,
                to,
                amount,
                unit,
                reason,
            });
        }
    }

    /// What the holder of a card can spend of each pocket after all of it.
    pub fn balances_of_card(&self, member: &Member, card: &Card) -> Vec<ToldBalance> {
        let holder = judge::Holder { card, member };
        self.told(member, &card.club, |purse, net| holder.shown(purse, net))
    }

    /// The same of a club.
    pub fn balances(&self, member: &Member, club: &Club) -> Vec<ToldBalance> {
        self.told(member, club, Purse::shown)
    }

    fn told(
        &self,
        member: &Member,
        club: &Club,
        shown: impl Fn(&Purse, i64) -> i64,
    ) -> Vec<ToldBalance> {
        let told = club.purses.iter().map(|purse| {
            let key = PurseKey {
                member: member.id,
                purse: purse.id,
                shop: None,
            };
            let held = member.holding(purse.id, None);
            let before = held.map_or(0, |held| held.net(self.at, self.today));
            let lots = self
                .effects
                .lots
                .iter()
                .filter(|moved| moved.key == key && moved.terms.allow(self.at, self.today));
            let paid = self.effects.postings.iter();
            let paid = paid.filter(|posting| posting.to == Account::Debt(key));
            let after = before
                + lots.map(|moved| moved.amount).sum::<i64>()
                + paid.map(|posting| posting.amount).sum::<i64>();
            ToldBalance {
                purse: purse.id,
                shop: None,
                amount: shown(purse, after),
            }
        });
        told.collect()
    }

    fn put(&mut self, member: &Member, key: PurseKey, terms: LotTerms, amount: i64) {
        let his = self.effects.lots.iter();
        let moved_in = |lot: LotId| -> i64 {
            let moves = his
                .clone()
                .filter(|moved| (moved.key, moved.lot) == (key, lot));
            moves.map(|moved| moved.amount).sum()
        };
        // A lot that was emptied is gone; what comes afterwards opens another one.
        let mut before = member.lots_under(key.purse, key.shop, terms);
        let before = before.find(|(lot, amount)| amount + moved_in(*lot) > 0);
        let opened = his
            .clone()
            .filter(|moved| moved.key.member == key.member && moved.lot >= member.next_lot);
        let same = opened
            .clone()
            .find(|moved| (moved.key, moved.terms) == (key, terms));
        let same = before.map(|(lot, _)| lot).or(same.map(|moved| moved.lot));
        let last = opened.map(|moved| moved.lot.0 + 1).max();
        let lot = same.unwrap_or(last.map_or(member.next_lot, LotId));
        self.effects.lots.push(LotMove {
            key,
            lot,
            terms,
            amount,
        });
    }
}

/// The account of who owes a pocket.
pub(super) fn account(owes: Owes) -> Account {
    match owes {
        Owes::Organisation(id) => Account::Organisation(id),
        Owes::Operator => Account::Operator,
    }
}

/// From which day on what comes into a pocket is dead. What is not carried over goes when the next grant comes.
pub(super) fn lives(pocket: &Pocket, purse: &Purse, today: Day) -> Option<Day> {
    match &pocket.grant {
        Some(grant) if !pocket.carry_over => Some(due_after(grant, due(grant, today))),
        _ => dies(purse.expiry, today),
    }
}

/// The last day, up to today, on which a grant is due.
pub(super) fn due(grant: &Grant, today: Day) -> Day {
    let this = in_month(grant, today, 0);
    if this <= today {
        this
    } else {
        in_month(grant, today, -1)
    }
}

/// The day on which it is due next.
pub(super) fn due_after(grant: &Grant, due: Day) -> Day {
    in_month(grant, due, 1)
}

/// The day of a grant in the month of a day, or so many months later; the last day where the month is shorter.
fn in_month(grant: &Grant, day: Day, later: i32) -> Day {
    let first = day.plus(1 - i32::from(day.jalali().day_of_month()));
    let last = first.jalali().plus_months(later).end_of_month();
    let first = last.day().plus(1 - i32::from(last.day_of_month()));
    let days = last.day_of_month().min(grant.on_day.max(1));
    first.plus(i32::from(days) - 1)
}

/// What a purse gained or lost, as it is told.
pub(super) fn told(purse: &Purse, amount: i64) -> PurseAmount {
    PurseAmount {
        purse: purse.id,
        amount,
        worth: match purse.unit {
            UnitId::RIAL => Rials(amount),
            _ => Rials::ZERO,
        },
    }
}
