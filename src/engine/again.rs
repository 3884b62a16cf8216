//! A purchase of the journal, judged again by whatever rules: from its entry, and the book as it was before it. What an entry does not
//! keep is worked out as far as it can be; whether that was right is seen by judging it by the rules of then, which must give what
//! was decided.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use smallvec::SmallVec;

use crate::engine::guest::Between;
use crate::engine::{Limits, category, terminal_time};
use crate::ledger::{
    Account, Asked, Effects, Entry, Function, Input, Member, MemberChange, Mode, Pages, Reason,
    Redeem, Told, Verdict, Wishes,
};
use crate::rules::{Card, Case, Holder, NotJudged, Rulebook, judge};
use crate::terms::{ClubId, MemberId, PurseId, Rials, ShopId, Token};

/// A purchase that a club judged.
#[derive(Clone, Copy, Debug)]
pub struct Past<'a> {
    entry: &'a Entry,
    asked: &'a Asked,
    /// What was told.
    pub told: &'a Told,
    /// The club that judged it.
    pub club: ClubId,
    /// Who bought.
    pub member: MemberId,
    /// Where.
    pub shop: ShopId,
}

/// What a judgement gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Given {
    /// What is told.
    pub told: Told,
    /// What others than the member earn, purse by purse: who brought him, the shop, its staff.
    pub others: Others,
}

/// Amounts in purses, in the order in which they were first earned.
pub type Others = SmallVec<[(PurseId, i64); 2]>;

/// What others than its member earn by an entry.
fn others(effects: &Effects) -> Others {
    let mut found = Others::new();
    for posting in &effects.postings {
        let (Reason::Earned, Account::Outstanding { purse, .. }) = (posting.reason, posting.from)
        else {
            continue;
        };
        if posting.member() == effects.member {
            continue;
        }
        match found.iter_mut().find(|(known, _)| *known == purse) {
            Some((_, sum)) => *sum += posting.amount,
            None => found.push((purse, posting.amount)),
        }
    }
    found
}

/// Why an entry is not judged again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotAgain {
    /// It is no purchase, or only says one again.
    NoPurchase,
    /// It was refused; what was wished then is not kept.
    Refused,
    /// No club judged it: nobody's purchase, or one without rials.
    NoClub,
}

/// What becomes of a purchase that rules do not judge.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Instead {
    /// They refuse it.
    Refused(Verdict),
    /// It goes on without the club: the shop is not of it any more, or the club is none any more.
    WithoutClub,
    /// They fail; it goes on without the club.
    Failed,
}

impl<'a> Past<'a> {
    /// The purchase that an entry is.
    ///
    /// # Errors
    /// Why it is none to be judged again.
    pub fn of(entry: &'a Entry) -> Result<Past<'a>, NotAgain> {
        let Effects {
            told,
            club,
            member,
            shop,
            original,
            ..
        } = &entry.effects;
        let Input::Request(asked) = &entry.input else {
            return Err(NotAgain::NoPurchase);
        };
        let (Function::Purchase, Some(told)) = (asked.function, told) else {
            return Err(NotAgain::NoPurchase);
        };
        if original.is_some() {
            return Err(NotAgain::NoPurchase);
        }
        if !told.verdict.is_approved() {
            return Err(NotAgain::Refused);
        }
        match (club, member, shop) {
            (Some(club), Some(member), Some(shop)) => Ok(Past {
                entry,
                asked,
                told,
                club: *club,
                member: *member,
                shop: *shop,
            }),
            _ => Err(NotAgain::NoClub),
        }
    }

    /// The bill.
    pub fn bill(&self) -> Rials {
        let visit = self.entry.effects.visit;
        let amount = self.asked.amount.unwrap_or_default();
        match (visit, self.asked.mode) {
            (Some(visit), _) => visit.spent,
            (None, Mode::Ask) => amount,
            // What was bought in a shop of another club is in no log.
            (None, Mode::Advise) => {
                let discount = self.told.discount.unwrap_or_default();
                Rials(amount.0 + discount.0 + self.told.redeemed_rials().0)
            }
        }
    }

    /// The last digits of its card, where they are kept.
    pub fn last_four(&self) -> Option<[u8; 4]> {
        self.asked.last_four
    }

    /// What it may have wished, the likeliest first. `automatic`: its club redeemed unasked.
    pub fn wishes(&self, automatic: bool) -> Vec<Wishes> {
        // Pockets pay unasked.
        let visit = self.entry.effects.visit;
        let redeemed = visit.map_or(self.told.redeemed_rials(), |visit| visit.redeemed);
        let with = |redeem| Wishes {
            redeem,
            ..Wishes::default()
        };
        if self.asked.mode == Mode::Advise {
            let discount = self.told.discount.unwrap_or_default();
            let amount = self.asked.amount.unwrap_or_default();
            // An advice may have told of more than the purses held: the bill says what it told.
            let told = match self.entry.effects.visit {
                Some(visit) => visit.spent.0 - amount.0 - discount.0,
                None => redeemed.0,
            };
            let redeem = match told {
                0 => Redeem::Nothing,
                told => Redeem::Exactly(Rials(told)),
            };
            return vec![Wishes {
                discount_told: Some(discount),
                ..with(redeem)
            }];
        }
        if redeemed.is_zero() {
            return vec![with(Redeem::Nothing), with(Redeem::AsMuchAsAllowed)];
        }
        let mut likely = vec![
            with(Redeem::Exactly(redeemed)),
            with(Redeem::AsMuchAsAllowed),
        ];
        if automatic {
            likely.insert(0, with(Redeem::Nothing));
        }
        likely
    }

    /// The only purse that something was taken from: it may have been asked for by name.
    pub fn only_purse(&self) -> Option<crate::terms::PurseId> {
        match self.told.redeemed.as_slice() {
            [only] => Some(only.purse),
            _ => None,
        }
    }

    /// What others than the member earned by it.
    pub fn others(&self) -> Others {
        others(&self.entry.effects)
    }

    /// Whether a judgement gives what was decided: the same money and points to everybody.
    pub fn is_same(&self, would: &Given) -> bool {
        is_same(self.told, &would.told) && self.others() == would.others
    }

    /// Judges it by these rules against the book as it was before it. The rules must have been compiled against the names of the
    /// journal's end, so that their ids are those of its entries.
    ///
    /// # Errors
    /// What becomes of it instead.
    pub fn judged(
        &self,
        pages: &Pages,
        rules: &Rulebook,
        wishes: &Wishes,
        limits: &Limits,
    ) -> Result<Given, Instead> {
        let asked = self.asked;
        let code = asked.key.acceptor_code();
        let Some(shop) = rules.world.shops.get(code) else {
            return Err(Instead::Refused(Verdict::MerchantUnknown));
        };
        let mcc = category(asked, shop);
        let Some(club) = rules.club(self.club) else {
            return Err(Instead::WithoutClub);
        };
        let Some(between) = Between::of(self.entry, club, (shop.id, mcc), rules, pages) else {
            return Err(Instead::WithoutClub);
        };
        let new = self.enrolled();
        let Some(member) = pages.member(self.member).or(new.as_ref()) else {
            return Err(Instead::WithoutClub);
        };
        if new.is_some() && !club.enrol.on_first_purchase {
            return Err(Instead::WithoutClub);
        }
        let holder = holder_of(&self.entry.effects, pages, rules);
        let head = &self.entry.head;
        let zone = &rules.world.zone;
        let now = zone.local(head.at);
        let told_time = terminal_time(asked, now)
            .filter(|at| at.wall_seconds() - now.wall_seconds() <= limits.ahead_seconds);
        let local = match (asked.mode, told_time) {
            (Mode::Advise, Some(local)) => local,
            _ => now,
        };
        let mut case = Case {
            world: &rules.world,
            club,
            member,
            holder: holder
                .as_ref()
                .map(|(card, member)| Holder { card, member }),
            introducer: member.introducer().and_then(|id| pages.member(id)),
            terminal: asked.key.terminal_code(),
            facts: &asked.facts,
            book: pages,
            shop,
            acquirer: asked.key.acquirer,
            mcc,
            amount: asked.amount.unwrap_or_default(),
            at: if local == now {
                head.at
            } else {
                zone.moment(local)
            },
            local,
            business_day: head.business_day,
            wishes,
            mode: asked.mode,
            card: self.has_card().then_some(Token([0; 16])),
            late: u16::try_from(limits.advice_days).unwrap_or(u16::MAX),
            event: None,
            abroad: between.abroad,
            other: None,
        };
        let beside;
        if let Some((club, member, abroad)) = between.other {
            beside = Case {
                club,
                member,
                introducer: member.introducer().and_then(|id| pages.member(id)),
                abroad: Some(abroad),
                holder: None,
                ..case
            };
            case.other = Some(&beside);
        }
        match catch_unwind(AssertUnwindSafe(|| judge(&case))) {
            Ok(Ok(effects)) => {
                let others = others(&effects);
                let told = effects.told.ok_or(Instead::Failed)?;
                Ok(Given { told, others })
            }
            Ok(Err(NotJudged::Refused(verdict))) => Err(Instead::Refused(verdict)),
            Ok(Err(NotJudged::Failed(_))) | Err(_) => Err(Instead::Failed),
        }
    }

    /// The member that it made.
    fn enrolled(&self) -> Option<Member> {
        enrolled(&self.entry.effects, self.member)
    }

    /// Whether it came with a card. Its token is not kept, and the last digits not beside one that was.
    fn has_card(&self) -> bool {
        self.asked.last_four.is_some() || !self.entry.effects.members.is_empty()
    }
}

/// A member whom an entry made, as he stood before what it says of him else.
pub fn enrolled(effects: &Effects, id: MemberId) -> Option<Member> {
    effects.members.iter().find_map(|change| match change {
        MemberChange::Enrolled {
            member,
            club,
            joined,
            introducer,
            ..
        } if *member == id => {
            let mut new = Member::new(*member, *club, *joined);
            new.set_introducer(*introducer);
            Some(new)
        }
        _ => None,
    })
}

/// Who held the card of a past purchase, as he stood before it, and the product it is of.
pub fn holder_of<'r>(
    effects: &Effects,
    pages: &'r Pages,
    rules: &'r Rulebook,
) -> Option<(&'r Card, Cow<'r, Member>)> {
    let id = effects.holder.or(effects.member)?;
    let member = match pages.member(id) {
        Some(member) => Cow::Borrowed(member),
        None => Cow::Owned(enrolled(effects, id)?),
    };
    Some((rules.card(member.club)?, member))
}

/// Whether two answers tell the same money and points.
fn is_same(one: &Told, other: &Told) -> bool {
    one.discount == other.discount
        && one.pays == other.pays
        && one.fee == other.fee
        && one.redeemed == other.redeemed
        && one.earned == other.earned
        && one.split == other.split
}
