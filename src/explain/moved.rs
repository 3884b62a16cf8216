//! What an entry moved that is no purchase: a load, a conversion, a grant. It is told posting by posting, with what was reckoned.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::explain::tell::account_of;
use crate::ledger::{Entry, Function, Input, LotMove, Names, Posting};
use crate::rules::Rulebook;
use crate::rules::card::{Bonus, Convert};
use crate::terms::money::pointed;
use crate::terms::{Rials, Zone};
use crate::words::Language;
use crate::words::explain::{self as phrase, MOVED, called};
use crate::words::number::{digits, for_people};
use crate::words::outcome::outcome;

/// What one entry moved, with names for ids.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Moved {
    /// The entry.
    pub entry: u64,
    /// `load`, `transfer`, `granted` or `given`.
    pub what: String,
    /// The outcome, by its name in dialect files; none where nobody asked.
    pub outcome: Option<String>,
    /// When, in the rules' zone.
    pub at: String,
    /// The business day.
    pub business_day: String,
    /// The shop it was asked at.
    pub shop: Option<String>,
    /// Whose purses.
    pub member: Option<u32>,
    /// Of which club or card product.
    pub club: Option<String>,
    /// How much was asked for, in rials.
    pub asked: Option<i64>,
    /// Why it was given by hand; of a grant, the day on which it was due.
    pub why: Option<String>,
    /// What was reckoned, a sum a line: `10% of 1,000,000 = 100,000`.
    pub sums: Vec<Sum>,
    /// What moved between accounts.
    pub steps: Vec<Step>,
    /// What purses gained and lost.
    pub purses: Vec<Change>,
    /// The reversal that undid it.
    pub reversed_by: Option<u64>,
}

/// Something reckoned.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Sum {
    /// The rule, by its name in the card file.
    pub rule: String,
    /// The share, `10%`, or the rate, `80/100`.
    pub share: String,
    /// Of what.
    pub of: i64,
    /// What it comes to.
    pub is: i64,
}

/// An amount that went from one account to another.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Step {
    /// Why, as in `ledger entry`.
    pub reason: String,
    /// The kind of account, and whose.
    pub from: (String, String),
    /// The kind of account, and whose.
    pub to: (String, String),
    /// Rials.
    pub rials: i64,
}

/// What a purse gained, or lost where it has a minus.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Change {
    /// Which.
    pub purse: String,
    /// Whose.
    pub member: u32,
    /// How much, with its decimals.
    pub amount: String,
    /// The rule that gave it.
    pub rule: Option<String>,
    /// The last day it can be spent; none: for ever.
    pub ends: Option<String>,
}

/// What an entry moved; none of a purchase and of what moves nothing of members. `rules` are those it was decided by.
pub fn moved(entry: &Entry, names: &Names, zone: &Zone, rules: Option<&Rulebook>) -> Option<Moved> {
    let (effects, told) = (&entry.effects, entry.effects.told.as_ref());
    let (what, asked, why) = match &entry.input {
        Input::Request(asked) => match asked.function {
            Function::Load | Function::Transfer => (
                asked.function.name(),
                asked.amount.map(|rials| rials.0),
                None,
            ),
            _ => return None,
        },
        Input::Granted { due, .. } => ("granted", None, Some(due.to_string())),
        Input::Given { reason, .. } => ("given", None, Some(reason.clone())),
        _ => return None,
    };
    let between = effects
        .postings
        .iter()
        .filter(|posting| posting.member().is_none());
    let is_of = |id| effects.club == Some(id);
    let card = rules.and_then(|rules| rules.cards.iter().find(|card| is_of(card.club.id)));
    let mut sums = Vec::new();
    if let (Some(card), Some(told)) = (card, told) {
        let bonuses = card
            .pockets
            .iter()
            .filter_map(|pocket| pocket.bonus.as_ref());
        let bonuses = bonuses.filter(|bonus| told.rules.contains(&bonus.rule));
        sums.extend(bonuses.filter_map(|bonus| bonus_of(bonus, asked?, names)));
        let converts = card.converts.iter();
        let converts = converts.filter(|convert| told.rules.contains(&convert.rule));
        sums.extend(
            converts
                .filter_map(|convert| rate_of(convert, asked?, told.earned.first()?.amount, names)),
        );
    }
    Some(Moved {
        entry: entry.head.sequence.0,
        what: what.to_owned(),
        outcome: told.map(|told| told.verdict.name().to_owned()),
        at: zone.local(entry.head.at).to_string(),
        business_day: entry.head.business_day.to_string(),
        shop: effects.shop.map(|shop| names.shop(shop).to_owned()),
        member: effects.member.map(|member| member.0),
        club: effects.club.map(|club| names.club(club).to_owned()),
        asked,
        why,
        sums,
        steps: between.map(|posting| step(posting, names)).collect(),
        purses: effects
            .lots
            .iter()
            .map(|moved| change(moved, names))
            .collect(),
        reversed_by: None,
    })
}

/// The same for people.
pub fn write_moved(moved: &Moved, language: Language) -> String {
    let say = |name: &str| called(&MOVED, name, language);
    let rials = |rials: i64| for_people(&rials.to_string(), language);
    let comma = match language {
        Language::English => ", ",
        Language::Persian => "، ",
    };
    let mut out = String::new();
    let head = phrase::ENTRY.say(language, &[&digits(&moved.entry.to_string(), language)]);
    let told = moved.outcome.as_deref().map(|name| outcome(name, language));
    let told = told.map_or_else(String::new, |told| format!(": {told}"));
    let _ = writeln!(out, "{head}{comma}{}{told}", say(&moved.what));
    let mut about = vec![digits(&moved.at, language)];
    if let Some(shop) = &moved.shop {
        about.push(phrase::SHOP.say(language, &[shop, ""]).trim().to_owned());
    }
    if let Some(member) = moved.member {
        let member = digits(&member.to_string(), language);
        let club = moved.club.as_deref().unwrap_or_default();
        about.push(phrase::MEMBER_OF_TIER.say(language, &[&member, club]));
    }
    if let Some(asked) = moved.asked {
        about.push(phrase::ASKED.say(language, &[&rials(asked)]));
    }
    about.extend(moved.why.as_ref().map(|why| digits(why, language)));
    let _ = writeln!(out, "{}", about.join(comma));
    for sum in &moved.sums {
        let share = digits(&sum.share, language);
        let share = phrase::SHARE_OF.say(language, &[&share, &rials(sum.of)]);
        let _ = writeln!(out, "  {share} = {}  {}", rials(sum.is), sum.rule);
    }
    let side = |(kind, name): &(String, String)| format!("{} {name}", say(kind)).trim().to_owned();
    for step in &moved.steps {
        let (from, to) = (side(&step.from), side(&step.to));
        let _ = writeln!(
            out,
            "  {} -> {}  {}  {}",
            from,
            to,
            rials(step.rials),
            say(&step.reason)
        );
    }
    for change in &moved.purses {
        let sign = if change.amount.starts_with('-') {
            ""
        } else {
            "+"
        };
        let amount = format!("{sign}{}", for_people(&change.amount, language));
        let ends = change.ends.as_ref().map(|day| {
            let day = digits(day, language);
            format!("  {}", phrase::TO_THE_END_OF.say(language, &[&day]))
        });
        // A voucher's member is another than the one whose purse it fills.
        let whose = Some(change.member).filter(|member| Some(*member) != moved.member);
        let whose = whose.map(|member| {
            let member = digits(&member.to_string(), language);
            format!("  {}", phrase::MEMBER.say(language, &[&member]))
        });
        let rule = change.rule.as_ref().map(|rule| format!("  {rule}"));
        let _ = writeln!(
            out,
            "  {}  {amount}{}{}{}",
            change.purse,
            rule.unwrap_or_default(),
            ends.unwrap_or_default(),
            whose.unwrap_or_default(),
        );
    }
    if let Some(by) = moved.reversed_by {
        let by = digits(&by.to_string(), language);
        let _ = writeln!(out, "{} {by}", say("reversed"));
    }
    out
}

fn bonus_of(bonus: &Bonus, of: i64, names: &Names) -> Option<Sum> {
    Some(Sum {
        rule: names.rule(bonus.rule).to_owned(),
        share: bonus.percent.to_string(),
        of,
        is: bonus.percent.of(Rials(of)).ok()?.0,
    })
}

fn rate_of(convert: &Convert, of: i64, is: i64, names: &Names) -> Option<Sum> {
    Some(Sum {
        rule: names.rule(convert.rule).to_owned(),
        share: format!("{}/{}", convert.get, convert.give),
        of,
        is,
    })
}

fn step(posting: &Posting, names: &Names) -> Step {
    let side = |account| {
        let (kind, name) = account_of(account, names);
        (kind.to_owned(), name)
    };
    Step {
        reason: posting.reason.name().to_owned(),
        from: side(posting.from),
        to: side(posting.to),
        rials: posting.amount,
    }
}

fn change(moved: &LotMove, names: &Names) -> Change {
    let decimals = names.unit(names.purse_unit(moved.key.purse)).1;
    Change {
        purse: names.purse(moved.key.purse).to_owned(),
        member: moved.key.member.0,
        amount: pointed(moved.amount, decimals),
        rule: moved.terms.rule.map(|rule| names.rule(rule).to_owned()),
        ends: moved.terms.dies.map(|dies| dies.plus(-1).to_string()),
    }
}
