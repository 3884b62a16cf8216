//! Dialects that nobody ships, of every shape that a file can give a field: what comes back, what is refused and where,
//! what is shown to whom.

use bytes::{Bytes, BytesMut};
use clubswitch::exchange::bind;
use clubswitch::message::describe::{self, Secrets};
use clubswitch::message::{EncodeError, Message, Scratch, make};
use clubswitch::spec::{Spec, load_text, shipped};
use clubswitch::wire::coding::{from_hex, to_hex};
use serde_json::{Value, json};

/// A dialect of characters, with these tables.
fn spec(tables: &str) -> Spec {
    load_text("mine", &file(tables)).unwrap_or_else(|faults| panic!("{faults}"))
}

fn file(tables: &str) -> String {
    let coding =
        ["mti", "number", "text", "track", "length"].map(|key| format!("{key} = \"ascii\"\n"));
    let coding = coding.concat();
    format!("title = \"mine\"\n[coding]\n{coding}bitmap = \"hex\"\nbinary = \"hex\"\n{tables}")
}

fn made(spec: &Spec, fields: Value) -> Result<Bytes, EncodeError> {
    let mut out = BytesMut::new();
    make::from_json(spec, &json!({"mti": "0200", "fields": fields}))?.encode(&mut out)?;
    Ok(out.freeze())
}

/// The fields are made, stand on the wire as `wanted` behind type and bitmap, and are told as `told`.
fn check_told(tables: &str, fields: Value, wanted: &[u8], told: Value) {
    let spec = spec(tables);
    let bytes = made(&spec, fields).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(to_hex(&bytes[20..]), to_hex(wanted), "{tables}");
    let message = Message::decode(&spec, bytes.clone()).unwrap_or_else(|error| panic!("{error}"));
    let json = describe::json(&spec, &message, Secrets::Shown);
    assert_eq!(json["fields"], told, "{tables}");
    assert_eq!(made(&spec, json["fields"].clone()), Ok(bytes), "{tables}");
}

fn check(tables: &str, fields: Value, wanted: &[u8]) {
    check_told(tables, fields.clone(), wanted, fields);
}

fn check_not_made(tables: &str, fields: Value, wanted: &str) {
    let error = made(&spec(tables), fields).expect_err(wanted);
    assert_eq!(error.to_string(), wanted, "{tables}");
}

/// One field with this content (in hex) is refused.
fn check_refused(tables: &str, n: usize, content: &str, wanted: &str) {
    let spec = spec(tables);
    let map = 1_u64 << (64 - n);
    let mut bytes = format!("0200{map:016X}").into_bytes();
    bytes.extend(from_hex(content.as_bytes()).unwrap());
    let error = Message::decode(&spec, bytes.into()).expect_err(wanted);
    assert_eq!(error.to_string(), wanted, "{tables}");
}

fn check_fault(tables: &str, wanted: &str) {
    let faults = load_text("mine", &file(tables)).expect_err(wanted);
    let told = faults.to_string();
    assert!(told.contains(wanted), "{tables}\n{told}");
    assert!(told.contains("; "), "no cure: {told}");
}

#[test]
fn what_is_short_is_filled_up_in_every_coding() {
    let latin = "[fields]\n41 = { name = \"a\", class = \"text\", length = 4, coding = \"cp500\" }\n\
                 42 = { name = \"b\", class = \"text\", length = 3, coding = \"cp037\", pad = \"spaces-left\" }\n";
    check_told(
        latin,
        json!({"41": "éé", "42": "é"}),
        b"\x51\x51\x40\x40\x40\x40\x51",
        json!({"41": "éé  ", "42": "  é"}),
    );
    check_not_made(
        latin,
        json!({"41": "ééééé"}),
        "field 41: a length of 4 wanted",
    );
    check_not_made(latin, json!({"41": "سلام"}), "field 41: text wanted");
    let bytes = "[fields]\n63 = { name = \"a\", class = \"b\", length = 3, pad = \"zeros-right\" }\n\
                 64 = { name = \"b\", class = \"b\", length = 3, coding = \"binary\", pad = \"zeros-left\" }\n";
    check_told(
        bytes,
        json!({"63": "0102", "64": "0102"}),
        b"010200\x00\x01\x02",
        json!({"63": "010200", "64": "000102"}),
    );
    check_not_made(bytes, json!({"64": "0"}), "field 64: bytes wanted");
    check_not_made(
        bytes,
        json!({"64": "01020304"}),
        "field 64: a length of 3 wanted",
    );
    let chip = "[fields]\n55 = { name = \"a\", class = \"b\", length = \"LLL..99\", coding = \"binary\" }\n[inside.55]\nber = true\n\
                tags.9F02 = { name = \"b\", class = \"n\", length = 12, coding = \"bcd\" }\n";
    check_told(
        chip,
        json!({"55": {"9F02": "500"}}),
        b"009\x9f\x02\x06\0\0\0\0\x05\0",
        json!({"55": {"9F02": "000000000500"}}),
    );
}

#[test]
fn a_fault_is_told_at_its_byte_whatever_the_coding_around_it() {
    let parts = "inside = { parts = [{ name = \"a\", class = \"n\", length = 2 }, { name = \"b\", class = \"z\", length = 3 }, \
                 { name = \"c\", class = \"n\", length = \"..4\" }] }";
    let field = |coding: &str| {
        format!(
            "[fields]\n48 = {{ name = \"p\", class = \"z\", length = \"LL..9\", coding = \"{coding}\", {parts} }}\n"
        )
    };
    // Two digits a byte: the D is the seventh of seven digits, or the sixth of six.
    check_refused(
        &field("bcd"),
        48,
        "303701 23 45 6D".replace(' ', "").as_str(),
        "field 48.3: digits wanted at byte 25",
    );
    check_refused(
        &field("bcd-right-f"),
        48,
        "3037123456DF",
        "field 48.3: digits wanted at byte 25",
    );
    check_refused(
        &field("bcd"),
        48,
        "303612345D",
        "field 48.3: digits wanted at byte 24",
    );
    check_refused(
        &field("bcd-left-f"),
        48,
        "3037F1D34567",
        "field 48.1: digits wanted at byte 23",
    );
    let hex = "[fields]\n55 = { name = \"c\", class = \"b\", length = \"LLL..99\" }\n[inside.55]\nber = true\n\
               tags.9F02 = { name = \"d\", class = \"n\", length = 4, coding = \"bcd\" }\n\
               tags.70 = { name = \"e\", inside = { ber = true, tags = { 9A = { name = \"f\", class = \"n\", coding = \"bcd\" } } } }\n";
    let content = |hex: &str| {
        format!(
            "{}{}",
            to_hex(format!("{:03}", hex.len() / 2).as_bytes()),
            to_hex(hex.as_bytes())
        )
    };
    check_refused(
        hex,
        55,
        &content("9F0202123A"),
        "field 55.9F02: digits wanted at byte 31",
    );
    check_refused(
        hex,
        55,
        &content("00700000007003".to_owned().as_str()).replace(' ', ""),
        "field 55.70: as many bytes as the length before them tells wanted at byte 37",
    );
    check_refused(
        hex,
        55,
        &content("70039A01FF"),
        "field 55.70.9A: digits wanted at byte 31",
    );
}

#[test]
fn lists_keep_their_signs_apart() {
    let list = "[fields]\n48 = { name = \"l\", class = \"ans\", length = \"LLL..999\" }\n[inside.48]\nseparator = \"|\"\nassign = \"=\"\n\
                tags.a = { name = \"a\", length = \"..3\" }\n";
    check(
        list,
        json!({"48": {"a": ["1", "2"], "b": "", "c": "="}}),
        b"014a=1|a=2|b=|c==",
    );
    check_not_made(
        list,
        json!({"48": {"a": "1|2"}}),
        "field 48.a: a value without the sign that ends it wanted",
    );
    check_not_made(
        list,
        json!({"48": {"a|b": "1"}}),
        "field 48.a|b: a name and its sign wanted",
    );
    check_not_made(
        list,
        json!({"48": {"": "1"}}),
        "field 48.: a name and its sign wanted",
    );
    let latin = list.replace("class = \"ans\",", "class = \"text\", coding = \"cp500\",");
    check_not_made(
        &latin,
        json!({"48": {"b": "€"}}),
        "field 48.b: printable characters wanted",
    );
}

#[test]
fn tags_that_come_again_behind_others_keep_their_order() {
    let tables = "[fields]\n55 = { name = \"c\", class = \"b\", length = \"LLL..99\", coding = \"binary\" }\n[inside.55]\nber = true\n";
    check(
        tables,
        json!({"55": [{"9A": "01"}, {"9C": "02"}, {"9A": "03"}]}),
        b"009\x9a\x01\x01\x9c\x01\x02\x9a\x01\x03",
    );
    check(
        tables,
        json!({"55": {"70": [[{"9A": "01"}, {"9C": "02"}, {"9A": "03"}]], "9A": ["01", "02"]}}),
        b"017\x70\x09\x9a\x01\x01\x9c\x01\x02\x9a\x01\x03\x9a\x01\x01\x9a\x01\x02",
    );
    check_not_made(tables, json!({"55": ["9A"]}), "field 55: a value wanted");
}

#[test]
fn parts_that_repeat_may_be_none_behind_a_prefix() {
    let parts = "[fields]\n48 = { name = \"l\", class = \"ans\", length = \"LL..99\" }\n[inside.48]\n\
                 prefix = [{ name = \"a\", class = \"n\", length = 2 }]\nrepeats = true\n\
                 parts = [{ name = \"b\", class = \"ans\", length = 1 }, { name = \"c\", class = \"ans\", length = 1 }]\n";
    check(parts, json!({"48": {"p1": "07"}}), b"0207");
    check(
        parts,
        json!({"48": {"p1": "07", "1": ["x", "z"], "2": ["y", "-"]}}),
        b"0607xyz-",
    );
    check_refused(
        parts,
        48,
        "30333037 78".replace(' ', "").as_str(),
        "field 48.2: 1 more byte wanted at byte 25",
    );
}

#[test]
fn a_hidden_tag_of_a_part_is_hidden_with_it() {
    let spec = spec(
        "[fields]\n48 = { name = \"l\", class = \"ans\", length = \"LL..99\" }\n[inside.48]\nparts = [{ name = \"a\", class = \"n\", length = 2 }, \
         { name = \"b\", class = \"ans\", length = \"..90\", inside = { tag_chars = 2, length_digits = 2, \
         tags = { 01 = { name = \"pin\", secret = \"hidden\" } } } }]\n",
    );
    let given = json!({"48": {"1": "07", "2": {"01": "1234", "02": "9999120000000019", "03": "9999120000000019=29121234"}}});
    let bytes = made(&spec, given).unwrap();
    let message = Message::decode(&spec, bytes).unwrap();
    let told = describe::json(&spec, &message, Secrets::Masked);
    let wanted = json!({"48": {"1": "07", "2": {"01": "****", "02": "999912******0019", "03": "999912*******************"}}});
    assert_eq!(told["fields"], wanted);
    assert!(!describe::text(&spec, &message, Secrets::Masked).contains("1234"));
}

#[test]
fn a_name_that_nobody_knows_shows_no_card_number() {
    let list = |unknown: &str| {
        format!(
            "[fields]\n48 = {{ name = \"l\", class = \"free\", length = \"LL..99\" }}\n[inside.48]\nseparator = \"|\"\nassign = \"=\"\nunknown = \"{unknown}\"\n"
        )
    };
    let track = "9999120000000019=2912";
    let content = to_hex(format!("21{track}").as_bytes());
    check_refused(
        &list("reject"),
        48,
        &content,
        "field 48.****************: a tag of this dialect wanted at byte 39",
    );
    let spec = spec(&list("keep"));
    let message = Message::decode(
        &spec,
        made(
            &spec,
            json!({"48": {"9999120000000019": "2912", "\u{1b}[2J": "x"}}),
        )
        .unwrap(),
    )
    .unwrap();
    for told in [
        describe::text(&spec, &message, Secrets::Masked),
        describe::json(&spec, &message, Secrets::Masked).to_string(),
    ] {
        assert!(
            !told.contains("999912") && !told.contains('\u{1b}'),
            "{told}"
        );
    }
}

#[test]
fn tags_nested_without_end_are_told_to_a_depth() {
    let spec = spec(
        "[fields]\n55 = { name = \"c\", class = \"b\", length = \"LLLLL..65000\", coding = \"binary\" }\n[inside.55]\nber = true\n",
    );
    let mut list = Vec::new();
    for _ in 0..16_000 {
        let mut outer = Vec::new();
        assert!(clubswitch::wire::ber::put(&[0x70], &list, &mut outer));
        list = outer;
    }
    let bytes = made(&spec, json!({"55": to_hex(&list)}));
    let bytes = bytes.unwrap();
    let message = Message::decode(&spec, bytes.clone()).unwrap();
    let told = describe::json(&spec, &message, Secrets::Shown);
    assert_eq!(made(&spec, told["fields"].clone()), Ok(bytes));
    assert!(
        describe::describe(&spec, &message, Secrets::Masked)
            .rows
            .len()
            < 40
    );
}

#[test]
fn an_odd_card_number_is_peeked_at_from_its_first_digit() {
    let spec = spec(
        "[fields]\n2 = { name = \"pan\", class = \"n\", length = \"LL..19\", coding = \"bcd\" }\n[roles]\npan = \"2\"\n",
    );
    for card in ["999912000000001", "9999120000000019", "9999120000000000019"] {
        let bytes = made(&spec, json!({"2": card})).unwrap();
        let peek = Message::peek(&spec, &bytes).unwrap();
        assert_eq!(peek.issuer(&spec), Some(999_912), "{card}");
    }
}

#[test]
fn unknown_fields_stand_only_where_the_bitmap_has_a_bit() {
    let tables = "[unknown]\npolicy = \"keep\"\nlength = \"LL..99\"\n[fields]\n3 = { name = \"a\", class = \"n\", length = 6 }\n";
    check(tables, json!({"3": "000000", "60": "x"}), b"00000001x");
    check_not_made(
        tables,
        json!({"130": "x"}),
        "field 130: a field of this dialect wanted",
    );
}

#[test]
fn what_a_file_cannot_mean_is_a_fault_with_its_cure() {
    let field = |keys: &str| format!("[fields]\n3 = {{ name = \"x\", {keys} }}\n");
    let inside = |keys: &str| {
        format!(
            "[fields]\n48 = {{ name = \"x\", class = \"ans\", length = \"LL..99\" }}\n[inside.48]\n{keys}\n"
        )
    };
    let n = "class = \"n\", length = 6";
    check_fault(
        &format!("{}03 = {{ name = \"y\", {n} }}\n", field(n)),
        "\"03\" is not a field number",
    );
    check_fault(
        &field("class = \"n\", length = \"LL..65535\""),
        "the length of field 3 cannot tell 65535",
    );
    check_fault(
        &field("class = \"b\", length = \"LL..99\", counts = \"bytes\""),
        "the length of field 3 cannot tell 198",
    );
    check_fault(
        &field("class = \"n\", length = 6, pad = \"spaces-left\""),
        "field 3 of class n cannot hold its filling",
    );
    check_fault(
        &field("class = \"b\", length = 6, pad = \"spaces-left\""),
        "field 3 of class b cannot hold its filling",
    );
    check_fault(
        &field("class = \"b\", length = 4, date = \"MMDD\""),
        "field 3 of class b cannot hold a date",
    );
    check_fault(
        &inside("tag_chars = 2\nlength_digits = 1\ntags.10 = { name = \"y\", length = \"..10\" }"),
        "the length of tag 10 of field 48 cannot tell 10",
    );
    check_fault(
        &inside("separator = \"=\"\nassign = \"=\""),
        "`separator` and `assign` of field 48 are the same",
    );
    check_fault(
        &inside("separator = \"|\"\nassign = \"=\"\ntags.\"a=b\" = { name = \"y\" }"),
        "\"a=b\" is not a name in a list",
    );
    check_fault(
        &inside("separator = \"|\"\nlength_digits = 2"),
        "`length_digits` of field 48 stands beside `tag_chars` only",
    );
    check_fault(
        &inside("parts = [{ name = \"a\", class = \"n\", length = 2 }]\nunknown = \"skip\""),
        "`unknown` and `parts` of field 48 exclude each other",
    );
    check_fault(
        &inside("parts = [{ name = \"a\", class = \"n\", length = 100 }]"),
        "the parts of field 48 have 100 units, it has 0 to 99",
    );
    check_fault(
        &inside("bitmap = \"hex\""),
        "the bitmap of field 48 announces nothing",
    );
    check_fault(
        &inside("bitmap = \"hex\"\nfields.65 = { name = \"y\", class = \"n\", length = 2 }"),
        "the bitmap of field 48 has no bit for 65",
    );
    check_fault(
        &inside(
            "bitmap = \"hex\"\nbitmap_bytes = 16\nfields.1 = { name = \"y\", class = \"n\", length = 2 }",
        ),
        "the bitmap of field 48 has no bit for 1",
    );
    check_fault(
        &format!("{}[meanings.4]\n00 = \"y\"\n", field(n)),
        "nothing stands at 4 in this dialect",
    );
    check_fault(
        &format!("{}[meanings.3]\n00 = \"y\"\n", field(n)),
        "\"00\" does not have the length of field 3",
    );
    check_fault(
        &format!(
            "{}[[function]]\nname = \"quote\"\nmti = [\"0100\"]\nwhen = {{ 3 = \"39xx\" }}\n",
            field(n)
        ),
        "\"39xx\" does not have the length of field 3",
    );
}

#[test]
fn what_the_switch_cannot_use_is_told_at_its_line() {
    let text = "title = \"mine\"\nextends = \"iso87-ascii\"\n[roles]\npan = \"48.10\"\n[outcomes]\napprovd = \"00\"\n";
    let spec = load_text("mine", text).unwrap();
    let faults = clubswitch::exchange::bind(&spec).expect_err("two faults");
    let lines = faults.iter().map(|fault| {
        let (table, key) = fault.key();
        spec.place(table, key).line()
    });
    assert_eq!(lines.collect::<Vec<_>>(), [4, 6]);
}

#[test]
fn the_end_of_a_track_in_an_unknown_field_is_not_shown() {
    let spec = spec("[unknown]\npolicy = \"keep\"\nlength = \"LL..99\"\n");
    let bytes = made(&spec, json!({"60": "9999120000000019=29121234"})).unwrap();
    let message = Message::decode(&spec, bytes).unwrap();
    let told = describe::json(&spec, &message, Secrets::Masked);
    assert_eq!(told["fields"]["60"], "999912*******************");
}

#[test]
fn text_that_is_no_utf8_is_told_by_its_bytes_and_made_again() {
    let free = "[fields]\n47 = { name = \"a\", class = \"free\", length = \"LL..9\" }\n\
                48 = { name = \"b\", class = \"free\", length = \"LLL..99\" }\n\
                [inside.48]\ntag_chars = 2\nlength_digits = 2\ntags.10 = { name = \"c\", class = \"free\" }\n";
    check(
        free,
        json!({"47": {"bytes in hex": "41FF42"}, "48": {"10": {"bytes in hex": "D3"}, "20": {"bytes in hex": "FE41"}}}),
        b"03A\xffB0111001\xd32002\xfeA",
    );
    check_not_made(
        free,
        json!({"47": {"bytes in hex": "4"}}),
        "field 47: hex digits wanted",
    );
    check_not_made(
        free,
        json!({"47": {"bytes in hex": "41414141414141414141"}}),
        "field 47: a length from 0 to 9 wanted",
    );
    check_fault(
        "[fields]\n61 = { name = \"a\", class = \"text\", length = \"LLL..99\" }\n\
         [inside.61]\nseparator = \"\\u001C\"\n",
        "class text of field 61 has no place for the signs of the list",
    );
}

#[test]
fn a_message_longer_than_any_is_not_made() {
    let fields: Vec<String> = (47..=56)
        .map(|n| format!("{n} = {{ name = \"a\", class = \"ans\", length = \"LLLL..9999\" }}\n"))
        .collect();
    let tables = format!("[fields]\n{}", fields.concat());
    let some = |last: usize| (47..=last).map(|n| (n.to_string(), json!("x".repeat(9999))));
    let spec = spec(&tables);
    assert!(made(&spec, Value::Object(some(52).collect())).is_ok());
    let wanted = "field 0: a message of at most 65535 bytes wanted";
    check_not_made(&tables, Value::Object(some(53).collect()), wanted);
}

/// What is told of the net amount of some totals.
fn check_net(net: &str, wanted: &str) {
    let spec = shipped("iso87-ascii").unwrap();
    let fields = json!({"86": "1000", "87": "10", "88": "2500", "89": "5", "97": net});
    let message = json!({"mti": "0500", "fields": fields});
    let mut out = BytesMut::new();
    let builder = make::from_json(&spec, &message).unwrap();
    builder.encode(&mut out).unwrap();
    let message = Message::decode(&spec, out.freeze()).unwrap();
    let told = describe::text(&spec, &message, Secrets::Masked);
    assert!(told.contains(wanted), "{told}");
}

#[test]
fn the_net_of_totals_is_held_against_the_other_totals() {
    check_net("D1505", "(agrees with 86 - 87 - 88 + 89)");
    check_net("C1505", "(86 - 87 - 88 + 89 comes to D1505)");
    check_net("D1506", "(86 - 87 - 88 + 89 comes to D1505)");
    check_fault(
        "[totals]\nnet = \"86 87\"\n",
        "does not say how totals are reckoned",
    );
}

#[test]
fn an_answer_has_the_type_that_the_dialect_says() {
    let text = "title = \"own\"\nextends = \"iso87-ascii\"\n[answers]\n\"0800\" = \"0812\"\n";
    let dialect = bind(&load_text("own", text).unwrap()).unwrap();
    for (asked, wanted) in [("0800", "0812"), ("0801", "0812"), ("0820", "0830")] {
        let message = json!({"mti": asked, "fields": {"11": "7", "70": "301"}});
        let mut out = BytesMut::new();
        let builder = make::from_json(dialect.spec(), &message).unwrap();
        builder.encode(&mut out).unwrap();
        let request = Message::decode(dialect.spec(), out.freeze()).unwrap();
        let mut out = BytesMut::new();
        dialect.answer_network(&request, &mut Scratch::default(), &mut out);
        let answer = Message::decode(dialect.spec(), out.freeze()).unwrap();
        assert_eq!(answer.mti().to_string(), wanted, "{asked}");
    }
}
