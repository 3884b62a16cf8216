//! What the five systems that clubs use today offer, as far as rules express it: a test a row, named by its number in the
//! list of features asked for (A the points house, M the loyalty platform, B the multi-purpose cards, C the club's
//! services, L the bonus processing).

use crate::vocabulary::{check, check_gift, club, town};

/// `name: "what is asked for" => rules, story;`
macro_rules! features {
    ($($name:ident: $what:literal => $rules:expr, $story:expr;)*) => {$(
        #[doc = $what]
        #[test]
        fn $name() {
            check(&club($rules), $story);
        }
    )*};
}

/// The same with an accrual of 1,000 rials under a condition; a line with `+` is a purchase that earns it.
macro_rules! conditions {
    ($($name:ident: $what:literal => $when:expr, $story:expr;)*) => {$(
        #[doc = $what]
        #[test]
        fn $name() {
            check_gift($when, $story);
        }
    )*};
}

/// A point for every 100 rials.
const BASE: &str = r#"
[[accrue]]
name = "base"
earn = { to = "points", points = 1, per_rial = 100 }
funded_by = "club"
"#;

/// Credit pays up to all of the bill.
const CREDIT_PAYS: &str = "[redeem]\nfrom = [\"credit\"]\npin = false\n";

/// A tenth off, which the shop pays.
const TENTH_OFF: &str = r#"
[[discount]]
name = "tenth"
give = { percent = "10%" }
paid_by = { merchant = "100%" }
"#;

/// Points are worth ten rials each, and pay up to half of the bill in steps of a hundred.
const POINTS_PAY: &str = r#"
[purse.star]
kind = "points"
value = { rial = 10, per_points = 1 }
[redeem]
from = ["star"]
pin = false
at_most = "50%"
min_rial = 100
step_rial = 100
"#;

features! {
    a1_points_on_a_purchase: "Earn points on a purchase" => BASE,
        "open C1
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 10.00";
    a2_points_for_later_purchases: "Use points for later purchases" => POINTS_PAY,
        "open C1 star=60
         buy 1000 card C1 redeem 400 -> approved discount 0 redeemed 400 -star 40 pays 600
         has C1 -> star 20";
    a3_a_discount_paid_with_points: "Points-discount" => POINTS_PAY,
        "open C1 star=60
         buy 900 card C1 redeem max -> approved discount 0 redeemed 400 -star 40 pays 500";
    a4_cash_discount: "Cash discount" => TENTH_OFF,
        "open C1
         buy 1000 card C1 -> approved discount 100 pays 900";
    a15_points_for_growth: "Points for growth in transactions" =>
        "[[accrue]]
         name = \"growth\"
         when = { spent = { in = \"jalali-month\", crosses_rial = 5_000 } }
         earn = { to = \"points\", fixed = \"50\" }
         funded_by = \"club\"
         [[accrue]]
         name = \"activity\"
         when = { event = \"app-opened\" }
         earn = { to = \"points\", fixed = \"1\" }
         funded_by = \"club\"",
        "open C1
         buy 4999 card C1 -> approved discount 0 pays 4999
         buy 1 card C1 -> approved discount 0 pays 1 +points 50.00
         event app-opened C1 -> released
         has C1 -> points 51.00";
    a16_a_rule_has_a_budget: "The manager controls the cost" =>
        "[[discount]]
         name = \"tenth\"
         give = { percent = \"10%\" }
         paid_by = { club = \"100%\" }
         cap = [ { per = \"rule\", window = \"jalali-month\", max_rial = 150 } ]",
        "open C1
         open C2
         buy 1000 card C1 -> approved discount 100 pays 900
         buy 1000 card C2 -> approved discount 50 pays 950
         buy 1000 card C1 -> approved discount 0 pays 1000";
    m1_parts_are_combined: "Main parts can be combined" =>
        "[condition.quiet]
         hours = [\"08:00-12:00\"]
         not = { weekdays = [\"fri\"] }
         [[accrue]]
         name = \"either\"
         when = { use = \"quiet\", any = [ { channels = [\"app\"] }, { amount_rial = { min = 2_000 } } ] }
         earn = { to = \"credit\", bands = [ { from_rial = 0, percent = \"1%\" }, { from_rial = 1_000, percent = \"2%\" } ] }
         funded_by = \"club\"",
        "open C1
         buy 1000 card C1 -> approved discount 0 pays 1000
         buy 1000 card C1 via app -> approved discount 0 pays 1000 +credit 10
         buy 2000 card C1 -> approved discount 0 pays 2000 +credit 30";
    m12_discount_at_the_moment: "Cash discount at the moment of purchase; who pays it is said" =>
        "[[discount]]
         name = \"shared\"
         give = { percent = \"10%\" }
         paid_by = { merchant = \"60%\", club = \"rest\" }",
        "open C1
         buy 1005 card C1 -> approved discount 100 pays 905
         owes club -> -40";
    m13_merchant_credit: "Merchant credit, spendable at the same shop" =>
        "[purse.own]
         kind = \"merchant-credit\"
         spend_at = \"same-merchant\"
         [redeem]
         from = [\"own\"]
         pin = false
         [[accrue]]
         name = \"own\"
         earn = { to = \"own\", percent = \"10%\" }
         funded_by = \"merchant\"",
        "open C1
         buy 1000 card C1 at m-1001 -> approved discount 0 pays 1000 +own 100
         buy 1000 card C1 at m-1002 redeem max -> approved discount 0 pays 1000 +own 100
         buy 1000 card C1 at m-1001 redeem max -> approved discount 0 redeemed 100 -own 100 pays 900 +own 90";
    m14_club_credit: "Club credit, spendable at a group" =>
        "[purse.fit]
         kind = \"club-credit\"
         spend_at = [\"sport\"]
         [redeem]
         from = [\"fit\"]
         pin = false",
        "open C1 fit=300
         buy 1000 card C1 at m-1001 redeem max -> approved discount 0 pays 1000
         buy 1000 card C1 at m-1002 redeem max -> approved discount 0 redeemed 300 -fit 300 pays 700";
    m15_special_credit: "Purchases give chances in a draw" =>
        "[[accrue]]
         name = \"chance\"
         earn = { to = \"draw\", chances = 1, per_rial = 1_000 }
         funded_by = \"club\"",
        "open C1
         buy 2999 card C1 -> approved discount 0 pays 2999 +draw 2";
    m16_virtual_credit: "Credit with no visible form, used by scenarios" =>
        "[[accrue]]
         name = \"seen\"
         earn = { to = \"seen\", percent = \"100%\" }
         funded_by = \"club\"
         [[accrue]]
         name = \"gift\"
         when = { balance = { purse = \"seen\", min = 2_000 } }
         earn = { to = \"credit\", fixed_rial = 5 }
         funded_by = \"club\"",
        "open C1
         buy 1000 card C1 -> approved discount 0 pays 1000 +seen 1000
         buy 1000 card C1 -> approved discount 0 pays 1000 +seen 1000
         buy 1000 card C1 -> approved discount 0 pays 1000 +seen 1000 +credit 5
         owes club ->";
    m17_points: "Non-rial credit with decimals" =>
        "[[accrue]]
         name = \"base\"
         earn = { to = \"points\", points = 1, per_rial = 300 }
         funded_by = \"club\"",
        "open C1
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 3.33";
    m18_fee_from_the_club: "Fee from the club owner" =>
        "[fee]
         percent = \"0.3%\"
         min_rial = 5
         max_rial = 50
         payer = \"club\"",
        "open C1
         buy 1000 card C1 -> approved discount 0 pays 1000
         owes operator -> 5
         buy 100000 card C1 -> approved discount 0 pays 100000
         owes operator -> 55
         owes club -> -55";
    m19_a_member_at_the_pos: "Add a member at the POS" => BASE,
        "buy 1000 card C1 -> approved
         enrol card C1 mobile 09120000001 -> approved member 1
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 10.00
         enrol card C1 -> already-there member 1";
    m25_points_from_introduced_members: "Points from what introduced members do" =>
        "[[accrue]]
         name = \"share\"
         when = { introduced = {} }
         earn = { to = \"points\", points = 1, per_rial = 1_000, for = \"introducer\" }
         funded_by = \"club\"
         cap = [ { per = \"introducer\", window = \"jalali-month\", max_points = 15 } ]",
        "open C1
         enrol card C2 by C1 -> approved member 2
         buy 10000 card C2 stan 1 -> approved discount 0 pays 10000
         has C1 -> points 10.00
         buy 10000 card C2 -> approved discount 0 pays 10000
         has C1 -> points 15.00
         reverse stan 1 -> approved
         has C1 -> points 5.00";
    m26_m27_m28_m29_m30_split: "Split orders: acceptor, marketer, acquiring marketer, club owner" =>
        "[[split]]
         name = \"default\"
         part = [
           { to = \"marketer\", percent = \"1%\" },
           { to = \"merchant-marketer\", percent = \"2%\" },
           { to = \"club-owner\", percent = \"3%\" },
           { to = \"merchant\", rest = true },
         ]",
        "open C1 p-78
         buy 1000 card C1 at m-1001 -> approved discount 0 pays 1000
         owes person -> 20 10
         owes owner -> 30
         owes shop -> 940";
    m31_saving_of_holder_and_acceptor: "Split and save credit of holder and acceptor" =>
        "[[accrue]]
         name = \"saving\"
         earn = { to = \"credit\", percent = \"5%\" }
         funded_by = \"merchant\"
         [[split]]
         name = \"default\"
         part = [ { to = \"acceptor-saving\", percent = \"2%\" }, { to = \"merchant\", rest = true } ]",
        "open C1
         buy 1000 card C1 -> approved discount 0 pays 1000 +credit 50
         owes reserve -> 50
         owes saving -> 20
         owes shop -> 930";
    m35_the_pos: "The POS channel" => BASE,
        "open C1
         quote 1000 card C1 -> approved discount 0 pays 1000 +points 10.00
         buy 1000 card C1 stan 1 -> approved discount 0 pays 1000 +points 10.00
         repeat stan 1 -> approved discount 0 pays 1000 +points 10.00
         reverse stan 1 -> approved
         balance card C1 -> approved points 0.00 credit 0 draw 0 seen 0";
    b2_b39_a_discount_for_each_shop: "A discount per shop" =>
        "[[discount]]
         name = \"first\"
         when = { merchants = [\"m-1001\"] }
         give = { percent = \"7%\" }
         paid_by = { merchant = \"100%\" }
         [[discount]]
         name = \"second\"
         when = { merchants = [\"m-1002\"] }
         give = { fixed_rial = 30 }
         paid_by = { merchant = \"100%\" }",
        "open C1
         buy 1000 card C1 at m-1001 -> approved discount 70 pays 930
         buy 1000 card C1 at m-1002 -> approved discount 30 pays 970";
    b5_special_discounts: "Purchase with special discounts" =>
        "[stack.discount]
         mode = \"all\"
         [[discount]]
         name = \"members\"
         give = { percent = \"5%\" }
         paid_by = { merchant = \"100%\" }
         [[discount]]
         name = \"large\"
         when = { amount_rial = { min = 10_000 } }
         give = { percent = \"10%\", max_rial = 1_200 }
         paid_by = { merchant = \"100%\" }",
        "open C1
         buy 1000 card C1 -> approved discount 50 pays 950
         buy 20000 card C1 -> approved discount 2200 pays 17800";
    b8_a_co_operative: "Members' dividend of a co-operative" =>
        "[[accrue]]
         name = \"dividend\"
         base = \"gross\"
         earn = { to = \"credit\", percent = \"2%\" }
         funded_by = \"merchant\"",
        "open C1
         buy 1000 card C1 -> approved discount 0 pays 1000 +credit 20";
    b25_l15_named_centres_only: "Accepted only at centres you name" =>
        "[purse.fit]
         kind = \"club-credit\"
         spend_at = [\"sport\"]
         [redeem]
         from = [\"fit\"]
         pin = false",
        "open C1 fit=300
         buy 1000 card C1 at m-1001 redeem 100 -> not-enough
         buy 1000 card C1 at m-1002 redeem 100 -> approved discount 0 redeemed 100 -fit 100 pays 900";
    b41_discount_and_points_together: "Discount and points together, the discount faded out" =>
        "[[discount]]
         name = \"autumn\"
         when = { dates = { from = \"1405/07/01\", to = \"1405/09/30\" } }
         give = { percent = \"10%\" }
         paid_by = { merchant = \"100%\" }
         [[discount]]
         name = \"winter\"
         when = { dates = { from = \"1405/10/01\", to = \"1405/12/29\" } }
         give = { percent = \"5%\" }
         paid_by = { merchant = \"100%\" }
         [[accrue]]
         name = \"base\"
         earn = { to = \"points\", points = 1, per_rial = 100 }
         funded_by = \"club\"",
        "open C1
         buy 1000 card C1 -> approved discount 100 pays 900 +points 9.00
         at 1405/10/02 10:00
         buy 1000 card C1 -> approved discount 50 pays 950 +points 9.50
         at 1406/01/02 10:00
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 10.00";
    b44_the_loyalty_table: "Loyalty table by fixed coefficients" => POINTS_PAY,
        "open C1 star=100
         buy 1000 card C1 redeem 500 -> approved discount 0 redeemed 500 -star 50 pays 500";
    b53_members_and_others: "Club members treated differently from others" => TENTH_OFF,
        "open C1
         buy 1000 card C1 -> approved discount 100 pays 900
         buy 1000 card C9 -> approved";
    b56_tiers: "Tiers by purchases and standing" =>
        "[tiers]
         measure = { spent = \"365 days\" }
         level = [
           { name = \"basic\" },
           { name = \"silver\", from_rial = 1_000, earn_times = \"2\" },
           { name = \"platinum\", by_hand = true, earn_times = \"4\" },
         ]
         [[accrue]]
         name = \"base\"
         earn = { to = \"points\", points = 1, per_rial = 100, tiered = true }
         funded_by = \"club\"",
        "open C1
         open C2 platinum
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 10.00
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 20.00
         buy 1000 card C2 -> approved discount 0 pays 1000 +points 40.00";
    b65_all_or_part_of_the_points: "All or part of the points" => POINTS_PAY,
        "open C1 star=30
         buy 1000 card C1 redeem 100 -> approved discount 0 redeemed 100 -star 10 pays 900
         buy 1000 card C1 redeem max -> approved discount 0 redeemed 200 -star 20 pays 800";
    b66_the_balance_at_any_till: "Balance at any till at any time" => POINTS_PAY,
        "open C1 star=30 credit=7
         balance card C1 -> approved points 0.00 credit 7 draw 0 seen 0 star 30";
    b105_how_many_points: "Initial setting: how many points are given" => BASE,
        "open C1
         buy 12345 card C1 -> approved discount 0 pays 12345 +points 123.45";
    b107_multiplier_threshold_and_event: "Multiplier, threshold, trigger by purchase or event" =>
        "[[accrue]]
         name = \"base\"
         earn = { to = \"points\", points = 1, per_rial = 100 }
         funded_by = \"club\"
         [[accrue]]
         name = \"triple\"
         when = { spent = { in = \"day\", min_rial = 1_000 } }
         earn = { to = \"points\", times = \"2\", of = \"base\" }
         funded_by = \"club\"
         [[accrue]]
         name = \"survey\"
         when = { event = \"survey-filled\" }
         earn = { to = \"points\", fixed = \"5\" }
         funded_by = \"club\"",
        "open C1
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 10.00
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 30.00
         event survey-filled C1 -> released
         has C1 -> points 45.00";
    c1_discounts_and_points: "Discounts and points as benefits" =>
        "[[discount]]
         name = \"tenth\"
         give = { percent = \"10%\" }
         paid_by = { club = \"100%\" }
         [[accrue]]
         name = \"base\"
         base = \"net\"
         earn = { to = \"points\", points = 1, per_rial = 100 }
         funded_by = \"club\"",
        "open C1
         buy 1000 card C1 -> approved discount 100 pays 900 +points 9.00";
    l9_fixed: "Fixed accrual" => BASE,
        "open C1
         buy 100 card C1 -> approved discount 0 pays 100 +points 1.00
         buy 100000 card C1 -> approved discount 0 pays 100000 +points 1000.00";
    l10_progressive: "Progressive: more the more is spent" =>
        "[[accrue]]
         name = \"parts\"
         earn = { to = \"credit\", bands = [
           { from_rial = 0, percent = \"1%\" }, { from_rial = 1_000, percent = \"2%\" }, { from_rial = 2_000, percent = \"3%\" },
         ], bands_apply = \"to-each-part\" }
         funded_by = \"club\"
         [purse.whole]
         kind = \"club-credit\"
         [[accrue]]
         name = \"whole\"
         earn = { to = \"whole\", bands = [
           { from_rial = 0, percent = \"1%\" }, { from_rial = 1_000, percent = \"2%\" }, { from_rial = 2_000, percent = \"3%\" },
         ], bands_apply = \"to-whole-amount\" }
         funded_by = \"club\"",
        "open C1
         buy 3000 card C1 -> approved discount 0 pays 3000 +credit 60 +whole 90
         buy 999 card C1 -> approved discount 0 pays 999 +credit 9 +whole 9";
    l12_unconditional: "Unconditional points" => BASE,
        "open C1
         buy 1000 card C1 at m-1002 via web -> approved discount 0 pays 1000 +points 10.00";
    l13_conditional: "Points only after certain actions" =>
        "[[accrue]]
         name = \"welcome\"
         earn = { to = \"credit\", fixed_rial = 100 }
         hold = { until = \"profile-confirmed\", at_most = \"30 days\" }
         funded_by = \"club\"
         [redeem]
         from = [\"credit\"]
         pin = false",
        "open C1
         open C2
         buy 1000 card C1 -> approved discount 0 pays 1000 +credit 100
         buy 1000 card C2 -> approved discount 0 pays 1000 +credit 100
         buy 1000 card C1 redeem 100 -> not-enough
         event profile-confirmed C1 -> released
         buy 1000 card C1 redeem 100 -> approved discount 0 redeemed 100 -credit 100 pays 900 +credit 100
         at 1405/10/05 10:00
         event profile-confirmed C2 -> nothing waits";
    l14_everywhere: "Spend on all public products" => CREDIT_PAYS,
        "open C1 credit=100
         buy 1000 card C1 at m-1002 redeem 100 -> approved discount 0 redeemed 100 -credit 100 pays 900";
    l17_the_whole_price: "Pay the whole price with points" => CREDIT_PAYS,
        "open C1 credit=1000
         buy 1000 card C1 redeem 1000 -> approved discount 0 redeemed 1000 -credit 1000 pays 0";
    l18_only_part: "Pay only part" => POINTS_PAY,
        "open C1 star=500
         buy 1000 card C1 redeem 600 -> over-amount-limit
         buy 1000 card C1 redeem 450 -> invalid-amount
         buy 1000 card C1 redeem 500 -> approved discount 0 redeemed 500 -star 50 pays 500";
}

conditions! {
    m2_m40_groups_of_acceptors: "Group acceptors" => "{ merchant_groups = [\"sport\"] }",
        "open C1
         - card C1 at m-1001
         + card C1 at m-1002";
    m3_groups_of_services: "Group services" =>
        "{ any = [ { products = [\"fuel\"] }, { services = [\"wash\"] } ], tx_types = [\"purchase\"] }",
        "open C1
         + card C1 product fuel
         + card C1 service wash
         - card C1";
    m4_m41_groups_of_customers: "Group customers" => "{ member_groups = [\"staff\"] }",
        "open C1
         open C2
         - card C1
         + card C2";
    m5_by_date: "Service by date, Jalali or Gregorian, both ends included" =>
        "{ dates = { from = \"1405/09/02\", to = 2026-11-24 } }",
        "open C1
         + card C1
         at 1405/09/03 23:59
         + card C1
         at 1405/09/04 00:00
         - card C1";
    m6_by_hour: "Service by hour, half-open, past midnight" => "{ hours = [\"22:00-02:00\", \"10:00-10:30\"] }",
        "open C1
         + card C1
         at 1405/09/02 10:30
         - card C1
         at 1405/09/02 23:00
         + card C1
         at 1405/09/03 01:59
         + card C1
         at 1405/09/03 02:00
         - card C1";
    m7_by_weekday: "Service by weekday and business day" =>
        "{ any = [ { weekdays = [\"mon\"] }, { business_days = false } ] }",
        "open C1
         + card C1
         at 1405/09/03 10:00
         - card C1
         at 1405/09/05 10:00
         + card C1";
    m8_by_last_purchase: "Class by last purchase" => "{ last_purchase = { older_than = \"2 days\" } }",
        "open C1
         - card C1
         at 1405/09/03 10:00
         - card C1
         at 1405/09/05 10:00
         + card C1";
    m9_by_sum_in_a_period: "Class by the sum in a period" => "{ spent = { in = \"30 days\", min_rial = 2_000 } }",
        "open C1
         - card C1
         - card C1
         + card C1";
    m11_b63_b85_by_number_of_purchases: "Class by number of purchases" => "{ visits = { in = \"week\", min = 2, max = 3 } }",
        "open C1
         - card C1
         + card C1
         + card C1
         - card C1";
    b14_b15_the_club_of_a_chain: "A club limited to a chain's group" => "{ merchant_groups = [\"all\"] }",
        "open C1
         + card C1 at m-1001
         + card C1 at m-1002";
    b40_b82_by_amount_time_and_membership: "By amount, time, kind of membership" =>
        "{ amount_rial = { min = 1_000, max = 1_000 }, hours = [\"10:00-11:00\"], joined = { older_than = \"30 days\" } }",
        "open C1 joined=1405/01/01
         open C2
         + card C1
         - card C2";
    b46_festivals: "Festival benefits" => "{ season = \"yalda\" }",
        "open C1
         - card C1
         at 1405/09/25 10:00
         + card C1
         at 1405/10/01 10:00
         - card C1";
    b55_vip: "Active members get better service; groups" =>
        "{ visits = { in = \"30 days\", min = 2 }, member_groups = [\"staff\"] }",
        "open C1
         open C2
         - card C2
         + card C2
         - card C1
         - card C1";
    b62_the_first_purchase_counts: "The first purchase counts" => "{ first_purchase = true }",
        "open C1
         + card C1
         - card C1";
    b86_a_purchase_ceiling: "Rewards at a purchase ceiling" => "{ spent = { in = \"jalali-year\", crosses_rial = 3_000 } }",
        "open C1
         - card C1
         - card C1
         + card C1
         - card C1";
    b88_openings_and_birthdays: "New shop opening, unexpected times, birthday or anniversary month" =>
        "{ any = [
             { merchants = [\"m-1002\"], dates = { from = \"1405/09/01\", to = \"1405/09/07\" } },
             { birthday = \"month\" },
             { anniversary = \"month\" },
           ] }",
        "open C1
         open C2 born=1370/09/20
         open C3 joined=1400/09/20
         + card C1 at m-1002
         - card C1 at m-1001
         + card C2 at m-1001
         + card C3 at m-1001";
    c13_internet: "Internet payment gateways" => "{ channels = [\"web\"] }",
        "open C1
         + card C1 via web
         - card C1";
    c14_mobile_and_ussd: "Mobile and USSD payment" => "{ channels = [\"app\", \"ussd\"] }",
        "open C1
         + card C1 via ussd
         + card C1 via app
         - card C1";
    c15_the_clubs_own_pos: "The club's own POS" => "{ terminal_groups = [\"tills\"] }",
        "open C1
         + card C1 terminal T-8
         - card C1";
    c19_magnetic_and_smart_cards: "Magnetic and smart cards" => "{ entry = [\"stripe\"] }",
        "open C1
         + card C1 entry stripe
         - card C1 entry chip";
    l6_limits_by_goods: "Promotions and product limits" => "{ products = [\"tea\"], not_products = [\"tobacco\"] }",
        "open C1
         + card C1 product tea
         - card C1 product tea,tobacco";
    l11_segmented: "Segmented: product, time, place, channel, segment" =>
        "{ products = [\"tea\"], weekdays = [\"mon\"], provinces = [\"tehran\"], channels = [\"pos\"], member_groups = [\"staff\"] }",
        "open C1
         open C2
         + card C2 product tea
         - card C1 product tea
         - card C2 product tea at m-1002";
}

#[test]
fn m10_by_points_earned() {
    let rules = format!(
        "{BASE}[[accrue]]\nname = \"gift\"\nwhen = {{ earned = {{ purse = \"points\", in = \"30 days\", min = \"10\" }} }}\n\
         earn = {{ to = \"credit\", fixed_rial = 7 }}\nfunded_by = \"club\"\n"
    );
    check(
        &club(&rules),
        "open C1
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 10.00
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 10.00 +credit 7",
    );
}

/// A club of the world above that inherits all that these lines do not say.
fn branch(head: &str, rules: &str) -> String {
    format!(
        "format = 1\n[club]\nid = \"branch\"\nalias = \"BRA\"\ntitle = \"A branch\"\nsub_of = \"golestan\"\n{head}\n{rules}"
    )
}

/// Sub-clubs: a club of its own whose tables begin as those of another.
#[test]
fn m39_sub_clubs() {
    let all = club(&format!(
        "{TENTH_OFF}{BASE}{}",
        "[[accrue]]
         name = \"gift\"
         when = { first_purchase = true }
         earn = { to = \"credit\", fixed_rial = 500 }
         funded_by = \"club\""
    ));
    // The branch gives half of the points, a fifth off, and something of its own.
    let sport = branch(
        "merchants = [\"sport\"]",
        "[[discount]]
         name = \"tenth\"
         give = { percent = \"20%\" }
         paid_by = { merchant = \"100%\" }
         [[accrue]]
         name = \"base\"
         earn = { to = \"points\", points = 1, per_rial = 200 }
         funded_by = \"club\"
         [[accrue]]
         name = \"more\"
         earn = { to = \"points\", fixed = \"1\" }
         funded_by = \"club\"",
    );
    let mut town = town(&[&all, &sport]);
    town.check(
        "open C1
         open C1 in=branch
         buy 1000 card C1 -> approved discount 100 pays 900 +points 9.00 +credit 500
         buy 1000 card C1 at m-1002 stan 7 -> approved discount 200 pays 800 +points 5.00 +credit 500
         buy 1000 card C1 at m-1002 club golestan -> approved discount 100 pays 900 +points 9.00
         has C1 -> credit 500, points 18.00
         has C1 in=branch -> credit 500, points 5.00
         reverse stan 7 at m-1002 -> approved
         has C1 in=branch ->",
    );
    let why = town.why("buy 1000 card C1 at m-1002 club branch");
    let rows = why.lines().map(str::trim);
    let from: Vec<&str> = rows.filter(|row| row.ends_with("clubs/0.toml")).collect();
    assert_eq!(from.len(), 1, "{why}");
    assert!(why.contains("from clubs/0.toml"), "{why}");
}

/// What a shop and its staff earn: a point for every 100 rials each, and ten for whoever enrolled a member who buys first.
const OTHERS_EARN: &str = r#"
[[accrue]]
name = "seller"
earn = { to = "points", points = 1, per_rial = 100, for = "merchant" }
funded_by = "club"
[[accrue]]
name = "served"
earn = { to = "credit", percent = "1%", for = "staff" }
funded_by = "merchant"
cap = [ { per = "merchant", window = "day", max_rial = 15 } ]
[[accrue]]
name = "enrolled"
when = { first_purchase = true }
earn = { to = "points", fixed = "10", for = "marketer" }
funded_by = "club"
"#;

features! {
    a13_b100_member_sellers_hold_points_too: "Member sellers hold points; incentives for shops" => OTHERS_EARN,
        "open C1
         buy 1000 card C1 stan 1 -> approved discount 0 pays 1000
         owes shoppurse -> 1000
         buy 2000 card C1 at m-1002 -> approved discount 0 pays 2000
         owes shoppurse -> 1000 2000
         has C1 ->
         reverse stan 1 -> approved
         owes shoppurse -> 2000";
    b97_incentive_for_staff: "Incentive for staff who bring members, and for those who serve" => OTHERS_EARN,
        "enrol card C1 staff p-77 -> approved member 1
         buy 1000 card C1 staff p-78 stan 1 -> approved discount 0 pays 1000
         owes personpurse -> 1000 10
         owes reserve -> 10
         owes shop( -> 990
         buy 1000 card C1 staff p-78 -> approved discount 0 pays 1000
         owes personpurse -> 1000 15
         buy 1000 card C1 staff nobody -> approved discount 0 pays 1000
         owes personpurse -> 1000 15
         reverse stan 1 -> approved
         owes personpurse -> 5
         owes reserve -> 5";
}

features! {
    b97_a_gift_at_enrolment: "What a member, who brought him and who enrolled him get at once" =>
        "[[accrue]]
         name = \"welcome\"
         when = { event = \"enrolled\" }
         earn = { to = \"points\", fixed = \"7\" }
         funded_by = \"club\"
         [[accrue]]
         name = \"friend\"
         when = { event = \"enrolled\" }
         earn = { to = \"points\", fixed = \"5\", for = \"introducer\" }
         funded_by = \"club\"
         cap = [ { per = \"introducer\", window = \"day\", max_times = 1 } ]
         [[accrue]]
         name = \"seller\"
         when = { event = \"enrolled\" }
         earn = { to = \"credit\", fixed_rial = 100, for = \"marketer\" }
         funded_by = \"club\"",
        "enrol card C1 -> approved member 1
         has C1 -> points 7.00
         enrol card C2 by C1 staff p-78 -> approved member 2
         enrol card C3 by C1 -> approved member 3
         has C1 -> points 12.00
         has C2 -> points 7.00
         owes personpurse -> 100
         enrol card C2 -> already-there member 2
         has C2 -> points 7.00";
}

#[test]
fn b97_explain_tells_who_earns() {
    let mut town = town(&[&club(OTHERS_EARN)]);
    town.check("enrol card C1 staff p-77 -> approved member 1");
    let why = town.why("buy 1000 card C1 staff p-78");
    for wanted in [
        "seller -> points of shop m-1001",
        "served -> credit of p-78",
        "enrolled -> points of p-77",
    ] {
        assert!(why.contains(wanted), "{wanted}\n{why}");
    }
    let why = town.why("buy 1000 card C1");
    assert!(why.contains("no person of the world file served"), "{why}");
}

/// A tenth back into credit, of which the shop pays three fifths; credit pays at once.
const REBATE: &str = r#"
[[discount]]
name = "back"
give = { percent = "10%" }
carry = "rebate"
rebate_to = "credit"
paid_by = { merchant = "60%", club = "rest" }
cap = [ { per = "member", window = "day", max_rial = 150 } ]
[redeem]
from = ["credit"]
pin = false
"#;

features! {
    a4_a_discount_given_back: "Cash discount: the bill lowered, or a rebate" => &format!("{REBATE}{BASE}"),
        "open C1
         buy 1000 card C1 redeem max stan 1 -> approved discount 0 pays 1000 +credit 100 +points 10.00
         owes reserve -> 60
         owes shop( -> 940
         buy 1000 card C1 redeem max stan 2 -> approved discount 0 redeemed 100 -credit 100 pays 900 +credit 50 +points 9.00
         owes reserve -> 90
         owes club -> -100
         reverse stan 2 -> approved
         has C1 -> credit 100, points 10.00
         reverse stan 1 -> approved
         has C1 ->
         owes reserve ->
         tell 900 card C1 discount 100 -> approved discount 100 pays 900 +points 9.00";
    a4_the_best_for_the_member_may_be_a_rebate: "A rebate stands among the discounts" =>
        "[[discount]]
         name = \"off\"
         give = { percent = \"10%\" }
         paid_by = { merchant = \"100%\" }
         [[discount]]
         name = \"back\"
         when = { amount_rial = { min = 5_000 } }
         give = { percent = \"20%\" }
         carry = \"rebate\"
         rebate_to = \"own\"
         paid_by = { merchant = \"100%\" }
         say = \"a fifth back\"
         [purse.own]
         kind = \"merchant-credit\"",
        "open C1
         buy 1000 card C1 -> approved discount 100 pays 900
         buy 5000 card C1 -> approved discount 0 pays 5000 +own 1000 says \"a fifth back\"
         owes shop( -> 5900";
    a4_round_amounts: "Round amounts" =>
        "[[discount]]
         name = \"off\"
         give = { percent = \"10%\" }
         round_rial = 500
         paid_by = { merchant = \"100%\" }
         cap = [ { per = \"member\", window = \"day\", max_rial = 1_900 } ]
         [purse.round]
         kind = \"club-credit\"
         round_rial = 100
         [[accrue]]
         name = \"round\"
         base = \"gross\"
         earn = { to = \"round\", percent = \"3%\" }
         funded_by = \"club\"",
        "open C1
         buy 4900 card C1 -> approved discount 0 pays 4900 +round 100
         buy 14900 card C1 -> approved discount 1000 pays 13900 +round 400
         buy 14900 card C1 -> approved discount 500 pays 14400 +round 400
         buy 100 card C1 -> approved discount 0 pays 100";
    a17_spending_has_conditions: "When purses pay, and what the receipt says then" =>
        "[redeem]
         from = [\"credit\"]
         pin = false
         when = { hours = [\"08:00-12:00\"], not = { merchants = [\"m-1002\"] } }
         say = \"paid with credit\"",
        "open C1 credit=500
         buy 1000 card C1 redeem 100 -> approved discount 0 redeemed 100 -credit 100 pays 900 says \"paid with credit\"
         buy 1000 card C1 redeem 100 at m-1002 -> not-allowed
         at 1405/09/02 12:00
         buy 1000 card C1 redeem max -> not-allowed
         buy 1000 card C1 -> approved discount 0 pays 1000";
    a17_what_died_meanwhile_lives_some_days: "A refund brings back what died in between" =>
        "[purse.short]
         kind = \"club-credit\"
         restore_grace = \"2 days\"
         [redeem]
         from = [\"short\", \"credit\"]
         pin = false",
        "open C1 short=100~1405/09/02 credit=100~1405/09/02
         buy 200 card C1 redeem 200 stan 1 -> approved discount 0 redeemed 200 -short 100 -credit 100 pays 0
         at 1405/09/05 10:00
         reverse stan 1 -> approved
         at 1405/09/06 10:00
         quote 1000 card C1 redeem max -> approved discount 0 redeemed 200 -short 100 -credit 100 pays 800
         at 1405/09/07 10:00
         quote 1000 card C1 redeem max -> approved discount 0 redeemed 100 -credit 100 pays 900
         at 1405/09/12 10:00
         quote 1000 card C1 redeem max -> approved discount 0 pays 1000";
}

#[test]
fn a4_explain_tells_a_rebate_and_the_conditions_of_spending() {
    let rules = REBATE.replace(
        "pin = false",
        "pin = false\nwhen = { hours = [\"12:00-14:00\"] }",
    );
    let rules = rules.replace("paid_by", "round_rial = 50\npaid_by");
    let mut town = town(&[&club(&rules)]);
    town.check("open C1 credit=10");
    let why = town.why("buy 1000 card C1 redeem 10");
    for wanted in [
        "given back into credit; the bill stays as it is",
        "(in steps of 50)",
        "hours 12:00-14:00",
        "why: a condition does not hold",
    ] {
        assert!(why.contains(wanted), "{wanted}\n{why}");
    }
}

features! {
    b56_tiers_by_points_earned: "A level by points" => &format!("{BASE}{}",
        "[tiers]
         measure = { earned = \"points\", in = \"30 days\" }
         level = [ { name = \"normal\" }, { name = \"gold\", from_points = \"20.00\" } ]
         [[accrue]]
         name = \"golden\"
         when = { tiers = [\"gold\"] }
         earn = { to = \"credit\", fixed_rial = 7 }
         funded_by = \"club\""),
        "open C1
         buy 1999 card C1 -> approved discount 0 pays 1999 +points 19.99
         buy 1 card C1 -> approved discount 0 pays 1 +points 0.01
         buy 100 card C1 stan 9 -> approved discount 0 pays 100 +points 1.00 +credit 7
         at 1405/09/30 10:00
         buy 100 card C1 -> approved discount 0 pays 100 +points 1.00 +credit 7
         at 1405/10/01 10:00
         buy 100 card C1 -> approved discount 0 pays 100 +points 1.00 +credit 7
         at 1405/10/20 10:00
         buy 100 card C1 -> approved discount 0 pays 100 +points 1.00 +credit 7
         at 1405/12/02 10:00
         buy 100 card C1 -> approved discount 0 pays 100 +points 1.00";
}

/// Several bank cards on one member, who share what he has; a cap may still count each of them.
#[test]
fn m24_several_cards_on_one_member() {
    let rules = format!(
        "{CREDIT_PAYS}[[discount]]
         name = \"tenth\"
         give = {{ percent = \"10%\" }}
         paid_by = {{ merchant = \"100%\" }}
         cap = [ {{ per = \"card\", window = \"day\", max_times = 1 }} ]"
    );
    check(
        &club(&rules).replacen(
            "enrol =",
            "cards_per_member = 2\nidentify_by = [\"card\", \"mobile\"]\nenrol =",
            1,
        ),
        "enrol card C1 mobile M1 -> approved member 1
         add C2 to M1 -> not-allowed
         add C2 to C1 -> approved member 1
         add C2 to M1 -> already-there member 1
         add C3 to M1 -> over-times-limit
         add C3 to M9 -> member-unknown
         enrol card C4 mobile M4 -> approved member 2
         add C4 to M1 -> already-there
         buy 1000 card C1 -> approved discount 100 pays 900
         buy 1000 card C1 -> approved discount 0 pays 1000
         buy 1000 card C2 -> approved discount 100 pays 900
         enrol mobile M5 -> approved member 3
         add C5 to M5 -> approved member 3
         add C6 to M5 -> not-allowed",
    );
    // A first card by the mobile alone, while there is nothing that it could take.
    check(
        &club(BASE).replace("enrol =", "identify_by = [\"card\", \"mobile\"]\nenrol ="),
        "enrol mobile M1 -> approved member 1
         buy 1000 mobile M1 -> approved discount 0 pays 1000 +points 10.00
         add C1 to M1 -> not-allowed",
    );
    check(
        &club(&rules),
        "enrol card C1 -> approved member 1
         add C2 to C1 -> over-times-limit",
    );
}

/// Cards of one member spend the same credit.
#[test]
fn m24_group_credit() {
    check(
        &club(CREDIT_PAYS).replacen("enrol =", "cards_per_member = 3\nenrol =", 1),
        "open C1 credit=500
         add C2 to C1 -> approved member 1
         buy 1000 card C2 redeem 300 -> approved discount 0 redeemed 300 -credit 300 pays 700
         has C1 -> credit 200
         has C2 -> credit 200",
    );
}

/// Identifiers: a card, a mobile number; each only where the club knows members by it.
#[test]
fn m21_m22_members_are_known_by_card_and_mobile() {
    let by =
        |kinds: &str| club(BASE).replace("enrol =", &format!("identify_by = [{kinds}]\nenrol ="));
    check(
        &by("\"card\", \"mobile\""),
        "enrol card C1 mobile M1 -> approved member 1
         buy 1000 mobile M1 -> approved discount 0 pays 1000 +points 10.00
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 10.00
         has C1 -> points 20.00",
    );
    check(
        &by("\"card\""),
        "enrol card C1 -> approved member 1
         buy 1000 mobile M1 -> approved
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 10.00",
    );
}

/// Exclusive programmes; each firm uses its base on its own: what one club gives and knows is nothing to another.
#[test]
fn a14_b50_clubs_know_nothing_of_one_another() {
    let other = club(TENTH_OFF)
        .replace("id = \"golestan\"", "id = \"pars\"")
        .replace("alias = \"GOL\"", "alias = \"PRS\"");
    town(&[&club(BASE), &other]).check(
        "open C1
         open C2 in=pars
         buy 1000 card C1 -> approved discount 0 pays 1000 +points 10.00
         buy 1000 card C2 -> approved discount 100 pays 900
         buy 1000 card C1 club pars -> approved
         has C1 -> points 10.00
         has C2 in=pars ->",
    );
}

/// Thousands of offers at the same time.
#[test]
fn l8_thousands_of_offers_at_once() {
    let offers: String = (0..3_000)
        .map(|n| {
            let shop = ["m-1001", "m-1002"][n % 2];
            let (min, max) = (1_000 + 10 * n, 1_009 + 10 * n);
            format!(
                "[[accrue]]\nname = \"offer-{n}\"\n\
                 when = {{ merchants = [\"{shop}\"], amount_rial = {{ min = {min}, max = {max} }} }}\n\
                 earn = {{ to = \"credit\", fixed_rial = {} }}\nfunded_by = \"club\"\n",
                n + 1
            )
        })
        .collect();
    check(
        &club(&offers),
        "open C1
         buy 1005 card C1 -> approved discount 0 pays 1005 +credit 1
         buy 1015 card C1 -> approved discount 0 pays 1015
         buy 1015 card C1 at m-1002 -> approved discount 0 pays 1015 +credit 2
         buy 30990 card C1 at m-1002 -> approved discount 0 pays 30990 +credit 3000",
    );
}
