//! The archive: what leaves the journal is proved there before, read through it, and comes back.

use super::*;

/// A closed journal of some sealed segments; gives folder, archive folder, last sequence.
fn long() -> (tempfile::TempDir, tempfile::TempDir, u64) {
    let dir = memory_dir();
    let (mut journal, _) = Journal::open(dir.path(), small()).unwrap();
    append(&mut journal, 300);
    let last = journal.last_sequence();
    (dir, memory_dir(), last)
}

fn archive(journal: &Journal, dir: &Path) -> Archive {
    Archive::open(dir, journal.folder().identity()).unwrap()
}

fn packed(dir: &Path, index: u64) -> PathBuf {
    dir.join(format!("{index:012}.segment.zst"))
}

fn segments_in(dir: &Path) -> usize {
    read::segment_paths(&dir.join("journal")).unwrap().len()
}

#[test]
fn archived_segments_leave_the_journal_and_are_read_through_the_archive() {
    let (dir, attic, last) = long();
    let (mut journal, opened) = Journal::open(dir.path(), small()).unwrap();
    let archive = archive(&journal, attic.path());
    let before = segments_in(dir.path());
    let all = journal.reader().check_seals(|_, _| {}).unwrap();
    let mut told = Vec::new();
    let moved = journal
        .segments()
        .archive_before(last / 2, &archive, |done, of| told.push((done, of)))
        .unwrap();
    assert!(moved.len() > 1 && moved.iter().all(|segment| segment.last_sequence < last / 2));
    assert_eq!(told.len(), moved.len());
    assert_eq!(segments_in(dir.path()), before - moved.len());
    assert_eq!(archive.list().unwrap(), moved);
    let smaller = |segment: &Archived| segment.packed_bytes < segment.bytes / 3;
    assert!(moved.iter().all(smaller));

    let begins = moved.last().unwrap().last_sequence + 1;
    let gone = journal.reader().read_from(begins - 1).unwrap_err();
    assert!(
        matches!(gone, ReadError::Gone { first, .. } if first == begins),
        "{gone}"
    );
    let through = journal.reader().with_archive(archive.clone());
    assert_eq!(read_all(&through), last);
    assert_eq!(through.check_seals(|_, _| {}).unwrap(), all);
    for sequence in 1..=last {
        let group = through.find(sequence).unwrap().unwrap();
        assert!((group.first_sequence..=group.last_sequence()).contains(&sequence));
    }
    // It goes on, opens again, and archives the rest; the segment in use stays.
    append(&mut journal, 300);
    drop(journal);
    let (journal, again) = Journal::open(dir.path(), small()).unwrap();
    assert_eq!((again.epoch, &again.notes[..]), (opened.epoch + 1, &[][..]));
    let end = journal.last_sequence();
    journal
        .segments()
        .archive_before(u64::MAX, &archive, |_, _| {})
        .unwrap();
    assert_eq!(segments_in(dir.path()), 1);
    assert_eq!(
        read_all(&journal.reader().with_archive(archive.clone())),
        end
    );
    drop(journal);
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(read_all(&reader.with_archive(archive.clone())), end);
    assert_eq!(
        archive.check(|_, _| {}).unwrap(),
        archive.list().unwrap().len() as u64
    );
    assert_eq!(
        Journal::open(dir.path(), small()).unwrap().1.last_sequence,
        end
    );
}

#[test]
fn a_reader_that_is_behind_goes_on_in_the_archive() {
    let (dir, attic, last) = long();
    let (journal, _) = Journal::open(dir.path(), small()).unwrap();
    let archive = archive(&journal, attic.path());
    let mut with = journal
        .reader()
        .with_archive(archive.clone())
        .read_from(1)
        .unwrap();
    let mut without = journal.reader().read_from(1).unwrap();
    let (first, other) = (
        with.next().unwrap().unwrap(),
        without.next().unwrap().unwrap(),
    );
    assert_eq!(first, other);
    journal
        .segments()
        .archive_before(u64::MAX, &archive, |_, _| {})
        .unwrap();
    let ends = with.map(|group| group.unwrap().last_sequence()).last();
    assert_eq!(ends, Some(last));
    let gone = without.find_map(Result::err).unwrap();
    assert!(matches!(gone, ReadError::Gone { .. }), "{gone}");
}

#[test]
fn what_is_brought_back_is_byte_for_byte_what_left() {
    let (dir, attic, last) = long();
    let kept = memory_dir();
    copy_folder(&dir.path().join("journal"), kept.path());
    let (journal, _) = Journal::open(dir.path(), small()).unwrap();
    let archive = archive(&journal, attic.path());
    let moved = journal
        .segments()
        .archive_before(u64::MAX, &archive, |_, _| {})
        .unwrap();
    drop(journal);
    let folder = Folder::claim(dir.path()).unwrap();
    let from = moved[moved.len() / 2].first_sequence + 1;
    let back = archive.restore(&folder, from, |_, _| {}).unwrap() as usize;
    assert_eq!(back, moved.len() - moved.len() / 2);
    assert_eq!(archive.restore(&folder, from, |_, _| {}).unwrap(), 0);
    let rest = archive.restore(&folder, 0, |_, _| {}).unwrap() as usize;
    assert_eq!(back + rest, moved.len());
    drop(folder);
    for segment in &moved {
        let name = read::segment_name(segment.index);
        let was = fs::read(kept.path().join(&name)).unwrap();
        let is = fs::read(dir.path().join("journal").join(&name)).unwrap();
        assert!(was.starts_with(&is) && was[is.len()..].iter().all(|byte| *byte == 0));
    }
    let (journal, _) = Journal::open(dir.path(), small()).unwrap();
    assert_eq!(read_all(&journal.reader()), last);
    // Archived again, the files that are there are taken.
    let written = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    let before = written(&moved[0].path);
    let again = journal
        .segments()
        .archive_before(moved[1].last_sequence + 1, &archive, |_, _| {})
        .unwrap();
    assert_eq!(again, moved[..2]);
    assert_eq!(written(&moved[0].path), before);
}

/// Fails every act from one on, for each act there is; after it everything is in one place at least, and
/// the next call goes on.
#[test]
fn archiving_and_bringing_back_go_on_after_a_crash_at_any_act() {
    let (dir, _, last) = long();
    let mut crashes = 0;
    for act in 0.. {
        let (case, attic) = (memory_dir(), memory_dir());
        copy_folder(dir.path(), case.path());
        let unsynced = Unsynced::default();
        let left = Arc::new(AtomicU64::new(act));
        let failing = {
            let left = left.clone();
            Disk::with_faults(move |_| {
                match left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                    left.checked_sub(1)
                }) {
                    Ok(_) => Verdict::Go,
                    Err(_) => Verdict::Fail(EIO),
                }
            })
            .remembering(&unsynced)
        };
        let folder = Folder::claim(case.path()).unwrap();
        let identity = folder.identity();
        let segments =
            |disk| Segments::new(case.path().join("journal"), identity, disk, Arc::default());
        let on = |disk| Archive::open_on(disk, attic.path(), identity).unwrap();
        let archived =
            segments(failing.clone()).archive_before(u64::MAX, &on(failing.clone()), |_, _| {});
        let done = archived.is_ok();
        crashes += u64::from(!done);
        unsynced.power_cut(|_| act % 2 == 0).unwrap();
        if act % 3 == 0 && !done {
            // The journal alone opens too, whatever has left it.
            drop(folder);
            let archive = on(Disk::default());
            let (journal, opened) = Journal::open(case.path(), small()).unwrap();
            assert_eq!(opened.last_sequence, last, "act {act}");
            assert_eq!(
                read_all(&journal.reader().with_archive(archive)),
                last,
                "act {act}"
            );
            continue;
        }
        let sound = on(Disk::default());
        segments(Disk::default())
            .archive_before(u64::MAX, &sound, |_, _| {})
            .unwrap();
        left.store(act, Ordering::Relaxed);
        let restored = on(failing).restore(&folder, 1, |_, _| {});
        let all_back = restored.is_ok();
        crashes += u64::from(!all_back);
        unsynced.power_cut(|_| act % 2 == 0).unwrap();
        sound.restore(&folder, 1, |_, _| {}).unwrap();
        drop(folder);
        let (journal, opened) = Journal::open(case.path(), small()).unwrap();
        assert_eq!(opened.last_sequence, last, "act {act}");
        assert_eq!(read_all(&journal.reader()), last, "act {act}");
        if done && all_back {
            break;
        }
    }
    assert!(crashes > 40, "{crashes}");
}

#[test]
fn a_damaged_or_missing_archive_file_is_told_by_its_name() {
    let (dir, attic, last) = long();
    let (journal, _) = Journal::open(dir.path(), small()).unwrap();
    let archive = archive(&journal, attic.path());
    let moved = journal
        .segments()
        .archive_before(u64::MAX, &archive, |_, _| {})
        .unwrap();
    assert!(moved.len() >= 4);
    drop(journal);
    let reader = Reader::open(dir.path())
        .unwrap()
        .with_archive(archive.clone());
    let path = packed(attic.path(), 3);
    let whole = fs::read(&path).unwrap();
    let mut damages: Vec<Option<Vec<u8>>> = vec![None];
    let mut random = Random(7);
    for _ in 0..60 {
        let mut flipped = whole.clone();
        let bit = usize::try_from(random.below(whole.len() as u64 * 8)).unwrap();
        flipped[bit / 8] ^= 1 << (bit % 8);
        damages.push(Some(flipped));
        let cut = usize::try_from(random.below(whole.len() as u64)).unwrap();
        damages.push(Some(whole[..cut].to_vec()));
    }
    damages.push(Some(whole[..whole.len() - 1].to_vec()));
    damages.push(Some([&whole[..], b"x"].concat()));
    damages.push(Some(fs::read(packed(attic.path(), 2)).unwrap()));
    let mut harmless = 0;
    for (case, damage) in damages.iter().enumerate() {
        match damage {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let told = |error: &dyn std::fmt::Display| {
            let text = error.to_string();
            assert!(
                text.contains(path.to_str().unwrap()) && text.contains("from a copy"),
                "case {case}: {text}"
            );
        };
        let mut wrong = None;
        match reader.read_from(1) {
            Ok(mut groups) => {
                for group in &mut groups {
                    match group {
                        Ok(group) => {
                            assert_eq!(group.payload, payload(group.first_sequence, group.count));
                        }
                        Err(error) => wrong = Some(error),
                    }
                }
            }
            Err(error) => wrong = Some(error),
        }
        // A bit of padding is read past; no check does that.
        if let Some(error) = &wrong {
            told(error);
        }
        let folder = Folder::claim(dir.path()).unwrap();
        match reader.check_seals(|_, _| {}) {
            Err(error) => {
                told(&error);
                told(&archive.restore(&folder, 1, |_, _| {}).unwrap_err());
            }
            // A bit of the compression's own frame that changes nothing of what is in it.
            Ok(_) => {
                assert!(wrong.is_none(), "case {case}");
                harmless += 1;
            }
        }
        fs::write(&path, &whole).unwrap();
        // What came back before the damaged file goes again.
        archive
            .restore(&folder, moved[3].first_sequence, |_, _| {})
            .unwrap();
        Segments::of(&folder)
            .archive_before(moved[3].first_sequence, &archive, |_, _| {})
            .unwrap();
    }
    assert!(harmless < 6, "{harmless}");
    assert_eq!(read_all(&reader), last);
}

#[test]
fn a_segment_that_is_not_what_it_was_sealed_as_is_not_archived() {
    let (dir, attic, _) = long();
    flip(&segment(dir.path(), 2), 20_000);
    let folder = Folder::claim(dir.path()).unwrap();
    let archive = Archive::open(attic.path(), folder.identity()).unwrap();
    let error = Segments::of(&folder)
        .archive_before(u64::MAX, &archive, |_, _| {})
        .unwrap_err();
    let ArchiveError::Read(ReadError::Seal { path }) = error else {
        panic!("{error}");
    };
    assert_eq!(path, segment(dir.path(), 2));
    assert!(path.exists());
    assert_eq!(fs::read_dir(attic.path()).unwrap().count(), 1);
}

#[test]
fn an_archive_of_another_journal_or_another_past_is_refused() {
    let (dir, attic, _) = long();
    let folder = Folder::claim(dir.path()).unwrap();
    let stranger = Archive::open(attic.path(), [3; 16]).unwrap();
    let error = Segments::of(&folder)
        .archive_before(u64::MAX, &stranger, |_, _| {})
        .unwrap_err();
    assert!(matches!(error, ArchiveError::OtherFolder { .. }), "{error}");

    let archive = Archive::open(attic.path(), folder.identity()).unwrap();
    Segments::of(&folder)
        .archive_before(u64::MAX, &archive, |_, _| {})
        .unwrap();
    let error = stranger.list().unwrap_err();
    assert!(matches!(error, ReadError::Archive { .. }), "{error}");
    drop(folder);
    // Another journal of the same identity, as a copy that was gone on with.
    let other = memory_dir();
    fs::copy(dir.path().join("FORMAT"), other.path().join("FORMAT")).unwrap();
    let (mut journal, _) = Journal::open(other.path(), small()).unwrap();
    journal.append(1, 60, &payload(1, 60)).unwrap();
    append(&mut journal, 300);
    drop(journal);
    // What is damaged is made again, what is whole stays.
    flip(&packed(attic.path(), 1), 700);
    let folder = Folder::claim(other.path()).unwrap();
    let error = Segments::of(&folder)
        .archive_before(u64::MAX, &archive, |_, _| {})
        .unwrap_err();
    assert!(
        matches!(&error, ArchiveError::OtherPast { path } if *path == packed(attic.path(), 2)),
        "{error}"
    );
}

#[test]
fn a_journal_without_what_tells_where_it_begins_is_refused_until_segments_are_back() {
    let (dir, attic, last) = long();
    let folder = Folder::claim(dir.path()).unwrap();
    let archive = Archive::open(attic.path(), folder.identity()).unwrap();
    let moved = Segments::of(&folder)
        .archive_before(u64::MAX, &archive, |_, _| {})
        .unwrap();
    drop(folder);
    let begin = dir.path().join("journal/begin");
    flip(&begin, 9);
    let error = Journal::open(dir.path(), small()).unwrap_err();
    assert!(
        matches!(&error, OpenError::Begins { begin: named, .. } if *named == begin),
        "{error}"
    );
    flip(&begin, 9);
    // Without its last segment the journal is refused; the archive alone brings what it has.
    let newest = segment(dir.path(), moved.len() as u64 + 1);
    let kept = fs::read(&newest).unwrap();
    fs::remove_file(&newest).unwrap();
    let error = Journal::open(dir.path(), small()).unwrap_err();
    assert!(matches!(error, OpenError::ArchivedOnly { .. }), "{error}");
    fs::write(&newest, kept).unwrap();
    fs::remove_file(&begin).unwrap();
    let folder = Folder::claim(dir.path()).unwrap();
    archive.restore(&folder, 1, |_, _| {}).unwrap();
    drop(folder);
    let (journal, _) = Journal::open(dir.path(), small()).unwrap();
    assert_eq!(read_all(&journal.reader()), last);
}

#[test]
fn a_full_archive_disk_is_told_and_loses_nothing() {
    let (dir, attic, last) = long();
    let folder = Folder::claim(dir.path()).unwrap();
    let disk = Disk::with_faults(|act| match act {
        Act::Write { path, .. } if path.ends_with("000000000002.segment.making") => {
            Verdict::Fail(ENOSPC)
        }
        _ => Verdict::Go,
    });
    let archive = Archive::open_on(disk, attic.path(), folder.identity()).unwrap();
    let error = Segments::of(&folder)
        .archive_before(u64::MAX, &archive, |_, _| {})
        .unwrap_err();
    assert!(error.is_full(), "{error}");
    assert_eq!(archive.list().unwrap().len(), 1);
    assert_eq!(fs::read_dir(attic.path()).unwrap().count(), 1);
    drop(folder);
    let (journal, _) = Journal::open(dir.path(), small()).unwrap();
    assert_eq!(read_all(&journal.reader().with_archive(archive)), last);
}
