//! The configuration: the shipped file is well, and each fault has its place and its cure.

use clubswitch::config::{Config, SHIPPED};
use clubswitch::wire::framing::Framing;

/// Parses the shipped file with one text put in another's place; every fault as one line.
fn faults(from: &str, to: &str) -> Vec<String> {
    assert!(SHIPPED.contains(from), "{from}");
    match Config::parse("c.toml", &SHIPPED.replacen(from, to, 1)) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.0.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn every_framing_is_named_where_one_is_chosen() {
    let mut pos = clubswitch::cli::command();
    pos.build();
    let help = pos
        .find_subcommand_mut("pos")
        .unwrap()
        .render_long_help()
        .to_string();
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
    for name in Framing::NAMES {
        assert!(help.contains(name), "{name} in pos --help");
        assert!(SHIPPED.contains(&format!(" {name} ")), "{name}");
        assert!(readme.as_ref().unwrap().contains(&format!("`{name}`")));
    }
}

fn check(from: &str, to: &str, wanted: &str) {
    let found = faults(from, to);
    assert!(
        found.len() == 1 && found[0].contains(wanted),
        "{to}: {found:#?}"
    );
}

#[test]
fn the_shipped_file_is_well_and_is_the_one_in_the_folder() {
    let config = Config::parse("c.toml", SHIPPED).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/conf/clubswitch.toml");
    assert_eq!(std::fs::read_to_string(path).unwrap(), SHIPPED);
    assert_eq!(config.listeners[0].bind.port(), 8583);
    assert_eq!(config.listeners[0].dialect.name(), "iso87-ascii");
    assert_eq!(config.http.unwrap().port(), 9583);
    assert!(config.clock_start.is_none());
}

#[test]
fn a_fault_has_its_place_and_its_cure() {
    check("len2-be\"", "len3-be\"", "did you mean \"len2-be\"?");
    check(
        "iso87-ascii\"",
        "iso87-asci\"",
        "did you mean \"iso87-ascii\"?",
    );
    check("[admin]", "[admim]", "`admim` is not a key");
    check("127.0.0.1:8583", "localhost", "\"localhost\" is no address");
    check("581672031", "58167x031", "is no acquirer");
    check(
        "\"iso87-ascii\"",
        "\"mastercard-ipm\"",
        "the dialect \"mastercard-ipm\" is for describing messages, not for a link; name one that has functions",
    );
    check("\"8d\"", "\"7d\"", "duplicate_window = \"8d\" or more");
    check(
        "after_days = 10 ",
        "after_days = 9 ",
        "after_days = 10 or more",
    );
    check("\"20s\"", "\"0s\"", "above zero");
    check("\"5m\"", "\"0s\"", "above zero");
    check("\"human\"", "\"xml\"", "`format` cannot be \"xml\"");
    check(
        "# start = \"1405/09/02 10:15\"",
        "start = \"1405/13/02 10:15\"",
        "is no day and time",
    );
    check(
        "# specs = \"specs\"",
        "specs = \"/nonexistent\"",
        "there is no folder /nonexistent",
    );
}

#[test]
fn what_is_not_built_says_so() {
    let key = "# deadline        = \"25s\"";
    check(key, "tls = { cert = \"a\" }", "not built in this version");
    check(key, "mac = { key = \"a\" }", "not built in this version");
    check(key, "authorised = \"here\"", "not built in this version");
}

#[test]
fn all_faults_are_told_at_once() {
    let text = SHIPPED.replace("len2-be\"", "x\"").replace("\"5m\"", "5");
    let found = Config::parse("c.toml", &text).unwrap_err();
    assert_eq!(found.errors(), 2, "{found}");
}

fn check_framing(rows: &str, wanted: &str) {
    let link = format!("[[listener]]\nname='a'\nbind='127.0.0.1:0'\nacquirer='1'\n{rows}\n");
    let config = Config::parse("c.toml", &link).unwrap();
    assert_eq!(config.listeners[0].framing.name(), wanted, "{rows}");
}

#[test]
fn a_link_that_names_no_framing_has_the_one_of_its_dialect() {
    check_framing("dialect='iso87-ascii'", "len2-be");
    check_framing("dialect='pos-nac-bcd'", "nac");
    check_framing("dialect='pos-nac-bcd'\nframing='len4-ascii'", "len4-ascii");
}

#[test]
fn two_listeners_have_two_names() {
    let one = "[[listener]]\nname='a'\nbind='127.0.0.1:0'\ndialect='iso87-ascii'\nacquirer='1'\n";
    assert!(Config::parse("c.toml", one).is_ok());
    let found = Config::parse("c.toml", &format!("{one}{one}")).unwrap_err();
    assert!(
        found.to_string().starts_with("c.toml:7:6: two listeners"),
        "{found}"
    );
}
