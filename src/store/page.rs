//! Entries in pages, as values of the database: none over 4 KiB, each with a checksum of its own.
//!
//! Key: `e`, sequence u64, part u16, big-endian. Value: CRC32C of key and rest u32, kind u8, then of a page:
//! entries as (length u16, bytes); of a part of an entry longer than a page: the entry's length u32, bytes.
//! Other numbers are little-endian.

use super::Fault;

/// Bytes of a value at most; sled keeps what is larger where it is never synced.
const VALUE_BYTES_MOST: usize = 3800;
const PAGE_HEAD: usize = 5;
const PART_HEAD: usize = 9;
const KIND_PAGE: u8 = 0;
const KIND_PART: u8 = 1;

/// The page that is still being filled.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenPage {
    first_sequence: u64,
    count: u64,
    bytes: Vec<u8>,
}

/// What a value holds of an entry.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// The first part; so many bytes in all.
    Part(usize, &'a [u8]),
    /// The page ends before the entry.
    Behind,
}

/// Keys and values to be written.
pub(super) type Rows = Vec<([u8; 11], Vec<u8>)>;

impl OpenPage {
    /// Goes on with the page under `key`, so that a start does not leave a short page behind.
    pub(super) fn resume(key: &[u8], value: &[u8]) -> Result<OpenPage, Fault> {
        let (sequence, part, kind, body) = parts_of(key, value)?;
        if kind != KIND_PAGE || part != 0 {
            return Ok(OpenPage::default());
        }
        Ok(OpenPage {
            first_sequence: sequence,
            count: entries(body).count() as u64,
            bytes: value.to_vec(),
        })
    }

    /// Puts the entry with `sequence` in; rows that are complete go to `rows`.
    pub(super) fn add(&mut self, sequence: u64, entry: &[u8], rows: &mut Rows) {
        if PAGE_HEAD + 2 + entry.len() > VALUE_BYTES_MOST {
            self.close(rows);
            for (part, bytes) in entry.chunks(VALUE_BYTES_MOST - PART_HEAD).enumerate() {
                let mut value = vec![0, 0, 0, 0, KIND_PART];
                value.extend_from_slice(&length32(entry.len()));
                value.extend_from_slice(bytes);
                let part = u16::try_from(part).unwrap_or(u16::MAX);
                rows.push(row(sequence, part, value));
            }
            return;
        }
        let fits = self.bytes.len() + 2 + entry.len() <= VALUE_BYTES_MOST;
        if self.count > 0 && (!fits || self.first_sequence + self.count != sequence) {
            self.close(rows);
        }
        if self.count == 0 {
            self.first_sequence = sequence;
            self.bytes = vec![0, 0, 0, 0, KIND_PAGE];
        }
        let length = u16::try_from(entry.len()).expect("an entry in a page is under 4 KiB");
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(entry);
        self.count += 1;
    }

    /// The page as it is, to be written again when it has grown.
    pub(super) fn save(&self, rows: &mut Rows) {
        if self.count > 0 {
            rows.push(row(self.first_sequence, 0, self.bytes.clone()));
        }
    }

    fn close(&mut self, rows: &mut Rows) {
        self.save(rows);
        *self = OpenPage::default();
    }
}

/// Key of a part of the entry with this sequence, or of the page that begins with it.
pub(super) fn key(sequence: u64, part: u16) -> [u8; 11] {
    let mut key = [b'e'; 11];
    key[1..9].copy_from_slice(&sequence.to_be_bytes());
    key[9..].copy_from_slice(&part.to_be_bytes());
    key
}

/// Finds the entry with `sequence` in a value.
pub(super) fn find<'a>(key: &[u8], value: &'a [u8], sequence: u64) -> Result<Piece<'a>, Fault> {
    let (first, _, kind, body) = parts_of(key, value)?;
    if kind == KIND_PAGE {
        let at = usize::try_from(sequence.saturating_sub(first)).unwrap_or(usize::MAX);
        return Ok(entries(body).nth(at).map_or(Piece::Behind, Piece::Whole));
    }
    if first != sequence {
        return Ok(Piece::Behind);
    }
    let (length, bytes) = body.split_first_chunk::<4>().ok_or(Fault::Page)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Fault::Page)?;
    Ok(Piece::Part(length, bytes))
}

/// Puts entries together again, row after row.
#[derive(Debug)]
pub(super) struct Gathering {
    /// The entry that comes next.
    next: u64,
    /// The parts of a long one, and its length.
    parts: Vec<u8>,
    length: usize,
}

impl Gathering {
    /// For the entries from `first` on; the first row must hold it.
    pub(super) fn from(first: u64) -> Gathering {
        Gathering {
            next: first,
            parts: Vec::new(),
            length: 0,
        }
    }

    /// The entry that comes next.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Takes the next row; entries that are whole are given to `whole`.
    pub(super) fn take(
        &mut self,
        key: &[u8],
        value: &[u8],
        whole: &mut impl FnMut(&[u8]),
    ) -> Result<(), Fault> {
        let (first, _, kind, body) = parts_of(key, value)?;
        if first > self.next {
            return Err(Fault::Page);
        }
        if kind == KIND_PAGE {
            let known = usize::try_from(self.next - first).map_err(|_| Fault::Page)?;
            for entry in entries(body).skip(known) {
                whole(entry);
                self.next += 1;
            }
            return Ok(());
        }
        let (length, bytes) = body.split_first_chunk::<4>().ok_or(Fault::Page)?;
        self.length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Fault::Page)?;
        self.parts.extend_from_slice(bytes);
        if self.parts.len() >= self.length {
            whole(&self.parts);
            self.parts.clear();
            self.next += 1;
        }
        Ok(())
    }
}

/// The last entry that a row holds something of.
pub(super) fn last_sequence(key: &[u8], value: &[u8]) -> Result<u64, Fault> {
    let (first, _, kind, body) = parts_of(key, value)?;
    let more = if kind == KIND_PAGE {
        (entries(body).count() as u64).saturating_sub(1)
    } else {
        0
    };
    Ok(first + more)
}

fn row(sequence: u64, part: u16, mut value: Vec<u8>) -> ([u8; 11], Vec<u8>) {
    let key = key(sequence, part);
    let crc = crc32c::crc32c_append(crc32c::crc32c(&key), &value[4..]);
    value[..4].copy_from_slice(&crc.to_le_bytes());
    (key, value)
}

/// Sequence, part, kind and what follows, after the checksum was found right.
fn parts_of<'a>(key: &[u8], value: &'a [u8]) -> Result<(u64, u16, u8, &'a [u8]), Fault> {
    let (sequence, part) = key
        .get(1..)
        .and_then(|key| key.split_first_chunk::<8>())
        .ok_or(Fault::Page)?;
    let part: [u8; 2] = part.try_into().map_err(|_| Fault::Page)?;
    let (crc, rest) = value.split_first_chunk::<4>().ok_or(Fault::Page)?;
    if crc32c::crc32c_append(crc32c::crc32c(key), rest) != u32::from_le_bytes(*crc) {
        return Err(Fault::Page);
    }
    let (kind, body) = rest.split_first().ok_or(Fault::Page)?;
    Ok((
        u64::from_be_bytes(*sequence),
        u16::from_be_bytes(part),
        *kind,
        body,
    ))
}

fn entries(mut body: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = body.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        body = rest;
        Some(entry)
    })
}

fn length32(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lengths: &[usize]) {
        let entry = |sequence: u64, length: usize| vec![sequence.to_le_bytes()[0]; length];
        let (mut page, mut rows) = (OpenPage::default(), Rows::new());
        for (sequence, length) in (1..).zip(lengths) {
            page.add(sequence, &entry(sequence, *length), &mut rows);
        }
        page.save(&mut rows);
        assert!(
            rows.iter()
                .all(|(_, value)| value.len() <= VALUE_BYTES_MOST)
        );
        assert!(rows.is_sorted());
        for (sequence, length) in (1..).zip(lengths) {
            let at = rows.partition_point(|(k, _)| *k < key(sequence, 1)) - 1;
            let found = match find(&rows[at].0, &rows[at].1, sequence).unwrap() {
                Piece::Whole(bytes) => bytes.to_vec(),
                Piece::Part(whole, _) => {
                    assert_eq!(whole, *length);
                    let mut all = Vec::new();
                    for (k, value) in &rows[at..] {
                        if let Piece::Part(_, bytes) = find(k, value, sequence).unwrap() {
                            all.extend_from_slice(bytes);
                        }
                    }
                    all
                }
                Piece::Behind => panic!("entry {sequence} is not where it belongs"),
            };
            assert_eq!(found, entry(sequence, *length), "entry {sequence}");
        }
    }

    #[test]
    fn small_entries_share_pages() {
        check(&[350; 100]);
    }

    #[test]
    fn empty_entries_and_those_that_just_fit() {
        check(&[0, 0, 3793, 3792, 3794, 1, 0]);
    }

    #[test]
    fn an_entry_longer_than_a_page_is_split() {
        check(&[10, 100_000, 10, 4000, 8000, 350]);
    }

    #[test]
    fn a_flipped_bit_is_noticed() {
        let (mut page, mut rows) = (OpenPage::default(), Rows::new());
        page.add(1, b"an entry", &mut rows);
        page.save(&mut rows);
        let (key, value) = &rows[0];
        for bit in 0..value.len() * 8 {
            let mut broken = value.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            assert!(find(key, &broken, 1).is_err(), "bit {bit}");
        }
    }
}
