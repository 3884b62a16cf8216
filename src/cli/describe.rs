//! `describe`: a message for people or as JSON; of bad bytes, the field and the byte.

use std::io::Read;
use std::path::PathBuf;

use bytes::Bytes;

use crate::cli::Failure;
use crate::config::Config;
use crate::message::Message;
use crate::message::describe::{self, Secrets};
use crate::source::names_in;
use crate::spec;

/// Show what a message says.
///
/// Decodes one message without its length prefix, given as hex digits, and shows it field by field. Card numbers, PIN
/// blocks and keys are masked unless they are asked for. Of bytes that are no message, tells the field and the byte.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clubswitch describe --list
  clubswitch describe --dialect iso87-ascii 30383030383232303030303030303030303030303034303030303030303030303030303031303030303030303030303030303031333031
  xxd -p message.bin | clubswitch describe --dialect iso87-ascii --json -

Exit status: 0 a message, 1 not one, 2 a fault in the command.")]
pub(super) struct Args {
    /// The dialect the message is in
    #[arg(long, value_name = "NAME", default_value = "iso87-ascii")]
    dialect: String,
    /// Name the dialects, one a line
    #[arg(long)]
    list: bool,
    /// As JSON: {"mti": ..., "fields": {"2": ...}}
    #[arg(long)]
    json: bool,
    /// Show what is masked otherwise; mind who can read it
    #[arg(long)]
    show_secrets: bool,
    /// The configuration file that names the folder of dialects
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The message as hex digits; - reads them from standard input
    #[arg(value_name = "HEX", required_unless_present = "list")]
    hex: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let config = Config::find(args.config.as_deref())?;
    if args.list {
        list(&config);
        return Ok(());
    }
    let spec = match &config.specs {
        Some(folder) => spec::load(folder, &args.dialect)?,
        None => spec::shipped(&args.dialect).ok_or_else(|| {
            let wanted = format!("there is no dialect {:?}", args.dialect);
            Failure::Usage(format!("{wanted}; clubswitch describe --list names them"))
        })?,
    };
    let bytes = from_hex(&text(args)?)?;
    let secrets = if args.show_secrets {
        Secrets::Shown
    } else {
        Secrets::Masked
    };
    match Message::decode(&spec, bytes) {
        Ok(message) if args.json => {
            anstream::println!("{}", describe::json(&spec, &message, secrets));
            Ok(())
        }
        Ok(message) => {
            anstream::print!("{}", describe::text(&spec, &message, secrets));
            Ok(())
        }
        Err(error) if args.json => {
            anstream::println!("{}", describe::fault_json(&spec, &error, secrets));
            Err(Failure::Off("not a message of this dialect".to_owned()))
        }
        Err(error) => Err(Failure::Off(describe::fault_text(&spec, &error, secrets))),
    }
}

fn list(config: &Config) {
    let mut names: Vec<String> = spec::SHIPPED.map(|(name, _)| name.to_owned()).into();
    let own = config
        .specs
        .as_deref()
        .and_then(|folder| names_in(folder).ok());
    for name in own.unwrap_or_default() {
        names.extend(name.strip_suffix(".toml").map(str::to_owned));
    }
    names.sort();
    names.dedup();
    for name in names {
        anstream::println!("{name}");
    }
}

fn text(args: &Args) -> Result<String, Failure> {
    let Some(hex) = args.hex.as_deref().filter(|hex| *hex != "-") else {
        let mut text = String::new();
        return match std::io::stdin().read_to_string(&mut text) {
            Ok(_) => Ok(text),
            Err(error) => Err(Failure::Usage(format!(
                "hex digits wanted on standard input: {error}"
            ))),
        };
    };
    Ok(hex.to_owned())
}

/// Hex digits, with blanks and line ends wherever they like.
fn from_hex(text: &str) -> Result<Bytes, Failure> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    if let Some(at) = digits.iter().position(|c| !c.is_ascii_hexdigit()) {
        return Err(Failure::Usage(format!(
            "hex digits wanted, another character found at place {}",
            at + 1
        )));
    }
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return Err(Failure::Usage(format!(
            "two hex digits a byte wanted, {} digits found",
            digits.len()
        )));
    }
    let bytes = digits.chunks_exact(2).map(|pair| {
        let value = |c: char| c.to_digit(16).unwrap_or(0);
        (value(pair[0]) << 4 | value(pair[1])) as u8
    });
    Ok(bytes.collect())
}
