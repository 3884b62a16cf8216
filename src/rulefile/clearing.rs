//! The clearing files: federations of clubs, the rates between them, and who stands behind which debt. They are checked
//! wholly. What happens in a purchase is carried out; windows, netting, pay files and reports wait for a later version.

use super::effect::{positive, whole_units, written};
use super::keys::{
    CLEARING, CLEARING_FILE, EXCHANGE, EXCHANGE_LIMIT, FEDERATION, HOUSE_FEE, HOUSE_MEMBER,
    HOUSE_WINDOW, LATE, RATE, REPORTS, SHARED, VALUE,
};
use super::known::Known;
use super::span::{counted_in, window};
use super::world::check_format;
use crate::ledger::{FeePayer, PurseKind};
use crate::rules::{Club, Purse};
use crate::source::{Fault, FaultLog, File, Table, Value, nearest};
use crate::terms::{Day, Rials};

/// What the house takes its fees on.
pub(super) const ON: [&str; 2] = ["cross-club-redeem", "points-exchange"];
/// Who pays them.
pub(super) const PAYERS: [(FeePayer, &str); 3] = FeePayer::ALL;
/// The longest that an exchange can be undone, in hours or days.
pub(super) const REVERSIBLE_MAX: u64 = 3_660;

/// What else clearing files may refer to: the clubs, as far as they could be read.
pub(super) struct Clubs<'c> {
    /// All of them by name.
    pub(super) names: &'c Known<()>,
    /// Those without a fault of their own.
    pub(super) read: &'c [Club],
}

/// What a club file says of the federation it belongs to.
pub(super) struct Parent<'f> {
    /// The club.
    pub(super) club: &'f str,
    /// The federation it names.
    pub(super) names: Option<Value<'f>>,
}

/// What the club files say of their federations.
pub(super) fn parents<'f>(files: &[&'f File], log: &'f FaultLog) -> Vec<Parent<'f>> {
    let parent = |file: &&'f File| {
        let club = file.root(log).member("club")?;
        Some(Parent {
            club: club.member("id")?.text_if_any()?,
            names: club.member("parent"),
        })
    };
    files.iter().filter_map(parent).collect()
}

/// The clubs of a federation, each with the place where it is named.
type Federated<'f> = Vec<(&'f str, Value<'f>)>;

/// Opens the files, so that clubs can be asked for their federation. `None` where there is no clearing file.
pub(super) fn open<'f>(
    files: &[&'f File],
    complete: bool,
    log: &'f FaultLog,
) -> (Vec<Table<'f>>, Option<Known<()>>) {
    let tables: Vec<Table<'f>> = files
        .iter()
        .filter_map(|file| file.root(log).table(&CLEARING_FILE))
        .collect();
    let mut federations = Known::new("federation", complete);
    for table in &tables {
        for entry in table
            .optional("federation", Value::entries)
            .unwrap_or_default()
        {
            entry.has_good_name();
            federations.add_entry(&entry, ());
        }
    }
    // Of one that is no TOML nothing is said.
    let any = !files.is_empty() || !complete;
    (tables, any.then_some(federations))
}

/// Reads what was opened, for its faults.
pub(super) fn check<'f>(
    tables: &[Table<'f>],
    federations: Option<&Known<()>>,
    clubs: &Clubs<'_>,
    parents: &[Parent<'_>],
) {
    let Some(federations) = federations else {
        return;
    };
    let mut federated: Vec<(&str, Federated<'f>)> = Vec::new();
    for table in tables {
        check_format(table);
        for entry in table
            .optional("federation", Value::entries)
            .unwrap_or_default()
        {
            federated.push((entry.name, federation(entry.value, clubs)));
        }
    }
    agree(&federated, parents);
    let mut houses = Known::new("clearing house", true);
    let mut cleared: Vec<&str> = Vec::new();
    for table in tables {
        let title = table.required("clearing", |value| house(value, federations, &mut houses));
        if let (Some(name), Some(value)) = (title, table.get("clearing")) {
            if cleared.contains(&name) {
                let title = format!("the federation \"{name}\" clears in two houses");
                let at = value.member("federation").unwrap_or(value);
                at.report(at.fault("R07", title).mend("take one of them out"));
            }
            cleared.push(name);
        }
        let members = title.and_then(|name| federated.iter().find(|(known, _)| *known == name));
        let members = members.map(|(name, clubs)| (*name, &clubs[..]));
        rates(table, members, clubs);
        house_members(table, members, clubs);
        table.optional("exchange", exchange);
        let mut fees = Known::new("fee", true);
        let mut taken: Vec<&str> = Vec::new();
        for value in table.optional("fee", Value::list).unwrap_or_default() {
            fee(value, &mut fees);
            let Some(on) = value.member("on") else {
                continue;
            };
            let Some(name) = on.text_if_any() else {
                continue;
            };
            if taken.contains(&name) {
                let title = format!("there is another fee on \"{name}\"");
                on.report(on.fault("R07", title).mend("make one fee of the two"));
            }
            taken.push(name);
        }
        table.required("window", house_window);
        table.optional("reports", reports);
    }
}

/// Says of houses without a fault what of them changes nothing yet.
pub(super) fn note(tables: &[Table<'_>]) {
    for value in tables.iter().filter_map(|table| table.get("window")) {
        let title = "windows and reports are checked, and change nothing";
        let note = Fault::note("R02", value.place(), title);
        let label = "obligations are booked with each purchase; this version nets and pays nothing";
        value.report(note.label(label));
    }
}

/// A club stands in one federation, and its own file names it.
fn agree(federated: &[(&str, Federated<'_>)], parents: &[Parent<'_>]) {
    for (at, (federation, clubs)) in federated.iter().enumerate() {
        for (club, value) in clubs {
            let is_in = |(_, clubs): &&(&str, Federated<'_>)| clubs.iter().any(|(c, _)| c == club);
            if let Some((other, _)) = federated[..at].iter().find(is_in) {
                let title = format!("the club \"{club}\" is in two federations");
                let fault = value.fault("R20", title);
                let fault = fault.label(format!("it is in \"{other}\" already"));
                value.report(fault.mend("take it out of one of them"));
            }
            let parent = parents.iter().find(|parent| parent.club == *club);
            if parent.is_some_and(|parent| parent.names.is_none()) {
                let title = format!("the club \"{club}\" does not say that it is in a federation");
                let note = Fault::note("R20", value.place(), title);
                value.report(note.mend(format!("add to its file  parent = \"{federation}\"")));
            }
        }
    }
    for Parent { club, names } in parents {
        let Some((value, name)) = names.and_then(|value| Some((value, value.text_if_any()?)))
        else {
            continue;
        };
        let named = federated.iter().find(|(federation, _)| *federation == name);
        if named.is_some_and(|(_, clubs)| clubs.iter().all(|(known, _)| known != club)) {
            let title = format!("the federation \"{name}\" does not name the club \"{club}\"");
            let fault = value.fault("R20", title);
            value.report(fault.mend("add it to the `clubs` of the federation, or take this out"));
        }
    }
}

fn federation<'f>(value: Value<'f>, clubs: &Clubs<'_>) -> Federated<'f> {
    let mut found: Federated<'f> = Vec::new();
    let Some(table) = value.table(&FEDERATION) else {
        return found;
    };
    table.required("title", Value::title);
    for value in table
        .required("clubs", |v| v.each(Some))
        .unwrap_or_default()
    {
        if clubs.names.find(value).is_none() {
            continue;
        }
        let Some(name) = value.text_if_any() else {
            continue;
        };
        if found.iter().any(|(known, _)| *known == name) {
            let title = format!("the club \"{name}\" stands twice");
            value.report(value.fault("R07", title).mend("take one out"));
            continue;
        }
        found.push((name, value));
    }
    table.optional("share", |value| {
        let table = value.table(&SHARED)?;
        table.optional("members", Value::boolean);
        table.optional("merchants", Value::boolean)
    });
    let ways = [("shop-club", ()), ("card-club", ()), ("both", ())];
    table.optional("one_purchase_earns_in", |v| v.one_of(&ways, &[]));
    found
}

/// `[clearing]`; the name of its federation.
fn house<'f>(value: Value<'f>, federations: &Known<()>, houses: &mut Known<()>) -> Option<&'f str> {
    let table = value.table(&CLEARING)?;
    table.required("id", |value| {
        let name = value.name()?;
        houses.add(name, value.place(), value, ());
        Some(name)
    });
    table.required("title", Value::title);
    table.required("unit", |value| value.one_of(&[("rial", ())], &[]));
    if let (Some(false), Some(value)) = (
        table.optional("novation", Value::boolean),
        table.get("novation"),
    ) {
        let fault = value.fault("R03", "the house stands between the clubs always");
        let fault = fault.label("clubs do not owe one another directly");
        value.report(fault.mend("novation = true"));
    }
    table.required("federation", |value| {
        federations.find(value)?;
        value.text()
    })
}

/// A rate of one club's purse, as far as it could be read.
struct Rate<'f> {
    club: &'f str,
    purse: &'f str,
    from: Day,
    to: Option<Day>,
    sells: bool,
    place: Value<'f>,
}

fn rates(table: &Table<'_>, members: Option<(&str, &[(&str, Value<'_>)])>, clubs: &Clubs<'_>) {
    let values = table.optional("rate", Value::list).unwrap_or_default();
    let mut dated: Vec<Rate<'_>> = Vec::new();
    for value in &values {
        dated.extend(rate(*value, members, clubs));
    }
    follow_one_another(&mut dated);
    // A faulty rate may be the one that is looked for.
    if dated.len() < values.len() {
        return;
    }
    for (name, at) in members.iter().flat_map(|(_, members)| members.iter()) {
        let club = clubs.read.iter().find(|club| club.name == *name);
        for (id, purse) in club.into_iter().flat_map(|club| &club.purse_names) {
            let mut purses = club.iter().flat_map(|club| &club.purses);
            let pays = purses.any(|purse| purse.id == *id && is_exchanged(purse));
            let sells = |rate: &Rate<'_>| rate.sells && (rate.club, rate.purse) == (name, purse);
            if pays && !dated.iter().any(sells) {
                let title = format!("no rate sells the points \"{purse}\" of the club \"{name}\"");
                let fault = at.fault("R20", title);
                let fault = fault.label("its members could not spend them in the other clubs");
                at.report(fault.mend(format!(
                    "add  [[rate]]  with  club = \"{name}\", purse = \"{purse}\", from and sell"
                )));
            }
        }
    }
}

/// Whether a purse pays in the shops of other clubs.
fn is_exchanged(purse: &Purse) -> bool {
    purse.kind == PurseKind::Points && purse.redeemable
}

fn rate<'f>(
    value: Value<'f>,
    members: Option<(&str, &[(&str, Value<'_>)])>,
    clubs: &Clubs<'_>,
) -> Option<Rate<'f>> {
    let table = value.table(&RATE)?;
    let club = table.required("club", |value| club_of(value, members, clubs));
    let purse = table.required("purse", |value| {
        let name = value.text()?;
        let purse = purse_of(club?, value, clubs)?;
        if !is_exchanged(purse) {
            let title = format!("the purse \"{name}\" does not pay in other clubs");
            let fault = value.fault("R09", title);
            let fault = fault.label("it is not of kind points, or it cannot be redeemed");
            value.report(fault.mend("name a purse of points that can be redeemed"));
            return None;
        }
        Some(purse)
    });
    let from = table.required("from", Value::day);
    let to = table.optional("to", Value::day);
    if let (Some(from), Some(to), Some(value)) = (from, to, table.get("to"))
        && to < from
    {
        let fault = value.fault("R05", "the span ends before it begins");
        let label = format!("{to} is before {from}");
        let mend = "exchange `from` and `to`, or mend the year";
        value.report(fault.label(label).mend(mend));
        return None;
    }
    // Where the purse is not known, any number of its decimals is good.
    let decimals = purse.map_or(4, |purse| purse.decimals);
    let [sell, buy] = ["sell", "buy"].map(|key| table.optional(key, |v| price(v, decimals)));
    if !table.has("sell") && !table.has("buy") {
        let fault = table.fault("R02", "a rate says no price");
        table.report(fault.mend("add  sell = { rial = 150, per_points = 1 }"));
        return None;
    }
    if let (Some(sell), Some(buy), Some(value)) = (sell, buy, table.get("buy"))
        && i128::from(buy.0) * i128::from(sell.1) < i128::from(sell.0) * i128::from(buy.1)
    {
        let fault = value.fault("R20", "points are bought for less than they are sold for");
        let fault = fault.label("less than `sell`");
        let why = "whoever exchanges points to and fro would gain at every turn";
        value.report(fault.why(why).mend("make `buy` at least what `sell` is"));
    }
    purse?;
    Some(Rate {
        club: club?,
        purse: table.get("purse")?.text_if_any()?,
        from: from?,
        to,
        sells: table.has("sell"),
        place: table.get("from")?,
    })
}

/// Rials, and for how many smallest units.
pub(super) fn price(value: Value<'_>, decimals: u8) -> Option<(i64, i64)> {
    let table = value.table(&VALUE)?;
    let rial = table.required("rial", positive);
    let points = table.required("per_points", |value| whole_units(value, decimals));
    Some((rial?, points?))
}

/// A club that belongs to the federation.
fn club_of<'f>(
    value: Value<'f>,
    members: Option<(&str, &[(&str, Value<'_>)])>,
    clubs: &Clubs<'_>,
) -> Option<&'f str> {
    clubs.names.find(value)?;
    let name = value.text()?;
    let (federation, members) = members?;
    if members.iter().any(|(known, _)| *known == name) {
        return Some(name);
    }
    let title = format!("the club \"{name}\" is not in the federation \"{federation}\"");
    let fault = value.fault("R20", title);
    value.report(fault.mend("add it to the `clubs` of the federation, or take this out"));
    None
}

/// A purse of a club; nothing is said about a club that has faults itself.
pub(super) fn purse_of<'c>(club: &str, value: Value<'_>, clubs: &Clubs<'c>) -> Option<&'c Purse> {
    let of = clubs.read.iter().find(|known| known.name == club)?;
    let name = value.text()?;
    if let Some((id, _)) = of.purse_names.iter().find(|(_, known)| known == name) {
        return of.purses.iter().find(|purse| purse.id == *id);
    }
    let title = format!("the club \"{club}\" has no purse \"{name}\"");
    let fault = value.fault("R08", title);
    let names: Vec<&str> = of.purse_names.iter().map(|(_, name)| &**name).collect();
    value.report(match nearest(name, names.iter().copied()) {
        Some(near) => fault.meant(Some(near)),
        None if names.is_empty() => fault,
        None => fault.mend(format!("known: {}", names.join(", "))),
    });
    None
}

/// The rates of one purse begin where the one before them ends: no day has two, and none between has none.
fn follow_one_another(rates: &mut [Rate<'_>]) {
    rates.sort_by_key(|rate| (rate.club, rate.purse, rate.from));
    for pair in rates.windows(2) {
        let [before, rate] = pair else { continue };
        if (before.club, before.purse) != (rate.club, rate.purse) {
            continue;
        }
        let value = rate.place;
        let (club, purse) = (rate.club, rate.purse);
        if before.from == rate.from || before.to.is_some_and(|to| to >= rate.from) {
            let title =
                format!("two rates of the points \"{purse}\" of the club \"{club}\" overlap");
            let label = match before.to {
                Some(to) => format!("the one before it lasts until {to}"),
                None => format!("another begins on {} too", before.from),
            };
            let fault = value.fault("R20", title).label(label);
            value.report(fault.mend("let each begin on the day after the last day of the other"));
        } else if let Some(to) = before.to.filter(|to| to.0 + 1 < rate.from.0) {
            let title = format!(
                "between two rates of the points \"{purse}\" of the club \"{club}\" is a gap"
            );
            let label = format!("the one before it ends on {to}");
            let fault = value.fault("R20", title).label(label);
            let next = Day(to.0 + 1);
            value.report(fault.mend(format!("from = \"{next}\", or leave out `to` of the other")));
        }
    }
}

fn exchange(value: Value<'_>) -> Option<()> {
    let table = value.table(&EXCHANGE)?;
    let min = table.optional("min_rial", Value::rials);
    table.optional("round", |value| {
        value.one_of(&[("down", ())], &["up", "nearest"])
    });
    table.optional("odd_rial_to", |value| {
        value.one_of(&[("clearing", ())], &["member"])
    });
    table.optional("per_member", |value| {
        let table = value.table(&EXCHANGE_LIMIT)?;
        table.required("window", window);
        let max = table.required("max_rial", positive)?;
        if let (Some(min), Some(value)) = (min, table.get("max_rial"))
            && max < min.0
        {
            let fault = value.fault("R03", "nobody can exchange anything");
            let label = format!("the least to exchange is {min}");
            value.report(
                fault
                    .label(label)
                    .mend(format!("max_rial = {}", written(min))),
            );
        }
        Some(())
    });
    table.optional("reversible_for", |value| {
        counted_in(value, &["hour", "day"], REVERSIBLE_MAX)
    });
    Some(())
}

fn house_members(
    table: &Table<'_>,
    members: Option<(&str, &[(&str, Value<'_>)])>,
    clubs: &Clubs<'_>,
) {
    let mut known = Known::new("member", true);
    let values = table.optional("member", Value::list).unwrap_or_default();
    for value in &values {
        house_member(*value, members, clubs, &mut known);
    }
    for (name, at) in members.iter().flat_map(|(_, members)| members.iter()) {
        let is_it = |value: &Value<'_>| value.member("club").is_some_and(|v| v.is_text(name));
        if !values.iter().any(is_it) {
            let title = format!("nobody stands behind the debts of the club \"{name}\"");
            let fault = at.fault("R20", title).label("the house has no such member");
            let mend = format!(
                "add  [[member]]  with  club = \"{name}\", account, funding, cover_rial and net_debit_cap_rial"
            );
            at.report(fault.mend(mend));
        }
    }
}

fn house_member(
    value: Value<'_>,
    members: Option<(&str, &[(&str, Value<'_>)])>,
    clubs: &Clubs<'_>,
    known: &mut Known<()>,
) -> Option<()> {
    let table = value.table(&HOUSE_MEMBER)?;
    table.required("club", |value| {
        let name = club_of(value, members, clubs)?;
        known.add(name, value.place(), value, ());
        Some(())
    });
    table.required("account", |value| value.iban("R12"));
    let fundings = [("prepaid", ()), ("postpaid", ())];
    table.required("funding", |value| value.one_of(&fundings, &[]));
    let cover = table.required("cover_rial", Value::rials);
    let cap = table.required("net_debit_cap_rial", Value::rials);
    table.optional("warn_at", Value::percent);
    let ways = [("own-shops-only", ()), ("refuse", ())];
    table.optional("on_cap", |value| value.one_of(&ways, &[]));
    let (cover, cap) = (cover?, cap?);
    if cap > cover {
        let value = table.get("net_debit_cap_rial")?;
        let fault = value.fault("R20", "the club may owe more than its cover");
        let label = format!("the cover is {cover}, less by {}", Rials(cap.0 - cover.0));
        let mend = format!("net_debit_cap_rial = {}", written(cover));
        value.report(fault.label(label).mend(mend));
    }
    Some(())
}

fn fee(value: Value<'_>, known: &mut Known<()>) -> Option<()> {
    let table = value.table(&HOUSE_FEE)?;
    table.required("name", |value| {
        let name = value.name()?;
        known.add(name, value.place(), value, ());
        Some(())
    });
    let what = ON.map(|name| (name, ()));
    table.required("on", |value| value.one_of(&what, &[]));
    table.required("percent", Value::percent);
    let payers = PAYERS.map(|(_, name)| (name, ()));
    table.required("payer", |value| value.one_of(&payers, &[]))
}

fn house_window(value: Value<'_>) -> Option<()> {
    let table = value.table(&HOUSE_WINDOW)?;
    let spans = [("day", ()), ("week", ()), ("jalali-month", ())];
    table.required("close", |value| value.one_of(&spans, &[]));
    table.required("close_at", Value::time_of_day);
    table.optional("also_real_time_above_rial", positive);
    let ways = [("multilateral", ()), ("bilateral", ()), ("gross", ())];
    table.required("net", |value| value.one_of(&ways, &[]));
    let days = |value| counted_in(value, &["business day", "day"], 400);
    let claims = table.required("claims_until", days);
    let pays = table.required("pay_on", days);
    table.optional("min_pay_rial", Value::rials);
    table.optional("late", |value| {
        let table = value.table(&LATE)?;
        table.required("percent_per_day", Value::percent)
    });
    let ((claims, unit), (pays, other)) = (claims?, pays?);
    if unit == other && pays < claims {
        let value = table.get("pay_on")?;
        let fault = value.fault("R05", "the window is paid before its disputes end");
        let label = format!("`claims_until` is {claims} {unit}s");
        value.report(
            fault
                .label(label)
                .mend(format!("pay_on = \"{claims} {unit}s\"")),
        );
    }
    Some(())
}

fn reports(value: Value<'_>) -> Option<()> {
    let table = value.table(&REPORTS)?;
    let files = [
        "obligations",
        "matrix",
        "net-positions",
        "pay-instructions",
        "recap",
        "disputes",
        "liability",
    ];
    let files = files.map(|name| (name, ()));
    table.required("files", |value| value.each(|v| v.one_of(&files, &[])))?;
    Some(())
}

/// Points that no rate sells on a day, though some rate does on another.
pub(super) fn closed(table: &Table<'_>, today: Day) {
    let mut rates: Vec<Rate<'_>> = Vec::new();
    for value in table.optional("rate", Value::list).unwrap_or_default() {
        rates.extend(dates(value));
    }
    rates.sort_by_key(|rate| (rate.club, rate.purse, rate.from));
    for rates in rates.chunk_by(|a, b| (a.club, a.purse) == (b.club, b.purse)) {
        // The last that has begun is the one in force, if it has not ended.
        let begun = rates.iter().rev().find(|rate| rate.from <= today);
        let in_force = begun.filter(|rate| rate.to.is_none_or(|to| to >= today));
        if in_force.is_some_and(|rate| rate.sells) || !rates.iter().any(|rate| rate.sells) {
            continue;
        }
        let Some(rate) = begun.or(rates.first()) else {
            continue;
        };
        let (club, purse) = (rate.club, rate.purse);
        let title = format!("no rate sells the points \"{purse}\" of the club \"{club}\" today");
        let label = match (rate.from > today, rate.to) {
            (true, _) => format!("it begins on {}", rate.from),
            (false, Some(to)) if to < today => format!("it ended on {to}"),
            (false, _) => "this one has no `sell`".to_owned(),
        };
        let note = Fault::note("R20", rate.place.place(), title).label(label);
        rate.place
            .report(note.mend("add a rate that is in force, with `sell`"));
    }
}

/// A rate that was read before without a fault.
fn dates(value: Value<'_>) -> Option<Rate<'_>> {
    let table = value.table(&RATE)?;
    Some(Rate {
        club: table.get("club")?.text_if_any()?,
        purse: table.get("purse")?.text_if_any()?,
        from: table.optional("from", Value::day)?,
        to: table.optional("to", Value::day),
        sells: table.has("sell"),
        place: table.get("from")?,
    })
}
