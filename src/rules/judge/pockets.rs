//! What is on the card itself: the discounts of its product, and its pockets, which pay in their order what is left of the bill.

use smallvec::SmallVec;

use super::{NotJudged, Work};
use crate::ledger::told::{PurseAmount, ToldBalance};
use crate::ledger::{
    Account, Counted, Exception, Lot, LotMove, Member, Mode, PurseKey, PurseKind, Reason, Verdict,
    Who,
};
use crate::rules::card::{Consume, GiverEarns, GuestCard, Owes, Pocket};
use crate::rules::trace::{Fact, Shut, Trace};
use crate::rules::when::Circumstances;
use crate::rules::{Card, Known, Most, Negative, Purse, SpendAt};
use crate::terms::{Overflow, Rials, UnitId};

/// The holder of the card that a purchase came with.
#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    /// The product that the card is of.
    pub card: &'a Card,
    /// Who holds it, as he stood before the purchase.
    pub member: &'a Member,
}

impl<'a> Holder<'a> {
    /// What conditions of the product look at: the holder, and not the member of a club.
    pub fn seen(&self, seen: Circumstances<'a>) -> Circumstances<'a> {
        Circumstances {
            club: &self.card.club,
            member: self.member,
            tier: None,
            ..seen
        }
    }

    /// The limit of a credit line: his own, else the usual one; never more than the most.
    pub fn limit(&self, pocket: &Pocket) -> Rials {
        let limit = pocket.limit.map(|terms| {
            let own = self.member.limit(pocket.purse);
            own.unwrap_or(terms.usual).min(terms.most)
        });
        limit.unwrap_or_default()
    }

    /// What of a net balance is told: what can be spent.
    pub fn shown(&self, purse: &Purse, net: i64) -> i64 {
        let limit = self.card.pocket(purse.id).map(|pocket| self.limit(pocket));
        net.saturating_add(limit.unwrap_or_default().0).max(0)
    }
}

impl<'a, T: Trace> Work<'a, T> {
    /// The discounts of the card's product, on what is left of the bill. What no shop pays of them its issuer does.
    pub(super) fn discount_of_card(&mut self) -> Result<(), NotJudged> {
        let case = self.case;
        let Some(holder) = case.holder.filter(|_| case.mode == Mode::Ask) else {
            return Ok(());
        };
        let club = &holder.card.club;
        if club.discounts.is_empty() {
            return Ok(());
        }
        let seen = holder.seen(self.seen);
        // Of several that apply each gives, of what the ones before it left.
        let known = Known::new(&seen);
        let candidates = club.indexes.discounts.candidates(&known);
        for candidate in candidates {
            let rule = &club.discounts[candidate.place()];
            if !seen.meet(club.indexes.discounts.rest(candidate)) {
                continue;
            }
            self.trace.hear(|| Fact::Applies(rule.id));
            let left = self.bill.less(self.discount)?;
            let amount = self.worth_of(rule, left)?;
            let counts = (rule.id, UnitId::RIAL);
            let amount = Rials(self.under_caps(counts, &rule.caps, amount.0, holder.member));
            let amount = amount.down_to_step(rule.step);
            if amount.is_zero() {
                continue;
            }
            let issuer = Account::Organisation(holder.card.issuer);
            self.give_discount(rule, amount, issuer, None)?;
            self.count(counts, &rule.caps, amount.0, holder.member);
            if let Some(guest) = &holder.card.guest
                && guest.rule == rule.id
            {
                self.giver_earns(guest);
            }
            if rule.stop {
                break;
            }
        }
        Ok(())
    }

    /// Who gave the guest card that it came with.
    pub(super) fn giver(&self) -> Option<&'a Member> {
        let giver = self.case.holder?.member.introducer()?;
        self.case.book.member(giver)
    }

    /// A guest has bought: who gave him the card earns in his own club. The guest is told nothing of it, and who uses it himself earns
    /// nothing.
    fn giver_earns(&mut self, guest: &GuestCard) {
        let Some((giver, earns)) = self.giver().zip(guest.earns.as_ref()) else {
            return;
        };
        let buyers = [Some(self.case), self.case.other];
        let mut buyers = buyers.into_iter().flatten();
        if giver.club != earns.club || buyers.any(|case| case.member.id == giver.id) {
            return;
        }
        let GiverEarns { purse, amount, .. } = earns;
        if self.is_dead_at_once(purse) {
            return;
        }
        let terms = self.lot_terms(guest.rule, None, purse);
        self.book(guest.rule, purse, (giver.id, terms, *amount));
        self.trace.hear(|| Fact::GiverEarns {
            giver: giver.id,
            purse: purse.id,
            amount: *amount,
        });
    }

    /// The pockets pay in their order, each what it may, up to the bank.
    pub(super) fn pockets(&mut self) -> Result<(), NotJudged> {
        let case = self.case;
        let Some(holder) = case.holder.filter(|_| case.mode == Mode::Ask) else {
            return Ok(());
        };
        let card = holder.card;
        let mut left = self.left_of_bill()?;
        if left.is_zero() {
            return Ok(());
        }
        let mut barred = card.pin;
        for place in &card.pay_order {
            let Some(pocket) = card.pockets.get(*place) else {
                continue;
            };
            let Some(purse) = card.club.purse(pocket.purse) else {
                continue;
            };
            let holds = self.could_pay(&holder, pocket, purse);
            let shut = self.shut(&holder, pocket, purse, holds);
            let (room, shut) = match shut {
                Ok(room) if card.mixed || room >= left => (room.min(left), None),
                Ok(room) => (Rials::ZERO, Some(Shut::TooLittle(room))),
                Err(shut) => (Rials::ZERO, Some(shut)),
            };
            self.trace.hear(|| Fact::Pocket {
                purse: purse.id,
                holds,
                left,
                pays: room,
                shut: shut.clone(),
            });
            if !room.is_zero() {
                self.pay_from(&holder, pocket, purse, room)?;
                left = left.less(room)?;
                barred = false;
            }
            if left.is_zero() {
                break;
            }
        }
        if left.is_zero() || card.bank {
            return Ok(());
        }
        self.trace.hear(|| Fact::Unpaid(left));
        Err(match barred {
            true => Verdict::NotAllowed.into(),
            false => Verdict::NotEnough.into(),
        })
    }

    /// An advice: what a pocket paid, it paid. `only`: the pocket that it names.
    pub(super) fn pockets_as_told(
        &mut self,
        told: Rials,
        only: Option<&'a Pocket>,
    ) -> Result<(), NotJudged> {
        let Some(holder) = self.case.holder else {
            return Ok(());
        };
        let mut left = told;
        let card = holder.card;
        let in_order = card.pay_order.iter();
        let in_order = in_order.filter_map(|place| card.pockets.get(*place));
        let pockets: SmallVec<[&Pocket; 8]> = match only {
            Some(only) => SmallVec::from_elem(only, 1),
            None => in_order.collect(),
        };
        for pocket in &pockets {
            let Some(purse) = card.club.purse(pocket.purse) else {
                continue;
            };
            let holds = self.could_pay(&holder, pocket, purse);
            let there = holds.min(left);
            self.trace.hear(|| Fact::Pocket {
                purse: purse.id,
                holds,
                left,
                pays: there,
                shut: there.is_zero().then_some(Shut::Empty),
            });
            if !there.is_zero() {
                self.pay_from(&holder, pocket, purse, there)?;
                left = left.less(there)?;
            }
        }
        // Named, it owes what it had not. Where no club's purse may, the first that lets him owe; no sponsor lends.
        let owes = |pocket: &&&Pocket| {
            let purse = card.club.purse(pocket.purse);
            let lends = |purse: &Purse| purse.kind != PurseKind::Bon;
            purse.is_some_and(|purse| purse.negative != Negative::Forbid && lends(purse))
        };
        let first = || pockets.iter().find(owes).copied();
        let alone = self.case.other.is_none() && self.case.club.redeem.is_none();
        let owing = only.or_else(|| first().filter(|_| alone));
        let owing = owing.and_then(|pocket| Some((pocket, card.club.purse(pocket.purse)?)));
        if let Some((pocket, purse)) = owing.filter(|_| !left.is_zero()) {
            self.effects.exception = Some(Exception::RedeemedOverBalance);
            if purse.negative == Negative::Forbid {
                self.redeemed = self.redeemed.plus(left)?;
            } else {
                self.pay_from(&holder, pocket, purse, left)?;
            }
        }
        Ok(())
    }

    /// The pocket of the card that the message names.
    pub(super) fn asked_pocket(&self) -> Option<&'a Pocket> {
        let name = self.case.wishes.purse.as_deref()?;
        self.case.holder?.card.named(name)
    }

    pub(super) fn left_of_bill(&self) -> Result<Rials, Overflow> {
        let left = self.bill.less(self.discount)?.less(self.redeemed)?;
        left.less(self.by_pockets)
    }

    /// What is told of the pockets after it.
    pub(super) fn pocket_balances(&self) -> impl Iterator<Item = ToldBalance> {
        let holder = self.case.holder;
        let purses = holder.into_iter().flat_map(|holder| {
            let purses = holder.card.club.purses.iter();
            purses.map(move |purse| (holder, purse))
        });
        purses.map(|(holder, purse)| ToldBalance {
            purse: purse.id,
            shop: None,
            amount: holder.shown(purse, self.net_of(pocket_key(&holder, purse))),
        })
    }

    /// What a pocket could pay, if it were open.
    fn could_pay(&self, holder: &Holder<'_>, pocket: &Pocket, purse: &Purse) -> Rials {
        let net = self.net_of(pocket_key(holder, purse));
        Rials(net.saturating_add(holder.limit(pocket).0).max(0))
    }

    /// What a pocket may pay of any bill here and now, or why nothing.
    fn shut(
        &self,
        holder: &Holder<'_>,
        pocket: &Pocket,
        purse: &Purse,
        holds: Rials,
    ) -> Result<Rials, Shut> {
        let case = self.case;
        if holder.card.pin {
            // It would need a verified PIN, and this switch verifies none.
            return Err(Shut::Pin);
        }
        if let SpendAt::Groups(places) = &purse.spend_at
            && !places.contains(case.shop.id, case.mcc)
        {
            return Err(Shut::Shop);
        }
        let now = case.local.time;
        let within = |(from, to): &(_, _)| match from <= to {
            true => (*from..*to).contains(&now),
            false => now >= *from || now < *to,
        };
        if !pocket.hours.is_empty() && !pocket.hours.iter().any(within) {
            return Err(Shut::Hour(now));
        }
        let bought = case.facts.products.iter();
        let mut barred = bought.filter(|code| pocket.not_products.binary_search(code).is_ok());
        if let Some(code) = barred.next() {
            return Err(Shut::Product(code.clone()));
        }
        if !pocket.products.is_empty() {
            let bought = &case.facts.products;
            let other = bought
                .iter()
                .find(|code| pocket.products.binary_search(code).is_err());
            if let Some(code) = other {
                return Err(Shut::Product(code.clone()));
            }
            // Where nobody says what is bought, the shop has to be one of its own.
            if bought.is_empty() && purse.spend_at == SpendAt::Anywhere {
                return Err(Shut::NoLines);
            }
        }
        if holds.is_zero() {
            return Err(Shut::Empty);
        }
        let (rule, caps) = &pocket.per_day;
        let (rule, who) = ((*rule, UnitId::RIAL), Who::Member(holder.member.id));
        let mut room = holds;
        for cap in &caps.rows {
            let used = case.book.used(rule, who, cap.window, case.local.day);
            match cap.most {
                Most::Times(most) if used.times >= most => return Err(Shut::Times(most)),
                Most::Times(_) => {}
                Most::Amount(most) => {
                    room = room.min(Rials(most.saturating_sub(used.amount).max(0)));
                    if room.is_zero() {
                        return Err(Shut::Day(Rials(most)));
                    }
                }
            }
        }
        Ok(room)
    }

    /// Lots first, in the order the pocket says; what they lack the holder owes it.
    fn pay_from(
        &mut self,
        holder: &Holder<'_>,
        pocket: &Pocket,
        purse: &Purse,
        rials: Rials,
    ) -> Result<(), NotJudged> {
        let key = pocket_key(holder, purse);
        let (at, today) = (self.case.at, self.case.local.day);
        let added = pocket.bonus.map(|bonus| bonus.rule);
        let is_added = |lot: &Lot| added.is_some() && lot.terms.rule == added;
        let last = |lot: &Lot| pocket.consume == Consume::BonusLast && is_added(lot);
        let mut lots = self.lots_of(key);
        lots.retain(|lot| lot.is_usable(at, today));
        lots.sort_by_key(|lot| {
            let terms = &lot.terms;
            (
                last(lot),
                terms.dies.is_none(),
                terms.dies,
                terms.booked,
                lot.id,
            )
        });
        let mut left = rials.0;
        // S4: what was loaded is paid, by a voucher too, and what is owed to a credit line; all else was given, whatever it was before.
        let voucher = holder.card.voucher.as_ref().map(|voucher| voucher.rule);
        let loaded = [pocket.load.as_ref().map(|load| load.rule), voucher];
        let is_paid = |lot: &Lot| lot.terms.rule.is_some() && loaded.contains(&lot.terms.rule);
        let mut granted = 0;
        for lot in lots {
            let taken = left.min(lot.amount);
            if taken == 0 {
                continue;
            }
            left -= taken;
            if !is_paid(&lot) {
                granted += taken;
            }
            self.effects.lots.push(LotMove {
                key,
                lot: lot.id,
                terms: lot.terms,
                amount: -taken,
            });
        }
        if left > 0 {
            if purse.kind != PurseKind::CreditLine {
                granted += left;
            }
            let (owed, to) = (Account::Debt(key), Account::Purse(key));
            self.post(owed, to, left, UnitId::RIAL, Reason::DebtBooked);
            self.debts.push((key, left));
        }
        let promised = Account::Outstanding {
            purse: purse.id,
            shop: None,
        };
        let from = Account::Purse(key);
        self.post(from, promised, rials.0, UnitId::RIAL, Reason::Spent);
        let payer = match pocket.owes {
            Owes::Organisation(id) => Account::Organisation(id),
            Owes::Operator => Account::Operator,
        };
        self.owe_shop(payer, rials, Reason::RedeemPaid);
        self.by_pockets = self.by_pockets.plus(rials)?;
        self.granted = self.granted.plus(Rials(granted))?;
        self.told.redeemed.push(PurseAmount {
            purse: purse.id,
            amount: rials.0,
            worth: rials,
        });
        let (rule, caps) = &pocket.per_day;
        if let Some(cap) = caps.rows.first() {
            self.effects.counted.push(Counted {
                rule: *rule,
                who: Who::Member(holder.member.id),
                window: cap.window,
                day: today,
                late: self.case.late,
                unit: UnitId::RIAL,
                amount: rials.0,
            });
        }
        Ok(())
    }
}

fn pocket_key(holder: &Holder<'_>, purse: &Purse) -> PurseKey {
    PurseKey {
        member: holder.member.id,
        purse: purse.id,
        shop: None,
    }
}
