//! What one club owes another through the clearing house. The house stands between them (novation): the entry books what the
//! issuer owes the house and what the house owes the acceptor, and an [`Obligation`] keeps on what terms, so that whoever
//! settles, disputes or reports it later needs nothing else.

use crate::ledger::Effects;
use crate::terms::{ClubId, Day, Overflow, PurseId, Rate, Rials};

/// Why there is an obligation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ObligationKind {
    /// Points were spent in a shop of another club.
    Redeem,
    /// Points of one club were turned into another's.
    Exchange,
}

/// Who pays the fee of the house.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FeePayer {
    /// The club whose points they were.
    Issuer,
    /// The club whose shop, or whose new points, it was.
    Acceptor,
    /// The member: it is taken out of his points.
    Member,
}

/// One debt between two clubs, as it was when it was booked. In an entry that reverses, it is owed no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Obligation {
    /// Why.
    pub kind: ObligationKind,
    /// Whose points they were: it owes the house.
    pub issuer: ClubId,
    /// Whose shop took them, or who has given its own for them: the house owes it.
    pub acceptor: ClubId,
    /// The purse they came from.
    pub purse: PurseId,
    /// How much came from it, in smallest units.
    pub amount: i64,
    /// Rials for smallest units.
    pub rate: Rate,
    /// The first day of that rate.
    pub rate_from: Day,
    /// What the house owes the acceptor.
    pub rial: Rials,
    /// What the house takes for it.
    pub fee: Rials,
    /// From whom.
    pub fee_payer: FeePayer,
    /// What was left of the points' worth in an exchange; the house keeps it.
    pub odd: Rials,
    /// Of an exchange: what the acceptor gave for them.
    pub made: Option<Made>,
}

/// Points that an exchange made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Made {
    /// The purse they went to.
    pub purse: PurseId,
    /// How many, in smallest units.
    pub amount: i64,
    /// Rials for smallest units.
    pub rate: Rate,
    /// The first day of that rate.
    pub rate_from: Day,
}

impl ObligationKind {
    /// Every kind, with its name in files.
    pub const ALL: [(ObligationKind, &'static str); 2] = [
        (ObligationKind::Redeem, "redeem"),
        (ObligationKind::Exchange, "exchange"),
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        let mut all = ObligationKind::ALL.iter();
        all.find(|(kind, _)| *kind == self).map_or("", |row| row.1)
    }
}

impl FeePayer {
    /// Every payer, with its name in rule files.
    pub const ALL: [(FeePayer, &'static str); 3] = [
        (FeePayer::Issuer, "issuing-club"),
        (FeePayer::Acceptor, "shop-club"),
        (FeePayer::Member, "member"),
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        let mut all = FeePayer::ALL.iter();
        all.find(|(payer, _)| *payer == self)
            .map_or("", |row| row.1)
    }
}

impl Obligation {
    /// What the issuer owes the house by it: the acceptor's money, what is left of the points' worth, and the fee unless the
    /// acceptor pays it.
    ///
    /// # Errors
    /// Where that does not fit.
    pub fn issuer_owes(&self) -> Result<Rials, Overflow> {
        let owes = self.rial.plus(self.odd)?;
        match self.fee_payer {
            FeePayer::Acceptor => Ok(owes),
            FeePayer::Issuer | FeePayer::Member => owes.plus(self.fee),
        }
    }

    /// What the acceptor owes the house by it.
    pub fn acceptor_owes(&self) -> Rials {
        match self.fee_payer {
            FeePayer::Acceptor => self.fee,
            FeePayer::Issuer | FeePayer::Member => Rials::ZERO,
        }
    }
}

impl Effects {
    /// By how much the net debt of each club to the house changes, as the obligations alone tell it.
    ///
    /// # Errors
    /// Where a sum does not fit.
    pub fn net_debts(&self) -> Result<Vec<(ClubId, i64)>, Overflow> {
        let sign = if self.reverses { -1 } else { 1 };
        let mut debts = Vec::with_capacity(2 * self.obligations.len());
        for owed in &self.obligations {
            debts.push((owed.issuer, sign * owed.issuer_owes()?.0));
            debts.push((
                owed.acceptor,
                sign * owed.acceptor_owes().less(owed.rial)?.0,
            ));
        }
        Ok(debts)
    }
}
