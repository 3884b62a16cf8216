//! A table that grows at its end and is cloned in microseconds: rows stand in leaves behind `Arc`, leaves in nodes. Who changes a row while
//! a clone lives copies the row's leaf first, once; that is how a snapshot is written while deciding goes on.

use std::sync::Arc;

use smallvec::SmallVec;

/// Rows of a leaf: fifteen members and the leaf's head fill 4 KiB nearly. With sixteen they would need the allocator's next size, which
/// is a quarter larger.
const LEAF: usize = 15;
/// Leaves of a node: to clone a node costs so many counts.
const NODE: usize = 256;

type Leaf<T> = SmallVec<[T; LEAF]>;
type Node<T> = Vec<Arc<Leaf<T>>>;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Table<T> {
    nodes: Vec<Arc<Node<T>>>,
    rows: usize,
}

impl<T: Clone> Table<T> {
    /// A table without rows.
    pub(super) fn new() -> Table<T> {
        Table {
            nodes: Vec::new(),
            rows: 0,
        }
    }

    /// How many rows it has.
    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// A row.
    pub(super) fn get(&self, at: usize) -> Option<&T> {
        let node = self.nodes.get(at / (NODE * LEAF))?;
        node.get(at / LEAF % NODE)?.get(at % LEAF)
    }

    /// A row and how often its leaf is shared: looked at before it is changed, both are near then.
    pub(super) fn look(&self, at: usize) -> Option<(&T, usize)> {
        let node = self.nodes.get(at / (NODE * LEAF))?;
        let leaf = node.get(at / LEAF % NODE)?;
        Some((leaf.get(at % LEAF)?, Arc::strong_count(leaf)))
    }

    /// A row, to be changed.
    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        let node = self.nodes.get_mut(at / (NODE * LEAF))?;
        let leaf = Arc::make_mut(node).get_mut(at / LEAF % NODE)?;
        Arc::make_mut(leaf).get_mut(at % LEAF)
    }

    /// Appends a row.
    pub(super) fn push(&mut self, row: T) {
        if self.rows.is_multiple_of(NODE * LEAF) {
            self.nodes.push(Arc::new(Vec::with_capacity(NODE)));
        }
        let node = self.nodes.last_mut().expect("one was made just now");
        let node = Arc::make_mut(node);
        if self.rows.is_multiple_of(LEAF) {
            node.push(Arc::new(Leaf::new()));
        }
        let leaf = node.last_mut().expect("one was made just now");
        Arc::make_mut(leaf).push(row);
        self.rows += 1;
    }

    /// All rows, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.nodes
            .iter()
            .flat_map(|node| node.iter())
            .flat_map(|leaf| leaf.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_stays_as_it_was() {
        let mut table = Table::new();
        for at in 0..10_000 {
            table.push(at);
        }
        let then = table.clone();
        for at in (0..10_000).step_by(7) {
            *table.get_mut(at).unwrap() = 0;
        }
        table.push(10_000);
        assert!(then.iter().copied().eq(0..10_000));
        let now = (0..=10_000).map(|at| if at % 7 == 0 && at < 10_000 { 0 } else { at });
        assert!(table.iter().copied().eq(now));
        assert_eq!((then.len(), table.len()), (10_000, 10_001));
        assert_eq!((then.get(10_000), table.get(10_001)), (None, None));
    }

    #[test]
    fn only_what_is_touched_is_copied() {
        let mut table = Table::new();
        for at in 0..100_000u32 {
            table.push(at);
        }
        let then = table.clone();
        *table.get_mut(5).unwrap() = 0;
        let shared = |at: usize| Arc::ptr_eq(&table.nodes[at], &then.nodes[at]);
        assert!(!shared(0) && (1..table.nodes.len()).all(shared));
        let shared = |at: usize| Arc::ptr_eq(&table.nodes[0][at], &then.nodes[0][at]);
        assert!(!shared(0) && (1..NODE).all(shared));
    }
}
