//! What the commands for messages share: dialects by name, framings by name, a stream cut into its messages, and what is
//! read and written a line at a time.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use bytes::{Buf, Bytes, BytesMut};

use crate::cli::Failure;
use crate::config::Config;
use crate::source::{names_in, nearest};
use crate::spec::{self, Spec};
use crate::wire::framing::{FrameError, Framing};

/// The dialect where none is named.
pub(super) const DEFAULT: &str = "iso87-ascii";

/// The most bytes of a line, of hex digits or of JSON.
const LINE_BYTES_MAX: usize = 1 << 20;

/// The dialect with this name: of the configured folder, or inside the program. A name that ends in `.toml` is a file,
/// which may extend others of its folder.
pub(super) fn dialect(config: &Config, name: &str) -> Result<Spec, Failure> {
    if let Some(stem) = name.strip_suffix(".toml") {
        let file = Path::new(name);
        if !file.is_file() {
            return Err(Failure::Usage(format!("there is no file {name}")));
        }
        let folder = file.parent().filter(|folder| *folder != Path::new(""));
        let stem = Path::new(stem).file_name().unwrap_or_default();
        let folder = folder.unwrap_or(Path::new("."));
        return Ok(spec::load(folder, &stem.to_string_lossy())?);
    }
    match &config.specs {
        Some(folder) => Ok(spec::load(folder, name)?),
        None => spec::shipped(name).ok_or_else(|| {
            let near = nearest(name, spec::SHIPPED.map(|(name, _)| name));
            let meant = near.map_or(String::new(), |near| format!("; did you mean {near:?}?"));
            let wanted = format!("there is no dialect {name:?}{meant}");
            Failure::Usage(format!("{wanted}; clubswitch describe --list names them"))
        }),
    }
}

/// The names of all dialects: the shipped ones in their order, then those of the configured folder.
pub(super) fn names(config: &Config) -> Vec<String> {
    let mut names: Vec<String> = spec::SHIPPED.map(|(name, _)| name.to_owned()).into();
    let own = config
        .specs
        .as_deref()
        .and_then(|folder| names_in(folder).ok());
    for name in own.unwrap_or_default() {
        if let Some(name) = name.strip_suffix(".toml")
            && !names.iter().any(|known| known == name)
        {
            names.push(name.to_owned());
        }
    }
    names
}

/// How messages stand in a stream, as a listener says it.
#[derive(Debug, clap::Args)]
pub(super) struct FrameArgs {
    /// How the length of each message is told, as for a listener: len2-be, len4-ascii, nac, etx, ...
    #[arg(long, value_name = "NAME")]
    pub framing: Option<String>,
    /// These characters stand before each message, behind its length
    #[arg(long, value_name = "TEXT", conflicts_with = "header_bytes")]
    pub header: Option<String>,
    /// So many bytes stand before each message, behind its length
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub header_bytes: Option<u16>,
}

impl FrameArgs {
    /// The framing that is named; a message may have all the bytes that one can have.
    pub fn framing(&self) -> Result<Option<Framing>, Failure> {
        let Some(name) = &self.framing else {
            return Ok(None);
        };
        let framing = Framing::named(name).ok_or_else(|| {
            let known = Framing::NAMES.join(", ");
            Failure::Usage(format!("there is no framing {name:?}; one of {known}"))
        })?;
        let framing = framing.with_body_bytes_max(usize::from(u16::MAX));
        Ok(Some(match (&self.header, self.header_bytes) {
            (Some(literal), _) => framing.with_literal_header(literal.as_bytes()),
            (None, Some(bytes)) => framing.with_counted_header(usize::from(bytes)),
            (None, None) => framing,
        }))
    }

    /// What is left of a single message without a length, behind its header.
    pub fn behind_header(&self, mut message: Bytes) -> Result<Bytes, Failure> {
        let header = match (&self.header, self.header_bytes) {
            (Some(literal), _) if !message.starts_with(literal.as_bytes()) => {
                return Err(Failure::Off(
                    "the message does not begin with the header".to_owned(),
                ));
            }
            (Some(literal), _) => literal.len(),
            (None, bytes) => bytes.map_or(0, usize::from),
        };
        message.advance(header.min(message.len()));
        Ok(message)
    }
}

/// One message of a stream.
pub(super) struct Framed {
    /// The byte of the stream at which its body begins.
    pub at: usize,
    /// What stood between length and body.
    pub header: Bytes,
    /// The message; empty for a keep-alive.
    pub body: Bytes,
}

/// A stream, cut into its messages one after the other.
pub(super) struct Cutter<'f> {
    framing: &'f Framing,
    left: BytesMut,
    all: usize,
}

impl<'f> Cutter<'f> {
    pub fn new(framing: &'f Framing, stream: Bytes) -> Cutter<'f> {
        Cutter {
            framing,
            all: stream.len(),
            left: BytesMut::from(stream),
        }
    }

    /// The byte at which the next frame begins.
    pub fn at(&self) -> usize {
        self.all - self.left.len()
    }

    /// Bytes that are left.
    pub fn left(&self) -> usize {
        self.left.len()
    }

    /// What is wrong with the rest behind the frame at byte `end`, which ends a file: only blanks of EBCDIC may follow.
    pub fn is_filled_up(&self, end: usize) -> Option<String> {
        let other = self.left.iter().position(|byte| *byte != 0x40)?;
        let at = self.at() + other;
        Some(format!(
            "the frame at byte {end} ends the file; at byte {at} there is more"
        ))
    }

    /// The next message; `None` where the rest is no whole one.
    pub fn take(&mut self) -> Result<Option<Framed>, FrameError> {
        let Some(frame) = self.framing.take(&mut self.left)? else {
            return Ok(None);
        };
        let end = usize::from(self.framing.name().ends_with("etx") && !frame.body.is_empty());
        let at = self.at() - end - frame.body.len();
        Ok(Some(Framed {
            at,
            header: frame.header,
            body: frame.body,
        }))
    }
}

/// What is read line by line: a file, standard input (`-`), or the argument itself.
pub(super) fn lines_of(argument: &str) -> Result<Box<dyn BufRead + '_>, Failure> {
    if argument == "-" {
        return Ok(Box::new(io::stdin().lock()));
    }
    if !Path::new(argument).is_file() {
        return Ok(Box::new(argument.as_bytes()));
    }
    let file = File::open(argument)
        .map_err(|error| Failure::Usage(format!("{argument} cannot be read: {error}")))?;
    Ok(Box::new(BufReader::with_capacity(1 << 16, file)))
}

/// Reads lines until there are no more: each with its number, without its end; `None` for one that is too long.
pub(super) fn each_line(
    mut from: impl BufRead,
    mut each: impl FnMut(usize, Option<&[u8]>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::Usage(format!("the lines cannot be read: {error}"));
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let most = LINE_BYTES_MAX as u64 + 1;
        let read = (&mut from).take(most).read_until(b'\n', &mut line);
        if read.map_err(failed)? == 0 {
            break;
        }
        if line.len() <= LINE_BYTES_MAX || line.ends_with(b"\n") {
            each(number, Some(line.trim_ascii()))?;
            continue;
        }
        while !line.ends_with(b"\n") {
            line.clear();
            let read = (&mut from).take(most).read_until(b'\n', &mut line);
            if read.map_err(failed)? == 0 {
                break;
            }
        }
        each(number, None)?;
    }
    Ok(())
}

/// Standard output, written in large pieces.
pub(super) struct Out(io::BufWriter<io::StdoutLock<'static>>);

impl Out {
    pub fn new() -> Out {
        Out(io::BufWriter::with_capacity(1 << 16, io::stdout().lock()))
    }

    pub fn put(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), Failure> {
        self.0.write_all(bytes.as_ref()).map_err(unwritten)
    }

    /// A line, whose end is put behind it.
    pub fn line(&mut self, line: &impl std::fmt::Display) -> Result<(), Failure> {
        writeln!(self.0, "{line}").map_err(unwritten)
    }

    pub fn flush(&mut self) -> Result<(), Failure> {
        self.0.flush().map_err(unwritten)
    }
}

fn unwritten(error: io::Error) -> Failure {
    Failure::Io(format!("write to standard output: {error}"))
}
