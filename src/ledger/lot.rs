//! Lots: what a purse holds, each part with the terms it was given under.

use crate::ledger::{EventId, PurseKey};
use crate::terms::{Day, Moment, RuleId};

/// The number of a lot among those of its member, in the order they were opened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct LotId(pub u32);

/// What a lot waits for before it is the member's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Hold {
    /// The event that releases it.
    pub until: EventId,
    /// Without it, it has lapsed at 00:00 of this day in the club's zone.
    pub lapses: Day,
}

/// The terms of a lot. They never change; earnings of equal terms on one business day share a lot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LotTerms {
    /// The rule that gave it; none for an opening balance.
    pub rule: Option<RuleId>,
    /// The business day it was first booked.
    pub booked: Day,
    /// It can be spent from here on.
    pub usable_from: Moment,
    /// It is dead at 00:00 of this day in the club's zone; none: never.
    pub dies: Option<Day>,
    /// What it waits for; none: nothing, or it has come.
    pub hold: Option<Hold>,
}

/// A lot in a purse.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lot {
    /// Its number.
    pub id: LotId,
    /// Its terms.
    pub terms: LotTerms,
    /// What is left in it, in smallest units; above zero.
    pub amount: i64,
}

/// A change of one lot. It carries the terms too, so that an emptied lot comes back as it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LotMove {
    /// The purse it is in.
    pub key: PurseKey,
    /// Which lot.
    pub lot: LotId,
    /// The terms of the lot.
    pub terms: LotTerms,
    /// What it gains, or loses where negative.
    pub amount: i64,
}
