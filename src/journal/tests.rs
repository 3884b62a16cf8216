//! What the journal promises, each sentence a test.
//!
//! | sentence | test |
//! |---|---|
//! | what is appended is read again, across segments and starts | [`what_is_appended_is_read_again_across_segments_and_starts`] |
//! | returned means durable: a power cut at any act loses nothing that was answered | [`what_was_durable_survives_power_cuts_at_any_act`] |
//! | one group in flight: a group is written when the one before it is synced | [`a_group_is_written_when_the_one_before_is_synced_and_no_answered_sector_again`] |
//! | a sector that holds an answered entry is never written again | the same |
//! | segments are zeroed ahead in paced steps, behind nobody's back | [`zeros_never_touch_what_is_in_use`] |
//! | groups that come faster than zeros do not wait for them | [`groups_that_come_faster_than_zeros_do_not_wait_for_them`] |
//! | without promised blocks a spare is taken only when it is zeroed | [`where_blocks_cannot_be_promised_a_spare_is_zeroed_before_it_is_taken`] |
//! | the unit is the group: whole or not there, whatever of its sectors a power cut keeps | [`a_torn_last_group_is_cut_at_whatever_byte_it_was_torn`], [`a_torn_group_that_lost_any_page_is_cut`], [`of_a_torn_group_any_subset_of_sectors_is_cut`] |
//! | behind the cut a new segment begins in a new epoch | [`behind_a_cut_a_new_segment_begins_in_the_next_epoch`] |
//! | a whole later group after a broken one is damage: refused with the place | [`a_flipped_bit_in_a_durable_group_is_refused_with_its_place`], [`a_whole_later_group_after_a_broken_one_is_damage`] |
//! | until `--accept-loss-after` | [`damage_is_given_up_only_by_naming_the_last_whole_entry`] |
//! | the mark file has two slots, is written after each sync, itself unsynced | [`the_mark_is_written_after_each_sync_in_two_slots_and_never_synced`] |
//! | shorter than mark, snapshot or store is refused | [`a_journal_shorter_than_its_mark_is_refused`], [`a_journal_shorter_than_a_snapshot_or_the_store_is_refused`], [`a_journal_that_lost_its_segments_is_refused`] |
//! | another end than the mark knows is refused; a lost mark is told | [`a_journal_with_another_end_than_its_mark_knows_is_refused`], [`a_lost_mark_is_told_and_made_again`] |
//! | a failed sync ends it; the next open writes and syncs the last group before the first answer | [`after_a_failed_sync_nothing_is_appended_and_the_next_open_syncs_the_last_group_again`] |
//! | `ENOSPC` on a write is tried again at the same place | [`a_torn_write_that_finds_no_room_is_tried_again_at_the_same_place`] |
//! | groups are taken only against reserved bytes; service goes on when there is room | [`a_full_disk_is_told_before_a_group_is_taken_and_service_goes_on_when_there_is_room`], [`a_start_without_room_says_so`] |
//! | a sealed segment is proved by the SHA-256 in the next one's header | [`damage_in_a_sealed_segment_is_named_by_its_reader_and_its_seal`], [`any_flipped_bit_of_a_sealed_segment_is_found_by_its_seal`], [`a_missing_segment_is_refused`] |
//! | closed segments go to the archive | `archive.rs` |
//! | a backup is made while groups are appended | `backup.rs` |
//! | the format is versioned: what format 1 wrote is read, another one refused | [`a_journal_of_format_1_is_read`], [`another_format_is_refused`] |
//! | a commit that hangs is seen | `serve/watchdog.rs`, and through the daemon `tests/it/faults.rs` |
//! | a reader beside the writer sees whole durable groups only | [`a_reader_beside_the_writer_sees_whole_durable_groups_only`] |
//! | one process a folder, and only a folder of ours | [`a_folder_in_use_is_refused_with_the_number_of_the_process`], [`a_folder_that_is_not_ours_is_refused_and_left_alone`] |

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
    // A spare may be taken before it has its name; the next one gets it.
    wait_for(|| failed.load(Ordering::Relaxed) > 1);
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

#[test]
fn a_snapshot_over_a_longer_or_shorter_one_is_whole() {
    let dir = memory_dir();
    // Below, at and above the steps in which it is synced, each written over what another length left.
    let mib = 1 << 20;
    let lengths = [0, 3 * mib + 5, 17, mib, 2 * mib - 1, mib + 1, 3 * mib, 1];
    for (sequence, length) in (1..).zip(lengths) {
        let payload: Vec<u8> = (0..length).map(|at| (at * 7 + length) as u8).collect();
        let write = |file: &mut dyn io::Write| {
            // In pieces that fit no step.
            payload
                .chunks(700_001)
                .try_for_each(|some| file.write_all(some))
        };
        let pace = snapshot::Pace::Beside;
        let written = snapshot::write_paced(dir.path(), &head(sequence), pace, write).unwrap();
        assert_eq!(written, length as u64);
        let mut newest = snapshot::newest_valid(dir.path()).unwrap();
        let mut read = Vec::new();
        io::Read::read_to_end(&mut newest, &mut read).unwrap();
        assert!(newest.head.sequence == sequence && read == payload);
        let name = format!("book.{}", (sequence + 1) % 2);
        let file = fs::metadata(dir.path().join(name)).unwrap();
        assert_eq!(file.len(), 4096 + length as u64);
    }
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

/// What is done to a disk, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Done {
    Write(PathBuf, u64, u64),
    Sync(PathBuf),
    Rename(PathBuf),
}

/// A disk that notes what is done.
fn noting() -> (Disk, Arc<Mutex<Vec<Done>>>) {
    let done = Arc::new(Mutex::new(Vec::new()));
    let disk = Disk::with_faults({
        let done = done.clone();
        move |act| {
            let mut done = done.lock().unwrap();
            match act {
                Act::Write { path, at, bytes } => {
                    done.push(Done::Write(path.to_path_buf(), *at, *bytes as u64));
                }
                Act::Sync { path } => done.push(Done::Sync(path.to_path_buf())),
                Act::Rename { path } => done.push(Done::Rename(path.to_path_buf())),
                _ => {}
            }
            Verdict::Go
        }
    });
    (disk, done)
}

fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "segment")
}

#[test]
fn a_group_is_written_when_the_one_before_is_synced_and_no_answered_sector_again() {
    let dir = memory_dir();
    for _ in 0..3 {
        let (disk, done) = noting();
        let (mut journal, _) = Journal::open(dir.path(), Options { disk, ..small() }).unwrap();
        done.lock().unwrap().clear();
        append(&mut journal, 150);
        drop(journal);
        let mut unsynced = None;
        let mut ends = std::collections::BTreeMap::new();
        for act in done.lock().unwrap().iter() {
            match act {
                Done::Write(path, at, bytes) if is_segment(path) => {
                    assert_eq!(unsynced, None, "written before the last group was synced");
                    let end = ends.insert(path.clone(), at + bytes).unwrap_or(512);
                    assert!(
                        *at >= end && at % 512 == 0,
                        "{at} written again, {end} was free"
                    );
                    unsynced = Some(path.clone());
                }
                Done::Sync(path) if unsynced.as_ref() == Some(path) => unsynced = None,
                _ => {}
            }
        }
        assert!(ends.len() > 1);
    }
}

#[test]
fn the_mark_is_written_after_each_sync_in_two_slots_and_never_synced() {
    let dir = memory_dir();
    let (disk, done) = noting();
    let (mut journal, _) = Journal::open(dir.path(), Options { disk, ..small() }).unwrap();
    done.lock().unwrap().clear();
    append(&mut journal, 20);
    let mark = dir.path().join("journal/mark");
    let done = done.lock().unwrap();
    let mut slots = Vec::new();
    let mut synced = false;
    for act in done.iter() {
        match act {
            Done::Sync(path) if is_segment(path) => synced = true,
            Done::Write(path, at, bytes) if *path == mark => {
                assert!(synced && *bytes <= 512);
                synced = false;
                slots.push(*at);
            }
            Done::Sync(path) => assert_ne!(*path, mark),
            _ => {}
        }
    }
    assert_eq!(slots.len(), 20);
    assert!(
        slots.windows(2).all(|pair| pair[0] + pair[1] == 512),
        "{slots:?}"
    );
}

#[test]
fn of_a_torn_group_any_subset_of_sectors_is_cut() {
    let dir = memory_dir();
    let before = written(dir.path(), 12);
    let start = end_of_groups(dir.path());
    let whole = group_after(dir.path(), before, 30);
    let sectors = whole.len() / 512;
    let mut random = Random(0x5eed);
    for case in 0..150 {
        let folder = memory_dir();
        copy_folder(dir.path(), folder.path());
        let path = segment(folder.path(), 1);
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(start + 65536).unwrap();
        let mut lost = 0;
        for sector in 0..sectors {
            if random.below(3) == 0 {
                lost += 1;
            } else {
                let bytes = &whole[sector * 512..sector * 512 + 512];
                file.write_all_at(bytes, start + sector as u64 * 512)
                    .unwrap();
            }
        }
        let (mut journal, opened) = Journal::open(folder.path(), small()).unwrap();
        let last = if lost == 0 { before + 30 } else { before };
        assert_eq!(opened.last_sequence, last, "case {case}");
        append(&mut journal, 3);
        assert_eq!(read_all(&journal.reader()), journal.last_sequence());
    }
}

#[test]
fn behind_a_cut_a_new_segment_begins_in_the_next_epoch() {
    let dir = memory_dir();
    let before = written(dir.path(), 12);
    let start = end_of_groups(dir.path());
    let whole = group_after(dir.path(), before, 3);
    let path = segment(dir.path(), 1);
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&whole[..600], start).unwrap();
    let (mut journal, opened) = Journal::open(dir.path(), small()).unwrap();
    assert_eq!((opened.epoch, opened.last_sequence), (2, before));
    assert!(
        matches!(&opened.notes[..], [Note::TailCut { at, after, .. }] if (*at, *after) == (start, before))
    );
    assert_eq!(fs::metadata(&path).unwrap().len(), start);
    append(&mut journal, 1);
    let head = read::segment_head(&segment(dir.path(), 2))
        .unwrap()
        .unwrap();
    assert_eq!((head.epoch, head.first_sequence), (2, before + 1));
    let epochs: Vec<u64> = journal
        .reader()
        .read_from(before)
        .unwrap()
        .map(|group| group.unwrap().epoch)
        .collect();
    assert_eq!(epochs, [1, 2]);
}

#[test]
fn a_whole_later_group_after_a_broken_one_is_damage() {
    let dir = memory_dir();
    let last = written(dir.path(), 12);
    let mut starts = vec![512];
    for group in Reader::open(dir.path()).unwrap().read_from(1).unwrap() {
        let bytes = padded((GROUP_HEAD + group.unwrap().payload.len()) as u64);
        starts.push(starts.last().unwrap() + bytes);
    }
    // Any group but the last, its head or its payload, gone or not what it was; whatever the mark says.
    for start in &starts[..11] {
        for (at, zeros) in [(0, 512), (0, 4), (70, 1)] {
            let case = memory_dir();
            copy_folder(dir.path(), case.path());
            fs::remove_file(case.path().join("journal/mark")).unwrap();
            let file = OpenOptions::new()
                .write(true)
                .open(segment(case.path(), 1))
                .unwrap();
            file.write_all_at(&vec![0; zeros], start + at).unwrap();
            let error = Journal::open(case.path(), small()).unwrap_err();
            let OpenError::Damaged {
                path, at, sequence, ..
            } = error
            else {
                panic!("{error}");
            };
            assert_eq!((path, at), (segment(case.path(), 1), *start));
            assert!(sequence <= last);
        }
    }
}

#[test]
fn any_flipped_bit_of_a_sealed_segment_is_found_by_its_seal() {
    let dir = memory_dir();
    let (mut journal, _) = Journal::open(dir.path(), small()).unwrap();
    append(&mut journal, 200);
    drop(journal);
    let reader = Reader::open(dir.path()).unwrap();
    let path = segment(dir.path(), 1);
    let length = fs::metadata(&path).unwrap().len();
    let sealed = reader.check_seals(|_, _| {}).unwrap();
    assert!(sealed > 1);
    let mut random = Random(3);
    for _ in 0..100 {
        // Not the header: where that is broken the segment is not even opened.
        let at = 512 + random.below(length - 512);
        flip(&path, at);
        let error = reader.check_seals(|_, _| {}).unwrap_err();
        assert!(
            matches!(&error, ReadError::Seal { path: named } if *named == path),
            "{error}"
        );
        flip(&path, at);
    }
    assert_eq!(reader.check_seals(|_, _| {}).unwrap(), sealed);
}

/// Each zero that is written goes to a file that is no segment yet; and segments are whole whatever was
/// taken how early.
#[test]
fn zeros_never_touch_what_is_in_use() {
    let dir = memory_dir();
    let pace = Arc::new(AtomicU64::new(0));
    let disk = Disk::with_faults({
        let pace = pace.clone();
        move |act| {
            if let Act::Write { path, .. } = act
                && path.ends_with("spare.making")
            {
                let now = pace.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(now % 4));
            }
            Verdict::Go
        }
    });
    let options = Options {
        disk,
        segment_bytes: 3 << 20,
        ..small()
    };
    let (mut journal, _) = Journal::open(dir.path(), options).unwrap();
    for group in 0..150 {
        let (first, count) = (journal.last_sequence() + 1, 300 + group % 400);
        journal
            .append(first, count, &payload(first, count))
            .unwrap();
    }
    let last = journal.last_sequence();
    assert!(journal.index > 3, "{}", journal.index);
    assert_eq!(read_all(&journal.reader()), last);
    journal.reader().check_seals(|_, _| {}).unwrap();
    drop(journal);
    assert_eq!(
        Journal::open(dir.path(), small()).unwrap().1.last_sequence,
        last
    );
}

#[test]
fn groups_that_come_faster_than_zeros_do_not_wait_for_them() {
    const SEGMENT: u64 = 4 << 20;
    let dir = memory_dir();
    let zeroed = Arc::new(AtomicU64::new(0));
    let disk = Disk::with_faults({
        let zeroed = zeroed.clone();
        move |act| {
            if let Act::Write { path, at, bytes } = act
                && path.ends_with("spare.making")
                && (*at > 0 || *bytes > 512)
            {
                std::thread::sleep(Duration::from_millis(40));
                zeroed.fetch_add(*bytes as u64, Ordering::Relaxed);
            }
            Verdict::Go
        }
    });
    let options = Options {
        disk,
        segment_bytes: SEGMENT,
        ..small()
    };
    let (mut journal, _) = Journal::open(dir.path(), options).unwrap();
    let group = vec![7; 1 << 20];
    while journal.index < 8 {
        journal
            .append(journal.last_sequence() + 1, 1, &group)
            .unwrap();
    }
    let of = 6 * SEGMENT;
    let zeroed = zeroed.load(Ordering::Relaxed);
    assert!(zeroed < of * 3 / 4, "{zeroed} bytes of {of}");
    // With time, spares are zeroed again, and a segment that is half full is left for them.
    wait_for(|| dir.path().join("journal/spare").exists());
    let (index, last) = (journal.index, journal.last_sequence());
    for _ in 0..4 {
        journal
            .append(journal.last_sequence() + 1, 1, &group)
            .unwrap();
    }
    assert!(journal.index > index && journal.zeroed == SEGMENT);
    let end = journal.last_sequence();
    assert_eq!(end, last + 4);
    journal.reader().check_seals(|_, _| {}).unwrap();
    drop(journal);
    assert_eq!(
        Journal::open(dir.path(), small()).unwrap().1.last_sequence,
        end
    );
}

#[test]
fn where_blocks_cannot_be_promised_a_spare_is_zeroed_before_it_is_taken() {
    let dir = memory_dir();
    let zeroed = Arc::new(AtomicU64::new(0));
    let disk = Disk::with_faults({
        let zeroed = zeroed.clone();
        move |act| match act {
            Act::Reserve { .. } => Verdict::Fail(rustix::io::Errno::OPNOTSUPP.raw_os_error()),
            Act::Write { path, bytes, .. } if path.ends_with("spare.making") => {
                zeroed.fetch_add(*bytes as u64, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(1));
                Verdict::Go
            }
            Act::Rename { path } if path.ends_with("000000000002.segment") => {
                assert_eq!(zeroed.load(Ordering::Relaxed) / (2 << 20), 1);
                Verdict::Go
            }
            _ => Verdict::Go,
        }
    });
    let options = Options {
        disk,
        segment_bytes: 2 << 20,
        ..small()
    };
    let (mut journal, _) = Journal::open(dir.path(), options).unwrap();
    while journal.index < 3 {
        let first = journal.last_sequence() + 1;
        journal.append(first, 500, &payload(first, 500)).unwrap();
    }
    assert_eq!(read_all(&journal.reader()), journal.last_sequence());
}

/// A segment as format 1 wrote it, made by hand here: these bytes are read as long as there are journals.
#[test]
fn a_journal_of_format_1_is_read() {
    let dir = memory_dir();
    fs::create_dir(dir.path().join("journal")).unwrap();
    fs::write(
        dir.path().join("FORMAT"),
        "clubswitch data folder, format 1\nidentity 000102030405060708090a0b0c0d0e0f\n",
    )
    .unwrap();
    fs::write(segment(dir.path(), 1), bytes_of(FORMAT_1_SEGMENT)).unwrap();
    fs::write(dir.path().join("journal/mark"), bytes_of(FORMAT_1_MARK)).unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let groups: Vec<_> = reader.read_from(1).unwrap().map(Result::unwrap).collect();
    let told: Vec<_> = groups
        .iter()
        .map(|group| {
            (
                group.epoch,
                group.first_sequence,
                group.count,
                &group.payload[..],
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (1, 1, 2, &b"entry one, entry two"[..]),
            (1, 3, 1, &b"entry three"[..])
        ]
    );
    let (journal, opened) = Journal::open(dir.path(), small()).unwrap();
    assert_eq!((opened.epoch, opened.last_sequence), (2, 3));
    assert_eq!(opened.notes, []);
    assert_eq!(journal.reader().read_from(1).unwrap().count(), 2);
    // And this is what is written still.
    let dir = memory_dir();
    fs::write(
        dir.path().join("FORMAT"),
        "clubswitch data folder, format 1\nidentity 000102030405060708090a0b0c0d0e0f\n",
    )
    .unwrap();
    let (mut journal, _) = Journal::open(dir.path(), small()).unwrap();
    journal.append(1, 2, b"entry one, entry two").unwrap();
    journal.append(3, 1, b"entry three").unwrap();
    let now = fs::read(segment(dir.path(), 1)).unwrap();
    assert_eq!(now[..1536], bytes_of(FORMAT_1_SEGMENT));
}

#[test]
fn another_format_is_refused() {
    let dir = memory_dir();
    written(dir.path(), 3);
    let path = segment(dir.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    // The format's number, and a checksum that is right for it.
    bytes[8] = 2;
    let crc = crc32c::crc32c(&bytes[..508]);
    bytes[508..512].copy_from_slice(&crc.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    let error = Journal::open(dir.path(), small()).unwrap_err();
    assert!(
        error.to_string().contains("000000000001.segment"),
        "{error}"
    );
}

/// Bytes from hex digits; `..n` stands for zeros up to offset n.
fn bytes_of(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in text.split_whitespace() {
        match word.strip_prefix("..") {
            Some(to) => bytes.resize(to.parse().unwrap(), 0),
            None => bytes.extend(
                (0..word.len())
                    .step_by(2)
                    .map(|at| u8::from_str_radix(&word[at..at + 2], 16).unwrap()),
            ),
        }
    }
    bytes
}

const FORMAT_1_SEGMENT: &str = "\
    434c55424a524e4c010000000000000001000000000000000100000000000000 010000000000000001 \
    ..97 0102030405060708090a0b0c0d0e0f ..508 \
    4531088343475250010000000100000000000000010000000000000001000000 \
    0000000002000000140000005e829ff25557b1a9 ..568 \
    d445b824c4b3a71b656e747279206f6e652c20656e7472792074776f ..1024 \
    4347525001000000010000000000000002000000000000000300000000000000 \
    010000000b0000009677ecf19b1c3f54 ..1080 41760bc67a655329656e747279207468726565 ..1536";

const FORMAT_1_MARK: &str = "\
    434c55424d41524b03000000000000009677ecf19b1c3f545feac920 ..512 \
    434c55424d41524b02000000000000005e829ff25557b1a921f3f5f7";
