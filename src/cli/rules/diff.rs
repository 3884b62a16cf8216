//! `rules diff`: what differs between two rule sets, or a set and a folder, in words.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::show::files;
use crate::cli::lang::Lang;
use crate::cli::{Failure, desk};
use crate::config::Config;
use crate::ledger::Names;
use crate::rulefile;
use crate::rulefile::diff::{Difference, Kind, diff};
use crate::serve::rules;
use crate::words::difference::SAME;

/// Say in words what differs between two rule sets.
///
/// A number is a set as `rules list` shows it, anything else a folder of rule files (write ./42 for a folder of that name). Rules are
/// matched by their names.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clubswitch rules diff                  from the set in force to the files that the configuration names
  clubswitch rules diff new-rules        from the set in force to a folder
  clubswitch rules diff 42               from the set in force to one that waits
  clubswitch rules diff 40 41 --lang fa

Exit status: 0 well, 1 there is no such set, 2 a fault in the command or in a rule file, 74 the disk failed.")]
pub(super) struct Args {
    /// From what to what; one alone is what the set in force is compared with
    #[arg(value_name = "SET|DIR", num_args = 0..=2)]
    of: Vec<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    lang: Lang,
    /// The configuration file; conf/clubswitch.toml where it is there, else the one built in
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// The files of one side, and what it is.
struct Side {
    what: String,
    texts: Vec<(String, String)>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let config = Config::find(args.config.as_deref())?;
    let side = |name: &str| match name.parse::<u32>() {
        Ok(number) => set(&config, Some(number)),
        Err(_) => folder(Path::new(name), args.lang),
    };
    let (old, new) = match args.of.as_slice() {
        [] => (set(&config, None)?, configured(&config, args.lang)?),
        [new] => (set(&config, None)?, side(new)?),
        [old, new, ..] => (side(old)?, side(new)?),
    };
    let found = diff(&borrowed(&old.texts), &borrowed(&new.texts));
    if args.json {
        let rows: Vec<Value> = found.iter().map(|row| told(row, args.lang)).collect();
        let told = json!({ "from": old.what, "to": new.what, "differences": rows });
        anstream::println!("{told:#}");
        return Ok(());
    }
    anstream::println!("{} -> {}", old.what, new.what);
    let language = args.lang.language();
    if found.is_empty() {
        anstream::println!("{}", SAME.say(language, &[]));
    }
    let mut file = "";
    for row in &found {
        if row.file != file {
            file = &row.file;
            anstream::println!("{file}");
        }
        anstream::println!("  {}", row.in_words(language));
    }
    Ok(())
}

fn set(config: &Config, number: Option<u32>) -> Result<Side, Failure> {
    let told = desk::carry_out(config, "rules-show", &json!({ "number": number }))?;
    let texts = files(&told).into_iter();
    Ok(Side {
        what: format!("set {}", told["number"]),
        texts: texts
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .collect(),
    })
}

fn folder(dir: &Path, lang: Lang) -> Result<Side, Failure> {
    let loaded = rulefile::load(dir, &Names::default());
    Ok(Side {
        what: dir.display().to_string(),
        texts: loaded.map_err(|faults| lang.failure(&faults))?.texts,
    })
}

fn configured(config: &Config, lang: Lang) -> Result<Side, Failure> {
    let loaded = rules::load(config, &Names::default());
    let what = match &config.rules {
        Some(dir) => dir.display().to_string(),
        None => "the rules built in".to_owned(),
    };
    Ok(Side {
        what,
        texts: loaded.map_err(|faults| lang.failure(&faults))?.texts,
    })
}

fn borrowed(texts: &[(String, String)]) -> Vec<(&str, &str)> {
    let texts = texts.iter();
    texts
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect()
}

fn told(row: &Difference, lang: Lang) -> Value {
    let mut told = json!({
        "file": row.file,
        "of": row.of,
        "key": row.key,
        "kind": row.kind.name(),
        "new_lots_only": row.is_for_new_lots(),
        "also": row.also,
        "words": row.in_words(lang.language()),
    });
    match &row.kind {
        Kind::New(now) => told["now"] = json!(now),
        Kind::Gone(was) => told["was"] = json!(was),
        Kind::Changed { was, now } => {
            told["was"] = json!(was);
            told["now"] = json!(now);
        }
        Kind::Listed { more, fewer } => {
            told["more"] = json!(more);
            told["fewer"] = json!(fewer);
        }
        Kind::Order(names) => told["now"] = json!(names),
        Kind::Lines { more, fewer } => {
            told["more"] = json!(more);
            told["fewer"] = json!(fewer);
        }
        Kind::Layout => {}
    }
    told
}
