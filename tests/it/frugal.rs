//! Decoding and peeking take no memory beside the message, and encoding none beside what it is given.

use allocation_counter::measure;
use bytes::{Bytes, BytesMut};
use clubswitch::message::{Message, MessageBuilder, Mti};
use clubswitch::spec::{Spec, shipped};

const VALUES: [(usize, &str); 16] = [
    (2, "9999120000000019"),
    (3, "000000"),
    (4, "000002755555"),
    (7, "1121101500"),
    (11, "000007"),
    (14, "2912"),
    (32, "581672031"),
    (35, "9999120000000019=29121010000012300"),
    (37, "632510000007"),
    (38, "A00001"),
    (41, "T0000001"),
    (42, "M-1001         "),
    (43, "SUPER GOLESTAN        TEHRAN          IR"),
    (48, "10012M0912000000121003max"),
    (49, "364"),
    (54, "9102999C000000059716"),
];

fn message(spec: &Spec) -> Bytes {
    let mut builder = MessageBuilder::new(spec, Mti(0x200));
    for (n, value) in VALUES {
        builder.set(n, value);
    }
    let mut out = BytesMut::new();
    builder.encode(&mut out).unwrap();
    out.freeze()
}

fn check(name: &str) {
    let spec = shipped(name).unwrap();
    let bytes = message(&spec);
    let currency = spec.field(49).unwrap().wire_bytes(3);
    // What comes from a link is shared already; the first copy of bytes that are not takes memory.
    let _shared = bytes.clone();
    let decode = measure(|| {
        let message = Message::decode(&spec, bytes.clone()).unwrap();
        assert_eq!(message.value(49).map(<[u8]>::len), Some(currency));
        assert!(message.tag(&spec, 48, "21").is_some());
    });
    assert_eq!(decode.count_total, 0, "decode in {name}");
    let peek = measure(|| {
        let peek = Message::peek(&spec, &bytes).unwrap();
        assert_eq!(peek.mti, Mti(0x200));
    });
    assert_eq!(peek.count_total, 0, "peek in {name}");
}

#[test]
fn a_message_is_read_without_a_word_of_memory() {
    for name in ["iso87-ascii", "iso87-ascii-binmap", "iso87-bcd"] {
        check(name);
    }
}

#[test]
fn a_message_is_made_in_the_memory_that_is_there() {
    let spec = shipped("iso87-ascii").unwrap();
    let bytes = message(&spec);
    let mut builder = MessageBuilder::new(&spec, Mti(0x200));
    let mut out = BytesMut::with_capacity(1024);
    let mut run = || {
        out.clear();
        builder.restart(Mti(0x200));
        for (n, value) in VALUES.into_iter().filter(|(n, _)| *n != 54) {
            builder.set(n, value);
        }
        builder.encode(&mut out).unwrap();
        assert!(out.len() < bytes.len());
    };
    run();
    assert_eq!(measure(run).count_total, 0);
}
