//! What an operator asks and orders, the same whether the switch runs or not: through its decider, or on the data folder
//! itself. Each command is a row of a table.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use thiserror::Error;

use super::admin;
use super::clock::Clock;
use super::committer::{Piece, pieces};
use super::data::{self, Data, DataError};
use super::door::Door;
use super::health::Health;
use super::{metrics, people, rules};
use crate::config::Config;
use crate::engine::{Act, Engine};
use crate::journal::{Archive, Journal, Reader, Segments};
use crate::keys::TokenKey;
use crate::ledger::By;
use crate::rulefile::Loaded;
use crate::rules::Rulebook;
use crate::source::Faults;
use crate::store::Store;
use crate::terms::Moment;

/// Where a command is carried out.
pub struct Office {
    config: Arc<Config>,
    papers: Papers,
    store: Option<Store>,
    key: TokenKey,
    clock: Arc<Clock>,
    desk: Desk,
    /// Who asks.
    by: By,
}

/// The journal and its archive, for whoever does not append.
#[derive(Debug, Clone)]
pub struct Papers {
    /// Reads both.
    pub reader: Reader,
    /// Reads the journal alone.
    pub kept: Reader,
    /// The journal's segments.
    pub segments: Segments,
    /// What has left it; `None` where the folder cannot be reached.
    pub archive: Option<Archive>,
}

/// Who holds the book.
enum Desk {
    /// The running decider.
    Running { door: Door, health: Arc<Health> },
    /// We do, and the lock of the data folder.
    Closed(Box<Closed>),
}

struct Closed {
    engine: Engine,
    journal: Journal,
    /// What a start would keep and put in force.
    start: Option<(Loaded, Option<Arc<Rulebook>>)>,
}

/// Opens an office of the running switch for whoever asks.
pub(super) type Opener = dyn Fn(By) -> Office + Send + Sync;

/// A command: its words and the progress it may tell, to its result.
pub type Command = fn(&mut Office, &Value, &mut dyn FnMut(Value)) -> Result<Value, OfficeError>;

/// Why a command was not carried out.
#[derive(Debug, Error)]
pub enum OfficeError {
    /// The data folder does not open.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The rule files are faulty.
    #[error("{0}")]
    Rules(Faults),
    /// The command was wrong, or what it asks for is not there.
    #[error("{0}")]
    Refused(String),
    /// The world failed.
    #[error("{doing}")]
    Io {
        /// What was tried, with its object.
        doing: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The journal could not be written.
    #[error(transparent)]
    Append(#[from] crate::journal::AppendError),
    /// A day has no files.
    #[error(transparent)]
    Settle(#[from] crate::settle::SettleError),
    /// Segments were not archived or brought back.
    #[error(transparent)]
    Archive(#[from] crate::journal::ArchiveError),
    /// No backup was made.
    #[error(transparent)]
    Backup(#[from] crate::journal::BackupError),
    /// The ledger database failed.
    #[error("the ledger database")]
    Store(#[from] crate::store::Fault),
    /// A question met a fault of the switch.
    #[error("the question panicked: a fault of the switch, see its log")]
    Panicked,
    /// The switch stopped before it answered.
    #[error("the switch stopped before it answered")]
    Stopped,
}

impl Office {
    /// The office of a running switch.
    pub(super) fn running(
        config: Arc<Config>,
        papers: Papers,
        store: Option<Store>,
        key: TokenKey,
        clock: Arc<Clock>,
        door: Door,
        health: Arc<Health>,
    ) -> Office {
        Office {
            config,
            papers,
            store,
            key,
            clock,
            desk: Desk::Running { door, health },
            by: By::switch("switch"),
        }
    }

    /// The same for whoever asks.
    pub(super) fn asked_by(self, by: By) -> Office {
        Office { by, ..self }
    }

    /// Opens the data folder of a switch that does not run. The lock of the folder is held
    /// until this is dropped.
    ///
    /// # Errors
    /// When the folder is in use or does not open, or when the rule files are faulty.
    pub fn open(config: Config) -> Result<Office, OfficeError> {
        let data = Data::open(&config, None)?;
        let papers = Papers::of(&data);
        let start = rules::at_start(&config, &data.book).map_err(OfficeError::Rules)?;
        let clock = Arc::new(rules::clock(&config, &start.rules, &data.book));
        let engine = rules::engine(&config, data.book, start.rules);
        Ok(Office {
            config: Arc::new(config),
            papers,
            store: data.store,
            key: data.key,
            clock,
            desk: Desk::Closed(Box::new(Closed {
                engine,
                journal: data.journal,
                start: Some((start.loaded, start.new)),
            })),
            by: people::myself(),
        })
    }

    /// Puts the rule files at hand in force where the book knows others; to be called before anything is written by them.
    /// A running switch has done so at its start.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn put_rules_in_force(&mut self) -> Result<(), OfficeError> {
        let Desk::Closed(closed) = &mut self.desk else {
            return Ok(());
        };
        let Some((loaded, new)) = closed.start.take() else {
            return Ok(());
        };
        rules::keep(&self.config.data, &loaded).map_err(|source| OfficeError::Io {
            doing: "keep the rule files".to_owned(),
            source,
        })?;
        self.ask(|engine, now| {
            rules::put_in_force(engine, now)?;
            new.map_or(Ok(engine.book().sequence()), |new| {
                engine.act(Act::LoadRules(new), now)
            })
        })?
        .map_err(|error| OfficeError::Refused(error.to_string()))?;
        rules::arm_due(self)
    }

    /// Who asks.
    pub fn by(&self) -> &By {
        &self.by
    }

    /// The switch has started: its rules had no fault.
    pub(super) fn reloaded_at_start(&self) {
        metrics::reloaded(true, self.clock.now());
    }

    /// Rules were loaded, or (with the reason) were not: a running switch shows it.
    pub fn reloaded(&self, failed: Option<&str>) {
        if let Some(health) = self.health() {
            health.set_reload(failed, self.clock.now());
            metrics::reloaded(failed.is_none(), self.clock.now());
        }
    }

    /// Puts a question or an order to whoever holds the book. The answer is given when everything before it, and what it
    /// did itself, is durable.
    ///
    /// # Errors
    /// When the journal cannot be written or the switch has stopped.
    pub fn ask<T: Send + 'static>(
        &mut self,
        question: impl FnOnce(&mut Engine, Moment) -> T + Send + 'static,
    ) -> Result<T, OfficeError> {
        match &mut self.desk {
            Desk::Running { door, .. } => door.ask(question).ok_or(OfficeError::Stopped),
            Desk::Closed(closed) => {
                let answer = question(&mut closed.engine, self.clock.now());
                if let Some(group) = closed.engine.take_group() {
                    for piece in pieces(&group) {
                        let Piece {
                            first,
                            count,
                            bytes,
                        } = piece;
                        closed.journal.append(first, count, bytes)?;
                    }
                }
                Ok(answer)
            }
        }
    }

    /// Looks at the book. A panic on the way is this question's alone: it cannot have changed anything.
    ///
    /// # Errors
    /// When it panicked or the switch has stopped.
    pub fn look<T: Send + 'static>(
        &mut self,
        question: impl FnOnce(&Engine, Moment) -> T + Send + 'static,
    ) -> Result<T, OfficeError> {
        self.ask(move |engine, now| catch_unwind(AssertUnwindSafe(|| question(engine, now))).ok())?
            .ok_or(OfficeError::Panicked)
    }

    /// Carries out a command by its name.
    ///
    /// # Errors
    /// What the command says, or that there is no such command.
    pub fn carry_out(
        &mut self,
        command: &str,
        words: &Value,
        progress: &mut dyn FnMut(Value),
    ) -> Result<Value, OfficeError> {
        match super::commands::COMMANDS
            .iter()
            .find(|(name, _)| *name == command)
        {
            Some((_, run)) => run(self, words, progress),
            None => {
                let names: Vec<&str> = super::commands::COMMANDS.iter().map(|(n, _)| *n).collect();
                let known = names.join(", ");
                let why = format!("one of {known} wanted, command {command:?} found");
                Err(OfficeError::Refused(why))
            }
        }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Reads what is durable, and what is archived.
    pub fn journal(&self) -> &Reader {
        &self.papers.reader
    }

    /// Reads the journal alone: what is archived is not in it.
    pub fn kept(&self) -> &Reader {
        &self.papers.kept
    }

    /// The journal's segments.
    pub fn segments(&self) -> &Segments {
        &self.papers.segments
    }

    /// What has left the journal; `None` where the folder cannot be reached.
    pub fn archive(&self) -> Option<&Archive> {
        self.papers.archive.as_ref()
    }

    /// The ledger database, where it is open.
    pub fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// The key that tokens are made with.
    pub fn token_key(&self) -> &TokenKey {
        &self.key
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// How the switch is; `None` where it does not run.
    pub fn health(&self) -> Option<&Health> {
        match &self.desk {
            Desk::Running { health, .. } => Some(health),
            Desk::Closed(_) => None,
        }
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.config.data
    }
}

impl Papers {
    /// Those of an opened data folder.
    pub(super) fn of(data: &Data) -> Papers {
        Papers {
            reader: data::with_archive(data.journal.reader(), data.archive.as_ref()),
            kept: data.journal.reader(),
            segments: data.journal.segments(),
            archive: data.archive.clone(),
        }
    }
}

/// Carries out a command: by the switch that runs on the data folder of `config`, else on the folder itself.
///
/// # Errors
/// What the command says, or why the folder does not open.
pub fn carry_out(
    config: Config,
    command: &str,
    words: &Value,
    progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    match admin::call(&config.data, command, words, progress)? {
        Some(result) => Ok(result),
        None => Office::open(config)?.carry_out(command, words, progress),
    }
}

/// The text under a key of a command's words.
///
/// # Errors
/// When there is none.
pub fn text<'w>(words: &'w Value, key: &str) -> Result<&'w str, OfficeError> {
    words[key]
        .as_str()
        .ok_or_else(|| OfficeError::Refused(format!("the command needs {key:?}, a text")))
}

/// A line of progress.
pub fn step(done: u64, of: u64, what: &str) -> Value {
    json!({ "done": done, "of": of, "what": what })
}
