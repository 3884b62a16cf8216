//! `ledger entry`: what an entry was and did, in words and whole amounts.

use serde_json::{Map, Value, json};

use super::clearing::obligation;
use super::trail::{Go, walk};
use super::verify::unit_name;
use crate::ledger::finding::Item;
use crate::ledger::told::PurseAmount;
use crate::ledger::{
    Account, Asked, By, Counted, Entry, Function, Input, LotTerms, MemberChange, Mode, Names,
    PurseKey, SetStep, Told, Who, Window,
};
use crate::serve::data;
use crate::serve::office::{Office, OfficeError, text};
use crate::terms::money::pointed;
use crate::terms::person::Identity;
use crate::terms::{Moment, PurseId, Sequence, SetNumber, ShopId, UnitId, Zone};

pub(super) fn terms(terms: LotTerms, names: &Names, zone: &Zone) -> Value {
    json!({
        "booked": terms.booked.to_string(),
        "usable_from": zone.local(terms.usable_from).to_string(),
        "ends": terms.dies.map(|dies| dies.plus(-1).to_string()),
        "waits_for": terms.hold.map(|hold| names.event(hold.until)),
        "waits_to": terms.hold.map(|hold| hold.lapses.plus(-1).to_string()),
    })
}

/// An account for people: `shop m-1001`, `outstanding merchant-credit of golestan at m-1001`.
pub(super) fn account_name(account: Account, names: &Names) -> String {
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
        Account::OwesHouse(club) => format!("owed to the house by {}", names.club(club)),
        Account::DueFromHouse(club) => format!("due from the house to {}", names.club(club)),
        Account::HouseDue(club) => format!("house: due from {}", names.club(club)),
        Account::HouseOwes(club) => format!("house: owed to {}", names.club(club)),
        Account::HouseIncome(club) => format!("house: income from {}", names.club(club)),
        Account::Organisation(id) => format!("organisation {}", names.organisation(id)),
        Account::ShopPurse { shop, purse: id } => {
            format!("purse of shop {}: {}", names.shop(shop), purse(id, None))
        }
        Account::PersonPurse { person, purse: id } => {
            let person = names.person(person);
            format!("purse of person {person}: {}", purse(id, None))
        }
    }
}

/// Rials as a number, everything with decimals as text.
pub(super) fn amount(names: &Names, unit: UnitId, amount: i64) -> Value {
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
    let found = find(office, text(words, "entry")?, progress)?;
    let undone = reversed_by(office, &found, progress)?;
    office.look(move |engine, _| {
        let mut told = told(&found, &engine.names(), &engine.rules().world.zone);
        told["reversed_by"] = json!(undone.map(|by| by.0));
        told
    })
}

/// The entry of a number, or of a retrieval reference of twelve characters.
///
/// # Errors
/// When there is none, or the journal cannot be read.
pub(super) fn find(
    office: &Office,
    wanted: &str,
    progress: &mut dyn FnMut(Value),
) -> Result<Entry, OfficeError> {
    let found = match <&[u8; 12]>::try_from(wanted.as_bytes()) {
        Ok(rrn) => with_reference(office, rrn, progress)?,
        Err(_) => {
            let number = wanted.parse().map_err(|_| {
                let what =
                    "the number of an entry, or a retrieval reference of 12 characters, wanted";
                OfficeError::Refused(format!("{what}; {wanted:?} found"))
            })?;
            data::entry(office.store(), office.journal(), Sequence(number))?
        }
    };
    found.ok_or_else(|| {
        let last = office.journal().last_sequence();
        OfficeError::Refused(format!(
            "there is no entry {wanted}; the last one is {last}"
        ))
    })
}

/// The entry with a retrieval reference: its own sequence where the switch made it, else the newest one that has it.
fn with_reference(
    office: &Office,
    wanted: &[u8; 12],
    progress: &mut dyn FnMut(Value),
) -> Result<Option<Entry>, OfficeError> {
    let has = |entry: &Entry| {
        let Input::Request(asked) = &entry.input else {
            return false;
        };
        let made = entry.effects.told.as_ref().and_then(|told| told.rrn);
        [asked.rrn, made].iter().flatten().any(|rrn| rrn == wanted)
    };
    if let Some(number) = std::str::from_utf8(wanted)
        .ok()
        .and_then(|n| n.parse().ok())
    {
        let own = data::entry(office.store(), office.journal(), Sequence(number))?;
        if let Some(own) = own.filter(has) {
            return Ok(Some(own));
        }
    }
    let mut found = None;
    walk(office, Some(Item::rrn(wanted)), 0, progress, &mut |entry| {
        if has(entry) {
            found = Some(entry.clone());
        }
        Go::On
    })?;
    Ok(found)
}

/// The reversal that undid an entry.
pub(super) fn reversed_by(
    office: &mut Office,
    entry: &Entry,
    progress: &mut dyn FnMut(Value),
) -> Result<Option<Sequence>, OfficeError> {
    let sequence = entry.head.sequence;
    let can_be =
        matches!(&entry.input, Input::Request(asked) if asked.function == Function::Purchase);
    if !can_be {
        return Ok(None);
    }
    // What was undone lately the book knows.
    if let Some(by) = office.look(move |engine, _| engine.book().memory().undone_by(sequence))? {
        return Ok(Some(by));
    }
    let mut found = None;
    let item = Item::undone(sequence);
    walk(office, Some(item), sequence.0, progress, &mut |by| {
        if by.effects.reverses && by.effects.original == Some(sequence) {
            found = Some(by.head.sequence);
            return Go::Home;
        }
        Go::On
    })?;
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
            let mut told = terms(moved.terms, names, zone);
            told["purse"] = json!(account_name(Account::Purse(moved.key), names));
            told["lot"] = json!(moved.lot.0);
            told["amount"] = amount(names, names.purse_unit(moved.key.purse), moved.amount);
            told["rule"] = json!(moved.terms.rule.map(|rule| names.rule(rule)));
            told
        })
        .collect();
    let members: Vec<Value> = effects.members.iter().map(|m| change(m, names)).collect();
    let counts = if effects.reverses { -1 } else { 1 };
    let counted = effects.counted.iter();
    let counted: Vec<Value> = counted.map(|row| cap(row, counts, names)).collect();
    let owed = (1..).zip(&effects.obligations);
    let owed = owed.map(|(at, owed)| obligation(entry, (at, owed), names, zone));
    json!({
        "entry": entry.head.sequence.0,
        "obligations": owed.collect::<Vec<_>>(),
        "at": zone.local(entry.head.at).to_string(),
        "business_day": entry.head.business_day.to_string(),
        "acquirer": entry.head.acquirer.map(|id| names.acquirer(id)),
        "rule_set": entry.head.rule_set.0,
        "input": input(&entry.input, names),
        "told": effects.told.as_ref().map(|told| answer(told, names)),
        "club": effects.club.map(|club| names.club(club)),
        "shop": effects.shop.map(|shop| names.shop(shop)),
        "member": effects.member.map(|member| member.0),
        "reverses": effects.original.filter(|_| effects.reverses).map(|original| original.0),
        "confirms": effects.original.filter(|_| !effects.reverses).map(|original| original.0),
        "reversed_by": Value::Null,
        "exception": effects.exception.map(|exception| exception.name()),
        "visit": effects.visit.map(|visit| json!({
            "member": visit.member.0,
            "shop": names.shop(visit.shop),
            "day": visit.day.to_string(),
            "spent": visit.spent.0,
            "redeemed": visit.redeemed.0,
            "counts": counts,
        })),
        "postings": postings,
        "lots": lots,
        "counted": counted,
        "members": members,
        "names": effects.names.len(),
    })
}

/// What was done with a rule set.
fn rules(number: SetNumber, step: &SetStep, by: &By, why: &str) -> Value {
    let (kind, contents) = match step {
        SetStep::Waits { contents, .. } => ("rules-wait", Some(contents)),
        SetStep::Approved => ("rules-approved", None),
        SetStep::Withdrawn => ("rules-taken-back", None),
        SetStep::InForce { contents } => ("rules-in-force", Some(contents)),
    };
    let mut told =
        json!({ "kind": kind, "number": number.0, "by": by.name, "uid": by.uid, "why": why });
    if let Some(contents) = contents {
        told["sha256"] = json!(hex(&contents.sha256));
        told["clubs"] = json!(contents.clubs);
        told["rules"] = json!(contents.rules);
    }
    if let SetStep::Waits { from, approval, .. } = step {
        told["from_unix_s"] = json!(from.map(Moment::seconds));
        told["approval"] = json!(approval);
    }
    told
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
        Input::Rules {
            number,
            step,
            by,
            why,
        } => rules(*number, step, by, why),
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
        Input::Holder { by, why } => json!({
            "kind": "holder",
            "by": by.name,
            "uid": by.uid,
            "reason": why,
        }),
        Input::Event {
            event,
            member,
            reason,
        } => json!({
            "kind": "event",
            "event": names.event(*event),
            "member": member.0,
            "reason": reason,
        }),
        Input::Granted { rule, member, due } => json!({
            "kind": "granted",
            "grant": names.rule(*rule),
            "member": member.0,
            "due": due.jalali().to_string(),
        }),
        Input::Given {
            by,
            reason,
            sha256,
            done,
            of,
        } => json!({
            "kind": "given",
            "by": by.name,
            "reason": reason,
            "sha256": hex(sha256),
            "row": done,
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
        "channel": asked.facts.channel.name(),
        "entry_mode": asked.facts.entry.map(|entry| entry.name()),
        "bin": asked.facts.bin.map(|bin| bin.to_string()),
        "products": asked.facts.products,
        "service": asked.facts.service,
        "staff": asked.facts.staff,
        "card": asked.last_four.map(|four| format!("****{}", characters(&four))),
        "bill": asked.bill,
        "original": asked.original.map(|original| json!({
            "stan": original.stan,
            "terminal_time": original.local.map(|local| format!("{local:010}")),
            "transmitted": original.transmitted.map(|at| format!("{at:010}")),
            "rrn": original.rrn.map(|rrn| characters(&rrn)),
            "partial": original.partial,
        })),
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
    let balances: Vec<Value> = told
        .balances
        .iter()
        .map(|held| {
            json!({
                "purse": names.purse(held.purse),
                "shop": held.shop.map(|shop| names.shop(shop)),
                "amount": amount(names, names.purse_unit(held.purse), held.amount),
            })
        })
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
        "balances": balances,
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
        Identity::Voucher(_) => "voucher",
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
        MemberChange::Born { member, day } => json!({
            "change": "born",
            "member": member.0,
            "day": day.to_string(),
        }),
        MemberChange::Standing { member, after } => json!({
            "change": "standing",
            "member": member.0,
            "tier": after.map(|standing| names.tier(standing.tier)),
        }),
        MemberChange::Card { member, state } => json!({
            "change": "card",
            "member": member.0,
            "state": state.name(),
        }),
        MemberChange::Limit {
            member,
            purse,
            limit,
        } => json!({
            "change": "limit",
            "member": member.0,
            "purse": names.purse(*purse),
            "limit": limit.map(|limit| limit.0),
        }),
        MemberChange::Marketer { member, marketer } => json!({
            "change": "marketer",
            "member": member.0,
            "marketer": marketer.map(|person| names.person(person)),
        }),
    }
}

/// A row of what counts toward a cap.
fn cap(row: &Counted, counts: i64, names: &Names) -> Value {
    let whose = match row.who {
        Who::Member(id) => format!("member {id}"),
        Who::Card { member, mark: 0 } => format!("purchases of member {member} without a card"),
        Who::Card { member, mark } => format!("a card of member {member} ({mark:08x})"),
        Who::Shop(id) => format!("shop {}", names.shop(id)),
        Who::Introducer(id) => format!("introducer {id}"),
        Who::Rule => "the rule".to_owned(),
        Who::Club(id) => format!("club {}", names.club(id)),
        Who::Terminal { shop, mark } => {
            format!("a terminal of shop {} ({mark:08x})", names.shop(shop))
        }
    };
    let window = match row.window {
        Window::Day => "day".to_owned(),
        Window::Week => "week".to_owned(),
        Window::JalaliMonth => "jalali-month".to_owned(),
        Window::JalaliYear => "jalali-year".to_owned(),
        Window::Days(days) => format!("{days} days"),
    };
    json!({
        "rule": names.rule(row.rule),
        "for": whose,
        "window": window,
        "day": row.day.to_string(),
        "times": counts,
        "amount": amount(names, row.unit, counts * row.amount),
        "unit": unit_name(names, row.unit),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
