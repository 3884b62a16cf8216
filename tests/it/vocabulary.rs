//! Every condition and every effect of the rule language, each in a club of its own that knows little else.

use clubswitch::ledger::Names;
use clubswitch::rulefile;

use crate::decisions::Town;

const WORLD: &str = r#"
format = 1

[calendar]
time_zone = "Asia/Tehran"
cut_over = "23:59:30"
weekend = ["thu", "fri"]

[operator]
title = "Operator"
alias = "OPR"
iban = "IR840170000000000900000001"

[person.p-77]
title = "Marketer 77"
iban = "IR560550012345678901234567"

[person.p-78]
title = "Marketer 78"
iban = "IR560550012345678901234567"

[season.yalda]
from = "1405/09/25"
to = "1405/09/30"

[merchant.m-1001]
title = "Shop 1"
iban = "IR270170000000100324200001"
mcc = "5411"
marketer = "p-77"
province = "tehran"

[merchant.m-1002]
title = "Shop 2"
iban = "IR850120000000003052345678"
mcc = "7941"
province = "fars"

[merchant_group.all]
merchants = ["m-1001", "m-1002"]

[merchant_group.sport]
mcc = ["7941"]

[terminal_group.tills]
terminals = ["T-7", "T-8"]

[organisation.ministry]
title = "Ministry"
iban = "IR240120000000000900000002"

[member_group.staff]
members = [2]
cards_from = "lists/friends.csv"
"#;

/// The token that stories have for card `C3`: its name, and zeros.
const FRIENDS: &str = "token\n# by hand\n43330000000000000000000000000000\n";

/// Two card products: one known by its first digits and by the cards of a list, one by its first digits.
const CARDS: [(&str, &str); 2] = [
    (
        "cards/staff.toml",
        r#"
format = 1

[card]
id = "staff-card"
title = "Staff card"
bins = ["99991234"]
cards_from = "lists/friends.csv"
issuer = "ministry"
pay_order = ["bank"]
"#,
    ),
    (
        "cards/city.toml",
        r#"
format = 1

[card]
id = "city-card"
title = "City card"
bins = ["777777"]
issuer = "ministry"
pay_order = ["bank"]
"#,
    ),
];

/// A club whose members earn nothing but by these lines.
pub(crate) fn club(rules: &str) -> String {
    format!(
        r#"
format = 1

[club]
id = "golestan"
alias = "GOL"
title = "A club"
owner = {{ title = "Owner", iban = "IR460170000000112233445566" }}
merchants = ["all"]
enrol = {{ at_pos = true }}

[purse.points]
kind = "points"
decimals = 2

[purse.credit]
kind = "club-credit"

[purse.draw]
kind = "special"

[purse.seen]
kind = "virtual"
{rules}
"#
    )
}

/// An accrual of a thousand rials, under a condition.
pub(crate) fn gift(when: &str) -> String {
    club(&format!(
        "[[accrue]]\nname = \"gift\"\nwhen = {when}\nearn = {{ to = \"credit\", fixed_rial = 1_000 }}\nfunded_by = \"club\"\n"
    ))
}

/// Each line of a story that begins with `+` is a purchase that earns the gift, with `-` one that does not.
pub(crate) fn check_gift(when: &str, story: &str) {
    check(&gift(when), &gifts(story));
}

fn gifts(story: &str) -> String {
    let line = |line: &str| {
        let line = line.trim();
        match line.split_at_checked(1) {
            Some(("+", words)) => {
                format!("buy 1000 {words} -> approved discount 0 pays 1000 +credit 1000\n")
            }
            Some(("-", words)) => format!("buy 1000 {words} -> approved discount 0 pays 1000\n"),
            _ => format!("{line}\n"),
        }
    };
    story.lines().map(line).collect()
}

pub(crate) fn check(club: &str, story: &str) {
    town(&[club]).check(story);
}

/// The world above with some clubs in it.
pub(crate) fn town(clubs: &[&str]) -> Town {
    let lists = [("lists/friends.csv", FRIENDS), CARDS[0], CARDS[1]];
    Town::with_lists(WORLD, clubs, &lists)
}

#[test]
fn the_way_a_purchase_came() {
    check_gift(
        "{ channels = [\"app\", \"ussd\"] }",
        "open C1
         + card C1 via app
         + card C1 via ussd
         - card C1 via web
         - card C1",
    );
    check_gift(
        "{ entry = [\"chip\", \"contactless\"] }",
        "open C1
         + card C1 entry chip
         + card C1 entry contactless
         - card C1 entry stripe
         - card C1 entry manual
         - card C1",
    );
    check_gift(
        "{ terminal_groups = [\"tills\"] }",
        "open C1
         + card C1 terminal T-7
         - card C1 terminal T-9",
    );
}

#[test]
fn what_was_bought() {
    check_gift(
        "{ products = [\"tea\", \"rice\"] }",
        "open C1
         + card C1 product gold,tea
         - card C1 product gold
         - card C1",
    );
    check_gift(
        "{ not_products = [\"tobacco\", \"gold\"] }",
        "open C1
         - card C1 product gold,tea
         + card C1 product tea
         + card C1",
    );
    check_gift(
        "{ services = [\"tyres\"] }",
        "open C1
         + card C1 service tyres
         - card C1 service oil
         - card C1",
    );
}

#[test]
fn whose_card_it_is_and_where() {
    check_gift(
        "{ bins = [\"99991234\", \"888888\"] }",
        "open C1
         + card C1 bin 99991234
         + card C1 bin 88888812
         - card C1 bin 99991235
         - card C1",
    );
    check_gift(
        "{ card_products = [\"staff-card\"] }",
        "open C1
         open C3
         + card C1 bin 99991234
         - card C1 bin 99991235
         + card C3 bin 88888812
         - card C1",
    );
    check_gift(
        "{ not = { card_products = [\"staff-card\", \"city-card\"] } }",
        "open C1
         open C3
         - card C1 bin 99991234
         - card C1 bin 77777712
         - card C3 bin 88888812
         + card C1 bin 88888812",
    );
    check_gift(
        "{ provinces = [\"fars\"] }",
        "open C1
         - card C1 at m-1001
         + card C1 at m-1002",
    );
    // Member 2 by his number, the card C3 by its token.
    check_gift(
        "{ member_groups = [\"staff\"] }",
        "open C1
         open C2
         open C3
         - card C1
         + card C2
         + card C3",
    );
}

#[test]
fn birthdays_and_anniversaries() {
    // 1405/09/02 is a Monday.
    check_gift(
        "{ birthday = \"day\" }",
        "open C1 born=1370/09/02
         open C2 born=1370/09/03
         open C3
         + card C1
         - card C2
         - card C3
         at 1405/09/03 10:00
         - card C1
         + card C2",
    );
    check_gift(
        "{ birthday = \"week\" }",
        "open C1 born=1370/09/06
         open C2 born=1370/09/07
         + card C1
         - card C2",
    );
    check_gift(
        "{ anniversary = \"month\" }",
        "open C1 joined=1404/09/30
         open C2 joined=1405/09/01
         + card C1
         - card C2
         at 1405/10/01 10:00
         - card C1",
    );
    // A member who enrols at the terminal tells his birthday there.
    check_gift(
        "{ birthday = \"month\" }",
        "enrol card C1 born 1375/09/20 -> approved member 1
         + card C1",
    );
}

#[test]
fn the_introducer_earns_for_the_first_purchase_of_whom_he_brought() {
    let rules = club(
        "[[accrue]]
         name = \"friend\"
         when = { introduced = { first_purchase = true } }
         earn = { to = \"points\", fixed = \"50\", for = \"introducer\" }
         funded_by = \"club\"
         cap = [ { per = \"introducer\", window = \"jalali-month\", max_times = 2 } ]",
    );
    check(
        &rules,
        "open C1
         enrol card C2 by C1 -> approved member 2
         enrol card C3 by C1 -> approved member 3
         enrol card C4 by C1 -> approved member 4
         enrol card C5 -> approved member 5
         buy 1000 card C2 stan 1 -> approved discount 0 pays 1000
         has C1 -> points 50.00
         has C2 ->
         buy 1000 card C2 -> approved discount 0 pays 1000
         has C1 -> points 50.00
         buy 1000 card C5 -> approved discount 0 pays 1000
         buy 1000 card C3 stan 3 -> approved discount 0 pays 1000
         buy 1000 card C4 -> approved discount 0 pays 1000
         has C1 -> points 100.00
         reverse stan 3 -> approved
         has C1 -> points 50.00
         buy 1000 card C3 -> approved discount 0 pays 1000
         has C1 -> points 100.00",
    );
    check_gift(
        "{ introduced = {} }",
        "open C1
         enrol card C2 by C1 -> approved member 2
         - card C1
         + card C2
         + card C2",
    );
    check_gift(
        "{ introduced = { first_purchase = false } }",
        "open C1
         enrol card C2 by C1 -> approved member 2
         - card C2
         + card C2",
    );
}

#[test]
fn what_the_introducer_spent_already_he_owes() {
    let rules = club(
        "[redeem]
         from = [\"credit\"]
         pin = false
         [[accrue]]
         name = \"friend\"
         when = { introduced = { first_purchase = true } }
         earn = { to = \"credit\", fixed_rial = 500, for = \"introducer\" }
         funded_by = \"club\"",
    );
    check(
        &rules,
        "open C1
         enrol card C2 by C1 -> approved member 2
         buy 1000 card C2 stan 1 -> approved discount 0 pays 1000
         buy 1000 card C1 redeem 500 -> approved discount 0 redeemed 500 -credit 500 pays 500
         has C1 ->
         reverse stan 1 -> approved
         has C1 -> credit 0 owes 500
         buy 1000 card C2 -> approved discount 0 pays 1000
         has C1 ->",
    );
}

#[test]
fn what_was_spent_before_and_with_this_purchase() {
    check_gift(
        "{ spent = { in = \"jalali-month\", crosses_rial = 3_000 } }",
        "at 1405/09/29 10:00
         open C1
         - card C1
         - card C1 stan 2
         + card C1 stan 3
         - card C1
         at 1405/10/01 10:00
         - card C1
         - card C1
         + card C1 stan 4
         reverse stan 4 -> approved
         + card C1",
    );
    check_gift(
        "{ spent = { in = \"2 days\", min_rial = 1_000, max_rial = 2_000 } }",
        "open C1
         - card C1
         + card C1
         + card C1
         - card C1
         at 1405/09/03 10:00
         - card C1
         at 1405/09/04 10:00
         + card C1",
    );
    check_gift(
        "{ spent = { in = \"day\", min_rial = 1, where = \"sport\" } }",
        "open C1
         - card C1 at m-1001
         - card C1 at m-1002
         - card C1 at m-1001
         + card C1 at m-1002",
    );
    // What purses paid and what was discounted was not spent.
    let rules = club(
        "[[discount]]
         name = \"half\"
         give = { percent = \"50%\" }
         paid_by = { merchant = \"100%\" }
         [[accrue]]
         name = \"gift\"
         when = { spent = { in = \"day\", crosses_rial = 1_000 } }
         earn = { to = \"credit\", fixed_rial = 1_000 }
         funded_by = \"club\"",
    );
    check(
        &rules,
        "open C1
         buy 1000 card C1 -> approved discount 500 pays 500
         buy 1000 card C1 -> approved discount 500 pays 500 +credit 1000",
    );
}

#[test]
fn what_was_earned_before_and_what_is_there() {
    let rules = club(
        "[[accrue]]
         name = \"base\"
         earn = { to = \"points\", points = 1, per_rial = 100 }
         funded_by = \"club\"
         [[accrue]]
         name = \"gift\"
         when = { earned = { purse = \"points\", in = \"2 days\", min = \"20\" } }
         earn = { to = \"credit\", fixed_rial = 1_000 }
         funded_by = \"club\"",
    );
    check(
        &rules,
        "open C1 points=500.00
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 10.00
         buy 1000 card C1 stan 2 -> approved discount 0 pays 1000 +points 10.00
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 10.00 +credit 1000
         reverse stan 2 -> approved
         at 1405/09/03 10:00
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 10.00 +credit 1000
         at 1405/09/04 10:00
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 10.00",
    );
    check_gift(
        "{ balance = { purse = \"points\", min = \"10.5\" } }",
        "open C1 points=10.50
         open C2 points=10.49
         + card C1
         - card C2",
    );
}

#[test]
fn once_more_of_another_rule() {
    let rules = |day: &str| {
        club(&format!(
            "[tiers]
             level = [ {{ name = \"normal\" }}, {{ name = \"silver\", by_hand = true, earn_times = \"1.2\" }} ]
             [[accrue]]
             name = \"base\"
             when = {{ merchants = [\"m-1001\"] }}
             earn = {{ to = \"points\", points = 1, per_rial = 300, tiered = true }}
             funded_by = \"club\"
             [[accrue]]
             name = \"double\"
             when = {{ weekdays = [\"{day}\"] }}
             earn = {{ to = \"points\", times = \"1\", of = \"base\" }}
             funded_by = \"club\"
             [[accrue]]
             name = \"half-of-that\"
             earn = {{ to = \"points\", times = \"0.5\", of = \"double\" }}
             funded_by = \"club\""
        ))
    };
    // 1,000 / 300 x 1.2 = 4.00; the same once more; half of it, rounded once.
    check(
        &rules("mon"),
        "open C1 silver
         buy 1000 card C1 at m-1001 -> approved discount 0 pays 1000 +points 10.00
         buy 1001 card C1 at m-1001 -> approved discount 0 pays 1001 +points 10.00
         buy 1000 card C1 at m-1002 -> approved discount 0 pays 1000",
    );
    check(
        &rules("tue"),
        "open C1 silver
         buy 1000 card C1 at m-1001 -> approved discount 0 pays 1000 +points 4.00",
    );
}

#[test]
fn chances_and_virtual_purses_are_no_money() {
    let rules = club(
        "[[accrue]]
         name = \"chance\"
         earn = { to = \"draw\", chances = 2, per_rial = 1_000 }
         funded_by = \"club\"
         [[accrue]]
         name = \"seen\"
         earn = { to = \"seen\", percent = \"100%\" }
         funded_by = \"merchant\"
         [[split]]
         name = \"default\"
         part = [ { to = \"merchant\", rest = true } ]",
    );
    check(
        &rules,
        "open C1
         buy 1499 card C1 stan 1 -> approved discount 0 pays 1499 +draw 2 +seen 1499
         buy 1500 card C1 -> approved discount 0 pays 1500 +draw 3 +seen 1500
         has C1 -> draw 5, seen 2999
         owes reserve ->
         owes club ->
         reverse stan 1 -> approved
         has C1 -> draw 3, seen 1500",
    );
}

#[test]
fn a_rule_that_stops_is_the_last_and_what_rules_say_is_told() {
    let rules = club(
        "[stack.discount]
         mode = \"all\"
         [[discount]]
         name = \"first\"
         when = { amount_rial = { min = 2_000 } }
         give = { percent = \"10%\" }
         paid_by = { merchant = \"100%\" }
         stop = true
         say = \"ten percent for you\"
         [[discount]]
         name = \"second\"
         give = { percent = \"5%\" }
         paid_by = { merchant = \"100%\" }
         [[accrue]]
         name = \"none\"
         earn = { to = \"points\", points = 1, per_rial = 1_000_000_000 }
         funded_by = \"club\"
         stop = true
         [[accrue]]
         name = \"welcome\"
         earn = { to = \"credit\", fixed_rial = 7 }
         funded_by = \"club\"
         say = \"خوش آمدید\"",
    );
    // A rule that gives nothing stops nothing.
    check(
        &rules,
        "open C1
         buy 1000 card C1 stan 1 -> approved discount 50 pays 950 +credit 7 says \"خوش آمدید\"
         buy 2000 card C1 -> approved discount 200 pays 1800 +credit 7 says \"ten percent for you\" says \"خوش آمدید\"
         repeat stan 1 -> approved discount 50 pays 950 +credit 7 says \"خوش آمدید\"",
    );
}

#[test]
fn tiers_are_reached_by_buying_and_lost_at_a_review() {
    let rules = |downgrade: &str| {
        club(&format!(
            "[tiers]
             measure = {{ spent = \"60 days\" }}
             review = \"monthly\"
             downgrade = \"{downgrade}\"
             level = [
               {{ name = \"normal\", from_rial = 0 }},
               {{ name = \"silver\", from_rial = 3_000, by_hand = true, earn_times = \"2\" }},
               {{ name = \"gold\", from_rial = 6_000, earn_times = \"3\" }},
               {{ name = \"platinum\", by_hand = true, earn_times = \"4\" }},
             ]
             [[accrue]]
             name = \"base\"
             earn = {{ to = \"points\", points = 1, per_rial = 100, tiered = true }}
             funded_by = \"club\""
        ))
    };
    // Up at once, from the purchase after the one that reaches it (S5); the month after next he has lost what he spent.
    let story = |first: &str, second: &str, third: &str| {
        format!(
            "open C1
             open C2 platinum
             buy 1000 card C2 -> approved discount 0 pays 1000 +points 40.00
             buy 3000 card C1 -> approved discount 0 pays 3000 +points 30.00
             buy 3000 card C1 stan 1 -> approved discount 0 pays 3000 +points 60.00
             buy 100 card C1 -> approved discount 0 pays 100 +points 3.00
             reverse stan 1 -> approved
             buy 100 card C1 -> approved discount 0 pays 100 +points 3.00
             at 1405/11/30 10:00
             buy 100 card C1 -> approved discount 0 pays 100 +points {first}
             at 1405/12/01 10:00
             buy 100 card C1 -> approved discount 0 pays 100 +points {second}
             at 1406/02/01 10:00
             buy 100 card C1 -> approved discount 0 pays 100 +points {third}"
        )
    };
    // Gold until the first of Dey, when silver is what is measured, as on the first of Bahman; then nothing is left of it.
    for downgrade in ["one-step", "by-balance"] {
        check(&rules(downgrade), &story("2.00", "1.00", "1.00"));
    }
    let steps = |downgrade: &str, dey: &str, bahman: &str, esfand: &str| {
        let story = format!(
            "open C1
             buy 6000 card C1 -> approved discount 0 pays 6000 +points 60.00
             at 1405/10/02 10:00
             buy 100 card C1 -> approved discount 0 pays 100 +points 3.00
             at 1405/10/30 10:00
             buy 100 card C1 -> approved discount 0 pays 100 +points {dey}
             at 1405/11/02 10:00
             buy 100 card C1 -> approved discount 0 pays 100 +points {bahman}
             at 1405/12/02 10:00
             buy 100 card C1 -> approved discount 0 pays 100 +points {esfand}"
        );
        check(&rules(downgrade), &story);
    };
    // 60 days after 1405/09/02 end on 1405/11/01: within Dey nothing falls, on the first of Bahman nothing yet,
    // on the first of Esfand all of it.
    steps("one-step", "3.00", "3.00", "2.00");
    steps("by-balance", "3.00", "3.00", "1.00");
}

#[test]
fn a_late_advice_brings_no_review_back() {
    let rules = club(
        "[tiers]
         measure = { spent = \"10 days\" }
         level = [
           { name = \"normal\" },
           { name = \"silver\", from_rial = 3_000, earn_times = \"2\" },
           { name = \"gold\", from_rial = 6_000, earn_times = \"3\" },
         ]
         [[accrue]]
         name = \"base\"
         earn = { to = \"points\", points = 1, per_rial = 100, tiered = true }
         funded_by = \"club\"",
    );
    // Gold since the second; on the first of Dey nothing is left of it, and he steps down once. What is told then of Azar
    // changes nothing.
    check(
        &rules,
        "open C1
         buy 6000 card C1 -> approved discount 0 pays 6000 +points 60.00
         at 1405/10/02 10:00
         buy 100 card C1 -> approved discount 0 pays 100 +points 2.00
         tell 100 card C1 stamp 1220101500 -> approved discount 0 pays 100 +points 2.00
         buy 100 card C1 -> approved discount 0 pays 100 +points 2.00",
    );
}

#[test]
fn tiers_by_the_number_of_purchases() {
    let rules = club(
        "[tiers]
         measure = { visits = \"30 days\" }
         level = [ { name = \"normal\" }, { name = \"silver\", from_visits = 2, earn_times = \"2\" } ]
         [[accrue]]
         name = \"base\"
         earn = { to = \"points\", points = 1, per_rial = 100, tiered = true }
         funded_by = \"club\"
         [[discount]]
         name = \"for-silver\"
         when = { tiers = [\"silver\"] }
         give = { percent = \"10%\" }
         paid_by = { club = \"100%\" }",
    );
    check(
        &rules,
        "open C1
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 10.00
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 10.00
         buy 1000 card C1 -> approved discount 100 pays 900 +points 18.00",
    );
}

#[test]
fn a_card_number_in_a_list_is_refused_and_not_shown() {
    let compile = |list: &str| {
        let club = gift("{ member_groups = [\"staff\"] }");
        let texts = [
            ("world/shared.toml", WORLD),
            ("clubs/a.toml", &club),
            ("lists/friends.csv", list),
        ];
        let faults = rulefile::compile(&texts, &Names::default());
        faults.map_err(|faults| faults.drawn(false)).map(|_| ())
    };
    for (list, wanted) in [
        ("token\n9999120000001234\n", "lists/friends.csv:2"),
        ("member\n9999120000001234\n", "lists/friends.csv:2"),
        ("member\n\n# x\n0\n", "lists/friends.csv:4"),
        ("17\n", "lists/friends.csv:1"),
        ("", "lists/friends.csv:1"),
    ] {
        let drawn = compile(list).expect_err(list);
        assert!(drawn.contains(wanted), "{drawn}");
        assert!(!drawn.contains("9999120000001234"), "{drawn}");
    }
    assert_eq!(compile("\u{feff}member\r\n 17 \r\n"), Ok(()));
}

#[test]
fn an_event_earns_by_the_rules_that_ask_for_it() {
    let rules = club(
        "[[accrue]]
         name = \"survey\"
         when = { event = \"survey-filled\", tiers = [\"silver\"] }
         earn = { to = \"points\", fixed = \"30\" }
         funded_by = \"club\"
         cap = [ { per = \"member\", window = \"jalali-month\", max_times = 1 } ]
         [tiers]
         level = [ { name = \"normal\" }, { name = \"silver\", by_hand = true } ]
         [[accrue]]
         name = \"gift\"
         earn = { to = \"credit\", fixed_rial = 7 }
         hold = { until = \"survey-filled\", at_most = \"30 days\" }
         funded_by = \"club\"",
    );
    check(
        &rules,
        "open C1 silver
         open C2
         event survey-filled C2 -> nothing waits
         event survey-filled C1 -> released
         has C1 -> points 30.00
         event survey-filled C1 -> nothing waits
         buy 1000 card C1 -> approved discount 0 pays 1000 +credit 7
         event survey-filled C1 -> released
         has C1 -> credit 7, points 30.00
         at 1405/10/01 10:00
         event survey-filled C1 -> released
         has C1 -> credit 7, points 60.00",
    );
}

#[test]
fn who_becomes_a_member_by_his_purchase_may_reach_a_tier_with_it() {
    let rules = "[tiers]
                 measure = { spent = \"60 days\" }
                 level = [
                   { name = \"normal\", from_rial = 0 },
                   { name = \"silver\", from_rial = 3_000, earn_times = \"2\" },
                 ]
                 [[accrue]]
                 name = \"base\"
                 earn = { to = \"points\", points = 1, per_rial = 100, tiered = true }
                 funded_by = \"club\"";
    let club = club(rules).replace("at_pos = true", "on_first_purchase = true");
    check(
        &club,
        "buy 3000 card C9 -> approved discount 0 pays 3000 +points 30.00
         buy 3000 card C9 -> approved discount 0 pays 3000 +points 60.00",
    );
}
