//! The few fields that tell where a message belongs, found without looking at what the rest holds.

use std::borrow::Cow;
use std::fmt;

use super::Message;
use super::decode::{head, measure};
use crate::spec::{Mti, Routing, Spec};

/// What routing asks of a message; values stand in the message as it came.
#[derive(Clone, Copy)]
pub struct Peek<'a> {
    /// The message type.
    pub mti: Mti,
    /// Each with its units.
    values: [Option<(&'a [u8], usize)>; Routing::COUNT],
}

impl Message {
    /// Finds the fields that messages are routed by. Lengths are followed up to the last of them;
    /// content is not looked at, so that a message may be peeked at and still be refused by
    /// [`Message::decode`]. `None` where the message ends, or breaks, before.
    #[inline]
    pub fn peek<'a>(spec: &Spec, bytes: &'a [u8]) -> Option<Peek<'a>> {
        let (mti, map, from) = head(spec, bytes).ok()?;
        let mut values = [None; Routing::COUNT];
        let routing = spec.routing();
        let last = usize::from(routing.last);
        let mut at = from;
        'words: for word in 0..3 {
            let mut left = map.word(word);
            while left != 0 {
                let lead = left.leading_zeros();
                left &= !(1 << 63 >> lead);
                let n = word * 64 + lead as usize + 1;
                if n > last {
                    break 'words;
                }
                let (prefix, length, units) = measure(spec, spec.plan(n), n, bytes, at)?;
                let begin = at + prefix;
                at = begin + length;
                if let Some(place) = values.get_mut(usize::from(routing.place(n))) {
                    *place = Some((bytes.get(begin..at)?, units));
                }
            }
        }
        Some(Peek { mti, values })
    }
}

impl<'a> Peek<'a> {
    /// The trace number (DE11).
    pub fn stan(&self, spec: &Spec) -> Option<Cow<'a, str>> {
        self.text(spec, Routing::STAN)
    }

    /// The retrieval reference number (DE37).
    pub fn rrn(&self, spec: &Spec) -> Option<Cow<'a, str>> {
        self.text(spec, Routing::RRN)
    }

    /// The terminal (DE41).
    pub fn terminal(&self, spec: &Spec) -> Option<Cow<'a, str>> {
        self.text(spec, Routing::TERMINAL)
    }

    /// The first six digits of the card, which name its issuer; from DE2, else from track 2.
    pub fn issuer(&self, spec: &Spec) -> Option<u32> {
        let pan = self.text(spec, Routing::PAN);
        let pan = pan.or_else(|| self.text(spec, Routing::TRACK2))?;
        let digits = pan.as_bytes().get(..6)?;
        digits.iter().try_fold(0, |sum, c| {
            let digit = c.is_ascii_digit().then(|| u32::from(c - b'0'))?;
            Some(sum * 10 + digit)
        })
    }

    fn text(&self, spec: &Spec, which: usize) -> Option<Cow<'a, str>> {
        let (value, units) = self.values[which]?;
        let field = spec.field(usize::from(spec.routing().fields[which]))?;
        Some(field.text(value, units))
    }
}

/// Content is never shown: it may be card data.
impl fmt::Debug for Peek<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Peek {}", self.mti)
    }
}
