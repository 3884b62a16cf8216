//! Broken messages and broken streams, thousands by default: against the decoder, and against the running daemon while a
//! healthy terminal is served beside them. Ten million of each:
//! `FRAMES=10000000 cargo test --release --test it storm -- --nocapture`; `SEED=…` (hex, printed) makes the same frames again.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use clubswitch::exchange::bind;
use clubswitch::exchange::terminal::{Enrolment, Sale, Who};
use clubswitch::ledger::Verdict;
use clubswitch::message::describe::{Secrets, text};
use clubswitch::message::{DecodeError, Message, Mti};
use clubswitch::spec::{SHIPPED, Spec, load_text, shipped};
use clubswitch::terms::{Pan, Rials};
use clubswitch::wire::coding::to_hex;
use clubswitch::wire::framing::Framing;

use crate::frames::{self, Case, Random, copied};
use crate::switch::{self, PATIENCE, Switch};

/// What memory may grow after the first tenth of a storm.
const GROWTH_MOST: u64 = 64 << 20;
/// Good messages made for a dialect, beside those of the fixtures.
const MADE: usize = 200;
/// Longer messages are rare on a real link, and in a storm only make it slower.
const USUAL_BYTES: usize = 1_500;

/// Whatever a dialect file can say of the inside of a field, in one dialect.
const EVERYTHING: &str = include_str!("../fuzz/everything.toml");

/// How many frames.
fn frames_wanted() -> u64 {
    let given = std::env::var("FRAMES").ok();
    given.map_or(20_000, |text| text.replace('_', "").parse().unwrap())
}

/// Good messages of one dialect, and what breaks them.
struct Breaker {
    spec: Spec,
    messages: Vec<Vec<u8>>,
    /// So many of them, the first ones, are fixtures: they mean something, and every other message is one of them.
    fixtures: usize,
}

impl Breaker {
    fn of(spec: Spec, cases: &[Case], random: &mut Random) -> Breaker {
        let mut messages: Vec<Vec<u8>> = cases
            .iter()
            .filter(|case| case.spec.name() == spec.name())
            .map(|case| case.bytes.to_vec())
            .collect();
        let fixtures = messages.len();
        let types: Vec<Mti> = spec
            .functions()
            .iter()
            .flat_map(|f| f.mti.clone())
            .collect();
        while messages.len() < MADE {
            let mti = types.get(random.below(types.len())).copied();
            let (message, _) = random.message(&spec, mti.unwrap_or(Mti(0x200)));
            if message.len() <= USUAL_BYTES || random.below(32) == 0 {
                messages.push(message.to_vec());
            }
        }
        Breaker {
            spec,
            messages,
            fixtures,
        }
    }

    /// A good message, broken in one to three places. Never empty.
    fn next(&self, random: &mut Random, out: &mut Vec<u8>) {
        out.clear();
        let of = [self.fixtures.max(1), self.messages.len()][random.below(2)];
        out.extend_from_slice(&self.messages[random.below(of)]);
        let wounds = [1, 1, 2, 3][random.below(4)];
        for _ in 0..wounds {
            self.hurt(random, out);
            if out.is_empty() {
                out.push(random.below(256) as u8);
            }
        }
    }

    fn hurt(&self, random: &mut Random, out: &mut Vec<u8>) {
        let at = random.below(out.len());
        match random.below(9) {
            0 => out[at] ^= 1 << random.below(8),
            1 => out[at] = random.below(256) as u8,
            2 => out.truncate(at),
            3 => out.insert(at, random.below(256) as u8),
            4 => {
                out.remove(at);
            }
            // A slice twice.
            5 => {
                let to = out.len().min(at + 1 + random.below(40));
                out.extend_from_within(at..to);
                out[to..].rotate_right(to - at);
            }
            // A digit, often one of a length.
            6 => {
                let digit = out[at..].iter_mut().find(|byte| byte.is_ascii_digit());
                if let Some(digit) = digit {
                    *digit = b'0' + random.below(10) as u8;
                }
            }
            // A bit of the bitmap, or of what stands where it ends.
            7 => {
                let at = random.below(out.len().min(36));
                out[at] = if out[at].is_ascii_hexdigit() {
                    b"0123456789ABCDEF"[random.below(16)]
                } else {
                    out[at] ^ 1 << random.below(8)
                };
            }
            // The begin of this and the end of another.
            _ => {
                let other = &self.messages[random.below(self.messages.len())];
                out.truncate(at);
                out.extend_from_slice(&other[random.below(other.len() + 1)..]);
            }
        }
    }
}

/// Prints the message at hand when a test fails over it.
struct Shown<'a>(&'a Spec, &'a [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("over {}: {}", self.0.name(), to_hex(self.1));
        }
    }
}

/// Reads a message of the storm: it is told and made again as it was, or refused at a place inside it, without a word of
/// what stood there. Whether it was read.
fn check(spec: &Spec, bytes: &Bytes) -> bool {
    let _shown = Shown(spec, bytes);
    match Message::decode(spec, bytes.clone()) {
        Ok(message) => {
            assert!(!text(spec, &message, Secrets::Masked).is_empty());
            assert_eq!(to_hex(&copied(spec, &message)), to_hex(bytes));
            let peek = Message::peek(spec, bytes).expect("what can be read can be peeked at");
            assert_eq!(peek.mti, message.mti());
            true
        }
        Err(error) => {
            let told = error.to_string();
            let DecodeError { at_byte, read, .. } = error;
            assert!(at_byte <= bytes.len(), "{told}");
            assert!(told.starts_with("field "), "{told}");
            // A path, a length and a place have at most five digits: anything longer would be content.
            let longest = told.split(|c: char| !c.is_ascii_digit()).map(str::len);
            assert!(longest.max() <= Some(5), "{told}");
            assert!(told.len() < 120 && told.is_ascii(), "{told}");
            if let Some(read) = read {
                text(spec, &read, Secrets::Masked);
                copied(spec, &read);
            }
            false
        }
    }
}

/// Runs a test in a process of its own, so that the memory it measures is its own.
fn alone(name: &str, test: impl FnOnce()) {
    const MARK: &str = "STORM_ALONE";
    if std::env::var(MARK).is_ok() {
        return test();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(MARK, "1")
        .output()
        .unwrap();
    print!("{}", String::from_utf8_lossy(&output.stdout));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
}

#[test]
fn no_broken_message_harms_the_decoder() {
    alone("storm::no_broken_message_harms_the_decoder", || {
        let (seed, frames) = (frames::seed(), frames_wanted());
        println!("SEED=0x{seed:x}");
        let mut random = Random(seed);
        let shipped = SHIPPED.iter().map(|(name, _)| shipped(name).unwrap());
        let cases = frames::cases();
        let everything = load_text("everything", EVERYTHING);
        let breakers: Vec<Breaker> = shipped
            .chain([everything.unwrap_or_else(|faults| panic!("{faults}"))])
            .map(|spec| Breaker::of(spec, &cases, &mut random))
            .collect();
        let (began, mut broken) = (Instant::now(), Vec::new());
        let (mut read, mut before) = (0_u64, 0);
        for turn in 0..frames {
            if turn == frames / 10 {
                before = switch::resident_bytes("self");
            }
            let breaker = &breakers[(turn % breakers.len() as u64) as usize];
            breaker.next(&mut random, &mut broken);
            let bytes = Bytes::copy_from_slice(&broken);
            read += u64::from(check(&breaker.spec, &bytes));
        }
        let after = switch::resident_bytes("self");
        let seconds = began.elapsed().as_secs_f64();
        println!(
            "decoder: {frames} frames in {seconds:.1} s, {read} read, resident {} KiB, then {} KiB",
            before >> 10,
            after >> 10
        );
        assert!(read > frames / 100 && read < frames, "{read} were read");
        assert!(after < before + GROWTH_MOST);
    });
}

/// A listener under the storm.
struct Coast {
    address: String,
    framing: Framing,
    /// Which dialect it speaks.
    breaker: usize,
    /// Whether what comes may be decided. On the others all wants a sign-on first, which never comes: whatever can be
    /// read is refused, so that memory is not taken by business.
    open: bool,
}

/// What the storm has done so far.
#[derive(Default)]
struct Toll {
    /// Frames on connections whose end was waited for, so that the daemon has read them all.
    frames: AtomicU64,
    /// Frames on connections that were dropped in the middle.
    dropped: AtomicU64,
    connections: AtomicU64,
    answered_bytes: AtomicU64,
}

/// Threads that storm.
const STORMS: u64 = 2;
/// One connection in so many goes to the open listener.
const OPEN_IN: usize = 100;
/// A connection of the storm brings at most so many frames.
const FRAMES_MOST: usize = 400;

fn listener(name: &str, framing: &str, dialect: &str, more: &str) -> String {
    format!(
        "[[listener]]\nname = \"{name}\"\nbind = \"127.0.0.1:0\"\nframing = \"{framing}\"\ndialect = \"{dialect}\"\n\
         acquirer = \"581672031\"\npartial_frame_timeout = \"1s\"\n{more}\n"
    )
}

#[test]
fn a_storm_harms_neither_the_daemon_nor_the_terminal_beside_it() {
    let (seed, frames) = (frames::seed(), frames_wanted());
    println!("SEED=0x{seed:x}");
    let mut random = Random(seed);
    let cases = frames::cases();
    let tongues = SHIPPED.iter().map(|(name, _)| *name);
    let tongues: Vec<&str> = tongues
        .filter(|name| bind(&shipped(name).unwrap()).is_ok())
        .collect();
    let breakers: Vec<Breaker> = tongues
        .iter()
        .map(|name| {
            let mut breaker = Breaker::of(shipped(name).unwrap(), &cases, &mut random);
            breaker.messages.retain(|m| m.len() <= USUAL_BYTES);
            breaker
        })
        .collect();
    let mut tables = "[limits]\nrecent_entries = 1_000\n".to_owned();
    let mut coasts = Vec::new();
    for (breaker, tongue) in tongues.iter().enumerate() {
        for (at, name) in Framing::NAMES.iter().enumerate() {
            if (breaker + at) % 3 != 0 {
                continue;
            }
            let link = format!("storm-{tongue}-{name}");
            tables += &listener(&link, name, tongue, "require_sign_on = true");
            coasts.push((link, Framing::named(name).unwrap(), breaker, false));
        }
    }
    tables += &listener("storm-open", "len2-be", tongues[0], "test = true");
    coasts.push((
        "storm-open".to_owned(),
        Framing::named("len2-be").unwrap(),
        0,
        true,
    ));
    let dir = tempfile::tempdir().unwrap();
    switch::configure(dir.path(), "", &tables);
    // Every broken stream is a line of the log.
    let running = Switch::start(dir.path(), "info,clubswitch::serve::link=error");
    let coasts: Vec<Coast> = coasts
        .into_iter()
        .map(|(link, framing, breaker, open)| Coast {
            address: running.address(&link),
            framing,
            breaker,
            open,
        })
        .collect();

    let (toll, over, began) = (Toll::default(), AtomicBool::new(false), Instant::now());
    let (mut before, mut most) = (None, 0);
    let healthy = thread::scope(|scope| {
        let healthy = scope.spawn(|| be_served(&running.link, &over));
        let storms: Vec<_> = (0..STORMS)
            .map(|n| {
                let random = Random((seed ^ (n + 1) << 48) | 1);
                let (coasts, breakers, toll) = (&coasts, &breakers, &toll);
                scope.spawn(move || {
                    let mut storm = Storm {
                        coasts,
                        breakers,
                        toll,
                        random,
                    };
                    while toll.frames.load(Ordering::Relaxed) < frames {
                        storm.break_on();
                    }
                })
            })
            .collect();
        while storms.iter().any(|storm| !storm.is_finished()) {
            thread::sleep(Duration::from_millis(20));
            if toll.frames.load(Ordering::Relaxed) >= frames / 10 {
                let now = running.resident_bytes();
                before.get_or_insert(now);
                most = most.max(now);
            }
        }
        over.store(true, Ordering::Relaxed);
        healthy.join().unwrap()
    });
    let seconds = began.elapsed().as_secs_f64();
    let before = before.unwrap();
    let sent = toll.frames.load(Ordering::Relaxed);

    assert!(running.page("/readyz").starts_with("HTTP/1.1 200"));
    let metrics = running.page("/metrics");
    let figure = |name: &str, label: &str| -> u64 {
        let lines = metrics.lines().filter(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(['{', ' ']) && rest.contains(label))
        });
        let values = lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap());
        values.sum::<f64>() as u64
    };
    assert_eq!(figure("clubswitch_ledger_imbalance", ""), 0);
    let storm = "link=\"storm-";
    let counted = figure("clubswitch_requests_total", storm)
        + figure("clubswitch_frames_rejected_total", storm);
    let journaled = figure("clubswitch_journal_sequence", "");
    println!(
        "daemon: {sent} frames and {} on dropped connections in {seconds:.1} s over {} connections, {counted} counted by it, \
         {} bytes of answers; {journaled} entries journaled, of those {} of the healthy terminal, slowest answer to it {:?}; \
         resident {} KiB, then at most {} KiB",
        toll.dropped.load(Ordering::Relaxed),
        toll.connections.load(Ordering::Relaxed),
        toll.answered_bytes.load(Ordering::Relaxed),
        healthy.purchases,
        healthy.slowest,
        before >> 10,
        most >> 10,
    );
    assert!(
        counted >= sent,
        "{counted} of {sent} frames were dealt with"
    );
    assert!(healthy.purchases > 0);
    assert!(most < before + GROWTH_MOST);
    running.stop();
    assert!(
        !switch::log(dir.path()).contains("panic"),
        "{}",
        switch::log(dir.path())
    );
    let verified = switch::command(dir.path(), &["ledger", "verify"]).output();
    let verified = verified.unwrap();
    assert!(verified.status.success(), "{verified:?}");
}

struct Storm<'a> {
    coasts: &'a [Coast],
    breakers: &'a [Breaker],
    toll: &'a Toll,
    random: Random,
}

impl Storm<'_> {
    /// One connection from its begin to its end.
    fn break_on(&mut self) {
        let open = self.random.below(OPEN_IN) == 0;
        let coasts: Vec<&Coast> = self.coasts.iter().filter(|c| c.open == open).collect();
        let coast = coasts[self.random.below(coasts.len())];
        let mut wave = Wave::to(&coast.address);
        let count = 1 + self.random.below(FRAMES_MOST) as u64;
        let mut out = BytesMut::new();
        for _ in 0..count {
            self.put(coast, &mut out);
            if self.random.below(40) == 0 {
                coast.framing.put(b"", b"", &mut out).unwrap();
            }
            if out.len() > 64 << 10 {
                assert!(wave.push(&mut out), "a good stream was closed");
            }
        }
        assert!(wave.push(&mut out), "a good stream was closed");
        let mut orderly = true;
        match self.random.below(10) {
            // What is no length, or a lie.
            0 => {
                let bytes = 1 + self.random.below(40);
                out.extend((0..bytes).map(|_| self.random.below(256) as u8));
                wave.push(&mut out);
            }
            // A frame that ends too early.
            1 => {
                self.put(coast, &mut out);
                out.truncate(self.random.below(out.len()));
                wave.push(&mut out);
            }
            // A slow one.
            2 => {
                self.put(coast, &mut out);
                out.truncate(30);
                while out.has_remaining() && wave.push(&mut out.split_to(1)) {
                    thread::sleep(Duration::from_micros(200));
                }
            }
            // One that never ends: the daemon has to close.
            3 if self.random.below(40) == 0 => {
                self.put(coast, &mut out);
                out.truncate(1);
                wave.push(&mut out);
                wave.wait_for_end();
            }
            // Gone, without reading what was answered.
            4 => orderly = false,
            _ => {}
        }
        self.toll.connections.fetch_add(1, Ordering::Relaxed);
        let toll = if orderly {
            // It may be closed by now, for what came last.
            let _ = wave.stream.shutdown(Shutdown::Write);
            wave.wait_for_end();
            &self.toll.frames
        } else {
            &self.toll.dropped
        };
        toll.fetch_add(count, Ordering::Relaxed);
        self.toll
            .answered_bytes
            .fetch_add(wave.heard, Ordering::Relaxed);
    }

    /// A broken message in a good frame.
    fn put(&mut self, coast: &Coast, out: &mut BytesMut) {
        let breaker = &self.breakers[coast.breaker];
        let mut body = Vec::new();
        loop {
            breaker.next(&mut self.random, &mut body);
            if coast.framing.name() == "etx" {
                body.iter_mut()
                    .filter(|byte| **byte == 3)
                    .for_each(|byte| *byte = 4);
            }
            if coast.open || !signs_on(&breaker.spec, &body) {
                break;
            }
        }
        let header = coast.framing.first_header();
        coast.framing.put(&header, &body, out).unwrap();
    }
}

/// Whether a message would sign its link on, and let what follows be decided.
fn signs_on(spec: &Spec, body: &[u8]) -> bool {
    let network = matches!(
        body,
        [b'0' | b'1', b'8', ..] | [0xf0 | 0xf1, 0xf8, ..] | [0x08 | 0x18, ..]
    );
    network
        && Message::decode(spec, Bytes::copy_from_slice(body))
            .is_ok_and(|message| message.function(spec).is_some_and(|f| f.name == "sign-on"))
}

/// A connection of the storm. It takes what is answered while it writes, or the daemon would stop reading.
struct Wave {
    stream: TcpStream,
    heard: u64,
}

impl Wave {
    fn to(address: &str) -> Wave {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nonblocking(true).unwrap();
        Wave { stream, heard: 0 }
    }

    /// Writes all of it. `false` where the other side has closed.
    fn push(&mut self, out: &mut BytesMut) -> bool {
        let mut since = Instant::now();
        while !out.is_empty() {
            let wrote = match self.stream.write(out) {
                Ok(count) => {
                    out.advance(count);
                    true
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => false,
                Err(_) => return false,
            };
            match self.drain() {
                None => return false,
                Some(0) if !wrote => self.pause(since),
                Some(_) => since = Instant::now(),
            }
        }
        true
    }

    /// Takes what is answered until the other side closes.
    fn wait_for_end(&mut self) {
        let mut since = Instant::now();
        while let Some(count) = self.drain() {
            if count == 0 {
                self.pause(since);
            } else {
                since = Instant::now();
            }
        }
    }

    /// Takes what has been answered; `None` where the other side has closed.
    fn drain(&mut self) -> Option<usize> {
        let mut piece = [0; 64 << 10];
        match self.stream.read(&mut piece) {
            Ok(0) => None,
            Ok(count) => {
                self.heard += count as u64;
                Some(count)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Some(0),
            Err(_) => None,
        }
    }

    fn pause(&self, since: Instant) {
        assert!(
            since.elapsed() < PATIENCE,
            "the daemon neither reads nor writes"
        );
        thread::sleep(Duration::from_micros(100));
    }
}

/// What the healthy terminal has seen.
struct Served {
    purchases: u64,
    slowest: Duration,
}

/// A terminal that greets and sells all the while, and is answered well each time, within the patience of its connection.
fn be_served(address: &str, over: &AtomicBool) -> Served {
    let dialect = switch::dialect();
    let mut terminal = switch::terminal(&dialect, "T0000001");
    let mut link = switch::Link::to(address).unwrap();
    let card = Pan::new(b"9999120000000019").unwrap();
    let mut served = Served {
        purchases: 0,
        slowest: Duration::ZERO,
    };
    let enrolment = Enrolment {
        card: Some(card.clone()),
        ..Enrolment::default()
    };
    let mut next = vec![terminal.enrol(&enrolment, switch::now()).unwrap()];
    while !over.load(Ordering::Relaxed) {
        for sent in next.drain(..) {
            let (mut batch, began) = (Vec::new(), Instant::now());
            switch::put(&mut batch, &sent.body);
            link.send_bytes(&batch).unwrap();
            let answers = link.receive();
            assert_eq!(answers.len(), 1, "{sent:?}");
            served.slowest = served.slowest.max(began.elapsed());
            let bytes = Bytes::copy_from_slice(&answers[0]);
            let message = Message::decode(dialect.spec(), bytes).unwrap();
            let receipt = terminal.receipt(&message);
            assert_eq!(receipt.mti, sent.mti.response());
            assert_eq!(receipt.stan, Some(sent.stan));
            assert_eq!(receipt.verdict, Some(Verdict::Approved), "{sent:?}");
            served.purchases += u64::from(sent.function == "purchase");
        }
        let sale = Sale::of(Who::Card(card.clone()), Rials(100_000));
        next.push(
            terminal
                .network(clubswitch::exchange::Network::Echo, switch::now())
                .unwrap(),
        );
        next.push(terminal.purchase(&sale, switch::now()).unwrap());
        // Business takes memory too: a little of it shows that it goes on.
        thread::sleep(Duration::from_millis(10));
    }
    served
}
