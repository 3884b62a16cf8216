//! `ledger archive`: days that are closed and settled, and that nothing in the switch may ask for any more, leave the
//! journal and the ledger database.

use serde_json::{Value, json};

use super::past::{Edge, moment};
use super::settle;
use crate::journal::snapshot;
use crate::ledger::{Entry, Input};
use crate::serve::data;
use crate::serve::office::{Office, OfficeError, step};
use crate::terms::{Day, Moment, Sequence};

/// A day that nobody settles does not stay for ever, but so many times as long as the others.
const UNSETTLED_TIMES: i64 = 3;
/// What is found again on repeats stays, and two days more: terminals' clocks differ from ours.
const BEYOND_S: i64 = 2 * 86_400;

/// What may go at most, and what keeps the rest.
struct Bound {
    /// Everything before it.
    sequence: u64,
    why: String,
}

impl Bound {
    fn lower(&mut self, sequence: u64, why: impl FnOnce() -> String) {
        if sequence < self.sequence {
            *self = Bound {
                sequence,
                why: why(),
            };
        }
    }
}

/// `{"before": "1405/08/01"}` (left out: as configured) and `{"dry_run": true}` → what left the journal, and what keeps the
/// rest.
pub(super) fn archive(
    office: &mut Office,
    words: &Value,
    progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let Some(archive) = office.archive().cloned() else {
        let dir = office.config().archive_dir();
        let dir = dir.display();
        return Err(OfficeError::Refused(format!(
            "the archive folder {dir} cannot be reached; see the log"
        )));
    };
    let (now, zone) = office.look(|engine, now| (now, engine.rules().world.zone.clone()))?;
    let asked = words["before"].as_str();
    let asked = asked
        .map(|text| moment(text, &zone, Edge::Begin))
        .transpose()?;
    let last = office.journal().last_sequence();
    let newest = archive.list().map_err(data::DataError::from)?.pop();
    let first = newest.map_or(1, |newest| newest.last_sequence + 1);
    let old = Old {
        office,
        first,
        end: last + 1,
    };
    let (mut bound, warning) = old.bound(now, asked)?;
    match snapshot::sequences(office.data()) {
        [Some(older), _] => {
            bound.lower(older + 1, || {
                format!("the older snapshot is of entry {older}")
            });
        }
        _ => bound.lower(0, || "there are no two snapshots yet".to_owned()),
    }
    if let Some(store) = office.store() {
        let at = store.position().sequence;
        bound.lower(at + 1, || format!("the ledger database is at entry {at}"));
    }
    let dry_run = words["dry_run"].as_bool().unwrap_or(false);
    let mut told = json!({
        "dry_run": dry_run,
        "archive": archive.dir().display().to_string(),
        "before_entry": bound.sequence,
        "kept_because": bound.why,
        "warning": warning,
    });
    if dry_run {
        return Ok(told);
    }
    let moved = office
        .segments()
        .archive_before(bound.sequence, &archive, |done, of| {
            progress(step(done, of, "segments archived"));
        })?;
    let first = moved.last().map_or(first, |moved| moved.last_sequence + 1);
    if let Some(store) = office.store()
        && first > store.first_sequence()
        && !moved.is_empty()
    {
        store.drop_before(first)?;
    }
    told["segments"] = json!(moved.len());
    told["entries"] = json!(
        moved
            .iter()
            .map(|m| m.last_sequence + 1 - m.first_sequence)
            .sum::<u64>()
    );
    told["bytes"] = json!(moved.iter().map(|m| m.bytes).sum::<u64>());
    told["packed_bytes"] = json!(moved.iter().map(|m| m.packed_bytes).sum::<u64>());
    told["first_kept"] = json!(first);
    Ok(told)
}

/// The entries that are still in the journal, `first..end`.
struct Old<'a> {
    office: &'a Office,
    first: u64,
    end: u64,
}

impl Old<'_> {
    /// What may go as far as days decide it, and what the operator should know.
    fn bound(
        &self,
        now: Moment,
        asked: Option<Moment>,
    ) -> Result<(Bound, Option<String>), OfficeError> {
        let config = self.office.config();
        let days = config.archive.after_days;
        let window = config.limits.duplicate_window.as_secs();
        let window_s = i64::try_from(window).unwrap_or(i64::MAX);
        let latest = now.plus_seconds(-window_s.saturating_add(BEYOND_S));
        let (cutoff, why) = match asked {
            Some(asked) if asked <= latest => {
                (asked, "it is younger than was asked for".to_owned())
            }
            Some(_) => (
                latest,
                "repeats may still ask for what is younger".to_owned(),
            ),
            None => {
                let kept = now.plus_seconds(-i64::from(days) * 86_400);
                (
                    kept,
                    format!("{days} days stay in the journal (archive.after_days)"),
                )
            }
        };
        let mut bound = Bound {
            sequence: self.first_where(self.first, |entry| entry.head.at >= cutoff)?,
            why,
        };
        let Some((unsettled, day, at)) = self.unsettled(bound.sequence)? else {
            return Ok((bound, None));
        };
        let never = now.plus_seconds(-i64::from(days) * 86_400 * UNSETTLED_TIMES);
        if at >= never {
            bound.lower(unsettled, || format!("{day} is not closed and settled"));
            return Ok((bound, None));
        }
        let old = self.first_where(unsettled, |entry| entry.head.at >= never)?;
        bound.lower(old, || format!("{day} is not closed and settled"));
        let warning = format!(
            "{day} was never settled, and left the journal with its age; it can be settled from the archive"
        );
        Ok((bound, Some(warning)))
    }

    /// The first entry before `end` of a day without settlement files, with its day and time.
    fn unsettled(&self, end: u64) -> Result<Option<(u64, Day, Moment)>, OfficeError> {
        let settled = settle::settled(self.office.data());
        let mut at = self.first;
        while at < end {
            let Some(entry) = self.entry(at)? else {
                return Ok(None);
            };
            let business_day = entry.head.business_day;
            if !matches!(entry.input, Input::Request(_)) {
                // Nobody settles a day on which nothing was asked, nor what an operator did.
                at += 1;
            } else if settled.contains(&business_day) {
                at = self.first_where(at, |entry| entry.head.business_day > business_day)?;
            } else {
                return Ok(Some((at, business_day, entry.head.at)));
            }
        }
        Ok(None)
    }

    /// The first entry from `from` on of which something is true that is true of all after it.
    fn first_where(&self, from: u64, is: impl Fn(&Entry) -> bool) -> Result<u64, OfficeError> {
        let (mut from, mut to) = (from, self.end);
        while from < to {
            let middle = u64::midpoint(from, to);
            if self.entry(middle)?.is_none_or(|entry| is(&entry)) {
                to = middle;
            } else {
                from = middle + 1;
            }
        }
        Ok(from)
    }

    fn entry(&self, sequence: u64) -> Result<Option<Entry>, OfficeError> {
        let (store, journal) = (self.office.store(), self.office.journal());
        Ok(data::entry(store, journal, Sequence(sequence))?)
    }
}
