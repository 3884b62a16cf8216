//! What stands on the disk when the journal is opened: where it ends, whether that is the torn tail of a
//! crash or damage, and how the next run begins behind it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::archive::{BEGIN, begin_of};
use super::disk::{Disk, DiskFile, sync_folder_of};
use super::folder::{Folder, segments_dir};
use super::frame::{Begin, Mark, SECTOR, SEGMENT_HEAD, SegmentHead};
use super::keeper::{SparePlan, left_spares, zeroed_now};
use super::read::{Tail, Walk, newest_mark, segment_head, segment_name, segment_paths, sha256_of};
use super::{Note, OpenError, Options, ReadError, snapshot};

/// The first segment after a start without a spare is made while the start waits: it is small.
const FIRST_BYTES: u64 = 4 << 20;

/// A journal as it stands.
#[derive(Debug)]
pub(super) struct Found {
    /// The newest segment, `None` when nothing was ever written.
    newest: Option<(PathBuf, SegmentHead)>,
    /// Segments before it, with the length that the header after each tells.
    sealed: Vec<(PathBuf, u64)>,
    pub(super) last_sequence: u64,
    next_group: u64,
    chain: u64,
    /// Where the groups of the newest segment end.
    end: u64,
    /// Where its last group begins.
    last_group_at: Option<u64>,
    torn: bool,
    /// Chain after the group of the newest segment that ends where the mark file says.
    chain_at_mark: Option<u64>,
}

impl Found {
    /// The chain after the entry the mark knows, `Some(None)` when no group ends with it; `None` when it is in
    /// an older segment, which was not read.
    fn chain_at(&self, sequence: u64) -> Option<Option<u64>> {
        if sequence == self.last_sequence {
            return Some(Some(self.chain));
        }
        let (_, head) = self.newest.as_ref()?;
        (sequence >= head.first_sequence).then_some(self.chain_at_mark)
    }
}

/// What a journal needs to be appended to.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) active: DiskFile,
    pub(super) active_bytes: u64,
    pub(super) head: SegmentHead,
    pub(super) mark: DiskFile,
    pub(super) notes: Vec<Note>,
}

/// Makes the folder's journal whole, and begins a new segment in a new epoch.
pub(super) fn start(
    folder: &Folder,
    options: &Options,
    plan: &SparePlan,
) -> Result<Start, OpenError> {
    let segments = segments_dir(folder.dir());
    let mut notes = Vec::new();
    if folder.is_fresh() {
        notes.push(Note::NewFolder);
    }
    let found = found(folder, options, &segments, &mut notes)?;
    if let Some((path, _)) = &found.newest {
        settle_tail(&found, path, options, &mut notes)
            .map_err(|source| io_error("make whole", path, source))?;
    }
    for (path, bytes) in &found.sealed {
        // The last run may have ended before it gave the zeroed rest of a full segment back.
        trim(&options.disk, path, *bytes).map_err(|source| io_error("trim", path, source))?;
    }
    let mark = options
        .disk
        .create(&segments.join("mark"))
        .and_then(|mark| {
            let slot = Mark {
                sequence: found.last_sequence,
                chain: found.chain,
            };
            mark.write_at(&slot.put(), 0)?;
            mark.write_at(&slot.put(), SECTOR)?;
            mark.sync()?;
            Ok(mark)
        })
        .map_err(|source| io_error("write", &segments.join("mark"), source))?;
    let head = next_head(&found, folder)?;
    let path = segments.join(segment_name(head.index));
    let (active, active_bytes) =
        begin(&head, &path, plan).map_err(|source| io_error("begin", &path, source))?;
    Ok(Start {
        active,
        active_bytes,
        head,
        mark,
        notes,
    })
}

/// Looks where a journal ends. Changes nothing. `thorough` reads every segment, not the newest alone.
pub(super) fn look(
    segments: &Path,
    identity: [u8; 16],
    thorough: bool,
) -> Result<Found, OpenError> {
    let mut known: Vec<(PathBuf, SegmentHead)> = Vec::new();
    let paths = segment_paths(segments).map_err(|source| io_error("list", segments, source))?;
    let begin = first_segment(segments, &paths)?;
    for _ in &paths {
        let index = known.last().map_or(begin.index, |(_, head)| head.index + 1);
        let wanted = segments.join(segment_name(index));
        let head = match segment_head(&wanted) {
            Ok(head) => head.filter(|head| head.index == index && head.identity == identity),
            Err(ReadError::Header { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let Some(head) = head else {
            let sequence = match known.last() {
                Some((path, head)) => scan(path, head, None)?.walk.next_sequence,
                None => begin.first_sequence,
            };
            return Err(damaged(&wanted, 0, sequence));
        };
        known.push((wanted, head));
    }
    if let Some(begin) = begin_of(segments)
        && let Some((path, head)) = known.iter().find(|(_, head)| head.index == begin.index)
        && (head.first_sequence, head.chain_before) != (begin.first_sequence, begin.chain_before)
    {
        return Err(damaged(path, 0, begin.first_sequence));
    }
    let mut sealed = Vec::new();
    for pair in known.windows(2) {
        let ((path, head), (_, next)) = (&pair[0], &pair[1]);
        let length = fs::metadata(path)
            .map_err(|source| io_error("look at", path, source))?
            .len();
        if thorough || length < next.previous_bytes {
            let walk = scan(path, head, None)?.walk;
            if walk.at != next.previous_bytes || walk.chain != next.chain_before {
                return Err(damaged(path, walk.at, walk.next_sequence));
            }
        }
        sealed.push((path.clone(), next.previous_bytes));
    }
    let Some((path, head)) = known.pop() else {
        return Ok(Found {
            newest: None,
            sealed,
            last_sequence: 0,
            next_group: 1,
            chain: 0,
            end: 0,
            last_group_at: None,
            torn: false,
            chain_at_mark: None,
        });
    };
    let mark = newest_mark(&segments.join("mark"));
    let mut scan = scan(&path, &head, mark)?;
    let tail = scan.walk.tail()?;
    if tail == Tail::LaterGroup {
        return Err(damaged(&path, scan.walk.at, scan.walk.next_sequence));
    }
    Ok(Found {
        sealed,
        last_sequence: scan.walk.next_sequence - 1,
        next_group: scan.walk.next_group,
        chain: scan.walk.chain,
        end: scan.walk.at,
        last_group_at: scan.last_group_at,
        torn: tail == Tail::Torn,
        chain_at_mark: scan.chain_at_mark,
        newest: Some((path, head)),
    })
}

/// The segment the journal begins with: the first that was ever, or the one that the file `begin` names, or an
/// older one that was brought back.
fn first_segment(segments: &Path, paths: &[PathBuf]) -> Result<Begin, OpenError> {
    let index = |path: &PathBuf| path.file_stem()?.to_str()?.parse::<u64>().ok();
    let oldest = paths.first().and_then(index).unwrap_or(1);
    let first = Begin {
        index: 1,
        first_sequence: 1,
        chain_before: 0,
    };
    match begin_of(segments) {
        Some(begin) if oldest < begin.index => Ok(Begin {
            index: oldest,
            ..first
        }),
        Some(begin) => Ok(begin),
        None if oldest <= 1 => Ok(first),
        None => Err(OpenError::Begins {
            dir: segments.parent().unwrap_or(segments).to_owned(),
            found: segment_name(oldest),
            begin: segments.join(BEGIN),
            missing: segment_name(1),
        }),
    }
}

/// Looks, cuts what the operator gives up, and holds the end against those who know how far it must reach.
fn found(
    folder: &Folder,
    options: &Options,
    segments: &Path,
    notes: &mut Vec<Note>,
) -> Result<Found, OpenError> {
    let accepted = options.accept_loss_after;
    let mut cut = false;
    let found = match look(segments, folder.identity(), accepted.is_some()) {
        Err(OpenError::Damaged {
            path, at, sequence, ..
        }) if accepted == Some(sequence - 1) => {
            let kept_in = set_aside(folder, segments, &path, at, sequence - 1)
                .map_err(|source| io_error("set aside", &path, source))?;
            notes.push(Note::LossAccepted {
                after: sequence - 1,
                kept_in,
            });
            cut = true;
            look(segments, folder.identity(), true)?
        }
        looked => looked?,
    };
    let last = found.last_sequence;
    let mark = newest_mark(&segments.join("mark"));
    let archived = begin_of(segments).map_or(0, |begin| begin.first_sequence - 1);
    if archived > last {
        // Not to be given up: a journal that begins anew would not follow its archive.
        return Err(OpenError::ArchivedOnly {
            dir: folder.dir().to_owned(),
            last: archived,
        });
    }
    let shorter = match mark {
        Some(mark) if mark.sequence > last => Some(("the mark file", mark.sequence)),
        _ if options.minimum_sequence > last => {
            Some(("a snapshot or the store", options.minimum_sequence))
        }
        _ => None,
    };
    match shorter {
        Some((witness, known)) if !cut && accepted != Some(last) => {
            return Err(OpenError::Shorter {
                dir: folder.dir().to_owned(),
                last,
                witness,
                known,
            });
        }
        Some(_) if !cut => {
            let kept_in = set_aside_snapshots(folder, last)
                .map_err(|source| io_error("set snapshots aside in", folder.dir(), source))?;
            notes.push(Note::LossAccepted {
                after: last,
                kept_in,
            });
            cut = true;
        }
        _ => {}
    }
    if let Some(mark) = mark
        && !cut
        && accepted != Some(last)
        && found
            .chain_at(mark.sequence)
            .is_some_and(|chain| chain != Some(mark.chain))
    {
        return Err(OpenError::OtherJournal {
            dir: folder.dir().to_owned(),
            sequence: mark.sequence,
            last,
        });
    }
    if mark.is_none() && last > 0 && !cut {
        notes.push(Note::MarkMissing);
    }
    if accepted.is_some() && !cut {
        notes.push(Note::NothingLost);
    }
    Ok(found)
}

/// After a failed sync the last group may be in memory only: it is written and synced again before it counts.
/// What stands behind it is cut.
fn settle_tail(
    found: &Found,
    path: &Path,
    options: &Options,
    notes: &mut Vec<Note>,
) -> io::Result<()> {
    let file = options.disk.open(path)?;
    if let Some(at) = found.last_group_at {
        let mut bytes = vec![0; usize::try_from(found.end - at).map_err(io::Error::other)?];
        std::os::unix::fs::FileExt::read_exact_at(&file.file, &mut bytes, at)?;
        file.write_at(&bytes, at)?;
    }
    if found.torn {
        notes.push(Note::TailCut {
            path: path.to_owned(),
            at: found.end,
            after: found.last_sequence,
        });
    }
    file.set_len(found.end)?;
    file.sync()
}

fn next_head(found: &Found, folder: &Folder) -> Result<SegmentHead, OpenError> {
    let next = SegmentHead {
        index: 1,
        epoch: 1,
        first_sequence: found.last_sequence + 1,
        first_group: found.next_group,
        chain_before: found.chain,
        previous_bytes: 0,
        previous_sha256: [0; 32],
        identity: folder.identity(),
    };
    let Some((path, newest)) = &found.newest else {
        return Ok(next);
    };
    // A segment without a group is taken again: starts alone do not add files.
    if found.last_group_at.is_none() {
        return Ok(SegmentHead {
            epoch: newest.epoch + 1,
            ..newest.clone()
        });
    }
    let previous_sha256 = fs::File::open(path)
        .and_then(|file| sha256_of(&file, found.end))
        .map_err(|source| io_error("read", path, source))?;
    Ok(SegmentHead {
        index: newest.index + 1,
        epoch: newest.epoch + 1,
        previous_bytes: found.end,
        previous_sha256,
        ..next
    })
}

fn begin(head: &SegmentHead, path: &Path, plan: &SparePlan) -> io::Result<(DiskFile, u64)> {
    let (spare, bytes) = match left_spares(plan).next() {
        Some(spare) => (spare.file, plan.bytes),
        None => {
            let bytes = plan.bytes.min(FIRST_BYTES);
            (zeroed_now(plan, bytes)?, bytes)
        }
    };
    spare.write_at(&head.put(), 0)?;
    spare.sync()?;
    plan.disk.rename(&spare.path, path, &plan.folder)?;
    Ok((plan.disk.open(path)?, bytes))
}

fn trim(disk: &Disk, path: &Path, bytes: u64) -> io::Result<()> {
    if fs::metadata(path)?.len() > bytes {
        disk.open(path)?.set_len(bytes)?;
    }
    Ok(())
}

/// Ends the journal at byte `at` of the segment `path`. Nothing is destroyed: what is cut stays in a folder.
fn set_aside(
    folder: &Folder,
    segments: &Path,
    path: &Path,
    at: u64,
    last: u64,
) -> io::Result<PathBuf> {
    let aside = set_aside_snapshots(folder, last)?;
    for later in segment_paths(segments)? {
        let Some(name) = later.file_name() else {
            continue;
        };
        if later.as_path() == path && at >= SEGMENT_HEAD as u64 {
            let copy = aside.join(name);
            fs::copy(&later, &copy)?;
            fs::File::open(&copy)?.sync_all()?;
            sync_folder_of(&copy)?;
            let file = fs::OpenOptions::new().write(true).open(&later)?;
            file.set_len(at)?;
            file.sync_all()?;
        } else if later.as_path() >= path {
            fs::rename(&later, aside.join(name))?;
        }
    }
    let mark = segments.join("mark");
    if mark.exists() {
        fs::rename(&mark, aside.join("mark"))?;
    }
    sync_folder_of(path)?;
    sync_folder_of(&aside.join("."))?;
    Ok(aside)
}

/// Moves the snapshots that know entries after `last` into a new folder.
fn set_aside_snapshots(folder: &Folder, last: u64) -> io::Result<PathBuf> {
    let mut number = 1;
    let aside = loop {
        let aside = folder.dir().join(format!("lost.{number}"));
        match fs::create_dir(&aside) {
            Ok(()) => break aside,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    };
    for path in snapshot::later_than(folder.dir(), last) {
        if let Some(name) = path.file_name() {
            fs::rename(&path, aside.join(name))?;
        }
    }
    sync_folder_of(&aside)?;
    Ok(aside)
}

struct Scan {
    walk: Walk,
    last_group_at: Option<u64>,
    chain_at_mark: Option<u64>,
}

/// Walks a segment to the last whole group.
fn scan(path: &Path, head: &SegmentHead, mark: Option<Mark>) -> Result<Scan, ReadError> {
    let mut scan = Scan {
        walk: Walk::open(path, head)?,
        last_group_at: None,
        chain_at_mark: None,
    };
    loop {
        let at = scan.walk.at;
        let Some(group) = scan.walk.step()? else {
            return Ok(scan);
        };
        scan.last_group_at = Some(at);
        if mark.is_some_and(|mark| mark.sequence == group.last_sequence()) {
            scan.chain_at_mark = Some(group.chain);
        }
    }
}

fn damaged(path: &Path, at: u64, sequence: u64) -> OpenError {
    OpenError::Damaged {
        path: path.to_owned(),
        at,
        sequence,
        last: sequence - 1,
    }
}

fn io_error(doing: &'static str, path: &Path, source: io::Error) -> OpenError {
    OpenError::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}
