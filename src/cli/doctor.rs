//! The doctor for a capture that nobody can read: every dialect under every framing and header at its front, ranked by how
//! well it fits, each with its reasons. Reasons tell what was found and where, never what stands there.

use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value, json};

use crate::cli::describe::spaced;
use crate::cli::dialects::{self, Cutter};
use crate::config::Config;
use crate::message::{Message, Mti};
use crate::spec::{self, FieldSpec, Inside, SHIPPED, Secret, Spec};
use crate::terms::Pan;
use crate::wire::coding::Coding;
use crate::wire::framing::Framing;

/// The most bytes that are looked at.
const WINDOW: usize = 256 << 10;
/// The most frames that are cut, and the most messages that are read with each dialect.
const FRAMES_MAX: usize = 1000;
const MESSAGES_MAX: usize = 8;
/// Where a message may begin behind its length.
const HEADER_BYTES_MAX: usize = 32;
const TPDU_BYTES: usize = 5;
const ISO_BYTES: usize = 12;
/// What decodes whole and scores less does so by chance.
const CHANCE: i32 = 900;
/// Rows that are shown without `--all`; where nothing fits, fewer.
const SHOWN: usize = 5;
const NEAREST: usize = 3;

/// All that was tried, the best first.
pub(super) struct Ranking<'s> {
    findings: Vec<Finding<'s>>,
    bytes: usize,
}

/// A dialect with what stands around its messages, and how well that fits.
pub(super) struct Finding<'s> {
    /// The dialect.
    pub spec: &'s Spec,
    framing: Option<Framing>,
    header: Header,
    tail: usize,
    score: i32,
    /// Fields of the first message, where it decodes whole.
    fields: Option<usize>,
    why: Vec<String>,
}

/// What stands before a message, behind its length.
struct Header {
    bytes: usize,
    has_tpdu: bool,
    /// Whether there is nothing to know it by but the message type behind it.
    is_guessed: bool,
    /// A literal one that is known by its looks.
    literal: Option<String>,
}

/// The dialects that are tried: the shipped ones and those of the configured folder that can be loaded.
pub(super) fn dialects(config: &Config) -> Vec<Spec> {
    let names = dialects::names(config);
    let load = |name: String| match &config.specs {
        Some(folder) => match spec::load(folder, &name) {
            Ok(spec) => Some(spec),
            Err(faults) => {
                let count = faults.errors();
                anstream::eprintln!(
                    "{name} is left out: {count} faults, which clubswitch check tells"
                );
                None
            }
        },
        None => spec::shipped(&name),
    };
    names.into_iter().filter_map(load).collect()
}

/// The shipped dialects with what most often differs from them in the field: a bitmap whose second half is always there,
/// fields whose inside is somebody else's, and both. Each name says what an own dialect file would have to say.
pub(super) fn changed() -> Vec<Spec> {
    let shipped = SHIPPED.iter().filter_map(|(name, _)| spec::shipped(name));
    let changed = |spec: &Spec, fixed: bool, bare: bool| {
        let mut name = spec.name().to_owned();
        let mut text = format!("title = \"changed\"\nextends = \"{name}\"\n");
        if fixed {
            name.push_str(" with bitmap_fixed = true");
            text.push_str("[coding]\nbitmap_fixed = true\n");
        }
        if bare {
            name.push_str(if fixed { ", " } else { " with " });
            name.push_str("nothing inside its fields");
            let own = |field: &FieldSpec| {
                field.inside != Inside::Nothing && !matches!(field.inside, Inside::Ber { .. })
            };
            let bare = spec.fields().filter(|(_, field)| own(field));
            let (mut inside, mut fields) = ("[inside]\n".to_owned(), "[fields]\n".to_owned());
            for (n, field) in bare {
                inside.push_str(&format!("{n} = \"nothing\"\n"));
                // What stands there now may be anything, also a card number.
                if field.secret < Secret::Masked {
                    fields.push_str(&format!("{n} = {{ secret = \"masked\" }}\n"));
                }
            }
            text.push_str(&inside);
            text.push_str(&fields);
        }
        spec::load_text(&name, &text).ok()
    };
    let changes = [(true, false), (false, true), (true, true)];
    shipped
        .flat_map(|spec| changes.map(|(fixed, bare)| changed(&spec, fixed, bare)))
        .flatten()
        .collect()
}

/// Ranks all dialects under all framings. Digits alone may be hex digits or the message itself: then `text` is tried too.
/// Gives the bytes that the ranking is about.
pub(super) fn rank(specs: &[Spec], bytes: Bytes, text: Option<Bytes>) -> (Ranking<'_>, Bytes) {
    let ranking = Ranking::new(specs, &bytes, splits(&bytes));
    if let Some(text) = text {
        let other = Ranking::new(specs, &text, splits(&text));
        if other.top() > ranking.top() {
            return (other, text);
        }
    }
    (ranking, bytes)
}

/// Ranks all dialects under one framing.
pub(super) fn rank_framed<'s>(
    specs: &'s [Spec],
    bytes: Bytes,
    framing: &Framing,
    has_header: bool,
) -> (Ranking<'s>, Bytes) {
    let mut split = Split::cut(&bytes, framing).unwrap_or_else(|| Split::whole(&bytes));
    split.is_given = true;
    split.has_headers = !has_header;
    (Ranking::new(specs, &bytes, vec![split]), bytes)
}

impl<'s> Ranking<'s> {
    fn new(specs: &'s [Spec], bytes: &Bytes, splits: Vec<Split>) -> Ranking<'s> {
        let mut findings = Vec::new();
        for split in &splits {
            for spec in specs {
                let begins = split.begins(spec);
                let found = begins.into_iter().map(|at| examine(spec, split, at));
                findings.extend(found);
            }
        }
        // The sort is stable: of equals, the dialect that is named first stays first.
        findings
            .sort_by_key(|finding| std::cmp::Reverse((finding.fields.is_some(), finding.score)));
        Ranking {
            findings,
            bytes: bytes.len(),
        }
    }

    /// What fits best; `None` where nothing decodes whole.
    pub fn best(&self) -> Option<&Finding<'s>> {
        self.findings
            .first()
            .filter(|finding| finding.fields.is_some())
    }

    fn top(&self) -> Option<(bool, i32)> {
        let finding = self.findings.first()?;
        Some((finding.fields.is_some(), finding.score))
    }

    /// What is shown: each dialect once, with what fits it best, and not too many of them.
    fn shown(&self, all: bool) -> Vec<&Finding<'s>> {
        if all {
            return self.findings.iter().collect();
        }
        let most = if self.best().is_some() {
            SHOWN
        } else {
            NEAREST
        };
        let mut shown: Vec<&Finding<'s>> = Vec::new();
        for finding in &self.findings {
            if shown.len() < most
                && !shown
                    .iter()
                    .any(|known| known.spec.name() == finding.spec.name())
            {
                shown.push(finding);
            }
        }
        shown
    }

    /// The ranking for people.
    pub fn text(&self, all: bool) -> String {
        let shown = self.shown(all);
        let mut out = match self.best() {
            Some(_) => format!("{} bytes; what fits, the best first:\n", self.bytes),
            None => format!("{} bytes; nothing fits, the nearest are:\n", self.bytes),
        };
        let rows: Vec<[String; 3]> = shown
            .iter()
            .map(|f| [f.spec.name().to_owned(), f.around(), f.score.to_string()])
            .collect();
        let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let (names, arounds) = (width(0), width(1));
        for (at, (finding, [name, around, score])) in shown.iter().zip(&rows).enumerate() {
            let whole = if finding.fields.is_some() {
                "whole"
            } else {
                "stops"
            };
            let place = at + 1;
            out.push_str(&format!(
                "{place:>2}. {name:<names$}  {around:<arounds$}  {whole} {score:>5}\n"
            ));
            for why in &finding.why {
                out.push_str(&format!("      {why}\n"));
            }
        }
        out
    }

    /// The ranking as JSON.
    pub fn json(&self, all: bool) -> Value {
        self.shown(all).into_iter().map(Finding::json).collect()
    }
}

impl Finding<'_> {
    /// How to cut the capture; `None` where it is one message.
    pub fn framing(&self) -> Option<&Framing> {
        self.framing.as_ref()
    }

    /// The only message of the capture, without what stands around it.
    pub fn message_of(&self, bytes: &Bytes) -> Bytes {
        let end = bytes.len().saturating_sub(self.tail);
        bytes.slice(self.header.bytes.min(end)..end)
    }

    /// The framing and the header, as the options name them.
    fn around(&self) -> String {
        let name = self.framing.as_ref().map_or("no length", Framing::name);
        let counted = match &self.framing {
            Some(framing) if self.header.has_tpdu && framing.name().starts_with("nac") => {
                self.header.bytes - TPDU_BYTES
            }
            _ => self.header.bytes,
        };
        match counted {
            0 => name.to_owned(),
            _ if self.header.literal.is_some() => {
                let literal = self.header.literal.as_deref().unwrap_or_default();
                format!("{name}, header {literal}")
            }
            bytes => format!("{name}, header of {}", many(bytes, "byte")),
        }
    }

    fn json(&self) -> Value {
        let mut told = Map::new();
        told.insert("dialect".into(), self.spec.name().into());
        told.insert(
            "framing".into(),
            self.framing.as_ref().map(Framing::name).into(),
        );
        told.insert("header_bytes".into(), self.header.bytes.into());
        told.insert("score".into(), self.score.into());
        told.insert("whole".into(), self.fields.is_some().into());
        told.insert("why".into(), json!(self.why));
        Value::Object(told)
    }
}

/// A capture, cut into messages by one framing.
struct Split {
    framing: Option<Framing>,
    /// Whether it was named, not found.
    is_given: bool,
    /// Whether a header may stand before each message.
    has_headers: bool,
    /// The first messages; at least one.
    bodies: Vec<Bytes>,
    score: i32,
    tail: usize,
    why: Vec<String>,
}

/// The capture under every framing that it may have.
fn splits(bytes: &Bytes) -> Vec<Split> {
    let mut splits: Vec<Split> = Framing::NAMES
        .iter()
        // A TPDU is looked for behind the length of each of them.
        .filter(|name| !name.starts_with("nac"))
        .filter_map(|name| {
            let framing = Framing::named(name)?;
            Split::cut(bytes, &framing.with_body_bytes_max(usize::from(u16::MAX)))
        })
        .collect();
    splits.push(Split::whole(bytes));
    for (tail, name) in [(&b"\r\n"[..], "a line end"), (b"\n", "a line end")] {
        if bytes.ends_with(tail) && bytes.len() > tail.len() {
            let mut split = Split::whole(&bytes.slice(..bytes.len() - tail.len()));
            split.tail = tail.len();
            split.score -= 10;
            split.why.push(format!("{name} stands behind it"));
            splits.push(split);
            break;
        }
    }
    splits
}

impl Split {
    fn whole(bytes: &Bytes) -> Split {
        Split {
            framing: None,
            is_given: false,
            has_headers: true,
            bodies: vec![bytes.clone()],
            score: 0,
            tail: 0,
            why: Vec::new(),
        }
    }

    /// `None` where not even one message comes out.
    fn cut(bytes: &Bytes, framing: &Framing) -> Option<Split> {
        let window = bytes.slice(..bytes.len().min(WINDOW));
        let mut cutter = Cutter::new(framing, window.clone());
        let mut split = Split {
            framing: Some(framing.clone()),
            bodies: Vec::new(),
            ..Split::whole(bytes)
        };
        let (mut count, mut silent, mut broken) = (0_usize, 0_usize, false);
        while count + silent < FRAMES_MAX && !broken {
            match cutter.take() {
                Ok(Some(framed)) if framed.body.is_empty() => silent += 1,
                Ok(Some(framed)) => {
                    count += 1;
                    if split.bodies.len() < MESSAGES_MAX {
                        split.bodies.push(framed.body);
                    }
                }
                Ok(None) => break,
                Err(_) => broken = true,
            }
        }
        let (at, left) = (cutter.at(), cutter.left());
        let goes_on = window.len() < bytes.len() || count + silent == FRAMES_MAX;
        let told = length_words(framing.name());
        let frames = many(count, "frame");
        let (score, why) = if count == 0 {
            if broken || silent > 0 {
                return None;
            }
            let (body, length, missing) = begun(&window, framing)?;
            split.bodies.push(body);
            (
                -50,
                format!(
                    "{told} a length of {length}, but the last {missing} of them are not there"
                ),
            )
        } else if broken {
            (20, format!("{frames}, but at byte {at} none begins"))
        } else if framing.name() == "etx" {
            match left {
                0 => (
                    50 + frames_score(count),
                    format!("{frames}, each ended by 03"),
                ),
                _ => (
                    -100,
                    format!("{frames}, each ended by 03, and {left} bytes without it"),
                ),
            }
        } else if left == 0 && count == 1 && silent == 0 {
            let length = split.bodies[0].len();
            (150, format!("{told} a length of {length} = the rest"))
        } else if left == 0 {
            (
                140 + frames_score(count),
                format!("{frames}, each with its length, to the last byte"),
            )
        } else if goes_on {
            (
                140 + frames_score(count),
                format!("{frames}, each with its length, and more"),
            )
        } else {
            (
                40 + frames_score(count),
                format!("{frames}, and {left} bytes of another at byte {at}"),
            )
        };
        split.score = score;
        split.why.push(why);
        if silent > 0 {
            // A length of 0 before the first message is likelier to be the half of a longer one.
            split.score -= 40;
            split.why.push(many(silent, "keep-alive"));
        }
        Some(split)
    }

    /// Where messages may begin, for this dialect: at the front, behind a TPDU or a literal header, and wherever a
    /// message type seems to stand.
    fn begins(&self, spec: &Spec) -> Vec<usize> {
        if !self.has_headers {
            return vec![0];
        }
        let body = &self.bodies[0];
        let most = body.len().min(HEADER_BYTES_MAX + TPDU_BYTES);
        let mut begins: Vec<usize> = (0..most)
            .filter(|at| mti_at(body, *at, spec.mti_coding()).is_some_and(is_plausible))
            .collect();
        // What begins with no type at all is worth a row where the whole capture is one message, or the framing is known.
        if begins.is_empty() && (self.framing.is_none() || self.is_given) {
            begins.push(0);
        }
        begins
    }
}

/// What there is of a frame that is not whole: its body, how long that would be, and how much of it is missing.
fn begun(window: &Bytes, framing: &Framing) -> Option<(Bytes, usize, usize)> {
    // How long the frame would be, its framing tells once there is enough.
    let mut longer = BytesMut::from(&window[..]);
    longer.resize(window.len() + usize::from(u16::MAX) + 8, 0);
    let all = longer.len();
    let length = framing.take(&mut longer).ok()??.body.len();
    let end = all - longer.len();
    let missing = end.checked_sub(window.len())?;
    (0 < missing && missing < length).then(|| (window.slice(end - length..), length, missing))
}

fn frames_score(count: usize) -> i32 {
    count.min(10) as i32 * 10
}

/// `1 frame`, `2 frames`.
fn many(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

fn length_words(framing: &str) -> &'static str {
    match framing {
        "len2-be-incl" => "the first two bytes are, themselves counted,",
        "len2-be-zeros" => "the first two bytes are, before two zero bytes,",
        "len2-be-etx" => "the first two bytes are, with the 03 at the end,",
        "len2-bcd" => "the first two bytes are, as digits,",
        "len4-be" => "the first four bytes are",
        "len4-ascii" => "the first four characters are",
        "len4-hex" => "the first four characters are, in hex,",
        _ => "the first two bytes are",
    }
}

/// The message type that may stand at a place.
fn mti_at(bytes: &[u8], at: usize, coding: Coding) -> Option<Mti> {
    match coding {
        Coding::Bcd(_) => {
            let pair = bytes.get(at..at + 2)?;
            let mti = Mti(u16::from(pair[0]) << 8 | u16::from(pair[1]));
            Mti::from_digits(mti.to_string().as_bytes())
        }
        coding => {
            let digits = bytes.get(at..at + 4)?;
            let digits: Vec<u8> = digits.iter().map(|c| coding.character(*c)).collect();
            Mti::from_digits(&digits)
        }
    }
}

fn is_plausible(mti: Mti) -> bool {
    mti.version() <= 2
        && mti.is_known_class()
        && !matches!(mti.function(), 5..=7)
        && mti.origin() <= 5
}

/// The header of so many bytes at the front of a frame, and what is worth telling of it.
fn header(body: &[u8], bytes: usize) -> (Header, i32, Vec<String>) {
    let front = &body[..bytes.min(body.len())];
    let (mut score, mut why, mut left) = (0, Vec::new(), front);
    let (mut has_tpdu, mut literal) = (false, None);
    if let Some((tpdu, rest)) = left.split_at_checked(TPDU_BYTES)
        && matches!(tpdu[0], 0x60 | 0x68)
    {
        (score, has_tpdu, left) = (40, true, rest);
        why.push(format!("TPDU {}", spaced(tpdu)));
    }
    if let Some((iso, rest)) = left.split_at_checked(ISO_BYTES)
        && let Some(digits) = iso.strip_prefix(b"ISO")
        && digits.iter().all(u8::is_ascii_digit)
    {
        let words = String::from_utf8_lossy(iso).into_owned();
        (score, left) = (score + 60, rest);
        why.push(format!("literal header {words}"));
        literal = left.is_empty().then_some(words);
    }
    if !left.is_empty() {
        score -= 20 + 2 * left.len() as i32;
        let bytes = many(bytes, "byte");
        why.push(format!("a message type seems to stand behind {bytes}"));
    }
    let header = Header {
        bytes,
        has_tpdu,
        is_guessed: !left.is_empty(),
        literal,
    };
    (header, score, why)
}

/// Reads the messages of a split with a dialect, each behind so many bytes, and weighs what comes out.
fn examine<'s>(spec: &'s Spec, split: &Split, at: usize) -> Finding<'s> {
    let first = &split.bodies[0];
    let (header, mut score, header_why) = header(first, at);
    score += split.score;
    let framing = split.framing.as_ref();
    let framing = framing.map(|framing| framing_with(framing, header.has_tpdu, at));
    let mut marks = Marks::default();
    let body = first.slice(at.min(first.len())..);
    let length = body.len().max(1);
    let mut fields = None;
    match Message::decode(spec, body) {
        Ok(message) => {
            let count = message.fields().count();
            score += 1000;
            marks.tell(format!("decodes whole: {}", many(count, "field")));
            weigh(spec, &message, &mut marks);
            fields = Some(count);
        }
        Err(error) => {
            let far = error.at_byte.min(length);
            // What stands before the fault counts, not where the message ran out.
            let read = error.read.as_deref();
            if header.is_guessed {
                score -= 150;
            }
            score += read.map_or(0, |read| {
                (400 * covered(spec, read).min(length) / length) as i32
            });
            let name = spec.name_of(&error.path).unwrap_or("not in this dialect");
            let (path, wanted) = (&error.path, &error.wanted);
            marks.tell(match path.field {
                0 | 1 => format!("stops at the {name}: {wanted} wanted at byte {far} of {length}"),
                _ => format!(
                    "stops at field {path} ({name}): {wanted} wanted at byte {far} of {length}"
                ),
            });
            if let Some(read) = read {
                weigh(spec, read, &mut marks);
            }
        }
    }
    let others = split.bodies.iter().skip(1);
    if others.len() > 0 && fields.is_some() {
        let (tried, mut whole) = (others.len(), 0);
        for other in others {
            let body = other.slice(at.min(other.len())..);
            whole += usize::from(Message::decode(spec, body).is_ok());
        }
        score += whole as i32 * 20 - (tried - whole) as i32 * 60;
        marks.tell(match (whole, tried) {
            (1, 1) => "the next message decodes whole too".to_owned(),
            _ => format!(
                "of the next {}, {whole} decode whole too",
                many(tried, "message")
            ),
        });
    }
    if spec.framing().is_some() && spec.framing() == framing.as_ref().map(Framing::name) {
        marks.good(10, "framing of the dialect");
    }
    if spec.is_unverified() {
        score -= 5;
        marks.tell("this dialect is unverified".to_owned());
    }
    score += marks.score;
    if fields.is_some() && score < CHANCE {
        (fields, score) = (None, score - 1000);
        marks.tell("by chance: too much is against it".to_owned());
    }
    let mut why = marks.whys();
    why.extend(split.why.iter().cloned());
    why.extend(header_why);
    Finding {
        spec,
        framing,
        header,
        tail: split.tail,
        score,
        fields,
        why,
    }
}

/// Bytes of the fields that could be read.
fn covered(spec: &Spec, message: &Message) -> usize {
    let raw = message.fields().filter_map(|n| message.raw(spec, n));
    raw.map(<[u8]>::len).sum()
}

/// The framing with the header that was found; with a TPDU in it, the one that has it in its name.
fn framing_with(framing: &Framing, has_tpdu: bool, at: usize) -> Framing {
    let nac = match framing.name() {
        "len2-be" if has_tpdu => Framing::named("nac"),
        "len2-bcd" if has_tpdu => Framing::named("nac-bcd"),
        _ => None,
    };
    match nac {
        None if at == 0 => framing.clone(),
        None => framing.clone().with_counted_header(at),
        Some(nac) => {
            let nac = nac.with_body_bytes_max(framing.body_bytes_max);
            match at - TPDU_BYTES {
                0 => nac,
                bytes => nac.with_counted_header(bytes),
            }
        }
    }
}

/// Reasons, told in a line for, a line against.
#[derive(Default)]
struct Marks {
    score: i32,
    told: Vec<String>,
    good: Vec<String>,
    bad: Vec<String>,
}

impl Marks {
    fn tell(&mut self, words: String) {
        self.told.push(words);
    }

    fn good(&mut self, score: i32, words: impl Into<String>) {
        self.score += score;
        self.good.push(words.into());
    }

    fn bad(&mut self, score: i32, words: impl Into<String>) {
        self.score -= score;
        self.bad.push(words.into());
    }

    fn weigh(&mut self, holds: bool, (good, for_it): (i32, &str), (bad, against): (i32, &str)) {
        match holds {
            true => self.good(good, for_it),
            false => self.bad(bad, against),
        }
    }

    fn whys(self) -> Vec<String> {
        let mut whys = self.told;
        if !self.good.is_empty() {
            whys.push(self.good.join(", "));
        }
        if !self.bad.is_empty() {
            whys.push(format!("against it: {}", self.bad.join(", ")));
        }
        whys
    }
}

/// What speaks for and against a message, or what could be read of it.
fn weigh(spec: &Spec, message: &Message, marks: &mut Marks) {
    let mti = message.mti();
    let at = |role: &str| message.at(spec, spec.role(role)?);
    marks.score += message.fields().count().min(20) as i32 * 5;
    let unknown = message
        .fields()
        .filter(|n| spec.unknown(*n).is_some())
        .count();
    if unknown > 0 {
        marks.bad(
            30 * unknown.min(10) as i32,
            format!("{unknown} unknown fields"),
        );
    }
    match is_plausible(mti) {
        true => marks.good(20, format!("type {mti}: {}", mti.words())),
        false => marks.bad(150, format!("type {mti} is none")),
    }
    let mut versions = spec
        .functions()
        .iter()
        .flat_map(|f| &f.mti)
        .map(|mti| mti.version())
        .peekable();
    if versions.peek().is_some() {
        let fits = versions.any(|version| version == mti.version());
        marks.weigh(
            fits,
            (20, "version of the dialect"),
            (100, "type of another version"),
        );
    }
    if spec.role("outcome").is_some() {
        let answered = at("outcome").is_some();
        match (mti.is_response(), answered) {
            (true, true) => marks.good(15, "an answer with its outcome"),
            (true, false) => marks.bad(15, "an answer without outcome"),
            (false, true) => marks.bad(15, "a request with an outcome"),
            (false, false) => {}
        }
    }
    match message.function(spec) {
        Some(function) => marks.good(25, format!("function {}", function.name)),
        None if !mti.is_response() => marks.bad(10, "no function of the dialect"),
        None => {}
    }
    if let Some(pan) = at("pan") {
        let length = (12..=19).contains(&pan.len());
        marks.weigh(
            length && is_luhn(pan.as_bytes()),
            (30, "card number passes Luhn"),
            (if length { 10 } else { 40 }, "card number fails Luhn"),
        );
        if let Some(track) = at("track2").and_then(|track| Pan::from_track2(track.as_bytes())) {
            let same = track.digits() == pan.as_bytes();
            marks.weigh(
                same,
                (30, "track 2 agrees"),
                (60, "track 2 has another card"),
            );
        }
    }
    let dates: Vec<bool> = message
        .fields()
        .filter_map(|n| is_real(spec, message, n))
        .collect();
    if !dates.is_empty() {
        let (real, all) = (dates.iter().filter(|real| **real).count(), dates.len());
        match real == all {
            true => marks.good(10 * all as i32, "dates and times are real"),
            false => marks.bad(40 * (all - real) as i32, "dates or times that do not exist"),
        }
    }
    if let Some(amount) = at("amount") {
        let numeric = amount.bytes().all(|c| c.is_ascii_digit());
        marks.weigh(
            numeric,
            (10, "amount of digits"),
            (40, "amount with other characters"),
        );
    }
    if let Some(currency) = at("currency") {
        let known = CURRENCIES.split(' ').any(|code| code == currency);
        marks.weigh(known, (15, "currency known"), (15, "currency unknown"));
    }
}

fn is_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, c)| {
            let digit = u32::from(c.wrapping_sub(b'0'));
            if at % 2 == 1 {
                digit * 2 / 10 + digit * 2 % 10
            } else {
                digit
            }
        })
        .sum();
    digits.iter().all(u8::is_ascii_digit) && sum.is_multiple_of(10)
}

/// Whether the date or time of a field exists; `None` for a field that has none. Zeros stand for none.
fn is_real(spec: &Spec, message: &Message, n: usize) -> Option<bool> {
    let dated = spec.field(n)?.dated.as_ref()?;
    let text = message.text(spec, n)?;
    let is_none = text.bytes().all(|c| c == b'0');
    (!is_none).then(|| dated.words(&text).is_some())
}

/// ISO 4217, numeric codes.
const CURRENCIES: &str = "008 012 032 036 044 048 050 051 052 060 064 068 072 084 090 096 104 108 116 124 132 136 144 \
    152 156 170 174 188 191 192 203 208 214 222 230 232 238 242 262 270 292 320 324 328 332 340 344 348 352 356 360 364 \
    368 376 388 392 398 400 404 408 410 414 417 418 422 426 430 434 446 454 458 462 480 484 496 498 504 512 516 524 532 \
    533 548 554 558 566 578 586 590 598 600 604 608 634 643 646 654 678 682 690 694 702 704 706 710 728 748 752 756 760 \
    764 776 780 784 788 800 807 810 818 826 834 840 858 860 882 886 901 924 925 926 927 928 929 930 931 932 933 934 936 \
    938 940 941 943 944 946 947 948 949 950 951 952 953 960 963 965 967 968 969 970 971 972 973 975 976 977 978 979 980 \
    981 984 985 986 990 994 997 999";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_luhn_is_told() {
        assert!(is_luhn(b"79927398713"));
        assert!(!is_luhn(b"79927398710"));
        assert!(!is_luhn(b"7992739871x"));
    }
}
