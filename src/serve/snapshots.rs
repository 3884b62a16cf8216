//! Snapshots: the decider hands over a view of its book, which costs it microseconds, and goes on; this thread writes the view while
//! the book copies what it changes. The view is as of a durable group: the reply to the question comes only then.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::data;
use super::door::Door;
use crate::journal::snapshot::Pace;
use crate::keys::CheckValue;

/// How often it is looked whether one is due.
const LOOK: Duration = Duration::from_millis(500);
/// Pause after one that failed.
const RETRY: Duration = Duration::from_secs(60);

/// What the thread works with.
pub(super) struct Snapshots {
    pub(super) dir: PathBuf,
    pub(super) door: Door,
    /// Entries between two.
    pub(super) every: u64,
    /// The last durable entry.
    pub(super) journal: crate::journal::Reader,
    pub(super) epoch: u64,
    pub(super) key: CheckValue,
    /// The last entry of the newest snapshot.
    pub(super) newest: Arc<AtomicU64>,
    pub(super) stop: Arc<AtomicBool>,
}

impl Snapshots {
    /// Makes one every so many entries until it is told to stop.
    pub(super) fn run(self) {
        let mut not_before = Instant::now();
        while !self.stop.load(Ordering::Relaxed) {
            let newest = self.newest.load(Ordering::Relaxed);
            let due = self.journal.last_sequence() >= newest + self.every;
            if !due || Instant::now() < not_before {
                std::thread::park_timeout(LOOK);
                continue;
            }
            if let Err(why) = self.make() {
                tracing::warn!("no snapshot could be made, the older one counts: {why}");
                not_before = Instant::now() + RETRY;
            }
        }
    }

    fn make(&self) -> std::io::Result<()> {
        let began = Instant::now();
        let Some(book) = self.door.ask(|engine, _| engine.book().view()) else {
            // The decider has ended: whoever ends it leaves a snapshot behind.
            return Ok(());
        };
        let bytes = data::write_snapshot(&self.dir, self.epoch, self.key, &book, Pace::Beside)?;
        let sequence = book.sequence().0;
        self.newest.store(sequence, Ordering::Relaxed);
        let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            bytes,
            ms,
            "made a snapshot of the book as of entry {sequence}"
        );
        Ok(())
    }
}
