//! The rule files that the configuration names, or those built in, made ready to be put in force.

use std::sync::Arc;
use std::time::Duration;

use super::clock::Clock;
use crate::config::Config;
use crate::engine::{Act, ActError, Engine, Limits};
use crate::ledger::{Book, Names};
use crate::rulefile::{self, Loaded};
use crate::rules::Rulebook;
use crate::source::Faults;
use crate::terms::Moment;

/// The rule files that come with the program: their names and texts.
pub const SHIPPED: [(&str, &str); 2] = [
    (
        "world/shared.toml",
        include_str!("../../conf/rules/world/shared.toml"),
    ),
    (
        "clubs/golestan.toml",
        include_str!("../../conf/rules/clubs/golestan.toml"),
    ),
];

/// Compiles the rules that the configuration names, against the names that the book knows.
///
/// # Errors
/// Every fault of every file.
pub fn load(config: &Config, names: &Names) -> Result<Loaded, Faults> {
    match &config.rules {
        Some(folder) => rulefile::load(folder, names),
        None => rulefile::compile(&SHIPPED, names),
    }
}

/// The clock as the configuration sets it. Its start is told in the zone of the rules.
pub fn clock(config: &Config, rules: &Rulebook, book: &Book) -> Clock {
    let start = config
        .clock_start
        .map(|start| rules.world.zone.moment(start));
    Clock::new(start, book.at())
}

/// An engine that decides by these rules. They are still to be put in force where the engine says so.
pub fn engine(config: &Config, book: Book, rules: Arc<Rulebook>) -> Engine {
    let days = |span: Duration| i32::try_from(span.as_secs().div_ceil(86_400)).unwrap_or(i32::MAX);
    let limits = Limits {
        duplicate_days: days(config.limits.duplicate_window),
        advice_days: days(config.limits.advice_max_age),
        recent_entries: config.limits.recent_entries,
        ..Limits::default()
    };
    Engine::new(book, rules, limits)
}

/// Puts the rules at hand in force where the book knows others. `true` when it did.
///
/// # Errors
/// When they were compiled against other names than the book has now.
pub fn put_in_force(engine: &mut Engine, now: Moment) -> Result<bool, ActError> {
    if engine.rules_in_force() {
        return Ok(false);
    }
    let rules = Arc::clone(engine.rules());
    engine.act(Act::LoadRules(rules), now)?;
    Ok(true)
}
