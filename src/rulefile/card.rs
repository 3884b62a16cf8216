//! The card files: one card product a file, with the pockets that are on it. They are checked wholly; what rules take from
//! them is by which cards a product is known (`card_products`). Pockets do not pay yet.

use std::cmp::Ordering;

use super::clearing::{Clubs, purse_of};
use super::club::expiry;
use super::effect::{Scope, discount, give, positive, whole_units, written};
use super::keys::{
    BILL, BONUS, CARD, CARD_FILE, CONVERSION, CONVERT, CONVERT_DAYS, GRANT, GUEST_CARD,
    INSTALLMENTS, INTRODUCER_EARNS, LIMIT, LOAD, PER_DAY, POCKET, VOUCHER,
};
use super::known::{Ids, Known};
use super::list;
use super::span::counted_in;
use super::when::{Conditions, bin, places};
use super::world::{WorldRead, check_format, code};
use crate::rules::Roster;
use crate::source::{Entry, Fault, FaultLog, File, Table, Value};
use crate::terms::{Bin, ClubId, Rials, Token};

/// Conversions of one card: all circles of them are looked at.
const CONVERTS_MAX: usize = 32;
/// The most of either side of a conversion.
const CONVERT_MOST: i64 = 1_000_000;
/// In `pay_order`: the holder's own account at the issuer.
const BANK: &str = "bank";

/// By which cards a product is known: by their first digits, or by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Product {
    pub(super) bins: Vec<Bin>,
    pub(super) cards: Vec<Token>,
}

/// What a pocket is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Bon,
    Gift,
    Prepaid,
    CreditLine,
}

use Kind::{Bon, CreditLine, Gift, Prepaid};

const KINDS: [(&str, Kind); 4] = [
    ("bon", Bon),
    ("gift", Gift),
    ("prepaid", Prepaid),
    ("credit-line", CreditLine),
];

/// Keys of a pocket that only some kinds have.
const FITS: [(&str, &[Kind]); 12] = [
    ("sponsor", &[Bon]),
    ("grant", &[Bon]),
    ("carry_over", &[Bon]),
    ("load", &[Gift, Prepaid]),
    ("bonus", &[Gift, Prepaid]),
    ("consume", &[Gift, Prepaid]),
    ("cash_out", &[Gift, Prepaid]),
    ("reload", &[Gift, Prepaid]),
    ("expiry", &[Bon, Gift, Prepaid]),
    ("limit", &[CreditLine]),
    ("bill", &[CreditLine]),
    ("installments", &[CreditLine]),
];

/// What each kind cannot be without, and who can owe it.
const NEEDS: [(Kind, &str, &[&str]); 4] = [
    (Bon, "sponsor", &["sponsor"]),
    (Gift, "load", &["club", "operator", "issuer"]),
    (Prepaid, "load", &["operator", "club", "issuer"]),
    (CreditLine, "limit", &["holder"]),
];

/// Reads all that does not refer to clubs; the products by name.
pub(super) fn open<'f>(
    files: &[&'f File],
    lists: &[(String, String)],
    world: &WorldRead<'f>,
    complete: bool,
    log: &'f FaultLog,
) -> (Vec<Table<'f>>, Known<Product>) {
    let tables: Vec<Table<'f>> = files
        .iter()
        .filter_map(|file| file.root(log).table(&CARD_FILE))
        .collect();
    let mut products = Known::new("card product", complete);
    let mut ranges: Vec<(Bin, Value<'_>)> = Vec::new();
    for table in &tables {
        check_format(table);
        let mut pockets = Known::new("pocket", true);
        for entry in table.optional("purse", Value::entries).unwrap_or_default() {
            let kind = pocket(&entry, world);
            pockets.add_entry(&entry, kind);
        }
        table.required("card", |value| {
            card(value, lists, world, &pockets, &mut products, &mut ranges)
        });
        converts(table, &pockets);
        table.optional("voucher", |value| voucher(value, &pockets));
    }
    (tables, products)
}

/// Reads the rest of what was opened.
pub(super) fn check<'f>(
    tables: &[Table<'f>],
    world: &WorldRead<'f>,
    clubs: &Clubs<'_>,
    ids: &Ids<'_>,
) {
    for table in tables {
        // Its rules are of no club: whatever numbers they get are forgotten.
        let mut ids = Ids::new(ids.names());
        let (tiers, purses) = (Known::new("tier", true), Known::new("purse", true));
        let conditions = Conditions::new(world, &tiers, &purses, &[]);
        let scope = Scope {
            club: ClubId(u16::MAX),
            purses: &purses,
            conditions: &conditions,
        };
        let mut rules = Known::new("rule", true);
        for value in table.optional("discount", Value::list).unwrap_or_default() {
            discount(value, &scope, &mut rules, &mut ids);
        }
        table.optional("guest_card", |value| guest_card(value, clubs));
    }
}

/// Says of cards without a fault that they change nothing yet.
pub(super) fn note(tables: &[Table<'_>]) {
    for value in tables.iter().filter_map(|table| table.get("card")) {
        let at = value.member("id").unwrap_or(value);
        let title = "this card is checked, and changes nothing by itself";
        let note = Fault::note("R02", at.place(), title);
        let label =
            "its pockets do not pay in this version; rules may ask for it by `card_products`";
        value.report(note.label(label));
    }
}

/// `[card]`.
fn card<'f>(
    value: Value<'f>,
    lists: &[(String, String)],
    world: &WorldRead<'_>,
    pockets: &Known<Option<Kind>>,
    products: &mut Known<Product>,
    ranges: &mut Vec<(Bin, Value<'f>)>,
) -> Option<()> {
    let table = value.table(&CARD)?;
    let id = table
        .need("id")
        .and_then(|value| Some((value.name()?, value)));
    table.required("title", Value::title);
    let bins = table.optional("bins", |value| {
        value.each(|value| {
            let bin = bin(value)?;
            // Every card is of one product: its pockets could not be told apart.
            let both = |(other, _): &&(Bin, _)| other.is_within(bin) || bin.is_within(*other);
            if let Some((_, first)) = ranges.iter().find(both) {
                let fault = value.fault("R07", "these cards belong to a product already");
                let why = format!("the first is at {}", first.place());
                value.report(fault.why(why).mend("keep one of them"));
            }
            Some((bin, value))
        })
    });
    let bins = bins.unwrap_or_default();
    ranges.extend(&bins);
    let cards = table.optional("cards_from", |value| {
        let roster: Roster = list::roster(value, lists)?;
        if !roster.members.is_empty() {
            let fault = value.fault("R09", "a card product is known by its cards");
            let fault = fault.label("this is a list of members");
            value.report(fault.mend("the first line of the list is  token"));
        }
        Some(roster.cards)
    });
    if !table.has("bins") && !table.has("cards_from") {
        let fault = table.fault("R02", "nothing says which cards are of this product");
        table.report(fault.mend("add  bins = [\"999912\"]  or  cards_from = \"lists/cards.csv\""));
    }
    table.required("issuer", |value| world.organisations.find(value).copied());
    let states = ["issued", "suspended", "inactive", "terminated", "void"];
    let states = states.map(|name| (name, ()));
    table.optional("status", |value| value.each(|v| v.one_of(&states, &[])));
    table.optional("pin", Value::boolean);
    table.optional("mixed", Value::boolean);
    table.required("pay_order", |value| pay_order(value, pockets));
    let (name, value) = id?;
    let product = Product {
        bins: bins.into_iter().map(|(bin, _)| bin).collect(),
        cards: cards.unwrap_or_default(),
    };
    products.add(name, value.place(), value, product);
    Some(())
}

/// The pockets in the order in which they pay.
fn pay_order(value: Value<'_>, pockets: &Known<Option<Kind>>) -> Option<()> {
    let mut seen: Vec<&str> = Vec::new();
    let mut good = true;
    for value in value.each(Some)? {
        let name = value.text()?;
        if name != BANK && pockets.find(value).is_none() {
            good = false;
            continue;
        }
        if seen.contains(&name) {
            let fault = value.fault("R13", format!("the pocket \"{name}\" stands twice"));
            value.report(fault.mend("take one out"));
        } else if seen.contains(&BANK) {
            let title = format!("the pocket \"{name}\" will never pay");
            let note = Fault::note("R16", value.place(), title);
            let label = "the bank before it pays whatever is left";
            value.report(note.label(label).mend("put \"bank\" last"));
        }
        seen.push(name);
    }
    for (name, place) in pockets.names().filter(|_| good) {
        if !seen.contains(&name) {
            let title = format!("the pocket \"{name}\" will never pay");
            let note = Fault::note("R16", place.clone(), title);
            let label = "it is not in the `pay_order` of the card";
            value.report(note.label(label).mend("add it there"));
        }
    }
    Some(())
}

/// `[purse.NAME]` of a card.
fn pocket(entry: &Entry<'_>, world: &WorldRead<'_>) -> Option<Kind> {
    entry.has_good_name();
    if entry.name == BANK {
        let title = "no pocket can be called \"bank\"";
        let fault = Fault::error("R07", entry.place.clone(), title);
        let fault = fault.why("in `pay_order` it is the holder's own account");
        entry.value.report(fault.mend("give it another name"));
    }
    let table = entry.value.table(&POCKET)?;
    let kind = table.required("kind", |value| value.one_of(&KINDS, &[]));
    table.optional("title", Value::title);
    table.optional("unit", |value| value.one_of(&[("rial", ())], &[]));
    let owners = ["sponsor", "club", "operator", "issuer", "holder"];
    let owners = owners.map(|name| (name, name));
    let owner = table.required("owed_by", |value| value.one_of(&owners, &[]));
    table.optional("sponsor", |value| world.organisations.find(value).copied());
    table.optional("grant", |value| grant(value, world));
    table.optional("carry_over", Value::boolean);
    table.optional("expiry", expiry);
    table.optional("spend_at", |value| places(world, value));
    table.optional("not_products", |value| value.each(code));
    table.optional("hours", |value| value.each(Value::hours));
    table.optional("per_day", per_day);
    table.optional("load", load);
    table.optional("bonus", bonus);
    let ways = [("bonus-last", ()), ("soonest-expiry", ())];
    table.optional("consume", |value| value.one_of(&ways, &[]));
    table.optional("cash_out", Value::boolean);
    table.optional("reload", Value::boolean);
    table.optional("limit", limit);
    table.optional("bill", bill);
    table.optional("installments", |value| {
        let table = value.table(&INSTALLMENTS)?;
        table.required("count", |value| value.integer(2, 60));
        table.optional("from_rial", positive)
    });
    let (kind, title) = (kind?, table.get("kind")?.text_if_any()?);
    for (key, kinds) in FITS {
        let Some(value) = table.get(key).filter(|_| !kinds.contains(&kind)) else {
            continue;
        };
        let fault = value.fault(
            "R09",
            format!("`{key}` is not for a pocket of kind {title}"),
        );
        value.report(fault.label(of_kinds(kinds)).mend("leave it out"));
    }
    let (_, need, owners) = NEEDS.iter().find(|(known, ..)| *known == kind)?;
    if !table.has(need) {
        let fault = table.fault("R09", format!("a pocket of kind {title} needs `{need}`"));
        let sample = match kind {
            Bon => "name the organisation that gives the money",
            Gift | Prepaid => "add  load = { min_rial = 100_000 }",
            CreditLine => "add  limit = { max_rial = 50_000_000 }",
        };
        table.report(fault.mend(sample));
    }
    if let Some(owner) = owner.filter(|owner| !owners.contains(owner)) {
        let value = table.get("owed_by")?;
        let title = format!("a pocket of kind {title} is not owed by the {owner}");
        let fault = value.fault("R09", title);
        value.report(fault.mend(format!("owed_by = \"{}\"", owners.first()?)));
    }
    Some(kind)
}

/// "it is for bon, gift".
fn of_kinds(kinds: &[Kind]) -> String {
    let of = |kind: &Kind| KINDS.iter().find(|(_, known)| known == kind);
    let names: Vec<&str> = kinds.iter().filter_map(of).map(|(name, _)| *name).collect();
    format!("it is for {}", names.join(", "))
}

/// The days on which something comes every month.
fn monthly(table: &Table<'_>) {
    let every = [("jalali-month", ())];
    table.required("every", |value| value.one_of(&every, &[]));
    table.required("on_day", |value| value.integer(1, 31));
}

fn grant(value: Value<'_>, world: &WorldRead<'_>) -> Option<()> {
    let table = value.table(&GRANT)?;
    table.required("rial", positive);
    monthly(&table);
    let groups = &world.member_groups;
    table.required("to", |value| value.each(|v| groups.find(v)))?;
    Some(())
}

fn per_day(value: Value<'_>) -> Option<()> {
    let table = value.table(&PER_DAY)?;
    table.optional("max_rial", positive);
    table.optional("max_times", |value| value.integer(1, 1_000));
    if !table.has("max_rial") && !table.has("max_times") {
        let fault = table.fault("R02", "a limit without a maximum holds nothing back");
        table.report(fault.mend("add  max_rial = 150_000  or  max_times = 1"));
    }
    Some(())
}

fn load(value: Value<'_>) -> Option<()> {
    let table = value.table(&LOAD)?;
    let ways = [("transfer", ()), ("cash-desk", ()), ("online", ())];
    table.optional("by", |value| value.each(|v| v.one_of(&ways, &[])));
    let [min, max, balance] =
        ["min_rial", "max_rial", "max_balance_rial"].map(|key| table.optional(key, positive));
    let (least, most) = (min.unwrap_or(1), max.unwrap_or(i64::MAX));
    turned(&table, "min_rial", min, "max_rial", max);
    turned(&table, "min_rial", min, "max_balance_rial", balance);
    table.optional("amounts_rial", |value| {
        value.each(|value| {
            let amount = positive(value)?;
            if least <= most && !(least..=most).contains(&amount) {
                let fault = value.fault("R03", "nobody can load this amount");
                let label = match (min, max) {
                    (_, Some(max)) if amount > max => format!("the most is {}", Rials(max)),
                    _ => format!("the least is {}", Rials(least)),
                };
                value.report(fault.label(label).mend("take it out"));
            }
            Some(())
        })
    });
    Some(())
}

/// What should not be more than another is.
fn turned(
    table: &Table<'_>,
    low: &'static str,
    least: Option<i64>,
    high: &'static str,
    most: Option<i64>,
) {
    if let (Some(least), Some(most), Some(value)) = (least, most, table.get(high))
        && most < least
    {
        let fault = value.fault("R03", format!("`{high}` is less than `{low}`"));
        let label = format!("`{low}` is {} rials", Rials(least));
        value.report(
            fault
                .label(label)
                .mend(format!("{high} = {}", written(Rials(least)))),
        );
    }
}

fn bonus(value: Value<'_>) -> Option<()> {
    let table = value.table(&BONUS)?;
    table.required("percent", Value::percent);
    let payers = ["merchant", "club", "operator", "issuer"].map(|name| (name, ()));
    table.required("funded_by", |value| value.one_of(&payers, &[]));
    table.optional("expiry", expiry)?;
    Some(())
}

fn limit(value: Value<'_>) -> Option<()> {
    let table = value.table(&LIMIT)?;
    table.optional("from", |value| value.one_of(&[("member-file", ())], &[]));
    let rials = |value: Value<'_>| value.rials().map(|rials| rials.0);
    let usual = table.optional("default_rial", rials);
    let most = table.required("max_rial", rials);
    turned(&table, "default_rial", usual, "max_rial", most);
    Some(())
}

fn bill(value: Value<'_>) -> Option<()> {
    let table = value.table(&BILL)?;
    monthly(&table);
    table.required("due_after", |value| counted_in(value, &["day"], 400));
    let ways = [("salary-deduction", ())];
    table.required("collect", |value| value.one_of(&ways, &[]))
}

/// So much of one pocket is so much of another.
struct Edge<'f> {
    from: &'f str,
    to: &'f str,
    give: u32,
    get: u32,
    place: Value<'f>,
}

fn converts(table: &Table<'_>, pockets: &Known<Option<Kind>>) {
    let values = table.optional("convert", Value::list).unwrap_or_default();
    if let Some(value) = values.get(CONVERTS_MAX) {
        let title = format!("a card cannot have {} conversions", values.len());
        let fault = value.fault("R14", title);
        value.report(fault.label(format!("the most is {CONVERTS_MAX}")));
    }
    let mut names = Known::new("conversion", true);
    let mut edges = Vec::new();
    for value in values {
        edges.extend(convert(value, pockets, &mut names));
    }
    edges.truncate(CONVERTS_MAX);
    let Some(Circle { way: circle, makes }) = gain(&edges) else {
        return;
    };
    let Some(last) = circle.iter().max().and_then(|at| edges.get(*at)) else {
        return;
    };
    let turn = circle.iter().position(|at| edges[*at].to == last.to);
    let steps = circle.iter().cycle().skip(turn.unwrap_or(0) + 1);
    let way: Vec<&str> = steps.take(circle.len()).map(|at| edges[*at].to).collect();
    let title = format!(
        "converting {} -> {} creates money",
        last.to,
        way.join(" -> ")
    );
    let fault = last.place.fault("R15", title);
    let label = match makes {
        Some((give, get)) => format!("{give} become {get} at every turn"),
        None => "there is more of it at every turn".to_owned(),
    };
    let mend = "give less here, or take one conversion of the circle out";
    last.place.report(fault.label(label).mend(mend));
}

fn convert<'f>(
    value: Value<'f>,
    pockets: &Known<Option<Kind>>,
    names: &mut Known<()>,
) -> Option<Edge<'f>> {
    let table = value.table(&CONVERT)?;
    table.required("name", |value| {
        let name = value.name()?;
        names.add(name, value.place(), value, ());
        Some(())
    });
    let pocket = |value: Value<'f>| {
        let kind = (*pockets.find(value)?)?;
        let name = value.text()?;
        if kind == CreditLine {
            let title = format!("the pocket \"{name}\" is a credit line: nothing is kept in it");
            value.report(value.fault("R09", title).mend("name another pocket"));
            return None;
        }
        Some(name)
    };
    let from = table.required("from", pocket);
    let to = table.required("to", pocket);
    let rate = table.required("rate", |value| {
        let table = value.table(&CONVERSION)?;
        let side = |key| table.required(key, |value| value.integer(1, CONVERT_MOST));
        let (give, get) = (side("give"), side("get"));
        Some((u32::try_from(give?).ok()?, u32::try_from(get?).ok()?))
    });
    table.optional("window", |value| {
        let table = value.table(&CONVERT_DAYS)?;
        let from = table.required("from_day", |value| value.integer(1, 31));
        let to = table.required("to_day", |value| value.integer(1, 31));
        let (from, to) = (from?, to?);
        if to < from {
            let value = table.get("to_day")?;
            let fault = value.fault("R05", "the span ends before it begins");
            let label = format!("day {to} is before day {from}");
            value.report(fault.label(label).mend("exchange `from_day` and `to_day`"));
        }
        Some(())
    });
    table.optional("max_rial", positive);
    let (from, to, (give, get)) = (from?, to?, rate?);
    if from == to {
        let value = table.get("to")?;
        let title = format!("the pocket \"{to}\" is converted into itself");
        value.report(value.fault("R15", title).mend("name another pocket"));
        return None;
    }
    Some(Edge {
        from,
        to,
        give,
        get,
        place: table.get("rate")?,
    })
}

/// What a way along conversions makes of one rial: numerator, denominator, the conversions.
#[derive(Clone)]
struct Way {
    get: Natural,
    give: Natural,
    edges: Vec<usize>,
}

/// Conversions from a pocket back to itself, and what is made of what, where the numbers can be shown.
struct Circle {
    way: Vec<usize>,
    makes: Option<(u128, u128)>,
}

/// The shortest circle that has more at its end than at its beginning.
fn gain(edges: &[Edge<'_>]) -> Option<Circle> {
    let mut pockets: Vec<&str> = edges.iter().map(|edge| edge.from).collect();
    pockets.sort_unstable();
    pockets.dedup();
    let at = |name: &str| pockets.binary_search(&name).ok();
    // The best way of so many conversions from each pocket to each other. A circle that gains and has no shorter one
    // that gains inside it is the best way from one of its pockets to itself.
    let mut best: Vec<Vec<Option<Way>>> = vec![vec![None; pockets.len()]; pockets.len()];
    for (own, row) in best.iter_mut().enumerate() {
        row[own] = Some(Way {
            get: Natural::of(1),
            give: Natural::of(1),
            edges: Vec::new(),
        });
    }
    for _ in 0..pockets.len() {
        for own in 0..pockets.len() {
            let mut next: Vec<Option<Way>> = vec![None; pockets.len()];
            for (number, edge) in edges.iter().enumerate() {
                let (Some(from), Some(to)) = (at(edge.from), at(edge.to)) else {
                    continue;
                };
                let Some(way) = &best[own][from] else {
                    continue;
                };
                let mut way = way.clone();
                way.get = way.get.times(&Natural::of(edge.get));
                way.give = way.give.times(&Natural::of(edge.give));
                way.edges.push(number);
                let better = next[to]
                    .as_ref()
                    .is_none_or(|known| way.get.times(&known.give) > known.get.times(&way.give));
                if better {
                    next[to] = Some(way);
                }
            }
            if let Some(way) = next[own].as_ref().filter(|way| way.get > way.give) {
                let shown = way.give.small().zip(way.get.small()).map(|(give, get)| {
                    let common = common(give, get);
                    (give / common, get / common)
                });
                return Some(Circle {
                    way: way.edges.clone(),
                    makes: shown,
                });
            }
            best[own] = next;
        }
    }
    None
}

fn common(a: u128, b: u128) -> u128 {
    if b == 0 { a.max(1) } else { common(b, a % b) }
}

/// A natural number of any size, the lowest digit (of 2^32) first, the highest not 0.
#[derive(Clone, PartialEq, Eq)]
struct Natural(Vec<u32>);

impl Natural {
    fn of(number: u32) -> Natural {
        Natural(vec![number])
    }

    fn times(&self, other: &Natural) -> Natural {
        let mut digits = vec![0_u32; self.0.len() + other.0.len()];
        for (at, a) in self.0.iter().enumerate() {
            let mut carry = 0_u64;
            for (place, b) in other.0.iter().chain([&0]).enumerate() {
                let digit = &mut digits[at + place];
                let sum = u64::from(*digit) + u64::from(*a) * u64::from(*b) + carry;
                (*digit, carry) = (sum as u32, sum >> 32);
            }
        }
        while digits.len() > 1 && digits.last() == Some(&0) {
            digits.pop();
        }
        Natural(digits)
    }

    /// Its value, where that is not too large to be shown.
    fn small(&self) -> Option<u128> {
        let digits = (self.0.len() <= 4).then_some(&self.0)?;
        Some(
            digits
                .iter()
                .rev()
                .fold(0, |sum, digit| sum << 32 | u128::from(*digit)),
        )
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Natural) -> Option<Ordering> {
        let long = self.0.len().cmp(&other.0.len());
        Some(long.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev())))
    }
}

fn guest_card(value: Value<'_>, clubs: &Clubs<'_>) -> Option<()> {
    let table = value.table(&GUEST_CARD)?;
    table.required("title", Value::title);
    table.required("linked_to", |value| value.one_of(&[("member", ())], &[]));
    table.required("give", give);
    table.optional("introducer_earns", |value| {
        let table = value.table(&INTRODUCER_EARNS)?;
        let club = table.required("club", |value| {
            clubs.names.find(value)?;
            value.text()
        });
        let purse = table.required("to", |value| {
            let name = value.text()?;
            let purse = purse_of(club?, value, clubs)?;
            if purse.in_rials {
                let title = format!("the purse \"{name}\" is kept in rials, not in points");
                value.report(value.fault("R09", title).mend("name a purse of points"));
            }
            Some(purse)
        });
        let decimals = purse.map_or(4, |purse| purse.decimals);
        table.required("fixed", |value| whole_units(value, decimals))
    });
    table.optional("max_uses", |value| value.integer(1, 1_000_000));
    Some(())
}

fn voucher(value: Value<'_>, pockets: &Known<Option<Kind>>) -> Option<()> {
    let table = value.table(&VOUCHER)?;
    table.required("title", Value::title);
    table.required("amounts_rial", |value| value.each(positive));
    table.required("load_to", |value| {
        let kind = (*pockets.find(value)?)?;
        if !matches!(kind, Gift | Prepaid) {
            let name = value.text()?;
            let title = format!("nothing is loaded into the pocket \"{name}\"");
            let fault = value.fault("R09", title).label(of_kinds(&[Gift, Prepaid]));
            value.report(fault.mend("name a pocket of kind gift or prepaid"));
        }
        Some(())
    });
    table.optional("single_use", Value::boolean);
    table.optional("expiry", expiry)?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn naturals_are_multiplied_and_compared_as_numbers_are() {
        let numbers = [1, 2, 999_983, 1_000_000, u32::MAX];
        let check = |a: u32, b: u32, c: u32| {
            let product = Natural::of(a).times(&Natural::of(b)).times(&Natural::of(c));
            let wanted = u128::from(a) * u128::from(b) * u128::from(c);
            assert_eq!(product.small(), Some(wanted));
            let other = Natural::of(b).times(&Natural::of(b));
            let square = u128::from(b) * u128::from(b);
            assert_eq!(product > other, wanted > square, "{a} {b} {c}");
        };
        for a in numbers {
            for b in numbers {
                numbers.iter().for_each(|c| check(a, b, *c));
            }
        }
        let most = (0..5).fold(Natural::of(1), |all, _| all.times(&Natural::of(u32::MAX)));
        assert_eq!(most.small(), None);
    }
}
