//! Rules that can never give: for the place, because one above them always gives first (R16), or because their time is
//! [`over`]; and rules of which one always stands in for the other (R17).

use super::clearing;
use super::cost::Written;
use super::inherit::{self, Heir};
use super::keys::{ACCRUE, CLEARING_FILE, CLUB_FILE, DISCOUNT, WHEN};
use super::{LANGUAGE, Loaded};
use crate::rules::{Club, Condition, Places, Shop, Stack, When};
use crate::source::{Fault, FaultLog, Faults, File, Shape, Value};
use crate::terms::{Day, Map, Moment};

/// So many rules that give the same are held against one another.
const EQUALS_MAX: usize = 200;

/// R16 and R17, as far as the files alone tell.
pub(super) fn check<'w>(club: &Club, shops: impl Iterator<Item = &'w Shop>, written: &Written<'_>) {
    let shops: Vec<&Shop> = shops
        .filter(|shop| club.places.contains(shop.id, shop.mcc))
        .collect();
    // One that stops asks nobody below it, as long as its caps let it give.
    let discounts = club.discounts.iter().map(|rule| {
        let first = club.discount_stack == Stack::First;
        (first || rule.stop && rule.caps.rows.is_empty(), &rule.when)
    });
    let accruals = club.accruals.iter().map(|rule| {
        let first = club.accrue_stack == Stack::First;
        (first || rule.stop && rule.caps.rows.is_empty(), &rule.when)
    });
    let discounts = (discounts.collect(), &written.discounts, &DISCOUNT);
    let accruals = (accruals.collect(), &written.accruals, &ACCRUE);
    for (rules, values, shape) in [discounts, accruals] {
        let rules: Vec<(bool, &When)> = rules;
        let mut first: Option<Value<'_>> = None;
        for ((alone, when), value) in rules.iter().zip(values) {
            let at = |key| place_of(*value, shape, key);
            elsewhere(when, &club.places, &shops, &at);
            match first {
                Some(above) => note_shadowed(*value, above, shape),
                None if *alone && when.is_empty() => first = Some(*value),
                None => {}
            }
        }
    }
    if club.discount_stack == Stack::Best {
        equals(club, written);
    }
}

fn note_shadowed(value: Value<'_>, above: Value<'_>, shape: &'static Shape) {
    let title = format!("the rule \"{}\" will never give", name(value, shape));
    let label = format!(
        "\"{}\" above it has no condition, and lets none below it give",
        name(above, shape)
    );
    let fault = Fault::note("R16", value.place(), title).label(label);
    value.report(fault.mend("put it above, or give the other a condition"));
}

/// Shops or categories that the club does not have.
fn elsewhere<'f>(
    when: &When,
    places: &Places,
    shops: &[&Shop],
    at: &impl Fn(&'static str) -> Option<Value<'f>>,
) {
    for condition in when.iter() {
        let (key, what, there) = match condition {
            Condition::Mcc(codes) => {
                let known = |code: &u16| {
                    places.mccs.contains(code) || shops.iter().any(|shop| shop.mcc == *code)
                };
                (
                    "mcc",
                    "no shop of the club has one of these",
                    codes.iter().any(known),
                )
            }
            Condition::Shops(list) => (
                "merchants",
                "none of these is a shop of the club",
                list.iter()
                    .any(|id| shops.iter().any(|shop| shop.id == *id)),
            ),
            _ => continue,
        };
        // What came by `use` is told where the named condition is meant, which may be for others too.
        let Some(value) = at(key).filter(|_| !there) else {
            continue;
        };
        let fault = Fault::note("R16", value.place(), "this rule can never give");
        value.report(
            fault
                .label(what)
                .mend("leave the rule out, or name shops of the club"),
        );
    }
}

/// Of two discounts that give the same for the same purchases the first is always taken.
fn equals(club: &Club, written: &Written<'_>) {
    let mut alike: Map<String, Vec<usize>> = Map::default();
    for (at, rule) in club.discounts.iter().enumerate() {
        let gives = format!("{:?} {:?}", rule.give, rule.max);
        alike.entry(gives).or_default().push(at);
    }
    for list in alike.values().filter(|list| list.len() <= EQUALS_MAX) {
        for (nth, at) in list.iter().enumerate() {
            let rule = &club.discounts[*at];
            let meets = |other: &&usize| overlap(&club.discounts[**other].when, &rule.when);
            let Some(other) = list[..nth].iter().find(meets) else {
                continue;
            };
            let (value, other) = (written.discounts[*at], written.discounts[*other]);
            let title = format!(
                "the rules \"{}\" and \"{}\" give the same",
                name(other, &DISCOUNT),
                name(value, &DISCOUNT)
            );
            let place = place_of(value, &DISCOUNT, "give").unwrap_or(value).place();
            let fault = Fault::note("R17", place, title);
            let fault = fault.label("where both apply, the first is taken");
            value.report(fault.mend("make one rule of the two, or keep them apart by `when`"));
        }
    }
}

/// Whether a purchase may meet both, as far as it is told plainly.
fn overlap(a: &When, b: &When) -> bool {
    let apart = |a: &Condition, b: &Condition| match (a, b) {
        (Condition::Shops(a), Condition::Shops(b)) => !a.iter().any(|one| b.contains(one)),
        (Condition::Mcc(a), Condition::Mcc(b)) => !a.iter().any(|one| b.contains(one)),
        (Condition::Groups(a), Condition::Groups(b)) => {
            a.mccs.is_empty() && b.mccs.is_empty() && !a.shops.iter().any(|s| b.shops.contains(s))
        }
        (Condition::Tiers(a), Condition::Tiers(b)) => !a.iter().any(|one| b.contains(one)),
        (Condition::Weekdays(a), Condition::Weekdays(b)) => a & b == 0,
        (Condition::BusinessDay(a), Condition::BusinessDay(b))
        | (Condition::FirstPurchase(a), Condition::FirstPurchase(b)) => a != b,
        (
            Condition::Dates { from, to },
            Condition::Dates {
                from: since,
                to: until,
            },
        ) => to < since || until < from,
        (
            Condition::Amount { min, max },
            Condition::Amount {
                min: least,
                max: most,
            },
        ) => max < least || most < min,
        (Condition::Hours(a), Condition::Hours(b)) => {
            let meet = |((from, to), (since, until)): (&(_, _), &(_, _))| {
                // A span that passes midnight is not looked into.
                from > to || since > until || (from < until && since < to)
            };
            let pairs = a
                .iter()
                .flat_map(|one| b.iter().map(move |other| (one, other)));
            !pairs.into_iter().any(meet)
        }
        _ => false,
    };
    !a.iter().any(|a| b.iter().any(|b| apart(a, b)))
}

/// Notes on rules whose days are over at a moment (R16). A check of its own: what files say does not depend on a clock.
pub fn over(loaded: &Loaded, now: Moment) -> Faults {
    let today = loaded.rulebook.world.zone.local(now).day;
    // They were read before without a fault.
    let log = FaultLog::default();
    let files: Vec<File> = loaded
        .texts
        .iter()
        .filter(|(name, _)| name.starts_with("clubs/"))
        .filter_map(|(name, text)| File::parse(name, text.as_str(), &LANGUAGE, &log))
        .collect();
    let files: Vec<&File> = files.iter().collect();
    let heirs = inherit::heirs(&files, true, &log);
    let order = inherit::standing(&heirs);
    for (club, at) in loaded.rulebook.clubs.iter().zip(order) {
        let file = match &heirs[at] {
            Heir::Of(whole, _) => whole,
            Heir::Alone | Heir::Lost => files[at],
        };
        let Some(table) = file.root(&log).table(&CLUB_FILE) else {
            continue;
        };
        let discounts = club.discounts.iter().map(|rule| &rule.when);
        let accruals = club.accruals.iter().map(|rule| &rule.when);
        let stages: [(_, _, Vec<&When>); 2] = [
            ("discount", &DISCOUNT, discounts.collect()),
            ("accrue", &ACCRUE, accruals.collect()),
        ];
        for (key, shape, whens) in stages {
            let values = table.optional(key, Value::list).unwrap_or_default();
            for (value, when) in values.into_iter().zip(whens) {
                note_over(value, shape, when, today);
            }
        }
    }
    let houses = loaded.texts.iter();
    let houses: Vec<File> = houses
        .filter(|(name, _)| name.starts_with("clearing/"))
        .filter_map(|(name, text)| File::parse(name, text.as_str(), &LANGUAGE, &log))
        .collect();
    for file in &houses {
        if let Some(table) = file.root(&log).table(&CLEARING_FILE) {
            clearing::closed(&table, today);
        }
    }
    log.into_faults()
}

fn note_over(value: Value<'_>, shape: &'static Shape, when: &When, today: Day) {
    let ends = when.iter().filter_map(|condition| match condition {
        Condition::Dates { to, .. } if *to < today => Some(*to),
        _ => None,
    });
    let Some(end) = ends.min() else { return };
    let keys = ["season", "dates", "use"];
    let place = keys.into_iter().find_map(|key| {
        let value = place_of(value, shape, key)?;
        Some((key, value.place()))
    });
    let (key, place) = place.unwrap_or(("when", value.place()));
    let title = format!("the rule \"{}\" will not fire any more", name(value, shape));
    let what = if key == "season" {
        "the season"
    } else {
        "its time"
    };
    let label = match today.0 - end.0 {
        1 => format!("{what} ended yesterday, on {end}"),
        days => format!("{what} ended on {end}, {days} days ago"),
    };
    value.report(Fault::note("R16", place, title).label(label));
}

fn name<'f>(value: Value<'f>, shape: &'static Shape) -> &'f str {
    let table = value.table(shape);
    let name = table.and_then(|table| table.get("name")?.text());
    name.unwrap_or_default()
}

/// A key of a rule, or of its `when`.
fn place_of<'f>(rule: Value<'f>, shape: &'static Shape, key: &'static str) -> Option<Value<'f>> {
    let table = rule.table(shape)?;
    if shape.key(key).is_some() {
        return table.get(key);
    }
    table.get("when")?.table(&WHEN)?.get(key)
}
