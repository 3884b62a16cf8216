//! The commands of the office, a row each. What they give is what `--json` prints.

mod add_card;
mod archive;
pub mod backup;
mod card;
pub mod clearing;
mod event;
mod explain;
mod give;
mod lookup;
mod past;
pub mod rules;
pub mod settle;
mod then;
mod trail;
mod verify;

use serde_json::{Map, Value, json};

use super::office::{Command, Office, OfficeError};
use super::opening;
use crate::ledger::Book;

/// Every command with its name on the admin socket.
pub const COMMANDS: &[(&str, Command)] = &[
    ("status", status),
    ("confirm-clock", confirm_clock),
    ("settle", settle::run),
    ("ledger-verify", verify::verify),
    ("ledger-balance", past::balance),
    ("ledger-history", past::history),
    ("ledger-entry", lookup::entry),
    ("ledger-event", event::event),
    ("ledger-position", clearing::position),
    ("ledger-obligations", clearing::obligations),
    ("ledger-add-card", add_card::add_card),
    ("ledger-card", card::card),
    ("ledger-grant", give::grant),
    ("ledger-vouchers", give::vouchers),
    ("ledger-tokens", give::tokens),
    ("ledger-archive", archive::archive),
    ("ledger-backup", backup::backup),
    ("ledger-rebuild", backup::rebuild),
    ("ledger-open", opening::open),
    ("explain", explain::explain),
    ("explain-entry", explain::entry),
    ("rules-load", rules::load),
    ("rules-approve", rules::approve),
    ("rules-cancel", rules::cancel),
    ("rules-list", rules::list),
    ("rules-show", rules::show),
];

/// How the switch stands: where the journal is, what is in the book, what stands against being ready.
fn status(
    office: &mut Office,
    _words: &Value,
    _progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let mut status = office.look(|engine, now| {
        let mut status = book(engine.book());
        status["at_unix_s"] = json!(now.seconds());
        status
    })?;
    status["running"] = json!(office.health().is_some());
    status["version"] = json!(env!("CARGO_PKG_VERSION"));
    status["data"] = json!(office.config().data.display().to_string());
    status["durable"] = json!(office.journal().last_sequence());
    status["store"] = json!(office.store().map(|store| store.position().sequence));
    status["token_key"] = json!(office.token_key().check_value().to_string());
    let clock = office.clock().state();
    status["clock"] = json!({ "set_ahead_s": clock.set_ahead_s, "jumped_s": clock.jumped_s });
    if let Some(health) = office.health() {
        let reasons = health.reasons();
        status["ready"] = json!(reasons.is_empty());
        status["reasons"] = json!(reasons);
        status["last_reload"] = health.reload();
    }
    Ok(status)
}

/// What is in a book, in figures.
fn book(book: &Book) -> Value {
    let names = book.names();
    let days: Map<String, Value> = names
        .acquirers()
        .filter_map(|id| {
            let day = book.open_day(id)?;
            Some((names.acquirer(id).to_owned(), json!(day.to_string())))
        })
        .collect();
    let rules = book.rule_set().map(|set| {
        let sha256: String = set
            .sha256
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        json!({ "number": set.number.0, "sha256": sha256 })
    });
    json!({
        "sequence": book.sequence().0,
        "members": book.member_count(),
        "accounts": book.account_count(),
        "imbalance": book.imbalance(),
        "open_days": days,
        "rule_set": rules,
    })
}

/// Follows the machine's clock to where it jumped.
fn confirm_clock(
    office: &mut Office,
    _words: &Value,
    _progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let jumped = office.clock().confirm();
    if jumped {
        tracing::warn!("the clock was confirmed by an operator");
    }
    Ok(json!({ "jumped": jumped }))
}
