//! What the tests of this room share: messages in a line, the names of a club, the worked example.

use std::fmt::Write;

use bytes::BytesMut;

use crate::ledger::told::{PurseAmount, ToldBalance};
use crate::ledger::{Named, Names, Party, PurseKind, Told, Verdict};
use crate::message::{Message, MessageBuilder, Mti};
use crate::terms::{
    AcquirerId, ClubId, Iban, MemberId, PurseId, Rials, RuleId, ShopId, Token, TokenKind,
};

use super::bind::{Dialect, bind};
use super::read::LinkTerms;

pub(super) fn dialect(name: &str) -> Dialect {
    bind(&crate::spec::shipped(name).unwrap()).unwrap()
}

pub(super) fn link() -> LinkTerms {
    LinkTerms {
        acquirer: "581672031".to_owned(),
        ..LinkTerms::default()
    }
}

/// A purchase as wire.md wants it.
pub(super) const PURCHASE: &str = "0200 2=9999120000001234 3=000000 4=000002755555 7=1123064500 11=000007 12=101500 \
     13=1123 41=T0000001 42=m-1001 49=364";

/// The same as ISO 8583:1993 tells it.
pub(super) const PURCHASE_93: &str = "1200 2=9999120000001234 3=000000 4=000002755555 7=1123064500 11=000007 \
     12=261123101500 24=200 41=T0000001 42=m-1001 49=364";

/// A line with some fields put in, or taken away where nothing stands behind `=`; a word without one is its type.
pub(super) fn changed(line: &str, changes: &str) -> String {
    let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    for change in changes.split_whitespace() {
        let Some((at, value)) = change.split_once('=') else {
            change.clone_into(&mut words[0]);
            continue;
        };
        words.retain(|word| !word.starts_with(&format!("{at}=")));
        if !value.is_empty() {
            words.push(change.to_owned());
        }
    }
    words.join(" ")
}

/// `0200 3=000000 48.21=max`: a message from its fields and tags.
pub(super) fn message(dialect: &Dialect, line: &str) -> Message {
    let mut words = line.split_whitespace();
    let mti = Mti::from_digits(words.next().unwrap().as_bytes()).unwrap();
    let mut builder = MessageBuilder::new(dialect.spec(), mti);
    for word in words {
        let (at, value) = word.split_once('=').unwrap();
        match at.split_once('.') {
            Some((field, tag)) => builder.tag(field.parse().unwrap(), tag, value),
            None => {
                let n: usize = at.parse().unwrap();
                match n {
                    41 => builder.set(n, format!("{value:<8}")),
                    42 => builder.set(n, format!("{value:<15}")),
                    _ => builder.set(n, value),
                }
            }
        };
    }
    let mut bytes = BytesMut::new();
    builder.encode(&mut bytes).unwrap();
    Message::decode(dialect.spec(), bytes.freeze()).unwrap()
}

/// A message as a line of its fields, the tags of the private field each for itself.
pub(super) fn line(dialect: &Dialect, message: &Message) -> String {
    let mut line = message.mti().to_string();
    for n in message.fields() {
        if n == dialect.at.private {
            for item in message.tags(dialect.spec(), n) {
                let tag = String::from_utf8_lossy(&dialect.plain(item.tag)).into_owned();
                let value = String::from_utf8_lossy(&dialect.plain(item.value)).into_owned();
                let _ = write!(
                    line,
                    " {n}.{tag}={}",
                    value.replace('\n', "|").replace(' ', "_")
                );
            }
        } else {
            let value = message.text(dialect.spec(), n).unwrap();
            let _ = write!(line, " {n}={}", value.trim_end().replace(' ', "_"));
        }
    }
    line
}

/// A token that tells kind and value apart, and nothing more.
pub(super) fn token(kind: TokenKind, value: &[u8]) -> Token {
    let mut token = [kind as u8; 16];
    for (at, byte) in value.iter().enumerate() {
        token[1 + at % 15] ^= byte.rotate_left(at as u32);
    }
    Token(token)
}

pub(super) const MERCHANT_CREDIT: PurseId = PurseId(0);
pub(super) const CLUB_CREDIT: PurseId = PurseId(1);
pub(super) const POINTS: PurseId = PurseId(2);

/// The club golestan with its purses, two shops and three rules.
pub(super) fn names() -> Names {
    let iban = Iban::parse("IR460170000000112233445566").unwrap();
    let club = ClubId(0);
    let mut names = Names::default();
    names.put(Named::Acquirer {
        id: AcquirerId(0),
        code: "581672031".to_owned(),
    });
    names.put(Named::Club {
        id: club,
        name: "golestan".to_owned(),
        title: "Golestan".to_owned(),
        alias: "GOL".to_owned(),
        iban,
    });
    for (id, kind, unit, decimals) in [
        (MERCHANT_CREDIT, PurseKind::MerchantCredit, "rial", 0),
        (CLUB_CREDIT, PurseKind::ClubCredit, "rial", 0),
        (POINTS, PurseKind::Points, "point", 2),
    ] {
        names.put(Named::Purse {
            id,
            club,
            name: kind.name().to_owned(),
            kind,
            unit: unit.to_owned(),
            decimals,
        });
    }
    for (id, code) in [(ShopId(0), "m-1001"), (ShopId(1), "m-1002")] {
        names.put(Named::Shop {
            id,
            code: code.to_owned(),
            title: "Supermarket".to_owned(),
            iban,
        });
    }
    for (id, name) in ["morning-5", "base", "saving"].iter().enumerate() {
        names.put(Named::Rule {
            id: RuleId(id as u32),
            club,
            name: (*name).to_owned(),
        });
    }
    names
}

fn amount(purse: PurseId, amount: i64, worth: i64) -> PurseAmount {
    PurseAmount {
        purse,
        amount,
        worth: Rials(worth),
    }
}

/// The worked example of the rule language, as it is told.
pub(super) fn example() -> Told {
    Told {
        pays: Some(Rials(2_417_778)),
        approval: Some(*b"A00001"),
        rrn: Some(*b"000000000042"),
        member: Some(MemberId(88_213)),
        discount: Some(Rials(137_777)),
        fee: Some(Rials(8_266)),
        redeemed: vec![
            amount(MERCHANT_CREDIT, 40_000, 40_000),
            amount(CLUB_CREDIT, 125_000, 125_000),
            amount(POINTS, 23_334, 35_000),
        ],
        earned: vec![
            amount(POINTS, 29_013, 0),
            amount(CLUB_CREDIT, 24_177, 24_177),
        ],
        split: vec![
            (Party::Marketer, Rials(6_888)),
            (Party::MerchantMarketer, Rials(4_133)),
            (Party::ClubOwner, Rials(16_533)),
            (Party::HolderSaving, Rials(24_177)),
            (Party::Merchant, Rials(2_581_158)),
        ],
        rules: vec![RuleId(0), RuleId(1), RuleId(2)],
        balances: vec![
            ToldBalance {
                purse: MERCHANT_CREDIT,
                shop: Some(ShopId(0)),
                amount: 0,
            },
            ToldBalance {
                purse: CLUB_CREDIT,
                shop: None,
                amount: 24_177,
            },
            ToldBalance {
                purse: POINTS,
                shop: None,
                amount: 59_716,
            },
        ],
        ..Told::only(Verdict::Approved)
    }
}
