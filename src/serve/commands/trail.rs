//! The entries that touched somebody, oldest first: by the index of the ledger database where that can answer, and by
//! reading the journal for the rest.

use serde_json::Value;

use crate::ledger::Entry;
use crate::ledger::finding::{self, Item};
use crate::serve::data;
use crate::serve::office::{Office, OfficeError, step};

/// Entries between two lines of progress.
const STEP: u64 = 50_000;

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
    let from = after + 1;
    if from > last {
        return Ok(());
    }
    let mut next_step = from + STEP;
    for group in office
        .journal()
        .read_from(from)
        .map_err(data::DataError::from)?
    {
        let group = group.map_err(data::DataError::from)?;
        for entry in data::entries(&group)? {
            if entry.head.sequence.0 >= from
                && item.is_none_or(|item| is_under(&entry, item))
                && take(&entry) == Go::Home
            {
                return Ok(());
            }
        }
        if group.last_sequence() >= last {
            break;
        }
        if group.last_sequence() >= next_step {
            next_step = group.last_sequence() + STEP;
            progress(step(group.last_sequence(), last, "entries searched"));
        }
    }
    Ok(())
}

fn is_under(entry: &Entry, item: Item) -> bool {
    let mut items = Vec::with_capacity(16);
    finding::items(entry, &mut items);
    items.contains(&item)
}
