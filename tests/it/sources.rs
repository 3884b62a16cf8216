//! Typed reading of TOML: what every getter takes, and the exact words of what it refuses.

use std::time::Duration;

use clubswitch::source::{FaultLog, File, Language, Shape, Table, Value};

const LANGUAGE: Language = Language {
    name: "the test language",
    syntax: "T01",
    unknown: "T02",
    form: "T03",
    percent: "T04",
    date: "T05",
    hours: "T06",
    name_form: "T07",
};

const SHAPE: Shape = Shape {
    what: "a thing",
    keys: &[
        ("a", "the first letter"),
        ("merchant_groups", "groups of shops"),
    ],
    later: &["season"],
};

/// Reads the key `a` of a text and compares the one-line faults.
fn check(text: &str, read: impl Fn(Value<'_>) -> Option<()>, wanted: &[&str]) {
    check_table(text, |table| table.required("a", &read), wanted);
}

fn check_table(text: &str, read: impl Fn(&Table<'_>) -> Option<()>, wanted: &[&str]) {
    let log = FaultLog::default();
    match File::parse("t.toml", text, &LANGUAGE) {
        Ok(file) => {
            let read = file.root(&log).table(&SHAPE).and_then(|table| read(&table));
            let full = log.has_errors();
            assert!(read.is_some() || full, "nothing read, no fault: {text}");
        }
        Err(fault) => log.add(fault),
    }
    let faults: Vec<String> = log.into_faults().0.iter().map(|f| f.to_string()).collect();
    assert_eq!(faults, wanted, "{text}");
}

fn check_drawn(text: &str, read: impl Fn(Value<'_>) -> Option<()>, wanted: &str) {
    let log = FaultLog::default();
    match File::parse("t.toml", text, &LANGUAGE) {
        Ok(file) => drop(file.root(&log).table(&SHAPE).map(|t| t.required("a", read))),
        Err(fault) => log.add(fault),
    }
    let drawn = log.into_faults().drawn(false);
    assert_eq!(drawn.trim_end(), wanted.trim_end(), "\n{drawn}");
}

#[test]
fn text_is_quoted() {
    check("a = 'x'", |v| v.text().map(drop), &[]);
    check(
        "a = 5411",
        |v| v.text().map(drop),
        &["t.toml:1:5: `a` must be text; put it in quotes: \"5411\""],
    );
    check(
        "a = ['x']",
        |v| v.text().map(drop),
        &["t.toml:1:5: `a` must be text"],
    );
    check(
        "a = ' '",
        |v| v.title().map(drop),
        &["t.toml:1:5: `a` is empty"],
    );
}

#[test]
fn a_whole_number_has_bounds() {
    check("a = 7", |v| v.integer(1, 7).map(drop), &[]);
    check(
        "a = 8",
        |v| v.integer(1, 7).map(drop),
        &["t.toml:1:5: `a` must lie between 1 and 7"],
    );
    check(
        "a = '8'",
        |v| v.integer(1, 9).map(drop),
        &["t.toml:1:5: `a` must be a whole number; without quotes: 8"],
    );
    check(
        "a = 2.5",
        |v| v.integer(1, 9).map(drop),
        &["t.toml:1:5: `a` must be a whole number"],
    );
}

#[test]
fn true_and_false_are_bare() {
    check("a = true", |v| v.boolean().map(drop), &[]);
    check(
        "a = 'true'",
        |v| v.boolean().map(drop),
        &["t.toml:1:5: `a` must be true or false; without quotes: true"],
    );
}

#[test]
fn rials_are_whole_and_not_negative() {
    check("a = 300_000", |v| v.rials().map(drop), &[]);
    check(
        "a = 300_000.0",
        |v| v.rials().map(drop),
        &["t.toml:1:5: `a` must be whole rials; a = 300_000"],
    );
    check(
        "a = -1",
        |v| v.rials().map(drop),
        &["t.toml:1:5: `a` must be whole rials"],
    );
    check(
        "a = '300_000'",
        |v| v.rials().map(drop),
        &["t.toml:1:5: `a` must be whole rials; without quotes: 300_000"],
    );
}

#[test]
fn a_list_is_a_list_and_not_empty() {
    check("a = ['x', 'y']", |v| v.each(|v| v.text()).map(drop), &[]);
    check(
        "a = 'x'",
        |v| v.each(|v| v.text()).map(drop),
        &["t.toml:1:5: `a` must be a list; a = ['x']"],
    );
    check(
        "a = []",
        |v| v.each(|v| v.text()).map(drop),
        &["t.toml:1:5: the list `a` is empty; name at least one, or leave the key out"],
    );
    check(
        "a = ['x', 2, 3]",
        |v| v.each(|v| v.text()).map(drop),
        &[
            "t.toml:1:11: `a` must be text; put it in quotes: \"2\"",
            "t.toml:1:14: `a` must be text; put it in quotes: \"3\"",
        ],
    );
    check(
        "[a]\nmerchant_groups = 1",
        |v| v.list().map(drop),
        &["t.toml:1:1: `a` must be a list of tables; write [[a]]"],
    );
    check("[[a]]\n[[a]]", |v| v.list().map(drop), &[]);
}

#[test]
fn a_table_has_known_keys() {
    check("a = { a = 1 }", |v| v.table(&SHAPE).map(drop), &[]);
    check(
        "a = 1",
        |v| v.table(&SHAPE).map(drop),
        &["t.toml:1:5: `a` must be a table"],
    );
    check(
        "a = { merchant_group = ['x'] }",
        |v| v.table(&SHAPE).map(drop),
        &[
            "t.toml:1:7: `merchant_group` is not a key of a thing; did you mean \"merchant_groups\"?",
        ],
    );
    check(
        "a = { quite_other = ['x'] }",
        |v| v.table(&SHAPE).map(drop),
        &["t.toml:1:7: `quite_other` is not a key of a thing; the keys are a, merchant_groups"],
    );
    check(
        "[a]\nseason = 'yalda'",
        |v| v.table(&SHAPE).map(drop),
        &[
            "t.toml:2:1: `season` is part of the test language but not built in this version; leave it out",
        ],
    );
    check(
        "[a]\n# nothing\n[season.yalda]",
        |v| v.table(&SHAPE).map(drop),
        &[
            "t.toml:3:2: `season` is part of the test language but not built in this version; leave it out",
        ],
    );
}

#[test]
fn a_missing_key_says_what_it_means() {
    check_table(
        "merchant_groups = ['x']\n",
        |t| t.required("a", Value::text).map(drop),
        &["t.toml:1:1: `a` is missing; add  a = ...  (the first letter)"],
    );
    check(
        "[a]\nmerchant_groups = 1",
        |v| v.table(&SHAPE)?.required("a", Value::text).map(drop),
        &["t.toml:1:1: `a` is missing; add  a = ...  (the first letter)"],
    );
    check(
        "a = { merchant_groups = 1 }",
        |v| v.table(&SHAPE)?.required("a", Value::text).map(drop),
        &["t.toml:1:5: `a` is missing; add  a = ...  (the first letter)"],
    );
}

#[test]
fn a_choice_names_the_nearest() {
    let kinds = [("points", 1), ("club-credit", 2)];
    check(
        "a = 'points'",
        |v| v.one_of(&kinds, &["bon"]).map(drop),
        &[],
    );
    check(
        "a = 'club_credit'",
        |v| v.one_of(&kinds, &["bon"]).map(drop),
        &["t.toml:1:5: `a` cannot be \"club_credit\"; did you mean \"club-credit\"?"],
    );
    check(
        "a = 'bon'",
        |v| v.one_of(&kinds, &["bon"]).map(drop),
        &[
            "t.toml:1:5: \"bon\" is part of the test language but not built in this version; leave it out",
        ],
    );
}

#[test]
fn a_name_has_small_letters_digits_and_hyphens() {
    check("a = 'morning-5'", |v| v.name().map(drop), &[]);
    check(
        "a = 'Morning 5'",
        |v| v.name().map(drop),
        &["t.toml:1:5: \"Morning 5\" is not a name; \"morning-5\""],
    );
    check(
        "a = 'صبح'",
        |v| v.name().map(drop),
        &["t.toml:1:5: \"صبح\" is not a name"],
    );
}

#[test]
fn lengths_of_time_and_sizes_have_units() {
    let log = FaultLog::default();
    let file = File::parse("t.toml", "a = ['250ms', '5m', '1d', '64 MiB']", &LANGUAGE).unwrap();
    let table = file.root(&log).table(&SHAPE).unwrap();
    let values = table.required("a", |v| v.list()).unwrap();
    assert_eq!(values[0].duration(), Some(Duration::from_millis(250)));
    assert_eq!(values[1].duration(), Some(Duration::from_secs(300)));
    assert_eq!(values[2].duration(), Some(Duration::from_secs(86_400)));
    assert_eq!(values[3].bytes(), Some(64 << 20));
    check(
        "a = '5 minutes'",
        |v| v.duration().map(drop),
        &["t.toml:1:5: `a` must be a length of time; a = \"10s\""],
    );
    check(
        "a = '99999999999999999999d'",
        |v| v.duration().map(drop),
        &["t.toml:1:5: `a` must be a length of time; a = \"10s\""],
    );
    check(
        "a = '64MB'",
        |v| v.bytes().map(drop),
        &["t.toml:1:5: `a` must be a size; a = \"64 MiB\""],
    );
}

#[test]
fn a_syntax_error_and_a_double_key_have_their_place() {
    check(
        "a = \n",
        |v| v.text().map(drop),
        &["t.toml:1:5: this is not TOML"],
    );
    check(
        "a = 1\na = 2\n",
        |v| v.text().map(drop),
        &["t.toml:2:1: this is not TOML"],
    );
}

#[test]
fn a_fault_is_drawn_with_its_line() {
    check_drawn(
        "# top\na = 5.0 # five\n",
        |v| v.rials().map(drop),
        "\
error T03: `a` must be whole rials
 --> t.toml:2:5
  |
2 | a = 5.0 # five
  |     ^^^ this is a decimal number
  |
 mend a = 5
",
    );
}

#[test]
fn columns_are_counted_as_displayed() {
    check_drawn(
        "a = { a = \"۱۴۰۵/۰۹/۰۱ می‌شود\", b = 5 }\n",
        |v| v.table(&SHAPE).map(drop),
        "\
error T02: `b` is not a key of a thing
 --> t.toml:1:31
  |
1 | a = { a = \"۱۴۰۵/۰۹/۰۱ می‌شود\", b = 5 }
  |                               ^
  |
 mend did you mean \"a\"?
",
    );
}

#[test]
fn a_file_that_is_not_there_is_a_fault() {
    let fault = File::read("/does/not/exist.toml".as_ref(), "exist.toml", &LANGUAGE).unwrap_err();
    let text = "exist.toml: the file cannot be read: No such file or directory (os error 2)";
    assert_eq!(fault.to_string(), text);
    assert_eq!(
        fault.drawn(false),
        "error T01: the file cannot be read: No such file or directory (os error 2)\n--> exist.toml\n"
    );
}
