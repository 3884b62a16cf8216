//! `MANIFEST`: what a day's folder holds, from which entries it was made, and the sums that control it. Written last.

use serde::{Deserialize, Serialize};

use crate::settle::Totals;

/// The name of the file.
pub const FILE: &str = "MANIFEST";

/// A day's folder in one page of JSON.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Of this page: 1.
    pub format: u32,
    /// `1405/08/30`.
    pub business_day: String,
    /// `2026-11-21`.
    pub gregorian: String,
    /// Whether an acquirer's day is still open: these files are not the last word.
    pub provisional: bool,
    /// Who took part, and whether his day is closed.
    pub acquirers: Vec<AcquirerLine>,
    /// The entries it was made from.
    pub journal: JournalRange,
    /// The rule sets its entries were judged by.
    pub rule_sets: Vec<u32>,
    /// What happened at the shops.
    pub totals: Totals,
    /// Rials that clubs owe to accounts of their own, which no file moves.
    pub kept: i64,
    /// Fees of the day, invoiced to those who pay them; in no file.
    pub invoiced: Vec<NamedSum>,
    /// Postings of the day by reason.
    pub reasons: Vec<ReasonLine>,
    /// Movements of the day and balances at its end by kind of account.
    pub accounts: Vec<AccountLine>,
    /// The sum of all balances, unit by unit.
    pub trial_balance: Vec<NamedSum>,
    /// Dues that earlier days could not pay.
    pub brought: Vec<CarryLine>,
    /// Dues that this day could not pay; below zero where somebody has to give back.
    pub carried: Vec<CarryLine>,
    /// What somebody has to look at, by kind.
    pub exceptions: Vec<NamedSum>,
    /// Every file of the folder but this one.
    pub files: Vec<FileLine>,
}

/// An acquirer of a day.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AcquirerLine {
    /// Its institution code.
    pub code: String,
    /// Whether its day is closed.
    pub closed: bool,
}

/// The entries of a day.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct JournalRange {
    /// The first that counts in the day; 0 where there is none.
    pub first: u64,
    /// The last that counts in the day; 0 where there is none.
    pub last: u64,
    /// How many count.
    pub entries: u64,
    /// The entry that closed it; none while it is open.
    pub closed_by: Option<u64>,
    /// The journal time of the entry that closed it, or of the last that counts.
    pub at: String,
}

/// A sum and what it is of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NamedSum {
    /// Of what.
    pub name: String,
    /// The sum, in smallest units.
    pub sum: i64,
}

/// Postings of one reason and unit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReasonLine {
    /// Why value moved.
    pub reason: String,
    /// `rial`, or the points of a purse as `club/purse`.
    pub unit: String,
    /// How many postings.
    pub postings: u64,
    /// What they moved, in smallest units.
    pub amount: i64,
    /// What reversals moved back.
    pub undone: i64,
}

/// Accounts of one kind and unit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AccountLine {
    /// The kind.
    pub kind: String,
    /// `rial`, or the points of a purse as `club/purse`.
    pub unit: String,
    /// What came in on the day, in smallest units.
    pub came: i64,
    /// What went out on the day.
    pub went: i64,
    /// What all of them hold at its end.
    pub balance: i64,
}

/// An amount that goes from one day to the next.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CarryLine {
    /// Through which acquirer.
    pub acquirer: String,
    /// At which shop.
    pub shop: String,
    /// `pool`, `club`, `marketer`, `club-owner`, `acceptor-saving`, `holder-saving`, or `merchant` for what is left to the shop.
    pub line: String,
    /// The club or person, where the line is one's.
    pub of: String,
    /// Rials.
    pub amount: i64,
}

/// A file of the folder.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileLine {
    /// Its name, from the folder.
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// Of its bytes, in hex.
    pub sha256: String,
    /// How many records it has: acceptors, transfers, or purchases and reversals.
    pub records: u64,
    /// Rials: what its records come to; of a statement what is owed to the shop.
    pub amount: i64,
}
