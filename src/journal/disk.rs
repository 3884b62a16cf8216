//! The few things the journal does to a file, in one place, so that a test can make each of them fail:
//! a torn write, a full disk, a sync that reports an error, a power cut.
//!
//! For a simulation: [`Disk::with_faults`] asks before each act. A verdict fails or tears it; an `ask` that
//! sleeps is a slow disk, and no lock of the journal is held meanwhile. A crash is an `ask` that from some
//! moment on fails everything: then drop the journal. [`Disk::remembering`] keeps in an [`Unsynced`] what a
//! power cut could take back: sectors of 512 bytes written since the last sync of their file, lengths, and
//! names whose folder was not synced. [`Unsynced::power_cut`] takes back what the caller chooses of it;
//! [`Unsynced::write_back`] is the kernel that writes some of it by itself before. So:
//!
//! ```text
//! let unsynced = Unsynced::default();
//! let disk = Disk::with_faults(..crash at act n..).remembering(&unsynced);
//! .. Journal::open(dir, Options { disk, .. }), append until it fails, drop it ..
//! unsynced.power_cut(|_| random.coin())?;     // each sector kept or lost
//! .. Journal::open(dir, ..): every group whose append returned Ok is there ..
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use super::frame::SECTOR;

/// What is kept in a data folder is for its owner and his group.
pub(super) const MODE: u32 = 0o640;

/// The disk below the journal. The default is the real one; [`Disk::with_faults`] asks before each act.
#[derive(Clone, Default)]
pub struct Disk {
    ask: Option<Arc<Ask>>,
    unsynced: Option<Unsynced>,
}

type Ask = dyn Fn(&Act<'_>) -> Verdict + Send + Sync;

/// What is about to be done to the disk.
#[derive(Debug, Clone, Copy)]
pub enum Act<'a> {
    /// Blocks are asked for.
    Reserve {
        /// The file.
        path: &'a Path,
        /// How many bytes.
        bytes: u64,
    },
    /// Bytes are written.
    Write {
        /// The file.
        path: &'a Path,
        /// Offset of the first byte.
        at: u64,
        /// How many bytes.
        bytes: usize,
    },
    /// A file's bytes are made durable, or a folder's names.
    Sync {
        /// The file or folder.
        path: &'a Path,
    },
    /// A file's length is set.
    Cut {
        /// The file.
        path: &'a Path,
        /// Its new length in bytes.
        bytes: u64,
    },
    /// A file gets its name.
    Rename {
        /// The new name.
        path: &'a Path,
    },
    /// A file is removed.
    Remove {
        /// The file.
        path: &'a Path,
    },
}

/// What a test wants to become of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Go,
    /// Nothing is done; the error number is reported.
    Fail(i32),
    /// Of a write, only the first bytes are done; the error number is reported.
    Torn {
        /// How many bytes are kept.
        keep: usize,
        /// The error number.
        errno: i32,
    },
}

impl Disk {
    /// A disk that asks `ask` before each act.
    pub fn with_faults(ask: impl Fn(&Act<'_>) -> Verdict + Send + Sync + 'static) -> Disk {
        Disk {
            ask: Some(Arc::new(ask)),
            unsynced: None,
        }
    }

    /// The same disk, which keeps in `unsynced` what a power cut could take back.
    pub fn remembering(self, unsynced: &Unsynced) -> Disk {
        Disk {
            unsynced: Some(unsynced.clone()),
            ..self
        }
    }

    pub(super) fn open(&self, path: &Path) -> io::Result<DiskFile> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        self.file(file, path)
    }

    pub(super) fn create(&self, path: &Path) -> io::Result<DiskFile> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(MODE)
            .open(path)?;
        self.file(file, path)
    }

    /// Renames in `folder`, which is open, and makes the new name durable.
    pub(super) fn rename(&self, from: &Path, to: &Path, folder: &File) -> io::Result<()> {
        self.allows(&Act::Rename { path: to })?;
        fs::rename(from, to)?;
        if let Some(unsynced) = &self.unsynced {
            unsynced.renamed(from, to);
        }
        let dir = to.parent().unwrap_or(Path::new("."));
        self.allows(&Act::Sync { path: dir })?;
        folder.sync_all()?;
        if let Some(unsynced) = &self.unsynced {
            unsynced.lock().names.clear();
        }
        Ok(())
    }

    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        self.allows(&Act::Remove { path })?;
        if let Some(unsynced) = &self.unsynced {
            unsynced.removed(&fs::metadata(path)?);
        }
        fs::remove_file(path)
    }

    fn file(&self, file: File, path: &Path) -> io::Result<DiskFile> {
        let since_sync = match &self.unsynced {
            None => None,
            Some(unsynced) => Some(unsynced.of(&file, path)?),
        };
        Ok(DiskFile {
            file,
            path: path.to_owned(),
            disk: self.clone(),
            since_sync,
        })
    }

    fn verdict(&self, act: &Act<'_>) -> Verdict {
        self.ask.as_ref().map_or(Verdict::Go, |ask| ask(act))
    }

    fn allows(&self, act: &Act<'_>) -> io::Result<()> {
        match self.verdict(act) {
            Verdict::Go => Ok(()),
            Verdict::Fail(errno) | Verdict::Torn { errno, .. } => {
                Err(io::Error::from_raw_os_error(errno))
            }
        }
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.ask.is_some() {
            "Disk(with faults)"
        } else {
            "Disk"
        })
    }
}

/// What a power cut could take back now, for tests. Clones share what they know.
#[derive(Clone, Default)]
pub struct Unsynced {
    all: Arc<Mutex<All>>,
}

#[derive(Default)]
struct All {
    /// By inode, since a file keeps its bytes when it gets another name.
    files: BTreeMap<u64, Arc<Mutex<SinceSync>>>,
    /// Old and new names whose folder was not synced since.
    names: Vec<(PathBuf, PathBuf)>,
}

/// A file since its last sync.
struct SinceSync {
    path: PathBuf,
    file: File,
    /// Its length then.
    bytes: u64,
    /// What stood in the sectors that were written since, by offset.
    sectors: BTreeMap<u64, [u8; SECTOR as usize]>,
}

/// A thing that a power cut could take back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss<'a> {
    /// A sector of 512 bytes holds what it held at the last sync.
    Sector {
        /// The file.
        path: &'a Path,
        /// Offset of the sector.
        at: u64,
    },
    /// A file that was cut has its length again.
    Length {
        /// The file.
        path: &'a Path,
        /// The length in bytes.
        bytes: u64,
    },
    /// A file has its old name again.
    Name {
        /// The old name.
        old: &'a Path,
        /// The one it would lose.
        new: &'a Path,
    },
}

impl Unsynced {
    /// Takes back everything for which `keep` says no; what is kept is durable now. Call it when nothing
    /// writes any more. Gives how much was taken back.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn power_cut(&self, mut keep: impl FnMut(&Loss<'_>) -> bool) -> io::Result<usize> {
        let mut all = self.lock();
        let mut lost = 0;
        for file in all.files.values() {
            lost += lock(file).power_cut(&mut keep)?;
        }
        while let Some((old, new)) = all.names.pop() {
            if !keep(&Loss::Name {
                old: &old,
                new: &new,
            }) {
                fs::rename(&new, &old)?;
                all.renamed(&new, &old);
                lost += 1;
            }
        }
        Ok(lost)
    }

    /// The kernel writes by itself the sectors for which `chosen` says yes: a power cut keeps them as they
    /// are now, unless they are written once more.
    pub fn write_back(&self, mut chosen: impl FnMut(&Path, u64) -> bool) {
        for file in self.lock().files.values() {
            let mut file = lock(file);
            let path = file.path.clone();
            file.sectors.retain(|at, _| !chosen(&path, *at));
        }
    }

    /// How many sectors are written and not synced.
    pub fn sectors(&self) -> usize {
        let all = self.lock();
        all.files
            .values()
            .map(|file| lock(file).sectors.len())
            .sum()
    }

    fn of(&self, file: &File, path: &Path) -> io::Result<Arc<Mutex<SinceSync>>> {
        let meta = file.metadata()?;
        let mut all = self.lock();
        if let Some(known) = all.files.get(&meta.ino()) {
            path.clone_into(&mut lock(known).path);
            return Ok(known.clone());
        }
        let fresh = Arc::new(Mutex::new(SinceSync {
            path: path.to_owned(),
            file: file.try_clone()?,
            bytes: meta.len(),
            sectors: BTreeMap::new(),
        }));
        all.files.insert(meta.ino(), fresh.clone());
        Ok(fresh)
    }

    fn renamed(&self, from: &Path, to: &Path) {
        let mut all = self.lock();
        all.names.push((from.to_owned(), to.to_owned()));
        all.renamed(from, to);
    }

    fn removed(&self, meta: &fs::Metadata) {
        self.lock().files.remove(&meta.ino());
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        lock(&self.all)
    }
}

impl fmt::Debug for Unsynced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unsynced({} sectors)", self.sectors())
    }
}

impl All {
    fn renamed(&self, from: &Path, to: &Path) {
        for file in self.files.values() {
            let mut file = lock(file);
            if file.path == from {
                to.clone_into(&mut file.path);
            }
        }
    }
}

impl SinceSync {
    /// Keeps what stands in the sectors of `bytes` bytes at `at`, unless it is known what stood there.
    fn remember(&mut self, at: u64, bytes: u64) -> io::Result<()> {
        let mut sector = at / SECTOR * SECTOR;
        while sector < at + bytes {
            if !self.sectors.contains_key(&sector) {
                let mut before = [0; SECTOR as usize];
                let mut read = 0;
                while read < before.len() {
                    match self
                        .file
                        .read_at(&mut before[read..], sector + read as u64)?
                    {
                        0 => break,
                        more => read += more,
                    }
                }
                self.sectors.insert(sector, before);
            }
            sector += SECTOR;
        }
        Ok(())
    }

    fn synced(&mut self) -> io::Result<()> {
        self.bytes = self.file.metadata()?.len();
        self.sectors.clear();
        Ok(())
    }

    fn power_cut(&mut self, keep: &mut impl FnMut(&Loss<'_>) -> bool) -> io::Result<usize> {
        let path = &self.path;
        let now = self.file.metadata()?.len();
        let cut = Loss::Length {
            path,
            bytes: self.bytes,
        };
        let mut lost = 0;
        let mut end = now.min(self.bytes);
        if now < self.bytes && !keep(&cut) {
            self.file.set_len(self.bytes)?;
            end = self.bytes;
            lost += 1;
        }
        for (at, before) in std::mem::take(&mut self.sectors) {
            // What was cut and stays cut is not written back.
            if now < self.bytes && at >= end {
                continue;
            }
            if keep(&Loss::Sector { path, at }) {
                end = end.max((at + SECTOR).min(now));
            } else {
                self.file.write_all_at(&before, at)?;
                lost += 1;
            }
        }
        // A file is as long as the last of its sectors that reached the disk.
        self.file.set_len(end)?;
        self.bytes = end;
        Ok(lost)
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file of the journal that is written.
pub(super) struct DiskFile {
    pub(super) file: File,
    pub(super) path: PathBuf,
    disk: Disk,
    since_sync: Option<Arc<Mutex<SinceSync>>>,
}

impl fmt::Debug for DiskFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DiskFile({})", self.path.display())
    }
}

impl DiskFile {
    /// The same file under its new name.
    pub(super) fn named(self, path: PathBuf) -> DiskFile {
        DiskFile { path, ..self }
    }

    pub(super) fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let act = Act::Write {
            path: &self.path,
            at,
            bytes: bytes.len(),
        };
        let (keep, told) = match self.disk.verdict(&act) {
            Verdict::Go => (bytes.len(), Ok(())),
            Verdict::Fail(errno) => (0, Err(io::Error::from_raw_os_error(errno))),
            Verdict::Torn { keep, errno } => (
                keep.min(bytes.len()),
                Err(io::Error::from_raw_os_error(errno)),
            ),
        };
        let mut since_sync = self.since_sync();
        if let Some(since_sync) = &mut since_sync {
            since_sync.remember(at, keep as u64)?;
        }
        self.file.write_all_at(&bytes[..keep], at)?;
        told
    }

    /// Writes the parts one behind the other, without putting them together first.
    pub(super) fn write_parts(&self, parts: [&[u8]; 3], at: u64) -> io::Result<()> {
        if self.disk.ask.is_some() || self.since_sync.is_some() {
            return self.write_at(&parts.concat(), at);
        }
        let mut slices = parts.map(IoSlice::new);
        let mut left = &mut slices[..];
        let mut at = at;
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            match rustix::io::pwritev(&self.file, left, at) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    at += written as u64;
                    IoSlice::advance_slices(&mut left, written);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.disk.allows(&Act::Sync { path: &self.path })?;
        let mut since_sync = self.since_sync();
        self.file.sync_data()?;
        match &mut since_sync {
            Some(since_sync) => since_sync.synced(),
            None => Ok(()),
        }
    }

    /// Ends the file at `bytes`, or lengthens it with zeros.
    pub(super) fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.disk.allows(&Act::Cut {
            path: &self.path,
            bytes,
        })?;
        let mut since_sync = self.since_sync();
        if let Some(since_sync) = &mut since_sync {
            let length = self.file.metadata()?.len();
            since_sync.remember(bytes, length.saturating_sub(bytes))?;
        }
        self.file.set_len(bytes)
    }

    /// Held over the act, so that a sync forgets nothing that is written beside it.
    fn since_sync(&self) -> Option<MutexGuard<'_, SinceSync>> {
        self.since_sync.as_deref().map(lock)
    }

    /// Takes the blocks of the first `bytes` bytes, so that writing them later cannot find the disk full.
    /// Gives false where the file system cannot promise this: then only what is written has blocks.
    pub(super) fn reserve(&self, bytes: u64) -> io::Result<bool> {
        let act = Act::Reserve {
            path: &self.path,
            bytes,
        };
        if self.disk.verdict(&act) == Verdict::Fail(Errno::OPNOTSUPP.raw_os_error()) {
            return Ok(false);
        }
        self.disk.allows(&act)?;
        // Asked first, since a refused reservation may keep what it got, and all others would starve.
        let held = self.file.metadata()?.len();
        let room = rustix::fs::fstatvfs(&self.file)?;
        if room.f_bavail.saturating_mul(room.f_frsize) < bytes.saturating_sub(held) {
            return Err(Errno::NOSPC.into());
        }
        match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, bytes) {
            Ok(()) => Ok(true),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(false),
            Err(error) => {
                self.set_len(0)?;
                Err(error.into())
            }
        }
    }
}

/// Makes the names in the folder of `path` durable.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// Whether the error means that there is no room now, and nothing worse.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
