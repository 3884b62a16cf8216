//! Rule sets: one comes into force at once, waits for its hour or for a second person, or is taken back. Each step is an entry, so
//! that a replay takes it at the same place. Compiling is done elsewhere: what comes here is only put in place.

use std::sync::Arc;

use crate::engine::{ActError, Engine};
use crate::ledger::{By, Effects, Input, SetContents, SetStep};
use crate::rules::Rulebook;
use crate::terms::{Local, Moment, Sequence, SetNumber};

/// A rule set to be loaded; its names must have been compiled against [`Engine::names`].
#[derive(Clone, Debug)]
pub struct Load {
    /// The set.
    pub rules: Arc<Rulebook>,
    /// Who loads it.
    pub by: By,
    /// Why, as he says; may be empty.
    pub why: String,
    /// Its hour; none: at once.
    pub from: Option<Moment>,
}

/// What is to be done with a rule set.
#[derive(Clone, Debug)]
pub enum Order {
    /// It comes into force, or waits where it has an hour or needs a second person.
    Load(Load),
    /// A second person approves one that waits. [`Engine::arm`] comes next.
    Approve {
        /// Which.
        number: SetNumber,
        /// Who.
        by: By,
        /// Why, as he says; may be empty.
        why: String,
    },
    /// One that waits is taken back.
    Withdraw {
        /// Which.
        number: SetNumber,
        /// Who.
        by: By,
        /// Why, as he says; may be empty.
        why: String,
    },
}

/// A set that is compiled and has only to be put in place when its hour comes.
pub(super) struct Armed {
    number: SetNumber,
    at: Moment,
    rules: Arc<Rulebook>,
}

impl Armed {
    /// Its hour.
    pub(super) fn at(&self) -> Moment {
        self.at
    }
}

impl Engine {
    pub(super) fn order(&mut self, order: Order, now: Moment) -> Result<Sequence, ActError> {
        match order {
            Order::Load(load) => self.load(load, now),
            Order::Approve { number, by, why } => self.approve(number, by, why, now),
            Order::Withdraw { number, by, why } => {
                self.waiting(number)?;
                self.armed.retain(|armed| armed.number != number);
                Ok(self.step(number, SetStep::Withdrawn, by, why, now))
            }
        }
    }

    /// Puts a set in force at once, whoever asks.
    pub(super) fn load_rules(
        &mut self,
        rules: Arc<Rulebook>,
        now: Moment,
    ) -> Result<Sequence, ActError> {
        self.goes_with_names(&rules)?;
        let number = self.book.rule_sets().next_number();
        Ok(self.put_in_force(number, rules, By::switch("start"), String::new(), now))
    }

    fn load(&mut self, load: Load, now: Moment) -> Result<Sequence, ActError> {
        let Load {
            rules,
            by,
            why,
            from,
        } = load;
        self.goes_with_names(&rules)?;
        let number = self.book.rule_sets().next_number();
        let approval = self.needs_two_persons(&rules);
        if approval && by.uid.is_none() {
            return Err(ActError::NobodyKnown);
        }
        if from.is_none() && !approval {
            return Ok(self.put_in_force(number, rules, by, why, now));
        }
        let step = SetStep::Waits {
            contents: contents(&rules),
            from,
            approval,
        };
        Ok(self.step(number, step, by, why, now))
    }

    /// Whether one person alone cannot put a set in force: where a club of it, or of the set in force, asks for two.
    pub fn needs_two_persons(&self, rules: &Rulebook) -> bool {
        let asks = |rules: &Rulebook| rules.clubs.iter().any(|club| club.two_persons);
        asks(rules) || (self.rules_in_force() && asks(&self.rules))
    }

    fn approve(
        &mut self,
        number: SetNumber,
        by: By,
        why: String,
        now: Moment,
    ) -> Result<Sequence, ActError> {
        let set = self.waiting(number)?;
        if !set.approval {
            return Err(ActError::NeedsNoApproval(number));
        }
        if let Some(done) = &set.approved {
            return Err(ActError::Approved(number, done.by.name.clone()));
        }
        if by.uid.is_none() {
            return Err(ActError::NobodyKnown);
        }
        if by.is_same_person(&set.loaded.by) {
            return Err(ActError::SamePerson(by.name, number));
        }
        Ok(self.step(number, SetStep::Approved, by, why, now))
    }

    /// Sets that come into force within so many seconds, or should be in force already, and are not armed: numbers with the SHA-256 of
    /// their files, in the order of their hours.
    pub fn to_arm(&self, within_s: i64, now: Moment) -> Vec<(SetNumber, [u8; 32])> {
        let soon = now.plus_seconds(within_s);
        let is_armed = |number| self.armed.iter().any(|armed| armed.number == number);
        let sets = self.book.rule_sets().waiting();
        let ready = sets.filter(|set| set.is_ready() && !is_armed(set.number));
        let mut due: Vec<_> = ready
            .filter(|set| set.planned.is_none_or(|at| at <= soon))
            .collect();
        due.sort_by_key(|set| (set.planned, set.number));
        due.iter().map(|set| (set.number, set.sha256)).collect()
    }

    /// Takes a set that has no more to wait for than its hour, compiled; puts it in force where that is past. The entry, if so.
    ///
    /// # Errors
    /// Where it does not wait, was made of other files, or was compiled against other names.
    pub fn arm(
        &mut self,
        number: SetNumber,
        rules: Arc<Rulebook>,
        now: Moment,
    ) -> Result<Option<Sequence>, ActError> {
        let now = now.max(self.book.at());
        let set = self.waiting(number)?;
        if !set.is_ready() || set.sha256 != rules.sha256 {
            return Err(ActError::NotWaiting(number));
        }
        let at = set.planned.unwrap_or(now);
        self.goes_with_names(&rules)?;
        self.armed.retain(|armed| armed.number != number);
        self.armed.push(Armed { number, at, rules });
        self.armed.sort_by_key(|armed| (armed.at, armed.number));
        Ok(self.put_due_in_force(now))
    }

    /// Puts in force what is armed and whose hour has come. The last entry of it.
    pub(super) fn put_due_in_force(&mut self, now: Moment) -> Option<Sequence> {
        let mut last = None;
        while self.armed.first().is_some_and(|armed| armed.at <= now) {
            let Armed { number, rules, .. } = self.armed.remove(0);
            let Ok(set) = self.waiting(number) else {
                continue;
            };
            let done = set.loaded.clone();
            // Names that came meanwhile: it is compiled again, see `to_arm`.
            if self.goes_with_names(&rules).is_ok() {
                last = Some(self.put_in_force(number, rules, done.by, done.why, now));
            }
        }
        last
    }

    /// The set of a number, where it waits.
    fn waiting(&self, number: SetNumber) -> Result<&crate::ledger::RuleSet, ActError> {
        match self.book.rule_sets().get(number) {
            None => Err(ActError::NoSet(number)),
            Some(set) if !set.waits() => Err(ActError::NotWaiting(number)),
            Some(set) => Ok(set),
        }
    }

    /// Whether its names go with those of the book.
    fn goes_with_names(&self, rules: &Rulebook) -> Result<(), ActError> {
        match self.book.names().take(&rules.names) {
            true => Ok(()),
            false => Err(ActError::StaleNames),
        }
    }

    fn put_in_force(
        &mut self,
        number: SetNumber,
        rules: Arc<Rulebook>,
        by: By,
        why: String,
        now: Moment,
    ) -> Sequence {
        let was_in_force = self.rules_in_force();
        let mut rules = numbered(rules, number);
        // The book has them from here on. Thousands are not copied while purchases wait.
        let names = match Arc::get_mut(&mut rules) {
            Some(rules) => std::mem::take(&mut rules.names),
            None => rules.names.clone(),
        };
        let before = std::mem::replace(&mut self.rules, Arc::clone(&rules));
        if was_in_force {
            self.older.push(before);
        }
        self.next_cut_over = Moment(i64::MIN);
        let effects = Effects {
            names,
            ..Effects::none()
        };
        let step = SetStep::InForce {
            contents: contents(&rules),
        };
        let input = Input::Rules {
            number,
            step,
            by,
            why,
        };
        let day = self.day_by_clock(now);
        let entry = self.enter(input, effects, None, day, now, number);
        self.forget_older(now);
        // Names have come: what they clash with is compiled again in time for its hour, see `to_arm`.
        let names = Arc::clone(self.book.names());
        self.armed.retain(|armed| names.take(&armed.rules.names));
        entry.head.sequence
    }

    /// Lets go of sets that no advice can ask for any more.
    fn forget_older(&mut self, now: Moment) {
        let oldest = now.plus_seconds(-i64::from(self.limits.advice_days + 1) * 86_400);
        let sets = self.book.rule_sets().in_force();
        self.older.retain(|rules| {
            let at = sets.iter().position(|set| set.number == rules.number);
            let next = at.and_then(|at| sets.get(at + 1));
            next.is_some_and(|next| next.from >= Some(oldest))
        });
    }

    fn step(
        &mut self,
        number: SetNumber,
        step: SetStep,
        by: By,
        why: String,
        now: Moment,
    ) -> Sequence {
        let input = Input::Rules {
            number,
            step,
            by,
            why,
        };
        let (day, in_force) = (self.day_by_clock(now), self.rules.number);
        let entry = self.enter(input, Effects::none(), None, day, now, in_force);
        entry.head.sequence
    }

    /// The rule set that was in force at a moment; the one in force now where that one is not at hand.
    pub(super) fn rules_at(&self, local: Local) -> Arc<Rulebook> {
        let at = self.rules.world.zone.moment(local);
        let sets = self.book.rule_sets();
        let Some(then) = sets.at(at).or(sets.in_force().first()) else {
            return Arc::clone(&self.rules);
        };
        let at_hand = || std::iter::once(&self.rules).chain(&self.older);
        at_hand()
            .find(|rules| rules.number == then.number)
            .or_else(|| at_hand().find(|rules| rules.sha256 == then.sha256))
            .unwrap_or(&self.rules)
            .clone()
    }
}

/// The set under its number; copied only where somebody else holds it too.
pub(super) fn numbered(mut rules: Arc<Rulebook>, number: SetNumber) -> Arc<Rulebook> {
    if rules.number != number {
        Arc::make_mut(&mut rules).number = number;
    }
    rules
}

fn contents(rules: &Rulebook) -> SetContents {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    SetContents {
        sha256: rules.sha256,
        clubs: count(rules.clubs.len()),
        rules: count(rules.clubs.iter().map(crate::rules::Club::rules).sum()),
    }
}
