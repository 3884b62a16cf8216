//! Rules loaded into the running switch: beside purchases, at an hour, by two persons, over kills and restarts; what is refused
//! changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clubswitch::engine::{Act, Engine, Limits, Load, Order};
use clubswitch::exchange::terminal::{Receipt, Sale, Who};
use clubswitch::journal::Reader;
use clubswitch::ledger::{Book, By, Function, Input, Names, SetStep};
use clubswitch::message::Message;
use clubswitch::rulefile;
use clubswitch::rules::Rulebook;
use clubswitch::serve::data;
use clubswitch::spec;
use clubswitch::terms::{Moment, Pan, Rials, SetNumber};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::cli::House;
use crate::random::WORLD;
use crate::switch::{self, DATA, Switch};

/// A club with one discount of so many percent, and what else is given.
pub(crate) fn club(percent: &str, more: &str) -> String {
    format!(
        r#"
format = 1
[club]
id = "golestan"
alias = "GOL"
title = "Golestan customer club"
owner = {{ title = "Golestan Stores Co.", iban = "IR460170000000112233445566" }}
merchants = ["golestan-branches", "supermarkets", "sport"]
identify_by = ["card"]
enrol = {{ on_first_purchase = true }}
{more}
[purse.points]
kind = "points"
decimals = 2
value = {{ rial = 150, per_points = 1 }}
[redeem]
from = ["points"]
pin = false
[[discount]]
name = "always"
give = {{ percent = "{percent}%" }}
paid_by = {{ club = "100%" }}
[[accrue]]
name = "base"
earn = {{ to = "points", points = 1, per_rial = 10_000 }}
funded_by = "club"
"#
    )
}

/// A folder of rules with this club.
pub(crate) fn rules(dir: &Path, club: &str) {
    for (folder, name, text) in [
        ("world", "shared.toml", WORLD),
        ("clubs", "golestan.toml", club),
    ] {
        fs::create_dir_all(dir.join(folder)).unwrap();
        fs::write(dir.join(folder).join(name), text).unwrap();
    }
}

/// A house with these rules in its folder `rules`.
pub(crate) fn house(club: &str) -> House {
    let house = House::new();
    house.configure("rules = \"rules\"\n");
    rules(&house.dir.path().join("rules"), club);
    house
}

fn edit(house: &House, club: &str) {
    rules(&house.dir.path().join("rules"), club);
}

/// The discount of a purchase of a million, in percent; the set it was judged by.
fn percent(house: &House) -> (i64, u64) {
    let words = [
        "purchase",
        "--card",
        "9999120000000011",
        "--amount",
        "1000000",
    ];
    let sold = house.pos_json(&words, 0);
    let entry = house.office_json(&["ledger", "entry", sold["rrn"].as_str().unwrap()]);
    let discount = sold["discount"].as_i64().unwrap_or(0);
    (discount / 10_000, entry["rule_set"].as_u64().unwrap())
}

/// A command that must go well; its JSON.
fn told(house: &House, words: &[&str]) -> Value {
    house.office_json(&[&["rules"], words].concat())
}

/// A command that must end with this status; its JSON, or what it says on standard error.
fn ends(house: &House, words: &[&str], status: i32) -> String {
    let output: Output = house.office(&[&["rules"], words].concat());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(output.status.code(), Some(status), "{words:?} {output:?}");
    text(&output.stdout) + &text(&output.stderr)
}

/// The states of all sets, by number.
fn states(house: &House) -> Vec<String> {
    let sets = told(house, &["list"]);
    let sets = sets["sets"].as_array().unwrap().clone();
    let state = |set: &Value| format!("{} {}", set["number"], set["state"].as_str().unwrap());
    sets.iter().map(state).collect()
}

#[test]
fn new_rules_hold_for_the_next_purchase_and_say_whose_they_are() {
    let mut house = house(&club("5", ""));
    house.start();
    assert_eq!(percent(&house), (5, 1));
    assert_eq!(told(&house, &["load"])["state"], "same");
    edit(&house, &club("6", ""));
    let done = told(&house, &["load", "--why", "as agreed"]);
    assert_eq!(done["state"], "in-force");
    assert_eq!(
        (&done["number"], &done["clubs"], &done["rules"]),
        (&json!(2), &json!(1), &json!(2))
    );
    assert_eq!(done["loaded"]["why"], "as agreed");
    let whoami = done["loaded"]["by"].as_str().unwrap();
    assert!(!whoami.is_empty() && done["loaded"]["uid"].is_u64());
    assert_eq!(percent(&house), (6, 2));
    assert_eq!(states(&house), ["1 was-in-force", "2 in-force"]);
    let old = ends(&house, &["show", "1", "--file", "clubs/golestan.toml"], 0);
    assert_eq!(old, club("5", ""));
    assert_eq!(
        ends(&house, &["show", "--file", "world/shared.toml"], 0),
        WORLD
    );
    let entry = house.office_json(&["ledger", "entry", &done["entry"].to_string()]);
    assert_eq!(entry["input"]["by"], whoami);
    assert_eq!(entry["input"]["sha256"], done["sha256"]);
    house.stop();
    // The same without a switch that runs; from another folder.
    rules(&house.dir.path().join("other"), &club("7", ""));
    assert_eq!(told(&house, &["load", "other"])["number"], 3);
    house.start();
    assert_eq!(
        percent(&house),
        (7, 3),
        "a restart keeps what was loaded, from wherever"
    );
    assert!(log(&house).contains("rule set 3 stays in force"));
    house.stop();
    assert_eq!(house.office_json(&["ledger", "verify"])["whole"], true);
}

#[test]
fn of_many_notes_the_first_hundred_are_told_and_how_many_there_are_besides() {
    let mut house = house(&club("5", ""));
    house.start();
    // All give the same: of each but the first it is said.
    let rules: String = (0..150)
        .map(|n| {
            format!(
                "[[discount]]\nname = \"same-{n}\"\ngive = {{ fixed_rial = 1 }}\npaid_by = {{ club = \"100%\" }}\n"
            )
        })
        .collect();
    edit(&house, &(club("6", "") + &rules));
    let words = ends(&house, &["load"], 0);
    assert_eq!(words.matches("note R17").count(), 100, "{words}");
    assert!(words.contains("and 49 notes more"), "{words}");
    assert_eq!(percent(&house), (6, 2));
    house.stop();
    house.start();
    assert!(log(&house).contains("49 notes more"));
    house.stop();
}

fn log(house: &House) -> String {
    fs::read_to_string(house.dir.path().join("log")).unwrap()
}

#[test]
fn new_files_come_into_force_by_a_restart_and_older_ones_do_not_come_back() {
    let mut house = house(&club("5", ""));
    house.start();
    house.stop();
    edit(&house, &club("6", ""));
    house.start();
    assert_eq!(percent(&house), (6, 2));
    house.stop();
    edit(&house, &club("5", ""));
    house.start();
    assert_eq!(percent(&house), (6, 2));
    assert!(log(&house).contains("the rule files at hand are those of set 1"));
    assert_eq!(told(&house, &["load"])["number"], 3);
    assert_eq!(percent(&house), (5, 3));
    house.stop();
}

/// The value of a series on `/metrics`.
fn figure(running: &Switch, series: &str) -> Option<String> {
    let page = running.page("/metrics");
    let line = page.lines().find(|line| line.starts_with(series))?;
    line.split_whitespace().last().map(str::to_owned)
}

#[test]
fn faults_are_told_with_their_places_and_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    configured(dir.path(), &club("5", ""));
    let running = Switch::start(dir.path(), "info");
    let series = "clubswitch_config_last_reload_successful";
    assert_eq!(figure(&running, series).as_deref(), Some("1"));
    rules(
        &dir.path().join("rules"),
        &club("5", "").replace("\"5%\"", "5.5"),
    );
    let load = |words: &[&str]| switch::command(dir.path(), words).output().unwrap();
    let refused = load(&["rules", "load"]);
    assert_eq!(refused.status.code(), Some(2));
    let drawn = String::from_utf8(refused.stderr).unwrap();
    assert!(
        drawn.contains("error R03: a percent must be quoted text"),
        "{drawn}"
    );
    assert!(drawn.contains("--> clubs/golestan.toml:21:20"), "{drawn}");
    let persian = load(&["rules", "load", "--lang", "fa"]);
    let persian = String::from_utf8(persian.stderr).unwrap();
    assert!(
        persian.contains("clubs/golestan.toml:21:20") && persian.contains("خطا"),
        "{persian}"
    );
    let refused = load(&["rules", "load", "--json"]);
    assert_eq!(refused.status.code(), Some(2));
    let told: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(
        (&told["state"], &told["faults"][0]["line"]),
        (&json!("refused"), &json!(21))
    );
    // The same from a folder, which the command itself reads.
    assert_eq!(load(&["rules", "load", "rules"]).status.code(), Some(2));
    assert_eq!(figure(&running, series).as_deref(), Some("0"));
    assert_eq!(
        figure(&running, "clubswitch_rule_set_number").as_deref(),
        Some("1")
    );
    let ready: Value = serde_json::from_str(body(&running.page("/readyz"))).unwrap();
    assert_eq!(
        (&ready["ready"], &ready["last_reload"]["successful"]),
        (&json!(true), &json!(false))
    );
    assert!(
        ready["last_reload"]["why"]
            .as_str()
            .unwrap()
            .contains("clubs/golestan.toml:21:20")
    );
    // A signal tells them in the log, and takes them once they are mended.
    let hang_up = || kill_process(Pid::from_child(&running.child), Signal::HUP).unwrap();
    hang_up();
    await_log(
        dir.path(),
        "SIGHUP: the rules were not loaded, the set before runs on",
    );
    assert!(
        switch::log(dir.path())
            .contains("clubs/golestan.toml:21:20: a percent must be quoted text")
    );
    rules(&dir.path().join("rules"), &club("6", ""));
    hang_up();
    await_log(dir.path(), "SIGHUP: rule set 2 was loaded");
    await_log(dir.path(), "rule set 2 is in force");
    assert_eq!(figure(&running, series).as_deref(), Some("1"));
    let list: Value = serde_json::from_slice(&load(&["rules", "list", "--json"]).stdout).unwrap();
    assert_eq!(
        (
            &list["sets"][1]["loaded"]["by"],
            &list["sets"][1]["loaded"]["uid"]
        ),
        (&json!("signal"), &Value::Null)
    );
    running.stop();
}

fn body(page: &str) -> &str {
    page.split_once("\r\n\r\n").map_or(page, |(_, body)| body)
}

fn await_log(dir: &Path, wanted: &str) {
    let end = Instant::now() + switch::PATIENCE;
    while !switch::log(dir).contains(wanted) {
        assert!(
            Instant::now() < end,
            "{wanted:?} is not in\n{}",
            switch::log(dir)
        );
        thread::sleep(Duration::from_millis(20));
    }
}

/// A configuration whose rules have this club.
fn configured(dir: &Path, club: &str) {
    switch::configure(dir, "", "");
    let path = dir.join("clubswitch.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("rules = \"rules\"\n{text}")).unwrap();
    rules(&dir.join("rules"), club);
}

#[test]
fn a_set_waits_for_its_hour_over_a_restart() {
    let mut house = house(&club("5", ""));
    house.start();
    rules(&house.dir.path().join("new"), &club("6", ""));
    let past = ends(&house, &["load", "new", "--at", "1405/09/02 10:14"], 2);
    assert!(
        past.contains("error R21: rules cannot come into force in the past"),
        "{past}"
    );
    assert!(past.contains("--> --at:1:1"), "{past}");
    let load = |at: &str| told(&house, &["load", "new", "--at", at]);
    let waits = load("1405/10/01 00:00");
    assert_eq!(
        (&waits["state"], &waits["planned"]),
        (&json!("waits-for-its-hour"), &json!("1405/10/01 00:00"))
    );
    assert_eq!(load("1405/10/01 00:00")["state"], "waits-already");
    rules(&house.dir.path().join("never"), &club("9", ""));
    told(&house, &["load", "never", "--at", "1405/09/20 00:00"]);
    assert_eq!(
        told(&house, &["cancel", "3", "--why", "no"])["state"],
        "taken-back"
    );
    ends(&house, &["cancel", "3"], 1);
    ends(&house, &["cancel", "4"], 1);
    assert_eq!(percent(&house), (5, 1));
    house.kill();
    let wanted = ["1 in-force", "2 waits-for-its-hour", "3 taken-back"];
    assert_eq!(states(&house), wanted, "without a switch");
    house.start();
    assert_eq!(states(&house), wanted);
    assert_eq!(percent(&house), (5, 1));
    house.stop();
    // Its hour passes while nothing runs: the first purchase after it is judged by it.
    clock(&house, "1405/10/02 09:00");
    house.start();
    let words = ["quote", "--card", "9999120000000011", "--amount", "1000000"];
    assert_eq!(house.pos_json(&words, 0)["discount"], 60_000);
    assert_eq!(
        states(&house),
        ["1 was-in-force", "2 in-force", "3 taken-back"]
    );
    house.stop();
}

/// Sets the clock of a house.
fn clock(house: &House, start: &str) {
    let path = house.dir.path().join("clubswitch.toml");
    let text = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    let line = format!("start = \"{start}\"");
    let at = lines
        .iter()
        .position(|line| line.starts_with("start = "))
        .unwrap();
    lines[at] = &line;
    fs::write(&path, lines.join("\n")).unwrap();
}

#[test]
fn a_set_comes_into_force_at_its_hour_to_the_purchase_and_one_that_went_bad_does_not() {
    let mut house = house(&club("5", ""));
    house.start();
    rules(&house.dir.path().join("new"), &club("6", ""));
    rules(&house.dir.path().join("bad"), &club("7", ""));
    let now = told(&house, &["list"])["sets"][0]["since"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(now.starts_with("1405/09/02 10:15"), "{now}");
    told(&house, &["load", "new", "--at", "1405/09/02 10:15:07"]);
    let bad = told(&house, &["load", "bad", "--at", "1405/09/02 10:25"]);
    let mut seen = Vec::new();
    let end = Instant::now() + Duration::from_secs(30);
    while seen.last() != Some(&(6, 2)) {
        assert!(Instant::now() < end, "{seen:?}");
        seen.push(percent(&house));
    }
    assert!(
        seen.iter().all(|judged| [(5, 1), (6, 2)].contains(judged)),
        "{seen:?}"
    );
    // No purchase of its hour or after it has the set before.
    for entry in entries(&house.dir.path().join("var")) {
        if let Input::Request(asked) = &entry.input
            && asked.function == Function::Purchase
        {
            let late = entry.head.at >= hour("1405/09/02 10:15:07");
            assert_eq!(
                entry.head.rule_set.0,
                1 + u32::from(late),
                "{:?}",
                entry.head
            );
        }
    }
    // The kept files are broken before its hour: it is checked again then, and taken back.
    house.stop();
    let kept = house
        .dir
        .path()
        .join("var/rule-sets")
        .join(bad["sha256"].as_str().unwrap());
    fs::write(kept.join("clubs/golestan.toml"), "format = 2\n").unwrap();
    clock(&house, "1405/09/02 10:25");
    house.start();
    assert_eq!(
        states(&house),
        ["1 was-in-force", "2 in-force", "3 taken-back"]
    );
    let why = told(&house, &["list"])["sets"][2]["withdrawn"]["why"].to_string();
    assert!(why.contains("faults"), "{why}");
    house.stop();
}

fn hour(text: &str) -> Moment {
    let zone = clubswitch::terms::Zone::named("Asia/Tehran").unwrap();
    zone.moment(clubswitch::terms::Local::parse(text).unwrap())
}

/// Every entry of a data folder.
fn entries(dir: &Path) -> Vec<clubswitch::ledger::Entry> {
    let reader = Reader::open(dir).unwrap();
    let groups = reader.read_from(1).unwrap();
    groups
        .flat_map(|group| data::entries(&group.unwrap()).unwrap())
        .collect()
}

const TWO: &str = "approve = \"two-persons\"";

#[test]
fn two_persons_are_two_persons() {
    let mut house = house(&club("5", TWO));
    house.start();
    edit(&house, &club("6", TWO));
    let waits = told(&house, &["load"]);
    assert_eq!(waits["state"], "waits-for-approval");
    let same = ends(&house, &["approve", "2"], 1);
    assert!(same.contains("somebody else has to approve it"), "{same}");
    assert_eq!(percent(&house), (5, 1));
    // A set that no longer asks for two needs them still: else one person could take the rule away.
    edit(&house, &club("7", ""));
    assert_eq!(told(&house, &["load"])["state"], "waits-for-approval");
    // A signal is nobody, and so is a restart.
    edit(&house, &club("8", ""));
    let daemon = house.process();
    kill_process(daemon, Signal::HUP).unwrap();
    let end = Instant::now() + switch::PATIENCE;
    while !log(&house).contains("SIGHUP: the rules were not loaded") {
        assert!(Instant::now() < end, "{}", log(&house));
        thread::sleep(Duration::from_millis(20));
    }
    edit(&house, &club("8", ""));
    house.stop();
    house.start();
    assert!(
        log(&house).contains("a club asks for two persons"),
        "{}",
        log(&house)
    );
    assert_eq!(percent(&house), (5, 1));
    house.stop();
}

/// Only root can be two persons, and only where nobody has logged in: then the login is one person's, whatever rights he takes.
#[test]
fn the_second_person_puts_it_in_force() {
    let login = fs::read_to_string("/proc/self/loginuid").unwrap_or_default();
    let nobody = ["", "4294967295"].contains(&login.trim());
    if !rustix::process::getuid().is_root() || !nobody {
        return eprintln!("skipped: this test has to be two users, and is one");
    }
    let dir = tempfile::tempdir().unwrap();
    configured(dir.path(), &club("5", TWO));
    let own = |path: &Path| std::os::unix::fs::chown(path, Some(65_534), None).unwrap();
    own(dir.path());
    let other = |command: &mut Command| {
        command.uid(65_534);
    };
    if !can_run_as(65_534) {
        return eprintln!("skipped: another user cannot run the program from where it is");
    }
    let running = Switch::start_with(dir.path(), "info", other);
    rules(&dir.path().join("rules"), &club("6", TWO));
    let act = |as_other: bool, words: &[&str]| -> (Option<i32>, Value) {
        let mut command = switch::command(dir.path(), &[&["rules"], words, &["--json"]].concat());
        if as_other {
            other(&mut command);
        }
        let output = command.output().unwrap();
        let told = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code(), told)
    };
    assert_eq!(act(true, &["load"]).1["state"], "waits-for-approval");
    assert_eq!(act(true, &["approve", "2"]).0, Some(1), "the same person");
    let (status, told) = act(false, &["approve", "2", "--why", "seen"]);
    assert_eq!((status, &told["state"]), (Some(0), &json!("in-force")));
    assert_eq!(
        (&told["approved"]["by"], &told["approved"]["why"]),
        (&json!("root"), &json!("seen"))
    );
    assert_eq!(told["loaded"]["uid"], 65_534);
    assert_eq!(
        act(false, &["approve", "2"]).0,
        Some(1),
        "it does not wait any more"
    );
    // With an hour, both are needed: the person first, then the hour.
    rules(&dir.path().join("rules"), &club("7", TWO));
    let (_, told) = act(false, &["load", "--at", "1405/12/01 00:00"]);
    assert_eq!(told["state"], "waits-for-approval");
    assert_eq!(
        act(true, &["approve", "3"]).1["state"],
        "waits-for-its-hour"
    );
    running.stop();
}

fn can_run_as(uid: u32) -> bool {
    let program = env!("CARGO_BIN_EXE_clubswitch");
    let ran = Command::new(program).arg("--version").uid(uid).output();
    ran.is_ok_and(|output| output.status.success())
}

#[test]
fn what_was_bought_under_an_older_set_is_undone_and_advised_by_that_set() {
    let mut house = house(&club("5", ""));
    house.start();
    let card = ["--card", "9999120000000011"];
    let words = [&["purchase", "--amount", "1000000"], &card[..]].concat();
    let sold = house.pos_json(&words, 0);
    let richer = club("6", "").replace("points = 1", "points = 3");
    edit(&house, &richer);
    told(&house, &["load"]);
    // An advice of the time of the first set (its terminal shows 10:15:00) earns what that set gave: 1 point a 10,000.
    let advised = [&["advice", "--amount", "500000"], &card[..]].concat();
    let advised = house.pos_json(&advised, 0);
    let entry = |house: &House, sold: &Value| {
        house.office_json(&["ledger", "entry", sold["rrn"].as_str().unwrap()])
    };
    assert_eq!(entry(&house, &advised)["rule_set"], 1);
    let points = |house: &House| {
        house.office_json(&["ledger", "balance", "--member", "1"])["members"][0]["purses"][0]["total"].clone()
    };
    let before = points(&house);
    house.stop();
    house.start();
    let late = [&["advice", "--amount", "700000"], &card[..]].concat();
    assert_eq!(
        entry(&house, &house.pos_json(&late, 0))["rule_set"],
        1,
        "also after a restart"
    );
    // The reversal takes back what the purchase gave, not what it would give now.
    house.pos_json(&["reverse", "--rrn", sold["rrn"].as_str().unwrap()], 0);
    let after = points(&house);
    let number = |value: &Value| {
        value
            .to_string()
            .trim_matches('"')
            .replace(',', "")
            .parse::<f64>()
            .unwrap()
    };
    assert!(
        (number(&after) - (number(&before) - 95.0 + 70.0)).abs() < 0.001,
        "{before} {after}"
    );
    house.stop();
    assert_eq!(house.office_json(&["ledger", "verify"])["whole"], true);
}

/// The club with so many rules more, none of which applies: it takes time to compile.
fn long(percent: &str, rules: usize) -> String {
    let rule = |n: usize| {
        format!(
            "[[accrue]]\nname = \"r{n}\"\nwhen = {{ merchants = [\"m-1002\"], amount_rial = {{ min = {} }} }}\n\
             earn = {{ to = \"points\", fixed = \"1\" }}\nfunded_by = \"club\"\n",
            1_000_000_000 + n
        )
    };
    club(percent, "") + &(0..rules).map(rule).collect::<String>()
}

#[test]
fn purchases_go_on_while_rules_are_loaded() {
    let number = |name: &str, usual: u64| {
        std::env::var(name)
            .ok()
            .and_then(|n| n.parse().ok())
            .unwrap_or(usual)
    };
    let (loads, rules_each) = (number("LOADS", 4), number("RULES", 300) as usize);
    let dir = tempfile::tempdir().unwrap();
    configured(dir.path(), &club("5", ""));
    let running = Switch::start(dir.path(), "info");
    let over = Arc::new(AtomicBool::new(false));
    let askers: Vec<_> = (1..=2)
        .map(|n| {
            let (link, over) = (running.connect(), Arc::clone(&over));
            thread::spawn(move || buy_at_a_steady_rate(link, n, &over))
        })
        .collect();
    thread::sleep(Duration::from_millis(300));
    for load in 0..loads {
        let percent = if load % 2 == 0 { "6" } else { "5" };
        rules(
            &dir.path().join("rules"),
            &long(percent, rules_each * (1 + load as usize)),
        );
        let done = switch::command(dir.path(), &["rules", "load", "--json"])
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
        thread::sleep(Duration::from_millis(150));
    }
    over.store(true, Ordering::Relaxed);
    let mut told = BTreeMap::new();
    let (mut slowest, mut asked) = (Duration::ZERO, 0);
    for asker in askers {
        for (rrn, receipt, took) in asker.join().unwrap() {
            assert!(receipt.is_approved(), "{} after {took:?}", receipt.code);
            slowest = slowest.max(took);
            asked += 1;
            told.insert(rrn, receipt.discount.unwrap().0 / 10_000);
        }
    }
    println!("{asked} purchases, the slowest answer after {slowest:?}");
    // Nobody waits for a compilation. What else the machine does is not ours to bound, unless it is told to be quiet: SLOWEST_MS=20.
    let most = Duration::from_millis(number("SLOWEST_MS", 10_000));
    assert!(slowest < most, "{slowest:?}");
    running.stop();
    let (mut in_force, mut found, mut seen) = (1, 0, 0);
    for entry in entries(&dir.path().join(DATA)) {
        match &entry.input {
            Input::Rules {
                number,
                step: SetStep::InForce { .. },
                ..
            } => {
                in_force = number.0;
                seen += 1;
            }
            Input::Request(asked) if asked.function == Function::Purchase => {
                assert_eq!(entry.head.rule_set.0, in_force);
                let rrn = String::from_utf8(
                    entry
                        .effects
                        .told
                        .unwrap()
                        .rrn
                        .unwrap_or(asked.rrn.unwrap_or_default())
                        .to_vec(),
                )
                .unwrap();
                let wanted = if in_force % 2 == 0 { 6 } else { 5 };
                assert_eq!(told.get(&rrn), Some(&wanted), "{rrn} of set {in_force}");
                found += 1;
            }
            _ => {}
        }
    }
    assert_eq!((seen, found), (loads + 1, told.len()));
}

/// Buys every few milliseconds, whether the answer before is there or not; each answer with its reference and how long it took.
fn buy_at_a_steady_rate(
    mut link: switch::Link,
    number: u64,
    over: &AtomicBool,
) -> Vec<(String, Receipt, Duration)> {
    let mut terminal = switch::terminal(&switch::dialect(), &format!("T{number:07}"));
    let card = Pan::new(format!("999912000000{number:04}").as_bytes()).unwrap();
    let (mut sent, mut told) = (BTreeMap::new(), Vec::new());
    let mut due = Instant::now();
    while !over.load(Ordering::Relaxed) || !sent.is_empty() {
        if !over.load(Ordering::Relaxed) && due <= Instant::now() {
            let sale = Sale::of(Who::Card(card.clone()), Rials(1_000_000));
            let purchase = terminal.purchase(&sale, switch::now()).unwrap();
            let mut bytes = Vec::new();
            switch::put(&mut bytes, &purchase.body);
            sent.insert(purchase.stan, due);
            link.send_bytes(&bytes).unwrap();
            due += Duration::from_millis(5);
        }
        let wait = due.saturating_duration_since(Instant::now());
        for answer in link.receive_within(wait.max(Duration::from_millis(1))) {
            let message =
                Message::decode(&spec::shipped("iso87-ascii").unwrap(), answer.into()).unwrap();
            let receipt = terminal.receipt(&message);
            let due = sent.remove(&receipt.stan.unwrap()).expect("asked once");
            let rrn = receipt.rrn.clone().unwrap_or_default();
            told.push((rrn, receipt, due.elapsed()));
        }
    }
    told
}

#[test]
fn killed_at_any_moment_of_a_load_either_set_is_there_whole() {
    let rounds = std::env::var("KILL_ROUNDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(8u64);
    let dir = tempfile::tempdir().unwrap();
    configured(dir.path(), &club("1", ""));
    Switch::start(dir.path(), "info").kill();
    let mut in_force = 1;
    for round in 0..rounds {
        // The folder of the configuration stays as it is: a restart brings nothing new by itself.
        let new = dir.path().join(format!("new-{round}"));
        rules(&new, &long(&format!("{}", 2 + round), 200));
        let running = Switch::start(dir.path(), "info");
        let name = format!("new-{round}");
        let mut load = switch::command(dir.path(), &["rules", "load", &name])
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(40 + 37 * (round * 7 % 11)));
        running.kill();
        let answered = load.wait().unwrap().success();
        let list = switch::command(dir.path(), &["rules", "list", "--json"])
            .output()
            .unwrap();
        let list: Value = serde_json::from_slice(&list.stdout).unwrap();
        let sets = list["sets"].as_array().unwrap();
        let now = sets.iter().find(|set| set["state"] == "in-force").unwrap();
        let number = now["number"].as_u64().unwrap();
        assert!([in_force, in_force + 1].contains(&number), "{list}");
        assert!(
            !answered || number == in_force + 1,
            "it was answered, and is not there: {list}"
        );
        in_force = number;
        // What is in force is kept whole.
        let words = ["rules", "show", "--file", "clubs/golestan.toml"];
        let shown = switch::command(dir.path(), &words).output().unwrap();
        assert!(shown.status.success(), "{shown:?}");
        let kept = String::from_utf8(shown.stdout).unwrap();
        assert!(
            kept == club("1", "") || kept.ends_with("funded_by = \"club\"\n"),
            "{kept}"
        );
    }
    println!("{in_force} sets in {rounds} rounds");
    let running = Switch::start(dir.path(), "info");
    running.stop();
    let drafts = fs::read_dir(dir.path().join(DATA).join("rule-sets")).unwrap();
    let drafts: Vec<PathBuf> = drafts.map(|entry| entry.unwrap().path()).collect();
    assert!(drafts.len() as u64 <= 1 + 2 * rounds, "{drafts:?}");
}

#[test]
fn what_a_load_would_change_is_told_before_it_is_loaded() {
    let mut house = house(&club("5", ""));
    house.start();
    house.stop();
    let none = ends(&house, &["diff"], 0);
    assert_eq!(none, "set 1 -> rules\nno difference\n");
    let new = club("6", "").replace(
        "kind = \"points\"",
        "kind = \"points\"\nexpiry = { after = \"30 days\" }",
    );
    rules(&house.dir.path().join("new"), &new);
    let words = ends(&house, &["diff", "new"], 0);
    let wanted = "set 1 -> new\nclubs/golestan.toml\n  purse points: new expiry { after = 30 days } (new lots only)\n  rule always: percent 5% -> 6%\n";
    assert_eq!(words, wanted);
    let persian = ends(&house, &["diff", "1", "new", "--lang", "fa"], 0);
    assert!(
        persian.contains("قاعده always: percent از ۵٪ به ۶٪"),
        "{persian}"
    );
    let found = told(&house, &["diff", "new"]);
    let row = &found["differences"][1];
    assert_eq!(
        (&row["of"], &row["key"]),
        (&json!(["discount", "always"]), &json!(["give", "percent"]))
    );
    assert_eq!((&row["was"], &row["now"]), (&json!("5%"), &json!("6%")));
    told(&house, &["load", "new", "--at", "1405/12/01 00:00"]);
    assert_eq!(
        ends(&house, &["diff", "2"], 0),
        wanted.replacen("-> new", "-> set 2", 1)
    );
    ends(&house, &["diff", "7"], 1);
}

/// An engine with a club in force, and a way to compile other ones for it.
fn engine(club: &str) -> (Engine, Moment) {
    let rules = compiled(club, &Names::default());
    let now = hour("1405/09/02 10:15");
    let mut engine = Engine::new(Book::new(1_000), Arc::clone(&rules), Limits::default());
    engine.act(Act::LoadRules(rules), now).unwrap();
    (engine, now)
}

fn compiled(club: &str, names: &Names) -> Arc<Rulebook> {
    let files = [("world/shared.toml", WORLD), ("clubs/golestan.toml", club)];
    Arc::new(rulefile::compile(&files, names).unwrap().rulebook)
}

/// A person.
fn person(name: &str, uid: u32) -> By {
    By {
        name: name.to_owned(),
        uid: Some(uid),
    }
}

/// What comes of loading a club: the error in words, or the number and state of the newest set.
fn order(engine: &mut Engine, order: Order, now: Moment) -> String {
    if let Err(error) = engine.act(Act::Order(order), now) {
        return error.to_string();
    }
    let sets = engine.book().rule_sets();
    let all = sets.all();
    let states = all.iter().map(|set| match (&set.from, &set.withdrawn) {
        (Some(_), _) => "in force",
        (None, Some(_)) => "taken back",
        (None, None) if set.is_ready() => "ready",
        (None, None) => "waits",
    });
    states.collect::<Vec<_>>().join(", ")
}

fn load(engine: &mut Engine, club: &str, by: By, from: Option<Moment>, now: Moment) -> String {
    let rules = compiled(club, &engine.names());
    let why = String::new();
    order(
        engine,
        Order::Load(Load {
            rules,
            by,
            why,
            from,
        }),
        now,
    )
}

#[test]
fn one_person_is_never_two() {
    let (mut engine, now) = engine(&club("5", TWO));
    let (ali, sara) = (person("ali", 1001), person("sara", 1002));
    let nobody = load(
        &mut engine,
        &club("6", TWO),
        By::switch("signal"),
        None,
        now,
    );
    assert!(nobody.contains("a club asks for two persons"), "{nobody}");
    assert_eq!(
        load(&mut engine, &club("6", TWO), ali.clone(), None, now),
        "in force, waits"
    );
    let approve = |engine: &mut Engine, by: &By, number: u32| {
        let (number, by, why) = (SetNumber(number), by.clone(), String::new());
        order(engine, Order::Approve { number, by, why }, now)
    };
    // The same person under another name is the same person.
    let again = approve(&mut engine, &person("root", 1001), 2);
    assert!(again.contains("somebody else has to approve it"), "{again}");
    assert_eq!(approve(&mut engine, &By::switch("clock"), 2), nobody);
    assert_eq!(approve(&mut engine, &sara, 3), "there is no rule set 3");
    assert_eq!(approve(&mut engine, &sara, 2), "in force, ready");
    assert_eq!(
        approve(&mut engine, &sara, 2),
        "rule set 2 was approved already, by sara"
    );
    assert_eq!(engine.to_arm(0, now).len(), 1);
    let other = compiled(&club("7", TWO), &engine.names());
    assert!(
        engine.arm(SetNumber(2), other, now).is_err(),
        "other files than those approved"
    );
    let rules = compiled(&club("6", TWO), &engine.names());
    assert!(engine.arm(SetNumber(2), rules, now).unwrap().is_some());
    assert_eq!(engine.rules().number, SetNumber(2));
    let set = engine.book().rule_set().unwrap();
    assert_eq!(
        (&set.loaded.by, &set.approved.as_ref().unwrap().by),
        (&ali, &sara)
    );
    // Where nobody asks for two, nobody approves.
    let (mut engine, now) = self::engine(&club("5", ""));
    let tomorrow = Some(now.plus_seconds(86_400));
    assert_eq!(
        load(&mut engine, &club("6", ""), ali, tomorrow, now),
        "in force, ready"
    );
    let needless = approve(&mut engine, &sara, 2);
    assert!(needless.contains("needs no approval"), "{needless}");
}

#[test]
fn sets_come_into_force_in_the_order_of_their_hours_whatever_their_numbers() {
    let (mut engine, now) = engine(&club("5", ""));
    let ali = person("ali", 1001);
    let hours = [3_600, 60, 7_200];
    for (hour, percent) in hours.iter().zip(["6", "7", "8"]) {
        let from = Some(now.plus_seconds(*hour));
        load(&mut engine, &club(percent, ""), ali.clone(), from, now);
    }
    let number = |engine: &Engine| engine.rules().number.0;
    let arm = |engine: &mut Engine, at: Moment| {
        for (number, sha256) in engine.to_arm(60, at) {
            let texts =
                ["6", "7", "8"].map(|percent| compiled(&club(percent, ""), &engine.names()));
            let rules = texts
                .into_iter()
                .find(|rules| rules.sha256 == sha256)
                .unwrap();
            engine.arm(number, rules, at).unwrap();
        }
    };
    arm(&mut engine, now);
    engine.due_by_clock(now.plus_seconds(59));
    assert_eq!(number(&engine), 1);
    engine.due_by_clock(now.plus_seconds(60));
    assert_eq!(number(&engine), 3);
    // One that is loaded in between gets a number of its own, and gives way to the next hour.
    let later = now.plus_seconds(100);
    load(&mut engine, &club("9", ""), ali.clone(), None, later);
    assert_eq!(number(&engine), 5);
    // Nothing ran for hours: both came into force, in their order, before anybody asks.
    arm(&mut engine, now.plus_seconds(9_000));
    assert_eq!(number(&engine), 4);
    let sets = engine.book().rule_sets();
    let order: Vec<u32> = sets.in_force().iter().map(|set| set.number.0).collect();
    assert_eq!(order, [1, 3, 5, 2, 4]);
    // The book read back from a snapshot knows all of it.
    let bytes = engine.book().to_bytes();
    let read = Book::read(&mut &bytes[..], 1_000).unwrap();
    assert_eq!(read.rule_sets(), sets);
}

#[test]
fn a_set_compiled_before_names_changed_is_compiled_again() {
    let (mut engine, now) = engine(&club("5", ""));
    let ali = person("ali", 1001);
    let more = |name: &str| {
        club("5", "")
            + &format!(
                "[[accrue]]\nname = \"{name}\"\nearn = {{ to = \"points\", fixed = \"1\" }}\nfunded_by = \"club\"\n"
            )
    };
    let stale = compiled(&more("one"), &engine.names());
    load(&mut engine, &more("two"), ali.clone(), None, now);
    let why = String::new();
    let late = Order::Load(Load {
        rules: stale,
        by: ali.clone(),
        why,
        from: None,
    });
    let refused = order(&mut engine, late, now);
    assert!(refused.contains("compile it again"), "{refused}");
    assert_eq!(
        load(&mut engine, &more("one"), ali, None, now),
        "in force, in force, in force"
    );
}

#[test]
fn a_set_that_waits_for_its_hour_is_compiled_again_when_names_come() {
    let (mut engine, now) = engine(&club("5", ""));
    let ali = person("ali", 1001);
    let more = |name: &str| club("5", "").replace("name = \"base\"", &format!("name = \"{name}\""));
    let from = Some(now.plus_seconds(30));
    load(&mut engine, &more("one"), ali.clone(), from, now);
    let arm = |engine: &mut Engine| {
        let rules = compiled(&more("one"), &engine.names());
        engine.arm(SetNumber(2), rules, now).unwrap();
        engine.to_arm(60, now).len()
    };
    assert_eq!(arm(&mut engine), 0);
    load(&mut engine, &more("two"), ali, None, now);
    assert_eq!(
        engine.to_arm(60, now).len(),
        1,
        "its new name has the id of another now"
    );
    assert_eq!(arm(&mut engine), 0);
    engine.due_by_clock(now.plus_seconds(30));
    let names = engine.names();
    let golestan = names.club_id("golestan").unwrap();
    let ids = ["one", "two"].map(|name| names.rule_id(golestan, name).unwrap());
    assert_eq!(
        (engine.rules().number, ids[0] == ids[1]),
        (SetNumber(2), false)
    );
}
