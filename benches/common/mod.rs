//! What the benches of the money wing share: an engine by the shipped rules, a shop's terminal, cards, and what a process uses.

#![allow(dead_code, clippy::unwrap_used)]

pub mod many;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clubswitch::engine::{Act, Answer, Decision, Engine, Limits};
use clubswitch::exchange::terminal::{Place, Sent};
use clubswitch::exchange::{Dialect, LinkTerms, Read, Terminal, bind};
use clubswitch::keys::TokenKey;
use clubswitch::ledger::{Book, Names, Request};
use clubswitch::message::Message;
use clubswitch::rulefile;
use clubswitch::spec;
use clubswitch::terms::{Local, Moment, Pan, Zone};

/// As the daemon has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An engine with an empty book and these rule files in force, and a Monday morning, when the shipped ones give a discount.
pub fn engine(remembered: usize, files: &[(&str, &str)]) -> (Engine, Moment) {
    let loaded = rulefile::compile(files, &Names::default()).unwrap();
    let rules = Arc::new(loaded.rulebook);
    let now = rules
        .world
        .zone
        .moment(Local::parse("1405/09/02 10:15").unwrap());
    let mut engine = Engine::new(Book::new(remembered), Arc::clone(&rules), Limits::default());
    engine.act(Act::LoadRules(rules), now).unwrap();
    (engine, now)
}

/// The default dialect.
pub fn dialect() -> Arc<Dialect> {
    Arc::new(bind(&spec::shipped("iso87-ascii").unwrap()).unwrap())
}

/// A terminal in the first shop of the shipped rules.
pub fn terminal(dialect: &Arc<Dialect>, zone: &Zone, number: u64) -> Terminal {
    let place = Place {
        acceptor: "m-1001".to_owned(),
        terminal: format!("T{number:07}"),
        acquirer: Some("581672031".to_owned()),
        points_decimals: 2,
    };
    Terminal::new(Arc::clone(dialect), place, zone.clone())
}

/// The digits of a card.
pub fn digits(n: u64) -> [u8; 16] {
    let mut digits = *b"9999120000000000";
    let mut left = n;
    for digit in digits[6..].iter_mut().rev() {
        *digit = b'0' + (left % 10) as u8;
        left /= 10;
    }
    digits
}

/// A card.
pub fn card(n: u64) -> Pan {
    Pan::new(&digits(n)).unwrap()
}

/// What a terminal sent, as the engine takes it.
pub fn read(dialect: &Dialect, sent: &Sent, key: &TokenKey) -> Request {
    let message = Message::decode(dialect.spec(), sent.body.clone()).unwrap();
    let token = |kind, value: &[u8]| key.token(kind, value);
    match dialect.read(&message, &LinkTerms::default(), &token) {
        Read::Ask(request) => *request,
        other => panic!("a request wanted, {other:?} found"),
    }
}

/// The answer of a decision that needs nothing more.
pub fn told(decision: Decision) -> Answer {
    match decision {
        Decision::Tell(answer) => answer,
        Decision::Needs(all) => panic!("an answer wanted, {all:?} needed"),
    }
}

/// CPU time of the threads that live, in nanoseconds.
pub fn cpu_ns() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let of_task = |path: PathBuf| -> Option<u64> {
        let text = fs::read_to_string(path.join("schedstat")).ok()?;
        text.split(' ').next()?.parse().ok()
    };
    tasks.filter_map(|task| of_task(task.ok()?.path())).sum()
}

/// CPU time of a process, of threads that have ended too, in milliseconds.
pub fn cpu_ms(process: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, rest) = text.rsplit_once(')').unwrap();
    let ticks = rest.split_whitespace().skip(11).take(2);
    ticks.map(|n| n.parse::<u64>().unwrap() * 10).sum()
}

/// Memory of a process in use, in bytes.
pub fn resident(process: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let kib: u64 = line
        .and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0);
    kib << 10
}

/// Bytes that the file system gave to the files of a folder.
pub fn allocated(dir: &Path) -> u64 {
    let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap());
    files
        .map(|file| match file.metadata().unwrap() {
            data if data.is_dir() => allocated(&file.path()),
            data => data.blocks() * 512,
        })
        .sum()
}
