//! What one entry did at its shop: its postings read as a row of the statement, and held against what was told.

use std::collections::BTreeMap;

use crate::ledger::{
    Account, Entry, Function, Input, Mode, Names, Party, Posting, PurseKind, Reason,
};
use crate::settle::division::{Move, Payee};
use crate::settle::payments::{self, Creditor};
use crate::settle::{SettleError, add};
use crate::terms::{ClubId, MemberId, Overflow, PurseId, ShopId};

/// Amounts of one row, in rials unless said otherwise; those of a reversal are below zero.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Row {
    /// Whether it undoes an earlier one.
    pub reversal: bool,
    /// The bill before discount.
    pub gross: i64,
    /// The whole discount, whoever bears it.
    pub discount: i64,
    /// What points paid.
    pub points: i64,
    /// What credit at the club paid.
    pub club_credit: i64,
    /// What the shop's own credit paid.
    pub own_credit: i64,
    /// What pockets of a card paid, by the name of their kind.
    pub pockets: BTreeMap<String, i64>,
    /// What the bank card paid.
    pub card_paid: i64,
    /// The fee.
    pub fee: i64,
    /// Whether the shop is the one to pay the fee.
    pub fee_by_shop: bool,
    /// By `club/purse`: what was earned in smallest units, and the decimals of those.
    pub earned: BTreeMap<String, (i64, u8)>,
    /// The same of what the shop itself earned.
    pub shop_earned: BTreeMap<String, (i64, u8)>,
    /// Parts of the shop's money: role, account with its middle masked, amount.
    pub split: Vec<(String, String, i64)>,
    /// What is owed to the shop for it.
    pub net: i64,
}

/// Sums of an entry's postings, as they are held against the answer.
#[derive(Default)]
struct Posted {
    card: i64,
    club_discount: i64,
    redeem_paid: i64,
    parts: Vec<(Payee, i64)>,
    spent: BTreeMap<PurseId, i64>,
    earned: BTreeMap<PurseId, i64>,
    shop_earned: BTreeMap<PurseId, i64>,
    fee: i64,
    fee_by_shop: bool,
}

impl Posted {
    fn of(entry: &Entry, names: &Names) -> Result<Posted, Overflow> {
        let mut posted = Posted::default();
        let abroad = of_other_club(entry, names);
        let is_his = |posting: &Posting| match abroad {
            Some((club, member)) if club_of(posting, names) == Some(club) => {
                posting.member() == Some(member) && is_told(entry, posting)
            }
            _ => posting.member() == entry.effects.member,
        };
        for posting in &entry.effects.postings {
            let (moved, amount) = Move::of(posting);
            match (posting.reason, moved) {
                (_, Move::Card(..)) => add(&mut posted.card, amount)?,
                (Reason::ClubDiscount, Move::Owed(..)) => add(&mut posted.club_discount, amount)?,
                (_, Move::Owed(..)) => add(&mut posted.redeem_paid, amount)?,
                (_, Move::Part(_, payee)) => posted.parts.push((payee, amount)),
                (Reason::Fee, _) => {
                    let back = posting.from == Account::Operator;
                    let sign = if back { -1 } else { 1 };
                    add(&mut posted.fee, sign * posting.amount)?;
                    posted.fee_by_shop |= matches!(moved, Move::Fee(_));
                }
                (Reason::Spent, _) => match (posting.from, posting.to) {
                    (Account::Purse(key), _) => {
                        add(posted.spent.entry(key.purse).or_default(), posting.amount)?;
                    }
                    (_, Account::Purse(key)) => {
                        add(posted.spent.entry(key.purse).or_default(), -posting.amount)?;
                    }
                    _ => {}
                },
                (Reason::Earned, _) if let Some((purse, amount)) = of_shop(posting) => {
                    add(posted.shop_earned.entry(purse).or_default(), amount)?;
                }
                // What others earn by it is in no answer, and no row of his.
                (Reason::Earned, _) if !is_his(posting) => {}
                (Reason::Earned, _) => match (posting.from, posting.to) {
                    (_, Account::Purse(key)) => {
                        add(posted.earned.entry(key.purse).or_default(), posting.amount)?;
                    }
                    (Account::Purse(key), _) => {
                        add(posted.earned.entry(key.purse).or_default(), -posting.amount)?;
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        Ok(posted)
    }

    /// Whether nothing of the shop moved, nor of what its customer spends or earns there.
    fn is_nothing(&self) -> bool {
        let none = [self.card, self.club_discount, self.redeem_paid, self.fee] == [0; 4];
        let purses = self.spent.values().chain(self.earned.values());
        none && self.parts.is_empty() && purses.clone().all(|amount| *amount == 0)
    }

    fn of_kind(&self, kind: PurseKind, names: &Names) -> i64 {
        let is = |purse: PurseId| {
            names
                .purse_particulars(purse)
                .is_some_and(|(_, of, _)| of == kind)
        };
        self.spent
            .iter()
            .filter(|(purse, _)| is(**purse))
            .map(|(_, amount)| amount)
            .sum()
    }

    fn sum(&self, of: impl Fn(Payee) -> bool) -> i64 {
        self.parts
            .iter()
            .filter(|(payee, _)| of(*payee))
            .map(|(_, amount)| amount)
            .sum()
    }

    fn net(&self) -> i64 {
        self.card + self.club_discount + self.redeem_paid - self.sum(|_| true)
    }
}

/// The club of the member's purse that a posting moves.
fn club_of(posting: &Posting, names: &Names) -> Option<ClubId> {
    let ((Account::Purse(key), _) | (_, Account::Purse(key))) = (posting.from, posting.to) else {
        return None;
    };
    names.purse_particulars(key.purse).map(|(club, ..)| club)
}

/// Where a purchase earned in a second club too: that one, and who its customer is there. Whoever brought him there may earn by it
/// as well, but was enrolled before him.
fn of_other_club(entry: &Entry, names: &Names) -> Option<(ClubId, MemberId)> {
    let earned = entry.effects.postings.iter();
    let earned = earned.filter(|posting| posting.reason == Reason::Earned);
    let others = earned.filter_map(|posting| {
        let club = club_of(posting, names)?;
        let member = posting.member()?;
        (Some(club) != entry.effects.club).then_some((club, member))
    });
    others.max_by_key(|(_, member)| *member)
}

/// Whether the answer speaks of what a posting gave; that of a reversal repeats nothing.
fn is_told(entry: &Entry, posting: &Posting) -> bool {
    let (Some(told), Account::Purse(key)) = (&entry.effects.told, posting.to) else {
        return true;
    };
    entry.effects.reverses || told.earned.iter().any(|piece| piece.purse == key.purse)
}

/// What a shop earned by a posting; below zero where it is taken back.
fn of_shop(posting: &Posting) -> Option<(PurseId, i64)> {
    match (posting.from, posting.to) {
        (_, Account::ShopPurse { purse, .. }) => Some((purse, posting.amount)),
        (Account::ShopPurse { purse, .. }, _) => Some((purse, -posting.amount)),
        _ => None,
    }
}

/// Amounts of purses by `club/purse`, with the decimals of each.
fn named(amounts: &BTreeMap<PurseId, i64>, names: &Names) -> BTreeMap<String, (i64, u8)> {
    let name = |(purse, amount): (&PurseId, &i64)| {
        let particulars = names.purse_particulars(*purse);
        let club = particulars.map_or("", |(club, ..)| names.club(club));
        let decimals = particulars.map_or(0, |(.., decimals)| decimals);
        (
            format!("{club}/{}", names.purse(*purse)),
            (*amount, decimals),
        )
    };
    amounts.iter().map(name).collect()
}

impl Row {
    /// The row of an entry that moved money of a shop, or value spent there; none for all others.
    /// An error where its answer told something else.
    pub(crate) fn of(entry: &Entry, names: &Names) -> Result<Option<Row>, SettleError> {
        let (Input::Request(asked), Some(shop)) = (&entry.input, entry.effects.shop) else {
            return Ok(None);
        };
        let of_shops = [Function::Purchase, Function::Load, Function::Reversal];
        if !of_shops.contains(&asked.function) || entry.effects.postings.is_empty() {
            return Ok(None);
        }
        let posted = Posted::of(entry, names)?;
        posted.agrees(entry, names)?;
        // A conversion is none of the shop's business, and nor is its reversal.
        if posted.is_nothing() && asked.function == Function::Reversal {
            return Ok(None);
        }
        let club_credit = posted.of_kind(PurseKind::ClubCredit, names);
        let own_credit = posted.of_kind(PurseKind::MerchantCredit, names);
        let paid = posted.card + posted.redeem_paid + own_credit;
        let pockets = PurseKind::ALL.iter().filter(|(kind, _)| kind.is_pocket());
        let pockets =
            pockets.map(|(kind, name)| ((*name).to_owned(), posted.of_kind(*kind, names)));
        let pockets: BTreeMap<_, _> = pockets.filter(|(_, amount)| *amount != 0).collect();
        let by_pockets: i64 = pockets.values().sum();
        // The shop's own share of a discount is in no posting: of a reversal that does not tell it, the purchase's own log does.
        let told = entry.effects.told.as_ref().and_then(|told| told.discount);
        let discount = match (told, entry.effects.reverses, entry.effects.visit) {
            (Some(told), false, _) => told.0,
            (Some(told), true, _) => -told.0,
            (None, true, Some(visit)) => {
                let bill_less_discount = posted.card - visit.redeemed.0 + by_pockets;
                (-visit.spent.0 - bill_less_discount).min(posted.club_discount)
            }
            _ => posted.club_discount,
        };
        let earned = named(&posted.earned, names);
        let shop_earned = named(&posted.shop_earned, names);
        let mut split = Vec::with_capacity(posted.parts.len());
        for (payee, amount) in &posted.parts {
            let account = account(names, shop, *payee)?;
            split.push((payee.role().to_owned(), account, *amount));
        }
        Ok(Some(Row {
            reversal: entry.effects.reverses,
            gross: paid + discount,
            discount,
            points: posted.redeem_paid - club_credit - by_pockets,
            club_credit,
            own_credit,
            pockets,
            card_paid: posted.card,
            fee: posted.fee,
            fee_by_shop: posted.fee_by_shop,
            net: posted.net(),
            earned,
            shop_earned,
            split,
        }))
    }

    /// What purses paid, by the name of their kind.
    pub fn redeemed(&self) -> impl Iterator<Item = (&str, i64)> {
        let purses = [
            (PurseKind::Points.name(), self.points),
            (PurseKind::ClubCredit.name(), self.club_credit),
            (PurseKind::MerchantCredit.name(), self.own_credit),
        ];
        let pockets = self.pockets.iter();
        let pockets = pockets.map(|(kind, amount)| (&**kind, *amount));
        purses.into_iter().chain(pockets)
    }
}

impl Posted {
    /// Holds a purchase's answer against its postings (of a reversal only the direction: its answer repeats no amounts).
    fn agrees(&self, entry: &Entry, names: &Names) -> Result<(), SettleError> {
        let same = |what, told: i64, posted: i64| {
            let sequence = entry.head.sequence;
            if told == posted {
                Ok(())
            } else {
                Err(SettleError::Differs {
                    sequence,
                    what,
                    told,
                    posted,
                })
            }
        };
        let (Input::Request(asked), Some(told)) = (&entry.input, &entry.effects.told) else {
            return Ok(());
        };
        if entry.effects.reverses {
            return same("what a card paid and got back", self.card.min(0), self.card);
        }
        if asked.function == Function::Load {
            let pays = told.pays.filter(|_| told.verdict.is_approved());
            let pays = pays.unwrap_or_default().0;
            return same("what the bank card pays for a load", pays, self.card);
        }
        if asked.function != Function::Purchase || entry.effects.original.is_some() {
            return Ok(());
        }
        if !told.verdict.is_approved() {
            return same("what the card paid for a refused purchase", 0, self.card);
        }
        let pays = told.pays.or(asked.amount).map_or(0, |pays| pays.0);
        same("what the bank card pays", pays, self.card)?;
        for (name, list, posted) in [
            ("what a purse paid", &told.redeemed, &self.spent),
            ("what a purse earned", &told.earned, &self.earned),
        ] {
            let mut sums = posted.clone();
            for piece in list {
                let sum = sums.entry(piece.purse).or_default();
                *sum -= piece.amount;
            }
            if let Some((purse, rest)) = sums.iter().find(|(_, rest)| **rest != 0) {
                let posted = posted.get(purse).copied().unwrap_or_default();
                return same(name, posted - rest, posted);
            }
        }
        let own = self.of_kind(PurseKind::MerchantCredit, names);
        let redeemed = told.redeemed_rials().0;
        same(
            "what purses paid the shop",
            redeemed - own,
            self.redeem_paid,
        )?;
        let discount = told.discount.unwrap_or_default().0;
        if self.club_discount > discount {
            return same("the discount", discount, self.club_discount);
        }
        if asked.mode == Mode::Ask {
            let gross = asked.amount.map_or(0, |bill| bill.0);
            same("the bill", gross, self.card + discount + redeemed)?;
        }
        same("the fee", told.fee.unwrap_or_default().0, self.fee)?;
        if told.split.is_empty() {
            return same(
                "the split",
                0,
                self.sum(|p| !matches!(p, Payee::Reserve(_))),
            );
        }
        let of = |parties: &[Party]| -> i64 {
            told.split
                .iter()
                .filter(|(party, _)| parties.contains(party))
                .map(|(_, amount)| amount.0)
                .sum()
        };
        let marketers = of(&[Party::Marketer, Party::MerchantMarketer]);
        same(
            "the marketers' parts",
            marketers,
            self.sum(|p| matches!(p, Payee::Person(_))),
        )?;
        same(
            "the club owner's part",
            of(&[Party::ClubOwner]),
            self.sum(|p| matches!(p, Payee::Owner(_))),
        )?;
        same(
            "the shop's saving",
            of(&[Party::AcceptorSaving]),
            self.sum(|p| matches!(p, Payee::Saving(_))),
        )?;
        same(
            "the credit that the shop funds",
            of(&[Party::HolderSaving]),
            self.sum(|p| matches!(p, Payee::Reserve(_))),
        )?;
        same("the shop's part", of(&[Party::Merchant]), self.net())
    }
}

/// The account of a part, its middle masked.
fn account(names: &Names, shop: ShopId, payee: Payee) -> Result<String, SettleError> {
    let iban = payments::iban(names, shop, Creditor::Part(payee))?;
    let text = iban.as_str();
    Ok(format!("{}*{}", &text[..4], &text[22..]))
}
