//! What stands behind the links: requests come in at the [`Door`], are decided, made durable, and their outcomes are put down for
//! whoever asked. Decider, committer, fetcher and snapshots, each a thread.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::bounded;

use super::clock::Clock;
use super::committer::{self, Outlet, Outlets};
use super::data;
use super::decider::Decider;
use super::door::{Delivery, Door};
use super::guard::{self, EXIT_IO};
use super::snapshots::Snapshots;
use super::watchdog::{self, Commits};
use super::{fetch, metrics};
use crate::engine::Engine;
use crate::journal::snapshot::Pace;
use crate::journal::{Journal, Reader};
use crate::keys::CheckValue;
use crate::store::Store;

/// Requests that may wait for old entries.
const FETCHES_MOST: usize = 1_024;

/// What a pipeline begins with.
pub struct Parts {
    /// It decides.
    pub engine: Engine,
    /// It makes durable.
    pub journal: Journal,
    /// It knows what is older than the engine remembers.
    pub store: Option<Store>,
    /// Reads old entries, also from an archive.
    pub reader: Reader,
    /// The time.
    pub clock: Arc<Clock>,
    /// What snapshots are marked with.
    pub key: CheckValue,
    /// The last entry of the newest snapshot.
    pub snapshot: u64,
}

/// How much a pipeline may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Threads that ask and pick up.
    pub threads: usize,
    /// Requests that may wait to be decided.
    pub queue: usize,
    /// Entries between two snapshots.
    pub snapshot_every: u64,
    /// What a commit may take before the process ends.
    pub commit_timeout: Duration,
}

/// The threads. They end by [`Pipeline::stop`].
pub struct Pipeline {
    door: Door,
    outlets: Outlets,
    dir: PathBuf,
    key: CheckValue,
    decider: JoinHandle<Engine>,
    committer: JoinHandle<Journal>,
    fetcher: JoinHandle<()>,
    snapshots: JoinHandle<()>,
    no_more_snapshots: Arc<AtomicBool>,
    newest_snapshot: Arc<AtomicU64>,
}

impl Pipeline {
    /// Starts the threads, and one that ends the process when a commit hangs.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(parts: Parts, bounds: Bounds) -> io::Result<Pipeline> {
        let watched = Commits::default();
        watchdog::start(watched.clone(), bounds.commit_timeout)?;
        Pipeline::watched(parts, bounds, watched)
    }

    /// Starts the threads; who watches the commits is the caller's affair.
    pub(super) fn watched(parts: Parts, bounds: Bounds, watched: Commits) -> io::Result<Pipeline> {
        let Parts {
            engine,
            journal,
            store,
            reader,
            clock,
            key,
            snapshot,
        } = parts;
        let (epoch, dir) = (journal.epoch(), journal.folder().dir().to_owned());
        let (door, queue) = Door::new(bounds.queue);
        let outlets = Outlets::new(bounds.threads);
        let (commit, commits) = bounded(1);
        let (free_token, free) = bounded(1);
        let (fetch, fetches) = bounded(FETCHES_MOST);
        let decider = Decider {
            engine,
            queue,
            desk: door.desk(),
            commits: commit,
            free,
            fetches: fetch,
            outlets: outlets.clone(),
            clock,
            room: journal.room(),
            seconds: metrics::decide_seconds(),
        };
        let newest_snapshot = Arc::new(AtomicU64::new(snapshot));
        let no_more_snapshots = Arc::new(AtomicBool::new(false));
        let snapshots = Snapshots {
            dir: dir.clone(),
            door: door.clone(),
            every: bounds.snapshot_every,
            journal: journal.reader(),
            epoch,
            key,
            newest: Arc::clone(&newest_snapshot),
            stop: Arc::clone(&no_more_snapshots),
        };
        let decider = guard::spawn("decider", move || decider.run())?;
        let committer = {
            let (outlets, desk) = (outlets.clone(), door.desk());
            guard::spawn_prompt("committer", move || {
                committer::run(journal, &commits, &free_token, &outlets, &desk, &watched)
            })?
        };
        let fetcher = {
            let (door, desk, outlets) = (door.clone(), door.desk(), outlets.clone());
            guard::spawn("fetcher", move || {
                fetch::run(&fetches, &door, &desk, &outlets, store.as_ref(), &reader);
            })?
        };
        let snapshots = guard::spawn("snapshots", move || snapshots.run())?;
        Ok(Pipeline {
            door,
            outlets,
            dir,
            key,
            decider,
            committer,
            fetcher,
            snapshots,
            no_more_snapshots,
            newest_snapshot,
        })
    }

    /// Where requests and questions go in.
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// Where the outcomes come out, by thread.
    pub(super) fn outlets(&self) -> &Outlets {
        &self.outlets
    }

    /// Where the outcomes for one thread come out.
    pub fn counter(&self, thread: usize) -> Counter {
        Counter(self.outlets.of(thread))
    }

    /// The last entry of the newest snapshot.
    pub fn newest_snapshot(&self) -> u64 {
        self.newest_snapshot.load(Ordering::Relaxed)
    }

    /// Ends the threads in the order in which work passes through them, and leaves a snapshot behind.
    pub fn stop(self) -> (Engine, Journal) {
        self.door.stop();
        let engine = joined(self.decider);
        let journal = joined(self.committer);
        joined(self.fetcher);
        self.no_more_snapshots.store(true, Ordering::Relaxed);
        self.snapshots.thread().unpark();
        joined(self.snapshots);
        let book = engine.book();
        if book.sequence().0 > self.newest_snapshot.load(Ordering::Relaxed) {
            let (epoch, book) = (journal.epoch(), book.view());
            let written = data::write_snapshot(&self.dir, epoch, self.key, &book, Pace::Alone);
            if let Err(error) = written {
                // The next start reads the journal instead.
                tracing::warn!("no snapshot could be left behind: {error}");
            }
        }
        (engine, journal)
    }
}

/// Where one thread picks up what it is told.
pub struct Counter(Arc<Outlet>);

impl Counter {
    /// Waits for deliveries.
    pub async fn pick_up(&self) -> Vec<Delivery> {
        self.0.pick_up().await
    }
}

pub(super) fn joined<T>(thread: JoinHandle<T>) -> T {
    thread
        .join()
        .unwrap_or_else(|_| unreachable!("a panic there ends the process with {EXIT_IO}"))
}
