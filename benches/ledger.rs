//! The ledger at length: a journal of purchases by the shipped rules is made, and then what reads all of it is timed.
//!
//! - `verify`: replayed from nothing, held against book, ledger database and seals.
//!
//! `ENTRIES=1000000 MEMBERS=10000 cargo bench --bench ledger -- verify`

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clubswitch::config::{Config, SHIPPED};
use clubswitch::engine::{Brought, Decision, Engine};
use clubswitch::exchange::terminal::{Enrolment, Place, Sale, Sent, Who};
use clubswitch::exchange::{Dialect, LinkTerms, Read, Terminal, bind};
use clubswitch::journal::Journal;
use clubswitch::keys::TokenKey;
use clubswitch::ledger::Request;
use clubswitch::message::Message;
use clubswitch::serve::data::{self, Data};
use clubswitch::serve::office::Office;
use clubswitch::serve::rules;
use clubswitch::spec;
use clubswitch::terms::{Local, Pan, Rials};
use serde_json::json;

const GROUP: u64 = 256;
const ROUNDS: usize = 5;
/// Messages of one terminal: its trace numbers must not begin anew within a day.
const TRACES: u64 = 500_000;

fn main() {
    // `cargo test --benches` asks only whether it runs.
    let measured = std::env::args().any(|arg| arg == "--bench");
    let number = |name: &str, usual: u64| {
        let given = std::env::var(name).ok();
        given.map_or(usual, |text| text.parse().expect("a number"))
    };
    let entries = number("ENTRIES", if measured { 1_000_000 } else { 2_000 });
    let members = number("MEMBERS", if measured { 10_000 } else { 100 });
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-ledger");
    let _ = fs::remove_dir_all(&dir);
    let mut config = Config::parse("built in", SHIPPED).unwrap();
    config.data = dir.clone();
    config.rules = None;
    let began = Instant::now();
    make(&config, entries, members);
    println!(
        "{entries} purchases of {members} members made in {} s",
        began.elapsed().as_secs()
    );
    let began = Instant::now();
    let mut office = Office::open(config).unwrap();
    let last = office.journal().last_sequence();
    told("opened from nothing", last, began.elapsed());
    for _ in 0..if measured { ROUNDS } else { 1 } {
        let began = Instant::now();
        let found = office.carry_out("ledger-verify", &json!({}), &mut |_| {});
        let found = found.unwrap();
        assert_eq!(found["whole"], true, "{found}");
        assert_eq!(found["entries"], last);
        told("verified", last, began.elapsed());
    }
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load at the end: {}", load.trim());
    drop(office);
    let _ = fs::remove_dir_all(&dir);
}

fn told(what: &str, entries: u64, time: Duration) {
    let ms = u64::try_from(time.as_millis()).unwrap().max(1);
    println!(
        "{what:>20}: {ms:7} ms, {:9} entries/s",
        entries * 1_000 / ms
    );
}

/// A data folder with so many purchases by so many members, its ledger database led to the end.
fn make(config: &Config, entries: u64, members: u64) {
    let data = Data::open(config, None).unwrap();
    let loaded = rules::load(config, data.book.names()).unwrap();
    let mut engine = rules::engine(config, data.book, Arc::new(loaded.rulebook));
    let mut journal = data.journal;
    let zone = engine.rules().world.zone.clone();
    let mut now = zone.moment(Local::parse("1405/09/02 08:15").unwrap());
    rules::put_in_force(&mut engine, now).unwrap();
    let dialect = Arc::new(bind(&spec::shipped("iso87-ascii").unwrap()).unwrap());
    let terminal_of = |number: u64| {
        let place = Place {
            acceptor: "m-1001".to_owned(),
            terminal: format!("T{number:07}"),
            acquirer: Some("581672031".to_owned()),
            points_decimals: 2,
        };
        Terminal::new(Arc::clone(&dialect), place, zone.clone())
    };
    let mut terminal = terminal_of(1);
    let card = |n: u64| Pan::new(format!("99991200{n:08}").as_bytes()).unwrap();
    for n in 0..members + entries {
        now.0 += 20_000_000;
        if n % TRACES == TRACES - 1 {
            terminal = terminal_of(1 + n / TRACES + 1);
        }
        let sent = if n < members {
            let enrolment = Enrolment {
                card: Some(card(n)),
                ..Enrolment::default()
            };
            terminal.enrol(&enrolment, now)
        } else {
            let rials = 100_000 + (n * 7_919 % 5_000_000) as i64;
            let sale = Sale::of(Who::Card(card(n * 31 % members)), Rials(rials));
            terminal.purchase(&sale, now)
        };
        let request = read(&dialect, &sent.unwrap(), &data.key);
        let mut brought = Brought::default();
        loop {
            match engine.decide(&request, &brought, now) {
                Decision::Tell(answer) => {
                    assert!(answer.told.verdict.is_approved(), "{answer:?}");
                    break;
                }
                // A stranger of the same fragment, which memory no longer holds.
                Decision::Needs(needed) => {
                    assert!(needed.items.is_empty(), "{needed:?}");
                    append(&mut journal, &mut engine);
                    let entry = |at| data::entry(None, &journal.reader(), at).unwrap().unwrap();
                    brought
                        .entries
                        .extend(needed.entries.into_iter().map(entry));
                }
            }
        }
        if n % GROUP == GROUP - 1 {
            append(&mut journal, &mut engine);
        }
    }
    append(&mut journal, &mut engine);
    let reader = journal.reader();
    if let Some(store) = data.store {
        store.rebuild(&reader, data::split, |_, _| {}).unwrap();
    }
}

fn append(journal: &mut Journal, engine: &mut Engine) {
    if let Some(group) = engine.take_group() {
        journal
            .append(group.first.0, group.count(), &group.bytes)
            .unwrap();
    }
}

fn read(dialect: &Dialect, sent: &Sent, key: &TokenKey) -> Request {
    let message = Message::decode(dialect.spec(), sent.body.clone()).unwrap();
    let token = |kind, value: &[u8]| key.token(kind, value);
    match dialect.read(&message, &LinkTerms::default(), &token) {
        Read::Ask(request) => *request,
        other => panic!("a request wanted, {other:?} found"),
    }
}
