//! `settle`: the files of a day, read from the journal in a stream and published by rename; from where the last day before it
//! was closed, if that is known.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::cli::chain;
use crate::engine::{Act, ActError, Engine};
use crate::serve::data;
use crate::serve::office::{Office, OfficeError, step, text};
use crate::settle::publish::folder_name;
use crate::settle::{self, Carry, Folder, Published, SettleError, manifest};
use crate::terms::{Day, JalaliDate, Moment, Sequence};

/// Where settlement folders go below the data folder.
pub const FOLDER: &str = "settlement";

/// The file in the data folder that names the days whose files were published, a line each.
pub(in crate::serve) const SETTLED: &str = "settled";

/// The folder in the data folder of what closed days hand on, a file each.
pub(super) const CARRIED: &str = "carried";

/// So many days are kept there.
const CARRIED_MOST: usize = 10;

/// Two runs would write to the same place.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Words: `day` (`1405/08/30` or `today`), `out` (a folder, absolute), `close` (turn the day first).
///
/// # Errors
/// When the day is none or has not begun, or the files cannot be made.
pub(super) fn run(
    office: &mut Office,
    words: &Value,
    progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let asked = match text(words, "day")? {
        "today" => None,
        day => Some(parse(day)?),
    };
    let close = words["close"].as_bool().unwrap_or(false);
    let out = words["out"].as_str().map(PathBuf::from);
    let out = out.unwrap_or_else(|| office.config().data.join(FOLDER));
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if close {
        office.put_rules_in_force()?;
    }
    let (day, zone) = office.ask(move |engine, now| {
        let day = asked.unwrap_or_else(|| open_day(engine, now));
        let closed = if close {
            turn(engine, day, now)
        } else {
            begun(engine, day, now)
        };
        closed.map(|()| (day, engine.rules().world.zone.clone()))
    })??;
    let (carried, warnings) = carried(office, &out, day);
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    if carried.is_none() {
        let first = data::entry(office.store(), office.journal(), Sequence(1))?;
        if let Some(first) = first
            && day < first.head.business_day
        {
            let began = first.head.business_day;
            return Err(OfficeError::Refused(format!(
                "{day} was before this switch began, on {began}"
            )));
        }
    }
    let folder = Folder::begin(&out, day).map_err(failed)?;
    let mut run = match carried {
        Some(carried) => settle::Run::after(carried, day, zone, folder),
        None => settle::Run::of(day, zone, folder),
    };
    let from = run.next().0;
    fold(office, &mut run, progress)?;
    let (manifest, carry, folder) = run.finish().map_err(failed)?;
    let published = folder.publish().map_err(failed)?;
    if let Some(carry) = carry
        && let Err(error) = keep(office.data(), &carry)
    {
        tracing::warn!(
            "the next day will be settled from an earlier entry: {}",
            chain(&error)
        );
    }
    let how = match &published {
        Published::New(_) => "new",
        Published::Same(_) => "same",
        Published::Replaced(_) => "replaced",
    };
    if !manifest.provisional {
        note_settled(office.data(), day)?;
    }
    tracing::info!(
        provisional = manifest.provisional,
        "settled {day}: {how} files in {}",
        published.path().display()
    );
    Ok(json!({
        "day": day.to_string(),
        "folder": published.path().display().to_string(),
        "published": how,
        "provisional": manifest.provisional,
        "from_entry": from,
        "warnings": warnings,
        "manifest": serde_json::to_value(&manifest).unwrap_or_default(),
    }))
}

/// Takes what a run waits for.
fn fold(
    office: &Office,
    run: &mut settle::Run<Folder>,
    progress: &mut dyn FnMut(Value),
) -> Result<(), OfficeError> {
    let (first, last) = (run.next().0, office.journal().last_sequence());
    if run.is_closed() || first > last {
        return Ok(());
    }
    let mut told = first;
    let groups = office.journal().read_from(first);
    for group in groups.map_err(data::DataError::from)? {
        let group = group.map_err(data::DataError::from)?;
        for entry in data::entries(&group)? {
            run.take(&entry).map_err(failed)?;
        }
        let done = group.last_sequence();
        if done >= told + 100_000 {
            told = done;
            progress(step(done + 1 - first, last + 1 - first, "entries"));
        }
        if run.is_closed() || done >= last {
            break;
        }
    }
    Ok(())
}

/// What the last day before `day` hands on, of those that can be trusted; and why others cannot.
fn carried(office: &Office, out: &Path, day: Day) -> (Option<Carry>, Vec<String>) {
    let mut warnings = Vec::new();
    for (before, path) in handed_on(office.data()).into_iter().rev() {
        if before >= day {
            continue;
        }
        match trusted(office, out, before, &path) {
            Ok(carry) => return (Some(carry), warnings),
            Err(why) => warnings.push(why),
        }
    }
    (None, warnings)
}

/// A file of what a day hands on: whole, of this journal's past, and of the day that stands published.
fn trusted(office: &Office, out: &Path, day: Day, path: &Path) -> Result<Carry, String> {
    let unusable = |why: &dyn std::fmt::Display| {
        let place = path.display();
        format!("{place} is of no use, an earlier entry is begun with: {why}")
    };
    let bytes = fs::read(path).map_err(|error| unusable(&error))?;
    let carry = Carry::read(&bytes).map_err(|error| unusable(&error))?;
    if carry.day != day {
        return Err(unusable(&format!("it is that of {}", carry.day)));
    }
    let closed_by = carry.closed_by;
    match data::entry(office.store(), office.journal(), closed_by.sequence) {
        Ok(Some(entry)) if entry.head.at == closed_by.at => {}
        Ok(_) => return Err(unusable(&"it is of another past of this journal")),
        Err(error) => return Err(unusable(&chain(&error))),
    }
    let manifest = out.join(folder_name(day)).join(manifest::FILE);
    match fs::read(&manifest) {
        Ok(page) if <[u8; 32]>::from(Sha256::digest(&page)) != carry.manifest => Err(format!(
            "{} is not as it was published, an earlier entry is begun with",
            manifest.display()
        )),
        // Whoever fetches the files may take them away.
        _ => Ok(carry),
    }
}

/// The files of what days hand on, by day.
fn handed_on(data: &Path) -> BTreeMap<Day, PathBuf> {
    let found = fs::read_dir(data.join(CARRIED))
        .into_iter()
        .flatten()
        .flatten();
    let named = found.filter_map(|file| {
        let name = file.file_name().to_str()?.replace('-', "/");
        Some((JalaliDate::parse(&name)?.day(), file.path()))
    });
    named.collect()
}

/// Keeps what a closed day hands on, and the newest of the others.
fn keep(data: &Path, carry: &Carry) -> Result<(), OfficeError> {
    let folder = data.join(CARRIED);
    let (path, making) = (folder.join(folder_name(carry.day)), folder.join("making"));
    let bytes = carry.to_bytes();
    if fs::read(&path).is_ok_and(|kept| kept == bytes) {
        return Ok(());
    }
    let written = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o750)
        .create(&folder)
        .and_then(|()| {
            let _ = fs::remove_file(&making);
            let mut options = fs::OpenOptions::new();
            let mut file = options
                .write(true)
                .create_new(true)
                .mode(0o640)
                .open(&making)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&making, &path)?;
            fs::File::open(&folder)?.sync_all()
        });
    written.map_err(|source| OfficeError::Io {
        doing: format!("write {}", path.display()),
        source,
    })?;
    let kept = handed_on(data);
    let old = kept.len().saturating_sub(CARRIED_MOST);
    for path in kept.values().take(old) {
        // What stays is used by nobody.
        let _ = fs::remove_file(path);
    }
    Ok(())
}

/// The days whose files were published after they had closed.
pub(super) fn settled(data: &Path) -> BTreeSet<Day> {
    let text = fs::read_to_string(data.join(SETTLED)).unwrap_or_default();
    text.lines().filter_map(Day::parse).collect()
}

fn note_settled(data: &Path, day: Day) -> Result<(), OfficeError> {
    if settled(data).contains(&day) {
        return Ok(());
    }
    let path = data.join(SETTLED);
    let noted = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o640)
        .open(&path)
        .and_then(|mut file| {
            file.write_all(format!("{day}\n").as_bytes())?;
            file.sync_all()
        });
    noted.map_err(|source| OfficeError::Io {
        doing: format!("note a settled day in {}", path.display()),
        source,
    })
}

fn parse(day: &str) -> Result<Day, OfficeError> {
    let date = JalaliDate::parse(day).ok_or_else(|| {
        let wanted = "a Jalali day such as 1405/08/30, or today, wanted";
        OfficeError::Refused(format!("{wanted}, {day:?} found"))
    })?;
    Ok(date.day())
}

/// The day that is open: of several acquirers, the latest; before the first message, the clock's.
fn open_day(engine: &Engine, now: Moment) -> Day {
    let book = engine.book();
    let open = book.names().acquirers().filter_map(|id| book.open_day(id));
    open.max().unwrap_or_else(|| engine.day_by_clock(now))
}

fn begun(engine: &Engine, day: Day, now: Moment) -> Result<(), OfficeError> {
    let open = open_day(engine, now);
    if day > open {
        return Err(OfficeError::Refused(format!(
            "{day} has not begun: the open business day is {open}"
        )));
    }
    Ok(())
}

/// Closes a day for every acquirer that still has it open, or an earlier one.
fn turn(engine: &mut Engine, day: Day, now: Moment) -> Result<(), OfficeError> {
    begun(engine, day, now)?;
    let acquirers: Vec<_> = engine.book().names().acquirers().collect();
    if acquirers.is_empty() {
        return Err(OfficeError::Refused(ActError::NoAcquirer.to_string()));
    }
    for id in acquirers {
        while engine.book().open_day(id).is_some_and(|open| open <= day) {
            let turned = engine.act(Act::TurnDay(Some(id)), now);
            turned.map_err(|error| OfficeError::Refused(error.to_string()))?;
        }
    }
    Ok(())
}

fn failed(error: SettleError) -> OfficeError {
    OfficeError::Settle(error)
}
