//! A message from its JSON, as [`super::describe::json`] tells it.

use serde_json::Value;

use super::{EncodeError, MessageBuilder, Mti, Wanted};
use crate::spec::{Given, Path, Spec};
use crate::wire::coding::from_hex;

/// The key of bytes that are no text. It has blanks, so that no tag can be called like that.
pub(super) const BYTES: &str = "bytes in hex";

/// Begins a message with all that a JSON object tells: `{"mti": "0200", "fields": {"2": "…", "48":
/// {"10": "…"}}}`. A value is a text or a whole number; an object holds the pieces of a field; a list
/// gives a piece several times, or pieces in their order.
///
/// # Errors
/// The place at which something else was wanted; 0 is the message type, or the object as a whole.
pub fn from_json<'s>(spec: &'s Spec, message: &Value) -> Result<MessageBuilder<'s>, EncodeError> {
    let wrong = |path, wanted| EncodeError { path, wanted };
    let mti = message.get("mti").and_then(Value::as_str);
    let mti = mti.and_then(|digits| Mti::from_digits(digits.as_bytes()));
    let mti = mti.ok_or_else(|| wrong(Path::field(0), Wanted::Mti))?;
    let fields = match message.get("fields") {
        None => return Ok(MessageBuilder::new(spec, mti)),
        Some(Value::Object(fields)) => fields,
        Some(_) => return Err(wrong(Path::field(0), Wanted::Value)),
    };
    let mut builder = MessageBuilder::new(spec, mti);
    let mut numbered = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        let n = name.parse().ok().filter(|n| (2..=192).contains(n));
        let n: usize = n.ok_or_else(|| wrong(Path::inside(0, name.clone()), Wanted::KnownField))?;
        let mut path = Path::field(n);
        let given = given(value, &mut path).map_err(|wanted| wrong(path, wanted))?;
        numbered.push((n, given));
    }
    numbered.sort_by_key(|(n, _)| *n);
    for (n, given) in &numbered {
        builder.give(*n, given);
    }
    Ok(builder)
}

/// A text, or pieces; `path` is left at what is wrong.
fn given(value: &Value, path: &mut Path) -> Result<Given, Wanted> {
    let pieces = match value {
        Value::Array(list) => {
            let mut told = Vec::with_capacity(list.len());
            for value in list {
                match given(value, path)? {
                    Given::Pieces(pieces) => told.extend(pieces),
                    Given::Text(_) | Given::Bytes(_) => return Err(Wanted::Value),
                }
            }
            return Ok(Given::Pieces(told));
        }
        Value::String(text) => return Ok(Given::Text(text.clone())),
        Value::Number(number) if number.is_u64() => return Ok(Given::Text(number.to_string())),
        Value::Object(pieces) => pieces,
        _ => return Err(Wanted::Value),
    };
    if let (1, Some(hex)) = (pieces.len(), pieces.get(BYTES)) {
        let bytes = hex.as_str().and_then(|hex| from_hex(hex.as_bytes()));
        return bytes.map(Given::Bytes).ok_or(Wanted::Hex);
    }
    let mut told = Vec::with_capacity(pieces.len());
    for (name, value) in pieces {
        path.inside.push(name.clone());
        match value {
            Value::Array(values) => {
                for value in values {
                    told.push((name.clone(), given(value, path)?));
                }
            }
            value => told.push((name.clone(), given(value, path)?)),
        }
        path.inside.pop();
    }
    Ok(Given::Pieces(told))
}
