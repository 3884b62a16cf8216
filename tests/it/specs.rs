//! Dialect files: every shipped one loads and is whole; every fault is told with its place and cure.

use std::fs;
use std::path::Path;

use clubswitch::spec::{
    Counts, FIELDS, Length, Mti, SHIPPED, Secret, Spec, load, load_text, shipped,
};
use clubswitch::wire::coding::Coding;

fn specs() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("specs")
}

fn ascii() -> Spec {
    shipped("iso87-ascii").unwrap()
}

#[test]
fn every_file_is_inside_the_program_and_loads() {
    let mut names: Vec<String> = fs::read_dir(specs())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let mut inside: Vec<String> = SHIPPED
        .iter()
        .map(|(name, _)| format!("{name}.toml"))
        .collect();
    inside.sort();
    assert_eq!(names, inside);
    for (name, text) in SHIPPED {
        assert_eq!(
            text,
            fs::read_to_string(specs().join(format!("{name}.toml"))).unwrap()
        );
        let from_folder = load(&specs(), name).unwrap_or_else(|faults| panic!("{faults}"));
        let spec = shipped(name).unwrap();
        assert_eq!(format!("{from_folder:?}"), format!("{spec:?}"));
        let numbers: Vec<usize> = spec.fields().map(|(n, _)| n).collect();
        assert_eq!(numbers, (2..=128).collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn the_default_dialect_is_as_the_contract_says() {
    let spec = ascii();
    for n in [2, 34, 102, 103] {
        assert_eq!(spec.field(n).unwrap().secret, Secret::Masked, "field {n}");
    }
    for n in [14, 35, 36, 45, 52, 55, 96] {
        assert_eq!(spec.field(n).unwrap().secret, Secret::Hidden, "field {n}");
    }
    for n in [52, 64, 96, 128] {
        let field = spec.field(n).unwrap();
        assert_eq!(
            (field.length, field.coding),
            (Length::Fixed(8), Coding::Hex)
        );
        assert_eq!(field.wire_bytes(8), 16);
    }
    for (role, path) in [
        ("pan", "2"),
        ("amount", "4"),
        ("member", "48.10"),
        ("balances", "54"),
    ] {
        assert_eq!(spec.role(role).unwrap().to_string(), path);
    }
    for (outcome, code) in [
        ("approved", "00"),
        ("part-approved", "10"),
        ("cannot-serve", "96"),
    ] {
        assert_eq!(spec.outcome_code(outcome), Some(code));
    }
    assert_eq!(spec.outcomes().count(), 26);
    assert!(spec.field(FIELDS).is_none());
}

#[test]
fn a_dialect_that_extends_says_only_what_differs() {
    let (ascii, bcd) = (ascii(), shipped("iso87-bcd").unwrap());
    let amount = bcd.field(4).unwrap();
    assert_eq!(amount.name, ascii.field(4).unwrap().name);
    assert_eq!(amount.wire_bytes(12), 6);
    assert_eq!(bcd.field(28).unwrap().wire_bytes(9), 5);
    assert_eq!(bcd.field(41).unwrap().wire_bytes(8), 8);
    assert_eq!(bcd.functions(), ascii.functions());
    let counted = load_text(
        "mine",
        "title = \"mine\"\nextends = \"iso87-bcd\"\n[fields]\n35 = { counts = \"bytes\" }\n",
    );
    let counted = counted.unwrap();
    assert_eq!(counted.field(35).unwrap().counts, Counts::Bytes);
    assert_eq!(counted.field(35).unwrap().name, "track 2 data");
}

#[test]
fn every_function_of_the_contract_has_a_row() {
    let spec = ascii();
    let named = |name: &str| spec.functions().iter().find(|f| f.name == name);
    for name in [
        "purchase",
        "purchase-cash-back",
        "redeem",
        "balance",
        "quote",
        "statement",
        "reversal",
        "advice",
        "refund",
        "enrol",
        "add-card",
        "staff-in",
        "staff-out",
        "queue-number",
        "expense",
        "cash-sale",
        "load",
        "transfer",
        "totals",
        "sign-on",
        "sign-off",
        "echo",
        "cut-over",
        "key-change",
    ] {
        assert!(named(name).is_some(), "{name}");
    }
    assert_eq!(named("reversal").unwrap().mti, [Mti(0x400), Mti(0x420)]);
}

/// The faults of a text, a line each.
fn check(text: &str, wanted: &[&str]) {
    let faults = load_text("mine", text).expect_err("a faulty dialect");
    let told: Vec<String> = faults.0.iter().map(ToString::to_string).collect();
    assert_eq!(told, wanted, "\n{}", told.join("\n"));
}

const HEAD: &str = "title = \"mine\"\nextends = \"iso87-ascii\"\n";

#[test]
fn all_faults_are_told_at_once_with_their_places() {
    check(
        &format!(
            "{HEAD}colour = 1\n[coding]\nnumber = \"bdc\"\n[fields]\n1 = {{}}\n4 = {{ class = \"x\", length = \"L12\" }}\n[roles]\namount = \"x\"\n"
        ),
        &[
            "mine.toml:3:1: `colour` is not a key of a dialect; the keys are title, extends, unverified, framing, coding, unknown, fields, inside, roles, outcomes, answers, totals, meanings, function",
            "mine.toml:5:10: `number` cannot be \"bdc\"; did you mean \"bcd\"?",
            "mine.toml:7:1: \"1\" is not a field number; a number from 2 to 192",
            "mine.toml:8:15: `class` cannot be \"x\"; did you mean \"n\"?",
            "mine.toml:8:29: \"L12\" is not a length; such as 12, \"LL..19\" or \"LLL..999\"",
            "mine.toml:10:10: \"x\" is not a place in a message; such as \"4\" or \"48.10\"",
        ],
    );
}

#[test]
fn tags_in_bytes_need_a_field_of_bytes() {
    let tags = "tag_chars = 3\nlength_digits = 2\ntag_coding = \"binary\"\ntags = { abc = { name = \"x\" } }";
    check(
        &format!("{HEAD}[inside.47]\n{tags}\n"),
        &[
            "mine.toml:3:1: tags of field 47 have another coding than what they stand in; give what they stand in the class b, and a length in bytes",
            "mine.toml:3:1: tags of field 47 have half a byte; an even number of hex digits",
            "mine.toml:7:10: \"abc\" is not a tag in upper-case hex digits; two digits a byte, such as \"DF01\"",
        ],
    );
}

#[test]
fn a_field_that_no_bit_can_announce_is_a_fault() {
    check(
        &format!("{HEAD}[fields]\n130 = {{ name = \"x\", class = \"n\", length = 3 }}\n"),
        &[
            "mine.toml:4:1: the bitmap has no bit for field 130; see `bitmap_bytes` of [coding]; bits 1 and 65 announce more of it",
        ],
    );
    check(
        &format!("{HEAD}[coding]\nbitmap_bytes = 24\n[fields]\n65 = {{ length = 4 }}\n"),
        &[
            "mine.toml:6:1: the bitmap has no bit for field 65; see `bitmap_bytes` of [coding]; bits 1 and 65 announce more of it",
        ],
    );
}

#[test]
fn what_does_not_fit_together_is_a_fault() {
    check(
        &format!(
            "{HEAD}[fields]\n150 = {{ class = \"n\" }}\n41 = {{ coding = \"bcd\" }}\n[roles]\nowner = \"151\"\npurse-asked = \"48.XX\"\n[outcomes]\napproved = \"000\"\n[[function]]\nname = \"purchase\"\nmti = [\"0200\"]\nwhen = {{ 160 = \"00\" }}\n"
        ),
        &[
            "mine.toml:4:1: field 150 has no `name`; add it",
            "mine.toml:4:1: field 150 has no `length`; add it",
            "mine.toml:5:1: field 41 of class ans cannot be bcd; b may be hex or binary, digits may be bcd, the rest is text",
            "mine.toml:7:9: nothing stands at 151 in this dialect; name a field of [fields], or a tag or part of its [inside]",
            "mine.toml:8:15: nothing stands at 48.XX in this dialect; name a field of [fields], or a tag or part of its [inside]",
            "mine.toml:10:12: the code of \"approved\" must have 2 characters",
            "mine.toml:14:10: nothing stands at 160 in this dialect; name a field of [fields], or a tag or part of its [inside]",
        ],
    );
}

#[test]
fn the_inside_of_a_field_is_held_against_the_field() {
    let check = |rows: &str, wanted: &[&str]| check(&format!("{HEAD}{rows}"), wanted);
    check(
        "[inside.42]\ntag_chars = 2\nseparator = \"|\"\n[inside.44]\nseparator = \"ab\"\n\
         [inside.127]\nbitmap = \"binary\"\n[inside.127.fields]\n0 = {}\n",
        &[
            "mine.toml:3:1: `tag_chars` and `separator` exclude each other; leave one out",
            "mine.toml:7:13: `separator` must be one ASCII character; such as \"|\" or \"\\u001C\"",
            "mine.toml:11:1: \"0\" is not a field number; a number from 1 to 192",
        ],
    );
    check(
        "[fields]\n14 = { date = \"MMYYDD\" }\n15 = { date = \"MMXX\" }\n\
         104 = { length = \"LL..100\" }\n105 = { length = \"..9\" }\n106 = { min = 1000 }\n\
         [inside.41]\nber = true\n\
         [inside.43]\nparts = [{ name = \"a\", class = \"ans\", length = 20 }]\n\
         [inside.45]\nunknown = \"keep\"\n\
         [inside.46]\nprefix = [{ name = \"a\", class = \"n\", length = \"..20\" }]\nseparator = \"|\"\n\
         [inside.53]\nseparator = \"|\"\n[inside.53.tags]\nx = { name = \"x\" }\n\
         [inside.54]\nparts = [{ name = \"a\", class = \"n\", coding = \"bcd\", length = 2 }]\n\
         [inside.55]\nber = true\n[inside.55.tags]\n9F = { name = \"b\" }\n9A = { name = \"c\", length = \"LL..3\" }\n\
         [inside.127]\nbitmap = \"binary\"\n[inside.127.fields]\n2 = { name = \"d\", class = \"n\", length = \"..2\" }\n",
        WRONG,
    );
}

const WRONG: &[&str] = &[
    "mine.toml:4:15: field 14 does not have the length of its date; of YYYY or YY, MM, DD, hh, mm and ss, as many characters as the field",
    "mine.toml:5:15: \"MMXX\" is not the form of a date; of YYYY or YY, MM, DD, hh, mm and ss, as many characters as the field",
    "mine.toml:6:1: the length of field 104 cannot tell 100; add an L, or lower the most units",
    "mine.toml:7:1: nothing tells where field 105 ends; such as 12, \"LL..19\" or \"LLL..999\"; only the last part may be the rest",
    "mine.toml:8:1: `min` of field 106 is 1000, more than its length; lower it",
    "mine.toml:9:1: field 41 cannot hold this; BER needs a field of class b",
    "mine.toml:11:1: the parts of field 43 have 20 units, it has 40; make them fit",
    "mine.toml:13:1: nothing says how field 45 is divided; add `parts`, `tag_chars`, `ber`, `separator` or `bitmap`",
    "mine.toml:16:11: nothing tells where part 46.p1 ends; such as 12, \"LL..19\" or \"LLL..999\"; only the last part may be the rest",
    "mine.toml:18:1: class n of field 53 has no place for the signs of the list; take a class that has, such as free",
    "mine.toml:21:1: \"x\" is not the number of a value in a list; 1 for the first; names need `assign`",
    "mine.toml:23:10: part 54.1 has another coding than what it stands in; give what it stands in the class b, and a length in bytes",
    "mine.toml:27:1: \"9F\" is not a tag of BER in upper-case hex digits; one to three bytes such as \"9A\", \"9F02\" or \"DF8101\"",
    "mine.toml:28:1: the length of tag 9A of field 55 is told by what it stands in; name the most units only, such as \"..99\"",
    "mine.toml:29:1: field 127 cannot hold a bitmap in bytes; give it the class b, or the bitmap in hex",
    "mine.toml:32:1: nothing tells where field 127.2 ends; such as 12, \"LL..19\" or \"LLL..999\"; only the last part may be the rest",
];

#[test]
fn a_dialect_cannot_extend_what_is_not_there_or_itself() {
    let names = SHIPPED.map(|(name, _)| name).join(", ");
    check(
        "title = \"mine\"\nextends = \"iso87-asci\"\n",
        &[&format!(
            "mine.toml:2:11: \"iso87-asci\" is not a dialect; those inside the program are {names}; did you mean \"iso87-ascii\"?"
        )],
    );
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, parent: &str| {
        let text = format!("title = \"{name}\"\nextends = \"{parent}\"\n");
        fs::write(folder.path().join(format!("{name}.toml")), text).unwrap();
    };
    write("one", "two");
    write("two", "one");
    let faults = load(folder.path(), "one").expect_err("a circle");
    let told = faults.to_string();
    assert!(
        told.ends_with("two.toml:2:11: \"one\" extends itself; break the circle"),
        "{told}"
    );
    let faults = load(folder.path(), "iso87-bdc").expect_err("no such dialect");
    assert!(faults.to_string().contains("did you mean \"iso87-bcd\"?"));
}

#[test]
fn the_dialects_of_shetab_say_that_nothing_official_stands_behind_them() {
    for name in ["shetab7-87", "shetab7-93"] {
        let spec = shipped(name).unwrap();
        assert!(spec.is_unverified(), "{name}");
        // The network has bill data in 48; the club's tags stand in 120.
        let role = |role| spec.role(role).map(ToString::to_string);
        assert_eq!(role("private").as_deref(), Some("120"), "{name}");
        assert_eq!(role("receipt").as_deref(), Some("120.90"), "{name}");
    }
    let spec = shipped("shetab7-87").unwrap();
    for n in 86..=89 {
        assert_eq!(spec.field(n).unwrap().length, Length::Fixed(12), "{n}");
    }
}

#[test]
fn a_day_in_a_tag_has_the_length_of_its_date() {
    let tag = |length: &str| {
        let tags = format!(
            "[inside.55.tags]\n9A = {{ name = \"day\", length = {length}, date = \"YYMMDD\" }}\n"
        );
        load_text("mine", &format!("{HEAD}{tags}"))
    };
    assert!(tag("6").is_ok());
    assert!(tag("\"..6\"").is_err());
}
