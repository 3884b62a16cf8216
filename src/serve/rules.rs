//! The rule files that the configuration names, or those built in, made ready to be put in force.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

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

/// The folder, below the data folder, in which the files of every rule set lie that was ever put in force, by their hash.
pub(super) const KEPT: &str = "rule-sets";

/// Keeps the files of a rule set, so that what happened under it can be judged by it later too.
///
/// # Errors
/// When they cannot be written.
pub fn keep(data: &Path, loaded: &Loaded) -> io::Result<()> {
    let place = data.join(KEPT).join(hex(&loaded.rulebook.sha256));
    if place.is_dir() {
        return Ok(());
    }
    let draft = place.with_extension("new");
    for (name, text) in &loaded.texts {
        let file = draft.join(name);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&file, text)?;
        let folders = file.ancestors().skip(1);
        for made in folders.take_while(|folder| folder.starts_with(&draft)) {
            sync(made)?;
        }
        sync(&file)?;
    }
    fs::rename(&draft, &place)?;
    sync(&data.join(KEPT))?;
    sync(data)
}

fn sync(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

/// The rule sets before the one in force that an advice may still ask for. What is not there any more, or not compiled
/// any more, is told and left out.
pub fn older(config: &Config, book: &Book, now: Moment) -> Vec<Arc<Rulebook>> {
    let oldest = now.plus_seconds(-(config.limits.advice_max_age.as_secs() as i64));
    let sets = book.rule_sets();
    let ended = |at: usize| sets.get(at + 1).map(|next| next.from);
    (0..sets.len())
        .filter(|at| ended(*at).is_some_and(|end| end >= oldest))
        .filter_map(|at| {
            let place = config.data.join(KEPT).join(hex(&sets[at].sha256));
            match rulefile::load(&place, book.names()) {
                Ok(loaded) => Some(Arc::new(loaded.rulebook)),
                Err(faults) => {
                    tracing::warn!(
                        "rule set {} cannot be read again, its advices are judged by the one in force: {}",
                        sets[at].number,
                        faults,
                    );
                    None
                }
            }
        })
        .collect()
}

fn hex(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
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
