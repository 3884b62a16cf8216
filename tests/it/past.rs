//! Rules on a member's past, through the daemon, with the shipped rules.

use serde_json::{Value, json};

use crate::cli::House;

#[test]
fn the_tenth_purchase_is_the_tenth_after_a_kill_and_a_reversal() {
    let card = "9999120000000011";
    let mut house = House::new();
    house.start();
    house.pos_json(&["enrol", "--card", card], 0);
    let buy = |house: &House| {
        let words = ["purchase", "--card", card, "--amount", "1000000"];
        house.pos_json(&words, 0)
    };
    let gives = |sold: &Value| {
        let rules = sold["rules"].as_array().unwrap();
        rules.contains(&json!("every-tenth"))
    };
    for number in 1..=9 {
        assert!(!gives(&buy(&house)), "purchase {number}");
    }
    house.kill();
    house.start();
    let tenth = buy(&house);
    assert!(gives(&tenth), "{tenth}");
    // Taken back it was none: the next is the tenth again, and the one after it is not.
    house.pos_json(&["reverse", "--rrn", tenth["rrn"].as_str().unwrap()], 0);
    let again = buy(&house);
    assert!(gives(&again), "{again}");
    assert!(!gives(&buy(&house)));
    house.stop();
    assert_eq!(house.office_json(&["ledger", "verify"])["whole"], true);
}
