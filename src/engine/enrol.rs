//! Enrolment at the point of sale.

use crate::engine::{Decided, Engine, Hand};
use crate::ledger::{Effects, Member, MemberChange, Told, Verdict};
use crate::rules::Club;
use crate::terms::{MemberId, PersonId};

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
