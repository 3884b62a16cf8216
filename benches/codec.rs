//! Decode, encode and peek of a purchase of 220 bytes and 18 fields, beside the same by hand, turn by turn in one run.
//!
//! `cargo bench --bench codec` gives medians; `cargo bench --bench codec -- instructions` counts instructions with
//! valgrind, which do not depend on what else the machine does.

use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use bytes::{BufMut, Bytes, BytesMut};
use clubswitch::message::{Message, MessageBuilder, Mti};
use clubswitch::spec::{Spec, all_digits, all_printable, all_track, shipped};

/// Field and value of the message, in order.
const VALUES: [(usize, &str); 18] = [
    (2, "9999120000000019"),
    (3, "000000"),
    (4, "000002755555"),
    (7, "1121101500"),
    (11, "000007"),
    (12, "101500"),
    (13, "1121"),
    (14, "2912"),
    (18, "5411"),
    (22, "051"),
    (25, "00"),
    (32, "581672031"),
    (35, "9999120000000019=29121010000012300"),
    (37, "632510000007"),
    (41, "T0000001"),
    (42, "M-1001         "),
    (43, "SUPER GOLESTAN        TEHRAN          IR"),
    (49, "364"),
];

fn encoded(spec: &Spec) -> Bytes {
    let mut builder = MessageBuilder::new(spec, Mti(0x200));
    for (n, value) in VALUES {
        builder.set(n, value);
    }
    let mut out = BytesMut::new();
    builder.encode(&mut out).expect("the values are good");
    out.freeze()
}

/// What a field is, as a program for this one dialect would know it.
#[derive(Clone, Copy)]
enum Hand {
    Digits(usize),
    Printable(usize),
    LlDigits,
    LlTrack,
    None,
}

const HAND: [Hand; 65] = {
    let mut table = [Hand::None; 65];
    table[2] = Hand::LlDigits;
    table[3] = Hand::Digits(6);
    table[4] = Hand::Digits(12);
    table[7] = Hand::Digits(10);
    table[11] = Hand::Digits(6);
    table[12] = Hand::Digits(6);
    table[13] = Hand::Digits(4);
    table[14] = Hand::Digits(4);
    table[18] = Hand::Digits(4);
    table[22] = Hand::Digits(3);
    table[25] = Hand::Digits(2);
    table[32] = Hand::LlDigits;
    table[35] = Hand::LlTrack;
    table[37] = Hand::Printable(12);
    table[41] = Hand::Printable(8);
    table[42] = Hand::Printable(15);
    table[43] = Hand::Printable(40);
    table[49] = Hand::Printable(3);
    table
};

/// How much the walk by hand looks at.
#[derive(Clone, Copy, PartialEq)]
enum Look {
    /// Lengths only.
    Lengths,
    /// Every byte, one by one.
    Bytes,
    /// Every byte, eight at a time, as fast as the dialects' own checks are.
    Eights,
}

/// The lower bound: the same walk with the fields of this message in the program.
fn by_hand(bytes: &[u8], look: Look, table: &mut [(u16, u16); 65]) -> Option<usize> {
    let mti = bytes.get(..4)?;
    if !mti.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut map = 0_u64;
    for digit in bytes.get(4..20)? {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'A'..=b'F' => digit - b'A' + 10,
            _ => return None,
        };
        map = map << 4 | u64::from(value);
    }
    let mut at = 20;
    while map != 0 {
        let lead = map.leading_zeros();
        map &= !(1 << 63 >> lead);
        let n = lead as usize + 1;
        let ll = |at: usize| {
            let [a, b] = *bytes.get(at..at + 2)? else {
                return None;
            };
            let (a, b) = (a.wrapping_sub(b'0'), b.wrapping_sub(b'0'));
            (a <= 9 && b <= 9).then_some(usize::from(a) * 10 + usize::from(b))
        };
        let (from, length) = match HAND[n] {
            Hand::Digits(length) | Hand::Printable(length) => (at, length),
            Hand::LlDigits | Hand::LlTrack => (at + 2, ll(at)?),
            Hand::None => return None,
        };
        let value = bytes.get(from..from + length)?;
        let good = match look {
            Look::Lengths => true,
            Look::Bytes => holds(HAND[n], value),
            Look::Eights => match HAND[n] {
                Hand::Digits(_) | Hand::LlDigits => all_digits(value),
                Hand::Printable(_) => all_printable(value),
                _ => all_track(value),
            },
        };
        if !good {
            return None;
        }
        table[n] = (from as u16, length as u16);
        at = from + length;
    }
    (at == bytes.len()).then_some(at)
}

fn holds(hand: Hand, value: &[u8]) -> bool {
    match hand {
        Hand::Digits(_) | Hand::LlDigits => value.iter().all(u8::is_ascii_digit),
        Hand::Printable(_) => value.iter().all(|c| (0x20..0x7f).contains(c)),
        _ => value.iter().all(|c| c.is_ascii_digit() || *c == b'='),
    }
}

/// The lower bound of encoding: every value copied to its place, checked, into room that is there.
fn put_by_hand(out: &mut BytesMut) -> bool {
    out.put_slice(b"0200");
    out.put_slice(b"723C448128E08000");
    let mut good = true;
    for (n, value) in VALUES {
        let value = black_box(value).as_bytes();
        good &= match HAND[n] {
            Hand::Digits(_) | Hand::LlDigits => all_digits(value),
            Hand::Printable(_) => all_printable(value),
            _ => all_track(value),
        };
        if matches!(HAND[n], Hand::LlDigits | Hand::LlTrack) {
            let length = value.len() as u8;
            out.put_slice(&[b'0' + length / 10, b'0' + length % 10]);
        }
        out.put_slice(value);
    }
    good
}

/// What is measured, and its name.
const NAMES: [&str; 10] = [
    "walk, lengths only",
    "walk, byte by byte",
    "walk, eight at a time",
    "decode",
    "decode, bcd",
    "decode, 1993 ascii",
    "put by hand",
    "encode",
    "peek",
    "peek, bcd",
];

struct Bench {
    ascii: Spec,
    bcd: Spec,
    later: Spec,
    bytes: Bytes,
    packed: Bytes,
    newer: Bytes,
}

impl Bench {
    fn new() -> Bench {
        let spec = |name| shipped(name).expect("a shipped dialect");
        let (ascii, bcd, later) = (spec("iso87-ascii"), spec("iso87-bcd"), spec("iso93-ascii"));
        let mut newer = MessageBuilder::new(&later, Mti(0x1200));
        for (n, value) in VALUES {
            match n {
                12 => newer.set(12, "261121101500"),
                13 | 18 | 25 => &mut newer,
                22 => newer.set(22, "510101511344"),
                _ => newer.set(n, value),
            };
        }
        let mut out = BytesMut::new();
        newer.encode(&mut out).expect("the values are good");
        Bench {
            bytes: encoded(&ascii),
            packed: encoded(&bcd),
            newer: out.freeze(),
            ascii,
            bcd,
            later,
        }
    }

    /// Runs one of the things so many times; gives nanoseconds in all.
    fn run(&self, what: usize, times: u32) -> u128 {
        let mut table = [(0, 0); 65];
        let mut out = BytesMut::with_capacity(1024);
        let mut builder = MessageBuilder::new(&self.ascii, Mti(0x200));
        let looks = [Look::Lengths, Look::Bytes, Look::Eights];
        match what {
            0..=2 => time(times, || {
                by_hand(black_box(&self.bytes), looks[what], &mut table)
            }),
            3 => time(times, || {
                Message::decode(&self.ascii, black_box(&self.bytes).clone())
            }),
            4 => time(times, || {
                Message::decode(&self.bcd, black_box(&self.packed).clone())
            }),
            5 => time(times, || {
                Message::decode(&self.later, black_box(&self.newer).clone())
            }),
            6 => time(times, || {
                out.clear();
                put_by_hand(&mut out)
            }),
            7 => time(times, || {
                out.clear();
                builder.restart(Mti(0x200));
                for (n, value) in VALUES {
                    builder.set(n, black_box(value));
                }
                builder.encode(&mut out)
            }),
            8 => time(times, || Message::peek(&self.ascii, black_box(&self.bytes))),
            _ => time(times, || Message::peek(&self.bcd, black_box(&self.packed))),
        }
    }
}

fn time<T>(times: u32, mut work: impl FnMut() -> T) -> u128 {
    let begun = Instant::now();
    for _ in 0..times {
        black_box(work());
    }
    begun.elapsed().as_nanos()
}

/// All of them in turn, round after round, so that each sees the same machine.
fn medians(bench: &Bench) {
    let mut rounds = [const { Vec::new() }; NAMES.len()];
    for _ in 0..400 {
        for (what, round) in rounds.iter_mut().enumerate() {
            round.push(bench.run(what, 1000));
        }
    }
    // Picoseconds of one.
    let medians = rounds.map(|mut round| {
        round.sort_unstable();
        round[round.len() / 2]
    });
    println!(
        "{} bytes, 18 fields; {} in bcd",
        bench.bytes.len(),
        bench.packed.len()
    );
    for (name, median) in NAMES.iter().zip(medians) {
        println!("{name:<24}{:>7}.{} ns", median / 1000, median / 100 % 10);
    }
    let ratio = |of: usize, to: usize| {
        let hundredths = medians[of] * 100 / medians[to];
        format!("{}.{:02}", hundredths / 100, hundredths % 100)
    };
    println!("decode is {} x the walk eight at a time", ratio(3, 2));
    println!("decode is {} x the walk byte by byte", ratio(3, 1));
    println!(
        "decode is {} x the walk that looks at lengths only",
        ratio(3, 0)
    );
    println!("decode in bcd is {} x in ascii", ratio(4, 3));
    println!("encode is {} x put by hand", ratio(7, 6));
}

/// Instructions of one run of each, by valgrind: twice with different counts, so that the start falls out.
fn instructions() {
    let me = std::env::current_exe().expect("this program");
    for (what, name) in NAMES.iter().enumerate() {
        let count = |times: u32| -> u64 {
            let run = Command::new("valgrind")
                .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
                .arg(&me)
                .args(["run", &what.to_string(), &times.to_string()])
                .output()
                .expect("valgrind is installed");
            let told = String::from_utf8_lossy(&run.stderr).into_owned();
            let line = told.lines().find(|line| line.contains("Collected"));
            let digits = line.and_then(|line| line.split(": ").nth(1));
            let digits = digits.unwrap_or_else(|| panic!("no count in {told}"));
            digits.trim().parse().expect("a number")
        };
        println!(
            "{name:<24}{:>7} instructions",
            (count(3000) - count(1000)) / 2000
        );
    }
}

fn main() {
    let bench = Bench::new();
    let mut table = [(0, 0); 65];
    for look in [Look::Lengths, Look::Bytes, Look::Eights] {
        assert_eq!(
            by_hand(&bench.bytes, look, &mut table),
            Some(bench.bytes.len())
        );
    }
    let mut out = BytesMut::new();
    assert!(put_by_hand(&mut out));
    assert_eq!(out, bench.bytes);
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["instructions"] => instructions(),
        ["run", what, times] => {
            let number = |text: &str| text.parse().expect("a number");
            bench.run(number(what) as usize, number(times));
        }
        _ => medians(&bench),
    }
}
