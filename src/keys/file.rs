//! The key file: 64 hex digits and a line feed, readable by its owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;
use zeroize::Zeroizing;

use super::{KEY_BYTES, TokenKey, from_hex};

/// Bytes that a key file may hold at most; what is longer is something else.
const FILE_BYTES_MAX: u64 = 256;

/// Why a key file gives no key.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// It is not there.
    #[error(
        "token key file {} wanted, not found; without the key this data was made with, nothing can be decided",
        path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Others than its owner can read or write it.
    #[error(
        "token key file {} is open to others (mode {mode:04o}); run: chmod 600 {}",
        path.display(), path.display()
    )]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It does not hold a key.
    #[error("64 hex digits wanted in the token key file {}, {found} found", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it holds, in words.
        found: String,
    },
    /// The file system refuses.
    #[error("{doing} the token key file {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl TokenKey {
    /// Reads a key file.
    ///
    /// # Errors
    /// When it is absent, open to others, or does not hold 64 hex digits.
    pub fn read(path: &Path) -> Result<TokenKey, KeyFileError> {
        let io = |source| KeyFileError::Io {
            doing: "read",
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => KeyFileError::Missing {
                path: path.to_owned(),
            },
            _ => io(error),
        })?;
        let meta = file.metadata().map_err(io)?;
        let mode = meta.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::OpenToOthers {
                path: path.to_owned(),
                mode,
            });
        }
        let malformed = |found: String| KeyFileError::Malformed {
            path: path.to_owned(),
            found,
        };
        if meta.len() > FILE_BYTES_MAX {
            return Err(malformed(format!("{} bytes", meta.len())));
        }
        let mut text = Zeroizing::new(Vec::with_capacity(FILE_BYTES_MAX as usize));
        file.take(FILE_BYTES_MAX)
            .read_to_end(&mut text)
            .map_err(io)?;
        let hex = text.trim_ascii();
        let bytes = std::str::from_utf8(hex)
            .ok()
            .and_then(from_hex::<KEY_BYTES>)
            .map(Zeroizing::new);
        match bytes {
            Some(bytes) => Ok(TokenKey::new(&bytes)),
            None if hex.len() == 2 * KEY_BYTES => Err(malformed("other characters".to_owned())),
            None => Err(malformed(format!("{} characters", hex.len()))),
        }
    }

    /// Makes a new key and its file, mode 0600, durable before it is used. An existing file is never touched.
    ///
    /// # Errors
    /// When the file is there already or cannot be written.
    pub fn create(path: &Path) -> Result<TokenKey, KeyFileError> {
        let io = |source| KeyFileError::Io {
            doing: "make",
            path: path.to_owned(),
            source,
        };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        fs::create_dir_all(folder).map_err(io)?;
        let (key, bytes) = TokenKey::random().map_err(|error| io(io::Error::other(error)))?;
        let mut text = Zeroizing::new(String::with_capacity(2 * KEY_BYTES + 1));
        for byte in bytes.iter() {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
            }
        }
        text.push('\n');
        // Written under another name first: a crash leaves no half a key where a key is looked for.
        let unnamed = path.with_extension("making");
        let _ = fs::remove_file(&unnamed);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unnamed)
            .map_err(io)?;
        file.write_all(text.as_bytes()).map_err(io)?;
        file.sync_all().map_err(io)?;
        // A link, unlike a rename, does not replace a key that is there.
        fs::hard_link(&unnamed, path).map_err(io)?;
        fs::remove_file(&unnamed).map_err(io)?;
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(io)?;
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::keys::TokenKind;

    fn check_refused(text: &str, mode: u32, wanted: &str) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token.key");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = TokenKey::read(&path).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
        assert!(!error.contains("abab"), "{error}");
    }

    #[test]
    fn a_new_key_is_read_again_and_open_to_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys/token.key");
        let made = TokenKey::create(&path).unwrap();
        let read = TokenKey::read(&path).unwrap();
        assert_eq!(made.check_value(), read.check_value());
        assert_eq!(
            made.token(TokenKind::Card, b"9999120000001234"),
            read.token(TokenKind::Card, b"9999120000001234")
        );
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(TokenKey::create(&path).is_err(), "a key was replaced");
        assert_eq!(
            TokenKey::read(&path).unwrap().check_value(),
            made.check_value()
        );
    }

    #[test]
    fn what_is_no_key_is_refused() {
        check_refused(&"ab".repeat(32), 0o644, "chmod 600");
        check_refused(&"ab".repeat(31), 0o600, "62 characters found");
        check_refused(&"xy".repeat(32), 0o600, "other characters found");
        check_refused(&"ab".repeat(400), 0o600, "800 bytes found");
        check_refused("", 0o600, "0 characters found");
        let nowhere = TokenKey::read(Path::new("/nonexistent/token.key")).unwrap_err();
        assert!(nowhere.to_string().contains("not found"), "{nowhere}");
    }
}
