//! Values behind a tag and a length of so many characters or bytes each, such as the `TT LLL value` of private fields.

use super::coding::{Coding, from_hex, hex_pair};
use nom::bytes::complete::take;
use nom::{IResult, Parser};

/// The shape of a list of tagged values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlvForm {
    /// Characters of a tag; hex digits, two a byte, where it is binary.
    pub tag_chars: usize,
    /// Digits of a length; it counts the bytes of the value.
    pub length_digits: usize,
    /// The coding of tags: ASCII, EBCDIC or binary.
    pub coding: Coding,
    /// The coding of lengths.
    pub length_coding: Coding,
}

/// What was wanted where a list is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlvWanted {
    /// Letters or digits of a tag.
    Tag,
    /// Digits of a length.
    Length,
    /// As many bytes as the length told.
    Value,
}

/// A broken list: what was wanted, `at` bytes after its begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadTlv {
    /// Where.
    pub at: usize,
    /// What.
    pub wanted: TlvWanted,
}

/// One tagged value, as it stands on the wire.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tagged<'a> {
    /// The tag, in the coding of the list.
    pub tag: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// Where the value begins in the list.
    pub at: usize,
}

/// The values of a list, in order; ends after the first fault.
#[derive(Clone)]
pub struct TlvItems<'a> {
    form: TlvForm,
    whole: usize,
    rest: &'a [u8],
}

impl TlvForm {
    /// Walks over a list.
    pub fn items(self, list: &[u8]) -> TlvItems<'_> {
        let (whole, rest) = (list.len(), list);
        TlvItems {
            form: self,
            whole,
            rest,
        }
    }

    /// The first value with this tag (given in ASCII) of a list that is whole up to it.
    pub fn find<'a>(self, list: &'a [u8], tag: &str) -> Option<&'a [u8]> {
        self.items(list)
            .map_while(Result::ok)
            .find(|item| self.is(item.tag, tag))
            .map(|item| item.value)
    }

    /// Bytes of a tag.
    pub fn tag_bytes(self) -> usize {
        match self.coding {
            Coding::Binary => self.tag_chars / 2,
            _ => self.tag_chars,
        }
    }

    /// Bytes of tag and length.
    pub fn head_bytes(self) -> usize {
        self.tag_bytes() + self.length_coding.length_bytes(self.length_digits)
    }

    /// Whether this may be a tag: so many letters and digits, or upper-case hex digits.
    pub fn allows(self, tag: &str) -> bool {
        let hex = self.coding == Coding::Binary;
        let fits = |c: u8| match hex {
            true => c.is_ascii_digit() || (b'A'..=b'F').contains(&c),
            false => c.is_ascii_alphanumeric(),
        };
        tag.len() == self.tag_chars && tag.bytes().all(fits)
    }

    /// Whether a tag of the wire is this one (given in ASCII).
    pub fn is(self, wire: &[u8], tag: &str) -> bool {
        if self.coding == Coding::Binary {
            return wire.iter().flat_map(|byte| hex_pair(*byte)).eq(tag.bytes());
        }
        wire.len() == tag.len()
            && wire
                .iter()
                .zip(tag.bytes())
                .all(|(w, t)| self.coding.character(*w) == t)
    }

    /// Most bytes of one value.
    pub fn value_bytes_max(self) -> usize {
        self.length_coding.length_max(self.length_digits)
    }

    /// Appends one value. False, and nothing appended, when tag or value do not fit the form.
    pub fn put(self, tag: &str, value: &[u8], out: &mut Vec<u8>) -> bool {
        if tag.len() != self.tag_chars || value.len() > self.value_bytes_max() {
            return false;
        }
        match self.coding {
            Coding::Binary => match from_hex(tag.as_bytes()) {
                Some(tag) => out.extend(tag),
                None => return false,
            },
            coding => out.extend(tag.bytes().map(|c| coding.byte(c))),
        }
        let at = out.len();
        out.resize(at + self.length_coding.length_bytes(self.length_digits), 0);
        self.length_coding.write_length(value.len(), &mut out[at..]);
        out.extend_from_slice(value);
        true
    }
}

impl<'a> Iterator for TlvItems<'a> {
    type Item = Result<Tagged<'a>, BadTlv>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        match item(self.form, self.rest) {
            Ok((rest, (tag, value))) => {
                self.rest = rest;
                let at = self.whole - rest.len() - value.len();
                Some(Ok(Tagged { tag, value, at }))
            }
            Err(nom::Err::Error(fault) | nom::Err::Failure(fault)) => {
                self.rest = &[];
                let at = self.whole - fault.left;
                Some(Err(BadTlv {
                    at,
                    wanted: fault.wanted,
                }))
            }
            Err(nom::Err::Incomplete(_)) => None,
        }
    }
}

/// nom's error: what was wanted with so many bytes left.
struct Fault {
    left: usize,
    wanted: TlvWanted,
}

impl nom::error::ParseError<&[u8]> for Fault {
    fn from_error_kind(input: &[u8], _: nom::error::ErrorKind) -> Fault {
        Fault {
            left: input.len(),
            wanted: TlvWanted::Value,
        }
    }

    fn append(_: &[u8], _: nom::error::ErrorKind, first: Fault) -> Fault {
        first
    }
}

type TagAndValue<'a> = (&'a [u8], &'a [u8]);

#[inline]
fn item(form: TlvForm, list: &[u8]) -> IResult<&[u8], TagAndValue<'_>, Fault> {
    let wanted = |wanted, left: &[u8]| {
        let left = left.len();
        move |_: nom::Err<Fault>| nom::Err::Error(Fault { left, wanted })
    };
    let refused = |wanted, left: &[u8]| {
        nom::Err::Error(Fault {
            left: left.len(),
            wanted,
        })
    };
    let (after, tag) = take(form.tag_bytes())
        .parse(list)
        .map_err(wanted(TlvWanted::Tag, list))?;
    let alphanumeric = |c: &u8| form.coding.character(*c).is_ascii_alphanumeric();
    if form.coding != Coding::Binary && !tag.iter().all(alphanumeric) {
        return Err(refused(TlvWanted::Tag, list));
    }
    let (behind, digits) = take(form.length_coding.length_bytes(form.length_digits))
        .parse(after)
        .map_err(wanted(TlvWanted::Length, after))?;
    let Some(length) = form.length_coding.read_length(digits) else {
        return Err(refused(TlvWanted::Length, after));
    };
    let (rest, value) = take(length).parse(behind)?;
    Ok((rest, (tag, value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: TlvForm = TlvForm {
        tag_chars: 2,
        length_digits: 3,
        coding: Coding::Ascii,
        length_coding: Coding::Ascii,
    };

    #[test]
    fn values_are_written_and_read_back() {
        let mut list = Vec::new();
        assert!(FORM.put("10", b"B77", &mut list));
        assert!(FORM.put("21", b"max", &mut list));
        assert!(FORM.put("31", b"", &mut list));
        assert_eq!(list, b"10003B7721003max31000");
        assert_eq!(FORM.find(&list, "21"), Some(&b"max"[..]));
        assert_eq!(FORM.find(&list, "31"), Some(&b""[..]));
        assert_eq!(FORM.find(&list, "99"), None);
        assert!(!FORM.put("1", b"", &mut list));
        assert!(!FORM.put("10", &[b'x'; 1000], &mut list));
    }

    #[test]
    fn tags_and_lengths_may_be_bytes() {
        let form = TlvForm {
            tag_chars: 4,
            length_digits: 2,
            coding: Coding::Binary,
            length_coding: Coding::Binary,
        };
        let mut list = Vec::new();
        assert!(form.put("DF0A", &[7; 200], &mut list));
        assert!(form.put("0001", b"x", &mut list));
        assert_eq!(list[..3], [0xdf, 0x0a, 200]);
        assert_eq!(form.find(&list, "0001"), Some(&b"x"[..]));
        assert!(!form.put("00", b"", &mut list));
        assert!(!form.put("00xx", b"", &mut list));
        assert!(form.allows("00AF") && !form.allows("00af") && FORM.allows("aZ"));
    }

    fn check_broken(list: &[u8], at: usize, wanted: TlvWanted) {
        let fault = FORM.items(list).find_map(Result::err);
        assert_eq!(fault, Some(BadTlv { at, wanted }));
    }

    #[test]
    fn a_broken_list_is_refused_with_its_place() {
        check_broken(b"10003B771", 8, TlvWanted::Tag);
        check_broken(b"10003B77=1001x", 8, TlvWanted::Tag);
        check_broken(b"1000", 2, TlvWanted::Length);
        check_broken(b"100x3B77", 2, TlvWanted::Length);
        check_broken(b"10004B77", 5, TlvWanted::Value);
    }
}
