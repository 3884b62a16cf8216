//! Clearing files without a fault, as rules judge by them.

use super::clearing::{ON, PAYERS, REVERSIBLE_MAX, price};
use super::effect::positive;
use super::keys::{
    CLEARING, EXCHANGE, EXCHANGE_LIMIT, FEDERATION, HOUSE_FEE, HOUSE_MEMBER, RATE, SHARED,
};
use super::known::Ids;
use super::span::{counted_in, window};
use crate::rules::{
    Clearing, Club, DatedRate, EarnsIn, ExchangeTerms, Federation, House, HouseFee, HouseMember,
};
use crate::source::{Entry, Table, Value};
use crate::terms::{ClubId, Rials};

/// What is between the clubs.
pub(super) fn compile(tables: &[Table<'_>], clubs: &[Club], ids: &mut Ids<'_>) -> Clearing {
    let mut federations = Vec::new();
    for table in tables {
        let entries = table.optional("federation", Value::entries);
        let entries = entries.unwrap_or_default();
        federations.extend(entries.iter().filter_map(|entry| federation(entry, clubs)));
    }
    for table in tables {
        let of = table.get("clearing").and_then(|value| {
            let name = value.member("federation")?.text_if_any()?;
            let mut all = federations.iter_mut();
            all.find(|federation| federation.name == name)
        });
        if let Some(of) = of {
            of.house = house(table, &of.clubs, clubs, ids);
        }
    }
    Clearing { federations }
}

/// Gives every club of a house that bounds what its members redeem a day something to count by what they redeem elsewhere.
pub(super) fn count_elsewhere(between: &Clearing, clubs: &mut [Club], ids: &mut Ids<'_>) {
    for club in clubs {
        let id = club.id;
        let clears = between.house_of(id).is_some();
        let bounded = club.redeem.as_mut();
        if let Some(terms) = bounded.filter(|terms| clears && terms.member_day_max.is_some()) {
            terms.elsewhere = Some(ids.rule(id, "clearing/redeemed"));
        }
    }
}

fn club<'c>(value: Value<'_>, clubs: &'c [Club]) -> Option<&'c Club> {
    let name = value.text_if_any()?;
    clubs.iter().find(|club| club.name == name)
}

fn federation(entry: &Entry<'_>, clubs: &[Club]) -> Option<Federation> {
    let table = entry.value.table(&FEDERATION)?;
    let shared = table.get("share").and_then(|value| value.table(&SHARED));
    let shares = |what| {
        let value = shared.as_ref().and_then(|shared| shared.get(what));
        value.is_some_and(|value| value.is_true())
    };
    let ways = [
        ("shop-club", EarnsIn::ShopClub),
        ("card-club", EarnsIn::CardClub),
        ("both", EarnsIn::Both),
    ];
    let earns_in = table.optional("one_purchase_earns_in", |value| value.one_of(&ways, &[]));
    Some(Federation {
        name: entry.name.to_owned(),
        clubs: table
            .get("clubs")?
            .each(|value| club(value, clubs).map(|club| club.id))?,
        shares_members: shares("members"),
        shares_merchants: shares("merchants"),
        earns_in: earns_in.unwrap_or(EarnsIn::ShopClub),
        house: None,
    })
}

fn house(
    table: &Table<'_>,
    federated: &[ClubId],
    clubs: &[Club],
    ids: &mut Ids<'_>,
) -> Option<House> {
    let clearing = table.get("clearing")?.table(&CLEARING)?;
    let rows = |key| table.optional(key, Value::list).unwrap_or_default();
    let mut rates: Vec<DatedRate> = rows("rate")
        .into_iter()
        .filter_map(|value| rate(value, clubs))
        .collect();
    rates.sort_by_key(|rate| (rate.purse, rate.from));
    let fees: Vec<(usize, HouseFee)> = rows("fee").into_iter().filter_map(fee).collect();
    let on = |wanted: usize| {
        fees.iter()
            .find(|(on, _)| *on == wanted)
            .map(|(_, fee)| *fee)
    };
    let members = rows("member").into_iter();
    Some(House {
        name: clearing.get("id")?.text_if_any()?.to_owned(),
        title: clearing.get("title")?.text_if_any()?.to_owned(),
        rates,
        members: members
            .filter_map(|value| member(value, clubs, ids))
            .filter(|member| federated.contains(&member.club))
            .collect(),
        redeem_fee: on(0),
        exchange_fee: on(1),
        exchange: table.get("exchange").and_then(exchange),
    })
}

fn rate(value: Value<'_>, clubs: &[Club]) -> Option<DatedRate> {
    let table = value.table(&RATE)?;
    let club = club(table.get("club")?, clubs)?;
    let name = table.get("purse")?.text_if_any()?;
    let (purse, _) = club.purse_names.iter().find(|(_, known)| known == name)?;
    let decimals = club.purse(*purse)?.decimals;
    let paid = |key| {
        let (value, per) = price(table.get(key)?, decimals)?;
        Some(crate::terms::Rate { value, per })
    };
    Some(DatedRate {
        purse: *purse,
        from: table.get("from")?.day()?,
        to: table.get("to").and_then(Value::day),
        sell: paid("sell"),
        buy: paid("buy"),
    })
}

fn member(value: Value<'_>, clubs: &[Club], ids: &mut Ids<'_>) -> Option<HouseMember> {
    let table = value.table(&HOUSE_MEMBER)?;
    let club = club(table.get("club")?, clubs)?.id;
    Some(HouseMember {
        club,
        prepaid: table.get("funding")?.is_text("prepaid"),
        cover: table.get("cover_rial")?.rials()?,
        cap: table.get("net_debit_cap_rial")?.rials()?,
        warn_at: table.get("warn_at").and_then(Value::percent),
        own_shops_only: table
            .get("on_cap")
            .is_some_and(|value| value.is_text("own-shops-only")),
        exchanged: ids.rule(club, "clearing/exchanged"),
    })
}

/// What it is on, by its place in [`ON`], and the fee.
fn fee(value: Value<'_>) -> Option<(usize, HouseFee)> {
    let table = value.table(&HOUSE_FEE)?;
    let on = table.get("on")?;
    let payer = table.get("payer")?;
    let percent = table.get("percent")?.percent()?;
    let on = ON.iter().position(|name| on.is_text(name))?;
    let (payer, _) = *PAYERS.iter().find(|(_, name)| payer.is_text(name))?;
    Some((on, HouseFee { percent, payer }))
}

fn exchange(value: Value<'_>) -> Option<ExchangeTerms> {
    let table = value.table(&EXCHANGE)?;
    let limit = |value: Value<'_>| {
        let table = value.table(&EXCHANGE_LIMIT)?;
        let window = window(table.get("window")?)?;
        Some((window, Rials(positive(table.get("max_rial")?)?)))
    };
    let seconds = |value| {
        let (count, unit) = counted_in(value, &["hour", "day"], REVERSIBLE_MAX)?;
        let seconds = if unit == "hour" { 3_600 } else { 86_400 };
        Some(count as i64 * seconds)
    };
    Some(ExchangeTerms {
        min: table
            .get("min_rial")
            .and_then(Value::rials)
            .unwrap_or_default(),
        per_member: table.get("per_member").and_then(limit),
        reversible_seconds: table.get("reversible_for").and_then(seconds),
    })
}
