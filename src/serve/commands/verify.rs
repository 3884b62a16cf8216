//! `ledger verify`: the whole journal replayed into an empty book, and everything else held against that: each entry's
//! own sums, the book in use, the chain of segments, the ledger database. One thread reads and decodes [ahead](crate::serve::ahead) of the
//! one that replays, one holds the ledger database against the journal's bytes, one hashes sealed segments.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use serde_json::{Map, Value, json};

use crate::cli::chain;
use crate::journal::snapshot::{self, Snapshot};
use crate::journal::{Group, ReadError, Reader};
use crate::ledger::{Book, Entry, Names, Pages, PurseKey, View, record};
use crate::serve::office::{Office, OfficeError, step};
use crate::serve::{ahead, data};
use crate::store::{Lookup, Store};
use crate::terms::{Moment, Sequence, UnitId};

/// Problems that are told one by one; the rest is counted.
const TOLD_MOST: usize = 20;
/// Entries between two lines of progress.
const STEP: u64 = 20_000;
/// Batches of groups that wait at most to be held against the ledger database.
const AHEAD: usize = 64;
/// Entries that the ledger database is asked for at once.
const STORED: u64 = 1_024;

/// A replay on its way.
struct Replay {
    /// What the entries come to. What is remembered of messages is no part of it.
    book: Pages,
    groups: u64,
    last_at: Moment,
    /// What an entry moves in purses by its postings and by its lots.
    moved: Vec<(PurseKey, i64)>,
    /// The newest snapshot, until the replay has come to it; then whether they were equal.
    snapshot: Option<Snapshot>,
    snapshot_equal: Option<bool>,
    problems: Problems,
    /// An entry did not fit: the book is of no use.
    is_broken: bool,
}

/// What the ledger database was found to be.
#[derive(Default)]
struct Compared {
    entries: u64,
    problems: Problems,
}

#[derive(Default)]
struct Problems {
    told: Vec<String>,
    more: u64,
}

impl Problems {
    fn join(&mut self, others: Problems) {
        for problem in others.told {
            self.add(problem);
        }
        self.more += others.more;
    }

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
    let held = office.look(move |engine, _| engine.book().view())?;
    let mut replay = Replay {
        book: Pages::empty(),
        groups: 0,
        last_at: Moment(i64::MIN),
        moved: Vec::new(),
        snapshot: snapshot::newest_valid(office.data()),
        snapshot_equal: None,
        problems: Problems::default(),
        is_broken: false,
    };
    let office = &*office;
    let snapshot = replay.snapshot.as_ref().map(|found| found.head.sequence);
    let store = office.store();
    if let Some(store) = store.filter(|_| !running)
        && let Err(error) = store.agree(office.journal())
    {
        let why = chain(&error);
        replay.problems.add(format!("the ledger database: {why}"));
    }
    let last = held.sequence().0;
    let (whole, compared, sealed) = thread::scope(|scope| {
        let (to_compare, groups) = bounded(AHEAD);
        let comparing = scope.spawn(move || compare(store, running, &groups));
        let sealing = scope.spawn(|| office.journal().check_seals(|_, _| {}));
        let whole = replay.run(office.journal(), last, to_compare, progress);
        (whole, comparing.join(), sealing.join())
    });
    if let Err(error) = &whole {
        replay.problems.add(chain(error));
    }
    let compared = compared.unwrap_or_else(|_| Compared::panicked());
    replay.problems.join(compared.problems);
    let chain = seals(sealed.ok(), &mut replay.problems);
    // One that was written over meanwhile, two snapshots later, was not compared.
    let is_there = |at: u64| snapshot::sequences(office.data()).contains(&Some(at));
    let snapshot_equal = replay
        .snapshot_equal
        .filter(|equal| *equal || snapshot.is_some_and(is_there));
    if let (Some(false), Some(at)) = (snapshot_equal, snapshot) {
        replay.problems.add(format!(
            "the snapshot of entry {at} is not what the entries 1 to {at} come to"
        ));
    }
    let equal = whole.is_ok() && replay.same(&held);
    if whole.is_ok() && !equal {
        replay.problems.add(format!(
            "the book in use is not what the entries 1 to {} come to",
            held.sequence().0
        ));
    }
    if !replay.is_broken {
        replay.check_sums();
    }
    let Replay { book, problems, .. } = replay;
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
        "members": book.member_count(),
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
                "compared": compared.entries,
            })
        }),
        "snapshot": snapshot,
        "snapshot_equal": snapshot_equal,
        "book": {
            "sequence": held.sequence().0,
            "compared": "every byte",
            "equal": equal,
        },
        "running": running,
        "faults": told,
    }))
}

impl Replay {
    /// Takes every entry up to `last`.
    fn run(
        &mut self,
        journal: &Reader,
        last: u64,
        to_compare: Sender<Vec<Group>>,
        progress: &mut dyn FnMut(Value),
    ) -> Result<(), data::DataError> {
        let mut next_step = STEP;
        // Who is not there any more has found enough.
        let seen = move |_: &ahead::Batch, groups| drop(to_compare.send(groups));
        ahead::each(journal, (1, last), seen, |batch| {
            self.groups += batch.groups;
            let mut entries = batch.entries();
            if let Some(at) = self.snapshot_among(entries) {
                let (before, after) = entries.split_at(at);
                self.take(before)?;
                self.meet_snapshot();
                entries = after;
            }
            self.take(entries)?;
            let done = self.book.sequence().0;
            if done >= next_step {
                progress(step(done, last, "entries replayed"));
                next_step = done + STEP;
            }
            Ok(())
        })
    }

    fn take(&mut self, entries: &[Entry]) -> Result<(), data::DataError> {
        let applied = data::follow(&mut self.book, entries);
        self.is_broken = applied.is_err();
        applied?;
        entries.iter().for_each(|entry| self.check(entry));
        Ok(())
    }

    /// What an entry says of itself.
    fn check(&mut self, entry: &Entry) {
        let sequence = entry.head.sequence.0;
        if entry.head.at < self.last_at {
            self.problems.add(format!(
                "entry {sequence}: its time is before the entry before it"
            ));
        }
        self.last_at = entry.head.at;
        self.moved.clear();
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
                    self.move_purse(key, sign * posting.amount);
                }
            }
        }
        for moved in &entry.effects.lots {
            self.move_purse(moved.key, -moved.amount);
        }
        if self.moved.iter().any(|(_, left)| *left != 0) {
            self.problems.add(format!(
                "entry {sequence}: its lots are not what its postings move"
            ));
        }
    }

    /// Behind how many of these entries the replay is where the snapshot is.
    fn snapshot_among(&self, entries: &[Entry]) -> Option<usize> {
        let wanted = Sequence(self.snapshot.as_ref()?.head.sequence);
        let at = entries
            .iter()
            .position(|entry| entry.head.sequence == wanted)?;
        Some(at + 1)
    }

    /// Holds the snapshot against the replay, which has come to it.
    fn meet_snapshot(&mut self) {
        let Some(mut snapshot) = self.snapshot.take() else {
            return;
        };
        let read = catch_unwind(AssertUnwindSafe(|| Book::read(&mut snapshot, 0)));
        let equal = |found: Book| found.hash() == self.book.hash();
        self.snapshot_equal = Some(read.ok().and_then(Result::ok).is_some_and(equal));
    }

    fn move_purse(&mut self, key: PurseKey, by: i64) {
        match self.moved.iter_mut().find(|(known, _)| *known == key) {
            Some((_, amount)) => *amount += by,
            None => self.moved.push((key, by)),
        }
    }

    fn same(&self, held: &View) -> bool {
        self.book.hash() == held.hash()
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
        let clearing = self.book.clearing_imbalance();
        if clearing != 0 {
            self.problems.add(format!(
                "the books of clubs and clearing house differ by {clearing} rial"
            ));
        }
    }
}

/// Holds every entry that the ledger database has against its bytes in the journal.
fn compare(store: Option<&Store>, running: bool, read: &Receiver<Vec<Group>>) -> Compared {
    let mut found = Compared::default();
    let Some(store) = store else { return found };
    let mut groups: Vec<Group> = Vec::new();
    loop {
        let more = read.recv();
        let ended = more.is_err();
        groups.extend(more.into_iter().flatten());
        let entries: u64 = groups.iter().map(|group| u64::from(group.count)).sum();
        if entries >= STORED || ended {
            if !found.compare(store, running, &groups) || ended {
                return found;
            }
            groups.clear();
        }
    }
}

impl Compared {
    /// Gives whether to go on.
    fn compare(&mut self, store: &Store, running: bool, groups: &[Group]) -> bool {
        let (first, known) = (store.first_sequence(), store.position().sequence);
        let numbered = groups.iter().flat_map(|group| {
            (group.first_sequence..).zip(record::split(&group.payload).flatten())
        });
        let mut wanted = numbered
            .skip_while(|(sequence, _)| *sequence < first)
            .take_while(|(sequence, _)| *sequence <= known)
            .peekable();
        while let Some((sequence, _)) = wanted.peek().copied() {
            let left = groups.last().map_or(sequence, Group::last_sequence) - sequence + 1;
            let found = store.each_entry(sequence, left as usize, |stored| {
                let Some((sequence, bytes)) = wanted.next() else {
                    return;
                };
                if stored == bytes {
                    self.entries += 1;
                } else {
                    let what = "is another one in the ledger database";
                    self.problems.add(format!("entry {sequence} {what}"));
                }
            });
            match found {
                Lookup::Found(()) => {}
                // It is being led at this moment, or made again.
                _ if running => return true,
                _ => {
                    let what = "cannot be read in the ledger database";
                    self.problems.add(format!("entry {sequence} {what}"));
                    return false;
                }
            }
        }
        true
    }
}

impl Compared {
    fn panicked() -> Compared {
        let mut found = Compared::default();
        let what = "the ledger database: holding it against the journal panicked";
        found.problems.add(what.to_owned());
        found
    }
}

/// What the hashes of sealed segments say; `None` where nobody came back with them.
fn seals(sealed: Option<Result<u64, ReadError>>, problems: &mut Problems) -> Value {
    let why = match sealed {
        Some(Ok(sealed)) => return json!({ "state": "whole", "sealed_segments": sealed }),
        Some(Err(error)) => chain(&error),
        None => "their check panicked".to_owned(),
    };
    problems.add(format!("the chain of segments: {why}"));
    json!({ "state": "broken", "why": why })
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
