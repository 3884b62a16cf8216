//! The typed reader: each verb gives a value of its type, or logs a fault with its place and gives `None`.
//!
//! A reader reads all its keys and builds at the end, so that one faulty key does not hide the next.

use std::time::Duration;

use super::fault::{Fault, FaultLog, Place};
use super::shape::{Form, Shape};
use super::tree::{File, Kind, Language, Member, Node, latin_digit};
use crate::terms::Rials;

/// Sums and products of amounts up to this stay within their types.
const MOST_RIALS: i64 = 999_999_999_999_999;

/// A table whose keys are all known to its shape.
#[derive(Clone, Copy, Debug)]
pub struct Table<'f> {
    value: Value<'f>,
    shape: &'static Shape,
    members: &'f [Member],
}

/// A value in a file, with the key it was found under.
#[derive(Clone, Copy)]
pub struct Value<'f> {
    pub(super) file: &'f File,
    pub(super) log: &'f FaultLog,
    pub(super) key: &'f str,
    pub(super) node: &'f Node,
    /// What the table of keys says it is.
    pub(super) form: &'static Form,
}

/// A member of a table whose keys are names that the author gave.
#[derive(Clone, Debug)]
pub struct Entry<'f> {
    /// The name.
    pub name: &'f str,
    /// Where the name stands.
    pub place: Place,
    /// What it names.
    pub value: Value<'f>,
}

impl<'f> Table<'f> {
    /// The value under a key, when it is there.
    pub fn get(&self, key: &'static str) -> Option<Value<'f>> {
        let known = self.shape.key(key);
        debug_assert!(
            known.is_some(),
            "the shape of {} lacks {key}",
            self.shape.what
        );
        let member = self.members.iter().find(|member| member.key == key)?;
        Some(Value {
            key: &member.key,
            node: &member.value,
            form: known.map_or(&Form::Any, |key| &key.form),
            ..self.value
        })
    }

    /// The value under a key; a fault when it is not there.
    pub fn need(&self, key: &'static str) -> Option<Value<'f>> {
        let found = self.get(key);
        if found.is_none() {
            let meaning = self.shape.key(key).map_or("", |key| key.en);
            self.value.log.add(
                self.fault(
                    self.value.file.language.unknown,
                    format!("`{key}` is missing"),
                )
                .label(format!("{} needs it", self.shape.what))
                .mend(format!("add `{key}`: {meaning}")),
            );
        }
        found
    }

    /// Reads a key that must be there: `table.required("title", Value::text)`.
    pub fn required<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(Value<'f>) -> Option<T>,
    ) -> Option<T> {
        self.need(key).and_then(read)
    }

    /// Reads a key that may be left out. A faulty one counts as left out: its fault stops the load anyway.
    pub fn optional<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(Value<'f>) -> Option<T>,
    ) -> Option<T> {
        self.get(key).and_then(read)
    }

    /// True when the key stands there, well-formed or not.
    pub fn has(&self, key: &'static str) -> bool {
        self.get(key).is_some()
    }

    /// The value the table was opened from.
    pub fn value(&self) -> Value<'f> {
        self.value
    }

    /// A fault at the head of the table; give it to [`Value::report`] or a log.
    pub fn fault(&self, code: &'static str, title: impl Into<String>) -> Fault {
        self.value.fault(code, title)
    }

    /// Logs a fault.
    pub fn report(&self, fault: Fault) {
        self.value.report(fault);
    }
}

impl<'f> Value<'f> {
    /// The key it stands under; for a member of a list, the key of the list.
    pub fn key(&self) -> &'f str {
        self.key
    }

    /// The file that it stands in, where it was inherited from another.
    pub fn inherited_from(&self) -> Option<&'f str> {
        self.node.from.as_ref().map(|file| file.name.as_str())
    }

    /// Where it stands.
    pub fn place(&self) -> Place {
        self.place_of(self.node)
    }

    /// The characters of the file.
    pub fn raw(&self) -> &'f str {
        let source = self.node.from.as_ref().unwrap_or(&self.file.source);
        let text = source.text.get(self.node.span.clone());
        text.unwrap_or_default()
    }

    /// A fault at this value.
    pub fn fault(&self, code: &'static str, title: impl Into<String>) -> Fault {
        Fault::error(code, self.place(), title)
    }

    /// Logs a fault.
    pub fn report(&self, fault: Fault) {
        self.log.add(fault);
    }

    /// Whether it is just this text.
    pub fn is_text(&self, wanted: &str) -> bool {
        matches!(&self.node.kind, Kind::Text(text) if text == wanted)
    }

    /// A member of a table, whatever else is in it; no fault where it is none.
    pub fn member(&self, key: &'static str) -> Option<Value<'f>> {
        let Kind::Table(members) = &self.node.kind else {
            return None;
        };
        let member = members.iter().find(|member| member.key == key)?;
        Some(Value {
            node: &member.value,
            key: &member.key,
            ..*self
        })
    }

    /// Text, where it is one; no fault where it is none.
    pub fn text_if_any(&self) -> Option<&'f str> {
        match &self.node.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is `true`.
    pub fn is_true(&self) -> bool {
        matches!(self.node.kind, Kind::Bool(true))
    }

    /// Whether it is a decimal number.
    pub fn is_float(&self) -> bool {
        matches!(self.node.kind, Kind::Float)
    }

    /// Text.
    pub fn text(self) -> Option<&'f str> {
        match &self.node.kind {
            Kind::Text(text) => Some(text),
            kind => {
                let fault = self.form_fault("text");
                self.report(match kind {
                    Kind::Integer(_) | Kind::Float | Kind::Bool(_) | Kind::Date(_) => {
                        fault.mend(format!("put it in quotes: \"{}\"", self.raw()))
                    }
                    _ => fault,
                });
                None
            }
        }
    }

    /// Text that is not empty.
    pub fn title(self) -> Option<&'f str> {
        let text = self.text()?;
        if text.trim().is_empty() {
            let form = self.file.language.form;
            self.report(self.fault(form, format!("`{}` is empty", self.key)));
            return None;
        }
        Some(text)
    }

    /// A whole number within bounds.
    pub fn integer(self, least: i64, most: i64) -> Option<i64> {
        self.expects(|form| match form {
            Form::Integer(from, to) => (*from, *to) == (least, most),
            form => matches!(form, Form::Format),
        });
        let Kind::Integer(number) = self.node.kind else {
            self.report(self.unquoted(self.form_fault("a whole number")));
            return None;
        };
        if (least..=most).contains(&number) {
            return Some(number);
        }
        let title = format!("`{}` must lie between {least} and {most}", self.key);
        self.report(self.fault(self.file.language.form, title));
        None
    }

    /// `true` or `false`.
    pub fn boolean(self) -> Option<bool> {
        self.expects(|form| matches!(form, Form::Boolean));
        match self.node.kind {
            Kind::Bool(flag) => Some(flag),
            _ => {
                self.report(self.unquoted(self.form_fault("true or false")));
                None
            }
        }
    }

    /// Whole rials, from 0, at most fifteen digits.
    pub fn rials(self) -> Option<Rials> {
        self.expects(|form| matches!(form, Form::Rials | Form::PositiveRials));
        let title = format!("`{}` must be whole rials", self.key);
        let fault = self.fault(self.file.language.form, title);
        match self.node.kind {
            Kind::Integer(rials) if (0..=MOST_RIALS).contains(&rials) => Some(Rials(rials)),
            Kind::Integer(rials) if rials > 0 => {
                self.report(fault.label("more than there is"));
                None
            }
            Kind::Integer(_) => {
                self.report(fault.label("this is less than nothing"));
                None
            }
            Kind::Float => {
                let whole = self.raw().split(['.', 'e', 'E']).next().unwrap_or_default();
                self.report(
                    fault
                        .label("this is a decimal number")
                        .mend(format!("{} = {whole}", self.key)),
                );
                None
            }
            _ => {
                self.report(self.unquoted(fault.label(self.found())));
                None
            }
        }
    }

    /// The members of a list.
    pub fn list(self) -> Option<Vec<Value<'f>>> {
        match &self.node.kind {
            Kind::List(nodes) => {
                let form = self.form.member();
                let member = |node| Value { node, form, ..self };
                Some(nodes.iter().map(member).collect())
            }
            Kind::Table(_) if self.raw().starts_with('[') => {
                self.report(
                    self.form_fault("a list of tables")
                        .mend(format!("write [[{}]]", self.key)),
                );
                None
            }
            Kind::Table(_) => {
                self.report(self.form_fault("a list"));
                None
            }
            _ => {
                let mend = format!("{} = [{}]", self.key, self.raw());
                self.report(self.form_fault("a list").mend(mend));
                None
            }
        }
    }

    /// The members of a list that has at least one, each read by `read`. Faulty members are logged and left out.
    pub fn each<T>(self, read: impl Fn(Value<'f>) -> Option<T>) -> Option<Vec<T>> {
        let list = self.list()?;
        if list.is_empty() {
            let title = format!("the list `{}` is empty", self.key);
            let fault = self.fault(self.file.language.form, title);
            self.report(fault.mend("name at least one, or leave the key out"));
            return None;
        }
        Some(list.into_iter().filter_map(read).collect())
    }

    /// A table of a known shape. Every key the shape does not have is a fault.
    pub fn table(self, shape: &'static Shape) -> Option<Table<'f>> {
        let members = self.members()?;
        for member in members {
            self.check_key(member, shape);
        }
        Some(Table {
            value: self,
            shape,
            members,
        })
    }

    /// A table whose keys are names given by the author, in file order.
    pub fn entries(self) -> Option<Vec<Entry<'f>>> {
        let entry = |member: &'f Member| Entry {
            name: &member.key,
            place: self.place_at(&member.key_span, &member.value),
            value: Value {
                key: &member.key,
                node: &member.value,
                form: &Form::Any,
                ..self
            },
        };
        Some(self.members()?.iter().map(entry).collect())
    }

    /// One of a table of names; the others of the language are told as not built. Where the table of keys names them,
    /// it is those that faults tell.
    pub fn one_of<T: Copy>(self, known: &[(&str, T)], later: &[&str]) -> Option<T> {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        // Both must say the same: a new name needs a row in the table of keys and a meaning here.
        self.expects(|form| match form {
            Form::OneOf(told, _) => {
                told.iter().all(|n| names.contains(n)) && told.len() == names.len()
            }
            _ => false,
        });
        let (names, later) = self.form.names().unwrap_or((&names, later));
        let text = self.text()?;
        if let Some((_, meaning)) = known.iter().find(|(name, _)| *name == text) {
            return Some(*meaning);
        }
        let form = self.file.language.form;
        if later.contains(&text) {
            self.report(self.not_built(form, &format!("\"{text}\""), self.place()));
            return None;
        }
        let title = format!("`{}` cannot be \"{text}\"", self.key);
        let mut fault = self
            .fault(form, title)
            .label(format!("one of {}", names.join(", ")));
        fault = fault.meant(nearest(text, names.iter().copied()));
        self.report(fault);
        None
    }

    /// A name of letters a–z, digits and hyphens, as rules, purses and shops have it.
    pub fn name(self) -> Option<&'f str> {
        let text = self.text()?;
        self.check_name(text, self.place()).then_some(text)
    }

    /// A length of time such as `250ms`, `10s`, `5m`, `2h`, `1d`.
    pub fn duration(self) -> Option<Duration> {
        let text = self.text()?;
        let length = counted(text).and_then(|(count, unit)| {
            let ms = match unit {
                "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                _ => return None,
            };
            count.checked_mul(ms).map(Duration::from_millis)
        });
        if length.is_none() {
            self.report(
                self.form_fault("a length of time")
                    .label("a whole number and ms, s, m, h or d")
                    .mend(format!("{} = \"10s\"", self.key)),
            );
        }
        length
    }

    /// A size such as `512 KiB`, `64 MiB`, in bytes.
    pub fn bytes(self) -> Option<u64> {
        let text = self.text()?;
        let size = counted(text).and_then(|(count, unit)| {
            let factor = match unit {
                "B" => 1,
                "KiB" => 1 << 10,
                "MiB" => 1 << 20,
                "GiB" => 1 << 30,
                _ => return None,
            };
            count.checked_mul(factor)
        });
        if size.is_none() {
            self.report(
                self.form_fault("a size")
                    .label("a whole number and B, KiB, MiB or GiB")
                    .mend(format!("{} = \"64 MiB\"", self.key)),
            );
        }
        size
    }

    /// Logs that a name is badly formed; true when it is well formed.
    fn check_name(&self, name: &str, place: Place) -> bool {
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !name.is_empty() && name.len() <= 40 && name.chars().all(good) {
            return true;
        }
        let title = format!("\"{name}\" is not a name");
        let mended: String = name
            .to_ascii_lowercase()
            .chars()
            .map(|c| if good(c) { c } else { '-' })
            .take(40)
            .collect();
        let fault = Fault::error(self.file.language.name_form, place, title)
            .label("names have small letters a-z, digits and hyphens, at most 40");
        let usable = mended.chars().any(|c| c != '-');
        self.report(if usable {
            fault.mend(format!("\"{mended}\""))
        } else {
            fault
        });
        false
    }

    /// The table of keys and the reader must agree on what a key takes: told where a reader is tested.
    pub(super) fn expects(&self, wanted: impl Fn(&Form) -> bool + Copy) {
        debug_assert!(
            self.form.is(wanted),
            "`{}` is read as something else than {:?}",
            self.key,
            self.form
        );
    }

    /// What the file calls its kind, and the numbers of its faults.
    pub fn language(&self) -> &'static Language {
        self.file.language
    }

    fn members(&self) -> Option<&'f [Member]> {
        match &self.node.kind {
            Kind::Table(members) => Some(members),
            _ => {
                self.report(self.form_fault("a table"));
                None
            }
        }
    }

    fn check_key(&self, member: &Member, shape: &Shape) {
        let key = member.key.as_str();
        if shape.key(key).is_some() {
            return;
        }
        let place = self.place_at(&member.key_span, &member.value);
        let unknown = self.file.language.unknown;
        if shape.later.contains(&key) {
            self.report(self.not_built(unknown, &format!("`{key}`"), place));
            return;
        }
        let names: Vec<&str> = shape.keys.iter().map(|key| key.name).collect();
        let fault = Fault::error(
            unknown,
            place,
            format!("`{key}` is not a key of {}", shape.what),
        );
        self.report(match nearest(key, names.iter().copied()) {
            Some(near) => fault.meant(Some(near)),
            None => fault.mend(format!("the keys are {}", names.join(", "))),
        });
    }

    fn not_built(&self, code: &'static str, what: &str, place: Place) -> Fault {
        let language = self.file.language.name;
        let title = format!("{what} is part of {language} but not built in this version");
        Fault::error(code, place, title).mend("leave it out")
    }

    /// "`title` must be text", with what stands there instead.
    pub(super) fn form_fault(&self, wanted: &str) -> Fault {
        let title = if self.key.is_empty() {
            format!("{wanted} is wanted")
        } else {
            format!("`{}` must be {wanted}", self.key)
        };
        self.fault(self.file.language.form, title)
            .label(self.found())
    }

    /// Adds the cure "without the quotes" where text holds just what was wanted.
    fn unquoted(&self, fault: Fault) -> Fault {
        let Kind::Text(text) = &self.node.kind else {
            return fault;
        };
        let latin: String = text.chars().map(latin_digit).collect();
        let number = !text.is_empty() && latin.bytes().all(|b| b.is_ascii_digit() || b == b'_');
        if number || text == "true" || text == "false" {
            return fault.mend(format!("without quotes: {latin}"));
        }
        fault
    }

    /// What stands there, in words.
    pub(super) fn found(&self) -> &'static str {
        match self.node.kind {
            Kind::Text(_) => "this is text",
            Kind::Integer(_) => "this is a whole number",
            Kind::Float => "this is a decimal number",
            Kind::Bool(_) => "this is true or false",
            Kind::Date(_) => "this is a date",
            Kind::List(_) => "this is a list",
            Kind::Table(_) => "this is a table",
        }
    }

    fn place_of(&self, node: &Node) -> Place {
        self.place_at(&node.span, node)
    }

    /// A stretch of the file that a node came from.
    fn place_at(&self, span: &std::ops::Range<usize>, of: &Node) -> Place {
        Place {
            source: of.from.as_ref().unwrap_or(&self.file.source).clone(),
            span: Some(span.clone()),
        }
    }
}

impl Entry<'_> {
    /// True when the name is well formed; logs a fault otherwise.
    pub fn has_good_name(&self) -> bool {
        self.value.check_name(self.name, self.place.clone())
    }
}

impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.key, self.place())
    }
}

/// The name most like a misspelt one, when one is like enough.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let far = (name.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|near| (strsim::damerau_levenshtein(name, near), near))
        .filter(|(distance, _)| *distance <= far)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, near)| near)
}

/// `"180 days"` → 180 and `days`; the space may be left out.
pub fn counted(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    Some((count.parse().ok()?, unit.strip_prefix(' ').unwrap_or(unit)))
}
