//! The real daemon when the disk below it fails: a sync, a write, a commit that hangs, no room. What was answered is on the disk
//! itself - after each end the power goes as well - and what was not is found out by a repeat.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clubswitch::exchange::terminal::{Sale, Sent, Who};
use clubswitch::exchange::{Receipt, Terminal};
use clubswitch::ledger::Verdict;
use clubswitch::message::Message;
use clubswitch::terms::Rials;

use crate::kill::{self, Asker, LIMITS};
use crate::random::Dice;
use crate::shim::{Fault, Shim, fast_folder};
use crate::switch::{self, Link, PATIENCE, Switch};

/// How long is waited for what must not come.
const SILENCE: Duration = Duration::from_millis(400);

fn start(dir: &Path, shim: &Shim) -> Switch {
    Switch::start_with(dir, "info", |command| shim.put_below(command))
}

/// Under load the disk begins to fail; the daemon ends with status 74 and this in its log. Then the power goes, the disk is
/// mended, and everybody gets what he was or was not told.
fn ends_and_goes_on(fault: Fault, tables: &str, reason: &str) {
    let seed = Dice(u64::from(std::process::id()) ^ fault as u64).roll();
    println!("SEED={seed:#x}");
    let mut dice = Dice(seed);
    let dir = fast_folder();
    switch::configure(dir.path(), "", &format!("{LIMITS}{tables}"));
    let shim = Shim::for_folder(dir.path());
    let running = start(dir.path(), &shim);
    let mut shop = kill::open_shop(&running, seed);
    running.kill();
    for _ in 0..2 {
        let mut running = start(dir.path(), &shim);
        let (before, logged) = (shim.failed(), switch::log(dir.path()).len());
        let askers: Vec<_> = shop
            .into_iter()
            .map(|asker| asker.at_work(running.connect()))
            .collect();
        thread::sleep(Duration::from_millis(50 + dice.below(200)));
        shim.fail(fault, dice.below(20) as u32);
        let status = running.wait();
        shop = askers
            .into_iter()
            .map(|asker| asker.join().unwrap())
            .collect();
        let log = switch::log(dir.path()).split_off(logged);
        assert_eq!(status.code(), Some(74), "{fault:?}:\n{log}");
        assert!(shim.failed() > before, "{fault:?} never bit");
        assert!(log.contains(reason), "{reason:?} wanted in:\n{log}");
        shim.mend();
        shim.cut_power(&mut dice);
    }
    let running = start(dir.path(), &shim);
    for asker in &mut shop {
        asker.finish(running.connect());
    }
    running.stop();
    println!("{} requests", shop.iter().map(Asker::asked).sum::<usize>());
    verify(dir.path());
    kill::check(dir.path(), &shop);
}

fn verify(dir: &Path) {
    let verified = switch::command(dir, &["ledger", "verify", "--json"])
        .output()
        .unwrap();
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn after_a_failed_sync_nobody_is_answered_and_nothing_answered_is_lost() {
    ends_and_goes_on(Fault::Sync, "", "the journal failed, ending");
}

#[test]
fn after_a_failed_write_nobody_is_answered_and_nothing_answered_is_lost() {
    ends_and_goes_on(Fault::Write, "", "the journal failed, ending");
}

#[test]
fn a_commit_that_hangs_ends_the_process_and_nothing_answered_is_lost() {
    ends_and_goes_on(
        Fault::SyncHangs,
        "commit_timeout = \"300ms\"\n",
        "a commit has hung",
    );
}

/// A till that asks one thing after another.
struct Till {
    terminal: Terminal,
    link: Link,
    /// Answers that nobody has looked at.
    told: Vec<Receipt>,
}

impl Till {
    fn purchase(&mut self) -> Sent {
        let sale = Sale::of(Who::Card(kill::card(1)), Rials(1_000_000));
        self.terminal.purchase(&sale, switch::now()).unwrap()
    }

    fn advice(&mut self) -> Sent {
        let sale = Sale::of(Who::Card(kill::card(2)), Rials(1_000_000));
        self.terminal.advice(&sale, switch::now()).unwrap()
    }

    fn send(&mut self, sent: &Sent) {
        let mut batch = Vec::new();
        switch::put(&mut batch, &sent.body);
        self.link.send_bytes(&batch).unwrap();
    }

    /// The answer to something that was sent; those that come before it are kept.
    fn told_of(&mut self, sent: &Sent) -> Receipt {
        loop {
            let told = |told: &Receipt| told.stan == Some(sent.stan);
            if let Some(at) = self.told.iter().position(told) {
                return self.told.remove(at);
            }
            let bodies = self.link.receive();
            assert!(!bodies.is_empty(), "the link has ended");
            let told: Vec<_> = bodies.into_iter().map(|body| self.read(body)).collect();
            self.told.extend(told);
        }
    }

    fn read(&self, body: Vec<u8>) -> Receipt {
        let dialect = switch::dialect();
        let message = Message::decode(dialect.spec(), Bytes::from(body)).unwrap();
        self.terminal.receipt(&message)
    }
}

fn is_ready(running: &Switch) -> bool {
    running.page("/readyz").starts_with("HTTP/1.1 200")
}

fn wait_until(what: &str, there: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !there() {
        assert!(Instant::now() < end, "{what} is waited for in vain");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn without_room_it_refuses_and_goes_on_by_itself_once_there_is_room() {
    let dir = fast_folder();
    switch::configure(dir.path(), "", LIMITS);
    let shim = Shim::for_folder(dir.path());
    let mut running = start(dir.path(), &shim);
    let mut shop = kill::open_shop(&running, 7);
    let mut till = Till {
        terminal: switch::terminal(&switch::dialect(), "T0000009"),
        link: running.connect(),
        told: Vec::new(),
    };
    let early = till.purchase();
    till.send(&early);
    assert!(till.told_of(&early).is_approved());
    for _ in 0..3 {
        shim.fail(Fault::NoRoom, 0);
        // What is decided already waits for room, and nobody hears of it.
        let waiting = till.purchase();
        till.send(&waiting);
        wait_until("not ready", || !is_ready(&running));
        let refused = till.purchase();
        till.send(&refused);
        let receipt = till.told_of(&refused);
        assert_eq!(receipt.verdict, Some(Verdict::CannotServe));
        let advice = till.advice();
        till.send(&advice);
        let heard = till.link.receive_within(SILENCE);
        assert!(
            heard.is_empty(),
            "{:?}",
            heard
                .into_iter()
                .map(|body| till.read(body))
                .collect::<Vec<_>>()
        );
        let page = running.page("/readyz");
        assert!(page.starts_with("HTTP/1.1 503"), "{page}");
        assert!(running.page("/livez").starts_with("HTTP/1.1 200"));

        shim.mend();
        // The same process tells what waited, the advice too, and takes what it had refused.
        assert!(till.told_of(&waiting).is_approved());
        assert!(till.told_of(&advice).is_approved());
        wait_until("ready", || is_ready(&running));
        for sent in [&refused, &advice, &waiting, &early] {
            till.send(sent);
            assert!(till.told_of(sent).is_approved());
        }
    }
    assert!(running.child.try_wait().unwrap().is_none(), "it has ended");
    // It is as good a switch as before, also for many.
    let askers: Vec<_> = shop
        .into_iter()
        .map(|asker| asker.at_work(running.connect()))
        .collect();
    thread::sleep(Duration::from_millis(200));
    running.kill();
    shop = askers
        .into_iter()
        .map(|asker| asker.join().unwrap())
        .collect();
    shim.cut_power(&mut Dice(7));
    let running = start(dir.path(), &shim);
    for asker in &mut shop {
        asker.finish(running.connect());
    }
    // Of the till, too, everything is there: a repeat of it all moves nothing.
    let mut till = Till {
        terminal: till.terminal,
        link: running.connect(),
        told: Vec::new(),
    };
    let before = entries(&running);
    till.send(&early);
    assert!(till.told_of(&early).is_approved());
    assert_eq!(entries(&running), before);
    running.stop();
    verify(dir.path());
}

/// How many entries are durable.
fn entries(running: &Switch) -> String {
    let page = running.page("/metrics");
    let line = page
        .lines()
        .find(|line| line.starts_with("clubswitch_journal_sequence"));
    line.unwrap_or_else(|| panic!("no sequence in {page}"))
        .to_owned()
}
