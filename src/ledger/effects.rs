//! What an entry does: all that `apply` needs, and all that a repeat is told.

use crate::ledger::{
    CardState, Counted, LotMove, Named, Obligation, Posting, Standing, TierId, Told,
};
use crate::terms::person::Identity;
use crate::terms::{ClubId, Day, MemberId, PersonId, PurseId, Rials, Sequence, ShopId};

/// A change of who is a member and how he stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MemberChange {
    /// Somebody becomes a member.
    Enrolled {
        /// His number, the next one.
        member: MemberId,
        /// Of which club.
        club: ClubId,
        /// The business day he joined.
        joined: Day,
        /// What he is known by.
        identities: Vec<Identity>,
        /// Who gets the marketer's part of his purchases.
        marketer: Option<PersonId>,
        /// The member who brought him.
        introducer: Option<MemberId>,
        /// His tier, given by hand.
        tier: Option<TierId>,
    },
    /// He is known by one thing more.
    KnownBy {
        /// Who.
        member: MemberId,
        /// The card, mobile or national code.
        identity: Identity,
    },
    /// His tier is set by hand.
    Tier {
        /// Who.
        member: MemberId,
        /// The tier; none takes it away.
        tier: Option<TierId>,
    },
    /// The day he was born is known.
    Born {
        /// Who.
        member: MemberId,
        /// The day.
        day: Day,
    },
    /// He stands in another tier by what he has bought, or in the same after a review.
    Standing {
        /// Who.
        member: MemberId,
        /// How he stands.
        after: Option<Standing>,
    },
    /// His marketer is set.
    Marketer {
        /// Who.
        member: MemberId,
        /// The person; none takes it away.
        marketer: Option<PersonId>,
    },
    /// His card stands in another state.
    Card {
        /// Whose.
        member: MemberId,
        /// Which.
        state: CardState,
    },
    /// The limit of one of his credit lines is set.
    Limit {
        /// Whose.
        member: MemberId,
        /// Which credit line.
        purse: PurseId,
        /// How far below zero it goes; none: as the card file says.
        limit: Option<Rials>,
    },
}

impl MemberChange {
    /// Whether it keeps a token that stands for a card or a number.
    pub fn has_token(&self) -> bool {
        matches!(
            self,
            MemberChange::Enrolled { .. } | MemberChange::KnownBy { .. }
        )
    }

    /// Whom it changes.
    pub fn member(&self) -> MemberId {
        match self {
            MemberChange::Enrolled { member, .. }
            | MemberChange::KnownBy { member, .. }
            | MemberChange::Tier { member, .. }
            | MemberChange::Born { member, .. }
            | MemberChange::Standing { member, .. }
            | MemberChange::Marketer { member, .. }
            | MemberChange::Card { member, .. }
            | MemberChange::Limit { member, .. } => *member,
        }
    }
}

/// A purchase in the member's log of purchases, from which every window is counted. Reversed, it is taken out again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Visit {
    /// Whose.
    pub member: MemberId,
    /// Where.
    pub shop: ShopId,
    /// The day of the purchase in the club's zone.
    pub day: Day,
    /// The bill.
    pub spent: Rials,
    /// What purses paid of it.
    pub redeemed: Rials,
    /// The discount on it, and what money paid of it that was given for it. Entries of formats 1 and 2 did not tell it: of theirs the whole bill counts as spent.
    pub discount: Rials,
}

/// What somebody has to look at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Exception {
    /// A reversal whose original is not known.
    OrphanReversal,
    /// A reversal that more than one original fits.
    AmbiguousReversal,
    /// A reversal of another amount than its original.
    AmountDiffers,
    /// A reversal of a part; the original stands.
    PartialReversal,
    /// An advice older than what may still be posted.
    AdviceTooOld,
    /// An advice of a shop nobody knows.
    AdviceOfUnknownShop,
    /// An advice that told of more redeemed than the purses held.
    RedeemedOverBalance,
    /// The shop's money did not cover the parts of the split.
    SplitCut,
    /// The rules failed; the purchase went on without the club.
    WithoutClub,
    /// An advice of something that is no purchase.
    AdviceOfAnotherKind,
    /// An advice by which a club owes the clearing house more than it may.
    OverNetDebitCap,
}

impl Exception {
    /// Every exception, in the order of its number, with its name for people and files.
    pub const ALL: [(Exception, &'static str); 11] = [
        (Exception::OrphanReversal, "orphan-reversal"),
        (Exception::AmbiguousReversal, "ambiguous-reversal"),
        (Exception::AmountDiffers, "amount-differs"),
        (Exception::PartialReversal, "partial-reversal"),
        (Exception::AdviceTooOld, "advice-too-old"),
        (Exception::AdviceOfUnknownShop, "advice-of-unknown-shop"),
        (Exception::RedeemedOverBalance, "redeemed-over-balance"),
        (Exception::SplitCut, "split-cut"),
        (Exception::WithoutClub, "without-club"),
        (Exception::AdviceOfAnotherKind, "advice-of-another-kind"),
        (Exception::OverNetDebitCap, "over-net-debit-cap"),
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        Exception::ALL[self as usize].1
    }
}

/// What a decision does. Empty but for `told` where nothing moves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Effects {
    /// What the asker is told; none where nobody asked.
    pub told: Option<Told>,
    /// The club that judged it.
    pub club: Option<ClubId>,
    /// The shop it happened at.
    pub shop: Option<ShopId>,
    /// The member it was for.
    pub member: Option<MemberId>,
    /// The holder of the card that it came with, where that is of a card product and he is not `member`. The purchase is in his log
    /// too.
    pub holder: Option<MemberId>,
    /// The entry that this one undoes or confirms.
    pub original: Option<Sequence>,
    /// Whether it undoes `original`.
    pub reverses: bool,
    /// Movements between accounts.
    pub postings: Vec<Posting>,
    /// Movements of lots; those of a purse add up to its postings.
    pub lots: Vec<LotMove>,
    /// Changes of members.
    pub members: Vec<MemberChange>,
    /// A purchase that counts in windows; of a reversal, the one that no longer does.
    pub visit: Option<Visit>,
    /// Names that are new or changed.
    pub names: Vec<Named>,
    /// What somebody has to look at.
    pub exception: Option<Exception>,
    /// What counts toward caps; of a reversal, what no longer does.
    pub counted: Vec<Counted>,
    /// What clubs owe one another by it; of a reversal, what they no longer do.
    pub obligations: Vec<Obligation>,
}

impl Effects {
    /// Nothing moves and nobody is told.
    pub fn none() -> Effects {
        Effects {
            told: None,
            club: None,
            shop: None,
            member: None,
            holder: None,
            original: None,
            reverses: false,
            postings: Vec::new(),
            lots: Vec::new(),
            members: Vec::new(),
            visit: None,
            names: Vec::new(),
            exception: None,
            counted: Vec::new(),
            obligations: Vec::new(),
        }
    }

    /// Nothing moves; the asker is told so.
    pub fn told(told: Told) -> Effects {
        Effects {
            told: Some(told),
            ..Effects::none()
        }
    }
}
