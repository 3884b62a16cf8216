//! `ledger balance` and `ledger history`: what somebody has, now or as of a moment, and how it came to that.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};

use super::lookup::{account_name, amount, terms};
use super::then::{Purse, Then};
use super::trail::{Go, walk};
use super::verify::unit_name;
use crate::engine::Engine;
use crate::ledger::finding::Item;
use crate::ledger::{Account, Book, Entry, Input, MemberChange, Mode, Names};
use crate::serve::data;
use crate::serve::office::{Office, OfficeError};
use crate::terms::person::{Identity, Mobile, NationalCode};
use crate::terms::{
    ClubId, Day, Local, MemberId, Moment, Pan, PurseId, Sequence, ShopId, TimeOfDay, TokenKind,
    UnitId, Zone,
};

/// Lines of a history where nobody says how many.
const LINES: u64 = 100;

/// Whose balances are asked for.
enum Whose {
    Member(Identity),
    Shop(String),
    Club(String),
    All,
}

/// The same, as the book knows them.
pub(super) enum Known {
    Members(Vec<MemberId>),
    Shop(ShopId),
    Club(ClubId),
    All,
}

/// What an answer is told with.
pub(super) struct Telling {
    names: Arc<Names>,
    zone: Zone,
}

/// `{"card" | "mobile" | "national_code" | "member" | "shop" | "club": …}`, or nothing for every account that is no
/// member's, and `{"at": "1405/08/30 14:00"}` for what was then → members with their lots, or accounts with their
/// balances.
pub(super) fn balance(
    office: &mut Office,
    words: &Value,
    progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let (known, telling) = known(office, words)?;
    let Some(at) = words["at"].as_str() else {
        let now = office.clock().now();
        return office.look(move |engine, _| telling.now(engine.book(), &known, now));
    };
    let until = moment(at, &telling.zone, Edge::End)?;
    let mut told = match &known {
        Known::Members(ids) => {
            let mut found = Vec::new();
            for id in ids {
                if let Some(then) = then(office, *id, until, progress)? {
                    found.push(telling.member(&then, until));
                }
            }
            if found.is_empty() {
                return Err(OfficeError::Refused(format!(
                    "he was no member yet at {at}"
                )));
            }
            json!({ "members": found })
        }
        Known::Shop(id) => {
            let item = Some(Item::shop(*id));
            let book = accounts_then(office, item, until, progress)?;
            telling.accounts(book, &known)
        }
        Known::Club(_) | Known::All => {
            let book = all_accounts_then(office, until, progress)?;
            telling.accounts(book, &known)
        }
    };
    told["at"] = json!(telling.zone.local(until).to_string());
    Ok(told)
}

/// As of [`balance`], one member or shop, with `{"from": …, "to": …, "last": 100}` → every entry that touched him, oldest
/// first, with what it moved and what was there after it.
pub(super) fn history(
    office: &mut Office,
    words: &Value,
    progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let (known, telling) = known(office, words)?;
    let edge = |key: &str, edge| {
        let text = words[key].as_str();
        text.map(|text| moment(text, &telling.zone, edge))
            .transpose()
    };
    let lines = Lines {
        from: edge("from", Edge::Begin)?,
        to: edge("to", Edge::End)?,
        most: words["last"].as_u64().unwrap_or(LINES),
        kept: VecDeque::new(),
        older: 0,
        reversals: BTreeMap::new(),
    };
    match known {
        Known::Members(ids) => {
            let mut told = Vec::new();
            for id in ids {
                told.push(member_history(
                    office,
                    id,
                    &telling,
                    lines.empty(),
                    progress,
                )?);
            }
            Ok(json!({ "order": "oldest first", "members": told }))
        }
        Known::Shop(id) => {
            let mut told = shop_history(office, id, &telling, lines, progress)?;
            told["order"] = json!("oldest first");
            Ok(told)
        }
        Known::Club(_) | Known::All => Err(OfficeError::Refused(
            "a history is of a member or a shop".to_owned(),
        )),
    }
}

/// A member as of a moment.
fn then(
    office: &Office,
    id: MemberId,
    until: Moment,
    progress: &mut dyn FnMut(Value),
) -> Result<Option<Then>, OfficeError> {
    let mut then: Option<Then> = None;
    walk(office, Some(Item::member(id)), 0, progress, &mut |entry| {
        if entry.head.at > until {
            return Go::Home;
        }
        match &mut then {
            Some(then) => then.apply(entry),
            None => then = Then::beginning(id, entry),
        }
        Go::On
    })?;
    Ok(then)
}

/// The accounts that are no member's as of a moment: of the entries under an item, or of all.
fn accounts_then(
    office: &Office,
    item: Option<Item>,
    until: Moment,
    progress: &mut dyn FnMut(Value),
) -> Result<BTreeMap<Account, i64>, OfficeError> {
    let mut accounts = BTreeMap::new();
    walk(office, item, 0, progress, &mut |entry| {
        if entry.head.at > until {
            return Go::Home;
        }
        post(&mut accounts, entry, 1);
        Go::On
    })?;
    Ok(accounts)
}

/// Every account that is no member's: from the first entry, or back from what the book says now, whichever
/// is nearer.
fn all_accounts_then(
    office: &mut Office,
    until: Moment,
    progress: &mut dyn FnMut(Value),
) -> Result<BTreeMap<Account, i64>, OfficeError> {
    let (now, last) = office.look(|engine, _| {
        let book = engine.book();
        (book.accounts(), book.sequence().0)
    })?;
    let before = first_after(office, until, last)? - 1;
    let accounts = if last - before < before {
        let mut accounts = now
            .into_iter()
            .filter(|(account, ..)| account.member().is_none())
            .map(|(account, _, held)| (account, held))
            .collect();
        walk(office, None, before, progress, &mut |entry| {
            if entry.head.sequence.0 > last {
                return Go::Home;
            }
            post(&mut accounts, entry, -1);
            Go::On
        })?;
        accounts
    } else {
        accounts_then(office, None, until, progress)?
    };
    Ok(accounts)
}

/// What an entry does to accounts that are no member's, forwards (1) or backwards (-1).
fn post(accounts: &mut BTreeMap<Account, i64>, entry: &Entry, sign: i64) {
    for posting in &entry.effects.postings {
        let amount = sign * posting.amount;
        for (account, moved) in [(posting.from, -amount), (posting.to, amount)] {
            if account.member().is_none() {
                *accounts.entry(account).or_insert(0) += moved;
            }
        }
    }
}

/// The first entry after a moment, or the one after `last`. Looked for from the newest on: what is old may be in the archive.
fn first_after(office: &Office, until: Moment, last: u64) -> Result<u64, OfficeError> {
    let is_after = |sequence: u64| -> Result<bool, OfficeError> {
        let found = data::entry(office.store(), office.journal(), Sequence(sequence))?;
        Ok(found.is_some_and(|entry| entry.head.at > until))
    };
    let (mut from, mut to, mut leap) = (1, last + 1, 1);
    while to > from {
        let at = to.saturating_sub(leap).max(1);
        if !is_after(at)? {
            from = at + 1;
            break;
        }
        (to, leap) = (at, 2 * leap);
    }
    while from < to {
        let middle = u64::midpoint(from, to);
        if is_after(middle)? {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    Ok(to)
}

/// Lines of a history: only the last ones are kept.
struct Lines {
    from: Option<Moment>,
    to: Option<Moment>,
    most: u64,
    kept: VecDeque<(u64, Value)>,
    /// How many fell out at the front.
    older: u64,
    /// What was undone, and by which entry.
    reversals: BTreeMap<u64, u64>,
}

impl Lines {
    fn empty(&self) -> Lines {
        Lines {
            kept: VecDeque::new(),
            reversals: BTreeMap::new(),
            ..*self
        }
    }

    /// Notes an entry; makes its line where it is within the time that is asked for.
    fn take(&mut self, entry: &Entry, line: impl FnOnce() -> Value) {
        if let Some(original) = entry.effects.original.filter(|_| entry.effects.reverses) {
            self.reversals.insert(original.0, entry.head.sequence.0);
        }
        let at = entry.head.at;
        if self.from.is_some_and(|from| at < from) || self.to.is_some_and(|to| at > to) {
            return;
        }
        self.kept.push_back((entry.head.sequence.0, line()));
        if self.kept.len() as u64 > self.most {
            self.kept.pop_front();
            self.older += 1;
        }
    }

    fn told(self) -> (Vec<Value>, u64) {
        let lines = self.kept.into_iter().map(|(sequence, mut line)| {
            line["reversed_by"] = json!(self.reversals.get(&sequence));
            line
        });
        (lines.collect(), self.older)
    }
}

fn member_history(
    office: &Office,
    id: MemberId,
    telling: &Telling,
    mut lines: Lines,
    progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let mut then: Option<Then> = None;
    walk(office, Some(Item::member(id)), 0, progress, &mut |entry| {
        let before = then.as_ref().map(|then| then.purses.clone());
        match &mut then {
            Some(then) => then.apply(entry),
            None => then = Then::beginning(id, entry),
        }
        if let Some(now) = &then {
            lines.take(entry, || {
                let mut line = telling.entry(entry);
                line["purses"] = telling.moved(&before.unwrap_or_default(), now, entry.head.at);
                line
            });
        }
        Go::On
    })?;
    let club = then.map(|then| telling.names.club(then.club).to_owned());
    let (entries, older) = lines.told();
    Ok(json!({ "member": id.0, "club": club, "older": older, "entries": entries }))
}

fn shop_history(
    office: &Office,
    id: ShopId,
    telling: &Telling,
    mut lines: Lines,
    progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let mut balances: BTreeMap<Account, i64> = BTreeMap::new();
    walk(office, Some(Item::shop(id)), 0, progress, &mut |entry| {
        let mut moved: BTreeMap<(Account, UnitId), i64> = BTreeMap::new();
        for posting in &entry.effects.postings {
            for (account, by) in [
                (posting.from, -posting.amount),
                (posting.to, posting.amount),
            ] {
                if account.shop() == Some(id) && account.member().is_none() {
                    *moved.entry((account, posting.unit)).or_default() += by;
                    *balances.entry(account).or_default() += by;
                }
            }
        }
        lines.take(entry, || {
            let accounts = moved.iter().map(|((account, unit), by)| {
                let balance = balances.get(account).copied().unwrap_or(0);
                json!({
                    "account": account_name(*account, &telling.names),
                    "unit": unit_name(&telling.names, *unit),
                    "change": amount(&telling.names, *unit, *by),
                    "balance": amount(&telling.names, *unit, balance),
                })
            });
            let accounts: Vec<Value> = accounts.collect();
            let mut line = telling.entry(entry);
            line["accounts"] = json!(accounts);
            line
        });
        Go::On
    })?;
    let (entries, older) = lines.told();
    Ok(json!({ "shop": telling.names.shop(id), "older": older, "entries": entries }))
}

impl Telling {
    fn now(&self, book: &Book, known: &Known, now: Moment) -> Value {
        match known {
            Known::Members(ids) => {
                let found = ids.iter().filter_map(|id| book.member(*id));
                let found: Vec<Value> = found
                    .map(|member| self.member(&Then::of(member), now))
                    .collect();
                json!({ "members": found })
            }
            _ => {
                let all = book.accounts().into_iter();
                self.accounts(
                    all.map(|(account, _, held)| (account, held)).collect(),
                    known,
                )
            }
        }
    }

    fn member(&self, then: &Then, at: Moment) -> Value {
        let names = &self.names;
        let purses: Vec<Value> = then
            .purses
            .iter()
            .map(|((purse, shop), held)| self.purse(*purse, *shop, held, at))
            .collect();
        json!({
            "member": then.id.0,
            "club": names.club(then.club),
            "tier": then.tier.map(|tier| names.tier(tier)),
            "tier_by_purchases": then.standing.map(|standing| names.tier(standing.tier)),
            "born": then.born.map(|day| day.to_string()),
            "marketer": then.marketer.map(|person| names.person(person)),
            "introducer": then.introducer.map(|member| member.0),
            "joined": then.joined.to_string(),
            "purchases": then.purchases(),
            "purses": purses,
        })
    }

    fn purse(&self, purse: PurseId, shop: Option<ShopId>, held: &Purse, at: Moment) -> Value {
        let names = &self.names;
        let unit = names.purse_unit(purse);
        let today = self.zone.local(at).day;
        let lots: Vec<Value> = held
            .lots
            .iter()
            .map(|lot| {
                let mut told = terms(lot.terms, names, &self.zone);
                told["lot"] = json!(lot.id.0);
                told["amount"] = amount(names, unit, lot.amount);
                told["can_spend"] = json!(lot.is_usable(at, today));
                told
            })
            .collect();
        json!({
            "purse": names.purse(purse),
            "shop": shop.map(|shop| names.shop(shop)),
            "unit": names.unit(unit).0,
            "can_spend": amount(names, unit, held.can_spend(at, today)),
            "total": amount(names, unit, held.total()),
            "waits": amount(names, unit, held.waits(today)),
            "debt": amount(names, unit, held.debt),
            "lots": lots,
        })
    }

    /// What changed in a member's purses.
    fn moved(
        &self,
        before: &BTreeMap<(PurseId, Option<ShopId>), Purse>,
        now: &Then,
        at: Moment,
    ) -> Value {
        let names = &self.names;
        let nothing = Purse::default();
        // A purse that was emptied is in use no more.
        let keys: BTreeSet<_> = before.keys().chain(now.purses.keys()).collect();
        let changed = keys.into_iter().filter_map(|(purse, shop)| {
            let was = before.get(&(*purse, *shop)).unwrap_or(&nothing);
            let held = now.purses.get(&(*purse, *shop)).unwrap_or(&nothing);
            if was == held {
                return None;
            }
            let unit = names.purse_unit(*purse);
            let mut line = self.purse(*purse, *shop, held, at);
            let fields = line.as_object_mut()?;
            fields.remove("lots");
            let change = (held.total() - held.debt) - (was.total() - was.debt);
            fields.insert("change".to_owned(), amount(names, unit, change));
            Some(line)
        });
        changed.collect()
    }

    /// What an entry was, in short.
    fn entry(&self, entry: &Entry) -> Value {
        let (names, effects) = (&self.names, &entry.effects);
        let told = effects.told.as_ref();
        let (what, asked) = match &entry.input {
            Input::Request(asked) => (asked.function.name(), Some(asked)),
            Input::DayTurned { .. } => ("day-turned", None),
            Input::RulesLoaded { .. } | Input::Rules { .. } => ("rules-loaded", None),
            Input::Opened { .. } => ("opened", None),
            Input::Event { .. } => ("event", None),
            Input::Granted { .. } => ("granted", None),
            Input::Given { .. } => ("given", None),
            Input::Holder { .. } => ("card", None),
        };
        let changes: Vec<&str> = effects
            .members
            .iter()
            .map(|change| match change {
                MemberChange::Enrolled { .. } => "enrolled",
                MemberChange::KnownBy { .. } => "known-by",
                MemberChange::Tier { .. } => "tier",
                MemberChange::Born { .. } => "born",
                MemberChange::Standing { .. } => "standing",
                MemberChange::Marketer { .. } => "marketer",
                MemberChange::Card { .. } => "card",
                MemberChange::Limit { .. } => "limit",
            })
            .collect();
        let original = effects.original.map(|original| original.0);
        let event = match &entry.input {
            Input::Event { event, .. } => Some(names.event(*event)),
            _ => None,
        };
        json!({
            "entry": entry.head.sequence.0,
            "at": self.zone.local(entry.head.at).to_string(),
            "business_day": entry.head.business_day.to_string(),
            "what": what,
            "advised": asked.is_some_and(|asked| asked.mode == Mode::Advise),
            "shop": effects.shop.map(|shop| names.shop(shop)),
            "member": effects.member.map(|member| member.0),
            "outcome": told.map(|told| told.verdict.name()),
            "amount": asked.and_then(|asked| asked.amount).map(|rials| rials.0),
            "pays": told.and_then(|told| told.pays).map(|rials| rials.0),
            "discount": told.and_then(|told| told.discount).map(|rials| rials.0),
            "reverses": original.filter(|_| effects.reverses),
            "confirms": original.filter(|_| !effects.reverses),
            "reversed_by": Value::Null,
            "exception": effects.exception.map(|exception| exception.name()),
            "event": event,
            "changes": changes,
        })
    }

    fn accounts(&self, accounts: BTreeMap<Account, i64>, known: &Known) -> Value {
        let names = &self.names;
        let lines: Vec<Value> = accounts
            .into_iter()
            .filter(|(account, balance)| match known {
                Known::Shop(id) => account.shop() == Some(*id),
                // Back from now, nothing tells an account that was empty from one that was not there yet.
                Known::Club(id) => *balance != 0 && club_of(*account, names) == Some(*id),
                Known::Members(_) | Known::All => *balance != 0,
            })
            .map(|(account, balance)| {
                let unit = unit_of(account, names);
                json!({
                    "account": account_name(account, names),
                    "unit": unit_name(names, unit),
                    "balance": amount(names, unit, balance),
                })
            })
            .collect();
        json!({ "accounts": lines })
    }
}

fn unit_of(account: Account, names: &Names) -> UnitId {
    match account {
        Account::Outstanding { purse, .. }
        | Account::ShopPurse { purse, .. }
        | Account::PersonPurse { purse, .. } => names.purse_unit(purse),
        Account::Purse(key) | Account::Debt(key) => names.purse_unit(key.purse),
        _ => UnitId::RIAL,
    }
}

fn club_of(account: Account, names: &Names) -> Option<ClubId> {
    let of_purse = |purse: PurseId| names.purse_particulars(purse).map(|(club, ..)| club);
    match account {
        Account::Club(club)
        | Account::Reserve(club)
        | Account::Owner(club)
        | Account::Rounding(club)
        | Account::OwesHouse(club)
        | Account::DueFromHouse(club)
        | Account::HouseDue(club)
        | Account::HouseOwes(club)
        | Account::HouseIncome(club) => Some(club),
        Account::Outstanding { purse, .. }
        | Account::ShopPurse { purse, .. }
        | Account::PersonPurse { purse, .. } => of_purse(purse),
        Account::Purse(key) | Account::Debt(key) => of_purse(key.purse),
        _ => None,
    }
}

/// Who is meant, by the book of today: a card counts for the whole past of the member who has it now.
pub(super) fn known(office: &mut Office, words: &Value) -> Result<(Known, Telling), OfficeError> {
    let whose = whose(office, words)?;
    let club = words["club"].as_str().map(str::to_owned);
    let found = office.look(move |engine, _| {
        let names = engine.names();
        let known = match whose {
            Whose::Member(identity) => {
                let found = members(engine, identity, club.as_deref());
                if found.is_empty() {
                    return Err("no member of that card or number".to_owned());
                }
                Known::Members(found)
            }
            Whose::Shop(code) => {
                let id = names.shop_id(&code);
                Known::Shop(id.ok_or_else(|| format!("there is no shop {code:?}"))?)
            }
            Whose::Club(name) => {
                let id = names.club_id(&name);
                Known::Club(id.ok_or_else(|| format!("there is no club {name:?}"))?)
            }
            Whose::All => Known::All,
        };
        let zone = engine.rules().world.zone.clone();
        Ok((known, Telling { names, zone }))
    })?;
    found.map_err(OfficeError::Refused)
}

fn whose(office: &Office, words: &Value) -> Result<Whose, OfficeError> {
    if let Some(identity) = identity(office, words)? {
        return Ok(Whose::Member(identity));
    }
    if let Some(code) = words["shop"].as_str() {
        return Ok(Whose::Shop(code.to_owned()));
    }
    Ok(match words["club"].as_str() {
        Some(name) => Whose::Club(name.to_owned()),
        None => Whose::All,
    })
}

/// By what a member is named: `card`, `mobile`, `national_code` or `member`.
pub(super) fn identity(office: &Office, words: &Value) -> Result<Option<Identity>, OfficeError> {
    let token = |kind, value: &[u8]| office.token_key().token(kind, value);
    let bad = |key: &str, wanted: &str| OfficeError::Refused(format!("{key}: {wanted} wanted"));
    if let Some(card) = words["card"].as_str() {
        let pan = Pan::new(card.as_bytes()).ok_or_else(|| bad("card", "8 to 19 digits"))?;
        let token = token(TokenKind::Card, pan.digits());
        return Ok(Some(Identity::Card(token)));
    }
    if let Some(mobile) = words["mobile"].as_str() {
        let mobile = Mobile::parse(mobile).ok_or_else(|| bad("mobile", "09 and nine digits"))?;
        let token = token(TokenKind::Mobile, mobile.as_str().as_bytes());
        return Ok(Some(Identity::Mobile(token)));
    }
    if let Some(code) = words["national_code"].as_str() {
        let code = NationalCode::parse(code);
        let code = code.ok_or_else(|| bad("national code", "ten digits with the right check"))?;
        let token = token(TokenKind::NationalCode, code.as_str().as_bytes());
        return Ok(Some(Identity::NationalCode(token)));
    }
    if let Some(number) = words["member"].as_u64() {
        let number = u32::try_from(number).map_err(|_| bad("member", "a club number"))?;
        return Ok(Some(Identity::Number(MemberId(number))));
    }
    Ok(None)
}

/// The members that an identity names: one in each club at most.
fn members(engine: &Engine, identity: Identity, club: Option<&str>) -> Vec<MemberId> {
    let names = engine.names();
    let clubs = (0..names.next_ids()[1]).map(|at| ClubId(at as u16));
    let clubs = clubs.filter(|id| club.is_none_or(|name| names.club(*id) == name));
    clubs
        .filter_map(|club| engine.book().who(club, identity))
        .collect()
}

/// Which end of what was named is meant.
#[derive(Clone, Copy)]
pub(super) enum Edge {
    Begin,
    End,
}

/// A moment as people write it: `1405/08/30 14:00`, `2026-11-21 14:00:05`, or a day alone. To its end it has the whole
/// second, or the whole day: entries of that second count.
pub(super) fn moment(text: &str, zone: &Zone, edge: Edge) -> Result<Moment, OfficeError> {
    let (day, time) = match text.trim().split_once([' ', 'T']) {
        Some((day, time)) => (day, Some(time.trim())),
        None => (text.trim(), None),
    };
    let day = Day::parse(day);
    let time = time.map(|time| TimeOfDay::parse(time).ok_or(()));
    let (Some(day), Ok(time)) = (day, time.transpose()) else {
        return Err(OfficeError::Refused(format!(
            "a moment such as \"1405/08/30 14:00\" or \"2026-11-21 14:00:05\", or a day, wanted; {text:?} found"
        )));
    };
    let begins = match time {
        Some(time) => zone.moment(Local {
            day: day.plus((time.0 / 86_400) as i32),
            time: TimeOfDay(time.0 % 86_400),
        }),
        None => zone.midnight(day),
    };
    let ends = match time {
        Some(_) => begins.plus_seconds(1),
        None => zone.midnight(day.plus(1)),
    };
    Ok(match edge {
        Edge::Begin => begins,
        Edge::End => Moment(ends.0 - 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, edge: Edge, wanted: Option<&str>) {
        let zone = Zone::named("Asia/Tehran").unwrap();
        let found = moment(text, &zone, edge).ok();
        assert_eq!(
            found.map(|at| zone.local(at).to_string()).as_deref(),
            wanted,
            "{text}"
        );
    }

    #[test]
    fn moments_are_of_either_calendar_and_count_to_their_end() {
        check("1405/08/30 14:00", Edge::End, Some("1405/08/30 14:00"));
        check("2026-11-21 14:00", Edge::End, Some("1405/08/30 14:00"));
        check(
            "2026-11-21T14:00:05",
            Edge::Begin,
            Some("1405/08/30 14:00:05"),
        );
        check("1405/08/30", Edge::Begin, Some("1405/08/30 00:00"));
        check("1405/08/30", Edge::End, Some("1405/08/30 23:59:59"));
        check("1405/08/30 24:00", Edge::Begin, Some("1405/09/01 00:00"));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "yesterday",
            "1405/08/31",
            "2026-13-01",
            "1405/08/30 25:00",
            "1405/08/30 14",
        ] {
            check(text, Edge::End, None);
        }
    }
}
