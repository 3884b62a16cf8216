//! Conditions: whether a rule applies to a purchase.

use crate::ledger::member::Member;
use crate::ledger::purchases::VisitDay;
use crate::ledger::{TierId, Window};
use crate::rules::{Condition, Where, World};
use crate::terms::{Local, Rials, ShopId, TimeOfDay};

/// What conditions look at.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// Calendar and shops.
    pub world: &'a World,
    /// The bill.
    pub bill: Rials,
    /// Where.
    pub shop: ShopId,
    /// The category code of the purchase.
    pub mcc: u16,
    /// When, on the wall clock of the rules' zone.
    pub local: Local,
    /// Who buys, as he was before.
    pub member: &'a Member,
    /// His tier, where the club has any.
    pub tier: Option<TierId>,
}

impl<'a> Circumstances<'a> {
    /// Whether all conditions hold. No condition is no obstacle.
    pub fn meet(&self, all: &'a [Condition]) -> bool {
        all.iter().all(|condition| self.meets(condition))
    }

    pub(super) fn meets(&self, condition: &'a Condition) -> bool {
        match condition {
            Condition::Amount { min, max } => (*min..=*max).contains(&self.bill),
            Condition::Shops(shops) => shops.binary_search(&self.shop).is_ok(),
            Condition::Groups(places) => places.contains(self.shop, self.mcc),
            Condition::Mcc(mccs) => mccs.binary_search(&self.mcc).is_ok(),
            Condition::Dates { from, to } => (*from..=*to).contains(&self.local.day),
            Condition::Hours(spans) => spans
                .iter()
                .any(|(from, to)| within(self.local.time, *from, *to)),
            Condition::Weekdays(days) => days & (1 << self.local.day.weekday().0) != 0,
            Condition::BusinessDay(wanted) => self.world.is_business_day(self.local.day) == *wanted,
            Condition::Tiers(tiers) => self.tier.is_some_and(|tier| tiers.contains(&tier)),
            Condition::FirstPurchase(wanted) => {
                self.visits(&Where::Club).next().is_none() == *wanted
            }
            Condition::LastPurchase { age, at } => {
                let last = self.visits(at).next();
                last.is_some_and(|last| age.fits(last.day, self.local.day))
            }
            Condition::Joined(age) => age.fits(self.member.joined, self.local.day),
            Condition::Visits {
                window,
                min,
                max,
                every,
                at,
            } => {
                let number = 1 + self.times(*window, at);
                // Whoever counts a group counts in it only: a purchase elsewhere is none of its.
                self.is_at(at) && (*min..=*max).contains(&number) && number.is_multiple_of(*every)
            }
            Condition::Any(lists) => lists.iter().any(|list| self.meet(list)),
            Condition::Not(list) => !self.meet(list),
        }
    }
}

impl<'a> Circumstances<'a> {
    /// His purchases there up to today, newest first.
    pub(super) fn visits(&self, at: &'a Where) -> impl Iterator<Item = VisitDay> + 'a {
        let (here, today) = (self.shop, self.local.day);
        let counts = move |visit: &VisitDay| {
            visit.day <= today
                && match at {
                    Where::Club => true,
                    Where::Merchant => visit.shop == here,
                    Where::Shops(shops) => shops.binary_search(&visit.shop).is_ok(),
                }
        };
        self.member.purchases.newest_first().filter(counts)
    }

    /// How often he bought there in the window that today is in, before this purchase.
    pub(super) fn times(&self, window: Window, at: &'a Where) -> u64 {
        let first = window.first(self.local.day);
        let visits = self.visits(at).take_while(|visit| visit.day >= first);
        visits.map(|visit| u64::from(visit.times)).sum()
    }

    /// Whether this purchase counts there.
    fn is_at(&self, at: &Where) -> bool {
        match at {
            Where::Club | Where::Merchant => true,
            Where::Shops(shops) => shops.binary_search(&self.shop).is_ok(),
        }
    }
}

/// From `from` up to, not including, `to`; a span whose end is before its start passes midnight.
fn within(time: TimeOfDay, from: TimeOfDay, to: TimeOfDay) -> bool {
    if from <= to {
        from <= time && time < to
    } else {
        from <= time || time < to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_of_hours_ends_before_its_end_and_may_pass_midnight() {
        let check = |time: &str, from: &str, to: &str, inside: bool| {
            let t = |text| TimeOfDay::parse(text).unwrap();
            assert_eq!(
                within(t(time), t(from), t(to)),
                inside,
                "{time} in {from}-{to}"
            );
        };
        check("08:00", "08:00", "12:00", true);
        check("11:59:59", "08:00", "12:00", true);
        check("12:00", "08:00", "12:00", false);
        check("23:30", "22:00", "02:00", true);
        check("01:59", "22:00", "02:00", true);
        check("02:00", "22:00", "02:00", false);
        check("23:59:59", "00:00", "24:00", true);
    }
}
