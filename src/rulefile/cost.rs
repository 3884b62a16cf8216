//! Money risk: the most that rules can give away. [`of`] tells it rule by rule; `check` (R18) finds a purchase for which the shop
//! would give more than it is paid.
//!
//! What a rule gives is a broken line over the bill: only its corners are looked at, which are those of bands, maxima, caps and
//! bounds of amounts. Which rules meet is told in three steps, each only where the one before left a doubt: all of them at once;
//! those of a shop and a category; and those of one tier, day and hour there. A condition that nothing is known about may hold.

use std::collections::{BTreeMap, BTreeSet};

use super::effect::written as written_rials;
use super::keys::{ACCRUE, DISCOUNT, SPLIT};
use crate::ledger::{Names, Party, PurseKind, TierId};
use crate::rules::{
    Accrue, Bands, Base, Caps, Card, Club, Condition, Discount, Earn, Give, Measure, Most, PaidBy,
    Part, Payer, Per, Purse, Rulebook, Share, Split, Stack,
};
use crate::source::{Shape, Value};
use crate::terms::{Day, Rials, ShopId, TimeOfDay, Times, UnitId};

/// A whole, in the unit that shares are reckoned in here.
const WHOLE: u64 = 1_000_000;
/// Rules that may be reckoned while a doubt is followed: what is left after so many is let pass.
const LOOKS: u64 = 2_000_000;
/// The bill that a fault is told of, where it is one for it.
const USUAL: i64 = 1_000_000;

// ------------------------------------------------------------------------------------------- told rule by rule

/// What the rules of a club can cost.
#[derive(Clone, Debug)]
pub struct ClubCost {
    /// Its name in files.
    pub club: String,
    /// Stage by stage: discount, accrue, split.
    pub stages: Vec<StageCost>,
    /// Earnings that are counted of each member from the load on: into which purse, for how many days.
    pub counted: Vec<(String, u16)>,
    /// What lifts members through the tiers, into which purse where it is earned, and in how many days.
    pub tiers: Option<(&'static str, Option<String>, u16)>,
}

/// What the rules of a stage can cost.
#[derive(Clone, Debug)]
pub struct StageCost {
    /// "discount", "accrue" or "split"; of a card product "discount", "load" (what is added to one) or "grant".
    pub stage: &'static str,
    /// How its rules go together: "all", "first" or "best-for-member".
    pub mode: &'static str,
    /// Rule by rule.
    pub rules: Vec<RuleCost>,
    /// All of them together.
    pub together: Bound,
}

/// What one rule can cost.
#[derive(Clone, Debug)]
pub struct RuleCost {
    /// Its name.
    pub rule: String,
    /// How much it gives.
    pub gives: Bound,
    /// For whom a cap bounds it too, and how much he gets at most in how many days.
    pub each: Vec<(&'static str, u16, Rials)>,
}

/// The most of something.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Bound {
    /// Of the bill, in millionths; none where it is no share of it.
    pub share: Option<u64>,
    /// Of one purchase, or one load, or for one card; none: the larger the bill, the more.
    pub purchase: Option<Rials>,
    /// Of one day; none: the more purchases, the more.
    pub day: Option<Rials>,
}

/// The most that each rule of a rulebook can give away. Points count what they are worth; those without a value, nothing.
pub fn of(rulebook: &Rulebook, names: &Names) -> Vec<ClubCost> {
    let of_club = |club: &Club| {
        let name = |id| names.rule(id).to_owned();
        let discounts = club.discounts.iter().map(|rule| {
            let gift = Gift::discount(rule);
            gift.cost(name(rule.id), &rule.when)
        });
        let accruals = club.accruals.iter().filter_map(|rule| {
            let gift = Gift::accrual(rule, club, highest(club))?;
            Some(gift.cost(name(rule.id), &rule.when))
        });
        let splits = club.splits.iter().map(|split| RuleCost {
            rule: split.name.clone(),
            gives: parted(split),
            each: Vec::new(),
        });
        ClubCost {
            club: club.name.clone(),
            stages: vec![
                StageCost::new("discount", club.discount_stack, discounts.collect()),
                StageCost::new("accrue", club.accrue_stack, accruals.collect()),
                StageCost::new("split", Stack::First, splits.collect()),
            ],
            counted: club
                .counters
                .iter()
                .map(|counter| (names.purse(counter.purse).to_owned(), counter.window.days()))
                .collect(),
            tiers: club.tiering.as_ref().map(|tiering| {
                let days = tiering.window.days();
                match tiering.measure {
                    Measure::Spent => ("spent", None, days),
                    Measure::Visits => ("visits", None, days),
                    Measure::Earned(purse) => ("earned", Some(names.purse(purse).to_owned()), days),
                }
            }),
        }
    };
    let clubs = rulebook.clubs.iter().map(of_club);
    clubs
        .chain(rulebook.cards.iter().map(|card| of_card(card, names)))
        .collect()
}

/// What a card product can cost: its discounts, what is added to loads, what is granted to all who are listed now.
fn of_card(card: &Card, names: &Names) -> ClubCost {
    let name = |id| names.rule(id).to_owned();
    let discounts = card.club.discounts.iter().map(|rule| {
        let gift = Gift::discount(rule);
        gift.cost(name(rule.id), &rule.when)
    });
    let loads = card.pockets.iter().filter_map(|pocket| {
        let (load, bonus) = pocket.load.as_ref().zip(pocket.bonus)?;
        let most = load.amounts.last().copied().or(load.max);
        Some(RuleCost {
            rule: name(bonus.rule),
            gives: Bound {
                share: Some(u64::from(bonus.percent.millionths())),
                purchase: most.and_then(|most| bonus.percent.of(most).ok()),
                day: None,
            },
            each: Vec::new(),
        })
    });
    let grants = card.pockets.iter().filter_map(|pocket| {
        let grant = pocket.grant.as_ref()?;
        let listed = (grant.to.cards.len() + grant.to.members.len()) as i64;
        Some(RuleCost {
            rule: name(grant.rule),
            gives: Bound {
                share: None,
                purchase: Some(grant.amount),
                day: Some(Rials(grant.amount.0.saturating_mul(listed))),
            },
            each: Vec::new(),
        })
    });
    let mut stages = vec![
        StageCost::new("discount", card.club.discount_stack, discounts.collect()),
        StageCost::new("load", Stack::All, loads.collect()),
        StageCost::new("grant", Stack::All, grants.collect()),
    ];
    let earns = card.guest.as_ref();
    let earns = earns.and_then(|guest| Some((guest.rule, guest.earns.as_ref()?)));
    if let Some((rule, earns)) = earns {
        // The club pays it, not the issuer.
        let gives = Bound {
            share: None,
            purchase: earns.purse.worth(earns.amount).ok(),
            day: None,
        };
        let giver = RuleCost {
            rule: name(rule),
            gives,
            each: Vec::new(),
        };
        stages.push(StageCost::new("accrue", Stack::All, vec![giver]));
    }
    ClubCost {
        club: card.club.name.clone(),
        stages,
        counted: Vec::new(),
        tiers: None,
    }
}

impl StageCost {
    fn new(stage: &'static str, stack: Stack, rules: Vec<RuleCost>) -> StageCost {
        let all = stack == Stack::All;
        let most = |of: fn(&Bound) -> Option<Rials>, sum: bool| -> Option<Rials> {
            let amounts: Option<Vec<Rials>> = rules.iter().map(|rule| of(&rule.gives)).collect();
            let amounts = amounts?.into_iter().map(|amount| amount.0);
            let most = match sum {
                true => amounts.fold(0, i64::saturating_add),
                false => amounts.max().unwrap_or(0),
            };
            Some(Rials(most))
        };
        let shares = rules.iter().map(|rule| rule.gives.share.unwrap_or(0));
        let share = match all {
            true => shares.fold(0, u64::saturating_add),
            false => shares.max().unwrap_or(0),
        };
        let together = Bound {
            share: (share > 0).then_some(share),
            purchase: most(|bound| bound.purchase, all),
            // Another purchase of the day may meet another rule: whatever the mode, the days add up.
            day: most(|bound| bound.day, true),
        };
        StageCost {
            stage,
            mode: match stack {
                Stack::All => "all",
                Stack::First => "first",
                Stack::Best => "best-for-member",
            },
            rules,
            together,
        }
    }
}

/// What a split hands to others than the shop.
fn parted(split: &Split) -> Bound {
    let others = split.parts.iter().filter(|(to, _)| *to != Party::Merchant);
    let (mut share, mut fixed) = (0, 0i64);
    for (_, part) in others {
        match part {
            Part::Percent(percent) => share += u64::from(percent.millionths()),
            Part::Fixed(amount) => fixed = fixed.saturating_add(amount.0),
            Part::Rest => share = WHOLE,
        }
    }
    Bound {
        share: (share > 0).then_some(share.min(WHOLE)),
        purchase: (share == 0).then_some(Rials(fixed)),
        day: (share == 0 && fixed == 0).then_some(Rials::ZERO),
    }
}

// ------------------------------------------------------------------------------------------- what a rule gives

/// What a rule gives in rials, as a broken line over the bill.
struct Gift<'c> {
    line: Line<'c>,
    base: Base,
    /// Rials for smallest units of what it gives, as above and below a line.
    worth: (i64, i64),
    times: Times,
    max: Option<i64>,
    caps: &'c Caps,
    /// Nothing is given beyond the bill.
    within: bool,
}

enum Line<'c> {
    /// So much for so much.
    Slope(i64, i64),
    Fixed(i64),
    Bands(&'c Bands),
}

impl<'c> Gift<'c> {
    fn discount(rule: &'c Discount) -> Gift<'c> {
        Gift {
            line: match &rule.give {
                Give::Percent(percent) => Line::Slope(percent.millionths().into(), WHOLE as i64),
                Give::Fixed(amount) => Line::Fixed(amount.0),
                Give::Bands(bands) => Line::Bands(bands),
            },
            base: Base::Gross,
            worth: (1, 1),
            times: Times::ONCE,
            max: rule.max.map(|max| max.0),
            caps: &rule.caps,
            within: true,
        }
    }

    /// Of a member whose tier multiplies so. None where what it gives is worth nothing.
    fn accrual(rule: &'c Accrue, club: &'c Club, tier: Times) -> Option<Gift<'c>> {
        let purse = club.purse(rule.purse)?;
        let once = |rule: &Accrue| if rule.tiered { tier } else { Times::ONCE };
        let (mut of, mut times) = (rule, once(rule));
        // Each step goes to a rule that stands above: it ends.
        while let Earn::Times(more, above) = &of.earn {
            of = club.accruals.get(*above)?;
            times = times.times(*more).ok()?.times(once(of)).ok()?;
        }
        Some(Gift {
            line: match &of.earn {
                Earn::Per(rate) => Line::Slope(rate.value, rate.per),
                Earn::Fixed(amount) => Line::Fixed(*amount),
                Earn::Percent(percent) => Line::Slope(percent.millionths().into(), WHOLE as i64),
                Earn::Bands(bands) => Line::Bands(bands),
                Earn::Times(..) => return None,
            },
            base: of.base,
            worth: worth(purse)?,
            times,
            max: None,
            caps: &rule.caps,
            within: false,
        })
    }

    /// The most for a base, in rials.
    fn at(&self, base: i64) -> i64 {
        if base <= 0 {
            return 0;
        }
        let base = i128::from(base);
        let (over, under) = match self.line {
            Line::Slope(value, per) => (base * i128::from(value), i128::from(per.max(1))),
            Line::Fixed(amount) => (i128::from(amount), 1),
            Line::Bands(bands) => (banded(bands, base), i128::from(WHOLE)),
        };
        let over = over.saturating_mul(self.times.over.into());
        let units = over / (under * i128::from(self.times.under.max(1)));
        let units = self.allowed(i64::try_from(units).unwrap_or(i64::MAX));
        let rials = i128::from(units) * i128::from(self.worth.0) / i128::from(self.worth.1.max(1));
        let most = if self.within {
            base
        } else {
            i128::from(i64::MAX)
        };
        i64::try_from(rials.min(most)).unwrap_or(i64::MAX)
    }

    /// What maximum and caps leave of it.
    fn allowed(&self, units: i64) -> i64 {
        let units = units.min(self.max.unwrap_or(i64::MAX));
        match self.least_cap() {
            Some(cap) if units > cap && self.caps.skips => 0,
            Some(cap) => units.min(cap),
            None => units,
        }
    }

    fn least_cap(&self) -> Option<i64> {
        let amounts = self.caps.rows.iter().filter_map(|cap| match cap.most {
            Most::Amount(most) => Some(most),
            Most::Times(_) => None,
        });
        amounts.min()
    }

    fn rials(&self, units: i64) -> i64 {
        let rials = i128::from(units) * i128::from(self.worth.0) / i128::from(self.worth.1.max(1));
        i64::try_from(rials).unwrap_or(i64::MAX)
    }

    /// The share of its base that it gives at most, in millionths, rounded up; of a fixed gift none.
    fn slope(&self) -> Option<u64> {
        let (value, per) = match self.line {
            Line::Slope(value, per) => (value, per),
            Line::Fixed(_) => return None,
            Line::Bands(bands) => {
                let percents = bands.steps.iter().map(|(_, percent)| percent.millionths());
                (percents.max().unwrap_or(0).into(), WHOLE as i64)
            }
        };
        let over = [WHOLE as i64, value, self.times.over, self.worth.0];
        let under = [per, self.times.under, self.worth.1];
        let product = |all: &[i64]| {
            let factors = all.iter().map(|factor| i128::from(*factor));
            factors.fold(1i128, i128::saturating_mul).max(1)
        };
        let (over, under) = (product(&over), product(&under));
        if value == 0 {
            return Some(0);
        }
        Some(u64::try_from((over - 1) / under + 1).unwrap_or(u64::MAX))
    }

    /// The same of whatever it is: what it can be of the smallest bill that it is given for.
    fn share(&self, when: &[Condition]) -> u64 {
        let smallest = least_bill(when);
        let share = self.slope().unwrap_or_else(|| {
            let share = i128::from(self.at(smallest)) * i128::from(WHOLE);
            u64::try_from((share + i128::from(smallest) - 1) / i128::from(smallest))
                .unwrap_or(u64::MAX)
        });
        if self.within { share.min(WHOLE) } else { share }
    }

    /// The bills at which the line breaks, each with its neighbours.
    fn corners(&self, found: &mut BTreeSet<i64>) {
        let mut add = |bill: i128| {
            for bill in [bill - 1, bill, bill + 1] {
                found.extend(i64::try_from(bill).ok().filter(|bill| *bill > 0));
            }
        };
        let tops = [self.max, self.least_cap()];
        for top in tops.into_iter().flatten() {
            match self.slope() {
                Some(slope) if slope > 0 => {
                    add(i128::from(self.rials(top)) * i128::from(WHOLE) / i128::from(slope));
                }
                _ => add(self.rials(top).into()),
            }
        }
        match self.line {
            Line::Bands(bands) => bands.steps.iter().for_each(|(from, _)| add(from.0.into())),
            Line::Fixed(amount) => add(self.rials(amount).into()),
            Line::Slope(..) => {}
        }
    }

    fn cost(&self, rule: String, when: &[Condition]) -> RuleCost {
        let largest = when.iter().filter_map(|condition| match condition {
            Condition::Amount { max, .. } if *max < Rials(i64::MAX) => Some(max.0),
            _ => None,
        });
        let tops = [self.max, self.least_cap()].into_iter().flatten();
        let tops = tops.map(|top| self.rials(top));
        let fixed = match self.line {
            Line::Fixed(amount) => {
                Some(self.rials(self.times.over.saturating_mul(amount) / self.times.under.max(1)))
            }
            _ => None,
        };
        let of_largest = largest.map(|bill| {
            let corners = |found: &mut BTreeSet<i64>| self.corners(found);
            let mut all = BTreeSet::from([bill]);
            corners(&mut all);
            let within = all.into_iter().filter(|corner| *corner <= bill);
            within.map(|corner| self.at(corner)).max().unwrap_or(0)
        });
        let purchase = tops.chain(fixed).chain(of_largest).min();
        let mut day: Option<i64> = None;
        let mut each = Vec::new();
        for cap in &self.caps.rows {
            let most = match cap.most {
                Most::Amount(most) => Some(self.rials(most)),
                Most::Times(times) => purchase
                    .map(|once| once.saturating_mul(i64::try_from(times).unwrap_or(i64::MAX))),
            };
            let Some(most) = most else { continue };
            match cap.per {
                Per::Rule | Per::Club => day = Some(day.map_or(most, |day| day.min(most))),
                Per::Member => each.push(("member", cap.window.days(), Rials(most))),
                Per::Card => each.push(("card", cap.window.days(), Rials(most))),
                Per::Merchant => each.push(("merchant", cap.window.days(), Rials(most))),
                Per::Introducer => each.push(("introducer", cap.window.days(), Rials(most))),
            }
        }
        RuleCost {
            rule,
            gives: Bound {
                share: self.slope(),
                purchase: purchase.map(Rials),
                day: day.map(Rials),
            },
            each,
        }
    }
}

/// By bands, in millionths of the unit.
fn banded(bands: &Bands, base: i128) -> i128 {
    let mut sum = 0;
    for (at, (from, percent)) in bands.steps.iter().enumerate() {
        let from = i128::from(from.0);
        let to = bands
            .steps
            .get(at + 1)
            .map_or(i128::MAX, |(next, _)| i128::from(next.0));
        let part = match bands.each_part {
            true => (base.min(to) - from).max(0),
            false if from <= base && base < to => base,
            false => 0,
        };
        sum += part * i128::from(percent.millionths());
    }
    sum
}

/// Rials for smallest units of a purse; none where it is worth no money.
fn worth(purse: &Purse) -> Option<(i64, i64)> {
    match (purse.value, purse.unit) {
        (Some(value), _) => Some((value.value, value.per)),
        (None, UnitId::RIAL) => Some((1, 1)),
        (None, _) => None,
    }
}

fn highest(club: &Club) -> Times {
    let times = club.tiers.iter().map(|tier| tier.earn_times);
    let more = |a: &Times, b: &Times| {
        let (a, b) = (
            i128::from(a.over) * i128::from(b.under),
            i128::from(b.over) * i128::from(a.under),
        );
        a.cmp(&b)
    };
    times.max_by(more).unwrap_or(Times::ONCE)
}

/// The smallest bill that conditions let pass.
fn least_bill(when: &[Condition]) -> i64 {
    let least = when.iter().filter_map(|condition| match condition {
        Condition::Amount { min, .. } => Some(min.0),
        _ => None,
    });
    least.max().unwrap_or(1).max(1)
}

// ------------------------------------------------------------------------------------------- R18

/// Where the rules of a club are written, in the order they were compiled in.
#[derive(Default)]
pub(super) struct Written<'f> {
    pub(super) discounts: Vec<Value<'f>>,
    pub(super) accruals: Vec<Value<'f>>,
    pub(super) splits: Vec<Value<'f>>,
}

/// R18: a purchase for which the shop's part of the discount, what it funds and what the split hands to others come to more than
/// the bill; or the discounts alone do.
pub(super) fn check(club: &Club, written: &Written<'_>) {
    let risk = Risk::new(club);
    if risk.is_sure() {
        return;
    }
    let Some(breach) = risk.find() else {
        return;
    };
    breach.report(club, written);
}

/// What a rule may take from the shop.
struct Taker<'c> {
    when: &'c [Condition],
    gift: Gift<'c>,
    /// What is known of its place: the condition that fewest shops meet.
    place: Option<&'c Condition>,
    share: u64,
}

struct Risk<'c> {
    club: &'c Club,
    /// By their place in the club's list.
    discounts: Vec<(usize, Taker<'c>)>,
    /// Only those that the shop funds with money.
    accruals: Vec<(usize, Taker<'c>)>,
    split_share: u64,
}

/// One shop, category, tier, day and hour; what is none is not settled yet.
#[derive(Clone, Copy, Default)]
struct Cell {
    shop: Option<ShopId>,
    mcc: Option<u16>,
    tier: Option<Option<TierId>>,
    day: Option<Day>,
    business: Option<bool>,
    time: Option<TimeOfDay>,
    bill: Option<i64>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Holds {
    No,
    Perhaps,
    Yes,
}

/// A purchase that costs too much.
struct Breach {
    bill: i64,
    discounts: Vec<(usize, i64)>,
    accruals: Vec<(usize, i64)>,
    split: Option<(usize, i64)>,
    sum: i64,
    /// The discounts alone are more than the bill.
    of_discounts: bool,
}

impl<'c> Risk<'c> {
    fn new(club: &'c Club) -> Risk<'c> {
        let place = |when: &'c [Condition]| {
            let narrow = |condition: &&Condition| match condition {
                Condition::Shops(shops) => shops.len(),
                Condition::Groups(places) => places.shops.len() + places.mccs.len(),
                Condition::Mcc(mccs) => mccs.len(),
                _ => usize::MAX,
            };
            when.iter()
                .min_by_key(narrow)
                .filter(|c| narrow(c) < usize::MAX)
        };
        let taker = |when: &'c [Condition], gift: Gift<'c>| Taker {
            share: gift.share(when),
            place: place(when),
            when,
            gift,
        };
        let discounts = club.discounts.iter().enumerate();
        let discounts = discounts.map(|(at, rule)| (at, taker(&rule.when, Gift::discount(rule))));
        let accruals = club.accruals.iter().enumerate().filter_map(|(at, rule)| {
            let purse = club.purse(rule.purse)?;
            // Credit that a shop owes is a promise: no money leaves it today.
            if rule.funded_by == Payer::Club || purse.kind == PurseKind::MerchantCredit {
                return None;
            }
            let gift = Gift::accrual(rule, club, highest(club))?;
            Some((at, taker(&rule.when, gift)))
        });
        let split_share = |split: &Split| {
            let bill = least_bill(&split.when);
            let parts = split.parts.iter().map(|(to, part)| match part {
                _ if *to == Party::Merchant => 0,
                Part::Percent(percent) => u64::from(percent.millionths()),
                Part::Fixed(amount) => {
                    let share = i128::from(amount.0) * i128::from(WHOLE) / i128::from(bill);
                    u64::try_from(share + 1).unwrap_or(u64::MAX)
                }
                Part::Rest => 0,
            });
            parts.fold(0, u64::saturating_add)
        };
        Risk {
            discounts: discounts.collect(),
            accruals: accruals.collect(),
            split_share: club.splits.iter().map(split_share).max().unwrap_or(0),
            club,
        }
    }

    /// Nothing can happen even if every rule met every other.
    fn is_sure(&self) -> bool {
        let discounts = self.discounts.iter().map(|(_, taker)| taker.share);
        let accruals = self.accruals.iter().map(|(_, taker)| taker.share);
        self.together(discounts, accruals) <= WHOLE
    }

    fn together(
        &self,
        discounts: impl Iterator<Item = u64>,
        accruals: impl Iterator<Item = u64>,
    ) -> u64 {
        stacked(self.club.discount_stack, discounts)
            .saturating_add(stacked(self.club.accrue_stack, accruals))
            .saturating_add(self.split_share)
    }

    /// The first place, hour and bill where the shop would give too much: the usual bill, or the smallest.
    fn find(&self) -> Option<Breach> {
        let mut shops: BTreeMap<ShopId, Vec<(bool, usize)>> = BTreeMap::new();
        let mut mccs: BTreeMap<u16, Vec<(bool, usize)>> = BTreeMap::new();
        let mut anywhere = Vec::new();
        let stages = [(false, &self.discounts), (true, &self.accruals)];
        for (accrues, takers) in stages {
            for (at, (_, taker)) in takers.iter().enumerate() {
                let (in_shops, in_mccs): (&[ShopId], &[u16]) = match taker.place {
                    Some(Condition::Shops(list)) => (list, &[]),
                    Some(Condition::Mcc(list)) => (&[], list),
                    Some(Condition::Groups(places)) => (&places.shops, &places.mccs),
                    _ => {
                        anywhere.push((accrues, at));
                        continue;
                    }
                };
                for shop in in_shops {
                    shops.entry(*shop).or_default().push((accrues, at));
                }
                for mcc in in_mccs {
                    mccs.entry(*mcc).or_default().push((accrues, at));
                }
            }
        }
        let everywhere = self.shares(&anywhere);
        let none = Vec::new();
        let shops = shops.iter().map(|(shop, list)| (Some(*shop), list));
        let shops = std::iter::once((None, &none)).chain(shops);
        let codes = mccs.iter().map(|(mcc, list)| (Some(*mcc), list));
        let codes = std::iter::once((None, &none)).chain(codes);
        let codes: Vec<_> = codes
            .map(|(mcc, list)| (mcc, list, self.shares(list)))
            .collect();
        let tops = codes.iter().map(|(.., shares)| *shares);
        let top = tops.fold([0, 0], |[a, b], [c, d]| [a.max(c), b.max(d)]);
        let mut looks = 0;
        for (shop, of_shop) in shops {
            let here = self.with(everywhere, self.shares(of_shop));
            // A rule of the shop and of the category counts twice here: a doubt more, and no doubt less.
            let doubtful = |of_mcc: [u64; 2]| {
                let [discounts, accruals] = self.with(here, of_mcc);
                let most = discounts.saturating_add(accruals);
                most.saturating_add(self.split_share) > WHOLE
            };
            if !doubtful(top) {
                continue;
            }
            for (mcc, of_mcc, shares) in &codes {
                looks += 1;
                if doubtful(*shares) {
                    let lists = [&anywhere, of_shop, *of_mcc];
                    let met = lists.into_iter().flatten().copied().collect();
                    // Numbers that no rule names stand for a shop and a category that none does.
                    let cell = Cell {
                        shop: Some(shop.unwrap_or(ShopId(u32::MAX))),
                        mcc: Some(mcc.unwrap_or(0)),
                        ..Cell::default()
                    };
                    let breach = self.look(cell, &met, &mut looks);
                    if breach.is_some() {
                        return breach;
                    }
                }
                if looks > LOOKS {
                    return None;
                }
            }
        }
        None
    }

    /// The shares of discounts and of accruals.
    fn shares(&self, list: &[(bool, usize)]) -> [u64; 2] {
        let of = |kind: bool| {
            let list = list.iter().filter(move |(accrues, _)| *accrues == kind);
            list.map(move |(accrues, at)| self.taker(*accrues, *at).1.share)
        };
        [
            stacked(self.club.discount_stack, of(false)),
            stacked(self.club.accrue_stack, of(true)),
        ]
    }

    fn with(&self, [a, b]: [u64; 2], [c, d]: [u64; 2]) -> [u64; 2] {
        [
            stacked(self.club.discount_stack, [a, c].into_iter()),
            stacked(self.club.accrue_stack, [b, d].into_iter()),
        ]
    }

    fn taker(&self, accrues: bool, at: usize) -> &(usize, Taker<'c>) {
        if accrues {
            &self.accruals[at]
        } else {
            &self.discounts[at]
        }
    }

    /// Every tier, day and hour that makes a difference at a place.
    fn look(&self, cell: Cell, met: &BTreeSet<(bool, usize)>, looks: &mut u64) -> Option<Breach> {
        let mut tiers = false;
        let (mut days, mut times) = (BTreeSet::new(), BTreeSet::from([TimeOfDay(0)]));
        let (mut weekdays, mut business) = (false, false);
        let mut bills = BTreeSet::from([1, USUAL, 1_000_000_000_000]);
        let mut look = |condition: &Condition| match condition {
            Condition::Tiers(_) => tiers = true,
            Condition::Dates { from, .. } => {
                days.insert(*from);
            }
            Condition::Weekdays(_) => weekdays = true,
            Condition::BusinessDay(_) => business = true,
            Condition::Hours(spans) => times.extend(spans.iter().map(|(from, _)| *from)),
            Condition::Amount { min, max } => {
                let ends = [
                    min.0,
                    min.0.saturating_sub(1),
                    max.0,
                    max.0.saturating_add(1),
                ];
                bills.extend(ends.into_iter().filter(|bill| (1..1 << 50).contains(bill)));
            }
            _ => {}
        };
        let splits = self.club.splits.iter().map(|split| &split.when[..]);
        let whens = met
            .iter()
            .map(|(accrues, at)| self.taker(*accrues, *at).1.when);
        for when in whens.chain(splits) {
            visit(when, &mut look);
        }
        for (accrues, at) in met {
            self.taker(*accrues, *at).1.gift.corners(&mut bills);
        }
        for split in &self.club.splits {
            let fixed = split.parts.iter().filter_map(|(_, part)| match part {
                Part::Fixed(amount) if amount.0 > 0 => Some(amount.0),
                _ => None,
            });
            bills.extend(fixed);
        }
        // A day on which no dates are named, too.
        days.insert(Day(0));
        if weekdays {
            days = days
                .iter()
                .flat_map(|day| (0..7).map(|more| day.plus(more)))
                .collect();
        }
        let of_tiers: Vec<Option<TierId>> = match self.club.tiers.as_slice() {
            [] => vec![None],
            tiers => tiers.iter().rev().map(|tier| Some(tier.id)).collect(),
        };
        let business: &[bool] = if business { &[true, false] } else { &[true] };
        for tier in of_tiers {
            for day in &days {
                for business in business {
                    for time in &times {
                        // The usual bill first: what is wrong of it is soonest understood.
                        let bills = std::iter::once(&USUAL).chain(&bills);
                        for bill in bills {
                            let cell = Cell {
                                tier: Some(tier),
                                day: Some(*day),
                                business: Some(*business),
                                time: Some(*time),
                                bill: Some(*bill),
                                ..cell
                            };
                            *looks += met.len() as u64 + 1;
                            let found = self.reckon(&cell, met);
                            if found.is_some() {
                                return found;
                            }
                            if *looks > LOOKS {
                                return None;
                            }
                        }
                    }
                }
            }
        }
        None
    }

    /// What a purchase costs the shop at worst, where that is more than the bill.
    fn reckon(&self, cell: &Cell, met: &BTreeSet<(bool, usize)>) -> Option<Breach> {
        let bill = cell.bill?;
        let club = self.club;
        // What counts is what his own tier multiplies by.
        let tier = club
            .tiers
            .iter()
            .find(|tier| Some(Some(tier.id)) == cell.tier);
        let tier = tier.map_or(Times::ONCE, |tier| tier.earn_times);
        let apply = |accrues: bool| {
            let of_stage = met.iter().filter(move |(kind, _)| *kind == accrues);
            let takers = of_stage.map(|(accrues, at)| self.taker(*accrues, *at));
            takers.filter_map(|(at, taker)| {
                let holds = all(taker.when, cell);
                (holds > Holds::No).then_some((*at, taker, holds))
            })
        };
        let discounts = apply(false).map(|(at, taker, holds)| Given {
            at,
            amount: taker.gift.at(bill),
            stops: club.discounts[at].stop.then_some(holds),
        });
        let sets = sets(club.discount_stack, discounts.collect());
        let mut worst: Option<Breach> = None;
        for mut discounts in sets {
            // Shares that come to more than the whole are a mistake; a fixed amount is meant to be cut at a small bill.
            let mut shares = discounts.clone();
            shares.retain(|(at, _)| !matches!(club.discounts[*at].give, Give::Fixed(_)));
            let wanted = total(&shares);
            if wanted > bill {
                return Some(Breach {
                    bill,
                    discounts: shares,
                    accruals: Vec::new(),
                    split: None,
                    sum: wanted,
                    of_discounts: true,
                });
            }
            let mut left = bill;
            for (_, amount) in &mut discounts {
                *amount = (*amount).min(left);
                left -= *amount;
            }
            // A rebate leaves the bill as it is; credit that the shop owes is a promise.
            let lowers = discounts
                .iter()
                .filter(|(at, _)| club.discounts[*at].rebate.is_none());
            let net = bill - lowers.map(|(_, amount)| amount).sum::<i64>();
            for (at, amount) in &mut discounts {
                let rule = &club.discounts[*at];
                let promised = rule.rebate.and_then(|purse| club.purse(purse));
                *amount = match promised {
                    Some(purse) if purse.kind == PurseKind::MerchantCredit => 0,
                    _ => shops_part(&rule.paid_by, *amount),
                };
            }
            let base = |base: Base| match base {
                Base::Gross => bill,
                Base::Net | Base::Paid => net,
            };
            let accruals = apply(true).filter_map(|(at, _, holds)| {
                let rule = &club.accruals[at];
                let gift = Gift::accrual(rule, club, tier)?;
                Some(Given {
                    at,
                    amount: gift.at(base(gift.base)),
                    stops: rule.stop.then_some(holds),
                })
            });
            let accruals = self::sets(club.accrue_stack, accruals.collect());
            let accruals = accruals.into_iter().max_by_key(|set| total(set));
            let accruals = accruals.unwrap_or_default();
            let mut splits: Vec<Option<(usize, i64)>> = vec![None];
            for (at, split) in club.splits.iter().enumerate() {
                let holds = all(&split.when, cell);
                if holds > Holds::No {
                    splits.push(Some((at, handed_out(split, base(split.of)))));
                }
                if holds == Holds::Yes {
                    break;
                }
            }
            let most = splits
                .into_iter()
                .max_by_key(|split| split.map(|(_, amount)| amount));
            let split = most.flatten();
            let parts = [
                total(&discounts),
                total(&accruals),
                split.map_or(0, |(_, a)| a),
            ];
            let sum = parts.into_iter().fold(0, i64::saturating_add);
            let beats = worst.as_ref().is_none_or(|worst| sum > worst.sum);
            if sum > bill && beats {
                worst = Some(Breach {
                    bill,
                    discounts,
                    accruals,
                    split,
                    sum,
                    of_discounts: false,
                });
            }
        }
        worst
    }
}

/// What a rule gives that may apply.
#[derive(Clone, Copy)]
struct Given {
    at: usize,
    amount: i64,
    /// Of a rule below which none is asked: whether it applies for sure.
    stops: Option<Holds>,
}

/// What may be given together in a stage, and nothing at all.
fn sets(stack: Stack, mut given: Vec<Given>) -> Vec<Vec<(usize, i64)>> {
    given.retain(|given| given.amount > 0);
    let mut sets = vec![Vec::new()];
    if stack != Stack::All {
        sets.extend(given.iter().map(|given| vec![(given.at, given.amount)]));
        return sets;
    }
    let mut above = Vec::new();
    for given in given {
        let with = |above: &[(usize, i64)]| [above, &[(given.at, given.amount)]].concat();
        match given.stops {
            None => above.push((given.at, given.amount)),
            Some(Holds::Yes) => {
                above = with(&above);
                break;
            }
            Some(_) => sets.push(with(&above)),
        }
    }
    sets.push(above);
    sets
}

fn total(all: &[(usize, i64)]) -> i64 {
    all.iter()
        .fold(0, |sum, (_, amount)| sum.saturating_add(*amount))
}

fn stacked(stack: Stack, shares: impl Iterator<Item = u64>) -> u64 {
    match stack {
        Stack::All => shares.fold(0, u64::saturating_add),
        Stack::First | Stack::Best => shares.max().unwrap_or(0),
    }
}

/// The shop's part of a discount.
fn shops_part(paid_by: &[PaidBy], amount: i64) -> i64 {
    let mut left = amount;
    let mut shops = 0;
    let mut rest = paid_by.last().map(|paid| paid.payer);
    for paid in paid_by {
        match paid.share {
            Share::Percent(percent) => {
                let part = percent.of(Rials(amount)).map_or(0, |part| part.0);
                left -= part;
                if paid.payer == Payer::Merchant {
                    shops += part;
                }
            }
            Share::Rest => rest = Some(paid.payer),
        }
    }
    if rest == Some(Payer::Merchant) {
        shops += left;
    }
    shops
}

/// What a split hands to others than the shop, the rest not counted: it is what is left.
fn handed_out(split: &Split, base: i64) -> i64 {
    let parts = split.parts.iter().map(|(to, part)| {
        let amount = match part {
            _ if *to == Party::Merchant => 0,
            Part::Fixed(amount) => amount.0,
            Part::Percent(percent) => percent.of(Rials(base)).map_or(0, |part| part.0),
            Part::Rest => 0,
        };
        if amount >= split.min_part.0 {
            amount
        } else {
            0
        }
    });
    parts.fold(0, i64::saturating_add)
}

/// Every condition, also those inside others.
fn visit(when: &[Condition], look: &mut impl FnMut(&Condition)) {
    for condition in when {
        look(condition);
        match condition {
            Condition::Any(lists) => lists.iter().for_each(|list| visit(list, look)),
            Condition::Not(list) => visit(list, look),
            _ => {}
        }
    }
}

fn all(when: &[Condition], cell: &Cell) -> Holds {
    let holds = when.iter().map(|condition| holds(condition, cell));
    holds.min().unwrap_or(Holds::Yes)
}

fn holds(condition: &Condition, cell: &Cell) -> Holds {
    let known = |holds: Option<bool>| match holds {
        Some(true) => Holds::Yes,
        Some(false) => Holds::No,
        None => Holds::Perhaps,
    };
    match condition {
        Condition::Amount { min, max } => {
            known(cell.bill.map(|bill| (min.0..=max.0).contains(&bill)))
        }
        Condition::Shops(shops) => known(cell.shop.map(|shop| shops.contains(&shop))),
        Condition::Mcc(mccs) => known(cell.mcc.map(|mcc| mccs.contains(&mcc))),
        Condition::Groups(places) => {
            let both = cell.shop.zip(cell.mcc);
            known(both.map(|(shop, mcc)| places.contains(shop, mcc)))
        }
        Condition::Dates { from, to } => known(cell.day.map(|day| *from <= day && day <= *to)),
        Condition::Weekdays(days) => known(cell.day.map(|day| days & (1 << day.weekday().0) != 0)),
        Condition::BusinessDay(wanted) => known(cell.business.map(|business| business == *wanted)),
        Condition::Hours(spans) => known(cell.time.map(|time| {
            spans.iter().any(|(from, to)| {
                if from <= to {
                    *from <= time && time < *to
                } else {
                    *from <= time || time < *to
                }
            })
        })),
        Condition::Tiers(tiers) => {
            let within = |tier: Option<TierId>| tier.is_some_and(|tier| tiers.contains(&tier));
            known(cell.tier.map(within))
        }
        Condition::Any(lists) => {
            let lists = lists.iter().map(|list| all(list, cell));
            lists.max().unwrap_or(Holds::No)
        }
        Condition::Not(list) => match all(list, cell) {
            Holds::Yes => Holds::No,
            Holds::Perhaps => Holds::Perhaps,
            Holds::No => Holds::Yes,
        },
        // What was, and what the message tells besides, may be so.
        _ => Holds::Perhaps,
    }
}

impl Breach {
    fn report(&self, club: &Club, written: &Written<'_>) {
        let stages = [
            (
                "discount",
                &self.discounts,
                &written.discounts,
                &DISCOUNT,
                "give",
            ),
            (
                "accrual",
                &self.accruals,
                &written.accruals,
                &ACCRUE,
                "earn",
            ),
        ];
        let mut parts = Vec::new();
        for (stage, given, values, shape, key) in stages {
            for (at, amount) in given.iter().filter(|(_, amount)| *amount > 0) {
                parts.extend(Told::new(stage, *amount, values[*at], shape, key));
            }
        }
        if let Some((at, amount)) = self.split.filter(|(_, amount)| *amount > 0) {
            parts.extend(Told::new(
                "split",
                amount,
                written.splits[at],
                &SPLIT,
                "part",
            ));
        }
        let of_discount = self.discounts.iter().map(|(at, amount)| {
            let fixed = matches!(club.discounts[*at].give, Give::Fixed(_));
            (*amount, fixed)
        });
        let of_accrual = self.accruals.iter().map(|(at, amount)| {
            let fixed = matches!(club.accruals[*at].earn, Earn::Fixed(_));
            (*amount, fixed)
        });
        let of_split = self.split.iter().map(|(at, amount)| {
            let parts = &club.splits[*at].parts;
            let fixed = parts.iter().any(|(_, part)| matches!(part, Part::Fixed(_)));
            (*amount, fixed)
        });
        let largest = of_discount.chain(of_accrual).chain(of_split);
        let fixed = largest
            .max_by_key(|(amount, _)| *amount)
            .is_some_and(|(_, fixed)| fixed);
        let Some(most) = parts.iter().max_by_key(|part| part.amount) else {
            return;
        };
        let list: Vec<String> = parts.iter().map(|part| part.words.clone()).collect();
        let [bill, sum, over] = [self.bill, self.sum, self.sum - self.bill].map(Rials);
        let title = match self.of_discounts {
            true => "the discounts together can take more than the bill",
            false => "the shop can give away more than it is paid",
        };
        let mend = if fixed {
            let min = written_rials(Rials(self.sum));
            format!("give it from a larger bill on:  amount_rial = {{ min = {min} }}")
        } else if self.of_discounts {
            format!("lower them by {over} rial, or let only one of them give")
        } else {
            format!("lower them by {over} rial, or let the club pay more of them")
        };
        let fault = most.at.fault("R18", title);
        let fault = fault.label(format!("this gives {} rial", Rials(most.amount)));
        let why = format!(
            "of a bill of {bill} rial they take {sum}: {}",
            list.join(", ")
        );
        most.at.report(fault.why(why).mend(mend));
    }
}

/// A rule that takes part in a breach.
struct Told<'f> {
    amount: i64,
    words: String,
    at: Value<'f>,
}

impl<'f> Told<'f> {
    fn new(
        stage: &str,
        amount: i64,
        rule: Value<'f>,
        shape: &'static Shape,
        key: &'static str,
    ) -> Option<Told<'f>> {
        let table = rule.table(shape)?;
        let name = table.get("name")?.text()?;
        Some(Told {
            amount,
            words: format!("{stage} \"{name}\" {}", Rials(amount)),
            at: table.get(key).unwrap_or(rule),
        })
    }
}
