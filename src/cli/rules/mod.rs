//! `rules`: the rule files from writing to running. A file per act: its `Args` and `run`, and a row in `Act`.

mod check;

use crate::cli::Failure;

/// Work on rule files: check them before they run.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clubswitch rules check conf/rules
  clubswitch rules check conf/rules --strict --json

Exit status: 0 well, 1 there are notes and --strict was asked for, 2 a fault in the command or in a rule file,
74 the disk failed.")]
pub(super) struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    Check(check::Args),
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    match &args.act {
        Act::Check(args) => check::run(args),
    }
}
