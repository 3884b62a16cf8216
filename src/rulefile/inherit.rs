//! Sub-clubs: a club file that names another by `sub_of` is read as if all that it lacks of that file stood in it.
//!
//! What is inherited keeps the place where it is written, so that a fault of it is told there, and once.

use super::known::Known;
use crate::source::{FaultLog, File, Inherit, Value};

/// The tables of which a part is inherited. Of others the own one stands, or the whole of the other's. New splits stand above
/// those inherited: the first that applies is taken, and the last usually always applies.
const WAYS: [(&str, Inherit); 7] = [
    (
        "club",
        Inherit::Keys(&["id", "alias", "title", "sub_of", "parent"]),
    ),
    ("purse", Inherit::Keys(&[])),
    ("condition", Inherit::Keys(&[])),
    ("stack", Inherit::Keys(&[])),
    ("discount", Inherit::Named(false)),
    ("accrue", Inherit::Named(false)),
    ("split", Inherit::Named(true)),
];

/// A club file as it is read.
#[derive(Debug)]
pub(super) enum Heir {
    /// It inherits nothing.
    Alone,
    /// The whole of it, and the place of the file that it inherits from.
    Of(File, usize),
    /// What it inherits from is not there, or inherits from it: there is no sense in reading it.
    Lost,
}

/// What each club file inherits, in their order. `complete`: no club file is missing.
pub(super) fn heirs(files: &[&File], complete: bool, log: &FaultLog) -> Vec<Heir> {
    let mut clubs = Known::new("club", complete);
    let mut above: Vec<Option<Value<'_>>> = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let head = file.root(log).member("club");
        let id = head.and_then(|head| head.member("id"));
        if let Some((id, name)) = id.and_then(|id| Some((id, id.text_if_any()?)))
            && !clubs.has(name)
        {
            clubs.add(name, id.place(), id, at);
        }
        above.push(head.and_then(|head| head.member("sub_of")));
    }
    let parents: Vec<Option<usize>> = above
        .iter()
        .map(|value| value.and_then(|value| clubs.find(value).copied()))
        .collect();
    let name = |at: usize| name_of(files[at], log);
    let mut heirs: Vec<Option<Heir>> = Vec::new();
    heirs.resize_with(files.len(), || None);
    for at in 0..files.len() {
        // The way up, to the first that is settled already.
        let mut way = Vec::new();
        let mut next = at;
        while heirs[next].is_none() && !way.contains(&next) {
            way.push(next);
            match (above[next], parents[next]) {
                (None, _) => heirs[next] = Some(Heir::Alone),
                (Some(_), None) => heirs[next] = Some(Heir::Lost),
                (Some(_), Some(parent)) => next = parent,
            }
        }
        if heirs[next].is_none() {
            let from = way.iter().position(|one| *one == next).unwrap_or(0);
            let circle = &way[from..];
            let first = circle.iter().min().copied().unwrap_or(next);
            if let Some(value) = above[first] {
                let turn = circle.iter().position(|at| *at == first).unwrap_or(0);
                let turned = circle[turn..].iter().chain(&circle[..turn]);
                let names: Vec<&str> = turned.map(|at| name(*at)).collect();
                let title = format!("the club \"{}\" is a sub-club of itself", name(first));
                let mut fault = value.fault("R15", title).label("here the circle closes");
                if circle.len() > 1 {
                    fault = fault.why(format!("the circle is {}", names.join(", ")));
                }
                value.report(fault.mend("take `sub_of` out of one of them"));
            }
            for at in circle {
                heirs[*at] = Some(Heir::Lost);
            }
        }
        for at in way.into_iter().rev() {
            let (None, Some(parent)) = (&heirs[at], parents[at]) else {
                continue;
            };
            let heir = match &heirs[parent] {
                Some(Heir::Alone) => Heir::Of(files[at].inheriting(files[parent], &WAYS), parent),
                Some(Heir::Of(whole, _)) => Heir::Of(files[at].inheriting(whole, &WAYS), parent),
                Some(Heir::Lost) | None => Heir::Lost,
            };
            heirs[at] = Some(heir);
        }
    }
    heirs
        .into_iter()
        .map(|heir| heir.unwrap_or(Heir::Lost))
        .collect()
}

/// The files in the order in which they are read: each after the one that it inherits from.
pub(super) fn reading(heirs: &[Heir]) -> Vec<usize> {
    let depth = |at: usize| {
        let (mut depth, mut at) = (0, at);
        while let Heir::Of(_, parent) = &heirs[at] {
            (depth, at) = (depth + 1, *parent);
        }
        depth
    };
    let mut order: Vec<usize> = (0..heirs.len()).collect();
    order.sort_by_key(|at| depth(*at));
    order
}

/// The order in which clubs are looked through: that of their files, but a sub-club before the club that it is of, because it
/// is the narrower of the two where both have the shop.
pub(super) fn standing(heirs: &[Heir]) -> Vec<usize> {
    fn put(at: usize, heirs: &[Heir], order: &mut Vec<usize>) {
        for (below, heir) in heirs.iter().enumerate() {
            if matches!(heir, Heir::Of(_, parent) if *parent == at) {
                put(below, heirs, order);
            }
        }
        order.push(at);
    }
    let mut order = Vec::new();
    for (at, heir) in heirs.iter().enumerate() {
        if !matches!(heir, Heir::Of(..)) {
            put(at, heirs, &mut order);
        }
    }
    order
}

/// Hands on what was found while a sub-club was read: what its parent's file is told of already is not told again, and what is
/// wrong there only for the sub-club says so.
pub(super) fn hand_on(own: FaultLog, file: &File, log: &FaultLog) {
    let club = name_of(file, log).to_owned();
    for fault in own.into_faults().0 {
        let inherited = fault.place.source.name != file.name();
        if !inherited {
            log.add(fault);
        } else if !log.has(&fault) {
            let why = format!("the sub-club \"{club}\" inherits it");
            log.add(match fault.why {
                Some(_) => fault,
                None => fault.why(why),
            });
        }
    }
}

/// The name of a club file's club, as far as it has one.
fn name_of<'f>(file: &'f File, log: &'f FaultLog) -> &'f str {
    let head = file.root(log).member("club");
    let name = head.and_then(|head| head.member("id")?.text_if_any());
    name.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rulefile::LANGUAGE;

    /// Club files, each `name` or `name<parent`, and the order in which they stand.
    fn check(files: &[&str], wanted: &[&str]) {
        let log = FaultLog::default();
        let files: Vec<File> = files
            .iter()
            .map(|file| {
                let text = match file.split_once('<') {
                    Some((name, of)) => format!("[club]\nid = \"{name}\"\nsub_of = \"{of}\"\n"),
                    None => format!("[club]\nid = \"{file}\"\n"),
                };
                File::parse(file, text, &LANGUAGE, &log).expect("it is TOML")
            })
            .collect();
        let files: Vec<&File> = files.iter().collect();
        let heirs = heirs(&files, true, &log);
        let order = standing(&heirs).into_iter();
        let order: Vec<&str> = order.map(|at| name_of(files[at], &log)).collect();
        assert_eq!(order, wanted);
        let read = reading(&heirs);
        let place = |at: usize| read.iter().position(|one| *one == at);
        for (at, heir) in heirs.iter().enumerate() {
            if let Heir::Of(_, parent) = heir {
                assert!(place(*parent) < place(at), "{order:?}");
            }
        }
    }

    #[test]
    fn a_sub_club_stands_before_its_club_and_is_read_after_it() {
        check(&["a", "b"], &["a", "b"]);
        check(&["a", "b<a", "c<a"], &["b", "c", "a"]);
        check(&["a<c", "b", "c<b", "d"], &["a", "c", "b", "d"]);
        check(&["a<b", "b<a", "c<a"], &["a", "b", "c"]);
    }
}
