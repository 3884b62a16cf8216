//! A copy of the journal while it is appended to: everything up to one durable group, proved on the way.
//!
//! Copied are `FORMAT`, the sealed segments that are in the journal's folder, the segment in use as far as it
//! is durable, and `begin`; a mark file is made for just that point. `FORMAT` comes last: a copy that was not
//! finished is no data folder. Not copied: the archive, snapshots, the store, key check values.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use sha2::{Digest, Sha256};

use super::ReadError;
use super::archive::{BEGIN, Paced, begin_of};
use super::disk::{Disk, sync_folder_of};
use super::folder::segments_dir;
use super::frame::{Mark, SECTOR, SegmentHead};
use super::read::{Reader, Walk, read_at_most, segment_heads};

const CHUNK_BYTES: usize = 256 << 10;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// The last entry in it; 0 of an empty journal.
    pub last_sequence: u64,
    /// The journal's chained checksum there.
    pub chain: u64,
    /// The first entry in it: earlier ones are in the archive.
    pub first_sequence: u64,
    /// How many segments.
    pub segments: u64,
    /// Their length in bytes.
    pub bytes: u64,
}

/// Why a backup was not made. What is there of it has no file `FORMAT`, and is of no use.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The target holds something.
    #[error("{dir} is not empty, it holds {found:?}; name a new or an empty folder")]
    NotEmpty {
        /// The folder.
        dir: PathBuf,
        /// One of its names.
        found: String,
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
    /// A segment is not what it was, or another process has just archived it.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Reader {
    /// Copies the journal up to the last entry that is durable now to `dir`, which is made, or is empty. A
    /// journal opens from the copy, in a new epoch, and holds exactly those entries. It is durable when this
    /// returns. `progress` is told how many of how many segments are done.
    ///
    /// # Errors
    /// See [`BackupError`].
    pub fn backup(
        &self,
        dir: &Path,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Backup, BackupError> {
        let to = make_empty(dir)?;
        let disk = Disk::default();
        // Kept from being archived meanwhile.
        let _alone = self.tidying.lock().unwrap_or_else(PoisonError::into_inner);
        let last_sequence = self.last_sequence();
        let mut heads = segment_heads(&self.segments)?;
        heads.retain(|(_, head)| head.first_sequence <= last_sequence);
        let mut backup = Backup {
            last_sequence,
            chain: 0,
            first_sequence: heads.first().map_or(1, |(_, head)| head.first_sequence),
            segments: heads.len() as u64,
            bytes: 0,
        };
        for (at, (path, head)) in heads.iter().enumerate() {
            let copy = to.join(path.file_name().unwrap_or_default());
            backup.bytes += match heads.get(at + 1) {
                Some((_, next)) => {
                    let hash = copy_file(&disk, path, &copy, next.previous_bytes)?;
                    if hash != next.previous_sha256 {
                        return Err(ReadError::Seal { path: path.clone() }.into());
                    }
                    next.previous_bytes
                }
                None => {
                    let (end, chain) = end_of(path, head, last_sequence)?;
                    copy_file(&disk, path, &copy, end)?;
                    backup.chain = chain;
                    end
                }
            };
            progress(at as u64 + 1, backup.segments);
        }
        if begin_of(&self.segments).is_some() {
            let path = self.segments.join(BEGIN);
            let length = fs::metadata(&path)
                .map_err(io_error("look at", &path))?
                .len();
            copy_file(&disk, &path, &to.join(BEGIN), length)?;
        }
        if last_sequence > 0 {
            let mark = to.join("mark");
            let slot = Mark {
                sequence: last_sequence,
                chain: backup.chain,
            };
            let written = disk.create(&mark).and_then(|file| {
                file.write_at(&slot.put(), 0)?;
                file.write_at(&slot.put(), SECTOR)?;
                file.sync()
            });
            written.map_err(io_error("write", &mark))?;
        }
        sync_folder_of(&to.join("mark")).map_err(io_error("sync", &to))?;
        let format = self.segments.with_file_name("FORMAT");
        let length = fs::metadata(&format)
            .map_err(io_error("look at", &format))?
            .len();
        copy_file(&disk, &format, &dir.join("FORMAT"), length)?;
        sync_folder_of(&to).map_err(io_error("sync", dir))?;
        Ok(backup)
    }
}

/// The folder for segments in `dir`, which was empty.
fn make_empty(dir: &Path) -> Result<PathBuf, BackupError> {
    let make = |dir: &Path| {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o750)
            .create(dir)
    };
    make(dir).map_err(io_error("make", dir))?;
    let mut list = fs::read_dir(dir).map_err(io_error("list", dir))?;
    if let Some(entry) = list.next() {
        let name = entry.map_err(io_error("list", dir))?.file_name();
        return Err(BackupError::NotEmpty {
            dir: dir.to_owned(),
            found: name.to_string_lossy().into_owned(),
        });
    }
    let to = segments_dir(dir);
    make(&to).map_err(io_error("make", &to))?;
    if let Some(above) = dir.parent().filter(|above| !above.as_os_str().is_empty()) {
        let synced = File::open(above).and_then(|above| above.sync_all());
        synced.map_err(io_error("sync", above))?;
    }
    Ok(to)
}

/// Where the group that ends with `last` ends in its segment, and the chain there.
fn end_of(path: &Path, head: &SegmentHead, last: u64) -> Result<(u64, u64), ReadError> {
    let mut walk = Walk::open(path, head)?;
    while walk.next_sequence <= last {
        if walk.step()?.is_none() {
            return Err(ReadError::Damaged {
                path: path.to_owned(),
                at: walk.at,
                sequence: walk.next_sequence,
            });
        }
    }
    Ok((walk.at, walk.chain))
}

/// Copies the first `length` bytes, durably; gives their SHA-256.
fn copy_file(disk: &Disk, from: &Path, to: &Path, length: u64) -> Result<[u8; 32], BackupError> {
    let source = File::open(from).map_err(io_error("open", from))?;
    let file = disk.create(to).map_err(io_error("make", to))?;
    let mut paced = Paced::new(&file, 0);
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut at = 0;
    while at < length {
        let wanted = usize::try_from(length - at).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
        let read = read_at_most(&source, &mut chunk[..wanted], at);
        let read = read.map_err(io_error("read", from))?;
        if read == 0 {
            let short = io::ErrorKind::UnexpectedEof.into();
            return Err(io_error("read", from)(short));
        }
        hash.update(&chunk[..read]);
        paced
            .write_all(&chunk[..read])
            .map_err(io_error("write", to))?;
        at += read as u64;
    }
    file.sync().map_err(io_error("sync", to))?;
    Ok(hash.finalize().into())
}

fn io_error<'a>(doing: &'static str, path: &'a Path) -> impl Fn(io::Error) -> BackupError + 'a {
    move |source| BackupError::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}
