//! What is said in every room: money with its unit, percent, time and Jalali days, ids, cards that are never printed.

pub mod card;
pub mod iban;
pub mod ids;
pub mod money;
pub mod person;
pub mod time;
pub mod way;

pub use card::{Bin, Pan, Token, TokenKind, Voucher};
pub use iban::Iban;
pub use ids::{
    AcquirerId, ClubId, MemberId, OrganisationId, PersonId, PurseId, RuleId, Sequence, SetNumber,
    ShopId, UnitId,
};
pub use money::{Overflow, Percent, Rate, Rials, Times};
pub use time::{Day, JalaliDate, Local, Moment, TimeOfDay, Zone};
pub use way::{Channel, EntryMode};

/// The hash table of the house: fast, seeded at random at every start. Nothing may depend on its order.
pub type Map<K, V> = hashbrown::HashMap<K, V, foldhash::fast::RandomState>;
