//! Cards, tracks, PIN blocks, chip data, mobile numbers and national codes are planted in messages of every kind, good and
//! bad, and then looked for in everything that the switch writes, logs, shows and answers. Nothing may be found.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::switch::{self, DATA, LOG, Link, Switch};

const PAN: &str = "9999126403917582";
/// Another card, on the tracks alone.
const TRACK_PAN: &str = "9999128850274613";
const TRACK_1: &str = "B9999128850274613^SENTINEL/HOLDER^29051019173648250716";
const TRACK_2: &str = "9999128850274613=29051019173648250716";
const TRACK_3: &str = "019999128850274613=3640001111000000000302019173648250716=00";
const PIN_BLOCK: &str = "7A3C91E4D58B062F";
/// Amount, cryptogram, and tags that hold the card and track 2 once more.
const CHIP: &[u8] = b"\x9F\x26\x08\x8D\x17\xA3\xE5\xC9\x4F\x6B\x21\x5A\x08\x99\x99\x12\x64\x03\x91\x75\x82\
                      \x57\x13\x99\x99\x12\x88\x50\x27\x46\x13\xD2\x90\x51\x01\x91\x73\x64\x82\x50\x71\x6F";
const MOBILE: &str = "09127364851";
const OTHER_MOBILE: &str = "09351829467";
const NATIONAL_CODE: &str = "1736482051";
const VOUCHER: &str = "QX7R2K9ZP4WM";

#[test]
fn no_secret_leaves_by_any_door() {
    check("human", "info");
}

#[test]
fn no_secret_leaves_by_any_door_when_everything_is_logged_as_json() {
    check("json", "trace");
}

fn check(format: &str, level: &str) {
    let dir = tempfile::tempdir().unwrap();
    let tables = format!("[log]\nformat = \"{format}\"\n\n[limits]\nsnapshot_every = 1_000\n");
    switch::configure(dir.path(), "test = true\n", &tables);
    let running = Switch::start(dir.path(), level);
    let mut seen = Seen::default();
    let mut approved = BTreeSet::new();
    for body in messages() {
        // A connection each: some messages end theirs.
        let mut link = running.connect();
        let mut bytes = Vec::new();
        switch::put(&mut bytes, &body);
        link.send_bytes(&bytes).unwrap();
        for answer in until_end(&mut link) {
            if answer.windows(6).any(|w| w == b"m-1001") && is_approved(&answer) {
                approved.insert(String::from_utf8_lossy(&answer[..4]).into_owned());
            }
            seen.add("an answer", answer);
        }
    }
    for bytes in noise() {
        let mut link = running.connect();
        // It may be closed before all is written.
        let _ = link.send_bytes(&bytes);
        drop(link);
    }
    let wanted = ["0110", "0210", "0230", "0410", "0430", "0610", "0810"];
    let wanted: BTreeSet<String> = wanted.map(str::to_owned).into();
    assert_eq!(approved, wanted, "each kind of message is decided");

    for page in ["/metrics", "/readyz", "/livez", "/version", "/nowhere"] {
        seen.add(page, running.page(page));
    }
    for words in orders() {
        seen.add(&format!("the answer to {words}"), running.admin(&words));
    }
    for body in messages().into_iter().take(GOOD) {
        seen.add("describe", describe(dir.path(), &body));
    }
    running.stop();
    // Once more from what is on disk.
    Switch::start(dir.path(), level).stop();

    let token_key = dir.path().join(DATA).join("token.key");
    let key = fs::read_to_string(&token_key).unwrap();
    for file in files(dir.path()) {
        if file != token_key {
            seen.add(&file.display().to_string(), fs::read(&file).unwrap());
        }
    }
    seen.holds(
        "m-1001",
        &[
            "/journal/",
            "/store/",
            "/book.",
            "/settlement/",
            "an answer",
        ],
    );
    for place in [LOG, "/metrics"] {
        seen.holds("clubswitch", &[place]);
    }
    for (name, needle) in needles(&key) {
        seen.lacks(&name, &needle);
    }
}

/// Everything that was shown or written: where, and what.
#[derive(Default)]
struct Seen(Vec<(String, Vec<u8>)>);

impl Seen {
    fn add(&mut self, place: &str, bytes: impl AsRef<[u8]>) {
        // A journal is mostly zeros that wait to be written over.
        let zeros = [0; 512];
        let bytes: Vec<u8> = bytes
            .as_ref()
            .chunks(zeros.len())
            .filter(|chunk| *chunk != &zeros[..chunk.len()])
            .flatten()
            .copied()
            .collect();
        // Upper case throughout, so that hex is found however it is written.
        self.0.push((place.to_owned(), bytes.to_ascii_uppercase()));
    }

    fn lacks(&self, name: &str, needle: &[u8]) {
        let needle = needle.to_ascii_uppercase();
        for (place, bytes) in &self.0 {
            if let Some(at) = find(bytes, &needle) {
                let around = &bytes[at.saturating_sub(60)..bytes.len().min(at + 60)];
                panic!(
                    "{place} holds {name} at byte {at}: {}",
                    around.escape_ascii()
                );
            }
        }
    }

    /// That what stands there would be found.
    fn holds(&self, text: &str, places: &[&str]) {
        let needle = text.to_ascii_uppercase();
        for wanted in places {
            let mut found = self.0.iter().filter(|(place, _)| place.contains(wanted));
            assert!(
                found.any(|(_, bytes)| find(bytes, needle.as_bytes()).is_some()),
                "{text} wanted in {wanted}, not found in {:?}",
                self.0
                    .iter()
                    .map(|(place, _)| place)
                    .collect::<BTreeSet<_>>()
            );
        }
    }
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let (first, rest) = needle.split_first()?;
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| byte == first) {
        from += at + 1;
        if bytes[from..].starts_with(rest) {
            return Some(from - 1);
        }
    }
    None
}

/// What must not be found, in each form that it could have.
fn needles(token_key: &str) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut digits = |name: &str, digits: &str| {
        // The first six and last four digits of a card may be shown: ten from the middle give the rest away.
        let part = if digits.len() > 12 {
            &digits[4..14]
        } else {
            digits
        };
        let number: u64 = digits.parse().unwrap();
        all.push((name.to_owned(), part.as_bytes().to_vec()));
        all.push((format!("{name} as hex of characters"), hex(part.as_bytes())));
        all.push((
            format!("{name} as little-endian number"),
            number.to_le_bytes().to_vec(),
        ));
        all.push((
            format!("{name} as big-endian number"),
            number.to_be_bytes().to_vec(),
        ));
        if digits.len() > 12 {
            for from in [4, 5] {
                let packed = packed(&digits[from..from + 10]);
                all.push((format!("{name} in BCD"), packed));
            }
        }
    };
    digits("the card", PAN);
    digits("the card of the tracks", TRACK_PAN);
    digits("the mobile number", &MOBILE[1..]);
    digits("another mobile number", &OTHER_MOBILE[1..]);
    digits("the national code", &NATIONAL_CODE[..9]);
    for (name, text) in [
        ("track 1", "SENTINEL/HOLDER"),
        ("the discretionary data of the tracks", "19173648250716"),
        ("the PIN block", PIN_BLOCK),
        ("the number of the voucher", VOUCHER),
    ] {
        all.push((name.to_owned(), text.as_bytes().to_vec()));
        all.push((format!("{name} as hex of characters"), hex(text.as_bytes())));
    }
    for (name, bytes) in [
        ("the PIN block", packed(PIN_BLOCK)),
        ("the cryptogram of the chip", CHIP[3..11].to_vec()),
        ("the token key", packed(token_key.trim())),
    ] {
        all.push((format!("{name} as hex"), hex(&bytes)));
        all.push((format!("{name} as bytes"), bytes));
    }
    all
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    let text: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    text.into_bytes()
}

fn packed(digits: &str) -> Vec<u8> {
    let nibbles: Vec<u8> = digits
        .chars()
        .map(|digit| digit.to_digit(16).expect("hex digits") as u8)
        .collect();
    nibbles
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// A message as its fields stand on the wire, each with its length where it has one.
type Fields = BTreeMap<usize, Vec<u8>>;

/// How many of [`messages`] can be read, at its beginning.
const GOOD: usize = 20;

/// Messages of every kind, then messages with every kind of fault.
fn messages() -> Vec<Vec<u8>> {
    let mut stan = 0;
    let mut body = |mti: &str, change: &dyn Fn(&mut Fields)| {
        stan += 1;
        let mut fields = planted(stan);
        change(&mut fields);
        written(mti, &fields)
    };
    let set = |n: usize, value: &str| {
        let value = value.as_bytes().to_vec();
        move |fields: &mut Fields| {
            fields.insert(n, value.clone());
        }
    };
    let private = |tags: &[(&str, &str)]| {
        let value = counted(3, tagged(tags).as_bytes());
        move |fields: &mut Fields| {
            fields.insert(48, value.clone());
        }
    };
    let person = [
        ("12", MOBILE),
        ("13", NATIONAL_CODE),
        ("15", &format!("C{TRACK_PAN}")),
    ];
    let mut all = vec![
        body("0600", &|fields| {
            set(3, "910000")(fields);
            private(&person)(fields);
        }),
        body("0200", &|_| ()),
        body(
            "0200",
            &private(&[("21", "max"), ("15", &format!("M{OTHER_MOBILE}"))]),
        ),
        body("0200", &|fields| {
            fields.remove(&2);
        }),
        body("0200", &|fields| {
            fields.remove(&2);
            fields.remove(&35);
            private(&[("10", &format!("M{MOBILE}"))])(fields);
        }),
        body("0200", &|fields| {
            fields.remove(&2);
            fields.remove(&35);
            private(&[("10", &format!("C{PAN}")), ("11", PAN), ("22", TRACK_PAN)])(fields);
        }),
        body("0100", &set(3, "310000")),
        body("0100", &set(3, "390000")),
        body("0220", &private(&[("74", "1000")])),
        body("0400", &|fields| {
            fields.insert(90, original(2));
        }),
        body("0420", &|fields| {
            fields.insert(90, original(9));
        }),
        body("0421", &|fields| {
            fields.insert(90, original(777_777));
        }),
        body("0600", &|fields| {
            set(3, "911000")(fields);
            private(&[("10", &format!("N{NATIONAL_CODE}")), ("11", TRACK_PAN)])(fields);
        }),
        body("0200", &set(3, "190000")),
        body("0200", &|fields| {
            set(3, "290000")(fields);
            fields.insert(103, counted(2, TRACK_PAN.as_bytes()));
            private(&[("11", &format!("C{TRACK_PAN}")), ("22", VOUCHER)])(fields);
        }),
        body("0500", &|_| ()),
        body("0800", &set(70, "301")),
        body("0300", &|_| ()),
        body("0210", &|_| ()),
        body("0900", &|_| ()),
    ];
    assert_eq!(all.len(), GOOD);

    // Fields that are not what they should be, in purchases and enrolments.
    let bent = |value: &str| value.replacen("91", "9X", 1);
    let faults: Vec<(usize, Vec<u8>)> = vec![
        (2, counted(2, bent(PAN).as_bytes())),
        (2, counted(2, format!("{PAN}12345").as_bytes())),
        (2, format!("99{PAN}").into_bytes()),
        (2, format!("0X{PAN}").into_bytes()),
        (4, PAN[..12].replacen('1', "x", 1).into_bytes()),
        (4, b"000000000000".to_vec()),
        (11, b"00000x".to_vec()),
        (13, b"9999".to_vec()),
        (35, counted(2, format!("{TRACK_2}?;").as_bytes())),
        (35, counted(2, TRACK_2.replacen('=', "*", 1).as_bytes())),
        (35, counted(2, TRACK_PAN.as_bytes())),
        (36, counted(3, format!("{TRACK_3}\n").as_bytes())),
        (42, format!("{:<15}", "m-9").into_bytes()),
        (45, counted(2, format!("{TRACK_1}\x01\x02").as_bytes())),
        (45, format!("98{TRACK_1}").into_bytes()),
        (49, b"840".to_vec()),
        (52, PIN_BLOCK.replace("A3", "ZZ").into_bytes()),
        (52, PIN_BLOCK.as_bytes()[..14].to_vec()),
        (55, [b"999", CHIP].concat()),
        (55, [b"256", CHIP].concat()),
        (55, [b"0x4", CHIP].concat()),
        (102, counted(2, PAN.as_bytes())),
        (103, counted(2, format!("{PAN}\x02").as_bytes())),
        (48, counted(3, format!("10999C{PAN}").as_bytes())),
        (48, counted(3, format!("1001xC{PAN}").as_bytes())),
        (48, counted(3, format!("10C{PAN}").as_bytes())),
        (48, counted(3, format!("12011{MOBILE}1").as_bytes())),
        (48, format!("999{PAN}").into_bytes()),
        (48, format!("0x9{PAN}").into_bytes()),
    ];
    let mobile_and_more = format!("{MOBILE}123");
    let code_with_wrong_check = format!("{}9", &NATIONAL_CODE[..9]);
    let (with_x, with_b) = (format!("X{PAN}"), format!("B{PAN}"));
    let (with_bent, with_long) = (format!("C{}", bent(PAN)), format!("C{PAN}1234"));
    let wishes: Vec<[(&str, &str); 1]> = vec![
        [("10", &with_x)],
        [("10", &with_b)],
        [("10", &with_bent)],
        [("10", &with_long)],
        [("10", PAN)],
        [("10", "")],
        [("12", &mobile_and_more)],
        [("12", PAN)],
        [("13", &code_with_wrong_check)],
        [("14", MOBILE)],
        [("15", &with_x)],
        [("16", PAN)],
        [("17", MOBILE)],
        [("20", PAN)],
        [("21", PAN)],
        [("74", TRACK_PAN)],
        [("ZZ", PAN)],
    ];
    for (mti, processing) in [("0200", "000000"), ("0220", "000000"), ("0600", "910000")] {
        for (n, value) in &faults {
            all.push(body(mti, &|fields| {
                set(3, processing)(fields);
                fields.insert(*n, value.clone());
            }));
        }
        for tags in &wishes {
            all.push(body(mti, &|fields| {
                set(3, processing)(fields);
                // Where no card is told otherwise, the tag is what counts.
                fields.remove(&2);
                fields.remove(&35);
                private(tags)(fields);
            }));
        }
    }
    // Whole, but with a byte too many; and broken off after every byte.
    all.push([body("0200", &|_| ()), PAN.as_bytes().to_vec()].concat());
    let whole = body("0200", &private(&person));
    all.extend((1..whole.len()).map(|end| whole[..end].to_vec()));
    all
}

/// What is no message at all.
fn noise() -> Vec<Vec<u8>> {
    let whole = messages().swap_remove(1);
    let mut long = (9_000u16).to_be_bytes().to_vec();
    long.extend(PAN.repeat(600).into_bytes());
    let mut begun = 1_000u16.to_be_bytes().to_vec();
    begun.extend(&whole);
    vec![
        long,
        begun,
        format!("GET /?pan={PAN} HTTP/1.1\r\n\r\n").into_bytes(),
        format!("{:04}{PAN}", 16).into_bytes(),
        TRACK_2.repeat(20).into_bytes(),
        [&[0, 16], PAN.as_bytes()].concat(),
    ]
}

/// A purchase with a secret wherever one may stand.
fn planted(stan: u32) -> Fields {
    let plain = |text: &str| text.as_bytes().to_vec();
    Fields::from([
        (2, counted(2, PAN.as_bytes())),
        (3, plain("000000")),
        (4, plain("000002755555")),
        (7, plain("1123064500")),
        (11, plain(&format!("{stan:06}"))),
        (12, plain("101500")),
        (13, plain("1123")),
        (14, plain("2905")),
        (22, plain("051")),
        (34, counted(2, PAN.as_bytes())),
        (35, counted(2, TRACK_2.as_bytes())),
        (36, counted(3, TRACK_3.as_bytes())),
        (41, plain("T0000001")),
        (42, plain(&format!("{:<15}", "m-1001"))),
        (45, counted(2, TRACK_1.as_bytes())),
        (49, plain("364")),
        (52, plain(PIN_BLOCK)),
        (55, counted(3, CHIP)),
    ])
}

fn original(stan: u32) -> Vec<u8> {
    let mti = if stan == 9 { "0220" } else { "0200" };
    format!("{mti}{stan:06}1123064500{:022}", 0).into_bytes()
}

fn counted(digits: usize, value: &[u8]) -> Vec<u8> {
    let mut all = format!("{:0digits$}", value.len()).into_bytes();
    all.extend(value);
    all
}

fn tagged(tags: &[(&str, &str)]) -> String {
    tags.iter()
        .map(|(tag, value)| format!("{tag}{:03}{value}", value.len()))
        .collect()
}

/// Type, bitmap, fields.
fn written(mti: &str, fields: &Fields) -> Vec<u8> {
    let mut bits = [0u64; 2];
    for n in fields.keys() {
        bits[(n - 1) / 64] |= 1 << (63 - (n - 1) % 64);
    }
    let mut all = mti.to_owned();
    if bits[1] == 0 {
        all += &format!("{:016X}", bits[0]);
    } else {
        all += &format!("{:016X}{:016X}", bits[0] | 1 << 63, bits[1]);
    }
    let mut all = all.into_bytes();
    all.extend(fields.values().flatten());
    all
}

/// What comes until the other side, which is told that nothing more is asked, has answered all and ends.
fn until_end(link: &mut Link) -> Vec<Vec<u8>> {
    link.end();
    let mut all = Vec::new();
    loop {
        let came = link.receive();
        if came.is_empty() {
            return all;
        }
        all.extend(came);
    }
}

/// Whether field 39 says 00: it stands before terminal and acceptor, behind the references.
fn is_approved(answer: &[u8]) -> bool {
    find(answer, b"00T0000001m-1001").is_some()
}

/// Orders to the admin socket, some with a secret in them.
fn orders() -> Vec<String> {
    let mut all: Vec<String> = clubswitch::serve::commands::COMMANDS
        .iter()
        .map(|(name, _)| format!("{{\"command\":\"{name}\"}}"))
        .collect();
    all.extend([
        "{\"command\":\"settle\",\"day\":\"today\",\"close\":true}".to_owned(),
        format!("{{\"command\":\"ledger-balance\",\"card\":\"{PAN}\"}}"),
        format!("{{\"command\":\"ledger-balance\",\"mobile\":\"{MOBILE}\"}}"),
        format!("{{\"command\":\"ledger-balance\",\"national_code\":\"{NATIONAL_CODE}\"}}"),
        format!("{{\"command\":\"ledger-balance\",\"card\":\"{PAN}x\"}}"),
        format!("{{\"command\":\"ledger-tokens\",\"text\":\"{PAN}\\n{PAN}x\"}}"),
        format!(
            "{{\"command\":\"ledger-grant\",\"club\":\"golestan\",\"purse\":\"points\",\"reason\":\"r\",\"text\":\"card,amount\\n{PAN},5\\n{PAN}x,5\"}}"
        ),
        format!(
            "{{\"command\":\"ledger-vouchers\",\"card_product\":\"none\",\"reason\":\"r\",\"text\":\"{VOUCHER},5\"}}"
        ),
    ]);
    all.extend((1..40).map(|n| format!("{{\"command\":\"ledger-entry\",\"entry\":\"{n}\"}}")));
    all
}

/// What a person is shown of a message, on both outputs.
fn describe(dir: &Path, body: &[u8]) -> Vec<u8> {
    let shown = Command::new(env!("CARGO_BIN_EXE_clubswitch"))
        .args(["describe", "--dialect", "iso87-ascii"])
        .arg(String::from_utf8(hex(body)).unwrap())
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    [shown.stdout, shown.stderr].concat()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found
}
