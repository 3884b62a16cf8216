//! The rules as compiled data, and the judgement of a purchase by them. Pure: reads no file, asks no clock.

pub mod card;
pub mod clearing;
pub mod index;
pub mod judge;
pub mod met;
pub mod rulebook;
pub mod tier;
pub mod trace;
pub mod undo;
pub mod when;

pub use card::Card;
pub use clearing::{
    Clearing, DatedRate, EarnsIn, ExchangeTerms, Federation, House, HouseFee, HouseMember, Position,
};
pub use index::{Candidate, Candidates, Index, Indexes, Known};
pub use judge::{Abroad, Case, Holder, NotJudged, dies, judge, judge_aloud, judge_event};

pub use rulebook::{
    Accrue, Age, Available, Bands, Base, Cap, Caps, Club, Condition, Counter, Discount, Earn,
    Enrol, Expiry, Feast, Fee, For, Give, HoldTerms, Identify, Most, Negative, PaidBy, Part, Payer,
    Per, Places, Purse, RedeemTerms, Roster, Rounding, Rulebook, Said, Share, Shop, Span, SpendAt,
    Split, Stack, Tier, When, Where, World,
};
pub use tier::{Measure, Tiering};
pub use undo::{RESTORE_GRACE_DAYS, Undoing, undo};
