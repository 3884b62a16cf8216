//! A posting moves an amount from one account to another: balanced by its shape, in one unit.

use crate::ledger::Account;
use crate::terms::{MemberId, UnitId};

/// Why value moved. A reversal books the same reasons with `from` and `to` exchanged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    /// The bank card paid: from the acquirer's pool to the shop.
    CardPaid,
    /// The club's share of a discount: from the club to the shop.
    ClubDiscount,
    /// A purse was spent: from the purse to what is outstanding.
    Spent,
    /// The club pays the shop for what was spent there.
    RedeemPaid,
    /// The odd rial of points over what they paid: from the club to its rounding account.
    Rounding,
    /// A purse was credited: from what is outstanding to the purse.
    Earned,
    /// The shop pays for credit that it funded: from the shop to the club's reserve.
    Funded,
    /// A part of the split: from the shop to the party.
    Split,
    /// The fee: from its payer to the operator.
    Fee,
    /// Earnings spent before they were taken back: from the debt to the purse.
    DebtBooked,
    /// New earnings pay an old debt: from the purse to the debt.
    DebtPaid,
    /// An opening balance: from what is outstanding to the purse.
    Opened,
    /// A purse was loaded: from what is outstanding to the purse, and from the shop to whoever owes the purse.
    Loaded,
    /// One purse's content became another's, and who owes the one paid who owes the other.
    Converted,
    /// A purse was filled by its owner: from what is outstanding to the purse.
    Granted,
    /// What an issuer owes the clearing house: from the club to what it owes.
    OwedToHouse,
    /// The clearing house takes the debt over: from what the issuer owes it to what it owes the acceptor.
    Novated,
    /// What the clearing house owes a club for another's points: to its shop, or to the club itself.
    OwedByHouse,
    /// The fee of the clearing house.
    ClearingFee,
}

impl Posting {
    /// Whose purse it moves, where it moves one.
    pub fn member(&self) -> Option<MemberId> {
        [self.from, self.to]
            .into_iter()
            .find_map(|account| match account {
                Account::Purse(key) | Account::Debt(key) => Some(key.member),
                _ => None,
            })
    }
}

impl Reason {
    /// Every reason, with its name for people and files.
    pub const ALL: [(Reason, &'static str); 19] = [
        (Reason::CardPaid, "card-paid"),
        (Reason::ClubDiscount, "club-discount"),
        (Reason::Spent, "spent"),
        (Reason::RedeemPaid, "redeem-paid"),
        (Reason::Rounding, "rounding"),
        (Reason::Earned, "earned"),
        (Reason::Funded, "funded"),
        (Reason::Split, "split"),
        (Reason::Fee, "fee"),
        (Reason::DebtBooked, "debt-booked"),
        (Reason::DebtPaid, "debt-paid"),
        (Reason::Opened, "opened"),
        (Reason::Loaded, "loaded"),
        (Reason::Converted, "converted"),
        (Reason::Granted, "granted"),
        (Reason::OwedToHouse, "owed-to-house"),
        (Reason::Novated, "novated"),
        (Reason::OwedByHouse, "owed-by-house"),
        (Reason::ClearingFee, "clearing-fee"),
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        Reason::ALL
            .iter()
            .find(|(reason, _)| *reason == self)
            .map_or("", |(_, name)| name)
    }
}

/// One movement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Posting {
    /// Whose balance goes down.
    pub from: Account,
    /// Whose balance goes up.
    pub to: Account,
    /// How much, in smallest units; above zero.
    pub amount: i64,
    /// Of what.
    pub unit: UnitId,
    /// Why.
    pub reason: Reason,
}

impl Posting {
    /// The movement that undoes this one.
    pub fn undone(self) -> Posting {
        Posting {
            from: self.to,
            to: self.from,
            ..self
        }
    }
}
