//! One connection: a read gives all frames in it, their requests go to the decider together, and all answers that are
//! there go out in one write. A bad frame closes its own connection and nobody else's.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};

use super::clock::Clock;
use super::door::{Door, Outcome, Slip, Waiting};
use super::listen::drained;
use super::metrics::LinkMetrics;
use crate::config::Listener;
use crate::exchange::{Action, Answer, Link, Session};
use crate::keys::TokenKey;
use crate::ledger::Names;
use crate::terms::Map;

/// What a read may bring at once.
const READ_BYTES: usize = 16 << 10;
/// Answers that nobody reads: above this reading pauses, so that they cannot pile up.
const UNSENT_BYTES_MOST: usize = 256 << 10;
/// How long a peer may take to close after we did, so that our last answers are not lost to a reset.
const LINGER: Duration = Duration::from_secs(1);

/// A listener as it runs.
pub(super) struct Line {
    pub(super) listener: Listener,
    pub(super) link: Arc<Link>,
    /// Connections now, over all threads.
    pub(super) connections: AtomicUsize,
    /// A connection whose file descriptor is not below this is turned away.
    pub(super) descriptors_most: RawFd,
}

/// A connection that was accepted. Dropped, it gives its place back.
pub(super) struct Arrival {
    /// Taken by the thread that serves it.
    pub(super) stream: Option<std::net::TcpStream>,
    pub(super) peer: SocketAddr,
    pub(super) line: Arc<Line>,
}

impl Drop for Arrival {
    fn drop(&mut self) {
        self.line.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the connections of one thread share.
pub(super) struct Floor {
    pub(super) thread: usize,
    pub(super) door: Door,
    pub(super) clock: Arc<Clock>,
    pub(super) key: TokenKey,
    /// What refusals speak of.
    pub(super) no_names: Arc<Names>,
    pub(super) drain: watch::Receiver<bool>,
    /// What came for each connection.
    pub(super) inboxes: RefCell<Map<u64, Rc<Inbox>>>,
    pub(super) metrics: RefCell<Map<String, Rc<RefCell<LinkMetrics>>>>,
}

/// Outcomes for one connection.
#[derive(Default)]
pub(super) struct Inbox {
    outcomes: RefCell<Vec<(Outcome, Arc<Names>)>>,
    arrived: Notify,
}

impl Inbox {
    /// Puts an outcome down and wakes the connection.
    pub(super) fn put(&self, outcome: Outcome, names: &Arc<Names>) {
        self.outcomes
            .borrow_mut()
            .push((outcome, Arc::clone(names)));
        self.arrived.notify_one();
    }
}

/// Takes a connection's inbox away when the connection ends, however it ends.
struct Seat<'a> {
    floor: &'a Floor,
    connection: u64,
    metrics: Rc<RefCell<LinkMetrics>>,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.floor.inboxes.borrow_mut().remove(&self.connection);
        self.metrics.borrow().connections.decrement(1.0);
    }
}

/// Why a connection ends.
enum End {
    /// The peer closed or reset it.
    Peer,
    /// We stop.
    Drained,
    /// We close it, for this reason.
    Close(&'static str),
}

struct Connection<'a> {
    floor: &'a Floor,
    line: &'a Line,
    id: u64,
    session: Session,
    stream: TcpStream,
    input: BytesMut,
    output: BytesMut,
    /// Asked and not answered; also those whose answer came too late to be sent.
    in_flight: usize,
    actions: Vec<Action>,
    /// When the frame that has begun began.
    partial_since: Option<Instant>,
    /// Whether more is read now; the time of a frame that has begun does not run while it is not.
    reading: bool,
    last_activity: Instant,
    /// Nothing is read any more; the connection ends when what was asked is answered.
    ending: Option<End>,
    metrics: Rc<RefCell<LinkMetrics>>,
}

/// Serves a connection to its end.
pub(super) async fn serve(floor: Rc<Floor>, id: u64, mut arrival: Arrival) {
    let line = Arc::clone(&arrival.line);
    let Some(Ok(stream)) = arrival.stream.take().map(TcpStream::from_std) else {
        return;
    };
    let inbox = Rc::new(Inbox::default());
    let metrics = floor.metrics_of(&line.listener);
    metrics.borrow().connections.increment(1.0);
    floor.inboxes.borrow_mut().insert(id, Rc::clone(&inbox));
    let seat = Seat {
        floor: &floor,
        connection: id,
        metrics: Rc::clone(&metrics),
    };
    let began = Instant::now();
    tracing::debug!(peer = %arrival.peer, "link {} opened", line.listener.name);
    let mut connection = Connection {
        floor: &floor,
        line: &line,
        id,
        session: Session::new(Arc::clone(&line.link), floor.clock.now()),
        actions: Vec::new(),
        stream,
        input: BytesMut::new(),
        output: BytesMut::new(),
        in_flight: 0,
        partial_since: None,
        reading: true,
        last_activity: began,
        ending: None,
        metrics,
    };
    let end = connection.run(&inbox).await;
    let undelivered = connection.in_flight;
    connection
        .metrics
        .borrow()
        .in_flight
        .decrement(undelivered as f64);
    let seconds = began.elapsed().as_secs();
    let (link, peer) = (&line.listener.name, arrival.peer);
    match end {
        End::Peer if undelivered == 0 && connection.output.is_empty() => {
            tracing::debug!(%peer, seconds, "link {link} closed by peer");
        }
        End::Peer => {
            tracing::warn!(%peer, seconds, "link {link} closed by peer, {undelivered} answers undelivered");
        }
        End::Drained => {}
        End::Close(why) => {
            connection.metrics.borrow().rejected(why);
            tracing::warn!(%peer, seconds, "link {link} closed by us: {why}");
        }
    }
    drop(seat);
}

impl Connection<'_> {
    async fn run(&mut self, inbox: &Inbox) -> End {
        let mut drain = self.floor.drain.clone();
        let sleep = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(sleep);
        loop {
            self.take_outcomes(inbox);
            if self.write().is_err() {
                return End::Peer;
            }
            if self.in_flight == 0
                && self.output.is_empty()
                && let Some(end) = self.ending.take()
            {
                self.linger().await;
                return end;
            }
            let reading = self.ending.is_none()
                && self.in_flight < self.line.listener.max_in_flight
                && self.output.len() < UNSENT_BYTES_MOST;
            if reading && !self.reading && self.partial_since.is_some() {
                self.partial_since = Some(Instant::now());
            }
            self.reading = reading;
            let interest = match (reading, self.output.is_empty()) {
                (true, true) => Some(Interest::READABLE),
                (true, false) => Some(Interest::READABLE | Interest::WRITABLE),
                (false, false) => Some(Interest::WRITABLE),
                (false, true) => None,
            };
            let next = self.next_check();
            if sleep.deadline() > next.into() || sleep.is_elapsed() {
                sleep.as_mut().reset(next.into());
            }
            tokio::select! {
                () = inbox.arrived.notified() => {}
                ready = ready(&self.stream, interest) => match ready {
                    Ok(ready) if ready.is_readable() && reading => {
                        if self.read().is_err() {
                            return End::Peer;
                        }
                    }
                    Ok(_) => {}
                    Err(_) => return End::Peer,
                },
                () = &mut sleep => self.check_times(),
                () = drained(&mut drain), if self.ending.is_none() => self.end(End::Drained),
            }
        }
    }

    /// One read, and everything in it.
    fn read(&mut self) -> std::io::Result<()> {
        self.input.reserve(READ_BYTES);
        self.metrics.borrow().reads.increment(1);
        match self.stream.try_read_buf(&mut self.input) {
            Ok(0) => {
                self.end(End::Peer);
                return Ok(());
            }
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
        let received = Instant::now();
        self.last_activity = received;
        let now = self.floor.clock.now();
        let mut asked = Vec::new();
        let floor = self.floor;
        let tokens = |kind, value: &[u8]| floor.key.token(kind, value);
        let mut taken = false;
        while self.ending.is_none() {
            match self.line.listener.framing.take(&mut self.input) {
                Ok(Some(frame)) => {
                    taken = true;
                    self.session
                        .received(frame, now, &tokens, &mut self.actions);
                    self.act(received, &mut asked);
                }
                Ok(None) => break,
                Err(error) => {
                    self.end(End::Close(error.cause()));
                }
            }
        }
        if self.input.is_empty() {
            // An idle connection holds no buffer.
            self.input = BytesMut::new();
            self.partial_since = None;
        } else if taken || self.partial_since.is_none() {
            self.partial_since = Some(received);
        }
        if !asked.is_empty() {
            self.in_flight += asked.len();
            self.metrics
                .borrow()
                .in_flight
                .increment(asked.len() as f64);
            let no_names = Arc::clone(&self.floor.no_names);
            for refused in self.floor.door.offer(asked) {
                self.tell(&Outcome::not_decided(refused.slip), &no_names);
            }
        }
        let counts = self.session.take_counts();
        self.metrics.borrow().conversed(&counts);
        Ok(())
    }

    /// Does what the session wants done; requests are gathered in `asked`.
    fn act(&mut self, received: Instant, asked: &mut Vec<Waiting>) {
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            match action {
                Action::Ask(ticket, request) => {
                    let deadline = self.line.listener.deadline;
                    let slip = Slip {
                        thread: self.floor.thread,
                        connection: self.id,
                        ticket,
                        function: request.asked.function,
                        mode: request.asked.mode,
                        class: request.asked.key.kind / 10,
                        received,
                        deadline: deadline.map(|most| received + most),
                    };
                    asked.push(Waiting {
                        slip,
                        request,
                        fetched: Vec::new(),
                        fetches: 0,
                    });
                }
                Action::Send(frame) => {
                    let framing = &self.line.listener.framing;
                    let put = framing.put(&frame.header, &frame.body, &mut self.output);
                    if let Err(error) = put {
                        // The framing of this link cannot say how long the answer is.
                        self.metrics.borrow().rejected(error.cause());
                    }
                }
                Action::Close(_) => self.end(End::Close("closed by the session")),
            }
        }
        self.actions = actions;
    }

    fn take_outcomes(&mut self, inbox: &Inbox) {
        let outcomes = std::mem::take(&mut *inbox.outcomes.borrow_mut());
        for (outcome, names) in outcomes {
            self.tell(&outcome, &names);
        }
    }

    /// Encodes an answer, or forgets the request where silence is the answer.
    fn tell(&mut self, outcome: &Outcome, names: &Names) {
        let slip = &outcome.slip;
        self.in_flight = self.in_flight.saturating_sub(1);
        {
            let mut metrics = self.metrics.borrow_mut();
            metrics.in_flight.decrement(1.0);
            metrics.answered(outcome);
        }
        let answer = Answer::Told(&outcome.told, names);
        let now = self.floor.clock.now();
        self.session
            .answered(slip.ticket, answer, now, &mut self.actions);
        // An answer asks nothing.
        self.act(slip.received, &mut Vec::new());
    }

    /// Writes as much as goes without waiting.
    fn write(&mut self) -> std::io::Result<()> {
        while !self.output.is_empty() {
            self.metrics.borrow().writes.increment(1);
            match self.stream.try_write(&self.output) {
                Ok(count) => {
                    self.output.advance(count);
                    self.last_activity = Instant::now();
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.output = BytesMut::new();
        Ok(())
    }

    fn next_check(&self) -> Instant {
        let idle = self.last_activity + self.line.listener.idle_timeout;
        let partial = self
            .partial_since
            .filter(|_| self.reading)
            .map(|since| since + self.line.listener.partial_frame_timeout);
        partial.map_or(idle, |partial| partial.min(idle))
    }

    fn check_times(&mut self) {
        let now = Instant::now();
        let limits = &self.line.listener;
        let since = |at: Instant| now.saturating_duration_since(at);
        if self.ending.is_none()
            && self.reading
            && self
                .partial_since
                .is_some_and(|at| since(at) >= limits.partial_frame_timeout)
        {
            self.end(End::Close("partial-frame-timeout"));
        }
        if since(self.last_activity) >= limits.idle_timeout {
            if !self.output.is_empty() {
                // Nobody reads what we answer: there is no use in keeping it.
                self.output.clear();
                self.end(End::Close("write-timeout"));
            } else if self.in_flight == 0 {
                self.end(End::Close("idle-timeout"));
            }
            self.last_activity = now;
        }
    }

    fn end(&mut self, end: End) {
        self.partial_since = None;
        if self.ending.is_none() {
            self.ending = Some(end);
        }
    }

    /// Closes our side, and reads what the peer still sends: a socket closed with unread bytes resets the connection,
    /// and answers under way would be lost.
    async fn linger(&mut self) {
        use tokio::io::AsyncWriteExt;
        if self.stream.shutdown().await.is_err() {
            return;
        }
        let mut rest = [0; 1024];
        let gone = async {
            loop {
                if self.stream.readable().await.is_err() {
                    return;
                }
                match self.stream.try_read(&mut rest) {
                    Ok(0) => return,
                    Ok(_) => {}
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    Err(_) => return,
                }
            }
        };
        let _ = tokio::time::timeout(LINGER, gone).await;
    }
}

async fn ready(
    stream: &TcpStream,
    interest: Option<Interest>,
) -> std::io::Result<tokio::io::Ready> {
    match interest {
        Some(interest) => stream.ready(interest).await,
        None => std::future::pending().await,
    }
}

impl Floor {
    fn metrics_of(&self, listener: &Listener) -> Rc<RefCell<LinkMetrics>> {
        let mut all = self.metrics.borrow_mut();
        let metrics = all.entry_ref(listener.name.as_str()).or_insert_with(|| {
            let dialect = Arc::clone(&listener.dialect);
            Rc::new(RefCell::new(LinkMetrics::new(&listener.name, dialect)))
        });
        Rc::clone(metrics)
    }
}
