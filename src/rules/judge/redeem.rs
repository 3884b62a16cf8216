//! What purses of the club pay: what may be taken, from which lots, and what an advice says was taken.

use smallvec::SmallVec;

use super::{NotJudged, Work};
use crate::ledger::told::PurseAmount;
use crate::ledger::{
    Account, Exception, Lot, LotMove, Member, Mode, PurseKey, PurseKind, Reason, Redeem, Verdict,
};
use crate::rules::trace::{Barred, Fact, Trace};
use crate::rules::{Negative, Purse, RedeemTerms, SpendAt};
use crate::terms::{Overflow, PurseId, Rials, ShopId, UnitId};

impl<'a, T: Trace> Work<'a, T> {
    pub(super) fn redeem(&mut self) -> Result<(), NotJudged> {
        if self.case.mode == Mode::Advise {
            return self.redeem_as_told();
        }
        let terms = self.case.club.redeem.as_ref();
        match self.case.wishes.redeem {
            Redeem::Exactly(asked) => {
                let terms = terms.ok_or(Verdict::NotAllowed)?;
                self.may_redeem(terms)?;
                self.redeem_exactly(asked, terms)
            }
            Redeem::AsMuchAsAllowed => {
                let terms = terms.ok_or(Verdict::NotAllowed)?;
                self.may_redeem(terms)?;
                self.redeem_as_allowed(terms)
            }
            Redeem::Nothing => match terms {
                // In shops of others nothing is taken unasked.
                Some(terms)
                    if terms.automatic
                        && self.case.abroad.is_none()
                        && self.may_redeem(terms).is_ok() =>
                {
                    self.redeem_as_allowed(terms)
                }
                _ => Ok(()),
            },
        }
    }

    /// The refusals that do not depend on the amount.
    pub(super) fn may_redeem(&self, terms: &RedeemTerms) -> Result<(), Verdict> {
        let barred = if terms.pin {
            // With `pin` on, a redemption needs a verified PIN, and this switch verifies none.
            Barred::Pin
        } else if self.case.card.is_none() {
            Barred::NoCard
        } else if terms.not_mcc.binary_search(&self.case.mcc).is_ok() {
            Barred::Category
        } else if self.case.wishes.purse.is_some() && self.asked_purse(terms).is_none() {
            Barred::Purse
        } else if let Some(closed) = self.closed(terms) {
            closed
        } else if !self.seen.meet(&terms.when) {
            Barred::When
        } else {
            return Ok(());
        };
        self.trace.hear(|| Fact::Barred(barred));
        Err(Verdict::NotAllowed)
    }

    pub(super) fn redeem_exactly(
        &mut self,
        asked: Rials,
        terms: &RedeemTerms,
    ) -> Result<(), NotJudged> {
        if asked.is_zero() || asked < terms.min || asked.down_to_step(terms.step) != asked {
            return Err(Verdict::InvalidAmount.into());
        }
        if asked > self.redeem_limit(terms)? {
            return Err(Verdict::OverAmountLimit.into());
        }
        if asked > self.redeemable(terms)? {
            return Err(Verdict::NotEnough.into());
        }
        self.within_cap(asked)?;
        self.take(asked, terms)
    }

    pub(super) fn redeem_as_allowed(&mut self, terms: &RedeemTerms) -> Result<(), NotJudged> {
        let allowed = self.redeem_limit(terms)?.min(self.redeemable(terms)?);
        let room = self.room_here()?;
        let allowed = allowed
            .min(room.unwrap_or(allowed))
            .down_to_step(terms.step);
        if allowed.is_zero() || allowed < terms.min {
            return Ok(());
        }
        self.take(allowed, terms)
    }

    /// The most that may be redeemed of this bill today, whatever the purses hold.
    pub(super) fn redeem_limit(&self, terms: &RedeemTerms) -> Result<Rials, Overflow> {
        let of = self.bill.less(self.discount)?;
        let share = terms.at_most.of(of)?;
        let (used, limit) = match terms.member_day_max {
            None => (None, share),
            Some(max) => {
                let used = self.case.member.redeemed_on(self.case.local.day);
                let used = used.plus(self.redeemed_elsewhere(terms))?;
                (Some(used), share.min(max.less(used)?.max(Rials::ZERO)))
            }
        };
        self.trace.hear(|| Fact::RedeemLimit {
            of,
            share,
            used,
            limit,
        });
        Ok(limit)
    }

    /// The only purse to take from, where the message names one that may be spent.
    pub(super) fn asked_purse(&self, terms: &RedeemTerms) -> Option<PurseId> {
        let name = self.case.wishes.purse.as_deref()?;
        let (id, _) = self
            .case
            .club
            .purse_names
            .iter()
            .find(|(_, known)| known == name)?;
        terms.from.contains(id).then_some(*id)
    }

    /// The purses that may pay here, in order.
    pub(super) fn purses(&self, terms: &RedeemTerms) -> Vec<(&'a Purse, Option<ShopId>)> {
        let asked = self.asked_purse(terms);
        // A purse that is named and not there is not made up for by others.
        if self.case.wishes.purse.is_some() && asked.is_none() {
            return Vec::new();
        }
        terms
            .from
            .iter()
            .filter(|id| asked.is_none_or(|asked| asked == **id))
            .filter_map(|id| self.case.club.purse(*id))
            .filter(|purse| self.pays_here(purse))
            .filter(|purse| match &purse.spend_at {
                SpendAt::Anywhere | SpendAt::SameMerchant => true,
                SpendAt::Groups(places) => places.contains(self.case.shop.id, self.case.mcc),
            })
            .map(|purse| (purse, purse.shop_of(self.case.shop.id)))
            .collect()
    }

    pub(super) fn available(&self, purse: PurseId, shop: Option<ShopId>) -> i64 {
        self.net(purse, shop).max(0)
    }

    pub(super) fn net(&self, purse: PurseId, shop: Option<ShopId>) -> i64 {
        self.net_of(self.key(purse, shop))
    }

    pub(super) fn net_of(&self, key: PurseKey) -> i64 {
        let (at, today) = (self.case.at, self.case.local.day);
        let before = self.person(key).usable(key.purse, key.shop, at, today);
        let moves = self.effects.lots.iter();
        let moves = moves.filter(|moved| moved.key == key && moved.terms.allow(at, today));
        let moved: i64 = moves.map(|moved| moved.amount).sum();
        before + moved - self.debt(key)
    }

    /// Whose purse it is: the member's, his introducer's, the holder's of the card, or of who gave him that.
    pub(super) fn person(&self, key: PurseKey) -> &'a Member {
        let holder = self.case.holder.map(|holder| holder.member);
        let mut others = self.case.introducer.into_iter().chain(holder);
        let other = others.find(|other| other.id == key.member);
        let giver = || self.giver().filter(|giver| giver.id == key.member);
        other.or_else(giver).unwrap_or(self.case.member)
    }

    pub(super) fn debt(&self, key: PurseKey) -> i64 {
        let before = self.person(key).debt(key.purse, key.shop);
        let changes = self.debts.iter().filter(|(of, _)| *of == key);
        before + changes.map(|(_, change)| change).sum::<i64>()
    }

    pub(super) fn redeemable(&self, terms: &RedeemTerms) -> Result<Rials, Overflow> {
        self.purses(terms)
            .into_iter()
            .try_fold(Rials::ZERO, |sum, (purse, shop)| {
                let amount = self.available(purse.id, shop);
                let worth = self.worth_here(purse, amount)?;
                self.trace.hear(|| Fact::Holds {
                    purse: purse.id,
                    shop,
                    amount,
                    worth,
                });
                sum.plus(worth)
            })
    }

    pub(super) fn take(&mut self, asked: Rials, terms: &RedeemTerms) -> Result<(), NotJudged> {
        let mut left = asked;
        for (purse, shop) in self.purses(terms) {
            let available = self.available(purse.id, shop);
            let rials = left.min(self.worth_here(purse, available)?);
            if rials.is_zero() {
                continue;
            }
            let charge = self.charge_here(purse, rials)?;
            self.take_lots(purse, shop, charge);
            self.spend(purse, shop, (charge, rials), false)?;
            left = left.less(rials)?;
        }
        if !self.told.redeemed.is_empty() {
            self.told.says.extend(terms.say.clone());
        }
        Ok(())
    }

    /// Soonest expiry first, then oldest, then smallest number; what never expires last (S10).
    pub(super) fn take_lots(&mut self, purse: &Purse, shop: Option<ShopId>, charge: i64) {
        let (at, today) = (self.case.at, self.case.local.day);
        let mut lots = self.lots(purse.id, shop);
        lots.retain(|lot| lot.is_usable(at, today));
        lots.sort_by_key(|lot| {
            let terms = &lot.terms;
            (terms.dies.is_none(), terms.dies, terms.booked, lot.id)
        });
        let mut left = charge;
        for lot in lots {
            let taken = left.min(lot.amount);
            if taken == 0 {
                continue;
            }
            left -= taken;
            let moved = LotMove {
                key: self.key(purse.id, shop),
                lot: lot.id,
                terms: lot.terms,
                amount: -taken,
            };
            self.effects.lots.push(moved);
        }
    }

    /// What a purse holds by now, lot by lot.
    pub(super) fn lots(&self, purse: PurseId, shop: Option<ShopId>) -> SmallVec<[Lot; 8]> {
        self.lots_of(self.key(purse, shop))
    }

    pub(super) fn lots_of(&self, key: PurseKey) -> SmallVec<[Lot; 8]> {
        let before = self.person(key).lots();
        let of_purse = before.filter(|held| (held.purse, held.shop) == (key.purse, key.shop));
        let mut lots: SmallVec<[Lot; 8]> = of_purse.map(|held| held.lot).collect();
        for moved in &self.effects.lots {
            if moved.key != key {
                continue;
            }
            match lots.iter_mut().find(|lot| lot.id == moved.lot) {
                Some(lot) => lot.amount += moved.amount,
                None => lots.push(Lot {
                    id: moved.lot,
                    terms: moved.terms,
                    amount: moved.amount,
                }),
            }
        }
        lots.retain(|lot| lot.amount > 0);
        lots
    }

    /// Books what a purse paid: the purse against what was outstanding, and the club's money to the shop.
    pub(super) fn spend(
        &mut self,
        purse: &Purse,
        shop: Option<ShopId>,
        (charge, rials): (i64, Rials),
        owed: bool,
    ) -> Result<(), NotJudged> {
        let key = self.key(purse.id, shop);
        self.post(
            Account::Purse(key),
            Account::Outstanding {
                purse: purse.id,
                shop,
            },
            charge,
            purse.unit,
            Reason::Spent,
        );
        let mut odd = Rials::ZERO;
        if let Some(abroad) = &self.case.abroad {
            odd = self.clear(abroad, purse, (charge, rials))?;
        // Its own credit costs the shop what it had promised: no money moves for it.
        } else if purse.kind != PurseKind::MerchantCredit {
            let club = self.case.club.id;
            self.owe_shop(Account::Club(club), rials, Reason::RedeemPaid);
            odd = purse.worth(charge)?.less(rials)?;
            self.post(
                Account::Club(club),
                Account::Rounding(club),
                odd.0,
                UnitId::RIAL,
                Reason::Rounding,
            );
        }
        self.trace.hear(|| Fact::Spent {
            purse: purse.id,
            shop,
            charge,
            rials,
            odd,
            owed,
        });
        self.redeemed = self.redeemed.plus(rials)?;
        self.told.redeemed.push(PurseAmount {
            purse: purse.id,
            amount: charge,
            worth: rials,
        });
        Ok(())
    }

    /// An advice: what was taken was taken. What the purses lack the member owes, where a purse lets him; else it is the shop's.
    pub(super) fn redeem_as_told(&mut self) -> Result<(), NotJudged> {
        let Redeem::Exactly(told) = self.case.wishes.redeem else {
            return Ok(());
        };
        let asked = self.asked_pocket();
        if asked.is_none() {
            self.take_as_told(told)?;
        }
        self.pockets_as_told(told.less(self.redeemed)?, asked)?;
        let over = told.less(self.redeemed)?.less(self.by_pockets)?;
        self.owe_over(over)
    }

    /// The same where the purses are those of his own club, in a shop of another, and the pockets are of the card.
    pub(super) fn as_told_beside(
        &mut self,
        other: &mut Self,
        told: Rials,
    ) -> Result<(), NotJudged> {
        let asked = self.asked_pocket();
        if asked.is_none() {
            other.take_as_told(told)?;
        }
        self.pockets_as_told(told.less(other.redeemed)?, asked)?;
        let over = told.less(other.redeemed)?.less(self.by_pockets)?;
        other.owe_over(over)
    }

    /// What is there of what an advice tells, from the purses of the club.
    pub(super) fn take_as_told(&mut self, told: Rials) -> Result<(), NotJudged> {
        let Some(terms) = &self.case.club.redeem else {
            return Ok(());
        };
        let there = told.min(self.redeemable(terms)?);
        if !there.is_zero() {
            self.within_cap(there)?;
            self.take(there, terms)?;
        }
        Ok(())
    }

    /// What neither purses nor pockets held of what an advice tells: the member's debt where a purse lets him owe, else the shop's.
    pub(super) fn owe_over(&mut self, over: Rials) -> Result<(), NotJudged> {
        if over.is_zero() {
            return Ok(());
        }
        let terms = self.case.club.redeem.as_ref();
        self.effects.exception = Some(Exception::RedeemedOverBalance);
        let purses = terms.map_or_else(Vec::new, |terms| self.purses(terms));
        let owing = purses
            .into_iter()
            .find(|(purse, _)| purse.negative != Negative::Forbid);
        match owing {
            Some((purse, shop)) => {
                let charge = self.charge_here(purse, over)?;
                let key = self.key(purse.id, shop);
                self.post(
                    Account::Debt(key),
                    Account::Purse(key),
                    charge,
                    purse.unit,
                    Reason::DebtBooked,
                );
                self.debts.push((key, charge));
                self.spend(purse, shop, (charge, over), true)
            }
            None => {
                self.redeemed = self.redeemed.plus(over)?;
                Ok(())
            }
        }
    }
}
