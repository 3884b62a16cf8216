//! Spans of days that rules count in: "30 days", jalali-month, older than, within.

use crate::ledger::Window;
use crate::ledger::purchases::VISIT_DAYS;
use crate::rules::Age;
use crate::source::{Table, Value, counted};

/// The longest that is counted: so far the log of purchases reaches back.
const WINDOW_DAYS: u64 = VISIT_DAYS as u64;

/// "1 day", "30 days": how many, at least one.
pub(super) fn days(text: &str) -> Option<u64> {
    match counted(text) {
        Some((days, "day" | "days")) if days > 0 => Some(days),
        _ => None,
    }
}

/// "15 days".
pub(super) fn span_of_days(value: Value<'_>) -> Option<u16> {
    past(value)
}

/// `window` of a cap, `in` of a condition.
pub(super) fn window(value: Value<'_>) -> Option<Window> {
    let text = value.text()?;
    let found = match (text, days(text)) {
        ("day", _) => Window::Day,
        ("week", _) => Window::Week,
        ("jalali-month", _) => Window::JalaliMonth,
        ("jalali-year", _) => Window::JalaliYear,
        (_, Some(days @ ..=WINDOW_DAYS)) => Window::Days(days as u16),
        (_, Some(_)) => {
            let fault = value.fault("R14", format!("the window \"{text}\" is too long"));
            value.report(
                fault
                    .label(format!("the most is {WINDOW_DAYS} days"))
                    .mend(format!("{} = \"jalali-year\"", value.key())),
            );
            return None;
        }
        _ => {
            let mend = match text.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ') {
                "month" | "months" => "jalali-month",
                "year" | "years" => "jalali-year",
                "daily" => "day",
                "weeks" | "weekly" => "week",
                _ => "30 days",
            };
            let fault = value.fault("R03", format!("there is no window \"{text}\""));
            value.report(
                fault
                    .label("day, week, jalali-month, jalali-year, or so many days")
                    .mend(format!("{} = \"{mend}\"", value.key())),
            );
            return None;
        }
    };
    Some(found)
}

/// `older_than` or `within` of a table that has one of them.
pub(super) fn age(table: &Table<'_>) -> Option<Age> {
    let older = table.optional("older_than", past).map(Age::OlderThan);
    let within = table.optional("within", past).map(Age::Within);
    if table.has("older_than") == table.has("within") {
        let fault = table.fault("R02", "this needs one of `older_than` and `within`");
        table.report(fault.mend("{ older_than = \"60 days\" }"));
        return None;
    }
    older.or(within)
}

/// So many days, as far as the past is kept.
fn past(value: Value<'_>) -> Option<u16> {
    let text = value.text()?;
    let days = days(text).filter(|days| *days <= WINDOW_DAYS);
    if days.is_none() {
        let fault = value.fault("R14", format!("\"{text}\" is no span that is counted"));
        let label = format!("so many days, from 1 to {WINDOW_DAYS}");
        value.report(
            fault
                .label(label)
                .mend(format!("{} = \"60 days\"", value.key())),
        );
    }
    days.map(|days| days as u16)
}

/// "24 hours", "5 business days": how many of one of some units, with the unit in the singular.
pub(super) fn counted_in(
    value: Value<'_>,
    units: &[&'static str],
    most: u64,
) -> Option<(u64, &'static str)> {
    let text = value.text()?;
    let found = counted(text).and_then(|(count, unit)| {
        let single = |known: &&&str| unit.strip_suffix('s').unwrap_or(unit) == **known;
        let unit = *units.iter().find(single)?;
        (1..=most).contains(&count).then_some((count, unit))
    });
    if found.is_none() {
        let title = format!("`{}` cannot be \"{text}\"", value.key());
        let units: Vec<String> = units.iter().map(|unit| format!("\"1 {unit}\"")).collect();
        let label = format!("from {} on, at most {most} of them", units.join(", "));
        let sample = units.first().map_or("", |unit| unit.as_str());
        let fault = value.fault("R03", title).label(label);
        value.report(fault.mend(format!("{} = {sample}", value.key())));
    }
    found
}
