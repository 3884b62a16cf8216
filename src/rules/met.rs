//! Conditions for whoever wants to know why: each with its answer and the value that it met.

use crate::ledger::TierId;
use crate::rules::when::Circumstances;
use crate::rules::{Condition, Where};
use crate::terms::{Day, Rials, ShopId, TimeOfDay};

/// A condition that was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// Whether it holds.
    pub holds: bool,
    /// The value that it met.
    pub met: Met,
    /// Of `any` and `not`: the conditions inside, list by list.
    pub inside: Vec<Vec<Asked>>,
}

/// A value that a condition met.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Met {
    /// The bill.
    Bill(Rials),
    /// The shop.
    Shop(ShopId),
    /// The shop and the category code.
    Place(ShopId, u16),
    /// The category code.
    Mcc(u16),
    /// The day.
    Day(Day),
    /// The time.
    Time(TimeOfDay),
    /// The day, for its weekday.
    Weekday(Day),
    /// Whether it is a business day.
    BusinessDay(bool),
    /// The member's tier.
    Tier(Option<TierId>),
    /// His last purchase there, and how many days ago that is.
    LastPurchase(Option<(Day, i32)>),
    /// The day he became a member, and how many days ago that is.
    Joined(Day, i32),
    /// Which of his purchases this is, the first being 1.
    Number(u64),
    /// See the conditions inside.
    Inside,
}

impl<'a> Circumstances<'a> {
    /// Every condition of a list with its answer, which is the judge's, and what it met.
    pub fn ask(&self, all: &'a [Condition]) -> Vec<Asked> {
        let asked = all.iter().map(|condition| Asked {
            holds: self.meets(condition),
            met: self.met(condition),
            inside: match condition {
                Condition::Any(lists) => lists.iter().map(|list| self.ask(list)).collect(),
                Condition::Not(list) => vec![self.ask(list)],
                _ => Vec::new(),
            },
        });
        asked.collect()
    }

    /// What a condition looks at here.
    fn met(&self, condition: &'a Condition) -> Met {
        let today = self.local.day;
        match condition {
            Condition::Amount { .. } => Met::Bill(self.bill),
            Condition::Shops(_) => Met::Shop(self.shop),
            Condition::Groups(_) => Met::Place(self.shop, self.mcc),
            Condition::Mcc(_) => Met::Mcc(self.mcc),
            Condition::Dates { .. } => Met::Day(today),
            Condition::Hours(_) => Met::Time(self.local.time),
            Condition::Weekdays(_) => Met::Weekday(today),
            Condition::BusinessDay(_) => Met::BusinessDay(self.world.is_business_day(today)),
            Condition::Tiers(_) => Met::Tier(self.tier),
            Condition::FirstPurchase(_) => Met::LastPurchase(self.last_visit(&Where::Club)),
            Condition::LastPurchase { at, .. } => Met::LastPurchase(self.last_visit(at)),
            Condition::Joined(_) => {
                let joined = self.member.joined;
                Met::Joined(joined, today.0 - joined.0)
            }
            Condition::Visits { window, at, .. } => Met::Number(1 + self.times(*window, at)),
            Condition::Any(_) | Condition::Not(_) => Met::Inside,
        }
    }

    fn last_visit(&self, at: &'a Where) -> Option<(Day, i32)> {
        let last = self.visits(at).next()?;
        Some((last.day, self.local.day.0 - last.day.0))
    }
}
