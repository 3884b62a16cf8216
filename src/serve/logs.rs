//! Log lines on standard error: one an event, for people or as JSON.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Begins to log. `CLUBSWITCH_LOG` narrows or widens it (`warn`, `clubswitch=debug`); `info` where it is not set.
pub fn begin(format: LogFormat) {
    let filter =
        EnvFilter::try_from_env("CLUBSWITCH_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        // A closed standard error costs lines, not threads.
        .log_internal_errors(false)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // A second call, as in a test, keeps the first.
    let _ = match format {
        LogFormat::Human => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}
