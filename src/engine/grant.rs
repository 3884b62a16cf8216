//! Grants: money and points that purses are filled with by their owners, by the clock or by hand. By the clock each card of a list
//! gets one for each month, however often it is looked: what was given is counted as caps are, so that nothing has to be
//! remembered of how far a run came.

use std::borrow::Cow;
use std::sync::Arc;

use crate::engine::moves::{Holder, Moves, due, lives};
use crate::engine::{ActError, Engine};
use crate::ledger::{
    By, CardState, Counted, Effects, Input, LotTerms, PurseKind, Reason, Who, Window,
};
use crate::rules::card::Grant;
use crate::rules::{Card, Rulebook};
use crate::terms::person::Identity;
use crate::terms::{ClubId, Day, Moment, PurseId, Sequence, ShopId, Token, UnitId};

/// For so many days after its month it is known that a grant was given: till after the next one is due.
const KNOWN_DAYS: u16 = 62;
/// Cards that are looked at in one slice at most.
const LOOKED_MOST: usize = 4_096;

/// How far the grants of today were looked through. It is begun anew with each day, each set of rules and each start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Round {
    day: Day,
    rules: [u8; 32],
    /// The next place: of a card product, a pocket of it, somebody on its list.
    next: (usize, usize, usize),
    done: bool,
}

/// What is given by hand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Giving {
    /// Who gives it.
    pub by: By,
    /// Why.
    pub reason: String,
    /// What tells it from all others: given once, and taken up where it was broken off.
    pub sha256: [u8; 32],
    /// What is given.
    pub gifts: Vec<Gift>,
}

/// What somebody is given by hand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gift {
    /// Of which club, or card product.
    pub club: ClubId,
    /// Who gets it. A card of a product makes its holder.
    pub to: Identity,
    /// Which purse.
    pub purse: PurseId,
    /// At which shop, for merchant credit.
    pub shop: Option<ShopId>,
    /// How much, in smallest units; above zero.
    pub amount: i64,
    /// The last day on which it can be spent; none: as the purse says.
    pub last_day: Option<Day>,
}

/// What is wrong with what is to be given by hand. Nothing of it was.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum GivingError {
    /// It was given before.
    #[error("this is given already, to all its {0}")]
    Given(u32),
    /// Nobody is known by it.
    #[error("row {0}: nobody is known by this in the club")]
    Nobody(usize),
    /// The purse is none of the club's, holds no such amount, or lacks (or has) a shop.
    #[error("row {0}: nothing can be given into this purse")]
    Purse(usize),
}

impl Engine {
    /// Whether grants wait to be given.
    pub fn has_grants(&self, now: Moment) -> bool {
        let looked = |round: Round| round.done && round.rules == self.rules.sha256;
        now >= self.next_grants || !self.round.is_some_and(looked)
    }

    /// Gives at most so many of the grants that are due, and tells how many it gave. Who calls it again until
    /// [`Self::has_grants`] says no gives all.
    pub fn grant_due(&mut self, most: usize, now: Moment) -> usize {
        let now = now.max(self.book.at());
        let rules = Arc::clone(&self.rules);
        let today = rules.world.zone.local(now).day;
        let begun = |round: &Round| (round.day, round.rules) == (today, rules.sha256);
        let mut round = self.round.filter(begun).unwrap_or(Round {
            day: today,
            rules: rules.sha256,
            next: (0, 0, 0),
            done: false,
        });
        let (mut given, mut looked) = (0, 0);
        while given < most && looked < LOOKED_MOST && !round.done {
            looked += 1;
            let (product, pocket, place) = round.next;
            let Some(card) = rules.cards.get(product) else {
                round.done = true;
                break;
            };
            let Some(grant) = card.pockets.get(pocket).map(|pocket| pocket.grant.as_ref()) else {
                round.next = (product + 1, 0, 0);
                continue;
            };
            let Some((grant, to)) = grant.and_then(|grant| Some((grant, listed(grant, place)?)))
            else {
                round.next = (product, pocket + 1, 0);
                continue;
            };
            round.next.2 += 1;
            given += usize::from(self.grant(&rules, (card, pocket, grant), to, now));
        }
        self.round = Some(round);
        if round.done {
            self.next_grants = rules.world.zone.midnight(today.plus(1));
        }
        given
    }

    /// Gives one of a list what is due to him, unless he has it.
    fn grant(
        &mut self,
        rules: &Rulebook,
        (card, at, grant): (&Card, usize, &Grant),
        to: Identity,
        now: Moment,
    ) -> bool {
        let today = rules.world.zone.local(now).day;
        let due = due(grant, today);
        let day = self.day_by_clock(now);
        let holder = match to {
            Identity::Number(id) => match self.book.member(id) {
                Some(member) if member.club == card.club.id => Holder {
                    card,
                    member: Cow::Borrowed(member),
                    new: None,
                },
                _ => return false,
            },
            // A list may have cards of other products too. What is told by its range alone is taken for one of this.
            Identity::Card(token) if !may_be(rules, card, token) => return false,
            known => self.holder_of(card, known, day),
        };
        // A card that is gone for good gets nothing any more; one that is stopped for a while goes on.
        if matches!(holder.member.card, CardState::Terminated | CardState::Void) {
            return false;
        }
        let who = Who::Member(holder.member.id);
        let unit = UnitId::RIAL;
        let window = Window::JalaliMonth;
        if self.book.used((grant.rule, unit), who, window, due).times > 0 {
            return false;
        }
        let (Some(purse), Some(pocket)) = (card.club.purses.get(at), card.pockets.get(at)) else {
            return false;
        };
        let mut moves = Moves {
            effects: effects(&holder),
            at: now,
            today,
            business_day: day,
            zone: &rules.world.zone,
        };
        let terms = moves.terms(grant.rule, lives(pocket, purse, due));
        // What nothing was running for, and what would be dead by now, is not given.
        if terms.dies.is_some_and(|dies| dies <= today) {
            return false;
        }
        moves.credit(
            &holder.member,
            (purse, None),
            grant.amount.0,
            terms,
            Reason::Granted,
        );
        moves.effects.counted.push(Counted {
            rule: grant.rule,
            who,
            window,
            day: due,
            late: KNOWN_DAYS,
            unit,
            amount: grant.amount.0,
        });
        let member = holder.member.id;
        let rule = grant.rule;
        let effects = moves.effects;
        let input = Input::Granted { rule, member, due };
        self.enter(input, effects, None, day, now, rules.number);
        true
    }

    /// Gives by hand.
    pub(super) fn give(&mut self, giving: &Giving, now: Moment) -> Result<Sequence, ActError> {
        let of = giving.gifts.len() as u32;
        let done = match self.book.opened(&giving.sha256) {
            Some((done, all)) if done == all => return Err(GivingError::Given(all).into()),
            Some((done, _)) => done as usize,
            None => 0,
        };
        self.check_giving(giving, done)?;
        for (at, gift) in giving.gifts.iter().enumerate().skip(done) {
            let day = self.day_by_clock(now);
            let Some(effects) = self.gift(gift, day, now) else {
                return Err(GivingError::Purse(at + 1).into());
            };
            let input = Input::Given {
                by: giving.by.clone(),
                reason: giving.reason.clone(),
                sha256: giving.sha256,
                done: at as u32 + 1,
                of,
            };
            self.enter(input, effects, None, day, now, self.rules.number);
        }
        Ok(self.book.sequence())
    }

    /// Whether all of it can be given; nothing moves.
    ///
    /// # Errors
    /// The first row that cannot.
    pub fn check_giving(&self, giving: &Giving, from: usize) -> Result<(), GivingError> {
        for (at, gift) in giving.gifts.iter().enumerate().skip(from) {
            let known = self.book.who(gift.club, gift.to).is_some();
            let becomes =
                self.rules.card(gift.club).is_some() && matches!(gift.to, Identity::Card(_));
            if !known && !becomes {
                return Err(GivingError::Nobody(at + 1));
            }
            let club = self.rules.club(gift.club);
            let purse = club.and_then(|club| club.purse(gift.purse));
            let fits = purse.is_some_and(|purse| {
                // Of a credit line it is what the holder pays back.
                let given = purse.kind != PurseKind::Virtual;
                let of_shop = purse.kind == PurseKind::MerchantCredit;
                gift.amount > 0 && given && of_shop == gift.shop.is_some()
            });
            if !fits {
                return Err(GivingError::Purse(at + 1));
            }
        }
        Ok(())
    }

    fn gift(&self, gift: &Gift, day: Day, now: Moment) -> Option<Effects> {
        let rules = Arc::clone(&self.rules);
        let club = rules.club(gift.club)?;
        let purse = club.purse(gift.purse)?;
        let today = rules.world.zone.local(now).day;
        let known = self.book.who(gift.club, gift.to);
        let (member, new) = match known.and_then(|id| self.book.member(id)) {
            Some(member) => (Cow::Borrowed(member), None),
            None => {
                let holder = self.holder_of(rules.card(gift.club)?, gift.to, day);
                (Cow::Owned(holder.member.into_owned()), holder.new)
            }
        };
        let pocket = rules
            .card(gift.club)
            .and_then(|card| card.pocket(gift.purse));
        let usual = match pocket {
            Some(pocket) => lives(pocket, purse, today),
            None => crate::rules::dies(purse.expiry, today),
        };
        let mut moves = Moves {
            effects: Effects {
                club: Some(gift.club),
                member: Some(member.id),
                members: new.into_iter().collect(),
                ..Effects::none()
            },
            at: now,
            today,
            business_day: day,
            zone: &rules.world.zone,
        };
        let terms = LotTerms {
            rule: None,
            booked: day,
            usable_from: moves.zone.midnight(today).min(now),
            dies: gift.last_day.map(|last| last.plus(1)).or(usual),
            hold: None,
        };
        moves.credit(
            &member,
            (purse, gift.shop),
            gift.amount,
            terms,
            Reason::Granted,
        );
        Some(moves.effects)
    }
}

/// Whom a grant names at a place of its list: cards first, then numbers of holders.
fn listed(grant: &Grant, place: usize) -> Option<Identity> {
    let cards = &grant.to.cards;
    match cards.get(place) {
        Some(token) => Some(Identity::Card(*token)),
        None => {
            let member = grant.to.members.get(place - cards.len());
            member.copied().map(Identity::Number)
        }
    }
}

/// Whether a card can be one of a product, as far as its token tells.
fn may_be(rules: &Rulebook, card: &Card, token: Token) -> bool {
    let listed = |card: &Card| card.has(Some(token), None);
    let mut others = rules
        .cards
        .iter()
        .filter(|other| other.club.id != card.club.id);
    listed(card) || (!card.bins.is_empty() && !others.any(listed))
}

fn effects(holder: &Holder<'_>) -> Effects {
    Effects {
        club: Some(holder.card.club.id),
        member: Some(holder.member.id),
        members: holder.new.clone().into_iter().collect(),
        ..Effects::none()
    }
}
