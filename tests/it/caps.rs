//! Caps and holds, told as stories against small rule sets; after each the journal is replayed and must give the same book.

use std::fs;
use std::sync::Arc;

use clubswitch::engine::Act;
use clubswitch::ledger::{Effects, Window, record};
use clubswitch::rulefile;
use serde_json::{Value, json};

use crate::cli::{House, fixture};
use crate::decisions::Town;
use crate::random::WORLD;

/// A club with two purses, no tiers, no split, no fee, and these rules.
fn club(rules: &str) -> String {
    format!(
        r#"
format = 1
[club]
id = "golestan"
alias = "GOL"
title = "Golestan customer club"
owner = {{ title = "Golestan Stores Co.", iban = "IR460170000000112233445566" }}
merchants = ["golestan-branches", "supermarkets", "sport"]
identify_by = ["card", "mobile"]
enrol = {{ at_pos = true, on_first_purchase = true }}
[purse.points]
kind = "points"
decimals = 2
value = {{ rial = 150, per_points = 1 }}
expiry = {{ after = "60 days" }}
[purse.club-credit]
kind = "club-credit"
[redeem]
from = ["points", "club-credit"]
pin = false
{rules}
"#
    )
}

/// A discount of a tenth, the club's, with these caps.
fn tenth(caps: &str) -> String {
    let give = "name = \"tenth\"\ngive = { percent = \"10%\" }\npaid_by = { club = \"100%\" }";
    club(&format!("[[discount]]\n{give}\n{caps}"))
}

/// A point for a thousand rials, with these caps.
fn points(caps: &str) -> String {
    let earn = "name = \"base\"\nearn = { to = \"points\", points = 1, per_rial = 1_000 }";
    club(&format!("[[accrue]]\n{earn}\nfunded_by = \"club\"\n{caps}"))
}

fn check(club: &str, story: &str) {
    Town::new(WORLD, &[club]).check(story);
}

#[test]
fn what_is_over_a_cap_is_trimmed() {
    check(
        &tenth(r#"cap = [{ per = "member", window = "day", max_rial = 500_000 }]"#),
        "open C1
         open C2
         buy 3000000 card C1 -> approved discount 300000 pays 2700000
         buy 3000000 card C1 -> approved discount 200000 pays 2800000
         buy 3000000 card C1 -> approved discount 0 pays 3000000
         buy 3000000 card C2 -> approved discount 300000 pays 2700000
         at 1405/09/03 00:00
         buy 3000000 card C1 -> approved discount 300000 pays 2700000",
    );
}

#[test]
fn or_skipped_where_the_rule_says_so() {
    check(
        &tenth(
            "cap = [{ per = \"member\", window = \"day\", max_rial = 500_000 }]\non_cap = \"skip\"",
        ),
        "open C1
         buy 3000000 card C1 -> approved discount 300000 pays 2700000
         buy 3000000 card C1 -> approved discount 0 pays 3000000
         buy 2000000 card C1 -> approved discount 200000 pays 1800000
         buy 10 card C1 -> approved discount 0 pays 10",
    );
}

#[test]
fn points_are_capped_to_the_hundredth() {
    check(
        &points(r#"cap = [{ per = "member", window = "day", max_points = "2.5" }]"#),
        "open C1
         buy 1234 card C1 -> approved discount 0 pays 1234 +points 1.23
         buy 1234 card C1 -> approved discount 0 pays 1234 +points 1.23
         buy 1234 card C1 -> approved discount 0 pays 1234 +points 0.04
         buy 1234 card C1 -> approved discount 0 pays 1234
         has C1 -> points 2.50",
    );
}

#[test]
fn times_are_capped_too_and_every_cap_must_hold() {
    check(
        &points(
            r#"cap = [
                { per = "member", window = "day", max_times = 2 },
                { per = "member", window = "day", max_points = 5 },
                { per = "rule", window = "day", max_points = 8 },
            ]"#,
        ),
        "open C1
         open C2
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 1.00
         buy 9000 card C1 -> approved discount 0 pays 9000 +points 4.00
         buy 1000 card C1 -> approved discount 0 pays 1000
         buy 9000 card C2 -> approved discount 0 pays 9000 +points 3.00
         buy 9000 card C2 -> approved discount 0 pays 9000",
    );
}

#[test]
fn a_cap_of_a_card_counts_each_card_and_what_comes_without_one() {
    check(
        &points(r#"cap = [{ per = "card", window = "day", max_times = 1 }]"#),
        "enrol card C1 mobile M1
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 1.00
         buy 1000 card C1 -> approved discount 0 pays 1000
         buy 1000 mobile M1 -> approved discount 0 pays 1000 +points 1.00
         buy 1000 mobile M1 -> approved discount 0 pays 1000",
    );
}

#[test]
fn a_cap_of_a_merchant_counts_each_shop() {
    check(
        &points(r#"cap = [{ per = "merchant", window = "day", max_points = 3 }]"#),
        "open C1
         open C2
         buy 2000 card C1 at m-1001 -> approved discount 0 pays 2000 +points 2.00
         buy 2000 card C2 at m-1001 -> approved discount 0 pays 2000 +points 1.00
         buy 2000 card C1 at m-1002 -> approved discount 0 pays 2000 +points 2.00",
    );
}

#[test]
fn a_cap_of_an_introducer_counts_all_whom_he_brought_and_nobody_else() {
    check(
        &points(r#"cap = [{ per = "introducer", window = "jalali-month", max_times = 2 }]"#),
        "open C1
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 1.00
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 1.00
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 1.00
         buy 1000 card C2 by C1 -> approved discount 0 pays 1000 +points 1.00
         buy 1000 card C3 by C1 -> approved discount 0 pays 1000 +points 1.00
         buy 1000 card C4 by C1 -> approved discount 0 pays 1000
         buy 1000 card C3 -> approved discount 0 pays 1000
         buy 1000 card C5 by C2 -> approved discount 0 pays 1000 +points 1.00",
    );
}

#[test]
fn a_cap_of_a_rule_or_of_its_club_counts_everybody() {
    for per in ["rule", "club"] {
        check(
            &points(&format!(
                r#"cap = [{{ per = "{per}", window = "day", max_points = 3 }}]"#
            )),
            "open C1
             open C2
             buy 2000 card C1 -> approved discount 0 pays 2000 +points 2.00
             buy 2000 card C2 at m-1002 -> approved discount 0 pays 2000 +points 1.00
             buy 2000 card C1 at m-1002 -> approved discount 0 pays 2000",
        );
    }
}

/// One point is earned on the first day; `last` is the last day that counts with it, `next` the first that does not.
fn check_window(window: &str, first: &str, last: &str, next: &str) {
    let rules = points(&format!(
        r#"cap = [{{ per = "member", window = "{window}", max_points = 1 }}]"#
    ));
    check(
        &rules,
        &format!(
            "open C1
             at {first} 00:00
             buy 1000 card C1 -> approved discount 0 pays 1000 +points 1.00
             at {last} 23:59
             buy 1000 card C1 -> approved discount 0 pays 1000
             at {next} 00:00
             buy 1000 card C1 -> approved discount 0 pays 1000 +points 1.00"
        ),
    );
}

#[test]
fn windows_end_where_the_calendar_says() {
    check_window("day", "1405/09/02", "1405/09/02", "1405/09/03");
    check_window("week", "1405/09/07", "1405/09/13", "1405/09/14");
    check_window("week", "1405/09/06", "1405/09/06", "1405/09/07");
    check_window("jalali-month", "1405/09/03", "1405/09/30", "1405/10/01");
    check_window("jalali-year", "1405/09/03", "1405/12/29", "1406/01/01");
    check_window("3 days", "1405/09/29", "1405/10/01", "1405/10/02");
    check_window("400 days", "1405/09/03", "1406/10/07", "1406/10/08");
}

#[test]
fn a_sliding_window_gives_back_day_by_day() {
    check(
        &points(r#"cap = [{ per = "member", window = "3 days", max_points = 6 }]"#),
        "open C1
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 1.00
         at 1405/09/03 10:00
         buy 2000 card C1 -> approved discount 0 pays 2000 +points 2.00
         at 1405/09/04 10:00
         buy 9000 card C1 -> approved discount 0 pays 9000 +points 3.00
         at 1405/09/05 10:00
         buy 9000 card C1 -> approved discount 0 pays 9000 +points 1.00
         at 1405/09/06 10:00
         buy 9000 card C1 -> approved discount 0 pays 9000 +points 2.00",
    );
}

#[test]
fn a_reversal_frees_the_cap_and_what_was_trimmed_stays() {
    check(
        &tenth(r#"cap = [{ per = "member", window = "day", max_rial = 500_000 }]"#),
        "open C1
         buy 3000000 card C1 stan 1 -> approved discount 300000 pays 2700000
         buy 3000000 card C1 stan 2 -> approved discount 200000 pays 2800000
         reverse stan 1 advised -> approved
         reverse stan 1 advised -> approved
         repeat stan 2 -> approved discount 200000 pays 2800000
         owes club -> -200000
         buy 9000000 card C1 stan 3 -> approved discount 300000 pays 8700000
         buy 1000000 card C1 -> approved discount 0 pays 1000000
         reverse stan 2 advised -> approved
         reverse stan 3 advised -> approved
         buy 9000000 card C1 -> approved discount 500000 pays 8500000",
    );
}

#[test]
fn a_reversal_frees_the_period_of_the_purchase_not_todays() {
    check(
        &points(r#"cap = [{ per = "member", window = "day", max_points = 1 }]"#),
        "open C1
         buy 1000 card C1 stan 1 -> approved discount 0 pays 1000 +points 1.00
         at 1405/09/03 09:00
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 1.00
         tell 1000 card C1 stamp 1123201500 -> approved discount 0 pays 1000
         reverse stan 1 stamp 1123101500 advised -> approved
         buy 1000 card C1 -> approved discount 0 pays 1000
         tell 1000 card C1 stamp 1123211500 -> approved discount 0 pays 1000 +points 1.00
         tell 1000 card C1 stamp 1123221500 -> approved discount 0 pays 1000",
    );
}

#[test]
fn what_is_only_asked_told_again_or_refused_does_not_count() {
    check(
        &tenth(r#"cap = [{ per = "member", window = "day", max_times = 2 }]"#),
        "open C1
         quote 1000000 card C1 -> approved discount 100000 pays 900000
         buy 1000000 card C1 redeem 50000 -> not-enough
         buy 1000000 card C1 stan 1 -> approved discount 100000 pays 900000
         repeat stan 1 -> approved discount 100000 pays 900000
         quote 1000000 card C1 -> approved discount 100000 pays 900000
         buy 1000000 card C1 -> approved discount 100000 pays 900000
         quote 1000000 card C1 -> approved discount 0 pays 1000000",
    );
}

#[test]
fn of_several_the_best_is_the_best_under_its_cap() {
    let rules = club(
        r#"
[[discount]]
name = "high"
give = { percent = "10%" }
paid_by = { club = "100%" }
cap = [{ per = "member", window = "day", max_rial = 120_000 }]
[[discount]]
name = "low"
give = { percent = "5%" }
paid_by = { club = "100%" }
"#,
    );
    check(
        &rules,
        "open C1
         buy 1000000 card C1 -> approved discount 100000 pays 900000
         buy 1000000 card C1 -> approved discount 50000 pays 950000
         buy 200000 card C1 -> approved discount 20000 pays 180000",
    );
}

#[test]
fn counters_outlive_a_reload() {
    let cap = |window: &str, most: u32| {
        points(&format!(
            r#"cap = [{{ per = "member", window = "{window}", max_points = {most} }}]"#
        ))
    };
    let mut town = Town::new(WORLD, &[&cap("30 days", 3)]);
    town.check(
        "open C1
         buy 2000 card C1 -> approved discount 0 pays 2000 +points 2.00
         at 1405/09/03 10:00
         buy 2000 card C1 -> approved discount 0 pays 2000 +points 1.00",
    );
    // More is allowed, of which three are used; then only today counts.
    load(&mut town, &cap("10 days", 5));
    town.check("buy 9000 card C1 -> approved discount 0 pays 9000 +points 2.00");
    load(&mut town, &cap("1 day", 5));
    town.check("buy 9000 card C1 -> approved discount 0 pays 9000 +points 2.00");
    // A rule that gives something else begins anew.
    let credit = points(r#"cap = [{ per = "member", window = "1 day", max_rial = 5 }]"#).replace(
        "to = \"points\", points = 1, per_rial = 1_000",
        "to = \"club-credit\", percent = \"1%\"",
    );
    load(&mut town, &credit);
    town.check("buy 9000 card C1 -> approved discount 0 pays 9000 +club-credit 5");
}

fn load(town: &mut Town, club: &str) {
    let files = [("world/shared.toml", WORLD), ("clubs/0.toml", club)];
    let loaded = rulefile::compile(&files, &town.engine.names());
    let loaded = loaded.unwrap_or_else(|faults| panic!("{}", faults.drawn(false)));
    let now = town.now;
    let act = Act::LoadRules(Arc::new(loaded.rulebook));
    town.engine.act(act, now).unwrap();
}

fn effects(town: &mut Town) -> Vec<(usize, Effects)> {
    town.replay();
    let groups = town.journal.iter();
    let entries = groups.flat_map(|group| record::split(&group.bytes));
    let read = entries.map(|bytes| {
        let bytes = bytes.unwrap();
        (bytes.len(), record::decode(bytes).unwrap().effects)
    });
    read.collect()
}

#[test]
fn an_entry_says_what_counted_once_for_each_whom_and_window() {
    let rules = points(
        r#"cap = [
            { per = "member", window = "30 days", max_points = 500 },
            { per = "member", window = "7 days", max_times = 2 },
            { per = "member", window = "day", max_times = 1 },
            { per = "rule", window = "jalali-month", max_points = 1_000_000 },
        ]"#,
    );
    let mut town = Town::new(WORLD, &[&rules]);
    town.check(
        "open C1
         buy 2000 card C1 stan 1 -> approved discount 0 pays 2000 +points 2.00
         buy 2000 card C1 -> approved discount 0 pays 2000
         reverse stan 1 advised",
    );
    let all = effects(&mut town);
    let counted: Vec<Vec<Window>> = all
        .iter()
        .rev()
        .take(3)
        .map(|(_, effects)| effects.counted.iter().map(|row| row.window).collect())
        .collect();
    let rows = vec![Window::Days(30), Window::Day, Window::JalaliMonth];
    assert_eq!(counted, [rows.clone(), Vec::new(), rows]);
    assert_eq!(town.engine.book().cap_count(), 0);
    let longest = all.iter().map(|(bytes, _)| *bytes).max();
    assert!(longest <= Some(450), "{longest:?} bytes");
}

#[test]
fn a_purchase_under_three_caps_with_something_held_stays_under_450_bytes() {
    let mut town = Town::new(WORLD, &[&golestan()]);
    town.check(
        "open C1 silver p-77 merchant-credit=40000@m-1001~1405/10/10 club-credit=125000~1405/12/01 points=830.50
         buy 2755555 card C1 stan 1
         reverse stan 1 advised",
    );
    let all = effects(&mut town);
    let [(bought, purchase), (undone, _)] = &all[all.len() - 2..] else {
        panic!("two entries")
    };
    assert_eq!(purchase.counted.len(), 3);
    assert!(
        *bought <= 450 && *undone <= 450,
        "{bought} and {undone} bytes"
    );
}

/// The shipped club with caps on one of its discounts and a gift that waits.
fn golestan() -> String {
    let golestan = include_str!("../../conf/rules/clubs/golestan.toml")
        .replacen(
            "[redeem]\n",
            "cap = [\n  { per = \"member\", window = \"day\", max_rial = 200_000 },\n  \
             { per = \"rule\", window = \"jalali-month\", max_rial = 2_000_000_000 },\n]\n\
             on_cap = \"trim\"\n\n[redeem]\n",
            1,
        )
        .replacen("percent = \"3%\"", "percent = \"10%\"", 1)
        .replacen(
            "tiers = [\"gold\", \"platinum\"]",
            "tiers = [\"silver\"]",
            1,
        );
    golestan
        + "[[accrue]]\nname = \"birthday\"\nearn = { to = \"points\", fixed = \"200\" }\n\
           hold = { until = \"profile-confirmed\", at_most = \"30 days\" }\nfunded_by = \"club\"\n\
           cap = [ { per = \"member\", window = \"jalali-year\", max_times = 1 } ]\n"
}

// ----------------------------------------------------------------------------------------------- holds

fn held(more: &str) -> String {
    let earn = "name = \"welcome\"\nearn = { to = \"points\", fixed = \"200\" }";
    let hold = "hold = { until = \"profile-confirmed\", at_most = \"30 days\" }";
    club(&format!(
        "[[accrue]]\n{earn}\nfunded_by = \"club\"\n{hold}\n{more}"
    ))
}

#[test]
fn what_is_held_cannot_be_spent_until_its_event() {
    check(
        &held(r#"cap = [{ per = "member", window = "jalali-year", max_times = 1 }]"#),
        "open C1
         buy 1000000 card C1 -> approved discount 0 pays 1000000 +points 200.00
         balance card C1 -> approved points 0.00 club-credit 0
         has C1 -> points 200.00
         at 1405/09/12 10:00
         buy 1000000 card C1 redeem 1500 -> not-enough
         event other C1 -> no such event
         event profile-confirmed C1 -> released
         event profile-confirmed C1 -> nothing waits
         balance card C1 -> approved points 200.00 club-credit 0
         buy 1000000 card C1 redeem 1500 -> approved discount 0 redeemed 1500 -points 10.00 pays 998500
         balance card C1 -> approved points 190.00 club-credit 0",
    );
}

#[test]
fn it_lapses_at_its_deadline_whatever_happens_then() {
    check(
        &held(""),
        "open C1
         open C2
         buy 1000000 card C1
         buy 1000000 card C2
         at 1405/10/02 23:59
         event profile-confirmed C1 -> released
         at 1405/10/03 00:00
         event profile-confirmed C2 -> nothing waits
         balance card C1 -> approved points 200.00 club-credit 0
         balance card C2 -> approved points 0.00 club-credit 0",
    );
}

#[test]
fn released_it_expires_as_it_would_have() {
    check(
        &held(""),
        "open C1
         buy 1000000 card C1
         at 1405/09/20 10:00
         event profile-confirmed C1 -> released
         at 1405/11/02 23:59
         balance card C1 -> approved points 200.00 club-credit 0
         at 1405/11/03 00:00
         balance card C1 -> approved points 0.00 club-credit 0",
    );
}

#[test]
fn a_reversal_takes_back_what_waits_and_what_was_released() {
    check(
        &held(r#"cap = [{ per = "member", window = "day", max_times = 2 }]"#),
        "open C1 points=50
         buy 1000000 card C1 stan 1
         reverse stan 1 advised -> approved
         has C1 -> points 50.00
         buy 1000000 card C1 stan 2
         buy 1000000 card C1 stan 3
         reverse stan 2 advised -> approved
         has C1 -> points 250.00
         event profile-confirmed C1 -> released
         reverse stan 3 advised -> approved
         has C1 -> points 50.00
         balance card C1 -> approved points 50.00 club-credit 0",
    );
}

#[test]
fn released_and_spent_it_is_owed_and_what_waits_pays_nothing_before_its_time() {
    check(
        &held(""),
        "open C1
         buy 1000000 card C1 stan 1
         event profile-confirmed C1 -> released
         buy 1000000 card C1 redeem 30000 stan 2 -> approved discount 0 redeemed 30000 -points 200.00 pays 970000 +points 200.00
         reverse stan 1 advised -> approved
         has C1 -> points 200.00 owes 200.00
         balance card C1 -> approved points 0.00 club-credit 0
         event profile-confirmed C1 -> released
         has C1 ->
         buy 1000000 card C1 -> approved discount 0 pays 1000000 +points 200.00
         has C1 -> points 200.00",
    );
}

#[test]
fn another_reload_changes_nothing_of_what_waits() {
    let mut town = Town::new(WORLD, &[&held("")]);
    town.check("open C1\nbuy 1000000 card C1");
    load(&mut town, &club(""));
    town.check(
        "event profile-confirmed C1 -> released
         balance card C1 -> approved points 200.00 club-credit 0",
    );
}

// ----------------------------------------------------------------------------------------- over the wire

const CARD: &str = "9999120000001234";

/// The values under a pointer of each, which must be equal.
fn check_told(found: &Value, wanted: &[(&str, Value)]) {
    for (pointer, value) in wanted {
        let there = found.pointer(pointer);
        assert_eq!(there, Some(value), "{pointer} in {found:#}");
    }
}

#[test]
fn over_the_wire_caps_and_holds_live_through_kill_and_start() {
    let mut house = House::new();
    let golestan = golestan();
    for (name, text) in [
        ("clubs/golestan.toml", golestan.as_str()),
        ("world/shared.toml", WORLD),
    ] {
        let path = house.dir.path().join("rules").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    house.configure("rules = \"rules\"\n");
    house.start();
    let opening = fixture("openings/worked-example.toml");
    check_told(
        &house.office_json(&["ledger", "open", &opening]),
        &[("/booked", json!(1))],
    );
    let buy = |house: &House| {
        let sale = [
            "purchase",
            "--card",
            CARD,
            "--amount",
            "1000000",
            "--acceptor",
            "m-1001",
        ];
        house.pos_json(&sale, 0)
    };
    let first = buy(&house);
    check_told(
        &first,
        &[
            ("/discount", json!(100_000)),
            ("/earned/points", json!("308.00")),
            ("/rules", json!(["gold-3", "base", "saving", "birthday"])),
            // Neither tomorrow's points nor those that wait.
            ("/balances/points", json!("830.50")),
        ],
    );
    house.kill();
    house.start();
    check_told(
        &buy(&house),
        &[
            ("/discount", json!(100_000)),
            ("/earned/points", json!("108.00")),
        ],
    );
    // Another rule is the better one now, also by a snapshot.
    house.stop();
    house.start();
    check_told(
        &buy(&house),
        &[
            ("/discount", json!(50_000)),
            ("/rules", json!(["morning-5", "base", "saving"])),
        ],
    );
    let entry = house.office_json(&["ledger", "entry", first["rrn"].as_str().unwrap()]);
    check_told(
        &entry,
        &[
            ("/counted/0/rule", json!("gold-3")),
            ("/counted/0/for", json!("member 1")),
            ("/counted/0/window", json!("day")),
            ("/counted/0/day", json!("1405/09/02")),
            ("/counted/0/amount", json!(100_000)),
            ("/counted/0/times", json!(1)),
            ("/counted/1/for", json!("the rule")),
            ("/counted/1/window", json!("jalali-month")),
            ("/counted/2/rule", json!("birthday")),
            ("/counted/2/amount", json!("200.00")),
            ("/counted/2/unit", json!("golestan/points")),
        ],
    );
    let words = house.office(&["ledger", "entry", first["rrn"].as_str().unwrap()]);
    let words = String::from_utf8(words.stdout).unwrap();
    for wanted in [
        "counted toward caps",
        "day of 1405/09/02",
        "waits for profile-confirmed to 1405/10/02",
    ] {
        assert!(words.contains(wanted), "{wanted} wanted in\n{words}");
    }
    let points = |house: &House| {
        let found = house.office_json(&["ledger", "balance", "--card", CARD]);
        let purses = found["members"][0]["purses"].as_array().unwrap().clone();
        purses
            .into_iter()
            .find(|purse| purse["purse"] == "points")
            .unwrap()
    };
    check_told(
        &points(&house),
        &[("/can_spend", json!("830.50")), ("/waits", json!("200.00"))],
    );
    let unknown = house.office(&["ledger", "event", "profile-conformed", "--card", CARD]);
    assert_eq!(unknown.status.code(), Some(1));
    let event = [
        "ledger",
        "event",
        "profile-confirmed",
        "--card",
        CARD,
        "--reason",
        "a call",
    ];
    let released = house.office_json(&event);
    check_told(
        &released,
        &[
            ("/members/0/member", json!(1)),
            ("/members/0/released/0/purse", json!("points")),
            ("/members/0/released/0/amount", json!("200.00")),
        ],
    );
    check_told(
        &house.office_json(&event),
        &[("/members/0/entry", Value::Null)],
    );
    let number = released["members"][0]["entry"].to_string();
    check_told(
        &house.office_json(&["ledger", "entry", &number]),
        &[
            ("/input/event", json!("profile-confirmed")),
            ("/input/reason", json!("a call")),
        ],
    );
    check_told(&points(&house), &[("/waits", json!("0.00"))]);
    // The fold of his own entries says the same as the book.
    let of = |words: &[&str]| {
        let whose = ["ledger", "balance", "--card", CARD];
        house.office_json(&[&whose, words].concat())["members"][0]["purses"].clone()
    };
    assert_eq!(of(&["--at", "1405/09/02"]), of(&[]));
    house.kill();
    check_told(
        &house.office_json(&["ledger", "verify"]),
        &[("/whole", json!(true))],
    );
    house.start();
    // The first purchase is taken back with all that came of it, and its cap is free again.
    let reversal = ["reverse", "--rrn", first["rrn"].as_str().unwrap()];
    house.pos_json(&reversal, 0);
    check_told(&points(&house), &[("/can_spend", json!("830.50"))]);
    check_told(
        &buy(&house),
        &[
            ("/discount", json!(100_000)),
            ("/earned/points", json!("308.00")),
        ],
    );
    house.stop();
    check_told(
        &house.office_json(&["ledger", "verify"]),
        &[("/whole", json!(true)), ("/snapshot_equal", json!(true))],
    );
}
