//! Deciding a member's purchase by the shipped rules, beside what no decision can do without: applying the entry to the
//! book and encoding it. Both begin with the same book; every purchase is another one, and a group is taken every 256.
//!
//! Then the judgement alone, by sets of 10 to 100,000 rules of which about ten can apply; and how long such sets take to load.
//! `RULES=10,10000 cargo bench --bench decide -- rules` does only that, by these.

#![allow(clippy::unwrap_used)]

mod common;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clubswitch::engine::{Brought, Engine, Limits};
use clubswitch::exchange::terminal::{Enrolment, Sale, Who};
use clubswitch::keys::TokenKey;
use clubswitch::ledger::{Book, Entry, Names, Request, record};
use clubswitch::rulefile;
use clubswitch::rules::{Indexes, Rulebook, judge};
use clubswitch::serve::rules::SHIPPED;
use clubswitch::source::{FaultLog, File};
use clubswitch::terms::{Moment, Rials};
use common::many::{self, Dice, Market};
use common::{card, read, told};
use criterion::{Criterion, criterion_group, criterion_main};

const MEMBERS: u64 = 1_000;
const GROUP: usize = 256;
/// Purchases after which both begin with the first book again.
const ROUND: usize = 256 * GROUP;

/// Two caps of the shipped club's first accrual, which nobody reaches.
const CAPS: &str = r#"name   = "base"
cap = [
  { per = "member", window = "day", max_points = 1_000_000 },
  { per = "rule", window = "30 days", max_points = 100_000_000_000 },
]"#;

/// A book with members, what they are about to buy, and the entries that come of it.
struct Morning {
    rules: Arc<Rulebook>,
    limits: Limits,
    now: Moment,
    book: Vec<u8>,
    purchases: Vec<Request>,
    entries: Vec<Entry>,
}

impl Morning {
    /// By the shipped rules, with this in place of the name of the first accrual.
    fn new(first_accrual: &str) -> Morning {
        let named = "name   = \"base\"";
        let texts = SHIPPED.map(|(name, text)| (name, text.replacen(named, first_accrual, 1)));
        let files = texts.each_ref().map(|(name, text)| (*name, text.as_str()));
        let (mut engine, now) = common::engine(1 << 20, &files);
        let rules = Arc::clone(engine.rules());
        let dialect = common::dialect();
        let key = TokenKey::new(&[7; 32]);
        let mut terminal = common::terminal(&dialect, &rules.world.zone, 1);
        for n in 0..MEMBERS {
            let enrolment = Enrolment {
                card: Some(card(n)),
                ..Enrolment::default()
            };
            let sent = terminal.enrol(&enrolment, now).unwrap();
            told(engine.decide(&read(&dialect, &sent, &key), &Brought::default(), now));
        }
        let purchases = (0..ROUND as u64).map(|n| {
            let rials = 100_000 + (n * 7_919 % 5_000_000) as i64;
            let sale = Sale::of(Who::Card(card(n % MEMBERS)), Rials(rials));
            let sent = terminal.purchase(&sale, now).unwrap();
            read(&dialect, &sent, &key)
        });
        let mut morning = Morning {
            purchases: purchases.collect(),
            entries: Vec::with_capacity(ROUND),
            book: Vec::new(),
            rules,
            limits: Limits::default(),
            now,
        };
        engine.take_group();
        morning.book = engine.book().to_bytes();
        for some in morning.purchases.chunks(GROUP) {
            for purchase in some {
                let answer = told(engine.decide(purchase, &Brought::default(), now));
                let earned = &answer.told.earned;
                assert!(
                    answer.told.verdict.is_approved() && earned.len() == 2,
                    "{answer:?}"
                );
            }
            let group = engine.take_group().unwrap();
            let entries = record::split(&group.bytes).map(|bytes| record::decode(bytes.unwrap()));
            morning.entries.extend(entries.map(Result::unwrap));
        }
        assert_eq!(morning.entries.len(), ROUND);
        morning
    }

    fn first_book(&self) -> Book {
        Book::read(&mut &self.book[..], 1 << 20).unwrap()
    }

    /// The time for so many decisions.
    fn decide(&self, mut count: u64) -> Duration {
        let mut time = Duration::ZERO;
        while count > 0 {
            let mut engine = Engine::new(self.first_book(), Arc::clone(&self.rules), self.limits);
            let some = &self.purchases[..self.purchases.len().min(count as usize)];
            let began = Instant::now();
            for group in some.chunks(GROUP) {
                for purchase in group {
                    black_box(engine.decide(black_box(purchase), &Brought::default(), self.now));
                }
                black_box(engine.take_group());
            }
            time += began.elapsed();
            count -= some.len() as u64;
        }
        time
    }

    /// The time to apply and encode what was decided.
    fn apply(&self, mut count: u64) -> Duration {
        let mut time = Duration::ZERO;
        let mut bytes = Vec::with_capacity(1 << 20);
        while count > 0 {
            let mut book = self.first_book();
            let some = &self.entries[..self.entries.len().min(count as usize)];
            let began = Instant::now();
            for group in some.chunks(GROUP) {
                bytes.clear();
                for entry in group {
                    book.apply(black_box(entry));
                    record::encode(black_box(entry), &mut bytes);
                }
                black_box(&bytes);
            }
            time += began.elapsed();
            count -= some.len() as u64;
        }
        time
    }
}

/// Whether a part was asked for by its name, or none was.
fn wanted(part: &str) -> bool {
    let mut named = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .peekable();
    named.peek().is_none() || named.any(|name| name == part)
}

fn decide(c: &mut Criterion) {
    if !wanted("decide") {
        return;
    }
    let morning = Morning::new("name = \"base\"");
    let capped = Morning::new(CAPS);
    assert!(
        capped
            .entries
            .iter()
            .all(|entry| entry.effects.counted.len() == 2)
    );
    let mut group = c.benchmark_group("decide");
    group.bench_function("apply and encode only", |b| {
        b.iter_custom(|count| morning.apply(count));
    });
    group.bench_function("a member's purchase", |b| {
        b.iter_custom(|count| morning.decide(count));
    });
    group.bench_function("a member's purchase under two caps", |b| {
        b.iter_custom(|count| capped.decide(count));
    });
    group.finish();
    if std::env::args().any(|arg| arg == "--bench") {
        ratio(&morning);
    }
}

/// A purchase against so many rules.
fn rules(_: &mut Criterion) {
    if !wanted("rules") {
        return;
    }
    let measured = std::env::args().any(|arg| arg == "--bench");
    let (sizes, purchases, rounds) = if measured {
        ("10,100,1000,10000,100000", 1 << 14, 15)
    } else {
        ("10,100", 1 << 6, 1)
    };
    let given = std::env::var("RULES").ok();
    let sizes = given.as_deref().unwrap_or(sizes).split(',');
    let markets: Vec<(u64, Market)> = sizes
        .map(|text| text.parse().unwrap())
        .map(|rules| (rules, Market::new(rules, 1_000, 6, purchases)))
        .collect();
    let far: Vec<u64> = (0..1 << 23).collect();
    let mut means = vec![Vec::new(); markets.len()];
    let mut singles = vec![Vec::new(); markets.len()];
    let mut probes = Vec::new();
    // Turn by turn, so that all of them see the same machine.
    for _ in 0..rounds {
        probes.push(touch(&far, purchases as u64));
        for (at, (_, market)) in markets.iter().enumerate() {
            let began = Instant::now();
            let judged = market.cases().map(|case| black_box(judge(&case)));
            assert_eq!(judged.filter(Result::is_ok).count(), purchases);
            means[at].push(began.elapsed().as_nanos() as u64 / purchases as u64);
            for case in market.cases() {
                let began = Instant::now();
                let _ = black_box(judge(&case));
                singles[at].push(began.elapsed().as_nanos() as u64);
            }
        }
    }
    println!("ten places of 64 MiB read: {} ns", median(&mut probes));
    let first = median(&mut means[0]).max(1);
    for (at, (rules, market)) in markets.iter().enumerate() {
        let mean = median(&mut means[at]);
        let (candidates, fired, lots) = market.counts();
        println!(
            "{rules:>7} rules: mean {mean} ns, p50 {} ns, {}.{:02} x the first; {candidates} can apply, {fired} fire, {lots} lots (tenths)",
            median(&mut singles[at]),
            mean / first,
            mean * 100 / first % 100,
        );
    }
}

/// What reading ten far places takes, a turn.
fn touch(far: &[u64], turns: u64) -> u64 {
    let mut dice = Dice(9);
    let began = Instant::now();
    for _ in 0..turns {
        let places = (0..10).map(|_| far[dice.below(far.len() as u64) as usize]);
        black_box(places.fold(0, u64::wrapping_add));
    }
    began.elapsed().as_nanos() as u64 / turns
}

fn median(all: &mut [u64]) -> u64 {
    all.sort_unstable();
    all[all.len() / 2]
}

/// How long a set of so many rules takes to load, and where the time goes.
fn load(_: &mut Criterion) {
    if !wanted("load") {
        return;
    }
    let measured = std::env::args().any(|arg| arg == "--bench");
    let rules = if measured { 10_000 } else { 100 };
    let texts = many::texts(rules);
    let files = texts.each_ref().map(|(name, text)| (&**name, &**text));
    let bytes: usize = files.iter().map(|(_, text)| text.len()).sum();
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..if measured { 7 } else { 1 } {
        let mut time = |at: usize, work: &dyn Fn()| {
            let began = Instant::now();
            work();
            times[at].push(began.elapsed().as_micros() as u64);
        };
        let log = FaultLog::default();
        time(0, &|| {
            for (name, text) in files {
                black_box(File::parse(name, text, &rulefile::LANGUAGE, &log));
            }
        });
        time(1, &|| {
            black_box(rulefile::compile(&files, &Names::default())).unwrap();
        });
        let loaded = rulefile::compile(&files, &Names::default()).unwrap();
        let mut names = Names::default();
        for named in &loaded.rulebook.names {
            names.put(named.clone());
        }
        time(2, &|| {
            black_box(rulefile::compile(&files, &names)).unwrap();
        });
        let club = &loaded.rulebook.clubs[0];
        time(3, &|| {
            let shops = loaded.rulebook.world.shops.len();
            black_box(Indexes::new(
                &club.discounts,
                &club.accruals,
                &club.splits,
                shops,
            ));
        });
    }
    let [parse, whole, again, index] = times.map(|mut all| median(&mut all));
    println!(
        "{rules} rules of {bytes} bytes: loaded in {whole} us, again in {again} us; of it to parse {parse} us, to index {index} us"
    );
}

/// The medians of both, taken turn by turn, so that both see the same machine.
fn ratio(morning: &Morning) {
    let mut rounds = [const { Vec::new() }; 2];
    let each = |time: Duration| time.as_nanos() / ROUND as u128;
    for _ in 0..15 {
        rounds[0].push(each(morning.apply(ROUND as u64)));
        rounds[1].push(each(morning.decide(ROUND as u64)));
    }
    let [bound, ours] = rounds.map(|mut round| {
        round.sort_unstable();
        round[round.len() / 2]
    });
    println!(
        "medians in ns: apply and encode {bound}, decide {ours}; decide is {}.{:02} x its bound",
        ours / bound,
        ours * 100 / bound % 100
    );
}

criterion_group!(benches, decide, rules, load);
criterion_main!(benches);
