//! A disk that forgets: beside the real files it keeps what each sector held before every write that was not synced, and at a
//! power cut any of that comes back; also what a failed sync did not bring to the disk, however often the file is synced later.
//! It tears writes, runs full, and reports errors where it is told to.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use clubswitch::journal::{Act, Disk, Loss, Unsynced, Verdict};
use xxhash_rust::xxh3::xxh3_64;

use super::heart::SEGMENT_BYTES;
use crate::random::Dice;

const SECTOR: u64 = 512;
const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// The disk below one data folder, over all its restarts.
#[derive(Clone)]
pub(super) struct Platter {
    state: Arc<Mutex<State>>,
    /// Names and lengths; sectors are kept here.
    names: Unsynced,
    /// Journal and archive.
    folders: [PathBuf; 2],
    /// The journal's own thread is not waited for: segments are taken before they are zeroed, and the run is not quite the
    /// same again.
    pub(super) hasty: bool,
}

struct State {
    /// By inode and sector: what is not known to be on the disk.
    unsynced: BTreeMap<u64, BTreeMap<u64, Sector>>,
    strike: Option<Strike>,
    /// Nothing reaches the disk any more.
    dead: bool,
    full: bool,
    /// It says it has synced, and has not.
    lies: bool,
    /// The journal's own thread has faults of its own, so that its pace changes nothing else.
    keeper: Dice,
    keeper_fails_one_in: u64,
    dice: Dice,
    /// The committing thread has given a file its name: the journal's own thread may be at work on another.
    turned: bool,
    /// Of each kind, what it did to the committing thread.
    done: Done,
}

/// What became of the committing thread's acts.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) cut_in_act: u64,
    pub(super) torn: u64,
    pub(super) failed_write: u64,
    pub(super) failed_sync: u64,
    pub(super) no_room: u64,
    pub(super) sectors_lost: u64,
}

impl Done {
    pub(super) fn add(&mut self, one: &Done) {
        self.cut_in_act += one.cut_in_act;
        self.torn += one.torn;
        self.failed_write += one.failed_write;
        self.failed_sync += one.failed_sync;
        self.no_room += one.no_room;
        self.sectors_lost += one.sectors_lost;
    }
}

/// What is to happen in one of the next acts of the committing thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strike {
    /// Acts that still go well.
    pub(super) after: u64,
    pub(super) how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// The machine stops in the middle of it.
    Stop,
    /// It fails.
    Fail,
    /// There is no room for it.
    NoRoom,
}

#[derive(Default)]
struct Sector {
    /// What it held, oldest first.
    before: Vec<[u8; SECTOR as usize]>,
    /// A sync would take it to the disk. After a failed one the system holds it for clean.
    dirty: bool,
}

impl Platter {
    pub(super) fn under(folder: &Path, seed: u64) -> Platter {
        let mut dice = Dice(seed ^ 0xd15c);
        let state = State {
            unsynced: BTreeMap::new(),
            strike: None,
            dead: false,
            full: false,
            lies: false,
            keeper: Dice(dice.roll()),
            keeper_fails_one_in: if dice.below(8) == 0 { 60 } else { u64::MAX },
            dice,
            turned: false,
            done: Done::default(),
        };
        Platter {
            state: Arc::new(Mutex::new(state)),
            names: Unsynced::default(),
            hasty: seed % 4 == 3,
            folders: ["journal", "archive"].map(|name| folder.join(name)),
        }
    }

    /// What the journal writes through.
    pub(super) fn disk(&self) -> Disk {
        let platter = self.clone();
        Disk::with_faults(move |act| platter.lock().asked(act)).remembering(&self.names)
    }

    pub(super) fn strike(&self, strike: Strike) {
        self.lock().strike = Some(strike);
    }

    pub(super) fn set_full(&self, full: bool) {
        self.lock().full = full;
    }

    pub(super) fn is_full(&self) -> bool {
        self.lock().full
    }

    pub(super) fn lie(&self) {
        self.lock().lies = true;
    }

    pub(super) fn done(&self) -> Done {
        self.lock().done
    }

    /// The journal's own thread has done what it had to.
    pub(super) fn settled(&self) {
        self.lock().turned = false;
    }

    /// Nothing more reaches the disk.
    pub(super) fn stop(&self) {
        self.lock().dead = true;
    }

    /// Whether nothing reaches the disk any more.
    pub(super) fn is_dead(&self) -> bool {
        self.lock().dead
    }

    /// The machine is there again, as it was: what was written is still in memory, whether it is on the disk or not.
    pub(super) fn restart(&self) {
        let mut state = self.lock();
        (state.dead, state.full, state.strike) = (false, false, None);
        // How far that thread had come is not to be seen in what follows.
        let turned = std::mem::take(&mut state.turned);
        let gone = turned || state.dice.below(2) == 0;
        for path in self.files() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with("spare.") || gone && name == "spare" {
                state.unsynced.remove(&fs::metadata(&path).unwrap().ino());
                fs::remove_file(&path).unwrap();
            }
        }
        if turned {
            let mut segments = self.files();
            segments.retain(|path| path.extension().is_some_and(|e| e == "segment"));
            segments.pop();
            for path in segments {
                let file = fs::File::options().write(true).open(path).unwrap();
                file.set_len(SEGMENT_BYTES).unwrap();
            }
        }
    }

    /// The power goes: of what was not synced, some sectors are as they were before one of their writes.
    pub(super) fn cut_power(&self) {
        let mut state = self.lock();
        let unsynced = std::mem::take(&mut state.unsynced);
        let salt = state.dice.roll();
        let keep = |loss: &Loss<'_>| match loss {
            Loss::Sector { .. } => true,
            // That it was taken away is no business of the disk.
            Loss::Name { new, .. } if !new.exists() => true,
            // By what it is, since its turn depends on the pace of the journal's own thread.
            Loss::Length { path, .. } | Loss::Name { new: path, .. } => {
                let name = path.file_name().unwrap().to_string_lossy();
                (xxh3_64(name.as_bytes()) ^ salt).is_multiple_of(2)
            }
        };
        self.names.power_cut(keep).unwrap();
        for path in self.files() {
            let inode = fs::metadata(&path).unwrap().ino();
            let Some(sectors) = unsynced.get(&inode) else {
                continue;
            };
            let file = fs::File::options().write(true).open(&path).unwrap();
            let mode = state.dice.below(4);
            let kept = state.dice.below(sectors.len() as u64 + 1) as usize;
            for (nth, (sector, was)) in sectors.iter().enumerate() {
                let versions = was.before.len() as u64;
                let left = match mode {
                    0 => 0,
                    1 => versions,
                    2 if nth < kept => versions,
                    2 => 0,
                    _ => state.dice.below(versions + 1),
                };
                if let Some(bytes) = was.before.get(left as usize)
                    && sector * SECTOR < file.metadata().unwrap().len()
                {
                    file.write_all_at(bytes, sector * SECTOR).unwrap();
                    state.done.sectors_lost += 1;
                }
            }
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        let names = self
            .folders
            .iter()
            .filter_map(|folder| fs::read_dir(folder).ok());
        let mut paths: Vec<PathBuf> = names.flatten().flatten().map(|name| name.path()).collect();
        paths.sort();
        paths
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    fn asked(&mut self, act: &Act<'_>) -> Verdict {
        let verdict = self.verdict(act);
        match (act, verdict) {
            (Act::Write { path, at, bytes }, Verdict::Go | Verdict::Torn { .. }) => {
                self.note(path, *at, *bytes);
            }
            (Act::Sync { path }, Verdict::Go) if !self.lies => self.synced(path, true),
            (Act::Sync { path }, Verdict::Fail(_)) if !self.dead => self.synced(path, false),
            _ => {}
        }
        verdict
    }

    fn verdict(&mut self, act: &Act<'_>) -> Verdict {
        if self.dead {
            return Verdict::Fail(EIO);
        }
        if std::thread::current().name() == Some("journal-keeper") {
            return match act {
                Act::Reserve { .. } if self.full => Verdict::Fail(ENOSPC),
                _ if self.keeper.below(self.keeper_fails_one_in) == 0 => Verdict::Fail(EIO),
                _ => Verdict::Go,
            };
        }
        self.turned |= matches!(act, Act::Rename { .. });
        let Some(strike) = &mut self.strike else {
            return Verdict::Go;
        };
        if strike.after > 0 {
            strike.after -= 1;
            return Verdict::Go;
        }
        let how = strike.how;
        self.strike = None;
        self.dead = how == How::Stop;
        let errno = if how == How::NoRoom { ENOSPC } else { EIO };
        match (how, act) {
            (How::Stop, _) => self.done.cut_in_act += 1,
            // A sync that fails for want of room is as bad as any other that fails.
            (_, Act::Sync { .. }) => self.done.failed_sync += 1,
            (How::Fail, _) => self.done.failed_write += 1,
            (How::NoRoom, _) => self.done.no_room += 1,
        }
        match act {
            Act::Write { bytes, .. } if self.dice.below(2) == 0 => {
                self.done.torn += 1;
                let keep = self.dice.below(*bytes as u64 + 1) as usize;
                Verdict::Torn { keep, errno }
            }
            Act::Sync { .. } => Verdict::Fail(EIO),
            _ => Verdict::Fail(errno),
        }
    }

    /// Keeps what is about to be written over.
    fn note(&mut self, path: &Path, at: u64, bytes: usize) {
        let Ok(file) = fs::File::open(path) else {
            return;
        };
        let sectors = self
            .unsynced
            .entry(file.metadata().unwrap().ino())
            .or_default();
        for sector in at / SECTOR..(at + bytes as u64).div_ceil(SECTOR) {
            let mut before = [0; SECTOR as usize];
            let mut held = 0;
            while held < before.len()
                && let Ok(count @ 1..) =
                    file.read_at(&mut before[held..], sector * SECTOR + held as u64)
            {
                held += count;
            }
            let sector = sectors.entry(sector).or_default();
            sector.before.push(before);
            sector.dirty = true;
        }
    }

    fn synced(&mut self, path: &Path, well: bool) {
        let Ok(inode) = fs::metadata(path).map(|meta| meta.ino()) else {
            return;
        };
        let Some(sectors) = self.unsynced.get_mut(&inode) else {
            return;
        };
        if well {
            sectors.retain(|_, sector| !sector.dirty);
        } else {
            for sector in sectors.values_mut() {
                sector.dirty = false;
            }
        }
    }
}
