//! The daemon from its first line in the log to its last.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use metrics_exporter_prometheus::PrometheusHandle;
use sd_notify::NotifyState;
use serde_json::json;
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::clock::Clock;
use super::data::{self, Data, DataError};
use super::guard;
use super::health::{Health, Serving};
use super::link::Line;
use super::listen::{self, Links};
use super::office::{Office, Opener, Papers};
use super::pipeline::{Bounds, Parts, Pipeline};
use super::rules::Start;
use super::{admin, archiver, http, metrics, rules};
use crate::cli::chain;
use crate::config::Config;
use crate::engine::{Act, ActError};
use crate::exchange::{self, Link, LinkTerms};
use crate::journal::OpenError;
use crate::keys::TokenKey;
use crate::ledger::By;
use crate::source::Faults;
use crate::store::{Follower, Store};
use crate::terms::Sequence;

/// What connections may take to finish what was accepted, before they are left.
const DRAIN: Duration = Duration::from_secs(25);
/// How often the watch looks: at the clock, at the book, at the way through decider and committer.
const LOOK: Duration = Duration::from_secs(1);
/// As many notes on the rules of a start go into the log.
const NOTES_LOGGED: usize = 100;

/// What is said on the command line and not in the configuration.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Entries after this one are given up, where the journal would be refused.
    pub accept_loss_after: Option<u64>,
}

/// Why the daemon does not start.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The data folder.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The rule files.
    #[error("the rule files are faulty")]
    Rules(Faults),
    /// A dialect says too little for what the switch does.
    #[error("dialect {dialect} cannot be used: {faults}")]
    Dialect {
        /// Its name.
        dialect: String,
        /// What is missing, one after another.
        faults: String,
    },
    /// The rules could not be put in force.
    #[error("put the rules in force")]
    InForce(#[from] ActError),
    /// An address is taken or not ours.
    #[error("listen on {address} for {what}")]
    Bind {
        /// For what.
        what: String,
        /// Where.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// The operating system refuses a thread, a socket, a signal.
    #[error("{doing}")]
    System {
        /// What was tried.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// Measuring has begun already: one daemon a process.
    #[error("one switch a process")]
    Twice,
}

impl ServeError {
    /// Whether the disk, the network or another process is at fault, not what the operator configured: starting again
    /// may help.
    pub fn is_io(&self) -> bool {
        match self {
            ServeError::Data(DataError::Journal(OpenError::InUse { .. })) => true,
            ServeError::Data(error) => error.is_io(),
            ServeError::Bind { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable
            ),
            ServeError::System { .. } => true,
            _ => false,
        }
    }
}

/// Serves until SIGTERM or SIGINT; then finishes what was accepted and returns.
///
/// # Errors
/// When it cannot start. A journal that fails later ends the process with [`EXIT_IO`](super::EXIT_IO).
pub fn run(config: Config, options: Options) -> Result<(), ServeError> {
    let measured = metrics::begin().map_err(|_| ServeError::Twice)?;
    let health = Arc::new(Health::default());
    // Before any address is asked for: whoever still holds the folder holds them too.
    let folder = data::claim(&config.data)?;
    if let Some(address) = config.http {
        let bound = http::start(address, Arc::clone(&health), measured.clone());
        let address = bound.map_err(|source| ServeError::Bind {
            what: "metrics and health".to_owned(),
            address: address.to_string(),
            source,
        })?;
        tracing::info!("metrics and health on http://{address}");
    }
    let lines = lines(&config)?;
    let data = Data::open_in(folder, &config, options.accept_loss_after)?;
    let start = rules::at_start(&config, &data.book).map_err(ServeError::Rules)?;
    let notes = &start.loaded.notes.0;
    for note in notes.iter().take(NOTES_LOGGED) {
        tracing::warn!("{note}");
    }
    let more = notes.len().saturating_sub(NOTES_LOGGED);
    if more > 0 {
        tracing::warn!("{more} notes more; `clubswitch rules check DIR` tells all");
    }
    match &config.rules {
        Some(folder) => tracing::info!("rules from {}", folder.display()),
        None => tracing::info!("rules built in: there is no folder conf/rules"),
    }
    if let Some(warning) = &start.warning {
        tracing::warn!("{warning}");
    }
    rules::keep(&config.data, &start.loaded).map_err(system("keep the rule files"))?;
    let clock = Arc::new(rules::clock(&config, &start.rules, &data.book));
    if config.clock_start.is_some() {
        tracing::warn!(
            "the clock is set: it shows {} s since 1970",
            clock.now().seconds()
        );
    }
    let house = House::start(Arc::new(config), data, start, clock, health)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(system("make the runtime"))?;
    let served = runtime.block_on(house.serve(lines, &measured));
    runtime.shutdown_timeout(Duration::from_secs(1));
    house.stop()?;
    served
}

/// The threads behind the links, and what they share.
struct House {
    config: Arc<Config>,
    key: TokenKey,
    papers: Papers,
    store: Option<Store>,
    follower: Option<Follower>,
    clock: Arc<Clock>,
    health: Arc<Health>,
    links: Links,
    drain: watch::Sender<bool>,
    pipeline: Pipeline,
    /// The number of the rule set that was last told as in force.
    rule_set: Arc<AtomicU32>,
}

impl House {
    fn start(
        config: Arc<Config>,
        data: Data,
        start: Start,
        clock: Arc<Clock>,
        health: Arc<Health>,
    ) -> Result<House, ServeError> {
        let papers = Papers::of(&data);
        let Data {
            journal,
            book,
            key,
            store,
            snapshot,
            archive: _,
        } = data;
        let (reader, room) = (journal.reader(), journal.room());
        let epoch = journal.epoch();
        let dir = journal.folder().dir().to_owned();
        tracing::info!(
            entries = book.sequence().0,
            members = book.member_count(),
            epoch,
            "the book is read from {}",
            dir.display()
        );
        let imbalance = book.imbalance();
        if imbalance != 0 {
            tracing::error!("the book does not add up: {imbalance}");
        }
        health.set_imbalance(imbalance);
        let mut engine = rules::engine(&config, book, start.rules);
        engine.bring_older(rules::older(&config, engine.book(), clock.now()));
        let follower = match store.clone() {
            Some(store) => Some(
                Follower::start(store, reader.clone(), data::split)
                    .map_err(system("start the thread of the ledger database"))?,
            ),
            None => None,
        };
        let threads = listen::threads();
        let parts = Parts {
            engine,
            store: store.clone(),
            reader,
            clock: Arc::clone(&clock),
            key: key.check_value(),
            snapshot,
            journal,
        };
        let bounds = Bounds {
            threads,
            queue: config.limits.queue,
            snapshot_every: config.limits.snapshot_every,
            commit_timeout: config.limits.commit_timeout,
        };
        let pipeline = Pipeline::start(parts, bounds).map_err(system("start a thread"))?;
        let door = pipeline.door().clone();
        let (drain, draining) = watch::channel(false);
        let links = Links::start(pipeline.outlets(), threads, &door, &clock, &key, &draining)
            .map_err(system("start the link threads"))?;
        let new = start.new;
        let put = door.ask(move |engine, now| {
            rules::put_in_force(engine, now)?;
            new.map_or(Ok(Sequence(0)), |new| engine.act(Act::LoadRules(new), now))
        });
        put.transpose()?;
        health.serves(Serving {
            clock: Arc::clone(&clock),
            door: door.clone(),
            room,
        });
        let house = House {
            config,
            key,
            papers,
            store,
            follower,
            clock,
            health,
            links,
            drain,
            pipeline,
            rule_set: Arc::new(AtomicU32::new(0)),
        };
        // What waited for an hour that passed while nothing ran is in force before the first message.
        let mut office = house.office()(By::switch("start"));
        if let Err(error) = rules::arm_due(&mut office) {
            tracing::error!("rule sets that wait: {}", chain(&error));
        }
        office.reloaded_at_start();
        Ok(house)
    }

    /// Listens until a signal says stop, and then until every connection has finished.
    async fn serve(
        &self,
        lines: Vec<Arc<Line>>,
        measured: &PrometheusHandle,
    ) -> Result<(), ServeError> {
        let mut term = signal(SignalKind::terminate()).map_err(system("wait for SIGTERM"))?;
        let mut int = signal(SignalKind::interrupt()).map_err(system("wait for SIGINT"))?;
        let mut hup = signal(SignalKind::hangup()).map_err(system("wait for SIGHUP"))?;
        let socket = admin::bind(&self.config.data).map_err(|source| ServeError::Bind {
            what: "the admin socket".to_owned(),
            address: self.config.admin_socket().display().to_string(),
            source,
        })?;
        let office = self.office();
        let asked = Arc::clone(&office);
        tokio::spawn(admin::serve(socket, asked, self.drain.subscribe()));
        archiver::start(&office, &self.config.data).map_err(system("start a thread"))?;
        let mut listeners = tokio::task::JoinSet::new();
        for line in &lines {
            let (name, address) = (&line.listener.name, line.listener.bind);
            let bound = listen::bind(address).and_then(|socket| {
                let address = socket.local_addr()?;
                Ok((socket, address))
            });
            let (socket, address) = bound.map_err(|source| ServeError::Bind {
                what: format!("link {name}"),
                address: address.to_string(),
                source,
            })?;
            let (framing, dialect) = (line.listener.framing.name(), line.listener.dialect.name());
            tracing::info!(framing, dialect, "link {name} on {address}");
            listeners.spawn(listen::accept(
                socket,
                Arc::clone(line),
                self.links.arrivals(),
                self.drain.subscribe(),
            ));
        }
        let watchdog = sd_notify::watchdog_enabled();
        notify(&[NotifyState::Ready, NotifyState::Status("serving")]);
        tracing::info!("ready");
        let mut look = tokio::time::interval(LOOK);
        let mut round = None;
        loop {
            tokio::select! {
                _ = term.recv() => break,
                _ = int.recv() => break,
                _ = hup.recv() => {
                    self.reload();
                }
                _ = look.tick() => {
                    self.look(measured);
                    // While one is under way no other is sent after it: a commit that hangs would gather them.
                    if round.as_ref().is_none_or(tokio::task::JoinHandle::is_finished) {
                        round = Some(self.round());
                    }
                    if watchdog.is_some() && self.health.lives() {
                        notify(&[NotifyState::Watchdog]);
                    }
                }
            }
        }
        tracing::info!("stopping: what was accepted is being finished");
        notify(&[
            NotifyState::Stopping,
            NotifyState::Status("finishing what was accepted"),
        ]);
        self.health.drains();
        self.pipeline.door().desk().stops();
        let _ = self.drain.send(true);
        while listeners.join_next().await.is_some() {}
        let end = Instant::now() + DRAIN;
        let open = || {
            lines
                .iter()
                .map(|l| l.connections.load(Ordering::Relaxed))
                .sum::<usize>()
        };
        while open() > 0 && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if open() > 0 {
            tracing::warn!("{} connections had not finished", open());
        }
        Ok(())
    }

    /// What is looked at every second, behind the requests.
    fn look(&self, measured: &PrometheusHandle) {
        measured.run_upkeep();
        if let Some(jumped) = self.clock.look() {
            tracing::error!(
                "the machine's clock jumped by {jumped} s: not ready until it is confirmed"
            );
        }
        if self.follower.as_ref().is_some_and(Follower::has_ended) {
            guard::end(|| tracing::error!("the thread of the ledger database panicked, ending"));
        }
        for note in self.follower.iter().flat_map(Follower::take_notes) {
            tracing::warn!("{note}");
        }
    }

    /// A question on its way through decider and committer and back: what shows that they live. It waits on a thread of
    /// its own, so that a commit that hangs does not hold up the signals.
    fn round(&self) -> tokio::task::JoinHandle<()> {
        let door = self.pipeline.door().clone();
        let health = Arc::clone(&self.health);
        let lag = self.follower.as_ref().map(Follower::lag);
        let snapshot = self.pipeline.newest_snapshot();
        let jumped = self.clock.state().jumped_s.unwrap_or(0);
        let (office, told) = (self.office(), Arc::clone(&self.rule_set));
        tokio::task::spawn_blocking(move || {
            let Some((book, to_arm)) = door.ask(|engine, now| {
                let figures = metrics::BookFigures::of(engine);
                (figures, rules::is_to_arm(engine, now))
            }) else {
                return;
            };
            let number = book.rule_set.unwrap_or(0);
            if told.swap(number, Ordering::Relaxed) != number {
                tracing::info!("rule set {number} is in force");
            }
            health.beats();
            health.set_imbalance(book.imbalance);
            book.tell();
            metrics::tell(door.waiting(), lag, snapshot, jumped);
            if to_arm && let Err(error) = rules::arm_due(&mut office(By::switch("clock"))) {
                tracing::error!("rule sets that wait: {}", chain(&error));
            }
        })
    }

    /// Loads the rules that the configuration names, on a thread of its own.
    fn reload(&self) {
        let office = self.office();
        tokio::task::spawn_blocking(move || {
            notify(&[
                NotifyState::Reloading,
                NotifyState::Status("reloading the rules"),
            ]);
            let mut office = office(By::switch("signal"));
            let words = json!({ "why": "SIGHUP" });
            match office.carry_out("rules-load", &words, &mut |_| {}) {
                Ok(told) if told["state"] == "same" => {
                    tracing::info!("SIGHUP: the rule files are those in force");
                }
                Ok(told) if told["state"] == "waits-already" => {
                    tracing::info!(
                        "SIGHUP: the rule files are those of set {}, which waits",
                        told["number"]
                    );
                }
                Ok(told) if told["state"] == "refused" => {
                    let faults = told["faults"].as_array();
                    for fault in faults.into_iter().flatten() {
                        let text = |key: &str| fault[key].as_str().unwrap_or_default();
                        let (line, column) = (&fault["line"], &fault["column"]);
                        tracing::error!("{}:{line}:{column}: {}", text("file"), text("title"));
                    }
                    tracing::error!("SIGHUP: the rules were not loaded, the set before runs on");
                }
                Ok(told) => tracing::info!("SIGHUP: rule set {} was loaded", told["number"]),
                Err(error) => {
                    tracing::error!("SIGHUP: the rules were not loaded: {}", chain(&error));
                }
            }
            notify(&[NotifyState::Ready, NotifyState::Status("serving")]);
        });
    }

    fn office(&self) -> Arc<Opener> {
        let (config, papers) = (Arc::clone(&self.config), self.papers.clone());
        let (store, key) = (self.store.clone(), self.key.clone());
        let (clock, door) = (Arc::clone(&self.clock), self.pipeline.door().clone());
        let health = Arc::clone(&self.health);
        Arc::new(move |by| {
            Office::running(
                Arc::clone(&config),
                papers.clone(),
                store.clone(),
                key.clone(),
                Arc::clone(&clock),
                door.clone(),
                Arc::clone(&health),
            )
            .asked_by(by)
        })
    }

    /// Ends the threads in the order in which work passes through them, and leaves a snapshot behind.
    fn stop(self) -> Result<(), ServeError> {
        let _ = self.drain.send(true);
        self.pipeline.door().desk().stops();
        self.links.join();
        let (engine, _journal) = self.pipeline.stop();
        drop(self.follower);
        let _ = std::fs::remove_file(self.config.admin_socket());
        tracing::info!(entries = engine.book().sequence().0, "stopped");
        Ok(())
    }
}

/// The listeners of the configuration, each with its dialect made ready.
pub(super) fn lines(config: &Config) -> Result<Vec<Arc<Line>>, ServeError> {
    let descriptors_most = listen::descriptors();
    let lines = config.listeners.iter().map(|listener| {
        if listener.dialect.is_unverified() {
            tracing::warn!(
                "link {}: the dialect {} is unverified: no official document stands behind it",
                listener.name,
                listener.dialect.name()
            );
        }
        let dialect = exchange::bind(&listener.dialect).map_err(|faults| {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            ServeError::Dialect {
                dialect: listener.dialect.name().to_owned(),
                faults: faults.join("; "),
            }
        })?;
        let terminals = listener.terminals.clone();
        let link = Link {
            dialect,
            framing: listener.framing.clone(),
            terms: LinkTerms {
                acquirer: listener.acquirer.clone(),
                terminals: terminals.map(|all| all.into_iter().collect()),
                require_sign_on: listener.require_sign_on,
                test: listener.test,
                channel: listener.channel,
            },
            in_flight_max: usize::MAX,
            deadline: listener.deadline,
            idle: None,
        };
        Ok(Arc::new(Line {
            listener: listener.clone(),
            link: Arc::new(link),
            connections: AtomicUsize::new(0),
            descriptors_most,
        }))
    });
    lines.collect()
}

fn system(doing: &'static str) -> impl Fn(io::Error) -> ServeError {
    move |source| ServeError::System { doing, source }
}

/// Tells systemd, where it is there.
fn notify(state: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(state);
}
