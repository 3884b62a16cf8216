//! Messages as they stand on the wire: each file of `fixtures/frames/` decodes to its JSON and is made
//! again byte for byte from that JSON, or is refused with its exact error. Then random ones, and broken ones.
//!
//! A file: `dialect NAME`; the bytes as `hex …` or `text |…|` lines; then `json …` (secrets shown),
//! `masked …` where masking is the point, `error …` for a bad message, whose `json` is what could be read.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use clubswitch::message::describe::{Secrets, json, text};
use clubswitch::message::make;
use clubswitch::message::{DecodeError, Message, MessageBuilder, Mti};
use clubswitch::spec::{
    Class, FieldSpec, Given, Inside, Length, SHIPPED, Spec, load_text, shipped,
};
use clubswitch::wire::coding::{from_hex, to_hex};
use serde_json::Value;

/// A file of `fixtures/frames/`.
pub(crate) struct Case {
    name: String,
    /// Its dialect.
    pub(crate) spec: Spec,
    /// The message.
    pub(crate) bytes: Bytes,
    json: Option<Value>,
    masked: Option<Value>,
    error: Option<String>,
}

/// All files of `fixtures/frames/`.
pub(crate) fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/frames");
    let mut cases: Vec<Case> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| read(&entry.unwrap().path()))
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

fn read(path: &Path) -> Case {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let mut case = Case {
        spec: shipped("iso87-ascii").unwrap(),
        name,
        bytes: Bytes::new(),
        json: None,
        masked: None,
        error: None,
    };
    let mut bytes = Vec::new();
    let content = fs::read_to_string(path).unwrap();
    assert!(
        content.starts_with("# "),
        "{}: say what it shows",
        case.name
    );
    for line in content.lines().skip(1).filter(|line| !line.is_empty()) {
        let (key, rest) = line.split_once(' ').unwrap();
        match key {
            "dialect" => case.spec = shipped(rest).unwrap(),
            "hex" => bytes.extend(from_hex(rest.as_bytes()).unwrap()),
            "text" => {
                let inner = rest.strip_prefix('|').and_then(|r| r.strip_suffix('|'));
                bytes.extend(inner.unwrap().bytes());
            }
            "json" => case.json = Some(serde_json::from_str(rest).unwrap()),
            "masked" => case.masked = Some(serde_json::from_str(rest).unwrap()),
            "error" => case.error = Some(rest.to_owned()),
            _ => panic!("{}: what is {key}?", case.name),
        }
    }
    case.bytes = bytes.into();
    case
}

/// A message from its JSON.
fn from_json(spec: &Spec, value: &Value) -> Bytes {
    let mut out = BytesMut::new();
    let builder = make::from_json(spec, value).unwrap();
    builder.encode(&mut out).unwrap();
    out.freeze()
}

/// A message made again from what was read.
pub(crate) fn copied(spec: &Spec, message: &Message) -> Bytes {
    let mut builder = MessageBuilder::new(spec, message.mti());
    builder.copy_all(message);
    let mut out = BytesMut::new();
    builder.encode(&mut out).unwrap();
    out.freeze()
}

#[test]
fn every_frame_is_read_as_its_file_says_and_made_again() {
    let cases = cases();
    assert!(cases.len() >= 52, "only {} cases", cases.len());
    for Case {
        name,
        spec,
        bytes,
        json: wanted,
        masked,
        error,
    } in cases
    {
        match (Message::decode(&spec, bytes.clone()), error) {
            (Ok(message), None) => {
                assert_eq!(
                    Some(json(&spec, &message, Secrets::Shown)),
                    wanted,
                    "{name}"
                );
                if masked.is_some() {
                    assert_eq!(
                        Some(json(&spec, &message, Secrets::Masked)),
                        masked,
                        "{name}"
                    );
                }
                let made = from_json(&spec, &wanted.unwrap());
                assert_eq!(to_hex(&made), to_hex(&bytes), "{name}, from its JSON");
                assert_eq!(copied(&spec, &message), bytes, "{name}, copied");
            }
            (Err(refused), Some(error)) => {
                assert_eq!(refused.to_string(), error, "{name}");
                let read = refused.read.map(|read| json(&spec, &read, Secrets::Shown));
                assert_eq!(read, wanted, "{name}, what could be read");
            }
            (Ok(_), Some(error)) => panic!("{name}: wanted {error}, but it was read"),
            (Err(refused), None) => panic!("{name}: {refused}"),
        }
    }
}

#[test]
fn no_secret_shows_in_masked_text_or_debug() {
    let secrets = [
        "9999120000000019",
        "29121010000",
        "0123456789ABCDEF",
        "09120000001",
    ];
    for Case {
        name, spec, bytes, ..
    } in cases()
    {
        let told = match Message::decode(&spec, bytes) {
            Ok(message) => format!("{message:?}{}", text(&spec, &message, Secrets::Masked)),
            Err(error) => format!("{error:?}{error}"),
        };
        for secret in secrets {
            assert!(!told.contains(secret), "{name}: {told}");
        }
    }
}

#[test]
fn a_description_names_fields_tags_and_meanings() {
    let case = cases()
        .into_iter()
        .find(|case| case.name == "purchase")
        .unwrap();
    let message = Message::decode(&case.spec, case.bytes).unwrap();
    let told = text(&case.spec, &message, Secrets::Masked);
    for line in [
        "0200 financial request: purchase",
        "  2  primary account number           999912******0019",
        "  3  processing code                  000000  (goods and services)",
        "  4  amount, transaction              000002755555",
        " 48  additional data, private",
        "     10  member                       **********01",
        "     20  purse asked                  points",
        " 49  currency, transaction            364  (rial)",
    ] {
        assert!(
            told.lines().any(|told| told == line),
            "{line:?} not in\n{told}"
        );
    }
}

#[test]
fn fields_tags_and_parts_are_found_by_their_path() {
    let find = |case: &Case, path: &str| {
        let message = Message::decode(&case.spec, case.bytes.clone()).unwrap();
        let found = message.at(&case.spec, &path.parse().unwrap());
        found.map(std::borrow::Cow::into_owned)
    };
    let cases: BTreeMap<String, Case> = cases()
        .into_iter()
        .map(|case| (case.name.clone(), case))
        .collect();
    let check = |name: &str, path: &str, wanted: Option<&str>| {
        assert_eq!(find(&cases[name], path).as_deref(), wanted, "{name} {path}");
    };
    check("purchase", "4", Some("000002755555"));
    check("purchase", "48.20", Some("points"));
    check("purchase", "48.22", None);
    check("purchase", "39", None);
    check("purchase-bcd", "4", Some("000002755555"));
    check("purchase-bcd", "2", Some("9999120000000000019"));
    check(
        "purchase-bcd",
        "35",
        Some("9999120000000019=2912101000001230"),
    );
    check("reversal-advice-repeat", "90.2", Some("000007"));
    check("reversal-advice-repeat", "90.6", None);
}

fn check_function(mti: u16, processing: &str, network: &str, wanted: Option<&str>) {
    let spec = shipped("iso87-ascii").unwrap();
    let mut builder = MessageBuilder::new(&spec, Mti(mti));
    if !processing.is_empty() {
        builder.set(3, processing);
    }
    if !network.is_empty() {
        builder.set(70, network);
    }
    let mut out = BytesMut::new();
    builder.encode(&mut out).unwrap();
    let message = Message::decode(&spec, out.freeze()).unwrap();
    let found = message
        .function(&spec)
        .map(|function| function.name.as_str());
    assert_eq!(found, wanted, "{mti:04x} {processing} {network}");
}

#[test]
fn a_message_fits_its_function() {
    check_function(0x200, "003000", "", Some("purchase"));
    check_function(0x201, "000000", "", Some("purchase"));
    check_function(0x200, "090000", "", Some("purchase-cash-back"));
    check_function(0x100, "319100", "", Some("balance"));
    check_function(0x100, "390000", "", Some("quote"));
    check_function(0x421, "000000", "", Some("reversal"));
    check_function(0x220, "000000", "", Some("advice"));
    check_function(0x600, "911000", "", Some("add-card"));
    check_function(0x600, "910000", "", Some("enrol"));
    check_function(0x800, "", "301", Some("echo"));
    check_function(0x800, "", "999", None);
    check_function(0x200, "770000", "", None);
    check_function(0x200, "", "", None);
}

fn check_refused(fill: impl Fn(&mut MessageBuilder<'_>), wanted: &str) {
    let spec = shipped("iso87-ascii").unwrap();
    let mut builder = MessageBuilder::new(&spec, Mti(0x200));
    fill(&mut builder);
    let mut out = BytesMut::new();
    let error = builder.encode(&mut out).expect_err(wanted);
    assert_eq!(error.to_string(), wanted);
    assert!(out.is_empty());
}

#[test]
fn what_cannot_be_sent_is_refused() {
    check_refused(
        |b| {
            b.set(4, "12x");
        },
        "field 4: digits wanted",
    );
    check_refused(
        |b| {
            b.set(4, "1234567890123");
        },
        "field 4: a length of 12 wanted",
    );
    check_refused(
        |b| {
            b.number(11, 1_234_567);
        },
        "field 11: a length of 6 wanted",
    );
    check_refused(
        |b| {
            b.set(2, "12345678901234567890");
        },
        "field 2: a length from 0 to 19 wanted",
    );
    check_refused(
        |b| {
            b.set(150, "1");
        },
        "field 150: a field of this dialect wanted",
    );
    check_refused(
        |b| {
            b.set(52, "0123");
        },
        "field 52: a length of 8 wanted",
    );
    check_refused(
        |b| {
            b.set(52, "0123456789ABCDEX");
        },
        "field 52: bytes wanted",
    );
    check_refused(
        |b| {
            b.set(48, "10003B7");
        },
        "field 48.10: as many bytes as the length before them tells wanted",
    );
    check_refused(
        |b| {
            b.tag(48, "1", "x");
        },
        "field 48.1: a tag of letters and digits wanted",
    );
    check_refused(
        |b| {
            b.tag(48, "16", "a\nb");
        },
        "field 48.16: printable characters wanted",
    );
    check_refused(
        |b| {
            b.tag(47, "16", "a");
        },
        "field 47.16: a tag of letters and digits wanted",
    );
    check_refused(
        |b| {
            b.tag(48, "90", "x".repeat(995));
        },
        "field 48.90: a length from 0 to 994 wanted",
    );
    check_refused(
        |b| {
            b.set(3, "x").set(4, "y");
        },
        "field 3: digits wanted",
    );
}

#[test]
fn fields_may_be_set_in_any_order_and_again() {
    let spec = shipped("iso87-ascii").unwrap();
    let mut builder = MessageBuilder::new(&spec, Mti(0x210));
    builder
        .set(39, "96")
        .tag(48, "74", "1")
        .number(4, 7)
        .set(39, "00")
        .set(41, "T1");
    builder
        .tag(48, "72", "25")
        .set(11, "1")
        .set(44, "x")
        .unset(44);
    let mut out = BytesMut::new();
    builder.encode(&mut out).unwrap();
    let wanted = "0210102000000281000000000000000700000100T1      01374001172002".to_owned() + "25";
    assert_eq!(String::from_utf8(out.to_vec()).unwrap(), wanted);
    assert_eq!(builder.value_bytes(48), 13);
}

/// A small generator: the same seed gives the same messages.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below `n`, or 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }

    fn content(&mut self, class: Class, units: usize) -> String {
        let letters: &[u8] = match class {
            Class::N => b"0123456789",
            Class::A => b"ABCxyz",
            Class::An => b"ABCxyz0123",
            Class::Anp => b"ABCxyz0123 ",
            Class::Ns => b"0123456789/-",
            Class::Z => b"0123456789=",
            Class::B => b"0123456789ABCDEF",
            Class::Xn | Class::Sn => b"0123456789",
            Class::Ans | Class::Text | Class::Free => b"ABCxyz0123 =~!,",
        };
        let count = if class == Class::B { units * 2 } else { units };
        let mut content: String = (0..count)
            .map(|_| char::from(letters[self.below(letters.len())]))
            .collect();
        if class.is_signed() && !content.is_empty() {
            content.replace_range(..1, if self.below(2) == 0 { "C" } else { "D" });
        }
        content
    }

    /// A value as text; where that is more than one text, as its pieces.
    fn given(&mut self, field: &FieldSpec) -> Given {
        if matches!(field.inside, Inside::Nothing) {
            return Given::Text(self.text(field));
        }
        if field.is_told_as_text() {
            let mut text = String::new();
            for (name, given) in self.pieces(&field.inside, 6) {
                let Given::Text(part) = given else { continue };
                if let Some(Length::Var { digits, .. }) = field.inside.spec(&name).map(|p| p.length)
                {
                    text.push_str(&format!("{:0digits$}", part.len()));
                }
                text.push_str(&part);
            }
            return Given::Text(text);
        }
        Given::Pieces(self.pieces(&field.inside, 4))
    }

    fn text(&mut self, field: &FieldSpec) -> String {
        let units = match field.length {
            Length::Fixed(units) => units,
            Length::Var { min, max, .. } => min + self.below(max.min(min + 40) - min + 1),
        };
        self.content(field.class, units)
    }

    fn pieces(&mut self, inside: &Inside, most: usize) -> Vec<(String, Given)> {
        let specs = inside.specs();
        let mut pieces = Vec::new();
        match inside {
            Inside::Nothing => {}
            Inside::Parts { repeats, .. } => {
                let rounds = if *repeats { self.below(most + 1) } else { 1 };
                for _ in 0..rounds {
                    for (name, spec) in &specs {
                        pieces.push((name.clone(), self.given(spec)));
                    }
                }
            }
            Inside::Prefixed { rest, .. } => {
                let inner = rest.specs();
                let before = specs.iter().filter(|(name, _)| name.starts_with('p'));
                for (name, spec) in before.filter(|(name, _)| inner.iter().all(|(n, _)| n != name))
                {
                    pieces.push((name.clone(), self.given(spec)));
                }
                pieces.extend(self.pieces(rest, most));
            }
            Inside::Bitmap { .. } => {
                for (name, spec) in &specs {
                    if self.below(3) == 0 {
                        pieces.push((name.clone(), self.given(spec)));
                    }
                }
            }
            Inside::Tlv { .. } | Inside::Ber { .. } | Inside::List { .. } if specs.is_empty() => {}
            Inside::List { assign: None, .. } => {
                for (name, spec) in specs.iter().take_while(|(name, _)| name.len() == 1) {
                    if name.parse() != Ok(pieces.len() + 1) {
                        break;
                    }
                    let mut given = self.given(spec);
                    if let Given::Text(text) = &mut given {
                        // All of them must fit into the field.
                        text.truncate(20);
                    }
                    pieces.push((name.clone(), given));
                }
            }
            _ => {
                for _ in 0..self.below(most) {
                    let (name, spec) = &specs[self.below(specs.len())];
                    pieces.push((name.clone(), self.given(spec)));
                }
            }
        }
        pieces
    }

    /// A message of some fields of the dialect, and their values.
    pub(crate) fn message(&mut self, spec: &Spec, mti: Mti) -> (Bytes, BTreeMap<usize, Given>) {
        let mut builder = MessageBuilder::new(spec, mti);
        let mut wanted = BTreeMap::new();
        let one_in = 2 + self.below(12);
        for (n, field) in spec.fields() {
            if self.below(one_in) == 0 {
                let given = self.given(field);
                builder.give(n, &given);
                wanted.insert(n, given);
            }
        }
        let mut out = BytesMut::new();
        builder
            .encode(&mut out)
            .unwrap_or_else(|error| panic!("{}: {error}", spec.name()));
        (out.freeze(), wanted)
    }
}

/// What random tests begin with: `SEED`, in hex, or something new.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("SEED").ok();
    let given = given.map(|text| u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap());
    given.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.unwrap().as_nanos() as u64 | 1
    })
}

/// Those inside the program, and those of the vectors.
fn all_dialects() -> Vec<Spec> {
    let own = crate::vectors::dialects();
    SHIPPED
        .iter()
        .map(|(name, _)| shipped(name).unwrap())
        .chain(own)
        .collect()
}

/// Whether a value of no length is one: not where the dialect wants parts or a bitmap inside, or more.
fn may_be_empty(field: &FieldSpec) -> bool {
    let whole = match &field.inside {
        Inside::Parts { repeats, short, .. } => *repeats || *short,
        Inside::Bitmap { .. } | Inside::Prefixed { .. } => false,
        _ => true,
    };
    whole && !field.class.is_signed() && matches!(field.length, Length::Var { min: 0, .. })
}

#[test]
fn every_variable_field_may_be_empty() {
    for spec in all_dialects() {
        let fields = spec.fields().filter(|(_, field)| may_be_empty(field));
        let empty: Vec<usize> = fields.map(|(n, _)| n).collect();
        let mut builder = MessageBuilder::new(&spec, Mti(0x200));
        for n in &empty {
            builder.set(*n, "");
        }
        let mut out = BytesMut::new();
        builder.encode(&mut out).unwrap();
        let message = Message::decode(&spec, out.freeze())
            .unwrap_or_else(|error| panic!("{}: {error}", spec.name()));
        assert_eq!(message.fields().collect::<Vec<_>>(), empty);
        for n in empty {
            assert_eq!(message.text(&spec, n).unwrap(), "", "{} {n}", spec.name());
        }
        let again = from_json(&spec, &json(&spec, &message, Secrets::Shown));
        assert_eq!(again, message.bytes(), "{}", spec.name());
    }
}

#[test]
fn random_messages_come_back_as_they_were_and_broken_ones_do_no_harm() {
    let seed = seed();
    println!("SEED=0x{seed:x}");
    let mut random = Random(seed);
    for spec in all_dialects() {
        let name = spec.name();
        for _ in 0..300 {
            let (bytes, wanted) = random.message(&spec, Mti(0x200));
            let message = Message::decode(&spec, bytes.clone())
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(
                message.fields().collect::<Vec<_>>(),
                wanted.keys().copied().collect::<Vec<_>>()
            );
            for (n, given) in &wanted {
                if let Given::Text(value) = given {
                    assert_eq!(message.text(&spec, *n).unwrap(), *value, "{name} field {n}");
                }
            }
            let told = json(&spec, &message, Secrets::Shown);
            // Tags that come again, others between them, are made again in another order.
            let again = Message::decode(&spec, from_json(&spec, &told)).unwrap();
            assert_eq!(json(&spec, &again, Secrets::Shown), told, "{name}");
            assert_eq!(copied(&spec, &message), bytes, "{name}");
            for _ in 0..8 {
                check_broken(&spec, &bytes, &mut random);
            }
        }
    }
}

/// Whatever is done to a message: it is read and made again, or refused at a place inside it.
fn check_broken(spec: &Spec, bytes: &Bytes, random: &mut Random) {
    let mut broken = bytes.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(broken.len());
        match random.below(4) {
            0 => broken.truncate(at + 1),
            1 => broken[at] = random.below(256) as u8,
            2 => broken[at] ^= 1 << random.below(8),
            _ => broken.insert(at, random.below(256) as u8),
        }
    }
    let length = broken.len();
    match Message::decode(spec, broken.clone().into()) {
        Ok(message) => {
            assert_eq!(&copied(spec, &message)[..], &broken[..], "{message:?}");
            text(spec, &message, Secrets::Shown);
            let peeked = Message::peek(spec, &broken).map(|peek| peek.mti);
            assert_eq!(peeked, Some(message.mti()));
        }
        Err(DecodeError { at_byte, read, .. }) => {
            assert!(at_byte <= length);
            if let Some(read) = read {
                text(spec, &read, Secrets::Shown);
                copied(spec, &read);
            }
        }
    }
}

/// A dialect written here, the fields of a message, and what they are on the wire.
fn check_own(rows: &str, fields: &[(usize, &str)], wanted: &str) {
    let spec = load_text("own", &format!("title = \"own\"\n{rows}")).unwrap();
    let mut builder = MessageBuilder::new(&spec, Mti(0x200));
    for (n, value) in fields {
        builder.set(*n, value);
    }
    let mut out = BytesMut::new();
    builder.encode(&mut out).unwrap();
    let wanted = wanted.replace(' ', "");
    assert_eq!(to_hex(&out), wanted);
    let message = Message::decode(&spec, out.freeze()).unwrap();
    for (n, value) in fields {
        assert_eq!(message.text(&spec, *n).unwrap(), *value, "field {n}");
    }
    assert_eq!(to_hex(&copied(&spec, &message)), wanted);
}

#[test]
fn other_codings_are_a_matter_of_the_file() {
    let bcd = "extends = \"iso87-bcd\"\n[fields]\n";
    check_own(
        &format!("{bcd}2 = {{ coding = \"bcd-right-f\", counts = \"bytes\" }}"),
        &[(2, "999912000000019"), (28, "C00000123")],
        "0200 4000001000000000 08 999912000000019F 43 00000123",
    );
    check_own(
        &format!("{bcd}28 = {{ class = \"s+n\" }}\n29 = {{ class = \"s+n\" }}"),
        &[(28, "-00000123"), (29, "000000123")],
        "0200 0000001800000000 2D 00000123 30 00000123",
    );
    check_own(
        &format!("{bcd}97 = {{ length = \"LL..17\" }}\n99 = {{ coding = \"bcd-left-f\" }}"),
        &[(97, "D1234"), (99, "58167")],
        "0200 8000000000000000 00000000A0000000 05 44 1234 05 F58167",
    );
    check_own(
        "extends = \"iso87-ascii\"\n[fields]\n43 = { length = 5, counts = \"characters\" }\n44 = { counts = \"bytes\" }",
        &[(43, "قم 1 "), (44, "قم")],
        "30323030 30303030303030303030333030303030 D982D9852031 20 3034D982D985",
    );
    check_own(
        &format!("{bcd}35 = {{ coding = \"bcd-right\", length_coding = \"binary\" }}"),
        &[(35, "99991200=29121")],
        "0200 0000000020000000 0E 99991200D29121",
    );
    check_own(
        "extends = \"iso87-ascii\"\n[coding]\nmti = \"cp037\"\nbitmap = \"binary\"\nnumber = \"cp037\"\n\
         text = \"cp037\"\ntrack = \"cp037\"\nbinary = \"binary\"\nlength = \"cp037\"\n",
        &[
            (2, "9999"),
            (41, "T1 [!] z"),
            (48, "10003B77"),
            (52, "0123456789ABCDEF"),
        ],
        "F0F2F0F0 4000000000811000 F0F4F9F9F9F9 E3F140BA5ABB40A9 F0F0F8F1F0F0F0F3C2F7F7 0123456789ABCDEF",
    );
}
