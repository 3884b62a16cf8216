//! The thread that decides. It owns the book, and decides what waits while the group before is written: at most one
//! group ahead, and only against journal bytes that are reserved.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, never, select};
use metrics::Histogram;

use super::clock::Clock;
use super::committer::{Commit, Outlets};
use super::door::{Delivery, Desk, Lack, Offer, Outcome, Question, Reply, Waiting};
use super::fetch::Fetch;
use crate::engine::{Decision, Engine};
use crate::journal::{Full, Room};

/// Requests of one group at most.
const GROUP_INPUTS_MOST: usize = 1_024;
/// Bytes of one group, above which no more is decided for it.
const GROUP_BYTES_MOST: usize = 256 << 10;
/// What is reserved for a group before anything is decided for it: room for its last entry too.
const GROUP_BYTES_RESERVED: usize = 2 * GROUP_BYTES_MOST;
/// Rounds of fetching for one request, above which it is refused.
const FETCHES_MOST: u8 = 8;
/// Grants of one group at most, so that purchases do not wait behind a hundred thousand.
const GROUP_GRANTS_MOST: usize = 64;
/// How often the decider looks up when nobody comes.
const TICK: Duration = Duration::from_millis(250);

/// What the thread works with.
pub(super) struct Decider {
    pub(super) engine: Engine,
    pub(super) queue: Receiver<Offer>,
    pub(super) desk: Arc<Desk>,
    /// Groups to the committer.
    pub(super) commits: Sender<Commit>,
    /// A token for each group that the committer can take.
    pub(super) free: Receiver<()>,
    pub(super) fetches: Sender<Fetch>,
    /// For refusals, which decide nothing and need not wait for a group.
    pub(super) outlets: Outlets,
    pub(super) clock: Arc<Clock>,
    pub(super) room: Room,
    pub(super) seconds: Histogram,
}

/// What was decided since the last group went to the committer.
#[derive(Default)]
struct Undelivered {
    outcomes: Vec<Vec<Outcome>>,
    replies: Vec<Reply>,
    inputs: usize,
    /// Whether what the clock grants is in it already.
    granted: bool,
}

impl Decider {
    /// Decides until every door is closed; gives the engine back, with everything handed to the committer.
    pub(super) fn run(mut self) -> Engine {
        let mut open = true;
        let mut backlog: VecDeque<Waiting> = VecDeque::new();
        let mut undelivered = Undelivered::default();
        let mut next_tick = Instant::now();
        while open || self.has_to_hand_over(&undelivered) || !backlog.is_empty() {
            if next_tick <= Instant::now() {
                self.tick();
                next_tick = Instant::now() + TICK;
            }
            self.decide(&mut backlog, &mut undelivered);
            if open {
                self.grant(&mut undelivered);
            }
            let idle = never();
            let busy = never();
            let room = undelivered.inputs < GROUP_INPUTS_MOST && backlog.is_empty();
            let queue = if open && room { &self.queue } else { &idle };
            let free = if self.has_to_hand_over(&undelivered) {
                &self.free
            } else {
                &busy
            };
            select! {
                recv(queue) -> offer => {
                    open = offer.is_ok_and(|offer| self.take(offer, &mut backlog, &mut undelivered));
                    while open
                        && backlog.len() + undelivered.inputs < GROUP_INPUTS_MOST
                        && let Ok(offer) = self.queue.try_recv()
                    {
                        open = self.take(offer, &mut backlog, &mut undelivered);
                    }
                }
                recv(free) -> token => {
                    if token.is_err() || !self.hand_over(&mut undelivered) {
                        // The committer ends only when the journal failed, and then so does the process.
                        break;
                    }
                }
                default(TICK) => {}
            }
        }
        self.engine
    }

    /// `false` when nothing more will come.
    fn take(
        &mut self,
        offer: Offer,
        backlog: &mut VecDeque<Waiting>,
        into: &mut Undelivered,
    ) -> bool {
        match offer {
            Offer::Requests(requests) => backlog.extend(requests),
            Offer::Again(waiting) => backlog.push_back(*waiting),
            Offer::Question(question) => self.answer(question, into),
            Offer::Stop => return false,
        }
        true
    }

    fn answer(&mut self, question: Question, into: &mut Undelivered) {
        let reply = question(&mut self.engine, self.clock.now());
        into.replies.push(reply);
        into.inputs += 1;
    }

    /// Decides what waits, up to a full group.
    fn decide(&mut self, backlog: &mut VecDeque<Waiting>, into: &mut Undelivered) {
        if backlog.is_empty() || into.inputs >= GROUP_INPUTS_MOST {
            return;
        }
        let full = self.has_room().is_err();
        let now = self.clock.now();
        let began = Instant::now();
        while into.inputs < GROUP_INPUTS_MOST
            && self.engine.group_bytes() < GROUP_BYTES_MOST
            && let Some(waiting) = backlog.pop_front()
        {
            let late = waiting.slip.deadline.is_some_and(|by| by < began);
            if late || full {
                self.refuse(waiting);
                continue;
            }
            match self.engine.decide(&waiting.request, &waiting.brought, now) {
                Decision::Tell(answer) => {
                    self.desk.left(1);
                    into.inputs += 1;
                    into.push(Outcome {
                        slip: waiting.slip,
                        told: answer.told,
                        how: Some(answer.how),
                        request: Some(waiting.request),
                    });
                }
                Decision::Needs(needed) if waiting.fetches < FETCHES_MOST => {
                    let fetch = Fetch { waiting, needed };
                    if let Err(error) = self.fetches.try_send(fetch) {
                        self.refuse(error.into_inner().waiting);
                    }
                }
                Decision::Needs(_) => self.refuse(waiting),
            }
        }
        self.seconds.record(began.elapsed().as_secs_f64());
    }

    /// Whether what is decided now can be written; opens and shuts the door accordingly.
    fn has_room(&self) -> Result<(), Full> {
        let room = self.room.reserve(GROUP_BYTES_RESERVED);
        if self.desk.set_full(Lack::Reserve, room.is_err()) {
            match &room {
                Ok(()) => tracing::info!("there is room for the journal again, deciding goes on"),
                Err(full) => tracing::error!("nothing can be decided: {full}"),
            }
        }
        room
    }

    /// What is due without anybody asking: the business day, and a look at the disk.
    fn tick(&mut self) {
        if self.has_room().is_ok() {
            self.engine.due_by_clock(self.clock.now());
        }
    }

    /// What the clock fills purses with, a few of them a group.
    fn grant(&mut self, into: &mut Undelivered) {
        let now = self.clock.now();
        if into.granted || !self.engine.has_grants(now) || self.has_room().is_err() {
            return;
        }
        into.granted = self.engine.grant_due(GROUP_GRANTS_MOST, now) > 0;
    }

    fn has_to_hand_over(&self, undelivered: &Undelivered) -> bool {
        undelivered.inputs > 0 || self.engine.group_bytes() > 0
    }

    fn refuse(&self, waiting: Waiting) {
        self.desk.left(1);
        self.outlets.refuse(waiting.slip, &self.engine.names());
    }

    /// Hands what was decided to the committer, which is free. `false` when it has ended.
    fn hand_over(&mut self, undelivered: &mut Undelivered) -> bool {
        let done = std::mem::take(undelivered);
        let names = self.engine.names();
        let deliveries = done
            .outcomes
            .into_iter()
            .map(|outcomes| Delivery {
                outcomes,
                names: Arc::clone(&names),
            })
            .collect();
        let commit = Commit {
            group: self.engine.take_group(),
            deliveries,
            replies: done.replies,
        };
        self.commits.send(commit).is_ok()
    }
}

impl Undelivered {
    fn push(&mut self, outcome: Outcome) {
        let thread = outcome.slip.thread;
        if self.outcomes.len() <= thread {
            self.outcomes.resize_with(thread + 1, Vec::new);
        }
        self.outcomes[thread].push(outcome);
    }
}
