//! A load: money, or a voucher, becomes what a purse holds.

use crate::engine::{Decided, Engine, Hand, Missing};
use crate::ledger::Verdict;
use crate::rules::Shop;

impl Engine {
    pub(super) fn load_purse(&self, hand: &Hand<'_>) -> Result<Decided, Missing> {
        match self.may_move(hand)? {
            Ok(_) => Ok(Decided::only(Verdict::NotAllowed)),
            Err(refused) => Ok(refused),
        }
    }

    /// The shop at which a load or a transfer is asked for, unless it is refused whatever it moves.
    pub(super) fn may_move<'h>(
        &self,
        hand: &'h Hand<'_>,
    ) -> Result<Result<&'h Shop, Decided>, Missing> {
        if !hand.request.terminal_allowed {
            return Ok(Err(Decided::only(Verdict::TerminalNotAllowed)));
        }
        let Some(shop) = hand.shop() else {
            return Ok(Err(Decided::only(Verdict::MerchantUnknown)));
        };
        if let Some(refused) = self.too_old(hand) {
            return Ok(Err(refused));
        }
        if self.finds_tombstone(hand)? {
            return Ok(Err(Decided::only(Verdict::UnknownTransaction)));
        }
        Ok(Ok(shop))
    }
}
