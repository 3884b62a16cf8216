//! An opening state: members with their purses, booked as entries, for migrations, the demo and tests.

use crate::engine::Engine;
use crate::ledger::{
    Account, Effects, Input, LotId, LotMove, LotTerms, MemberChange, Posting, PurseKey, PurseKind,
    Reason, TierId,
};
use crate::terms::person::Identity;
use crate::terms::{ClubId, Day, Moment, PersonId, PurseId, Sequence, ShopId};

/// What is to be opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opening {
    /// Why; it stands in every entry.
    pub reason: String,
    /// SHA-256 of the file, so that it is not booked twice, and is taken up where it was broken off.
    pub sha256: [u8; 32],
    /// Whom.
    pub members: Vec<OpeningMember>,
}

/// A member of an opening state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpeningMember {
    /// His club.
    pub club: ClubId,
    /// What he is known by; at least one thing.
    pub identities: Vec<Identity>,
    /// His tier, given by hand.
    pub tier: Option<TierId>,
    /// His marketer.
    pub marketer: Option<PersonId>,
    /// The day he joined; none is today.
    pub joined: Option<Day>,
    /// The day he was born, where it is known.
    pub born: Option<Day>,
    /// What he has.
    pub lots: Vec<OpeningLot>,
}

/// A lot of an opening state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpeningLot {
    /// In which purse.
    pub purse: PurseId,
    /// At which shop, for merchant credit.
    pub shop: Option<ShopId>,
    /// How much, in smallest units; above zero.
    pub amount: i64,
    /// The day it was earned.
    pub booked: Day,
    /// The last day it can be spent; none: for ever.
    pub last_day: Option<Day>,
}

/// What is wrong with an opening state. Nothing of it was booked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpeningError {
    /// The very file was booked before.
    #[error("this file is booked already: all its {0} members are there")]
    Booked(u32),
    /// A member is known already.
    #[error("member {0} of the file is a member already, with number {1}")]
    Known(usize, u32),
    /// Two members of the file are one.
    #[error("member {0} of the file has a card or number that an earlier one has")]
    Twice(usize),
    /// A member is known by nothing.
    #[error("member {0} of the file has neither card nor mobile nor national code")]
    Nobody(usize),
    /// A lot is not of a purse of the club, has no amount, or lacks (or has) a shop.
    #[error("member {0} of the file: lot {1} fits no purse of his club")]
    Lot(usize, usize),
}

impl Engine {
    pub(super) fn open(
        &mut self,
        opening: &Opening,
        now: Moment,
    ) -> Result<Sequence, OpeningError> {
        let of = opening.members.len() as u32;
        let done = match self.book.opened(&opening.sha256) {
            Some((done, all)) if done == all => return Err(OpeningError::Booked(all)),
            Some((done, _)) => done as usize,
            None => 0,
        };
        self.check_opening(opening, done)?;
        for (at, member) in opening.members.iter().enumerate().skip(done) {
            let input = Input::Opened {
                reason: opening.reason.clone(),
                sha256: opening.sha256,
                done: at as u32 + 1,
                of,
            };
            let day = self.day_by_clock(now);
            let effects = self.opening_effects(member, day, now);
            self.enter(input, effects, None, day, now, self.rules.number);
        }
        Ok(self.book.sequence())
    }

    fn check_opening(&self, opening: &Opening, done: usize) -> Result<(), OpeningError> {
        let mut seen = std::collections::HashSet::new();
        for (at, member) in opening.members.iter().enumerate().skip(done) {
            let number = at + 1;
            if member.identities.is_empty() {
                return Err(OpeningError::Nobody(number));
            }
            for identity in &member.identities {
                if let Some(known) = self.book.who(member.club, *identity) {
                    return Err(OpeningError::Known(number, known.0));
                }
                if !seen.insert((member.club, *identity)) {
                    return Err(OpeningError::Twice(number));
                }
            }
            for (place, lot) in member.lots.iter().enumerate() {
                let fits = self.book.names().purse_particulars(lot.purse).is_some_and(
                    |(club, kind, _)| {
                        club == member.club
                            && lot.amount > 0
                            && (kind == PurseKind::MerchantCredit) == lot.shop.is_some()
                    },
                );
                if !fits {
                    return Err(OpeningError::Lot(number, place + 1));
                }
            }
        }
        Ok(())
    }

    fn opening_effects(&self, opened: &OpeningMember, day: Day, now: Moment) -> Effects {
        let member = self.book.next_member();
        let mut effects = Effects {
            club: Some(opened.club),
            member: Some(member),
            ..Effects::none()
        };
        effects.members.push(MemberChange::Enrolled {
            member,
            club: opened.club,
            joined: opened.joined.unwrap_or(day),
            identities: opened.identities.clone(),
            marketer: opened.marketer,
            introducer: None,
            tier: opened.tier,
        });
        if let Some(day) = opened.born {
            effects.members.push(MemberChange::Born { member, day });
        }
        let zone = &self.rules.world.zone;
        // What is brought into a pocket that is loaded was loaded, before.
        let card = self.rules.card(opened.club);
        let loaded = |purse| card?.pocket(purse)?.load.as_ref().map(|load| load.rule);
        for (at, lot) in opened.lots.iter().enumerate() {
            let key = PurseKey {
                member,
                purse: lot.purse,
                shop: lot.shop,
            };
            effects.postings.push(Posting {
                from: Account::Outstanding {
                    purse: lot.purse,
                    shop: lot.shop,
                },
                to: Account::Purse(key),
                amount: lot.amount,
                unit: self.book.names().purse_unit(lot.purse),
                reason: Reason::Opened,
            });
            effects.lots.push(LotMove {
                key,
                lot: LotId(at as u32),
                terms: LotTerms {
                    rule: loaded(lot.purse),
                    booked: lot.booked,
                    usable_from: zone.midnight(lot.booked).min(now),
                    dies: lot.last_day.map(|last| last.plus(1)),
                    hold: None,
                },
                amount: lot.amount,
            });
        }
        effects
    }
}
