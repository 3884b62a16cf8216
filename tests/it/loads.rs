//! Money that gets into pockets other than by a purchase: loads with their bonus, conversions, grants by the clock and by hand.

use crate::decisions::Town;

const WORLD: &str = include_str!("../../fixtures/rules-whole/world/shared.toml");

/// The cards `S1` and `S2`, as stories write their tokens.
const STAFF: &str = "token\n53310000000000000000000000000000\n53320000000000000000000000000000\n";

/// A card with a pocket of each kind that money can get into; `more` stands behind its pockets.
fn card(more: &str) -> String {
    format!(
        r#"
format = 1

[card]
id = "bpcard"
title = "Card"
bins = ["99991234"]
cards_from = "lists/staff.csv"
issuer = "parse"
pay_order = ["lunch", "sport", "gift", "wallet", "once", "bank"]

[purse.lunch]
kind = "bon"
owed_by = "sponsor"
sponsor = "ministry-a"
grant = {{ rial = 1_000, every = "jalali-month", on_day = 1, to = ["staff"] }}
carry_over = false

[purse.sport]
kind = "bon"
owed_by = "sponsor"
sponsor = "ministry-a"
grant = {{ rial = 200, every = "jalali-month", on_day = 31, to = ["staff"] }}
carry_over = true
expiry = {{ after = "3 jalali-months", round_up_to = "end-of-jalali-month" }}

[purse.gift]
kind = "gift"
owed_by = "issuer"
load = {{ min_rial = 500, max_rial = 50_000, amounts_rial = [500, 1_000, 1_005, 2_000] }}
bonus = {{ percent = "10%", funded_by = "merchant", expiry = {{ after = "60 days" }} }}
reload = true
expiry = {{ after = "1 jalali-year" }}

[purse.wallet]
kind = "prepaid"
owed_by = "operator"
load = {{ by = ["transfer", "cash-desk"], min_rial = 100, max_rial = 4_000, max_balance_rial = 5_000 }}
reload = true

[purse.once]
kind = "gift"
owed_by = "issuer"
load = {{ min_rial = 100 }}
reload = false
{more}
"#
    )
}

/// A hundred of the one are eighty of the other, in the last days of a month.
const CONVERTS: &str = r#"
[[convert]]
name = "sport-to-lunch"
from = "sport"
to = "lunch"
rate = { give = 100, get = 80 }
window = { from_day = 25, to_day = 29 }
max_rial = 150

[[convert]]
name = "wallet-to-gift"
from = "wallet"
to = "gift"
rate = { give = 3, get = 2 }
"#;

fn check(story: &str) {
    let card = card(CONVERTS);
    let lists = [
        ("cards/bpcard.toml", card.as_str()),
        ("lists/staff.csv", STAFF),
    ];
    Town::with_lists(WORLD, &[], &lists).check(story);
}

#[test]
fn b30_a_gift_card_is_loaded_with_one_of_its_amounts() {
    check(
        "load 1_000 card B1 to G1 tobin 99991234 purse gift stan 1 -> approved pays 1000 +gift 1100
         has G1 in=bpcard -> gift 1100
         owes pool -> -1000
         owes shop -> -100
         owes organisation -> 1100
         load 700 card B1 to G1 tobin 99991234 purse gift -> invalid-amount
         load 60_000 card B1 to G1 tobin 99991234 purse gift -> invalid-amount
         load 0 card B1 to G1 tobin 99991234 purse gift -> invalid-amount
         load 1_000 card B1 to G1 tobin 99991234 purse gift currency 840 -> invalid-amount
         load 1_000 card B1 to G2 tobin 88881234 purse gift -> member-unknown
         load 1_000 card B1 to G1 tobin 99991234 purse lunch -> not-allowed
         load 1_000 card B1 to G1 tobin 99991234 purse none -> not-allowed
         load 1_000 card B1 to G1 tobin 99991234 -> not-allowed
         load 1_000 card B1 to G1 tobin 99991234 purse gift at m-9 -> merchant-unknown
         has G1 in=bpcard -> gift 1100",
    );
}

#[test]
fn b22_a_prepaid_card_is_loaded_by_its_own_card_or_in_cash_and_not_over_its_most() {
    check(
        "load 3_000 card S1 purse wallet -> approved pays 3000 +wallet 3000
         owes pool -> -3000
         owes operator -> 3000
         load 1_000 card S1 purse wallet via pos-cash -> approved pays 0 +wallet 1000
         owes pool -> -3000
         owes shop -> -1000
         owes operator -> 4000
         load 1_001 card S1 purse wallet -> over-amount-limit
         load 4_001 card S2 purse wallet -> over-amount-limit
         load 99 card S2 purse wallet -> invalid-amount
         load 1_000 card S2 purse wallet via app -> not-allowed
         has S1 in=bpcard -> wallet 4000",
    );
}

#[test]
fn b23_b31_b57_what_is_added_to_a_load_has_its_own_payer_and_its_own_end() {
    // Ten percent of 1,005 are 100 rials; they end sixty days later, the load after a year.
    check(
        "load 1_005 card B1 to G1 tobin 99991234 purse gift -> approved pays 1005 +gift 1105
         owes shop -> -100
         at 1405/11/02 10:00
         balance card G1 bin 99991234 of gift
         has G1 in=bpcard -> gift 1105",
    );
}

#[test]
fn b33_a_pocket_without_reload_is_filled_once() {
    check(
        "load 500 card B1 to G1 tobin 99991234 purse once stan 1 -> approved pays 500 +once 500
         load 500 card B1 to G1 tobin 99991234 purse once -> over-times-limit
         load 500 card B1 to G2 tobin 99991234 purse once -> approved pays 500 +once 500
         reverse stan 1 -> approved
         load 500 card B1 to G1 tobin 99991234 purse once -> approved pays 500 +once 500
         load 500 card B1 to G1 tobin 99991234 purse gift -> approved pays 500 +gift 550
         load 500 card B1 to G1 tobin 99991234 purse gift -> approved pays 500 +gift 550",
    );
}

#[test]
fn a_load_is_told_again_and_undone_as_a_purchase_is() {
    check(
        "load 1_000 card B1 to G1 tobin 99991234 purse gift stan 7 -> approved pays 1000 +gift 1100
         repeat stan 7 -> approved pays 1000 +gift 1100
         repeat stan 7 amount 999 -> key-conflict
         has G1 in=bpcard -> gift 1100
         reverse stan 7 amount 1_000 -> approved
         repeat stan 7 -> approved pays 1000 +gift 1100
         has G1 in=bpcard ->
         owes pool ->
         owes shop ->
         owes organisation ->
         reverse stan 9 advised -> approved
         load 1_000 card B1 to G1 tobin 99991234 purse gift stan 9 -> unknown-transaction
         has G1 in=bpcard ->",
    );
}

#[test]
fn b38_one_pocket_becomes_another_in_its_days() {
    check(
        "give S1 in=bpcard sport=300 once
         convert 100 card S1 purse sport>lunch -> not-allowed
         at 1405/09/25 00:00
         convert 101 card S1 purse sport>lunch stan 3 -> approved redeemed 101 -sport 101 +lunch 80
         has S1 in=bpcard -> lunch 80, sport 199
         owes organisation ->
         convert 151 card S1 purse sport>lunch -> over-amount-limit
         convert 1 card S1 purse sport>lunch -> invalid-amount
         convert 100 card S1 purse lunch>sport -> not-allowed
         convert 100 card S1 purse sport -> not-allowed
         convert 100 card S1 to S2 purse sport>lunch -> not-allowed
         convert 100 card B1 purse sport>lunch -> member-unknown
         convert 100 card S2 purse sport>lunch -> not-enough
         reverse stan 3 -> approved
         has S1 in=bpcard -> sport 300
         convert 100 card S1 purse sport>lunch -> approved redeemed 100 -sport 100 +lunch 80
         at 1405/09/30 00:00
         convert 100 card S1 purse sport>lunch -> not-allowed
         at 1405/10/01 00:00
         buy 80 card S1
         has S1 in=bpcard -> lunch 80, sport 200",
    );
}

#[test]
fn a_conversion_between_pockets_of_two_debtors_moves_the_money_between_them() {
    check(
        "load 1_000 card S1 purse wallet
         owes operator -> 1000
         convert 301 card S1 purse wallet>gift stan 5 -> approved redeemed 301 -wallet 301 +gift 200
         owes operator -> 800
         owes organisation -> 200
         has S1 in=bpcard -> gift 200, wallet 699
         reverse stan 5 -> approved
         owes operator -> 1000
         owes organisation ->
         has S1 in=bpcard -> wallet 1000",
    );
}

#[test]
fn b21_a_grant_comes_each_month_and_lapses_with_the_next() {
    check(
        "grants -> 4 given
         has S1 in=bpcard -> lunch 1000, sport 200
         grants -> 0 given
         at 1405/09/29 23:59
         grants -> 0 given
         at 1405/09/30 00:00
         grants -> 2 given
         has S1 in=bpcard -> lunch 1000, sport 400
         at 1405/10/01 00:00
         grants -> 2 given
         balance card S1 of bon
         has S2 in=bpcard -> lunch 2000, sport 400
         at 1405/10/02 00:00
         grants -> 0 given",
    );
}

#[test]
fn m32_a_grant_by_hand_is_given_once_and_goes_wherever_something_is_kept() {
    check(
        "give S1 in=bpcard lunch=500 first -> given
         give S1 in=bpcard lunch=500 first -> this is given already, to all its 1
         give S1 in=bpcard wallet=70~1405/09/03 second -> given
         give B9 in=bpcard wallet=0 third -> row 1: nothing can be given into this purse
         has S1 in=bpcard -> lunch 500, wallet 70",
    );
}
