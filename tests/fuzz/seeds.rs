//! Turns `fixtures/frames/` and the shipped dialects into first inputs for the targets, in `corpus/` here.

use std::fs;
use std::io;
use std::path::Path;

use bytes::BytesMut;
use clubswitch::spec::SHIPPED;
use clubswitch::wire::coding::from_hex;
use clubswitch::wire::framing::Framing;

fn main() -> io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seed = |target: &str, name: &str, bytes: &[u8]| {
        let folder = here.join("corpus").join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)
    };
    for entry in fs::read_dir(here.join("../../fixtures/frames"))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let (dialect, message) = read(&fs::read_to_string(&path)?);
        seed("messages", &name, &[&[dialect], &message[..]].concat())?;
        seed("tlv", &name, &[&[34], &message[..]].concat())?;
        for (choice, framing) in Framing::NAMES.iter().enumerate() {
            let framing = Framing::named(framing).expect("one of the names");
            let mut stream = BytesMut::from(&[choice as u8, 16][..]);
            if framing
                .put(&framing.first_header(), &message, &mut stream)
                .is_ok()
            {
                seed("framing", &format!("{name}-{choice}"), &stream)?;
            }
        }
    }
    let chip =
        b"\x9f\x02\x06\x00\x00\x00\x00\x10\x00\x00\x82\x02\x58\x00\x70\x05\x5a\x03\x99\x99\x12";
    seed("tlv", "chip", &[&[1], &chip[..]].concat())?;
    seed(
        "tlv",
        "private",
        b"\x2210012M0912000000121003max20006points",
    )?;
    for (name, text) in SHIPPED {
        seed("specs", name, &[b"\x01\0\0", text.as_bytes()].concat())?;
        // Each line as one that takes the place of another.
        for (at, line) in text.lines().enumerate().filter(|(at, _)| at % 5 == 0) {
            seed(
                "specs",
                &format!("{name}-{at}"),
                &[b"\0\0\x20", line.as_bytes()].concat(),
            )?;
        }
    }
    Ok(())
}

/// The dialect of a fixture by its number among the shipped ones, and the message.
fn read(text: &str) -> (u8, Vec<u8>) {
    let (mut dialect, mut message) = (0, Vec::new());
    for line in text.lines() {
        match line.split_once(' ') {
            Some(("dialect", name)) => {
                let number = SHIPPED.iter().position(|(known, _)| *known == name);
                dialect = number.unwrap_or(0) as u8;
            }
            Some(("hex", hex)) => message.extend(from_hex(hex.as_bytes()).unwrap_or_default()),
            Some(("text", text)) => message.extend(text.trim_matches('|').bytes()),
            _ => {}
        }
    }
    (dialect, message)
}
