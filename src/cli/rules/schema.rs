//! `rules schema`: the table of keys as a JSON Schema, for editors that complete and check TOML while it is written.

use serde_json::{Map, Value, json};

use crate::cli::Failure;
use crate::cli::lang::Lang;
use crate::rulefile::keys;
use crate::source::{Form, Key, Need, Shape};
use crate::terms::time::Weekday;
use crate::words::Language;

/// Print the JSON Schema (draft-07) of rule files.
///
/// An editor with a TOML language server (Taplo, Even Better TOML) completes keys and names by it and says what each is for.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clubswitch rules schema > rules.schema.json           for every kind of file
  clubswitch rules schema clubs > clubs.schema.json     for club files alone: an editor tells faults more exactly
  clubswitch rules schema --lang fa

The first line of a rule file then says  #:schema ../../rules.schema.json

Exit status: 0 well, 2 a fault in the command.")]
pub(super) struct Args {
    /// The folder of the files that it is for; left out, every kind is told by what a file holds
    #[arg(value_parser = keys::FILES.map(|(folder, _)| folder))]
    folder: Option<String>,
    #[command(flatten)]
    lang: Lang,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let language = args.lang.language();
    let files = keys::FILES.iter();
    let files =
        files.filter(|(name, _)| args.folder.as_deref().is_none_or(|folder| folder == *name));
    let kinds: Vec<Value> = files.map(|(_, shape)| by_name(shape)).collect();
    let mut schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": match language {
            Language::English => "A rule file of clubswitch",
            Language::Persian => "پروندهٔ قاعدهٔ clubswitch",
        },
    });
    match &kinds[..] {
        [kind] => schema["allOf"] = json!([kind]),
        kinds => schema["oneOf"] = json!(kinds),
    }
    let shapes = keys::shapes();
    let shapes = shapes
        .iter()
        .map(|shape| (id(shape), table(shape, language)));
    schema["definitions"] = Value::Object(shapes.collect());
    anstream::println!("{schema:#}");
    Ok(())
}

/// "a merchant group" → `a-merchant-group`; the article keeps "a stacking" from "the stacking".
fn id(shape: &Shape) -> String {
    shape.what.replace(' ', "-")
}

fn by_name(shape: &Shape) -> Value {
    json!({ "$ref": format!("#/definitions/{}", id(shape)) })
}

fn table(shape: &Shape, language: Language) -> Value {
    let names = |need: Need| {
        let found = shape.keys.iter().filter(move |key| key.need == need);
        found.map(|key| key.name)
    };
    let any_of = |need: Need| -> Vec<Value> {
        names(need)
            .map(|name| json!({ "required": [name] }))
            .collect()
    };
    let properties: Map<String, Value> = shape
        .keys
        .iter()
        .map(|key| (key.name.to_owned(), property(key, language)))
        .collect();
    let mut schema = json!({
        "title": match language { Language::English => shape.what, Language::Persian => shape.fa },
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    let (must, one, some) = (
        names(Need::Must).collect::<Vec<_>>(),
        any_of(Need::One),
        any_of(Need::Some),
    );
    for (word, list) in [
        ("required", json!(must)),
        ("oneOf", json!(one)),
        ("anyOf", json!(some)),
    ] {
        if list.as_array().is_some_and(|list| !list.is_empty()) {
            schema[word] = list;
        }
    }
    let dependencies = dependencies(shape);
    if !dependencies.is_empty() {
        schema["dependencies"] = Value::Object(dependencies);
    }
    schema
}

/// Which keys cannot stand without which. A key that goes with one of several is not told: the reader tells it.
fn dependencies(shape: &Shape) -> Map<String, Value> {
    let mut found = Map::new();
    for key in shape.keys {
        let (Need::With(others) | Need::Beside(others)) = key.need else {
            continue;
        };
        if let [other] = others {
            found.insert(key.name.to_owned(), json!([other]));
        }
        if let Need::With(others) = key.need {
            others
                .iter()
                .for_each(|other| drop(found.insert((*other).to_owned(), json!([key.name]))));
        }
    }
    found
}

/// What a key takes, with the sentence that says what it is for. Beside `$ref` nothing counts: it stands in `allOf`.
fn property(key: &Key, language: Language) -> Value {
    let form = form(&key.form);
    let mut schema = match form.get("$ref") {
        Some(_) => json!({ "allOf": [form] }),
        None => form,
    };
    schema["description"] = json!(match language {
        Language::English => key.en,
        Language::Persian => key.fa,
    });
    schema
}

fn form(form: &Form) -> Value {
    let text = |pattern: &str| json!({ "type": "string", "pattern": format!("^{pattern}$") });
    match form {
        Form::Any => json!({}),
        Form::Text => json!({ "type": "string" }),
        Form::Title => json!({ "type": "string", "pattern": "\\S" }),
        Form::Name => text("[a-z0-9-]{1,40}"),
        Form::Ref(_) => json!({ "type": "string", "minLength": 1 }),
        Form::Bin => text("[0-9]{6,8}"),
        Form::Code => text("[^\\s,;]{1,40}"),
        Form::Line => json!({ "type": "string", "maxLength": 40, "pattern": "\\S" }),
        Form::ListFile => text("lists/.+"),
        Form::TimeZone => text("[A-Za-z0-9_+/-]+"),
        Form::Acceptor => text("[ -~]{0,14}[!-~]"),
        Form::Alias => text("[A-Z]{3,5}"),
        Form::Iban => text("IR[0-9]{24}"),
        Form::Mcc => text("(?!0000)[0-9]{4}"),
        Form::Format => json!({ "const": 1 }),
        Form::Integer(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Form::Boolean => json!({ "type": "boolean" }),
        Form::Rials => json!({ "type": "integer", "minimum": 0 }),
        Form::PositiveRials => json!({ "type": "integer", "minimum": 1 }),
        Form::Points => {
            json!({ "anyOf": [{ "type": "integer", "minimum": 1 }, text("[0-9]{1,12}(\\.[0-9]{1,4})?")] })
        }
        Form::Percent => text("(100(\\.0{1,4})?|[0-9]{1,2}(\\.[0-9]{1,4})?)%"),
        Form::Times => text("[0-9]{1,4}(\\.[0-9]{1,4})?"),
        // A bare date is a text to the schema.
        Form::Day => text(
            "(1[34][0-9]{2}/(0[1-9]|1[0-2])/(0[1-9]|[12][0-9]|3[01])|[0-9]{4}-[0-9]{2}-[0-9]{2})",
        ),
        Form::TimeOfDay => text(TIME),
        Form::Hours => text(&format!("({TIME}) ?- ?({TIME}|24:00)")),
        Form::Weekday => json!({ "enum": Weekday::NAMES }),
        Form::Span(units) => text(&format!("0*[1-9][0-9]* ?({})s?", units.join("|"))),
        Form::OneOf(names, _) => json!({ "enum": names }),
        Form::List(member) => {
            json!({ "type": "array", "items": self::form(member), "minItems": 1 })
        }
        Form::ListOrNone(member) => json!({ "type": "array", "items": self::form(member) }),
        Form::Table(shape) => by_name(shape),
        Form::Entries(names, shape) => {
            json!({ "type": "object", "propertyNames": self::form(names), "additionalProperties": by_name(shape) })
        }
        Form::Either(forms) => json!({ "anyOf": forms.iter().map(self::form).collect::<Vec<_>>() }),
    }
}

const TIME: &str = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?";
