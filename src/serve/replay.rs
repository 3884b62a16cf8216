//! The journal's purchases judged again by other rules, without posting: each against the book as it really was before it. Reads the
//! data folder beside a switch that runs on it, takes no lock and changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::data::{self, DataError};
use super::office::step;
use super::{ahead, rules};
use crate::config::Config;
use crate::engine::Limits;
use crate::engine::again::{Given, Instead, NotAgain, Others, Past};
use crate::journal::{Archive, OpenError, ReadError, Reader};
use crate::ledger::{Entry, Input, Names, Pages, Party, Redeem, SetStep, Told, Verdict, Wishes};
use crate::rulefile::Loaded;
use crate::rules::{Per, Rulebook};
use crate::source::Faults;
use crate::terms::money::pointed;
use crate::terms::{
    ClubId, Map as FastMap, Moment, PurseId, Rials, RuleId, Sequence, ShopId, Zone,
};

/// What is wanted.
pub struct Wanted<'w> {
    /// The configuration: where the data is.
    pub config: &'w Config,
    /// How many days, the last one of the journal among them.
    pub days: u32,
    /// How many of the most changed receipts.
    pub top: usize,
    /// Compiles the other rules against names.
    pub with: &'w dyn Fn(&Names) -> Result<Loaded, Faults>,
}

/// A purchase whose outcome changed.
#[derive(Debug, Clone)]
pub struct Changed {
    /// Its entry.
    pub entry: Sequence,
    /// When.
    pub at: String,
    /// Where.
    pub shop: String,
    /// Which club.
    pub club: String,
    /// Who.
    pub member: u32,
    /// The last digits of the card; blank where they are not kept.
    pub card: String,
    /// The bill.
    pub bill: i64,
    /// What was, and what would be.
    pub discount: Side,
    /// Spent from purses, in rials.
    pub redeemed: Side,
    /// Earned, by whomever, worth in rials.
    pub earned: Side,
    /// What the customer would have gained more, in rials.
    pub gain: i64,
    /// What would become of it, where it would not be approved by the club.
    pub instead: &'static str,
}

/// An amount as it was, and as it would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Side {
    /// As it was.
    pub was: i64,
    /// As it would be.
    pub would: i64,
}

impl Side {
    fn add(&mut self, was: i64, would: i64) {
        self.was = self.was.saturating_add(was);
        self.would = self.would.saturating_add(would);
    }

    fn told(self) -> Value {
        json!({ "was": self.was, "would_be": self.would, "difference": self.would - self.was })
    }
}

/// Why nothing was judged again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// There is no journal, or it is in no state to be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It could not be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The other rules have faults.
    #[error("the rule files have faults")]
    Rules(Faults),
    /// Nothing has been written yet.
    #[error("the journal has no entries yet")]
    Empty,
}

impl From<ReadError> for ReplayError {
    fn from(error: ReadError) -> ReplayError {
        ReplayError::Data(error.into())
    }
}

/// What of a purchase is summed.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    purchases: u64,
    changed: u64,
    bill: i64,
    discount: Side,
    redeemed: Side,
    earned: Side,
    pays: Side,
    fee: Side,
    merchant: Side,
}

/// Everything that is counted.
#[derive(Default)]
struct Sums {
    all: Sum,
    shops: BTreeMap<ShopId, Sum>,
    clubs: BTreeMap<ClubId, Sum>,
    earned: BTreeMap<PurseId, Side>,
    redeemed: BTreeMap<PurseId, Side>,
    split: BTreeMap<Party, Side>,
    rules: BTreeMap<RuleId, Side>,
    instead: BTreeMap<&'static str, u64>,
    reversed: u64,
    refused: u64,
    without_club: u64,
    unknown: u64,
    top: Vec<Changed>,
}

/// Judges them again. Every purchase that would have changed is given to `changed`, in the order of the journal.
///
/// # Errors
/// When the data folder cannot be read, or the rules have faults.
pub fn run(
    wanted: &Wanted<'_>,
    changed: &mut dyn FnMut(&Changed),
    progress: &mut dyn FnMut(Value),
) -> Result<Value, ReplayError> {
    let journal = Reader::open(&wanted.config.data)?;
    let archive = Archive::open(&wanted.config.archive_dir(), journal.identity()).ok();
    let journal = data::with_archive(journal, archive.as_ref());
    let last = journal.last_sequence();
    let newest = time_of(&journal, last)?.ok_or(ReplayError::Empty)?;
    // Days are the calendar's: its zone is that of the other rules, which are checked here before anything long begins.
    let zone = (wanted.with)(&Names::default())
        .map_err(ReplayError::Rules)?
        .rulebook
        .world
        .zone;
    let days = i32::try_from(wanted.days.max(1)).unwrap_or(i32::MAX);
    let from = zone.midnight(zone.local(newest).day.plus(1 - days));
    let first = first_at(&journal, last, from)?;
    let (began, mut work) = (Instant::now(), last + (last + 1 - first));
    let mut done = 0;
    let mut tell = |more: u64, what: &str| {
        done += more;
        work = work.max(done);
        progress(step(done, work, what));
    };

    let mut pages = Pages::empty();
    ahead::each(
        &journal,
        (1, first - 1),
        |_, _| {},
        |batch| {
            data::follow(&mut pages, batch.entries())?;
            tell(batch.entries().len() as u64, "read what was before");
            Ok(())
        },
    )?;
    let mut later = Later {
        names: (**pages.names()).clone(),
        sets: pages
            .rule_sets()
            .in_force()
            .iter()
            .map(|set| (set.number.0, set.sha256))
            .collect(),
        reversed: BTreeSet::new(),
    };
    ahead::each(
        &journal,
        (first, last),
        |_, _| {},
        |batch| {
            batch.entries().iter().for_each(|entry| later.see(entry));
            tell(batch.entries().len() as u64, "look for what was undone");
            Ok(())
        },
    )?;
    let new = (wanted.with)(&later.names).map_err(ReplayError::Rules)?;
    let before = began.elapsed();

    let began = Instant::now();
    let mut names = later.names.clone();
    new.rulebook
        .names
        .iter()
        .for_each(|named| names.put(named.clone()));
    let mut judging = Judging {
        config: wanted.config,
        zone: &zone,
        names: &names,
        new: &new.rulebook,
        later: &later,
        then: FastMap::default(),
        limits: rules::limits(wanted.config),
        top: wanted.top,
        sums: Sums::default(),
        missing: BTreeSet::new(),
    };
    ahead::each(
        &journal,
        (first, last),
        |_, _| {},
        |batch| {
            for entry in batch.entries() {
                judging.see(&pages, entry, changed);
                pages.apply_one(entry);
            }
            tell(batch.entries().len() as u64, "judge again");
            Ok(())
        },
    )?;
    let mut told = judging.told();
    told["from"] = json!(zone.local(from).day.to_string());
    told["to"] = json!(zone.local(newest).day.to_string());
    told["with_sha256"] = json!(rules::hex(&new.rulebook.sha256));
    told["notes"] = new
        .notes
        .0
        .iter()
        .map(|note| json!(note.to_string()))
        .collect();
    told["entries"] = json!({ "before": first - 1, "judged": last + 1 - first });
    let (judged, took) = (judging.sums.all.purchases, began.elapsed());
    told["speed"] = json!({
        "before_ms": millis(before),
        "judged_ms": millis(took),
        "purchases_per_second": judged.saturating_mul(1_000_000) / (took.as_micros() as u64).max(1),
    });
    Ok(told)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// When an entry was made; none where there is none.
fn time_of(journal: &Reader, sequence: u64) -> Result<Option<Moment>, ReplayError> {
    let found = data::entry(None, journal, Sequence(sequence))?;
    Ok(found.map(|entry| entry.head.at))
}

/// The first entry at or after a moment; the one after the last where there is none. Times never go back from entry to entry.
fn first_at(journal: &Reader, last: u64, from: Moment) -> Result<u64, ReplayError> {
    let (mut low, mut high) = (1, last + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        match time_of(journal, middle)? {
            Some(at) if at < from => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// What has to be known of the time to come before it is judged.
struct Later {
    /// The names of the journal's end: ids in rules are those of entries.
    names: Names,
    /// The files of each set that was in force.
    sets: BTreeMap<u32, [u8; 32]>,
    /// Purchases that were undone later: they count for nothing.
    reversed: BTreeSet<Sequence>,
}

impl Later {
    fn see(&mut self, entry: &Entry) {
        for named in &entry.effects.names {
            self.names.put(named.clone());
        }
        if entry.effects.reverses {
            self.reversed.extend(entry.effects.original);
        }
        match &entry.input {
            Input::RulesLoaded { number, sha256 } => {
                self.sets.insert(number.0, *sha256);
            }
            Input::Rules {
                number,
                step: SetStep::InForce { contents },
                ..
            } => {
                self.sets.insert(number.0, contents.sha256);
            }
            _ => {}
        }
    }
}

struct Judging<'a> {
    config: &'a Config,
    zone: &'a Zone,
    names: &'a Names,
    new: &'a Rulebook,
    later: &'a Later,
    /// Sets of then, compiled when they are first needed; none where that cannot be.
    then: FastMap<u32, Option<Arc<Rulebook>>>,
    limits: Limits,
    top: usize,
    sums: Sums,
    /// Sets of then that could not be compiled.
    missing: BTreeSet<u32>,
}

impl Judging<'_> {
    fn see(&mut self, pages: &Pages, entry: &Entry, changed: &mut dyn FnMut(&Changed)) {
        let past = match Past::of(entry) {
            Ok(past) => past,
            Err(NotAgain::NoPurchase) => return,
            Err(NotAgain::Refused) => return self.sums.refused += 1,
            Err(NotAgain::NoClub) => return self.sums.without_club += 1,
        };
        if self.later.reversed.contains(&entry.head.sequence) {
            self.sums.reversed += 1;
            return;
        }
        let automatic = |rules: &Rulebook| {
            let club = rules.club(past.club);
            club.and_then(|club| club.redeem.as_ref())
                .is_some_and(|terms| terms.automatic)
        };
        let mut wishes = past.wishes(automatic(self.new));
        let likely = &wishes[0];
        let would = past.judged(pages, self.new, likely, &self.limits);
        if let Ok(would) = &would
            && past.is_same(would)
        {
            return self.add(&past, entry, Ok(would), changed);
        }
        // Something differs: is it the rules, or did we not know what was asked?
        let Some(then) = self.then(entry.head.rule_set.0) else {
            // Without the rules of then nobody can say; the likeliest wish has to do.
            return self.add(
                &past,
                entry,
                would.as_ref().map_err(|instead| *instead),
                changed,
            );
        };
        if automatic(&then) != automatic(self.new) {
            wishes = past.wishes(automatic(&then));
        }
        let by_name = past.only_purse().and_then(|purse| {
            let club = then.club(past.club)?;
            let mut names = club.purse_names.iter();
            names
                .find(|(id, _)| *id == purse)
                .map(|(_, name)| name.clone())
        });
        let named: Vec<Wishes> = wishes
            .iter()
            .filter(|wish| wish.redeem != Redeem::Nothing)
            .filter_map(|wish| {
                Some(Wishes {
                    purse: Some(by_name.clone()?),
                    ..wish.clone()
                })
            })
            .collect();
        wishes.extend(named);
        let right = wishes.iter().find(|wish| {
            let judged = past.judged(pages, &then, wish, &self.limits);
            judged.is_ok_and(|judged| past.is_same(&judged))
        });
        match right {
            None => self.sums.unknown += 1,
            Some(wish) => {
                let would = past.judged(pages, self.new, wish, &self.limits);
                self.add(
                    &past,
                    entry,
                    would.as_ref().map_err(|instead| *instead),
                    changed,
                );
            }
        }
    }

    /// The rules that an entry was judged by.
    fn then(&mut self, number: u32) -> Option<Arc<Rulebook>> {
        if let Some(known) = self.then.get(&number) {
            return known.clone();
        }
        let sha256 = self.later.sets.get(&number);
        let kept =
            sha256.and_then(|sha256| rules::kept(&self.config.data, sha256, self.names).ok());
        let rules = kept.map(|loaded| Arc::new(loaded.rulebook));
        if rules.is_none() {
            self.missing.insert(number);
        }
        self.then.insert(number, rules.clone());
        rules
    }

    fn add(
        &mut self,
        past: &Past<'_>,
        entry: &Entry,
        would: Result<&Given, Instead>,
        changed: &mut dyn FnMut(&Changed),
    ) {
        let nothing = Given {
            told: Told::only(Verdict::Approved),
            others: Others::new(),
        };
        let instead = match would {
            Ok(_) => "",
            Err(Instead::Refused(verdict)) => verdict.name(),
            Err(Instead::WithoutClub) => "without-club",
            Err(Instead::Failed) => "rules-fail",
        };
        let given = would.unwrap_or(&nothing);
        let is_changed = !instead.is_empty() || !past.is_same(given);
        let (was, would) = (past.told, &given.told);
        let others = [(past.others(), false), (given.others.clone(), true)];
        // What others earned is reckoned by what its purse is worth in the new rules.
        let club = self.new.club(past.club);
        let in_rials = |of: &Others| -> i64 {
            let worth = of.iter().map(|(purse, amount)| {
                let purse = club.and_then(|club| club.purse(*purse));
                purse.map_or(0, |purse| purse.worth(*amount).unwrap_or_default().0)
            });
            worth.sum()
        };
        let others_worth = (in_rials(&others[0].0), in_rials(&others[1].0));
        let bill = past.bill().0;
        let rials = |told: Option<Rials>| told.map_or(0, |rials| rials.0);
        let worth = |told: &Told| told.earned.iter().map(|earned| earned.worth.0).sum::<i64>();
        let shop = |told: &Told| {
            let part = told
                .split
                .iter()
                .find(|(party, _)| *party == Party::Merchant);
            part.map_or(0, |(_, rials)| rials.0)
        };
        let sums = &mut self.sums;
        let by_shop = sums.shops.entry(past.shop).or_default();
        let by_club = sums.clubs.entry(past.club).or_default();
        for sum in [&mut sums.all, by_shop, by_club] {
            sum.purchases += 1;
            sum.changed += u64::from(is_changed);
            sum.bill = sum.bill.saturating_add(bill);
            sum.discount.add(rials(was.discount), rials(would.discount));
            sum.redeemed
                .add(was.redeemed_rials().0, would.redeemed_rials().0);
            sum.earned
                .add(worth(was) + others_worth.0, worth(would) + others_worth.1);
            sum.pays.add(
                rials(was.pays),
                if instead.is_empty() {
                    rials(would.pays)
                } else {
                    bill
                },
            );
            sum.fee.add(rials(was.fee), rials(would.fee));
            sum.merchant.add(shop(was), shop(would));
        }
        for (of, is_new) in &others {
            for (purse, amount) in of {
                let side = sums.earned.entry(*purse).or_default();
                match is_new {
                    false => side.add(*amount, 0),
                    true => side.add(0, *amount),
                }
            }
        }
        for (told, is_new) in [(was, false), (would, true)] {
            let add = |side: &mut Side, amount: i64| match is_new {
                false => side.add(amount, 0),
                true => side.add(0, amount),
            };
            for earned in &told.earned {
                add(sums.earned.entry(earned.purse).or_default(), earned.amount);
            }
            for spent in &told.redeemed {
                add(sums.redeemed.entry(spent.purse).or_default(), spent.amount);
            }
            for (party, part) in &told.split {
                add(sums.split.entry(*party).or_default(), part.0);
            }
            for rule in &told.rules {
                add(sums.rules.entry(*rule).or_default(), 1);
            }
        }
        if !instead.is_empty() {
            *sums.instead.entry(instead).or_default() += 1;
        }
        if is_changed {
            let changed_one = Changed {
                entry: entry.head.sequence,
                at: self.zone.local(entry.head.at).to_string(),
                shop: self.names.shop(past.shop).to_owned(),
                club: self.names.club(past.club).to_owned(),
                member: past.member.0,
                card: past.last_four().map_or_else(String::new, |four| {
                    String::from_utf8_lossy(&four).into_owned()
                }),
                bill,
                discount: Side {
                    was: rials(was.discount),
                    would: rials(would.discount),
                },
                redeemed: Side {
                    was: was.redeemed_rials().0,
                    would: would.redeemed_rials().0,
                },
                earned: Side {
                    was: worth(was),
                    would: worth(would),
                },
                gain: rials(would.discount) + worth(would) - rials(was.discount) - worth(was),
                instead,
            };
            changed(&changed_one);
            self.keep_top(changed_one);
        }
    }

    fn keep_top(&mut self, changed: Changed) {
        let top = &mut self.sums.top;
        let size = |changed: &Changed| changed.gain.unsigned_abs();
        if top.len() >= self.top && top.last().is_none_or(|last| size(last) >= size(&changed)) {
            return;
        }
        let at = top.partition_point(|other| size(other) >= size(&changed));
        top.insert(at, changed);
        top.truncate(self.top);
    }

    fn told(&self) -> Value {
        let Sums {
            all,
            shops,
            clubs,
            earned,
            redeemed,
            split,
            rules,
            instead,
            reversed,
            refused,
            without_club,
            unknown,
            top,
        } = &self.sums;
        let names = self.names;
        let purses = |sides: &BTreeMap<PurseId, Side>| -> Map<String, Value> {
            sides
                .iter()
                .map(|(purse, side)| self.purse(*purse, *side))
                .collect()
        };
        let mut by_shop: Vec<_> = shops.iter().collect();
        let moved = |sum: &Sum| {
            let gain = |side: Side| (side.would - side.was).unsigned_abs();
            gain(sum.discount) + gain(sum.earned)
        };
        by_shop.sort_by_key(|(_, sum)| std::cmp::Reverse(moved(sum)));
        json!({
            "purchases": all.purchases,
            "changed": all.changed,
            "instead": instead,
            "not_judged": {
                "reversed_later": reversed,
                "refused_then": refused,
                "without_club_then": without_club,
                "cannot_be_told": unknown,
            },
            "sums": sum(all),
            "earned": purses(earned),
            "redeemed": purses(redeemed),
            "split": split.iter().map(|(party, side)| (party.name().to_owned(), side.told())).collect::<Map<_, _>>(),
            "rules": rules.iter().map(|(rule, side)| (names.rule(*rule).to_owned(), side.told())).collect::<Map<_, _>>(),
            "clubs": clubs.iter().map(|(club, row)| named("club", names.club(*club), row)).collect::<Vec<_>>(),
            "shops": by_shop.iter().map(|(shop, row)| named("shop", names.shop(**shop), row)).collect::<Vec<_>>(),
            "receipts": top.iter().map(receipt).collect::<Vec<_>>(),
            "remarks": self.remarks(),
        })
    }

    /// The name of a purse with whole amounts: `points of golestan`.
    fn purse(&self, purse: PurseId, side: Side) -> (String, Value) {
        let (name, of) = match self.names.purse_particulars(purse) {
            Some((club, _, _)) => (self.names.purse(purse), self.names.club(club)),
            None => (self.names.purse(purse), ""),
        };
        let (unit, decimals) = self.names.unit(self.names.purse_unit(purse));
        let amount = |amount: i64| pointed(amount, decimals);
        let told = json!({
            "was": amount(side.was),
            "would_be": amount(side.would),
            "difference": amount(side.would - side.was),
            "unit": unit,
        });
        (format!("{name} of {of}"), told)
    }

    /// What this could not know.
    fn remarks(&self) -> Vec<String> {
        let mut remarks = vec![
            "each purchase was judged against what its member had, and what caps had counted, in truth: had the other rules been in force, earlier purchases would have changed that too".to_owned(),
        ];
        if self.sums.unknown > 0 {
            remarks.push(format!(
                "{} purchases are left out: the rules of then, asked again, do not give what was decided, because the journal does not keep all that they were asked (the card's token, the purse or club asked for by name)",
                self.sums.unknown
            ));
        }
        if self.sums.refused > 0 {
            remarks.push("what was refused then is not judged again: what was to be redeemed is not kept of it".to_owned());
        }
        if !self.missing.is_empty() {
            let numbers: Vec<String> = self.missing.iter().map(u32::to_string).collect();
            remarks.push(format!(
                "the files of rule set {} are gone: what was wished under it is taken as the likeliest, not proved",
                numbers.join(", ")
            ));
        }
        let caps = self.new.clubs.iter().flat_map(|club| {
            let discounts = club.discounts.iter().map(|rule| &rule.caps);
            discounts.chain(club.accruals.iter().map(|rule| &rule.caps))
        });
        if caps
            .flat_map(|caps| &caps.rows)
            .any(|cap| cap.per == Per::Card)
        {
            remarks.push("caps per card are not seen to be reached: the journal does not keep which card it was".to_owned());
        }
        remarks
    }
}

fn sum(sum: &Sum) -> Value {
    let liability = Side {
        was: sum.earned.was - sum.redeemed.was,
        would: sum.earned.would - sum.redeemed.would,
    };
    json!({
        "bills": sum.bill,
        "discount": sum.discount.told(),
        "redeemed": sum.redeemed.told(),
        "earned_worth": sum.earned.told(),
        "liability": liability.told(),
        "paid_by_cards": sum.pays.told(),
        "fee": sum.fee.told(),
        "to_shops": sum.merchant.told(),
    })
}

fn named(what: &str, name: &str, row: &Sum) -> Value {
    let mut told = sum(row);
    told[what] = json!(name);
    told["purchases"] = json!(row.purchases);
    told["changed"] = json!(row.changed);
    told
}

fn receipt(changed: &Changed) -> Value {
    json!({
        "entry": changed.entry.0,
        "at": changed.at,
        "shop": changed.shop,
        "club": changed.club,
        "member": changed.member,
        "card": changed.card,
        "bill": changed.bill,
        "discount": changed.discount.told(),
        "redeemed": changed.redeemed.told(),
        "earned_worth": changed.earned.told(),
        "gain": changed.gain,
        "instead": if changed.instead.is_empty() { Value::Null } else { json!(changed.instead) },
    })
}
