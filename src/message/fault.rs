//! A message that cannot be read or made: what was wanted and where. Never what stood there.

use std::fmt;

use super::Message;
use crate::spec::{Inner, Path, Wanted};

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

/// A message that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodeError {
    /// The field, or the tag inside it.
    pub path: Path,
    /// What should have been given.
    pub wanted: Wanted,
}

/// The path of something wrong inside field `n`.
pub(super) fn path_of(n: usize, inner: &Inner) -> Path {
    Path {
        field: n as u8,
        inside: inner.inside.clone(),
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
