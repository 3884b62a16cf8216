//! Rule sets as the book knows them: those that came into force, one after another, and those that wait or were taken back. A fold
//! over [`Input::Rules`](crate::ledger::Input::Rules).

use crate::ledger::Head;
use crate::terms::{Moment, SetNumber};

/// Who did something with a rule set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct By {
    /// His user name, or what of the switch did it: `start`, `signal`, `clock`.
    pub name: String,
    /// His user id; none where it was no person.
    pub uid: Option<u32>,
}

impl By {
    /// A part of the switch.
    pub fn switch(part: &str) -> By {
        By {
            name: part.to_owned(),
            uid: None,
        }
    }

    /// Whether both are known to be one person. User ids tell persons apart, names do not.
    pub fn is_same_person(&self, other: &By) -> bool {
        self.uid.is_some() && self.uid == other.uid
    }
}

/// What is in a rule set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetContents {
    /// SHA-256 over its files.
    pub sha256: [u8; 32],
    /// How many clubs.
    pub clubs: u32,
    /// How many rules all of them have.
    pub rules: u32,
}

/// What was done with a rule set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetStep {
    /// It was read, checked and kept, and waits.
    Waits {
        /// What is in it.
        contents: SetContents,
        /// Its hour; none: as soon as it is approved.
        from: Option<Moment>,
        /// Whether a second person has to approve it.
        approval: bool,
    },
    /// A second person approved it.
    Approved,
    /// It was taken back.
    Withdrawn,
    /// It came into force.
    InForce {
        /// What is in it.
        contents: SetContents,
    },
}

/// Who did something, when, and what he said of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Done {
    /// Who.
    pub by: By,
    /// When.
    pub at: Moment,
    /// Why, as he said; may be empty.
    pub why: String,
}

/// A rule set as the book knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleSet {
    /// Its number.
    pub number: SetNumber,
    /// SHA-256 over its files.
    pub sha256: [u8; 32],
    /// How many clubs; 0 where an older version has not written it down.
    pub clubs: u32,
    /// How many rules; 0 where an older version has not written it down.
    pub rules: u32,
    /// Who loaded it.
    pub loaded: Done,
    /// Whether it needs a second person.
    pub approval: bool,
    /// Who approved it.
    pub approved: Option<Done>,
    /// Who took it back.
    pub withdrawn: Option<Done>,
    /// The hour it was loaded for; none: at once.
    pub planned: Option<Moment>,
    /// Since when it is, or was, in force.
    pub from: Option<Moment>,
}

impl RuleSet {
    /// Whether only its hour is missing, if anything.
    pub fn is_ready(&self) -> bool {
        self.waits() && (!self.approval || self.approved.is_some())
    }

    /// Whether it is still to come into force.
    pub fn waits(&self) -> bool {
        self.from.is_none() && self.withdrawn.is_none()
    }
}

/// Every rule set that ever was loaded.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RuleSets {
    /// In the order in which they came into force.
    pub(super) in_force: Vec<RuleSet>,
    /// Those that wait and those that were taken back, by number.
    pub(super) aside: Vec<RuleSet>,
}

impl RuleSets {
    /// The one in force.
    pub fn now(&self) -> Option<&RuleSet> {
        self.in_force.last()
    }

    /// Those that are or were in force, in the order in which they came into force.
    pub fn in_force(&self) -> &[RuleSet] {
        &self.in_force
    }

    /// Those that wait, by number.
    pub fn waiting(&self) -> impl Iterator<Item = &RuleSet> {
        self.aside.iter().filter(|set| set.waits())
    }

    /// All of them, by number.
    pub fn all(&self) -> Vec<&RuleSet> {
        let mut all: Vec<&RuleSet> = self.in_force.iter().chain(&self.aside).collect();
        all.sort_unstable_by_key(|set| set.number);
        all
    }

    /// The one of a number.
    pub fn get(&self, number: SetNumber) -> Option<&RuleSet> {
        let mut all = self.in_force.iter().chain(&self.aside);
        all.find(|set| set.number == number)
    }

    /// The one that was in force at a moment; before the first, none.
    pub fn at(&self, at: Moment) -> Option<&RuleSet> {
        let then = self.in_force.partition_point(|set| set.from <= Some(at));
        self.in_force.get(then.checked_sub(1)?)
    }

    /// The number that the next one gets.
    pub fn next_number(&self) -> SetNumber {
        let numbers = self.in_force.iter().chain(&self.aside);
        SetNumber(numbers.map(|set| set.number.0).max().unwrap_or(0) + 1)
    }

    /// Takes in what was done. A step of a set that is not there changes nothing: it can have been written by no version.
    pub(super) fn take(&mut self, head: &Head, number: SetNumber, step: SetStep, done: Done) {
        let known = self.aside.iter().position(|set| set.number == number);
        let new = |contents: SetContents, done: Done| RuleSet {
            number,
            sha256: contents.sha256,
            clubs: contents.clubs,
            rules: contents.rules,
            loaded: done,
            approval: false,
            approved: None,
            withdrawn: None,
            planned: None,
            from: None,
        };
        match step {
            SetStep::Waits {
                contents,
                from,
                approval,
            } => self.aside.push(RuleSet {
                planned: from,
                approval,
                ..new(contents, done)
            }),
            SetStep::Approved => {
                if let Some(set) = known.and_then(|at| self.aside.get_mut(at)) {
                    set.approved = Some(done);
                }
            }
            SetStep::Withdrawn => {
                if let Some(set) = known.and_then(|at| self.aside.get_mut(at)) {
                    set.withdrawn = Some(done);
                }
            }
            SetStep::InForce { contents } => {
                let mut set = match known {
                    Some(at) => self.aside.remove(at),
                    None => new(contents, done),
                };
                set.from = Some(head.at);
                self.in_force.push(set);
            }
        }
    }
}
