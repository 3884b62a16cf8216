//! Dialect files: TOML to [`Spec`], with every fault of a file told at once.
//!
//! A file may extend another: what it says replaces what the other said, key by key, field by field.

use std::collections::BTreeMap;
use std::path::Path as FilePath;

use super::class::Class;
use super::dated::Calendar;
use super::draft::{FieldDraft, Known, Role, entries, field_number, overlay};
use super::field::{Counts, FieldSpec, Length, Plan};
use super::inside::Policy;
use super::keys::{
    self, CODING, DIALECT, EXTENDS, FIELD, FIELD_SHAPE, FORM, FUNCTION, FUNCTION_SHAPE, LANGUAGE,
    OUTCOME, ROLE, SYNTAX, TOTALS, UNKNOWN, UNKNOWN_SHAPE,
};
use super::mti::Mti;
use super::path::{Path, Pattern};
use super::{FIELDS, Function, Net, Places, Routing, Spec, Unknown};
use crate::source::{Entry, Fault, FaultLog, Faults, File, Place, Table, Value};
use crate::wire::bitmap::BitmapForm;
use crate::wire::coding::Coding;
use crate::wire::framing::Framing;

/// The dialects inside the program: name and text.
pub const SHIPPED: [(&str, &str); 10] = [
    ("iso87-ascii", include_str!("../../specs/iso87-ascii.toml")),
    (
        "iso87-ascii-binmap",
        include_str!("../../specs/iso87-ascii-binmap.toml"),
    ),
    ("iso87-bcd", include_str!("../../specs/iso87-bcd.toml")),
    (
        "iso87-ebcdic",
        include_str!("../../specs/iso87-ebcdic.toml"),
    ),
    ("iso93-ascii", include_str!("../../specs/iso93-ascii.toml")),
    ("iso93-bcd", include_str!("../../specs/iso93-bcd.toml")),
    (
        "mastercard-ipm",
        include_str!("../../specs/mastercard-ipm.toml"),
    ),
    ("pos-nac-bcd", include_str!("../../specs/pos-nac-bcd.toml")),
    ("shetab7-87", include_str!("../../specs/shetab7-87.toml")),
    ("shetab7-93", include_str!("../../specs/shetab7-93.toml")),
];

/// A dialect that is inside the program; `None` for a name that is not.
pub fn shipped(name: &str) -> Option<Spec> {
    let (_, text) = SHIPPED.iter().find(|(known, _)| *known == name)?;
    let spec = load_text(name, text);
    Some(spec.expect("every shipped dialect is loaded by a test"))
}

/// Loads the dialect `name` from `folder`, or from the program where the folder has no such file.
pub fn load(folder: &FilePath, name: &str) -> Result<Spec, Faults> {
    let log = FaultLog::default();
    let file = match find(Some(folder), name, &log) {
        Found::File(file) => Some(file),
        Found::Faulty => None,
        Found::Nothing => {
            let near = crate::source::nearest(name, SHIPPED.map(|(name, _)| name));
            let fault = Fault::error(SYNTAX, Place::file(name), unknown_dialect(name));
            log.add(fault.meant(near));
            None
        }
    };
    loaded(Some(folder), name, file, log)
}

/// Loads a dialect from a text; what it extends must be inside the program.
pub fn load_text(name: &str, text: &str) -> Result<Spec, Faults> {
    let log = FaultLog::default();
    let file = File::parse(&format!("{name}.toml"), text, &LANGUAGE, &log);
    loaded(None, name, file, log)
}

/// What one file, and those it extends, have said so far.
#[derive(Default)]
struct Draft {
    title: Option<String>,
    unverified: Option<bool>,
    framing: Option<String>,
    codings: Codings,
    unknown: Option<(Policy, Option<FieldDraft>)>,
    fields: BTreeMap<usize, FieldDraft>,
    roles: BTreeMap<String, (Place, Path)>,
    outcomes: BTreeMap<String, (Place, String)>,
    answers: BTreeMap<Mti, Mti>,
    net: Option<(Place, Net)>,
    meanings: BTreeMap<Path, (Place, Vec<(Pattern, String)>)>,
    functions: Vec<(Function, Vec<Place>)>,
}

#[derive(Default)]
struct Codings {
    mti: Option<Coding>,
    bitmap: Option<Coding>,
    bitmap_words: Option<usize>,
    bitmap_fixed: Option<bool>,
    bitmap_marked: Option<bool>,
    number: Option<Coding>,
    text: Option<Coding>,
    track: Option<Coding>,
    binary: Option<Coding>,
    length: Option<Coding>,
    counts: Option<Counts>,
    calendar: Option<Calendar>,
}

fn loaded(
    folder: Option<&FilePath>,
    name: &str,
    file: Option<File>,
    log: FaultLog,
) -> Result<Spec, Faults> {
    let spec = file.and_then(|file| {
        let mut draft = Draft::default();
        draft.read(&file, &log, folder, &mut vec![name.to_owned()]);
        if log.has_errors() {
            return None;
        }
        draft.finished(name, file.root(&log).place(), &log)
    });
    match spec {
        Some(spec) if !log.has_errors() => Ok(spec),
        _ => Err(log.into_faults()),
    }
}

enum Found {
    File(File),
    /// Its faults are in the log.
    Faulty,
    Nothing,
}

/// The file of a dialect: from the folder, else from the program.
fn find(folder: Option<&FilePath>, name: &str, log: &FaultLog) -> Found {
    let file_name = format!("{name}.toml");
    let path = folder.map(|folder| folder.join(&file_name));
    let file = if let Some(path) = path.filter(|path| path.is_file()) {
        File::read(&path, &path.to_string_lossy(), &LANGUAGE, log)
    } else if let Some((_, text)) = SHIPPED.iter().find(|(known, _)| *known == name) {
        File::parse(&file_name, *text, &LANGUAGE, log)
    } else {
        return Found::Nothing;
    };
    file.map_or(Found::Faulty, Found::File)
}

fn unknown_dialect(name: &str) -> String {
    let names = SHIPPED.map(|(name, _)| name).join(", ");
    format!("\"{name}\" is not a dialect; those inside the program are {names}")
}

impl Draft {
    /// Lays what a file says over what the file it extends says.
    fn read(
        &mut self,
        file: &File,
        log: &FaultLog,
        folder: Option<&FilePath>,
        within: &mut Vec<String>,
    ) {
        let Some(dialect) = file.root(log).table(&DIALECT) else {
            return;
        };
        if let Some(value) = dialect.get("extends")
            && let Some(parent) = value.name()
        {
            if within.iter().any(|name| name == parent) {
                let title = format!("\"{parent}\" extends itself");
                value.report(value.fault(EXTENDS, title).mend("break the circle"));
                return;
            }
            match find(folder, parent, log) {
                Found::File(parent_file) => {
                    within.push(parent.to_owned());
                    self.read(&parent_file, log, folder, within);
                }
                Found::Faulty => {}
                Found::Nothing => {
                    let names = SHIPPED.map(|(name, _)| name);
                    let near = crate::source::nearest(parent, names);
                    let fault = value.fault(EXTENDS, unknown_dialect(parent));
                    value.report(fault.meant(near));
                }
            }
        }
        overlay(
            &mut self.title,
            dialect.required("title", Value::title).map(str::to_owned),
        );
        overlay(
            &mut self.unverified,
            dialect.optional("unverified", Value::boolean),
        );
        overlay(&mut self.framing, dialect.optional("framing", framing));
        if let Some(coding) = dialect.optional("coding", |v| v.table(&CODING)) {
            self.codings.read(coding);
        }
        if let Some(unknown) = dialect.optional("unknown", |v| v.table(&UNKNOWN_SHAPE)) {
            self.unknown = read_unknown(&unknown);
        }
        for entry in entries(&dialect, "fields") {
            if let (Some(n), Some(table)) =
                (field_number(&entry, 2), entry.value.table(&FIELD_SHAPE))
            {
                let field = self.fields.entry(n);
                let new = || FieldDraft::new(entry.place.clone(), format!("field {n}"));
                field.or_insert_with(new).read(&table, entry.place.clone());
            }
        }
        for entry in entries(&dialect, "inside") {
            let Some(n) = field_number(&entry, 2) else {
                continue;
            };
            match self.fields.get_mut(&n) {
                Some(field) => field.read_inside(entry.value),
                None => entry.value.report(
                    Fault::error(FIELD, entry.place, format!("there is no field {n}"))
                        .mend("add it to [fields]"),
                ),
            }
        }
        for entry in entries(&dialect, "roles") {
            if entry.has_good_name()
                && let Some(path) = entry
                    .value
                    .text()
                    .and_then(|text| keys::path(entry.value, text))
            {
                let place = entry.value.place();
                self.roles.insert(entry.name.to_owned(), (place, path));
            }
        }
        for entry in entries(&dialect, "outcomes") {
            if entry.has_good_name()
                && let Some(code) = entry.value.title()
            {
                let place = entry.value.place();
                self.outcomes
                    .insert(entry.name.to_owned(), (place, code.to_owned()));
            }
        }
        for entry in entries(&dialect, "meanings") {
            if let Some(path) = keys::path(entry.value, entry.name)
                && let Some(rows) = entry.value.entries()
            {
                let words = |row: Entry<'_>| {
                    Some((Pattern(row.name.to_owned()), row.value.title()?.to_owned()))
                };
                let rows = rows.into_iter().filter_map(words).collect();
                self.meanings.insert(path, (entry.place, rows));
            }
        }
        for entry in entries(&dialect, "answers") {
            let answer = entry
                .value
                .text()
                .and_then(|text| keys::mti(entry.value, text));
            if let (Some(asked), Some(answer)) = (keys::mti(entry.value, entry.name), answer) {
                self.answers.insert(asked, answer);
            }
        }
        if let Some(totals) = dialect.optional("totals", |v| v.table(&TOTALS))
            && let Some(net) = totals.required("net", |v| Some((v.place(), read_net(v)?)))
        {
            self.net = Some(net);
        }
        // A list of functions is an order, so it is replaced as a whole.
        if let Some(functions) = dialect.optional("function", |v| v.each(read_function)) {
            self.functions = functions;
        }
    }

    /// Everything together, and what only then can be seen to be wrong.
    fn finished(self, name: &str, place: Place, log: &FaultLog) -> Option<Spec> {
        let missing = |what: &str| {
            let title = format!("`coding.{what}` is missing");
            log.add(
                Fault::error(UNKNOWN, place.clone(), title).mend("add it, or extend a dialect"),
            );
        };
        let codings = self.codings.complete(&missing)?;
        let mut fields: Vec<Option<FieldSpec>> = vec![None; FIELDS + 1];
        for (n, draft) in self.fields {
            let at = draft.place();
            fields[n] = draft.finished(&codings, Role::Field, log);
            let no_bit = !codings.bitmap.has_bit(n);
            if no_bit && fields[n].take().is_some() && at.source.name == place.source.name {
                let title = format!("the bitmap has no bit for field {n}");
                let mend = "see `bitmap_bytes` of [coding]; bits 1 and 65 announce more of it";
                log.add(Fault::error(FIELD, at, title).mend(mend));
            }
        }
        let unknown = match self.unknown {
            None | Some((Policy::Reject, _)) => None,
            Some((policy, draft)) => {
                let field = draft.and_then(|draft| draft.finished(&codings, Role::Field, log));
                field.map(|field| Unknown { policy, field })
            }
        };
        let plan = |n: usize| match (&fields[n], &unknown) {
            (Some(field), _) => field.plan(),
            (None, Some(unknown)) if codings.bitmap.has_bit(n) => unknown.field.plan(),
            _ => Plan::UNKNOWN,
        };
        let mut plans = Box::new([Plan::UNKNOWN; FIELDS + 1]);
        for (n, to) in plans.iter_mut().enumerate().skip(2) {
            *to = plan(n);
        }
        let mut spec = Spec {
            name: name.to_owned(),
            title: self.title.unwrap_or_default(),
            unverified: self.unverified.unwrap_or(false),
            framing: self.framing,
            mti: codings.mti,
            bitmap: codings.bitmap,
            fields,
            plans,
            unknown,
            answers: self.answers,
            net: None,
            roles: BTreeMap::new(),
            routing: Routing::default(),
            outcomes: BTreeMap::new(),
            functions: Vec::new(),
            meanings: BTreeMap::new(),
            places: Places {
                whole: place.clone(),
                keys: BTreeMap::new(),
            },
        };
        for (path, (at, rows)) in self.meanings {
            if leads(&spec, &path, at.clone(), &place, FORM, log) {
                for (pattern, _) in &rows {
                    fits(&spec, &path, pattern, &at, FORM, log);
                }
                spec.meanings.insert(path, rows);
            }
        }
        for (role, (at, path)) in self.roles {
            let keys = &mut spec.places.keys;
            keys.insert(("roles", role.clone()), at.clone());
            if leads(&spec, &path, at, &place, ROLE, log) {
                spec.roles.insert(role, path);
            }
        }
        spec.routing = Routing::of(&spec.roles);
        if let Some((at, net)) = self.net {
            let fields = net.terms.iter().map(|(_, n)| Path::field(*n));
            let whole = fields
                .map(|path| leads(&spec, &path, at.clone(), &place, FORM, log))
                .fold(true, |all, one| all & one);
            spec.net = whole.then_some(net);
        }
        let outcome = spec
            .role("outcome")
            .and_then(|path| spec.field(usize::from(path.field)));
        let wide = match outcome.map(|field| field.length) {
            Some(Length::Fixed(units)) => Some(units),
            _ => None,
        };
        for (outcome, (at, code)) in self.outcomes {
            let keys = &mut spec.places.keys;
            keys.insert(("outcomes", outcome.clone()), at.clone());
            if let Some(wide) = wide.filter(|wide| *wide != code.len()) {
                let title = format!("the code of \"{outcome}\" must have {wide} characters");
                log.add(Fault::error(OUTCOME, at, title));
            }
            spec.outcomes.insert(outcome, code);
        }
        for (function, places) in self.functions {
            let mut whole = true;
            for ((path, pattern), at) in function.when.iter().zip(places) {
                whole &= leads(&spec, path, at.clone(), &place, FUNCTION, log);
                fits(&spec, path, pattern, &at, FUNCTION, log);
            }
            if whole {
                spec.functions.push(function);
            }
        }
        Some(spec)
    }
}

impl Codings {
    fn read(&mut self, table: Table<'_>) {
        let text = |v: Value<'_>| keys::coding_where(v, Coding::is_text);
        let is_digits = |c: Coding| c.is_text() || matches!(c, Coding::Bcd(_));
        let digits = |v: Value<'_>| keys::coding_where(v, is_digits);
        let is_binary = |c: Coding| c.is_hex() || c == Coding::Binary;
        let binary = |v: Value<'_>| keys::coding_where(v, is_binary);
        overlay(&mut self.mti, table.optional("mti", digits));
        overlay(
            &mut self.bitmap,
            table.optional("bitmap", keys::bitmap_coding),
        );
        overlay(
            &mut self.bitmap_words,
            table.optional("bitmap_bytes", keys::bitmap_words),
        );
        overlay(
            &mut self.bitmap_fixed,
            table.optional("bitmap_fixed", Value::boolean),
        );
        overlay(
            &mut self.bitmap_marked,
            table.optional("bitmap_marked", Value::boolean),
        );
        overlay(&mut self.number, table.optional("number", digits));
        overlay(&mut self.text, table.optional("text", text));
        overlay(&mut self.track, table.optional("track", digits));
        overlay(&mut self.binary, table.optional("binary", binary));
        overlay(
            &mut self.length,
            table.optional("length", keys::length_coding),
        );
        overlay(
            &mut self.counts,
            table.optional("counts", |v| v.one_of(&keys::COUNTS, &[])),
        );
        overlay(
            &mut self.calendar,
            table.optional("calendar", |v| v.one_of(&keys::CALENDARS, &[])),
        );
    }

    fn complete(&self, missing: &dyn Fn(&str)) -> Option<Known> {
        let need = |coding: Option<Coding>, name: &str| {
            if coding.is_none() {
                missing(name);
            }
            coding
        };
        let (mti, number) = (need(self.mti, "mti"), need(self.number, "number"));
        let (text, track) = (need(self.text, "text"), need(self.track, "track"));
        let (binary, length) = (need(self.binary, "binary"), need(self.length, "length"));
        let bitmap = need(self.bitmap, "bitmap");
        Some(Known {
            mti: mti?,
            bitmap: BitmapForm {
                coding: bitmap?,
                words_max: self.bitmap_words.unwrap_or(2),
                fixed: self.bitmap_fixed.unwrap_or(false),
                marked: self.bitmap_marked.unwrap_or(false),
            },
            number: number?,
            text: text?,
            track: track?,
            binary: binary?,
            length: length?,
            counts: self.counts.unwrap_or(Counts::Units),
            calendar: self.calendar.unwrap_or(Calendar::Gregorian),
        })
    }
}

fn framing(value: Value<'_>) -> Option<String> {
    let known: Vec<(&str, &str)> = Framing::NAMES.iter().map(|name| (*name, *name)).collect();
    value.one_of(&known, &[]).map(str::to_owned)
}

/// What becomes of fields that the dialect does not name, and their one shape.
fn read_unknown(table: &Table<'_>) -> Option<(Policy, Option<FieldDraft>)> {
    let policy = table.required("policy", |v| v.one_of(&keys::POLICIES, &[]))?;
    if policy == Policy::Reject {
        return Some((policy, None));
    }
    let what = "a field that the dialect does not name";
    let mut draft = FieldDraft::new(table.value().place(), what.to_owned());
    draft.read(table, table.value().place());
    draft.or_unknown();
    Some((policy, Some(draft)))
}

/// `86 - 87 - 88 + 89`.
fn read_net(value: Value<'_>) -> Option<Net> {
    let text = value.text()?;
    let mut terms = Vec::new();
    let mut minus = false;
    let mut wants_field = true;
    for word in text.split_whitespace() {
        match (wants_field, word) {
            (true, number) => {
                let number: Option<usize> = number.parse().ok();
                terms.push((
                    minus,
                    number.filter(|n| (2..=FIELDS).contains(n)).unwrap_or(0),
                ));
            }
            (false, "+") => minus = false,
            (false, "-") => minus = true,
            (false, _) => terms.push((false, 0)),
        }
        wants_field = !wants_field;
    }
    if wants_field || terms.iter().any(|(_, n)| *n == 0) {
        let title = format!("\"{text}\" does not say how totals are reckoned");
        value.report(
            value
                .fault(FORM, title)
                .mend("such as \"86 - 87 - 88 + 89\""),
        );
        return None;
    }
    Some(Net { terms })
}

fn read_function(value: Value<'_>) -> Option<(Function, Vec<Place>)> {
    let table = value.table(&FUNCTION_SHAPE)?;
    let name = table.required("name", Value::name);
    let mti = table.required("mti", |v| v.each(|v| keys::mti(v, v.text()?)));
    let mut when = Vec::new();
    let mut places = Vec::new();
    for entry in entries(&table, "when") {
        let (path, pattern) = (keys::path(entry.value, entry.name), entry.value.title());
        if let (Some(path), Some(pattern)) = (path, pattern) {
            places.push(entry.place);
            when.push((path, Pattern(pattern.to_owned())));
        }
    }
    let (name, mti) = (name?.to_owned(), mti?);
    Some((Function { name, mti, when }, places))
}

/// Whether a path leads to a field of the dialect, and to a known tag or part where those have names.
/// One that does not is a fault in the dialect's own file. Where it comes from an extended dialect
/// whose place was taken away, what needs it goes too.
fn leads(
    spec: &Spec,
    path: &Path,
    place: Place,
    own: &Place,
    code: &'static str,
    log: &FaultLog,
) -> bool {
    let leads = path.field > 1 && spec.name_of(path).is_some();
    if !leads && place.source.name == own.source.name {
        let title = format!("nothing stands at {path} in this dialect");
        let mend = "name a field of [fields], or a tag or part of its [inside]";
        log.add(Fault::error(code, place, title).mend(mend));
    }
    leads
}

/// Tells of a pattern that no value of its place can fit, because it has another length.
fn fits(
    spec: &Spec,
    path: &Path,
    pattern: &Pattern,
    place: &Place,
    code: &'static str,
    log: &FaultLog,
) {
    let Some(field) = spec.at(path).filter(|_| pattern.0 != "*") else {
        return;
    };
    // Bytes are told as hex digits.
    let wide = if field.class == Class::B { 2 } else { 1 };
    let (min, max) = match field.length {
        Length::Fixed(units) => (units, units),
        Length::Var { min, max, .. } => (min, max),
    };
    if !(min * wide..=max * wide).contains(&pattern.0.len()) {
        let title = format!("\"{}\" does not have the length of field {path}", pattern.0);
        let fault = Fault::error(code, place.clone(), title);
        log.add(fault.mend("as many characters as the field has, x for any, or \"*\""));
    }
}
