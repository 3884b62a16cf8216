//! A backup holds exactly what was durable at its moment, also while the journal is written and archived.

use super::*;

#[test]
fn a_backup_made_while_groups_are_appended_opens_with_just_its_entries() {
    let (dir, attic, copies) = (memory_dir(), memory_dir(), memory_dir());
    let (mut journal, _) = Journal::open(dir.path(), small()).unwrap();
    let empty = copies.path().join("empty");
    assert_eq!(
        journal.reader().backup(&empty, |_, _| {}).unwrap().segments,
        0
    );
    assert_eq!(Journal::open(&empty, small()).unwrap().1.last_sequence, 0);
    append(&mut journal, 200);
    let archive = Archive::open(attic.path(), journal.folder().identity()).unwrap();
    let (inside, beside) = (journal.reader(), Reader::open(dir.path()).unwrap());
    let segments = journal.segments();
    let writer = std::thread::spawn(move || {
        for _ in 0..40 {
            append(&mut journal, 30);
        }
        journal
    });
    let mut made = Vec::new();
    while !writer.is_finished() || made.len() < 4 {
        let reader = if made.len() % 2 == 0 {
            &inside
        } else {
            &beside
        };
        let to = copies.path().join(format!("{}", made.len()));
        let before = reader.last_sequence();
        let backup = reader.backup(&to, |_, _| {}).unwrap();
        assert!((before..=reader.last_sequence()).contains(&backup.last_sequence));
        made.push((to, backup));
        segments
            .archive_before(before / 2, &archive, |_, _| {})
            .unwrap();
    }
    let journal = writer.join().unwrap();
    let through = journal.reader().with_archive(archive.clone());
    for (to, backup) in &made {
        let (mut copy, opened) = Journal::open(to, small()).unwrap();
        assert_eq!(
            (opened.last_sequence, opened.epoch),
            (backup.last_sequence, 2)
        );
        assert_eq!(opened.notes, []);
        assert_eq!(copy.folder().identity(), journal.folder().identity());
        let last = through.find(backup.last_sequence).unwrap().unwrap();
        assert_eq!(
            (last.last_sequence(), last.chain),
            (backup.last_sequence, backup.chain)
        );
        append(&mut copy, 10);
        let reader = copy.reader().with_archive(archive.clone());
        assert_eq!(read_all(&reader), copy.last_sequence());
        copy.reader().check_seals(|_, _| {}).unwrap();
    }
    assert!(made.last().unwrap().1.first_sequence > 1);
}

#[test]
fn a_backup_into_a_folder_that_holds_something_is_refused() {
    let (dir, other) = (memory_dir(), memory_dir());
    written(dir.path(), 20);
    fs::write(other.path().join("thesis.txt"), "mine").unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let error = reader.backup(other.path(), |_, _| {}).unwrap_err();
    assert!(matches!(&error, BackupError::NotEmpty { found, .. } if found == "thesis.txt"));
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 1);
}

#[test]
fn a_damaged_segment_is_not_copied_as_if_it_were_whole() {
    let (dir, other) = (memory_dir(), memory_dir());
    let (mut journal, _) = Journal::open(dir.path(), small()).unwrap();
    append(&mut journal, 300);
    flip(&segment(dir.path(), 2), 20_000);
    let to = other.path().join("copy");
    let error = journal.reader().backup(&to, |_, _| {}).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains(segment(dir.path(), 2).to_str().unwrap()),
        "{text}"
    );
    // Half a copy is no data folder.
    let error = Journal::open(&to, small()).unwrap_err();
    assert!(matches!(error, OpenError::NotOurs { .. }), "{error}");
}
