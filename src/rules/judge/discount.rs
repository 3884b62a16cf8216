//! The discounts of the club: what each gives, by how its stage goes together, and who pays it.

use smallvec::SmallVec;

use super::{NotJudged, Work, best, by_bands, share};
use crate::ledger::{Account, Mode, Reason};
use crate::rules::trace::{Exact, Fact, Trace};
use crate::rules::{Candidates, Discount, Give, Payer, Purse, Share, Stack};
use crate::terms::{Overflow, Rials, Times, UnitId};

impl<'a, T: Trace> Work<'a, T> {
    pub(super) fn discount(&mut self, candidates: &Candidates) -> Result<(), NotJudged> {
        if self.case.mode == Mode::Advise {
            // It was given at the shop, and is the shop's: nobody else has promised to pay it.
            self.discount = self.case.wishes.discount_told.unwrap_or_default();
            return Ok(());
        }
        if self.case.abroad.is_some() || self.case.is_by_card() {
            // The shop has promised nothing to members of other clubs; and of a card the product gives by itself.
            return Ok(());
        }
        let club = self.case.club;
        let mut given: SmallVec<[(&Discount, Rials); 8]> = SmallVec::new();
        for candidate in candidates {
            let rule = &club.discounts[candidate.place()];
            if self.seen.meet(club.indexes.discounts.rest(*candidate)) {
                self.trace.hear(|| Fact::Applies(rule.id));
                let rebate = rule.rebate.and_then(|purse| club.purse(purse));
                if rebate.is_some_and(|purse| self.is_dead_at_once(purse)) {
                    self.trace.hear(|| Fact::DeadAtOnce(rule.id));
                    continue;
                }
                let amount = self.worth_of(rule, self.bill)?;
                let counts = (rule.id, UnitId::RIAL);
                let amount = Rials(self.under_caps(counts, &rule.caps, amount.0, self.case.member));
                let amount = amount.down_to_step(rule.step);
                if !amount.is_zero() {
                    given.push((rule, amount));
                }
                let stops = rule.stop && !amount.is_zero();
                if club.discount_stack == Stack::First || stops {
                    break;
                }
            }
        }
        if club.discount_stack == Stack::Best {
            let best = best(given.iter().map(|(_, amount)| amount.0));
            given = best.into_iter().map(|at| given[at]).collect();
        }
        let mut left = self.bill;
        for (rule, amount) in given {
            let amount = amount.min(left).down_to_step(rule.step);
            if amount.is_zero() {
                continue;
            }
            left = left.less(amount)?;
            let rebate = rule.rebate.and_then(|purse| club.purse(purse));
            self.give_discount(rule, amount, Account::Club(club.id), rebate)?;
            let counts = (rule.id, UnitId::RIAL);
            self.count(counts, &rule.caps, amount.0, self.case.member);
        }
        Ok(())
    }

    /// `payer`: who pays what its file calls the club's part. `rebate`: the purse that it goes into, in place of off the bill.
    pub(super) fn give_discount(
        &mut self,
        rule: &'a Discount,
        amount: Rials,
        payer: Account,
        rebate: Option<&'a Purse>,
    ) -> Result<(), NotJudged> {
        match rebate {
            Some(purse) => self.rebates.push((rule, purse, amount)),
            None => self.discount = self.discount.plus(amount)?,
        }
        self.told.rules.push(rule.id);
        self.told
            .says
            .extend(rule.say.as_deref().map(str::to_owned));
        self.trace.hear(|| Fact::Gives {
            rule: rule.id,
            amount: amount.0,
        });
        let club_part = club_part(rule, amount)?;
        self.trace.hear(|| Fact::ClubPart {
            rule: rule.id,
            amount: club_part,
        });
        // The club pays its part of a rebate when it is spent.
        if rebate.is_none() {
            self.owe_shop(payer, club_part, Reason::ClubDiscount);
        }
        Ok(())
    }

    /// What a discount is worth of an amount, before its caps.
    pub(super) fn worth_of(&self, rule: &Discount, of: Rials) -> Result<Rials, Overflow> {
        let exact = match &rule.give {
            Give::Percent(percent) => share(*percent, of, Times::ONCE)?,
            Give::Fixed(amount) => Exact::of(amount.0, (1, 1), (1, 1))?,
            Give::Bands(bands) => by_bands(bands, of, Times::ONCE)?,
        };
        let amount = Rials(exact.down()?);
        let amount = amount.min(rule.max.unwrap_or(amount)).min(of);
        let amount = amount.down_to_step(rule.step);
        self.trace.hear(|| Fact::Worth {
            rule: rule.id,
            of,
            exact,
            amount,
        });
        Ok(amount)
    }
}

/// The club's part of a discount; what nobody else pays of it is the shop's.
pub(super) fn club_part(rule: &Discount, amount: Rials) -> Result<Rials, Overflow> {
    let mut left = amount;
    let mut club = Rials::ZERO;
    let mut rest = None;
    for paid in &rule.paid_by {
        match paid.share {
            Share::Percent(percent) => {
                let part = percent.of(amount)?;
                left = left.less(part)?;
                if paid.payer == Payer::Club {
                    club = club.plus(part)?;
                }
            }
            Share::Rest => rest = Some(paid.payer),
        }
    }
    // Where percents make the whole, the odd rial is the last payer's.
    let odd = rest.or(rule.paid_by.last().map(|paid| paid.payer));
    if odd == Some(Payer::Club) {
        club = club.plus(left)?;
    }
    Ok(club)
}
