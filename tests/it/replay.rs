//! `rules replay`: the journal's purchases under other files, beside a running switch; what would differ to the rial.

use std::fs;

use serde_json::{Value, json};

use crate::cli::House;
use crate::reload::{club, house, rules};

const CARD: &str = "9999120000000011";
const OTHER: &str = "9999120000000029";

fn buy(house: &House, card: &str, amount: &str, more: &[&str]) -> Value {
    let words = ["purchase", "--card", card, "--amount", amount];
    house.pos_json(&[&words[..], more].concat(), 0)
}

fn replay(house: &House, more: &[&str]) -> Value {
    house.office_json(&[&["rules", "replay"], more].concat())
}

/// A house in which these were bought: 1,000,000 and 200,000 by one, 500,000 by another of which 15,000 from points, 300,000 that was
/// undone, 100,000 refused, and an advice of 70,000.
fn a_day() -> House {
    let mut house = house(&club("5", ""));
    house.start();
    buy(&house, CARD, "1000000", &[]);
    buy(&house, CARD, "200000", &[]);
    buy(&house, OTHER, "8000000", &[]);
    buy(&house, OTHER, "500000", &["--redeem", "15000"]);
    let undone = buy(&house, CARD, "300000", &[]);
    house.pos_json(&["reverse", "--rrn", undone["rrn"].as_str().unwrap()], 0);
    let refused = [
        "purchase", "--card", CARD, "--amount", "100000", "--redeem", "99000",
    ];
    house.pos_json(&refused, 1);
    house.pos_json(&["advice", "--card", CARD, "--amount", "70000"], 0);
    house
}

#[test]
fn equal_files_make_no_difference() {
    let mut house = a_day();
    let told = replay(&house, &["--days", "30"]);
    assert_eq!(
        (&told["purchases"], &told["changed"]),
        (&json!(5), &json!(0)),
        "{told:#}"
    );
    let left = json!({ "reversed_later": 1, "refused_then": 1, "without_club_then": 0, "cannot_be_told": 0 });
    assert_eq!(told["not_judged"], left);
    assert_eq!(told["receipts"], json!([]));
    let same = |side: &Value| side["was"] == side["would_be"] && side["difference"] == 0;
    for key in [
        "discount",
        "redeemed",
        "earned_worth",
        "liability",
        "fee",
        "to_shops",
        "paid_by_cards",
    ] {
        assert!(same(&told["sums"][key]), "{key} {told:#}");
    }
    // 5 % of 9,700,000; the advice has none.
    assert_eq!(told["sums"]["discount"]["was"], 485_000);
    house.stop();
    assert_eq!(replay(&house, &[])["changed"], 0, "without a switch");
}

#[test]
fn another_percent_differs_by_what_it_comes_to() {
    let mut house = a_day();
    let path = |name: &str| house.dir.path().join(name).display().to_string();
    rules(&house.dir.path().join("six"), &club("6", ""));
    let told = replay(
        &house,
        &["--days", "1", "--with", "six", "--csv", "out", "--top", "2"],
    );
    assert_eq!(
        (&told["purchases"], &told["changed"]),
        (&json!(5), &json!(4))
    );
    // 5 % and 6 % of 1,000,000 + 200,000 + 8,000,000 + 500,000.
    let discount = json!({ "was": 485_000, "would_be": 582_000, "difference": 97_000 });
    assert_eq!(told["sums"]["discount"], discount);
    // A point for 10,000 rials that the card pays, in hundredths, 150 rials each; by hand: paid was 950,000, 190,000, 7,600,000,
    // 475,000 - 15,000, 70,000; would be 940,000, 188,000, 7,520,000, 455,000, 70,000.
    let points =
        json!({ "was": "927.00", "would_be": "917.30", "difference": "-9.70", "unit": "points" });
    let earned = &told["earned"]["points of golestan"];
    assert_eq!(
        (&earned["was"], &earned["would_be"], &earned["difference"]),
        (&points["was"], &points["would_be"], &points["difference"]),
        "{told:#}"
    );
    assert_eq!(told["sums"]["earned_worth"]["difference"], -1_455);
    assert_eq!(
        told["sums"]["redeemed"],
        json!({ "was": 15_000, "would_be": 15_000, "difference": 0 })
    );
    assert_eq!(told["sums"]["liability"]["difference"], -1_455);
    assert_eq!(
        told["rules"]["always"],
        json!({ "was": 4, "would_be": 4, "difference": 0 })
    );
    let top = told["receipts"].as_array().unwrap();
    let bills: Vec<i64> = top
        .iter()
        .map(|row| row["bill"].as_i64().unwrap())
        .collect();
    assert_eq!(bills, [8_000_000, 1_000_000], "the most changed first");
    assert_eq!(top[0]["gain"], 80_000 - 1_200);
    assert_eq!(told["shops"][0]["shop"], "m-1001");
    assert_eq!(told["shops"][0]["discount"]["difference"], 97_000);
    let receipts = fs::read_to_string(path("out/receipts.csv")).unwrap();
    assert_eq!(receipts.lines().count(), 1 + 4, "{receipts}");
    assert!(receipts.contains(",0011,200000,10000,12000,"), "{receipts}");
    let sums = fs::read_to_string(path("out/sums.csv")).unwrap();
    assert!(
        sums.contains("discount,485000,582000,97000,rial\n"),
        "{sums}"
    );
    let shops = fs::read_to_string(path("out/shops.csv")).unwrap();
    assert!(
        shops
            .lines()
            .nth(1)
            .unwrap()
            .starts_with("m-1001,5,4,9770000,485000,582000,97000"),
        "{shops}"
    );
    let entries = house.office_json(&["ledger", "verify"])["book"]["sequence"].clone();
    let words = house.office(&["rules", "replay", "--with", "six"]);
    let words = String::from_utf8(words.stdout).unwrap();
    assert!(
        words.contains("5 purchases judged again, 4 would differ"),
        "{words}"
    );
    assert!(
        words.lines().last().unwrap().contains("purchases/s"),
        "{words}"
    );
    let said = |words: &[&str]| {
        let output = house.office(&[words, &["--lang", "fa"]].concat());
        String::from_utf8(output.stdout).unwrap()
    };
    for (command, wanted) in [
        (
            &["rules", "replay", "--with", "six"][..],
            &[
                "۵ خرید دوباره سنجیده شد، ۴ تا فرق می‌کرد",
                "چنان‌که بود",
                "۹۷,۰۰۰",
            ][..],
        ),
        (&["rules", "list"], &["در کار", "مجموعه", "بارگذاری"]),
        (&["rules", "show"], &["مجموعهٔ ۱ از"]),
        (&["rules", "load"], &["مجموعهٔ"]),
        (
            &["rules", "check", "--cost"],
            &[
                "بیشترین چیزی که قاعده‌هایش می‌توانند بدهند",
                "همهٔ آنها که برقرارند",
                "مبلغ خرید",
            ],
        ),
    ] {
        let said = said(command);
        for text in wanted {
            let text = text.replace("۹۷,۰۰۰", "۹۷٬۰۰۰");
            assert!(said.contains(&text), "{command:?}: {text} in\n{said}");
        }
        let latin = |c: char| c.is_ascii_alphabetic();
        let first = said.trim_start_matches('\u{2067}').chars().next();
        assert!(!first.is_some_and(latin), "{command:?}\n{said}");
    }
    assert_eq!(
        house.office_json(&["ledger", "verify"])["book"]["sequence"],
        entries,
        "nothing was posted"
    );
    house.stop();
}

#[test]
fn what_would_be_refused_or_leave_the_club_is_told() {
    let mut house = a_day();
    let no_more = club("5", "").replace(
        "from = [\"points\"]",
        "from = [\"points\"]\nat_most = \"1%\"",
    );
    rules(&house.dir.path().join("strict"), &no_more);
    let told = replay(&house, &["--with", "strict"]);
    assert_eq!(
        told["instead"],
        json!({ "over-amount-limit": 1 }),
        "{told:#}"
    );
    let moved = club("5", "").replace("\"golestan-branches\", \"supermarkets\", ", "");
    rules(&house.dir.path().join("moved"), &moved);
    let told = replay(&house, &["--with", "moved"]);
    assert_eq!(told["instead"], json!({ "without-club": 5 }));
    assert_eq!(told["sums"]["discount"]["would_be"], 0);
    rules(
        &house.dir.path().join("faulty"),
        &club("5", "").replace("[redeem]", "[redem]"),
    );
    let refused = house.office(&["rules", "replay", "--with", "faulty"]);
    assert_eq!(refused.status.code(), Some(2));
    let drawn = String::from_utf8(refused.stderr).unwrap();
    assert!(drawn.contains("did you mean \"redeem\""), "{drawn}");
    house.stop();
}
