//! What stands inside a value: parts of fixed or told length, tagged values, lists, sets with a bitmap.
//! One walk, [`Inside::pieces`], serves the check, the look-up and the description.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use super::field::FieldSpec;
use super::wanted::{Inner, Wanted};
use crate::wire::ber;
use crate::wire::bitmap::{Bitmap, BitmapForm};
use crate::wire::coding::{Coding, hex_pair, to_hex};
use crate::wire::tlv::{Tagged, TlvForm};

/// Most characters of a name in a list that the dialect can know.
pub(super) const NAME_CHARS_MAX: usize = 32;

/// What is inside a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inside {
    /// Nothing that the dialect knows of.
    Nothing,
    /// Values one after the other, named by their numbers from 1.
    Parts {
        /// In order.
        parts: Vec<FieldSpec>,
        /// Whether they may come again and again.
        repeats: bool,
        /// Whether the last of them may be missing.
        short: bool,
    },
    /// Values behind a tag and a length in characters.
    Tlv {
        /// Their shape.
        form: TlvForm,
        /// The tags that have a name.
        tags: BTreeMap<String, FieldSpec>,
        /// What becomes of others.
        unknown: Policy,
    },
    /// Values behind a tag and a length as BER writes them; tags are named by their hex digits.
    Ber {
        /// The tags that have a name.
        tags: BTreeMap<String, FieldSpec>,
        /// What becomes of others.
        unknown: Policy,
    },
    /// Values with a sign between them.
    List {
        /// The sign between two values.
        separator: u8,
        /// The sign between a name and its value; without it values are named by their numbers.
        assign: Option<u8>,
        /// The values that are described, by name or number.
        tags: BTreeMap<String, FieldSpec>,
        /// What becomes of others.
        unknown: Policy,
        /// The coding of the signs.
        coding: Coding,
    },
    /// A bitmap and the members that it announces, named by their numbers.
    Bitmap {
        /// The form of the bitmap.
        form: BitmapForm,
        /// The members.
        fields: BTreeMap<usize, FieldSpec>,
    },
    /// Parts named `p1`, `p2` and so on, and then something else.
    Prefixed {
        /// The parts.
        parts: Vec<FieldSpec>,
        /// What follows them.
        rest: Box<Inside>,
    },
}

/// What becomes of a tag or field that the dialect does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// The message is refused.
    Reject,
    /// It is passed over: kept in a message that is sent on, but not told.
    Skip,
    /// It is told, masked, under its own tag.
    Keep,
}

/// How a piece is named, as it stands on the wire.
#[derive(Debug, Clone, Copy)]
pub enum Label<'a> {
    /// By its number.
    Number(usize),
    /// By its number, before something else: `p1`.
    Prefix(usize),
    /// By characters of this coding.
    Text(&'a [u8], Coding),
    /// By the hex digits of these bytes.
    Hex(&'a [u8]),
}

/// A value found inside another.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    /// Its name.
    pub label: Label<'a>,
    /// What the dialect says of it; `None` where it does not name it.
    pub spec: Option<&'a FieldSpec>,
    /// Where its value begins.
    pub at: usize,
    /// Its value.
    pub value: &'a [u8],
    /// Units of its value.
    pub units: usize,
    /// What becomes of it where the dialect does not name it.
    pub unknown: Policy,
    /// How it stands there where the dialect does not name it.
    pub coding: Coding,
}

/// The pieces of a value, in order; ends after the first fault.
pub struct Pieces<'a> {
    inside: &'a Inside,
    content: &'a [u8],
    /// Where what is walked over begins: behind a prefix, where there is one.
    from: usize,
    at: usize,
    step: usize,
    map: Option<Bitmap>,
    over: bool,
}

impl Inside {
    /// Walks over what is inside a value, of which `content` is the [`FieldSpec::view`].
    pub fn pieces<'a>(&'a self, content: &'a [u8]) -> Pieces<'a> {
        Pieces {
            inside: self,
            content,
            from: 0,
            at: 0,
            step: 0,
            map: None,
            over: false,
        }
    }

    /// Whether pieces of different names may stand in any order, which must then be kept.
    pub fn is_ordered(&self) -> bool {
        match self {
            Inside::Tlv { .. } | Inside::Ber { .. } | Inside::List { .. } => true,
            Inside::Prefixed { rest, .. } => rest.is_ordered(),
            Inside::Nothing | Inside::Parts { .. } | Inside::Bitmap { .. } => false,
        }
    }

    /// The first thing wrong inside a value.
    pub fn fault(&self, content: &[u8]) -> Option<Inner> {
        for piece in self.pieces(content) {
            let piece = match piece {
                Ok(piece) => piece,
                Err(inner) => return Some(inner),
            };
            if let Some(spec) = piece.spec
                && let Some(inner) = spec.fault(piece.value, piece.units)
            {
                return Some(inner.under(piece.label.to_string(), piece.at));
            }
        }
        None
    }

    /// The list of tagged values, and how many bytes stand before it; `None` where there is none.
    pub fn tlv(&self, content: &[u8]) -> Option<(TlvForm, usize)> {
        match self {
            Inside::Tlv { form, .. } => Some((*form, 0)),
            Inside::Prefixed { parts, rest } => {
                let mut at = 0;
                for part in parts {
                    let found = part.find(content.get(at..)?).ok()?;
                    at += found.prefix + found.bytes;
                }
                let (form, before) = rest.tlv(content.get(at..)?)?;
                Some((form, at + before))
            }
            _ => None,
        }
    }

    /// What the dialect says of the piece `name`.
    pub fn spec(&self, name: &str) -> Option<&FieldSpec> {
        match self {
            Inside::Nothing => None,
            Inside::Parts { parts, .. } => numbered(parts, name),
            Inside::Tlv { tags, .. } | Inside::Ber { tags, .. } | Inside::List { tags, .. } => {
                tags.get(name)
            }
            Inside::Bitmap { fields, .. } => fields.get(&name.parse().ok()?),
            Inside::Prefixed { parts, rest } => match name.strip_prefix('p') {
                Some(number) => numbered(parts, number),
                None => rest.spec(name),
            },
        }
    }

    /// All that the dialect names here, with their names.
    pub fn specs(&self) -> Vec<(String, &FieldSpec)> {
        let number = |before: &'static str| move |(at, part)| (format!("{before}{}", at + 1), part);
        match self {
            Inside::Nothing => Vec::new(),
            Inside::Parts { parts, .. } => parts.iter().enumerate().map(number("")).collect(),
            Inside::Tlv { tags, .. } | Inside::Ber { tags, .. } | Inside::List { tags, .. } => {
                tags.iter().map(|(tag, spec)| (tag.clone(), spec)).collect()
            }
            Inside::Bitmap { fields, .. } => fields
                .iter()
                .map(|(n, spec)| (n.to_string(), spec))
                .collect(),
            Inside::Prefixed { parts, rest } => {
                let mut specs: Vec<_> = parts.iter().enumerate().map(number("p")).collect();
                specs.extend(rest.specs());
                specs
            }
        }
    }
}

fn numbered<'a>(parts: &'a [FieldSpec], number: &str) -> Option<&'a FieldSpec> {
    let number: usize = number.parse().ok()?;
    parts.get(number.checked_sub(1)?)
}

/// Text of a coding of text. What is not UTF-8 is replaced; EBCDIC characters are Latin-1.
fn text_of(wire: &[u8], coding: Coding) -> Cow<'_, str> {
    match coding {
        Coding::Cp037 | Coding::Cp500 => {
            let read = wire.iter().map(|byte| coding.character(*byte));
            Cow::Owned(read.map(char::from).collect())
        }
        _ => String::from_utf8_lossy(wire),
    }
}

impl<'a> Piece<'a> {
    /// Its characters, digits, or hex digits of bytes.
    pub fn text(&self) -> Cow<'a, str> {
        match (self.spec, self.coding) {
            (Some(spec), _) => spec.text(self.value, self.units),
            (None, Coding::Binary) => Cow::Owned(to_hex(self.value)),
            (None, coding) => text_of(self.value, coding),
        }
    }

    /// What is inside it: as the dialect says, or for a tag of BER that it does not name, the same as
    /// around it where the tag says so and the value agrees.
    pub fn inside(&self, around: &'a Inside) -> Option<&'a Inside> {
        match (self.spec, self.label) {
            (Some(spec), _) => Some(&spec.inside).filter(|inside| **inside != Inside::Nothing),
            (None, Label::Hex(tag)) => {
                let mut around = around;
                while let Inside::Prefixed { rest, .. } = around {
                    around = rest;
                }
                let ber = matches!(around, Inside::Ber { .. });
                let constructed = tag.first().is_some_and(|first| first & 0x20 != 0);
                let whole = || {
                    let mut items = ber::items(self.value).peekable();
                    items.peek().is_some() && items.all(|item| item.is_ok())
                };
                (ber && constructed && whole()).then_some(around)
            }
            (None, _) => None,
        }
    }
}

impl<'a> Label<'a> {
    /// That of a tagged value.
    fn of(form: TlvForm, tag: &'a [u8]) -> Label<'a> {
        match form.coding {
            Coding::Binary => Label::Hex(tag),
            coding => Label::Text(tag, coding),
        }
    }

    /// The name where the dialect does not know it and secrets are not shown: what stands for a name
    /// may be anything, so that one with many digits shows none of them, and a long one only its begin.
    pub fn guarded(&self) -> String {
        let name = self.to_string();
        let many = name.bytes().filter(u8::is_ascii_digit).count() > 8;
        let guard = |c: char| match c {
            '0'..='9' if many => '*',
            c if c.is_control() => '·',
            c => c,
        };
        name.chars().take(NAME_CHARS_MAX).map(guard).collect()
    }

    /// Whether it is this name.
    pub fn is(&self, name: &str) -> bool {
        match self {
            Label::Number(number) => name.parse() == Ok(*number),
            Label::Prefix(number) => {
                name.strip_prefix('p')
                    .and_then(|digits| digits.parse().ok())
                    == Some(*number)
            }
            Label::Text(text, coding) => {
                text.len() == name.len()
                    && text
                        .iter()
                        .zip(name.bytes())
                        .all(|(w, n)| coding.character(*w) == n)
            }
            Label::Hex(tag) => {
                let mut digits = tag.iter().flat_map(|byte| hex_pair(*byte));
                name.bytes().all(|c| digits.next() == Some(c)) && digits.next().is_none()
            }
        }
    }

    /// Looks a name up without a word of memory.
    fn find<'t>(&self, tags: &'t BTreeMap<String, FieldSpec>) -> Option<&'t FieldSpec> {
        let mut name = [0; NAME_CHARS_MAX];
        let mut used = 0;
        match self {
            Label::Text(text, coding) => {
                for (to, from) in name.get_mut(..text.len())?.iter_mut().zip(*text) {
                    *to = coding.character(*from);
                }
                used += text.len();
            }
            Label::Hex(tag) => {
                for byte in *tag {
                    name[used..used + 2].copy_from_slice(&hex_pair(*byte));
                    used += 2;
                }
            }
            Label::Number(number) | Label::Prefix(number) => {
                return tags.get(&number.to_string());
            }
        }
        tags.get(std::str::from_utf8(&name[..used]).ok()?)
    }
}

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Label::Number(number) => write!(f, "{number}"),
            Label::Prefix(number) => write!(f, "p{number}"),
            Label::Text(text, coding) => f.write_str(&text_of(text, *coding)),
            Label::Hex(tag) => tag.iter().try_for_each(|byte| write!(f, "{byte:02X}")),
        }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Result<Piece<'a>, Inner>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let piece = self.piece();
        self.over = !matches!(piece, Ok(Some(_)));
        piece.transpose()
    }
}

impl<'a> Pieces<'a> {
    fn piece(&mut self) -> Result<Option<Piece<'a>>, Inner> {
        let ended = self.at >= self.content.len();
        match self.inside {
            Inside::Nothing => Ok(None),
            Inside::Parts {
                parts,
                repeats,
                short,
            } => {
                if self.step == parts.len() && *repeats && !ended {
                    self.step = 0;
                }
                let may_end = *short || *repeats && self.at == self.from;
                match parts.get(self.step) {
                    Some(_) if ended && may_end => Ok(None),
                    Some(part) => self.part(part, Label::Number(self.step + 1)).map(Some),
                    None => self.end(),
                }
            }
            Inside::Prefixed { parts, rest } => match parts.get(self.step) {
                Some(part) => self.part(part, Label::Prefix(self.step + 1)).map(Some),
                None => {
                    self.inside = rest;
                    self.from = self.at;
                    self.step = 0;
                    // What follows knows only its own bytes of the value.
                    self.piece()
                }
            },
            Inside::Tlv {
                form,
                tags,
                unknown,
            } => self.tagged(*form, tags, *unknown),
            Inside::Ber { tags, unknown } => self.ber(tags, *unknown),
            Inside::List {
                separator,
                assign,
                tags,
                unknown,
                coding,
            } => {
                if ended && (self.step == 0 || self.at > self.content.len()) {
                    return Ok(None);
                }
                self.item((coding.byte(*separator), *coding), *assign, tags, *unknown)
            }
            Inside::Bitmap { form, fields } => self.member(*form, fields),
        }
    }

    fn end(&self) -> Result<Option<Piece<'a>>, Inner> {
        if self.at < self.content.len() {
            return Err(Inner::at(self.at, Wanted::Parts));
        }
        Ok(None)
    }

    /// The next of some values one after the other.
    fn part(&mut self, spec: &'a FieldSpec, label: Label<'a>) -> Result<Piece<'a>, Inner> {
        let rest = &self.content[self.at..];
        let found = spec
            .find(rest)
            .map_err(|(at, wanted)| Inner::at(at, wanted).under(label.to_string(), self.at))?;
        let at = self.at + found.prefix;
        self.at = at + found.bytes;
        self.step += 1;
        Ok(Piece {
            label,
            spec: Some(spec),
            at,
            value: &self.content[at..self.at],
            units: found.units,
            unknown: Policy::Reject,
            coding: spec.coding,
        })
    }

    fn tagged(
        &mut self,
        form: TlvForm,
        tags: &'a BTreeMap<String, FieldSpec>,
        unknown: Policy,
    ) -> Result<Option<Piece<'a>>, Inner> {
        let Some(item) = form.items(&self.content[self.at..]).next() else {
            return Ok(None);
        };
        let Tagged { tag, value, at } = item.map_err(|bad| {
            let inner = Inner::at(bad.at, bad.wanted.into());
            // Once its tag is read, what is wrong is told as of the tag.
            let bytes = form.tag_bytes();
            let tag = self.content.get(self.at..self.at + bytes);
            match tag.filter(|_| bad.at >= bytes) {
                Some(tag) => inner.under(Label::of(form, tag).to_string(), self.at),
                None => Inner {
                    at: inner.at + self.at,
                    ..inner
                },
            }
        })?;
        let label = Label::of(form, tag);
        let at = self.at + at;
        self.at = at + value.len();
        self.known(label, tags, at, value, (unknown, form.coding))
            .map(Some)
    }

    fn ber(
        &mut self,
        tags: &'a BTreeMap<String, FieldSpec>,
        unknown: Policy,
    ) -> Result<Option<Piece<'a>>, Inner> {
        let Some(item) = ber::items(&self.content[self.at..]).next() else {
            return Ok(None);
        };
        let item = item.map_err(|bad| {
            let at = self.at + bad.at;
            let rest = &self.content[self.at..];
            let from = rest.iter().position(|byte| *byte != 0).unwrap_or(0);
            match ber::tag_bytes(&rest[from..]) {
                Some(bytes) => Inner::at(at, bad.wanted.into())
                    .under(Label::Hex(&rest[from..from + bytes]).to_string(), 0),
                None => Inner::at(at, bad.wanted.into()),
            }
        })?;
        let at = self.at + item.at;
        self.at = at + item.value.len();
        let label = Label::Hex(item.tag);
        self.known(label, tags, at, item.value, (unknown, Coding::Binary))
            .map(Some)
    }

    /// The next value up to a separator, or to the end.
    fn item(
        &mut self,
        (separator, coding): (u8, Coding),
        assign: Option<u8>,
        tags: &'a BTreeMap<String, FieldSpec>,
        unknown: Policy,
    ) -> Result<Option<Piece<'a>>, Inner> {
        let rest = &self.content[self.at..];
        let length = rest.iter().position(|byte| *byte == separator);
        let text = &rest[..length.unwrap_or(rest.len())];
        let from = self.at;
        // Behind the last value there is no separator: then the walk is past the end.
        self.at += text.len() + 1;
        self.step += 1;
        let Some(assign) = assign else {
            let label = Label::Number(self.step);
            return self
                .known(label, tags, from, text, (unknown, coding))
                .map(Some);
        };
        let assign = coding.byte(assign);
        let sign = text.iter().position(|byte| *byte == assign);
        let sign = sign
            .filter(|at| *at > 0)
            .ok_or(Inner::at(from, Wanted::Name))?;
        let label = Label::Text(&text[..sign], coding);
        let value = &text[sign + 1..];
        self.known(label, tags, from + sign + 1, value, (unknown, coding))
            .map(Some)
    }

    fn member(
        &mut self,
        form: BitmapForm,
        fields: &'a BTreeMap<usize, FieldSpec>,
    ) -> Result<Option<Piece<'a>>, Inner> {
        let mut map = match self.map {
            Some(map) => map,
            None => {
                let rest = &self.content[self.at..];
                let (map, taken) = Bitmap::read(form, rest).map_err(|bad| {
                    let wanted = match bad.short {
                        0 => Wanted::Hex,
                        short => Wanted::Bytes(short),
                    };
                    Inner::at(self.at + bad.at, wanted)
                })?;
                self.at += taken;
                map
            }
        };
        let Some(n) = map.iter().next() else {
            return self.end();
        };
        map.clear(n);
        self.map = Some(map);
        match fields.get(&n) {
            Some(spec) => self.part(spec, Label::Number(n)).map(Some),
            None => Err(Inner::at(0, Wanted::KnownField).under(n.to_string(), self.at)),
        }
    }

    /// A value with its tag, looked up.
    fn known(
        &self,
        label: Label<'a>,
        tags: &'a BTreeMap<String, FieldSpec>,
        at: usize,
        value: &'a [u8],
        (unknown, coding): (Policy, Coding),
    ) -> Result<Piece<'a>, Inner> {
        let spec = label.find(tags);
        if spec.is_none() && unknown == Policy::Reject {
            return Err(Inner::at(0, Wanted::KnownTag).under(label.guarded(), at));
        }
        Ok(Piece {
            label,
            spec,
            at,
            value,
            units: spec.map_or(value.len(), |spec| spec.units_of(value)),
            unknown,
            coding,
        })
    }
}
