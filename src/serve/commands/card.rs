//! `ledger card`: how a card of a card product stands, what is in its pockets, and a change of its state or of the limit of a
//! credit line; and who gave it to a guest.

use serde_json::{Value, json};

use super::past::identity;
use crate::engine::{Act, CardChange, CardOrder, Engine};
use crate::ledger::{CardState, Member};
use crate::rules::judge::Holder;
use crate::rules::{Card, Rulebook};
use crate::serve::office::{Office, OfficeError};
use crate::source::nearest;
use crate::terms::person::Identity;
use crate::terms::{Bin, MemberId, Moment, Pan, Rials};

/// `{"card" | "member": …, "card_product": …, "set": "suspended", "limit": {"pocket": …, "rials": …}, "given_by": 17, "reason": …}` → how the card
/// stands now, and the entry where something was changed.
pub(super) fn card(
    office: &mut Office,
    words: &Value,
    _progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let refused = |why: &str| OfficeError::Refused(why.to_owned());
    let whose = identity(office, words)?;
    let whose = whose.filter(|id| matches!(id, Identity::Card(_) | Identity::Number(_)));
    let whose = whose.ok_or_else(|| refused("which card? name it, or the number of its holder"))?;
    let bin = words["card"].as_str();
    let bin = bin.and_then(|digits| Some(Bin::of(&Pan::new(digits.as_bytes())?)));
    let set = words["set"].as_str().map(state).transpose()?;
    let limit = words["limit"].as_object().map(|limit| {
        let rials = limit.get("rials").and_then(Value::as_i64).map(Rials);
        let pocket = limit.get("pocket").and_then(Value::as_str);
        (pocket.unwrap_or_default().to_owned(), rials)
    });
    let reason = words["reason"].as_str().unwrap_or_default().trim();
    let reason = reason.to_owned();
    let given_by = words["given_by"].as_u64();
    let given_by = given_by.and_then(|number| Some(MemberId(u32::try_from(number).ok()?)));
    if (set.is_some() || limit.is_some() || given_by.is_some()) && reason.is_empty() {
        return Err(refused("why? a reason stands in the entry"));
    }
    let product = words["card_product"].as_str().map(str::to_owned);
    office.put_rules_in_force()?;
    let by = office.by().clone();
    let done = office.ask(move |engine, now| {
        let rules = engine.rules().clone();
        let card = product_of(engine, &rules, whose, bin, product.as_deref())?;
        let mut entry = None;
        let mut change = |engine: &mut Engine, change| {
            let order = CardOrder {
                club: card.club.id,
                whose,
                change,
                by: by.clone(),
                why: reason.clone(),
            };
            let done = engine.act(Act::Card(order), now);
            entry = Some(done.map_err(|error| error.to_string())?.0);
            Ok::<(), String>(())
        };
        if let Some(giver) = given_by {
            change(engine, CardChange::Given(giver))?;
        }
        if let Some(state) = set {
            change(engine, CardChange::State(state))?;
        }
        if let Some((pocket, rials)) = limit {
            let names = card.club.purse_names.iter().map(|(_, name)| name.as_str());
            let found = card
                .named(&pocket)
                .ok_or_else(|| match nearest(&pocket, names) {
                    Some(near) => {
                        format!("the card has no pocket {pocket:?}; did you mean {near:?}?")
                    }
                    None => format!("the card has no pocket {pocket:?}"),
                })?;
            change(engine, CardChange::Limit(found.purse, rials))?;
        }
        let mut told = told(engine, card, whose, now);
        told["entry"] = json!(entry);
        Ok(told)
    })?;
    done.map_err(OfficeError::Refused)
}

fn state(name: &str) -> Result<CardState, OfficeError> {
    let known = CardState::ALL.iter().find(|(_, known)| *known == name);
    known.map(|(state, _)| *state).ok_or_else(|| {
        let names = CardState::ALL.map(|(_, name)| name).join(", ");
        OfficeError::Refused(format!("set: one of {names} wanted, {name:?} found"))
    })
}

/// The product of a card: the one that is named, else that of its range or list, else the one whose holder is known by it.
fn product_of<'r>(
    engine: &Engine,
    rules: &'r Rulebook,
    whose: Identity,
    bin: Option<Bin>,
    named: Option<&str>,
) -> Result<&'r Card, String> {
    if let Some(name) = named {
        let found = rules.cards.iter().find(|card| card.club.name == name);
        return found.ok_or_else(|| format!("the rules have no card product {name:?}"));
    }
    let known = |card: &&Card| engine.book().who(card.club.id, whose).is_some();
    let by_card = match whose {
        Identity::Card(token) => rules.card_of(Some(token), bin),
        _ => None,
    };
    let found = by_card.or_else(|| rules.cards.iter().find(known));
    found.ok_or_else(|| "it is of no card product of the rules in force".to_owned())
}

/// How it stands: its state, and each pocket with what is in it, what can be spent of it, and its limit.
fn told(engine: &Engine, card: &Card, whose: Identity, now: Moment) -> Value {
    let names = engine.names();
    let today = engine.rules().world.zone.local(now).day;
    let known = engine.book().who(card.club.id, whose);
    let member = known.and_then(|id| engine.book().member(id));
    let nobody = Member::new(engine.book().next_member(), card.club.id, today);
    let holder = Holder {
        card,
        member: member.unwrap_or(&nobody),
    };
    let pockets = card.pockets.iter().filter_map(|pocket| {
        let purse = card.club.purse(pocket.purse)?;
        let held = holder.member.holding(purse.id, None);
        let net = held.as_ref().map_or(0, |held| held.net(now, today));
        let limit = pocket.limit.map(|_| holder.limit(pocket).0);
        Some(json!({
            "pocket": names.purse(purse.id),
            "kind": purse.kind.name(),
            "holds": net,
            "can_spend": holder.shown(purse, net),
            "limit": limit,
            "own_limit": holder.member.limit(purse.id).is_some(),
        }))
    });
    json!({
        "card_product": card.club.name,
        "title": names.card_particulars(card.club.id).map(|(title, _)| title),
        "issuer": names.organisation(card.issuer),
        "holder": member.map(|member| member.id.0),
        "state": holder.member.card.name(),
        "given_by": holder.member.introducer().map(|giver| giver.0),
        "pockets": pockets.collect::<Vec<_>>(),
    })
}
