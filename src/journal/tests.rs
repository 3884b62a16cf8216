//! What the journal promises, each sentence a test.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

const ENOSPC: i32 = 28;
const EIO: i32 = 5;

fn small() -> Options {
    Options {
        segment_bytes: 64 << 10,
        ..Options::default()
    }
}

fn payload(first: u64, count: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for sequence in first..first + u64::from(count) {
        bytes.extend_from_slice(format!("entry {sequence};").repeat(20).as_bytes());
    }
    bytes
}

/// Appends groups of 1, 2, … entries in turn.
fn append(journal: &mut Journal, groups: u32) {
    for group in 0..groups {
        let (first, count) = (journal.last_sequence() + 1, group % 7 + 1);
        journal
            .append(first, count, &payload(first, count))
            .unwrap();
    }
}

/// A closed journal with some groups; gives its last sequence.
fn written(dir: &Path, groups: u32) -> u64 {
    let (mut journal, _) = Journal::open(dir, small()).unwrap();
    append(&mut journal, groups);
    journal.last_sequence()
}

/// Reads all of it and checks every byte; gives the last sequence.
fn read_all(reader: &Reader) -> u64 {
    let mut next = 1;
    for group in reader.read_from(1).unwrap() {
        let group = group.unwrap();
        assert_eq!(group.first_sequence, next);
        assert_eq!(group.payload, payload(next, group.count));
        next += u64::from(group.count);
    }
    next - 1
}

fn segment(dir: &Path, index: u64) -> PathBuf {
    dir.join("journal").join(read::segment_name(index))
}

fn flip(path: &Path, at: u64) {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
}

#[test]
fn what_is_appended_is_read_again_across_segments_and_starts() {
    let dir = tempfile::tempdir().unwrap();
    for start in 1..=3 {
        let (mut journal, opened) = Journal::open(dir.path(), small()).unwrap();
        assert_eq!(opened.epoch, start);
        append(&mut journal, 200);
        assert_eq!(read_all(&journal.reader()), journal.last_sequence());
        let found = journal.reader().find(150).unwrap().unwrap();
        assert!(found.first_sequence <= 150 && found.last_sequence() >= 150);
    }
    assert!(segment(dir.path(), 6).exists());
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(read_all(&reader), reader.last_sequence());
    assert!(reader.check_seals(|_, _| {}).unwrap() > 5);
}
