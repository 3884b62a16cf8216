//! What a judgement tells on its way, for whoever wants to know why. The judge is compiled once for nobody, where
//! telling is nothing, and once for a listener: what is heard is what was judged.

use std::cell::RefCell;

use crate::ledger::{Account, LotTerms, Member, Mode, Obligation, Party, TierId, Who, Wishes};
use crate::rules::met::Asked;
use crate::rules::when::Circumstances;
use crate::rules::{Cap, Case};
use crate::terms::{
    ClubId, Day, Local, MemberId, Overflow, PurseId, Rials, RuleId, ShopId, TimeOfDay, Times,
};

/// Who listens to a judgement.
pub trait Trace {
    /// It begins: this is what the conditions of all rules look at.
    fn begins(&self, case: &Case<'_>, seen: &Circumstances<'_>);
    /// What the bank card pays is known: this is what the conditions of accruals and splits look at.
    fn pays(&self, case: &Case<'_>, seen: &Circumstances<'_>);
    /// Something was found or decided. The closure is not called where nobody listens.
    fn hear(&self, fact: impl FnOnce() -> Fact);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug)]
pub struct Deaf;

impl Trace for Deaf {
    #[inline(always)]
    fn begins(&self, _: &Case<'_>, _: &Circumstances<'_>) {}
    #[inline(always)]
    fn pays(&self, _: &Case<'_>, _: &Circumstances<'_>) {}
    #[inline(always)]
    fn hear(&self, _: impl FnOnce() -> Fact) {}
}

/// An amount before it was rounded: `over` ÷ `under`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exact {
    /// Above the line.
    pub over: i128,
    /// Below the line; above zero.
    pub under: i128,
}

impl Exact {
    /// `amount × a × b ÷ (c × d)`.
    pub fn of(amount: i64, (a, c): (i64, i64), (b, d): (i64, i64)) -> Result<Exact, Overflow> {
        let over = i128::from(amount)
            .checked_mul(i128::from(a))
            .and_then(|x| x.checked_mul(i128::from(b)))
            .ok_or(Overflow)?;
        let under = i128::from(c.max(1)) * i128::from(d.max(1));
        Ok(Exact { over, under })
    }

    /// Rounded down (S2).
    pub fn down(self) -> Result<i64, Overflow> {
        i64::try_from(self.over.div_euclid(self.under)).map_err(|_| Overflow)
    }
}

/// One thing that was found or decided, in the order of the judgement.
#[derive(Clone, PartialEq, Debug)]
pub enum Fact {
    /// The conditions of a rule hold, and it was its turn.
    Applies(RuleId),
    /// They hold, but nobody is there to earn.
    Nobody(RuleId),
    /// An accrual earned for somebody who is no member.
    EarnedFor {
        /// Which rule.
        rule: RuleId,
        /// His account.
        to: Account,
    },
    /// The giver of a guest card earned by it.
    GiverEarns {
        /// Who.
        giver: MemberId,
        /// In which purse.
        purse: PurseId,
        /// How much, in its smallest units.
        amount: i64,
    },
    /// They hold, but the shop is another club's, and does not pay for what this one gives.
    NotOurs(RuleId),
    /// What a discount is worth, before its caps.
    Worth {
        /// Which rule.
        rule: RuleId,
        /// Of what.
        of: Rials,
        /// Before it was rounded and held against its most.
        exact: Exact,
        /// After that.
        amount: Rials,
    },
    /// What a rule would earn, before its caps, in smallest units of its purse.
    Earning {
        /// Which rule.
        rule: RuleId,
        /// What it reckons of.
        base: Rials,
        /// What its earning is multiplied by.
        times: Times,
        /// Before it was rounded.
        exact: Exact,
        /// After that.
        amount: i64,
    },
    /// What a cap of a rule has room for.
    CapRoom {
        /// Which rule.
        rule: RuleId,
        /// The cap.
        cap: Cap,
        /// Whom it counts for here.
        who: Who,
        /// What was counted in its window before this purchase: units, or times.
        used: i64,
        /// What is left of it: units, or times.
        left: i64,
    },
    /// What all caps of a rule leave of what it would give.
    AfterCaps {
        /// Which rule.
        rule: RuleId,
        /// Before them.
        before: i64,
        /// After them.
        after: i64,
    },
    /// A rule gives, after stacking: rials of discount, or units of its purse.
    Gives {
        /// Which rule.
        rule: RuleId,
        /// How much.
        amount: i64,
    },
    /// The club's part of the discount that a rule gives; the rest is the shop's.
    ClubPart {
        /// Which rule.
        rule: RuleId,
        /// How much.
        amount: Rials,
    },
    /// Nothing may be redeemed here, whatever the amount.
    Barred(Barred),
    /// The most that may be redeemed of this bill.
    RedeemLimit {
        /// The bill after discount.
        of: Rials,
        /// The share of it.
        share: Rials,
        /// What he redeemed today before, where a maximum a day counts it.
        used: Option<Rials>,
        /// What is allowed of both.
        limit: Rials,
    },
    /// What a purse that may pay here holds.
    Holds {
        /// Which purse.
        purse: PurseId,
        /// At which shop, for merchant credit.
        shop: Option<ShopId>,
        /// What can be spent of it, in smallest units.
        amount: i64,
        /// In rials.
        worth: Rials,
    },
    /// A purse paid; the lots stand in the effects.
    Spent {
        /// Which purse.
        purse: PurseId,
        /// At which shop, for merchant credit.
        shop: Option<ShopId>,
        /// What it took, in smallest units.
        charge: i64,
        /// What that paid.
        rials: Rials,
        /// What the charge was worth above that; the club's.
        odd: Rials,
        /// Whether the member owes it, because the purse did not have it.
        owed: bool,
    },
    /// What a purse paid in a shop of another club became a debt to the clearing house.
    Cleared {
        /// The debt.
        obligation: Obligation,
        /// What the club owed the house before it, less what it was owed.
        owed: i64,
        /// The most it may owe.
        most: Rials,
    },
    /// It was the turn of a pocket of the card.
    Pocket {
        /// Which.
        purse: PurseId,
        /// What can be spent of it.
        holds: Rials,
        /// What was left of the bill.
        left: Rials,
        /// What it paid of that.
        pays: Rials,
        /// Why nothing.
        shut: Option<Shut>,
    },
    /// So much is left, and no bank pays it: the purchase is refused.
    Unpaid(Rials),
    /// What the bank card pays.
    CardPays(Rials),
    /// An earning was booked.
    Booked {
        /// By which rule.
        rule: RuleId,
        /// The terms of its lot.
        terms: LotTerms,
        /// What of it paid an old debt at once.
        repaid: i64,
    },
    /// An earning would be dead on the day it is earned: it is not booked.
    DeadAtOnce(RuleId),
    /// The shop pays for an earning.
    Funded {
        /// Which rule's.
        rule: RuleId,
        /// What it is worth.
        worth: Rials,
        /// What the shop pays of that.
        cost: Rials,
    },
    /// This split is taken, by its place among those of the club; and what the shop is owed before it.
    Split {
        /// Its place.
        at: usize,
        /// What percents are taken of.
        of: Rials,
        /// What the shop is owed.
        owed: Rials,
    },
    /// A part of the split.
    Part {
        /// Whose.
        party: Party,
        /// What its percent or fixed amount makes; what is left, for the rest.
        wanted: Rials,
        /// What it gets: less where the money did not reach.
        amount: Rials,
    },
    /// A part that joins the rest, because it is too small or its party is not on file.
    PartLeft {
        /// Whose.
        party: Party,
        /// What it would have been.
        amount: Rials,
    },
    /// The fee.
    Fee {
        /// What the percent is taken of.
        of: Rials,
        /// The percent of it.
        share: Rials,
        /// Held between least and most.
        amount: Rials,
    },
}

/// Why nothing may be redeemed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Barred {
    /// A PIN is needed, and none can be verified.
    Pin,
    /// There was no card.
    NoCard,
    /// The category of the purchase is barred.
    Category,
    /// The purse that was named cannot be spent.
    Purse,
    /// The shop is another club's, and no rate in force sells the points there.
    Closed,
    /// The club of the points would owe the clearing house more than it may.
    NetDebitCap,
    /// A condition of the redeeming does not hold.
    When,
}

/// Why a pocket pays nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shut {
    /// A PIN is needed, and none can be verified.
    Pin,
    /// It is not for this shop.
    Shop,
    /// Not at this time.
    Hour(TimeOfDay),
    /// It does not pay for this, which was bought.
    Product(String),
    /// It pays for some products alone, and nobody says what was bought.
    NoLines,
    /// It has paid so often today.
    Times(u64),
    /// It has paid so much today.
    Day(Rials),
    /// There is nothing in it.
    Empty,
    /// It could pay no more than this, and one pocket has to pay all.
    TooLittle(Rials),
}

/// What was judged.
#[derive(Clone, PartialEq, Debug)]
pub struct Judged {
    /// By which club.
    pub club: ClubId,
    /// Whose purchase, as he stood before it.
    pub member: Member,
    /// Where.
    pub shop: ShopId,
    /// The category code.
    pub mcc: u16,
    /// Asked: the bill. Advised: what the bank card was charged.
    pub amount: Rials,
    /// When, on the wall clock of the rules' zone.
    pub local: Local,
    /// The business day it counts in.
    pub business_day: Day,
    /// What it wished.
    pub wishes: Wishes,
    /// Asked or advised.
    pub mode: Mode,
    /// The bill.
    pub bill: Rials,
    /// The member's tier.
    pub tier: Option<TierId>,
    /// That he is a member of another club than the shop's, where he is.
    pub guest: Option<Guest>,
}

/// How a purchase stood between clubs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Guest {
    /// The club he is a member of.
    pub club: ClubId,
    /// His number there.
    pub member: MemberId,
    /// The club of the shop.
    pub at: ClubId,
    /// Whether the club of the shop judged, and not his own.
    pub judged_there: bool,
    /// Whether the purses of his own club were asked to pay.
    pub spends: bool,
    /// Whether he earns in his own club.
    pub earns: bool,
}

impl Guest {
    fn of(case: &Case<'_>) -> Option<Guest> {
        let (seen, judged_there) = match case.other {
            Some(other) => (other, true),
            None => (case, false),
        };
        let abroad = seen.abroad?;
        Some(Guest {
            club: seen.club.id,
            member: seen.member.id,
            at: abroad.at,
            judged_there,
            spends: abroad.spends,
            earns: abroad.earns,
        })
    }
}

/// What somebody heard who listened to everything.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Heard {
    /// What was judged; none where no club judged.
    pub judged: Option<Judged>,
    /// For every discount of the club, in file order: each condition with what it met.
    pub discounts: Vec<Vec<Asked>>,
    /// Who holds the card, where it is of a card product: the product and his number.
    pub holder: Option<(ClubId, MemberId)>,
    /// The same for the discounts of the card's product.
    pub of_card: Vec<Vec<Asked>>,
    /// The same for accruals.
    pub accruals: Vec<Vec<Asked>>,
    /// The same for splits.
    pub splits: Vec<Vec<Asked>>,
    /// The same for the redeeming, where the club has one.
    pub redeem: Vec<Asked>,
    /// What was found and decided, in order.
    pub facts: Vec<Fact>,
}

/// Listens to everything.
#[derive(Debug, Default)]
pub struct Listener(RefCell<Heard>);

impl Listener {
    /// What it heard.
    pub fn heard(self) -> Heard {
        self.0.into_inner()
    }
}

impl Trace for Listener {
    fn begins(&self, case: &Case<'_>, seen: &Circumstances<'_>) {
        let club = case.club;
        *self.0.borrow_mut() = Heard {
            judged: Some(Judged {
                club: club.id,
                member: case.member.clone(),
                shop: case.shop.id,
                mcc: case.mcc,
                amount: case.amount,
                local: case.local,
                business_day: case.business_day,
                wishes: case.wishes.clone(),
                mode: case.mode,
                bill: seen.bill,
                tier: seen.tier,
                guest: Guest::of(case),
            }),
            discounts: match case.is_by_card() {
                true => Vec::new(),
                false => club.discounts.iter().map(|r| seen.ask(&r.when)).collect(),
            },
            holder: case
                .holder
                .map(|holder| (holder.card.club.id, holder.member.id)),
            of_card: case.holder.map_or_else(Vec::new, |holder| {
                let seen = holder.seen(*seen);
                let rules = holder.card.club.discounts.iter();
                rules.map(|rule| seen.ask(&rule.when)).collect()
            }),
            accruals: Vec::new(),
            splits: Vec::new(),
            redeem: match &club.redeem {
                Some(terms) => seen.ask(&terms.when),
                None => Vec::new(),
            },
            facts: Vec::new(),
        };
        // A redemption that is refused is the end of it: the rest is told as it stands now.
        self.pays(case, seen);
    }

    fn pays(&self, case: &Case<'_>, seen: &Circumstances<'_>) {
        let (club, mut heard) = (case.club, self.0.borrow_mut());
        heard.accruals = club.accruals.iter().map(|r| seen.ask(&r.when)).collect();
        heard.splits = club.splits.iter().map(|s| seen.ask(&s.when)).collect();
    }

    fn hear(&self, fact: impl FnOnce() -> Fact) {
        self.0.borrow_mut().facts.push(fact());
    }
}
