//! The daemon over a disk that fails or forgets: a small library below it (`tests/shim/faulty.c`, built here by `cc`), and what
//! the test does with it: faults switched on and off while it runs, and a power cut of what it has not synced.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::random::Dice;
use crate::switch::DATA;

/// The library below one daemon after another in a folder.
pub(crate) struct Shim {
    dir: PathBuf,
    control: File,
}

/// What a call becomes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// fsync and fdatasync give EIO.
    Sync,
    /// They do not come back.
    SyncHangs,
    /// Half is written, then EIO.
    Write,
    /// Writing gives ENOSPC.
    NoRoom,
}

/// What a power cut took.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Lost {
    pub(crate) pages: u64,
    pub(crate) lengths: u64,
    pub(crate) names: u64,
}

impl Shim {
    /// Faults and power cuts on demand.
    pub(crate) fn for_folder(dir: &Path) -> Shim {
        let dir = dir.canonicalize().unwrap();
        fs::create_dir_all(dir.join("undo")).unwrap();
        fs::write(dir.join("control"), [0; 64]).unwrap();
        let control = File::options()
            .write(true)
            .read(true)
            .open(dir.join("control"));
        let control = control.unwrap();
        Shim { dir, control }
    }

    /// Puts the library below a program.
    pub(crate) fn put_below(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", library())
            .env("FAULTY_DIR", self.dir.join(DATA))
            .env("FAULTY_CONTROL", self.dir.join("control"))
            .env("FAULTY_UNDO", self.dir.join("undo"));
    }

    /// From now on, after so many calls that still go well, writes or syncs of the journal fail.
    pub(crate) fn fail(&self, fault: Fault, after: u32) {
        let (place, how) = match fault {
            Fault::Sync => (0, 1),
            Fault::SyncHangs => (0, 2),
            Fault::Write => (1, 1),
            Fault::NoRoom => (1, 2),
        };
        self.control.write_all_at(&after.to_ne_bytes(), 4).unwrap();
        self.control.write_all_at(&[1], 2).unwrap();
        self.control.write_all_at(&[how], place).unwrap();
    }

    /// From now on a sync says that it is done, and does nothing.
    pub(crate) fn lie(&self) {
        self.control.write_all_at(&[1], 3).unwrap();
    }

    /// From now on nothing fails.
    pub(crate) fn mend(&self) {
        self.control.write_all_at(&[0; 3], 0).unwrap();
    }

    /// How many calls have failed.
    pub(crate) fn failed(&self) -> u32 {
        let mut count = [0; 4];
        self.control.read_exact_at(&mut count, 8).unwrap();
        u32::from_ne_bytes(count)
    }

    /// The power goes while nobody writes any more: what was not synced is as it was before, page by page, or is not.
    pub(crate) fn cut_power(&self, dice: &mut Dice) -> Lost {
        let undo = self.dir.join("undo");
        let log = fs::read(undo.join("log")).unwrap_or_default();
        let mut lost = Lost::default();
        let unsynced = Unsynced::read(&log);
        let mut paths = Vec::new();
        walk(&self.dir.join(DATA), &mut paths);
        for path in paths {
            let inode = fs::metadata(&path).unwrap().ino();
            if let Some(file) = unsynced.files.get(&inode) {
                file.forget(&path, dice, &mut lost);
            }
        }
        unsynced.forget_names(&undo, dice, &mut lost);
        fs::remove_dir_all(&undo).unwrap();
        fs::create_dir(&undo).unwrap();
        lost
    }
}

/// What the library's log tells.
#[derive(Default)]
struct Unsynced<'a> {
    files: BTreeMap<u64, Since<'a>>,
    names: Vec<Named>,
}

/// A file since its last sync.
#[derive(Default)]
struct Since<'a> {
    /// Its length then.
    bytes: u64,
    writes: Vec<Write<'a>>,
}

struct Write<'a> {
    /// The place of its record.
    told_at: u64,
    at: u64,
    bytes: u64,
    /// What stood there; zeros where it is empty.
    before: &'a [u8],
}

/// A name that was given or taken in a folder that was not synced since.
struct Named {
    told_at: u64,
    folder: u64,
    what: u64,
    link: u64,
    from: PathBuf,
    to: PathBuf,
}

impl<'a> Unsynced<'a> {
    fn read(log: &'a [u8]) -> Unsynced<'a> {
        let mut all = Unsynced::default();
        let mut at = 0;
        // The last record may be half there: then nothing was done of what it tells.
        while let Some(head) = log.get(at..at + 32) {
            let word = |from: usize| u64::from_ne_bytes(head[from..from + 8].try_into().unwrap());
            let kind = u32::from_ne_bytes(head[..4].try_into().unwrap());
            let count = u32::from_ne_bytes(head[4..8].try_into().unwrap()) as usize;
            let (inode, a, b) = (word(8), word(16), word(24));
            let Some(bytes) = log.get(at + 32..at + 32 + count) else {
                break;
            };
            let told_at = at as u64;
            at += 32 + count.next_multiple_of(8);
            match kind {
                1 => all.files.entry(inode).or_default().writes.push(Write {
                    told_at,
                    at: a,
                    bytes: b,
                    before: bytes,
                }),
                2 => {
                    let file = all.files.entry(inode).or_default();
                    file.bytes = b;
                    file.writes.retain(|write| write.told_at >= a);
                    all.names
                        .retain(|name| name.folder != inode || name.told_at >= a);
                }
                3 => {}
                4 => {
                    let mut paths = bytes.split(|byte| *byte == 0);
                    let mut path = || {
                        PathBuf::from(String::from_utf8_lossy(paths.next().unwrap()).into_owned())
                    };
                    all.names.push(Named {
                        told_at,
                        folder: inode,
                        what: a,
                        link: b,
                        from: path(),
                        to: path(),
                    });
                }
                5 => all.files.entry(inode).or_default().bytes = a,
                other => panic!("the log has a record of kind {other}"),
            }
        }
        all
    }

    /// In each folder the last names are forgotten, as many as it pleases the disk.
    fn forget_names(&self, undo: &Path, dice: &mut Dice, lost: &mut Lost) {
        let mut left: HashMap<u64, u64> = HashMap::new();
        for name in &self.names {
            *left.entry(name.folder).or_default() += 1;
        }
        let mut folders: Vec<_> = left.into_iter().collect();
        folders.sort_unstable();
        let mut forgotten: HashMap<u64, u64> = HashMap::new();
        for (folder, count) in folders {
            forgotten.insert(folder, dice.below(count + 1));
        }
        for name in self.names.iter().rev() {
            match forgotten.get_mut(&name.folder) {
                Some(count @ 1..) => *count -= 1,
                _ => continue,
            }
            lost.names += 1;
            let kept = undo.join(name.link.to_string());
            // What was not done before the end need not be undone.
            let _ = match name.what {
                1 => fs::remove_file(&name.from),
                2 => fs::rename(&name.to, &name.from),
                3 => fs::rename(&kept, &name.from),
                _ => fs::remove_dir(&name.from),
            };
            if name.what == 2 && name.link > 0 {
                let _ = fs::rename(&kept, &name.to);
            }
        }
    }
}

impl Since<'_> {
    fn forget(&self, path: &Path, dice: &mut Dice, lost: &mut Lost) {
        let file = File::options().write(true).open(path).unwrap();
        let now = file.metadata().unwrap().len();
        let page = if dice.below(2) == 0 { 512 } else { 4096 };
        let mode = dice.below(4);
        if now < self.bytes && dice.below(2) == 0 {
            // It was cut, and that is forgotten.
            file.set_len(self.bytes).unwrap();
            lost.lengths += 1;
        }
        let length = file.metadata().unwrap().len();
        let mut pages: BTreeMap<u64, Vec<&Write<'_>>> = BTreeMap::new();
        for write in &self.writes {
            let end = (write.at + write.bytes).min(length);
            for nth in write.at / page..end.div_ceil(page) {
                pages.entry(nth).or_default().push(write);
            }
        }
        let last_kept = dice.below(pages.len() as u64 + 1);
        let mut end = length.min(self.bytes);
        for (at, (nth, writes)) in pages.iter().enumerate() {
            let all = writes.len() as u64;
            let kept = match mode {
                0 => 0,
                1 => all,
                2 if (at as u64) < last_kept => all,
                2 => 0,
                _ => dice.below(all + 1),
            };
            if kept > 0 {
                end = end.max(((nth + 1) * page).min(length));
            }
            lost.pages += u64::from(kept < all);
            for write in writes[kept as usize..].iter().rev() {
                let from = write.at.max(nth * page);
                let to = (write.at + write.bytes).min((nth + 1) * page).min(length);
                let (first, last) = (
                    (from - write.at) as usize,
                    to.saturating_sub(write.at) as usize,
                );
                let zeros = [0; 4096];
                let before = match write.before {
                    [] => &zeros[..last.saturating_sub(first)],
                    before => &before[first..last.max(first)],
                };
                file.write_all_at(before, from).unwrap();
            }
        }
        // A file that grew is as long as what reached the disk.
        if length > end && mode != 1 {
            file.set_len(end).unwrap();
            lost.lengths += 1;
        }
    }
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
    let Ok(names) = fs::read_dir(dir) else {
        return;
    };
    let mut paths: Vec<_> = names.flatten().map(|name| name.path()).collect();
    paths.sort();
    for path in paths {
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            walk(&path, files);
        } else if kind.is_file() {
            files.push(path);
        }
    }
}

/// The library, built once.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shim/faulty.c");
        // Each process builds its own, so that none loads what another is writing.
        let name = format!("faulty-{}.so", std::process::id());
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let built = Command::new("cc")
            .args([
                "-std=gnu11",
                "-O1",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-fPIC",
                "-shared",
                "-o",
            ])
            .args([&library, &source])
            .arg("-ldl")
            .output()
            .expect("cc, which every machine with Rust has");
        assert!(
            built.status.success(),
            "{}",
            String::from_utf8_lossy(&built.stderr)
        );
        library
    })
}

/// Bytes that a handful of daemons may take: segments, spares, and what was forgotten.
const MEMORY_BYTES_LEAST: u64 = 3 << 30;

/// A folder in memory where there is enough: what is to be forgotten need not reach a disk first.
pub(crate) fn fast_folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let room = rustix::fs::statvfs(memory).map_or(0, |room| room.f_bavail * room.f_frsize);
    if memory.is_dir() && room >= MEMORY_BYTES_LEAST {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}
