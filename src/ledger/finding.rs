//! Under what an entry is found again: hashes of what later messages and people say of it. Memory keeps the newest in a ring,
//! the store all of them in sorted runs; both look under the same [`Item`]s, and whoever finds compares the entry itself.

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::ledger::{Entry, Function, Input, Key, OriginalRef};
use crate::terms::{AcquirerId, MemberId, Sequence, ShopId};

/// What an item is a hash of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Kind {
    /// A whole [`Key`]: the same message again.
    Key = 0,
    /// Acquirer, terminal, acceptor and STAN of a purchase: its reversal looks here.
    Original = 1,
    /// What a reversal without an original knows of it: a purchase that comes later looks here.
    Tombstone = 2,
    /// Acquirer, terminal and retrieval reference of a purchase.
    Reference = 3,
    /// The sequence of the entry that a reversal has undone.
    Undone = 4,
    /// A retrieval reference alone, for people.
    Rrn = 5,
    /// A member: the number itself.
    Member = 6,
    /// A shop: the number itself.
    Shop = 7,
}

impl Kind {
    /// Every kind, in the order of its number.
    pub const ALL: [Kind; 8] = [
        Kind::Key,
        Kind::Original,
        Kind::Tombstone,
        Kind::Reference,
        Kind::Undone,
        Kind::Rrn,
        Kind::Member,
        Kind::Shop,
    ];
}

/// One thing that an entry is found under.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Item {
    /// What it is a hash of.
    pub kind: Kind,
    /// The hash, XXH3 seeded with the kind; of members and shops their number. Keys, originals and tombstones of one acquirer,
    /// terminal, acceptor and STAN have the upper half in common.
    pub hash: u64,
}

impl Item {
    fn of(kind: Kind, bytes: &[u8]) -> Item {
        Item {
            kind,
            hash: xxh3_64_with_seed(bytes, kind as u64),
        }
    }

    /// One of those that have acquirer, terminal, acceptor and STAN in common.
    fn at(trace: u64, kind: Kind, bytes: &[u8]) -> Item {
        let Item { kind, hash } = Item::of(kind, bytes);
        Item {
            kind,
            hash: trace & 0xffff_ffff_0000_0000 | hash & 0xffff_ffff,
        }
    }

    /// The same message again.
    pub fn key(key: &Key) -> Item {
        let bytes = key.bytes();
        Item::at(trace(&bytes), Kind::Key, &bytes)
    }

    /// A purchase by acquirer, terminal, acceptor and STAN.
    pub fn original(key: &Key) -> Item {
        let bytes = key.bytes();
        Item::at(trace(&bytes), Kind::Original, &bytes[..29])
    }

    /// A purchase by its retrieval reference at a terminal.
    pub fn reference(acquirer: AcquirerId, terminal: &[u8; 8], rrn: &[u8; 12]) -> Item {
        Item::of(Kind::Reference, &referred(acquirer, terminal, rrn))
    }

    /// The reversal that undid an entry.
    pub fn undone(original: Sequence) -> Item {
        Item::of(Kind::Undone, &original.0.to_le_bytes())
    }

    /// An entry by its retrieval reference alone.
    pub fn rrn(rrn: &[u8; 12]) -> Item {
        Item::of(Kind::Rrn, rrn)
    }

    /// What happened to a member.
    pub fn member(id: MemberId) -> Item {
        Item {
            kind: Kind::Member,
            hash: u64::from(id.0),
        }
    }

    /// What happened at a shop.
    pub fn shop(id: ShopId) -> Item {
        Item {
            kind: Kind::Shop,
            hash: u64::from(id.0),
        }
    }

    /// Reversals that wait for a purchase with this acquirer, terminal, acceptor and STAN.
    pub fn tombstone(key: &Key) -> Item {
        let bytes = key.bytes();
        Item::at(trace(&bytes), Kind::Tombstone, &bytes[..29])
    }

    /// Reversals that wait for a purchase with this retrieval reference at a terminal.
    pub fn tombstone_by_reference(
        acquirer: AcquirerId,
        terminal: &[u8; 8],
        rrn: &[u8; 12],
    ) -> Item {
        Item::of(Kind::Tombstone, &referred(acquirer, terminal, rrn))
    }

    /// Where a reversal that found nothing stands: under what it knows of the original that it waits for.
    pub fn waiting(key: &Key, original: &OriginalRef) -> Item {
        match (original.stan, original.rrn) {
            (None, Some(rrn)) => Item::tombstone_by_reference(key.acquirer, &key.terminal, &rrn),
            (stan, _) => Item::tombstone(&Key {
                stan: stan.unwrap_or(key.stan),
                ..*key
            }),
        }
    }
}

/// A hash of acquirer, terminal, acceptor and STAN.
fn trace(key: &[u8]) -> u64 {
    xxh3_64_with_seed(&key[..29], Kind::Original as u64)
}

fn referred(acquirer: AcquirerId, terminal: &[u8; 8], rrn: &[u8; 12]) -> [u8; 22] {
    let mut bytes = [0; 22];
    bytes[..2].copy_from_slice(&acquirer.0.to_le_bytes());
    bytes[2..10].copy_from_slice(terminal);
    bytes[10..].copy_from_slice(rrn);
    bytes
}

/// What messages find an entry by.
pub type Items = [Option<Item>; 3];

/// What messages find an entry by: at most three items, and none where it is no answer to a message.
pub fn decisive(entry: &Entry) -> Items {
    let Input::Request(asked) = &entry.input else {
        return [None; 3];
    };
    let effects = &entry.effects;
    let (second, third) = match (asked.function, effects.original) {
        (Function::Reversal, Some(original)) if effects.reverses => {
            (None, Some(Item::undone(original)))
        }
        (Function::Reversal, None) => {
            let original = asked.original.unwrap_or_default();
            (Some(Item::waiting(&asked.key, &original)), None)
        }
        (function, _) if function.is_reversible() => {
            let told = effects.told.as_ref().and_then(|told| told.rrn);
            let reference = asked
                .rrn
                .or(told)
                .map(|rrn| Item::reference(asked.key.acquirer, &asked.key.terminal, &rrn));
            (Some(Item::original(&asked.key)), reference)
        }
        _ => (None, None),
    };
    [Some(Item::key(&asked.key)), second, third]
}

/// Everything an entry is found under, appended to `items`.
pub fn items(entry: &Entry, items: &mut Vec<Item>) {
    items.extend(decisive(entry).into_iter().flatten());
    if let Input::Request(asked) = &entry.input {
        let told = entry.effects.told.as_ref().and_then(|told| told.rrn);
        items.extend(asked.rrn.or(told).as_ref().map(Item::rrn));
    }
    let effects = &entry.effects;
    let enrolled = effects.members.iter().map(|change| change.member());
    let mut members: SmallVec<[MemberId; 16]> =
        effects.member.into_iter().chain(enrolled).collect();
    let mut shops: SmallVec<[ShopId; 16]> = effects.shop.into_iter().collect();
    // Whoever folds an account finds every entry that moved it.
    for posting in &effects.postings {
        for account in [posting.from, posting.to] {
            members.extend(account.member());
            shops.extend(account.shop());
        }
    }
    members.extend(effects.lots.iter().map(|moved| moved.key.member));
    members.sort_unstable();
    members.dedup();
    items.extend(members.into_iter().map(Item::member));
    shops.sort_unstable();
    shops.dedup();
    items.extend(shops.into_iter().map(Item::shop));
}
