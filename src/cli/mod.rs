//! The command line: a file per subcommand. To add one: its file with `Args` and `run`, and a row in `Command`.

mod capture;
mod check;
mod demo;
mod describe;
mod desk;
mod dialects;
mod doctor;
mod encode;
mod explain;
mod fields;
mod lang;
mod ledger;
mod line;
mod pos;
mod rules;
mod serve;
mod settle;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::source::Faults;

/// An ISO 8583 switch that decides customer-club loyalty inside the payment message.
///
/// A POS network connects, a customer pays, and in that one message the switch gives the discount, takes the points he
/// asked to spend, earns him new ones, splits the money, writes it down durably, and answers. At the end of the day the
/// files for bank and clearing house are ready.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "Examples:
  clubswitch serve                        run with conf/clubswitch.toml, or with what is built in
  clubswitch check                        tell every fault of configuration, dialects and rules
  clubswitch rules check conf/rules       tell every fault of a folder of rule files
  clubswitch rules load                   put changed rules in force while the switch runs
  clubswitch describe --list              name the dialects
  clubswitch describe --dialect auto FILE find out what a capture is
  clubswitch pos echo                     ask the running switch something, as a terminal does
  clubswitch settle --day today           make the day's files, as far as they are
  clubswitch explain 632614000123         tell why a purchase got what it got, rule by rule
  clubswitch ledger verify                replay the journal and hold everything against it
  clubswitch demo                         show a whole day with a crash in it, and that every rial adds up

Exit status: 0 well, 1 something is off, 2 a fault in the command, the configuration or a rule file,
3 nobody answered, 74 the disk or the network failed."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Check(check::Args),
    Describe(describe::Args),
    Encode(encode::Args),
    Pos(Box<pos::Args>),
    Settle(settle::Args),
    Ledger(ledger::Args),
    Rules(rules::Args),
    Explain(Box<explain::Args>),
    Demo(demo::Args),
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// It was done, and something is not as it should be: exit status 1.
    Off(String),
    /// The command, the configuration or a rule file is faulty: exit status 2.
    Usage(String),
    /// Faults with their places: exit status 2.
    Faults(Faults),
    /// The same, drawn already.
    Drawn(String),
    /// Nobody could be reached, or nobody answered: exit status 3.
    NoAnswer(String),
    /// The disk or the network failed: exit status 74.
    Io(String),
}

/// The command line as it is understood, for documentation and tests.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Reads the command line, does what it says, and tells how it went.
pub fn run() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Describe(args) => describe::run(&args),
        Command::Encode(args) => encode::run(&args),
        Command::Pos(args) => pos::run(&args),
        Command::Settle(args) => settle::run(&args),
        Command::Ledger(args) => ledger::run(&args),
        Command::Rules(args) => rules::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Demo(args) => demo::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // The status counts where nobody reads the words.
            let _ = writeln!(anstream::stderr(), "{}", failure.text().trim_end());
            ExitCode::from(failure.status())
        }
    }
}

impl Failure {
    /// The exit status.
    pub fn status(&self) -> u8 {
        match self {
            Failure::Off(_) => 1,
            Failure::Usage(_) | Failure::Faults(_) | Failure::Drawn(_) => 2,
            Failure::NoAnswer(_) => 3,
            Failure::Io(_) => 74,
        }
    }

    fn text(&self) -> String {
        match self {
            Failure::Off(text)
            | Failure::Usage(text)
            | Failure::NoAnswer(text)
            | Failure::Io(text) => {
                format!("clubswitch: {text}")
            }
            Failure::Drawn(text) => text.clone(),
            // Colours are taken out again where standard error is no terminal.
            Failure::Faults(faults) => {
                let count = match faults.errors() {
                    1 => "1 fault".to_owned(),
                    count => format!("{count} faults"),
                };
                format!("{}\n{count}", faults.drawn(true))
            }
        }
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Failure {
        Failure::Faults(faults)
    }
}

/// An error with all its causes, in one line.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
