//! `rules`: the rule files from writing to running. A file per act: its `Args` and `run`, and a row in `Act`.

mod approve;
mod cancel;
mod check;
pub(super) mod cost;
mod diff;
mod list;
mod load;
mod reference;
mod replay;
mod schema;
mod show;

use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use crate::cli::Failure;
use crate::cli::lang::Lang;
use crate::terms::money::grouped;
use crate::words::Language;
use crate::words::number::digits;
use crate::words::sets as say;

/// Work on rule files: check them, put them in force, see what was in force.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clubswitch rules check conf/rules
  clubswitch rules check conf/rules --strict --json
  clubswitch rules schema > rules.schema.json
  clubswitch rules load                  put them in force in the running switch
  clubswitch rules list
  clubswitch rules replay --days 30 --with new-rules

Exit status: 0 well, 1 it was refused, or there are notes and --strict was asked for, 2 a fault in the command or in a rule file,
74 the disk failed.")]
pub(super) struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    Check(check::Args),
    Schema(schema::Args),
    Reference(reference::Args),
    Load(load::Args),
    Approve(approve::Args),
    Cancel(cancel::Args),
    List(list::Args),
    Show(show::Args),
    Diff(diff::Args),
    Replay(replay::Args),
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    match &args.act {
        Act::Check(args) => check::run(args),
        Act::Schema(args) => schema::run(args),
        Act::Reference(args) => reference::run(args),
        Act::Load(args) => load::run(args),
        Act::Approve(args) => approve::run(args),
        Act::Cancel(args) => cancel::run(args),
        Act::List(args) => list::run(args),
        Act::Show(args) => show::run(args),
        Act::Diff(args) => diff::run(args),
        Act::Replay(args) => replay::run(args),
    }
}

/// A load that was refused: the faults drawn, or as JSON. Always a failure.
fn refused(told: &Value, json: bool, lang: Lang) -> Result<(), Failure> {
    let language = lang.language();
    let faults = told["faults"].as_array().into_iter().flatten();
    let faults: Vec<&Value> = faults.collect();
    let errors = faults.iter().filter(|fault| fault["severity"] == "error");
    let count = |language| match errors.clone().count() {
        1 => say::FAULT.say(language, &[]),
        count => say::FAULTS.say(language, &[&digits(&count.to_string(), language)]),
    };
    if json {
        anstream::println!("{told:#}");
        return Err(Failure::Usage(count(Language::English)));
    }
    let drawn = match language {
        Language::English => "drawn",
        Language::Persian => "drawn_fa",
    };
    let drawn = faults.iter().filter_map(|fault| fault[drawn].as_str());
    let drawn: Vec<&str> = drawn.collect();
    let count = count(language);
    Err(Failure::Drawn(format!("{}\n{count}", drawn.join("\n"))))
}

/// A set and its state, in a line or two.
fn in_words(set: &Value, language: Language) -> String {
    let text = |key: &str| digits(set[key].as_str().unwrap_or_default(), language);
    let local = |value: &Value| digits(&value.to_string(), language);
    let number = local(&set["number"]);
    let (since, until) = (text("since"), text("until"));
    let what = match set["state"].as_str().unwrap_or_default() {
        "same" => say::SAME.say(language, &[&number, &since]),
        "waits-already" => say::WAITS_ALREADY.say(language, &[&number]),
        "in-force" => say::IN_FORCE.say(language, &[&number, &since]),
        "was-in-force" => say::WAS_IN_FORCE.say(language, &[&number, &since, &until]),
        "taken-back" => say::TAKEN_BACK.say(language, &[&number]),
        "waits-for-approval" => {
            let from = match set["planned"].as_str() {
                Some(hour) => say::FROM.say(language, &[&digits(hour, language)]),
                None => String::new(),
            };
            // What is typed stays as it is typed.
            let typed = set["number"].to_string();
            say::FOR_APPROVAL.say(language, &[&number, &from, &typed])
        }
        _ => say::WAITS.say(language, &[&number, &text("planned")]),
    };
    let counts = match (set["clubs"].is_u64(), set["rules"].is_u64()) {
        (true, true) => say::COUNTS.say(language, &[&local(&set["clubs"]), &local(&set["rules"])]),
        _ => String::new(),
    };
    let hash = say::HASH.say(language, &[&counts, &short(set), &who(set, language)]);
    format!("{what}\n{hash}")
}

/// The state of a set, as `rules list` shows it.
fn state(set: &Value) -> &'static str {
    match set["state"].as_str() {
        Some("in-force") => "in force",
        Some("was-in-force") => "before",
        Some("taken-back") => "taken back",
        Some("waits-for-approval") => "waits for approval",
        _ => "waits",
    }
}

/// The beginning of its hash.
fn short(set: &Value) -> String {
    let hash = set["sha256"].as_str().unwrap_or_default();
    hash.chars().take(12).collect()
}

/// Who did what with it, and why.
fn who(set: &Value, language: Language) -> String {
    let acts = [
        ("loaded", "loaded"),
        ("approved", "approved"),
        ("withdrawn", "taken back"),
    ];
    let acts = acts.iter().filter_map(|(key, word)| {
        let done = set.get(*key).filter(|done| done.is_object())?;
        let text = |key: &str| done[key].as_str().unwrap_or_default();
        let why = match text("why") {
            "" => String::new(),
            why => format!(" ({why})"),
        };
        let at = digits(text("at"), language);
        let parts = [say::word(word, language), &at, text("by"), &why];
        Some(say::ACT.say(language, &parts))
    });
    acts.collect::<Vec<_>>().join(match language {
        Language::English => ", ",
        Language::Persian => "، ",
    })
}

/// Rows under one another, two blanks between columns; those named stand to the right.
fn aligned(rows: &[Vec<String>], right: &[usize]) -> String {
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        cells.map(|cell| cell.width()).max().unwrap_or(0)
    };
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (at, cell) in row.iter().enumerate() {
            let blanks = " ".repeat(width(at) - cell.width());
            line.push_str(&match right.contains(&at) {
                true => format!("{blanks}{cell}  "),
                false => format!("{cell}{blanks}  "),
            });
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// A whole number with its thousands set off.
fn number(value: &Value) -> String {
    value
        .as_i64()
        .map_or_else(String::new, |number| grouped(number, 0))
}
