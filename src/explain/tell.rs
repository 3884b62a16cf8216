//! From what was heard to the story: names for ids, whole amounts, each rule with its own.

use crate::explain::story::{
    Accrue, AccrueRule, Answer, Band, Cap, ClearedDebt, Clearing, Condition, Discount,
    DiscountRule, Earner, Fee, How, Lot, Money, NoClub, Outcome, Owed, Part, Payment, Purchase,
    PurseHeld, Reckoned, Redeem, Rule, RuleSet, Side, Spent, Split, SplitRule, Stack, Story, Sum,
};
use crate::explain::word::{met, wants, window};
use crate::ledger::{
    Account, Effects, Exception, LotMove, Mode, Names, Party, PurseKind, Reason, Redeem as Wish,
    Verdict,
};
use crate::rules::met::Asked;
use crate::rules::trace::{Barred, Exact, Fact, Heard, Judged};
use crate::rules::{
    self, Bands, Base, Club, Earn, For, Give, Most, Payer, Per, Rulebook, Share, Stack as Stacked,
    When,
};
use crate::terms::money::pointed;
use crate::terms::{Local, PurseId, Rials, RuleId, ShopId, Times, UnitId};

/// Digits of an exact amount beyond those that are kept.
const DIGITS_MORE: u32 = 6;

/// What a story is made of.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The rules it was judged by.
    pub rules: &'a Rulebook,
    /// The names of everything in them.
    pub names: &'a Names,
    /// What was heard.
    pub heard: &'a Heard,
    /// What it does, or would do.
    pub effects: &'a Effects,
    /// The acceptor number as the message has it.
    pub shop: &'a str,
    /// The amount as the message has it.
    pub amount: Rials,
    /// When, where no club judged it.
    pub local: Local,
}

/// The story of a judgement. It lacks what only the caller knows: the entry, the answer's code and lines, the time it took.
pub fn tell(facts: Facts<'_>) -> Story {
    let Facts {
        rules,
        effects,
        heard,
        ..
    } = facts;
    let mut story = Story {
        rules: RuleSet {
            number: rules.number.0,
            sha256: rules.sha256.iter().map(|b| format!("{b:02x}")).collect(),
        },
        purchase: facts.purchase(),
        money: facts.money(),
        answer: facts.answer(),
        ..Story::default()
    };
    let judged = heard.judged.as_ref();
    let Some((judged, club)) = judged.and_then(|j| Some((j, rules.club(j.club)?))) else {
        story.no_club = Some(facts.no_club());
        return story;
    };
    let teller = Teller {
        facts,
        judged,
        club,
    };
    story.discount = Some(teller.discount());
    story.redeem = teller.redeem();
    let card = heard.holder.and_then(|(product, _)| rules.card(product));
    let after = story.discount.as_ref().map_or(0, |told| told.bill_after);
    story.of_card = card.map(|card| teller.of_card(card, after));
    story.rules_asked =
        heard.discounts.len() + heard.of_card.len() + heard.accruals.len() + teller.asked_beside();
    story.clearing = teller.clearing();
    let refused = effects
        .told
        .as_ref()
        .is_some_and(|t| !t.verdict.is_approved());
    if !refused {
        story.pays = heard.facts.iter().find_map(|fact| match fact {
            Fact::CardPays(rials) => Some(rials.0),
            _ => None,
        });
        // In a shop of another club nothing of his own is split, and he may earn nothing.
        let guest = judged.guest.filter(|guest| !guest.judged_there);
        if guest.is_none_or(|guest| guest.earns) {
            story.accrue = Some(teller.accrue());
        }
        if guest.is_none() {
            story.split = teller.split();
            story.fee = teller.fee();
        }
        let gave = |fact: &&Fact| matches!(fact, Fact::Gives { .. });
        story.rules_gave = heard.facts.iter().filter(gave).count();
    }
    story
}

impl Facts<'_> {
    fn purchase(&self) -> Purchase {
        let names = self.names;
        let judged = self.heard.judged.as_ref();
        let shop = self.rules.world.shops.get(self.shop);
        let title = shop.and_then(|shop| names.shop_particulars(shop.id));
        let mcc = judged.map_or_else(|| shop.map_or(0, |shop| shop.mcc), |j| j.mcc);
        let local = judged.map_or(self.local, |judged| judged.local);
        Purchase {
            club: judged.map(|judged| names.club(judged.club).to_owned()),
            member: judged.map(|judged| judged.member.id.0),
            tier: judged.and_then(|j| Some(names.tier(j.tier?).to_owned())),
            card: None,
            shop: self.shop.to_owned(),
            title: title.map(|(title, _)| title.to_owned()),
            mcc: (mcc != 0).then(|| format!("{mcc:04}")),
            day: local.day.to_string(),
            time: local.time.to_string(),
            weekday: local.day.weekday().0,
            zone: self.rules.world.zone.name().to_owned(),
            business_day: judged
                .map_or(local.day, |judged| judged.business_day)
                .to_string(),
            amount: self.amount.0,
            bill: judged.map_or(self.amount, |judged| judged.bill).0,
            advised: judged.is_some_and(|judged| judged.mode == Mode::Advise),
        }
    }

    fn no_club(&self) -> NoClub {
        let shop = self.rules.world.shops.get(self.shop);
        let mcc = shop.map_or(0, |shop| shop.mcc);
        let there = |club: &Club| shop.is_some_and(|shop| club.places.contains(shop.id, mcc));
        let told = self.effects.told.as_ref();
        let refused = told.is_some_and(|told| told.verdict == Verdict::InvalidAmount);
        let unposted = [
            Exception::AdviceTooOld,
            Exception::AdviceOfUnknownShop,
            Exception::AdviceOfAnotherKind,
        ];
        if self
            .effects
            .exception
            .is_some_and(|e| unposted.contains(&e))
        {
            NoClub::NotPosted
        } else if self.effects.exception == Some(Exception::WithoutClub) {
            NoClub::Failed
        } else if self.amount.is_zero() || refused {
            NoClub::NothingToJudge
        } else if self.heard.judged.is_some() {
            NoClub::Failed
        } else if self.rules.clubs.iter().any(there) {
            NoClub::MemberUnknown
        } else {
            NoClub::NoClubHere
        }
    }

    pub(super) fn sum(&self, purse: PurseId, amount: i64) -> Sum {
        self.units(self.names.purse_unit(purse), amount)
    }

    fn units(&self, unit: UnitId, amount: i64) -> Sum {
        if unit == UnitId::RIAL {
            return rials(amount);
        }
        let (name, decimals) = self.names.unit(unit);
        Sum {
            amount: pointed(amount, decimals),
            unit: name.to_owned(),
        }
    }

    /// Who gave and who got rials; what purses hold and owe is no money.
    fn money(&self) -> Money {
        let mut sides: Vec<(Account, i64)> = Vec::new();
        let is_money = |account: Account| {
            !matches!(
                account,
                Account::Purse(_)
                    | Account::Debt(_)
                    | Account::Outstanding { .. }
                    | Account::ShopPurse { .. }
                    | Account::PersonPurse { .. }
            )
        };
        for posting in &self.effects.postings {
            if posting.unit != UnitId::RIAL {
                continue;
            }
            for (account, by) in [
                (posting.from, -posting.amount),
                (posting.to, posting.amount),
            ] {
                if !is_money(account) {
                    continue;
                }
                match sides.iter_mut().find(|(known, _)| *known == account) {
                    Some((_, sum)) => *sum += by,
                    None => sides.push((account, by)),
                }
            }
        }
        let side = |(account, rials): &(Account, i64)| {
            let (kind, name) = self.account(*account);
            Side {
                account: kind.to_owned(),
                name,
                rials: rials.abs(),
            }
        };
        let given = sides.iter().filter(|(_, sum)| *sum < 0);
        let got = sides.iter().filter(|(_, sum)| *sum > 0);
        Money {
            given: given.clone().map(|(_, sum)| -sum).sum(),
            got: got.clone().map(|(_, sum)| sum).sum(),
            from: given.map(side).collect(),
            to: got.map(side).collect(),
        }
    }

    fn account(&self, account: Account) -> (&'static str, String) {
        account_of(account, self.names)
    }

    fn answer(&self) -> Answer {
        let names = self.names;
        let Some(told) = &self.effects.told else {
            return Answer::default();
        };
        let balances = told.balances.iter().map(|held| PurseHeld {
            purse: names.purse(held.purse).to_owned(),
            shop: held.shop.map(|shop| names.shop(shop).to_owned()),
            held: self.sum(held.purse, held.amount),
            worth: 0,
        });
        Answer {
            outcome: told.verdict.name().to_owned(),
            amount: told.pays.unwrap_or(self.amount).0,
            balances: balances.collect(),
            exception: self.effects.exception.map(|e| e.name().to_owned()),
            ..Answer::default()
        }
    }
}

/// The story of a purchase that a club judged.
pub(super) struct Teller<'a> {
    pub(super) facts: Facts<'a>,
    judged: &'a Judged,
    club: &'a Club,
}

impl<'a> Teller<'a> {
    pub(super) fn heard(&self) -> impl Iterator<Item = &'a Fact> {
        self.facts.heard.facts.iter()
    }

    pub(super) fn conditions(&self, when: &When, asked: &[Asked]) -> Vec<Condition> {
        let told = when.told().zip(asked);
        told.map(|((condition, said), asked)| {
            let lists: Vec<&When> = match condition {
                rules::Condition::Any(lists) => lists.iter().collect(),
                rules::Condition::Not(list) if said.key == "not" => vec![list],
                _ => Vec::new(),
            };
            let inside = lists.into_iter().zip(&asked.inside);
            // Of `not_products` the one condition inside tells what was met.
            let found = match (condition, &asked.inside[..]) {
                (rules::Condition::Not(_), [list]) if said.key != "not" => list.first(),
                _ => None,
            };
            Condition {
                key: said.key.to_owned(),
                written: said.text.clone(),
                used: said.used.clone(),
                wants: wants(condition, said, (self.club, self.facts.names)),
                met: met(&found.unwrap_or(asked).met, self.facts.names),
                holds: asked.holds,
                inside: inside
                    .map(|(list, asked)| self.conditions(list, asked))
                    .collect(),
            }
        })
        .collect()
    }

    /// What is common to rules of all stages.
    fn rule(
        &self,
        id: RuleId,
        unit: UnitId,
        conditions: Vec<Condition>,
        reckoned: Option<Reckoned>,
    ) -> Rule {
        let find = |wanted: fn(&Fact) -> Option<(RuleId, i64)>| {
            let found = self
                .heard()
                .filter_map(wanted)
                .find(|(rule, _)| *rule == id);
            found.map(|(_, amount)| amount)
        };
        let gave = find(|fact| match fact {
            Fact::Gives { rule, amount } => Some((*rule, *amount)),
            _ => None,
        });
        let after = find(|fact| match fact {
            Fact::AfterCaps { rule, after, .. } => Some((*rule, *after)),
            _ => None,
        });
        let before = find(|fact| match fact {
            Fact::AfterCaps { rule, before, .. } => Some((*rule, *before)),
            _ => None,
        });
        let applies = self.heard().any(|fact| *fact == Fact::Applies(id));
        let nobody = self.heard().any(|fact| *fact == Fact::Nobody(id));
        let not_ours = self.heard().any(|fact| *fact == Fact::NotOurs(id));
        let outcome = match (gave, after) {
            (Some(_), _) => Outcome::Gave,
            (None, Some(1..)) => Outcome::Beaten,
            (None, _) if applies => Outcome::Nothing,
            _ if nobody => Outcome::Nobody,
            _ if not_ours => Outcome::NotOurs,
            _ if conditions.iter().all(|condition| condition.holds) => Outcome::NotReached,
            _ => Outcome::No,
        };
        Rule {
            name: self.facts.names.rule(id).to_owned(),
            from: self
                .club
                .inherited
                .iter()
                .find(|(rule, _)| *rule == id)
                .map(|(_, file)| file.clone()),
            outcome,
            conditions,
            reckoned,
            caps: self.caps(id, unit),
            after_caps: after
                .filter(|after| before.is_some_and(|before| before > *after))
                .map(|after| self.facts.units(unit, after)),
            gave: gave.map(|amount| self.facts.units(unit, amount)),
        }
    }

    /// Who earned by a rule, where it is no member.
    fn earner(&self, id: RuleId) -> Option<Earner> {
        let names = self.facts.names;
        self.heard().find_map(|fact| match *fact {
            Fact::EarnedFor { rule, to } if rule == id => match to {
                Account::ShopPurse { shop, .. } => Some(Earner::Shop(names.shop(shop).to_owned())),
                Account::PersonPurse { person, .. } => {
                    Some(Earner::Person(names.person(person).to_owned()))
                }
                _ => None,
            },
            _ => None,
        })
    }

    fn caps(&self, id: RuleId, unit: UnitId) -> Vec<Cap> {
        let rooms = self.heard().filter_map(|fact| match fact {
            Fact::CapRoom {
                rule,
                cap,
                used,
                left,
                ..
            } if *rule == id => Some((cap, *used, *left)),
            _ => None,
        });
        rooms
            .map(|(cap, used, left)| {
                let sum = |amount: i64| match cap.most {
                    Most::Amount(_) => self.facts.units(unit, amount),
                    Most::Times(_) => Sum {
                        amount: amount.to_string(),
                        unit: "times".to_owned(),
                    },
                };
                let most = match cap.most {
                    Most::Amount(most) => most,
                    Most::Times(most) => i64::try_from(most).unwrap_or(i64::MAX),
                };
                Cap {
                    per: per(cap.per).to_owned(),
                    window: window(cap.window),
                    most: sum(most),
                    used: sum(used),
                    left: sum(left),
                }
            })
            .collect()
    }

    // ------------------------------------------------------------------------------------ discount

    fn discount(&self) -> Discount {
        let club = self.club;
        // The discounts of his own club were not asked in a shop of another one.
        let away = self.judged.guest.is_some_and(|guest| !guest.judged_there);
        let asked = self.facts.heard.discounts.iter();
        let asked = asked.take(if away { 0 } else { usize::MAX });
        let told = self.judged.mode == Mode::Advise;
        let rules = club.discounts.iter().zip(asked).map(|(rule, asked)| {
            let conditions = self.conditions(&rule.when, asked);
            DiscountRule {
                rule: self.discount_rule(rule, conditions),
                rebate: rule
                    .rebate
                    .map(|purse| self.facts.names.purse(purse).to_owned()),
                paid_by: self.paid_by(rule),
            }
        });
        // Where the product of a card judges, its discounts are told by themselves.
        let by_card = self.facts.rules.card(club.id).is_some();
        let total = match told {
            _ if by_card && !told => 0,
            true => self.judged.wishes.discount_told.unwrap_or_default().0,
            false => self.given(|id| {
                let mut rules = club.discounts.iter();
                rules.any(|rule| rule.id == id && rule.rebate.is_none())
            }),
        };
        Discount {
            stack: stack(club.discount_stack),
            rules: if told { Vec::new() } else { rules.collect() },
            told,
            total,
            bill_after: self.judged.bill.0 - total,
        }
    }

    /// What is told of a discount.
    pub(super) fn discount_rule(&self, rule: &rules::Discount, conditions: Vec<Condition>) -> Rule {
        let reckoned = self.heard().find_map(|fact| match fact {
            Fact::Worth {
                rule: id,
                of,
                exact,
                amount,
            } if *id == rule.id => Some((*of, *exact, *amount)),
            _ => None,
        });
        let reckoned = reckoned.map(|(of, exact, amount)| {
            let (exact, goes_on) = written(exact, 0);
            Reckoned {
                base: "gross".to_owned(),
                of: of.0,
                how: match &rule.give {
                    Give::Percent(percent) => How::Percent(percent.to_string()),
                    Give::Fixed(amount) => How::Fixed(rials(amount.0)),
                    Give::Bands(bands) => how_bands(bands, of),
                },
                times: None,
                exact,
                goes_on,
                amount: rials(amount.0),
                most: rule.max.map(|max| max.0),
                step: (rule.step.0 > 1).then_some(rule.step.0),
            }
        });
        self.rule(rule.id, UnitId::RIAL, conditions, reckoned)
    }

    /// What some rules gave, all together.
    pub(super) fn given(&self, counts: impl Fn(RuleId) -> bool) -> i64 {
        let given = self.heard().filter_map(|fact| match fact {
            Fact::Gives { rule, amount } if counts(*rule) => Some(*amount),
            _ => None,
        });
        given.sum()
    }

    pub(super) fn paid_by(&self, rule: &rules::Discount) -> Vec<Payment> {
        let club = self.heard().find_map(|fact| match fact {
            Fact::ClubPart { rule: id, amount } if *id == rule.id => Some(amount.0),
            _ => None,
        });
        let Some(club) = club else {
            return Vec::new();
        };
        let all = self.given(|id| id == rule.id);
        let payments = rule.paid_by.iter().map(|paid| Payment {
            payer: payer(paid.payer).to_owned(),
            share: match paid.share {
                Share::Percent(percent) => Some(percent.to_string()),
                Share::Rest => None,
            },
            rials: match paid.payer {
                Payer::Club => club,
                Payer::Merchant => all - club,
            },
        });
        payments.collect()
    }

    // -------------------------------------------------------------------------------------- redeem

    fn redeem(&self) -> Option<Redeem> {
        let wishes = &self.judged.wishes;
        let club = self.payer().unwrap_or(self.club);
        let terms = club.redeem.as_ref();
        let told = self.judged.mode == Mode::Advise;
        let automatic = wishes.redeem == Wish::Nothing && !told;
        if wishes.redeem == Wish::Nothing && !terms.is_some_and(|t| t.automatic && !told) {
            return None;
        }
        let mut redeem = Redeem {
            asked: match wishes.redeem {
                Wish::Exactly(rials) => Some(rials.0),
                Wish::AsMuchAsAllowed | Wish::Nothing => None,
            },
            automatic,
            told,
            purse: wishes.purse.clone(),
            none_here: terms.is_none(),
            ..Redeem::default()
        };
        if let Some(terms) = terms {
            redeem.share = Some(terms.at_most.to_string());
            redeem.min = terms.min.0;
            redeem.step = terms.step.0;
            redeem.day_most = terms.member_day_max.map(|most| most.0);
            if !told {
                redeem.conditions = self.conditions(&terms.when, &self.facts.heard.redeem);
            }
        }
        let verdict = self.facts.effects.told.as_ref().map(|told| told.verdict);
        let refused = verdict.filter(|verdict| !verdict.is_approved());
        redeem.refused = refused.map(|verdict| verdict.name().to_owned());
        for fact in self.heard() {
            match fact {
                Fact::Barred(why) => {
                    let why = match why {
                        Barred::Pin => "pin",
                        Barred::NoCard => "no-card",
                        Barred::Category => "category",
                        Barred::Purse => "no-such-purse",
                        Barred::Closed => "closed-direction",
                        Barred::NetDebitCap => "net-debit-cap",
                        Barred::When => "conditions",
                    };
                    redeem.barred = Some(why.to_owned());
                }
                Fact::RedeemLimit {
                    of,
                    share,
                    used,
                    limit,
                } => {
                    redeem.of = Some(of.0);
                    redeem.of_bill = Some(share.0);
                    redeem.day_used = used.map(|used| used.0);
                    redeem.limit = Some(limit.0);
                }
                Fact::Holds {
                    purse,
                    shop,
                    amount,
                    worth,
                } => {
                    let held = self.purse_held(*purse, *shop, *amount, *worth);
                    let is_same = |known: &PurseHeld| {
                        (&known.purse, &known.shop) == (&held.purse, &held.shop)
                    };
                    if !redeem.purses.iter().any(is_same) {
                        redeem.purses.push(held);
                    }
                }
                Fact::Spent { rials, .. } => {
                    let spent = self.spent(fact, &redeem.purses);
                    redeem.spent.extend(spent);
                    redeem.total += rials.0;
                }
                _ => {}
            }
        }
        // What no purse could give of what an advice told is the shop's.
        if told {
            redeem.total = redeem.total.max(redeem.asked.unwrap_or_default());
        }
        Some(redeem)
    }

    /// How many rules of his own club were asked beside those of the shop's.
    fn asked_beside(&self) -> usize {
        let beside = self.judged.guest;
        let beside = beside.filter(|guest| guest.judged_there && guest.earns);
        let club = beside.and_then(|guest| self.facts.rules.club(guest.club));
        club.map_or(0, |club| club.accruals.len())
    }

    /// The club whose purses were asked to pay, where it is not the one that judged.
    fn payer(&self) -> Option<&'a Club> {
        let guest = self.judged.guest.filter(|guest| guest.spends)?;
        self.facts.rules.club(guest.club)
    }

    // ------------------------------------------------------------------------------------ clearing

    /// What was between two clubs.
    fn clearing(&self) -> Option<Clearing> {
        let guest = self.judged.guest?;
        let names = self.facts.names;
        let house = self.facts.rules.clearing.house_of(guest.club);
        let told = self.facts.effects.told.iter();
        let earned = told.flat_map(|told| &told.earned).filter(|earned| {
            let of = names.purse_particulars(earned.purse);
            guest.judged_there && of.is_some_and(|(club, ..)| club == guest.club)
        });
        let mut debts: Vec<ClearedDebt> = Vec::new();
        let mut owes = None;
        for fact in self.heard() {
            let Fact::Cleared {
                obligation,
                owed,
                most,
            } = fact
            else {
                continue;
            };
            // One purse after another: each adds to what the one before left.
            let before = owes.unwrap_or(*owed);
            let after = before + obligation.issuer_owes().map_or(0, |rials| rials.0);
            owes = Some(after);
            debts.push(ClearedDebt {
                purse: names.purse(obligation.purse).to_owned(),
                points: self.facts.sum(obligation.purse, obligation.amount),
                rate: (
                    obligation.rate.value,
                    short(self.facts.sum(obligation.purse, obligation.rate.per)),
                ),
                since: obligation.rate_from.to_string(),
                rials: obligation.rial.0,
                fee: obligation.fee.0,
                fee_payer: obligation.fee_payer.name().to_owned(),
                owes: after,
                most: most.0,
            });
        }
        Some(Clearing {
            house: house.map_or_else(String::new, |house| house.title.clone()),
            club: names.club(guest.club).to_owned(),
            member: guest.member.0,
            at: names.club(guest.at).to_owned(),
            earned: earned
                .map(|earned| self.purse_held(earned.purse, None, earned.amount, earned.worth))
                .collect(),
            debts,
        })
    }

    fn purse_held(
        &self,
        purse: PurseId,
        shop: Option<ShopId>,
        amount: i64,
        worth: Rials,
    ) -> PurseHeld {
        PurseHeld {
            purse: self.facts.names.purse(purse).to_owned(),
            shop: shop.map(|shop| self.facts.names.shop(shop).to_owned()),
            held: self.facts.sum(purse, amount),
            worth: worth.0,
        }
    }

    fn spent(&self, fact: &Fact, purses: &[PurseHeld]) -> Option<Spent> {
        let Fact::Spent {
            purse,
            shop,
            charge,
            rials,
            odd,
            owed,
        } = fact
        else {
            return None;
        };
        let names = self.facts.names;
        let name = names.purse(*purse);
        let at = shop.map(|shop| names.shop(shop).to_owned());
        let held = purses.iter().find(|p| p.purse == name && p.shop == at);
        let value = self.heard().find_map(|fact| match fact {
            Fact::Cleared { obligation, .. } if obligation.purse == *purse => Some(obligation.rate),
            _ => None,
        });
        let club = self.payer().unwrap_or(self.club);
        let value = value.or_else(|| club.purse(*purse)?.value);
        let moved = self.facts.effects.lots.iter().filter(|moved| {
            moved.amount < 0 && (moved.key.purse, moved.key.shop) == (*purse, *shop) && !owed
        });
        Some(Spent {
            purse: name.to_owned(),
            shop: at,
            took: self.facts.sum(*purse, *charge),
            held: held.map_or_else(Sum::default, |held| held.held.clone()),
            rials: rials.0,
            value: value.map(|rate| (rate.value, short(self.facts.sum(*purse, rate.per)))),
            odd: odd.0,
            owed: *owed,
            lots: moved.map(|moved| self.lot(moved)).collect(),
        })
    }

    fn lot(&self, moved: &LotMove) -> Lot {
        let terms = moved.terms;
        Lot {
            lot: moved.lot.0,
            earned: terms.booked.to_string(),
            ends: terms.dies.map(|dies| dies.plus(-1).to_string()),
            rule: terms
                .rule
                .map(|rule| self.facts.names.rule(rule).to_owned()),
            amount: self.facts.sum(moved.key.purse, moved.amount.abs()),
        }
    }

    // -------------------------------------------------------------------------------------- accrue

    fn accrue(&self) -> Accrue {
        let asked = self.facts.heard.accruals.iter();
        let rules = self.club.accruals.iter().zip(asked);
        Accrue {
            stack: stack(self.club.accrue_stack),
            rules: rules
                .map(|(rule, asked)| self.accrue_rule(rule, asked))
                .collect(),
        }
    }

    fn accrue_rule(&self, rule: &rules::Accrue, asked: &[Asked]) -> AccrueRule {
        let names = self.facts.names;
        let unit = names.purse_unit(rule.purse);
        let reckoned = self.heard().find_map(|fact| match fact {
            Fact::Earning {
                rule: id,
                base,
                times,
                exact,
                amount,
            } if *id == rule.id => Some(self.reckoned(rule, *base, *times, *exact, *amount)),
            _ => None,
        });
        let conditions = self.conditions(&rule.when, asked);
        let mut told = AccrueRule {
            rule: self.rule(rule.id, unit, conditions, reckoned),
            purse: names.purse(rule.purse).to_owned(),
            earns: match (rule.whose, self.judged.member.introducer()) {
                (For::Introducer, Some(by)) => Some(by.0),
                _ => None,
            },
            earner: self.earner(rule.id),
            funded_by: payer(rule.funded_by).to_owned(),
            shop_pays: None,
            usable_from: None,
            ends: None,
            waits_for: None,
            repaid: None,
            dead_at_once: false,
        };
        if told.rule.outcome == Outcome::Nobody {
            told.rule.outcome = match rule.whose {
                For::Staff => Outcome::NobodyServed,
                For::Marketer => Outcome::NobodyEnrolled,
                For::Member | For::Introducer | For::Merchant => Outcome::Nobody,
            };
        }
        for fact in self.heard() {
            match fact {
                Fact::Booked {
                    rule: id,
                    terms,
                    repaid,
                } if *id == rule.id => {
                    let zone = &self.facts.rules.world.zone;
                    told.usable_from = Some(zone.local(terms.usable_from).to_string());
                    told.ends = terms.dies.map(|dies| dies.plus(-1).to_string());
                    told.waits_for = terms.hold.map(|hold| names.event(hold.until).to_owned());
                    told.repaid = (*repaid > 0).then(|| self.facts.units(unit, *repaid));
                }
                Fact::Funded { rule: id, cost, .. } if *id == rule.id => {
                    told.shop_pays = Some(cost.0);
                }
                Fact::DeadAtOnce(id) if *id == rule.id => told.dead_at_once = true,
                _ => {}
            }
        }
        told
    }

    fn reckoned(
        &self,
        rule: &rules::Accrue,
        base: Rials,
        times: Times,
        exact: Exact,
        amount: i64,
    ) -> Reckoned {
        let unit = self.facts.names.purse_unit(rule.purse);
        let decimals = match unit {
            UnitId::RIAL => 0,
            unit => self.facts.names.unit(unit).1,
        };
        let (exact, goes_on) = written(exact, decimals);
        let step = self.club.purse(rule.purse).map(|purse| purse.step);
        Reckoned {
            base: base_name(rule.base).to_owned(),
            of: base.0,
            how: match &rule.earn {
                Earn::Per(rate) => How::Per {
                    sum: short(self.facts.units(unit, rate.value)),
                    rials: rate.per,
                },
                Earn::Fixed(amount) => How::Fixed(self.facts.units(unit, *amount)),
                Earn::Percent(percent) => How::Percent(percent.to_string()),
                Earn::Times(times, of) => How::Times {
                    times: times.to_string(),
                    of: self
                        .club
                        .accruals
                        .get(*of)
                        .map_or_else(String::new, |of| self.facts.names.rule(of.id).to_owned()),
                },
                Earn::Bands(bands) => how_bands(bands, base),
            },
            times: rule.tiered.then(|| times.to_string()),
            exact,
            goes_on,
            amount: self.facts.units(unit, amount),
            most: None,
            step: step.filter(|step| *step > 1),
        }
    }

    // --------------------------------------------------------------------------------------- split

    fn split(&self) -> Option<Split> {
        let club = self.club;
        if club.splits.is_empty() {
            return None;
        }
        let taken = self.heard().find_map(|fact| match fact {
            Fact::Split { at, of, owed } => Some((*at, *of, *owed)),
            _ => None,
        });
        let asked = self.facts.heard.splits.iter();
        let splits = club.splits.iter().zip(asked).enumerate();
        let mut told = Split {
            splits: splits
                .map(|(at, (split, asked))| SplitRule {
                    name: split.name.clone(),
                    taken: taken.is_some_and(|(taken, ..)| taken == at),
                    conditions: self.conditions(&split.when, asked),
                })
                .collect(),
            ..Split::default()
        };
        let Some((at, of, owed)) = taken else {
            return Some(told);
        };
        let split = &club.splits[at];
        let postings = || self.facts.effects.postings.iter();
        let to_shop = |wanted: Reason| -> i64 {
            let found = postings().filter(|posting| posting.reason == wanted);
            found.map(|posting| posting.amount).sum()
        };
        let funded = to_shop(Reason::Funded);
        told.taken = Some(split.name.clone());
        told.base = base_name(split.of).to_owned();
        told.of = of.0;
        told.owed = owed.0 + funded;
        told.funded = funded;
        told.owed_from = vec![
            owed_by("card", to_shop(Reason::CardPaid)),
            owed_by("discount", to_shop(Reason::ClubDiscount)),
        ];
        let paid_by = self.payer().unwrap_or(self.club);
        let redeemed = self.heard().filter_map(|fact| match fact {
            Fact::Spent { purse, rials, .. } => Some((paid_by.purse(*purse)?, rials.0)),
            _ => None,
        });
        for (purse, rials) in redeemed {
            let name = self.facts.names.purse(purse.id);
            if purse.kind == PurseKind::MerchantCredit {
                told.own.push(owed_by(name, rials));
            } else {
                told.owed_from.push(owed_by(name, rials));
            }
        }
        let card = self.facts.heard.holder;
        let card = card.and_then(|(product, _)| self.facts.rules.card(product));
        for fact in self.heard() {
            if let Fact::Pocket { purse, pays, .. } = fact {
                let name = self.facts.names.purse(*purse);
                told.owed_from.push(owed_by(name, pays.0));
            }
        }
        let of_card = card.map_or(0, |card| {
            self.given(|id| card.club.discounts.iter().any(|rule| rule.id == id))
        });
        let discount = self.discount().total + of_card;
        let own = discount - to_shop(Reason::ClubDiscount);
        told.own.insert(0, owed_by("discount", own));
        told.own.retain(|own| own.rials != 0);
        told.owed_from.retain(|owed| owed.rials != 0);
        for fact in self.heard() {
            match fact {
                Fact::Part {
                    party,
                    wanted,
                    amount,
                } => told
                    .parts
                    .push(part(split, *party, *wanted, *amount, false)),
                Fact::PartLeft { party, amount } => {
                    let left = part(split, *party, *amount, Rials::ZERO, true);
                    told.parts.push(left);
                }
                _ => {}
            }
        }
        let names = told.parts.iter().map(|part| part.to.clone());
        let names: Vec<String> = names.collect();
        let shop = Party::Merchant.name();
        let to_others: i64 = told
            .parts
            .iter()
            .filter(|part| part.to != shop)
            .map(|part| part.rials)
            .sum();
        told.shop = owed.0 - to_others;
        if !names.iter().any(|name| name == shop) {
            let rest = part(
                split,
                Party::Merchant,
                Rials(told.shop),
                Rials(told.shop),
                false,
            );
            told.parts.push(Part { rest: true, ..rest });
        } else if let Some(part) = told.parts.iter_mut().find(|part| part.to == shop) {
            // With percents alone, the odd rials are his as well.
            part.rials = told.shop;
        }
        Some(told)
    }

    // ----------------------------------------------------------------------------------------- fee

    fn fee(&self) -> Option<Fee> {
        let terms = self.club.fee.as_ref()?;
        self.heard().find_map(|fact| match fact {
            Fact::Fee { of, share, amount } => Some(Fee {
                percent: terms.percent.to_string(),
                base: base_name(terms.of).to_owned(),
                of: of.0,
                share: share.0,
                min: terms.min.0,
                max: terms.max.map(|max| max.0),
                rials: amount.0,
                payer: payer(terms.payer).to_owned(),
            }),
            _ => None,
        })
    }
}

fn part(split: &rules::Split, party: Party, wanted: Rials, amount: Rials, left_out: bool) -> Part {
    let found = split.parts.iter().find(|(known, _)| *known == party);
    Part {
        to: party.name().to_owned(),
        share: match found {
            Some((_, rules::Part::Percent(percent))) => Some(percent.to_string()),
            _ => None,
        },
        rest: matches!(found, Some((_, rules::Part::Rest))),
        wanted: wanted.0,
        rials: amount.0,
        left_out,
    }
}

/// A rate, without zeros behind its point.
fn short(sum: Sum) -> Sum {
    let amount = match sum.amount.contains('.') {
        true => sum.amount.trim_end_matches('0').trim_end_matches('.'),
        false => &sum.amount,
    };
    Sum {
        amount: amount.to_owned(),
        ..sum
    }
}

fn owed_by(by: &str, rials: i64) -> Owed {
    Owed {
        by: by.to_owned(),
        rials,
    }
}

fn rials(amount: i64) -> Sum {
    Sum {
        amount: amount.to_string(),
        unit: "rial".to_owned(),
    }
}

fn how_bands(bands: &Bands, amount: Rials) -> How {
    let next = |at: usize| bands.steps.get(at + 1).map_or(i64::MAX, |(from, _)| from.0);
    let told = bands.steps.iter().enumerate().map(|(at, (from, percent))| {
        let part = if bands.each_part {
            (amount.0.min(next(at)) - from.0).max(0)
        } else if (from.0..next(at)).contains(&amount.0) {
            amount.0
        } else {
            0
        };
        Band {
            from: from.0,
            percent: percent.to_string(),
            part,
        }
    });
    How::Bands {
        bands: told.collect(),
        each_part: bands.each_part,
    }
}

/// An exact amount of smallest units as whole units with decimals, and whether it goes on after them.
fn written(exact: Exact, decimals: u8) -> (String, bool) {
    let scale = 10i128.pow(DIGITS_MORE);
    let whole = exact.over.div_euclid(exact.under);
    let left = exact.over.rem_euclid(exact.under);
    let (more, goes_on) = match left.checked_mul(scale) {
        Some(left) => (
            left.div_euclid(exact.under),
            left.rem_euclid(exact.under) != 0,
        ),
        None => (0, true),
    };
    let whole = i64::try_from(whole).unwrap_or(i64::MAX);
    let mut text = pointed(whole, decimals);
    let more = format!("{more:0width$}", width = DIGITS_MORE as usize);
    let more = match goes_on {
        true => more.as_str(),
        false => more.trim_end_matches('0'),
    };
    if !more.is_empty() {
        if decimals == 0 {
            text.push('.');
        }
        text.push_str(more);
    } else if text.contains('.') {
        let short = text.trim_end_matches('0').trim_end_matches('.');
        text.truncate(short.len());
    }
    (text, goes_on)
}

fn stack(stack: Stacked) -> Stack {
    match stack {
        Stacked::All => Stack::All,
        Stacked::First => Stack::First,
        Stacked::Best => Stack::BestForMember,
    }
}

fn base_name(base: Base) -> &'static str {
    match base {
        Base::Gross => "gross",
        Base::Net => "net",
        Base::Paid => "paid",
    }
}

pub(super) fn payer(payer: Payer) -> &'static str {
    match payer {
        Payer::Merchant => "merchant",
        Payer::Club => "club",
    }
}

fn per(per: Per) -> &'static str {
    match per {
        Per::Member => "member",
        Per::Card => "card",
        Per::Merchant => "merchant",
        Per::Introducer => "introducer",
        Per::Rule => "rule",
        Per::Club => "club",
    }
}

/// The kind of an account, and whose it is.
pub(super) fn account_of(account: Account, names: &Names) -> (&'static str, String) {
    match account {
        Account::Pool { .. } => ("card", String::new()),
        Account::Shop(shop) => ("shop", names.shop(shop).to_owned()),
        Account::Person(person) => ("person", names.person(person).to_owned()),
        Account::Club(club) => ("club", names.club(club).to_owned()),
        Account::Reserve(club) => ("reserve", names.club(club).to_owned()),
        Account::Owner(club) => ("owner", names.club(club).to_owned()),
        Account::Saving { shop, .. } => ("saving", names.shop(shop).to_owned()),
        Account::Rounding(club) => ("rounding", names.club(club).to_owned()),
        Account::Operator => ("operator", String::new()),
        Account::OwesHouse(club) => ("owes-house", names.club(club).to_owned()),
        Account::DueFromHouse(club) => ("due-from-house", names.club(club).to_owned()),
        Account::HouseDue(club) => ("house-due", names.club(club).to_owned()),
        Account::HouseOwes(club) => ("house-owes", names.club(club).to_owned()),
        Account::HouseIncome(club) => ("house-income", names.club(club).to_owned()),
        Account::Organisation(id) => ("organisation", names.organisation(id).to_owned()),
        Account::Purse(_)
        | Account::Debt(_)
        | Account::Outstanding { .. }
        | Account::ShopPurse { .. }
        | Account::PersonPurse { .. } => ("purse", String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_amount_is_written_with_the_decimals_it_has() {
        let check = |over: i128, under: i128, decimals: u8, wanted: &str, more: bool| {
            let found = written(Exact { over, under }, decimals);
            assert_eq!(found, (wanted.to_owned(), more), "{over}/{under}");
        };
        check(2_755_555 * 50_000, 1_000_000, 0, "137777.75", false);
        check(2_417_778 * 100 * 12, 100_000, 2, "290.13336", false);
        check(200, 1, 2, "2", false);
        check(7, 1, 0, "7", false);
        check(1, 3, 0, "0.333333", true);
        check(100, 3, 2, "0.33333333", true);
    }
}
