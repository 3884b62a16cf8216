//! What a person is known by besides a card: a mobile number, a national code.

use std::fmt;

use crate::terms::MemberId;
use crate::terms::card::Token;

/// An Iranian mobile number in its stored form, `+989123456789`. Not printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Mobile(String);

impl Mobile {
    /// Reads `09…`, `9…`, `989…`, `+989…` or `00989…`.
    pub fn parse(text: &str) -> Option<Mobile> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        let national = ["0098", "98", "0"]
            .iter()
            .find_map(|front| digits.strip_prefix(front))
            .unwrap_or(digits);
        let right = national.len() == 10
            && national.starts_with('9')
            && national.bytes().all(|b| b.is_ascii_digit());
        right.then(|| Mobile(format!("+98{national}")))
    }

    /// The stored form, to make a token of.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Mobile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mobile")
    }
}

/// A national code of ten digits whose check digit is right. Not printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct NationalCode(String);

impl NationalCode {
    /// Eight or nine digits are padded with zeros on the left. Check: Σ digit × weight (10 … 2) modulo 11, r; it is r under 2, else 11 − r.
    pub fn parse(text: &str) -> Option<NationalCode> {
        if !(8..=10).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let code = format!("{text:0>10}");
        let digits: Vec<u32> = code.bytes().map(|b| u32::from(b - b'0')).collect();
        if digits.iter().all(|d| *d == digits[0]) {
            return None;
        }
        let r = digits[..9]
            .iter()
            .zip((2..=10).rev())
            .map(|(digit, weight)| digit * weight)
            .sum::<u32>()
            % 11;
        let check = if r < 2 { r } else { 11 - r };
        (check == digits[9]).then_some(NationalCode(code))
    }

    /// The ten digits, to make a token of.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for NationalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("national code")
    }
}

/// How a message names a member.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Identity {
    /// By a bank card.
    Card(Token),
    /// By a mobile number.
    Mobile(Token),
    /// By a national code.
    NationalCode(Token),
    /// By the club number.
    Number(MemberId),
    /// By the number of a voucher, which stands among the holders of its card product for what it is worth.
    Voucher(Token),
}

impl Identity {
    /// Whether it is a card.
    pub fn is_card(self) -> bool {
        matches!(self, Identity::Card(_))
    }

    /// The token, where he is named by one. Kinds do not collide: the kind is part of what the token is made of.
    pub fn token(self) -> Option<Token> {
        match self {
            Identity::Card(token)
            | Identity::Mobile(token)
            | Identity::NationalCode(token)
            | Identity::Voucher(token) => Some(token),
            Identity::Number(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mobile_has_one_stored_form() {
        for text in [
            "09123456789",
            "9123456789",
            "+989123456789",
            "00989123456789",
            "989123456789",
        ] {
            assert_eq!(
                Mobile::parse(text).unwrap().as_str(),
                "+989123456789",
                "{text}"
            );
        }
        for text in [
            "",
            "0912345678",
            "08123456789",
            "0912345678x",
            "+1 5551234567",
        ] {
            assert!(Mobile::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_national_code_has_a_check_digit() {
        for text in ["0499370899", "499370899", "0684159414"] {
            assert!(NationalCode::parse(text).is_some(), "{text}");
        }
        for text in ["0499370898", "1111111111", "049937089x", "1234567"] {
            assert!(NationalCode::parse(text).is_none(), "{text}");
        }
    }
}
