//! The rules as compiled data, and the judgement of a purchase by them. Pure: reads no file, asks no clock.

pub mod index;
pub mod judge;
pub mod rulebook;
pub mod undo;
pub mod when;

pub use index::{Candidates, Index, Indexes};
pub use judge::{Case, NotJudged, judge};

pub use rulebook::{
    Accrue, Age, Available, Bands, Base, Cap, Caps, Club, Condition, Discount, Earn, Enrol, Expiry,
    Fee, Give, HoldTerms, Identify, Most, Negative, PaidBy, Part, Payer, Per, Places, Purse,
    RedeemTerms, Rounding, Rulebook, Share, Shop, Span, SpendAt, Split, Stack, Tier, Where, World,
};
pub use undo::{Undoing, undo};
