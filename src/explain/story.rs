//! The story as it is told: names for ids, whole amounts, days as people write them. It is what `--json` prints, and what the
//! writers of text read.

use super::card::OfCard;
use serde::{Deserialize, Serialize};

use crate::explain::word::Word;

/// Why a purchase got what it got.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Story {
    /// The entry it stands in; none where it was supposed.
    pub posted: Option<Posted>,
    /// The rule set.
    pub rules: RuleSet,
    /// What was bought, by whom, where, when.
    pub purchase: Purchase,
    /// Why no club judged it.
    pub no_club: Option<NoClub>,
    /// The discount stage; none where no club judged.
    pub discount: Option<Discount>,
    /// What the card itself did; none where it is of no card product.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub of_card: Option<OfCard>,
    /// Spending from purses; none where nothing was asked for.
    pub redeem: Option<Redeem>,
    /// What the bank card pays.
    pub pays: Option<i64>,
    /// What was earned.
    pub accrue: Option<Accrue>,
    /// How what the shop is owed was split.
    pub split: Option<Split>,
    /// The operator's fee.
    pub fee: Option<Fee>,
    /// What was between two clubs; none where the shop's own club knows its member.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub clearing: Option<Clearing>,
    /// Who gave and who got money.
    pub money: Money,
    /// What the terminal is told.
    pub answer: Answer,
    /// How many rules were asked.
    pub rules_asked: usize,
    /// How many of them gave.
    pub rules_gave: usize,
    /// How long the judgement took, in microseconds.
    pub took_us: u64,
}

/// A purchase that was made.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Posted {
    /// Its entry.
    pub entry: u64,
    /// The retrieval reference.
    pub rrn: Option<String>,
    /// The approval code.
    pub approval: Option<String>,
    /// The acquirer it came from.
    pub acquirer: Option<String>,
    /// The terminal.
    pub terminal: String,
    /// The reversal that undid it.
    pub reversed_by: Option<u64>,
    /// When that was.
    pub reversed_at: Option<String>,
    /// What this program finds otherwise than it was decided: what was decided counts.
    pub differs: Vec<Difference>,
}

/// Something that was decided otherwise than it is judged now.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Difference {
    /// What.
    pub what: String,
    /// As it was decided.
    pub decided: String,
    /// As it is judged now.
    pub found: String,
}

/// The rule set.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct RuleSet {
    /// Its number; 0 for one that was never in force.
    pub number: u32,
    /// SHA-256 over its files.
    pub sha256: String,
}

/// What was bought, by whom, where, when.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Purchase {
    /// The club that judged it.
    pub club: Option<String>,
    /// The member's number.
    pub member: Option<u32>,
    /// His tier.
    pub tier: Option<String>,
    /// His card, masked.
    pub card: Option<String>,
    /// The acceptor number.
    pub shop: String,
    /// What the shop is called.
    pub title: Option<String>,
    /// The category code.
    pub mcc: Option<String>,
    /// The day, Jalali.
    pub day: String,
    /// The time of day.
    pub time: String,
    /// The weekday: 0 is Saturday.
    pub weekday: u8,
    /// The zone of the times.
    pub zone: String,
    /// The business day it counts in.
    pub business_day: String,
    /// Asked: the bill. Advised: what the bank card was charged.
    pub amount: i64,
    /// The bill.
    pub bill: i64,
    /// It was told after it had happened.
    pub advised: bool,
}

/// Why no club judged a purchase.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoClub {
    /// No club has this shop.
    NoClubHere,
    /// Nobody there is known by this card or number.
    MemberUnknown,
    /// It is nothing that rules judge: no amount, or another currency.
    NothingToJudge,
    /// The judgement failed.
    Failed,
    /// It was refused before any rule was asked.
    Refused,
    /// It was taken note of, and moves nothing.
    NotPosted,
}

/// How the rules of a stage go together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stack {
    /// Every rule that applies gives.
    #[default]
    All,
    /// The first one that applies.
    First,
    /// The one that gives most.
    BestForMember,
}

/// How it went with a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It gave.
    Gave,
    /// It applied, and another gave more.
    Beaten,
    /// It applied, and came to nothing.
    Nothing,
    /// Its conditions hold, and nobody is there to earn: no member brought this one.
    Nobody,
    /// Its conditions hold, and nobody that the world file knows has served.
    NobodyServed,
    /// Its conditions hold, and nobody is known who enrolled this member.
    NobodyEnrolled,
    /// Its conditions hold, and the shop, which would pay for it, is another club's.
    NotOurs,
    /// It was not its turn: a rule before it had ended the stage.
    NotReached,
    /// A condition does not hold.
    No,
}

/// A condition with what it met.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Condition {
    /// Its key in the rule file.
    pub key: String,
    /// Its value as it stands in the file.
    pub written: String,
    /// The named condition it came from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub used: Option<String>,
    /// What it wants.
    pub wants: Vec<Word>,
    /// What it met.
    pub met: Vec<Word>,
    /// Whether it holds.
    pub holds: bool,
    /// Of `any` and `not`: the conditions inside, list by list.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub inside: Vec<Vec<Condition>>,
}

/// An amount of a purse.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Sum {
    /// In whole units with their decimals, as `290.13`.
    pub amount: String,
    /// The unit: `rial`, `point`.
    pub unit: String,
}

/// How an amount was reckoned.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Reckoned {
    /// What of: `gross`, `net`, `paid`.
    pub base: String,
    /// How much that is.
    pub of: i64,
    /// By what.
    pub how: How,
    /// What it is multiplied by for the member's tier.
    pub times: Option<String>,
    /// Before it was rounded.
    pub exact: String,
    /// Whether that goes on after its last digit.
    pub goes_on: bool,
    /// After it was rounded down, and held against its most.
    pub amount: Sum,
    /// The most it may be, in rials.
    pub most: Option<i64>,
    /// It is a multiple of this, in rials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<i64>,
}

/// By what an amount is reckoned.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// A share.
    Percent(String),
    /// An amount.
    Fixed(Sum),
    /// So much for every so many rials.
    Per {
        /// So much.
        sum: Sum,
        /// For so many rials.
        rials: i64,
    },
    /// So many times what another rule earns.
    Times {
        /// So many times.
        times: String,
        /// The other rule.
        of: String,
    },
    /// A share by bands.
    Bands {
        /// Each band.
        bands: Vec<Band>,
        /// Each part has the percent of its band; else the whole that of the band it ends in.
        each_part: bool,
    },
}

/// A band.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Band {
    /// From this amount on.
    pub from: i64,
    /// This share.
    pub percent: String,
    /// So much of the base lies in it.
    pub part: i64,
}

/// A cap of a rule.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Cap {
    /// Whom it counts for: `member`, `card`, `merchant`, `introducer`, `rule`, `club`.
    pub per: String,
    /// Its window: `day`, `jalali-month`, `30 days`.
    pub window: String,
    /// The most in it.
    pub most: Sum,
    /// What was counted before this purchase.
    pub used: Sum,
    /// What was left.
    pub left: Sum,
}

/// What is common to the rules of all stages.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// The file of another club that it is inherited from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// How it went.
    pub outcome: Outcome,
    /// Its conditions.
    pub conditions: Vec<Condition>,
    /// How its amount was reckoned, before caps.
    pub reckoned: Option<Reckoned>,
    /// Its caps.
    pub caps: Vec<Cap>,
    /// What the caps left, where that is less.
    pub after_caps: Option<Sum>,
    /// What it gave.
    pub gave: Option<Sum>,
}

/// The discount stage.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Discount {
    /// How its rules go together.
    pub stack: Stack,
    /// Every rule, in file order.
    pub rules: Vec<DiscountRule>,
    /// Told by an advice: given at the shop, and the shop's.
    pub told: bool,
    /// The discount.
    pub total: i64,
    /// The bill after it.
    pub bill_after: i64,
}

/// A rule of the discount stage.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DiscountRule {
    /// What all rules have.
    #[serde(flatten)]
    pub rule: Rule,
    /// The purse that it is given back into, where it does not lower the bill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebate: Option<String>,
    /// Who pays what it gave.
    pub paid_by: Vec<Payment>,
}

/// Who pays a part of a benefit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Payment {
    /// Who: `merchant`, `club`.
    pub payer: String,
    /// His share, `60%`; none for the rest.
    pub share: Option<String>,
    /// In rials.
    pub rials: i64,
}

/// Spending from purses.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Redeem {
    /// What was asked for; none: as much as the rules allow.
    pub asked: Option<i64>,
    /// It was refused: how much was asked for is not kept.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub asked_unknown: bool,
    /// Nobody asked: the club takes as much as allowed by itself.
    pub automatic: bool,
    /// Told by an advice: it was taken.
    pub told: bool,
    /// The only purse to take from.
    pub purse: Option<String>,
    /// The club has no redeeming.
    pub none_here: bool,
    /// Why nothing may be redeemed: `pin`, `no-card`, `category`, `no-such-purse`, `conditions`.
    pub barred: Option<String>,
    /// Its conditions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Why it was refused, by the name of the outcome.
    pub refused: Option<String>,
    /// The share of the bill that may be redeemed.
    pub share: Option<String>,
    /// The bill after discount.
    pub of: Option<i64>,
    /// That share of it.
    pub of_bill: Option<i64>,
    /// At most so much a member and day.
    pub day_most: Option<i64>,
    /// What he redeemed that day before.
    pub day_used: Option<i64>,
    /// The most of both.
    pub limit: Option<i64>,
    /// At least this.
    pub min: i64,
    /// In steps of this; 0 for any amount.
    pub step: i64,
    /// What the purses held that may pay here.
    pub purses: Vec<PurseHeld>,
    /// What they paid, in this order.
    pub spent: Vec<Spent>,
    /// All they paid.
    pub total: i64,
}

/// What a purse held.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PurseHeld {
    /// Its name.
    pub purse: String,
    /// At which shop, for merchant credit.
    pub shop: Option<String>,
    /// What could be spent.
    pub held: Sum,
    /// What that is worth, in rials.
    pub worth: i64,
}

/// What a purse paid.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Spent {
    /// Its name.
    pub purse: String,
    /// At which shop, for merchant credit.
    pub shop: Option<String>,
    /// What it took.
    pub took: Sum,
    /// Of what.
    pub held: Sum,
    /// What that paid, in rials.
    pub rials: i64,
    /// The value of its unit: so many rials for so much.
    pub value: Option<(i64, Sum)>,
    /// What its charge was worth above what it paid; the club's.
    pub odd: i64,
    /// The member owes it: the purse did not have it.
    pub owed: bool,
    /// The lots it came from.
    pub lots: Vec<Lot>,
}

/// A lot.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Lot {
    /// Its number.
    pub lot: u32,
    /// The business day it was booked.
    pub earned: String,
    /// The last day it can be spent; none: it does not end.
    pub ends: Option<String>,
    /// The rule that gave it.
    pub rule: Option<String>,
    /// What was taken from it, or came into it.
    pub amount: Sum,
}

/// The accrue stage.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Accrue {
    /// How its rules go together.
    pub stack: Stack,
    /// Every rule, in file order.
    pub rules: Vec<AccrueRule>,
}

/// Who earns and is no member.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Earner {
    /// The shop, by its acceptor number.
    Shop(String),
    /// A person, by his name in the world file.
    Person(String),
}

/// A rule of the accrue stage.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AccrueRule {
    /// What all rules have.
    #[serde(flatten)]
    pub rule: Rule,
    /// The purse it gives to.
    pub purse: String,
    /// The member who earns it, where it is the one who brought the buyer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub earns: Option<u32>,
    /// Who earns it, where it is no member.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub earner: Option<Earner>,
    /// Who pays for it: `club`, `merchant`.
    pub funded_by: String,
    /// What the shop pays for it.
    pub shop_pays: Option<i64>,
    /// From when it can be spent.
    pub usable_from: Option<String>,
    /// The last day it can be spent; none: it does not end, or nothing was given.
    pub ends: Option<String>,
    /// The event it waits for.
    pub waits_for: Option<String>,
    /// What of it paid an old debt at once.
    pub repaid: Option<Sum>,
    /// It would be dead on the day it is earned.
    pub dead_at_once: bool,
}

/// How what the shop is owed was split.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Split {
    /// Every split, in file order, with its conditions.
    pub splits: Vec<SplitRule>,
    /// The one that was taken.
    pub taken: Option<String>,
    /// What its percents are taken of: `gross`, `net`, `paid`.
    pub base: String,
    /// How much that is.
    pub of: i64,
    /// What the shop is owed.
    pub owed: i64,
    /// What that comes of.
    pub owed_from: Vec<Owed>,
    /// What the shop gave itself: its part of the discount, its own credit.
    pub own: Vec<Owed>,
    /// What of it was set aside for credit that the shop funds.
    pub funded: i64,
    /// The parts.
    pub parts: Vec<Part>,
    /// What is the shop's at last.
    pub shop: i64,
}

/// A split with its conditions.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SplitRule {
    /// Its name.
    pub name: String,
    /// Whether it is taken.
    pub taken: bool,
    /// Its conditions.
    pub conditions: Vec<Condition>,
}

/// A part of what the shop is owed, or of what it gave itself.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Owed {
    /// By what: `card`, `discount`, a purse.
    pub by: String,
    /// How much.
    pub rials: i64,
}

/// A part of a split.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Part {
    /// Whose.
    pub to: String,
    /// Its share: `0.25%`; none for a fixed amount and the rest.
    pub share: Option<String>,
    /// It is what the others leave.
    pub rest: bool,
    /// What it makes.
    pub wanted: i64,
    /// What it gets.
    pub rials: i64,
    /// It joins the rest: too small, or nobody is on file for it.
    pub left_out: bool,
}

/// The operator's fee.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Fee {
    /// The share.
    pub percent: String,
    /// Of what: `gross`, `net`, `paid`.
    pub base: String,
    /// How much that is.
    pub of: i64,
    /// The share of it.
    pub share: i64,
    /// At least this.
    pub min: i64,
    /// At most this.
    pub max: Option<i64>,
    /// The fee.
    pub rials: i64,
    /// Who pays it.
    pub payer: String,
}

/// What was between two clubs of a federation.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Clearing {
    /// What the clearing house is called; empty where the clubs have none.
    pub house: String,
    /// The club he is a member of.
    pub club: String,
    /// His number there.
    pub member: u32,
    /// The club of the shop.
    pub at: String,
    /// What he earned in his own club beside what the shop's club gave.
    pub earned: Vec<PurseHeld>,
    /// What his points became.
    pub debts: Vec<ClearedDebt>,
}

/// Points that became a debt to the clearing house.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct ClearedDebt {
    /// The purse.
    pub purse: String,
    /// How much of it.
    pub points: Sum,
    /// So many rials for so much.
    pub rate: (i64, Sum),
    /// The first day of that rate.
    pub since: String,
    /// What the house owes the club of the shop.
    pub rials: i64,
    /// What the house takes.
    pub fee: i64,
    /// From whom: `issuing-club`, `shop-club`, `member`.
    pub fee_payer: String,
    /// What the club of the points owes the house after it, less what it is owed.
    pub owes: i64,
    /// The most it may.
    pub most: i64,
}

/// Who gave and who got money.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Money {
    /// Who gave.
    pub from: Vec<Side>,
    /// Who got.
    pub to: Vec<Side>,
    /// All that was given.
    pub given: i64,
    /// All that was got.
    pub got: i64,
}

/// One who gave or got.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Side {
    /// What kind of account: `card`, `shop`, `club`, `reserve`, `owner`, `saving`, `person`, `operator`, `rounding`.
    pub account: String,
    /// Its name.
    pub name: String,
    /// How much.
    pub rials: i64,
}

/// What the terminal is told.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Answer {
    /// The outcome by its name in dialect files.
    pub outcome: String,
    /// DE39.
    pub code: String,
    /// DE4: what the bank card pays, else the amount as it came.
    pub amount: i64,
    /// What the shop prints.
    pub print: Vec<String>,
    /// What can be spent after it.
    pub balances: Vec<PurseHeld>,
    /// Something to be looked at, by its name.
    pub exception: Option<String>,
}
