//! The few things the journal does to a file, in one place, so that a test can make each of them fail:
//! a torn write, a full disk, a sync that reports an error.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::FallocateFlags;

/// What is kept in a data folder is for its owner and his group.
pub(super) const MODE: u32 = 0o640;

/// The disk below the journal. The default is the real one; [`Disk::with_faults`] asks before each act.
#[derive(Clone, Default)]
pub struct Disk {
    ask: Option<Arc<Ask>>,
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
    /// A file's bytes are made durable.
    Sync {
        /// The file.
        path: &'a Path,
    },
    /// A file gets its name.
    Rename {
        /// The new name.
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
        }
    }

    pub(super) fn open(&self, path: &Path) -> io::Result<DiskFile> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(self.file(file, path))
    }

    pub(super) fn create(&self, path: &Path) -> io::Result<DiskFile> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(MODE)
            .open(path)?;
        Ok(self.file(file, path))
    }

    /// Renames in `folder`, which is open, and makes the new name durable.
    pub(super) fn rename(&self, from: &Path, to: &Path, folder: &File) -> io::Result<()> {
        self.allows(&Act::Rename { path: to })?;
        fs::rename(from, to)?;
        folder.sync_all()
    }

    fn file(&self, file: File, path: &Path) -> DiskFile {
        DiskFile {
            file,
            path: path.to_owned(),
            disk: self.clone(),
        }
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

/// A file of the journal that is written.
#[derive(Debug)]
pub(super) struct DiskFile {
    pub(super) file: File,
    pub(super) path: PathBuf,
    disk: Disk,
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
        match self.disk.verdict(&act) {
            Verdict::Go => self.file.write_all_at(bytes, at),
            Verdict::Fail(errno) => Err(io::Error::from_raw_os_error(errno)),
            Verdict::Torn { keep, errno } => {
                self.file
                    .write_all_at(&bytes[..keep.min(bytes.len())], at)?;
                Err(io::Error::from_raw_os_error(errno))
            }
        }
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.disk.allows(&Act::Sync { path: &self.path })?;
        self.file.sync_data()
    }

    /// Takes the blocks of the first `bytes` bytes, so that writing them later cannot find the disk full.
    /// A file system that cannot promise this says yes.
    pub(super) fn reserve(&self, bytes: u64) -> io::Result<()> {
        self.disk.allows(&Act::Reserve {
            path: &self.path,
            bytes,
        })?;
        // Asked first, since a refused reservation may keep what it got, and all others would starve.
        let held = self.file.metadata()?.len();
        let room = rustix::fs::fstatvfs(&self.file)?;
        if room.f_bavail.saturating_mul(room.f_frsize) < bytes.saturating_sub(held) {
            return Err(rustix::io::Errno::NOSPC.into());
        }
        match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, bytes) {
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(()),
            Err(error) => {
                self.file.set_len(0)?;
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
