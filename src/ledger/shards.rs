//! A hash table in shards behind `Arc`: cloned in microseconds, a shard copied when it is first changed while a clone lives.
//! Which shard a key is in follows from the key alone, so that equal tables are equal shard by shard.

use std::hash::Hash;
use std::sync::Arc;

use crate::terms::Map;

/// How many shards: one of a table of ten million is a quarter of a megabyte, copied in some 30 µs.
const SHARDS: usize = 1024;

/// What tells the shard of a key.
pub(super) trait Sharded {
    /// Any number that spreads.
    fn shard(&self) -> u64;
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Shards<K, V> {
    shards: Vec<Arc<Map<K, V>>>,
    /// When each shard was last swept.
    swept: Arc<Vec<i32>>,
    keys: usize,
}

impl<K: Hash + Eq + Ord + Copy + Sharded, V: Clone> Shards<K, V> {
    /// An empty table.
    pub(super) fn new() -> Shards<K, V> {
        Shards {
            shards: (0..SHARDS).map(|_| Arc::default()).collect(),
            swept: Arc::default(),
            keys: 0,
        }
    }

    /// How many keys it has.
    pub(super) fn len(&self) -> usize {
        self.keys
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &K) -> Option<V>
    where
        V: Copy,
    {
        self.look(key).copied()
    }

    /// The value of a key, where it stands.
    pub(super) fn look(&self, key: &K) -> Option<&V> {
        self.shards[place(key)].get(key)
    }

    /// Changes the value of a key that is there.
    pub(super) fn change<T>(&mut self, key: &K, change: impl FnOnce(&mut V) -> T) -> Option<T> {
        self.look(key)?;
        Arc::make_mut(&mut self.shards[place(key)])
            .get_mut(key)
            .map(change)
    }

    /// Takes a key out.
    pub(super) fn remove(&mut self, key: &K) {
        let shard = Arc::make_mut(&mut self.shards[place(key)]);
        self.keys -= usize::from(shard.remove(key).is_some());
    }

    /// Keeps only what is wanted in the shard of a key, the first time after `now` has become another.
    pub(super) fn sweep(&mut self, key: &K, now: i32, wanted: impl Fn(&V) -> bool) {
        let at = place(key);
        if self.swept.get(at) == Some(&now) {
            return;
        }
        let swept = Arc::make_mut(&mut self.swept);
        swept.resize(SHARDS, i32::MIN);
        swept[at] = now;
        let shard = Arc::make_mut(&mut self.shards[at]);
        let before = shard.len();
        shard.retain(|_, value| wanted(value));
        self.keys -= before - shard.len();
    }

    /// Sets the value of a key.
    pub(super) fn insert(&mut self, key: K, value: V) {
        let shard = Arc::make_mut(&mut self.shards[place(&key)]);
        self.keys += usize::from(shard.insert(key, value).is_none());
    }

    /// The value of a key, to be changed; the default where there was none.
    pub(super) fn entry(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        let shard = Arc::make_mut(&mut self.shards[place(&key)]);
        let keys = &mut self.keys;
        shard.entry(key).or_insert_with(|| {
            *keys += 1;
            V::default()
        })
    }

    /// Every key with its value, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (K, V)>
    where
        V: Copy,
    {
        let pairs = self.shards.iter().flat_map(|shard| shard.iter());
        pairs.map(|(key, value)| (*key, *value))
    }

    /// Every key with its value, shard by shard, in the order of the keys of each.
    pub(super) fn sorted(&self) -> impl Iterator<Item = (K, V)> {
        self.shards.iter().flat_map(|shard| {
            let mut all: Vec<(K, V)> = shard
                .iter()
                .map(|(key, value)| (*key, value.clone()))
                .collect();
            all.sort_unstable_by_key(|(key, _)| *key);
            all
        })
    }

    /// Makes room for so many keys in all.
    pub(super) fn reserve(&mut self, keys: usize) {
        for shard in &mut self.shards {
            Arc::make_mut(shard).reserve(keys / SHARDS + keys / SHARDS / 16);
        }
    }
}

fn place<K: Sharded>(key: &K) -> usize {
    // Fibonacci hashing: the upper bits of the product are spread whatever the lower ones of the number are.
    (key.shard().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Sharded for u64 {
        fn shard(&self) -> u64 {
            *self
        }
    }

    #[test]
    fn a_clone_stays_as_it_was_and_equal_tables_sort_alike() {
        let mut table = Shards::new();
        (0..5_000u64).for_each(|key| table.insert(key, key));
        let then = table.clone();
        *table.entry(7) = 70;
        *table.entry(5_000) += 3;
        assert_eq!(
            (then.get(&7), then.get(&5_000), then.len()),
            (Some(7), None, 5_000)
        );
        assert_eq!(
            (table.get(&7), table.get(&5_000), table.len()),
            (Some(70), Some(3), 5_001)
        );
        let mut other = Shards::new();
        (0..5_000u64).rev().for_each(|key| other.insert(key, key));
        assert!(then.sorted().eq(other.sorted()));
        assert_eq!(then.iter().count(), 5_000);
    }
}
