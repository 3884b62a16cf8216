//! Text → a tree of values that know their place. The only file that knows `toml_edit`.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use toml_edit::{Document, Item, TomlError, Value as TomlValue};

use super::fault::{Fault, FaultLog, Place, Source};
use super::read::Value;
use super::shape::Form;

/// A parsed file.
#[derive(Debug)]
pub struct File {
    pub(super) language: &'static Language,
    pub(super) source: Arc<Source>,
    pub(super) root: Node,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.text.len())
    }
}

/// What a kind of file calls itself, and the numbers its faults go by.
#[derive(Debug)]
pub struct Language {
    /// "the rule language": stands in faults about keys that are not built.
    pub name: &'static str,
    /// The file cannot be read or is not TOML.
    pub syntax: &'static str,
    /// Unknown or missing key.
    pub unknown: &'static str,
    /// Wrong type or form; a name that is not one of the allowed.
    pub form: &'static str,
    /// Percent out of range.
    pub percent: &'static str,
    /// Not a day, or a doubtful way to write one.
    pub date: &'static str,
    /// Not a time of day, or a weekday that does not exist.
    pub hours: &'static str,
    /// A name that is not made of `[a-z0-9-]`, or stands twice.
    pub name_form: &'static str,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
    /// The file it was inherited from; none: the one it is found in.
    pub(super) from: Option<Arc<Source>>,
}

/// What a value is. Floats keep no number: no key of ours takes one.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Text(String),
    Integer(i64),
    Float,
    Bool(bool),
    /// Year, month, day of a bare date; `None` when there is a time in it.
    Date(Option<(u16, u8, u8)>),
    List(Vec<Node>),
    Table(Vec<Member>),
}

/// A key with its value, in file order.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) value: Node,
}

/// How a file takes over a table of the one it inherits from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inherit {
    /// Key by key, but for these.
    Keys(&'static [&'static str]),
    /// A list whose members have a `name`: one of the same name takes the place of the other, further ones stand above
    /// (`true`) or below.
    Named(bool),
}

/// A value by itself: what is compared where places do not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plain {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Yes or no.
    Bool(bool),
    /// A bare date, as written; empty for what no file of ours may hold.
    Other(String),
    /// A list.
    List(Vec<Plain>),
    /// A table, in file order.
    Table(Vec<(String, Plain)>),
}

impl Node {
    fn plain(&self) -> Plain {
        match &self.kind {
            Kind::Text(text) => Plain::Text(text.clone()),
            Kind::Integer(number) => Plain::Integer(*number),
            Kind::Bool(flag) => Plain::Bool(*flag),
            Kind::Date(Some((year, month, day))) => {
                Plain::Other(format!("{year:04}-{month:02}-{day:02}"))
            }
            Kind::Float | Kind::Date(None) => Plain::Other(String::new()),
            Kind::List(nodes) => Plain::List(nodes.iter().map(Node::plain).collect()),
            Kind::Table(members) => {
                let row = |member: &Member| (member.key.clone(), member.value.plain());
                Plain::Table(members.iter().map(row).collect())
            }
        }
    }
}

impl Node {
    /// As it is taken over by another file.
    fn taken_from(&self, file: &Arc<Source>) -> Node {
        let kind = match &self.kind {
            Kind::List(nodes) => {
                Kind::List(nodes.iter().map(|node| node.taken_from(file)).collect())
            }
            Kind::Table(members) => {
                let member = |member: &Member| member.taken_from(file);
                Kind::Table(members.iter().map(member).collect())
            }
            kind => kind.clone(),
        };
        Node {
            span: self.span.clone(),
            kind,
            from: Some(self.from.clone().unwrap_or_else(|| file.clone())),
        }
    }

    fn name(&self) -> Option<&str> {
        let Kind::Table(members) = &self.kind else {
            return None;
        };
        let name = members.iter().find(|member| member.key == "name")?;
        match &name.value.kind {
            Kind::Text(name) => Some(name),
            _ => None,
        }
    }
}

impl Member {
    fn taken_from(&self, file: &Arc<Source>) -> Member {
        Member {
            key: self.key.clone(),
            key_span: self.key_span.clone(),
            value: self.value.taken_from(file),
        }
    }
}

/// The members of a table, and those of another that it lacks behind them.
fn with_keys(own: &[Member], other: &[Member], but: &[&str], file: &Arc<Source>) -> Vec<Member> {
    let lacks = |member: &&Member| {
        !but.contains(&member.key.as_str()) && own.iter().all(|own| own.key != member.key)
    };
    let more = other.iter().filter(lacks);
    let more = more.map(|member| member.taken_from(file));
    own.iter().cloned().chain(more).collect()
}

/// The members of a list and those of another: of equal names the own one, in the other's place.
fn with_named(own: &[Node], other: &[Node], above: bool, file: &Arc<Source>) -> Vec<Node> {
    let named = |name: &str| own.iter().find(|own| own.name() == Some(name));
    let is_new = |node: &&Node| {
        let name = node.name();
        name.is_none() || other.iter().all(|other| other.name() != name)
    };
    let taken = other.iter().map(|node| match node.name().and_then(named) {
        Some(own) => own.clone(),
        None => node.taken_from(file),
    });
    let new = own.iter().filter(is_new).cloned();
    match above {
        true => new.chain(taken).collect(),
        false => taken.chain(new).collect(),
    }
}

impl File {
    /// This file with all that it lacks of another: tables that `ways` names in their way, the rest whole.
    pub fn inheriting(&self, other: &File, ways: &[(&str, Inherit)]) -> File {
        let (Kind::Table(own), Kind::Table(all)) = (&self.root.kind, &other.root.kind) else {
            return File {
                language: self.language,
                source: self.source.clone(),
                root: self.root.clone(),
            };
        };
        let file = &other.source;
        let mut members = with_keys(own, all, &[], file);
        for member in members
            .iter_mut()
            .filter(|member| member.value.from.is_none())
        {
            let same = all.iter().find(|other| other.key == member.key);
            let way = ways.iter().find(|(key, _)| *key == member.key);
            let (Some(same), Some((_, way))) = (same, way) else {
                continue;
            };
            match (way, &mut member.value.kind, &same.value.kind) {
                (Inherit::Keys(but), Kind::Table(own), Kind::Table(other)) => {
                    *own = with_keys(own, other, but, file);
                }
                (Inherit::Named(above), Kind::List(own), Kind::List(other)) => {
                    *own = with_named(own, other, *above, file);
                }
                _ => {}
            }
        }
        File {
            language: self.language,
            source: self.source.clone(),
            root: Node {
                span: self.root.span.clone(),
                kind: Kind::Table(members),
                from: None,
            },
        }
    }

    /// What it says, without places and comments.
    pub fn plain(&self) -> Plain {
        self.root.plain()
    }

    /// Reads and parses a file; `name` is what faults call it.
    pub fn read(
        path: &Path,
        name: &str,
        language: &'static Language,
        log: &FaultLog,
    ) -> Option<File> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let title = format!("the file cannot be read: {error}");
                log.add(Fault::error(language.syntax, Place::file(name), title));
                return None;
            }
        };
        let error = match String::from_utf8(bytes) {
            Ok(text) => return File::parse(name, text, language, log),
            Err(error) => error,
        };
        let good = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(&error.as_bytes()[..good]).into_owned();
        let name = name.to_owned();
        let place = Place {
            source: Arc::new(Source::new(name, text)),
            span: Some(good..good),
        };
        log.add(
            Fault::error(language.syntax, place, "the text is not UTF-8")
                .label("the first byte that is not stands here")
                .mend("save the file as UTF-8"),
        );
        None
    }

    /// Parses a text. The parser gives up at its first syntax error.
    pub fn parse(
        name: &str,
        text: impl Into<String>,
        language: &'static Language,
        log: &FaultLog,
    ) -> Option<File> {
        let source = Arc::new(Source::new(name, text));
        let error = match Document::parse(source.text.as_str()) {
            Ok(document) => {
                let span = 0..0;
                let kind = table(document.as_table().iter(), document.as_table(), &span);
                return Some(File {
                    language,
                    source,
                    root: Node {
                        span,
                        kind,
                        from: None,
                    },
                });
            }
            Err(error) => error,
        };
        log.add(not_toml(source, &error, language));
        None
    }

    /// The name that faults use.
    pub fn name(&self) -> &str {
        &self.source.name
    }

    /// The text as it was read.
    pub fn text(&self) -> &str {
        &self.source.text
    }

    /// The whole file as one table; faults found while reading it go to `log`.
    pub fn root<'f>(&'f self, log: &'f FaultLog) -> Value<'f> {
        Value {
            file: self,
            log,
            key: "",
            node: &self.root,
            form: &Form::Any,
        }
    }
}

/// The text of a file that is no TOML.
///
/// # Errors
/// Those of the file system, and that it is not UTF-8.
pub fn read_text(path: &Path) -> std::io::Result<String> {
    fs::read_to_string(path)
}

/// The names of what lies in a folder, sorted. Hidden ones and copies that editors leave (`~`) are none of it.
pub fn names_in(dir: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && !name.ends_with('~') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// A syntax error in its author's words: the parser tells of a few common slips in its own way.
fn not_toml(source: Arc<Source>, error: &TomlError, language: &Language) -> Fault {
    let span = error.span().unwrap_or(0..0);
    let text = source.text.as_str();
    let from = text.get(span.start..).unwrap_or_default();
    let line = from.lines().next().unwrap_or_default();
    let before = text
        .get(..span.start)
        .unwrap_or_default()
        .trim_end_matches([' ', '\t']);
    let value: &str = line
        .split([',', ']', '}', '#'])
        .next()
        .unwrap_or_default()
        .trim_end();
    let latin: String = value.chars().map(latin_digit).collect();
    // A bracket that begins a line begins a table.
    let is_head = matches!(before.rsplit('\n').next(), Some("[" | "[["));
    let is_value = before.ends_with(['=', '[', ',']) && !before.ends_with("[[") && !is_head;
    let word = |c: char| c.is_alphanumeric() || "-_/:.% ".contains(c);
    let curly = |c: &char| "\u{201c}\u{201d}\u{201e}\u{ab}\u{bb}\u{2018}\u{2019}".contains(*c);
    let place = |span| Place {
        source: source.clone(),
        span: Some(span),
    };
    let fault = |span| Fault::error(language.syntax, place(span), "this is not TOML");
    let value_span = span.start..span.start + value.len();
    if let Some(sign) = line.chars().next().filter(curly) {
        let straight = "a quotation mark of TOML is straight";
        let span = span.start..span.start + sign.len_utf8();
        return fault(span).label(straight).mend("write \"  in its stead");
    }
    if line.starts_with('\u{60c}') {
        let span = span.start..span.start + '\u{60c}'.len_utf8();
        return fault(span)
            .label("a Persian comma")
            .mend("write ,  in its stead");
    }
    if is_value && value.is_empty() && before.ends_with('=') {
        return fault(span.start..span.start).label("a value is missing");
    }
    if is_value && latin != value && latin.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
        return fault(value_span)
            .label("Persian or Arabic digits")
            .mend(latin);
    }
    let is_word =
        value.chars().all(word) && value.contains(|c: char| c.is_alphabetic() || "/%".contains(c));
    if is_value && is_word && !value.contains(char::is_whitespace) {
        return fault(value_span)
            .label("this must stand in quotes")
            .mend(format!("\"{value}\""));
    }
    fault(span).label(error.message())
}

/// Persian and Arabic digits as 0–9; everything else as it is.
pub(super) fn latin_digit(c: char) -> char {
    let zero = match c {
        '۰'..='۹' => '۰',
        '٠'..='٩' => '٠',
        _ => return c,
    };
    char::from_digit(c as u32 - zero as u32, 10).unwrap_or(c)
}

/// The members of a table of either make, in file order.
fn table<'a>(
    items: impl Iterator<Item = (&'a str, &'a Item)>,
    keys: &'a dyn toml_edit::TableLike,
    around: &Range<usize>,
) -> Kind {
    let members = items.map(|(name, item)| {
        let span = keys.key(name).and_then(toml_edit::Key::span);
        let key_span = span.unwrap_or_else(|| around.clone());
        Member {
            key: name.to_owned(),
            value: node(item, &key_span),
            key_span,
        }
    });
    Kind::Table(members.collect())
}

/// An item as a node; one without a span of its own (an implied table) gets its key's.
fn node(item: &Item, key_span: &Range<usize>) -> Node {
    let span = item.span().unwrap_or_else(|| key_span.clone());
    let kind = match item {
        Item::None => Kind::Table(Vec::new()),
        Item::Value(value) => return value_node(value, key_span),
        Item::Table(inner) => table(inner.iter(), inner, &span),
        Item::ArrayOfTables(list) => {
            let tables = list.iter().map(|inner| {
                let span = inner.span().unwrap_or_else(|| key_span.clone());
                Node {
                    kind: table(inner.iter(), inner, &span),
                    span,
                    from: None,
                }
            });
            Kind::List(tables.collect())
        }
    };
    Node {
        span,
        kind,
        from: None,
    }
}

fn value_node(value: &TomlValue, key_span: &Range<usize>) -> Node {
    let span = value.span().unwrap_or_else(|| key_span.clone());
    let kind = match value {
        TomlValue::String(text) => Kind::Text(text.value().clone()),
        TomlValue::Integer(number) => Kind::Integer(*number.value()),
        TomlValue::Float(_) => Kind::Float,
        TomlValue::Boolean(flag) => Kind::Bool(*flag.value()),
        TomlValue::Datetime(moment) => {
            let moment = moment.value();
            let date = moment.date.filter(|_| moment.time.is_none());
            Kind::Date(date.map(|d| (d.year, d.month, d.day)))
        }
        TomlValue::Array(list) => {
            Kind::List(list.iter().map(|item| value_node(item, &span)).collect())
        }
        TomlValue::InlineTable(inner) => {
            let keys: &dyn toml_edit::TableLike = inner;
            table(keys.iter(), keys, &span)
        }
    };
    Node {
        span,
        kind,
        from: None,
    }
}
