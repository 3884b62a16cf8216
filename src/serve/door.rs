//! The door to the decider: one bounded queue, in which requests wait together as they were read. An eighth of it is
//! kept for advices and reversals, which cannot be refused, only kept silent about.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use crate::engine::{Brought, Engine, How};
use crate::exchange::Ticket;
use crate::ledger::{Function, Mode, Names, Request, Told, Verdict};
use crate::terms::Moment;

/// Who waits for an answer, and what is counted about it.
#[derive(Debug, Clone, Copy)]
pub struct Slip {
    /// Which of the link threads.
    pub thread: usize,
    /// Which of its connections.
    pub connection: u64,
    /// Which request of the connection's session.
    pub ticket: Ticket,
    /// What it wants.
    pub function: Function,
    /// Whether it may be refused.
    pub mode: Mode,
    /// Second digit of its message type: 2 is financial.
    pub class: u8,
    /// When it was read.
    pub received: Instant,
    /// When it need not be decided any more.
    pub deadline: Option<Instant>,
}

impl Slip {
    /// Whether it may be told 96; an advice or a reversal gets silence, so that the terminal repeats it.
    pub fn may_be_refused(&self) -> bool {
        self.mode == Mode::Ask && self.function != Function::Reversal
    }
}

/// A request on its way to the decider.
#[derive(Debug)]
pub struct Waiting {
    /// Who waits.
    pub slip: Slip,
    /// What for.
    pub request: Box<Request>,
    /// What it needed and was fetched.
    pub brought: Brought,
    /// How often something was fetched for it.
    pub fetches: u8,
}

/// An outcome on its way back.
#[derive(Debug)]
pub struct Outcome {
    /// Who waits.
    pub slip: Slip,
    /// What he is told.
    pub told: Told,
    /// How it came about; `None` where nothing was decided.
    pub how: Option<How>,
    /// What was asked, for the thread that made it to free: another thread would pay for that with a lock.
    pub request: Option<Box<Request>>,
}

impl Outcome {
    /// What is told to a request that was not decided. The session keeps it from those that repeat by themselves.
    pub fn not_decided(slip: Slip) -> Outcome {
        Outcome {
            slip,
            told: Told::only(Verdict::CannotServe),
            how: None,
            request: None,
        }
    }
}

/// Outcomes for the connections of one link thread, with the names they speak of.
#[derive(Debug)]
pub struct Delivery {
    /// In the order of decision.
    pub outcomes: Vec<Outcome>,
    /// The names of that moment.
    pub names: Arc<Names>,
}

/// What is told when the group it was asked with is durable.
pub type Reply = Box<dyn FnOnce() + Send>;

/// Something that only the decider can answer: it is asked between two requests, and its reply travels with its group.
pub type Question = Box<dyn FnOnce(&mut Engine, Moment) -> Reply + Send>;

/// What comes in at the door.
pub(super) enum Offer {
    Requests(Vec<Waiting>),
    Again(Box<Waiting>),
    Question(Question),
    /// Nothing more will come: decide what is there, and end.
    Stop,
}

/// The side of the queue that requests come from; cheap to clone.
#[derive(Clone)]
pub struct Door {
    offers: Sender<Offer>,
    desk: Arc<Desk>,
}

/// What both sides of the queue know.
#[derive(Debug)]
pub(super) struct Desk {
    /// Requests that were let in and are not decided.
    waiting: AtomicUsize,
    /// How many may be.
    room: usize,
    /// What the disk has no room for, by [`Lack`]: whoever may be refused is refused at the door.
    full: [AtomicBool; 2],
    /// Since when the switch is about to end.
    stopping: OnceLock<Instant>,
}

/// What the disk may have no room for. Each is told, and taken back, by one thread alone.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lack {
    /// The next group cannot be reserved; the decider's word.
    Reserve,
    /// A group that was decided cannot be written; the committer's word.
    Write,
}

impl Door {
    /// A queue for `room` requests.
    pub(super) fn new(room: usize) -> (Door, Receiver<Offer>) {
        let (offers, queue) = bounded(room);
        let desk = Desk {
            waiting: AtomicUsize::new(0),
            room,
            full: Default::default(),
            stopping: OnceLock::new(),
        };
        let desk = Arc::new(desk);
        (Door { offers, desk }, queue)
    }

    /// Lets in what there is room for, and gives back the rest, to be refused.
    pub fn offer(&self, requests: Vec<Waiting>) -> Vec<Waiting> {
        let count = requests.len();
        let before = self.desk.waiting.fetch_add(count, Ordering::Relaxed);
        let open = match self.is_full() {
            true => 0,
            false => self.desk.room - self.desk.room / 8,
        };
        let (requests, mut refused) = if before + count <= open {
            (requests, Vec::new())
        } else {
            let mut taken = before;
            requests.into_iter().partition(|waiting| {
                let most = match waiting.slip.may_be_refused() {
                    true => open,
                    false => self.desk.room,
                };
                let fits = taken < most;
                taken += usize::from(fits);
                fits
            })
        };
        if !requests.is_empty()
            && let Err(
                TrySendError::Full(Offer::Requests(requests))
                | TrySendError::Disconnected(Offer::Requests(requests)),
            ) = self.offers.try_send(Offer::Requests(requests))
        {
            refused.extend(requests);
        }
        self.desk.left(refused.len());
        refused
    }

    /// Asks the decider something and waits for the reply, which comes when everything that was decided before it is
    /// durable. `None` when the decider has ended.
    pub fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Engine, Moment) -> T + Send + 'static,
    ) -> Option<T> {
        let (tell, told) = bounded(1);
        let question: Question = Box::new(move |engine, now| {
            let answer = question(engine, now);
            Box::new(move || {
                // Whoever asked may have gone away.
                let _ = tell.send(answer);
            })
        });
        self.offers.send(Offer::Question(question)).ok()?;
        told.recv().ok()
    }

    /// Tells the decider to end when it has decided what is before it.
    pub(super) fn stop(&self) {
        // A decider that has ended already needs no telling.
        let _ = self.offers.send(Offer::Stop);
    }

    /// Requests that wait to be decided.
    pub fn waiting(&self) -> usize {
        self.desk.waiting.load(Ordering::Relaxed)
    }

    /// Whether the disk has no room for what would be decided.
    pub fn is_full(&self) -> bool {
        self.desk
            .full
            .iter()
            .any(|full| full.load(Ordering::Relaxed))
    }

    pub(super) fn desk(&self) -> Arc<Desk> {
        Arc::clone(&self.desk)
    }

    /// Offers a request again after what it needed was fetched. Gives it back when the decider has ended.
    pub(super) fn offer_again(&self, waiting: Waiting) -> Result<(), Box<Waiting>> {
        match self.offers.send(Offer::Again(Box::new(waiting))) {
            Ok(()) => Ok(()),
            Err(error) => match error.0 {
                Offer::Again(waiting) => Err(waiting),
                Offer::Requests(_) | Offer::Question(_) | Offer::Stop => Ok(()),
            },
        }
    }
}

impl Desk {
    /// So many were decided or refused.
    pub(super) fn left(&self, count: usize) {
        if count > 0 {
            self.waiting.fetch_sub(count, Ordering::Relaxed);
        }
    }

    /// Opens or shuts the door for those who may be refused. Tells whether that is news.
    pub(super) fn set_full(&self, lack: Lack, full: bool) -> bool {
        let known = &self.full[lack as usize];
        known.load(Ordering::Relaxed) != full && known.swap(full, Ordering::Relaxed) != full
    }

    /// The switch is about to end.
    pub(super) fn stops(&self) {
        let _ = self.stopping.set(Instant::now());
    }

    /// How long it has been about to end.
    pub(super) fn stopping_for(&self) -> Option<Duration> {
        self.stopping.get().map(Instant::elapsed)
    }
}
