//! One connection: a read gives all frames in it, their requests go to the decider together, and all answers that are
//! there go out in one write. A bad frame closes its own connection and nobody else's.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::clock::Clock;
use super::door::{Door, Outcome, Slip, Waiting};
use super::metrics::LinkMetrics;
use crate::config::Listener;
use crate::engine::Brought;
use crate::exchange::{Action, Answer, Link, Session};
use crate::keys::TokenKey;
use crate::ledger::Names;
use crate::terms::{Map, Moment};

/// What a read may bring at once, at the least.
const READ_BYTES: usize = 16 << 10;
/// Room for reads that connections share: what waits for an answer holds it on.
const SHARED_BYTES: usize = 64 << 10;
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
    /// Whether the switch is about to end.
    pub(super) draining: Cell<bool>,
    pub(super) lent: Lent,
    /// What came for each connection.
    pub(super) inboxes: RefCell<Map<u64, Rc<Inbox>>>,
    pub(super) metrics: RefCell<Map<String, Rc<RefCell<LinkMetrics>>>>,
}

/// Room that a connection has only while it works, so that an idle one holds none.
#[derive(Default)]
pub(super) struct Lent {
    input: Cell<BytesMut>,
    output: Cell<BytesMut>,
}

/// Outcomes for one connection.
#[derive(Default)]
pub(super) struct Inbox {
    outcomes: RefCell<Vec<(Outcome, Arc<Names>)>>,
    /// The connection, where it sleeps.
    sleeper: Cell<Option<Waker>>,
}

impl Inbox {
    /// Puts an outcome down and wakes the connection.
    pub(super) fn put(&self, outcome: Outcome, names: &Arc<Names>) {
        self.outcomes
            .borrow_mut()
            .push((outcome, Arc::clone(names)));
        self.wake();
    }

    /// Wakes the connection.
    pub(super) fn wake(&self) {
        if let Some(sleeper) = self.sleeper.take() {
            sleeper.wake();
        }
    }

    /// Comes back when there are outcomes.
    fn poll_arrived(&self, context: &Context<'_>) -> Poll<()> {
        if !self.outcomes.borrow().is_empty() {
            return Poll::Ready(());
        }
        let known = self.sleeper.take();
        let known = known.filter(|waker| waker.will_wake(context.waker()));
        self.sleeper
            .set(known.or_else(|| Some(context.waker().clone())));
        Poll::Pending
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

/// What a connection waits for.
enum Event {
    /// There are outcomes.
    Outcomes,
    /// So many bytes were read; none at the end.
    Read(io::Result<usize>),
    /// More can be written, or nothing ever.
    Writable(io::Result<()>),
    /// It is time to look at the limits.
    Time,
    /// The switch is about to end.
    Drain,
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
    /// Whether `input` is the room that was lent.
    borrowing: bool,
    last_activity: Instant,
    /// When the connection last woke: what is done then is done at that instant.
    now: Instant,
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
        borrowing: false,
        last_activity: began,
        now: began,
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
        let mut sleep = pin!(tokio::time::sleep(Duration::ZERO));
        loop {
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
                self.partial_since = Some(self.now);
            }
            self.reading = reading;
            let next = self.next_check();
            if sleep.deadline() > next.into() || sleep.is_elapsed() {
                sleep.as_mut().reset(next.into());
            }
            let event = poll_fn(|context| self.poll_event(inbox, sleep.as_mut(), context)).await;
            self.now = Instant::now();
            match event {
                Event::Outcomes => self.take_outcomes(inbox),
                Event::Read(Ok(0)) => self.end(End::Peer),
                Event::Read(Ok(_)) => self.read(),
                Event::Read(Err(_)) | Event::Writable(Err(_)) => return End::Peer,
                Event::Writable(Ok(())) => {}
                Event::Time => self.check_times(),
                Event::Drain => self.end(End::Drained),
            }
        }
    }

    fn poll_event(
        &mut self,
        inbox: &Inbox,
        sleep: Pin<&mut Sleep>,
        context: &mut Context<'_>,
    ) -> Poll<Event> {
        if inbox.poll_arrived(context).is_ready() {
            return Poll::Ready(Event::Outcomes);
        }
        if self.floor.draining.get() && self.ending.is_none() {
            return Poll::Ready(Event::Drain);
        }
        if self.reading
            && let Poll::Ready(read) = self.poll_read(context)
        {
            return Poll::Ready(Event::Read(read));
        }
        if !self.output.is_empty()
            && let Poll::Ready(writable) = self.stream.poll_write_ready(context)
        {
            return Poll::Ready(Event::Writable(writable));
        }
        sleep.poll(context).map(|()| Event::Time)
    }

    /// One read of all that is there. It does not ask the system a second time when it got less than it had room for.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        ready!(self.stream.poll_read_ready(context))?;
        if self.input.is_empty() {
            self.input = self.floor.lent.input.take();
            self.borrowing = true;
        }
        if self.input.capacity() - self.input.len() < READ_BYTES {
            self.input.reserve(match self.borrowing {
                true => SHARED_BYTES,
                false => READ_BYTES,
            });
        }
        self.metrics.borrow().reads.increment(1);
        let read = pin!(self.stream.read_buf(&mut self.input)).poll(context);
        if self.input.is_empty() {
            self.give_back();
        }
        read
    }

    /// Everything in what was read.
    fn read(&mut self) {
        self.last_activity = self.now;
        let now = self.floor.clock.at(self.now);
        let mut asked = Vec::new();
        let floor = self.floor;
        let tokens = |kind, value: &[u8]| floor.key.token(kind, value);
        let mut taken = false;
        self.borrow_output();
        while self.ending.is_none() {
            match self.line.listener.framing.take(&mut self.input) {
                Ok(Some(frame)) => {
                    taken = true;
                    let (out, actions) = (&mut self.output, &mut self.actions);
                    self.session.received(frame, now, &tokens, out, actions);
                    if !self.actions.is_empty() {
                        self.act(&mut asked);
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    self.end(End::Close(error.cause()));
                }
            }
        }
        if self.input.is_empty() {
            self.give_back();
            self.partial_since = None;
        } else {
            if self.borrowing {
                let rest = BytesMut::from(&self.input[..]);
                self.give_back();
                self.input = rest;
            }
            if taken || self.partial_since.is_none() {
                self.partial_since = Some(self.now);
            }
        }
        if !asked.is_empty() {
            self.in_flight += asked.len();
            self.metrics
                .borrow()
                .in_flight
                .increment(asked.len() as f64);
            let no_names = Arc::clone(&self.floor.no_names);
            let refused = self.floor.door.offer(asked);
            let count = refused.len();
            for refused in refused {
                self.tell(&Outcome::not_decided(refused.slip), &no_names, now);
            }
            self.told(count);
        }
        let counts = self.session.take_counts();
        self.metrics.borrow().conversed(&counts);
    }

    /// Gives the room for reading back, empty.
    fn give_back(&mut self) {
        let mut room = std::mem::take(&mut self.input);
        if self.borrowing {
            room.clear();
            self.floor.lent.input.set(room);
        }
        self.borrowing = false;
    }

    /// Takes the room for writing, where this connection has none.
    fn borrow_output(&mut self) {
        if self.output.capacity() == 0 {
            self.output = self.floor.lent.output.take();
        }
    }

    /// Does what the session wants done; requests are gathered in `asked`.
    fn act(&mut self, asked: &mut Vec<Waiting>) {
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            match action {
                Action::Ask(ticket, request) => {
                    let (received, deadline) = (self.now, self.line.listener.deadline);
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
                        brought: Brought::default(),
                        fetches: 0,
                    });
                }
                Action::Close(_) => self.end(End::Close("closed by the session")),
            }
        }
        self.actions = actions;
    }

    fn take_outcomes(&mut self, inbox: &Inbox) {
        let outcomes = std::mem::take(&mut *inbox.outcomes.borrow_mut());
        let now = self.floor.clock.at(self.now);
        self.borrow_output();
        for (outcome, names) in &outcomes {
            self.tell(outcome, names, now);
        }
        self.told(outcomes.len());
    }

    /// Encodes an answer, or forgets the request where silence is the answer.
    fn tell(&mut self, outcome: &Outcome, names: &Names, now: Moment) {
        self.metrics.borrow_mut().answered(outcome, self.now);
        let answer = Answer::Told(&outcome.told, names);
        self.session
            .answered(outcome.slip.ticket, answer, now, &mut self.output);
    }

    /// So many that were in flight were told, or met with silence.
    fn told(&mut self, count: usize) {
        self.in_flight = self.in_flight.saturating_sub(count);
        self.metrics.borrow().in_flight.decrement(count as f64);
    }

    /// Writes as much as goes without waiting.
    fn write(&mut self) -> io::Result<()> {
        let mut sent = 0;
        while sent < self.output.len() {
            self.metrics.borrow().writes.increment(1);
            match self.stream.try_write(&self.output[sent..]) {
                Ok(count) => {
                    sent += count;
                    self.last_activity = self.now;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.output.advance(sent);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        if self.output.capacity() > 0 {
            self.output.clear();
            self.floor.lent.output.set(std::mem::take(&mut self.output));
        }
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
        let now = self.now;
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
