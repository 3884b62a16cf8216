//! What the configuration file says, checked once and turned into what the program needs.
//!
//! The shipped file is built in: without a file in reach the program runs as if it stood there.

mod read;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::source::{FaultLog, Faults, File, Language};
use crate::spec::Spec;
use crate::terms::{Channel, Local};
use crate::wire::framing::Framing;

/// Where the configuration is looked for when no other place is named.
pub const USUAL_PLACE: &str = "conf/clubswitch.toml";

/// The configuration that comes with the program.
pub const SHIPPED: &str = include_str!("../../conf/clubswitch.toml");

/// How a configuration file calls itself, and the numbers of its faults.
pub(crate) const LANGUAGE: Language = Language {
    name: "the configuration",
    syntax: "C01",
    unknown: "C02",
    form: "C03",
    percent: "C04",
    date: "C05",
    hours: "C06",
    name_form: "C07",
};

/// Everything the switch is told by its operator.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it was read from; `None` for the built-in one.
    pub file: Option<PathBuf>,
    /// The data folder.
    pub data: PathBuf,
    /// The folder of rule files; `None`: the built-in ones.
    pub rules: Option<PathBuf>,
    /// The folder of dialects beside the built-in ones.
    pub specs: Option<PathBuf>,
    /// The links that others open; at least one.
    pub listeners: Vec<Listener>,
    /// Where metrics and health are served; `None`: nowhere.
    pub http: Option<SocketAddr>,
    /// The token key file; `None`: `token.key` in the data folder.
    pub token_key: Option<PathBuf>,
    /// How much of what.
    pub limits: Limits,
    /// Where closed days go, and when.
    pub archive: Archiving,
    /// What the clock shows at the start, in the zone of the calendar; `None`: the time.
    pub clock_start: Option<Local>,
    /// How log lines look.
    pub log: LogFormat,
}

/// A link that others open.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Its name in logs and metrics.
    pub name: String,
    /// Where it listens.
    pub bind: SocketAddr,
    /// Where one message ends and the next begins, with its limit.
    pub framing: Framing,
    /// What its messages look like.
    pub dialect: Arc<Spec>,
    /// The acquirer where a message names none.
    pub acquirer: String,
    /// Connections at once.
    pub max_connections: usize,
    /// Unanswered requests of one connection, above which reading pauses.
    pub max_in_flight: usize,
    /// Silence that ends a connection.
    pub idle_timeout: Duration,
    /// What a message that has begun may take to end.
    pub partial_frame_timeout: Duration,
    /// Whether a sign-on must come first.
    pub require_sign_on: bool,
    /// The only terminals let in; `None`: any.
    pub terminals: Option<Vec<String>>,
    /// Whether its terminals are being tested: then an answer names the field at fault (tag 99).
    pub test: bool,
    /// The way on which its messages come, as rules ask for it.
    pub channel: Channel,
    /// After this long a request is not decided any more; `None`: always.
    pub deadline: Option<Duration>,
}

/// How much of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests that may wait to be decided.
    pub queue: usize,
    /// An older advice is not posted.
    pub advice_max_age: Duration,
    /// How long a repeat finds its answer.
    pub duplicate_window: Duration,
    /// Decisions kept in memory for repeats and reversals.
    pub recent_entries: usize,
    /// Decisions that are known again without asking the ledger database, 48 to 60 bytes each.
    pub known_entries: usize,
    /// Entries between two snapshots of the book.
    pub snapshot_every: u64,
    /// A commit that hangs for so long ends the process.
    pub commit_timeout: Duration,
}

/// Where closed days go, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archiving {
    /// The folder; `None`: `archive` in the data folder.
    pub dir: Option<PathBuf>,
    /// So many days stay in the journal.
    pub after_days: u32,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    Human,
    /// One JSON object a line.
    Json,
}

impl Config {
    /// Reads the file that was named; else the one in the usual place; else the built-in one.
    ///
    /// # Errors
    /// Every fault of it.
    pub fn find(named: Option<&Path>) -> Result<Config, Faults> {
        match named {
            Some(path) => Config::read(path),
            None if Path::new(USUAL_PLACE).exists() => Config::read(Path::new(USUAL_PLACE)),
            None => Config::parse("clubswitch.toml (built in)", SHIPPED),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Every fault of it.
    pub fn read(path: &Path) -> Result<Config, Faults> {
        let log = FaultLog::default();
        let file = File::read(path, &path.display().to_string(), &LANGUAGE, &log);
        let mut config = checked(file, log)?;
        config.file = Some(path.to_owned());
        Ok(config)
    }

    /// Reads a text; `name` is what faults call it.
    ///
    /// # Errors
    /// Every fault of it.
    pub fn parse(name: &str, text: &str) -> Result<Config, Faults> {
        let log = FaultLog::default();
        let file = File::parse(name, text, &LANGUAGE, &log);
        checked(file, log)
    }

    /// Where the token key is.
    pub fn token_key_path(&self) -> PathBuf {
        self.token_key
            .clone()
            .unwrap_or_else(|| self.data.join("token.key"))
    }

    /// Where closed days go.
    pub fn archive_dir(&self) -> PathBuf {
        let usual = || self.data.join("archive");
        self.archive.dir.clone().unwrap_or_else(usual)
    }

    /// Where the admin socket is.
    pub fn admin_socket(&self) -> PathBuf {
        admin_socket(&self.data)
    }
}

/// The admin socket of a data folder.
pub fn admin_socket(data: &Path) -> PathBuf {
    data.join("admin.sock")
}

fn checked(file: Option<File>, log: FaultLog) -> Result<Config, Faults> {
    let config = file.and_then(|file| read::config(file.root(&log)));
    let stopped = log.has_errors();
    let faults = log.into_faults();
    match config {
        Some(config) if !stopped => Ok(config),
        _ => Err(faults),
    }
}
