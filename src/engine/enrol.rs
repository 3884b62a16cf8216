//! Enrolment at the point of sale.

use crate::engine::{Decided, Engine, Hand};
use crate::ledger::{Effects, MemberChange, Told, Verdict};
use crate::rules::Club;
use crate::terms::MemberId;

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
        effects.members.push(MemberChange::Enrolled {
            member,
            club: club.id,
            joined: hand.business_day,
            identities: wish.identities,
            marketer: wish
                .staff
                .as_deref()
                .and_then(|name| self.book.names().person_id(name)),
            introducer: self.introducer(hand, club),
            tier: None,
        });
        if let Some(day) = wish.born {
            effects.members.push(MemberChange::Born { member, day });
        }
        Decided::new(effects)
    }

    /// The member of the club who brought him, where the message names one.
    pub(super) fn introducer(&self, hand: &Hand<'_>, club: &Club) -> Option<MemberId> {
        hand.request
            .introducer
            .and_then(|identity| self.book.who(club.id, identity))
    }
}
