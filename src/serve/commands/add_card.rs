//! `ledger add-card`: a member gets a card more.

use serde_json::{Value, json};

use super::past::{Known, known};
use crate::engine::{Act, CardAdded};
use crate::serve::office::{Office, OfficeError, text};
use crate::terms::person::Identity;
use crate::terms::{Pan, TokenKind};

/// `{"new_card": …, "card" | "mobile" | "national_code" | "member": …, "club": …, "reason": …}` → the member, how many cards he
/// has now, and the entry.
pub(super) fn add_card(
    office: &mut Office,
    words: &Value,
    _progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let refused = |why: &str| OfficeError::Refused(why.to_owned());
    let pan = Pan::new(text(words, "new_card")?.as_bytes());
    let pan = pan.ok_or_else(|| refused("new_card: 8 to 19 digits wanted"))?;
    let token = office.token_key().token(TokenKind::Card, pan.digits());
    let reason = words["reason"].as_str().unwrap_or_default().trim();
    let reason = reason.to_owned();
    if reason.is_empty() {
        return Err(refused("why? a reason stands in the entry"));
    }
    office.put_rules_in_force()?;
    let (Known::Members(ids), _) = known(office, words)? else {
        return Err(refused(
            "whose card? name a member by card, mobile, national code or number",
        ));
    };
    let [member] = ids[..] else {
        return Err(refused("he is in several clubs: name one"));
    };
    let by = office.by().clone();
    let done = office.ask(move |engine, now| {
        let added = CardAdded {
            member,
            card: Identity::Card(token),
            by,
            reason,
        };
        let entry = engine.act(Act::AddCard(added), now);
        let entry = entry.map_err(|error| error.to_string())?;
        let names = engine.names();
        let now = engine.book().member(member);
        Ok(json!({
            "member": member.0,
            "club": now.map(|member| names.club(member.club)),
            "cards": now.map(|member| member.cards),
            "entry": entry.0,
        }))
    })?;
    done.map_err(OfficeError::Refused)
}
