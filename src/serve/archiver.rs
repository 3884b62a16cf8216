//! Closed days leave the journal by themselves, behind everything else, so that it never grows without bound: a look each ten
//! minutes, and when a day was settled.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use metrics::{counter, gauge};
use serde_json::{Value, json};

use super::commands::settle;
use super::office::{OfficeError, Opener};
use crate::cli::chain;
use crate::ledger::By;

/// The first look after a start, and those after it.
const FIRST: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_secs(600);
/// How often it is seen whether a day was settled.
const GLANCE: Duration = Duration::from_secs(1);

/// Starts the thread. It ends when nobody else holds the office, and nobody waits for it: broken off anywhere, it goes on
/// at the next start.
///
/// # Errors
/// When the system gives no thread.
pub(super) fn start(office: &Arc<Opener>, data: &Path) -> io::Result<()> {
    let (office, settled) = (Arc::downgrade(office), data.join(settle::SETTLED));
    let work = move || {
        let mut pause = FIRST;
        while let Some(open) = wait(&office, &settled, pause) {
            match open(By::switch("archiver")).carry_out("ledger-archive", &json!({}), &mut |_| {})
            {
                Ok(done) => tell(&done),
                Err(OfficeError::Stopped) => return,
                Err(error) => tracing::warn!("closed days stay in the journal: {}", chain(&error)),
            }
            pause = PAUSE;
        }
    };
    thread::Builder::new()
        .name("archiver".to_owned())
        .spawn(work)
        .map(drop)
}

/// Waits until a day is settled, at most so long. `None` when nobody else holds the office.
fn wait(office: &Weak<Opener>, settled: &Path, most: Duration) -> Option<Arc<Opener>> {
    // Each settled day makes it longer.
    let length = || fs::metadata(settled).map_or(0, |found| found.len());
    let (began, before) = (Instant::now(), length());
    loop {
        thread::sleep(GLANCE);
        let open = office.upgrade()?;
        if began.elapsed() >= most || length() != before {
            return Some(open);
        }
    }
}

fn tell(done: &Value) {
    let number = |key: &str| done[key].as_u64().unwrap_or(0);
    let segments = number("segments");
    counter!("clubswitch_archived_segments_total").increment(segments);
    counter!("clubswitch_archived_bytes_total").increment(number("packed_bytes"));
    gauge!("clubswitch_journal_first_sequence").set(number("first_kept") as f64);
    if segments > 0 {
        tracing::info!(
            segments,
            entries = number("entries"),
            "closed days left the journal, it begins with entry {}",
            number("first_kept")
        );
    }
    if let Some(warning) = done["warning"].as_str() {
        tracing::warn!("{warning}");
    }
}
