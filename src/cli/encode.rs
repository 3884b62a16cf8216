//! `encode`: what `describe --json --show-secrets` shows, back into bytes.

use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use serde_json::{Deserializer, Value};

use crate::cli::dialects::{self, FrameArgs, Out};
use crate::cli::{Failure, capture};
use crate::config::Config;
use crate::message::make;
use crate::spec::{FieldSpec, Inside, Path, Secret, Spec};
use crate::wire::coding::{from_hex, to_hex};
use crate::wire::framing::Framing;

/// Make the bytes of a message from its JSON.
///
/// Takes {"mti": "0200", "fields": {"2": "...", "48": {"10": "..."}}} as describe --json --show-secrets gives it, one or
/// several of them, from a file or standard input. Fields and tags stand in any order; a repeated tag is a list, and
/// so are tags whose order matters. Bytes that are no text stand as {"bytes in hex": "41FF"}. Masked values are refused.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  echo '{\"mti\": \"0800\", \"fields\": {\"7\": \"1121101500\", \"11\": \"000001\", \"70\": \"301\"}}' | clubswitch encode -
  clubswitch encode --dialect iso87-bcd --framing nac --output binary message.json > frame.bin
  clubswitch encode --output dump message.json
  clubswitch describe --lines --show-secrets messages.hex | clubswitch encode --lines -

Exit status: 0 all were made, 1 one could not be, 2 a fault in the command.")]
pub(super) struct Args {
    /// The dialect of the message, or a dialect file (NAME.toml)
    #[arg(long, value_name = "NAME", default_value = dialects::DEFAULT)]
    dialect: String,
    /// How the bytes are shown: as a line of hex digits, as they are, or as hexdump -C does
    #[arg(long, value_name = "FORM", default_value = "hex")]
    output: capture::Form,
    #[command(flatten)]
    frames: FrameArgs,
    /// Every line is a message; each gives a line of hex digits, an empty one where it cannot be made
    #[arg(long, conflicts_with = "output")]
    lines: bool,
    /// The configuration file that names the folder of dialects
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The JSON: a file, or - for standard input
    #[arg(value_name = "FILE|-", default_value = "-")]
    json: String,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let config = Config::find(args.config.as_deref())?;
    let spec = dialects::dialect(&config, &args.dialect)?;
    let framing = args.frames.framing()?;
    let make = |value: &Value| frame(&spec, framing.as_ref(), &args.frames, value);
    let mut out = Out::new();
    if args.lines {
        return lines(&args.json, &mut out, make);
    }
    let text = match &args.json[..] {
        "-" => capture::bounded(std::io::stdin().lock(), "standard input")?,
        path => capture::open(path)?,
    };
    let mut bytes = Vec::new();
    let mut count = 0;
    for value in Deserializer::from_slice(&text).into_iter() {
        let value = value.map_err(|error| Failure::Usage(format!("JSON wanted: {error}")))?;
        count += 1;
        let made = make(&value).map_err(|fault| match count {
            1 => Failure::Off(fault),
            _ => Failure::Off(format!("message {count}: {fault}")),
        })?;
        match args.output {
            capture::Form::Hex => out.line(&to_hex(&made))?,
            capture::Form::Binary => out.put(&made)?,
            capture::Form::Dump => bytes.extend_from_slice(&made),
        }
    }
    if count == 0 {
        return Err(Failure::Usage("JSON wanted, nothing found".to_owned()));
    }
    if args.output == capture::Form::Dump {
        out.put(capture::dumped(&bytes))?;
    }
    out.flush()
}

/// A line of input, a line of output.
fn lines(
    argument: &str,
    out: &mut Out,
    make: impl Fn(&Value) -> Result<Bytes, String>,
) -> Result<(), Failure> {
    let (mut count, mut bad) = (0_usize, 0_usize);
    dialects::each_line(dialects::lines_of(argument)?, |number, line| {
        if line.is_some_and(<[u8]>::is_empty) {
            return Ok(());
        }
        count += 1;
        let value = match line.map(serde_json::from_slice) {
            None => Err("a shorter line wanted".to_owned()),
            Some(Err(error)) => Err(format!("JSON wanted: {error}")),
            Some(Ok(value)) => Ok(value),
        };
        match value.and_then(|value| make(&value)) {
            Ok(made) => out.line(&to_hex(&made)),
            Err(fault) => {
                bad += 1;
                anstream::eprintln!("line {number}: {fault}");
                out.line(&"")
            }
        }
    })?;
    out.flush()?;
    match bad {
        0 => Ok(()),
        _ => Err(Failure::Off(format!(
            "{bad} of {count} lines cannot be made"
        ))),
    }
}

/// The message of a JSON value, with its length and header where a framing is named. The header that was read with it goes
/// out again.
fn frame(
    spec: &Spec,
    framing: Option<&Framing>,
    args: &FrameArgs,
    value: &Value,
) -> Result<Bytes, String> {
    let body = message(spec, value)?;
    let header = match value.get("header") {
        None => None,
        Some(header) => {
            let header = header.as_str().and_then(|hex| from_hex(hex.as_bytes()));
            Some(header.ok_or("header: hex digits wanted")?)
        }
    };
    let mut out = BytesMut::new();
    match framing {
        Some(framing) => {
            let header = header.map_or_else(|| framing.first_header(), Bytes::from);
            framing
                .put(&header, &body, &mut out)
                .map_err(|error| error.to_string())?;
        }
        None => {
            out.extend_from_slice(args.header.as_deref().unwrap_or_default().as_bytes());
            out.resize(out.len() + args.header_bytes.map_or(0, usize::from), b'0');
            out.extend_from_slice(&body);
        }
    }
    Ok(out.freeze())
}

/// What `describe` adds to a message.
const BESIDE: [&str; 4] = ["header", "number", "at_byte", "line"];

/// A message from its JSON. A fault tells the path.
fn message(spec: &Spec, value: &Value) -> Result<Bytes, String> {
    let whole = value
        .as_object()
        .ok_or("an object with mti and fields wanted")?;
    let strange = |key: &&String| {
        let known = ["mti", "fields"].iter().chain(&BESIDE);
        !known.into_iter().any(|known| known == key)
    };
    match whole.keys().find(strange) {
        Some(key) if key == "error" => {
            return Err("this is what could be read of a faulty message".to_owned());
        }
        Some(_) => return Err("nothing beside mti and fields wanted".to_owned()),
        None => {}
    }
    let fields = whole.get("fields").and_then(Value::as_object);
    for (n, value) in fields.ok_or("fields: an object wanted")? {
        let field = |path: &Path| spec.field(path.field.into());
        let path: Option<Path> = n.parse().ok();
        if let Some(path) = path.and_then(|path| masked(path.clone(), value, field(&path), None)) {
            let cure = "describe --show-secrets shows what is wanted here";
            return Err(format!("field {path}: it is masked; {cure}"));
        }
    }
    let builder = make::from_json(spec, value).map_err(|error| error.to_string())?;
    let mut out = BytesMut::new();
    builder
        .encode(&mut out)
        .map_err(|error| error.to_string())?;
    Ok(out.freeze())
}

/// Where a value was masked when it was shown: one of `field`, or of what the dialect does not name, `around` it what it
/// names.
fn masked(
    path: Path,
    value: &Value,
    field: Option<&FieldSpec>,
    around: Option<&Inside>,
) -> Option<Path> {
    match value {
        Value::String(text) => {
            // What the dialect does not name is masked too.
            let is_open = field.is_some_and(|field| field.secret == Secret::Open);
            (!is_open && is_starred(text)).then_some(path)
        }
        Value::Array(values) => {
            let mut values = values.iter();
            values.find_map(|value| masked(path.clone(), value, field, around))
        }
        Value::Object(pieces) => pieces.iter().find_map(|(label, value)| {
            let mut below = path.clone();
            below.inside.push(label.clone());
            // Inside a tag without a name stands the same as around it.
            let inside = field.map_or(around, |field| Some(&field.inside));
            let piece = inside.and_then(|inside| inside.spec(label));
            masked(below, value, piece, inside)
        }),
        _ => None,
    }
}

/// Whether a text looks as masking leaves it: nothing but stars, or three at least between other characters.
fn is_starred(text: &str) -> bool {
    text.contains("***") || !text.is_empty() && text.bytes().all(|c| c == b'*')
}
