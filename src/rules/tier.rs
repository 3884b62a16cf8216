//! In which tier a member stands by what he has bought: up at once, down at a review. No batch decides it: it is worked out
//! when he is looked at, from his log of purchases and from what the last look kept.

use crate::ledger::told::PurseAmount;
use crate::ledger::{Member, Pages, Standing, TierId, Who, Window};
use crate::rules::{Club, Counter, Tier};
use crate::terms::{Day, PurseId};

/// What of a member's purchases is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Measure {
    /// What he spent: his bills less discount and what purses paid.
    Spent,
    /// How often he bought.
    Visits,
    /// What he earned into this purse, counted as caps are.
    Earned(PurseId),
}

/// How purchases move members between tiers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tiering {
    /// What is measured.
    pub measure: Measure,
    /// In which span of days.
    pub window: Window,
    /// A review is at the start of every Jalali month; or (`true`) of every Jalali year.
    pub yearly: bool,
    /// A review lowers by one step at the most; or (`false`) to where the measure is.
    pub one_step: bool,
}

/// Twelve times the Jalali year, and the month less one.
fn month_of(day: Day) -> u16 {
    let date = day.jalali();
    u16::try_from(12 * date.year() + i32::from(date.month()) - 1).unwrap_or(u16::MAX)
}

impl Tiering {
    /// The first days of the months in which there was a review since a month, newest first.
    fn reviews(&self, since: u16, today: Day) -> Vec<Day> {
        let mut reviews = Vec::new();
        let (mut month, mut day) = (month_of(today), today);
        while month > since && reviews.len() < REVIEWS_MOST {
            let first = Window::JalaliMonth.first(day);
            if !self.yearly || month.is_multiple_of(12) {
                reviews.push(first);
            }
            day = first.plus(-1);
            month -= 1;
        }
        reviews
    }

    /// What is measured at the end of a day.
    fn measured(&self, club: &Club, member: &Member, book: &Pages, at: Day) -> i64 {
        let first = self.window.first(at);
        if let Measure::Earned(purse) = self.measure {
            // It is counted day by day, whatever the window.
            let days = u16::try_from(at.0 - first.0 + 1).unwrap_or(u16::MAX);
            let sliding = |counter: &&Counter| {
                counter.purse == purse && counter.window.kind() == Window::Days(0)
            };
            let Some(counter) = club.counters.iter().find(sliding) else {
                return 0;
            };
            let (rule, who) = ((counter.rule, counter.unit), Who::Member(member.id));
            return book.used(rule, who, Window::Days(days), at).amount;
        }
        let newest = member.purchases.newest_first();
        let counts = newest
            .skip_while(|visit| visit.day > at)
            .take_while(|visit| visit.day >= first);
        match self.measure {
            Measure::Spent => counts
                .map(|visit| visit.spent.0 - visit.redeemed.0)
                .fold(0, i64::saturating_add),
            Measure::Visits => counts.map(|visit| i64::from(visit.times)).sum(),
            Measure::Earned(_) => 0,
        }
    }
}

/// How far a member has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reached {
    /// The place of his tier among those of the club.
    at: usize,
    /// The month it is.
    month: u16,
    /// What is measured today, before what he buys now.
    measured: i64,
}

impl Club {
    /// How far a member has come by a day; none where his club measures nothing.
    pub(super) fn reached(&self, member: &Member, book: &Pages, today: Day) -> Option<Reached> {
        let tiering = self.tiering.as_ref()?;
        let month = month_of(today);
        let mut at = 0;
        if let Some(kept) = member.standing() {
            at = self.place_of(kept.tier).unwrap_or(0);
            for first in tiering.reviews(kept.month, today).into_iter().rev() {
                let measured = self.level(tiering.measured(self, member, book, first.plus(-1)));
                at = if measured < at && tiering.one_step {
                    self.step_down(at)
                } else {
                    measured
                };
            }
        }
        let measured = tiering.measured(self, member, book, today);
        let at = at.max(self.level(measured));
        Some(Reached {
            at,
            month,
            measured,
        })
    }

    /// The tier that counts for a member: the higher of what he was given by hand and what he has reached.
    pub(super) fn tier_of(&self, member: &Member, reached: Option<Reached>) -> Option<TierId> {
        let reached = reached.map_or(0, |reached| reached.at);
        let by_hand = member.tier.and_then(|tier| self.place_of(tier));
        let tier = self.tiers.get(reached.max(by_hand.unwrap_or(0)));
        tier.map(|tier| tier.id)
    }

    /// How he stands after he bought, spent and earned so much more, where that is not what is kept of him.
    pub(super) fn stands(
        &self,
        member: &Member,
        reached: Reached,
        (spent, earned): (i64, &[PurseAmount]),
    ) -> Option<Option<Standing>> {
        let more = match self.tiering.as_ref()?.measure {
            Measure::Spent => spent,
            Measure::Visits => 1,
            Measure::Earned(purse) => {
                let into = earned.iter().filter(|earned| earned.purse == purse);
                into.map(|earned| earned.amount).sum()
            }
        };
        let at = reached
            .at
            .max(self.level(reached.measured.saturating_add(more)));
        // Who stands lowest stands there by himself.
        let tier = self.tiers.get(at).filter(|_| at > 0);
        // A late advice does not bring back a review that was.
        let kept = member.standing().map_or(0, |kept| kept.month);
        let after = tier.map(|tier| Standing {
            tier: tier.id,
            month: reached.month.max(kept),
        });
        (after != member.standing()).then_some(after)
    }

    /// The place of the highest tier that so much reaches.
    fn level(&self, measured: i64) -> usize {
        let reaches = |tier: &Tier| tier.from.is_some_and(|from| from <= measured);
        self.tiers.iter().rposition(reaches).unwrap_or(0)
    }

    /// The next tier below that can be reached by buying.
    fn step_down(&self, from: usize) -> usize {
        let below = self.tiers[..from].iter();
        below
            .rev()
            .position(|tier| tier.from.is_some())
            .map_or(0, |steps| from - 1 - steps)
    }

    fn place_of(&self, tier: TierId) -> Option<usize> {
        self.tiers.iter().position(|known| known.id == tier)
    }
}

/// After so many reviews without a purchase nobody stands above the lowest tier any more.
const REVIEWS_MOST: usize = 600;
