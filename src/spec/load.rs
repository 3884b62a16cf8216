//! Dialect files: TOML to [`Spec`], with every fault of a file told at once.
//!
//! A file may extend another: what it says replaces what the other said, key by key, field by field.

use std::collections::BTreeMap;
use std::path::Path as FilePath;

use super::class::Class;
use super::field::{Counts, FieldSpec, Inside, Length, Pad, Part, Plan, Secret, TagSpec};
use super::mti::Mti;
use super::path::{Path, Pattern};
use super::{FIELDS, Function, Spec};
use crate::source::{Entry, Fault, FaultLog, Faults, File, Language, Place, Shape, Table, Value};
use crate::wire::bitmap::BitmapForm;
use crate::wire::coding::Coding;
use crate::wire::tlv::TlvForm;

/// The dialects inside the program: name and text.
pub const SHIPPED: [(&str, &str); 5] = [
    ("iso87-ascii", include_str!("../../specs/iso87-ascii.toml")),
    (
        "iso87-ascii-binmap",
        include_str!("../../specs/iso87-ascii-binmap.toml"),
    ),
    ("iso87-bcd", include_str!("../../specs/iso87-bcd.toml")),
    ("iso93-ascii", include_str!("../../specs/iso93-ascii.toml")),
    ("iso93-bcd", include_str!("../../specs/iso93-bcd.toml")),
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

const SYNTAX: &str = "D01";
const UNKNOWN: &str = "D02";
const FORM: &str = "D03";
const NAME: &str = "D04";
const EXTENDS: &str = "D05";
const FIELD: &str = "D06";
const ROLE: &str = "D07";
const OUTCOME: &str = "D08";
const FUNCTION: &str = "D09";

static LANGUAGE: Language = Language {
    name: "the dialect language",
    syntax: SYNTAX,
    unknown: UNKNOWN,
    form: FORM,
    percent: FORM,
    date: FORM,
    hours: FORM,
    name_form: NAME,
};

static DIALECT: Shape = Shape {
    what: "a dialect",
    keys: &[
        ("title", "what it is, in a line"),
        ("extends", "the dialect it begins from"),
        ("unverified", "true: made without an official document"),
        ("coding", "how things stand on the wire"),
        ("fields", "number = { name, class, length, ... }"),
        ("inside", "tags or parts of a field, or \"nothing\""),
        ("roles", "where the switch finds what it needs"),
        ("outcomes", "outcome = response code"),
        ("meanings", "words for the values of a field"),
        ("function", "what a message asks for"),
    ],
    later: &["framing", "grammar", "reconciliation"],
};

static CODING: Shape = Shape {
    what: "the coding",
    keys: &[
        ("mti", "of the message type"),
        ("bitmap", "hex or binary"),
        ("bitmap_bytes", "most bytes of the bitmap: 8, 16 or 24"),
        ("bitmap_fixed", "true: all of its bytes are always there"),
        ("number", "of n and x+n"),
        ("text", "of a, an, anp, ans, ns, text and free"),
        ("track", "of z"),
        ("binary", "of b"),
        ("length", "of the length before a value"),
        ("counts", "what a length counts: units or bytes"),
    ],
    later: &[],
};

static FIELD_SHAPE: Shape = Shape {
    what: "a field",
    keys: &[
        ("name", "its name in the standard"),
        ("class", "what it may hold"),
        ("length", "12, or \"LL..19\""),
        ("min", "fewest units of a variable field"),
        ("coding", "of the value, where it is its own"),
        ("length_coding", "of the length, where it is its own"),
        ("counts", "units or bytes, where it is its own"),
        ("pad", "zeros-left, spaces-right, spaces-left or none"),
        ("secret", "open, masked or hidden"),
    ],
    later: &["calendar", "unknown"],
};

static INSIDE: Shape = Shape {
    what: "the inside of a field",
    keys: &[
        ("tag_chars", "characters of a tag"),
        ("length_digits", "digits of the length behind a tag"),
        ("tags", "tag = { name, class, secret }"),
        ("parts", "list of { name, class, length }"),
        ("repeats", "true: the parts may come again"),
    ],
    later: &["ber", "separator", "bitmap", "prefix"],
};

static TAG: Shape = Shape {
    what: "a tag",
    keys: &[
        ("name", "what it holds"),
        ("class", "what its characters may be"),
        ("secret", "open, masked or hidden"),
    ],
    later: &[],
};

static PART: Shape = Shape {
    what: "a part",
    keys: &[
        ("name", "what it holds"),
        ("class", "what its characters may be"),
        ("length", "characters"),
    ],
    later: &[],
};

static FUNCTION_SHAPE: Shape = Shape {
    what: "a function",
    keys: &[
        ("name", "what is asked for"),
        ("mti", "list of message types, repeats aside"),
        ("when", "place = pattern; x is any character, * any value"),
    ],
    later: &[],
};

const SECRETS: [(&str, Secret); 3] = [
    ("open", Secret::Open),
    ("masked", Secret::Masked),
    ("hidden", Secret::Hidden),
];

const COUNTS: [(&str, Counts); 2] = [("units", Counts::Units), ("bytes", Counts::Bytes)];

const PADS: [(&str, Option<Pad>); 4] = [
    (
        "zeros-left",
        Some(Pad {
            left: true,
            with: b'0',
        }),
    ),
    (
        "spaces-left",
        Some(Pad {
            left: true,
            with: b' ',
        }),
    ),
    (
        "spaces-right",
        Some(Pad {
            left: false,
            with: b' ',
        }),
    ),
    ("none", None),
];

/// What one file, and those it extends, have said so far.
#[derive(Default)]
struct Draft {
    title: Option<String>,
    unverified: Option<bool>,
    codings: Codings,
    fields: BTreeMap<usize, FieldDraft>,
    inside: BTreeMap<usize, (Place, InsideDraft)>,
    roles: BTreeMap<String, (Place, Path)>,
    outcomes: BTreeMap<String, (Place, String)>,
    meanings: BTreeMap<Path, Vec<(Pattern, String)>>,
    functions: Vec<(Function, Vec<(Place, Path)>)>,
}

#[derive(Default)]
struct Codings {
    mti: Option<Coding>,
    bitmap_hex: Option<bool>,
    bitmap_words: Option<usize>,
    bitmap_fixed: Option<bool>,
    number: Option<Coding>,
    text: Option<Coding>,
    track: Option<Coding>,
    binary: Option<Coding>,
    length: Option<Coding>,
    counts: Option<Counts>,
}

struct FieldDraft {
    place: Place,
    name: Option<String>,
    class: Option<Class>,
    length: Option<Length>,
    min: Option<usize>,
    coding: Option<Coding>,
    length_coding: Option<Coding>,
    counts: Option<Counts>,
    pad: Option<Option<Pad>>,
    secret: Option<Secret>,
}

enum InsideDraft {
    /// Takes away what an extended dialect says.
    Nothing,
    Tlv {
        tag_chars: usize,
        length_digits: usize,
        tags: BTreeMap<String, TagSpec>,
    },
    Parts {
        parts: Vec<Part>,
        repeats: bool,
    },
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
        if let Some(coding) = dialect.optional("coding", |v| v.table(&CODING)) {
            self.codings.read(coding);
        }
        for entry in entries(&dialect, "fields") {
            self.read_field(&entry);
        }
        for entry in entries(&dialect, "inside") {
            if let Some(n) = field_number(&entry)
                && let Some(inside) = read_inside(entry.value)
            {
                self.inside.insert(n, (entry.place, inside));
            }
        }
        for entry in entries(&dialect, "roles") {
            if entry.has_good_name()
                && let Some(path) = entry
                    .value
                    .text()
                    .and_then(|text| read_path(entry.value, text))
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
            if let Some(path) = read_path(entry.value, entry.name)
                && let Some(rows) = entry.value.entries()
            {
                let words = |row: Entry<'_>| {
                    Some((Pattern(row.name.to_owned()), row.value.title()?.to_owned()))
                };
                self.meanings
                    .insert(path, rows.into_iter().filter_map(words).collect());
            }
        }
        // A list of functions is an order, so it is replaced as a whole.
        if let Some(functions) = dialect.optional("function", |v| v.each(read_function)) {
            self.functions = functions;
        }
    }

    fn read_field(&mut self, entry: &Entry<'_>) {
        let (Some(n), Some(table)) = (field_number(entry), entry.value.table(&FIELD_SHAPE)) else {
            return;
        };
        let field = self
            .fields
            .entry(n)
            .or_insert_with(|| FieldDraft::at(entry.place.clone()));
        field.place = entry.place.clone();
        overlay(
            &mut field.name,
            table.optional("name", Value::title).map(str::to_owned),
        );
        let class = |v: Value<'_>| v.one_of(&Class::TABLE, &[]);
        overlay(&mut field.class, table.optional("class", class));
        overlay(&mut field.length, table.optional("length", read_length));
        let min = table.optional("min", |v| v.integer(0, 9999));
        overlay(&mut field.min, min.map(|min| min as usize));
        let coding = |v: Value<'_>| v.one_of(&Coding::TABLE, &[]);
        overlay(&mut field.coding, table.optional("coding", coding));
        overlay(
            &mut field.length_coding,
            table.optional("length_coding", length_coding),
        );
        overlay(
            &mut field.counts,
            table.optional("counts", |v| v.one_of(&COUNTS, &[])),
        );
        overlay(
            &mut field.pad,
            table.optional("pad", |v| v.one_of(&PADS, &[])),
        );
        overlay(
            &mut field.secret,
            table.optional("secret", |v| v.one_of(&SECRETS, &[])),
        );
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
        let mut inside = self.inside;
        for (n, draft) in self.fields {
            let inside = inside.remove(&n);
            fields[n] = draft.finished(n, &codings, inside, log);
        }
        for (n, (place, _)) in inside {
            log.add(
                Fault::error(FIELD, place, format!("there is no field {n}"))
                    .mend("add it to [fields]"),
            );
        }
        let plan =
            |field: &Option<FieldSpec>| field.as_ref().map_or(Plan::UNKNOWN, FieldSpec::plan);
        let plans = fields.iter().map(plan).collect();
        let mut spec = Spec {
            name: name.to_owned(),
            title: self.title.unwrap_or_default(),
            unverified: self.unverified.unwrap_or(false),
            mti: codings.mti,
            bitmap: codings.bitmap,
            fields,
            plans,
            roles: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            functions: Vec::new(),
            meanings: self.meanings,
        };
        for (role, (at, path)) in self.roles {
            if leads(&spec, &path, at, &place, ROLE, log) {
                spec.roles.insert(role, path);
            }
        }
        let outcome = spec
            .role("outcome")
            .and_then(|path| spec.field(usize::from(path.field)));
        let wide = match outcome.map(|field| field.length) {
            Some(Length::Fixed(units)) => Some(units),
            _ => None,
        };
        for (outcome, (at, code)) in self.outcomes {
            if let Some(wide) = wide.filter(|wide| *wide != code.len()) {
                let title = format!("the code of \"{outcome}\" must have {wide} characters");
                log.add(Fault::error(OUTCOME, at, title));
            }
            spec.outcomes.insert(outcome, code);
        }
        for (function, paths) in self.functions {
            let mut whole = true;
            for (at, path) in paths {
                whole &= leads(&spec, &path, at, &place, FUNCTION, log);
            }
            if whole {
                spec.functions.push(function);
            }
        }
        Some(spec)
    }
}

/// The codings of a dialect, all known.
struct Known {
    mti: Coding,
    bitmap: BitmapForm,
    number: Coding,
    text: Coding,
    track: Coding,
    binary: Coding,
    length: Coding,
    counts: Counts,
}

impl Codings {
    fn read(&mut self, table: Table<'_>) {
        let text = |v: Value<'_>| one_of(v, is_text);
        let digits = |v: Value<'_>| one_of(v, |c| is_text(c) || is_bcd(c));
        let binary = |v: Value<'_>| one_of(v, |c| matches!(c, Coding::Hex | Coding::Binary));
        overlay(&mut self.mti, table.optional("mti", digits));
        let bitmap = table.optional("bitmap", |v| {
            v.one_of(&[("hex", true), ("binary", false)], &[])
        });
        overlay(&mut self.bitmap_hex, bitmap);
        overlay(
            &mut self.bitmap_words,
            table.optional("bitmap_bytes", bitmap_words),
        );
        overlay(
            &mut self.bitmap_fixed,
            table.optional("bitmap_fixed", Value::boolean),
        );
        overlay(&mut self.number, table.optional("number", digits));
        overlay(&mut self.text, table.optional("text", text));
        overlay(&mut self.track, table.optional("track", digits));
        overlay(&mut self.binary, table.optional("binary", binary));
        overlay(&mut self.length, table.optional("length", length_coding));
        overlay(
            &mut self.counts,
            table.optional("counts", |v| v.one_of(&COUNTS, &[])),
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
        if self.bitmap_hex.is_none() {
            missing("bitmap");
        }
        Some(Known {
            mti: mti?,
            bitmap: BitmapForm {
                hex: self.bitmap_hex?,
                words_max: self.bitmap_words.unwrap_or(2),
                fixed: self.bitmap_fixed.unwrap_or(false),
            },
            number: number?,
            text: text?,
            track: track?,
            binary: binary?,
            length: length?,
            counts: self.counts.unwrap_or(Counts::Units),
        })
    }
}

impl FieldDraft {
    fn at(place: Place) -> FieldDraft {
        FieldDraft {
            place,
            name: None,
            class: None,
            length: None,
            min: None,
            coding: None,
            length_coding: None,
            counts: None,
            pad: None,
            secret: None,
        }
    }

    fn finished(
        self,
        n: usize,
        codings: &Known,
        inside: Option<(Place, InsideDraft)>,
        log: &FaultLog,
    ) -> Option<FieldSpec> {
        let place = self.place;
        let fault = |title: String, mend: &str| {
            log.add(Fault::error(FIELD, place.clone(), title).mend(mend));
        };
        for (key, there) in [
            ("name", self.name.is_some()),
            ("class", self.class.is_some()),
            ("length", self.length.is_some()),
        ] {
            if !there {
                fault(format!("field {n} has no `{key}`"), "add it");
            }
        }
        let (name, class, length) = (self.name?, self.class?, self.length?);
        let coding = self.coding.unwrap_or(match class {
            Class::N | Class::Xn => codings.number,
            Class::Z => codings.track,
            Class::B => codings.binary,
            _ => codings.text,
        });
        let digits = matches!(class, Class::N | Class::Xn | Class::Z);
        let fits = match coding {
            Coding::Hex | Coding::Binary => class == Class::B,
            Coding::Bcd(_) => digits,
            _ => class != Class::B,
        };
        if !fits {
            let title = format!(
                "field {n} of class {} cannot be {}",
                class.name(),
                coding.name()
            );
            let mend = if class == Class::B {
                "hex or binary"
            } else {
                "b may be hex or binary, digits may be bcd, the rest is text"
            };
            fault(title, mend);
        }
        let length = match (length, self.min) {
            (Length::Var { digits, max, .. }, Some(min)) if min <= max => {
                Length::Var { digits, min, max }
            }
            (Length::Fixed(_), Some(_)) => {
                fault(
                    format!("field {n} has a fixed length and no `min`"),
                    "leave `min` out",
                );
                length
            }
            (_, Some(min)) => {
                fault(
                    format!("`min` of field {n} is {min}, more than its length"),
                    "lower it",
                );
                length
            }
            (_, None) => length,
        };
        let pad = self.pad.unwrap_or(match class {
            Class::B | Class::Z => None,
            _ if class.is_numeric() => Some(Pad {
                left: true,
                with: b'0',
            }),
            _ => Some(Pad {
                left: false,
                with: b' ',
            }),
        });
        let tlv_coding = if is_text(coding) {
            coding
        } else {
            codings.text
        };
        let inside = match inside {
            None => Inside::Nothing,
            Some((place, inside)) => {
                let fits = match &inside {
                    InsideDraft::Nothing => true,
                    InsideDraft::Tlv { .. } => {
                        is_text(coding) && matches!(length, Length::Var { .. })
                    }
                    InsideDraft::Parts { .. } => class != Class::B,
                };
                if !fits {
                    let title = format!("field {n} cannot hold this");
                    let mend = "tags need a variable field of text, parts one that is not b";
                    log.add(Fault::error(FIELD, place, title).mend(mend));
                }
                match inside {
                    InsideDraft::Nothing => Inside::Nothing,
                    InsideDraft::Tlv {
                        tag_chars,
                        length_digits,
                        tags,
                    } => Inside::Tlv {
                        form: TlvForm {
                            tag_chars,
                            length_digits,
                            coding: tlv_coding,
                        },
                        tags,
                    },
                    InsideDraft::Parts { parts, repeats } => Inside::Parts { parts, repeats },
                }
            }
        };
        Some(FieldSpec {
            name,
            class,
            length,
            coding,
            length_coding: self.length_coding.unwrap_or(codings.length),
            counts: self.counts.unwrap_or(codings.counts),
            pad,
            secret: self.secret.unwrap_or(Secret::Open),
            inside,
        })
    }
}

fn overlay<T>(place: &mut Option<T>, said: Option<T>) {
    if said.is_some() {
        *place = said;
    }
}

fn entries<'f>(table: &Table<'f>, key: &'static str) -> Vec<Entry<'f>> {
    table.optional(key, Value::entries).unwrap_or_default()
}

fn is_text(coding: Coding) -> bool {
    matches!(coding, Coding::Ascii | Coding::Cp037 | Coding::Cp500)
}

fn is_bcd(coding: Coding) -> bool {
    matches!(coding, Coding::Bcd(_))
}

fn one_of(value: Value<'_>, fits: impl Fn(Coding) -> bool) -> Option<Coding> {
    let mut known = Coding::TABLE.to_vec();
    known.retain(|(_, coding)| fits(*coding));
    value.one_of(&known, &[])
}

fn length_coding(value: Value<'_>) -> Option<Coding> {
    let known =
        |c| is_text(c) || c == Coding::Binary || c == Coding::Bcd(crate::wire::coding::Fill::Left0);
    one_of(value, known)
}

fn bitmap_words(value: Value<'_>) -> Option<usize> {
    match value.integer(8, 24)? {
        bytes if bytes % 8 == 0 => Some(bytes as usize / 8),
        _ => {
            value.report(value.fault(FORM, "`bitmap_bytes` must be 8, 16 or 24"));
            None
        }
    }
}

fn field_number(entry: &Entry<'_>) -> Option<usize> {
    let number = entry.name.parse().ok().filter(|n| (2..=FIELDS).contains(n));
    if number.is_none() {
        let title = format!("\"{}\" is not a field number", entry.name);
        let fault = Fault::error(FIELD, entry.place.clone(), title);
        entry
            .value
            .report(fault.mend(format!("a number from 2 to {FIELDS}")));
    }
    number
}

/// `12`, or `"LL..19"`.
fn read_length(value: Value<'_>) -> Option<Length> {
    if value.raw().starts_with('"') {
        let text = value.text()?;
        let parsed = text.split_once("..").and_then(|(letters, max)| {
            let digits = letters.len();
            let max: usize = max.parse().ok()?;
            let good = (1..=4).contains(&digits)
                && letters.bytes().all(|c| c == b'L')
                && max > 0
                && max < 10_usize.pow(digits as u32);
            good.then_some(Length::Var {
                digits,
                min: 0,
                max,
            })
        });
        if parsed.is_none() {
            let fault = value.fault(FORM, format!("\"{text}\" is not a length"));
            value.report(
                fault
                    .label(
                        "as many L as the length before the value has digits, and the most units",
                    )
                    .mend("such as 12, \"LL..19\" or \"LLL..999\""),
            );
        }
        return parsed;
    }
    Some(Length::Fixed(value.integer(1, 9999)? as usize))
}

fn read_path(value: Value<'_>, text: &str) -> Option<Path> {
    let path = text.parse();
    if path.is_err() {
        let title = format!("\"{text}\" is not a place in a message");
        value.report(value.fault(FORM, title).mend("such as \"4\" or \"48.10\""));
    }
    path.ok()
}

fn read_inside(value: Value<'_>) -> Option<InsideDraft> {
    if value.raw() == "\"nothing\"" {
        return Some(InsideDraft::Nothing);
    }
    let table = value.table(&INSIDE)?;
    if table.has("parts") {
        for key in ["tag_chars", "length_digits", "tags"] {
            if table.has(key) {
                table.report(table.fault(FIELD, format!("`{key}` and `parts` exclude each other")));
            }
        }
        let parts = table.required("parts", |v| v.each(read_part))?;
        let repeats = table.optional("repeats", Value::boolean).unwrap_or(false);
        return Some(InsideDraft::Parts { parts, repeats });
    }
    let tag_chars = table.required("tag_chars", |v| v.integer(1, 4));
    let length_digits = table.required("length_digits", |v| v.integer(1, 4));
    let mut tags = BTreeMap::new();
    for entry in entries(&table, "tags") {
        if let Some(wanted) = tag_chars
            && entry.name.len() as i64 != wanted
        {
            let title = format!("\"{}\" is not a tag of {wanted} characters", entry.name);
            table.report(Fault::error(FIELD, entry.place.clone(), title));
        }
        if let Some(tag) = read_tag(entry.value) {
            tags.insert(entry.name.to_owned(), tag);
        }
    }
    Some(InsideDraft::Tlv {
        tag_chars: tag_chars? as usize,
        length_digits: length_digits? as usize,
        tags,
    })
}

fn read_tag(value: Value<'_>) -> Option<TagSpec> {
    let table = value.table(&TAG)?;
    let name = table.required("name", Value::title);
    let class = table.optional("class", |v| v.one_of(&Class::TABLE, &[]));
    let secret = table.optional("secret", |v| v.one_of(&SECRETS, &[]));
    Some(TagSpec {
        name: name?.to_owned(),
        class: class.unwrap_or(Class::Ans),
        secret: secret.unwrap_or(Secret::Open),
    })
}

fn read_part(value: Value<'_>) -> Option<Part> {
    let table = value.table(&PART)?;
    let name = table.required("name", Value::title);
    let class = table.required("class", |v| v.one_of(&Class::TABLE, &[]));
    let length = table.required("length", |v| v.integer(1, 999));
    Some(Part {
        name: name?.to_owned(),
        class: class?,
        length: length? as usize,
    })
}

fn read_function(value: Value<'_>) -> Option<(Function, Vec<(Place, Path)>)> {
    let table = value.table(&FUNCTION_SHAPE)?;
    let name = table.required("name", Value::name);
    let mti = table.required("mti", |v| v.each(read_mti));
    let mut when = Vec::new();
    let mut paths = Vec::new();
    for entry in entries(&table, "when") {
        let (path, pattern) = (read_path(entry.value, entry.name), entry.value.title());
        if let (Some(path), Some(pattern)) = (path, pattern) {
            paths.push((entry.place, path.clone()));
            when.push((path, Pattern(pattern.to_owned())));
        }
    }
    let (name, mti) = (name?.to_owned(), mti?);
    Some((Function { name, mti, when }, paths))
}

fn read_mti(value: Value<'_>) -> Option<Mti> {
    let mti = Mti::from_digits(value.text()?.as_bytes()).filter(|mti| !mti.is_repeat());
    if mti.is_none() {
        let title = format!("{} is not a message type", value.raw());
        let fault = value.fault(FUNCTION, title);
        value
            .report(fault.mend("four digits, the last one even; repeats count as their originals"));
    }
    mti
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
