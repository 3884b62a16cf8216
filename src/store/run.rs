//! Runs: sorted, immutable, (item, sequence) of a stretch of entries, in pages of the database under 4 KiB.
//!
//! An item is shortened to its kind above 42 bits of its hash, or above a member's or shop's number: who looks
//! compares the entry anyway, and a false one among a million is found once in a million look-ups. Rows stand
//! in the order of the items, of one item the newest first.
//!
//! Key of a page: `i`, run u32, item u64, not(sequence) u64, big-endian: its first row; the first page of a
//! run begins with zeros. Value: CRC32C of key and rest u32; where the next page begins, item u64 and
//! not(sequence) u64, all ones behind the last page; then the rows: the item as its distance from the one
//! before, then the sequence as its distance from the run's last, or, of the same item, from the one before. LEB128.
//! Every row's place is in exactly one page, so that a page that is missing is noticed and not taken for
//! an item that is.
//!
//! Key of a head: `h`, run u32, big-endian. Value: CRC32C of key and rest u32, format u8, merged u8, first
//! sequence, last sequence, pages, items of each of the eight kinds u64. A run counts as soon as its head is there.
//! Other numbers are little-endian.

use super::Fault;
use super::filter::{self, Filters};
use crate::ledger::finding::{Item, Kind};

/// How many kinds of items there are.
pub(super) const KINDS: usize = Kind::ALL.len();
/// Bits of an item below its kind.
pub(super) const ITEM_BITS: u32 = 42;
const VALUE_BYTES_MOST: usize = 3800;
/// A row takes no more than this.
const ROW_BYTES_MOST: usize = 20;
const PAGE_HEAD: usize = 20;
const FORMAT: u8 = 1;

/// An item as runs keep it.
pub(super) fn shorten(item: Item) -> u64 {
    let hash = match item.kind {
        Kind::Member | Kind::Shop => item.hash & ((1 << ITEM_BITS) - 1),
        _ => item.hash >> (64 - ITEM_BITS),
    };
    (item.kind as u64) << ITEM_BITS | hash
}

/// The number of the kind of a shortened item.
pub(super) fn kind_of(item: u64) -> usize {
    usize::try_from(item >> ITEM_BITS).unwrap_or(usize::MAX)
}

/// A row: an item, and an entry that is found under it. In order of items, of one item the newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) item: u64,
    /// The sequence with its bits turned.
    down: u64,
}

impl Row {
    /// Before every row.
    const FIRST: Row = Row { item: 0, down: 0 };
    /// Behind every row.
    const END: Row = Row {
        item: u64::MAX,
        down: u64::MAX,
    };

    pub(super) fn new(item: u64, sequence: u64) -> Row {
        Row {
            item,
            down: !sequence,
        }
    }

    pub(super) fn sequence(self) -> u64 {
        !self.down
    }
}

/// What is known of a run without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) number: u32,
    /// Whether it was merged out of others, or is of its own.
    pub(super) merged: bool,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) pages: u64,
    pub(super) counts: [u64; KINDS],
}

impl Head {
    /// The head as a row of the database.
    pub(super) fn put(&self) -> filter::Row {
        let key = head_key(self.number);
        let mut value = vec![0, 0, 0, 0, FORMAT, u8::from(self.merged)];
        for number in [self.first, self.last, self.pages]
            .iter()
            .chain(&self.counts)
        {
            value.extend_from_slice(&number.to_le_bytes());
        }
        let crc = crc(&key, &value[4..]);
        value[..4].copy_from_slice(&crc.to_le_bytes());
        (key.to_vec(), value)
    }

    fn take(key: &[u8], value: &[u8]) -> Result<Head, Fault> {
        let rest = checked(key, value)?;
        let number: [u8; 4] = key
            .get(1..)
            .and_then(|n| n.try_into().ok())
            .ok_or(Fault::Page)?;
        let (&[FORMAT, merged], mut rest) = rest.split_first_chunk::<2>().ok_or(Fault::Page)?
        else {
            return Err(Fault::Page);
        };
        let mut numbers = [0; 3 + KINDS];
        for number in &mut numbers {
            *number = take_u64(&mut rest)?;
        }
        let [first, last, pages, ref counts @ ..] = numbers;
        Ok(Head {
            number: u32::from_be_bytes(number),
            merged: merged != 0,
            first,
            last,
            pages,
            counts: *counts,
        })
    }
}

/// Key of the head of a run.
pub(super) fn head_key(number: u32) -> [u8; 5] {
    prefix(b'h', number)
}

/// What keys of a run begin with: `i` of its pages, `j` of its filters.
pub(super) fn prefix(letter: u8, number: u32) -> [u8; 5] {
    let mut key = [letter; 5];
    key[1..].copy_from_slice(&number.to_be_bytes());
    key
}

/// A run that is there.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) head: Head,
    pub(super) filters: Filters,
}

impl Run {
    pub(super) fn new(head: Head) -> Run {
        Run {
            filters: Filters::new(head.number, head.counts),
            head,
        }
    }

    /// Appends the sequences below `before` that are found under the item, newest first, until `found` has `most`.
    pub(super) fn find(
        &self,
        db: &sled::Db,
        item: u64,
        before: u64,
        most: usize,
        found: &mut Vec<u64>,
    ) -> Result<(), Fault> {
        if before <= self.head.first || !self.filters.may_hold(db, item)? {
            return Ok(());
        }
        let wanted = Row::new(item, before - 1);
        let mut page = page_with(db, &self.head, wanted)?;
        loop {
            for row in page.rows.iter().skip_while(|row| **row < wanted) {
                if row.item != item || found.len() >= most {
                    return Ok(());
                }
                found.push(row.sequence());
            }
            if found.len() >= most || page.next.item != item {
                return Ok(());
            }
            page = page_at(db, &self.head, page.next)?;
        }
    }
}

/// The heads of all runs, the oldest first.
pub(super) fn heads(db: &sled::Db) -> Result<Vec<Head>, Fault> {
    let mut heads = Vec::new();
    for row in db.scan_prefix(b"h") {
        let (key, value) = row.map_err(Fault::Sled)?;
        heads.push(Head::take(&key, &value)?);
    }
    heads.sort_unstable_by_key(|head| head.first);
    Ok(heads)
}

/// A page, unpacked.
#[derive(Debug)]
struct Page {
    rows: Vec<Row>,
    /// Where the next one begins.
    next: Row,
}

/// The page in which a row has its place.
fn page_with(db: &sled::Db, head: &Head, wanted: Row) -> Result<Page, Fault> {
    let mut behind = page_key(head.number, wanted).to_vec();
    behind.push(0);
    let row = db.get_lt(behind).map_err(Fault::Sled)?;
    let (key, value) = row.ok_or(Fault::Page)?;
    let page = unpack(&key, &value, head)?;
    // Where the page is missing, the one before it is found.
    if wanted < page.next {
        Ok(page)
    } else {
        Err(Fault::Page)
    }
}

/// The page that begins with a row.
fn page_at(db: &sled::Db, head: &Head, first: Row) -> Result<Page, Fault> {
    let key = page_key(head.number, first);
    let value = db.get(key).map_err(Fault::Sled)?.ok_or(Fault::Page)?;
    unpack(&key, &value, head)
}

fn page_key(run: u32, first: Row) -> [u8; 21] {
    let mut key = [0; 21];
    key[..5].copy_from_slice(&prefix(b'i', run));
    key[5..13].copy_from_slice(&first.item.to_be_bytes());
    key[13..].copy_from_slice(&first.down.to_be_bytes());
    key
}

fn unpack(key: &[u8], value: &[u8], head: &Head) -> Result<Page, Fault> {
    if !key.starts_with(&prefix(b'i', head.number)) {
        return Err(Fault::Page);
    }
    let mut rest = checked(key, value)?;
    let next = Row {
        item: take_u64(&mut rest)?,
        down: take_u64(&mut rest)?,
    };
    let mut rows = Vec::with_capacity(rest.len() / 4);
    let mut before: Option<Row> = None;
    while !rest.is_empty() {
        let distance = take_number(&mut rest)?;
        let number = take_number(&mut rest)?;
        let row = match before {
            Some(before) if distance == 0 => Row {
                item: before.item,
                down: before.down.checked_add(number).ok_or(Fault::Page)?,
            },
            before => {
                let item = before.map_or(0, |before| before.item);
                let item = item.checked_add(distance).ok_or(Fault::Page)?;
                Row::new(item, head.last.checked_sub(number).ok_or(Fault::Page)?)
            }
        };
        rows.push(row);
        before = Some(row);
    }
    Ok(Page { rows, next })
}

/// Reads a run from its first row to its last, a page at a time.
#[derive(Debug)]
pub(super) struct Walk {
    head: Head,
    page: Page,
    at: usize,
}

impl Walk {
    pub(super) fn new(head: Head) -> Walk {
        Walk {
            head,
            page: Page {
                rows: Vec::new(),
                next: Row::FIRST,
            },
            at: 0,
        }
    }

    /// The next row; `None` behind the last.
    pub(super) fn next(&mut self, db: &sled::Db) -> Result<Option<Row>, Fault> {
        while self.at == self.page.rows.len() {
            if self.page.next == Row::END {
                return Ok(None);
            }
            self.page = page_at(db, &self.head, self.page.next)?;
            self.at = 0;
        }
        self.at += 1;
        Ok(self.page.rows.get(self.at - 1).copied())
    }
}

/// Makes a run out of its rows in their order.
#[derive(Debug)]
pub(super) struct Making {
    head: Head,
    filters: filter::Making,
    start: Row,
    bytes: Vec<u8>,
    before: Option<Row>,
}

impl Making {
    /// Begins; the head says what will be in it, but for the pages.
    pub(super) fn new(head: Head) -> Making {
        Making {
            head,
            filters: filter::Making::new(head.number, head.counts),
            start: Row::FIRST,
            bytes: Vec::new(),
            before: None,
        }
    }

    /// The number of the run that is made.
    pub(super) fn number(&self) -> u32 {
        self.head.number
    }

    /// Takes the next row; what is complete goes to `rows`.
    pub(super) fn put(&mut self, row: Row, rows: &mut Vec<filter::Row>) {
        self.filters.put(row.item, rows);
        if PAGE_HEAD + self.bytes.len() + ROW_BYTES_MOST > VALUE_BYTES_MOST {
            self.end_page(row, rows);
        }
        match self.before {
            Some(before) if before.item == row.item => {
                self.bytes.push(0);
                put_number(row.down - before.down, &mut self.bytes);
            }
            before => {
                let item = before.map_or(0, |before| before.item);
                put_number(row.item - item, &mut self.bytes);
                put_number(self.head.last - row.sequence(), &mut self.bytes);
            }
        }
        self.before = Some(row);
    }

    /// Ends the run; its head is not among `rows`.
    pub(super) fn finish(mut self, rows: &mut Vec<filter::Row>) -> Head {
        self.end_page(Row::END, rows);
        self.filters.finish(rows);
        self.head
    }

    fn end_page(&mut self, next: Row, rows: &mut Vec<filter::Row>) {
        let key = page_key(self.head.number, self.start);
        let mut value = vec![0; 4];
        value.extend_from_slice(&next.item.to_le_bytes());
        value.extend_from_slice(&next.down.to_le_bytes());
        value.append(&mut self.bytes);
        let crc = crc(&key, &value[4..]);
        value[..4].copy_from_slice(&crc.to_le_bytes());
        rows.push((key.to_vec(), value));
        self.head.pages += 1;
        self.start = next;
        self.before = None;
    }
}

fn put_number(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_number(from: &mut &[u8]) -> Result<u64, Fault> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = from.split_first().ok_or(Fault::Page)?;
        *from = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Fault::Page)
}

fn take_u64(from: &mut &[u8]) -> Result<u64, Fault> {
    let (bytes, rest) = from.split_first_chunk::<8>().ok_or(Fault::Page)?;
    *from = rest;
    Ok(u64::from_le_bytes(*bytes))
}

/// What stands behind the checksum, after that was found right.
pub(super) fn checked<'a>(key: &[u8], value: &'a [u8]) -> Result<&'a [u8], Fault> {
    let (found, rest) = value.split_first_chunk::<4>().ok_or(Fault::Page)?;
    if crc(key, rest) == u32::from_le_bytes(*found) {
        Ok(rest)
    } else {
        Err(Fault::Page)
    }
}

/// CRC32C of a key and what stands behind the checksum.
pub(super) fn crc(key: &[u8], rest: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(key), rest)
}
