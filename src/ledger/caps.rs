//! What counts toward the caps of rules: for each rule, whom it is counted for, and window, how often it gave and how much, one
//! record a period of the purchase. A fold over the rows that entries carry; a reversal carries the same rows and takes them out.

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

use crate::ledger::book::Pages;
use crate::ledger::record::{BadRecord, Recorded};
use crate::ledger::shards::Sharded;
use crate::terms::{ClubId, Day, JalaliDate, MemberId, Moment, RuleId, ShopId, Token, UnitId};

/// The span of days in which a cap counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Window {
    /// One day.
    Day,
    /// From Saturday to Friday.
    Week,
    /// A month of the Jalali calendar.
    JalaliMonth,
    /// A year of the Jalali calendar.
    JalaliYear,
    /// The day and those before it, so many in all (S25).
    Days(u16),
}

impl Window {
    /// The first day of the window that a day is in.
    pub fn first(self, day: Day) -> Day {
        match self {
            Window::Day => day,
            Window::Week => day.plus(-i32::from(day.weekday().0)),
            Window::JalaliMonth => day.plus(1 - i32::from(day.jalali().day_of_month())),
            Window::JalaliYear => {
                let year = day.jalali().year();
                JalaliDate::new(year, 1, 1).map_or(day, JalaliDate::day)
            }
            Window::Days(days) => day.plus(1 - i32::from(days.max(1))),
        }
    }

    /// The most days it has.
    pub fn days(self) -> u16 {
        match self {
            Window::Day => 1,
            Window::Week => 7,
            Window::JalaliMonth => 31,
            Window::JalaliYear => 366,
            Window::Days(days) => days.max(1),
        }
    }

    /// Sliding windows of any length are counted from one record a day.
    pub fn kind(self) -> Window {
        match self {
            Window::Days(_) => Window::Days(0),
            calendar => calendar,
        }
    }

    /// The day under which a purchase of `day` is counted: the first of its period.
    fn period(self, day: Day) -> Day {
        match self {
            Window::Days(_) => day,
            calendar => calendar.first(day),
        }
    }
}

/// For whom a rule is counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Who {
    /// A member.
    Member(MemberId),
    /// One card of a member.
    Card {
        /// Whose.
        member: MemberId,
        /// [`Who::card`] of it.
        mark: u32,
    },
    /// A shop.
    Shop(ShopId),
    /// All whom a member brought.
    Introducer(MemberId),
    /// The rule as a whole.
    Rule,
    /// The rule in one club.
    Club(ClubId),
    /// One terminal of a shop.
    Terminal {
        /// Of which shop.
        shop: ShopId,
        /// [`Who::terminal`] of it.
        mark: u32,
    },
}

impl Who {
    /// A card of a member: enough of a hash of its token to tell it from his others. Purchases without a card count as one more.
    pub fn card(member: MemberId, card: Option<Token>) -> Who {
        let mark = card.map_or(0, |token| (xxh3_64(&token.0) as u32).max(1));
        Who::Card { member, mark }
    }

    /// A terminal of a shop, by a hash of its number.
    pub fn terminal(shop: ShopId, terminal: &[u8; 8]) -> Who {
        let mark = xxh3_64(terminal) as u32;
        Who::Terminal { shop, mark }
    }
}

/// A row of an entry: a rule gave this, once. Where the entry reverses, it has not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counted {
    /// Which rule.
    pub rule: RuleId,
    /// For whom it is counted.
    pub who: Who,
    /// In which window.
    pub window: Window,
    /// The day of the purchase in the club's zone.
    pub day: Day,
    /// For so many days after the window an advice may still ask what was counted in it.
    pub late: u16,
    /// What the rule gives is counted in.
    pub unit: UnitId,
    /// How much, in smallest units.
    pub amount: i64,
}

/// What is counted of a rule within a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Used {
    /// How often it gave.
    pub times: u64,
    /// How much, in smallest units of what it gives.
    pub amount: i64,
}

/// Under what a tally stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct CapKey {
    rule: RuleId,
    /// A rule that gives something else than before begins anew.
    unit: UnitId,
    who: Who,
    /// [`Window::kind`].
    window: Window,
}

impl Sharded for CapKey {
    fn shard(&self) -> u64 {
        let who = match self.who {
            Who::Member(id) | Who::Introducer(id) => u64::from(id.0),
            Who::Card { member, mark } => u64::from(member.0) ^ u64::from(mark) << 20,
            Who::Shop(id) => u64::from(id.0),
            Who::Rule => 0,
            Who::Club(id) => u64::from(id.0),
            Who::Terminal { shop, mark } => u64::from(shop.0) ^ u64::from(mark) << 20,
        };
        who << 16 ^ u64::from(self.rule.0)
    }
}

/// One period of a tally.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Period {
    first: Day,
    times: u32,
    amount: i64,
}

/// The periods of one key, in their order. One that no window can reach any more counts for nothing, whether it has been dropped
/// or not, so that when that happens makes no difference.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Tally {
    /// A period lives for so many days from its first one.
    reach: u16,
    periods: SmallVec<[Period; 1]>,
}

impl Tally {
    fn lives(&self, period: &Period, today: Day) -> bool {
        period.first.plus(i32::from(self.reach)) >= today
    }

    /// Drops what is out of reach.
    fn drop_dead(&mut self, today: Day) {
        let reach = i32::from(self.reach);
        self.periods
            .retain(|period| period.first.plus(reach) >= today);
        if self.periods.is_empty() {
            self.reach = 0;
        }
    }

    fn count(&mut self, row: &Counted, today: Day) {
        self.drop_dead(today);
        // A day more: today is counted by the clock of the world, the purchase's by that of the club.
        let reach = (row.window.days() + 1).saturating_add(row.late);
        self.reach = self.reach.max(reach);
        let first = row.window.period(row.day);
        let at = self.periods.partition_point(|period| period.first < first);
        match self
            .periods
            .get_mut(at)
            .filter(|there| there.first == first)
        {
            Some(there) => {
                there.times = there.times.saturating_add(1);
                there.amount = there.amount.saturating_add(row.amount);
            }
            None => self.periods.insert(
                at,
                Period {
                    first,
                    times: 1,
                    amount: row.amount,
                },
            ),
        }
        self.drop_dead(today);
    }

    fn uncount(&mut self, row: &Counted, today: Day) {
        self.drop_dead(today);
        let first = row.window.period(row.day);
        let Some(at) = self.periods.iter().position(|there| there.first == first) else {
            return;
        };
        let there = &mut self.periods[at];
        there.times = there.times.saturating_sub(1);
        there.amount = there.amount.saturating_sub(row.amount);
        if there.times == 0 {
            self.periods.remove(at);
        }
        self.drop_dead(today);
    }

    fn used(&self, window: Window, day: Day, today: Day) -> Used {
        let from = window.first(day);
        let counted = self.periods.iter().filter(|period| {
            period.first >= from && period.first <= day && self.lives(period, today)
        });
        counted.fold(Used::default(), |sum, period| Used {
            times: sum.times + u64::from(period.times),
            amount: sum.amount.saturating_add(period.amount),
        })
    }

    /// Whether any window still reaches anything of it.
    fn is_living(&self, today: Day) -> bool {
        self.periods.iter().any(|period| self.lives(period, today))
    }

    /// As it is for good: without what is out of reach. `None` where nothing is left.
    pub(super) fn living(&self, today: Day) -> Option<Tally> {
        let mut living = self.clone();
        living.drop_dead(today);
        (!living.periods.is_empty()).then_some(living)
    }
}

impl Pages {
    /// What a rule has given of a unit, for whom it is counted, in the window that a day is in, up to that day.
    pub fn used(&self, (rule, unit): (RuleId, UnitId), who: Who, window: Window, day: Day) -> Used {
        let key = CapKey {
            rule,
            unit,
            who,
            window: window.kind(),
        };
        match self.caps.look(&key) {
            Some(tally) => tally.used(window, day, self.today()),
            None => Used::default(),
        }
    }

    /// How many tallies there are that a window still reaches.
    pub fn cap_count(&self) -> usize {
        let today = self.today();
        let living = |(_, tally): &(CapKey, Tally)| tally.is_living(today);
        self.caps.sorted().filter(living).count()
    }

    pub(super) fn count_caps(&mut self, rows: &[Counted], reverses: bool) {
        let today = self.today();
        for row in rows {
            let key = CapKey {
                rule: row.rule,
                unit: row.unit,
                who: row.who,
                window: row.window.kind(),
            };
            if reverses {
                let gone = self.caps.change(&key, |tally| {
                    tally.uncount(row, today);
                    tally.periods.is_empty()
                });
                if gone == Some(true) {
                    self.caps.remove(&key);
                }
                continue;
            }
            // What no window reaches any more goes with the first change of its shard on a day.
            self.caps
                .sweep(&key, today.0, |tally| tally.is_living(today));
            let tally = self.caps.entry(key);
            tally.count(row, today);
            if tally.periods.is_empty() {
                self.caps.remove(&key);
            }
        }
    }

    /// The day of the newest entry, by UTC.
    pub(super) fn today(&self) -> Day {
        let Moment(nanoseconds) = self.at;
        Day(i32::try_from(nanoseconds.div_euclid(86_400_000_000_000)).unwrap_or(i32::MAX))
    }
}

impl Recorded for Window {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Window::Day => out.push(1),
            Window::Week => out.push(2),
            Window::JalaliMonth => out.push(3),
            Window::JalaliYear => out.push(4),
            Window::Days(days) => {
                out.push(5);
                days.put(out);
            }
        }
    }
    fn take(from: &mut &[u8]) -> Result<Window, BadRecord> {
        Ok(match u8::take(from)? {
            1 => Window::Day,
            2 => Window::Week,
            3 => Window::JalaliMonth,
            4 => Window::JalaliYear,
            5 => Window::Days(Recorded::take(from)?),
            _ => return Err(BadRecord::Unknown("a window")),
        })
    }
}

impl Recorded for CapKey {
    fn put(&self, out: &mut Vec<u8>) {
        self.rule.put(out);
        self.unit.put(out);
        self.who.put(out);
        self.window.put(out);
    }
    fn take(from: &mut &[u8]) -> Result<CapKey, BadRecord> {
        Ok(CapKey {
            rule: Recorded::take(from)?,
            unit: Recorded::take(from)?,
            who: Recorded::take(from)?,
            window: Recorded::take(from)?,
        })
    }
}

impl Recorded for Tally {
    fn put(&self, out: &mut Vec<u8>) {
        self.reach.put(out);
        (self.periods.len() as u32).put(out);
        for period in &self.periods {
            period.first.put(out);
            period.times.put(out);
            period.amount.put(out);
        }
    }
    fn take(from: &mut &[u8]) -> Result<Tally, BadRecord> {
        let mut tally = Tally {
            reach: Recorded::take(from)?,
            periods: SmallVec::new(),
        };
        for _ in 0..u32::take(from)? {
            tally.periods.push(Period {
                first: Recorded::take(from)?,
                times: Recorded::take(from)?,
                amount: Recorded::take(from)?,
            });
        }
        Ok(tally)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(day: i32) -> Pages {
        let mut pages = Pages::empty();
        pages.at = Moment::from_seconds(i64::from(day) * 86_400 + 43_200);
        pages
    }

    fn row(window: Window, day: i32, amount: i64) -> Counted {
        Counted {
            rule: RuleId(1),
            who: Who::Member(MemberId(3)),
            window,
            day: Day(day),
            late: 7,
            unit: UnitId::RIAL,
            amount,
        }
    }

    #[test]
    fn a_tally_of_one_period_takes_sixty_bytes() {
        let bytes = size_of::<(CapKey, Tally)>();
        assert!(size_of::<Period>() == 16 && bytes <= 64, "{bytes}");
    }

    #[test]
    fn windows_are_those_of_the_calendar() {
        let day = |text: &str| Day::parse(text).unwrap();
        for (window, at, first) in [
            (Window::Day, "1405/09/02", "1405/09/02"),
            // 1405/09/02 is a Monday.
            (Window::Week, "1405/09/02", "1405/08/30"),
            (Window::Week, "1405/08/30", "1405/08/30"),
            (Window::Week, "1405/08/29", "1405/08/23"),
            (Window::JalaliMonth, "1405/06/31", "1405/06/01"),
            (Window::JalaliMonth, "1405/07/01", "1405/07/01"),
            (Window::JalaliYear, "1403/12/30", "1403/01/01"),
            (Window::JalaliYear, "1404/01/01", "1404/01/01"),
            (Window::Days(30), "1405/09/02", "1405/08/03"),
            (Window::Days(1), "1405/09/02", "1405/09/02"),
        ] {
            assert_eq!(window.first(day(at)), day(first), "{window:?} of {at}");
        }
    }

    /// Rows in any order, reversals, and days that pass: what is used is what a plain list says, and a book that was written and
    /// read in between, or swept at other times, says the same.
    #[test]
    fn a_fold_gives_what_a_plain_list_gives() {
        let mut state = 11u64;
        let mut roll = move |bound: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % bound
        };
        let windows = [
            Window::Day,
            Window::Week,
            Window::JalaliMonth,
            Window::JalaliYear,
            Window::Days(3),
            Window::Days(30),
        ];
        for _ in 0..5 {
            let mut today = 20_700;
            let (mut book, mut other) = (pages(today), pages(today));
            let mut list: Vec<Counted> = Vec::new();
            for _ in 0..300 {
                today += (roll(3) == 0) as i32 * roll(4) as i32;
                book.at = pages(today).at;
                other.at = book.at;
                let late = (roll(5) == 0) as i32 * roll(8) as i32;
                if roll(4) == 0 && !list.is_empty() {
                    let row = list.swap_remove(roll(list.len() as u64) as usize);
                    book.count_caps(&[row], true);
                    other.count_caps(&[row], true);
                } else {
                    let window = windows[roll(6) as usize];
                    let row = row(window, today - late, 1 + roll(9) as i64);
                    list.push(row);
                    book.count_caps(&[row], false);
                    other.count_caps(&[row], false);
                }
                if roll(20) == 0 {
                    // As a snapshot does: what is out of reach is gone, and when it was last swept is forgotten.
                    let living: Vec<(CapKey, Tally)> = other
                        .caps
                        .sorted()
                        .filter_map(|(key, tally)| Some((key, tally.living(other.today())?)))
                        .collect();
                    other.caps = pages(0).caps;
                    for (key, tally) in living {
                        let mut bytes = Vec::new();
                        tally.put(&mut bytes);
                        other
                            .caps
                            .insert(key, Tally::take(&mut &bytes[..]).unwrap());
                    }
                }
                for window in windows {
                    let day = Day(today - roll(8) as i32);
                    let who = Who::Member(MemberId(3));
                    let from = window.first(day);
                    let last = match window {
                        Window::Days(_) => day,
                        calendar => {
                            let end = |at: &i32| calendar.first(Day(*at)) == from;
                            Day((day.0..).take_while(end).last().unwrap())
                        }
                    };
                    let counted = list.iter().filter(|row| {
                        row.window.kind() == window.kind() && row.day >= from && row.day <= last
                    });
                    let wanted = counted.fold(Used::default(), |sum, row| Used {
                        times: sum.times + 1,
                        amount: sum.amount + row.amount,
                    });
                    // Three days are no longer than thirty: both are counted from the same days.
                    assert_eq!(
                        book.used((RuleId(1), UnitId::RIAL), who, window, day),
                        wanted,
                        "{window:?}"
                    );
                    assert_eq!(
                        other.used((RuleId(1), UnitId::RIAL), who, window, day),
                        wanted
                    );
                }
            }
        }
    }

    #[test]
    fn what_no_window_reaches_is_dropped() {
        let mut book = pages(20_700);
        for day in 0..2_000 {
            book.at = pages(20_700 + day).at;
            book.count_caps(&[row(Window::Day, 20_700 + day, 5)], false);
        }
        let (_, tally) = book.caps.sorted().next().unwrap();
        assert!(tally.periods.len() <= 10, "{} days", tally.periods.len());
        // Another member touches the shard, long after.
        book.at = pages(23_000).at;
        let mut other = row(Window::Day, 23_000, 5);
        other.who = Who::Member(MemberId(3 + (1 << 10)));
        for more in 0..4_096 {
            other.who = Who::Member(MemberId(10 + more));
            book.count_caps(&[other], false);
        }
        assert_eq!(book.caps.len(), 4_096);
        // Nothing is below nothing: what was dropped cannot be taken back.
        book.count_caps(&[row(Window::Day, 20_700, 5)], true);
        book.count_caps(&[row(Window::Day, 20_700, 5)], false);
        assert_eq!(book.cap_count(), 4_096);
    }
}
