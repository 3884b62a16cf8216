//! A purchase: asked, advised, or quoted.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::engine::matching::{amounts, is_approved};
use crate::engine::moves::Holder;
use crate::engine::{
    Decided, Engine, Hand, How, Limits, Missing, RIAL, category, may_refuse, terminal_time,
};
use crate::ledger::{
    Account, Asked, CardState, Effects, Entry, Exception, Function, Input, Item, Member,
    MemberChange, Mode, Posting, Reason, Redeem, Told, Verdict,
};
use crate::rules::trace::{Deaf, Trace};
use crate::rules::{Card, Case, Club, NotJudged, Shop, judge, judge_aloud};
use crate::terms::person::Identity;
use crate::terms::{Local, Rials, UnitId};

impl Engine {
    pub(super) fn purchase(&self, hand: &Hand<'_>) -> Result<Decided, Missing> {
        let asked = &hand.request.asked;
        if may_refuse(asked) && !hand.request.terminal_allowed {
            return Ok(Decided::only(Verdict::TerminalNotAllowed));
        }
        let Some(shop) = hand.shop() else {
            return Ok(self.at_unknown_shop(hand));
        };
        // An advice of a refund, a load or a transfer is no purchase: it is taken note of and moves nothing.
        if asked.mode == Mode::Advise && asked.processing / 10_000 != 0 {
            return Ok(excepted(Exception::AdviceOfAnotherKind));
        }
        if let Some(decided) = self.too_old(hand) {
            return Ok(decided);
        }
        if self.finds_tombstone(hand)? {
            return Ok(match asked.mode {
                Mode::Ask => Decided::only(Verdict::UnknownTransaction),
                // It was undone before it came: it is taken note of, and moves nothing.
                Mode::Advise => Decided::only(Verdict::Approved),
            });
        }
        if let Some(original) = self.decided_before(hand)? {
            let mut told = Told::only(Verdict::Approved);
            // A request that its own advice has overtaken is told what the card was charged.
            if asked.mode == Mode::Ask
                && let Input::Request(advice) = &original.input
            {
                told.pays = advice.amount;
            }
            let mut effects = Effects::told(told);
            effects.original = Some(original.head.sequence);
            effects.shop = Some(shop.id);
            return Ok(Decided {
                effects,
                how: How::Matched,
            });
        }
        Ok(self.judged(hand, shop))
    }

    pub(super) fn quote(&self, hand: &Hand<'_>) -> Result<Decided, Missing> {
        if !hand.request.terminal_allowed {
            return Ok(Decided::only(Verdict::TerminalNotAllowed));
        }
        Ok(match hand.shop() {
            Some(shop) => self.judged(hand, shop),
            None => Decided::only(Verdict::MerchantUnknown),
        })
    }

    fn at_unknown_shop(&self, hand: &Hand<'_>) -> Decided {
        if may_refuse(&hand.request.asked) {
            return Decided::only(Verdict::MerchantUnknown);
        }
        excepted(Exception::AdviceOfUnknownShop)
    }

    /// What is older than duplicates are remembered could be a second copy of something forgotten: it is never posted (S17). A clock that
    /// is ahead of ours stops nobody: a shop sells also with a wrong date on its terminal.
    pub(super) fn too_old(&self, hand: &Hand<'_>) -> Option<Decided> {
        let asked = &hand.request.asked;
        let age_max = match asked.mode {
            Mode::Ask => self.limits.duplicate_days,
            Mode::Advise => self.limits.advice_days,
        };
        let Some(local) = terminal_time(asked, hand.local) else {
            return Some(if may_refuse(asked) {
                Decided::only(Verdict::FormatError)
            } else {
                excepted(Exception::AdviceTooOld)
            });
        };
        let age = hand.local.wall_seconds() - local.wall_seconds();
        if age <= i64::from(age_max) * 86_400 {
            return None;
        }
        Some(if may_refuse(asked) {
            Decided::only(Verdict::UnknownTransaction)
        } else {
            excepted(Exception::AdviceTooOld)
        })
    }

    fn judged(&self, hand: &Hand<'_>, shop: &Shop) -> Decided {
        self.judged_aloud(hand, shop, &Deaf)
    }

    /// The judgement of a purchase, with somebody who listens to it.
    pub(super) fn judged_aloud<T: Trace>(
        &self,
        hand: &Hand<'_>,
        shop: &Shop,
        trace: &T,
    ) -> Decided {
        let asked = &hand.request.asked;
        let wishes_money = hand.request.wishes.redeem != Redeem::Nothing;
        let amount = asked.amount.unwrap_or_default();
        // An advice of nothing charged is real where purses or a discount paid it all.
        let nothing = amount.is_zero() && (may_refuse(asked) || !self.tells_more(hand));
        if nothing || asked.currency != RIAL {
            return if may_refuse(asked) && (nothing || wishes_money) {
                Decided::only(Verdict::InvalidAmount)
            } else {
                let mut effects = Effects::told(Told::only(Verdict::Approved));
                effects.shop = Some(shop.id);
                Decided::new(effects)
            };
        }
        let found = self.club(hand, shop);
        let guest = self.guest(hand, shop, found);
        // Who judges: the club of the shop, or, where that knows nothing of a guest, the club of his card.
        let judged_by = match guest {
            None => found,
            Some(guest) if guest.judged_there => Some((guest.at, guest.there)),
            Some(guest) => Some((guest.home, Some(guest.member))),
        };
        let enrolled = match judged_by {
            Some((club, None)) => self.on_first_purchase(hand, club),
            _ => None,
        };
        let card = self.card_holder(hand, enrolled.is_some());
        let holder = card.as_ref().map(|held| judge::Holder {
            card: held.card,
            member: &held.member,
        });
        if let Some(verdict) = card.as_ref().and_then(|held| stopped(&held.member))
            && may_refuse(asked)
        {
            let mut decided = Decided::only(verdict);
            decided.effects.shop = Some(shop.id);
            return decided;
        }
        let member = match (judged_by, &enrolled, guest) {
            (Some((club, Some(id))), ..) => self.book.member(id).map(|member| (club, member)),
            (Some((club, None)), Some((member, _)), _) => Some((club, member)),
            (_, None, Some(guest)) => {
                let member = self.book.member(guest.member);
                member.map(|member| (guest.home, member))
            }
            _ => None,
        };
        // Where no club knows him, the product of his card judges; to redeem he has to be a club's member.
        let by_card = holder.map(|holder| (&holder.card.club, holder.member));
        let by_card = by_card.filter(|_| !(wishes_money && may_refuse(asked)));
        let Some((club, member)) = member.or(by_card) else {
            return if wishes_money && may_refuse(asked) {
                Decided::only(Verdict::MemberUnknown)
            } else {
                let lost = !may_refuse(asked) && self.tells_more(hand);
                self.without_club(hand, shop, lost.then_some(Exception::RedeemedOverBalance))
            };
        };
        let local = self.judged_at(hand);
        let at = if local == hand.local {
            hand.now
        } else {
            hand.rules.world.zone.moment(local)
        };
        let mut case = Case {
            world: &hand.rules.world,
            club,
            member,
            holder,
            introducer: member.introducer().and_then(|id| self.book.member(id)),
            book: &self.book,
            shop,
            terminal: hand.key.terminal_code(),
            facts: &asked.facts,
            acquirer: hand.acquirer,
            mcc: category(asked, shop),
            amount,
            at,
            local,
            business_day: hand.business_day,
            wishes: &hand.request.wishes,
            mode: asked.mode,
            card: hand.request.card,
            late: u16::try_from(self.limits.advice_days).unwrap_or(u16::MAX),
            event: None,
            abroad: None,
            other: None,
        };
        let beside;
        if let Some(guest) = guest {
            if club.id == guest.home.id {
                case.abroad = Some(guest.abroad);
            } else if let Some(member) = self.book.member(guest.member) {
                beside = Case {
                    club: guest.home,
                    member,
                    introducer: member.introducer().and_then(|id| self.book.member(id)),
                    abroad: Some(guest.abroad),
                    holder: None,
                    ..case
                };
                case.other = Some(&beside);
            }
        }
        // A rule that panics must not take the others' purchases with it.
        let judged = catch_unwind(AssertUnwindSafe(|| judge_aloud(&case, trace)));
        match judged {
            Ok(Ok(mut effects)) => {
                let new = enrolled.map(|(_, change)| change).into_iter();
                let new: Vec<_> = new.chain(card.and_then(|held| held.new)).collect();
                // Asked what he would get, he is no member yet and has no number.
                let is_new = new.iter().any(|new| Some(new.member()) == effects.member);
                if is_new
                    && asked.function == Function::Quote
                    && let Some(told) = &mut effects.told
                {
                    told.member = None;
                }
                // Before what the purchase says of them: they have to be there.
                effects.members.splice(0..0, new);
                Decided::new(effects)
            }
            Ok(Err(NotJudged::Refused(verdict))) => {
                let mut decided = Decided::only(verdict);
                decided.effects.shop = Some(shop.id);
                let known = guest.map(|guest| guest.member);
                decided.effects.member = known.or(found.and_then(|(_, member)| member));
                decided
            }
            Ok(Err(NotJudged::Failed(_))) | Err(_) if wishes_money && may_refuse(asked) => {
                Decided::only(Verdict::CannotServe)
            }
            Ok(Err(NotJudged::Failed(_))) | Err(_) => {
                self.without_club(hand, shop, Some(Exception::WithoutClub))
            }
        }
    }

    /// Whether an advice tells of money besides what the card was charged.
    fn tells_more(&self, hand: &Hand<'_>) -> bool {
        let wishes = &hand.request.wishes;
        matches!(wishes.redeem, Redeem::Exactly(rials) if !rials.is_zero())
            || wishes.discount_told.is_some_and(|told| !told.is_zero())
    }

    /// The instant of the judgement: now; of an advice the terminal's own time, unless its clock is ahead of ours (S19).
    pub(super) fn judged_at(&self, hand: &Hand<'_>) -> Local {
        judged_at(&hand.request.asked, hand.local, &self.limits)
    }

    /// Nobody's purchase: the bank card pays all of it, and it is kept.
    fn without_club(&self, hand: &Hand<'_>, shop: &Shop, exception: Option<Exception>) -> Decided {
        let amount = hand.request.asked.amount.unwrap_or_default();
        let mut effects = Effects::told(Told::only(Verdict::Approved));
        effects.shop = Some(shop.id);
        effects.exception = exception;
        if amount > Rials::ZERO {
            effects.postings.push(Posting {
                from: Account::Pool {
                    acquirer: hand.acquirer,
                    shop: shop.id,
                },
                to: Account::Shop(shop.id),
                amount: amount.0,
                unit: UnitId::RIAL,
                reason: Reason::CardPaid,
            });
        }
        Decided::new(effects)
    }

    /// The holder of the card that came with it, where that is of a card product. `beside`: the club makes a member of him too, and
    /// has taken the next number.
    pub(super) fn card_holder<'h>(
        &'h self,
        hand: &'h Hand<'_>,
        beside: bool,
    ) -> Option<Holder<'h>> {
        let card = self.product_of(hand)?;
        let identity = Identity::Card(hand.request.card?);
        let mut holder = self.holder_of(card, identity, hand.business_day);
        if beside && let Some(MemberChange::Enrolled { member, .. }) = &mut holder.new {
            member.0 += 1;
            holder.member.to_mut().id = *member;
        }
        Some(holder)
    }

    /// The product of the card that came with a message. A card stays its holder's also where its range is told no more.
    pub(super) fn product_of<'h>(&self, hand: &'h Hand<'_>) -> Option<&'h Card> {
        let token = hand.request.card?;
        let bin = hand.request.asked.facts.bin;
        let known = |card: &&Card| self.book.who(card.club.id, Identity::Card(token)).is_some();
        let product = hand.rules.card_of(Some(token), bin);
        product.or_else(|| hand.rules.cards.iter().find(known))
    }

    /// Where the club makes a member of whoever buys with a card: the member he becomes.
    fn on_first_purchase(&self, hand: &Hand<'_>, club: &Club) -> Option<(Member, MemberChange)> {
        let token = hand.request.card?;
        if !club.enrol.on_first_purchase || !club.identify.card {
            return None;
        }
        let id = self.book.next_member();
        let introducer = self.introducer(hand, club);
        let change = MemberChange::Enrolled {
            member: id,
            club: club.id,
            joined: hand.business_day,
            identities: vec![Identity::Card(token)],
            marketer: None,
            introducer,
            tier: None,
        };
        let mut member = Member::new(id, club.id, hand.business_day);
        member.set_introducer(introducer);
        Some((member, change))
    }

    /// The purchase that this message only says again in another kind: an advice of one that was asked for, or a request that its advice
    /// has overtaken. Decided before and approved; whether it was undone since makes no difference. One that was refused and undone all
    /// the same stays undone.
    fn decided_before(&self, hand: &Hand<'_>) -> Result<Option<Entry>, Missing> {
        let asked = &hand.request.asked;
        // It was sent no earlier than this one says of itself, by the same clock.
        let since = self.earliest(hand);
        let mut known = self.found(Item::original(&hand.key), hand, since)?;
        if let Some(rrn) = asked.rrn.filter(|_| asked.mode == Mode::Advise) {
            let item = Item::reference(hand.acquirer, &hand.key.terminal, &rrn);
            // By its reference alone it may be an older one.
            known.extend(self.found(item, hand, None)?);
        }
        if known.is_empty() {
            return Ok(None);
        }
        for entry in self.entries(known, hand)? {
            if self.says_again(&entry, hand)
                && (is_approved(&entry) || self.reversed_by(entry.head.sequence, hand)?.is_some())
            {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Whether an entry is the same purchase as this message, told in another kind.
    fn says_again(&self, entry: &Entry, hand: &Hand<'_>) -> bool {
        let asked = &hand.request.asked;
        let Input::Request(before) = &entry.input else {
            return false;
        };
        let told = entry.effects.told.as_ref();
        let same_time = before.key.stan == hand.key.stan && before.key.local == hand.key.local;
        // A terminal may send one reference for ever: with another amount it is another purchase.
        let same_reference = asked.rrn.is_some()
            && (before.rrn == asked.rrn || told.is_some_and(|told| told.rrn == asked.rrn))
            && amounts(entry).contains(&asked.amount);
        before.function == Function::Purchase
            && !self.is_forgotten(entry, hand)
            && before.key.acquirer == hand.acquirer
            && before.key.terminal == hand.key.terminal
            && before.key.acceptor == hand.key.acceptor
            && before.key.kind != hand.key.kind
            && (same_time || same_reference)
            && entry.effects.original.is_none()
    }
}

/// Why nothing can be bought with a card: only an issued one may spend.
fn stopped(holder: &Member) -> Option<Verdict> {
    match holder.card {
        CardState::Issued => None,
        CardState::Suspended => Some(Verdict::CardSuspended),
        CardState::Inactive | CardState::Terminated | CardState::Void => Some(Verdict::NotAllowed),
    }
}

/// When a message was judged that came at a moment: then; an advice at the terminal's own time, unless its clock was ahead of ours (S19).
pub fn judged_at(asked: &Asked, came: Local, limits: &Limits) -> Local {
    if asked.mode == Mode::Ask {
        return came;
    }
    terminal_time(asked, came)
        .filter(|local| local.wall_seconds() - came.wall_seconds() <= limits.ahead_seconds)
        .unwrap_or(came)
}

/// Taken note of, for somebody to look at.
fn excepted(exception: Exception) -> Decided {
    let mut effects = Effects::told(Told::only(Verdict::Approved));
    effects.exception = Some(exception);
    Decided::new(effects)
}
