//! Which rules can apply to a purchase: an index made once when a rulebook is compiled, so that a purchase costs by the rules that can
//! apply to it and not by those that exist.
//!
//! A rule is filed under the condition of its `when` that the fewest purchases meet, out of those that are known before it is
//! looked at: shop, group, category, days, weekday, hour, tier. Rules with the same condition share one **gate**; a shop, a
//! category, ... knows the gates it opens. `any` is looked through where each of its branches has such a condition; `not` never.
//! The rest of `when` is still to be met: the index leaves out only what cannot apply.

use smallvec::SmallVec;

use crate::ledger::TierId;
use crate::rules::when::Circumstances;
use crate::rules::{Accrue, Condition, Discount, Split};
use crate::terms::{Day, Map, ShopId, TimeOfDay};

/// The rules of a stage that can apply to one purchase, as places in their list, rising: the order of the file.
pub type Candidates = SmallVec<[u32; 64]>;

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

/// The index over the rules of one stage. Flat: lists of numbers, and where each begins.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Index {
    /// Rules that nothing known beforehand keeps out, rising.
    always: Vec<u32>,
    /// The gates that a shop, a category, ... opens.
    keys: Map<Key, (u32, u32)>,
    opened: Vec<u32>,
    /// The gates that a day opens.
    days: Days,
    /// The rules behind each gate, rising.
    rules: Lists,
    /// The kinds of keys there are, a bit each.
    kinds: u8,
}

/// What a purchase is known by before its rules are looked at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Key {
    Shop(ShopId),
    Mcc(u16),
    Tier(TierId),
    Weekday(u8),
    Hour(u8),
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
/// Of a million purchases, those of one tier.
const OF_TIER: u64 = 300_000;

impl Index {
    /// Over rules with these conditions.
    pub fn new<'r>(whens: impl Iterator<Item = &'r [Condition]>, shops: usize) -> Index {
        let mut index = Index::default();
        let mut gates: Map<Gate, u32> = Map::default();
        let mut behind: Vec<Vec<u32>> = Vec::new();
        for (rule, when) in (0..).zip(whens) {
            let Some(all) = narrowest(when, shops) else {
                index.always.push(rule);
                continue;
            };
            for (_, gate) in all {
                let next = behind.len() as u32;
                let gate = *gates.entry(gate).or_insert(next);
                if gate == next {
                    behind.push(Vec::new());
                }
                let list = &mut behind[gate as usize];
                if list.last() != Some(&rule) {
                    list.push(rule);
                }
            }
        }
        index.rules = Lists::new(&behind);
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
    pub fn candidates(&self, seen: &Circumstances<'_>) -> Candidates {
        let mut found = Candidates::from_slice(&self.always);
        let mut sorted = true;
        let mut open = |gate: u32| {
            let list = self.rules.get(gate as usize);
            sorted = sorted && found.is_empty();
            found.extend_from_slice(list);
        };
        let hour = Key::Hour((seen.local.time.0 / 3_600).min(23) as u8);
        let keys = [
            Some(Key::Shop(seen.shop)),
            Some(Key::Mcc(seen.mcc)),
            seen.tier.map(Key::Tier),
            Some(Key::Weekday(seen.local.day.weekday().0)),
            Some(hour),
        ];
        for key in keys.into_iter().flatten() {
            if self.kinds & key.kind() == 0 {
                continue;
            }
            if let Some((from, to)) = self.keys.get(&key) {
                let gates = &self.opened[*from as usize..*to as usize];
                gates.iter().for_each(|gate| open(*gate));
            }
        }
        self.days.at(seen.local.day, &mut open);
        if !sorted {
            // A shop of a group and its category may both have opened the same gate.
            found.sort_unstable();
            found.dedup();
        }
        found
    }
}

/// The gates of a list of conditions that the fewest purchases pass; any of them leads to the rule. None where no condition is one.
fn narrowest(when: &[Condition], shops: usize) -> Option<Vec<Guess>> {
    let guesses = when.iter().filter_map(|condition| gate(condition, shops));
    guesses.min_by_key(|all| share(all))
}

fn share(all: &[Guess]) -> u64 {
    all.iter().map(|(share, _)| share).sum()
}

/// The gates of one condition, where it is known beforehand.
fn gate(condition: &Condition, shops: usize) -> Option<Vec<Guess>> {
    let of_shops = |count: usize| ALL * count as u64 / shops.max(1) as u64;
    let one = |share: u64, keys: Vec<Key>| Some(vec![(share, Gate::Keys(keys))]);
    match condition {
        Condition::Shops(list) => one(
            of_shops(list.len()),
            list.iter().map(|shop| Key::Shop(*shop)).collect(),
        ),
        Condition::Groups(places) => {
            let listed = places.shops.iter().map(|shop| Key::Shop(*shop));
            let coded = places.mccs.iter().map(|mcc| Key::Mcc(*mcc));
            one(
                of_shops(places.shops.len()) + OF_MCC * places.mccs.len() as u64,
                listed.chain(coded).collect(),
            )
        }
        Condition::Mcc(mccs) => one(
            OF_MCC * mccs.len() as u64,
            mccs.iter().map(|mcc| Key::Mcc(*mcc)).collect(),
        ),
        Condition::Dates { from, to } => {
            let days = i64::from(to.0) - i64::from(from.0) + 1;
            Some(vec![(
                OF_DAY * days.max(0).unsigned_abs(),
                Gate::Days(*from, *to),
            )])
        }
        Condition::Hours(spans) => {
            let hours = (0..24).filter(|hour| spans.iter().any(|span| touches(*span, *hour)));
            let keys: Vec<Key> = hours.map(Key::Hour).collect();
            one(ALL * keys.len() as u64 / 24, keys)
        }
        Condition::Weekdays(days) => {
            let keys: Vec<Key> = (0..7)
                .filter(|day| days & (1 << day) != 0)
                .map(Key::Weekday)
                .collect();
            one(ALL * keys.len() as u64 / 7, keys)
        }
        Condition::Tiers(tiers) => one(
            OF_TIER * tiers.len() as u64,
            tiers.iter().map(|tier| Key::Tier(*tier)).collect(),
        ),
        Condition::Any(lists) => {
            let mut all = Vec::new();
            for list in lists {
                all.extend(narrowest(list, shops)?);
            }
            Some(all)
        }
        _ => None,
    }
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

/// Lists of numbers, one after the other.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Lists {
    /// Where each begins; one more says where the last ends.
    starts: Vec<u32>,
    all: Vec<u32>,
}

impl Lists {
    fn new(lists: &[Vec<u32>]) -> Lists {
        let mut made = Lists::default();
        made.starts.push(0);
        for list in lists {
            made.all.extend_from_slice(list);
            made.starts.push(made.all.len() as u32);
        }
        made
    }

    fn get(&self, at: usize) -> &[u32] {
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
    nodes: Lists,
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
            narrowest(when, 1_000).map(|all| all.into_iter().map(|(_, gate)| gate).collect())
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
