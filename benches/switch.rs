//! The real switch over loopback beside echo servers under the same client and the same frames: they take turns in one
//! run, so that a busy machine is fair to all. Switch, echo server and client share the cores. Two things are measured:
//!
//! - `purchases`: durable purchases a second by the shipped rules;
//! - `links`: 0800 echo messages, which no journal keeps: links, sessions and codec alone;
//! - `open`: durable purchases that come when they are due, whether the ones before were answered or not, and what each waited
//!   from then on. There the echo server takes its turn at the same rate;
//! - `reload`: the same, while the rules are loaded again every second, many of them, by signal; and how many purchases waited longer
//!   than 20 ms with and without that.
//!
//! An echo server sends back what one read brought in one write, on as many threads of the same runtime as the switch:
//! the plain one looks at nothing, the framing one sends back whole frames only. A ratio is the median of those of the turns.
//!
//! `cargo bench --bench switch -- links` takes a minute and a half.
//! `CONNECTIONS=64 IN_FLIGHT=16 TURN_MS=500 TURNS=20 MEMBERS=1000 cargo bench --bench switch -- purchases`
//! `RATE=20000 SECONDS=20 cargo bench --bench switch -- open`
//! `RATE=20000 SECONDS=20 RULES=10000 cargo bench --bench switch -- reload`

#![allow(clippy::unwrap_used, clippy::exit)]

#[allow(dead_code)]
#[path = "../tests/it/switch.rs"]
mod switch;

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use clubswitch::exchange::Network;
use clubswitch::exchange::terminal::{Enrolment, Sale, Sent, Who};
use clubswitch::terms::{Pan, Rials};
use switch::Switch;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::runtime::{self, LocalOptions, LocalRuntime};

/// Where things stand in the frames of a bench.
#[derive(Clone, Copy)]
struct Places {
    /// Where the trace number begins in a frame that is sent …
    stan_asked: usize,
    /// … and in its answer.
    stan_told: usize,
    /// Where the response code begins in the answer.
    code_told: usize,
}

/// A purchase by card: length, type, bitmap and fields 2, 3, 4 and 7 stand before its trace number. The answer has no
/// field 2, and fields 11, 12, 13, 37 and 38 before the response code.
const PURCHASE: Places = {
    let (stan_asked, pan) = (2 + 4 + 16 + 18 + 6 + 12 + 10, 18);
    Places {
        stan_asked,
        stan_told: stan_asked - pan,
        code_told: stan_asked - pan + 6 + 6 + 4 + 12 + 6,
    }
};
/// An echo message: length, type, both bitmaps and field 7; the answer has fields 11, 12 and 13 before the response code.
const NETWORK: Places = {
    let stan = 2 + 4 + 32 + 10;
    Places {
        stan_asked: stan,
        stan_told: stan,
        code_told: stan + 6 + 6 + 4,
    }
};
const READ_BYTES: usize = 64 << 10;
/// How long nothing is sent when nothing is due. The system adds some 60 µs.
const NAP: Duration = Duration::from_micros(50);
const PACE_WARM: Duration = Duration::from_secs(2);

fn main() {
    if let Some(kind) = std::env::var_os("ECHO_SERVER") {
        return echo_server(kind == "framing");
    }
    // `cargo test --benches` asks only whether it runs.
    let measured = std::env::args().any(|arg| arg == "--bench");
    let names: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| {
        let mut given = names.iter().filter(|given| !given.starts_with('-'));
        given.clone().next().is_none() || given.any(|given| given == name)
    };
    let number = |name: &str, usual: u64| {
        let given = std::env::var(name).ok();
        given.map_or(usual, |text| text.parse().expect("a number"))
    };
    let asked =
        std::env::var_os("CONNECTIONS").is_some() || std::env::var_os("IN_FLIGHT").is_some();
    let plan = Plan {
        shapes: if asked {
            vec![(number("CONNECTIONS", 64), number("IN_FLIGHT", 16))]
        } else {
            vec![(64, 16), (64, 1)]
        },
        // Many short turns: what else the machine does then falls on all sides alike.
        turns: number("TURNS", if measured { 20 } else { 1 }),
        warm: Duration::from_millis(100),
        time: Duration::from_millis(number("TURN_MS", if measured { 500 } else { 200 })),
        members: number("MEMBERS", if measured { 1_000 } else { 64 }),
    };

    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-switch");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    switch::configure(&dir, "", "");
    let path = dir.join("clubswitch.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("rules = \"rules\"\n{text}")).unwrap();
    write_rules(&dir, 0, 0);
    let running = Switch::start(&dir, "info");
    println!(
        "{:>23}   {:8} {:>13} {:>11} {:>11} {:>8} {:>8} {:>10}",
        "connections × in flight",
        "what",
        "answers/s",
        "server us",
        "client us",
        "p50 us",
        "p99 us",
        "p99.9 us"
    );
    if wanted("links") {
        links(&running, &plan);
    }
    let (open_loop, reloads) = (wanted("open"), wanted("reload"));
    if open_loop || reloads || wanted("purchases") {
        enrol(&running, plan.members);
    }
    let rate = number("RATE", if measured { 20_000 } else { 500 });
    let time = Duration::from_secs(number("SECONDS", if measured { 20 } else { 1 }));
    if open_loop {
        open(&running, &plan, rate, time);
    }
    if reloads {
        let rules = number("RULES", if measured { 10_000 } else { 100 });
        reload(&running, &dir, &plan, (rate, time), rules);
    }
    if wanted("purchases") {
        purchases(&running, &plan);
    }
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load at the end: {}", load.trim());
    running.stop();
    let _ = fs::remove_dir_all(&dir);
}

/// Echo messages beside both echo servers.
fn links(running: &Switch, plan: &Plan) {
    let echoes = [Echo::start("plain"), Echo::start("framing")];
    let mut sides: Vec<Side<'_>> = echoes.iter().map(Echo::side).collect();
    sides.push(Side::of(running));
    for &(connections, in_flight) in &plan.shapes {
        let before = counted(running);
        let (each, talk) = (0..connections, (in_flight, NETWORK));
        let desks = || each.clone().map(Desk::of_echoes).collect();
        compare(&sides, (connections, talk), &desks, plan);
        let [frames, reads, writes] = counted(running);
        let hundredths = |calls: u64| {
            let each = calls * 100 / (frames - before[0]);
            format!("{}.{:02}", each / 100, each % 100)
        };
        println!(
            "{:>23}   switch   {} reads and {} writes a frame",
            format!("{connections} × {in_flight}"),
            hundredths(reads - before[1]),
            hundredths(writes - before[2]),
        );
    }
}

/// Frames answered without the book, and the system calls that read and wrote, as the switch counts them.
fn counted(running: &Switch) -> [u64; 3] {
    let page = running.page("/metrics");
    [
        "requests_total{link=\"pos\",mti_class=\"network\"",
        "link_reads_total{",
        "link_writes_total{",
    ]
    .map(|figure| {
        let name = format!("clubswitch_{figure}");
        let line = page.lines().find(|line| line.starts_with(&name));
        let value = line.and_then(|line| line.rsplit(' ').next());
        // A link has no figures before its first connection.
        value.map_or(0, |value| value.parse().unwrap())
    })
}

/// Purchases beside the framing echo server.
fn purchases(running: &Switch, plan: &Plan) {
    let echo = Echo::start("framing");
    let sides = [echo.side(), Side::of(running)];
    let mut terminals = 0;
    for &(connections, in_flight) in &plan.shapes {
        let desks = || -> Vec<Desk> {
            let each = 0..connections;
            each.map(|n| Desk::of_purchases(terminals + n, n, connections, plan))
                .collect()
        };
        compare(&sides, (connections, (in_flight, PURCHASE)), &desks, plan);
        terminals += connections;
    }
    let page = running.page("/metrics");
    assert!(
        page.lines()
            .any(|line| line == "clubswitch_ledger_imbalance 0")
    );
    // How large its groups were, and what a sync took.
    for figure in [
        "sequence ",
        "fsync_duration_seconds_sum ",
        "fsync_duration_seconds_count ",
    ] {
        let name = format!("clubswitch_journal_{figure}");
        let line = page.lines().find(|line| line.starts_with(&name));
        println!("{}", line.unwrap_or_else(|| panic!("no {name} in\n{page}")));
    }
}

/// Purchases when they are due, beside frames that are only sent back.
fn open(running: &Switch, plan: &Plan, rate: u64, time: Duration) {
    let echo = Echo::start("framing");
    let connections = plan
        .shapes
        .first()
        .map_or(64, |(connections, _)| *connections);
    for side in [echo.side(), Side::of(running)] {
        let mut tally = Tally::default();
        tally.pace(&side, (connections, 9_000_000), plan, rate, time);
        tally.tell(&format!("{connections}, {rate} a second"), side.name);
    }
}

/// The shipped rules with so many more, none of which applies; no two rounds have the same.
fn write_rules(dir: &Path, rules: u64, round: u64) {
    for (name, text) in clubswitch::serve::rules::SHIPPED {
        let mut text = text.to_owned();
        if name.starts_with("clubs/") {
            for n in 0..rules {
                text.push_str(&format!(
                    "[[accrue]]\nname = \"r{n}\"\nwhen = {{ merchants = [\"m-1002\"], amount_rial = {{ min = {} }} }}\n\
                     earn = {{ to = \"points\", fixed = \"1\" }}\nfunded_by = \"club\"\n",
                    1_000_000_000 + round
                ));
            }
        }
        let path = dir.join("rules").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// Purchases when they are due, first quietly, then while the rules are loaded again every second.
fn reload(running: &Switch, dir: &Path, plan: &Plan, (rate, time): (u64, Duration), rules: u64) {
    let connections = plan
        .shapes
        .first()
        .map_or(64, |(connections, _)| *connections);
    let side = Side::of(running);
    let over = AtomicBool::new(false);
    for (loads, first) in [(false, 8_000_000), (true, 7_000_000)] {
        let mut tally = Tally::default();
        let loaded = thread::scope(|scope| {
            let loading = scope.spawn(|| {
                let mut loaded = 0;
                while loads && !over.load(Ordering::Relaxed) {
                    loaded += 1;
                    write_rules(dir, rules, loaded);
                    let process = rustix::process::Pid::from_child(&running.child);
                    rustix::process::kill_process(process, rustix::process::Signal::HUP).unwrap();
                    thread::sleep(Duration::from_secs(1));
                }
                loaded
            });
            tally.pace(&side, (connections, first), plan, rate, time);
            over.store(true, Ordering::Relaxed);
            let loaded = loading.join().unwrap();
            over.store(false, Ordering::Relaxed);
            loaded
        });
        tally.tell(
            &format!("{connections}, {rate} a second"),
            if loads { "reload" } else { "quiet" },
        );
        let late = tally.latencies_us.iter().filter(|us| **us > 20_000).count();
        println!(
            "{:>23}   {loaded} loads of {rules} rules, {late} purchases over 20 ms, the slowest {} us",
            "",
            tally.latencies_us.last().copied().unwrap_or_default(),
        );
    }
    let page = running.page("/metrics");
    let number = page
        .lines()
        .find(|line| line.starts_with("clubswitch_rule_set_number"));
    println!("{}", number.unwrap_or_default());
}

/// How a connection talks: frames in flight, and what stands where in them.
type Talk = (u64, Places);

/// Lets all sides take turns, tells what each came to, and the last one's part of each other one.
fn compare(
    sides: &[Side<'_>],
    (connections, talk): (u64, Talk),
    desks: &dyn Fn() -> Vec<Desk>,
    plan: &Plan,
) {
    let mut tallies: Vec<Tally> = sides.iter().map(|_| Tally::default()).collect();
    let mut all: Vec<Vec<Desk>> = sides.iter().map(|_| desks()).collect();
    for _ in 0..plan.turns {
        for ((side, tally), desks) in sides.iter().zip(&mut tallies).zip(&mut all) {
            *desks = tally.turn(side, std::mem::take(desks), talk, plan);
        }
    }
    let shape = format!("{connections} × {}", talk.0);
    for (side, tally) in sides.iter().zip(&mut tallies) {
        tally.tell(&shape, side.name);
    }
    let Some((ours, bounds)) = tallies.split_last() else {
        return;
    };
    for (side, bound) in sides.iter().zip(bounds) {
        let each = ours.turns.iter().zip(&bound.turns);
        let mut hundredths: Vec<u64> = each.map(|(ours, bound)| ours * 100 / bound).collect();
        hundredths.sort_unstable();
        let middle = hundredths[hundredths.len() / 2];
        println!(
            "{shape:>23}   {}.{:02} x {} (half of the turns within {}..{} %)",
            middle / 100,
            middle % 100,
            side.name,
            hundredths[hundredths.len() / 4],
            hundredths[hundredths.len() * 3 / 4],
        );
    }
}

/// How long and how much.
struct Plan {
    shapes: Vec<(u64, u64)>,
    turns: u64,
    warm: Duration,
    time: Duration,
    members: u64,
}

/// Makes the cards members'.
fn enrol(running: &Switch, members: u64) {
    let mut terminal = switch::terminal(&switch::dialect(), "E0000001");
    let mut link = running.connect();
    let cards: Vec<u64> = (0..members).collect();
    for some in cards.chunks(50) {
        let mut batch = Vec::new();
        for n in some {
            let enrolment = Enrolment {
                card: Some(card(*n)),
                ..Enrolment::default()
            };
            let sent = terminal.enrol(&enrolment, switch::now()).unwrap();
            switch::put(&mut batch, &sent.body);
        }
        link.send_bytes(&batch).unwrap();
        let mut missing = some.len();
        while missing > 0 {
            missing -= link.receive().len();
        }
    }
}

fn card(n: u64) -> Pan {
    Pan::new(format!("99991200{n:08}").as_bytes()).expect("16 digits")
}

/// A terminal whose messages are encoded before: all that is written anew in a frame is its trace number.
struct Desk {
    frames: Vec<Vec<u8>>,
    stan_at: usize,
    stan: u32,
    /// When each trace number was sent, by its last digits.
    sent_at: Vec<Instant>,
}

impl Desk {
    /// The members are dealt out to the terminals of a shape.
    fn of_purchases(number: u64, place: u64, places: u64, plan: &Plan) -> Desk {
        let mut terminal = switch::terminal(&switch::dialect(), &format!("T{number:07}"));
        let sent = (place..plan.members).step_by(places as usize).map(|n| {
            let rials = 100_000 + (n * 7_919 % 5_000_000) as i64;
            let sale = Sale::of(Who::Card(card(n)), Rials(rials));
            terminal.purchase(&sale, switch::now()).unwrap()
        });
        Desk::new(PURCHASE, sent)
    }

    fn of_echoes(number: u64) -> Desk {
        let mut terminal = switch::terminal(&switch::dialect(), &format!("T{number:07}"));
        let sent = terminal.network(Network::Echo, switch::now()).unwrap();
        Desk::new(NETWORK, std::iter::once(sent))
    }

    fn new(places: Places, sent: impl Iterator<Item = Sent>) -> Desk {
        let stan_at = places.stan_asked;
        let frames = sent.map(|sent| {
            let mut frame = Vec::new();
            switch::put(&mut frame, &sent.body);
            let stan = format!("{:06}", sent.stan);
            assert_eq!(frame[stan_at..stan_at + 6], *stan.as_bytes());
            frame
        });
        Desk {
            frames: frames.collect(),
            stan_at,
            stan: 0,
            sent_at: vec![Instant::now(); 1024],
        }
    }

    fn put(&mut self, count: u64, out: &mut Vec<u8>) {
        let now = Instant::now();
        for _ in 0..count {
            // A purchase's is never used twice in a run: a million for each terminal is far more than a run takes.
            self.stan = self.stan % 999_999 + 1;
            let start = out.len() + self.stan_at;
            out.extend_from_slice(&self.frames[self.stan as usize % self.frames.len()]);
            let mut left = self.stan;
            for digit in out[start..start + 6].iter_mut().rev() {
                *digit = b'0' + (left % 10) as u8;
                left /= 10;
            }
            self.sent_at[self.stan as usize % 1024] = now;
        }
    }

    fn sent_at(&self, stan: &[u8]) -> Instant {
        let stan = stan
            .iter()
            .fold(0, |n, digit| n * 10 + usize::from(digit - b'0'));
        self.sent_at[stan % 1024]
    }
}

/// Who is talked to.
struct Side<'a> {
    name: &'a str,
    address: &'a str,
    process: u32,
    /// Whether it answers, or sends back what it got.
    answers: bool,
}

impl Side<'_> {
    fn of(running: &Switch) -> Side<'_> {
        Side {
            name: "switch",
            address: &running.link,
            process: running.child.id(),
            answers: true,
        }
    }
}

/// What the turns of one side came to.
#[derive(Default)]
struct Tally {
    answers: u64,
    /// Answers a second, by turn.
    turns: Vec<u64>,
    time: Duration,
    server_ns: u64,
    client_ns: u64,
    latencies_us: Vec<u32>,
}

/// What the client's thread shares with the one that measures.
#[derive(Default)]
struct Shared {
    answered: AtomicU64,
    measuring: AtomicBool,
    stop: AtomicBool,
}

impl Tally {
    /// Drives one side for the time of a turn, after it is warm.
    fn turn(&mut self, side: &Side<'_>, desks: Vec<Desk>, talk: Talk, plan: &Plan) -> Vec<Desk> {
        let shared = Arc::new(Shared::default());
        let (address, answers) = (side.address.to_owned(), side.answers);
        let client = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || drive(&address, answers, desks, talk, &shared))
        };
        thread::sleep(plan.warm);
        let look = || {
            (
                Instant::now(),
                shared.answered.load(Ordering::Relaxed),
                cpu_ns(&side.process.to_string()),
                cpu_ns("self"),
            )
        };
        let before = look();
        shared.measuring.store(true, Ordering::Relaxed);
        thread::sleep(plan.time);
        shared.measuring.store(false, Ordering::Relaxed);
        let after = look();
        shared.stop.store(true, Ordering::Relaxed);
        let (desks, latencies_us) = client.join().unwrap();
        let (time, count) = (after.0 - before.0, after.1 - before.1);
        self.time += time;
        self.answers += count;
        self.turns.push(per_second(count, time).max(1));
        self.server_ns += after.2 - before.2;
        self.client_ns += after.3 - before.3;
        self.latencies_us.extend(latencies_us);
        desks
    }

    /// Sends so many purchases a second for so long, in turn on every connection, and counts what each waited from when it was due.
    /// The number of the first terminal is given too.
    fn pace(
        &mut self,
        side: &Side<'_>,
        (connections, first): (u64, u64),
        plan: &Plan,
        rate: u64,
        time: Duration,
    ) {
        let count = |time: Duration| rate * time.as_millis() as u64 / 1_000;
        let (warm, all) = (count(PACE_WARM), count(PACE_WARM + time));
        let (answers, address) = (side.answers, side.address);
        let mut desks: Vec<Desk> = (0..connections)
            .map(|n| Desk::of_purchases(first + n, n, connections, plan))
            .collect();
        let mut streams: Vec<std::net::TcpStream> = desks
            .iter()
            .map(|_| std::net::TcpStream::connect(address).unwrap())
            .collect();
        let begin = Instant::now() + Duration::from_millis(50);
        let due = move |n: u64| begin + Duration::from_nanos(n * 1_000_000_000 / rate);
        let read = (0..connections).zip(&streams).map(|(n, stream)| {
            stream.set_nodelay(true).unwrap();
            stream.set_nonblocking(true).unwrap();
            (
                n,
                all / connections + u64::from(n < all % connections),
                stream.try_clone().unwrap(),
            )
        });
        let read: Vec<_> = read.collect();
        let reader = thread::spawn(move || {
            let waits = Rc::new(RefCell::new(Vec::with_capacity(all as usize)));
            local().block_on(async {
                let tasks: Vec<_> = read
                    .into_iter()
                    .map(|(n, frames, stream)| {
                        let stream = TcpStream::from_std(stream).unwrap();
                        let waits = Rc::clone(&waits);
                        tokio::task::spawn_local(async move {
                            let due = |stan: u64| {
                                let nth = (stan - 1) * connections + n;
                                (nth >= warm).then(|| due(nth))
                            };
                            listen(stream, answers, frames, due, &waits).await;
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await.unwrap();
                }
            });
            waits.take()
        });
        let look = || {
            (
                Instant::now(),
                cpu_ns(&side.process.to_string()),
                cpu_ns("self"),
            )
        };
        let mut before = look();
        let mut frame = Vec::new();
        for n in 0..all {
            while Instant::now() < due(n) {
                thread::sleep(NAP);
            }
            if n == warm {
                before = look();
            }
            let place = (n % connections) as usize;
            frame.clear();
            desks[place].put(1, &mut frame);
            let mut sent = 0;
            while sent < frame.len() {
                match streams[place].write(&frame[sent..]) {
                    Ok(count) => sent += count,
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                        thread::sleep(NAP);
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }
        self.latencies_us = reader.join().unwrap();
        let after = look();
        self.time = after.0 - before.0;
        self.answers = all - warm;
        self.server_ns = after.1 - before.1;
        self.client_ns = after.2 - before.2;
    }

    fn tell(&mut self, shape: &str, what: &str) {
        self.latencies_us.sort_unstable();
        let count = self.latencies_us.len().max(1);
        let at = |per_mille: usize| {
            let place = (count * per_mille / 1000).min(count - 1);
            self.latencies_us.get(place).copied().unwrap_or_default()
        };
        let each = |ns: u64| {
            let ns = ns / self.answers.max(1);
            format!("{}.{:02}", ns / 1000, ns % 1000 / 10)
        };
        println!(
            "{shape:>23}   {what:8} {:13} {:>11} {:>11} {:8} {:8} {:10}",
            per_second(self.answers, self.time),
            each(self.server_ns),
            each(self.client_ns),
            at(500),
            at(990),
            at(999)
        );
    }
}

fn per_second(count: u64, time: Duration) -> u64 {
    count * 1000 / u64::try_from(time.as_millis()).unwrap().max(1)
}

/// The client: one thread, a task for each connection.
fn drive(
    address: &str,
    answers: bool,
    desks: Vec<Desk>,
    talk: Talk,
    shared: &Arc<Shared>,
) -> (Vec<Desk>, Vec<u32>) {
    let latencies_us = Rc::new(RefCell::new(Vec::with_capacity(1 << 20)));
    let desks = local().block_on(async {
        let all: Vec<_> = desks
            .into_iter()
            .map(|desk| {
                let (address, shared) = (address.to_owned(), Arc::clone(shared));
                let latencies_us = Rc::clone(&latencies_us);
                tokio::task::spawn_local(async move {
                    let stream = TcpStream::connect(address).await.unwrap();
                    stream.set_nodelay(true).unwrap();
                    converse(stream, answers, desk, talk, &shared, &latencies_us).await
                })
            })
            .collect();
        let mut desks = Vec::new();
        for one in all {
            desks.push(one.await.unwrap());
        }
        desks
    });
    (desks, latencies_us.take())
}

fn local() -> LocalRuntime {
    let mut builder = runtime::Builder::new_current_thread();
    builder
        .enable_all()
        .build_local(LocalOptions::default())
        .unwrap()
}

/// Keeps so many in flight: each read is followed by one write of as many new frames as answers came.
async fn converse(
    mut stream: TcpStream,
    answers: bool,
    mut desk: Desk,
    (in_flight, places): Talk,
    shared: &Shared,
    latencies_us: &RefCell<Vec<u32>>,
) -> Desk {
    let stan_at = match answers {
        true => places.stan_told,
        false => places.stan_asked,
    };
    let mut out = Vec::new();
    let mut came = vec![0; READ_BYTES];
    let mut filled = 0;
    let mut missing = in_flight;
    desk.put(in_flight, &mut out);
    loop {
        write(&stream, &out).await;
        out.clear();
        let count = stream.read(&mut came[filled..]).await.unwrap();
        assert!(count > 0, "the other side has ended");
        filled += count;
        let now = Instant::now();
        let measuring = shared.measuring.load(Ordering::Relaxed);
        let (mut at, mut count) = (0, 0);
        while let Some(end) = frame_end(&came[at..filled]) {
            let frame = &came[at..at + end];
            if answers {
                let code = &frame[places.code_told..places.code_told + 2];
                assert_eq!(code, b"00", "{}", frame.escape_ascii());
            }
            if measuring {
                let took = now - desk.sent_at(&frame[stan_at..stan_at + 6]);
                latencies_us.borrow_mut().push(took.as_micros() as u32);
            }
            at += end;
            count += 1;
        }
        came.copy_within(at..filled, 0);
        filled -= at;
        shared.answered.fetch_add(count, Ordering::Relaxed);
        if shared.stop.load(Ordering::Relaxed) {
            missing -= count;
            if missing == 0 {
                return desk;
            }
        } else {
            desk.put(count, &mut out);
        }
    }
}

/// Reads so many answers; what each waited from the moment that `due` says for its trace number.
async fn listen(
    mut stream: TcpStream,
    answers: bool,
    mut missing: u64,
    due: impl Fn(u64) -> Option<Instant>,
    waits: &RefCell<Vec<u32>>,
) {
    let stan_at = match answers {
        true => PURCHASE.stan_told,
        false => PURCHASE.stan_asked,
    };
    let (mut came, mut filled) = (vec![0; READ_BYTES], 0);
    while missing > 0 {
        let count = stream.read(&mut came[filled..]).await.unwrap();
        assert!(count > 0, "the other side has ended");
        filled += count;
        let (now, mut at) = (Instant::now(), 0);
        while let Some(end) = frame_end(&came[at..filled]) {
            let frame = &came[at..at + end];
            if answers {
                let code = &frame[PURCHASE.code_told..PURCHASE.code_told + 2];
                assert_eq!(code, b"00", "{}", frame.escape_ascii());
            }
            let stan = frame[stan_at..stan_at + 6]
                .iter()
                .fold(0, |n, digit| n * 10 + u64::from(digit - b'0'));
            if let Some(due) = due(stan) {
                waits.borrow_mut().push((now - due).as_micros() as u32);
            }
            at += end;
            missing -= 1;
        }
        came.copy_within(at..filled, 0);
        filled -= at;
    }
}

async fn write(stream: &TcpStream, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match stream.try_write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                stream.writable().await.unwrap();
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// The bytes of the first frame, where it is whole.
fn frame_end(bytes: &[u8]) -> Option<usize> {
    let head = bytes.first_chunk::<2>()?;
    let end = 2 + usize::from(u16::from_be_bytes(*head));
    (bytes.len() >= end).then_some(end)
}

/// The lower bound: a process that sends back what came, one read and one write for all that came together.
struct Echo {
    kind: &'static str,
    child: Child,
    address: String,
}

impl Echo {
    fn start(kind: &'static str) -> Echo {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env("ECHO_SERVER", kind)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut address).unwrap();
        Echo {
            kind,
            child,
            address: address.trim().to_owned(),
        }
    }

    fn side(&self) -> Side<'_> {
        Side {
            name: self.kind,
            address: &self.address,
            process: self.child.id(),
            answers: false,
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A thread a core, as many connections on each; ends with the one who started it.
fn echo_server(framing: bool) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap());
    std::io::stdout().flush().unwrap();
    thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let floors: Vec<_> = (0..cores)
        .map(|_| {
            let (tell, arrivals) = channel::<std::net::TcpStream>();
            let (wake, mut woken) = tokio::sync::mpsc::unbounded_channel::<()>();
            thread::spawn(move || {
                local().block_on(async move {
                    while woken.recv().await.is_some() {
                        for stream in arrivals.try_iter() {
                            tokio::task::spawn_local(echo(stream, framing));
                        }
                    }
                });
            });
            (tell, wake)
        })
        .collect();
    for (n, stream) in listener.incoming().enumerate() {
        let (tell, wake) = &floors[n % cores];
        tell.send(stream.unwrap()).unwrap();
        wake.send(()).unwrap();
    }
}

async fn echo(stream: std::net::TcpStream, framing: bool) {
    stream.set_nonblocking(true).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut stream = TcpStream::from_std(stream).unwrap();
    let mut came = vec![0; READ_BYTES];
    let mut filled = 0;
    loop {
        // Unlike `try_read`, this asks the kernel no second time after a read that did not fill its room.
        match stream.read(&mut came[filled..]).await {
            Ok(0) | Err(_) => return,
            Ok(count) => filled += count,
        }
        let mut at = if framing { 0 } else { filled };
        while let Some(end) = frame_end(&came[at..filled]) {
            at += end;
        }
        write(&stream, &came[..at]).await;
        came.copy_within(at..filled, 0);
        filled -= at;
    }
}

/// CPU time of all threads of a process, from `/proc/PID/task/*/schedstat`.
fn cpu_ns(process: &str) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let of_task = |path: PathBuf| -> Option<u64> {
        let text = fs::read_to_string(path.join("schedstat")).ok()?;
        text.split(' ').next()?.parse().ok()
    };
    tasks.filter_map(|task| of_task(task.ok()?.path())).sum()
}
