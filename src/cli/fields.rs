//! `describe --fields`: a dialect as a table, for people and as JSON: what another program needs to speak it.

use serde_json::{Map, Value, json};

use crate::spec::{
    BYTES_MAX, Calendar, Counts, FieldSpec, Inside, Length, Pad, Policy, Secret, Spec,
};
use crate::wire::bitmap::BitmapForm;

/// A line a field: number, name, class, length, coding, and what else there is to know; below it what is inside.
pub(super) fn text(spec: &Spec) -> String {
    let mut rows = Vec::new();
    for (n, field) in spec.fields() {
        row(&n.to_string(), 3, field, 0, &mut rows);
    }
    if let Some(unknown) = spec.unknown_fields() {
        row("any", 3, &unknown.field, 0, &mut rows);
    }
    let wide = |column: usize| {
        let all = rows.iter().map(|row: &Row| row[column].chars().count());
        all.max().unwrap_or(0)
    };
    let widths = [wide(0), wide(1), wide(2), wide(3)];
    let mut out = format!("{}: {}\n", spec.name(), spec.title());
    let mti = spec.mti_coding().name();
    out.push_str(&format!("type {mti}, {}\n", bitmap_words(spec.bitmap())));
    if let Some(framing) = spec.framing() {
        out.push_str(&format!("framing {framing} where a link names none\n"));
    }
    if spec.is_unverified() {
        out.push_str("unverified: made without an official document\n");
    }
    out.push('\n');
    for [name, class, length, coding, notes] in &rows {
        let [a, b, c, d] = widths;
        let line = format!("{name:<a$}  {class:<b$}  {length:<c$}  {coding:<d$}  {notes}");
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// The same as JSON; keys and words are those of dialect files. A length is a number of units, or `{digits, min, max}`;
/// 0 digits where what holds the value tells its length.
pub(super) fn json(spec: &Spec) -> Value {
    let mut told = json!({
        "dialect": spec.name(),
        "title": spec.title(),
        "unverified": spec.is_unverified(),
        "mti": spec.mti_coding().name(),
        "bitmap": bitmap(spec.bitmap()),
    });
    if let Some(framing) = spec.framing() {
        told["framing"] = framing.into();
    }
    let fields = spec.fields();
    told["fields"] = fields
        .map(|(n, field)| (n.to_string(), field_json(field)))
        .collect::<Map<_, _>>()
        .into();
    if let Some(unknown) = spec.unknown_fields() {
        told["unknown"] = field_json(&unknown.field);
        told["unknown"]["policy"] = policy(unknown.policy).into();
    }
    told
}

/// Label and name, class, length, coding, notes.
type Row = [String; 5];

/// A field with its label, so many characters wide, and one step further right what is inside it.
fn row(label: &str, wide: usize, field: &FieldSpec, depth: usize, rows: &mut Vec<Row>) {
    let mut coding = field.coding.name().to_owned();
    let length = match field.length {
        Length::Fixed(units) => units.to_string(),
        Length::Var { digits, min, max } => {
            let counted = digits > 0;
            if counted && field.length_coding != field.coding {
                coding.push_str(&format!(", length {}", field.length_coding.name()));
            }
            let digits = "L".repeat(digits);
            match (min, max) {
                (0, BYTES_MAX) if !counted => "any".to_owned(),
                (0, _) => format!("{digits}..{max}"),
                _ if min == max => format!("{digits} {max}").trim_start().to_owned(),
                _ => format!("{digits} {min}..{max}").trim_start().to_owned(),
            }
        }
    };
    let mut notes = Vec::new();
    if field.counts != Counts::Units {
        notes.push(format!("length counts {}", counts(field.counts)));
    }
    if field.secret != Secret::Open {
        notes.push(secret(field.secret).to_owned());
    }
    if let Some(dated) = &field.dated {
        let of = match dated.calendar {
            Calendar::Gregorian => "",
            Calendar::Jalali => ", Jalali",
        };
        notes.push(format!("{}{of}", dated.form));
    }
    notes.extend(inside_words(&field.inside));
    let indent = 5 * depth;
    let name = format!("{:indent$}{label:>wide$}  {}", "", field.name);
    let class = field.class.name().to_owned();
    let notes = notes.join("; ");
    rows.push([name.trim_end().to_owned(), class, length, coding, notes]);
    let pieces = field.inside.specs();
    let wide = pieces.iter().map(|(label, _)| label.len()).max();
    for (label, piece) in &pieces {
        row(label, wide.unwrap_or(0), piece, depth + 1, rows);
    }
}

fn bitmap_words(form: BitmapForm) -> String {
    let (coding, bytes) = (form.coding.name(), 8 * form.words_max);
    match form.fixed {
        true => format!("bitmap {coding} of {bytes} bytes"),
        false => format!("bitmap {coding} of up to {bytes} bytes"),
    }
}

fn inside_words(inside: &Inside) -> Option<String> {
    let others = |policy: &Policy| match policy {
        Policy::Reject => ", others refused",
        Policy::Skip => ", others skipped",
        Policy::Keep => "",
    };
    Some(match inside {
        Inside::Nothing => return None,
        Inside::Parts { repeats, short, .. } => {
            let mut words = "parts".to_owned();
            if *repeats {
                words.push_str(", again and again");
            }
            if *short {
                words.push_str(", the last may be missing");
            }
            words
        }
        Inside::Tlv { form, unknown, .. } => {
            let (tag, length) = ("T".repeat(form.tag_chars), "L".repeat(form.length_digits));
            format!("tagged {tag} {length}{}", others(unknown))
        }
        Inside::Ber { unknown, .. } => format!("BER{}", others(unknown)),
        Inside::List {
            separator,
            assign,
            unknown,
            ..
        } => {
            let named = assign.map_or(String::new(), |sign| {
                format!(", named with {:?}", char::from(sign))
            });
            let separator = char::from(*separator);
            format!("list with {separator:?}{named}{}", others(unknown))
        }
        Inside::Bitmap { form, .. } => bitmap_words(*form),
        Inside::Prefixed { rest, .. } => {
            let rest = inside_words(rest).unwrap_or_default();
            format!("prefix, then {rest}")
        }
    })
}

fn field_json(field: &FieldSpec) -> Value {
    let mut told = json!({ "name": field.name, "class": field.class.name() });
    told["length"] = match field.length {
        Length::Fixed(units) => units.into(),
        Length::Var { digits, min, max } => json!({ "digits": digits, "min": min, "max": max }),
    };
    told["coding"] = field.coding.name().into();
    if let Length::Var { digits: 1.., .. } = field.length {
        told["length_coding"] = field.length_coding.name().into();
        told["counts"] = counts(field.counts).into();
    }
    if let (Length::Fixed(_), Some(pad)) = (field.length, field.pad) {
        told["pad"] = pad_name(pad).into();
    }
    told["secret"] = secret(field.secret).into();
    if let Some(dated) = &field.dated {
        told["date"] = dated.form.as_str().into();
        told["calendar"] = match dated.calendar {
            Calendar::Gregorian => "gregorian",
            Calendar::Jalali => "jalali",
        }
        .into();
    }
    if field.inside != Inside::Nothing {
        told["inside"] = inside_json(&field.inside);
    }
    told
}

fn inside_json(inside: &Inside) -> Value {
    let sign = |sign: &u8| char::from(*sign).to_string();
    let pieces = |inside: &Inside| -> Value {
        let specs = inside.specs().into_iter();
        specs
            .map(|(label, spec)| (label, field_json(spec)))
            .collect::<Map<_, _>>()
            .into()
    };
    match inside {
        Inside::Nothing => Value::Null,
        Inside::Parts { repeats, short, .. } => {
            json!({ "kind": "parts", "repeats": repeats, "short": short, "pieces": pieces(inside) })
        }
        Inside::Tlv { form, unknown, .. } => json!({
            "kind": "tags",
            "tag_chars": form.tag_chars,
            "length_digits": form.length_digits,
            "coding": form.coding.name(),
            "unknown": policy(*unknown),
            "pieces": pieces(inside),
        }),
        Inside::Ber { unknown, .. } => {
            json!({ "kind": "ber", "unknown": policy(*unknown), "pieces": pieces(inside) })
        }
        Inside::List {
            separator,
            assign,
            unknown,
            coding,
            ..
        } => json!({
            "kind": "list",
            "separator": sign(separator),
            "assign": assign.as_ref().map(sign),
            "coding": coding.name(),
            "unknown": policy(*unknown),
            "pieces": pieces(inside),
        }),
        Inside::Bitmap { form, .. } => {
            json!({ "kind": "bitmap", "bitmap": bitmap(*form), "pieces": pieces(inside) })
        }
        Inside::Prefixed { rest, .. } => {
            // The parts before it and the rest tell their pieces together, apart by their names.
            json!({ "kind": "prefix", "rest": inside_json(rest), "pieces": pieces(inside) })
        }
    }
}

fn bitmap(form: BitmapForm) -> Value {
    json!({
        "coding": form.coding.name(),
        "bytes": 8 * form.words_max,
        "fixed": form.fixed,
        "marked": form.marked,
    })
}

fn counts(counts: Counts) -> &'static str {
    match counts {
        Counts::Units => "units",
        Counts::Characters => "characters",
        Counts::Bytes => "bytes",
    }
}

fn secret(secret: Secret) -> &'static str {
    match secret {
        Secret::Open => "open",
        Secret::Masked => "masked",
        Secret::Hidden => "hidden",
    }
}

fn policy(policy: Policy) -> &'static str {
    match policy {
        Policy::Reject => "reject",
        Policy::Skip => "skip",
        Policy::Keep => "keep",
    }
}

fn pad_name(pad: Pad) -> &'static str {
    match (pad.with, pad.left) {
        (b'0', true) => "zeros-left",
        (b'0', false) => "zeros-right",
        (_, true) => "spaces-left",
        (_, false) => "spaces-right",
    }
}
