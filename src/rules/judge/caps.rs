//! What caps leave of an amount, and what is counted toward them.

use super::Work;
use crate::ledger::{Counted, Member, MemberChange, Who};
use crate::rules::trace::{Fact, Trace};
use crate::rules::{Cap, Caps, Most, Per, Purse};
use crate::terms::{RuleId, UnitId};

impl<'a, T: Trace> Work<'a, T> {
    /// What the caps of a rule, which gives in some unit, leave of what it would give.
    pub(super) fn under_caps(
        &self,
        rule: (RuleId, UnitId),
        caps: &Caps,
        amount: i64,
        member: &Member,
    ) -> i64 {
        let mut left = amount;
        for cap in &caps.rows {
            let Some(who) = self.who(cap.per, member) else {
                continue;
            };
            let day = self.case.local.day;
            let used = self.case.book.used(rule, who, cap.window, day);
            self.trace.hear(|| {
                let (used, most) = match cap.most {
                    Most::Amount(most) => (used.amount, most),
                    Most::Times(most) => (used.times as i64, most as i64),
                };
                Fact::CapRoom {
                    rule: rule.0,
                    cap: *cap,
                    who,
                    used,
                    left: most.saturating_sub(used).max(0),
                }
            });
            let room = match cap.most {
                Most::Amount(most) => most.saturating_sub(used.amount).max(0),
                Most::Times(most) if used.times >= most => 0,
                Most::Times(_) => continue,
            };
            left = left.min(room);
        }
        let after = if caps.skips && left < amount { 0 } else { left };
        self.trace.hear(|| Fact::AfterCaps {
            rule: rule.0,
            before: amount,
            after,
        });
        after
    }

    /// Keeps what counts toward the caps of a rule that has given: a row for each whom and window, however many maxima.
    pub(super) fn count(
        &mut self,
        (rule, unit): (RuleId, UnitId),
        caps: &Caps,
        amount: i64,
        member: &Member,
    ) {
        for (at, cap) in caps.rows.iter().enumerate() {
            let same =
                |other: &&Cap| (other.per, other.window.kind()) == (cap.per, cap.window.kind());
            if caps.rows[..at].iter().any(|other| same(&other)) {
                continue;
            }
            let windows = caps.rows.iter().filter(same).map(|other| other.window);
            let longest = windows.max_by_key(|window| window.days());
            let (Some(who), Some(window)) = (self.who(cap.per, member), longest) else {
                continue;
            };
            self.effects.counted.push(Counted {
                rule,
                who,
                window,
                day: self.case.local.day,
                late: self.case.late,
                unit,
                amount,
            });
        }
    }

    /// Keeps what conditions on earnings ask for.
    pub(super) fn count_earned(&mut self, purse: &Purse, amount: i64) {
        for counter in &self.case.club.counters {
            if counter.purse == purse.id {
                self.effects.counted.push(Counted {
                    rule: counter.rule,
                    who: Who::Member(self.case.member.id),
                    window: counter.window,
                    day: self.case.local.day,
                    late: self.case.late,
                    unit: purse.unit,
                    amount,
                });
            }
        }
    }

    /// Keeps the tier he has reached with it.
    pub(super) fn note_standing(&mut self) {
        let member = self.case.member;
        let Some(reached) = self.reached else { return };
        if let Some(after) =
            self.case
                .club
                .stands(member, reached, (self.paid.0, &self.told.earned))
        {
            self.effects.members.push(MemberChange::Standing {
                member: member.id,
                after,
            });
        }
    }

    pub(super) fn who(&self, per: Per, member: &Member) -> Option<Who> {
        match per {
            Per::Member => Some(Who::Member(member.id)),
            Per::Card => Some(Who::card(member.id, self.case.card)),
            Per::Merchant => Some(Who::Shop(self.case.shop.id)),
            Per::Introducer => member.introducer().map(Who::Introducer),
            Per::Rule => Some(Who::Rule),
            // Of the discounts of a card that is its product, in the shops of whatever club.
            Per::Club => Some(Who::Club(member.club)),
        }
    }
}
