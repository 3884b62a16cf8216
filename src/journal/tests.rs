//! What the journal promises, each sentence a test.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

mod archive;
mod backup;

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
    let dir = memory_dir();
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

#[test]
fn a_torn_last_group_is_cut_at_whatever_byte_it_was_torn() {
    let dir = memory_dir();
    let before = written(dir.path(), 12);
    let start = end_of_groups(dir.path());
    // A second run's group, as the crash of the first would have left it.
    let whole = group_after(dir.path(), before, 3);
    for torn in 0..whole.len() {
        let case = memory_dir();
        copy_folder(dir.path(), case.path());
        let file = OpenOptions::new()
            .write(true)
            .open(segment(case.path(), 1))
            .unwrap();
        file.set_len(start + 8192).unwrap();
        file.write_all_at(&whole[..torn], start).unwrap();
        let (journal, opened) = Journal::open(case.path(), small()).unwrap();
        // Padding holds nothing: a group without some of it is whole.
        let padding = whole.len() - whole.iter().rev().take_while(|byte| **byte == 0).count();
        let last = if torn < padding { before } else { before + 3 };
        assert_eq!(
            opened.last_sequence,
            last,
            "torn at {torn} of {}",
            whole.len()
        );
        let cut = opened
            .notes
            .iter()
            .any(|note| matches!(note, Note::TailCut { .. }));
        assert_eq!(cut, torn > 0 && torn < padding);
        assert_eq!(journal.reader().last_sequence(), last);
        assert_eq!(read_all(&journal.reader()), last);
    }
}

#[test]
fn a_torn_group_that_lost_any_page_is_cut() {
    let dir = memory_dir();
    let before = written(dir.path(), 12);
    let start = end_of_groups(dir.path());
    let whole = group_after(dir.path(), before, 30);
    for lost in 0..whole.len() / 512 {
        let case = memory_dir();
        copy_folder(dir.path(), case.path());
        let file = OpenOptions::new()
            .write(true)
            .open(segment(case.path(), 1))
            .unwrap();
        file.set_len(start + 65536).unwrap();
        file.write_all_at(&whole, start).unwrap();
        file.write_all_at(&[0; 512], start + lost as u64 * 512)
            .unwrap();
        let (_, opened) = Journal::open(case.path(), small()).unwrap();
        assert_eq!(opened.last_sequence, before, "sector {lost} lost");
    }
}

#[test]
fn a_flipped_bit_in_a_durable_group_is_refused_with_its_place() {
    let dir = memory_dir();
    let last = written(dir.path(), 12);
    let length = end_of_groups(dir.path());
    let mut refused = 0;
    for at in (0..length).step_by(97) {
        let case = memory_dir();
        copy_folder(dir.path(), case.path());
        flip(&segment(case.path(), 1), at);
        match Journal::open(case.path(), small()) {
            Err(OpenError::Damaged {
                path,
                at: found,
                sequence,
                ..
            }) => {
                assert_eq!(path, segment(case.path(), 1));
                assert!(
                    found <= at && sequence <= last,
                    "byte {at}: {found} {sequence}"
                );
                refused += 1;
            }
            // In the last group it looks like a torn tail; the mark file knows better.
            Err(OpenError::Shorter {
                last: found, known, ..
            }) => {
                assert!(found < last && known == last, "byte {at}");
                refused += 1;
            }
            Err(other) => panic!("byte {at}: {other}"),
            Ok((journal, opened)) => {
                assert_eq!(opened.last_sequence, last, "byte {at}");
                assert_eq!(read_all(&journal.reader()), last, "byte {at}");
            }
        }
    }
    assert!(refused > 50);
}

#[test]
fn damage_in_a_sealed_segment_is_named_by_its_reader_and_its_seal() {
    let dir = memory_dir();
    let (mut journal, _) = Journal::open(dir.path(), small()).unwrap();
    append(&mut journal, 300);
    flip(&segment(dir.path(), 2), 20_000);
    let reader = journal.reader();
    let error = reader.read_from(1).unwrap().find_map(Result::err).unwrap();
    assert!(matches!(error, ReadError::Damaged { path, .. } if path == segment(dir.path(), 2)));
    let error = reader.check_seals(|_, _| {}).unwrap_err();
    assert!(matches!(error, ReadError::Seal { path } if path == segment(dir.path(), 2)));
}

#[test]
fn damage_is_given_up_only_by_naming_the_last_whole_entry() {
    let dir = memory_dir();
    let accept = |sequence| Options {
        accept_loss_after: Some(sequence),
        ..small()
    };
    let (mut journal, _) = Journal::open(dir.path(), small()).unwrap();
    append(&mut journal, 300);
    drop(journal);
    snapshot::write(dir.path(), &head(5), |_| Ok(())).unwrap();
    snapshot::write(dir.path(), &head(1100), |_| Ok(())).unwrap();
    flip(&segment(dir.path(), 2), 20_000);

    let Err(OpenError::Damaged { last, path, .. }) = Journal::open(dir.path(), accept(7)) else {
        panic!("another entry than the last whole one was accepted");
    };
    assert_eq!(path, segment(dir.path(), 2));
    let (mut journal, opened) = Journal::open(dir.path(), accept(last)).unwrap();
    assert_eq!(opened.last_sequence, last);
    assert!(
        matches!(&opened.notes[..], [Note::LossAccepted { after, kept_in }]
        if *after == last && kept_in.join(read::segment_name(3)).exists())
    );
    // What knew the lost entries is set aside too.
    assert_eq!(snapshot::newest_valid(dir.path()).unwrap().head.sequence, 5);
    append(&mut journal, 300);
    let end = journal.last_sequence();
    drop(journal);
    // The word left in the command does no harm.
    let (journal, opened) = Journal::open(dir.path(), accept(last)).unwrap();
    assert_eq!(opened.notes, [Note::NothingLost]);
    assert_eq!(read_from_ends(&journal.reader()), end);
}

#[test]
fn a_missing_segment_is_refused() {
    for lost in 1..=3 {
        let dir = memory_dir();
        let (mut journal, _) = Journal::open(dir.path(), small()).unwrap();
        append(&mut journal, 300);
        drop(journal);
        let path = segment(dir.path(), lost);
        fs::remove_file(&path).unwrap();
        let error = Journal::open(dir.path(), small()).unwrap_err();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(error.to_string().contains(name), "{error}");
        // Nothing tells that the first is in an archive.
        let refused = match &error {
            OpenError::Begins { .. } => lost == 1,
            OpenError::Damaged { path: named, .. } => *named == path,
            _ => false,
        };
        assert!(refused, "{error}");
    }
}

#[test]
fn a_journal_shorter_than_its_mark_is_refused() {
    let dir = memory_dir();
    let last = written(dir.path(), 20);
    let length = end_of_groups(dir.path());
    let file = OpenOptions::new()
        .write(true)
        .open(segment(dir.path(), 1))
        .unwrap();
    file.set_len(length - 1024).unwrap();
    let error = Journal::open(dir.path(), small()).unwrap_err();
    let OpenError::Shorter {
        last: found, known, ..
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!(known, last);
    let given_up = Options {
        accept_loss_after: Some(found),
        ..small()
    };
    let (_, opened) = Journal::open(dir.path(), given_up).unwrap();
    assert_eq!(opened.last_sequence, found);
    assert_eq!(
        Journal::open(dir.path(), small()).unwrap().1.last_sequence,
        found
    );
}

#[test]
fn a_journal_that_lost_its_segments_is_refused() {
    let dir = memory_dir();
    written(dir.path(), 20);
    fs::remove_file(segment(dir.path(), 1)).unwrap();
    let _ = fs::remove_file(segment(dir.path(), 2));
    let error = Journal::open(dir.path(), small()).unwrap_err();
    assert!(
        matches!(error, OpenError::Shorter { last: 0, .. }),
        "{error}"
    );
}

#[test]
fn a_journal_with_another_end_than_its_mark_knows_is_refused() {
    let (one, other) = (memory_dir(), memory_dir());
    let last = written(one.path(), 20);
    let (mut journal, _) = Journal::open(other.path(), small()).unwrap();
    journal
        .append(1, u32::try_from(last).unwrap(), b"another past")
        .unwrap();
    drop(journal);
    let mark = |dir: &Path| dir.join("journal").join("mark");
    fs::copy(mark(other.path()), mark(one.path())).unwrap();
    let error = Journal::open(one.path(), small()).unwrap_err();
    assert!(matches!(error, OpenError::OtherJournal { .. }), "{error}");
}

#[test]
fn a_journal_shorter_than_a_snapshot_or_the_store_is_refused() {
    let dir = memory_dir();
    let last = written(dir.path(), 20);
    let knowing = |minimum_sequence| Options {
        minimum_sequence,
        ..small()
    };
    assert!(Journal::open(dir.path(), knowing(last)).is_ok());
    let error = Journal::open(dir.path(), knowing(last + 1)).unwrap_err();
    assert!(matches!(error, OpenError::Shorter { known, .. } if known == last + 1));
}

#[test]
fn a_lost_mark_is_told_and_made_again() {
    let dir = memory_dir();
    written(dir.path(), 20);
    fs::write(dir.path().join("journal/mark"), [7; 1024]).unwrap();
    let notes = Journal::open(dir.path(), small()).unwrap().1.notes;
    assert_eq!(notes, [Note::MarkMissing]);
    assert_eq!(Journal::open(dir.path(), small()).unwrap().1.notes, []);
}

#[test]
fn a_folder_that_is_not_ours_is_refused_and_left_alone() {
    let dir = memory_dir();
    fs::write(dir.path().join("thesis.txt"), "mine").unwrap();
    let error = Journal::open(dir.path(), small()).unwrap_err();
    assert!(
        matches!(&error, OpenError::NotOurs { found, .. } if found == "thesis.txt"),
        "{error}"
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    fs::remove_file(dir.path().join("thesis.txt")).unwrap();
    fs::write(
        dir.path().join("FORMAT"),
        "clubswitch data folder, format 9\n",
    )
    .unwrap();
    let error = Journal::open(dir.path(), small()).unwrap_err();
    assert!(matches!(error, OpenError::OtherFormat { .. }), "{error}");
    let error = Reader::open(&dir.path().join("nowhere")).unwrap_err();
    assert!(matches!(error, OpenError::NoFolder { .. }), "{error}");
}

#[test]
fn a_folder_in_use_is_refused_with_the_number_of_the_process() {
    let dir = memory_dir();
    let (_journal, _) = Journal::open(dir.path(), small()).unwrap();
    let error = Journal::open(dir.path(), small()).unwrap_err().to_string();
    let wanted = format!("is in use by process {};", std::process::id());
    assert!(error.contains(&wanted), "{error}");
}

#[test]
fn after_a_failed_sync_nothing_is_appended_and_the_next_open_syncs_the_last_group_again() {
    let dir = memory_dir();
    let failing = Arc::new(AtomicU64::new(0));
    let disk = Disk::with_faults({
        let failing = failing.clone();
        move |act| match act {
            Act::Sync { path } if path.ends_with("000000000001.segment") => {
                match failing.load(Ordering::Relaxed) {
                    0 => Verdict::Go,
                    _ => Verdict::Fail(EIO),
                }
            }
            _ => Verdict::Go,
        }
    });
    let (mut journal, _) = Journal::open(dir.path(), Options { disk, ..small() }).unwrap();
    append(&mut journal, 5);
    let before = journal.last_sequence();
    failing.store(1, Ordering::Relaxed);
    let group = payload(before + 1, 2);
    let failed = journal.append(before + 1, 2, &group).unwrap_err();
    assert!(matches!(failed, AppendError::Fatal { .. }), "{failed}");
    assert_eq!(journal.reader().last_sequence(), before);
    failing.store(0, Ordering::Relaxed);
    let failed = journal.append(before + 1, 2, &group).unwrap_err();
    assert!(matches!(failed, AppendError::Fatal { .. }), "{failed}");
    drop(journal);

    // What is done to the segment at the next open: the group written, then synced.
    let done = Arc::new(Mutex::new(Vec::new()));
    let disk = Disk::with_faults({
        let done = done.clone();
        move |act| {
            match act {
                Act::Write { path, .. } if path.ends_with("000000000001.segment") => {
                    done.lock().unwrap().push("write");
                }
                Act::Sync { path } if path.ends_with("000000000001.segment") => {
                    done.lock().unwrap().push("sync");
                }
                _ => {}
            }
            Verdict::Go
        }
    });
    let (journal, opened) = Journal::open(dir.path(), Options { disk, ..small() }).unwrap();
    assert_eq!(opened.last_sequence, before + 2);
    assert_eq!(*done.lock().unwrap(), ["write", "sync"]);
    assert_eq!(read_all(&journal.reader()), before + 2);
}

#[test]
fn a_commit_that_hangs_is_seen_by_another_thread() {
    let dir = memory_dir();
    let hanging = Arc::new(AtomicU64::new(0));
    let disk = Disk::with_faults({
        let hanging = hanging.clone();
        move |act| {
            if matches!(act, Act::Sync { path } if path.ends_with("000000000001.segment")) {
                while hanging.load(Ordering::Relaxed) == 1 {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            Verdict::Go
        }
    });
    let (mut journal, _) = Journal::open(dir.path(), Options { disk, ..small() }).unwrap();
    let pulse = journal.pulse();
    append(&mut journal, 3);
    assert_eq!(pulse.busy_for(), None);
    hanging.store(1, Ordering::Relaxed);
    let first = journal.last_sequence() + 1;
    let committer = std::thread::spawn(move || journal.append(first, 1, b"one").map(|_| ()));
    let limit = Duration::from_millis(50);
    wait_for(|| pulse.busy_for().is_some_and(|busy| busy > limit));
    hanging.store(0, Ordering::Relaxed);
    committer.join().unwrap().unwrap();
    assert_eq!(pulse.busy_for(), None);
}

#[test]
fn a_journal_whose_keeper_died_says_so_instead_of_waiting() {
    let dir = memory_dir();
    let disk = Disk::with_faults(|act| match act {
        Act::Reserve { path, .. } if path.ends_with("spare.making") => panic!("as wanted"),
        _ => Verdict::Go,
    });
    let (mut journal, _) = Journal::open(dir.path(), Options { disk, ..small() }).unwrap();
    let failed = loop {
        let first = journal.last_sequence() + 1;
        match journal.append(first, 2, &payload(first, 2)) {
            Ok(_) => {}
            Err(failed) => break failed,
        }
    };
    assert!(matches!(failed, AppendError::Fatal { .. }), "{failed}");
}

#[test]
fn a_torn_write_that_finds_no_room_is_tried_again_at_the_same_place() {
    let dir = memory_dir();
    let keep = Arc::new(AtomicU64::new(u64::MAX));
    let disk = Disk::with_faults({
        let keep = keep.clone();
        move |act| match (act, keep.load(Ordering::Relaxed)) {
            (_, u64::MAX) => Verdict::Go,
            (Act::Write { path, .. }, keep) if path.ends_with("000000000001.segment") => {
                Verdict::Torn {
                    keep: usize::try_from(keep).unwrap(),
                    errno: ENOSPC,
                }
            }
            _ => Verdict::Go,
        }
    });
    let (mut journal, _) = Journal::open(dir.path(), Options { disk, ..small() }).unwrap();
    append(&mut journal, 5);
    for torn in [0, 1, 64, 511, 512, 600] {
        let (first, group) = (
            journal.last_sequence() + 1,
            payload(journal.last_sequence() + 1, 4),
        );
        keep.store(torn, Ordering::Relaxed);
        let failed = journal.append(first, 4, &group).unwrap_err();
        assert!(matches!(failed, AppendError::Full { .. }), "{failed}");
        assert_eq!(read_all(&journal.reader()), first - 1);
        keep.store(u64::MAX, Ordering::Relaxed);
        journal.append(first, 4, &group).unwrap();
        assert_eq!(read_all(&journal.reader()), first + 3);
    }
    let last = journal.last_sequence();
    drop(journal);
    assert_eq!(
        Journal::open(dir.path(), small()).unwrap().1.last_sequence,
        last
    );
}

#[test]
fn a_full_disk_is_told_before_a_group_is_taken_and_service_goes_on_when_there_is_room() {
    let dir = memory_dir();
    let full = Arc::new(AtomicU64::new(0));
    let disk = Disk::with_faults({
        let full = full.clone();
        move |act| match act {
            Act::Reserve { .. } if full.load(Ordering::Relaxed) == 1 => Verdict::Fail(ENOSPC),
            _ => Verdict::Go,
        }
    });
    let (mut journal, _) = Journal::open(dir.path(), Options { disk, ..small() }).unwrap();
    let room = journal.room();
    wait_for(|| dir.path().join("journal/spare").exists());
    full.store(1, Ordering::Relaxed);
    // Two segments are reserved; a door that asks first never sees an append refused.
    let group = payload(1, 1).repeat(20);
    let mut taken = 0;
    while room.reserve(group.len()).is_ok() {
        journal
            .append(journal.last_sequence() + 1, 1, &group)
            .unwrap();
        taken += 1;
        // The keeper has tried to reserve the next one when the door asks again.
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(taken > 20, "{taken}");
    assert!(!room.has_room());
    let why = room.reserve(group.len()).unwrap_err().to_string();
    assert!(why.contains("No space left on device"), "{why}");
    // One that did not ask is refused when the last byte is used, and nothing has changed.
    let failed = loop {
        match journal.append(journal.last_sequence() + 1, 1, &group) {
            Ok(_) => {}
            Err(failed) => break failed,
        }
    };
    assert!(matches!(failed, AppendError::Full { .. }), "{failed}");
    full.store(0, Ordering::Relaxed);
    wait_for(|| room.has_room());
    let next = journal.last_sequence() + 1;
    journal.append(next, 1, &group).unwrap();
    assert_eq!(read_from_ends(&journal.reader()), next);
}

#[test]
fn a_segment_whose_name_could_not_be_made_durable_is_made_again() {
    let dir = memory_dir();
    let failed = Arc::new(AtomicU64::new(0));
    let disk = Disk::with_faults({
        let failed = failed.clone();
        move |act| match act {
            Act::Sync { path }
                if path.is_dir()
                    && std::thread::current().name() == Some("journal-keeper")
                    && failed.fetch_add(1, Ordering::Relaxed) == 0 =>
            {
                Verdict::Fail(EIO)
            }
            _ => Verdict::Go,
        }
    });
    let (mut journal, _) = Journal::open(dir.path(), Options { disk, ..small() }).unwrap();
    let room = journal.room();
    let whole = 64 << 10;
    wait_for(|| room.reserve(whole).is_err());
    wait_for(|| room.reserve(whole).is_ok());
    append(&mut journal, 100);
    assert!(failed.load(Ordering::Relaxed) > 1);
    assert_eq!(read_all(&journal.reader()), journal.last_sequence());
}

#[test]
fn a_start_without_room_says_so() {
    let dir = memory_dir();
    let disk = Disk::with_faults(|act| match act {
        Act::Reserve { .. } => Verdict::Fail(ENOSPC),
        _ => Verdict::Go,
    });
    let error = Journal::open(dir.path(), Options { disk, ..small() }).unwrap_err();
    assert!(matches!(error, OpenError::NoRoom { .. }), "{error}");
    assert!(Journal::open(dir.path(), small()).is_ok());
}

#[test]
fn a_group_that_does_not_fit_is_refused_and_changes_nothing() {
    let dir = memory_dir();
    let (mut journal, _) = Journal::open(dir.path(), small()).unwrap();
    let misfits: [(u64, u32, usize); 4] = [(2, 1, 10), (0, 1, 10), (1, 0, 10), (1, 1, 64 << 10)];
    for (first, count, bytes) in misfits {
        let refused = journal.append(first, count, &vec![0; bytes]).unwrap_err();
        assert!(matches!(refused, AppendError::Misfit { .. }), "{refused}");
    }
    journal
        .append(1, 1, &vec![0; (64 << 10) - 512 - 64])
        .unwrap();
    assert_eq!(read_from_ends(&journal.reader()), 1);
}

#[test]
fn a_reader_beside_the_writer_sees_whole_durable_groups_only() {
    let dir = memory_dir();
    let (mut journal, _) = Journal::open(dir.path(), small()).unwrap();
    let inside = journal.reader();
    let beside = Reader::open(dir.path()).unwrap();
    let follow = |reader: Reader| {
        std::thread::spawn(move || {
            let mut groups = reader.read_from(1).unwrap();
            let mut next = 1;
            while next <= 2000 {
                reader.wait_past(next - 1, Duration::from_secs(10));
                for group in groups.by_ref() {
                    let group = group.unwrap();
                    assert_eq!(group.first_sequence, next);
                    assert_eq!(group.payload, payload(next, group.count));
                    next += u64::from(group.count);
                }
            }
        })
    };
    let followers = [follow(inside), follow(beside)];
    append(&mut journal, 600);
    for follower in followers {
        follower.join().unwrap();
    }
}

#[test]
fn starts_alone_do_not_add_files() {
    let dir = memory_dir();
    let last = written(dir.path(), 20);
    for start in 2..6 {
        let (journal, opened) = Journal::open(dir.path(), small()).unwrap();
        assert_eq!((opened.epoch, opened.last_sequence), (start, last));
        assert_eq!(read_all(&journal.reader()), last);
    }
    assert!(segment(dir.path(), 2).exists() && !segment(dir.path(), 3).exists());
}

#[test]
fn of_two_snapshots_the_newest_whole_one_counts() {
    let dir = memory_dir();
    let path = |slot: u64| dir.path().join(format!("book.{slot}"));
    let newest = || {
        let mut snapshot = snapshot::newest_valid(dir.path())?;
        let mut payload = Vec::new();
        io::Read::read_to_end(&mut snapshot, &mut payload).unwrap();
        assert_eq!(
            payload,
            format!("book at {}", snapshot.head.sequence)
                .repeat(1000)
                .as_bytes()
        );
        assert_eq!(snapshot.bytes, payload.len() as u64);
        assert_eq!(snapshot.head, head(snapshot.head.sequence));
        Some(snapshot.head.sequence)
    };
    assert_eq!(newest(), None);
    for sequence in [10, 20, 30] {
        snapshot::write(dir.path(), &head(sequence), |file| {
            file.write_all(format!("book at {sequence}").repeat(1000).as_bytes())
        })
        .unwrap();
        assert_eq!(newest(), Some(sequence));
    }
    // A snapshot whose writing fails leaves the other one.
    let failed = snapshot::write(dir.path(), &head(40), |file| {
        file.write_all(b"half of it")?;
        Err(io::Error::other("stopped"))
    });
    assert!(failed.is_err());
    assert_eq!(newest(), Some(30));
    snapshot::write(dir.path(), &head(40), |file| {
        file.write_all("book at 40".repeat(1000).as_bytes())
    })
    .unwrap();
    let newer = (0..2)
        .find(|slot| fs::read(path(*slot)).unwrap().ends_with(b"book at 40"))
        .unwrap();
    let whole = fs::read(path(newer)).unwrap();
    for at in (0..128).chain([4090, 5000]).chain([whole.len() as u64 - 1]) {
        flip(&path(newer), at);
        assert_eq!(newest(), Some(30), "byte {at}");
        fs::write(path(newer), &whole).unwrap();
    }
    fs::write(path(newer), &whole[..whole.len() - 1]).unwrap();
    assert_eq!(newest(), Some(30));
    fs::remove_file(path(1 - newer)).unwrap();
    assert_eq!(newest(), None);
}

fn head(sequence: u64) -> snapshot::Head {
    snapshot::Head {
        epoch: 3,
        sequence,
        key_check: b"key check".to_vec(),
    }
}

/// The bytes that the next group after `last` would be in the first segment of a closed journal.
fn group_after(dir: &Path, last: u64, count: u32) -> Vec<u8> {
    let reader = Reader::open(dir).unwrap();
    let groups: Vec<_> = reader.read_from(1).unwrap().map(Result::unwrap).collect();
    let bytes = payload(last + 1, count);
    let (before, id) = (groups.last().unwrap(), groups.len() as u64 + 1);
    let head = GroupHead::seal(before.chain, before.epoch, id, last + 1, count, &bytes);
    let mut whole = head.put().to_vec();
    whole.extend_from_slice(&bytes);
    whole.resize(whole.len().next_multiple_of(512), 0);
    whole
}

/// Where the groups of the only segment end.
fn end_of_groups(dir: &Path) -> u64 {
    let groups = Reader::open(dir).unwrap().read_from(1).unwrap();
    let bytes = |group: Group| padded((GROUP_HEAD + group.payload.len()) as u64);
    SEGMENT_HEAD as u64 + groups.map(|group| bytes(group.unwrap())).sum::<u64>()
}

/// A folder in memory where there is one: a thousand starts need not wait for a thousand syncs.
fn memory_dir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// Where reading all of it ends, whatever the payloads are.
fn read_from_ends(reader: &Reader) -> u64 {
    let groups = reader.read_from(1).unwrap();
    groups
        .map(|group| group.unwrap().last_sequence())
        .last()
        .unwrap_or(0)
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let copy = to.join(path.file_name().unwrap());
        if path.is_dir() {
            fs::create_dir_all(&copy).unwrap();
            copy_folder(&path, &copy);
        } else {
            fs::copy(&path, &copy).unwrap();
        }
    }
}

fn wait_for(mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < end, "waited too long");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_slow_turn_is_not_overtaken_by_the_next_spare() {
    let dir = memory_dir();
    let disk = Disk::with_faults(|act| {
        if matches!(act, Act::Sync { path } if path.ends_with("spare")) {
            std::thread::sleep(Duration::from_millis(60));
        }
        Verdict::Go
    });
    let (mut journal, _) = Journal::open(dir.path(), Options { disk, ..small() }).unwrap();
    append(&mut journal, 200);
    let last = journal.last_sequence();
    assert!(segment(dir.path(), 4).exists());
    drop(journal);
    assert_eq!(read_all(&Reader::open(dir.path()).unwrap()), last);
}

/// Appends until the crash, which fails everything from one act on; then a power cut takes back a random
/// part of what was not synced; then all that was durable is there, and more is appended. Again and again.
#[test]
fn what_was_durable_survives_power_cuts_at_any_act() {
    let seed = std::env::var("SEED").ok().map_or(0x5eed, |seed| {
        u64::from_str_radix(seed.trim_start_matches("0x"), 16).unwrap()
    });
    let mut random = Random(seed);
    let dir = memory_dir();
    let unsynced = Unsynced::default();
    let (mut durable, mut lost) = (0, 0);
    for round in 0..120 {
        let acts_left = Arc::new(AtomicU64::new(random.below(400)));
        let disk = Disk::with_faults({
            let acts_left = acts_left.clone();
            move |_| match acts_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            }) {
                Ok(_) => Verdict::Go,
                Err(_) => Verdict::Fail(EIO),
            }
        });
        let options = Options {
            disk: disk.remembering(&unsynced),
            ..small()
        };
        match Journal::open(dir.path(), options) {
            Ok((mut journal, opened)) => {
                let found = opened.last_sequence;
                assert!(
                    found >= durable,
                    "seed {seed:#x} round {round}: {found} < {durable}"
                );
                durable = found;
                loop {
                    let count = u32::try_from(random.below(40)).unwrap() + 1;
                    match journal.append(durable + 1, count, &payload(durable + 1, count)) {
                        Ok(_) => durable += u64::from(count),
                        Err(_) => break,
                    }
                    if random.below(4) == 0 {
                        unsynced.write_back(|_, _| random.below(2) == 0);
                    }
                }
            }
            Err(OpenError::Io { .. }) => {}
            Err(refused) => panic!("seed {seed:#x} round {round}: {refused}"),
        }
        let kept_in_64 = random.below(65);
        lost += unsynced
            .power_cut(|_| random.below(64) < kept_in_64)
            .unwrap();
    }
    let (journal, opened) = Journal::open(dir.path(), small()).unwrap();
    assert!(opened.last_sequence >= durable, "seed {seed:#x}");
    assert_eq!(read_all(&journal.reader()), opened.last_sequence);
    assert!(durable > 2000 && lost > 500, "{durable} {lost}");
}

/// A small generator (splitmix64), so that a seed says all.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}
