//! `ledger backup` and `ledger rebuild`: a copy to start from, made while the switch serves; the ledger database made again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::journal::{Folder, snapshot};
use crate::serve::data;
use crate::serve::office::{Office, OfficeError, step, text};
use crate::serve::rules;

/// How often it is looked how far the follower is.
const LOOK: Duration = Duration::from_millis(50);
/// A follower that does nothing for so long has met a fault.
const STANDS_MOST: Duration = Duration::from_secs(30);

/// `{"to": "/srv/backup/today"}` → what is in the copy, and what is not.
pub(super) fn backup(
    office: &mut Office,
    words: &Value,
    progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let to = PathBuf::from(text(words, "to")?);
    // Before the journal: what a snapshot knows, the copy has to have.
    let waiting = beside(&to);
    let copied = snapshot_of(office.data(), &waiting);
    let copied = copied.map_err(failed("copy the snapshot to", &waiting));
    let made = copied.and_then(|snapshot| {
        let journal = office.kept().backup(&to, |done, of| {
            progress(step(done, of, "segments copied"));
        });
        Ok((snapshot, journal?))
    });
    let (snapshot, journal) = match made {
        Ok(made) => made,
        Err(error) => {
            let _ = fs::remove_dir_all(&waiting);
            return Err(error);
        }
    };
    for name in ["book.0", "book.1"] {
        let (from, file) = (waiting.join(name), to.join(name));
        if from.exists() {
            fs::rename(&from, &file).map_err(failed("bring the snapshot to", &file))?;
        }
    }
    fs::remove_dir_all(&waiting).map_err(failed("remove", &waiting))?;
    let mut files = Vec::new();
    for name in [
        data::CHECK_FILE,
        rules::KEPT,
        super::settle::SETTLED,
        super::settle::CARRIED,
    ] {
        let (from, copy) = (office.data().join(name), to.join(name));
        if from.exists() {
            copy_all(&from, &copy).map_err(failed("copy to", &copy))?;
            files.push(name);
        }
    }
    fs::File::open(&to)
        .and_then(|dir| dir.sync_all())
        .map_err(failed("sync", &to))?;
    let archive = office
        .archive()
        .map(|archive| archive.dir().display().to_string());
    Ok(json!({
        "to": to.display().to_string(),
        "first_entry": journal.first_sequence,
        "last_entry": journal.last_sequence,
        "segments": journal.segments,
        "bytes": journal.bytes,
        "snapshot": snapshot,
        "files": files,
        "not_copied": {
            "token_key": office.config().token_key_path().display().to_string(),
            "archive": archive.filter(|_| journal.first_sequence > 1),
        },
    }))
}

/// Where a snapshot waits until the journal is copied: that begins with an empty folder.
fn beside(to: &Path) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".snapshot");
    to.with_file_name(name)
}

/// Copies the newest snapshot; gives its last entry.
fn snapshot_of(data: &Path, to: &Path) -> io::Result<Option<u64>> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir_all(to)?;
    let Some(mut newest) = snapshot::newest_valid(data) else {
        return Ok(None);
    };
    let head = newest.head.clone();
    snapshot::write(to, &head, |out| io::copy(&mut newest, out).map(drop))?;
    // Two snapshots later its file is written over: then what was copied is none.
    let still = snapshot::newest_valid(data).is_some_and(|now| now.head == head);
    if !still {
        fs::remove_dir_all(to)?;
        fs::create_dir_all(to)?;
    }
    Ok(still.then_some(head.sequence))
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        fs::copy(from, to)?;
        return fs::File::open(to)?.sync_all();
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_all(&entry.path(), &to.join(entry.file_name()))?;
    }
    fs::File::open(to)?.sync_all()
}

fn failed<'a>(doing: &'a str, on: &'a Path) -> impl FnOnce(io::Error) -> OfficeError + 'a {
    move |source| OfficeError::Io {
        doing: format!("{doing} {}", on.display()),
        source,
    }
}

/// Nothing → how far the ledger database is, after it was made again from the journal. A running switch serves meanwhile.
pub(super) fn rebuild(
    office: &mut Office,
    _words: &Value,
    progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let Some(store) = office.store().cloned() else {
        return Err(OfficeError::Refused(
            "the ledger database is not open; see the log".to_owned(),
        ));
    };
    let last = office.journal().last_sequence();
    let what = "entries taken into the ledger database";
    if office.health().is_some() {
        store.begin_again().map_err(refused)?;
        // Its follower finds it empty.
        let (mut reached, mut moved) = (0, Instant::now());
        while reached < last {
            thread::sleep(LOOK);
            let at = store.position().sequence;
            if at != reached {
                (reached, moved) = (at, Instant::now());
                progress(step(at, last, what));
            } else if moved.elapsed() > STANDS_MOST {
                return Err(OfficeError::Refused(format!(
                    "the ledger database was begun again, but stands at entry {at}; see the log of the switch"
                )));
            }
        }
    } else {
        let took = store.rebuild(office.kept(), data::split, |done, of| {
            progress(step(done, of, what));
        });
        took.map_err(refused)?;
    }
    Ok(json!({ "last_entry": store.position().sequence }))
}

fn refused(error: impl std::error::Error + 'static) -> OfficeError {
    OfficeError::Refused(crate::cli::chain(&error))
}

/// Brings archived segments back into the journal of a data folder that no switch runs on.
///
/// # Errors
/// When the folder is in use, or the archive lacks what is asked for.
pub fn restore(
    config: &crate::config::Config,
    from: u64,
    mut progress: impl FnMut(Value),
) -> Result<Value, OfficeError> {
    let folder = Folder::claim(&config.data).map_err(data::DataError::from)?;
    let archive = crate::journal::Archive::open(&config.archive_dir(), folder.identity())?;
    let back = archive.restore(&folder, from, |done, of| {
        progress(step(done, of, "segments brought back"));
    })?;
    Ok(json!({ "segments": back, "from_entry": from }))
}
