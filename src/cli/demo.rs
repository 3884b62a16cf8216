//! `demo`: a day of a switch in a minute. Members, purchases, repeats and reversals over TCP, a SIGKILL in the middle, the
//! day closed, and everything added up twice.

mod house;
mod sums;
mod till;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use self::house::House;
use self::sums::{Counts, Sheet, outstanding, purse_moves, totals};
use self::till::{Done, Hall, Plan, Till, plans};
use crate::cli::desk::{self, Bar};
use crate::cli::{Failure, chain, settle};
use crate::exchange::Receipt;
use crate::settle::publish::{manifest, reread};
use crate::terms::money::grouped;
use crate::words::Language;

/// The club of the rules that are built in, and a shop of it; another shop that is in no club.
const CLUB: &str = "golestan";
const SHOP: &str = "m-1001";
const OTHER_SHOP: &str = "m-2001";
/// How long the switch may take to come up, or to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Show a day of the switch: purchases, a crash, the settlement, and that every rial adds up.
///
/// Works in a folder and on ports of its own: starts a daemon, opens and enrols members, drives purchases, redemptions,
/// repeats and reversals over TCP, kills the daemon with SIGKILL in the middle and starts it again, closes the day, and
/// adds everything up twice: from the receipts, and from the settlement files.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clubswitch demo
  clubswitch demo --purchases 20000 --seed 7
  clubswitch demo --keep /tmp/a-day --lang fa

Exit status: 0 every rial and point adds up, 1 it does not, 2 a fault in the command, 3 the daemon does not answer,
74 the disk failed.")]
pub(super) struct Args {
    /// How many purchases
    #[arg(long, value_name = "N", default_value_t = 4_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    purchases: u64,
    /// What the random numbers begin with: the same seed is the same day
    #[arg(long, value_name = "N", default_value_t = 1_405)]
    seed: u64,
    /// Work in this folder, which must be empty or not there, and leave everything in it
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Language of the receipts
    #[arg(long, value_name = "LANG", default_value = "en", value_parser = ["en", "fa"])]
    lang: String,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let dir = folder(args.keep.as_deref())?;
    let done = day(args, &dir);
    match (&done, &args.keep) {
        (Ok(()), None) => {
            let _ = fs::remove_dir_all(&dir);
        }
        (Ok(()), Some(_)) => anstream::println!("everything is left in {}", dir.display()),
        (Err(_), _) => anstream::eprintln!("everything is left in {}", dir.display()),
    }
    done
}

/// The day from its beginning to its reconciliation.
fn day(args: &Args, dir: &Path) -> Result<(), Failure> {
    let language = Language::named(&args.lang).unwrap_or_default();
    let house = House::new(dir)?;
    let mut daemon = house.start()?;
    anstream::println!(
        "switch      on {}, data in {}",
        house.address,
        dir.display()
    );

    let members = usize::try_from((args.purchases / 20).clamp(8, 400)).unwrap_or(400);
    let opened = house.open_members(members / 4)?;
    house.enrol_members(members / 4, members)?;
    anstream::println!(
        "members     {} opened, {} enrolled",
        members / 4,
        members - members / 4
    );

    let plans = plans(args.seed, args.purchases, members);
    let all: u64 = plans.iter().map(Plan::steps).sum();
    let hall = Arc::new(Hall::default());
    let bar = Bar::new();
    let began = Instant::now();
    let tills: Vec<_> = plans
        .into_iter()
        .map(|plan| {
            let mut till = Till::new(&house, plan, Arc::clone(&hall));
            thread::spawn(move || till.work().map(|()| till))
        })
        .collect();
    let mut killed = false;
    while tills.iter().any(|till| !till.is_finished()) {
        let done = hall.answered.load(Ordering::Relaxed);
        bar.show(&json!({ "done": done, "of": all, "what": "messages answered" }));
        if !killed && done >= all / 2 {
            killed = true;
            daemon.kill()?;
            anstream::eprintln!("SIGKILL after {done} answers; starting again");
            daemon = house
                .start()
                .inspect_err(|_| hall.given_up.store(true, Ordering::Relaxed))?;
            hall.crashed.store(true, Ordering::Relaxed);
        }
        thread::sleep(Duration::from_millis(1));
    }
    bar.finish();
    let mut told = Vec::new();
    for till in tills {
        let till = till
            .join()
            .map_err(|_| Failure::Off("a till panicked".to_owned()))?;
        told.push(till?);
    }
    let sent = Counts::of(&told);
    anstream::println!(
        "messages    {all} in {} ms over {} connections: {} purchases ({} declined), {} reversals, {} repeats, \
         {} sent again after the crash",
        began.elapsed().as_millis(),
        told.len(),
        sent.purchases,
        sent.declined,
        sent.reversals,
        sent.repeats,
        sent.again,
    );

    let words = json!({ "day": "today", "close": true });
    let settled = desk::carry_out(&house.config, "settle", &words)?;
    let verified = desk::carry_out(&house.config, "ledger-verify", &json!({}))?;
    let accounts = desk::carry_out(&house.config, "ledger-balance", &json!({}))?;
    daemon.stop()?;
    let stopped = desk::carry_out(&house.config, "ledger-verify", &json!({}))?;

    print_slips(&told, language);
    anstream::println!("\n{}", settle::in_words(&settled));
    let folder = PathBuf::from(settled["folder"].as_str().unwrap_or_default());
    let mut sheet = Sheet::default();
    let mut receipts = totals(&told);
    let mut files = reread(&folder).map_err(|error| Failure::Off(chain(&error)))?;
    let paid: i64 = files.pay.values().sum();
    let manifest = manifest(&folder).map_err(|error| Failure::Off(chain(&error)))?;
    let carried: i64 = manifest.carried.iter().map(|line| line.amount).sum();
    files.pay.clear();
    receipts.pay.clear();
    sheet.totals(&receipts, &files);
    let owed: i64 = receipts.split.values().sum();
    sheet.line(
        "paid out, kept and carried",
        owed,
        paid + manifest.kept + carried,
        0,
    );
    anstream::println!("{}", sheet.drawn("receipts", "files"));

    let mut purses = Sheet::default();
    for (purse, decimals) in [("points", 2), ("club-credit", 0), ("merchant-credit", 0)] {
        let ours = opened.get(purse).copied().unwrap_or(0) + purse_moves(&told, purse);
        purses.line(
            &format!("members' {purse}"),
            ours,
            outstanding(&accounts, purse),
            decimals,
        );
    }
    anstream::println!("{}", purses.drawn("receipts", "ledger"));

    let mut faults = Vec::new();
    faults.extend(sheet.faults);
    faults.extend(purses.faults);
    faults.extend(told.iter().flat_map(|till| till.faults.iter().cloned()));
    for (when, verified) in [("beside the daemon", &verified), ("after it", &stopped)] {
        if verified["whole"] != json!(true) {
            faults.push(format!("ledger verify {when}: {}", verified["faults"]));
        }
    }
    if !killed {
        faults.push("the daemon was never killed".to_owned());
    }
    if faults.is_empty() {
        anstream::println!(
            "every rial and point adds up: {} entries, the crash lost nothing and doubled nothing",
            grouped(stopped["entries"].as_i64().unwrap_or(0), 0)
        );
        return Ok(());
    }
    Err(Failure::Off(format!(
        "it does not add up:\n  {}",
        faults.join("\n  ")
    )))
}

/// The folder to work in, empty.
fn folder(keep: Option<&Path>) -> Result<PathBuf, Failure> {
    let dir = match keep {
        Some(dir) => std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned()),
        None => std::env::temp_dir().join(format!("clubswitch-demo-{}", std::process::id())),
    };
    let failed = |error: io::Error| Failure::Io(format!("make {}: {error}", dir.display()));
    fs::create_dir_all(&dir).map_err(failed)?;
    if fs::read_dir(&dir).map_err(failed)?.next().is_some() {
        let name = dir.display();
        return Err(Failure::Usage(format!(
            "an empty folder wanted, {name} has something in it"
        )));
    }
    Ok(dir)
}

/// A purchase with everything in it, a decline, and a reversal.
fn print_slips(tills: &[Till], language: Language) {
    let all = || {
        tills
            .iter()
            .flat_map(|t| t.done.iter().flatten().map(move |done| (t, done)))
    };
    let told = |done: &Done, test: fn(&Receipt) -> bool| done.receipt.as_ref().is_some_and(test);
    let richest = all()
        .filter(|(_, done)| done.of.is_none())
        .max_by_key(|(_, done)| done.receipt.as_ref().map_or(0, |r| r.redeemed.len()));
    let declined = all().find(|(_, done)| told(done, |r| !r.is_approved()));
    let reversal = all().find(|(_, done)| done.of.is_some() && !done.repeats);
    for (till, done) in [richest, declined, reversal].into_iter().flatten() {
        if let Some(receipt) = &done.receipt {
            anstream::println!(
                "\n{}",
                till.terminal
                    .slip(&done.sent, receipt)
                    .print(language)
                    .trim_end()
            );
        }
    }
}
