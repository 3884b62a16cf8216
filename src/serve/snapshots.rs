//! Snapshots in the background: the one before plus the journal since, folded into a book of its own, so that deciding
//! never stops for one.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::data;
use crate::config::Limits;
use crate::journal::{Reader, snapshot};
use crate::keys::CheckValue;

/// How often it is looked whether one is due.
const LOOK: Duration = Duration::from_millis(500);
/// Pause after one that failed.
const RETRY: Duration = Duration::from_secs(60);

/// What the thread works with.
pub(super) struct Snapshots {
    pub(super) dir: PathBuf,
    pub(super) journal: Reader,
    pub(super) limits: Limits,
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
            let due = self.journal.last_sequence() >= newest + self.limits.snapshot_every;
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

    fn make(&self) -> Result<(), String> {
        let began = Instant::now();
        let newest = snapshot::newest_valid(&self.dir);
        let book = data::book(newest, &self.journal, &self.limits).map_err(|e| e.to_string())?;
        let bytes = data::write_snapshot(&self.dir, self.epoch, self.key, &book)
            .map_err(|e| e.to_string())?;
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
