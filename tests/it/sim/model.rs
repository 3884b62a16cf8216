//! What must hold, said as simply as it can be: what was told stays told, and every purchase has its effect once or not at all.
//! It knows nothing of how a reversal finds its original: the terminals say which purchase each message is about.

use std::collections::BTreeMap;

use clubswitch::ledger::{
    Account, Asked, Book, Entry, Function, Input, PurseKey, Request, Told, Verdict, Who, Window,
};
use clubswitch::terms::{Day, MemberId, PurseId, RuleId, UnitId};

use super::shop::{Shop, is_answer};

/// Terminal, trace number, its time, kind.
type Slot = ([u8; 8], u32, u32, u8);

/// A rule, what it gives, for whom it is counted, in which window, and the first day of it.
type Counter = (RuleId, UnitId, Who, Window, Day);

/// What was told, call by call.
#[derive(Default)]
pub(super) struct Model {
    told: Vec<Option<Told>>,
}

/// What the journal's entries say together.
#[derive(Default)]
struct Tally {
    /// The entry of each key.
    keys: BTreeMap<Slot, u64>,
    /// What each call was told, by the entry of its key.
    told: BTreeMap<usize, Told>,
    /// Of each purchase, what it moved, and what its reversal moved.
    moved: BTreeMap<usize, Vec<Entry>>,
    undone: BTreeMap<usize, Vec<Entry>>,
    accounts: BTreeMap<Account, i64>,
    lots: BTreeMap<PurseKey, i64>,
    opened: BTreeMap<(MemberId, PurseId), i64>,
    /// What counts toward caps: times and amount.
    caps: BTreeMap<Counter, (u64, i64)>,
}

impl Model {
    /// Something is told. The first answer is the only one.
    pub(super) fn told(&mut self, call: usize, told: &Told) -> Result<(), String> {
        if !is_answer(told) {
            return Ok(());
        }
        if self.told.len() <= call {
            self.told.resize(call + 1, None);
        }
        match &self.told[call] {
            Some(first) if first != told => {
                Err(format!("call {call} was told {first:?}, and then {told:?}"))
            }
            Some(_) => Ok(()),
            None => {
                self.told[call] = Some(told.clone());
                Ok(())
            }
        }
    }

    pub(super) fn first(&self, call: usize) -> Option<Told> {
        self.told.get(call).cloned().flatten()
    }

    /// Holds all durable entries and the book made of them against what was told.
    pub(super) fn check(
        &self,
        shop: &Shop,
        entries: &[Entry],
        book: &Book,
        at_the_end: bool,
    ) -> Result<(), String> {
        let tally = Tally::of(shop, entries)?;
        for (call, told) in self.told.iter().enumerate() {
            let Some(told) = told else {
                continue;
            };
            if told.verdict == Verdict::KeyConflict {
                let key = key_of(&shop.calls[call].request);
                if tally.told.contains_key(&call) || !tally.keys.contains_key(&key) {
                    return Err(format!(
                        "call {call} was told that its key is used, and nobody else has used it"
                    ));
                }
            } else if tally.told.get(&call) != Some(told) {
                return Err(format!(
                    "call {call} was told {told:?}, the journal has {:?}",
                    tally.told.get(&call)
                ));
            }
        }
        for at in 0..shop.buys.len() {
            self.check_buy(at, shop, &tally).map_err(|why| {
                format!("purchase {at}: {why}\n{}", self.story(at, shop, entries))
            })?;
        }
        tally.check_book(book)?;
        if at_the_end {
            self.check_receipts(shop, &tally, book)?;
        }
        Ok(())
    }

    /// Each message about a purchase and its answer, in the order of the journal, for whoever looks for the fault.
    fn story(&self, at: usize, shop: &Shop, entries: &[Entry]) -> String {
        let mut story: Vec<(u64, String)> = Vec::new();
        for call in shop.buys[at].asks.iter().chain(&shop.buys[at].undoes) {
            let asked = &shop.calls[*call].request.asked;
            let entry = entries.iter().find(|entry| match &entry.input {
                Input::Request(found) => name(found) == name(asked),
                _ => false,
            });
            let sequence = entry.map_or(0, |entry| entry.head.sequence.0);
            let effects = entry.map(|entry| {
                (
                    &entry.effects.original,
                    entry.effects.reverses,
                    &entry.effects.exception,
                )
            });
            story.push((
                sequence,
                format!(
                    "  entry {sequence}: call {call} {:?} {:?} of {:?}, {:?} {:?}, told {:?}, effects {effects:?}",
                    asked.mode, asked.function, asked.key, asked.amount, asked.original,
                    self.first(*call).map(|told| (told.verdict, told.pays))
                ),
            ));
        }
        story.sort();
        story.into_iter().map(|(_, line)| line + "\n").collect()
    }

    fn check_buy(&self, at: usize, shop: &Shop, tally: &Tally) -> Result<(), String> {
        let buy = &shop.buys[at];
        let none = Vec::new();
        let moved = tally.moved.get(&at).unwrap_or(&none);
        let undone = tally.undone.get(&at).unwrap_or(&none);
        if moved.len() > 1 || undone.len() > moved.len() {
            return Err(format!(
                "it had its effect {} times, and was undone {} times",
                moved.len(),
                undone.len()
            ));
        }
        let is_undone = buy.undoes.iter().any(|call| undoes(self.first(*call)));
        let stands = moved.len() > undone.len();
        if is_undone && stands {
            return Err("a reversal of it was answered, and it still has its effect".to_owned());
        }
        let told = buy.asks.iter().filter_map(|call| self.first(*call));
        let approved = told.clone().any(|told| told.verdict.is_approved());
        if approved && buy.undoes.is_empty() && !stands {
            return Err("it was approved, nobody reversed it, and it has no effect".to_owned());
        }
        if !undone.is_empty() {
            check_undone(&moved[0], &undone[0])?;
        }
        Ok(())
    }

    /// When everybody has his answer: what members have is what they had, and what their receipts say.
    fn check_receipts(&self, shop: &Shop, tally: &Tally, book: &Book) -> Result<(), String> {
        let mut has = tally.opened.clone();
        // What nobody came back to may be decided, and told to nobody.
        let first = |call: usize| self.first(call).or_else(|| tally.told.get(&call).cloned());
        for (at, buy) in shop.buys.iter().enumerate() {
            let approved = |call: &&usize| first(**call).is_some_and(|t| t.verdict.is_approved());
            if buy.undoes.iter().any(|call| undoes(first(*call))) {
                continue;
            }
            for call in buy.asks.iter().filter(approved) {
                let told = first(*call).unwrap();
                let lists = [(&told.earned, 1), (&told.redeemed, -1)];
                for (part, sign) in lists
                    .iter()
                    .flat_map(|(list, sign)| list.iter().map(move |part| (part, sign)))
                {
                    let member = told
                        .member
                        .ok_or_else(|| format!("purchase {at}: purses and no member"))?;
                    *has.entry((member, part.purse)).or_insert(0) += sign * part.amount;
                }
            }
        }
        for member in book.members() {
            for purse in member.holdings().iter().map(|held| held.purse) {
                let holdings = member
                    .holdings()
                    .into_iter()
                    .filter(|held| held.purse == purse);
                let left: i64 = holdings.map(|held| held.total() - held.debt).sum();
                let wanted = has.get(&(member.id, purse)).copied().unwrap_or(0);
                // What a shop gave, and was spent before it was taken back, the shop bears.
                let borne = book.names().purse(purse) == "merchant-credit" && left > wanted;
                if left != wanted && !borne {
                    return Err(format!(
                        "member {} has {left} in {}, by his receipts {wanted}",
                        member.id,
                        book.names().purse(purse)
                    ));
                }
            }
        }
        Ok(())
    }
}

impl Tally {
    fn of(shop: &Shop, entries: &[Entry]) -> Result<Tally, String> {
        let calls: BTreeMap<_, usize> = shop
            .calls
            .iter()
            .enumerate()
            .map(|(at, call)| (name(&call.request.asked), at))
            .collect();
        let mut tally = Tally::default();
        let mut buys = BTreeMap::new();
        for (at, entry) in entries.iter().enumerate() {
            if entry.head.sequence.0 != at as u64 + 1 {
                return Err(format!("entry {} follows {at}", entry.head.sequence));
            }
            tally.move_money(entry);
            let Input::Request(asked) = &entry.input else {
                continue;
            };
            let Some(call) = calls.get(&name(asked)).copied() else {
                return Err(format!(
                    "nobody has sent what entry {} answers",
                    entry.head.sequence
                ));
            };
            let told = entry
                .effects
                .told
                .clone()
                .ok_or("an answer that tells nothing")?;
            if tally.told.insert(call, told).is_some() {
                return Err(format!("call {call} is in the journal twice"));
            }
            let key = key_of(&shop.calls[call].request);
            if let Some(before) = tally.keys.insert(key, entry.head.sequence.0) {
                return Err(format!(
                    "entries {before} and {} have the same key",
                    entry.head.sequence
                ));
            }
            let buy = shop.calls[call].buy;
            let moves = !entry.effects.postings.is_empty() || !entry.effects.lots.is_empty();
            if asked.function == Function::Purchase && moves {
                tally.moved.entry(buy).or_default().push(entry.clone());
                buys.insert(entry.head.sequence, buy);
            }
            if asked.function == Function::Reversal && entry.effects.reverses {
                let original = entry.effects.original.and_then(|at| buys.get(&at));
                if original.is_some_and(|original| *original != buy) {
                    return Err(format!(
                        "call {call} has undone purchase {original:?} instead of {buy}"
                    ));
                }
                // One that was refused had no effect to be undone.
                if original.is_some() {
                    tally.undone.entry(buy).or_default().push(entry.clone());
                }
            }
        }
        Ok(tally)
    }

    fn move_money(&mut self, entry: &Entry) {
        for row in &entry.effects.counted {
            // A window that slides is counted day by day.
            let window = match row.window {
                Window::Days(_) => Window::Days(1),
                calendar => calendar,
            };
            let key = (row.rule, row.unit, row.who, window, window.first(row.day));
            let (times, amount) = self.caps.entry(key).or_default();
            if entry.effects.reverses {
                (*times, *amount) = (times.saturating_sub(1), *amount - row.amount);
            } else {
                (*times, *amount) = (*times + 1, *amount + row.amount);
            }
        }
        for posting in &entry.effects.postings {
            *self.accounts.entry(posting.from).or_insert(0) -= posting.amount;
            *self.accounts.entry(posting.to).or_insert(0) += posting.amount;
        }
        for lot in &entry.effects.lots {
            *self.lots.entry(lot.key).or_insert(0) += lot.amount;
            if matches!(entry.input, Input::Opened { .. }) {
                *self
                    .opened
                    .entry((lot.key.member, lot.key.purse))
                    .or_insert(0) += lot.amount;
            }
        }
    }

    /// The book says of each account what the postings add up to; a purse is its lots; nothing is made from nothing.
    fn check_book(&self, book: &Book) -> Result<(), String> {
        for (account, balance) in &self.accounts {
            if book.balance(*account) != *balance {
                return Err(format!(
                    "{account:?} has {}, its postings say {balance}",
                    book.balance(*account)
                ));
            }
            if let Account::Purse(key) = account
                && self.lots.get(key).copied().unwrap_or(0) != *balance
            {
                return Err(format!("{account:?} has {balance}, and other lots"));
            }
        }
        // What is older may have been dropped.
        let lately = Day((book.at().seconds() / 86_400) as i32 - 2);
        for ((rule, unit, who, window, first), (times, amount)) in &self.caps {
            let used = book.used((*rule, *unit), *who, *window, *first);
            if *first >= lately && (used.times, used.amount) != (*times, *amount) {
                return Err(format!(
                    "{rule:?} for {who:?} in {window:?} of {first}: {used:?} in the book, {times} times {amount} by its entries"
                ));
            }
        }
        let all: usize = book.members().map(|m| m.holdings().len()).sum();
        let known = self.lots.values().filter(|left| **left != 0).count();
        if all < known {
            return Err(format!("{known} purses have lots, the book has {all}"));
        }
        for (unit, in_lots, all) in book.sums_counted() {
            if all != 0 || in_lots < 0 {
                return Err(format!(
                    "{unit:?}: {in_lots} in lots, the sum of all is {all}"
                ));
            }
        }
        if book.imbalance() != 0 || book.sums() != book.sums_counted() {
            return Err("the running sums are not those of the accounts".to_owned());
        }
        Ok(())
    }
}

/// A purchase and its reversal leave everything as it was, save what the shop bears of credit it gave.
fn check_undone(moved: &Entry, undone: &Entry) -> Result<(), String> {
    let mut net: BTreeMap<Account, i64> = BTreeMap::new();
    for posting in moved
        .effects
        .postings
        .iter()
        .chain(&undone.effects.postings)
    {
        // What he owes for it counts as what he has not.
        let plain = |account| match account {
            Account::Debt(key) => Account::Purse(key),
            other => other,
        };
        *net.entry(plain(posting.from)).or_insert(0) -= posting.amount;
        *net.entry(plain(posting.to)).or_insert(0) += posting.amount;
    }
    for (account, left) in net {
        let borne = match account {
            Account::Purse(PurseKey { shop, .. }) => shop.is_some() && left > 0,
            Account::Outstanding { .. } => left < 0,
            _ => false,
        };
        if left != 0 && !borne {
            return Err(format!("undone, and {account:?} keeps {left}"));
        }
    }
    Ok(())
}

/// Whether an answer to a reversal says that it has been seen to.
fn undoes(told: Option<Told>) -> bool {
    told.is_some_and(|told| told.verdict.is_approved() || told.verdict == Verdict::OriginalNotFound)
}

/// A message by what its terminal knows of it.
fn name(asked: &Asked) -> ([u8; 8], u32, u32, u8, u64) {
    let key = &asked.key;
    (key.terminal, key.stan, key.local, key.kind, asked.digest)
}

/// What a terminal must use once.
fn key_of(request: &Request) -> Slot {
    let key = &request.asked.key;
    (key.terminal, key.stan, key.local, key.kind)
}
