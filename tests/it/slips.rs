//! Slips of the hand: the good rule files with keys deleted, doubled, renamed, values of another type, digits and signs changed, cut off.
//! Whatever comes of it: no panic, no unknown key taken in silence, every fault with its place and its Persian.
//! `SEED=0x5eed` begins where a run began; `SIM_S=60` runs on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clubswitch::ledger::Names;
use clubswitch::rulefile::{compile, keys, phrasebook};
use clubswitch::source::{Form, PERSIAN, Shape};
use serde_json::Value;

use crate::keys::tree;
use crate::random::Dice;
use crate::rulefiles::{in_english, ordered, root, texts};

/// What a slip does to a text.
fn slip(dice: &mut Dice, text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let line = dice.below(lines.len() as u64) as usize;
    let instead = |new: &str| {
        let mut lines = lines.clone();
        lines[line] = new;
        lines.join("\n")
    };
    // Values and keys stand on either side of a sign of equality, of which a line may have several.
    let equals: Vec<usize> = lines[line].match_indices('=').map(|(at, _)| at).collect();
    let equal = (!equals.is_empty()).then(|| equals[dice.below(equals.len() as u64) as usize]);
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let (at, c) = chars[dice.below(chars.len() as u64) as usize];
    let with = |new: &str| format!("{}{new}{}", &text[..at], &text[at + c.len_utf8()..]);
    let key_value = |change: &dyn Fn(&str, &str) -> String| match equal {
        Some(at) => instead(&change(&lines[line][..at], &lines[line][at + 1..])),
        None => instead(""),
    };
    let values = [
        "5.0",
        "\"\"",
        "true",
        "-1",
        "9223372036854775807",
        "\"7%\"",
        "[]",
        "{}",
        "\"fri\"",
        "1405-01-01",
        "[[1], {}]",
    ];
    match dice.below(12) {
        0 => instead(""),
        1 => instead(&format!("{}\n{}", lines[line], lines[line])),
        2 => key_value(&|key, value| format!("{}-zz ={value}", key.trim_end())),
        3 => key_value(&|key, value| format!("{}e ={value}", key.trim_end())),
        4 => {
            let new = values[dice.below(values.len() as u64) as usize];
            key_value(&|key, _| format!("{key}= {new}"))
        }
        5 => {
            let new = values[dice.below(values.len() as u64) as usize];
            instead(&format!("zz-{} = {new}", dice.below(10)))
        }
        6 => text[..at].to_owned(),
        7 => with(""),
        8 => with(
            [
                "\"", "]", "[", "=", "{", "}", "#", "\n", ".", ",", "-", "\u{6f5}", "\u{0}",
                "\u{200c}",
            ][dice.below(14) as usize],
        ),
        9 if c.is_ascii_digit() => with(
            &char::from_u32(0x6f0 + u32::from(c) - 48)
                .unwrap_or('0')
                .to_string(),
        ),
        9 => text.replacen(
            |c: char| c.is_ascii_digit(),
            "\u{6f1}",
            1 + dice.below(40) as usize,
        ),
        10 => {
            let digits: Vec<&(usize, char)> =
                chars.iter().filter(|(_, c)| c.is_ascii_digit()).collect();
            let (at, _) = *digits[dice.below(digits.len() as u64) as usize];
            format!("{}{}{}", &text[..at], dice.below(1_000), &text[at + 1..])
        }
        _ => {
            let other = dice.below(lines.len() as u64) as usize;
            let mut lines = lines.clone();
            lines.swap(line, other);
            lines.join("\n")
        }
    }
}

/// Keys of a tree that its shape does not have.
fn unknown(tree: &Value, form: &Form, found: &mut Vec<String>) {
    match (form, tree) {
        (Form::Table(shape), Value::Object(_)) => unknown_in(tree, shape, found),
        (Form::Entries(_, shape), Value::Object(table)) => {
            table
                .values()
                .for_each(|value| unknown(value, &Form::Table(shape), found));
        }
        (Form::List(member) | Form::ListOrNone(member), Value::Array(list)) => {
            list.iter().for_each(|value| unknown(value, member, found));
        }
        (Form::Either(forms), _) => forms.iter().for_each(|form| unknown(tree, form, found)),
        _ => {}
    }
}

fn unknown_in(tree: &Value, shape: &Shape, found: &mut Vec<String>) {
    for (name, value) in tree.as_object().into_iter().flatten() {
        match shape.key(name) {
            Some(key) => unknown(value, &key.form, found),
            None => found.push(name.clone()),
        }
    }
}

/// One set of files after some slips.
fn check(files: &BTreeMap<String, String>, shown: &str) {
    let mut strangers = Vec::new();
    for (name, text) in files {
        let shape = keys::FILES
            .iter()
            .find(|(folder, _)| name.starts_with(folder));
        if toml_edit::Document::parse(text.as_str()).is_ok() {
            unknown_in(
                &tree(text),
                shape.expect("a file lies in a folder").1,
                &mut strangers,
            );
        }
    }
    let faults = match compile(&ordered(files), &Names::default()) {
        Ok(loaded) => {
            assert!(
                strangers.is_empty(),
                "{shown}: {strangers:?} taken in silence"
            );
            loaded.notes
        }
        Err(faults) => faults,
    };
    let titles: Vec<&str> = faults.0.iter().map(|fault| fault.title.as_str()).collect();
    // A table whose head is faulty need not be read to its end, but then something of it was told.
    for stranger in &strangers {
        let told = titles
            .iter()
            .any(|title| title.starts_with(&format!("`{stranger}` is")));
        assert!(
            told || faults.errors() > 0,
            "{shown}: nothing is told of `{stranger}`"
        );
    }
    for fault in &faults.0 {
        let whole = fault.title == "no world file has a [calendar]";
        assert!(
            whole || fault.place.to_string().contains(".toml:"),
            "{shown}: no place: {fault}"
        );
    }
    let book = phrasebook_of_all();
    let left = in_english(&faults, book);
    assert!(left.is_empty(), "{shown}:\n{}", left.join("\n"));
    let persian = faults.told(|text| book.persian(text));
    assert!(
        faults.0.is_empty()
            || !(faults.drawn(true).is_empty() || persian.drawn_in(&PERSIAN, true).is_empty())
    );
}

fn phrasebook_of_all() -> &'static clubswitch::words::phrases::Phrasebook {
    static BOOK: std::sync::OnceLock<clubswitch::words::phrases::Phrasebook> =
        std::sync::OnceLock::new();
    BOOK.get_or_init(phrasebook)
}

#[test]
fn no_slip_ends_the_program_or_passes_in_silence() {
    let seed = std::env::var("SEED").ok().map(|seed| {
        let digits = seed.strip_prefix("0x").map(str::to_owned);
        digits
            .map_or_else(|| seed.parse(), |hex| u64::from_str_radix(&hex, 16))
            .expect("SEED is a number")
    });
    let seed = seed.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.expect("it is after 1970").as_nanos() as u64
    });
    println!("SEED={seed:#x}");
    let seconds = std::env::var("SIM_S")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(2);
    let until = Instant::now() + Duration::from_secs(seconds);
    let sets = [
        "conf/rules",
        "fixtures/rules-good",
        "fixtures/rules-federation",
    ];
    let sets = sets.map(|dir| texts(&root().join(dir)));
    let mut dice = Dice(seed);
    let mut rounds = 0_u64;
    while Instant::now() < until || rounds < 20 {
        let mut files = sets[dice.below(3) as usize].clone();
        let slips = 1 + dice.below(3);
        for _ in 0..slips {
            let at = dice.below(files.len() as u64) as usize;
            let text = files.values_mut().nth(at).expect("it is one of them");
            if !text.is_empty() && text.contains(|c: char| c.is_ascii_digit()) {
                *text = slip(&mut dice, text);
            }
        }
        check(&files, &format!("SEED={seed:#x} round {rounds}"));
        rounds += 1;
    }
    println!("{rounds} rounds");
}
