//! Random histories: purchases, wishes, advices, repeats, early and late reversals, days that turn. Whatever the order, everything adds up,
//! a replay gives the same book, a repeat is told the same, and when all is undone nothing is left. `SEED=0x5eed` replays one; `SIM_S=60` runs on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clubswitch::engine::{Act, Answer, Happened, How, Limits, Opening, OpeningLot, OpeningMember};
use clubswitch::ledger::{Account, Function, Mode, OriginalRef, PurseKey, Redeem, Request, Window};
use clubswitch::terms::person::Identity;
use clubswitch::terms::{MemberId, Moment, Rials, UnitId};

use crate::decisions::{Town, token};

pub(crate) const WORLD: &str = include_str!("../../conf/rules/world/shared.toml");
const GOLESTAN: &str = include_str!("../../conf/rules/clubs/golestan.toml");

/// Splitmix64 (Steele, Lea, Flood 2014): small, seedable, good enough to shuffle a town.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// A club in which everything happens: credit of the shop too, enrolment by purchase, small steps.
pub(crate) fn club() -> String {
    let merchant_credit = r#"
[[accrue]]
name = "loyal-to-the-shop"
base = "net"
earn = { to = "merchant-credit", percent = "0.5%" }
funded_by = "merchant"
cap = [
  { per = "merchant", window = "day", max_rial = 900_000 },
  { per = "member", window = "2 days", max_rial = 400_000 },
]

[[accrue]]
name = "seller"
earn = { to = "points", points = 1, per_rial = 50_000, for = "merchant" }
funded_by = "club"

[[accrue]]
name = "served"
earn = { to = "club-credit", percent = "0.1%", for = "staff" }
funded_by = "merchant"

[[accrue]]
name = "promise"
earn = { to = "points", fixed = "5" }
funded_by = "club"
hold = { until = "profile-confirmed", at_most = "1 day" }
cap = [
  { per = "card", window = "week", max_times = 9 },
  { per = "club", window = "jalali-month", max_points = 123 },
]
on_cap = "skip"
"#;
    let caps = r#"
cap = [
  { per = "member", window = "day", max_rial = 500_000 },
  { per = "rule", window = "jalali-month", max_rial = 2_000_000 },
]
[redeem]
"#;
    GOLESTAN
        .replace("on_first_purchase = false", "on_first_purchase = true")
        .replacen(
            "tiers = [\"gold\", \"platinum\"]",
            "tiers = [\"normal\"]",
            1,
        )
        .replacen("\n[redeem]\n", caps, 1)
        .replace("step_rial = 10_000", "step_rial = 1_000")
        .replace("min_rial  = 50_000", "min_rial  = 1_000")
        .replace(
            "merchants   = [\"golestan-branches\", \"supermarkets\"]",
            "merchants   = [\"golestan-branches\", \"supermarkets\", \"sport\"]",
        )
        + merchant_credit
}

struct History {
    town: Town,
    dice: Dice,
    told: Vec<(Request, Answer, Moment)>,
    early: Vec<u32>,
    opened: BTreeMap<(MemberId, usize), i64>,
    stan: u32,
}

impl History {
    fn begin(seed: u64) -> History {
        // Every second town remembers next to nothing: the rest is brought when it is needed.
        let mut limits = Limits::default();
        if seed.is_multiple_of(2) {
            limits.recent_entries = 0;
        }
        let mut history = History {
            town: Town::with_limits(WORLD, &[&club()], limits),
            dice: Dice(seed),
            told: Vec::new(),
            early: Vec::new(),
            opened: BTreeMap::new(),
            stan: 0,
        };
        history.open();
        history
    }

    /// A few members who have something; others come by buying.
    fn open(&mut self) {
        let names = self.town.engine.names();
        let club = names.club_id("golestan").unwrap();
        let purses = ["points", "club-credit"].map(|name| names.purse_id(club, name).unwrap());
        let members = (0..3)
            .map(|at| OpeningMember {
                club,
                identities: vec![Identity::Card(token(&format!("C{at}")))],
                tier: None,
                marketer: names.person_id("p-77"),
                joined: None,
                born: None,
                lots: purses
                    .iter()
                    .map(|purse| OpeningLot {
                        purse: *purse,
                        shop: None,
                        amount: 50_000 * (at + 1),
                        booked: clubswitch::terms::Day(20_000),
                        last_day: None,
                    })
                    .collect(),
            })
            .collect();
        let opening = Opening {
            reason: "a random history".to_owned(),
            sha256: [7; 32],
            members,
        };
        self.town
            .engine
            .act(Act::Open(opening), self.town.now)
            .unwrap();
        for member in self.town.engine.book().members() {
            for held in member.holdings() {
                self.opened
                    .insert((member.id, held.purse.place()), held.total());
            }
        }
    }

    fn step(&mut self) {
        match self.dice.below(14) {
            // Some days at most in all: what memory has forgotten can no longer be undone.
            0 => self.town.now = self.town.now.plus_seconds(self.dice.below(12_000) as i64),
            1 => {
                self.town.engine.act(Act::TurnDay(None), self.town.now).ok();
            }
            2..=6 => self.buy(Mode::Ask),
            7 => self.buy(Mode::Advise),
            8 => self.repeat(),
            9 => self.reverse_early(),
            10 => self.say_again(),
            11 => self.event(),
            _ => self.reverse(),
        }
        assert_eq!(self.town.engine.book().imbalance(), 0);
    }

    fn buy(&mut self, mode: Mode) {
        self.stan += 1;
        // Some STANs were reversed before their purchase came.
        let stan = match self.early.pop() {
            Some(stan) if self.dice.one_in(2) => stan,
            _ => self.stan,
        };
        let mut request = self.town.request(Function::Purchase, mode, Some(stan));
        let bound = [1_000, 100_000, 10_000_000, 1_000_000_000][self.dice.below(4) as usize];
        let amount = self.dice.below(bound);
        request.asked.amount = Some(Rials(amount as i64));
        request.asked.facts.staff = self.dice.one_in(3).then(|| "p-77".to_owned());
        request.asked.digest = amount;
        request.card = Some(token(&format!("C{}", self.dice.below(8))));
        if self.dice.one_in(4) {
            request.asked.key.acceptor = *b"m-1002         ";
        }
        if self.dice.one_in(5) {
            request.acquirer = "627353".to_owned();
        }
        request.wishes.redeem = match self.dice.below(4) {
            0 => Redeem::AsMuchAsAllowed,
            1 => Redeem::Exactly(Rials(1_000 * self.dice.below(1 + amount / 3_000) as i64)),
            _ => Redeem::Nothing,
        };
        let answer = self.town.decide(&request);
        self.told.push((request, answer, self.town.now));
    }

    /// What a member waited for happens.
    fn event(&mut self) {
        let names = self.town.engine.names();
        let club = names.club_id("golestan").unwrap();
        let members = self.town.engine.book().member_count() as u64;
        let happened = Happened {
            member: MemberId(1 + self.dice.below(members) as u32),
            event: names.event_id(club, "profile-confirmed").unwrap(),
            reason: String::new(),
        };
        // Where nothing waits, nothing happens.
        let now = self.town.now;
        self.town.engine.act(Act::Event(happened), now).ok();
    }

    /// Counts anew, from all entries, what the caps count; at no time was any of them passed.
    fn check_caps(&mut self) {
        let names = self.town.engine.names();
        let mut counted: BTreeMap<_, (i64, i64)> = BTreeMap::new();
        let mut rows = Vec::new();
        for effects in self.town.effects() {
            let sign = if effects.reverses { -1 } else { 1 };
            for row in effects.counted {
                let first = match row.window {
                    Window::Days(_) => row.day,
                    calendar => calendar.first(row.day),
                };
                let key = (row.rule, row.who, row.window, first);
                let (times, amount) = counted.entry(key).or_default();
                *times += sign;
                *amount += sign * row.amount;
                let rule = names.rule(row.rule);
                let most = match (rule, row.window) {
                    ("gold-3", Window::Day) => (i64::MAX, 500_000),
                    ("gold-3", Window::JalaliMonth) => (i64::MAX, 2_000_000),
                    ("promise", Window::Week) => (9, i64::MAX),
                    ("promise", Window::JalaliMonth) => (i64::MAX, 12_300),
                    ("loyal-to-the-shop", Window::Day) => (i64::MAX, 900_000),
                    ("loyal-to-the-shop", Window::Days(2)) => (i64::MAX, 400_000),
                    other => panic!("nobody counts {other:?}"),
                };
                assert!(
                    *times >= 0 && *times <= most.0,
                    "{rule} {row:?} {times} times"
                );
                assert!(*amount >= 0 && *amount <= most.1, "{rule} {row:?} {amount}");
                rows.push(row);
            }
        }
        let book = self.town.engine.book();
        for row in rows {
            // Of a window that slides, day by day.
            let window = match row.window {
                Window::Days(_) => Window::Days(1),
                calendar => calendar,
            };
            let first = window.first(row.day);
            let used = book.used((row.rule, row.unit), row.who, window, row.day);
            let wanted = counted[&(row.rule, row.who, row.window, first)];
            assert_eq!((used.times as i64, used.amount), wanted, "{row:?}");
        }
    }

    fn repeat(&mut self) {
        if self.told.is_empty() {
            return;
        }
        let at = self.dice.below(self.told.len() as u64) as usize;
        let (request, before, at) = self.told[at].clone();
        let sequence = self.town.engine.book().sequence();
        let again = self.town.decide(&request);
        // What is older than memory may be told anew; that it moves nothing twice shows when all is undone.
        let young = self.town.now < at.plus_seconds(8 * 86_400);
        let decided = matches!(before.how, How::New | How::Matched | How::Orphan);
        // Nothing was kept of what an acquirer without a place sent about no shop: it is decided anew.
        let unkept = decided && before.entry.is_none();
        if !young || unkept {
            return;
        }
        if decided {
            assert_eq!(again.told, before.told, "a repeat is told the same");
            assert_eq!(again.how, How::Repeat);
        }
        assert!(
            again.entry.is_none_or(|entry| entry <= sequence),
            "a repeat makes no entry"
        );
    }

    /// A purchase comes again in another kind: its advice after it, or it after its advice.
    fn say_again(&mut self) {
        if self.told.is_empty() {
            return;
        }
        let at = self.dice.below(self.told.len() as u64) as usize;
        let mut request = self.told[at].0.clone();
        if request.asked.function != Function::Purchase {
            return;
        }
        (request.asked.mode, request.asked.key.kind) = match request.asked.mode {
            Mode::Ask => (Mode::Advise, 22),
            Mode::Advise => (Mode::Ask, 20),
        };
        let answer = self.town.decide(&request);
        self.told.push((request, answer, self.town.now));
    }

    fn reverse_early(&mut self) {
        self.stan += 1;
        let stan = self.stan;
        let mut request = self.town.request(Function::Reversal, Mode::Advise, None);
        request.asked.original = Some(OriginalRef {
            stan: Some(stan),
            ..OriginalRef::default()
        });
        let answer = self.town.decide(&request);
        self.told.push((request, answer, self.town.now));
        self.early.push(stan);
    }

    fn reverse(&mut self) {
        if self.told.is_empty() {
            return;
        }
        let at = self.dice.below(self.told.len() as u64) as usize;
        self.undo(at);
    }

    fn undo(&mut self, at: usize) {
        let (original, ..) = self.told[at].clone();
        if original.asked.function != Function::Purchase {
            return;
        }
        let mut request = self.town.request(Function::Reversal, Mode::Advise, None);
        request.acquirer = original.acquirer.clone();
        request.asked.key.acceptor = original.asked.key.acceptor;
        request.asked.original = Some(OriginalRef {
            kind: Some(original.asked.key.kind),
            stan: Some(original.asked.key.stan),
            local: Some(original.asked.key.local),
            ..OriginalRef::default()
        });
        let answer = self.town.decide(&request);
        assert!(
            answer.told.verdict.is_approved(),
            "a reversal advice is never refused"
        );
        self.told.push((request, answer, self.town.now));
    }

    /// When every purchase is undone, nobody owes anybody anything, and members have what they were opened with.
    fn undo_everything(&mut self) {
        let mut order: Vec<usize> = (0..self.told.len()).collect();
        for at in (1..order.len()).rev() {
            order.swap(at, self.dice.below(at as u64 + 1) as usize);
        }
        for at in order {
            self.undo(at);
        }
        self.check_caps();
        assert_eq!(self.town.engine.book().cap_count(), 0);
        let book = self.town.engine.book();
        let borne: i64 = self.borne_by_funders();
        for (account, unit, balance) in book.accounts() {
            if unit == UnitId::RIAL && !matches!(account, Account::Outstanding { .. }) {
                assert_eq!(balance, 0, "{account:?}");
            }
        }
        let names = book.names();
        for member in book.members() {
            for held in member.holdings() {
                let opened = self
                    .opened
                    .get(&(member.id, held.purse.place()))
                    .copied()
                    .unwrap_or(0);
                let key = PurseKey {
                    member: member.id,
                    purse: held.purse,
                    shop: held.shop,
                };
                let left = book.balance(Account::Purse(key)) + book.balance(Account::Debt(key));
                if names.purse(held.purse) == "merchant-credit" {
                    assert!(left >= opened);
                } else {
                    assert_eq!(
                        left,
                        opened,
                        "member {} {}",
                        member.id,
                        names.purse(held.purse)
                    );
                }
            }
        }
        assert!(borne >= 0);
    }

    /// What shops gave in credit that was spent before it was taken back.
    fn borne_by_funders(&self) -> i64 {
        let book = self.town.engine.book();
        book.accounts()
            .into_iter()
            .filter(|(account, ..)| {
                matches!(account, Account::Outstanding { purse, .. } if book.names().purse(*purse) == "merchant-credit")
            })
            .map(|(_, _, balance)| -balance)
            .sum()
    }
}

fn check(seed: u64) {
    let mut history = History::begin(seed);
    let steps = 50 + history.dice.below(400);
    for _ in 0..steps {
        history.step();
    }
    history.town.replay();
    history.check_caps();
    history.undo_everything();
    history.town.replay();
}

#[test]
fn any_history_adds_up_and_can_be_undone() {
    let given = std::env::var("SEED").ok().map(|seed| {
        let digits = seed.trim_start_matches("0x").to_owned();
        u64::from_str_radix(&digits, 16).unwrap()
    });
    let seconds = std::env::var("SIM_S")
        .ok()
        .map_or(3, |s| s.parse().unwrap());
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut seed = given.unwrap_or_else(|| u64::from(std::process::id()) << 20 | 1);
    loop {
        println!("SEED={seed:#x}");
        check(seed);
        if given.is_some() || Instant::now() > end {
            break;
        }
        seed += 1;
    }
}
