//! What is kept where, through the real daemon: closed days leave for the archive by themselves, and are answered for from
//! there; a backup made under load, and what was brought back from the archive, are started from.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clubswitch::config::Config;
use clubswitch::exchange::terminal::{Enrolment, Receipt, Sale, Sent, Who};
use clubswitch::exchange::{Dialect, Terminal};
use clubswitch::journal::{Reader, snapshot};
use clubswitch::ledger::{Book, Input};
use clubswitch::message::Message;
use clubswitch::serve::data;
use clubswitch::terms::{Moment, Rials};
use serde_json::Value;

use crate::kill;
use crate::switch::{self, DATA, Link, PATIENCE, START, Switch};

/// Repeats are found for eight days, so that the journal keeps the last ten.
const TABLES: &str = "[archive]\nafter_days = 10\n";

/// A shop, and the days on which it is open, half a month apart.
struct House {
    dir: tempfile::TempDir,
    dialect: Arc<Dialect>,
    terminal: Terminal,
    now: Moment,
}

impl House {
    fn new() -> House {
        let dir = tempfile::tempdir().unwrap();
        switch::configure(dir.path(), "", TABLES);
        let dialect = switch::dialect();
        House {
            terminal: switch::terminal(&dialect, "T0000001"),
            dialect,
            dir,
            now: switch::now(),
        }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Starts the switch on the same morning so many days after the first.
    fn start(&mut self, days: i64) -> Switch {
        self.now = switch::now().plus_seconds(days * 86_400);
        let file = self.path().join("clubswitch.toml");
        let text = fs::read_to_string(&file).unwrap();
        let (before, after) = text.split_once("start = \"").unwrap();
        let (_, after) = after.split_once('"').unwrap();
        let start = format!("{} 10:15", day(days));
        fs::write(&file, format!("{before}start = \"{start}\"{after}")).unwrap();
        Switch::start(self.path(), "info")
    }

    fn ask(&self, link: &mut Link, body: &Bytes) -> (Receipt, Vec<u8>) {
        let mut batch = Vec::new();
        switch::put(&mut batch, body);
        link.send_bytes(&batch).unwrap();
        let answer = link.receive().pop().expect("an answer");
        let message = Message::decode(self.dialect.spec(), answer.clone().into()).unwrap();
        (self.terminal.receipt(&message), answer)
    }

    /// So many purchases, each with its answer; before the first its customers are enrolled.
    fn sell(&mut self, running: &Switch, count: u64) -> Vec<(Sent, Vec<u8>)> {
        let mut link = running.connect();
        if self.now == switch::now() {
            for card in 0..3 {
                let enrolment = Enrolment {
                    card: Some(kill::card(card)),
                    ..Enrolment::default()
                };
                let sent = self.terminal.enrol(&enrolment, self.now).unwrap();
                self.ask(&mut link, &sent.body);
            }
        }
        let mut sell = |at: u64| {
            let sale = Sale::of(Who::Card(kill::card(at % 3)), Rials(500_000 + at as i64));
            let sent = self.terminal.purchase(&sale, self.now).unwrap();
            let (receipt, answer) = self.ask(&mut link, &sent.body);
            assert!(receipt.is_approved(), "{receipt:?}");
            (sent, answer)
        };
        (0..count).map(&mut sell).collect()
    }

    /// A command that must go well.
    fn office(&self, words: &[&str]) -> Value {
        let output = switch::command(self.path(), words)
            .arg("--json")
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Whatever can be asked of the past; entries by the numbers of some.
    fn past(&self, entries: &[u64]) -> Vec<Value> {
        let (first, middle) = (format!("{} 12:00", day(0)), format!("{} 12:00", day(15)));
        let mut told = vec![
            self.office(&["ledger", "balance", "--at", &first]),
            self.office(&["ledger", "balance", "--member", "1", "--at", &first]),
            self.office(&["ledger", "balance", "--shop", "m-1001", "--at", &middle]),
            self.office(&["ledger", "history", "1", "--to", &middle]),
        ];
        for entry in entries {
            told.push(self.office(&["ledger", "entry", &entry.to_string()]));
        }
        let verified = self.office(&["ledger", "verify"]);
        assert_eq!(verified["whole"], true, "{verified}");
        told
    }

    /// Files below the data folder with an ending.
    fn files(&self, below: &str, ending: &str) -> BTreeSet<String> {
        let found = fs::read_dir(self.path().join(DATA).join(below));
        let names = found.into_iter().flatten();
        let names = names.map(|file| file.unwrap().file_name().into_string().unwrap());
        let named = names.filter_map(|name| name.strip_suffix(ending).map(str::to_owned));
        named.collect()
    }
}

/// A day so many days after the first, in one month.
fn day(days: i64) -> String {
    let (month, first) = START.split_once('/').unwrap().1.split_once('/').unwrap();
    let first: i64 = first[..2].parse().unwrap();
    // The months of autumn have thirty days.
    let (month, first) = (month.parse::<i64>().unwrap(), first + days);
    format!(
        "1405/{:02}/{:02}",
        month + (first - 1) / 30,
        (first - 1) % 30 + 1
    )
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < end, "{what} never comes");
        thread::sleep(Duration::from_millis(20));
    }
}

fn metric(running: &Switch, name: &str) -> u64 {
    let page = running.page("/metrics");
    let mut lines = page.lines();
    let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse::<f64>().unwrap() as u64)
}

#[test]
fn closed_days_leave_by_themselves_and_are_answered_for_from_the_archive() {
    let mut house = House::new();
    let mut sold = Vec::new();
    let (mut kept, mut first_kept) = (Vec::new(), 0);
    for days in [0, 15, 30, 45] {
        let running = house.start(days);
        sold.push(house.sell(&running, 20));
        house.office(&["settle", "--day", &day(days), "--close"]);
        if days >= 30 {
            // Two snapshots later a day may go, and it goes when one is settled.
            until("the archive", || {
                metric(&running, "clubswitch_archived_segments_total") > 0
            });
            let log = switch::log(house.path());
            assert!(log.contains("closed days left the journal"), "{log}");
            assert!(metric(&running, "clubswitch_archived_bytes_total") > 0);
            let first = metric(&running, "clubswitch_journal_first_sequence");
            assert!(first > first_kept && first > 20, "{first}");
            first_kept = first;
        }
        kept.push(house.files("journal", ".segment"));
        running.stop();
    }
    // As much came as went; what went is in the archive, and nowhere twice.
    assert_eq!(kept[2].len(), kept[3].len(), "{kept:?}");
    let archived = house.files("archive", ".segment.zst");
    let journal = house.files("journal", ".segment");
    assert!(
        !archived.is_empty() && archived.is_disjoint(&journal),
        "{archived:?}, {journal:?}"
    );
    let running = house.start(46);
    let told = house.past(&[2, 5, 20]);
    running.stop();
    // The same without the switch, and without the ledger database.
    fs::remove_dir_all(house.path().join(DATA).join("store")).unwrap();
    assert_eq!(told, house.past(&[2, 5, 20]));

    let running = house.start(47);
    late_messages_of(&mut house, &running, &sold);
    running.kill();
    let running = house.start(48);
    assert_eq!(told, house.past(&[2, 5, 20]), "after a kill");
    running.kill();

    // From the snapshot and what came after it, nothing older is needed; whoever needs it is told where it was.
    let (archive, aside) = (
        house.path().join(DATA).join("archive"),
        house.path().join("aside"),
    );
    fs::rename(&archive, &aside).unwrap();
    let running = house.start(49);
    let repeated = &sold[3][0];
    let mut link = running.connect();
    assert_eq!(house.ask(&mut link, &repeated.0.body).1, repeated.1);
    house.sell(&running, 1);
    let refused = switch::command(house.path(), &["ledger", "entry", "5"]).output();
    let refused = String::from_utf8(refused.unwrap().stderr).unwrap();
    assert!(refused.contains("000000000001.segment.zst"), "{refused}");
    let at = format!("{} 12:00", day(0));
    let refused = switch::command(house.path(), &["ledger", "balance", "--at", &at]).output();
    assert_ne!(refused.unwrap().status.code(), Some(0));
    // The day is settled from where the one before was closed, and stays in the journal.
    let settled = house.office(&["settle", "--day", &day(49), "--close"]);
    assert!(settled["from_entry"].as_u64() > Some(60), "{settled}");
    until("why days stay", || {
        switch::log(house.path()).contains("closed days stay in the journal")
    });
    running.kill();
    // Without a snapshot there is nothing to begin with.
    for name in ["book.0", "book.1"] {
        fs::rename(
            house.path().join(DATA).join(name),
            house.path().join(format!("{name}.aside")),
        )
        .unwrap();
    }
    let mut refused = Switch::spawn(house.path(), "info");
    assert_ne!(refused.wait().code(), Some(0));
    let log = switch::log(house.path());
    let last = log.lines().last().unwrap();
    assert!(last.contains("000000000001.segment.zst"), "{last}");
    // With its archive it has all that it needs.
    fs::remove_dir_all(&archive).unwrap();
    fs::rename(&aside, &archive).unwrap();
    let running = house.start(50);
    assert_eq!(told, house.past(&[2, 5, 20]), "from the first entry on");
    running.stop();
}

/// Repeats, advices and reversals of purchases that are in the archive, and of one that is not.
fn late_messages_of(house: &mut House, running: &Switch, sold: &[Vec<(Sent, Vec<u8>)>]) {
    let mut link = running.connect();
    let before = house.office(&["ledger", "balance", "--member", "1"]);
    // So late nothing is known of it: it is no repeat that terminals make, and nothing is undone.
    let (old, _) = &sold[0][0];
    for told in [false, true] {
        let undo = house.terminal.reversal(old, told, house.now).unwrap();
        let (receipt, _) = house.ask(&mut link, &undo.body);
        let code = if told { "00" } else { "25" };
        assert_eq!(receipt.code, code, "{receipt:?}");
    }
    let after = house.office(&["ledger", "balance", "--member", "1"]);
    assert_eq!(before["members"], after["members"]);
    // A terminal that counts its messages anew buys under a number that it used then.
    let (old, _) = &sold[0][1];
    let place = &house.terminal.place().terminal;
    let mut anew = switch::terminal(&house.dialect, place).after_stan(old.stan - 1);
    let sale = Sale::of(Who::Card(kill::card(1)), Rials(700_000));
    let sent = anew.purchase(&sale, house.now).unwrap();
    assert_eq!(sent.stan, old.stan);
    let (receipt, _) = house.ask(&mut link, &sent.body);
    assert!(receipt.is_approved(), "{receipt:?}");
    // What is in the journal is known as ever.
    let (young, answer) = &sold[3][3];
    assert_eq!(house.ask(&mut link, &young.body).1, *answer);
    let undo = house.terminal.reversal(young, false, house.now).unwrap();
    let (receipt, first) = house.ask(&mut link, &undo.body);
    assert!(receipt.is_approved(), "{receipt:?}");
    assert_eq!(house.ask(&mut link, &undo.body).1, first);
}

#[test]
fn a_day_is_settled_from_where_the_one_before_was_closed() {
    let mut house = House::new();
    let mut settled = Vec::new();
    for days in [0, 1, 2] {
        let running = house.start(days);
        house.sell(&running, 5);
        settled.push(house.office(&["settle", "--day", &day(days), "--close"]));
        running.stop();
    }
    let from = |settled: &Value| settled["from_entry"].as_u64().unwrap();
    assert_eq!(from(&settled[0]), 1);
    assert!(from(&settled[1]) > 5 && from(&settled[2]) > from(&settled[1]));
    let data = house.path().join(DATA);
    let again = |out: &str, fewer: u64, names: &[&str]| {
        let again = house.office(&["settle", "--day", &day(2), "--out", out]);
        assert_eq!(again["manifest"], settled[2]["manifest"], "{out}");
        assert_eq!(from(&again), fewer, "{again}");
        let warnings = again["warnings"].as_array().unwrap();
        assert_eq!(warnings.len(), names.len(), "{again}");
        for (warning, name) in warnings.iter().zip(names) {
            assert!(warning.as_str().unwrap().contains(name), "{warning}");
        }
        // Other bytes would not be published over those that stand.
        let how = if out == "elsewhere" { "new" } else { "same" };
        assert_eq!(again["published"], how);
    };
    let published = data.join("settlement");
    let published = published.to_str().unwrap();
    let name = |days: i64| day(days).replace('/', "-");
    again(published, from(&settled[2]), &[]);
    again("elsewhere", from(&settled[2]), &[]);
    // An edited page is told, and the day before it is begun with.
    let page = data.join("settlement").join(name(1)).join("MANIFEST");
    let text = fs::read_to_string(&page).unwrap();
    fs::write(&page, text.replace("\"kept\": ", "\"kept\":  ")).unwrap();
    let edited = format!("settlement/{}/MANIFEST", name(1));
    again(published, from(&settled[1]), &[&edited]);
    // So is what was handed on, where it is not what it was; at last the first entry is begun with.
    let handed = data.join("carried").join(name(0));
    let mut bytes = fs::read(&handed).unwrap();
    bytes[40] ^= 1;
    fs::write(&handed, &bytes).unwrap();
    let broken = format!("carried/{}", name(0));
    again(published, 1, &[&edited, &broken]);
    fs::write(&page, text).unwrap();
    again(published, from(&settled[2]), &[]);
    fs::remove_dir_all(data.join("carried")).unwrap();
    again(published, 1, &[]);
    again(published, 1, &[]);
}

#[test]
fn what_was_brought_back_is_served_as_if_it_had_never_left() {
    let mut house = House::new();
    for days in [0, 15, 30] {
        let running = house.start(days);
        house.sell(&running, 10);
        house.office(&["settle", "--day", &day(days), "--close"]);
        running.stop();
    }
    let moved = house.office(&["ledger", "archive"]);
    assert!(moved["segments"].as_u64() > Some(0), "{moved}");
    let told = house.past(&[2, 5, 10]);
    let back = house.office(&["ledger", "restore"]);
    assert_eq!(back["segments"], moved["segments"]);
    // From here on the archive is not needed.
    fs::rename(
        house.path().join(DATA).join("archive"),
        house.path().join("aside"),
    )
    .unwrap();
    for name in ["book.0", "book.1"] {
        fs::remove_file(house.path().join(DATA).join(name)).unwrap();
    }
    let running = house.start(31);
    assert_eq!(told, house.past(&[2, 5, 10]));
    house.sell(&running, 3);
    running.kill();
    let running = house.start(32);
    assert_eq!(told, house.past(&[2, 5, 10]), "after a kill");
    // In use, nothing is brought back.
    let again = switch::command(house.path(), &["ledger", "restore"]).output();
    assert_eq!(again.unwrap().status.code(), Some(2));
    running.stop();
}

#[test]
fn a_backup_made_under_load_is_started_from() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    switch::configure(dir.path(), "", kill::LIMITS);
    switch::configure(other.path(), "", kill::LIMITS);
    let running = Switch::start(dir.path(), "info");
    let shop = kill::open_shop(&running, 7);
    let askers: Vec<_> = shop
        .into_iter()
        .map(|asker| asker.at_work(running.connect()))
        .collect();
    thread::sleep(Duration::from_millis(500));
    let to = other.path().join(DATA);
    let begun = metric(&running, "clubswitch_journal_sequence");
    let backup = ["ledger", "backup", to.to_str().unwrap(), "--json"];
    let made = switch::command(dir.path(), &backup).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let last = made["last_entry"].as_u64().unwrap();
    assert!(last >= begun && begun > 100, "{last} of {begun}");
    // It went on meanwhile, and goes on.
    until("more entries", || {
        metric(&running, "clubswitch_journal_sequence") > last + 500
    });
    running.kill();
    let mut shop: Vec<_> = askers
        .into_iter()
        .map(|asker| asker.join().unwrap())
        .collect();

    let key = "token.key";
    fs::copy(dir.path().join(DATA).join(key), to.join(key)).unwrap();
    let running = Switch::start(other.path(), "info");
    let office = |words: &[&str]| {
        let told = switch::command(other.path(), words).arg("--json").output();
        let told = told.unwrap();
        assert!(told.status.success(), "{told:?}");
        serde_json::from_slice::<Value>(&told.stdout).unwrap()
    };
    let verified = office(&["ledger", "verify"]);
    assert_eq!(verified["whole"], true, "{verified}");
    assert_eq!(verified["entries"], last, "{verified}");
    // Whoever was answered before the copy hears from it what he heard first.
    let within = entries_up_to(dir.path(), last);
    let mut repeated = 0;
    for asker in &mut shop {
        repeated += asker.repeat_all(running.connect(), |terminal, stan| {
            within.1.contains(&(terminal.to_owned(), stan))
        });
    }
    assert!(repeated > 100, "{repeated}");
    running.stop();
    // The book at its end is that of the first journal's entries up to the copy, and nothing else.
    let mut snapshot = snapshot::newest_valid(&to).expect("a snapshot at the stop");
    assert_eq!(snapshot.head.sequence, last);
    let mut bytes = Vec::new();
    snapshot.read_to_end(&mut bytes).unwrap();
    assert!(
        bytes == within.0.to_bytes(),
        "the book is not that of a replay"
    );
}

/// The book of a journal's entries up to one, and the messages in them by terminal and trace number.
fn entries_up_to(dir: &Path, last: u64) -> (Book, BTreeSet<(String, u32)>) {
    let limits = Config::read(&dir.join("clubswitch.toml")).unwrap().limits;
    let mut book = Book::new(limits.known_entries);
    let mut asked = BTreeSet::new();
    let journal = Reader::open(&dir.join(DATA)).unwrap();
    for group in journal.read_from(1).unwrap() {
        for entry in data::entries(&group.unwrap()).unwrap() {
            if entry.head.sequence.0 > last {
                return (book, asked);
            }
            book.apply(&entry);
            if let Input::Request(request) = entry.input {
                asked.insert((request.key.terminal_code().to_owned(), request.key.stan));
            }
        }
    }
    panic!("the journal ends before entry {last}");
}
