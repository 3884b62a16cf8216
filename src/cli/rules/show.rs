//! `rules show`: a rule set as it was loaded, its files to the byte.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::in_words;
use crate::cli::lang::Lang;
use crate::cli::{Failure, desk};
use crate::config::Config;

/// Show a rule set and its files as they were loaded.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clubswitch rules show                                    the set in force
  clubswitch rules show 41
  clubswitch rules show 41 --file clubs/golestan.toml > golestan.toml
  clubswitch rules show 41 --to old-rules                  all its files, to load or to compare them again

Exit status: 0 well, 1 there is no such set or file, 2 a fault in the command, 74 the disk failed.")]
pub(super) struct Args {
    /// The number of the set, as `rules list` shows it; left out, the one in force
    number: Option<u32>,
    /// Only this file, and nothing else
    #[arg(long, value_name = "NAME", conflicts_with_all = ["json", "to"])]
    file: Option<String>,
    /// Write its files into this folder, which must not be there
    #[arg(long, value_name = "DIR", conflicts_with = "json")]
    to: Option<PathBuf>,
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
    let told = desk::carry_out(&config, "rules-show", &json!({ "number": args.number }))?;
    if args.json {
        anstream::println!("{told:#}");
        return Ok(());
    }
    let files = files(&told);
    if let Some(wanted) = &args.file {
        let Some((_, text)) = files.iter().find(|(name, _)| name == wanted) else {
            let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
            let names = names.join(", ");
            return Err(Failure::Off(format!(
                "set {} has no file {wanted:?}; it has {names}",
                told["number"]
            )));
        };
        anstream::print!("{text}");
        return Ok(());
    }
    if let Some(dir) = &args.to {
        return write(dir, &files);
    }
    anstream::println!("{}", in_words(&told, args.lang.language()));
    for (name, text) in files {
        anstream::println!("\n# ---- {name}\n{}", text.trim_end());
    }
    Ok(())
}

/// The files of a set that was shown: name and text.
pub(super) fn files(told: &Value) -> Vec<(&str, &str)> {
    let files = told["files"].as_array().into_iter().flatten();
    files
        .filter_map(|file| Some((file["name"].as_str()?, file["text"].as_str()?)))
        .collect()
}

fn write(dir: &std::path::Path, files: &[(&str, &str)]) -> Result<(), Failure> {
    let io = |error: std::io::Error| Failure::Io(format!("write {}: {error}", dir.display()));
    if dir.exists() {
        return Err(Failure::Usage(format!("{} is there", dir.display())));
    }
    for (name, text) in files {
        let path = dir.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(io)?;
        }
        std::fs::write(path, text).map_err(io)?;
    }
    anstream::println!("{} files in {}", files.len(), dir.display());
    Ok(())
}
