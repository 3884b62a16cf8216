//! Typed reading of TOML: what every getter takes, and the exact words of what it refuses.

use std::time::Duration;

use clubswitch::source::shape::plain;
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
    fa: "",
    keys: &[
        plain("a", "the first letter"),
        plain("merchant_groups", "groups of shops"),
    ],
    later: &["season"],
};

/// Reads the key `a` of a text and compares the one-line faults.
fn check(text: &str, read: impl Fn(Value<'_>) -> Option<()>, wanted: &[&str]) {
    check_table(text, |table| table.required("a", &read), wanted);
}

fn check_table(text: &str, read: impl Fn(&Table<'_>) -> Option<()>, wanted: &[&str]) {
    let log = FaultLog::default();
    if let Some(file) = File::parse("t.toml", text, &LANGUAGE, &log) {
        let read = file.root(&log).table(&SHAPE).and_then(|table| read(&table));
        let full = log.has_errors();
        assert!(read.is_some() || full, "nothing read, no fault: {text}");
    }
    let faults: Vec<String> = log.into_faults().0.iter().map(|f| f.to_string()).collect();
    assert_eq!(faults, wanted, "{text}");
}

fn check_drawn(text: &str, read: impl Fn(Value<'_>) -> Option<()>, wanted: &str) {
    let log = FaultLog::default();
    if let Some(file) = File::parse("t.toml", text, &LANGUAGE, &log) {
        let _ = file
            .root(&log)
            .table(&SHAPE)
            .and_then(|table| table.required("a", read));
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
        "a = 1_000_000_000_000_000",
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
        &["t.toml:1:1: `a` is missing; add `a`: the first letter"],
    );
    check(
        "[a]\nmerchant_groups = 1",
        |v| v.table(&SHAPE)?.required("a", Value::text).map(drop),
        &["t.toml:1:1: `a` is missing; add `a`: the first letter"],
    );
    check(
        "a = { merchant_groups = 1 }",
        |v| v.table(&SHAPE)?.required("a", Value::text).map(drop),
        &["t.toml:1:5: `a` is missing; add `a`: the first letter"],
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
    let file = File::parse(
        "t.toml",
        "a = ['250ms', '5m', '1d', '64 MiB']",
        &LANGUAGE,
        &log,
    )
    .unwrap();
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
fn a_percent_is_quoted_and_exact() {
    check("a = '2.5%'", |v| v.percent().map(drop), &[]);
    check("a = '100%'", |v| v.percent().map(drop), &[]);
    for (text, fault) in [
        ("a = 5.0", "a percent must be quoted text; a = \"5%\""),
        ("a = 5", "a percent must be quoted text; a = \"5%\""),
        ("a = true", "a percent must be quoted text; a = \"5%\""),
        ("a = '5'", "\"5\" is not a percent; a = \"5%\""),
        ("a = 'all'", "\"all\" is not a percent; a = \"5%\""),
        ("a = '100.0001%'", "100.0001% is out of range"),
        ("a = '-1%'", "-1% is out of range"),
        ("a = '0.00001%'", "0.00001% is too fine"),
    ] {
        let fault = format!("t.toml:1:5: {fault}");
        check(text, |v| v.percent().map(drop), &[&fault]);
    }
}

#[test]
fn a_multiplier_is_quoted_and_exact() {
    check("a = '1.2'", |v| v.times().map(drop), &[]);
    for (text, mend) in [("a = 1.2", "1.2"), ("a = '0'", "1.5"), ("a = 2", "2")] {
        let fault = format!("t.toml:1:5: `a` must be a multiplier in quotes; a = \"{mend}\"");
        check(text, |v| v.times().map(drop), &[&fault]);
    }
}

#[test]
fn a_day_is_jalali_in_quotes_or_gregorian_without() {
    check("a = '1405/09/01'", |v| v.day().map(drop), &[]);
    check("a = 2026-11-22", |v| v.day().map(drop), &[]);
    for (text, fault) in [
        (
            "a = '1406/12/30'",
            "1406/12/30 is not a day; \"1406/12/29\"",
        ),
        (
            "a = '1405/07/31'",
            "1405/07/31 is not a day; \"1405/07/30\"",
        ),
        ("a = '1405/13/01'", "1405/13/01 is not a day"),
        ("a = '1600/01/01'", "1600/01/01 is not a day"),
        (
            "a = '2026/11/22'",
            "\"2026/11/22\" has a Gregorian year in quotes; without quotes: 2026-11-22",
        ),
        (
            "a = '۱۴۰۵/۰۹/۰۱'",
            "\"۱۴۰۵/۰۹/۰۱\" is not written with the digits 0-9; \"1405/09/01\"",
        ),
        (
            "a = '1405-9-1'",
            "\"1405-9-1\" is not a date; \"1405/09/01\"",
        ),
        ("a = 'soon'", "\"soon\" is not a date; \"1405/09/01\""),
        (
            "a = 1405-09-01",
            "1405-09-01 is not a day of this age; \"1405/09/01\"",
        ),
        (
            "a = 2026-11-22T10:00:00",
            "`a` must be a date; \"1405/09/01\"",
        ),
        ("a = 14050901", "`a` must be a date; \"1405/09/01\""),
    ] {
        let fault = format!("t.toml:1:5: {fault}");
        check(text, |v| v.day().map(drop), &[&fault]);
    }
}

#[test]
fn a_day_that_is_not_says_why() {
    check_drawn(
        "a = '1406/12/30'",
        |v| v.day().map(drop),
        "\
error T05: 1406/12/30 is not a day
 --> t.toml:1:5
  |
1 | a = '1406/12/30'
  |     ^^^^^^^^^^^^ Esfand 1406 has 29 days (1408 is the next leap year)
  |
 mend \"1406/12/29\"
",
    );
}

#[test]
fn times_of_day_and_hours_are_of_one_day() {
    check("a = '23:59:30'", |v| v.time_of_day().map(drop), &[]);
    check(
        "a = '24:00'",
        |v| v.time_of_day().map(drop),
        &["t.toml:1:5: \"24:00\" is not a time of day"],
    );
    check("a = '08:00-12:00'", |v| v.hours().map(drop), &[]);
    check("a = '22:00-02:00'", |v| v.hours().map(drop), &[]);
    check("a = '20:00-24:00'", |v| v.hours().map(drop), &[]);
    for (text, fault) in [
        ("a = '8 to 12'", "\"8 to 12\" are no hours; \"08:00-12:00\""),
        (
            "a = '08:00-25:00'",
            "\"08:00-25:00\" are no hours; \"08:00-12:00\"",
        ),
        (
            "a = '08:00-08:00'",
            "the hours \"08:00-08:00\" are empty; \"00:00-24:00\" is the whole day",
        ),
    ] {
        let fault = format!("t.toml:1:5: {fault}");
        check(text, |v| v.hours().map(drop), &[&fault]);
    }
}

#[test]
fn a_weekday_has_three_letters() {
    check("a = 'fri'", |v| v.weekday().map(drop), &[]);
    check(
        "a = 'Friday'",
        |v| v.weekday().map(drop),
        &["t.toml:1:5: \"Friday\" is not a weekday; did you mean \"fri\"?"],
    );
    check(
        "a = 'shanbe'",
        |v| v.weekday().map(drop),
        &["t.toml:1:5: \"shanbe\" is not a weekday"],
    );
}

#[test]
fn a_day_with_its_time() {
    check("a = '1405/09/02 10:15'", |v| v.local().map(drop), &[]);
    check(
        "a = '1405/09/02'",
        |v| v.local().map(drop),
        &["t.toml:1:5: \"1405/09/02\" is not a day and a time; \"1405/09/02 10:15\""],
    );
}

#[test]
fn an_iban_has_check_digits() {
    let iban = "IR460170000000112233445566";
    check(&format!("a = '{iban}'"), |v| v.iban("T12").map(drop), &[]);
    check(
        "a = 'ir46 0170 0000 0011 2233 4455 66'",
        |v| v.iban("T12").map(drop),
        &[&format!(
            "t.toml:1:5: \"ir46 0170 0000 0011 2233 4455 66\" is not an IBAN; \"{iban}\""
        )],
    );
    check(
        "a = 'IR470170000000112233445566'",
        |v| v.iban("T12").map(drop),
        &[
            "t.toml:1:5: \"IR470170000000112233445566\" is not an IBAN; copy it again from the bank's paper",
        ],
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
    let log = FaultLog::default();
    let path = "/does/not/exist.toml".as_ref();
    assert!(File::read(path, "exist.toml", &LANGUAGE, &log).is_none());
    let faults = log.into_faults();
    let title = "the file cannot be read: No such file or directory (os error 2)";
    assert_eq!(faults.to_string(), format!("exist.toml: {title}"));
    assert_eq!(
        faults.drawn(false),
        format!("error T01: {title}\n--> exist.toml\n")
    );
}
