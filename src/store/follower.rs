//! The thread that leads the store behind the journal. It may lag, it never holds anybody up, and when the
//! store is wrong it makes it again from the first entry on, while the switch serves.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{Fault, Position, Store, StoreError};
use crate::journal::{Group, Groups, ReadError, Reader};

/// Takes a group's payload apart into its `count` entries; `None` when it is not that.
pub type Split = for<'a> fn(payload: &'a [u8], count: u32) -> Option<Vec<&'a [u8]>>;

const BATCH_BYTES: usize = 512 << 10;
/// Entries are gathered this long, so that a quiet hour does not write a page for each.
const GATHER: Duration = Duration::from_millis(100);
const FLUSH_EVERY: Duration = Duration::from_secs(1);
/// What is followed goes to the disk in pieces of about so many bytes: what a second of load brings, synced at once, would hold up
/// the commits of the journal for tens of milliseconds.
const SYNC_BYTES: usize = 1 << 20;
const RETRY_AFTER: Duration = Duration::from_secs(1);
const RETRY_AFTER_MOST: Duration = Duration::from_secs(60);

/// Leads a store behind a journal. Dropping it flushes and ends the thread.
#[derive(Debug)]
pub struct Follower {
    store: Store,
    journal: Reader,
    told: Arc<Told>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Told {
    stop: AtomicBool,
    notes: Mutex<Vec<String>>,
}

/// Why following stopped.
#[derive(Debug, thiserror::Error)]
pub(super) enum Halt {
    #[error("the store failed, and is opened or made again: {0}")]
    Store(#[from] Fault),
    #[error("the store cannot follow the journal: {0}")]
    Journal(#[from] ReadError),
    #[error("the store cannot follow the journal: the group of entry {0} is not {1} entries")]
    Payload(u64, u32),
}

impl Follower {
    /// Starts to follow.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(store: Store, journal: Reader, split: Split) -> io::Result<Follower> {
        let told = Arc::new(Told::default());
        let thread = thread::Builder::new()
            .name("store-follower".into())
            .spawn({
                let (store, journal, told) = (store.clone(), journal.clone(), told.clone());
                move || run(&store, &journal, split, &told)
            })?;
        Ok(Follower {
            store,
            journal,
            told,
            thread: Some(thread),
        })
    }

    /// The store that is led.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Whether its thread has ended, which is only by a panic.
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// How many durable entries the store cannot tell of yet.
    pub fn lag(&self) -> u64 {
        let told_of = self.store.answers_up_to();
        self.journal.last_sequence().saturating_sub(told_of)
    }

    /// What happened since this was last asked, a sentence each, for the log.
    pub fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.told.notes())
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.told.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Store {
    /// Lets look-ups answer, where nobody leads the store, after its position was found in the journal.
    ///
    /// # Errors
    /// When it is not there, or the journal cannot be read.
    pub fn agree(&self, journal: &Reader) -> Result<(), RebuildError> {
        behind(self, journal)?;
        self.index_all()?;
        Ok(())
    }

    /// Brings the index up to the entries.
    fn index_all(&self) -> Result<(), Fault> {
        while self.answers_up_to() < self.position().sequence && self.step()? {}
        Ok(())
    }

    /// Makes the store again from the whole journal, and returns when that is durable.
    /// `progress` is told the last entry taken, and the last there is.
    ///
    /// # Errors
    /// When the store cannot be begun, written, or the journal not be read.
    pub fn rebuild(
        &self,
        journal: &Reader,
        split: Split,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<(), RebuildError> {
        self.begin_again()?;
        let end = journal.last_sequence();
        let mut groups = Vec::new();
        for group in behind(self, journal)? {
            groups.push(group?);
            let last = groups.last().map_or(0, Group::last_sequence);
            if bytes_of(&groups) >= BATCH_BYTES || last >= end {
                take(self, &groups, split)?;
                self.step()?;
                groups.clear();
                progress(last, end.max(last));
            }
        }
        take(self, &groups, split)?;
        while self.step()? {}
        self.flush()?;
        Ok(())
    }
}

/// Why a store could not be made again, or does not agree with its journal.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// It could not be begun.
    #[error(transparent)]
    Open(#[from] StoreError),
    /// It could not be written.
    #[error(transparent)]
    Store(#[from] Fault),
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] ReadError),
    /// A group's payload is not the entries it should be.
    #[error("the group of entry {first} is not {count} entries")]
    Payload {
        /// Its first entry.
        first: u64,
        /// How many it should have.
        count: u32,
    },
}

impl From<Halt> for RebuildError {
    fn from(halt: Halt) -> RebuildError {
        match halt {
            Halt::Store(fault) => RebuildError::Store(fault),
            Halt::Journal(error) => RebuildError::Journal(error),
            Halt::Payload(first, count) => RebuildError::Payload { first, count },
        }
    }
}

impl Told {
    fn notes(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stops(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Notes a sentence that does not wait already: a full disk is told at every try.
    fn note(&self, note: String) {
        let mut notes = self.notes();
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    fn pause(&self, time: Duration) {
        let end = Instant::now() + time;
        while !self.stops() && Instant::now() < end {
            thread::sleep(Duration::from_millis(20).min(time));
        }
    }
}

fn run(store: &Store, journal: &Reader, split: Split, told: &Told) {
    let mut patience = Duration::ZERO;
    while !told.stops() {
        let began = Instant::now();
        let Err(halt) = keep_up(store, journal, split, told) else {
            return;
        };
        told.note(halt.to_string());
        // What fails again and again, as on a full disk, is tried ever more seldom: the room that comes free is the journal's first.
        patience = if began.elapsed() > RETRY_AFTER_MOST {
            Duration::ZERO
        } else {
            (patience * 2).clamp(RETRY_AFTER, RETRY_AFTER_MOST)
        };
        if let Halt::Store(fault) = &halt
            && let Err(error) = store.mend(fault)
        {
            told.note(error.to_string());
        }
        told.pause(patience);
    }
}

/// Follows until it is told to stop.
fn keep_up(store: &Store, journal: &Reader, split: Split, told: &Told) -> Result<(), Halt> {
    let mut groups = behind(store, journal)?;
    while !told.stops() && store.answers_up_to() < store.position().sequence && store.step()? {}
    let mut flushed = Instant::now();
    let mut clean = true;
    let mut waiting = Vec::new();
    let mut unsynced = 0;
    let mut reached = store.position().sequence;
    while !told.stops() {
        if store.position().sequence < reached {
            // It was begun again by an operator.
            groups = behind(store, journal)?;
            reached = store.position().sequence;
        }
        if store.is_closed() {
            return Err(Fault::Closed.into());
        }
        let mut caught_up = false;
        while bytes_of(&waiting) < BATCH_BYTES && !caught_up {
            match groups.next().transpose()? {
                Some(group) => waiting.push(group),
                None => caught_up = true,
            }
        }
        if !waiting.is_empty() {
            take(store, &waiting, split)?;
            reached = store.position().sequence;
            unsynced += bytes_of(&waiting);
            waiting.clear();
            clean = false;
        }
        if unsynced >= SYNC_BYTES {
            store.sync()?;
            unsynced = 0;
        }
        if !clean && flushed.elapsed() >= FLUSH_EVERY {
            store.flush()?;
            flushed = Instant::now();
            clean = true;
            unsynced = 0;
        }
        let did = store.step()?;
        clean &= !did;
        if caught_up && !did {
            thread::sleep(GATHER / 4);
            journal.wait_past(store.position().sequence, GATHER);
        }
    }
    store.flush()?;
    Ok(())
}

/// The groups behind the store's position, after that was found in the journal. An empty store begins with the first
/// entry that the journal still has.
pub(super) fn behind(store: &Store, journal: &Reader) -> Result<Groups, Halt> {
    let position = store.position();
    let is_empty = store.is_empty();
    let from = if is_empty {
        position.sequence + 1
    } else {
        position.sequence
    };
    let mut groups = match journal.read_from(from) {
        Err(ReadError::Gone { first, .. }) if is_empty && first > from => {
            store.begin_at(first);
            journal.read_from(first)?
        }
        // What it would have to follow next is gone, and it must not have a gap.
        Err(ReadError::Gone { .. }) => return Err(Fault::OtherJournal.into()),
        groups => groups?,
    };
    if !is_empty {
        let known = groups.next().transpose()?.map(|group| end_of(&group));
        if known != Some(position) {
            return Err(Fault::OtherJournal.into());
        }
    }
    store.agrees(journal);
    Ok(groups)
}

pub(super) fn take(store: &Store, groups: &[Group], split: Split) -> Result<(), Halt> {
    let (Some(first), Some(last)) = (groups.first(), groups.last()) else {
        return Ok(());
    };
    let mut entries = Vec::new();
    for group in groups {
        let of_group = split(&group.payload, group.count)
            .filter(|entries| entries.len() == group.count as usize)
            .ok_or(Halt::Payload(group.first_sequence, group.count))?;
        entries.extend(of_group);
    }
    store.follow(first.first_sequence, &entries, end_of(last))?;
    Ok(())
}

fn end_of(group: &Group) -> Position {
    Position {
        sequence: group.last_sequence(),
        chain: group.chain,
    }
}

fn bytes_of(groups: &[Group]) -> usize {
    groups.iter().map(|group| group.payload.len() + 64).sum()
}
