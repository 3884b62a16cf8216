//! The link threads, one a core with a runtime of its own, and the listeners that hand them connections in turn.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::runtime::LocalOptions;
use tokio::sync::{mpsc, watch};

use super::clock::Clock;
use super::committer::{Outlet, Outlets};
use super::door::Door;
use super::guard;
use super::link::{self, Arrival, Floor, Lent, Line};
use crate::keys::TokenKey;
use crate::terms::Map;

/// Connections that may wait for a link thread.
const ARRIVALS_MOST: usize = 1_024;
/// Connections that may wait in the kernel.
const BACKLOG: i32 = 4_096;
/// File descriptors that connections leave for the journal and everything else.
const DESCRIPTORS_KEPT: u64 = 128;
/// Pause after an accept that failed, as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The link threads.
pub(super) struct Links {
    arrivals: Vec<mpsc::Sender<Arrival>>,
    threads: Vec<JoinHandle<()>>,
    /// Tells them to leave the connections that are still open.
    leave: watch::Sender<bool>,
}

impl Links {
    /// Starts `count` threads.
    ///
    /// # Errors
    /// When a thread or its runtime cannot be had.
    pub(super) fn start(
        outlets: &Outlets,
        count: usize,
        door: &Door,
        clock: &Arc<Clock>,
        key: &TokenKey,
        drain: &watch::Receiver<bool>,
    ) -> io::Result<Links> {
        let mut links = Links {
            arrivals: Vec::new(),
            threads: Vec::new(),
            leave: watch::Sender::new(false),
        };
        for index in 0..count {
            let (arrive, arrivals) = mpsc::channel(ARRIVALS_MOST);
            let (outlet, door, clock) = (outlets.of(index), door.clone(), Arc::clone(clock));
            let (key, drain, leave) = (key.clone(), drain.clone(), links.leave.subscribe());
            let work = move || {
                // Only the thread that built it can run it.
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_io()
                    .enable_time()
                    .build_local(LocalOptions::default());
                let runtime = match runtime {
                    Ok(runtime) => runtime,
                    Err(error) => {
                        guard::end(|| tracing::error!("link thread {index} cannot begin: {error}"))
                    }
                };
                let floor = Rc::new(Floor {
                    thread: index,
                    door,
                    clock,
                    key,
                    no_names: Arc::default(),
                    draining: Cell::new(false),
                    lent: Lent::default(),
                    inboxes: RefCell::new(Map::default()),
                    metrics: RefCell::new(Map::default()),
                });
                runtime.block_on(run(floor, arrivals, &outlet, drain, leave));
            };
            links.arrivals.push(arrive);
            links
                .threads
                .push(guard::spawn(&format!("link-{index}"), work)?);
        }
        Ok(links)
    }

    /// Where connections are handed in, one end a thread.
    pub(super) fn arrivals(&self) -> Vec<mpsc::Sender<Arrival>> {
        self.arrivals.clone()
    }

    /// Ends every connection that is still open, and the threads. The listeners must have ended before.
    pub(super) fn join(self) {
        let _ = self.leave.send(true);
        drop(self.arrivals);
        for thread in self.threads {
            // One that panicked has ended the process.
            let _ = thread.join();
        }
    }
}

/// A link thread: connections that come, outcomes that come, until there are no more of both.
async fn run(
    floor: Rc<Floor>,
    mut arrivals: mpsc::Receiver<Arrival>,
    outlet: &Outlet,
    mut drain: watch::Receiver<bool>,
    mut leave: watch::Receiver<bool>,
) {
    let mut connections = tokio::task::JoinSet::new();
    let mut next = 0;
    let mut open = true;
    while open || !connections.is_empty() {
        tokio::select! {
            deliveries = outlet.pick_up() => {
                let inboxes = floor.inboxes.borrow();
                for delivery in deliveries {
                    for outcome in delivery.outcomes {
                        // Whoever hung up meanwhile is told when he repeats.
                        if let Some(inbox) = inboxes.get(&outcome.slip.connection) {
                            inbox.put(outcome, &delivery.names);
                        }
                    }
                }
            }
            arrival = arrivals.recv(), if open => match arrival {
                Some(arrival) => {
                    connections.spawn_local(link::serve(Rc::clone(&floor), next, arrival));
                    next += 1;
                }
                None => open = false,
            },
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!("a connection ended by a panic: {error}");
                }
            }
            () = drained(&mut drain), if !floor.draining.get() => {
                floor.draining.set(true);
                floor.inboxes.borrow().values().for_each(|inbox| inbox.wake());
            }
            // A peer that never reads would hold the end up for as long as it likes.
            () = drained(&mut leave) => return,
        }
    }
}

/// Opens a listening socket.
///
/// # Errors
/// When the address is taken or not ours.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking(),
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Accepts connections of a line and hands them to the link threads in turn, until draining begins.
pub(super) async fn accept(
    listener: TcpListener,
    line: Arc<Line>,
    arrivals: Vec<mpsc::Sender<Arrival>>,
    mut drain: watch::Receiver<bool>,
) {
    let mut turn = 0;
    let mut told = Instant::now() - Duration::from_secs(60);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = drained(&mut drain) => return,
        };
        let arrival = accepted.and_then(|(stream, peer)| arrival(stream, peer, &line));
        let arrival = match arrival {
            Ok(Some(arrival)) => arrival,
            Ok(None) => {
                complain(&mut told, || {
                    format!(
                        "link {} is full, {} connections: another one was turned away",
                        line.listener.name, line.listener.max_connections
                    )
                });
                continue;
            }
            Err(error) => {
                complain(&mut told, || {
                    format!("link {} cannot accept: {error}", line.listener.name)
                });
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        turn = (turn + 1) % arrivals.len();
        if arrivals[turn].send(arrival).await.is_err() {
            if !*drain.borrow() {
                guard::end(|| tracing::error!("link thread {turn} has ended, ending"));
            }
            return;
        }
    }
}

fn arrival(
    stream: tokio::net::TcpStream,
    peer: SocketAddr,
    line: &Arc<Line>,
) -> io::Result<Option<Arrival>> {
    let before = line.connections.fetch_add(1, Ordering::Relaxed);
    if before >= line.listener.max_connections {
        line.connections.fetch_sub(1, Ordering::Relaxed);
        return Ok(None);
    }
    // The lowest free number is given, so that all below are in use.
    if stream.as_raw_fd() >= line.descriptors_most {
        line.connections.fetch_sub(1, Ordering::Relaxed);
        return Err(io::Error::other(format!(
            "{} file descriptors are in use, the journal needs the rest",
            line.descriptors_most
        )));
    }
    // An answer is small and final: it is not to wait for more.
    let stream = stream.set_nodelay(true).and_then(|()| stream.into_std());
    match stream {
        Ok(stream) => Ok(Some(Arrival {
            stream: Some(stream),
            peer,
            line: Arc::clone(line),
        })),
        Err(error) => {
            line.connections.fetch_sub(1, Ordering::Relaxed);
            Err(error)
        }
    }
}

/// Raises the limit of file descriptors as far as the system lets us, and gives the number below which connections stay.
pub(super) fn descriptors() -> RawFd {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if raised != limit
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::warn!("the limit of file descriptors cannot be raised: {error}");
    }
    let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let most = most.saturating_sub(DESCRIPTORS_KEPT).max(most / 2);
    RawFd::try_from(most).unwrap_or(RawFd::MAX)
}

/// Comes back when draining begins.
pub(super) async fn drained(drain: &mut watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = drain.wait_for(|drain| *drain).await;
}

/// Logs at most one line a second.
fn complain(told: &mut Instant, what: impl FnOnce() -> String) {
    if told.elapsed() >= Duration::from_secs(1) {
        *told = Instant::now();
        tracing::warn!("{}", what());
    }
}

/// How many link threads there are: one a core.
pub(super) fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
