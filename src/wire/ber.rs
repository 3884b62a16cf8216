//! BER-TLV as chip cards and their fields use it: tags of one to three bytes, lengths of one to five,
//! null bytes between values (EMV book 3, annex B; ISO/IEC 7816-4, 5.2.2).

use super::tlv::{BadTlv, TlvWanted};

/// Most bytes of a tag.
pub const TAG_BYTES_MAX: usize = 3;

/// One value of a list, as it stands on the wire.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BerItem<'a> {
    /// The bytes of the tag.
    pub tag: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// Where the value begins in the list.
    pub at: usize,
}

impl BerItem<'_> {
    /// Whether the tag says that its value is a list again.
    pub fn is_constructed(&self) -> bool {
        self.tag.first().is_some_and(|first| first & 0x20 != 0)
    }
}

/// The values of a list, in order; ends after the first fault.
#[derive(Debug, Clone)]
pub struct BerItems<'a> {
    list: &'a [u8],
    at: usize,
}

/// Walks over a list.
pub fn items(list: &[u8]) -> BerItems<'_> {
    BerItems { list, at: 0 }
}

impl BerItems<'_> {
    /// Where the next value, or the padding before it, begins.
    pub fn at(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for BerItems<'a> {
    type Item = Result<BerItem<'a>, BadTlv>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.list.get(self.at..)?;
        // Null bytes before, between and after values fill up and mean nothing.
        let from = self.at + rest.iter().position(|byte| *byte != 0)?;
        let item = item(self.list, from);
        self.at = match &item {
            Ok(item) => item.at + item.value.len(),
            Err(_) => self.list.len(),
        };
        Some(item)
    }
}

fn item(list: &[u8], from: usize) -> Result<BerItem<'_>, BadTlv> {
    let bad = |at, wanted| BadTlv { at, wanted };
    let after = from + tag_bytes(&list[from..]).ok_or(bad(from, TlvWanted::Tag))?;
    let tag = &list[from..after];
    let first = *list.get(after).ok_or(bad(after, TlvWanted::Length))?;
    let (length, at) = match first {
        0..=0x7f => (usize::from(first), after + 1),
        // 0x80, a length that is told by its end, is for streams; lengths above four bytes for nobody.
        0x81..=0x84 => {
            let at = after + 1 + usize::from(first & 0x7f);
            let digits = list.get(after + 1..at);
            let digits = digits.ok_or(bad(after, TlvWanted::Length))?;
            let length = digits
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            (length, at)
        }
        _ => return Err(bad(after, TlvWanted::Length)),
    };
    let end = at
        .checked_add(length)
        .ok_or(bad(after, TlvWanted::Length))?;
    let value = list.get(at..end).ok_or(bad(at, TlvWanted::Value))?;
    Ok(BerItem { tag, value, at })
}

/// Bytes of the tag at the front; `None` where it ends too early or is too long.
pub fn tag_bytes(list: &[u8]) -> Option<usize> {
    if list.first()? & 0x1f != 0x1f {
        return Some(1);
    }
    let last = list
        .get(1..)?
        .iter()
        .take(TAG_BYTES_MAX - 1)
        .position(|byte| byte & 0x80 == 0)?;
    Some(last + 2)
}

/// Appends one value, its length in the shortest form. False, and nothing appended, when `tag` is no tag.
pub fn put(tag: &[u8], value: &[u8], out: &mut Vec<u8>) -> bool {
    if tag_bytes(tag) != Some(tag.len()) || tag[0] == 0 {
        return false;
    }
    out.extend_from_slice(tag);
    let length = (value.len() as u32).to_be_bytes();
    let short = length.iter().position(|byte| *byte != 0).unwrap_or(3);
    if value.len() >= 0x80 {
        out.push(0x80 | (4 - short) as u8);
    }
    out.extend_from_slice(&length[short..]);
    out.extend_from_slice(value);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::coding::{from_hex, to_hex};

    fn check(list: &str, wanted: &str) {
        let list = from_hex(list.as_bytes()).unwrap();
        let told: Vec<String> = items(&list)
            .map(|item| match item {
                Ok(item) => format!("{}={}", to_hex(item.tag), to_hex(item.value)),
                Err(bad) => format!("{:?} at {}", bad.wanted, bad.at),
            })
            .collect();
        assert_eq!(told.join(" "), wanted);
    }

    #[test]
    fn values_are_found() {
        check("", "");
        check(
            "9F02060000000005009A03260604",
            "9F02=000000000500 9A=260604",
        );
        check("DF81010199", "DF8101=99");
        check("9C00", "9C=");
        check("5F2A8102036482023900", "5F2A=0364 82=3900");
        check("00009C010000009A0100000000", "9C=00 9A=00");
        check("7003820101", "70=820101");
    }

    #[test]
    fn a_broken_list_is_refused_with_its_place() {
        check("9F", "Tag at 0");
        check("9C01009F", "9C=00 Tag at 3");
        check("9F02", "Length at 2");
        check("9F02060000", "Value at 3");
        check("9F0281", "Length at 2");
        check("9C80", "Length at 1");
        check("9C8500000000010000", "Length at 1");
        check("9C84FFFFFFFF00", "Value at 6");
        check("DF81818101FF", "Tag at 0");
    }

    #[test]
    fn values_are_written_as_they_are_read() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let value = vec![7; length];
            let mut list = Vec::new();
            assert!(put(&[0x9f, 0x02], &value, &mut list));
            let item = items(&list).next().unwrap().ok().unwrap();
            assert_eq!((item.tag, item.value), (&[0x9f, 0x02][..], &value[..]));
        }
        assert!(!put(&[0x9f], b"", &mut Vec::new()));
        assert!(!put(&[0x9a, 0x00], b"", &mut Vec::new()));
        assert!(!put(&[0], b"", &mut Vec::new()));
    }
}
