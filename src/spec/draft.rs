//! Fields and what is inside them, as files say it: read, laid over one another, and made whole.

use std::collections::BTreeMap;

use super::FIELDS;
use super::class::Class;
use super::dated::{Calendar, Dated};
use super::field::{Counts, FieldSpec, Length, Pad, Secret};
use super::inside::{Inside, NAME_CHARS_MAX, Policy};
use super::keys::{self, BYTES_MAX, FIELD, FIELD_SHAPE, FORM, INSIDE};
use crate::source::{Entry, Fault, FaultLog, Place, Table, Value};
use crate::wire::bitmap::BitmapForm;
use crate::wire::coding::Coding;
use crate::wire::tlv::TlvForm;

/// The codings of a dialect, or of the inside of a field, all known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) mti: Coding,
    pub(super) bitmap: BitmapForm,
    pub(super) number: Coding,
    pub(super) text: Coding,
    pub(super) track: Coding,
    pub(super) binary: Coding,
    pub(super) length: Coding,
    pub(super) counts: Counts,
    pub(super) calendar: Calendar,
}

impl Known {
    /// The codings inside a value of this class and coding: text holds text, digits are looked at as
    /// characters, bytes may hold anything.
    fn within(self, class: Class, coding: Coding) -> Known {
        let text = match coding {
            _ if class == Class::B => return self,
            Coding::Bcd(_) => Coding::Ascii,
            text => text,
        };
        let ebcdic = text != Coding::Ascii;
        Known {
            number: text,
            text,
            track: text,
            binary: if ebcdic {
                Coding::HexEbcdic
            } else {
                Coding::Hex
            },
            length: text,
            counts: Counts::Units,
            ..self
        }
    }
}

/// What a field is part of; each has rules of its own about lengths.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Field,
    Part { last: bool },
    Tag,
}

/// A field, part, tag or member, as far as it was told.
#[derive(Clone)]
pub(super) struct FieldDraft {
    place: Place,
    what: String,
    name: Option<String>,
    class: Option<Class>,
    length: Option<Length>,
    min: Option<usize>,
    coding: Option<Coding>,
    length_coding: Option<Coding>,
    counts: Option<Counts>,
    pad: Option<Option<Pad>>,
    secret: Option<Secret>,
    date: Option<(Place, String)>,
    calendar: Option<Calendar>,
    inside: InsideDraft,
}

/// The inside of a field, as far as it was told.
#[derive(Clone, Default)]
pub(super) struct InsideDraft {
    place: Option<Place>,
    kind: Option<Kind>,
    prefix: Option<Vec<FieldDraft>>,
    tags: BTreeMap<String, FieldDraft>,
    unknown: Option<Policy>,
}

#[derive(Clone)]
enum Kind {
    Parts {
        parts: Vec<FieldDraft>,
        repeats: bool,
        short: bool,
    },
    Tlv {
        tag_chars: usize,
        length_digits: usize,
        tag_coding: Option<Coding>,
        length_coding: Option<Coding>,
    },
    Ber,
    List {
        separator: u8,
        assign: Option<u8>,
    },
    Bitmap {
        form: BitmapForm,
        fields: BTreeMap<usize, FieldDraft>,
    },
}

impl FieldDraft {
    /// Nothing said yet; `what` is its name in faults, such as `field 4`.
    pub(super) fn new(place: Place, what: String) -> FieldDraft {
        FieldDraft {
            place,
            what,
            name: None,
            class: None,
            length: None,
            min: None,
            coding: None,
            length_coding: None,
            counts: None,
            pad: None,
            secret: None,
            date: None,
            calendar: None,
            inside: InsideDraft::default(),
        }
    }

    /// A field that is not of the table of fields.
    fn piece(value: Value<'_>, place: Place, what: String) -> Option<FieldDraft> {
        let table = value.table(&FIELD_SHAPE)?;
        let mut draft = FieldDraft::new(place.clone(), what);
        draft.read(&table, place);
        Some(draft)
    }

    /// Lays what a table says over what was said before; it stands at `place`.
    pub(super) fn read(&mut self, table: &Table<'_>, place: Place) {
        self.place = place;
        overlay(
            &mut self.name,
            table.optional("name", Value::title).map(str::to_owned),
        );
        overlay(&mut self.class, table.optional("class", keys::class));
        overlay(&mut self.length, table.optional("length", keys::length));
        let min = table.optional("min", |v| v.integer(0, 9999));
        overlay(&mut self.min, min.map(|min| min as usize));
        let coding = |v: Value<'_>| v.one_of(&Coding::TABLE, &[]);
        overlay(&mut self.coding, table.optional("coding", coding));
        overlay(
            &mut self.length_coding,
            table.optional("length_coding", keys::length_coding),
        );
        overlay(
            &mut self.counts,
            table.optional("counts", |v| v.one_of(&keys::COUNTS, &[])),
        );
        overlay(
            &mut self.pad,
            table.optional("pad", |v| v.one_of(&keys::PADS, &[])),
        );
        overlay(
            &mut self.secret,
            table.optional("secret", |v| v.one_of(&keys::SECRETS, &[])),
        );
        if let Some(value) = table.get("date")
            && let Some(form) = value.text()
        {
            self.date = Some((value.place(), form.to_owned()));
        }
        overlay(
            &mut self.calendar,
            table.optional("calendar", |v| v.one_of(&keys::CALENDARS, &[])),
        );
        if let Some(value) = table.get("inside") {
            self.read_inside(value);
        }
    }

    /// Lays what is said of the inside over what was said before.
    pub(super) fn read_inside(&mut self, value: Value<'_>) {
        if value.raw() == "\"nothing\"" {
            self.inside = InsideDraft::default();
            return;
        }
        if let Some(table) = value.table(&INSIDE) {
            let what = self.what.clone();
            self.inside.read(&table, &what);
        }
    }

    /// Everything together, and what only then can be seen to be wrong.
    pub(super) fn finished(self, known: &Known, role: Role, log: &FaultLog) -> Option<FieldSpec> {
        let what = &self.what;
        let fault = |title: String, mend: &str| {
            log.add(Fault::error(FIELD, self.place.clone(), title).mend(mend));
        };
        let length = match (self.length, role) {
            (None, Role::Tag) => Some(Length::Var {
                digits: 0,
                min: 0,
                max: BYTES_MAX,
            }),
            (length, _) => length,
        };
        for (key, there) in [
            ("name", self.name.is_some()),
            ("class", self.class.is_some()),
            ("length", length.is_some()),
        ] {
            if !there {
                fault(format!("{what} has no `{key}`"), "add it");
            }
        }
        let (name, class, length) = (self.name.clone()?, self.class?, length?);
        let coding = self.coding.unwrap_or(match class {
            Class::N | Class::Xn | Class::Sn => known.number,
            Class::Z => known.track,
            Class::B => known.binary,
            _ => known.text,
        });
        let fits = match coding {
            Coding::Hex | Coding::HexEbcdic | Coding::Binary => class == Class::B,
            Coding::Bcd(_) => class.is_numeric() || class == Class::Z,
            _ => class != Class::B,
        };
        if !fits {
            let title = format!(
                "{what} of class {} cannot be {}",
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
        let length_coding = self.length_coding.unwrap_or(known.length);
        let length = match (length, self.min) {
            (Length::Var { digits, max, .. }, Some(min)) if min <= max => {
                Length::Var { digits, min, max }
            }
            (Length::Fixed(_), Some(_)) => {
                fault(
                    format!("{what} has a fixed length and no `min`"),
                    "leave `min` out",
                );
                length
            }
            (_, Some(min)) => {
                fault(
                    format!("`min` of {what} is {min}, more than its length"),
                    "lower it",
                );
                length
            }
            (_, None) => length,
        };
        let length = match (length, role) {
            (Length::Fixed(units), Role::Tag) => Length::Var {
                digits: 0,
                min: units,
                max: units,
            },
            (Length::Var { digits: 1.., .. }, Role::Tag) => {
                let title = format!("the length of {what} is told by what it stands in");
                fault(title, "name the most units only, such as \"..99\"");
                length
            }
            (Length::Var { digits: 0, .. }, Role::Field | Role::Part { last: false }) => {
                fault(
                    format!("nothing tells where {what} ends"),
                    "such as 12, \"LL..19\" or \"LLL..999\"; only the last part may be the rest",
                );
                length
            }
            (length, _) => length,
        };
        let counts = match self.counts.unwrap_or(known.counts) {
            // Elsewhere a character is a byte, or a digit.
            Counts::Characters if coding != Coding::Ascii => Counts::Units,
            counts => counts,
        };
        if let Some(pad) = self.pad.flatten()
            && !match class {
                Class::B => pad.with == b'0',
                _ => class.allows(1, pad.with),
            }
        {
            let title = format!("{what} of class {} cannot hold its filling", class.name());
            fault(
                title,
                "zeros for digits and bytes, spaces for text, or \"none\"",
            );
        }
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
        let dated = self.date.as_ref().and_then(|(place, form)| {
            let dated = Dated::new(form, self.calendar.unwrap_or(known.calendar));
            let wrong = match &dated {
                None => Some(format!("\"{form}\" is not the form of a date")),
                Some(_) if !length.is_always(form.len()) => {
                    Some(format!("{what} does not have the length of its date"))
                }
                Some(_) if !class.allows(0, b'0') || class == Class::B => Some(format!(
                    "{what} of class {} cannot hold a date",
                    class.name()
                )),
                Some(_) => None,
            };
            if let Some(title) = wrong {
                let mend = "of YYYY or YY, MM, DD, hh, mm and ss, as many characters as the field";
                log.add(Fault::error(FORM, place.clone(), title).mend(mend));
            }
            dated
        });
        let secret = self.secret.unwrap_or(Secret::Open);
        let mut field = FieldSpec {
            name,
            class,
            length,
            coding,
            length_coding,
            counts,
            pad,
            secret,
            dated,
            inside: Inside::Nothing,
        };
        if let Length::Var {
            digits: digits @ 1..,
            max,
            ..
        } = length
        {
            let told = match counts {
                Counts::Bytes => field.wire_bytes(max),
                _ => max,
            };
            if told > length_coding.length_max(digits) {
                let title = format!("the length of {what} cannot tell {told}");
                fault(title, "add an L, or lower the most units");
            }
        }
        field.inside = self.inside.finished(&field, what, known, log);
        // What is told as one text is as secret as the most secret part of it.
        if let Inside::Parts { parts, .. } = &field.inside
            && field.is_told_as_text()
        {
            let most = parts.iter().map(|part| part.secret).max();
            field.secret = field.secret.max(most.unwrap_or(Secret::Open));
        }
        Some(field)
    }

    /// What a field that nobody names is, where nothing else is said.
    pub(super) fn or_unknown(&mut self) {
        self.name
            .get_or_insert_with(|| "not named by the dialect".to_owned());
        self.class.get_or_insert(Class::Free);
        self.secret.get_or_insert(Secret::Masked);
    }

    /// The place to tell of a fault in it.
    pub(super) fn place(&self) -> Place {
        self.place.clone()
    }
}

impl InsideDraft {
    fn read(&mut self, table: &Table<'_>, what: &str) {
        let kind = read_kind(table, what);
        // Another kind has other pieces; the same dialect is only told more of.
        if let Some(kind) = kind {
            *self = InsideDraft {
                kind: Some(kind),
                ..InsideDraft::default()
            };
        }
        self.place = Some(table.value().place());
        overlay(
            &mut self.prefix,
            table.optional("prefix", |v| read_parts(v, &format!("{what}.p"))),
        );
        overlay(
            &mut self.unknown,
            table.optional("unknown", |v| v.one_of(&keys::POLICIES, &[])),
        );
        for entry in entries(table, "tags") {
            let what = format!("tag {} of {what}", entry.name);
            if let Some(piece) = entry.value.table(&FIELD_SHAPE) {
                let draft = self
                    .tags
                    .entry(entry.name.to_owned())
                    .or_insert_with(|| FieldDraft::new(entry.place.clone(), what));
                draft.read(&piece, entry.place);
            }
        }
    }

    fn finished(self, field: &FieldSpec, what: &str, known: &Known, log: &FaultLog) -> Inside {
        let Some(place) = self.place else {
            return Inside::Nothing;
        };
        let fault = |title: String, mend: &str| {
            log.add(Fault::error(FIELD, place.clone(), title).mend(mend));
        };
        let mut known = known.within(field.class, field.coding);
        if matches!(self.kind, Some(Kind::Ber)) {
            // Chips have bytes, and text in ASCII, whatever stands around them.
            (known.binary, known.text) = (Coding::Binary, Coding::Ascii);
        }
        let length_told = match self.kind {
            Some(Kind::Tlv {
                length_coding: Some(coding),
                ..
            }) => coding,
            _ => known.text,
        };
        let unknown = self.unknown.unwrap_or(Policy::Keep);
        let default_class = match self.kind {
            Some(Kind::Ber) => Class::B,
            _ => Class::Ans,
        };
        let mut tags = BTreeMap::new();
        let all = self.tags.into_iter();
        for (name, mut tag) in all {
            tag.class.get_or_insert(default_class);
            tag.secret.get_or_insert(field.secret);
            let (place, what) = (tag.place(), tag.what.clone());
            if let Some((wrong, mend)) = self.kind.as_ref().and_then(|kind| kind.refuses(&name)) {
                log.add(Fault::error(FIELD, place.clone(), wrong).mend(mend));
            }
            let Some(tag) = tag.finished(&known, Role::Tag, log) else {
                continue;
            };
            if let (Some(Kind::Tlv { length_digits, .. }), Length::Var { max, .. }) =
                (&self.kind, tag.length)
                && max != BYTES_MAX
                && tag.wire_bytes(max) > length_told.length_max(*length_digits)
            {
                let title = format!("the length of {what} cannot tell {}", tag.wire_bytes(max));
                let mend = "more `length_digits`, or fewer units";
                log.add(Fault::error(FIELD, place, title).mend(mend));
            }
            tags.insert(name, tag);
        }
        let is_text = field.class != Class::B;
        let parts = |drafts: Vec<FieldDraft>, may_rest: bool| -> Vec<FieldSpec> {
            let count = drafts.len();
            let finished = drafts.into_iter().enumerate().filter_map(|(at, mut part)| {
                part.secret.get_or_insert(field.secret);
                let last = may_rest && at + 1 == count;
                let (place, what) = (part.place(), part.what.clone());
                let part = part.finished(&known, Role::Part { last }, log)?;
                let same = part.coding == known.text || part.coding == known.binary;
                if is_text && !same {
                    let title = format!("{what} has another coding than what it stands in");
                    let mend = "give what it stands in the class b, and a length in bytes";
                    log.add(Fault::error(FIELD, place, title).mend(mend));
                }
                Some(part)
            });
            finished.collect()
        };
        let inside = match self.kind {
            None => {
                let title = format!("nothing says how {what} is divided");
                fault(
                    title,
                    "add `parts`, `tag_chars`, `ber`, `separator` or `bitmap`",
                );
                return Inside::Nothing;
            }
            Some(Kind::Parts {
                parts: drafts,
                repeats,
                short,
            }) => {
                if !tags.is_empty() {
                    let title = format!("`parts` and `tags` of {what} exclude each other");
                    fault(title, "say what a part holds in the part itself");
                }
                let parts = parts(drafts, !repeats);
                let fixed = |part: &FieldSpec| match part.length {
                    Length::Fixed(units) if part.class == Class::B => Some(units * 2),
                    Length::Fixed(units) => Some(units),
                    Length::Var { .. } => None,
                };
                let whole: Option<usize> = parts.iter().map(fixed).sum();
                if let (Some(whole), Length::Fixed(units)) = (whole, field.length)
                    && is_text
                    && self.prefix.is_none()
                    && !short
                    && (whole == 0 || units % whole != 0 || !repeats && units != whole)
                {
                    let title = format!("the parts of {what} have {whole} units, it has {units}");
                    fault(title, "make them fit");
                }
                if let (Some(whole), Length::Var { min, max, .. }) = (whole, field.length)
                    && is_text
                    && self.prefix.is_none()
                    && !short
                    && (whole > max || !repeats && whole < min)
                {
                    let title =
                        format!("the parts of {what} have {whole} units, it has {min} to {max}");
                    fault(title, "make them fit");
                }
                Inside::Parts {
                    parts,
                    repeats,
                    short,
                }
            }
            Some(Kind::Tlv {
                tag_chars,
                length_digits,
                tag_coding,
                length_coding,
            }) => {
                let is_raw = field.coding == Coding::Binary;
                if !field.coding.is_text() && !is_raw || matches!(field.length, Length::Fixed(_)) {
                    let title = format!("{what} cannot hold this");
                    fault(title, "tags need a variable field of text, or of bytes");
                }
                let coding = tag_coding.unwrap_or(known.text);
                let length_coding = length_coding.unwrap_or(known.text);
                if !is_raw && (coding != known.text || length_coding != known.text) {
                    let title =
                        format!("tags of {what} have another coding than what they stand in");
                    let mend = "give what they stand in the class b, and a length in bytes";
                    fault(title, mend);
                }
                if coding == Coding::Binary && tag_chars % 2 == 1 {
                    let title = format!("tags of {what} have half a byte");
                    fault(title, "an even number of hex digits");
                }
                Inside::Tlv {
                    form: TlvForm {
                        tag_chars,
                        length_digits,
                        coding,
                        length_coding,
                    },
                    tags,
                    unknown,
                }
            }
            Some(Kind::Ber) => {
                if is_text {
                    let title = format!("{what} cannot hold this");
                    fault(title, "BER needs a field of class b");
                }
                Inside::Ber { tags, unknown }
            }
            Some(Kind::List { separator, assign }) => {
                if !is_text || matches!(field.coding, Coding::Bcd(_)) {
                    let title = format!("{what} cannot hold this");
                    fault(title, "a list needs a field of text");
                } else if ![Some(separator), assign]
                    .into_iter()
                    .flatten()
                    .all(|sign| field.class.allows(1, sign))
                {
                    let title = format!(
                        "class {} of {what} has no place for the signs of the list",
                        field.class.name()
                    );
                    fault(title, "take a class that has, such as free");
                }
                Inside::List {
                    separator,
                    assign,
                    tags,
                    unknown,
                    coding: known.text,
                }
            }
            Some(Kind::Bitmap { form, fields }) => {
                if is_text && form.coding == Coding::Binary {
                    let title = format!("{what} cannot hold a bitmap in bytes");
                    fault(title, "give it the class b, or the bitmap in hex");
                }
                if fields.is_empty() {
                    fault(
                        format!("the bitmap of {what} announces nothing"),
                        "add `fields`",
                    );
                }
                let member = |(n, mut draft): (usize, FieldDraft)| {
                    draft.secret.get_or_insert(field.secret);
                    if !form.has_bit(n) {
                        let title = format!("the bitmap of {what} has no bit for {n}");
                        let fault = Fault::error(FIELD, draft.place(), title);
                        log.add(
                            fault.mend("see `bitmap_bytes`; bits 1 and 65 announce more of it"),
                        );
                    }
                    Some((n, draft.finished(&known, Role::Field, log)?))
                };
                let fields = fields.into_iter().filter_map(member).collect();
                Inside::Bitmap { form, fields }
            }
        };
        match self.prefix {
            None => inside,
            Some(prefix) => Inside::Prefixed {
                parts: parts(prefix, false),
                rest: Box::new(inside),
            },
        }
    }
}

impl Kind {
    /// What is wrong with the name of a tag, and what to do, where something is.
    fn refuses(&self, name: &str) -> Option<(String, String)> {
        let upper_hex = |name: &str| {
            let mut digits = name.bytes();
            digits.all(|c| matches!(c, b'0'..=b'9' | b'A'..=b'F'))
        };
        let wrong = |good: bool, what: &str, mend: &str| {
            (!good).then(|| (format!("\"{name}\" is not {what}"), mend.to_owned()))
        };
        match self {
            Kind::Tlv { tag_chars, .. } if name.len() != *tag_chars => wrong(
                false,
                &format!("a tag of {tag_chars} characters"),
                "see `tag_chars`",
            ),
            Kind::Tlv {
                tag_coding: Some(Coding::Binary),
                ..
            } => wrong(
                upper_hex(name),
                "a tag in upper-case hex digits",
                "two digits a byte, such as \"DF01\"",
            ),
            Kind::Tlv { .. } => wrong(
                name.bytes().all(|c| c.is_ascii_alphanumeric()),
                "a tag of letters and digits",
                "such as \"10\" or \"A1\"",
            ),
            Kind::Ber => {
                let bytes = crate::wire::coding::from_hex(name.as_bytes()).unwrap_or_default();
                let whole = crate::wire::ber::tag_bytes(&bytes) == Some(bytes.len());
                wrong(
                    whole && bytes[0] != 0 && upper_hex(name),
                    "a tag of BER in upper-case hex digits",
                    "one to three bytes such as \"9A\", \"9F02\" or \"DF8101\"",
                )
            }
            Kind::List { assign: None, .. } => {
                let number: Option<usize> = name.parse().ok();
                wrong(
                    number.is_some_and(|n| n > 0 && n.to_string() == name),
                    "the number of a value in a list",
                    "1 for the first; names need `assign`",
                )
            }
            Kind::List {
                separator,
                assign: Some(assign),
            } => wrong(
                name.len() <= NAME_CHARS_MAX
                    && !name.bytes().any(|c| c == *separator || c == *assign),
                "a name in a list",
                &format!("at most {NAME_CHARS_MAX} characters, none of them a sign of the list"),
            ),
            _ => None,
        }
    }
}

/// The one of the kinds that a table names.
fn read_kind(table: &Table<'_>, what: &str) -> Option<Kind> {
    let kinds = keys::KINDS.into_iter();
    let named: Vec<&str> = kinds.filter(|key| table.has(key)).collect();
    if let [first, second, ..] = named[..] {
        let title = format!("`{first}` and `{second}` exclude each other");
        table.report(table.fault(FIELD, title).mend("leave one out"));
        return None;
    }
    // A key of another kind would be passed over in silence.
    for (key, kind) in keys::OF_KINDS {
        if let Some(value) = table.get(key).filter(|_| named != [kind]) {
            let title = format!("`{key}` of {what} stands beside `{kind}` only");
            let mend = format!("leave it out, or name `{kind}` too");
            value.report(value.fault(FIELD, title).mend(mend));
        }
    }
    let held = ["parts", "bitmap"]
        .into_iter()
        .find(|kind| named == [*kind]);
    for key in ["tags", "unknown"] {
        if let (Some(value), Some(kind)) = (table.get(key), held) {
            let title = format!("`{key}` and `{kind}` of {what} exclude each other");
            value.report(value.fault(FIELD, title).mend("leave one out"));
        }
    }
    match *named.first()? {
        "parts" => Some(Kind::Parts {
            parts: table.required("parts", |v| read_parts(v, &format!("{what}.")))?,
            repeats: table.optional("repeats", Value::boolean).unwrap_or(false),
            short: table.optional("short", Value::boolean).unwrap_or(false),
        }),
        "tag_chars" => {
            let tag_chars = table.required("tag_chars", |v| v.integer(1, 8));
            let length_digits = table.required("length_digits", |v| v.integer(1, 5));
            let plain = |c: Coding| c.is_text() || c == Coding::Binary;
            let coding = |v| keys::coding_where(v, plain);
            let tag_coding = table.optional("tag_coding", coding);
            let length_coding = table.optional("length_coding", keys::length_coding);
            Some(Kind::Tlv {
                tag_chars: tag_chars? as usize,
                length_digits: length_digits? as usize,
                tag_coding,
                length_coding,
            })
        }
        "ber" => table.required("ber", Value::boolean)?.then_some(Kind::Ber),
        "separator" => {
            let separator = table.required("separator", keys::sign)?;
            let assign = table.optional("assign", keys::sign);
            if assign == Some(separator) {
                let title = format!("`separator` and `assign` of {what} are the same");
                table.report(table.fault(FIELD, title).mend("two signs are needed"));
            }
            Some(Kind::List { separator, assign })
        }
        _ => {
            let coding = table.required("bitmap", keys::bitmap_coding);
            let words = table.optional("bitmap_bytes", keys::bitmap_words);
            let fixed = table.optional("bitmap_fixed", Value::boolean);
            let marked = table.optional("bitmap_marked", Value::boolean);
            let mut fields = BTreeMap::new();
            for entry in entries(table, "fields") {
                let what = format!("{what}.{}", entry.name);
                if let Some(n) = field_number(&entry, 1)
                    && let Some(draft) = FieldDraft::piece(entry.value, entry.place, what)
                {
                    fields.insert(n, draft);
                }
            }
            Some(Kind::Bitmap {
                form: BitmapForm {
                    coding: coding?,
                    words_max: words.unwrap_or(1),
                    fixed: fixed.unwrap_or(false),
                    marked: marked.unwrap_or(false),
                },
                fields,
            })
        }
    }
}

fn read_parts(value: Value<'_>, before: &str) -> Option<Vec<FieldDraft>> {
    let list = value.list()?;
    if list.is_empty() {
        value.report(value.fault(FORM, format!("the list `{}` is empty", value.key())));
        return None;
    }
    let part = |(at, value): (usize, Value<'_>)| {
        let before = before.strip_prefix("field ").unwrap_or(before);
        let what = format!("part {before}{}", at + 1);
        FieldDraft::piece(value, value.place(), what)
    };
    Some(list.into_iter().enumerate().filter_map(part).collect())
}

pub(super) fn overlay<T>(place: &mut Option<T>, said: Option<T>) {
    if said.is_some() {
        *place = said;
    }
}

pub(super) fn entries<'f>(table: &Table<'f>, key: &'static str) -> Vec<Entry<'f>> {
    table.optional(key, Value::entries).unwrap_or_default()
}

/// The number that a field goes by.
pub(super) fn field_number(entry: &Entry<'_>, least: usize) -> Option<usize> {
    let number = entry.name.parse().ok();
    // 4 and 04 would be two fields of one number.
    let plain = |n: &usize| n.to_string() == entry.name;
    let number = number.filter(|n| (least..=FIELDS).contains(n) && plain(n));
    if number.is_none() {
        let title = format!("\"{}\" is not a field number", entry.name);
        let fault = Fault::error(FIELD, entry.place.clone(), title);
        entry
            .value
            .report(fault.mend(format!("a number from {least} to {FIELDS}")));
    }
    number
}
