//! Conditions for whoever wants to know why: each with its answer and the value that it met.

use crate::ledger::{EventId, TierId};
use crate::rules::when::Circumstances;
use crate::rules::{Condition, Where};
use crate::terms::{
    Bin, Channel, Day, EntryMode, MemberId, PurseId, Rials, ShopId, TimeOfDay, UnitId,
};

/// A condition that was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// Whether it holds.
    pub holds: bool,
    /// The value that it met.
    pub met: Met,
    /// Of `any` and `not`: the conditions inside, list by list.
    pub inside: Vec<Vec<Asked>>,
}

/// A value that a condition met.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Met {
    /// The bill.
    Bill(Rials),
    /// The shop.
    Shop(ShopId),
    /// The shop and the category code.
    Place(ShopId, u16),
    /// The category code.
    Mcc(u16),
    /// The day.
    Day(Day),
    /// The time.
    Time(TimeOfDay),
    /// The day, for its weekday.
    Weekday(Day),
    /// Whether it is a business day.
    BusinessDay(bool),
    /// The member's tier.
    Tier(Option<TierId>),
    /// His last purchase there, and how many days ago that is.
    LastPurchase(Option<(Day, i32)>),
    /// The day he became a member, and how many days ago that is.
    Joined(Day, i32),
    /// Which of his purchases this is, the first being 1.
    Number(u64),
    /// The way it came.
    Channel(Channel),
    /// How the card was read.
    Entry(Option<EntryMode>),
    /// The terminal.
    Terminal(String),
    /// What was bought.
    Products(Vec<String>),
    /// The service.
    Service(Option<String>),
    /// The range of the card.
    Bin(Option<Bin>),
    /// His number.
    Member(MemberId),
    /// What he spent in the window before, and what this purchase adds.
    Spent(i64, Rials),
    /// What he earned in the window before, in smallest units of what.
    Earned(Option<(UnitId, i64)>),
    /// What he could spend, in smallest units.
    Balance(PurseId, i64),
    /// The day he was born.
    Born(Option<Day>),
    /// Who brought him, and whether this is his first purchase.
    Introduced(Option<MemberId>, bool),
    /// What happened, where nothing is bought.
    Event(Option<EventId>),
    /// See the conditions inside.
    Inside,
}

impl<'a> Circumstances<'a> {
    /// Every condition of a list with its answer, which is the judge's, and what it met.
    pub fn ask(&self, all: &'a [Condition]) -> Vec<Asked> {
        let asked = all.iter().map(|condition| Asked {
            holds: self.meets(condition),
            met: self.met(condition),
            inside: match condition {
                Condition::Any(lists) => lists.iter().map(|list| self.ask(list)).collect(),
                Condition::Not(list) => vec![self.ask(list)],
                _ => Vec::new(),
            },
        });
        asked.collect()
    }

    /// What a condition looks at here.
    fn met(&self, condition: &'a Condition) -> Met {
        let today = self.local.day;
        match condition {
            Condition::Amount { .. } => Met::Bill(self.bill),
            Condition::Shops(_) => Met::Shop(self.shop),
            Condition::Groups(_) => Met::Place(self.shop, self.mcc),
            Condition::Mcc(_) => Met::Mcc(self.mcc),
            Condition::Dates { .. } => Met::Day(today),
            Condition::Hours(_) => Met::Time(self.local.time),
            Condition::Weekdays(_) => Met::Weekday(today),
            Condition::BusinessDay(_) => Met::BusinessDay(self.world.is_business_day(today)),
            Condition::Tiers(_) => Met::Tier(self.tier),
            Condition::FirstPurchase(_) => Met::LastPurchase(self.last_visit(&Where::Club)),
            Condition::LastPurchase { at, .. } => Met::LastPurchase(self.last_visit(at)),
            Condition::Joined(_) => {
                let joined = self.member.joined;
                Met::Joined(joined, today.0 - joined.0)
            }
            Condition::Visits { window, at, .. } => Met::Number(1 + self.times(*window, at)),
            Condition::Channels(_) => Met::Channel(self.facts.channel),
            Condition::Entry(_) => Met::Entry(self.facts.entry),
            Condition::Terminals(_) => Met::Terminal(self.terminal.to_owned()),
            Condition::Products(_) => Met::Products(self.facts.products.clone()),
            Condition::Services(_) => Met::Service(self.facts.service.clone()),
            Condition::Bins(_) => Met::Bin(self.facts.bin),
            Condition::Roster(_) => Met::Member(self.member.id),
            Condition::Spent { window, at, .. } => Met::Spent(self.spent(*window, at), self.spends),
            Condition::Earned {
                counter, window, ..
            } => {
                let unit = self.club.counters.get(*counter).map(|counter| counter.unit);
                Met::Earned(unit.map(|unit| (unit, self.earned(*counter, *window))))
            }
            Condition::Balance { purse, .. } => Met::Balance(*purse, self.balance(*purse)),
            Condition::Birthday(_) => Met::Born(self.member.born()),
            Condition::Anniversary(_) => {
                let joined = self.member.joined;
                Met::Joined(joined, today.0 - joined.0)
            }
            Condition::Introduced { .. } => Met::Introduced(
                self.member.introducer(),
                self.visits(&Where::Club).next().is_none(),
            ),
            Condition::Event(_) => Met::Event(self.event),
            Condition::Any(_) | Condition::Not(_) => Met::Inside,
        }
    }

    fn last_visit(&self, at: &'a Where) -> Option<(Day, i32)> {
        let last = self.visits(at).next()?;
        Some((last.day, self.local.day.0 - last.day.0))
    }
}
