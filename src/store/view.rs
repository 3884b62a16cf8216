//! What look-ups see of the index: the rows of the newest entries in memory, and the runs. A view never changes;
//! who fills the store puts another in its place.

use std::sync::Arc;

use super::Fault;
use super::run::{ITEM_BITS, KINDS, Row, Run, kind_of};

/// Bits of a row in memory that tell the sequence, counted from the first of its run; above them the item.
const OFFSET_BITS: u32 = 19;
/// Entries of a run at most.
pub(super) const ENTRIES_MOST: u64 = 1 << OFFSET_BITS;
const _: () = assert!(3 + ITEM_BITS + OFFSET_BITS == 64 && KINDS == 8);

/// What look-ups see.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    /// The first entry that the store still has.
    pub(super) first: u64,
    /// The last entry that is indexed.
    pub(super) indexed: u64,
    /// The oldest first, without gaps.
    pub(super) runs: Vec<Arc<Run>>,
    /// Behind the runs: what is being written as one.
    pub(super) full: Option<Recent>,
    /// Behind that: what will be the next.
    pub(super) open: Recent,
}

impl View {
    /// The sequences below `before` that are found under the item, newest first, `most` of them at most.
    pub(super) fn find(
        &self,
        db: &sled::Db,
        item: u64,
        before: u64,
        most: usize,
    ) -> Result<Vec<u64>, Fault> {
        let mut found = Vec::new();
        for recent in std::iter::once(&self.open).chain(&self.full) {
            recent.find(item, before, most, &mut found);
        }
        for run in self.runs.iter().rev() {
            if found.len() >= most || run.head.last < self.first {
                break;
            }
            run.find(db, item, before, most, &mut found)?;
        }
        found.retain(|sequence| *sequence >= self.first);
        Ok(found)
    }
}

/// Rows of the newest entries, in memory: lists that are sorted each, every one of younger entries than the
/// one before it, and less than half as long.
#[derive(Debug, Clone, Default)]
pub(super) struct Recent {
    first: u64,
    last: u64,
    lists: Vec<Arc<Vec<u64>>>,
}

impl Recent {
    /// Empty, for entries from `first` on.
    pub(super) fn from(first: u64) -> Recent {
        Recent {
            first,
            last: first.saturating_sub(1),
            lists: Vec::new(),
        }
    }

    /// The first entry it is for.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// The last entry it has taken.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// How many entries it has taken.
    pub(super) fn entries(&self) -> u64 {
        (self.last + 1).saturating_sub(self.first)
    }

    /// A row for an entry at most [`ENTRIES_MOST`] behind the first. Sorted, rows stand as those of runs do.
    pub(super) fn row(&self, item: u64, sequence: u64) -> u64 {
        item << OFFSET_BITS | self.down(sequence)
    }

    fn down(&self, sequence: u64) -> u64 {
        (ENTRIES_MOST - 1).saturating_sub(sequence.saturating_sub(self.first))
    }

    /// Takes the rows of the entries up to `last`, in any order.
    pub(super) fn add(&mut self, mut rows: Vec<u64>, last: u64) {
        self.last = last;
        if rows.is_empty() {
            return;
        }
        rows.sort_unstable();
        rows.dedup();
        let mut newest = rows;
        while let Some(before) = self.lists.pop_if(|before| before.len() / 2 <= newest.len()) {
            newest = merge(&before, &newest);
        }
        self.lists.push(Arc::new(newest));
    }

    /// All rows as one list.
    pub(super) fn settle(&mut self) -> Arc<Vec<u64>> {
        while self.lists.len() > 1 {
            let newest = self.lists.pop().unwrap_or_default();
            let before = self.lists.pop().unwrap_or_default();
            self.lists.push(Arc::new(merge(&before, &newest)));
        }
        self.lists.first().cloned().unwrap_or_default()
    }

    /// A row as runs have it.
    pub(super) fn unpack(&self, row: u64) -> Row {
        let down = row & (ENTRIES_MOST - 1);
        Row::new(row >> OFFSET_BITS, self.first + (ENTRIES_MOST - 1 - down))
    }

    fn find(&self, item: u64, before: u64, most: usize, found: &mut Vec<u64>) {
        if before <= self.first {
            return;
        }
        let wanted = self.row(item, before - 1);
        for list in self.lists.iter().rev() {
            let from = list.partition_point(|row| *row < wanted);
            let rows = list[from..].iter().map(|row| self.unpack(*row));
            let room = most.saturating_sub(found.len());
            found.extend(
                rows.take_while(|row| row.item == item)
                    .take(room)
                    .map(Row::sequence),
            );
        }
    }
}

/// How many rows of each kind a sorted list has.
pub(super) fn counts(rows: &[u64]) -> [u64; KINDS] {
    let mut counts = [0; KINDS];
    let mut rest = rows;
    while let Some(first) = rest.first() {
        let kind = kind_of(first >> OFFSET_BITS);
        let end = rest.partition_point(|row| kind_of(row >> OFFSET_BITS) == kind);
        counts[kind] = end as u64;
        rest = &rest[end..];
    }
    counts
}

fn merge(one: &[u64], other: &[u64]) -> Vec<u64> {
    let mut merged = Vec::with_capacity(one.len() + other.len());
    let (mut a, mut b) = (0, 0);
    while a < one.len() && b < other.len() {
        let from_one = one[a] <= other[b];
        merged.push(if from_one { one[a] } else { other[b] });
        a += usize::from(from_one);
        b += usize::from(!from_one);
    }
    merged.extend_from_slice(&one[a..]);
    merged.extend_from_slice(&other[b..]);
    merged
}
