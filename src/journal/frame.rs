//! What stands in the journal's files, byte by byte. All numbers are little-endian.
//!
//! | segment header, 512 bytes | | group header, 64 bytes | | mark slot, 512 bytes | |
//! |---|---|---|---|---|---|
//! | 0 | `CLUBJRNL` | 0 | `CGRP` | 0 | `CLUBMARK` |
//! | 8 | format u16, shard u16 | 4 | format u16, shard u16 | 8 | sequence u64 |
//! | 16 | segment index u64 | 8 | epoch u64 | 16 | chain u64 |
//! | 24 | epoch u64 | 16 | group id u64 | 24 | CRC32C of 0..24 |
//! | 32 | first sequence u64 | 24 | first sequence u64 | | |
//! | 40 | first group id u64 | 32 | count u32, length u32 | | |
//! | 48 | chain before u64 | 40 | chain u64 | | |
//! | 56 | length of the segment before u64 | 48 | zero | | |
//! | 64 | SHA-256 of the segment before | 56 | CRC32C of the payload | | |
//! | 96 | identity of the data folder | 60 | CRC32C of 0..60 | | |
//! | 508 | CRC32C of 0..508 | | | | |
//!
//! | archived segment, 512 bytes | | begin, 36 bytes | |
//! |---|---|---|---|
//! | 0 | 184D2A5C, 504 as u32: a skippable frame | 0 | `CLUBBEGN` |
//! | 8 | `CLUBARCH` | 8 | index of the first segment u64 |
//! | 16 | format u16, shard u16 | 16 | its first sequence u64 |
//! | 24 | next sequence u64 | 24 | its chain before u64 |
//! | 32 | chain after u64 | 32 | CRC32C of 0..32 |
//! | 40 | length of the plain segment u64 | | |
//! | 48 | length of this file u64 | | |
//! | 56 | SHA-256 of the plain segment | | |
//! | 88 | 16..112 of the segment's header | | |
//! | 508 | CRC32C of 0..508 | | |
//!
//! The chain of a group is XXH3 of bytes 0..40 of its header, seeded with XXH3 of its payload, seeded
//! with the chain before it: a group can follow only the one it was written after.

use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Version of the format of all files here.
pub(super) const FORMAT: u16 = 1;
/// A group begins at a multiple of this, in bytes.
pub(super) const SECTOR: u64 = 512;
/// Bytes of a group's header.
pub(super) const GROUP_HEAD: usize = 64;
/// Bytes of a segment's header.
pub(super) const SEGMENT_HEAD: usize = 512;

const SHARD: u16 = 0;

/// The header of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GroupHead {
    pub(super) epoch: u64,
    pub(super) group: u64,
    pub(super) first_sequence: u64,
    pub(super) count: u32,
    pub(super) length: u32,
    pub(super) chain: u64,
    pub(super) payload_crc: u32,
}

impl GroupHead {
    /// Seals `payload` behind the chain value `before`.
    pub(super) fn seal(
        before: u64,
        epoch: u64,
        group: u64,
        first_sequence: u64,
        count: u32,
        payload: &[u8],
    ) -> GroupHead {
        let mut head = GroupHead {
            epoch,
            group,
            first_sequence,
            count,
            length: u32::try_from(payload.len()).expect("a group fits in a segment"),
            chain: 0,
            payload_crc: crc32c::crc32c(payload),
        };
        head.chain = head.chain_after(before, payload);
        head
    }

    pub(super) fn put(&self) -> [u8; GROUP_HEAD] {
        let mut bytes = [0; GROUP_HEAD];
        bytes[0..4].copy_from_slice(b"CGRP");
        put16(&mut bytes, 4, FORMAT);
        put16(&mut bytes, 6, SHARD);
        put64(&mut bytes, 8, self.epoch);
        put64(&mut bytes, 16, self.group);
        put64(&mut bytes, 24, self.first_sequence);
        put32(&mut bytes, 32, self.count);
        put32(&mut bytes, 36, self.length);
        put64(&mut bytes, 40, self.chain);
        put32(&mut bytes, 56, self.payload_crc);
        put_crc(&mut bytes);
        bytes
    }

    /// `None` when the bytes are not a whole header.
    pub(super) fn take(bytes: &[u8]) -> Option<GroupHead> {
        let bytes = bytes.get(..GROUP_HEAD)?;
        let known = bytes.starts_with(b"CGRP")
            && take16(bytes, 4) == FORMAT
            && take16(bytes, 6) == SHARD
            && has_crc(bytes);
        known.then(|| GroupHead {
            epoch: take64(bytes, 8),
            group: take64(bytes, 16),
            first_sequence: take64(bytes, 24),
            count: take32(bytes, 32),
            length: take32(bytes, 36),
            chain: take64(bytes, 40),
            payload_crc: take32(bytes, 56),
        })
    }

    pub(super) fn chain_after(&self, before: u64, payload: &[u8]) -> u64 {
        let bytes = self.put();
        xxh3_64_with_seed(&bytes[..40], xxh3_64_with_seed(payload, before))
    }

    pub(super) fn last_sequence(&self) -> u64 {
        self.first_sequence + u64::from(self.count) - 1
    }

    /// Bytes of header and payload, without the padding.
    pub(super) fn bytes(&self) -> usize {
        GROUP_HEAD + self.length as usize
    }
}

/// The header of a segment file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SegmentHead {
    pub(super) index: u64,
    pub(super) epoch: u64,
    pub(super) first_sequence: u64,
    pub(super) first_group: u64,
    pub(super) chain_before: u64,
    pub(super) previous_bytes: u64,
    pub(super) previous_sha256: [u8; 32],
    pub(super) identity: [u8; 16],
}

impl SegmentHead {
    pub(super) fn put(&self) -> [u8; SEGMENT_HEAD] {
        let mut bytes = [0; SEGMENT_HEAD];
        bytes[0..8].copy_from_slice(b"CLUBJRNL");
        put16(&mut bytes, 8, FORMAT);
        put16(&mut bytes, 10, SHARD);
        put64(&mut bytes, 16, self.index);
        put64(&mut bytes, 24, self.epoch);
        put64(&mut bytes, 32, self.first_sequence);
        put64(&mut bytes, 40, self.first_group);
        put64(&mut bytes, 48, self.chain_before);
        put64(&mut bytes, 56, self.previous_bytes);
        bytes[64..96].copy_from_slice(&self.previous_sha256);
        bytes[96..112].copy_from_slice(&self.identity);
        put_crc(&mut bytes);
        bytes
    }

    /// `None` when the bytes are not a whole header.
    pub(super) fn take(bytes: &[u8]) -> Option<SegmentHead> {
        let bytes = bytes.get(..SEGMENT_HEAD)?;
        let known = bytes.starts_with(b"CLUBJRNL")
            && take16(bytes, 8) == FORMAT
            && take16(bytes, 10) == SHARD
            && has_crc(bytes);
        known.then(|| SegmentHead::fields(bytes))
    }

    fn fields(bytes: &[u8]) -> SegmentHead {
        SegmentHead {
            index: take64(bytes, 16),
            epoch: take64(bytes, 24),
            first_sequence: take64(bytes, 32),
            first_group: take64(bytes, 40),
            chain_before: take64(bytes, 48),
            previous_bytes: take64(bytes, 56),
            previous_sha256: array(bytes, 64..96),
            identity: array(bytes, 96..112),
        }
    }
}

/// What one slot of the mark file says: up to here entries were durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) sequence: u64,
    pub(super) chain: u64,
}

impl Mark {
    pub(super) fn put(&self) -> [u8; 28] {
        let mut bytes = [0; 28];
        bytes[0..8].copy_from_slice(b"CLUBMARK");
        put64(&mut bytes, 8, self.sequence);
        put64(&mut bytes, 16, self.chain);
        put_crc(&mut bytes);
        bytes
    }

    /// `None` when the bytes are not a whole slot.
    pub(super) fn take(bytes: &[u8]) -> Option<Mark> {
        let bytes = bytes.get(..28)?;
        (bytes.starts_with(b"CLUBMARK") && has_crc(bytes)).then(|| Mark {
            sequence: take64(bytes, 8),
            chain: take64(bytes, 16),
        })
    }
}

/// The first 512 bytes of an archived segment: a frame that Zstandard passes over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ArchiveHead {
    /// Of the plain segment.
    pub(super) segment: SegmentHead,
    pub(super) next_sequence: u64,
    pub(super) chain_after: u64,
    pub(super) bytes: u64,
    pub(super) packed_bytes: u64,
    pub(super) sha256: [u8; 32],
}

const SKIPPABLE: u32 = 0x184D_2A5C;

impl ArchiveHead {
    pub(super) fn put(&self) -> [u8; SEGMENT_HEAD] {
        let mut bytes = [0; SEGMENT_HEAD];
        put32(&mut bytes, 0, SKIPPABLE);
        put32(&mut bytes, 4, 504);
        bytes[8..16].copy_from_slice(b"CLUBARCH");
        put16(&mut bytes, 16, FORMAT);
        put16(&mut bytes, 18, SHARD);
        put64(&mut bytes, 24, self.next_sequence);
        put64(&mut bytes, 32, self.chain_after);
        put64(&mut bytes, 40, self.bytes);
        put64(&mut bytes, 48, self.packed_bytes);
        bytes[56..88].copy_from_slice(&self.sha256);
        bytes[88..184].copy_from_slice(&self.segment.put()[16..112]);
        put_crc(&mut bytes);
        bytes
    }

    /// `None` when the bytes are not a whole header.
    pub(super) fn take(bytes: &[u8]) -> Option<ArchiveHead> {
        let bytes = bytes.get(..SEGMENT_HEAD)?;
        let known = take32(bytes, 0) == SKIPPABLE
            && &bytes[8..16] == b"CLUBARCH"
            && take16(bytes, 16) == FORMAT
            && take16(bytes, 18) == SHARD
            && has_crc(bytes);
        known.then(|| ArchiveHead {
            segment: SegmentHead::fields(&bytes[72..]),
            next_sequence: take64(bytes, 24),
            chain_after: take64(bytes, 32),
            bytes: take64(bytes, 40),
            packed_bytes: take64(bytes, 48),
            sha256: array(bytes, 56..88),
        })
    }
}

/// Where the journal begins since older segments are in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Begin {
    /// The segment that must be there; older ones may be.
    pub(super) index: u64,
    pub(super) first_sequence: u64,
    pub(super) chain_before: u64,
}

impl Begin {
    pub(super) fn put(&self) -> [u8; 36] {
        let mut bytes = [0; 36];
        bytes[0..8].copy_from_slice(b"CLUBBEGN");
        put64(&mut bytes, 8, self.index);
        put64(&mut bytes, 16, self.first_sequence);
        put64(&mut bytes, 24, self.chain_before);
        put_crc(&mut bytes);
        bytes
    }

    /// `None` when the bytes are not whole.
    pub(super) fn take(bytes: &[u8]) -> Option<Begin> {
        let bytes = bytes.get(..36)?;
        (bytes.starts_with(b"CLUBBEGN") && has_crc(bytes)).then(|| Begin {
            index: take64(bytes, 8),
            first_sequence: take64(bytes, 16),
            chain_before: take64(bytes, 24),
        })
    }
}

/// `bytes` rounded up to whole sectors.
pub(super) fn padded(bytes: u64) -> u64 {
    bytes.next_multiple_of(SECTOR)
}

fn put_crc(bytes: &mut [u8]) {
    let at = bytes.len() - 4;
    let crc = crc32c::crc32c(&bytes[..at]);
    put32(bytes, at, crc);
}

fn has_crc(bytes: &[u8]) -> bool {
    let at = bytes.len() - 4;
    take32(bytes, at) == crc32c::crc32c(&bytes[..at])
}

fn put16(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

fn put32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

pub(super) fn put64(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

fn take16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array(bytes, at..at + 2))
}

fn take32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at..at + 4))
}

pub(super) fn take64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at..at + 8))
}

fn array<const N: usize>(bytes: &[u8], range: Range<usize>) -> [u8; N] {
    bytes[range].try_into().expect("the range has N bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_with_any_bit_flipped_is_no_header() {
        let group = GroupHead::seal(7, 3, 11, 100, 4, b"four entries").put();
        let segment = SegmentHead {
            index: 2,
            epoch: 3,
            first_sequence: 100,
            first_group: 11,
            chain_before: 7,
            previous_bytes: 4096,
            previous_sha256: [9; 32],
            identity: [1; 16],
        };
        assert!(GroupHead::take(&group).is_some());
        assert_eq!(SegmentHead::take(&segment.put()), Some(segment.clone()));
        for bit in 0..GROUP_HEAD * 8 {
            let mut broken = group;
            broken[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(GroupHead::take(&broken), None, "bit {bit}");
        }
        for bit in 0..SEGMENT_HEAD * 8 {
            let mut broken = segment.put();
            broken[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHead::take(&broken), None, "bit {bit}");
        }
        let archived = ArchiveHead {
            segment,
            next_sequence: 120,
            chain_after: 8,
            bytes: 65_536,
            packed_bytes: 3_000,
            sha256: [5; 32],
        };
        assert_eq!(ArchiveHead::take(&archived.put()), Some(archived.clone()));
        for bit in 0..SEGMENT_HEAD * 8 {
            let mut broken = archived.put();
            broken[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(ArchiveHead::take(&broken), None, "bit {bit}");
        }
        let begin = Begin {
            index: 4,
            first_sequence: 120,
            chain_before: 8,
        };
        assert_eq!(Begin::take(&begin.put()), Some(begin));
        for bit in 0..36 * 8 {
            let mut broken = begin.put();
            broken[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Begin::take(&broken), None, "bit {bit}");
        }
    }

    #[test]
    fn the_chain_knows_what_came_before() {
        let one = GroupHead::seal(7, 3, 11, 100, 4, b"four entries");
        let other = GroupHead::seal(8, 3, 11, 100, 4, b"four entries");
        assert_ne!(one.chain, other.chain);
        assert_eq!(one.chain_after(7, b"four entries"), one.chain);
    }
}
