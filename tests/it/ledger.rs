//! The ledger as its operators ask it: what was, how it came to that, and whether it is right; beside a running switch
//! and without one.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use clubswitch::config::Config;
use clubswitch::serve::office::{self, Office};
use serde_json::{Value, json};

use crate::cli::{House, fixture};

const CARD: &str = "9999120000001234";

/// A house in the worked example's state.
fn opened() -> House {
    let house = House::new();
    let file = fixture("openings/worked-example.toml");
    assert!(house.office(&["ledger", "open", &file]).status.success());
    house
}

/// Starts the switch at a time of its clock.
fn start_at(house: &mut House, clock: &str) {
    let path = house.dir.path().join("clubswitch.toml");
    let text = fs::read_to_string(&path).unwrap();
    let (before, after) = text.split_once("start = \"").unwrap();
    let (_, after) = after.split_once('"').unwrap();
    fs::write(&path, format!("{before}start = \"{clock}\"{after}")).unwrap();
    house.start();
}

fn sell(house: &House, clock: &str, amount: &str, stan: &str, more: &[&str]) -> Value {
    let sale = [
        "purchase", "--card", CARD, "--amount", amount, "--stan", stan, "--at", clock,
    ];
    house.pos_json(&[&sale, more].concat(), 0)
}

fn members(told: &Value) -> &Value {
    assert!(told["members"].is_array(), "{told}");
    &told["members"]
}

/// A configuration of a folder, from wherever the test runs.
fn config(dir: &Path) -> Config {
    let mut config = Config::read(&dir.join("clubswitch.toml")).unwrap();
    config.data = dir.join("var");
    config
}

/// Whatever can be asked of the past.
fn past(house: &House) -> Vec<Value> {
    let mut told = Vec::new();
    let mut ask = |command: &str, words: Value| {
        let found = office::carry_out(config(house.dir.path()), command, &words, &mut |_| {});
        told.push(found.unwrap());
    };
    for at in ["1405/09/02 10:20", "1405/09/03 23:00", "1405/09/04"] {
        ask("ledger-balance", json!({ "card": CARD, "at": at }));
        ask("ledger-balance", json!({ "shop": "m-1001", "at": at }));
        ask("ledger-balance", json!({ "club": "golestan", "at": at }));
        ask("ledger-balance", json!({ "at": at }));
    }
    ask("ledger-history", json!({ "member": 1 }));
    ask("ledger-history", json!({ "shop": "m-1001" }));
    told
}

#[test]
fn what_was_is_told_as_it_was_told_then() {
    let mut house = opened();
    let first_day = "1405/09/02 10:15";
    start_at(&mut house, first_day);
    let first = sell(&house, first_day, "500000", "1", &[]);
    sell(&house, first_day, "300000", "2", &["--redeem", "max"]);
    let then = house.office_json(&["ledger", "balance", "--card", CARD]);
    let shop_then = house.office_json(&["ledger", "balance", "--shop", "m-1001"]);
    house.stop();
    let second_day = "1405/09/03 12:00";
    start_at(&mut house, second_day);
    let undone = ["reverse", "--rrn", first["rrn"].as_str().unwrap()];
    let undone = [&undone[..], &["--at", second_day]].concat();
    assert_eq!(house.pos(&undone).status.code(), Some(0));
    sell(&house, second_day, "800000", "3", &[]);
    let now = house.office_json(&["ledger", "balance", "--card", CARD]);
    assert_ne!(members(&now), members(&then));

    // Beside the running switch, without one, and without its ledger database.
    let running = past(&house);
    house.stop();
    let stopped = past(&house);
    assert_eq!(running, stopped);
    fs::remove_dir_all(house.dir.path().join("var/store")).unwrap();
    assert_eq!(past(&house), stopped);

    let at = |moment: &str, whose: &[&str]| {
        house.office_json(&[&["ledger", "balance", "--at", moment], whose].concat())
    };
    assert_eq!(
        members(&at("1405/09/02 10:20", &["--card", CARD])),
        members(&then)
    );
    assert_eq!(
        members(&at("2026-11-23 10:20:30", &["--member", "1"])),
        members(&then),
        "the same moment in the other calendar"
    );
    assert_eq!(
        at("1405/09/02 10:20", &["--shop", "m-1001"])["accounts"],
        shop_then["accounts"]
    );
    assert_eq!(
        members(&at("1405/09/03 12:10", &["--card", CARD])),
        members(&now)
    );
    let before = ["ledger", "balance", "--card", CARD, "--at", "1405/09/01"];
    let before = house.office(&before);
    assert_eq!(before.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&before.stderr).contains("no member yet"));
    let wrong = house.office(&["ledger", "balance", "--at", "1405/09/31 10:00"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("such as \"1405/08/30 14:00\""));
}

#[test]
fn a_history_adds_up_to_the_balance_and_links_what_was_undone() {
    let mut house = opened();
    let clock = "1405/09/02 10:15";
    start_at(&mut house, clock);
    let first = sell(&house, clock, "500000", "1", &[]);
    sell(&house, clock, "400000", "2", &["--redeem", "max"]);
    let undone = house.pos(&["reverse", "--rrn", first["rrn"].as_str().unwrap()]);
    assert_eq!(undone.status.code(), Some(0));
    let told = house.office_json(&["ledger", "history", "--card", CARD]);
    let balance = house.office_json(&["ledger", "balance", "--member", "1"]);
    house.stop();
    assert_eq!(told["order"], "oldest first");
    let lines = told["members"][0]["entries"].as_array().unwrap();
    let what: Vec<&str> = lines.iter().map(|l| l["what"].as_str().unwrap()).collect();
    assert_eq!(what, ["opened", "purchase", "purchase", "reversal"]);
    let (sold, undone) = (&lines[1], &lines[3]);
    assert_eq!(sold["reversed_by"], undone["entry"]);
    assert_eq!(undone["reverses"], sold["entry"]);
    let entry = |of: &Value| house.office_json(&["ledger", "entry", &of["entry"].to_string()]);
    let (sold, undone) = (entry(sold), entry(undone));
    assert_eq!(sold["reversed_by"], undone["entry"]);
    assert_eq!(undone["reverses"], sold["entry"]);
    assert_eq!(sold["visit"]["counts"], 1);
    assert!(
        sold["lots"]
            .as_array()
            .unwrap()
            .iter()
            .any(|lot| lot["rule"].is_string())
    );
    // What stands in the last line of each purse is what is in it.
    for purse in balance["members"][0]["purses"].as_array().unwrap() {
        let last = lines
            .iter()
            .rev()
            .flat_map(|line| line["purses"].as_array().unwrap());
        let mut last =
            last.filter(|p| (&p["purse"], &p["shop"]) == (&purse["purse"], &purse["shop"]));
        assert_eq!(last.next().unwrap()["total"], purse["total"], "{purse}");
    }
    let two = house.office_json(&["ledger", "history", "1", "--last", "2"]);
    assert_eq!(
        two["members"][0]["entries"].as_array().unwrap()[..],
        lines[2..]
    );
    assert_eq!(two["members"][0]["older"], 2);
    let none = house.office_json(&["ledger", "history", "1", "--to", "1405/09/01"]);
    assert_eq!(none["members"][0]["entries"], json!([]));
    let people = house.office(&["ledger", "history", "1"]);
    let people = String::from_utf8_lossy(&people.stdout).into_owned();
    assert!(
        people.contains("REVERSED BY") && !people.contains(CARD),
        "{people}"
    );
    assert_eq!(house.office(&["ledger", "history"]).status.code(), Some(2));
}

#[test]
fn every_member_folded_from_his_own_entries_is_the_one_in_the_book() {
    let dir = tempfile::tempdir().unwrap();
    let demo = program(dir.path(), &["demo", "--purchases", "300", "--keep", "day"]);
    assert!(demo.status.success(), "{demo:?}");
    let mut office = Office::open(config(&dir.path().join("day"))).unwrap();
    let mut ask = |command: &str, words: Value| office.carry_out(command, &words, &mut |_| {});
    let mut lines = 0;
    for member in 1.. {
        let Ok(now) = ask("ledger-balance", json!({ "member": member })) else {
            break;
        };
        let then = json!({ "member": member, "at": "1405/09/02 24:00" });
        let then = ask("ledger-balance", then).unwrap();
        let told = |of: &Value| {
            let mut told = of["members"].clone();
            // What can be spent depends on the moment of asking.
            for purse in told[0]["purses"].as_array_mut().unwrap() {
                purse["can_spend"].take();
                for lot in purse["lots"].as_array_mut().unwrap() {
                    lot["can_spend"].take();
                }
            }
            told
        };
        assert_eq!(told(&then), told(&now), "member {member}");
        let history = ask("ledger-history", json!({ "member": member })).unwrap();
        lines += history["members"][0]["entries"].as_array().unwrap().len();
    }
    assert!(lines > 200, "{lines}");
    let all = ask("ledger-balance", json!({})).unwrap();
    let then = ask("ledger-balance", json!({ "at": "1405/09/02 24:00" })).unwrap();
    assert_eq!(then["accounts"], all["accounts"]);
}

fn program(dir: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_clubswitch"))
        .current_dir(dir)
        .stdin(Stdio::null())
        .args(words)
        .output()
        .unwrap()
}
