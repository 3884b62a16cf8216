//! Why a purchase got what it got: what was heard while it was judged, made into a story with names and whole amounts, and the
//! story written for people in English and in Persian. Knows no file, no clock and no message.

mod card;
mod moved;
mod story;
mod tell;
mod word;
mod write;

pub use moved::{Moved, moved, write_moved};
pub use story::{Difference, NoClub, Posted, Story};
pub use tell::{Facts, tell};
pub use word::Word;
pub use write::write;
