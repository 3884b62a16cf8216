//! What a purchase earns: the member, who brought him, the shop and its staff; into which lots, and who funds it.

use smallvec::SmallVec;

use super::discount::club_part;
use super::{Earner, NotJudged, Spendable, Work, best, by_bands, share};
use crate::ledger::told::PurseAmount;
use crate::ledger::{Account, Hold, LotId, LotMove, LotTerms, PurseKey, PurseKind, Reason};
use crate::rules::trace::{Exact, Fact, Trace};
use crate::rules::{
    Accrue, Available, Base, Candidates, Discount, Earn, Expiry, For, HoldTerms, Payer, Purse,
    Rounding, Span, Stack,
};
use crate::terms::{Day, MemberId, Overflow, Rials, RuleId, Times, UnitId};

impl<'a, T: Trace> Work<'a, T> {
    pub(super) fn accrue(&mut self, candidates: &Candidates) -> Result<(), NotJudged> {
        for (rule, purse, amount) in std::mem::take(&mut self.rebates) {
            self.give_back(rule, purse, amount)?;
        }
        let club = self.case.club;
        let abroad = self.case.abroad;
        if abroad.is_some_and(|abroad| !abroad.earns) {
            return Ok(());
        }
        let mut earned: SmallVec<[(&Accrue, &Purse, i64); 8]> = SmallVec::new();
        for candidate in candidates {
            let rule = &club.accruals[candidate.place()];
            if !self.seen.meet(club.indexes.accruals.rest(*candidate)) {
                continue;
            }
            let Some(purse) = club.purse(rule.purse) else {
                continue;
            };
            if rule.event != self.case.event {
                continue;
            }
            // A shop pays for what its own club has agreed with it, and for nothing else; nor does it earn from others.
            let is_his = matches!(rule.whose, For::Member | For::Introducer);
            if abroad.is_some() && (rule.funded_by == Payer::Merchant || !is_his) {
                self.trace.hear(|| Fact::NotOurs(rule.id));
                continue;
            }
            if self.earner(rule.whose).is_none() {
                self.trace.hear(|| Fact::Nobody(rule.id));
                continue;
            }
            self.trace.hear(|| Fact::Applies(rule.id));
            let amount = self.earning(rule, purse)?;
            let counts = (rule.id, purse.unit);
            let amount = self.under_caps(counts, &rule.caps, amount, self.case.member);
            let amount = amount - amount % purse.step.max(1);
            let stops = rule.stop && amount > 0;
            if amount > 0 {
                earned.push((rule, purse, amount));
            }
            if club.accrue_stack == Stack::First || stops {
                break;
            }
        }
        if club.accrue_stack == Stack::Best {
            let mut worths: SmallVec<[i64; 8]> = SmallVec::new();
            for (_, purse, amount) in &earned {
                worths.push(purse.worth(*amount)?.0);
            }
            let best = best(worths.into_iter());
            earned = best.into_iter().map(|at| earned[at]).collect();
        }
        self.effects.lots.reserve(earned.len());
        self.effects.postings.reserve(2 * earned.len());
        self.told.rules.reserve(earned.len());
        for (rule, purse, amount) in earned {
            self.earn(rule, purse, amount)?;
        }
        Ok(())
    }

    /// Rounded down once, at the end (S2).
    pub(super) fn earning(&self, rule: &Accrue, purse: &Purse) -> Result<i64, Overflow> {
        let mut times = if rule.tiered {
            self.tier_times()
        } else {
            Times::ONCE
        };
        let mut of = rule;
        // Each step goes to a rule that stands above: it ends.
        while let Earn::Times(more, above) = &of.earn {
            let Some(above) = self.case.club.accruals.get(*above) else {
                break;
            };
            if !self.seen.meet(&above.when) {
                times = Times { over: 0, under: 1 };
                of = above;
                break;
            }
            times = times.times(*more)?;
            if above.tiered {
                times = times.times(self.tier_times())?;
            }
            of = above;
        }
        let base = self.base(of.base)?;
        let by_tier = (times.over, times.under);
        let exact = match &of.earn {
            Earn::Times(..) => Exact::of(0, (1, 1), (1, 1))?,
            Earn::Per(rate) => Exact::of(base.0, (rate.value, rate.per), by_tier)?,
            Earn::Fixed(_) if base.is_zero() && self.case.event.is_none() => {
                Exact::of(0, (1, 1), by_tier)?
            }
            Earn::Fixed(amount) => Exact::of(*amount, (1, 1), by_tier)?,
            Earn::Percent(percent) => share(*percent, base, times)?,
            Earn::Bands(bands) => by_bands(bands, base, times)?,
        };
        let amount = exact.down()?;
        let amount = amount - amount % purse.step.max(1);
        self.trace.hear(|| Fact::Earning {
            rule: rule.id,
            base,
            times,
            exact,
            amount,
        });
        Ok(amount)
    }

    pub(super) fn tier_times(&self) -> Times {
        self.case
            .club
            .tiers
            .iter()
            .find(|tier| Some(tier.id) == self.seen.tier)
            .map_or(Times::ONCE, |tier| tier.earn_times)
    }

    pub(super) fn base(&self, base: Base) -> Result<Rials, Overflow> {
        match base {
            Base::Gross => Ok(self.bill),
            Base::Net => self.bill.less(self.discount),
            Base::Paid => Ok(self.paid),
        }
    }

    /// Who earns by a rule: a member, or the account of another.
    pub(super) fn earner(&self, whose: For) -> Option<Earner> {
        let case = self.case;
        match whose {
            For::Member => Some(Earner::Member(case.member.id)),
            For::Introducer => case.introducer.map(|by| Earner::Member(by.id)),
            For::Merchant => Some(Earner::Shop(case.shop.id)),
            For::Staff => {
                let person = case.world.people.get(case.facts.staff.as_deref()?);
                person.map(|person| Earner::Person(*person))
            }
            For::Marketer => case.member.marketer().map(Earner::Person),
        }
    }

    /// What a shop or a person earns is kept in an account of theirs: it has no lots, and neither waits nor ends.
    pub(super) fn earn_for_other(
        &mut self,
        rule: &Accrue,
        purse: &Purse,
        (to, amount): (Account, i64),
    ) -> Result<(), NotJudged> {
        self.post(
            Account::Outstanding {
                purse: purse.id,
                shop: None,
            },
            to,
            amount,
            purse.unit,
            Reason::Earned,
        );
        self.trace.hear(|| Fact::Gives {
            rule: rule.id,
            amount,
        });
        self.trace.hear(|| Fact::EarnedFor { rule: rule.id, to });
        if rule.funded_by == Payer::Merchant {
            self.fund(rule.id, purse, purse.worth(amount)?)?;
        }
        self.told.rules.push(rule.id);
        self.told
            .says
            .extend(rule.say.as_deref().map(str::to_owned));
        let counts = (rule.id, purse.unit);
        self.count(counts, &rule.caps, amount, self.case.member);
        Ok(())
    }

    pub(super) fn earn(
        &mut self,
        rule: &Accrue,
        purse: &Purse,
        amount: i64,
    ) -> Result<(), NotJudged> {
        let member = match self.earner(rule.whose) {
            Some(Earner::Member(member)) => member,
            Some(Earner::Shop(shop)) => {
                let purse_of = Account::ShopPurse {
                    shop,
                    purse: purse.id,
                };
                return self.earn_for_other(rule, purse, (purse_of, amount));
            }
            Some(Earner::Person(person)) => {
                let purse_of = Account::PersonPurse {
                    person,
                    purse: purse.id,
                };
                return self.earn_for_other(rule, purse, (purse_of, amount));
            }
            None => return Ok(()),
        };
        let terms = self.lot_terms(rule.id, rule.hold, purse);
        if self.is_dead_at_once(purse) {
            self.trace.hear(|| Fact::DeadAtOnce(rule.id));
            return Ok(());
        }
        self.trace.hear(|| Fact::Gives {
            rule: rule.id,
            amount,
        });
        self.book(rule.id, purse, (member, terms, amount));
        if rule.funded_by == Payer::Merchant {
            self.fund(rule.id, purse, purse.worth(amount)?)?;
        }
        self.told.rules.push(rule.id);
        self.told
            .says
            .extend(rule.say.as_deref().map(str::to_owned));
        let counts = (rule.id, purse.unit);
        self.count(counts, &rule.caps, amount, self.case.member);
        if rule.whose == For::Introducer {
            return Ok(());
        }
        self.tell_earned(purse, amount)?;
        Ok(())
    }

    /// A discount that is given back: credit of the member, as if he had earned it. The shop pays for its part of it.
    pub(super) fn give_back(
        &mut self,
        rule: &Discount,
        purse: &Purse,
        amount: Rials,
    ) -> Result<(), NotJudged> {
        let terms = self.lot_terms(rule.id, None, purse);
        self.book(rule.id, purse, (self.case.member.id, terms, amount.0));
        let shops_part = amount.less(club_part(rule, amount)?)?;
        self.fund(rule.id, purse, shops_part)?;
        self.tell_earned(purse, amount.0)?;
        Ok(())
    }

    /// Books what a member earned.
    pub(super) fn book(
        &mut self,
        rule: RuleId,
        purse: &Purse,
        (member, terms, amount): (MemberId, LotTerms, i64),
    ) {
        let shop = purse.shop_of(self.case.shop.id);
        let key = PurseKey {
            member,
            purse: purse.id,
            shop,
        };
        self.post(
            Account::Outstanding {
                purse: purse.id,
                shop,
            },
            Account::Purse(key),
            amount,
            purse.unit,
            Reason::Earned,
        );
        // What waits is not his yet: it pays a debt when it is released.
        let repaid = match terms.hold {
            None => amount.min(self.debt(key)),
            Some(_) => 0,
        };
        if repaid > 0 {
            self.post(
                Account::Purse(key),
                Account::Debt(key),
                repaid,
                purse.unit,
                Reason::DebtPaid,
            );
            self.debts.push((key, -repaid));
        }
        if amount > repaid {
            self.put_lot(key, terms, amount - repaid);
        }
        self.trace.hear(|| Fact::Booked {
            rule,
            terms,
            repaid,
        });
    }

    /// Keeps what the member is told that he earned.
    pub(super) fn tell_earned(&mut self, purse: &Purse, amount: i64) -> Result<(), Overflow> {
        self.count_earned(purse, amount);
        match self.told.earned.iter_mut().find(|e| e.purse == purse.id) {
            Some(earned) => {
                earned.amount += amount;
                earned.worth = purse.worth(earned.amount)?;
            }
            None => self.told.earned.push(PurseAmount {
                purse: purse.id,
                amount,
                worth: purse.worth(amount)?,
            }),
        }
        Ok(())
    }

    /// Credit of a shop that a shop funds is a promise; for the rest that it funds, its money goes to the club's reserve,
    /// never more than it is owed for this purchase: what is missing is the club's.
    pub(super) fn fund(
        &mut self,
        rule: RuleId,
        purse: &Purse,
        worth: Rials,
    ) -> Result<(), NotJudged> {
        if purse.kind == PurseKind::MerchantCredit || worth.is_zero() {
            return Ok(());
        }
        let cost = worth.min(self.owed);
        self.trace.hear(|| Fact::Funded { rule, worth, cost });
        self.owed = self.owed.less(cost)?;
        self.funded = self.funded.plus(cost)?;
        self.post(
            Account::Shop(self.case.shop.id),
            Account::Reserve(self.case.club.id),
            cost.0,
            UnitId::RIAL,
            Reason::Funded,
        );
        Ok(())
    }

    pub(super) fn lot_terms(
        &mut self,
        rule: RuleId,
        hold: Option<HoldTerms>,
        purse: &Purse,
    ) -> LotTerms {
        let (usable_from, dies) = self.spendable(purse);
        LotTerms {
            rule: Some(rule),
            booked: self.case.business_day,
            usable_from,
            dies,
            hold: hold.map(|hold| Hold {
                until: hold.until,
                lapses: self.case.local.day.plus(hold.at_most_days + 1),
            }),
        }
    }

    /// From when on what a purse earns today can be spent, and from which day on no more: the same for all of its rules.
    pub(super) fn spendable(&mut self, purse: &Purse) -> Spendable {
        let known = self.spendable.iter().find(|(id, _)| *id == purse.id);
        if let Some((_, known)) = known {
            return *known;
        }
        let zone = &self.case.world.zone;
        let today = self.case.local.day;
        let usable_from = match purse.available {
            // The start of the day, so that earnings of one day share a lot (S11).
            Available::Now => zone.midnight(today),
            Available::NextDay => zone.midnight(self.case.business_day.plus(1)),
            Available::AfterSeconds(seconds) => self.case.at.plus_seconds(seconds),
            Available::AfterDays(days) => zone.midnight(today.plus(days)),
        };
        let found = (usable_from, dies(purse.expiry, today));
        self.spendable.push((purse.id, found));
        found
    }

    /// Whether what a purse earns today could never be spent.
    pub(super) fn is_dead_at_once(&mut self, purse: &Purse) -> bool {
        let (_, dies) = self.spendable(purse);
        dies.is_some_and(|dies| dies <= self.case.local.day)
    }

    pub(super) fn put_lot(&mut self, key: PurseKey, terms: LotTerms, amount: i64) {
        let moved_in = |lot: LotId| -> i64 {
            let moves = self.effects.lots.iter();
            let moves = moves.filter(|moved| (moved.key, moved.lot) == (key, lot));
            moves.map(|moved| moved.amount).sum()
        };
        let person = self.person(key);
        // A lot that was emptied is gone; what comes afterwards opens another one.
        let mut before = person.lots_under(key.purse, key.shop, terms);
        let before = before.find(|(lot, amount)| amount + moved_in(*lot) > 0);
        let his = self.effects.lots.iter();
        let opened =
            his.filter(|moved| moved.key.member == key.member && moved.lot >= person.next_lot);
        let same = opened
            .clone()
            .find(|moved| (moved.key, moved.terms) == (key, terms));
        let same = before.map(|(lot, _)| lot).or(same.map(|moved| moved.lot));
        let next = || {
            let last = opened.map(|moved| moved.lot.0 + 1).max();
            last.map_or(person.next_lot, LotId)
        };
        let lot = same.unwrap_or_else(next);
        self.effects.lots.push(LotMove {
            key,
            lot,
            terms,
            amount,
        });
    }
}

/// The day from whose start on it is dead: usable to the end of the day before (S8).
pub fn dies(expiry: Expiry, today: Day) -> Option<Day> {
    let last = match expiry {
        Expiry::Never => return None,
        Expiry::On(day) => day,
        Expiry::After(span, rounding) => {
            let day = match span {
                Span::Days(days) => today.plus(days),
                Span::Months(months) => today.jalali().plus_months(months).day(),
                Span::Years(years) => today.jalali().plus_months(12 * years).day(),
            };
            match rounding {
                Rounding::None => day,
                Rounding::EndOfMonth => day.jalali().end_of_month().day(),
                Rounding::EndOfYear => day.jalali().end_of_year().day(),
            }
        }
    };
    Some(last.plus(1))
}
