//! What was wanted and where, when a message cannot be read or made. Never what stood there.

use std::fmt;

use super::Message;
use crate::spec::{Class, Inner, InnerWanted, Path};
use crate::wire::tlv::TlvWanted;

/// A message that is not as its dialect wants it.
#[derive(Debug, Clone)]
pub struct DecodeError {
    /// The field, or the tag inside it; 0 is the message type, 1 the bitmap.
    pub path: Path,
    /// The byte of the message.
    pub at_byte: usize,
    /// What should have been there.
    pub wanted: Wanted,
    /// The fields that could be read, for an answer: without the bad one; those behind it too when
    /// only its content is bad. `None` when not even type and bitmap could be read.
    pub read: Option<Box<Message>>,
}

/// What should have been there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Four digits of a message type.
    Mti,
    /// Hex digits.
    Hex,
    /// So many more bytes.
    Bytes(usize),
    /// A field that the dialect has.
    KnownField,
    /// Digits of a length.
    Length,
    /// A length between these bounds.
    Between(usize, usize),
    /// Content of this class.
    Class(Class),
    /// The nibble that fills up an odd number of digits.
    Fill,
    /// A tag of letters and digits.
    Tag,
    /// As many bytes as a length inside the field told.
    Inside,
    /// Whole parts.
    Parts,
    /// Nothing more.
    End,
    /// A message of at most so many bytes.
    Short(usize),
}

/// A message that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodeError {
    /// The field, or the tag inside it.
    pub path: Path,
    /// What should have been given.
    pub wanted: Wanted,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Mti => f.write_str("four digits of a message type"),
            Wanted::Hex => f.write_str("hex digits"),
            Wanted::Bytes(1) => f.write_str("1 more byte"),
            Wanted::Bytes(bytes) => write!(f, "{bytes} more bytes"),
            Wanted::KnownField => f.write_str("a field of this dialect"),
            Wanted::Length => f.write_str("digits of a length"),
            Wanted::Between(min, max) if min == max => write!(f, "a length of {max}"),
            Wanted::Between(min, max) => write!(f, "a length from {min} to {max}"),
            Wanted::Class(class) => f.write_str(class.words()),
            Wanted::Fill => f.write_str("the filling of an odd number of digits"),
            Wanted::Tag => f.write_str("a tag of letters and digits"),
            Wanted::Inside => f.write_str("as many bytes as the length before them tells"),
            Wanted::Parts => f.write_str("whole parts"),
            Wanted::End => f.write_str("the end of the message"),
            Wanted::Short(bytes) => write!(f, "a message of at most {bytes} bytes"),
        }
    }
}

impl From<InnerWanted> for Wanted {
    fn from(inner: InnerWanted) -> Wanted {
        match inner {
            InnerWanted::Class(class) => Wanted::Class(class),
            InnerWanted::Hex => Wanted::Hex,
            InnerWanted::Fill => Wanted::Fill,
            InnerWanted::Tlv(TlvWanted::Tag) => Wanted::Tag,
            InnerWanted::Tlv(TlvWanted::Length) => Wanted::Length,
            InnerWanted::Tlv(TlvWanted::Value) => Wanted::Inside,
            InnerWanted::Parts => Wanted::Parts,
        }
    }
}

/// The path of something wrong inside field `n`.
pub(super) fn path_of(n: usize, inner: &Inner) -> Path {
    match &inner.inside {
        Some(below) => Path::inside(n, below.clone()),
        None => Path::field(n),
    }
}

/// `field 4: digits wanted at byte 38`.
impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DecodeError {
            path,
            at_byte,
            wanted,
            ..
        } = self;
        write!(f, "field {path}: {wanted} wanted at byte {at_byte}")
    }
}

impl std::error::Error for DecodeError {}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "field {}: {} wanted", self.path, self.wanted)
    }
}

impl std::error::Error for EncodeError {}
