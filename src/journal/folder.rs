//! The data folder: proof that it is ours, its identity, and the lock that keeps a second process out.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::FlockOperation;

use super::OpenError;
use super::disk::{MODE, sync_folder_of};

const FIRST_LINE: &str = "clubswitch data folder, format 1";

/// A data folder that this process may write to. The lock ends with the value, or with the process.
#[derive(Debug)]
pub struct Folder {
    dir: PathBuf,
    identity: [u8; 16],
    fresh: bool,
    // Held, never read: closing it opens the lock.
    _lock: File,
}

impl Folder {
    /// Takes the folder for this process. An absent or empty one is made ours.
    ///
    /// # Errors
    /// When it is somebody else's, of another format, in use, or cannot be read or written.
    pub fn claim(dir: &Path) -> Result<Folder, OpenError> {
        let io = |doing: &'static str| {
            move |source| OpenError::Io {
                doing,
                path: dir.to_owned(),
                source,
            }
        };
        // What members bought is nobody's business: not for every user of the machine.
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o750)
            .create(dir);
        made.map_err(io("make the data folder"))?;
        // Nothing is put into a folder of somebody else, not even a lock.
        if identity(dir)?.is_none()
            && let Err(foreign) = refuse_foreign(dir)
            && identity(dir)?.is_none()
        {
            return Err(foreign);
        }
        let lock = lock(dir)?;
        // Only now: before the lock another process may have made it ours.
        let known = identity(dir)?;
        let identity = match known {
            Some(identity) => identity,
            None => {
                refuse_foreign(dir)?;
                make_ours(dir).map_err(io("write the file FORMAT in"))?
            }
        };
        fs::create_dir_all(segments_dir(dir)).map_err(io("make the folder journal in"))?;
        sync_folder_of(&segments_dir(dir)).map_err(io("sync"))?;
        Ok(Folder {
            dir: dir.to_owned(),
            identity,
            fresh: known.is_none(),
            _lock: lock,
        })
    }

    /// Its path.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Sixteen random bytes given to it when it was made: what belongs to it carries them too.
    pub fn identity(&self) -> [u8; 16] {
        self.identity
    }

    /// Whether it was made ours just now.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }
}

/// The identity of a data folder of ours, `None` when there is no FORMAT file.
pub(super) fn identity(dir: &Path) -> Result<Option<[u8; 16]>, OpenError> {
    let path = dir.join("FORMAT");
    let text = match fs::read(&path) {
        Ok(text) => String::from_utf8_lossy(&text).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(OpenError::Io {
                doing: "read",
                path,
                source,
            });
        }
    };
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let identity = lines
        .next()
        .and_then(|line| line.strip_prefix("identity "))
        .and_then(from_hex);
    match identity {
        Some(identity) if first == FIRST_LINE => Ok(Some(identity)),
        _ => Err(OpenError::OtherFormat {
            path,
            found: first.chars().take(60).collect(),
        }),
    }
}

/// Where the segment files of a data folder are.
pub(super) fn segments_dir(dir: &Path) -> PathBuf {
    dir.join("journal")
}

/// Whether some process holds the lock of the folder now.
pub(super) fn is_locked(dir: &Path) -> bool {
    File::open(dir.join("lock")).is_ok_and(|file| {
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared)
            == Err(rustix::io::Errno::WOULDBLOCK)
    })
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join("lock");
    let io = |source| OpenError::Io {
        doing: "lock",
        path: path.clone(),
        source,
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(MODE)
        .open(&path)
        .map_err(io)?;
    // A reader looks at the lock for an instant; only one that stays is a process at work.
    for _ in 0..20 {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                let _ = file.set_len(0);
                file.write_all(format!("{}\n", std::process::id()).as_bytes())
                    .map_err(io)?;
                return Ok(file);
            }
            Err(rustix::io::Errno::WOULDBLOCK) => thread::sleep(Duration::from_millis(10)),
            Err(error) => return Err(io(error.into())),
        }
    }
    let mut pid = String::new();
    let _ = file.read_to_string(&mut pid);
    Err(OpenError::InUse {
        dir: dir.to_owned(),
        by: match pid.trim().parse::<u32>() {
            Ok(pid) => format!("process {pid}"),
            Err(_) => "another process".to_owned(),
        },
    })
}

/// A folder without our FORMAT file must be empty, save for what every new file system holds.
fn refuse_foreign(dir: &Path) -> Result<(), OpenError> {
    let list = fs::read_dir(dir).map_err(|source| OpenError::Io {
        doing: "list",
        path: dir.to_owned(),
        source,
    })?;
    for name in list.flatten().map(|entry| entry.file_name()) {
        let name = name.to_string_lossy();
        if name != "lost+found" && name != "lock" && !name.starts_with('.') {
            return Err(OpenError::NotOurs {
                dir: dir.to_owned(),
                found: name.into_owned(),
            });
        }
    }
    Ok(())
}

fn make_ours(dir: &Path) -> io::Result<[u8; 16]> {
    let mut identity = [0; 16];
    getrandom::fill(&mut identity).map_err(io::Error::other)?;
    let hex: String = identity.iter().map(|byte| format!("{byte:02x}")).collect();
    // By rename, so that a crash leaves either no FORMAT file or a whole one.
    let unnamed = dir.join(".FORMAT");
    let _ = fs::remove_file(&unnamed);
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(&unnamed)?;
    file.write_all(format!("{FIRST_LINE}\nidentity {hex}\n").as_bytes())?;
    file.sync_all()?;
    let path = dir.join("FORMAT");
    fs::rename(unnamed, &path)?;
    sync_folder_of(&path)?;
    Ok(identity)
}

fn from_hex(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    if text.len() != 32 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_another_made_ours_while_we_waited_keeps_its_identity() {
        let dir = tempfile::tempdir().unwrap();
        let other = lock(dir.path()).unwrap();
        let path = dir.path().to_owned();
        let waiting = thread::spawn(move || {
            loop {
                match Folder::claim(&path) {
                    Err(OpenError::InUse { .. }) => {}
                    claimed => return claimed.unwrap(),
                }
            }
        });
        thread::sleep(Duration::from_millis(60));
        let identity = make_ours(dir.path()).unwrap();
        drop(other);
        let folder = waiting.join().unwrap();
        assert_eq!((folder.identity(), folder.is_fresh()), (identity, false));
    }
}
