//! What differs between two sets of rule files, key by key, in the words of who wrote them. Rules are matched by their names, so that
//! one that moved is one that moved and not two others.

use std::collections::BTreeMap;

use crate::rulefile::LANGUAGE;
use crate::source::{FaultLog, File, Plain};
use crate::words::Language;
use crate::words::difference::{
    ADDED, ALSO, CHANGED, DROPPED, GONE, LAYOUT, LINES, LISTED, NEW, NEW_LOTS, ORDER, THINGS,
};
use crate::words::number::digits;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// In which file.
    pub file: String,
    /// The table it is in and its name, as `["discount", "morning-5"]`; empty for the file as a whole.
    pub of: Vec<String>,
    /// The key within it, as `["give", "percent"]`; empty for the whole of it.
    pub key: Vec<String>,
    /// What kind it is.
    pub kind: Kind,
    /// The files of sub-clubs that inherit what differs.
    pub also: Vec<String>,
}

/// What kind of difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is new; what it says.
    New(String),
    /// It is gone; what it said.
    Gone(String),
    /// It says something else.
    Changed {
        /// What it said.
        was: String,
        /// What it says.
        now: String,
    },
    /// A list has other members.
    Listed {
        /// Those that it had not.
        more: Vec<String>,
        /// Those that it has no more.
        fewer: Vec<String>,
    },
    /// What was there stands in another order.
    Order(Vec<String>),
    /// Only comments and layout.
    Layout,
    /// Lines of a list that is no TOML.
    Lines {
        /// How many it had not.
        more: usize,
        /// How many it has no more.
        fewer: usize,
    },
}

impl Kind {
    /// Its name for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::New(_) => "new",
            Kind::Gone(_) => "gone",
            Kind::Changed { .. } => "changed",
            Kind::Listed { .. } => "listed",
            Kind::Order(_) => "order",
            Kind::Layout => "layout",
            Kind::Lines { .. } => "lines",
        }
    }
}

/// Everything that differs between two sets of files, each with its name, in the order of the new files.
pub fn diff(old: &[(&str, &str)], new: &[(&str, &str)]) -> Vec<Difference> {
    let mut found = Vec::new();
    let text = |files: &[(&str, &str)], name: &str| {
        let file = files.iter().find(|(other, _)| *other == name);
        file.map(|(_, text)| (*text).to_owned())
    };
    let mut names: Vec<&str> = new.iter().chain(old).map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let mut compared = Compared {
            file: name,
            found: &mut found,
        };
        match (text(old, name), text(new, name)) {
            (Some(old), Some(new)) if old != new => compared.texts(&old, &new),
            (None, Some(new)) => compared.add(&[], &[], Kind::New(lines(&new))),
            (Some(old), None) => compared.add(&[], &[], Kind::Gone(lines(&old))),
            _ => {}
        }
    }
    let heirs = heirs(new);
    for difference in &mut found {
        difference.also = inheriting(difference, &heirs);
    }
    found
}

/// A club file that inherits from another: its name, what it says, the names of its club and of the one it is of.
struct Heir {
    file: String,
    says: Vec<(String, Plain)>,
    club: String,
    of: Option<String>,
}

fn heirs(files: &[(&str, &str)]) -> Vec<Heir> {
    let clubs = files.iter().filter(|(name, _)| name.starts_with("clubs/"));
    let heir = |(name, file): &(&str, &str)| {
        let log = FaultLog::default();
        let Plain::Table(says) = File::parse(name, *file, &LANGUAGE, &log)?.plain() else {
            return None;
        };
        let Some(Plain::Table(head)) = value(&says, "club") else {
            return None;
        };
        let (club, of) = (
            value(head, "id").map(text)?,
            value(head, "sub_of").map(text),
        );
        Some(Heir {
            file: (*name).to_owned(),
            says,
            club,
            of,
        })
    };
    clubs.filter_map(heir).collect()
}

/// Those that have what differs from the file where it does.
fn inheriting(difference: &Difference, heirs: &[Heir]) -> Vec<String> {
    let Some(changed) = heirs.iter().find(|heir| heir.file == difference.file) else {
        return Vec::new();
    };
    let mut found: Vec<&Heir> = Vec::new();
    let mut above = vec![changed];
    while let Some(club) = above.pop() {
        let below = heirs.iter().filter(|heir| {
            heir.of.as_ref() == Some(&club.club)
                && heir.file != difference.file
                && !found.iter().any(|known| known.file == heir.file)
                && !has_its_own(&heir.says, &difference.of, &difference.key)
        });
        let below: Vec<&Heir> = below.collect();
        found.extend(&below);
        above.extend(below);
    }
    let mut files: Vec<String> = found.iter().map(|heir| heir.file.clone()).collect();
    files.sort_unstable();
    files
}

/// Whether a club file says itself what differs in the one that it inherits from.
fn has_its_own(says: &[(String, Plain)], of: &[String], key: &[String]) -> bool {
    let Some(table) = of.first() else { return true };
    let Some(own) = value(says, table) else {
        return false;
    };
    match (own, of.get(1), key.first()) {
        // What the club is called and whom it belongs to is its own.
        (Plain::Table(own), None, Some(key)) if table == "club" => {
            ["id", "alias", "title", "sub_of", "parent"].contains(&key.as_str())
                || value(own, key).is_some()
        }
        (Plain::Table(own), None, Some(key)) if table == "stack" => value(own, key).is_some(),
        (Plain::Table(own), Some(name), _) => value(own, name).is_some(),
        (Plain::List(own), Some(name), _) => {
            own.iter().any(|one| name_of(one).as_ref() == Some(name))
        }
        // The order of rules is inherited beside those of one's own.
        (Plain::List(_), None, _) => false,
        _ => true,
    }
}

fn lines(text: &str) -> String {
    format!("{} lines", text.lines().count())
}

struct Compared<'a> {
    file: &'a str,
    found: &'a mut Vec<Difference>,
}

impl Compared<'_> {
    fn add(&mut self, of: &[String], key: &[String], kind: Kind) {
        self.found.push(Difference {
            file: self.file.to_owned(),
            of: of.to_vec(),
            key: key.to_vec(),
            kind,
            also: Vec::new(),
        });
    }

    fn texts(&mut self, old: &str, new: &str) {
        let plain = |text: &str| {
            let log = FaultLog::default();
            File::parse(self.file, text, &LANGUAGE, &log).map(|file| file.plain())
        };
        let both = match self.file.ends_with(".toml") {
            true => (plain(old), plain(new)),
            false => (None, None),
        };
        match both {
            (Some(old), Some(new)) if old == new => self.add(&[], &[], Kind::Layout),
            (Some(Plain::Table(old)), Some(Plain::Table(new))) => self.file(&old, &new),
            _ => self.lines(old, new),
        }
    }

    fn lines(&mut self, old: &str, new: &str) {
        let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
        new.lines()
            .for_each(|line| *counts.entry(line).or_default() += 1);
        old.lines()
            .for_each(|line| *counts.entry(line).or_default() -= 1);
        let sum = |sign: i64| -> usize {
            let counts = counts.values().map(|count| (count * sign).max(0));
            counts
                .map(|count| usize::try_from(count).unwrap_or(0))
                .sum()
        };
        let kind = Kind::Lines {
            more: sum(1),
            fewer: sum(-1),
        };
        self.add(&[], &[], kind);
    }

    /// The tables of a file: those with a name each by itself.
    fn file(&mut self, old: &[(String, Plain)], new: &[(String, Plain)]) {
        for (key, now) in new {
            let was = value(old, key);
            match (was, now) {
                (Some(was), now) if was == now => {}
                (Some(Plain::List(was)), Plain::List(now)) if are_named(was) && are_named(now) => {
                    self.named(key, &by_name(was), &by_name(now));
                }
                (None, Plain::List(now)) if are_named(now) => self.named(key, &[], &by_name(now)),
                (Some(Plain::Table(was)), Plain::Table(now))
                    if holds_tables(was) && holds_tables(now) =>
                {
                    self.named(key, was, now);
                }
                (None, Plain::Table(now)) if holds_tables(now) => self.named(key, &[], now),
                (Some(was), now) => self.values(std::slice::from_ref(key), &[], was, now),
                (None, now) => self.add(std::slice::from_ref(key), &[], Kind::New(text(now))),
            }
        }
        for (key, was) in old.iter().filter(|(key, _)| value(new, key).is_none()) {
            match was {
                Plain::List(was) if are_named(was) => self.named(key, &by_name(was), &[]),
                Plain::Table(was) if holds_tables(was) => self.named(key, was, &[]),
                was => self.add(std::slice::from_ref(key), &[], Kind::Gone(text(was))),
            }
        }
    }

    /// Things of one kind, each by its name.
    fn named(&mut self, kind: &str, old: &[(String, Plain)], new: &[(String, Plain)]) {
        let of = |name: &str| [kind.to_owned(), name.to_owned()];
        for (name, now) in new {
            match value(old, name) {
                Some(was) if was == now => {}
                Some(was) => self.values(&of(name), &[], was, now),
                None => self.add(&of(name), &[], Kind::New(text(now))),
            }
        }
        for (name, was) in old.iter().filter(|(name, _)| value(new, name).is_none()) {
            self.add(&of(name), &[], Kind::Gone(text(was)));
        }
        // Rules of a stage run in the order written; of the rest it says nothing.
        if ["discount", "accrue", "split"].contains(&kind) {
            self.order(&[kind.to_owned()], &[], old, new);
        }
    }

    /// Tells where those that are in both stand in another order.
    fn order(
        &mut self,
        of: &[String],
        key: &[String],
        old: &[(String, Plain)],
        new: &[(String, Plain)],
    ) {
        let common = |these: &[(String, Plain)], those: &[(String, Plain)]| -> Vec<String> {
            let names = these.iter().map(|(name, _)| name.clone());
            names.filter(|name| value(those, name).is_some()).collect()
        };
        let now = common(new, old);
        if common(old, new) != now {
            self.add(of, key, Kind::Order(now));
        }
    }

    fn values(&mut self, of: &[String], key: &[String], was: &Plain, now: &Plain) {
        match (was, now) {
            (was, now) if was == now => {}
            (Plain::Table(was), Plain::Table(now)) => self.tables(of, key, was, now),
            (Plain::List(was), Plain::List(now)) if are_named(was) && are_named(now) => {
                let (was, now) = (by_name(was), by_name(now));
                self.tables(of, key, &was, &now);
                self.order(of, key, &was, &now);
            }
            (Plain::List(was), Plain::List(now)) if are_single(was) && are_single(now) => {
                let without = |these: &[Plain], those: &[Plain]| -> Vec<String> {
                    let these = these.iter().filter(|one| !those.contains(one));
                    these.map(text).collect()
                };
                let (more, fewer) = (without(now, was), without(was, now));
                self.add(
                    of,
                    key,
                    match more.is_empty() && fewer.is_empty() {
                        true => Kind::Order(now.iter().map(text).collect()),
                        false => Kind::Listed { more, fewer },
                    },
                );
            }
            (was, now) => self.add(
                of,
                key,
                Kind::Changed {
                    was: text(was),
                    now: text(now),
                },
            ),
        }
    }

    fn tables(
        &mut self,
        of: &[String],
        key: &[String],
        old: &[(String, Plain)],
        new: &[(String, Plain)],
    ) {
        let below = |name: &String| [key, std::slice::from_ref(name)].concat();
        for (name, now) in new {
            match value(old, name) {
                Some(was) => self.values(of, &below(name), was, now),
                None => self.add(of, &below(name), Kind::New(text(now))),
            }
        }
        for (name, was) in old.iter().filter(|(name, _)| value(new, name).is_none()) {
            self.add(of, &below(name), Kind::Gone(text(was)));
        }
    }
}

fn value<'p>(table: &'p [(String, Plain)], key: &str) -> Option<&'p Plain> {
    let found = table.iter().find(|(other, _)| other == key);
    found.map(|(_, value)| value)
}

/// Whether a table has a table under each key: `[purse.points]`, `[merchant.m-1001]`.
fn holds_tables(table: &[(String, Plain)]) -> bool {
    let is_table = |(_, value): &(String, Plain)| matches!(value, Plain::Table(_));
    !table.is_empty() && table.iter().all(is_table)
}

fn are_single(list: &[Plain]) -> bool {
    let is_single = |value: &Plain| !matches!(value, Plain::List(_) | Plain::Table(_));
    list.iter().all(is_single)
}

/// By what a member of a list is known among the others.
fn name_of(value: &Plain) -> Option<String> {
    let Plain::Table(table) = value else {
        return None;
    };
    let at = |key: &str| self::value(table, key).map(text);
    // Rates of a clearing house, and its members: by their club.
    if let (Some(club), Some(purse), Some(from)) = (at("club"), at("purse"), at("from")) {
        return Some(format!("{club} {purse} {from}"));
    }
    if let (Some(club), Some(_)) = (at("club"), at("account")) {
        return Some(club);
    }
    let known = ["name", "to", "date", "from_rial"].into_iter().find_map(at);
    known.or_else(|| Some(format!("{} {}", at("per")?, at("window")?)))
}

/// Whether each member of a list has a name of its own.
fn are_named(list: &[Plain]) -> bool {
    let names: Option<Vec<String>> = list.iter().map(name_of).collect();
    names.is_some_and(|mut names| {
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        names.len() == count && count > 0
    })
}

fn by_name(list: &[Plain]) -> Vec<(String, Plain)> {
    let named = list
        .iter()
        .map(|value| (name_of(value).unwrap_or_default(), value.clone()));
    named.collect()
}

/// A value as the files write it, numbers with their thousands set off.
fn text(value: &Plain) -> String {
    match value {
        Plain::Text(text) | Plain::Other(text) => text.clone(),
        Plain::Integer(number) if number.unsigned_abs() >= 10_000 => {
            crate::terms::money::grouped(*number, 0)
        }
        Plain::Integer(number) => number.to_string(),
        Plain::Bool(flag) => flag.to_string(),
        Plain::List(list) => {
            let list: Vec<String> = list.iter().map(text).collect();
            format!("[{}]", list.join(", "))
        }
        Plain::Table(table) => {
            let row = |(key, value): &(String, Plain)| format!("{key} = {}", text(value));
            let rows: Vec<String> = table.iter().map(row).collect();
            format!("{{ {} }}", rows.join(", "))
        }
    }
}

impl Difference {
    /// It, in a sentence.
    pub fn in_words(&self, language: Language) -> String {
        let of = self.of(language);
        let key = self.key();
        let local = |text: &str| digits(text, language);
        let said = match &self.kind {
            Kind::New(_) if key.is_empty() => NEW.say(language, &[&of]),
            Kind::Gone(_) if key.is_empty() => GONE.say(language, &[&of]),
            Kind::New(now) => ADDED.say(language, &[&of, &key, &local(now)]),
            Kind::Gone(was) => DROPPED.say(language, &[&of, &key, &local(was)]),
            Kind::Changed { was, now } => {
                let (was, now) = without_common_unit(was, now);
                CHANGED.say(language, &[&of, &key, &local(was), &local(now)])
            }
            Kind::Listed { more, fewer } => {
                let signed = |sign: &str, names: &[String]| -> Vec<String> {
                    names.iter().map(|name| format!("{sign} {name}")).collect()
                };
                let all = [signed("+", more), signed("-", fewer)].concat();
                LISTED.say(language, &[&of, &key, &all.join(", ")])
            }
            Kind::Order(names) => {
                let what = match key.is_empty() {
                    true => of,
                    false => format!("{of}, {key}"),
                };
                ORDER.say(language, &[&what, &names.join(", ")])
            }
            Kind::Layout => LAYOUT.say(language, &[&of]),
            Kind::Lines { more, fewer } => {
                let count = |count: &usize| local(&count.to_string());
                LINES.say(language, &[&of, &count(more), &count(fewer)])
            }
        };
        let said = match self.is_for_new_lots() {
            true => format!("{said} {}", NEW_LOTS.say(language, &[])),
            false => said,
        };
        match self.also.is_empty() {
            true => said,
            false => format!("{said} {}", ALSO.say(language, &[&self.also.join(", ")])),
        }
    }

    /// Whether it changes what is earned from now on, and nothing that lies in purses.
    pub fn is_for_new_lots(&self) -> bool {
        let key = self.key.first().map(String::as_str);
        self.of.first().is_some_and(|of| of == "purse")
            && matches!(key, Some("expiry" | "available"))
    }

    /// What it is about: `rule morning-5`, `purse points`, or the file.
    fn of(&self, language: Language) -> String {
        let Some(table) = self.of.first() else {
            return self.file.clone();
        };
        let called = THINGS.iter().find(|(key, _, _)| key == table);
        let called = called.map_or(table.as_str(), |(_, en, fa)| match language {
            Language::English => en,
            Language::Persian => fa,
        });
        match self.of.get(1) {
            Some(name) => format!("{called} {name}"),
            None if ["discount", "accrue"].contains(&table.as_str()) => {
                format!("{called} ({table})")
            }
            None => called.to_owned(),
        }
    }

    /// The key as people say it: what only wraps is left out.
    fn key(&self) -> String {
        let wraps = |key: &&String| !["give", "earn", "after", "level"].contains(&key.as_str());
        let mut keys: Vec<&str> = self.key.iter().filter(wraps).map(String::as_str).collect();
        if keys.is_empty()
            && let Some(last) = self.key.last()
        {
            keys.push(last);
        }
        keys.join(" ")
    }
}

/// `12 jalali-months -> 9 jalali-months` is `12 -> 9 jalali-months`.
fn without_common_unit<'t>(was: &'t str, now: &'t str) -> (&'t str, &'t str) {
    match (was.split_once(' '), now.split_once(' ')) {
        (Some((count, unit)), Some((_, other)))
            if unit == other && count.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            (count, now)
        }
        _ => (was, now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = r#"
format = 1
[purse.points]
kind = "points"
expiry = { after = "12 jalali-months" }
[[discount]]
name = "morning-5"
when = { hours = ["08:00-12:00"], merchant_groups = ["supermarkets"] }
give = { percent = "5%", max_rial = 300_000 }
cap = [{ per = "member", window = "day", max_rial = 500_000 }]
[[discount]]
name = "gold-3"
give = { percent = "3%" }
[[split]]
name = "default"
parts = [{ to = "club-owner", percent = "0.60%" }, { to = "merchant", percent = "99%" }]
"#;

    fn check(edits: &[(&str, &str)], wanted: &str) {
        let mut new = OLD.to_owned();
        for (from, to) in edits {
            assert!(new.contains(from), "{from}");
            new = new.replacen(from, to, 1);
        }
        let found = diff(&[("clubs/a.toml", OLD)], &[("clubs/a.toml", &new)]);
        let found: Vec<String> = found
            .iter()
            .map(|d| d.in_words(Language::English))
            .collect();
        let wanted: Vec<&str> = wanted
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn rates_and_members_of_a_house_are_told_by_their_club() {
        let old = include_str!("../../fixtures/rules-clearing/clearing/shetak.toml");
        let new = old
            .replacen("sell = { rial = 150", "sell = { rial = 155", 1)
            .replacen("cap_rial = 800_000_000", "cap_rial = 700_000_000", 1);
        let found = diff(&[("clearing/a.toml", old)], &[("clearing/a.toml", &new)]);
        let words = |language| -> Vec<String> {
            let words = found.iter().map(|one| one.in_words(language));
            words.collect()
        };
        assert_eq!(
            words(Language::English),
            [
                "rate golestan points 1405/07/01: sell rial 150 -> 155",
                "member of the house pars: net_debit_cap_rial 800,000,000 -> 700,000,000",
            ]
        );
        assert!(words(Language::Persian)[0].starts_with("نرخ golestan points"));
    }

    #[test]
    fn what_an_operator_changed_is_told_in_his_words() {
        check(
            &[
                ("\"5%\"", "\"6%\""),
                ("12 jalali", "9 jalali"),
                ("max_rial = 500_000", "max_rial = 400_000"),
                ("[\"supermarkets\"]", "[\"sport\", \"supermarkets\"]"),
                ("\"0.60%\"", "\"0.50%\""),
            ],
            "purse points: expiry 12 -> 9 jalali-months (new lots only)
             rule morning-5: when merchant_groups + sport
             rule morning-5: percent 5% -> 6%
             rule morning-5: cap member day max_rial 500,000 -> 400,000
             split default: parts club-owner percent 0.60% -> 0.50%",
        );
    }

    #[test]
    fn new_and_gone_things_are_told_by_their_names() {
        check(
            &[(
                "[[split]]",
                "[[accrue]]\nname = \"yalda-chance\"\n[[split]]",
            )],
            "new rule yalda-chance",
        );
        check(
            &[(
                "[purse.points]\nkind = \"points\"\nexpiry = { after = \"12 jalali-months\" }\n",
                "",
            )],
            "purse points is gone",
        );
        check(
            &[(", max_rial = 300_000", "")],
            "rule morning-5: no max_rial any more (it was 300,000)",
        );
        check(
            &[("\"3%\" }", "\"3%\", max_rial = 7 }")],
            "rule gold-3: new max_rial 7",
        );
    }

    #[test]
    fn rules_that_change_places_are_one_difference() {
        let (first, rest) = OLD.split_once("[[discount]]").unwrap();
        let (morning, rest) = rest.split_once("[[discount]]").unwrap();
        let (gold, rest) = rest.split_once("[[split]]").unwrap();
        let new = format!("{first}[[discount]]{gold}[[discount]]{morning}[[split]]{rest}");
        let found = diff(&[("a.toml", OLD)], &[("a.toml", &new)]);
        let found: Vec<String> = found
            .iter()
            .map(|d| d.in_words(Language::English))
            .collect();
        assert_eq!(
            found,
            ["rule (discount): the order is now gold-3, morning-5"]
        );
    }

    #[test]
    fn comments_are_no_difference_and_files_are() {
        check(
            &[("format = 1", "format = 1 # the first")],
            "clubs/a.toml: only comments and layout differ",
        );
        let found = diff(
            &[("lists/a.csv", "1\n2\n")],
            &[("lists/a.csv", "2\n3\n4\n"), ("clubs/b.toml", "")],
        );
        let found: Vec<String> = found
            .iter()
            .map(|d| d.in_words(Language::English))
            .collect();
        assert_eq!(
            found,
            ["new clubs/b.toml", "lists/a.csv: 2 lines more, 1 fewer"]
        );
    }

    #[test]
    fn a_difference_that_sub_clubs_inherit_is_told_as_theirs_too() {
        let club = |head: &str, rest: &str| format!("[club]\n{head}\n{rest}");
        let rule = |name: &str, percent: &str| {
            format!("[[discount]]\nname = \"{name}\"\ngive = {{ percent = \"{percent}\" }}\n")
        };
        let north = club("id = \"north\"\nsub_of = \"all\"", &rule("gold", "9%"));
        let south = club("id = \"south\"\nsub_of = \"north\"", "");
        let all = |gold: &str, silver: &str| {
            let rules = rule("gold", gold) + &rule("silver", silver);
            club("id = \"all\"\ntitle = \"All\"", &rules)
        };
        let found = |old: &str, new: &str| -> Vec<String> {
            let below = [("clubs/north.toml", &*north), ("clubs/south.toml", &south)];
            let old = [&[("clubs/all.toml", old)], &below[..]].concat();
            let new = [&[("clubs/all.toml", new)], &below[..]].concat();
            let found = diff(&old, &new).into_iter();
            found.map(|d| d.in_words(Language::English)).collect()
        };
        let was = all("3%", "2%");
        let below = "(also clubs/north.toml, clubs/south.toml)";
        assert_eq!(
            found(&was, &all("3%", "1%")),
            [format!("rule silver: percent 2% -> 1% {below}")]
        );
        assert_eq!(
            found(&was, &all("4%", "2%")),
            ["rule gold: percent 3% -> 4%"]
        );
        let titled = was.replace("\"All\"", "\"Everybody\"");
        assert_eq!(found(&was, &titled), ["club: title All -> Everybody"]);
        let owned = was.replace("title", "merchants = [\"sport\"]\ntitle");
        assert_eq!(
            found(&was, &owned),
            [format!("club: new merchants [sport] {below}")]
        );
    }

    #[test]
    fn it_is_told_in_persian_too() {
        let new = OLD.replace("\"5%\"", "\"6%\"");
        let found = diff(&[("a.toml", OLD)], &[("a.toml", &new)]);
        assert_eq!(
            found[0].in_words(Language::Persian),
            "قاعده morning-5: percent از ۵٪ به ۶٪"
        );
    }
}
