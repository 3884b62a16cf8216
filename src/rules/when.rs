//! Conditions: whether a rule applies to a purchase.

use crate::ledger::TierId;
use crate::rules::{Condition, World};
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
    /// The member's tier; none for nobody's purchase.
    pub tier: Option<TierId>,
}

impl Circumstances<'_> {
    /// Whether all conditions hold. No condition is no obstacle.
    pub fn meet(&self, all: &[Condition]) -> bool {
        all.iter().all(|condition| self.meets(condition))
    }

    fn meets(&self, condition: &Condition) -> bool {
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
            Condition::Any(lists) => lists.iter().any(|list| self.meet(list)),
            Condition::Not(list) => !self.meet(list),
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
