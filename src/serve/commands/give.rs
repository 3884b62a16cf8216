//! `ledger grant`, `ledger vouchers` and `ledger tokens`: what is given by hand, the numbers that load pockets, and what stands for
//! cards in lists. All read lists of lines; cards and numbers become tokens as they are read, and no fault shows one.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::past::identity;
use crate::engine::{
    Act, ActError, Gift, Giving, GivingError, Opening, OpeningError, OpeningLot, OpeningMember,
};
use crate::ledger::{Names, PurseKind};
use crate::rules::{Rulebook, dies};
use crate::serve::office::{Office, OfficeError, step, text};
use crate::terms::money::grouped;
use crate::terms::person::Identity;
use crate::terms::{ClubId, Day, Pan, PurseId, Rials, ShopId, Token, TokenKind, Voucher};

/// The columns that a list may have.
const COLUMNS: [&str; 9] = [
    "card",
    "mobile",
    "national_code",
    "member",
    "token",
    "voucher",
    "amount",
    "amount_rial",
    "ends",
];
/// So many are handed to the deciding thread at once.
const SLICE: usize = 64;

/// `{"club": …, "purse": …, "shop": …, "ends": …, "reason": …, "dry_run": …}` with one of `"card" | "mobile" | "national_code" |
/// "member"` and `"amount"`, or with `"text"`, a list → how many were given how much, and the last entry.
pub(super) fn grant(
    office: &mut Office,
    words: &Value,
    progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let club = text(words, "club")?.to_owned();
    let purse = text(words, "purse")?.to_owned();
    let reason = text(words, "reason")?.trim().to_owned();
    if reason.is_empty() {
        return Err(refused("why? a reason stands in the entry"));
    }
    office.put_rules_in_force()?;
    let shop = words["shop"].as_str().map(str::to_owned);
    let wanted = (club.clone(), purse.clone(), shop.clone());
    let found = office.look(move |engine, _| place(&engine.names(), &wanted))?;
    let (club_id, purse_id, shop_id, decimals) = found.map_err(OfficeError::Refused)?;
    let last_day = day(words["ends"].as_str()).map_err(|why| refused(&why))?;
    let gift = |to, amount, ends: Option<Day>| Gift {
        club: club_id,
        to,
        purse: purse_id,
        shop: shop_id,
        amount,
        last_day: ends.or(last_day),
    };
    let mut gifts = Vec::new();
    let sha256: [u8; 32];
    if let Some(list) = words["text"].as_str() {
        for row in List::parse(list)?.rows() {
            let ends = day(row.cell("ends")).map_err(|why| row.fault(&why))?;
            gifts.push(gift(row.whose(office)?, row.amount(decimals)?, ends));
        }
        let name = format!("{club}/{purse}/{}\n{list}", shop.unwrap_or_default());
        sha256 = Sha256::digest(name.as_bytes()).into();
    } else {
        let to = identity(office, words)?;
        let to = to.ok_or_else(|| refused("whom? name a member, or a list"))?;
        let amount = words["amount"]
            .as_str()
            .and_then(|text| units(text, decimals));
        let amount = amount.ok_or_else(|| refused("how much? an amount above zero is wanted"))?;
        gifts.push(gift(to, amount, None));
        // What is said twice is meant twice.
        let now = office.look(|engine, now| (now.0, engine.book().sequence().0))?;
        sha256 = Sha256::digest(format!("{now:?}{reason}").as_bytes()).into();
    }
    if gifts.is_empty() {
        return Err(refused("the list has no line"));
    }
    let total: i64 = gifts.iter().map(|gift| gift.amount).sum();
    let (count, by) = (gifts.len(), office.by().clone());
    let told = |given: usize, entry: Option<u64>| {
        json!({
            "given": given,
            "of": count,
            "each_in": format!("{club}/{purse}"),
            "total": grouped(total, decimals),
            "reason": reason,
            "dry_run": words["dry_run"] == json!(true),
            "last_entry": entry,
        })
    };
    let giving = |slice: &[Gift], number: usize| Giving {
        by: by.clone(),
        reason: reason.clone(),
        sha256: of_slice(&sha256, number),
        gifts: slice.to_vec(),
    };
    // Nothing is given before all can be.
    for (number, slice) in gifts.chunks(SLICE).enumerate() {
        let one = giving(slice, number);
        let good = office.look(move |engine, _| engine.check_giving(&one, 0))?;
        good.map_err(|error| refused(&of_row(error.to_string(), number * SLICE)))?;
    }
    if words["dry_run"] == json!(true) {
        return Ok(told(0, None));
    }
    let (mut given, mut last) = (0, None);
    for (number, slice) in gifts.chunks(SLICE).enumerate() {
        let one = giving(slice, number);
        let done = office.ask(move |engine, now| engine.act(Act::Give(one), now))?;
        match done {
            Ok(entry) => {
                given += slice.len();
                last = Some(entry.0);
            }
            // An earlier run came so far.
            Err(ActError::Giving(GivingError::Given(_))) => {}
            Err(error) => return Err(refused(&of_row(error.to_string(), number * SLICE))),
        }
        progress(step(
            (number * SLICE + slice.len()) as u64,
            count as u64,
            "given",
        ));
    }
    if given == 0 {
        return Err(refused("this list is given already, all of it"));
    }
    tracing::info!(
        given,
        total,
        by = by.name,
        "{club}/{purse} was given by hand: {reason}"
    );
    Ok(told(given, last))
}

/// `{"card_product": …, "text": …, "reason": …, "dry_run": …}` → how many vouchers were taken in, worth how much.
pub(super) fn vouchers(
    office: &mut Office,
    words: &Value,
    progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let product = text(words, "card_product")?.to_owned();
    let reason = text(words, "reason")?.trim().to_owned();
    let list = text(words, "text")?;
    office.put_rules_in_force()?;
    let wanted = product.clone();
    let found = office.look(move |engine, now| {
        let today = engine.rules().world.zone.local(now).day;
        (terms(engine.rules(), &wanted, today), today)
    })?;
    let (terms, today) = found;
    let (club, purse, amounts, last_day) = terms.map_err(OfficeError::Refused)?;
    let mut members = Vec::new();
    let mut seen = BTreeSet::new();
    for row in List::parse(list)?.rows() {
        let token = match (row.cell("voucher"), row.cell("token")) {
            (Some(number), _) => {
                let number = Voucher::parse(number.as_bytes());
                let number =
                    number.ok_or_else(|| row.fault("6 to 32 letters and digits wanted"))?;
                office
                    .token_key()
                    .token(TokenKind::Voucher, number.as_bytes())
            }
            (None, Some(digits)) => {
                token(digits).ok_or_else(|| row.fault("32 hexadecimal digits wanted"))?
            }
            _ => return Err(row.fault("a column `voucher` or `token` is wanted")),
        };
        if !seen.insert(token) {
            return Err(row.fault("this number stands in the list already"));
        }
        let amount = row.amount(0)?;
        if !amounts.contains(&Rials(amount)) {
            return Err(row.fault("the product has no voucher of this amount (`amounts_rial`)"));
        }
        members.push(OpeningMember {
            club,
            identities: vec![Identity::Voucher(token)],
            tier: None,
            marketer: None,
            joined: None,
            born: None,
            lots: vec![OpeningLot {
                purse,
                shop: None,
                amount,
                booked: today,
                last_day,
            }],
        });
    }
    let count = members.len();
    if count == 0 {
        return Err(refused("the list has no line"));
    }
    let total: i64 = members
        .iter()
        .flat_map(|member| &member.lots)
        .map(|lot| lot.amount)
        .sum();
    let sha256: [u8; 32] = Sha256::digest(format!("{product}\n{list}").as_bytes()).into();
    let dry_run = words["dry_run"] == json!(true);
    let mut taken = 0;
    for (number, slice) in members.chunks(SLICE).enumerate().filter(|_| !dry_run) {
        let opening = Opening {
            reason: reason.clone(),
            sha256: of_slice(&sha256, number),
            members: slice.to_vec(),
        };
        let done = office.ask(move |engine, now| engine.act(Act::Open(opening), now))?;
        match done {
            Ok(_) => taken += slice.len(),
            // An earlier run came so far.
            Err(ActError::Opening(OpeningError::Booked(_))) => {}
            Err(ActError::Opening(OpeningError::Known(at, _))) => {
                let why = format!(
                    "voucher {} of the list is there already",
                    number * SLICE + at
                );
                return Err(refused(&why));
            }
            Err(error) => return Err(refused(&error.to_string())),
        }
        progress(step(
            (number * SLICE + slice.len()) as u64,
            count as u64,
            "vouchers taken in",
        ));
    }
    if taken == 0 && !dry_run {
        return Err(refused("this list is taken in already, all of it"));
    }
    tracing::info!(
        taken,
        total,
        "vouchers of {product} were taken in: {reason}"
    );
    Ok(json!({
        "taken": taken,
        "of": count,
        "card_product": product,
        "total": grouped(total, 0),
        "ends": last_day.map(|day| day.jalali().to_string()),
        "dry_run": dry_run,
    }))
}

/// `{"text": …}`, a card number a line → the tokens that stand for them, for lists of rule files.
pub(super) fn tokens(
    office: &mut Office,
    words: &Value,
    _progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let lines = (1..).zip(text(words, "text")?.lines().map(str::trim));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let lines = lines.filter(|(_, line)| *line != "card");
    let token = |(number, line): (usize, &str)| {
        let pan = Pan::new(line.as_bytes());
        let pan = pan.ok_or_else(|| refused(&format!("line {number}: 8 to 19 digits wanted")))?;
        let token = office.token_key().token(TokenKind::Card, pan.digits());
        let digits = token.0.iter().map(|byte| format!("{byte:02x}"));
        Ok(digits.collect::<String>())
    };
    let tokens = lines.map(token).collect::<Result<Vec<_>, OfficeError>>()?;
    Ok(json!({ "tokens": tokens }))
}

type Place = (ClubId, PurseId, Option<ShopId>, u8);

/// The purse that is meant.
fn place(
    names: &Names,
    (club, purse, shop): &(String, String, Option<String>),
) -> Result<Place, String> {
    let id = names.club_id(club);
    let id = id.ok_or_else(|| format!("there is no club or card product {club:?}"))?;
    let found = names.purse_id(id, purse);
    let found = found.ok_or_else(|| format!("{club} has no purse {purse:?}"))?;
    let shop = match shop {
        Some(code) => {
            let shop = names.shop_id(code);
            Some(shop.ok_or_else(|| format!("there is no shop {code:?}"))?)
        }
        None => None,
    };
    let (_, kind, decimals) = names
        .purse_particulars(found)
        .unwrap_or((id, PurseKind::Virtual, 0));
    match (kind, shop) {
        (PurseKind::MerchantCredit, None) => Err(format!("{purse} is owed by a shop: name it")),
        _ => Ok((id, found, shop, decimals)),
    }
}

type VoucherTerms = (ClubId, PurseId, Vec<Rials>, Option<Day>);

/// What vouchers of a product are, when they are taken in today.
fn terms(rules: &Rulebook, product: &str, today: Day) -> Result<VoucherTerms, String> {
    let card = rules.cards.iter().find(|card| card.club.name == product);
    let card = card.ok_or_else(|| format!("there is no card product {product:?}"))?;
    let voucher = card.voucher.as_ref();
    let voucher = voucher.ok_or_else(|| format!("{product} has no [voucher] in its file"))?;
    let pocket = card.pockets.get(voucher.pocket);
    let pocket = pocket.ok_or_else(|| format!("{product} has no pocket for vouchers"))?;
    let last = dies(voucher.expiry, today).map(|dies| dies.plus(-1));
    Ok((card.club.id, pocket.purse, voucher.amounts.clone(), last))
}

/// A list: the names of its columns, and its lines.
struct List<'t> {
    names: Vec<&'t str>,
    lines: Vec<(usize, Vec<&'t str>)>,
}

/// A line of a list under the names of its first line.
struct Row<'l> {
    number: usize,
    names: &'l [&'l str],
    cells: &'l [&'l str],
}

impl<'t> List<'t> {
    /// What is blank or begins with `#` does not count.
    fn parse(text: &'t str) -> Result<List<'t>, OfficeError> {
        let lines = (1..).zip(text.lines());
        let mut lines = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let head = lines.next().map_or("", |(_, line)| line);
        let head = head.trim_start_matches('\u{feff}');
        let names: Vec<&str> = head.split(',').map(str::trim).collect();
        if let Some(other) = names.iter().find(|name| !COLUMNS.contains(name)) {
            // In a list without a first line, a card or a number stands in its place.
            let has_digit = other.bytes().any(|byte| byte.is_ascii_digit());
            let shown = if has_digit { "****" } else { other };
            let known = COLUMNS.join(", ");
            return Err(refused(&format!(
                "{shown:?} is no column; the first line of a list names them: {known}"
            )));
        }
        let cells = |line: &'t str| line.split(',').map(str::trim).collect();
        let lines = lines.map(|(number, line)| (number, cells(line)));
        Ok(List {
            lines: lines.collect(),
            names,
        })
    }

    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.lines.iter().map(|(number, cells)| Row {
            number: *number,
            names: &self.names,
            cells,
        })
    }
}

impl Row<'_> {
    fn cell(&self, name: &str) -> Option<&str> {
        let at = self.names.iter().position(|known| *known == name)?;
        self.cells.get(at).copied().filter(|cell| !cell.is_empty())
    }

    fn amount(&self, decimals: u8) -> Result<i64, OfficeError> {
        let amount = self.cell("amount").or(self.cell("amount_rial"));
        let amount = amount.and_then(|text| units(text, decimals));
        amount.ok_or_else(|| self.fault("an amount above zero is wanted under `amount`"))
    }

    /// Whom it names.
    fn whose(&self, office: &Office) -> Result<Identity, OfficeError> {
        if let Some(digits) = self.cell("token") {
            let token = token(digits);
            let token = token.ok_or_else(|| self.fault("32 hexadecimal digits wanted"))?;
            return Ok(Identity::Card(token));
        }
        let number = self.cell("member").map(str::parse::<u64>);
        let words = json!({
            "card": self.cell("card"),
            "mobile": self.cell("mobile"),
            "national_code": self.cell("national_code"),
            "member": number.and_then(Result::ok),
        });
        let found = identity(office, &words).map_err(|error| self.fault(&error.to_string()))?;
        found.ok_or_else(|| self.fault("a card, mobile, national_code, member or token is wanted"))
    }

    fn fault(&self, why: &str) -> OfficeError {
        refused(&format!("line {}: {why}", self.number))
    }
}

/// The last day on which what is given can be spent, where one is told.
fn day(text: Option<&str>) -> Result<Option<Day>, String> {
    let Some(text) = text else { return Ok(None) };
    let day = Day::parse(text);
    day.map(Some)
        .ok_or_else(|| format!("{text:?} is no day, such as \"1405/12/29\""))
}

/// `"830.50"` in smallest units: above zero, with at most so many decimals.
fn units(text: &str, decimals: u8) -> Option<i64> {
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    let (whole, part) = plain.split_once('.').unwrap_or((&plain, ""));
    let width = usize::from(decimals);
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > width {
        return None;
    }
    let units: i64 = format!("{whole}{part:0<width$}").parse().ok()?;
    (1..=Rials::FIELD_MAX.0).contains(&units).then_some(units)
}

fn token(digits: &str) -> Option<Token> {
    let bytes = digits.as_bytes();
    if bytes.len() != 32 || !bytes.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut token = [0; 16];
    for (at, byte) in token.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(Token(token))
}

/// What tells one slice of a list from all others.
fn of_slice(list: &[u8; 32], number: usize) -> [u8; 32] {
    let mut all = list.to_vec();
    all.extend((number as u64).to_le_bytes());
    Sha256::digest(&all).into()
}

/// A fault of a row of a slice, as one of the list.
fn of_row(fault: String, before: usize) -> String {
    let row = fault
        .strip_prefix("row ")
        .and_then(|rest| rest.split_once(':'));
    match row.and_then(|(row, rest)| Some((row.parse::<usize>().ok()?, rest))) {
        Some((row, rest)) => format!("row {}:{rest}", before + row),
        None => fault,
    }
}

fn refused(why: &str) -> OfficeError {
    OfficeError::Refused(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_decimals_of_their_purse() {
        assert_eq!(units("830.5", 2), Some(83_050));
        assert_eq!(units("1_000", 0), Some(1_000));
        for (text, decimals) in [
            ("1.5", 0),
            ("0", 0),
            ("-1", 0),
            ("1.234", 2),
            ("", 2),
            (".5", 2),
        ] {
            assert_eq!(units(text, decimals), None, "{text}");
        }
    }

    #[test]
    fn a_list_names_its_columns_and_shows_no_number() {
        let list =
            List::parse("# sold in Aban\nvoucher, amount_rial\n\nAB12CD34, 200000\n").unwrap();
        let rows: Vec<(usize, Option<&str>)> = list
            .lines
            .iter()
            .map(|(number, cells)| (*number, cells.first().copied()))
            .collect();
        assert_eq!(rows, [(4, Some("AB12CD34"))]);
        let fault = List::parse("AB12CD34,200000\n").err().unwrap().to_string();
        assert!(fault.contains("\"****\" is no column"), "{fault}");
        assert!(!fault.contains("AB12"), "{fault}");
    }

    #[test]
    fn a_fault_of_a_slice_names_the_row_of_the_list() {
        assert_eq!(of_row("row 3: nobody".to_owned(), 64), "row 67: nobody");
        assert_eq!(of_row("something else".to_owned(), 64), "something else");
    }
}
