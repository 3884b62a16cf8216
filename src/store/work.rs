//! What is done behind following, a step at a time: runs are written, merged when a business day has closed,
//! filters read into memory, and what nobody needs any more is removed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::run::{self, Head, KINDS, Row, Run, Walk};
use super::view::{self, Recent, View};
use super::{Fault, page};
use crate::ledger::finding::{self, Item};
use crate::ledger::{Entry, Input, record};

/// Bytes that a step writes, about.
const STEP_BYTES: usize = if cfg!(test) { 16 << 10 } else { 256 << 10 };
/// Rows that a step removes.
const STEP_ROWS: usize = if cfg!(test) { 16 } else { 512 };
/// Runs that are merged at once at most: each costs a page of memory meanwhile.
const MERGED_MOST: usize = 64;
/// Memory for filters at most; those of the newest runs come first, others are read from the disk.
const FILTER_BYTES_MOST: u64 = 128 << 20;
/// Key of the row that tells how far the index is.
const INDEX: &[u8] = b"m/index";
/// Of the index. 1 had other hashes, and is made again.
const FORMAT: u8 = 2;

/// The index as who fills the store has it.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Entries of a run.
    run_entries: u64,
    view: View,
    /// The last entry that runs have.
    in_runs: u64,
    /// The last entry that turned a business day: what lies before it may be merged.
    turned: u64,
    next_run: u32,
    writing: Option<Writing>,
    merging: Option<Merging>,
    garbage: Vec<Garbage>,
    /// What an earlier process left behind: runs without a head, below this number; 0 when there is nothing to look for.
    sweep: u32,
    is_old: bool,
}

/// A run on its way out of memory.
#[derive(Debug)]
struct Writing {
    making: run::Making,
    recent: Recent,
    rows: Arc<Vec<u64>>,
    at: usize,
}

/// Runs on their way into one.
#[derive(Debug)]
struct Merging {
    making: run::Making,
    from: Vec<Arc<Run>>,
    walks: Vec<Walk>,
    next: BinaryHeap<Reverse<(Row, usize)>>,
}

/// Rows that nobody needs.
#[derive(Debug)]
struct Garbage {
    what: What,
    /// Whether that they are not needed is durable.
    flushed: bool,
}

#[derive(Debug)]
enum What {
    /// Pages and filters of a run; held while a look-up may be in it.
    Run(u32, Option<Arc<Run>>),
    /// Entries before the first.
    Entries,
}

impl Work {
    /// The index of a database as it was left, and the entries it is to have up to.
    pub(super) fn open(db: &sled::Db, position: u64, run_entries: u64) -> Result<Work, Fault> {
        let (first, in_runs, turned) = match db.get(INDEX).map_err(Fault::Sled)? {
            Some(value) => take_index(&value)?,
            None => (1, 0, 0),
        };
        let heads = run::heads(db)?;
        let is_whole = heads.windows(2).all(|two| two[1].first == two[0].last + 1)
            && heads.iter().all(|head| head.first <= head.last)
            && match heads.last() {
                Some(last) => last.last == in_runs && heads[0].last >= first,
                None => in_runs < first,
            }
            && in_runs <= position
            && first <= position + 1;
        if !is_whole {
            return Err(Fault::Page);
        }
        let mut next_run = 0;
        for letter in *b"hij" {
            let last = db.get_lt([letter + 1]).map_err(Fault::Sled)?;
            if let Some(number) = last.and_then(|(key, _)| number_of(letter, &key)) {
                next_run = next_run.max(number + 1);
            }
        }
        let from = first.max(in_runs + 1);
        Ok(Work {
            run_entries: run_entries.clamp(1, view::ENTRIES_MOST),
            view: View {
                first,
                indexed: from - 1,
                runs: heads
                    .into_iter()
                    .map(|head| Arc::new(Run::new(head)))
                    .collect(),
                full: None,
                open: Recent::from(from),
            },
            in_runs,
            turned,
            next_run,
            sweep: next_run,
            garbage: vec![Garbage {
                what: What::Entries,
                flushed: true,
            }],
            ..Work::default()
        })
    }

    /// What look-ups are to see.
    pub(super) fn view(&self) -> View {
        self.view.clone()
    }

    /// The last entry that is indexed.
    pub(super) fn indexed(&self) -> u64 {
        self.view.indexed
    }

    /// The first entry that the store has.
    pub(super) fn first(&self) -> u64 {
        self.view.first
    }

    /// Begins an empty index with an entry that is not the journal's first.
    pub(super) fn begin_at(&mut self, first: u64) {
        self.view.first = first;
        self.view.indexed = first - 1;
        self.view.open = Recent::from(first);
        self.is_old = true;
    }

    /// Takes the items of the entries from the one behind the last on.
    pub(super) fn index<'a>(
        &mut self,
        db: &sled::Db,
        entries: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), Fault> {
        let (mut items, mut rows, mut spent) = (Vec::new(), Vec::new(), None);
        for (sequence, entry) in (self.view.indexed + 1..).zip(entries) {
            if sequence - self.view.open.first() >= self.run_entries {
                self.view.open.add(std::mem::take(&mut rows), sequence - 1);
                self.fill(db)?;
            }
            items.clear();
            if find_items(entry, &mut spent, &mut items) {
                self.turned = sequence;
                self.is_old = true;
            }
            let open = &self.view.open;
            rows.extend(
                items
                    .iter()
                    .map(|item| open.row(run::shorten(*item), sequence)),
            );
            self.view.indexed = sequence;
        }
        self.view.open.add(rows, self.view.indexed);
        if self.view.open.entries() >= self.run_entries {
            self.fill(db)?;
        }
        Ok(())
    }

    /// The row that has to be written with the next batch, if it has changed.
    pub(super) fn take_row(&mut self) -> Option<(Vec<u8>, Vec<u8>)> {
        std::mem::take(&mut self.is_old).then(|| self.index_row())
    }

    fn index_row(&self) -> (Vec<u8>, Vec<u8>) {
        put_index(self.view.first, self.in_runs, self.turned)
    }

    /// The open rows are enough for a run.
    fn fill(&mut self, db: &sled::Db) -> Result<(), Fault> {
        // The one before is written long since, unless its steps were not taken.
        while self.writing.is_some() {
            self.write(db)?;
        }
        let next = Recent::from(self.view.indexed + 1);
        let mut recent = std::mem::replace(&mut self.view.open, next);
        let rows = recent.settle();
        let making = run::Making::new(Head {
            number: self.take_number(),
            merged: false,
            first: recent.first(),
            last: recent.last(),
            pages: 0,
            counts: view::counts(&rows),
        });
        self.view.full = Some(recent.clone());
        self.writing = Some(Writing {
            making,
            recent,
            rows,
            at: 0,
        });
        Ok(())
    }

    fn take_number(&mut self) -> u32 {
        self.next_run += 1;
        self.next_run - 1
    }

    /// Does a piece of what waits; gives whether there was something.
    pub(super) fn step(&mut self, db: &sled::Db) -> Result<bool, Fault> {
        if self.writing.is_some() {
            self.write(db)?;
            return Ok(true);
        }
        if self.merging.is_none() {
            self.begin_merge();
        }
        if self.merging.is_some() {
            self.merge(db)?;
            return Ok(true);
        }
        Ok(self.read_filter(db)? || self.sweep(db)? || self.clean(db)?)
    }

    fn write(&mut self, db: &sled::Db) -> Result<(), Fault> {
        let Some(mut writing) = self.writing.take() else {
            return Ok(());
        };
        let mut out = Out::default();
        while let Some(row) = writing.rows.get(writing.at) {
            writing.at += 1;
            writing
                .making
                .put(writing.recent.unpack(*row), &mut out.rows);
            if out.is_enough() {
                out.save(db)?;
                self.writing = Some(writing);
                return Ok(());
            }
        }
        let head = writing.making.finish(&mut out.rows);
        self.in_runs = head.last;
        out.rows.extend([head.put(), self.index_row()]);
        out.save(db)?;
        self.is_old = false;
        self.view.runs.push(Arc::new(Run::new(head)));
        self.view.full = None;
        Ok(())
    }

    /// Begins to merge the runs that lie before the last turn of a day and were not merged yet.
    fn begin_merge(&mut self) {
        let from: Vec<Arc<Run>> = self
            .view
            .runs
            .iter()
            .filter(|run| !run.head.merged && run.head.last < self.turned)
            .take(MERGED_MOST)
            .cloned()
            .collect();
        let [first, .., last] = &from[..] else { return };
        let mut counts = [0; KINDS];
        for run in &from {
            for (sum, count) in counts.iter_mut().zip(run.head.counts) {
                *sum += count;
            }
        }
        let head = Head {
            number: 0,
            merged: true,
            first: first.head.first,
            last: last.head.last,
            pages: 0,
            counts,
        };
        self.merging = Some(Merging {
            making: run::Making::new(Head {
                number: self.take_number(),
                ..head
            }),
            walks: from.iter().map(|run| Walk::new(run.head)).collect(),
            next: BinaryHeap::new(),
            from,
        });
    }

    fn merge(&mut self, db: &sled::Db) -> Result<(), Fault> {
        let Some(mut merging) = self.merging.take() else {
            return Ok(());
        };
        let mut out = Out::default();
        if merging.next.is_empty() {
            for (at, walk) in merging.walks.iter_mut().enumerate() {
                merging
                    .next
                    .extend(walk.next(db)?.map(|row| Reverse((row, at))));
            }
        }
        while let Some(Reverse((row, at))) = merging.next.pop() {
            if let Some(next) = merging.walks[at].next(db)? {
                merging.next.push(Reverse((next, at)));
            }
            merging.making.put(row, &mut out.rows);
            if out.is_enough() && !merging.next.is_empty() {
                out.save(db)?;
                self.merging = Some(merging);
                return Ok(());
            }
        }
        let head = merging.making.finish(&mut out.rows);
        let mut batch = out.batch();
        let (key, value) = head.put();
        batch.insert(key, value);
        for run in &merging.from {
            batch.remove(&run::head_key(run.head.number));
        }
        db.apply_batch(batch).map_err(Fault::Sled)?;
        let numbers: Vec<u32> = merging.from.iter().map(|run| run.head.number).collect();
        let at = self
            .view
            .runs
            .iter()
            .position(|run| run.head.number == numbers[0])
            .ok_or(Fault::Page)?;
        self.view
            .runs
            .splice(at..at + numbers.len(), [Arc::new(Run::new(head))]);
        drop(merging.walks);
        self.garbage.extend(merging.from.into_iter().map(gone));
        Ok(())
    }

    /// Reads a filter into memory, the newest run's first, where there is room.
    fn read_filter(&mut self, db: &sled::Db) -> Result<bool, Fault> {
        let runs = &self.view.runs;
        let mut room =
            FILTER_BYTES_MOST.saturating_sub(runs.iter().map(|run| run.filters.in_memory()).sum());
        for run in runs.iter().rev() {
            for (kind, bytes) in run.filters.unread() {
                if bytes > room {
                    room = 0;
                    continue;
                }
                run.filters.read(db, kind)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Looks for what an earlier process left behind.
    fn sweep(&mut self, db: &sled::Db) -> Result<bool, Fault> {
        let end = std::mem::take(&mut self.sweep);
        let known = |number: u32| {
            self.view.runs.iter().any(|run| run.head.number == number)
                || self
                    .garbage
                    .iter()
                    .any(|g| matches!(g.what, What::Run(n, _) if n == number))
        };
        let mut left = Vec::new();
        for letter in *b"ij" {
            let mut from = 0;
            while from < end {
                let row = db.get_gt(run::prefix(letter, from)).map_err(Fault::Sled)?;
                let number = row.and_then(|(key, _)| number_of(letter, &key));
                let Some(number) = number.filter(|number| *number < end) else {
                    break;
                };
                if !known(number) && !left.contains(&number) {
                    left.push(number);
                }
                from = number + 1;
            }
        }
        let found = !left.is_empty();
        self.garbage.extend(left.into_iter().map(|number| Garbage {
            what: What::Run(number, None),
            flushed: true,
        }));
        Ok(found)
    }

    /// Removes some rows that nobody needs.
    fn clean(&mut self, db: &sled::Db) -> Result<bool, Fault> {
        let free = |garbage: &Garbage| {
            garbage.flushed
                && match &garbage.what {
                    What::Run(_, held) => {
                        held.as_ref().is_none_or(|run| Arc::strong_count(run) == 1)
                    }
                    What::Entries => true,
                }
        };
        let Some(at) = self.garbage.iter().position(free) else {
            return Ok(false);
        };
        let mut batch = sled::Batch::default();
        let mut rows = 0;
        let mut remove = |key: sled::IVec| {
            batch.remove(key);
            rows += 1;
        };
        match self.garbage[at].what {
            What::Run(number, _) => {
                for letter in *b"ij" {
                    for key in db
                        .scan_prefix(run::prefix(letter, number))
                        .keys()
                        .take(STEP_ROWS)
                    {
                        remove(key.map_err(Fault::Sled)?);
                    }
                }
            }
            What::Entries => {
                let kept = db
                    .get_lt(page::key(self.view.first, 1))
                    .map_err(Fault::Sled)?;
                if let Some((kept, _)) = kept.filter(|(key, _)| key.starts_with(b"e")) {
                    let before = sled::IVec::from(b"e")..kept;
                    for key in db.range(before).keys().take(STEP_ROWS) {
                        remove(key.map_err(Fault::Sled)?);
                    }
                }
            }
        }
        db.apply_batch(batch).map_err(Fault::Sled)?;
        if rows < STEP_ROWS {
            self.garbage.swap_remove(at);
        }
        Ok(true)
    }

    /// What was given up before is durably so.
    pub(super) fn flushed(&mut self) {
        for garbage in &mut self.garbage {
            garbage.flushed = true;
        }
    }

    /// Gives up the runs that lie wholly before an entry, and all that are found before it.
    pub(super) fn drop_before(&mut self, db: &sled::Db, first: u64) -> Result<(), Fault> {
        let mut batch = sled::Batch::default();
        let (gone_runs, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.view.runs)
            .into_iter()
            .partition(|run| run.head.last < first);
        self.view.runs = kept;
        if let Some(merging) = self
            .merging
            .take_if(|merging| merging.from[0].head.first < first)
        {
            self.garbage.push(Garbage {
                what: What::Run(merging.making.number(), None),
                flushed: false,
            });
        }
        // One that is being written has no head yet, and is not to get one any more.
        if let Some(writing) = self
            .writing
            .take_if(|writing| writing.recent.last() < first)
        {
            self.view.full = None;
            self.garbage.push(Garbage {
                what: What::Run(writing.making.number(), None),
                flushed: false,
            });
        }
        for run in &gone_runs {
            batch.remove(&run::head_key(run.head.number));
        }
        self.view.first = first;
        let (key, value) = self.index_row();
        batch.insert(key, value);
        db.apply_batch(batch).map_err(Fault::Sled)?;
        self.is_old = false;
        self.garbage.extend(gone_runs.into_iter().map(gone));
        self.garbage.push(Garbage {
            what: What::Entries,
            flushed: false,
        });
        Ok(())
    }
}

fn gone(run: Arc<Run>) -> Garbage {
    Garbage {
        what: What::Run(run.head.number, Some(run)),
        flushed: false,
    }
}

/// The items of an entry, and whether it turned a business day. What is no entry of ours has none: a book cannot
/// be made of such a journal, so that nobody decides on it. `spent` is an entry read before, whose room is used again.
fn find_items(bytes: &[u8], spent: &mut Option<Entry>, items: &mut Vec<Item>) -> bool {
    let read = match spent.take() {
        Some(mut entry) => record::decode_into(&mut entry, bytes).map(|()| entry),
        None => record::decode(bytes),
    };
    let Ok(entry) = read else {
        return false;
    };
    finding::items(&entry, items);
    let turned = matches!(entry.input, Input::DayTurned { .. });
    *spent = Some(entry);
    turned
}

/// Rows of a step.
#[derive(Default)]
struct Out {
    rows: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Out {
    fn is_enough(&self) -> bool {
        self.rows.len() * 3800 >= STEP_BYTES
    }

    fn batch(self) -> sled::Batch {
        let mut batch = sled::Batch::default();
        for (key, value) in self.rows {
            batch.insert(key, value);
        }
        batch
    }

    fn save(self, db: &sled::Db) -> Result<(), Fault> {
        db.apply_batch(self.batch()).map_err(Fault::Sled)
    }
}

/// CRC32C of key and rest u32, format u8, then the first entry that is kept, the last in runs, the last turn of a day.
fn put_index(first: u64, in_runs: u64, turned: u64) -> (Vec<u8>, Vec<u8>) {
    let mut value = vec![0, 0, 0, 0, FORMAT];
    for number in [first, in_runs, turned] {
        value.extend_from_slice(&number.to_le_bytes());
    }
    let crc = run::crc(INDEX, &value[4..]);
    value[..4].copy_from_slice(&crc.to_le_bytes());
    (INDEX.to_vec(), value)
}

fn take_index(value: &[u8]) -> Result<(u64, u64, u64), Fault> {
    let rest = run::checked(INDEX, value)?;
    let (&FORMAT, rest) = rest.split_first().ok_or(Fault::Page)? else {
        return Err(Fault::OtherJournal);
    };
    let rest: &[u8; 24] = rest.try_into().map_err(|_| Fault::Page)?;
    let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| rest[at + byte]));
    Ok((number(0), number(8), number(16)))
}

/// The number of the run that a key belongs to.
fn number_of(letter: u8, key: &[u8]) -> Option<u32> {
    let number = key.strip_prefix(&[letter])?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*number))
}
