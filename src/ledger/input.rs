//! What is asked of the book. A [`Request`] is a message as the money wing understands it; of it only [`Asked`] is kept.

use crate::ledger::{By, EventId, Facts, SetStep};
use crate::terms::card::Token;
use crate::terms::person::Identity;
use crate::terms::{AcquirerId, Bin, Day, MemberId, Rials, RuleId, SetNumber};

/// What a message wants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Function {
    /// A purchase: discount, redeem, accrue, split.
    Purchase,
    /// What a purchase would get; nothing is posted.
    Quote,
    /// The balances of a member.
    Balance,
    /// Undo an earlier purchase in full.
    Reversal,
    /// Make somebody a member.
    Enrol,
    /// Put money into a purse.
    Load,
    /// Make of one purse's content another's.
    Transfer,
    /// Add a card to a member.
    AddCard,
}

impl Function {
    /// Every function, with its name in dialect files and metrics.
    pub const ALL: [(Function, &'static str); 8] = [
        (Function::Purchase, "purchase"),
        (Function::Quote, "quote"),
        (Function::Balance, "balance"),
        (Function::Reversal, "reversal"),
        (Function::Enrol, "enrol"),
        (Function::Load, "load"),
        (Function::Transfer, "transfer"),
        (Function::AddCard, "add-card"),
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        Function::ALL
            .iter()
            .find(|(function, _)| *function == self)
            .map_or("", |(_, name)| name)
    }

    /// Whether its decision is kept, also when it is a refusal.
    pub fn is_kept(self) -> bool {
        !matches!(self, Function::Quote | Function::Balance)
    }

    /// Whether a reversal may undo it.
    pub fn is_reversible(self) -> bool {
        matches!(
            self,
            Function::Purchase | Function::Load | Function::Transfer
        )
    }

    /// Whether a dialect may do without it.
    pub fn is_optional(self) -> bool {
        matches!(
            self,
            Function::Load | Function::Transfer | Function::AddCard
        )
    }
}

/// Whether the sender asks, or tells what has already happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Mode {
    /// It may be refused.
    Ask,
    /// It happened; it is never refused.
    Advise,
}

/// What tells one message from all others for as long as duplicates are kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key {
    /// Who sent it.
    pub acquirer: AcquirerId,
    /// The terminal, as sent (8 bytes, blanks on the right).
    pub terminal: [u8; 8],
    /// The acceptor number, as sent (15 bytes, blanks on the right).
    pub acceptor: [u8; 15],
    /// The STAN, 0 to 999,999.
    pub stan: u32,
    /// The terminal's date and time as the number MMDDhhmmss.
    pub local: u32,
    /// Message class and function, without version and repeat bit: 20 for 0200 and 0201, 22 for 0220.
    pub kind: u8,
}

impl Key {
    /// The key as bytes, for hashing.
    pub fn bytes(&self) -> [u8; 34] {
        let mut bytes = [0; 34];
        bytes[..2].copy_from_slice(&self.acquirer.0.to_le_bytes());
        bytes[2..10].copy_from_slice(&self.terminal);
        bytes[10..25].copy_from_slice(&self.acceptor);
        bytes[25..29].copy_from_slice(&self.stan.to_le_bytes());
        bytes[29..33].copy_from_slice(&self.local.to_le_bytes());
        bytes[33] = self.kind;
        bytes
    }

    /// The acceptor number without its padding.
    pub fn acceptor_code(&self) -> &str {
        std::str::from_utf8(&self.acceptor).map_or("", str::trim_end)
    }

    /// The terminal number without its padding.
    pub fn terminal_code(&self) -> &str {
        std::str::from_utf8(&self.terminal).map_or("", str::trim_end)
    }
}

/// How a reversal names its original. What is not told matches anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OriginalRef {
    /// Class and function of the original, as in [`Key::kind`].
    pub kind: Option<u8>,
    /// Its STAN.
    pub stan: Option<u32>,
    /// Its DE7, as the number MMDDhhmmss.
    pub transmitted: Option<u32>,
    /// Its DE13 and DE12, as the number MMDDhhmmss.
    pub local: Option<u32>,
    /// Its retrieval reference.
    pub rrn: Option<[u8; 12]>,
    /// Whether only a part of it is to be undone.
    pub partial: bool,
}

/// The part of a request that is kept in its entry. No card, no token, no mobile gets here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// What it wants.
    pub function: Function,
    /// Asked or advised.
    pub mode: Mode,
    /// What tells it from all others.
    pub key: Key,
    /// A hash of card token, processing code, amount and currency: what must be equal in a repeat.
    pub digest: u64,
    /// The processing code, six digits.
    pub processing: u32,
    /// The amount, where there is one; whole units of `currency`.
    pub amount: Option<Rials>,
    /// The currency, ISO 4217 numeric; 364 is the rial; 0 where none was told.
    pub currency: u16,
    /// DE7, as the number MMDDhhmmss.
    pub transmitted: Option<u32>,
    /// The retrieval reference it came with.
    pub rrn: Option<[u8; 12]>,
    /// The category code it came with; 0 for none.
    pub mcc: u16,
    /// The last four digits of the card, for receipts and statements.
    pub last_four: Option<[u8; 4]>,
    /// The shop's bill number.
    pub bill: Option<String>,
    /// What a reversal is to undo.
    pub original: Option<OriginalRef>,
    /// How it came and what was bought.
    pub facts: Facts,
}

/// How much a purchase wants to take from purses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Redeem {
    /// Nothing.
    #[default]
    Nothing,
    /// This much or none.
    Exactly(Rials),
    /// As much as the rules allow.
    AsMuchAsAllowed,
}

/// What a purchase wishes beyond its amount.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Wishes {
    /// The club it is for.
    pub club: Option<String>,
    /// The only purse to take from.
    pub purse: Option<String>,
    /// How much to take.
    pub redeem: Redeem,
    /// In an advice: the discount that was given.
    pub discount_told: Option<Rials>,
}

impl Wishes {
    /// The same where a purse that is named with its club, `golestan:points`, names the club too.
    pub fn by_club(mut self) -> Wishes {
        if let Some((club, purse)) = self.purse.as_deref().and_then(|name| name.split_once(':'))
            && self.club.as_deref().is_none_or(|named| named == club)
        {
            (self.club, self.purse) = (Some(club.to_owned()), Some(purse.to_owned()));
        }
        self
    }
}

/// What an enrolment brings beside the member's own identity.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EnrolWish {
    /// Every identity he is to be known by: card, mobile, national code.
    pub identities: Vec<Identity>,
    /// Who brought him (tag 17): a person of the world file.
    pub staff: Option<String>,
    /// His birth date.
    pub born: Option<Day>,
}

/// A card or a member that a load or a transfer names beside whoever asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Aimed {
    /// Who.
    pub identity: Identity,
    /// The range of the card, where it is one.
    pub bin: Option<Bin>,
}

/// What a load or a transfer names beside its card and its purses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Aim {
    /// Whose purse is taken from; none: of whoever asks.
    pub from: Option<Aimed>,
    /// Whose purse is put into; none: of whoever asks.
    pub to: Option<Aimed>,
    /// The voucher that is paid with.
    pub voucher: Option<Token>,
}

/// A message as the money wing understands it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// What is kept of it.
    pub asked: Asked,
    /// The acquirer's institution code, from which `asked.key.acquirer` is resolved when it is decided.
    pub acquirer: String,
    /// Whether the message says that it is a repeat.
    pub repeat: bool,
    /// The token of its card.
    pub card: Option<Token>,
    /// The member it names otherwise (DE48 tag 10).
    pub named: Option<Identity>,
    /// The introducer (tag 15).
    pub introducer: Option<Identity>,
    /// What it wishes.
    pub wishes: Wishes,
    /// What an enrolment brings.
    pub enrol: Option<EnrolWish>,
    /// What a load or a transfer names.
    pub aim: Aim,
    /// Which balances are asked for: `None` is all.
    pub balance_of: Option<crate::ledger::PurseKind>,
    /// Whether its link lets this terminal in.
    pub terminal_allowed: bool,
}

impl Request {
    /// The identity that names the member: the card first, then what tag 10 says.
    pub fn identity(&self) -> Option<Identity> {
        self.card.map(Identity::Card).or(self.named)
    }
}

/// What an entry answers to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// A message.
    Request(Asked),
    /// The business day of an acquirer turned.
    DayTurned {
        /// Whose.
        acquirer: AcquirerId,
        /// The day that ended; no entry carries it any more.
        closed: Day,
        /// The day that is open now.
        opened: Day,
    },
    /// A rule set came into force, as versions before [`Input::Rules`] wrote it.
    RulesLoaded {
        /// Its number.
        number: SetNumber,
        /// SHA-256 over its files.
        sha256: [u8; 32],
    },
    /// Members and balances were opened by an operator.
    Opened {
        /// His reason.
        reason: String,
        /// SHA-256 of the file, so that it is not booked twice.
        sha256: [u8; 32],
        /// How many of its members are booked with this entry, counted from the first.
        done: u32,
        /// How many members it has.
        of: u32,
    },
    /// Something happened that a member's earnings may wait for.
    Event {
        /// Which event of his club.
        event: EventId,
        /// To whom.
        member: MemberId,
        /// Why an operator says so.
        reason: String,
    },
    /// A pocket was filled by the clock.
    Granted {
        /// What stands for the grant among the rules.
        rule: RuleId,
        /// Whose.
        member: MemberId,
        /// The day on which it was due.
        due: Day,
    },
    /// Something was given by hand.
    Given {
        /// Who gave it.
        by: By,
        /// Why.
        reason: String,
        /// What tells it from all others, so that it is not given twice.
        sha256: [u8; 32],
        /// How many were given with this entry, counted from the first.
        done: u32,
        /// How many there are.
        of: u32,
    },
    /// An operator changed how the holder of a card stands: the state of his card, the limit of a credit line; or what a member is
    /// known by.
    Holder {
        /// Who did it.
        by: By,
        /// Why.
        why: String,
    },
    /// Something was done with a rule set.
    Rules {
        /// Its number.
        number: SetNumber,
        /// What was done.
        step: SetStep,
        /// Who did it; of one that came into force by its hour or its approval: who loaded it.
        by: By,
        /// Why, as he said; may be empty.
        why: String,
    },
}
