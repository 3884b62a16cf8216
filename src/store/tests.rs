//! What the store promises, each sentence a test.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::journal::{Journal, Options};

/// Entry `sequence` of a test journal; every thousandth is longer than a page.
fn entry(sequence: u64) -> Vec<u8> {
    let length = if sequence.is_multiple_of(1000) {
        9000
    } else {
        300
    };
    format!("{sequence:08} ").repeat(length / 9).into_bytes()
}

/// Payloads here: each entry behind its length.
fn split(mut payload: &[u8], _count: u32) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = payload.split_first_chunk::<4>() {
        let (entry, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        entries.push(entry);
        payload = rest;
    }
    payload.is_empty().then_some(entries)
}

fn open_journal(dir: &Path) -> Journal {
    Journal::open(
        dir,
        Options {
            segment_bytes: 1 << 20,
            ..Options::default()
        },
    )
    .unwrap()
    .0
}

fn append(journal: &mut Journal, entries: u64) {
    let end = journal.last_sequence() + entries;
    while journal.last_sequence() < end {
        let first = journal.last_sequence() + 1;
        let last = end.min(first + 99);
        let mut payload = Vec::new();
        for sequence in first..=last {
            let entry = entry(sequence);
            payload.extend_from_slice(&u32::try_from(entry.len()).unwrap().to_le_bytes());
            payload.extend_from_slice(&entry);
        }
        let count = u32::try_from(last - first + 1).unwrap();
        journal.append(first, count, &payload).unwrap();
    }
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < end, "waited too long for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Every look-up of a store gives the right entry, or none; gives how many were found.
fn look_up(store: &Store, last: u64) -> u64 {
    (1..=last)
        .filter(|sequence| match store.entry(*sequence) {
            Lookup::Found(bytes) => {
                assert_eq!(bytes, entry(*sequence), "entry {sequence}");
                true
            }
            Lookup::Absent => panic!("entry {sequence} is said to be absent"),
            Lookup::Unknown => false,
        })
        .count() as u64
}

#[test]
fn the_store_follows_the_journal_and_goes_on_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open_journal(dir.path());
    for round in 1..=3 {
        let (store, opened) = Store::open(dir.path(), journal.folder().identity()).unwrap();
        assert_eq!(opened.put_aside, None);
        assert_eq!(opened.position.sequence, 2500 * (round - 1));
        let follower = Follower::start(store, journal.reader(), split).unwrap();
        append(&mut journal, 2500);
        wait_for("the follower", || follower.lag() == 0);
        assert_eq!(look_up(follower.store(), 2500 * round), 2500 * round);
        assert_eq!(follower.store().entry(2500 * round + 1), Lookup::Absent);
        assert_eq!(follower.take_notes(), Vec::<String>::new());
    }
}
