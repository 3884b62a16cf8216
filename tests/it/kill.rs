//! The real daemon, killed at random moments under load: whatever was answered is there once, nothing is there twice, and
//! a repeat hears what was told first. About ten seconds by default; `KILL_ROUNDS=50 SEED=7 cargo test kill` for more,
//! or the same plan again (when the kill meets it, the machine decides).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use clubswitch::config::Config;
use clubswitch::exchange::terminal::{Enrolment, Receipt, Sale, Sent, Who};
use clubswitch::exchange::{Dialect, Terminal};
use clubswitch::journal::{Reader, snapshot};
use clubswitch::ledger::{Book, Input, Redeem, Told, Verdict};
use clubswitch::message::{Message, Scratch};
use clubswitch::serve::data;
use clubswitch::terms::{Pan, Rials};

use crate::switch::{self, DATA, Link, Switch};

const TIME: Duration = Duration::from_secs(10);
const CONNECTIONS: u64 = 4;
const IN_FLIGHT: usize = 16;
const CARDS: u64 = 6;
/// Snapshots are taken while it runs, so that starts are by snapshot and tail; old entries have to be fetched.
pub(crate) const LIMITS: &str = "[limits]\nsnapshot_every = 2_000\nrecent_entries = 1_000\n";

#[test]
fn what_was_answered_is_there_once_whatever_the_moment_of_the_kill() {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let seed = number("SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish());
    println!("SEED={seed}");
    let mut random = Random(seed);
    let dir = tempfile::tempdir().unwrap();
    switch::configure(dir.path(), "", LIMITS);
    let mut shop = {
        let running = Switch::start(dir.path(), "info");
        let shop = open_shop(&running, seed);
        running.kill();
        shop
    };
    let began = Instant::now();
    let rounds = number("KILL_ROUNDS");
    let mut round = 0;
    while rounds.map_or(began.elapsed() < TIME, |rounds| round < rounds) {
        round += 1;
        if random.below(6) == 0 {
            // At times it is killed while it still reads its journal.
            let starting = Switch::spawn(dir.path(), "info");
            thread::sleep(Duration::from_millis(random.below(60)));
            starting.kill();
        }
        let running = Switch::start(dir.path(), "info");
        let askers: Vec<_> = shop
            .into_iter()
            .map(|asker| asker.at_work(running.connect()))
            .collect();
        thread::sleep(Duration::from_millis(30 + random.below(400)));
        running.kill();
        shop = askers
            .into_iter()
            .map(|asker| asker.join().unwrap())
            .collect();
    }
    let running = Switch::start(dir.path(), "info");
    for asker in &mut shop {
        asker.finish(running.connect());
    }
    let metrics = running.page("/metrics");
    assert!(
        metrics
            .lines()
            .any(|line| line == "clubswitch_ledger_imbalance 0"),
        "{metrics}"
    );
    running.stop();
    let all: usize = shop.iter().map(|asker| asker.asked.len()).sum();
    println!(
        "{round} rounds, {all} requests, {} s",
        began.elapsed().as_secs()
    );
    let verified = switch::command(dir.path(), &["ledger", "verify", "--json"]).output();
    let verified = verified.unwrap();
    assert!(verified.status.success(), "{verified:?}");
    check(dir.path(), &shop);
}

/// Terminals that share their customers, and the customers enrolled.
pub(crate) fn open_shop(running: &Switch, seed: u64) -> Vec<Asker> {
    let dialect = switch::dialect();
    let mut shop: Vec<Asker> = (1..=CONNECTIONS)
        .map(|n| Asker {
            terminal: switch::terminal(&dialect, &format!("T{n:07}")),
            dialect: Arc::clone(&dialect),
            random: Random(seed ^ n << 32),
            asked: Vec::new(),
            open: BTreeSet::new(),
        })
        .collect();
    let first = &mut shop[0];
    for n in 0..CARDS {
        let enrolment = Enrolment {
            card: Some(card(n)),
            ..Enrolment::default()
        };
        let sent = first.terminal.enrol(&enrolment, switch::now()).unwrap();
        first.remember(sent, None);
    }
    first.finish(running.connect());
    shop
}

/// A terminal that asks, and keeps what it asked and what it was told.
pub(crate) struct Asker {
    terminal: Terminal,
    dialect: Arc<Dialect>,
    random: Random,
    /// By trace number, from 1.
    asked: Vec<Asked>,
    /// Places in `asked` without an answer.
    open: BTreeSet<usize>,
}

struct Asked {
    sent: Sent,
    /// The place of the purchase that it undoes.
    undoes: Option<usize>,
    answer: Option<Vec<u8>>,
}

impl Asker {
    /// How many requests it has made.
    pub(crate) fn asked(&self) -> usize {
        self.asked.len()
    }

    /// On a thread of its own, repeats and asks until the other side ends.
    pub(crate) fn at_work(mut self, link: Link) -> thread::JoinHandle<Asker> {
        thread::spawn(move || {
            self.load(link);
            self
        })
    }

    /// Repeats what is open, then asks as much as it can until the other side ends.
    fn load(&mut self, mut link: Link) {
        let mut batch = Vec::new();
        self.put_open(&mut batch);
        for _ in 0..IN_FLIGHT {
            self.put_repeat(&mut batch);
        }
        loop {
            while self.open.len() < IN_FLIGHT {
                self.put_something(&mut batch);
            }
            // A write that fails leaves answers to be read.
            let written = link.send_bytes(&batch);
            batch.clear();
            let answers = link.receive();
            if answers.is_empty() {
                return;
            }
            for answer in answers {
                self.take(answer);
            }
            if written.is_err() {
                continue;
            }
        }
    }

    /// Repeats what is open until all is answered, and some of what was answered long ago.
    pub(crate) fn finish(&mut self, mut link: Link) {
        let mut batch = Vec::new();
        self.put_open(&mut batch);
        let mut missing = self.open.len();
        for _ in 0..self.asked.len().min(500) {
            missing += usize::from(self.put_repeat(&mut batch));
        }
        link.send_bytes(&batch).unwrap();
        while missing > 0 {
            let answers = link.receive();
            assert!(
                !answers.is_empty(),
                "{missing} answers wanted, the link has ended"
            );
            missing -= answers.len();
            for answer in answers {
                self.take(answer);
            }
        }
        assert!(self.open.is_empty());
    }

    /// Repeats all that was answered and that `is` names by terminal and trace number; each hears what it heard first.
    pub(crate) fn repeat_all(&mut self, mut link: Link, is: impl Fn(&str, u32) -> bool) -> usize {
        let place = self.terminal.place().terminal.clone();
        let known =
            |(_, asked): &(usize, &Asked)| asked.answer.is_some() && is(&place, asked.sent.stan);
        let all: Vec<usize> = self
            .asked
            .iter()
            .enumerate()
            .filter(known)
            .map(|(at, _)| at)
            .collect();
        for some in all.chunks(100) {
            let mut batch = Vec::new();
            for at in some {
                self.put_copy(&mut batch, *at);
            }
            link.send_bytes(&batch).unwrap();
            let mut missing = some.len();
            while missing > 0 {
                let answers = link.receive();
                assert!(!answers.is_empty(), "the link has ended");
                missing -= answers.len();
                for answer in answers {
                    self.take(answer);
                }
            }
        }
        all.len()
    }

    fn put_something(&mut self, batch: &mut Vec<u8>) {
        match self.random.below(100) {
            0..60 => {
                let sale = self.sale();
                let sent = self.terminal.purchase(&sale, switch::now()).unwrap();
                switch::put(batch, &sent.body);
                self.remember(sent, None);
            }
            60..70 => {
                self.put_repeat(batch);
            }
            70..80 => {
                let open = self.random.below(self.open.len().max(1) as u64) as usize;
                if let Some(place) = self.open.iter().nth(open).copied() {
                    self.put_copy(batch, place);
                }
            }
            _ => {
                // Mostly of something recent, which may still be open.
                let back = self.random.below(60) as usize + 1;
                let Some(place) = self.asked.len().checked_sub(back) else {
                    return;
                };
                let original = self.asked[place].sent.clone();
                if original.mti.class() != 2 {
                    return;
                }
                let told = self.random.below(2) == 0;
                let sent = self.terminal.reversal(&original, told, switch::now());
                let sent = sent.unwrap();
                switch::put(batch, &sent.body);
                self.remember(sent, Some(place));
            }
        }
    }

    fn sale(&mut self) -> Sale {
        let rials = 10_000 + self.random.below(5_000_000) as i64;
        let redeem = match self.random.below(10) {
            0 => Redeem::AsMuchAsAllowed,
            1 | 2 => Redeem::Exactly(Rials(50_000 + 10_000 * self.random.below(10) as i64)),
            _ => Redeem::Nothing,
        };
        let who = Who::Card(card(self.random.below(CARDS)));
        Sale {
            redeem,
            ..Sale::of(who, Rials(rials))
        }
    }

    fn put_open(&mut self, batch: &mut Vec<u8>) {
        for place in self.open.clone() {
            self.put_copy(batch, place);
        }
    }

    /// Repeats something that was answered. `false` where nothing was.
    fn put_repeat(&mut self, batch: &mut Vec<u8>) -> bool {
        let place = self.random.below(self.asked.len().max(1) as u64) as usize;
        let answered = self
            .asked
            .get(place)
            .is_some_and(|asked| asked.answer.is_some());
        if answered {
            self.put_copy(batch, place);
        }
        answered
    }

    /// The same bytes, or the same marked as a repeat.
    fn put_copy(&mut self, batch: &mut Vec<u8>, place: usize) {
        let sent = &self.asked[place].sent;
        if self.random.below(3) == 0 {
            let repeat = self.terminal.repeat(sent).unwrap();
            switch::put(batch, &repeat.body);
        } else {
            switch::put(batch, &sent.body);
        }
    }

    fn remember(&mut self, sent: Sent, undoes: Option<usize>) {
        self.open.insert(self.asked.len());
        self.asked.push(Asked {
            sent,
            undoes,
            answer: None,
        });
        assert_eq!(
            self.asked.len(),
            self.asked[self.asked.len() - 1].sent.stan as usize
        );
    }

    fn take(&mut self, answer: Vec<u8>) {
        let receipt = self.read(&answer);
        let place = receipt.stan.expect("a trace number") as usize - 1;
        let asked = &mut self.asked[place];
        assert_eq!(receipt.mti, asked.sent.mti.response());
        match &asked.answer {
            Some(first) => assert_eq!(text(&answer), text(first), "a repeat"),
            None => {
                asked.answer = Some(answer);
                self.open.remove(&place);
            }
        }
        assert!(
            matches!(
                receipt.verdict,
                Some(
                    Verdict::Approved
                        | Verdict::UnknownTransaction
                        | Verdict::OriginalNotFound
                        | Verdict::NotEnough
                        | Verdict::OverAmountLimit
                )
            ),
            "{receipt:?}"
        );
    }

    fn read(&self, answer: &[u8]) -> Receipt {
        let message = Message::decode(self.dialect.spec(), answer.to_vec().into()).unwrap();
        self.terminal.receipt(&message)
    }
}

/// Reads what is on disk without the daemon and without its snapshots, and holds it against what the terminals were told.
pub(crate) fn check(dir: &Path, shop: &[Asker]) {
    let limits = Config::read(&dir.join("clubswitch.toml")).unwrap().limits;
    let mut book = Book::new(limits.known_entries);
    let mut found: HashMap<(String, u32), Told> = HashMap::new();
    let journal = Reader::open(&dir.join(DATA)).unwrap();
    for group in journal.read_from(1).unwrap() {
        for entry in data::entries(&group.unwrap()).unwrap() {
            book.apply(&entry);
            if let Input::Request(asked) = entry.input {
                let key = (asked.key.terminal_code().to_owned(), asked.key.stan);
                let told = entry.effects.told.expect("who asked was told");
                assert!(
                    found.insert(key.clone(), told).is_none(),
                    "{key:?} is there twice"
                );
            }
        }
    }
    assert_eq!(book.sequence().0, journal.last_sequence());
    assert_eq!(book.imbalance(), 0);
    for (unit, _, all) in book.sums_counted() {
        assert_eq!(all, 0, "the sum of {unit:?}");
    }
    let mut snapshot = snapshot::newest_valid(&dir.join(DATA)).expect("a snapshot at the stop");
    assert_eq!(snapshot.head.sequence, book.sequence().0);
    let mut bytes = Vec::new();
    snapshot.read_to_end(&mut bytes).unwrap();
    assert!(
        bytes == book.to_bytes(),
        "the book that went through kills is the one of a full replay"
    );

    for asker in shop {
        for asked in &asker.asked {
            let key = (asker.terminal.place().terminal.clone(), asked.sent.stan);
            let told = found.remove(&key);
            let told = told.unwrap_or_else(|| panic!("{key:?} was answered and is not there"));
            let request = Message::decode(asker.dialect.spec(), asked.sent.body.clone()).unwrap();
            let (mut scratch, mut answer) = (Scratch::default(), BytesMut::new());
            asker
                .dialect
                .answer(&request, &told, book.names(), &mut scratch, &mut answer);
            let first = asked.answer.as_deref().unwrap_or_default();
            assert_eq!(text(&answer), text(first), "{key:?}");
        }
    }
    assert!(found.is_empty(), "nobody was told of {:?}", found.keys());
    assert_eq!(in_purses(&book), by_receipts(shop));
}

/// What each member has in each purse, less what he owes.
fn in_purses(book: &Book) -> BTreeMap<(String, String), i64> {
    let mut purses = BTreeMap::new();
    for (at, member) in book.members().enumerate() {
        for held in member.holdings() {
            let key = (
                (at + 1).to_string(),
                book.names().purse(held.purse).to_owned(),
            );
            *purses.entry(key).or_insert(0) += held.total() - held.debt;
        }
    }
    purses.retain(|_, amount| *amount != 0);
    purses
}

/// The same by what was told of purchases that nobody has undone.
fn by_receipts(shop: &[Asker]) -> BTreeMap<(String, String), i64> {
    let mut purses = BTreeMap::new();
    let mut standing = 0;
    for asker in shop {
        let receipts = asker.asked.iter().map(|asked| {
            let answer = asked.answer.as_deref().expect("everything was answered");
            (asked, asker.read(answer))
        });
        let receipts: Vec<_> = receipts
            .filter(|(_, receipt)| receipt.is_approved())
            .collect();
        let undone: BTreeSet<usize> = receipts.iter().filter_map(|(a, _)| a.undoes).collect();
        for (asked, receipt) in receipts {
            let place = asked.sent.stan as usize - 1;
            if asked.sent.mti.class() != 2 || undone.contains(&place) {
                continue;
            }
            standing += 1;
            let member = receipt.member.expect("a member");
            for (list, sign) in [(&receipt.earned, 1), (&receipt.redeemed, -1)] {
                for part in list {
                    let key = (member.clone(), part.purse.clone());
                    *purses.entry(key).or_insert(0) += sign * part.amount;
                }
            }
        }
    }
    assert!(standing > 0, "nothing was bought");
    purses.retain(|_, amount| *amount != 0);
    purses
}

pub(crate) fn card(n: u64) -> Pan {
    Pan::new(format!("99991200{n:08}").as_bytes()).expect("16 digits")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// SplitMix64: the same seed, the same plan.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}
