//! A day's folder: written beside its place, made durable, moved there by one rename, and read back.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::settle::manifest::{self, Manifest};
use crate::settle::output::{Sink, hex};
use crate::settle::{SettleError, Totals, pain, shaparak, statement};
use crate::terms::Day;

/// A folder being written: `.1405-08-30.tmp` until it is published as `1405-08-30`.
pub struct Folder {
    out: PathBuf,
    name: String,
    /// The file that was appended to last.
    last: Option<(String, File)>,
}

/// What publishing did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Published {
    /// The day had no folder.
    New(PathBuf),
    /// It had this very folder.
    Same(PathBuf),
    /// It had a provisional one.
    Replaced(PathBuf),
}

impl Published {
    /// The folder.
    pub fn path(&self) -> &Path {
        match self {
            Published::New(path) | Published::Same(path) | Published::Replaced(path) => path,
        }
    }
}

/// The name of a day's folder: `1405-08-30`.
pub fn folder_name(day: Day) -> String {
    day.to_string().replace('/', "-")
}

impl Folder {
    /// Begins a day's folder below `out`, and clears away what an interrupted run left.
    pub fn begin(out: &Path, day: Day) -> Result<Folder, SettleError> {
        let folder = Folder {
            out: out.to_owned(),
            name: folder_name(day),
            last: None,
        };
        let (place, aside) = (folder.place(), folder.aside());
        if !out.exists() {
            at("make", out, fs::create_dir_all(out))?;
            sync(&out.join(".."))?;
        }
        // Interrupted between its two renames: the old folder goes back to its place.
        if aside.exists() && !place.exists() {
            at("restore", &place, fs::rename(&aside, &place))?;
        }
        for left in [&aside, &folder.work()] {
            if left.exists() {
                at("remove", left, fs::remove_dir_all(left))?;
            }
        }
        at("make", &folder.work(), fs::create_dir(folder.work()))?;
        Ok(folder)
    }

    /// Makes the folder durable and moves it to its place. A closed day's folder never changes: other bytes are an error.
    pub fn publish(mut self) -> Result<Published, SettleError> {
        self.last = None;
        let (work, place, aside) = (self.work(), self.place(), self.aside());
        let files = files(&work)?;
        for file in &files {
            sync(&work.join(file))?;
        }
        for folder in folders(&work)? {
            sync(&folder)?;
        }
        if !place.exists() {
            at("publish", &place, fs::rename(&work, &place))?;
            sync(&self.out)?;
            return Ok(Published::New(place));
        }
        let Some(differs) = difference(&work, &place)? else {
            at("remove", &work, fs::remove_dir_all(&work))?;
            sync(&self.out)?;
            return Ok(Published::Same(place));
        };
        if !manifest(&place).is_ok_and(|held| held.provisional) {
            at("remove", &work, fs::remove_dir_all(&work))?;
            return Err(SettleError::Stands {
                path: place.display().to_string(),
                differs,
            });
        }
        exchange(&work, &place, &aside)?;
        sync(&self.out)?;
        for old in [&work, &aside] {
            if old.exists() {
                at("remove", old, fs::remove_dir_all(old))?;
            }
        }
        Ok(Published::Replaced(place))
    }

    fn place(&self) -> PathBuf {
        self.out.join(&self.name)
    }

    fn work(&self) -> PathBuf {
        self.out.join(format!(".{}.tmp", self.name))
    }

    fn aside(&self) -> PathBuf {
        self.out.join(format!(".{}.old", self.name))
    }
}

impl Sink for Folder {
    fn append(&mut self, file: &str, bytes: &[u8]) -> io::Result<()> {
        if let Some((_, open)) = self.last.as_mut().filter(|(name, _)| name == file) {
            return open.write_all(bytes);
        }
        let path = self.work().join(file);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut open = OpenOptions::new().create(true).append(true).open(path)?;
        open.write_all(bytes)?;
        self.last = Some((file.to_owned(), open));
        Ok(())
    }
}

/// Puts the new folder in the place of the old in one step; where the file system has no such step, in two that [`Folder::begin`] mends.
fn exchange(new: &Path, place: &Path, aside: &Path) -> Result<(), SettleError> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    if renameat_with(CWD, new, CWD, place, RenameFlags::EXCHANGE).is_ok() {
        return Ok(());
    }
    at("move aside", place, fs::rename(place, aside))?;
    at("publish", place, fs::rename(new, place))
}

/// The `MANIFEST` of a published folder.
pub fn manifest(folder: &Path) -> Result<Manifest, SettleError> {
    let path = folder.join(manifest::FILE);
    let page = at("read", &path, fs::read(&path))?;
    serde_json::from_slice(&page).map_err(|error| SettleError::Broken {
        file: path.display().to_string(),
        wanted: "a manifest".to_owned(),
        found: error.to_string(),
    })
}

/// What a published folder says, from its files and not from the totals of its manifest: every file is held against the
/// size and hash it should have, against its own controls, and read.
pub fn reread(folder: &Path) -> Result<Totals, SettleError> {
    let manifest = manifest(folder)?;
    let mut totals = Totals::default();
    let mut found = files(folder)?;
    found.retain(|file| file != manifest::FILE);
    let listed: Vec<&str> = manifest
        .files
        .iter()
        .map(|file| file.name.as_str())
        .collect();
    if found != listed {
        return Err(SettleError::Broken {
            file: manifest::FILE.to_owned(),
            wanted: format!("the files {listed:?}"),
            found: format!("{found:?}"),
        });
    }
    for file in &manifest.files {
        let (name, path) = (file.name.as_str(), folder.join(&file.name));
        let sha256 = hash(&path)?;
        if sha256 != file.sha256 {
            return Err(SettleError::Broken {
                file: name.to_owned(),
                wanted: format!("the bytes with SHA-256 {}", file.sha256),
                found: sha256,
            });
        }
        let open = BufReader::new(at("read", &path, File::open(&path))?);
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        match ending {
            "csv" => statement::read(name, open, &mut totals)?,
            "xml" => {
                for (_, amount, _, iban) in pain::read(name, open)?.transfers {
                    totals.pay(&iban, amount)?;
                }
            }
            _ => {
                for detail in shaparak::read(name, open)?.settlement_data_details {
                    for (iban, amount) in detail.shares() {
                        totals.pay(iban, amount)?;
                    }
                }
            }
        }
    }
    Ok(totals)
}

/// The first file in which two folders differ.
fn difference(one: &Path, other: &Path) -> Result<Option<String>, SettleError> {
    let (ours, theirs) = (files(one)?, files(other)?);
    let mut pairs = ours.iter().zip(&theirs);
    if let Some((ours, theirs)) = pairs.find(|(ours, theirs)| ours != theirs) {
        return Ok(Some(ours.min(theirs).clone()));
    }
    let shared = ours.len().min(theirs.len());
    if let Some(more) = ours.get(shared).or(theirs.get(shared)) {
        return Ok(Some(more.clone()));
    }
    for file in ours {
        if hash(&one.join(&file))? != hash(&other.join(&file))? {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

fn hash(path: &Path) -> Result<String, SettleError> {
    let mut file = at("read", path, File::open(path))?;
    let (mut hash, mut piece) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        let length = at("read", path, file.read(&mut piece))?;
        if length == 0 {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(&piece[..length]);
    }
}

/// The files below a folder, in the order of names.
fn files(folder: &Path) -> Result<Vec<String>, SettleError> {
    let mut found = Vec::new();
    for below in folders(folder)? {
        for entry in at("read", &below, fs::read_dir(&below))? {
            let path = at("read", &below, entry)?.path();
            if !path.is_dir() {
                let name = path.strip_prefix(folder).unwrap_or(&path);
                found.push(name.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The folders in a folder, and last the folder itself.
fn folders(folder: &Path) -> Result<Vec<PathBuf>, SettleError> {
    let mut found = Vec::new();
    for entry in at("read", folder, fs::read_dir(folder))? {
        let path = at("read", folder, entry)?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.push(folder.to_owned());
    Ok(found)
}

fn sync(path: &Path) -> Result<(), SettleError> {
    at(
        "sync",
        path,
        File::open(path).and_then(|file| file.sync_all()),
    )
}

fn at<T>(doing: &'static str, path: &Path, done: io::Result<T>) -> Result<T, SettleError> {
    done.map_err(|source| SettleError::File {
        doing,
        path: path.display().to_string(),
        source,
    })
}
