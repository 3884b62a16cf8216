//! What a value may hold: the content classes of ISO 8583.

/// A content class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Digits.
    N,
    /// Letters.
    A,
    /// Letters and digits.
    An,
    /// Letters, digits and the space that pads them.
    Anp,
    /// Printable ASCII.
    Ans,
    /// Digits and printable signs, no letters.
    Ns,
    /// Track 2: digits, `=` (or D) and the other signs of the track alphabet.
    Z,
    /// Bytes.
    B,
    /// A sign C or D and digits.
    Xn,
    /// Another sign and digits: C, D, +, -, a blank, or 0 where there is none.
    Sn,
    /// Text in the charset of the link: anything but control characters.
    Text,
    /// Anything.
    Free,
}

impl Class {
    /// Every class with its name in a dialect file.
    pub const TABLE: [(&str, Class); 12] = [
        ("n", Class::N),
        ("a", Class::A),
        ("an", Class::An),
        ("anp", Class::Anp),
        ("ans", Class::Ans),
        ("ns", Class::Ns),
        ("z", Class::Z),
        ("b", Class::B),
        ("x+n", Class::Xn),
        ("s+n", Class::Sn),
        ("text", Class::Text),
        ("free", Class::Free),
    ];

    /// The name in a dialect file.
    pub fn name(self) -> &'static str {
        let found = Class::TABLE.iter().find(|(_, class)| *class == self);
        found.map_or("", |(name, _)| name)
    }

    /// What is wanted, for people.
    pub fn words(self) -> &'static str {
        match self {
            Class::N => "digits",
            Class::A => "letters",
            Class::An => "letters and digits",
            Class::Anp => "letters, digits and spaces",
            Class::Ans => "printable characters",
            Class::Ns => "digits and signs",
            Class::Z => "track 2 characters",
            Class::B => "bytes",
            Class::Xn => "C or D and digits",
            Class::Sn => "a sign and digits",
            Class::Text => "text",
            Class::Free => "anything",
        }
    }

    /// Whether a character (or byte) may stand at place `at` of a value of this class.
    #[inline]
    pub fn allows(self, at: usize, character: u8) -> bool {
        match self {
            Class::Xn if at == 0 => matches!(character, b'C' | b'D'),
            Class::Sn if at == 0 => matches!(character, b'C' | b'D' | b'+' | b'-' | b' ' | b'0'),
            Class::Xn | Class::Sn => character.is_ascii_digit(),
            _ => ALLOWED[usize::from(character)] & self.bit() != 0,
        }
    }

    /// Whether all of `value` is of this class, where its places do not differ (all but x+n and s+n).
    #[inline]
    pub fn holds(self, value: &[u8]) -> bool {
        match self {
            Class::B | Class::Free => true,
            Class::N => all_digits(value),
            Class::Ans => all_printable(value),
            Class::Text => all_text(value),
            // Mostly these hold digits, and the track its `=`.
            Class::An | Class::Anp if all_digits(value) => true,
            Class::Z if all_track(value) => true,
            _ => {
                let seen = value
                    .iter()
                    .fold(u16::MAX, |seen, c| seen & ALLOWED[usize::from(*c)]);
                seen & self.bit() != 0
            }
        }
    }

    /// The first place where `value` (in characters) is not of this class.
    #[inline]
    pub fn fault(self, value: &[u8]) -> Option<usize> {
        if !self.is_signed() && self.holds(value) {
            return None;
        }
        let mut places = value.iter().enumerate();
        places.position(|(at, c)| !self.allows(at, *c))
    }

    /// Whether a fixed value is filled up on its left, as numbers are.
    pub fn is_numeric(self) -> bool {
        self == Class::N || self.is_signed()
    }

    /// Whether its first character is a sign, which stands before the digits whatever their coding.
    pub fn is_signed(self) -> bool {
        matches!(self, Class::Xn | Class::Sn)
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// For each byte the classes that allow it, a bit each.
static ALLOWED: [u16; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let c = at as u8;
        let (digit, letter) = (c.is_ascii_digit(), c.is_ascii_alphabetic());
        let printable = c >= 0x20 && c < 0x7f;
        let mut bits = Class::B.bit() | Class::Free.bit();
        if digit {
            bits |= Class::N.bit();
        }
        if letter {
            bits |= Class::A.bit();
        }
        if digit || letter {
            bits |= Class::An.bit();
        }
        if digit || letter || c == b' ' {
            bits |= Class::Anp.bit();
        }
        if printable {
            bits |= Class::Ans.bit();
        }
        if printable && !letter {
            bits |= Class::Ns.bit();
        }
        if digit || (c >= b':' && c <= b'?') || c == b'D' {
            bits |= Class::Z.bit();
        }
        if c >= 0x20 && c != 0x7f {
            bits |= Class::Text.bit();
        }
        table[at] = bits;
        at += 1;
    }
    table
};

const ONES: u64 = u64::MAX / 255;

/// Whether all bytes are ASCII digits, eight at a time.
#[inline]
pub fn all_digits(value: &[u8]) -> bool {
    // The high nibble must be 3, and must still be after adding 6 to the low one. A carry out of a
    // byte comes only from a byte that already fails.
    eight_by_eight(value, |x| {
        let high = |x: u64| (x & (ONES * 0xf0)) ^ (ONES * 0x30);
        high(x) | high(x.wrapping_add(ONES * 6))
    })
}

/// Whether all bytes are printable ASCII, eight at a time.
#[inline]
pub fn all_printable(value: &[u8]) -> bool {
    // No high bit; adding 0x60 sets it for 0x20 and above; adding 1 must not set it (0x7f).
    eight_by_eight(value, |x| {
        (x | x.wrapping_add(ONES) | !x.wrapping_add(ONES * 0x60)) & (ONES * 0x80)
    })
}

/// Whether all BCD nibbles are digits, sixteen at a time.
#[inline]
pub fn all_bcd(value: &[u8]) -> bool {
    eight_by_eight(value, |x| {
        let over = |nibbles: u64| (nibbles & (ONES * 0xf)).wrapping_add(ONES * 6) & (ONES * 0x10);
        over(x) | over(x >> 4)
    })
}

/// Whether no byte is a control character, eight at a time.
#[inline]
fn all_text(value: &[u8]) -> bool {
    eight_by_eight(value, |x| {
        let low = x & (ONES * 0x7f);
        let control = !low.wrapping_add(ONES * 0x60) | low.wrapping_add(ONES);
        control & !x & (ONES * 0x80)
    })
}

/// Whether all bytes are of the track alphabet from `0` to `?`, eight at a time.
#[inline]
pub fn all_track(value: &[u8]) -> bool {
    eight_by_eight(value, |x| (x & (ONES * 0xf0)) ^ (ONES * 0x30))
}

/// `bad` gives 0 for eight good bytes. Bytes are looked at twice where they do not come out even.
#[inline]
fn eight_by_eight(value: &[u8], bad: impl Fn(u64) -> u64) -> bool {
    if let Some(last) = value.last_chunk::<8>() {
        let (chunks, _) = value.as_chunks::<8>();
        let last = bad(u64::from_le_bytes(*last));
        let seen = chunks
            .iter()
            .fold(last, |seen, chunk| seen | bad(u64::from_le_bytes(*chunk)));
        return seen == 0;
    }
    if let (Some(first), Some(last)) = (value.first_chunk::<4>(), value.last_chunk::<4>()) {
        let first = u64::from(u32::from_le_bytes(*first));
        return bad(first << 32 | u64::from(u32::from_le_bytes(*last))) == 0;
    }
    let (&[first, ..], &[.., last]) = (value, value) else {
        return true;
    };
    let middle = value[value.len() / 2];
    let four = u64::from(u32::from_le_bytes([first, middle, last, last]));
    bad(four << 32 | four) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_at_a_time_agrees_with_one_at_a_time() {
        for length in 0..20 {
            for at in 0..length {
                for byte in 0..=255_u8 {
                    let mut value = vec![b'5'; length];
                    value[at] = byte;
                    assert_eq!(all_digits(&value), byte.is_ascii_digit(), "{byte:#x}");
                    let printable = (0x20..0x7f).contains(&byte);
                    assert_eq!(all_printable(&value), printable, "{byte:#x}");
                    for (_, class) in Class::TABLE.iter().filter(|(_, c)| !c.is_signed()) {
                        let one = value.iter().all(|c| class.allows(0, *c));
                        assert_eq!(class.holds(&value), one, "{} {byte:#x}", class.name());
                    }
                    value[at] = byte;
                    let nibbles = value.iter().all(|b| b >> 4 < 10 && b & 15 < 10);
                    assert_eq!(all_bcd(&value), nibbles, "{byte:#x}");
                }
            }
        }
    }

    fn check(class: Class, value: &str, fault: Option<usize>) {
        assert_eq!(
            class.fault(value.as_bytes()),
            fault,
            "{} {value}",
            class.name()
        );
    }

    #[test]
    fn classes_allow_what_the_standard_says() {
        check(Class::N, "0123456789", None);
        check(Class::N, "01234 6789", Some(5));
        check(Class::A, "Aaz1", Some(3));
        check(Class::An, "A1-", Some(2));
        check(Class::Anp, "A1 ", None);
        check(Class::Ans, "A1 =~", None);
        check(Class::Ans, "A1\n", Some(2));
        check(Class::Ns, "1/2x", Some(3));
        check(Class::Z, "123=45D6", None);
        check(Class::Z, "123A", Some(3));
        check(Class::Xn, "C00000012", None);
        check(Class::Xn, "X00000012", Some(0));
        check(Class::Xn, "C0000001C", Some(8));
        check(Class::Sn, "000000012", None);
        check(Class::Sn, "-00000012", None);
        check(Class::Sn, "F00000012", Some(0));
        check(Class::Text, "شهر ۱", None);
        check(Class::Text, "a\tb", Some(1));
    }
}
