//! A fault and how it is shown: what, where, the line, why, how to mend.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::renderer::{AnsiColor, Effects, Style};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use unicode_width::UnicodeWidthStr;

/// One thing wrong with a file, or worth a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The number of the check, such as `R08`: documentation and tests go by it.
    pub code: &'static str,
    /// Errors stop a load, notes do not.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub title: String,
    /// Where.
    pub place: Place,
    /// Stands beside the carets; may be empty.
    pub label: String,
    /// The reason, when the title does not give it.
    pub why: Option<String>,
    /// What to write in its stead.
    pub mend: Option<String>,
}

impl Fault {
    /// An error at a place; label, reason and cure are added by the methods below.
    pub fn error(code: &'static str, place: Place, title: impl Into<String>) -> Fault {
        Fault {
            code,
            severity: Severity::Error,
            title: title.into(),
            place,
            label: String::new(),
            why: None,
            mend: None,
        }
    }

    /// The same as a note, which does not stop a load.
    pub fn note(code: &'static str, place: Place, title: impl Into<String>) -> Fault {
        Fault {
            severity: Severity::Note,
            ..Fault::error(code, place, title)
        }
    }

    /// The words beside the carets.
    pub fn label(mut self, label: impl Into<String>) -> Fault {
        self.label = label.into();
        self
    }

    /// The reason.
    pub fn why(mut self, why: impl Into<String>) -> Fault {
        self.why = Some(why.into());
        self
    }

    /// The cure.
    pub fn mend(mut self, mend: impl Into<String>) -> Fault {
        self.mend = Some(mend.into());
        self
    }

    /// `did you mean "supermarkets"?`, when there is something near.
    pub fn meant(mut self, near: Option<&str>) -> Fault {
        if let Some(near) = near {
            self.mend = Some(format!("did you mean \"{near}\"?"));
        }
        self
    }

    /// The fault with its line and carets, ending in a line feed. Escape codes only when `colour`.
    pub fn drawn(&self, colour: bool) -> String {
        self.drawn_in(&ENGLISH, colour)
    }

    /// The same with the words of a language around it. The frame always runs from left to right.
    pub fn drawn_in(&self, words: &Words, colour: bool) -> String {
        let (level, word, style) = match self.severity {
            Severity::Error => (Level::ERROR, words.error, AnsiColor::BrightRed),
            Severity::Note => (Level::NOTE, words.note, AnsiColor::BrightGreen),
        };
        let renderer = if colour {
            Renderer::styled().hyperlink(false)
        } else {
            Renderer::plain()
        };
        let title = level
            .with_name(format!("{word} {}", self.code))
            .primary_title(TITLE);
        let mut group = Group::with_title(title);
        let mut gutter = String::new();
        if let Some((line, text, carets)) = self.place.excerpt() {
            gutter = " ".repeat(line.to_string().len());
            let label = (!self.label.is_empty()).then_some(LABEL);
            let carets = AnnotationKind::Primary.span(carets).label(label);
            let snippet = Snippet::source(text).line_start(line).path(None::<&str>);
            group = group.element(snippet.annotation(carets));
        }
        // The place is put in by us: the renderer counts columns by characters, not as displayed.
        let drawn = renderer.render(&[group]);
        let (head, excerpt) = drawn.split_once('\n').unwrap_or((&drawn, ""));
        let head = words.line(&head.replacen(TITLE, &self.title, 1));
        let mut out = format!("{head}\n{gutter}--> {}\n", self.place);
        // So are title and label: what sets the direction of a text is no part of a drawing to the renderer.
        let label_at = excerpt.rfind(LABEL).filter(|_| !self.label.is_empty());
        let excerpt = match label_at {
            Some(at) => {
                let (before, after) = (&excerpt[..at], &excerpt[at + LABEL.len()..]);
                format!("{before}{}{after}", words.line(&self.label))
            }
            None => excerpt.to_owned(),
        };
        for line in excerpt.lines() {
            out.push_str(&format!("{}{line}\n", words.frame_mark()));
        }
        if !excerpt.is_empty() {
            out.push_str(&format!("{gutter} |\n"));
        }
        for (word, text) in [(words.why, &self.why), (words.mend, &self.mend)] {
            let Some(text) = text else { continue };
            let shown = if colour {
                let style = Style::new()
                    .fg_color(Some(style.into()))
                    .effects(Effects::BOLD);
                format!("{style}{word}{style:#}")
            } else {
                word.to_owned()
            };
            for (at, line) in text.split('\n').enumerate() {
                out.push_str(&match at {
                    0 => format!(" {}\n", words.line(&format!("{shown} {line}"))),
                    _ => format!("      {}\n", words.line(line)),
                });
            }
        }
        out
    }

    /// The fault in another language; what `say` has no words for stays as it is.
    pub fn told(&self, say: impl Fn(&str) -> Option<String>) -> Fault {
        let say = |text: &String| say(text).unwrap_or_else(|| text.clone());
        Fault {
            title: say(&self.title),
            label: say(&self.label),
            why: self.why.as_ref().map(say),
            mend: self.mend.as_ref().map(say),
            ..self.clone()
        }
    }
}

/// Stand for title and label while the frame is drawn: signs that mean nothing to anybody.
const TITLE: &str = "\u{e000}";
const LABEL: &str = "\u{e001}";

/// The words around a fault.
#[derive(Debug)]
pub struct Words {
    /// Before the number of an error.
    pub error: &'static str,
    /// Before the number of a note.
    pub note: &'static str,
    /// Before the reason; as wide as the next.
    pub why: &'static str,
    /// Before the cure.
    pub mend: &'static str,
    /// Whether its sentences run from right to left.
    pub leftward: bool,
}

/// The words as the code has them.
pub const ENGLISH: Words = Words {
    error: "error",
    note: "note",
    why: "why ",
    mend: "mend",
    leftward: false,
};

/// The words in Persian.
pub const PERSIAN: Words = Words {
    error: "خطا",
    note: "یادداشت",
    why: "چرا ",
    mend: "چاره",
    leftward: true,
};

impl Words {
    /// A sentence that keeps its direction to itself.
    fn line(&self, text: &str) -> String {
        match self.leftward {
            true => format!("\u{2067}{text}\u{2069}"),
            false => text.to_owned(),
        }
    }

    /// Says that a line of the frame runs from left to right, whatever stands in it.
    fn frame_mark(&self) -> &'static str {
        if self.leftward { "\u{200e}" } else { "" }
    }
}

/// One line: `file:line:column: what is wrong; how to mend`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.title)?;
        if let Some(mend) = &self.mend {
            write!(f, "; {}", mend.replace('\n', " "))?;
        }
        Ok(())
    }
}

/// Whether a fault stops a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Stops it.
    Error,
    /// Is shown and lets it go on.
    Note,
}

/// A stretch of a file.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub source: Arc<Source>,
    /// From and to in bytes of the text; `None` means the file as a whole.
    pub span: Option<Range<usize>>,
}

/// The name and the text of a file, as faults quote them.
#[derive(PartialEq, Eq)]
pub struct Source {
    /// As the author knows it: the path below the folder that was named.
    pub name: String,
    /// The whole text.
    pub text: String,
    /// Where each line but the first begins: ten thousand faults must not each count the lines before them.
    lines: Vec<usize>,
}

impl Source {
    /// A file of this name and text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Source {
        let text = text.into();
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = ends.map(|(at, _)| at + 1).collect();
        let name = name.into();
        Source { name, text, lines }
    }
}

impl Place {
    /// The file as a whole, for a file that could not be read.
    pub fn file(name: impl Into<String>) -> Place {
        Place {
            source: Arc::new(Source::new(name, "")),
            span: None,
        }
    }

    /// The line, from 1; 0 for the file as a whole.
    pub fn line(&self) -> usize {
        let Some(span) = &self.span else { return 0 };
        let begun = |from: &usize| *from <= span.start;
        self.source.lines.partition_point(begun) + 1
    }

    /// The column as displayed, from 1; 0 for the file as a whole.
    pub fn column(&self) -> usize {
        let Some((_, line, carets)) = self.excerpt() else {
            return 0;
        };
        line[..carets.start].width() + 1
    }

    /// The line number, the first line that the span touches, and the part of it to point at.
    fn excerpt(&self) -> Option<(usize, &str, Range<usize>)> {
        let span = self.span.as_ref()?;
        let text = self.source.text.as_str();
        let start = floor(text, span.start);
        let from = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let to = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let line = text[from..to].trim_end_matches('\r');
        let start = (start - from).min(line.len());
        let end = (floor(text, span.end) - from).clamp(start, line.len());
        Some((self.line(), line, start..end))
    }
}

/// The nearest character boundary at or before a byte.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// `clubs/golestan.toml:190:41`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.span {
            Some(_) => write!(f, "{}:{}:{}", self.source.name, self.line(), self.column()),
            None => f.write_str(&self.source.name),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where readers put what they find; shared by all readers of one load.
#[derive(Debug, Default)]
pub struct FaultLog {
    found: RefCell<Vec<Fault>>,
}

impl FaultLog {
    /// Keeps a fault.
    pub fn add(&self, fault: Fault) {
        self.found.borrow_mut().push(fault);
    }

    /// Whether this very fault was found before.
    pub fn has(&self, fault: &Fault) -> bool {
        self.found.borrow().contains(fault)
    }

    /// True once there is an error; notes do not count.
    pub fn has_errors(&self) -> bool {
        let found = self.found.borrow();
        found.iter().any(|f| f.severity == Severity::Error)
    }

    /// All that was found, in the order of files and lines.
    pub fn into_faults(self) -> Faults {
        let mut found = self.found.into_inner();
        found.sort_by(|a, b| {
            let key = |f: &Fault| f.place.span.as_ref().map_or(0, |s| s.start);
            (&a.place.source.name, key(a)).cmp(&(&b.place.source.name, key(b)))
        });
        found.dedup();
        Faults(found)
    }
}

/// All faults of a load, in the order of files and lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// How many of them stop the load.
    pub fn errors(&self) -> usize {
        let errors = self.0.iter().filter(|f| f.severity == Severity::Error);
        errors.count()
    }

    /// How many do not.
    pub fn notes(&self) -> usize {
        self.0.len() - self.errors()
    }

    /// Every fault with its line and carets, a blank line between them.
    pub fn drawn(&self, colour: bool) -> String {
        self.drawn_in(&ENGLISH, colour)
    }

    /// The same with the words of a language around them.
    pub fn drawn_in(&self, words: &Words, colour: bool) -> String {
        let drawn: Vec<String> = self.0.iter().map(|f| f.drawn_in(words, colour)).collect();
        drawn.join("\n")
    }

    /// The faults in another language; what `say` has no words for stays as it is.
    pub fn told(&self, say: impl Fn(&str) -> Option<String> + Copy) -> Faults {
        Faults(self.0.iter().map(|fault| fault.told(say)).collect())
    }
}

/// One line a fault.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            let line = if at == 0 { "" } else { "\n" };
            write!(f, "{line}{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Faults {
        Faults(vec![fault])
    }
}
