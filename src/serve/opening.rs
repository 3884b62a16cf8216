//! Opening files: members and what they have, booked by `ledger open` for migrations, the demo and tests. Cards and
//! numbers become tokens as they are read; faults never show them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::office::{Office, OfficeError, text};
use crate::engine::{Act, ActError, Opening, OpeningError, OpeningLot, OpeningMember};
use crate::keys::TokenKey;
use crate::ledger::{Named, Names, PurseKind};
use crate::source::shape::plain;
use crate::source::{
    Fault, FaultLog, Faults, File, Language, Place, Shape, Source, Value, nearest,
};
use crate::terms::person::{Identity, Mobile, NationalCode};
use crate::terms::{ClubId, Pan, TokenKind};

/// The numbers of the faults of opening files.
const LANGUAGE: Language = Language {
    name: "an opening file",
    syntax: "O01",
    unknown: "O02",
    form: "O03",
    percent: "O03",
    date: "O04",
    hours: "O03",
    name_form: "O05",
};

/// A club, purse, shop, tier or person that is not there.
const NOT_THERE: &str = "O06";
/// An amount that does not fit its purse, or days that do not follow one another.
const NOT_FITTING: &str = "O07";
/// Somebody who is in the file twice, or a member already.
const KNOWN: &str = "O08";

const FILE: Shape = Shape {
    what: "an opening file",
    fa: "",
    keys: &[
        plain("reason", "why, in words; it stands in every entry"),
        plain("member", "the members, [[member]] for each"),
    ],
    later: &[],
};

const MEMBER: Shape = Shape {
    what: "a member",
    fa: "",
    keys: &[
        plain("club", "the club he is in, by its name in the rule files"),
        plain("card", "his card number, in quotes"),
        plain("mobile", "his mobile number, in quotes"),
        plain("national_code", "his national code, in quotes"),
        plain("tier", "his tier, given by hand"),
        plain(
            "marketer",
            "the person who brought him, by the name in the world file",
        ),
        plain("joined", "the day he joined; left out: today"),
        plain("birth_date", "the day he was born"),
        plain("lot", "what he has, [[member.lot]] for each lot"),
    ],
    later: &["introducer", "number"],
};

const LOT: Shape = Shape {
    what: "a lot",
    fa: "",
    keys: &[
        plain("purse", "the purse it is in, by its name in the club file"),
        plain(
            "amount",
            "how much, in quotes, with the decimals of the purse: \"830.50\"",
        ),
        plain("shop", "the shop that owes it, for merchant credit"),
        plain("booked", "the day it was earned, \"1405/07/11\""),
        plain(
            "ends",
            "the last day it can be spent; left out: it never ends",
        ),
    ],
    later: &["rule", "usable_from"],
};

/// An opening file that was read, with the places of its members.
#[derive(Debug)]
pub struct OpeningFile {
    /// What it says.
    pub opening: Opening,
    members: Vec<Place>,
}

impl OpeningFile {
    /// Reads a text; `name` is what faults call it. Names are those of the book the members will be booked in.
    ///
    /// # Errors
    /// Every fault of it; none shows a card or another number.
    pub fn parse(
        name: &str,
        text: &str,
        names: &Names,
        key: &TokenKey,
    ) -> Result<OpeningFile, Faults> {
        let log = FaultLog::default();
        let file = File::parse(name, text, &LANGUAGE, &log);
        let read = file.as_ref().and_then(|file| {
            let reader = Reader { names, key };
            reader.file(file.root(&log), text)
        });
        let stopped = log.has_errors();
        match read {
            Some(read) if !stopped => Ok(read),
            _ => Err(masked(log.into_faults())),
        }
    }

    /// A refusal of the book as a fault of the file, at the member it is about.
    pub fn refused(&self, error: &OpeningError) -> Faults {
        let member = match error {
            OpeningError::Booked(_) => None,
            OpeningError::Known(at, _)
            | OpeningError::Twice(at)
            | OpeningError::Nobody(at)
            | OpeningError::Lot(at, _) => self.members.get(at - 1),
        };
        let place = member.or(self.members.first());
        let place = place.map_or_else(|| Place::file("opening file"), Clone::clone);
        let mend = match error {
            OpeningError::Booked(_) => "nothing: it is done",
            OpeningError::Known(..) => {
                "take him out of the file; what he has is changed by messages"
            }
            _ => "mend the member and run it again",
        };
        masked(
            Fault::error(KNOWN, place, error.to_string())
                .mend(mend)
                .into(),
        )
    }
}

/// `{"name": "members.toml", "text": "…"}` → what was booked, or the faults of the file.
pub(super) fn open(
    office: &mut Office,
    words: &Json,
    _progress: &mut dyn FnMut(Json),
) -> Result<Json, OfficeError> {
    let name = text(words, "name")?;
    let read = text(words, "text")?.to_owned();
    office.put_rules_in_force()?;
    let names = office.look(|engine, _| engine.names())?;
    let faults =
        |faults: Faults| json!({ "faults": faults.drawn(true), "errors": faults.errors() });
    let file = match OpeningFile::parse(name, &read, &names, office.token_key()) {
        Ok(file) => file,
        Err(found) => return Ok(faults(found)),
    };
    let members = file.opening.members.len();
    let lots: usize = file
        .opening
        .members
        .iter()
        .map(|member| member.lots.len())
        .sum();
    let opening = file.opening.clone();
    let reason = opening.reason.clone();
    let booked = office.ask(move |engine, now| engine.act(Act::Open(opening), now))?;
    match booked {
        Ok(last) => {
            tracing::info!(members, lots, "an opening state was booked: {reason}");
            Ok(json!({
                "booked": members,
                "lots": lots,
                "reason": reason,
                "last_entry": last.0,
            }))
        }
        Err(ActError::Opening(error)) => Ok(faults(file.refused(&error))),
        Err(error) => Err(OfficeError::Refused(error.to_string())),
    }
}

/// What is needed to turn names and numbers into ids and tokens.
struct Reader<'a> {
    names: &'a Names,
    key: &'a TokenKey,
}

impl Reader<'_> {
    fn file(&self, root: Value<'_>, text: &str) -> Option<OpeningFile> {
        let table = root.table(&FILE)?;
        let reason = table.required("reason", Value::title);
        let list = table.required("member", Value::list)?;
        let mut seen = BTreeMap::new();
        let mut members = Vec::with_capacity(list.len());
        let mut places = Vec::with_capacity(list.len());
        for value in list {
            let place = value.place();
            if let Some(member) = self.member(value) {
                self.check_once(value, &member, places.len(), &mut seen);
                members.push(member);
            }
            places.push(place);
        }
        Some(OpeningFile {
            opening: Opening {
                reason: reason?.to_owned(),
                sha256: Sha256::digest(text.as_bytes()).into(),
                members,
            },
            members: places,
        })
    }

    fn check_once(
        &self,
        value: Value<'_>,
        member: &OpeningMember,
        at: usize,
        seen: &mut BTreeMap<(ClubId, [u8; 16]), usize>,
    ) {
        for token in member.identities.iter().filter_map(|i| i.token()) {
            if let Some(before) = seen.insert((member.club, token.0), at) {
                let title = format!(
                    "member {} has a card or number that member {} has",
                    at + 1,
                    before + 1
                );
                let fault = value.fault(KNOWN, title);
                value.report(fault.mend("one member with all his lots"));
            }
        }
    }

    fn member(&self, value: Value<'_>) -> Option<OpeningMember> {
        let table = value.table(&MEMBER)?;
        let club = table.required("club", |value| {
            let clubs = self.names_of(|named| match named {
                Named::Club { name, .. } => Some(name),
                _ => None,
            });
            named(value, "club", self.names.club_id(value.text()?), &clubs)
        });
        let mut identities = Vec::new();
        let mut known = |kind, found: Option<Vec<u8>>, identity: fn(_) -> Identity| {
            identities.extend(found.map(|value| identity(self.key.token(kind, &value))));
        };
        let card = table.optional("card", |value| {
            let pan = Pan::new(value.text()?.as_bytes());
            of_form(value, pan, "8 to 19 digits").map(|pan| pan.digits().to_vec())
        });
        known(TokenKind::Card, card, Identity::Card);
        let mobile = table.optional("mobile", |value| {
            let mobile = Mobile::parse(value.text()?);
            of_form(value, mobile, "a mobile number, 09 and nine digits")
                .map(|mobile| mobile.as_str().as_bytes().to_vec())
        });
        known(TokenKind::Mobile, mobile, Identity::Mobile);
        let code = table.optional("national_code", |value| {
            let code = NationalCode::parse(value.text()?);
            of_form(value, code, "ten digits with the right check digit")
                .map(|code| code.as_str().as_bytes().to_vec())
        });
        known(TokenKind::NationalCode, code, Identity::NationalCode);
        let named_by = ["card", "mobile", "national_code"];
        if !named_by.iter().any(|key| table.has(key)) {
            let fault = table.fault(LANGUAGE.unknown, "nobody could find this member");
            table.report(fault.mend("add `card`, `mobile` or `national_code`"));
        }
        let tier = table.optional("tier", |value| {
            let of_club = club?;
            let tiers = self.names_of(|named| match named {
                Named::Tier { club, name, .. } if *club == of_club => Some(name),
                _ => None,
            });
            named(
                value,
                "tier",
                self.names.tier_id(of_club, value.text()?),
                &tiers,
            )
        });
        let marketer = table.optional("marketer", |value| {
            let people = self.names_of(|named| match named {
                Named::Person { name, .. } => Some(name),
                _ => None,
            });
            named(
                value,
                "person",
                self.names.person_id(value.text()?),
                &people,
            )
        });
        let joined = table.optional("joined", Value::day);
        let born = table.optional("birth_date", Value::day);
        let lots = table.optional("lot", Value::list).unwrap_or_default();
        let lots = lots.into_iter().filter_map(|lot| self.lot(lot, club));
        Some(OpeningMember {
            lots: lots.collect(),
            club: club?,
            identities,
            tier,
            marketer,
            joined,
            born,
        })
    }

    fn lot(&self, value: Value<'_>, club: Option<ClubId>) -> Option<OpeningLot> {
        let table = value.table(&LOT)?;
        let purse = table.required("purse", |value| {
            let of_club = club?;
            let purses = self.names_of(|named| match named {
                Named::Purse { club, name, .. } if *club == of_club => Some(name),
                _ => None,
            });
            named(
                value,
                "purse",
                self.names.purse_id(of_club, value.text()?),
                &purses,
            )
        });
        let decimals = purse.map(|purse| self.names.unit(self.names.purse_unit(purse)).1);
        let amount = table.required("amount", |value| amount(value, decimals));
        let shop = table.optional("shop", |value| {
            let shops = self.names_of(|named| match named {
                Named::Shop { code, .. } => Some(code),
                _ => None,
            });
            named(value, "shop", self.names.shop_id(value.text()?), &shops)
        });
        let booked = table.required("booked", Value::day);
        let last_day = table.optional("ends", Value::day);
        if let (Some(booked), Some(last)) = (booked, last_day)
            && last < booked
        {
            let fault = table.fault(NOT_FITTING, "the lot ends before it was booked");
            table.report(fault.label(format!("booked {booked}, ends {last}")));
        }
        let kind = purse.and_then(|purse| self.names.purse_particulars(purse));
        match kind {
            Some((_, PurseKind::MerchantCredit, _)) if !table.has("shop") => {
                let fault = table.fault(LANGUAGE.unknown, "`shop` is missing");
                table.report(fault.mend("add `shop`: the shop that owes this credit"));
            }
            Some((_, kind, _)) if kind != PurseKind::MerchantCredit && table.has("shop") => {
                let title = format!("{} is not owed by a shop", kind.name());
                table.report(table.fault(NOT_FITTING, title).mend("leave `shop` out"));
            }
            _ => {}
        }
        Some(OpeningLot {
            purse: purse?,
            shop,
            amount: amount?,
            booked: booked?,
            last_day,
        })
    }

    fn names_of<'n>(&'n self, pick: impl Fn(&'n Named) -> Option<&'n String>) -> Vec<&'n str> {
        self.names
            .all()
            .filter_map(pick)
            .map(String::as_str)
            .collect()
    }
}

/// The id of a name; a fault with the nearest one where it is not there.
fn named<T>(value: Value<'_>, what: &str, id: Option<T>, known: &[&str]) -> Option<T> {
    if id.is_none() {
        let text = value.text()?;
        let title = format!("there is no {what} \"{text}\"");
        let fault = value.fault(NOT_THERE, title);
        value.report(match nearest(text, known.iter().copied()) {
            Some(near) => fault.meant(Some(near)),
            None => fault.mend(format!("one of {}", known.join(", "))),
        });
    }
    id
}

/// What was read, or a fault that does not repeat it.
fn of_form<T>(value: Value<'_>, read: Option<T>, wanted: &str) -> Option<T> {
    if read.is_none() {
        let title = format!("`{}` must be {wanted}", value.key());
        value.report(value.fault(LANGUAGE.form, title));
    }
    read
}

/// `"830.50"` in smallest units: above zero, with at most the decimals of the purse.
fn amount(value: Value<'_>, decimals: Option<u8>) -> Option<i64> {
    let text = value.text()?;
    let decimals = decimals?;
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let label = if whole.is_empty() || !digits(whole) || !digits(fraction) {
        "digits are wanted, with a point before the decimals".to_owned()
    } else if fraction.len() > usize::from(decimals) {
        format!("this purse has {decimals} decimals")
    } else {
        let smallest = format!("{whole}{fraction:0<width$}", width = usize::from(decimals));
        match smallest.parse() {
            // Sums of purses stay far from the end of their type.
            Ok(amount) if (1..=999_999_999_999_999).contains(&amount) => return Some(amount),
            Ok(0) => "nothing need not be opened".to_owned(),
            _ => "more than there is".to_owned(),
        }
    };
    let fault = value.fault(
        NOT_FITTING,
        format!("`{}` is no amount of this purse", value.key()),
    );
    value.report(fault.label(label));
    None
}

/// The faults with every long number put out of sight: it may be a card.
fn masked(mut faults: Faults) -> Faults {
    let mut sources: Vec<(Arc<Source>, Arc<Source>)> = Vec::new();
    for fault in &mut faults.0 {
        let held = sources
            .iter()
            .find(|(plain, _)| Arc::ptr_eq(plain, &fault.place.source));
        let source = match held {
            Some((_, hidden)) => Arc::clone(hidden),
            None => {
                let plain = Arc::clone(&fault.place.source);
                let hidden = Arc::new(Source::new(&plain.name, stars(&plain.text)));
                sources.push((plain, Arc::clone(&hidden)));
                hidden
            }
        };
        fault.place.source = source;
        fault.title = stars(&fault.title);
        fault.label = stars(&fault.label);
        fault.why = fault.why.as_deref().map(stars);
        fault.mend = fault.mend.as_deref().map(stars);
    }
    faults
}

/// The same text, as many bytes long, with stars for the digits of numbers of eight and more, grouped or not.
fn stars(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let mut end = at;
        while end < bytes.len()
            && (bytes[end].is_ascii_digit() || matches!(bytes[end], b'_' | b'-' | b' '))
        {
            end += 1;
        }
        let run = &mut bytes[at..end];
        if run.iter().filter(|b| b.is_ascii_digit()).count() >= 8 {
            run.iter_mut()
                .filter(|b| b.is_ascii_digit())
                .for_each(|b| *b = b'*');
        }
        at = end;
    }
    String::from_utf8(bytes).expect("stars stand for ASCII digits only")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Book;
    use crate::rulefile;
    use crate::serve::rules::SHIPPED;
    use crate::terms::JalaliDate;

    const GOOD: &str = include_str!("../../fixtures/openings/worked-example.toml");

    fn names() -> Names {
        let mut names = Names::clone(Book::new(8).names());
        let loaded = rulefile::compile(&SHIPPED, &names).unwrap();
        loaded
            .rulebook
            .names
            .iter()
            .for_each(|n| names.put(n.clone()));
        names
    }

    fn parse(text: &str) -> Result<OpeningFile, Faults> {
        OpeningFile::parse("opening.toml", text, &names(), &TokenKey::new(&[7; 32]))
    }

    /// The good file with one line changed must give just this fault.
    fn check(from: &str, to: &str, wanted: &str) {
        assert!(GOOD.contains(from), "{from}");
        let faults = parse(&GOOD.replacen(from, to, 1)).unwrap_err();
        let lines = faults.to_string();
        assert_eq!(faults.errors(), 1, "{lines}");
        assert!(lines.contains(wanted), "{wanted:?} wanted, found:\n{lines}");
    }

    #[test]
    fn the_worked_example_is_read_as_written() {
        let opening = parse(GOOD).unwrap().opening;
        let [member] = &opening.members[..] else {
            panic!("one member")
        };
        let amounts: Vec<i64> = member.lots.iter().map(|lot| lot.amount).collect();
        assert_eq!(amounts.iter().sum::<i64>(), 40_000 + 125_000 + 83_050);
        assert!(amounts.contains(&40_000) && amounts.contains(&83_050));
        let names = names();
        assert_eq!(names.tier(member.tier.unwrap()), "silver");
        assert_eq!(names.person(member.marketer.unwrap()), "p-77");
        assert_eq!(
            member.lots[0].last_day,
            JalaliDate::parse("1405/10/10").map(|date| date.day())
        );
        assert_eq!(member.lots[0].shop, names.shop_id("m-1001"));
    }

    #[test]
    fn a_broken_line_is_told_with_its_cure() {
        check("\"golestan\"", "\"golestna\"", "did you mean \"golestan\"?");
        check("\"silver\"", "\"siver\"", "did you mean \"silver\"?");
        check("\"p-77\"", "\"p-78\"", "there is no person \"p-78\"");
        check(
            "\"830.50\"",
            "\"830.505\"",
            "`amount` is no amount of this purse",
        );
        check("\"830.50\"", "830.50", "put it in quotes");
        check("\"40_000\"", "\"0\"", "`amount` is no amount of this purse");
        check(
            "\"1405/10/10\"",
            "\"1405/06/10\"",
            "ends before it was booked",
        );
        check("shop   = \"m-1001\"\n", "", "`shop` is missing");
        check("joined ", "joind ", "did you mean \"joined\"?");
    }

    #[test]
    fn every_fault_is_told_at_once_and_none_shows_a_number() {
        let card = "9999120000001234";
        let twice =
            format!("{GOOD}\n[[member]]\nclub = \"golestan\"\ncard = {card}\ntier = \"blue\"\n");
        let faults = parse(&twice).unwrap_err();
        assert!(faults.errors() >= 2, "{faults}");
        let drawn = format!("{faults}\n{}", faults.drawn(false));
        assert!(!drawn.contains(card), "{drawn}");
        let broken = parse(&GOOD.replacen(card, "9999120000001234x", 1)).unwrap_err();
        let drawn = format!("{broken}\n{}", broken.drawn(false));
        assert!(
            drawn.contains("8 to 19 digits") && !drawn.contains(card),
            "{drawn}"
        );
    }

    #[test]
    fn nobody_is_in_a_file_twice() {
        let member = &GOOD[GOOD.find("[[member]]").unwrap()..];
        let faults = parse(&format!("{GOOD}\n{member}")).unwrap_err();
        assert!(
            faults
                .to_string()
                .contains("member 2 has a card or number that member 1 has")
        );
    }
}
