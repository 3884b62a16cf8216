//! Key files, the tokens that stand for card numbers, and the check values that tell one key from another.
//!
//! A token is made under a key of 32 random bytes. Under another key every member would be a stranger, so the
//! check value of the key stands beside the journal and in each snapshot, and another key is refused.

mod file;

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::terms::Token;

pub use crate::terms::TokenKind;

pub use file::KeyFileError;

/// Bytes of a token key.
pub const KEY_BYTES: usize = 32;

/// What is put under the key to tell it from others without telling what it is.
const CHECK_TEXT: &[u8] = b"clubswitch token key check value";

/// The key under which card numbers, mobiles and national codes become tokens. Cheap to clone, wiped when dropped.
#[derive(Clone)]
pub struct TokenKey {
    /// Keyed once: the two blocks of the key are hashed already when a token is asked for.
    state: Hmac<Sha256>,
}

/// The first 8 bytes of the HMAC-SHA-256 of a fixed text under a key: equal for equal keys, and no help to find one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CheckValue(pub [u8; 8]);

impl TokenKey {
    /// From the bytes of the key, which are not kept.
    pub fn new(key: &[u8; KEY_BYTES]) -> TokenKey {
        TokenKey {
            state: Hmac::new_from_slice(key).expect("an HMAC takes a key of any length"),
        }
    }

    /// A key nobody has had before.
    ///
    /// # Errors
    /// When the operating system has no random bytes to give.
    fn random() -> Result<(TokenKey, Zeroizing<[u8; KEY_BYTES]>), getrandom::Error> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(&mut *bytes)?;
        Ok((TokenKey::new(&bytes), bytes))
    }

    /// The first 16 bytes of HMAC-SHA-256(key, kind letter ‖ value).
    pub fn token(&self, kind: TokenKind, value: &[u8]) -> Token {
        let mut token = [0; 16];
        token.copy_from_slice(&self.hash(&[&[letter(kind)], value])[..16]);
        Token(token)
    }

    /// What tells this key from others.
    pub fn check_value(&self) -> CheckValue {
        let mut check = [0; 8];
        check.copy_from_slice(&self.hash(&[CHECK_TEXT])[..8]);
        CheckValue(check)
    }

    fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut state = self.state.clone();
        for part in parts {
            state.update(part);
        }
        state.finalize().into_bytes().into()
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "token key with check value {}", self.check_value())
    }
}

/// The letter of a kind, which is hashed before the value.
fn letter(kind: TokenKind) -> u8 {
    match kind {
        TokenKind::Card => b'C',
        TokenKind::Mobile => b'M',
        TokenKind::NationalCode => b'N',
        TokenKind::Voucher => b'V',
    }
}

impl CheckValue {
    /// Reads the 16 hex digits that `Display` writes.
    pub fn parse(text: &str) -> Option<CheckValue> {
        from_hex(text.trim()).map(CheckValue)
    }
}

impl fmt::Display for CheckValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CheckValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Exactly `2 × N` hex digits; nothing else is a key.
fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = (high << 4 | low) as u8;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> TokenKey {
        TokenKey::new(&[7; KEY_BYTES])
    }

    #[test]
    fn a_token_is_the_front_of_the_hmac_of_kind_and_value() {
        // python3: hmac.new(bytes([7]) * 32, b"C9999120000001234", "sha256").hexdigest()[:32]
        let token = key().token(TokenKind::Card, b"9999120000001234");
        let hex: String = token.0.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "200ff63e6451cee1207ec933609d8b42");
        assert_eq!(key().check_value().to_string(), "c186b7307b72ef26");
    }

    #[test]
    fn kinds_and_keys_do_not_collide() {
        let value = b"09123456789";
        let card = key().token(TokenKind::Card, value);
        assert_ne!(card, key().token(TokenKind::Mobile, value));
        assert_ne!(card, TokenKey::new(&[8; 32]).token(TokenKind::Card, value));
    }

    #[test]
    fn a_key_is_never_printed() {
        let shown = format!("{:?}", key());
        assert!(!shown.contains("0707"), "{shown}");
    }
}
