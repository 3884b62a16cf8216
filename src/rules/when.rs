//! Conditions: whether a rule applies to a purchase.

use crate::ledger::member::Member;
use crate::ledger::purchases::VisitDay;
use crate::ledger::{EventId, Facts, Pages, PurseKind, TierId, Who, Window};
use crate::rules::{Club, Condition, Feast, Where, World};
use crate::terms::{Day, JalaliDate, Local, Moment, PurseId, Rials, ShopId, TimeOfDay, Token};

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
    /// The terminal's number, without padding.
    pub terminal: &'a str,
    /// How it came and what was bought.
    pub facts: &'a Facts,
    /// The card that came with it.
    pub card: Option<Token>,
    /// When.
    pub at: Moment,
    /// The same on the wall clock of the rules' zone.
    pub local: Local,
    /// His club.
    pub club: &'a Club,
    /// What was counted before it.
    pub book: &'a Pages,
    /// What it adds to what he has spent: the bill, and from the accruals on what is left of it to pay.
    pub spends: Rials,
    /// What happened to him, where nothing is bought.
    pub event: Option<EventId>,
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
            Condition::Channels(ways) => ways & (1 << self.facts.channel as u8) != 0,
            Condition::Entry(ways) => {
                let entry = self.facts.entry;
                entry.is_some_and(|entry| ways & (1 << entry as u8) != 0)
            }
            Condition::Terminals(terminals) => has(terminals, self.terminal),
            Condition::Products(products) => {
                let bought = &self.facts.products;
                bought.iter().any(|code| has(products, code))
            }
            Condition::Services(services) => {
                let service = self.facts.service.as_deref();
                service.is_some_and(|service| has(services, service))
            }
            Condition::Bins(ranges) => {
                let own = self.facts.bin;
                own.is_some_and(|own| ranges.iter().any(|range| own.is_within(*range)))
            }
            Condition::Roster(roster) => {
                let on_it = |card: Token| roster.cards.binary_search(&card).is_ok();
                roster.members.binary_search(&self.member.id).is_ok()
                    || self.card.is_some_and(on_it)
            }
            Condition::Spent {
                window,
                min,
                max,
                crosses,
                at,
            } => {
                let before = self.spent(*window, at);
                let after = before.saturating_add(self.spends.0);
                self.is_at(at)
                    && (min.0..=max.0).contains(&before)
                    && crosses.is_none_or(|line| before < line.0 && line.0 <= after)
            }
            Condition::Earned {
                counter,
                window,
                min,
            } => self.earned(*counter, *window) >= *min,
            Condition::Balance { purse, min } => self.balance(*purse) >= *min,
            Condition::Birthday(feast) => {
                let born = self.member.born();
                born.is_some_and(|born| feast.is_near(born, self.local.day))
            }
            Condition::Anniversary(feast) => feast.is_near(self.member.joined, self.local.day),
            Condition::Introduced { first_purchase } => {
                let first = || self.visits(&Where::Club).next().is_none();
                self.member.introducer().is_some()
                    && first_purchase.is_none_or(|wanted| wanted == first())
            }
            Condition::Event(event) => self.event == Some(*event),
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

    /// What he spent there in the window that today is in, before this purchase.
    pub(super) fn spent(&self, window: Window, at: &'a Where) -> i64 {
        let first = window.first(self.local.day);
        let visits = self.visits(at).take_while(|visit| visit.day >= first);
        visits
            .map(|visit| visit.spent.0 - visit.redeemed.0)
            .fold(0, i64::saturating_add)
    }

    /// What he earned in the window that today is in, before this purchase.
    pub(super) fn earned(&self, counter: usize, window: Window) -> i64 {
        let who = Who::Member(self.member.id);
        self.club.counters.get(counter).map_or(0, |counter| {
            let rule = (counter.rule, counter.unit);
            self.book.used(rule, who, window, self.local.day).amount
        })
    }

    /// What he could spend from a purse: credit of a shop counts at this one.
    pub(super) fn balance(&self, purse: PurseId) -> i64 {
        let kept_by_shop = self
            .club
            .purse(purse)
            .is_some_and(|purse| purse.kind == PurseKind::MerchantCredit);
        let shop = kept_by_shop.then_some(self.shop);
        let usable = self.member.lots().filter(|held| {
            (held.purse, held.shop) == (purse, shop) && held.lot.is_usable(self.at, self.local.day)
        });
        let usable: i64 = usable.map(|held| held.lot.amount).sum();
        usable - self.member.debt(purse, shop)
    }

    /// Whether this purchase counts there.
    fn is_at(&self, at: &Where) -> bool {
        match at {
            Where::Club | Where::Merchant => true,
            Where::Shops(shops) => shops.binary_search(&self.shop).is_ok(),
        }
    }
}

impl Feast {
    /// Whether a day is so near to that day of a later year.
    pub fn is_near(self, first: Day, today: Day) -> bool {
        match self {
            Feast::Day => comes_again(first, today),
            Feast::Week => {
                let saturday = Window::Week.first(today);
                (0..7).any(|days| comes_again(first, saturday.plus(days)))
            }
            Feast::Month => {
                let (first, today) = (first.jalali(), today.jalali());
                today.month() == first.month() && today.year() > first.year()
            }
        }
    }
}

/// Whether it is the same day of the Jalali calendar, some years later. 30 Esfand comes on the 29th where there is no 30th (S24).
fn comes_again(first: Day, day: Day) -> bool {
    let (first, day) = (first.jalali(), day.jalali());
    let last = JalaliDate::days_in_month(day.year(), first.month());
    day.year() > first.year()
        && day.month() == first.month()
        && day.day_of_month() == first.day_of_month().min(last)
}

/// Whether a rising list has a text.
fn has(list: &[String], text: &str) -> bool {
    list.binary_search_by(|known| known.as_str().cmp(text))
        .is_ok()
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
    fn a_day_comes_again_every_year_also_the_last_of_a_leap_year() {
        let day = |text| Day::parse(text).unwrap();
        for (feast, first, today, wanted) in [
            (Feast::Day, "1370/04/15", "1405/04/15", true),
            (Feast::Day, "1370/04/15", "1405/04/16", false),
            (Feast::Day, "1405/04/15", "1405/04/15", false),
            // 1399 is a leap year, 1405 is none, 1408 is one.
            (Feast::Day, "1399/12/30", "1405/12/29", true),
            (Feast::Day, "1399/12/30", "1408/12/29", false),
            (Feast::Day, "1399/12/30", "1408/12/30", true),
            // 1405/09/02 is a Monday: its week is from 1405/08/30 to 1405/09/06.
            (Feast::Week, "1370/08/30", "1405/09/02", true),
            (Feast::Week, "1370/09/06", "1405/09/02", true),
            (Feast::Week, "1370/09/07", "1405/09/02", false),
            (Feast::Week, "1370/08/29", "1405/09/02", false),
            (Feast::Month, "1370/09/30", "1405/09/02", true),
            (Feast::Month, "1370/10/01", "1405/09/02", false),
        ] {
            let near = feast.is_near(day(first), day(today));
            assert_eq!(near, wanted, "{feast:?} {first} {today}");
        }
    }

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
