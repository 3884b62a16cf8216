//! `settle`: the files of a day, read from the journal in a stream and published by rename.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::engine::{Act, ActError, Engine};
use crate::serve::data;
use crate::serve::office::{Office, OfficeError, step, text};
use crate::settle::{self, Folder, Published, SettleError};
use crate::terms::{Day, JalaliDate, Moment, Sequence};

/// Where settlement folders go below the data folder.
pub const FOLDER: &str = "settlement";

/// The file in the data folder that names the days whose files were published, a line each.
pub(in crate::serve) const SETTLED: &str = "settled";

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
    let last = office.journal().last_sequence();
    let first = data::entry(office.store(), office.journal(), Sequence(1))?;
    if let Some(first) = first
        && day < first.head.business_day
    {
        let began = first.head.business_day;
        return Err(OfficeError::Refused(format!(
            "{day} was before this switch began, on {began}"
        )));
    }
    let folder = Folder::begin(&out, day).map_err(failed)?;
    let mut run = settle::Run::of(day, zone, folder);
    let mut told = 0;
    for group in office
        .journal()
        .read_from(1)
        .map_err(data::DataError::from)?
    {
        let group = group.map_err(data::DataError::from)?;
        for entry in data::entries(&group)? {
            run.take(&entry).map_err(failed)?;
        }
        let done = group.last_sequence();
        if done >= told + 100_000 {
            told = done;
            progress(step(done, last, "entries"));
        }
        if run.is_closed() || done >= last {
            break;
        }
    }
    let (manifest, folder) = run.finish().map_err(failed)?;
    let published = folder.publish().map_err(failed)?;
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
        "manifest": serde_json::to_value(&manifest).unwrap_or_default(),
    }))
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
