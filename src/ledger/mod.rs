//! What everybody owns and owes: accounts, lots, postings, entries, and the book they fold into.

pub mod account;
pub mod book;
pub mod caps;
pub mod effects;
pub mod entry;
pub mod facts;
pub mod finding;
pub mod image;
pub mod input;
pub mod lot;
pub mod member;
pub mod memory;
pub mod names;
pub mod obligation;
pub mod posting;
pub mod purchases;
pub mod record;
pub mod sets;
mod shards;
mod table;
pub mod told;

pub use account::{Account, PurseKey, PurseKind};
pub use book::{Book, Pages, Remembering};
pub use caps::{Counted, Used, Who, Window};
pub use effects::{Effects, Exception, MemberChange, Visit};
pub use entry::{Entry, Head};
pub use facts::Facts;
pub use finding::Item;
pub use image::View;
pub use input::{
    Aim, Aimed, Asked, EnrolWish, Function, Input, Key, Mode, OriginalRef, Redeem, Request, Wishes,
};
pub use lot::{Hold, Lot, LotId, LotMove, LotTerms};
pub use member::{CardState, Debt, HeldLot, Holding, Member, Standing};
pub use names::{EventId, Named, Names, Party, TierId};
pub use obligation::{FeePayer, Made, Obligation, ObligationKind};
pub use posting::{Posting, Reason};
pub use purchases::VisitDay;
pub use sets::{By, RuleSet, RuleSets, SetContents, SetStep};

pub use told::{Told, Verdict};
