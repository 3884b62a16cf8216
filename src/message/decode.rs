//! Bytes to a message: one pass over the bitmap, each field found, checked and noted.

use bytes::Bytes;
use nom::bytes::complete::take;
use nom::{IResult, Parser};

use super::fault::path_of;
use super::{DecodeError, Message, Span, Table, Wanted};
use crate::spec::{Check, Inner, Mti, Path, Plan, Shape, Spec};
use crate::spec::{all_digits, all_printable};
use crate::wire::bitmap::Bitmap;

impl Message {
    /// Reads a message of this dialect. Everything is checked: lengths, content classes, tags. What
    /// could be read of a bad message is in the error.
    pub fn decode(spec: &Spec, bytes: Bytes) -> Result<Message, DecodeError> {
        let (mti, map, at) = match head(spec, &bytes) {
            Ok(head) => head,
            Err((n, at_byte, wanted)) => {
                let (path, read) = (Path::field(n), None);
                return Err(DecodeError {
                    path,
                    at_byte,
                    wanted,
                    read,
                });
            }
        };
        let mut table = Table::new();
        let bad = walk(spec, &bytes, at, map, &mut table);
        let message = Message {
            bytes,
            mti,
            map,
            head: at as u8,
            table,
        };
        match bad {
            None => Ok(message),
            Some(bad) => Err(bad.into_error(message)),
        }
    }
}

/// The first fault of a walk, and the fields that the message has without it.
struct Bad {
    path: Path,
    at_byte: usize,
    wanted: Wanted,
    good: Bitmap,
}

impl Bad {
    #[cold]
    fn into_error(self, mut message: Message) -> DecodeError {
        message.map = self.good;
        DecodeError {
            path: self.path,
            at_byte: self.at_byte,
            wanted: self.wanted,
            read: Some(Box::new(message)),
        }
    }
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

type Head = (Mti, Bitmap, usize);

#[inline]
pub(super) fn head(spec: &Spec, bytes: &[u8]) -> Result<Head, (usize, usize, Wanted)> {
    let most = usize::from(u16::MAX);
    if bytes.len() > most {
        return Err((0, most, Wanted::Short(most)));
    }
    let coding = spec.mti_coding();
    let wide = coding.wire_bytes(4);
    let mti = bytes.get(..wide).ok_or((0, bytes.len(), Wanted::Mti))?;
    let mti = if wide == 4 {
        Mti::from_digits(&[0, 1, 2, 3].map(|at| coding.character(mti[at])))
    } else {
        Mti::from_digits(&[0, 1, 2, 3].map(|at| b'0' + crate::wire::coding::bcd_nibble(mti, at)))
    };
    let mti = mti.ok_or((0, 0, Wanted::Mti))?;
    match Bitmap::read(spec.bitmap(), &bytes[wide..]) {
        Ok((map, taken)) => Ok((mti, map, wide + taken)),
        Err(bad) if bad.short > 0 => Err((1, bytes.len(), Wanted::Bytes(bad.short))),
        Err(bad) => Err((1, wide + bad.at, Wanted::Hex)),
    }
}

#[inline]
fn walk(spec: &Spec, bytes: &[u8], at: usize, map: Bitmap, table: &mut Table) -> Option<Bad> {
    let mut rest = &bytes[at..];
    let mut bad: Option<Bad> = None;
    let mut last = 1;
    for word in 0..3 {
        let mut left = map.word(word);
        while left != 0 {
            let lead = left.leading_zeros();
            left &= !(1 << 63 >> lead);
            let n = word * 64 + lead as usize + 1;
            last = n;
            let plan = spec.plan(n);
            let before = rest;
            let value;
            (rest, value) = match field(spec, plan, n, rest) {
                Ok(found) => found,
                Err(stop) => return Some(stopped(stop, n, bytes, map, bad)),
            };
            let clean = match plan.check {
                Check::Nothing => true,
                Check::Digits => all_digits(value),
                Check::Printable => all_printable(value),
                Check::Class(class) => class.holds(value),
                Check::Other => false,
            };
            let from = bytes.len() - rest.len() - value.len();
            if !clean && let Some(inner) = inner_fault(spec, n, before, value) {
                bad = Some(spoilt(bad, n, from, &inner, map));
                continue;
            }
            table.push(Span {
                at: from as u16,
                bytes: value.len() as u16,
            });
        }
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

/// Bytes of the length before field `n` at the front of `rest`, and of its value, which may be more
/// than there are.
#[inline]
pub(super) fn length_of(spec: &Spec, n: usize, rest: &[u8]) -> Option<(usize, usize)> {
    let plan = spec.plan(n);
    let digit = |at: usize| {
        let digit = rest.get(at)?.wrapping_sub(b'0');
        (digit <= 9).then_some(usize::from(digit))
    };
    match plan.shape {
        Shape::Fixed => Some((0, usize::from(plan.max))),
        Shape::Ascii2 => Some((2, digit(0)? * 10 + digit(1)?)),
        Shape::Ascii3 => Some((3, digit(0)? * 100 + digit(1)? * 10 + digit(2)?)),
        Shape::Other => {
            let found = spec.field(n)?.find(rest).ok()?;
            Some((found.prefix, found.bytes))
        }
        Shape::Unknown => None,
    }
}

/// Takes the length before a field, and the field.
#[inline]
fn field<'a>(
    spec: &Spec,
    plan: Plan,
    n: usize,
    rest: &'a [u8],
) -> IResult<&'a [u8], &'a [u8], Stop> {
    match plan.shape {
        Shape::Fixed => taken(usize::from(plan.max), rest),
        Shape::Ascii2 => {
            let &[a, b, ref after @ ..] = rest else {
                return Err(short(2, rest));
            };
            let (a, b) = (a.wrapping_sub(b'0'), b.wrapping_sub(b'0'));
            if a > 9 || b > 9 {
                return Err(stop(rest, Wanted::Length));
            }
            counted(plan, u16::from(a) * 10 + u16::from(b), rest, after)
        }
        Shape::Ascii3 => {
            let &[a, b, c, ref after @ ..] = rest else {
                return Err(short(3, rest));
            };
            let [a, b, c] = [a, b, c].map(|digit| digit.wrapping_sub(b'0'));
            if a > 9 || b > 9 || c > 9 {
                return Err(stop(rest, Wanted::Length));
            }
            let length = u16::from(a) * 100 + u16::from(b) * 10 + u16::from(c);
            counted(plan, length, rest, after)
        }
        Shape::Other => {
            let Some(field) = spec.field(n) else {
                return Err(stop(rest, Wanted::KnownField));
            };
            match field.find(rest) {
                Ok(found) => {
                    let (_, after) = rest.split_at(found.prefix);
                    taken(found.bytes, after)
                }
                Err((at, wanted)) => Err(stop(&rest[at..], wanted)),
            }
        }
        Shape::Unknown => Err(stop(rest, Wanted::KnownField)),
    }
}

#[inline]
fn counted<'a>(
    plan: Plan,
    length: u16,
    rest: &'a [u8],
    after: &'a [u8],
) -> IResult<&'a [u8], &'a [u8], Stop> {
    within(plan, usize::from(length), rest)?;
    taken(usize::from(length), after)
}

#[inline]
fn taken(bytes: usize, rest: &[u8]) -> IResult<&[u8], &[u8], Stop> {
    take(bytes)
        .parse(rest)
        .map_err(|_: nom::Err<Stop>| short(bytes, rest))
}

#[inline]
fn within(plan: Plan, told: usize, rest: &[u8]) -> Result<(), nom::Err<Stop>> {
    let (min, max) = (usize::from(plan.min), usize::from(plan.max));
    if told < min || told > max {
        return Err(stop(rest, Wanted::Between(min, max)));
    }
    Ok(())
}

#[cold]
fn stop(rest: &[u8], wanted: Wanted) -> nom::Err<Stop> {
    let left = rest.len();
    nom::Err::Error(Stop { left, wanted })
}

/// The message ended: the fault is at its end.
#[cold]
fn short(bytes: usize, rest: &[u8]) -> nom::Err<Stop> {
    stop(&[], Wanted::Bytes(bytes - rest.len()))
}

/// The content of a field is bad, and what it tells of the place.
fn inner_fault(spec: &Spec, n: usize, before: &[u8], value: &[u8]) -> Option<Inner> {
    let field = spec.field(n)?;
    let found = field.find(before).ok()?;
    field.fault(value, found.units)
}

/// Notes bad content; the walk goes on behind it.
#[cold]
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
#[cold]
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
