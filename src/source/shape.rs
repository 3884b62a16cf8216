//! What tables may hold: their keys, what each takes, and the sentences that say what it is for.
//!
//! One table for all: the reader refuses by it, the schema and the reference page are made from it.

/// The keys a table may have: what the reader accepts, and what faults and documentation say about it.
#[derive(Debug)]
pub struct Shape {
    /// "a discount", "the calendar": with its article.
    pub what: &'static str,
    /// The same in Persian.
    pub fa: &'static str,
    /// In the order of the documentation.
    pub keys: &'static [Key],
    /// Keys of the language that this version does not know how to obey.
    pub later: &'static [&'static str],
}

/// A key of a table.
#[derive(Debug)]
pub struct Key {
    /// As it stands in the file.
    pub name: &'static str,
    /// Whether it has to stand there.
    pub need: Need,
    /// What it takes.
    pub form: Form,
    /// What it is for.
    pub en: &'static str,
    /// The same in Persian.
    pub fa: &'static str,
}

/// Whether a key has to stand in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Always.
    Must,
    /// It may be left out.
    May,
    /// Exactly one of the keys that say so.
    One,
    /// At least one of the keys that say so.
    Some,
    /// Always beside one of these, and never without them.
    With(&'static [&'static str]),
    /// It may stand beside one of these, and not without them.
    Beside(&'static [&'static str]),
}

/// What a key takes.
#[derive(Debug)]
pub enum Form {
    /// Not said: the reader alone knows.
    Any,
    /// Any text.
    Text,
    /// Text for people, not empty.
    Title,
    /// Small letters a-z, digits and hyphens, at most 40.
    Name,
    /// A name, and what kind of thing it must be the name of: "purse".
    Ref(&'static str),
    /// The number that an acceptor has in messages, at most 15 signs.
    Acceptor,
    /// Three to five capital letters.
    Alias,
    /// An Iranian IBAN.
    Iban,
    /// A category code, four digits in quotes.
    Mcc,
    /// The first six to eight digits of cards.
    Bin,
    /// A code of a product or service: at most 40 signs, no blank, comma or semicolon.
    Code,
    /// Text for a receipt: one line of at most 40 signs.
    Line,
    /// A file of `lists/`, by its path below the folder of rules.
    ListFile,
    /// A name of the tz database.
    TimeZone,
    /// The version of the language: 1.
    Format,
    /// A whole number between bounds, both included.
    Integer(i64, i64),
    /// `true` or `false`.
    Boolean,
    /// Whole rials from 0.
    Rials,
    /// Whole rials above 0.
    PositiveRials,
    /// Points above 0: whole, or with decimals in quotes.
    Points,
    /// A percent in quotes.
    Percent,
    /// A multiplier in quotes.
    Times,
    /// A Jalali day in quotes, or a bare Gregorian one.
    Day,
    /// A time of day in quotes.
    TimeOfDay,
    /// A span of the day, `"08:00-12:00"`.
    Hours,
    /// `sat` to `fri`.
    Weekday,
    /// A number and one of some units: `"30 days"`. The units stand in the singular.
    Span(&'static [&'static str]),
    /// One of some names; the second list belongs to the language but is not built in this version.
    OneOf(&'static [&'static str], &'static [&'static str]),
    /// A list of at least one.
    List(&'static Form),
    /// A list that may be empty.
    ListOrNone(&'static Form),
    /// A table.
    Table(&'static Shape),
    /// Tables of one shape under names that the author gives; the form is that of the names.
    Entries(&'static Form, &'static Shape),
    /// One form or another.
    Either(&'static [Form]),
}

impl Shape {
    /// A key by its name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

impl Form {
    /// Whether this form, or one of those it leaves the choice between, is such a one. What is not said can be any.
    pub fn is(&self, wanted: impl Fn(&Form) -> bool + Copy) -> bool {
        match self {
            Form::Any => true,
            Form::Either(forms) => forms.iter().any(|form| form.is(wanted)),
            form => wanted(form),
        }
    }

    /// The form of a member of a list.
    pub(super) fn member(&self) -> &'static Form {
        match self {
            Form::List(form) | Form::ListOrNone(form) => form,
            Form::Either(forms) => forms
                .iter()
                .map(Form::member)
                .find(|form| !matches!(form, Form::Any))
                .unwrap_or(&Form::Any),
            _ => &Form::Any,
        }
    }

    /// The names it allows, and those that are not built.
    pub(super) fn names(&self) -> Option<(&'static [&'static str], &'static [&'static str])> {
        match self {
            Form::OneOf(names, later) => Some((names, later)),
            Form::Either(forms) => forms.iter().find_map(Form::names),
            _ => None,
        }
    }
}

/// A key that must stand there.
pub const fn must(name: &'static str, form: Form, en: &'static str, fa: &'static str) -> Key {
    key(name, Need::Must, form, en, fa)
}

/// A key that may be left out.
pub const fn may(name: &'static str, form: Form, en: &'static str, fa: &'static str) -> Key {
    key(name, Need::May, form, en, fa)
}

/// A key of which exactly one must stand in the table.
pub const fn one(name: &'static str, form: Form, en: &'static str, fa: &'static str) -> Key {
    key(name, Need::One, form, en, fa)
}

/// A key of which at least one must stand in the table.
pub const fn some(name: &'static str, form: Form, en: &'static str, fa: &'static str) -> Key {
    key(name, Need::Some, form, en, fa)
}

/// A key that must stand beside one of some others, and cannot without them.
pub const fn with(
    name: &'static str,
    others: &'static [&'static str],
    form: Form,
    en: &'static str,
    fa: &'static str,
) -> Key {
    key(name, Need::With(others), form, en, fa)
}

/// A key that may stand beside one of some others, and cannot without them.
pub const fn beside(
    name: &'static str,
    others: &'static [&'static str],
    form: Form,
    en: &'static str,
    fa: &'static str,
) -> Key {
    key(name, Need::Beside(others), form, en, fa)
}

/// A key of a file that no schema is made for.
pub const fn plain(name: &'static str, en: &'static str) -> Key {
    key(name, Need::May, Form::Any, en, "")
}

const fn key(
    name: &'static str,
    need: Need,
    form: Form,
    en: &'static str,
    fa: &'static str,
) -> Key {
    Key {
        name,
        need,
        form,
        en,
        fa,
    }
}
