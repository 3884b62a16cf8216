//! The table of a dialect, as `describe --fields` prints it, is all that the dialect says.

use std::process::Command;

use clubswitch::spec::{FieldSpec, Length, SHIPPED, shipped};
use serde_json::Value;

fn run(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_clubswitch"))
        .args(["describe", "--fields"])
        .args(words)
        .output()
        .unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Holds the JSON of a field against it, and all that is inside; gives how many fields and pieces there are.
fn compare(told: &Value, field: &FieldSpec) -> usize {
    assert_eq!(told["name"], field.name);
    assert_eq!(told["class"], field.class.name());
    assert_eq!(told["coding"], field.coding.name());
    match field.length {
        Length::Fixed(units) => assert_eq!(told["length"], units),
        Length::Var { digits, min, max } => {
            let length = &told["length"];
            assert_eq!(length["digits"], digits);
            assert_eq!((&length["min"], &length["max"]), (&min.into(), &max.into()));
        }
    }
    let specs = field.inside.specs();
    let pieces = told["inside"]["pieces"].as_object();
    assert_eq!(pieces.map_or(0, |pieces| pieces.len()), specs.len());
    let below = specs
        .iter()
        .map(|(label, piece)| compare(&pieces.unwrap()[label], piece));
    1 + below.sum::<usize>()
}

#[test]
fn every_shipped_dialect_is_told_whole() {
    for (name, _) in SHIPPED {
        let spec = shipped(name).unwrap();
        let told: Value = serde_json::from_str(&run(&["--json", "--dialect", name])).unwrap();
        assert_eq!(told["dialect"], name);
        assert_eq!(told["mti"], spec.mti_coding().name());
        assert_eq!(told["bitmap"]["bytes"], 8 * spec.bitmap().words_max);
        let fields = told["fields"].as_object().unwrap();
        assert_eq!(fields.len(), spec.fields().count());
        let rows: usize = spec
            .fields()
            .map(|(n, field)| compare(&fields[&n.to_string()], field))
            .sum();
        let text = run(&["--dialect", name]);
        let unknown = spec
            .unknown_fields()
            .map_or(0, |unknown| compare(&told["unknown"], &unknown.field));
        let (_, table) = text.split_once("\n\n").unwrap();
        assert_eq!(table.lines().count(), rows + unknown, "{name}");
    }
}

fn check(dialect: &str, row: &str) {
    let text = run(&["--dialect", dialect]);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.lines().any(|line| words(line) == row), "{row}\n{text}");
}

#[test]
fn a_row_tells_what_a_person_wants_to_know() {
    check("iso87-ascii", "4 amount, transaction n 12 ascii");
    check("iso87-bcd", "2 primary account number n LL..19 bcd masked");
    check(
        "iso87-bcd",
        "34 primary account number, extended ns LL..28 ascii, length bcd masked",
    );
    check(
        "iso87-bcd",
        "55 chip data b LLL..255 binary, length bcd hidden; BER",
    );
    check("iso87-bcd", "9F02 amount, authorised n 12 bcd");
    check(
        "iso87-ascii",
        "48 additional data, private free LLL..999 ascii tagged TT LLL",
    );
    check("iso87-ascii", "20 purse asked ans any ascii");
}
