//! A reversal: its effect always happens (S12). It is refused only when asked, and then only for an original that is unknown or of
//! another amount.

use crate::engine::matching::{Found, amounts};
use crate::engine::{Decided, Engine, Hand, How, Missing, may_refuse};
use crate::ledger::{Effects, Entry, Exception, Member, ObligationKind, Posting, Told, Verdict};
use crate::rules::{Negative, RESTORE_GRACE_DAYS, Undoing, undo};
use crate::terms::MemberId;

impl Engine {
    pub(super) fn reversal(&self, hand: &Hand<'_>) -> Result<Decided, Missing> {
        Ok(match self.original(hand)? {
            Found::None => unmatched(hand, Exception::OrphanReversal, How::Orphan),
            Found::Many => unmatched(hand, Exception::AmbiguousReversal, How::Ambiguous),
            Found::One(original) => self.reverse(hand, &original)?,
        })
    }

    fn reverse(&self, hand: &Hand<'_>, original: &Entry) -> Result<Decided, Missing> {
        let asked = &hand.request.asked;
        if asked.original.is_some_and(|original| original.partial) {
            return Ok(noted(
                hand,
                original,
                Verdict::UnknownTransaction,
                Exception::PartialReversal,
            ));
        }
        if self.reversed_by(original.head.sequence, hand)?.is_some() {
            let mut effects = Effects::told(Told::only(Verdict::Approved));
            effects.original = Some(original.head.sequence);
            return Ok(matched(effects));
        }
        let differs = asked
            .amount
            .is_some_and(|amount| !amount.is_zero() && !amounts(original).contains(&Some(amount)));
        if differs && may_refuse(asked) {
            return Ok(noted(
                hand,
                original,
                Verdict::AmountDiffers,
                Exception::AmountDiffers,
            ));
        }
        // An advised reversal has its effect whenever it comes (S12).
        if may_refuse(asked) && self.is_settled_exchange(hand, original) {
            return Ok(noted(
                hand,
                original,
                Verdict::NotAllowed,
                Exception::AdviceTooOld,
            ));
        }
        let moved = original.effects.lots.iter().map(|moved| moved.key.member);
        let posted = original.effects.postings.iter().filter_map(Posting::member);
        let mut ids: Vec<MemberId> = original.effects.member.into_iter().collect();
        ids.extend(moved.chain(posted));
        ids.sort_unstable();
        ids.dedup();
        let members: Vec<&Member> = ids.iter().filter_map(|id| self.book.member(*id)).collect();
        let negative = |purse| {
            let purse = self.rules.purse(purse);
            purse.map_or(Negative::Recover, |purse| purse.negative)
        };
        let grace_days = |purse| {
            let purse = self.rules.purse(purse);
            purse.map_or(RESTORE_GRACE_DAYS, |purse| purse.grace_days)
        };
        let undoing = Undoing {
            members: &members,
            negative: &negative,
            grace_days: &grace_days,
            at: hand.now,
            today: hand.local.day,
            business_day: hand.business_day,
        };
        Ok(match undo(original, &undoing) {
            Ok(mut effects) => {
                effects.told = Some(Told::only(Verdict::Approved));
                if differs {
                    effects.exception = Some(Exception::AmountDiffers);
                }
                matched(effects)
            }
            Err(_) => Decided::only(Verdict::CannotServe),
        })
    }
}

impl Engine {
    /// Whether it is an exchange between clubs that cannot be undone any more.
    fn is_settled_exchange(&self, hand: &Hand<'_>, original: &Entry) -> bool {
        let mut owed = original.effects.obligations.iter();
        let Some(owed) = owed.find(|owed| owed.kind == ObligationKind::Exchange) else {
            return false;
        };
        let house = self.rules.clearing.house_of(owed.issuer);
        let terms = house.and_then(|house| house.exchange.as_ref());
        let seconds = terms.and_then(|terms| terms.reversible_seconds);
        seconds.is_some_and(|seconds| hand.now > original.head.at.plus_seconds(seconds))
    }
}

/// The original stands. Asked, it is refused; advised, it is taken note of for somebody to look at.
fn noted(hand: &Hand<'_>, original: &Entry, verdict: Verdict, exception: Exception) -> Decided {
    if may_refuse(&hand.request.asked) {
        let mut effects = Effects::told(Told::only(verdict));
        effects.original = Some(original.head.sequence);
        return matched(effects);
    }
    let mut effects = Effects::told(Told::only(Verdict::Approved));
    effects.original = Some(original.head.sequence);
    effects.exception = Some(exception);
    matched(effects)
}

fn matched(effects: Effects) -> Decided {
    Decided {
        effects,
        how: How::Matched,
    }
}

/// Nothing was found that fits: a tombstone, which the original finds when it comes.
fn unmatched(hand: &Hand<'_>, exception: Exception, how: How) -> Decided {
    let verdict = if may_refuse(&hand.request.asked) {
        Verdict::OriginalNotFound
    } else {
        Verdict::Approved
    };
    let mut effects = Effects::told(Told::only(verdict));
    effects.exception = Some(exception);
    Decided { effects, how }
}
