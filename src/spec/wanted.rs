//! What should have stood in a message where something else did. Never what stood there.

use std::fmt;

use super::class::Class;
use crate::wire::tlv::TlvWanted;

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
    /// A tag, or name, that the dialect has.
    KnownTag,
    /// Digits of a length.
    Length,
    /// A length between these bounds.
    Between(usize, usize),
    /// Content of this class.
    Class(Class),
    /// The nibble that fills up an odd number of digits.
    Fill,
    /// A tag of letters and digits, or of the bytes that BER allows.
    Tag,
    /// As many bytes as a length inside the field told.
    Inside,
    /// Whole parts.
    Parts,
    /// A name and the sign that stands before its value.
    Name,
    /// A value.
    Value,
    /// A value without the sign that stands between two.
    OneValue,
    /// Nothing more.
    End,
    /// A message of at most so many bytes.
    Short(usize),
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Mti => f.write_str("four digits of a message type"),
            Wanted::Hex => f.write_str("hex digits"),
            Wanted::Bytes(1) => f.write_str("1 more byte"),
            Wanted::Bytes(bytes) => write!(f, "{bytes} more bytes"),
            Wanted::KnownField => f.write_str("a field of this dialect"),
            Wanted::KnownTag => f.write_str("a tag of this dialect"),
            Wanted::Length => f.write_str("digits of a length"),
            Wanted::Between(min, max) if min == max => write!(f, "a length of {max}"),
            Wanted::Between(min, max) => write!(f, "a length from {min} to {max}"),
            Wanted::Class(class) => f.write_str(class.words()),
            Wanted::Fill => f.write_str("the filling of an odd number of digits"),
            Wanted::Tag => f.write_str("a tag of letters and digits"),
            Wanted::Inside => f.write_str("as many bytes as the length before them tells"),
            Wanted::Parts => f.write_str("whole parts"),
            Wanted::Name => f.write_str("a name and its sign"),
            Wanted::Value => f.write_str("a value"),
            Wanted::OneValue => f.write_str("a value without the sign that ends it"),
            Wanted::End => f.write_str("the end of the message"),
            Wanted::Short(bytes) => write!(f, "a message of at most {bytes} bytes"),
        }
    }
}

impl From<TlvWanted> for Wanted {
    fn from(tlv: TlvWanted) -> Wanted {
        match tlv {
            TlvWanted::Tag => Wanted::Tag,
            TlvWanted::Length => Wanted::Length,
            TlvWanted::Value => Wanted::Inside,
        }
    }
}

/// Something wrong in a value, or in what it is to be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inner {
    /// Bytes from the begin of the value.
    pub at: usize,
    /// The tags, parts or members it is in, the outermost first.
    pub inside: Vec<String>,
    /// What was wanted.
    pub wanted: Wanted,
}

impl Inner {
    /// Something at a byte of the value itself.
    pub fn at(at: usize, wanted: Wanted) -> Inner {
        let inside = Vec::new();
        Inner { at, inside, wanted }
    }

    /// Seen from the value that holds the piece `label`, whose own value begins at `from`.
    #[must_use]
    pub fn under(mut self, label: String, from: usize) -> Inner {
        self.inside.insert(0, label);
        self.at += from;
        self
    }
}
