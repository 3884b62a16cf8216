//! Closed days leave the journal by themselves, behind everything else, so that it never grows without bound.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use metrics::{counter, gauge};
use serde_json::{Value, json};

use super::office::{Office, OfficeError};
use crate::cli::chain;

/// The first look after a start, and those after it.
const FIRST: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_secs(600);

/// Starts the thread. It ends when nobody else holds the office, and nobody waits for it: broken off anywhere, it goes on
/// at the next start.
///
/// # Errors
/// When the system gives no thread.
pub(super) fn start(office: &Arc<dyn Fn() -> Office + Send + Sync>) -> io::Result<()> {
    let office = Arc::downgrade(office);
    let work = move || {
        thread::sleep(FIRST);
        while let Some(office) = office.upgrade() {
            match office().carry_out("ledger-archive", &json!({}), &mut |_| {}) {
                Ok(done) => tell(&done),
                Err(OfficeError::Stopped) => return,
                Err(error) => tracing::warn!("closed days stay in the journal: {}", chain(&error)),
            }
            drop(office);
            thread::sleep(PAUSE);
        }
    };
    thread::Builder::new()
        .name("archiver".to_owned())
        .spawn(work)
        .map(drop)
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
