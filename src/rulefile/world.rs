//! The world files: calendar, seasons, shops, groups, people.

use super::card::Product;
use super::keys::{
    CALENDAR, HOLIDAY, MEMBER_GROUP, MERCHANT, MERCHANT_GROUP, OPERATOR, PERSON, SPAN,
    TERMINAL_GROUP, WORLD,
};
use super::known::{Ids, Known};
use super::list;
use crate::rules::{Places, Roster, Shop, World};
use crate::source::{Entry, Fault, FaultLog, File, Place, Table, Value};
use crate::terms::{Day, Map, MemberId, OrganisationId, PersonId, ShopId, Zone};

/// What club files may refer to.
pub(super) struct WorldRead<'f> {
    /// The compiled part; none when a part of it is missing or faulty.
    pub(super) compiled: Option<World>,
    pub(super) operator_alias: Option<Value<'f>>,
    /// Whether fees can be paid, as far as the files that could be parsed tell.
    pub(super) may_have_operator: bool,
    pub(super) merchants: Known<Option<Shop>>,
    pub(super) groups: Known<Option<Places>>,
    pub(super) seasons: Known<Option<(Day, Day)>>,
    pub(super) provinces: Known<Vec<ShopId>>,
    pub(super) terminal_groups: Known<Vec<String>>,
    pub(super) member_groups: Known<Roster>,
    /// Sponsors and card issuers.
    pub(super) organisations: Known<Option<OrganisationId>>,
    /// The products of the card files.
    pub(super) card_products: Known<Product>,
    /// The federations of the clearing files; none where there is no such file.
    pub(super) federations: Option<Known<()>>,
}

/// Reads all world files as one. `complete` is false when some file could not be parsed.
pub(super) fn read<'f>(
    files: &[&'f File],
    lists: &[(String, String)],
    complete: bool,
    ids: &mut Ids<'_>,
    log: &'f FaultLog,
) -> WorldRead<'f> {
    let tables: Vec<Table<'f>> = files
        .iter()
        .filter_map(|file| file.root(log).table(&WORLD))
        .collect();
    for table in &tables {
        check_format(table);
    }
    let entries = |key: &'static str| -> Vec<Entry<'f>> {
        let found = tables
            .iter()
            .filter_map(|table| table.optional(key, Value::entries));
        found.flatten().collect()
    };
    let operator = only(&tables, "operator");
    let operator = operator.and_then(|value| value.table(&OPERATOR));
    if let Some(table) = &operator {
        let title = table.required("title", Value::title);
        let alias = table.required("alias", alias);
        let iban = table.required("iban", |value| value.iban("R12"));
        if let (Some(title), Some(alias), Some(iban)) = (title, alias, iban) {
            ids.operator(title, alias, iban);
        }
    }

    let mut people = Known::new("person", complete);
    for entry in entries("person") {
        let person = person(&entry, ids);
        people.add_entry(&entry, person);
    }
    let mut merchants: Known<Option<Shop>> = Known::new("merchant", complete);
    let mut shops = Map::default();
    let mut by_province = Vec::new();
    for entry in entries("merchant") {
        let shop = if merchants.has(entry.name) {
            None
        } else {
            shop(&entry, &people, &mut by_province, ids)
        };
        if let Some(shop) = &shop {
            shops.insert(entry.name.to_owned(), shop.clone());
        }
        merchants.add_entry(&entry, shop);
    }
    let mut provinces = Known::new("province", complete);
    for (name, value, shops) in by_province {
        provinces.add(name, value.place(), value, rising(shops));
    }
    let mut organisations = Known::new("organisation", complete);
    for entry in entries("organisation") {
        let organisation = organisation(&entry, ids);
        organisations.add_entry(&entry, organisation);
    }
    let mut terminal_groups = Known::new("terminal group", complete);
    for entry in entries("terminal_group") {
        entry.has_good_name();
        let table = entry.value.table(&TERMINAL_GROUP);
        let terminals = table.and_then(|table| {
            table.optional("title", Value::title);
            table.required("terminals", |value| value.each(code))
        });
        terminal_groups.add_entry(&entry, rising(terminals.unwrap_or_default()));
    }
    let mut member_groups = Known::new("member group", complete);
    for entry in entries("member_group") {
        let roster = member_group(&entry, lists);
        member_groups.add_entry(&entry, roster.unwrap_or_default());
    }
    let mut groups = Known::new("merchant group", complete);
    for entry in entries("merchant_group") {
        let places = group(&entry, &merchants);
        groups.add_entry(&entry, places);
    }
    let mut seasons = Known::new("season", complete);
    for entry in entries("season") {
        entry.has_good_name();
        let days = entry.value.table(&SPAN).and_then(|table| span(&table));
        seasons.add_entry(&entry, days);
    }

    let calendar = only(&tables, "calendar");
    if calendar.is_none() && complete {
        let title = "no world file has a [calendar]";
        let fault = Fault::error("R02", Place::file("world"), title);
        log.add(fault.mend("add  [calendar]  with time_zone, cut_over and weekend"));
    }
    let by_name = people.names().zip(people.meanings());
    let by_name = by_name
        .filter_map(|((name, _), person)| Some((name.to_owned(), (*person)?)))
        .collect();
    let compiled = calendar
        .and_then(|value| value.table(&CALENDAR))
        .and_then(|table| self::calendar(&table, shops, by_name));
    WorldRead {
        compiled,
        may_have_operator: operator.is_some() || !complete,
        operator_alias: operator.and_then(|table| table.get("alias")),
        merchants,
        groups,
        seasons,
        provinces,
        terminal_groups,
        member_groups,
        organisations,
        card_products: Known::new("card product", complete),
        federations: None,
    }
}

/// `[member_group.NAME]`.
fn member_group(entry: &Entry<'_>, lists: &[(String, String)]) -> Option<Roster> {
    entry.has_good_name();
    let table = entry.value.table(&MEMBER_GROUP)?;
    table.optional("title", Value::title);
    let members = table.optional("members", |value| {
        value.each(|value| value.integer(1, u32::MAX.into()))
    });
    let listed = table.optional("cards_from", |value| list::roster(value, lists));
    let mut roster = listed.unwrap_or_default();
    let numbers = members.unwrap_or_default().into_iter();
    let numbers = numbers.filter_map(|number| u32::try_from(number).ok());
    roster.members.extend(numbers.map(MemberId));
    Some(Roster {
        members: rising(roster.members),
        cards: rising(roster.cards),
    })
}

/// A code of a product, a service, a terminal: at most forty signs without blank, comma or semicolon.
pub(super) fn code(value: Value<'_>) -> Option<String> {
    let text = value.text()?;
    let good = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, ',' | ';');
    if (1..=40).contains(&text.len()) && text.chars().all(good) {
        return Some(text.to_owned());
    }
    let fault = value.fault("R03", format!("\"{text}\" is not a code"));
    let label = "1 to 40 signs without blank, comma or semicolon";
    value.report(fault.label(label).mend("write it as the terminals send it"));
    None
}

pub(super) fn rising<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort_unstable();
    list.dedup();
    list
}

/// `format = 1`, which every rule file begins with.
pub(super) fn check_format(table: &Table<'_>) {
    let Some(value) = table.need("format") else {
        return;
    };
    match value.integer(1, i64::MAX) {
        Some(1) | None => {}
        Some(other) => value.report(
            value
                .fault("R02", format!("format {other} is newer than this program"))
                .label("this version knows format 1"),
        ),
    }
}

/// The value of a key that may stand in one world file only.
fn only<'f>(tables: &[Table<'f>], key: &'static str) -> Option<Value<'f>> {
    let mut found = tables.iter().filter_map(|table| table.get(key));
    let first = found.next()?;
    for second in found {
        let title = format!("[{key}] stands in two world files");
        let why = format!("the first is at {}", first.place());
        second.report(second.fault("R07", title).why(why).mend("keep one of them"));
    }
    Some(first)
}

fn calendar(
    table: &Table<'_>,
    shops: Map<String, Shop>,
    people: Map<String, PersonId>,
) -> Option<World> {
    let zone = table.required("time_zone", |value| {
        let name = value.text()?;
        let zone = Zone::named(name);
        if zone.is_none() {
            let fault = value.fault("R08", format!("there is no time zone \"{name}\""));
            value.report(fault.mend("a name of the tz database, such as \"Asia/Tehran\""));
        }
        zone
    });
    let cut_over = table.required("cut_over", Value::time_of_day);
    let weekend = table.required("weekend", weekdays);
    table.optional("week_start", |value| value.one_of(&[("sat", ())], &[]));
    let holidays = table.optional("holidays", |value| {
        let days = value.list()?.into_iter().filter_map(|value| {
            let table = value.table(&HOLIDAY)?;
            table.required("name", Value::title);
            table.required("date", Value::day)
        });
        let mut days: Vec<Day> = days.collect();
        days.sort_unstable();
        days.dedup();
        Some(days)
    });
    Some(World {
        zone: zone?,
        cut_over: cut_over?,
        weekend: weekend?,
        holidays: holidays.unwrap_or_default(),
        shops,
        people,
    })
}

fn person(entry: &Entry<'_>, ids: &mut Ids<'_>) -> Option<PersonId> {
    let good = entry.has_good_name();
    let table = entry.value.table(&PERSON)?;
    let title = table.required("title", Value::title);
    let iban = table.required("iban", |value| value.iban("R12"));
    good.then_some(())?;
    Some(ids.person(entry.name, title?, iban?))
}

fn organisation(entry: &Entry<'_>, ids: &mut Ids<'_>) -> Option<OrganisationId> {
    let good = entry.has_good_name();
    let table = entry.value.table(&PERSON)?;
    let title = table.required("title", Value::title);
    let iban = table.required("iban", |value| value.iban("R12"));
    good.then_some(())?;
    Some(ids.organisation(entry.name, title?, iban?))
}

fn shop<'f>(
    entry: &Entry<'f>,
    people: &Known<Option<PersonId>>,
    by_province: &mut Vec<(&'f str, Value<'f>, Vec<ShopId>)>,
    ids: &mut Ids<'_>,
) -> Option<Shop> {
    let good = is_acceptor_number(entry);
    let table = entry.value.table(&MERCHANT)?;
    let title = table.required("title", Value::title);
    let iban = table.required("iban", |value| value.iban("R12"));
    let mcc = table.optional("mcc", mcc);
    let marketer = table.optional("marketer", |value| people.find(value).copied().flatten());
    let province = table.optional("province", |value| Some((value.name()?, value)));
    table.optional("joined", Value::day);
    good.then_some(())?;
    let id = ids.shop(entry.name, title?, iban?);
    if let Some((name, value)) = province {
        match by_province.iter_mut().find(|(known, ..)| *known == name) {
            Some((.., shops)) => shops.push(id),
            None => by_province.push((name, value, vec![id])),
        }
    }
    Some(Shop {
        id,
        mcc: mcc.unwrap_or(0),
        marketer,
    })
}

fn is_acceptor_number(entry: &Entry<'_>) -> bool {
    let name = entry.name;
    let good = (1..=15).contains(&name.len())
        && name.bytes().all(|b| (b' '..=b'~').contains(&b))
        && !name.ends_with(' ');
    if !good {
        let title = format!("\"{name}\" is not an acceptor number");
        entry.value.report(
            Fault::error("R07", entry.place.clone(), title)
                .label("1 to 15 letters, digits and signs of ASCII, no blank at the end"),
        );
    }
    good
}

fn group(entry: &Entry<'_>, merchants: &Known<Option<Shop>>) -> Option<Places> {
    entry.has_good_name();
    if ["club", "merchant"].contains(&entry.name) {
        let title = format!("no merchant group can be called \"{}\"", entry.name);
        let fault = Fault::error("R07", entry.place.clone(), title);
        let why = format!("`where = \"{}\"` has a meaning of its own", entry.name);
        entry
            .value
            .report(fault.why(why).mend("give it another name"));
    }
    let table = entry.value.table(&MERCHANT_GROUP)?;
    let listed = table.optional("merchants", |value| value.each(|v| merchants.find(v)));
    let codes = table.optional("mcc", |value| value.each(mcc));
    if !table.has("merchants") && !table.has("mcc") {
        let title = format!("the merchant group \"{}\" has no shops", entry.name);
        table.report(
            table
                .fault("R02", title)
                .mend("add  merchants = [...]  or  mcc = [...]"),
        );
    }
    let listed = listed.unwrap_or_default().into_iter().flatten();
    let mut places = Places {
        shops: listed.map(|shop| shop.id).collect(),
        mccs: codes.unwrap_or_default(),
    };
    places.shops.sort_unstable();
    places.shops.dedup();
    places.mccs.sort_unstable();
    places.mccs.dedup();
    Some(places)
}

/// `from` and `to`, both there, in their order.
pub(super) fn span(table: &Table<'_>) -> Option<(Day, Day)> {
    let from = table.required("from", Value::day);
    let to = table.required("to", Value::day);
    let (from, to) = (from?, to?);
    if to < from {
        let value = table.get("to")?;
        let fault = value.fault("R05", "the span ends before it begins");
        let label = format!("{to} is before {from}");
        value.report(
            fault
                .label(label)
                .mend("exchange `from` and `to`, or mend the year"),
        );
        return None;
    }
    Some((from, to))
}

/// A list of weekdays as bits; bit 0 is Saturday.
pub(super) fn weekdays(value: Value<'_>) -> Option<u8> {
    let days = value.each(Value::weekday)?;
    Some(days.iter().fold(0, |bits, day| bits | 1 << day.0))
}

/// A category code, `"5411"`.
pub(super) fn mcc(value: Value<'_>) -> Option<u16> {
    let text = value.text()?;
    let code = text
        .parse()
        .ok()
        .filter(|code| text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit()) && *code > 0);
    if code.is_none() {
        let title = format!("\"{text}\" is not a category code");
        value.report(
            value
                .fault("R03", title)
                .label("four digits, such as \"5411\""),
        );
    }
    code
}

/// Three to five capital letters.
pub(super) fn alias(value: Value<'_>) -> Option<&str> {
    let text = value.text()?;
    if (3..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase()) {
        return Some(text);
    }
    let title = format!("\"{text}\" is not an alias");
    let fault = value
        .fault("R07", title)
        .label("3 to 5 capital letters A-Z");
    let upper = text.to_ascii_uppercase();
    let good = (3..=5).contains(&upper.len()) && upper.bytes().all(|b| b.is_ascii_uppercase());
    value.report(if good {
        fault.mend(format!("\"{upper}\""))
    } else {
        fault
    });
    None
}
