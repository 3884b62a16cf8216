//! The past, read ahead: one thread reads the journal, checks and decodes it, while who takes the entries in is busy with those
//! before. Batches go round, and with them the memory of their entries. A start and `verify` read alike.

use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::data::DataError;
use crate::journal::{Group, Reader};
use crate::ledger::{Entry, record};

/// Entries of a batch, about: what a processor's own cache can hold.
const BATCH: usize = 256;
/// Batches that wait at most.
const AHEAD: usize = 8;

/// The entries of some groups in a row.
#[derive(Debug, Default)]
pub struct Batch {
    /// How many groups they are of.
    pub groups: u64,
    /// Those behind `count` are spent: only their memory is of use.
    entries: Vec<Entry>,
    count: usize,
}

impl Batch {
    /// The entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries[..self.count]
    }

    /// The entries alone.
    pub fn into_entries(mut self) -> Vec<Entry> {
        self.entries.truncate(self.count);
        self.entries
    }

    /// Takes a group's entries in, those from `first` to `last`.
    ///
    /// # Errors
    /// When its bytes are no entries of ours.
    pub fn take(&mut self, group: &Group, first: u64, last: u64) -> Result<(), DataError> {
        let bad = |sequence, why| DataError::Entry { sequence, why };
        let mut next = group.first_sequence;
        for bytes in record::split(&group.payload) {
            let entry = bytes.and_then(|bytes| self.decode(bytes));
            let entry = entry.map_err(|error| bad(next, error.to_string()))?;
            if entry.head.sequence.0 != next {
                let why = format!("it says it is entry {}", entry.head.sequence);
                return Err(bad(next, why));
            }
            if (first..=last).contains(&next) {
                self.count += 1;
            }
            next += 1;
        }
        if next != group.first_sequence + u64::from(group.count) {
            return Err(bad(next, format!("{} entries wanted", group.count)));
        }
        self.groups += 1;
        Ok(())
    }

    /// Decodes into the place behind the last entry.
    fn decode(&mut self, bytes: &[u8]) -> Result<&Entry, record::BadRecord> {
        match self.entries.get_mut(self.count) {
            Some(spent) => record::decode_into(spent, bytes)?,
            None => self.entries.push(record::decode(bytes)?),
        }
        Ok(&self.entries[self.count])
    }

    fn clear(&mut self) {
        (self.groups, self.count) = (0, 0);
    }
}

/// Gives every entry from `first` to `last`, in order, to `take`; before that, on the thread that reads, to `seen` with their groups.
///
/// # Errors
/// When the journal cannot be read, or holds what is no entry of ours; and those of `take`.
pub fn each(
    journal: &Reader,
    (first, last): (u64, u64),
    seen: impl FnMut(&Batch, Vec<Group>) + Send,
    mut take: impl FnMut(&Batch) -> Result<(), DataError>,
) -> Result<(), DataError> {
    if last < first {
        return Ok(());
    }
    thread::scope(|scope| {
        let (to_take, read) = bounded(AHEAD);
        let (give_back, spent) = bounded(AHEAD + 2);
        scope.spawn(move || {
            if let Err(error) = read_ahead(journal, (first, last), seen, &to_take, &spent) {
                let _ = to_take.send(Err(error));
            }
        });
        for batch in read {
            let batch = batch?;
            take(&batch)?;
            let _ = give_back.try_send(batch);
        }
        Ok(())
    })
}

fn read_ahead(
    journal: &Reader,
    (first, last): (u64, u64),
    mut seen: impl FnMut(&Batch, Vec<Group>),
    to_take: &Sender<Result<Batch, DataError>>,
    spent: &Receiver<Batch>,
) -> Result<(), DataError> {
    let (mut batch, mut groups) = (Batch::default(), Vec::new());
    for group in journal.read_from(first)? {
        let group = group?;
        batch.take(&group, first, last)?;
        let is_last = group.last_sequence() >= last;
        groups.push(group);
        if batch.count < BATCH && !is_last {
            continue;
        }
        seen(&batch, std::mem::take(&mut groups));
        let mut next = spent.try_recv().unwrap_or_default();
        next.clear();
        let read = std::mem::replace(&mut batch, next);
        // Who is not there any more has found enough.
        if to_take.send(Ok(read)).is_err() || is_last {
            break;
        }
    }
    Ok(())
}
