//! One daemon with a link of each kind, and a terminal in the shell at each: all of `pos` over every version, coding
//! and framing, and a purchase of one link undone over another.

use std::fs;

use serde_json::{Value, json};

use crate::cli::House;

const LINKS: [(&str, &str); 7] = [
    ("iso87-ascii", "len2-be"),
    ("iso87-ascii-binmap", "len4-ascii"),
    ("iso87-bcd", "nac"),
    ("iso93-ascii", "len2-be"),
    ("iso93-bcd", "nac"),
    ("iso87-ebcdic", "len2-be-incl"),
    ("pos-nac-bcd", ""),
];

#[test]
fn a_terminal_asks_everything_over_every_link() {
    let mut house = House::with_links(&LINKS);
    house.start();
    for (link, (dialect, _)) in LINKS.iter().enumerate() {
        house.terminal_at(link);
        check_link(&house, link, dialect.starts_with("iso93"));
    }
    // What was bought over one link is undone over another.
    let card = "9999120000009999";
    for (stan, (from, to)) in [(0, 4), (3, 2), (6, 5)].into_iter().enumerate() {
        let stan = format!("{}", 1 + stan);
        house.terminal_at(from);
        let sale = [
            "purchase", "--card", card, "--amount", "70000", "--stan", &stan,
        ];
        let sold = house.pos_json(&sale, 0);
        house.terminal_at(to);
        let undone = house.pos_json(&undo(&house, &sold), 0);
        assert_eq!(undone["approved"], true);
    }
    house.stop();
}

/// Everything that `pos` can ask, over one link.
fn check_link(house: &House, link: usize, is_93: bool) {
    let card = format!("999912000000100{link}");
    let terminal = format!("T900000{link}");
    let ask = |words: &[&str], stan: &str, status: i32, codes: [&str; 2]| -> Value {
        let mut all = words.to_vec();
        all.extend(["--terminal", &terminal]);
        if !stan.is_empty() {
            all.extend(["--stan", stan]);
        }
        let told = house.pos_json(&all, status);
        let at = format!("{words:?} over link {link}: {told:#}");
        assert_eq!(told["code"], codes[usize::from(is_93)], "{at}");
        let mti = told["mti"].as_str().unwrap();
        assert!(mti.starts_with(if is_93 { '1' } else { '0' }), "{at}");
        told
    };
    let done = ["00", "000"];
    ask(&["sign-on"], "1", 0, ["00", "800"]);
    ask(&["echo"], "2", 0, ["00", "800"]);
    let known = ask(&["enrol", "--card", &card], "3", 0, done);
    let again = ask(&["enrol", "--card", &card], "4", 1, ["26", "913"]);
    assert_eq!(again["member"], known["member"]);
    assert_eq!(again["outcome"], "already-there");

    let sale = ["--card", &card, "--amount", "1000000"];
    let purchase = [&["purchase"][..], &sale].concat();
    let sold = ask(&purchase, "5", 0, done);
    assert_eq!(
        (&sold["pays"], &sold["discount"]),
        (&json!(950_000), &json!(50_000))
    );
    assert_eq!(ask(&purchase, "5", 0, done), sold, "the very same answer");
    let repeat = [&purchase[..], &["--repeat"]].concat();
    assert_eq!(ask(&repeat, "5", 0, done)["rrn"], sold["rrn"]);
    let dearer = ["purchase", "--card", &card, "--amount", "1000001"];
    let conflict = ask(&dearer, "5", 1, ["94", "913"]);
    assert_eq!(conflict["outcome"], "key-conflict");
    let much = [&purchase[..], &["--redeem", "60000"]].concat();
    ask(&much, "6", 1, ["51", "116"]);
    let quote = [&["quote"][..], &sale].concat();
    assert_eq!(ask(&quote, "7", 0, done)["pays"], 950_000);
    let credit = |stan: &str| {
        let of = ["balance", "--card", &card, "--kind", "club-credit"];
        ask(&of, stan, 0, done)["balances"]["club-credit"].clone()
    };
    assert_eq!(credit("8"), "9500");
    let advice = ["advice", "--card", &card, "--amount", "950000"];
    let advice = [&advice[..], &["--discount", "50000"]].concat();
    let told = ask(&advice, "9", 0, done);
    assert_eq!(credit("10"), "19000");

    // By its receipt; told, by its trace number and time; by its reference.
    ask(&undo(house, &sold), "", 0, ["00", "400"]);
    assert_eq!(credit("11"), "9500");
    let time = told["time"].as_str().unwrap();
    let by_stan = [
        "reverse",
        "--told",
        "--of-advice",
        "--stan",
        "9",
        "--time",
        time,
    ];
    ask(&by_stan, "", 0, ["00", "400"]);
    assert_eq!(credit("12"), "0");
    let third = ask(&purchase, "13", 0, done);
    let rrn = third["rrn"].as_str().unwrap();
    ask(&["reverse", "--rrn", rrn], "", 0, ["00", "400"]);
    assert_eq!(credit("14"), "0");
    let unknown = ["reverse", "--stan", "999", "--time", time];
    ask(&unknown, "", 1, ["25", "914"]);
    ask(&["sign-off"], "15", 0, ["00", "800"]);
}

/// The words that undo what was sold.
fn undo(house: &House, sold: &Value) -> Vec<&'static str> {
    fs::write(house.dir.path().join("sold.json"), sold.to_string()).unwrap();
    vec!["reverse", "--from", "sold.json"]
}
