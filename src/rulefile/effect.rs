//! What rules give: discounts and accruals.

use super::cap::{caps, hold, note_never};
use super::keys::{ACCRUE, BAND, DISCOUNT, EARN, GIVE, PAYERS};
use super::known::{Ids, Known};
use super::when::Conditions;
use super::when::asks_for_event;
use crate::ledger::{EventId, PurseKind};
use crate::rules::{
    Accrue, Bands, Base, Discount, Earn, For, Give, PaidBy, Payer, Purse, Share, When,
};
use crate::source::{Table, Value, nearest};
use crate::terms::{ClubId, Percent, PurseId, Rate, Rials};

/// What the rules of one club may refer to.
pub(super) struct Scope<'c, 'f> {
    pub(super) club: ClubId,
    pub(super) purses: &'c Known<Option<Purse>>,
    pub(super) conditions: &'c Conditions<'c, 'f>,
}

/// What percents are taken of.
pub(super) const BASES: [(&str, Base); 3] = [
    ("gross", Base::Gross),
    ("net", Base::Net),
    ("paid", Base::Paid),
];

/// Who pays.
pub(super) const PAYER_NAMES: [(&str, Payer); 2] =
    [("merchant", Payer::Merchant), ("club", Payer::Club)];

/// A `[[discount]]`.
pub(super) fn discount<'f>(
    value: Value<'f>,
    scope: &Scope<'_, 'f>,
    rules: &mut Known<()>,
    ids: &mut Ids<'_>,
) -> Option<Discount> {
    let table = value.table(&DISCOUNT)?;
    let name = rule_name(&table, rules);
    table.optional("title", Value::title);
    let when = scope.conditions.when(&table);
    no_event(&table, when.as_ref(), "a discount");
    let given = table.required("give", give);
    let paid_by = table.required("paid_by", paid_by);
    let caps = caps(&table, None);
    let (say, stop) = telling(&table);
    let step = table.optional("round_rial", positive);
    let rebate = rebate(&table, scope, paid_by.as_deref());
    let (give, max) = given?;
    Some(Discount {
        id: ids.rule(scope.club, name?),
        when: when?,
        give,
        max,
        rebate: rebate?,
        step: step.map_or(Rials::ZERO, Rials),
        paid_by: paid_by?,
        caps,
        say: say.map(String::into),
        stop,
    })
}

/// `carry` and `rebate_to`: the purse that a discount is given back into, where it is. `None` where that is faulty.
fn rebate(
    table: &Table<'_>,
    scope: &Scope<'_, '_>,
    paid_by: Option<&[PaidBy]>,
) -> Option<Option<PurseId>> {
    let ways = [("reduce-amount", false), ("rebate", true)];
    let carry = table.optional("carry", |value| value.one_of(&ways, &[]));
    let to = table.optional("rebate_to", |value| scope.purses.find(value));
    let value = match (carry.unwrap_or(false), table.get("rebate_to")) {
        (false, None) => return Some(None),
        (false, Some(value)) => {
            let fault = value.fault("R03", "`rebate_to` goes with `carry = \"rebate\"`");
            value.report(fault.mend("carry = \"rebate\""));
            return None;
        }
        (true, None) => {
            let value = table.get("carry")?;
            let fault = value.fault("R02", "a rebate goes into no purse");
            value.report(fault.mend("add `rebate_to` with a purse kept in rials"));
            return None;
        }
        (true, Some(value)) => value,
    };
    let purse = to?.as_ref()?;
    let by_club = |paid: &PaidBy| paid.payer == Payer::Club;
    let (title, mend) = match purse.kind {
        PurseKind::ClubCredit => return Some(Some(purse.id)),
        PurseKind::MerchantCredit if !paid_by?.iter().any(by_club) => return Some(Some(purse.id)),
        PurseKind::MerchantCredit => (
            "credit that the shop owes must be paid by the shop".to_owned(),
            "paid_by = { merchant = \"100%\" }",
        ),
        kind => (
            format!("a rebate does not fit a purse of kind {}", kind.name()),
            "name a purse of kind club-credit or merchant-credit",
        ),
    };
    value.report(value.fault("R09", title).mend(mend));
    None
}

/// An `[[accrue]]`.
pub(super) fn accrue<'f>(
    value: Value<'f>,
    scope: &Scope<'_, 'f>,
    above: &Accruals<'f>,
    rules: &mut Known<()>,
    ids: &mut Ids<'_>,
) -> Option<(&'f str, Accrue)> {
    let table = value.table(&ACCRUE)?;
    let name = rule_name(&table, rules);
    table.optional("title", Value::title);
    let mut when = scope.conditions.when(&table);
    let event = event(&table, when.as_mut(), scope, ids);
    let base = table.optional("base", |v| v.one_of(&BASES, &[]));
    let funded_by = table.required("funded_by", |v| {
        v.one_of(&PAYER_NAMES, &["operator", "issuer"])
    });
    let hold = table.optional("hold", |v| hold(v, scope.club, ids));
    let (say, stop) = telling(&table);
    let earned = table.required("earn", |v| earn(v, scope.purses, above, name));
    let (purse, earn, tiered, whose) = earned?;
    if matches!(earn, Earn::Times(..))
        && let Some(value) = table.get("base")
    {
        let fault = value.fault("R03", "`base` does not go with `times`");
        value.report(
            fault
                .label("the base is that of the other rule")
                .mend("leave it out"),
        );
    }
    let caps = caps(&table, (!purse.in_rials).then_some(purse.decimals));
    let gift = match &earn {
        Earn::Fixed(amount) if !tiered => Some(*amount),
        _ => None,
    };
    note_never(&table, &caps, gift);
    if purse.kind == PurseKind::MerchantCredit && funded_by == Some(Payer::Club) {
        let value = table.get("funded_by")?;
        let fault = value.fault(
            "R09",
            "credit that the shop owes must be funded by the shop",
        );
        value.report(
            fault
                .label("the purse is of kind merchant-credit")
                .mend("funded_by = \"merchant\""),
        );
        return None;
    }
    check_other(&table, purse, whose, funded_by);
    if event.is_some() {
        check_event(&table, (purse, &earn, whose), funded_by);
    }
    let name = name?;
    let rule = Accrue {
        id: ids.rule(scope.club, name),
        when: when?,
        base: base.unwrap_or(Base::Paid),
        purse: purse.id,
        earn,
        tiered,
        event,
        whose,
        funded_by: funded_by?,
        caps,
        hold,
        say: say.map(String::into),
        stop,
    };
    Some((name, rule))
}

/// The event at which a rule earns.
fn event(
    table: &Table<'_>,
    when: Option<&mut When>,
    scope: &Scope<'_, '_>,
    ids: &mut Ids<'_>,
) -> Option<EventId> {
    let when = when?;
    if asks_for_event(when, true) {
        let value = table.get("when")?;
        let fault = value.fault("R03", "`event` cannot stand in `any` or `not`");
        value.report(fault.mend("write a rule of its own for the event"));
    }
    when.name_events(|at| ids.event(scope.club, &scope.conditions.event(at)));
    when.event()
}

/// Only an accrual can wait for an event.
pub(super) fn no_event(table: &Table<'_>, when: Option<&When>, what: &str) {
    let Some((when, value)) = when.zip(table.get("when")) else {
        return;
    };
    if asks_for_event(when, false) || asks_for_event(when, true) {
        let fault = value.fault(
            "R09",
            format!("{what} is of a purchase, and an event is none"),
        );
        value.report(fault.mend("ask for the event in an accrual"));
    }
}

/// What is wrong with earning for somebody who is no member: his account has neither lots nor a shop.
fn check_other(table: &Table<'_>, purse: &Purse, whose: For, funded_by: Option<Payer>) {
    if matches!(whose, For::Member | For::Introducer) {
        return;
    }
    let earn = table.get("earn").and_then(|earn| earn.member("to"));
    let (at, title, mend) = if purse.kind == PurseKind::MerchantCredit {
        let title = "only a member has credit that a shop owes";
        (earn, title, "earn into another purse")
    } else if table.has("hold") {
        let title = "only what a member earns can wait for an event";
        (table.get("hold"), title, "leave `hold` out")
    } else if whose == For::Merchant && funded_by == Some(Payer::Merchant) {
        let title = "the shop would pay for what it earns itself";
        (table.get("funded_by"), title, "funded_by = \"club\"")
    } else {
        return;
    };
    if let Some(value) = at {
        value.report(value.fault("R09", title).mend(mend));
    }
}

/// What an event gives is fixed, and the club's.
fn check_event(
    table: &Table<'_>,
    (purse, earn, whose): (&Purse, &Earn, For),
    funded_by: Option<Payer>,
) {
    let (key, title, mend) = if matches!(whose, For::Merchant | For::Staff) {
        (
            "earn",
            "an event happens at no shop: there is nobody there to earn",
            "for = \"marketer\"   is who enrolled the member",
        )
    } else if !matches!(earn, Earn::Fixed(_)) {
        (
            "earn",
            "at an event nothing is bought: a share of it is nothing",
            "fixed = \"100\"   or   fixed_rial = 10_000",
        )
    } else if purse.kind == PurseKind::MerchantCredit {
        (
            "earn",
            "an event happens at no shop, whose credit this would be",
            "earn into another purse",
        )
    } else if funded_by == Some(Payer::Merchant) {
        (
            "funded_by",
            "an event happens at no shop, which could pay for it",
            "funded_by = \"club\"",
        )
    } else {
        return;
    };
    if let Some(value) = table.get(key) {
        value.report(value.fault("R09", title).mend(mend));
    }
}

/// The name of a rule, which no other rule of the club has.
fn rule_name<'f>(table: &Table<'f>, rules: &mut Known<()>) -> Option<&'f str> {
    let value = table.need("name")?;
    let name = value.name()?;
    rules.add(name, value.place(), value, ());
    Some(name)
}

pub(super) fn give(value: Value<'_>) -> Option<(Give, Option<Rials>)> {
    let table = value.table(&GIVE)?;
    let max = table.optional("max_rial", Value::rials);
    let key = one_key(
        &table,
        &["percent", "fixed_rial", "bands"],
        "a discount gives nothing",
    )?;
    no_bands_apply(&table, key);
    let give = match key {
        "percent" => Give::Percent(table.optional("percent", Value::percent)?),
        "fixed_rial" => Give::Fixed(table.optional("fixed_rial", Value::rials)?),
        _ => Give::Bands(Box::new(bands(&table)?)),
    };
    Some((give, max))
}

/// The accruals of a club that were read, and the names of all of them.
pub(super) struct Accruals<'f> {
    names: Vec<&'f str>,
    read: Vec<(&'f str, Accrue)>,
}

impl<'f> Accruals<'f> {
    pub(super) fn new(values: &[Value<'f>]) -> Accruals<'f> {
        let name = |value: &Value<'f>| value.member("name")?.text_if_any();
        Accruals {
            names: values.iter().filter_map(name).collect(),
            read: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, rule: Option<(&'f str, Accrue)>) {
        self.read.extend(rule);
    }

    pub(super) fn done(self) -> Vec<Accrue> {
        self.read.into_iter().map(|(_, rule)| rule).collect()
    }

    /// The place of the rule that `of` names.
    fn above(&self, value: Value<'_>, own: Option<&str>) -> Option<usize> {
        let name = value.text()?;
        if let Some(at) = self.read.iter().position(|(known, _)| *known == name) {
            return Some(at);
        }
        let known = self.names.contains(&name);
        let fault = if own == Some(name) {
            let title = format!("the rule \"{name}\" earns by itself");
            value
                .fault("R15", title)
                .label("here the circle closes")
                .mend("name a rule above this one")
        } else if known {
            let title = format!("the rule \"{name}\" does not stand above this one");
            value
                .fault("R15", title)
                .label("a rule earns by one above it, so that none goes in a circle")
                .mend("put this rule below it")
        } else {
            let names = self.names.iter().copied().filter(|near| Some(*near) != own);
            value
                .fault("R08", format!("there is no accrual \"{name}\""))
                .meant(nearest(name, names))
        };
        value.report(fault);
        None
    }
}

/// `say` and `stop`.
fn telling(table: &Table<'_>) -> (Option<String>, bool) {
    let say = line(table);
    let stop = table.optional("stop", Value::boolean);
    (say, stop.unwrap_or(false))
}

/// `say`: a line of the receipt.
pub(super) fn line(table: &Table<'_>) -> Option<String> {
    table.optional("say", |value| {
        let text = value.title()?;
        let fits = text.chars().count() <= LINE_SIGNS && !text.chars().any(char::is_control);
        if !fits {
            let fault = value.fault("R03", "this is no line of a receipt");
            let label = format!("one line of at most {LINE_SIGNS} signs");
            value.report(fault.label(label).mend("make it shorter"));
        }
        fits.then(|| text.to_owned())
    })
}

/// The width of a paper receipt.
const LINE_SIGNS: usize = 40;

fn earn<'p>(
    value: Value<'_>,
    purses: &'p Known<Option<Purse>>,
    above: &Accruals<'_>,
    own: Option<&str>,
) -> Option<(&'p Purse, Earn, bool, For)> {
    let table = value.table(&EARN)?;
    let purse = table.required("to", |v| purses.find(v));
    let tiered = table.optional("tiered", Value::boolean).unwrap_or(false);
    let people = [
        ("member", For::Member),
        ("introducer", For::Introducer),
        ("merchant", For::Merchant),
        ("staff", For::Staff),
        ("marketer", For::Marketer),
    ];
    let whose = table.optional("for", |v| v.one_of(&people, &[]));
    let whose = whose.unwrap_or(For::Member);
    let keys = [
        "points",
        "percent",
        "fixed",
        "fixed_rial",
        "bands",
        "chances",
        "times",
    ];
    let key = one_key(&table, &keys, "an accrual earns nothing")?;
    no_bands_apply(&table, key);
    if !matches!(key, "points" | "chances")
        && let Some(value) = table.get("per_rial")
    {
        let fault = value.fault("R03", "`per_rial` goes with `points`");
        value.report(fault.mend("leave it out"));
    }
    if key != "times"
        && let Some(value) = table.get("of")
    {
        let fault = value.fault("R03", "`of` goes with `times`");
        value.report(fault.mend("leave it out"));
    }
    let purse = purse?.as_ref()?;
    let fits = match key {
        "times" => true,
        "chances" => purse.kind == PurseKind::Special,
        "points" => !purse.in_rials && purse.kind != PurseKind::Special,
        "fixed" => !purse.in_rials,
        _ => purse.in_rials,
    };
    if !fits {
        let value = table.get(key)?;
        let (kind, mend) = if purse.kind == PurseKind::Special {
            (
                "chances",
                "chances = 1, per_rial = 1_000_000   or   fixed = \"1\"",
            )
        } else if !purse.in_rials {
            (
                "points",
                "points = 1, per_rial = 10_000   or   fixed = \"100\"",
            )
        } else {
            ("rials", "percent = \"1%\"   or   fixed_rial = 10_000")
        };
        let title = format!("`{key}` does not fit a purse kept in {kind}");
        value.report(value.fault("R09", title).mend(mend));
        return None;
    }
    let earn = match key {
        "points" => {
            let points = table.optional("points", |v| whole_units(v, purse.decimals));
            let per = table.required("per_rial", positive);
            Earn::Per(Rate {
                value: points?,
                per: per?,
            })
        }
        "chances" => {
            let chances = table.optional("chances", |v| v.integer(1, 1_000_000));
            let per = table.required("per_rial", positive);
            Earn::Per(Rate {
                value: chances?,
                per: per?,
            })
        }
        "times" => {
            let times = table.optional("times", Value::times);
            let of = table.required("of", |v| above.above(v, own))?;
            let (name, rule) = &above.read[of];
            if rule.purse != purse.id || rule.whose != whose {
                let value = table.get("of")?;
                let title = format!("the rule \"{name}\" earns into another purse");
                let fault = value.fault("R09", title);
                value.report(
                    fault.mend("name a rule that earns into the same purse, for the same person"),
                );
                return None;
            }
            Earn::Times(times?, of)
        }
        "fixed" => Earn::Fixed(table.optional("fixed", |v| whole_units(v, purse.decimals))?),
        "fixed_rial" => Earn::Fixed(table.optional("fixed_rial", positive)?),
        "percent" => Earn::Percent(table.optional("percent", Value::percent)?),
        _ => Earn::Bands(bands(&table)?),
    };
    Some((purse, earn, tiered, whose))
}

/// The one of some keys that stands in a table.
pub(super) fn one_key(
    table: &Table<'_>,
    keys: &[&'static str],
    nothing: &str,
) -> Option<&'static str> {
    let mut found = keys.iter().copied().filter(|key| table.has(key));
    let Some(first) = found.next() else {
        let fault = table.fault("R02", nothing);
        table.report(fault.mend(format!("add one of {}", keys.join(", "))));
        return None;
    };
    if let Some(second) = found.next() {
        let value = table.get(second)?;
        let title = format!("`{first}` and `{second}` cannot stand together");
        value.report(value.fault("R03", title).mend("keep one of them"));
        return None;
    }
    Some(first)
}

fn no_bands_apply(table: &Table<'_>, key: &str) {
    if key != "bands"
        && let Some(value) = table.get("bands_apply")
    {
        let fault = value.fault("R03", "`bands_apply` goes with `bands`");
        value.report(fault.mend("leave it out"));
    }
}

/// `bands` with `bands_apply`.
fn bands(table: &Table<'_>) -> Option<Bands> {
    let each_part = table.optional("bands_apply", |v| {
        v.one_of(&[("to-each-part", true), ("to-whole-amount", false)], &[])
    });
    let value = table.need("bands")?;
    let mut steps: Vec<(Rials, Percent)> = Vec::new();
    let mut good = true;
    for value in value.each(Some)? {
        let table = value.table(&BAND);
        let from = table.and_then(|table| table.required("from_rial", Value::rials));
        let percent = table.and_then(|table| table.required("percent", Value::percent));
        let (Some(table), Some(from), Some(percent)) = (table, from, percent) else {
            good = false;
            continue;
        };
        let place = table.get("from_rial").unwrap_or(value);
        let fault = match steps.last() {
            None if !from.is_zero() => place
                .fault("R10", "the first band must begin at 0")
                .label(format!("below {from} nothing is said"))
                .mend("from_rial = 0"),
            Some((before, _)) if from <= *before => place
                .fault("R10", "bands must rise")
                .label(format!("the band before begins at {before}"))
                .mend("put the bands in the order of their amounts"),
            _ => {
                steps.push((from, percent));
                continue;
            }
        };
        place.report(fault);
        steps.push((from, percent));
        good = false;
    }
    good.then_some(Bands {
        steps,
        each_part: each_part.unwrap_or(true),
    })
}

/// `{ merchant = "60%", club = "rest" }`.
fn paid_by(value: Value<'_>) -> Option<Vec<PaidBy>> {
    let table = value.table(&PAYERS)?;
    let mut payers = Vec::new();
    let (mut sum, mut rests) = (0, 0);
    for (key, payer) in PAYER_NAMES {
        let Some(value) = table.get(key) else {
            continue;
        };
        let share = if value.is_text("rest") {
            rests += 1;
            Share::Rest
        } else {
            let percent = value.percent()?;
            sum += percent.millionths();
            Share::Percent(percent)
        };
        payers.push(PaidBy { payer, share });
    }
    let whole = Percent::ALL.millionths();
    let fault = if payers.is_empty() {
        let fault = value.fault("R11", "nobody pays for this discount");
        fault.mend("paid_by = { club = \"100%\" }")
    } else if rests > 1 {
        let fault = value.fault("R11", "two payers cannot both take the rest");
        fault.mend("give one of them a percent")
    } else if sum > whole || (rests == 0 && sum < whole) {
        let title = format!("the payers' parts make {}, not 100%", shown(sum));
        let fault = value.fault("R11", title);
        fault.mend("let the parts make 100%, or write \"rest\" for one of them")
    } else {
        return Some(payers);
    };
    value.report(fault);
    None
}

/// Millionths as a percent, also over 100 %.
pub(super) fn shown(millionths: u32) -> String {
    let text = format!("{}.{:04}", millionths / 10_000, millionths % 10_000);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Rials as a file writes them, `50_000`.
pub(super) fn written(rials: Rials) -> String {
    rials.to_string().replace(',', "_")
}

/// Rials above zero.
pub(super) fn positive(value: Value<'_>) -> Option<i64> {
    let Rials(rials) = value.rials()?;
    if rials > 0 {
        return Some(rials);
    }
    let title = format!("`{}` must be above 0", value.key());
    value.report(value.fault("R03", title));
    None
}

/// Points above zero as a number or in quotes, in the smallest unit of a purse.
pub(super) fn whole_units(value: Value<'_>, decimals: u8) -> Option<i64> {
    let text = value.raw().trim_matches(['"', '\'']).replace('_', "");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let number = !whole.is_empty() && whole.len() <= 12 && digits(whole) && digits(part);
    let places = usize::from(decimals);
    if !number || value.is_float() {
        let title = format!("`{}` must be a number of points", value.key());
        let mend = if value.is_float() { &text } else { "100" };
        let fault = value
            .fault("R03", title)
            .label("a whole number, or a decimal one in quotes");
        value.report(fault.mend(format!("{} = \"{mend}\"", value.key())));
        return None;
    }
    let part = part.trim_end_matches('0');
    if part.len() > places {
        let title = format!("{text} has more decimals than the purse");
        let fault = value.fault("R09", title);
        value.report(fault.label(format!("the purse keeps {decimals}")));
        return None;
    }
    let units = format!("{whole}{part:0<places$}").parse().ok();
    let units = units.filter(|units| *units > 0);
    if units.is_none() {
        let title = format!("`{}` must be above 0", value.key());
        value.report(value.fault("R03", title));
    }
    units
}
