//! The day: entries in, settlement files out. What is owed at a shop is netted, divided among acquirers' pools and clubs'
//! accounts, written in a stream to a sink, and held against what the answers told.

pub mod carry;
pub mod division;
pub mod manifest;
pub mod output;
pub mod pain;
pub mod payments;
pub mod publish;
pub mod row;
pub mod run;
pub mod shaparak;
pub mod statement;
pub mod totals;

pub use carry::{Carry, Closing};
pub use division::{Division, Lines, Part, Payee};
pub use manifest::Manifest;
pub use output::{Memory, Sink};
pub use publish::{Folder, Published, reread};
pub use run::Run;
pub use totals::Totals;

use crate::terms::{Overflow, Sequence};

/// Why a day has no files.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// An answer told something else than was posted.
    #[error(
        "entry {sequence}: {what} was told as {told} and posted as {posted}; nothing is published"
    )]
    Differs {
        /// Which entry.
        sequence: Sequence,
        /// Which amount.
        what: &'static str,
        /// In smallest units, as the answer told it.
        told: i64,
        /// In smallest units, as it was posted.
        posted: i64,
    },
    /// Money of a shop moved in a way that no file can carry.
    #[error("entry {sequence}: {why}; nothing is published")]
    Unplaced {
        /// Which entry.
        sequence: Sequence,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An id without a name, or a name without what a file needs of it.
    #[error("{what} {found:?} has no place in a settlement file: {wanted}")]
    Unnamed {
        /// What it is.
        what: &'static str,
        /// Its id or code.
        found: String,
        /// What is wanted.
        wanted: &'static str,
    },
    /// The accounts of a unit do not add up to zero.
    #[error("the accounts in {unit} add up to {sum} instead of 0; nothing is published")]
    Unbalanced {
        /// The unit's name.
        unit: String,
        /// What they add up to, in smallest units.
        sum: i64,
    },
    /// A sum that no amount can hold.
    #[error(transparent)]
    Overflow(#[from] Overflow),
    /// The files could not be written or read.
    #[error("{doing} {path}")]
    File {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The day is published, and not like this.
    #[error(
        "{path} is published and differs in {differs}; a closed day never changes: move the folder away to publish it anew"
    )]
    Stands {
        /// The folder.
        path: String,
        /// The first file that differs.
        differs: String,
    },
    /// A published file does not say what it should.
    #[error("{file}: {wanted} wanted, {found:?} found")]
    Broken {
        /// Which file.
        file: String,
        /// What was wanted.
        wanted: String,
        /// What stands there.
        found: String,
    },
}

/// Adds where the sum fits.
pub(crate) fn add(sum: &mut i64, amount: i64) -> Result<(), Overflow> {
    *sum = sum.checked_add(amount).ok_or(Overflow)?;
    Ok(())
}
