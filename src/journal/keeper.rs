//! The journal's background threads: one makes the next segments ahead, the other keeps the SHA-256 of the one
//! in use nearly up to date, so that neither is waited for when a segment is full.
//!
//! A spare has all its blocks before it may be taken, and is zeroed in paced steps: a sync of a group in zeroed
//! blocks has no metadata to write. Where groups come faster than zeros, a spare is taken as far as it is:
//! behind its zeros are blocks that were never written, which read as zeros too, and cost a sync somewhat more.
//! A spare is on the desk or in the hands of its maker, never both: what is taken is not zeroed any more.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::Failed;
use super::disk::{Disk, DiskFile};
use super::frame::GROUP_HEAD;
use super::read::hash_range;

const STEP_BYTES: u64 = 1 << 20;
const PAUSE: Duration = Duration::from_millis(2);
/// Where there is time, zeros come in such steps: a group waits less for the disk.
const SMALL_STEP_BYTES: u64 = 256 << 10;
const LONG_PAUSE: Duration = Duration::from_millis(8);
const RETRY: Duration = Duration::from_millis(200);
/// A segment that is full so soon is followed by others as soon.
const SOON: Duration = Duration::from_secs(1);
/// How many spares are kept ready once one was taken before it was zeroed.
const SPARES_MOST: usize = 3;

/// The threads and the desk over which they are spoken to. Dropping it ends them.
#[derive(Debug)]
pub(super) struct Keeper {
    desk: Arc<Desk>,
    threads: Vec<JoinHandle<()>>,
}

/// Tells whether the journal has room, from any thread.
#[derive(Debug, Clone)]
pub struct Room {
    desk: Arc<Desk>,
}

#[derive(Debug)]
struct Desk {
    work: Mutex<Work>,
    changed: Condvar,
    /// Bytes left in the segment in use.
    left: AtomicU64,
    /// A thread has panicked: nothing it would do is to be waited for.
    dead: AtomicBool,
    /// A spare that is zeroed from end to end is ready.
    ready: AtomicBool,
}

#[derive(Debug)]
struct Work {
    /// Zeroed from end to end.
    ready: VecDeque<Spare>,
    making: Making,
    /// One is on its way to become the segment in use. Until it has its name there, no other file may take
    /// that of a spare.
    taken: bool,
    /// How many are to be ready.
    wanted: usize,
    /// The appender waits for one.
    hurry: bool,
    /// When the segment in use was begun, and how long the one before was in use.
    begun: Instant,
    lasted: Duration,
    active: Arc<DiskFile>,
    /// How far the segment in use may be hashed.
    hash_to: u64,
    seal: Seal,
    /// A sealed file whose zeroed rest is given back.
    trim: Vec<(Arc<DiskFile>, u64)>,
    stop: bool,
}

/// A file that becomes the next segment.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) file: DiskFile,
    /// So many bytes were written with zeros; all others were never written.
    pub(super) zeroed: u64,
    /// All its blocks are promised by the file system.
    promised: bool,
}

#[derive(Debug)]
enum Making {
    /// Not begun.
    None,
    /// Between two steps: may be taken when its blocks are promised.
    Here(Spare),
    /// In the maker's hands.
    Away,
    /// No room, or worse; tried again until it goes.
    Failed(String),
}

#[derive(Debug)]
enum Seal {
    Open,
    Wanted(u64),
    Done(io::Result<[u8; 32]>),
}

/// What the spares of a journal are to be.
#[derive(Debug, Clone)]
pub(super) struct SparePlan {
    pub(super) disk: Disk,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    /// The folder of the segments, kept open: a turn needs no file descriptor that connections may have taken.
    pub(super) folder: Arc<File>,
}

impl SparePlan {
    /// Name of a spare that is not zeroed yet.
    fn making(&self) -> PathBuf {
        self.path.with_extension("making")
    }

    /// Names of those that are.
    fn names(&self) -> impl Iterator<Item = PathBuf> + '_ {
        let more = |number| self.path.with_extension(format!("{number}"));
        std::iter::once(self.path.clone()).chain((2..=SPARES_MOST).map(more))
    }
}

impl Keeper {
    /// Starts the threads. `active` is the segment in use, `end` where its groups end.
    pub(super) fn start(
        plan: SparePlan,
        active: Arc<DiskFile>,
        bytes: u64,
        end: u64,
    ) -> io::Result<Keeper> {
        let left: VecDeque<Spare> = left_spares(&plan).collect();
        let desk = Arc::new(Desk {
            ready: AtomicBool::new(!left.is_empty()),
            work: Mutex::new(Work {
                ready: left,
                making: Making::None,
                taken: false,
                wanted: 1,
                hurry: false,
                begun: Instant::now(),
                lasted: Duration::MAX,
                active,
                hash_to: end,
                seal: Seal::Open,
                trim: Vec::new(),
                stop: false,
            }),
            changed: Condvar::new(),
            left: AtomicU64::new(bytes - end),
            dead: AtomicBool::new(false),
        });
        let mut keeper = Keeper {
            desk,
            threads: Vec::new(),
        };
        keeper.spawn("journal-keeper", move |desk| keep_spares(desk, &plan))?;
        keeper.spawn("journal-seal", keep_seal)?;
        Ok(keeper)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce(&Desk) + Send + 'static) -> io::Result<()> {
        let desk = self.desk.clone();
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            if catch_unwind(AssertUnwindSafe(|| work(&desk))).is_err() {
                let _work = desk.lock();
                desk.dead.store(true, Ordering::Relaxed);
                desk.changed.notify_all();
            }
        })?;
        self.threads.push(thread);
        Ok(())
    }

    pub(super) fn room(&self) -> Room {
        Room {
            desk: self.desk.clone(),
        }
    }

    /// # Errors
    /// [`Failed::Fatal`] when a thread has died: nobody makes room or seals any more.
    pub(super) fn lives(&self) -> Result<(), Failed> {
        if self.desk.dead.load(Ordering::Relaxed) {
            let why = "a thread that keeps the journal's segments panicked";
            return Err(Failed::Fatal(io::Error::other(why)));
        }
        Ok(())
    }

    /// Whether a spare is ready that is zeroed from end to end.
    pub(super) fn has_zeroed(&self) -> bool {
        self.desk.ready.load(Ordering::Relaxed)
    }

    /// Groups end at `end` now, `left` bytes before the segment is full.
    pub(super) fn appended(&self, end: u64, left: u64) {
        self.desk.left.store(left, Ordering::Relaxed);
        if end % STEP_BYTES < 512 << 10 {
            let mut work = self.desk.lock();
            if end >= work.hash_to + STEP_BYTES {
                work.hash_to = end;
                self.desk.changed.notify_all();
            }
        }
    }

    /// SHA-256 of the segment in use, which ends at `end`.
    pub(super) fn seal(&self, end: u64) -> Result<[u8; 32], Failed> {
        let mut work = self.desk.lock();
        work.seal = Seal::Wanted(end);
        self.desk.changed.notify_all();
        loop {
            match std::mem::replace(&mut work.seal, Seal::Open) {
                Seal::Done(hash) => return hash.map_err(Failed::Fatal),
                waiting => work.seal = waiting,
            }
            self.lives()?;
            work = self.desk.wait(work);
        }
    }

    /// The next segment's file: zeroed, or as far as it is. Waits only while its blocks are being asked for, or
    /// for one step of its zeros. The error says why there is none.
    pub(super) fn take_spare(&self) -> Result<Spare, Failed> {
        let mut work = self.desk.lock();
        loop {
            if let Some(spare) = work.ready.pop_front() {
                self.desk
                    .ready
                    .store(!work.ready.is_empty(), Ordering::Relaxed);
                work.taken = true;
                return Ok(spare);
            }
            match std::mem::replace(&mut work.making, Making::None) {
                Making::Here(spare) if spare.promised => {
                    // Taken too early: from now on more are kept ready.
                    work.wanted = SPARES_MOST;
                    work.taken = true;
                    work.hurry = false;
                    return Ok(spare);
                }
                Making::Failed(why) => {
                    work.making = Making::Failed(why.clone());
                    work.hurry = false;
                    return Err(Failed::Full(why));
                }
                making => {
                    work.making = making;
                    work.hurry = true;
                    self.desk.changed.notify_all();
                }
            }
            self.lives()?;
            work = self.desk.wait(work);
        }
    }

    /// Gives a spare back that could not be put to use.
    pub(super) fn put_back(&self, spare: Spare, plan: &SparePlan) {
        let mut work = self.desk.lock();
        work.taken = false;
        if spare.file.path == plan.making() {
            work.making = Making::Here(spare);
        } else {
            work.ready.push_front(spare);
            self.desk.ready.store(true, Ordering::Relaxed);
        }
        self.desk.changed.notify_all();
    }

    /// `active` has taken the place of a segment that ends at `old_end`.
    pub(super) fn turned(&self, active: Arc<DiskFile>, end: u64, left: u64, old_end: u64) {
        let mut work = self.desk.lock();
        let old = std::mem::replace(&mut work.active, active);
        work.trim.push((old, old_end));
        work.taken = false;
        work.hurry = false;
        work.lasted = work.begun.elapsed();
        work.begun = Instant::now();
        work.hash_to = end;
        self.desk.left.store(left, Ordering::Relaxed);
        self.desk.changed.notify_all();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.desk.lock().stop = true;
        self.desk.changed.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Room {
    /// Whether a group of `bytes` may be taken: its bytes, and those of another such group that may be on
    /// its way, are reserved on the disk.
    ///
    /// # Errors
    /// [`Full`](super::Full) when the disk has no room; ask again later.
    pub fn reserve(&self, bytes: usize) -> Result<(), super::Full> {
        let need = 2 * super::frame::padded((bytes + GROUP_HEAD) as u64);
        if self.desk.left.load(Ordering::Relaxed) >= need {
            return Ok(());
        }
        let work = self.desk.lock();
        match &work.making {
            Making::Failed(why) if work.ready.is_empty() => Err(super::Full { why: why.clone() }),
            // A spare that is just being asked for is refused within milliseconds, if at all.
            _ => Ok(()),
        }
    }

    /// Whether a group of usual size may be taken; for readiness.
    pub fn has_room(&self) -> bool {
        self.reserve(256 << 10).is_ok()
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, work: MutexGuard<'a, Work>) -> MutexGuard<'a, Work> {
        self.changed
            .wait(work)
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn pause<'a>(&self, work: MutexGuard<'a, Work>, time: Duration) -> MutexGuard<'a, Work> {
        let (work, _) = self
            .changed
            .wait_timeout(work, time)
            .unwrap_or_else(PoisonError::into_inner);
        work
    }
}

/// Feeds what was appended to the SHA-256 of the segment in use, and gives it when it is asked for.
fn keep_seal(desk: &Desk) {
    let mut hash = Sha256::new();
    let mut hashed = 0;
    let mut work = desk.lock();
    while !work.stop {
        let to = match work.seal {
            Seal::Wanted(end) => end,
            _ if work.hash_to >= hashed + STEP_BYTES => work.hash_to,
            _ => {
                work = desk.wait(work);
                continue;
            }
        };
        let active = work.active.clone();
        drop(work);
        let fed = hash_range(&mut hash, &active.file, hashed, to);
        hashed = to;
        work = desk.lock();
        if let Seal::Wanted(end) = work.seal
            && (end == to || fed.is_err())
        {
            let digest = std::mem::take(&mut hash).finalize().into();
            work.seal = Seal::Done(fed.map(|()| digest));
            // Until the next segment is in use nothing more is to be hashed.
            hashed = 0;
            work.hash_to = 0;
            desk.changed.notify_all();
        } else if fed.is_err() {
            // Hashed ahead of need: begun again, so that no byte is left out of the seal.
            hash = Sha256::new();
            hashed = 0;
            work = desk.pause(work, RETRY);
        }
    }
}

/// Makes spares, as many as are wanted, and gives the rest of sealed segments back.
fn keep_spares(desk: &Desk, plan: &SparePlan) {
    let mut left_before = 0;
    let mut work = desk.lock();
    while !work.stop {
        if let Some((file, end)) = work.trim.pop() {
            drop(work);
            // Only gives room back: a sealed segment's end is known from the next one's header.
            let _ = file.set_len(end);
            drop(file);
            work = desk.lock();
            continue;
        }
        // Where somebody waits for the one that is made, it is not taken out of his reach again.
        let awaited = work.hurry && matches!(&work.making, Making::Here(spare) if spare.promised);
        if work.taken || awaited || work.ready.len() >= work.wanted {
            work = desk.wait(work);
            continue;
        }
        let left = desk.left.load(Ordering::Relaxed);
        let idle = std::mem::replace(&mut left_before, left) == left;
        let (step, pause) = pace(&work, plan, left, idle);
        let making = std::mem::replace(&mut work.making, Making::Away);
        let names: Vec<PathBuf> = work
            .ready
            .iter()
            .map(|spare| spare.file.path.clone())
            .collect();
        let spares = work.ready.len();
        drop(work);
        let made = match making {
            Making::Here(spare) => go_on(plan, spare, step, &names),
            _ => begin(plan).map(Made::Here),
        };
        work = desk.lock();
        let pause = match made {
            Ok(Made::Here(spare)) => {
                work.making = Making::Here(spare);
                pause
            }
            Ok(Made::Ready(spare)) => {
                work.making = Making::None;
                work.ready.push_back(spare);
                desk.ready.store(true, Ordering::Relaxed);
                Duration::ZERO
            }
            // One is there: nobody need be told that there is no room for another.
            Err(_) if spares > 0 => {
                work.making = Making::None;
                RETRY
            }
            Err(error) => {
                work.making = Making::Failed(error.to_string());
                RETRY
            }
        };
        desk.changed.notify_all();
        if !pause.is_zero() && !work.stop {
            work = desk.pause(work, pause);
        }
    }
}

/// How much is zeroed in the next step, and how long is waited after it: the zeros of the spare are to stay
/// ahead of the groups in the segment in use, and else to disturb them little.
fn pace(work: &Work, plan: &SparePlan, left: u64, idle: bool) -> (u64, Duration) {
    let used = plan.bytes.saturating_sub(left);
    let zeroed = match &work.making {
        Making::Here(spare) => spare.zeroed,
        _ => 0,
    };
    let soon = work.lasted < SOON && work.begun.elapsed() < SOON;
    if work.hurry || soon && idle {
        (STEP_BYTES, Duration::ZERO)
    } else if soon || work.ready.is_empty() && zeroed < used + plan.bytes / 4 {
        (STEP_BYTES, PAUSE)
    } else {
        (SMALL_STEP_BYTES, LONG_PAUSE)
    }
}

enum Made {
    Here(Spare),
    Ready(Spare),
}

/// Begins a spare: its blocks first.
fn begin(plan: &SparePlan) -> io::Result<Spare> {
    let file = plan.disk.create(&plan.making())?;
    // What an earlier run left there is given back, so that everything in the new blocks reads as zero.
    if file.file.metadata()?.len() > 0 {
        file.set_len(0)?;
    }
    let promised = file.reserve(plan.bytes)?;
    Ok(Spare {
        file,
        zeroed: 0,
        promised,
    })
}

/// One step: a few zeros, or at last the name that says it is whole. `taken` names are those of others.
fn go_on(plan: &SparePlan, mut spare: Spare, step: u64, taken: &[PathBuf]) -> io::Result<Made> {
    if spare.zeroed < plan.bytes {
        let end = plan.bytes.min(spare.zeroed + step);
        zero(&spare.file, spare.zeroed, end)?;
        spare.zeroed = end;
        return Ok(Made::Here(spare));
    }
    let name = plan.names().find(|name| !taken.contains(name));
    let name = name.expect("fewer are ready than there are names");
    plan.disk.rename(&spare.file.path, &name, &plan.folder)?;
    Ok(Made::Ready(Spare {
        file: spare.file.named(name),
        ..spare
    }))
}

/// Zeroes at most a mebibyte from `at` on, and makes it durable.
fn zero(file: &DiskFile, at: u64, end: u64) -> io::Result<()> {
    static ZEROS: [u8; STEP_BYTES as usize] = [0; STEP_BYTES as usize];
    let bytes = usize::try_from(end - at).map_or(ZEROS.len(), |left| left.min(ZEROS.len()));
    file.write_at(&ZEROS[..bytes], at)?;
    file.sync()
}

/// Makes a small zeroed file at once, for the first segment after a start without a spare.
pub(super) fn zeroed_now(plan: &SparePlan, bytes: u64) -> io::Result<DiskFile> {
    let file = plan.disk.create(&plan.path)?;
    file.set_len(0)?;
    file.reserve(bytes)?;
    let mut at = 0;
    while at < bytes {
        zero(&file, at, bytes)?;
        at += STEP_BYTES;
    }
    plan.folder.sync_all()?;
    Ok(file)
}

/// The spares that an earlier run left whole, those that have the size that is wanted now.
pub(super) fn left_spares(plan: &SparePlan) -> impl Iterator<Item = Spare> + '_ {
    let whole = |file: &DiskFile| {
        let meta = file.file.metadata();
        meta.is_ok_and(|meta| meta.len() == plan.bytes)
    };
    let opened = plan.names().filter_map(|name| plan.disk.open(&name).ok());
    opened.filter(whole).map(|file| Spare {
        file,
        zeroed: plan.bytes,
        promised: true,
    })
}
