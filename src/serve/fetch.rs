//! Brings old entries that a decision needs: from the ledger database, else from the journal. Deciding never waits for it.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;

use super::committer::Outlets;
use super::data;
use super::door::{Desk, Door, Waiting};
use crate::journal::Reader;
use crate::ledger::Names;
use crate::store::Store;
use crate::terms::Sequence;

/// How long an entry that is not durable yet is waited for.
const WAIT: Duration = Duration::from_secs(2);

/// A request that cannot be decided before these entries are there.
pub(super) struct Fetch {
    pub(super) waiting: Waiting,
    pub(super) sequences: Vec<Sequence>,
}

/// Fetches until the decider ends. What cannot be brought is refused: to guess would be to decide without knowing.
pub(super) fn run(
    fetches: &Receiver<Fetch>,
    door: &Door,
    desk: &Desk,
    outlets: &Outlets,
    store: Option<&Store>,
    journal: &Reader,
) {
    // Refusals name nothing.
    let no_names = Arc::new(Names::default());
    while let Ok(Fetch {
        mut waiting,
        sequences,
    }) = fetches.recv()
    {
        waiting.fetches += 1;
        let mut missing = None;
        for sequence in sequences {
            // What was decided a moment ago may still be on its way to the disk.
            journal.wait_past(sequence.0.saturating_sub(1), WAIT);
            match data::entry(store, journal, sequence) {
                Ok(Some(entry)) => waiting.fetched.push(entry),
                Ok(None) => missing = Some(format!("entry {sequence} is not durable yet")),
                Err(error) => missing = Some(error.to_string()),
            }
        }
        let refused = match missing {
            None => door.offer_again(waiting).err(),
            Some(why) => {
                tracing::warn!("a request was not decided: {why}");
                Some(Box::new(waiting))
            }
        };
        if let Some(waiting) = refused {
            desk.left(1);
            outlets.refuse(waiting.slip, &no_names);
        }
    }
}
