//! Filters: whether a run can hold an item at all, so that what is not there costs no page. A Bloom filter in
//! blocks of 64 bytes for each kind of item in a run; about 10 bits an item, 6 of them set, 1.5 % wrong.
//!
//! Key of a piece: `j`, run u32, kind u8, piece u32, big-endian. Value: CRC32C of key and rest u32, then up to
//! 59 blocks. The block of an item follows the order of the items, so that a filter is written from its
//! first block to its last while the run is, and never stands in memory as a whole before it is read.

use super::Fault;
use super::run::{ITEM_BITS, KINDS, kind_of};

const BLOCK_BYTES: usize = 64;
const PIECE_BLOCKS: usize = 59;
const BITS_AN_ITEM: u64 = 10;
const BITS_SET: u32 = 6;

/// How many blocks the filter of a kind with so many items has.
pub(super) fn blocks_of(items: u64) -> u64 {
    (items * BITS_AN_ITEM).div_ceil(BLOCK_BYTES as u64 * 8)
}

/// Memory of a whole filter.
pub(super) fn bytes_of(items: u64) -> u64 {
    blocks_of(items) * BLOCK_BYTES as u64
}

/// The block an item stands in, out of `blocks`.
fn block_of(item: u64, blocks: u64) -> u64 {
    let hash = item & ((1 << ITEM_BITS) - 1);
    let scaled = (u128::from(hash) * u128::from(blocks)) >> ITEM_BITS;
    u64::try_from(scaled).unwrap_or(0)
}

/// The bits of an item in its block.
fn bits_of(item: u64) -> impl Iterator<Item = usize> {
    // The upper bits of the hash chose the block: the rest is spread over a word first.
    let mut mixed = item.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^= mixed >> 29;
    mixed = mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (0..BITS_SET).map(move |at| (mixed >> (55 - 9 * at)) as usize & 511)
}

fn has(block: &[u8], item: u64) -> bool {
    bits_of(item).all(|bit| {
        block
            .get(bit / 8)
            .is_some_and(|b| b & (1 << (bit % 8)) != 0)
    })
}

/// Makes the filters of a run out of its items in their order.
#[derive(Debug)]
pub(super) struct Making {
    run: u32,
    counts: [u64; KINDS],
    kind: usize,
    piece: u32,
    bytes: Vec<u8>,
}

/// A row of the database.
pub(super) type Row = (Vec<u8>, Vec<u8>);

impl Making {
    /// Begins; `counts` says how many items of each kind there will be.
    pub(super) fn new(run: u32, counts: [u64; KINDS]) -> Making {
        Making {
            run,
            counts,
            kind: 0,
            piece: 0,
            bytes: Vec::new(),
        }
    }

    /// Takes the next item; pieces that are complete go to `rows`.
    pub(super) fn put(&mut self, item: u64, rows: &mut Vec<Row>) {
        let kind = kind_of(item);
        while self.kind < kind {
            self.end_kind(rows);
        }
        if !is_filtered(kind) {
            return;
        }
        let block = block_of(item, blocks_of(self.counts[kind]));
        let wanted = u32::try_from(block / PIECE_BLOCKS as u64).unwrap_or(u32::MAX);
        while self.piece < wanted {
            self.end_piece(rows);
        }
        self.bytes.resize(self.piece_bytes(), 0);
        let start = usize::try_from(block % PIECE_BLOCKS as u64).unwrap_or(0) * BLOCK_BYTES;
        for bit in bits_of(item) {
            self.bytes[start + bit / 8] |= 1 << (bit % 8);
        }
    }

    /// Ends the last filter.
    pub(super) fn finish(mut self, rows: &mut Vec<Row>) {
        while self.kind < KINDS {
            self.end_kind(rows);
        }
    }

    fn end_kind(&mut self, rows: &mut Vec<Row>) {
        while is_filtered(self.kind) && self.piece < pieces_of(self.counts[self.kind]) {
            self.end_piece(rows);
        }
        self.kind += 1;
        self.piece = 0;
    }

    fn end_piece(&mut self, rows: &mut Vec<Row>) {
        self.bytes.resize(self.piece_bytes(), 0);
        let key = key(self.run, self.kind, self.piece);
        let mut value = crc(&key, &self.bytes).to_le_bytes().to_vec();
        value.append(&mut self.bytes);
        rows.push((key.to_vec(), value));
        self.piece += 1;
    }

    fn piece_bytes(&self) -> usize {
        piece_bytes(self.counts[self.kind], self.piece)
    }
}

/// The filters of a run: on the disk, and those that were read in memory too.
#[derive(Debug)]
pub(super) struct Filters {
    run: u32,
    counts: [u64; KINDS],
    read: [std::sync::OnceLock<Box<[u8]>>; KINDS],
}

impl Filters {
    pub(super) fn new(run: u32, counts: [u64; KINDS]) -> Filters {
        Filters {
            run,
            counts,
            read: Default::default(),
        }
    }

    /// Whether the run may hold the item; false is certain.
    pub(super) fn may_hold(&self, db: &sled::Db, item: u64) -> Result<bool, Fault> {
        let kind = kind_of(item);
        let Some(&count) = self.counts.get(kind).filter(|count| **count > 0) else {
            return Ok(false);
        };
        if !is_filtered(kind) {
            return Ok(true);
        }
        let block = usize::try_from(block_of(item, blocks_of(count))).unwrap_or(usize::MAX);
        if let Some(read) = self.read[kind].get() {
            let block = read.get(block * BLOCK_BYTES..).ok_or(Fault::Page)?;
            return Ok(has(&block[..BLOCK_BYTES.min(block.len())], item));
        }
        let piece = u32::try_from(block / PIECE_BLOCKS).unwrap_or(u32::MAX);
        let piece = self.piece(db, kind, piece)?;
        let start = block % PIECE_BLOCKS * BLOCK_BYTES;
        let block = piece.get(4 + start..4 + start + BLOCK_BYTES);
        Ok(has(block.ok_or(Fault::Page)?, item))
    }

    /// The kinds whose filter is not in memory, each with its bytes.
    pub(super) fn unread(&self) -> impl Iterator<Item = (usize, u64)> {
        (0..KINDS)
            .filter(|kind| is_filtered(*kind) && self.counts[*kind] > 0)
            .filter(|kind| self.read[*kind].get().is_none())
            .map(|kind| (kind, bytes_of(self.counts[kind])))
    }

    /// The bytes of the filters that are in memory.
    pub(super) fn in_memory(&self) -> u64 {
        self.read
            .iter()
            .filter_map(|read| read.get())
            .map(|read| read.len() as u64)
            .sum()
    }

    /// Reads the filter of a kind into memory.
    pub(super) fn read(&self, db: &sled::Db, kind: usize) -> Result<(), Fault> {
        let bytes = usize::try_from(bytes_of(self.counts[kind])).map_err(|_| Fault::Page)?;
        let mut filter = Vec::with_capacity(bytes);
        for piece in 0..pieces_of(self.counts[kind]) {
            filter.extend_from_slice(&self.piece(db, kind, piece)?[4..]);
        }
        if filter.len() != bytes {
            return Err(Fault::Page);
        }
        let _ = self.read[kind].set(filter.into_boxed_slice());
        Ok(())
    }

    /// A piece behind its checksum, which is right.
    fn piece(&self, db: &sled::Db, kind: usize, piece: u32) -> Result<sled::IVec, Fault> {
        let key = key(self.run, kind, piece);
        let value = db.get(key).map_err(Fault::Sled)?.ok_or(Fault::Page)?;
        let (found, blocks) = value.split_first_chunk::<4>().ok_or(Fault::Page)?;
        let whole = blocks.len() == piece_bytes(self.counts[kind], piece);
        if !whole || crc(&key, blocks) != u32::from_le_bytes(*found) {
            return Err(Fault::Page);
        }
        Ok(value)
    }
}

/// Members and shops are asked for with what they did last, which every run has something of.
fn is_filtered(kind: usize) -> bool {
    use crate::ledger::finding::Kind;
    kind < KINDS && kind != Kind::Member as usize && kind != Kind::Shop as usize
}

fn pieces_of(items: u64) -> u32 {
    u32::try_from(blocks_of(items).div_ceil(PIECE_BLOCKS as u64)).unwrap_or(u32::MAX)
}

fn piece_bytes(items: u64, piece: u32) -> usize {
    let left = blocks_of(items).saturating_sub(u64::from(piece) * PIECE_BLOCKS as u64);
    usize::try_from(left).map_or(PIECE_BLOCKS, |left| left.min(PIECE_BLOCKS)) * BLOCK_BYTES
}

fn key(run: u32, kind: usize, piece: u32) -> [u8; 10] {
    let mut key = [b'j'; 10];
    key[1..5].copy_from_slice(&run.to_be_bytes());
    key[5] = u8::try_from(kind).unwrap_or(u8::MAX);
    key[6..].copy_from_slice(&piece.to_be_bytes());
    key
}

fn crc(key: &[u8], rest: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(key), rest)
}
