//! What a day came to at its shops: folded from entries by the run, and once more from the files it wrote.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::settle::add;
use crate::settle::row::Row;
use crate::terms::Overflow;

/// Rials unless said otherwise. Reversals count with the opposite sign.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Totals {
    /// How many purchases and loads.
    pub purchases: u64,
    /// How many reversals.
    pub reversals: u64,
    /// Bills before discount.
    pub gross: i64,
    /// Discounts.
    pub discount: i64,
    /// What bank cards paid.
    pub card_paid: i64,
    /// Fees, whoever pays them.
    pub fee: i64,
    /// What purses paid, by their kind: `points`, `club-credit`, `merchant-credit`, and pockets of cards by theirs.
    pub redeemed: BTreeMap<String, i64>,
    /// What members earned, by `club/purse`, in the purse's smallest units.
    pub earned: BTreeMap<String, i64>,
    /// Who the shops' money is for: `marketer`, `club-owner`, `acceptor-saving`, `holder-saving` and, for the shops themselves, `merchant`.
    pub split: BTreeMap<String, i64>,
    /// What the files pay, by the account credited; with what passes through a club on its way.
    pub pay: BTreeMap<String, i64>,
}

impl Totals {
    /// Counts one statement row in.
    pub fn count(&mut self, row: &Row) -> Result<(), Overflow> {
        if row.reversal {
            self.reversals += 1;
        } else {
            self.purchases += 1;
        }
        add(&mut self.gross, row.gross)?;
        add(&mut self.discount, row.discount)?;
        add(&mut self.card_paid, row.card_paid)?;
        add(&mut self.fee, row.fee)?;
        for (kind, amount) in row.redeemed() {
            named(&mut self.redeemed, kind, amount)?;
        }
        for (purse, (amount, _)) in &row.earned {
            named(&mut self.earned, purse, *amount)?;
        }
        for (role, _, amount) in &row.split {
            named(&mut self.split, role, *amount)?;
        }
        named(&mut self.split, "merchant", row.net)
    }

    /// Counts a payment in.
    pub fn pay(&mut self, iban: &str, amount: i64) -> Result<(), Overflow> {
        named(&mut self.pay, iban, amount)
    }
}

/// Adds to the sum of a name; nothing leaves no name behind.
fn named(sums: &mut BTreeMap<String, i64>, name: &str, amount: i64) -> Result<(), Overflow> {
    if amount == 0 {
        return Ok(());
    }
    match sums.get_mut(name) {
        Some(sum) => add(sum, amount),
        None => {
            sums.insert(name.to_owned(), amount);
            Ok(())
        }
    }
}
