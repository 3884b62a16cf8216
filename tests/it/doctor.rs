//! A capture that nobody can read, as a person meets it: read in every form, its dialect and framing found, cut into its
//! messages, and made into the same bytes again.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use clubswitch::message::{Message, MessageBuilder, Mti};
use clubswitch::spec::{SHIPPED, Spec, load_text, shipped};
use clubswitch::wire::coding::{from_hex, to_hex};
use clubswitch::wire::framing::{FrameError, Framing};
use serde_json::Value;
use tempfile::TempDir;

/// Passes Luhn, and is nobody's.
const CARD: &str = "9999120000000018";

/// What stands at a role, in a message of any dialect.
const SAMPLE: [(&str, &str); 13] = [
    ("pan", CARD),
    ("processing", "000000"),
    ("amount", "000000123456"),
    ("transmitted", "1121101500"),
    ("stan", "000007"),
    ("time", "101500"),
    ("date", "1121"),
    ("acquirer", "581672031"),
    ("track2", "9999120000000018=29121010000012345"),
    ("rrn", "632510000007"),
    ("terminal", "T0000001"),
    ("acceptor", "M-1001         "),
    ("currency", "364"),
];

/// A purchase in a dialect.
fn sample(spec: &Spec) -> Vec<u8> {
    let purchase = spec.functions().iter().find(|f| f.name == "purchase");
    // A dialect of files has no functions; there it is a presentment.
    let function = purchase.or(spec.functions().first());
    let mti = function.map_or(Mti(0x1240), |function| function.mti[0]);
    let mut builder = MessageBuilder::new(spec, mti);
    for (role, value) in SAMPLE {
        let Some(path) = spec.role(role) else {
            continue;
        };
        // Where no field holds the date alone, it stands before the time.
        let value = match role {
            "time" if spec.role("date").is_none() => "261121101500",
            _ => value,
        };
        builder.set(usize::from(path.field), value);
    }
    encoded(&builder)
}

fn encoded(builder: &MessageBuilder<'_>) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    builder.encode(&mut bytes).unwrap();
    bytes.to_vec()
}

fn echo() -> Vec<u8> {
    let spec = shipped("iso87-ascii").unwrap();
    let mut builder = MessageBuilder::new(&spec, Mti::from_digits(b"0800").unwrap());
    builder
        .set(7, "1121101500")
        .set(11, "000001")
        .set(70, "301");
    encoded(&builder)
}

fn purchase() -> Vec<u8> {
    sample(&shipped("iso87-ascii").unwrap())
}

/// A purchase with a second bitmap that is always there, and something of its maker's own in DE48.
fn purchase_of_others() -> Vec<u8> {
    let text = "title = \"own\"\nextends = \"iso87-ascii\"\n[coding]\nbitmap_fixed = true\n\
                [inside]\n48 = \"nothing\"\n";
    let spec = load_text("own", text).unwrap();
    let message = Message::decode(&shipped("iso87-ascii").unwrap(), purchase().into()).unwrap();
    let mut builder = MessageBuilder::new(&spec, message.mti());
    builder
        .copy_all(&message)
        .set(48, format!("CARD={CARD}|LOYALTY=OFF"));
    encoded(&builder)
}

fn framed(name: &str, bodies: &[&[u8]]) -> Result<Vec<u8>, FrameError> {
    let framing = Framing::named(name).unwrap();
    let mut out = BytesMut::new();
    for body in bodies {
        framing.put(&framing.first_header(), body, &mut out)?;
    }
    Ok(out.to_vec())
}

/// A folder with a capture in it, where the program is called.
struct Desk(TempDir);

impl Desk {
    fn new() -> Desk {
        Desk(tempfile::tempdir().unwrap())
    }

    fn put(&self, capture: impl AsRef<[u8]>) -> &Desk {
        fs::write(self.0.path().join("capture"), capture).unwrap();
        self
    }

    fn run(&self, words: &[&str]) -> Told {
        self.feed(words, b"")
    }

    fn feed(&self, words: &[&str], input: &[u8]) -> Told {
        let mut child = Command::new(env!("CARGO_BIN_EXE_clubswitch"))
            .args(words)
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // Who refuses a capture need not have read it to its end.
        let feeder = std::thread::spawn(move || stdin.write_all(&input).is_ok());
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        Told::new(words, &output)
    }
}

#[derive(Debug)]
struct Told {
    words: String,
    status: i32,
    out: String,
    bytes: Vec<u8>,
    err: String,
}

impl Told {
    fn new(words: &[&str], output: &Output) -> Told {
        let told = Told {
            words: words.join(" "),
            status: output.status.code().unwrap(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            bytes: output.stdout.clone(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        assert!(!told.err.contains("panicked"), "{told:?}");
        assert!(
            !told.out.contains('\u{1b}') && !told.err.contains('\u{1b}'),
            "{told:?}"
        );
        told
    }

    /// The exit status, and what must stand in the one output or the other.
    fn check(&self, status: i32, says: &[&str]) -> &Told {
        assert_eq!(self.status, status, "{self:?}");
        for says in says {
            let said = self.out.contains(says) || self.err.contains(says);
            assert!(
                said,
                "{says:?} wanted of {}\n{}{}",
                self.words, self.out, self.err
            );
        }
        let shown = self.words.contains("--show-secrets") || self.words.starts_with("encode");
        assert!(
            shown || !self.out.contains(CARD) && !self.err.contains(CARD),
            "{self:?}"
        );
        self
    }

    fn lines(&self) -> Vec<Value> {
        let lines = self.out.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn check_found(desk: &Desk, dialect: &str, framing: Option<&str>, capture: &[u8]) {
    let told = desk
        .put(capture)
        .run(&["describe", "--dialect", "auto", "--json", "capture"]);
    told.check(0, &[]);
    let lines = told.lines();
    let ranking = lines[0]["ranking"].as_array().unwrap();
    // Dialects may differ in what this message does not have, or in the framing that is usual for them.
    let score = |row: &Value| row["score"].as_i64().unwrap();
    let best = score(&ranking[0]);
    let equal = ranking.iter().filter(|row| score(row) >= best - 10);
    let row = equal.into_iter().find(|row| row["dialect"] == dialect);
    let row = row.unwrap_or_else(|| panic!("{dialect} {framing:?} is not first: {ranking:#?}"));
    assert_eq!(row["framing"].as_str(), framing, "{dialect}: {ranking:#?}");
    assert_eq!(row["whole"], true);
    assert!(lines[0]["message"]["mti"].is_string());
}

#[test]
fn an_own_dialect_is_tried_by_its_file() {
    let desk = Desk::new();
    let own = desk.0.path().join("own");
    fs::create_dir(&own).unwrap();
    let text = "title = \"own\"\nextends = \"base\"\n[coding]\nbitmap_fixed = true\n";
    fs::write(own.join("mine.toml"), text).unwrap();
    let base = "title = \"base\"\nextends = \"iso87-ascii\"\n[inside]\n48 = \"nothing\"\n";
    fs::write(own.join("base.toml"), base).unwrap();
    desk.put(purchase_of_others());
    let words = |file| ["describe", "--show-secrets", "--dialect", file, "capture"];
    desk.run(&words("own/mine.toml")).check(0, &["LOYALTY=OFF"]);
    desk.run(&words("own/base.toml"))
        .check(1, &["wanted at byte"]);
    desk.run(&words("own/mind.toml"))
        .check(2, &["there is no file own/mind.toml"]);
    fs::write(own.join("base.toml"), "title = 1\n").unwrap();
    desk.run(&words("own/mine.toml"))
        .check(2, &["base.toml:1:9"]);
}

#[test]
fn what_an_own_dialect_would_have_to_say_is_found() {
    let desk = Desk::new();
    let told = desk
        .put(purchase_of_others())
        .run(&["describe", "--dialect", "auto", "capture"]);
    told.check(
        0,
        &[
            " 1. iso87-ascii with bitmap_fixed = true, nothing inside its fields  no length",
            "decodes whole: 14 fields",
            "49  currency, transaction",
        ],
    );
}

#[test]
fn every_dialect_is_found_under_every_framing() {
    let desk = Desk::new();
    let (mut found, mut unframeable) = (0, 0);
    for (name, _) in SHIPPED {
        let body = sample(&shipped(name).unwrap());
        check_found(&desk, name, None, &body);
        for framing in Framing::NAMES {
            match framed(framing, &[&body]) {
                Ok(capture) => check_found(&desk, name, Some(framing), &capture),
                Err(error) => {
                    assert_eq!(error, FrameError::EndInside);
                    unframeable += 1;
                }
            }
            found += 1;
        }
    }
    assert!(
        found >= 24 && unframeable < found / 2,
        "{found} {unframeable}"
    );
}

#[test]
fn dialects_of_the_configured_folder_are_tried_too() {
    let desk = Desk::new();
    let file = |name: &str, text: &str| fs::write(desk.0.path().join(name), text).unwrap();
    fs::create_dir(desk.0.path().join("own")).unwrap();
    let link = "[[listener]]\nname = \"pos\"\nbind = \"127.0.0.1:0\"\ndialect = \"iso87-ascii\"\nacquirer = \"581672031\"\n";
    file(
        "switch.toml",
        &format!("data = \"var\"\nspecs = \"own\"\n{link}"),
    );
    let text = "title = \"a bank\"\nextends = \"iso87-bcd\"\n[coding]\nlength = \"binary\"\n";
    file("own/bank.toml", text);
    file(
        "own/broken.toml",
        "title = \"broken\"\nextends = \"nothing\"\n",
    );
    let body = sample(&load_text("bank", text).unwrap());
    let words = [
        "describe",
        "--dialect",
        "auto",
        "--config",
        "switch.toml",
        "capture",
    ];
    let told = desk.put(framed("nac", &[&body]).unwrap()).run(&words);
    told.check(
        0,
        &[" 1. bank ", "nac", "broken is left out", "clubswitch check"],
    );
}

#[test]
fn headers_are_found_and_named() {
    let desk = Desk::new();
    let body = purchase();
    let auto = ["describe", "--dialect", "auto", "capture"];
    let iso = [b"ISO016000070", &body[..]].concat();
    desk.put(framed("len4-ascii", &[&iso]).unwrap())
        .run(&auto)
        .check(
            0,
            &[
                "len4-ascii, header ISO016000070",
                "literal header ISO016000070",
                "function purchase",
            ],
        );
    let counted = [&b"\x01\x02\x03\x04\x05\x06\x07"[..], &body].concat();
    desk.put(framed("len2-be", &[&counted]).unwrap())
        .run(&auto)
        .check(
            0,
            &["len2-be, header of 7 bytes", "header 01 02 03 04 05 06 07:"],
        );
    desk.put(&counted)
        .run(&auto)
        .check(0, &["no length, header of 7 bytes"]);
    desk.put(framed("nac", &[&body]).unwrap()).run(&auto).check(
        0,
        &[
            "TPDU 60 00 00 00 00",
            "= the rest",
            "track 2 agrees",
            "card number passes Luhn",
        ],
    );
    let ended = [&body[..], b"\r\n"].concat();
    desk.put(ended)
        .run(&auto)
        .check(0, &["a line end stands behind it"]);
}

#[test]
fn a_named_header_is_taken_off() {
    let desk = Desk::new();
    let body = [b"ISO016000070", &purchase()[..]].concat();
    desk.put(&body);
    desk.run(&["describe", "--header", "ISO016000070", "--brief", "capture"])
        .check(0, &["0200 purchase stan=000007"]);
    desk.run(&["describe", "--header-bytes", "12", "--brief", "capture"])
        .check(0, &["card=999912******0018 amount=123456"]);
    desk.run(&["describe", "--header", "ISO016000071", "capture"])
        .check(1, &["does not begin with the header"]);
    desk.put(framed("len2-be", &[&body, &body]).unwrap());
    desk.run(&[
        "describe",
        "--framing",
        "len2-be",
        "--header",
        "ISO016000070",
        "capture",
    ])
    .check(0, &["message 2 at byte", "header ISO016000070"]);
}

/// As `hexdump -C` prints, `*` for lines that repeat.
fn hexdump(bytes: &[u8]) -> String {
    let mut out = String::new();
    let mut before: &[u8] = b"";
    for (row, piece) in bytes.chunks(16).enumerate() {
        if piece == before {
            if !out.ends_with("*\n") {
                out.push_str("*\n");
            }
            continue;
        }
        before = piece;
        let pairs: Vec<String> = piece.iter().map(|byte| format!("{byte:02x}")).collect();
        let (left, right) = pairs.split_at(pairs.len().min(8));
        out.push_str(&format!(
            "{:08x}  {:<23}  {:<23}  |{}|\n",
            row * 16,
            left.join(" "),
            right.join(" "),
            dots(piece)
        ));
    }
    out.push_str(&format!("{:08x}\n", bytes.len()));
    out
}

/// As `xxd` prints, and with another front `tcpdump -X`.
fn xxd(bytes: &[u8], front: &str, gap: &str) -> String {
    let row = |(row, piece): (usize, &[u8])| {
        let groups: Vec<String> = piece
            .chunks(2)
            .map(|pair| to_hex(pair).to_lowercase())
            .collect();
        let digits = if front == "\t0x" {
            format!("{:04x}", row * 16)
        } else {
            format!("{:08x}", row * 16)
        };
        format!(
            "{front}{digits}:{gap}{:<39}  {}\n",
            groups.join(" "),
            dots(piece)
        )
    };
    bytes.chunks(16).enumerate().map(row).collect()
}

/// As `od` prints: hex bytes behind offsets of some base.
fn od(bytes: &[u8], offset: fn(usize) -> String, text: bool) -> String {
    let row = |(row, piece): (usize, &[u8])| {
        let pairs: Vec<String> = piece.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = if text {
            format!("  >{}<", dots(piece))
        } else {
            String::new()
        };
        format!("{} {:<47}{text}\n", offset(row * 16), pairs.join(" "))
    };
    let rows: String = bytes.chunks(16).enumerate().map(row).collect();
    rows + &offset(bytes.len()) + "\n"
}

/// As `hexdump` without `-C` prints: words of two bytes, the low byte first.
fn words(bytes: &[u8]) -> String {
    let row = |(row, piece): (usize, &[u8])| {
        let word = |pair: &[u8]| format!("{:02x}{:02x}", pair.get(1).unwrap_or(&0), pair[0]);
        let groups: Vec<String> = piece.chunks(2).map(word).collect();
        format!("{:07x} {}\n", row * 16, groups.join(" "))
    };
    let rows: String = bytes.chunks(16).enumerate().map(row).collect();
    rows + &format!("{:07x}\n", bytes.len())
}

fn dots(bytes: &[u8]) -> String {
    let dot = |byte: &u8| {
        if matches!(byte, b' '..=b'~') {
            char::from(*byte)
        } else {
            '.'
        }
    };
    bytes.iter().map(dot).collect()
}

#[test]
fn a_capture_is_read_in_every_form() {
    let desk = Desk::new();
    let bytes = sample(&shipped("iso87-bcd").unwrap());
    let hex = to_hex(&bytes);
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let wide: Vec<String> = pairs.chunks(20).map(|row| row.join(" ")).collect();
    let forms: Vec<(&str, String)> = vec![
        ("hex", hex.clone()),
        ("small hex and a line end", hex.to_lowercase() + "\n"),
        ("blanks and lines", wide.join("\r\n")),
        ("colons", pairs.join(":")),
        ("0x and commas", format!("0x{}", pairs.join(", 0x"))),
        ("hexdump -C", hexdump(&bytes)),
        ("hexdump", words(&bytes)),
        ("xxd", xxd(&bytes, "", " ")),
        ("tcpdump -X", xxd(&bytes, "\t0x", "  ")),
        ("od -A x -t x1z", od(&bytes, |at| format!("{at:06x}"), true)),
        ("od -t x1", od(&bytes, |at| format!("{at:07o}"), false)),
        ("od -A d -t x1", od(&bytes, |at| format!("{at:07}"), false)),
    ];
    let wanted = desk
        .put(&bytes)
        .run(&["describe", "--dialect", "iso87-bcd", "capture"]);
    wanted.check(0, &["0200 financial request: purchase", "999912******0018"]);
    for (name, text) in forms {
        let told = desk
            .put(&text)
            .run(&["describe", "--dialect", "iso87-bcd", "capture"]);
        assert_eq!(told.out, wanted.out, "{name}\n{text}{}", told.err);
        let told = desk.feed(
            &["describe", "--dialect", "iso87-bcd", "-"],
            text.as_bytes(),
        );
        assert_eq!(told.out, wanted.out, "{name}, from standard input");
    }
    let told = desk.run(&["describe", "--dialect", "iso87-bcd", &hex]);
    assert_eq!(told.out, wanted.out);
    let told = desk.feed(&["describe", "--dialect", "iso87-bcd", "-"], &bytes);
    assert_eq!(told.out, wanted.out);
}

#[test]
fn a_fault_in_a_capture_is_told_by_its_place() {
    let desk = Desk::new();
    let hex = to_hex(&purchase());
    let dump = hexdump(&purchase());
    let slip = format!("{}\n{}Z{}", &hex[..60], &hex[60..70], &hex[71..]);
    desk.put(slip).run(&["describe", "capture"]).check(
        2,
        &["line 2, column 11: a hex digit wanted", "--input binary"],
    );
    desk.put(&hex[..61])
        .run(&["describe", "capture"])
        .check(2, &["line 1, column 62: a second hex digit"]);
    desk.run(&["describe", "3039zz"])
        .check(2, &["column 5: a hex digit wanted"]);
    desk.run(&["describe", "no-such-file.bin"])
        .check(2, &["no such file"]);
    let lost: Vec<&str> = dump
        .lines()
        .enumerate()
        .filter(|(at, _)| *at != 3)
        .map(|(_, line)| line)
        .collect();
    desk.put(lost.join("\n"))
        .run(&["describe", "capture"])
        .check(2, &["line 3", "as many bytes as the next offset counts"]);
    desk.put("*\n")
        .run(&["describe", "--input", "dump", "capture"])
        .check(2, &["line 1, column 1: an offset"]);
    desk.put("00000000  30 30\n*\n")
        .run(&["describe", "--input", "dump", "capture"])
        .check(2, &["line 2", "how often a line repeats"]);
    desk.put(&hex)
        .run(&["describe", "--input", "binary", "capture"])
        .check(1, &["try --dialect auto"]);
    desk.run(&["describe", "--framing", "len9", "capture"])
        .check(2, &["len2-be", "nac"]);
    desk.run(&["describe", "--dialect", "iso87-asci", "capture"])
        .check(2, &["did you mean"]);
    desk.run(&["describe", "--lines", "--dialect", "auto", "capture"])
        .check(2, &["--lines wants"]);
}

#[test]
fn a_stream_is_shown_message_by_message() {
    let desk = Desk::new();
    let (purchase, echo) = (purchase(), echo());
    let at = 2 + purchase.len() + 2;
    let capture = framed("len2-be", &[&purchase, &echo, b"", &purchase]).unwrap();
    desk.put(&capture);
    let second = format!("message 2 at byte {at}:");
    let stream = ["describe", "--framing", "len2-be", "capture"];
    let auto = ["describe", "--dialect", "auto", "capture"];
    for words in [stream, auto] {
        let told = desk.run(&words);
        told.check(
            0,
            &[
                "message 1 at byte 2:",
                &second,
                "1 keep-alive before byte",
                "message 3 at byte",
                "(echo)",
            ],
        );
    }
    let told = desk.run(&["describe", "--framing", "len2-be", "--json", "capture"]);
    let types: Vec<Value> = told
        .check(0, &[])
        .lines()
        .iter()
        .map(|line| line["mti"].clone())
        .collect();
    assert_eq!(types, ["0200", "0800", "0200"]);
    let told = desk.run(&["describe", "--framing", "len2-be", "--brief", "capture"]);
    assert_eq!(told.out.lines().nth(1), Some("0800 echo stan=000001"));

    // A capture ends where somebody stopped it.
    desk.put(&capture[..capture.len() - 5]);
    let bytes = purchase.len() + 2 - 5;
    let rest = format!("a frame begins that is not whole: {bytes} bytes of it are there");
    desk.run(&stream).check(1, &[&second, &rest]);
    desk.run(&auto).check(1, &[&rest, "2 frames"]);
    // And one message of a stream may be bad.
    let capture = framed("len2-be", &[&purchase, b"0200x", &echo]).unwrap();
    desk.put(capture)
        .run(&stream)
        .check(1, &["1 of 3 messages cannot be read", "(echo)"]);
}

#[test]
fn what_is_no_message_is_said_so() {
    let desk = Desk::new();
    let auto = ["describe", "--dialect", "auto", "capture"];
    let mut seed = 0x5eed_u64;
    let mut next = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 56) as u8
    };
    let garbage: Vec<u8> = (0..5000).map(|_| next()).collect();
    for capture in [
        &garbage[..],
        &[0],
        b"x",
        b"Hello, world\n",
        &[0x60; 7],
        &[0xff; 300],
    ] {
        let told = desk.put(capture).run(&auto);
        told.check(
            1,
            &[
                "nothing fits, the nearest are",
                "stops at",
                "reads this whole",
            ],
        );
        assert!(!told.out.contains(" 4. "), "{told:?}");
    }
    desk.put("").run(&auto).check(2, &["is empty"]);
    desk.put("\n\n").run(&auto);
    let begun = Instant::now();
    desk.put(vec![0; 10_000_000])
        .run(&auto)
        .check(1, &["10000000 bytes; nothing fits"]);
    assert!(begun.elapsed() < Duration::from_secs(5));
    desk.put(vec![0; (64 << 20) + 1])
        .run(&auto)
        .check(2, &["at most 64 MiB"]);
    let told = desk.put(&purchase()[..150]).run(&auto);
    told.check(1, &["iso87-ascii ", "more bytes wanted at byte 150 of 150"]);
    let told = desk.run(&["describe", "--dialect", "auto", "--json", "capture"]);
    assert_eq!(
        told.check(1, &[]).lines()[0]["ranking"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[test]
fn lines_stream_and_a_bad_one_is_told() {
    let desk = Desk::new();
    let hex = to_hex(&purchase());
    let good = format!("{hex}\n");
    let text = good.repeat(5000) + "3038zz\n" + &hex[..40] + "\n\n" + &good.repeat(5000);
    desk.put(&text);
    let begun = Instant::now();
    let told = desk.run(&["describe", "--lines", "capture"]);
    told.check(1, &["2 of 10002 lines cannot be read"]);
    assert!(begun.elapsed() < Duration::from_secs(20));
    let lines = told.lines();
    assert_eq!(lines.len(), 10_002);
    assert_eq!(
        lines[5000],
        serde_json::json!({"error": {"wanted": "a hex digit", "column": 5}, "line": 5001})
    );
    assert_eq!(
        (&lines[5001]["line"], &lines[5001]["error"]["path"]),
        (&5002.into(), &"2".into())
    );
    assert_eq!(lines[10_001]["fields"]["11"], "000007");
    let told = desk.run(&["describe", "--lines", "--brief", "capture"]);
    told.check(
        1,
        &["line 5001: a hex digit wanted", "0200 purchase stan=000007"],
    );
    let long = "30".repeat(1 << 20) + "\n" + &good;
    desk.put(long)
        .run(&["describe", "--lines", "capture"])
        .check(1, &["a shorter line", "\"0200\"", "1 of 2"]);
}

/// A purchase in which some characters are others, as `--brief` tells it.
fn check_brief(from: &str, to: &str, says: &str) {
    let text = String::from_utf8(purchase()).unwrap();
    assert!(text.contains(from));
    let hex = to_hex(text.replace(from, to).as_bytes());
    let told = Desk::new().feed(
        &["describe", "--lines", "--brief", "-"],
        (hex.clone() + "\n").as_bytes(),
    );
    told.check(1, &[says, "1 of 1 lines"]);
    assert!(!told.out.contains(CARD), "{}", told.out);
    let alone = Desk::new().run(&["describe", "--brief", &hex]);
    alone.check(1, &[says]);
}

#[test]
fn a_bad_message_in_brief_still_tells_where_it_belongs() {
    check_brief(
        "000000123456",
        "00000012345X",
        "wanted at byte 55; 0200 purchase stan=000007 rrn=632510000007 terminal=T0000001 card=999912******0018",
    );
    // What is no trace number is not told as one.
    check_brief(
        "000007101500",
        "00000X101500",
        "; 0200 purchase rrn=632510000007 terminal=T0000001 card=999912******0018 amount=123456",
    );
    // Neither card number nor track is one.
    check_brief(
        CARD,
        "999912000000001X",
        "; 0200 purchase stan=000007 rrn=632510000007 terminal=T0000001 amount=123456 issuer=999912",
    );
    // Behind a length that cannot be nothing is known.
    check_brief(
        &format!("16{CARD}"),
        &format!("20{CARD}0000"),
        "byte 20; 0200\n",
    );
}

/// The good messages of `fixtures/frames/`, by dialect.
fn frames() -> BTreeMap<String, Vec<Vec<u8>>> {
    let mut frames: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/frames");
    for entry in fs::read_dir(folder).unwrap() {
        let (mut dialect, mut bytes, mut good) = (String::new(), Vec::new(), true);
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        for line in text.lines() {
            match line.split_once(' ') {
                Some(("dialect", name)) => dialect = name.to_owned(),
                Some(("hex", hex)) => bytes.extend(from_hex(hex.as_bytes()).unwrap()),
                Some(("text", text)) => bytes.extend(&text.as_bytes()[1..text.len() - 1]),
                Some(("error", _)) => good = false,
                _ => {}
            }
        }
        if good {
            frames.entry(dialect).or_default().push(bytes);
        }
    }
    frames
}

#[test]
fn what_is_described_is_encoded_to_the_same_bytes() {
    let desk = Desk::new();
    let frames = frames();
    assert!(frames.values().map(Vec::len).sum::<usize>() >= 8 && frames.len() >= 3);
    for (dialect, mut bodies) in frames {
        bodies.push(sample(&shipped(&dialect).unwrap()));
        let text: String = bodies.iter().map(|body| to_hex(body) + "\n").collect();
        let lines = ["--lines", "--dialect", &dialect, "-"];
        let shown = desk.feed(
            &[&["describe", "--show-secrets"][..], &lines].concat(),
            text.as_bytes(),
        );
        let made = desk.feed(
            &[&["encode"][..], &lines].concat(),
            shown.check(0, &[]).out.as_bytes(),
        );
        assert_eq!(made.check(0, &[]).out, text, "{dialect}");

        for framing in ["len2-be", "nac", "len4-ascii"] {
            let bodies: Vec<&[u8]> = bodies.iter().map(|body| &body[..]).collect();
            let capture = framed(framing, &bodies).unwrap();
            let words = ["--dialect", &dialect, "--framing", framing];
            let shown = desk.feed(
                &[&["describe", "--json", "--show-secrets", "-"][..], &words].concat(),
                &capture,
            );
            for (output, form) in [("binary", "binary"), ("dump", "dump")] {
                let made = desk.feed(
                    &[&["encode", "--output", output][..], &words].concat(),
                    shown.out.as_bytes(),
                );
                made.check(0, &[]);
                let again = desk.feed(
                    &[
                        &["describe", "--json", "--show-secrets", "--input", form, "-"][..],
                        &words,
                    ]
                    .concat(),
                    &made.bytes,
                );
                assert_eq!(again.out, shown.out, "{dialect} {framing} {output}");
                assert!(
                    output != "binary" || made.bytes == capture,
                    "{dialect} {framing}"
                );
            }
        }
    }
}

fn check_refused(json: &str, status: i32, says: &str) {
    Desk::new()
        .feed(&["encode"], json.as_bytes())
        .check(status, &[says]);
}

#[test]
fn a_star_in_what_everybody_may_see_is_a_star() {
    let told = |name: &str, value: &str| {
        let json = format!(r#"{{"mti":"0100","fields":{{"55":{{"E1":{{"{name}":"{value}"}}}}}}}}"#);
        Desk::new().feed(&["encode"], json.as_bytes())
    };
    told("9F12", "***").check(0, &["E1069F12032A2A2A"]);
    told("5F20", "***").check(1, &["field 55.E1.5F20: it is masked"]);
    told("C1", "**").check(1, &["field 55.E1.C1: it is masked"]);
}

#[test]
fn what_cannot_be_encoded_is_told_by_its_path() {
    check_refused(
        r#"{"mti":"0200","fields":{"2":"999912******0018"}}"#,
        1,
        "field 2: it is masked",
    );
    check_refused(
        r#"{"mti":"0200","fields":{"48":{"10":"**********01"}}}"#,
        1,
        "field 48.10: it is masked",
    );
    check_refused(
        r#"{"mti":"0200","fields":{"3":"0000000"}}"#,
        1,
        "field 3: a length of 6 wanted",
    );
    check_refused(r#"{"mti":"0200","fields":{"3":true}}"#, 1, "field 3: ");
    check_refused(
        r#"{"mti":"0200","fields":{"200":"7"}}"#,
        1,
        "field 0.200: a field of this dialect",
    );
    check_refused(r#"{"mti":"02","fields":{}}"#, 1, "field 0: four digits");
    check_refused(r#"{"mti":"0200"}"#, 1, "fields: an object");
    check_refused(
        r#"{"mti":"0200","fields":{},"error":{}}"#,
        1,
        "faulty message",
    );
    check_refused(
        r#"{"mti":"0200","fields":{},"more":{}}"#,
        1,
        "nothing beside",
    );
    check_refused(r#"{"mti":"#, 2, "JSON wanted");
    check_refused("", 2, "nothing found");
    check_refused("[]", 1, "an object");
    let good = r#"{"fields":{"70":"301","11":"000001","7":"1121101500"},"mti":"0800"}"#;
    let desk = Desk::new();
    assert_eq!(
        desk.feed(&["encode"], good.as_bytes()).out.trim(),
        to_hex(&echo())
    );
    let lines = format!("{good}\n{{}}\n{good}\n");
    let told = desk.feed(&["encode", "--lines"], lines.as_bytes());
    told.check(1, &["line 2: fields", "1 of 3 lines"]);
    let hex = to_hex(&echo());
    assert_eq!(told.out, format!("{hex}\n\n{hex}\n"));
}
