//! `ledger event`: something happened that a member's earnings wait for.

use serde_json::{Value, json};

use super::lookup::{amount, terms};
use super::past::{Known, known};
use crate::engine::{Act, ActError, Engine, Happened};
use crate::ledger::{HeldLot, Member};
use crate::serve::office::{Office, OfficeError, text};
use crate::terms::{MemberId, Moment};

/// `{"event": "profile-confirmed", "card" | "mobile" | "national_code" | "member": …, "club": …, "reason": …}` → by member what
/// was released and what rules gave for it, and the last entry of it; none where nothing waited and no rule gave.
pub(super) fn event(
    office: &mut Office,
    words: &Value,
    _progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let name = text(words, "event")?.to_owned();
    let reason = words["reason"].as_str().unwrap_or_default().to_owned();
    office.put_rules_in_force()?;
    let (Known::Members(ids), _) = known(office, words)? else {
        let why = "an event is of a member; name him by card, mobile, national code or number";
        return Err(OfficeError::Refused(why.to_owned()));
    };
    let event = words["event"].clone();
    let members = office.ask(move |engine, now| {
        let told = ids
            .into_iter()
            .map(|id| happen(engine, id, &name, &reason, now));
        let told: Vec<Value> = told
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .collect();
        if told.is_empty() {
            return Err(format!(
                "no rule of a club of his waits for an event {name:?}"
            ));
        }
        Ok(told)
    })?;
    let members = members.map_err(OfficeError::Refused)?;
    Ok(json!({ "event": event, "members": members }))
}

/// What it releases of one member; `None` where no rule of his club knows the event.
fn happen(
    engine: &mut Engine,
    id: MemberId,
    name: &str,
    reason: &str,
    now: Moment,
) -> Result<Option<Value>, String> {
    let names = engine.names();
    let Some(club) = engine.book().member(id).map(|member| member.club) else {
        return Ok(None);
    };
    let Some(event) = names.event_id(club, name) else {
        return Ok(None);
    };
    let zone = engine.rules().world.zone.clone();
    let today = zone.local(now).day;
    let waits = |held: &HeldLot| {
        let hold = held.lot.terms.hold;
        hold.is_some_and(|hold| hold.until == event) && !held.lot.is_dead(today)
    };
    let lots = |engine: &Engine| -> Vec<HeldLot> {
        let member = engine.book().member(id);
        member.into_iter().flat_map(Member::lots).collect()
    };
    let mut released = lots(engine);
    released.retain(waits);
    let before = lots(engine);
    let happened = Happened {
        member: id,
        event,
        reason: reason.to_owned(),
    };
    let entry = match engine.act(Act::Event(happened), now) {
        Ok(entry) => Some(entry.0),
        Err(ActError::NothingWaits) => None,
        Err(error) => return Err(error.to_string()),
    };
    let after = lots(engine);
    // What rules gave for it: more in a lot than was there, waiting or not.
    let more = after.iter().filter_map(|held| {
        let was = before.iter().find(|other| other.lot.id == held.lot.id);
        let more = held.lot.amount - was.map_or(0, |was| was.lot.amount);
        (more > 0).then(|| {
            let mut line = terms(held.lot.terms, &names, &zone);
            line["lot"] = json!(held.lot.id.0);
            line["purse"] = json!(names.purse(held.purse));
            line["amount"] = amount(&names, names.purse_unit(held.purse), more);
            line
        })
    });
    let earned: Vec<Value> = more.collect();
    let lines = released.iter().map(|held| {
        // What paid a debt with all it had is there no more.
        let there = after.iter().find(|other| other.lot.id == held.lot.id);
        let mut line = terms(there.unwrap_or(held).lot.terms, &names, &zone);
        line["lot"] = json!(held.lot.id.0);
        line["purse"] = json!(names.purse(held.purse));
        line["shop"] = json!(held.shop.map(|shop| names.shop(shop)));
        line["amount"] = amount(&names, names.purse_unit(held.purse), held.lot.amount);
        line
    });
    Ok(Some(json!({
        "member": id.0,
        "club": names.club(club),
        "released": lines.collect::<Vec<_>>(),
        "earned": earned,
        "entry": entry,
    })))
}
