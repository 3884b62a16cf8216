//! The rule files that the configuration names, or those built in, made ready to be put in force; the files of every set kept, and
//! compiled again when its hour comes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fs, io};

use super::clock::Clock;
use super::office::{Office, OfficeError};
use super::turns;
use crate::config::Config;
use crate::engine::{Act, ActError, Engine, Limits, Order};
use crate::ledger::{Book, By, Names};
use crate::rulefile::{self, Loaded};
use crate::rules::Rulebook;
use crate::source::{Fault, Faults, Place};
use crate::terms::{Moment, Sequence, SetNumber};

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

/// The folder, below the data folder, in which the files of every rule set lie that was ever loaded, by their hash.
pub(super) const KEPT: &str = "rule-sets";

/// One at a time keeps files: two that load the same would meet in the same folder.
static KEEPING: Mutex<()> = Mutex::new(());

/// Keeps the files of a rule set, so that what happened under it can be judged by it later too.
///
/// # Errors
/// When they cannot be written.
pub fn keep(data: &Path, loaded: &Loaded) -> io::Result<()> {
    let _alone = KEEPING.lock().unwrap_or_else(PoisonError::into_inner);
    let place = place(data, &loaded.rulebook.sha256);
    if place.is_dir() {
        return Ok(());
    }
    let draft = place.with_extension("new");
    // One that a crash has left may hold more than we write.
    if draft.exists() {
        fs::remove_dir_all(&draft)?;
    }
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

/// Where the files of a set are kept.
pub(super) fn place(data: &Path, sha256: &[u8; 32]) -> PathBuf {
    data.join(KEPT).join(hex(sha256))
}

/// Compiles a set again from the files that were kept of it.
///
/// # Errors
/// When they are gone, are no longer those, or cannot be obeyed any more.
pub fn kept(data: &Path, sha256: &[u8; 32], names: &Names) -> Result<Loaded, Faults> {
    let place = place(data, sha256);
    let loaded = rulefile::load(&place, names)?;
    if loaded.rulebook.sha256 != *sha256 {
        let found = hex(&loaded.rulebook.sha256);
        let title = format!("the kept files were changed: their SHA-256 is {found} now");
        let name = place.display().to_string();
        return Err(Fault::error("R01", Place::file(name), title).into());
    }
    Ok(loaded)
}

/// The rule sets before the one in force that an advice may still ask for. What is not there any more, or not compiled
/// any more, is told and left out.
pub fn older(config: &Config, book: &Book, now: Moment) -> Vec<Arc<Rulebook>> {
    let oldest = now.plus_seconds(-(config.limits.advice_max_age.as_secs() as i64));
    let sets = book.rule_sets().in_force();
    let ended = sets.iter().zip(sets.iter().skip(1).map(|next| next.from));
    ended
        .filter(|(_, end)| *end >= Some(oldest))
        .filter_map(
            |(set, _)| match kept(&config.data, &set.sha256, book.names()) {
                Ok(loaded) => Some(Arc::new(Rulebook {
                    number: set.number,
                    ..loaded.rulebook
                })),
                Err(faults) => {
                    tracing::warn!(
                        "rule set {} cannot be read again, its advices are judged by the one in force: {}",
                        set.number,
                        faults,
                    );
                    None
                }
            },
        )
        .collect()
}

pub(super) fn hex(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The rules that a start begins with.
#[derive(Debug)]
pub struct Start {
    /// By these an engine begins: those in force where the book knows any and they are kept.
    pub rules: Arc<Rulebook>,
    /// These come into force then: the files at hand are new.
    pub new: Option<Arc<Rulebook>>,
    /// The files at hand, to be kept before they come into force.
    pub loaded: Loaded,
    /// What the operator should know of it.
    pub warning: Option<String>,
}

/// Chooses the rules of a start. Files that were never loaded come into force by it; files that were, and are not in force, do not
/// come back by it: what the journal says holds, whatever set was loaded since, from wherever.
///
/// # Errors
/// Every fault of the files at hand; also when they are not needed.
pub fn at_start(config: &Config, book: &Book) -> Result<Start, Faults> {
    let loaded = load(config, book.names())?;
    let at_hand = Arc::new(loaded.rulebook.clone());
    let two_persons = |rules: &Rulebook| rules.clubs.iter().any(|club| club.two_persons);
    let asks_two = two_persons(&at_hand);
    let start = |rules, new, warning| Start {
        rules,
        new,
        loaded,
        warning,
    };
    let same = |sha256: &[u8; 32]| *sha256 == at_hand.sha256;
    let Some(set) = book.rule_set().filter(|set| !same(&set.sha256)) else {
        return Ok(start(at_hand, None, None));
    };
    let (number, known) = (set.number, book.rule_sets().all());
    let in_force = match kept(&config.data, &set.sha256, book.names()) {
        Ok(kept) => Arc::new(kept.rulebook),
        Err(faults) => {
            let why = format!(
                "rule set {number} is in force and its files are not kept as they were, those at hand come into force: {faults}"
            );
            return Ok(start(at_hand, None, Some(why)));
        }
    };
    if let Some(known) = known.iter().rev().find(|set| same(&set.sha256)) {
        let why = format!(
            "rule set {number} stays in force: the rule files at hand are those of set {}; `clubswitch rules load` puts them in force",
            known.number
        );
        return Ok(start(in_force, None, Some(why)));
    }
    if two_persons(&in_force) || asks_two {
        let why = format!(
            "rule set {number} stays in force: the rule files at hand are others, and a club asks for two persons; `clubswitch rules load` proposes them"
        );
        return Ok(start(in_force, None, Some(why)));
    }
    Ok(start(in_force, Some(at_hand), None))
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
    Engine::new(book, rules, limits(config))
}

/// What the configuration holds an engine to.
pub(super) fn limits(config: &Config) -> Limits {
    let days = |span: Duration| i32::try_from(span.as_secs().div_ceil(86_400)).unwrap_or(i32::MAX);
    Limits {
        duplicate_days: days(config.limits.duplicate_window),
        advice_days: days(config.limits.advice_max_age),
        recent_entries: config.limits.recent_entries,
        ..Limits::default()
    }
}

/// Puts the rules that an engine was made with in force where the book knows others. `true` when it did.
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

/// How long before its hour a set that waits is compiled again.
const ARM_WITHIN_S: i64 = 60;
/// How often a set is compiled again because names came meanwhile.
pub(super) const TRIES: usize = 8;

/// Whether a set waits for its hour and is to be compiled now.
pub(super) fn is_to_arm(engine: &Engine, now: Moment) -> bool {
    !engine.to_arm(ARM_WITHIN_S, now).is_empty()
}

/// Compiles again what waits and comes into force soon, or should be in force already. What has faults now is taken back, and told.
///
/// # Errors
/// When the journal cannot be written or the switch has stopped.
pub(super) fn arm_due(office: &mut Office) -> Result<(), OfficeError> {
    let due = office.look(|engine, now| engine.to_arm(ARM_WITHIN_S, now))?;
    for (number, sha256) in due {
        if let Err(faults) = arm(office, number, &sha256)? {
            let first = faults.0.first().map(ToString::to_string);
            let why = format!("{} faults: {}", faults.errors(), first.unwrap_or_default());
            tracing::error!("rule set {number} does not come into force: {why}");
            office.reloaded(Some(&why));
            let by = By::switch("clock");
            let order = Order::Withdraw { number, by, why };
            // Somebody may have taken it back meanwhile.
            let _ = office.ask(move |engine, now| engine.act(Act::Order(order), now))?;
        }
    }
    Ok(())
}

/// Compiles a set that has only its hour to wait for, if anything, and hands it to the engine.
///
/// # Errors
/// Outside: the world failed. Inside: its faults.
pub(super) fn arm(
    office: &mut Office,
    number: SetNumber,
    sha256: &[u8; 32],
) -> Result<Result<Option<Sequence>, Faults>, OfficeError> {
    for _ in 0..TRIES {
        let names = office.look(|engine, _| engine.names())?;
        let data = &office.config().data;
        let rules = match turns::aside(|| kept(data, sha256, &names)) {
            Ok(loaded) => Arc::new(loaded.rulebook),
            Err(faults) => return Ok(Err(faults)),
        };
        match office.ask(move |engine, now| engine.arm(number, rules, now))? {
            Err(ActError::StaleNames) => {}
            // It was taken back meanwhile.
            Err(_) => return Ok(Ok(None)),
            Ok(entry) => return Ok(Ok(entry)),
        }
    }
    Err(OfficeError::Refused(ActError::StaleNames.to_string()))
}
