//! Snapshots: two flat files in turn, `book.0` and `book.1`. The older one is written over; until its header
//! is whole again the other one counts.
//!
//! Each mebibyte is synced before the next is written, and beside a journal there is a pause as long: a commit then never waits
//! behind more than that, however large the book is. What was there is written over in its place, so that the file system has
//! nothing to note but at the end.
//!
//! Header, 4096 bytes, little-endian: 0 `CLUBBOOK` · 8 format u32 · 12 length of the key check value u32 ·
//! 16 epoch u64 · 24 sequence u64 · 32 length of the payload u64 · 40 XXH3 of the payload u64 ·
//! 48 key check value, up to 64 bytes · 4088 XXH3 of 0..4088. Then the payload.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::disk::{MODE, sync_folder_of};
use super::frame::{put64, take64};

const FORMAT: u64 = 1;
const HEAD_BYTES: usize = 4096;
const KEY_CHECK_BYTES_MOST: usize = 64;
/// Bytes that are synced at once.
const STEP_BYTES: u64 = 1 << 20;
/// A pause at most, in case the disk hangs.
const PAUSE_MOST: Duration = Duration::from_millis(50);

/// What else the disk is for meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Commits: pauses leave it to them half of the time.
    Beside,
    /// Nothing: as fast as it goes.
    Alone,
}

/// What a snapshot is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Epoch of the journal then.
    pub epoch: u64,
    /// The last entry that is in it.
    pub sequence: u64,
    /// What proves that the caller has the same keys; at most 64 bytes.
    pub key_check: Vec<u8>,
}

/// A whole snapshot; reading gives the payload.
#[derive(Debug)]
pub struct Snapshot {
    /// What it is of.
    pub head: Head,
    /// Length of the payload.
    pub bytes: u64,
    payload: io::Take<BufReader<File>>,
}

impl Read for Snapshot {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.payload.read(buffer)
    }
}

/// Writes a snapshot over the older of the two, with what `fill` writes as its payload; durable when it
/// returns the payload's length.
///
/// # Errors
/// Those of the file system and of `fill`; the other snapshot still counts then.
pub fn write(
    dir: &Path,
    head: &Head,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<u64> {
    write_paced(dir, head, Pace::Alone, fill)
}

/// As [`write()`], at a pace.
///
/// # Errors
/// As [`write()`].
pub fn write_paced(
    dir: &Path,
    head: &Head,
    pace: Pace,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<u64> {
    if head.key_check.len() > KEY_CHECK_BYTES_MOST {
        return Err(io::Error::other(
            "key check value of a snapshot: at most 64 bytes wanted",
        ));
    }
    let sequences = paths(dir).map(|path| read_head(&path).map(|(head, ..)| head.sequence));
    let [first, second] = paths(dir);
    let path = if sequences[0] <= sequences[1] {
        first
    } else {
        second
    };
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create(true)
        .truncate(false)
        .mode(MODE)
        .open(&path)?;
    file.write_all_at(&[0; HEAD_BYTES], 0)?;
    let (bytes, hash) = match write_payload(&file, pace, fill) {
        Ok(written) => written,
        Err(error) => {
            // Half a snapshot on a full disk is of use to nobody.
            file.set_len(0)?;
            return Err(error);
        }
    };
    file.set_len(HEAD_BYTES as u64 + bytes)?;
    file.sync_data()?;

    let mut whole = [0; HEAD_BYTES];
    whole[0..8].copy_from_slice(b"CLUBBOOK");
    put64(&mut whole, 8, FORMAT | (head.key_check.len() as u64) << 32);
    put64(&mut whole, 16, head.epoch);
    put64(&mut whole, 24, head.sequence);
    put64(&mut whole, 32, bytes);
    put64(&mut whole, 40, hash);
    whole[48..48 + head.key_check.len()].copy_from_slice(&head.key_check);
    let check = xxh3_64(&whole[..HEAD_BYTES - 8]);
    put64(&mut whole, HEAD_BYTES - 8, check);
    file.write_all_at(&whole, 0)?;
    file.sync_all()?;
    sync_folder_of(&path)?;
    Ok(bytes)
}

fn write_payload(
    file: &File,
    pace: Pace,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<(u64, u64)> {
    let paced = Paced {
        file,
        at: HEAD_BYTES as u64,
        synced: HEAD_BYTES as u64,
        pace,
    };
    let mut payload = Hashed {
        file: BufWriter::with_capacity(STEP_BYTES as usize, paced),
        hash: Xxh3::new(),
        bytes: 0,
    };
    fill(&mut payload)?;
    payload.file.flush()?;
    Ok((payload.bytes, payload.hash.digest()))
}

/// Writes on in a file, a step at a time.
struct Paced<'a> {
    file: &'a File,
    at: u64,
    synced: u64,
    pace: Pace,
}

impl Write for Paced<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = usize::try_from(self.synced + STEP_BYTES - self.at).map_err(io::Error::other)?;
        let bytes = &bytes[..bytes.len().min(room)];
        let began = Instant::now();
        self.file.write_all_at(bytes, self.at)?;
        self.at += bytes.len() as u64;
        if self.at == self.synced + STEP_BYTES {
            self.file.sync_data()?;
            self.synced = self.at;
            if self.pace == Pace::Beside {
                thread::sleep(began.elapsed().min(PAUSE_MOST));
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The newest snapshot whose every byte is what was written; a damaged one is passed over for the other.
/// `None`: replay the journal from its beginning.
pub fn newest_valid(dir: &Path) -> Option<Snapshot> {
    newest_before(dir, u64::MAX)
}

/// The same among those that know no entry from `sequence` on. Beside a running switch it may be written over while it is read:
/// afterwards [`sequences`] tells whether it is still there, and what was read is good.
pub fn newest_before(dir: &Path, sequence: u64) -> Option<Snapshot> {
    let mut found: Vec<_> = paths(dir)
        .into_iter()
        .filter_map(|path| read_head(&path).map(|(head, bytes, hash)| (head, bytes, hash, path)))
        .filter(|(head, ..)| head.sequence < sequence)
        .collect();
    found.sort_by_key(|(head, ..)| std::cmp::Reverse(head.sequence));
    found
        .into_iter()
        .find_map(|(head, bytes, hash, path)| open(&path, head, bytes, hash).ok().flatten())
}

/// The last entries of both snapshots, the older one first; none for one that is not there or has no whole header.
pub fn sequences(dir: &Path) -> [Option<u64>; 2] {
    let mut both = paths(dir).map(|path| read_head(&path).map(|(head, ..)| head.sequence));
    both.sort_unstable();
    both
}

/// The snapshots that know an entry after `sequence`.
pub(super) fn later_than(dir: &Path, sequence: u64) -> Vec<PathBuf> {
    paths(dir)
        .into_iter()
        .filter(|path| read_head(path).is_some_and(|(head, ..)| head.sequence > sequence))
        .collect()
}

fn paths(dir: &Path) -> [PathBuf; 2] {
    [dir.join("book.0"), dir.join("book.1")]
}

fn read_head(path: &Path) -> Option<(Head, u64, u64)> {
    let mut whole = [0; HEAD_BYTES];
    File::open(path).ok()?.read_exact_at(&mut whole, 0).ok()?;
    let format = take64(&whole, 8);
    let key_check_bytes = usize::try_from(format >> 32).ok()?;
    let valid = whole.starts_with(b"CLUBBOOK")
        && format & 0xffff_ffff == FORMAT
        && key_check_bytes <= KEY_CHECK_BYTES_MOST
        && take64(&whole, HEAD_BYTES - 8) == xxh3_64(&whole[..HEAD_BYTES - 8]);
    valid.then(|| {
        let head = Head {
            epoch: take64(&whole, 16),
            sequence: take64(&whole, 24),
            key_check: whole[48..48 + key_check_bytes].to_vec(),
        };
        (head, take64(&whole, 32), take64(&whole, 40))
    })
}

/// Opens a snapshot after reading it once against its checksum.
fn open(path: &Path, head: Head, bytes: u64, hash: u64) -> io::Result<Option<Snapshot>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(HEAD_BYTES as u64))?;
    let mut found = Hashed {
        file: io::sink(),
        hash: Xxh3::new(),
        bytes: 0,
    };
    let mut once = BufReader::with_capacity(1 << 20, file).take(bytes);
    io::copy(&mut once, &mut found)?;
    if (found.bytes, found.hash.digest()) != (bytes, hash) {
        return Ok(None);
    }
    let mut again = once.into_inner();
    again.seek(SeekFrom::Start(HEAD_BYTES as u64))?;
    Ok(Some(Snapshot {
        head,
        bytes,
        payload: again.take(bytes),
    }))
}

/// Counts and hashes what goes through.
struct Hashed<W> {
    file: W,
    hash: Xxh3,
    bytes: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
