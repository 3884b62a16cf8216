//! The whole switch over loopback: durable purchases with 64 connections of 16 requests under way each, beside an echo
//! server with the same framing, which is what the sockets and this client alone would give.
//!
//! `SWITCH_S=10 cargo bench --bench switch`

#![allow(clippy::unwrap_used, clippy::float_arithmetic)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clubswitch::exchange::terminal::{Enrolment, Place, Sale, Who};
use clubswitch::exchange::{Terminal, bind};
use clubswitch::spec;
use clubswitch::terms::{Local, Pan, Rials, Zone};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const CONNECTIONS: usize = 64;
const UNDER_WAY: usize = 16;
const CLIENT_THREADS: usize = 2;
const MEMBERS: usize = 1_000;
const START: &str = "1405/09/02 10:15";

/// One connection with a purchase whose trace number is counted on, so that no request is like another.
struct Buyer {
    stream: TcpStream,
    request: Vec<u8>,
    stan_at: usize,
    stan: u32,
    answers: Vec<u8>,
}

fn main() {
    // `cargo test --benches` and `cargo bench -- --list` want nothing of it.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let seconds = std::env::var("SWITCH_S").ok().and_then(|s| s.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(5));
    let echo = measure("echo server", echo_server(), None, time);
    // Not /tmp, which may be memory.
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (mut daemon, address) = daemon(dir.path());
    enrol(address);
    let switch = measure("durable purchases", address, Some(daemon.id()), time);
    println!(
        "the switch gives {:.0} % of the echo server",
        100.0 * switch / echo
    );
    daemon.kill().unwrap();
    daemon.wait().unwrap();
}

/// Loads a server for some time; prints and gives requests a second.
fn measure(what: &str, address: SocketAddr, server: Option<u32>, time: Duration) -> f64 {
    let warm_up = Duration::from_secs(1);
    let began = Instant::now();
    let clients: Vec<_> = (0..CLIENT_THREADS)
        .map(|thread| {
            let range =
                thread * CONNECTIONS / CLIENT_THREADS..(thread + 1) * CONNECTIONS / CLIENT_THREADS;
            let mut buyers: Vec<Buyer> = range.map(|number| Buyer::new(address, number)).collect();
            thread::spawn(move || {
                for buyer in &mut buyers {
                    buyer.ask(UNDER_WAY);
                }
                let mut answered = 0_u64;
                let mut waits: Vec<Duration> = Vec::new();
                let mut measured_from = None;
                while began.elapsed() < warm_up + time {
                    if measured_from.is_none() && began.elapsed() >= warm_up {
                        measured_from = Some(Instant::now());
                        answered = 0;
                        waits.clear();
                    }
                    let round = Instant::now();
                    for buyer in &mut buyers {
                        let count = buyer.take();
                        buyer.ask(count);
                        answered += count as u64;
                    }
                    waits.push(round.elapsed());
                }
                let seconds = measured_from.unwrap().elapsed().as_secs_f64();
                waits.sort();
                (answered as f64 / seconds, waits[waits.len() * 99 / 100])
            })
        })
        .collect();
    thread::sleep(warm_up.saturating_sub(began.elapsed()));
    let cpu_before = server.map(cpu_seconds);
    let measured = Instant::now();
    let mut rate = 0.0;
    let mut slowest = Duration::ZERO;
    for client in clients {
        let (one, p99) = client.join().unwrap();
        rate += one;
        slowest = slowest.max(p99);
    }
    let cpu = server.zip(cpu_before).map(|(pid, before)| {
        1e6 * (cpu_seconds(pid) - before) / (rate * measured.elapsed().as_secs_f64())
    });
    let cpu = cpu.map_or(String::new(), |us| {
        format!(", {us:.1} µs of server CPU each")
    });
    println!(
        "{what}: {rate:.0}/s with {CONNECTIONS} connections x {UNDER_WAY} under way, p99 of a round {:.1} ms{cpu}",
        slowest.as_secs_f64() * 1e3
    );
    rate
}

impl Buyer {
    fn new(address: SocketAddr, number: usize) -> Buyer {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut terminal = terminal(&format!("T{number:07}"));
        let sale = Sale::of(card(number * MEMBERS / CONNECTIONS), Rials(2_755_555));
        let sent = terminal.purchase(&sale, moment()).unwrap();
        let stan = format!("{:06}", sent.stan);
        let again = terminal.purchase(&sale, moment()).unwrap();
        // Two messages one after another differ first in the last digit of the trace number.
        let differs = sent
            .body
            .iter()
            .zip(&again.body)
            .position(|(a, b)| a != b)
            .unwrap();
        assert_eq!(&sent.body[differs - 5..=differs], stan.as_bytes());
        let mut request = u16::try_from(sent.body.len())
            .unwrap()
            .to_be_bytes()
            .to_vec();
        request.extend_from_slice(&sent.body);
        Buyer {
            stream,
            request,
            stan_at: 2 + differs - 5,
            stan: 1,
            answers: Vec::new(),
        }
    }

    fn ask(&mut self, count: usize) {
        let mut all = Vec::with_capacity(count * self.request.len());
        for _ in 0..count {
            self.stan += 1;
            let digits = format!("{:06}", self.stan % 1_000_000);
            self.request[self.stan_at..self.stan_at + 6].copy_from_slice(digits.as_bytes());
            all.extend_from_slice(&self.request);
        }
        self.stream.write_all(&all).unwrap();
    }

    /// Waits for answers; gives how many came.
    fn take(&mut self) -> usize {
        let mut chunk = [0; 16 << 10];
        loop {
            let read = self.stream.read(&mut chunk).unwrap();
            assert!(read > 0, "the server closed the connection");
            self.answers.extend_from_slice(&chunk[..read]);
            let (mut at, mut count) = (0, 0);
            while let Some(head) = self.answers.get(at..at + 2) {
                let length = usize::from(u16::from_be_bytes([head[0], head[1]]));
                if self.answers.len() < at + 2 + length {
                    break;
                }
                at += 2 + length;
                count += 1;
            }
            self.answers.drain(..at);
            if count > 0 {
                return count;
            }
        }
    }
}

/// Gives back every frame as it came: one runtime, as each link thread of the switch has.
fn echo_server() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut bytes = Vec::with_capacity(64 << 10);
                    while stream
                        .read_buf(&mut bytes)
                        .await
                        .is_ok_and(|count| count > 0)
                    {
                        let mut whole = 0;
                        while let Some(head) = bytes.get(whole..whole + 2) {
                            let next =
                                whole + 2 + usize::from(u16::from_be_bytes([head[0], head[1]]));
                            if next > bytes.len() {
                                break;
                            }
                            whole = next;
                        }
                        if stream.write_all(&bytes[..whole]).await.is_err() {
                            return;
                        }
                        bytes.drain(..whole);
                    }
                });
            }
        });
    });
    address
}

fn daemon(dir: &std::path::Path) -> (Child, SocketAddr) {
    let config = format!(
        "data = \"data\"\n[[listener]]\nname = \"pos\"\nbind = \"127.0.0.1:0\"\ndialect = \"iso87-ascii\"\n\
         acquirer = \"581672031\"\n[clock]\nstart = \"{START}\"\n"
    );
    fs::write(dir.join("c.toml"), config).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_clubswitch"))
        .args(["serve", "--config", "c.toml"])
        .current_dir(dir)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| {
            let (_, rest) = line.split_once("link pos on ")?;
            rest.split_whitespace().next()?.parse().ok()
        })
        .unwrap();
    thread::spawn(move || lines.count());
    (child, address)
}

fn enrol(address: SocketAddr) {
    let mut terminal = terminal("T9999999");
    let mut stream = TcpStream::connect(address).unwrap();
    for number in 0..MEMBERS {
        let Who::Card(pan) = card(number) else { return };
        let enrolment = Enrolment {
            card: Some(pan),
            mobile: None,
            national_code: None,
            born: None,
            introducer: None,
            club: Some("golestan".to_owned()),
            staff: None,
        };
        let sent = terminal.enrol(&enrolment, moment()).unwrap();
        let length = u16::try_from(sent.body.len()).unwrap().to_be_bytes();
        stream
            .write_all(&[&length, &sent.body[..]].concat())
            .unwrap();
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut answer).unwrap();
    }
}

fn terminal(number: &str) -> Terminal {
    let dialect = bind(&spec::shipped("iso87-ascii").unwrap()).unwrap();
    let place = Place {
        acceptor: "m-1001".to_owned(),
        terminal: number.to_owned(),
        acquirer: None,
        points_decimals: 2,
    };
    Terminal::new(
        Arc::new(dialect),
        place,
        Zone::named("Asia/Tehran").unwrap(),
    )
}

fn card(number: usize) -> Who {
    Who::Card(Pan::new(format!("999912{number:010}").as_bytes()).unwrap())
}

fn moment() -> clubswitch::terms::Moment {
    Zone::named("Asia/Tehran")
        .unwrap()
        .moment(Local::parse(START).unwrap())
}

/// User and system time of a process so far.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let fields: Vec<&str> = after_name.split(' ').collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|f| f.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / 100.0
}
