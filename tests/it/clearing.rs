//! Members of one club in the shops of another: what their points pay there becomes two debts through the clearing house,
//! to the rial, and the house never stands in the middle with anything of its own but its fees.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::thread;
use std::time::{Duration, Instant};

use clubswitch::ledger::told::PurseAmount;
use clubswitch::ledger::{Account, Book, Effects, Entry, Function, Mode, record};
use clubswitch::settle::reread;
use clubswitch::terms::{ClubId, Rials, UnitId};
use serde_json::{Value, json};

use crate::cli::House;
use crate::decisions::{Town, token};
use crate::random::Dice;

const WORLD: &str = include_str!("../../fixtures/rules-clearing/world/shared.toml");
const GOLESTAN: &str = include_str!("../../fixtures/rules-clearing/clubs/golestan.toml");
const PARS: &str = include_str!("../../fixtures/rules-clearing/clubs/pars.toml");
const SHETAK: &str = include_str!("../../fixtures/rules-clearing/clearing/shetak.toml");

/// The two clubs, their house mended so: each pair is what stands there and what shall.
pub(crate) fn town(mends: &[(&str, &str)]) -> Town {
    let mut texts = [GOLESTAN.to_owned(), PARS.to_owned(), SHETAK.to_owned()];
    for (from, to) in mends {
        let text = texts.iter_mut().find(|text| text.contains(from));
        let text = text.unwrap_or_else(|| panic!("no file has {from:?}"));
        *text = text.replacen(from, to, 1);
    }
    let [golestan, pars, shetak] = &texts;
    Town::with_lists(
        WORLD,
        &[golestan, pars],
        &[("clearing/shetak.toml", shetak)],
    )
}

/// A story between the two clubs, at the end of which every entry is held against the house.
fn check(mends: &[(&str, &str)], story: &str) {
    let mut town = town(mends);
    town.check(story);
    proof(&mut town);
}

/// After every entry: each book closes, the house has nothing of its own but what it earned, what one book says of the other
/// is what that says of itself, and the obligations alone give the same positions.
pub(crate) fn proof(town: &mut Town) {
    town.replay();
    let mut book = Book::new(64);
    let mut nets = [0i64; 2];
    for group in &town.journal {
        for bytes in record::split(&group.bytes) {
            let entry = record::decode(bytes.unwrap()).unwrap();
            book.apply(&entry);
            for (club, by) in entry.effects.net_debts().unwrap() {
                nets[usize::from(club.0)] += by;
            }
            closes(&book, &entry.effects, nets);
        }
    }
}

fn closes(book: &Book, effects: &Effects, nets: [i64; 2]) {
    let clubs = [ClubId(0), ClubId(1)];
    let mut house = 0;
    for (club, net) in clubs.into_iter().zip(nets) {
        let of = |account: fn(ClubId) -> Account| book.balance(account(club));
        assert_eq!(of(Account::OwesHouse), -of(Account::HouseDue));
        assert_eq!(of(Account::DueFromHouse), -of(Account::HouseOwes));
        assert_eq!(book.clearing_position(club), net, "by obligations alone");
        house += of(Account::HouseDue) + of(Account::HouseOwes) + of(Account::HouseIncome);
    }
    assert_eq!(
        house, 0,
        "the house stands between, with nothing of its own"
    );
    assert_eq!(book.clearing_imbalance(), 0, "as verify has it");
    // What a club's own books moved for another's points adds up in them, entry by entry.
    for club in clubs {
        let is_house = |account| {
            matches!(
                account,
                Account::HouseDue(_) | Account::HouseOwes(_) | Account::HouseIncome(_)
            )
        };
        let crossing = effects
            .postings
            .iter()
            .filter(|posting| is_house(posting.from) != is_house(posting.to));
        assert_eq!(
            crossing.count(),
            0,
            "no posting goes from one book to another: {club:?}"
        );
    }
}

#[test]
fn the_example_of_two_clubs_comes_out_to_the_rial() {
    check(
        &[],
        "open C1 points=830.50
         buy 200000 card C1 at m-2001 redeem 35000 stan 1 -> approved discount 0 redeemed 35000 -points 233.34 pays 165000
         has C1 -> points 597.16
         owes oweshouse -> 35175
         owes housedue -> -35175
         owes houseowes -> 35000
         owes duefromhouse -> -35000
         owes houseincome -> 175
         owes rounding -> 1
         owes club -> -35176
         owes shop -> 200000
         owes operator ->
         repeat stan 1 -> approved discount 0 redeemed 35000 -points 233.34 pays 165000
         owes oweshouse -> 35175
         reverse stan 1 at m-2001 -> approved
         has C1 -> points 830.50
         owes oweshouse ->
         owes housedue ->
         owes houseowes ->
         owes duefromhouse ->
         owes houseincome ->
         owes rounding ->
         owes club ->
         owes shop ->",
    );
}

#[test]
fn a_direction_without_a_rate_is_closed() {
    let ends = (
        "sell = { rial = 150, per_points = 1 }",
        "to = \"1405/09/02\"\nsell = { rial = 150, per_points = 1 }",
    );
    check(
        &[ends],
        "open C1 points=830.50
         quote 200000 card C1 at m-2001 redeem 35000 -> approved discount 0 redeemed 35000 -points 233.34 pays 165000
         owes oweshouse ->
         at 1405/09/03 10:00
         buy 200000 card C1 at m-2001 redeem 35000 -> not-allowed
         buy 200000 card C1 at m-2001 redeem max -> not-allowed
         buy 200000 card C1 at m-1001 redeem 35000 -> approved discount 0 redeemed 35000 -points 233.34 pays 165000 +points 16.50 +club-credit 1650
         owes oweshouse ->",
    );
    // Only points have a rate: credit of the club stays in its own shops.
    check(
        &[],
        "open C1 club-credit=50000
         buy 200000 card C1 at m-2001 redeem 35000 -> not-enough
         buy 200000 card C1 at m-2001 redeem max -> approved discount 0 pays 200000
         buy 200000 card C1 at m-2001 redeem 35000 purse club-credit -> not-enough",
    );
}

#[test]
fn a7_a_rate_counts_from_its_day_on_and_an_old_debt_stays() {
    let next = (
        "[exchange]",
        "[[rate]]\nclub = \"golestan\"\npurse = \"points\"\nfrom = \"1405/09/03\"\nsell = { rial = 200, per_points = 1 }\nbuy = { rial = 200, per_points = 1 }\n[exchange]",
    );
    let mut town = town(&[
        next,
        (
            "from = \"1405/07/01\"\nsell = { rial = 150",
            "from = \"1405/07/01\"\nto = \"1405/09/02\"\nsell = { rial = 150",
        ),
    ]);
    town.check(
        "open C1 points=830.50
         buy 200000 card C1 at m-2001 redeem 30000 stan 1 -> approved discount 0 redeemed 30000 -points 200.00 pays 170000
         at 1405/09/03 10:00
         buy 200000 card C1 at m-2001 redeem 30000 -> approved discount 0 redeemed 30000 -points 150.00 pays 170000
         owes houseowes -> 60000",
    );
    let owed: Vec<(i64, i64, String)> = town
        .effects()
        .iter()
        .flat_map(|effects| effects.obligations.clone())
        .map(|owed| (owed.amount, owed.rate.value, owed.rate_from.to_string()))
        .collect();
    let rows = [(20_000, 150, "1405/07/01"), (15_000, 200, "1405/09/03")];
    assert_eq!(owed, rows.map(|(a, b, day)| (a, b, day.to_owned())));
    town.check("reverse stan 1 at m-2001 stamp 1123101500 -> approved\nowes houseowes -> 30000");
    proof(&mut town);
}

#[test]
fn a22_nobody_owes_more_than_he_may() {
    let small = |on_cap: &str| {
        let cap = (
            "net_debit_cap_rial = 1_500_000_000",
            "net_debit_cap_rial = 70_000",
        );
        [
            cap,
            (
                "\"own-shops-only\"     ",
                if on_cap == "refuse" {
                    "\"refuse\""
                } else {
                    "\"own-shops-only\""
                },
            ),
        ]
        .map(|(from, to)| (from, to.to_owned()))
    };
    for (on_cap, refused) in [
        ("own-shops-only", "not-allowed"),
        ("refuse", "over-amount-limit"),
    ] {
        let mends = small(on_cap);
        let mends: Vec<(&str, &str)> = mends.iter().map(|(a, b)| (*a, b.as_str())).collect();
        check(
            &mends,
            &format!(
                "open C1 points=830.50
                 open C2 in=pars stars=800.00
                 buy 200000 card C1 at m-2001 redeem 50000 stan 1 -> approved discount 0 redeemed 50000 -points 333.34 pays 150000
                 owes oweshouse -> 50250
                 buy 200000 card C1 at m-2001 redeem 20000 -> {refused}
                 quote 200000 card C1 at m-2001 redeem 20000 -> {refused}
                 buy 200000 card C1 at m-2001 redeem max stan 2 -> approved discount 0 redeemed 15000 -points 100.00 pays 185000
                 buy 200000 card C1 at m-2001 redeem max -> approved discount 0 pays 200000
                 buy 200000 card C1 at m-1001 redeem 20000 -> approved discount 0 redeemed 20000 -points 133.34 pays 180000 +points 18.00 +club-credit 1800
                 reverse stan 2 at m-2001 -> approved
                 buy 200000 card C2 at m-1001 redeem 50000 -> approved discount 0 redeemed 50000 -stars 350.00 pays 150000
                 buy 200000 card C1 at m-2001 redeem 20000 -> approved discount 0 redeemed 20000 -points 133.34 pays 180000"
            ),
        );
    }
    // The cover bounds it too, and an advice is booked all the same, for somebody to look at.
    let mut town = town(&[
        (
            "cover_rial     = 2_000_000_000",
            "cover_rial = 1_500_000_000",
        ),
        (
            "net_debit_cap_rial = 1_500_000_000",
            "net_debit_cap_rial = 40_000",
        ),
    ]);
    town.check(
        "open C1 points=830.50
         tell 165000 card C1 at m-2001 redeem 45000 -> approved discount 0 redeemed 45000 -points 300.00 pays 165000
         owes oweshouse -> 45225",
    );
    let last = town.effects().pop().unwrap();
    assert_eq!(last.exception.map(|e| e.name()), Some("over-net-debit-cap"));
    proof(&mut town);
}

#[test]
fn the_fee_is_paid_by_whom_the_house_says() {
    check(
        &[("payer = \"issuing-club\"", "payer = \"shop-club\"")],
        "open C1 points=830.50
         buy 200000 card C1 at m-2001 redeem 35000 -> approved discount 0 redeemed 35000 -points 233.34 pays 165000
         owes oweshouse -> 35000 175
         owes housedue -> -35000 -175
         owes houseowes -> 35000
         owes houseincome -> 175
         owes club -> -35001 -175",
    );
    // Out of the member's points: 35,175 / 150 = 234.50 points, and nothing is odd.
    check(
        &[("payer = \"issuing-club\"", "payer = \"member\"")],
        "open C1 points=234.50
         open C2 points=234.49
         buy 200000 card C2 at m-2001 redeem 35000 -> not-enough
         buy 200000 card C1 at m-2001 redeem 35000 -> approved discount 0 redeemed 35000 -points 234.50 pays 165000
         owes oweshouse -> 35175
         owes houseincome -> 175
         owes rounding ->
         owes club -> -35175
         has C1 ->",
    );
}

#[test]
fn m38_which_club_sees_a_purchase() {
    // Where the shop's club earns, it does for its own members; the other's points pay when the message names that club.
    check(
        &[],
        "open C1 points=830.50
         buy 200000 card C1 at m-2001 -> approved discount 0 pays 200000
         has C1 -> points 830.50
         balance card C1 -> approved points 830.50 club-credit 0
         open C2 points=830.50
         open C2 in=pars
         buy 200000 card C2 at m-2001 -> approved discount 0 pays 200000 +stars 10.00
         buy 200000 card C2 at m-2001 redeem 35000 -> not-enough
         buy 200000 card C2 at m-2001 redeem 35000 club golestan stan 3 -> approved discount 0 redeemed 35000 -points 233.34 pays 165000 +stars 8.25
         has C2 in=pars -> stars 18.25
         has C2 -> points 597.16
         reverse stan 3 at m-2001 -> approved
         has C2 in=pars -> stars 10.00
         has C2 -> points 830.50
         buy 200000 card C2 at m-2001 club golestan -> approved discount 0 pays 200000 +stars 10.00
         buy 200000 card C9 at m-2001 redeem 35000 -> member-unknown
         buy 200000 card C9 at m-2001 -> approved",
    );
    // Where the club of the card earns: what the shop would pay for, nobody does.
    check(
        &[("one_purchase_earns_in = \"shop-club\"", "one_purchase_earns_in = \"card-club\"")],
        "open C1 points=830.50
         buy 200000 card C1 at m-2001 redeem 35000 -> approved discount 0 redeemed 35000 -points 233.34 pays 165000 +points 16.50
         open C2
         open C2 in=pars
         buy 200000 card C2 at m-2001 -> approved discount 0 pays 200000 +stars 10.00
         buy 200000 card C2 at m-2001 club golestan -> approved discount 0 pays 200000 +points 20.00",
    );
    check(
        &[("one_purchase_earns_in = \"shop-club\"", "one_purchase_earns_in = \"both\"")],
        "open C2
         open C2 in=pars stars=700.00
         buy 200000 card C2 at m-2001 redeem 35000 stan 1 -> approved discount 0 redeemed 35000 -stars 245.00 pays 165000 +stars 8.25 +points 16.50
         has C2 -> points 16.50
         reverse stan 1 at m-2001 -> approved
         has C2 ->
         buy 200000 card C2 at m-2001 club pars -> approved discount 0 pays 200000 +stars 10.00",
    );
}

#[test]
fn what_is_not_shared_is_not_served() {
    check(
        &[("members = true, merchants = true", "members = true")],
        "open C1 points=830.50
         buy 200000 card C1 at m-2001 redeem 35000 -> not-allowed
         buy 200000 card C1 at m-2001 -> approved discount 0 pays 200000",
    );
    check(
        &[("members = true, merchants = true", "merchants = true")],
        "open C1 points=830.50
         buy 200000 card C1 at m-2001 redeem 35000 -> member-unknown",
    );
}

#[test]
fn a_day_s_maximum_counts_what_is_redeemed_elsewhere() {
    check(
        &[],
        "open C1 points=8300.00
         buy 900000 card C1 at m-2001 redeem 450000 stan 1 -> approved discount 0 redeemed 450000 -points 3000.00 pays 450000
         buy 900000 card C1 at m-1001 redeem 55000 -> over-amount-limit
         buy 900000 card C1 at m-2001 redeem 55000 -> over-amount-limit
         reverse stan 1 at m-2001 -> approved
         buy 900000 card C1 at m-1001 redeem 55000 -> approved discount 0 redeemed 55000 -points 366.67 pays 845000 +points 84.50 +club-credit 8450",
    );
}

/// What is explained of a purchase holds each of these lines.
fn explains(town: &mut Town, purchase: &str, lines: &[&str]) {
    let told = town.why(purchase);
    let plain: String = told.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in lines {
        assert!(plain.contains(line), "{line:?} wanted in\n{told}");
    }
}

#[test]
fn what_is_between_clubs_is_explained() {
    let mut there = town(&[]);
    there.check("open C1 points=830.50");
    explains(
        &mut there,
        "buy 200000 card C1 at m-2001 redeem 35000",
        &[
            "points 233.34 of 830.50 35,000 1 point = 150 rial; 1 rial of rounding to the club",
            "clearing member 1 of golestan in a shop of pars \
             points 233.34: 1 point = 150 rial since 1405/07/01 35,000 \
             golestan owes SHETAK, and SHETAK owes pars; fee 175, paid by: the club of the points; \
             golestan owes 35,175 of at most 1,500,000,000 after it",
            "money in 270,351 = money out 270,351",
        ],
    );
    let mut closed = town(&[(
        "sell = { rial = 150",
        "to = \"1405/09/01\"\nsell = { rial = 150",
    )]);
    closed.check("open C1 points=830.50");
    explains(
        &mut closed,
        "buy 200000 card C1 at m-2001 redeem 35000",
        &["why: no rate in force sells these points in shops of this club"],
    );
    let mut both = town(&[("\"shop-club\"    ", "\"both\"")]);
    both.check("open C1 points=830.50\nopen C1 in=pars");
    explains(
        &mut both,
        "buy 200000 card C1 at m-2001 redeem 35000 club golestan",
        &[
            "base -> stars +8.25",
            "the shop is owed 200,000 = bank card 165,000 + points 35,000",
            "points earned in golestan +16.50",
            "3 rules looked at, 2 gave",
        ],
    );
    let mut card = town(&[("\"shop-club\"    ", "\"card-club\"")]);
    card.check("open C1 points=830.50");
    explains(
        &mut card,
        "buy 200000 card C1 at m-2001",
        &[
            "base -> points +20.00",
            "saving no holds, but the shop is another club's and does not pay for it",
        ],
    );
}

const CARD: &str = "9999120000001234";

/// The values under a pointer of each, which must be equal.
fn says(found: &Value, wanted: &[(&str, Value)]) {
    for (pointer, value) in wanted {
        let there = found.pointer(pointer);
        assert_eq!(there, Some(value), "{pointer} in {found:#}");
    }
}

/// A daemon between the two clubs, whose first member of Golestan has 830.50 points.
fn house(mends: &[(&str, &str)]) -> House {
    let mut house = House::new();
    let rules = house.dir.path().join("rules");
    for (name, text) in [
        ("world/shared.toml", WORLD),
        ("clubs/golestan.toml", GOLESTAN),
        ("clubs/pars.toml", PARS),
        ("clearing/shetak.toml", SHETAK),
    ] {
        let mut text = text.to_owned();
        for (from, to) in mends {
            text = text.replacen(from, to, 1);
        }
        let path = rules.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    house.configure("rules = \"rules\"\n");
    let opening = house.dir.path().join("opening.toml");
    let lot = "purse = \"points\"\namount = \"2000.00\"\nbooked = \"1405/05/20\"\nends = \"1406/05/31\"\n";
    fs::write(
        &opening,
        format!(
            "reason = \"two clubs\"\n[[member]]\nclub = \"golestan\"\ncard = \"{CARD}\"\n\
             [[member.lot]]\n{lot}[[member]]\nclub = \"pars\"\ncard = \"{CARD}\"\n"
        ),
    )
    .unwrap();
    house.start();
    let booked = house.office_json(&["ledger", "open", opening.to_str().unwrap()]);
    says(&booked, &[("/booked", json!(2)), ("/lots", json!(1))]);
    house
}

/// A17, A10, A20, A21: points of one club pay in another's shop; two debts in the same entry; positions at once; the house
/// between them.
#[test]
fn a10_a17_a20_a21_points_pay_in_another_club_over_the_wire() {
    let mut house = house(&[]);
    let sale = [
        "purchase",
        "--card",
        CARD,
        "--amount",
        "200000",
        "--redeem",
        "35000",
        "--acceptor",
        "m-2001",
        "--club",
        "golestan",
    ];
    let receipt = house.pos_json(&sale, 0);
    says(
        &receipt,
        &[
            ("/code", json!("00")),
            ("/pays", json!(165_000)),
            ("/redeemed/points", json!("233.34")),
            ("/earned/stars", json!("8.25")),
        ],
    );
    let entry = house.office_json(&["ledger", "entry", receipt["rrn"].as_str().unwrap()]);
    let moved: Vec<String> = entry["postings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|posting| posting["unit"] == "rial")
        .map(|p| {
            let [reason, from, to] = ["reason", "from", "to"].map(|key| p[key].as_str().unwrap());
            format!("{reason}: {from} -> {to} {}", p["amount"])
        })
        .collect();
    for wanted in [
        "owed-to-house: club golestan -> owed to the house by golestan 35000",
        "novated: house: due from golestan -> house: owed to pars 35000",
        "owed-by-house: due from the house to pars -> shop m-2001 35000",
        "clearing-fee: club golestan -> owed to the house by golestan 175",
        "clearing-fee: house: due from golestan -> house: income from golestan 175",
        "rounding: club golestan -> rounding of golestan 1",
    ] {
        assert!(
            moved.iter().any(|line| line == wanted),
            "{wanted} in {moved:#?}"
        );
    }
    let position = house.office_json(&["ledger", "position"]);
    says(
        &position,
        &[
            ("/houses/0/house", json!("shetak")),
            ("/houses/0/due", json!(35_175)),
            ("/houses/0/owes", json!(35_000)),
            ("/houses/0/income", json!(175)),
            ("/houses/0/position", json!(0)),
            ("/houses/0/members/0/club", json!("golestan")),
            ("/houses/0/members/0/position", json!(35_175)),
            ("/houses/0/members/0/room", json!(1_499_964_825)),
            ("/houses/0/members/1/position", json!(-35_000)),
            ("/houses/0/members/1/room", json!(800_035_000)),
        ],
    );
    // The call centre, the day's files and the journal tell the same.
    let why = house.office_json(&["explain", receipt["rrn"].as_str().unwrap()]);
    says(
        &why,
        &[
            ("/posted/differs", json!([])),
            ("/clearing/house", json!("SHETAK")),
            ("/clearing/debts/0/points/amount", json!("233.34")),
            ("/clearing/debts/0/rials", json!(35_000)),
            ("/clearing/debts/0/fee", json!(175)),
            ("/clearing/debts/0/owes", json!(35_175)),
        ],
    );
    let persian = house.office(&["explain", receipt["rrn"].as_str().unwrap(), "--lang", "fa"]);
    let persian = String::from_utf8(persian.stdout).unwrap();
    assert!(persian.contains("پایاپای"), "{persian}");
    let undone = house.pos_json(
        &[
            "reverse",
            "--rrn",
            receipt["rrn"].as_str().unwrap(),
            "--acceptor",
            "m-2001",
        ],
        0,
    );
    says(&undone, &[("/code", json!("00"))]);
    let again = house.pos_json(&sale, 0);
    says(&again, &[("/code", json!("00"))]);
    let owed = house.office_json(&["ledger", "obligations", "--club", "pars"]);
    let kinds: Vec<&Value> = owed["obligations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| &o["kind"])
        .collect();
    assert_eq!(json!(kinds), json!(["redeem", "reversal", "redeem"]));
    says(
        &owed,
        &[
            ("/obligations/0/business_day", json!("1405/09/02")),
            ("/obligations/0/issuer", json!("golestan")),
            ("/obligations/0/acceptor", json!("pars")),
            ("/obligations/0/shop", json!("m-2001")),
            ("/obligations/0/purse", json!("points")),
            ("/obligations/0/points", json!("233.34")),
            (
                "/obligations/0/rate",
                json!({ "rial": 150, "points": "1.00" }),
            ),
            ("/obligations/0/rate_from", json!("1405/07/01")),
            ("/obligations/0/rial", json!(35_000)),
            ("/obligations/0/fee", json!(175)),
            ("/obligations/1/rial", json!(-35_000)),
            (
                "/obligations/1/reverses",
                owed["obligations"][0]["entry"].clone(),
            ),
            ("/clubs/0/net", json!(35_175)),
            ("/clubs/1/net", json!(-35_000)),
        ],
    );
    let settled = house.office_json(&["settle", "--day", "today", "--close"]);
    says(
        &settled,
        &[
            ("/manifest/totals/redeemed/points", json!(35_000)),
            ("/manifest/totals/card_paid", json!(165_000)),
            ("/manifest/totals/split/merchant", json!(199_000)),
        ],
    );
    let folder = house.dir.path().join(settled["folder"].as_str().unwrap());
    assert_eq!(
        json!(reread(&folder).unwrap()),
        settled["manifest"]["totals"],
        "the files say what the manifest says"
    );
    house.kill();
    house.start();
    let after = house.office_json(&["ledger", "position", "--club", "golestan"]);
    says(&after, &[("/houses/0/members/0/position", json!(35_175))]);
    house.stop();
    let verified = house.office_json(&["ledger", "verify"]);
    says(&verified, &[("/whole", json!(true))]);
}

/// `AMOUNT of FROM>TO`: an exchange of member C1, in rials; with `points` behind it, in smallest units of points.
fn exchange(town: &mut Town, what: &str, stan: u32) -> String {
    let words: Vec<&str> = what.split_whitespace().collect();
    let mut request = town.request(Function::Transfer, Mode::Ask, Some(stan));
    request.card = Some(token("C1"));
    request.asked.amount = Some(Rials(words[0].replace('_', "").parse().unwrap()));
    request.asked.currency = if what.ends_with("points") { 999 } else { 364 };
    request.wishes.purse = Some(words[2].to_owned());
    let told = town.decide(&request).told;
    let amounts = |list: &[PurseAmount]| -> Vec<i64> { list.iter().map(|p| p.amount).collect() };
    let name = told.verdict.name();
    format!(
        "{name} {:?} {:?}",
        amounts(&told.redeemed),
        amounts(&told.earned)
    )
}

#[test]
fn a8_a11_points_become_points_of_another_club_by_two_legs() {
    const SWAP: &str = "150_000 of golestan:points>pars:stars";
    let mut there = town(&[]);
    there.check("open C1 points=3000.00\nopen C1 in=pars");
    // 1,000 points x 150 = 150,000; the fee 1% = 1,500; 148,500 / (1,050 / 7) = 990.00 stars.
    assert_eq!(exchange(&mut there, SWAP, 1), "approved [100000] [99000]");
    there.check(
        "has C1 -> points 2000.00
         has C1 in=pars -> stars 990.00
         owes oweshouse -> 150000
         owes housedue -> -150000
         owes houseowes -> 148500
         owes houseincome -> 1500
         owes duefromhouse -> -148500
         owes club -> -150000 148500
         owes rounding ->",
    );
    // The same in points; and back again he loses, never gains.
    assert_eq!(
        exchange(
            &mut there,
            "100_000 of golestan:points>pars:stars points",
            2
        ),
        "approved [100000] [99000]"
    );
    assert_eq!(
        exchange(
            &mut there,
            "198_000 of pars:stars>golestan:points points",
            3
        ),
        "approved [198000] [175018]"
    );
    // 282,857 x 1% = 2,828; 280,029 / 160 = 1,750.18.
    there.check(
        "reverse stan 3 -> approved\nreverse stan 2 -> approved\nreverse stan 1 -> approved",
    );
    there.check(
        "has C1 -> points 3000.00
         has C1 in=pars ->
         owes oweshouse ->
         owes houseincome ->
         owes club ->",
    );
    proof(&mut there);
}

#[test]
fn an_exchange_has_its_limits() {
    let mut there = town(&[("max_rial = 20_000_000", "max_rial = 400_000")]);
    there.check("open C1 points=4000.00\nopen C1 in=pars");
    let mut tries = 10;
    let mut check = |there: &mut Town, what: &str, wanted: &str| {
        tries += 1;
        let found = exchange(there, what, tries);
        assert_eq!(found.split(' ').next(), Some(wanted), "{what}");
    };
    check(
        &mut there,
        "99_999 of golestan:points>pars:stars",
        "invalid-amount",
    );
    check(
        &mut there,
        "900_000 of golestan:points>pars:stars",
        "over-amount-limit",
    );
    check(
        &mut there,
        "150_000 of golestan:points>golestan:points",
        "not-allowed",
    );
    check(
        &mut there,
        "150_000 of golestan:club-credit>pars:stars",
        "not-allowed",
    );
    check(
        &mut there,
        "150_000 of golestan:points>rose:stars",
        "not-allowed",
    );
    check(
        &mut there,
        "300_000 of golestan:points>pars:stars",
        "approved",
    );
    check(
        &mut there,
        "100_001 of golestan:points>pars:stars",
        "over-amount-limit",
    );
    check(
        &mut there,
        "100_000 of golestan:points>pars:stars",
        "approved",
    );
    there.check("at 1405/10/01 10:00");
    check(
        &mut there,
        "100_000 of golestan:points>pars:stars",
        "approved",
    );
    check(
        &mut there,
        "200_000 of golestan:points>pars:stars",
        "not-enough",
    );
    // 24 hours later the second cannot be undone any more, and one of the same day can.
    there.check(
        "at 1405/10/02 09:59\nreverse stan 19 stamp 1222100000 -> approved\nat 1405/10/02 12:00",
    );
    check(
        &mut there,
        "100_000 of golestan:points>pars:stars",
        "approved",
    );
    there.check("at 1405/10/03 12:01\nreverse stan 21 stamp 1223120000 -> not-allowed\nreverse stan 21 stamp 1223120000 own 77 advised -> approved");
    let last = there.effects().pop().unwrap();
    assert!(!last.postings.is_empty() && last.reverses);
    proof(&mut there);
    // Nobody who is a member of one alone; nothing without a price of what is made; nothing over the cap.
    let mut alone = town(&[]);
    alone.check("open C1 points=3000.00");
    check(
        &mut alone,
        "150_000 of golestan:points>pars:stars",
        "member-unknown",
    );
    let mut closed = town(&[("buy  = { rial = 1_050, per_points = 7 }\n", "")]);
    closed.check("open C1 points=3000.00\nopen C1 in=pars");
    check(
        &mut closed,
        "150_000 of golestan:points>pars:stars",
        "not-allowed",
    );
    let mut poor = town(&[(
        "net_debit_cap_rial = 1_500_000_000",
        "net_debit_cap_rial = 149_999",
    )]);
    poor.check("open C1 points=3000.00\nopen C1 in=pars");
    check(
        &mut poor,
        "150_000 of golestan:points>pars:stars",
        "not-allowed",
    );
    check(
        &mut poor,
        "149_999 of golestan:points>pars:stars",
        "approved",
    );
    proof(&mut poor);
}

/// What happens between clubs in any order: the proof holds after every entry, and when all is undone nobody owes anything.
/// `SEED=0x5eed` replays one.
#[test]
fn in_random_histories_the_house_has_nothing_of_its_own() {
    let seed = match std::env::var("SEED") {
        Ok(text) => u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap(),
        Err(_) => RandomState::new().build_hasher().finish(),
    };
    println!("SEED={seed:#x}");
    let mut dice = Dice(seed);
    let ways = ["shop-club", "card-club", "both"];
    let payers = ["issuing-club", "shop-club", "member"];
    for round in 0..6 {
        let way = format!("one_purchase_earns_in = \"{}\"", ways[round % 3]);
        let payer = format!("payer = \"{}\"", payers[dice.below(3) as usize]);
        let cap = format!("net_debit_cap_rial = {}", 200_000 + dice.below(400_000));
        let mut there = town(&[
            ("one_purchase_earns_in = \"shop-club\"", &way),
            ("payer = \"issuing-club\"", &payer),
            ("net_debit_cap_rial = 1_500_000_000", &cap),
            ("min_rial = 100_000", "min_rial = 1_000"),
        ]);
        there.check(
            "open C1 points=9000.00 club-credit=100000
             open C1 in=pars stars=9000.00
             open C2 points=4000.00
             open C3 in=pars stars=4000.00",
        );
        let opened = there.engine.book().accounts();
        let mut sold = Vec::new();
        for stan in 1..=60 {
            let shop = ["m-1001", "m-2001"][dice.below(2) as usize];
            if dice.below(5) == 0 {
                let pair = ["golestan:points>pars:stars", "pars:stars>golestan:points"];
                let pair = pair[dice.below(2) as usize];
                let what = format!("{} of {pair}", 1_000 + dice.below(90_000));
                if exchange(&mut there, &what, stan).starts_with("approved") {
                    sold.push((stan, "m-1001"));
                }
                continue;
            }
            let club = ["", " club golestan", " club pars"][dice.below(3) as usize];
            let redeem = match dice.below(3) {
                0 => String::new(),
                1 => " redeem max".to_owned(),
                _ => format!(" redeem {}", 5_000 * (1 + dice.below(20))),
            };
            let card = 1 + dice.below(3);
            let verb = if dice.below(6) == 0 { "tell" } else { "buy" };
            let bill = 1_000 * (1 + dice.below(400));
            there.check(&format!(
                "{verb} {bill} card C{card} at {shop}{club}{redeem} stan {stan}"
            ));
            sold.push((stan, shop));
            if dice.below(8) == 0 {
                let (stan, shop) = sold.swap_remove(dice.below(sold.len() as u64) as usize);
                there.check(&format!("reverse stan {stan} at {shop} advised"));
            }
        }
        proof(&mut there);
        while let Some((stan, shop)) = sold.pop() {
            there.check(&format!(
                "reverse stan {stan} at {shop} advised -> approved"
            ));
        }
        proof(&mut there);
        let left = there.engine.book().accounts();
        let value = |rows: &[(Account, UnitId, i64)]| -> Vec<(Account, i64)> {
            let rows = rows.iter().filter(|(_, _, balance)| *balance != 0);
            rows.map(|(account, _, balance)| (*account, *balance))
                .collect()
        };
        assert_eq!(value(&left), value(&opened), "all was undone");
    }
}

/// The exchange over the wire, its reversal, the day's files, and last month judged again.
#[test]
fn a8_a11_an_exchange_over_the_wire() {
    let mut house = house(&[]);
    let swap = |amount: &str, status: i32| {
        let words = [
            "convert",
            "--card",
            CARD,
            "--purse",
            "golestan:points>pars:stars",
        ];
        house.pos_json(&[&words[..], &["--amount", amount]].concat(), status)
    };
    let receipt = swap("150000", 0);
    says(
        &receipt,
        &[
            ("/code", json!("00")),
            ("/redeemed/points", json!("1000.00")),
            ("/earned/stars", json!("990.00")),
        ],
    );
    assert_eq!(swap("99999", 1)["code"], json!("13"));
    let owed = house.office_json(&["ledger", "obligations"]);
    says(
        &owed,
        &[
            ("/obligations/0/kind", json!("exchange")),
            ("/obligations/0/points", json!("1000.00")),
            ("/obligations/0/rial", json!(148_500)),
            ("/obligations/0/fee", json!(1_500)),
            ("/obligations/0/fee_payer", json!("member")),
            ("/obligations/0/made/purse", json!("stars")),
            ("/obligations/0/made/points", json!("990.00")),
            (
                "/obligations/0/made/rate",
                json!({ "rial": 1_050, "points": "7.00" }),
            ),
            ("/clubs/0/net", json!(150_000)),
            ("/clubs/1/net", json!(-148_500)),
        ],
    );
    let rrn = receipt["rrn"].as_str().unwrap();
    let undone = house.pos_json(&["reverse", "--rrn", rrn], 0);
    says(&undone, &[("/code", json!("00"))]);
    let sale = [
        "--card",
        CARD,
        "--amount",
        "200000",
        "--redeem",
        "35000",
        "--acceptor",
        "m-2001",
    ];
    house.pos_json(
        &[&["purchase", "--purse", "golestan:points"], &sale[..]].concat(),
        0,
    );
    swap("150000", 0);
    let settled = house.office_json(&["settle", "--day", "today", "--close"]);
    says(&settled, &[("/manifest/totals/purchases", json!(1))]);
    let again = house.office_json(&["rules", "replay", "--days", "1", "--with", "rules"]);
    says(&again, &[("/purchases", json!(1)), ("/changed", json!(0))]);
    house.stop();
    let verified = house.office_json(&["ledger", "verify"]);
    says(&verified, &[("/whole", json!(true))]);
}

/// What one purchase earns in two clubs is in its shop's row, and taken back from it.
#[test]
fn a_purchase_that_earns_in_two_clubs_is_settled() {
    let (one, both) = (
        "one_purchase_earns_in = \"shop-club\"",
        "one_purchase_earns_in = \"both\"",
    );
    let base = "[[accrue]]\nname = \"base\"\nearn = { to = \"points\"";
    let friend = "[[accrue]]\nname = \"friend\"\nearn = { to = \"points\", fixed = \"50\", for = \"introducer\" }\nfunded_by = \"club\"\n";
    let parent = "parent = \"yalda-federation\"";
    let mut house = house(&[
        (one, both),
        (base, &format!("{friend}{base}")),
        (parent, &format!("enrol = {{ at_pos = true }}\n{parent}")),
    ]);
    let sale_of = |card| {
        ["purchase", "--card", card, "--amount", "200000"]
            .into_iter()
            .chain(["--acceptor", "m-2001"])
            .collect::<Vec<&str>>()
    };
    let sale = sale_of(CARD);
    let receipt = house.pos_json(&sale, 0);
    says(
        &receipt,
        &[
            ("/earned/stars", json!("10.00")),
            ("/earned/points", json!("20.00")),
        ],
    );
    let settled = house.office_json(&["settle", "--day", "today"]);
    says(&settled, &[("/manifest/totals/purchases", json!(1))]);
    let rrn = receipt["rrn"].as_str().unwrap();
    house.pos_json(&["reverse", "--rrn", rrn, "--acceptor", "m-2001"], 0);
    // What whoever brought him earns at home is in no row.
    let brought = "9999120000000094";
    let by = format!("C{CARD}");
    let enrol = ["enrol", "--card", brought, "--club"];
    house.pos_json(
        &[&enrol[..], &["golestan", "--introducer", &by]].concat(),
        0,
    );
    house.pos_json(&[&enrol[..], &["pars", "--acceptor", "m-2001"]].concat(), 0);
    let receipt = house.pos_json(&sale_of(brought), 0);
    says(&receipt, &[("/earned/points", json!("20.00"))]);
    let held = house.pos_json(&["balance", "--card", CARD], 0);
    says(&held, &[("/balances/points", json!("2050.00"))]);
    let settled = house.office_json(&["settle", "--day", "today", "--close"]);
    says(&settled, &[("/manifest/totals/gross", json!(200_000))]);
    house.stop();
    let verified = house.office_json(&["ledger", "verify"]);
    says(&verified, &[("/whole", json!(true))]);
}

/// A22 over the wire: the club is warned, and over its cap refused, while its own shops go on.
#[test]
fn a22_who_comes_near_his_cap_is_warned_and_over_it_refused() {
    let mut house = house(&[(
        "net_debit_cap_rial = 1_500_000_000",
        "net_debit_cap_rial = 40_000",
    )]);
    let sale = |shop: &str, status: i32| {
        let words = ["purchase", "--card", CARD, "--amount", "200000"];
        let more = [
            "--redeem",
            "35000",
            "--club",
            "golestan",
            "--acceptor",
            shop,
        ];
        house.pos_json(&[&words[..], &more].concat(), status)["code"].clone()
    };
    assert_eq!(sale("m-2001", 0), "00");
    assert_eq!(sale("m-2001", 1), "57");
    assert_eq!(sale("m-1001", 0), "00");
    let position = house.office_json(&["ledger", "position", "--club", "golestan"]);
    says(
        &position,
        &[
            ("/houses/0/members/0/used_percent", json!("87.93")),
            ("/houses/0/members/0/room", json!(4_825)),
            ("/houses/0/members/0/warned", json!(true)),
        ],
    );
    let line = "the club golestan owes the clearing house 35175 of at most 40000 rial";
    let end = Instant::now() + Duration::from_secs(30);
    let log = house.dir.path().join("log");
    while !fs::read_to_string(&log).unwrap().contains(line) {
        assert!(Instant::now() < end, "{line}");
        thread::sleep(Duration::from_millis(50));
    }
    house.stop();
}

/// What `verify` looks for is there when one of the books lacks a line.
#[test]
fn a_book_that_lacks_a_line_is_seen() {
    let mut there = town(&[]);
    there.check(
        "open C1 points=830.50
         buy 200000 card C1 at m-2001 redeem 35000 -> approved discount 0 redeemed 35000 -points 233.34 pays 165000",
    );
    there.replay();
    let entries = there
        .journal
        .iter()
        .flat_map(|group| record::split(&group.bytes));
    let entries: Vec<Entry> = entries
        .map(|bytes| record::decode(bytes.unwrap()).unwrap())
        .collect();
    let lines = entries.last().unwrap().effects.postings.len();
    let mut seen = 0;
    for lost in 0..lines {
        let mut book = Book::new(64);
        for (at, entry) in entries.iter().enumerate() {
            let mut entry = entry.clone();
            if at + 1 == entries.len() {
                entry.effects.postings.remove(lost);
            }
            book.apply(&entry);
        }
        seen += usize::from(book.clearing_imbalance() != 0);
    }
    // Owed to the house, taken over by it, owed by it; of the fee the club's line and the house's.
    assert_eq!(seen, 5);
}

const PRODUCT: &str = r#"
format = 1

[card]
id = "bpcard"
title = "Card"
bins = ["99991234"]
issuer = "parse"
pay_order = ["wallet", "bank"]

[purse.wallet]
kind = "prepaid"
owed_by = "operator"
load = { min_rial = 100 }
"#;

/// Points of the one club, a pocket of the card, the bank: all in a shop of the other; undone, nothing is left.
#[test]
fn points_of_another_club_and_a_pocket_pay_one_bill() {
    let world = format!(
        "{WORLD}\n[organisation.parse]\ntitle = \"Issuer\"\niban = \"IR740560000000000900000003\"\n"
    );
    let files = [
        ("clearing/shetak.toml", SHETAK),
        ("cards/bpcard.toml", PRODUCT),
    ];
    let mut there = Town::with_lists(&world, &[GOLESTAN, PARS], &files);
    there.check(
        "open C1 points=830.50
         open C1 in=bpcard wallet=25000
         buy 200000 card C1 at m-2001 bin 99991234 redeem 35000 stan 1 -> approved discount 0 redeemed 60000 -points 233.34 -wallet 25000 pays 140000
         owes shop -> 200000
         owes oweshouse -> 35175
         owes operator -> -25000
         reverse stan 1 at m-2001 -> approved
         has C1 -> points 830.50
         has C1 in=bpcard -> wallet 25000
         owes shop ->
         owes oweshouse ->
         owes operator ->
         open C1 in=pars
         buy 200000 card C1 at m-2001 bin 99991234 redeem 35000 club golestan stan 2 -> approved discount 0 redeemed 60000 -wallet 25000 -points 233.34 pays 140000 +stars 8.25
         owes shop -> 199000
         reverse stan 2 at m-2001 -> approved
         has C1 -> points 830.50
         has C1 in=pars ->
         owes shop ->
         tell 150000 card C1 at m-2001 bin 99991234 redeem 50000 club golestan purse wallet stan 3 -> approved discount 0 redeemed 50000 -wallet 25000 -wallet 25000 pays 150000 +stars 8.75
         has C1 -> points 830.50
         has C1 in=bpcard -> wallet 0 owes 25000
         reverse stan 3 at m-2001 advised -> approved
         tell 100000 card C1 at m-2001 bin 99991234 redeem 20000 club golestan stan 4 -> approved discount 0 redeemed 20000 -points 133.34 pays 100000 +stars 5.00
         has C1 in=bpcard -> wallet 25000",
    );
    proof(&mut there);
}
