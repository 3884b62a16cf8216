//! What rules can cost, rule by rule, in words or for other programs: `check --cost`.

use serde_json::{Value, json};

use crate::ledger::Names;
use crate::rulefile::Loaded;
use crate::rulefile::cost::{self, Bound, ClubCost, RuleCost, StageCost};
use crate::terms::Rials;

/// What the rules of a set can cost.
pub(in crate::cli) fn of(loaded: &Loaded) -> Vec<ClubCost> {
    let mut names = Names::default();
    for named in &loaded.rulebook.names {
        names.put(named.clone());
    }
    cost::of(&loaded.rulebook, &names)
}

/// A table a club.
pub(in crate::cli) fn in_words(clubs: &[ClubCost]) -> String {
    let mut out = String::new();
    for club in clubs {
        out.push_str(&format!(
            "club {}: the most that its rules can give away\n",
            club.club
        ));
        for stage in club.stages.iter().filter(|stage| !stage.rules.is_empty()) {
            let mode = match stage.mode {
                "all" => "all that apply",
                "first" => "the first that applies",
                _ => "the best for the member",
            };
            out.push_str(&format!("  {}: {mode}\n", stage.stage));
            let width = stage.rules.iter().map(|rule| rule.rule.len()).max();
            let width = width.unwrap_or(0).max("together".len());
            for rule in &stage.rules {
                let each = each(rule);
                out.push_str(&format!(
                    "    {:width$}  {}{each}\n",
                    rule.rule,
                    bound(&rule.gives, stage.stage)
                ));
            }
            if stage.rules.len() > 1 {
                out.push_str(&format!(
                    "    {:width$}  {}\n",
                    "together",
                    bound(&stage.together, stage.stage)
                ));
            }
        }
    }
    out
}

fn bound(bound: &Bound, stage: &str) -> String {
    // Of what it is a share, and what it is given for.
    let (whole, one) = match stage {
        "load" => ("load", "load"),
        "grant" => ("grant", "card and month"),
        _ => ("bill", "purchase"),
    };
    let share = bound
        .share
        .map(|share| format!("{} of the {whole}", percent(share)));
    let purchase = match (&share, bound.purchase) {
        (Some(share), Some(most)) => format!("{share}, at most {most} rial a {one}"),
        (Some(share), None) => format!("{share}, of a {one} without bound"),
        (None, Some(most)) => format!("{most} rial a {one}"),
        (None, None) => "without bound".to_owned(),
    };
    match bound.day {
        Some(day) => format!("{purchase}; at most {day} rial a day"),
        None => format!("{purchase}; no bound a day"),
    }
}

fn each(rule: &RuleCost) -> String {
    let each = rule.each.iter().map(|(who, days, most)| match days {
        1 => format!("; at most {most} rial a {who} and day"),
        _ => format!("; at most {most} rial a {who} in {days} days"),
    });
    each.collect()
}

/// Millionths as a percent.
fn percent(share: u64) -> String {
    let text = format!("{}.{:04}", share / 10_000, share % 10_000);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Amounts in rials, shares of the bill in millionths; null is without bound.
pub(in crate::cli) fn in_json(clubs: &[ClubCost]) -> Value {
    let rials = |amount: Option<Rials>| amount.map(|amount| amount.0);
    let bound = |bound: &Bound| {
        json!({
            "share_millionths": bound.share,
            "purchase_rial": rials(bound.purchase),
            "day_rial": rials(bound.day),
        })
    };
    let rule = |rule: &RuleCost| {
        let each = rule
            .each
            .iter()
            .map(|(who, days, most)| json!({ "per": who, "days": days, "max_rial": most.0 }));
        json!({
            "rule": rule.rule,
            "gives": bound(&rule.gives),
            "each": each.collect::<Vec<_>>(),
        })
    };
    let stage = |stage: &StageCost| {
        json!({
            "stage": stage.stage,
            "mode": stage.mode,
            "rules": stage.rules.iter().map(rule).collect::<Vec<_>>(),
            "together": bound(&stage.together),
        })
    };
    let club = |club: &ClubCost| {
        json!({
            "club": club.club,
            "stages": club.stages.iter().map(stage).collect::<Vec<_>>(),
        })
    };
    json!(clubs.iter().map(club).collect::<Vec<_>>())
}
