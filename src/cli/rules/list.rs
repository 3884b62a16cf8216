//! `rules list`: every rule set that was loaded, what became of it, and by whom.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{aligned, short, state, who};
use crate::cli::lang::Lang;
use crate::cli::{Failure, desk};
use crate::config::Config;
use crate::words::Language;
use crate::words::number::digits;
use crate::words::sets::word;

/// List the rule sets: in force, before, waiting, taken back.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clubswitch rules list
  clubswitch rules list --json

Exit status: 0 well, 2 a fault in the command or configuration, 74 the disk failed.")]
pub(super) struct Args {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    lang: Lang,
    /// The configuration file; conf/clubswitch.toml where it is there, else the one built in
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let config = Config::find(args.config.as_deref())?;
    let told = desk::carry_out(&config, "rules-list", &json!({}))?;
    if args.json {
        anstream::println!("{told:#}");
    } else {
        anstream::print!("{}", table(&told, args.lang.language()));
    }
    Ok(())
}

fn table(told: &Value, language: Language) -> String {
    let heads = [
        "set", "state", "since", "until", "sha", "clubs", "rules", "who",
    ];
    let mut rows = vec![heads.map(|head| word(head, language).to_owned()).to_vec()];
    for set in told["sets"].as_array().into_iter().flatten() {
        let text = |key: &str| match &set[key] {
            Value::Null => "-".to_owned(),
            Value::String(text) => digits(text, language),
            other => digits(&other.to_string(), language),
        };
        let since = match set["state"].as_str() {
            Some("waits-for-its-hour" | "waits-for-approval") => text("planned"),
            _ => text("since"),
        };
        rows.push(vec![
            text("number"),
            word(state(set), language).to_owned(),
            since,
            text("until"),
            short(set),
            text("clubs"),
            text("rules"),
            who(set, language),
        ]);
    }
    aligned(&rows, &[])
}
