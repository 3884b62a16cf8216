//! The message type indicator: version, class, function, origin.

use std::fmt;

/// Four digits `V C F O`, one a nibble: `0x0200`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mti(pub u16);

impl Mti {
    /// From four digit characters.
    pub fn from_digits(digits: &[u8]) -> Option<Mti> {
        if digits.len() != 4 {
            return None;
        }
        digits.iter().try_fold(Mti(0), |sum, character| {
            let digit = character.wrapping_sub(b'0');
            (digit <= 9).then_some(Mti(sum.0 << 4 | u16::from(digit)))
        })
    }

    /// The four digit characters.
    pub fn digits(self) -> [u8; 4] {
        [12, 8, 4, 0].map(|shift| b'0' + (self.0 >> shift & 15) as u8)
    }

    /// 0 = 1987, 1 = 1993, 2 = 2003.
    pub fn version(self) -> u8 {
        (self.0 >> 12) as u8
    }

    /// 1 authorisation, 2 financial, 3 file action, 4 reversal, 5 reconciliation, 6 administrative,
    /// 7 fee collection, 8 network management.
    pub fn class(self) -> u8 {
        (self.0 >> 8 & 15) as u8
    }

    /// 0 request, 1 response, 2 advice, 3 advice response, 4 notification.
    pub fn function(self) -> u8 {
        (self.0 >> 4 & 15) as u8
    }

    /// 0 acquirer, 2 issuer, 4 other; odd: a repeat.
    pub fn origin(self) -> u8 {
        (self.0 & 15) as u8
    }

    /// Whether the class has a meaning at all.
    pub fn is_known_class(self) -> bool {
        (1..=8).contains(&self.class())
    }

    /// Whether it answers something: an odd function.
    pub fn is_response(self) -> bool {
        self.function() % 2 == 1
    }

    /// Whether it tells what already happened.
    pub fn is_advice(self) -> bool {
        matches!(self.function(), 2 | 3)
    }

    /// Whether the sender marks it as sent before.
    pub fn is_repeat(self) -> bool {
        self.0 & 1 == 1
    }

    /// Without the repeat bit: 0421 gives 0420.
    #[must_use]
    pub fn first(self) -> Mti {
        Mti(self.0 & !1)
    }

    /// With the repeat bit: 0420 gives 0421.
    #[must_use]
    pub fn repeat(self) -> Mti {
        Mti(self.0 | 1)
    }

    /// Its answer: function digit + 1, repeat bit cleared; 0421 gives 0430. A response is its own.
    #[must_use]
    pub fn response(self) -> Mti {
        if self.is_response() {
            return self.first();
        }
        Mti(self.0 + 0x10).first()
    }

    /// What it is, in words: `financial request, repeat of the acquirer`.
    pub fn words(self) -> String {
        let class = match self.class() {
            1 => "authorisation",
            2 => "financial",
            3 => "file action",
            4 => "reversal",
            5 => "reconciliation",
            6 => "administrative",
            7 => "fee collection",
            8 => "network management",
            _ => "unknown class",
        };
        let function = match self.function() {
            0 => "request",
            1 => "response",
            2 => "advice",
            3 => "advice response",
            4 => "notification",
            8 => "instruction",
            9 => "instruction acknowledgement",
            _ => "unknown function",
        };
        let origin = match self.origin() {
            0 => "",
            1 => ", repeat",
            2 => ", of the issuer",
            3 => ", of the issuer, repeat",
            4 => ", of another",
            5 => ", of another, repeat",
            _ => ", unknown origin",
        };
        format!("{class} {function}{origin}")
    }
}

/// `0200`.
impl fmt::Display for Mti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

impl fmt::Debug for Mti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_response(request: &[u8], response: &str) {
        let mti = Mti::from_digits(request).unwrap();
        assert_eq!(mti.response().to_string(), response);
    }

    #[test]
    fn a_response_has_the_next_function_and_no_repeat_bit() {
        check_response(b"0200", "0210");
        check_response(b"0201", "0210");
        check_response(b"0421", "0430");
        check_response(b"1521", "1530");
        check_response(b"1804", "1814");
        check_response(b"0210", "0210");
    }

    #[test]
    fn only_four_digits_are_a_type() {
        assert_eq!(Mti::from_digits(b"020A"), None);
        assert_eq!(Mti::from_digits(b"020"), None);
    }
}
