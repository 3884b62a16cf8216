//! The archive: sealed segments, compressed, in a folder of their own, so that the journal's does not grow
//! for ever. Bytes are proved by the SHA-256 that the next segment's header keeps before anything is removed.
//!
//! `000000000012.segment.zst` is a Zstandard file: `zstd -d` gives the plain segment again. It begins with a
//! skippable frame of 512 bytes that tells what is inside, see `frame.rs`. The file `begin` of the journal's
//! folder tells where the journal begins since.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::ReadError;
use super::disk::{Disk, DiskFile, is_full, sync_folder_of};
use super::folder::{Folder, segments_dir};
use super::frame::{ArchiveHead, Begin, SEGMENT_HEAD, SegmentHead};
use super::read::{read_at_most, segment_heads, segment_name};

/// Level of the compression: on journal entries higher ones take much longer for little.
const LEVEL: i32 = 3;
const CHUNK_BYTES: usize = 256 << 10;
/// So much is written between two syncs: the journal's own syncs wait for what others have written.
const STEP_BYTES: u64 = 1 << 20;
const PAUSE: Duration = Duration::from_millis(2);

/// A folder of archived segments of one journal. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Archive {
    dir: PathBuf,
    identity: [u8; 16],
    disk: Disk,
}

/// An archived segment, as its header tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    /// The file.
    pub path: PathBuf,
    /// Number of the segment, from 1.
    pub index: u64,
    /// Epoch in which it was written.
    pub epoch: u64,
    /// Its first entry.
    pub first_sequence: u64,
    /// Its last entry.
    pub last_sequence: u64,
    /// Number of its first group.
    pub first_group: u64,
    /// The chained checksum before its first group.
    pub chain_before: u64,
    /// The chained checksum after its last group.
    pub chain_after: u64,
    /// Length of the plain segment in bytes.
    pub bytes: u64,
    /// Length of the file in bytes.
    pub packed_bytes: u64,
    /// SHA-256 of the plain segment.
    pub sha256: [u8; 32],
}

/// Why segments were not archived, listed or brought back. Nothing is lost by any of them; the same may be
/// asked again.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
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
    /// The archive is that of another data folder.
    #[error(
        "{dir} is not the archive of this data folder; name an empty folder, or the one used before"
    )]
    OtherFolder {
        /// The archive folder.
        dir: PathBuf,
    },
    /// A file of the archive is whole, and holds another segment than the journal's of that number.
    #[error(
        "archive file {path} is of another past of this journal; move it away, or name another archive folder"
    )]
    OtherPast {
        /// The file.
        path: PathBuf,
    },
    /// A segment or an archived one is not what it was.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl ArchiveError {
    /// Whether there was no room, and nothing worse.
    pub fn is_full(&self) -> bool {
        matches!(self, ArchiveError::Io { source, .. } if is_full(source))
    }
}

/// The segments of a journal, for housekeeping from any thread beside the one that appends. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Segments {
    dir: PathBuf,
    identity: [u8; 16],
    disk: Disk,
    /// One at a time removes or copies segments.
    pub(super) tidying: Arc<Mutex<()>>,
}

impl Segments {
    /// Those of a folder whose journal is not open.
    pub fn of(folder: &Folder) -> Segments {
        let dir = segments_dir(folder.dir());
        Segments::new(dir, folder.identity(), Disk::default(), Arc::default())
    }

    pub(super) fn new(
        dir: PathBuf,
        identity: [u8; 16],
        disk: Disk,
        tidying: Arc<Mutex<()>>,
    ) -> Segments {
        Segments {
            dir,
            identity,
            disk,
            tidying,
        }
    }

    /// Moves the sealed segments whose entries are all before `sequence` to `archive`, oldest first, and gives
    /// those that left the journal. `progress` is told how many of how many are done. A crash at any moment
    /// leaves each segment in the journal or in the archive, or in both; the next call goes on.
    ///
    /// The caller sees to it that nobody needs the entries without an archive: the book's older snapshot,
    /// the store and every follower are past `sequence`.
    ///
    /// # Errors
    /// Those of the file system; [`ReadError::Seal`] when a segment is not what it was sealed as.
    pub fn archive_before(
        &self,
        sequence: u64,
        archive: &Archive,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Vec<Archived>, ArchiveError> {
        if archive.identity != self.identity {
            return Err(ArchiveError::OtherFolder {
                dir: archive.dir.clone(),
            });
        }
        let _alone = self.tidying.lock().unwrap_or_else(PoisonError::into_inner);
        let heads = segment_heads(&self.dir)?;
        let wanted = heads
            .windows(2)
            .take_while(|pair| pair[1].1.first_sequence <= sequence)
            .count();
        let mut moved = Vec::with_capacity(wanted);
        for pair in heads.windows(2).take(wanted) {
            let ((path, head), (_, next)) = (&pair[0], &pair[1]);
            moved.push(archive.put(path, head, next)?);
            self.begin_with(next)?;
            let removed = self.disk.remove(path);
            removed.map_err(io_error("remove", path))?;
            sync_folder_of(path).map_err(io_error("sync the folder of", path))?;
            progress(moved.len() as u64, wanted as u64);
        }
        Ok(moved)
    }

    /// Notes, durably, that the journal begins with the segment `first`.
    fn begin_with(&self, first: &SegmentHead) -> Result<(), ArchiveError> {
        let known = begin_of(&self.dir);
        if known.is_some_and(|known| known.index >= first.index) {
            return Ok(());
        }
        let begin = Begin {
            index: first.index,
            first_sequence: first.first_sequence,
            chain_before: first.chain_before,
        };
        write_begin(&self.disk, &self.dir, &begin)
    }
}

impl Archive {
    /// Opens the archive folder `dir` of the data folder with this identity; it is made when it is absent.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(dir: &Path, identity: [u8; 16]) -> Result<Archive, ArchiveError> {
        Archive::open_on(Disk::default(), dir, identity)
    }

    /// The same on a disk that a test brings.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open_on(disk: Disk, dir: &Path, identity: [u8; 16]) -> Result<Archive, ArchiveError> {
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o750)
            .create(dir);
        made.map_err(io_error("make the archive folder", dir))?;
        Ok(Archive {
            dir: dir.to_owned(),
            identity,
            disk,
        })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What is in it, oldest first; reads headers only.
    ///
    /// # Errors
    /// [`ReadError::Archive`] names a file whose header is not whole, whose length is not the one its header
    /// tells, or that belongs to another data folder.
    pub fn list(&self) -> Result<Vec<Archived>, ReadError> {
        let mut found = Vec::new();
        for index in self.indexes()? {
            if let Some(archived) = self.get(index)? {
                found.push(archived);
            }
        }
        Ok(found)
    }

    /// Unpacks every file and compares it with its SHA-256, and each with its neighbours in the chain.
    /// `progress` is told how many of how many are done. Gives their number.
    ///
    /// # Errors
    /// [`ReadError`] names the first file that is missing or not what it was.
    pub fn check(&self, mut progress: impl FnMut(u64, u64)) -> Result<u64, ReadError> {
        self.check_up_to(None, &mut progress)
    }

    /// The same for what is before the segment `end`, which must follow on it.
    pub(super) fn check_up_to(
        &self,
        end: Option<&SegmentHead>,
        progress: &mut impl FnMut(u64, u64),
    ) -> Result<u64, ReadError> {
        let mut all = self.list()?;
        all.retain(|archived| end.is_none_or(|end| archived.index < end.index));
        let mut before: Option<&Archived> = None;
        for (done, archived) in all.iter().enumerate() {
            let head = self.prove(archived, None)?;
            if let Some(before) = before {
                if before.index + 1 != archived.index {
                    return Err(self.missing(before.index + 1, before.last_sequence + 1));
                }
                if head.previous_sha256 != before.sha256 || head.chain_before != before.chain_after
                {
                    return Err(damaged(&archived.path, "it does not follow the one before"));
                }
            }
            before = Some(archived);
            progress(done as u64 + 1, all.len() as u64);
        }
        if let (Some(last), Some(end)) = (before, end) {
            if last.index + 1 != end.index {
                return Err(self.missing(last.index + 1, last.last_sequence + 1));
            }
            if last.sha256 != end.previous_sha256 || last.chain_after != end.chain_before {
                let why = "the segment after it was sealed on another one";
                return Err(damaged(&last.path, why));
            }
        }
        Ok(all.len() as u64)
    }

    /// Brings segments back into the journal of `folder`, from the newest archived one down to the one that
    /// holds `from_sequence`, each proved by the SHA-256 in the header of the segment after it. The archive
    /// keeps its files. `progress` is told how many of how many are done. Gives how many came back. The
    /// journal must not be open, which the claim of the folder proves.
    ///
    /// # Errors
    /// Those of the file system; [`ReadError`] names a file that is missing or not what it was.
    pub fn restore(
        &self,
        folder: &Folder,
        from_sequence: u64,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<u64, ArchiveError> {
        let segments = segments_dir(folder.dir());
        let mut next = segment_heads(&segments)?
            .into_iter()
            .next()
            .map(|(_, head)| head);
        let newest = match &next {
            Some(next) => next.index - 1,
            None => self.indexes()?.last().copied().unwrap_or(0),
        };
        let oldest = match self.holding(from_sequence.max(1))? {
            Some(archived) => archived.index,
            None => newest + 1,
        };
        if oldest > newest
            && next
                .as_ref()
                .is_some_and(|next| next.first_sequence > from_sequence.max(1))
        {
            return Err(self.lacks(from_sequence.max(1))?.into());
        }
        let mut done = 0;
        for index in (oldest..=newest).rev() {
            let known_to = next
                .as_ref()
                .map_or(from_sequence, |next| next.first_sequence - 1);
            let Some(archived) = self.get(index)? else {
                return Err(self.missing(index, known_to).into());
            };
            next = Some(self.unpack(&archived, next.as_ref(), &segments)?);
            done += 1;
            progress(done, newest - oldest + 1);
        }
        Ok(done)
    }

    /// The archived segment with this index, `None` when there is no file.
    pub(super) fn get(&self, index: u64) -> Result<Option<Archived>, ReadError> {
        let path = self.path(index);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(ReadError::Io { path, source }),
        };
        let mut bytes = [0; SEGMENT_HEAD];
        let read = read_at_most(&file, &mut bytes, 0);
        let length = file.metadata().map(|meta| meta.len());
        let io = |source| ReadError::Io {
            path: path.clone(),
            source,
        };
        let (read, length) = (read.map_err(io)?, length.map_err(io)?);
        let Some(head) = ArchiveHead::take(&bytes[..read]) else {
            return Err(damaged(&path, "it has no whole header"));
        };
        if head.segment.identity != self.identity {
            return Err(damaged(&path, "it belongs to another data folder"));
        }
        if head.segment.index != index {
            return Err(damaged(&path, "its name is that of another segment"));
        }
        if head.packed_bytes != length {
            return Err(damaged(&path, "it has not the length it was written with"));
        }
        Ok(Some(Archived {
            path,
            index,
            epoch: head.segment.epoch,
            first_sequence: head.segment.first_sequence,
            last_sequence: head.next_sequence - 1,
            first_group: head.segment.first_group,
            chain_before: head.segment.chain_before,
            chain_after: head.chain_after,
            bytes: head.bytes,
            packed_bytes: head.packed_bytes,
            sha256: head.sha256,
        }))
    }

    /// The archived segment that holds `sequence`; `None` when all are later, or earlier.
    pub(super) fn holding(&self, sequence: u64) -> Result<Option<Archived>, ReadError> {
        let indexes = self.indexes()?;
        let (mut from, mut to) = (0, indexes.len());
        while from < to {
            let middle = usize::midpoint(from, to);
            match self.get(indexes[middle])? {
                Some(archived) if archived.last_sequence < sequence => from = middle + 1,
                Some(archived) if archived.first_sequence > sequence => to = middle,
                found => return Ok(found),
            }
        }
        Ok(None)
    }

    /// That a file is missing that must be there.
    pub(super) fn missing(&self, index: u64, sequence: u64) -> ReadError {
        ReadError::ArchiveMissing {
            path: self.path(index),
            sequence,
        }
    }

    /// That `sequence` is in no file, though the journal begins later.
    pub(super) fn lacks(&self, sequence: u64) -> Result<ReadError, ReadError> {
        let all = self.list()?;
        let after = all
            .iter()
            .find(|archived| archived.first_sequence > sequence);
        let before = all
            .iter()
            .rfind(|archived| archived.last_sequence < sequence);
        let index = match (before, after) {
            (Some(before), _) => before.index + 1,
            (None, Some(after)) => after.index.saturating_sub(1).max(1),
            (None, None) => 1,
        };
        Ok(self.missing(index, sequence))
    }

    /// A file that holds the segment `head`, which `next` follows, is there, proved and durable.
    fn put(
        &self,
        segment: &Path,
        head: &SegmentHead,
        next: &SegmentHead,
    ) -> Result<Archived, ArchiveError> {
        // What an earlier call left is taken if it is whole; else the segment is still here to make it again.
        if let Ok(Some(known)) = self.get(head.index)
            && self.prove(&known, None).is_ok()
        {
            if known.sha256 != next.previous_sha256 {
                return Err(ArchiveError::OtherPast { path: known.path });
            }
            sync_folder_of(&known.path).map_err(io_error("sync the folder of", &known.path))?;
            return Ok(known);
        }
        let path = self.path(head.index);
        let making = path.with_extension("making");
        let made = self
            .pack(segment, head, next, &making)
            .and_then(|archived| {
                self.prove(&archived, Some(next))?;
                let folder = File::open(&self.dir).map_err(io_error("open", &self.dir))?;
                let renamed = self.disk.rename(&making, &path, &folder);
                renamed.map_err(io_error("rename", &making))?;
                Ok(archived)
            });
        match made {
            Ok(archived) => Ok(Archived { path, ..archived }),
            Err(error) => {
                // Half a file on a full disk is of use to nobody.
                let _ = fs::remove_file(&making);
                Err(error)
            }
        }
    }

    fn pack(
        &self,
        segment: &Path,
        head: &SegmentHead,
        next: &SegmentHead,
        making: &Path,
    ) -> Result<Archived, ArchiveError> {
        let plain = File::open(segment).map_err(io_error("open", segment))?;
        let file = self.disk.create(making);
        let file = file.map_err(io_error("make", making))?;
        file.set_len(0).map_err(io_error("make", making))?;
        let mut paced = Paced::new(&file, SEGMENT_HEAD as u64);
        let mut hash = Sha256::new();
        let write = io_error("write", making);
        let mut encoder = zstd::stream::write::Encoder::new(&mut paced, LEVEL).map_err(&write)?;
        encoder.include_checksum(true).map_err(&write)?;
        let length = next.previous_bytes;
        encoder.set_pledged_src_size(Some(length)).map_err(&write)?;
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut at = 0;
        while at < length {
            let wanted =
                usize::try_from(length - at).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
            let read = read_at_most(&plain, &mut chunk[..wanted], at);
            let read = read.map_err(io_error("read", segment))?;
            if read == 0 {
                break;
            }
            hash.update(&chunk[..read]);
            encoder.write_all(&chunk[..read]).map_err(&write)?;
            at += read as u64;
        }
        if <[u8; 32]>::from(hash.finalize()) != next.previous_sha256 {
            return Err(ReadError::Seal {
                path: segment.to_owned(),
            }
            .into());
        }
        encoder.finish().map_err(&write)?;
        let packed_bytes = paced.at;
        let archive_head = ArchiveHead {
            segment: head.clone(),
            next_sequence: next.first_sequence,
            chain_after: next.chain_before,
            bytes: length,
            packed_bytes,
            sha256: next.previous_sha256,
        };
        file.write_at(&archive_head.put(), 0).map_err(&write)?;
        file.sync().map_err(io_error("sync", making))?;
        Ok(Archived {
            path: making.to_owned(),
            index: head.index,
            epoch: head.epoch,
            first_sequence: head.first_sequence,
            last_sequence: next.first_sequence - 1,
            first_group: head.first_group,
            chain_before: head.chain_before,
            chain_after: next.chain_before,
            bytes: length,
            packed_bytes,
            sha256: next.previous_sha256,
        })
    }

    /// Reads a file back: its bytes are those of its header's SHA-256, and of the one that `next` keeps.
    /// Gives the segment's header.
    fn prove(
        &self,
        archived: &Archived,
        next: Option<&SegmentHead>,
    ) -> Result<SegmentHead, ReadError> {
        self.copy_out(archived, next, &mut io::sink())
            .map_err(|error| match error {
                CopyError::Read(error) => error,
                CopyError::Write(source) => ReadError::Io {
                    path: archived.path.clone(),
                    source,
                },
            })
    }

    fn unpack(
        &self,
        archived: &Archived,
        next: Option<&SegmentHead>,
        segments: &Path,
    ) -> Result<SegmentHead, ArchiveError> {
        let making = segments.join("restored.making");
        let path = segments.join(segment_name(archived.index));
        let write = io_error("write", &making);
        let done = (|| {
            let file = self.disk.create(&making).map_err(&write)?;
            file.set_len(0).map_err(&write)?;
            let mut paced = Paced::new(&file, 0);
            let head = self
                .copy_out(archived, next, &mut paced)
                .map_err(|error| match error {
                    CopyError::Read(error) => ArchiveError::Read(error),
                    CopyError::Write(source) => write(source),
                })?;
            file.sync().map_err(&write)?;
            let folder = File::open(segments).map_err(io_error("open", segments))?;
            let renamed = self.disk.rename(&making, &path, &folder);
            renamed.map_err(io_error("rename", &making))?;
            Ok(head)
        })();
        if done.is_err() {
            let _ = fs::remove_file(&making);
        }
        done
    }

    fn copy_out(
        &self,
        archived: &Archived,
        next: Option<&SegmentHead>,
        to: &mut impl Write,
    ) -> Result<SegmentHead, CopyError> {
        let (mut packed, head) = Packed::open(archived)?;
        let mut hash = Sha256::new();
        let mut bytes = SEGMENT_HEAD as u64;
        hash.update(head.put());
        to.write_all(&head.put()).map_err(CopyError::Write)?;
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let read = packed.read(&mut chunk)?;
            if read == 0 {
                break;
            }
            bytes += read as u64;
            hash.update(&chunk[..read]);
            to.write_all(&chunk[..read]).map_err(CopyError::Write)?;
        }
        let sha256 = <[u8; 32]>::from(hash.finalize());
        if bytes != archived.bytes || sha256 != archived.sha256 {
            let why = "its bytes are not those it was sealed with";
            return Err(damaged(&archived.path, why).into());
        }
        if let Some(next) = next
            && (next.previous_sha256 != sha256 || next.chain_before != archived.chain_after)
        {
            let why = "the segment after it was sealed on another one";
            return Err(damaged(&archived.path, why).into());
        }
        Ok(head)
    }

    /// The indexes of all files, ascending.
    fn indexes(&self) -> Result<Vec<u64>, ReadError> {
        let io = |source| ReadError::Io {
            path: self.dir.clone(),
            source,
        };
        let mut indexes = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(io)? {
            let name = entry.map_err(io)?.file_name();
            let index = name.to_str().and_then(|name| name.strip_suffix(ENDING));
            indexes.extend(index.and_then(|index| index.parse::<u64>().ok()));
        }
        indexes.sort_unstable();
        Ok(indexes)
    }

    fn path(&self, index: u64) -> PathBuf {
        self.dir.join(format!("{index:012}{ENDING}"))
    }
}

const ENDING: &str = ".segment.zst";

/// The plain bytes of an archived segment, in order.
pub(super) struct Packed {
    path: PathBuf,
    decoder: zstd::stream::read::Decoder<'static, BufReader<File>>,
    /// Length of the plain segment.
    pub(super) bytes: u64,
    /// Offset in it of what is read next.
    pub(super) at: u64,
}

impl Packed {
    /// Opens it, and reads the header of the plain segment.
    pub(super) fn open(archived: &Archived) -> Result<(Packed, SegmentHead), ReadError> {
        let path = archived.path.clone();
        let opened = File::open(&path).and_then(|mut file| {
            file.seek(SeekFrom::Start(SEGMENT_HEAD as u64))?;
            zstd::stream::read::Decoder::new(file)
        });
        let decoder = opened.map_err(|source| ReadError::Io {
            path: path.clone(),
            source,
        })?;
        let mut packed = Packed {
            path,
            decoder,
            bytes: archived.bytes,
            at: 0,
        };
        let mut bytes = [0; SEGMENT_HEAD];
        let read = packed.read(&mut bytes)?;
        match SegmentHead::take(&bytes[..read]) {
            Some(head)
                if head.index == archived.index
                    && head.first_sequence == archived.first_sequence
                    && head.chain_before == archived.chain_before =>
            {
                Ok((packed, head))
            }
            _ => Err(damaged(&packed.path, "another segment is in it")),
        }
    }

    /// Fills `bytes` as far as there is something.
    pub(super) fn read(&mut self, bytes: &mut [u8]) -> Result<usize, ReadError> {
        let mut read = 0;
        while read < bytes.len() {
            match self.decoder.read(&mut bytes[read..]) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(ReadError::Archive {
                        path: self.path.clone(),
                        why: format!("it cannot be unpacked: {error}"),
                    });
                }
            }
        }
        self.at += read as u64;
        Ok(read)
    }
}

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Packed({} at {})", self.path.display(), self.at)
    }
}

/// Where the journal in this folder begins, `None` when that is not noted or not to be read.
pub(super) fn begin_of(segments: &Path) -> Option<Begin> {
    fs::read(segments.join(BEGIN))
        .ok()
        .and_then(|bytes| Begin::take(&bytes))
}

/// Writes where the journal begins, durably.
pub(super) fn write_begin(disk: &Disk, segments: &Path, begin: &Begin) -> Result<(), ArchiveError> {
    let path = segments.join(BEGIN);
    let making = path.with_extension("making");
    let written = disk.create(&making).and_then(|file| {
        file.write_at(&begin.put(), 0)?;
        file.sync()?;
        disk.rename(&making, &path, &File::open(segments)?)
    });
    written.map_err(io_error("write", &path))
}

/// Name of the file that tells where the journal begins.
pub(super) const BEGIN: &str = "begin";

/// Writes in steps that are durable one by one.
pub(super) struct Paced<'a> {
    file: &'a DiskFile,
    at: u64,
    synced: u64,
}

impl Paced<'_> {
    pub(super) fn new(file: &DiskFile, at: u64) -> Paced<'_> {
        Paced {
            file,
            at,
            synced: at,
        }
    }
}

impl Write for Paced<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_at(bytes, self.at)?;
        self.at += bytes.len() as u64;
        if self.at >= self.synced + STEP_BYTES {
            self.file.sync()?;
            self.synced = self.at;
            thread::sleep(PAUSE);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum CopyError {
    Read(ReadError),
    Write(io::Error),
}

impl From<ReadError> for CopyError {
    fn from(error: ReadError) -> CopyError {
        CopyError::Read(error)
    }
}

fn damaged(path: &Path, why: &str) -> ReadError {
    ReadError::Archive {
        path: path.to_owned(),
        why: why.to_owned(),
    }
}

fn io_error<'a>(doing: &'static str, path: &'a Path) -> impl Fn(io::Error) -> ArchiveError + 'a {
    move |source| ArchiveError::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}
