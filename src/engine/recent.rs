//! Entries that memory still holds as the journal has them: the newest ones, for repeats and reversals that come soon.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::ledger::Entry;
use crate::ledger::record;
use crate::terms::Sequence;

/// A group of entries, encoded. What the journal appends.
#[derive(Clone, Debug)]
pub struct Group {
    /// The sequence of its first entry.
    pub first: Sequence,
    /// Where each entry begins.
    starts: Vec<u32>,
    /// The entries, each with its length before it.
    pub bytes: Vec<u8>,
}

impl Group {
    /// An empty group whose first entry will have this sequence.
    pub fn beginning(first: Sequence) -> Group {
        Group {
            first,
            starts: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// Takes out what it has, no larger than it is; goes on empty, in the room that it has grown to.
    pub fn take(&mut self) -> Group {
        let taken = self.clone();
        self.first = taken.last().next();
        self.starts.clear();
        self.bytes.clear();
        taken
    }

    /// How many entries it has.
    pub fn count(&self) -> u32 {
        self.starts.len() as u32
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The sequence of its last entry; the one before `first` where it has none.
    pub fn last(&self) -> Sequence {
        Sequence(self.first.0 + u64::from(self.count()) - 1)
    }

    /// Appends the next entry.
    pub fn push(&mut self, entry: &Entry) {
        self.starts.push(self.bytes.len() as u32);
        record::encode(entry, &mut self.bytes);
    }

    /// One of its entries.
    pub fn entry(&self, sequence: Sequence) -> Option<Entry> {
        let at = usize::try_from(sequence.0.checked_sub(self.first.0)?).ok()?;
        let start = *self.starts.get(at)? as usize;
        let bytes = record::split(&self.bytes[start..]).next()?.ok()?;
        record::decode(bytes).ok()
    }
}

/// The newest groups, up to a bound of entries.
#[derive(Debug)]
pub struct Recent {
    groups: VecDeque<Arc<Group>>,
    entries: usize,
    entries_max: usize,
}

impl Recent {
    /// Holds at most so many entries.
    pub fn holding(entries_max: usize) -> Recent {
        Recent {
            groups: VecDeque::new(),
            entries: 0,
            entries_max,
        }
    }

    /// Takes a group in; the oldest go.
    pub fn push(&mut self, group: Arc<Group>) {
        self.entries += group.count() as usize;
        self.groups.push_back(group);
        while self.entries > self.entries_max
            && let Some(oldest) = self.groups.pop_front()
        {
            self.entries -= oldest.count() as usize;
        }
    }

    /// An entry, where memory holds it.
    pub fn entry(&self, sequence: Sequence) -> Option<Entry> {
        let at = self
            .groups
            .partition_point(|group| group.first <= sequence)
            .checked_sub(1)?;
        self.groups[at].entry(sequence)
    }
}
