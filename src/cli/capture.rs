//! Captures as people hold them: hex digits in any layout, dumps of `hexdump -C`, `xxd`, `od` and `tcpdump -X`, raw bytes.
//! A fault names line and column, never what stands there: a capture holds card data.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::cli::Failure;

/// The most bytes of a capture, as it is given and as it is read.
pub(super) const BYTES_MAX: usize = 64 << 20;

/// How a capture is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Form {
    /// Hex digits in any layout
    Hex,
    /// Lines with an offset at their left, as hexdump -C, xxd, od and tcpdump -X print them
    Dump,
    /// The bytes themselves
    Binary,
}

/// A capture, read.
pub(super) struct Capture {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The text it was given as, where that could be the bytes as well.
    pub text: Option<Vec<u8>>,
    /// Why it is taken for the bytes themselves, though it looks like hex digits.
    pub fault: Option<Unreadable>,
}

/// Where a capture cannot be read, and what was wanted there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    line: usize,
    column: usize,
    wanted: &'static str,
}

/// Reads a capture from a file, from standard input (`-`), or from the argument itself. What looks like hex digits with a
/// slip in it is refused, or taken for the bytes themselves.
pub(super) fn read(argument: &str, form: Option<Form>, refuses: bool) -> Result<Capture, Failure> {
    let (given, from) = match argument {
        "-" => (
            bounded(io::stdin().lock(), "standard input")?,
            "standard input",
        ),
        // An argument longer than any path is none, and neither is one with a NUL in it.
        path if Path::new(path).is_file() => (open(path)?, path),
        text => {
            let form = form.or_else(|| told_form(text.as_bytes()));
            return match form.unwrap_or(Form::Hex) {
                Form::Binary => Err(Failure::Usage(
                    "--input binary wants a file, or - for standard input".to_owned(),
                )),
                form => parse(text.as_bytes(), Some(form)).map_err(|fault| {
                    Failure::Usage(format!("no such file, and no hex digits either: {fault}"))
                }),
            };
        }
    };
    if given.is_empty() {
        return Err(Failure::Usage(format!("{from} is empty")));
    }
    match parse(&given, form) {
        Ok(capture) => Ok(capture),
        Err(fault) if !refuses && form.is_none() => Ok(Capture {
            bytes: given,
            text: None,
            fault: Some(fault),
        }),
        Err(fault) => {
            let other = match form {
                None => "; where these are the bytes themselves, say --input binary",
                Some(_) => "",
            };
            Err(Failure::Usage(format!("{from}: {fault}{other}")))
        }
    }
}

/// All of a file or of standard input, up to the limit.
pub(super) fn bounded(from: impl Read, name: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let most = BYTES_MAX as u64 + 1;
    from.take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::Usage(format!("{name} cannot be read: {error}")))?;
    if bytes.len() > BYTES_MAX {
        let most = BYTES_MAX >> 20;
        return Err(Failure::Usage(format!(
            "{name}: at most {most} MiB wanted; cut a piece out of it"
        )));
    }
    Ok(bytes)
}

/// All of a file, up to the limit.
pub(super) fn open(path: &str) -> Result<Vec<u8>, Failure> {
    let file = File::open(path)
        .map_err(|error| Failure::Usage(format!("{path} cannot be read: {error}")))?;
    bounded(file, path)
}

/// Bytes of a capture in the form that is named, or in the one it looks like.
pub(super) fn parse(given: &[u8], form: Option<Form>) -> Result<Capture, Unreadable> {
    let guessed = form.is_none();
    let form = form.or_else(|| told_form(given)).unwrap_or(Form::Binary);
    let bytes = match form {
        Form::Hex => hex(given)?,
        Form::Dump => undumped(given)?,
        Form::Binary => given.to_vec(),
    };
    // A message of digits alone is hex digits as well.
    let both = guessed && form == Form::Hex && given.iter().all(u8::is_ascii_hexdigit);
    Ok(Capture {
        bytes,
        text: both.then(|| given.to_vec()),
        fault: None,
    })
}

/// The form that a text looks like; `None` for what is no text.
fn told_form(given: &[u8]) -> Option<Form> {
    let text = given.strip_prefix(BOM).unwrap_or(given);
    let is_text = |c: &u8| matches!(c, b'\t' | b'\n' | b'\r' | 0x0c | b' '..=b'~');
    // The text column of a dump is ASCII everywhere.
    if text.iter().all(|c| c.is_ascii_whitespace()) || !text.iter().all(is_text) {
        return None;
    }
    if is_dump(text) {
        return Some(Form::Dump);
    }
    let other = |c: &&u8| !c.is_ascii_hexdigit() && !is_between(**c) && !matches!(c, b'x' | b'X');
    let strange = text.iter().filter(other).count();
    // One digit in fifty may be a slip of the hand; more are a message of letters.
    (strange * 50 <= text.len()).then_some(Form::Hex)
}

const BOM: &[u8] = b"\xef\xbb\xbf";

fn is_between(c: u8) -> bool {
    c.is_ascii_whitespace() || matches!(c, b':' | b',' | b'-')
}

/// Hex digits with blanks, line ends, colons, commas, hyphens and `0x` wherever they like.
fn hex(given: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let given = given.strip_prefix(BOM).unwrap_or(given);
    let mut bytes = Vec::with_capacity(given.len() / 2);
    let mut high = None;
    // Digits since the last separator, whether they began with `0x`.
    let (mut run, mut marked) = (0, false);
    let mut place = Place::first();
    for c in given {
        if let Some(digit) = char::from(*c).to_digit(16) {
            run += 1;
            high = match high {
                None => Some(digit as u8),
                Some(high) => {
                    bytes.push(high << 4 | digit as u8);
                    None
                }
            };
        } else if matches!(c, b'x' | b'X') && run == 1 && high == Some(0) {
            (high, run, marked) = (None, 0, true);
        } else if is_between(*c) || *c == 0 {
            // Between `0x1` and `0x23` nobody knows whose digit is missing.
            if marked && run % 2 == 1 {
                return Err(place.wanted("two hex digits a byte"));
            }
            (run, marked) = (0, false);
        } else {
            return Err(place.wanted("a hex digit"));
        }
        place.pass(*c);
    }
    match high {
        Some(_) => Err(place.wanted("a second hex digit for the last byte")),
        None if bytes.is_empty() => Err(place.wanted("hex digits")),
        None => Ok(bytes),
    }
}

#[derive(Clone, Copy)]
struct Place {
    line: usize,
    column: usize,
}

impl Place {
    fn first() -> Place {
        Place { line: 1, column: 1 }
    }

    fn pass(&mut self, c: u8) {
        if c == b'\n' {
            (self.line, self.column) = (self.line + 1, 1);
        } else {
            self.column += 1;
        }
    }

    fn wanted(self, wanted: &'static str) -> Unreadable {
        Unreadable {
            line: self.line,
            column: self.column,
            wanted,
        }
    }
}

/// A line of a dump: the offset at its left, and the groups of hex digits that follow it.
struct Row<'a> {
    offset: &'a str,
    /// Whether a colon ends the offset.
    colon: bool,
    groups: Vec<Group<'a>>,
    /// The column of something else behind the groups.
    text: Option<usize>,
}

/// A word of a line, its column, and how many blanks stand before it.
struct Group<'a> {
    column: usize,
    gap: usize,
    digits: &'a str,
}

impl<'a> Row<'a> {
    /// `None` where no offset stands at the left.
    fn read(line: &'a str) -> Option<Row<'a>> {
        let mut words = words(line);
        let first = words.next()?.digits;
        let bare = first.strip_suffix(':').unwrap_or(first);
        let digits = bare.strip_prefix("0x").unwrap_or(bare);
        if !(4..=16).contains(&digits.len()) || !all_hex(digits) {
            return None;
        }
        let mut row = Row {
            offset: digits,
            colon: bare.len() != first.len(),
            groups: Vec::new(),
            text: None,
        };
        for word in words {
            if !all_hex(word.digits) || !word.digits.len().is_multiple_of(2) {
                row.text = Some(word.column);
                break;
            }
            row.groups.push(word);
        }
        Some(row)
    }

    fn bytes(&self) -> usize {
        self.groups.iter().map(|group| group.digits.len() / 2).sum()
    }

    /// How many groups make so many bytes; `None` when they do not come out even.
    fn groups_of(&self, bytes: usize) -> Option<usize> {
        let mut sum = 0;
        let whole = self.groups.iter().take_while(|group| {
            sum += group.digits.len() / 2;
            sum <= bytes
        });
        let count = whole.count();
        let sum: usize = self.groups[..count]
            .iter()
            .map(|group| group.digits.len() / 2)
            .sum();
        (sum == bytes).then_some(count)
    }

    /// How many groups stand before the text at the right, told by their places: text stands in the
    /// column of the text above, or behind a wide gap.
    fn groups_before_text(&self, text_at: usize) -> usize {
        let begins = |(at, group): (usize, &Group<'_>)| {
            // hexdump -C and others leave a wider gap after 8 bytes.
            let middle = at == 8
                && group.gap == 2
                && self.groups[..=8]
                    .iter()
                    .all(|group| group.digits.len() == 2);
            group.column >= text_at || at > 0 && group.gap > 1 && !middle
        };
        let text = self.groups.iter().enumerate().position(begins);
        text.unwrap_or(self.groups.len())
    }

    /// Whether this is `hexdump` without `-C`, or `od -x`: words of two bytes, the low byte first.
    fn is_little(&self) -> bool {
        !self.colon
            && self.text.is_none()
            && matches!(self.offset.len(), 6 | 7)
            && self.groups.iter().all(|group| group.digits.len() == 4)
    }
}

fn words(line: &str) -> impl Iterator<Item = Group<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = line.get(at..)?;
        let digits = rest.trim_start();
        let gap = rest.len() - digits.len();
        let length = digits.find(char::is_whitespace).unwrap_or(digits.len());
        let column = at + gap + 1;
        at += gap + length;
        (length > 0).then(|| Group {
            column,
            gap,
            digits: &digits[..length],
        })
    })
}

fn all_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_hexdigit())
}

/// What offsets may be written in; hexdump and xxd write hex, od octal unless told otherwise.
const RADIXES: [u32; 3] = [16, 8, 10];

fn number(offset: &str, radix: u32) -> Option<usize> {
    usize::from_str_radix(offset, radix).ok()
}

/// The base in which most offsets are those of the line before and its bytes; and how many are.
fn radix(lines: &[&str]) -> (u32, usize) {
    let rows: Vec<Option<Row<'_>>> = lines.iter().map(|line| Row::read(line)).collect();
    let fits = |radix: u32| {
        let fits = |pair: &&[Option<Row<'_>>]| {
            let (Some(before), Some(row)) = (&pair[0], &pair[1]) else {
                return false;
            };
            let begin = number(before.offset, radix);
            begin.is_some_and(|begin| number(row.offset, radix) == Some(begin + before.bytes()))
        };
        rows.windows(2).filter(fits).count()
    };
    let best = RADIXES.into_iter().rev().map(|radix| (radix, fits(radix)));
    best.max_by_key(|(_, fits)| *fits).unwrap_or((16, 0))
}

fn head(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.take(64).collect()
}

/// Whether the first lines of a text are those of a dump.
fn is_dump(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    let lines = head(text);
    let Some(first) = lines.first().and_then(|line| Row::read(line)) else {
        return false;
    };
    if first.groups.is_empty() {
        return false;
    }
    if lines.len() > 1 {
        let repeats = lines[1].trim() == "*";
        return first.colon || first.text.is_some() || repeats || radix(&lines).1 > 0;
    }
    let narrow = first.groups.iter().all(|group| group.digits.len() == 2);
    let zero = first.offset.bytes().all(|c| c == b'0');
    first.colon || first.text.is_some() || zero && (narrow || first.groups[0].gap > 1)
}

/// The bytes of a dump.
fn undumped(given: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let given = given.strip_prefix(BOM).unwrap_or(given);
    let text = std::str::from_utf8(given).map_err(|bad| {
        let before = &given[..bad.valid_up_to()];
        unread(before.iter().filter(|c| **c == b'\n').count(), 1, "a dump")
    })?;
    let (radix, _) = radix(&head(text));
    let mut lines = text
        .lines()
        .enumerate()
        .filter(|(_, content)| !content.trim().is_empty())
        .peekable();
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len() / 4);
    let mut begin = None;
    let (mut little, mut text_at) = (false, usize::MAX);
    // Bytes of the line before, and the line of a `*` behind it.
    let (mut period, mut star) = (0, None);
    let mut ended = false;
    while let Some((line, content)) = lines.next() {
        if content.trim() == "*" && star.is_none() && period > 0 {
            star = Some(line);
            continue;
        }
        let row = Row::read(content).filter(|_| !ended).ok_or(unread(
            line,
            1,
            "an offset of four or more digits",
        ))?;
        let offset = number(row.offset, radix).unwrap_or(usize::MAX);
        let begin = *begin.get_or_insert(offset);
        let Some(at) = offset.checked_sub(begin).filter(|at| *at <= BYTES_MAX) else {
            return Err(unread(line, 1, "an offset that rises from line to line"));
        };
        if star.take().is_some() {
            while bytes.len() < at {
                bytes.push(bytes[bytes.len() - period]);
            }
        }
        if bytes.is_empty() {
            little = row.is_little();
        }
        ended = row.groups.is_empty();
        // Words of two bytes may have one byte more than there is, and the last line tells it.
        if ended && little && at + 1 == bytes.len() {
            bytes.pop();
        }
        if at != bytes.len() {
            return Err(unread(line, 1, "an offset that counts the bytes above it"));
        }
        let next = lines.peek().and_then(|(_, next)| Row::read(next));
        let next = next.and_then(|next| number(next.offset, radix)?.checked_sub(offset));
        let count = match next {
            Some(count) if !(little && count + 1 == row.bytes()) => {
                let column = row.groups.last().map_or(1, |group| group.column);
                let wanted = "as many bytes as the next offset counts";
                let count = row.groups_of(count).ok_or(unread(line, column, wanted))?;
                let text = row.groups.get(count).map(|group| group.column);
                text_at = text.or(row.text).unwrap_or(text_at);
                count
            }
            _ => row.groups_before_text(text_at),
        };
        for group in &row.groups[..count] {
            let from = bytes.len();
            for pair in group.digits.as_bytes().chunks_exact(2) {
                let digit = |c: u8| char::from(c).to_digit(16).unwrap_or(0) as u8;
                bytes.push(digit(pair[0]) << 4 | digit(pair[1]));
            }
            if little {
                bytes[from..].reverse();
            }
        }
        period = bytes.len() - at;
    }
    match star {
        Some(line) => Err(unread(
            line,
            1,
            "an offset below, to tell how often a line repeats,",
        )),
        None if bytes.is_empty() => Err(unread(0, 1, "a dump")),
        None => Ok(bytes),
    }
}

fn unread(line: usize, column: usize, wanted: &'static str) -> Unreadable {
    Unreadable {
        line: line + 1,
        column,
        wanted,
    }
}

/// Bytes of a block of a clearing file, and how many of them are of the stream.
const BLOCK: (usize, usize) = (1014, 1012);

/// The stream of a file that is cut into blocks.
pub(super) fn unblocked(given: &[u8]) -> Result<Vec<u8>, Failure> {
    let (whole, used) = BLOCK;
    match given.len() % whole {
        0 => Ok(given
            .chunks(whole)
            .flat_map(|block| &block[..used])
            .copied()
            .collect()),
        left => Err(Failure::Off(format!(
            "whole blocks of {whole} bytes wanted, the last has {left}"
        ))),
    }
}

/// As `hexdump -C` prints bytes.
pub(super) fn dumped(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(bytes.len() * 5 + 80);
    for (row, piece) in bytes.chunks(16).enumerate() {
        let _ = write!(out, "{:08x}  ", row * 16);
        for at in 0..16 {
            match piece.get(at) {
                Some(byte) => {
                    let _ = write!(out, "{byte:02x} ");
                }
                None => out.push_str("   "),
            }
            if at == 7 {
                out.push(' ');
            }
        }
        out.push_str(" |");
        let plain = |c: &u8| {
            if matches!(c, b' '..=b'~') {
                char::from(*c)
            } else {
                '.'
            }
        };
        out.extend(piece.iter().map(plain));
        out.push_str("|\n");
    }
    let _ = writeln!(out, "{:08x}", bytes.len());
    out
}

impl Unreadable {
    /// As JSON, of a text that is a single line.
    pub(super) fn on_a_line(&self) -> serde_json::Value {
        serde_json::json!({ "wanted": self.wanted, "column": self.column })
    }
}

/// `line 3, column 12: a hex digit wanted`.
impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Unreadable {
            line,
            column,
            wanted,
        } = self;
        write!(f, "line {line}, column {column}: {wanted} wanted")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, bytes: &[u8]) {
        let read = parse(text.as_bytes(), None).map(|capture| capture.bytes);
        assert_eq!(read.as_deref(), Ok(bytes), "{text}");
    }

    fn check_fault(text: &str, form: Form, told: &str) {
        let fault = parse(text.as_bytes(), Some(form)).map(|capture| capture.bytes);
        assert_eq!(fault.unwrap_err().to_string(), told, "{text}");
    }

    /// As `xxd` prints: no bars around the text, and two blanks before it.
    fn xxd(bytes: &[u8]) -> String {
        let row = |(at, piece): (usize, &[u8])| {
            let pair = |pair: &[u8]| pair.iter().map(|byte| format!("{byte:02x}")).collect();
            let groups: Vec<String> = piece.chunks(2).map(pair).collect();
            let text = String::from_utf8_lossy(piece);
            format!("{:08x}: {:<39}  {text}\n", at * 16, groups.join(" "))
        };
        bytes.chunks(16).enumerate().map(row).collect()
    }

    #[test]
    fn blocks_give_their_stream() {
        let mut file = vec![7; 1012];
        file.extend([0x40; 2]);
        file.extend([8; 1014]);
        let stream = unblocked(&file).ok().unwrap();
        assert_eq!(stream, [vec![7; 1012], vec![8; 1012]].concat());
        assert!(unblocked(&file[..1015]).is_err());
        assert!(unblocked(&[]).is_ok_and(|stream| stream.is_empty()));
    }

    #[test]
    fn hex_digits_stand_as_they_like() {
        check("0200aB", &[2, 0, 0xab]);
        check("02 00\r\n\tAB\n", &[2, 0, 0xab]);
        check("02:00:ab", &[2, 0, 0xab]);
        check("0x02, 0x00, 0xAB", &[2, 0, 0xab]);
        check("0x0200ab", &[2, 0, 0xab]);
        check("0 2 0 0", &[2, 0]);
        check("\u{feff}0200", &[2, 0]);
    }

    #[test]
    fn what_is_no_text_or_has_many_letters_is_bytes() {
        check("\0\u{1}0800", b"\0\x010800");
        check("0800 and words", b"0800 and words");
        check(" \n", b" \n");
    }

    #[test]
    fn a_dump_of_any_length_gives_its_bytes() {
        // The text column is hex digits and blanks; there are lines that repeat, too.
        let text = b"0 a8  1f00 00000000000000000000000000000000000000000000000000000000000";
        let long: Vec<u8> = text.iter().copied().cycle().take(400).collect();
        for length in 1..long.len() {
            let bytes = &long[..length];
            check(&dumped(bytes), bytes);
            check(&xxd(bytes), bytes);
        }
    }

    #[test]
    fn lines_that_repeat_are_told_by_the_next_offset() {
        let zeros =
            "00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n*\n";
        check(&format!("{zeros}00000040\n"), &[0; 64]);
        check(
            &format!("{zeros}00000030  01  |.|\n00000031\n"),
            &[&[0; 48][..], &[1]].concat(),
        );
        let place = "line 2, column 1: an offset below, to tell how often a line repeats, wanted";
        check_fault(zeros, Form::Dump, place);
    }

    #[test]
    fn a_dump_may_begin_in_the_middle() {
        check("00000100  30 31  |01|\n00000102\n", b"01");
        check("0000  30 31 32", b"012");
    }

    #[test]
    fn a_fault_is_told_by_line_and_column() {
        check_fault(
            "30 31\n3g",
            Form::Hex,
            "line 2, column 2: a hex digit wanted",
        );
        check_fault(
            "30 3",
            Form::Hex,
            "line 1, column 5: a second hex digit for the last byte wanted",
        );
        check_fault(
            "0x1, 0x23, 0x4",
            Form::Hex,
            "line 1, column 4: two hex digits a byte wanted",
        );
        check_fault(
            "hello",
            Form::Dump,
            "line 1, column 1: an offset of four or more digits wanted",
        );
        let lost = "00000000: 3030  00\n00000010: 3030  00\n";
        let told = "line 1, column 17: as many bytes as the next offset counts wanted";
        check_fault(lost, Form::Dump, told);
        let back = "00000010: 3030  00\n00000000: 3030  00\n";
        check_fault(
            back,
            Form::Dump,
            "line 2, column 1: an offset that rises from line to line wanted",
        );
        // An offset is no reason to fill memory.
        let far = "00000000: 3030\n*\nffffffffffff: 3030\n";
        check_fault(
            far,
            Form::Dump,
            "line 3, column 1: an offset that rises from line to line wanted",
        );
    }
}
