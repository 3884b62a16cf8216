//! `rules check`: every fault of a folder of rule files, with its place and its mend.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::cost;
use crate::cli::Failure;
use crate::cli::lang::Lang;
use crate::config::Config;
use crate::ledger::Names;
use crate::rulefile;
use crate::serve::clock::Clock;
use crate::serve::commands::rules::plain;
use crate::serve::rules;
use crate::terms::Moment;

/// Check a folder of rule files.
///
/// Tells every fault of every file at once, each with file, line, column and a cure. Errors stop a load, notes do not.
/// What rules ask of the past need not be waited for after a load: it is read from each member's purchases of 400 days. What is counted
/// (caps, and `earned`) counts from the load that brings it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clubswitch rules check                 the rules that the configuration names
  clubswitch rules check new-rules
  clubswitch rules check new-rules --strict
  clubswitch rules check new-rules --lang fa
  clubswitch rules check new-rules --json
  clubswitch rules check new-rules --cost      and the most that each rule can give away

Exit status: 0 no fault, 1 there are notes and --strict was asked for, 2 errors.")]
pub(super) struct Args {
    /// The folder, with world/, clubs/, cards/ and clearing/ in it; left out, the one that the configuration names
    dir: Option<PathBuf>,
    /// Tell the most that each rule can give away, a purchase, a load or a grant and a day, and what is counted
    #[arg(long)]
    cost: bool,
    /// Exit with 1 when there are notes
    #[arg(long)]
    strict: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// The configuration file; conf/clubswitch.toml where it is there, else the one built in
    #[arg(long, value_name = "FILE", conflicts_with = "dir")]
    config: Option<PathBuf>,
    #[command(flatten)]
    lang: Lang,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let names = Names::default();
    let loaded = match &args.dir {
        Some(dir) => rulefile::load(dir, &names),
        None => {
            let config = Config::find(args.config.as_deref());
            rules::load(
                &config.map_err(|faults| args.lang.failure(&faults))?,
                &names,
            )
        }
    };
    let clubs = loaded.as_ref().map_or(0, |set| set.rulebook.clubs.len());
    let costs = loaded.as_ref().ok().filter(|_| args.cost).map(cost::of);
    let faults = match loaded {
        Ok(mut loaded) => {
            let over = rulefile::over(&loaded, Clock::new(None, Moment(0)).now());
            loaded.notes.0.extend(over.0);
            loaded.notes
        }
        Err(faults) => faults,
    };
    let (errors, notes) = (faults.errors(), faults.notes());
    if args.json {
        let list: Vec<Value> = faults
            .0
            .iter()
            .map(|found| plain(&args.lang.fault(found)))
            .collect();
        let mut told = json!({ "errors": errors, "notes": notes, "faults": list });
        if let Some(costs) = &costs {
            told["cost"] = cost::in_json(costs);
        }
        anstream::println!("{told}");
    }
    if errors > 0 {
        return Err(match args.json {
            true => Failure::Usage(format!("{errors} errors in the rule files")),
            false => args.lang.failure(&faults),
        });
    }
    if !args.json {
        if notes > 0 {
            anstream::eprintln!("{}", args.lang.drawn(&faults));
        }
        let s = if clubs == 1 { "" } else { "s" };
        let told = format!("no fault: rules of {clubs} club{s}");
        anstream::println!("{}", args.lang.say(&told));
        if let Some(costs) = &costs {
            anstream::print!("{}", cost::in_words(costs, args.lang.language()));
        }
    }
    match notes > 0 && args.strict {
        true => Err(Failure::Off(format!("{notes} notes in the rule files"))),
        false => Ok(()),
    }
}
