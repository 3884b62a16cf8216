//! What everybody owns and owes: accounts, lots, postings, entries, and the book they fold into.

pub mod account;
pub mod book;
pub mod effects;
pub mod entry;
pub mod finding;
pub mod input;
pub mod lot;
pub mod member;
pub mod names;
pub mod posting;
pub mod record;
pub mod told;

pub use account::{Account, PurseKey, PurseKind};
pub use book::{Book, RuleSet};
pub use effects::{Effects, Exception, MemberChange, Visit};
pub use entry::{Entry, Head};
pub use input::{
    Asked, EnrolWish, Function, Input, Key, Mode, OriginalRef, Redeem, Request, Wishes,
};
pub use lot::{Lot, LotId, LotMove, LotTerms};
pub use member::{Holding, Member, VisitDay};
pub use names::{Named, Names, Party, TierId};
pub use posting::{Posting, Reason};

pub use told::{Told, Verdict};
