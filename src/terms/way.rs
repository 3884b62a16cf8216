//! The ways on which purchases come, and how cards are read.

/// The way on which a purchase reached us.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum Channel {
    /// A terminal in a shop.
    #[default]
    Pos,
    /// The same, paid in cash.
    PosCash,
    /// A telephone's application.
    App,
    /// A web site.
    Web,
    /// USSD.
    Ussd,
    /// A file that was read in.
    Import,
}

impl Channel {
    /// Every channel with its name in configuration and rule files.
    pub const ALL: [(&'static str, Channel); 6] = [
        ("pos", Channel::Pos),
        ("pos-cash", Channel::PosCash),
        ("app", Channel::App),
        ("web", Channel::Web),
        ("ussd", Channel::Ussd),
        ("import", Channel::Import),
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        Channel::ALL[self as usize].0
    }
}

/// How the card was read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum EntryMode {
    /// Its magnetic stripe.
    Stripe,
    /// Its chip, in the reader.
    Chip,
    /// Its chip, near the reader.
    Contactless,
    /// Somebody typed its number.
    Manual,
}

impl EntryMode {
    /// Every mode with its name in rule files.
    pub const ALL: [(&'static str, EntryMode); 4] = [
        ("stripe", EntryMode::Stripe),
        ("chip", EntryMode::Chip),
        ("contactless", EntryMode::Contactless),
        ("manual", EntryMode::Manual),
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        EntryMode::ALL[self as usize].0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_the_order_of_their_numbers() {
        for (at, (name, channel)) in Channel::ALL.iter().enumerate() {
            assert_eq!((channel.name(), *channel as usize), (*name, at));
        }
        for (at, (name, mode)) in EntryMode::ALL.iter().enumerate() {
            assert_eq!((mode.name(), *mode as usize), (*name, at));
        }
    }
}
