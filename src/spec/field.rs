//! One value of a dialect, be it a field, a part, a tag or a member of a bitmap: what it holds and
//! how that stands on the wire.

use std::borrow::Cow;

use super::class::{Class, all_bcd};
use super::dated::Dated;
use super::inside::Inside;
use super::wanted::{Inner, Wanted};
use crate::wire::coding::{Coding, Fill, bcd_nibble, from_hex, nibble, to_hex};

/// A field, or a piece of one.
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
    /// The date or time it holds, where it does.
    pub dated: Option<Dated>,
    /// What is inside.
    pub inside: Inside,
}

/// Units are characters, digits, or (class `b`) bytes of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// Always so many units, or characters where those are counted.
    Fixed(usize),
    /// A length of so many digits stands before the value.
    Var {
        /// Digits of the length: 2 for LL. 0: what holds the value tells where it ends.
        digits: usize,
        /// Fewest units.
        min: usize,
        /// Most units.
        max: usize,
    },
}

impl Length {
    /// Whether there are never more or fewer units than these.
    pub fn is_always(self, units: usize) -> bool {
        match self {
            Length::Fixed(fixed) => fixed == units,
            Length::Var { min, max, .. } => min == units && max == units,
        }
    }
}

/// What the length before a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// Digits, characters of one byte, or bytes of content.
    Units,
    /// Characters of UTF-8 text.
    Characters,
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

/// Who may see a value. A later one is stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Secret {
    /// Everybody.
    Open,
    /// At most its first six and last four characters are shown.
    Masked,
    /// Nothing of it is shown.
    Hidden,
}

/// How to walk over a field fast: all that decoding needs, in twelve bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// How its bytes are found.
    pub shape: Shape,
    /// How its content is checked.
    pub check: Check,
    /// With which of its neighbours it is checked together.
    pub run: Run,
    /// Bytes of the length before the value.
    pub prefix: u8,
    /// Whether its units are digits, two a byte.
    pub packed: bool,
    /// Fewest units (or bytes, where the length counts them); for [`Shape::Fixed`] its units.
    pub min: u16,
    /// Most of them; for [`Shape::Fixed`] the bytes on the wire.
    pub max: u16,
}

impl Plan {
    /// Of a field that the dialect does not have.
    pub const UNKNOWN: Plan = Plan {
        shape: Shape::Unknown,
        check: Check::Nothing,
        run: Run::None,
        prefix: 0,
        packed: false,
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
    /// Two ASCII digits that count bytes, or packed digits.
    Ascii2,
    /// Three ASCII digits that count bytes, or packed digits.
    Ascii3,
    /// One byte of two BCD digits that counts bytes, or packed digits.
    Bcd2,
    /// Two bytes of four BCD digits that count bytes, or packed digits.
    Bcd4,
    /// Any other length: by [`FieldSpec::find`].
    Other,
}

/// Fields that are checked together, with the lengths between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// Each by itself.
    None,
    /// ASCII digits.
    Digits,
    /// BCD digits.
    Packed,
}

/// How the content of a field is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Not at all: it may hold anything.
    Nothing,
    /// ASCII digits.
    Digits,
    /// BCD digits, an odd number of them filled up with a 0 on the left.
    Packed,
    /// The same, where the nibbles above 9 have a meaning too.
    PackedTrack,
    /// Printable ASCII.
    Printable,
    /// Another class, a character a byte.
    Class(Class),
    /// By [`FieldSpec::fault`].
    Other,
}

/// A value found at the front of some bytes.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// Bytes of the length before it.
    pub prefix: usize,
    /// Its own bytes.
    pub bytes: usize,
    /// Its units.
    pub units: usize,
}

impl FieldSpec {
    /// Bytes on the wire of so many units.
    pub fn wire_bytes(&self, units: usize) -> usize {
        match (self.class, self.coding) {
            // A sign is a character before the digits, whatever their coding.
            (class, Coding::Bcd(_)) if class.is_signed() && units > 0 => {
                1 + self.coding.wire_bytes(units - 1)
            }
            _ => self.coding.wire_bytes(units),
        }
    }

    /// Finds the value at the front of `wire`, with the length before it where it has one.
    ///
    /// # Errors
    /// What was wanted, so many bytes after the begin of `wire`.
    pub fn find(&self, wire: &[u8]) -> Result<Found, (usize, Wanted)> {
        let short = |wanted: usize| Err((wire.len(), Wanted::Bytes(wanted - wire.len())));
        let (prefix, bytes, units) = match self.length {
            Length::Fixed(count) if self.counts == Counts::Characters => {
                match characters(wire, count) {
                    Some(bytes) => (0, bytes, bytes),
                    None => return short(wire.len() + 1),
                }
            }
            Length::Fixed(units) => (0, self.wire_bytes(units), units),
            Length::Var { digits: 0, .. } => (0, wire.len(), self.units_of(wire)),
            Length::Var { digits, min, max } => {
                let prefix = self.length_coding.length_bytes(digits);
                let Some(length) = wire.get(..prefix) else {
                    return short(prefix);
                };
                let told = self.length_coding.read_length(length);
                let told = told.ok_or((0, Wanted::Length))?;
                let (min, max) = match self.counts {
                    Counts::Bytes => (self.wire_bytes(min), self.wire_bytes(max)),
                    _ => (min, max),
                };
                if told < min || told > max {
                    return Err((0, Wanted::Between(min, max)));
                }
                let after = &wire[prefix..];
                match self.counts {
                    Counts::Units => (prefix, self.wire_bytes(told), told),
                    Counts::Characters => match characters(after, told) {
                        Some(bytes) => (prefix, bytes, bytes),
                        None => return short(wire.len() + 1),
                    },
                    Counts::Bytes => {
                        let units = self.units_of(after.get(..told).unwrap_or_default());
                        (prefix, told, units)
                    }
                }
            }
        };
        if wire.len() - prefix < bytes {
            return short(prefix + bytes);
        }
        Ok(Found {
            prefix,
            bytes,
            units,
        })
    }

    /// What the length before a value says.
    pub fn told(&self, units: usize, wire: &[u8]) -> usize {
        match self.counts {
            Counts::Units => units,
            Counts::Characters => wire.iter().filter(|byte| is_first(**byte)).count(),
            Counts::Bytes => wire.len(),
        }
    }

    /// Units of a value of which only the bytes are known.
    pub fn units_of(&self, wire: &[u8]) -> usize {
        let Coding::Bcd(fill) = self.coding else {
            return self.coding.units(wire.len());
        };
        let most = match self.length {
            Length::Fixed(units) | Length::Var { max: units, .. } => units,
        };
        let sign = usize::from(self.class.is_signed());
        let units = self.coding.units(wire.len()).saturating_sub(sign);
        let filled = match (fill, wire.get(sign..).unwrap_or_default()) {
            (Fill::LeftF, [first, ..]) => first >> 4 == 0xf,
            (Fill::RightF, [.., last]) => last & 15 == 0xf,
            // A filling of 0 is only seen where there would be a digit too many.
            _ => units == most + 1,
        };
        units - usize::from(filled)
    }

    /// How to walk over it.
    pub fn plan(&self) -> Plan {
        let packed = self.coding == Coding::Bcd(Fill::Left0) && !self.class.is_signed();
        // Where a unit is a byte, counting bytes is counting units.
        let bytewise = self.coding.is_text() || self.coding == Coding::Binary;
        let counted = match self.counts {
            Counts::Units => bytewise || packed,
            Counts::Bytes => bytewise,
            Counts::Characters => false,
        };
        let (shape, prefix, min, max) = match self.length {
            Length::Fixed(_) if self.counts == Counts::Characters => (Shape::Other, 0, 0, 0),
            Length::Fixed(units) => (Shape::Fixed, 0, units, self.wire_bytes(units)),
            Length::Var { digits, min, max } => {
                let shape = match (digits, self.length_coding) {
                    _ if !counted => Shape::Other,
                    (2, Coding::Ascii) => Shape::Ascii2,
                    (3, Coding::Ascii) => Shape::Ascii3,
                    (1 | 2, Coding::Bcd(_)) => Shape::Bcd2,
                    (3 | 4, Coding::Bcd(_)) => Shape::Bcd4,
                    _ => Shape::Other,
                };
                let prefix = self.length_coding.length_bytes(digits);
                match self.counts {
                    Counts::Bytes => (shape, prefix, self.wire_bytes(min), self.wire_bytes(max)),
                    _ => (shape, prefix, min, max),
                }
            }
        };
        let check = match (self.class, self.coding) {
            _ if !self.is_plain() => Check::Other,
            (Class::B | Class::Free, Coding::Ascii | Coding::Binary) => Check::Nothing,
            (Class::N, Coding::Ascii) => Check::Digits,
            (Class::N, _) if packed => Check::Packed,
            (Class::Z, _) if packed => Check::PackedTrack,
            (Class::Ans, Coding::Ascii) => Check::Printable,
            (class, _) if class.is_signed() => Check::Other,
            (class, Coding::Ascii) => Check::Class(class),
            _ => Check::Other,
        };
        let run = match check {
            Check::Digits => Run::Digits,
            Check::Packed => Run::Packed,
            _ => Run::None,
        };
        Plan {
            shape,
            check,
            run,
            prefix: prefix as u8,
            packed,
            min: min as u16,
            max: max as u16,
        }
    }

    /// Whether its own class says all that is to be checked: nothing is inside, or parts that cannot
    /// but fit.
    fn is_plain(&self) -> bool {
        match (&self.inside, self.length) {
            (Inside::Nothing, _) => true,
            (
                Inside::Parts {
                    parts,
                    repeats: false,
                    ..
                },
                Length::Fixed(units),
            ) => {
                let fixed = |part: &FieldSpec| match part.length {
                    Length::Fixed(units) if part.is_plain() => Some(units),
                    _ => None,
                };
                let same = parts
                    .iter()
                    .all(|part| part.class == self.class && part.counts == self.counts);
                let whole: Option<usize> = parts.iter().map(fixed).sum();
                let plain = !self.class.is_signed() && self.class != Class::B;
                same && plain && whole == Some(units)
            }
            _ => false,
        }
    }

    /// The first thing wrong with a value of so many units.
    pub fn fault(&self, wire: &[u8], units: usize) -> Option<Inner> {
        if let Length::Var {
            digits: 0,
            min,
            max,
        } = self.length
            && !(min..=max).contains(&match self.counts {
                Counts::Characters => self.told(units, wire),
                _ => units,
            })
        {
            return Some(Inner::at(0, Wanted::Between(min, max)));
        }
        if let Some(inner) = self.content_fault(wire, units) {
            return Some(inner);
        }
        let mut inner = self.inside.fault(&self.view(wire, units))?;
        inner.at = match self.coding {
            // A sign is a byte, and two digits are one, behind a nibble that fills them up.
            Coding::Bcd(fill) => {
                let sign = usize::from(self.class.is_signed());
                let filled = fill.is_left() && units.saturating_sub(sign) % 2 == 1;
                match inner.at.checked_sub(sign) {
                    Some(digit) => sign + (digit + usize::from(filled)) / 2,
                    None => inner.at,
                }
            }
            coding if coding.is_hex() => inner.at * 2,
            _ => inner.at,
        };
        Some(inner)
    }

    fn content_fault(&self, wire: &[u8], units: usize) -> Option<Inner> {
        let here = |at, wanted| Some(Inner::at(at, wanted));
        let class = Wanted::Class(self.class);
        match self.coding {
            Coding::Hex | Coding::HexEbcdic => {
                let mut read = wire.iter();
                let bad = read.position(|c| nibble(self.coding.character(*c)) > 15);
                bad.and_then(|at| here(at, Wanted::Hex))
            }
            Coding::Binary => None,
            Coding::Bcd(fill) => {
                let (sign, digits) = if self.class.is_signed() {
                    let (sign, digits) = wire.split_first()?;
                    if !self.class.allows(0, *sign) {
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
                    return here(sign + filler / 2, Wanted::Fill);
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

    /// The bytes that [`FieldSpec::inside`] speaks of: digits of BCD are looked at as characters, hex
    /// digits as the bytes they stand for, anything else as it is on the wire.
    pub fn view<'a>(&self, wire: &'a [u8], units: usize) -> Cow<'a, [u8]> {
        match (&self.inside, self.coding) {
            (Inside::Nothing, _) => Cow::Borrowed(wire),
            (_, Coding::Bcd(_)) => Cow::Owned(self.read(wire, units)),
            (_, Coding::Hex) => Cow::Owned(from_hex(wire).unwrap_or_default()),
            (_, Coding::HexEbcdic) => {
                Cow::Owned(from_hex(&self.read(wire, units)).unwrap_or_default())
            }
            _ => Cow::Borrowed(wire),
        }
    }

    /// The characters of a value of so many units: text, digits, or hex digits of bytes.
    pub fn read(&self, wire: &[u8], units: usize) -> Vec<u8> {
        match (self.class, self.coding) {
            (Class::B, Coding::Binary) => to_hex(wire).into_bytes(),
            (class, Coding::Bcd(_)) if class.is_signed() && !wire.is_empty() => {
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

    /// A value as text: characters, digits, or hex digits of bytes. What is not UTF-8 is replaced.
    pub fn text<'a>(&self, wire: &'a [u8], units: usize) -> Cow<'a, str> {
        match self.coding {
            Coding::Ascii | Coding::Hex => String::from_utf8_lossy(wire),
            Coding::Binary if self.class != Class::B => String::from_utf8_lossy(wire),
            // EBCDIC characters are Latin-1.
            Coding::Cp037 | Coding::Cp500 => {
                let read = wire.iter().map(|byte| self.coding.character(*byte));
                Cow::Owned(read.map(char::from).collect())
            }
            _ => Cow::Owned(String::from_utf8_lossy(&self.read(wire, units)).into_owned()),
        }
    }

    /// Whether what is inside is only a look at parts of the text of the value, which tells it whole.
    pub fn is_told_as_text(&self) -> bool {
        match &self.inside {
            Inside::Nothing => true,
            Inside::Parts { parts, .. } => {
                self.class != Class::B && parts.iter().all(FieldSpec::is_told_as_text)
            }
            _ => false,
        }
    }
}

/// Bytes of so many characters of UTF-8; `None` where there are fewer. What is no UTF-8 counts by its
/// bytes, and is found when the content is looked at.
fn characters(wire: &[u8], count: usize) -> Option<usize> {
    if count == 0 {
        return Some(0);
    }
    let mut firsts = wire.iter().enumerate().filter(|(_, byte)| is_first(**byte));
    firsts.nth(count - 1)?;
    Some(firsts.next().map_or(wire.len(), |(at, _)| at))
}

/// Whether a byte of UTF-8 begins a character.
fn is_first(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}
