//! Conversions from pocket to pocket: no circle of them may have more at its end than at its beginning.

use std::cmp::Ordering;

use crate::source::Value;

/// So much of one pocket is so much of another.
pub(super) struct Edge<'f> {
    pub(super) from: &'f str,
    pub(super) to: &'f str,
    pub(super) give: u32,
    pub(super) get: u32,
    pub(super) place: Value<'f>,
}

/// What a way along conversions makes of one rial: numerator, denominator, the conversions.
#[derive(Clone)]
struct Way {
    get: Natural,
    give: Natural,
    edges: Vec<usize>,
}

/// Conversions from a pocket back to itself, and what is made of what, where the numbers can be shown.
pub(super) struct Circle {
    pub(super) way: Vec<usize>,
    pub(super) makes: Option<(u128, u128)>,
}

/// The shortest circle that has more at its end than at its beginning.
pub(super) fn gain(edges: &[Edge<'_>]) -> Option<Circle> {
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
