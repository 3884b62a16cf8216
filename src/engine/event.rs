//! An event of a member: what he earned and had to wait for it becomes his, and rules that ask for it give.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::engine::{ActError, Engine};
use crate::ledger::{
    Account, Effects, EventId, Facts, Input, LotMove, LotTerms, Member, Mode, Posting, PurseKey,
    Reason, Wishes,
};
use crate::rules::{Case, Shop, judge_event};
use crate::terms::{AcquirerId, MemberId, Moment, Rials, Sequence, ShopId};

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
    /// (S12); then what rules give for it is
    /// entered. Where nothing waits and no rule gives, nothing is.
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
        let input = Input::Event {
            event: happened.event,
            member: happened.member,
            reason: happened.reason,
        };
        let day = self.day_by_clock(now);
        let number = self.rules.number;
        let released = !effects.lots.is_empty();
        if released {
            self.enter(input.clone(), effects, None, day, now, number);
        }
        let member = self.book.member(happened.member);
        let earned = member.and_then(|member| self.earned_at(happened.event, member, now));
        if !released && earned.is_none() {
            return Err(ActError::NothingWaits);
        }
        if let Some(effects) = earned {
            self.enter(input, effects, None, day, now, number);
        }
        Ok(self.book.sequence())
    }

    /// What the rules that ask for the event earn him; none where none gives.
    pub(super) fn earned_at(
        &self,
        event: EventId,
        member: &Member,
        now: Moment,
    ) -> Option<Effects> {
        let club = self.rules.club(member.club)?;
        let local = self.rules.world.zone.local(now);
        let nowhere = Shop {
            id: ShopId(u32::MAX),
            mcc: 0,
            marketer: None,
        };
        let case = Case {
            world: &self.rules.world,
            club,
            member,
            holder: None,
            introducer: member.introducer().and_then(|id| self.book.member(id)),
            book: &self.book,
            shop: &nowhere,
            acquirer: AcquirerId::default(),
            terminal: "",
            facts: &Facts::default(),
            mcc: 0,
            amount: Rials::ZERO,
            at: now,
            local,
            business_day: self.day_by_clock(now),
            wishes: &Wishes::default(),
            mode: Mode::Ask,
            card: None,
            late: 0,
            event: Some(event),
            abroad: None,
            other: None,
        };
        let judged = catch_unwind(AssertUnwindSafe(|| judge_event(&case)));
        let effects = judged.ok()?.ok()?;
        (!effects.lots.is_empty() || !effects.postings.is_empty()).then_some(effects)
    }
}
