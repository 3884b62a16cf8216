//! The store: the ledger database on sled, for what is asked and not decided. It follows the journal behind
//! the answers, never decides, and is made again from the journal whenever it is not what it should be.
//!
//! Every call into sled is guarded: a damaged file makes it panic. Its own `flush` does not reach the disk,
//! so the file `db` is synced after each.
//!
//! Beside the entries it holds an index: under what [items](crate::ledger::finding) they are found. The newest
//! are in memory, made again from the entries at a start; 250,000 entries become a sorted run, and the runs of
//! closed business days are merged into one.

mod filter;
mod follower;
mod page;
mod run;
mod view;
mod work;

use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

pub use follower::{Follower, Split};

use crate::journal::Reader;
use crate::ledger::finding::Item;
use page::{Gathering, OpenPage, Piece, Rows};
use view::View;
use work::Work;

const CACHE_BYTES: u64 = 32 << 20;
const POSITION: &[u8] = b"m/position";
const FORMAT: u64 = 1;
/// Entries of a run of the index.
const RUN_ENTRIES: u64 = 250_000;
/// Entries that are indexed in one go after a start.
const INDEXED_AT_ONCE: usize = 4096;

/// The store; cheap to clone, usable from any thread.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    identity: [u8; 16],
    run_entries: u64,
    base: RwLock<Option<Base>>,
    /// How often a database was opened.
    opened: AtomicU64,
    /// Held by whoever writes; look-ups do not wait for it.
    filling: Mutex<Filling>,
    reached: Mutex<Position>,
    /// The latest first entry that a view ever had.
    first: AtomicU64,
    /// Whether what is on the disk is wrong, not only closed.
    damaged: AtomicBool,
    journal: OnceLock<Reader>,
}

/// The open database.
#[derive(Debug)]
struct Base {
    db: sled::Db,
    file: File,
    /// Which opening this is.
    number: u64,
    /// Whether its position was found in the journal: before that it may tell of another past.
    agreed: AtomicBool,
    view: Mutex<Arc<View>>,
}

/// How far the store is.
#[derive(Debug, Default)]
struct Filling {
    position: Position,
    page: OpenPage,
    work: Work,
}

/// A place in the journal: the end of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// The last entry; 0 before the first.
    pub sequence: u64,
    /// The journal's chained checksum there, see [`Group::chain`](crate::journal::Group::chain).
    pub chain: u64,
}

/// What a look-up gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup<T> {
    /// It is there.
    Found(T),
    /// There is no such thing.
    Absent,
    /// The store is behind, is being made again, or has left it to the archive. Never decide on this.
    Unknown,
}

/// What was found when the store was opened.
#[derive(Debug, Clone)]
pub struct Opened {
    /// How far it is.
    pub position: Position,
    /// Why the one that was there was put aside, for the log; `None` when it was well or there was none.
    pub put_aside: Option<String>,
}

/// Why the store does not open.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open.
    #[error("the store in {dir} is in use by another process; ask that one, or stop it first")]
    InUse {
        /// The data folder.
        dir: PathBuf,
    },
    /// The file system refuses, for example because it is full.
    #[error(
        "open the store in {dir}; the switch works without it, old entries are not found meanwhile"
    )]
    Io {
        /// The data folder.
        dir: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// What is wrong with an open store: where the disk failed it, it has to be opened again, else made again from the journal.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// sled reported an error.
    #[error("sled: {0}")]
    Sled(sled::Error),
    /// sled panicked.
    #[error("sled panicked")]
    Panic,
    /// A value is not what was written, or is not there.
    #[error("a page of the store is missing or broken")]
    Page,
    /// It belongs to another data folder, or to a journal with another past.
    #[error("the store does not belong to this journal")]
    OtherJournal,
    /// Its file could not be synced.
    #[error("sync the store: {0}")]
    Sync(io::Error),
    /// It is closed after an earlier fault.
    #[error("the store is closed")]
    Closed,
}

impl Fault {
    /// Whether the disk refused, as a full one does, and what is on it may be as it should be.
    fn is_of_the_disk(&self) -> bool {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        match self {
            Fault::Sled(sled::Error::Io(error)) => {
                !matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
            }
            Fault::Sync(_) | Fault::Closed => true,
            Fault::Sled(_) | Fault::Panic | Fault::Page | Fault::OtherJournal => false,
        }
    }
}

impl Store {
    /// Opens the store of the data folder `dir`. One that is damaged, or carries another `identity` than the
    /// folder, is put aside as `store.damaged`, and an empty one begun.
    ///
    /// # Errors
    /// When another process has it, or the file system refuses; nothing is put aside then.
    pub fn open(dir: &Path, identity: [u8; 16]) -> Result<(Store, Opened), StoreError> {
        Store::open_with(dir, identity, RUN_ENTRIES)
    }

    fn open_with(
        dir: &Path,
        identity: [u8; 16],
        run_entries: u64,
    ) -> Result<(Store, Opened), StoreError> {
        let io = |source| StoreError::Io {
            dir: dir.to_owned(),
            source,
        };
        if is_in_use(dir) {
            return Err(StoreError::InUse {
                dir: dir.to_owned(),
            });
        }
        let store = Store {
            inner: Arc::new(Inner {
                dir: dir.to_owned(),
                identity,
                run_entries,
                base: RwLock::new(None),
                opened: AtomicU64::new(0),
                reached: Mutex::default(),
                first: AtomicU64::new(1),
                damaged: AtomicBool::new(false),
                filling: Mutex::default(),
                journal: OnceLock::new(),
            }),
        };
        let mut put_aside = None;
        match store.open_base() {
            Ok(()) => {}
            Err(fault) if fault.is_of_the_disk() => return Err(io(io::Error::other(fault))),
            Err(fault) => {
                move_aside(dir).map_err(io)?;
                put_aside = Some(format!(
                    "the store was put aside as store.damaged and is made again from the journal: {fault}"
                ));
                store
                    .open_base()
                    .map_err(|fault| io(io::Error::other(fault)))?;
            }
        }
        let opened = Opened {
            position: store.position(),
            put_aside,
        };
        Ok((store, opened))
    }

    /// How far it is.
    pub fn position(&self) -> Position {
        *self.reached()
    }

    /// The first entry that look-ups know of; older ones have left the store for the archive. It only grows as long as the
    /// process lives: asked after a look-up, it bounds what that has told.
    pub fn first_sequence(&self) -> u64 {
        self.inner.first.load(Ordering::Acquire)
    }

    /// The entry with this sequence. Unknown until a [`Follower`] or [`Store::agree`] has found the store's
    /// position in the journal, and where it has left for the archive.
    pub fn entry(&self, sequence: u64) -> Lookup<Vec<u8>> {
        let journal = self.inner.journal.get();
        if sequence == 0 || journal.is_some_and(|journal| sequence > journal.last_sequence()) {
            return Lookup::Absent;
        }
        let entry = self.ask(|base| {
            if sequence > self.position().sequence || sequence < base.view().first {
                return Ok(None);
            }
            match read_entry(&base.db, sequence) {
                // It may have left between the two.
                Err(Fault::Page) if sequence < base.view().first => Ok(None),
                entry => entry.map(Some),
            }
        });
        entry.flatten().map_or(Lookup::Unknown, Lookup::Found)
    }

    /// The entries from `first` on in a row, about `most` of them, fewer where the store ends. Unknown as [`Store::entry`].
    pub fn entries(&self, first: u64, most: usize) -> Lookup<Vec<Vec<u8>>> {
        let mut entries = Vec::new();
        match self.each_entry(first, most, |entry| entries.push(entry.to_vec())) {
            Lookup::Found(()) => Lookup::Found(entries),
            Lookup::Absent => Lookup::Absent,
            Lookup::Unknown => Lookup::Unknown,
        }
    }

    /// As [`Store::entries`], each given to `take` where it stands. What was given does not count where it ends Unknown.
    pub fn each_entry(&self, first: u64, most: usize, take: impl FnMut(&[u8])) -> Lookup<()> {
        let given = self.ask(|base| {
            if first > self.position().sequence || first < base.view().first {
                return Ok(None);
            }
            match read_entries(&base.db, first, most, take) {
                // They may have left between the two.
                Err(Fault::Page) if first < base.view().first => Ok(None),
                given => given.map(Some),
            }
        });
        given.flatten().map_or(Lookup::Unknown, Lookup::Found)
    }

    /// The entries that are found under an item: their sequences, newest first, `most` of them at most; and the sequence up to
    /// which, from [`Store::first_sequence`] on, this is the whole truth. An item is a hash: the entry itself has to be
    /// compared, and where all of `most` are others, older ones be asked for with [`Store::history`].
    pub fn find(&self, item: Item, most: usize) -> (Lookup<Vec<u64>>, u64) {
        self.history(item, u64::MAX, most)
    }

    /// As [`Store::find`], of the entries before the one with the sequence `before`.
    pub fn history(&self, item: Item, before: u64, most: usize) -> (Lookup<Vec<u64>>, u64) {
        let found = self.ask(|base| {
            let view = base.view();
            let found = view.find(&base.db, run::shorten(item), before, most.max(1))?;
            Ok((found, view.indexed))
        });
        match found {
            None => (Lookup::Unknown, 0),
            Some((found, indexed)) if found.is_empty() => (Lookup::Absent, indexed),
            Some((found, indexed)) => (Lookup::Found(found), indexed),
        }
    }

    /// Takes the entries from `first_sequence` on, the one after its position; they end at `end`.
    /// They are durable after the next [`flush`](Store::flush).
    ///
    /// # Errors
    /// A [`Fault`]: the store has to be mended.
    pub fn follow(
        &self,
        first_sequence: u64,
        entries: &[&[u8]],
        end: Position,
    ) -> Result<(), Fault> {
        let mut filling = self.filling();
        let fits = first_sequence == filling.position.sequence + 1
            && filling.position.sequence + entries.len() as u64 == end.sequence;
        if !fits {
            return Err(Fault::OtherJournal);
        }
        self.with(|base| {
            while filling.index_some(&base.db)? {}
            let mut rows = Rows::new();
            for (sequence, entry) in (first_sequence..).zip(entries) {
                filling.page.add(sequence, entry, &mut rows);
            }
            filling.page.save(&mut rows);
            let mut batch = sled::Batch::default();
            for (key, value) in rows {
                batch.insert(&key[..], value);
            }
            batch.insert(POSITION, put_position(end, self.inner.identity));
            if let Some((key, value)) = filling.work.take_row() {
                batch.insert(key, value);
            }
            base.db.apply_batch(batch).map_err(Fault::Sled)?;
            filling.position = end;
            *self.reached() = end;
            // Behind the entries: no run may be there without them.
            filling.work.index(&base.db, entries.iter().copied())?;
            self.show(base, &filling.work);
            Ok(())
        })
    }

    /// Makes durable what was followed.
    ///
    /// # Errors
    /// A [`Fault`]: the store has to be mended.
    pub fn flush(&self) -> Result<(), Fault> {
        let mut filling = self.filling();
        self.with(|base| {
            base.db.flush().map_err(Fault::Sled)?;
            base.file.sync_data().map_err(Fault::Sync)?;
            filling.work.flushed();
            Ok(())
        })
    }

    /// Sends what is written so far to the disk, so that [`Store::flush`] finds less to do. Nothing is durable by this.
    ///
    /// # Errors
    /// A [`Fault`]: the store has to be mended.
    pub(super) fn sync(&self) -> Result<(), Fault> {
        self.with(|base| base.file.sync_data().map_err(Fault::Sync))
    }

    /// Does a piece of what waits behind following: a run is written, runs are merged, what nobody needs is removed. Gives
    /// whether there was something to do. A [`Follower`] does it by itself.
    ///
    /// # Errors
    /// A [`Fault`]: the store has to be mended.
    pub fn step(&self) -> Result<bool, Fault> {
        let mut filling = self.filling();
        self.with(|base| {
            let did = filling.index_some(&base.db)? || filling.work.step(&base.db)?;
            if did {
                self.show(base, &filling.work);
            }
            Ok(did)
        })
    }

    /// Lets the entries before `sequence` leave, which are in the archive; but never the last one. Returns when that is
    /// durable, and gives the first entry that is left. Their rows are removed later, a [step](Store::step) at a time.
    ///
    /// # Errors
    /// A [`Fault`]: the store has to be mended, and forgets nothing.
    pub fn drop_before(&self, sequence: u64) -> Result<u64, Fault> {
        let mut filling = self.filling();
        let first = self.with(|base| {
            while filling.index_some(&base.db)? {}
            let first = sequence.min(filling.position.sequence);
            if first > filling.work.first() {
                filling.work.drop_before(&base.db, first)?;
                self.show(base, &filling.work);
            }
            Ok(filling.work.first())
        })?;
        drop(filling);
        self.flush()?;
        Ok(first)
    }

    /// Makes a store whole that failed: opens it again where the disk failed it, begins another where its contents are
    /// wrong.
    ///
    /// # Errors
    /// When the file system refuses; the store stays closed then, and look-ups are Unknown.
    fn mend(&self, fault: &Fault) -> Result<(), StoreError> {
        self.close_for(fault);
        if self.inner.damaged.load(Ordering::Relaxed) {
            return self.begin_again();
        }
        match self.open_base() {
            Ok(()) => Ok(()),
            Err(fault) if fault.is_of_the_disk() => Err(StoreError::Io {
                dir: self.inner.dir.clone(),
                source: io::Error::other(fault),
            }),
            Err(_) => self.begin_again(),
        }
    }

    /// Puts the store aside as `store.damaged` and begins an empty one.
    ///
    /// # Errors
    /// When the file system refuses; the store stays closed then, and look-ups are Unknown.
    pub fn begin_again(&self) -> Result<(), StoreError> {
        let io = |source| StoreError::Io {
            dir: self.inner.dir.clone(),
            source,
        };
        self.close();
        let mut filling = self.filling();
        *filling = Filling::default();
        *self.reached() = Position::default();
        self.inner.damaged.store(true, Ordering::Relaxed);
        move_aside(&self.inner.dir).map_err(io)?;
        self.inner.damaged.store(false, Ordering::Relaxed);
        drop(filling);
        self.open_base()
            .map_err(|fault| io(io::Error::other(fault)))
    }

    /// Opens the database and takes it for this store's.
    fn open_base(&self) -> Result<(), Fault> {
        let inner = &*self.inner;
        let mut filling = self.filling();
        let (db, file, found) = open_db(&inner.dir, inner.identity, inner.run_entries)?;
        let base = Base {
            db,
            file,
            number: inner.opened.fetch_add(1, Ordering::Relaxed),
            agreed: AtomicBool::new(false),
            view: Mutex::new(Arc::new(found.work.view())),
        };
        *self.reached() = found.position;
        inner.first.fetch_max(found.work.first(), Ordering::AcqRel);
        *filling = found;
        *self.base_mut() = Some(base);
        Ok(())
    }

    /// An empty store of a journal whose first entries are gone begins with the first that is there.
    fn begin_at(&self, first: u64) {
        let mut filling = self.filling();
        filling.position.sequence = first - 1;
        filling.work.begin_at(first);
        *self.reached() = filling.position;
        if let Some(base) = &*self.base() {
            self.show(base, &filling.work);
        }
    }

    /// Gives look-ups what is indexed now.
    fn show(&self, base: &Base, work: &Work) {
        self.inner.first.fetch_max(work.first(), Ordering::AcqRel);
        let view = Arc::new(work.view());
        *base.view.lock().unwrap_or_else(PoisonError::into_inner) = view;
    }

    /// Look-ups may answer: all that is in the store is in this journal.
    fn agrees(&self, journal: &Reader) {
        let _ = self.inner.journal.set(journal.clone());
        if let Some(base) = &*self.base() {
            base.agreed.store(true, Ordering::Release);
        }
    }

    /// The last entry that all look-ups may tell of.
    fn answers_up_to(&self) -> u64 {
        let base = self.base();
        let base = base.as_ref().filter(|base| base.has_agreed());
        base.map_or(0, |base| base.view().indexed)
    }

    /// Asks the open database, where it has agreed with the journal. What should be there and is not closes it: the
    /// follower finds it closed and makes it again.
    fn ask<T>(&self, question: impl FnOnce(&Base) -> Result<T, Fault>) -> Option<T> {
        let guard = self.base();
        let base = guard.as_ref().filter(|base| base.has_agreed())?;
        let number = base.number;
        let fault = match guarded(|| question(base)) {
            Ok(answer) => return Some(answer),
            Err(fault) => fault,
        };
        drop(guard);
        let mut guard = self.base_mut();
        // Unless another has done so meanwhile.
        if guard.as_ref().is_some_and(|base| base.number == number) {
            self.note_damage(&fault);
            drop_guarded(guard.take());
        }
        None
    }

    /// Whether it holds no entry.
    fn is_empty(&self) -> bool {
        let filling = self.filling();
        filling.position.sequence < filling.work.first()
    }

    fn is_closed(&self) -> bool {
        self.base().is_none()
    }

    /// Runs `work` on the open database, and turns a panic into a fault.
    fn with<T>(&self, work: impl FnOnce(&Base) -> Result<T, Fault>) -> Result<T, Fault> {
        let base = self.base();
        let base = base.as_ref().ok_or(Fault::Closed)?;
        guarded(|| work(base))
    }

    /// Closes after a fault, until it is mended.
    fn close_for(&self, fault: &Fault) {
        self.note_damage(fault);
        self.close();
    }

    fn note_damage(&self, fault: &Fault) {
        if !fault.is_of_the_disk() {
            self.inner.damaged.store(true, Ordering::Relaxed);
        }
    }

    fn close(&self) {
        // Nobody opens it again before it is closed: sled locks its file.
        let mut base = self.base_mut();
        drop_guarded(base.take());
    }

    fn base(&self) -> std::sync::RwLockReadGuard<'_, Option<Base>> {
        self.inner
            .base
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn base_mut(&self) -> std::sync::RwLockWriteGuard<'_, Option<Base>> {
        self.inner
            .base
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn reached(&self) -> MutexGuard<'_, Position> {
        self.inner
            .reached
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn filling(&self) -> MutexGuard<'_, Filling> {
        self.inner
            .filling
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Base {
    fn has_agreed(&self) -> bool {
        self.agreed.load(Ordering::Acquire)
    }

    fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Filling {
    /// Indexes some of the entries that are in the database and not in the index; gives whether there were any.
    fn index_some(&mut self, db: &sled::Db) -> Result<bool, Fault> {
        let next = self.work.indexed() + 1;
        if next > self.position.sequence {
            return Ok(false);
        }
        let mut entries = Vec::new();
        read_entries(db, next, INDEXED_AT_ONCE, |entry| {
            entries.push(entry.to_vec());
        })?;
        self.work.index(db, entries.iter().map(Vec::as_slice))?;
        Ok(true)
    }
}

/// Closing writes, and what is damaged may panic once more.
fn drop_guarded(base: Option<Base>) {
    let _ = guarded(|| {
        drop(base);
        Ok(())
    });
}

fn open_db(
    dir: &Path,
    identity: [u8; 16],
    run_entries: u64,
) -> Result<(sled::Db, File, Filling), Fault> {
    let path = dir.join("store");
    guarded(|| {
        let db = sled::Config::default()
            .path(&path)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None)
            .open()
            .map_err(Fault::Sled)?;
        let file = File::open(path.join("db")).map_err(Fault::Sync)?;
        let mut filling = filling_of(&db, identity)?;
        filling.work = Work::open(&db, filling.position.sequence, run_entries)?;
        Ok((db, file, filling))
    })
}

/// How far a database is; its last page must end just there.
fn filling_of(db: &sled::Db, identity: [u8; 16]) -> Result<Filling, Fault> {
    let last = db.get_lt(b"f").map_err(Fault::Sled)?;
    let last = last.filter(|(key, _)| key.starts_with(b"e"));
    let Some(position) = db.get(POSITION).map_err(Fault::Sled)? else {
        return match last {
            None => Ok(Filling::default()),
            Some(_) => Err(Fault::Page),
        };
    };
    let position = take_position(&position, identity)?;
    let Some((key, value)) = last else {
        return Err(Fault::Page);
    };
    if page::last_sequence(&key, &value)? != position.sequence {
        return Err(Fault::Page);
    }
    Ok(Filling {
        position,
        page: OpenPage::resume(&key, &value)?,
        work: Work::default(),
    })
}

/// The entries from `first` on, about `most`, at least one.
fn read_entries(
    db: &sled::Db,
    first: u64,
    most: usize,
    mut take: impl FnMut(&[u8]),
) -> Result<(), Fault> {
    let start = db.get_lt(page::key(first, 1)).map_err(Fault::Sled)?;
    let (start, _) = start
        .filter(|(key, _)| key.starts_with(b"e"))
        .ok_or(Fault::Page)?;
    let mut gathering = Gathering::from(first);
    for row in db.range(start..sled::IVec::from(b"f")) {
        let (key, value) = row.map_err(Fault::Sled)?;
        gathering.take(&key, &value, &mut take)?;
        if gathering.next() - first >= most as u64 {
            break;
        }
    }
    if gathering.next() == first {
        return Err(Fault::Page);
    }
    Ok(())
}

fn read_entry(db: &sled::Db, sequence: u64) -> Result<Vec<u8>, Fault> {
    let row = db.get_lt(page::key(sequence, 1)).map_err(Fault::Sled)?;
    let (key, value) = row.ok_or(Fault::Page)?;
    if !key.starts_with(b"e") {
        return Err(Fault::Page);
    }
    let (length, first) = match page::find(&key, &value, sequence)? {
        Piece::Whole(bytes) => return Ok(bytes.to_vec()),
        Piece::Part(length, bytes) => (length, bytes),
        Piece::Behind => return Err(Fault::Page),
    };
    let mut entry = first.to_vec();
    for part in 1.. {
        if entry.len() >= length {
            break;
        }
        let key = page::key(sequence, part);
        let value = db.get(key).map_err(Fault::Sled)?.ok_or(Fault::Page)?;
        match page::find(&key, &value, sequence)? {
            Piece::Part(_, bytes) => entry.extend_from_slice(bytes),
            Piece::Whole(_) | Piece::Behind => return Err(Fault::Page),
        }
    }
    Ok(entry)
}

/// CRC32C u32, then format, identity, sequence, chain.
fn put_position(position: Position, identity: [u8; 16]) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&identity);
    bytes.extend_from_slice(&position.sequence.to_le_bytes());
    bytes.extend_from_slice(&position.chain.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[4..]);
    bytes[..4].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn take_position(bytes: &[u8], identity: [u8; 16]) -> Result<Position, Fault> {
    let bytes: &[u8; 44] = bytes.try_into().map_err(|_| Fault::Page)?;
    let sequence = u64::from_le_bytes(bytes[28..36].try_into().expect("eight bytes"));
    let chain = u64::from_le_bytes(bytes[36..44].try_into().expect("eight bytes"));
    let position = Position { sequence, chain };
    if bytes[..4] != crc32c::crc32c(&bytes[4..]).to_le_bytes() {
        return Err(Fault::Page);
    }
    // Also another format: whatever is not exactly ours is made again.
    if bytes[..] != put_position(position, identity)[..] {
        return Err(Fault::OtherJournal);
    }
    Ok(position)
}

fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Fault::Panic))
}

/// Whether some process holds sled's lock: what cannot be opened then is not damaged.
fn is_in_use(dir: &Path) -> bool {
    use rustix::fs::FlockOperation::NonBlockingLockExclusive;
    File::open(dir.join("store").join("db")).is_ok_and(|file| {
        rustix::fs::flock(&file, NonBlockingLockExclusive) == Err(rustix::io::Errno::WOULDBLOCK)
    })
}

fn move_aside(dir: &Path) -> io::Result<()> {
    let (store, aside) = (dir.join("store"), dir.join("store.damaged"));
    let absent_is_fine = |done: io::Result<()>| match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    };
    absent_is_fine(fs::remove_dir_all(&aside))?;
    absent_is_fine(fs::rename(&store, &aside))
}

#[cfg(test)]
mod index_tests;
#[cfg(test)]
mod tests;
