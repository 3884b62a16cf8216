//! Moments, days and the Jalali calendar. Nothing here asks a clock: time comes in as a parameter.

use std::fmt;

use jiff::civil;

/// Nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Moment(pub i64);

impl Moment {
    /// From whole seconds since 1970 in UTC.
    pub fn from_seconds(seconds: i64) -> Moment {
        Moment(seconds.saturating_mul(1_000_000_000))
    }

    /// Whole seconds since 1970, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// So many seconds later; earlier where negative.
    pub fn plus_seconds(self, seconds: i64) -> Moment {
        Moment(self.0.saturating_add(seconds.saturating_mul(1_000_000_000)))
    }
}

/// A civil day, counted from 1970-01-01. The business date is one too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Day(pub i32);

/// Days of the week from Saturday (0) to Friday (6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Weekday(pub u8);

impl Weekday {
    /// Their short names, as rule files write them, from Saturday.
    pub const NAMES: [&'static str; 7] = ["sat", "sun", "mon", "tue", "wed", "thu", "fri"];

    /// The short name.
    pub fn name(self) -> &'static str {
        Weekday::NAMES[usize::from(self.0 % 7)]
    }
}

impl Day {
    /// So many days later; earlier where negative.
    pub fn plus(self, days: i32) -> Day {
        Day(self.0.saturating_add(days))
    }

    /// The day of the week. 1970-01-01 was a Thursday.
    pub fn weekday(self) -> Weekday {
        Weekday((self.0 + 5).rem_euclid(7) as u8)
    }

    /// The Gregorian date.
    pub fn gregorian(self) -> civil::Date {
        civil::date(1970, 1, 1)
            .saturating_add(jiff::Span::new().days(self.0.clamp(-700_000, 2_900_000)))
    }

    /// From a Gregorian date.
    pub fn from_gregorian(date: civil::Date) -> Day {
        let since = date
            .since(civil::date(1970, 1, 1))
            .map_or(0, |span| span.get_days());
        Day(since)
    }

    /// Reads `1405/08/30`, or the Gregorian `2026-11-21`.
    pub fn parse(text: &str) -> Option<Day> {
        match JalaliDate::parse(text) {
            Some(date) => Some(date.day()),
            None if text.len() == 10 => text.parse().ok().map(Day::from_gregorian),
            None => None,
        }
    }

    /// The Jalali date.
    pub fn jalali(self) -> JalaliDate {
        JalaliDate::from(self)
    }
}

impl fmt::Display for Day {
    /// As the Jalali date, `1405/08/30`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.jalali().fmt(f)
    }
}

/// A day of the Iranian solar calendar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct JalaliDate {
    year: i32,
    month: u8,
    day: u8,
}

/// The day before 1 Farvardin of the year 1, less the first term of the leap rule, in days from 1970-01-01.
const EPOCH: i32 = 226_894 - 719_163;

impl JalaliDate {
    /// The months as they are called, in Latin letters.
    pub const MONTHS: [&str; 12] = [
        "Farvardin",
        "Ordibehesht",
        "Khordad",
        "Tir",
        "Mordad",
        "Shahrivar",
        "Mehr",
        "Aban",
        "Azar",
        "Dey",
        "Bahman",
        "Esfand",
    ];

    /// The years for which the 33-year cycle is the official calendar.
    pub const YEARS: std::ops::RangeInclusive<i32> = 1178..=1501;

    /// A real day within [`Self::YEARS`], or none.
    pub fn new(year: i32, month: u8, day: u8) -> Option<JalaliDate> {
        let real = Self::YEARS.contains(&year)
            && (1..=12).contains(&month)
            && (1..=Self::days_in_month(year, month)).contains(&day);
        real.then_some(JalaliDate { year, month, day })
    }

    /// Reads `1405/08/30` (ASCII digits, slashes, no blanks).
    pub fn parse(text: &str) -> Option<JalaliDate> {
        let mut parts = text.split('/');
        let mut number = |width: usize| {
            let part = parts.next()?;
            (part.len() == width && part.bytes().all(|b| b.is_ascii_digit()))
                .then(|| part.parse::<i32>().ok())
                .flatten()
        };
        let (year, month, day) = (number(4)?, number(2)?, number(2)?);
        if parts.next().is_some() {
            return None;
        }
        JalaliDate::new(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?)
    }

    /// Leap years of the 33-year cycle: remainders 1, 5, 9, 13, 17, 22, 26 and 30.
    pub fn is_leap(year: i32) -> bool {
        (25 * year + 11).rem_euclid(33) < 8
    }

    /// Six months of 31 days, five of 30, Esfand of 29 or 30.
    pub fn days_in_month(year: i32, month: u8) -> u8 {
        match month {
            1..=6 => 31,
            7..=11 => 30,
            _ => 29 + u8::from(Self::is_leap(year)),
        }
    }

    /// The year, as 1405.
    pub fn year(self) -> i32 {
        self.year
    }

    /// The month, 1 for Farvardin.
    pub fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, from 1.
    pub fn day_of_month(self) -> u8 {
        self.day
    }

    fn start_of(year: i32) -> i32 {
        EPOCH + 365 * (year - 1) + (8 * year + 21).div_euclid(33)
    }

    /// The civil day.
    pub fn day(self) -> Day {
        let before = i32::from(self.month - 1);
        let months = before * 30 + before.min(6);
        Day(Self::start_of(self.year) + months + i32::from(self.day))
    }

    /// So many months later; the day is clipped to the last of its month.
    pub fn plus_months(self, months: i32) -> JalaliDate {
        let all = self.year * 12 + i32::from(self.month) - 1 + months;
        let (year, month) = (all.div_euclid(12), all.rem_euclid(12) as u8 + 1);
        JalaliDate {
            year,
            month,
            day: self.day.min(Self::days_in_month(year, month)),
        }
    }

    /// The last day of its month.
    pub fn end_of_month(self) -> JalaliDate {
        JalaliDate {
            day: Self::days_in_month(self.year, self.month),
            ..self
        }
    }

    /// The last day of its year.
    pub fn end_of_year(self) -> JalaliDate {
        JalaliDate {
            month: 12,
            day: Self::days_in_month(self.year, 12),
            ..self
        }
    }

    /// Eight digits, `14050830`, as file names carry it.
    pub fn digits(self) -> String {
        format!("{:04}{:02}{:02}", self.year, self.month, self.day)
    }
}

impl From<Day> for JalaliDate {
    fn from(day: Day) -> JalaliDate {
        // The mean year is a little over 365.24 days: the estimate is at most one year off.
        let since = day.0 - EPOCH;
        let mut year = (i64::from(since) * 33).div_euclid(12_053) as i32 + 1;
        while JalaliDate::start_of(year) >= day.0 {
            year -= 1;
        }
        while JalaliDate::start_of(year + 1) < day.0 {
            year += 1;
        }
        let of_year = day.0 - JalaliDate::start_of(year) - 1;
        let (month, of_month) = if of_year < 186 {
            (of_year / 31, of_year % 31)
        } else {
            (6 + (of_year - 186) / 30, (of_year - 186) % 30)
        };
        JalaliDate {
            year,
            month: month as u8 + 1,
            day: of_month as u8 + 1,
        }
    }
}

impl fmt::Display for JalaliDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}/{:02}/{:02}", self.year, self.month, self.day)
    }
}

/// A time of day in whole seconds from midnight.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct TimeOfDay(pub u32);

impl TimeOfDay {
    /// Reads `08:00` or `23:59:30`; `24:00` is the end of the day.
    pub fn parse(text: &str) -> Option<TimeOfDay> {
        let mut parts = text.split(':');
        let mut number = || {
            let part = parts.next()?;
            (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()))
                .then(|| part.parse::<u32>().ok())
                .flatten()
        };
        let (hour, minute) = (number()?, number()?);
        let second = if text.len() > 5 { number()? } else { 0 };
        let seconds = hour * 3600 + minute * 60 + second;
        (parts.next().is_none() && minute < 60 && second < 60 && seconds <= 86_400)
            .then_some(TimeOfDay(seconds))
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (h, m, s) = (self.0 / 3600, self.0 / 60 % 60, self.0 % 60);
        if s == 0 {
            write!(f, "{h:02}:{m:02}")
        } else {
            write!(f, "{h:02}:{m:02}:{s:02}")
        }
    }
}

/// A civil day and the time on it, in some zone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Local {
    /// The day.
    pub day: Day,
    /// The time on it.
    pub time: TimeOfDay,
}

impl Local {
    /// Reads `1405/09/02 10:15` or `1405/09/02 10:15:30`.
    pub fn parse(text: &str) -> Option<Local> {
        let (date, time) = text.split_once(' ')?;
        let time = TimeOfDay::parse(time)?;
        (time.0 < 86_400).then_some(Local {
            day: JalaliDate::parse(date)?.day(),
            time,
        })
    }

    /// The moment of a month, day and time that carry no year: the one of the three nearest years that is nearest to `near`.
    /// `None` where there is no such Gregorian day in any of them.
    pub fn nearest(month: u8, day: u8, time: TimeOfDay, near: Local) -> Option<Local> {
        let year = near.day.gregorian().year();
        (year - 1..=year + 1)
            .filter_map(|year| civil::Date::new(year, month as i8, day as i8).ok())
            .map(|date| Local {
                day: Day::from_gregorian(date),
                time,
            })
            .min_by_key(|local| (local.wall_seconds() - near.wall_seconds()).abs())
    }

    /// Seconds since 1970-01-01 00:00 on this wall clock.
    pub fn wall_seconds(self) -> i64 {
        i64::from(self.day.0) * 86_400 + i64::from(self.time.0)
    }

    fn from_wall_seconds(seconds: i64) -> Local {
        Local {
            day: Day(i32::try_from(seconds.div_euclid(86_400)).unwrap_or(i32::MAX)),
            time: TimeOfDay(seconds.rem_euclid(86_400) as u32),
        }
    }
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.day, self.time)
    }
}

/// The offsets of a time zone as a table, so that a judgement and its replay read the same ones.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone {
    /// The name of the zone, `Asia/Tehran`.
    name: String,
    /// From which second of UTC on which offset (seconds east) holds; rising. The first holds for all before it too.
    offsets: Vec<(i64, i32)>,
}

impl Zone {
    /// A zone with one offset for ever, seconds east of UTC.
    pub fn fixed(name: &str, offset_s: i32) -> Zone {
        Zone {
            name: name.to_owned(),
            offsets: vec![(i64::MIN, offset_s)],
        }
    }

    /// A zone of the tz database, its changes from 1970 to 2100; `None` where there is no zone of that name.
    pub fn named(name: &str) -> Option<Zone> {
        let zone = jiff::tz::TimeZone::get(name).ok()?;
        let start = jiff::Timestamp::from_second(0).ok()?;
        let end = jiff::Timestamp::from_second(4_102_444_800).ok()?;
        let mut offsets = vec![(i64::MIN, zone.to_offset(start).seconds())];
        for change in zone.following(start) {
            if change.timestamp() > end {
                break;
            }
            offsets.push((change.timestamp().as_second(), change.offset().seconds()));
        }
        Some(Zone {
            name: name.to_owned(),
            offsets,
        })
    }

    /// The name it was made by.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn offset_at(&self, seconds: i64) -> i64 {
        let after = self.offsets.partition_point(|(from, _)| *from <= seconds);
        i64::from(self.offsets[after.saturating_sub(1)].1)
    }

    /// What the wall clock shows at a moment.
    pub fn local(&self, at: Moment) -> Local {
        let seconds = at.seconds();
        Local::from_wall_seconds(seconds + self.offset_at(seconds))
    }

    /// The moment at which the wall clock shows this; of two, the earlier; where it is skipped, the same span after the jump.
    pub fn moment(&self, local: Local) -> Moment {
        let wall = local.wall_seconds();
        let guess = wall - self.offset_at(wall - 86_400);
        let seconds = wall - self.offset_at(guess);
        Moment::from_seconds(if self.local(Moment::from_seconds(guess)) == local {
            guess
        } else {
            seconds
        })
    }

    /// 00:00 of a day.
    pub fn midnight(&self, day: Day) -> Moment {
        self.moment(Local {
            day,
            time: TimeOfDay(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_three_centuries_agrees_with_icu() {
        use icu_calendar::{Date, Iso};
        let first = JalaliDate::new(1206, 1, 1).unwrap().day();
        let last = JalaliDate::new(1500, 12, 29).unwrap().day();
        for day in first.0..=last.0 {
            let ours = Day(day).jalali();
            let gregorian = Day(day).gregorian();
            let iso = Date::try_new_iso(
                i32::from(gregorian.year()),
                gregorian.month() as u8,
                gregorian.day() as u8,
            )
            .unwrap();
            let _: &Date<Iso> = &iso;
            let icu = iso.to_calendar(icu_calendar::cal::Persian);
            assert_eq!(
                (ours.year(), ours.month(), ours.day_of_month()),
                (
                    icu.year().extended_year(),
                    icu.month().ordinal,
                    icu.day_of_month().0
                ),
                "{gregorian}"
            );
            assert_eq!(ours.day(), Day(day));
        }
    }

    #[test]
    fn leap_years_are_the_official_ones() {
        let leap: Vec<i32> = (1390..1440).filter(|y| JalaliDate::is_leap(*y)).collect();
        assert_eq!(
            leap,
            [
                1391, 1395, 1399, 1403, 1408, 1412, 1416, 1420, 1424, 1428, 1432, 1436
            ]
        );
        assert_eq!(JalaliDate::parse("1406/12/30"), None);
        assert!(JalaliDate::parse("1408/12/30").is_some());
    }

    #[test]
    fn months_are_clipped_to_their_last_day() {
        let check = |from: &str, months: i32, to: &str| {
            let from = JalaliDate::parse(from).unwrap();
            assert_eq!(from.plus_months(months).to_string(), to);
        };
        check("1405/05/31", 6, "1405/11/30");
        check("1405/05/31", 7, "1405/12/29");
        check("1405/12/29", 12, "1406/12/29");
        check("1408/12/30", 12, "1409/12/29");
        check("1405/01/31", -1, "1404/12/29");
        assert_eq!(
            JalaliDate::parse("1405/08/10")
                .unwrap()
                .end_of_month()
                .to_string(),
            "1405/08/30"
        );
    }

    #[test]
    fn texts_that_are_no_day_or_time_are_none() {
        for text in [
            "1405/13/01",
            "1405/1/01",
            "2026/11/21",
            "1405/08/31",
            "1405-08-30",
            "۱۴۰۵/۰۸/۳۰",
            "",
        ] {
            assert_eq!(JalaliDate::parse(text), None, "{text}");
        }
        for text in [
            "24:01",
            "8:00",
            "08:60",
            "08",
            "08:00:60",
            "08:00:00:00",
            "aa:bb",
        ] {
            assert_eq!(TimeOfDay::parse(text), None, "{text}");
        }
        assert_eq!(TimeOfDay::parse("24:00"), Some(TimeOfDay(86_400)));
    }

    #[test]
    fn a_day_knows_its_weekday() {
        let day = JalaliDate::parse("1405/09/02").unwrap().day();
        assert_eq!(day.weekday().name(), "mon");
        assert_eq!(day.gregorian().to_string(), "2026-11-23");
    }

    #[test]
    fn tehran_has_half_hours_and_no_summer_time_now() {
        let zone = Zone::named("Asia/Tehran").unwrap();
        let check = |local: &str, utc: &str| {
            let local = Local::parse(local).unwrap();
            let utc: jiff::Timestamp = utc.parse().unwrap();
            assert_eq!(zone.moment(local), Moment::from_seconds(utc.as_second()));
            assert_eq!(zone.local(Moment::from_seconds(utc.as_second())), local);
        };
        check("1405/09/02 10:15", "2026-11-23T06:45:00Z");
        check("1405/05/01 00:00", "2026-07-22T20:30:00Z");
        check("1401/05/01 12:00", "2022-07-23T07:30:00Z");
    }

    #[test]
    fn a_time_without_year_is_the_nearest() {
        let near = Local {
            day: Day::from_gregorian(civil::date(2027, 1, 1)),
            time: TimeOfDay(60),
        };
        let found = Local::nearest(12, 31, TimeOfDay(86_000), near).unwrap();
        assert_eq!(found.day.gregorian(), civil::date(2026, 12, 31));
        assert_eq!(Local::nearest(2, 30, TimeOfDay(0), near), None);
        assert_eq!(Local::nearest(13, 1, TimeOfDay(0), near), None);
    }
}
