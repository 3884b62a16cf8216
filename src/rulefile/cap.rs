//! What bounds a rule over many purchases, and what its earnings wait for: `cap`, `on_cap`, `hold`.

use super::effect::{positive, whole_units};
use super::keys::{CAP, HOLD};
use super::known::Ids;
use super::span;
use crate::rules::{Cap, Caps, HoldTerms, Most, Per};
use crate::source::{Fault, Table, Value};
use crate::terms::ClubId;

/// The longest that anything waits.
const HOLD_DAYS: u64 = 3_660;
/// Rows of one rule: each is looked up for every purchase that the rule gives to.
const ROWS: usize = 8;

const PERS: [(&str, Per); 6] = [
    ("member", Per::Member),
    ("card", Per::Card),
    ("merchant", Per::Merchant),
    ("introducer", Per::Introducer),
    ("rule", Per::Rule),
    ("club", Per::Club),
];

/// `cap` and `on_cap` of a rule that gives points of so many decimals, or (`None`) rials.
pub(super) fn caps(table: &Table<'_>, points: Option<u8>) -> Caps {
    let ways = [("trim", false), ("skip", true)];
    let skips = table.optional("on_cap", |value| value.one_of(&ways, &[]));
    if let Some(value) = table.get("on_cap").filter(|_| !table.has("cap")) {
        let fault = value.fault("R03", "`on_cap` goes with `cap`");
        value.report(fault.mend("leave it out"));
    }
    Caps {
        rows: table
            .optional("cap", |value| rows(value, points))
            .unwrap_or_default()
            .into(),
        skips: skips.unwrap_or(false),
    }
}

/// Where one gift is more than its cap and nothing is trimmed, nobody ever gets it.
pub(super) fn note_never(table: &Table<'_>, caps: &Caps, gift: Option<i64>) {
    let (Some(gift), Some(value), true) = (gift, table.get("cap"), caps.skips) else {
        return;
    };
    let below = |cap: &&Cap| matches!(cap.most, Most::Amount(most) if most < gift);
    if caps.rows.iter().any(|cap| below(&cap)) {
        let place = value.place();
        let fault = Fault::note(
            "R16",
            place,
            "this rule can never give: its cap is less than one gift",
        );
        value.report(fault.mend("raise the cap, or write  on_cap = \"trim\""));
    }
}

fn rows(value: Value<'_>, points: Option<u8>) -> Option<Vec<Cap>> {
    let values = value.each(Some)?;
    if values.len() > ROWS {
        let title = format!("a rule cannot have {} caps", values.len());
        let fault = value.fault("R14", title);
        value.report(fault.label(format!("the most is {ROWS}")));
        return None;
    }
    let mut rows: Vec<Cap> = Vec::new();
    for value in values {
        let Some(row) = cap(value, points) else {
            continue;
        };
        let kind = |cap: &Cap| (cap.per, cap.window, matches!(cap.most, Most::Times(_)));
        if rows.iter().any(|other| kind(other) == kind(&row)) {
            let fault = value.fault("R07", "this cap stands twice, with two maxima");
            value.report(fault.mend("keep the lower one"));
        }
        rows.push(row);
    }
    Some(rows)
}

fn cap(value: Value<'_>, points: Option<u8>) -> Option<Cap> {
    let table = value.table(&CAP)?;
    let per = table.required("per", |value| value.one_of(&PERS, &[]));
    let window = table.required("window", span::window);
    let keys = ["max_rial", "max_points", "max_times"];
    let mut found = keys.into_iter().filter(|key| table.has(key));
    let right = if points.is_some() {
        "max_points = 500"
    } else {
        "max_rial = 500_000"
    };
    let Some(key) = found.next() else {
        let fault = table.fault("R02", "a cap without a maximum holds nothing back");
        table.report(fault.mend(format!("add  {right}   or   max_times = 1")));
        return None;
    };
    if let Some(second) = found.next() {
        let value = table.get(second)?;
        let title = format!("`{key}` and `{second}` cannot stand in one cap");
        let fault = value.fault("R03", title);
        value.report(fault.mend("write a cap for each, `per` and `window` again"));
        return None;
    }
    let most = match (key, points) {
        ("max_times", _) => {
            let times = table.optional(key, |value| value.integer(1, 1_000_000_000))?;
            Most::Times(times.unsigned_abs())
        }
        ("max_rial", None) => Most::Amount(table.optional(key, positive)?),
        ("max_points", Some(decimals)) => {
            Most::Amount(table.optional(key, |value| whole_units(value, decimals))?)
        }
        _ => {
            let value = table.get(key)?;
            let gives = if points.is_some() { "points" } else { "rials" };
            let title = format!("`{key}` does not fit a rule that gives {gives}");
            value.report(value.fault("R09", title).mend(right));
            return None;
        }
    };
    Some(Cap {
        per: per?,
        window: window?,
        most,
    })
}

/// `hold` of an accrual.
pub(super) fn hold(value: Value<'_>, club: ClubId, ids: &mut Ids<'_>) -> Option<HoldTerms> {
    let table = value.table(&HOLD)?;
    let until = table.required("until", Value::name);
    let at_most = table.required("at_most", |value| {
        let days = span::days(value.text()?).filter(|days| *days <= HOLD_DAYS);
        if days.is_none() {
            let text = value.text()?;
            let fault = value.fault("R03", format!("nothing is held for \"{text}\""));
            value.report(
                fault
                    .label(format!("so many days, from 1 to {HOLD_DAYS}"))
                    .mend("at_most = \"30 days\""),
            );
        }
        days
    });
    Some(HoldTerms {
        until: ids.event(club, until?),
        at_most_days: at_most? as i32,
    })
}
