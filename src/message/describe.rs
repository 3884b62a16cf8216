//! A message for people, and as JSON. Secrets are masked unless they are asked for.

use serde_json::{Map, Value};

use super::{DecodeError, Message};
use crate::spec::{Inside, Path, Secret, Spec};

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
}

/// A field, a tag, or a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where.
    pub path: Path,
    /// Its name in the dialect; empty for a tag that the dialect does not name.
    pub name: String,
    /// Its text, masked or not; empty for a list of tags.
    pub value: String,
    /// What the value means, where the dialect tells.
    pub meaning: Option<String>,
    /// Whether it is a list of tags, told by the rows below it.
    pub is_list: bool,
}

/// Describes a message.
pub fn describe(spec: &Spec, message: &Message, secrets: Secrets) -> Description {
    let mut rows = Vec::new();
    for n in message.fields() {
        let (Some(field), Some(text)) = (spec.field(n), message.text(spec, n)) else {
            continue;
        };
        let path = Path::field(n);
        let is_list = matches!(field.inside, Inside::Tlv { .. });
        rows.push(Row {
            name: field.name.clone(),
            // Each tag has its own secret, so the list as a whole is not shown.
            value: if is_list {
                String::new()
            } else {
                shown(&text, field.secret, secrets)
            },
            meaning: open(field.secret, secrets)
                .then(|| spec.meaning(&path, text.as_bytes()))
                .flatten()
                .map(str::to_owned),
            path,
            is_list,
        });
        match &field.inside {
            Inside::Nothing => {}
            Inside::Tlv { form, tags } => {
                for item in message.tags(spec, n) {
                    let latin = |bytes: &[u8]| match form.coding {
                        crate::wire::coding::Coding::Ascii => {
                            String::from_utf8_lossy(bytes).into_owned()
                        }
                        coding => bytes
                            .iter()
                            .map(|c| char::from(coding.character(*c)))
                            .collect(),
                    };
                    let tag = latin(item.tag);
                    // What the dialect does not know may be anything, also a card number.
                    let known = tags.get(&tag);
                    let secret = known.map_or(Secret::Masked, |known| known.secret);
                    let text = latin(item.value);
                    let path = Path::inside(n, tag);
                    rows.push(Row {
                        name: known.map_or(String::new(), |known| known.name.clone()),
                        value: shown(&text, secret, secrets),
                        meaning: spec.meaning(&path, text.as_bytes()).map(str::to_owned),
                        path,
                        is_list: false,
                    });
                }
            }
            Inside::Parts { parts, .. } if open(field.secret, secrets) => {
                let mut rest = &text[..];
                for (number, part) in parts.iter().enumerate().cycle() {
                    let Some((value, after)) = rest.split_at_checked(part.length) else {
                        break;
                    };
                    if value.is_empty() {
                        break;
                    }
                    rest = after;
                    let path = Path::inside(n, (number + 1).to_string());
                    rows.push(Row {
                        name: part.name.clone(),
                        value: value.to_owned(),
                        meaning: spec.meaning(&path, value.as_bytes()).map(str::to_owned),
                        path,
                        is_list: false,
                    });
                }
            }
            Inside::Parts { .. } => {}
        }
    }
    Description {
        mti: message.mti().to_string(),
        mti_words: message.mti().words(),
        function: message.function(spec).map(|f| f.name.clone()),
        rows,
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
        let label = |row: &Row| match row.path.tag() {
            None => format!("{:>3}  {}", row.path.field, row.name),
            Some(tag) => format!("     {tag:<3} {}", row.name),
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
        let mut fields = Map::new();
        for row in &self.rows {
            let n = row.path.field.to_string();
            match (row.path.tag(), fields.get_mut(&n)) {
                (None, _) if row.is_list => {
                    fields.insert(n, Value::Object(Map::new()));
                }
                (None, _) => {
                    fields.insert(n, row.value.clone().into());
                }
                (Some(tag), Some(Value::Object(inside))) => {
                    inside.insert(tag.to_owned(), row.value.clone().into());
                }
                // Parts stand in the text of their field already.
                (Some(_), _) => {}
            }
        }
        let mut whole = Map::new();
        whole.insert("mti".into(), self.mti.clone().into());
        whole.insert("fields".into(), Value::Object(fields));
        Value::Object(whole)
    }
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
