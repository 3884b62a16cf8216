//! Reading: whole, verified groups in order, up to what is durable; also beside a process that writes.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};

use super::archive::{Archive, Archived, Packed, begin_of};
use super::folder::{identity, is_locked, segments_dir};
use super::frame::{GROUP_HEAD, GroupHead, Mark, SECTOR, SEGMENT_HEAD, SegmentHead, padded};
use super::{Durable, OpenError, ReadError, recover};

const CHUNK_BYTES: usize = 1 << 20;
const SECTOR_BYTES: usize = 512;

/// A group as it was appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// How often the journal had been opened when it was written, from 1.
    pub epoch: u64,
    /// Sequence of its first entry.
    pub first_sequence: u64,
    /// How many entries it has, at least one.
    pub count: u32,
    /// The journal's chained checksum up to and with this group: equal only in the same journal.
    pub chain: u64,
    /// The caller's bytes.
    pub payload: Bytes,
}

impl Group {
    /// Sequence of its last entry.
    pub fn last_sequence(&self) -> u64 {
        self.first_sequence + u64::from(self.count) - 1
    }
}

/// Reads a journal; cheap to clone, usable from any thread while the journal is appended to.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(super) segments: PathBuf,
    identity: [u8; 16],
    bound: Bound,
    archive: Option<Archive>,
    /// Held while segments are removed or copied.
    pub(super) tidying: Arc<Mutex<()>>,
}

/// Where reading ends.
#[derive(Debug, Clone)]
enum Bound {
    /// This process writes and tells.
    Live(Arc<Durable>),
    /// Another process writes; its mark file tells.
    Mark(PathBuf),
    /// Nobody writes.
    Fixed(u64),
}

impl Reader {
    /// Opens the journal of the data folder `dir` for reading. Changes nothing there, takes no lock.
    ///
    /// # Errors
    /// When there is no journal of ours, or when nobody writes and its last segment is damaged.
    pub fn open(dir: &Path) -> Result<Reader, OpenError> {
        let Some(identity) = identity(dir)? else {
            return Err(OpenError::NoFolder {
                dir: dir.to_owned(),
            });
        };
        let segments = segments_dir(dir);
        let bound = if is_locked(dir) {
            Bound::Mark(segments.join("mark"))
        } else {
            Bound::Fixed(recover::look(&segments, identity, false)?.last_sequence)
        };
        Ok(Reader {
            segments,
            identity,
            bound,
            archive: None,
            tidying: Arc::default(),
        })
    }

    pub(super) fn live(
        segments: PathBuf,
        identity: [u8; 16],
        durable: Arc<Durable>,
        tidying: Arc<Mutex<()>>,
    ) -> Reader {
        Reader {
            segments,
            identity,
            bound: Bound::Live(durable),
            archive: None,
            tidying,
        }
    }

    /// The same reader, for which what has left the journal is read from `archive`.
    pub fn with_archive(self, archive: Archive) -> Reader {
        Reader {
            archive: Some(archive),
            ..self
        }
    }

    /// The identity of the data folder.
    pub fn identity(&self) -> [u8; 16] {
        self.identity
    }

    /// The last entry that is durable now; 0 when there is none.
    pub fn last_sequence(&self) -> u64 {
        match &self.bound {
            Bound::Live(durable) => durable.last_sequence(),
            Bound::Mark(path) => newest_mark(path).map_or(0, |mark| mark.sequence),
            Bound::Fixed(last) => *last,
        }
    }

    /// Waits until an entry after `sequence` is durable, at most as long as `timeout`; gives the last one.
    pub fn wait_past(&self, sequence: u64, timeout: Duration) -> u64 {
        match &self.bound {
            Bound::Live(durable) => durable.wait_past(sequence, timeout),
            Bound::Mark(_) => {
                let end = Instant::now() + timeout;
                while self.last_sequence() <= sequence && Instant::now() < end {
                    std::thread::sleep(Duration::from_millis(20).min(timeout));
                }
                self.last_sequence()
            }
            Bound::Fixed(last) => *last,
        }
    }

    /// The groups from the one that holds `sequence` on. When the iterator gives `None` it has reached
    /// what is durable; asked again later, it goes on from there.
    ///
    /// # Errors
    /// When `sequence` is older than what is kept, or a segment cannot be read.
    pub fn read_from(&self, sequence: u64) -> Result<Groups, ReadError> {
        let sequence = sequence.max(1);
        Ok(Groups {
            walk: self.walk_to(sequence)?,
            reader: self.clone(),
            from: sequence,
            known_durable: 0,
            broken: false,
        })
    }

    /// At the beginning of the segment that holds `sequence`, or would.
    fn walk_to(&self, sequence: u64) -> Result<Walk, ReadError> {
        // A segment may be archived between the look and the opening: then it is looked for again.
        for _ in 0..3 {
            let paths =
                segment_paths(&self.segments).map_err(|source| io_error(&self.segments, source))?;
            let mut found = None;
            let (mut from, mut to) = (0, paths.len());
            let mut vanished = false;
            while from < to {
                let middle = usize::midpoint(from, to);
                match segment_head(&paths[middle])? {
                    Some(head) if head.first_sequence <= sequence => {
                        found = Some((middle, head));
                        from = middle + 1;
                    }
                    Some(_) => to = middle,
                    None => {
                        vanished = true;
                        break;
                    }
                }
            }
            if vanished {
                continue;
            }
            let Some((at, head)) = found else {
                let archived = match &self.archive {
                    Some(archive) => archive.holding(sequence)?,
                    None => None,
                };
                if let Some(archived) = archived {
                    return Walk::unpacking(&archived);
                }
                let first = match paths.first() {
                    Some(path) => segment_head(path)?.map_or(0, |head| head.first_sequence),
                    None => 0,
                };
                return Err(match &self.archive {
                    Some(archive) => archive.lacks(sequence)?,
                    None => ReadError::Gone { sequence, first },
                });
            };
            match Walk::open(&paths[at], &head) {
                Err(ReadError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                walk => return walk,
            }
        }
        Err(ReadError::Gone {
            sequence,
            first: oldest(&self.segments)?,
        })
    }

    /// The group that holds entry `sequence`; `None` when it is not durable yet.
    ///
    /// # Errors
    /// As [`Reader::read_from`].
    pub fn find(&self, sequence: u64) -> Result<Option<Group>, ReadError> {
        self.read_from(sequence)?.next().transpose()
    }

    /// Compares every sealed segment with the SHA-256 that the next one's header keeps of it, with those of the
    /// archive first where the reader has one. `progress` is told how many of how many are done. Gives the
    /// number of sealed segments.
    ///
    /// # Errors
    /// [`ReadError::Seal`] names the first segment that is not what it was.
    pub fn check_seals(&self, mut progress: impl FnMut(u64, u64)) -> Result<u64, ReadError> {
        // Kept from being archived meanwhile.
        let _alone = self.tidying.lock().unwrap_or_else(PoisonError::into_inner);
        let heads = segment_heads(&self.segments)?;
        let archived = match &self.archive {
            Some(archive) => {
                archive.check_up_to(heads.first().map(|(_, head)| head), &mut progress)?
            }
            None => 0,
        };
        let sealed = archived + heads.len().saturating_sub(1) as u64;
        for (done, pair) in heads.windows(2).enumerate() {
            let (path, next) = (&pair[0].0, &pair[1].1);
            let file = open(path)?;
            let hash = sha256_of(&file, next.previous_bytes);
            if hash.map_err(|source| io_error(path, source))? != next.previous_sha256 {
                return Err(ReadError::Seal { path: path.clone() });
            }
            progress(archived + done as u64 + 1, sealed);
        }
        Ok(sealed)
    }
}

/// The groups of a journal in order, each one verified: header, payload, chain. Memory: one chunk of 1 MiB,
/// or one group where that is longer.
#[derive(Debug)]
pub struct Groups {
    walk: Walk,
    reader: Reader,
    from: u64,
    known_durable: u64,
    broken: bool,
}

impl Iterator for Groups {
    type Item = Result<Group, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.broken {
            let wanted = self.walk.next_sequence;
            if wanted > self.known_durable {
                let durable = self.reader.last_sequence();
                if wanted > durable {
                    return None;
                }
                // What was read ahead may be older than what has become durable since.
                self.walk.forget();
                self.walk.expect_groups(durable - wanted + 1);
                self.known_durable = durable;
            }
            let step = match self.walk.step() {
                Ok(Some(group)) if group.last_sequence() < self.from => continue,
                Ok(Some(group)) => return Some(Ok(group)),
                Ok(None) => self.walk.next_segment(&self.reader),
                Err(error) => Err(error),
            };
            if let Err(error) = step {
                self.broken = true;
                return Some(Err(error));
            }
        }
        None
    }
}

/// What stands behind the last whole group of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// Nothing was written there.
    Zero,
    /// Part of a group, as a crash leaves it.
    Torn,
    /// A whole group that was written later than the next one: that one had been durable, and what is
    /// missing is not the torn tail of a crash.
    LaterGroup,
}

/// Where a segment's bytes come from.
#[derive(Debug)]
enum Source {
    /// The journal's folder: maybe written to just now.
    File(File),
    /// The archive: in order only.
    Packed(Packed),
}

/// Walks the groups of one segment file.
#[derive(Debug)]
pub(super) struct Walk {
    source: Source,
    path: PathBuf,
    pub(super) epoch: u64,
    index: u64,
    /// Offset of the next group.
    pub(super) at: u64,
    pub(super) next_sequence: u64,
    pub(super) next_group: u64,
    /// Chain up to here.
    pub(super) chain: u64,
    chunk: Bytes,
    chunk_at: u64,
    chunk_bytes: usize,
}

impl Walk {
    pub(super) fn open(path: &Path, head: &SegmentHead) -> Result<Walk, ReadError> {
        Ok(Walk::new(Source::File(open(path)?), path, head))
    }

    fn unpacking(archived: &Archived) -> Result<Walk, ReadError> {
        let (packed, head) = Packed::open(archived)?;
        Ok(Walk::new(Source::Packed(packed), &archived.path, &head))
    }

    fn new(source: Source, path: &Path, head: &SegmentHead) -> Walk {
        Walk {
            source,
            path: path.to_owned(),
            epoch: head.epoch,
            index: head.index,
            at: SEGMENT_HEAD as u64,
            next_sequence: head.first_sequence,
            next_group: head.first_group,
            chain: head.chain_before,
            chunk: Bytes::new(),
            chunk_at: 0,
            chunk_bytes: CHUNK_BYTES,
        }
    }

    /// The next group, or `None` when no whole group that could follow stands here.
    pub(super) fn step(&mut self) -> Result<Option<Group>, ReadError> {
        let Some(head) = self.fetch(GROUP_HEAD)?.and_then(|b| GroupHead::take(&b)) else {
            return Ok(None);
        };
        let follows = head.epoch == self.epoch
            && head.group == self.next_group
            && head.first_sequence == self.next_sequence
            && head.count > 0;
        if !follows {
            return Ok(None);
        }
        let Some(bytes) = self.fetch(head.bytes())? else {
            return Ok(None);
        };
        let payload = bytes.slice(GROUP_HEAD..);
        if crc32c::crc32c(&payload) != head.payload_crc
            || head.chain_after(self.chain, &payload) != head.chain
        {
            return Ok(None);
        }
        self.at += padded(head.bytes() as u64);
        self.next_sequence += u64::from(head.count);
        self.next_group += 1;
        self.chain = head.chain;
        Ok(Some(Group {
            epoch: head.epoch,
            first_sequence: head.first_sequence,
            count: head.count,
            chain: head.chain,
            payload,
        }))
    }

    /// What stands behind the last whole group.
    pub(super) fn tail(&mut self) -> Result<Tail, ReadError> {
        self.forget();
        self.chunk_bytes = CHUNK_BYTES;
        let before = self.at;
        let mut tail = Tail::Zero;
        while let Some(bytes) = self.fetch(GROUP_HEAD)? {
            if let Some(head) = GroupHead::take(&bytes)
                && (head.epoch, head.group) > (self.epoch, self.next_group)
                && let Some(whole) = self.fetch(head.bytes())?
                && crc32c::crc32c(&whole[GROUP_HEAD..]) == head.payload_crc
            {
                tail = Tail::LaterGroup;
                break;
            }
            let sector = self.fetch(SECTOR_BYTES)?.unwrap_or(bytes);
            if tail == Tail::Zero && sector.iter().any(|byte| *byte != 0) {
                tail = Tail::Torn;
            }
            self.at += SECTOR;
        }
        self.at = before;
        Ok(tail)
    }

    /// Goes over to the next segment, if it begins where this one ends.
    fn next_segment(&mut self, reader: &Reader) -> Result<(), ReadError> {
        let index = self.index + 1;
        let path = reader.segments.join(segment_name(index));
        let next = match segment_head(&path)? {
            // It may be archived between the two.
            Some(head) => match Walk::open(&path, &head) {
                Err(ReadError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                    None
                }
                walk => Some((walk?, head.previous_bytes)),
            },
            None => None,
        };
        let next = match (next, &reader.archive) {
            (None, Some(archive)) => match archive.get(index)? {
                Some(archived) => {
                    let (packed, head) = Packed::open(&archived)?;
                    let walk = Walk::new(Source::Packed(packed), &archived.path, &head);
                    Some((walk, head.previous_bytes))
                }
                None => None,
            },
            (next, _) => next,
        };
        let Some((next, previous_bytes)) = next else {
            let archived = begin_of(&reader.segments).is_some_and(|begin| index < begin.index);
            return Err(match &reader.archive {
                Some(archive) if archived => archive.missing(index, self.next_sequence),
                None if archived => ReadError::Gone {
                    sequence: self.next_sequence,
                    first: oldest(&reader.segments)?,
                },
                _ => self.damaged(),
            });
        };
        let follows = next.next_sequence == self.next_sequence
            && next.next_group == self.next_group
            && next.chain == self.chain
            && previous_bytes == self.at;
        if !follows {
            return Err(self.damaged());
        }
        let chunk_bytes = self.chunk_bytes;
        *self = next;
        self.chunk_bytes = chunk_bytes;
        Ok(())
    }

    fn damaged(&self) -> ReadError {
        match &self.source {
            Source::File(_) => ReadError::Damaged {
                path: self.path.clone(),
                at: self.at,
                sequence: self.next_sequence,
            },
            Source::Packed(_) => ReadError::Archive {
                path: self.path.clone(),
                why: format!("entry {} cannot be read", self.next_sequence),
            },
        }
    }

    fn forget(&mut self) {
        // What is archived does not change, and is read only once.
        if matches!(self.source, Source::File(_)) {
            self.chunk = self.chunk.slice(..0);
        }
    }

    /// A follower that wakes for a few entries need not read a megabyte.
    fn expect_groups(&mut self, entries: u64) {
        let bytes = entries
            .saturating_mul(1024)
            .clamp(16 << 10, CHUNK_BYTES as u64);
        self.chunk_bytes = usize::try_from(bytes).unwrap_or(CHUNK_BYTES);
    }

    /// The `wanted` bytes at `self.at`, or `None` when the file ends before.
    fn fetch(&mut self, wanted: usize) -> Result<Option<Bytes>, ReadError> {
        let io = |source| io_error(&self.path, source);
        let offset = self.at.wrapping_sub(self.chunk_at);
        let held = usize::try_from(offset).ok().filter(|start| {
            start
                .checked_add(wanted)
                .is_some_and(|end| end <= self.chunk.len())
        });
        if let Some(start) = held {
            return Ok(Some(self.chunk.slice(start..start + wanted)));
        }
        if wanted > self.chunk_bytes {
            let length = match &self.source {
                Source::File(file) => file.metadata().map_err(io)?.len(),
                Source::Packed(packed) => packed.bytes,
            };
            if length.saturating_sub(self.at) < wanted as u64 {
                return Ok(None);
            }
        }
        let length = wanted.max(self.chunk_bytes);
        let read = match &mut self.source {
            Source::File(file) => {
                // The old chunk's memory is taken again when nobody holds a group of it.
                let mut memory = match std::mem::take(&mut self.chunk).try_into_mut() {
                    Ok(memory) => memory,
                    Err(_) => BytesMut::new(),
                };
                memory.resize(length, 0);
                let read = read_at_most(file, &mut memory, self.at).map_err(io)?;
                memory.truncate(read);
                self.chunk = memory.freeze();
                read
            }
            Source::Packed(packed) => {
                let known = usize::try_from(offset).ok();
                let known = known.and_then(|from| self.chunk.get(from..)).unwrap_or(&[]);
                let mut memory = BytesMut::with_capacity(length);
                memory.extend_from_slice(known);
                // Padding behind the chunk.
                let mut passed = [0; SECTOR_BYTES];
                while known.is_empty() && packed.at < self.at {
                    let left = usize::try_from(self.at - packed.at).unwrap_or(SECTOR_BYTES);
                    if packed.read(&mut passed[..left.min(SECTOR_BYTES)])? == 0 {
                        return Ok(None);
                    }
                }
                let held = memory.len();
                memory.resize(length, 0);
                let read = held + packed.read(&mut memory[held..])?;
                memory.truncate(read);
                self.chunk = memory.freeze();
                read
            }
        };
        self.chunk_at = self.at;
        Ok((read >= wanted).then(|| self.chunk.slice(..wanted)))
    }
}

/// Name of the segment file with this index.
pub(super) fn segment_name(index: u64) -> String {
    format!("{index:012}.segment")
}

/// Every segment file with its header, oldest first.
pub(super) fn segment_heads(segments: &Path) -> Result<Vec<(PathBuf, SegmentHead)>, ReadError> {
    let mut heads = Vec::new();
    for path in segment_paths(segments).map_err(|source| io_error(segments, source))? {
        if let Some(head) = segment_head(&path)? {
            heads.push((path, head));
        }
    }
    Ok(heads)
}

/// Every segment file, oldest first.
pub(super) fn segment_paths(segments: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(segments)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "segment") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The header of a segment file; `None` when there is no file; damage when it has no whole header.
pub(super) fn segment_head(path: &Path) -> Result<Option<SegmentHead>, ReadError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(io_error(path, source)),
    };
    let mut bytes = [0; SEGMENT_HEAD];
    let read = read_at_most(&file, &mut bytes, 0).map_err(|source| io_error(path, source))?;
    match SegmentHead::take(&bytes[..read]) {
        Some(head) => Ok(Some(head)),
        None => Err(ReadError::Header {
            path: path.to_owned(),
        }),
    }
}

/// The newer whole slot of the mark file.
pub(super) fn newest_mark(path: &Path) -> Option<Mark> {
    let bytes = fs::read(path).ok()?;
    let slot = |at: usize| bytes.get(at..).and_then(Mark::take);
    let slots = [slot(0), slot(usize::try_from(SECTOR).ok()?)];
    slots.into_iter().flatten().max_by_key(|mark| mark.sequence)
}

/// SHA-256 of the first `length` bytes of a file; of fewer when it is shorter.
pub(super) fn sha256_of(file: &File, length: u64) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    hash_range(&mut hash, file, 0, length)?;
    Ok(hash.finalize().into())
}

/// Feeds bytes `from..to` of a file.
pub(super) fn hash_range(hash: &mut Sha256, file: &File, from: u64, to: u64) -> io::Result<()> {
    let mut chunk = vec![0; 256 << 10];
    let mut at = from;
    while at < to {
        let wanted = usize::try_from(to - at).map_or(chunk.len(), |left| left.min(chunk.len()));
        let read = read_at_most(file, &mut chunk[..wanted], at)?;
        if read == 0 {
            break;
        }
        hash.update(&chunk[..read]);
        at += read as u64;
    }
    Ok(())
}

pub(super) fn read_at_most(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < bytes.len() {
        match file.read_at(&mut bytes[read..], at + read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// The first entry of the journal's folder, 0 when it is empty.
fn oldest(segments: &Path) -> Result<u64, ReadError> {
    let heads = segment_heads(segments)?;
    Ok(heads.first().map_or(0, |(_, head)| head.first_sequence))
}

fn open(path: &Path) -> Result<File, ReadError> {
    File::open(path).map_err(|source| io_error(path, source))
}

fn io_error(path: &Path, source: io::Error) -> ReadError {
    ReadError::Io {
        path: path.to_owned(),
        source,
    }
}
