//! The thread that makes groups durable, and only then lets their outcomes go. A disk that is full is waited for; any
//! other failure ends the process, because nobody knows then what is durable.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use tokio::sync::Notify;

use super::door::{Delivery, Desk, Outcome, Reply, Slip};
use super::metrics::CommitMetrics;
use crate::engine::Group;
use crate::journal::{AppendError, Journal};
use crate::ledger::Names;

/// Pause before a group is tried again on a full disk.
const RETRY: Duration = Duration::from_millis(100);

/// Exit status after a write or sync that failed: a restart finds out what is durable (`EX_IOERR`).
pub const EXIT_IO: i32 = 74;

/// A group and everything that is told when it is durable.
pub(super) struct Commit {
    /// `None` where nothing was decided that is kept.
    pub(super) group: Option<Arc<Group>>,
    /// By link thread.
    pub(super) deliveries: Vec<Delivery>,
    pub(super) replies: Vec<Reply>,
}

/// Where the outcomes for each link thread are put down.
#[derive(Clone, Default)]
pub(super) struct Outlets {
    outlets: Vec<Arc<Outlet>>,
}

/// Where one link thread picks up what is for its connections.
#[derive(Default)]
pub(super) struct Outlet {
    deliveries: Mutex<Vec<Delivery>>,
    arrived: Notify,
}

impl Outlets {
    pub(super) fn new(threads: usize) -> Outlets {
        Outlets {
            outlets: (0..threads).map(|_| Arc::default()).collect(),
        }
    }

    pub(super) fn of(&self, thread: usize) -> Arc<Outlet> {
        Arc::clone(&self.outlets[thread])
    }

    /// Tells one that it cannot be served. Nothing was decided, so nothing is waited for.
    pub(super) fn refuse(&self, slip: Slip, names: &Arc<Names>) {
        self.deliver(
            slip.thread,
            Delivery {
                outcomes: vec![Outcome::not_decided(slip)],
                names: Arc::clone(names),
            },
        );
    }

    fn deliver(&self, thread: usize, delivery: Delivery) {
        if delivery.outcomes.is_empty() {
            return;
        }
        if let Some(outlet) = self.outlets.get(thread) {
            outlet.lock().push(delivery);
            // One wake a thread and group, however many connections it is for.
            outlet.arrived.notify_one();
        }
    }
}

impl Outlet {
    /// Waits for deliveries.
    pub(super) async fn pick_up(&self) -> Vec<Delivery> {
        loop {
            let picked = std::mem::take(&mut *self.lock());
            if !picked.is_empty() {
                return picked;
            }
            self.arrived.notified().await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Delivery>> {
        self.deliveries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes groups until the decider ends; gives the journal back.
pub(super) fn run(
    mut journal: Journal,
    commits: &Receiver<Commit>,
    free: &Sender<()>,
    outlets: &Outlets,
    desk: &Desk,
) -> Journal {
    let metrics = CommitMetrics::new();
    // The first group may come at once.
    let _ = free.send(());
    while let Ok(commit) = commits.recv() {
        if let Some(group) = &commit.group {
            append(&mut journal, group, desk, &metrics);
        }
        // From here on the next group may be handed over; telling goes on beside it.
        let _ = free.send(());
        for (thread, delivery) in commit.deliveries.into_iter().enumerate() {
            outlets.deliver(thread, delivery);
        }
        for reply in commit.replies {
            reply();
        }
    }
    journal
}

fn append(journal: &mut Journal, group: &Group, desk: &Desk, metrics: &CommitMetrics) {
    let began = Instant::now();
    loop {
        match journal.append(group.first.0, group.count(), &group.bytes) {
            Ok(appended) => {
                metrics.appended(&appended, group.count(), group.last().0, began.elapsed());
                return;
            }
            Err(error @ AppendError::Full { .. }) => {
                if desk.set_full(true) {
                    tracing::error!("waiting for room on the disk: {error}");
                }
                std::thread::sleep(RETRY);
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(
                    cause = cause.as_deref().unwrap_or("none"),
                    "the journal failed, ending: {error}"
                );
                end();
            }
        }
    }
}

/// Ends the process where it stands: whatever was not told is found again by the next start.
#[allow(clippy::exit)]
pub(super) fn end() -> ! {
    std::process::exit(EXIT_IO)
}
