//! A message for people, and as JSON. Secrets are masked unless they are asked for.

use serde_json::{Map, Value};

use super::make::BYTES;
use super::{DecodeError, Message};
use crate::spec::{FieldSpec, Inside, Path, Policy, Secret, Spec};
use crate::wire::coding::{Coding, to_hex};

/// As deep as this what is inside is looked at, where the dialect does not say how deep it goes.
const DEPTH_MAX: usize = 16;

/// Whether secrets are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// Masked as the dialect says.
    Masked,
    /// Shown whole.
    Shown,
}

/// A message, field by field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The message type.
    pub mti: String,
    /// What the type means.
    pub mti_words: String,
    /// The function of the dialect that it fits.
    pub function: Option<String>,
    /// Fields, each followed by what is inside it.
    pub rows: Vec<Row>,
    /// The fields as JSON, by number.
    fields: Map<String, Value>,
}

/// A field, a tag, or a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where.
    pub path: Path,
    /// Its name in the dialect; empty for a tag that the dialect does not name.
    pub name: String,
    /// Its text, masked or not; empty where the rows below it tell it.
    pub value: String,
    /// What the value means, where the dialect tells.
    pub meaning: Option<String>,
}

/// Describes a message.
pub fn describe(spec: &Spec, message: &Message, secrets: Secrets) -> Description {
    let mut teller = Teller {
        spec,
        secrets,
        rows: Vec::new(),
    };
    let mut fields = Map::new();
    for n in message.fields() {
        if spec.unknown(n) == Some(Policy::Skip) {
            continue;
        }
        let (Some(field), Some(value)) = (spec.field(n), message.value(n)) else {
            continue;
        };
        let units = message.units(spec, n).unwrap_or(value.len());
        let told = teller.tell(field, Path::field(n), value, units);
        fields.insert(n.to_string(), told);
    }
    teller.check_net(message);
    Description {
        mti: message.mti().to_string(),
        mti_words: message.mti().words(),
        function: message.function(spec).map(|f| f.name.clone()),
        rows: teller.rows,
        fields,
    }
}

/// Tells values as rows and as JSON in one walk.
struct Teller<'s> {
    spec: &'s Spec,
    secrets: Secrets,
    rows: Vec<Row>,
}

impl Teller<'_> {
    /// A value that the dialect names.
    fn tell(&mut self, field: &FieldSpec, path: Path, wire: &[u8], units: usize) -> Value {
        let text = field.text(wire, units);
        let as_text = field.is_told_as_text();
        let n = usize::from(path.field);
        let is_named = !path.inside.is_empty() || self.spec.unknown(n).is_none();
        let value = if as_text && !is_named {
            unnamed(&text, field.secret, self.secrets)
        } else if as_text {
            shown(&text, field.secret, self.secrets)
        } else {
            // Each piece has its own secret, so the whole is not shown.
            String::new()
        };
        let is_open = as_text && open(field.secret, self.secrets);
        self.rows.push(Row {
            path: path.clone(),
            name: field.name.clone(),
            value: value.clone(),
            meaning: is_open.then(|| self.meaning(field, &path, &text)).flatten(),
        });
        let content = field.view(wire, units);
        if !as_text {
            return self.pieces(&field.inside, &path, &content, field.secret);
        }
        // A look at the parts of a text, where there is something to see.
        let mut parts = field.inside.specs().into_iter();
        if parts.any(|(_, part)| open(part.secret, self.secrets)) {
            self.pieces(&field.inside, &path, &content, field.secret);
        }
        match field.coding {
            Coding::Ascii if is_open => told(value, wire),
            _ => value.into(),
        }
    }

    /// What is inside a value.
    fn pieces(&mut self, inside: &Inside, path: &Path, content: &[u8], secret: Secret) -> Value {
        let mut told = Vec::new();
        for piece in inside.pieces(content).map_while(Result::ok) {
            let mut below = path.clone();
            let label = match (piece.spec, self.secrets) {
                (None, Secrets::Masked) => piece.label.guarded(),
                _ => piece.label.to_string(),
            };
            below.inside.push(label.clone());
            // Tags that nobody knows may say that they hold others, and these again, without an end.
            let inner = piece.inside(inside);
            let inner = inner.filter(|_| piece.spec.is_some() || path.inside.len() < DEPTH_MAX);
            let value = match (piece.spec, inner) {
                (Some(spec), _) => self.tell(spec, below, piece.value, piece.units),
                (None, _) if piece.unknown == Policy::Skip => continue,
                (None, inner) => {
                    // What the dialect does not name may be anything, also a card number.
                    let secret = secret.max(Secret::Masked);
                    let value = match inner {
                        None => unnamed(&piece.text(), secret, self.secrets),
                        Some(_) => String::new(),
                    };
                    self.rows.push(Row {
                        path: below.clone(),
                        name: String::new(),
                        value: value.clone(),
                        meaning: None,
                    });
                    match inner {
                        None if piece.coding == Coding::Ascii && open(secret, self.secrets) => {
                            self::told(value, piece.value)
                        }
                        None => value.into(),
                        Some(inner) => self.pieces(inner, &below, piece.value, secret),
                    }
                }
            };
            told.push((label, value));
        }
        gathered(told, inside.is_ordered())
    }

    fn meaning(&self, field: &FieldSpec, path: &Path, text: &str) -> Option<String> {
        if let Some(meaning) = self.spec.meaning(path, text.as_bytes()) {
            return Some(meaning.to_owned());
        }
        let dated = field.dated.as_ref()?;
        match dated.words(text) {
            Some(words) => Some(words),
            None if text.bytes().all(|c| c == b'0') => None,
            None => Some("no such date or time".to_owned()),
        }
    }

    /// Says of the net amount whether it is what the dialect reckons from the other totals.
    fn check_net(&mut self, message: &Message) {
        let spec = self.spec;
        let (Some(net), Some(path)) = (spec.net(), spec.role("net")) else {
            return;
        };
        let Some(row) = self.rows.iter_mut().find(|row| row.path == *path) else {
            return;
        };
        let Some(reckoned) = net.of(|n| match message.has(n) {
            true => message.digits(spec, n),
            false => Some(0),
        }) else {
            return;
        };
        let sign = if reckoned < 0 { 'D' } else { 'C' };
        let digits = row.value.trim_start_matches(['C', 'D']);
        let told = digits.parse() == Ok(reckoned.unsigned_abs());
        let agrees = told && (reckoned == 0 || row.value.starts_with(sign));
        row.meaning = Some(match agrees {
            true => format!("agrees with {net}"),
            false => format!("{net} comes to {sign}{}", reckoned.unsigned_abs()),
        });
    }
}

/// A text as JSON; what is no UTF-8 by its bytes, so that it can be made again.
fn told(text: String, wire: &[u8]) -> Value {
    match std::str::from_utf8(wire) {
        Ok(_) => text.into(),
        Err(_) => serde_json::json!({ BYTES: to_hex(wire) }),
    }
}

/// The aligned text of a message, a line a field.
pub fn text(spec: &Spec, message: &Message, secrets: Secrets) -> String {
    describe(spec, message, secrets).text()
}

/// `{"mti": "0200", "fields": {"2": "…", "48": {"10": "…"}}}`.
pub fn json(spec: &Spec, message: &Message, secrets: Secrets) -> Value {
    describe(spec, message, secrets).json()
}

/// What is wrong with a message, and then what of it could be read.
pub fn fault_text(spec: &Spec, error: &DecodeError, secrets: Secrets) -> String {
    let name = spec.name_of(&error.path).unwrap_or("not in this dialect");
    let DecodeError {
        path,
        at_byte,
        wanted,
        ..
    } = error;
    let mut out = format!("field {path} ({name}): {wanted} wanted at byte {at_byte}\n");
    if let Some(read) = &error.read {
        out.push_str(&text(spec, read, secrets));
    }
    out
}

/// The same as JSON: `{"error": {"path", "at_byte", "wanted"}, "mti", "fields"}`.
pub fn fault_json(spec: &Spec, error: &DecodeError, secrets: Secrets) -> Value {
    let mut fault = Map::new();
    fault.insert("path".into(), error.path.to_string().into());
    fault.insert("at_byte".into(), error.at_byte.into());
    fault.insert("wanted".into(), error.wanted.to_string().into());
    let mut whole = Map::new();
    whole.insert("error".into(), Value::Object(fault));
    if let Some(read) = &error.read
        && let Value::Object(read) = json(spec, read, secrets)
    {
        whole.extend(read);
    }
    Value::Object(whole)
}

impl Description {
    /// Aligned lines: number, name, value, meaning.
    pub fn text(&self) -> String {
        let label = |row: &Row| match row.path.inside.split_last() {
            None => format!("{:>3}  {}", row.path.field, row.name),
            Some((tag, above)) => {
                let indent = 5 + 4 * above.len();
                format!("{:indent$}{tag:<3} {}", "", row.name)
            }
        };
        let labels: Vec<String> = self.rows.iter().map(label).collect();
        let width = labels.iter().map(|l| l.chars().count()).max().unwrap_or(0);
        let width = width.clamp(20, 48);
        let mut out = format!("{} {}", self.mti, self.mti_words);
        if let Some(function) = &self.function {
            out.push_str(&format!(": {function}"));
        }
        out.push('\n');
        for (row, label) in self.rows.iter().zip(labels) {
            // Line feeds of receipt lines must not break the table.
            let value: String = row
                .value
                .chars()
                .map(|c| if c.is_control() { '·' } else { c })
                .collect();
            let mut line = format!("{label:<width$}  {value}");
            if let Some(meaning) = &row.meaning {
                line.push_str(&format!("  ({meaning})"));
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }

    /// `{"mti": "0200", "fields": {"2": "…", "48": {"10": "…"}}}`.
    pub fn json(&self) -> Value {
        let mut whole = Map::new();
        whole.insert("mti".into(), self.mti.clone().into());
        whole.insert("fields".into(), Value::Object(self.fields.clone()));
        Value::Object(whole)
    }
}

/// Pieces by their names. A piece that comes again makes a list; where the order matters and others stand
/// between, the whole is a list of pieces.
fn gathered(told: Vec<(String, Value)>, ordered: bool) -> Value {
    let mut pieces = Map::new();
    let mut last = None;
    let apart = ordered
        && told.iter().any(|(label, _)| {
            let again = last.replace(label) != Some(label) && pieces.contains_key(label);
            pieces.insert(label.clone(), Value::Null);
            again
        });
    // A list of pieces is itself one value of a list.
    let one = |value: Value| match value {
        Value::Array(_) => Value::Array(vec![value]),
        value => value,
    };
    if apart {
        let alone = |(label, value)| Value::Object(Map::from_iter([(label, one(value))]));
        return told.into_iter().map(alone).collect();
    }
    pieces.clear();
    for (label, value) in told {
        match pieces.get_mut(&label) {
            None => {
                pieces.insert(label, one(value));
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    Value::Object(pieces)
}

fn open(secret: Secret, secrets: Secrets) -> bool {
    secret == Secret::Open || secrets == Secrets::Shown
}

fn shown(text: &str, secret: Secret, secrets: Secrets) -> String {
    match (secrets, secret) {
        (Secrets::Shown, _) | (_, Secret::Open) => text.to_owned(),
        (Secrets::Masked, Secret::Masked) => masked(text),
        (Secrets::Masked, Secret::Hidden) => "*".repeat(text.chars().count()),
    }
}

/// What the dialect does not name: where it is longer than a card number it may be a track, the end of
/// which is a secret.
fn unnamed(text: &str, secret: Secret, secrets: Secrets) -> String {
    let mut value = shown(text, secret, secrets);
    let count = text.chars().count();
    if !open(secret, secrets) && count > 20 {
        value = value.chars().take(6).collect();
        value.extend(std::iter::repeat_n('*', count - 6));
    }
    value
}

/// First six and last four of what may be a card number; of anything shorter the last two.
fn masked(text: &str) -> String {
    let count = text.chars().count();
    let (first, last) = match count {
        13.. => (6, 4),
        5.. => (0, 2),
        _ => (0, 0),
    };
    let mask = |(at, c)| {
        if at < first || at >= count - last {
            c
        } else {
            '*'
        }
    };
    text.chars().enumerate().map(mask).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: &str) {
        assert_eq!(masked(text), wanted);
    }

    #[test]
    fn a_card_shows_six_and_four_at_most() {
        check("9999120000000019", "999912******0019");
        check("C9999120000000019", "C99991*******0019");
        check("9999120000019", "999912***0019");
        check("999912000019", "**********19");
        check("1234", "****");
    }
}
