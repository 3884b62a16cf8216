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

/// A journal with a store that has followed all of it; both closed.
fn followed(dir: &Path, entries: u64) {
    let mut journal = open_journal(dir);
    append(&mut journal, entries);
    let (store, _) = Store::open(dir, journal.folder().identity()).unwrap();
    let follower = Follower::start(store, journal.reader(), split).unwrap();
    wait_for("the follower", || follower.lag() == 0);
}

/// Opens both again: whatever was done to the store, look-ups give the right bytes or Unknown, and at last
/// all are found.
fn heals(dir: &Path, what: &str) {
    let journal = open_journal(dir);
    let last = journal.last_sequence();
    let (store, _) = Store::open(dir, journal.folder().identity()).unwrap();
    let follower = Follower::start(store, journal.reader(), split).unwrap();
    wait_for(what, || look_up(follower.store(), last) == last);
    assert_eq!(follower.store().position().sequence, last);
}

#[test]
fn a_store_that_is_gone_truncated_or_flipped_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    followed(dir.path(), 3000);
    let db = dir.path().join("store").join("db");
    fs::remove_dir_all(dir.path().join("store")).unwrap();
    heals(dir.path(), "a store that is gone");
    fs::remove_file(&db).unwrap();
    heals(dir.path(), "a store whose file is gone");
    fs::write(&db, []).unwrap();
    heals(dir.path(), "a store whose file is empty");
    for kept in [1, 511, 4096, 300_000, 700_000] {
        let file = OpenOptions::new().write(true).open(&db).unwrap();
        file.set_len(kept).unwrap();
        heals(dir.path(), &format!("a store of {kept} bytes"));
    }
    for at in (0..24).map(|n| n * 52_361 + 17) {
        let file = OpenOptions::new().read(true).write(true).open(&db).unwrap();
        let mut bytes = [0; 4];
        if file.read_exact_at(&mut bytes, at).is_err() {
            continue;
        }
        file.write_all_at(&bytes.map(|byte| byte ^ 0x21), at)
            .unwrap();
        heals(dir.path(), &format!("a store with other bytes at {at}"));
    }
}

#[test]
fn a_store_of_another_folder_is_put_aside() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    followed(one.path(), 500);
    followed(other.path(), 700);
    let store = one.path().join("store");
    fs::remove_dir_all(&store).unwrap();
    fs::rename(other.path().join("store"), &store).unwrap();
    let journal = open_journal(one.path());
    let (store, opened) = Store::open(one.path(), journal.folder().identity()).unwrap();
    assert_eq!(opened.position, Position::default());
    assert!(
        opened
            .put_aside
            .unwrap()
            .contains("does not belong to this journal")
    );
    assert_eq!(store.entry(1), Lookup::Unknown);
    drop((store, journal));
    heals(one.path(), "a store of another folder");
}

#[test]
fn a_store_that_knows_another_past_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    followed(dir.path(), 500);
    let journal = open_journal(dir.path());
    let (store, _) = Store::open(dir.path(), journal.folder().identity()).unwrap();
    let end = Position {
        sequence: 501,
        chain: 7,
    };
    store.follow(501, &[b"never happened"], end).unwrap();
    drop(journal);
    let mut journal = open_journal(dir.path());
    append(&mut journal, 100);
    let follower = Follower::start(store, journal.reader(), split).unwrap();
    wait_for("the follower", || look_up(follower.store(), 600) == 600);
    let notes = follower.take_notes();
    assert!(
        notes[0].contains("does not belong to this journal"),
        "{notes:?}"
    );
}

#[test]
fn a_store_in_use_is_not_taken_for_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let (_store, _) = Store::open(dir.path(), [1; 16]).unwrap();
    let error = Store::open(dir.path(), [1; 16]).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    assert!(!dir.path().join("store.damaged").exists());
}

#[test]
fn what_is_behind_is_unknown_and_what_is_past_the_end_is_absent() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open_journal(dir.path());
    append(&mut journal, 300);
    let (store, _) = Store::open(dir.path(), journal.folder().identity()).unwrap();
    // Nobody has told it where the journal ends.
    assert_eq!(store.entry(301), Lookup::Unknown);
    assert_eq!(store.entry(0), Lookup::Absent);
    let mut told = Vec::new();
    store
        .rebuild(&journal.reader(), split, |done, all| told.push((done, all)))
        .unwrap();
    assert_eq!(told.last(), Some(&(300, 300)));
    assert_eq!(look_up(&store, 300), 300);
    assert_eq!(store.entry(301), Lookup::Absent);
    append(&mut journal, 1);
    assert_eq!(store.entry(301), Lookup::Unknown);
}

#[test]
fn a_store_that_was_flushed_is_there_after_its_process_vanished() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open_journal(dir.path());
    append(&mut journal, 1000);
    let (store, _) = Store::open(dir.path(), journal.folder().identity()).unwrap();
    store.rebuild(&journal.reader(), split, |_, _| {}).unwrap();
    // What the disk holds now, without what closing the store would add.
    let copy = tempfile::tempdir().unwrap();
    fs::create_dir(copy.path().join("store")).unwrap();
    for name in ["db", "conf"] {
        let below = Path::new("store").join(name);
        fs::copy(dir.path().join(&below), copy.path().join(&below)).unwrap();
    }
    let (copied, opened) = Store::open(copy.path(), journal.folder().identity()).unwrap();
    assert_eq!(opened.put_aside, None);
    assert_eq!(opened.position, store.position());
    assert_eq!(look_up(&copied, 1000), 0);
    copied.agree(&journal.reader()).unwrap();
    assert_eq!(look_up(&copied, 1000), 1000);
}

#[test]
fn a_store_that_the_disk_failed_is_opened_again_and_not_put_aside() {
    let dir = tempfile::tempdir().unwrap();
    followed(dir.path(), 500);
    let journal = open_journal(dir.path());
    let (store, opened) = Store::open(dir.path(), journal.folder().identity()).unwrap();
    assert_eq!(opened.position.sequence, 500);
    let full = || Fault::Sled(sled::Error::Io(io::ErrorKind::StorageFull.into()));
    mend(&store, full);
    assert_eq!(store.position(), opened.position);
    store.agree(&journal.reader()).unwrap();
    assert_eq!(look_up(&store, 500), 500);

    // It cannot be opened either, for a while.
    let (place, away) = (dir.path().join("store"), dir.path().join("away"));
    store.close();
    fs::rename(&place, &away).unwrap();
    fs::write(&place, []).unwrap();
    assert!(store.mend(&full()).is_err());
    assert_eq!(store.entry(1), Lookup::Unknown);
    fs::remove_file(&place).unwrap();
    fs::rename(&away, &place).unwrap();
    mend(&store, || Fault::Closed);
    assert_eq!(store.position(), opened.position);
    assert!(!dir.path().join("store.damaged").exists());

    mend(&store, || Fault::Page);
    assert_eq!(store.position(), Position::default());
    assert!(dir.path().join("store.damaged").exists());
}

const PATIENCE: Duration = Duration::from_secs(10);

/// As the follower does: a process that a neighbouring test has just begun may still hold what was open here.
fn mend(store: &Store, fault: impl Fn() -> Fault) {
    let until = Instant::now() + PATIENCE;
    while let Err(error) = store.mend(&fault()) {
        assert!(Instant::now() < until, "{error}");
        thread::sleep(Duration::from_millis(10));
    }
}
