//! The thread that makes groups durable, and only then lets their outcomes go. A disk that is full is waited for; any
//! other failure ends the process, because nobody knows then what is durable.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use tokio::sync::Notify;

use super::door::{Delivery, Desk, Lack, Outcome, Reply, Slip};
use super::guard::end;
use super::metrics::CommitMetrics;
use super::watchdog::Commits;
use crate::cli::chain;
use crate::engine::Group;
use crate::journal::{AppendError, Journal};
use crate::ledger::{Names, record};

/// Pause before a group is tried again on a full disk.
const RETRY: Duration = Duration::from_millis(100);
/// How long a full disk is waited for when the switch is about to end.
const RETRY_MOST: Duration = Duration::from_secs(10);

/// Bytes of a group that the journal is given at once.
const PIECE_BYTES_MOST: usize = 8 << 20;

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
    watched: &Commits,
) -> Journal {
    let metrics = CommitMetrics::new();
    // The first group may come at once.
    let _ = free.send(());
    while let Ok(commit) = commits.recv() {
        if let Some(group) = &commit.group {
            append(&mut journal, group, desk, watched, &metrics);
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

fn append(
    journal: &mut Journal,
    group: &Group,
    desk: &Desk,
    watched: &Commits,
    metrics: &CommitMetrics,
) {
    for piece in pieces(group) {
        let began = Instant::now();
        loop {
            watched.begins();
            match journal.append(piece.first, piece.count, piece.bytes) {
                Ok(appended) => {
                    watched.ends();
                    let last = journal.last_sequence();
                    metrics.appended(&appended, piece.count, last, began.elapsed());
                    if desk.set_full(Lack::Write, false) {
                        tracing::info!("there is room on the disk again");
                    }
                    break;
                }
                Err(error @ AppendError::Full { .. }) => {
                    watched.ends();
                    if desk.set_full(Lack::Write, true) {
                        tracing::error!("waiting for room on the disk: {error}");
                    }
                    // Nobody was told what is in the group: terminals repeat it to the next start.
                    if desk.stopping_for().is_some_and(|time| time >= RETRY_MOST) {
                        end(|| tracing::error!("stopping without room on the disk: {error}"));
                    }
                    std::thread::sleep(RETRY);
                }
                // It counts as under way: a log that takes no line must not keep the process alive.
                Err(error) => {
                    end(|| tracing::error!("the journal failed, ending: {}", chain(&error)));
                }
            }
        }
    }
}

/// A part of a group that the journal takes at once.
pub(super) struct Piece<'g> {
    pub(super) first: u64,
    pub(super) count: u32,
    pub(super) bytes: &'g [u8],
}

/// A group in pieces that fit in a segment: nearly always one. An opening of a million members is one decision and many
/// pieces; broken off between two, it is taken up there.
pub(super) fn pieces(group: &Group) -> Vec<Piece<'_>> {
    if group.bytes.len() <= PIECE_BYTES_MOST {
        return vec![Piece {
            first: group.first.0,
            count: group.count(),
            bytes: &group.bytes,
        }];
    }
    let mut pieces = Vec::new();
    let (mut first, mut count, mut begin, mut end) = (group.first.0, 0, 0, 0);
    for entry in record::split(&group.bytes).map_while(Result::ok) {
        end += 4 + entry.len();
        count += 1;
        if end - begin >= PIECE_BYTES_MOST / 2 || end == group.bytes.len() {
            pieces.push(Piece {
                first,
                count,
                bytes: &group.bytes[begin..end],
            });
            first += u64::from(count);
            (count, begin) = (0, end);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Effects, Entry, Head, Input};
    use crate::terms::{AcquirerId, Day, Moment, Sequence, SetNumber};

    fn group(entries: u64, bytes_each: usize) -> Group {
        let mut group = Group::beginning(Sequence(7));
        for at in 0..entries {
            group.push(&Entry {
                head: Head {
                    sequence: Sequence(7 + at),
                    at: Moment(0),
                    business_day: Day(0),
                    acquirer: Some(AcquirerId(0)),
                    rule_set: SetNumber(1),
                },
                input: Input::Opened {
                    reason: "x".repeat(bytes_each),
                    sha256: [0; 32],
                    done: 1,
                    of: 1,
                },
                effects: Effects::none(),
            });
        }
        group
    }

    #[test]
    fn a_group_of_usual_size_is_one_piece() {
        let group = group(100, 200);
        let pieces = pieces(&group);
        assert_eq!(
            (pieces.len(), pieces[0].first, pieces[0].count),
            (1, 7, 100)
        );
        assert_eq!(pieces[0].bytes, group.bytes);
    }

    #[test]
    fn a_huge_group_is_cut_between_entries_and_nothing_is_lost() {
        let group = group(3_000, 10_000);
        let pieces = pieces(&group);
        assert!(pieces.len() > 2);
        let mut next = 7;
        for piece in &pieces {
            assert!(piece.bytes.len() <= PIECE_BYTES_MOST);
            assert_eq!(piece.first, next);
            let entries: Vec<_> = record::split(piece.bytes)
                .collect::<Result<_, _>>()
                .unwrap();
            assert_eq!(entries.len(), piece.count as usize);
            next += u64::from(piece.count);
        }
        assert_eq!(next, 3_007);
        let joined: Vec<u8> = pieces
            .iter()
            .flat_map(|piece| piece.bytes)
            .copied()
            .collect();
        assert!(joined == group.bytes);
    }
}
