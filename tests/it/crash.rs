//! The real journal, store and snapshots under a child process that is killed at random moments: all that it
//! told as durable is there once, in order. `CRASH_ROUNDS=200 SEED=7 cargo test crash`.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clubswitch::journal::{Journal, Options, snapshot};
use clubswitch::store::{Follower, Lookup, Store};

const ROUNDS: u64 = 10;
const GROUPS_PER_SNAPSHOT: u64 = 10;

/// What the child told before it was killed.
#[derive(Debug, Default)]
struct Told {
    durable: u64,
    snapshot: u64,
}

#[test]
fn what_was_told_as_durable_survives_sigkill() {
    if let Ok(dir) = std::env::var("CRASH_CHILD") {
        return append_until_killed(Path::new(&dir));
    }
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed: u64 = number("SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish());
    println!("SEED={seed}");
    let mut random = Random(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut all = Told::default();
    for round in 1..=number("CRASH_ROUNDS").unwrap_or(ROUNDS) {
        let told = run_child(dir.path(), Duration::from_millis(random.below(400)));
        all.durable = all.durable.max(told.durable);
        all.snapshot = all.snapshot.max(told.snapshot);
        check(dir.path(), &all, round);
    }
    assert!(
        all.durable > 0 && all.snapshot > 0,
        "no child came to write anything: {all:?}"
    );
}

/// The child: appends, snapshots and follows as fast as it can, and tells what is durable.
fn append_until_killed(dir: &Path) {
    let (mut journal, opened) = open(dir);
    let (store, _) = Store::open(dir, journal.folder().identity()).unwrap();
    let _follower = Follower::start(store, journal.reader(), split).unwrap();
    let mut random = Random(opened.last_sequence);
    let mut out = std::io::stdout();
    for group in 1.. {
        let first = journal.last_sequence() + 1;
        let count = u32::try_from(random.below(60) + 1).unwrap();
        let last = first + u64::from(count) - 1;
        journal
            .append(first, count, &payload(first..=last))
            .unwrap();
        writeln!(out, "durable {last}").unwrap();
        if group % GROUPS_PER_SNAPSHOT == 0 {
            let head = snapshot::Head {
                epoch: journal.epoch(),
                sequence: last,
                key_check: Vec::new(),
            };
            snapshot::write(dir, &head, |file| file.write_all(&entry(last).repeat(500))).unwrap();
            writeln!(out, "snapshot {last}").unwrap();
        }
    }
}

/// Runs a child until it has told something durable and for `time` more, and kills it.
fn run_child(dir: &Path, time: Duration) -> Told {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "crash::what_was_told_as_durable_survives_sigkill",
            "--exact",
            "--nocapture",
        ])
        .env("CRASH_CHILD", dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let listener = thread::spawn(move || {
        let mut told = Told::default();
        for line in lines.map_while(Result::ok) {
            match line.split_once(' ') {
                Some(("durable", last)) => told.durable = last.parse().unwrap(),
                Some(("snapshot", last)) => told.snapshot = last.parse().unwrap(),
                _ => {}
            }
        }
        told
    });
    // At times before it has opened anything.
    thread::sleep(Duration::from_millis(20) + time);
    child.kill().unwrap();
    child.wait().unwrap();
    listener.join().unwrap()
}

/// Opens what the child left, as the next start would.
fn check(dir: &Path, told: &Told, round: u64) {
    let (journal, opened) = open(dir);
    let last = opened.last_sequence;
    assert!(
        last >= told.durable,
        "round {round}: {told:?}, but the journal ends at {last}"
    );
    let mut next = 1;
    for group in journal.reader().read_from(1).unwrap() {
        let group = group.unwrap();
        assert_eq!(group.first_sequence, next, "round {round}");
        assert_eq!(
            group.payload,
            payload(next..=group.last_sequence()),
            "round {round}"
        );
        next = group.last_sequence() + 1;
    }
    assert_eq!(next, last + 1, "round {round}");
    assert!(
        journal.reader().check_seals(|_, _| {}).is_ok(),
        "round {round}"
    );

    let newest = snapshot::newest_valid(dir).map(|mut snapshot| {
        let mut payload = Vec::new();
        snapshot.read_to_end(&mut payload).unwrap();
        assert_eq!(
            payload,
            entry(snapshot.head.sequence).repeat(500),
            "round {round}"
        );
        snapshot.head.sequence
    });
    let newest = newest.unwrap_or(0);
    assert!(
        newest >= told.snapshot && newest <= last,
        "round {round}: {told:?}, newest {newest}"
    );

    let (store, opened) = Store::open(dir, journal.folder().identity()).unwrap();
    assert_eq!(opened.put_aside, None, "round {round}");
    assert!(opened.position.sequence <= last, "round {round}");
    let follower = Follower::start(store, journal.reader(), split).unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    while follower.lag() > 0 {
        assert!(
            Instant::now() < end,
            "round {round}: the store does not catch up"
        );
        thread::sleep(Duration::from_millis(2));
    }
    for sequence in (1..=last).step_by(7) {
        let found = follower.store().entry(sequence);
        assert_eq!(
            found,
            Lookup::Found(entry(sequence)),
            "round {round}, entry {sequence}"
        );
    }
    assert_eq!(follower.take_notes(), Vec::<String>::new(), "round {round}");
}

fn open(dir: &Path) -> (Journal, clubswitch::journal::Opened) {
    // Small segments, so that a round crosses several.
    let options = Options {
        segment_bytes: 256 << 10,
        ..Options::default()
    };
    Journal::open(dir, options).unwrap()
}

fn entry(sequence: u64) -> Vec<u8> {
    let times = usize::try_from(sequence % 23 + 1).unwrap();
    format!("entry {sequence}; ").repeat(times).into_bytes()
}

fn payload(sequences: std::ops::RangeInclusive<u64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in sequences.map(entry) {
        bytes.extend_from_slice(&u16::try_from(entry.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(&entry);
    }
    bytes
}

fn split(mut payload: &[u8], _count: u32) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = payload.split_first_chunk::<2>() {
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        entries.push(entry);
        payload = rest;
    }
    payload.is_empty().then_some(entries)
}

/// SplitMix64, Steele, Lea, Flood, 2014.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}
