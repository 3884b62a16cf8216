//! Readers of percents, days, times of day and IBANs: each says what is wrong with a text in its author's words.

use jiff::civil;

use super::fault::Fault;
use super::read::{Value, nearest};
use super::shape::Form;
use super::tree::{Kind, latin_digit};
use crate::terms::money::PercentError;
use crate::terms::time::Weekday;
use crate::terms::{Day, Iban, JalaliDate, Local, Percent, TimeOfDay, Times};

impl Value<'_> {
    /// A percent in quotes, `"2.5%"`, exact.
    pub fn percent(self) -> Option<Percent> {
        self.expects(|form| matches!(form, Form::Percent));
        let language = self.language();
        let text = match &self.node.kind {
            Kind::Text(text) => text,
            Kind::Integer(_) | Kind::Float => {
                let number = self.raw().trim_end_matches(".0");
                self.report(
                    self.fault(language.form, "a percent must be quoted text")
                        .label(self.found())
                        .mend(format!("{} = \"{number}%\"", self.key)),
                );
                return None;
            }
            _ => {
                self.report(
                    self.fault(language.form, "a percent must be quoted text")
                        .label(self.found())
                        .mend(format!("{} = \"5%\"", self.key)),
                );
                return None;
            }
        };
        let fault = match Percent::parse(text) {
            Ok(percent) => return Some(percent),
            Err(PercentError::Shape) if Percent::parse(&latin(text)).is_ok() => self
                .fault(language.form, format!("\"{text}\" is not a percent"))
                .label("Persian or Arabic digits")
                .mend(format!("{} = \"{}\"", self.key, latin(text))),
            Err(PercentError::Shape) => {
                let number =
                    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
                let mend = if number { text } else { "5" };
                self.fault(language.form, format!("\"{text}\" is not a percent"))
                    .label("a number and % are wanted")
                    .mend(format!("{} = \"{mend}%\"", self.key))
            }
            Err(PercentError::Range) => self
                .fault(language.percent, format!("{text} is out of range"))
                .label("a percent lies between 0% and 100%"),
            Err(PercentError::Decimals) => self
                .fault(language.percent, format!("{text} is too fine"))
                .label("a percent has at most 4 decimals"),
        };
        self.report(fault);
        None
    }

    /// A multiplier in quotes, `"1.2"`, exact.
    pub fn times(self) -> Option<Times> {
        self.expects(|form| matches!(form, Form::Times));
        let times = match &self.node.kind {
            Kind::Text(text) => Times::parse(text),
            _ => None,
        };
        if times.is_none() {
            let mend = match self.node.kind {
                Kind::Integer(_) | Kind::Float => format!("{} = \"{}\"", self.key, self.raw()),
                _ => format!("{} = \"1.5\"", self.key),
            };
            self.report(
                self.form_fault("a multiplier in quotes")
                    .label("above 0, at most 1000, at most 4 decimals")
                    .mend(mend),
            );
        }
        times
    }

    /// A day: `"1405/09/01"` in quotes is Jalali, a bare `2026-11-22` Gregorian.
    pub fn day(self) -> Option<Day> {
        self.expects(|form| matches!(form, Form::Day));
        match &self.node.kind {
            Kind::Text(text) => match JalaliDate::parse(text) {
                Some(date) => Some(date.day()),
                None => {
                    self.report(self.no_jalali_day(text));
                    None
                }
            },
            Kind::Date(Some((year, month, day))) => self.gregorian(*year, *month, *day),
            _ => {
                self.report(self.form_fault("a date").mend("\"1405/09/01\""));
                None
            }
        }
    }

    /// A time of day, `"08:00"` or `"23:59:30"`, before `24:00`.
    pub fn time_of_day(self) -> Option<TimeOfDay> {
        self.expects(|form| matches!(form, Form::TimeOfDay));
        let text = self.text()?;
        let time = TimeOfDay::parse(text).filter(|time| time.0 < 86_400);
        if time.is_none() {
            let title = format!("\"{text}\" is not a time of day");
            let fault = self.fault(self.language().hours, title);
            let fault = fault.label("hours and minutes, such as \"08:00\", before \"24:00\"");
            let latin = latin(text);
            self.report(match TimeOfDay::parse(&latin) {
                Some(_) if latin != text => fault.mend(format!("\"{latin}\"")),
                _ => fault,
            });
        }
        time
    }

    /// Hours of a day, `"08:00-12:00"`: the first belongs to it, the last does not. They may pass midnight.
    pub fn hours(self) -> Option<(TimeOfDay, TimeOfDay)> {
        self.expects(|form| matches!(form, Form::Hours));
        let text = self.text()?;
        let code = self.language().hours;
        let parse = |text: &str| {
            let (from, to) = text.split_once('-')?;
            Some((TimeOfDay::parse(from.trim())?, TimeOfDay::parse(to.trim())?))
        };
        let Some((from, to)) = parse(text) else {
            let fault = self.fault(code, format!("\"{text}\" are no hours"));
            let latin = latin(text);
            self.report(match parse(&latin) {
                Some(_) => fault
                    .label("Persian or Arabic digits")
                    .mend(format!("\"{latin}\"")),
                None => fault.mend("\"08:00-12:00\""),
            });
            return None;
        };
        if from != to {
            return Some((from, to));
        }
        self.report(
            self.fault(code, format!("the hours \"{text}\" are empty"))
                .label("they end as they begin")
                .mend("\"00:00-24:00\" is the whole day"),
        );
        None
    }

    /// A weekday, `"sat"` to `"fri"`.
    pub fn weekday(self) -> Option<Weekday> {
        self.expects(|form| matches!(form, Form::Weekday));
        let text = self.text()?;
        let place = Weekday::NAMES.iter().position(|name| *name == text);
        if let Some(day) = place.and_then(|place| u8::try_from(place).ok()) {
            return Some(Weekday(day));
        }
        let title = format!("\"{text}\" is not a weekday");
        let start: String = text.to_lowercase().chars().take(3).collect();
        let near = Weekday::NAMES.iter().find(|name| **name == start);
        let near = near.copied().or_else(|| nearest(text, Weekday::NAMES));
        self.report(
            self.fault(self.language().hours, title)
                .label("one of sat, sun, mon, tue, wed, thu, fri")
                .meant(near),
        );
        None
    }

    /// A Jalali day and a time on it, `"1405/09/02 10:15"`.
    pub fn local(self) -> Option<Local> {
        let text = self.text()?;
        let local = Local::parse(text);
        if local.is_none() {
            let title = format!("\"{text}\" is not a day and a time");
            self.report(
                self.fault(self.language().date, title)
                    .mend("\"1405/09/02 10:15\""),
            );
        }
        local
    }

    /// An Iranian IBAN whose check digits are right; `code` is the number of its faults.
    pub fn iban(self, code: &'static str) -> Option<Iban> {
        self.expects(|form| matches!(form, Form::Iban));
        let text = self.text()?;
        match Iban::parse(text) {
            Ok(iban) => Some(iban),
            Err(error) => {
                let title = format!("\"{text}\" is not an IBAN");
                let fault = self.fault(code, title).label(error.to_string());
                let joined: String = text.split_whitespace().collect::<String>().to_uppercase();
                self.report(match Iban::parse(&joined) {
                    Ok(iban) => fault.mend(format!("\"{iban}\"")),
                    Err(_) => fault.mend("copy it again from the bank's paper"),
                });
                None
            }
        }
    }

    fn gregorian(&self, year: u16, month: u8, day: u8) -> Option<Day> {
        let date = i16::try_from(year).ok().and_then(|year| {
            let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
            civil::Date::new(year, month, day).ok()
        });
        match date {
            Some(date) if (1900..=2120).contains(&year) => Some(Day::from_gregorian(date)),
            _ => {
                let title = format!("{} is not a day of this age", self.raw());
                let fault = self.fault(self.language().date, title);
                let jalali = format!("{year}/{month:02}/{day:02}");
                self.report(match JalaliDate::parse(&jalali) {
                    Some(_) => fault
                        .label("a date without quotes is Gregorian")
                        .mend(format!("\"{jalali}\"")),
                    None => fault,
                });
                None
            }
        }
    }

    /// Why a quoted text is no Jalali day.
    fn no_jalali_day(&self, text: &str) -> Fault {
        let code = self.language().date;
        let latin = latin(text);
        if latin != text {
            let fault = self
                .fault(
                    code,
                    format!("\"{text}\" is not written with the digits 0-9"),
                )
                .label("Persian or Arabic digits");
            return match JalaliDate::parse(&latin) {
                Some(_) => fault.mend(format!("\"{latin}\"")),
                None => fault,
            };
        }
        let parts: Vec<Option<i32>> = text.split(['/', '-']).map(|p| p.parse().ok()).collect();
        let [Some(year), Some(month), Some(day)] = parts[..] else {
            return self
                .fault(code, format!("\"{text}\" is not a date"))
                .label("year/month/day")
                .mend("\"1405/09/01\"");
        };
        if (1900..=2120).contains(&year) {
            return self
                .fault(code, format!("\"{text}\" has a Gregorian year in quotes"))
                .label("dates in quotes are Jalali")
                .mend(format!("without quotes: {year}-{month:02}-{day:02}"));
        }
        let written = format!("{year}/{month:02}/{day:02}");
        if JalaliDate::parse(&written).is_some() {
            return self
                .fault(code, format!("\"{text}\" is not a date"))
                .label("a Jalali date is year/month/day, four, two and two digits")
                .mend(format!("\"{written}\""));
        }
        let fault = self.fault(code, format!("{text} is not a day"));
        if !JalaliDate::YEARS.contains(&year) {
            let (first, last) = (JalaliDate::YEARS.start(), JalaliDate::YEARS.end());
            return fault.label(format!("years run from {first} to {last}"));
        }
        let Some(month) = u8::try_from(month).ok().filter(|m| (1..=12).contains(m)) else {
            return fault.label("a year has 12 months");
        };
        let days = JalaliDate::days_in_month(year, month);
        let name = JalaliDate::MONTHS[usize::from(month) - 1];
        let leap = if month == 12 && day == 30 {
            let next = (year..).find(|year| JalaliDate::is_leap(*year));
            next.map_or_else(String::new, |y| format!(" ({y} is the next leap year)"))
        } else {
            String::new()
        };
        let fault = fault.label(format!("{name} {year} has {days} days{leap}"));
        fault.mend(format!("\"{year}/{month:02}/{days:02}\""))
    }
}

/// A text with digits and percent sign as TOML has them.
fn latin(text: &str) -> String {
    let sign = |c| if c == '٪' { '%' } else { latin_digit(c) };
    text.chars().map(sign).collect()
}
