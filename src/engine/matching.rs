//! How a reversal and its original find each other (S18): by acquirer, terminal, acceptor and STAN, narrowed by all that both carry.

use crate::engine::{Engine, Hand, Missing};
use crate::ledger::{Asked, Entry, Function, Input, Key, OriginalRef, Told};
use crate::terms::person::Identity;
use crate::terms::{Rials, Sequence};

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
        let found: Vec<Sequence> = match (reference.stan, reference.rrn) {
            (None, Some(rrn)) => self
                .book
                .with_reference(hand.acquirer, &hand.key.terminal, &rrn)
                .into_iter()
                .collect(),
            (stan, _) => {
                let stan = stan.unwrap_or(hand.key.stan);
                self.book.originals(&Key { stan, ..hand.key }).collect()
            }
        };
        let mut candidates = self.entries(found, hand)?;
        candidates.retain(|entry| self.fits(entry, &reference, hand));
        if candidates.len() > 1
            && let Some(amount) = asked.amount
        {
            candidates.retain(|entry| amounts(entry).contains(&Some(amount)));
        }
        Ok(match candidates.len() {
            0 => Found::None,
            1 => Found::One(Box::new(candidates.remove(0))),
            _ => Found::Many,
        })
    }

    fn entries(&self, all: Vec<Sequence>, hand: &Hand<'_>) -> Result<Vec<Entry>, Missing> {
        let mut found = Vec::with_capacity(all.len());
        let mut missing = Vec::new();
        for sequence in all {
            match self.entry(sequence, hand.fetched) {
                Ok(entry) => found.push(entry),
                Err(Missing(needed)) => missing.extend(needed),
            }
        }
        if missing.is_empty() {
            Ok(found)
        } else {
            Err(Missing(missing))
        }
    }

    fn fits(&self, entry: &Entry, reference: &OriginalRef, hand: &Hand<'_>) -> bool {
        let Input::Request(before) = &entry.input else {
            return false;
        };
        let same_place = before.key.acquirer == hand.acquirer
            && before.key.terminal == hand.key.terminal
            && before.key.acceptor == hand.key.acceptor;
        // A card that both know must be one member's.
        let same_member = match (hand.request.card, entry.effects.club, entry.effects.member) {
            (Some(token), Some(club), Some(member)) => self
                .book
                .who(club, Identity::Card(token))
                .is_none_or(|who| who == member),
            _ => true,
        };
        same_place && same_member && agrees(reference, before, entry.effects.told.as_ref())
    }

    /// Whether a reversal of this purchase came before it.
    pub(super) fn finds_tombstone(&self, hand: &Hand<'_>) -> Result<bool, Missing> {
        let all = self.entries(
            self.book
                .tombstones(&hand.key, hand.request.asked.rrn)
                .collect(),
            hand,
        )?;
        let asked = Asked {
            key: hand.key,
            ..hand.request.asked.clone()
        };
        Ok(all.iter().any(|entry| {
            let Input::Request(reversal) = &entry.input else {
                return false;
            };
            let reference = reversal.original.unwrap_or_default();
            reversal.key.acquirer == hand.acquirer
                && reversal.key.terminal == hand.key.terminal
                && reversal.key.acceptor == hand.key.acceptor
                && agrees(&reference, &asked, None)
        }))
    }
}

/// Whether what a reversal says of its original is what a request was. What either leaves out matches anything.
fn agrees(reference: &OriginalRef, before: &Asked, told: Option<&Told>) -> bool {
    fn same<T: PartialEq>(wanted: Option<T>, there: Option<T>) -> bool {
        match (wanted, there) {
            (Some(wanted), Some(there)) => wanted == there,
            _ => true,
        }
    }
    let rrn = before.rrn.or(told.and_then(|told| told.rrn));
    before.function == Function::Purchase
        && same(reference.kind, Some(before.key.kind))
        && same(reference.stan, Some(before.key.stan))
        && same(reference.local, Some(before.key.local))
        && same(reference.transmitted, before.transmitted)
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
