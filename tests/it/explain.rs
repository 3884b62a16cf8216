//! `explain`: why a purchase got what it got, and what one would get that nobody makes; its every amount is the switch's own.

use std::path::Path;
use std::time::{Duration, Instant};

use clubswitch::config::Config;
use clubswitch::engine::{Act, Brought, Decision, Explained, Supposed};
use clubswitch::explain::{Facts, tell, write};
use clubswitch::ledger::{EnrolWish, Function, Mode, Redeem, Request, Told};
use clubswitch::serve::office::Office;
use clubswitch::terms::person::Identity;
use clubswitch::terms::{Local, Rials, TokenKind};
use clubswitch::words::Language;
use serde_json::{Value, json};

use crate::cli::{House, fixture};
use crate::decisions::{Town, token};
use crate::random::{Dice, WORLD, club};

const CARD: &str = "9999120000001234";

/// A dry run of the worked example's purchase.
const SUPPOSED: [&str; 9] = [
    "explain",
    "--card",
    CARD,
    "--merchant",
    "m-1001",
    "--amount",
    "2_755_555",
    "--redeem",
    "200,000",
];

fn out(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The values under a pointer of each, which must be equal.
fn check(found: &Value, wanted: &[(&str, Value)]) {
    for (pointer, value) in wanted {
        let there = found.pointer(pointer);
        assert_eq!(there, Some(value), "{pointer} in {found:#}");
    }
}

/// Every text in the output of a command that goes well, or with the status told; no card is in it.
fn says(house: &House, words: &[&str], status: i32, wanted: &[&str]) -> String {
    let output = house.office(words);
    let told = format!(
        "{}{}",
        out(&output),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(status), "{words:?}\n{told}");
    for text in wanted {
        assert!(told.contains(text), "{words:?}: {text:?} wanted in\n{told}");
    }
    assert!(!told.contains(CARD), "{told}");
    told
}

fn entries(house: &House) -> Value {
    house.office_json(&["ledger", "verify"])["entries"].clone()
}

/// The worked example's house, with the member as he stands before his purchase.
fn house() -> House {
    let mut house = House::new();
    house.start();
    let opening = fixture("openings/worked-example.toml");
    house.office_json(&["ledger", "open", &opening]);
    house
}

/// Every number of the worked example.
fn check_example(story: &Value) {
    check(
        story,
        &[
            ("/purchase/club", json!("golestan")),
            ("/purchase/tier", json!("silver")),
            ("/purchase/card", json!("****1234")),
            ("/purchase/shop", json!("m-1001")),
            ("/purchase/day", json!("1405/09/02")),
            ("/purchase/weekday", json!(2)),
            ("/purchase/business_day", json!("1405/09/02")),
            ("/purchase/bill", json!(2_755_555)),
            ("/discount/stack", json!("best-for-member")),
            ("/discount/rules/0/name", json!("morning-5")),
            ("/discount/rules/0/outcome", json!("gave")),
            ("/discount/rules/0/conditions/0/key", json!("hours")),
            ("/discount/rules/0/conditions/0/holds", json!(true)),
            (
                "/discount/rules/0/conditions/0/used",
                json!("weekday-morning"),
            ),
            (
                "/discount/rules/0/conditions/2/wants/0/name",
                json!("supermarkets"),
            ),
            ("/discount/rules/0/conditions/2/met/0/name", json!("m-1001")),
            ("/discount/rules/0/reckoned/exact", json!("137777.75")),
            ("/discount/rules/0/reckoned/most", json!(300_000)),
            ("/discount/rules/0/gave/amount", json!("137777")),
            ("/discount/rules/0/paid_by/0/rials", json!(82_666)),
            ("/discount/rules/0/paid_by/1/rials", json!(55_111)),
            ("/discount/rules/1/outcome", json!("no")),
            ("/discount/rules/1/conditions/0/holds", json!(false)),
            ("/discount/rules/1/conditions/0/met/0/name", json!("silver")),
            ("/discount/total", json!(137_777)),
            ("/discount/bill_after", json!(2_617_778)),
            ("/redeem/asked", json!(200_000)),
            ("/redeem/of_bill", json!(785_333)),
            ("/redeem/spent/0/purse", json!("merchant-credit")),
            ("/redeem/spent/0/shop", json!("m-1001")),
            ("/redeem/spent/0/rials", json!(40_000)),
            ("/redeem/spent/0/lots/0/earned", json!("1405/07/11")),
            ("/redeem/spent/0/lots/0/ends", json!("1405/10/10")),
            ("/redeem/spent/1/rials", json!(125_000)),
            ("/redeem/spent/1/lots/0/earned", json!("1405/06/02")),
            ("/redeem/spent/1/lots/1/earned", json!("1405/08/20")),
            ("/redeem/spent/2/took/amount", json!("233.34")),
            ("/redeem/spent/2/held/amount", json!("830.50")),
            ("/redeem/spent/2/rials", json!(35_000)),
            ("/redeem/spent/2/odd", json!(1)),
            ("/redeem/total", json!(200_000)),
            ("/pays", json!(2_417_778)),
            ("/accrue/rules/0/name", json!("base")),
            ("/accrue/rules/0/reckoned/times", json!("1.2")),
            ("/accrue/rules/0/reckoned/exact", json!("290.13336")),
            ("/accrue/rules/0/gave/amount", json!("290.13")),
            ("/accrue/rules/1/reckoned/exact", json!("24177.78")),
            ("/accrue/rules/1/gave/amount", json!("24177")),
            ("/accrue/rules/1/shop_pays", json!(24_177)),
            ("/split/taken", json!("default")),
            ("/split/of", json!(2_755_555)),
            ("/split/owed", json!(2_632_889)),
            ("/split/owed_from/0/rials", json!(2_417_778)),
            ("/split/owed_from/1/rials", json!(55_111)),
            ("/split/owed_from/2/rials", json!(125_000)),
            ("/split/owed_from/3/rials", json!(35_000)),
            ("/split/own/0/rials", json!(82_666)),
            ("/split/own/1/rials", json!(40_000)),
            ("/split/funded", json!(24_177)),
            ("/split/parts/0/rials", json!(6_888)),
            ("/split/parts/1/rials", json!(4_133)),
            ("/split/parts/2/rials", json!(16_533)),
            ("/split/shop", json!(2_581_158)),
            ("/fee/rials", json!(8_266)),
            ("/fee/min", json!(500)),
            ("/fee/max", json!(50_000)),
            ("/fee/payer", json!("club")),
            ("/money/given", json!(2_641_156)),
            ("/money/got", json!(2_641_156)),
            ("/answer/outcome", json!("approved")),
            ("/answer/code", json!("00")),
            ("/answer/amount", json!(2_417_778)),
            ("/answer/print/1", json!("Used 200,000")),
        ],
    );
}

#[test]
fn the_worked_example_is_told_line_by_line_and_nothing_is_posted() {
    let mut house = house();
    let before = entries(&house);
    let supposed = |more: &[&'static str]| [&SUPPOSED[..], more].concat();
    check_example(&house.office_json(&SUPPOSED));
    says(
        &house,
        &SUPPOSED,
        0,
        &[
            "supposed; nothing is posted",
            "club golestan, member 1 (silver), card ****1234, shop m-1001 Golestan Supermarket",
            "Monday 1405/09/02 10:15",
            "business day 1405/09/02",
            "✓ hours 08:00-12:00: 10:15",
            "✓ business day: yes",
            "✓ group supermarkets: m-1001",
            "5% of 2,755,555 = 137,777.75 -> 137,777 (at most 300,000)",
            "✗ tier gold, platinum: silver",
            "merchant pays 60% = 82,666; club pays the rest = 55,111",
            "asked 200,000",
            "limit 30% of 2,617,778 = 785,333",
            "step 10,000 fits",
            "merchant-credit at m-1001  40,000 of 40,000",
            "lot of 1405/07/11, ends 1405/10/10",
            "points  233.34 of 830.50",
            "1 point = 150 rial; 1 rial of rounding to the club",
            "1 point for every 10,000 rial of 2,417,778 x 1.2 (silver) = 290.13336 -> 290.13",
            "1% of 2,417,778 (from 0) = 24,177.78 -> 24,177",
            "the shop pays 24,177",
            "= bill less 82,666 its part of the discount, less 40,000 its own credit",
            "= bank card 2,417,778 + club's discount 55,111 + club-credit 125,000 + points 35,000",
            "money in 2,641,156 = money out 2,641,156",
            "check: bill 2,755,555 = discount 137,777 + purses 200,000 + bank card 2,417,778",
            "Approved: DE39 00, DE4 2,417,778",
            "nothing was posted",
        ],
    );
    says(
        &house,
        &supposed(&["--lang", "fa"]),
        0,
        &[
            "تخفیف",
            "قاعده",
            "کیف",
            "سهم",
            "کارمزد",
            "دوشنبه ۱۴۰۵/۰۹/۰۲",
            "✓ ساعت ۰۸:۰۰ تا ۱۲:۰۰: ۱۰:۱۵",
            "۵٪ از ۲٬۷۵۵٬۵۵۵ = ۱۳۷٬۷۷۷٫۷۵ -> ۱۳۷٬۷۷۷",
            "۲۹۰٫۱۳۳۳۶ -> ۲۹۰٫۱۳",
            "۲٬۶۳۲٬۸۸۹",
            "۲٬۵۸۱٬۱۵۸",
            "ورودی ۲٬۶۴۱٬۱۵۶ = خروجی ۲٬۶۴۱٬۱۵۶",
        ],
    );
    // By number it is as if his card had been read; the card alone is missing.
    let mut by_number = house.office_json(&[
        "explain",
        "--member",
        "1",
        "--merchant",
        "m-1001",
        "--amount",
        "2755555",
        "--redeem",
        "200000",
    ]);
    by_number["purchase"]["card"] = json!("****1234");
    check_example(&by_number);
    assert_eq!(entries(&house), before, "a dry run posts nothing");
    // And without the switch.
    house.stop();
    let offline = house.office_json(&supposed(&["--at", "1405/09/02 10:15"]));
    check_example(&offline);
    check(&offline, &[("/purchase/time", json!("10:15"))]);
    assert_eq!(entries(&house), before);
}

#[test]
fn a_purchase_is_told_from_the_journal_after_a_kill_and_after_it_was_undone() {
    let mut house = house();
    let sale = ["purchase", "--card", CARD, "--amount", "2755555"];
    let sale = [&sale[..], &["--redeem", "200000", "--acceptor", "m-1001"]].concat();
    let sold = house.pos_json(&sale, 0);
    let rrn = sold["rrn"].as_str().unwrap();
    let later = house.pos_json(&["purchase", "--card", CARD, "--amount", "1000000"], 0);
    house.kill();
    house.start();
    let story = house.office_json(&["explain", rrn]);
    check_example(&story);
    check(
        &story,
        &[
            ("/posted/rrn", json!(rrn)),
            ("/posted/differs", json!([])),
            ("/posted/reversed_by", Value::Null),
            ("/answer/balances/0/held/amount", json!("597.16")),
        ],
    );
    let number = story["posted"]["entry"].to_string();
    check_example(&house.office_json(&["explain", "--seq", &number]));
    check_example(&house.office_json(&["explain", &number]));
    house.pos_json(&["reverse", "--rrn", rrn], 0);
    says(
        &house,
        &["explain", rrn],
        0,
        &[
            "REVERSED by entry",
            "money in 2,641,156 = money out 2,641,156",
        ],
    );
    let undone = house.office_json(&["explain", rrn]);
    check_example(&undone);
    let by = undone["posted"]["reversed_by"].to_string();
    says(
        &house,
        &["explain", "--seq", &by],
        1,
        &["is a reversal of entry", &format!("explain {number}")],
    );
    // The one after it, from the journal of a switch that does not run.
    house.stop();
    let story = house.office_json(&["explain", later["rrn"].as_str().unwrap()]);
    check(
        &story,
        &[
            ("/posted/differs", json!([])),
            ("/pays", later["pays"].clone()),
            ("/discount/total", later["discount"].clone()),
            ("/fee/rials", later["fee"].clone()),
            ("/split/shop", later["split"]["merchant"].clone()),
        ],
    );
    let back =
        |story: &Value| rule(story, "accrue", "come-back")["conditions"][1]["met"][0].clone();
    assert_eq!(back(&story), json!({ "days-ago": 0 }));
    // One from behind the snapshot that the stop has written.
    house.start();
    let next = house.pos_json(&["purchase", "--card", CARD, "--amount", "700000"], 0);
    let story = house.office_json(&["explain", next["rrn"].as_str().unwrap()]);
    check(
        &story,
        &[
            ("/posted/differs", json!([])),
            ("/pays", next["pays"].clone()),
        ],
    );
    assert_eq!(back(&story), json!({ "days-ago": 0 }));
}

#[test]
fn what_is_refused_tells_what_it_was_held_against() {
    let house = house();
    let asked = |redeem: &'static str, more: &[&'static str]| {
        let words = ["explain", "--member", "1", "--merchant", "m-1001"];
        [
            &words[..],
            &["--amount", "2755555", "--redeem", redeem],
            more,
        ]
        .concat()
    };
    for (redeem, more, outcome, says) in [
        ("900_000", &[][..], "over-amount-limit", "= 785,333"),
        (
            "780_000",
            &[],
            "not-enough",
            "points holds 830.50 points = 124,575 rial",
        ),
        ("55_000", &[], "invalid-amount", "in steps of 10,000"),
        ("20_000", &[], "invalid-amount", "at least 50,000"),
        (
            "60_000",
            &["--purse", "nothing"],
            "not-allowed",
            "this purse cannot be spent",
        ),
        (
            "60_000",
            &["--mcc", "6011"],
            "not-allowed",
            "not in this category",
        ),
    ] {
        let words = asked(redeem, more);
        let story = house.office_json(&words);
        check(
            &story,
            &[
                ("/answer/outcome", json!(outcome)),
                ("/redeem/refused", json!(outcome)),
                ("/pays", Value::Null),
                ("/money/given", json!(0)),
            ],
        );
        self::says(&house, &words, 0, &["REFUSED", says]);
    }
    // The same of a real one: what was asked for is not kept.
    let sale = ["purchase", "--card", CARD, "--amount", "2755555"];
    let declined = house.pos_json(&[&sale[..], &["--redeem", "900000"]].concat(), 1);
    let rrn = declined["rrn"].as_str().unwrap();
    says(
        &house,
        &["explain", rrn],
        0,
        &["REFUSED", "not kept", "= 785,333"],
    );
}

/// A rule of a stage by its name.
fn rule<'s>(story: &'s Value, stage: &str, name: &str) -> &'s Value {
    let rules = story[stage]["rules"].as_array().unwrap();
    let found = rules.iter().find(|rule| rule["name"] == name);
    found.unwrap_or_else(|| panic!("no rule {name} in {story:#}"))
}

#[test]
fn every_rule_of_the_language_tells_why() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/rules-example");
    let names = [
        "world/shared.toml",
        "clubs/golestan.toml",
        "lists/staff.csv",
    ];
    let read = names.map(|name| std::fs::read_to_string(example.join(name)).ok());
    let [Some(world), Some(golestan), Some(staff)] = read else {
        return eprintln!("skipped: the language's example is not beside this folder");
    };
    let golestan = golestan.replace("pin       = true", "pin       = false");
    let texts = [world, golestan, staff];
    let files: Vec<(&str, String)> = names.into_iter().zip(texts).collect();
    let (_dir, mut office) = office(&files);
    let card = office.token_key().token(TokenKind::Card, CARD.as_bytes());
    let mut town = Town::new(WORLD, &[&club()]);
    let zone = clubswitch::terms::Zone::named("Asia/Tehran").unwrap();
    let at = |text: &str| zone.moment(Local::parse(text).unwrap());
    // Three purchases before, the last of them yesterday.
    for (when, amount) in [
        ("1405/08/10 13:00", 0),
        ("1405/08/10 14:00", 400_000),
        ("1405/08/20 14:00", 500_000),
        ("1405/09/01 14:00", 11_240_000),
    ] {
        town.now = at(when);
        let enrols = amount == 0;
        let function = if enrols {
            Function::Enrol
        } else {
            Function::Purchase
        };
        let mut request = town.request(function, Mode::Ask, None);
        request.card = Some(card);
        request.asked.amount = (!enrols).then_some(Rials(amount));
        request.enrol = enrols.then(|| EnrolWish {
            identities: vec![Identity::Card(card)],
            ..EnrolWish::default()
        });
        let now = town.now;
        let decided =
            office.ask(move |engine, _| engine.decide(&request, &Brought::default(), now));
        let Decision::Tell(answer) = decided.unwrap() else {
            panic!("nothing to bring");
        };
        assert!(answer.told.verdict.is_approved(), "{answer:?}");
    }
    let mut explained = |when: &str| {
        let words = json!({ "card": CARD, "shop": "m-1001", "amount": 2_755_555, "at": when });
        office.carry_out("explain", &words, &mut |_| {}).unwrap()
    };
    let monday = explained("1405/09/02 10:15");
    for (stage, name, outcome, conditions) in [
        (
            "discount",
            "morning-5",
            "gave",
            json!([[true, { "time": "10:15" }], [true, { "yes": true }], [true, { "name": "m-1001" }]]),
        ),
        (
            "discount",
            "gold-3",
            "no",
            json!([[false, { "name": "normal" }]]),
        ),
        ("accrue", "base", "gave", json!([])),
        ("accrue", "saving", "gave", json!([])),
        (
            "accrue",
            "friday-double",
            "no",
            json!([[false, { "weekday": 2 }], [true, { "name": "pos" }]]),
        ),
        (
            "accrue",
            "come-back",
            "no",
            json!([[true, { "rials": 2_755_555 }], [false, { "days-ago": 1 }]]),
        ),
        (
            "accrue",
            "every-tenth",
            "no",
            json!([[false, { "number": 4 }]]),
        ),
        (
            "accrue",
            "big-month",
            "no",
            json!([[false, { "and-now": [11_240_000, 2_617_778] }]]),
        ),
        ("accrue", "birthday", "no", json!([[false, "never"]])),
        (
            "accrue",
            "yalda-chance",
            "no",
            json!([[false, { "day": "1405/09/02" }]]),
        ),
        ("accrue", "friend", "no", json!([[false, "never"]])),
    ] {
        let rule = rule(&monday, stage, name);
        assert_eq!(rule["outcome"], outcome, "{rule:#}");
        let found = rule["conditions"].as_array().unwrap().iter();
        let mut found: Vec<Value> = found
            .map(|one| json!([one["holds"], one["met"][0]]))
            .collect();
        let mut wanted = conditions.as_array().unwrap().clone();
        // In whatever order the reader compiles them.
        found.sort_by_key(Value::to_string);
        wanted.sort_by_key(Value::to_string);
        assert_eq!(found, wanted, "{rule:#}");
    }
    let caps = &rule(&monday, "discount", "morning-5")["caps"];
    check(
        caps,
        &[
            ("/0/per", json!("member")),
            ("/0/window", json!("day")),
            ("/0/left/amount", json!("500000")),
            ("/1/per", json!("rule")),
            ("/1/left/amount", json!("2000000000")),
        ],
    );
    // A Friday of Yalda: once more of base, and chances.
    let friday = explained("1405/09/27 10:15");
    let double = rule(&friday, "accrue", "friday-double");
    let base = rule(&friday, "accrue", "base");
    assert_eq!(double["outcome"], "gave", "{double:#}");
    assert_eq!(double["gave"], base["gave"], "once more of base");
    assert_eq!(double["reckoned"]["how"]["times"]["of"], "base");
    let chance = rule(&friday, "accrue", "yalda-chance");
    assert_eq!(chance["gave"]["amount"], "2", "{chance:#}");
    assert_eq!(chance["reckoned"]["exact"], "2.755555", "{chance:#}");
    for story in [monday, friday] {
        let story: clubswitch::explain::Story = serde_json::from_value(story).unwrap();
        for (language, wanted) in [
            (
                Language::English,
                "purchases every 10th, in 90 days: this is number 4",
            ),
            (
                Language::Persian,
                "شمار خرید هر ۱۰ خرید یک بار، در ۹۰ روز: این خرید شماره‌ی ۴ است",
            ),
        ] {
            let text = write(&story, language);
            assert!(text.contains(wanted), "{text}");
            assert!(!text.contains('{'), "{text}");
        }
    }
}

#[test]
fn a_member_is_named_by_mobile_or_by_a_card_from_standard_input() {
    let house = house();
    let enrol = [
        "enrol",
        "--card",
        "9999120000007777",
        "--mobile",
        "09120000007",
    ];
    house.pos_json(&enrol, 0);
    let bought = ["--merchant", "m-1001", "--amount", "2755555"];
    let named = ["explain", "--mobile", "09120000007"];
    let by_mobile = [&named[..], &bought[..], &["--redeem", "all"]].concat();
    check(
        &house.office_json(&by_mobile),
        &[
            ("/purchase/member", json!(2)),
            ("/purchase/card", Value::Null),
            ("/redeem/barred", json!("no-card")),
            ("/answer/outcome", json!("not-allowed")),
        ],
    );
    says(&house, &by_mobile, 0, &["REFUSED", "why: no card was read"]);
    // As far as the rules allow, with a card.
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_clubswitch"));
    let words = ["explain", "--card", "-", "--redeem", "all", "--json"];
    let child = command
        .current_dir(house.dir.path())
        .args([&words[..], &bought[..], &["--config", "clubswitch.toml"]].concat())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"9999-1200-0000-1234\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let story: Value = serde_json::from_slice(&output.stdout).unwrap();
    check(
        &story,
        &[
            ("/purchase/member", json!(1)),
            ("/purchase/card", json!("****1234")),
            ("/redeem/asked", Value::Null),
            // All that 30% and the purses allow, in steps: 40,000 + 125,000 + 124,575.
            ("/redeem/total", json!(280_000)),
            ("/redeem/limit", json!(785_333)),
        ],
    );
}

#[test]
fn rules_of_another_folder_are_tried_and_their_faults_told() {
    let house = house();
    let dir = house.dir.path();
    let write = |club: &str| {
        for (name, text) in [("world/shared.toml", WORLD), ("clubs/golestan.toml", club)] {
            let path = dir.join("new").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    };
    let shipped = include_str!("../../conf/rules/clubs/golestan.toml");
    write(&shipped.replace("percent = \"5%\", max_rial", "percent = \"6%\", max_rial"));
    let with = [&SUPPOSED[..], &["--with", "new"]].concat();
    let story = house.office_json(&with);
    check(
        &story,
        &[
            ("/rules/number", json!(0)),
            ("/discount/total", json!(165_333)),
            ("/discount/rules/0/reckoned/exact", json!("165333.3")),
        ],
    );
    says(&house, &with, 0, &["rules that are not in force"]);
    write(&shipped.replace("\"supermarkets\"]", "\"supermarket\"]"));
    says(&house, &with, 2, &["R08", "supermarket"]);
}

#[test]
fn a_fault_in_the_command_says_what_to_do() {
    let house = house();
    let member = ["explain", "--member", "1", "--amount", "1000"];
    let wrong = |words: &[&str], status: i32, wanted: &[&str]| {
        says(&house, words, status, wanted);
    };
    wrong(&["explain"], 2, &["--merchant is missing", "explain RRN"]);
    wrong(&member, 2, &["--merchant is missing"]);
    wrong(
        &[&member[..], &["--merchant", "m-101"]].concat(),
        1,
        &[
            "the rules have no shop \"m-101\"",
            "did you mean \"m-1001\"?",
        ],
    );
    wrong(
        &[&member[..], &["--merchant", "m-1001", "--club", "golstan"]].concat(),
        1,
        &["no club \"golstan\"", "did you mean \"golestan\"?"],
    );
    wrong(
        &[
            "explain",
            "--member",
            "77",
            "--merchant",
            "m-1001",
            "--amount",
            "1",
        ],
        1,
        &["there is no member 77"],
    );
    wrong(
        &[
            "explain",
            "--card",
            "12",
            "--merchant",
            "m-1001",
            "--amount",
            "1",
        ],
        2,
        &["--card: 8 to 19 digits wanted"],
    );
    wrong(&["explain", "999999999999"], 1, &["there is no entry"]);
    wrong(
        &["explain", "--seq", "1"],
        1,
        &["is no purchase", "ledger entry 1"],
    );
    wrong(
        &["explain", "12", "--member", "1"],
        2,
        &["cannot be used with"],
    );
    wrong(
        &[&member[..], &["--merchant", "m-1001", "--at", "noon"]].concat(),
        2,
        &["1405/09/02"],
    );
    wrong(
        &[&member[..], &["--merchant", "m-1001", "--mcc", "54"]].concat(),
        1,
        &["four digits"],
    );
    // A stranger's purchase is nobody's, which is what would happen.
    let stranger = ["explain", "--card", "9999120000009999"];
    let bought = ["--merchant", "m-1001", "--amount", "90000"];
    wrong(
        &[&stranger[..], &bought[..]].concat(),
        0,
        &["no member of this shop's clubs", "Approved", "DE4 90,000"],
    );
    wrong(
        &[&stranger[..], &bought[..], &["--redeem", "all"]].concat(),
        0,
        &["Card or member not known"],
    );
}

#[test]
fn every_condition_of_the_language_has_words() {
    let keys = clubswitch::rulefile::keys::WHEN.keys.iter();
    let known = keys.map(|key| key.name);
    let later = clubswitch::rulefile::keys::WHEN.later.iter().copied();
    for key in known.chain(later).filter(|key| *key != "use") {
        let words = clubswitch::words::explain::CONDITIONS;
        assert!(words.iter().any(|row| row.0 == key), "{key}");
    }
}

/// What a story says in the figures that an answer has.
fn check_told(story: &Value, told: &Told, seed: &str) {
    let rials = |rials: Option<Rials>| json!(rials.map(|rials| rials.0));
    let wanted = [
        ("/answer/outcome", json!(told.verdict.name())),
        ("/pays", rials(told.pays)),
        ("/fee/rials", rials(told.fee)),
        ("/discount/total", rials(told.discount)),
    ];
    for (pointer, wanted) in wanted {
        let found = story.pointer(pointer).cloned().unwrap_or(Value::Null);
        let unknown = pointer == "/discount/total" && wanted.is_null();
        assert!(
            found == wanted || unknown,
            "{seed} {pointer}: {found} is not {wanted}\n{story:#}"
        );
    }
    let redeemed = story.pointer("/redeem/total").and_then(Value::as_i64);
    assert_eq!(
        redeemed.unwrap_or(0),
        told.redeemed_rials().0,
        "{seed}\n{story:#}"
    );
    let gave = |stage: &str| {
        let rules = story[stage]["rules"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        rules
            .into_iter()
            .filter(|rule| rule["outcome"] == "gave")
            .count()
    };
    let refused = !told.verdict.is_approved();
    let fired = gave("discount") + gave("accrue");
    assert!(refused || fired == told.rules.len(), "{seed}\n{story:#}");
    let shop = told.split.last().map(|(_, rials)| rials.0);
    if let Some(shop) = shop {
        assert_eq!(story["split"]["shop"], json!(shop), "{seed}\n{story:#}");
        let parts = story["split"]["parts"].as_array().unwrap();
        let sum: i64 = parts.iter().filter_map(|part| part["rials"].as_i64()).sum();
        let funded = story["split"]["funded"].as_i64().unwrap();
        assert_eq!(
            json!(sum + funded),
            story["split"]["owed"],
            "{seed}\n{story:#}"
        );
    }
    assert_eq!(story["money"]["given"], story["money"]["got"], "{seed}");
    if let Some(pays) = told.pays {
        let discount = told.discount.unwrap_or_default().0;
        let bill = discount + told.redeemed_rials().0 + pays.0;
        assert_eq!(story["purchase"]["bill"], json!(bill), "{seed}\n{story:#}");
    }
    // Each rule that gave has conditions that all hold; one whose conditions do not all hold gave nothing.
    for stage in ["discount", "accrue"] {
        let rules = story[stage]["rules"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        for rule in rules {
            let conditions = rule["conditions"].as_array().unwrap();
            let hold = conditions.iter().all(|one| one["holds"] == true);
            assert_eq!(rule["outcome"] != "no", hold, "{seed}\n{rule:#}");
            assert_eq!(
                rule["outcome"] == "gave",
                !rule["gave"].is_null(),
                "{rule:#}"
            );
        }
    }
}

/// The random club with conditions and effects of every kind.
fn rich_club() -> String {
    let tiers = "{ name = \"silver\",   by_hand = true,";
    let more = r#"
[[accrue]]
name = "again"
when = { any = [ { weekdays = ["mon", "fri"] }, { not = { mcc = ["5411"] }, channels = ["pos"] } ], not_products = ["9"] }
earn = { to = "points", times = "0.5", of = "base" }
funded_by = "club"

[[accrue]]
name = "spender"
when = { spent = { in = "30 days", crosses_rial = 5_000_000 }, balance = { purse = "points", min = "1" }, amount_rial = { min = 100_000 } }
earn = { to = "club-credit", fixed_rial = 5_000 }
funded_by = "merchant"

[[accrue]]
name = "earner"
when = { earned = { purse = "points", in = "week", min = "1" }, visits = { in = "week", min = 2 } }
earn = { to = "points", fixed = "2" }
funded_by = "club"
say = "Thank you"

[[accrue]]
name = "friend"
when = { introduced = {} }
earn = { to = "points", fixed = "5", for = "introducer" }
funded_by = "club"
cap = [ { per = "introducer", window = "week", max_times = 3 } ]
stop = true

[[accrue]]
name = "last"
when = { first_purchase = false }
earn = { to = "points", fixed = "1" }
funded_by = "club"
"#;
    let club = club();
    assert!(club.contains(tiers));
    club.replace(tiers, "{ name = \"silver\", from_rial = 4_000_000,")
        .replace(
            "\n[tiers]\n",
            "\n[tiers]\nmeasure = { spent = \"60 days\" }\n",
        )
        + more
}

/// The office of a switch that does not run, with these rules.
fn office(files: &[(&str, String)]) -> (tempfile::TempDir, Office) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join("rules").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let conf = "data = \"var\"\n[clock]\nstart = \"1405/08/01 10:15\"\n\
                [[listener]]\nname = \"pos\"\nbind = \"127.0.0.1:0\"\ndialect = \"iso87-ascii\"\n\
                acquirer = \"581672031\"\n";
    let file = dir.path().join("clubswitch.toml");
    std::fs::write(&file, conf).unwrap();
    let mut config = Config::read(&file).unwrap();
    config.data = dir.path().join("var");
    config.rules = Some(dir.path().join("rules"));
    let mut office = Office::open(config).unwrap();
    office.put_rules_in_force().unwrap();
    (dir, office)
}

fn seed() -> u64 {
    let given = std::env::var("SEED").ok();
    let parsed = given.map(|text| {
        let hex = text.strip_prefix("0x");
        hex.map_or_else(|| text.parse(), |hex| u64::from_str_radix(hex, 16))
            .expect("SEED is a number")
    });
    parsed.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.unwrap().as_nanos() as u64
    })
}

fn span() -> Duration {
    let given = std::env::var("SIM_S").ok().and_then(|s| s.parse().ok());
    Duration::from_secs(given.unwrap_or(2))
}

/// A random purchase.
fn buy(dice: &mut Dice, request: &mut Request) {
    let amounts = [1, 999, 60_000, 2_755_555, 30_000_000, 999_999_999];
    let most = amounts[dice.below(6) as usize];
    let amount = 1 + dice.below(most);
    request.asked.amount = Some(Rials(amount as i64));
    request.asked.mcc = [0, 0, 5411, 6011, 7941][dice.below(5) as usize];
    let shop = ["m-1001", "m-1001", "m-1002", "m-2001"][dice.below(4) as usize];
    request.asked.key.acceptor = [b' '; 15];
    request.asked.key.acceptor[..6].copy_from_slice(shop.as_bytes());
    request.wishes.redeem = match dice.below(4) {
        0 => Redeem::AsMuchAsAllowed,
        1 => Redeem::Exactly(Rials(dice.below(1 + amount / 3) as i64 / 1_000 * 1_000)),
        _ => Redeem::Nothing,
    };
    let purses = [None, None, None, Some("points"), Some("club-credit")];
    request.wishes.purse = purses[dice.below(5) as usize].map(str::to_owned);
    if dice.below(3) == 0 {
        request.asked.facts.products = vec![dice.below(10).to_string()];
    }
}

#[test]
fn what_is_explained_is_what_the_switch_then_answers() {
    let seed = seed();
    eprintln!("SEED={seed:#x}");
    let mut dice = Dice(seed);
    let mut town = Town::new(WORLD, &[&rich_club()]);
    let until = Instant::now() + span();
    let mut gave = 0;
    let mut count = 0;
    while Instant::now() < until {
        count += 1;
        town.now = town.now.plus_seconds(dice.below(40_000) as i64);
        let mut request = town.request(Function::Purchase, Mode::Ask, None);
        request.card = Some(token(&format!("C{}", dice.below(5))));
        request.introducer = Some(Identity::Card(token(&format!("C{}", dice.below(5)))));
        buy(&mut dice, &mut request);
        let supposed = Supposed {
            request: request.clone(),
            at: None,
            with: None,
        };
        let before = town.engine.book().sequence();
        let Explained {
            rules,
            effects,
            heard,
        } = town.engine.explain(supposed, town.now);
        assert_eq!(town.engine.book().sequence(), before);
        let names = town.engine.names();
        let story = tell(Facts {
            rules: &rules,
            names: &names,
            heard: &heard,
            effects: &effects,
            shop: request.asked.key.acceptor_code(),
            amount: request.asked.amount.unwrap(),
            local: rules.world.zone.local(town.now),
        });
        let told = town.decide(&request).told;
        let shown = format!("SEED={seed:#x} purchase {count}");
        check_told(&json!(story), &told, &shown);
        for language in [Language::English, Language::Persian] {
            let text = write(&story, language);
            assert!(
                !text.contains('{') && text.ends_with('\n'),
                "{shown}\n{text}"
            );
        }
        gave += usize::from(!told.rules.is_empty());
    }
    assert!(gave * 4 > count, "{gave} of {count} purchases got anything");
}

#[test]
fn what_was_decided_is_judged_so_again_from_the_journal() {
    let seed = seed();
    eprintln!("SEED={seed:#x}");
    let mut dice = Dice(seed);
    let files = [
        ("world/shared.toml", WORLD.to_owned()),
        ("clubs/golestan.toml", rich_club()),
    ];
    let (_dir, mut office) = office(&files);
    let cards: Vec<_> = (0..4)
        .map(|at| {
            let pan = format!("99991200000{at:05}");
            office.token_key().token(TokenKind::Card, pan.as_bytes())
        })
        .collect();
    let mut town = Town::new(WORLD, &[&club()]);
    let mut sent = Vec::new();
    for round in 0..80 {
        town.now = town.now.plus_seconds(dice.below(20_000) as i64);
        let enrols = round < cards.len();
        let function = if enrols {
            Function::Enrol
        } else {
            Function::Purchase
        };
        let mode = match dice.below(6) {
            0 if !enrols => Mode::Advise,
            _ => Mode::Ask,
        };
        let mut request = town.request(function, mode, None);
        let card = cards[if enrols {
            round
        } else {
            dice.below(4) as usize
        }];
        request.card = Some(card);
        request.asked.last_four = Some(*b"1234");
        if enrols && round > 0 {
            request.introducer = Some(Identity::Card(cards[round - 1]));
        }
        if enrols {
            request.enrol = Some(EnrolWish {
                identities: vec![Identity::Card(card)],
                ..EnrolWish::default()
            });
        } else {
            buy(&mut dice, &mut request);
        }
        if mode == Mode::Advise {
            request.wishes.discount_told = Some(Rials(dice.below(5_000) as i64));
            request.wishes.purse = None;
            if request.wishes.redeem == Redeem::AsMuchAsAllowed {
                request.wishes.redeem = Redeem::Nothing;
            }
        }
        let now = town.now;
        let decided = office
            .ask(move |engine, _| engine.decide(&request, &Brought::default(), now))
            .unwrap();
        let Decision::Tell(answer) = decided else {
            panic!("{decided:?}");
        };
        if let Some(entry) = answer.entry.filter(|_| !enrols) {
            sent.push((entry, answer.told));
        }
        if dice.below(20) == 0 {
            let now = town.now;
            office
                .ask(move |engine, _| engine.act(Act::TurnDay(None), now).unwrap())
                .unwrap();
        }
    }
    for (entry, told) in sent {
        let words = json!({ "sequence": entry.0 });
        let story = office
            .carry_out("explain-entry", &words, &mut |_| {})
            .unwrap();
        let shown = format!("SEED={seed:#x} entry {entry}");
        assert_eq!(story["posted"]["differs"], json!([]), "{shown}\n{story:#}");
        if told.discount.is_some() {
            check_told(&story, &told, &shown);
        }
    }
}
