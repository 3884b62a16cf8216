//! One connection's conversation, without I/O: frames come in, actions come out; requests wait here for their answers.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::ledger::{Names, Request, Told, Verdict};
use crate::message::Message;
use crate::terms::{Map, Moment, Token, TokenKind};
use crate::wire::framing::{Frame, Framing};

use super::bind::Dialect;
use super::read::{Dropped, LinkTerms, Network, Read, Refusal};

/// What all connections of a link share.
#[derive(Debug)]
pub struct Link {
    /// What it speaks.
    pub dialect: Dialect,
    /// Where its messages begin and end.
    pub framing: Framing,
    /// What it lays down.
    pub terms: LinkTerms,
    /// Requests of one connection that may wait for their answers; above it reading pauses.
    pub in_flight_max: usize,
    /// An answer later than this is not sent.
    pub deadline: Option<Duration>,
    /// A connection without a frame for so long is closed.
    pub idle: Option<Duration>,
}

/// Names a request of one connection until it is answered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub u64);

/// What the owner of the connection is to do.
#[derive(Debug)]
pub enum Action {
    /// Ask the book, and come back with [`Session::answered`].
    Ask(Ticket, Box<Request>),
    /// Send this.
    Send(Frame),
    /// Close the connection.
    Close(Why),
}

/// Why a connection is closed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Why {
    /// Nothing came for too long.
    Idle,
}

/// What became of a request.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// It was decided, or cannot be: then the verdict is [`Verdict::CannotServe`].
    Told(&'a Told, &'a Names),
    /// Nothing is to be said.
    Silence,
}

/// What happened on a connection since it was last asked; each count has one cause.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Keep-alives answered.
    pub keep_alives: u64,
    /// Network messages answered.
    pub network: u64,
    /// Requests given to the book.
    pub asked: u64,
    /// Answers of the book sent.
    pub answered: u64,
    /// Messages refused without asking the book, by the number of the verdict.
    pub refused: [u64; Verdict::ALL.len()],
    /// Messages not answered, by cause, in the order of [`Dropped::ALL`].
    pub dropped: [u64; Dropped::ALL.len()],
    /// Answers not sent because their time was over.
    pub late: u64,
    /// Advices and reversals that could not be decided and were met with silence.
    pub silent: u64,
}

/// A request that waits.
#[derive(Debug)]
struct Waiting {
    message: Message,
    header: Bytes,
    due: Option<Moment>,
}

/// One connection's conversation.
#[derive(Debug)]
pub struct Session {
    link: Arc<Link>,
    waiting: Map<Ticket, Waiting>,
    next: u64,
    signed_on: bool,
    heard: Moment,
    counts: Counts,
    room: BytesMut,
}

impl Session {
    /// A connection that was just made.
    pub fn new(link: Arc<Link>, now: Moment) -> Session {
        Session {
            link,
            waiting: Map::default(),
            next: 1,
            signed_on: false,
            heard: now,
            counts: Counts::default(),
            room: BytesMut::new(),
        }
    }

    /// A frame came. While [`Session::is_full`], frames should be left unread.
    pub fn received(
        &mut self,
        frame: Frame,
        now: Moment,
        tokens: &impl Fn(TokenKind, &[u8]) -> Token,
        actions: &mut Vec<Action>,
    ) {
        self.heard = now;
        if frame.is_keep_alive() {
            self.counts.keep_alives += 1;
            actions.push(Action::Send(frame));
            return;
        }
        let link = Arc::clone(&self.link);
        let dialect = &link.dialect;
        let message = match Message::decode(dialect.spec(), frame.body) {
            Ok(message) => message,
            Err(error) => {
                let read = dialect.read_broken(&error);
                if let Some(message) = error.read {
                    self.deal(*message, frame.header, read, now, actions);
                } else {
                    self.drop(Dropped::Unreadable);
                }
                return;
            }
        };
        let read = match dialect.read(&message, &link.terms, tokens) {
            Read::Ask(_) | Read::Refuse(_) if link.terms.require_sign_on && !self.signed_on => {
                Read::Refuse(only(Verdict::NotSignedOn))
            }
            // More than agreed: the owner of the connection did not pause.
            Read::Ask(_) if self.is_full() => Read::Refuse(only(Verdict::CannotServe)),
            read => read,
        };
        self.deal(message, frame.header, read, now, actions);
    }

    /// A request was decided. An answer to a ticket that is over is not sent.
    pub fn answered(
        &mut self,
        ticket: Ticket,
        answer: Answer<'_>,
        now: Moment,
        actions: &mut Vec<Action>,
    ) {
        let Some(waiting) = self.waiting.remove(&ticket) else {
            return;
        };
        let Answer::Told(told, names) = answer else {
            self.counts.silent += 1;
            return;
        };
        if waiting.due.is_some_and(|due| now > due) {
            self.counts.late += 1;
            return;
        }
        if told.verdict == Verdict::CannotServe && is_told_again(&waiting.message) {
            self.counts.silent += 1;
            return;
        }
        self.counts.answered += 1;
        let link = Arc::clone(&self.link);
        link.dialect
            .answer(&waiting.message, told, names, &mut self.room);
        self.send(&waiting.header, actions);
    }

    /// Time passed: what is over its time is given up.
    pub fn woke(&mut self, now: Moment, actions: &mut Vec<Action>) {
        let before = self.waiting.len();
        self.waiting
            .retain(|_, waiting| waiting.due.is_none_or(|due| now <= due));
        self.counts.late += (before - self.waiting.len()) as u64;
        if self.idle_at().is_some_and(|at| now >= at) {
            actions.push(Action::Close(Why::Idle));
        }
    }

    /// When [`Session::woke`] has something to do next.
    pub fn wakes_at(&self) -> Option<Moment> {
        let due = self.waiting.values().filter_map(|waiting| waiting.due);
        // What is due at a moment may still be answered in it.
        let due = due.min().map(|due| Moment(due.0.saturating_add(1)));
        due.into_iter().chain(self.idle_at()).min()
    }

    /// Whether as many requests wait as may: reading must pause.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= self.link.in_flight_max
    }

    /// How many requests wait for their answers.
    pub fn in_flight(&self) -> usize {
        self.waiting.len()
    }

    /// What happened since this was last asked.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }

    fn deal(
        &mut self,
        message: Message,
        header: Bytes,
        read: Read,
        now: Moment,
        actions: &mut Vec<Action>,
    ) {
        let link = Arc::clone(&self.link);
        match read {
            Read::Ask(request) => {
                let ticket = Ticket(self.next);
                self.next += 1;
                let due = link.deadline.map(|deadline| later(now, deadline));
                let waiting = Waiting {
                    message,
                    header,
                    due,
                };
                self.waiting.insert(ticket, waiting);
                self.counts.asked += 1;
                actions.push(Action::Ask(ticket, request));
            }
            Read::Network(network) => {
                match network {
                    Network::SignOn => self.signed_on = true,
                    Network::SignOff => self.signed_on = false,
                    Network::Echo => {}
                }
                self.counts.network += 1;
                link.dialect.answer_network(&message, &mut self.room);
                self.send(&header, actions);
            }
            Read::Refuse(refusal) => {
                if refusal.verdict == Verdict::CannotServe && is_told_again(&message) {
                    self.counts.silent += 1;
                    return;
                }
                self.counts.refused[refusal.verdict as usize] += 1;
                let test = link.terms.test;
                link.dialect
                    .refuse(&message, &refusal, test, &mut self.room);
                self.send(&header, actions);
            }
            Read::Drop(cause) => self.drop(cause),
        }
    }

    fn drop(&mut self, cause: Dropped) {
        self.counts.dropped[cause as usize] += 1;
    }

    fn send(&mut self, header: &Bytes, actions: &mut Vec<Action>) {
        let frame = Frame {
            header: self.link.framing.reply_header(header),
            body: self.room.split().freeze(),
        };
        actions.push(Action::Send(frame));
    }

    fn idle_at(&self) -> Option<Moment> {
        let idle = self.link.idle.filter(|_| self.waiting.is_empty())?;
        Some(later(self.heard, idle))
    }
}

/// Whether its sender keeps it and tells it again until he is answered: advices and reversals.
fn is_told_again(message: &Message) -> bool {
    let mti = message.mti();
    mti.is_advice() || mti.class() == 4
}

fn only(verdict: Verdict) -> Refusal {
    Refusal {
        verdict,
        field: None,
    }
}

fn later(from: Moment, by: Duration) -> Moment {
    let by = i64::try_from(by.as_nanos()).unwrap_or(i64::MAX);
    Moment(from.0.saturating_add(by))
}
