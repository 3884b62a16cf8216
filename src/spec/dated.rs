//! Dates and times in fields: what their digits stand for, in the calendar of the dialect.

use crate::terms::{Day, JalaliDate};

/// The calendar that a field counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calendar {
    /// Of the standard.
    Gregorian,
    /// Of Iran: years from 1300, the first day of spring the first of the year.
    Jalali,
}

/// A field that holds a date, a time, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dated {
    /// Such as `MMDDhhmmss`: YYYY or YY, MM, DD, hh, mm, ss, each at most once.
    pub form: String,
    /// In which calendar.
    pub calendar: Calendar,
}

/// The numbers that a value gives.
#[derive(Default)]
struct Read {
    year: Option<i32>,
    month: Option<u8>,
    day: Option<u8>,
    time: Vec<u8>,
}

const GREGORIAN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

impl Dated {
    /// Takes a form; `None` where it is none.
    pub fn new(form: &str, calendar: Calendar) -> Option<Dated> {
        let form = form.to_owned();
        let mut rest = form.as_str();
        let mut seen = Vec::new();
        while let Some((token, after)) = token(rest) {
            let kind = token.chars().next()?;
            if seen.contains(&kind) {
                return None;
            }
            seen.push(kind);
            rest = after;
        }
        (rest.is_empty() && !seen.is_empty()).then_some(Dated { form, calendar })
    }

    /// Whether it tells a day, and not only a month or a time of day.
    pub fn has_day(&self) -> bool {
        self.form.contains("DD")
    }

    /// What the digits stand for: `23 November, 06:45:00`. `None` where there is no such day or time.
    pub fn words(&self, value: &str) -> Option<String> {
        let read = self.read(value)?;
        let mut words = match (read.year, read.month, read.day) {
            (Some(year), Some(month), Some(day)) => self.whole(year, month, day)?,
            (None, Some(month), Some(day)) if (1..=self.days(month)?).contains(&day) => {
                format!("{day} {}", self.month(month)?)
            }
            (None, Some(_), Some(_)) => return None,
            (Some(year), Some(month), None) => format!("{} {year}", self.month(month)?),
            _ => String::new(),
        };
        if !read.time.is_empty() {
            if !words.is_empty() {
                words.push_str(", ");
            }
            let time: Vec<String> = read.time.iter().map(|part| format!("{part:02}")).collect();
            words.push_str(&time.join(":"));
        }
        Some(words)
    }

    fn read(&self, value: &str) -> Option<Read> {
        if value.len() != self.form.len() || !value.bytes().all(|c| c.is_ascii_digit()) {
            return None;
        }
        let mut read = Read::default();
        let (mut form, mut value) = (self.form.as_str(), value);
        while let Some((token, after)) = token(form) {
            let (digits, rest) = value.split_at(token.len());
            let number: i32 = digits.parse().ok()?;
            match token {
                "YYYY" => read.year = Some(number),
                "YY" => read.year = Some(self.century(number)),
                "MM" => read.month = Some(number as u8).filter(|month| (1..=12).contains(month)),
                "DD" => read.day = Some(number as u8),
                "hh" if number < 24 => read.time.push(number as u8),
                "mm" | "ss" if number < 60 => read.time.push(number as u8),
                _ => return None,
            }
            if token == "MM" && read.month.is_none() {
                return None;
            }
            (form, value) = (after, rest);
        }
        Some(read)
    }

    /// Two digits of a year near ours.
    fn century(&self, year: i32) -> i32 {
        match self.calendar {
            Calendar::Gregorian if year < 70 => 2000 + year,
            Calendar::Gregorian => 1900 + year,
            Calendar::Jalali if year < 50 => 1400 + year,
            Calendar::Jalali => 1300 + year,
        }
    }

    fn whole(&self, year: i32, month: u8, day: u8) -> Option<String> {
        match self.calendar {
            Calendar::Gregorian => {
                let date = jiff::civil::Date::new(year as i16, month as i8, day as i8).ok()?;
                Some(date.to_string())
            }
            Calendar::Jalali => {
                let date: Day = JalaliDate::new(year, month, day)?.day();
                Some(format!(
                    "{year:04}-{month:02}-{day:02} Jalali, {}",
                    date.gregorian()
                ))
            }
        }
    }

    fn month(&self, month: u8) -> Option<&'static str> {
        let names = match self.calendar {
            Calendar::Gregorian => &GREGORIAN,
            Calendar::Jalali => &JalaliDate::MONTHS,
        };
        names.get(usize::from(month).checked_sub(1)?).copied()
    }

    /// Most days of a month; no year is told, so leap days are there.
    fn days(&self, month: u8) -> Option<u8> {
        Some(match (self.calendar, month) {
            (Calendar::Gregorian, 2) => 29,
            (Calendar::Gregorian, 4 | 6 | 9 | 11) => 30,
            (Calendar::Gregorian, 1..=12) => 31,
            (Calendar::Jalali, 1..=6) => 31,
            (Calendar::Jalali, 7..=12) => 30,
            _ => return None,
        })
    }
}

fn token(form: &str) -> Option<(&str, &str)> {
    let tokens = ["YYYY", "YY", "MM", "DD", "hh", "mm", "ss"];
    let token = tokens.iter().find(|token| form.starts_with(**token))?;
    Some(form.split_at(token.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(form: &str, calendar: Calendar, value: &str, wanted: Option<&str>) {
        let dated = Dated::new(form, calendar).unwrap();
        assert_eq!(dated.words(value).as_deref(), wanted, "{form} {value}");
    }

    #[test]
    fn digits_are_told_as_dates() {
        use Calendar::{Gregorian, Jalali};
        check(
            "MMDDhhmmss",
            Gregorian,
            "1123064500",
            Some("23 November, 06:45:00"),
        );
        check("hhmmss", Gregorian, "101500", Some("10:15:00"));
        check("MMDD", Jalali, "0902", Some("2 Azar"));
        check("YYMM", Gregorian, "2912", Some("December 2029"));
        check("YYMM", Jalali, "0809", Some("Azar 1408"));
        check(
            "YYMMDD",
            Jalali,
            "050902",
            Some("1405-09-02 Jalali, 2026-11-23"),
        );
        check("YYYYMMDD", Gregorian, "20261123", Some("2026-11-23"));
        check(
            "YYMMDDhhmmss",
            Gregorian,
            "261123101500",
            Some("2026-11-23, 10:15:00"),
        );
    }

    #[test]
    fn what_is_no_date_is_not_told_as_one() {
        use Calendar::{Gregorian, Jalali};
        check("MMDD", Gregorian, "0230", None);
        check("MMDD", Gregorian, "1301", None);
        check("MMDD", Jalali, "0631", Some("31 Shahrivar"));
        check("MMDD", Jalali, "0731", None);
        check("hhmmss", Gregorian, "240000", None);
        check("YYMMDD", Gregorian, "260229", None);
        check("YYMM", Gregorian, "0000", None);
        check("MMDD", Gregorian, "11x1", None);
        assert_eq!(Dated::new("MMDDMM", Gregorian), None);
        assert_eq!(Dated::new("MMX", Gregorian), None);
        assert_eq!(Dated::new("", Gregorian), None);
    }
}
