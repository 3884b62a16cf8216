//! Accounts. Purses and debts belong to members and can refuse; all others only add up.

use crate::terms::{AcquirerId, ClubId, MemberId, OrganisationId, PersonId, PurseId, ShopId};

/// What a purse holds and who owes it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PurseKind {
    /// Points of a club, in a unit of their own.
    Points,
    /// Rials that the club keeps for the member.
    ClubCredit,
    /// Rials that one shop owes the member; one balance a shop.
    MerchantCredit,
    /// Chances in a draw and the like: worth no money (S36).
    Special,
    /// What only rules count with: nobody owes it, nobody spends it (S36).
    Virtual,
    /// Rials for one purpose, given by a sponsor: a pocket of a card.
    Bon,
    /// Rials that somebody loaded for the holder, with what was added to them: a pocket of a card.
    Gift,
    /// The holder's own rials: a pocket of a card.
    Prepaid,
    /// Rials that the holder may owe, down to a limit: a pocket of a card.
    CreditLine,
}

impl PurseKind {
    /// Every kind, with its name in rule files.
    pub const ALL: [(PurseKind, &'static str); 9] = [
        (PurseKind::Points, "points"),
        (PurseKind::ClubCredit, "club-credit"),
        (PurseKind::MerchantCredit, "merchant-credit"),
        (PurseKind::Special, "special"),
        (PurseKind::Virtual, "virtual"),
        (PurseKind::Bon, "bon"),
        (PurseKind::Gift, "gift"),
        (PurseKind::Prepaid, "prepaid"),
        (PurseKind::CreditLine, "credit-line"),
    ];

    /// Whether somebody owes its rials: every other kind is counted in a unit of its own.
    pub fn is_money(self) -> bool {
        !matches!(
            self,
            PurseKind::Points | PurseKind::Special | PurseKind::Virtual
        )
    }

    /// Whether it is a pocket of a card, and no purse of a club.
    pub fn is_pocket(self) -> bool {
        matches!(
            self,
            PurseKind::Bon | PurseKind::Gift | PurseKind::Prepaid | PurseKind::CreditLine
        )
    }

    /// The name in rule files.
    pub fn name(self) -> &'static str {
        PurseKind::ALL
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("", |(_, name)| name)
    }
}

/// One balance of one member.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PurseKey {
    /// Whose it is.
    pub member: MemberId,
    /// Which purse of the club.
    pub purse: PurseId,
    /// The shop, for merchant credit; none for the others.
    pub shop: Option<ShopId>,
}

/// A place that value comes from or goes to. A balance is what came in less what went out; all balances of a unit add up to zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Account {
    /// What a member has: the sum of the lots of that purse.
    Purse(PurseKey),
    /// What a member owes his purse after spent earnings were taken back; zero or below.
    Debt(PurseKey),
    /// The other side of all purses of one name (and shop): what their debtor has promised, as a negative balance.
    Outstanding {
        /// The purse.
        purse: PurseId,
        /// The shop that owes, for merchant credit.
        shop: Option<ShopId>,
    },
    /// What the bank cards paid at a shop, due from the acquirer (negative: the acquirer holds it for the shop).
    Pool {
        /// Who holds the money.
        acquirer: AcquirerId,
        /// For which shop.
        shop: ShopId,
    },
    /// What is owed to the shop. The shop's own share of a discount and its own redeemed credit never get here.
    Shop(ShopId),
    /// What is owed to a marketer or another person.
    Person(PersonId),
    /// What the club pays from its own account: its share of discounts, redeemed credit and points, fees. Negative.
    Club(ClubId),
    /// Money set aside at the club for credit that shops funded.
    Reserve(ClubId),
    /// The club owner's part of splits.
    Owner(ClubId),
    /// What the splits of a club save for a shop, kept by the club.
    Saving {
        /// For which shop.
        shop: ShopId,
        /// By which club.
        club: ClubId,
    },
    /// The switch operator's fees.
    Operator,
    /// Odd rials that points were worth over what they paid.
    Rounding(ClubId),
    /// What a club owes the clearing house, in the club's own books.
    OwesHouse(ClubId),
    /// What the clearing house owes a club, in the club's own books. Negative.
    DueFromHouse(ClubId),
    /// What a club owes the clearing house, in the books of the house. Negative.
    HouseDue(ClubId),
    /// What the clearing house owes a club, in the books of the house.
    HouseOwes(ClubId),
    /// What the clearing house keeps of a club's obligations: fees, and odd rials.
    HouseIncome(ClubId),
    /// What a sponsor or an issuer of cards pays for the pockets that it owes, less what was loaded into them. Negative: it pays.
    Organisation(OrganisationId),
    /// What a shop has earned into a purse of a club. It has no lots, and is below zero where more was taken back.
    ShopPurse {
        /// The shop.
        shop: ShopId,
        /// The purse.
        purse: PurseId,
    },
    /// The same of a person, such as one of a shop's staff.
    PersonPurse {
        /// Who.
        person: PersonId,
        /// The purse.
        purse: PurseId,
    },
}

impl Account {
    /// The member it belongs to.
    pub fn member(self) -> Option<MemberId> {
        match self {
            Account::Purse(key) | Account::Debt(key) => Some(key.member),
            _ => None,
        }
    }

    /// The shop it is of, or that owes what is in it.
    pub fn shop(self) -> Option<ShopId> {
        match self {
            Account::Pool { shop, .. }
            | Account::Shop(shop)
            | Account::Saving { shop, .. }
            | Account::ShopPurse { shop, .. } => Some(shop),
            Account::Outstanding { shop, .. } => shop,
            Account::Purse(key) | Account::Debt(key) => key.shop,
            _ => None,
        }
    }

    /// The purse of a member that this is, where it is one.
    pub fn purse(self) -> Option<PurseKey> {
        match self {
            Account::Purse(key) => Some(key),
            _ => None,
        }
    }
}
