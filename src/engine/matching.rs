//! How a reversal and its original find each other (S18): by acquirer, terminal, acceptor and STAN, narrowed by all that both carry.

use crate::engine::{Engine, Hand, Missing, terminal_time};
use crate::ledger::{Asked, Entry, Function, Input, Item, Key, Mode, OriginalRef, Told};
use crate::terms::person::Identity;
use crate::terms::{Moment, Rials, Sequence};

/// How many entries of one STAN or reference are looked at, newest first. A terminal that sends the same one for ever has no more
/// that it could still mean.
pub(super) const CANDIDATES_MOST: usize = 64;

/// What the search for an original found.
pub(super) enum Found {
    /// Nothing.
    None,
    /// This one.
    One(Box<Entry>),
    /// More than one that fit equally.
    Many,
}

impl Engine {
    /// The original of a reversal.
    pub(super) fn original(&self, hand: &Hand<'_>) -> Result<Found, Missing> {
        let asked = &hand.request.asked;
        let reference = asked.original.unwrap_or_default();
        // Named by its retrieval reference alone, it has a STAN and a time that the reversal need not know.
        let item = original_item(hand);
        // The purchase may be as old as it likes, whatever the terminal's clock said.
        let found = self.found(item, hand, None)?;
        let mut candidates = self.entries(found, hand)?;
        candidates
            .retain(|entry| self.fits(entry, &reference, hand) && !self.is_forgotten(entry, hand));
        let mut candidates = self.entries(purchases(&candidates), hand)?;
        without_refused(&mut candidates);
        // Each thing that a reversal carries tells between those that are left, as long as it fits one of them.
        for tells in [of_kind, of_trace_and_time, of_amount] {
            narrow(&mut candidates, |entry| tells(entry, &reference, asked));
        }
        if candidates.len() > 1 {
            let mut standing = Vec::with_capacity(candidates.len());
            let mut missing = Missing::default();
            for entry in candidates.iter().filter(|entry| is_approved(entry)) {
                match self.reversed_by(entry.head.sequence, hand) {
                    Ok(None) => standing.push(entry.head.sequence),
                    Ok(Some(_)) => {}
                    Err(more) => {
                        missing.entries.extend(more.entries);
                        missing.items.extend(more.items);
                    }
                }
            }
            if !(missing.entries.is_empty() && missing.items.is_empty()) {
                return Err(missing);
            }
            narrow(&mut candidates, |entry| {
                standing.contains(&entry.head.sequence)
            });
        }
        Ok(match candidates.len() {
            0 => Found::None,
            1 => Found::One(Box::new(candidates.remove(0))),
            _ => Found::Many,
        })
    }

    /// Everything that deciding this message may have to look under.
    pub(super) fn likely_items(&self, hand: &Hand<'_>) -> Vec<Item> {
        let mut items = vec![Item::key(&hand.key)];
        match hand.request.asked.function {
            Function::Purchase | Function::Load | Function::Transfer => {
                items.push(Item::tombstone(&hand.key));
                items.push(Item::original(&hand.key));
                if let Some(rrn) = hand.request.asked.rrn {
                    let (acquirer, terminal) = (hand.acquirer, &hand.key.terminal);
                    items.push(Item::tombstone_by_reference(acquirer, terminal, &rrn));
                    items.push(Item::reference(acquirer, terminal, &rrn));
                }
            }
            Function::Reversal => items.push(original_item(hand)),
            Function::Quote | Function::Balance | Function::Enrol | Function::AddCard => {}
        }
        items
    }

    /// The earliest moment at which an earlier copy of this request can have been decided: its own time on the terminal, less what
    /// a terminal may be ahead of us. An advice is sent again for days, by terminals with any clock: of it nothing is concluded.
    pub(super) fn earliest(&self, hand: &Hand<'_>) -> Option<Moment> {
        *hand.earliest.get_or_init(|| {
            let asked = &hand.request.asked;
            if self.book.memory().first().0 <= 1 || asked.mode == Mode::Advise {
                return None;
            }
            let local = terminal_time(asked, hand.local)?;
            let at = self.rules.world.zone.moment(local);
            Some(at.plus_seconds(-self.limits.ahead_seconds))
        })
    }

    /// Entries under an item, newest first, so many as can still be meant. What was decided since `since` is remembered or asked for;
    /// without a moment, everything.
    pub(super) fn found(
        &self,
        item: Item,
        hand: &Hand<'_>,
        since: Option<Moment>,
    ) -> Result<Vec<Sequence>, Missing> {
        let mut found: Vec<Sequence> = self.book.remembered(item).take(CANDIDATES_MOST).collect();
        let memory = self.book.memory();
        let first = memory.first();
        let remembered = since.zip(memory.since());
        if first.0 <= 1 || remembered.is_some_and(|(since, from)| from <= since) {
            return Ok(found);
        }
        let brought = hand.brought.found.iter().find(|older| older.item == item);
        match brought {
            Some(older) if older.up_to.next() >= first => {
                let before = older.sequences.iter().copied().filter(|at| *at < first);
                let room = CANDIDATES_MOST - found.len();
                found.extend(before.take(room));
                Ok(found)
            }
            _ => Err(Missing {
                items: vec![item],
                ..Missing::default()
            }),
        }
    }

    /// Whether it was decided before anything is known again: then it is another message that looks the same.
    pub(super) fn is_forgotten(&self, entry: &Entry, hand: &Hand<'_>) -> bool {
        let days = i64::from(self.limits.duplicate_days) + 1;
        entry.head.at < hand.now.plus_seconds(-86_400 * days)
    }

    /// The reversal that undid an entry.
    pub(super) fn reversed_by(
        &self,
        original: Sequence,
        hand: &Hand<'_>,
    ) -> Result<Option<Sequence>, Missing> {
        let memory = self.book.memory();
        if let Some(reversal) = memory.undone_by(original) {
            return Ok(Some(reversal));
        }
        // A reversal stands behind its original.
        if original >= memory.first() {
            return Ok(None);
        }
        let found = self.found(Item::undone(original), hand, None)?;
        let known = self.entries(found, hand)?;
        let undid =
            |entry: &&Entry| entry.effects.reverses && entry.effects.original == Some(original);
        Ok(known.iter().find(undid).map(|entry| entry.head.sequence))
    }

    /// An entry, from the group being decided, from memory, or from what was brought.
    fn entry(&self, sequence: Sequence, hand: &Hand<'_>) -> Option<Entry> {
        let brought = || {
            let mut all = hand.brought.entries.iter();
            all.find(|entry| entry.head.sequence == sequence).cloned()
        };
        self.group
            .entry(sequence)
            .or_else(|| self.recent.entry(sequence))
            .or_else(brought)
    }

    /// The entries of some sequences that are not gone, or all that nobody has brought yet.
    pub(super) fn entries(
        &self,
        all: Vec<Sequence>,
        hand: &Hand<'_>,
    ) -> Result<Vec<Entry>, Missing> {
        let mut found = Vec::with_capacity(all.len());
        let mut missing = Missing::default();
        for sequence in all {
            match self.entry(sequence, hand) {
                Some(entry) => found.push(entry),
                None if sequence < hand.brought.gone_before => {}
                None => missing.entries.push(sequence),
            }
        }
        if missing.entries.is_empty() {
            Ok(found)
        } else {
            Err(missing)
        }
    }

    fn fits(&self, entry: &Entry, reference: &OriginalRef, hand: &Hand<'_>) -> bool {
        let Input::Request(before) = &entry.input else {
            return false;
        };
        let same_place = before.key.acquirer == hand.acquirer
            && before.key.terminal == hand.key.terminal
            && before.key.acceptor == hand.key.acceptor;
        // A card that both know must be one member's. Who pays for a load may load another's card.
        let paid_by = Some(hand.request.card).filter(|_| before.function != Function::Load);
        let same_member = match (paid_by.flatten(), entry.effects.club, entry.effects.member) {
            (Some(token), Some(club), Some(member)) => self
                .book
                .who(club, Identity::Card(token))
                .is_none_or(|who| who == member),
            _ => true,
        };
        let own_time = hand.key.local;
        same_place
            && same_member
            && agrees(reference, own_time, before, entry.effects.told.as_ref())
    }

    /// Whether a reversal of this purchase came before it.
    pub(super) fn finds_tombstone(&self, hand: &Hand<'_>) -> Result<bool, Missing> {
        // A reversal of it is no older than it says of itself.
        let since = self.earliest(hand);
        let mut waiting = self.found(Item::tombstone(&hand.key), hand, since)?;
        if let Some(rrn) = hand.request.asked.rrn {
            let item = Item::tombstone_by_reference(hand.acquirer, &hand.key.terminal, &rrn);
            waiting.extend(self.found(item, hand, since)?);
        }
        if waiting.is_empty() {
            return Ok(false);
        }
        let mut all = self.entries(waiting, hand)?;
        all.retain(|entry| !self.is_forgotten(entry, hand) && entry.effects.original.is_none());
        let asked = Asked {
            key: hand.key,
            ..hand.request.asked.clone()
        };
        let at = terminal_time(&asked, hand.local);
        Ok(all.iter().any(|entry| {
            let Input::Request(reversal) = &entry.input else {
                return false;
            };
            let reference = reversal.original.unwrap_or_default();
            // Nothing is undone before it happens: a later purchase is another one that has the same STAN or reference.
            let later = match (at, terminal_time(reversal, hand.local)) {
                (Some(at), Some(undone)) => at > undone,
                _ => false,
            };
            let same_amount = match (reversal.amount, asked.amount) {
                (Some(undone), Some(amount)) if reference.stan.is_none() => undone == amount,
                _ => true,
            };
            !later
                && same_amount
                && reversal.key.acquirer == hand.acquirer
                && reversal.key.terminal == hand.key.terminal
                && reversal.key.acceptor == hand.key.acceptor
                && agrees(&reference, reversal.key.local, &asked, None)
        }))
    }
}

/// Under what a reversal looks for its original.
fn original_item(hand: &Hand<'_>) -> Item {
    let reference = hand.request.asked.original.unwrap_or_default();
    match (reference.stan, reference.rrn) {
        (None, Some(rrn)) => Item::reference(hand.acquirer, &hand.key.terminal, &rrn),
        (stan, _) => Item::original(&Key {
            stan: stan.unwrap_or(hand.key.stan),
            ..hand.key
        }),
    }
}

/// The purchases that some entries stand for: a confirmation stands for the one that it confirms. Each once.
fn purchases(entries: &[Entry]) -> Vec<Sequence> {
    let mut all: Vec<Sequence> = entries
        .iter()
        .map(|entry| entry.effects.original.unwrap_or(entry.head.sequence))
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// A request that was refused and the advice that told of it all the same are one purchase, and the advice is what there is to undo.
fn without_refused(candidates: &mut Vec<Entry>) {
    let trace = |entry: &Entry| request(entry).map(|asked| (asked.key.stan, asked.key.local));
    let approved = candidates.iter().filter(|entry| is_approved(entry));
    let approved: Vec<_> = approved.map(trace).collect();
    candidates.retain(|entry| is_approved(entry) || !approved.contains(&trace(entry)));
}

pub(super) fn is_approved(entry: &Entry) -> bool {
    let told = entry.effects.told.as_ref();
    told.is_some_and(|told| told.verdict.is_approved())
}

/// Leaves those that something tells apart, where it fits any.
fn narrow(candidates: &mut Vec<Entry>, tells: impl Fn(&Entry) -> bool) {
    if candidates.len() > 1 && candidates.iter().any(&tells) {
        candidates.retain(|entry| tells(entry));
    }
}

fn of_kind(entry: &Entry, reference: &OriginalRef, _: &Asked) -> bool {
    request(entry).is_some_and(|before| reference.kind == Some(before.key.kind))
}

/// Terminals repeat STAN, date and time of the original in its reversal.
fn of_trace_and_time(entry: &Entry, reference: &OriginalRef, asked: &Asked) -> bool {
    request(entry).is_some_and(|before| {
        let stan = reference.stan.unwrap_or(asked.key.stan);
        before.key.stan == stan && before.key.local == asked.key.local
    })
}

fn of_amount(entry: &Entry, _: &OriginalRef, asked: &Asked) -> bool {
    asked.amount.is_some() && amounts(entry).contains(&asked.amount)
}

fn request(entry: &Entry) -> Option<&Asked> {
    match &entry.input {
        Input::Request(before) => Some(before),
        _ => None,
    }
}

/// Whether what a reversal says of its original is what a request was. What either leaves out matches anything, and so does the
/// time of transmission where the terminal's own time is the same: a repeat is transmitted anew.
fn agrees(reference: &OriginalRef, own_time: u32, before: &Asked, told: Option<&Told>) -> bool {
    fn same<T: PartialEq>(wanted: Option<T>, there: Option<T>) -> bool {
        match (wanted, there) {
            (Some(wanted), Some(there)) => wanted == there,
            _ => true,
        }
    }
    let rrn = before.rrn.or(told.and_then(|told| told.rrn));
    before.function.is_reversible()
        && same(reference.stan, Some(before.key.stan))
        && same(reference.local, Some(before.key.local))
        && (same(reference.transmitted, before.transmitted) || own_time == before.key.local)
        && same(reference.rrn, rrn)
}

/// What a reversal may give as the amount of an original: as it was asked, or as it was answered.
pub(super) fn amounts(entry: &Entry) -> [Option<Rials>; 2] {
    let Input::Request(before) = &entry.input else {
        return [None, None];
    };
    let pays = entry.effects.told.as_ref().and_then(|told| told.pays);
    [before.amount, pays]
}
