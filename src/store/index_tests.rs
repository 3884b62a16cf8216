//! What the index promises, held against a map of everything: at any moment, over runs, merges, restarts, losses.

use std::collections::BTreeMap;
use std::path::Path;

use super::follower::{behind, take};
use super::*;
use crate::journal::{Journal, Options};
use crate::ledger::finding;
use crate::ledger::record;
use crate::ledger::told::{Told, Verdict};
use crate::ledger::{
    Asked, Effects, Entry, Function, Head, Input, Key, LotId, LotMove, LotTerms, MemberChange,
    Mode, OriginalRef, PurseKey,
};
use crate::terms::{AcquirerId, Day, MemberId, Moment, PurseId, Sequence, SetNumber, ShopId};

/// Entries of a run here.
const RUN: u64 = 300;

/// SplitMix64, Steele, Lea, Flood, 2014.
#[derive(Clone)]
pub(super) struct Random(pub(super) u64);

impl Random {
    /// The seed of `SEED=0x..`, else one by the clock; told, so that a failure can be played again.
    pub(super) fn seeded() -> Random {
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

    pub(super) fn below(&mut self, end: u64) -> u64 {
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
        },
        amount: 5,
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
    }
}

fn rrn(random: &mut Random) -> [u8; 12] {
    let text = format!("{:012}", random.below(5000));
    text.as_bytes().try_into().unwrap()
}

fn split(payload: &[u8], _count: u32) -> Option<Vec<&[u8]>> {
    record::split(payload).collect::<Result<_, _>>().ok()
}

/// A journal with a map of everything in it.
pub(super) struct World {
    pub(super) dir: tempfile::TempDir,
    pub(super) journal: Journal,
    pub(super) random: Random,
    found: BTreeMap<Item, Vec<u64>>,
    turned: u64,
}

impl World {
    pub(super) fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            segment_bytes: 1 << 20,
            ..Options::default()
        };
        World {
            journal: Journal::open(dir.path(), options).unwrap().0,
            dir,
            random: Random::seeded(),
            found: BTreeMap::new(),
            turned: 0,
        }
    }

    pub(super) fn append(&mut self, entries: u64) {
        let end = self.journal.last_sequence() + entries;
        while self.journal.last_sequence() < end {
            let first = self.journal.last_sequence() + 1;
            let last = end.min(first + self.random.below(150));
            let (mut payload, mut items) = (Vec::new(), Vec::new());
            for sequence in first..=last {
                let entry = some_entry(sequence, &mut self.random);
                if matches!(entry.input, Input::DayTurned { .. }) {
                    self.turned = sequence;
                }
                items.clear();
                finding::items(&entry, &mut items);
                for item in &items {
                    self.found.entry(*item).or_default().push(sequence);
                }
                record::encode(&entry, &mut payload);
            }
            let count = u32::try_from(last - first + 1).unwrap();
            self.journal.append(first, count, &payload).unwrap();
        }
    }

    pub(super) fn open(&self) -> (Store, Opened) {
        self.open_in(self.dir.path())
    }

    fn open_in(&self, dir: &Path) -> (Store, Opened) {
        Store::open_with(dir, self.journal.folder().identity(), RUN).unwrap()
    }

    /// Follows the journal to its end, with now and then a step of the work behind it.
    pub(super) fn lead(&mut self, store: &Store) {
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

    /// What the map knows of an item from `first` up to `last`, newest first.
    fn known(&self, item: &Item, first: u64, before: u64) -> Vec<u64> {
        let all = self.found.get(item).map_or(&[][..], Vec::as_slice);
        let within = all.iter().rev().copied();
        within.filter(|s| (first..before).contains(s)).collect()
    }

    fn some_item(&mut self) -> Item {
        let last = self.journal.last_sequence();
        let (items, mut found) = (&self.found, None);
        if !self.random.one_in(5) {
            let kind = finding::Kind::ALL[self.random.below(8) as usize];
            let hash = self.random.below(u64::MAX);
            let hash = if matches!(kind, finding::Kind::Member | finding::Kind::Shop) {
                hash % 300
            } else {
                hash
            };
            found = items
                .range(Item { kind, hash }..)
                .next()
                .map(|(item, _)| *item);
        }
        found.unwrap_or_else(|| Item::undone(Sequence(self.random.below(last + 9))))
    }

    /// Holds many look-ups against the map; gives how many were known to the store.
    pub(super) fn check(&mut self, store: &Store, times: u64) -> u64 {
        let mut known = 0;
        for _ in 0..times {
            let item = self.some_item();
            let most = 1 + self.random.below(6) as usize;
            let before = match self.random.below(3) {
                0 => 1 + self.random.below(self.journal.last_sequence() + 5),
                _ => u64::MAX,
            };
            let (found, up_to) = store.history(item, before, most);
            let first = store.first_sequence();
            let mut wanted = self.known(&item, first, before.min(up_to + 1));
            wanted.truncate(most);
            match found {
                Lookup::Unknown => continue,
                Lookup::Absent => assert!(
                    wanted.is_empty(),
                    "{wanted:?}: {item:?} before {before}, {most}"
                ),
                Lookup::Found(found) => {
                    assert_eq!(found, wanted, "{item:?} before {before}, {most}");
                }
            }
            known += 1;
        }
        known
    }

    fn finish(&self, store: &Store) {
        while store.step().unwrap() {}
        store.flush().unwrap();
        while store.step().unwrap() {}
    }
}

fn runs(store: &Store) -> Vec<(u64, u64, bool)> {
    let base = store.base();
    let view = base.as_ref().unwrap().view();
    let heads = view.runs.iter().map(|run| run.head);
    heads
        .map(|head| (head.first, head.last, head.merged))
        .collect()
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
    world.finish(&store);
    assert_eq!(world.check(&store, 2000), 2000);
    let unmerged = runs(&store)
        .iter()
        .filter(|(_, last, merged)| !merged && *last < world.turned)
        .count();
    assert!(
        unmerged < 2,
        "{:?}, turned at {}",
        runs(&store),
        world.turned
    );
}
