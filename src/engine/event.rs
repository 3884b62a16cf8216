//! An event of a member: what he earned and had to wait for it becomes his.

use crate::engine::{ActError, Engine};
use crate::ledger::{
    Account, Effects, EventId, Input, LotMove, LotTerms, Posting, PurseKey, Reason,
};
use crate::terms::{MemberId, Moment, Sequence};

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Happened {
    /// To whom.
    pub member: MemberId,
    /// Which event of his club.
    pub event: EventId,
    /// Why an operator says so; it stands in the entry.
    pub reason: String,
}

impl Engine {
    /// Releases every lot that waits for it and has not lapsed. Each keeps its number, so that a reversal of the purchase finds it
    /// (S12). Where nothing waits, nothing is entered.
    pub(super) fn event(&mut self, happened: Happened, now: Moment) -> Result<Sequence, ActError> {
        let member = self.book.member(happened.member);
        let member = member.ok_or(ActError::NoMember(happened.member))?;
        let today = self.rules.world.zone.local(now).day;
        let mut effects = Effects {
            club: Some(member.club),
            member: Some(member.id),
            ..Effects::none()
        };
        let mut debts = member.debts().to_vec();
        for held in member.lots() {
            let terms = held.lot.terms;
            let waits = terms.hold.is_some_and(|hold| hold.until == happened.event);
            if !waits || held.lot.is_dead(today) {
                continue;
            }
            let key = PurseKey {
                member: member.id,
                purse: held.purse,
                shop: held.shop,
            };
            let mut left = held.lot.amount;
            // It is earned now, and earnings pay first what is owed.
            let mut owed = debts.iter_mut();
            if let Some(debt) = owed.find(|d| (d.purse, d.shop) == (held.purse, held.shop)) {
                let repaid = left.min(debt.amount);
                debt.amount -= repaid;
                left -= repaid;
                if repaid > 0 {
                    effects.postings.push(Posting {
                        from: Account::Purse(key),
                        to: Account::Debt(key),
                        amount: repaid,
                        unit: self.book.names().purse_unit(held.purse),
                        reason: Reason::DebtPaid,
                    });
                }
            }
            let mut moved = |terms, amount| {
                if amount != 0 {
                    effects.lots.push(LotMove {
                        key,
                        lot: held.lot.id,
                        terms,
                        amount,
                    });
                }
            };
            moved(terms, -held.lot.amount);
            let released = LotTerms {
                usable_from: terms.usable_from.max(now),
                hold: None,
                ..terms
            };
            moved(released, left);
        }
        if effects.lots.is_empty() {
            return Err(ActError::NothingWaits);
        }
        let input = Input::Event {
            event: happened.event,
            member: happened.member,
            reason: happened.reason,
        };
        let day = self.day_by_clock(now);
        let number = self.rules.number;
        Ok(self
            .enter(input, effects, None, day, now, number)
            .head
            .sequence)
    }
}
