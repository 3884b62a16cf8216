//! `describe`: messages for people, as JSON, or a line each; of bad bytes, the field and the byte.

use std::path::PathBuf;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::cli::capture::{self, Form};
use crate::cli::dialects::{self, Cutter, FrameArgs, Framed, Out};
use crate::cli::{Failure, doctor, fields};
use crate::config::Config;
use crate::message::describe::{self, Secrets};
use crate::message::{DecodeError, Message};
use crate::spec::Spec;
use crate::terms::Pan;
use crate::wire::coding::to_hex;
use crate::wire::framing::Framing;

/// Show what a message says.
///
/// Reads a message, or with --framing a stream of them: hex digits in any layout, a dump (hexdump -C, xxd, od, tcpdump -X)
/// or raw bytes, from the argument, a file or standard input. Shows it field by field. Card numbers, PIN blocks and keys
/// are masked unless they are asked for. Of bytes that are no message, tells the field and the byte.
///
/// Where nobody knows what a capture is, --dialect auto tries every dialect under every framing and header, ranks what
/// fits and says why.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clubswitch describe --list
  clubswitch describe --fields --dialect iso87-bcd
  clubswitch describe --dialect iso87-ascii 30383030383232303030303030303030303030303034303030303030303030303030303030313031303030303030303030303031333031
  clubswitch describe --dialect auto capture.bin
  hexdump -C capture.bin | clubswitch describe --dialect iso87-bcd --framing nac -
  clubswitch describe --framing len2-be --brief stream.bin
  clubswitch describe --dialect mastercard-ipm --framing len4-be --blocked clearing.ipm
  clubswitch describe --lines --show-secrets messages.hex | clubswitch encode --lines -

Exit status: 0 a message, 1 not one, 2 a fault in the command.")]
pub(super) struct Args {
    /// The dialect the message is in, a dialect file (NAME.toml), or auto to find it [default: iso87-ascii]
    #[arg(long, value_name = "NAME")]
    dialect: Option<String>,
    /// Name the dialects, one a line
    #[arg(long)]
    list: bool,
    /// The fields of the dialect as a table, with what is inside them; with --json for other programs
    #[arg(long, conflicts_with_all = ["list", "message", "lines", "brief"])]
    fields: bool,
    /// What the input is; left out, it is told from its looks
    #[arg(long, value_name = "FORM")]
    input: Option<Form>,
    #[command(flatten)]
    frames: FrameArgs,
    /// The stream is cut into blocks of 1014 bytes, the last two of each without meaning, as clearing files are
    #[arg(long, requires = "framing")]
    blocked: bool,
    /// Every line is a message in hex; each gives a line of JSON, or with --brief of text
    #[arg(long, conflicts_with_all = ["framing", "input"])]
    lines: bool,
    /// A line a message: type, trace number, reference, terminal, masked card, amount, outcome
    #[arg(long, conflicts_with = "json")]
    brief: bool,
    /// As JSON: {"mti": ..., "fields": {"2": ...}}; with --framing a line each
    #[arg(long)]
    json: bool,
    /// With --dialect auto: the whole ranking
    #[arg(long)]
    all: bool,
    /// Show what is masked otherwise; mind who can read it
    #[arg(long)]
    show_secrets: bool,
    /// The configuration file that names the folder of dialects
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The message: hex digits, a file, or - for standard input
    #[arg(value_name = "HEX|FILE|-", required_unless_present_any = ["list", "fields"])]
    message: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let config = Config::find(args.config.as_deref())?;
    if args.list {
        let mut names = dialects::names(&config);
        names.sort();
        for name in names {
            anstream::println!("{name}");
        }
        return Ok(());
    }
    let argument = args.message.as_deref().unwrap_or("-");
    let named = args.dialect.as_deref();
    if args.fields {
        let spec = dialects::dialect(&config, named.unwrap_or(dialects::DEFAULT))?;
        let mut out = Out::new();
        match args.json {
            true => out.line(&fields::json(&spec))?,
            false => out.put(fields::text(&spec))?,
        }
        return out.flush();
    }
    if named == Some("auto") {
        return find(args, &config, argument);
    }
    let spec = dialects::dialect(&config, named.unwrap_or(dialects::DEFAULT))?;
    let mut show = Show::new(args, &spec);
    if args.lines {
        return show.lines(args, argument);
    }
    let mut bytes = Bytes::from(capture::read(argument, args.input, true)?.bytes);
    if args.blocked {
        bytes = capture::unblocked(&bytes)?.into();
    }
    let shown = match args.frames.framing()? {
        Some(framing) => show.stream(&framing, bytes),
        None => show.only(args.frames.behind_header(bytes)?),
    };
    // Whoever named no dialect may not know which it is.
    shown.map_err(|failure| match failure {
        Failure::Off(text) if named.is_none() => {
            let text = text.trim_end();
            let name = dialects::DEFAULT;
            Failure::Off(format!(
                "{text}\nread as {name}; where it may be another, try --dialect auto"
            ))
        }
        failure => failure,
    })
}

/// `--dialect auto`: the ranking, and the messages as the best of it reads them.
fn find(args: &Args, config: &Config, argument: &str) -> Result<(), Failure> {
    if args.lines {
        let wanted =
            "--lines wants the name of a dialect; --dialect auto on one of the lines finds it";
        return Err(Failure::Usage(wanted.to_owned()));
    }
    let mut capture = capture::read(argument, args.input, false)?;
    if args.blocked {
        capture.bytes = capture::unblocked(&capture.bytes)?;
    }
    let slip = capture.fault;
    let specs = doctor::dialects(config);
    let framing = args.frames.framing()?;
    let (bytes, text) = match &framing {
        Some(_) => (Bytes::from(capture.bytes), None),
        None => {
            let text = capture
                .text
                .map(|text| args.frames.behind_header(text.into()));
            let bytes = args.frames.behind_header(capture.bytes.into())?;
            (bytes, text.and_then(Result::ok))
        }
    };
    let has_header = args.frames.header.is_some() || args.frames.header_bytes.is_some();
    let (mut ranking, mut found) = match &framing {
        Some(framing) => doctor::rank_framed(&specs, bytes.clone(), framing, has_header),
        None => doctor::rank(&specs, bytes.clone(), text.clone()),
    };
    let changed;
    if ranking.best().is_none() {
        // A dialect that differs from a known one in a key or two is the next best guess.
        changed = doctor::changed();
        let (other, bytes) = match &framing {
            Some(framing) => doctor::rank_framed(&changed, bytes, framing, has_header),
            None => doctor::rank(&changed, bytes, text),
        };
        if other.best().is_some() {
            (ranking, found) = (other, bytes);
        }
    }
    let bytes = found;
    let told = ranking.json(args.all);
    if !args.json && !args.brief {
        anstream::print!("{}", ranking.text(args.all));
    }
    let Some(best) = ranking.best() else {
        if args.json {
            anstream::println!("{}", json!({ "ranking": told }));
        }
        let tried = specs.len();
        let mut text = format!("none of {tried} dialects reads this whole");
        if let Some(slip) = slip {
            text.push_str(&format!("; and as hex digits: {slip}"));
        }
        return Err(Failure::Off(text));
    };
    let mut show = Show::new(args, best.spec);
    show.ranking = args.json.then_some(told);
    if !args.json && !args.brief {
        show.out.put("\n")?;
    }
    match best.framing() {
        Some(framing) => show.stream(framing, bytes),
        None => show.only(best.message_of(&bytes)),
    }
}

/// Shows messages of one dialect.
struct Show<'s> {
    spec: &'s Spec,
    secrets: Secrets,
    json: bool,
    brief: bool,
    /// Goes with the first message as JSON.
    ranking: Option<Value>,
    out: Out,
}

impl<'s> Show<'s> {
    fn new(args: &Args, spec: &'s Spec) -> Show<'s> {
        Show {
            spec,
            secrets: match args.show_secrets {
                true => Secrets::Shown,
                false => Secrets::Masked,
            },
            json: args.json,
            brief: args.brief,
            ranking: None,
            out: Out::new(),
        }
    }

    /// A single message.
    fn only(&mut self, bytes: Bytes) -> Result<(), Failure> {
        let read = Message::decode(self.spec, bytes);
        match &read {
            Err(error) if self.brief => return Err(Failure::Off(brief_fault(self.spec, error))),
            Err(error) if !self.json => {
                let text = describe::fault_text(self.spec, error, self.secrets);
                return Err(Failure::Off(text));
            }
            Ok(message) if self.brief => self.out.line(&brief(self.spec, message))?,
            Ok(message) if !self.json => {
                let text = describe::text(self.spec, message, self.secrets);
                self.out.put(text)?;
            }
            _ => {
                let value = self.value(&read);
                let value = self.with_ranking(value);
                self.out.line(&value)?;
            }
        }
        self.out.flush()?;
        match read {
            Ok(_) => Ok(()),
            Err(_) => Err(Failure::Off("not a message of this dialect".to_owned())),
        }
    }

    /// The messages of a stream, one after the other.
    fn stream(&mut self, framing: &Framing, bytes: Bytes) -> Result<(), Failure> {
        let mut cutter = Cutter::new(framing, bytes);
        let (mut count, mut bad, mut silent) = (0_usize, 0_usize, 0_usize);
        let rest = loop {
            let at = cutter.at();
            match cutter.take() {
                // A file ends with a frame of nothing; what fills up its last block comes after.
                Ok(Some(framed)) if framed.body.is_empty() && self.is_file() => {
                    break cutter.is_filled_up(at);
                }
                Ok(Some(framed)) if framed.body.is_empty() => silent += 1,
                Ok(Some(framed)) => {
                    self.silent(std::mem::take(&mut silent), at)?;
                    count += 1;
                    bad += usize::from(!self.framed(count, framed)?);
                }
                Ok(None) if cutter.left() == 0 => break None,
                Ok(None) => {
                    let left = cutter.left();
                    let bytes = if left == 1 { "byte" } else { "bytes" };
                    let there = format!("{left} {bytes} of it are there");
                    break Some(format!(
                        "at byte {at} a frame begins that is not whole: {there}"
                    ));
                }
                Err(error) => break Some(format!("at byte {at}: {error}")),
            }
        };
        self.silent(silent, cutter.at())?;
        self.out.flush()?;
        let mut faults = Vec::new();
        if bad > 0 {
            faults.push(format!("{bad} of {count} messages cannot be read"));
        }
        if count == 0 && rest.is_none() {
            faults.push("no message there".to_owned());
        }
        faults.extend(rest);
        match faults.is_empty() {
            true => Ok(()),
            false => Err(Failure::Off(faults.join("; "))),
        }
    }

    /// Whether the dialect is one of files, which no link speaks.
    fn is_file(&self) -> bool {
        self.spec.functions().is_empty()
    }

    /// Frames without a message, before a byte of the stream.
    fn silent(&mut self, count: usize, at: usize) -> Result<(), Failure> {
        if count == 0 || self.json || self.brief {
            return Ok(());
        }
        let keep_alives = if count == 1 {
            "keep-alive"
        } else {
            "keep-alives"
        };
        self.out
            .line(&format!("{count} {keep_alives} before byte {at}"))
    }

    /// One of several messages; tells whether it could be read.
    fn framed(&mut self, number: usize, framed: Framed) -> Result<bool, Failure> {
        let Framed { at, header, body } = framed;
        let read = Message::decode(self.spec, body);
        if self.json {
            let mut value = self.value(&read);
            value["number"] = number.into();
            value["at_byte"] = at.into();
            if !header.is_empty() {
                value["header"] = to_hex(&header).into();
            }
            let value = self.with_ranking(value);
            self.out.line(&value)?;
        } else if self.brief {
            match &read {
                Ok(message) => self.out.line(&brief(self.spec, message))?,
                Err(error) => {
                    let told = brief_fault(self.spec, error);
                    self.out
                        .line(&format!("message {number} at byte {at}: {told}"))?;
                }
            }
        } else {
            let header = match header.is_empty() {
                true => String::new(),
                false if header.iter().all(u8::is_ascii_graphic) => {
                    format!(", header {}", String::from_utf8_lossy(&header))
                }
                false => format!(", header {}", spaced(&header)),
            };
            let gap = if number > 1 { "\n" } else { "" };
            self.out
                .put(format!("{gap}message {number} at byte {at}{header}:\n"))?;
            let text = match &read {
                Ok(message) => describe::text(self.spec, message, self.secrets),
                Err(error) => describe::fault_text(self.spec, error, self.secrets),
            };
            self.out.put(text)?;
        }
        Ok(read.is_ok())
    }

    /// A line of input, a line of output.
    fn lines(&mut self, args: &Args, argument: &str) -> Result<(), Failure> {
        let (mut count, mut bad) = (0_usize, 0_usize);
        dialects::each_line(dialects::lines_of(argument)?, |number, line| {
            if line.is_some_and(<[u8]>::is_empty) {
                return Ok(());
            }
            count += 1;
            let told = match line.map(|line| capture::parse(line, Some(Form::Hex))) {
                None => Err(json!({ "wanted": "a shorter line" })),
                Some(Err(fault)) => Err(fault.on_a_line()),
                Some(Ok(capture)) => {
                    let bytes = args.frames.behind_header(capture.bytes.into());
                    bytes.map_err(|_| json!({ "wanted": "the header" }))
                }
            };
            let read = told.map(|bytes| Message::decode(self.spec, bytes));
            bad += usize::from(!matches!(&read, Ok(Ok(_))));
            match (read, self.brief) {
                (Ok(Ok(message)), true) => self.out.line(&brief(self.spec, &message)),
                (Ok(Err(error)), true) => {
                    let told = brief_fault(self.spec, &error);
                    self.out.line(&format!("line {number}: {told}"))
                }
                (Err(error), true) => {
                    let wanted = error["wanted"].as_str().unwrap_or_default();
                    self.out.line(&format!("line {number}: {wanted} wanted"))
                }
                (Ok(read), false) => {
                    let mut value = self.value(&read);
                    if read.is_err() {
                        value["line"] = number.into();
                    }
                    self.out.line(&value)
                }
                (Err(error), false) => self.out.line(&json!({ "error": error, "line": number })),
            }
        })?;
        self.out.flush()?;
        match bad {
            0 => Ok(()),
            _ => Err(Failure::Off(format!(
                "{bad} of {count} lines cannot be read"
            ))),
        }
    }

    fn value(&self, read: &Result<Message, DecodeError>) -> Value {
        match read {
            Ok(message) => describe::json(self.spec, message, self.secrets),
            Err(error) => describe::fault_json(self.spec, error, self.secrets),
        }
    }

    fn with_ranking(&mut self, value: Value) -> Value {
        match self.ranking.take() {
            Some(ranking) => json!({ "ranking": ranking, "message": value }),
            None => value,
        }
    }
}

/// A message in a line: what is there of type, function, trace number, reference, terminal, card, amount, outcome.
fn brief(spec: &Spec, message: &Message) -> String {
    let at = |role| message.at(spec, spec.role(role)?);
    let mut line = message.mti().to_string();
    if let Some(function) = message.function(spec) {
        line.push(' ');
        line.push_str(&function.name);
    }
    for role in ["stan", "rrn", "terminal"] {
        if let Some(value) = at(role) {
            line.push_str(&format!(" {role}={}", plain(value.trim_end())));
        }
    }
    let card = at("pan").and_then(|pan| Pan::new(pan.as_bytes()));
    let track = || Pan::from_track2(at("track2")?.as_bytes());
    if let Some(card) = card.or_else(track) {
        line.push_str(&format!(" card={}", masked(&card)));
    }
    if let Some(amount) = at("amount") {
        let amount = plain(amount.trim_start_matches('0'));
        line.push_str(&format!(
            " amount={}",
            if amount.is_empty() { "0" } else { &amount }
        ));
    }
    if let Some(outcome) = at("outcome") {
        line.push_str(&format!(" outcome={}", plain(&outcome)));
    }
    line
}

/// What is wrong with a message, and in brief what is good of it; where that is no card, the issuer of a bad one.
fn brief_fault(spec: &Spec, error: &DecodeError) -> String {
    let Some(read) = &error.read else {
        return error.to_string();
    };
    let mut line = format!("{error}; {}", brief(spec, read));
    if !line.contains(" card=")
        && let Some(peek) = Message::peek(spec, read.bytes())
        && let Some(issuer) = peek.issuer(spec)
    {
        line.push_str(&format!(" issuer={issuer:06}"));
    }
    line
}

/// One word of a line: nothing in it can break the line.
fn plain(text: &str) -> String {
    let plain = |c: char| match c.is_control() || c.is_whitespace() {
        true => '_',
        false => c,
    };
    text.chars().map(plain).collect()
}

/// First six and last four digits, where six more are hidden between them at least; else the last two.
fn masked(card: &Pan) -> String {
    let digits = card.digits();
    let (first, last) = match digits.len() {
        13.. => (6, 4),
        _ => (0, 2),
    };
    let mask = |(at, digit): (usize, &u8)| match at < first || at >= digits.len() - last {
        true => char::from(*digit),
        false => '*',
    };
    digits.iter().enumerate().map(mask).collect()
}

/// `60 00 01 00 00`.
pub(super) fn spaced(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(" ")
}
