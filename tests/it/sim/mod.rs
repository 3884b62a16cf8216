//! The simulation: the whole core and the real journal over a disk that tears, forgets, fills and fails, behind a network that
//! loses, copies and reorders, beside a ledger database that is behind, and an archive; crashed at any point; and a naive model
//! beside it. Runs three seconds by default;
//! `SIM_S=600 cargo test sim` for longer, `SEED=0x.. cargo test sim` for one run again.

mod disk;
mod heart;
mod model;
mod shop;

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clubswitch::engine::Limits;
use clubswitch::ledger::Verdict;
use clubswitch::terms::{Local, Moment};

use crate::random::Dice;
use crate::shim::fast_folder;
use disk::{Done, How, Platter, Strike};
use heart::{End, Heart, Turn};
use model::Model;
use shop::{Item, Shop};

const WORKERS: usize = 3;

/// A fault of ours, to see that it is noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sabotage {
    None,
    TellBeforeDurable,
    ForgetTheLastEntry,
    SyncWithoutSyncing,
    DecideRepeatsAnew,
    ReverseInWordsOnly,
    OverlookConflicts,
    TakeUnknownForAbsent,
}

/// What a run was.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
struct Report {
    entries: u64,
    answers: u64,
    epochs: u64,
    killed: u64,
    power_cuts: u64,
    not_opened: u64,
    refused: u64,
    done: Done,
    met: heart::Done,
    nights: u64,
    pauses: u64,
}

struct Run<'a> {
    dir: &'a Path,
    dice: Dice,
    platter: Platter,
    limits: Limits,
    sabotage: Sabotage,
    shop: Shop,
    model: Model,
    heart: Option<Heart>,
    tick: u64,
    now: Moment,
    /// How seldom something goes wrong: one tick in so many.
    peace: u64,
    /// The switch is down until then.
    down: u64,
    room_again: u64,
    /// How many nights may still pass, and how many times so long that nothing is remembered.
    nights: u64,
    pauses: u64,
    report: Report,
}

/// One run of a seed, from an empty folder to the last answer. The error says what must not have been.
fn run(seed: u64, sabotage: Sabotage) -> Result<Report, String> {
    let dir = fast_folder();
    let mut dice = Dice(seed);
    let zone = &heart::rules().world.zone;
    let recent_entries = [0, 20, 10_000][dice.below(3) as usize];
    let forgetful = dice.below(3) == 0;
    let limits = if forgetful {
        Limits {
            recent_entries,
            advice_days: 1,
            duplicate_days: 2,
            ..Limits::default()
        }
    } else {
        Limits {
            recent_entries,
            ..Limits::default()
        }
    };
    let mut run = Run {
        dir: dir.path(),
        platter: Platter::under(dir.path(), seed),
        limits,
        sabotage,
        shop: Shop::new(2 + dice.below(7) as usize, seed),
        model: Model::default(),
        heart: None,
        tick: 0,
        now: zone.moment(Local::parse("1405/09/02 10:15").unwrap()),
        peace: [200, 200, 1_500][dice.below(3) as usize],
        down: 0,
        room_again: 0,
        nights: if forgetful { 0 } else { dice.below(4) },
        pauses: if forgetful { 2 } else { 0 },
        report: Report::default(),
        dice,
    };
    run.shop.counts_anew = run.nights + run.pauses > 0;
    if sabotage == Sabotage::SyncWithoutSyncing {
        run.platter.lie();
    }
    match run.go() {
        Ok(()) => Ok(run.report),
        Err(why) => Err(format!("at tick {}: {why}", run.tick)),
    }
}

impl Run<'_> {
    fn go(&mut self) -> Result<(), String> {
        let until = 100 + self.dice.below(400);
        while self.tick < until {
            self.step(true)?;
        }
        // From here on nothing fails, and everybody asks until he has his answer.
        self.shop.calm = true;
        self.make_room()?;
        let patience = self.tick + 2_000;
        while !(self.shop.is_content() && self.heart.as_ref().is_some_and(Heart::is_idle)) {
            if self.tick > patience {
                return Err(format!(
                    "somebody never gets an answer: {}; {}",
                    self.shop.state(),
                    self.heart.as_ref().map_or("down".to_owned(), Heart::state)
                ));
            }
            self.step(false)?;
        }
        self.crash(true);
        self.down = 0;
        while self.heart.is_none() {
            self.start(false)?;
        }
        self.check(true)
    }

    fn step(&mut self, storm: bool) -> Result<(), String> {
        self.tick += 1;
        self.now = self.now.plus_seconds(1);
        if storm {
            if self.dice.below(100) == 0 {
                self.now = self.now.plus_seconds(self.dice.below(12_000) as i64);
            }
            self.pass_time();
            if self.dice.below(20) == 0 {
                self.shop.confuse(self.tick);
            }
            // Where nothing happens for long, segments fill.
            for _ in 0..self.dice.below(2 + self.peace / 400) {
                let local = heart::rules().world.zone.local(self.now);
                self.shop.buy(self.tick, local);
            }
            self.strike();
        }
        if self.room_again == self.tick {
            self.make_room()?;
        }
        self.shop.act(self.tick);
        let model = &self.model;
        let calls = self.shop.arrive(self.tick, |call| model.first(call));
        if self.heart.is_none() && self.tick >= self.down {
            self.start(storm)?;
        }
        let Some(heart) = &mut self.heart else {
            return Ok(());
        };
        heart.arrive(calls);
        let turn = Turn {
            tick: self.tick,
            now: self.now,
            inputs: 1 + self.dice.below(32) as usize,
            delay: if self.dice.below(10) == 0 {
                self.dice.below(20)
            } else {
                1
            },
            snapshot: self.dice.below(15) == 0,
            turn_day: storm && self.dice.below(150) == 0,
            follow: if storm {
                [0, 0, 0, 10, 1_000][self.dice.below(5) as usize]
            } else {
                u64::MAX
            },
            archive: self.dice.below(25) == 0,
            die_before_telling: storm && self.dice.below(120) == 0,
        };
        let calls = &self.shop.calls;
        let met = std::mem::take(&mut heart.done);
        self.report.met.add(&met);
        match heart.turn(&turn, |call| &calls[call].request) {
            Ok((told, refused)) => {
                for outcome in told {
                    self.model.told(outcome.call, &outcome.told)?;
                    let known = shop::is_answer(&outcome.told);
                    let conflict = outcome.told.verdict == Verdict::KeyConflict;
                    if known && !conflict && outcome.entry.is_none() {
                        return Err(format!(
                            "call {} was told {:?} and nothing was kept",
                            outcome.call, outcome.told
                        ));
                    }
                    self.report.answers += u64::from(known);
                    let item = if known { Item::Down } else { Item::Refused };
                    self.shop.carry(item(outcome.call), self.tick);
                }
                self.report.refused += refused.len() as u64;
                for call in refused {
                    self.shop.carry(Item::Refused(call), self.tick);
                }
                Ok(())
            }
            Err(end) => self.ended(end),
        }
    }

    /// At times much time passes: a night, after which terminals count anew, or more than anything is remembered.
    fn pass_time(&mut self) {
        if self.nights > 0 && self.dice.below(100) == 0 {
            self.nights -= 1;
            self.now = self
                .now
                .plus_seconds(80_000 + self.dice.below(40_000) as i64);
            self.shop.count_anew();
            self.report.nights += 1;
        }
        if self.pauses > 0 && self.dice.below(120) == 0 {
            self.pauses -= 1;
            let days = 5 + self.dice.below(3) as i64;
            self.now = self.now.plus_seconds(86_400 * days);
            self.shop.retire();
            if let Some(heart) = &mut self.heart {
                heart.forget_the_queue();
            }
            self.report.pauses += 1;
        }
    }

    /// At times something goes wrong.
    fn strike(&mut self) {
        match self.dice.below(self.peace) {
            0 => self.crash(false),
            1 => self.crash(true),
            2 | 3 => self.strike_disk(How::Stop),
            4 => self.strike_disk(How::Fail),
            5 => self.strike_disk(How::NoRoom),
            6 if self.heart.is_some() && !self.platter.is_full() => {
                self.platter.set_full(true);
                self.room_again = self.tick + 10 + self.dice.below(80);
            }
            _ => {}
        }
    }

    fn make_room(&mut self) -> Result<(), String> {
        self.platter.set_full(false);
        match self.heart.as_ref().map(Heart::settle) {
            Some(Err(end)) => self.ended(end),
            _ => Ok(()),
        }
    }

    fn strike_disk(&mut self, how: How) {
        self.platter.strike(Strike {
            after: self.dice.below(9),
            how,
        });
    }

    fn ended(&mut self, end: End) -> Result<(), String> {
        match end {
            End::Crash => {
                let power = self.dice.below(2) == 0;
                self.crash(power);
                Ok(())
            }
            End::Wrong(why) => Err(why),
        }
    }

    /// The process ends, and with it what it had in memory; at times the power goes, too.
    fn crash(&mut self, power: bool) {
        self.platter.stop();
        if self.heart.take().is_some() && self.dice.below(8) == 0 {
            heart::break_off_a_snapshot(self.dir);
        }
        if power {
            self.platter.cut_power();
            self.report.power_cuts += 1;
        } else {
            self.report.killed += 1;
        }
        self.platter.restart();
        self.down = self.tick + self.dice.below(20);
    }

    fn start(&mut self, storm: bool) -> Result<(), String> {
        if storm && self.dice.below(3) == 0 {
            let how = [How::Stop, How::Fail, How::NoRoom][self.dice.below(3) as usize];
            self.strike_disk(how);
        }
        match Heart::open(
            self.dir,
            &self.platter,
            self.limits,
            self.now,
            self.sabotage,
        ) {
            Ok(heart) => {
                self.report.epochs = heart.epoch();
                self.heart = Some(heart);
                self.check(false)
            }
            Err(end) => {
                self.report.not_opened += 1;
                self.ended(end)
            }
        }
    }

    fn check(&mut self, at_the_end: bool) -> Result<(), String> {
        let heart = self.heart.as_ref().ok_or("it is down")?;
        let entries = heart::entries(heart.reader(), 1).map_err(|end| format!("{end:?}"))?;
        self.report.entries = entries.len() as u64;
        self.report.done = self.platter.done();
        // What rules and openings added at this start is not durable yet.
        let mut book = clubswitch::ledger::Book::new(heart::REMEMBERED);
        for entry in &entries {
            book.apply(entry);
        }
        self.model.check(&self.shop, &entries, &book, at_the_end)
    }
}

fn seed_given() -> Option<u64> {
    let seed = std::env::var("SEED").ok()?;
    Some(u64::from_str_radix(seed.trim_start_matches("0x"), 16).unwrap())
}

#[test]
fn nothing_is_lost_and_nothing_doubled_whatever_fails() {
    let given = seed_given();
    if let Some(seed) = given {
        let report =
            run(seed, Sabotage::None).unwrap_or_else(|why| panic!("SEED={seed:#x}: {why}"));
        return println!("{report:?}");
    }
    let seconds = std::env::var("SIM_S").map_or(3, |s| s.parse().unwrap());
    let end = Instant::now() + Duration::from_secs(seconds);
    let first = u64::from(std::process::id()) << 24;
    let next = AtomicU64::new(first);
    let all = Mutex::new(Report::default());
    // A run waits more than it works.
    std::thread::scope(|scope| {
        let work = || {
            while Instant::now() < end {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                match run(seed, Sabotage::None) {
                    Ok(report) => all.lock().unwrap().add(&report),
                    Err(why) => panic!("SEED={seed:#x}: {why}"),
                }
            }
        };
        let runs: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        for run in runs {
            // What it says it has said.
            assert!(run.join().is_ok(), "a run ended badly");
        }
    });
    let last = next.load(Ordering::Relaxed);
    println!(
        "{} runs from SEED={first:#x}: {:?}",
        last - first,
        all.lock().unwrap()
    );
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for seed in [1, 2, 4] {
        assert_eq!(
            run(seed, Sabotage::None),
            run(seed, Sabotage::None),
            "SEED={seed:#x}"
        );
    }
}

#[test]
fn the_simulation_notices() {
    for sabotage in [
        Sabotage::TellBeforeDurable,
        Sabotage::ForgetTheLastEntry,
        Sabotage::SyncWithoutSyncing,
        Sabotage::DecideRepeatsAnew,
        Sabotage::ReverseInWordsOnly,
        Sabotage::OverlookConflicts,
        Sabotage::TakeUnknownForAbsent,
    ] {
        let noticed = (1..30).find_map(|seed| run(seed, sabotage).err());
        println!("{sabotage:?}: {noticed:?}");
        assert!(noticed.is_some(), "{sabotage:?} went unnoticed in 30 runs");
    }
}

impl Report {
    fn add(&mut self, one: &Report) {
        self.entries += one.entries;
        self.answers += one.answers;
        self.epochs += one.epochs;
        self.killed += one.killed;
        self.power_cuts += one.power_cuts;
        self.not_opened += one.not_opened;
        self.refused += one.refused;
        self.met.add(&one.met);
        self.nights += one.nights;
        self.pauses += one.pauses;
        self.done.add(&one.done);
    }
}
