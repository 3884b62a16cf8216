//! Enrolment at the point of sale.

use crate::engine::{ActError, Decided, Engine, Hand};
use crate::ledger::{By, Effects, Input, Member, MemberChange, Told, Verdict};
use crate::rules::Club;
use crate::terms::person::Identity;
use crate::terms::{MemberId, Moment, PersonId, Sequence};

/// A card that an operator gives a member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CardAdded {
    /// Whom.
    pub member: MemberId,
    /// The card.
    pub card: Identity,
    /// Who does it.
    pub by: By,
    /// Why; it stands in the entry.
    pub reason: String,
}

/// Why a card is not added.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoCard {
    /// It is a member's already.
    #[error("this card is known already: it is that of member {0}")]
    Known(MemberId),
    /// He has as many as he may have.
    #[error("he has as many cards as his club allows, {0} (cards_per_member)")]
    Most(u8),
    /// The club knows nobody by a card.
    #[error("his club knows nobody by a card (identify_by)")]
    NotByCard,
}

/// The event that happens by itself, when a terminal enrols a member.
const ENROLLED: &str = "enrolled";

impl Engine {
    pub(super) fn enrol(&self, hand: &Hand<'_>) -> Decided {
        let request = hand.request;
        if !request.terminal_allowed {
            return Decided::only(Verdict::TerminalNotAllowed);
        }
        let Some(shop) = hand.shop() else {
            return Decided::only(Verdict::MerchantUnknown);
        };
        let Some((club, _)) = self.club(hand, shop) else {
            return Decided::only(Verdict::NotAllowed);
        };
        if !club.enrol.at_pos {
            return Decided::only(Verdict::NotAllowed);
        }
        let wish = request.enrol.clone().unwrap_or_default();
        if wish.identities.is_empty() {
            return Decided::only(Verdict::FormatError);
        }
        let known = wish
            .identities
            .iter()
            .find_map(|identity| self.book.who(club.id, *identity));
        if let Some(member) = known {
            return Decided::new(Effects::told(Told {
                member: Some(member),
                ..Told::only(Verdict::AlreadyThere)
            }));
        }
        let member = self.book.next_member();
        let mut effects = Effects::told(Told {
            member: Some(member),
            ..Told::only(Verdict::Approved)
        });
        effects.club = Some(club.id);
        effects.shop = Some(shop.id);
        effects.member = Some(member);
        let names = self.book.names();
        let marketer = wish.staff.as_deref();
        let marketer = marketer.and_then(|name| names.person_id(name));
        let introducer = self.introducer(hand, club);
        effects.members.push(MemberChange::Enrolled {
            member,
            club: club.id,
            joined: hand.business_day,
            identities: wish.identities,
            marketer,
            introducer,
            tier: None,
        });
        if let Some(day) = wish.born {
            effects.members.push(MemberChange::Born { member, day });
        }
        self.welcome(&mut effects, hand, (marketer, introducer));
        Decided::new(effects)
    }

    /// One card more for a member, who shares all he has among his cards.
    pub(super) fn add_card(&self, hand: &Hand<'_>) -> Decided {
        let request = hand.request;
        if !request.terminal_allowed {
            return Decided::only(Verdict::TerminalNotAllowed);
        }
        let Some(shop) = hand.shop() else {
            return Decided::only(Verdict::MerchantUnknown);
        };
        let Some((club, member)) = self.club(hand, shop) else {
            return Decided::only(Verdict::NotAllowed);
        };
        if !club.enrol.at_pos {
            return Decided::only(Verdict::NotAllowed);
        }
        let (Some(member), Some(card)) = (member, request.aim.to) else {
            return Decided::only(Verdict::MemberUnknown);
        };
        let mut told = Told {
            member: Some(member),
            ..Told::only(Verdict::Approved)
        };
        match self.may_add(club, member, card.identity) {
            Ok(()) => {}
            Err(NoCard::Known(whose)) => {
                told.verdict = Verdict::AlreadyThere;
                // Whose else it is, is told to nobody.
                told.member = Some(whose).filter(|whose| *whose == member);
                return Decided::new(Effects::told(told));
            }
            Err(NoCard::Most(_)) => return Decided::only(Verdict::OverTimesLimit),
            Err(NoCard::NotByCard) => return Decided::only(Verdict::NotAllowed),
        }
        if !self.shows_his_own(hand, club, member) && !self.has_nothing(member) {
            return Decided::only(Verdict::NotAllowed);
        }
        let mut effects = Effects::told(told);
        effects.club = Some(club.id);
        effects.shop = Some(shop.id);
        effects.member = Some(member);
        effects.members.push(MemberChange::KnownBy {
            member,
            identity: card.identity,
        });
        Decided::new(effects)
    }

    /// Whether the card that was read is the member's. A mobile is known to many: with it alone a card would take what he has.
    fn shows_his_own(&self, hand: &Hand<'_>, club: &Club, member: MemberId) -> bool {
        let shown = hand.request.card.map(Identity::Card);
        shown.and_then(|card| self.book.who(club.id, card)) == Some(member)
    }

    /// Whether there is nothing that a first card could take.
    fn has_nothing(&self, member: MemberId) -> bool {
        let member = self.book.member(member);
        member.is_none_or(|member| member.cards == 0 && member.holdings().is_empty())
    }

    /// Whether a member may have this card too.
    fn may_add(&self, club: &Club, member: MemberId, card: Identity) -> Result<(), NoCard> {
        if !club.identify.card || !card.is_card() {
            return Err(NoCard::NotByCard);
        }
        if let Some(whose) = self.book.who(club.id, card) {
            return Err(NoCard::Known(whose));
        }
        let has = self.book.member(member).map_or(0, |member| member.cards);
        match has < club.cards_max {
            true => Ok(()),
            false => Err(NoCard::Most(club.cards_max)),
        }
    }

    /// The same by an operator's word.
    pub(super) fn add_card_by_hand(
        &mut self,
        added: CardAdded,
        now: Moment,
    ) -> Result<Sequence, ActError> {
        let member = self.book.member(added.member);
        let club = member.map(|member| member.club);
        let club = club.ok_or(ActError::NoMember(added.member))?;
        let rules = self.rules.club(club).ok_or(NoCard::NotByCard)?;
        self.may_add(rules, added.member, added.card)?;
        let mut effects = Effects {
            club: Some(club),
            member: Some(added.member),
            ..Effects::none()
        };
        effects.members.push(MemberChange::KnownBy {
            member: added.member,
            identity: added.card,
        });
        let input = Input::Holder {
            by: added.by,
            why: added.reason,
        };
        let day = self.day_by_clock(now);
        self.enter(input, effects, None, day, now, self.rules.number);
        Ok(self.book.sequence())
    }

    /// What rules give at the event of this name, which happens to whoever is enrolled here.
    fn welcome(
        &self,
        effects: &mut Effects,
        hand: &Hand<'_>,
        (marketer, introducer): (Option<PersonId>, Option<MemberId>),
    ) {
        let (Some(club), Some(id)) = (effects.club, effects.member) else {
            return;
        };
        let Some(event) = self.book.names().event_id(club, ENROLLED) else {
            return;
        };
        let mut member = Member::new(id, club, hand.business_day);
        member.set_marketer(marketer);
        member.set_introducer(introducer);
        if let Some(earned) = self.earned_at(event, &member, hand.now) {
            effects.postings = earned.postings;
            effects.lots = earned.lots;
            effects.counted = earned.counted;
        }
    }

    /// The member of the club who brought him, where the message names one.
    pub(super) fn introducer(&self, hand: &Hand<'_>, club: &Club) -> Option<MemberId> {
        hand.request
            .introducer
            .and_then(|identity| self.book.who(club.id, identity))
    }
}
