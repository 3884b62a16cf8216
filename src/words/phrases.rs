//! English sentences of faults → Persian ones, by a catalogue of templates with holes.
//!
//! The code says what is wrong in English, where it is found. `persian.txt` has a template for each such sentence and its
//! Persian under it. What fills a hole is translated itself, unless it is a name, a number or TOML.

use std::collections::HashMap;

/// Right to left, left to right, and the end of either: so that a line reads well within a line of the other direction.
const RIGHT: char = '\u{2067}';
const LEFT: char = '\u{2066}';
const END: char = '\u{2069}';

/// What turns sentences into Persian.
#[derive(Debug)]
pub struct Phrasebook {
    /// Those with most letters of their own first.
    templates: Vec<Template>,
    words: HashMap<&'static str, &'static str>,
}

/// An English sentence with holes, and its Persian.
#[derive(Debug)]
struct Template {
    /// What stands before the first hole, between holes, after the last.
    pieces: Vec<String>,
    /// Of each hole: whether what fills it stays as it is.
    verbatim: Vec<bool>,
    persian: &'static str,
}

impl Phrasebook {
    /// The catalogue with more words, each English and Persian: what tables and keys are for.
    pub fn new(more: impl IntoIterator<Item = (&'static str, &'static str)>) -> Phrasebook {
        let mut words: HashMap<_, _> = more.into_iter().filter(|(_, fa)| !fa.is_empty()).collect();
        let mut templates = Vec::new();
        for (english, persian) in catalogue() {
            if english.contains("{}") || english.contains("{=}") {
                templates.push(Template::new(english, persian));
            } else {
                words.insert(english, persian);
            }
        }
        templates.sort_by_key(|template| {
            let letters = template.pieces.iter().map(|piece| piece.len());
            std::cmp::Reverse(letters.sum::<usize>())
        });
        Phrasebook { templates, words }
    }

    /// The Persian of a sentence; TOML stays as it is. `None` when there is no template for it.
    pub fn persian(&self, text: &str) -> Option<String> {
        if text.is_empty() {
            return Some(String::new());
        }
        let fits = |template: &Template| template.fill(text, |hole| self.words(hole));
        self.word(text)
            .or_else(|| self.templates.iter().find_map(fits))
    }

    /// A sentence without holes, or code.
    fn word(&self, text: &str) -> Option<String> {
        match self.words.get(text) {
            Some(persian) => Some(filled(persian, &[])),
            None => is_code(text).then(|| aside(text)),
        }
    }

    /// What stands in a hole: a word, code, or a list of them.
    fn words(&self, text: &str) -> Option<String> {
        self.word(text).or_else(|| {
            let parts = text.split(", ").map(|part| self.word(part));
            let parts: Option<Vec<String>> = parts.collect();
            parts.map(|parts| parts.join("، "))
        })
    }
}

impl Template {
    fn new(english: &'static str, persian: &'static str) -> Template {
        let (mut pieces, mut verbatim, mut rest) = (Vec::new(), Vec::new(), english);
        while let Some(at) = rest.find("{}").into_iter().chain(rest.find("{=}")).min() {
            let (before, after) = rest.split_at(at);
            let is_name = before.ends_with(['"', '`']);
            pieces.push(before.replace("\\n", "\n"));
            verbatim.push(is_name || after.starts_with("{=}"));
            rest = after.split_once('}').map_or("", |(_, rest)| rest);
        }
        pieces.push(rest.replace("\\n", "\n"));
        Template {
            pieces,
            verbatim,
            persian,
        }
    }

    /// The Persian, when a text is this template with its holes filled.
    fn fill(&self, text: &str, word: impl Fn(&str) -> Option<String> + Copy) -> Option<String> {
        let [first, rest @ ..] = &self.pieces[..] else {
            return None;
        };
        let mut found = Vec::new();
        self.holes(text.strip_prefix(first.as_str())?, rest, word, &mut found)
            .then(|| filled(self.persian, &found))
    }

    /// Fills the hole before `pieces[0]` as shortly as it can be, then the others.
    fn holes(
        &self,
        text: &str,
        pieces: &[String],
        word: impl Fn(&str) -> Option<String> + Copy,
        found: &mut Vec<String>,
    ) -> bool {
        let [piece, rest @ ..] = pieces else {
            return text.is_empty();
        };
        let ends: Vec<usize> = match rest {
            [] if text.ends_with(piece.as_str()) => vec![text.len() - piece.len()],
            [] => Vec::new(),
            _ => text
                .match_indices(piece.as_str())
                .map(|(at, _)| at)
                .collect(),
        };
        for end in ends {
            let hole = &text[..end];
            let filled = match self.verbatim[found.len()] {
                true => Some(aside(hole)),
                false => word(hole),
            };
            let Some(filled) = filled else { continue };
            found.push(filled);
            if self.holes(&text[end + piece.len()..], rest, word, found) {
                return true;
            }
            found.pop();
        }
        false
    }
}

/// A Persian line that stands by itself, whatever the direction of the lines around it.
pub fn isolated(line: &str) -> String {
    format!("{RIGHT}{line}{END}")
}

/// The templates of the catalogue: a line, and under it, set in, its Persian.
fn catalogue() -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut english = "";
    include_str!("persian.txt").lines().filter_map(move |line| {
        match line.strip_prefix("    ") {
            Some(persian) => return Some((english, persian)),
            None => english = line,
        }
        None
    })
}

/// A template with what fills its holes, `{}` in their order or `{0}` by number; what stands between backticks is code.
fn filled(persian: &str, holes: &[String]) -> String {
    let mut out = String::new();
    let mut next = 0;
    let mut rest = persian;
    let mut code = false;
    while let Some(at) = rest.find(['{', '`', '\\']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let hole = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let digit = |text: &str| text.is_empty() || text.bytes().all(|b| b.is_ascii_digit());
        match hole {
            Some((number, after)) if digit(number) => {
                let hole = holes.get(number.parse().unwrap_or(next));
                next += 1;
                out.push_str(hole.map_or("", |hole| hole));
                rest = after;
            }
            _ if rest.starts_with("\\n") => {
                out.push('\n');
                rest = &rest[2..];
            }
            _ if rest.starts_with('`') => {
                // The marks stand outside, as the eye takes them for a part of the code.
                out.push_str(match code {
                    false => "\u{2066}`",
                    true => "`\u{2069}",
                });
                code = !code;
                rest = &rest[1..];
            }
            _ => {
                out.push_str(&rest[..1]);
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Names, numbers and TOML in a Persian sentence: as they are, left to right.
fn aside(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c) || !c.is_ascii();
    if text.chars().all(plain) {
        return text.to_owned();
    }
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| format!("{LEFT}{line}{END}"))
        .collect();
    lines.join("\n")
}

/// Whether a text is TOML, a number, a name between backticks, or a place in a file: nothing to translate.
fn is_code(text: &str) -> bool {
    let mut outside = String::new();
    let (mut depth, mut quote) = (0_u32, None);
    for c in text.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => {
                quote = Some(c);
                outside.push('0');
            }
            (None, '{' | '[') => {
                depth += 1;
                outside.push('0');
            }
            (None, '}' | ']') => depth = depth.saturating_sub(1),
            (None, _) if depth == 0 => outside.push(c),
            (None, _) => {}
        }
    }
    if depth > 0 || quote.is_some() {
        return false;
    }
    let words: Vec<&str> = outside
        .split([' ', ',', '\n'])
        .filter(|word| !word.is_empty())
        .collect();
    let key = |word: &str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    words.iter().enumerate().all(|(at, word)| match *word {
        "=" | "true" | "false" | "..." => true,
        word if words.get(at + 1) == Some(&"=") => key(word),
        // A place in a file has a dot and its line; a number begins with a digit.
        word => word.starts_with(|c: char| c.is_ascii_digit()) || word.contains(".toml"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: Option<&str>) {
        let book = Phrasebook::new([("a purse", "کیف")]);
        let marks = ['\u{2066}', '\u{2067}', '\u{2069}'];
        let told = book.persian(text).map(|text| text.replace(marks, ""));
        assert_eq!(told.as_deref(), wanted);
    }

    #[test]
    fn holes_are_filled_by_names_and_by_words() {
        check("`kind` is missing", Some("`kind` نیامده است"));
        check("a purse needs it", Some("کیف به آن نیاز دارد"));
        check("a thing needs it", None);
    }

    #[test]
    fn toml_stays_as_it_is() {
        for text in [
            "kind = \"points\"",
            "{ min = 1_000 }",
            "\"24 hours\"",
            "a = 1, b = [2]",
            "clubs/a.toml:3:4",
        ] {
            check(text, Some(text));
        }
        check("kind of it", None);
        check("we say \"so\"", None);
    }

    #[test]
    fn every_template_has_its_persian_with_the_same_holes() {
        let count = |text: &str| text.matches("{}").count() + text.matches("{=}").count();
        let mut english = None;
        for line in include_str!("persian.txt")
            .lines()
            .filter(|line| !line.starts_with('#'))
        {
            let Some(persian) = line.strip_prefix("    ") else {
                assert_eq!(english, None, "no Persian under it");
                english = Some(line).filter(|line| !line.is_empty());
                continue;
            };
            let above = english.take().unwrap_or_default();
            assert!(!above.is_empty(), "no English above {persian}");
            let numbered = (0..9)
                .filter(|n| persian.contains(&format!("{{{n}}}")))
                .count();
            assert_eq!(count(persian).max(numbered), count(above), "{above}");
        }
    }
}
