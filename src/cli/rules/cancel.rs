//! `rules cancel`: a set that waits is taken back.

use std::path::PathBuf;

use serde_json::json;

use super::load::told;
use crate::cli::lang::Lang;
use crate::cli::{Failure, desk};
use crate::config::Config;

/// Take back a rule set that waits for its hour or for approval.
///
/// Its number is not given again, and its files stay where they are kept.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clubswitch rules cancel 42 --why \"the shop asked for another day\"

Exit status: 0 taken back, 1 it does not wait, 2 a fault in the command, 74 the disk failed.")]
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
        &desk::carry_out(&config, "rules-cancel", &words)?,
        args.json,
        args.lang,
    )
}
