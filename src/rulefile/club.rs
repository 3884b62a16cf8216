//! A club file: who it is, purses, tiers, stacking, redeeming, split and fee.

use super::cost::{self, Written};
use super::effect::{
    Accruals, BASES, PAYER_NAMES, Scope, accrue, discount, line, no_event, one_key, positive,
    shown, whole_units, written,
};
use super::keys::{
    CLUB, CLUB_FILE, ENROL, EXPIRY, FEE, LEVEL, MEASURE, PART, PER_MEMBER, PERSON, PURSE, REDEEM,
    SPLIT, STACK, STACK_MODE, TIERS, VALUE,
};
use super::known::{Ids, Known};
use super::never;
use super::span::{span_of_days, window};
use super::when::{Conditions, places};
use super::world::{WorldRead, alias, check_format, mcc};
use crate::ledger::{Party, PurseKind, TierId, Window};
use crate::rules::{
    Available, Base, Club, Counter, Enrol, Expiry, Fee, Identify, Indexes, Measure, Negative, Part,
    Payer, Places, Purse, RESTORE_GRACE_DAYS, RedeemTerms, Rounding, Span, SpendAt, Split, Stack,
    Tier, Tiering,
};
use crate::source::{Entry, Fault, FaultLog, File, Table, Value, counted};
use crate::terms::money::pointed;
use crate::terms::{ClubId, Percent, PurseId, Rate, Rials, RuleId, Times, UnitId};

/// For so many days more than its window what tiers measure of earnings is counted.
const REVIEWED_DAYS: u16 = 400;

/// The settlement link takes so many parts of one payment.
const PARTS_MAX: usize = 10;

/// Reads one club. All its faults are logged; `None` when there is one that leaves no club. `above` is the club that its file
/// inherits from, and where the faults of that went.
pub(super) fn read<'f>(
    file: &'f File,
    above: Option<(&Club, &FaultLog)>,
    world: &WorldRead<'f>,
    taken: &mut Known<()>,
    aliases: &mut Known<()>,
    ids: &mut Ids<'_>,
    log: &'f FaultLog,
) -> Option<Club> {
    let table = file.root(log).table(&CLUB_FILE)?;
    check_format(&table);
    let head = table.required("club", |value| head(value, world, taken, aliases, ids));
    // Without a good head the rest is still read for its faults; nothing of it is kept.
    let club = head.as_ref().map_or(ClubId(u16::MAX), |head| head.id);

    let mut purses = Known::new("purse", true);
    let mut purse_names = Vec::new();
    for entry in table.optional("purse", Value::entries).unwrap_or_default() {
        let purse = purse(&entry, club, world, ids);
        purse_names.extend(purse.iter().map(|purse| (purse.id, entry.name.to_owned())));
        purses.add_entry(&entry, purse);
    }
    let mut tier_names = Known::new("tier", true);
    let tiers = table.optional("tiers", |v| tiers(v, &purses, club, &mut tier_names, ids));
    let entries = table
        .optional("condition", Value::entries)
        .unwrap_or_default();
    let conditions = Conditions::new(world, &tier_names, &purses, &entries);
    let (discount_stack, accrue_stack) = stacks(&table);

    let scope = Scope {
        club,
        purses: &purses,
        conditions: &conditions,
    };
    let mut rules = Known::new("rule", true);
    let mut written = Written::default();
    let mut discounts = Vec::new();
    let mut inherited = Vec::new();
    for value in table.optional("discount", Value::list).unwrap_or_default() {
        if let Some(rule) = discount(value, &scope, &mut rules, ids) {
            inherited.extend(file_of(rule.id, value));
            discounts.push(rule);
            written.discounts.push(value);
        }
    }
    let redeem = table.optional("redeem", |value| redeem(value, &purses, &conditions));
    let values = table.optional("accrue", Value::list).unwrap_or_default();
    let mut accruals = Accruals::new(&values);
    for value in values {
        let rule = accrue(value, &scope, &accruals, &mut rules, ids);
        inherited.extend(rule.as_ref().and_then(|(_, rule)| file_of(rule.id, value)));
        // Values and rules are as many, as long as there is no fault.
        written.accruals.push(value);
        accruals.add(rule);
    }
    let accruals = accruals.done();
    let mut split_names = Known::new("split", true);
    let mut splits: Vec<Split> = Vec::new();
    let mut taken_always = false;
    for value in table.optional("split", Value::list).unwrap_or_default() {
        // One that a sub-club inherits and has put its own above is no slip.
        if taken_always && value.inherited_from().is_none() {
            let title = "this split will never be taken";
            let label = "a split above it has no condition and is taken first";
            log.add(Fault::note("R16", value.place(), title).label(label));
        }
        if let Some(split) = split(value, &conditions, &mut split_names) {
            taken_always |= split.when.is_empty();
            splits.push(split);
            written.splits.push(value);
        }
    }
    let fee = table.optional("fee", |value| fee(value, world));

    let counters = conditions.counted().into_iter();
    let counters = counters.map(|(purse, window)| {
        let known = purses.meanings().flatten().find(|known| known.id == purse);
        Counter {
            purse,
            rule: ids.earnings(club, &purse_names, purse),
            unit: known.map_or(UnitId::RIAL, |purse| purse.unit),
            window,
        }
    });
    let mut counters: Vec<Counter> = counters.collect();
    let (tiers, tiering) = tiers.unwrap_or_default();
    if let Some(Tiering {
        measure: Measure::Earned(purse),
        window,
        ..
    }) = tiering
    {
        // A review may come late: whoever has not bought for a year is still judged by what he earned before.
        let window = Window::Days(window.days() + REVIEWED_DAYS);
        let same = |counter: &&mut Counter| {
            counter.purse == purse && counter.window.kind() == window.kind()
        };
        match counters.iter_mut().find(same) {
            Some(counter) => counter.window = window,
            None => counters.push(Counter {
                purse,
                rule: ids.earnings(club, &purse_names, purse),
                unit: purses
                    .meanings()
                    .flatten()
                    .find(|known| known.id == purse)
                    .map_or(UnitId::RIAL, |purse| purse.unit),
                window,
            }),
        }
    }
    let head = head?;
    let shops = world.merchants.iter().count();
    let club = Club {
        indexes: Indexes::new(&discounts, &accruals, &splits, shops),
        id: head.id,
        sub_of: above.map(|(above, _)| above.id),
        inherited,
        two_persons: head.two_persons,
        name: head.name,
        places: head.places,
        identify: head.identify,
        enrol: head.enrol,
        cards_max: head.cards_max,
        purses: purses.meanings().flatten().cloned().collect(),
        purse_names,
        tiers,
        tiering,
        counters,
        discount_stack,
        discounts,
        redeem,
        accrue_stack,
        accruals,
        splits,
        fee,
    };
    if !log.has_errors() && !above.is_some_and(|(_, log)| log.has_errors()) {
        cost::check(&club, &written);
        never::check(&club, world.merchants.iter().flatten(), &written);
    }
    Some(club)
}

/// A rule with the file that it was inherited from.
fn file_of(rule: RuleId, value: Value<'_>) -> Option<(RuleId, String)> {
    let file = value.inherited_from()?;
    Some((rule, file.to_owned()))
}

/// What `[club]` says.
struct Head {
    two_persons: bool,
    id: ClubId,
    name: String,
    places: Places,
    identify: Identify,
    enrol: Enrol,
    cards_max: u8,
}

fn head<'f>(
    value: Value<'f>,
    world: &WorldRead<'f>,
    taken: &mut Known<()>,
    aliases: &mut Known<()>,
    ids: &mut Ids<'_>,
) -> Option<Head> {
    let table = value.table(&CLUB)?;
    let name = table.required("id", |value| {
        let name = value.name()?;
        taken.add(name, value.place(), value, ());
        Some(name)
    });
    let alias = table.required("alias", |value| {
        let alias = alias(value)?;
        aliases.add(alias, value.place(), value, ());
        Some(alias)
    });
    let title = table.required("title", Value::title);
    let iban = table.required("owner", |value| {
        let owner = value.table(&PERSON)?;
        owner.required("title", Value::title);
        owner.required("iban", |value| value.iban("R12"))
    });
    let places = table.required("merchants", |value| places(world, value));
    let identify = table.optional("identify_by", identify);
    let enrol = table.optional("enrol", |value| {
        let table = value.table(&ENROL)?;
        let flag = |key| table.optional(key, Value::boolean).unwrap_or(false);
        if flag("at_panel") {
            not_yet(&table, "at_panel", "there is no panel in this version");
        }
        Some(Enrol {
            at_pos: flag("at_pos"),
            on_first_purchase: flag("on_first_purchase"),
        })
    });
    let persons = [("one-person", false), ("two-persons", true)];
    let two_persons = table.optional("approve", |value| value.one_of(&persons, &[]));
    table.optional("on_engine_failure", |value| {
        value.one_of(&[("pay-without-club", ())], &[])
    });
    let cards_max = table.optional("cards_per_member", |value| value.integer(1, 100));
    table.optional("sub_of", Value::name);
    let parent = table.optional("parent", |value| {
        let name = value.name()?;
        match &world.federations {
            Some(federations) => federations.find(value).map(|()| name),
            None => Some(name),
        }
    });
    if parent.is_some() && world.federations.is_none() {
        not_yet(&table, "parent", "there is no clearing file");
    }
    let name = name?;
    Some(Head {
        two_persons: two_persons.unwrap_or(false),
        id: ids.club(name, title?, alias?, iban?),
        cards_max: cards_max
            .and_then(|most| u8::try_from(most).ok())
            .unwrap_or(1),
        name: name.to_owned(),
        places: places?,
        identify: identify.unwrap_or(Identify {
            card: true,
            mobile: false,
            national_code: false,
            number: false,
        }),
        enrol: enrol.unwrap_or(Enrol {
            at_pos: false,
            on_first_purchase: false,
        }),
    })
}

fn identify(value: Value<'_>) -> Option<Identify> {
    let ways = [
        ("card", 0),
        ("mobile", 1),
        ("national-id", 2),
        ("club-number", 3),
    ];
    let found = value.each(|value| value.one_of(&ways, &["token"]))?;
    Some(Identify {
        card: found.contains(&0),
        mobile: found.contains(&1),
        national_code: found.contains(&2),
        number: found.contains(&3),
    })
}

fn purse(
    entry: &Entry<'_>,
    club: ClubId,
    world: &WorldRead<'_>,
    ids: &mut Ids<'_>,
) -> Option<Purse> {
    let good = entry.has_good_name();
    let table = entry.value.table(&PURSE)?;
    let (later, kinds): (Vec<_>, Vec<_>) = PurseKind::ALL
        .iter()
        .map(|(kind, name)| (*name, *kind))
        .partition(|(_, kind)| kind.is_pocket());
    let later: Vec<&str> = later.into_iter().map(|(name, _)| name).collect();
    let kind = table.required("kind", |value| value.one_of(&kinds, &later))?;
    let in_points = kind == PurseKind::Points;
    let unit = table.optional("unit", Value::name);
    redeemable(&table, kind);
    if table.optional("warn_before_expiry", span_of_days).is_some() {
        let why = "nobody is told of it in this version";
        not_yet(&table, "warn_before_expiry", why);
    }
    let decimals = table
        .optional("decimals", |value| value.integer(0, 4))
        .unwrap_or(0);
    let decimals = u8::try_from(decimals).unwrap_or(0);
    let worth = |value| worth(value, decimals);
    // A faulty one is told once, not again where the purse is spent.
    let some = table.has("value").then_some(Rate { value: 1, per: 1 });
    let value = table.optional("value", worth).or(some);
    let available = table
        .optional("available", available)
        .unwrap_or(Available::Now);
    let expiry = table.optional("expiry", expiry).unwrap_or(Expiry::Never);
    let spend_at = spend_at(&table, kind, world);
    table.optional("consume", |value| {
        value.one_of(&[("soonest-expiry", ())], &["oldest", "newest"])
    });
    let policies = [
        ("forbid", Negative::Forbid),
        ("recover", Negative::Recover),
        ("allow", Negative::Allow),
    ];
    let negative = table.optional("negative", |value| value.one_of(&policies, &[]));
    let grace = table.optional("restore_grace", span_of_days);
    let step = table.optional("round_rial", positive);
    if !kind.is_money()
        && unit != Some("rial")
        && let Some(value) = table.get("round_rial")
    {
        let title = "`round_rial` is for purses kept in rials";
        value.report(value.fault("R09", title).mend("leave it out"));
    }
    owed_by(&table, kind);
    if !in_points {
        for key in ["value", "decimals"] {
            if let Some(value) = table.get(key) {
                let title = format!("`{key}` is for purses of kind points");
                let fault = value
                    .fault("R03", title)
                    .label("this purse is kept in whole rials");
                value.report(fault.mend("leave it out"));
            }
        }
    }
    let in_rials = kind.is_money() && unit.is_some_and(|unit| unit != "rial");
    let not_in_rials = matches!(kind, PurseKind::Points | PurseKind::Special);
    if in_rials || not_in_rials && unit == Some("rial") {
        let value = table.get("unit")?;
        let title = format!(
            "a purse of kind {} is not kept in \"{}\"",
            kind.name(),
            unit?
        );
        let mend = format!("unit = \"{}\"", usual_unit(kind));
        value.report(value.fault("R03", title).mend(mend));
    }
    let unit = unit.unwrap_or(usual_unit(kind));
    stays_as_it_was(&table, entry.name, club, (kind, unit, decimals), ids);
    good.then_some(())?;
    let id = ids.purse(club, entry.name, kind, unit, decimals);
    Some(Purse {
        id,
        kind,
        unit: if kind.is_money() {
            UnitId::RIAL
        } else {
            UnitId::of_purse(id)
        },
        in_rials: kind.is_money() || unit == "rial",
        redeemable: is_redeemable(&table, kind),
        decimals,
        value,
        available,
        expiry,
        spend_at,
        negative: negative.unwrap_or(match kind {
            PurseKind::MerchantCredit => Negative::Forbid,
            _ => Negative::Recover,
        }),
        step: step.map_or(1, |step| step.max(1)),
        grace_days: grace.map_or(RESTORE_GRACE_DAYS, i32::from),
    })
}

/// What is worth no money is not redeemed, whatever its purse says.
fn is_redeemable(table: &Table<'_>, kind: PurseKind) -> bool {
    let usual = !matches!(kind, PurseKind::Special | PurseKind::Virtual);
    let said = table.get("redeemable");
    usual && said.is_none_or(|value| value.is_true())
}

fn redeemable(table: &Table<'_>, kind: PurseKind) {
    let said = table.optional("redeemable", Value::boolean);
    if let Some(value) = table.get("redeemable")
        && said == Some(true)
        && !is_redeemable(table, kind)
    {
        let title = format!("a purse of kind {} cannot be redeemed", kind.name());
        value.report(value.fault("R09", title).mend("redeemable = false"));
    }
}

fn usual_unit(kind: PurseKind) -> &'static str {
    match kind {
        PurseKind::Points => "point",
        PurseKind::Special => "chance",
        _ => "rial",
    }
}

/// Says that a key is well formed and changes nothing yet.
pub(super) fn not_yet(table: &Table<'_>, key: &'static str, why: &str) {
    if let Some(value) = table.get(key) {
        let note = Fault::note("R02", value.place(), format!("`{key}` changes nothing"));
        value.report(note.label(why));
    }
}

/// Balances exist in what a purse was: its kind, unit and decimals cannot become others.
pub(super) fn stays_as_it_was(
    table: &Table<'_>,
    name: &str,
    club: ClubId,
    (kind, unit, decimals): (PurseKind, &str, u8),
    ids: &Ids<'_>,
) {
    let names = ids.names();
    let Some(id) = names.purse_id(club, name) else {
        return;
    };
    let Some((_, old_kind, old_decimals)) = names.purse_particulars(id) else {
        return;
    };
    let (old_unit, _) = names.unit(names.purse_unit(id));
    let changed = if old_kind != kind {
        ("kind", old_kind.name().to_owned())
    } else if old_decimals != decimals {
        ("decimals", old_decimals.to_string())
    } else if old_unit != unit {
        ("unit", old_unit.to_owned())
    } else {
        return;
    };
    let (key, was) = changed;
    let at = table.get(key).unwrap_or(table.value());
    let title = format!("the {key} of the living purse \"{name}\" cannot change");
    let fault = at.fault("R19", title).label(format!("it was {was}"));
    at.report(fault.mend("give the new purse another name"));
}

/// `{ rial = 150, per_points = 1 }` as rials for smallest units.
fn worth(value: Value<'_>, decimals: u8) -> Option<Rate> {
    let table = value.table(&VALUE)?;
    let rial = table.required("rial", positive);
    let points = table.required("per_points", |value| whole_units(value, decimals));
    Some(Rate {
        value: rial?,
        per: points?,
    })
}

fn available(value: Value<'_>) -> Option<Available> {
    let text = value.text()?;
    let found = match text {
        "now" => Some(Available::Now),
        "next-day" => Some(Available::NextDay),
        _ => counted(text).and_then(|(count, unit)| {
            let count = i32::try_from(count)
                .ok()
                .filter(|count| (1..=3_660).contains(count))?;
            match unit {
                "hour" | "hours" => Some(Available::AfterSeconds(i64::from(count) * 3_600)),
                "day" | "days" => Some(Available::AfterDays(count)),
                _ => None,
            }
        }),
    };
    if found.is_none() {
        let title = format!("`available` cannot be \"{text}\"");
        let fault = value.fault("R03", title);
        value.report(
            fault
                .label("now, next-day, or so many hours or days")
                .mend("\"24 hours\""),
        );
    }
    found
}

pub(super) fn expiry(value: Value<'_>) -> Option<Expiry> {
    let table = value.table(&EXPIRY)?;
    let key = one_key(&table, &["after", "on"], "an expiry says nothing")?;
    let ends = [
        ("end-of-jalali-month", Rounding::EndOfMonth),
        ("end-of-jalali-year", Rounding::EndOfYear),
    ];
    let round = table.optional("round_up_to", |value| value.one_of(&ends, &[]));
    if key == "on" {
        if let Some(value) = table.get("round_up_to") {
            let fault = value.fault("R03", "`round_up_to` goes with `after`");
            value.report(fault.mend("leave it out"));
        }
        return table.optional("on", Value::day).map(Expiry::On);
    }
    let span = table.optional("after", |value| {
        let text = value.text()?;
        let span = counted(text).and_then(|(count, unit)| {
            let count = i32::try_from(count).ok().filter(|count| *count >= 1)?;
            match unit {
                "day" | "days" if count <= 36_600 => Some(Span::Days(count)),
                "jalali-month" | "jalali-months" if count <= 1_200 => Some(Span::Months(count)),
                "jalali-year" | "jalali-years" if count <= 100 => Some(Span::Years(count)),
                _ => None,
            }
        });
        if span.is_none() {
            let title = format!("\"{text}\" is not so many days, jalali-months or jalali-years");
            let fault = value.fault("R03", title);
            let label = "a whole number and a unit; at most a hundred years";
            let mend = match counted(text) {
                Some((count, "month" | "months")) => format!("\"{count} jalali-months\""),
                Some((count, "year" | "years")) => format!("\"{count} jalali-years\""),
                _ => "\"180 days\"".to_owned(),
            };
            value.report(fault.label(label).mend(mend));
        }
        span
    });
    Some(Expiry::After(span?, round.unwrap_or(Rounding::None)))
}

/// Credit that a shop owes is kept shop by shop, every other purse is not: where it can be spent follows.
fn spend_at(table: &Table<'_>, kind: PurseKind, world: &WorldRead<'_>) -> SpendAt {
    let of_shop = kind == PurseKind::MerchantCredit;
    let default = if of_shop {
        SpendAt::SameMerchant
    } else {
        SpendAt::Anywhere
    };
    let Some(value) = table.get("spend_at") else {
        return default;
    };
    let same = value.is_text("same-merchant");
    if same != of_shop {
        let fault = if of_shop {
            let fault = value.fault(
                "R09",
                "credit that a shop owes can be spent at that shop only",
            );
            fault.mend("spend_at = \"same-merchant\"")
        } else {
            let title = format!("a purse of kind {} is not kept shop by shop", kind.name());
            value
                .fault("R09", title)
                .mend("name merchant groups, or leave the key out")
        };
        value.report(fault);
        return default;
    }
    if same {
        return SpendAt::SameMerchant;
    }
    places(world, value).map_or(default, SpendAt::Groups)
}

fn owed_by(table: &Table<'_>, kind: PurseKind) {
    let names = [("club", Payer::Club), ("merchant", Payer::Merchant)];
    let owed = table.optional("owed_by", |value| {
        value.one_of(&names, &["operator", "issuer"])
    });
    let right = match kind {
        PurseKind::MerchantCredit => Payer::Merchant,
        _ => Payer::Club,
    };
    let (Some(owed), Some(value)) = (owed, table.get("owed_by")) else {
        return;
    };
    if owed != right {
        let title = format!(
            "a purse of kind {} is not owed by the {}",
            kind.name(),
            value.text().unwrap_or_default()
        );
        let right = names
            .iter()
            .find(|(_, payer)| *payer == right)
            .map_or("", |(name, _)| name);
        value.report(
            value
                .fault("R09", title)
                .mend(format!("owed_by = \"{right}\"")),
        );
    }
}

fn tiers(
    value: Value<'_>,
    purses: &Known<Option<Purse>>,
    club: ClubId,
    names: &mut Known<Option<TierId>>,
    ids: &mut Ids<'_>,
) -> Option<(Vec<Tier>, Option<Tiering>)> {
    let table = value.table(&TIERS)?;
    let tiering = tiering(&table, purses);
    let levels = table.required("level", |value| value.each(Some))?;
    let mut tiers: Vec<Tier> = Vec::new();
    let mut reached = false;
    for (at, value) in levels.into_iter().enumerate() {
        let Some(table) = value.table(&LEVEL) else {
            continue;
        };
        let named = table.need("name").filter(|value| value.name().is_some());
        let by_hand = table.optional("by_hand", Value::boolean).unwrap_or(false);
        let times = table
            .optional("earn_times", Value::times)
            .unwrap_or(Times::ONCE);
        if at == 0
            && by_hand
            && let Some(value) = table.get("by_hand")
        {
            let fault = value.fault("R03", "the first tier is everybody's who has no other");
            value.report(fault.mend("leave `by_hand` out"));
        }
        let highest = tiers.iter().filter_map(|tier| tier.from).max();
        let from = threshold(&table, tiering.as_ref(), purses, highest);
        let Some(named) = named else { continue };
        let name = named.text()?;
        let has_from = FROM.iter().any(|key| table.has(key));
        reached |= at > 0 && has_from;
        if at > 0 && !by_hand && !has_from {
            let title = format!("nobody can reach the tier \"{name}\"");
            table.report(named.fault("R16", title).mend("by_hand = true"));
        }
        let id = if names.has(name) {
            None
        } else {
            Some(ids.tier(club, name))
        };
        names.add(name, named.place(), named, id);
        tiers.extend(id.map(|id| Tier {
            id,
            earn_times: times,
            from: if at == 0 { Some(0) } else { from },
        }));
    }
    if let Some(value) = table.get("measure").filter(|_| !reached) {
        let fault = Fault::note("R16", value.place(), "nobody changes his tier by this");
        value.report(fault.label("no level says from what amount or count it is reached"));
    }
    Some((tiers, tiering))
}

/// With how much a level is reached.
const FROM: [&str; 3] = ["from_rial", "from_visits", "from_points"];

/// `measure`, `review` and `downgrade`.
fn tiering(table: &Table<'_>, purses: &Known<Option<Purse>>) -> Option<Tiering> {
    let reviews = [("monthly", false), ("yearly", true)];
    let yearly = table.optional("review", |value| value.one_of(&reviews, &[]));
    let falls = [("one-step", true), ("by-balance", false)];
    let one_step = table.optional("downgrade", |value| value.one_of(&falls, &[]));
    let Some(value) = table.get("measure") else {
        for key in ["review", "downgrade"] {
            if let Some(value) = table.get(key) {
                let fault = value.fault("R03", format!("`{key}` goes with `measure`"));
                value.report(fault.mend("leave it out"));
            }
        }
        return None;
    };
    let of = value.table(&MEASURE)?;
    let key = one_key(
        &of,
        &["spent", "visits", "earned"],
        "a measure says nothing",
    )?;
    let (measure, window) = match key {
        "earned" => {
            let purse = of.optional(key, |value| purses.find(value));
            let window = of.required("in", window);
            (Measure::Earned(purse?.as_ref()?.id), window?)
        }
        _ => {
            if let Some(value) = of.get("in") {
                let fault = value.fault("R03", "`in` goes with `earned`");
                value.report(fault.mend("leave it out"));
            }
            let measure = match key {
                "spent" => Measure::Spent,
                _ => Measure::Visits,
            };
            (measure, of.optional(key, window)?)
        }
    };
    Some(Tiering {
        measure,
        window,
        yearly: yearly.unwrap_or(false),
        one_step: one_step.unwrap_or(true),
    })
}

/// With how much a level is reached; more than any before it.
fn threshold(
    table: &Table<'_>,
    tiering: Option<&Tiering>,
    purses: &Known<Option<Purse>>,
    highest: Option<i64>,
) -> Option<i64> {
    let measured = tiering.and_then(|tiering| match tiering.measure {
        Measure::Earned(purse) => purses.meanings().flatten().find(|known| known.id == purse),
        _ => None,
    });
    // Beside a measure that counts something else it is refused below, whatever it says.
    let decimals = measured.map_or(4, |purse| purse.decimals);
    let rials = table.optional("from_rial", |value| value.rials().map(|rials| rials.0));
    let visits = table.optional("from_visits", |value| value.integer(0, 1_000_000));
    let points = table.optional("from_points", |value| whole_units(value, decimals));
    let right = match tiering.map(|tiering| tiering.measure) {
        Some(Measure::Spent) => Some("from_rial"),
        Some(Measure::Visits) => Some("from_visits"),
        Some(Measure::Earned(_)) => Some("from_points"),
        None => None,
    };
    for key in FROM {
        let Some(value) = table.get(key).filter(|_| right != Some(key)) else {
            continue;
        };
        let (title, mend) = match right {
            None => (
                format!("`{key}` needs a measure"),
                "add to the tiers  measure = { spent = \"365 days\" }".to_owned(),
            ),
            Some(right) => (
                format!("`{key}` does not fit what the tiers measure"),
                format!("write it as `{right}`"),
            ),
        };
        value.report(value.fault("R09", title).mend(mend));
        return None;
    }
    let (key, from) = match (rials, visits) {
        (Some(from), _) => ("from_rial", from),
        (None, Some(from)) => ("from_visits", from),
        (None, None) => ("from_points", points?),
    };
    if let Some(below) = highest.filter(|below| from <= *below && from > 0) {
        let value = table.get(key)?;
        let fault = value.fault("R10", "levels must rise");
        let below = match measured {
            Some(purse) => pointed(below, purse.decimals),
            None => Rials(below).to_string(),
        };
        let label = format!("a level before it is reached with {below}");
        value.report(
            fault
                .label(label)
                .mend("put the levels in the order of their amounts"),
        );
        return None;
    }
    Some(from)
}

fn stacks(table: &Table<'_>) -> (Stack, Stack) {
    let modes = [
        ("all", Stack::All),
        ("first", Stack::First),
        ("best-for-member", Stack::Best),
    ];
    let stack = table.optional("stack", |value| value.table(&STACK));
    let mode = |key| {
        let table = stack?.optional(key, |value| value.table(&STACK_MODE))?;
        table.required("mode", |value| value.one_of(&modes, &[]))
    };
    let discount = mode("discount").unwrap_or(Stack::Best);
    (discount, mode("accrue").unwrap_or(Stack::All))
}

fn redeem<'f>(
    value: Value<'f>,
    purses: &Known<Option<Purse>>,
    conditions: &Conditions<'_, 'f>,
) -> Option<RedeemTerms> {
    let table = value.table(&REDEEM)?;
    let when = conditions.when(&table);
    no_event(&table, when.as_ref(), "the redemption");
    let say = line(&table);
    let from = table.required("from", |value| {
        let mut from: Vec<PurseId> = Vec::new();
        for value in value.each(Some)? {
            let Some(Some(purse)) = purses.find(value) else {
                continue;
            };
            let name = value.text()?;
            if from.contains(&purse.id) {
                let fault = value.fault("R13", format!("the purse \"{name}\" stands twice"));
                value.report(fault.mend("take one out"));
            } else if !purse.redeemable {
                let title = format!("the purse \"{name}\" cannot be redeemed");
                let fault = value.fault("R13", title);
                value.report(fault.mend("take it out"));
            } else if purse.kind == PurseKind::Points && purse.value.is_none() {
                let title = format!("the points of the purse \"{name}\" have no value");
                let fault = value.fault("R13", title);
                value
                    .report(fault.mend("add to the purse  value = { rial = 150, per_points = 1 }"));
            } else {
                from.push(purse.id);
            }
        }
        Some(from)
    });
    let ways = [("on-request", false), ("automatic", true)];
    let automatic = table.optional("how", |value| value.one_of(&ways, &[]));
    let pin = table.optional("pin", Value::boolean);
    let at_most = table.optional("at_most", Value::percent);
    let least = table.optional("min_rial", Value::rials);
    let min = least.unwrap_or(Rials::ZERO);
    let step = table
        .optional("step_rial", Value::rials)
        .unwrap_or(Rials::ZERO);
    if step > min
        && least.is_some() == table.has("min_rial")
        && let Some(value) = table.get("step_rial")
    {
        let fault = value.fault("R13", "`step_rial` is more than `min_rial`");
        let label = format!("the least to redeem is {min}");
        value.report(
            fault
                .label(label)
                .mend(format!("min_rial = {}", written(step))),
        );
    }
    let not_mcc = table.optional("not_mcc", |value| value.each(mcc));
    let member_day_max = table.optional("per_member", |value| {
        let table = value.table(&PER_MEMBER)?;
        let later = ["week", "jalali-month", "jalali-year"];
        let window = table.required("window", |value| value.one_of(&[("day", ())], &later));
        let max = table.required("max_rial", Value::rials);
        window.and(max)
    });
    let refunds = [("pro-rata", ())];
    let refund = table.optional("refund", |value| {
        value.one_of(&refunds, &["purse-first", "card-first"])
    });
    if refund.is_some() {
        let why = "a part of a purchase is not refunded in this version";
        not_yet(&table, "refund", why);
    }
    let mut not_mcc = not_mcc.unwrap_or_default();
    not_mcc.sort_unstable();
    not_mcc.dedup();
    Some(RedeemTerms {
        elsewhere: None,
        from: from?,
        automatic: automatic.unwrap_or(false),
        // Points are money: who says nothing about the PIN wants it.
        pin: pin.unwrap_or(true),
        at_most: at_most.unwrap_or(Percent::ALL),
        min,
        step,
        not_mcc,
        member_day_max,
        when: when?,
        say,
    })
}

fn split<'f>(
    value: Value<'f>,
    conditions: &Conditions<'_, 'f>,
    names: &mut Known<()>,
) -> Option<Split> {
    let table = value.table(&SPLIT)?;
    let name = table.required("name", |value| {
        let name = value.name()?;
        names.add(name, value.place(), value, ());
        Some(name)
    });
    let when = conditions.when(&table);
    no_event(&table, when.as_ref(), "a split");
    let of = table.optional("of", |value| value.one_of(&BASES, &[]));
    table.optional("round", |value| {
        value.one_of(&[("down", ())], &["up", "nearest"])
    });
    table.optional("if_missing", |value| {
        value.one_of(&[("to-rest", ())], &["to-club"])
    });
    let min_part = table.optional("min_part_rial", Value::rials);
    let parts = table.required("part", |value| parts(value, name.unwrap_or("")));
    Some(Split {
        name: name?.to_owned(),
        when: when?,
        of: of.unwrap_or(Base::Gross),
        parts: parts?,
        min_part: min_part.unwrap_or(Rials::ZERO),
    })
}

/// Parts that give away everything, once.
fn parts(value: Value<'_>, split: &str) -> Option<Vec<(Party, Part)>> {
    // Credit that a shop funds is an accrual with `funded_by`, not a part that the split hands out.
    let parties: Vec<(&str, Party)> = Party::ALL
        .into_iter()
        .filter(|(party, _)| *party != Party::HolderSaving)
        .map(|(party, name)| (name, party))
        .collect();
    let mut parts: Vec<(Party, Part)> = Vec::new();
    let mut good = true;
    let (mut sum, mut over) = (0, None);
    for value in value.each(Some)? {
        let Some(table) = value.table(&PART) else {
            good = false;
            continue;
        };
        let to = table.required("to", |v| {
            v.one_of(&parties, &["operator", "member", "holder-saving"])
        });
        let key = one_key(
            &table,
            &["percent", "fixed_rial", "rest"],
            "a part gets nothing",
        );
        let part = key.and_then(|key| part(&table, key));
        let (Some(to), Some(part), Some(key)) = (to, part, key) else {
            good = false;
            continue;
        };
        let fault = if parts.iter().any(|(party, _)| *party == to) {
            let title = format!("\"{}\" stands twice in the split \"{split}\"", to.name());
            let at = table.get("to").unwrap_or(value);
            Some(at.fault("R12", title).mend("make one part of the two"))
        } else if part == Part::Rest && parts.iter().any(|(_, part)| *part == Part::Rest) {
            let title = format!("two parts of the split \"{split}\" take the rest");
            let at = table.get("rest").unwrap_or(value);
            Some(at.fault("R12", title).mend("give one of them a percent"))
        } else {
            None
        };
        if let Some(fault) = fault {
            value.report(fault);
            good = false;
        }
        if let Part::Percent(percent) = part {
            sum += percent.millionths();
            if sum > Percent::ALL.millionths() && over.is_none() {
                over = table.get(key);
            }
        }
        parts.push((to, part));
    }
    good.then_some(())?;
    let fault = check_sum(value, over, split, &parts, sum);
    let faulty = fault.is_some();
    fault.into_iter().for_each(|fault| value.report(fault));
    (!faulty).then_some(parts)
}

fn part(table: &Table<'_>, key: &str) -> Option<Part> {
    match key {
        "percent" => table.optional("percent", Value::percent).map(Part::Percent),
        "fixed_rial" => table.optional("fixed_rial", Value::rials).map(Part::Fixed),
        _ => match table.optional("rest", Value::boolean)? {
            true => Some(Part::Rest),
            false => {
                table.report(
                    table
                        .fault("R02", "a part gets nothing")
                        .mend("rest = true"),
                );
                None
            }
        },
    }
}

/// What is wrong with the whole of the parts, if anything.
fn check_sum(
    value: Value<'_>,
    over: Option<Value<'_>>,
    split: &str,
    parts: &[(Party, Part)],
    sum: u32,
) -> Option<Fault> {
    let has = |wanted: fn(&Part) -> bool| parts.iter().any(|(_, part)| wanted(part));
    let rest = has(|part| *part == Part::Rest);
    let whole = Percent::ALL.millionths();
    let told = parts.iter().filter_map(|(party, part)| match part {
        Part::Percent(percent) => Some(format!("{} {}", party.name(), shown(percent.millionths()))),
        _ => None,
    });
    let told = told.collect::<Vec<_>>().join(", ");
    let take_rest = "or write the merchant's part as   { to = \"merchant\", rest = true }\n\
                     so that he takes what is left and the odd rials";
    if parts.len() > PARTS_MAX {
        let title = format!("the split \"{split}\" has {} parts", parts.len());
        return Some(
            value
                .fault("R12", title)
                .label(format!("the most is {PARTS_MAX}")),
        );
    }
    if sum > whole {
        let title = format!(
            "the split \"{split}\" gives away {} of the purchase",
            shown(sum)
        );
        let fault = over.unwrap_or(value).fault("R12", title);
        return Some(
            fault
                .label(format!("this part makes the sum {}", shown(sum)))
                .why(format!("the parts are {told}"))
                .mend(format!(
                    "lower one part by {}, {take_rest}",
                    shown(sum - whole)
                )),
        );
    }
    if rest {
        return None;
    }
    if has(|part| matches!(part, Part::Fixed(_))) {
        let title = format!("the split \"{split}\" has a fixed part and nobody who takes the rest");
        let fault = value.fault("R12", title);
        return Some(
            fault.mend("write the merchant's part as   { to = \"merchant\", rest = true }"),
        );
    }
    if sum < whole {
        let title = format!(
            "the split \"{split}\" gives away only {} of the purchase",
            shown(sum)
        );
        let fault = value
            .fault("R12", title)
            .why(format!("the parts are {told}"));
        let mend = format!("raise one part by {}, {take_rest}", shown(whole - sum));
        return Some(fault.mend(mend));
    }
    None
}

fn fee(value: Value<'_>, world: &WorldRead<'_>) -> Option<Fee> {
    let table = value.table(&FEE)?;
    let of = table.optional("of", |value| value.one_of(&BASES, &[]));
    let percent = table.required("percent", Value::percent);
    let min = table
        .optional("min_rial", Value::rials)
        .unwrap_or(Rials::ZERO);
    let max = table.optional("max_rial", Value::rials);
    if max.is_some_and(|max| max < min)
        && let Some(value) = table.get("max_rial")
    {
        let fault = value.fault("R03", "`max_rial` is less than `min_rial`");
        value.report(fault.mend("exchange them"));
    }
    let payer = table.optional("payer", |value| value.one_of(&PAYER_NAMES, &["member"]));
    table.optional("to", |value| value.one_of(&[("operator", ())], &["club"]));
    table.optional("on_refund", |value| {
        value.one_of(&[("give-back", ())], &["keep"])
    });
    if !world.may_have_operator {
        let fault = table.fault("R08", "there is no operator to take the fee");
        table.report(fault.mend("add [operator] with title, alias and iban to a world file"));
    }
    Some(Fee {
        of: of.unwrap_or(Base::Gross),
        percent: percent?,
        min,
        max,
        payer: payer.unwrap_or(Payer::Club),
    })
}
