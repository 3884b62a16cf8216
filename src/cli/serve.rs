//! `serve`: the daemon.

use std::path::PathBuf;

use crate::cli::{Failure, chain};
use crate::config::Config;
use crate::serve::{self, Options, ServeError, logs};

/// Run the switch.
///
/// With the shipped configuration nothing else is needed: data in ./var, POS link on 127.0.0.1:8583 (2-byte length,
/// dialect iso87-ascii), /metrics, /livez, /readyz and /version on 127.0.0.1:9583, an admin socket in the data folder.
/// SIGTERM finishes what was accepted and exits 0.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clubswitch serve
  clubswitch serve --config /etc/clubswitch/clubswitch.toml
  CLUBSWITCH_LOG=debug clubswitch serve

Exit status: 0 stopped by a signal, 2 a fault in configuration, rules or data folder, 74 the disk failed, or the data
folder or an address is in use: start it again.")]
pub(super) struct Args {
    /// The configuration file; conf/clubswitch.toml where it is there, else the one built in
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Give up every journal entry after this one, where the journal would be refused
    #[arg(long, value_name = "SEQUENCE")]
    accept_loss_after: Option<u64>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let config = Config::find(args.config.as_deref())?;
    logs::begin(config.log);
    match &config.file {
        Some(path) => tracing::info!(
            "clubswitch {}, configured by {}",
            env!("CARGO_PKG_VERSION"),
            path.display()
        ),
        None => tracing::info!(
            "clubswitch {}, configured as built in",
            env!("CARGO_PKG_VERSION")
        ),
    }
    let options = Options {
        accept_loss_after: args.accept_loss_after,
    };
    serve::run(config, options).map_err(|error| match error {
        ServeError::Rules(faults) => Failure::Faults(faults),
        error if error.is_io() => Failure::Io(chain(&error)),
        error => Failure::Usage(chain(&error)),
    })
}
