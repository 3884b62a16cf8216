//! What an operator asks of the ledger: whether it is whole, what somebody has, what an entry says.

use serde_json::{Map, Value, json};

use crate::journal::Reader;
use crate::ledger::{Account, Book, Entry, Input, Names, PurseKey, Told};
use crate::serve::data::{self, DataError};
use crate::serve::office::{Office, OfficeError, step};
use crate::store::Lookup;
use crate::terms::money::pointed;
use crate::terms::person::{Identity, Mobile, NationalCode};
use crate::terms::{ClubId, MemberId, Moment, Pan, Sequence, TokenKind, UnitId};

/// Reads the whole journal, folds it into a second book, and holds that, the seals and the ledger database against what
/// is in use. `faults` of the result is empty when all agree.
///
/// # Errors
/// When the switch stopped.
pub(super) fn verify(
    office: &mut Office,
    _words: &Value,
    progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let mut faults: Vec<String> = Vec::new();
    // The answer comes when everything in these figures is durable.
    let live = office.ask(|engine, _| Figures::of(engine.book()))?;
    let keep_days = data::keep_days(&office.config().limits);
    let mut again = Book::new(keep_days);
    let read = replay(office, live.sequence, &mut again, &mut faults, progress);
    if let Err(error) = &read {
        faults.push(error.to_string());
    }
    let sealed = office
        .journal()
        .check_seals(|done, of| progress(step(done, of, "sealed segments")));
    if let Err(error) = &sealed {
        faults.push(error.to_string());
    }
    let replayed = Figures::of(&again);
    if read.is_ok() && replayed != live {
        faults.push("the book in use is not the one the journal gives".to_owned());
    }
    for (unit, _, sum) in &live.sums {
        if *sum != 0 {
            faults.push(format!(
                "the accounts in {unit} add up to {sum} instead of 0"
            ));
        }
    }
    if live.sums != live.counted {
        faults.push("the running sums are not those of the accounts".to_owned());
    }
    let store = office.store().map(|store| store.position().sequence);
    let sums: Vec<Value> = live
        .sums
        .iter()
        .map(|(unit, lots, sum)| json!({ "unit": unit, "in_lots": lots, "sum": sum }))
        .collect();
    Ok(json!({
        "whole": faults.is_empty(),
        "faults": faults,
        "entries": live.sequence,
        "accounts": live.accounts,
        "members": live.members,
        "sums": sums,
        "journal": {
            "last": office.journal().last_sequence(),
            "chain": if read.is_ok() { "whole" } else { "broken" },
            "sealed_segments": sealed.ok(),
        },
        "store": store.map(|sequence| json!({
            "last": sequence,
            "behind": live.sequence.saturating_sub(sequence),
        })),
    }))
}

/// Folds the journal up to `last` into `book`; compares what the ledger database has of it.
fn replay(
    office: &Office,
    last: u64,
    book: &mut Book,
    faults: &mut Vec<String>,
    progress: &mut dyn FnMut(Value),
) -> Result<(), DataError> {
    let reader: &Reader = office.journal();
    if last == 0 {
        return Ok(());
    }
    let mut differing = 0_u64;
    let mut told = 0;
    for group in reader.read_from(1)? {
        let group = group?;
        for entry in data::entries(&group)? {
            if entry.head.sequence.0 <= last {
                data::apply(book, &entry)?;
            }
        }
        if let Some(store) = office.store() {
            let entries = data::split(&group.payload, group.count).unwrap_or_default();
            for (sequence, bytes) in (group.first_sequence..).zip(entries) {
                differing += match store.entry(sequence) {
                    Lookup::Found(held) => u64::from(held != bytes),
                    Lookup::Absent => 1,
                    Lookup::Unknown => 0,
                };
            }
        }
        let done = group.last_sequence();
        if done >= told + 20_000 {
            told = done;
            progress(step(done, last, "entries"));
        }
        if done >= last {
            break;
        }
    }
    if differing > 0 {
        faults.push(format!(
            "{differing} entries of the ledger database are not those of the journal; run: clubswitch ledger rebuild"
        ));
    }
    Ok(())
}

/// What two books of the same entries have in common.
#[derive(PartialEq, Eq)]
struct Figures {
    sequence: u64,
    accounts: usize,
    members: usize,
    sums: Vec<(String, i64, i64)>,
    counted: Vec<(String, i64, i64)>,
}

impl Figures {
    fn of(book: &Book) -> Figures {
        let names = book.names();
        let named = |sums: Vec<(UnitId, i64, i64)>| {
            let sums = sums.into_iter();
            sums.map(|(unit, lots, sum)| (unit_name(names, unit), lots, sum))
                .collect()
        };
        Figures {
            sequence: book.sequence().0,
            accounts: book.account_count(),
            members: book.members().len(),
            sums: named(book.sums()),
            counted: named(book.sums_counted()),
        }
    }
}

/// Words: one of `member` (a number), `card`, `mobile`, `national_code` for a member's purses; none of them for all other
/// accounts.
///
/// # Errors
/// When nobody is known by that.
pub(super) fn balance(
    office: &mut Office,
    words: &Value,
    _progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let Some(who) = identity(office, words)? else {
        return office.ask(|engine, _| {
            let book = engine.book();
            let accounts = book.accounts().into_iter();
            let rows = accounts.map(|(account, unit, balance)| {
                json!({
                    "account": account_name(book.names(), account),
                    "unit": unit_name(book.names(), unit),
                    "balance": amount(book.names(), unit, balance),
                })
            });
            json!({ "accounts": rows.collect::<Vec<_>>() })
        });
    };
    office.ask(move |engine, now| {
        let book = engine.book();
        let names = book.names();
        let today = engine.rules().world.zone.local(now).day;
        let clubs = (0..names.next_ids()[1]).filter_map(|at| u16::try_from(at).ok());
        let members: Vec<MemberId> = match who {
            Identity::Number(member) => book.member(member).map(|m| m.id).into_iter().collect(),
            who => clubs
                .filter_map(|club| book.who(ClubId(club), who))
                .collect(),
        };
        let rows = members.into_iter().filter_map(|id| {
            let member = book.member(id)?;
            let purses = book.balances(id, now, today).into_iter();
            let purses = purses.map(|(purse, shop, available)| {
                let key = PurseKey {
                    member: id,
                    purse,
                    shop,
                };
                let unit = names.purse_unit(purse);
                json!({
                    "purse": names.purse(purse),
                    "shop": shop.map(|shop| names.shop(shop)),
                    "available": amount(names, unit, available),
                    "balance": amount(names, unit, book.balance(Account::Purse(key))),
                    "debt": amount(names, unit, -book.balance(Account::Debt(key))),
                })
            });
            Some(json!({
                "member": id.0,
                "club": names.club(member.club),
                "joined": member.joined.to_string(),
                "tier": member.tier.map(|tier| names.tier(tier)),
                "marketer": member.marketer.map(|person| names.person(person)),
                "purses": purses.collect::<Vec<_>>(),
            }))
        });
        let rows: Vec<Value> = rows.collect();
        if rows.is_empty() {
            return Err(OfficeError::Refused(
                "no member is known by that".to_owned(),
            ));
        }
        Ok(json!({ "members": rows }))
    })?
}

fn identity(office: &Office, words: &Value) -> Result<Option<Identity>, OfficeError> {
    let key = office.token_key();
    let wrong = |what: &str| OfficeError::Refused(format!("{what} is not well formed"));
    if let Some(number) = words["member"].as_u64() {
        let number = u32::try_from(number).map_err(|_| wrong("the member number"))?;
        return Ok(Some(Identity::Number(MemberId(number))));
    }
    if let Some(card) = words["card"].as_str() {
        let pan = Pan::new(card.as_bytes()).ok_or_else(|| wrong("the card number"))?;
        return Ok(Some(Identity::Card(
            key.token(TokenKind::Card, pan.digits()),
        )));
    }
    if let Some(mobile) = words["mobile"].as_str() {
        let mobile = Mobile::parse(mobile).ok_or_else(|| wrong("the mobile number"))?;
        let token = key.token(TokenKind::Mobile, mobile.as_str().as_bytes());
        return Ok(Some(Identity::Mobile(token)));
    }
    if let Some(code) = words["national_code"].as_str() {
        let code = NationalCode::parse(code).ok_or_else(|| wrong("the national code"))?;
        let token = key.token(TokenKind::NationalCode, code.as_str().as_bytes());
        return Ok(Some(Identity::NationalCode(token)));
    }
    Ok(None)
}

/// Words: `sequence`.
///
/// # Errors
/// When there is no such entry.
pub(super) fn entry(
    office: &mut Office,
    words: &Value,
    _progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let sequence = words["sequence"].as_u64().unwrap_or(0);
    let last = office.journal().last_sequence();
    let found = data::entry(office.store(), office.journal(), Sequence(sequence))?;
    let Some(entry) = found else {
        let why = format!("entry {sequence} wanted, the journal has entries 1 to {last}");
        return Err(OfficeError::Refused(why));
    };
    office.ask(move |engine, _| {
        let zone = &engine.rules().world.zone;
        let at = |moment: Moment| zone.local(moment).to_string();
        shown(&entry, engine.book().names(), &at)
    })
}

fn shown(entry: &Entry, names: &Names, at: &dyn Fn(Moment) -> String) -> Value {
    let (head, effects) = (&entry.head, &entry.effects);
    let postings = effects.postings.iter().map(|posting| {
        json!({
            "reason": posting.reason.name(),
            "from": account_name(names, posting.from),
            "to": account_name(names, posting.to),
            "amount": amount(names, posting.unit, posting.amount),
            "unit": unit_name(names, posting.unit),
        })
    });
    json!({
        "sequence": head.sequence.0,
        "at": at(head.at),
        "business_day": head.business_day.to_string(),
        "acquirer": head.acquirer.map(|id| names.acquirer(id)),
        "rule_set": head.rule_set.0,
        "input": input(&entry.input, names),
        "told": effects.told.as_ref().map(|t| told(t, names)),
        "club": effects.club.map(|id| names.club(id)),
        "shop": effects.shop.map(|id| names.shop(id)),
        "member": effects.member.map(|id| id.0),
        "original": effects.original.map(|sequence| sequence.0),
        "reverses": effects.reverses,
        "postings": postings.collect::<Vec<_>>(),
        "members": effects.members.len(),
        "names": effects.names.len(),
        "exception": effects.exception.map(|exception| exception.name()),
    })
}

fn input(input: &Input, names: &Names) -> Value {
    match input {
        Input::Request(asked) => json!({
            "function": asked.function.name(),
            "advice": asked.mode == crate::ledger::Mode::Advise,
            "terminal": asked.key.terminal_code(),
            "acceptor": asked.key.acceptor_code(),
            "stan": format!("{:06}", asked.key.stan),
            "local": format!("{:010}", asked.key.local),
            "amount": asked.amount.map(|rials| rials.0),
            "currency": asked.currency,
            "bill": asked.bill,
        }),
        Input::DayTurned {
            acquirer,
            closed,
            opened,
        } => json!({
            "day_turned": names.acquirer(*acquirer),
            "closed": closed.to_string(),
            "opened": opened.to_string(),
        }),
        Input::RulesLoaded { number, sha256 } => {
            json!({ "rules_loaded": number.0, "sha256": hex(sha256) })
        }
        Input::Opened {
            reason,
            sha256,
            done,
            of,
        } => json!({ "opened": reason, "sha256": hex(sha256), "done": done, "of": of }),
    }
}

fn told(told: &Told, names: &Names) -> Value {
    let purses = |list: &[crate::ledger::told::PurseAmount]| -> Map<String, Value> {
        let pairs = list.iter().map(|part| {
            let unit = names.purse_unit(part.purse);
            (
                names.purse(part.purse).to_owned(),
                amount(names, unit, part.amount),
            )
        });
        pairs.collect()
    };
    let split = told.split.iter();
    let split = split.map(|(party, rials)| (party.name().to_owned(), json!(rials.0)));
    json!({
        "verdict": told.verdict.name(),
        "pays": told.pays.map(|rials| rials.0),
        "discount": told.discount.map(|rials| rials.0),
        "fee": told.fee.map(|rials| rials.0),
        "redeemed": purses(&told.redeemed),
        "earned": purses(&told.earned),
        "split": split.collect::<Map<_, _>>(),
        "rules": told.rules.iter().map(|id| names.rule(*id)).collect::<Vec<_>>(),
    })
}

/// An account in words: `shop m-1001`, `purse points of member 3`.
pub fn account_name(names: &Names, account: Account) -> String {
    let at = |shop: Option<crate::terms::ShopId>| match shop {
        Some(shop) => format!(" at {}", names.shop(shop)),
        None => String::new(),
    };
    let purse = |key: PurseKey| {
        let (purse, member) = (names.purse(key.purse), key.member);
        format!("{purse} of member {member}{}", at(key.shop))
    };
    match account {
        Account::Purse(key) => format!("purse {}", purse(key)),
        Account::Debt(key) => format!("debt in {}", purse(key)),
        Account::Outstanding { purse, shop } => {
            format!("outstanding {}{}", names.purse(purse), at(shop))
        }
        Account::Pool { acquirer, shop } => {
            format!("pool {} of {}", names.acquirer(acquirer), names.shop(shop))
        }
        Account::Shop(shop) => format!("shop {}", names.shop(shop)),
        Account::Person(person) => format!("person {}", names.person(person)),
        Account::Club(club) => format!("club {}", names.club(club)),
        Account::Reserve(club) => format!("reserve of {}", names.club(club)),
        Account::Owner(club) => format!("owner of {}", names.club(club)),
        Account::Saving(shop) => format!("saving of {}", names.shop(shop)),
        Account::Operator => "operator".to_owned(),
        Account::Rounding(club) => format!("rounding of {}", names.club(club)),
    }
}

/// `rial`, or the purse whose unit it is: `points (point)`.
fn unit_name(names: &Names, unit: UnitId) -> String {
    let (name, _) = names.unit(unit);
    match unit.purse() {
        Some(purse) => format!("{} ({name})", names.purse(purse)),
        None => name.to_owned(),
    }
}

/// Rials as a number; what has decimals as text, `"290.13"`.
fn amount(names: &Names, unit: UnitId, value: i64) -> Value {
    match names.unit(unit) {
        (_, 0) => json!(value),
        (_, decimals) => json!(pointed(value, decimals)),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
