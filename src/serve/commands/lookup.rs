//! `ledger balance` and `ledger entry`: what somebody has, and what an entry did, in words and whole amounts.

use serde_json::{Map, Value, json};

use super::verify::unit_name;
use crate::engine::Engine;
use crate::ledger::told::PurseAmount;
use crate::ledger::{
    Account, Asked, Book, Entry, Holding, Input, LotTerms, Member, MemberChange, Mode, Names,
    PurseKey, Told,
};
use crate::serve::data;
use crate::serve::office::{Office, OfficeError, step, text};
use crate::terms::money::pointed;
use crate::terms::person::{Identity, Mobile, NationalCode};
use crate::terms::{
    ClubId, Local, MemberId, Moment, Pan, PurseId, Sequence, ShopId, TokenKind, UnitId, Zone,
};

/// Entries between two lines of progress.
const STEP: u64 = 50_000;

/// Whose balances are asked for.
enum Whose {
    Member(Identity),
    Shop(String),
    Club(String),
    All,
}

/// `{"card" | "mobile" | "national_code" | "member" | "shop" | "club": …}`, or nothing for every account that is no
/// member's → members with their lots, or accounts with their balances.
pub(super) fn balance(
    office: &mut Office,
    words: &Value,
    _progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let whose = whose(office, words)?;
    let club = words["club"].as_str().map(str::to_owned);
    let now = office.clock().now();
    office
        .look(move |engine, _| match whose {
            Whose::Member(identity) => members(engine, identity, club.as_deref(), now),
            Whose::Shop(code) => {
                let id = engine.names().shop_id(&code);
                let id = id.ok_or_else(|| format!("there is no shop {code:?}"))?;
                Ok(accounts(engine.book(), |account| {
                    account.shop() == Some(id)
                }))
            }
            Whose::Club(name) => {
                let names = engine.names();
                let id = names.club_id(&name);
                let id = id.ok_or_else(|| format!("there is no club {name:?}"))?;
                Ok(accounts(engine.book(), |account| {
                    club_of(account, &names) == Some(id)
                }))
            }
            Whose::All => Ok(accounts(engine.book(), |_| true)),
        })?
        .map_err(OfficeError::Refused)
}

fn whose(office: &Office, words: &Value) -> Result<Whose, OfficeError> {
    let token = |kind, value: &[u8]| office.token_key().token(kind, value);
    let bad = |key: &str, wanted: &str| OfficeError::Refused(format!("{key}: {wanted} wanted"));
    if let Some(card) = words["card"].as_str() {
        let pan = Pan::new(card.as_bytes()).ok_or_else(|| bad("card", "8 to 19 digits"))?;
        let token = token(TokenKind::Card, pan.digits());
        return Ok(Whose::Member(Identity::Card(token)));
    }
    if let Some(mobile) = words["mobile"].as_str() {
        let mobile = Mobile::parse(mobile).ok_or_else(|| bad("mobile", "09 and nine digits"))?;
        let token = token(TokenKind::Mobile, mobile.as_str().as_bytes());
        return Ok(Whose::Member(Identity::Mobile(token)));
    }
    if let Some(code) = words["national_code"].as_str() {
        let code = NationalCode::parse(code);
        let code = code.ok_or_else(|| bad("national code", "ten digits with the right check"))?;
        let token = token(TokenKind::NationalCode, code.as_str().as_bytes());
        return Ok(Whose::Member(Identity::NationalCode(token)));
    }
    if let Some(number) = words["member"].as_u64() {
        let number = u32::try_from(number).map_err(|_| bad("member", "a club number"))?;
        return Ok(Whose::Member(Identity::Number(MemberId(number))));
    }
    if let Some(code) = words["shop"].as_str() {
        return Ok(Whose::Shop(code.to_owned()));
    }
    Ok(match words["club"].as_str() {
        Some(name) => Whose::Club(name.to_owned()),
        None => Whose::All,
    })
}

/// The members that an identity names: one in each club at most.
fn members(
    engine: &Engine,
    identity: Identity,
    club: Option<&str>,
    now: Moment,
) -> Result<Value, String> {
    let (book, names) = (engine.book(), engine.names());
    let local = engine.rules().world.zone.local(now);
    let clubs = (0..names.next_ids()[1]).map(|at| ClubId(at as u16));
    let clubs = clubs.filter(|id| club.is_none_or(|name| names.club(*id) == name));
    let found: Vec<Value> = clubs
        .filter_map(|club| book.member(book.who(club, identity)?))
        .map(|member| {
            let purses: Vec<Value> = member
                .holdings
                .iter()
                .map(|held| holding(held, &names, now, local, &engine.rules().world.zone))
                .collect();
            json!({
                "member": member.id.0,
                "club": names.club(member.club),
                "tier": member.tier.map(|tier| names.tier(tier)),
                "marketer": member.marketer.map(|person| names.person(person)),
                "introducer": member.introducer.map(|member| member.0),
                "joined": member.joined.to_string(),
                "purchases": purchases(member),
                "purses": purses,
            })
        })
        .collect();
    if found.is_empty() {
        return Err("no member of that card or number".to_owned());
    }
    Ok(json!({ "members": found }))
}

fn purchases(member: &Member) -> u64 {
    member
        .visits
        .iter()
        .map(|visit| u64::from(visit.times))
        .sum()
}

fn holding(held: &Holding, names: &Names, now: Moment, local: Local, zone: &Zone) -> Value {
    let unit = names.purse_unit(held.purse);
    let lots: Vec<Value> = held
        .lots
        .iter()
        .map(|lot| {
            let mut told = terms(lot.terms, zone);
            told["lot"] = json!(lot.id.0);
            told["amount"] = amount(names, unit, lot.amount);
            told["can_spend"] = json!(lot.is_usable(now, local.day));
            told
        })
        .collect();
    json!({
        "purse": names.purse(held.purse),
        "shop": held.shop.map(|shop| names.shop(shop)),
        "unit": names.unit(unit).0,
        "can_spend": amount(names, unit, held.available(now, local.day)),
        "total": amount(names, unit, held.total()),
        "debt": amount(names, unit, held.debt),
        "lots": lots,
    })
}

fn terms(terms: LotTerms, zone: &Zone) -> Value {
    json!({
        "booked": terms.booked.to_string(),
        "usable_from": zone.local(terms.usable_from).to_string(),
        "ends": terms.dies.map(|dies| dies.plus(-1).to_string()),
    })
}

fn accounts(book: &Book, pick: impl Fn(Account) -> bool) -> Value {
    let names = book.names();
    let lines: Vec<Value> = book
        .accounts()
        .into_iter()
        .filter(|(account, ..)| pick(*account))
        .map(|(account, unit, balance)| {
            json!({
                "account": account_name(account, names),
                "unit": unit_name(names, unit),
                "balance": amount(names, unit, balance),
            })
        })
        .collect();
    json!({ "accounts": lines })
}

fn club_of(account: Account, names: &Names) -> Option<ClubId> {
    let of_purse = |purse: PurseId| names.purse_particulars(purse).map(|(club, ..)| club);
    match account {
        Account::Club(club)
        | Account::Reserve(club)
        | Account::Owner(club)
        | Account::Rounding(club) => Some(club),
        Account::Outstanding { purse, .. } => of_purse(purse),
        Account::Purse(key) | Account::Debt(key) => of_purse(key.purse),
        _ => None,
    }
}

/// An account for people: `shop m-1001`, `outstanding merchant-credit of golestan at m-1001`.
fn account_name(account: Account, names: &Names) -> String {
    let purse = |purse: PurseId, shop: Option<ShopId>| {
        let club = names.purse_particulars(purse).map(|(club, ..)| club);
        let club = club.map_or("", |club| names.club(club));
        let at = shop.map_or_else(String::new, |shop| format!(" at {}", names.shop(shop)));
        format!("{} of {club}{at}", names.purse(purse))
    };
    let of_member = |kind: &str, key: PurseKey| {
        let purse = purse(key.purse, key.shop);
        format!("{kind} of member {}: {purse}", key.member)
    };
    match account {
        Account::Purse(key) => of_member("purse", key),
        Account::Debt(key) => of_member("debt", key),
        Account::Outstanding { purse: id, shop } => format!("outstanding {}", purse(id, shop)),
        Account::Pool { acquirer, shop } => {
            format!(
                "pool of {} at {}",
                names.acquirer(acquirer),
                names.shop(shop)
            )
        }
        Account::Shop(shop) => format!("shop {}", names.shop(shop)),
        Account::Person(person) => format!("person {}", names.person(person)),
        Account::Club(club) => format!("club {}", names.club(club)),
        Account::Reserve(club) => format!("reserve of {}", names.club(club)),
        Account::Owner(club) => format!("owner of {}", names.club(club)),
        Account::Saving { shop, club } => {
            format!("saving of {} at {}", names.shop(shop), names.club(club))
        }
        Account::Operator => "operator".to_owned(),
        Account::Rounding(club) => format!("rounding of {}", names.club(club)),
    }
}

/// Rials as a number, everything with decimals as text.
fn amount(names: &Names, unit: UnitId, amount: i64) -> Value {
    match names.unit(unit).1 {
        0 => json!(amount),
        decimals => json!(pointed(amount, decimals)),
    }
}

/// `{"entry": "90071"}` or, in twelve characters, a retrieval reference → the entry.
pub(super) fn entry(
    office: &mut Office,
    words: &Value,
    progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let wanted = text(words, "entry")?;
    let found = if wanted.len() == 12 {
        with_reference(office, wanted, progress)?
    } else {
        let number = wanted.parse().map_err(|_| {
            let what = "the number of an entry, or a retrieval reference of 12 characters, wanted";
            OfficeError::Refused(format!("{what}; {wanted:?} found"))
        })?;
        data::entry(office.store(), office.journal(), Sequence(number))?
    };
    let found = found.ok_or_else(|| {
        let last = office.journal().last_sequence();
        OfficeError::Refused(format!(
            "there is no entry {wanted}; the last one is {last}"
        ))
    })?;
    office.look(move |engine, _| told(&found, &engine.names(), &engine.rules().world.zone))
}

/// The entry with a retrieval reference: its own sequence where the switch made it, else the newest one that has it.
fn with_reference(
    office: &Office,
    wanted: &str,
    progress: &mut dyn FnMut(Value),
) -> Result<Option<Entry>, OfficeError> {
    let has = |entry: &Entry| {
        let Input::Request(asked) = &entry.input else {
            return false;
        };
        let made = entry.effects.told.as_ref().and_then(|told| told.rrn);
        [asked.rrn, made]
            .iter()
            .flatten()
            .any(|rrn| rrn == wanted.as_bytes())
    };
    if let Ok(number) = wanted.parse() {
        let own = data::entry(office.store(), office.journal(), Sequence(number))?;
        if let Some(own) = own.filter(has) {
            return Ok(Some(own));
        }
    }
    let last = office.journal().last_sequence();
    if last == 0 {
        return Ok(None);
    }
    let (mut found, mut next_step) = (None, STEP);
    for group in office
        .journal()
        .read_from(1)
        .map_err(data::DataError::from)?
    {
        let group = group.map_err(data::DataError::from)?;
        for entry in data::entries(&group)? {
            if has(&entry) {
                found = Some(entry);
            }
        }
        if group.last_sequence() >= next_step {
            progress(step(group.last_sequence(), last, "entries searched"));
            next_step = group.last_sequence() + STEP;
        }
    }
    Ok(found)
}

/// An entry with names for ids and whole amounts.
fn told(entry: &Entry, names: &Names, zone: &Zone) -> Value {
    let effects = &entry.effects;
    let postings: Vec<Value> = effects
        .postings
        .iter()
        .map(|posting| {
            json!({
                "reason": posting.reason.name(),
                "from": account_name(posting.from, names),
                "to": account_name(posting.to, names),
                "amount": amount(names, posting.unit, posting.amount),
                "unit": unit_name(names, posting.unit),
            })
        })
        .collect();
    let lots: Vec<Value> = effects
        .lots
        .iter()
        .map(|moved| {
            let mut told = terms(moved.terms, zone);
            told["purse"] = json!(account_name(Account::Purse(moved.key), names));
            told["lot"] = json!(moved.lot.0);
            told["amount"] = amount(names, names.purse_unit(moved.key.purse), moved.amount);
            told["rule"] = json!(moved.terms.rule.map(|rule| names.rule(rule)));
            told
        })
        .collect();
    let members: Vec<Value> = effects.members.iter().map(|m| change(m, names)).collect();
    json!({
        "entry": entry.head.sequence.0,
        "at": zone.local(entry.head.at).to_string(),
        "business_day": entry.head.business_day.to_string(),
        "acquirer": entry.head.acquirer.map(|id| names.acquirer(id)),
        "rule_set": entry.head.rule_set.0,
        "input": input(&entry.input, names),
        "told": effects.told.as_ref().map(|told| answer(told, names)),
        "club": effects.club.map(|club| names.club(club)),
        "shop": effects.shop.map(|shop| names.shop(shop)),
        "member": effects.member.map(|member| member.0),
        "original": effects.original.map(|original| original.0),
        "reverses": effects.reverses,
        "exception": effects.exception.map(|exception| exception.name()),
        "postings": postings,
        "lots": lots,
        "members": members,
        "names": effects.names.len(),
    })
}

fn input(input: &Input, names: &Names) -> Value {
    match input {
        Input::Request(asked) => request(asked),
        Input::DayTurned {
            acquirer,
            closed,
            opened,
        } => json!({
            "kind": "day-turned",
            "acquirer": names.acquirer(*acquirer),
            "closed": closed.to_string(),
            "opened": opened.to_string(),
        }),
        Input::RulesLoaded { number, sha256 } => json!({
            "kind": "rules-loaded",
            "number": number.0,
            "sha256": hex(sha256),
        }),
        Input::Opened {
            reason,
            sha256,
            done,
            of,
        } => json!({
            "kind": "opened",
            "reason": reason,
            "sha256": hex(sha256),
            "member": done,
            "of": of,
        }),
    }
}

fn request(asked: &Asked) -> Value {
    let characters = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    json!({
        "kind": "request",
        "function": asked.function.name(),
        "mode": if asked.mode == Mode::Ask { "asked" } else { "advised" },
        "terminal": asked.key.terminal_code(),
        "acceptor": asked.key.acceptor_code(),
        "stan": asked.key.stan,
        "terminal_time": format!("{:010}", asked.key.local),
        "processing": format!("{:06}", asked.processing),
        "amount": asked.amount.map(|rials| rials.0),
        "currency": asked.currency,
        "rrn": asked.rrn.map(|rrn| characters(&rrn)),
        "mcc": asked.mcc,
        "card": asked.last_four.map(|four| format!("****{}", characters(&four))),
        "bill": asked.bill,
    })
}

fn answer(told: &Told, names: &Names) -> Value {
    let characters = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let purses = |list: &[PurseAmount]| -> Map<String, Value> {
        let line = |part: &PurseAmount| {
            let unit = names.purse_unit(part.purse);
            (
                names.purse(part.purse).to_owned(),
                amount(names, unit, part.amount),
            )
        };
        list.iter().map(line).collect()
    };
    let split: Map<String, Value> = told
        .split
        .iter()
        .map(|(party, rials)| (party.name().to_owned(), json!(rials.0)))
        .collect();
    let rules: Vec<&str> = told.rules.iter().map(|rule| names.rule(*rule)).collect();
    json!({
        "outcome": told.verdict.name(),
        "pays": told.pays.map(|rials| rials.0),
        "discount": told.discount.map(|rials| rials.0),
        "fee": told.fee.map(|rials| rials.0),
        "redeemed": purses(&told.redeemed),
        "earned": purses(&told.earned),
        "split": split,
        "rules": rules,
        "rrn": told.rrn.map(|rrn| characters(&rrn)),
        "approval": told.approval.map(|code| characters(&code)),
        "member": told.member.map(|member| member.0),
    })
}

fn change(change: &MemberChange, names: &Names) -> Value {
    let by = |identity: &Identity| match identity {
        Identity::Card(_) => "card",
        Identity::Mobile(_) => "mobile",
        Identity::NationalCode(_) => "national-code",
        Identity::Number(_) => "number",
    };
    match change {
        MemberChange::Enrolled {
            member,
            club,
            joined,
            identities,
            marketer,
            introducer,
            tier,
        } => json!({
            "change": "enrolled",
            "member": member.0,
            "club": names.club(*club),
            "joined": joined.to_string(),
            "known_by": identities.iter().map(by).collect::<Vec<_>>(),
            "marketer": marketer.map(|person| names.person(person)),
            "introducer": introducer.map(|member| member.0),
            "tier": tier.map(|tier| names.tier(tier)),
        }),
        MemberChange::KnownBy { member, identity } => json!({
            "change": "known-by",
            "member": member.0,
            "known_by": by(identity),
        }),
        MemberChange::Tier { member, tier } => json!({
            "change": "tier",
            "member": member.0,
            "tier": tier.map(|tier| names.tier(tier)),
        }),
        MemberChange::Marketer { member, marketer } => json!({
            "change": "marketer",
            "member": member.0,
            "marketer": marketer.map(|person| names.person(person)),
        }),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
