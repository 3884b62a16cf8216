//! How a purchase came, and what was bought: what its message tells beside the money, as far as rules may ask for it.

use crate::ledger::record::{BadRecord, Recorded};
use crate::terms::{Bin, Channel, EntryMode};

/// What a purchase tells beside its amount.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// The way it came.
    pub channel: Channel,
    /// How the card was read, where that is told.
    pub entry: Option<EntryMode>,
    /// The range of its card. Not kept beside a token.
    pub bin: Option<Bin>,
    /// Codes of what was bought, rising.
    pub products: Vec<String>,
    /// The service that was rendered.
    pub service: Option<String>,
    /// Who served: the name of a person of the world file.
    pub staff: Option<String>,
}

impl Facts {
    /// Whether nothing is told that is not usual.
    pub fn are_usual(&self) -> bool {
        *self == Facts::default()
    }
}

impl Recorded for Channel {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }
    fn take(from: &mut &[u8]) -> Result<Channel, BadRecord> {
        let at = usize::from(u8::take(from)?);
        let known = Channel::ALL.get(at).map(|(_, channel)| *channel);
        known.ok_or(BadRecord::Unknown("a channel"))
    }
}

impl Recorded for EntryMode {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }
    fn take(from: &mut &[u8]) -> Result<EntryMode, BadRecord> {
        let at = usize::from(u8::take(from)?);
        let known = EntryMode::ALL.get(at).map(|(_, mode)| *mode);
        known.ok_or(BadRecord::Unknown("an entry mode"))
    }
}
