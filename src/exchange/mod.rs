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

use crate::ledger::PurseKind;

/// What a balance is called in processing codes and balance groups.
const KINDS: [(PurseKind, u8); 9] = [
    (PurseKind::Points, 91),
    (PurseKind::ClubCredit, 92),
    (PurseKind::MerchantCredit, 93),
    (PurseKind::Special, 94),
    (PurseKind::Virtual, 95),
    (PurseKind::Bon, 96),
    (PurseKind::Gift, 97),
    (PurseKind::Prepaid, 60),
    (PurseKind::CreditLine, 30),
];

/// The two digits of a kind.
fn kind_code(kind: PurseKind) -> u8 {
    let known = KINDS.iter().find(|(known, _)| *known == kind);
    known.map_or(0, |(_, code)| *code)
}

/// The kind of two digits, where a balance of it is told.
fn kind_of(code: u32) -> Option<PurseKind> {
    let known = KINDS.iter().find(|(_, known)| u32::from(*known) == code);
    let told = known.filter(|(kind, _)| *kind != PurseKind::Virtual);
    told.map(|(kind, _)| *kind)
}

#[cfg(test)]
mod samples;
