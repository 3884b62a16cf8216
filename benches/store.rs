//! The ledger database: how fast it is made again from the journal with its index, what that costs on the disk, and what
//! a look-up takes. Purchases of the shipped rules, each with another key, a thousand members of a million.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use clubswitch::engine::Brought;
use clubswitch::exchange::terminal::{Enrolment, Sale, Who};
use clubswitch::journal::{Journal, Options};
use clubswitch::keys::TokenKey;
use clubswitch::ledger::finding::{self, Item};
use clubswitch::ledger::{Entry, Input, record};
use clubswitch::serve::rules::SHIPPED;
use clubswitch::store::{Lookup, Store};
use clubswitch::terms::{AcquirerId, Day, MemberId, Rials, Sequence};
use common::{allocated, cpu_ns, resident};

const GROUP: u32 = 256;
const MEMBERS: u64 = 100_000;
const LOOKS: u64 = 20_000;

fn main() {
    // `cargo test --benches` asks only whether it runs.
    let asked = std::env::var("ENTRIES").ok().and_then(|n| n.parse().ok());
    let is_bench = std::env::args().any(|arg| arg == "--bench");
    let entries: u64 = asked.unwrap_or(if is_bench { 1_000_000 } else { 2_000 });
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-store");
    let _ = fs::remove_dir_all(&dir);

    let purchase = a_purchase();
    items(&purchase);
    let (mut journal, _) = Journal::open(&dir, Options::default()).unwrap();
    let mut bytes = 0;
    for first in (1..=entries).step_by(GROUP as usize) {
        let mut payload = Vec::new();
        for sequence in first..first + u64::from(GROUP) {
            record::encode(&vary(&purchase, sequence), &mut payload);
        }
        bytes += payload.len() as u64;
        journal.append(first, GROUP, &payload).unwrap();
    }
    let last = journal.last_sequence();
    println!("{last} entries of {} bytes", bytes / last);

    let before = resident("self");
    let (began, cpu) = (Instant::now(), cpu_ns());
    let (store, _) = Store::open(&dir, journal.folder().identity()).unwrap();
    store.rebuild(&journal.reader(), split, |_, _| {}).unwrap();
    let us = micros(began);
    println!(
        "made again in {} ms: {} entries/s, {} ns of CPU each; {} bytes a decision on the disk; {} MiB of memory",
        us / 1000,
        last * 1_000_000 / us,
        cpu_ns().saturating_sub(cpu) / last,
        allocated(&dir.join("store")) / last,
        (resident("self") - before) >> 20,
    );
    look_ups(&store, last);

    let mut turned = vary(&purchase, last + 1);
    turned.input = Input::DayTurned {
        acquirer: AcquirerId(0),
        closed: Day(20_000),
        opened: Day(20_001),
    };
    let mut payload = Vec::new();
    record::encode(&turned, &mut payload);
    journal.append(last + 1, 1, &payload).unwrap();
    let group = journal.reader().find(last + 1).unwrap().unwrap();
    let end = clubswitch::store::Position {
        sequence: last + 1,
        chain: group.chain,
    };
    store
        .follow(last + 1, &split(&payload, 1).unwrap(), end)
        .unwrap();
    let (began, cpu, mut steps, mut longest) = (Instant::now(), cpu_ns(), 0, 0);
    loop {
        let step = Instant::now();
        if !store.step().unwrap() {
            break;
        }
        steps += 1;
        longest = longest.max(micros(step));
    }
    store.flush().unwrap();
    while store.step().unwrap() {}
    store.flush().unwrap();
    println!(
        "runs merged in {} ms, {} ns of CPU an entry, {steps} steps, the longest {longest} us; {} bytes a decision on the disk",
        micros(began) / 1000,
        cpu_ns().saturating_sub(cpu) / last,
        allocated(&dir.join("store")) / last
    );
    look_ups(&store, last);

    let crashed = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-store-crashed");
    let _ = fs::remove_dir_all(&crashed);
    fs::create_dir_all(crashed.join("store")).unwrap();
    for file in fs::read_dir(dir.join("store")).unwrap().map(Result::unwrap) {
        if file.file_type().unwrap().is_file() {
            fs::copy(file.path(), crashed.join("store").join(file.file_name())).unwrap();
        }
    }
    open("crashed", &crashed, &journal);
    drop(store);
    open("closed", &dir, &journal);
    for dir in [dir, crashed] {
        let _ = fs::remove_dir_all(&dir);
    }
}

fn open(what: &str, dir: &Path, journal: &Journal) {
    let (began, cpu) = (Instant::now(), cpu_ns());
    let (store, _) = Store::open(dir, journal.folder().identity()).unwrap();
    let (opened, opened_cpu) = (micros(began), cpu_ns());
    store.agree(&journal.reader()).unwrap();
    println!(
        "{what}, opened again in {} ms, {} of CPU; its newest rows made again in {} ms",
        opened / 1000,
        opened_cpu.saturating_sub(cpu) / 1_000_000,
        (micros(began) - opened) / 1000,
    );
}

fn look_ups(store: &Store, last: u64) {
    let sequences = |n: u64| 1 + n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % last;
    timed("find a reference", LOOKS, |n| {
        let (found, _) = store.find(Item::rrn(&rrn(sequences(n))), 4);
        matches!(found, Lookup::Found(_))
    });
    timed("find a reference that is not there", LOOKS, |n| {
        let (found, _) = store.find(Item::rrn(&rrn(last + 9 + n)), 4);
        matches!(found, Lookup::Absent)
    });
    timed("the 20 newest of a member", LOOKS, |n| {
        let (found, _) = store.find(Item::member(member(sequences(n))), 20);
        matches!(found, Lookup::Found(_))
    });
    timed("an entry", LOOKS, |n| {
        matches!(store.entry(sequences(n)), Lookup::Found(_))
    });
}

fn timed(what: &str, times: u64, mut look: impl FnMut(u64) -> bool) {
    let (began, cpu) = (Instant::now(), cpu_ns());
    let found = (0..times).filter(|n| look(*n)).count() as u64;
    assert_eq!(found, times, "{what}");
    println!(
        "{what}: {} ns, {} of CPU",
        micros(began) * 1000 / times,
        cpu_ns().saturating_sub(cpu) / times
    );
}

/// What it costs to know under what an entry is found.
fn items(purchase: &Entry) {
    let mut bytes = Vec::new();
    record::encode(purchase, &mut bytes);
    let bytes = &bytes[4..];
    let mut items = Vec::new();
    let cpu = cpu_ns();
    for _ in 0..LOOKS * 10 {
        items.clear();
        finding::items(&record::decode(black_box(bytes)).unwrap(), &mut items);
        black_box(&items);
    }
    println!(
        "decode an entry and name its items: {} ns of CPU",
        cpu_ns().saturating_sub(cpu) / LOOKS / 10
    );
}

fn split(payload: &[u8], _count: u32) -> Option<Vec<&[u8]>> {
    record::split(payload).collect::<Result<_, _>>().ok()
}

fn member(sequence: u64) -> MemberId {
    MemberId((sequence.wrapping_mul(0xd129_42d2_3f57_a1cd) % MEMBERS) as u32)
}

fn rrn(sequence: u64) -> [u8; 12] {
    format!("{sequence:012}").as_bytes().try_into().unwrap()
}

fn vary(purchase: &Entry, sequence: u64) -> Entry {
    let mut entry = purchase.clone();
    entry.head.sequence = Sequence(sequence);
    entry.effects.member = Some(member(sequence));
    for moved in &mut entry.effects.lots {
        moved.key.member = member(sequence);
    }
    if let Input::Request(asked) = &mut entry.input {
        asked.key.stan = (sequence % 1_000_000) as u32;
        asked.key.terminal[1..8].copy_from_slice(format!("{:07}", sequence % 10_000).as_bytes());
        asked.rrn = Some(rrn(sequence));
    }
    entry
}

/// A member's purchase by the shipped rules.
fn a_purchase() -> Entry {
    let (mut engine, now) = common::engine(1 << 16, &SHIPPED);
    let dialect = common::dialect();
    let key = TokenKey::new(&[7; 32]);
    let mut terminal = common::terminal(&dialect, &engine.rules().world.zone, 1);
    let enrolment = Enrolment {
        card: Some(common::card(1)),
        ..Enrolment::default()
    };
    let sale = Sale::of(Who::Card(common::card(1)), Rials(2_755_555));
    let asked = [
        terminal.enrol(&enrolment, now).unwrap(),
        terminal.purchase(&sale, now).unwrap(),
    ];
    for sent in asked {
        let request = common::read(&dialect, &sent, &key);
        common::told(engine.decide(&request, &Brought::default(), now));
    }
    let group = engine.take_group().unwrap();
    let entry = record::split(&group.bytes).last().unwrap().unwrap();
    record::decode(entry).unwrap()
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap().max(1)
}
