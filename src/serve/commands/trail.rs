//! The entries that touched somebody, oldest first: by the index of the ledger database where that can answer, and by
//! reading the journal for the rest.

use serde_json::Value;

use crate::ledger::Entry;
use crate::ledger::finding::{self, Item};
use crate::serve::data;
use crate::serve::office::{Office, OfficeError, step};
use crate::store::Lookup;
use crate::terms::Sequence;

/// Entries between two lines of progress.
const STEP: u64 = 50_000;
/// Where more than one entry in so many is wanted, reading all of them in a row is faster than looking each one up.
const ONE_IN: u64 = 8;

/// Whether the one who walks wants to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Go {
    /// The next one, please.
    On,
    /// Enough.
    Home,
}

/// Takes every entry after `after` that is found under `item` (every entry where there is none), oldest first, until
/// `take` has enough. An item is a hash: who must be sure compares the entry.
///
/// # Errors
/// When the journal cannot be read.
pub(super) fn walk(
    office: &Office,
    item: Option<Item>,
    after: u64,
    progress: &mut dyn FnMut(Value),
    take: &mut dyn FnMut(&Entry) -> Go,
) -> Result<(), OfficeError> {
    let last = office.journal().last_sequence();
    let mut way = Way {
        office,
        item,
        progress,
        take,
    };
    let Some(index) = item.and_then(|item| indexed(office, item, after)) else {
        return way.read(after + 1, last).map(drop);
    };
    // What has left the ledger database is in the archive only.
    if way.read(after + 1, index.first - 1)? == Go::On && way.look_up(&index.found)? == Go::On {
        way.read(index.whole.max(after) + 1, last)?;
    }
    Ok(())
}

struct Way<'a> {
    office: &'a Office,
    item: Option<Item>,
    progress: &'a mut dyn FnMut(Value),
    take: &'a mut dyn FnMut(&Entry) -> Go,
}

impl Way<'_> {
    fn look_up(&mut self, found: &[u64]) -> Result<Go, OfficeError> {
        let of = found.len() as u64;
        for (done, sequence) in (1..).zip(found) {
            let (store, journal) = (self.office.store(), self.office.journal());
            let entry = data::entry(store, journal, Sequence(*sequence))?;
            if let Some(entry) = entry
                && self.show(&entry) == Go::Home
            {
                return Ok(Go::Home);
            }
            if done % STEP == 0 {
                (self.progress)(step(done, of, "entries looked up"));
            }
        }
        Ok(Go::On)
    }

    /// Entries `from..=to`, one after another.
    fn read(&mut self, from: u64, to: u64) -> Result<Go, OfficeError> {
        if from > to {
            return Ok(Go::On);
        }
        let mut next_step = from + STEP;
        let groups = self.office.journal().read_from(from);
        for group in groups.map_err(data::DataError::from)? {
            let group = group.map_err(data::DataError::from)?;
            for entry in data::entries(&group)? {
                let sequence = entry.head.sequence.0;
                if sequence >= from && sequence <= to && self.show(&entry) == Go::Home {
                    return Ok(Go::Home);
                }
            }
            if group.last_sequence() >= to {
                break;
            }
            if group.last_sequence() >= next_step {
                next_step = group.last_sequence() + STEP;
                (self.progress)(step(group.last_sequence(), to, "entries searched"));
            }
        }
        Ok(Go::On)
    }

    fn show(&mut self, entry: &Entry) -> Go {
        if self.item.is_none_or(|item| is_under(entry, item)) {
            (self.take)(entry)
        } else {
            Go::On
        }
    }
}

/// What the index of the ledger database has of an item.
struct Indexed {
    /// Sequences, oldest first.
    found: Vec<u64>,
    /// The first entry it knows of; what came before has left.
    first: u64,
    /// The last one.
    whole: u64,
}

/// What the index has after `after`; `None` where it cannot tell, or where reading everything is faster.
fn indexed(office: &Office, item: Item, after: u64) -> Option<Indexed> {
    let store = office.store()?;
    if office.health().is_none() {
        store.agree(office.journal()).ok()?;
    }
    let (found, whole) = match store.find(item, usize::MAX) {
        (Lookup::Found(found), whole) => (found, whole),
        (Lookup::Absent, whole) => (Vec::new(), whole),
        (Lookup::Unknown, _) => return None,
    };
    let first = store.first_sequence();
    let mut found = found;
    found.retain(|sequence| *sequence > after && *sequence >= first);
    found.reverse();
    let few = found.len() as u64 <= whole.saturating_sub(first) / ONE_IN + 1_000;
    few.then_some(Indexed {
        found,
        first,
        whole,
    })
}

fn is_under(entry: &Entry, item: Item) -> bool {
    let mut items = Vec::with_capacity(16);
    finding::items(entry, &mut items);
    items.contains(&item)
}
