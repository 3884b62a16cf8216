//! The purchases of a member, one record a day and shop, oldest first: what every window is counted from. Packed, about a dozen
//! bytes each: zigzag LEB128 of day − 20,000, then LEB128 of shop, times, spent, redeemed.

use crate::ledger::record::{BadRecord, Recorded};
use crate::terms::{Day, Rials, ShopId};

/// How many days the log reaches back: the longest window a rule may ask for.
pub const VISIT_DAYS: i32 = 400;

/// Bytes that a record takes at most, but for shops and sums beyond the usual.
const RECORD_USUAL: usize = 16;

/// Numbers of a record.
const NUMBERS: usize = 5;

/// The day that is written as zero: 2024-10-04.
const DAY_ZERO: i32 = 20_000;

/// What a member bought at one shop on one day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VisitDay {
    /// The day.
    pub day: Day,
    /// The shop.
    pub shop: ShopId,
    /// How often.
    pub times: u32,
    /// The sum of the bills, each less its discount.
    pub spent: Rials,
    /// What purses paid of it.
    pub redeemed: Rials,
}

impl VisitDay {
    fn put(&self, out: &mut Vec<u8>) {
        (self.day.0 - DAY_ZERO).put(out);
        self.shop.put(out);
        self.times.put(out);
        self.spent.0.put(out);
        self.redeemed.0.put(out);
    }

    fn take(from: &mut &[u8]) -> Result<VisitDay, BadRecord> {
        Ok(VisitDay {
            day: Day(i32::take(from)?.saturating_add(DAY_ZERO)),
            shop: Recorded::take(from)?,
            times: Recorded::take(from)?,
            spent: Recorded::take(from)?,
            redeemed: Recorded::take(from)?,
        })
    }
}

/// The log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Purchases {
    bytes: Vec<u8>,
    /// Where the last record begins.
    last: u32,
}

impl Purchases {
    /// Every record, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = VisitDay> {
        let mut left = &self.bytes[..];
        std::iter::from_fn(move || {
            if left.is_empty() {
                return None;
            }
            VisitDay::take(&mut left).ok()
        })
    }

    /// Every record, newest first: whoever asks for a window need not read what was before it.
    pub fn newest_first(&self) -> impl Iterator<Item = VisitDay> {
        let mut left = &self.bytes[..];
        std::iter::from_fn(move || {
            let (_, before) = left.split_last()?;
            // The last byte of a number is below 0x80: a record begins behind the fifth such byte before its own last one.
            let ends = before.iter().enumerate().rev();
            let mut ends = ends.filter(|(_, byte)| **byte < 0x80);
            let begins = ends.nth(NUMBERS - 1).map_or(0, |(at, _)| at + 1);
            let mut record = &left[begins..];
            left = &left[..begins];
            VisitDay::take(&mut record).ok()
        })
    }

    /// The newest record.
    pub fn last(&self) -> Option<VisitDay> {
        self.last_record()
    }

    /// What purses paid on a day, over all shops.
    pub fn redeemed_on(&self, day: Day) -> Rials {
        if self.last_record().is_none_or(|last| last.day < day) {
            return Rials::ZERO;
        }
        let of_day = self.iter().filter(|visit| visit.day == day);
        Rials(of_day.map(|visit| visit.redeemed.0).sum())
    }

    /// How many purchases there were in all of it.
    pub fn times(&self) -> u64 {
        self.iter().map(|visit| u64::from(visit.times)).sum()
    }

    /// How many bytes it takes.
    pub fn bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// A purchase enters, or (`sign` −1) leaves. What is older than any window is dropped.
    pub(super) fn log(&mut self, day: Day, shop: ShopId, spent: Rials, redeemed: Rials, sign: i64) {
        let visit = VisitDay {
            day,
            shop,
            times: 1,
            spent,
            redeemed,
        };
        match self.last_record() {
            // The usual: the newest record grows, or a newer one comes.
            Some(last) if (last.day, last.shop) == (day, shop) && sign > 0 => {
                self.bytes.truncate(self.last as usize);
                self.append(added(last, visit, 1));
            }
            Some(last) if last.day > day || sign < 0 => self.log_older(visit, sign),
            None if sign < 0 => {}
            // Of the same day, but not the last shop of it.
            Some(last) if last.day == day && self.holds(day, shop) => self.log_older(visit, sign),
            _ => self.append(visit),
        }
    }

    /// The last byte.
    pub(super) fn look(&self) -> u8 {
        self.bytes.last().copied().unwrap_or(0)
    }

    fn last_record(&self) -> Option<VisitDay> {
        let mut from = self.bytes.get(self.last as usize..)?;
        VisitDay::take(&mut from).ok()
    }

    fn holds(&self, day: Day, shop: ShopId) -> bool {
        self.iter()
            .any(|visit| (visit.day, visit.shop) == (day, shop))
    }

    fn append(&mut self, visit: VisitDay) {
        self.drop_old(visit.day);
        self.last = self.bytes.len() as u32;
        // By a little at a time: a log that doubles would be half empty for most members.
        if self.bytes.capacity() < self.bytes.len() + RECORD_USUAL {
            self.bytes
                .reserve_exact(2 * RECORD_USUAL + self.bytes.len() / 8);
        }
        visit.put(&mut self.bytes);
    }

    fn drop_old(&mut self, newest: Day) {
        let mut left = &self.bytes[..];
        let mut dropped = 0;
        while !left.is_empty()
            && let Ok(oldest) = VisitDay::take(&mut left)
            && oldest.day.plus(VISIT_DAYS) < newest
        {
            dropped = self.bytes.len() - left.len();
        }
        if dropped > 0 {
            self.bytes.drain(..dropped);
            self.last = self.last.saturating_sub(dropped as u32);
        }
    }

    /// The rare way: a day that is not the newest, or a purchase that is taken back.
    fn log_older(&mut self, visit: VisitDay, sign: i64) {
        let mut all: Vec<VisitDay> = self.iter().collect();
        let at = all
            .iter()
            .rposition(|there| (there.day, there.shop) == (visit.day, visit.shop));
        match at {
            Some(at) => {
                all[at] = added(all[at], visit, sign);
                if all[at].times == 0 {
                    all.remove(at);
                }
            }
            None if sign < 0 => return,
            None => {
                let at = all.partition_point(|there| there.day <= visit.day);
                all.insert(at, visit);
            }
        }
        self.bytes.clear();
        self.last = 0;
        let newest = all.last().map_or(visit.day, |last| last.day);
        all.retain(|there| there.day.plus(VISIT_DAYS) >= newest);
        for visit in all {
            self.append(visit);
        }
    }
}

fn added(to: VisitDay, visit: VisitDay, sign: i64) -> VisitDay {
    VisitDay {
        times: if sign > 0 {
            to.times + visit.times
        } else {
            to.times.saturating_sub(visit.times)
        },
        spent: Rials(to.spent.0 + sign * visit.spent.0),
        redeemed: Rials(to.redeemed.0 + sign * visit.redeemed.0),
        ..to
    }
}

impl Recorded for Purchases {
    fn put(&self, out: &mut Vec<u8>) {
        (self.bytes.len() as u32).put(out);
        out.extend_from_slice(&self.bytes);
    }
    fn take(from: &mut &[u8]) -> Result<Purchases, BadRecord> {
        let length = u32::take(from)? as usize;
        let (bytes, rest) = from.split_at_checked(length).ok_or(BadRecord::Short)?;
        *from = rest;
        let (mut left, mut last) = (bytes, 0);
        while !left.is_empty() {
            last = (bytes.len() - left.len()) as u32;
            VisitDay::take(&mut left)?;
        }
        Ok(Purchases {
            bytes: bytes.to_vec(),
            last,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same by the plainest means.
    fn naive(all: &mut Vec<VisitDay>, visit: VisitDay, sign: i64) {
        let held = |v: &VisitDay| (v.day, v.shop) == (visit.day, visit.shop);
        match all.iter().position(held) {
            Some(at) => {
                all[at] = added(all[at], visit, sign);
                if all[at].times == 0 {
                    all.remove(at);
                }
            }
            None if sign > 0 => all.push(visit),
            None => {}
        }
        all.sort_by_key(|v| v.day);
        let newest = all.last().map_or(visit.day, |last| last.day);
        all.retain(|v| v.day.plus(VISIT_DAYS) >= newest);
    }

    #[test]
    fn any_order_gives_what_a_plain_list_gives() {
        let mut state = 7u64;
        let mut roll = move |bound: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % bound
        };
        for _ in 0..200 {
            let (mut log, mut list, mut made) = (Purchases::default(), Vec::new(), Vec::new());
            let mut today = 20_700;
            for _ in 0..120 {
                today += roll(9) as i32;
                if roll(5) == 0 && !made.is_empty() {
                    let at = roll(made.len() as u64) as usize;
                    let visit: VisitDay = made.swap_remove(at);
                    log.log(visit.day, visit.shop, visit.spent, visit.redeemed, -1);
                    naive(&mut list, visit, -1);
                } else {
                    let visit = VisitDay {
                        day: Day(today - (roll(10) == 0) as i32 * roll(500) as i32),
                        shop: ShopId(roll(3) as u32),
                        times: 1,
                        spent: Rials(roll(5_000_000) as i64),
                        redeemed: Rials(roll(2) as i64 * roll(100_000) as i64),
                    };
                    made.push(visit);
                    log.log(visit.day, visit.shop, visit.spent, visit.redeemed, 1);
                    naive(&mut list, visit, 1);
                }
                // What is dropped for its age and taken back later is in neither.
                let oldest = list
                    .last()
                    .map_or(Day(0), |last: &VisitDay| last.day.plus(-VISIT_DAYS));
                made.retain(|visit| visit.day >= oldest);
                let mut held: Vec<VisitDay> = log.iter().collect();
                let mut turned: Vec<VisitDay> = log.newest_first().collect();
                turned.reverse();
                assert_eq!(turned, held);
                held.sort_by_key(|v| (v.day, v.shop));
                list.sort_by_key(|v| (v.day, v.shop));
                assert_eq!(held, list);
                assert_eq!(
                    log.times(),
                    list.iter().map(|v| u64::from(v.times)).sum::<u64>()
                );
            }
            let mut bytes = Vec::new();
            log.put(&mut bytes);
            assert_eq!(Purchases::take(&mut &bytes[..]), Ok(log));
        }
    }

    #[test]
    fn a_purchase_day_takes_about_a_dozen_bytes() {
        let mut log = Purchases::default();
        for day in 0..365 {
            log.log(
                Day(20_700 + day),
                ShopId(300 + day as u32 % 7),
                Rials(2_755_555),
                Rials(0),
                1,
            );
        }
        assert!(log.bytes() <= 365 * 12, "{} bytes", log.bytes());
    }
}
