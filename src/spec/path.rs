//! Names of places in a message, and patterns over what stands there.

use std::fmt;
use std::str::FromStr;

/// A field, or a place inside one: `4`, `48.20`. 0 is the message type, 1 the bitmap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Path {
    /// The field.
    pub field: u8,
    /// Tags or numbers of parts below it.
    pub inside: Vec<String>,
}

impl Path {
    /// A whole field.
    pub fn field(n: usize) -> Path {
        Path {
            field: n as u8,
            inside: Vec::new(),
        }
    }

    /// A tag, or part, of a field.
    pub fn inside(n: usize, tag: impl Into<String>) -> Path {
        Path {
            field: n as u8,
            inside: vec![tag.into()],
        }
    }

    /// The first tag below the field.
    pub fn tag(&self) -> Option<&str> {
        self.inside.first().map(String::as_str)
    }
}

/// `48.20`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.field)?;
        self.inside
            .iter()
            .try_for_each(|below| write!(f, ".{below}"))
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Not of the form `4` or `48.20`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a field such as 4, or a place inside one such as 48.20, wanted")]
pub struct NoPath;

impl FromStr for Path {
    type Err = NoPath;

    fn from_str(text: &str) -> Result<Path, NoPath> {
        let mut steps = text.split('.');
        let field = steps.next().and_then(|n| n.parse().ok()).ok_or(NoPath)?;
        let inside: Vec<String> = steps.map(str::to_owned).collect();
        if field > 192 || inside.iter().any(String::is_empty) {
            return Err(NoPath);
        }
        Ok(Path { field, inside })
    }
}

/// What a value must look like: each `x` stands for any character, `*` alone for any value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(pub String);

impl Pattern {
    /// Whether a value fits.
    pub fn fits(&self, value: &[u8]) -> bool {
        self.0 == "*"
            || self.0.len() == value.len()
                && self.0.bytes().zip(value).all(|(p, c)| p == b'x' || p == *c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, value: &str, fits: bool) {
        let pattern = Pattern(pattern.to_owned());
        assert_eq!(pattern.fits(value.as_bytes()), fits, "{pattern:?} {value}");
    }

    #[test]
    fn patterns_fit_as_they_read() {
        check("00xxxx", "001020", true);
        check("00xxxx", "010000", false);
        check("00xxxx", "00000", false);
        check("911000", "911000", true);
        check("*", "", true);
    }

    #[test]
    fn paths_are_read_as_they_are_shown() {
        for text in ["4", "48.20", "127.25.3"] {
            assert_eq!(text.parse::<Path>().unwrap().to_string(), text);
        }
        for text in ["", "x", "48.", "193", "-1"] {
            assert_eq!(text.parse::<Path>(), Err(NoPath));
        }
    }
}
