//! The keys of dialect files, and the readers of single values.

use super::class::Class;
use super::dated::Calendar;
use super::field::{Counts, Length, Pad, Secret};
use super::inside::Policy;
use super::mti::Mti;
use super::path::Path;
use crate::source::shape::plain;
use crate::source::{Language, Shape, Value};
use crate::wire::coding::{Coding, Fill};

pub(super) const SYNTAX: &str = "D01";
pub(super) const UNKNOWN: &str = "D02";
pub(super) const FORM: &str = "D03";
pub(super) const NAME: &str = "D04";
pub(super) const EXTENDS: &str = "D05";
pub(super) const FIELD: &str = "D06";
pub(super) const ROLE: &str = "D07";
pub(super) const OUTCOME: &str = "D08";
pub(super) const FUNCTION: &str = "D09";

/// A message has at most so many bytes, and so has every value.
pub const BYTES_MAX: usize = 65_535;

pub(super) static LANGUAGE: Language = Language {
    name: "the dialect language",
    syntax: SYNTAX,
    unknown: UNKNOWN,
    form: FORM,
    percent: FORM,
    date: FORM,
    hours: FORM,
    name_form: NAME,
};

pub(super) static DIALECT: Shape = Shape {
    what: "a dialect",
    fa: "",
    keys: &[
        plain("title", "what it is, in a line"),
        plain("extends", "the dialect it begins from"),
        plain("unverified", "true: made without an official document"),
        plain("framing", "of a link that names none"),
        plain("coding", "how things stand on the wire"),
        plain(
            "unknown",
            "what becomes of fields the dialect does not name",
        ),
        plain("fields", "number = { name, class, length, ... }"),
        plain("inside", "what is inside a field, or \"nothing\""),
        plain("roles", "where the switch finds what it needs"),
        plain("outcomes", "outcome = response code"),
        plain(
            "answers",
            "type = type of its answer, where it is not the next function",
        ),
        plain("totals", "how totals are reckoned"),
        plain("meanings", "words for the values of a field"),
        plain("function", "what a message asks for"),
    ],
    later: &[],
};

pub(super) static CODING: Shape = Shape {
    what: "the coding",
    fa: "",
    keys: &[
        plain("mti", "of the message type"),
        plain("bitmap", "hex, hex-ebcdic or binary"),
        plain("bitmap_bytes", "most bytes of the bitmap: 8, 16 or 24"),
        plain("bitmap_fixed", "true: all of its bytes are always there"),
        plain("bitmap_marked", "true: bits 1 and 65 are set even so"),
        plain("number", "of n, x+n and s+n"),
        plain("text", "of a, an, anp, ans, ns, text and free"),
        plain("track", "of z"),
        plain("binary", "of b"),
        plain("length", "of the length before a value"),
        plain(
            "counts",
            "what a length counts: units, digits, characters or bytes",
        ),
        plain("calendar", "of dates: gregorian or jalali"),
    ],
    later: &[],
};

pub(super) static FIELD_SHAPE: Shape = Shape {
    what: "a field",
    fa: "",
    keys: &[
        plain("name", "its name in the standard"),
        plain("class", "what it may hold"),
        plain("length", "12, or \"LL..19\""),
        plain("min", "fewest units of a variable field"),
        plain("coding", "of the value, where it is its own"),
        plain("length_coding", "of the length, where it is its own"),
        plain(
            "counts",
            "units, digits, characters or bytes, where it is its own",
        ),
        plain(
            "pad",
            "zeros-left, zeros-right, spaces-right, spaces-left or none",
        ),
        plain("secret", "open, masked or hidden"),
        plain(
            "date",
            "the date or time it holds: MMDDhhmmss, YYMM and the like",
        ),
        plain("calendar", "gregorian or jalali, where it is its own"),
        plain("inside", "what is inside, or \"nothing\""),
    ],
    later: &[],
};

pub(super) static UNKNOWN_SHAPE: Shape = Shape {
    what: "the fields that the dialect does not name",
    fa: "",
    keys: &[
        plain("policy", "reject, skip or keep"),
        plain("name", "what they are called"),
        plain("class", "what they may hold"),
        plain(
            "length",
            "such as \"LLL..999\": they must have one shape to be passed over",
        ),
        plain("min", "fewest units"),
        plain("coding", "of the value, where it is its own"),
        plain("length_coding", "of the length, where it is its own"),
        plain(
            "counts",
            "units, digits, characters or bytes, where it is its own",
        ),
        plain(
            "pad",
            "zeros-left, zeros-right, spaces-right, spaces-left or none",
        ),
        plain("secret", "open, masked or hidden"),
        plain("date", "the date or time they hold"),
        plain("calendar", "gregorian or jalali, where it is its own"),
        plain("inside", "what is inside, or \"nothing\""),
    ],
    later: &[],
};

pub(super) static INSIDE: Shape = Shape {
    what: "the inside of a field",
    fa: "",
    keys: &[
        plain(
            "parts",
            "list of { name, class, length }, one after the other",
        ),
        plain("repeats", "true: the parts may come again"),
        plain("short", "true: the last parts may be missing"),
        plain("tag_chars", "characters of a tag"),
        plain("length_digits", "digits of the length behind a tag"),
        plain(
            "tag_coding",
            "of a tag; binary: tag_chars are hex digits, two a byte",
        ),
        plain("length_coding", "of the length behind a tag"),
        plain("ber", "true: tags and lengths are those of BER"),
        plain("separator", "the sign between two values"),
        plain("assign", "the sign between a name and its value"),
        plain("bitmap", "hex, hex-ebcdic or binary: of the members"),
        plain("bitmap_bytes", "most bytes of the bitmap: 8, 16 or 24"),
        plain("bitmap_fixed", "true: all of its bytes are always there"),
        plain("bitmap_marked", "true: bits 1 and 65 are set even so"),
        plain("fields", "the members that a bitmap announces"),
        plain("prefix", "list of parts that stand before the rest"),
        plain("tags", "tag, name or number = { name, class, secret, ... }"),
        plain("unknown", "other tags: reject, skip or keep"),
    ],
    later: &[],
};

/// Of these keys of an inside one says of which kind it is.
pub(super) const KINDS: [&str; 5] = ["parts", "tag_chars", "ber", "separator", "bitmap"];

/// The keys that stand beside one of them only.
pub(super) const OF_KINDS: [(&str, &str); 10] = [
    ("repeats", "parts"),
    ("short", "parts"),
    ("length_digits", "tag_chars"),
    ("tag_coding", "tag_chars"),
    ("length_coding", "tag_chars"),
    ("assign", "separator"),
    ("bitmap_bytes", "bitmap"),
    ("bitmap_fixed", "bitmap"),
    ("bitmap_marked", "bitmap"),
    ("fields", "bitmap"),
];

pub(super) static FUNCTION_SHAPE: Shape = Shape {
    what: "a function",
    fa: "",
    keys: &[
        plain("name", "what is asked for"),
        plain("mti", "list of message types, repeats aside"),
        plain("when", "place = pattern; x is any character, * any value"),
    ],
    later: &[],
};

pub(super) static TOTALS: Shape = Shape {
    what: "the reckoning of totals",
    fa: "",
    keys: &[plain(
        "net",
        "fields added and taken away: \"86 - 87 - 88 + 89\"",
    )],
    later: &[],
};

pub(super) const SECRETS: [(&str, Secret); 3] = [
    ("open", Secret::Open),
    ("masked", Secret::Masked),
    ("hidden", Secret::Hidden),
];

pub(super) const COUNTS: [(&str, Counts); 4] = [
    ("units", Counts::Units),
    ("digits", Counts::Units),
    ("characters", Counts::Characters),
    ("bytes", Counts::Bytes),
];

pub(super) const CALENDARS: [(&str, Calendar); 2] = [
    ("gregorian", Calendar::Gregorian),
    ("jalali", Calendar::Jalali),
];

pub(super) const POLICIES: [(&str, Policy); 3] = [
    ("reject", Policy::Reject),
    ("skip", Policy::Skip),
    ("keep", Policy::Keep),
];

pub(super) const PADS: [(&str, Option<Pad>); 5] = [
    ("zeros-left", pad(true, b'0')),
    ("zeros-right", pad(false, b'0')),
    ("spaces-left", pad(true, b' ')),
    ("spaces-right", pad(false, b' ')),
    ("none", None),
];

const fn pad(left: bool, with: u8) -> Option<Pad> {
    Some(Pad { left, with })
}

pub(super) fn class(value: Value<'_>) -> Option<Class> {
    value.one_of(&Class::TABLE, &[])
}

pub(super) fn coding_where(value: Value<'_>, fits: impl Fn(Coding) -> bool) -> Option<Coding> {
    let mut known = Coding::TABLE.to_vec();
    known.retain(|(_, coding)| fits(*coding));
    value.one_of(&known, &[])
}

pub(super) fn length_coding(value: Value<'_>) -> Option<Coding> {
    let known = |c: Coding| {
        c.is_text() || c.is_hex() || c == Coding::Binary || c == Coding::Bcd(Fill::Left0)
    };
    coding_where(value, known)
}

pub(super) fn bitmap_coding(value: Value<'_>) -> Option<Coding> {
    coding_where(value, |c| c.is_hex() || c == Coding::Binary)
}

pub(super) fn bitmap_words(value: Value<'_>) -> Option<usize> {
    match value.integer(8, 24)? {
        bytes if bytes % 8 == 0 => Some(bytes as usize / 8),
        _ => {
            value.report(value.fault(FORM, "`bitmap_bytes` must be 8, 16 or 24"));
            None
        }
    }
}

/// One printable sign, or a control character such as the file separator.
pub(super) fn sign(value: Value<'_>) -> Option<u8> {
    let text = value.text()?;
    match text.as_bytes() {
        [sign] => Some(*sign),
        _ => {
            let title = format!("`{}` must be one ASCII character", value.key());
            value.report(
                value
                    .fault(FORM, title)
                    .mend("such as \"|\" or \"\\u001C\""),
            );
            None
        }
    }
}

/// `12`, `"LL..19"`, or `"..99"` for what is told from outside.
pub(super) fn length(value: Value<'_>) -> Option<Length> {
    if !value.raw().starts_with('"') {
        return Some(Length::Fixed(value.integer(1, 9999)? as usize));
    }
    let text = value.text()?;
    let parsed = text.split_once("..").and_then(|(letters, max)| {
        let digits = letters.len();
        let max: usize = max.parse().ok()?;
        let room = match digits {
            0 => usize::MAX,
            // How many a length can tell depends on its coding; hex and binary tell most.
            _ => 256_usize.saturating_pow(digits as u32),
        };
        let good = digits <= 6 && letters.bytes().all(|c| c == b'L') && max > 0 && max < room;
        let max = max.min(BYTES_MAX);
        let min = 0;
        good.then_some(Length::Var { digits, min, max })
    });
    if parsed.is_none() {
        let fault = value.fault(FORM, format!("\"{text}\" is not a length"));
        value.report(
            fault
                .label("as many L as the length before the value has digits, and the most units")
                .mend("such as 12, \"LL..19\" or \"LLL..999\""),
        );
    }
    parsed
}

pub(super) fn path(value: Value<'_>, text: &str) -> Option<Path> {
    let path = text.parse();
    if path.is_err() {
        let title = format!("\"{text}\" is not a place in a message");
        value.report(value.fault(FORM, title).mend("such as \"4\" or \"48.10\""));
    }
    path.ok()
}

/// A message type without the repeat bit, from the text of a value or the name of a key.
pub(super) fn mti(value: Value<'_>, text: &str) -> Option<Mti> {
    let mti = Mti::from_digits(text.as_bytes()).filter(|mti| !mti.is_repeat());
    if mti.is_none() {
        let title = format!("\"{text}\" is not a message type");
        let fault = value.fault(FUNCTION, title);
        value
            .report(fault.mend("four digits, the last one even; repeats count as their originals"));
    }
    mti
}
