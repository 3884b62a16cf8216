//! What a member has as of an entry, folded from his own entries alone: a second, smaller way to what the book says of him.

use std::collections::BTreeMap;

use crate::ledger::{
    Account, Entry, Lot, LotMove, Member, MemberChange, Posting, Standing, TierId,
    purchases::VISIT_DAYS,
};
use crate::terms::{ClubId, Day, MemberId, Moment, PersonId, PurseId, ShopId};

/// A member as of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Then {
    pub(super) id: MemberId,
    pub(super) club: ClubId,
    pub(super) joined: Day,
    pub(super) tier: Option<TierId>,
    /// The tier he stands in by what he has bought.
    pub(super) standing: Option<Standing>,
    /// The day he was born.
    pub(super) born: Option<Day>,
    pub(super) marketer: Option<PersonId>,
    pub(super) introducer: Option<MemberId>,
    /// Those in use, by purse and, for merchant credit, shop.
    pub(super) purses: BTreeMap<(PurseId, Option<ShopId>), Purse>,
    /// How often he bought, by day and shop.
    visits: BTreeMap<(Day, ShopId), u32>,
}

/// A purse as of an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Purse {
    /// What he owes it, in smallest units.
    pub(super) debt: i64,
    /// What is in it, in the order of their numbers.
    pub(super) lots: Vec<Lot>,
}

impl Purse {
    /// What can be spent at a moment on a day.
    pub(super) fn can_spend(&self, at: Moment, today: Day) -> i64 {
        let usable = self.lots.iter().filter(|lot| lot.is_usable(at, today));
        (usable.map(|lot| lot.amount).sum::<i64>() - self.debt).max(0)
    }

    /// What waits for an event and has not lapsed.
    pub(super) fn waits(&self, today: Day) -> i64 {
        let waiting = |lot: &&Lot| lot.is_held() && !lot.is_dead(today);
        self.lots.iter().filter(waiting).map(|lot| lot.amount).sum()
    }

    /// The sum of its lots, usable or not.
    pub(super) fn total(&self) -> i64 {
        self.lots.iter().map(|lot| lot.amount).sum()
    }
}

impl Then {
    /// As the book has him.
    pub(super) fn of(member: &Member) -> Then {
        let purses = member.holdings().into_iter().map(|held| {
            let mut lots = held.lots.clone();
            lots.sort_unstable_by_key(|lot| lot.id);
            let purse = Purse {
                debt: held.debt,
                lots,
            };
            ((held.purse, held.shop), purse)
        });
        let visits = member.purchases.iter();
        Then {
            id: member.id,
            club: member.club,
            joined: member.joined,
            tier: member.tier,
            standing: member.standing(),
            born: member.born(),
            marketer: member.marketer(),
            introducer: member.introducer(),
            purses: purses.collect(),
            visits: visits.map(|v| ((v.day, v.shop), v.times)).collect(),
        }
    }

    /// As the entry that makes `id` a member leaves him; `None` where another one does.
    pub(super) fn beginning(id: MemberId, entry: &Entry) -> Option<Then> {
        let enrolled = entry
            .effects
            .members
            .iter()
            .find_map(|change| match change {
                MemberChange::Enrolled {
                    member,
                    club,
                    joined,
                    marketer,
                    introducer,
                    tier,
                    ..
                } if *member == id => Some(Then {
                    id,
                    club: *club,
                    joined: *joined,
                    tier: *tier,
                    standing: None,
                    born: None,
                    marketer: *marketer,
                    introducer: *introducer,
                    purses: BTreeMap::new(),
                    visits: BTreeMap::new(),
                }),
                _ => None,
            });
        let mut then = enrolled?;
        then.apply(entry);
        Some(then)
    }

    /// Takes the next entry that touches him.
    pub(super) fn apply(&mut self, entry: &Entry) {
        let effects = &entry.effects;
        for change in &effects.members {
            match change {
                MemberChange::Tier { member, tier } if *member == self.id => self.tier = *tier,
                MemberChange::Standing { member, after } if *member == self.id => {
                    self.standing = *after;
                }
                MemberChange::Born { member, day } if *member == self.id => self.born = Some(*day),
                MemberChange::Marketer { member, marketer } if *member == self.id => {
                    self.marketer = *marketer;
                }
                _ => {}
            }
        }
        for posting in &effects.postings {
            self.post(posting);
        }
        let id = self.id;
        for moved in effects.lots.iter().filter(|m| m.key.member == id) {
            self.move_lot(moved);
        }
        if let Some(visit) = effects.visit.filter(|visit| visit.member == self.id) {
            self.log_visit(visit.day, visit.shop, effects.reverses);
        }
        let in_use = |purse: &Purse| purse.debt != 0 || !purse.lots.is_empty();
        self.purses.retain(|_, purse| in_use(purse));
    }

    /// How many purchases his log holds.
    pub(super) fn purchases(&self) -> u64 {
        self.visits.values().map(|times| u64::from(*times)).sum()
    }

    fn purse(&mut self, purse: PurseId, shop: Option<ShopId>) -> &mut Purse {
        self.purses.entry((purse, shop)).or_default()
    }

    fn post(&mut self, posting: &Posting) {
        let sides = [
            (posting.from, posting.amount),
            (posting.to, -posting.amount),
        ];
        for (account, owed) in sides {
            if let Account::Debt(key) = account
                && key.member == self.id
            {
                self.purse(key.purse, key.shop).debt += owed;
            }
        }
    }

    fn move_lot(&mut self, moved: &LotMove) {
        let lots = &mut self.purse(moved.key.purse, moved.key.shop).lots;
        match lots.binary_search_by_key(&moved.lot, |lot| lot.id) {
            Ok(at) => {
                lots[at].amount += moved.amount;
                if lots[at].amount == 0 {
                    lots.remove(at);
                }
            }
            Err(at) => lots.insert(
                at,
                Lot {
                    id: moved.lot,
                    terms: moved.terms,
                    amount: moved.amount,
                },
            ),
        }
    }

    fn log_visit(&mut self, day: Day, shop: ShopId, undone: bool) {
        if !undone {
            *self.visits.entry((day, shop)).or_default() += 1;
        } else if let Some(times) = self.visits.get_mut(&(day, shop)) {
            *times -= 1;
            if *times == 0 {
                self.visits.remove(&(day, shop));
            }
        } else {
            return;
        }
        let newest = self
            .visits
            .last_key_value()
            .map_or(day, |((day, _), _)| *day);
        self.visits
            .retain(|(day, _), _| day.plus(VISIT_DAYS) >= newest);
    }
}
