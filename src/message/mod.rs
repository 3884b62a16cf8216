//! One ISO 8583 message: decode without copying, encode, describe with secrets masked.

mod build;
mod careful;
mod decode;
pub mod describe;
mod fault;
pub mod make;
mod peek;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

pub use build::{MessageBuilder, Scratch};
pub use fault::{DecodeError, EncodeError};
pub use peek::Peek;

pub use crate::spec::{Mti, Wanted};

use crate::spec::{Check, Function, Inside, Path, Pattern, Spec};
use crate::wire::bitmap::Bitmap;
use crate::wire::tlv::{Tagged, TlvForm};

/// A decoded message: its bytes and a table of where each field stands in them. Fields are read
/// when asked for. At most 65,535 bytes long.
#[derive(Clone)]
pub struct Message {
    bytes: Bytes,
    mti: Mti,
    map: Bitmap,
    /// Bytes of message type and bitmap.
    head: u8,
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

    /// A value in characters: those of text, digits, or hex digits of bytes.
    pub fn characters(&self, spec: &Spec, n: usize) -> Option<Cow<'_, [u8]>> {
        let value = self.value(n)?;
        // What was checked as ASCII stands there as it reads.
        match spec.plan(n).check {
            Check::Digits | Check::Printable | Check::Class(_) => Some(Cow::Borrowed(value)),
            _ => Some(match self.text(spec, n)? {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            }),
        }
    }

    /// A value as text: characters, digits, or hex digits of bytes. What is not UTF-8 is replaced.
    pub fn text(&self, spec: &Spec, n: usize) -> Option<Cow<'_, str>> {
        let value = self.value(n)?;
        // What was checked as ASCII stands there as it reads.
        if let Check::Digits | Check::Printable = spec.plan(n).check {
            return std::str::from_utf8(value).ok().map(Cow::Borrowed);
        }
        let field = spec.field(n)?;
        Some(field.text(value, self.units(spec, n)?))
    }

    /// Units of a value: characters, digits, or bytes of content.
    fn units(&self, spec: &Spec, n: usize) -> Option<usize> {
        let found = spec.field(n)?.find(self.raw(spec, n)?).ok()?;
        Some(found.units)
    }

    /// A value of at most 19 digits as a number; `None` where anything else stands.
    pub fn digits(&self, spec: &Spec, n: usize) -> Option<u64> {
        let characters = self.characters(spec, n)?;
        if characters.is_empty() {
            return None;
        }
        characters.iter().try_fold(0_u64, |sum, c| {
            let digit = c.is_ascii_digit().then(|| u64::from(c - b'0'))?;
            sum.checked_mul(10)?.checked_add(digit)
        })
    }

    /// The tagged values inside a field, in order; nothing where the dialect has no tags there.
    pub fn tags<'a>(&'a self, spec: &Spec, n: usize) -> impl Iterator<Item = Tagged<'a>> + use<'a> {
        self.tagged(spec, n)
            .into_iter()
            .flat_map(|(form, value)| form.items(value).map_while(Result::ok))
    }

    /// The first value with this tag inside a field, as it stands on the wire.
    pub fn tag(&self, spec: &Spec, n: usize, tag: &str) -> Option<&[u8]> {
        let (form, value) = self.tagged(spec, n)?;
        form.find(value, tag)
    }

    fn tagged(&self, spec: &Spec, n: usize) -> Option<(TlvForm, &[u8])> {
        let value = self.value(n)?;
        let (form, before) = spec.field(n)?.inside.tlv(value)?;
        Some((form, value.get(before..)?))
    }

    /// The text at a path: a field, a tag such as `48.20` or `55.9F02`, a part such as `90.2`, the
    /// first where there are several.
    pub fn at(&self, spec: &Spec, path: &Path) -> Option<Cow<'_, str>> {
        let n = usize::from(path.field);
        if path.inside.is_empty() {
            return self.text(spec, n);
        }
        let field = spec.field(n)?;
        let content = field.view(self.value(n)?, self.units(spec, n)?);
        let found = text_inside(&field.inside, &content, &path.inside)?;
        Some(Cow::Owned(found))
    }

    /// The first function of the dialect that this message fits.
    pub fn function<'s>(&self, spec: &'s Spec) -> Option<&'s Function> {
        let mti = self.mti.first();
        spec.functions().iter().find(|function| {
            function.mti.contains(&mti)
                && function
                    .when
                    .iter()
                    .all(|(path, pattern)| self.fits(spec, path, pattern))
        })
    }

    /// Whether a value is there and looks like this.
    pub fn fits(&self, spec: &Spec, path: &Path, pattern: &Pattern) -> bool {
        if path.inside.is_empty() {
            let value = self.characters(spec, usize::from(path.field));
            return value.is_some_and(|value| pattern.fits(&value));
        }
        let value = self.at(spec, path);
        value.is_some_and(|value| pattern.fits(value.as_bytes()))
    }

    #[inline]
    fn span(&self, n: usize) -> Option<Span> {
        if !self.map.has(n) {
            return None;
        }
        self.table.get(self.map.rank(n))
    }
}

/// The text of a piece of a value that is looked at as `content`.
fn text_inside(inside: &Inside, content: &[u8], steps: &[String]) -> Option<String> {
    let (step, below) = steps.split_first()?;
    let mut pieces = inside.pieces(content).map_while(Result::ok);
    let piece = pieces.find(|piece| piece.label.is(step))?;
    if below.is_empty() {
        return Some(piece.text().into_owned());
    }
    let inner = piece.inside(inside)?;
    match piece.spec {
        Some(spec) => text_inside(inner, &spec.view(piece.value, piece.units), below),
        None => text_inside(inner, piece.value, below),
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
