//! The data folder, opened: lock, key check, journal, the book as of the last entry, the ledger database.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use thiserror::Error;

use super::ahead;
use crate::cli::chain;
use crate::config::{Config, Limits};
use crate::journal::{
    self, Archive, Folder, Journal, OpenError, Options, ReadError, Reader, snapshot,
};
use crate::keys::{CheckValue, KeyFileError, TokenKey};
use crate::ledger::{Book, Entry, View, record};
use crate::store::{Lookup, Store};
use crate::terms::Sequence;

/// The name in the data folder of the file that keeps the check value of its token key.
pub(super) const CHECK_FILE: &str = "token-key.check";

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
        let snapshot = snapshot::newest_valid(folder.dir());
        let (key, is_known) = find_key(config, &folder, snapshot.as_ref())?;
        let (store, store_sequence) = match Store::open(folder.dir(), folder.identity()) {
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
        let known = snapshot.as_ref().map_or(0, |s| s.head.sequence);
        let options = Options {
            minimum_sequence: known.max(store_sequence),
            accept_loss_after,
            ..Options::default()
        };
        let (journal, opened) = Journal::open_in(folder, options)?;
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
        let snapshot = snapshot.filter(|s| s.head.sequence <= opened.last_sequence);
        let snapshot_sequence = snapshot.as_ref().map_or(0, |s| s.head.sequence);
        let archive = match Archive::open(&config.archive_dir(), journal.folder().identity()) {
            Ok(archive) => Some(archive),
            Err(error) => {
                tracing::warn!("going on without the archive: {}", chain(&error));
                None
            }
        };
        let reader = with_archive(journal.reader(), archive.as_ref());
        let book = book(snapshot, &reader, &config.limits)?;
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
    let known = limits.known_entries;
    if let Some(mut snapshot) = snapshot {
        let book = catch_unwind(AssertUnwindSafe(|| Book::read(&mut snapshot, known)))
            .map_err(|_| "it holds what cannot be".to_owned())
            .and_then(|read| read.map_err(|error| chain(&error)));
        match book.and_then(|mut book| {
            replay(&mut book, journal).map_err(|error| error.to_string())?;
            Ok(book)
        }) {
            Ok(book) => return Ok(book),
            Err(why) => {
                tracing::warn!("the snapshot is of no use, reading the whole journal: {why}");
            }
        }
    }
    let mut book = Book::new(known);
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
    ahead::each(
        journal,
        (first, journal.last_sequence()),
        |batch, _| batch.find_items(),
        |batch| {
            follow(
                book,
                |book| book.apply_all(batch.with_items()),
                |book| book.sequence(),
            )
        },
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

/// Lets a book take in entries that were read. One that does not fit is told with its number, instead of ending the process in mid
/// air; the book is of no use then.
///
/// # Errors
/// When an entry does not fit.
pub(super) fn follow<B>(
    book: &mut B,
    apply: impl FnOnce(&mut B),
    last: impl FnOnce(&B) -> Sequence,
) -> Result<(), DataError> {
    catch_unwind(AssertUnwindSafe(|| apply(book))).map_err(|_| DataError::Entry {
        sequence: last(book).0,
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
pub fn write_snapshot(dir: &Path, epoch: u64, key: CheckValue, book: &View) -> io::Result<u64> {
    let head = snapshot::Head {
        epoch,
        sequence: book.sequence().0,
        key_check: key.0.to_vec(),
    };
    snapshot::write(dir, &head, |out| book.write(out))
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
