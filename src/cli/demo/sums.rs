//! The day added up from the receipts, and two columns of figures that must be equal.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

use super::CLUB;
use super::till::{Done, Till};
use crate::exchange::Receipt;
use crate::settle::Totals;
use crate::terms::Rials;
use crate::terms::money::{grouped, pointed};

/// What was sent, counted.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) purchases: u64,
    pub(super) declined: u64,
    pub(super) reversals: u64,
    pub(super) repeats: u64,
    pub(super) again: u64,
}

impl Counts {
    pub(super) fn of(tills: &[Till]) -> Counts {
        let mut counts = Counts::default();
        for till in tills {
            counts.again += till.again;
            for done in till.done.iter().flatten() {
                match (done.repeats, done.of) {
                    (true, _) => counts.repeats += 1,
                    (_, Some(_)) => counts.reversals += 1,
                    _ => counts.purchases += 1,
                }
                let approved = done.receipt.as_ref().is_some_and(Receipt::is_approved);
                counts.declined += u64::from(!approved && done.of.is_none());
            }
        }
        counts
    }
}

/// Every approved purchase, and once more with the opposite sign where it was reversed.
fn moves(tills: &[Till]) -> Vec<(&Done, &Receipt, i64)> {
    let mut moves = Vec::new();
    for till in tills {
        let mut reversed = HashSet::new();
        for done in till.done.iter().flatten().filter(|done| !done.repeats) {
            let told = done
                .receipt
                .as_ref()
                .filter(|receipt| receipt.is_approved());
            match (done.of, told) {
                (_, None) => {}
                (None, Some(told)) => moves.push((done, told, 1)),
                // A second reversal of the same purchase is approved and moves nothing.
                (Some(of), Some(_)) if reversed.insert(of) => {
                    let original = till.done[of].as_ref();
                    moves.extend(original.and_then(|o| Some((o, o.receipt.as_ref()?, -1))));
                }
                (Some(_), Some(_)) => {}
            }
        }
    }
    moves
}

/// What the receipts come to, counted as settlement files are.
pub(super) fn totals(tills: &[Till]) -> Totals {
    let mut totals = Totals::default();
    for (sale, told, sign) in moves(tills) {
        if sign > 0 {
            totals.purchases += 1;
        } else {
            totals.reversals += 1;
        }
        let bill = sale.sent.amount.unwrap_or_default().0;
        let rials = |amount: Option<Rials>| amount.unwrap_or_default().0;
        let (pays, discount) = (told.pays.map_or(bill, |pays| pays.0), rials(told.discount));
        totals.gross += sign * bill;
        totals.discount += sign * discount;
        totals.card_paid += sign * pays;
        totals.fee += sign * rials(told.fee);
        let add = |sums: &mut BTreeMap<String, i64>, name: &str, amount: i64| {
            *sums.entry(name.to_owned()).or_default() += sign * amount;
        };
        // What points paid is told in points; in rials it is what nothing else paid.
        let mut by_points = bill - discount - pays;
        for part in told.redeemed.iter().filter(|part| part.decimals == 0) {
            add(&mut totals.redeemed, &part.purse, part.amount);
            by_points -= part.amount;
        }
        add(&mut totals.redeemed, "points", by_points);
        for part in &told.earned {
            add(
                &mut totals.earned,
                &format!("{CLUB}/{}", part.purse),
                part.amount,
            );
        }
        for (role, amount) in &told.split {
            let role = if role == "merchant-marketer" {
                "marketer"
            } else {
                role
            };
            add(&mut totals.split, role, amount.0);
        }
        if told.split.is_empty() {
            add(&mut totals.split, "merchant", pays);
        }
    }
    totals
}

/// What a purse of all members together gained by the receipts, in smallest units.
pub(super) fn purse_moves(tills: &[Till], purse: &str) -> i64 {
    moves(tills)
        .into_iter()
        .map(|(_, told, sign)| sign * (told.earned_in(purse) - told.redeemed_from(purse)))
        .sum()
}

/// What the ledger says all members together have in a purse (less what they owe it), in smallest units.
pub(super) fn outstanding(accounts: &Value, purse: &str) -> i64 {
    let name = format!("outstanding {purse} of {CLUB}");
    let lines = accounts["accounts"].as_array().into_iter().flatten();
    let lines = lines.filter(|line| {
        let account = line["account"].as_str().unwrap_or_default();
        account == name || account.starts_with(&format!("{name} at "))
    });
    let smallest = |balance: &Value| match balance.as_str() {
        Some(text) => text.replace('.', "").parse().unwrap_or(0),
        None => balance.as_i64().unwrap_or(0),
    };
    -lines.map(|line| smallest(&line["balance"])).sum::<i64>()
}

/// Two columns that must be equal.
#[derive(Default)]
pub(super) struct Sheet {
    lines: Vec<(String, String, String)>,
    pub(super) faults: Vec<String>,
}

impl Sheet {
    pub(super) fn line(&mut self, what: &str, one: i64, other: i64, decimals: u8) {
        let text = |amount| grouped(amount, decimals);
        if one != other {
            let (one, other) = (pointed(one, decimals), pointed(other, decimals));
            self.faults.push(format!("{what}: {one} and {other}"));
        }
        self.lines.push((what.to_owned(), text(one), text(other)));
    }

    pub(super) fn totals(&mut self, one: &Totals, other: &Totals) {
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.line("purchases", count(one.purchases), count(other.purchases), 0);
        self.line("reversals", count(one.reversals), count(other.reversals), 0);
        self.line("bills", one.gross, other.gross, 0);
        self.line("discounts", one.discount, other.discount, 0);
        self.line("paid by bank cards", one.card_paid, other.card_paid, 0);
        self.line("fees", one.fee, other.fee, 0);
        for (label, one, other) in [
            ("paid by", &one.redeemed, &other.redeemed),
            ("earned in", &one.earned, &other.earned),
            ("part of", &one.split, &other.split),
        ] {
            let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for name in names {
                let decimals = if label == "earned in" && name.ends_with("points") {
                    2
                } else {
                    0
                };
                let of = |sums: &BTreeMap<String, i64>| sums.get(name).copied().unwrap_or(0);
                self.line(&format!("{label} {name}"), of(one), of(other), decimals);
            }
        }
    }

    pub(super) fn drawn(&self, one: &str, other: &str) -> String {
        let mut out = format!("  {:<30}{one:>22}{other:>22}\n", "added up twice, from");
        for (what, left, right) in &self.lines {
            let sign = if left == right { "" } else { "  DIFFERS" };
            out.push_str(&format!("  {what:<30}{left:>22}{right:>22}{sign}\n"));
        }
        out
    }
}
