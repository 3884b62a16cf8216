//! Decider, committer and fetcher together, on a disk that can be made to fail, without a socket.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;

use super::clock::Clock;
use super::committer::Outlets;
use super::door::{Door, Lack, Offer, Outcome, Slip, Waiting};
use super::link::{Arrival, Line};
use super::listen::Links;
use super::office::{Office, OfficeError, Papers};
use super::pipeline::{Bounds, Parts, Pipeline};
use super::watchdog::{self, Commits};
use super::{data, rules, run};
use crate::config::{Config, SHIPPED};
use crate::engine::{Brought, Engine, How};
use crate::exchange::terminal::{Place, Sale, Who};
use crate::exchange::{Action, Link, LinkTerms, Session, Terminal, Ticket, bind};
use crate::journal::{self, Act, Disk, Journal};
use crate::keys::TokenKey;
use crate::ledger::{Book, Request, Verdict};
use crate::spec;
use crate::terms::{Moment, Pan, Rials, Zone};
use crate::wire::framing::{Frame, Framing};

const PATIENCE: Duration = Duration::from_secs(20);

/// A decider with its committer and fetcher, and one pretended link thread.
struct Stage {
    threads: Pipeline,
    door: Door,
    outlets: Outlets,
    reader: journal::Reader,
    papers: Papers,
    runtime: tokio::runtime::Runtime,
    counter: Counter,
    watched: Commits,
}

/// Makes requests, as a terminal and a session do.
struct Counter {
    terminal: Terminal,
    session: Session,
    next: u64,
}

impl Counter {
    fn new() -> Counter {
        let dialect = Arc::new(bind(&spec::shipped("iso87-ascii").unwrap()).unwrap());
        let place = Place {
            acceptor: "m-1001".to_owned(),
            terminal: "T0000001".to_owned(),
            acquirer: None,
            points_decimals: 2,
        };
        let terms = LinkTerms {
            acquirer: "581672031".to_owned(),
            terminals: None,
            require_sign_on: false,
            test: false,
            channel: Default::default(),
        };
        let link = Link {
            dialect: bind(&spec::shipped("iso87-ascii").unwrap()).unwrap(),
            framing: Framing::named("len2-be").unwrap(),
            terms,
            in_flight_max: usize::MAX,
            deadline: None,
            idle: None,
        };
        Counter {
            terminal: Terminal::new(dialect, place, Zone::named("Asia/Tehran").unwrap()),
            session: Session::new(Arc::new(link), now()),
            next: 0,
        }
    }

    fn request(&mut self, rials: i64, advice: bool) -> Request {
        let who = Who::Card(Pan::new(b"9999120000001234").unwrap());
        let sale = Sale::of(who, Rials(rials));
        let sent = if advice {
            self.terminal.advice(&sale, now())
        } else {
            self.terminal.purchase(&sale, now())
        };
        let frame = Frame {
            header: bytes::Bytes::new(),
            body: sent.unwrap().body,
        };
        let key = TokenKey::new(&[7; 32]);
        let (mut out, mut actions) = (bytes::BytesMut::new(), Vec::new());
        let tokens = |kind, value: &[u8]| key.token(kind, value);
        self.session
            .received(frame, now(), &tokens, &mut out, &mut actions);
        match actions.pop() {
            Some(Action::Ask(_, request)) => *request,
            other => panic!("{other:?}"),
        }
    }

    fn waiting(&mut self, request: Request) -> Waiting {
        self.next += 1;
        let slip = Slip {
            thread: 0,
            connection: 0,
            ticket: Ticket(self.next),
            function: request.asked.function,
            mode: request.asked.mode,
            class: request.asked.key.kind / 10,
            received: Instant::now(),
            deadline: None,
        };
        Waiting {
            slip,
            request: Box::new(request),
            brought: Brought::default(),
            fetches: 0,
        }
    }
}

fn now() -> Moment {
    let local = crate::terms::Local::parse("1405/09/02 10:15").unwrap();
    Zone::named("Asia/Tehran").unwrap().moment(local)
}

impl Stage {
    fn start(dir: &Path, disk: Disk, segment_bytes: u64, recent_entries: usize) -> Stage {
        let mut config = Config::parse("built in", SHIPPED).unwrap();
        config.rules = None;
        config.limits.recent_entries = recent_entries;
        let options = journal::Options {
            segment_bytes,
            disk,
            ..journal::Options::default()
        };
        let (journal, _) = Journal::open(dir, options).unwrap();
        let book = data::book(None, &journal.reader(), &config.limits).unwrap();
        let loaded = rules::load(&config, book.names()).unwrap();
        let engine = rules::engine(&config, book, Arc::new(loaded.rulebook));
        let reader = journal.reader();
        let papers = Papers {
            reader: reader.clone(),
            kept: reader.clone(),
            segments: journal.segments(),
            archive: None,
        };
        let parts = Parts {
            engine,
            journal,
            store: None,
            reader: reader.clone(),
            clock: Arc::new(Clock::new(Some(now()), Moment(0))),
            key: TokenKey::new(&[7; 32]).check_value(),
            snapshot: 0,
        };
        let bounds = Bounds {
            threads: 1,
            queue: 1_024,
            snapshot_every: u64::MAX / 2,
            commit_timeout: PATIENCE,
        };
        let watched = Commits::default();
        let threads = Pipeline::watched(parts, bounds, watched.clone()).unwrap();
        let (door, outlets) = (threads.door().clone(), threads.outlets().clone());
        door.ask(rules::put_in_force).unwrap().unwrap();
        Stage {
            threads,
            door,
            outlets,
            reader,
            papers,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .unwrap(),
            counter: Counter::new(),
            watched,
        }
    }

    /// Asks all of them at once; the outcomes in the order of asking.
    fn ask(&mut self, requests: &[Request]) -> Vec<Outcome> {
        let first = self.counter.next + 1;
        let all = requests.iter().cloned();
        let waiting: Vec<Waiting> = all.map(|request| self.counter.waiting(request)).collect();
        let refused = self.door.offer(waiting);
        let mut outcomes: BTreeMap<u64, Outcome> = refused
            .into_iter()
            .map(|waiting| (waiting.slip.ticket.0, Outcome::not_decided(waiting.slip)))
            .collect();
        let outlet = self.outlets.of(0);
        while outcomes.len() < requests.len() {
            let picked = self
                .runtime
                .block_on(async { tokio::time::timeout(PATIENCE, outlet.pick_up()).await });
            for outcome in picked.unwrap().into_iter().flat_map(|d| d.outcomes) {
                outcomes.insert(outcome.slip.ticket.0, outcome);
            }
        }
        assert_eq!(outcomes.keys().next(), Some(&first));
        outcomes.into_values().collect()
    }

    /// Ends it; gives what was decided and what the journal says of it.
    fn stop(self) -> (Engine, Book) {
        let (engine, journal) = self.threads.stop();
        drop(journal);
        let mut again = Book::new(engine.book().memory().capacity());
        data::replay(&mut again, &self.reader).unwrap();
        (engine, again)
    }
}

#[test]
fn what_is_told_is_durable_and_the_journal_gives_the_same_book() {
    let dir = tempfile::tempdir().unwrap();
    let mut line = Stage::start(dir.path(), Disk::default(), 4 << 20, 1_000);
    let requests: Vec<Request> = (1..=500)
        .map(|n| line.counter.request(10_000 * n, false))
        .collect();
    let outcomes = line.ask(&requests);
    assert!(outcomes.iter().all(|o| o.told.verdict == Verdict::Approved));
    let (engine, again) = line.stop();
    assert_eq!(engine.book().to_bytes(), again.to_bytes());
}

#[test]
fn an_old_answer_is_fetched_and_told_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut line = Stage::start(dir.path(), Disk::default(), 4 << 20, 1);
    let first = line.counter.request(2_755_555, false);
    let told = line.ask(std::slice::from_ref(&first)).remove(0).told;
    for n in 1..=20 {
        let other = line.counter.request(10_000 * n, false);
        line.ask(&[other]);
    }
    let again = line.ask(&[first]).remove(0);
    assert_eq!((again.told, again.how), (told, Some(How::Repeat)));
    let (engine, replayed) = line.stop();
    assert_eq!(engine.book().to_bytes(), replayed.to_bytes());
}

#[test]
fn a_full_disk_is_answered_96_and_waited_for() {
    let full = Arc::new(AtomicBool::new(false));
    let disk = {
        let full = Arc::clone(&full);
        Disk::with_faults(move |act| match act {
            Act::Reserve { .. } if full.load(Ordering::Relaxed) => {
                journal::Verdict::Fail(rustix::io::Errno::NOSPC.raw_os_error())
            }
            _ => journal::Verdict::Go,
        })
    };
    let dir = tempfile::tempdir().unwrap();
    let mut line = Stage::start(dir.path(), disk, 64 << 10, 1_000);
    full.store(true, Ordering::Relaxed);
    let end = Instant::now() + PATIENCE;
    let mut approved = 0;
    loop {
        let request = line.counter.request(50_000, false);
        let outcome = line.ask(&[request]).remove(0);
        match outcome.told.verdict {
            Verdict::Approved => approved += 1,
            verdict => {
                assert_eq!(verdict, Verdict::CannotServe);
                assert!(outcome.how.is_none(), "nothing was decided");
                break;
            }
        }
        assert!(Instant::now() < end, "the disk never got full");
    }
    // Refused at the door, without troubling the decider.
    assert!(line.door.is_full());
    full.store(false, Ordering::Relaxed);
    loop {
        let request = line.counter.request(50_000, false);
        if line.ask(&[request]).remove(0).told.verdict == Verdict::Approved {
            approved += 1;
            break;
        }
        assert!(Instant::now() < end, "service does not go on");
        thread::sleep(Duration::from_millis(20));
    }
    let reader = line.reader.clone();
    let (engine, again) = line.stop();
    assert_eq!(engine.book().to_bytes(), again.to_bytes());
    let entries: Vec<_> = reader
        .read_from(1)
        .unwrap()
        .flat_map(|group| data::entries(&group.unwrap()).unwrap())
        .filter(|entry| matches!(entry.input, crate::ledger::Input::Request(_)))
        .collect();
    assert_eq!(entries.len(), approved);
}

#[test]
fn a_sync_that_does_not_come_back_is_noticed_and_a_slow_one_is_not() {
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let (held, hangs) = (
        std::sync::Mutex::new(held),
        Arc::new(AtomicBool::new(false)),
    );
    let disk = {
        let hangs = Arc::clone(&hangs);
        Disk::with_faults(move |act| {
            if matches!(act, Act::Sync { .. }) {
                thread::sleep(Duration::from_millis(5));
                if hangs.load(Ordering::Relaxed) {
                    let _ = held.lock().unwrap().recv();
                }
            }
            journal::Verdict::Go
        })
    };
    let dir = tempfile::tempdir().unwrap();
    let mut line = Stage::start(dir.path(), disk, 4 << 20, 1_000);
    let (ended, end) = std::sync::mpsc::channel();
    let watched = line.watched.clone();
    thread::spawn(move || {
        watchdog::watch(&watched, Duration::from_millis(300));
        let _ = ended.send(());
    });
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(600) {
        let request = line.counter.request(50_000, false);
        line.ask(&[request]);
    }
    assert!(end.try_recv().is_err(), "none of these hung");
    hangs.store(true, Ordering::Relaxed);
    let request = line.counter.request(50_000, false);
    let waiting = line.counter.waiting(request);
    assert!(line.door.offer(vec![waiting]).is_empty());
    end.recv_timeout(PATIENCE).unwrap();
    hangs.store(false, Ordering::Relaxed);
    drop(hold);
    line.stop();
}

#[test]
fn what_is_over_its_time_is_not_decided() {
    let dir = tempfile::tempdir().unwrap();
    let mut line = Stage::start(dir.path(), Disk::default(), 4 << 20, 1_000);
    let request = line.counter.request(50_000, false);
    let mut waiting = line.counter.waiting(request);
    waiting.slip.deadline = Some(Instant::now());
    assert!(line.door.offer(vec![waiting]).is_empty());
    let outlet = line.outlets.of(0);
    let picked = line
        .runtime
        .block_on(async { tokio::time::timeout(PATIENCE, outlet.pick_up()).await });
    let outcome = &picked.unwrap()[0].outcomes[0];
    assert_eq!(outcome.told.verdict, Verdict::CannotServe);
    assert_eq!(line.door.waiting(), 0);
    let (engine, _) = line.stop();
    assert_eq!(
        engine.book().sequence().0,
        1,
        "only the rules came into force"
    );
}

#[test]
fn an_eighth_of_the_queue_is_kept_for_what_cannot_be_refused() {
    let (door, _queue) = Door::new(64);
    let mut counter = Counter::new();
    let mut offer = |advice| {
        let request = counter.request(10_000, advice);
        let waiting = counter.waiting(request);
        door.offer(vec![waiting]).len()
    };
    let refused: usize = (0..60).map(|_| offer(false)).sum();
    assert_eq!(refused, 4, "56 of 64 are for requests");
    let refused: usize = (0..10).map(|_| offer(true)).sum();
    assert_eq!(refused, 2, "8 more for advices");
    assert_eq!(door.waiting(), 64);
}

/// A link thread whose requests nobody decides, and a peer connected to it.
struct Undecided {
    links: Links,
    queue: crossbeam_channel::Receiver<Offer>,
    outlets: Outlets,
    drain: tokio::sync::watch::Sender<bool>,
    peer: TcpStream,
}

impl Undecided {
    fn start(adjust: impl FnOnce(&mut crate::config::Listener)) -> Undecided {
        let mut config = Config::parse("built in", SHIPPED).unwrap();
        adjust(&mut config.listeners[0]);
        let line: Arc<Line> = run::lines(&config).unwrap().remove(0);
        let (door, queue) = Door::new(64);
        let outlets = Outlets::new(1);
        let (drain, draining) = tokio::sync::watch::channel(false);
        let clock = Arc::new(Clock::new(Some(now()), Moment(0)));
        let key = TokenKey::new(&[7; 32]);
        let links = Links::start(&outlets, 1, &door, &clock, &key, &draining).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        let (stream, address) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        line.connections.fetch_add(1, Ordering::Relaxed);
        let arrival = Arrival {
            stream: Some(stream),
            peer: address,
            line,
        };
        assert!(links.arrivals()[0].blocking_send(arrival).is_ok());
        Undecided {
            links,
            queue,
            outlets,
            drain,
            peer,
        }
    }

    /// The slip of the next request that comes to the door.
    fn asked(&self) -> Slip {
        match self.queue.recv_timeout(PATIENCE) {
            Ok(Offer::Requests(waiting)) => waiting[0].slip,
            _ => panic!("no request comes"),
        }
    }

    /// Ends it, with whatever is open.
    fn stop(self) {
        self.drain.send(true).unwrap();
        let (tell, told) = bounded(1);
        let links = self.links;
        thread::spawn(move || {
            links.join();
            let _ = tell.send(());
        });
        told.recv_timeout(PATIENCE).expect("the link threads end");
    }
}

fn framed(counter: &mut Counter) -> Vec<u8> {
    let who = Who::Card(Pan::new(b"9999120000001234").unwrap());
    let body = counter
        .terminal
        .purchase(&Sale::of(who, Rials(50_000)), now())
        .unwrap()
        .body;
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&length[..], &body].concat()
}

#[test]
fn a_connection_that_waits_for_ever_does_not_hold_up_the_end() {
    let mut line = Undecided::start(|_| {});
    line.peer.write_all(&framed(&mut Counter::new())).unwrap();
    line.asked();
    line.stop();
}

#[test]
fn the_time_of_a_frame_does_not_run_while_reading_pauses() {
    let timeout = Duration::from_millis(300);
    let mut line = Undecided::start(|listener| {
        listener.max_in_flight = 1;
        listener.partial_frame_timeout = timeout;
    });
    let mut counter = Counter::new();
    let (first, second) = (framed(&mut counter), framed(&mut counter));
    let (begun, rest) = second.split_at(20);
    line.peer.write_all(&[&first, begun].concat()).unwrap();
    let slip = line.asked();
    thread::sleep(2 * timeout);
    line.peer.write_all(rest).unwrap();
    line.outlets.refuse(slip, &Arc::default());
    line.asked();
    line.peer.read_exact(&mut [0; 2]).unwrap();
    line.stop();
}

#[test]
fn each_says_for_itself_that_there_is_room_again() {
    let (door, _queue) = Door::new(64);
    let desk = door.desk();
    assert!(desk.set_full(Lack::Write, true));
    assert!(desk.set_full(Lack::Reserve, true));
    assert!(desk.set_full(Lack::Reserve, false));
    assert!(door.is_full(), "a group still cannot be written");
    assert!(desk.set_full(Lack::Write, false));
    assert!(!door.is_full());
}

#[test]
fn a_question_that_panics_ends_nothing_but_itself() {
    let dir = tempfile::tempdir().unwrap();
    let line = Stage::start(dir.path(), Disk::default(), 4 << 20, 1_000);
    let mut office = Office::running(
        Arc::new(Config::parse("built in", SHIPPED).unwrap()),
        line.papers.clone(),
        None,
        TokenKey::new(&[7; 32]),
        Arc::new(Clock::new(Some(now()), Moment(0))),
        line.door.clone(),
        Arc::default(),
    );
    let panicked = office.look(|_, _| -> u64 { panic!("as wanted") });
    assert!(matches!(panicked, Err(OfficeError::Panicked)));
    let known = office.look(|engine, _| engine.book().sequence().0);
    assert_eq!(known.unwrap(), 1, "the rules came into force");
    drop(office);
    line.stop();
}
