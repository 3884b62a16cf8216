//! A member of one club in a shop of another: who he is there, and which clubs see his purchase (S29).
//!
//! 1. The club that the message names (tag 16): one of the shop's as ever, or another of a federation of one of them.
//! 2. A club of the shop that knows him: that one, and beside it, where the federation says `both`, the first other club of it
//!    that knows him earns too.
//! 3. The first club of the federation that knows him, in the order in which the federation names its clubs.
//!
//! Members must be shared for 2 and 3, merchants for purses to pay there. Where the shop's club earns (`shop-club`, `both`) it
//! judges the purchase, if he is its member too or becomes one with his first purchase; else nobody but the club of his card
//! sees it. Whoever is in no federation costs one look at an empty list.

use crate::engine::{Engine, Hand, category};
use crate::ledger::{Entry, Member, Pages};
use crate::rules::{Abroad, Club, EarnsIn, Federation, Rulebook, Shop};
use crate::terms::{MemberId, ShopId};

/// A member of another club than the shop's.
#[derive(Clone, Copy)]
pub(super) struct Guest<'h> {
    /// The club of the shop.
    pub(super) at: &'h Club,
    /// The club he is a member of.
    pub(super) home: &'h Club,
    /// His number there.
    pub(super) member: MemberId,
    /// How that club sees the shop.
    pub(super) abroad: Abroad<'h>,
    /// His number in the club of the shop, where he is its member too.
    pub(super) there: Option<MemberId>,
    /// Whether the club of the shop judges, if it knows him.
    pub(super) judged_there: bool,
}

impl Engine {
    /// Who he is in another club of the shop's federation; none where the shop's own clubs settle it.
    pub(super) fn guest<'h>(
        &self,
        hand: &'h Hand<'_>,
        shop: &Shop,
        found: Option<(&'h Club, Option<MemberId>)>,
    ) -> Option<Guest<'h>> {
        let rules = &*hand.rules;
        if rules.clearing.federations.is_empty() {
            return None;
        }
        let mcc = category(&hand.request.asked, shop);
        let wanted = hand.request.wishes.club.as_deref();
        match found {
            // He is at home; another club may earn beside it.
            Some((at, Some(there))) if wanted.is_none() => {
                let federation = rules.clearing.of(at.id)?;
                if federation.earns_in != EarnsIn::Both {
                    return None;
                }
                let guest = self.in_federation(hand, (federation, at), (shop, mcc))?;
                let abroad = Abroad {
                    spends: false,
                    ..guest.abroad
                };
                Some(Guest {
                    abroad,
                    there: Some(there),
                    judged_there: true,
                    ..guest
                })
            }
            Some((_, Some(_))) => None,
            _ => {
                let clubs = rules.clubs.iter();
                let mut at = clubs.filter(|club| club.places.contains(shop.id, mcc));
                at.find_map(|at| {
                    let federation = rules.clearing.of(at.id)?;
                    self.in_federation(hand, (federation, at), (shop, mcc))
                })
            }
        }
    }

    fn in_federation<'h>(
        &self,
        hand: &'h Hand<'_>,
        (federation, at): (&'h Federation, &'h Club),
        (shop, mcc): (&Shop, u16),
    ) -> Option<Guest<'h>> {
        if !federation.shares_members {
            return None;
        }
        let identity = hand.request.identity()?;
        let wanted = hand.request.wishes.club.as_deref();
        let who = |club: &Club| {
            let allowed = club.identify.allows(identity);
            allowed.then(|| self.book.who(club.id, identity))?
        };
        let (home, member) = federation.clubs.iter().find_map(|id| {
            let club = hand.rules.club(*id)?;
            let meant = wanted.is_none_or(|name| name == club.name);
            let own = *id == at.id || club.places.contains(shop.id, mcc);
            (meant && !own).then(|| Some((club, who(club)?)))?
        })?;
        Some(Guest {
            at,
            home,
            member,
            abroad: federation.abroad(at.id),
            there: who(at),
            judged_there: federation.earns_in != EarnsIn::CardClub,
        })
    }
}

/// How a purchase of the journal stood between clubs.
pub struct Between<'a> {
    /// That the shop was another club's than the one that judged, where it was.
    pub abroad: Option<Abroad<'a>>,
    /// The other club that saw it, and its member there.
    pub other: Option<(&'a Club, &'a Member, Abroad<'a>)>,
}

impl<'a> Between<'a> {
    /// By its entry, these rules, and the book as it was before it. None where it is no purchase of the club by these rules:
    /// the shop is neither its own nor one of its federation.
    pub fn of(
        entry: &Entry,
        club: &Club,
        (shop, mcc): (ShopId, u16),
        rules: &'a Rulebook,
        pages: &'a Pages,
    ) -> Option<Between<'a>> {
        let spends = !entry.effects.obligations.is_empty();
        if rules.card(club.id).is_some() {
            return Some(Between {
                abroad: None,
                other: None,
            });
        }
        if !club.places.contains(shop, mcc) {
            let abroad = rules.abroad(club.id, (shop, mcc))?;
            return Some(Between {
                abroad: Some(abroad),
                other: None,
            });
        }
        let moved = entry.effects.postings.iter();
        let others = moved.filter_map(|posting| pages.member(posting.member()?));
        let other = others
            .filter(|member| member.club != club.id)
            .find_map(|member| {
                let abroad = rules.abroad(member.club, (shop, mcc))?;
                Some((
                    rules.club(member.club)?,
                    member,
                    Abroad { spends, ..abroad },
                ))
            });
        Some(Between {
            abroad: None,
            other,
        })
    }
}
