//! Every framing on a running daemon, each on a listener of its own: an echo, with its header as it must come back, and a
//! keep-alive. The bytes are written here by hand, not by the code under test.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;

use clubswitch::wire::framing::Framing;

use crate::switch::{self, PATIENCE, Switch};

const ECHO: &[u8] = b"0800822000000000000004000000000000001121101500000001301";

/// A framing on the wire.
struct Row {
    name: &'static str,
    /// What stands before so many bytes of header and message.
    before: fn(usize) -> Vec<u8>,
    after: &'static [u8],
    keep_alive: &'static [u8],
    /// TPDU sent, and answered.
    tpdu: (&'static [u8], &'static [u8]),
}

const TPDU: (&[u8], &[u8]) = (b"\x60\x00\x81\x12\x34", b"\x60\x12\x34\x00\x81");

/// Two bytes, big-endian.
fn be(count: usize) -> Vec<u8> {
    (count as u16).to_be_bytes().to_vec()
}

/// Four decimal digits.
fn digits(count: usize) -> Vec<u8> {
    format!("{count:04}").into_bytes()
}

/// Four decimal digits in two bytes.
fn bcd(count: usize) -> Vec<u8> {
    be(usize::from_str_radix(&format!("{count}"), 16).unwrap())
}

#[rustfmt::skip]
const ROWS: [Row; 11] = [
    Row { name: "len2-be", before: be, after: b"", keep_alive: b"\0\0", tpdu: (b"", b"") },
    Row { name: "len2-be-incl", before: |n| be(n + 2), after: b"", keep_alive: b"\0\x02", tpdu: (b"", b"") },
    Row { name: "len2-be-zeros", before: |n| [be(n), be(0)].concat(), after: b"", keep_alive: b"\0\0\0\0", tpdu: (b"", b"") },
    Row { name: "len2-be-etx", before: |n| be(n + 1), after: b"\x03", keep_alive: b"\0\0", tpdu: (b"", b"") },
    Row { name: "len2-bcd", before: bcd, after: b"", keep_alive: b"\0\0", tpdu: (b"", b"") },
    Row { name: "len4-be", before: |n| [be(0), be(n)].concat(), after: b"", keep_alive: b"\0\0\0\0", tpdu: (b"", b"") },
    Row { name: "len4-ascii", before: digits, after: b"", keep_alive: b"0000", tpdu: (b"", b"") },
    Row { name: "len4-hex", before: |n| format!("{n:04X}").into_bytes(), after: b"", keep_alive: b"0000", tpdu: (b"", b"") },
    Row { name: "nac", before: be, after: b"", keep_alive: b"\0\0", tpdu: TPDU },
    Row { name: "nac-bcd", before: bcd, after: b"", keep_alive: b"\0\0", tpdu: TPDU },
    Row { name: "etx", before: |_| Vec::new(), after: b"\x03", keep_alive: b"\x03", tpdu: (b"", b"") },
];

/// What a listener says of its header, and that header as it is sent.
const HEADERS: [(&str, &[u8]); 3] = [
    ("", b""),
    ("header = \"ISO016000070\"", b"ISO016000070"),
    ("header_bytes = 7", b"\x01any\xfe\x80\x99"),
];

impl Row {
    fn frame(&self, tpdu: &[u8], header: &[u8], body: &[u8]) -> Vec<u8> {
        let inner = [tpdu, header, body].concat();
        [&(self.before)(inner.len())[..], &inner, self.after].concat()
    }

    /// Speaks to its listener: keep-alive, echo and keep-alive in one write.
    fn check(&self, address: &str, header: &[u8], answer: &[u8]) {
        let asked = self.frame(self.tpdu.0, header, ECHO);
        let wanted = self.frame(self.tpdu.1, header, answer);
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let sent = [self.keep_alive, &asked, self.keep_alive].concat();
        stream.write_all(&sent).unwrap();
        let wanted = [self.keep_alive, &wanted, self.keep_alive].concat();
        let mut got = vec![0; wanted.len()];
        stream.read_exact(&mut got).unwrap();
        assert_eq!(
            got.escape_ascii().to_string(),
            wanted.escape_ascii().to_string(),
            "{}",
            self.name
        );
    }
}

#[test]
fn every_framing_brings_the_answer_under_its_own_header() {
    assert_eq!(ROWS.map(|row| row.name), Framing::NAMES);
    let mut listeners = String::new();
    for row in &ROWS {
        for (at, (header, _)) in HEADERS.iter().enumerate() {
            writeln!(
                listeners,
                "[[listener]]\nname = \"{}-{at}\"\nbind = \"127.0.0.1:0\"\nframing = \"{}\"\n\
                 dialect = \"iso87-ascii\"\nacquirer = \"581672031\"\n{header}",
                row.name, row.name
            )
            .unwrap();
        }
    }
    let dir = tempfile::tempdir().unwrap();
    switch::configure(dir.path(), "", &listeners);
    let running = Switch::start(dir.path(), "info");
    let mut plain = running.connect();
    let mut asked = Vec::new();
    switch::put(&mut asked, ECHO);
    plain.send_bytes(&asked).unwrap();
    let answer = plain.receive().remove(0);
    assert!(answer.starts_with(b"0810"));
    for row in &ROWS {
        for (at, (_, header)) in HEADERS.iter().enumerate() {
            let address = running.address(&format!("{}-{at}", row.name));
            row.check(&address, header, &answer);
        }
        let address = running.address(&format!("{}-0", row.name));
        let words = ["pos", "echo", "--connect", &address, "--framing", row.name];
        let echoed = std::process::Command::new(env!("CARGO_BIN_EXE_clubswitch"))
            .args(words)
            .output();
        assert!(echoed.unwrap().status.success(), "{words:?}");
    }
    running.stop();
}
