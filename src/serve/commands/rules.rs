//! `rules load`, `approve`, `cancel`, `list`, `show`: what is done with rule sets. Files are read, checked and compiled on the thread of
//! the command; the decider only puts the finished set in place.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::{fs, io};

use serde_json::{Value, json};

use crate::engine::{Act, ActError, Engine, Load, Order};
use crate::ledger::sets::Done;
use crate::ledger::{Names, RuleSet, RuleSets};
use crate::rulefile::{self, Loaded};
use crate::serve::office::{Office, OfficeError};
use crate::serve::{rules, turns};
use crate::source::{Fault, Faults, PERSIAN, Place, Severity, Source};
use crate::terms::{Local, Moment, Sequence, SetNumber, Zone};
use crate::words::phrases::Phrasebook;

/// `{"texts": [["clubs/golestan.toml", "…"], …]?, "at": "1405/10/01 00:00"?, "why": "…"?}` → what became of it. Without texts the files
/// of the configuration are read.
pub(super) fn load(
    office: &mut Office,
    words: &Value,
    _progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let wanted = Wanted {
        texts: texts(words)?,
        at: words["at"].as_str().map(str::to_owned),
        why: words["why"].as_str().unwrap_or_default().to_owned(),
    };
    match wanted.load(office) {
        Ok(Ok(done)) => {
            office.reloaded(None);
            Ok(done)
        }
        Ok(Err(faults)) => {
            let first = faults.0.iter().find(|f| f.severity == Severity::Error);
            let first = first.map(ToString::to_string).unwrap_or_default();
            office.reloaded(Some(&format!("{} faults: {first}", faults.errors())));
            Ok(refused(&faults))
        }
        Err(error) => {
            office.reloaded(Some(&crate::cli::chain(&error)));
            Err(error)
        }
    }
}

/// What is to be loaded.
struct Wanted {
    texts: Option<Vec<(String, String)>>,
    at: Option<String>,
    why: String,
}

impl Wanted {
    /// Outside: the world failed, or it may not be. Inside: the faults of the files.
    fn load(&self, office: &mut Office) -> Result<Result<Value, Faults>, OfficeError> {
        for _ in 0..rules::TRIES {
            let (names, now) = office.look(|engine, now| (engine.names(), now))?;
            let loaded = match self.compiled(office, &names) {
                Ok(loaded) => loaded,
                Err(faults) => return Ok(Err(faults)),
            };
            // Held any longer, the book would copy its table to change it.
            drop(names);
            let from = match hour(self.at.as_deref(), &loaded.rulebook.world.zone, now) {
                Ok(from) => from,
                Err(faults) => return Ok(Err(faults)),
            };
            let hash = loaded.rulebook.sha256;
            let known = office.look(move |engine, _| there_already(engine, hash, from))?;
            if let Some((state, set)) = known {
                let mut told = told(&set, office)?;
                told["state"] = json!(state);
                return Ok(Ok(told));
            }
            let data = office.data().to_owned();
            rules::keep(&data, &loaded).map_err(|source| OfficeError::Io {
                doing: "keep the rule files".to_owned(),
                source,
            })?;
            let (notes, unsaid) = turns::aside(|| notes(&loaded.notes));
            let order = Order::Load(Load {
                rules: Arc::new(loaded.rulebook),
                by: office.by().clone(),
                why: self.why.clone(),
                from,
            });
            match office.ask(move |engine, now| {
                let entry = engine.act(Act::Order(order), now)?;
                Ok::<_, ActError>((entry, newest(engine)))
            })? {
                Err(ActError::StaleNames) => {}
                Err(error) => return Err(OfficeError::Refused(error.to_string())),
                Ok((entry, number)) => {
                    let set = set(office, number)?;
                    let mut told = told(&set, office)?;
                    told["entry"] = json!(entry.0);
                    told["notes"] = notes;
                    told["notes_unsaid"] = json!(unsaid);
                    return Ok(Ok(told));
                }
            }
        }
        Err(OfficeError::Refused(ActError::StaleNames.to_string()))
    }

    fn compiled(&self, office: &Office, names: &Names) -> Result<Loaded, Faults> {
        match &self.texts {
            Some(texts) => {
                let texts: Vec<(&str, &str)> = texts
                    .iter()
                    .map(|(name, text)| (name.as_str(), text.as_str()))
                    .collect();
                turns::aside(|| rulefile::compile(&texts, names))
            }
            None => {
                let config = office.config();
                turns::aside(|| rules::load(config, names))
            }
        }
    }
}

/// `{"number": 42, "why": "…"?}` → the set, approved and, unless it has an hour to wait for, in force.
pub(super) fn approve(
    office: &mut Office,
    words: &Value,
    _progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let number = number(words)?;
    let set = set(office, number)?;
    // What was right when it was proposed may not be any more: it is checked before anybody stands for it.
    let names = office.look(|engine, _| engine.names())?;
    if let Err(found) = rules::kept(office.data(), &set.sha256, &names) {
        return Ok(refused(&found));
    }
    let order = Order::Approve {
        number,
        by: office.by().clone(),
        why: words["why"].as_str().unwrap_or_default().to_owned(),
    };
    let entry = done(office, order)?;
    if set.planned.is_none_or(|at| at <= office.clock().now())
        && let Err(found) = rules::arm(office, number, &set.sha256)?
    {
        return Ok(refused(&found));
    }
    office.reloaded(None);
    let set = self::set(office, number)?;
    let mut told = told(&set, office)?;
    told["entry"] = json!(entry.0);
    Ok(told)
}

/// `{"number": 42, "why": "…"?}` → the set, taken back.
pub(super) fn cancel(
    office: &mut Office,
    words: &Value,
    _progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let number = number(words)?;
    let order = Order::Withdraw {
        number,
        by: office.by().clone(),
        why: words["why"].as_str().unwrap_or_default().to_owned(),
    };
    let entry = done(office, order)?;
    let set = set(office, number)?;
    let mut told = told(&set, office)?;
    told["entry"] = json!(entry.0);
    Ok(told)
}

/// `{}` → every set, by number.
pub(super) fn list(
    office: &mut Office,
    _words: &Value,
    _progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let (sets, zone) = known(office)?;
    let rows = sets.all().into_iter().map(|set| row(set, &sets, &zone));
    Ok(json!({ "sets": rows.collect::<Vec<_>>() }))
}

/// `{"number": 42?}` → the set (the one in force where none is named) with its files as they were.
pub(super) fn show(
    office: &mut Office,
    words: &Value,
    _progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let set = match words["number"].as_u64() {
        Some(_) => set(office, number(words)?)?,
        None => office
            .look(|engine, _| engine.book().rule_set().cloned())?
            .ok_or_else(|| OfficeError::Refused("no rule set is in force yet".to_owned()))?,
    };
    let place = rules::place(office.data(), &set.sha256);
    let mut files = Vec::new();
    read(&place, "", &mut files).map_err(|source| OfficeError::Io {
        doing: format!("read the kept files in {}", place.display()),
        source,
    })?;
    files.sort();
    let mut told = told(&set, office)?;
    told["files"] = files
        .into_iter()
        .map(|(name, text)| json!({ "name": name, "text": text }))
        .collect();
    Ok(told)
}

/// The files below a folder, each with its name below it.
fn read(dir: &Path, below: &str, files: &mut Vec<(String, String)>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            read(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.push((name, fs::read_to_string(entry.path())?));
        }
    }
    Ok(())
}

fn done(office: &mut Office, order: Order) -> Result<Sequence, OfficeError> {
    office
        .ask(move |engine, now| engine.act(Act::Order(order), now))?
        .map_err(|error| OfficeError::Refused(error.to_string()))
}

/// The set that was last written down.
fn newest(engine: &Engine) -> SetNumber {
    let next = engine.book().rule_sets().next_number();
    SetNumber(next.0.saturating_sub(1))
}

/// Whether files need no entry: they are in force and nothing else is to come, or wait already for the same hour.
fn there_already(
    engine: &Engine,
    sha256: [u8; 32],
    from: Option<Moment>,
) -> Option<(&'static str, RuleSet)> {
    let sets = engine.book().rule_sets();
    let waits = sets
        .waiting()
        .find(|set| set.sha256 == sha256 && set.planned == from);
    if let Some(set) = waits {
        return Some(("waits-already", set.clone()));
    }
    let now = sets.now().filter(|set| set.sha256 == sha256)?;
    (from.is_none() || sets.waiting().next().is_none()).then(|| ("same", now.clone()))
}

/// The moment that `--at` names.
fn hour(at: Option<&str>, zone: &Zone, now: Moment) -> Result<Option<Moment>, Faults> {
    let Some(text) = at else { return Ok(None) };
    let place = Place {
        source: Arc::new(Source::new("--at", text)),
        span: Some(0..text.len()),
    };
    let Some(local) = Local::parse(text) else {
        let title = format!("{text:?} is no moment");
        let mend = "a Jalali day and a time: \"1405/10/01 00:00\"";
        return Err(Fault::error("R05", place, title).mend(mend).into());
    };
    let moment = zone.moment(local);
    if moment <= now {
        let title = "rules cannot come into force in the past";
        let why = format!(
            "it is {} now ({}); purchases since then are decided, and days may be closed",
            zone.local(now),
            zone.name(),
        );
        return Err(Fault::error("R21", place, title)
            .label("this moment is past")
            .why(why)
            .mend("name a moment to come, or leave --at out")
            .into());
    }
    Ok(Some(moment))
}

pub(super) fn texts(words: &Value) -> Result<Option<Vec<(String, String)>>, OfficeError> {
    let Some(rows) = words["texts"].as_array() else {
        return Ok(None);
    };
    let row = |row: &Value| Some((row[0].as_str()?.to_owned(), row[1].as_str()?.to_owned()));
    let texts: Option<Vec<_>> = rows.iter().map(row).collect();
    match texts {
        // Their names become paths below the folder of kept files.
        Some(texts) if texts.iter().all(|(name, _)| is_below(name)) => Ok(Some(texts)),
        _ => Err(OfficeError::Refused(
            "the command needs \"texts\" as pairs of a path below the folder and its text"
                .to_owned(),
        )),
    }
}

fn is_below(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    !name.is_empty() && parts.all(|part| matches!(part, std::path::Component::Normal(_)))
}

fn number(words: &Value) -> Result<SetNumber, OfficeError> {
    let number = words["number"].as_u64().and_then(|n| u32::try_from(n).ok());
    number.map(SetNumber).ok_or_else(|| {
        OfficeError::Refused("the command needs \"number\", that of a rule set".to_owned())
    })
}

fn set(office: &mut Office, number: SetNumber) -> Result<RuleSet, OfficeError> {
    office
        .look(move |engine, _| engine.book().rule_sets().get(number).cloned())?
        .ok_or_else(|| OfficeError::Refused(ActError::NoSet(number).to_string()))
}

fn known(office: &mut Office) -> Result<(RuleSets, Zone), OfficeError> {
    office.look(|engine, _| {
        let zone = engine.rules().world.zone.clone();
        (engine.book().rule_sets().clone(), zone)
    })
}

fn told(set: &RuleSet, office: &mut Office) -> Result<Value, OfficeError> {
    let (sets, zone) = known(office)?;
    Ok(row(set, &sets, &zone))
}

/// A set as it is told.
fn row(set: &RuleSet, sets: &RuleSets, zone: &Zone) -> Value {
    let moment = |at: Moment| zone.local(at).to_string();
    let done = |done: &Done| json!({ "by": done.by.name, "uid": done.by.uid, "at": moment(done.at), "why": done.why });
    let at = sets.in_force().iter().position(|s| s.number == set.number);
    let next = at.and_then(|at| sets.in_force().get(at + 1));
    let state = match (at, &set.withdrawn) {
        (Some(_), _) if next.is_none() => "in-force",
        (Some(_), _) => "was-in-force",
        (None, Some(_)) => "taken-back",
        (None, None) if !set.is_ready() => "waits-for-approval",
        (None, None) => "waits-for-its-hour",
    };
    json!({
        "number": set.number.0,
        "state": state,
        "since": set.from.map(moment),
        "until": next.and_then(|next| next.from).map(moment),
        "planned": set.planned.map(moment),
        "sha256": rules::hex(&set.sha256),
        "clubs": (set.clubs > 0).then_some(set.clubs),
        "rules": (set.clubs > 0).then_some(set.rules),
        "loaded": done(&set.loaded),
        "approval": set.approval,
        "approved": set.approved.as_ref().map(done),
        "withdrawn": set.withdrawn.as_ref().map(done),
    })
}

/// Nothing changed, and why.
pub(super) fn refused(found: &Faults) -> Value {
    let faults: Value = turns::aside(|| found.0.iter().map(fault).collect());
    json!({ "state": "refused", "faults": faults })
}

/// As many notes are told of a load; `rules check` tells all.
const NOTES_TOLD: usize = 100;

/// The first notes, and how many more there are.
fn notes(found: &Faults) -> (Value, usize) {
    let told = found.0.iter().take(NOTES_TOLD).map(fault).collect();
    (told, found.0.len().saturating_sub(NOTES_TOLD))
}

/// A fault as [`plain`], and as it is drawn for people, in both languages.
pub fn fault(fault: &Fault) -> Value {
    let mut told = plain(fault);
    told["drawn"] = json!(fault.drawn(true));
    let persian = fault.told(|text| phrasebook().persian(text));
    told["drawn_fa"] = json!(persian.drawn_in(&PERSIAN, true));
    told
}

/// A fault for other programs: line and column count from 1, the column as displayed; 0 is the file as a whole.
pub fn plain(fault: &Fault) -> Value {
    json!({
        "code": fault.code,
        "severity": match fault.severity { Severity::Error => "error", Severity::Note => "note" },
        "file": fault.place.source.name,
        "line": fault.place.line(),
        "column": fault.place.column(),
        "title": fault.title,
        "label": fault.label,
        "why": fault.why,
        "mend": fault.mend,
    })
}

fn phrasebook() -> &'static Phrasebook {
    static BOOK: OnceLock<Phrasebook> = OnceLock::new();
    BOOK.get_or_init(rulefile::phrasebook)
}
