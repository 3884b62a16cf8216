//! A member of a club: what he has, lot by lot, and when and where he bought.

use smallvec::SmallVec;

use crate::ledger::purchases::Purchases;
use crate::ledger::record::{BadRecord, Recorded};
use crate::ledger::{EventId, Hold, Lot, LotId, LotMove, LotTerms, TierId};
use crate::terms::{ClubId, Day, MemberId, Moment, PersonId, PurseId, Rials, RuleId, ShopId};

/// Lots that stand in the member himself; more of them stand apart.
const LOTS_INLINE: usize = 4;

/// One purse of a member (merchant credit: one for each shop).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holding {
    /// Which purse.
    pub purse: PurseId,
    /// At which shop, for merchant credit.
    pub shop: Option<ShopId>,
    /// What he owes it, in smallest units; new earnings pay it first.
    pub debt: i64,
    /// What is in it.
    pub lots: Vec<Lot>,
}

impl Holding {
    /// What can be spent at a moment on a day of the club's zone, whatever a batch has done: never below zero.
    pub fn available(&self, at: Moment, today: Day) -> i64 {
        self.net(at, today).max(0)
    }

    /// What can be spent less what is owed: below zero where more is owed.
    pub fn net(&self, at: Moment, today: Day) -> i64 {
        let usable: i64 = self
            .lots
            .iter()
            .filter(|lot| lot.is_usable(at, today))
            .map(|lot| lot.amount)
            .sum();
        usable - self.debt
    }

    /// The sum of its lots, usable or not.
    pub fn total(&self) -> i64 {
        self.lots.iter().map(|lot| lot.amount).sum()
    }
}

impl LotTerms {
    /// Whether a lot can be spent under them at a moment on a day of the club's zone.
    pub fn allow(&self, at: Moment, today: Day) -> bool {
        let dead = self.dies.is_some_and(|dies| dies <= today);
        self.usable_from <= at && self.hold.is_none() && !dead
    }
}

impl Lot {
    /// Whether it can be spent at a moment on a day of the club's zone.
    pub fn is_usable(&self, at: Moment, today: Day) -> bool {
        self.terms.allow(at, today)
    }

    /// Whether it waits for an event.
    pub fn is_held(&self) -> bool {
        self.terms.hold.is_some()
    }

    /// Whether it has expired by that day, or lapsed while it waited.
    pub fn is_dead(&self, today: Day) -> bool {
        let lapsed = self.terms.hold.is_some_and(|hold| hold.lapses <= today);
        lapsed || self.terms.dies.is_some_and(|dies| dies <= today)
    }
}

/// A lot with the purse it is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeldLot {
    /// Which purse.
    pub purse: PurseId,
    /// At which shop, for merchant credit.
    pub shop: Option<ShopId>,
    /// The lot.
    pub lot: Lot,
}

/// What a member owes one of his purses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Debt {
    /// Which purse.
    pub purse: PurseId,
    /// At which shop, for merchant credit.
    pub shop: Option<ShopId>,
    /// How much, in smallest units; above zero.
    pub amount: i64,
}

/// A tier that was reached by buying, and when it was last looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// The tier.
    pub tier: TierId,
    /// The Jalali month of it: twelve times the year, and the month less one.
    pub month: u16,
}

/// How a card stands. Only an issued one may spend.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum CardState {
    /// In use.
    #[default]
    Issued,
    /// Stopped for a while.
    Suspended,
    /// Not in use yet, or not any more.
    Inactive,
    /// Given up.
    Terminated,
    /// Never valid.
    Void,
}

impl CardState {
    /// Every state, in the order of its number, with its name in card files and commands.
    pub const ALL: [(CardState, &'static str); 5] = [
        (CardState::Issued, "issued"),
        (CardState::Suspended, "suspended"),
        (CardState::Inactive, "inactive"),
        (CardState::Terminated, "terminated"),
        (CardState::Void, "void"),
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        CardState::ALL[self as usize].1
    }
}

/// A held lot in 40 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Packed {
    usable_from: i64,
    amount: i64,
    id: u32,
    /// [`NEVER`]: it does not expire.
    dies: i32,
    /// [`NO_SHOP`]: none.
    shop: u32,
    /// [`NO_RULE`]: none.
    rule: Three,
    booked: Three,
    purse: u16,
    /// The event it waits for; [`NONE`]: none.
    until: u16,
    /// When it lapses without it: so many days after `booked`.
    lapses: i16,
}

/// A number of 24 bits, lowest byte first.
type Three = [u8; 3];

fn three(number: u32) -> Three {
    let [a, b, c, _] = number.to_le_bytes();
    [a, b, c]
}

fn number([a, b, c]: Three) -> u32 {
    u32::from_le_bytes([a, b, c, 0])
}

/// Days are counted from here: all of them from the year 0 to 45,000 have 24 bits.
const FIRST_DAY: i32 = -719_528;
/// The last id of 24 bits is given to nothing.
const NO_RULE: u32 = (1 << 24) - 1;
const NEVER: i32 = i32::MAX;
const NO_SHOP: u32 = u32::MAX;
/// The last id of 32 bits is given to nobody.
const NOBODY: u32 = u32::MAX;
/// The last id of 16 bits is given to nothing.
const NONE: u16 = u16::MAX;

impl Packed {
    fn of(held: HeldLot) -> Packed {
        let HeldLot { purse, shop, lot } = held;
        let days = |hold: Hold| hold.lapses.0.saturating_sub(lot.terms.booked.0);
        let lapses = lot.terms.hold.map_or(0, days);
        Packed {
            usable_from: lot.terms.usable_from.0,
            amount: lot.amount,
            id: lot.id.0,
            booked: three((lot.terms.booked.0.saturating_sub(FIRST_DAY)).max(0) as u32),
            dies: lot.terms.dies.map_or(NEVER, |day| day.0),
            shop: shop.map_or(NO_SHOP, |shop| shop.0),
            rule: three(lot.terms.rule.map_or(NO_RULE, |rule| rule.0)),
            purse: purse.0,
            until: lot.terms.hold.map_or(NONE, |hold| hold.until.0),
            lapses: lapses.clamp(i16::MIN.into(), i16::MAX.into()) as i16,
        }
    }

    fn held(self) -> HeldLot {
        let rule = number(self.rule);
        let booked = Day(FIRST_DAY + number(self.booked) as i32);
        HeldLot {
            purse: PurseId(self.purse),
            shop: self.at(),
            lot: Lot {
                id: LotId(self.id),
                terms: LotTerms {
                    rule: (rule != NO_RULE).then_some(RuleId(rule)),
                    booked,
                    usable_from: Moment(self.usable_from),
                    dies: (self.dies != NEVER).then_some(Day(self.dies)),
                    hold: (self.until != NONE).then_some(Hold {
                        until: EventId(self.until),
                        lapses: booked.plus(self.lapses.into()),
                    }),
                },
                amount: self.amount,
            },
        }
    }

    fn at(self) -> Option<ShopId> {
        (self.shop != NO_SHOP).then_some(ShopId(self.shop))
    }
}

/// A member. 256 bytes, with up to four lots; more lots and the log of purchases stand apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// His number.
    pub id: MemberId,
    /// His club.
    pub club: ClubId,
    /// The business day he joined.
    pub joined: Day,
    /// His tier, where it was given by hand.
    pub tier: Option<TierId>,
    /// See [`Member::marketer`]; [`NOBODY`]: none.
    marketer: u32,
    /// See [`Member::introducer`]; [`NOBODY`]: none.
    introducer: u32,
    /// See [`Member::standing`]; [`NONE`]: none.
    standing: (u16, u16),
    /// The number the next lot will have.
    pub next_lot: LotId,
    /// His purchases, day by day and shop by shop.
    pub purchases: Purchases,
    /// [`NEVER`]: not known.
    born: i32,
    /// How his card stands, where he is the holder of one.
    pub card: CardState,
    /// How many cards he is known by.
    pub cards: u8,
    lots: SmallVec<[Packed; LOTS_INLINE]>,
    /// Few have any of it: eight bytes in all others.
    seldom: Option<Box<Seldom>>,
}

/// What few members have.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Seldom {
    /// What he owes.
    debts: Vec<Debt>,
    /// Limits of credit lines that are his own.
    limits: Vec<(PurseId, Rials)>,
}

impl Member {
    /// One who has just joined and has nothing yet.
    pub fn new(id: MemberId, club: ClubId, joined: Day) -> Member {
        Member {
            id,
            club,
            joined,
            tier: None,
            marketer: NOBODY,
            introducer: NOBODY,
            standing: (NONE, 0),
            born: NEVER,
            next_lot: LotId(0),
            purchases: Purchases::default(),
            card: CardState::Issued,
            cards: 0,
            lots: SmallVec::new(),
            seldom: None,
        }
    }

    /// Who gets the marketer's part of his purchases.
    pub fn marketer(&self) -> Option<PersonId> {
        (self.marketer != NOBODY).then_some(PersonId(self.marketer))
    }

    /// Sets who gets it.
    pub fn set_marketer(&mut self, marketer: Option<PersonId>) {
        self.marketer = marketer.map_or(NOBODY, |person| person.0);
    }

    /// The member who brought him.
    pub fn introducer(&self) -> Option<MemberId> {
        (self.introducer != NOBODY).then_some(MemberId(self.introducer))
    }

    /// Sets who brought him.
    pub fn set_introducer(&mut self, introducer: Option<MemberId>) {
        self.introducer = introducer.map_or(NOBODY, |member| member.0);
    }

    /// The tier he stands in by what he has bought, where his club measures that.
    pub fn standing(&self) -> Option<Standing> {
        let (tier, month) = self.standing;
        (tier != NONE).then_some(Standing {
            tier: TierId(tier),
            month,
        })
    }

    /// Sets it.
    pub fn set_standing(&mut self, standing: Option<Standing>) {
        self.standing = standing.map_or((NONE, 0), |s| (s.tier.0, s.month));
    }

    /// The day he was born, where it is known.
    pub fn born(&self) -> Option<Day> {
        (self.born != NEVER).then_some(Day(self.born))
    }

    /// Keeps the day he was born.
    pub fn set_born(&mut self, day: Option<Day>) {
        self.born = day.map_or(NEVER, |day| day.0);
    }

    /// The limit of a credit line, where he has one of his own.
    pub fn limit(&self, purse: PurseId) -> Option<Rials> {
        let mut limits = self.limits().iter();
        let own = limits.find(|(of, _)| *of == purse);
        own.map(|(_, limit)| *limit)
    }

    /// Limits of credit lines that are his own.
    pub fn limits(&self) -> &[(PurseId, Rials)] {
        self.seldom.as_ref().map_or(&[], |seldom| &seldom.limits)
    }

    /// Gives him a limit of his own, or takes it away.
    pub fn set_limit(&mut self, purse: PurseId, limit: Option<Rials>) {
        let limits = &mut self.seldom.get_or_insert_default().limits;
        limits.retain(|(of, _)| *of != purse);
        limits.extend(limit.map(|limit| (purse, limit)));
        limits.sort_unstable();
        self.keep_seldom();
    }

    fn keep_seldom(&mut self) {
        let nothing = Seldom::default();
        self.seldom = self.seldom.take().filter(|seldom| **seldom != nothing);
    }

    /// Everything he has, in the order it came.
    pub fn lots(&self) -> impl Iterator<Item = HeldLot> {
        self.lots.iter().map(|packed| packed.held())
    }

    /// What can be spent of one purse, what he owes it not taken off.
    pub fn usable(&self, purse: PurseId, shop: Option<ShopId>, at: Moment, today: Day) -> i64 {
        let shop = shop.map_or(NO_SHOP, |shop| shop.0);
        let usable = |lot: &&Packed| {
            (lot.purse, lot.shop) == (purse.0, shop)
                && lot.usable_from <= at.0
                && lot.until == NONE
                && lot.dies > today.0
        };
        self.lots.iter().filter(usable).map(|lot| lot.amount).sum()
    }

    /// The lots of one purse that were given under just these terms, with what is in them. Seldom more than one.
    pub fn lots_under(
        &self,
        purse: PurseId,
        shop: Option<ShopId>,
        terms: LotTerms,
    ) -> impl Iterator<Item = (LotId, i64)> {
        let (id, amount) = (LotId(0), 0);
        let lot = Lot { id, terms, amount };
        let wanted = Packed::of(HeldLot { purse, shop, lot });
        let same = move |lot: &&Packed| {
            let (id, amount) = (wanted.id, wanted.amount);
            Packed {
                id,
                amount,
                ..**lot
            } == wanted
        };
        let same = self.lots.iter().filter(same);
        same.map(|lot| (LotId(lot.id), lot.amount))
    }

    /// Everything he owes.
    pub fn debts(&self) -> &[Debt] {
        self.seldom.as_ref().map_or(&[], |seldom| &seldom.debts)
    }

    /// What he owes one purse.
    pub fn debt(&self, purse: PurseId, shop: Option<ShopId>) -> i64 {
        self.debts()
            .iter()
            .find(|debt| (debt.purse, debt.shop) == (purse, shop))
            .map_or(0, |debt| debt.amount)
    }

    /// The sum of the lots of one purse, usable or not.
    pub fn total(&self, purse: PurseId, shop: Option<ShopId>) -> i64 {
        self.lots
            .iter()
            .filter(|lot| lot.purse == purse.0 && lot.at() == shop)
            .map(|lot| lot.amount)
            .sum()
    }

    /// One of his purses, where he has or owes something.
    pub fn holding(&self, purse: PurseId, shop: Option<ShopId>) -> Option<Holding> {
        let held = Holding {
            purse,
            shop,
            debt: self.debt(purse, shop),
            lots: self
                .lots()
                .filter(|held| (held.purse, held.shop) == (purse, shop))
                .map(|held| held.lot)
                .collect(),
        };
        (held.debt != 0 || !held.lots.is_empty()).then_some(held)
    }

    /// All his purses in which he has or owes something.
    pub fn holdings(&self) -> Vec<Holding> {
        let mut keys: Vec<(PurseId, Option<ShopId>)> = self
            .lots()
            .map(|held| (held.purse, held.shop))
            .chain(self.debts().iter().map(|debt| (debt.purse, debt.shop)))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter()
            .filter_map(|(purse, shop)| self.holding(purse, shop))
            .collect()
    }

    /// What purses paid for him on a day, over all shops.
    pub fn redeemed_on(&self, day: Day) -> Rials {
        self.purchases.redeemed_on(day)
    }

    /// A sum of what will be changed in him: to come to it is to have it near.
    pub(super) fn look(&self) -> i64 {
        let lots: i64 = self.lots.iter().map(|lot| lot.amount).sum();
        lots.wrapping_add(self.purchases.look().into())
    }

    fn uses(&self, purse: PurseId, shop: Option<ShopId>) -> bool {
        let in_it = |lot: &Packed| lot.purse == purse.0 && lot.at() == shop;
        self.lots.iter().any(in_it) || self.debt(purse, shop) != 0
    }

    /// A debt grows, or falls where negative. Gives by how many his purses in use have become more.
    pub(super) fn owe(&mut self, purse: PurseId, shop: Option<ShopId>, more: i64) -> isize {
        let before = self.uses(purse, shop);
        let debts = &mut self.seldom.get_or_insert_default().debts;
        let at = debts
            .iter()
            .position(|debt| (debt.purse, debt.shop) == (purse, shop))
            .unwrap_or_else(|| {
                debts.push(Debt {
                    purse,
                    shop,
                    amount: 0,
                });
                debts.len() - 1
            });
        debts[at].amount += more;
        assert!(debts[at].amount >= 0, "nobody pays more than he owes");
        if debts[at].amount == 0 {
            debts.remove(at);
        }
        self.keep_seldom();
        isize::from(self.uses(purse, shop)) - isize::from(before)
    }

    /// A lot gains or loses; an emptied one goes, one that is not there comes with its terms. Gives by how many his purses in
    /// use have become more.
    pub(super) fn move_lot(&mut self, moved: &LotMove) -> isize {
        if moved.lot >= self.next_lot {
            self.next_lot = LotId(moved.lot.0 + 1);
        }
        // A lot's number is its own among all of the member's.
        match self.lots.iter().position(|lot| lot.id == moved.lot.0) {
            Some(at) => {
                let lot = &mut self.lots[at];
                assert!(
                    lot.purse == moved.key.purse.0 && lot.at() == moved.key.shop,
                    "a lot stays in its purse"
                );
                lot.amount += moved.amount;
                assert!(lot.amount >= 0, "a lot never goes below zero");
                if lot.amount > 0 {
                    return 0;
                }
                self.lots.remove(at);
                isize::from(self.uses(moved.key.purse, moved.key.shop)) - 1
            }
            None => {
                assert!(
                    moved.amount > 0,
                    "only what is there can be taken from a lot"
                );
                let before = self.uses(moved.key.purse, moved.key.shop);
                self.lots.push(Packed::of(HeldLot {
                    purse: moved.key.purse,
                    shop: moved.key.shop,
                    lot: Lot {
                        id: moved.lot,
                        terms: moved.terms,
                        amount: moved.amount,
                    },
                }));
                1 - isize::from(before)
            }
        }
    }
}

impl Recorded for HeldLot {
    fn put(&self, out: &mut Vec<u8>) {
        self.purse.put(out);
        self.shop.put(out);
        self.lot.put(out);
    }
    fn take(from: &mut &[u8]) -> Result<HeldLot, BadRecord> {
        Ok(HeldLot {
            purse: Recorded::take(from)?,
            shop: Recorded::take(from)?,
            lot: Recorded::take(from)?,
        })
    }
}

impl Recorded for CardState {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }
    fn take(from: &mut &[u8]) -> Result<CardState, BadRecord> {
        let at = usize::from(u8::take(from)?);
        let known = CardState::ALL.get(at).map(|(state, _)| *state);
        known.ok_or(BadRecord::Unknown("a state of a card"))
    }
}

impl Recorded for Standing {
    fn put(&self, out: &mut Vec<u8>) {
        self.tier.put(out);
        self.month.put(out);
    }
    fn take(from: &mut &[u8]) -> Result<Standing, BadRecord> {
        Ok(Standing {
            tier: Recorded::take(from)?,
            month: Recorded::take(from)?,
        })
    }
}

impl Recorded for Debt {
    fn put(&self, out: &mut Vec<u8>) {
        self.purse.put(out);
        self.shop.put(out);
        self.amount.put(out);
    }
    fn take(from: &mut &[u8]) -> Result<Debt, BadRecord> {
        Ok(Debt {
            purse: Recorded::take(from)?,
            shop: Recorded::take(from)?,
            amount: Recorded::take(from)?,
        })
    }
}

impl Recorded for Member {
    fn put(&self, out: &mut Vec<u8>) {
        self.id.put(out);
        self.club.put(out);
        self.joined.put(out);
        self.tier.put(out);
        self.marketer().put(out);
        self.introducer().put(out);
        self.next_lot.put(out);
        self.purchases.put(out);
        (self.lots.len() as u32).put(out);
        self.lots().for_each(|held| held.put(out));
        (self.debts().len() as u32).put(out);
        self.debts().iter().for_each(|debt| debt.put(out));
        // A lot's record is the journal's of format 1, which knows of no hold.
        let held: Vec<(u32, Hold)> = (0..)
            .zip(self.lots())
            .filter_map(|(at, held)| held.lot.terms.hold.map(|hold| (at, hold)))
            .collect();
        held.put(out);
        self.standing().put(out);
        self.born().put(out);
        self.card.put(out);
        self.cards.put(out);
        self.limits().to_vec().put(out);
    }
    fn take(from: &mut &[u8]) -> Result<Member, BadRecord> {
        let id = Recorded::take(from)?;
        let club = Recorded::take(from)?;
        let joined = Recorded::take(from)?;
        let mut member = Member::new(id, club, joined);
        member.tier = Recorded::take(from)?;
        member.set_marketer(Recorded::take(from)?);
        member.set_introducer(Recorded::take(from)?);
        member.next_lot = Recorded::take(from)?;
        member.purchases = Recorded::take(from)?;
        for _ in 0..u32::take(from)? {
            member.lots.push(Packed::of(HeldLot::take(from)?));
        }
        let debts = Vec::<Debt>::take(from)?;
        for (at, hold) in Vec::<(u32, Hold)>::take(from)? {
            let packed = member.lots.get_mut(at as usize);
            let packed = packed.ok_or(BadRecord::Unknown("a hold of a lot that is not there"))?;
            let mut held = packed.held();
            held.lot.terms.hold = Some(hold);
            *packed = Packed::of(held);
        }
        member.set_standing(Recorded::take(from)?);
        member.set_born(Recorded::take(from)?);
        member.card = Recorded::take(from)?;
        member.cards = Recorded::take(from)?;
        let limits = Vec::<(PurseId, Rials)>::take(from)?;
        if !debts.is_empty() || !limits.is_empty() {
            member.seldom = Some(Box::new(Seldom { debts, limits }));
        }
        Ok(member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::PurseKey;

    #[test]
    fn a_member_with_four_lots_takes_a_sixteenth_of_a_leaf() {
        assert!(
            size_of::<Packed>() == 40 && size_of::<Member>() <= 256,
            "{}",
            size_of::<Member>()
        );
    }

    #[test]
    fn what_is_packed_comes_back_as_it_was() {
        let hold = |days: i32| Hold {
            until: EventId(2),
            lapses: Day(20_700 + days),
        };
        for (rule, dies, shop, hold) in [
            (None, None, None, None),
            (
                Some(RuleId(0)),
                Some(Day(-3)),
                Some(ShopId(0)),
                Some(hold(-8)),
            ),
            (
                Some(RuleId((1 << 24) - 2)),
                Some(Day(20_780)),
                Some(ShopId(70_000)),
                Some(hold(3_661)),
            ),
        ] {
            let held = HeldLot {
                purse: PurseId(3),
                shop,
                lot: Lot {
                    id: LotId(9),
                    terms: LotTerms {
                        rule,
                        booked: Day(20_700),
                        usable_from: Moment(-1),
                        dies,
                        hold,
                    },
                    amount: i64::MAX,
                },
            };
            assert_eq!(Packed::of(held).held(), held);
        }
    }

    #[test]
    fn purses_are_what_their_lots_and_debts_say() {
        let (purse, shop) = (PurseId(1), Some(ShopId(2)));
        let mut member = Member::new(MemberId(1), ClubId(0), Day(20_000));
        let key = PurseKey {
            member: MemberId(1),
            purse,
            shop,
        };
        let terms = |lot: i32| LotTerms {
            rule: None,
            booked: Day(20_000),
            usable_from: Moment(i64::from(lot % 2)),
            dies: (lot > 1).then_some(Day(20_000 + lot)),
            hold: (lot == 5).then_some(Hold {
                until: EventId(0),
                lapses: Day(20_030),
            }),
        };
        for lot in 0..7 {
            member.move_lot(&LotMove {
                key,
                lot: LotId(lot),
                terms: terms(lot as i32),
                amount: 10 << lot,
            });
        }
        member.owe(PurseId(4), None, 5);
        member.card = CardState::Suspended;
        member.set_limit(PurseId(9), Some(Rials(1_000)));
        member.set_limit(PurseId(8), Some(Rials(7)));
        member.set_limit(PurseId(9), None);
        assert_eq!(member.limits(), [(PurseId(8), Rials(7))]);
        assert_eq!(member.total(purse, shop), 1_270);
        assert_eq!(member.holdings().len(), 2);
        for (at, today) in [(0, 20_000), (1, 20_000), (1, 20_003), (1, 20_006)] {
            let (at, today) = (Moment(at), Day(today));
            let usable = member.lots().filter(|held| held.lot.is_usable(at, today));
            let usable: i64 = usable.map(|held| held.lot.amount).sum();
            assert_eq!(member.usable(purse, shop, at, today), usable);
        }
        let under: Vec<(LotId, i64)> = member.lots_under(purse, shop, terms(5)).collect();
        assert_eq!(under, [(LotId(5), 320)]);
        let mut bytes = Vec::new();
        member.put(&mut bytes);
        assert_eq!(Member::take(&mut &bytes[..]), Ok(member.clone()));
        member.owe(PurseId(4), None, -5);
        for lot in 0..7 {
            member.move_lot(&LotMove {
                key,
                lot: LotId(lot),
                terms: terms(lot as i32),
                amount: -10 << lot,
            });
        }
        assert!(member.holdings().is_empty() && member.next_lot == LotId(7));
    }
}
