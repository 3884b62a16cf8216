//! One ISO 8583 message: decode without copying, encode, describe with secrets masked.

mod build;
mod decode;
pub mod describe;
mod fault;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

pub use build::MessageBuilder;
pub use fault::{DecodeError, EncodeError, Wanted};

pub use crate::spec::Mti;

use crate::spec::{Class, Function, Inside, Length, Path, Spec};
use crate::wire::bitmap::Bitmap;
use crate::wire::coding::Coding;
use crate::wire::tlv::Tagged;

/// A decoded message: its bytes and a table of where each field stands in them. Fields are read
/// when asked for. At most 65,535 bytes long.
#[derive(Clone)]
pub struct Message {
    bytes: Bytes,
    mti: Mti,
    map: Bitmap,
    table: Table,
}

/// Where a value stands, without the length before it.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    at: u16,
    bytes: u16,
}

/// The spans of the fields that are there, in order. Most messages have fewer than the inline part
/// holds, so that decoding allocates nothing.
#[derive(Clone)]
struct Table {
    used: usize,
    inline: [Span; INLINE],
    more: Vec<Span>,
}

const INLINE: usize = 32;

impl Message {
    /// The message type.
    pub fn mti(&self) -> Mti {
        self.mti
    }

    /// All bytes of the message.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Whether field `n` is there.
    pub fn has(&self, n: usize) -> bool {
        self.map.has(n)
    }

    /// The numbers of the fields that are there, in order.
    pub fn fields(&self) -> impl Iterator<Item = usize> + use<> {
        self.map.iter()
    }

    /// A value as it stands on the wire, without the length before it.
    #[inline]
    pub fn value(&self, n: usize) -> Option<&[u8]> {
        let span = self.span(n)?;
        let at = usize::from(span.at);
        self.bytes.get(at..at + usize::from(span.bytes))
    }

    /// A value with the length before it.
    pub fn raw(&self, spec: &Spec, n: usize) -> Option<&[u8]> {
        let span = self.span(n)?;
        let (at, prefix) = (usize::from(span.at), usize::from(spec.plan(n).prefix));
        self.bytes
            .get(at.checked_sub(prefix)?..at + usize::from(span.bytes))
    }

    /// A value as text: characters, digits, or hex digits of bytes. What is not UTF-8 is replaced.
    pub fn text(&self, spec: &Spec, n: usize) -> Option<Cow<'_, str>> {
        let value = self.value(n)?;
        let field = spec.field(n)?;
        let plain = match field.coding {
            Coding::Ascii | Coding::Hex => true,
            Coding::Binary => field.class != Class::B,
            _ => false,
        };
        if plain {
            return Some(String::from_utf8_lossy(value));
        }
        let told = match field.length {
            Length::Fixed(units) => units,
            Length::Var { .. } => {
                let raw = self.raw(spec, n)?;
                let prefix = &raw[..raw.len() - value.len()];
                field.length_coding.read_length(prefix)?
            }
        };
        let read = field.read(value, field.units(told, value));
        Some(Cow::Owned(latin(read, field.coding)))
    }

    /// A value of at most 19 digits as a number; `None` where anything else stands.
    pub fn digits(&self, spec: &Spec, n: usize) -> Option<u64> {
        let text = self.text(spec, n)?;
        if text.is_empty() {
            return None;
        }
        text.bytes().try_fold(0_u64, |sum, c| {
            let digit = c.is_ascii_digit().then(|| u64::from(c - b'0'))?;
            sum.checked_mul(10)?.checked_add(digit)
        })
    }

    /// The tagged values inside a field, in order; nothing where the dialect has no tags there.
    pub fn tags<'a>(&'a self, spec: &Spec, n: usize) -> impl Iterator<Item = Tagged<'a>> + use<'a> {
        let form = match spec.field(n).map(|field| &field.inside) {
            Some(Inside::Tlv { form, .. }) => Some(*form),
            _ => None,
        };
        form.zip(self.value(n))
            .into_iter()
            .flat_map(|(form, value)| form.items(value).map_while(Result::ok))
    }

    /// The first value with this tag inside a field, as it stands on the wire.
    pub fn tag(&self, spec: &Spec, n: usize, tag: &str) -> Option<&[u8]> {
        match &spec.field(n)?.inside {
            Inside::Tlv { form, .. } => form.find(self.value(n)?, tag),
            _ => None,
        }
    }

    /// The text at a path: a field, a tag such as `48.20`, or a part such as `90.2`.
    pub fn at(&self, spec: &Spec, path: &Path) -> Option<Cow<'_, str>> {
        let n = usize::from(path.field);
        let Some(below) = path.tag() else {
            return self.text(spec, n);
        };
        match &spec.field(n)?.inside {
            Inside::Nothing => None,
            Inside::Tlv { form, .. } => {
                let value = form.find(self.value(n)?, below)?;
                Some(match form.coding {
                    Coding::Cp037 | Coding::Cp500 => {
                        let read = value.iter().map(|c| form.coding.character(*c)).collect();
                        Cow::Owned(latin(read, form.coding))
                    }
                    _ => String::from_utf8_lossy(value),
                })
            }
            Inside::Parts { parts, .. } => {
                let part: usize = below.parse().ok()?;
                let before = parts.get(..part.checked_sub(1)?)?;
                let from: usize = before.iter().map(|p| p.length).sum();
                let to = from + parts.get(part - 1)?.length;
                Some(match self.text(spec, n)? {
                    Cow::Borrowed(text) => Cow::Borrowed(text.get(from..to)?),
                    Cow::Owned(text) => Cow::Owned(text.get(from..to)?.to_owned()),
                })
            }
        }
    }

    /// The first function of the dialect that this message fits.
    pub fn function<'s>(&self, spec: &'s Spec) -> Option<&'s Function> {
        let mti = self.mti.first();
        spec.functions().iter().find(|function| {
            function.mti.contains(&mti)
                && function.when.iter().all(|(path, pattern)| {
                    self.at(spec, path)
                        .is_some_and(|value| pattern.fits(value.as_bytes()))
                })
        })
    }

    #[inline]
    fn span(&self, n: usize) -> Option<Span> {
        if !self.map.has(n) {
            return None;
        }
        self.table.get(self.map.rank(n))
    }
}

/// EBCDIC characters are Latin-1; all others are ASCII by their class, or UTF-8.
fn latin(read: Vec<u8>, coding: Coding) -> String {
    match coding {
        Coding::Cp037 | Coding::Cp500 => read.into_iter().map(char::from).collect(),
        _ => String::from_utf8_lossy(&read).into_owned(),
    }
}

/// Content is never shown: a message holds card data.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message {} ", self.mti)?;
        f.debug_set().entries(self.map.iter()).finish()
    }
}

impl Table {
    #[inline]
    fn new() -> Table {
        Table {
            used: 0,
            inline: [Span::default(); INLINE],
            more: Vec::new(),
        }
    }

    #[inline]
    fn push(&mut self, span: Span) {
        match self.inline.get_mut(self.used) {
            Some(place) => *place = span,
            None => self.more.push(span),
        }
        self.used += 1;
    }

    #[inline]
    fn get(&self, at: usize) -> Option<Span> {
        match self.inline.get(at) {
            Some(span) => Some(*span),
            None => self.more.get(at - INLINE).copied(),
        }
    }
}
