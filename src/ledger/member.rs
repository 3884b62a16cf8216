//! A member of a club: what he has, lot by lot, and when and where he bought.

use crate::ledger::{Lot, LotId, LotMove, TierId};
use crate::terms::{ClubId, Day, MemberId, Moment, PersonId, PurseId, Rials, ShopId};

/// How many days the log of purchases reaches back: the longest window a rule may ask for.
pub const VISIT_DAYS: i32 = 400;

/// One purse of a member (merchant credit: one for each shop).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holding {
    /// Which purse.
    pub purse: PurseId,
    /// At which shop, for merchant credit.
    pub shop: Option<ShopId>,
    /// What he owes it, in smallest units; new earnings pay it first.
    pub debt: i64,
    /// What is in it.
    pub lots: Vec<Lot>,
}

impl Holding {
    /// What can be spent at a moment on a day of the club's zone, whatever a batch has done: never below zero.
    pub fn available(&self, at: Moment, today: Day) -> i64 {
        self.net(at, today).max(0)
    }

    /// What can be spent less what is owed: below zero where more is owed.
    pub fn net(&self, at: Moment, today: Day) -> i64 {
        let usable: i64 = self
            .lots
            .iter()
            .filter(|lot| lot.is_usable(at, today))
            .map(|lot| lot.amount)
            .sum();
        usable - self.debt
    }

    /// The sum of its lots, usable or not.
    pub fn total(&self) -> i64 {
        self.lots.iter().map(|lot| lot.amount).sum()
    }
}

impl Lot {
    /// Whether it can be spent at a moment on a day of the club's zone.
    pub fn is_usable(&self, at: Moment, today: Day) -> bool {
        self.terms.usable_from <= at && !self.is_dead(today)
    }

    /// Whether it has expired by that day.
    pub fn is_dead(&self, today: Day) -> bool {
        self.terms.dies.is_some_and(|dies| dies <= today)
    }
}

/// What a member bought at one shop on one day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VisitDay {
    /// The day.
    pub day: Day,
    /// The shop.
    pub shop: ShopId,
    /// How often.
    pub times: u32,
    /// The sum of the bills.
    pub spent: Rials,
    /// What purses paid of it.
    pub redeemed: Rials,
}

/// A member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// His number.
    pub id: MemberId,
    /// His club.
    pub club: ClubId,
    /// The business day he joined.
    pub joined: Day,
    /// His tier, where it was given by hand.
    pub tier: Option<TierId>,
    /// Who gets the marketer's part of his purchases.
    pub marketer: Option<PersonId>,
    /// Who brought him.
    pub introducer: Option<MemberId>,
    /// His purses, in the order they were first used.
    pub holdings: Vec<Holding>,
    /// His purchases, day by day and shop by shop, oldest first.
    pub visits: Vec<VisitDay>,
    /// The number the next lot will have.
    pub next_lot: LotId,
}

impl Member {
    /// One of his purses.
    pub fn holding(&self, purse: PurseId, shop: Option<ShopId>) -> Option<&Holding> {
        self.holdings
            .iter()
            .find(|held| held.purse == purse && held.shop == shop)
    }

    /// What purses paid for him on a day, over all shops.
    pub fn redeemed_on(&self, day: Day) -> Rials {
        Rials(
            self.visits
                .iter()
                .rev()
                .take_while(|visit| visit.day >= day)
                .filter(|visit| visit.day == day)
                .map(|visit| visit.redeemed.0)
                .sum(),
        )
    }

    pub(super) fn holding_mut(&mut self, purse: PurseId, shop: Option<ShopId>) -> &mut Holding {
        let at = self
            .holdings
            .iter()
            .position(|held| held.purse == purse && held.shop == shop)
            .unwrap_or_else(|| {
                self.holdings.push(Holding {
                    purse,
                    shop,
                    debt: 0,
                    lots: Vec::new(),
                });
                self.holdings.len() - 1
            });
        &mut self.holdings[at]
    }

    /// A lot gains or loses; an emptied one goes, one that is not there comes with its terms.
    pub(super) fn move_lot(&mut self, moved: &LotMove) {
        if moved.lot >= self.next_lot {
            self.next_lot = LotId(moved.lot.0 + 1);
        }
        let lots = &mut self.holding_mut(moved.key.purse, moved.key.shop).lots;
        match lots.iter().position(|lot| lot.id == moved.lot) {
            Some(at) => {
                lots[at].amount += moved.amount;
                assert!(lots[at].amount >= 0, "a lot never goes below zero");
                if lots[at].amount == 0 {
                    lots.remove(at);
                }
            }
            None => {
                assert!(
                    moved.amount > 0,
                    "only what is there can be taken from a lot"
                );
                lots.push(Lot {
                    id: moved.lot,
                    terms: moved.terms,
                    amount: moved.amount,
                });
            }
        }
    }

    /// A purchase enters the log, or (`sign` −1) leaves it. What is older than any window is dropped.
    pub(super) fn log_visit(
        &mut self,
        day: Day,
        shop: ShopId,
        spent: Rials,
        redeemed: Rials,
        sign: i64,
    ) {
        let at = match self
            .visits
            .iter()
            .rposition(|visit| visit.day == day && visit.shop == shop)
        {
            Some(at) => at,
            None if sign < 0 => return,
            None => {
                let at = self.visits.partition_point(|visit| visit.day <= day);
                self.visits.insert(
                    at,
                    VisitDay {
                        day,
                        shop,
                        times: 0,
                        spent: Rials::ZERO,
                        redeemed: Rials::ZERO,
                    },
                );
                at
            }
        };
        let visit = &mut self.visits[at];
        visit.spent.0 += sign * spent.0;
        visit.redeemed.0 += sign * redeemed.0;
        visit.times = if sign > 0 {
            visit.times + 1
        } else {
            visit.times.saturating_sub(1)
        };
        if visit.times == 0 {
            self.visits.remove(at);
        }
        let newest = self.visits.last().map_or(day, |visit| visit.day);
        let old = self
            .visits
            .partition_point(|visit| visit.day.plus(VISIT_DAYS) < newest);
        self.visits.drain(..old);
    }
}
