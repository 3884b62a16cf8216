//! One connection's conversation, without I/O: frames come in, answers are appended to what goes out, and actions tell
//! what else is to be done; requests wait here for their answers.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::ledger::{Names, Request, Told, Verdict};
use crate::message::{Message, Scratch};
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
    /// Answers not sent because the framing of the link cannot say how long they are.
    pub unframed: u64,
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
    talk: Talk,
}

/// How far a conversation has come.
#[derive(Debug)]
struct Talk {
    waiting: Map<Ticket, Waiting>,
    next: u64,
    signed_on: bool,
    heard: Moment,
    counts: Counts,
    /// An answer before it is framed; empty between two.
    answer: BytesMut,
    /// What answers are made in.
    scratch: Scratch,
}

impl Session {
    /// A connection that was just made.
    pub fn new(link: Arc<Link>, now: Moment) -> Session {
        let talk = Talk {
            waiting: Map::default(),
            next: 1,
            signed_on: false,
            heard: now,
            counts: Counts::default(),
            answer: BytesMut::new(),
            scratch: Scratch::default(),
        };
        Session { link, talk }
    }

    /// A frame came; where it can be answered at once, the framed answer is appended to `out`.
    /// While [`Session::is_full`], frames should be left unread.
    pub fn received(
        &mut self,
        frame: Frame,
        now: Moment,
        tokens: &impl Fn(TokenKind, &[u8]) -> Token,
        out: &mut BytesMut,
        actions: &mut Vec<Action>,
    ) {
        let is_full = self.is_full();
        let Session { link, talk } = self;
        talk.heard = now;
        if frame.is_keep_alive() {
            talk.counts.keep_alives += 1;
            talk.put(link, &frame.header, out);
            return;
        }
        let Frame { header, body } = frame;
        let message = match Message::decode(link.dialect.spec(), body) {
            Ok(message) => message,
            Err(error) => {
                let read = link.dialect.read_broken(&error);
                match error.read {
                    Some(message) => talk.reply(link, &message, &header, read, out),
                    None => talk.drop(Dropped::Unreadable),
                }
                return;
            }
        };
        let read = match link.dialect.read(&message, &link.terms, tokens) {
            Read::Ask(_) | Read::Refuse(_) if link.terms.require_sign_on && !talk.signed_on => {
                Read::Refuse(only(Verdict::NotSignedOn))
            }
            // More than agreed: the owner of the connection did not pause.
            Read::Ask(_) if is_full => Read::Refuse(only(Verdict::CannotServe)),
            Read::Ask(request) => {
                let due = link.deadline.map(|deadline| later(now, deadline));
                let ticket = talk.wait(Waiting {
                    message,
                    header,
                    due,
                });
                actions.push(Action::Ask(ticket, request));
                return;
            }
            read => read,
        };
        talk.reply(link, &message, &header, read, out);
    }

    /// A request was decided: its framed answer is appended to `out`. An answer to a ticket that is over is not sent.
    pub fn answered(
        &mut self,
        ticket: Ticket,
        answer: Answer<'_>,
        now: Moment,
        out: &mut BytesMut,
    ) {
        let Session { link, talk } = self;
        let Some(waiting) = talk.waiting.remove(&ticket) else {
            return;
        };
        let Answer::Told(told, names) = answer else {
            talk.counts.silent += 1;
            return;
        };
        if waiting.due.is_some_and(|due| now > due) {
            talk.counts.late += 1;
            return;
        }
        if told.verdict == Verdict::CannotServe && is_told_again(&waiting.message) {
            talk.counts.silent += 1;
            return;
        }
        talk.counts.answered += 1;
        let dialect = &link.dialect;
        let (scratch, answer) = (&mut talk.scratch, &mut talk.answer);
        dialect.answer(&waiting.message, told, names, scratch, answer);
        talk.send(link, &waiting.header, out);
    }

    /// Time passed: what is over its time is given up.
    pub fn woke(&mut self, now: Moment, actions: &mut Vec<Action>) {
        let talk = &mut self.talk;
        let before = talk.waiting.len();
        talk.waiting
            .retain(|_, waiting| waiting.due.is_none_or(|due| now <= due));
        talk.counts.late += (before - talk.waiting.len()) as u64;
        if self.idle_at().is_some_and(|at| now >= at) {
            actions.push(Action::Close(Why::Idle));
        }
    }

    /// When [`Session::woke`] has something to do next.
    pub fn wakes_at(&self) -> Option<Moment> {
        let waiting = self.talk.waiting.values();
        let due = waiting.filter_map(|waiting| waiting.due);
        // What is due at a moment may still be answered in it.
        let due = due.min().map(|due| Moment(due.0.saturating_add(1)));
        due.into_iter().chain(self.idle_at()).min()
    }

    /// Whether as many requests wait as may: reading must pause.
    pub fn is_full(&self) -> bool {
        self.in_flight() >= self.link.in_flight_max
    }

    /// How many requests wait for their answers.
    pub fn in_flight(&self) -> usize {
        self.talk.waiting.len()
    }

    /// What happened since this was last asked.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.talk.counts)
    }

    fn idle_at(&self) -> Option<Moment> {
        let idle = self.link.idle.filter(|_| self.talk.waiting.is_empty())?;
        Some(later(self.talk.heard, idle))
    }
}

impl Talk {
    /// Keeps a request until it is answered.
    fn wait(&mut self, waiting: Waiting) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.waiting.insert(ticket, waiting);
        self.counts.asked += 1;
        ticket
    }

    /// Answers what needs no book.
    fn reply(
        &mut self,
        link: &Link,
        message: &Message,
        header: &Bytes,
        read: Read,
        out: &mut BytesMut,
    ) {
        match read {
            Read::Network(network) => {
                match network {
                    Network::SignOn => self.signed_on = true,
                    Network::SignOff => self.signed_on = false,
                    Network::Echo => {}
                }
                self.counts.network += 1;
                let (scratch, answer) = (&mut self.scratch, &mut self.answer);
                link.dialect.answer_network(message, scratch, answer);
                self.send(link, header, out);
            }
            Read::Refuse(refusal) => {
                if refusal.verdict == Verdict::CannotServe && is_told_again(message) {
                    self.counts.silent += 1;
                    return;
                }
                self.counts.refused[refusal.verdict as usize] += 1;
                let test = link.terms.test;
                let (scratch, answer) = (&mut self.scratch, &mut self.answer);
                link.dialect
                    .refuse(message, &refusal, test, scratch, answer);
                self.send(link, header, out);
            }
            Read::Drop(cause) => self.drop(cause),
            // The book answers it.
            Read::Ask(_) => {}
        }
    }

    fn drop(&mut self, cause: Dropped) {
        self.counts.dropped[cause as usize] += 1;
    }

    /// Frames the answer to a message with this header.
    fn send(&mut self, link: &Link, header: &Bytes, out: &mut BytesMut) {
        let header = link.framing.reply_header(header);
        self.put(link, &header, out);
        self.answer.clear();
    }

    fn put(&mut self, link: &Link, header: &[u8], out: &mut BytesMut) {
        if link.framing.put(header, &self.answer, out).is_err() {
            self.counts.unframed += 1;
        }
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
