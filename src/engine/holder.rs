//! How the holder of a card stands: an operator stops his card or lets it go on, and says how far his credit line goes.

use crate::engine::{Engine, moves};
use crate::ledger::{By, CardState, Effects, Input, MemberChange};
use crate::rules::Card;
use crate::terms::person::Identity;
use crate::terms::{ClubId, MemberId, Moment, PurseId, Rials, Sequence};

/// What is to change for the holder of a card.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CardOrder {
    /// The product of the card.
    pub club: ClubId,
    /// The card, or the number of its holder. A card that nothing has happened to becomes its holder's.
    pub whose: Identity,
    /// What changes.
    pub change: CardChange,
    /// Who says so.
    pub by: By,
    /// Why.
    pub why: String,
}

/// A change of how the holder of a card stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CardChange {
    /// The card stands so.
    State(CardState),
    /// A credit line goes so far below zero; none: as its card file says.
    Limit(PurseId, Option<Rials>),
    /// A member gave it away: it becomes a guest's.
    Given(MemberId),
}

/// Why nothing changes.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CardError {
    /// There is no such product any more.
    #[error("the rules in force have no such card product")]
    NoProduct,
    /// No such holder.
    #[error("no holder of this card product has that number")]
    NoHolder,
    /// The product does not know this state.
    #[error("a card of {0} is never {1}: its file has only {2}")]
    State(String, &'static str, String),
    /// Only a credit line has a limit.
    #[error("the pocket \"{0}\" is no credit line")]
    NoCredit(String),
    /// The product knows no guests.
    #[error("the file of {0} has no guest card")]
    NoGuests(String),
    /// A card that something has happened to is no guest's any more.
    #[error(
        "this card is a holder's already, {0}: only one that nothing has happened to can be given away"
    )]
    Taken(MemberId),
    /// Who gives it has to be a member where he earns by it.
    #[error("{0} is no member of {1}: only a member gives this card away")]
    NoGiver(MemberId, String),
    /// More than the card file allows.
    #[error("the limit of a pocket \"{0}\" is at most {1} rials")]
    Most(String, Rials),
}

impl Engine {
    pub(super) fn change_card(
        &mut self,
        order: CardOrder,
        now: Moment,
    ) -> Result<Sequence, CardError> {
        let rules = std::sync::Arc::clone(self.rules());
        let card = rules.card(order.club).ok_or(CardError::NoProduct)?;
        let day = self.day_by_clock(now);
        let holder = match order.whose {
            Identity::Card(_) => self.holder_of(card, order.whose, day),
            _ => {
                let known = self.book.who(order.club, order.whose);
                let known = known.and_then(|id| self.book.member(id));
                moves::Holder::known(card, known.ok_or(CardError::NoHolder)?)
            }
        };
        let (member, mut new) = (holder.member.id, holder.new);
        let name = |purse: PurseId| self.book.names().purse(purse).to_owned();
        let change = match order.change {
            CardChange::State(state) => {
                if !card.states.contains(&state) {
                    let known: Vec<&str> = card.states.iter().map(|state| state.name()).collect();
                    let club = card.club.name.clone();
                    return Err(CardError::State(club, state.name(), known.join(", ")));
                }
                Some(MemberChange::Card { member, state })
            }
            CardChange::Limit(purse, limit) => {
                let terms = card.pocket(purse).and_then(|pocket| pocket.limit);
                let terms = terms.ok_or_else(|| CardError::NoCredit(name(purse)))?;
                if limit.is_some_and(|limit| limit > terms.most || limit < Rials::ZERO) {
                    return Err(CardError::Most(name(purse), terms.most));
                }
                Some(MemberChange::Limit {
                    member,
                    purse,
                    limit,
                })
            }
            CardChange::Given(giver) => {
                self.may_give(card, giver)?;
                let Some(MemberChange::Enrolled { introducer, .. }) = &mut new else {
                    return Err(CardError::Taken(member));
                };
                *introducer = Some(giver);
                None
            }
        };
        let mut effects = Effects {
            club: Some(card.club.id),
            member: Some(member),
            ..Effects::none()
        };
        effects.members.extend(new);
        effects.members.extend(change);
        let input = Input::Holder {
            by: order.by,
            why: order.why,
        };
        let number = self.rules.number;
        self.enter(input, effects, None, day, now, number);
        Ok(self.book.sequence())
    }

    /// Whether a member may give a card of the product away: one of the club that he earns in by it, else of any club.
    fn may_give(&self, card: &Card, giver: MemberId) -> Result<(), CardError> {
        let guest = card.guest.as_ref();
        let guest = guest.ok_or_else(|| CardError::NoGuests(card.club.name.clone()))?;
        let club = self.book.member(giver).map(|member| member.club);
        let (may, of) = match &guest.earns {
            Some(earns) => (
                club == Some(earns.club),
                self.book.names().club(earns.club).to_owned(),
            ),
            None => (
                club.is_some_and(|club| self.rules.club(club).is_some()),
                "any club".to_owned(),
            ),
        };
        match may {
            true => Ok(()),
            false => Err(CardError::NoGiver(giver, of)),
        }
    }
}
