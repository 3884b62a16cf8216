//! The store: the ledger database on sled, for what is asked and not decided. It follows the journal behind
//! the answers, never decides, and is made again from the journal whenever it is not what it should be.
//!
//! Every call into sled is guarded: a damaged file makes it panic. Its own `flush` does not reach the disk,
//! so the file `db` is synced after each.

mod follower;
mod page;

use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

pub use follower::{Follower, Split};

use crate::journal::Reader;
use page::{OpenPage, Piece, Rows};

const CACHE_BYTES: u64 = 32 << 20;
const POSITION: &[u8] = b"m/position";
const FORMAT: u64 = 1;

/// The store; cheap to clone, usable from any thread.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    identity: [u8; 16],
    base: RwLock<Option<Base>>,
    /// Held by whoever writes; look-ups do not wait for it.
    filling: Mutex<Filling>,
    reached: Mutex<Position>,
    /// Whether what is on the disk is wrong, not only closed.
    damaged: AtomicBool,
    /// Whether its position was found in the journal: before that it may tell of another past.
    agreed: AtomicBool,
    journal: OnceLock<Reader>,
}

/// The open database.
#[derive(Debug)]
struct Base {
    db: sled::Db,
    file: File,
}

/// How far the store is.
#[derive(Debug, Clone, Default)]
struct Filling {
    position: Position,
    page: OpenPage,
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
pub enum Lookup {
    /// The entry's bytes.
    Found(Vec<u8>),
    /// The journal has no such entry.
    Absent,
    /// The store is behind, or is being made again: ask later. Never decide on this.
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
        let io = |source| StoreError::Io {
            dir: dir.to_owned(),
            source,
        };
        if is_in_use(dir) {
            return Err(StoreError::InUse {
                dir: dir.to_owned(),
            });
        }
        let mut put_aside = None;
        let (base, filling) = match open_base(dir, identity) {
            Ok(opened) => opened,
            Err(fault) if fault.is_of_the_disk() => return Err(io(io::Error::other(fault))),
            Err(fault) => {
                move_aside(dir).map_err(io)?;
                put_aside = Some(format!(
                    "the store was put aside as store.damaged and is made again from the journal: {fault}"
                ));
                open_base(dir, identity).map_err(|fault| io(io::Error::other(fault)))?
            }
        };
        let opened = Opened {
            position: filling.position,
            put_aside,
        };
        let store = Store {
            inner: Arc::new(Inner {
                dir: dir.to_owned(),
                identity,
                base: RwLock::new(Some(base)),
                reached: Mutex::new(filling.position),
                damaged: AtomicBool::new(false),
                agreed: AtomicBool::new(false),
                filling: Mutex::new(filling),
                journal: OnceLock::new(),
            }),
        };
        Ok((store, opened))
    }

    /// How far it is.
    pub fn position(&self) -> Position {
        *self.reached()
    }

    /// The entry with this sequence. Unknown until a [`Follower`] or [`Store::agree`] has found the store's
    /// position in the journal.
    pub fn entry(&self, sequence: u64) -> Lookup {
        let journal = self.inner.journal.get();
        if sequence == 0 || journal.is_some_and(|journal| sequence > journal.last_sequence()) {
            return Lookup::Absent;
        }
        if sequence > self.answers_up_to() {
            return Lookup::Unknown;
        }
        match self.with(|base| read_entry(&base.db, sequence)) {
            Ok(bytes) => Lookup::Found(bytes),
            Err(fault) => {
                // It should be there: the follower finds the store closed and makes it again. Unless that
                // has happened meanwhile.
                if sequence <= self.answers_up_to() && !matches!(fault, Fault::Closed) {
                    self.close_for(&fault);
                }
                Lookup::Unknown
            }
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
        let mut page = std::mem::take(&mut filling.page);
        let mut rows = Rows::new();
        for (sequence, entry) in (first_sequence..).zip(entries) {
            page.add(sequence, entry, &mut rows);
        }
        page.save(&mut rows);
        let mut batch = sled::Batch::default();
        for (key, value) in rows {
            batch.insert(&key[..], value);
        }
        batch.insert(POSITION, put_position(end, self.inner.identity));
        self.with(|base| base.db.apply_batch(batch).map_err(Fault::Sled))?;
        *self.reached() = end;
        *filling = Filling {
            position: end,
            page,
        };
        Ok(())
    }

    /// Makes durable what was followed.
    ///
    /// # Errors
    /// A [`Fault`]: the store has to be mended.
    pub fn flush(&self) -> Result<(), Fault> {
        self.with(|base| {
            base.db.flush().map_err(Fault::Sled)?;
            base.file.sync_data().map_err(Fault::Sync)
        })
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
        let mut filling = self.filling();
        let (base, found) = match open_base(&self.inner.dir, self.inner.identity) {
            Ok(opened) => opened,
            Err(fault) if fault.is_of_the_disk() => {
                return Err(StoreError::Io {
                    dir: self.inner.dir.clone(),
                    source: io::Error::other(fault),
                });
            }
            Err(_) => {
                drop(filling);
                return self.begin_again();
            }
        };
        *self.reached() = found.position;
        *filling = found;
        *self.base_mut() = Some(base);
        Ok(())
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
        self.inner.agreed.store(false, Ordering::Release);
        self.close();
        let mut filling = self.filling();
        *filling = Filling::default();
        *self.reached() = Position::default();
        self.inner.damaged.store(true, Ordering::Relaxed);
        move_aside(&self.inner.dir).map_err(io)?;
        self.inner.damaged.store(false, Ordering::Relaxed);
        let (base, begun) = open_base(&self.inner.dir, self.inner.identity)
            .map_err(|fault| io(io::Error::other(fault)))?;
        *self.reached() = begun.position;
        *filling = begun;
        *self.base_mut() = Some(base);
        Ok(())
    }

    /// Look-ups may answer: all that is in the store is in this journal.
    fn agrees(&self, journal: &Reader) {
        let _ = self.inner.journal.set(journal.clone());
        self.inner.agreed.store(true, Ordering::Release);
    }

    /// The last entry that look-ups may tell of.
    fn answers_up_to(&self) -> u64 {
        if self.inner.agreed.load(Ordering::Acquire) {
            self.position().sequence
        } else {
            0
        }
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
        if !fault.is_of_the_disk() {
            self.inner.damaged.store(true, Ordering::Relaxed);
        }
        self.inner.agreed.store(false, Ordering::Release);
        self.close();
    }

    fn close(&self) {
        let base = self.base_mut().take();
        // Closing writes, and what is damaged may panic once more.
        let _ = guarded(|| {
            drop(base);
            Ok(())
        });
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

fn open_base(dir: &Path, identity: [u8; 16]) -> Result<(Base, Filling), Fault> {
    let path = dir.join("store");
    guarded(|| {
        let db = sled::Config::default()
            .path(&path)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None)
            .open()
            .map_err(Fault::Sled)?;
        let file = File::open(path.join("db")).map_err(Fault::Sync)?;
        let filling = filling_of(&db, identity)?;
        Ok((Base { db, file }, filling))
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
    })
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
mod tests;
