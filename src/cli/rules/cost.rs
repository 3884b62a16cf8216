//! What rules can cost, rule by rule, in words or for other programs: `check --cost`.

use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use crate::ledger::Names;
use crate::rulefile::Loaded;
use crate::rulefile::cost::{self, Bound, ClubCost, RuleCost, StageCost};
use crate::terms::Rials;
use crate::words::Language;
use crate::words::number::digits;
use crate::words::sets::{self as say, word};

/// What the rules of a set can cost.
pub(in crate::cli) fn of(loaded: &Loaded) -> Vec<ClubCost> {
    let mut names = Names::default();
    for named in &loaded.rulebook.names {
        names.put(named.clone());
    }
    cost::of(&loaded.rulebook, &names)
}

/// A table a club.
pub(in crate::cli) fn in_words(clubs: &[ClubCost], language: Language) -> String {
    let mut out = String::new();
    for club in clubs {
        out.push_str(&format!("{}\n", say::MOST.say(language, &[&club.club])));
        for stage in club.stages.iter().filter(|stage| !stage.rules.is_empty()) {
            let mode = match stage.mode {
                "all" => "all that apply",
                "first" => "the first that applies",
                _ => "the best for the member",
            };
            let parts = [word(stage.stage, language), word(mode, language)];
            out.push_str(&format!("  {}\n", say::STAGE.say(language, &parts)));
            let together = say::TOGETHER.say(language, &[]);
            let mut rows: Vec<(&str, String)> = Vec::new();
            for rule in &stage.rules {
                let gives = bound(&rule.gives, stage.stage, language);
                rows.push((&rule.rule, gives + &each(rule, language)));
            }
            if stage.rules.len() > 1 {
                rows.push((&together, bound(&stage.together, stage.stage, language)));
            }
            let widest = rows.iter().map(|(name, _)| name.width()).max();
            let widest = widest.unwrap_or(0).max("together".len());
            for (name, text) in rows {
                let gap = " ".repeat(widest - name.width());
                out.push_str(&format!("    {name}{gap}  {text}\n"));
            }
        }
        for (purse, days) in &club.counted {
            let days = digits(&days.to_string(), language);
            out.push_str(&format!(
                "  {}\n",
                say::COUNTED.say(language, &[purse, &days])
            ));
        }
        if let Some((measure, purse, days)) = &club.tiers {
            let measure = word(measure, language);
            let measure = match purse {
                Some(purse) => format!("{measure} {purse}"),
                None => measure.to_owned(),
            };
            let days = digits(&days.to_string(), language);
            out.push_str(&format!(
                "  {}\n",
                say::TIERS.say(language, &[&measure, &days])
            ));
        }
    }
    out
}

fn bound(bound: &Bound, stage: &str, language: Language) -> String {
    // Of what it is a share, and what it is given for.
    let (whole, one) = match stage {
        "load" => ("load", "load"),
        "grant" => ("grant", "card and month"),
        _ => ("bill", "purchase"),
    };
    let (whole, one) = (word(whole, language), word(one, language));
    let rials = |amount: Rials| digits(&amount.to_string(), language);
    let share = bound.share.map(|share| digits(&percent(share), language));
    let purchase = match (&share, bound.purchase) {
        (Some(share), Some(most)) => {
            say::SHARE_AT_MOST.say(language, &[share, whole, &rials(most), one])
        }
        (Some(share), None) => say::SHARE_UNBOUND.say(language, &[share, whole, "", one]),
        (None, Some(most)) => say::AMOUNT.say(language, &[&rials(most), one]),
        (None, None) => say::UNBOUND.say(language, &[]),
    };
    match bound.day {
        Some(day) => say::DAY.say(language, &[&purchase, &rials(day)]),
        None => say::NO_DAY.say(language, &[&purchase]),
    }
}

fn each(rule: &RuleCost, language: Language) -> String {
    let each = rule.each.iter().map(|(who, days, most)| {
        let (who, most) = (word(who, language), digits(&most.to_string(), language));
        match days {
            1 => say::EACH_DAY.say(language, &[&most, who]),
            days => {
                let days = digits(&days.to_string(), language);
                say::EACH_DAYS.say(language, &[&most, who, &days])
            }
        }
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
            "counted": club
                .counted
                .iter()
                .map(|(purse, days)| json!({ "earned_into": purse, "days": days }))
                .collect::<Vec<_>>(),
            "tiers": club
                .tiers
                .as_ref()
                .map(|(by, purse, days)| json!({ "by": by, "purse": purse, "days": days })),
        })
    };
    json!(clubs.iter().map(club).collect::<Vec<_>>())
}
