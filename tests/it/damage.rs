//! Damage: of each kind of file in a data folder, one is cut, has a bit flipped, or is gone. The switch starts with the balances
//! it had, or refuses and names the place; what was sealed or archived is never read as something else. A part of the cases
//! goes through the program itself. `DAMAGE_CASES=200 SEED=0x.. cargo test damage` for more, or the same again.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use clubswitch::config::Config;
use clubswitch::engine::Group;
use clubswitch::journal::snapshot::Pace;
use clubswitch::journal::{Archive, Folder, Journal, ReadError, Reader, Segments};
use clubswitch::ledger::{Book, Function, Mode, record};
use clubswitch::serve::data::{self, Data};
use clubswitch::store::{Follower, Lookup};
use clubswitch::terms::Rials;

use crate::decisions::{Town, token};
use crate::random::{self, Dice};
use crate::shim::fast_folder;
use crate::switch::{self, DATA, PATIENCE};

const CASES: u64 = 24;
/// One case in so many goes through the program as well.
const BY_PROGRAM: u64 = 5;
/// The archive, beside the data folder.
const ARCHIVE: &str = "archive";
/// Starts of the undamaged switch, each a segment.
const STARTS: u64 = 5;

/// What kind of file is damaged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    Sealed,
    InUse,
    Mark,
    Snapshot,
    Store,
    Archived,
    Begin,
    /// FORMAT, key and check value.
    Particulars,
}

const KINDS: [Kind; 8] = [
    Kind::Sealed,
    Kind::InUse,
    Kind::Mark,
    Kind::Snapshot,
    Kind::Store,
    Kind::Archived,
    Kind::Begin,
    Kind::Particulars,
];

/// What came of a case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Outcome {
    /// It started, with all balances as they were.
    Right,
    /// It refused, and named the place.
    Refused,
}

/// The undamaged switch.
struct Twin {
    dir: tempfile::TempDir,
    book: Vec<u8>,
    entries: Vec<Vec<u8>>,
}

#[test]
fn damage_is_refused_by_name_or_changes_nothing() {
    let seed = std::env::var("SEED").ok();
    let seed = seed.map(|seed| u64::from_str_radix(seed.trim_start_matches("0x"), 16).unwrap());
    let seed = seed.unwrap_or_else(|| Dice(u64::from(std::process::id())).roll());
    println!("SEED={seed:#x}");
    let cases = std::env::var("DAMAGE_CASES").map_or(CASES, |n| n.parse().unwrap());
    let mut dice = Dice(seed);
    let twin = twin();
    let mut outcomes: BTreeMap<(Kind, Outcome), u64> = BTreeMap::new();
    for case in 0..cases {
        let kind = KINDS[(case % KINDS.len() as u64) as usize];
        let dir = copy(twin.dir.path());
        let by_program =
            case % BY_PROGRAM == BY_PROGRAM - 1 && !matches!(kind, Kind::Archived | Kind::Begin);
        if by_program {
            // So that all can be replayed there.
            let folder = Folder::claim(&dir.path().join(DATA)).unwrap();
            let archive = Archive::open(&dir.path().join(ARCHIVE), folder.identity()).unwrap();
            archive.restore(&folder, 1, |_, _| {}).unwrap();
        }
        let (path, what) = damage(dir.path(), kind, &mut dice);
        let what = format!("case {case}, {}: {what}", path.display());
        if by_program {
            let again = copy(dir.path());
            by_the_program(again.path(), &path, &what, twin);
        }
        let outcome = in_process(dir.path(), &path, &what, twin);
        if kind == Kind::Archived {
            read_through_the_archive(dir.path(), &path, &what, twin);
        }
        *outcomes.entry((kind, outcome)).or_default() += 1;
    }
    println!("{outcomes:?}");
    assert!(
        cases < 24
            || outcomes
                .keys()
                .any(|(_, outcome)| *outcome == Outcome::Refused)
    );
    assert!(
        cases < 24
            || outcomes
                .keys()
                .any(|(_, outcome)| *outcome == Outcome::Right)
    );
}

/// Opens the folder as the daemon does.
fn in_process(dir: &Path, path: &Path, what: &str, twin: &Twin) -> Outcome {
    let data = match Data::open(&config(dir), None) {
        Err(error) => {
            names(&chain(&error), path, what);
            return Outcome::Refused;
        }
        Ok(data) => data,
    };
    assert!(data.book.to_bytes() == twin.book, "{what}: other balances");
    assert_eq!(
        data.journal.last_sequence(),
        twin.entries.len() as u64,
        "{what}"
    );
    let archive = Archive::open(&dir.join(ARCHIVE), data.journal.folder().identity());
    let reader = data.journal.reader().with_archive(archive.unwrap());
    match read(&reader) {
        Ok(entries) => assert!(entries == twin.entries, "{what}: other entries"),
        Err(error) => names(&chain(&error), path, what),
    }
    let Some(store) = data.store else {
        return Outcome::Right;
    };
    let follower = Follower::start(store, reader, split).unwrap();
    wait_for(&follower, Duration::from_secs(3));
    for (at, bytes) in twin.entries.iter().enumerate() {
        match follower.store().entry(at as u64 + 1) {
            Lookup::Found(found) => {
                assert!(found == *bytes, "{what}: entry {} of the store", at + 1);
            }
            Lookup::Unknown => {}
            Lookup::Absent => panic!("{what}: the store knows nothing of entry {}", at + 1),
        }
    }
    Outcome::Right
}

/// A damaged archive is told by its name, and never put back as if it were whole.
fn read_through_the_archive(dir: &Path, path: &Path, what: &str, twin: &Twin) {
    let folder = Folder::claim(&dir.join(DATA)).unwrap();
    let archive = Archive::open(&dir.join(ARCHIVE), folder.identity()).unwrap();
    let checked = archive.check(|_, _| {});
    match archive.restore(&folder, 1, |_, _| {}) {
        Err(error) => names(&chain(&error), path, what),
        Ok(_) => {
            drop(folder);
            let entries = read(&Reader::open(&dir.join(DATA)).unwrap()).unwrap();
            assert!(
                entries == twin.entries,
                "{what}: what was brought back is not what it was"
            );
            return;
        }
    }
    if let Err(error) = checked {
        names(&chain(&error), path, what);
    }
}

/// `ledger verify`, and then `serve` with `ledger verify` beside it.
fn by_the_program(dir: &Path, path: &Path, what: &str, twin: &Twin) {
    let verified = switch::command(dir, &["ledger", "verify"])
        .output()
        .unwrap();
    tells_or_is_well(&verified, path, what);
    let mut child = switch::command(dir, &["serve"])
        .stdout(Stdio::null())
        .stderr(File::create(dir.join("log")).unwrap())
        .spawn()
        .unwrap();
    let end = Instant::now() + PATIENCE;
    let ended = loop {
        let log = switch::log(dir);
        if log.lines().any(|line| line.ends_with(" ready")) {
            break None;
        }
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        assert!(
            Instant::now() < end,
            "{what}: neither serves nor ends:\n{log}"
        );
        thread::sleep(Duration::from_millis(5));
    };
    match ended {
        Some(status) => {
            let log = switch::log(dir);
            assert!(!status.success(), "{what}:\n{log}");
            names(&log, path, what);
        }
        None => {
            let verified = switch::command(dir, &["ledger", "verify"])
                .output()
                .unwrap();
            child.kill().unwrap();
            tells_or_is_well(&verified, path, what);
            let log = switch::log(dir);
            let read = format!("entries={}", twin.entries.len());
            assert!(log.contains(&read), "{what}: {read} wanted in\n{log}");
        }
    }
    child.wait().unwrap();
    let log = switch::log(dir);
    assert!(!log.contains("panicked"), "{what}:\n{log}");
}

fn tells_or_is_well(output: &Output, path: &Path, what: &str) {
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!text.contains("panicked"), "{what}:\n{text}");
    if !output.status.success() {
        names(&text, path, what);
    }
}

/// An error names the file, or another of the folder where the fault shows, or the journal and the entry where it ends.
fn names(text: &str, path: &Path, what: &str) {
    let name = path.file_name().unwrap().to_string_lossy();
    let place = text.contains(&format!("{DATA}/")) || text.contains("the journal in ");
    assert!(
        text.contains(&*name) || place,
        "{what}: neither {name} nor a place is named:\n{text}"
    );
    assert!(!text.contains("panicked"), "{what}:\n{text}");
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

fn read(reader: &Reader) -> Result<Vec<Vec<u8>>, ReadError> {
    let mut all = Vec::new();
    for group in reader.read_from(1)? {
        for entry in record::split(&group?.payload) {
            all.push(entry.expect("a group that is whole").to_vec());
        }
    }
    Ok(all)
}

/// Damages one file of a kind. Gives which, and how.
fn damage(dir: &Path, kind: Kind, dice: &mut Dice) -> (PathBuf, String) {
    let mut files = files(dir, kind);
    let path = files.swap_remove(dice.below(files.len() as u64) as usize);
    let bytes = fs::read(&path).unwrap();
    // Mostly there where something is written; a segment in use ends in zeros.
    let used = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1) as u64;
    let reach = if dice.below(5) == 0 {
        bytes.len() as u64
    } else {
        used
    };
    let how = if reach == 0 { 2 } else { dice.below(5) };
    let what = match how {
        0 | 1 => {
            let most = reach.min([8, 600, 5_000, u64::MAX][dice.below(4) as usize]);
            let left = reach - 1 - dice.below(most);
            File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_len(left)
                .unwrap();
            format!("{kind:?} cut to {left} of {} bytes", bytes.len())
        }
        2 => {
            fs::remove_file(&path).unwrap();
            format!("{kind:?} removed")
        }
        _ => {
            let (at, bit) = (dice.below(reach), dice.below(8));
            let file = File::options().write(true).open(&path).unwrap();
            file.write_all_at(&[bytes[at as usize] ^ 1 << bit], at)
                .unwrap();
            format!(
                "{kind:?} with bit {bit} of byte {at} of {} flipped",
                bytes.len()
            )
        }
    };
    (path, what)
}

fn files(dir: &Path, kind: Kind) -> Vec<PathBuf> {
    let data = dir.join(DATA);
    let list = |folder: PathBuf| {
        let names = fs::read_dir(folder).unwrap().flatten();
        let mut files: Vec<PathBuf> = names
            .map(|name| name.path())
            .filter(|path| path.is_file())
            .collect();
        files.sort();
        files
    };
    let ending = |files: Vec<PathBuf>, ending: &str| -> Vec<PathBuf> {
        files
            .into_iter()
            .filter(|path| path.to_string_lossy().ends_with(ending))
            .collect()
    };
    let mut segments = ending(list(data.join("journal")), ".segment");
    let in_use = segments.pop().expect("a segment in use");
    match kind {
        Kind::Sealed => segments,
        Kind::InUse => vec![in_use],
        Kind::Mark => vec![data.join("journal/mark")],
        Kind::Snapshot => vec![data.join("book.0"), data.join("book.1")],
        Kind::Store => list(data.join("store")),
        Kind::Archived => ending(list(dir.join(ARCHIVE)), ".zst"),
        Kind::Begin => vec![data.join("journal/begin")],
        Kind::Particulars => ["FORMAT", "token.key", "token-key.check"]
            .map(|name| data.join(name))
            .to_vec(),
    }
}

fn config(dir: &Path) -> Config {
    let mut config = Config::read(&dir.join("clubswitch.toml")).unwrap();
    config.data = dir.join(DATA);
    config
}

/// A copy of a folder, without what stands ready for later.
fn copy(from: &Path) -> tempfile::TempDir {
    fn all(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for name in fs::read_dir(from).unwrap().flatten() {
            let (path, to) = (name.path(), to.join(name.file_name()));
            if path.is_dir() {
                all(&path, &to);
            } else if path.is_file() && !path.to_string_lossy().contains("/spare") {
                fs::copy(&path, &to).unwrap();
            }
        }
    }
    let to = fast_folder();
    all(from, to.path());
    to
}

/// A data folder with some history: sealed segments, two of them archived, one in use, both snapshots, a store.
fn twin() -> &'static Twin {
    static TWIN: OnceLock<Twin> = OnceLock::new();
    TWIN.get_or_init(|| {
        let dir = fast_folder();
        switch::configure(dir.path(), "", "");
        let config = config(dir.path());
        let mut town = Town::new(random::WORLD, &[&random::club()]);
        let mut dice = Dice(11);
        let mut book = Book::new(config.limits.known_entries);
        let mut entries: Vec<Vec<u8>> = Vec::new();
        let mut archived = 0;
        for start in 0..STARTS {
            let mut opened = Data::open(&config, None).unwrap();
            for _ in 0..20 {
                for _ in 0..1 + dice.below(8) {
                    buy(&mut town, &mut dice);
                }
                let group = town.engine.take_group().expect("something was bought");
                append(&mut opened.journal, &group, &mut book, &mut entries);
            }
            if start == 2 {
                archived = entries.len() as u64 - 1;
            }
            if start >= STARTS - 2 {
                let (epoch, key) = (opened.journal.epoch(), opened.key.check_value());
                data::write_snapshot(&config.data, epoch, key, &book.view(), Pace::Alone).unwrap();
                for _ in 0..2 {
                    buy(&mut town, &mut dice);
                }
                let group = town.engine.take_group().expect("something was bought");
                append(&mut opened.journal, &group, &mut book, &mut entries);
            }
            if start == STARTS - 1 {
                let reader = opened.journal.reader();
                let store = opened.store.take().expect("a store");
                let follower = Follower::start(store, reader, split).unwrap();
                wait_for(&follower, PATIENCE);
                follower.store().flush().unwrap();
            }
        }
        let folder = Folder::claim(&config.data).unwrap();
        let archive = Archive::open(&dir.path().join(ARCHIVE), folder.identity()).unwrap();
        let moved = Segments::of(&folder).archive_before(archived, &archive, |_, _| {});
        assert_eq!(moved.unwrap().len(), 2);
        Twin {
            book: book.to_bytes(),
            dir,
            entries,
        }
    })
}

/// Until it has all, or as long as `most`: it may be unable to.
fn wait_for(follower: &Follower, most: Duration) {
    let end = Instant::now() + most;
    while follower.lag() > 0 && Instant::now() < end {
        thread::sleep(Duration::from_millis(2));
    }
}

fn split(payload: &[u8], count: u32) -> Option<Vec<&[u8]>> {
    let entries: Vec<&[u8]> = record::split(payload).collect::<Result<_, _>>().ok()?;
    (entries.len() == count as usize).then_some(entries)
}

fn buy(town: &mut Town, dice: &mut Dice) {
    let mut request = town.request(Function::Purchase, Mode::Ask, None);
    request.asked.amount = Some(Rials(1_000 + dice.below(5_000_000) as i64));
    request.card = Some(token(&format!("C{}", dice.below(9))));
    town.decide(&request);
}

fn append(journal: &mut Journal, group: &Group, book: &mut Book, entries: &mut Vec<Vec<u8>>) {
    journal
        .append(group.first.0, group.count(), &group.bytes)
        .unwrap();
    for bytes in record::split(&group.bytes) {
        let bytes = bytes.unwrap();
        book.apply(&record::decode(bytes).unwrap());
        entries.push(bytes.to_vec());
    }
}
