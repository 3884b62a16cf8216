//! Where messages meet the book: a message becomes a request, what is told becomes an answer. No I/O, no clock.

mod answer;
mod bind;
mod read;
pub mod session;
pub mod terminal;

pub use answer::receipt;
pub use bind::{BindFault, Dialect, bind};
pub use read::{Dropped, LinkTerms, Network, Read, Refusal};
pub use session::{Action, Answer, Counts, Link, Session, Ticket, Why};
pub use terminal::{Receipt, Terminal};

#[cfg(test)]
mod samples;
