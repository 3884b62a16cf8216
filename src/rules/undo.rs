//! Undoing a purchase in full (S12, S13): money goes back as it came; spent lots come back as they were; earnings are taken from
//! themselves first, and what is already spent is a matter of the purse's policy.

use crate::ledger::{
    Account, Effects, Entry, Lot, LotId, LotMove, LotTerms, Member, Posting, PurseKey, Reason,
};
use crate::rules::Negative;
use crate::terms::money::scaled_down;
use crate::terms::{Day, MemberId, Moment, Overflow, PurseId};

/// For how many days a lot that died in between comes back, where its purse says nothing: a reversal is no renewal (S13).
pub const RESTORE_GRACE_DAYS: i32 = 7;

/// When and by what an original is undone.
#[derive(Clone, Copy)]
pub struct Undoing<'a> {
    /// Everybody whose purses the original moved, as he stands now.
    pub members: &'a [&'a Member],
    /// What each purse says of spent earnings.
    pub negative: &'a dyn Fn(PurseId) -> Negative,
    /// For how many days what died comes back.
    pub grace_days: &'a dyn Fn(PurseId) -> i32,
    /// Now.
    pub at: Moment,
    /// The day of it in the rules' zone.
    pub today: Day,
    /// The business day it counts in.
    pub business_day: Day,
}

/// The effects that undo an original. They lack what the asker is told.
pub fn undo(original: &Entry, undoing: &Undoing<'_>) -> Result<Effects, Overflow> {
    let before = &original.effects;
    let mut work = Work {
        undoing,
        original,
        lots: Vec::new(),
        debts: Vec::new(),
        next_lots: Vec::new(),
        given_back: Vec::new(),
        short: None,
        effects: Effects {
            club: before.club,
            shop: before.shop,
            member: before.member,
            holder: before.holder,
            original: Some(original.head.sequence),
            reverses: true,
            visit: before.visit,
            // A refusal is counted too, and stays so.
            counted: match &before.told {
                Some(told) if !told.verdict.is_approved() => Vec::new(),
                _ => before.counted.clone(),
            },
            obligations: before.obligations.clone(),
            ..Effects::none()
        },
    };
    for member in undoing.members {
        let key = |purse, shop| PurseKey {
            member: member.id,
            purse,
            shop,
        };
        let lots = member.lots();
        work.lots
            .extend(lots.map(|held| (key(held.purse, held.shop), held.lot)));
        let debts = member.debts().iter();
        work.debts
            .extend(debts.map(|debt| (key(debt.purse, debt.shop), debt.amount)));
        work.next_lots.push((member.id, member.next_lot));
    }
    for (at, posting) in before.postings.iter().enumerate() {
        // What paid an old debt at once says so in the posting right behind the earning.
        let repaid = before
            .postings
            .get(at + 1)
            .filter(|next| next.reason == Reason::DebtPaid)
            .map_or(0, |next| next.amount);
        work.undo_posting(posting, repaid)?;
    }
    Ok(work.effects)
}

struct Work<'a> {
    undoing: &'a Undoing<'a>,
    original: &'a Entry,
    lots: Vec<(PurseKey, Lot)>,
    debts: Vec<(PurseKey, i64)>,
    /// The number that each member's next lot will have.
    next_lots: Vec<(MemberId, LotId)>,
    /// Purses whose spent lots came back.
    given_back: Vec<PurseKey>,
    /// What could not be taken back of the earning before, and all of it: its funder bears that share.
    short: Option<(i64, i64)>,
    effects: Effects,
}

impl Work<'_> {
    fn undo_posting(&mut self, posting: &Posting, repaid: i64) -> Result<(), Overflow> {
        match (posting.reason, posting.from, posting.to) {
            (Reason::Spent | Reason::Converted, Account::Purse(key), _) => {
                self.give_back(posting, key);
            }
            (
                Reason::Earned | Reason::Loaded | Reason::Converted | Reason::Granted,
                _,
                Account::Purse(key),
            ) => self.take_back(posting, key, repaid),
            // A shop or a person has no lots: the account may go below zero.
            (Reason::Earned, ..) => {
                self.short = None;
                self.post(posting.undone());
            }
            (Reason::DebtPaid, Account::Purse(_), Account::Debt(key)) => {
                self.post(posting.undone());
                self.change_debt(key, posting.amount);
            }
            (Reason::DebtBooked, Account::Debt(key), Account::Purse(_)) => {
                self.forgive(posting, key);
            }
            (Reason::Funded, ..) => {
                let amount = match self.short.take() {
                    Some((short, earned)) => {
                        posting.amount - scaled_down(posting.amount, short, earned)?
                    }
                    None => posting.amount,
                };
                self.post(Posting {
                    amount,
                    ..posting.undone()
                });
            }
            _ => self.post(posting.undone()),
        }
        Ok(())
    }

    /// Spent lots come back with their terms; what died in between lives a few days more.
    fn give_back(&mut self, posting: &Posting, key: PurseKey) {
        self.post(posting.undone());
        // An advice may have spent from one purse twice, from its lots and on debt: the lots come back once.
        if self.given_back.contains(&key) {
            return;
        }
        self.given_back.push(key);
        let taken: Vec<LotMove> = self
            .original
            .effects
            .lots
            .iter()
            .filter(|moved| moved.key == key && moved.amount < 0)
            .copied()
            .collect();
        for moved in taken {
            let dead = moved
                .terms
                .dies
                .is_some_and(|dies| dies <= self.undoing.today);
            if dead {
                let terms = LotTerms {
                    dies: Some(
                        self.undoing
                            .today
                            .plus((self.undoing.grace_days)(key.purse)),
                    ),
                    ..moved.terms
                };
                self.open_lot(key, terms, -moved.amount);
            } else {
                self.put(key, moved.lot, moved.terms, -moved.amount);
            }
        }
    }

    /// Earnings go: from their own lot, then from the others in the order they would be spent, then as the purse says.
    fn take_back(&mut self, posting: &Posting, key: PurseKey, repaid: i64) {
        let own: Vec<LotMove> = self
            .original
            .effects
            .lots
            .iter()
            .filter(|moved| moved.key == key && moved.amount > 0)
            .copied()
            .collect();
        // What paid an old debt never became a lot, and is owed again when the posting that follows is undone.
        let mut left = posting.amount - repaid;
        let rule_lots: Vec<LotId> = own.iter().map(|moved| moved.lot).collect();
        for lot in rule_lots {
            left -= self.take(key, lot, left);
        }
        let mut others: Vec<Lot> = self
            .lots
            .iter()
            .filter(|(of, _)| *of == key)
            // What is dead is worth nothing, whether a batch has swept it or not (S9).
            // What waits for an event is not his yet: nothing is paid with it.
            .filter(|(_, lot)| !lot.is_dead(self.undoing.today) && !lot.is_held())
            .map(|(_, lot)| *lot)
            .collect();
        others.sort_by_key(|lot| {
            (
                lot.terms.dies.is_none(),
                lot.terms.dies,
                lot.terms.booked,
                lot.id,
            )
        });
        for lot in others {
            left -= self.take(key, lot.id, left);
        }
        let mut taken_back = posting.amount;
        self.short = None;
        if left > 0 {
            match (self.undoing.negative)(key.purse) {
                Negative::Forbid => {
                    self.short = Some((left, posting.amount));
                    taken_back -= left;
                }
                Negative::Recover | Negative::Allow => {
                    self.post(Posting {
                        from: Account::Debt(key),
                        to: Account::Purse(key),
                        amount: left,
                        unit: posting.unit,
                        reason: Reason::DebtBooked,
                    });
                    self.change_debt(key, left);
                }
            }
        }
        self.post(Posting {
            amount: taken_back,
            ..posting.undone()
        });
    }

    /// A debt that the original booked is no longer owed; what was paid of it since comes back as a lot.
    fn forgive(&mut self, posting: &Posting, key: PurseKey) {
        let owed = self
            .debts
            .iter()
            .find(|(of, _)| *of == key)
            .map_or(0, |(_, debt)| *debt);
        let forgiven = posting.amount.min(owed);
        self.post(Posting {
            amount: forgiven,
            ..posting.undone()
        });
        self.change_debt(key, -forgiven);
        if posting.amount > forgiven {
            let terms = LotTerms {
                rule: None,
                booked: self.undoing.business_day,
                usable_from: self.undoing.at,
                dies: None,
                hold: None,
            };
            self.open_lot(key, terms, posting.amount - forgiven);
        }
    }

    fn take(&mut self, key: PurseKey, id: LotId, at_most: i64) -> i64 {
        let Some((_, lot)) = self
            .lots
            .iter_mut()
            .find(|(of, lot)| *of == key && lot.id == id)
        else {
            return 0;
        };
        let taken = at_most.min(lot.amount).max(0);
        if taken > 0 {
            lot.amount -= taken;
            let terms = lot.terms;
            self.effects.lots.push(LotMove {
                key,
                lot: id,
                terms,
                amount: -taken,
            });
        }
        taken
    }

    fn put(&mut self, key: PurseKey, id: LotId, terms: LotTerms, amount: i64) {
        match self
            .lots
            .iter_mut()
            .find(|(of, lot)| *of == key && lot.id == id)
        {
            Some((_, lot)) => lot.amount += amount,
            None => self.lots.push((key, Lot { id, terms, amount })),
        }
        self.effects.lots.push(LotMove {
            key,
            lot: id,
            terms,
            amount,
        });
    }

    fn open_lot(&mut self, key: PurseKey, terms: LotTerms, amount: i64) {
        let mut next = LotId(0);
        if let Some((_, of)) = self.next_lots.iter_mut().find(|(id, _)| *id == key.member) {
            next = *of;
            *of = LotId(of.0 + 1);
        }
        self.put(key, next, terms, amount);
    }

    fn change_debt(&mut self, key: PurseKey, by: i64) {
        match self.debts.iter_mut().find(|(of, _)| *of == key) {
            Some((_, debt)) => *debt += by,
            None => self.debts.push((key, by)),
        }
    }

    fn post(&mut self, posting: Posting) {
        if posting.amount > 0 {
            self.effects.postings.push(posting);
        }
    }
}
