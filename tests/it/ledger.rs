//! The ledger as its operators ask it: what was, how it came to that, and whether it is right; beside a running switch
//! and without one.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use clubswitch::config::Config;
use clubswitch::journal::snapshot;
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
    // Made again beside a running switch, from its follower.
    start_at(&mut house, "1405/09/03 13:00");
    let made = house.office_json(&["ledger", "rebuild"]);
    assert!(made["last_entry"].as_u64() > Some(1), "{made}");
    assert_eq!(past(&house), stopped);
    house.stop();
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
    // Early moments are folded from the first entry, late ones back from now; shops from their own entries, both the same.
    let mut differ = Vec::new();
    for hour in (0..24).step_by(3) {
        let at = format!("1405/09/02 {hour:02}:30");
        let all = ask("ledger-balance", json!({ "at": at })).unwrap();
        let all = all["accounts"].as_array().unwrap();
        for shop in ["m-1001", "m-2001"] {
            let own = ask("ledger-balance", json!({ "shop": shop, "at": at })).unwrap();
            let own = own["accounts"].as_array().unwrap().clone();
            let own: Vec<Value> = own.into_iter().filter(|a| a["balance"] != 0).collect();
            let named = |of: &&Value| of["account"].as_str().unwrap().ends_with(shop);
            let among: Vec<Value> = all.iter().filter(named).cloned().collect();
            assert_eq!(own, among, "{shop} at {at}");
            differ.push(own);
        }
    }
    differ.dedup();
    assert!(differ.len() > 5, "{differ:?}");
}

#[test]
fn a_snapshot_that_is_not_what_the_entries_come_to_is_told() {
    let mut house = opened();
    start_at(&mut house, "1405/09/02 10:15");
    sell(&house, "1405/09/02 10:15", "500000", "1", &[]);
    house.stop();
    let verified = house.office_json(&["ledger", "verify"]);
    assert_eq!(verified["snapshot_equal"], true, "{verified}");
    // Whole by its checksum, and of another book.
    let dir = house.dir.path().join("var");
    let mut newest = snapshot::newest_valid(&dir).unwrap();
    let mut book = Vec::new();
    newest.read_to_end(&mut book).unwrap();
    *book.last_mut().unwrap() ^= 1;
    for name in ["book.0", "book.1"] {
        let _ = fs::remove_file(dir.join(name));
    }
    snapshot::write(&dir, &newest.head, |out| out.write_all(&book)).unwrap();
    let verified = house.office(&["ledger", "verify", "--json"]);
    assert_eq!(verified.status.code(), Some(1), "{verified:?}");
    let verified: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(verified["snapshot_equal"], false, "{verified}");
}

/// Three days with purchases, each a segment of its own; the first two settled. The switch does not run.
fn three_days() -> House {
    let mut house = opened();
    for (at, day) in ["1405/09/02", "1405/09/03", "1405/09/20"]
        .iter()
        .enumerate()
    {
        let clock = format!("{day} 10:15");
        start_at(&mut house, &clock);
        for stan in 1..=3 {
            let stan = (10 * at + stan).to_string();
            sell(&house, &clock, "500000", &stan, &[]);
        }
        if at < 2 {
            let settled = house.office(&["settle", "--day", day, "--close"]);
            assert!(settled.status.success(), "{settled:?}");
        }
        house.stop();
    }
    house
}

fn entries(dir: &Path, below: &str, ending: &str) -> usize {
    let found = fs::read_dir(dir.join(below)).unwrap();
    let names = found.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(ending)).count()
}

#[test]
fn archived_days_are_still_verified_settled_and_asked() {
    let mut house = three_days();
    let dir = house.dir.path().to_owned();
    let told = past(&house);
    let settled = house.office_json(&["settle", "--day", "1405/09/02", "--out", "before"]);
    let plan = house.office_json(&["ledger", "archive", "--dry-run"]);
    assert_eq!(plan["segments"], Value::Null, "{plan}");
    let segments = entries(&dir, "var/journal", ".segment");
    let done = house.office_json(&["ledger", "archive"]);
    let moved = done["segments"].as_u64().unwrap();
    assert!(moved >= 2, "{done}");
    assert_eq!(done["before_entry"], plan["before_entry"]);
    let left = entries(&dir, "var/journal", ".segment");
    assert!(left < segments, "{left} of {segments}");
    assert_eq!(entries(&dir, "var/archive", ".zst") as u64, moved);
    let again = house.office_json(&["ledger", "archive"]);
    assert_eq!(again["segments"], 0, "{again}");

    assert_eq!(past(&house), told);
    let verified = house.office_json(&["ledger", "verify"]);
    assert_eq!(verified["whole"], true, "{verified}");
    let again = house.office_json(&["settle", "--day", "1405/09/02", "--out", "after"]);
    assert_eq!(again["manifest"], settled["manifest"]);
    start_at(&mut house, "1405/09/20 12:00");
    sell(&house, "1405/09/20 12:00", "500000", "99", &[]);
    let running = past(&house);
    let balances = told.len() - 2;
    assert_eq!(running[..balances], told[..balances]);
    let told = running;
    let verified = house.office_json(&["ledger", "verify"]);
    assert_eq!(verified["whole"], true, "{verified}");
    let in_use = house.office(&["ledger", "restore"]);
    assert_eq!(in_use.status.code(), Some(2), "{in_use:?}");
    house.stop();
    let back = house.office_json(&["ledger", "restore"]);
    assert_eq!(back["segments"], moved);
    assert_eq!(past(&house), told);
    // Made again, the ledger database has what was brought back.
    let made = house.office_json(&["ledger", "rebuild"]);
    assert!(made["last_entry"].as_u64() > Some(1), "{made}");
    assert_eq!(past(&house), told);
    // An archive that is gone is missed by what needs it, and named.
    house.office_json(&["ledger", "archive"]);
    fs::remove_dir_all(dir.join("var/archive")).unwrap();
    let verified = house.office(&["ledger", "verify"]);
    assert_eq!(verified.status.code(), Some(1));
    let why = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(why.contains("archive"), "{why}");
}

#[test]
fn what_is_not_settled_or_may_be_asked_for_stays_in_the_journal() {
    let house = three_days();
    let kept = |why: &str, words: &[&str]| {
        let done = house.office_json(&[&["ledger", "archive"], words].concat());
        let because = done["kept_because"].as_str().unwrap();
        assert!(because.contains(why), "{done}");
        done
    };
    fs::remove_file(house.dir.path().join("var/settled")).unwrap();
    let done = kept("1405/09/02 is not closed and settled", &[]);
    assert_eq!(
        done["segments"], 1,
        "what was opened belongs to no day's files"
    );
    fs::write(house.dir.path().join("var/settled"), "1405/09/02\n").unwrap();
    let done = kept("1405/09/03 is not closed and settled", &["--dry-run"]);
    assert!(done["before_entry"].as_u64() > Some(1), "{done}");
    let both = "1405/09/02\n1405/09/03\n";
    fs::write(house.dir.path().join("var/settled"), both).unwrap();
    kept(
        "repeats may still ask",
        &["--before", "1405/09/20", "--dry-run"],
    );
    kept(
        "younger than was asked",
        &["--before", "1405/09/02", "--dry-run"],
    );
    fs::remove_file(house.dir.path().join("var/book.0")).unwrap();
    let done = kept("two snapshots", &[]);
    assert_eq!(done["segments"], 0);
}

#[test]
fn a_backup_made_beside_the_running_switch_starts_and_is_whole() {
    let mut house = three_days();
    let dir = house.dir.path().to_owned();
    house.office_json(&["ledger", "archive"]);
    start_at(&mut house, "1405/09/20 12:00");
    sell(&house, "1405/09/20 12:00", "500000", "98", &[]);
    let balance = house.office_json(&["ledger", "balance", "--card", CARD]);
    let made = house.office_json(&["ledger", "backup", "copy"]);
    sell(&house, "1405/09/20 12:00", "500000", "99", &[]);
    let twice = house.office(&["ledger", "backup", "copy"]);
    assert_ne!(twice.status.code(), Some(0), "it is not empty");
    house.stop();
    assert!(made["first_entry"].as_u64() > Some(1), "{made}");
    assert!(!dir.join("copy/token.key").exists() && !dir.join("copy.snapshot").exists());
    // Without the key nothing is decided; with it and the archive everything is there as of then.
    let mut config = config(&dir);
    config.data = dir.join("copy");
    config.archive.dir = Some(dir.join("var/archive"));
    assert!(Office::open(config.clone()).is_err());
    fs::copy(dir.join("var/token.key"), dir.join("copy/token.key")).unwrap();
    let mut office = Office::open(config).unwrap();
    let mut ask = |command: &str, words: Value| {
        let found = office.carry_out(command, &words, &mut |_| {});
        found.unwrap()
    };
    let last = &ask("status", json!({}))["durable"];
    assert_eq!(*last, made["last_entry"]);
    assert_eq!(
        members(&ask("ledger-balance", json!({ "card": CARD }))),
        members(&balance)
    );
    let verified = ask("ledger-verify", json!({}));
    assert_eq!(verified["whole"], true, "{verified}");
}

fn program(dir: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_clubswitch"))
        .current_dir(dir)
        .stdin(Stdio::null())
        .args(words)
        .output()
        .unwrap()
}
