//! Durable decisions a second through the journal, beside a bare append of the same bytes to a file that was
//! zeroed before, with fdatasync: the two take turns in one run, so that a busy machine is fair to both.
//! `cargo bench --bench journal -- 256 1024` measures these sizes only.

#![allow(clippy::unwrap_used)]

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use clubswitch::journal::{Journal, Options};

const ENTRY_BYTES: usize = 350;
const SIZES: [u32; 5] = [1, 16, 64, 256, 1024];
const BARE_FILE_BYTES: u64 = 256 << 20;
const TURNS: u32 = 20;
const TURN: Duration = Duration::from_millis(100);

fn main() {
    // `cargo test --benches` asks only whether it runs.
    let turns = if std::env::args().any(|arg| arg == "--bench") {
        TURNS
    } else {
        1
    };
    let named: Vec<u32> = std::env::args()
        .filter_map(|arg| arg.parse().ok())
        .collect();
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-journal");
    let _ = fs::remove_dir_all(&dir);
    let (mut journal, _) = Journal::open(&dir, Options::default()).unwrap();
    let mut bare = Bare::zeroed(&dir.join("bare"));
    println!("{ENTRY_BYTES} bytes an entry; decisions/s durable");
    println!(
        "group   journal      bare   ratio   bytes/decision   cpu ns/decision   sync us p50   p99"
    );
    for size in SIZES {
        if !named.is_empty() && !named.contains(&size) {
            continue;
        }
        let payload: Vec<u8> = (0..ENTRY_BYTES * size as usize)
            .map(|at| (at % 251) as u8)
            .collect();
        let (mut through_journal, mut through_bare) = (Tally::default(), Tally::default());
        let (mut bytes, mut syncs) = (0, Vec::new());
        for _ in 0..turns {
            through_bare.turn(size, || bare.append(&payload));
            through_journal.turn(size, || {
                let appended = journal
                    .append(journal.last_sequence() + 1, size, &payload)
                    .unwrap();
                bytes += appended.bytes;
                syncs.push(appended.sync.as_micros());
            });
        }
        syncs.sort_unstable();
        let (ours, bound) = (through_journal.per_second(), through_bare.per_second());
        println!(
            "{size:5} {ours:9} {bound:9}    {}.{:02}   {:14}   {:15}   {:11} {:5}",
            ours / bound,
            ours * 100 / bound % 100,
            bytes / through_journal.decisions,
            through_journal.cpu_ns / through_journal.decisions,
            syncs[syncs.len() / 2],
            syncs[syncs.len() * 99 / 100],
        );
    }
    replay(&journal);
    drop(journal);
    let _ = fs::remove_dir_all(&dir);
}

/// Reads all of it again, every checksum verified.
fn replay(journal: &Journal) {
    let began = Instant::now();
    let (mut bytes, mut entries) = (0, 0);
    for group in journal.reader().read_from(1).unwrap() {
        let group = group.unwrap();
        bytes += group.payload.len() as u64;
        entries += u64::from(group.count);
    }
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap().max(1);
    println!(
        "replay: {} MB, {entries} entries, {} MB/s, {} entries/s",
        bytes / 1_000_000,
        bytes / 1000 / ms,
        entries * 1000 / ms
    );
}

#[derive(Default)]
struct Tally {
    decisions: u64,
    time: Duration,
    cpu_ns: u64,
}

impl Tally {
    fn turn(&mut self, size: u32, mut append: impl FnMut()) {
        let (began, cpu) = (Instant::now(), cpu_ns());
        while began.elapsed() < TURN {
            append();
            self.decisions += u64::from(size);
        }
        self.time += began.elapsed();
        self.cpu_ns += cpu_ns() - cpu;
    }

    fn per_second(&self) -> u64 {
        let us = u64::try_from(self.time.as_micros()).unwrap().max(1);
        self.decisions * 1_000_000 / us
    }
}

struct Bare {
    file: File,
    at: u64,
}

impl Bare {
    fn zeroed(path: &Path) -> Bare {
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)
            .unwrap();
        let zeros = vec![0; 1 << 20];
        for at in (0..BARE_FILE_BYTES).step_by(zeros.len()) {
            file.write_all_at(&zeros, at).unwrap();
        }
        file.sync_all().unwrap();
        Bare { file, at: 0 }
    }

    fn append(&mut self, bytes: &[u8]) {
        if self.at + bytes.len() as u64 > BARE_FILE_BYTES {
            self.at = 0;
        }
        self.file.write_all_at(bytes, self.at).unwrap();
        self.file.sync_data().unwrap();
        self.at += bytes.len() as u64;
    }
}

/// CPU time of all threads of this process, from `/proc/self/task/*/schedstat`.
fn cpu_ns() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let of_task = |path: std::path::PathBuf| -> Option<u64> {
        let text = fs::read_to_string(path.join("schedstat")).ok()?;
        text.split(' ').next()?.parse().ok()
    };
    tasks.filter_map(|task| of_task(task.ok()?.path())).sum()
}
