//! Dense integers for what has a name. The name of each is in the book's name table, changed only by entries.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($of:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
        pub struct $name(pub $of);

        impl $name {
            /// As a place in a table.
            pub fn place(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

id!(
    /// A member of one club; the number printed as his club number.
    MemberId(u32)
);
id!(
    /// A shop (card acceptor).
    ShopId(u32)
);
id!(
    /// A person who gets a share of money, as a marketer.
    PersonId(u32)
);
id!(
    /// An organisation that gives or owes money and is no club: a sponsor, an issuer of cards.
    OrganisationId(u16)
);
id!(
    /// A customer club, or a card product, which stands among them.
    ClubId(u16)
);
id!(
    /// A purse as its club file declares it.
    PurseId(u16)
);
id!(
    /// A rule of a club file, kept over rule sets as long as its name lives; below 16,777,215.
    RuleId(u32)
);
id!(
    /// An acquirer: the institution whose POS network sent the message.
    AcquirerId(u16)
);
id!(
    /// The number of a rule set, counted from 1.
    SetNumber(u32)
);
id!(
    /// The place of an entry in the journal, counted from 1 without gaps.
    Sequence(u64)
);
id!(
    /// What an amount counts: 0 is the rial; every purse that is not kept in rials counts a unit of its own.
    UnitId(u16)
);

impl UnitId {
    /// Whole rials.
    pub const RIAL: UnitId = UnitId(0);

    /// The unit of a purse that is not kept in rials.
    pub fn of_purse(purse: PurseId) -> UnitId {
        UnitId(purse.0 + 1)
    }

    /// The purse whose unit this is; `None` for the rial.
    pub fn purse(self) -> Option<PurseId> {
        self.0.checked_sub(1).map(PurseId)
    }
}

impl Sequence {
    /// The one after this.
    pub fn next(self) -> Sequence {
        Sequence(self.0 + 1)
    }
}
