//! The table of keys beside the reader and beside the schema: a value of its type each key takes, of another none.
//!
//! Every table of the language is made from the good files and from samples; one key of it is then given one value.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use clubswitch::ledger::Names;
use clubswitch::rulefile::{compile, keys};
use clubswitch::source::{Faults, Form, Key, Need, Shape};
use serde_json::{Map, Value, json};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The good files as trees: file name, shape, tree.
fn good() -> Vec<(String, &'static Shape, Value)> {
    let mut files = Vec::new();
    for (folder, shape) in keys::FILES {
        let between = ["cards", "clearing"].contains(&folder);
        let set = if between { "federation" } else { "good" };
        let dir = root().join(format!("fixtures/rules-{set}")).join(folder);
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            files.push((
                name,
                shape,
                tree(&fs::read_to_string(entry.path()).unwrap()),
            ));
        }
    }
    files
}

/// TOML as JSON; a bare date is a text, as language servers hand it to a schema.
pub(crate) fn tree(text: &str) -> Value {
    fn item(found: &toml_edit::Item) -> Value {
        match found {
            toml_edit::Item::None => Value::Null,
            toml_edit::Item::Value(value) => self::value(value),
            toml_edit::Item::Table(table) => {
                table.iter().map(|(k, v)| (k.to_owned(), item(v))).collect()
            }
            toml_edit::Item::ArrayOfTables(list) => {
                let table = |table: &toml_edit::Table| {
                    table.iter().map(|(k, v)| (k.to_owned(), item(v))).collect()
                };
                Value::Array(list.iter().map(table).collect())
            }
        }
    }
    let document = toml_edit::Document::parse(text).expect("this is TOML");
    document
        .as_table()
        .iter()
        .map(|(key, found)| (key.to_owned(), item(found)))
        .collect()
}

fn value(value: &toml_edit::Value) -> Value {
    match value {
        toml_edit::Value::String(text) => json!(text.value()),
        toml_edit::Value::Integer(number) => json!(number.value()),
        toml_edit::Value::Float(number) => json!(number.value()),
        toml_edit::Value::Boolean(flag) => json!(flag.value()),
        toml_edit::Value::Datetime(moment) => json!(moment.value().to_string()),
        toml_edit::Value::Array(list) => Value::Array(list.iter().map(self::value).collect()),
        toml_edit::Value::InlineTable(table) => table
            .iter()
            .map(|(k, v)| (k.to_owned(), self::value(v)))
            .collect(),
    }
}

/// A tree as TOML, a line a key, and where the key at a path stands with its value.
fn toml(tree: &Value, path: &[String]) -> (String, Range<usize>) {
    fn put(out: &mut String, value: &Value, path: Option<&[String]>, found: &mut Range<usize>) {
        let under = |name: &str| {
            let path = path.and_then(|path| path.split_first());
            path.and_then(|(first, rest)| (first == name).then_some(rest))
        };
        match value {
            Value::Array(list) => {
                out.push('[');
                for (at, value) in list.iter().enumerate() {
                    put(out, value, under(&at.to_string()), found);
                    out.push_str(", ");
                }
                out.push(']');
            }
            Value::Object(table) => {
                out.push('{');
                for (at, (key, value)) in table.iter().enumerate() {
                    out.push_str(if at == 0 { " " } else { ", " });
                    member(out, key, value, under(key), found);
                }
                out.push_str(" }");
            }
            value => out.push_str(&value.to_string()),
        }
    }
    fn member(
        out: &mut String,
        key: &str,
        value: &Value,
        path: Option<&[String]>,
        found: &mut Range<usize>,
    ) {
        let start = out.len();
        out.push_str(&format!("\"{key}\" = "));
        put(out, value, path, found);
        if path.is_some_and(<[String]>::is_empty) {
            *found = start..out.len();
        }
    }
    let (mut out, mut found) = (String::new(), 0..0);
    for (key, value) in tree.as_object().into_iter().flatten() {
        let rest = path.split_first().filter(|(first, _)| *first == key);
        member(&mut out, key, value, rest.map(|(_, rest)| rest), &mut found);
        out.push('\n');
    }
    (out, found)
}

/// A value that a form takes.
fn sample(form: &Form) -> Value {
    match form {
        Form::Any | Form::Text | Form::Title => json!("words"),
        Form::Name => json!("a-name"),
        Form::Acceptor => json!("m-1"),
        Form::Alias => json!("ABC"),
        Form::Iban => json!("IR560550012345678901234567"),
        Form::Mcc => json!("5411"),
        Form::TimeZone => json!("Asia/Tehran"),
        Form::Bin => json!("999912"),
        Form::Code => json!("tea-100"),
        Form::Line => json!("come again"),
        Form::ListFile => json!("lists/staff.csv"),
        Form::Format => json!(1),
        Form::Integer(least, _) => json!(least),
        Form::Boolean => json!(true),
        Form::Rials | Form::PositiveRials => json!(50_000),
        Form::Points => json!("100"),
        Form::Percent => json!("2.5%"),
        Form::Times => json!("1.5"),
        Form::Day => json!("1405/09/26"),
        Form::TimeOfDay => json!("08:00"),
        Form::Hours => json!("08:00-12:00"),
        Form::Weekday => json!("sat"),
        Form::Span(units) => json!(format!("3 {}s", units[0])),
        Form::OneOf(names, _) => json!(names[0]),
        Form::List(member) | Form::ListOrNone(member) => json!([sample(member)]),
        Form::Table(shape) => sample_of(shape, &[]),
        Form::Entries(names, shape) => {
            json!({ sample(names).as_str().unwrap(): sample_of(shape, &[]) })
        }
        Form::Either(forms) => sample(&forms[0]),
        Form::Ref(kind) => json!(match *kind {
            "merchant" => "m-1",
            "merchant group" => "supermarkets",
            "season" => "yalda",
            "tier" => "gold",
            "purse" => "points",
            "condition" => "morning",
            "person" => "p-1",
            "accrual above" => "base",
            "member group" => "staff",
            "terminal group" => "tills",
            "province" => "fars",
            "club" => "tulip",
            "federation" => "flowers",
            "organisation" => "ministry",
            "card product" => "tulip-card",
            "pocket" => "lunch",
            _ => "welcome",
        }),
    }
}

/// A table with what it must have; of its choices those that were made, else the first.
fn sample_of(shape: &Shape, chosen: &[&str]) -> Value {
    let mut table = Map::new();
    // What goes with another key brings it along.
    let mut chosen = chosen.to_vec();
    for name in chosen.clone() {
        if let Some(Need::With(others) | Need::Beside(others)) = shape.key(name).map(|key| key.need)
        {
            chosen.push(others[0]);
        }
    }
    for key in shape.keys {
        let others = |need: Need| shape.keys.iter().filter(move |key| key.need == need);
        let first = |need: Need| match others(need).find(|key| chosen.contains(&key.name)) {
            Some(chosen) => chosen.name == key.name,
            None => others(need)
                .next()
                .is_some_and(|first| first.name == key.name),
        };
        let wanted = match key.need {
            Need::Must => true,
            Need::May => chosen.contains(&key.name),
            Need::One | Need::Some => first(key.need),
            Need::With(others) | Need::Beside(others) => {
                others.iter().any(|other| table.contains_key(*other))
            }
        };
        if wanted {
            table.insert(key.name.to_owned(), sample(&key.form));
        }
    }
    // Rials go into a purse of rials.
    let rials = ["percent", "fixed_rial", "bands"];
    if table.get("to") == Some(&json!("points")) && rials.iter().any(|key| table.contains_key(*key))
    {
        table["to"] = json!("credit");
    }
    Value::Object(table)
}

/// Values that a form does not take, one of each kind of TOML and some that are of the kind and not well formed.
fn others(form: &Form) -> Vec<Value> {
    fn takes(form: &Form, value: &Value) -> bool {
        match form {
            Form::Any => true,
            Form::Format | Form::Integer(..) | Form::Rials | Form::PositiveRials => value.is_i64(),
            Form::Points => value.is_i64() || value.is_string(),
            Form::Boolean => value.is_boolean(),
            Form::List(member) => value
                .as_array()
                .is_some_and(|list| list.iter().all(|v| takes(member, v)) && !list.is_empty()),
            Form::ListOrNone(member) => value
                .as_array()
                .is_some_and(|list| list.iter().all(|v| takes(member, v))),
            Form::Table(_) => value.is_object(),
            Form::Entries(..) => value.is_object(),
            Form::Either(forms) => forms.iter().any(|form| takes(form, value)),
            _ => value.is_string(),
        }
    }
    let kinds = [
        json!("words"),
        json!(7),
        json!(true),
        json!(1.5),
        json!({ "zz": 1 }),
        json!([[1]]),
        json!([1.5]),
    ];
    let mut found: Vec<Value> = kinds
        .into_iter()
        .filter(|value| !takes(form, value))
        .collect();
    match form {
        Form::Text | Form::Ref(_) | Form::Any => {}
        Form::Title => found.push(json!(" ")),
        Form::Line => found.push(json!("a line that is longer than a paper receipt")),
        Form::Integer(least, most) => found.extend([json!(least - 1), json!(most + 1)]),
        Form::Rials => found.push(json!(-1)),
        Form::PositiveRials => found.push(json!(0)),
        Form::Boolean => {}
        Form::List(_) => found.push(json!([])),
        Form::ListOrNone(_) | Form::Entries(..) | Form::Format => {}
        Form::Table(_) => found.push(json!({ "zz": 1 })),
        Form::Either(forms) if forms.iter().any(|form| matches!(form, Form::Ref(_))) => {}
        _ => found.push(json!("\u{6f1} ?")),
    }
    found
}

/// Every table of the language with a way to it: from a file along keys.
fn ways() -> Vec<(usize, Vec<String>, &'static Shape)> {
    fn within(
        form: &'static Form,
        path: Vec<String>,
        found: &mut Vec<(Vec<String>, &'static Shape)>,
    ) {
        let with = |step: &str| path.iter().cloned().chain([step.to_owned()]).collect();
        match form {
            Form::Table(shape) => found.push((path, shape)),
            Form::Entries(names, shape) => {
                found.push((with(sample(names).as_str().unwrap()), shape));
            }
            Form::List(member) | Form::ListOrNone(member) => within(member, with("0"), found),
            Form::Either(forms) => forms
                .iter()
                .for_each(|form| within(form, path.clone(), found)),
            _ => {}
        }
    }
    let mut ways: Vec<(usize, Vec<String>, &'static Shape)> = Vec::new();
    for (file, (_, shape, _)) in good().iter().enumerate() {
        let mut open = vec![(Vec::new(), *shape)];
        while let Some((path, shape)) = open.pop() {
            if ways.iter().any(|(_, _, known)| std::ptr::eq(*known, shape)) {
                continue;
            }
            ways.push((file, path.clone(), shape));
            for key in shape.keys.iter().rev() {
                let path = path.iter().cloned().chain([key.name.to_owned()]).collect();
                within(&key.form, path, &mut open);
            }
        }
    }
    ways
}

/// Puts a table at a path, making what leads to it where it is not there.
fn put(tree: &mut Value, shape: &'static Shape, path: &[String], made: Value) {
    fn step(at: &mut Value, form: &'static Form, path: &[String], made: Value) {
        let shape = match form {
            Form::Either(forms) => {
                return step(
                    at,
                    forms.iter().find(|form| !ends(form)).unwrap(),
                    path,
                    made,
                );
            }
            Form::Table(shape) => return put(at, shape, path, made),
            Form::Entries(_, shape) => shape,
            Form::List(member) | Form::ListOrNone(member) => {
                if at.as_array().is_none_or(Vec::is_empty) {
                    *at = json!([sample(member)]);
                }
                return step(&mut at[0], member, &path[1..], made);
            }
            _ => unreachable!("a way leads through tables"),
        };
        let entry = &mut at[&path[0]];
        if entry.is_null() {
            *entry = sample_of(shape, &[]);
        }
        put(entry, shape, &path[1..], made);
    }
    fn ends(form: &Form) -> bool {
        !matches!(
            form,
            Form::Table(_)
                | Form::Entries(..)
                | Form::List(_)
                | Form::ListOrNone(_)
                | Form::Either(_)
        )
    }
    let Some((name, rest)) = path.split_first() else {
        // What stands there already is kept, as far as the choices of the new one allow.
        let choice = |key: &&Key| !matches!(key.need, Need::Must | Need::May);
        let old = tree.as_object_mut().map(std::mem::take).unwrap_or_default();
        let mut table: Map<String, Value> = old;
        shape
            .keys
            .iter()
            .filter(choice)
            .for_each(|key| drop(table.shift_remove(key.name)));
        table.extend(made.as_object().unwrap().clone());
        *tree = Value::Object(table);
        return;
    };
    let key = shape.key(name).unwrap();
    if tree[name].is_null() {
        let choice = matches!(key.need, Need::One | Need::Some);
        let others = shape
            .keys
            .iter()
            .filter(|other| choice && other.need == key.need);
        others.for_each(|other| drop(tree.as_object_mut().unwrap().shift_remove(other.name)));
        tree[name] = sample(&key.form);
    }
    step(&mut tree[name], &key.form, rest, made);
}

/// What is told of the good files with another text for one of them.
fn told(texts: &[(String, String)], file: usize, text: &str) -> Faults {
    let texts = texts.iter().enumerate();
    let texts: Vec<(&str, &str)> = texts
        .map(|(at, (name, good))| (name.as_str(), if at == file { text } else { good.as_str() }))
        .collect();
    match compile(&texts, &Names::default()) {
        Ok(loaded) => loaded.notes,
        Err(faults) => faults,
    }
}

fn schema(words: &[&str]) -> jsonschema::Validator {
    let output = Command::new(env!("CARGO_BIN_EXE_clubswitch"))
        .args(["rules", "schema"])
        .args(words)
        .output()
        .unwrap();
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    jsonschema::draft7::meta::validate(&schema).unwrap();
    jsonschema::draft7::new(&schema).unwrap()
}

/// Faults that are about how keys stand together, or about the names they refer to, and not about their types.
fn is_about_others(fault: &clubswitch::source::Fault) -> bool {
    let signs = [
        "no other",
        "goes with",
        "go with",
        "changes nothing",
        "cannot stand",
        "stands twice",
        "does not fit",
        "is more than",
        "is less than",
    ];
    !["R02", "R03", "R04", "R05", "R06", "R07"].contains(&fault.code)
        || signs.iter().any(|sign| fault.title.contains(sign))
}

#[test]
fn every_key_takes_its_type_and_no_other() {
    let (files, schema) = (good(), schema(&[]));
    let texts = files
        .iter()
        .map(|(name, _, tree)| (name.clone(), toml(tree, &[]).0));
    let texts: Vec<(String, String)> = texts.collect();
    let mut wrong = Vec::new();
    let ways = ways();
    assert_eq!(ways.len(), keys::shapes().len());
    for (file, way, shape) in ways {
        for key in shape.keys {
            let with = |value: Value| {
                let mut made = sample_of(shape, &[key.name]);
                made[key.name] = value;
                let mut tree = files[file].2.clone();
                put(&mut tree, files[file].1, &way, made);
                let path: Vec<String> = way.iter().cloned().chain([key.name.to_owned()]).collect();
                let (text, span) = toml(&tree, &path);
                let faults = told(&texts, file, &text);
                assert!(!span.is_empty(), "{path:?} is not in\n{text}");
                let here = faults.0.into_iter().filter(|fault| {
                    let at = fault.place.span.clone().unwrap_or(0..0);
                    fault.place.source.text == text && at.start >= span.start && at.end <= span.end
                });
                (
                    here.collect::<Vec<_>>(),
                    schema.is_valid(&tree),
                    path.join("."),
                    tree,
                )
            };
            let value = sample(&key.form);
            let (here, valid, path, tree) = with(value.clone());
            if let Some(fault) = here.iter().find(|fault| !is_about_others(fault)) {
                wrong.push(format!("{path} = {value} is refused: {fault}"));
            }
            if !valid {
                let errors: Vec<String> = schema
                    .iter_errors(&tree)
                    .map(|error| error.to_string())
                    .collect();
                wrong.push(format!(
                    "{path} = {value} does not fit the schema: {}",
                    errors.join("; ")
                ));
            }
            for value in others(&key.form) {
                let (here, valid, path, _) = with(value.clone());
                if here.is_empty() {
                    wrong.push(format!("{path} = {value} is taken by the reader"));
                }
                if valid {
                    wrong.push(format!("{path} = {value} is taken by the schema"));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} faults\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn good_files_fit_the_schema_and_broken_ones_do_not() {
    let all = schema(&[]);
    for dir in [
        "conf/rules",
        "fixtures/rules-good",
        "fixtures/rules-federation",
        "fixtures/rules-whole",
    ] {
        for (folder, _) in keys::FILES {
            let one = schema(&[folder]);
            for entry in fs::read_dir(root().join(dir).join(folder))
                .into_iter()
                .flatten()
                .flatten()
            {
                let tree = tree(&fs::read_to_string(entry.path()).unwrap());
                for schema in [&all, &one] {
                    let errors: Vec<String> = schema
                        .iter_errors(&tree)
                        .map(|error| error.to_string())
                        .collect();
                    assert!(
                        errors.is_empty(),
                        "{}\n{}",
                        entry.path().display(),
                        errors.join("\n")
                    );
                }
            }
        }
    }
    let good = good();
    let mut refused = 0;
    for case in fs::read_dir(root().join("fixtures/rules-bad"))
        .unwrap()
        .flatten()
    {
        let name = case.file_name().to_string_lossy().into_owned();
        // What keys may stand together, and that a file of a folder is there, no schema of one file says.
        let keys = name.starts_with("r02-unknown")
            || name.starts_with("r02-missing")
            || name.starts_with("r02-later");
        // To a schema 300_000.0 is a whole number.
        let types = [
            "bare",
            "wanted",
            "in-quotes",
            "misspelt",
            "without-sign",
            "later",
        ];
        let types = name.starts_with("r03") && types.iter().any(|sign| name.contains(sign));
        if !(keys || types) {
            continue;
        }
        let files = keys::FILES.iter().flat_map(|(folder, _)| {
            fs::read_dir(case.path().join(folder))
                .into_iter()
                .flatten()
                .flatten()
        });
        let mut trees = files.map(|file| tree(&fs::read_to_string(file.path()).unwrap()));
        assert!(
            trees.any(|tree| !all.is_valid(&tree)),
            "{name} fits the schema"
        );
        refused += 1;
    }
    assert!(refused >= 15 && !good.is_empty(), "{refused}");
}

#[test]
fn the_reference_pages_are_those_of_the_table() {
    for (name, words) in [("REFERENCE.md", "en"), ("REFERENCE.fa.md", "fa")] {
        let output = Command::new(env!("CARGO_BIN_EXE_clubswitch"))
            .args(["rules", "reference", "--lang", words])
            .output()
            .unwrap();
        let made = String::from_utf8(output.stdout).unwrap();
        let path = root().join("conf/rules").join(name);
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            fs::write(&path, &made).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            made == kept,
            "{name} is old: UPDATE_FIXTURES=1 cargo test --test it keys:: writes it"
        );
        for shape in keys::shapes() {
            let told = |text: &str| !text.is_empty() && made.contains(text);
            assert!(
                shape
                    .keys
                    .iter()
                    .all(|key| told(&format!("| `{}` |", key.name))),
                "{}",
                shape.what
            );
            assert!(
                !shape.fa.is_empty() && shape.keys.iter().all(|key| !key.fa.is_empty()),
                "{}",
                shape.what
            );
        }
    }
}
