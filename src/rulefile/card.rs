//! The card files: one card product a file, with the pockets that are on it. First all is read that does not refer to clubs, so
//! that rules of clubs may ask for a product; when the clubs are read, the rest, and then every name gets its id.

use super::circle::{Circle, Edge, gain};
use super::clearing::{Clubs, purse_of};
use super::club::{expiry, not_yet, stays_as_it_was};
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
use crate::ledger::PurseKind::{self, Bon, CreditLine, Gift, Prepaid};
use crate::ledger::{CardState, Window};
use crate::rules::card::{
    Bill, Bonus, Consume, Convert, CreditLimit, Funder, GiverEarns, Grant, GuestCard, Installments,
    LoadTerms, LoadWay, Owes, Pocket, Voucher,
};
use crate::rules::{
    Available, Cap, Caps, Card, Club, Condition, Discount, Enrol, Expiry, Identify, Indexes, Most,
    Negative, PaidBy, Payer, Per, Places, Purse, RESTORE_GRACE_DAYS, Roster, Said, Share, SpendAt,
    Stack, When,
};
use crate::source::{Entry, Fault, FaultLog, File, Table, Value};
use crate::terms::{Bin, ClubId, OrganisationId, PurseId, Rials, RuleId, Token, UnitId};

/// Conversions of one card: all circles of them are looked at.
const CONVERTS_MAX: usize = 32;
/// The most of either side of a conversion.
const CONVERT_MOST: i64 = 1_000_000;
/// For so many days a use of a guest card is remembered: nothing is counted for longer.
const USES_COUNT_FOR: u16 = 400;
/// In `pay_order`: the holder's own account at the issuer.
const BANK: &str = "bank";
/// Of what has no id yet.
const NO_RULE: RuleId = RuleId(0);
/// The same of a purse.
const NO_PURSE: PurseId = PurseId(0);
/// Stands for the issuer until he is known; the last id is given to nobody.
const ISSUER: OrganisationId = OrganisationId(u16::MAX);

/// By which cards a product is known: by their first digits, or by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Product {
    pub(super) bins: Vec<Bin>,
    pub(super) cards: Vec<Token>,
}

/// The kinds of pockets, by their names.
fn kinds() -> Vec<(&'static str, PurseKind)> {
    let all = PurseKind::ALL.iter().map(|(kind, name)| (*name, *kind));
    all.filter(|(_, kind)| kind.is_pocket()).collect()
}

/// Pockets by their names: the place of each, and its kind where that is good.
type Pockets = Known<(usize, Option<PurseKind>)>;

/// What of a card file does not refer to clubs; without ids.
pub(super) struct Draft<'f> {
    table: Table<'f>,
    head: Option<Head<'f>>,
    /// As many as the file has, where there is no fault in them.
    pockets: Vec<(Entry<'f>, Purse, Pocket)>,
    converts: Vec<Convert>,
    voucher: Option<Voucher>,
}

/// What `[card]` says.
struct Head<'f> {
    name: &'f str,
    at: Value<'f>,
    title: &'f str,
    product: Product,
    issuer: OrganisationId,
    states: Vec<CardState>,
    pin: bool,
    mixed: bool,
    pay_order: Vec<usize>,
    bank: bool,
}

/// Keys of a pocket that only some kinds have.
const FITS: [(&str, &[PurseKind]); 12] = [
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
const NEEDS: [(PurseKind, &str, &[&str]); 4] = [
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
) -> (Vec<Draft<'f>>, Known<Product>) {
    let tables = files.iter();
    let tables = tables.filter_map(|file| file.root(log).table(&CARD_FILE));
    let mut products = Known::new("card product", complete);
    let mut ranges: Vec<(Bin, Value<'_>)> = Vec::new();
    let drafts = tables.map(|table| {
        check_format(&table);
        let mut pockets = Pockets::new("pocket", true);
        let mut read = Vec::new();
        let entries = table.optional("purse", Value::entries).unwrap_or_default();
        for (at, entry) in entries.into_iter().enumerate() {
            let pocket = pocket(&entry, world);
            let kind = pocket.as_ref().map(|(purse, _)| purse.kind);
            pockets.add_entry(&entry, (at, kind));
            read.extend(pocket.map(|(purse, pocket)| (entry, purse, pocket)));
        }
        let head = table.required("card", |value| {
            card(value, lists, world, &pockets, &mut products, &mut ranges)
        });
        let converts = converts(&table, &pockets);
        let voucher = table.optional("voucher", |value| voucher(value, &pockets));
        Draft {
            table,
            head,
            pockets: read,
            converts,
            voucher,
        }
    });
    (drafts.collect(), products)
}

/// Says of card files without a fault what of them changes nothing.
pub(super) fn note<'f>(files: &[&'f File], log: &'f FaultLog) {
    let tables = files.iter();
    for table in tables.filter_map(|file| file.root(log).table(&CARD_FILE)) {
        let pockets = table.get("purse").and_then(Value::entries);
        let pockets = pockets.into_iter().flatten();
        for pocket in pockets.filter_map(|entry| entry.value.table(&POCKET)) {
            for key in ["bill", "installments"] {
                let why = "what a credit line paid is asked back outside of this version";
                not_yet(&pocket, key, why);
            }
            if pocket.get("cash_out").is_some_and(|value| value.is_true()) {
                not_yet(&pocket, "cash_out", "nothing is paid out in this version");
            }
        }
    }
}

/// Reads the rest of what was opened, and compiles it. What is wrong with a product is in the log; it is left out.
pub(super) fn compile<'f>(
    drafts: Vec<Draft<'f>>,
    world: &WorldRead<'f>,
    clubs: &Clubs<'_>,
    ids: &mut Ids<'_>,
) -> Vec<Card> {
    let cards = drafts.into_iter();
    cards
        .filter_map(|draft| compiled(draft, world, clubs, ids))
        .collect()
}

fn compiled<'f>(
    draft: Draft<'f>,
    world: &WorldRead<'f>,
    clubs: &Clubs<'_>,
    ids: &mut Ids<'_>,
) -> Option<Card> {
    let Draft {
        table,
        head,
        pockets: read,
        mut converts,
        mut voucher,
    } = draft;
    // Without a good head the rest is still read for its faults; nothing of it is kept.
    let id = match &head {
        Some(head) if is_no_club(head, clubs, ids) => ids.card(head.name, head.title, head.issuer),
        _ => ClubId(u16::MAX),
    };
    let (mut purses, mut pockets, mut purse_names) = (Vec::new(), Vec::new(), Vec::new());
    for (entry, mut purse, mut pocket) in read {
        let name = entry.name;
        if let Some(table) = entry.value.table(&POCKET) {
            stays_as_it_was(&table, name, id, (purse.kind, "rial", 0), ids);
        }
        purse.id = ids.purse(id, name, purse.kind, "rial", 0);
        pocket.purse = purse.id;
        if let (Owes::Organisation(id @ ISSUER), Some(head)) = (&mut pocket.owes, &head) {
            *id = head.issuer;
        }
        if !pocket.per_day.1.rows.is_empty() {
            pocket.per_day.0 = ids.rule(id, &format!("pocket/{name}"));
        }
        if let Some(grant) = &mut pocket.grant {
            grant.rule = ids.rule(id, &format!("grant/{name}"));
        }
        if let Some(load) = &mut pocket.load {
            load.rule = ids.rule(id, &format!("load/{name}"));
        }
        if let Some(bonus) = &mut pocket.bonus {
            bonus.rule = ids.rule(id, &format!("bonus/{name}"));
            if let (Funder::Organisation(id @ ISSUER), Some(head)) = (&mut bonus.funded_by, &head) {
                *id = head.issuer;
            }
        }
        purse_names.push((purse.id, name.to_owned()));
        purses.push(purse);
        pockets.push(pocket);
    }
    if let Some(voucher) = &mut voucher {
        voucher.rule = ids.rule(id, "voucher/number");
    }
    for convert in &mut converts {
        convert.rule = ids.rule(id, &format!("convert/{}", convert.name));
    }
    let (tiers, known) = (Known::new("tier", true), Known::new("purse", true));
    let conditions = Conditions::new(world, &tiers, &known, &[]);
    let scope = Scope {
        club: id,
        purses: &known,
        conditions: &conditions,
    };
    let mut rules = Known::new("rule", true);
    let values = table.optional("discount", Value::list).unwrap_or_default();
    let discounts = values.into_iter();
    let mut discounts: Vec<_> = discounts
        .filter_map(|value| discount(value, &scope, &mut rules, ids))
        .collect();
    let guest = table.optional("guest_card", |value| guest_card(value, clubs));
    let guest = guest.map(|(mut gives, earns)| {
        gives.id = ids.rule(id, "guest/give");
        let rule = gives.id;
        // No discount of the product takes away what a guest was promised.
        discounts.insert(0, gives);
        GuestCard { rule, earns }
    });
    let head = head?;
    let shops = world.merchants.iter().count();
    Some(Card {
        club: Club {
            indexes: Indexes::new(&discounts, &[], &[], shops),
            id,
            two_persons: false,
            name: head.name.to_owned(),
            places: Places::default(),
            identify: Identify {
                card: true,
                mobile: false,
                national_code: false,
                number: false,
            },
            cards_max: 1,
            enrol: Enrol {
                at_pos: false,
                on_first_purchase: true,
            },
            purses,
            purse_names,
            tiers: Vec::new(),
            tiering: None,
            counters: Vec::new(),
            discount_stack: Stack::All,
            discounts,
            redeem: None,
            accrue_stack: Stack::All,
            accruals: Vec::new(),
            splits: Vec::new(),
            fee: None,
            sub_of: None,
            inherited: Vec::new(),
        },
        bins: head.product.bins,
        cards: head.product.cards,
        issuer: head.issuer,
        states: head.states,
        pin: head.pin,
        mixed: head.mixed,
        pay_order: head.pay_order,
        bank: head.bank,
        pockets,
        converts,
        guest,
        voucher,
    })
}

/// A product stands among the clubs: it has a name of its own there, today and before.
fn is_no_club(head: &Head<'_>, clubs: &Clubs<'_>, ids: &Ids<'_>) -> bool {
    let name = head.name;
    let was = ids.names().club_id(name);
    let was_club = was.is_some_and(|id| ids.names().card_particulars(id).is_none());
    if !was_club && !clubs.names.has(name) {
        return true;
    }
    let title = format!("a card product cannot be called \"{name}\"");
    let fault = head.at.fault("R07", title);
    let fault = fault.label("a club is, or was, called so");
    head.at.report(fault.mend("give it another name"));
    false
}

/// `[card]`.
fn card<'f>(
    value: Value<'f>,
    lists: &[(String, String)],
    world: &WorldRead<'_>,
    pockets: &Pockets,
    products: &mut Known<Product>,
    ranges: &mut Vec<(Bin, Value<'f>)>,
) -> Option<Head<'f>> {
    let table = value.table(&CARD)?;
    let id = table
        .need("id")
        .and_then(|value| Some((value.name()?, value)));
    let title = table.required("title", Value::title);
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
    let issuer = table.required("issuer", |value| organisation(value, world));
    let states = CardState::ALL.map(|(state, name)| (name, state));
    let all = states.map(|(_, state)| state).to_vec();
    let states = table.optional("status", |value| value.each(|v| v.one_of(&states, &[])));
    let pin = table.optional("pin", Value::boolean);
    if let (Some(true), Some(value)) = (pin, table.get("pin")) {
        let title = "the pockets of this card do not pay";
        let note = Fault::note("R16", value.place(), title);
        let label = "they ask for a verified PIN, and this version verifies none";
        value.report(note.label(label).mend("pin = false"));
    }
    let mixed = table.optional("mixed", Value::boolean);
    let order = table.required("pay_order", |value| pay_order(value, pockets));
    let (name, value) = id?;
    let product = Product {
        bins: bins.into_iter().map(|(bin, _)| bin).collect(),
        cards: cards.unwrap_or_default(),
    };
    products.add(name, value.place(), value, product.clone());
    let (pay_order, bank) = order?;
    Some(Head {
        name,
        at: value,
        title: title?,
        product,
        issuer: issuer?,
        states: states.unwrap_or(all),
        pin: pin.unwrap_or(false),
        mixed: mixed.unwrap_or(true),
        pay_order,
        bank,
    })
}

fn organisation(value: Value<'_>, world: &WorldRead<'_>) -> Option<OrganisationId> {
    world.organisations.find(value).copied().flatten()
}

/// The places of the pockets in the order in which they pay, and whether the bank pays what they leave.
fn pay_order(value: Value<'_>, pockets: &Pockets) -> Option<(Vec<usize>, bool)> {
    let mut seen: Vec<&str> = Vec::new();
    let mut order = Vec::new();
    let mut good = true;
    for value in value.each(Some)? {
        let name = value.text()?;
        let place = match name {
            BANK => None,
            _ => match pockets.find(value) {
                Some((at, _)) => Some(*at),
                None => {
                    good = false;
                    continue;
                }
            },
        };
        if seen.contains(&name) {
            let fault = value.fault("R13", format!("the pocket \"{name}\" stands twice"));
            value.report(fault.mend("take one out"));
        } else if seen.contains(&BANK) {
            let title = format!("the pocket \"{name}\" will never pay");
            let note = Fault::note("R16", value.place(), title);
            let label = "the bank before it pays whatever is left";
            value.report(note.label(label).mend("put \"bank\" last"));
        } else {
            order.extend(place);
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
    Some((order, seen.contains(&BANK)))
}

/// `[purse.NAME]` of a card, without ids. Where the issuer owes, [`ISSUER`] stands for him.
fn pocket(entry: &Entry<'_>, world: &WorldRead<'_>) -> Option<(Purse, Pocket)> {
    let good = entry.has_good_name();
    if entry.name == BANK {
        let title = "no pocket can be called \"bank\"";
        let fault = Fault::error("R07", entry.place.clone(), title);
        let fault = fault.why("in `pay_order` it is the holder's own account");
        entry.value.report(fault.mend("give it another name"));
    }
    let table = entry.value.table(&POCKET)?;
    let kind = table.required("kind", |value| value.one_of(&kinds(), &[]));
    table.optional("title", Value::title);
    table.optional("unit", |value| value.one_of(&[("rial", ())], &[]));
    let owners = ["sponsor", "club", "operator", "issuer", "holder"];
    let owners = owners.map(|name| (name, name));
    let owner = table.required("owed_by", |value| value.one_of(&owners, &[]));
    let sponsor = table.optional("sponsor", |value| organisation(value, world));
    let grant = table.optional("grant", |value| grant(value, world));
    let carry_over = table.optional("carry_over", Value::boolean);
    let ends = table.optional("expiry", expiry);
    let spend_at = table.optional("spend_at", |value| places(world, value));
    let products = table.optional("products", |value| value.each(code));
    let not_products = table.optional("not_products", |value| value.each(code));
    let hours = table.optional("hours", |value| value.each(Value::hours));
    let caps = table.optional("per_day", per_day);
    let load = table.optional("load", load);
    let bonus = table.optional("bonus", |value| {
        bonus(value, ends.unwrap_or(Expiry::Never), world)
    });
    let ways = [
        ("bonus-last", Consume::BonusLast),
        ("soonest-expiry", Consume::SoonestExpiry),
    ];
    let consume = table.optional("consume", |value| value.one_of(&ways, &[]));
    let cash_out = table.optional("cash_out", Value::boolean);
    let reload = table.optional("reload", Value::boolean);
    let limit = table.optional("limit", limit);
    let bill = table.optional("bill", bill);
    let installments = table.optional("installments", |value| {
        let table = value.table(&INSTALLMENTS)?;
        let count = table.required("count", |value| value.integer(2, 60));
        let from = table.optional("from_rial", positive);
        Some(Installments {
            count: u8::try_from(count?).ok()?,
            from: Rials(from.unwrap_or(0)),
        })
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
            CreditLine => "add  limit = { max_rial = 50_000_000 }",
            _ => "add  load = { min_rial = 100_000 }",
        };
        table.report(fault.mend(sample));
    }
    if let Some(owner) = owner.filter(|owner| !owners.contains(owner)) {
        let value = table.get("owed_by")?;
        let title = format!("a pocket of kind {title} is not owed by the {owner}");
        let fault = value.fault("R09", title);
        value.report(fault.mend(format!("owed_by = \"{}\"", owners.first()?)));
    }
    if owner == Some("operator") {
        needs_operator(
            &table,
            "owed_by",
            "there is no operator to owe the pocket",
            world,
        );
    }
    let owes = match owner? {
        "sponsor" => Owes::Organisation(sponsor?),
        "operator" => Owes::Operator,
        _ => Owes::Organisation(ISSUER),
    };
    good.then_some(())?;
    let purse = Purse {
        id: NO_PURSE,
        kind,
        unit: UnitId::RIAL,
        in_rials: true,
        redeemable: false,
        decimals: 0,
        value: None,
        available: Available::Now,
        expiry: ends.unwrap_or(Expiry::Never),
        spend_at: spend_at.map_or(SpendAt::Anywhere, SpendAt::Groups),
        negative: match kind {
            CreditLine => Negative::Allow,
            _ => Negative::Recover,
        },
        step: 1,
        grace_days: RESTORE_GRACE_DAYS,
    };
    let mut products = products.unwrap_or_default();
    products.sort_unstable();
    let mut not_products = not_products.unwrap_or_default();
    not_products.sort_unstable();
    let pocket = Pocket {
        purse: NO_PURSE,
        owes,
        hours: hours.unwrap_or_default(),
        products,
        not_products,
        per_day: (NO_RULE, caps.unwrap_or_default()),
        grant,
        carry_over: carry_over.unwrap_or(true),
        load,
        bonus,
        consume: consume.unwrap_or(Consume::SoonestExpiry),
        cash_out: cash_out.unwrap_or(false),
        reload: reload.unwrap_or(true),
        limit,
        bill,
        installments,
    };
    Some((purse, pocket))
}

/// "it is for bon, gift".
fn of_kinds(kinds: &[PurseKind]) -> String {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    format!("it is for {}", names.join(", "))
}

/// The day on which something comes every month.
fn monthly(table: &Table<'_>) -> Option<u8> {
    let every = [("jalali-month", ())];
    table.required("every", |value| value.one_of(&every, &[]));
    let day = table.required("on_day", |value| value.integer(1, 31));
    u8::try_from(day?).ok()
}

fn grant(value: Value<'_>, world: &WorldRead<'_>) -> Option<Grant> {
    let table = value.table(&GRANT)?;
    let amount = table.required("rial", positive);
    let on_day = monthly(&table);
    let groups = &world.member_groups;
    let groups = table.required("to", |value| value.each(|v| groups.find(v)))?;
    let mut to = Roster::default();
    for group in groups {
        to.members.extend(&group.members);
        to.cards.extend(&group.cards);
    }
    to.members.sort_unstable();
    to.members.dedup();
    to.cards.sort_unstable();
    to.cards.dedup();
    Some(Grant {
        rule: NO_RULE,
        amount: Rials(amount?),
        on_day: on_day?,
        to,
    })
}

/// The most of a day, as caps of the holder.
fn per_day(value: Value<'_>) -> Option<Caps> {
    let table = value.table(&PER_DAY)?;
    let amount = table.optional("max_rial", positive);
    let times = table.optional("max_times", |value| value.integer(1, 1_000));
    if !table.has("max_rial") && !table.has("max_times") {
        let fault = table.fault("R02", "a limit without a maximum holds nothing back");
        table.report(fault.mend("add  max_rial = 150_000  or  max_times = 1"));
    }
    let times = times.and_then(|times| u64::try_from(times).ok());
    let mosts = [amount.map(Most::Amount), times.map(Most::Times)];
    let cap = |most| Cap {
        per: Per::Member,
        window: Window::Day,
        most,
    };
    Some(Caps {
        rows: mosts.into_iter().flatten().map(cap).collect(),
        skips: false,
    })
}

fn load(value: Value<'_>) -> Option<LoadTerms> {
    let table = value.table(&LOAD)?;
    let ways = [
        ("transfer", LoadWay::Transfer),
        ("cash-desk", LoadWay::CashDesk),
        ("online", LoadWay::Online),
    ];
    let by = table.optional("by", |value| value.each(|v| v.one_of(&ways, &[])));
    let [min, max, balance] =
        ["min_rial", "max_rial", "max_balance_rial"].map(|key| table.optional(key, positive));
    let (least, most) = (min.unwrap_or(1), max.unwrap_or(i64::MAX));
    turned(&table, "min_rial", min, "max_rial", max);
    turned(&table, "min_rial", min, "max_balance_rial", balance);
    let amounts = table.optional("amounts_rial", |value| {
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
            Some(Rials(amount))
        })
    });
    Some(LoadTerms {
        rule: NO_RULE,
        by: by.unwrap_or_default(),
        min: Rials(least),
        max: max.map(Rials),
        amounts: rising(amounts.unwrap_or_default()),
        balance_max: balance.map(Rials),
    })
}

fn rising(mut amounts: Vec<Rials>) -> Vec<Rials> {
    amounts.sort_unstable();
    amounts.dedup();
    amounts
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

/// `usual`: how long the pocket keeps what is in it.
fn bonus(value: Value<'_>, usual: Expiry, world: &WorldRead<'_>) -> Option<Bonus> {
    let table = value.table(&BONUS)?;
    let percent = table.required("percent", Value::percent);
    let payers = [
        ("merchant", Funder::Merchant),
        ("club", Funder::Organisation(ISSUER)),
        ("operator", Funder::Operator),
        ("issuer", Funder::Organisation(ISSUER)),
    ];
    let funded_by = table.required("funded_by", |value| value.one_of(&payers, &[]));
    if funded_by == Some(Funder::Operator) {
        let title = "there is no operator to pay what is added";
        needs_operator(&table, "funded_by", title, world);
    }
    let ends = table.optional("expiry", expiry);
    Some(Bonus {
        rule: NO_RULE,
        percent: percent?,
        funded_by: funded_by?,
        expiry: ends.unwrap_or(usual),
    })
}

/// What the operator owes or pays needs his account, or no day could be settled.
fn needs_operator(
    table: &Table<'_>,
    key: &'static str,
    title: &'static str,
    world: &WorldRead<'_>,
) {
    if let Some(value) = table.get(key).filter(|_| !world.may_have_operator) {
        let mend = "add [operator] with title, alias and iban to a world file";
        value.report(value.fault("R08", title).mend(mend));
    }
}

fn limit(value: Value<'_>) -> Option<CreditLimit> {
    let table = value.table(&LIMIT)?;
    table.optional("from", |value| value.one_of(&[("member-file", ())], &[]));
    let rials = |value: Value<'_>| value.rials().map(|rials| rials.0);
    let usual = table.optional("default_rial", rials);
    let most = table.required("max_rial", rials);
    turned(&table, "default_rial", usual, "max_rial", most);
    Some(CreditLimit {
        usual: Rials(usual.unwrap_or(0)),
        most: Rials(most?),
    })
}

fn bill(value: Value<'_>) -> Option<Bill> {
    let table = value.table(&BILL)?;
    let on_day = monthly(&table);
    let due = table.required("due_after", |value| counted_in(value, &["day"], 400));
    let ways = [("salary-deduction", ())];
    table.required("collect", |value| value.one_of(&ways, &[]))?;
    Some(Bill {
        on_day: on_day?,
        due_days: u16::try_from(due?.0).ok()?,
    })
}

fn converts(table: &Table<'_>, pockets: &Pockets) -> Vec<Convert> {
    let values = table.optional("convert", Value::list).unwrap_or_default();
    if let Some(value) = values.get(CONVERTS_MAX) {
        let title = format!("a card cannot have {} conversions", values.len());
        let fault = value.fault("R14", title);
        value.report(fault.label(format!("the most is {CONVERTS_MAX}")));
    }
    let mut names = Known::new("conversion", true);
    let (mut converts, mut edges) = (Vec::new(), Vec::new());
    for value in values {
        if let Some((convert, edge)) = convert(value, pockets, &mut names) {
            converts.push(convert);
            edges.push(edge);
        }
    }
    edges.truncate(CONVERTS_MAX);
    let Some(Circle { way: circle, makes }) = gain(&edges) else {
        return converts;
    };
    let Some(last) = circle.iter().max().and_then(|at| edges.get(*at)) else {
        return converts;
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
    converts
}

fn convert<'f>(
    value: Value<'f>,
    pockets: &Pockets,
    names: &mut Known<()>,
) -> Option<(Convert, Edge<'f>)> {
    let table = value.table(&CONVERT)?;
    let called = table.required("name", |value| {
        let name = value.name()?;
        names.add(name, value.place(), value, ());
        Some(name)
    });
    let pocket = |value: Value<'f>| {
        let (at, kind) = *pockets.find(value)?;
        let kind = kind?;
        let name = value.text()?;
        if kind == CreditLine {
            let title = format!("the pocket \"{name}\" is a credit line: nothing is kept in it");
            value.report(value.fault("R09", title).mend("name another pocket"));
            return None;
        }
        Some((name, at))
    };
    let from = table.required("from", pocket);
    let to = table.required("to", pocket);
    let rate = table.required("rate", |value| {
        let table = value.table(&CONVERSION)?;
        let side = |key| table.required(key, |value| value.integer(1, CONVERT_MOST));
        let (give, get) = (side("give"), side("get"));
        Some((u32::try_from(give?).ok()?, u32::try_from(get?).ok()?))
    });
    let days = table.optional("window", |value| {
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
        Some((u8::try_from(from).ok()?, u8::try_from(to).ok()?))
    });
    let max = table.optional("max_rial", positive);
    let ((from, from_at), (to, to_at), (give, get)) = (from?, to?, rate?);
    if from == to {
        let value = table.get("to")?;
        let title = format!("the pocket \"{to}\" is converted into itself");
        value.report(value.fault("R15", title).mend("name another pocket"));
        return None;
    }
    let convert = Convert {
        name: called.unwrap_or_default().to_owned(),
        rule: NO_RULE,
        from: from_at,
        to: to_at,
        give,
        get,
        days,
        max: max.map(Rials),
    };
    let edge = Edge {
        from,
        to,
        give,
        get,
        place: table.get("rate")?,
    };
    Some((convert, edge))
}

/// What the guest gets, without its id, and what the giver does.
fn guest_card(value: Value<'_>, clubs: &Clubs<'_>) -> Option<(Discount, Option<GiverEarns>)> {
    let table = value.table(&GUEST_CARD)?;
    table.required("title", Value::title);
    table.required("linked_to", |value| value.one_of(&[("member", ())], &[]));
    let given = table.required("give", give);
    let earns = table.optional("introducer_earns", |value| {
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
        let fixed = table.required("fixed", |value| whole_units(value, decimals));
        let club = clubs.read.iter().find(|known| Some(&*known.name) == club)?;
        Some(GiverEarns {
            club: club.id,
            purse: purse?.clone(),
            amount: fixed?,
        })
    });
    let uses = table.optional("max_uses", |value| value.integer(1, 1_000_000));
    let cap = |uses| Cap {
        per: Per::Member,
        window: Window::Days(USES_COUNT_FOR),
        most: Most::Times(uses),
    };
    let uses = uses.and_then(|uses| u64::try_from(uses).ok()).map(cap);
    let mut when = When::default();
    let brought = Condition::Introduced {
        first_purchase: None,
    };
    let said = Said {
        key: "introduced",
        text: "{}".to_owned(),
        ..Said::default()
    };
    when.add(brought, said);
    let (give, max) = given?;
    let gives = Discount {
        id: NO_RULE,
        when,
        give,
        max,
        rebate: None,
        step: Rials::ZERO,
        paid_by: vec![PaidBy {
            payer: Payer::Club,
            share: Share::Rest,
        }],
        caps: Caps {
            rows: uses.into_iter().collect(),
            skips: false,
        },
        say: None,
        stop: false,
    };
    Some((gives, earns))
}

fn voucher(value: Value<'_>, pockets: &Pockets) -> Option<Voucher> {
    let table = value.table(&VOUCHER)?;
    table.required("title", Value::title);
    let amounts = table.required("amounts_rial", |value| value.each(positive));
    let pocket = table.required("load_to", |value| {
        let (at, kind) = *pockets.find(value)?;
        if !matches!(kind?, Gift | Prepaid) {
            let name = value.text()?;
            let title = format!("nothing is loaded into the pocket \"{name}\"");
            let fault = value.fault("R09", title).label(of_kinds(&[Gift, Prepaid]));
            value.report(fault.mend("name a pocket of kind gift or prepaid"));
        }
        Some(at)
    });
    let single_use = table.optional("single_use", Value::boolean);
    let ends = table.optional("expiry", expiry);
    Some(Voucher {
        rule: NO_RULE,
        amounts: rising(amounts?.into_iter().map(Rials).collect()),
        pocket: pocket?,
        single_use: single_use.unwrap_or(true),
        expiry: ends.unwrap_or(Expiry::Never),
    })
}
