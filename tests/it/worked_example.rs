//! The worked example over the wire, to the rial: a real daemon whose clock starts on 1405/09/02 at 10:15, the opening
//! state booked from a file, one purchase, and the files of its day.

use std::fs;

use clubswitch::settle::reread;
use serde_json::{Value, json};

use crate::cli::{House, fixture};

const CARD: &str = "9999120000001234";

/// The values under a pointer of each, which must be equal.
fn check(found: &Value, wanted: &[(&str, Value)]) {
    for (pointer, value) in wanted {
        let there = found.pointer(pointer);
        assert_eq!(there, Some(value), "{pointer} in {found:#}");
    }
}

#[test]
fn the_worked_example_comes_out_to_the_rial() {
    check_example("iso87-ascii", "len2-be", "00");
}

#[test]
fn it_does_so_over_a_link_of_1993() {
    check_example("iso93-ascii", "len2-be", "000");
}

#[test]
fn it_does_so_in_bcd_behind_a_tpdu() {
    check_example("iso87-bcd", "nac", "00");
}

#[test]
fn it_does_so_in_ebcdic() {
    check_example("iso87-ebcdic", "len2-be", "00");
}

#[test]
fn it_does_so_from_a_card_reader_whose_dialect_tells_its_framing() {
    check_example("pos-nac-bcd", "", "00");
}

fn check_example(dialect: &'static str, framing: &'static str, approved: &str) {
    let mut house = House::with_links(&[(dialect, framing)]);
    house.start();
    let opening = fixture("openings/worked-example.toml");
    check(
        &house.office_json(&["ledger", "open", &opening]),
        &[("/booked", json!(1)), ("/lots", json!(4))],
    );
    let sale = [
        "purchase",
        "--card",
        CARD,
        "--amount",
        "2755555",
        "--redeem",
        "200000",
        "--acceptor",
        "m-1001",
    ];
    let receipt = house.pos_json(&sale, 0);
    check(
        &receipt,
        &[
            ("/code", json!(approved)),
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
            // 290.13 new points can be spent tomorrow.
            ("/balances/points", json!("597.16")),
            ("/balances/club-credit", json!("24177")),
            ("/balances/merchant-credit", json!("0")),
        ],
    );
    let parts: i64 = receipt["split"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(Value::as_i64)
        .sum();
    assert_eq!(parts, 2_632_889, "what the shop is owed");

    let rrn = receipt["rrn"].as_str().unwrap();
    let entry = house.office_json(&["ledger", "entry", rrn]);
    check(
        &entry,
        &[
            ("/at", json!(entry["at"])),
            ("/business_day", json!("1405/09/02")),
        ],
    );
    let rounding = house.office_json(&["ledger", "balance", "--club", "golestan"]);
    let of = |name: &str| {
        let accounts = rounding["accounts"].as_array().unwrap();
        accounts
            .iter()
            .find(|line| line["account"] == name)
            .unwrap()["balance"]
            .clone()
    };
    assert_eq!(
        of("rounding of golestan"),
        1,
        "233.34 points are worth 35,001 rial"
    );
    assert_eq!(of("owner of golestan"), 16_533);
    assert_eq!(of("reserve of golestan"), 24_177);
    // Its share of the discount 55,111, credit 125,000, points 35,000 and the odd rial, the fee.
    assert_eq!(
        of("club golestan"),
        -(55_111 + 125_000 + 35_000 + 1 + 8_266)
    );

    let settled = house.office_json(&["settle", "--day", "today", "--close"]);
    let totals = "/manifest/totals";
    check(
        &settled,
        &[
            (&format!("{totals}/purchases"), json!(1)),
            (&format!("{totals}/gross"), json!(2_755_555)),
            (&format!("{totals}/discount"), json!(137_777)),
            (&format!("{totals}/card_paid"), json!(2_417_778)),
            (&format!("{totals}/fee"), json!(8_266)),
            (&format!("{totals}/redeemed/points"), json!(35_000)),
            (&format!("{totals}/redeemed/club-credit"), json!(125_000)),
            (&format!("{totals}/redeemed/merchant-credit"), json!(40_000)),
            (&format!("{totals}/earned/golestan~1points"), json!(29_013)),
            (
                &format!("{totals}/earned/golestan~1club-credit"),
                json!(24_177),
            ),
            (&format!("{totals}/split/marketer"), json!(6_888 + 4_133)),
            (&format!("{totals}/split/club-owner"), json!(16_533)),
            (&format!("{totals}/split/holder-saving"), json!(24_177)),
            (&format!("{totals}/split/merchant"), json!(2_581_158)),
            ("/manifest/provisional", json!(false)),
        ],
    );
    let folder = house.dir.path().join(settled["folder"].as_str().unwrap());
    let read = reread(&folder).unwrap();
    assert_eq!(
        json!(read),
        settled["manifest"]["totals"],
        "the files say what the manifest says"
    );
    let paid = |iban: &str| read.pay.get(iban).copied().unwrap_or(0);
    assert_eq!(paid("IR270170000000100324200001"), 2_581_158, "the shop");
    assert_eq!(
        paid("IR560550012345678901234567"),
        6_888 + 4_133,
        "both marketers are one"
    );
    assert_eq!(
        paid("IR460170000000112233445566"),
        16_533 + 24_177,
        "the club"
    );
    // The pool pays what the card paid; the club's bank pays the shop what the club owes.
    let mut in_files = String::new();
    for file in settled["manifest"]["files"].as_array().unwrap() {
        let name = file["name"].as_str().unwrap();
        let text = fs::read_to_string(folder.join(name)).unwrap();
        assert!(!text.contains(CARD), "{name}");
        in_files.push_str(&format!("{name} {}\n", file["amount"]));
    }
    for wanted in [".json 2417778", ".xml 215111", ".csv 2581158"] {
        assert!(in_files.contains(wanted), "{wanted} wanted in\n{in_files}");
    }
    house.stop();
    check(
        &house.office_json(&["ledger", "verify"]),
        &[("/whole", json!(true))],
    );
}
