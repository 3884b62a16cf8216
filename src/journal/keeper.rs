//! The journal's background thread: zeroes the next segment ahead, in paced steps, and keeps the SHA-256 of
//! the one in use nearly up to date, so that neither is waited for when a segment is full.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::Failed;
use super::disk::{Disk, DiskFile};
use super::frame::GROUP_HEAD;
use super::read::hash_range;

const STEP_BYTES: u64 = 1 << 20;
const PAUSE: Duration = Duration::from_millis(2);
const RETRY: Duration = Duration::from_millis(200);

/// The thread and the desk over which it is spoken to. Dropping it ends the thread.
#[derive(Debug)]
pub(super) struct Keeper {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
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
    /// The thread has panicked: nothing it would do is to be waited for.
    dead: AtomicBool,
}

#[derive(Debug)]
struct Work {
    spare: Spare,
    active: Arc<DiskFile>,
    /// How far the segment in use may be hashed.
    hash_to: u64,
    seal: Seal,
    /// A sealed file whose zeroed rest is given back.
    trim: Vec<(Arc<DiskFile>, u64)>,
    stop: bool,
}

#[derive(Debug)]
enum Spare {
    /// Not there yet.
    Making {
        hurry: bool,
    },
    Ready(DiskFile),
    /// On its way to become the segment in use. Until it has its name there, no other file may take that
    /// of the spare.
    Taken,
    /// No room, or worse; tried again until it goes.
    Failed(String),
}

#[derive(Debug)]
enum Seal {
    Open,
    Wanted(u64),
    Done(io::Result<[u8; 32]>),
}

/// What the spare of a journal is to be.
#[derive(Debug, Clone)]
pub(super) struct SparePlan {
    pub(super) disk: Disk,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    /// The folder of the segments, kept open: a turn needs no file descriptor that connections may have taken.
    pub(super) folder: Arc<File>,
}

impl Keeper {
    /// Starts the thread. `active` is the segment in use, `end` where its groups end.
    pub(super) fn start(
        plan: SparePlan,
        active: Arc<DiskFile>,
        bytes: u64,
        end: u64,
    ) -> io::Result<Keeper> {
        let desk = Arc::new(Desk {
            work: Mutex::new(Work {
                spare: making(),
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
        let thread = thread::Builder::new()
            .name("journal-keeper".into())
            .spawn({
                let desk = desk.clone();
                move || {
                    if catch_unwind(AssertUnwindSafe(|| keep(&desk, &plan))).is_err() {
                        let _work = desk.lock();
                        desk.dead.store(true, Ordering::Relaxed);
                        desk.changed.notify_all();
                    }
                }
            })?;
        Ok(Keeper {
            desk,
            thread: Some(thread),
        })
    }

    pub(super) fn room(&self) -> Room {
        Room {
            desk: self.desk.clone(),
        }
    }

    /// # Errors
    /// [`Failed::Fatal`] when the thread has died: nobody makes room or seals any more.
    pub(super) fn lives(&self) -> Result<(), Failed> {
        if self.desk.dead.load(Ordering::Relaxed) {
            let why = "the thread that keeps the journal's segments panicked";
            return Err(Failed::Fatal(io::Error::other(why)));
        }
        Ok(())
    }

    /// Groups end at `end` now, `left` bytes before the segment is full.
    pub(super) fn appended(&self, end: u64, left: u64) {
        self.desk.left.store(left, Ordering::Relaxed);
        if end % STEP_BYTES < 256 << 10 {
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

    /// The zeroed spare; waits for it while it is being made. The error says why there is none.
    pub(super) fn take_spare(&self) -> Result<DiskFile, Failed> {
        let mut work = self.desk.lock();
        loop {
            match std::mem::replace(&mut work.spare, Spare::Taken) {
                Spare::Ready(file) => return Ok(file),
                Spare::Making { .. } => {
                    work.spare = Spare::Making { hurry: true };
                    self.desk.changed.notify_all();
                }
                Spare::Failed(why) => {
                    work.spare = Spare::Failed(why.clone());
                    return Err(Failed::Full(why));
                }
                Spare::Taken => return Err(Failed::Full("the spare is in use".to_owned())),
            }
            self.lives()?;
            work = self.desk.wait(work);
        }
    }

    /// Gives a spare back that could not be put to use.
    pub(super) fn put_back(&self, spare: DiskFile) {
        self.desk.lock().spare = Spare::Ready(spare);
    }

    /// `active` has taken the place of a segment that ends at `old_end`.
    pub(super) fn turned(&self, active: Arc<DiskFile>, end: u64, left: u64, old_end: u64) {
        let mut work = self.desk.lock();
        let old = std::mem::replace(&mut work.active, active);
        work.trim.push((old, old_end));
        work.spare = making();
        work.hash_to = end;
        self.desk.left.store(left, Ordering::Relaxed);
        self.desk.changed.notify_all();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.desk.lock().stop = true;
        self.desk.changed.notify_all();
        if let Some(thread) = self.thread.take() {
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
        match &self.desk.lock().spare {
            // A spare that is just being asked for is refused within milliseconds, if at all.
            Spare::Ready(_) | Spare::Taken | Spare::Making { .. } => Ok(()),
            Spare::Failed(why) => Err(super::Full { why: why.clone() }),
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

fn making() -> Spare {
    Spare::Making { hurry: false }
}

/// The file under construction.
struct Building {
    file: DiskFile,
    zeroed: u64,
}

fn keep(desk: &Desk, plan: &SparePlan) {
    let mut hash = Sha256::new();
    let mut hashed = 0;
    let mut building: Option<Building> = None;
    let mut work = desk.lock();
    while !work.stop {
        let hash_to = match work.seal {
            Seal::Wanted(end) => Some(end),
            _ if work.hash_to >= hashed + STEP_BYTES => Some(work.hash_to),
            _ => None,
        };
        if let Some(to) = hash_to {
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
        } else if let Some((file, end)) = work.trim.pop() {
            drop(work);
            // Only gives room back: a sealed segment's end is known from the next one's header.
            let _ = file.set_len(end);
            work = desk.lock();
        } else if !matches!(work.spare, Spare::Ready(_) | Spare::Taken) {
            drop(work);
            let step = build(plan, &mut building);
            work = desk.lock();
            let pause = match step {
                Ok(Some(done)) => {
                    work.spare = Spare::Ready(done);
                    Duration::ZERO
                }
                Ok(None) if matches!(work.spare, Spare::Making { hurry: true }) => Duration::ZERO,
                Ok(None) => {
                    work.spare = Spare::Making { hurry: false };
                    PAUSE
                }
                Err(error) => {
                    work.spare = Spare::Failed(error.to_string());
                    RETRY
                }
            };
            desk.changed.notify_all();
            if !pause.is_zero() && !work.stop {
                work = desk.pause(work, pause);
            }
        } else {
            work = desk.wait(work);
        }
    }
}

/// One step: the blocks first, then a mebibyte of zeros, at last the name that says it is whole.
fn build(plan: &SparePlan, building: &mut Option<Building>) -> io::Result<Option<DiskFile>> {
    let Some(now) = building else {
        let file = plan.disk.create(&plan.path.with_extension("making"))?;
        file.reserve(plan.bytes)?;
        *building = Some(Building { file, zeroed: 0 });
        return Ok(None);
    };
    if now.zeroed < plan.bytes {
        zero(&now.file, now.zeroed, plan.bytes)?;
        now.zeroed += STEP_BYTES;
        return Ok(None);
    }
    let named = plan.disk.rename(&now.file.path, &plan.path, &plan.folder);
    // Where that failed all is begun again: the file may have its name, which then is only not durable.
    *building = None;
    named?;
    plan.disk.open(&plan.path).map(Some)
}

/// Zeroes at most a mebibyte at `at`, and makes it durable.
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

/// The spare that an earlier run left whole, if it has the size that is wanted now.
pub(super) fn left_spare(plan: &SparePlan) -> Option<DiskFile> {
    let spare = plan.disk.open(&plan.path).ok()?;
    let whole = spare
        .file
        .metadata()
        .is_ok_and(|meta| meta.len() == plan.bytes);
    whole.then_some(spare)
}
