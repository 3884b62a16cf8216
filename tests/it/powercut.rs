//! The real daemon under load over a disk that forgets: killed at random moments, with a random part of what it had not synced
//! taken back - pages of every file, lengths, names - before it starts again. What was answered is there once, nothing is there
//! twice, and it always starts. `POWERCUT_ROUNDS=200 SEED=0x.. cargo test powercut` for more, or the same plan again.

use std::thread;
use std::time::{Duration, Instant};

use crate::kill::{self, LIMITS};
use crate::random::Dice;
use crate::shim::{Lost, Shim, fast_folder};
use crate::switch::{self, Link, Switch};

const ROUNDS: u64 = 3;

#[test]
fn what_was_answered_survives_a_power_cut() {
    let seed = std::env::var("SEED")
        .ok()
        .map(|seed| u64::from_str_radix(seed.trim_start_matches("0x"), 16).unwrap());
    let seed = seed.unwrap_or_else(|| Dice(u64::from(std::process::id())).roll());
    println!("SEED={seed:#x}");
    let rounds = std::env::var("POWERCUT_ROUNDS").map_or(ROUNDS, |n| n.parse().unwrap());
    let mut dice = Dice(seed);
    let dir = fast_folder();
    switch::configure(dir.path(), "", LIMITS);
    let shim = Shim::that_forgets(dir.path());
    let start = || Switch::start_with(dir.path(), "info", |command| shim.put_below(command));
    let mut all = Lost::default();
    let mut cut = |dice: &mut Dice| {
        let lost = shim.cut_power(dice);
        all.pages += lost.pages;
        all.lengths += lost.lengths;
        all.names += lost.names;
    };
    let began = Instant::now();
    let mut shop = kill::open_shop(start(), seed);
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
            .map(|mut asker| {
                let link = Link::to(&running.link).unwrap();
                thread::spawn(move || {
                    asker.load(link);
                    asker
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(30 + dice.below(600)));
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
    let asked: usize = shop.iter().map(kill::Asker::asked).sum();
    println!(
        "{rounds} rounds, {asked} requests, {all:?}, {} s",
        began.elapsed().as_secs()
    );
    assert!(all.pages > 0, "nothing was ever lost: {all:?}");
    let verified = switch::command(dir.path(), &["ledger", "verify", "--json"])
        .output()
        .unwrap();
    assert!(verified.status.success(), "{verified:?}");
    kill::check(dir.path(), &shop);
}
