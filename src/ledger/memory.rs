//! The newest entries by what messages say of them, in a ring of stated size: for each entry three hashes
//! ([`finding::decisive`](crate::ledger::finding::decisive)), chained newest first. What is older than the ring is in the store.
//!
//! A hash is 64 bits, so a stranger is hardly ever met, and still whoever finds an entry here compares the entry itself. What is
//! looked under for one purchase (the same message again, the same STAN, a tombstone) has the upper half of its hash in common and
//! begins in one place: where memory is large, a look costs more than all that is done with it. An entry costs 44 bytes, and up to 8
//! more where the ring is no power of two.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::ledger::Entry;
use crate::ledger::finding::{Item, Kind};
use crate::terms::{Map, Moment, Sequence};

/// Entries of a leaf, at most.
const LEAF_MOST: u64 = 1024;
/// A ring has at least so many entries.
const CAPACITY_LEAST: u64 = 64;
/// A ring has at most so many: sequences are told apart by their lower 32 bits.
const CAPACITY_MOST: u64 = 1 << 30;
/// A hash that is none.
const NONE: u64 = 0;

/// What an entry is found by: as the same message, as an original or a tombstone, by its reference.
type Hashes = [u64; 3];

/// An entry in its chains: for each of its hashes the lower 32 bits of the entry before it in that chain. Numbers alone, so that what
/// is never used is never touched.
type Node = [u32; 3];

/// The hashes of some entries in a row.
#[derive(Clone, Debug)]
struct Leaf {
    first: u64,
    /// When the first of them was decided.
    at: Moment,
    hashes: Vec<Hashes>,
}

/// The ring. [`Memory::kept`] is what a snapshot keeps of it.
#[derive(Debug)]
pub struct Memory {
    kept: Kept,
    /// For each entry, by its place in the ring.
    nodes: Vec<Node>,
    /// The newest entry of each chain, lower 32 bits: the chains of first and second hashes, and those of third ones.
    heads: [Vec<u32>; 2],
    /// The reversal of each original whose reversal is remembered.
    undone_by: Map<Sequence, Sequence>,
}

/// What the rest of a [`Memory`] can be made from. Cloned in microseconds.
#[derive(Clone, Debug)]
pub struct Kept {
    capacity: u64,
    /// Entries of a leaf.
    leaf: u64,
    /// The first entry it remembers, or will.
    first: u64,
    /// The entry that comes next.
    next: u64,
    leaves: VecDeque<Arc<Leaf>>,
    /// Reversals among the remembered entries, oldest first: which, and what it undid.
    undone: Arc<VecDeque<(Sequence, Sequence)>>,
}

impl Memory {
    /// One that remembers so many entries, from the one behind `last` on.
    pub fn new(capacity: usize, last: Sequence) -> Memory {
        let capacity = (capacity as u64).clamp(CAPACITY_LEAST, CAPACITY_MOST);
        // Filled with zeros by the operating system when first touched: what is never used costs nothing.
        let slots = capacity.next_power_of_two() as usize;
        Memory {
            kept: Kept {
                capacity,
                leaf: (capacity / 8).min(LEAF_MOST),
                first: last.0 + 1,
                next: last.0 + 1,
                leaves: VecDeque::new(),
                undone: Arc::default(),
            },
            nodes: vec![[0; 3]; capacity as usize],
            heads: std::array::from_fn(|_| vec![0; slots]),
            undone_by: Map::default(),
        }
    }

    /// How many entries it remembers at most.
    pub fn capacity(&self) -> usize {
        self.kept.capacity as usize
    }

    /// The first entry it remembers; every later one is remembered too.
    pub fn first(&self) -> Sequence {
        Sequence(self.kept.first)
    }

    /// A moment from which on every entry that was decided is remembered; `None` where none is.
    pub fn since(&self) -> Option<Moment> {
        let leaves = &self.kept.leaves;
        let whole = leaves.iter().find(|leaf| leaf.first >= self.kept.first);
        whole.map(|leaf| leaf.at)
    }

    /// Entries under an item, newest first.
    pub fn find(&self, item: Item) -> impl Iterator<Item = Sequence> {
        let which = which_of(item.kind);
        let hash = hash_of(item);
        let newest = which.map_or(0, |which| {
            let heads = &self.heads[which / 2];
            heads[place(hash, heads.len())]
        });
        let mut at = self.whole(newest, self.kept.next);
        std::iter::from_fn(move || {
            let which = which?;
            loop {
                let sequence = at?;
                let hashes = self.kept.hashes(sequence);
                // An entry may be in this chain by its other hash.
                let slots = self.heads[0].len();
                let by = match which {
                    2 => 2,
                    _ => usize::from(place(hashes[0], slots) != place(hash, slots)),
                };
                let node = &self.nodes[(sequence % self.kept.capacity) as usize];
                at = self.whole(node[by], sequence);
                if hashes[which] == hash {
                    return Some(Sequence(sequence));
                }
            }
        })
    }

    /// The reversal that undid an entry, where it is among the remembered ones.
    pub fn undone_by(&self, original: Sequence) -> Option<Sequence> {
        self.undone_by.get(&original).copied()
    }

    /// A sum of the places where an entry will stand: to come to it is to have them near.
    pub(super) fn look(&self, items: &[Option<Item>; 3]) -> u32 {
        let head = |item: &Item| {
            let heads = &self.heads[which_of(item.kind)? / 2];
            heads.get(place(hash_of(*item), heads.len())).copied()
        };
        let heads = items.iter().flatten().filter_map(head);
        heads.fold(0, u32::wrapping_add)
    }

    /// Remembers the next entry, decided at this time, and what it undid.
    pub(super) fn follow(&mut self, entry: &Entry, at: Moment, items: &[Option<Item>; 3]) {
        let sequence = entry.head.sequence;
        self.take(sequence, at, items);
        if let Some(original) = entry.effects.original
            && entry.effects.reverses
        {
            self.undoes(sequence, original);
        }
    }

    /// Remembers the next entry.
    pub(super) fn take(&mut self, sequence: Sequence, at: Moment, items: &[Option<Item>; 3]) {
        let mut hashes = [NONE; 3];
        for item in items.iter().flatten() {
            if let Some(which) = which_of(item.kind) {
                hashes[which] = hash_of(*item);
            }
        }
        self.put(sequence.0, at, hashes);
    }

    /// Remembers that an entry, the one taken last, undid another.
    pub(super) fn undoes(&mut self, reversal: Sequence, original: Sequence) {
        Arc::make_mut(&mut self.kept.undone).push_back((reversal, original));
        self.undone_by.insert(original, reversal);
    }

    fn put(&mut self, sequence: u64, at: Moment, hashes: Hashes) {
        let node = &mut self.nodes[(sequence % self.kept.capacity) as usize];
        for (which, hash) in hashes.into_iter().enumerate() {
            if hash == NONE {
                continue;
            }
            let heads = &mut self.heads[which / 2];
            let slot = place(hash, heads.len());
            let head = &mut heads[slot];
            // Both hashes may be in one chain: then it is there already.
            node[which] = if *head == sequence as u32 && which == 1 {
                node[0]
            } else {
                std::mem::replace(head, sequence as u32)
            };
        }
        self.kept.push(sequence, at, hashes);
        self.forget_undone();
    }

    fn forget_undone(&mut self) {
        let first = self.kept.first;
        while self.kept.undone.front().is_some_and(|(at, _)| at.0 < first) {
            let forgotten = Arc::make_mut(&mut self.kept.undone).pop_front();
            if let Some((_, original)) = forgotten {
                self.undone_by.remove(&original);
            }
        }
    }

    /// The sequence below `bound` with these lower bits, where it is remembered.
    fn whole(&self, low: u32, bound: u64) -> Option<u64> {
        let back = (bound as u32).wrapping_sub(low);
        let sequence = bound.checked_sub(u64::from(back))?;
        (back > 0 && sequence >= self.kept.first).then_some(sequence)
    }

    /// What a snapshot keeps of it.
    pub fn kept(&self) -> Kept {
        self.kept.clone()
    }
}

impl Kept {
    fn push(&mut self, sequence: u64, at: Moment, hashes: Hashes) {
        let begins = self
            .leaves
            .back()
            .is_none_or(|leaf| leaf.hashes.len() as u64 == self.leaf);
        if begins {
            self.leaves.push_back(Arc::new(Leaf {
                first: sequence,
                at,
                hashes: Vec::with_capacity(self.leaf as usize),
            }));
        }
        if let Some(leaf) = self.leaves.back_mut() {
            Arc::make_mut(leaf).hashes.push(hashes);
        }
        self.next = sequence + 1;
        self.first = self.first.max(self.next.saturating_sub(self.capacity));
        while self
            .leaves
            .front()
            .is_some_and(|leaf| leaf.first + leaf.hashes.len() as u64 <= self.first)
        {
            self.leaves.pop_front();
        }
    }

    /// The hashes of an entry, which must be one of those in the leaves. All leaves but the last are full.
    fn hashes(&self, sequence: u64) -> &Hashes {
        let begin = self.leaves.front().map_or(0, |leaf| leaf.first);
        let (leaf, at) = (
            (sequence - begin) / self.leaf,
            (sequence - begin) % self.leaf,
        );
        &self.leaves[leaf as usize].hashes[at as usize]
    }

    /// The remembered entries from the first on: each run with the sequence and time of its first.
    pub(super) fn runs(&self) -> impl Iterator<Item = (Sequence, Moment, &[Hashes])> {
        self.leaves
            .iter()
            .map(|leaf| (Sequence(leaf.first), leaf.at, &leaf.hashes[..]))
    }

    /// The first entry it remembers.
    pub(super) fn first(&self) -> Sequence {
        Sequence(self.first)
    }

    /// Reversals, and what each undid.
    pub(super) fn undone(&self) -> impl Iterator<Item = (Sequence, Sequence)> {
        self.undone.iter().copied()
    }
}

impl Memory {
    /// The memory that a snapshot kept.
    pub(super) fn restored(
        capacity: usize,
        first: Sequence,
        runs: &[(Sequence, Moment, Vec<Hashes>)],
        undone: &[(Sequence, Sequence)],
        last_at: Moment,
    ) -> Memory {
        let begin = runs.first().map_or(first, |(first, ..)| *first);
        let mut memory = Memory::new(capacity, Sequence(begin.0.saturating_sub(1)));
        // Only the first of a run has its time. The others are no younger than the run behind them: so much is claimed.
        let ends = runs.iter().skip(1).map(|(_, at, _)| *at);
        for ((first, at, run), end) in runs.iter().zip(ends.chain([last_at])) {
            for (sequence, hashes) in (first.0..).zip(run) {
                let at = if sequence == first.0 { *at } else { end };
                memory.put(sequence, at, *hashes);
            }
        }
        // The first leaf may be half forgotten, and the reversals in that half are.
        memory.kept.first = memory.kept.first.max(first.0);
        for (reversal, original) in undone {
            if *reversal >= memory.first() {
                memory.undoes(*reversal, *original);
            }
        }
        memory
    }
}

/// Which of an entry's hashes an item is.
fn which_of(kind: Kind) -> Option<usize> {
    match kind {
        Kind::Key => Some(0),
        Kind::Original | Kind::Tombstone => Some(1),
        Kind::Reference => Some(2),
        Kind::Undone | Kind::Rrn | Kind::Member | Kind::Shop => None,
    }
}

fn hash_of(item: Item) -> u64 {
    item.hash.max(1)
}

/// Which of so many chains, a power of two, a hash is in: its upper half says so.
fn place(hash: u64, chains: usize) -> usize {
    (hash >> 32) as usize & (chains - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(kind: Kind, n: u64) -> Item {
        let hash = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Item { kind, hash }
    }

    /// Entry n has key n, original n / 3, reference n / 10.
    fn take(memory: &mut Memory, n: u64) {
        let items = [
            Some(item(Kind::Key, n)),
            Some(item(Kind::Original, n / 3)),
            n.is_multiple_of(2).then(|| item(Kind::Reference, n / 10)),
        ];
        memory.take(Sequence(n), Moment(n as i64), &items);
        if n.is_multiple_of(50) {
            memory.undoes(Sequence(n), Sequence(n - 25));
        }
    }

    fn check(memory: &Memory, first: u64, last: u64) {
        assert_eq!(memory.first(), Sequence(first));
        let found = |kind, n| -> Vec<u64> { memory.find(item(kind, n)).map(|s| s.0).collect() };
        for n in first.saturating_sub(30)..=last {
            let there = n >= first;
            assert_eq!(
                found(Kind::Key, n),
                if there { vec![n] } else { vec![] },
                "{n}"
            );
            let alike = (n / 3 * 3..n / 3 * 3 + 3).rev();
            let alike: Vec<u64> = alike.filter(|n| (first..=last).contains(n)).collect();
            assert_eq!(found(Kind::Original, n / 3), alike, "{n}");
            let alike = (n / 10 * 10..n / 10 * 10 + 10).rev();
            let alike: Vec<u64> = alike
                .filter(|n| n % 2 == 0 && (first..=last).contains(n))
                .collect();
            assert_eq!(found(Kind::Reference, n / 10), alike, "{n}");
            let reversal =
                (n % 50 == 25 && (first..=last).contains(&(n + 25))).then(|| Sequence(n + 25));
            assert_eq!(memory.undone_by(Sequence(n)), reversal, "{n}");
        }
        assert!(found(Kind::Key, last + 1).is_empty());
    }

    #[test]
    fn the_newest_are_found_and_the_others_are_not() {
        let mut memory = Memory::new(3_000, Sequence(0));
        for n in 1..=20_000 {
            take(&mut memory, n);
            if n % 3_777 == 0 || n == 20_000 {
                check(&memory, n.saturating_sub(2_999).max(1), n);
            }
        }
        // Of the leaf that is half forgotten nothing is said.
        assert!(
            memory
                .since()
                .is_some_and(|at| at.0 >= 17_001 && at.0 < 17_001 + 375)
        );
    }

    #[test]
    fn sequences_beyond_32_bits_are_told_apart() {
        let start = (1u64 << 32) - 1_500;
        let mut memory = Memory::new(2_000, Sequence(start - 1));
        for n in start..start + 5_000 {
            take(&mut memory, n);
        }
        check(&memory, start + 3_000, start + 4_999);
    }

    #[test]
    fn what_is_kept_makes_the_same_memory() {
        let mut memory = Memory::new(3_000, Sequence(0));
        (1..=10_000).for_each(|n| take(&mut memory, n));
        let (kept, kept_since) = (memory.kept(), memory.since());
        (10_001..=12_000).for_each(|n| take(&mut memory, n));
        let runs: Vec<_> = kept
            .runs()
            .map(|(first, at, run)| (first, at, run.to_vec()))
            .collect();
        let undone: Vec<_> = kept.undone().collect();
        let restored =
            |capacity| Memory::restored(capacity, kept.first(), &runs, &undone, Moment(10_000));
        let mut again = restored(3_000);
        check(&again, 7_001, 10_000);
        assert_eq!(again.since(), kept_since);
        (10_001..=12_000).for_each(|n| take(&mut again, n));
        check(&again, 9_001, 12_000);
        // In leaves of another size no time is claimed too early.
        let smaller = restored(1_000);
        check(&smaller, 9_001, 10_000);
        assert!(smaller.since().is_some_and(|at| at >= Moment(9_001)));
        let larger = restored(5_000);
        check(&larger, 7_001, 10_000);
        assert!(larger.since().is_some_and(|at| at >= Moment(7_001)));
    }
}
