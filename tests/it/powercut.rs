//! The real daemon under load over a disk that forgets: killed at random moments, with a random part of what it had not synced
//! taken back - pages of every file, lengths, names - before it starts again. What was answered is there once, nothing is there
//! twice, and it always starts. `POWERCUT_ROUNDS=200 SEED=0x.. cargo test powercut` for more, or the same plan again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use crate::kill::{self, LIMITS};
use crate::random::Dice;
use crate::shim::{Lost, Shim, fast_folder};
use crate::switch::{self, Switch};

const ROUNDS: u64 = 3;

#[test]
fn what_was_answered_survives_a_power_cut() {
    let seed = std::env::var("SEED").ok();
    let seed = seed.map(|seed| u64::from_str_radix(seed.trim_start_matches("0x"), 16).unwrap());
    let seed = seed.unwrap_or_else(|| Dice(u64::from(std::process::id())).roll());
    println!("SEED={seed:#x}");
    let rounds = std::env::var("POWERCUT_ROUNDS").map_or(ROUNDS, |n| n.parse().unwrap());
    let began = Instant::now();
    let (asked, lost) = rounds_of(rounds, seed, |_| {});
    println!(
        "{rounds} rounds, {asked} requests, {lost:?}, {} s",
        began.elapsed().as_secs()
    );
    assert!(lost.pages > 0, "nothing was ever lost: {lost:?}");
}

#[test]
fn a_disk_that_only_says_it_has_synced_is_noticed() {
    let noticed = (1..4).any(|seed| {
        let rounds = AssertUnwindSafe(|| rounds_of(2, seed, Shim::lie));
        catch_unwind(rounds).is_err()
    });
    assert!(noticed, "answers were lost, and nobody saw it");
}

/// So many rounds; gives how much was asked, and what the disk has forgotten.
fn rounds_of(rounds: u64, seed: u64, more: impl FnOnce(&Shim)) -> (usize, Lost) {
    let mut dice = Dice(seed);
    let dir = fast_folder();
    switch::configure(dir.path(), "", LIMITS);
    let shim = Shim::for_folder(dir.path());
    more(&shim);
    let start = || Switch::start_with(dir.path(), "info", |command| shim.put_below(command));
    let mut all = Lost::default();
    let mut cut = |dice: &mut Dice| {
        let lost = shim.cut_power(dice);
        all.pages += lost.pages;
        all.lengths += lost.lengths;
        all.names += lost.names;
    };
    let running = start();
    let mut shop = kill::open_shop(&running, seed);
    running.kill();
    cut(&mut dice);
    for _ in 0..rounds {
        if dice.below(4) == 0 {
            // At times it goes while the switch still starts.
            let starting =
                Switch::spawn_with(dir.path(), "info", |command| shim.put_below(command));
            thread::sleep(Duration::from_millis(dice.below(150)));
            starting.kill();
            cut(&mut dice);
        }
        let running = start();
        let askers: Vec<_> = shop
            .into_iter()
            .map(|asker| asker.at_work(running.connect()))
            .collect();
        thread::sleep(Duration::from_millis(30 + dice.below(600)));
        if dice.below(4) == 0 {
            // While it stops it writes a snapshot.
            running.ask_to_stop();
            thread::sleep(Duration::from_millis(dice.below(200)));
        }
        running.kill();
        shop = askers
            .into_iter()
            .map(|asker| asker.join().unwrap())
            .collect();
        cut(&mut dice);
    }
    let running = start();
    for asker in &mut shop {
        asker.finish(running.connect());
    }
    running.stop();
    let verified = switch::command(dir.path(), &["ledger", "verify", "--json"])
        .output()
        .unwrap();
    assert!(verified.status.success(), "{verified:?}");
    kill::check(dir.path(), &shop);
    (shop.iter().map(kill::Asker::asked).sum(), all)
}
