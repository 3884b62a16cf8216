//! `ledger position` and `ledger obligations`: how clubs stand with the clearing house, and the debts it comes of.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::lookup::amount;
use super::trail::{Go, walk};
use crate::engine::Engine;
use crate::ledger::{Account, Entry, Names, Obligation};
use crate::rules::{House, HouseMember};
use crate::serve::office::{Office, OfficeError};
use crate::terms::{ClubId, Day, Overflow, Zone};

/// How a club stands with its house, for whoever watches.
pub struct Stands {
    /// Its name.
    pub club: String,
    /// What it owes less what it is owed.
    pub owes: i64,
    /// The most it may owe.
    pub most: i64,
    /// Whether it owes so much that it is to be warned.
    pub warned: bool,
}

/// How every club of every house stands.
pub fn standing(engine: &Engine) -> Vec<Stands> {
    let (rules, names) = (engine.rules(), engine.names());
    let houses = rules.clearing.federations.iter();
    let members = houses
        .filter_map(|federation| federation.house.as_ref())
        .flat_map(|house| &house.members);
    members
        .map(|member| {
            let position = member.position(engine.book());
            Stands {
                club: names.club(member.club).to_owned(),
                owes: position.owes,
                most: position.most.0,
                warned: member.is_warned(position.owes),
            }
        })
        .collect()
}

/// `{"club": …}` → the houses, each with its own books and how its clubs stand.
pub(super) fn position(
    office: &mut Office,
    words: &Value,
    _progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let club = words["club"].as_str().map(str::to_owned);
    let found = office.look(move |engine, _| {
        let names = engine.names();
        let wanted = wanted(&names, club.as_deref())?;
        let rules = engine.rules();
        let federations = rules.clearing.federations.iter();
        let houses = federations.filter_map(|federation| federation.house.as_ref());
        let told: Vec<Value> = houses
            .filter(|house| wanted.is_none_or(|club| house.member(club).is_some()))
            .map(|house| of_house(engine, house, wanted))
            .collect();
        if told.is_empty() {
            return Err(match &club {
                Some(club) => format!("the club {club:?} clears in no house"),
                None => "the rules in force have no clearing house".to_owned(),
            });
        }
        Ok(json!({ "houses": told }))
    })?;
    found.map_err(OfficeError::Refused)
}

fn wanted(names: &Names, club: Option<&str>) -> Result<Option<ClubId>, String> {
    let id = |name: &str| {
        let id = names.club_id(name);
        id.ok_or_else(|| format!("there is no club {name:?}"))
    };
    club.map(id).transpose()
}

fn of_house(engine: &Engine, house: &House, wanted: Option<ClubId>) -> Value {
    let book = engine.book();
    let sum = |account: fn(ClubId) -> Account| -> i64 {
        let clubs = house.members.iter();
        clubs.map(|member| book.balance(account(member.club))).sum()
    };
    let (due, owes, income) = (
        sum(Account::HouseDue),
        sum(Account::HouseOwes),
        sum(Account::HouseIncome),
    );
    let members = house.members.iter();
    let members = members.filter(|member| wanted.is_none_or(|club| club == member.club));
    json!({
        "house": house.name,
        "title": house.title,
        "due": -due,
        "owes": owes,
        "income": income,
        "position": due + owes + income,
        "members": members.map(|member| of_member(engine, member)).collect::<Vec<_>>(),
    })
}

fn of_member(engine: &Engine, member: &HouseMember) -> Value {
    let (book, names) = (engine.book(), engine.names());
    let position = member.position(book);
    let most = i128::from(position.most.0.max(1));
    let hundredths = i128::from(position.owes.max(0)) * 10_000 / most;
    json!({
        "club": names.club(member.club),
        "funding": if member.prepaid { "prepaid" } else { "postpaid" },
        "owes": book.balance(Account::OwesHouse(member.club)),
        "owed": -book.balance(Account::DueFromHouse(member.club)),
        "position": position.owes,
        "cap": member.cap.0,
        "cover": member.cover.0,
        "room": position.room().0,
        "used_percent": format!("{}.{:02}", hundredths / 100, hundredths % 100),
        "warned": member.is_warned(position.owes),
    })
}

/// `{"club", "from", "to": days}` → every obligation, oldest first, and what they come to for each club.
pub(super) fn obligations(
    office: &mut Office,
    words: &Value,
    progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let day = |key: &str| match words[key].as_str() {
        None => Ok(None),
        Some(text) => match Day::parse(text) {
            Some(day) => Ok(Some(day)),
            None => Err(OfficeError::Refused(format!(
                "{key}: a day such as \"1405/09/02\" wanted; {text:?} found"
            ))),
        },
    };
    let (from, to) = (day("from")?, day("to")?);
    let club = words["club"].as_str().map(str::to_owned);
    let (names, zone) =
        office.look(|engine, _| (engine.names(), engine.rules().world.zone.clone()))?;
    let wanted = wanted(&names, club.as_deref()).map_err(OfficeError::Refused)?;
    let mut rows = Vec::new();
    let mut nets: BTreeMap<ClubId, (i64, i64)> = BTreeMap::new();
    let mut overflow = None;
    walk(office, None, 0, progress, &mut |entry| {
        let day = entry.head.business_day;
        if from.is_some_and(|from| day < from) || to.is_some_and(|to| day > to) {
            return Go::On;
        }
        for (at, owed) in (1..).zip(&entry.effects.obligations) {
            if wanted.is_none_or(|club| [owed.issuer, owed.acceptor].contains(&club)) {
                rows.push(obligation(entry, (at, owed), &names, &zone));
                overflow = overflow.or(count(entry, owed, &mut nets).err());
            }
        }
        Go::On
    })?;
    if overflow.is_some() {
        return Err(OfficeError::Refused("a sum does not fit".to_owned()));
    }
    let nets = nets.into_iter().map(|(club, (owes, owed))| {
        json!({ "club": names.club(club), "owes": owes, "owed": owed, "net": owes - owed })
    });
    Ok(json!({ "obligations": rows, "clubs": nets.collect::<Vec<_>>() }))
}

fn count(
    entry: &Entry,
    owed: &Obligation,
    nets: &mut BTreeMap<ClubId, (i64, i64)>,
) -> Result<(), Overflow> {
    let sign = if entry.effects.reverses { -1 } else { 1 };
    nets.entry(owed.issuer).or_default().0 += sign * owed.issuer_owes()?.0;
    let acceptor = nets.entry(owed.acceptor).or_default();
    acceptor.0 += sign * owed.acceptor_owes().0;
    acceptor.1 += sign * owed.rial.0;
    Ok(())
}

/// An obligation of an entry: its number is that of the entry, and its place in it.
pub(super) fn obligation(
    entry: &Entry,
    (at, owed): (usize, &Obligation),
    names: &Names,
    zone: &Zone,
) -> Value {
    let sequence = entry.head.sequence.0;
    let reverses = entry.effects.reverses;
    let sign = if reverses { -1 } else { 1 };
    let unit = names.purse_unit(owed.purse);
    json!({
        "id": format!("{sequence}-{at}"),
        "entry": sequence,
        "business_day": entry.head.business_day.to_string(),
        "at": zone.local(entry.head.at).to_string(),
        "kind": if reverses { "reversal" } else { owed.kind.name() },
        "of": owed.kind.name(),
        "reverses": entry.effects.original.filter(|_| reverses).map(|original| original.0),
        "issuer": names.club(owed.issuer),
        "acceptor": names.club(owed.acceptor),
        "shop": entry.effects.shop.map(|shop| names.shop(shop)),
        "purse": names.purse(owed.purse),
        "points": amount(names, unit, sign * owed.amount),
        "rate": { "rial": owed.rate.value, "points": amount(names, unit, owed.rate.per) },
        "rate_from": owed.rate_from.to_string(),
        "rial": sign * owed.rial.0,
        "fee": sign * owed.fee.0,
        "fee_payer": owed.fee_payer.name(),
        "odd": sign * owed.odd.0,
        "made": owed.made.map(|made| {
            let unit = names.purse_unit(made.purse);
            json!({
                "purse": names.purse(made.purse),
                "points": amount(names, unit, sign * made.amount),
                "rate": { "rial": made.rate.value, "points": amount(names, unit, made.rate.per) },
                "rate_from": made.rate_from.to_string(),
            })
        }),
    })
}
