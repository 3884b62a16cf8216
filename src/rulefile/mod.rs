//! Rule files → a compiled rulebook, or every fault of every file with its place and its mend.
//!
//! A folder of rules has `world/*.toml` (calendar, shops, people), `clubs/*.toml` (one club a file), `cards/*.toml` (one
//! card product a file) and `clearing/*.toml` (what is between clubs). First every file is parsed, then the world is read,
//! then each club in the order of its file name, then what refers to clubs; all of them write to one log.

mod cap;
mod card;
mod circle;
mod clearing;
mod club;
pub mod cost;
pub mod diff;
mod effect;
mod house;
mod inherit;
#[rustfmt::skip] // A row of the table is a line or two.
pub mod keys;
mod known;
mod list;
mod never;
mod span;
mod when;
mod world;

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::ledger::Names;
use crate::rules::{Clearing, Club, Rulebook};
use crate::source::{Fault, FaultLog, Faults, File, Language, Place, names_in, read_text};
use crate::terms::SetNumber;
use crate::words::phrases::Phrasebook;

use inherit::Heir;
use known::{Ids, Known};

pub use never::over;

/// A rule set that can be put in force.
#[derive(Debug)]
pub struct Loaded {
    /// The rules; their number is given by the entry that puts them in force.
    pub rulebook: Rulebook,
    /// What is worth a look and does not stop the load.
    pub notes: Faults,
    /// The files it was compiled from, each with its name below the folder: what [`compile`] takes again.
    pub texts: Vec<(String, String)>,
}

/// The rule language, and the checks its faults are numbered by.
pub const LANGUAGE: Language = Language {
    name: "the rule language",
    syntax: "R01",
    unknown: "R02",
    form: "R03",
    percent: "R04",
    date: "R05",
    hours: "R06",
    name_form: "R07",
};

/// The sentences of faults in Persian, with the words that the table of keys has for tables and keys.
pub fn phrasebook() -> Phrasebook {
    let mut words = Vec::new();
    for shape in keys::shapes() {
        words.push((shape.what, shape.fa));
        words.extend(shape.keys.iter().map(|key| (key.en, key.fa)));
    }
    Phrasebook::new(words)
}

/// Reads the rules of a folder against the names that the book knows.
pub fn load(dir: &Path, names: &Names) -> Result<Loaded, Faults> {
    let log = FaultLog::default();
    let mut files = Vec::new();
    let mut complete = true;
    match names_in(dir) {
        Ok(found) => {
            for name in found.iter().filter(|name| name.ends_with(".toml")) {
                let title = "a rule file must lie in world/, clubs/, cards/ or clearing/";
                log.add(Fault::error("R02", Place::file(name), title).mend("move it there"));
            }
        }
        Err(error) => {
            let name = dir.display().to_string();
            let title = format!("the folder of rules cannot be read: {error}");
            return Err(Fault::error("R01", Place::file(name), title).into());
        }
    }
    for (folder, _) in keys::FILES {
        let below = dir.join(folder);
        for name in names_in(&below).unwrap_or_default() {
            if !name.ends_with(".toml") {
                continue;
            }
            let shown = format!("{folder}/{name}");
            match File::read(&below.join(&name), &shown, &LANGUAGE, &log) {
                Some(file) => files.push(file),
                None => complete = false,
            }
        }
    }
    let mut lists = Vec::new();
    for name in names_in(&dir.join("lists")).unwrap_or_default() {
        let shown = format!("lists/{name}");
        match read_text(&dir.join(&shown)) {
            Ok(text) => lists.push((shown, text)),
            Err(error) => {
                let title = format!("the file cannot be read: {error}");
                log.add(Fault::error("R01", Place::file(&shown), title));
                complete = false;
            }
        }
    }
    let rulebook = rulebook(&files, &lists, complete, names, &log);
    loaded(rulebook, &files, lists, log)
}

/// Compiles rules from texts, each with its name, as `("clubs/golestan.toml", "...")`.
pub fn compile(texts: &[(&str, &str)], names: &Names) -> Result<Loaded, Faults> {
    let log = FaultLog::default();
    let is_list = |(name, _): &(&str, &str)| name.starts_with("lists/");
    let (lists, files): (Vec<_>, Vec<_>) = texts.iter().copied().partition(is_list);
    let count = files.len();
    let files: Vec<File> = files
        .into_iter()
        .filter_map(|(name, text)| File::parse(name, text, &LANGUAGE, &log))
        .collect();
    let complete = files.len() == count;
    let owned = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
    let lists: Vec<(String, String)> = lists.into_iter().map(owned).collect();
    let rulebook = rulebook(&files, &lists, complete, names, &log);
    loaded(rulebook, &files, lists, log)
}

/// A rulebook and its notes, or the faults.
fn loaded(
    rulebook: Option<Rulebook>,
    files: &[File],
    lists: Vec<(String, String)>,
    log: FaultLog,
) -> Result<Loaded, Faults> {
    let failed = log.has_errors();
    let notes = log.into_faults();
    match rulebook {
        Some(rulebook) if !failed => Ok(Loaded {
            rulebook,
            notes,
            texts: files
                .iter()
                .map(|file| (file.name().to_owned(), file.text().to_owned()))
                .chain(lists)
                .collect(),
        }),
        _ => Err(notes),
    }
}

/// The rulebook of some files; it is good for use only if nothing was logged as an error.
fn rulebook(
    files: &[File],
    lists: &[(String, String)],
    complete: bool,
    names: &Names,
    log: &FaultLog,
) -> Option<Rulebook> {
    let mut ids = Ids::new(names);
    let of = |folder: &str| -> Vec<&File> {
        let is_in = |file: &&File| file.name().split('/').next() == Some(folder);
        files.iter().filter(is_in).collect()
    };
    let mut world = world::read(&of("world"), lists, complete, &mut ids, log);
    let (clearing_files, federations) = clearing::open(&of("clearing"), complete, log);
    world.federations = federations;
    let (drafts, products) = card::open(&of("cards"), lists, &world, complete, log);
    world.card_products = products;
    let mut aliases = Known::new("alias", true);
    if let Some(value) = world.operator_alias
        && let Some(alias) = value.text()
    {
        aliases.add(alias, value.place(), value, ());
    }
    let mut taken = Known::new("club", true);
    let club_files = of("clubs");
    let heirs = inherit::heirs(&club_files, complete, log);
    let mut read: Vec<Option<Club>> = vec![None; heirs.len()];
    for at in inherit::reading(&heirs) {
        let mut club = |file, above, log: &FaultLog| {
            club::read(file, above, &world, &mut taken, &mut aliases, &mut ids, log)
        };
        read[at] = match &heirs[at] {
            Heir::Alone => club(club_files[at], None, log),
            Heir::Of(whole, above) => read[*above].as_ref().and_then(|above| {
                let own = FaultLog::default();
                let found = club(whole, Some((above, log)), &own);
                inherit::hand_on(own, whole, log);
                found
            }),
            Heir::Lost => None,
        };
    }
    if !complete || read.iter().any(Option::is_none) {
        taken.is_not_complete();
    }
    let clubs = inherit::standing(&heirs).into_iter();
    let mut clubs: Vec<Club> = clubs.filter_map(|at| read[at].take()).collect();
    let known = clearing::Clubs {
        names: &taken,
        read: &clubs,
    };
    let cards = card::compile(drafts, &world, &known, &mut ids);
    let parents = clearing::parents(&club_files, log);
    let federations = world.federations.as_ref();
    clearing::check(&clearing_files, federations, &known, &parents);
    let mut between = Clearing::default();
    if !log.has_errors() {
        between = house::compile(&clearing_files, &clubs, &mut ids);
        house::count_elsewhere(&between, &mut clubs, &mut ids);
        card::note(&of("cards"), log);
        clearing::note(&clearing_files);
    }
    if let Some(kind) = ids.full {
        let title = format!("there are more {kind} than this switch can number");
        log.add(Fault::error("R07", Place::file("rules"), title));
    }
    Some(Rulebook {
        number: SetNumber(0),
        sha256: hash(files, lists),
        world: world.compiled?,
        clubs,
        clearing: between,
        cards,
        names: ids.new,
    })
}

/// SHA-256 over the files in their order: name, length, text of each.
fn hash(files: &[File], lists: &[(String, String)]) -> [u8; 32] {
    let mut hash = Sha256::new();
    let files = files.iter().map(|file| (file.name(), file.text()));
    let lists = lists.iter().map(|(name, text)| (&**name, &**text));
    for (name, text) in files.chain(lists) {
        hash.update(name.as_bytes());
        hash.update([0]);
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    hash.finalize().into()
}
