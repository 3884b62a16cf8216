//! Durable purchases a second through the whole switch over loopback, by the shipped rules, beside an echo server with the
//! same framing under the same client and the same frames: the two take turns in one run, so that a busy machine is fair
//! to both. Switch, echo server and client share the cores.
//!
//! `CONNECTIONS=64 IN_FLIGHT=16 SECONDS=4 TURNS=3 MEMBERS=1000 cargo bench --bench switch`

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

use clubswitch::exchange::terminal::{Enrolment, Sale, Who};
use clubswitch::terms::{Pan, Rials};
use switch::Switch;
use tokio::net::TcpStream;
use tokio::runtime;
use tokio::task::LocalSet;

/// Where the trace number begins in a frame of a purchase by card: length, type, bitmap, fields 2, 3, 4 and 7 before it.
const STAN_ASKED: usize = 2 + 4 + 16 + 18 + 6 + 12 + 10;
/// The same in its answer, which has no field 2, and where the response code begins: fields 11, 12, 13, 37, 38 before it.
const STAN_TOLD: usize = STAN_ASKED - 18;
const CODE_TOLD: usize = STAN_TOLD + 6 + 6 + 4 + 12 + 6;
const WARM: Duration = Duration::from_secs(1);
const READ_BYTES: usize = 64 << 10;

fn main() {
    if std::env::var_os("ECHO_SERVER").is_some() {
        return echo_server();
    }
    // `cargo test --benches` asks only whether it runs.
    let measured = std::env::args().any(|arg| arg == "--bench");
    let number = |name: &str, usual: u64| {
        let given = std::env::var(name).ok();
        given.map_or(usual, |text| text.parse().expect("a number"))
    };
    let plan = Plan {
        turns: number("TURNS", if measured { 3 } else { 1 }),
        warm: if measured {
            WARM
        } else {
            Duration::from_millis(100)
        },
        time: Duration::from_millis(if measured {
            1000 * number("SECONDS", 4)
        } else {
            200
        }),
        members: number("MEMBERS", if measured { 1_000 } else { 64 }),
    };
    let asked =
        std::env::var_os("CONNECTIONS").is_some() || std::env::var_os("IN_FLIGHT").is_some();
    let shapes = if asked {
        vec![(number("CONNECTIONS", 64), number("IN_FLIGHT", 16))]
    } else {
        vec![(64, 16), (64, 1)]
    };

    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-switch");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    switch::configure(&dir, "", "");
    let running = Switch::start(&dir, "info");
    enrol(&running, plan.members);
    let echo = Echo::start();

    println!(
        "connections × in flight   what     purchases/s   server us   client us   p50 us   p99 us   p99.9 us"
    );
    let mut terminals = 0;
    for (connections, in_flight) in shapes {
        let desks = || -> Vec<Desk> {
            let each = (0..connections).map(|n| Desk::new(terminals + n, n, connections, &plan));
            each.collect()
        };
        let (mut to_echo, mut to_switch) = (desks(), desks());
        terminals += connections;
        let (mut through_echo, mut through_switch) = (Tally::default(), Tally::default());
        for _ in 0..plan.turns {
            let link = Side {
                address: &echo.address,
                process: echo.child.id(),
                answers: false,
            };
            to_echo = through_echo.turn(&link, to_echo, in_flight, &plan);
            let link = Side {
                address: &running.link,
                process: running.child.id(),
                answers: true,
            };
            to_switch = through_switch.turn(&link, to_switch, in_flight, &plan);
        }
        let shape = format!("{connections} × {in_flight}");
        through_echo.tell(&shape, "echo");
        through_switch.tell(&shape, "switch");
        let (ours, bound) = (
            through_switch.per_second(),
            through_echo.per_second().max(1),
        );
        println!(
            "{shape:>23}   ratio    {}.{:02}",
            ours / bound,
            ours * 100 / bound % 100
        );
    }
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load at the end: {}", load.trim());

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
    running.stop();
    let _ = fs::remove_dir_all(&dir);
}

/// How long and how much.
struct Plan {
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

/// A terminal whose purchases are encoded before: all that is written anew in a frame is its trace number.
struct Desk {
    frames: Vec<Vec<u8>>,
    stan: u32,
    /// When each trace number was sent, by its last digits.
    sent_at: Vec<Instant>,
}

impl Desk {
    /// The members are dealt out to the terminals of a shape.
    fn new(number: u64, place: u64, places: u64, plan: &Plan) -> Desk {
        let mut terminal = switch::terminal(&switch::dialect(), &format!("T{number:07}"));
        let frames = (place..plan.members).step_by(places as usize).map(|n| {
            let rials = 100_000 + (n * 7_919 % 5_000_000) as i64;
            let sale = Sale::of(Who::Card(card(n)), Rials(rials));
            let sent = terminal.purchase(&sale, switch::now()).unwrap();
            let mut frame = Vec::new();
            switch::put(&mut frame, &sent.body);
            assert_eq!(
                frame[STAN_ASKED..STAN_ASKED + 6],
                *format!("{:06}", sent.stan).as_bytes()
            );
            frame
        });
        Desk {
            frames: frames.collect(),
            stan: 0,
            sent_at: vec![Instant::now(); 1024],
        }
    }

    fn put(&mut self, count: u64, out: &mut Vec<u8>) {
        let now = Instant::now();
        for _ in 0..count {
            // Never used twice in a run: a million for each terminal is far more than a run takes.
            self.stan = self.stan % 999_999 + 1;
            let start = out.len() + STAN_ASKED;
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
    address: &'a str,
    process: u32,
    /// Whether it answers, or sends back what it got.
    answers: bool,
}

/// What the turns of one side came to.
#[derive(Default)]
struct Tally {
    purchases: u64,
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
    fn turn(
        &mut self,
        side: &Side<'_>,
        desks: Vec<Desk>,
        in_flight: u64,
        plan: &Plan,
    ) -> Vec<Desk> {
        let shared = Arc::new(Shared::default());
        let (address, answers) = (side.address.to_owned(), side.answers);
        let client = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || drive(&address, answers, desks, in_flight, &shared))
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
        self.time += after.0 - before.0;
        self.purchases += after.1 - before.1;
        self.server_ns += after.2 - before.2;
        self.client_ns += after.3 - before.3;
        self.latencies_us.extend(latencies_us);
        desks
    }

    fn per_second(&self) -> u64 {
        let ms = u64::try_from(self.time.as_millis()).unwrap().max(1);
        self.purchases * 1000 / ms
    }

    fn tell(&mut self, shape: &str, what: &str) {
        self.latencies_us.sort_unstable();
        let count = self.latencies_us.len().max(1);
        let at = |per_mille: usize| {
            let place = (count * per_mille / 1000).min(count - 1);
            self.latencies_us.get(place).copied().unwrap_or_default()
        };
        let each = |ns: u64| {
            let ns = ns / self.purchases.max(1);
            format!("{}.{:02}", ns / 1000, ns % 1000 / 10)
        };
        println!(
            "{shape:>23}   {what:6} {:13} {:>11} {:>11} {:8} {:8} {:10}",
            self.per_second(),
            each(self.server_ns),
            each(self.client_ns),
            at(500),
            at(990),
            at(999)
        );
    }
}

/// The client: one thread, a task for each connection.
fn drive(
    address: &str,
    answers: bool,
    desks: Vec<Desk>,
    in_flight: u64,
    shared: &Arc<Shared>,
) -> (Vec<Desk>, Vec<u32>) {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let tasks = LocalSet::new();
    let latencies_us = Rc::new(RefCell::new(Vec::with_capacity(1 << 20)));
    let desks = tasks.block_on(&runtime, async {
        let all: Vec<_> = desks
            .into_iter()
            .map(|desk| {
                let (address, shared) = (address.to_owned(), Arc::clone(shared));
                let latencies_us = Rc::clone(&latencies_us);
                tokio::task::spawn_local(async move {
                    let stream = TcpStream::connect(address).await.unwrap();
                    stream.set_nodelay(true).unwrap();
                    converse(stream, answers, desk, in_flight, &shared, &latencies_us).await
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

/// Keeps so many in flight: each read is followed by one write of as many new frames as answers came.
async fn converse(
    stream: TcpStream,
    answers: bool,
    mut desk: Desk,
    in_flight: u64,
    shared: &Shared,
    latencies_us: &RefCell<Vec<u32>>,
) -> Desk {
    let stan_at = if answers { STAN_TOLD } else { STAN_ASKED };
    let mut out = Vec::new();
    let mut came = vec![0; READ_BYTES];
    let mut filled = 0;
    let mut missing = in_flight;
    desk.put(in_flight, &mut out);
    loop {
        write(&stream, &out).await;
        out.clear();
        filled += read(&stream, &mut came[filled..]).await;
        let now = Instant::now();
        let measuring = shared.measuring.load(Ordering::Relaxed);
        let (mut at, mut count) = (0, 0);
        while let Some(end) = frame_end(&came[at..filled]) {
            let frame = &came[at..at + end];
            if answers {
                let code = &frame[CODE_TOLD..CODE_TOLD + 2];
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

async fn read(stream: &TcpStream, into: &mut [u8]) -> usize {
    loop {
        stream.readable().await.unwrap();
        match stream.try_read(into) {
            Ok(count) => {
                assert!(count > 0, "the other side has ended");
                return count;
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
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

/// The lower bound: a process that sends back every whole frame, one read and one write for all that came together.
struct Echo {
    child: Child,
    address: String,
}

impl Echo {
    fn start() -> Echo {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env("ECHO_SERVER", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut address).unwrap();
        Echo {
            child,
            address: address.trim().to_owned(),
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
fn echo_server() {
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
                let runtime = runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                LocalSet::new().block_on(&runtime, async move {
                    while woken.recv().await.is_some() {
                        for stream in arrivals.try_iter() {
                            tokio::task::spawn_local(echo(stream));
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

async fn echo(stream: std::net::TcpStream) {
    stream.set_nonblocking(true).unwrap();
    stream.set_nodelay(true).unwrap();
    let stream = TcpStream::from_std(stream).unwrap();
    let mut came = vec![0; READ_BYTES];
    let mut filled = 0;
    loop {
        stream.readable().await.unwrap();
        match stream.try_read(&mut came[filled..]) {
            Ok(0) => return,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) => return,
        }
        let mut at = 0;
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
