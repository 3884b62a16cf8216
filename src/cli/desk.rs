//! Commands of the office from the shell: over the admin socket where the switch runs, on the data folder itself where
//! it does not. Long ones show how far they are.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::cli::{Failure, chain};
use crate::config::Config;
use crate::journal::OpenError;
use crate::serve::admin;
use crate::serve::data::DataError;
use crate::serve::office::{Office, OfficeError};
use crate::settle::SettleError;

/// Carries a command out, wherever the book is.
///
/// # Errors
/// What the office says.
pub(super) fn carry_out(config: &Config, command: &str, words: &Value) -> Result<Value, Failure> {
    let bar = Bar::new();
    let mut progress = |step: Value| bar.show(&step);
    let done = match admin::call(&config.data, command, words, &mut progress) {
        Ok(Some(result)) => Ok(result),
        // A misspelt folder must not become a new one; a migration may begin in one.
        Ok(None) if command != "ledger-open" && is_bare(&config.data) => {
            let data = config.data.display();
            return Err(Failure::Usage(format!(
                "there is no data in {data}; name the configuration that the switch runs with, or start it first"
            )));
        }
        Ok(None) => Office::open(config.clone())
            .and_then(|mut office| office.carry_out(command, words, &mut progress)),
        Err(error) => Err(error),
    };
    bar.finish();
    done.map_err(Failure::from)
}

/// Whether a folder is not there, or has nothing in it.
fn is_bare(dir: &Path) -> bool {
    std::fs::read_dir(dir).map_or(true, |mut entries| entries.next().is_none())
}

impl From<OfficeError> for Failure {
    fn from(error: OfficeError) -> Failure {
        match error {
            OfficeError::Rules(faults) => Failure::Faults(faults),
            OfficeError::Data(
                DataError::Read(_)
                | DataError::Entry { .. }
                | DataError::Journal(
                    OpenError::Damaged { .. }
                    | OpenError::Shorter { .. }
                    | OpenError::OtherJournal { .. }
                    | OpenError::Read(_),
                ),
            ) => Failure::Off(chain(&error)),
            OfficeError::Data(ref data) if !data.is_io() => Failure::Usage(chain(&error)),
            OfficeError::Refused(why) => Failure::Off(why),
            OfficeError::Settle(ref settle) if !matches!(settle, SettleError::File { .. }) => {
                Failure::Off(chain(&error))
            }
            error => Failure::Io(chain(&error)),
        }
    }
}

/// How far a long command is: a bar on a terminal, a line now and then elsewhere.
pub(super) struct Bar {
    bar: ProgressBar,
    plain: std::cell::Cell<u64>,
    began: Instant,
}

impl Bar {
    /// Shows nothing until there is something to show.
    pub(super) fn new() -> Bar {
        Bar {
            bar: ProgressBar::hidden(),
            plain: std::cell::Cell::new(0),
            began: Instant::now(),
        }
    }

    /// Shows `{"done": …, "of": …, "what": …}`.
    pub(super) fn show(&self, step: &Value) {
        let number = |key: &str| step[key].as_u64().unwrap_or(0);
        let (done, of) = (number("done"), number("of").max(1));
        let what = step["what"].as_str().unwrap_or_default();
        if !std::io::stderr().is_terminal() {
            // A line each tenth is enough for a log, and none for what is done at once.
            let tenth = 1 + done * 10 / of;
            if tenth > self.plain.get() && of >= 100 {
                self.plain.set(tenth);
                let ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
                let each_second = done.saturating_mul(1_000) / ms.max(1);
                anstream::eprintln!("{what}: {done} of {of}, {each_second} a second");
            }
            return;
        }
        if self.bar.is_hidden() {
            let style = ProgressStyle::with_template(
                "{msg:28} {bar:30} {human_pos} of {human_len}, {per_sec}, {eta} left",
            );
            self.bar
                .set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            self.bar
                .set_draw_target(indicatif::ProgressDrawTarget::stderr());
        }
        self.bar.set_length(of);
        self.bar.set_position(done);
        self.bar.set_message(what.to_owned());
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
