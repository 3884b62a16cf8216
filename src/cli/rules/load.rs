//! `rules load`: rule files put in force, now or at an hour, by the running switch or in the data folder.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{in_words, refused};
use crate::cli::lang::Lang;
use crate::cli::{Failure, desk};
use crate::config::Config;
use crate::ledger::Names;
use crate::rulefile;
use crate::serve::commands::rules::fault;
use crate::words::Language;
use crate::words::number::digits;
use crate::words::sets::MORE_NOTES;

/// Put rule files in force.
///
/// Reads, checks and compiles them beside the purchases, writes the set with its number, its SHA-256 and who loaded it into the
/// journal, and puts it in the place of the one before between two purchases. Any fault: nothing changes. Where a club says
/// approve = "two-persons", the set waits until another person approves it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clubswitch rules load                                  the rules that the configuration names, as SIGHUP does
  clubswitch rules load new-rules --why \"Yalda\"
  clubswitch rules load new-rules --at \"1405/10/01 00:00\"
  clubswitch rules load new-rules --json

Exit status: 0 in force, waiting, or there already, 1 it was refused, 2 a fault in the command or in a rule file, 74 the disk failed.")]
pub(super) struct Args {
    /// The folder, with world/, clubs/, cards/ and clearing/ in it; left out, the one that the configuration names
    dir: Option<PathBuf>,
    /// The moment they come into force, as "1405/10/01 00:00" in the zone of the calendar
    #[arg(long, value_name = "MOMENT")]
    at: Option<String>,
    /// A reason, kept in the journal
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
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
    let mut words = json!({ "at": args.at, "why": args.why });
    if let Some(dir) = &args.dir {
        // The switch may run as somebody who cannot see this folder: it gets the files, not their place.
        match rulefile::load(dir, &Names::default()) {
            Ok(loaded) => words["texts"] = json!(loaded.texts),
            Err(faults) => {
                let faults: Value = faults.0.iter().map(fault).collect();
                return refused(
                    &json!({ "state": "refused", "faults": faults }),
                    args.json,
                    args.lang,
                );
            }
        }
    }
    let done = desk::carry_out(&config, "rules-load", &words)?;
    told(&done, args.json, args.lang)
}

/// What became of a set: in words or as JSON.
pub(super) fn told(done: &Value, json: bool, lang: Lang) -> Result<(), Failure> {
    if done["state"] == "refused" {
        return refused(done, json, lang);
    }
    if json {
        anstream::println!("{done:#}");
        return Ok(());
    }
    for note in done["notes"].as_array().into_iter().flatten() {
        let key = match lang.language() {
            Language::English => "drawn",
            Language::Persian => "drawn_fa",
        };
        anstream::eprintln!("{}", note[key].as_str().unwrap_or_default());
    }
    if let Some(unsaid) = done["notes_unsaid"].as_u64().filter(|unsaid| *unsaid > 0) {
        let unsaid = digits(&unsaid.to_string(), lang.language());
        let more = MORE_NOTES.say(lang.language(), &[&unsaid]);
        anstream::eprintln!("{more}\n");
    }
    anstream::println!("{}", in_words(done, lang.language()));
    Ok(())
}
