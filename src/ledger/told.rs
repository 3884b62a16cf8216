//! What an answer tells. Kept in the entry, so that a repeat is told the same.

use crate::ledger::Party;
use crate::terms::{MemberId, PurseId, Rials, RuleId, ShopId};

/// The outcome of a request as its asker is told it. Each dialect maps every one to a code of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Verdict {
    /// Done.
    Approved,
    /// Done in part.
    PartApproved,
    /// The shop is unknown or closed.
    MerchantUnknown,
    /// No such transaction, or one that was reversed before it came.
    UnknownTransaction,
    /// The amount is zero, or of a currency that cannot be redeemed.
    InvalidAmount,
    /// The card or member is unknown where one is needed.
    MemberUnknown,
    /// What is to be reversed is not known.
    OriginalNotFound,
    /// He is a member already.
    AlreadyThere,
    /// A field is missing or malformed.
    FormatError,
    /// The purses hold too little.
    NotEnough,
    /// The card has expired.
    ExpiredCard,
    /// The PIN is wrong.
    WrongPin,
    /// The PIN was wrong too often.
    PinTries,
    /// Not for this card, member, shop or hour.
    NotAllowed,
    /// Not from this terminal.
    TerminalNotAllowed,
    /// Over a limit of amount.
    OverAmountLimit,
    /// Over a limit of times.
    OverTimesLimit,
    /// The card is suspended.
    CardSuspended,
    /// The amount is not that of the original.
    AmountDiffers,
    /// The link is not signed on.
    NotSignedOn,
    /// Nowhere to send it.
    NoRoute,
    /// The key was used for something else.
    KeyConflict,
    /// Totals differ.
    TotalsDiffer,
    /// The switch cannot serve now.
    CannotServe,
    /// The message authentication code is wrong.
    MacWrong,
    /// The same message is still being worked on.
    InProgress,
}

impl Verdict {
    /// Every verdict, in the order of its number, with its name in dialect files and metrics.
    pub const ALL: [(Verdict, &'static str); 26] = [
        (Verdict::Approved, "approved"),
        (Verdict::PartApproved, "part-approved"),
        (Verdict::MerchantUnknown, "merchant-unknown"),
        (Verdict::UnknownTransaction, "unknown-transaction"),
        (Verdict::InvalidAmount, "invalid-amount"),
        (Verdict::MemberUnknown, "member-unknown"),
        (Verdict::OriginalNotFound, "original-not-found"),
        (Verdict::AlreadyThere, "already-there"),
        (Verdict::FormatError, "format-error"),
        (Verdict::NotEnough, "not-enough"),
        (Verdict::ExpiredCard, "expired-card"),
        (Verdict::WrongPin, "wrong-pin"),
        (Verdict::PinTries, "pin-tries"),
        (Verdict::NotAllowed, "not-allowed"),
        (Verdict::TerminalNotAllowed, "terminal-not-allowed"),
        (Verdict::OverAmountLimit, "over-amount-limit"),
        (Verdict::OverTimesLimit, "over-times-limit"),
        (Verdict::CardSuspended, "card-suspended"),
        (Verdict::AmountDiffers, "amount-differs"),
        (Verdict::NotSignedOn, "not-signed-on"),
        (Verdict::NoRoute, "no-route"),
        (Verdict::KeyConflict, "key-conflict"),
        (Verdict::TotalsDiffer, "totals-differ"),
        (Verdict::CannotServe, "cannot-serve"),
        (Verdict::MacWrong, "mac-wrong"),
        (Verdict::InProgress, "in-progress"),
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        Verdict::ALL[self as usize].1
    }

    /// Whether what was asked was done.
    pub fn is_approved(self) -> bool {
        matches!(self, Verdict::Approved | Verdict::PartApproved)
    }
}

/// A balance as it is told: after the decision, what can be spent now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ToldBalance {
    /// Which purse.
    pub purse: PurseId,
    /// At which shop, for merchant credit.
    pub shop: Option<ShopId>,
    /// In smallest units.
    pub amount: i64,
}

/// An amount that a purse gained or lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PurseAmount {
    /// Which purse.
    pub purse: PurseId,
    /// In smallest units; above zero.
    pub amount: i64,
    /// What it paid or stands for in rials; zero where that has no meaning.
    pub worth: Rials,
}

/// All that an answer says beyond what it echoes of its request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// The outcome.
    pub verdict: Verdict,
    /// What the bank card still has to pay (DE4 of the answer); none: the amount as it came.
    pub pays: Option<Rials>,
    /// The approval code, unique for acquirer, terminal and business day; none where nothing was approved.
    pub approval: Option<[u8; 6]>,
    /// The retrieval reference the switch made where the message had none.
    pub rrn: Option<[u8; 12]>,
    /// The member's number.
    pub member: Option<MemberId>,
    /// The discount; none where no club judged the purchase.
    pub discount: Option<Rials>,
    /// The fee.
    pub fee: Option<Rials>,
    /// What was spent, purse by purse.
    pub redeemed: Vec<PurseAmount>,
    /// What was earned, purse by purse.
    pub earned: Vec<PurseAmount>,
    /// The split; the shop's part last.
    pub split: Vec<(Party, Rials)>,
    /// Rules that fired, in the order they ran.
    pub rules: Vec<RuleId>,
    /// Balances after it.
    pub balances: Vec<ToldBalance>,
    /// What rules that fired say to the customer, a line each.
    pub says: Vec<String>,
}

impl Told {
    /// A refusal, or an approval that says nothing more.
    pub fn only(verdict: Verdict) -> Told {
        Told {
            verdict,
            pays: None,
            approval: None,
            rrn: None,
            member: None,
            discount: None,
            fee: None,
            redeemed: Vec::new(),
            earned: Vec::new(),
            split: Vec::new(),
            rules: Vec::new(),
            balances: Vec::new(),
            says: Vec::new(),
        }
    }

    /// What was spent, in rials.
    pub fn redeemed_rials(&self) -> Rials {
        Rials(self.redeemed.iter().map(|r| r.worth.0).sum())
    }
}
