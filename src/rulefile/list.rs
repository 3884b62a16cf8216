//! Long lists, which lie in files of their own (`lists/*.csv`): one column under its name, a row a line. Empty lines and those
//! that begin with `#` do not count.

use crate::rules::Roster;
use crate::source::{Fault, Place, Value};
use crate::terms::{MemberId, Token};

/// The members and cards of a list. Its faults name the line and never show it: somebody may have put a card number there.
pub(super) fn roster(value: Value<'_>, lists: &[(String, String)]) -> Option<Roster> {
    let name = value.text()?;
    let Some((_, text)) = lists.iter().find(|(known, _)| known == name) else {
        let fault = value.fault("R08", format!("there is no list file \"{name}\""));
        value.report(match lists.first() {
            Some(_) => {
                let known: Vec<&str> = lists.iter().take(8).map(|(name, _)| &**name).collect();
                fault.mend(format!("known: {}", known.join(", ")))
            }
            None => fault.mend("put the file into lists/ beside world/ and clubs/"),
        });
        return None;
    };
    let refuse = |line: usize, title: &str, mend: &str| {
        let place = Place::file(format!("{name}:{line}"));
        value.report(Fault::error("R03", place, title).mend(mend));
    };
    let mut lines = (1..)
        .zip(text.lines())
        .map(|(at, line)| (at, line.trim_start_matches('\u{feff}').trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let of_cards = match lines.next() {
        Some((_, "member")) => false,
        Some((_, "token")) => true,
        first => {
            let line = first.map_or(1, |(at, _)| at);
            let title = "a list begins with the name of its column";
            refuse(line, title, "the first line is  member  or  token");
            return None;
        }
    };
    let mut roster = Roster::default();
    let mut good = true;
    for (at, line) in lines {
        let digits = line.bytes().all(|b| b.is_ascii_digit());
        if of_cards {
            match token(line) {
                Some(token) => roster.cards.push(token),
                None => {
                    good = false;
                    refuse(
                        at,
                        "this line is not the token of a card",
                        "a token has 32 hexadecimal digits; a card number never stands in a file",
                    );
                }
            }
            continue;
        }
        match line.parse().ok().filter(|number| digits && *number > 0) {
            Some(number) => roster.members.push(MemberId(number)),
            None => {
                good = false;
                let mend = if digits && line.len() >= 13 {
                    "a card number never stands in a file: write the member's number"
                } else {
                    "write one member number a line"
                };
                refuse(at, "this line is not the number of a member", mend);
            }
        }
    }
    good.then_some(roster)
}

fn token(text: &str) -> Option<Token> {
    let bytes = text.as_bytes();
    if bytes.len() != 32 || !bytes.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut token = [0; 16];
    for (at, byte) in token.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(Token(token))
}
