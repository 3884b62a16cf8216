//! An entry: what was asked, when, and what it did. The journal is a row of them.

use crate::ledger::{Effects, Input};
use crate::terms::{AcquirerId, Day, Moment, Sequence, SetNumber};

/// Where and when an entry stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// Its place in the journal.
    pub sequence: Sequence,
    /// When the deciding thread took it. Never before the entry before it.
    pub at: Moment,
    /// The accounting day it counts in: the one open for its acquirer then.
    pub business_day: Day,
    /// The acquirer, where it has one.
    pub acquirer: Option<AcquirerId>,
    /// The rule set it was judged by; 0 before the first.
    pub rule_set: SetNumber,
}

/// An entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Where and when.
    pub head: Head,
    /// What was asked.
    pub input: Input,
    /// What it did.
    pub effects: Effects,
}
