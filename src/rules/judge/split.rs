//! How the money of the shop is split, and the fee.

use super::{NotJudged, Work};
use crate::ledger::{Account, Exception, Party, Reason};
use crate::rules::trace::{Fact, Trace};
use crate::rules::{Candidate, Part, Payer, Split};
use crate::terms::{Overflow, Rials, UnitId};

impl<'a, T: Trace> Work<'a, T> {
    pub(super) fn split(&mut self) -> Result<(), NotJudged> {
        if self.case.abroad.is_some() {
            return Ok(());
        }
        let club = self.case.club;
        let candidates = club.indexes.splits.candidates(&self.known);
        let applies =
            |candidate: &&Candidate| self.seen.meet(club.indexes.splits.rest(**candidate));
        let Some(at) = candidates.iter().find(applies) else {
            return Ok(());
        };
        let at = at.place();
        let split = &club.splits[at];
        let (of, owed) = (self.base(split.of)?, self.owed);
        self.trace.hear(|| Fact::Split { at, of, owed });
        let mut parts = self.parts(split)?;
        let mut left = self.owed;
        for (party, _, amount) in &mut parts {
            let wanted = *amount;
            // The last parts are cut first, and the shop never goes below nothing (S27).
            if *amount > left {
                *amount = left;
                self.effects.exception = Some(Exception::SplitCut);
            }
            left = left.less(*amount)?;
            self.trace.hear(|| Fact::Part {
                party: *party,
                wanted,
                amount: *amount,
            });
        }
        let rest = split
            .parts
            .iter()
            .find(|(_, part)| *part == Part::Rest)
            .and_then(|(party, _)| self.account(*party).map(|account| (*party, account)));
        if let Some((party, account)) = rest {
            self.trace.hear(|| Fact::Part {
                party,
                wanted: left,
                amount: left,
            });
            parts.push((party, account, left));
            left = Rials::ZERO;
        }
        let mut shop_part = left;
        for (party, account, amount) in parts {
            if account == Account::Shop(self.case.shop.id) {
                shop_part = shop_part.plus(amount)?;
                continue;
            }
            if amount.is_zero() {
                continue;
            }
            self.post(
                Account::Shop(self.case.shop.id),
                account,
                amount.0,
                UnitId::RIAL,
                Reason::Split,
            );
            self.told.split.push((party, amount));
        }
        self.owed = shop_part;
        if !self.funded.is_zero() {
            self.told.split.push((Party::HolderSaving, self.funded));
        }
        self.told.split.push((Party::Merchant, shop_part));
        Ok(())
    }

    /// The parts but the rest: fixed ones first, then percents, each in file order. Parts that are too small, or whose party
    /// is not on file, are left to the rest.
    pub(super) fn parts(&self, split: &Split) -> Result<Vec<(Party, Account, Rials)>, Overflow> {
        let of = self.base(split.of)?;
        let mut parts = Vec::with_capacity(split.parts.len());
        for fixed in [true, false] {
            for (party, part) in &split.parts {
                let amount = match part {
                    Part::Fixed(amount) if fixed => *amount,
                    Part::Percent(percent) if !fixed => percent.of(of)?,
                    _ => continue,
                };
                if let Some(account) = self.account(*party)
                    && amount >= split.min_part
                {
                    parts.push((*party, account, amount));
                } else {
                    self.trace.hear(|| Fact::PartLeft {
                        party: *party,
                        amount,
                    });
                }
            }
        }
        Ok(parts)
    }

    pub(super) fn account(&self, party: Party) -> Option<Account> {
        match party {
            Party::Marketer => self.case.member.marketer().map(Account::Person),
            Party::MerchantMarketer => self.case.shop.marketer.map(Account::Person),
            Party::ClubOwner => Some(Account::Owner(self.case.club.id)),
            Party::AcceptorSaving => Some(Account::Saving {
                shop: self.case.shop.id,
                club: self.case.club.id,
            }),
            Party::HolderSaving => Some(Account::Reserve(self.case.club.id)),
            Party::Merchant => Some(Account::Shop(self.case.shop.id)),
        }
    }

    pub(super) fn fee(&mut self) -> Result<(), NotJudged> {
        let fee = self.case.club.fee.as_ref();
        let Some(fee) = fee.filter(|_| self.case.abroad.is_none()) else {
            return Ok(());
        };
        let of = self.base(fee.of)?;
        let share = fee.percent.of(of)?;
        let amount = share.max(fee.min);
        let amount = amount.min(fee.max.unwrap_or(amount));
        self.trace.hear(|| Fact::Fee { of, share, amount });
        let payer = match fee.payer {
            Payer::Club => Account::Club(self.case.club.id),
            Payer::Merchant => Account::Shop(self.case.shop.id),
        };
        self.post(
            payer,
            Account::Operator,
            amount.0,
            UnitId::RIAL,
            Reason::Fee,
        );
        self.told.fee = Some(amount);
        Ok(())
    }
}
