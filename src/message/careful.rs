//! The walk over a message in which something is wrong: what, where, and what can be read of it all
//! the same.

use nom::bytes::complete::take;
use nom::{IResult, Parser};

use super::fault::path_of;
use super::{DecodeError, Message, Span, Table, Wanted};
use crate::spec::{Found, Inner, Path, Spec};
use crate::wire::bitmap::Bitmap;

/// The first fault of a walk, and the fields that the message has without it.
struct Bad {
    path: Path,
    at_byte: usize,
    wanted: Wanted,
    good: Bitmap,
}

/// nom's error: what was wanted, with so many bytes left.
struct Stop {
    left: usize,
    wanted: Wanted,
}

impl nom::error::ParseError<&[u8]> for Stop {
    fn from_error_kind(input: &[u8], _: nom::error::ErrorKind) -> Stop {
        let (left, wanted) = (input.len(), Wanted::Inside);
        Stop { left, wanted }
    }

    fn append(_: &[u8], _: nom::error::ErrorKind, first: Stop) -> Stop {
        first
    }
}

/// Reads the fields of a message whose head was read.
#[cold]
pub(super) fn decode(spec: &Spec, mut message: Message) -> Result<Message, DecodeError> {
    let mut table = Table::new();
    let bad = walk(spec, &message, &mut table);
    message.table = table;
    let Some(bad) = bad else {
        return Ok(message);
    };
    message.map = bad.good;
    Err(DecodeError {
        path: bad.path,
        at_byte: bad.at_byte,
        wanted: bad.wanted,
        read: Some(Box::new(message)),
    })
}

fn walk(spec: &Spec, message: &Message, table: &mut Table) -> Option<Bad> {
    let (bytes, map) = (&message.bytes[..], message.map);
    let mut rest = &bytes[usize::from(message.head)..];
    let mut bad: Option<Bad> = None;
    let mut last = 1;
    for n in map.iter() {
        last = n;
        let (found, value);
        (rest, (found, value)) = match field(spec, n, rest) {
            Ok(found) => found,
            Err(stop) => return Some(stopped(stop, n, bytes, map, bad)),
        };
        let from = bytes.len() - rest.len() - value.len();
        let inner = spec
            .field(n)
            .and_then(|field| field.fault(value, found.units));
        if let Some(inner) = inner {
            bad = Some(spoilt(bad, n, from, &inner, map));
            continue;
        }
        table.push(Span {
            at: from as u16,
            bytes: value.len() as u16,
        });
    }
    if !rest.is_empty() && bad.is_none() {
        let at_byte = bytes.len() - rest.len();
        return Some(Bad {
            path: Path::field(last),
            at_byte,
            wanted: Wanted::End,
            good: map,
        });
    }
    bad
}

/// Takes the length before a field, and the field.
fn field<'a>(spec: &Spec, n: usize, rest: &'a [u8]) -> IResult<&'a [u8], (Found, &'a [u8]), Stop> {
    let stop = |at: usize, wanted| {
        let left = rest.len() - at.min(rest.len());
        nom::Err::Error(Stop { left, wanted })
    };
    let field = spec.field(n).ok_or_else(|| stop(0, Wanted::KnownField))?;
    let found = field.find(rest).map_err(|(at, wanted)| stop(at, wanted))?;
    let prefix = take(found.prefix);
    let (rest, (_, value)) = (prefix, take(found.bytes)).parse(rest)?;
    Ok((rest, (found, value)))
}

/// Notes bad content; the walk goes on behind it.
fn spoilt(bad: Option<Bad>, n: usize, from: usize, inner: &Inner, map: Bitmap) -> Bad {
    let mut bad = bad.unwrap_or_else(|| Bad {
        path: path_of(n, inner),
        at_byte: from + inner.at,
        wanted: inner.wanted,
        good: map,
    });
    bad.good.clear(n);
    bad
}

/// The structure is bad: nothing behind it can be found.
fn stopped(stop: nom::Err<Stop>, n: usize, bytes: &[u8], map: Bitmap, bad: Option<Bad>) -> Bad {
    let (left, wanted) = match stop {
        nom::Err::Error(stop) | nom::Err::Failure(stop) => (stop.left, stop.wanted),
        nom::Err::Incomplete(_) => (0, Wanted::Inside),
    };
    let mut bad = bad.unwrap_or_else(|| Bad {
        path: Path::field(n),
        at_byte: bytes.len() - left,
        wanted,
        good: map,
    });
    for lost in map.iter().filter(|lost| *lost >= n) {
        bad.good.clear(lost);
    }
    bad
}
