//! Which rules can apply to a purchase: an index made once when a rulebook is compiled, so that a purchase costs by the rules that can
//! apply to it and not by those that exist.
//!
//! A rule is filed under one condition of its `when`, the one that the fewest purchases meet out of those that are known before
//! the rule is looked at: shop, group, category, terminal, card range, days, weekday, hour, tier. Rules with the same condition share one **gate**; a shop,
//! a category, ... knows the gates it opens. `any` is looked through where each of its branches has such a condition; `not` never.
//!
//! Behind a gate every rule has a **row** of 32 bytes: the days, weekdays, hours, tiers and, roughly, the places that it is for.
//! What passes both can apply. Where gate and row say all that `when` says, the rule applies; else the rest is still to be met.

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

use crate::ledger::TierId;
use crate::rules::when::Circumstances;
use crate::rules::{Accrue, Condition, Discount, Split};
use crate::terms::{Bin, Day, Map, ShopId, TimeOfDay};

/// The rules of a stage that can apply to one purchase, in the order of the file.
pub type Candidates = SmallVec<[Candidate; 64]>;

/// A rule that can apply.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Candidate(u32);

impl Candidate {
    fn new(rule: u32, certain: bool) -> Candidate {
        Candidate(rule << 1 | u32::from(certain))
    }

    /// Its place in the list of its stage.
    pub fn place(self) -> usize {
        (self.0 >> 1) as usize
    }

    /// Whether it does apply, and nothing of its `when` is left to be met.
    pub fn is_certain(self) -> bool {
        self.0 & 1 == 1
    }
}

/// The indexes of a club's stages.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Indexes {
    /// Over its discounts.
    pub discounts: Index,
    /// Over its accruals.
    pub accruals: Index,
    /// Over its splits.
    pub splits: Index,
}

impl Indexes {
    /// The indexes over the stages of a club in a world of so many shops.
    pub fn new(
        discounts: &[Discount],
        accruals: &[Accrue],
        splits: &[Split],
        shops: usize,
    ) -> Indexes {
        Indexes {
            discounts: Index::new(discounts.iter().map(|rule| &rule.when[..]), shops),
            accruals: Index::new(accruals.iter().map(|rule| &rule.when[..]), shops),
            splits: Index::new(splits.iter().map(|rule| &rule.when[..]), shops),
        }
    }
}

/// The index over the rules of one stage. Flat: lists of numbers and rows, and where each begins.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Index {
    /// Rules that no gate keeps out, rising.
    always: Vec<Row>,
    /// The gates that a shop, a category, ... opens.
    keys: Map<Key, (u32, u32)>,
    opened: Vec<u32>,
    /// The gates that a day opens.
    days: Days,
    /// The rules behind each gate, rising.
    rows: Lists<Row>,
    /// The kinds of keys there are, a bit each.
    kinds: u8,
}

/// What a purchase shows before any rule is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    shop: ShopId,
    mcc: u16,
    tier: Option<TierId>,
    day: Day,
    hour: u8,
    /// A bit in each part of [`Row::clock`].
    clock: u64,
    /// The bits of shop and category.
    places: u64,
    bin: Option<Bin>,
    terminal: u64,
}

impl Known {
    /// What these circumstances show.
    pub fn new(seen: &Circumstances<'_>) -> Known {
        let Circumstances {
            shop,
            mcc,
            tier,
            local,
            terminal,
            ..
        } = *seen;
        let hour = (local.time.0 / 3_600).min(23) as u8;
        let business = seen.world.is_business_day(local.day);
        Known {
            shop,
            mcc,
            tier,
            day: local.day,
            hour,
            clock: weekday_bit(local.day.weekday().0)
                | hour_bit(hour)
                | business_bit(business)
                | tier_bit(tier),
            places: place_bit(Key::Shop(shop)) | place_bit(Key::Mcc(mcc)),
            bin: seen.facts.bin,
            terminal: xxh3_64(terminal.as_bytes()),
        }
    }
}

/// A rule behind a gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Row {
    rule: Candidate,
    from: Day,
    to: Day,
    /// Seven weekdays, 24 hours, business day or not, 31 kinds of tiers: a bit for each on which it may apply.
    clock: u64,
    /// A bit for each shop and category where it may apply; several share one.
    places: u64,
}

const WEEKDAYS: u64 = 0x7f;
const HOURS: u64 = 0xff_ffff << 7;
const BUSINESS: u64 = 3 << 31;
const TIERS: u64 = !(WEEKDAYS | HOURS | BUSINESS);
/// Tiers from this one on share a bit.
const TIERS_TOLD: u16 = 29;

fn weekday_bit(day: u8) -> u64 {
    1 << (day % 7)
}

fn hour_bit(hour: u8) -> u64 {
    1 << (7 + hour % 24)
}

fn business_bit(business: bool) -> u64 {
    1 << (31 + u32::from(business))
}

fn tier_bit(tier: Option<TierId>) -> u64 {
    let TierId(at) = tier.unwrap_or(TierId(TIERS_TOLD + 1));
    let at = if tier.is_some() {
        at.min(TIERS_TOLD)
    } else {
        at
    };
    1 << (33 + at)
}

fn place_bit(key: Key) -> u64 {
    let number = match key {
        Key::Shop(shop) => u64::from(shop.0),
        Key::Mcc(mcc) => 1 << 32 | u64::from(mcc),
        _ => return u64::MAX,
    };
    1 << (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58)
}

impl Row {
    fn new(rule: u32, when: &[Condition], gate: Option<&Condition>) -> Row {
        let mut row = Row {
            rule: Candidate::new(rule, false),
            from: Day(i32::MIN),
            to: Day(i32::MAX),
            clock: u64::MAX,
            places: u64::MAX,
        };
        let mut certain = true;
        for condition in when {
            certain &=
                row.narrow(condition) || gate.is_some_and(|gate| opens_alone(gate, condition));
        }
        row.rule = Candidate::new(rule, certain);
        row
    }

    /// Leaves out what does not meet a condition. True where what is left just meets it.
    fn narrow(&mut self, condition: &Condition) -> bool {
        match condition {
            Condition::Dates { from, to } => {
                self.from = self.from.max(*from);
                self.to = self.to.min(*to);
                true
            }
            Condition::Weekdays(days) => {
                let of_days = (0..7).filter(|day| days & (1 << day) != 0);
                self.leave(WEEKDAYS, of_days.map(weekday_bit));
                true
            }
            Condition::Hours(spans) => {
                let hours = (0..24).filter(|hour| spans.iter().any(|span| touches(*span, *hour)));
                self.leave(HOURS, hours.map(hour_bit));
                spans
                    .iter()
                    .all(|(from, to)| from.0 % 3_600 == 0 && to.0 % 3_600 == 0)
            }
            Condition::BusinessDay(wanted) => {
                self.leave(BUSINESS, std::iter::once(business_bit(*wanted)));
                true
            }
            Condition::Tiers(tiers) => {
                self.leave(TIERS, tiers.iter().map(|tier| tier_bit(Some(*tier))));
                tiers.iter().all(|tier| tier.0 < TIERS_TOLD)
            }
            Condition::Shops(_) | Condition::Groups(_) | Condition::Mcc(_) => {
                let keys = place_keys(condition);
                let places = keys.map(place_bit).fold(0, |all, bit| all | bit);
                // Of two the rarer one; both cannot be told by one set of bits.
                if places.count_ones() < self.places.count_ones() {
                    self.places = places;
                }
                false
            }
            _ => false,
        }
    }

    fn leave(&mut self, part: u64, bits: impl Iterator<Item = u64>) {
        self.clock &= !part | bits.fold(0, |all, bit| all | bit);
    }

    fn lets(&self, known: &Known) -> bool {
        self.clock & known.clock == known.clock
            && self.from <= known.day
            && known.day <= self.to
            && self.places & known.places != 0
    }
}

/// What a purchase is known by before its rules are looked at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Key {
    Shop(ShopId),
    Mcc(u16),
    Tier(TierId),
    Weekday(u8),
    Hour(u8),
    Bin(Bin),
    /// A hash of its number: two of them may share a gate.
    Terminal(u64),
}

impl Key {
    /// A bit of its own for each kind.
    fn kind(self) -> u8 {
        match self {
            Key::Shop(_) => 1,
            Key::Mcc(_) => 2,
            Key::Tier(_) => 4,
            Key::Weekday(_) => 8,
            Key::Hour(_) => 16,
            Key::Bin(_) => 32,
            Key::Terminal(_) => 64,
        }
    }
}

/// A condition that opens the way to a rule.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Gate {
    /// Any of these keys opens it.
    Keys(Vec<Key>),
    /// A day of this span opens it.
    Days(Day, Day),
}

/// A gate, and of a million purchases how many it may let in. A guess: it decides what is quick and never what is right.
type Guess = (u64, Gate);

const ALL: u64 = 1_000_000;
/// Of a million purchases, those of one category.
const OF_MCC: u64 = 40_000;
/// Of a million purchases, those of one day.
const OF_DAY: u64 = 2_700;
/// Days that are here are here for all purchases: they are taken where no place is told but half of the shops.
const OF_DAYS: u64 = 500_000;
/// Of a million purchases, those with cards of one range.
const OF_BIN: u64 = 50_000;
/// Of a million purchases, those of one terminal.
const OF_TERMINAL: u64 = 1_000;
/// Of a million purchases, those of one tier.
const OF_TIER: u64 = 300_000;

impl Index {
    /// Over rules with these conditions.
    pub fn new<'r>(whens: impl Iterator<Item = &'r [Condition]>, shops: usize) -> Index {
        let mut index = Index::default();
        let mut gates: Map<Gate, u32> = Map::default();
        let mut behind: Vec<Vec<Row>> = Vec::new();
        for (rule, when) in (0..).zip(whens) {
            let Some((condition, all)) = narrowest(when, shops) else {
                index.always.push(Row::new(rule, when, None));
                continue;
            };
            let row = Row::new(rule, when, Some(condition));
            for (_, gate) in all {
                let next = behind.len() as u32;
                let gate = *gates.entry(gate).or_insert(next);
                if gate == next {
                    behind.push(Vec::new());
                }
                let list = &mut behind[gate as usize];
                if list.last() != Some(&row) {
                    list.push(row);
                }
            }
        }
        index.rows = Lists::new(&behind);
        index.open_by(gates);
        index
    }

    fn open_by(&mut self, gates: Map<Gate, u32>) {
        let mut opened: Map<Key, Vec<u32>> = Map::default();
        let mut days = Vec::new();
        for (gate, number) in gates {
            match gate {
                Gate::Days(from, to) => days.push((from, to, number)),
                Gate::Keys(keys) => {
                    for key in keys {
                        self.kinds |= key.kind();
                        opened.entry(key).or_default().push(number);
                    }
                }
            }
        }
        // In an order of their own, so that the same rules make the same index.
        let mut opened: Vec<(Key, Vec<u32>)> = opened.into_iter().collect();
        opened.sort_unstable_by_key(|(key, _)| *key);
        for (key, mut list) in opened {
            list.sort_unstable();
            list.dedup();
            let from = self.opened.len() as u32;
            self.opened.append(&mut list);
            self.keys.insert(key, (from, self.opened.len() as u32));
        }
        self.days = Days::new(days);
    }

    /// The rules that can apply. No other one does.
    pub fn candidates(&self, known: &Known) -> Candidates {
        let mut found = Candidates::new();
        let mut lists = 0;
        let mut look = |rows: &[Row]| {
            lists += 1;
            found.extend(
                rows.iter()
                    .filter(|row| row.lets(known))
                    .map(|row| row.rule),
            );
        };
        if !self.always.is_empty() {
            look(&self.always);
        }
        let mut open = |gate: u32| look(self.rows.get(gate as usize));
        let keys = [
            Some(Key::Shop(known.shop)),
            Some(Key::Mcc(known.mcc)),
            known.tier.map(Key::Tier),
            Some(Key::Weekday(known.day.weekday().0)),
            Some(Key::Hour(known.hour)),
            Some(Key::Terminal(known.terminal)),
        ];
        let ranges = known.bin.into_iter().flat_map(Bin::ranges).map(Key::Bin);
        for key in keys.into_iter().flatten().chain(ranges) {
            if self.kinds & key.kind() == 0 {
                continue;
            }
            if let Some((from, to)) = self.keys.get(&key) {
                let gates = &self.opened[*from as usize..*to as usize];
                gates.iter().for_each(|gate| open(*gate));
            }
        }
        self.days.at(known.day, &mut open);
        if lists > 1 {
            // A shop of a group and its category may both have opened the same gate.
            found.sort_unstable();
            found.dedup();
        }
        found
    }
}

/// The condition of a list that the fewest purchases meet, with its gates: any of them leads to the rule. None where nothing of it is
/// known beforehand.
fn narrowest(when: &[Condition], shops: usize) -> Option<(&Condition, Vec<Guess>)> {
    let guesses = when
        .iter()
        .filter_map(|condition| Some((condition, gates(condition, shops)?)));
    guesses.min_by_key(|(_, all)| share(all))
}

fn share(all: &[Guess]) -> u64 {
    all.iter().map(|(share, _)| share).sum()
}

/// Whether the gate that a rule is filed under is all there is to one of its conditions.
fn opens_alone(gate: &Condition, condition: &Condition) -> bool {
    let place = matches!(
        condition,
        Condition::Shops(_) | Condition::Groups(_) | Condition::Mcc(_)
    );
    place && std::ptr::eq(gate, condition)
}

/// The gates of one condition, where it is known beforehand.
fn gates(condition: &Condition, shops: usize) -> Option<Vec<Guess>> {
    let of_shops = |count: usize| ALL * count as u64 / shops.max(1) as u64;
    let by_keys = |share: u64, keys: Vec<Key>| Some(vec![(share, Gate::Keys(keys))]);
    match condition {
        Condition::Shops(_) | Condition::Groups(_) | Condition::Mcc(_) => {
            let keys: Vec<Key> = place_keys(condition).collect();
            let coded = keys.iter().filter(|key| matches!(key, Key::Mcc(_))).count();
            by_keys(of_shops(keys.len() - coded) + OF_MCC * coded as u64, keys)
        }
        Condition::Dates { from, to } => {
            let days = i64::from(to.0) - i64::from(from.0) + 1;
            let share = OF_DAYS + OF_DAY * days.max(0).unsigned_abs();
            Some(vec![(share, Gate::Days(*from, *to))])
        }
        Condition::Hours(spans) => {
            let hours = (0..24).filter(|hour| spans.iter().any(|span| touches(*span, *hour)));
            let keys: Vec<Key> = hours.map(Key::Hour).collect();
            by_keys(ALL * keys.len() as u64 / 24, keys)
        }
        Condition::Weekdays(days) => {
            let days = (0..7).filter(|day| days & (1 << day) != 0);
            let keys: Vec<Key> = days.map(Key::Weekday).collect();
            by_keys(ALL * keys.len() as u64 / 7, keys)
        }
        Condition::Tiers(tiers) => by_keys(
            OF_TIER * tiers.len() as u64,
            tiers.iter().map(|tier| Key::Tier(*tier)).collect(),
        ),
        Condition::Bins(bins) => by_keys(
            OF_BIN * bins.len() as u64,
            bins.iter().map(|bin| Key::Bin(*bin)).collect(),
        ),
        Condition::Terminals(terminals) => {
            let hashes = terminals.iter().map(|number| xxh3_64(number.as_bytes()));
            let keys: Vec<Key> = hashes.map(Key::Terminal).collect();
            by_keys(OF_TERMINAL * keys.len() as u64, keys)
        }
        Condition::Any(lists) => {
            let mut all = Vec::new();
            for list in lists {
                all.extend(narrowest(list, shops)?.1);
            }
            Some(all)
        }
        _ => None,
    }
}

/// Shops and categories of a condition on the place.
fn place_keys(condition: &Condition) -> impl Iterator<Item = Key> {
    let (shops, mccs): (&[ShopId], &[u16]) = match condition {
        Condition::Shops(shops) => (shops, &[]),
        Condition::Mcc(mccs) => (&[], mccs),
        Condition::Groups(places) => (&places.shops, &places.mccs),
        _ => (&[], &[]),
    };
    let shops = shops.iter().map(|shop| Key::Shop(*shop));
    shops.chain(mccs.iter().map(|mcc| Key::Mcc(*mcc)))
}

/// Whether a span of hours, which may pass midnight, has a part of an hour.
fn touches((from, to): (TimeOfDay, TimeOfDay), hour: u8) -> bool {
    let begins = u32::from(hour) * 3_600;
    let ends = begins + 3_600;
    let (from, to) = (from.0, to.0);
    if from <= to {
        from < ends && begins < to
    } else {
        from < ends || begins < to
    }
}

/// Lists, one after the other.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Lists<T> {
    /// Where each begins; one more says where the last ends.
    starts: Vec<u32>,
    all: Vec<T>,
}

impl<T> Default for Lists<T> {
    fn default() -> Lists<T> {
        Lists {
            starts: vec![0],
            all: Vec::new(),
        }
    }
}

impl<T: Copy> Lists<T> {
    fn new(lists: &[Vec<T>]) -> Lists<T> {
        let mut made = Lists::default();
        for list in lists {
            made.all.extend_from_slice(list);
            made.starts.push(made.all.len() as u32);
        }
        made
    }

    fn get(&self, at: usize) -> &[T] {
        &self.all[self.starts[at] as usize..self.starts[at + 1] as usize]
    }
}

/// Spans of days, to be found by a day that is in them: a segment tree over the days on which any begins or has ended. A span stands
/// in at most two nodes of each height, a day is below one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Days {
    /// The days on which something changes, rising.
    turns: Vec<Day>,
    /// The gates at each node; node 1 is the root, the leaves are the stretches between turns.
    nodes: Lists<u32>,
}

impl Days {
    fn new(mut spans: Vec<(Day, Day, u32)>) -> Days {
        spans.retain(|(from, to, _)| from <= to);
        spans.sort_unstable();
        let ends = spans.iter().map(|(_, to, _)| to.plus(1));
        let mut turns: Vec<Day> = spans.iter().map(|(from, ..)| *from).chain(ends).collect();
        turns.sort_unstable();
        turns.dedup();
        let leaves = turns.len();
        let mut nodes = vec![Vec::new(); 2 * leaves];
        let leaf = |day: Day| leaves + turns.partition_point(|turn| *turn < day);
        for (from, to, gate) in &spans {
            let (mut low, mut high) = (leaf(*from), leaf(to.plus(1)));
            while low < high {
                if low % 2 == 1 {
                    nodes[low].push(*gate);
                    low += 1;
                }
                if high % 2 == 1 {
                    high -= 1;
                    nodes[high].push(*gate);
                }
                (low, high) = (low / 2, high / 2);
            }
        }
        Days {
            nodes: Lists::new(&nodes),
            turns,
        }
    }

    fn at(&self, day: Day, open: &mut impl FnMut(u32)) {
        let begun = self.turns.partition_point(|turn| *turn <= day);
        if begun == 0 {
            return;
        }
        let mut node = self.turns.len() + begun - 1;
        while node > 0 {
            self.nodes.get(node).iter().for_each(|gate| open(*gate));
            node /= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_finds_just_the_spans_it_is_in() {
        let mut state = 3u64;
        let mut roll = move |bound: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            ((state >> 33) % bound) as i32
        };
        for count in 0..60 {
            let spans: Vec<(Day, Day, u32)> = (0..count)
                .map(|number| {
                    let from = roll(80);
                    (Day(from), Day(from + roll(30) - 1), number)
                })
                .collect();
            let days = Days::new(spans.clone());
            for day in (-3..120).map(Day) {
                let mut found = Vec::new();
                days.at(day, &mut |gate| found.push(gate));
                found.sort_unstable();
                let inside = |(from, to, _): &&(Day, Day, u32)| (*from..=*to).contains(&day);
                let wanted: Vec<u32> = spans.iter().filter(inside).map(|span| span.2).collect();
                assert_eq!(found, wanted, "{spans:?} at {day:?}");
            }
        }
    }

    #[test]
    fn an_hour_is_touched_by_a_minute_of_it() {
        let check = |from: &str, to: &str, wanted: &[u8]| {
            let time = |text| TimeOfDay::parse(text).unwrap();
            let span = (time(from), time(to));
            let found: Vec<u8> = (0..24).filter(|hour| touches(span, *hour)).collect();
            assert_eq!(found, wanted, "{from}-{to}");
        };
        check("08:00", "10:00", &[8, 9]);
        check("08:59", "10:01", &[8, 9, 10]);
        check("23:30", "00:30", &[0, 23]);
        check("22:00", "00:00", &[22, 23]);
        check("00:00", "24:00", &(0..24).collect::<Vec<u8>>());
    }

    #[test]
    fn the_rarest_condition_is_the_one_a_rule_is_filed_under() {
        let shop = Condition::Shops(vec![ShopId(7)]);
        let weekdays = Condition::Weekdays(0b11);
        let mcc = |code| Condition::Mcc(vec![code]);
        let filed = |when: &[Condition]| {
            narrowest(when, 1_000).map(|(_, all)| all.into_iter().map(|(_, gate)| gate).collect())
        };
        let key = |key| Gate::Keys(vec![key]);
        let check = |when: &[Condition], wanted: Option<Vec<Gate>>| assert_eq!(filed(when), wanted);
        check(
            &[weekdays.clone(), shop.clone()],
            Some(vec![key(Key::Shop(ShopId(7)))]),
        );
        check(&[Condition::Not(vec![shop.clone()].into())], None);
        let both = vec![
            vec![weekdays.clone(), mcc(5411)].into(),
            vec![shop.clone()].into(),
        ];
        check(
            &[Condition::Any(both)],
            Some(vec![key(Key::Mcc(5411)), key(Key::Shop(ShopId(7)))]),
        );
        let open = vec![vec![shop].into(), vec![Condition::BusinessDay(true)].into()];
        check(&[Condition::Any(open)], None);
    }
}
