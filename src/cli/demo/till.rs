//! What the tills do, and how: purchases, reversals and repeats drawn from a seed, several in flight on a connection that
//! may break at any moment.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::house::{House, card};
use super::{OTHER_SHOP, PATIENCE, SHOP};
use crate::cli::line::Line;
use crate::cli::{Failure, chain};
use crate::exchange::terminal::{Sale, Sent, Who};
use crate::exchange::{Dialect, Receipt, Terminal};
use crate::ledger::Redeem;
use crate::message::Message;
use crate::terms::{Moment, Rials};
use crate::wire::framing::Framing;

/// Connections to the shop of the club; one more goes to the other shop.
const CONNECTIONS: usize = 4;
/// Messages of one connection that wait for their answers at once.
const IN_FLIGHT: usize = 16;

/// What a till does one after another.
pub(super) struct Plan {
    name: String,
    shop: &'static str,
    steps: Vec<Step>,
}

impl Plan {
    /// How many messages it is.
    pub(super) fn steps(&self) -> u64 {
        self.steps.len() as u64
    }
}

enum Step {
    Sale(Box<Sale>),
    /// Undo the sale of that step, if it was approved.
    Reverse(usize),
    /// Send the sale of that step once more: the very bytes, or marked as a repeat.
    Repeat(usize, bool),
}

/// Every member belongs to one till, so that the same seed is the same day however threads run.
pub(super) fn plans(seed: u64, purchases: u64, members: usize) -> Vec<Plan> {
    let mut random = Random(seed);
    let mut plans: Vec<Plan> = (0..=CONNECTIONS)
        .map(|at| Plan {
            name: format!("DEMO{at:04}"),
            shop: if at == CONNECTIONS { OTHER_SHOP } else { SHOP },
            steps: Vec::new(),
        })
        .collect();
    for number in 0..purchases {
        let at = if number % 10 == 9 {
            CONNECTIONS
        } else {
            random.below(CONNECTIONS as u64) as usize
        };
        let of_till = random.below(members.div_ceil(CONNECTIONS) as u64) as usize * CONNECTIONS;
        let member = (of_till + at % CONNECTIONS).min(members - 1);
        // Beyond the last member are strangers: their cards are nobody's.
        let stranger = random.below(25) == 0 || member % CONNECTIONS != at;
        let who = if stranger {
            members + 1_000_000 + at
        } else {
            member
        };
        let amount = (50_000 + random.below(3_000_000)) as i64;
        let mut sale = Sale::of(Who::Card(card(who)), Rials(amount));
        sale.bill = Some(format!("B{number:06}"));
        sale.redeem = match random.below(12) {
            _ if stranger => Redeem::Nothing,
            0 | 1 => Redeem::AsMuchAsAllowed,
            2 => Redeem::Exactly(Rials(50_000 + 10_000 * random.below(40) as i64)),
            _ => Redeem::Nothing,
        };
        let steps = &mut plans[at].steps;
        steps.push(Step::Sale(Box::new(sale)));
        let back = random.below(48) as usize;
        let earlier = steps.len().saturating_sub(1 + back);
        match random.below(20) {
            0 if matches!(steps[earlier], Step::Sale(_)) => steps.push(Step::Reverse(earlier)),
            1 if matches!(steps[earlier], Step::Sale(_)) => {
                steps.push(Step::Repeat(earlier, back.is_multiple_of(2)));
            }
            _ => {}
        }
    }
    plans
}

/// What came of a step.
pub(super) struct Done {
    pub(super) sent: Sent,
    pub(super) receipt: Option<Receipt>,
    pub(super) answer: Bytes,
    /// The step that it reverses or repeats.
    pub(super) of: Option<usize>,
    pub(super) repeats: bool,
}

/// What all tills know.
#[derive(Default)]
pub(super) struct Hall {
    pub(super) answered: AtomicU64,
    /// The daemon was killed and runs again.
    pub(super) crashed: AtomicBool,
    /// It does not run again.
    pub(super) given_up: AtomicBool,
}

/// A till: one connection, its messages, and what it was told.
pub(super) struct Till {
    pub(super) terminal: Terminal,
    dialect: Arc<Dialect>,
    address: SocketAddr,
    start: Moment,
    steps: Vec<Step>,
    /// By step; none where it was left out.
    pub(super) done: Vec<Option<Done>>,
    /// Steps that wait for an answer, by trace number.
    waiting: HashMap<u32, usize>,
    line: Option<Line>,
    hall: Arc<Hall>,
    pub(super) again: u64,
    pub(super) faults: Vec<String>,
}

impl Till {
    pub(super) fn new(house: &House, plan: Plan, hall: Arc<Hall>) -> Till {
        Till {
            terminal: house.terminal(&plan.name, plan.shop),
            dialect: Arc::clone(&house.dialect),
            address: house.address,
            start: house.start,
            done: Vec::with_capacity(plan.steps.len()),
            steps: plan.steps,
            waiting: HashMap::new(),
            line: None,
            hall,
            again: 0,
            faults: Vec::new(),
        }
    }

    /// Goes through its steps. A broken connection is opened again, and what was not answered is repeated.
    pub(super) fn work(&mut self) -> Result<(), Failure> {
        while self.done.len() < self.steps.len() || !self.waiting.is_empty() {
            if let Err(error) = self.go_on() {
                self.line = None;
                match error.kind() {
                    io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                        return Err(Failure::Off(chain(&error)));
                    }
                    _ => self.reconnect()?,
                }
            }
        }
        Ok(())
    }

    /// Sends as much as may wait at once, and takes the answers that are there.
    fn go_on(&mut self) -> io::Result<()> {
        if self.line.is_none() {
            self.connect()?;
        }
        let mut put = false;
        while self.waiting.len() < IN_FLIGHT && self.done.len() < self.steps.len() {
            if !self.is_ready(self.done.len()) || self.must_wait() {
                break;
            }
            put |= self.put_next()?;
        }
        let Some(line) = &mut self.line else {
            return Ok(());
        };
        if put {
            line.flush()?;
        }
        if self.waiting.is_empty() {
            if self.must_wait() {
                thread::sleep(Duration::from_millis(1));
            }
            return Ok(());
        }
        let first = line.take()?;
        let mut came = vec![first];
        while let Some(more) = line.taken()? {
            came.push(more);
        }
        came.into_iter().try_for_each(|answer| self.take(answer))
    }

    /// Nobody is done before the crash, however fast the machine is.
    fn must_wait(&self) -> bool {
        let sent = self.done.len() * 10;
        sent >= self.steps.len() * 6 && sent > 0 && !self.hall.crashed.load(Ordering::Relaxed)
    }

    /// Whether what a step is about has been answered, and no answer of the same trace number is on its way.
    fn is_ready(&self, at: usize) -> bool {
        match &self.steps[at] {
            Step::Sale(_) => true,
            Step::Reverse(of) => self.receipt(*of).is_some(),
            Step::Repeat(of, _) => self
                .receipt(*of)
                .and_then(|receipt| receipt.stan)
                .is_some_and(|stan| !self.waiting.contains_key(&stan)),
        }
    }

    fn receipt(&self, at: usize) -> Option<&Receipt> {
        self.done.get(at)?.as_ref()?.receipt.as_ref()
    }

    /// Puts the next step on the line; `false` where there is nothing to send.
    fn put_next(&mut self) -> io::Result<bool> {
        let at = self.done.len();
        let now = self.start.plus_seconds(at as i64 / 10);
        let original = |of: usize| self.done[of].as_ref().map(|done| done.sent.clone());
        let (sent, of, repeats) = match &self.steps[at] {
            Step::Sale(sale) => (self.terminal.purchase(sale, now), None, false),
            Step::Reverse(of) => {
                let approved = self.receipt(*of).is_some_and(Receipt::is_approved);
                let Some(original) = original(*of).filter(|_| approved) else {
                    self.done.push(None);
                    self.hall.answered.fetch_add(1, Ordering::Relaxed);
                    return Ok(false);
                };
                let told = at.is_multiple_of(2);
                (
                    self.terminal.reversal(&original, told, now),
                    Some(*of),
                    false,
                )
            }
            Step::Repeat(of, same_bytes) => {
                let original = original(*of).ok_or(io::ErrorKind::InvalidInput)?;
                let sent = if *same_bytes {
                    Ok(original)
                } else {
                    self.terminal.repeat(&original)
                };
                (sent, Some(*of), true)
            }
        };
        let sent = sent.map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e.to_string()))?;
        if let Some(line) = &mut self.line {
            line.put(&sent.body)?;
        }
        self.waiting.insert(sent.stan, at);
        self.done.push(Some(Done {
            sent,
            receipt: None,
            answer: Bytes::new(),
            of,
            repeats,
        }));
        Ok(true)
    }

    fn take(&mut self, answer: Bytes) -> io::Result<()> {
        let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
        let message = Message::decode(self.dialect.spec(), answer.clone());
        let message = message.map_err(|error| invalid(error.to_string()))?;
        let receipt = self.terminal.receipt(&message);
        let at = receipt.stan.and_then(|stan| self.waiting.remove(&stan));
        let at = at.ok_or_else(|| invalid("an answer to nothing that was asked".to_owned()))?;
        self.hall.answered.fetch_add(1, Ordering::Relaxed);
        let repeated = self.done[at]
            .as_ref()
            .filter(|done| done.repeats)
            .and_then(|done| done.of);
        if let Some(of) = repeated
            && let Some(before) = &self.done[of]
            && before.answer != answer
        {
            let name = &self.terminal.place().terminal;
            let stan = before.sent.stan;
            self.faults.push(format!(
                "{name}: the repeat of trace {stan} was told something else"
            ));
        }
        if let Some(done) = &mut self.done[at] {
            done.receipt = Some(receipt);
            done.answer = answer;
        }
        Ok(())
    }

    fn reconnect(&mut self) -> Result<(), Failure> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.connect() {
                Ok(()) => return Ok(()),
                Err(error)
                    if Instant::now() > until || self.hall.given_up.load(Ordering::Relaxed) =>
                {
                    return Err(Failure::NoAnswer(format!(
                        "the switch does not come back: {error}"
                    )));
                }
                Err(_) => thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Connects, and repeats what was not answered, in the order it was sent.
    fn connect(&mut self) -> io::Result<()> {
        let framing = Framing::named("len2-be").expect("the framing is built in");
        let mut line = Line::open(self.address, framing, PATIENCE)?;
        let mut steps: Vec<usize> = self.waiting.values().copied().collect();
        steps.sort_unstable();
        for at in steps {
            let Some(done) = &mut self.done[at] else {
                continue;
            };
            let repeat = self.terminal.repeat(&done.sent).map_err(io::Error::other)?;
            line.put(&repeat.body)?;
            self.again += 1;
        }
        line.flush()?;
        self.line = Some(line);
        Ok(())
    }
}
/// SplitMix64, Steele, Lea, Flood, 2014.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }
}
