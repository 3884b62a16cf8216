//! Which rules can apply to a purchase: an index made once when a rulebook is compiled, so that a purchase costs by the rules that can
//! apply to it and not by those that exist.
//!
//! A rule is filed under one condition of its `when`, the one that the fewest purchases meet out of those that are known before
//! the rule is looked at: shop, group, category, terminal, card range, member or card on a list, days, weekday, hour, tier. Rules with the same condition share one **gate**; a shop,
//! a category, ... knows the gates it opens. `any` is looked through where each of its branches has such a condition; `not` never.
//! A gate that few keys open has its rows beside each of them, so that one look finds all; where many rows of a gate are of a few
//! weeks only, they are filed under the month too.
//!
//! Behind a gate every rule has a **row** of 32 bytes: the days, weekdays, hours, tiers and, roughly, the places that it is for.
//! What passes both can apply. Where gate and row say all that `when` says, the rule applies; else the rest is still to be met, which
//! stands here too, one rule after the other.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

use crate::ledger::TierId;
use crate::rules::when::Circumstances;
use crate::rules::{Accrue, Condition, Discount, Places, Split};
use crate::terms::{Bin, Day, Map, MemberId, ShopId, TimeOfDay};

/// The rules of a stage that can apply to one purchase, in the order of the file.
pub type Candidates = SmallVec<[Candidate; 64]>;

/// A rule that can apply.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Candidate {
    rule: u32,
    rest: Rest,
}

impl Candidate {
    /// Its place in the list of its stage.
    pub fn place(self) -> usize {
        self.rule as usize
    }
}

/// Where the conditions stand that are left to be met: the first, and in the last four bits how many.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Rest(u32);

impl Rest {
    /// So many are told; a rule with more is asked for all of them one by one, in lists of this length.
    const MOST: usize = 15;

    fn new(first: usize, count: usize) -> Rest {
        debug_assert!(count <= Rest::MOST && first < 1 << 28);
        Rest((first as u32) << 4 | count as u32)
    }

    fn of<T>(self, all: &[T]) -> &[T] {
        let first = (self.0 >> 4) as usize;
        all.get(first..first + (self.0 & 15) as usize)
            .unwrap_or_default()
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
    /// What each shop opens, by its id.
    shops: Vec<Opened>,
    /// What a category, a tier, ... opens.
    keys: Map<Key, Opened>,
    /// The rows that stand beside the keys that open them; of a key rising.
    beside: Vec<Row>,
    /// The gates that keys open and that stand for themselves.
    gates: Vec<u32>,
    /// The gates that a day opens.
    days: Days,
    /// The rules behind each gate that stands for itself, rising.
    rows: Lists<Row>,
    /// What of the rules' conditions neither gate nor row says.
    rest: Vec<Condition>,
    /// The kinds of keys there are, a bit each.
    kinds: u16,
}

/// What a key opens: rows beside it, and gates; from and to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Opened {
    rows: (u32, u32),
    gates: (u32, u32),
}

fn part<T>(all: &[T], (from, to): (u32, u32)) -> &[T] {
    all.get(from as usize..to as usize).unwrap_or_default()
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
    member: MemberId,
    card: Option<u64>,
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
            member: seen.member.id,
            card: seen.card.map(|card| xxh3_64(&card.0)),
        }
    }
}

/// A rule behind a gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Row {
    rule: u32,
    rest: Rest,
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
/// The bits of more shops and categories than this say nothing.
const PLACES_TOLD: usize = 256;
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
    /// The row of a rule that is filed under one of its conditions, and what neither says.
    fn new<'r>(
        rule: u32,
        when: &'r [Condition],
        gate: Option<&Condition>,
    ) -> (Row, Vec<&'r Condition>) {
        let mut row = Row {
            rule,
            rest: Rest(0),
            from: Day(i32::MIN),
            to: Day(i32::MAX),
            clock: u64::MAX,
            places: u64::MAX,
        };
        let mut rest = Vec::new();
        for condition in when {
            let told = row.narrow(condition);
            if !told && !gate.is_some_and(|gate| opens_alone(gate, condition)) {
                rest.push(condition);
            }
        }
        (row, rest)
    }

    fn candidate(&self) -> Candidate {
        Candidate {
            rule: self.rule,
            rest: self.rest,
        }
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
                let keys = place_keys(condition).take(PLACES_TOLD + 1);
                let (mut places, mut count) = (0, 0);
                for key in keys {
                    (places, count) = (places | place_bit(key), count + 1);
                }
                // So many have nearly every bit.
                if count > PLACES_TOLD {
                    return false;
                }
                // Of two the rarer one; both cannot be told by one set of bits.
                if places.count_ones() < self.places.count_ones() {
                    self.places = places;
                }
                false
            }
            _ => false,
        }
    }

    /// The months it is for, where they are few.
    fn months(&self) -> Option<impl Iterator<Item = Month> + use<>> {
        let (from, to) = (Month::of(self.from).0, Month::of(self.to).0);
        let few = from.checked_add(MONTHS).is_some_and(|end| to < end);
        few.then(|| (from..=to).map(Month))
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
    /// A shop in a month.
    ShopIn(ShopId, Month),
    /// A category in a month.
    MccIn(u16, Month),
    /// A member on a list.
    Member(MemberId),
    /// A card on a list, by a hash of its token.
    Card(u64),
}

/// Four weeks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Month(i32);

impl Month {
    fn of(day: Day) -> Month {
        Month(day.0.div_euclid(28))
    }
}

impl Key {
    /// A bit of its own for each kind.
    fn kind(self) -> u16 {
        match self {
            Key::Shop(_) => 1,
            Key::Mcc(_) => 2,
            Key::Tier(_) => 4,
            Key::Weekday(_) => 8,
            Key::Hour(_) => 16,
            Key::Bin(_) => 32,
            Key::Terminal(_) => 64,
            Key::ShopIn(..) => 128,
            Key::MccIn(..) => 256,
            Key::Member(_) => 512,
            Key::Card(_) => 1_024,
        }
    }

    /// The same in a month, of a place.
    fn within(self, month: Month) -> Option<Key> {
        match self {
            Key::Shop(shop) => Some(Key::ShopIn(shop, month)),
            Key::Mcc(mcc) => Some(Key::MccIn(mcc, month)),
            _ => None,
        }
    }
}

/// A condition that opens the way to a rule.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Gate {
    /// Any of these keys opens it.
    Keys(Vec<Key>),
    /// A shop or category of these groups opens it.
    Groups(Shared),
    /// A day of this span opens it.
    Days(Day, Day),
}

/// Groups that many rules share: the same where it is they, and not where they are only alike.
#[derive(Clone, Debug)]
struct Shared(Arc<Places>);

impl PartialEq for Shared {
    fn eq(&self, other: &Shared) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Shared {}

impl Hash for Shared {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
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
/// Of a million purchases, those of one member or card.
const OF_ONE: u64 = 10;
/// Longer lists are looked into only when a rule is asked.
const LISTED_MOST: usize = 4_096;
/// Of a million purchases, those of one tier.
const OF_TIER: u64 = 300_000;

/// A gate that no more keys open has its rows beside each of them.
const BESIDE: usize = 8;
/// With more rows than this behind a gate, those of a few weeks are filed under the month too.
const CROWD: usize = 24;
/// No more months than this are a few weeks.
const MONTHS: i32 = 3;

impl Index {
    /// Over rules with these conditions.
    pub fn new<'r>(whens: impl Iterator<Item = &'r [Condition]>, shops: usize) -> Index {
        let mut index = Index::default();
        let mut numbers: Map<Gate, usize> = Map::default();
        let mut gates: Vec<(Gate, Vec<Row>)> = Vec::new();
        for (rule, when) in (0..).zip(whens) {
            let narrowest = narrowest(when, shops);
            let gate = narrowest.as_ref().map(|(condition, _)| *condition);
            let (mut row, rest) = Row::new(rule, when, gate);
            row.rest = index.keep(&rest);
            let Some((_, all)) = narrowest else {
                index.always.push(row);
                continue;
            };
            for (_, gate) in all {
                let next = gates.len();
                let number = *numbers.entry(gate.clone()).or_insert(next);
                if number == next {
                    gates.push((gate, Vec::new()));
                }
                let list = &mut gates[number].1;
                if list.last() != Some(&row) {
                    list.push(row);
                }
            }
        }
        index.open_by(gates);
        index
    }

    /// Keeps what is left to be met of a rule. Of more than can be told one stands for all that follow.
    fn keep(&mut self, rest: &[&Condition]) -> Rest {
        let first = self.rest.len();
        let (few, many) = match rest.len() {
            0..=Rest::MOST => (rest, &rest[..0]),
            _ => rest.split_at(Rest::MOST - 1),
        };
        self.rest.extend(few.iter().map(|one| (*one).clone()));
        if !many.is_empty() {
            let many: Vec<Condition> = many.iter().map(|one| (*one).clone()).collect();
            self.rest.push(Condition::Any(vec![many.into()]));
        }
        Rest::new(first, self.rest.len() - first)
    }

    fn open_by(&mut self, gates: Vec<(Gate, Vec<Row>)>) {
        let mut beside: Map<Key, Vec<Row>> = Map::default();
        let mut opened: Map<Key, Vec<u32>> = Map::default();
        let (mut days, mut alone) = (Vec::new(), Vec::new());
        for (gate, rows) in gates {
            let number = alone.len() as u32;
            let keys = match gate {
                Gate::Days(from, to) => {
                    days.push((from, to, number));
                    alone.push(rows);
                    continue;
                }
                Gate::Keys(keys) => keys,
                Gate::Groups(Shared(places)) => keys_of(&places.shops, &places.mccs).collect(),
            };
            if keys.len() > BESIDE {
                for key in keys {
                    opened.entry(key).or_default().push(number);
                }
                alone.push(rows);
                continue;
            }
            let crowded = rows.len() > CROWD;
            for row in &rows {
                for key in &keys {
                    let months = row.months().filter(|_| crowded).into_iter().flatten();
                    let mut narrower = months.filter_map(|month| key.within(month)).peekable();
                    if narrower.peek().is_none() {
                        beside.entry(*key).or_default().push(*row);
                    }
                    for key in narrower {
                        beside.entry(key).or_default().push(*row);
                    }
                }
            }
        }
        // In an order of their own, so that the same rules make the same index.
        let mut keys: Vec<Key> = beside.keys().chain(opened.keys()).copied().collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            self.kinds |= key.kind();
            let from = (self.beside.len() as u32, self.gates.len() as u32);
            let mut rows = beside.remove(&key).unwrap_or_default();
            // A shop may open a rule by itself and by its group.
            rows.sort_by_key(|row| row.rule);
            rows.dedup();
            self.beside.append(&mut rows);
            let mut gates = opened.remove(&key).unwrap_or_default();
            gates.sort_unstable();
            gates.dedup();
            self.gates.append(&mut gates);
            let opened = Opened {
                rows: (from.0, self.beside.len() as u32),
                gates: (from.1, self.gates.len() as u32),
            };
            match key {
                Key::Shop(shop) => {
                    let place = shop.place();
                    if self.shops.len() <= place {
                        self.shops.resize(place + 1, Opened::default());
                    }
                    self.shops[place] = opened;
                }
                key => {
                    self.keys.insert(key, opened);
                }
            }
        }
        self.rows = Lists::new(&alone);
        self.days = Days::new(days);
    }

    /// The rules that can apply. No other one does.
    pub fn candidates(&self, known: &Known) -> Candidates {
        let month = Month::of(known.day);
        let keys = [
            Some(Key::Mcc(known.mcc)),
            known.tier.map(Key::Tier),
            Some(Key::Weekday(known.day.weekday().0)),
            Some(Key::Hour(known.hour)),
            Some(Key::Terminal(known.terminal)),
            Some(Key::ShopIn(known.shop, month)),
            Some(Key::MccIn(known.mcc, month)),
            Some(Key::Member(known.member)),
            known.card.map(Key::Card),
        ];
        let ranges = known.bin.into_iter().flat_map(Bin::ranges).map(Key::Bin);
        let keys = keys.into_iter().flatten().chain(ranges);
        // What each key opens is found before any of it is looked at: memory that is far is waited for together.
        let mut opened: SmallVec<[Opened; 12]> = SmallVec::new();
        opened.extend(self.shops.get(known.shop.place()).copied());
        opened.extend(
            keys.filter(|key| self.kinds & key.kind() != 0)
                .filter_map(|key| self.keys.get(&key).copied()),
        );
        let mut found = Candidates::new();
        let mut lists = 0;
        let mut look = |rows: &[Row]| {
            lists += usize::from(!rows.is_empty());
            for row in rows.iter().filter(|row| row.lets(known)) {
                found.push(row.candidate());
            }
        };
        look(&self.always);
        for opened in opened {
            look(part(&self.beside, opened.rows));
            for gate in part(&self.gates, opened.gates) {
                look(self.rows.get(*gate as usize));
            }
        }
        self.days
            .at(known.day, &mut |gate| look(self.rows.get(gate as usize)));
        if lists > 1 {
            // A shop of a group and its category may both have opened the same gate.
            found.sort_unstable();
            found.dedup();
        }
        found
    }

    /// What of a rule's conditions is left to be met: nothing where it does apply.
    pub fn rest(&self, candidate: Candidate) -> &[Condition] {
        candidate.rest.of(&self.rest)
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
        Condition::Groups(places) => {
            let share = of_shops(places.shops.len()) + OF_MCC * places.mccs.len() as u64;
            Some(vec![(share, Gate::Groups(Shared(Arc::clone(places))))])
        }
        Condition::Shops(_) | Condition::Mcc(_) => {
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
        Condition::Roster(roster) => {
            let count = roster.members.len() + roster.cards.len();
            let members = roster.members.iter().map(|member| Key::Member(*member));
            let cards = roster.cards.iter().map(|card| Key::Card(xxh3_64(&card.0)));
            let keys = (count <= LISTED_MOST).then(|| members.chain(cards).collect());
            by_keys(OF_ONE * count as u64, keys?)
        }
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
    keys_of(shops, mccs)
}

fn keys_of(shops: &[ShopId], mccs: &[u16]) -> impl Iterator<Item = Key> {
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
    use crate::rules::Roster;

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
    fn many_rules_of_one_place_are_found_by_their_days() {
        let mut state = 5u64;
        let mut roll = move |bound: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % bound
        };
        for _ in 0..20 {
            let rules: Vec<(Condition, Day, Day)> = (0..400)
                .map(|_| {
                    let place = match roll(3) {
                        0 => Condition::Mcc(vec![roll(3) as u16]),
                        1 => Condition::Shops(vec![ShopId(roll(4) as u32)]),
                        // Too many to stand beside each of them.
                        _ => Condition::Shops((0..12).map(ShopId).collect()),
                    };
                    let from = roll(400) as i32 - 200;
                    let days = if roll(4) == 0 {
                        300
                    } else {
                        roll(60) as i32 - 2
                    };
                    (place, Day(from), Day(from + days))
                })
                .collect();
            let whens: Vec<Vec<Condition>> = rules
                .iter()
                .map(|(place, from, to)| {
                    let dates = Condition::Dates {
                        from: *from,
                        to: *to,
                    };
                    vec![place.clone(), dates]
                })
                .collect();
            let index = Index::new(whens.iter().map(Vec::as_slice), 100);
            for day in (-210..460).step_by(7).map(Day) {
                let known = Known {
                    shop: ShopId(roll(13) as u32),
                    mcc: roll(3) as u16,
                    tier: None,
                    day,
                    hour: 10,
                    clock: 0,
                    places: u64::MAX,
                    bin: None,
                    terminal: 0,
                    member: MemberId(1),
                    card: None,
                };
                let found = index.candidates(&known);
                assert!(found.iter().all(|at| index.rest(*at).is_empty()));
                let found: Vec<usize> = found.iter().map(|at| at.place()).collect();
                let applies = |(_, (place, from, to)): &(usize, &(Condition, Day, Day))| {
                    let here = match place {
                        Condition::Mcc(mccs) => mccs.contains(&known.mcc),
                        Condition::Shops(shops) => shops.contains(&known.shop),
                        _ => false,
                    };
                    here && (*from..=*to).contains(&day)
                };
                let wanted = rules.iter().enumerate().filter(applies);
                let wanted: Vec<usize> = wanted.map(|(at, _)| at).collect();
                assert_eq!(found, wanted, "on {day:?} at {:?}", known.shop);
            }
        }
    }

    #[test]
    fn what_is_left_of_a_rule_is_asked_however_much_it_is() {
        for count in [0, 1, 14, 15, 16, 40] {
            let when: Vec<Condition> = (0..count).map(Condition::Channels).collect();
            let index = Index::new([&when[..], &[]].into_iter(), 1);
            let asked = |all: &[Condition]| {
                let mut asked = Vec::new();
                for condition in all {
                    match condition {
                        Condition::Any(lists) => asked.extend_from_slice(&lists[0]),
                        condition => asked.push(condition.clone()),
                    }
                }
                asked
            };
            let [first, second] = [0, 1].map(|at| index.always[at].candidate());
            assert_eq!(asked(index.rest(first)), when);
            assert!(index.rest(second).is_empty());
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
        let open = vec![
            vec![shop.clone()].into(),
            vec![Condition::BusinessDay(true)].into(),
        ];
        check(&[Condition::Any(open)], None);
        let listed = |count: u32| {
            let roster = Roster {
                members: (0..count).map(MemberId).collect(),
                cards: Vec::new(),
            };
            Condition::Roster(roster.into())
        };
        let members = Gate::Keys(vec![Key::Member(MemberId(0)), Key::Member(MemberId(1))]);
        check(&[shop.clone(), listed(2)], Some(vec![members]));
        check(&[listed(1 << 20)], None);
    }
}
