//! `rules approve`: the second person of two puts a set in force that the first has loaded.

use std::path::PathBuf;

use serde_json::json;

use super::load::told;
use crate::cli::lang::Lang;
use crate::cli::{Failure, desk};
use crate::config::Config;

/// Approve a rule set that somebody else has loaded.
///
/// It is checked once more and comes into force, at once or at the hour it was loaded for. Whoever loaded it is refused: persons are
/// told apart by the login that their process comes from, else by its user.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clubswitch rules diff 42               what would change
  clubswitch rules approve 42 --why \"seen with the club's owner\"

Exit status: 0 approved, 1 it was refused, 2 a fault in the command or in a rule file, 74 the disk failed.")]
pub(super) struct Args {
    /// The number of the set, as `rules list` shows it
    number: u32,
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
    let words = json!({ "number": args.number, "why": args.why });
    told(
        &desk::carry_out(&config, "rules-approve", &words)?,
        args.json,
        args.lang,
    )
}
