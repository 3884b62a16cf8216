//! Card numbers, which live as short as they can and are never printed, and the tokens that stand for them.

use std::fmt;

use zeroize::Zeroize;

/// A primary account number of 8 to 19 digits. `Debug` and `Display` show stars; the memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Pan {
    digits: [u8; 19],
    length: u8,
}

impl Pan {
    /// From ASCII digits; anything else is none.
    pub fn new(digits: &[u8]) -> Option<Pan> {
        if !(8..=19).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let mut pan = Pan {
            digits: [0; 19],
            length: digits.len() as u8,
        };
        pan.digits[..digits.len()].copy_from_slice(digits);
        Some(pan)
    }

    /// The card number at the front of track 2: what stands before `=` or `D`.
    pub fn from_track2(track: &[u8]) -> Option<Pan> {
        let end = track.iter().position(|b| matches!(b, b'=' | b'D' | b'd'))?;
        Pan::new(&track[..end])
    }

    /// The digits, to make a token of and for nothing else.
    pub fn digits(&self) -> &[u8] {
        &self.digits[..usize::from(self.length)]
    }

    /// The last four digits, which a receipt may show where the token does not stand beside them.
    pub fn last_four(&self) -> [u8; 4] {
        let digits = self.digits();
        let mut four = [0; 4];
        four.copy_from_slice(&digits[digits.len() - 4..]);
        four
    }
}

/// The range a card is of: the first eight digits of its number, or six where the number is shorter than sixteen. With the last
/// four, more than four digits of a number are never known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Bin(u32);

impl Bin {
    /// Six to eight digits.
    pub fn parse(digits: &str) -> Option<Bin> {
        let good = (6..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        // The leading 1 keeps zeros, and how many digits there are.
        good.then(|| format!("1{digits}").parse().ok().map(Bin))?
    }

    /// Of a card.
    pub fn of(pan: &Pan) -> Bin {
        let length = if pan.length >= 16 { 8 } else { 6 };
        let digits = pan.digits()[..length].iter();
        Bin(digits.fold(1, |sum, digit| sum * 10 + u32::from(digit - b'0')))
    }

    /// Every range that it is within: its own, and those of fewer digits.
    pub fn ranges(self) -> impl Iterator<Item = Bin> {
        let shorter = |bin: &u32| Some(bin / 10).filter(|bin| *bin >= 1_000_000);
        std::iter::successors(Some(self.0), shorter).map(Bin)
    }

    /// Whether it is within a range told by fewer or as many digits.
    pub fn is_within(self, range: Bin) -> bool {
        let mut own = self.0;
        while own > range.0 && own >= 10_000_000 {
            own /= 10;
        }
        own == range.0
    }

    /// As a number, for records.
    pub fn number(self) -> u32 {
        self.0
    }

    /// From such a number.
    pub fn from_number(number: u32) -> Option<Bin> {
        (1_000_000..200_000_000)
            .contains(&number)
            .then_some(Bin(number))
    }
}

impl fmt::Display for Bin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        f.write_str(&digits[1..])
    }
}

/// The number of a voucher: 6 to 32 letters and digits, the letters large; blanks and dashes between them do not count. Not printed,
/// and wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Voucher(String);

impl Voucher {
    /// From what stands on it; anything else is none.
    pub fn parse(text: &[u8]) -> Option<Voucher> {
        let mut number = Voucher(String::with_capacity(32));
        for byte in text.iter().filter(|b| !matches!(b, b' ' | b'-')) {
            if number.0.len() == 32 || !byte.is_ascii_alphanumeric() {
                return None;
            }
            number.0.push(char::from(byte.to_ascii_uppercase()));
        }
        (number.0.len() >= 6).then_some(number)
    }

    /// To make a token of and for nothing else.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Voucher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

impl Drop for Voucher {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Pan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

impl fmt::Display for Pan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

impl Drop for Pan {
    fn drop(&mut self) {
        self.digits.zeroize();
    }
}

/// Stands for a card number or another identifier wherever one is kept: the first 16 bytes of its HMAC-SHA-256 under the token key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub [u8; 16]);

/// What a token stands for. It is part of what the token is made of, so that kinds do not collide.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TokenKind {
    /// A card number, as its digits.
    Card,
    /// A mobile number in its stored form.
    Mobile,
    /// A national code of ten digits.
    NationalCode,
    /// The number of a voucher, as its letters and digits.
    Voucher,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_of_six_to_eight_digits_and_holds_what_begins_with_it() {
        let bin = |text| Bin::parse(text).unwrap();
        let card = |digits: &[u8]| Bin::of(&Pan::new(digits).unwrap());
        assert_eq!(card(b"9999123412345678").to_string(), "99991234");
        assert_eq!(card(b"009912341234567").to_string(), "009912");
        for (text, wanted) in [
            ("99991234", true),
            ("9999123", true),
            ("999912", true),
            ("99991235", false),
            ("999913", false),
        ] {
            assert_eq!(
                card(b"9999123412345678").is_within(bin(text)),
                wanted,
                "{text}"
            );
        }
        // What is known of a short number is less than the range asks.
        assert!(!card(b"999912341234567").is_within(bin("99991234")));
        for bad in ["99991", "999912345", "99991x", ""] {
            assert_eq!(Bin::parse(bad), None);
        }
    }

    #[test]
    fn a_card_is_never_printed() {
        let pan = Pan::new(b"9999120000001234").unwrap();
        assert_eq!(format!("{pan:?} {pan}"), "**** ****");
        assert_eq!(pan.last_four(), *b"1234");
    }

    #[test]
    fn only_digits_of_card_length_are_a_card() {
        assert!(Pan::new(b"1234567").is_none());
        assert!(Pan::new(b"99991200000012345678").is_none());
        assert!(Pan::new(b"99991200x0001234").is_none());
    }

    #[test]
    fn track_two_begins_with_the_card() {
        let pan = Pan::from_track2(b"9999120000001234=29121010000000000").unwrap();
        assert_eq!(pan.digits(), b"9999120000001234");
        assert!(Pan::from_track2(b"9999120000001234").is_none());
    }
}
