//! Messages of other people's making, in dialects that are files and nothing else (`tests/specs/`): what they hold is
//! found under its path, they are made again byte for byte, and what is wrong with a bad one is told with its place.
//!
//! `fixtures/vectors.jsonl` holds ours, a JSON object a line: `kind` accept, reject or framing-incomplete; the `dialect`;
//! `framing` with `header` or `header_bytes` where a whole frame stands in `hex`; `expect`, path = value (`hex:` for
//! bytes), `fields_present`, `error_path`, `tpdu`; `json` is the reason why JSON cannot tell it byte for byte. The public
//! vectors beside the project have the same form; [`FAMILIES`] and [`NOT_FROM_JSON`] say of them what those cannot.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use clubswitch::message::describe::{self, Secrets, text};
use clubswitch::message::{Message, make};
use clubswitch::spec::{SHIPPED, Spec, load, shipped};
use clubswitch::wire::coding::{from_hex, to_hex};
use clubswitch::wire::framing::{Frame, Framing};
use serde_json::{Value, json};

use crate::frames::copied;

/// Begin of the name of a public vector; its dialect and framing.
const FAMILIES: [(&str, &str, &str); 23] = [
    ("jpos-iso87a-", "jpos-iso87a", ""),
    ("jpos-iso87b-", "jpos-iso87b", ""),
    ("jpos-iso93a-", "jpos-iso93a", ""),
    ("jpos-postilion", "jpos-postilion", ""),
    ("erl8583-postilion-", "jpos-postilion", ""),
    ("basei-", "basei", ""),
    ("moov-0100-tlv55-f120", "moov-mixed", ""),
    ("moov-0110-f2-2bitmaps?", "basei", ""),
    ("moov-neg-nested-subfield", "moov-nested", ""),
    ("moov-tlv55-standalone", "moov-chip", ""),
    ("moov-69-0210", "plain87", "len4-ascii"),
    ("moov-", "moov-87", ""),
    ("cardutil-ipm-ascii-", "cardutil-ascii", ""),
    ("cardutil-ipm-cp500-", "cardutil-cp500", ""),
    ("cardutil-de55-", "cardutil-ascii", ""),
    ("erl8583-ascii-", "erl8583-ascii", ""),
    ("erl8583-binary-", "erl8583-binary", ""),
    ("erl8583-ebcdic-", "erl8583-ebcdic", ""),
    ("libiso8583-", "libiso8583", "nac"),
    ("jmeter", "jmeter", ""),
    ("oscar-", "oscar", ""),
    ("juks-", "pos-nac-bcd", "nac-bcd"),
    ("pyiso-34-tertiary", "tertiary", ""),
];

/// Public vectors whose bytes JSON does not tell, and why.
const NOT_FROM_JSON: [(&str, &str); 1] = [(
    "cardutil-de55-null-pad",
    "null bytes that pad mean nothing and are not told",
)];

/// What a public vector states of its bytes is not what stands there: the vector, the tag, and what does.
const MISREAD: [(&str, &str, &str); 5] = [
    ("cardutil-de55-null-pad", "9F36", "0011"),
    ("cardutil-de55-null-pad", "9A", "190906"),
    ("cardutil-de55-null-pad", "9C", "00"),
    ("cardutil-de55-null-pad", "5F2A", "0032"),
    ("erl8583-postilion-0200-scrubbed", "3", "310000"),
];

/// Families whose values are those given to an encoder, or printed, without the zeros before them.
const WITHOUT_ZEROS: [&str; 3] = ["erl8583-ebcdic-", "jmeter-trace-", "moov-0100-tlv55-f120"];

struct Vector {
    id: String,
    kind: String,
    spec: Spec,
    framing: Option<Framing>,
    bytes: Bytes,
    expect: serde_json::Map<String, Value>,
    not_from_json: Option<String>,
}

fn specs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/specs")
}

fn spec(name: &str) -> Spec {
    load(&specs(), name).unwrap_or_else(|faults| panic!("{name}: {faults}"))
}

/// The ways in which a vector may be read: one, or for a family that nobody here has met, all there are.
fn read(line: &str) -> Vec<Vector> {
    let vector: Value = serde_json::from_str(line).unwrap();
    let id = vector["id"].as_str().unwrap();
    let met = FAMILIES.iter().any(|(begin, ..)| id.starts_with(begin));
    if met || vector.get("origin").is_none() {
        return vec![read_as(&vector, None)];
    }
    let framings = [""].into_iter().chain(Framing::NAMES);
    let ways = framings.flat_map(|framing| {
        let headers = [0, 5, 12, 17, 21].into_iter();
        headers.map(move |header| (framing, header))
    });
    let ways: Vec<(&str, usize)> = ways.collect();
    let all = SHIPPED.iter().filter_map(|(name, _)| shipped(name));
    let all: Vec<Spec> = all.chain(dialects()).collect();
    all.iter()
        .flat_map(|spec| ways.iter().map(move |way| (spec, *way)))
        .filter(|(_, (framing, header))| !framing.is_empty() || *header == 0)
        .map(|(spec, way)| read_as(&vector, Some((spec, way))))
        .collect()
}

fn read_as(vector: &Value, way: Option<(&Spec, (&str, usize))>) -> Vector {
    let word = |key: &str| vector[key].as_str().map(str::to_owned);
    let id = word("id").unwrap();
    let family = FAMILIES.iter().find(|(begin, ..)| id.starts_with(begin));
    // The public vectors tell their dialect in a sentence.
    let own = vector.get("origin").is_none();
    let (dialect, framing) = match family.filter(|_| !own) {
        Some((_, dialect, framing)) => ((*dialect).to_owned(), Some((*framing).to_owned())),
        None if own => (word("dialect").unwrap(), word("framing")),
        None => (String::new(), None),
    };
    let framing = framing.filter(|name| !name.is_empty()).map(|name| {
        let framing = Framing::named(&name).unwrap();
        match (word("header"), vector["header_bytes"].as_u64()) {
            (_, Some(bytes)) => framing.with_counted_header(bytes as usize),
            (Some(text), None) if own => framing.with_literal_header(text.as_bytes()),
            _ => framing,
        }
    });
    let framing = match way {
        None => framing,
        Some((_, ("", _))) => None,
        Some((_, (name, 0))) => Framing::named(name),
        Some((_, (name, header))) => {
            Framing::named(name).map(|framing| framing.with_counted_header(header))
        }
    };
    let reason = NOT_FROM_JSON.iter().find(|(known, _)| *known == id);
    Vector {
        kind: word("kind").unwrap(),
        spec: way.map_or_else(|| spec(&dialect), |(spec, _)| spec.clone()),
        framing,
        bytes: from_hex(vector["hex"].as_str().unwrap().as_bytes())
            .unwrap()
            .into(),
        expect: vector["expect"].as_object().unwrap().clone(),
        not_from_json: word("json").or(reason.map(|(_, why)| (*why).to_owned())),
        id,
    }
}

impl Vector {
    fn check(self) {
        match self.kind.as_str() {
            "accept" => self.accept(),
            "reject" => self.reject(),
            "field" => Vector {
                bytes: self.around_chip_data(),
                ..self
            }
            .accept(),
            "framing-incomplete" => self.incomplete(),
            "robustness" => {
                if let Ok(message) = Message::decode(&self.spec, self.body()) {
                    assert_eq!(copied(&self.spec, &message), self.bytes, "{}", self.id);
                    text(&self.spec, &message, Secrets::Shown);
                }
            }
            kind => panic!("{}: what is {kind}?", self.id),
        }
    }

    /// Everything it states, and the same bytes again from the message and from its JSON.
    fn accept(&self) {
        let (id, spec, body) = (&self.id, &self.spec, self.body());
        let message = match Message::decode(spec, body.clone()) {
            Ok(message) => message,
            Err(error) => panic!("{id}: {error}"),
        };
        for (path, wanted) in &self.expect {
            self.value(&message, path, wanted);
        }
        assert_eq!(
            to_hex(&copied(spec, &message)),
            to_hex(&body),
            "{id}, copied"
        );
        let told = describe::json(spec, &message, Secrets::Shown);
        let mut made = BytesMut::new();
        let again = make::from_json(spec, &told).and_then(|builder| builder.encode(&mut made));
        again.unwrap_or_else(|error| panic!("{id}: {error} of {told}"));
        match &self.not_from_json {
            None => assert_eq!(to_hex(&made), to_hex(&body), "{id}, from {told}"),
            Some(why) => {
                assert_ne!(made, body, "{id}: no more true: {why}");
                let read = Message::decode(spec, made.freeze()).unwrap();
                assert_eq!(describe::json(spec, &read, Secrets::Shown), told, "{id}");
            }
        }
    }

    /// A value, or what is stated beside values.
    fn value(&self, message: &Message, path: &str, wanted: &Value) {
        let (id, spec) = (&self.id, &self.spec);
        match wanted {
            _ if path == "fields_present" => {
                let there = std::iter::once(0)
                    .chain(message.fields())
                    .collect::<Vec<_>>();
                assert_eq!(wanted, &Value::from(there), "{id}");
            }
            Value::Object(inner) => {
                for (name, wanted) in inner {
                    self.value(message, &format!("{path}.{name}"), wanted);
                }
            }
            _ if path.starts_with("header") || path.starts_with("tpdu") => {
                let header = self.frame().header;
                let tpdu = to_hex(header.get(..5).unwrap_or_default());
                let found = match path {
                    "tpdu" => tpdu,
                    "tpdu.id" => tpdu[..2].to_owned(),
                    "tpdu.dest" => tpdu[2..6].to_owned(),
                    "tpdu.src" => tpdu[6..].to_owned(),
                    "header" => String::from_utf8(header.to_vec()).unwrap(),
                    "header.length" => {
                        u16::from_be_bytes([self.bytes[0], self.bytes[1]]).to_string()
                    }
                    _ => panic!("{id}: what is {path}?"),
                };
                assert_eq!(wanted, &Value::from(found), "{id} {path}");
            }
            _ => {
                let misread = MISREAD
                    .iter()
                    .find(|(id, tag, _)| *id == self.id && *tag == path);
                let wanted = misread.map_or_else(|| wanted.as_str().unwrap(), |(.., right)| right);
                // A vector of a field alone names its tags alone.
                let path = match self.kind.as_str() {
                    "field" => format!("55.{path}"),
                    _ => path.to_owned(),
                };
                let place: clubswitch::spec::Path = path.parse().unwrap();
                let found = match place.field {
                    0 => Some(message.mti().to_string()),
                    _ => message.at(spec, &place).map(std::borrow::Cow::into_owned),
                };
                let found = found.unwrap_or_else(|| panic!("{id}: nothing at {path}"));
                self.same(&path, &found, wanted, message.value(place.field.into()));
            }
        }
    }

    fn same(&self, path: &str, found: &str, wanted: &str, wire: Option<&[u8]>) {
        let plain = |text: &str| text.trim_start_matches('0').to_owned();
        let zeros = WITHOUT_ZEROS.iter().any(|begin| self.id.starts_with(begin));
        let same = match wanted.strip_prefix("hex:") {
            Some(hex) => {
                found.eq_ignore_ascii_case(hex) || wire.map(to_hex).as_deref() == Some(hex)
            }
            None => found == wanted || zeros && plain(found) == plain(wanted),
        };
        assert!(
            same,
            "{} field {path}: {found:?} is not {wanted:?}",
            self.id
        );
    }

    /// The stated path, and what could be read all the same.
    fn reject(&self) {
        let id = &self.id;
        // The public ones of chip data alone have no message around it.
        let alone = id.starts_with("cardutil-de55-");
        let body = match alone {
            true => self.around_chip_data(),
            false => self.body(),
        };
        let error = match Message::decode(&self.spec, body) {
            Err(error) => error,
            Ok(message) => panic!("{id}: read as {message:?}"),
        };
        let path = error.path.to_string();
        match self.expect.get("error_path").and_then(Value::as_array) {
            Some(steps) => {
                let steps: Vec<&str> = steps.iter().filter_map(Value::as_str).collect();
                assert_eq!(path, steps.join("."), "{id}: {error}");
            }
            None => assert!(alone && path.starts_with("55"), "{id}: {error}"),
        }
        for (path, wanted) in &self.expect {
            if !path.starts_with("error") {
                let read = error.read.as_ref().expect("what could be read");
                self.value(read, path, wanted);
            }
        }
    }

    fn incomplete(&self) {
        let mut stream = BytesMut::from(&self.bytes[..]);
        let taken = self.framing.as_ref().unwrap().take(&mut stream);
        assert_eq!(taken, Ok(None), "{}", self.id);
        assert_eq!(stream, self.bytes, "{}", self.id);
    }

    /// The message of a frame that comes byte by byte; the frame is made again too.
    fn frame(&self) -> Frame {
        let Some(framing) = &self.framing else {
            return Frame {
                header: Bytes::new(),
                body: self.bytes.clone(),
            };
        };
        let mut stream = BytesMut::new();
        for byte in &self.bytes[..self.bytes.len() - 1] {
            stream.extend_from_slice(&[*byte]);
            assert_eq!(framing.take(&mut stream), Ok(None), "{}", self.id);
        }
        stream.extend_from_slice(&self.bytes[self.bytes.len() - 1..]);
        let frame = framing.take(&mut stream).unwrap().expect("a whole frame");
        let mut again = BytesMut::new();
        framing.put(&frame.header, &frame.body, &mut again).unwrap();
        assert_eq!(again, self.bytes, "{}, framed again", self.id);
        frame
    }

    fn body(&self) -> Bytes {
        self.frame().body
    }

    /// A message that has chip data and nothing else, in the dialect's own form.
    fn around_chip_data(&self) -> Bytes {
        let mut whole = b"0100\0\0\0\0\0\0\x02\0".to_vec();
        if !self.id.starts_with("moov-tlv55") {
            whole.extend(format!("{:03}", self.bytes.len()).bytes());
        }
        whole.extend_from_slice(&self.bytes);
        whole.into()
    }
}

/// Checks every vector of a text; gives the kinds that were there.
fn check(lines: &str) -> BTreeSet<String> {
    let mut kinds = BTreeSet::new();
    for line in lines.lines() {
        let mut ways = read(line);
        kinds.insert(ways[0].kind.clone());
        if ways.len() == 1 {
            ways.remove(0).check();
            continue;
        }
        // A dialect reads it only where everything that it states is found.
        let id = ways[0].id.clone();
        let name = |way: &Vector| {
            let framing = way.framing.as_ref().map_or("no framing", Framing::name);
            format!("{}, {framing}", way.spec.name())
        };
        let found = ways.into_iter().find_map(|way| {
            let name = name(&way);
            let read = catch_unwind(AssertUnwindSafe(|| way.check()));
            read.is_ok().then_some(name)
        });
        let found = found.unwrap_or_else(|| panic!("{id}: no dialect here reads it"));
        println!("{id}: read by {found}");
    }
    kinds
}

#[test]
fn a_family_that_nobody_has_met_is_read_by_what_fits_it() {
    let frame = "0200 4000000000000000 16 9999120000000019".replace(' ', "");
    let line = |path: &str, value: &str| {
        let expect = json!({ path: value });
        let hex = to_hex(frame.as_bytes());
        let vector =
            json!({"id": "unmet-1", "kind": "accept", "origin": "", "hex": hex, "expect": expect});
        vector.to_string()
    };
    check(&line("2", "9999120000000019"));
    let wrong = catch_unwind(|| check(&line("2", "9999120000000018")));
    assert!(wrong.is_err());
}

#[test]
fn our_vectors_hold() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/vectors.jsonl");
    let kinds = check(&fs::read_to_string(path).unwrap());
    let wanted = ["accept", "framing-incomplete", "reject"].map(str::to_owned);
    assert_eq!(kinds, BTreeSet::from(wanted));
}

#[test]
fn the_public_vectors_hold() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/vectors/vectors.jsonl");
    let Ok(lines) = fs::read_to_string(path) else {
        println!("skipped: the public vectors are not beside the project");
        return;
    };
    assert!(lines.lines().count() >= 60);
    check(&lines);
}

/// All of `tests/specs/`.
pub(crate) fn dialects() -> Vec<Spec> {
    let files = fs::read_dir(specs()).unwrap();
    let names = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names
        .filter_map(|name| name.strip_suffix(".toml").map(str::to_owned))
        .collect();
    names.sort();
    names.iter().map(|name| spec(name)).collect()
}

#[test]
fn every_dialect_of_the_vectors_is_well() {
    let dialects = dialects();
    assert!(dialects.len() > 20);
    for spec in dialects {
        assert!(spec.fields().count() > 10, "{}", spec.name());
    }
}
