//! The data folder, opened: lock, key check, journal, the book as of the last entry, the ledger database.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use thiserror::Error;

use super::ahead;
use crate::cli::chain;
use crate::config::{Config, Limits};
use crate::journal::{
    self, Archive, Folder, Journal, OpenError, Options, ReadError, Reader, snapshot,
};
use crate::keys::{CheckValue, KeyFileError, TokenKey};
use crate::ledger::{Book, Entry, Pages, View, record};
use crate::store::{Lookup, Store};
use crate::terms::Sequence;

/// The name in the data folder of the file that keeps the check value of its token key.
pub(super) const CHECK_FILE: &str = "token-key.check";

/// What takes less is not told.
const TOLD_LEAST: Duration = Duration::from_millis(100);

/// How long a folder in use is waited for at a start.
const IN_USE_MOST: Duration = Duration::from_secs(5);

/// A data folder that belongs to this process, with everything in it as of the last durable entry.
pub struct Data {
    /// The journal, to be appended to.
    pub journal: Journal,
    /// The fold of all its entries.
    pub book: Book,
    /// The token key that belongs to it.
    pub key: TokenKey,
    /// The ledger database; `None` where it could not be opened, and entries are looked up in the journal.
    pub store: Option<Store>,
    /// The newest snapshot's last entry; 0 where there is none.
    pub snapshot: u64,
    /// Closed days that have left the journal; `None` where the folder cannot be reached.
    pub archive: Option<Archive>,
}

/// Why a data folder does not open.
#[derive(Debug, Error)]
pub enum DataError {
    /// The folder or its journal.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// The token key file.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The key is not the one this data was made with.
    #[error(
        "the token key in {} has check value {found}, this data was made with {wanted}; bring the key with {wanted} back",
        path.display()
    )]
    OtherKey {
        /// The key file.
        path: PathBuf,
        /// The check value of the key that was found.
        found: CheckValue,
        /// The check value of the key that is wanted.
        wanted: CheckValue,
    },
    /// A file of the folder could not be read or written.
    #[error("{doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The check value is gone, but there are entries.
    #[error(
        "{} is missing or broken, so nothing tells whether the token key is the right one; bring it back from a copy",
        path.display()
    )]
    NoCheckValue {
        /// The file.
        path: PathBuf,
    },
    /// The journal could not be read while the book was made.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An entry of the journal is none of ours.
    #[error("entry {sequence} of the journal cannot be understood: {why}")]
    Entry {
        /// Its sequence.
        sequence: u64,
        /// What is wrong with it.
        why: String,
    },
}

impl DataError {
    /// Whether the disk or its contents are at fault, not what the operator configured.
    pub fn is_io(&self) -> bool {
        matches!(
            self,
            DataError::Io { .. }
                | DataError::Read(_)
                | DataError::Entry { .. }
                | DataError::Key(KeyFileError::Io { .. })
                | DataError::Journal(
                    OpenError::Io { .. } | OpenError::NoRoom { .. } | OpenError::Read(_)
                )
        )
    }
}

impl Data {
    /// Takes the folder that the configuration names, checks the key, and brings the book up to the last durable entry:
    /// the newest valid snapshot and what came after it, else the whole journal.
    ///
    /// # Errors
    /// When the folder is not ours, in use, damaged, or was made with another key.
    pub fn open(config: &Config, accept_loss_after: Option<u64>) -> Result<Data, DataError> {
        Data::open_in(Folder::claim(&config.data)?, config, accept_loss_after)
    }

    /// The same for a folder that is claimed already.
    ///
    /// # Errors
    /// When the folder is damaged or was made with another key.
    pub fn open_in(
        folder: Folder,
        config: &Config,
        accept_loss_after: Option<u64>,
    ) -> Result<Data, DataError> {
        let mut timed = Timed::begin();
        let snapshot = snapshot::newest_valid(folder.dir());
        timed.told("checked the newest snapshot");
        let (key, is_known) = find_key(config, &folder, snapshot.as_ref())?;
        // Both take long where there is much of them, and neither needs the other.
        let (opened, read) = thread::scope(|scope| {
            let opening = scope.spawn(|| Store::open(folder.dir(), folder.identity()));
            let read = snapshot.map(|snapshot| read(snapshot, &config.limits));
            (opening.join(), read)
        });
        timed.told("read the newest snapshot and opened the ledger database");
        let opened = opened.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let (store, store_sequence) = match opened {
            Ok((store, opened)) => {
                if let Some(why) = opened.put_aside {
                    tracing::warn!("the ledger database was put aside and is made again: {why}");
                }
                (Some(store), opened.position.sequence)
            }
            Err(error) => {
                tracing::warn!("going on without the ledger database: {error}");
                (None, 0)
            }
        };
        let known = read.as_ref().map_or(0, |(sequence, _)| *sequence);
        let options = Options {
            minimum_sequence: known.max(store_sequence),
            accept_loss_after,
            ..Options::default()
        };
        let (journal, opened) = Journal::open_in(folder, options)?;
        timed.told("opened the journal");
        for note in &opened.notes {
            tracing::info!("{note}");
        }
        if !is_known && opened.last_sequence > 0 {
            return Err(DataError::NoCheckValue {
                path: config.data.join(CHECK_FILE),
            });
        }
        if let Some(store) = &store
            && store_sequence > opened.last_sequence
            && let Err(error) = store.begin_again()
        {
            tracing::warn!("the ledger database knows entries that were given up: {error}");
        }
        write_check(journal.folder().dir(), &key)?;
        let read = read.filter(|(sequence, _)| *sequence <= opened.last_sequence);
        let snapshot_sequence = read.as_ref().map_or(0, |(sequence, _)| *sequence);
        let archive = match Archive::open(&config.archive_dir(), journal.folder().identity()) {
            Ok(archive) => Some(archive),
            Err(error) => {
                tracing::warn!("going on without the archive: {}", chain(&error));
                None
            }
        };
        let reader = with_archive(journal.reader(), archive.as_ref());
        let book = caught_up(read.map(|(_, book)| book), &reader, &config.limits)?;
        Ok(Data {
            journal,
            book,
            key,
            store,
            snapshot: snapshot_sequence,
            archive,
        })
    }
}

/// Says what of a start takes long.
struct Timed(Instant);

impl Timed {
    fn begin() -> Timed {
        Timed(Instant::now())
    }

    fn told(&mut self, what: &str) {
        let time = std::mem::replace(&mut self.0, Instant::now()).elapsed();
        if time >= TOLD_LEAST {
            let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            tracing::info!(ms, "{what}");
        }
    }
}

/// A reader that finds in the archive what has left the journal.
pub(super) fn with_archive(reader: Reader, archive: Option<&Archive>) -> Reader {
    match archive {
        Some(archive) => reader.with_archive(archive.clone()),
        None => reader,
    }
}

/// Takes a folder for this process. One in use is waited for: a restart may meet the process that is ending.
///
/// # Errors
/// When the folder is not ours, or still in use.
pub(super) fn claim(dir: &Path) -> Result<Folder, DataError> {
    let began = Instant::now();
    let mut told = false;
    loop {
        match Folder::claim(dir) {
            Err(in_use @ OpenError::InUse { .. }) if began.elapsed() < IN_USE_MOST => {
                if !told {
                    tracing::warn!("waiting: {in_use}");
                    told = true;
                }
            }
            claimed => return Ok(claimed?),
        }
    }
}

/// The book as of the last durable entry: from the newest valid snapshot where there is one, else from the whole journal.
///
/// # Errors
/// When the journal cannot be read, or holds what is no entry of ours.
pub fn book(
    snapshot: Option<snapshot::Snapshot>,
    journal: &Reader,
    limits: &Limits,
) -> Result<Book, DataError> {
    let read = snapshot.map(|snapshot| read(snapshot, limits).1);
    caught_up(read, journal, limits)
}

/// The last entry of a snapshot, and its book, or why it is of no use.
fn read(mut snapshot: snapshot::Snapshot, limits: &Limits) -> (u64, Result<Book, String>) {
    let known = limits.known_entries;
    let book = catch_unwind(AssertUnwindSafe(|| Book::read(&mut snapshot, known)))
        .map_err(|_| "it holds what cannot be".to_owned())
        .and_then(|read| read.map_err(|error| chain(&error)));
    (snapshot.head.sequence, book)
}

/// A book that was read, brought up to the last durable entry; made from the whole journal where it is of no use.
fn caught_up(
    read: Option<Result<Book, String>>,
    journal: &Reader,
    limits: &Limits,
) -> Result<Book, DataError> {
    let tried = read.map(|book| {
        let mut book = book?;
        replay(&mut book, journal).map_err(|error| error.to_string())?;
        Ok::<_, String>(book)
    });
    match tried {
        Some(Ok(book)) => return Ok(book),
        Some(Err(why)) => {
            tracing::warn!("the snapshot is of no use, reading the whole journal: {why}");
        }
        None => {}
    }
    let mut book = Book::new(limits.known_entries);
    replay(&mut book, journal)?;
    Ok(book)
}

/// Applies every durable entry that the book does not have yet.
///
/// # Errors
/// When the journal cannot be read, or holds what is no entry of ours.
pub fn replay(book: &mut Book, journal: &Reader) -> Result<(), DataError> {
    let first = book.sequence().0 + 1;
    if journal.last_sequence() < first {
        return Ok(());
    }
    let began = Instant::now();
    let (pages, mut remembering) = book.halves();
    ahead::each(
        journal,
        (first, journal.last_sequence()),
        |batch, _| remembering.take_all(batch.entries()),
        |batch| follow(pages, batch.entries()),
    )?;
    let count = book.sequence().0 + 1 - first;
    if count > 10_000 {
        let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            entries = count,
            ms,
            "read the journal from entry {first} on"
        );
    }
    Ok(())
}

/// Lets a book's pages take in entries that were read. One that does not fit is told with its number, instead of ending the process
/// in mid air; the book is of no use then.
///
/// # Errors
/// When an entry does not fit.
pub(super) fn follow(pages: &mut Pages, entries: &[Entry]) -> Result<(), DataError> {
    let applied = catch_unwind(AssertUnwindSafe(|| pages.apply_all(entries.iter())));
    applied.map_err(|_| DataError::Entry {
        sequence: pages.sequence().0,
        why: "it does not follow from the entries before it".to_owned(),
    })
}

/// The entries of a group.
///
/// # Errors
/// When its bytes are no entries of ours.
pub fn entries(group: &journal::Group) -> Result<Vec<Entry>, DataError> {
    let mut batch = ahead::Batch::default();
    batch.take(group, 0, u64::MAX)?;
    Ok(batch.into_entries())
}

/// The bytes of a group's entries, as the ledger database takes them.
pub fn split(payload: &[u8], count: u32) -> Option<Vec<&[u8]>> {
    let entries: Vec<&[u8]> = record::split(payload).collect::<Result<_, _>>().ok()?;
    (entries.len() == count as usize).then_some(entries)
}

/// An entry by its sequence: from the ledger database, else from the journal. `None` where there is none.
///
/// # Errors
/// When the journal cannot be read.
pub fn entry(
    store: Option<&Store>,
    journal: &Reader,
    sequence: Sequence,
) -> Result<Option<Entry>, DataError> {
    if let Some(Lookup::Found(bytes)) = store.map(|store| store.entry(sequence.0))
        && let Ok(entry) = record::decode(&bytes)
        && entry.head.sequence == sequence
    {
        return Ok(Some(entry));
    }
    if sequence.0 == 0 || sequence.0 > journal.last_sequence() {
        return Ok(None);
    }
    let Some(group) = journal.find(sequence.0)? else {
        return Ok(None);
    };
    let entry = entries(&group)?
        .into_iter()
        .find(|entry| entry.head.sequence == sequence);
    Ok(entry)
}

/// Writes a snapshot of a book.
///
/// # Errors
/// Those of the file system; an older snapshot still counts then.
pub fn write_snapshot(
    dir: &Path,
    epoch: u64,
    key: CheckValue,
    book: &View,
    pace: snapshot::Pace,
) -> io::Result<u64> {
    let head = snapshot::Head {
        epoch,
        sequence: book.sequence().0,
        key_check: key.0.to_vec(),
    };
    snapshot::write_paced(dir, &head, pace, |out| book.write(out))
}

/// The key that the folder was made with, and whether that is known: by the check value beside the journal and by the one
/// in the snapshot. In a folder without entries, the key that is there, or a new one.
fn find_key(
    config: &Config,
    folder: &Folder,
    snapshot: Option<&snapshot::Snapshot>,
) -> Result<(TokenKey, bool), DataError> {
    let path = config.token_key_path();
    let check_path = folder.dir().join(CHECK_FILE);
    let check = match fs::read_to_string(&check_path) {
        Ok(text) => CheckValue::parse(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => {
            return Err(DataError::Io {
                doing: "read",
                path: check_path,
                source,
            });
        }
    };
    if check.is_none() && snapshot.is_none() {
        let empty = folder.is_fresh()
            || Reader::open(folder.dir()).map_or(true, |reader| reader.last_sequence() == 0);
        if !empty {
            return Err(DataError::NoCheckValue { path: check_path });
        }
        if path.exists() {
            return Ok((TokenKey::read(&path)?, false));
        }
        let key = TokenKey::create(&path)?;
        tracing::info!(
            check_value = %key.check_value(),
            "made a token key in {}; keep a copy of it, without it this data is lost",
            path.display()
        );
        return Ok((key, false));
    }
    let key = TokenKey::read(&path)?;
    if let Some(check) = check {
        check_key(config, &key, &check.0)?;
    }
    if let Some(snapshot) = snapshot {
        check_key(config, &key, &snapshot.head.key_check)?;
    }
    Ok((key, true))
}

fn check_key(config: &Config, key: &TokenKey, wanted: &[u8]) -> Result<(), DataError> {
    let found = key.check_value();
    if wanted == found.0 {
        return Ok(());
    }
    let mut bytes = [0; 8];
    let count = wanted.len().min(8);
    bytes[..count].copy_from_slice(&wanted[..count]);
    Err(DataError::OtherKey {
        path: config.token_key_path(),
        found,
        wanted: CheckValue(bytes),
    })
}

/// Keeps the check value beside the journal; by rename, so that it is whole or not there.
fn write_check(dir: &Path, key: &TokenKey) -> Result<(), DataError> {
    let path = dir.join(CHECK_FILE);
    let wanted = format!("{}\n", key.check_value());
    if fs::read_to_string(&path).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    let io = |source| DataError::Io {
        doing: "write",
        path: path.clone(),
        source,
    };
    let unnamed = dir.join(".token-key.check");
    let _ = fs::remove_file(&unnamed);
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o640)
        .open(&unnamed)
        .map_err(io)?;
    file.write_all(wanted.as_bytes()).map_err(io)?;
    file.sync_all().map_err(io)?;
    fs::rename(&unnamed, &path).map_err(io)?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io)?;
    Ok(())
}
