//! Decode and encode of a purchase of 220 bytes and 18 fields, beside the same by hand in the same run.

use std::hint::black_box;
use std::time::Instant;

use bytes::{BufMut, Bytes, BytesMut};
use clubswitch::message::{Message, MessageBuilder, Mti};
use clubswitch::spec::{Spec, shipped};
use criterion::{Criterion, criterion_group, criterion_main};

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

/// The lower bound: the same walk with the fields of this message in the program, with or without
/// a look at every byte.
fn by_hand(bytes: &[u8], checked: bool, table: &mut [(u16, u16); 65]) -> Option<usize> {
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
        let good = !checked
            || match HAND[n] {
                Hand::Digits(_) | Hand::LlDigits => value.iter().all(u8::is_ascii_digit),
                Hand::Printable(_) => value.iter().all(|c| (0x20..0x7f).contains(c)),
                _ => value.iter().all(|c| c.is_ascii_digit() || *c == b'='),
            };
        if !good {
            return None;
        }
        table[n] = (from as u16, length as u16);
        at = from + length;
    }
    (at == bytes.len()).then_some(at)
}

/// The lower bound of encoding: every value copied to its place, checked, into room that is there.
fn put_by_hand(out: &mut BytesMut) -> bool {
    out.put_slice(b"0200");
    out.put_slice(b"723C448128E08000");
    let mut good = true;
    for (n, value) in VALUES {
        let value = black_box(value).as_bytes();
        good &= match HAND[n] {
            Hand::Digits(_) | Hand::LlDigits => value.iter().all(u8::is_ascii_digit),
            Hand::Printable(_) => value.iter().all(|c| (0x20..0x7f).contains(c)),
            _ => value.iter().all(|c| c.is_ascii_digit() || *c == b'='),
        };
        if matches!(HAND[n], Hand::LlDigits | Hand::LlTrack) {
            let length = value.len() as u8;
            out.put_slice(&[b'0' + length / 10, b'0' + length % 10]);
        }
        out.put_slice(value);
    }
    good
}

fn codec(c: &mut Criterion) {
    let spec = shipped("iso87-ascii").expect("the default dialect");
    let bytes = encoded(&spec);
    let mut table = [(0, 0); 65];
    assert_eq!(by_hand(&bytes, true, &mut table), Some(bytes.len()));

    let mut group = c.benchmark_group("decode");
    group.bench_function("by hand, lengths only", |b| {
        b.iter(|| by_hand(black_box(&bytes), false, &mut table));
    });
    group.bench_function("by hand, checked", |b| {
        b.iter(|| by_hand(black_box(&bytes), true, &mut table));
    });
    group.bench_function("by dialect, checked", |b| {
        b.iter(|| Message::decode(&spec, black_box(&bytes).clone()));
    });
    let bcd = shipped("iso87-bcd").expect("the BCD dialect");
    let packed = encoded(&bcd);
    group.bench_function("by dialect, checked, bcd", |b| {
        b.iter(|| Message::decode(&bcd, black_box(&packed).clone()));
    });
    group.finish();

    let mut group = c.benchmark_group("encode");
    let mut out = BytesMut::with_capacity(1024);
    group.bench_function("by hand, checked", |b| {
        b.iter(|| {
            out.clear();
            put_by_hand(&mut out)
        });
    });
    assert_eq!(out, bytes);
    let mut builder = MessageBuilder::new(&spec, Mti(0x200));
    group.bench_function("by dialect, checked", |b| {
        b.iter(|| {
            out.clear();
            builder.restart(Mti(0x200));
            for (n, value) in VALUES {
                builder.set(n, black_box(value));
            }
            builder.encode(&mut out)
        });
    });
    assert_eq!(out, bytes);
    group.finish();
    ratios(&spec, &bytes);
}

/// The ratios that are to be held, from medians taken turn by turn, so that both sides see the
/// same machine.
fn ratios(spec: &Spec, bytes: &Bytes) {
    let mut table = [(0, 0); 65];
    let mut out = BytesMut::with_capacity(1024);
    let mut builder = MessageBuilder::new(spec, Mti(0x200));
    let mut rounds = [const { Vec::new() }; 5];
    for _ in 0..300 {
        rounds[0].push(time(|| by_hand(black_box(bytes), false, &mut table)));
        rounds[1].push(time(|| by_hand(black_box(bytes), true, &mut table)));
        rounds[2].push(time(|| Message::decode(spec, black_box(bytes).clone())));
        rounds[3].push(time(|| {
            out.clear();
            put_by_hand(&mut out)
        }));
        rounds[4].push(time(|| {
            out.clear();
            builder.restart(Mti(0x200));
            for (n, value) in VALUES {
                builder.set(n, black_box(value));
            }
            builder.encode(&mut out)
        }));
    }
    let [lengths, checked, decode, put, encode] = rounds.map(|mut round| {
        round.sort_unstable();
        round[round.len() / 2]
    });
    let ratio = |of: u128, to: u128| format!("{}.{:02}", of / to, of * 100 / to % 100);
    println!(
        "{} bytes, medians in ns: walk {lengths}, checked walk {checked}, decode {decode}, put {put}, encode {encode}",
        bytes.len()
    );
    println!(
        "decode is {} x the walk, {} x the checked walk; encode is {} x its bound",
        ratio(decode, lengths),
        ratio(decode, checked),
        ratio(encode, put)
    );
}

/// Nanoseconds of one run of `work`, over a thousand runs.
fn time<T>(mut work: impl FnMut() -> T) -> u128 {
    let begun = Instant::now();
    for _ in 0..1000 {
        black_box(work());
    }
    begun.elapsed().as_nanos() / 1000
}

criterion_group!(benches, codec);
criterion_main!(benches);
