//! What a condition wants, and what it met, as typed words: each language writes them in its own way.

use serde::{Deserialize, Serialize};

use crate::explain::story::Sum;
use crate::ledger::{Names, Window};
use crate::rules::met::Met;
use crate::rules::{Age, Club, Condition, Feast, Said, Where};
use crate::terms::money::pointed;
use crate::terms::{Rials, UnitId};

/// A value that a condition wants or met.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// Rials.
    Rials(i64),
    /// At least so many rials.
    RialsFrom(i64),
    /// At most so many rials.
    RialsTo(i64),
    /// A name of a rule file: a group, a shop, a tier.
    Name(String),
    /// A category code.
    Mcc(String),
    /// A Jalali day.
    Day(String),
    /// From a day to a day, both included.
    Days(String, String),
    /// A time of day.
    Time(String),
    /// From a time up to, not including, another.
    Hours(String, String),
    /// A weekday; 0 is Saturday.
    Weekday(u8),
    /// Yes or no.
    Yes(bool),
    /// So many days ago.
    DaysAgo(i32),
    /// Longer ago than so many days.
    OlderThan(u16),
    /// On one of the last so many days, today among them.
    Within(u16),
    /// Not at all, or none.
    Never,
    /// The so manieth.
    Number(u64),
    /// Every so manieth.
    Every(u64),
    /// From the so manieth on.
    NumberFrom(u64),
    /// Up to the so manieth.
    NumberTo(u64),
    /// Counted in a window: `day`, `week`, `jalali-month`, `jalali-year`, `90 days`.
    In(String),
    /// Counted at the shop of the purchase.
    AtShop,
    /// So many rials before, and so many with this purchase.
    AndNow(i64, i64),
    /// It is, or is not, his first purchase.
    First(bool),
    /// The member who brought him.
    ByMember(u32),
    /// Counted at the shops of a group.
    AtGroup(String),
    /// An amount of a purse.
    Amount(Sum),
    /// At least so much of a purse.
    From(Sum),
    /// With this purchase it comes to so many rials or more, and without it to less.
    Crosses(i64),
    /// As it is written in the file.
    Written(String),
}

/// What a condition wants.
pub(super) fn wants(condition: &Condition, said: &Said, (club, all): (&Club, &Names)) -> Vec<Word> {
    let names = || said.names.iter().cloned().map(Word::Name).collect();
    match condition {
        Condition::Amount { min, max } => {
            let from = (*min > Rials::ZERO).then_some(Word::RialsFrom(min.0));
            let to = (*max < Rials::FIELD_MAX).then_some(Word::RialsTo(max.0));
            from.into_iter().chain(to).collect()
        }
        Condition::Mcc(codes) => codes.iter().map(|code| mcc(*code)).collect(),
        Condition::Dates { from, to } => {
            let mut words: Vec<Word> = names();
            words.push(Word::Days(from.to_string(), to.to_string()));
            words
        }
        Condition::Hours(spans) => spans
            .iter()
            .map(|(from, to)| Word::Hours(from.to_string(), to.to_string()))
            .collect(),
        Condition::Weekdays(days) => (0..7)
            .filter(|day| days & (1 << day) != 0)
            .map(Word::Weekday)
            .collect(),
        Condition::BusinessDay(wanted) | Condition::FirstPurchase(wanted) => {
            vec![Word::Yes(*wanted)]
        }
        Condition::LastPurchase { age: old, at } => {
            let mut words = vec![age(*old)];
            words.extend(place(at, said));
            words
        }
        Condition::Joined(old) => vec![age(*old)],
        Condition::Visits {
            window: span,
            min,
            max,
            every,
            at,
        } => {
            let mut words = Vec::new();
            words.extend((*every > 1).then_some(Word::Every(*every)));
            words.extend((*min > 1).then_some(Word::NumberFrom(*min)));
            words.extend((*max < u64::MAX).then_some(Word::NumberTo(*max)));
            words.push(Word::In(window(*span)));
            words.extend(place(at, said));
            words
        }
        Condition::Spent {
            window: span,
            min,
            max,
            crosses,
            at,
        } => {
            let mut words = vec![Word::In(window(*span))];
            words.extend((*min > Rials::ZERO).then_some(Word::RialsFrom(min.0)));
            words.extend((max.0 < i64::MAX).then_some(Word::RialsTo(max.0)));
            words.extend(crosses.map(|line| Word::Crosses(line.0)));
            words.extend(place(at, said));
            words
        }
        Condition::Balance { purse, min } => vec![
            Word::Name(all.purse(*purse).to_owned()),
            Word::From(sum_of(all.purse_unit(*purse), *min, all)),
        ],
        Condition::Earned {
            counter,
            window: span,
            min,
        } => {
            let counter = club.counters.get(*counter);
            let purse = counter.map(|counter| Word::Name(all.purse(counter.purse).to_owned()));
            let least = counter.map(|counter| Word::From(sum_of(counter.unit, *min, all)));
            let mut words = vec![Word::In(window(*span))];
            words.extend(purse.into_iter().chain(least));
            words
        }
        Condition::Birthday(near) | Condition::Anniversary(near) => {
            let near = match near {
                Feast::Day => "day",
                Feast::Week => "week",
                Feast::Month => "jalali-month",
            };
            vec![Word::In(near.to_owned())]
        }
        Condition::Introduced { first_purchase } => {
            let first = first_purchase.map(Word::First);
            vec![first.unwrap_or(Word::Yes(true))]
        }
        Condition::Any(_) => Vec::new(),
        // What is no list of its own is said by its key: `not_products`.
        Condition::Not(_) if said.key == "not" => Vec::new(),
        _ if !said.names.is_empty() => names(),
        _ => vec![Word::Written(said.text.clone())],
    }
}

/// What a condition met.
pub(super) fn met(met: &Met, names: &Names) -> Vec<Word> {
    match met {
        Met::Bill(rials) => vec![Word::Rials(rials.0)],
        Met::Shop(shop) => vec![Word::Name(names.shop(*shop).to_owned())],
        Met::Place(shop, code) => {
            let shop = Word::Name(names.shop(*shop).to_owned());
            let code = (*code != 0).then(|| mcc(*code));
            std::iter::once(shop).chain(code).collect()
        }
        Met::Mcc(0) => vec![Word::Never],
        Met::Mcc(code) => vec![mcc(*code)],
        Met::Day(day) => vec![Word::Day(day.to_string())],
        Met::Time(time) => vec![Word::Time(time.to_string())],
        Met::Weekday(day) => vec![Word::Weekday(day.weekday().0)],
        Met::BusinessDay(is_one) => vec![Word::Yes(*is_one)],
        Met::Tier(tier) => {
            let name = tier.map(|tier| Word::Name(names.tier(tier).to_owned()));
            vec![name.unwrap_or(Word::Never)]
        }
        Met::LastPurchase(None) => vec![Word::Never],
        Met::LastPurchase(Some((day, ago))) | Met::Joined(day, ago) => {
            vec![Word::DaysAgo(*ago), Word::Day(day.to_string())]
        }
        Met::Number(number) => vec![Word::Number(*number)],
        Met::Channel(way) => vec![Word::Name(way.name().to_owned())],
        Met::Entry(entry) => {
            let name = entry.map(|entry| Word::Name(entry.name().to_owned()));
            vec![name.unwrap_or(Word::Never)]
        }
        Met::Terminal(terminal) => vec![Word::Name(terminal.clone())],
        Met::Products(codes) if codes.is_empty() => vec![Word::Never],
        Met::Products(codes) => codes.iter().cloned().map(Word::Name).collect(),
        Met::Service(service) => {
            let name = service.clone().map(Word::Name);
            vec![name.unwrap_or(Word::Never)]
        }
        Met::Bin(bin) => {
            let range = bin.map(|bin| Word::Name(bin.to_string()));
            vec![range.unwrap_or(Word::Never)]
        }
        Met::Member(member) => vec![Word::Name(member.to_string())],
        Met::Spent(before, now) => vec![Word::AndNow(*before, now.0)],
        Met::Earned(None) => vec![Word::Rials(0)],
        Met::Earned(Some((unit, amount))) => vec![Word::Amount(sum_of(*unit, *amount, names))],
        Met::Balance(purse, amount) => {
            vec![Word::Amount(sum_of(
                names.purse_unit(*purse),
                *amount,
                names,
            ))]
        }
        Met::Born(born) => {
            let day = born.map(|day| Word::Day(day.to_string()));
            vec![day.unwrap_or(Word::Never)]
        }
        Met::Introduced(None, _) => vec![Word::Never],
        Met::Introduced(Some(by), first) => vec![Word::ByMember(by.0), Word::First(*first)],
        Met::Event(event) => {
            let name = event.map(|event| Word::Name(names.event(event).to_owned()));
            vec![name.unwrap_or(Word::Never)]
        }
        Met::Inside => Vec::new(),
    }
}

fn sum_of(unit: UnitId, amount: i64, names: &Names) -> Sum {
    let (name, decimals) = names.unit(unit);
    Sum {
        amount: pointed(amount, decimals),
        unit: name.to_owned(),
    }
}

/// A window by its name in rule files.
pub(super) fn window(window: Window) -> String {
    match window {
        Window::Day => "day".to_owned(),
        Window::Week => "week".to_owned(),
        Window::JalaliMonth => "jalali-month".to_owned(),
        Window::JalaliYear => "jalali-year".to_owned(),
        Window::Days(days) => format!("{days} days"),
    }
}

fn mcc(code: u16) -> Word {
    Word::Mcc(format!("{code:04}"))
}

fn age(age: Age) -> Word {
    match age {
        Age::Within(days) => Word::Within(days),
        Age::OlderThan(days) => Word::OlderThan(days),
    }
}

/// Where purchases are counted, unless it is the whole club.
fn place(at: &Where, said: &Said) -> Option<Word> {
    match at {
        Where::Club => None,
        Where::Merchant => Some(Word::AtShop),
        Where::Shops(_) => {
            let text = said.text.split_once("where").map_or("", |(_, rest)| rest);
            let name = text.split('"').nth(1).unwrap_or_default();
            Some(Word::AtGroup(name.to_owned()))
        }
    }
}
