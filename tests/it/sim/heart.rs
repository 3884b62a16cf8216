//! The pure core over the real journal, driven as the daemon's threads drive it: a group is decided while the one before is
//! written, and nothing is told before it is durable.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use clubswitch::engine::{
    Act, Brought, Decision, Engine, Found, Group, Happened, Limits, Opening, OpeningLot,
    OpeningMember,
};
use clubswitch::journal::{
    AppendError, Archive, ArchiveError, Journal, OpenError, Options, ReadError, Reader, Room,
    snapshot,
};
use clubswitch::ledger::{Book, Entry, Item, Mode, Names, Request, Told, Verdict, finding, record};
use clubswitch::rulefile;
use clubswitch::rules::Rulebook;
use clubswitch::serve::data;
use clubswitch::terms::person::Identity;
use clubswitch::terms::{Day, MemberId, Moment, Sequence};

use super::Sabotage;
use super::disk::Platter;
use super::shop::CARDS;
use crate::decisions::token;
use crate::random;

pub(super) const SEGMENT_BYTES: u64 = 64 << 10;
const GROUP_BYTES_RESERVED: usize = 8 << 10;
const QUEUE_MOST: usize = 100;

/// What the ledger database has, by what it is found under.
#[derive(Default)]
struct Index {
    /// It may be behind, or be made again.
    up_to: u64,
    under: HashMap<Item, Vec<Sequence>>,
}

/// The running core.
pub(super) struct Heart {
    dir: PathBuf,
    engine: Engine,
    journal: Journal,
    /// Reads journal and archive.
    reader: Reader,
    /// Reads the journal alone.
    kept: Reader,
    archive: Archive,
    /// Where the journal begins.
    first: u64,
    limits: Limits,
    room: Room,
    platter: Platter,
    index: Index,
    pub(super) done: Done,
    queue: VecDeque<(usize, bool)>,
    /// What was decided since the last group was handed over.
    decided: Vec<Outcome>,
    flight: Option<Flight>,
    sabotage: Sabotage,
    /// For the sabotage that takes another message for a repeat.
    digests: HashMap<[u8; 34], u64>,
}

/// What was met.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(super) struct Done {
    /// Messages whose key something else had used.
    pub(super) conflicts: u64,
    /// Look-ups that the ledger database could not answer.
    pub(super) unknown: u64,
    /// Entries that were wanted and had left the journal.
    pub(super) gone: u64,
    /// Segments that left it.
    pub(super) archived: u64,
}

impl Done {
    pub(super) fn add(&mut self, one: &Done) {
        self.conflicts += one.conflicts;
        self.unknown += one.unknown;
        self.gone += one.gone;
        self.archived += one.archived;
    }
}

/// What somebody is told once it is durable.
pub(super) struct Outcome {
    pub(super) call: usize,
    pub(super) told: Told,
    pub(super) entry: Option<Sequence>,
}

/// What is on its way to the disk.
struct Flight {
    group: Option<Arc<Group>>,
    outcomes: Vec<Outcome>,
    /// A snapshot of the book as of this group.
    book: Option<Vec<u8>>,
    not_before: u64,
}

/// Why a heart stops.
#[derive(Debug)]
pub(super) enum End {
    /// As the daemon would end: a failed write, a failed sync, the machine.
    Crash,
    /// What must not be.
    Wrong(String),
}

/// What the next tick may do.
pub(super) struct Turn {
    pub(super) tick: u64,
    pub(super) now: Moment,
    /// Inputs of a group at most.
    pub(super) inputs: usize,
    /// How many ticks a commit takes.
    pub(super) delay: u64,
    pub(super) snapshot: bool,
    pub(super) turn_day: bool,
    /// So many entries the ledger database follows.
    pub(super) follow: u64,
    /// What nobody may ask for any more leaves the journal.
    pub(super) archive: bool,
    /// The process ends between the commit and the answers.
    pub(super) die_before_telling: bool,
}

impl Heart {
    /// Starts as the daemon does: the newest snapshot and what came after it. Gives the book as of then, too.
    pub(super) fn open(
        dir: &Path,
        platter: &Platter,
        limits: Limits,
        now: Moment,
        sabotage: Sabotage,
    ) -> Result<Heart, End> {
        let newest = snapshot::newest_valid(dir);
        let options = Options {
            segment_bytes: SEGMENT_BYTES,
            minimum_sequence: newest.as_ref().map_or(0, |s| s.head.sequence),
            disk: platter.disk(),
            ..Options::default()
        };
        let (journal, _) = Journal::open(dir, options).map_err(|error| match error {
            OpenError::Io { .. } | OpenError::NoRoom { .. } => End::Crash,
            other => End::Wrong(format!("it does not open: {other}")),
        })?;
        let kept = journal.reader();
        let identity = journal.folder().identity();
        let archive = Archive::open_on(platter.disk(), &dir.join("archive"), identity)
            .map_err(wrong("the archive"))?;
        let reader = kept.clone().with_archive(archive.clone());
        let mut book = match newest {
            Some(mut newest) => {
                Book::read(&mut newest, REMEMBERED).map_err(wrong("the snapshot"))?
            }
            None => Book::new(REMEMBERED),
        };
        let mut entries = entries(&reader, book.sequence().0 + 1)?;
        if sabotage == Sabotage::ForgetTheLastEntry {
            entries.pop();
        }
        for entry in &entries {
            book.apply(entry);
        }
        let whole = book_of(&reader)?;
        if book.to_bytes() != whole.to_bytes() {
            return Err(End::Wrong(
                "the book is not that of a full replay".to_owned(),
            ));
        }
        let mut heart = Heart {
            dir: dir.to_owned(),
            engine: Engine::new(book, rules(), limits),
            room: journal.room(),
            // It is at hand, or begun again.
            index: Index::default(),
            done: Done::default(),
            first: 1,
            limits,
            archive,
            kept,
            reader,
            journal,
            platter: platter.clone(),
            queue: VecDeque::new(),
            decided: Vec::new(),
            flight: None,
            sabotage,
            digests: HashMap::new(),
        };
        heart.first = heart.first_kept()?;
        if heart.journal.epoch().is_multiple_of(2) {
            heart.follow(u64::MAX)?;
        }
        heart.settle()?;
        heart.begin(now);
        Ok(heart)
    }

    pub(super) fn reader(&self) -> &Reader {
        &self.reader
    }

    pub(super) fn epoch(&self) -> u64 {
        self.journal.epoch()
    }

    /// Takes what has come, as much as the queue holds; the rest is as good as lost.
    pub(super) fn arrive(&mut self, calls: Vec<(usize, bool)>) {
        let room = QUEUE_MOST.saturating_sub(self.queue.len());
        self.queue.extend(calls.into_iter().take(room));
    }

    /// What has come and is not decided is as good as lost.
    pub(super) fn forget_the_queue(&mut self) {
        self.queue.clear();
    }

    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.flight.is_none() && self.decided.is_empty()
    }

    /// What waits where, for whoever looks for the fault.
    pub(super) fn state(&self) -> String {
        format!(
            "{} in the queue, {} decided, {}, room {:?}",
            self.queue.len(),
            self.decided.len(),
            self.flight
                .as_ref()
                .map_or(0, |flight| flight.outcomes.len()),
            self.room.reserve(GROUP_BYTES_RESERVED)
        )
    }

    /// Of one member or another, what he waits for happens; where nothing waits, nothing does.
    fn release(&mut self, now: Moment) {
        let names = self.engine.names();
        let club = names.club_id("golestan");
        let event = club.and_then(|club| names.event_id(club, "profile-confirmed"));
        let member = self.engine.book().sequence().0 % 5 + 1;
        let happened = Happened {
            member: MemberId(member as u32),
            event: event.expect("an event of the club"),
            reason: String::new(),
        };
        let _ = self.engine.act(Act::Event(happened), now);
    }

    /// One look of each thread: decides what waits, commits what is due, tells it, hands the next group over. Gives what is
    /// told, and who could not be served.
    pub(super) fn turn<'r>(
        &mut self,
        turn: &Turn,
        request: impl Fn(usize) -> &'r Request,
    ) -> Result<(Vec<Outcome>, Vec<usize>), End> {
        let mut refused = Vec::new();
        self.follow(turn.follow)?;
        let full = self.room.reserve(GROUP_BYTES_RESERVED).is_err();
        if turn.turn_day && !full {
            // Before the first acquirer there is no day.
            let _ = self.engine.act(Act::TurnDay(None), turn.now);
            self.release(turn.now);
        }
        while self.decided.len() < turn.inputs
            && let Some((call, repeat)) = self.queue.pop_front()
        {
            let mut request = request(call).clone();
            request.repeat = repeat;
            if full {
                if request.asked.mode == Mode::Ask {
                    refused.push(call);
                }
                continue;
            }
            if self.sabotage == Sabotage::DecideRepeatsAnew && repeat {
                request.asked.key.local += 1;
            }
            if self.sabotage == Sabotage::ReverseInWordsOnly
                && request.asked.original.is_some()
                && let Some(found) = request.asked.original.as_mut()
            {
                found.stan = Some(999_999);
            }
            if self.sabotage == Sabotage::OverlookConflicts {
                let (key, digest) = (request.asked.key, request.asked.digest);
                request.asked.digest = *self.digests.entry(key.bytes()).or_insert(digest);
            }
            match self.decide(&request, turn.now)? {
                Some((told, entry)) => self.decided.push(Outcome { call, told, entry }),
                None if request.asked.mode == Mode::Ask => refused.push(call),
                None => {}
            }
        }
        let mut told = Vec::new();
        if let Some(flight) = self.flight.take_if(|flight| flight.not_before <= turn.tick) {
            match self.commit(&flight)? {
                true if turn.die_before_telling => return Err(End::Crash),
                true => told.extend(flight.outcomes),
                false => self.flight = Some(flight),
            }
        }
        if self.flight.is_none() && (!self.decided.is_empty() || self.engine.group_bytes() > 0) {
            let group = self.engine.take_group();
            let mut outcomes = std::mem::take(&mut self.decided);
            if self.sabotage == Sabotage::TellBeforeDurable {
                told.append(&mut outcomes);
            }
            let book = (turn.snapshot && group.is_some()).then(|| self.engine.book().to_bytes());
            self.flight = Some(Flight {
                group,
                outcomes,
                book,
                not_before: turn.tick + turn.delay,
            });
        }
        if turn.archive {
            self.archive(turn.now)?;
        }
        Ok((told, refused))
    }

    /// The ledger database takes what is durable.
    fn follow(&mut self, most: u64) -> Result<(), End> {
        let next = (self.index.up_to + 1).max(self.first);
        for entry in entries(&self.kept, next)? {
            let sequence = entry.head.sequence;
            if sequence.0 >= next.saturating_add(most) {
                break;
            }
            let mut items = Vec::new();
            finding::items(&entry, &mut items);
            for item in items {
                self.index.under.entry(item).or_default().push(sequence);
            }
            self.index.up_to = sequence.0;
        }
        Ok(())
    }

    /// What is so old that nothing of it is known again leaves the journal, as the daemon's archiver sees to it.
    fn archive(&mut self, now: Moment) -> Result<(), End> {
        let [Some(older), _] = snapshot::sequences(&self.dir) else {
            return Ok(());
        };
        let days = i64::from(self.limits.duplicate_days) + 2;
        let cutoff = now.plus_seconds(-86_400 * days);
        let old = entries(&self.kept, self.first)?;
        let old = old.iter().take_while(|entry| entry.head.at < cutoff);
        let bound = (self.first + old.count() as u64)
            .min(older + 1)
            .min(self.index.up_to + 1);
        if bound == self.first {
            return Ok(());
        }
        let segments = self.journal.segments();
        match segments.archive_before(bound, &self.archive, |_, _| {}) {
            Ok(moved) => self.done.archived += moved.len() as u64,
            Err(_) if self.platter.is_dead() => return Err(End::Crash),
            // An operator is told, and it is tried again.
            Err(ArchiveError::Io { .. }) => {}
            Err(error) => return Err(End::Wrong(error.to_string())),
        }
        self.platter.settled();
        let first = self.first_kept()?;
        if first > self.first {
            self.first = first;
            self.index.under.retain(|_, under| {
                under.retain(|at| at.0 >= first);
                !under.is_empty()
            });
        }
        Ok(())
    }

    /// Where the journal begins.
    fn first_kept(&self) -> Result<u64, End> {
        match self.kept.find(1) {
            Err(ReadError::Gone { first, .. }) => Ok(first),
            Ok(_) => Ok(1),
            Err(error) => Err(wrong("the journal")(error)),
        }
    }

    /// Waits until the journal's own thread has done what it is about to do, so that its pace is not to be seen.
    pub(super) fn settle(&self) -> Result<(), End> {
        let end = Instant::now() + Duration::from_secs(10);
        while !self.dir.join("journal/spare").exists() {
            if self.platter.is_full() && self.room.reserve(1 << 30).is_err() {
                break;
            }
            if Instant::now() > end {
                return Err(End::Wrong("the journal makes no room".to_owned()));
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        self.platter.settled();
        Ok(())
    }

    /// Rules and opening balances, where the journal has none.
    fn begin(&mut self, now: Moment) {
        if !self.engine.rules_in_force() {
            self.engine.act(Act::LoadRules(rules()), now).unwrap();
        }
        let opening = opening(&self.engine.names());
        if self.engine.book().opened(&opening.sha256).is_none() {
            self.engine.act(Act::Open(opening), now).unwrap();
        }
    }

    /// `None` where the ledger database cannot say what is needed.
    fn decide(
        &mut self,
        request: &Request,
        now: Moment,
    ) -> Result<Option<(Told, Option<Sequence>)>, End> {
        let mut brought = Brought::default();
        for _ in 0..8 {
            match self.engine.decide(request, &brought, now) {
                Decision::Tell(answer) => {
                    let conflict = answer.told.verdict == Verdict::KeyConflict;
                    self.done.conflicts += u64::from(conflict);
                    return Ok(Some((answer.told, answer.entry)));
                }
                Decision::Needs(needed) => {
                    for sequence in needed.entries {
                        match self.fetch(sequence)? {
                            Some(entry) => brought.entries.push(entry),
                            None => {
                                self.done.gone += 1;
                                brought.gone_before = Sequence(self.first);
                            }
                        }
                    }
                    for item in needed.items {
                        let Some(found) = self.under(item, needed.before)? else {
                            self.done.unknown += 1;
                            return Ok(None);
                        };
                        brought.found.push(found);
                    }
                }
            }
        }
        Err(End::Wrong("what was brought was never enough".to_owned()))
    }

    /// What is found under an item, as the ledger database finds it: among what it has. `None`: it does not have enough.
    fn under(&self, item: Item, before: Sequence) -> Result<Option<Found>, End> {
        let durable = self.reader.last_sequence();
        if durable + 1 < before.0 {
            return Err(End::Wrong(format!(
                "{before} is forgotten before it is durable"
            )));
        }
        let index = &self.index;
        if index.up_to + 1 < before.0 && self.sabotage != Sabotage::TakeUnknownForAbsent {
            return Ok(None);
        }
        let sequences = index.under.get(&item).into_iter().flatten();
        Ok(Some(Found {
            item,
            sequences: sequences.rev().copied().collect(),
            up_to: Sequence(index.up_to.max(before.0 - 1)),
        }))
    }

    /// An entry out of memory: it may still be on its way. `None`: it has left the journal.
    fn fetch(&self, sequence: Sequence) -> Result<Option<Entry>, End> {
        let flying = self
            .flight
            .as_ref()
            .and_then(|flight| flight.group.as_ref());
        if let Some(entry) = flying.and_then(|group| group.entry(sequence)) {
            return Ok(Some(entry));
        }
        if sequence.0 < self.first {
            return Ok(None);
        }
        let group = self.kept.find(sequence.0);
        let group = group.map_err(wrong("an old entry"))?;
        let entries = group.map(|group| data::entries(&group)).transpose();
        entries
            .map_err(wrong("an old entry"))?
            .and_then(|entries| {
                entries
                    .into_iter()
                    .find(|entry| entry.head.sequence == sequence)
            })
            .map(Some)
            .ok_or_else(|| End::Wrong(format!("entry {sequence} is wanted, and nowhere")))
    }

    /// `false` when there was no room: it is tried again.
    fn commit(&mut self, flight: &Flight) -> Result<bool, End> {
        let Some(group) = &flight.group else {
            return Ok(true);
        };
        match self
            .journal
            .append(group.first.0, group.count(), &group.bytes)
        {
            Ok(_) => {}
            Err(AppendError::Full { .. }) => return Ok(false),
            Err(AppendError::Fatal { .. }) => return Err(End::Crash),
            Err(error) => return Err(End::Wrong(error.to_string())),
        }
        if !self.platter.hasty {
            self.settle()?;
        }
        if let Some(bytes) = &flight.book {
            let head = snapshot::Head {
                epoch: self.journal.epoch(),
                sequence: group.last().0,
                key_check: Vec::new(),
            };
            snapshot::write(&self.dir, &head, |out| out.write_all(bytes)).unwrap();
        }
        Ok(true)
    }
}

/// The process ends while it writes a snapshot.
pub(super) fn break_off_a_snapshot(dir: &Path) {
    let head = snapshot::Head {
        epoch: 1,
        sequence: u64::MAX,
        key_check: Vec::new(),
    };
    let half = std::panic::AssertUnwindSafe(|| {
        snapshot::write(dir, &head, |out| {
            out.write_all(&[7; 5_000])?;
            std::panic::resume_unwind(Box::new(()))
        })
    });
    assert!(std::panic::catch_unwind(half).is_err());
}

/// Every durable entry from one on.
pub(super) fn entries(reader: &Reader, first: u64) -> Result<Vec<Entry>, End> {
    let mut all = Vec::new();
    if reader.last_sequence() < first {
        return Ok(all);
    }
    for group in reader.read_from(first).map_err(wrong("the journal"))? {
        for bytes in record::split(&group.map_err(wrong("the journal"))?.payload) {
            let entry = bytes.and_then(record::decode).map_err(wrong("an entry"))?;
            if entry.head.sequence.0 >= first {
                all.push(entry);
            }
        }
    }
    Ok(all)
}

/// So little that most of what is asked for is older.
pub(super) const REMEMBERED: usize = 64;

fn book_of(reader: &Reader) -> Result<Book, End> {
    let mut book = Book::new(REMEMBERED);
    for entry in entries(reader, 1)? {
        book.apply(&entry);
    }
    Ok(book)
}

fn wrong<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> End {
    move |error| End::Wrong(format!("{what} cannot be read: {error}"))
}

/// The shipped rules, in which everything happens.
pub(super) fn rules() -> Arc<Rulebook> {
    static RULES: OnceLock<Arc<Rulebook>> = OnceLock::new();
    Arc::clone(RULES.get_or_init(|| {
        let club = random::club();
        let files = [
            ("world/shared.toml", random::WORLD),
            ("clubs/golestan.toml", club.as_str()),
        ];
        let loaded = rulefile::compile(&files, &Names::default())
            .unwrap_or_else(|faults| panic!("{}", faults.drawn(false)));
        Arc::new(loaded.rulebook)
    }))
}

/// Half of the cards belong to members who have something; the others come by buying.
fn opening(names: &Names) -> Opening {
    let club = names.club_id("golestan").unwrap();
    let purses = ["points", "club-credit"].map(|name| names.purse_id(club, name).unwrap());
    let members = (0..CARDS / 2).map(|at| OpeningMember {
        club,
        identities: vec![Identity::Card(token(&format!("C{at}")))],
        tier: None,
        marketer: names.person_id("p-77"),
        joined: None,
        born: None,
        lots: purses
            .iter()
            .map(|purse| OpeningLot {
                purse: *purse,
                shop: None,
                amount: 5_000_000 * (at as i64 + 1),
                booked: Day(20_000),
                last_day: None,
            })
            .collect(),
    });
    Opening {
        reason: "a simulation".to_owned(),
        sha256: [7; 32],
        members: members.collect(),
    }
}
