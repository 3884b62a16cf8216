//! Values to bytes: from text, or from the pieces inside them.

use std::borrow::Cow;

use super::class::Class;
use super::field::{Counts, FieldSpec, Length};
use super::inside::{Inside, Label};
use super::wanted::{Inner, Wanted};
use crate::wire::ber;
use crate::wire::bitmap::Bitmap;
use crate::wire::coding::{Coding, from_hex, nibble, to_hex};

/// What a value is to be made of.
#[derive(Clone, PartialEq, Eq)]
pub enum Given {
    /// Characters, digits, or hex digits of bytes (class `b`).
    Text(String),
    /// The pieces inside it by their names; a name may come again.
    Pieces(Vec<(String, Given)>),
    /// The bytes of the value as they stand on the wire.
    Bytes(Vec<u8>),
}

impl FieldSpec {
    /// Appends the length, where there is one, and the value. What is short and of fixed length is
    /// filled up as the dialect says.
    ///
    /// # Errors
    /// What was wanted, and in which piece.
    pub fn put(&self, given: &Given, out: &mut Vec<u8>) -> Result<(), Inner> {
        match given {
            Given::Text(text) => self.put_text(text.as_bytes(), out),
            Given::Bytes(bytes) => {
                let begin = self.make_room(out);
                out.extend_from_slice(bytes);
                self.settle(begin, self.units_of(bytes), out)
            }
            Given::Pieces(pieces) => {
                let mut content = Vec::new();
                self.inside.put(pieces, &mut content)?;
                match self.coding {
                    // These two are looked at in the form that they are written from.
                    Coding::Bcd(_) => self.put_text(&content, out),
                    coding if coding.is_hex() => self.put_text(to_hex(&content).as_bytes(), out),
                    _ => {
                        let begin = self.make_room(out);
                        out.extend_from_slice(&content);
                        let units = self.units_of(&content);
                        self.settle(begin, units, out)
                    }
                }
            }
        }
    }

    /// The same of a value in characters, digits, or hex digits of bytes.
    ///
    /// # Errors
    /// What was wanted, and in which piece.
    pub fn put_text(&self, value: &[u8], out: &mut Vec<u8>) -> Result<(), Inner> {
        let begin = self.make_room(out);
        let value = self.filled(value);
        if !self.write(&value, out) {
            return Err(Inner::at(0, Wanted::Class(self.class)));
        }
        self.settle(begin, self.content_units(&value), out)
    }

    /// A value in characters, filled up where it is too short for what it must always be.
    fn filled<'v>(&self, value: &'v [u8]) -> Cow<'v, [u8]> {
        let wanted = match self.length {
            Length::Fixed(units) => units,
            Length::Var {
                digits: 0,
                min,
                max,
            } if min == max => max,
            Length::Var { .. } => return Cow::Borrowed(value),
        };
        let units = match self.counts {
            Counts::Characters => self.told(value.len(), value),
            _ => self.content_units(value),
        };
        let (missing, Some(pad)) = (wanted.saturating_sub(units), self.pad) else {
            return Cow::Borrowed(value);
        };
        // A byte is given as two hex digits.
        let wide = if self.class == Class::B { 2 } else { 1 };
        // A sign stays in front of the zeros that fill up its digits.
        let sign = usize::from(self.class.is_signed()).min(value.len());
        let at = if pad.left { sign } else { value.len() };
        let mut filled = value.to_vec();
        filled.splice(at..at, std::iter::repeat_n(pad.with, missing * wide));
        Cow::Owned(filled)
    }

    /// Leaves room for the length; gives the place of the value behind it.
    fn make_room(&self, out: &mut Vec<u8>) -> usize {
        let prefix = match self.length {
            Length::Fixed(_) | Length::Var { digits: 0, .. } => 0,
            Length::Var { digits, .. } => self.length_coding.length_bytes(digits),
        };
        out.resize(out.len() + prefix, 0);
        out.len()
    }

    /// Checks a value of so many units that stands at the end of `out`, and writes its length before it.
    fn settle(&self, begin: usize, units: usize, out: &mut [u8]) -> Result<(), Inner> {
        let value = &out[begin..];
        let counted = match self.counts {
            Counts::Characters => self.told(units, value),
            _ => units,
        };
        let (min, max) = match self.length {
            Length::Fixed(units) => (units, units),
            Length::Var { min, max, .. } => (min, max),
        };
        if counted < min || counted > max {
            return Err(Inner::at(0, Wanted::Between(min, max)));
        }
        if let Some(inner) = self.fault(value, units) {
            return Err(inner);
        }
        if let Length::Var { digits: 1.., .. } = self.length {
            let told = self.told(units, value);
            let prefix = self.length_coding.length_bytes(match self.length {
                Length::Var { digits, .. } => digits,
                Length::Fixed(_) => 0,
            });
            let length = &mut out[begin - prefix..begin];
            self.length_coding.write_length(told, length);
        }
        Ok(())
    }

    /// Units of a value in characters.
    fn content_units(&self, content: &[u8]) -> usize {
        match (self.class, self.coding) {
            (Class::B, _) => content.len() / 2,
            // A character of UTF-8 is one of Latin-1.
            (_, Coding::Cp037 | Coding::Cp500) => match std::str::from_utf8(content) {
                Ok(text) => text.chars().count(),
                Err(_) => content.len(),
            },
            _ => content.len(),
        }
    }

    /// Appends a value in characters. False when it cannot stand there.
    fn write(&self, content: &[u8], out: &mut Vec<u8>) -> bool {
        match (self.class, self.coding) {
            (Class::B, Coding::Binary) => match from_hex(content) {
                Some(bytes) => {
                    out.extend_from_slice(&bytes);
                    true
                }
                None => false,
            },
            (Class::B, _) => {
                let hex =
                    content.len().is_multiple_of(2) && content.iter().all(|c| nibble(*c) < 16);
                hex && self.coding.write(content, out)
            }
            (class, Coding::Bcd(_)) if class.is_signed() => match content.split_first() {
                Some((sign, digits)) => {
                    out.push(*sign);
                    self.coding.write(digits, out)
                }
                None => false,
            },
            (_, Coding::Cp037 | Coding::Cp500) => {
                let text = std::str::from_utf8(content).ok();
                let coded = text.and_then(|text| characters(self.coding, text));
                coded
                    .inspect(|coded| out.extend_from_slice(coded))
                    .is_some()
            }
            _ => self.coding.write(content, out),
        }
    }
}

type Pieces<'g> = &'g [(String, Given)];

impl Inside {
    /// Appends a value made of its pieces.
    fn put(&self, pieces: Pieces<'_>, out: &mut Vec<u8>) -> Result<(), Inner> {
        match self {
            Inside::Nothing => match pieces.first() {
                Some((name, _)) => Err(wrong(name, Wanted::KnownTag)),
                None => Ok(()),
            },
            Inside::Parts {
                parts,
                repeats,
                short,
            } => put_parts(parts, *repeats, *short, pieces, out),
            Inside::Prefixed { parts, rest } => {
                let is_prefix =
                    |name: &str| (1..=parts.len()).any(|number| Label::Prefix(number).is(name));
                let (before, after): (Vec<_>, Vec<_>) = pieces
                    .iter()
                    .cloned()
                    .partition(|(name, _)| is_prefix(name));
                let before: Vec<_> = before
                    .into_iter()
                    .map(|(name, given)| (name[1..].to_owned(), given))
                    .collect();
                put_parts(parts, false, false, &before, out).map_err(|mut inner| {
                    if let Some(name) = inner.inside.first_mut() {
                        name.insert(0, 'p');
                    }
                    inner
                })?;
                rest.put(&after, out)
            }
            Inside::Tlv { form, tags, .. } => {
                for (name, given) in pieces {
                    let value = self.value(tags.get(name), name, given)?;
                    if !form.allows(name) {
                        return Err(wrong(name, Wanted::Tag));
                    }
                    if !form.put(name, &value, out) {
                        return Err(wrong(name, Wanted::Between(0, form.value_bytes_max())));
                    }
                }
                Ok(())
            }
            Inside::Ber { tags, .. } => {
                for (name, given) in pieces {
                    let value = self.value(tags.get(name), name, given)?;
                    let tag = from_hex(name.as_bytes()).unwrap_or_default();
                    if !ber::put(&tag, &value, out) {
                        return Err(wrong(name, Wanted::Tag));
                    }
                }
                Ok(())
            }
            Inside::List {
                separator,
                assign,
                tags,
                coding,
                ..
            } => {
                let (separator, assign) = (coding.byte(*separator), assign.map(|c| coding.byte(c)));
                for (at, (name, given)) in pieces.iter().enumerate() {
                    if at > 0 {
                        out.push(separator);
                    }
                    if let Some(assign) = assign {
                        let text = characters(*coding, name).filter(|text| {
                            !text.is_empty()
                                && !text.contains(&assign)
                                && !text.contains(&separator)
                        });
                        out.extend(text.ok_or_else(|| wrong(name, Wanted::Name))?);
                        out.push(assign);
                    } else if !Label::Number(at + 1).is(name) {
                        return Err(wrong(&(at + 1).to_string(), Wanted::Value));
                    }
                    let value = self.value(tags.get(name), name, given)?;
                    if value.contains(&separator) {
                        return Err(wrong(name, Wanted::OneValue));
                    }
                    out.extend(value);
                }
                Ok(())
            }
            Inside::Bitmap { form, fields } => {
                let mut members = Vec::new();
                let mut map = Bitmap::default();
                for (name, given) in pieces {
                    let n: usize = name.parse().ok().filter(|n| *n > 0).unwrap_or(0);
                    let known = fields.get(&n).filter(|_| !map.has(n));
                    let spec = known.ok_or_else(|| wrong(name, Wanted::KnownField))?;
                    map.set(n);
                    members.push((n, spec, given));
                }
                members.sort_by_key(|(n, ..)| *n);
                let mut words = [0; 48];
                let wide = map.write(*form, &mut words);
                out.extend_from_slice(&words[..wide]);
                for (n, spec, given) in members {
                    let put = spec.put(given, out);
                    put.map_err(|inner| inner.under(n.to_string(), 0))?;
                }
                Ok(())
            }
        }
    }

    /// The bytes of one value behind a tag or name.
    fn value(&self, spec: Option<&FieldSpec>, name: &str, given: &Given) -> Result<Vec<u8>, Inner> {
        let mut value = Vec::new();
        let put = match (spec, given, self) {
            (Some(spec), given, _) => spec.put(given, &mut value),
            (None, Given::Bytes(bytes), _) => {
                value.clone_from(bytes);
                Ok(())
            }
            // What the dialect does not name is told as it stands there.
            (None, Given::Text(hex), Inside::Ber { .. }) => match from_hex(hex.as_bytes()) {
                Some(bytes) => {
                    value = bytes;
                    Ok(())
                }
                None => Err(Inner::at(0, Wanted::Hex)),
            },
            (None, Given::Pieces(pieces), Inside::Ber { .. }) => self.put(pieces, &mut value),
            (None, Given::Text(text), _) => {
                let coding = match self {
                    Inside::Tlv { form, .. } => form.coding,
                    Inside::List { coding, .. } => *coding,
                    _ => Coding::Ascii,
                };
                let (bytes, wanted) = match coding {
                    Coding::Binary => (from_hex(text.as_bytes()), Wanted::Hex),
                    _ => (characters(coding, text), Wanted::Class(Class::Ans)),
                };
                let bytes = bytes.ok_or(Inner::at(0, wanted));
                bytes.map(|bytes| value = bytes)
            }
            (None, Given::Pieces(_), _) => Err(Inner::at(0, Wanted::Value)),
        };
        put.map_err(|inner| inner.under(name.to_owned(), 0))?;
        Ok(value)
    }
}

/// Parts by their numbers, round by round where they repeat.
fn put_parts(
    parts: &[FieldSpec],
    repeats: bool,
    short: bool,
    pieces: Pieces<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Inner> {
    let mut left = pieces.len();
    if let Some((name, _)) = pieces
        .iter()
        .find(|(name, _)| !(1..=parts.len()).any(|number| Label::Number(number).is(name)))
    {
        return Err(wrong(name, Wanted::KnownTag));
    }
    let mut given = vec![Vec::new(); parts.len()];
    for (name, value) in pieces {
        let at = name.parse().unwrap_or(1_usize) - 1;
        given[at].push(value);
    }
    let mut round = 0;
    while round == 0 && !repeats || left > 0 {
        for (at, part) in parts.iter().enumerate() {
            let name = (at + 1).to_string();
            let Some(given) = given[at].get(round) else {
                if short && left == 0 {
                    return Ok(());
                }
                return Err(wrong(&name, Wanted::Value));
            };
            left -= 1;
            let put = part.put(given, out);
            put.map_err(|inner| inner.under(name, 0))?;
        }
        round += 1;
        if !repeats {
            break;
        }
    }
    match left {
        0 => Ok(()),
        _ => Err(wrong("1", Wanted::Value)),
    }
}

/// A text in a coding of text; `None` where EBCDIC, whose characters are Latin-1, has no place for it.
fn characters(coding: Coding, text: &str) -> Option<Vec<u8>> {
    match coding {
        Coding::Cp037 | Coding::Cp500 => {
            let byte = |c| Some(coding.byte(u8::try_from(c).ok()?));
            text.chars().map(byte).collect()
        }
        _ => Some(text.as_bytes().to_vec()),
    }
}

fn wrong(name: &str, wanted: Wanted) -> Inner {
    Inner::at(0, wanted).under(name.to_owned(), 0)
}

/// Content is never shown: it may be card data.
impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Given::Text(_) => f.write_str("Text"),
            Given::Bytes(_) => f.write_str("Bytes"),
            Given::Pieces(pieces) => {
                let names = pieces.iter().map(|(name, _)| name);
                f.debug_set().entries(names).finish()
            }
        }
    }
}
