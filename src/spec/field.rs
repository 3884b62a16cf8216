//! One field of a dialect: what it holds and how that stands on the wire.

use std::collections::BTreeMap;

use super::class::{Class, all_bcd};
use crate::wire::coding::{Coding, Fill, bcd_nibble, from_hex, nibble, to_hex};
use crate::wire::tlv::TlvForm;

/// A field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldSpec {
    /// Its name in the standard.
    pub name: String,
    /// What it may hold.
    pub class: Class,
    /// How long it is.
    pub length: Length,
    /// How its value stands on the wire.
    pub coding: Coding,
    /// How its length stands on the wire.
    pub length_coding: Coding,
    /// What its length counts.
    pub counts: Counts,
    /// How a value that is too short for a fixed field is filled up; `None`: it is refused.
    pub pad: Option<Pad>,
    /// Who may see it.
    pub secret: Secret,
    /// What is inside.
    pub inside: Inside,
}

/// Units are characters, digits, or (class `b`) bytes of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// Always so many units.
    Fixed(usize),
    /// A length of so many digits stands before the value.
    Var {
        /// Digits of the length: 2 for LL.
        digits: usize,
        /// Fewest units.
        min: usize,
        /// Most units.
        max: usize,
    },
}

/// What the length before a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// Characters, digits, or bytes of content.
    Units,
    /// Bytes on the wire.
    Bytes,
}

/// How a short value is filled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pad {
    /// Whether the filling stands before the value.
    pub left: bool,
    /// With what.
    pub with: u8,
}

/// Who may see a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secret {
    /// Everybody.
    Open,
    /// At most its first six and last four characters are shown.
    Masked,
    /// Nothing of it is shown.
    Hidden,
}

/// What is inside a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inside {
    /// Nothing that the dialect knows of.
    Nothing,
    /// Tagged values.
    Tlv {
        /// Their shape.
        form: TlvForm,
        /// The tags that have a name; others are kept as they are.
        tags: BTreeMap<String, TagSpec>,
    },
    /// Parts of fixed length.
    Parts {
        /// In order.
        parts: Vec<Part>,
        /// Whether they may come again and again.
        repeats: bool,
    },
}

/// A tagged value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagSpec {
    /// Its name.
    pub name: String,
    /// What it may hold.
    pub class: Class,
    /// Who may see it.
    pub secret: Secret,
}

/// A part of fixed length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// What it may hold.
    pub class: Class,
    /// Units.
    pub length: usize,
}

/// How to walk over a field fast: all that decoding needs in eight bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// How its bytes are found.
    pub shape: Shape,
    /// How its content is checked.
    pub check: Check,
    /// Bytes of the length before the value.
    pub prefix: u8,
    /// Fewest units (or bytes, where the length counts them).
    pub min: u16,
    /// Most of them; for [`Shape::Fixed`] the bytes on the wire.
    pub max: u16,
}

impl Plan {
    /// Of a field that the dialect does not have.
    pub const UNKNOWN: Plan = Plan {
        shape: Shape::Unknown,
        check: Check::Nothing,
        prefix: 0,
        min: 0,
        max: 0,
    };
}

/// How the bytes of a field are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The dialect does not have it.
    Unknown,
    /// So many bytes.
    Fixed,
    /// Two ASCII digits that count bytes.
    Ascii2,
    /// Three ASCII digits that count bytes.
    Ascii3,
    /// Any other length.
    Other,
}

/// How the content of a field is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Not at all: it may hold anything.
    Nothing,
    /// ASCII digits.
    Digits,
    /// Printable ASCII.
    Printable,
    /// Another class, a character a byte.
    Class(Class),
    /// By [`FieldSpec::fault`].
    Other,
}

/// Something wrong inside a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inner {
    /// Bytes from the begin of the value.
    pub at: usize,
    /// The tag or part it is in.
    pub inside: Option<String>,
    /// What was wanted.
    pub wanted: InnerWanted,
}

/// What was wanted inside a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InnerWanted {
    /// Content of this class.
    Class(Class),
    /// Hex digits.
    Hex,
    /// The nibble that fills up an odd number of digits.
    Fill,
    /// Something of a tagged value.
    Tlv(crate::wire::tlv::TlvWanted),
    /// Whole parts.
    Parts,
}

impl FieldSpec {
    /// Bytes on the wire of so many units.
    pub fn wire_bytes(&self, units: usize) -> usize {
        match (self.class, self.coding) {
            // The sign of x+n is a character before the digits, whatever their coding.
            (Class::Xn, Coding::Bcd(_)) if units > 0 => 1 + self.coding.wire_bytes(units - 1),
            _ => self.coding.wire_bytes(units),
        }
    }

    /// Bytes on the wire of a value whose length says `told`.
    pub fn wire_bytes_told(&self, told: usize) -> usize {
        match self.counts {
            Counts::Units => self.wire_bytes(told),
            Counts::Bytes => told,
        }
    }

    /// What the length before a value says.
    pub fn told(&self, units: usize, wire_bytes: usize) -> usize {
        match self.counts {
            Counts::Units => units,
            Counts::Bytes => wire_bytes,
        }
    }

    /// Units of a value, told from the length before it or, for a fixed field, from the dialect.
    pub fn units(&self, told: usize, wire: &[u8]) -> usize {
        match (self.length, self.counts) {
            (Length::Fixed(units), _) => units,
            (Length::Var { .. }, Counts::Units) => told,
            (Length::Var { .. }, Counts::Bytes) => {
                let filled = match (self.coding, wire) {
                    (Coding::Bcd(Fill::LeftF), [first, ..]) => first >> 4 == 0xf,
                    (Coding::Bcd(Fill::RightF), [.., last]) => last & 15 == 0xf,
                    _ => false,
                };
                let sign =
                    usize::from(self.class == Class::Xn && matches!(self.coding, Coding::Bcd(_)));
                (self.coding.units(wire.len()) - usize::from(filled)).saturating_sub(sign)
            }
        }
    }

    /// How to walk over it.
    pub fn plan(&self) -> Plan {
        let plain = self.coding == Coding::Ascii || self.coding == Coding::Binary;
        let (shape, prefix, min, max) = match self.length {
            Length::Fixed(units) => (Shape::Fixed, 0, 0, self.wire_bytes(units)),
            Length::Var { digits, min, max } => {
                let shape = match (digits, self.length_coding) {
                    (2, Coding::Ascii) if plain => Shape::Ascii2,
                    (3, Coding::Ascii) if plain => Shape::Ascii3,
                    _ => Shape::Other,
                };
                let prefix = self.length_coding.length_bytes(digits);
                match self.counts {
                    Counts::Units => (shape, prefix, min, max),
                    Counts::Bytes => (shape, prefix, self.wire_bytes(min), self.wire_bytes(max)),
                }
            }
        };
        let check = match (&self.inside, self.class, self.coding) {
            (Inside::Nothing, Class::B | Class::Free, Coding::Ascii | Coding::Binary) => {
                Check::Nothing
            }
            (Inside::Nothing, Class::N, Coding::Ascii) => Check::Digits,
            (Inside::Nothing, Class::Ans, Coding::Ascii) => Check::Printable,
            (Inside::Nothing, Class::Xn, _) => Check::Other,
            (Inside::Nothing, class, Coding::Ascii) => Check::Class(class),
            _ => Check::Other,
        };
        Plan {
            shape,
            check,
            prefix: prefix as u8,
            min: min as u16,
            max: max as u16,
        }
    }

    /// The first thing wrong with a value of so many units.
    pub fn fault(&self, wire: &[u8], units: usize) -> Option<Inner> {
        self.content_fault(wire, units)
            .or_else(|| match &self.inside {
                Inside::Nothing => None,
                Inside::Tlv { form, tags } => tlv_fault(*form, tags, wire),
                Inside::Parts { parts, repeats } => self.parts_fault(parts, *repeats, wire, units),
            })
    }

    fn content_fault(&self, wire: &[u8], units: usize) -> Option<Inner> {
        let here = |at, wanted| {
            Some(Inner {
                at,
                inside: None,
                wanted,
            })
        };
        let class = InnerWanted::Class(self.class);
        match self.coding {
            Coding::Hex => {
                let bad = wire.iter().position(|c| nibble(*c) > 15);
                bad.and_then(|at| here(at, InnerWanted::Hex))
            }
            Coding::Binary => None,
            Coding::Bcd(fill) => {
                let (sign, digits) = if self.class == Class::Xn {
                    let (sign, digits) = wire.split_first()?;
                    if !matches!(sign, b'C' | b'D') {
                        return here(0, class);
                    }
                    (1, digits)
                } else {
                    (0, wire)
                };
                let units = units - sign;
                let odd = units % 2 == 1;
                let filler = if fill.is_left() { 0 } else { units };
                if odd && bcd_nibble(digits, filler) != fill.nibble() {
                    return here(sign + filler / 2, InnerWanted::Fill);
                }
                if fill.nibble() == 0 && all_bcd(digits) {
                    return None;
                }
                let from = usize::from(odd && fill.is_left());
                let most = if self.class == Class::Z { 15 } else { 9 };
                let bad = (from..from + units).find(|at| bcd_nibble(digits, *at) > most);
                bad.and_then(|at| here(sign + at / 2, class))
            }
            Coding::Ascii => {
                let bad = self.class.fault(wire);
                bad.and_then(|at| here(at, class))
            }
            Coding::Cp037 | Coding::Cp500 => {
                let mut read = wire.iter().enumerate();
                let bad =
                    read.position(|(at, c)| !self.class.allows(at, self.coding.character(*c)));
                bad.and_then(|at| here(at, class))
            }
        }
    }

    fn parts_fault(
        &self,
        parts: &[Part],
        repeats: bool,
        wire: &[u8],
        units: usize,
    ) -> Option<Inner> {
        let whole: usize = parts.iter().map(|part| part.length).sum();
        let fits = if repeats {
            units.is_multiple_of(whole.max(1))
        } else {
            units == whole
        };
        if !fits {
            let at = wire.len();
            return Some(Inner {
                at,
                inside: None,
                wanted: InnerWanted::Parts,
            });
        }
        // In BCD a part may begin inside a byte; there the class of the whole field has said enough.
        if matches!(self.coding, Coding::Bcd(_)) {
            return None;
        }
        let mut at = 0;
        for (number, part) in parts.iter().enumerate().cycle() {
            let Some(value) = wire.get(at..at + part.length).filter(|v| !v.is_empty()) else {
                break;
            };
            for (place, byte) in value.iter().enumerate() {
                if !part.class.allows(place, self.coding.character(*byte)) {
                    let wanted = InnerWanted::Class(part.class);
                    let inside = Some((number + 1).to_string());
                    return Some(Inner {
                        at: at + place,
                        inside,
                        wanted,
                    });
                }
            }
            at += part.length;
        }
        None
    }

    /// The characters of a value of so many units: text, digits, or hex digits of bytes.
    pub fn read(&self, wire: &[u8], units: usize) -> Vec<u8> {
        match (self.class, self.coding) {
            (Class::B, Coding::Binary) => to_hex(wire).into_bytes(),
            (Class::Xn, Coding::Bcd(_)) if !wire.is_empty() => {
                let mut read = vec![wire[0]];
                self.coding
                    .read(&wire[1..], units.saturating_sub(1), &mut read);
                read
            }
            _ => {
                let mut read = Vec::with_capacity(units);
                self.coding.read(wire, units, &mut read);
                read
            }
        }
    }

    /// Units of a value in characters, as [`FieldSpec::write`] takes it.
    pub fn content_units(&self, content: &[u8]) -> usize {
        match self.class {
            Class::B => content.len() / 2,
            _ => content.len(),
        }
    }

    /// Appends a value (text, digits, or hex digits of bytes). False when it cannot stand there.
    pub fn write(&self, content: &[u8], out: &mut Vec<u8>) -> bool {
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
            (Class::Xn, Coding::Bcd(_)) => match content.split_first() {
                Some((sign, digits)) => {
                    out.push(*sign);
                    self.coding.write(digits, out)
                }
                None => false,
            },
            _ => self.coding.write(content, out),
        }
    }
}

fn tlv_fault(form: TlvForm, tags: &BTreeMap<String, TagSpec>, wire: &[u8]) -> Option<Inner> {
    for item in form.items(wire) {
        let item = match item {
            Ok(item) => item,
            Err(bad) => {
                let wanted = InnerWanted::Tlv(bad.wanted);
                return Some(Inner {
                    at: bad.at,
                    inside: None,
                    wanted,
                });
            }
        };
        let mut name = [0; 4];
        let Some(name) = name.get_mut(..item.tag.len()) else {
            continue;
        };
        for (to, from) in name.iter_mut().zip(item.tag) {
            *to = form.coding.character(*from);
        }
        let Some((tag, spec)) = std::str::from_utf8(name)
            .ok()
            .and_then(|n| tags.get_key_value(n))
        else {
            continue;
        };
        let mut read = item.value.iter().enumerate();
        if let Some(at) = read.position(|(at, c)| !spec.class.allows(at, form.coding.character(*c)))
        {
            let wanted = InnerWanted::Class(spec.class);
            let inside = Some(tag.clone());
            return Some(Inner {
                at: item.at + at,
                inside,
                wanted,
            });
        }
    }
    None
}
