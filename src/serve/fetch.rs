//! Brings what a decision needs and memory does not hold: old entries, and what is found under an item among them. From the ledger
//! database, entries also from the journal. Deciding never waits for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use super::committer::Outlets;
use super::data::{self, DataError};
use super::door::{Desk, Door, Waiting};
use crate::engine::{Found, Needed};
use crate::journal::{ReadError, Reader};
use crate::ledger::{Item, Names};
use crate::store::{Lookup, Store};
use crate::terms::Sequence;

/// How long an entry that is not durable yet, or a database that is behind, is waited for.
const WAIT: Duration = Duration::from_secs(2);
/// Pause before the database is asked again.
const PAUSE: Duration = Duration::from_millis(20);
/// How many entries under one item are asked for: the engine looks at no more.
const UNDER_ITEM_MOST: usize = 64;

/// A request that cannot be decided before this is there.
pub(super) struct Fetch {
    pub(super) waiting: Waiting,
    pub(super) needed: Needed,
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
        needed,
    }) = fetches.recv()
    {
        waiting.fetches += 1;
        let refused = match bring(&mut waiting, &needed, store, journal) {
            Ok(()) => door.offer_again(waiting).err(),
            Err(why) => {
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

fn bring(
    waiting: &mut Waiting,
    needed: &Needed,
    store: Option<&Store>,
    journal: &Reader,
) -> Result<(), String> {
    let by = Instant::now() + WAIT;
    for item in &needed.items {
        let found = under(*item, needed.before, store, by)?;
        let brought = &mut waiting.brought.found;
        brought.retain(|older| older.item != found.item);
        brought.push(found);
    }
    for sequence in &needed.entries {
        // What was decided a moment ago may still be on its way to the disk.
        journal.wait_past(sequence.0.saturating_sub(1), WAIT);
        match data::entry(store, journal, *sequence) {
            Ok(Some(entry)) => waiting.brought.entries.push(entry),
            Ok(None) => return Err(format!("entry {sequence} is not durable yet")),
            // Days leave for the archive only when nothing of them is known again.
            Err(DataError::Read(ReadError::Gone { first, .. })) => {
                waiting.brought.gone_before = Sequence(first);
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}

/// What is found under an item among the entries before one. Not to know is not to find nothing.
fn under(
    item: Item,
    before: Sequence,
    store: Option<&Store>,
    by: Instant,
) -> Result<Found, String> {
    let Some(store) = store else {
        return Err("there is no ledger database to ask".to_owned());
    };
    loop {
        let (found, up_to) = store.find(item, UNDER_ITEM_MOST);
        let sequences = match found {
            Lookup::Found(sequences) => Some(sequences),
            Lookup::Absent => Some(Vec::new()),
            Lookup::Unknown => None,
        };
        if let Some(sequences) = sequences.filter(|_| up_to + 1 >= before.0) {
            return Ok(Found {
                item,
                sequences: sequences.into_iter().map(Sequence).collect(),
                up_to: Sequence(up_to),
            });
        }
        if Instant::now() >= by {
            return Err("the ledger database is behind or being made again".to_owned());
        }
        std::thread::sleep(PAUSE);
    }
}
