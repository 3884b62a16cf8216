//! Any bytes as a message of a shipped dialect, which the first byte chooses (or of one that has everything): it is read,
//! described, and made again as it was, or refused at a place inside it that is told without content.
#![no_main]

use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use clubswitch::message::describe::{Secrets, fault_text, json, text};
use clubswitch::message::{Message, MessageBuilder, make};
use clubswitch::spec::{SHIPPED, Spec, load_text, shipped};
use libfuzzer_sys::fuzz_target;

static DIALECTS: LazyLock<Vec<Spec>> = LazyLock::new(|| {
    let everything = load_text("everything", include_str!("everything.toml"));
    let shipped = SHIPPED
        .iter()
        .map(|(name, _)| shipped(name).expect("it is shipped"));
    shipped
        .chain([everything.expect("it is a dialect")])
        .collect()
});

fuzz_target!(|data: &[u8]| {
    let Some((choice, message)) = data.split_first() else {
        return;
    };
    let spec = &DIALECTS[usize::from(*choice) % DIALECTS.len()];
    let bytes = Bytes::copy_from_slice(message);
    let peek = Message::peek(spec, &bytes);
    match Message::decode(spec, bytes.clone()) {
        Ok(message) => {
            assert_eq!(
                peek.expect("what can be read can be peeked at").mti,
                message.mti()
            );
            text(spec, &message, Secrets::Masked);
            assert_eq!(copied(spec, &message), bytes);
            let told = json(spec, &message, Secrets::Shown);
            if let Ok(builder) = make::from_json(spec, &told) {
                let _ = builder.encode(&mut BytesMut::new());
            }
        }
        Err(error) => {
            assert!(error.at_byte <= bytes.len());
            let told = error.to_string();
            let longest = told
                .split(|c: char| !c.is_ascii_digit())
                .map(str::len)
                .max();
            assert!(longest <= Some(5), "{told}");
            fault_text(spec, &error, Secrets::Masked);
            if let Some(read) = &error.read {
                copied(spec, read);
            }
        }
    }
});

fn copied(spec: &Spec, message: &Message) -> BytesMut {
    let mut builder = MessageBuilder::new(spec, message.mti());
    builder.copy_all(message);
    let mut out = BytesMut::new();
    builder.encode(&mut out).expect("what was read can be made");
    out
}
