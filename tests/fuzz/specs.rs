//! Any text as a dialect file, or a shipped one with one line replaced: it is refused with its faults, or it reads and
//! describes messages without harm. The first byte chooses the file, the next two the line; where the first is odd, all
//! that follows is the file.
#![no_main]

use bytes::Bytes;
use clubswitch::message::Message;
use clubswitch::message::describe::{Secrets, text};
use clubswitch::spec::{SHIPPED, load_text};
use libfuzzer_sys::fuzz_target;

const MESSAGES: [&[u8]; 3] = [
    b"0800822000000000000004000000000000001121101500000001301",
    b"\x08\x00\x22\x20\x00\x00\x00\x00\x00\x00\x11\x21\x10\x15\x00\x00\x00\x01",
    &[0xff; 200],
];

fuzz_target!(|data: &[u8]| {
    let [choice, high, low, rest @ ..] = data else {
        return;
    };
    let Ok(given) = std::str::from_utf8(rest) else {
        return;
    };
    let file = if choice % 2 == 1 {
        given.to_owned()
    } else {
        let (_, shipped) = SHIPPED[usize::from(*choice / 2) % SHIPPED.len()];
        let mut lines: Vec<&str> = shipped.lines().collect();
        let line = usize::from(u16::from_be_bytes([*high, *low])) % lines.len();
        lines[line] = given;
        lines.join("\n")
    };
    match load_text("fuzzed", &file) {
        Ok(spec) => {
            for message in MESSAGES {
                if let Ok(message) = Message::decode(&spec, Bytes::from_static(message)) {
                    text(&spec, &message, Secrets::Masked);
                }
            }
        }
        Err(faults) => {
            assert!(!faults.0.is_empty());
            for fault in &faults.0 {
                assert!(!fault.to_string().is_empty());
            }
        }
    }
});
