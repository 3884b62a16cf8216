//! The judgement of a purchase: discount, redeem, accrue, split, fee, in this order (S3), each from what the one before left.

mod foreign;
mod pockets;

use std::hint::black_box;
use std::mem::discriminant;

use smallvec::SmallVec;

use crate::ledger::told::{PurseAmount, ToldBalance};
use crate::ledger::{
    Account, Counted, Effects, EventId, Exception, Facts, Hold, Lot, LotId, LotMove, LotTerms,
    Member, MemberChange, Mode, Pages, Party, Posting, PurseKey, PurseKind, Reason, Redeem, Told,
    Verdict, Visit, Who, Wishes,
};
use crate::rules::tier::Reached;
use crate::rules::trace::{Barred, Deaf, Exact, Fact, Trace};
use crate::rules::when::Circumstances;
use crate::rules::{
    Accrue, Available, Bands, Base, Candidate, Candidates, Cap, Caps, Club, Discount, Earn, Expiry,
    For, Give, HoldTerms, Known, Most, Negative, Part, Payer, Per, Purse, RedeemTerms, Rounding,
    Share, Shop, Span, SpendAt, Split, Stack, World,
};
use crate::terms::{
    AcquirerId, Day, Local, MemberId, Moment, Overflow, Percent, PersonId, PurseId, Rials, RuleId,
    ShopId, Times, Token, UnitId,
};

pub use foreign::Abroad;
pub use pockets::Holder;

/// A purchase before the rules of a club.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Calendar and shops.
    pub world: &'a World,
    /// The club that judges it.
    pub club: &'a Club,
    /// The member it is for, as he stood before it.
    pub member: &'a Member,
    /// Who holds the card it came with, where that is of a card product; where no club knows him, he is the member too, and the
    /// product is the club.
    pub holder: Option<Holder<'a>>,
    /// The member who brought him.
    pub introducer: Option<&'a Member>,
    /// What was counted before it.
    pub book: &'a Pages,
    /// Where.
    pub shop: &'a Shop,
    /// Who sent it.
    pub acquirer: AcquirerId,
    /// The terminal's number, without padding.
    pub terminal: &'a str,
    /// How it came and what was bought.
    pub facts: &'a Facts,
    /// The category code of the purchase.
    pub mcc: u16,
    /// Asked: the bill. Advised: what the bank card was charged.
    pub amount: Rials,
    /// The instant it is judged at: now, or of an advice the terminal's own time.
    pub at: Moment,
    /// The same on the wall clock of the rules' zone.
    pub local: Local,
    /// The business day it counts in.
    pub business_day: Day,
    /// What it wishes.
    pub wishes: &'a Wishes,
    /// Asked or advised.
    pub mode: Mode,
    /// The card that came with it; none where a mobile number came alone.
    pub card: Option<Token>,
    /// How many days old an advice may be.
    pub late: u16,
    /// What happened to the member, where nothing is bought: only rules that ask for it count then.
    pub event: Option<EventId>,
    /// That the shop is another club's, where it is.
    pub abroad: Option<Abroad<'a>>,
    /// The same purchase as another club sees it, whose member he is too, and whose shop this is not.
    pub other: Option<&'a Case<'a>>,
}

impl<'a> Case<'a> {
    /// Whether no club judges it, but the product of the card alone.
    pub fn is_by_card(&self) -> bool {
        let product = self.holder.map(|holder| holder.card.club.id);
        product == Some(self.club.id)
    }

    /// What conditions look at, of a purchase that nothing has lowered.
    pub fn before(&'a self) -> Circumstances<'a> {
        self.seen(
            self.amount,
            self.club.reached(self.member, self.book, self.local.day),
        )
    }

    fn seen(&'a self, bill: Rials, reached: Option<Reached>) -> Circumstances<'a> {
        Circumstances {
            world: self.world,
            bill,
            shop: self.shop.id,
            mcc: self.mcc,
            terminal: self.terminal,
            facts: self.facts,
            card: self.card,
            at: self.at,
            local: self.local,
            club: self.club,
            book: self.book,
            spends: bill,
            event: self.event,
            member: self.member,
            tier: self.club.tier_of(self.member, reached),
        }
    }
}

/// Why there is no judgement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotJudged {
    /// The wish is refused, and the purchase with it.
    Refused(Verdict),
    /// An amount does not fit: the rules fail here.
    Failed(Overflow),
}

impl From<Overflow> for NotJudged {
    fn from(overflow: Overflow) -> NotJudged {
        NotJudged::Failed(overflow)
    }
}

impl From<Verdict> for NotJudged {
    fn from(verdict: Verdict) -> NotJudged {
        NotJudged::Refused(verdict)
    }
}

/// Judges a purchase. The effects lack what only the journal knows: approval code, reference, sequence.
pub fn judge(case: &Case<'_>) -> Result<Effects, NotJudged> {
    judge_aloud(case, &Deaf)
}

/// As [`judge`], telling somebody on the way what it finds.
pub fn judge_aloud<T: Trace>(case: &Case<'_>, trace: &T) -> Result<Effects, NotJudged> {
    let mut work = Work::begin(case, trace)?;
    trace.begins(case, &work.seen);
    let mut other = match case.other {
        Some(other) => Some(Work::beside(other, trace)?),
        None => None,
    };
    let (discounts, accruals) = work.candidates();
    work.discount(&discounts)?;
    work.discount_of_card()?;
    match &mut other {
        Some(other) if other.case.abroad.is_some_and(|abroad| abroad.spends) => {
            other.discount = work.discount;
            match (case.mode, case.wishes.redeem) {
                (Mode::Ask, _) => other.redeem()?,
                (Mode::Advise, Redeem::Exactly(told)) => work.as_told_beside(other, told)?,
                (Mode::Advise, _) => {}
            }
            work.redeemed = other.redeemed;
            work.owed = Rials(work.owed.0 + other.owed.0);
        }
        _ => work.redeem()?,
    }
    work.pockets()?;
    work.card_pays();
    trace.pays(case, &work.seen);
    work.accrue(&accruals)?;
    if let Some(other) = &mut other {
        other.discount = work.discount;
        other.pays = work.pays;
        other.paid = work.paid;
        other.seen.spends = work.paid;
        let (_, accruals) = other.candidates();
        other.accrue(&accruals)?;
    }
    work.split()?;
    work.fee()?;
    let mut effects = work.finish();
    if let Some(other) = other {
        other.join(&mut effects);
    }
    Ok(effects)
}

/// Judges an event: what the rules that ask for it earn the member. Nobody is told.
pub fn judge_event(case: &Case<'_>) -> Result<Effects, NotJudged> {
    let mut work = Work::begin(case, &Deaf)?;
    let (_, accruals) = work.candidates();
    work.accrue(&accruals)?;
    Ok(Effects {
        shop: None,
        ..work.effects
    })
}

/// Who earns.
#[derive(Clone, Copy)]
enum Earner {
    Member(MemberId),
    Shop(ShopId),
    Person(PersonId),
}

/// From when on earnings can be spent, and the day from which on they are dead.
type Spendable = (Moment, Option<Day>);

/// A purchase on its way through the stages.
struct Work<'a, T> {
    case: &'a Case<'a>,
    trace: &'a T,
    seen: Circumstances<'a>,
    known: Known,
    /// By how much debts have changed while it is judged.
    debts: SmallVec<[(PurseKey, i64); 2]>,
    spendable: SmallVec<[(PurseId, Spendable); 2]>,
    /// How far he has come through the tiers.
    reached: Option<Reached>,
    bill: Rials,
    discount: Rials,
    redeemed: Rials,
    /// What pockets of the card paid.
    by_pockets: Rials,
    /// What of that was given to the holder: it earns nothing (S4).
    granted: Rials,
    /// What the bank card pays.
    pays: Rials,
    /// What counts as paid: that, and what was the holder's own in pockets.
    paid: Rials,
    /// What the shop is owed for this purchase, before anything is taken from it.
    owed: Rials,
    /// What of it pays for credit that the shop funds.
    funded: Rials,
    /// Discounts that do not lower the bill; they are earned when it is paid.
    rebates: SmallVec<[(&'a Discount, &'a Purse, Rials); 1]>,
    effects: Effects,
    told: Told,
}

impl<'a, T: Trace> Work<'a, T> {
    fn begin(case: &'a Case<'a>, trace: &'a T) -> Result<Work<'a, T>, NotJudged> {
        let member = case.member;
        let told_back = match (case.mode, case.wishes.redeem) {
            (Mode::Advise, Redeem::Exactly(redeemed)) => redeemed,
            _ => Rials::ZERO,
        };
        let told_discount = match case.mode {
            Mode::Advise => case.wishes.discount_told.unwrap_or_default(),
            Mode::Ask => Rials::ZERO,
        };
        // An advice tells what the card was charged: the bill was that and all that lowered it.
        let bill = case.amount.plus(told_back)?.plus(told_discount)?;
        let reached = case.club.reached(member, case.book, case.local.day);
        let seen = case.seen(bill, reached);
        Ok(Work {
            case,
            trace,
            known: Known::new(&seen),
            seen,
            debts: SmallVec::new(),
            spendable: SmallVec::new(),
            reached,
            bill,
            discount: Rials::ZERO,
            redeemed: Rials::ZERO,
            by_pockets: Rials::ZERO,
            granted: Rials::ZERO,
            pays: bill,
            paid: bill,
            owed: Rials::ZERO,
            funded: Rials::ZERO,
            rebates: SmallVec::new(),
            effects: Effects {
                club: Some(case.club.id),
                shop: Some(case.shop.id),
                member: Some(member.id),
                holder: case
                    .holder
                    .map(|holder| holder.member.id)
                    .filter(|holder| *holder != member.id),
                // A usual purchase has between five and eight.
                postings: Vec::with_capacity(8),
                ..Effects::none()
            },
            told: Told {
                member: Some(member.id),
                ..Told::only(Verdict::Approved)
            },
        })
    }

    /// The rules of both stages that can apply, found and fetched before any is asked: memory that is far is waited for together.
    fn candidates(&self) -> (Candidates, Candidates) {
        let Club {
            indexes,
            discounts,
            accruals,
            ..
        } = self.case.club;
        let first = indexes.discounts.candidates(&self.known);
        let second = indexes.accruals.candidates(&self.known);
        if first.len() + second.len() >= 4 {
            let mut caps: SmallVec<[&Caps; 32]> = SmallVec::new();
            for at in &first {
                if let Some(rule) = discounts.get(at.place()) {
                    black_box((
                        rule.id,
                        rule.stop,
                        indexes.discounts.rest(*at).first().map(discriminant),
                    ));
                    caps.push(&rule.caps);
                }
            }
            for at in &second {
                if let Some(rule) = accruals.get(at.place()) {
                    black_box((
                        rule.id,
                        rule.stop,
                        indexes.accruals.rest(*at).first().map(discriminant),
                    ));
                    caps.push(&rule.caps);
                }
            }
            let firsts = caps.iter().filter_map(|caps| caps.rows.first());
            black_box(firsts.fold(0, |sum, cap| sum ^ cap.window.days()));
        }
        (first, second)
    }

    // ------------------------------------------------------------------------------------ discount

    fn discount(&mut self, candidates: &Candidates) -> Result<(), NotJudged> {
        if self.case.mode == Mode::Advise {
            // It was given at the shop, and is the shop's: nobody else has promised to pay it.
            self.discount = self.case.wishes.discount_told.unwrap_or_default();
            return Ok(());
        }
        if self.case.abroad.is_some() || self.case.is_by_card() {
            // The shop has promised nothing to members of other clubs; and of a card the product gives by itself.
            return Ok(());
        }
        let club = self.case.club;
        let mut given: SmallVec<[(&Discount, Rials); 8]> = SmallVec::new();
        for candidate in candidates {
            let rule = &club.discounts[candidate.place()];
            if self.seen.meet(club.indexes.discounts.rest(*candidate)) {
                self.trace.hear(|| Fact::Applies(rule.id));
                let rebate = rule.rebate.and_then(|purse| club.purse(purse));
                if rebate.is_some_and(|purse| self.is_dead_at_once(purse)) {
                    self.trace.hear(|| Fact::DeadAtOnce(rule.id));
                    continue;
                }
                let amount = self.worth_of(rule, self.bill)?;
                let counts = (rule.id, UnitId::RIAL);
                let amount = Rials(self.under_caps(counts, &rule.caps, amount.0, self.case.member));
                let amount = amount.down_to_step(rule.step);
                if !amount.is_zero() {
                    given.push((rule, amount));
                }
                let stops = rule.stop && !amount.is_zero();
                if club.discount_stack == Stack::First || stops {
                    break;
                }
            }
        }
        if club.discount_stack == Stack::Best {
            let best = best(given.iter().map(|(_, amount)| amount.0));
            given = best.into_iter().map(|at| given[at]).collect();
        }
        let mut left = self.bill;
        for (rule, amount) in given {
            let amount = amount.min(left).down_to_step(rule.step);
            if amount.is_zero() {
                continue;
            }
            left = left.less(amount)?;
            let rebate = rule.rebate.and_then(|purse| club.purse(purse));
            self.give_discount(rule, amount, Account::Club(club.id), rebate)?;
            let counts = (rule.id, UnitId::RIAL);
            self.count(counts, &rule.caps, amount.0, self.case.member);
        }
        Ok(())
    }

    /// `payer`: who pays what its file calls the club's part. `rebate`: the purse that it goes into, in place of off the bill.
    fn give_discount(
        &mut self,
        rule: &'a Discount,
        amount: Rials,
        payer: Account,
        rebate: Option<&'a Purse>,
    ) -> Result<(), NotJudged> {
        match rebate {
            Some(purse) => self.rebates.push((rule, purse, amount)),
            None => self.discount = self.discount.plus(amount)?,
        }
        self.told.rules.push(rule.id);
        self.told
            .says
            .extend(rule.say.as_deref().map(str::to_owned));
        self.trace.hear(|| Fact::Gives {
            rule: rule.id,
            amount: amount.0,
        });
        let club_part = club_part(rule, amount)?;
        self.trace.hear(|| Fact::ClubPart {
            rule: rule.id,
            amount: club_part,
        });
        // The club pays its part of a rebate when it is spent.
        if rebate.is_none() {
            self.owe_shop(payer, club_part, Reason::ClubDiscount);
        }
        Ok(())
    }

    /// What a discount is worth of an amount, before its caps.
    fn worth_of(&self, rule: &Discount, of: Rials) -> Result<Rials, Overflow> {
        let exact = match &rule.give {
            Give::Percent(percent) => share(*percent, of, Times::ONCE)?,
            Give::Fixed(amount) => Exact::of(amount.0, (1, 1), (1, 1))?,
            Give::Bands(bands) => by_bands(bands, of, Times::ONCE)?,
        };
        let amount = Rials(exact.down()?);
        let amount = amount.min(rule.max.unwrap_or(amount)).min(of);
        let amount = amount.down_to_step(rule.step);
        self.trace.hear(|| Fact::Worth {
            rule: rule.id,
            of,
            exact,
            amount,
        });
        Ok(amount)
    }

    // -------------------------------------------------------------------------------------- redeem

    fn redeem(&mut self) -> Result<(), NotJudged> {
        if self.case.mode == Mode::Advise {
            return self.redeem_as_told();
        }
        let terms = self.case.club.redeem.as_ref();
        match self.case.wishes.redeem {
            Redeem::Exactly(asked) => {
                let terms = terms.ok_or(Verdict::NotAllowed)?;
                self.may_redeem(terms)?;
                self.redeem_exactly(asked, terms)
            }
            Redeem::AsMuchAsAllowed => {
                let terms = terms.ok_or(Verdict::NotAllowed)?;
                self.may_redeem(terms)?;
                self.redeem_as_allowed(terms)
            }
            Redeem::Nothing => match terms {
                // In shops of others nothing is taken unasked.
                Some(terms)
                    if terms.automatic
                        && self.case.abroad.is_none()
                        && self.may_redeem(terms).is_ok() =>
                {
                    self.redeem_as_allowed(terms)
                }
                _ => Ok(()),
            },
        }
    }

    /// The refusals that do not depend on the amount.
    fn may_redeem(&self, terms: &RedeemTerms) -> Result<(), Verdict> {
        let barred = if terms.pin {
            // With `pin` on, a redemption needs a verified PIN, and this switch verifies none.
            Barred::Pin
        } else if self.case.card.is_none() {
            Barred::NoCard
        } else if terms.not_mcc.binary_search(&self.case.mcc).is_ok() {
            Barred::Category
        } else if self.case.wishes.purse.is_some() && self.asked_purse(terms).is_none() {
            Barred::Purse
        } else if let Some(closed) = self.closed(terms) {
            closed
        } else if !self.seen.meet(&terms.when) {
            Barred::When
        } else {
            return Ok(());
        };
        self.trace.hear(|| Fact::Barred(barred));
        Err(Verdict::NotAllowed)
    }

    fn redeem_exactly(&mut self, asked: Rials, terms: &RedeemTerms) -> Result<(), NotJudged> {
        if asked.is_zero() || asked < terms.min || asked.down_to_step(terms.step) != asked {
            return Err(Verdict::InvalidAmount.into());
        }
        if asked > self.redeem_limit(terms)? {
            return Err(Verdict::OverAmountLimit.into());
        }
        if asked > self.redeemable(terms)? {
            return Err(Verdict::NotEnough.into());
        }
        self.within_cap(asked)?;
        self.take(asked, terms)
    }

    fn redeem_as_allowed(&mut self, terms: &RedeemTerms) -> Result<(), NotJudged> {
        let allowed = self.redeem_limit(terms)?.min(self.redeemable(terms)?);
        let room = self.room_here()?;
        let allowed = allowed
            .min(room.unwrap_or(allowed))
            .down_to_step(terms.step);
        if allowed.is_zero() || allowed < terms.min {
            return Ok(());
        }
        self.take(allowed, terms)
    }

    /// The most that may be redeemed of this bill today, whatever the purses hold.
    fn redeem_limit(&self, terms: &RedeemTerms) -> Result<Rials, Overflow> {
        let of = self.bill.less(self.discount)?;
        let share = terms.at_most.of(of)?;
        let (used, limit) = match terms.member_day_max {
            None => (None, share),
            Some(max) => {
                let used = self.case.member.redeemed_on(self.case.local.day);
                let used = used.plus(self.redeemed_elsewhere(terms))?;
                (Some(used), share.min(max.less(used)?.max(Rials::ZERO)))
            }
        };
        self.trace.hear(|| Fact::RedeemLimit {
            of,
            share,
            used,
            limit,
        });
        Ok(limit)
    }

    /// The only purse to take from, where the message names one that may be spent.
    fn asked_purse(&self, terms: &RedeemTerms) -> Option<PurseId> {
        let name = self.case.wishes.purse.as_deref()?;
        let (id, _) = self
            .case
            .club
            .purse_names
            .iter()
            .find(|(_, known)| known == name)?;
        terms.from.contains(id).then_some(*id)
    }

    /// The purses that may pay here, in order.
    fn purses(&self, terms: &RedeemTerms) -> Vec<(&'a Purse, Option<ShopId>)> {
        let asked = self.asked_purse(terms);
        // A purse that is named and not there is not made up for by others.
        if self.case.wishes.purse.is_some() && asked.is_none() {
            return Vec::new();
        }
        terms
            .from
            .iter()
            .filter(|id| asked.is_none_or(|asked| asked == **id))
            .filter_map(|id| self.case.club.purse(*id))
            .filter(|purse| self.pays_here(purse))
            .filter(|purse| match &purse.spend_at {
                SpendAt::Anywhere | SpendAt::SameMerchant => true,
                SpendAt::Groups(places) => places.contains(self.case.shop.id, self.case.mcc),
            })
            .map(|purse| (purse, purse.shop_of(self.case.shop.id)))
            .collect()
    }

    fn available(&self, purse: PurseId, shop: Option<ShopId>) -> i64 {
        self.net(purse, shop).max(0)
    }

    fn net(&self, purse: PurseId, shop: Option<ShopId>) -> i64 {
        self.net_of(self.key(purse, shop))
    }

    fn net_of(&self, key: PurseKey) -> i64 {
        let (at, today) = (self.case.at, self.case.local.day);
        let before = self.person(key).usable(key.purse, key.shop, at, today);
        let moves = self.effects.lots.iter();
        let moves = moves.filter(|moved| moved.key == key && moved.terms.allow(at, today));
        let moved: i64 = moves.map(|moved| moved.amount).sum();
        before + moved - self.debt(key)
    }

    /// Whose purse it is: the member's, his introducer's, the holder's of the card, or of who gave him that.
    fn person(&self, key: PurseKey) -> &'a Member {
        let holder = self.case.holder.map(|holder| holder.member);
        let mut others = self.case.introducer.into_iter().chain(holder);
        let other = others.find(|other| other.id == key.member);
        let giver = || self.giver().filter(|giver| giver.id == key.member);
        other.or_else(giver).unwrap_or(self.case.member)
    }

    fn debt(&self, key: PurseKey) -> i64 {
        let before = self.person(key).debt(key.purse, key.shop);
        let changes = self.debts.iter().filter(|(of, _)| *of == key);
        before + changes.map(|(_, change)| change).sum::<i64>()
    }

    fn redeemable(&self, terms: &RedeemTerms) -> Result<Rials, Overflow> {
        self.purses(terms)
            .into_iter()
            .try_fold(Rials::ZERO, |sum, (purse, shop)| {
                let amount = self.available(purse.id, shop);
                let worth = self.worth_here(purse, amount)?;
                self.trace.hear(|| Fact::Holds {
                    purse: purse.id,
                    shop,
                    amount,
                    worth,
                });
                sum.plus(worth)
            })
    }

    fn take(&mut self, asked: Rials, terms: &RedeemTerms) -> Result<(), NotJudged> {
        let mut left = asked;
        for (purse, shop) in self.purses(terms) {
            let available = self.available(purse.id, shop);
            let rials = left.min(self.worth_here(purse, available)?);
            if rials.is_zero() {
                continue;
            }
            let charge = self.charge_here(purse, rials)?;
            self.take_lots(purse, shop, charge);
            self.spend(purse, shop, (charge, rials), false)?;
            left = left.less(rials)?;
        }
        if !self.told.redeemed.is_empty() {
            self.told.says.extend(terms.say.clone());
        }
        Ok(())
    }

    /// Soonest expiry first, then oldest, then smallest number; what never expires last (S10).
    fn take_lots(&mut self, purse: &Purse, shop: Option<ShopId>, charge: i64) {
        let (at, today) = (self.case.at, self.case.local.day);
        let mut lots = self.lots(purse.id, shop);
        lots.retain(|lot| lot.is_usable(at, today));
        lots.sort_by_key(|lot| {
            let terms = &lot.terms;
            (terms.dies.is_none(), terms.dies, terms.booked, lot.id)
        });
        let mut left = charge;
        for lot in lots {
            let taken = left.min(lot.amount);
            if taken == 0 {
                continue;
            }
            left -= taken;
            let moved = LotMove {
                key: self.key(purse.id, shop),
                lot: lot.id,
                terms: lot.terms,
                amount: -taken,
            };
            self.effects.lots.push(moved);
        }
    }

    /// What a purse holds by now, lot by lot.
    fn lots(&self, purse: PurseId, shop: Option<ShopId>) -> SmallVec<[Lot; 8]> {
        self.lots_of(self.key(purse, shop))
    }

    fn lots_of(&self, key: PurseKey) -> SmallVec<[Lot; 8]> {
        let before = self.person(key).lots();
        let of_purse = before.filter(|held| (held.purse, held.shop) == (key.purse, key.shop));
        let mut lots: SmallVec<[Lot; 8]> = of_purse.map(|held| held.lot).collect();
        for moved in &self.effects.lots {
            if moved.key != key {
                continue;
            }
            match lots.iter_mut().find(|lot| lot.id == moved.lot) {
                Some(lot) => lot.amount += moved.amount,
                None => lots.push(Lot {
                    id: moved.lot,
                    terms: moved.terms,
                    amount: moved.amount,
                }),
            }
        }
        lots.retain(|lot| lot.amount > 0);
        lots
    }

    /// Books what a purse paid: the purse against what was outstanding, and the club's money to the shop.
    fn spend(
        &mut self,
        purse: &Purse,
        shop: Option<ShopId>,
        (charge, rials): (i64, Rials),
        owed: bool,
    ) -> Result<(), NotJudged> {
        let key = self.key(purse.id, shop);
        self.post(
            Account::Purse(key),
            Account::Outstanding {
                purse: purse.id,
                shop,
            },
            charge,
            purse.unit,
            Reason::Spent,
        );
        let mut odd = Rials::ZERO;
        if let Some(abroad) = &self.case.abroad {
            odd = self.clear(abroad, purse, (charge, rials))?;
        // Its own credit costs the shop what it had promised: no money moves for it.
        } else if purse.kind != PurseKind::MerchantCredit {
            let club = self.case.club.id;
            self.owe_shop(Account::Club(club), rials, Reason::RedeemPaid);
            odd = purse.worth(charge)?.less(rials)?;
            self.post(
                Account::Club(club),
                Account::Rounding(club),
                odd.0,
                UnitId::RIAL,
                Reason::Rounding,
            );
        }
        self.trace.hear(|| Fact::Spent {
            purse: purse.id,
            shop,
            charge,
            rials,
            odd,
            owed,
        });
        self.redeemed = self.redeemed.plus(rials)?;
        self.told.redeemed.push(PurseAmount {
            purse: purse.id,
            amount: charge,
            worth: rials,
        });
        Ok(())
    }

    /// An advice: what was taken was taken. What the purses lack the member owes, where a purse lets him; else it is the shop's.
    fn redeem_as_told(&mut self) -> Result<(), NotJudged> {
        let Redeem::Exactly(told) = self.case.wishes.redeem else {
            return Ok(());
        };
        let asked = self.asked_pocket();
        if asked.is_none() {
            self.take_as_told(told)?;
        }
        self.pockets_as_told(told.less(self.redeemed)?, asked)?;
        let over = told.less(self.redeemed)?.less(self.by_pockets)?;
        self.owe_over(over)
    }

    /// The same where the purses are those of his own club, in a shop of another, and the pockets are of the card.
    fn as_told_beside(&mut self, other: &mut Self, told: Rials) -> Result<(), NotJudged> {
        let asked = self.asked_pocket();
        if asked.is_none() {
            other.take_as_told(told)?;
        }
        self.pockets_as_told(told.less(other.redeemed)?, asked)?;
        let over = told.less(other.redeemed)?.less(self.by_pockets)?;
        other.owe_over(over)
    }

    /// What is there of what an advice tells, from the purses of the club.
    fn take_as_told(&mut self, told: Rials) -> Result<(), NotJudged> {
        let Some(terms) = &self.case.club.redeem else {
            return Ok(());
        };
        let there = told.min(self.redeemable(terms)?);
        if !there.is_zero() {
            self.within_cap(there)?;
            self.take(there, terms)?;
        }
        Ok(())
    }

    /// What neither purses nor pockets held of what an advice tells: the member's debt where a purse lets him owe, else the shop's.
    fn owe_over(&mut self, over: Rials) -> Result<(), NotJudged> {
        if over.is_zero() {
            return Ok(());
        }
        let terms = self.case.club.redeem.as_ref();
        self.effects.exception = Some(Exception::RedeemedOverBalance);
        let purses = terms.map_or_else(Vec::new, |terms| self.purses(terms));
        let owing = purses
            .into_iter()
            .find(|(purse, _)| purse.negative != Negative::Forbid);
        match owing {
            Some((purse, shop)) => {
                let charge = self.charge_here(purse, over)?;
                let key = self.key(purse.id, shop);
                self.post(
                    Account::Debt(key),
                    Account::Purse(key),
                    charge,
                    purse.unit,
                    Reason::DebtBooked,
                );
                self.debts.push((key, charge));
                self.spend(purse, shop, (charge, over), true)
            }
            None => {
                self.redeemed = self.redeemed.plus(over)?;
                Ok(())
            }
        }
    }

    // ---------------------------------------------------------------------------------- bank card

    fn card_pays(&mut self) {
        self.pays = Rials(self.bill.0 - self.discount.0 - self.redeemed.0 - self.by_pockets.0);
        self.paid = Rials(self.pays.0 + self.by_pockets.0 - self.granted.0);
        self.seen.spends = self.paid;
        self.trace.hear(|| Fact::CardPays(self.pays));
        let pool = Account::Pool {
            acquirer: self.case.acquirer,
            shop: self.case.shop.id,
        };
        self.owe_shop(pool, self.pays, Reason::CardPaid);
    }

    // -------------------------------------------------------------------------------------- accrue

    fn accrue(&mut self, candidates: &Candidates) -> Result<(), NotJudged> {
        for (rule, purse, amount) in std::mem::take(&mut self.rebates) {
            self.give_back(rule, purse, amount)?;
        }
        let club = self.case.club;
        let abroad = self.case.abroad;
        if abroad.is_some_and(|abroad| !abroad.earns) {
            return Ok(());
        }
        let mut earned: SmallVec<[(&Accrue, &Purse, i64); 8]> = SmallVec::new();
        for candidate in candidates {
            let rule = &club.accruals[candidate.place()];
            if !self.seen.meet(club.indexes.accruals.rest(*candidate)) {
                continue;
            }
            let Some(purse) = club.purse(rule.purse) else {
                continue;
            };
            if rule.event != self.case.event {
                continue;
            }
            // A shop pays for what its own club has agreed with it, and for nothing else; nor does it earn from others.
            let is_his = matches!(rule.whose, For::Member | For::Introducer);
            if abroad.is_some() && (rule.funded_by == Payer::Merchant || !is_his) {
                self.trace.hear(|| Fact::NotOurs(rule.id));
                continue;
            }
            if self.earner(rule.whose).is_none() {
                self.trace.hear(|| Fact::Nobody(rule.id));
                continue;
            }
            self.trace.hear(|| Fact::Applies(rule.id));
            let amount = self.earning(rule, purse)?;
            let counts = (rule.id, purse.unit);
            let amount = self.under_caps(counts, &rule.caps, amount, self.case.member);
            let amount = amount - amount % purse.step.max(1);
            let stops = rule.stop && amount > 0;
            if amount > 0 {
                earned.push((rule, purse, amount));
            }
            if club.accrue_stack == Stack::First || stops {
                break;
            }
        }
        if club.accrue_stack == Stack::Best {
            let mut worths: SmallVec<[i64; 8]> = SmallVec::new();
            for (_, purse, amount) in &earned {
                worths.push(purse.worth(*amount)?.0);
            }
            let best = best(worths.into_iter());
            earned = best.into_iter().map(|at| earned[at]).collect();
        }
        self.effects.lots.reserve(earned.len());
        self.effects.postings.reserve(2 * earned.len());
        self.told.rules.reserve(earned.len());
        for (rule, purse, amount) in earned {
            self.earn(rule, purse, amount)?;
        }
        Ok(())
    }

    /// Rounded down once, at the end (S2).
    fn earning(&self, rule: &Accrue, purse: &Purse) -> Result<i64, Overflow> {
        let mut times = if rule.tiered {
            self.tier_times()
        } else {
            Times::ONCE
        };
        let mut of = rule;
        // Each step goes to a rule that stands above: it ends.
        while let Earn::Times(more, above) = &of.earn {
            let Some(above) = self.case.club.accruals.get(*above) else {
                break;
            };
            if !self.seen.meet(&above.when) {
                times = Times { over: 0, under: 1 };
                of = above;
                break;
            }
            times = times.times(*more)?;
            if above.tiered {
                times = times.times(self.tier_times())?;
            }
            of = above;
        }
        let base = self.base(of.base)?;
        let by_tier = (times.over, times.under);
        let exact = match &of.earn {
            Earn::Times(..) => Exact::of(0, (1, 1), (1, 1))?,
            Earn::Per(rate) => Exact::of(base.0, (rate.value, rate.per), by_tier)?,
            Earn::Fixed(_) if base.is_zero() && self.case.event.is_none() => {
                Exact::of(0, (1, 1), by_tier)?
            }
            Earn::Fixed(amount) => Exact::of(*amount, (1, 1), by_tier)?,
            Earn::Percent(percent) => share(*percent, base, times)?,
            Earn::Bands(bands) => by_bands(bands, base, times)?,
        };
        let amount = exact.down()?;
        let amount = amount - amount % purse.step.max(1);
        self.trace.hear(|| Fact::Earning {
            rule: rule.id,
            base,
            times,
            exact,
            amount,
        });
        Ok(amount)
    }

    fn tier_times(&self) -> Times {
        self.case
            .club
            .tiers
            .iter()
            .find(|tier| Some(tier.id) == self.seen.tier)
            .map_or(Times::ONCE, |tier| tier.earn_times)
    }

    fn base(&self, base: Base) -> Result<Rials, Overflow> {
        match base {
            Base::Gross => Ok(self.bill),
            Base::Net => self.bill.less(self.discount),
            Base::Paid => Ok(self.paid),
        }
    }

    /// Who earns by a rule: a member, or the account of another.
    fn earner(&self, whose: For) -> Option<Earner> {
        let case = self.case;
        match whose {
            For::Member => Some(Earner::Member(case.member.id)),
            For::Introducer => case.introducer.map(|by| Earner::Member(by.id)),
            For::Merchant => Some(Earner::Shop(case.shop.id)),
            For::Staff => {
                let person = case.world.people.get(case.facts.staff.as_deref()?);
                person.map(|person| Earner::Person(*person))
            }
            For::Marketer => case.member.marketer().map(Earner::Person),
        }
    }

    /// What a shop or a person earns is kept in an account of theirs: it has no lots, and neither waits nor ends.
    fn earn_for_other(
        &mut self,
        rule: &Accrue,
        purse: &Purse,
        (to, amount): (Account, i64),
    ) -> Result<(), NotJudged> {
        self.post(
            Account::Outstanding {
                purse: purse.id,
                shop: None,
            },
            to,
            amount,
            purse.unit,
            Reason::Earned,
        );
        self.trace.hear(|| Fact::Gives {
            rule: rule.id,
            amount,
        });
        self.trace.hear(|| Fact::EarnedFor { rule: rule.id, to });
        if rule.funded_by == Payer::Merchant {
            self.fund(rule.id, purse, purse.worth(amount)?)?;
        }
        self.told.rules.push(rule.id);
        self.told
            .says
            .extend(rule.say.as_deref().map(str::to_owned));
        let counts = (rule.id, purse.unit);
        self.count(counts, &rule.caps, amount, self.case.member);
        Ok(())
    }

    fn earn(&mut self, rule: &Accrue, purse: &Purse, amount: i64) -> Result<(), NotJudged> {
        let member = match self.earner(rule.whose) {
            Some(Earner::Member(member)) => member,
            Some(Earner::Shop(shop)) => {
                let purse_of = Account::ShopPurse {
                    shop,
                    purse: purse.id,
                };
                return self.earn_for_other(rule, purse, (purse_of, amount));
            }
            Some(Earner::Person(person)) => {
                let purse_of = Account::PersonPurse {
                    person,
                    purse: purse.id,
                };
                return self.earn_for_other(rule, purse, (purse_of, amount));
            }
            None => return Ok(()),
        };
        let terms = self.lot_terms(rule.id, rule.hold, purse);
        if self.is_dead_at_once(purse) {
            self.trace.hear(|| Fact::DeadAtOnce(rule.id));
            return Ok(());
        }
        self.trace.hear(|| Fact::Gives {
            rule: rule.id,
            amount,
        });
        self.book(rule.id, purse, (member, terms, amount));
        if rule.funded_by == Payer::Merchant {
            self.fund(rule.id, purse, purse.worth(amount)?)?;
        }
        self.told.rules.push(rule.id);
        self.told
            .says
            .extend(rule.say.as_deref().map(str::to_owned));
        let counts = (rule.id, purse.unit);
        self.count(counts, &rule.caps, amount, self.case.member);
        if rule.whose == For::Introducer {
            return Ok(());
        }
        self.tell_earned(purse, amount)?;
        Ok(())
    }

    /// A discount that is given back: credit of the member, as if he had earned it. The shop pays for its part of it.
    fn give_back(
        &mut self,
        rule: &Discount,
        purse: &Purse,
        amount: Rials,
    ) -> Result<(), NotJudged> {
        let terms = self.lot_terms(rule.id, None, purse);
        self.book(rule.id, purse, (self.case.member.id, terms, amount.0));
        let shops_part = amount.less(club_part(rule, amount)?)?;
        self.fund(rule.id, purse, shops_part)?;
        self.tell_earned(purse, amount.0)?;
        Ok(())
    }

    /// Books what a member earned.
    fn book(
        &mut self,
        rule: RuleId,
        purse: &Purse,
        (member, terms, amount): (MemberId, LotTerms, i64),
    ) {
        let shop = purse.shop_of(self.case.shop.id);
        let key = PurseKey {
            member,
            purse: purse.id,
            shop,
        };
        self.post(
            Account::Outstanding {
                purse: purse.id,
                shop,
            },
            Account::Purse(key),
            amount,
            purse.unit,
            Reason::Earned,
        );
        // What waits is not his yet: it pays a debt when it is released.
        let repaid = match terms.hold {
            None => amount.min(self.debt(key)),
            Some(_) => 0,
        };
        if repaid > 0 {
            self.post(
                Account::Purse(key),
                Account::Debt(key),
                repaid,
                purse.unit,
                Reason::DebtPaid,
            );
            self.debts.push((key, -repaid));
        }
        if amount > repaid {
            self.put_lot(key, terms, amount - repaid);
        }
        self.trace.hear(|| Fact::Booked {
            rule,
            terms,
            repaid,
        });
    }

    /// Keeps what the member is told that he earned.
    fn tell_earned(&mut self, purse: &Purse, amount: i64) -> Result<(), Overflow> {
        self.count_earned(purse, amount);
        match self.told.earned.iter_mut().find(|e| e.purse == purse.id) {
            Some(earned) => {
                earned.amount += amount;
                earned.worth = purse.worth(earned.amount)?;
            }
            None => self.told.earned.push(PurseAmount {
                purse: purse.id,
                amount,
                worth: purse.worth(amount)?,
            }),
        }
        Ok(())
    }

    /// Credit of a shop that a shop funds is a promise; for the rest that it funds, its money goes to the club's reserve,
    /// never more than it is owed for this purchase: what is missing is the club's.
    fn fund(&mut self, rule: RuleId, purse: &Purse, worth: Rials) -> Result<(), NotJudged> {
        if purse.kind == PurseKind::MerchantCredit || worth.is_zero() {
            return Ok(());
        }
        let cost = worth.min(self.owed);
        self.trace.hear(|| Fact::Funded { rule, worth, cost });
        self.owed = self.owed.less(cost)?;
        self.funded = self.funded.plus(cost)?;
        self.post(
            Account::Shop(self.case.shop.id),
            Account::Reserve(self.case.club.id),
            cost.0,
            UnitId::RIAL,
            Reason::Funded,
        );
        Ok(())
    }

    fn lot_terms(&mut self, rule: RuleId, hold: Option<HoldTerms>, purse: &Purse) -> LotTerms {
        let (usable_from, dies) = self.spendable(purse);
        LotTerms {
            rule: Some(rule),
            booked: self.case.business_day,
            usable_from,
            dies,
            hold: hold.map(|hold| Hold {
                until: hold.until,
                lapses: self.case.local.day.plus(hold.at_most_days + 1),
            }),
        }
    }

    /// From when on what a purse earns today can be spent, and from which day on no more: the same for all of its rules.
    fn spendable(&mut self, purse: &Purse) -> Spendable {
        let known = self.spendable.iter().find(|(id, _)| *id == purse.id);
        if let Some((_, known)) = known {
            return *known;
        }
        let zone = &self.case.world.zone;
        let today = self.case.local.day;
        let usable_from = match purse.available {
            // The start of the day, so that earnings of one day share a lot (S11).
            Available::Now => zone.midnight(today),
            Available::NextDay => zone.midnight(self.case.business_day.plus(1)),
            Available::AfterSeconds(seconds) => self.case.at.plus_seconds(seconds),
            Available::AfterDays(days) => zone.midnight(today.plus(days)),
        };
        let found = (usable_from, dies(purse.expiry, today));
        self.spendable.push((purse.id, found));
        found
    }

    /// Whether what a purse earns today could never be spent.
    fn is_dead_at_once(&mut self, purse: &Purse) -> bool {
        let (_, dies) = self.spendable(purse);
        dies.is_some_and(|dies| dies <= self.case.local.day)
    }

    fn put_lot(&mut self, key: PurseKey, terms: LotTerms, amount: i64) {
        let moved_in = |lot: LotId| -> i64 {
            let moves = self.effects.lots.iter();
            let moves = moves.filter(|moved| (moved.key, moved.lot) == (key, lot));
            moves.map(|moved| moved.amount).sum()
        };
        let person = self.person(key);
        // A lot that was emptied is gone; what comes afterwards opens another one.
        let mut before = person.lots_under(key.purse, key.shop, terms);
        let before = before.find(|(lot, amount)| amount + moved_in(*lot) > 0);
        let his = self.effects.lots.iter();
        let opened =
            his.filter(|moved| moved.key.member == key.member && moved.lot >= person.next_lot);
        let same = opened
            .clone()
            .find(|moved| (moved.key, moved.terms) == (key, terms));
        let same = before.map(|(lot, _)| lot).or(same.map(|moved| moved.lot));
        let next = || {
            let last = opened.map(|moved| moved.lot.0 + 1).max();
            last.map_or(person.next_lot, LotId)
        };
        let lot = same.unwrap_or_else(next);
        self.effects.lots.push(LotMove {
            key,
            lot,
            terms,
            amount,
        });
    }

    // ---------------------------------------------------------------------------------------- caps

    /// What the caps of a rule, which gives in some unit, leave of what it would give.
    fn under_caps(&self, rule: (RuleId, UnitId), caps: &Caps, amount: i64, member: &Member) -> i64 {
        let mut left = amount;
        for cap in &caps.rows {
            let Some(who) = self.who(cap.per, member) else {
                continue;
            };
            let day = self.case.local.day;
            let used = self.case.book.used(rule, who, cap.window, day);
            self.trace.hear(|| {
                let (used, most) = match cap.most {
                    Most::Amount(most) => (used.amount, most),
                    Most::Times(most) => (used.times as i64, most as i64),
                };
                Fact::CapRoom {
                    rule: rule.0,
                    cap: *cap,
                    who,
                    used,
                    left: most.saturating_sub(used).max(0),
                }
            });
            let room = match cap.most {
                Most::Amount(most) => most.saturating_sub(used.amount).max(0),
                Most::Times(most) if used.times >= most => 0,
                Most::Times(_) => continue,
            };
            left = left.min(room);
        }
        let after = if caps.skips && left < amount { 0 } else { left };
        self.trace.hear(|| Fact::AfterCaps {
            rule: rule.0,
            before: amount,
            after,
        });
        after
    }

    /// Keeps what counts toward the caps of a rule that has given: a row for each whom and window, however many maxima.
    fn count(&mut self, (rule, unit): (RuleId, UnitId), caps: &Caps, amount: i64, member: &Member) {
        for (at, cap) in caps.rows.iter().enumerate() {
            let same =
                |other: &&Cap| (other.per, other.window.kind()) == (cap.per, cap.window.kind());
            if caps.rows[..at].iter().any(|other| same(&other)) {
                continue;
            }
            let windows = caps.rows.iter().filter(same).map(|other| other.window);
            let longest = windows.max_by_key(|window| window.days());
            let (Some(who), Some(window)) = (self.who(cap.per, member), longest) else {
                continue;
            };
            self.effects.counted.push(Counted {
                rule,
                who,
                window,
                day: self.case.local.day,
                late: self.case.late,
                unit,
                amount,
            });
        }
    }

    /// Keeps what conditions on earnings ask for.
    fn count_earned(&mut self, purse: &Purse, amount: i64) {
        for counter in &self.case.club.counters {
            if counter.purse == purse.id {
                self.effects.counted.push(Counted {
                    rule: counter.rule,
                    who: Who::Member(self.case.member.id),
                    window: counter.window,
                    day: self.case.local.day,
                    late: self.case.late,
                    unit: purse.unit,
                    amount,
                });
            }
        }
    }

    /// Keeps the tier he has reached with it.
    fn note_standing(&mut self) {
        let member = self.case.member;
        let Some(reached) = self.reached else { return };
        if let Some(after) =
            self.case
                .club
                .stands(member, reached, (self.paid.0, &self.told.earned))
        {
            self.effects.members.push(MemberChange::Standing {
                member: member.id,
                after,
            });
        }
    }

    fn who(&self, per: Per, member: &Member) -> Option<Who> {
        match per {
            Per::Member => Some(Who::Member(member.id)),
            Per::Card => Some(Who::card(member.id, self.case.card)),
            Per::Merchant => Some(Who::Shop(self.case.shop.id)),
            Per::Introducer => member.introducer().map(Who::Introducer),
            Per::Rule => Some(Who::Rule),
            // Of the discounts of a card that is its product, in the shops of whatever club.
            Per::Club => Some(Who::Club(member.club)),
        }
    }

    // --------------------------------------------------------------------------------------- split

    fn split(&mut self) -> Result<(), NotJudged> {
        if self.case.abroad.is_some() {
            return Ok(());
        }
        let club = self.case.club;
        let candidates = club.indexes.splits.candidates(&self.known);
        let applies =
            |candidate: &&Candidate| self.seen.meet(club.indexes.splits.rest(**candidate));
        let Some(at) = candidates.iter().find(applies) else {
            return Ok(());
        };
        let at = at.place();
        let split = &club.splits[at];
        let (of, owed) = (self.base(split.of)?, self.owed);
        self.trace.hear(|| Fact::Split { at, of, owed });
        let mut parts = self.parts(split)?;
        let mut left = self.owed;
        for (party, _, amount) in &mut parts {
            let wanted = *amount;
            // The last parts are cut first, and the shop never goes below nothing (S27).
            if *amount > left {
                *amount = left;
                self.effects.exception = Some(Exception::SplitCut);
            }
            left = left.less(*amount)?;
            self.trace.hear(|| Fact::Part {
                party: *party,
                wanted,
                amount: *amount,
            });
        }
        let rest = split
            .parts
            .iter()
            .find(|(_, part)| *part == Part::Rest)
            .and_then(|(party, _)| self.account(*party).map(|account| (*party, account)));
        if let Some((party, account)) = rest {
            self.trace.hear(|| Fact::Part {
                party,
                wanted: left,
                amount: left,
            });
            parts.push((party, account, left));
            left = Rials::ZERO;
        }
        let mut shop_part = left;
        for (party, account, amount) in parts {
            if account == Account::Shop(self.case.shop.id) {
                shop_part = shop_part.plus(amount)?;
                continue;
            }
            if amount.is_zero() {
                continue;
            }
            self.post(
                Account::Shop(self.case.shop.id),
                account,
                amount.0,
                UnitId::RIAL,
                Reason::Split,
            );
            self.told.split.push((party, amount));
        }
        self.owed = shop_part;
        if !self.funded.is_zero() {
            self.told.split.push((Party::HolderSaving, self.funded));
        }
        self.told.split.push((Party::Merchant, shop_part));
        Ok(())
    }

    /// The parts but the rest: fixed ones first, then percents, each in file order. Parts that are too small, or whose party
    /// is not on file, are left to the rest.
    fn parts(&self, split: &Split) -> Result<Vec<(Party, Account, Rials)>, Overflow> {
        let of = self.base(split.of)?;
        let mut parts = Vec::with_capacity(split.parts.len());
        for fixed in [true, false] {
            for (party, part) in &split.parts {
                let amount = match part {
                    Part::Fixed(amount) if fixed => *amount,
                    Part::Percent(percent) if !fixed => percent.of(of)?,
                    _ => continue,
                };
                if let Some(account) = self.account(*party)
                    && amount >= split.min_part
                {
                    parts.push((*party, account, amount));
                } else {
                    self.trace.hear(|| Fact::PartLeft {
                        party: *party,
                        amount,
                    });
                }
            }
        }
        Ok(parts)
    }

    fn account(&self, party: Party) -> Option<Account> {
        match party {
            Party::Marketer => self.case.member.marketer().map(Account::Person),
            Party::MerchantMarketer => self.case.shop.marketer.map(Account::Person),
            Party::ClubOwner => Some(Account::Owner(self.case.club.id)),
            Party::AcceptorSaving => Some(Account::Saving {
                shop: self.case.shop.id,
                club: self.case.club.id,
            }),
            Party::HolderSaving => Some(Account::Reserve(self.case.club.id)),
            Party::Merchant => Some(Account::Shop(self.case.shop.id)),
        }
    }

    // ----------------------------------------------------------------------------------------- fee

    fn fee(&mut self) -> Result<(), NotJudged> {
        let fee = self.case.club.fee.as_ref();
        let Some(fee) = fee.filter(|_| self.case.abroad.is_none()) else {
            return Ok(());
        };
        let of = self.base(fee.of)?;
        let share = fee.percent.of(of)?;
        let amount = share.max(fee.min);
        let amount = amount.min(fee.max.unwrap_or(amount));
        self.trace.hear(|| Fact::Fee { of, share, amount });
        let payer = match fee.payer {
            Payer::Club => Account::Club(self.case.club.id),
            Payer::Merchant => Account::Shop(self.case.shop.id),
        };
        self.post(
            payer,
            Account::Operator,
            amount.0,
            UnitId::RIAL,
            Reason::Fee,
        );
        self.told.fee = Some(amount);
        Ok(())
    }

    // -------------------------------------------------------------------------------------- the end

    fn finish(mut self) -> Effects {
        self.told.pays = Some(self.pays);
        self.told.discount = Some(self.discount);
        // Where the card's product judges, the purses of the club are its pockets.
        let purses = match self.case.is_by_card() {
            true => &[][..],
            false => &self.case.club.purses,
        };
        self.told.balances = purses
            .iter()
            // What only rules count with is told to nobody (S36).
            .filter(|purse| purse.kind != PurseKind::Virtual)
            .map(|purse| {
                let shop = purse.shop_of(self.case.shop.id);
                ToldBalance {
                    purse: purse.id,
                    shop,
                    amount: purse.shown(self.net(purse.id, shop)),
                }
            })
            .chain(self.pocket_balances())
            .collect();
        // What he buys in shops of others does not count in the windows of his own club; in those of his card it does.
        let his = self.case.abroad.is_none();
        let logged = match his {
            true => Some(self.case.member.id),
            false => self.case.holder.map(|holder| holder.member.id),
        };
        if let Some(member) = logged {
            self.effects.visit = Some(Visit {
                member,
                shop: self.case.shop.id,
                day: self.case.local.day,
                spent: self.bill,
                redeemed: self.redeemed,
                // Money that was given for it lowers what he spent as a discount does.
                discount: Rials(self.discount.0 + self.granted.0),
            });
        }
        if his {
            self.note_standing();
        }
        self.effects.told = Some(self.told);
        self.effects
    }

    fn key(&self, purse: PurseId, shop: Option<ShopId>) -> PurseKey {
        PurseKey {
            member: self.case.member.id,
            purse,
            shop,
        }
    }

    fn post(&mut self, from: Account, to: Account, amount: i64, unit: UnitId, reason: Reason) {
        if amount > 0 {
            self.effects.postings.push(Posting {
                from,
                to,
                amount,
                unit,
                reason,
            });
        }
    }

    fn owe_shop(&mut self, from: Account, amount: Rials, reason: Reason) {
        self.owed = Rials(self.owed.0 + amount.0);
        self.post(
            from,
            Account::Shop(self.case.shop.id),
            amount.0,
            UnitId::RIAL,
            reason,
        );
    }
}

/// The club's part of a discount; what nobody else pays of it is the shop's.
fn club_part(rule: &Discount, amount: Rials) -> Result<Rials, Overflow> {
    let mut left = amount;
    let mut club = Rials::ZERO;
    let mut rest = None;
    for paid in &rule.paid_by {
        match paid.share {
            Share::Percent(percent) => {
                let part = percent.of(amount)?;
                left = left.less(part)?;
                if paid.payer == Payer::Club {
                    club = club.plus(part)?;
                }
            }
            Share::Rest => rest = Some(paid.payer),
        }
    }
    // Where percents make the whole, the odd rial is the last payer's.
    let odd = rest.or(rule.paid_by.last().map(|paid| paid.payer));
    if odd == Some(Payer::Club) {
        club = club.plus(left)?;
    }
    Ok(club)
}

/// The day from whose start on it is dead: usable to the end of the day before (S8).
pub fn dies(expiry: Expiry, today: Day) -> Option<Day> {
    let last = match expiry {
        Expiry::Never => return None,
        Expiry::On(day) => day,
        Expiry::After(span, rounding) => {
            let day = match span {
                Span::Days(days) => today.plus(days),
                Span::Months(months) => today.jalali().plus_months(months).day(),
                Span::Years(years) => today.jalali().plus_months(12 * years).day(),
            };
            match rounding {
                Rounding::None => day,
                Rounding::EndOfMonth => day.jalali().end_of_month().day(),
                Rounding::EndOfYear => day.jalali().end_of_year().day(),
            }
        }
    };
    Some(last.plus(1))
}

/// Where the highest figure stands; of equals the first.
fn best(figures: impl Iterator<Item = i64>) -> Option<usize> {
    let figures = figures.enumerate();
    let best = figures.max_by_key(|(at, figure)| (*figure, std::cmp::Reverse(*at)));
    best.map(|(at, _)| at)
}

/// A share, times a multiplier, not rounded yet.
fn share(percent: Percent, amount: Rials, times: Times) -> Result<Exact, Overflow> {
    let whole = i64::from(Percent::ALL.millionths());
    let percent = (i64::from(percent.millionths()), whole);
    Exact::of(amount.0, percent, (times.over, times.under))
}

/// A share by bands, times a multiplier, not rounded yet.
fn by_bands(bands: &Bands, amount: Rials, times: Times) -> Result<Exact, Overflow> {
    let mut millionths = 0i128;
    for (at, (from, percent)) in bands.steps.iter().enumerate() {
        let to = bands.steps.get(at + 1).map_or(i64::MAX, |(next, _)| next.0);
        let part = if bands.each_part {
            (amount.0.min(to) - from.0).max(0)
        } else if (from.0..to).contains(&amount.0) {
            amount.0
        } else {
            0
        };
        millionths += i128::from(part) * i128::from(percent.millionths());
    }
    let over = millionths
        .checked_mul(i128::from(times.over))
        .ok_or(Overflow)?;
    let under = 1_000_000 * i128::from(times.under.max(1));
    Ok(Exact { over, under })
}

/// What it takes in a purse to be worth so many rials: the fewest points that cover them (S2).
fn charge_for(purse: &Purse, rials: Rials) -> Result<i64, Overflow> {
    purse
        .value
        .map_or(Ok(rials.0), |value| value.needed_for(rials.0))
}
