//! The journal: groups of opaque bytes that are durable before anybody is answered.
//!
//! Segment files, zeroed ahead, are written once and in order. The unit is the group: what was decided while
//! the group before was written. A group is whole or it is not there; the chained checksums prove that none
//! is missing between two others, and the mark file that none is missing at the end.

mod archive;
mod backup;
mod disk;
mod folder;
mod frame;
mod keeper;
mod read;
mod recover;
pub mod snapshot;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use archive::{Archive, ArchiveError, Archived, Segments};
pub use backup::{Backup, BackupError};
pub use disk::{Act, Disk, Loss, Unsynced, Verdict};
pub use folder::Folder;
pub use keeper::Room;
pub use read::{Group, Groups, Reader};

use disk::{DiskFile, is_full};
use frame::{GROUP_HEAD, GroupHead, Mark, SECTOR, SEGMENT_HEAD, SegmentHead, padded};
use keeper::{Keeper, SparePlan};

const SEGMENT_BYTES_LEAST: u64 = 64 << 10;
const SEGMENT_BYTES_MOST: u64 = 1 << 30;

/// A journal that this process, and no other, appends to.
#[derive(Debug)]
pub struct Journal {
    plan: SparePlan,
    active: Arc<DiskFile>,
    active_bytes: u64,
    /// How far the segment in use was zeroed ahead.
    zeroed: u64,
    index: u64,
    epoch: u64,
    /// Where the next group goes.
    end: u64,
    next_sequence: u64,
    next_group: u64,
    chain: u64,
    mark: DiskFile,
    durable: Arc<Durable>,
    tidying: Arc<Mutex<()>>,
    keeper: Keeper,
    /// A sync failed: nothing is known about the disk any more.
    ended: bool,
    // Last: its lock opens when the keeper's thread has ended.
    folder: Folder,
}

/// How a journal is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Length of a segment file in bytes, 64 KiB to 1 GiB. A group cannot be longer than one.
    pub segment_bytes: u64,
    /// The newest entry that a snapshot or the store knows; a journal that ends before is refused.
    pub minimum_sequence: u64,
    /// The operator gives up what came after this entry. Heeded only where it is the last whole entry of a
    /// journal that would be refused.
    pub accept_loss_after: Option<u64>,
    /// The disk, so that a test can bring one that fails.
    pub disk: Disk,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            segment_bytes: 64 << 20,
            minimum_sequence: 0,
            accept_loss_after: None,
            disk: Disk::default(),
        }
    }
}

/// What was found when the journal was opened.
#[derive(Debug, Clone)]
pub struct Opened {
    /// How often the journal has been opened, from 1.
    pub epoch: u64,
    /// The last durable entry; 0 in a new journal.
    pub last_sequence: u64,
    /// What the operator should read in the log.
    pub notes: Vec<Note>,
}

/// Something that happened at opening and is worth a line in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Note {
    /// The folder was empty.
    #[error("made a new data folder")]
    NewFolder,
    /// A group that was never answered was cut.
    #[error(
        "cut an unfinished group after entry {after}, at byte {at} of {path}; it was never answered"
    )]
    TailCut {
        /// The segment file.
        path: PathBuf,
        /// Its new length in bytes.
        at: u64,
        /// The last entry.
        after: u64,
    },
    /// Nothing tells whether answered entries are missing at the end.
    #[error(
        "the mark file is missing or broken: cannot prove that the end of the journal is there"
    )]
    MarkMissing,
    /// Entries were given up on the operator's word.
    #[error("gave up every entry after {after}, as accepted; what was cut is kept in {kept_in}")]
    LossAccepted {
        /// The last entry.
        after: u64,
        /// The folder.
        kept_in: PathBuf,
    },
    /// The operator's word was not needed.
    #[error("--accept-loss-after was given, but nothing is lost; take it away")]
    NothingLost,
}

/// Why a journal does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder has contents, and none of ours.
    #[error(
        "{dir} is not a data folder of clubswitch: it holds {found:?} and no file FORMAT; give an empty folder, or the one that was used before"
    )]
    NotOurs {
        /// The folder.
        dir: PathBuf,
        /// One of its names.
        found: String,
    },
    /// There is nothing to read.
    #[error(
        "{dir} has no file FORMAT: no data folder of clubswitch; give the one that the switch uses"
    )]
    NoFolder {
        /// The folder.
        dir: PathBuf,
    },
    /// Another version wrote it.
    #[error(
        "{path} begins with {found:?}, \"clubswitch data folder, format 1\" wanted; use the version of the program that wrote it"
    )]
    OtherFormat {
        /// The FORMAT file.
        path: PathBuf,
        /// Its first line.
        found: String,
    },
    /// Another process holds the lock.
    #[error("{dir} is in use by {by}; stop that first, or give another folder")]
    InUse {
        /// The folder.
        dir: PathBuf,
        /// Who, with the process number where it is known.
        by: String,
    },
    /// The disk is full.
    #[error(
        "no room in {dir} for the next journal segment of {bytes} bytes; make room and start again"
    )]
    NoRoom {
        /// The folder.
        dir: PathBuf,
        /// What was wanted.
        bytes: u64,
    },
    /// Written bytes are not what they were.
    #[error(
        "journal damaged at byte {at} of {path}: entry {sequence} cannot be read, but was durable; bring that file back from a copy, or give up everything after entry {last} with --accept-loss-after {last}"
    )]
    Damaged {
        /// The segment file.
        path: PathBuf,
        /// Offset of the first byte that is wrong.
        at: u64,
        /// The first entry that cannot be read.
        sequence: u64,
        /// The last one before.
        last: u64,
    },
    /// Answered entries are missing at the end.
    #[error(
        "the journal in {dir} ends at entry {last}, but {witness} knows entry {known}: answered entries are missing; bring the journal back from a copy, or give them up with --accept-loss-after {last}"
    )]
    Shorter {
        /// The data folder.
        dir: PathBuf,
        /// The last entry found.
        last: u64,
        /// Who knows more.
        witness: &'static str,
        /// The entry it knows.
        known: u64,
    },
    /// The end of the journal is not the one that was written here.
    #[error(
        "entry {sequence} of the journal in {dir} is not the one its mark file knows; bring journal and mark from the same copy, or keep what is there with --accept-loss-after {last}"
    )]
    OtherJournal {
        /// The data folder.
        dir: PathBuf,
        /// The entry both know.
        sequence: u64,
        /// The last entry found.
        last: u64,
    },
    /// The file system refuses.
    #[error("{doing} {path}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// No segment is left, but there were some whose entries are in the archive.
    #[error(
        "the journal in {dir} has no segment, and its entries up to {last} are in the archive: bring the last of them back with `clubswitch ledger restore`"
    )]
    ArchivedOnly {
        /// The data folder.
        dir: PathBuf,
        /// The last archived entry.
        last: u64,
    },
    /// The oldest segments are gone, and nothing says that they are in the archive.
    #[error(
        "the journal in {dir} begins with {found}, and {begin} does not tell that what came before is archived: bring {begin} back from a copy, or the segments from {missing} on"
    )]
    Begins {
        /// The data folder.
        dir: PathBuf,
        /// Name of the oldest segment found.
        found: String,
        /// The file that would tell.
        begin: PathBuf,
        /// Name of the first segment that is missing.
        missing: String,
    },
    /// A file of the journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Why the journal cannot be read further.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A group that was durable is not there or not what it was.
    #[error(
        "journal damaged at byte {at} of {path}: entry {sequence} cannot be read, but was durable; bring that file back from a copy"
    )]
    Damaged {
        /// The segment file.
        path: PathBuf,
        /// Offset.
        at: u64,
        /// The first entry that cannot be read.
        sequence: u64,
    },
    /// A segment's header is not whole.
    #[error("{path} has no whole segment header; bring that file back from a copy")]
    Header {
        /// The segment file.
        path: PathBuf,
    },
    /// A sealed segment is not what it was.
    #[error(
        "the SHA-256 of {path} is not the one it was sealed with; bring that file back from a copy"
    )]
    Seal {
        /// The segment file.
        path: PathBuf,
    },
    /// The entry is older than what is kept.
    #[error(
        "entry {sequence} wanted, the journal begins at entry {first}; what came before is in the archive: name the archive folder, or bring it back with `clubswitch ledger restore`"
    )]
    Gone {
        /// What was asked for.
        sequence: u64,
        /// The oldest entry.
        first: u64,
    },
    /// An archived segment is not what it was.
    #[error("archive file {path}: {why}; bring that file back from a copy")]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// An archived segment is not there.
    #[error(
        "archive file {path} is missing, entry {sequence} is in it; bring that file back from a copy"
    )]
    ArchiveMissing {
        /// The file.
        path: PathBuf,
        /// An entry that is in it.
        sequence: u64,
    },
    /// The file system refuses.
    #[error("read {path}")]
    Io {
        /// What was read.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Why a group was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// No room. Nothing has changed: the same group may be tried again later.
    #[error("append entries {first}..{last}: no room: {why}")]
    Full {
        /// The first entry of the group.
        first: u64,
        /// Its last.
        last: u64,
        /// What the file system said.
        why: String,
    },
    /// Nobody knows what is durable now: the process must end (exit 74), and the next start finds out.
    #[error("append entries {first}..{last}")]
    Fatal {
        /// The first entry of the group.
        first: u64,
        /// Its last.
        last: u64,
        /// What failed.
        source: io::Error,
    },
    /// The caller's mistake: a group that is out of order, empty, or longer than a segment. Nothing has changed.
    #[error(
        "append {count} entries from {first}, {bytes} bytes: the next entry is {next}, a group is at most {most} bytes"
    )]
    Misfit {
        /// The first entry of the group.
        first: u64,
        /// How many.
        count: u32,
        /// How long.
        bytes: usize,
        /// The sequence wanted.
        next: u64,
        /// The length allowed.
        most: u64,
    },
}

/// The disk has no room for another group now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no room for the next journal segment: {why}")]
pub struct Full {
    /// What the file system said.
    pub why: String,
}

/// What an append took.
#[derive(Debug, Clone, Copy)]
pub struct Appended {
    /// Bytes written, with header and padding.
    pub bytes: u64,
    /// Time in the write.
    pub write: Duration,
    /// Time in the sync.
    pub sync: Duration,
}

impl Journal {
    /// Opens the journal of the data folder `dir`, which is made when it is absent or empty.
    ///
    /// # Errors
    /// See [`OpenError`]; each says what to do.
    pub fn open(dir: &Path, options: Options) -> Result<(Journal, Opened), OpenError> {
        Journal::open_in(Folder::claim(dir)?, options)
    }

    /// Opens the journal of a folder that is claimed already.
    ///
    /// # Errors
    /// See [`OpenError`]; each says what to do.
    pub fn open_in(folder: Folder, options: Options) -> Result<(Journal, Opened), OpenError> {
        let segments = folder::segments_dir(folder.dir());
        let opened = File::open(&segments).map_err(|source| OpenError::Io {
            doing: "open",
            path: segments.clone(),
            source,
        })?;
        let plan = SparePlan {
            folder: Arc::new(opened),
            disk: options.disk.clone(),
            path: segments.join("spare"),
            bytes: padded(
                options
                    .segment_bytes
                    .clamp(SEGMENT_BYTES_LEAST, SEGMENT_BYTES_MOST),
            ),
        };
        let start = recover::start(&folder, &options, &plan).map_err(|error| match error {
            OpenError::Io { source, .. } if is_full(&source) => OpenError::NoRoom {
                dir: folder.dir().to_owned(),
                bytes: plan.bytes,
            },
            error => error,
        })?;
        let head = start.head;
        let active = Arc::new(start.active);
        let end = SEGMENT_HEAD as u64;
        let keeper = Keeper::start(plan.clone(), active.clone(), start.active_bytes, end);
        let keeper = keeper.map_err(|source| OpenError::Io {
            doing: "start a thread for",
            path: segments,
            source,
        })?;
        let last_sequence = head.first_sequence - 1;
        let journal = Journal {
            folder,
            plan,
            active,
            active_bytes: start.active_bytes,
            zeroed: start.active_bytes,
            index: head.index,
            epoch: head.epoch,
            end,
            next_sequence: head.first_sequence,
            next_group: head.first_group,
            chain: head.chain_before,
            mark: start.mark,
            durable: Arc::new(Durable::new(last_sequence)),
            tidying: Arc::default(),
            keeper,
            ended: false,
        };
        let opened = Opened {
            epoch: head.epoch,
            last_sequence,
            notes: start.notes,
        };
        Ok((journal, opened))
    }

    /// Appends a group of `count` entries, the first with `first_sequence`, which must be the one after the
    /// last. Returns when they would survive a power cut.
    ///
    /// # Errors
    /// [`AppendError::Full`] may be tried again; after [`AppendError::Fatal`] the process must end.
    pub fn append(
        &mut self,
        first_sequence: u64,
        count: u32,
        payload: &[u8],
    ) -> Result<Appended, AppendError> {
        let bytes = padded((GROUP_HEAD + payload.len()) as u64);
        let most = self.plan.bytes - SEGMENT_HEAD as u64;
        if first_sequence != self.next_sequence || count == 0 || bytes > most {
            return Err(AppendError::Misfit {
                first: first_sequence,
                count,
                bytes: payload.len(),
                next: self.next_sequence,
                most: most - GROUP_HEAD as u64,
            });
        }
        let last = first_sequence + u64::from(count) - 1;
        let failed = |error: Failed| match error {
            Failed::Full(why) => AppendError::Full {
                first: first_sequence,
                last,
                why,
            },
            Failed::Fatal(source) => AppendError::Fatal {
                first: first_sequence,
                last,
                source,
            },
        };
        let done = self.write_group(first_sequence, count, payload, bytes);
        self.ended |= matches!(done, Err(Failed::Fatal(_)));
        done.map_err(failed)
    }

    /// A reader of what is durable, for any thread.
    pub fn reader(&self) -> Reader {
        Reader::live(
            folder::segments_dir(self.folder.dir()),
            self.folder.identity(),
            self.durable.clone(),
            self.tidying.clone(),
        )
    }

    /// Its segments, for housekeeping from another thread.
    pub fn segments(&self) -> Segments {
        Segments::new(
            folder::segments_dir(self.folder.dir()),
            self.folder.identity(),
            self.plan.disk.clone(),
            self.tidying.clone(),
        )
    }

    /// Tells other threads whether there is room.
    pub fn room(&self) -> Room {
        self.keeper.room()
    }

    /// The folder it lies in.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// How often the journal has been opened, from 1.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The last durable entry; 0 in a new journal.
    pub fn last_sequence(&self) -> u64 {
        self.next_sequence - 1
    }

    fn write_group(
        &mut self,
        first_sequence: u64,
        count: u32,
        payload: &[u8],
        bytes: u64,
    ) -> Result<Appended, Failed> {
        if self.ended {
            return Err(Failed::Fatal(io::Error::other("an earlier write failed")));
        }
        self.keeper.lives()?;
        if self.end + bytes > self.active_bytes {
            self.turn()?;
        } else if self.end >= self.zeroed.max(self.active_bytes / 2) && self.keeper.has_zeroed() {
            // Groups came faster than zeros, and now there are some again: a segment that is half full at
            // least is left for them. Without room it goes on here.
            match self.turn() {
                Ok(()) | Err(Failed::Full(_)) => {}
                Err(failed) => return Err(failed),
            }
        }
        let head = GroupHead::seal(
            self.chain,
            self.epoch,
            self.next_group,
            first_sequence,
            count,
            payload,
        );
        let padding = bytes - head.bytes() as u64;
        let padding =
            &[0; SECTOR as usize][..usize::try_from(padding).expect("less than a sector")];

        let began = Instant::now();
        self.active
            .write_parts([&head.put(), payload, padding], self.end)
            .map_err(no_room)?;
        let written = Instant::now();
        self.active.sync().map_err(Failed::Fatal)?;
        let synced = Instant::now();

        let mark = Mark {
            sequence: head.last_sequence(),
            chain: head.chain,
        };
        // Not synced, and no answer waits for it: it is evidence, the journal is the truth.
        let _ = self
            .mark
            .write_at(&mark.put(), self.next_group % 2 * SECTOR);
        self.end += bytes;
        self.next_sequence += u64::from(count);
        self.next_group += 1;
        self.chain = head.chain;
        self.durable.tell(mark.sequence);
        self.keeper.appended(self.end, self.active_bytes - self.end);
        Ok(Appended {
            bytes,
            write: written - began,
            sync: synced - written,
        })
    }

    /// Seals the segment in use and goes on in the spare.
    fn turn(&mut self) -> Result<(), Failed> {
        let spare = self.keeper.take_spare()?;
        let previous_sha256 = match self.keeper.seal(self.end) {
            Ok(hash) => hash,
            Err(failed) => {
                self.keeper.put_back(spare, &self.plan);
                return Err(failed);
            }
        };
        let head = SegmentHead {
            index: self.index + 1,
            epoch: self.epoch,
            first_sequence: self.next_sequence,
            first_group: self.next_group,
            chain_before: self.chain,
            previous_bytes: self.end,
            previous_sha256,
            identity: self.folder.identity(),
        };
        let path = folder::segments_dir(self.folder.dir()).join(read::segment_name(head.index));
        let file = &spare.file;
        let begun = file
            .write_at(&head.put(), 0)
            .map_err(no_room)
            .and_then(|()| file.sync().map_err(Failed::Fatal))
            .and_then(|()| {
                let plan = &self.plan;
                let renamed = plan.disk.rename(&file.path, &path, &plan.folder);
                renamed.map_err(no_room)
            });
        if let Err(failed) = begun {
            self.keeper.put_back(spare, &self.plan);
            return Err(failed);
        }
        let old_end = self.end;
        self.zeroed = spare.zeroed;
        self.active = Arc::new(spare.file.named(path));
        self.active_bytes = self.plan.bytes;
        self.index = head.index;
        self.end = SEGMENT_HEAD as u64;
        let left = self.active_bytes - self.end;
        self.keeper
            .turned(self.active.clone(), self.end, left, old_end);
        Ok(())
    }
}

enum Failed {
    Full(String),
    Fatal(io::Error),
}

/// A full disk is waited for; any other failed write ends the process.
fn no_room(error: io::Error) -> Failed {
    if is_full(&error) {
        Failed::Full(error.to_string())
    } else {
        Failed::Fatal(error)
    }
}

/// How far the journal is durable, told to whoever waits for it.
#[derive(Debug)]
struct Durable {
    sequence: AtomicU64,
    told: Mutex<()>,
    changed: Condvar,
}

impl Durable {
    fn new(sequence: u64) -> Durable {
        Durable {
            sequence: AtomicU64::new(sequence),
            told: Mutex::new(()),
            changed: Condvar::new(),
        }
    }

    fn last_sequence(&self) -> u64 {
        self.sequence.load(Ordering::Acquire)
    }

    fn tell(&self, sequence: u64) {
        self.sequence.store(sequence, Ordering::Release);
        drop(self.told.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    fn wait_past(&self, sequence: u64, timeout: Duration) -> u64 {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self
            .changed
            .wait_timeout_while(told, timeout, |()| self.last_sequence() <= sequence);
        self.last_sequence()
    }
}
