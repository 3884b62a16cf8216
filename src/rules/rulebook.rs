//! A rule set as it is judged by: every name resolved, every list sorted, every ratio exact.

use std::sync::Arc;

use crate::ledger::{EventId, Named, Party, PurseKind, TierId, Window};
use crate::rules::card::Card;
use crate::rules::tier::Tiering;
use crate::rules::{Clearing, Indexes};
use crate::terms::person::Identity;
use crate::terms::{
    Bin, ClubId, Day, Map, MemberId, Overflow, Percent, PersonId, PurseId, Rate, Rials, RuleId,
    SetNumber, ShopId, TimeOfDay, Times, Token, UnitId, Zone,
};

/// One rule set. Immutable; a purchase that began with it ends with it.
#[derive(Clone, Debug)]
pub struct Rulebook {
    /// Its number; 0 until an entry has given it one.
    pub number: SetNumber,
    /// SHA-256 over its files.
    pub sha256: [u8; 32],
    /// What every club refers to.
    pub world: World,
    /// The clubs, in the order of their files.
    pub clubs: Vec<Club>,
    /// What is between clubs.
    pub clearing: Clearing,
    /// The card products, in the order of their files.
    pub cards: Vec<Card>,
    /// Names that the table it was compiled against did not have, or not so; they go into the entry that puts it in force.
    pub names: Vec<Named>,
}

impl Rulebook {
    /// The club of an id, or what stands among the clubs for the card product of an id.
    pub fn club(&self, id: ClubId) -> Option<&Club> {
        let cards = self.cards.iter().map(|card| &card.club);
        self.clubs.iter().chain(cards).find(|club| club.id == id)
    }

    /// The card product of an id.
    pub fn card(&self, id: ClubId) -> Option<&Card> {
        self.cards.iter().find(|card| card.club.id == id)
    }

    /// The card product that a card is of, by its token or by the range it is in.
    pub fn card_of(&self, token: Option<Token>, bin: Option<Bin>) -> Option<&Card> {
        self.cards.iter().find(|card| card.has(token, bin))
    }

    /// A purse of a club, or a pocket of a card.
    pub fn purse(&self, id: PurseId) -> Option<&Purse> {
        let cards = self.cards.iter().map(|card| &card.club);
        let mut clubs = self.clubs.iter().chain(cards);
        clubs.find_map(|club| club.purse(id))
    }
}

/// Calendar, shops, people.
#[derive(Clone, Debug)]
pub struct World {
    /// The zone of all times in rules.
    pub zone: Zone,
    /// When the business date turns, in that zone.
    pub cut_over: TimeOfDay,
    /// Banks' weekend, a bit a weekday (bit 0 is Saturday).
    pub weekend: u8,
    /// Holidays, rising.
    pub holidays: Vec<Day>,
    /// The shops that are open, by acceptor number (unpadded).
    pub shops: Map<String, Shop>,
    /// The people, by name.
    pub people: Map<String, PersonId>,
}

impl World {
    /// Neither weekend nor holiday.
    pub fn is_business_day(&self, day: Day) -> bool {
        self.weekend & (1 << day.weekday().0) == 0 && self.holidays.binary_search(&day).is_err()
    }
}

/// A shop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shop {
    /// Its id.
    pub id: ShopId,
    /// Its category code, where a message has none; 0 for none.
    pub mcc: u16,
    /// Who brought it in.
    pub marketer: Option<PersonId>,
}

/// A set of shops: those of a list, and all of some category codes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Places {
    /// Listed shops, rising.
    pub shops: Vec<ShopId>,
    /// Category codes, rising.
    pub mccs: Vec<u16>,
}

impl Places {
    /// Whether a purchase at this shop, of this category, is within.
    pub fn contains(&self, shop: ShopId, mcc: u16) -> bool {
        self.shops.binary_search(&shop).is_ok() || self.mccs.binary_search(&mcc).is_ok()
    }
}

/// One condition of `when`; all of a list must hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Condition {
    /// The bill is from `min` to `max`, both included.
    Amount {
        /// At least.
        min: Rials,
        /// At most.
        max: Rials,
    },
    /// The shop is one of these (rising).
    Shops(Vec<ShopId>),
    /// The shop is in one of these groups.
    Groups(Arc<Places>),
    /// The category code is one of these (rising).
    Mcc(Vec<u16>),
    /// The day is from `from` to `to`, both included.
    Dates {
        /// First day.
        from: Day,
        /// Last day.
        to: Day,
    },
    /// The time is within one of these spans, each from its start up to, not including, its end. A span may pass midnight.
    Hours(Vec<(TimeOfDay, TimeOfDay)>),
    /// The weekday is one of these, a bit each (bit 0 is Saturday).
    Weekdays(u8),
    /// It is a business day, or (`false`) it is none.
    BusinessDay(bool),
    /// The member's tier is one of these.
    Tiers(Vec<TierId>),
    /// He has bought nothing in this club before; or (`false`) something.
    FirstPurchase(bool),
    /// How long ago he bought there last, before this purchase. Who never did meets no age.
    LastPurchase {
        /// How long ago.
        age: Age,
        /// Where.
        at: Where,
    },
    /// How long ago he became a member.
    Joined(Age),
    /// Which of his purchases in the window this one is, the first being 1.
    Visits {
        /// Counted from when.
        window: Window,
        /// At least.
        min: u64,
        /// At most.
        max: u64,
        /// A multiple of this.
        every: u64,
        /// Where.
        at: Where,
    },
    /// It came on one of these ways, a bit each in the order of [`Channel::ALL`](crate::terms::Channel::ALL).
    Channels(u8),
    /// The card was read in one of these ways, a bit each in the order of [`EntryMode::ALL`](crate::terms::EntryMode::ALL).
    Entry(u8),
    /// The terminal is one of these (rising, without padding).
    Terminals(Vec<String>),
    /// One of these was bought (rising).
    Products(Vec<String>),
    /// The service is one of these (rising).
    Services(Vec<String>),
    /// The card is of one of these ranges.
    Bins(Vec<Bin>),
    /// He is on one of these lists, or his card is.
    Roster(Arc<Roster>),
    /// What he spent in the window before this purchase: his bills less discount and what purses paid.
    Spent {
        /// Counted from when.
        window: Window,
        /// At least.
        min: Rials,
        /// At most.
        max: Rials,
        /// With this purchase it comes to this or more, and without it to less.
        crosses: Option<Rials>,
        /// Where.
        at: Where,
    },
    /// What he earned into a purse in the window before this purchase, counted as caps are.
    Earned {
        /// The place of its counter among those of the club.
        counter: usize,
        /// Counted from when.
        window: Window,
        /// At least, in smallest units.
        min: i64,
    },
    /// What he could spend from a purse before this purchase.
    Balance {
        /// Which.
        purse: PurseId,
        /// At least, in smallest units.
        min: i64,
    },
    /// It is his birthday, or in the week or month of it.
    Birthday(Feast),
    /// The same of the day he became a member, from the first year on.
    Anniversary(Feast),
    /// This happened to him, and nothing was bought. It stands alone at the head of an accrual's conditions.
    Event(EventId),
    /// Another member brought him; and this is (`true`), or is not, the first he buys.
    Introduced {
        /// Said nothing of: any purchase.
        first_purchase: Option<bool>,
    },
    /// All of at least one of these lists hold.
    Any(Vec<When>),
    /// Not all of these hold.
    Not(When),
}

/// When a rule applies: all its conditions, and beside them what their author called things. Whoever judges reads the
/// conditions alone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct When(
    // Most rules that can apply are never asked: what they would ask stands apart, so that a rule is small.
    Box<Asked>,
);

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Asked {
    all: Vec<Condition>,
    said: Vec<Said>,
}

/// How a condition stands in its file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Said {
    /// Its key.
    pub key: &'static str,
    /// The names in it that were resolved away: of groups, shops, tiers, a season.
    pub names: Vec<String>,
    /// Its value as it is written.
    pub text: String,
    /// The named condition that it came from by `use`.
    pub used: Option<String>,
}

impl When {
    /// One condition more.
    pub fn add(&mut self, condition: Condition, said: Said) {
        self.0.all.push(condition);
        self.0.said.push(said);
    }

    /// The event that is asked for at its head.
    pub fn event(&self) -> Option<EventId> {
        self.iter().find_map(|condition| match condition {
            Condition::Event(event) => Some(*event),
            _ => None,
        })
    }

    /// Gives every event at its head its id.
    pub fn name_events(&mut self, mut id: impl FnMut(EventId) -> EventId) {
        for condition in &mut self.0.all {
            if let Condition::Event(event) = condition {
                *event = id(*event);
            }
        }
    }

    /// All conditions of a named one more.
    pub fn add_used(&mut self, name: &str, other: &When) {
        self.0.all.extend_from_slice(other);
        let used = other.0.said.iter().map(|said| Said {
            used: Some(name.to_owned()),
            ..said.clone()
        });
        self.0.said.extend(used);
    }

    /// Each condition with how it stands in its file.
    pub fn told(&self) -> impl Iterator<Item = (&Condition, &Said)> {
        self.0.all.iter().zip(&self.0.said)
    }
}

impl From<Vec<Condition>> for When {
    /// Conditions that stand in no file.
    fn from(all: Vec<Condition>) -> When {
        let said = vec![Said::default(); all.len()];
        When(Box::new(Asked { all, said }))
    }
}

impl std::ops::Deref for When {
    type Target = [Condition];

    fn deref(&self) -> &[Condition] {
        &self.0.all
    }
}

/// How near a day that comes every year must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Feast {
    /// The very day.
    Day,
    /// The week of it, from Saturday to Friday.
    Week,
    /// The Jalali month of it.
    Month,
}

/// Members and cards on lists.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Roster {
    /// Members, rising.
    pub members: Vec<MemberId>,
    /// Cards, rising.
    pub cards: Vec<Token>,
}

/// A span of days up to today, or all that was before it. One is what the other is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Age {
    /// On one of the last so many days, today among them (S25).
    Within(u16),
    /// On none of them, but before.
    OlderThan(u16),
}

impl Age {
    /// Whether a day is so old, seen from today.
    pub fn fits(self, day: Day, today: Day) -> bool {
        match self {
            Age::Within(days) => day >= Window::Days(days).first(today),
            Age::OlderThan(days) => day < Window::Days(days).first(today),
        }
    }
}

/// Which purchases of a member count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Where {
    /// All in this club.
    Club,
    /// Those at the shop of this purchase.
    Merchant,
    /// Those at these shops (rising).
    Shops(Vec<ShopId>),
}

/// How the rules of a stage go together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stack {
    /// Every rule that applies gives.
    All,
    /// The first rule that applies gives.
    First,
    /// The one that gives most gives; of equals the first.
    Best,
}

/// Who pays for a benefit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Payer {
    /// The shop.
    Merchant,
    /// The club.
    Club,
}

/// A share of a benefit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Share {
    /// This share, rounded down to a rial.
    Percent(Percent),
    /// What the others leave.
    Rest,
}

/// One payer of a discount, with his share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PaidBy {
    /// Who.
    pub payer: Payer,
    /// How much of it.
    pub share: Share,
}

/// Percents by amount. The first band begins at 0; each begins above the one before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bands {
    /// From which amount on, which percent.
    pub steps: Vec<(Rials, Percent)>,
    /// `true`: each part of the amount has the percent of its band; `false`: the whole has the percent of the band it ends in.
    pub each_part: bool,
}

/// What a discount gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Give {
    /// A share of the bill.
    Percent(Percent),
    /// An amount.
    Fixed(Rials),
    /// A share by bands.
    Bands(Box<Bands>),
}

/// Whom a cap counts for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Per {
    /// Each member.
    Member,
    /// Each card of a member.
    Card,
    /// Each shop.
    Merchant,
    /// All together whom one member brought; who was brought by nobody is not counted.
    Introducer,
    /// The whole rule.
    Rule,
    /// The whole rule in this club.
    Club,
}

/// The most that a cap allows within its window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Most {
    /// In smallest units of what the rule gives.
    Amount(i64),
    /// So often.
    Times(u64),
}

/// One cap of a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cap {
    /// Whom it counts for.
    pub per: Per,
    /// The span of days.
    pub window: Window,
    /// The most in it.
    pub most: Most,
}

/// All caps of a rule; most rules have none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Caps {
    /// Each must hold.
    pub rows: Box<[Cap]>,
    /// Where they leave less than the rule would give, it gives nothing.
    pub skips: bool,
}

/// A rule of the discount stage. Two lines of the processor's memory: many that can apply are looked at together.
#[derive(Clone, PartialEq, Eq, Debug)]
#[repr(align(64))]
pub struct Discount {
    /// Its id.
    pub id: RuleId,
    /// When it applies.
    pub when: When,
    /// What it gives.
    pub give: Give,
    /// At most this.
    pub max: Option<Rials>,
    /// It does not lower the bill, but is given back into this purse.
    pub rebate: Option<PurseId>,
    /// What it gives is a multiple of this, in rials.
    pub step: Rials,
    /// Who pays it; shares add up to the whole.
    pub paid_by: Vec<PaidBy>,
    /// At most this over all purchases of a window.
    pub caps: Caps,
    /// What it says to the customer when it gives.
    pub say: Option<Box<str>>,
    /// When it gives, no rule below it is asked.
    pub stop: bool,
}

/// What an amount is reckoned of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Base {
    /// The bill.
    Gross,
    /// The bill after discount.
    Net,
    /// What the bank card pays, and what pockets of the card do that the holder filled himself.
    Paid,
}

/// What an accrual gives, in smallest units of its purse.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Earn {
    /// So much for every so many rials.
    Per(Rate),
    /// So much.
    Fixed(i64),
    /// A share of the base (purses kept in rials).
    Percent(Percent),
    /// A share by bands (purses kept in rials).
    Bands(Bands),
    /// So many times what another rule of the stage earns into the same purse, where its conditions hold; its place.
    Times(Times, usize),
}

/// Who earns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum For {
    /// The member who buys.
    Member,
    /// The member who brought him.
    Introducer,
    /// The shop.
    Merchant,
    /// The person who served, as the message tells.
    Staff,
    /// The person who enrolled the member, or to whom he was given by hand.
    Marketer,
}

/// A rule of the accrue stage. As small as a [`Discount`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[repr(align(64))]
pub struct Accrue {
    /// Its id.
    pub id: RuleId,
    /// When it applies.
    pub when: When,
    /// What it reckons of.
    pub base: Base,
    /// Where it goes.
    pub purse: PurseId,
    /// How much.
    pub earn: Earn,
    /// Whether the tier's multiplier counts.
    pub tiered: bool,
    /// The event at which it earns; none: at purchases.
    pub event: Option<EventId>,
    /// Who earns it.
    pub whose: For,
    /// Who pays for it.
    pub funded_by: Payer,
    /// At most this over all purchases of a window.
    pub caps: Caps,
    /// What the earning waits for.
    pub hold: Option<HoldTerms>,
    /// What it says to the customer when it gives.
    pub say: Option<Box<str>>,
    /// When it gives, no rule below it is asked.
    pub stop: bool,
}

/// What an earning waits for before it is the member's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HoldTerms {
    /// The event that releases it.
    pub until: EventId,
    /// It waits to the end of the day so many days after the purchase.
    pub at_most_days: i32,
}

/// When earnings can be spent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Available {
    /// At once.
    Now,
    /// From 00:00 of the next business date.
    NextDay,
    /// From so many seconds later, exactly.
    AfterSeconds(i64),
    /// From 00:00 of the day so many days later.
    AfterDays(i32),
}

/// A span of the calendar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Span {
    /// Days.
    Days(i32),
    /// Jalali months; clipped to the last day.
    Months(i32),
    /// Jalali years; clipped to the last day.
    Years(i32),
}

/// To which end a date of expiry is moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rounding {
    /// It stays.
    None,
    /// The last day of its Jalali month.
    EndOfMonth,
    /// The last day of its Jalali year.
    EndOfYear,
}

/// When earnings die. Usable to the end of that day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expiry {
    /// Never.
    Never,
    /// After a span from the day of the purchase, then rounded up.
    After(Span, Rounding),
    /// On this day.
    On(Day),
}

/// Where a purse can be spent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SpendAt {
    /// At every shop of the club.
    Anywhere,
    /// Within these groups.
    Groups(Places),
    /// Only where it was earned.
    SameMerchant,
}

/// What happens when spent earnings are taken back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Negative {
    /// Who funded them bears it.
    Forbid,
    /// The member owes it; his next earnings pay it first.
    Recover,
    /// The purse goes below zero.
    Allow,
}

/// A purse of a club.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Purse {
    /// Its id.
    pub id: PurseId,
    /// Its kind.
    pub kind: PurseKind,
    /// What it is counted in.
    pub unit: UnitId,
    /// Whether it counts rials, owed by somebody or (virtual) by nobody.
    pub in_rials: bool,
    /// Whether it can pay.
    pub redeemable: bool,
    /// Decimals of one whole.
    pub decimals: u8,
    /// Rials for smallest units; none for purses kept in rials, and for points without a value.
    pub value: Option<Rate>,
    /// When earnings can be spent.
    pub available: Available,
    /// When they die.
    pub expiry: Expiry,
    /// Where they can be spent.
    pub spend_at: SpendAt,
    /// What happens when spent ones are taken back.
    pub negative: Negative,
    /// What is earned is a multiple of this, in smallest units.
    pub step: i64,
    /// For so many days what died comes back when a purchase is undone that spent it (S13).
    pub grace_days: i32,
}

/// A tier of a club.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tier {
    /// Its id.
    pub id: TierId,
    /// Multiplies tiered earnings.
    pub earn_times: Times,
    /// Reached with so much of what is measured; none: by hand only.
    pub from: Option<i64>,
}

/// Spending from purses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RedeemTerms {
    /// Purses, in the order they are spent.
    pub from: Vec<PurseId>,
    /// As much as allowed is taken unasked.
    pub automatic: bool,
    /// A PIN is needed.
    pub pin: bool,
    /// Of the bill after discount.
    pub at_most: Percent,
    /// At least this.
    pub min: Rials,
    /// In steps of this; 0 for any amount.
    pub step: Rials,
    /// Not in these categories (rising).
    pub not_mcc: Vec<u16>,
    /// At most this a member and day.
    pub member_day_max: Option<Rials>,
    /// Under what is counted which of it is spent in shops of other clubs; none where the club clears with none.
    pub elsewhere: Option<RuleId>,
    /// When purses may pay.
    pub when: When,
    /// What it says to the customer when purses paid.
    pub say: Option<String>,
}

/// A part of a split.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// An amount.
    Fixed(Rials),
    /// A share of the base, rounded down.
    Percent(Percent),
    /// What the others leave.
    Rest,
}

/// How a purchase is split.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Split {
    /// Its name.
    pub name: String,
    /// When it applies; the first split that does is taken.
    pub when: When,
    /// What the percents are taken of.
    pub of: Base,
    /// Who gets what, in file order. Exactly one is the rest, or the percents are 100 %.
    pub parts: Vec<(Party, Part)>,
    /// Parts under this join the rest.
    pub min_part: Rials,
}

/// The operator's fee.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fee {
    /// What the percent is taken of.
    pub of: Base,
    /// The share.
    pub percent: Percent,
    /// At least this.
    pub min: Rials,
    /// At most this.
    pub max: Option<Rials>,
    /// Who pays.
    pub payer: Payer,
}

/// How somebody becomes a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Enrol {
    /// By an enrolment message.
    pub at_pos: bool,
    /// By his first purchase with a card.
    pub on_first_purchase: bool,
}

/// By what a member of the club may be named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identify {
    /// Bank card.
    pub card: bool,
    /// Mobile number.
    pub mobile: bool,
    /// National code.
    pub national_code: bool,
    /// Club number.
    pub number: bool,
}

/// What is counted of the earnings into a purse.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counter {
    /// Into which purse.
    pub purse: PurseId,
    /// What stands for the rule in what is counted.
    pub rule: RuleId,
    /// In what.
    pub unit: UnitId,
    /// The longest window that is asked for.
    pub window: Window,
}

/// One customer club.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Club {
    /// Its id.
    pub id: ClubId,
    /// The club that it is a part of.
    pub sub_of: Option<ClubId>,
    /// The rules that it inherits, each with the file where it is written.
    pub inherited: Vec<(RuleId, String)>,
    /// One person alone cannot put a change of it in force.
    pub two_persons: bool,
    /// Its name in messages (tag 16) and files.
    pub name: String,
    /// Its shops.
    pub places: Places,
    /// By what a member may be named.
    pub identify: Identify,
    /// How somebody becomes a member.
    pub enrol: Enrol,
    /// How many cards a member may be known by.
    pub cards_max: u8,
    /// Its purses.
    pub purses: Vec<Purse>,
    /// What messages call them (tag 20).
    pub purse_names: Vec<(PurseId, String)>,
    /// Its tiers, lowest first; the first is the tier of who has none by hand.
    pub tiers: Vec<Tier>,
    /// How purchases move members between them; none: by hand only.
    pub tiering: Option<Tiering>,
    /// Earnings that are counted for conditions.
    pub counters: Vec<Counter>,
    /// How discounts go together.
    pub discount_stack: Stack,
    /// Discounts, in file order.
    pub discounts: Vec<Discount>,
    /// Spending; none where the club has no redeem block.
    pub redeem: Option<RedeemTerms>,
    /// How accruals go together.
    pub accrue_stack: Stack,
    /// Accruals, in file order.
    pub accruals: Vec<Accrue>,
    /// Splits, in file order.
    pub splits: Vec<Split>,
    /// The fee.
    pub fee: Option<Fee>,
    /// Which of its rules can apply to a purchase.
    pub indexes: Indexes,
}

impl Identify {
    /// Whether a member may be named so.
    pub fn allows(&self, identity: Identity) -> bool {
        match identity {
            Identity::Card(_) => self.card,
            Identity::Mobile(_) => self.mobile,
            Identity::NationalCode(_) => self.national_code,
            Identity::Voucher(_) => false,
            Identity::Number(_) => self.number,
        }
    }
}

impl Purse {
    /// A net balance as it is told: a purse that may go below zero shows it.
    pub fn shown(&self, net: i64) -> i64 {
        match self.negative {
            Negative::Allow => net,
            Negative::Forbid | Negative::Recover => net.max(0),
        }
    }

    /// What an amount is worth in rials, rounded down. Points without a value are worth nothing.
    ///
    /// # Errors
    /// When it does not fit.
    pub fn worth(&self, amount: i64) -> Result<Rials, Overflow> {
        match (self.value, self.unit) {
            (Some(value), _) => value.down(amount).map(Rials),
            (None, UnitId::RIAL) => Ok(Rials(amount)),
            (None, _) => Ok(Rials::ZERO),
        }
    }

    /// Merchant credit is one purse for each shop.
    pub fn shop_of(&self, shop: ShopId) -> Option<ShopId> {
        (self.kind == PurseKind::MerchantCredit).then_some(shop)
    }
}

impl Club {
    /// How many rules it has: discounts, accruals, splits.
    pub fn rules(&self) -> usize {
        self.discounts.len() + self.accruals.len() + self.splits.len()
    }

    /// A purse of this club.
    pub fn purse(&self, id: PurseId) -> Option<&Purse> {
        self.purses.iter().find(|purse| purse.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_two_lines_of_memory() {
        assert_eq!((size_of::<Discount>(), size_of::<Accrue>()), (128, 128));
    }
}
