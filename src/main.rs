//! The command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    clubswitch::cli::run()
}
