//! The ledger at length: a journal of purchases by the shipped rules is made, members and their cards first, and then what
//! depends on its length is timed.
//!
//! - `verify`: replayed from nothing, held against book, ledger database and seals.
//! - `replay`, with `verify`: all its purchases judged again, by the same rules and by others (`rules replay`).
//! - `scale`: memory a member, snapshots and what they cost the commits beside them, the ledger database, and how long the
//!   program takes to its first answer after it was killed, with as long a way behind its last snapshot as there may be.
//!
//! `ENTRIES=1000000 MEMBERS=10000 ROUNDS=5 cargo bench --bench ledger -- verify`
//! `ENTRIES=4000000 MEMBERS=1000000 DAYS=2 ROUNDS=3 cargo bench --bench ledger -- scale`
//!
//! `ENTRIES` counts members and purchases; the days are the purchase-days a member has at most.

#![allow(clippy::unwrap_used)]

mod common;
#[allow(dead_code)]
#[path = "../tests/it/switch.rs"]
mod switch;

use std::env;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use clubswitch::config::{Config, SHIPPED};
use clubswitch::engine::{Act, Brought, Engine, Opening, OpeningMember};
use clubswitch::exchange::terminal::{Sale, Who};
use clubswitch::journal::{Journal, Reader, snapshot};
use clubswitch::keys::{TokenKey, TokenKind};
use clubswitch::ledger::{Book, Request, View};
use clubswitch::rulefile;
use clubswitch::serve::data::{self, Data};
use clubswitch::serve::office::Office;
use clubswitch::serve::replay::{Wanted, run as replayed};
use clubswitch::serve::rules;
use clubswitch::store::Store;
use clubswitch::terms::person::Identity;
use clubswitch::terms::{Local, Moment, Rials};
use serde_json::json;
use switch::Switch;

const GROUP: u64 = 1_024;
/// Messages of one terminal: its trace numbers must not begin anew within a day.
const TRACES: u64 = 500_000;
/// Entries behind the last snapshot at most, a little less than `snapshot_every`.
const BEHIND: u64 = 1_990_000;
/// Where a child finds the folder whose snapshot it is to read.
const READ_IN: &str = "CLUBSWITCH_BENCH_READ";

/// How much of what.
struct Plan {
    entries: u64,
    members: u64,
    days: u64,
    rounds: u64,
}

fn main() {
    if let Some(dir) = env::var_os(READ_IN) {
        return read_snapshot(Path::new(&dir));
    }
    // `cargo test --benches` asks only whether it runs.
    let measured = env::args().any(|arg| arg == "--bench");
    let named: Vec<String> = env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let wanted = |name: &str| named.is_empty() || named.iter().any(|given| given == name);
    let number = |name: &str, usual: u64, tried: u64| {
        let given = env::var(name)
            .ok()
            .map(|text| text.parse().expect("a number"));
        given.unwrap_or(if measured { usual } else { tried })
    };
    if wanted("verify") {
        verify(&Plan {
            entries: number("ENTRIES", 1_000_000, 5_000),
            members: number("MEMBERS", 10_000, 100),
            days: number("DAYS", 2, 2),
            rounds: number("ROUNDS", 5, 1),
        });
    }
    if wanted("scale") {
        scale(&Plan {
            entries: number("ENTRIES", 4_000_000, 5_000),
            members: number("MEMBERS", 1_000_000, 1_000),
            days: number("DAYS", 2, 2),
            rounds: number("ROUNDS", 3, 1),
        });
    }
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load at the end: {}", load.trim());
}

fn verify(plan: &Plan) {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-ledger");
    let _ = fs::remove_dir_all(&dir);
    let config = config(&dir);
    let mut making = Making::new(&config, plan);
    making.up_to(plan.entries);
    making.told();
    making.lead_store();
    drop(making);
    let (began, cpu) = (Instant::now(), common::cpu_ms("self"));
    let mut office = Office::open(config.clone()).unwrap();
    let last = office.journal().last_sequence();
    told("opened from nothing", last, began, cpu);
    for _ in 0..plan.rounds {
        let (began, cpu) = (Instant::now(), common::cpu_ms("self"));
        let found = office.carry_out("ledger-verify", &json!({}), &mut |_| {});
        let found = found.unwrap();
        assert_eq!(found["whole"], true, "{found}");
        assert_eq!(found["entries"], last);
        told("verified", last, began, cpu);
    }
    drop(office);
    for _ in 0..plan.rounds {
        replay(&config, "5%");
        replay(&config, "6%");
    }
    let _ = fs::remove_dir_all(&dir);
}

/// Judges every purchase again by the shipped rules with another percent in the first discount.
fn replay(config: &Config, percent: &str) {
    let texts = rules::SHIPPED.map(|(name, text)| {
        let quoted = format!("percent = \"{percent}\"");
        (name, text.replacen("percent = \"5%\"", &quoted, 1))
    });
    let texts = texts.each_ref().map(|(name, text)| (*name, text.as_str()));
    let wanted = Wanted {
        config,
        days: 4_000,
        top: 20,
        with: &|names| rulefile::compile(&texts, names),
    };
    let cpu = common::cpu_ms("self");
    let found = replayed(&wanted, &mut |_| {}, &mut |_| {}).unwrap();
    println!(
        "replayed, {percent}: {} purchases, {} differ, {} ms, {} purchases/s, {} ms of CPU with reading before",
        found["purchases"],
        found["changed"],
        found["speed"]["judged_ms"],
        found["speed"]["purchases_per_second"],
        common::cpu_ms("self") - cpu,
    );
    assert_eq!(found["changed"] == 0, percent == "5%", "{}", found["sums"]);
    assert_eq!(found["not_judged"]["cannot_be_told"], 0);
}

fn scale(plan: &Plan) {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-scale");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    switch::configure(&dir, "", "");
    let config = config(&dir.join(switch::DATA));
    let purchases = plan.entries.saturating_sub(plan.members);
    let behind = BEHIND.min(purchases / 2);
    let before = common::resident("self");
    let mut making = Making::new(&config, plan);
    making.up_to(plan.entries - behind - behind / 4);
    let (mut quiet, mut beside) = (Vec::new(), Vec::new());
    std::mem::swap(&mut making.commits, &mut quiet);
    // Full groups of purchases, as fast as they come, beside the writing of a snapshot.
    let writing = making.write_snapshot(&config);
    while !writing.is_finished() && making.engine.book().sequence().0 < plan.entries - behind {
        making.up_to((making.engine.book().sequence().0 + GROUP).min(plan.entries - behind));
    }
    std::mem::swap(&mut making.commits, &mut beside);
    let (bytes, time) = writing.join().unwrap();
    println!(
        "snapshot beside commits: {} MiB, {} bytes a member, {} ms",
        bytes >> 20,
        bytes / plan.members,
        time.as_millis()
    );
    // The newest, and by so much older than the end.
    making.up_to(plan.entries - behind);
    let (bytes, time) = making.write_snapshot(&config).join().unwrap();
    println!(
        "snapshot alone:          {} MiB, {} bytes a member, {} ms",
        bytes >> 20,
        bytes / plan.members,
        time.as_millis()
    );
    making.commits.clear();
    making.up_to(plan.entries);
    making.told();
    quiet.append(&mut making.commits);
    commits("commits of full groups, no snapshot", &mut quiet);
    commits("commits of full groups, beside one", &mut beside);
    let book = making.engine.book();
    let members = book.member_count() as u64;
    println!(
        "built in memory: {} bytes a member, the newest {} entries known again among them",
        (common::resident("self") - before) / members,
        (config.limits.known_entries as u64).min(plan.entries)
    );
    let logs = book.members().map(|member| &member.purchases);
    let (mut days, mut log_bytes) = (0, 0);
    for log in logs {
        days += log.iter().count();
        log_bytes += log.bytes();
    }
    println!(
        "purchase-days: {days}, {} bytes reserved for each; lots: {}",
        log_bytes / days.max(1),
        book.members()
            .map(|member| member.lots().count())
            .sum::<usize>()
    );
    let entries = making.journal.last_sequence();
    let (began, cpu) = (Instant::now(), common::cpu_ms("self"));
    making.lead_store();
    told("ledger database made", entries, began, cpu);
    drop(making);
    println!(
        "on the disk, bytes an entry: journal {}, ledger database {}",
        common::allocated(&config.data.join("journal")) / entries,
        common::allocated(&config.data.join("store")) / entries
    );
    let child = Command::new(env::current_exe().unwrap())
        .env(READ_IN, &config.data)
        .status();
    assert!(child.unwrap().success());
    for round in 0..plan.rounds {
        first_answer(&dir, plan, round);
    }
    let _ = fs::remove_dir_all(&dir);
}

/// Starts the program on a folder that a kill left behind, and kills it again.
fn first_answer(dir: &Path, plan: &Plan, round: u64) {
    let logged = switch::log(dir).len();
    let began = Instant::now();
    let running = Switch::start(dir, "info");
    let ready = began.elapsed();
    let dialect = switch::dialect();
    let mut terminal = switch::terminal(&dialect, &format!("S{round:07}"));
    let sale = Sale::of(
        Who::Card(common::card(round % plan.members)),
        Rials(1_000_000),
    );
    let sent = terminal.purchase(&sale, switch::now()).unwrap();
    let mut link = running.connect();
    let mut frame = Vec::new();
    switch::put(&mut frame, &sent.body);
    link.send_bytes(&frame).unwrap();
    assert_eq!(link.receive().len(), 1);
    let answered = began.elapsed();
    println!(
        "start after a kill: ready in {} ms, a purchase answered in {} ms, {} ms of CPU; {} MiB of memory",
        ready.as_millis(),
        answered.as_millis(),
        common::cpu_ms(&running.child.id().to_string()),
        running.resident_bytes() >> 20
    );
    running.kill();
    let text = switch::log(dir).split_off(logged);
    for line in text
        .lines()
        .filter(|line| line.contains(" ms=") || line.contains("WARN"))
    {
        println!("    {line}");
    }
}

/// What a book takes that was read from its snapshot, by the memory of this process, which does nothing else.
fn read_snapshot(dir: &Path) {
    let began = Instant::now();
    let mut newest = snapshot::newest_valid(dir).unwrap();
    let (checked, before) = (began.elapsed(), common::resident("self"));
    let book = Book::read(&mut newest, 0).unwrap();
    let (read, members) = (began.elapsed() - checked, book.member_count() as u64);
    // What was used while reading goes back to the system within a second, when memory is next asked for.
    thread::sleep(Duration::from_secs(2));
    for kibibytes in 1..=1024 {
        drop(black_box(vec![1u8; kibibytes << 10]));
    }
    println!(
        "snapshot checked in {} ms, read in {} ms: {} bytes of memory a member, with what he is known by, his lots and his purchase-days",
        checked.as_millis(),
        read.as_millis(),
        (common::resident("self") - before) / members
    );
}

fn config(dir: &Path) -> Config {
    let mut config = Config::parse("built in", SHIPPED).unwrap();
    config.data = dir.to_owned();
    config.rules = None;
    config
}

fn told(what: &str, entries: u64, began: Instant, cpu_ms: u64) {
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap().max(1);
    println!(
        "{what:>20}: {ms:7} ms, {:9} entries/s, {} ns of CPU each",
        entries * 1_000 / ms,
        (common::cpu_ms("self") - cpu_ms) * 1_000_000 / entries
    );
}

fn commits(what: &str, commits: &mut [Duration]) {
    commits.sort_unstable();
    let at = |thousandths: usize| {
        let place = commits.len() * thousandths / 1_000;
        commits
            .get(place.min(commits.len().saturating_sub(1)))
            .map_or(0, Duration::as_micros)
    };
    println!(
        "{what}: {}, p50 {} us, p99 {} us, the longest {} us",
        commits.len(),
        at(500),
        at(990),
        at(1_000)
    );
}

/// A data folder in the making: every member with a card first, then purchases, pass by pass over all members in an order
/// that is none, the passes dealt out to the days.
struct Making {
    engine: Engine,
    journal: Journal,
    store: Option<Store>,
    key: TokenKey,
    begin: Moment,
    now: Moment,
    members: u64,
    /// Purchases of a day, and the days.
    a_day: u64,
    days: u64,
    /// What the groups' commits took.
    commits: Vec<Duration>,
    /// A purchase as its terminal sends it at the hour.
    purchase: Option<Request>,
    /// Turns the number of a purchase into its member's.
    stride: u64,
    purchases: u64,
    began: Instant,
}

impl Making {
    fn new(config: &Config, plan: &Plan) -> Making {
        let data = Data::open(config, None).unwrap();
        let loaded = rules::load(config, data.book.names()).unwrap();
        rules::keep(&config.data, &loaded).unwrap();
        let mut engine = rules::engine(config, data.book, Arc::new(loaded.rulebook));
        let zone = engine.rules().world.zone.clone();
        let begin = zone.moment(Local::parse("1405/08/29 00:10").unwrap());
        rules::put_in_force(&mut engine, begin).unwrap();
        let passes = (plan.entries - plan.members).div_ceil(plan.members).max(1);
        let mut stride = [7_368_787, 5_000_011, 1].into_iter();
        Making {
            engine,
            journal: data.journal,
            store: data.store,
            key: data.key,
            begin,
            now: begin,
            members: plan.members,
            a_day: passes.div_ceil(plan.days) * plan.members,
            days: plan.days,
            commits: Vec::new(),
            purchase: None,
            stride: stride
                .find(|n| !plan.members.is_multiple_of(*n))
                .unwrap_or(1),
            purchases: 0,
            began: Instant::now(),
        }
    }

    /// Goes on to this entry, or a group further.
    fn up_to(&mut self, last: u64) {
        while self.engine.book().sequence().0 < last {
            let known = self.engine.book().member_count() as u64;
            if known < self.members {
                self.enrol(GROUP.min(self.members - known));
            } else {
                self.purchase = None;
                (0..GROUP.min(last - self.engine.book().sequence().0)).for_each(|_| self.buy());
            }
            self.append();
        }
    }

    fn told(&self) {
        let entries = self.engine.book().sequence().0;
        println!(
            "{entries} entries made in {} s",
            self.began.elapsed().as_secs()
        );
    }

    fn enrol(&mut self, count: u64) {
        let names = self.engine.names();
        let club = names.club_id("golestan").unwrap();
        let known = self.engine.book().member_count() as u64;
        let members = (known..known + count).map(|n| OpeningMember {
            club,
            identities: vec![Identity::Card(self.token(n))],
            tier: None,
            marketer: None,
            joined: None,
            born: None,
            lots: Vec::new(),
        });
        let mut sha256 = [0; 32];
        sha256[..8].copy_from_slice(&known.to_le_bytes());
        let opening = Opening {
            reason: "bench".to_owned(),
            sha256,
            members: members.collect(),
        };
        self.engine.act(Act::Open(opening), self.now).unwrap();
    }

    fn token(&self, n: u64) -> clubswitch::terms::Token {
        self.key.token(TokenKind::Card, &common::digits(n))
    }

    fn buy(&mut self) {
        let n = self.purchases;
        self.purchases += 1;
        // Twenty hours of each day, from an hour after the enrolments: what comes right behind so many of them could be a repeat of
        // something that memory has forgotten since.
        let day = (n / self.a_day).min(self.days - 1);
        let of_day = n - day * self.a_day;
        self.now.0 = self.begin.0
            + 3_600_000_000_000
            + 86_400_000_000_000 * day as i64
            + (72_000_000_000_000 / self.a_day * of_day) as i64;
        let mut request = match self.purchase.take() {
            Some(request) => request,
            None => {
                let dialect = common::dialect();
                let zone = self.engine.rules().world.zone.clone();
                let mut terminal = common::terminal(&dialect, &zone, 1);
                let sale = Sale::of(Who::Card(common::card(0)), Rials(1));
                let sent = terminal.purchase(&sale, self.now).unwrap();
                common::read(&dialect, &sent, &self.key)
            }
        };
        let terminal = format!("T{:07}", 1 + n / TRACES);
        let member = (n % self.members) * self.stride % self.members;
        request
            .asked
            .key
            .terminal
            .copy_from_slice(terminal.as_bytes());
        request.asked.key.stan = (1 + n % TRACES) as u32;
        request.asked.amount = Some(Rials(100_000 + (n * 7_919 % 5_000_000) as i64));
        request.asked.digest = n;
        request.card = Some(self.token(member));
        let answer = common::told(self.engine.decide(&request, &Brought::default(), self.now));
        assert!(answer.told.verdict.is_approved(), "{answer:?}");
        self.purchase = Some(request);
    }

    fn append(&mut self) {
        if let Some(group) = self.engine.take_group() {
            let began = Instant::now();
            self.journal
                .append(group.first.0, group.count(), &group.bytes)
                .unwrap();
            self.commits.push(began.elapsed());
        }
    }

    /// Writes a snapshot of the book as it is, beside what goes on. Gives its length and how long that took.
    fn write_snapshot(&self, config: &Config) -> JoinHandle<(u64, Duration)> {
        let (dir, epoch) = (config.data.clone(), self.journal.epoch());
        let (key, book): (_, View) = (self.key.check_value(), self.engine.book().view());
        thread::spawn(move || {
            let began = Instant::now();
            let pace = snapshot::Pace::Beside;
            let bytes = data::write_snapshot(&dir, epoch, key, &book, pace).unwrap();
            (bytes, began.elapsed())
        })
    }

    /// Leads the ledger database to the end.
    fn lead_store(&self) {
        let reader: Reader = self.journal.reader();
        if let Some(store) = &self.store {
            store.rebuild(&reader, data::split, |_, _| {}).unwrap();
        }
    }
}
