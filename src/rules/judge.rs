//! The judgement of a purchase: discount, redeem, accrue, split, fee, in this order (S3), each from what the one before left.

mod accrue;
mod caps;
mod discount;
mod foreign;
mod pockets;
mod redeem;
mod split;

use std::hint::black_box;
use std::mem::discriminant;

use smallvec::SmallVec;

use crate::ledger::told::ToldBalance;
use crate::ledger::{
    Account, Effects, EventId, Facts, Member, Mode, Pages, Posting, PurseKey, PurseKind, Reason,
    Redeem, Told, Verdict, Visit, Wishes,
};
use crate::rules::tier::Reached;
use crate::rules::trace::{Deaf, Exact, Fact, Trace};
use crate::rules::when::Circumstances;
use crate::rules::{Bands, Candidates, Caps, Club, Discount, Known, Purse, Shop, World};
use crate::terms::{
    AcquirerId, Day, Local, MemberId, Moment, Overflow, Percent, PersonId, PurseId, Rials, ShopId,
    Times, Token, UnitId,
};

pub use accrue::dies;
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
