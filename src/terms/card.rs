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
