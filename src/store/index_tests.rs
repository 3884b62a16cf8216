//! What the index promises, held against a map of everything: at any moment, over runs, merges, restarts, losses.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::follower::{behind, take};
use super::*;
use crate::journal::{Archive, Journal, Options, Segments};
use crate::ledger::finding;
use crate::ledger::record;
use crate::ledger::told::{Told, Verdict};
use crate::ledger::{
    Account, Asked, Effects, Entry, Facts, Function, Head, Input, Key, LotId, LotMove, LotTerms,
    MemberChange, Mode, OriginalRef, Party, Posting, PurseKey, Reason,
};
use crate::terms::{
    AcquirerId, ClubId, Day, MemberId, Moment, PurseId, Rials, RuleId, Sequence, SetNumber, ShopId,
    UnitId,
};

/// Entries of a run here.
const RUN: u64 = 300;

/// SplitMix64, Steele, Lea, Flood, 2014.
#[derive(Clone)]
struct Random(u64);

impl Random {
    /// The seed of `SEED=0x..`, else one by the clock; told, so that a failure can be played again.
    fn seeded() -> Random {
        let given = std::env::var("SEED").ok();
        let given = given.map(|seed| u64::from_str_radix(seed.trim_start_matches("0x"), 16));
        let seed = match given {
            Some(seed) => seed.unwrap(),
            None => {
                let mut bytes = [0; 8];
                getrandom::fill(&mut bytes).unwrap();
                u64::from_le_bytes(bytes)
            }
        };
        println!("SEED={seed:#x}");
        Random(seed)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

/// An entry such as a day has, few keys and members, so that much is found more than once.
fn some_entry(sequence: u64, random: &mut Random) -> Entry {
    let acquirer = AcquirerId(random.below(3) as u16);
    let head = Head {
        sequence: Sequence(sequence),
        at: Moment(sequence as i64),
        business_day: Day(20_000 + (sequence / 1000) as i32),
        acquirer: Some(acquirer),
        rule_set: SetNumber(1),
    };
    let input = match random.below(400) {
        0 => Input::DayTurned {
            acquirer,
            closed: head.business_day,
            opened: head.business_day.plus(1),
        },
        1 => Input::RulesLoaded {
            number: SetNumber(1),
            sha256: [3; 32],
        },
        2 => Input::Opened {
            // Longer than a page.
            reason: "opening balances ".repeat(random.below(400) as usize),
            sha256: [4; 32],
            done: 1,
            of: 2,
        },
        _ => Input::Request(some_request(acquirer, random)),
    };
    let is_asked = matches!(input, Input::Request(_));
    let member = MemberId(random.below(200) as u32);
    let mut effects = Effects {
        member: random.below(4).gt(&0).then_some(member),
        shop: is_asked.then(|| ShopId(random.below(20) as u32)),
        original: random
            .one_in(20)
            .then(|| Sequence(1 + random.below(sequence))),
        reverses: random.one_in(2),
        ..Effects::none()
    };
    if is_asked {
        let mut told = Told::only(Verdict::Approved);
        told.rrn = random.one_in(2).then(|| rrn(random));
        told.rules = vec![RuleId(3); random.below(4) as usize];
        told.split = vec![(Party::Merchant, Rials(5_000_000)); random.below(3) as usize];
        effects.postings = vec![some_posting(random); random.below(3) as usize];
        effects.told = Some(told);
    }
    if random.one_in(30) {
        effects.members.push(MemberChange::Tier {
            member: MemberId(random.below(300) as u32),
            tier: None,
        });
    }
    if random.one_in(30) {
        effects.lots.push(some_lot(random));
    }
    Entry {
        head,
        input,
        effects,
    }
}

fn some_lot(random: &mut Random) -> LotMove {
    LotMove {
        key: PurseKey {
            member: MemberId(random.below(300) as u32),
            purse: PurseId(0),
            shop: None,
        },
        lot: LotId(1),
        terms: LotTerms {
            rule: None,
            booked: Day(20_000),
            usable_from: Moment(0),
            dies: None,
            hold: None,
        },
        amount: 5,
    }
}

fn some_posting(random: &mut Random) -> Posting {
    Posting {
        from: Account::Club(ClubId(1)),
        to: Account::Shop(ShopId(random.below(25) as u32)),
        amount: 1 << 40,
        unit: UnitId(1),
        reason: Reason::Split,
    }
}

fn some_request(acquirer: AcquirerId, random: &mut Random) -> Asked {
    let function = match random.below(12) {
        0..2 => Function::Reversal,
        2 => Function::Enrol,
        _ => Function::Purchase,
    };
    let mut key = Key {
        acquirer,
        terminal: *b"T0000000",
        acceptor: *b"m-1001         ",
        stan: random.below(40_000) as u32,
        local: 1_123_101_500,
        kind: 20,
    };
    key.terminal[7] = b'0' + random.below(5) as u8;
    Asked {
        function,
        mode: Mode::Ask,
        key,
        digest: 7,
        processing: 0,
        amount: None,
        currency: 364,
        transmitted: None,
        rrn: random.one_in(2).then(|| rrn(random)),
        mcc: 0,
        last_four: None,
        bill: None,
        original: random.one_in(2).then(|| OriginalRef {
            rrn: random.one_in(2).then(|| rrn(random)),
            stan: random.one_in(2).then(|| random.below(40_000) as u32),
            ..OriginalRef::default()
        }),
        facts: Facts::default(),
    }
}

fn rrn(random: &mut Random) -> [u8; 12] {
    let text = format!("{:012}", random.below(5000));
    text.as_bytes().try_into().unwrap()
}

fn split(payload: &[u8], _count: u32) -> Option<Vec<&[u8]>> {
    record::split(payload).collect::<Result<_, _>>().ok()
}

/// A map of everything in a journal.
#[derive(Clone, Default)]
struct Known {
    found: BTreeMap<Item, Vec<u64>>,
    last: u64,
}

impl Known {
    /// An item that was met, or one that was not.
    fn some_item(&self, random: &mut Random) -> Item {
        let mut found = None;
        if !random.one_in(5) {
            let kind = finding::Kind::ALL[random.below(8) as usize];
            let hash = match kind {
                finding::Kind::Member | finding::Kind::Shop => random.below(300),
                _ => random.below(u64::MAX),
            };
            found = self.found.range(Item { kind, hash }..).next();
        }
        found.map_or_else(
            || Item::undone(Sequence(random.below(self.last + 9))),
            |(item, _)| *item,
        )
    }

    /// Holds many look-ups against the map; gives how many the store knew.
    fn check(&self, store: &Store, random: &mut Random, times: u64) -> u64 {
        let mut known = 0;
        for _ in 0..times {
            let item = self.some_item(random);
            let most = 1 + random.below(6) as usize;
            let before = match random.below(3) {
                0 => 1 + random.below(self.last + 5),
                _ => u64::MAX,
            };
            let first_before = store.first_sequence();
            let (found, up_to) = store.history(item, before, most);
            let first = store.first_sequence();
            // What leaves meanwhile may be told or not.
            let end = before.min(up_to.saturating_add(1));
            let wanted = |first| -> Vec<u64> {
                let all = self.found.get(&item).map_or(&[][..], Vec::as_slice);
                let within = all.iter().rev().filter(|s| (first..end).contains(*s));
                within.copied().take(most).collect()
            };
            let found = match found {
                Lookup::Unknown => continue,
                Lookup::Absent => Vec::new(),
                Lookup::Found(found) => found,
            };
            assert!(
                found == wanted(first) || found == wanted(first_before),
                "{item:?} before {before}, {most} at most, true up to {up_to}: {found:?} found, {:?} wanted",
                wanted(first)
            );
            known += 1;
        }
        known
    }
}

/// A journal with a map of everything in it.
struct World {
    dir: tempfile::TempDir,
    journal: Journal,
    random: Random,
    known: Known,
    turned: u64,
    /// Whether days turn by themselves.
    days_turn: bool,
}

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            segment_bytes: 256 << 10,
            ..Options::default()
        };
        World {
            journal: Journal::open(dir.path(), options).unwrap().0,
            dir,
            random: Random::seeded(),
            known: Known::default(),
            turned: 0,
            days_turn: true,
        }
    }

    fn append(&mut self, entries: u64) {
        let end = self.journal.last_sequence() + entries;
        while self.journal.last_sequence() < end {
            let first = self.journal.last_sequence() + 1;
            let last = end.min(first + self.random.below(150));
            let made = (first..=last).map(|sequence| some_entry(sequence, &mut self.random));
            let mut made: Vec<Entry> = made.collect();
            if !self.days_turn {
                let turns = |entry: &&mut Entry| matches!(entry.input, Input::DayTurned { .. });
                for entry in made.iter_mut().filter(turns) {
                    entry.input = Input::RulesLoaded {
                        number: SetNumber(2),
                        sha256: [5; 32],
                    };
                }
            }
            self.append_group(&made);
        }
    }

    fn append_group(&mut self, entries: &[Entry]) {
        let first = self.journal.last_sequence() + 1;
        let (mut payload, mut items) = (Vec::new(), Vec::new());
        for (sequence, entry) in (first..).zip(entries) {
            if matches!(entry.input, Input::DayTurned { .. }) {
                self.turned = sequence;
            }
            items.clear();
            finding::items(entry, &mut items);
            for item in &items {
                let found = self.known.found.entry(*item).or_default();
                found.push(sequence);
            }
            record::encode(entry, &mut payload);
            self.known.last = sequence;
        }
        let count = u32::try_from(entries.len()).unwrap();
        self.journal.append(first, count, &payload).unwrap();
    }

    fn turn_day(&mut self) {
        let sequence = self.journal.last_sequence() + 1;
        let mut entry = some_entry(sequence, &mut self.random);
        entry.input = Input::DayTurned {
            acquirer: AcquirerId(0),
            closed: Day(20_000),
            opened: Day(20_001),
        };
        self.append_group(&[entry]);
    }

    fn open(&self) -> (Store, Opened) {
        self.open_in(self.dir.path())
    }

    fn open_in(&self, dir: &Path) -> (Store, Opened) {
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            match Store::open_with(dir, self.journal.folder().identity(), RUN) {
                // A thread of sled's may hold the file a moment longer than its database.
                Err(StoreError::InUse { .. }) if Instant::now() < end => {
                    thread::sleep(Duration::from_millis(1));
                }
                opened => return opened.unwrap(),
            }
        }
    }

    /// Follows the journal to its end, with now and then a step of the work behind it.
    fn lead(&mut self, store: &Store) {
        let mut waiting = Vec::new();
        for group in behind(store, &self.journal.reader()).unwrap() {
            waiting.push(group.unwrap());
            if self.random.one_in(3) {
                take(store, &waiting, split).unwrap();
                waiting.clear();
            }
            for _ in 0..self.random.below(3) {
                store.step().unwrap();
            }
        }
        take(store, &waiting, split).unwrap();
    }

    /// A store that has followed everything, with nothing left to do.
    fn led(&mut self, entries: u64) -> Store {
        self.append(entries);
        let (store, _) = self.open();
        self.lead(&store);
        finish(&store);
        store
    }

    fn check(&mut self, store: &Store, times: u64) -> u64 {
        self.known.check(store, &mut self.random, times)
    }

    /// Everything is found, and every entry is there from the first that the store has.
    fn is_whole(&mut self, store: &Store) {
        assert_eq!(store.answers_up_to(), self.journal.last_sequence());
        assert_eq!(self.check(store, 300), 300);
        assert_eq!(self.check_entries(store, 50), 50);
    }

    /// Entries are right or unknown; gives how many were right, which those that left are when they are unknown.
    fn check_entries(&mut self, store: &Store, times: u64) -> u64 {
        let mut right = 0;
        for _ in 0..times {
            let sequence = 1 + self.random.below(self.known.last);
            let group = self.journal.reader().find(sequence).unwrap().unwrap();
            let at = usize::try_from(sequence - group.first_sequence).unwrap();
            let wanted = split(&group.payload, group.count).unwrap()[at].to_vec();
            match store.entry(sequence) {
                Lookup::Found(found) => assert_eq!(found, wanted, "entry {sequence}"),
                Lookup::Absent => panic!("entry {sequence} is said to be absent"),
                Lookup::Unknown if sequence >= store.first_sequence() => continue,
                Lookup::Unknown => {}
            }
            right += 1;
        }
        right
    }

    /// What the disk would hold after a crash now, opened.
    fn after_a_crash(&mut self) -> (tempfile::TempDir, Store) {
        let copy = tempfile::tempdir().unwrap();
        copy_store(self.dir.path(), copy.path());
        let (store, opened) = self.open_in(copy.path());
        assert_eq!(opened.put_aside, None);
        (copy, store)
    }
}

fn copy_store(from: &Path, to: &Path) {
    let (from, to) = (from.join("store"), to.join("store"));
    fs::create_dir_all(&to).unwrap();
    for file in fs::read_dir(&from).unwrap().map(Result::unwrap) {
        if file.file_type().unwrap().is_file() {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

/// Does all that waits.
fn finish(store: &Store) {
    while store.step().unwrap() {}
    store.flush().unwrap();
    while store.step().unwrap() {}
    store.flush().unwrap();
}

fn db_of(store: &Store) -> sled::Db {
    store.base().as_ref().unwrap().db.clone()
}

fn heads(store: &Store) -> Vec<run::Head> {
    let base = store.base();
    let view = base.as_ref().unwrap().view();
    view.runs.iter().map(|run| run.head).collect()
}

/// The runs that have rows in the database, with or without a head.
fn runs_with_rows(db: &sled::Db) -> Vec<u32> {
    let keys = [&b"i"[..], b"j"].map(|prefix| db.scan_prefix(prefix).keys());
    let numbers = keys.into_iter().flatten().map(|key| {
        let key = key.unwrap();
        u32::from_be_bytes(key[1..5].try_into().unwrap())
    });
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// Nothing is there but what is needed.
fn is_tidy(store: &Store) {
    let mut numbers: Vec<u32> = heads(store).iter().map(|head| head.number).collect();
    numbers.sort_unstable();
    assert_eq!(runs_with_rows(&db_of(store)), numbers);
}

#[test]
fn what_is_found_is_what_a_map_of_everything_knows() {
    let mut world = World::new();
    let (store, _) = world.open();
    for _ in 0..25 {
        let entries = world.random.below(400);
        world.append(entries);
        world.lead(&store);
        assert_eq!(store.answers_up_to(), world.journal.last_sequence());
        assert_eq!(world.check(&store, 100), 100);
    }
    finish(&store);
    world.is_whole(&store);
    is_tidy(&store);
    let turned = world.turned;
    let unmerged = |head: &&run::Head| !head.merged && head.last < turned;
    assert!(
        heads(&store).iter().filter(unmerged).count() < 2,
        "{:?}, turned at {turned}",
        heads(&store)
    );
}

/// A long life: it follows, works, is closed, crashes, lets days leave, and is right all the while.
#[test]
fn a_store_is_right_after_every_restart_and_crash() {
    let mut world = World::new();
    let mut store = world.led(100);
    let end = Instant::now() + testing_time();
    let mut crashes = 0;
    while Instant::now() < end {
        let entries = world.random.below(250);
        match world.random.below(12) {
            0..5 => world.append(entries),
            5..8 => world.lead(&store),
            8 => {
                for _ in 0..1 + world.random.below(12) {
                    store.step().unwrap();
                }
            }
            9 => store.flush().unwrap(),
            10 => {
                drop(store);
                let opened;
                (store, opened) = world.open();
                assert_eq!(opened.put_aside, None);
            }
            _ if world.random.one_in(4) => {
                let back = world.random.below(1500);
                let before = store.position().sequence.saturating_sub(back);
                behind(&store, &world.journal.reader()).unwrap();
                let first = store.drop_before(before).unwrap();
                assert!(first >= before && first <= store.position().sequence.max(1));
            }
            _ => {
                let (_copy, crashed) = world.after_a_crash();
                assert_eq!(world.check(&crashed, 10), 0);
                crashed.agree(&world.journal.reader()).unwrap();
                assert_eq!(world.check(&crashed, 100), 100);
                world.lead(&crashed);
                finish(&crashed);
                world.is_whole(&crashed);
                is_tidy(&crashed);
                crashes += 1;
            }
        }
        world.check(&store, 30);
    }
    world.lead(&store);
    finish(&store);
    world.is_whole(&store);
    is_tidy(&store);
    println!("{} entries, {crashes} crashes", world.known.last);
}

#[test]
fn a_run_that_leaves_while_it_is_written_is_none_after_a_restart() {
    let mut world = World::new();
    world.days_turn = false;
    let mut store = world.led(10);
    world.append(RUN * 2 + 20);
    for group in behind(&store, &world.journal.reader()).unwrap() {
        take(&store, &[group.unwrap()], split).unwrap();
    }
    // The second run is full now, and not a row of it is written.
    let last = store.position().sequence;
    store.drop_before(last - 3).unwrap();
    assert_eq!(store.first_sequence(), last - 3);
    finish(&store);
    is_tidy(&store);
    drop(store);
    let opened;
    (store, opened) = world.open();
    assert_eq!(opened.put_aside, None);
    world.append(RUN + 5);
    world.lead(&store);
    finish(&store);
    world.is_whole(&store);
    is_tidy(&store);
}

#[test]
fn a_crash_between_the_steps_of_a_merge_changes_no_answer() {
    let mut world = World::new();
    world.days_turn = false;
    let store = world.led(RUN * 6);
    assert_eq!(heads(&store).len(), 6);
    world.turn_day();
    world.lead(&store);
    store.flush().unwrap();
    let mut copies = 0;
    loop {
        let merged = heads(&store)
            .iter()
            .any(|head| head.merged && head.last + 1 >= RUN * 5);
        let (_copy, crashed) = world.after_a_crash();
        crashed.agree(&world.journal.reader()).unwrap();
        world.lead(&crashed);
        assert_eq!(world.check(&crashed, 200), 200);
        finish(&crashed);
        world.is_whole(&crashed);
        is_tidy(&crashed);
        copies += 1;
        if !store.step().unwrap() && merged {
            break;
        }
        store.flush().unwrap();
    }
    assert!(copies > 4, "{copies}");
    assert_eq!(heads(&store).len(), 1);
}

#[test]
fn days_that_left_are_unknown_and_their_rows_go() {
    let mut world = World::new();
    let store = world.led(RUN * 8 + 50);
    let entries = |store: &Store| db_of(store).scan_prefix(b"e").count();
    let (all, first) = (entries(&store), RUN * 5 + 7);
    assert_eq!(store.drop_before(first).unwrap(), first);
    assert_eq!(store.first_sequence(), first);
    world.is_whole(&store);
    assert!(heads(&store)[0].last >= first);

    // It is durable before its rows are gone.
    let (_copy, crashed) = world.after_a_crash();
    assert_eq!(crashed.first_sequence(), first);
    crashed.agree(&world.journal.reader()).unwrap();
    world.is_whole(&crashed);
    finish(&crashed);
    for store in [&store, &crashed] {
        finish(store);
        world.is_whole(store);
        is_tidy(store);
        assert!(entries(store) < all * 3 / 4, "{} of {all}", entries(store));
    }
    // It never goes back, and the last entry stays.
    assert_eq!(store.drop_before(3).unwrap(), first);
    let last = world.known.last;
    assert_eq!(store.drop_before(last + 100).unwrap(), last);
    world.is_whole(&store);
    world.append(500);
    world.lead(&store);
    finish(&store);
    world.is_whole(&store);
    drop(store);
    let (store, opened) = world.open();
    assert_eq!(opened.put_aside, None);
    assert_eq!(store.first_sequence(), last);
    store.agree(&world.journal.reader()).unwrap();
    world.is_whole(&store);
}

#[test]
fn a_store_without_an_index_gets_one_from_its_pages() {
    let mut world = World::new();
    let store = world.led(RUN * 3 + 20);
    let db = db_of(&store);
    let old = |key: &sled::IVec| !key.starts_with(b"e") && &key[..] != POSITION;
    for key in db.iter().keys().map(Result::unwrap).filter(old) {
        if &key[..] != b"__sled__default" {
            db.remove(key).unwrap();
        }
    }
    drop((db, store));
    let (store, opened) = world.open();
    assert_eq!(opened.put_aside, None);
    store.agree(&world.journal.reader()).unwrap();
    world.is_whole(&store);
    finish(&store);
    world.is_whole(&store);
    assert_eq!(heads(&store).last().unwrap().last, RUN * 3);
}

#[test]
fn a_store_of_a_journal_that_was_archived_begins_with_what_is_there() {
    let mut world = World::new();
    world.append(4000);
    let archive = tempfile::tempdir().unwrap();
    let folder = world.journal.folder();
    let archive = Archive::open(archive.path(), folder.identity()).unwrap();
    let left = Segments::of(folder)
        .archive_before(2500, &archive, |_, _| {})
        .unwrap();
    let first = left.last().unwrap().last_sequence + 1;
    let (store, _) = world.open();
    store
        .rebuild(&world.journal.reader(), split, |_, _| {})
        .unwrap();
    assert_eq!(store.first_sequence(), first);
    assert_eq!(store.answers_up_to(), 4000);
    assert_eq!(world.check(&store, 300), 300);
    drop(store);
    let (store, opened) = world.open();
    assert_eq!(opened.put_aside, None);
    store.agree(&world.journal.reader()).unwrap();
    assert_eq!(store.first_sequence(), first);
    assert_eq!(world.check(&store, 300), 300);
    // With the archive, it has everything.
    let whole = world.journal.reader().with_archive(archive);
    store.rebuild(&whole, split, |_, _| {}).unwrap();
    drop(store);
    let (store, _) = world.open();
    store.agree(&whole).unwrap();
    assert_eq!(store.first_sequence(), 1);
    assert_eq!(world.check(&store, 300), 300);
}

#[test]
fn a_filter_never_denies_what_is_there_and_seldom_admits_what_is_not() {
    let mut world = World::new();
    let store = world.led(4000);
    let base = store.base();
    let base = base.as_ref().unwrap();
    for read in &base.view().runs {
        assert_eq!(read.filters.unread().count(), 0);
        let unread = run::Run::new(read.head);
        let mut walk = run::Walk::new(read.head);
        let mut rows = 0;
        while let Some(row) = walk.next(&base.db).unwrap() {
            assert!(read.filters.may_hold(&base.db, row.item).unwrap());
            assert!(unread.filters.may_hold(&base.db, row.item).unwrap());
            rows += 1;
        }
        assert_eq!(rows, read.head.counts.iter().sum::<u64>());
        let strangers = (0..10_000).filter(|_| {
            let item = Item {
                kind: finding::Kind::Rrn,
                hash: world.random.below(u64::MAX),
            };
            let item = run::shorten(item);
            let held = read.filters.may_hold(&base.db, item).unwrap();
            assert_eq!(held, unread.filters.may_hold(&base.db, item).unwrap());
            held
        });
        let strangers = strangers.count();
        assert!(strangers < 400, "{strangers} of 10,000");
    }
}

#[test]
fn look_ups_are_right_while_the_store_is_led_and_merged() {
    let mut world = World::new();
    world.append(8000);
    let (store, _) = world.open();
    let follower = Follower::start(store.clone(), world.journal.reader(), split).unwrap();
    let known = world.known.clone();
    thread::scope(|scope| {
        for thread in 0..2 {
            let (known, store, mut random) = (&known, &store, world.random.clone());
            random.below(thread + 1);
            random.0 ^= thread;
            scope.spawn(move || {
                let end = Instant::now() + Duration::from_secs(20);
                while store.answers_up_to() < known.last {
                    assert!(Instant::now() < end, "{}", store.answers_up_to());
                    known.check(store, &mut random, 20);
                }
                known.check(store, &mut random, 2000);
            });
        }
    });
    assert_eq!(follower.take_notes(), Vec::<String>::new());
    drop(follower);
    world.is_whole(&store);
}

#[test]
fn a_page_or_filter_that_is_missing_is_noticed() {
    let mut world = World::new();
    let store = world.led(RUN * 4);
    store.agree(&world.journal.reader()).unwrap();
    let db = db_of(&store);
    let pages: Vec<_> = db.scan_prefix(b"i").map(Result::unwrap).collect();
    drop((db, store));
    for (key, _) in pages.iter().step_by(3) {
        let (store, opened) = world.open();
        assert_eq!(opened.put_aside, None);
        store.agree(&world.journal.reader()).unwrap();
        let db = db_of(&store);
        let value = db.remove(key).unwrap().unwrap();
        // Right, until one stands on the hole: Unknown from then on.
        let known = world.check(&store, 3000);
        assert!(known < 3000 && store.is_closed());
        db.insert(key, value).unwrap();
    }
    let (store, _) = world.open();
    let filters: Vec<_> = db_of(&store).scan_prefix(b"j").keys().collect();
    for key in filters {
        db_of(&store).remove(key.unwrap()).unwrap();
    }
    store.agree(&world.journal.reader()).unwrap();
    assert!(world.check(&store, 100) < 100 && store.is_closed());
    drop(store);
    let (store, _) = world.open();
    let follower = Follower::start(store, world.journal.reader(), split).unwrap();
    heals(&mut world, &follower, "a store without filters");
}

/// Waits until the store has everything again; what it tells meanwhile is right.
fn heals(world: &mut World, follower: &Follower, what: &str) {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let found = world.check(follower.store(), 300) + world.check_entries(follower.store(), 50);
        if found == 350 && follower.lag() == 0 {
            break;
        }
        assert!(
            Instant::now() < end,
            "waited too long for {what}: {:?}",
            follower.take_notes()
        );
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_damaged_store_is_right_or_says_nothing_until_it_is_made_again() {
    let mut world = World::new();
    drop(world.led(RUN * 5 + 100));
    let whole = tempfile::tempdir().unwrap();
    copy_store(world.dir.path(), whole.path());
    let end = Instant::now() + testing_time();
    let (mut cases, mut noticed) = (0, 0);
    while Instant::now() < end {
        let hurt = tempfile::tempdir().unwrap();
        copy_store(whole.path(), hurt.path());
        let db = hurt.path().join("store").join("db");
        let length = fs::metadata(&db).unwrap().len();
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(&db)
            .unwrap();
        let at = world.random.below(length);
        let what = if world.random.one_in(3) {
            file.set_len(at).unwrap();
            format!("a store cut at {at}")
        } else {
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            byte[0] ^= 1 << world.random.below(8);
            file.write_all_at(&byte, at).unwrap();
            format!("a store with another bit at {at}")
        };
        drop(file);
        let (store, opened) = world.open_in(hurt.path());
        let follower = Follower::start(store, world.journal.reader(), split).unwrap();
        heals(&mut world, &follower, &what);
        cases += 1;
        noticed += u64::from(opened.put_aside.is_some() || !follower.take_notes().is_empty());
    }
    println!("{cases} cases, {noticed} noticed");
}

/// How long random tests run: some seconds, or `SIM_S`.
fn testing_time() -> Duration {
    let asked = std::env::var("SIM_S").ok().and_then(|s| s.parse().ok());
    asked.map_or(Duration::from_millis(2500), Duration::from_secs)
}
