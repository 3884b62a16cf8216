//! An open loop through the deciding thread: requests come when they are due, whether the ones before were answered or not, and what
//! each waited is counted from when it was due until it was durable and told. Links are left out; decider, committer, ledger
//! database and snapshots are the daemon's own. Beside it, in the same run, the same bytes are written and synced by a bare loop
//! that decides nothing.
//!
//! `RATES=50000,150000 SECONDS=10 MEMBERS=100000 SNAPSHOT_EVERY=300000 STORE=off cargo bench --bench open`

#![allow(clippy::unwrap_used)]

mod common;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clubswitch::config::{Config, SHIPPED};
use clubswitch::engine::Brought;
use clubswitch::exchange::terminal::{Enrolment, Sale, Who};
use clubswitch::exchange::{Dialect, Terminal, Ticket};
use clubswitch::keys::TokenKey;
use clubswitch::ledger::{Request, Verdict};
use clubswitch::serve::clock::Clock;
use clubswitch::serve::data::{self, Data};
use clubswitch::serve::door::{Slip, Waiting};
use clubswitch::serve::pipeline::{Bounds, Parts, Pipeline};
use clubswitch::serve::rules;
use clubswitch::store::Follower;
use clubswitch::terms::{Local, Moment, Rials, Zone};

/// Messages of one terminal: its trace numbers must not begin anew within a day.
const TRACES: u64 = 500_000;
/// Requests that are offered at once, as many as one read of a link brings at most.
const BATCH_MOST: usize = 256;
/// How long nothing is done when nothing is due. The system adds some 60 µs.
const NAP: Duration = Duration::from_micros(50);
/// What is written for a purchase, about.
const ENTRY_BYTES: usize = 360;
const WARM: Duration = Duration::from_secs(1);

fn main() {
    // `cargo test --benches` asks only whether it runs.
    let measured = std::env::args().any(|arg| arg == "--bench");
    let number = |name: &str, usual: u64| {
        let given = std::env::var(name).ok();
        given.map_or(usual, |text| text.parse().expect("a number"))
    };
    let rates: Vec<u64> = std::env::var("RATES")
        .unwrap_or_else(|_| if measured { "50000,150000" } else { "2000" }.to_owned())
        .split(',')
        .map(|rate| rate.parse().expect("a number"))
        .collect();
    let time = Duration::from_millis(1_000 * number("SECONDS", u64::from(measured) * 10) + 200);
    let members = number("MEMBERS", if measured { 100_000 } else { 100 });
    let every = number("SNAPSHOT_EVERY", if measured { 300_000 } else { 300 });
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-open");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();

    let mut stage = Stage::start(&dir.join("data"), every);
    stage.enrol(members);
    println!(
        "{:>9}  {:16} {:>8} {:>8} {:>9} {:>9}  what else happened",
        "a second", "what", "p50 us", "p99 us", "p99.9 us", "most us"
    );
    for rate in rates {
        let waits = bare(&dir.join("bare"), rate, time.min(Duration::from_secs(5)));
        tell(rate, "bare append", waits, "");
        let snapshots = stage.pipeline.newest_snapshot();
        let waits = stage.run(rate, time);
        let made = stage.pipeline.newest_snapshot() - snapshots;
        let lag = stage.follower.as_ref().map(Follower::lag);
        let lag = lag.map_or("off".to_owned(), |lag| format!("{lag} entries behind"));
        let else_happened = format!("snapshots over {made} entries, the ledger database {lag}");
        tell(rate, "decided, durable", waits, &else_happened);
    }
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load at the end: {}", load.trim());
    stage.stop();
    let _ = fs::remove_dir_all(&dir);
}

/// A pipeline, and who asks it.
struct Stage {
    pipeline: Pipeline,
    follower: Option<Follower>,
    key: TokenKey,
    asker: Asker,
    members: u64,
    asked: u64,
}

impl Stage {
    fn start(dir: &Path, snapshot_every: u64) -> Stage {
        let mut config = Config::parse("built in", SHIPPED).unwrap();
        config.data = dir.to_owned();
        config.rules = None;
        let data = Data::open(&config, None).unwrap();
        let loaded = rules::load(&config, data.book.names()).unwrap();
        let engine = rules::engine(&config, data.book, Arc::new(loaded.rulebook));
        let zone = engine.rules().world.zone.clone();
        let start = zone.moment(Local::parse("1405/09/02 10:15").unwrap());
        let reader = data.journal.reader();
        let store = data.store.clone();
        let follower = store
            .filter(|_| std::env::var_os("STORE").is_none_or(|wanted| wanted != "off"))
            .map(|store| Follower::start(store, reader.clone(), data::split))
            .transpose()
            .unwrap();
        let parts = Parts {
            engine,
            reader,
            store: data.store,
            clock: Arc::new(Clock::new(Some(start), Moment(0))),
            key: data.key.check_value(),
            snapshot: data.snapshot,
            journal: data.journal,
        };
        let bounds = Bounds {
            threads: 1,
            queue: config.limits.queue,
            snapshot_every,
            commit_timeout: config.limits.commit_timeout,
        };
        let pipeline = Pipeline::start(parts, bounds).unwrap();
        pipeline.door().ask(rules::put_in_force).unwrap().unwrap();
        Stage {
            pipeline,
            follower,
            key: data.key,
            asker: Asker::new(zone, start),
            members: 0,
            asked: 0,
        }
    }

    fn enrol(&mut self, members: u64) {
        let requests = (0..members).map(|n| self.asker.enrolment(n, &self.key));
        let mut requests: Vec<_> = requests.collect();
        self.members = members;
        while !requests.is_empty() {
            let rest = requests.split_off(requests.len().min(1_000));
            self.ask(
                std::mem::replace(&mut requests, rest),
                u64::MAX,
                Duration::ZERO,
            );
        }
    }

    /// Asks purchases at a rate for a time; what each waited.
    fn run(&mut self, rate: u64, time: Duration) -> Vec<u32> {
        let per = |time: Duration| usize::try_from(rate * time.as_millis() as u64 / 1_000).unwrap();
        let count = per(time + WARM);
        let requests = (0..count as u64)
            .map(|n| {
                self.asker
                    .purchase((n * 7_919 + n / 31) % self.members, n, &self.key)
            })
            .collect();
        let mut waits = self.ask(requests, rate, WARM);
        waits.drain(..per(WARM).min(waits.len()));
        waits
    }

    /// Asks these at a rate, in order; what each waited from when it was due, in µs.
    #[allow(clippy::vec_box, reason = "boxed before the clock runs, as links do")]
    fn ask(&mut self, requests: Vec<Box<Request>>, rate: u64, lead: Duration) -> Vec<u32> {
        let (first, count) = (self.asked, requests.len());
        self.asked += count as u64;
        let begin = Instant::now() + lead / 100;
        let due = |n: u64| begin + Duration::from_nanos(n * 1_000_000_000 / rate);
        let counter = self.pipeline.counter(0);
        let picking = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap();
            let mut waits = vec![0; count];
            let mut told = 0;
            while told < count {
                for delivery in runtime.block_on(counter.pick_up()) {
                    let now = Instant::now();
                    for outcome in delivery.outcomes {
                        assert_eq!(outcome.told.verdict, Verdict::Approved);
                        let place = (outcome.slip.ticket.0 - first) as usize;
                        let wait = now.saturating_duration_since(outcome.slip.received);
                        waits[place] = u32::try_from(wait.as_micros()).unwrap();
                        told += 1;
                    }
                }
            }
            waits
        });
        let mut requests = requests.into_iter();
        let (mut sent, mut batch) = (0, Vec::new());
        while sent < count as u64 || !batch.is_empty() {
            let now = Instant::now();
            while sent < count as u64 && batch.len() < BATCH_MOST && due(sent) <= now {
                let request = requests.next().unwrap();
                let slip = Slip {
                    thread: 0,
                    connection: 0,
                    ticket: Ticket(first + sent),
                    function: request.asked.function,
                    mode: request.asked.mode,
                    class: request.asked.key.kind / 10,
                    received: due(sent),
                    deadline: None,
                };
                batch.push(Waiting {
                    slip,
                    request,
                    brought: Brought::default(),
                    fetches: 0,
                });
                sent += 1;
            }
            if batch.is_empty() {
                thread::sleep(NAP);
            } else {
                // Where the queue is full they wait before the door, and that counts too.
                batch = self.pipeline.door().offer(std::mem::take(&mut batch));
                if !batch.is_empty() {
                    thread::sleep(NAP);
                }
            }
        }
        picking.join().unwrap()
    }

    fn stop(self) {
        let (engine, journal) = self.pipeline.stop();
        assert_eq!(engine.book().imbalance(), 0);
        drop(journal);
        drop(self.follower);
    }
}

/// Makes requests, as terminals and sessions do.
struct Asker {
    dialect: Arc<Dialect>,
    zone: Zone,
    terminal: Terminal,
    made: u64,
    now: Moment,
}

impl Asker {
    fn new(zone: Zone, now: Moment) -> Asker {
        let dialect = common::dialect();
        let terminal = common::terminal(&dialect, &zone, 1);
        Asker {
            dialect,
            zone,
            terminal,
            made: 0,
            now,
        }
    }

    fn enrolment(&mut self, member: u64, key: &TokenKey) -> Box<Request> {
        let enrolment = Enrolment {
            card: Some(common::card(member)),
            ..Enrolment::default()
        };
        self.next();
        let sent = self.terminal.enrol(&enrolment, self.now);
        Box::new(common::read(&self.dialect, &sent.unwrap(), key))
    }

    fn purchase(&mut self, member: u64, n: u64, key: &TokenKey) -> Box<Request> {
        let rials = 100_000 + (n * 104_729 % 5_000_000) as i64;
        self.next();
        let sale = Sale::of(Who::Card(common::card(member)), Rials(rials));
        let sent = self.terminal.purchase(&sale, self.now);
        Box::new(common::read(&self.dialect, &sent.unwrap(), key))
    }

    fn next(&mut self) {
        self.made += 1;
        if self.made.is_multiple_of(TRACES) {
            self.terminal = common::terminal(&self.dialect, &self.zone, 1 + self.made / TRACES);
        }
    }
}

/// The same bytes at the same rate to a file that is zeros already, whatever is due at once, synced before the next: what each waited.
fn bare(path: &Path, rate: u64, time: Duration) -> Vec<u32> {
    let count = rate * time.as_millis() as u64 / 1_000;
    let bytes = vec![7u8; 1 << 20];
    let file = File::create(path).unwrap();
    let zeros = vec![0u8; 1 << 20];
    let room = 64u64 << 20;
    for at in (0..room).step_by(zeros.len()) {
        file.write_all_at(&zeros, at).unwrap();
    }
    file.sync_all().unwrap();
    let begin = Instant::now();
    let due = |n: u64| begin + Duration::from_nanos(n * 1_000_000_000 / rate);
    let mut waits = Vec::new();
    let (mut done, mut at) = (0, 0);
    while done < count {
        let now = Instant::now();
        let mut upto = done;
        while upto < count && due(upto) <= now {
            upto += 1;
        }
        if upto == done {
            thread::sleep(NAP);
            continue;
        }
        let length = ((upto - done) as usize * ENTRY_BYTES).next_multiple_of(512);
        let length = length.min(bytes.len());
        if at + length as u64 > room {
            at = 0;
        }
        file.write_all_at(&bytes[..length], at).unwrap();
        file.sync_data().unwrap();
        at += length as u64;
        let now = Instant::now();
        let waited = |n| u32::try_from(now.duration_since(due(n)).as_micros()).unwrap();
        waits.extend((done..upto).map(waited));
        done = upto;
    }
    fs::remove_file(path).unwrap();
    waits
}

fn tell(rate: u64, what: &str, mut waits: Vec<u32>, else_happened: &str) {
    waits.sort_unstable();
    let at = |thousandths: usize| waits[(waits.len() - 1) * thousandths / 1_000];
    println!(
        "{rate:>9}  {what:16} {:>8} {:>8} {:>9} {:>9}  {else_happened}",
        at(500),
        at(990),
        at(999),
        at(1_000)
    );
}
