//! A member of one club in a shop of another, both of one federation. What his points pay there becomes two debts in the same
//! entry: his club owes the clearing house, and the house owes the shop's club, which owes the shop. Nothing of it is booked
//! before his club's position was held against its cap.

use super::{Case, NotJudged, Work};
use crate::ledger::{
    Account, Counted, Effects, Exception, FeePayer, Mode, Obligation, ObligationKind, PurseKind,
    Reason, Verdict, Who, Window,
};
use crate::rules::trace::{Barred, Fact, Trace};
use crate::rules::{House, HouseFee, HouseMember, Purse, RedeemTerms};
use crate::terms::{ClubId, Day, Overflow, Rate, Rials, UnitId};

/// A shop that is another club's, seen from the club of the card.
#[derive(Clone, Copy, Debug)]
pub struct Abroad<'a> {
    /// The club of the shop.
    pub at: ClubId,
    /// Where the two clubs clear.
    pub house: Option<&'a House>,
    /// Whether his purses pay there.
    pub spends: bool,
    /// Whether he earns in his own club.
    pub earns: bool,
}

impl<'a> Abroad<'a> {
    /// What points are worth there on a day, and since when; none: that direction is closed.
    pub fn sell(&self, purse: &Purse, day: Day) -> Option<(Rate, Day)> {
        if !self.spends || purse.kind != PurseKind::Points {
            return None;
        }
        self.house?.sell(purse.id, day)
    }

    fn fee(&self) -> Option<HouseFee> {
        self.house?.redeem_fee
    }

    /// The fee on what is paid, and from whom.
    fn fee_on(&self, rials: Rials) -> Result<(Rials, FeePayer), Overflow> {
        match self.fee() {
            Some(fee) => Ok((fee.on(rials)?, fee.payer)),
            None => Ok((Rials::ZERO, FeePayer::Issuer)),
        }
    }

    /// What can be paid out of so many rials, so that the fee that comes on top of it finds room in them too.
    fn less_fee(&self, rials: Rials, payers: &[FeePayer]) -> Result<Rials, Overflow> {
        let (fee, payer) = self.fee_on(rials)?;
        if payers.contains(&payer) {
            rials.less(fee)
        } else {
            Ok(rials)
        }
    }

    fn worth(&self, purse: &Purse, amount: i64, day: Day) -> Result<Rials, Overflow> {
        match self.sell(purse, day) {
            Some((rate, _)) => self.less_fee(Rials(rate.down(amount)?), &[FeePayer::Member]),
            None => Ok(Rials::ZERO),
        }
    }

    fn charge_for(&self, purse: &Purse, rials: Rials, day: Day) -> Result<i64, Overflow> {
        let (fee, payer) = self.fee_on(rials)?;
        let of_member = payer == FeePayer::Member;
        let all = if of_member { rials.plus(fee)? } else { rials };
        match self.sell(purse, day) {
            Some((rate, _)) => rate.needed_for(all.0),
            None => Err(Overflow),
        }
    }
}

impl<'a, T: Trace> Work<'a, T> {
    /// The work of the other club of a purchase: of its member, as he stands there.
    pub(super) fn beside(case: &'a Case<'a>, trace: &'a T) -> Result<Work<'a, T>, NotJudged> {
        Work::begin(case, trace)
    }

    /// What an amount of a purse pays here.
    pub(super) fn worth_here(&self, purse: &Purse, amount: i64) -> Result<Rials, Overflow> {
        match &self.case.abroad {
            Some(abroad) => abroad.worth(purse, amount, self.case.local.day),
            None => purse.worth(amount),
        }
    }

    /// What a purse is charged for what it pays here.
    pub(super) fn charge_here(&self, purse: &Purse, rials: Rials) -> Result<i64, Overflow> {
        match &self.case.abroad {
            Some(abroad) => abroad.charge_for(purse, rials, self.case.local.day),
            None => super::charge_for(purse, rials),
        }
    }

    /// Whether a purse pays in this shop at all.
    pub(super) fn pays_here(&self, purse: &Purse) -> bool {
        let day = self.case.local.day;
        let abroad = self.case.abroad.as_ref();
        abroad.is_none_or(|abroad| abroad.sell(purse, day).is_some())
    }

    /// Why none of the club's purses pays in this shop, where it is another club's.
    pub(super) fn closed(&self, terms: &RedeemTerms) -> Option<Barred> {
        let abroad = self.case.abroad.as_ref()?;
        let mut purses = terms.from.iter();
        let opens = purses.any(|id| {
            let purse = self.case.club.purse(*id);
            purse.is_some_and(|purse| self.pays_here(purse))
        });
        let stands_behind = self.of_house(abroad).is_some();
        (!opens || !stands_behind).then_some(Barred::Closed)
    }

    fn of_house(&self, abroad: &Abroad<'a>) -> Option<&'a HouseMember> {
        abroad.house?.member(self.case.club.id)
    }

    /// What the club may still owe the house, its fee counted; none where it owes nothing for what is redeemed here.
    pub(super) fn room_here(&self) -> Result<Option<Rials>, Overflow> {
        let Some(abroad) = &self.case.abroad else {
            return Ok(None);
        };
        let Some(member) = self.of_house(abroad) else {
            return Ok(Some(Rials::ZERO));
        };
        let room = member.position(self.case.book).room();
        let payers = [FeePayer::Issuer, FeePayer::Member];
        abroad.less_fee(room, &payers).map(Some)
    }

    /// Refuses what would take the club over what it may owe. An advice is taken note of.
    pub(super) fn within_cap(&mut self, asked: Rials) -> Result<(), NotJudged> {
        let (Some(room), Some(abroad)) = (self.room_here()?, &self.case.abroad) else {
            return Ok(());
        };
        if asked <= room {
            return Ok(());
        }
        if self.case.mode == Mode::Advise {
            self.effects.exception = Some(Exception::OverNetDebitCap);
            return Ok(());
        }
        let member = self.of_house(abroad);
        let refused = if member.is_none_or(|member| member.own_shops_only) {
            Verdict::NotAllowed
        } else {
            Verdict::OverAmountLimit
        };
        self.trace.hear(|| Fact::Barred(Barred::NetDebitCap));
        Err(refused.into())
    }

    /// What was redeemed of a day's maximum in the shops of others.
    pub(super) fn redeemed_elsewhere(&self, terms: &RedeemTerms) -> Rials {
        let Some(rule) = terms.elsewhere else {
            return Rials::ZERO;
        };
        let who = Who::Member(self.case.member.id);
        let day = self.case.local.day;
        let used = self
            .case
            .book
            .used((rule, UnitId::RIAL), who, Window::Day, day);
        Rials(used.amount)
    }

    /// Books what a purse paid in a shop of another club.
    pub(super) fn clear(
        &mut self,
        abroad: &Abroad<'a>,
        purse: &Purse,
        (charge, rials): (i64, Rials),
    ) -> Result<Rials, NotJudged> {
        let issuer = self.case.club.id;
        let acceptor = abroad.at;
        let (fee, fee_payer) = abroad.fee_on(rials)?;
        let day = self.case.local.day;
        let (rate, rate_from) = abroad.sell(purse, day).ok_or(Overflow)?;
        let obligation = Obligation {
            kind: ObligationKind::Redeem,
            issuer,
            acceptor,
            purse: purse.id,
            amount: charge,
            rate,
            rate_from,
            rial: rials,
            fee,
            fee_payer,
            odd: Rials::ZERO,
            made: None,
        };
        let rial = UnitId::RIAL;
        let (owes, due) = (Account::OwesHouse, Account::HouseDue);
        self.post(
            Account::Club(issuer),
            owes(issuer),
            rials.0,
            rial,
            Reason::OwedToHouse,
        );
        self.post(
            due(issuer),
            Account::HouseOwes(acceptor),
            rials.0,
            rial,
            Reason::Novated,
        );
        self.owe_shop(Account::DueFromHouse(acceptor), rials, Reason::OwedByHouse);
        let payer = match fee_payer {
            FeePayer::Issuer | FeePayer::Member => issuer,
            FeePayer::Acceptor => acceptor,
        };
        self.post(
            Account::Club(payer),
            owes(payer),
            fee.0,
            rial,
            Reason::ClearingFee,
        );
        self.post(
            due(payer),
            Account::HouseIncome(payer),
            fee.0,
            rial,
            Reason::ClearingFee,
        );
        let of_member = match fee_payer {
            FeePayer::Member => fee,
            FeePayer::Issuer | FeePayer::Acceptor => Rials::ZERO,
        };
        let odd = Rials(rate.down(charge)?).less(rials)?.less(of_member)?;
        self.post(
            Account::Club(issuer),
            Account::Rounding(issuer),
            odd.0,
            rial,
            Reason::Rounding,
        );
        self.trace.hear(|| Fact::Cleared {
            obligation,
            owed: self.case.book.clearing_position(issuer),
            most: self.of_house(abroad).map_or(Rials::ZERO, HouseMember::most),
        });
        self.effects.obligations.push(obligation);
        if let Some(terms) = &self.case.club.redeem
            && let (Some(rule), Some(_)) = (terms.elsewhere, terms.member_day_max)
        {
            self.effects.counted.push(Counted {
                rule,
                who: Who::Member(self.case.member.id),
                window: Window::Day,
                day,
                late: self.case.late,
                unit: rial,
                amount: rials.0,
            });
        }
        Ok(odd)
    }

    /// Hands what the other club gave and took to the entry of the one that judges.
    pub(super) fn join(self, effects: &mut Effects) {
        let Effects {
            postings,
            lots,
            counted,
            obligations,
            exception,
            ..
        } = self.effects;
        effects.postings.extend(postings);
        effects.lots.extend(lots);
        effects.counted.extend(counted);
        effects.obligations.extend(obligations);
        effects.exception = effects.exception.or(exception);
        if let Some(told) = &mut effects.told {
            told.redeemed.extend(self.told.redeemed);
            told.earned.extend(self.told.earned);
            told.rules.extend(self.told.rules);
            told.says.extend(self.told.says);
        }
    }
}
