//! A transfer: of what one purse holds, another's is made, in one entry.

use crate::engine::{Decided, Engine, Hand, Missing};
use crate::ledger::Verdict;

impl Engine {
    pub(super) fn transfer(&self, hand: &Hand<'_>) -> Result<Decided, Missing> {
        match self.may_move(hand)? {
            Ok(_) => Ok(Decided::only(Verdict::NotAllowed)),
            Err(refused) => Ok(refused),
        }
    }
}
