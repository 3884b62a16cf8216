//! Federations of clubs and the house they clear through, as compiled data: who serves whose members, what points are worth
//! between clubs on which day, how much a club may owe, and what the house takes.

use crate::ledger::{FeePayer, Pages, Window};
use crate::rules::{Abroad, Rulebook};
use crate::terms::{ClubId, Day, Overflow, Percent, PurseId, Rate, Rials, RuleId, ShopId};

/// Everything between clubs. A club is in one federation at most, and a federation clears in one house at most.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Clearing {
    /// In the order of their files.
    pub federations: Vec<Federation>,
}

/// Clubs that stand together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Federation {
    /// Its name.
    pub name: String,
    /// Its clubs, in the order it names them.
    pub clubs: Vec<ClubId>,
    /// Members of one are known in the shops of all.
    pub shares_members: bool,
    /// Shops of one take the points of all.
    pub shares_merchants: bool,
    /// Where somebody earns who buys in a shop of a club of which he is no member.
    pub earns_in: EarnsIn,
    /// Where its clubs clear.
    pub house: Option<House>,
}

/// Which club a purchase in another's shop earns in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EarnsIn {
    /// The shop's, where the buyer is its member too.
    ShopClub,
    /// That of his card.
    CardClub,
    /// Both.
    Both,
}

/// A clearing house.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct House {
    /// Its name.
    pub name: String,
    /// The name for people.
    pub title: String,
    /// By purse, then by their first day. No two of one purse are in force on one day.
    pub rates: Vec<DatedRate>,
    /// Who stands behind which club's debts.
    pub members: Vec<HouseMember>,
    /// What it takes when points are spent in another club.
    pub redeem_fee: Option<HouseFee>,
    /// What it takes when points are turned into another club's.
    pub exchange_fee: Option<HouseFee>,
    /// How members turn points into another club's; none: they do not.
    pub exchange: Option<ExchangeTerms>,
}

/// What points of a purse are worth between clubs, from a day on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DatedRate {
    /// Which purse.
    pub purse: PurseId,
    /// The first day.
    pub from: Day,
    /// The last day; none: until another begins.
    pub to: Option<Day>,
    /// What its club pays for what is spent elsewhere; none: nothing is.
    pub sell: Option<Rate>,
    /// What its club takes for what an exchange makes; none: it makes nothing.
    pub buy: Option<Rate>,
}

/// A club as a member of the house.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HouseMember {
    /// Which club.
    pub club: ClubId,
    /// It has bought its points' worth ahead; else it pays what was spent.
    pub prepaid: bool,
    /// Money of it that the house holds.
    pub cover: Rials,
    /// The most it may owe.
    pub cap: Rials,
    /// From which share of that on it is warned.
    pub warn_at: Option<Percent>,
    /// At the cap its points are spent in its own shops only; else what would pass it is refused.
    pub own_shops_only: bool,
    /// Under what is counted which of its points are turned into others'.
    pub exchanged: RuleId,
}

/// A fee of the house.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HouseFee {
    /// The share.
    pub percent: Percent,
    /// Who pays it.
    pub payer: FeePayer,
}

/// How members turn points of one club into another's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExchangeTerms {
    /// Worth at least this.
    pub min: Rials,
    /// A member turns points worth at most so much in so long.
    pub per_member: Option<(Window, Rials)>,
    /// For so many seconds it can be undone; none: for ever.
    pub reversible_seconds: Option<i64>,
}

/// How a club stands with the house.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// What it owes less what it is owed.
    pub owes: i64,
    /// The most that may be.
    pub most: Rials,
}

impl Position {
    /// How much more it may owe.
    pub fn room(&self) -> Rials {
        Rials(self.most.0.saturating_sub(self.owes).max(0))
    }
}

impl Clearing {
    /// The federation of a club.
    pub fn of(&self, club: ClubId) -> Option<&Federation> {
        let mut all = self.federations.iter();
        all.find(|federation| federation.clubs.contains(&club))
    }

    /// The house that a club clears in.
    pub fn house_of(&self, club: ClubId) -> Option<&House> {
        self.of(club)?.house.as_ref()
    }
}

impl Federation {
    /// How one of its clubs sees a shop of another one.
    pub fn abroad(&self, at: ClubId) -> Abroad<'_> {
        Abroad {
            at,
            house: self.house.as_ref().filter(|_| self.shares_merchants),
            spends: true,
            earns: self.earns_in != EarnsIn::ShopClub,
        }
    }
}

impl Rulebook {
    /// How a club sees a shop that is not its own: as that of the first club of its federation that has it.
    pub fn abroad(&self, home: ClubId, (shop, mcc): (ShopId, u16)) -> Option<Abroad<'_>> {
        let federation = self.clearing.of(home)?;
        let mut clubs = self.clubs.iter();
        let at = clubs.find(|club| {
            let is_other = club.id != home && federation.clubs.contains(&club.id);
            is_other && club.places.contains(shop, mcc)
        })?;
        federation.shares_members.then(|| federation.abroad(at.id))
    }
}

impl House {
    /// The rate of a purse that is in force on a day.
    pub fn rate(&self, purse: PurseId, day: Day) -> Option<&DatedRate> {
        let mut begun = self.rates.iter().rev();
        let begun = begun.find(|rate| rate.purse == purse && rate.from <= day)?;
        begun.to.is_none_or(|to| to >= day).then_some(begun)
    }

    /// What a club pays for points of its purse, and since when.
    pub fn sell(&self, purse: PurseId, day: Day) -> Option<(Rate, Day)> {
        let rate = self.rate(purse, day)?;
        Some((rate.sell?, rate.from))
    }

    /// What a club takes for new points of its purse, and since when.
    pub fn buy(&self, purse: PurseId, day: Day) -> Option<(Rate, Day)> {
        let rate = self.rate(purse, day)?;
        Some((rate.buy?, rate.from))
    }

    /// A club as its member.
    pub fn member(&self, club: ClubId) -> Option<&HouseMember> {
        self.members.iter().find(|member| member.club == club)
    }
}

impl HouseMember {
    /// The most it may owe: its cap, and never more than its cover.
    pub fn most(&self) -> Rials {
        self.cap.min(self.cover)
    }

    /// How it stands.
    pub fn position(&self, book: &Pages) -> Position {
        Position {
            owes: book.clearing_position(self.club),
            most: self.most(),
        }
    }

    /// Whether it owes so much that it is to be warned.
    pub fn is_warned(&self, owes: i64) -> bool {
        let most = i128::from(self.most().0);
        let at = |percent: Percent| most * i128::from(percent.millionths());
        self.warn_at
            .is_some_and(|percent| owes > 0 && i128::from(owes) * 1_000_000 >= at(percent))
    }
}

impl HouseFee {
    /// The fee on an amount, rounded down.
    ///
    /// # Errors
    /// Where it does not fit.
    pub fn on(&self, rials: Rials) -> Result<Rials, Overflow> {
        self.percent.of(rials)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rated(rows: &[(u16, i32, Option<i32>, i64)]) -> House {
        let rate = |(purse, from, to, rial): &(u16, i32, Option<i32>, i64)| DatedRate {
            purse: PurseId(*purse),
            from: Day(*from),
            to: to.map(Day),
            sell: (*rial > 0).then_some(Rate {
                value: *rial,
                per: 100,
            }),
            buy: None,
        };
        House {
            name: "h".to_owned(),
            title: "H".to_owned(),
            rates: rows.iter().map(rate).collect(),
            members: Vec::new(),
            redeem_fee: None,
            exchange_fee: None,
            exchange: None,
        }
    }

    #[test]
    fn the_rate_in_force_is_the_last_that_has_begun_and_not_ended() {
        let house = rated(&[
            (1, 10, Some(19), 150),
            (1, 20, None, 160),
            (1, 30, Some(39), 0),
            (2, 5, None, 7),
        ]);
        let sells = |purse, day| {
            let found = house.sell(PurseId(purse), Day(day));
            found.map(|(rate, from)| (rate.value, from.0))
        };
        assert_eq!(sells(1, 9), None);
        assert_eq!(sells(1, 10), Some((150, 10)));
        assert_eq!(sells(1, 19), Some((150, 10)));
        assert_eq!(sells(1, 29), Some((160, 20)));
        assert_eq!(sells(1, 30), None, "a rate without a price closes it");
        assert_eq!(sells(1, 40), None);
        assert_eq!(sells(2, 40), Some((7, 5)));
    }

    #[test]
    fn it_is_warned_from_the_share_on_and_not_before() {
        let member = HouseMember {
            club: ClubId(0),
            prepaid: true,
            cover: Rials(900),
            cap: Rials(1_000),
            warn_at: Percent::parse("80%").ok(),
            own_shops_only: true,
            exchanged: RuleId(1),
        };
        assert_eq!(member.most(), Rials(900), "never more than the cover");
        assert!(!member.is_warned(719));
        assert!(member.is_warned(720));
        let position = |owes| Position {
            owes,
            most: member.most(),
        };
        assert_eq!(position(-50).room(), Rials(950));
        assert_eq!(position(901).room(), Rials(0));
    }
}
