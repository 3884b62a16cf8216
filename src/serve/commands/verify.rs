//! `ledger verify`: the whole journal replayed into an empty book, and everything else held against that: each entry's
//! own sums, the book in use, the chain of segments, the ledger database.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::cli::chain;
use crate::journal::{Group, snapshot};
use crate::ledger::{Account, Book, Entry, Names, PurseKey, record};
use crate::serve::data;
use crate::serve::office::{Office, OfficeError, step};
use crate::store::{Lookup, Store};
use crate::terms::{Moment, UnitId};

/// Problems that are told one by one; the rest is counted.
const TOLD_MOST: usize = 20;
/// Entries between two lines of progress.
const STEP: u64 = 20_000;
/// Every so many entries one is looked up in the ledger database too.
const SAMPLE: u64 = 16;

/// What the book in use says of itself.
struct Held {
    sequence: u64,
    members: usize,
    sums: Vec<(UnitId, i64, i64)>,
    accounts: Vec<(Account, UnitId, i64)>,
    /// All of it, where nobody waits for the thread that writes it down.
    bytes: Option<Vec<u8>>,
}

/// A replay on its way.
struct Replay {
    book: Book,
    groups: u64,
    last_at: Moment,
    compared: u64,
    problems: Problems,
}

#[derive(Default)]
struct Problems {
    told: Vec<String>,
    more: u64,
}

impl Problems {
    fn add(&mut self, problem: String) {
        if self.told.len() < TOLD_MOST {
            self.told.push(problem);
        } else {
            self.more += 1;
        }
    }
}

/// Nothing → figures, states, and everything that is off under `faults`.
pub(super) fn verify(
    office: &mut Office,
    _words: &Value,
    progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let running = office.health().is_some();
    let held = office.look(move |engine, _| Held::of(engine.book(), !running))?;
    let mut replay = Replay {
        book: Book::new(data::keep_days(&office.config().limits)),
        groups: 0,
        last_at: Moment(i64::MIN),
        compared: 0,
        problems: Problems::default(),
    };
    let store = office.store();
    if let Some(store) = store.filter(|_| !running)
        && let Err(error) = store.agree(office.journal())
    {
        let why = chain(&error);
        replay.problems.add(format!("the ledger database: {why}"));
    }
    let whole = replay.run(office, held.sequence, progress);
    if let Err(error) = &whole {
        replay.problems.add(chain(error));
    }
    let chain = seals(office, progress, &mut replay.problems);
    let equal = whole.is_ok() && replay.same(&held);
    if whole.is_ok() && !equal {
        replay.problems.add(format!(
            "the book in use is not what the entries 1 to {} come to",
            held.sequence
        ));
    }
    replay.check_sums();
    let Replay { book, problems, .. } = replay;
    let snapshot = snapshot::newest_valid(office.data()).map(|found| found.head.sequence);
    let sums = book.sums_counted();
    let in_use = |unit: UnitId| {
        unit.purse()
            .is_none_or(|purse| book.names().purse_unit(purse) == unit)
    };
    let by_unit = |pick: fn(&(UnitId, i64, i64)) -> i64| -> Map<String, Value> {
        let lines = sums.iter().filter(|sum| in_use(sum.0));
        lines
            .map(|sum| (unit_name(book.names(), sum.0), json!(pick(sum))))
            .collect()
    };
    let mut told = problems.told;
    if problems.more > 0 {
        told.push(format!("and {} more", problems.more));
    }
    Ok(json!({
        "whole": told.is_empty(),
        "entries": book.sequence().0,
        "groups": replay.groups,
        "members": book.members().len(),
        "accounts": book.account_count(),
        "sums": by_unit(|(_, _, all)| *all),
        "in_purses": by_unit(|(_, lots, _)| *lots),
        "chain": chain,
        "journal": { "sequence": office.journal().last_sequence() },
        "store": store.map(|store| {
            let at = store.position().sequence;
            json!({
                "sequence": at,
                "behind": office.journal().last_sequence().saturating_sub(at),
                "compared": replay.compared,
            })
        }),
        "snapshot": snapshot,
        "book": {
            "sequence": held.sequence,
            "compared": if running { "totals and accounts" } else { "every byte" },
            "equal": equal,
        },
        "running": running,
        "faults": told,
    }))
}

impl Held {
    fn of(book: &Book, whole: bool) -> Held {
        Held {
            sequence: book.sequence().0,
            members: book.members().len(),
            sums: book.sums(),
            accounts: book.accounts(),
            bytes: whole.then(|| book.to_bytes()),
        }
    }
}

impl Replay {
    /// Takes every entry up to `last`.
    fn run(
        &mut self,
        office: &Office,
        last: u64,
        progress: &mut dyn FnMut(Value),
    ) -> Result<(), data::DataError> {
        if last == 0 {
            return Ok(());
        }
        let mut next_step = STEP;
        for group in office.journal().read_from(1)? {
            let group = group?;
            self.groups += 1;
            let entries = data::entries(&group)?;
            self.compare(&group, office.store());
            for entry in &entries {
                if entry.head.sequence.0 > last {
                    return Ok(());
                }
                self.take(entry)?;
            }
            if group.last_sequence() >= last {
                return Ok(());
            }
            if group.last_sequence() >= next_step {
                progress(step(group.last_sequence(), last, "entries replayed"));
                next_step = group.last_sequence() + STEP;
            }
        }
        Ok(())
    }

    fn take(&mut self, entry: &Entry) -> Result<(), data::DataError> {
        let sequence = entry.head.sequence.0;
        data::apply(&mut self.book, entry)?;
        if entry.head.at < self.last_at {
            self.problems.add(format!(
                "entry {sequence}: its time is before the entry before it"
            ));
        }
        self.last_at = entry.head.at;
        let mut purses: BTreeMap<PurseKey, i64> = BTreeMap::new();
        for posting in &entry.effects.postings {
            let units = [posting.from, posting.to].map(|account| self.book.unit(account));
            if posting.amount <= 0 || posting.from == posting.to {
                self.problems
                    .add(format!("entry {sequence}: a posting that moves nothing"));
            }
            if units != [posting.unit; 2] {
                self.problems
                    .add(format!("entry {sequence}: a posting between two units"));
            }
            for (account, sign) in [(posting.from, -1), (posting.to, 1)] {
                if let Some(key) = account.purse() {
                    *purses.entry(key).or_default() += sign * posting.amount;
                }
            }
        }
        for moved in &entry.effects.lots {
            *purses.entry(moved.key).or_default() -= moved.amount;
        }
        if purses.values().any(|left| *left != 0) {
            self.problems.add(format!(
                "entry {sequence}: its lots are not what its postings move"
            ));
        }
        Ok(())
    }

    /// Holds some entries of a group against the ledger database, where that has them.
    fn compare(&mut self, group: &Group, store: Option<&Store>) {
        let Some(store) = store else { return };
        let known = store.position().sequence;
        let entries = record::split(&group.payload).flatten();
        for (sequence, bytes) in (group.first_sequence..=known).zip(entries) {
            if sequence % SAMPLE != 0 && sequence != known {
                continue;
            }
            match store.entry(sequence) {
                Lookup::Found(found) if found == bytes => self.compared += 1,
                // It is being led at this moment, or made again.
                Lookup::Unknown => {}
                Lookup::Found(_) => {
                    let what = "is another one in the ledger database";
                    self.problems.add(format!("entry {sequence} {what}"));
                }
                Lookup::Absent => {
                    let what = "is missing in the ledger database";
                    self.problems.add(format!("entry {sequence} {what}"));
                }
            }
        }
    }

    fn same(&self, held: &Held) -> bool {
        let book = &self.book;
        book.sequence().0 == held.sequence
            && book.members().len() == held.members
            && book.sums() == held.sums
            && book.accounts() == held.accounts
            && held
                .bytes
                .as_ref()
                .is_none_or(|bytes| *bytes == book.to_bytes())
    }

    fn check_sums(&mut self) {
        let (kept, counted) = (self.book.sums(), self.book.sums_counted());
        for ((unit, lots, all), (_, lots_counted, all_counted)) in kept.into_iter().zip(counted) {
            let name = unit_name(self.book.names(), unit);
            if all != 0 || all_counted != 0 {
                let sum = if all_counted == 0 { all } else { all_counted };
                self.problems.add(format!(
                    "the accounts in {name} add up to {sum} instead of 0"
                ));
            }
            if lots != lots_counted {
                let what = "the running sum of purses in";
                self.problems.add(format!(
                    "{what} {name} is {lots}, counted anew {lots_counted}"
                ));
            }
        }
    }
}

/// Checks the hashes of sealed segments.
fn seals(office: &Office, progress: &mut dyn FnMut(Value), problems: &mut Problems) -> Value {
    let checked = office.journal().check_seals(|done, of| {
        progress(step(done, of, "sealed segments checked"));
    });
    match checked {
        Ok(sealed) => json!({ "state": "whole", "sealed_segments": sealed }),
        Err(error) => {
            let why = chain(&error);
            problems.add(format!("the chain of segments: {why}"));
            json!({ "state": "broken", "why": why })
        }
    }
}

/// `rial`, or `golestan/points`.
pub fn unit_name(names: &Names, unit: UnitId) -> String {
    match unit.purse() {
        Some(purse) => {
            let club = names.purse_particulars(purse).map(|(club, ..)| club);
            let club = club.map_or("", |club| names.club(club));
            format!("{club}/{}", names.purse(purse))
        }
        None => "rial".to_owned(),
    }
}
