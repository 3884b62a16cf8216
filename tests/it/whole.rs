//! A rule set that uses the whole language as far as it is built, through the daemon: the worked example again, what only
//! messages tell, members who bring members, draws, tiers; and the language's own example, where it is at hand.

use std::fs;
use std::path::Path;

use clubswitch::ledger::Names;
use clubswitch::rulefile;
use serde_json::{Value, json};

use crate::cli::{House, fixture};

const CARD: &str = "9999120000001234";

/// A house that runs by these rules; its second link is an app's.
fn house() -> House {
    let mut house = House::with_links(&[("iso87-ascii", "len2-be"), ("iso93-ascii", "len2-be")]);
    house.configure(&format!("rules = \"{}\"\n", fixture("rules-whole")));
    house.configure_link(1, "channel = \"app\"\n");
    house.start();
    house
}

fn check(found: &Value, wanted: &[(&str, Value)]) {
    for (pointer, value) in wanted {
        let there = found.pointer(pointer);
        assert_eq!(there, Some(value), "{pointer} in {found:#}");
    }
}

fn buy(house: &House, card: &str, amount: &str, more: &[&str]) -> Value {
    let words = ["purchase", "--card", card, "--amount", amount];
    house.pos_json(&[&words[..], more].concat(), 0)
}

fn rules(sold: &Value) -> Vec<&str> {
    let rules = sold["rules"].as_array().unwrap().iter();
    rules.filter_map(Value::as_str).collect()
}

#[test]
fn the_worked_example_comes_out_beside_every_other_rule() {
    let mut house = house();
    house.office_json(&["ledger", "open", &fixture("openings/worked-example.toml")]);
    let supposed = [
        "explain",
        "--card",
        CARD,
        "--merchant",
        "m-1001",
        "--amount",
        "2755555",
        "--redeem",
        "200000",
    ];
    let told = house.office(&supposed);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    // What the rule language's example says of it, line by line.
    for line in [
        "member 1 (silver)",
        "137,777.75",
        "morning-5 gives",
        "82,666",
        "55,111",
        "2,617,778",
        "785,333",
        "40,000",
        "125,000",
        "233.34",
        "35,000",
        "2,417,778",
        "x 1.2 (silver) = 290.13336 -> 290.13",
        "+290.13",
        "24,177.78",
        "friday-double",
        "come-back",
        "every-tenth",
        "big-month",
        "0 + 2,417,778 now = 2,417,778",
        "birthday",
        "yalda-chance",
        "friend",
        "2,632,889",
        "6,888",
        "4,133",
        "16,533",
        "2,581,158",
        "8,266",
        "nothing was posted",
    ] {
        assert!(told.contains(line), "{line:?} in\n{told}");
    }
    let sold = buy(
        &house,
        CARD,
        "2755555",
        &["--redeem", "200000", "--acceptor", "m-1001"],
    );
    check(
        &sold,
        &[
            ("/discount", json!(137_777)),
            ("/pays", json!(2_417_778)),
            ("/redeemed/merchant-credit", json!("40000")),
            ("/redeemed/club-credit", json!("125000")),
            ("/redeemed/points", json!("233.34")),
            ("/earned/points", json!("290.13")),
            ("/earned/club-credit", json!("24177")),
            ("/split/marketer", json!(6_888)),
            ("/split/merchant-marketer", json!(4_133)),
            ("/split/club-owner", json!(16_533)),
            ("/split/holder-saving", json!(24_177)),
            ("/split/merchant", json!(2_581_158)),
            ("/fee", json!(8_266)),
            ("/rules", json!(["morning-5", "base", "saving"])),
        ],
    );
    // A second one on the same day: 500,000 a day, of which 362,223 are left; 300,000 a purchase.
    let again = buy(&house, CARD, "10000000", &[]);
    check(&again, &[("/discount", json!(300_000))]);
    let third = buy(&house, CARD, "10000000", &[]);
    check(&third, &[("/discount", json!(62_223))]);
    house.stop();
    assert_eq!(house.office_json(&["ledger", "verify"])["whole"], true);
}

#[test]
fn a_member_brings_another_and_both_are_undone_with_the_purchase() {
    let mut house = house();
    let (first, second) = ("9999120000000011", "9999120000000029");
    house.pos_json(&["enrol", "--card", first, "--born", "1370/09/20"], 0);
    let introducer = format!("C{first}");
    house.pos_json(&["enrol", "--card", second, "--introducer", &introducer], 0);
    let sold = buy(&house, second, "3000000", &[]);
    assert!(rules(&sold).contains(&"friend"), "{sold}");
    // The introducer's points are not told to whom he brought.
    assert_eq!(sold["earned"]["points"], "285.00");
    let points = |house: &House, card: &str| {
        let told = house.office_json(&["ledger", "balance", "--card", card]);
        let purses = told["members"][0]["purses"].as_array().unwrap().clone();
        let points = purses.iter().find(|purse| purse["purse"] == "points");
        points.map_or_else(|| json!("0"), |purse| purse["total"].clone())
    };
    let earned = points(&house, first);
    house.kill();
    house.start();
    assert_eq!(points(&house, first), earned);
    // The birthday of the first is this month: his points wait for his profile.
    let own = buy(&house, first, "1000000", &[]);
    assert!(rules(&own).contains(&"birthday"), "{own}");
    let happened = [
        "ledger",
        "event",
        "profile-confirmed",
        "--member",
        "1",
        "--reason",
        "he called",
    ];
    house.office_json(&happened);
    // He gets a card at the till, and one from the office: both are his.
    let (second, third) = ("9999120000000045", "9999120000000052");
    house.pos_json(&["add-card", "--card", first, "--new-card", second], 0);
    house.pos_json(&["add-card", "--card", first, "--new-card", second], 1);
    let add = ["ledger", "add-card", "--member", "1", "--new-card", third];
    let added = house.office_json(&[&add[..], &["--reason", "a lost one"]].concat());
    check(&added, &[("/member", json!(1)), ("/cards", json!(3))]);
    for card in [second, third] {
        assert_eq!(points(&house, card), points(&house, first));
    }
    let settled = house.office_json(&["settle", "--day", "today"]);
    check(&settled, &[("/manifest/totals/purchases", json!(2))]);
    house.pos_json(&["reverse", "--rrn", sold["rrn"].as_str().unwrap()], 0);
    let settled = house.office_json(&["settle", "--day", "today"]);
    check(&settled, &[("/manifest/totals/gross", json!(1_000_000))]);
    let story = house.office_json(&["explain", sold["rrn"].as_str().unwrap()]);
    assert!(story.to_string().contains("friend"), "{story}");
    house.stop();
    assert_eq!(house.office_json(&["ledger", "verify"])["whole"], true);
}

#[test]
fn a_purchase_from_the_app_on_a_friday_counts_twice_and_a_draw_has_chances() {
    let mut house = house();
    let card = "9999120000000037";
    house.pos_json(&["enrol", "--card", card], 0);
    house.stop();
    // 1405/09/27 is a Friday, and in the season of yalda.
    let config = house.dir.path().join("clubswitch.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(
        &config,
        text.replace("1405/09/02 10:15", "1405/09/27 16:00"),
    )
    .unwrap();
    house.start();
    house.terminal_at(1);
    let sold = buy(
        &house,
        card,
        "3500000",
        &[
            "--entry-mode",
            "chip",
            "--lines",
            "tea,1,3500000",
            "--at",
            "1405/09/27 16:00:05",
        ],
    );
    assert_eq!(
        rules(&sold),
        ["base", "saving", "friday-double", "yalda-chance"]
    );
    check(
        &sold,
        &[
            ("/earned/points", json!("700.00")),
            ("/earned/lottery", json!("3")),
        ],
    );
    let entry = house.office_json(&["ledger", "entry", sold["rrn"].as_str().unwrap()]);
    check(
        &entry,
        &[
            ("/input/channel", json!("app")),
            ("/input/entry_mode", json!("chip")),
            ("/input/products", json!(["tea"])),
            ("/input/bin", json!("99991200")),
        ],
    );
    house.stop();
    assert_eq!(house.office_json(&["ledger", "verify"])["whole"], true);
}

#[test]
fn who_spends_enough_stands_higher_and_is_told_so() {
    let mut house = house();
    let card = "9999120000000045";
    house.pos_json(&["enrol", "--card", card], 0);
    let first = buy(&house, card, "60000000", &[]);
    assert_eq!(first["earned"]["points"], "6470.00");
    // 6 % of 60,000,000 is more than 300,000; big-month gave 500 points.
    let second = buy(&house, card, "1000000", &[]);
    assert_eq!(second["earned"]["points"], "114.00");
    house.kill();
    house.start();
    let told = house.office_json(&["ledger", "balance", "--card", card]);
    assert_eq!(told["members"][0]["tier_by_purchases"], "silver");
    house.stop();
    assert_eq!(house.office_json(&["ledger", "verify"])["whole"], true);
}

#[test]
fn the_example_of_the_language_loads_as_it_is() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/rules-example");
    if !example.is_dir() {
        println!("skipped: the example of the language is not beside the project");
        return;
    }
    let loaded = rulefile::load(&example, &Names::default());
    let loaded = loaded.unwrap_or_else(|faults| panic!("{}", faults.drawn(false)));
    assert_eq!(loaded.texts.len(), 6);
    // What is checked and not obeyed says so; what asks for a PIN, that it does not pay.
    for (name, says) in [
        ("cards/bpcard.toml", "do not pay"),
        ("clearing/shetak.toml", "checked, and change nothing"),
    ] {
        let notes = loaded.notes.0.iter();
        let of = notes.filter(|note| note.place.source.name == name);
        let told: Vec<&str> = of.map(|note| note.title.as_str()).collect();
        assert!(told.iter().any(|title| title.contains(says)), "{told:?}");
    }
    assert_eq!(loaded.rulebook.clubs.len(), 2);
}

/// What clubs of their own make of it: a sub-club whose discount is given back, whose shop and staff earn too.
const BRANCH: &str = r#"
format = 1

[club]
id = "north"
alias = "NOR"
title = "The branch in the north"
sub_of = "golestan"

[[discount]]
name = "back"
give = { percent = "10%" }
carry = "rebate"
rebate_to = "club-credit"
paid_by = { merchant = "60%", club = "rest" }

[[accrue]]
name = "seller"
earn = { to = "points", points = 1, per_rial = 100_000, for = "merchant" }
funded_by = "club"

[[accrue]]
name = "served"
earn = { to = "club-credit", percent = "0.1%", for = "staff" }
funded_by = "merchant"
"#;

#[test]
fn a_sub_club_sells_settles_and_takes_back() {
    let mut house = House::new();
    let rules = house.dir.path().join("rules");
    for (name, text) in crate::rulefiles::texts(Path::new(&fixture("rules-whole"))) {
        let path = rules.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::write(rules.join("clubs/north.toml"), BRANCH).unwrap();
    house.configure("rules = \"rules\"\n");
    house.start();
    let card = "9999120000000060";
    house.pos_json(&["enrol", "--card", card, "--club", "north"], 0);
    let more = ["--club", "north", "--staff", "p-77"];
    let sold = buy(&house, card, "1000000", &more);
    let rules = self::rules(&sold);
    for rule in ["back", "seller", "served", "base"] {
        assert!(rules.contains(&rule), "{rule} in {sold}");
    }
    check(
        &sold,
        &[
            ("/discount", json!(0)),
            ("/pays", json!(1_000_000)),
            // A tenth back, and a hundredth by the rule of golestan.
            ("/earned/club-credit", json!("110000")),
            // Three fifths of the one, the other, and a thousandth for whom served.
            ("/split/holder-saving", json!(71_000)),
        ],
    );
    let accounts = |house: &House, words: &[&str]| {
        let told = house.office_json(&[&["ledger", "balance"], words].concat());
        told["accounts"].to_string()
    };
    let shops = accounts(&house, &["--shop", "m-1001"]);
    assert!(
        shops.contains("purse of shop m-1001: points of north"),
        "{shops}"
    );
    let all = accounts(&house, &[]);
    assert!(
        all.contains("purse of person p-77: club-credit of north"),
        "{all}"
    );
    let why = house.office(&["explain", sold["rrn"].as_str().unwrap(), "--lang", "en"]);
    let why = String::from_utf8(why.stdout).unwrap();
    for wanted in [
        "from clubs/golestan.toml",
        "given back into club-credit; the bill stays as it is",
        "seller -> points of shop m-1001",
        "served -> club-credit of p-77",
    ] {
        assert!(why.contains(wanted), "{wanted} in\n{why}");
    }
    let settled = house.office_json(&["settle", "--day", "today"]);
    check(&settled, &[("/manifest/totals/purchases", json!(1))]);
    house.pos_json(&["reverse", "--rrn", sold["rrn"].as_str().unwrap()], 0);
    house.office_json(&["settle", "--day", "today"]);
    let all = accounts(&house, &[]);
    assert!(!all.contains("purse of"), "{all}");
    house.stop();
    assert_eq!(house.office_json(&["ledger", "verify"])["whole"], true);
}
