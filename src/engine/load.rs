//! A load: money, or a voucher, becomes what a pocket holds. The bank card pays at the shop, or cash does; the shop owes the money to
//! whoever owes the pocket.

use crate::engine::moves::{Holder, Moves, account, lives, told};
use crate::engine::{Decided, Engine, Hand, Missing, RIAL};
use crate::ledger::{
    Account, CardState, Counted, Effects, Member, Reason, Told, Verdict, Who, Window,
};
use crate::rules::card::{Funder, LoadTerms, LoadWay, Pocket};
use crate::rules::{Purse, Shop, dies};
use crate::terms::person::Identity;
use crate::terms::{Channel, MemberId, Overflow, Rials, Token, UnitId};

/// For so long it is known that a pocket which is filled once was filled.
const FILLED: Window = Window::Days(400);
/// Wrong numbers of vouchers that are taken from one card in a day.
const WRONG_OF_CARD: u64 = 5;
/// And from one terminal.
const WRONG_AT_TERMINAL: u64 = 20;

impl Engine {
    pub(super) fn load_purse(&self, hand: &Hand<'_>) -> Result<Decided, Missing> {
        let shop = match self.may_move(hand)? {
            Ok(shop) => shop,
            Err(refused) => return Ok(refused),
        };
        let loaded = match hand.request.aim.voucher {
            Some(number) => self.loaded_by_voucher(hand, shop, number),
            None => self.loaded(hand, shop),
        };
        Ok(match loaded {
            Ok(effects) => Decided::new(effects),
            Err(verdict) => refused(verdict, shop),
        })
    }

    /// The shop at which a load or a transfer is asked for, unless it is refused whatever it moves.
    pub(super) fn may_move<'h>(
        &self,
        hand: &'h Hand<'_>,
    ) -> Result<Result<&'h Shop, Decided>, Missing> {
        if !hand.request.terminal_allowed {
            return Ok(Err(Decided::only(Verdict::TerminalNotAllowed)));
        }
        let Some(shop) = hand.shop() else {
            return Ok(Err(Decided::only(Verdict::MerchantUnknown)));
        };
        if let Some(refused) = self.too_old(hand) {
            return Ok(Err(refused));
        }
        if self.finds_tombstone(hand)? {
            return Ok(Err(refused(Verdict::UnknownTransaction, shop)));
        }
        Ok(Ok(shop))
    }

    fn loaded(&self, hand: &Hand<'_>, shop: &Shop) -> Result<Effects, Verdict> {
        let asked = &hand.request.asked;
        let rials = |amount: &Rials| *amount > Rials::ZERO && asked.currency == RIAL;
        let amount = asked.amount.filter(rials).ok_or(Verdict::InvalidAmount)?;
        let holder = self.holder(hand, hand.request.aim.to)?;
        may_get(&holder.member)?;
        let (purse, pocket, terms) = loadable(&holder, hand.request.wishes.purse.as_deref())?;
        let way = way(asked.facts.channel);
        if !terms.by.is_empty() && !terms.by.contains(&way) {
            return Err(Verdict::NotAllowed);
        }
        let amounts = &terms.amounts;
        if amount < terms.min || (!amounts.is_empty() && amounts.binary_search(&amount).is_err()) {
            return Err(Verdict::InvalidAmount);
        }
        if terms.max.is_some_and(|max| amount > max) {
            return Err(Verdict::OverAmountLimit);
        }
        let member = &*holder.member;
        let filled = || {
            let (rule, who) = ((terms.rule, UnitId::RIAL), Who::Member(member.id));
            self.book.used(rule, who, FILLED, hand.local.day).times > 0
        };
        if !pocket.reload && filled() {
            return Err(Verdict::OverTimesLimit);
        }
        let bonus = match &pocket.bonus {
            Some(bonus) => bonus.percent.of(amount).map_err(too_much)?,
            None => Rials::ZERO,
        };
        let mut moves = Moves::of(hand, &holder);
        let more = amount.plus(bonus).map_err(too_much)?;
        let after = Rials(member.total(purse.id, None)).plus(more);
        let after = after.map_err(too_much)?;
        if terms.balance_max.is_some_and(|most| after > most) {
            return Err(Verdict::OverAmountLimit);
        }
        let (till, owner) = (Account::Shop(shop.id), account(pocket.owes));
        let mut pays = Rials::ZERO;
        if way != LoadWay::CashDesk {
            pays = amount;
            let acquirer = hand.acquirer;
            let shop = shop.id;
            let pool = Account::Pool { acquirer, shop };
            moves.post(pool, till, amount.0, UnitId::RIAL, Reason::CardPaid);
        }
        moves.post(till, owner, amount.0, UnitId::RIAL, Reason::Loaded);
        let lot = moves.terms(terms.rule, lives(pocket, purse, hand.local.day));
        moves.credit(member, (purse, None), amount.0, lot, Reason::Loaded);
        let mut answer = Told {
            member: Some(member.id),
            pays: Some(pays),
            earned: vec![told(purse, more.0)],
            ..Told::only(Verdict::Approved)
        };
        if let Some(bonus_terms) = pocket.bonus.filter(|_| !bonus.is_zero()) {
            let lot = moves.terms(bonus_terms.rule, dies(bonus_terms.expiry, hand.local.day));
            moves.credit(member, (purse, None), bonus.0, lot, Reason::Earned);
            let funder = match bonus_terms.funded_by {
                Funder::Merchant => till,
                Funder::Organisation(id) => Account::Organisation(id),
                Funder::Operator => Account::Operator,
            };
            moves.post(funder, owner, bonus.0, UnitId::RIAL, Reason::Funded);
            answer.rules.push(bonus_terms.rule);
        }
        moves
            .effects
            .counted
            .extend((!pocket.reload).then_some(Counted {
                rule: terms.rule,
                who: Who::Member(member.id),
                window: FILLED,
                day: hand.local.day,
                late: 0,
                unit: UnitId::RIAL,
                amount: amount.0,
            }));
        answer.balances = moves.balances_of_card(member, holder.card);
        let mut effects = moves.effects;
        effects.shop = Some(shop.id);
        effects.told = Some(answer);
        Ok(effects)
    }
}

impl Engine {
    /// What a voucher is worth goes from its number to the holder of a card. No money moves: who owes the pocket got it when the
    /// voucher was sold.
    fn loaded_by_voucher(
        &self,
        hand: &Hand<'_>,
        shop: &Shop,
        number: Token,
    ) -> Result<Effects, Verdict> {
        // Nothing, or nothing but zeros, asks for all that it is worth.
        let asked = &hand.request.asked;
        let asked = match asked.amount.filter(|amount| !amount.is_zero()) {
            Some(amount) if amount < Rials::ZERO || asked.currency != RIAL => {
                return Err(Verdict::InvalidAmount);
            }
            asked => asked,
        };
        let holder = self.holder(hand, hand.request.aim.to)?;
        may_get(&holder.member)?;
        let card = holder.card;
        let terms = card.voucher.as_ref().ok_or(Verdict::NotAllowed)?;
        let into = card
            .club
            .purses
            .get(terms.pocket)
            .zip(card.pockets.get(terms.pocket));
        let (purse, pocket) = into.ok_or(Verdict::NotAllowed)?;
        let tried = [
            (tries(hand, &holder)?, WRONG_OF_CARD),
            (
                Who::terminal(shop.id, &hand.key.terminal),
                WRONG_AT_TERMINAL,
            ),
        ];
        let rule = (terms.rule, UnitId::RIAL);
        let today = hand.local.day;
        let used_up = |(who, most): &(Who, u64)| {
            self.book.used(rule, *who, Window::Day, today).times >= *most
        };
        if tried.iter().any(used_up) {
            return Err(Verdict::PinTries);
        }
        let known = self.book.who(card.club.id, Identity::Voucher(number));
        let Some(voucher) = known.and_then(|id| self.book.member(id)) else {
            let mut effects = Effects::told(Told::only(Verdict::WrongPin));
            effects.shop = Some(shop.id);
            effects.counted.extend(tried.map(|(who, _)| Counted {
                rule: terms.rule,
                who,
                window: Window::Day,
                day: today,
                late: 0,
                unit: UnitId::RIAL,
                amount: 0,
            }));
            return Ok(effects);
        };
        let mut moves = Moves::of(hand, &holder);
        let lots = moves.usable(voucher, purse);
        let worth: i64 = lots.iter().map(|lot| lot.amount).sum();
        if worth == 0 {
            let was = voucher.total(purse.id, None) > 0;
            return Err(if was {
                Verdict::ExpiredCard
            } else {
                Verdict::NotEnough
            });
        }
        let asked = asked.map_or(worth, |amount| amount.0);
        if terms.single_use && asked != worth {
            return Err(Verdict::InvalidAmount);
        }
        if asked > worth {
            return Err(Verdict::NotEnough);
        }
        let member = &*holder.member;
        let most = pocket.load.as_ref().and_then(|load| load.balance_max);
        let after = Rials(member.total(purse.id, None)).plus(Rials(asked));
        if after.map_err(too_much)? > most.unwrap_or(Rials(i64::MAX)) {
            return Err(Verdict::OverAmountLimit);
        }
        moves.debit(voucher, purse, &lots, asked, Reason::Converted);
        let lot = moves.terms(terms.rule, lives(pocket, purse, today));
        moves.credit(member, (purse, None), asked, lot, Reason::Loaded);
        let answer = Told {
            member: Some(member.id),
            pays: Some(Rials::ZERO),
            earned: vec![told(purse, asked)],
            rules: vec![terms.rule],
            balances: moves.balances_of_card(member, card),
            ..Told::only(Verdict::Approved)
        };
        let mut effects = moves.effects;
        effects.shop = Some(shop.id);
        effects.told = Some(answer);
        Ok(effects)
    }
}

/// The pocket that is to be loaded: the one that is named, or the only one there is.
fn loadable<'h>(
    holder: &Holder<'h>,
    named: Option<&str>,
) -> Result<(&'h Purse, &'h Pocket, &'h LoadTerms), Verdict> {
    let card = holder.card;
    let pockets = card.club.purses.iter().zip(&card.pockets);
    let mut pockets =
        pockets.filter_map(|(purse, pocket)| Some((purse, pocket, pocket.load.as_ref()?)));
    let found = match named {
        Some(name) => {
            let wanted = card.named(name).ok_or(Verdict::NotAllowed)?;
            pockets.find(|(purse, ..)| purse.id == wanted.purse)
        }
        None => {
            let first = pockets.next();
            first.filter(|_| pockets.next().is_none())
        }
    };
    found.ok_or(Verdict::NotAllowed)
}

/// Who tries the number of a voucher: the card that is shown, which need not be anybody's; without one, whoever it is loaded to.
fn tries(hand: &Hand<'_>, holder: &Holder<'_>) -> Result<Who, Verdict> {
    let of_card = |token| Who::card(MemberId(0), Some(token));
    if let Some(shown) = hand.request.card {
        return Ok(of_card(shown));
    }
    if holder.new.is_none() {
        return Ok(Who::Member(holder.member.id));
    }
    let to = hand.request.aim.to.map(|to| to.identity);
    let token = to.or(hand.request.identity()).and_then(Identity::token);
    token.map(of_card).ok_or(Verdict::MemberUnknown)
}

/// A card that is not in use yet can be loaded before it is; one that is stopped or gone cannot.
fn may_get(holder: &Member) -> Result<(), Verdict> {
    match holder.card {
        CardState::Issued | CardState::Inactive => Ok(()),
        CardState::Suspended | CardState::Terminated | CardState::Void => {
            Err(Verdict::CardSuspended)
        }
    }
}

/// On which way the money comes: over the counter of a link whose purchases are paid in cash, over the net, or from an account.
fn way(channel: Channel) -> LoadWay {
    match channel {
        Channel::PosCash => LoadWay::CashDesk,
        Channel::App | Channel::Web | Channel::Ussd => LoadWay::Online,
        Channel::Pos | Channel::Import => LoadWay::Transfer,
    }
}

/// Refused, and kept with the shop it was asked at.
pub(super) fn refused(verdict: Verdict, shop: &Shop) -> Decided {
    let mut effects = Effects::told(Told::only(verdict));
    effects.shop = Some(shop.id);
    Decided::new(effects)
}

pub(super) fn too_much(_: Overflow) -> Verdict {
    Verdict::OverAmountLimit
}
