//! How characters, digits and bytes stand on the wire: ASCII, EBCDIC, BCD, hex, binary; and how a
//! length before a value is written.

/// The coding of a value, or of the length before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// One byte a character.
    Ascii,
    /// EBCDIC, code page 037.
    Cp037,
    /// EBCDIC, code page 500.
    Cp500,
    /// Two digits a byte; an odd number of digits is filled up by `Fill`.
    Bcd(Fill),
    /// Two hex characters (ASCII) a byte of content.
    Hex,
    /// Two hex characters in EBCDIC a byte of content.
    HexEbcdic,
    /// Bytes as they are.
    Binary,
}

/// Where and with which nibble an odd number of BCD digits is filled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// A 0 before the first digit.
    Left0,
    /// An F before the first digit.
    LeftF,
    /// A 0 after the last digit.
    Right0,
    /// An F after the last digit.
    RightF,
}

impl Coding {
    /// Every coding with its name in a dialect file.
    pub const TABLE: [(&str, Coding); 10] = [
        ("ascii", Coding::Ascii),
        ("cp037", Coding::Cp037),
        ("cp500", Coding::Cp500),
        ("bcd", Coding::Bcd(Fill::Left0)),
        ("bcd-left-f", Coding::Bcd(Fill::LeftF)),
        ("bcd-right", Coding::Bcd(Fill::Right0)),
        ("bcd-right-f", Coding::Bcd(Fill::RightF)),
        ("hex", Coding::Hex),
        ("hex-ebcdic", Coding::HexEbcdic),
        ("binary", Coding::Binary),
    ];

    /// The coding with this name in a dialect file.
    pub fn named(name: &str) -> Option<Coding> {
        let found = Coding::TABLE.iter().find(|(known, _)| *known == name)?;
        Some(found.1)
    }

    /// The name in a dialect file.
    pub fn name(self) -> &'static str {
        let found = Coding::TABLE.iter().find(|(_, coding)| *coding == self);
        found.map_or("", |(name, _)| name)
    }

    /// Bytes on the wire of so many units of content: characters, digits, or (hex, binary) bytes.
    pub fn wire_bytes(self, units: usize) -> usize {
        match self {
            Coding::Ascii | Coding::Cp037 | Coding::Cp500 | Coding::Binary => units,
            Coding::Bcd(_) => units.div_ceil(2),
            Coding::Hex | Coding::HexEbcdic => units * 2,
        }
    }

    /// Most units of content in so many bytes on the wire.
    pub fn units(self, wire_bytes: usize) -> usize {
        match self {
            Coding::Ascii | Coding::Cp037 | Coding::Cp500 | Coding::Binary => wire_bytes,
            Coding::Bcd(_) => wire_bytes * 2,
            Coding::Hex | Coding::HexEbcdic => wire_bytes / 2,
        }
    }

    /// Whether characters stand one a byte: ASCII and EBCDIC.
    pub fn is_text(self) -> bool {
        matches!(self, Coding::Ascii | Coding::Cp037 | Coding::Cp500)
    }

    /// Whether a byte of content takes two characters.
    pub fn is_hex(self) -> bool {
        matches!(self, Coding::Hex | Coding::HexEbcdic)
    }

    /// One byte of the wire as the character it stands for; BCD, hex and binary as they are.
    #[inline]
    pub fn character(self, byte: u8) -> u8 {
        match self {
            // Digits and the letters A to F stand at the same places in both pages.
            Coding::Cp037 | Coding::HexEbcdic => CP037[usize::from(byte)],
            Coding::Cp500 => CP500[usize::from(byte)],
            _ => byte,
        }
    }

    /// One character as its byte on the wire; BCD, hex and binary as they are.
    pub fn byte(self, character: u8) -> u8 {
        match self {
            Coding::Cp037 | Coding::HexEbcdic => TO_CP037[usize::from(character)],
            Coding::Cp500 => TO_CP500[usize::from(character)],
            _ => character,
        }
    }

    /// The characters of a text or BCD value appended to `out`: `units` of them. A BCD nibble above
    /// 9 becomes the character after `9` in ASCII, so that D is the `=` of a track.
    pub fn read(self, wire: &[u8], units: usize, out: &mut Vec<u8>) {
        match self {
            Coding::Bcd(fill) => {
                let skipped = usize::from(units % 2 == 1 && fill.is_left());
                out.extend((skipped..skipped + units).map(|at| b'0' + bcd_nibble(wire, at)));
            }
            Coding::Cp037 | Coding::Cp500 | Coding::HexEbcdic => {
                out.extend(wire.iter().map(|b| self.character(*b)));
            }
            Coding::Ascii | Coding::Hex | Coding::Binary => out.extend_from_slice(wire),
        }
    }

    /// Appends a value to `out`. For hex and binary `content` is already digits, or bytes.
    /// False when a character has no place in the coding.
    pub fn write(self, content: &[u8], out: &mut Vec<u8>) -> bool {
        match self {
            Coding::Bcd(fill) => write_bcd(content, fill, out),
            Coding::Cp037 | Coding::Cp500 | Coding::HexEbcdic => {
                out.extend(content.iter().map(|c| self.byte(*c)));
                true
            }
            Coding::Ascii | Coding::Hex | Coding::Binary => {
                out.extend_from_slice(content);
                true
            }
        }
    }

    /// The highest length that so many digits can tell.
    pub fn length_max(self, digits: usize) -> usize {
        match self {
            Coding::Binary => 256_usize.pow(self.length_bytes(digits) as u32) - 1,
            Coding::Hex | Coding::HexEbcdic => 16_usize.pow(digits as u32) - 1,
            _ => 10_usize.pow(digits as u32) - 1,
        }
    }

    /// Bytes of a length of so many digits. Binary lengths take 1 byte up to LL, 2 up to LLLL, 3 above.
    pub fn length_bytes(self, digits: usize) -> usize {
        match self {
            Coding::Bcd(_) => digits.div_ceil(2),
            Coding::Binary => match digits {
                0..=2 => 1,
                3..=4 => 2,
                _ => 3,
            },
            _ => digits,
        }
    }

    /// Reads a length that fills `wire`, at most eight bytes; `None` when there is something else than digits.
    pub fn read_length(self, wire: &[u8]) -> Option<usize> {
        let mut length = 0;
        for byte in wire {
            length = match self {
                Coding::Binary => length << 8 | usize::from(*byte),
                Coding::Hex | Coding::HexEbcdic => {
                    let digit = nibble(self.character(*byte));
                    if digit > 15 {
                        return None;
                    }
                    length << 4 | usize::from(digit)
                }
                Coding::Bcd(_) => {
                    if byte >> 4 > 9 || byte & 15 > 9 {
                        return None;
                    }
                    length * 100 + usize::from(byte >> 4) * 10 + usize::from(byte & 15)
                }
                _ => {
                    let digit = self.character(*byte).wrapping_sub(b'0');
                    if digit > 9 {
                        return None;
                    }
                    length * 10 + usize::from(digit)
                }
            };
        }
        Some(length)
    }

    /// Writes a length over the whole of `wire`. The caller has checked that it fits.
    pub fn write_length(self, mut length: usize, wire: &mut [u8]) {
        for place in wire.iter_mut().rev() {
            match self {
                Coding::Binary => {
                    *place = length as u8;
                    length >>= 8;
                }
                Coding::Hex | Coding::HexEbcdic => {
                    *place = self.byte(hex_pair((length & 15) as u8)[1]);
                    length >>= 4;
                }
                Coding::Bcd(_) => {
                    *place = (((length / 10 % 10) << 4) | (length % 10)) as u8;
                    length /= 100;
                }
                _ => {
                    *place = self.byte(b'0' + (length % 10) as u8);
                    length /= 10;
                }
            }
        }
    }
}

impl Fill {
    /// Whether the nibble stands before the digits.
    pub fn is_left(self) -> bool {
        matches!(self, Fill::Left0 | Fill::LeftF)
    }

    /// The nibble.
    pub fn nibble(self) -> u8 {
        match self {
            Fill::Left0 | Fill::Right0 => 0,
            Fill::LeftF | Fill::RightF => 0xf,
        }
    }
}

/// Nibble number `at` of some BCD bytes, the high one first.
pub fn bcd_nibble(wire: &[u8], at: usize) -> u8 {
    let byte = wire.get(at / 2).copied().unwrap_or(0);
    if at.is_multiple_of(2) {
        byte >> 4
    } else {
        byte & 15
    }
}

/// The value of a hex digit, or a number above 15.
pub const fn nibble(character: u8) -> u8 {
    match character {
        b'0'..=b'9' => character - b'0',
        b'A'..=b'F' => character - b'A' + 10,
        b'a'..=b'f' => character - b'a' + 10,
        _ => 0xff,
    }
}

/// Two upper-case hex digits.
pub fn hex_pair(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|n| b"0123456789ABCDEF"[usize::from(n)])
}

/// Bytes as upper-case hex digits.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| hex_pair(*byte))
        .map(char::from)
        .collect()
}

/// Bytes from hex digits of either case; `None` for an odd number of them or any other character.
pub fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() % 2 == 1 {
        return None;
    }
    text.chunks_exact(2)
        .map(|pair| match (nibble(pair[0]), nibble(pair[1])) {
            (high @ 0..=15, low @ 0..=15) => Some(high << 4 | low),
            _ => None,
        })
        .collect()
}

fn write_bcd(content: &[u8], fill: Fill, out: &mut Vec<u8>) -> bool {
    let odd = content.len() % 2 == 1;
    let (first, last) = match (odd, fill.is_left()) {
        (false, _) => (None, None),
        (true, true) => (Some(fill.nibble()), None),
        (true, false) => (None, Some(fill.nibble())),
    };
    let digits = content.iter().map(|character| match character {
        // The printed form of a track has D as well as `=` for its separator.
        b'D' => 0xd,
        _ => character.wrapping_sub(b'0'),
    });
    let mut high = None;
    for digit in first.into_iter().chain(digits).chain(last) {
        if digit > 15 {
            return false;
        }
        match high.take() {
            None => high = Some(digit),
            Some(tens) => out.push(tens << 4 | digit),
        }
    }
    true
}

const fn reversed(page: &[u8; 256]) -> [u8; 256] {
    let mut reversed = [0; 256];
    let mut at = 0;
    while at < 256 {
        reversed[page[at] as usize] = at as u8;
        at += 1;
    }
    reversed
}

static TO_CP037: [u8; 256] = reversed(&CP037);
static TO_CP500: [u8; 256] = reversed(&CP500);

// Both pages are permutations of Latin-1 (IBM code page registry, as in Unicode's CP037.TXT and CP500.TXT).
#[rustfmt::skip]
static CP037: [u8; 256] = [
    0x00, 0x01, 0x02, 0x03, 0x9c, 0x09, 0x86, 0x7f, 0x97, 0x8d, 0x8e, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
    0x10, 0x11, 0x12, 0x13, 0x9d, 0x85, 0x08, 0x87, 0x18, 0x19, 0x92, 0x8f, 0x1c, 0x1d, 0x1e, 0x1f,
    0x80, 0x81, 0x82, 0x83, 0x84, 0x0a, 0x17, 0x1b, 0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x05, 0x06, 0x07,
    0x90, 0x91, 0x16, 0x93, 0x94, 0x95, 0x96, 0x04, 0x98, 0x99, 0x9a, 0x9b, 0x14, 0x15, 0x9e, 0x1a,
    0x20, 0xa0, 0xe2, 0xe4, 0xe0, 0xe1, 0xe3, 0xe5, 0xe7, 0xf1, 0xa2, 0x2e, 0x3c, 0x28, 0x2b, 0x7c,
    0x26, 0xe9, 0xea, 0xeb, 0xe8, 0xed, 0xee, 0xef, 0xec, 0xdf, 0x21, 0x24, 0x2a, 0x29, 0x3b, 0xac,
    0x2d, 0x2f, 0xc2, 0xc4, 0xc0, 0xc1, 0xc3, 0xc5, 0xc7, 0xd1, 0xa6, 0x2c, 0x25, 0x5f, 0x3e, 0x3f,
    0xf8, 0xc9, 0xca, 0xcb, 0xc8, 0xcd, 0xce, 0xcf, 0xcc, 0x60, 0x3a, 0x23, 0x40, 0x27, 0x3d, 0x22,
    0xd8, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0xab, 0xbb, 0xf0, 0xfd, 0xfe, 0xb1,
    0xb0, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x70, 0x71, 0x72, 0xaa, 0xba, 0xe6, 0xb8, 0xc6, 0xa4,
    0xb5, 0x7e, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0xa1, 0xbf, 0xd0, 0xdd, 0xde, 0xae,
    0x5e, 0xa3, 0xa5, 0xb7, 0xa9, 0xa7, 0xb6, 0xbc, 0xbd, 0xbe, 0x5b, 0x5d, 0xaf, 0xa8, 0xb4, 0xd7,
    0x7b, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0xad, 0xf4, 0xf6, 0xf2, 0xf3, 0xf5,
    0x7d, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f, 0x50, 0x51, 0x52, 0xb9, 0xfb, 0xfc, 0xf9, 0xfa, 0xff,
    0x5c, 0xf7, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0xb2, 0xd4, 0xd6, 0xd2, 0xd3, 0xd5,
    0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0xb3, 0xdb, 0xdc, 0xd9, 0xda, 0x9f,
];

#[rustfmt::skip]
static CP500: [u8; 256] = [
    0x00, 0x01, 0x02, 0x03, 0x9c, 0x09, 0x86, 0x7f, 0x97, 0x8d, 0x8e, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
    0x10, 0x11, 0x12, 0x13, 0x9d, 0x85, 0x08, 0x87, 0x18, 0x19, 0x92, 0x8f, 0x1c, 0x1d, 0x1e, 0x1f,
    0x80, 0x81, 0x82, 0x83, 0x84, 0x0a, 0x17, 0x1b, 0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x05, 0x06, 0x07,
    0x90, 0x91, 0x16, 0x93, 0x94, 0x95, 0x96, 0x04, 0x98, 0x99, 0x9a, 0x9b, 0x14, 0x15, 0x9e, 0x1a,
    0x20, 0xa0, 0xe2, 0xe4, 0xe0, 0xe1, 0xe3, 0xe5, 0xe7, 0xf1, 0x5b, 0x2e, 0x3c, 0x28, 0x2b, 0x21,
    0x26, 0xe9, 0xea, 0xeb, 0xe8, 0xed, 0xee, 0xef, 0xec, 0xdf, 0x5d, 0x24, 0x2a, 0x29, 0x3b, 0x5e,
    0x2d, 0x2f, 0xc2, 0xc4, 0xc0, 0xc1, 0xc3, 0xc5, 0xc7, 0xd1, 0xa6, 0x2c, 0x25, 0x5f, 0x3e, 0x3f,
    0xf8, 0xc9, 0xca, 0xcb, 0xc8, 0xcd, 0xce, 0xcf, 0xcc, 0x60, 0x3a, 0x23, 0x40, 0x27, 0x3d, 0x22,
    0xd8, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0xab, 0xbb, 0xf0, 0xfd, 0xfe, 0xb1,
    0xb0, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x70, 0x71, 0x72, 0xaa, 0xba, 0xe6, 0xb8, 0xc6, 0xa4,
    0xb5, 0x7e, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0xa1, 0xbf, 0xd0, 0xdd, 0xde, 0xae,
    0xa2, 0xa3, 0xa5, 0xb7, 0xa9, 0xa7, 0xb6, 0xbc, 0xbd, 0xbe, 0xac, 0x7c, 0xaf, 0xa8, 0xb4, 0xd7,
    0x7b, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0xad, 0xf4, 0xf6, 0xf2, 0xf3, 0xf5,
    0x7d, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f, 0x50, 0x51, 0x52, 0xb9, 0xfb, 0xfc, 0xf9, 0xfa, 0xff,
    0x5c, 0xf7, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0xb2, 0xd4, 0xd6, 0xd2, 0xd3, 0xd5,
    0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0xb3, 0xdb, 0xdc, 0xd9, 0xda, 0x9f,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, content: &str, wire: &str) {
        let coding = Coding::named(name).unwrap();
        let mut written = Vec::new();
        assert!(coding.write(content.as_bytes(), &mut written));
        assert_eq!(to_hex(&written), wire, "{name} {content}");
        let mut read = Vec::new();
        coding.read(&written, content.len(), &mut read);
        assert_eq!(String::from_utf8(read).unwrap(), content, "{name} {wire}");
    }

    #[test]
    fn values_are_written_and_read_back() {
        check("ascii", "A1 ", "413120");
        check("cp037", "0189AZaz =", "F0F1F8F9C1E981A9407E");
        check("cp500", "[!]", "4A4F5A");
        check("cp037", "[!]", "BA5ABB");
        check("hex-ebcdic", "0FA9", "F0C6C1F9");
        check("bcd", "123", "0123");
        check("bcd-left-f", "123", "F123");
        check("bcd-right", "123", "1230");
        check("bcd-right-f", "123=4", "123D4F");
        check("bcd", "1234", "1234");
    }

    #[test]
    fn what_is_no_nibble_is_refused() {
        assert!(!Coding::Bcd(Fill::Left0).write(b"12a4", &mut Vec::new()));
    }

    fn check_length(name: &str, digits: usize, length: usize, wire: &str) {
        let coding = Coding::named(name).unwrap();
        let mut written = vec![0; coding.length_bytes(digits)];
        coding.write_length(length, &mut written);
        assert_eq!(to_hex(&written), wire, "{name}");
        assert_eq!(coding.read_length(&written), Some(length), "{name}");
    }

    #[test]
    fn lengths_are_written_and_read_back() {
        check_length("ascii", 3, 45, "303435");
        check_length("cp037", 2, 37, "F3F7");
        check_length("bcd", 2, 19, "19");
        check_length("bcd", 3, 123, "0123");
        check_length("binary", 2, 37, "25");
        check_length("binary", 3, 999, "03E7");
        check_length("hex", 2, 0x2f, "3246");
        check_length("hex-ebcdic", 3, 0xabc, "C1C2C3");
        assert_eq!(Coding::Ascii.read_length(b"1x"), None);
        assert_eq!(Coding::Bcd(Fill::Left0).read_length(&[0x1a]), None);
    }

    #[test]
    fn both_code_pages_are_permutations() {
        for byte in 0..=255 {
            assert_eq!(Coding::Cp037.byte(Coding::Cp037.character(byte)), byte);
            assert_eq!(Coding::Cp500.byte(Coding::Cp500.character(byte)), byte);
        }
    }
}
