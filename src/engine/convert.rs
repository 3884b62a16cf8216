//! A transfer: of what one purse holds, another's is made, in one entry. Who owes the first pays who owes the second what it is worth
//! there; what the rate leaves is nobody's.

use crate::engine::across::is_between_clubs;
use crate::engine::load::{refused, too_much};
use crate::engine::moves::{Moves, account, lives, told};
use crate::engine::{Decided, Engine, Hand, Missing, RIAL};
use crate::ledger::{Aimed, CardState, Effects, Reason, Told, Verdict};
use crate::rules::Shop;
use crate::terms::money::scaled_down;
use crate::terms::person::Identity;
use crate::terms::{Rials, UnitId};

impl Engine {
    pub(super) fn transfer(&self, hand: &Hand<'_>) -> Result<Decided, Missing> {
        let shop = match self.may_move(hand)? {
            Ok(shop) => shop,
            Err(refused) => return Ok(refused),
        };
        let purses = hand.request.wishes.purse.as_deref();
        let moved = match purses.is_some_and(is_between_clubs) {
            true => self.exchanged(hand, shop),
            false => self.converted(hand, shop),
        };
        Ok(match moved {
            Ok(effects) => Decided::new(effects),
            Err(verdict) => refused(verdict, shop),
        })
    }

    /// One pocket of a card into another of it.
    fn converted(&self, hand: &Hand<'_>, shop: &Shop) -> Result<Effects, Verdict> {
        let asked = &hand.request.asked;
        let purses = hand.request.wishes.purse.as_deref();
        let (from, to) = purses
            .and_then(|purses| purses.split_once('>'))
            .ok_or(Verdict::NotAllowed)?;
        let aimed = own_card(hand)?;
        let rials = |amount: &Rials| *amount > Rials::ZERO && asked.currency == RIAL;
        let amount = asked.amount.filter(rials).ok_or(Verdict::InvalidAmount)?;
        let holder = self.holder(hand, Some(aimed))?;
        let card = holder.card;
        let named = |name: &str| {
            let pocket = card.named(name.trim());
            let purse = pocket.and_then(|pocket| card.club.purse(pocket.purse));
            purse.zip(pocket).ok_or(Verdict::NotAllowed)
        };
        let (from, from_pocket) = named(from)?;
        let (to, to_pocket) = named(to)?;
        let mut converts = card.converts.iter();
        let convert = converts.find(|convert| {
            let place = |at: usize| card.pockets.get(at).map(|pocket| pocket.purse);
            (place(convert.from), place(convert.to)) == (Some(from.id), Some(to.id))
        });
        let convert = convert.ok_or(Verdict::NotAllowed)?;
        let day = hand.local.day.jalali().day_of_month();
        if convert
            .days
            .is_some_and(|(first, last)| !(first..=last).contains(&day))
        {
            return Err(Verdict::NotAllowed);
        }
        if convert.max.is_some_and(|max| amount > max) {
            return Err(Verdict::OverAmountLimit);
        }
        let got = scaled_down(amount.0, convert.get.into(), convert.give.into());
        let got = got.map_err(too_much)?;
        if got == 0 {
            return Err(Verdict::InvalidAmount);
        }
        let member = &*holder.member;
        if member.card != CardState::Issued {
            return Err(Verdict::CardSuspended);
        }
        let held = member.holding(from.id, None);
        let available = held.map_or(0, |held| held.available(hand.now, hand.local.day));
        if available < amount.0 {
            return Err(Verdict::NotEnough);
        }
        let mut moves = Moves::of(hand, &holder);
        let lots = moves.usable(member, from);
        moves.debit(member, from, &lots, amount.0, Reason::Converted);
        let terms = moves.terms(convert.rule, lives(to_pocket, to, hand.local.day));
        moves.credit(member, (to, None), got, terms, Reason::Converted);
        let (payer, payee) = (account(from_pocket.owes), account(to_pocket.owes));
        moves.post(payer, payee, got, UnitId::RIAL, Reason::Converted);
        let answer = Told {
            member: Some(member.id),
            redeemed: vec![told(from, amount.0)],
            earned: vec![told(to, got)],
            rules: vec![convert.rule],
            balances: moves.balances_of_card(member, card),
            ..Told::only(Verdict::Approved)
        };
        let mut effects = moves.effects;
        effects.shop = Some(shop.id);
        effects.told = Some(answer);
        Ok(effects)
    }
}

/// The card that asks. Nobody converts by a mobile or a number alone, or what another card holds.
pub(super) fn own_card(hand: &Hand<'_>) -> Result<Aimed, Verdict> {
    let aim = &hand.request.aim;
    let shown = hand.request.card.map(|token| Aimed {
        identity: Identity::Card(token),
        bin: hand.request.asked.facts.bin,
    });
    let own = shown.or(aim.from).ok_or(Verdict::NotAllowed)?;
    let is_own = |aimed: Option<Aimed>| aimed.is_none_or(|aimed| aimed.identity == own.identity);
    match own.identity {
        Identity::Card(_) if is_own(aim.from) && is_own(aim.to) => Ok(own),
        _ => Err(Verdict::NotAllowed),
    }
}
