//! Conditions: the `when` of a rule and the named ones it may `use`, compiled to one flat list.

use std::sync::Arc;

use std::cell::RefCell;

use super::effect::whole_units;
use super::keys::{
    AMOUNT, BALANCE, EARNED, INTRODUCED, JOINED, LAST_PURCHASE, SPAN, SPENT, VISITS, WHEN,
};
use super::known::Known;
use super::span::{age, window};
use super::world::{WorldRead, code, mcc, rising, span, weekdays};
use crate::ledger::{EventId, TierId, Window};
use crate::rules::{Condition, Feast, Places, Purse, Roster, Said, When, Where};
use crate::source::{Entry, Fault, Place, Table, Value};
use crate::terms::{Bin, Channel, EntryMode, Map, PurseId, Rials};

/// A rule that asks more than this is a mistake: named conditions that use one another grow by multiplication.
const CONDITIONS_MAX: usize = 1_000;
/// No member buys more often in any window.
const COUNT_MAX: i64 = 1_000_000;

/// What the conditions of one club may refer to.
pub(super) struct Conditions<'c, 'f> {
    world: &'c WorldRead<'f>,
    tiers: &'c Known<Option<TierId>>,
    purses: &'c Known<Option<Purse>>,
    /// What must be counted for them: purse, kind of window, the longest of that kind.
    counted: RefCell<Vec<(PurseId, Window)>>,
    /// The events they name; a condition has the place of its event until its rule is read.
    events: RefCell<Vec<String>>,
    named: Known<Value<'f>>,
    compiled: RefCell<Map<String, Named>>,
    /// Groups by how they are written: ten thousand rules of one chain share its shops.
    groups: RefCell<Map<&'f str, Arc<Places>>>,
}

/// How far a named condition is compiled.
enum Named {
    /// It is being compiled: whoever meets it now goes in a circle.
    Open,
    Done(Option<When>),
}

impl<'c, 'f> Conditions<'c, 'f> {
    /// Compiles all named conditions, so that the unused ones are checked too.
    pub(super) fn new(
        world: &'c WorldRead<'f>,
        tiers: &'c Known<Option<TierId>>,
        purses: &'c Known<Option<Purse>>,
        entries: &[Entry<'f>],
    ) -> Conditions<'c, 'f> {
        let mut named = Known::new("condition", true);
        for entry in entries {
            entry.has_good_name();
            named.add_entry(entry, entry.value);
        }
        let conditions = Conditions {
            world,
            tiers,
            purses,
            counted: RefCell::default(),
            events: RefCell::default(),
            named,
            compiled: RefCell::default(),
            groups: RefCell::default(),
        };
        for entry in entries {
            conditions.named(entry.name, entry.value);
        }
        conditions
    }

    /// The earnings that are counted for them: purse and window, in the order in which conditions name them by number.
    pub(super) fn counted(&self) -> Vec<(PurseId, Window)> {
        self.counted.borrow().clone()
    }

    /// The name of an event.
    pub(super) fn event(&self, at: EventId) -> String {
        let events = self.events.borrow();
        events.get(usize::from(at.0)).cloned().unwrap_or_default()
    }

    /// The `when` of a rule; none of it means always.
    pub(super) fn when(&self, rule: &Table<'f>) -> Option<When> {
        match rule.get("when") {
            Some(value) => self.list(value),
            None => Some(When::default()),
        }
    }

    fn named(&self, name: &str, value: Value<'f>) -> Option<When> {
        if let Some(Named::Done(done)) = self.compiled.borrow().get(name) {
            return done.clone();
        }
        let open = self
            .compiled
            .borrow_mut()
            .insert(name.to_owned(), Named::Open);
        debug_assert!(open.is_none(), "a circle is found where the name is used");
        let done = self.list(value);
        let kept = Named::Done(done.clone());
        self.compiled.borrow_mut().insert(name.to_owned(), kept);
        done
    }

    fn used(&self, value: Value<'f>) -> Option<When> {
        let name = value.text()?;
        let condition = *self.named.find(value)?;
        let open = matches!(self.compiled.borrow().get(name), Some(Named::Open));
        if open {
            let title = format!("the condition \"{name}\" uses itself");
            let fault = value.fault("R15", title).label("here the circle closes");
            value.report(fault.mend("take this `use` out"));
            return None;
        }
        self.named(name, condition)
    }

    /// A table of conditions, all of which must hold.
    fn list(&self, value: Value<'f>) -> Option<When> {
        let table = value.table(&WHEN)?;
        let mut list = When::default();
        let used = table.get("use").map(|value| (value, self.used(value)));
        let good = !matches!(used, Some((_, None)));
        if let Some((name, Some(used))) = used {
            list.add_used(name.text()?, &used);
        }
        let mut ask = |key, read: &dyn Fn(Value<'f>) -> Option<Condition>| {
            let asked = table.get(key).zip(table.optional(key, read));
            if let Some((value, condition)) = asked {
                list.add(condition, said(key, value));
            }
        };
        ask("amount_rial", &amount);
        table.optional("tx_types", |value| value.each(purchase));
        ask("merchants", &|value| {
            let shops = value.each(|v| self.world.merchants.find(v))?;
            let ids = shops.into_iter().flatten().map(|shop| shop.id);
            Some(Condition::Shops(rising(ids.collect())))
        });
        ask("merchant_groups", &|value| {
            self.groups(value).map(Condition::Groups)
        });
        ask("mcc", &|value| {
            value.each(mcc).map(|codes| Condition::Mcc(rising(codes)))
        });
        ask("dates", &|value| {
            let (from, to) = span(&value.table(&SPAN)?)?;
            Some(Condition::Dates { from, to })
        });
        ask("season", &|value| {
            let (from, to) = (*self.world.seasons.find(value)?)?;
            Some(Condition::Dates { from, to })
        });
        ask("hours", &|value| {
            value.each(Value::hours).map(Condition::Hours)
        });
        ask("weekdays", &|value| {
            weekdays(value).map(Condition::Weekdays)
        });
        ask("business_days", &|value| {
            value.boolean().map(Condition::BusinessDay)
        });
        ask("tiers", &|value| {
            let tiers = value.each(|v| self.tiers.find(v))?;
            Some(Condition::Tiers(rising(
                tiers.into_iter().copied().flatten().collect(),
            )))
        });
        ask("first_purchase", &|value| {
            value.boolean().map(Condition::FirstPurchase)
        });
        ask("last_purchase", &|value| {
            let table = value.table(&LAST_PURCHASE)?;
            let (age, at) = (age(&table), self.place(&table));
            Some(Condition::LastPurchase { age: age?, at: at? })
        });
        ask("joined", &|value| {
            age(&value.table(&JOINED)?).map(Condition::Joined)
        });
        ask("visits", &|value| self.visits(value));
        ask("channels", &|value| {
            let ways = value.each(|v| v.one_of(&Channel::ALL, &[]))?;
            let bits = ways.iter().fold(0, |bits, way| bits | 1 << *way as u8);
            Some(Condition::Channels(bits))
        });
        ask("entry", &|value| {
            let ways = value.each(|v| v.one_of(&EntryMode::ALL, &[]))?;
            let bits = ways.iter().fold(0, |bits, way| bits | 1 << *way as u8);
            Some(Condition::Entry(bits))
        });
        ask("terminal_groups", &|value| {
            let groups = value.each(|v| self.world.terminal_groups.find(v))?;
            let all = groups.into_iter().flatten().cloned().collect();
            Some(Condition::Terminals(rising(all)))
        });
        ask("products", &|value| {
            value.each(code).map(rising).map(Condition::Products)
        });
        ask("not_products", &|value| {
            let none_of = value.each(code).map(rising).map(Condition::Products)?;
            Some(Condition::Not(vec![none_of].into()))
        });
        ask("services", &|value| {
            value.each(code).map(rising).map(Condition::Services)
        });
        ask("bins", &|value| value.each(bin).map(Condition::Bins));
        ask("card_products", &|value| self.card_products(value));
        ask("provinces", &|value| {
            let shops = value.each(|v| self.world.provinces.find(v))?;
            let all = shops.into_iter().flatten().copied().collect();
            Some(Condition::Shops(rising(all)))
        });
        ask("member_groups", &|value| {
            let groups = value.each(|v| self.world.member_groups.find(v))?;
            let mut all = Roster::default();
            for group in groups {
                all.members.extend(&group.members);
                all.cards.extend(&group.cards);
            }
            Some(Condition::Roster(Arc::new(Roster {
                members: rising(all.members),
                cards: rising(all.cards),
            })))
        });
        ask("birthday", &|value| feast(value).map(Condition::Birthday));
        ask("anniversary", &|value| {
            feast(value).map(Condition::Anniversary)
        });
        ask("introduced", &|value| {
            let first = value
                .table(&INTRODUCED)?
                .optional("first_purchase", Value::boolean);
            Some(Condition::Introduced {
                first_purchase: first,
            })
        });
        ask("event", &|value| {
            let name = value.name()?;
            let mut events = self.events.borrow_mut();
            let at = events.iter().position(|known| known == name);
            let at = at.unwrap_or_else(|| {
                events.push(name.to_owned());
                events.len() - 1
            });
            Some(Condition::Event(EventId(
                u16::try_from(at).unwrap_or(u16::MAX),
            )))
        });
        ask("spent", &|value| self.spent(value));
        ask("earned", &|value| self.earned(value));
        ask("balance", &|value| {
            let table = value.table(&BALANCE)?;
            let purse = table.required("purse", |v| self.purses.find(v));
            let purse = purse?.as_ref()?;
            let min = table.required("min", |v| whole_units(v, purse.decimals));
            Some(Condition::Balance {
                purse: purse.id,
                min: min?,
            })
        });
        ask("any", &|value| {
            value.each(|v| self.list(v)).map(Condition::Any)
        });
        ask("not", &|value| self.list(value).map(Condition::Not));
        if count(&list) > CONDITIONS_MAX {
            let title = format!("this asks more than {CONDITIONS_MAX} conditions");
            value.report(
                value
                    .fault("R15", title)
                    .mend("use fewer named conditions in one another"),
            );
            return None;
        }
        good.then_some(list)
    }

    /// Cards of some products: told by their first digits, by a list of cards, or by one of the two.
    fn card_products(&self, value: Value<'f>) -> Option<Condition> {
        let (mut bins, mut cards, mut listed) = (Vec::new(), Vec::new(), Vec::new());
        for (product, name) in
            value.each(|v| Some((self.world.card_products.find(v)?, v.text()?)))?
        {
            bins.extend(&product.bins);
            cards.extend(&product.cards);
            listed.extend((!product.cards.is_empty()).then(|| name.to_owned()));
        }
        let ranges: Vec<String> = bins.iter().map(Bin::to_string).collect();
        let by_list = Condition::Roster(Arc::new(Roster {
            members: Vec::new(),
            cards: rising(cards),
        }));
        if bins.is_empty() || listed.is_empty() {
            let by_bin = Condition::Bins(bins);
            return Some(if ranges.is_empty() { by_list } else { by_bin });
        }
        let ways = [
            ("bins", ranges, Condition::Bins(bins)),
            ("card_products", listed, by_list),
        ];
        let ways = ways.map(|(key, names, condition)| {
            let said = Said {
                key,
                names,
                ..Said::default()
            };
            let mut way = When::default();
            way.add(condition, said);
            way
        });
        Some(Condition::Any(ways.into()))
    }

    fn visits(&self, value: Value<'f>) -> Option<Condition> {
        let table = value.table(&VISITS)?;
        let count = |value: Value<'f>| value.integer(1, COUNT_MAX).map(i64::unsigned_abs);
        let window = table.required("in", window);
        let [min, max, every] = ["min", "max", "every"].map(|key| table.optional(key, count));
        let at = self.place(&table);
        if !["min", "max", "every"]
            .into_iter()
            .any(|key| table.has(key))
        {
            let fault = table.fault("R02", "a count of purchases needs `min`, `max` or `every`");
            table.report(fault.mend("{ in = \"90 days\", every = 10 }"));
            return None;
        }
        let (min, max) = (min.unwrap_or(1), max.unwrap_or(u64::MAX));
        if min > max {
            let title = format!("no count lies between {min} and {max}");
            table.report(table.fault("R03", title).mend("exchange `min` and `max`"));
            return None;
        }
        Some(Condition::Visits {
            window: window?,
            min,
            max,
            every: every.unwrap_or(1),
            at: at?,
        })
    }

    fn spent(&self, value: Value<'f>) -> Option<Condition> {
        let table = value.table(&SPENT)?;
        let window = table.required("in", window);
        let keys = ["min_rial", "max_rial", "crosses_rial"];
        let [min, max, crosses] = keys.map(|key| table.optional(key, Value::rials));
        let at = self.place(&table);
        if !keys.into_iter().any(|key| table.has(key)) {
            let title = "what he spent needs `min_rial`, `max_rial` or `crosses_rial`";
            let fault = table.fault("R02", title);
            table.report(fault.mend("{ in = \"jalali-month\", crosses_rial = 30_000_000 }"));
            return None;
        }
        let (min, max) = (min.unwrap_or(Rials::ZERO), max.unwrap_or(Rials(i64::MAX)));
        if min > max {
            let title = format!("no amount lies between {min} and {max}");
            let fault = table.fault("R03", title);
            table.report(fault.mend("exchange `min_rial` and `max_rial`"));
            return None;
        }
        if let Some(value) = table.get("crosses_rial")
            && crosses.is_some_and(Rials::is_zero)
        {
            value.report(value.fault("R03", "`crosses_rial` must be above 0"));
            return None;
        }
        Some(Condition::Spent {
            window: window?,
            min,
            max,
            crosses,
            at: at?,
        })
    }

    fn earned(&self, value: Value<'f>) -> Option<Condition> {
        let table = value.table(&EARNED)?;
        let purse = table.required("purse", |v| self.purses.find(v));
        let window = table.required("in", window);
        let purse = purse?.as_ref()?;
        let min = table.required("min", |v| whole_units(v, purse.decimals));
        let (window, min) = (window?, min?);
        let mut counted = self.counted.borrow_mut();
        let same = |(of, kept): &(PurseId, Window)| *of == purse.id && kept.kind() == window.kind();
        let counter = match counted.iter().position(same) {
            Some(at) => at,
            None => {
                counted.push((purse.id, window));
                counted.len() - 1
            }
        };
        if counted[counter].1.days() < window.days() {
            counted[counter].1 = window;
        }
        Some(Condition::Earned {
            counter,
            window,
            min,
        })
    }

    /// `where` of a condition on the past.
    fn place(&self, table: &Table<'f>) -> Option<Where> {
        let Some(value) = table.get("where") else {
            return Some(Where::Club);
        };
        match value.text()? {
            "club" => Some(Where::Club),
            "merchant" => Some(Where::Merchant),
            _ => {
                let group = self.world.groups.find(value)?.as_ref()?;
                let shops = self.world.merchants.iter().flatten();
                let there = shops.filter(|shop| group.contains(shop.id, shop.mcc));
                Some(Where::Shops(rising(there.map(|shop| shop.id).collect())))
            }
        }
    }

    /// A list of merchant groups as one set of shops, one for all that are written alike.
    fn groups(&self, value: Value<'f>) -> Option<Arc<Places>> {
        if let Some(places) = self.groups.borrow().get(value.raw()) {
            return Some(Arc::clone(places));
        }
        let (places, whole) = whole_places(self.world, value)?;
        let places = Arc::new(places);
        // A group that is not there is told wherever it is named.
        if !whole {
            return Some(places);
        }
        let mut groups = self.groups.borrow_mut();
        groups.insert(value.raw(), Arc::clone(&places));
        Some(places)
    }
}

/// A list of merchant groups as one set of shops.
pub(super) fn places(world: &WorldRead<'_>, value: Value<'_>) -> Option<Places> {
    Some(whole_places(world, value)?.0)
}

/// The same, and whether every group was there.
fn whole_places(world: &WorldRead<'_>, value: Value<'_>) -> Option<(Places, bool)> {
    let groups = value.each(|v| Some(world.groups.find(v)))?;
    let whole = groups.iter().all(|group| matches!(group, Some(Some(_))));
    let mut all = Places::default();
    for group in groups.into_iter().flatten().flatten() {
        all.shops.extend(&group.shops);
        all.mccs.extend(&group.mccs);
    }
    let places = Places {
        shops: rising(all.shops),
        mccs: rising(all.mccs),
    };
    Some((places, whole))
}

fn amount(value: Value<'_>) -> Option<Condition> {
    let table = value.table(&AMOUNT)?;
    let min = table.optional("min", Value::rials);
    let max = table.optional("max", Value::rials);
    if !table.has("min") && !table.has("max") {
        let fault = table.fault("R02", "a span of amounts needs `min` or `max`");
        table.report(fault.mend("{ min = 1_000_000 }"));
        return None;
    }
    let (min, max) = (min.unwrap_or(Rials::ZERO), max.unwrap_or(Rials::FIELD_MAX));
    if min > max {
        let title = format!("no amount lies between {min} and {max}");
        table.report(table.fault("R03", title).mend("exchange `min` and `max`"));
        return None;
    }
    Some(Condition::Amount { min, max })
}

/// Rules judge purchases and nothing else, so that the kind that can be named holds always.
fn purchase(value: Value<'_>) -> Option<()> {
    let later = ["bill", "top-up", "cash", "load", "refund", "transfer"];
    value.one_of(&[("purchase", ())], &later)
}

/// How a condition stands in its file.
fn said(key: &'static str, value: Value<'_>) -> Said {
    let text = |value: &Value<'_>| {
        let text = value.raw().strip_prefix('"')?.strip_suffix('"')?;
        Some(text.to_owned())
    };
    let names = match value.raw().as_bytes().first() {
        Some(b'"') => text(&value).into_iter().collect(),
        Some(b'[') => {
            let all = value.list().unwrap_or_default();
            all.iter().filter_map(text).collect()
        }
        _ => Vec::new(),
    };
    let words: Vec<&str> = value.raw().split_whitespace().collect();
    Said {
        key,
        names,
        text: words.join(" "),
        used: None,
    }
}

/// `"day"`, `"week"`, `"month"`.
fn feast(value: Value<'_>) -> Option<Feast> {
    let all = [
        ("day", Feast::Day),
        ("week", Feast::Week),
        ("month", Feast::Month),
    ];
    value.one_of(&all, &[])
}

/// The first digits of cards.
pub(super) fn bin(value: Value<'_>) -> Option<Bin> {
    let text = value.text()?;
    let found = Bin::parse(text);
    if found.is_none() {
        // Somebody may have written a whole card number: its line is not shown.
        let place = value.place();
        let place = Place::file(format!("{}:{}", place.source.name, place.line()));
        let fault = Fault::error("R03", place, "this is not the range of a card");
        value.report(fault.mend("six to eight digits, such as  bins = [\"999912\"]"));
    }
    found
}

/// Whether an event is asked for, at the head of a list or inside it.
pub(super) fn asks_for_event(list: &[Condition], inside: bool) -> bool {
    list.iter().any(|condition| match condition {
        Condition::Event(_) => !inside,
        Condition::Any(lists) => inside && lists.iter().any(|list| anywhere(list)),
        Condition::Not(list) => inside && anywhere(list),
        _ => false,
    })
}

fn anywhere(list: &[Condition]) -> bool {
    asks_for_event(list, false) || asks_for_event(list, true)
}

fn count(list: &[Condition]) -> usize {
    let of = |condition: &Condition| match condition {
        Condition::Any(lists) => 1 + lists.iter().map(|list| count(list)).sum::<usize>(),
        Condition::Not(list) => 1 + count(list),
        _ => 1,
    };
    list.iter().map(of).sum()
}
