//! Iranian bank account numbers (Sheba): `IR`, two check digits, three of the bank, nineteen of the account.

use std::fmt;

/// A Sheba whose check digits are right (ISO 13616, remainder by 97 is 1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Iban([u8; 26]);

/// Why a text is no Sheba.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IbanError {
    /// Not `IR` and 24 digits.
    #[error("an Iranian IBAN is IR and 24 digits")]
    Shape,
    /// The check digits do not fit the rest.
    #[error("the check digits of the IBAN do not fit the rest of it")]
    Check,
}

impl Iban {
    /// Reads `IR460170000000112233445566`.
    pub fn parse(text: &str) -> Result<Iban, IbanError> {
        let bytes: [u8; 26] = text.as_bytes().try_into().map_err(|_| IbanError::Shape)?;
        if &bytes[..2] != b"IR" || !bytes[2..].iter().all(u8::is_ascii_digit) {
            return Err(IbanError::Shape);
        }
        let remainder = |digits: &[u8], start: u32| {
            digits
                .iter()
                .fold(start, |r, d| (r * 10 + u32::from(d - b'0')) % 97)
        };
        // The country letters become 18 and 27 and go, with the check digits, behind the account.
        let rest = remainder(&bytes[4..], 0);
        let rest = remainder(b"1827", rest);
        if remainder(&bytes[2..4], rest) != 1 {
            return Err(IbanError::Check);
        }
        Ok(Iban(bytes))
    }

    /// All 26 characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("an IBAN is ASCII")
    }

    /// The three digits of the bank.
    pub fn bank(&self) -> &str {
        &self.as_str()[4..7]
    }
}

impl fmt::Display for Iban {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Iban {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_tell_right_from_wrong() {
        for right in [
            "IR820540102680020817909002",
            "IR062960000000100324200001",
            "IR870570028180010653892101",
            "IR460170000000112233445566",
        ] {
            assert_eq!(Iban::parse(right).unwrap().as_str(), right);
        }
        assert_eq!(
            Iban::parse("IR470170000000112233445566"),
            Err(IbanError::Check)
        );
        assert_eq!(
            Iban::parse("IR46017000000011223344556"),
            Err(IbanError::Shape)
        );
        assert_eq!(
            Iban::parse("DE460170000000112233445566"),
            Err(IbanError::Shape)
        );
        assert_eq!(
            Iban::parse("IR460170000000112233445566").unwrap().bank(),
            "017"
        );
    }
}
