//! `demo`: a day of a switch in a minute. Members, purchases, repeats and reversals over TCP, a SIGKILL in the middle, the
//! day closed, and everything added up twice.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::cli::desk::{self, Bar};
use crate::cli::line::Line;
use crate::cli::{Failure, chain, pos, settle};
use crate::config::Config;
use crate::exchange::terminal::{Enrolment, Place, Sale, Sent, Who};
use crate::exchange::{Dialect, Network, Receipt, Terminal};
use crate::ledger::Redeem;
use crate::message::Message;
use crate::settle::Totals;
use crate::settle::publish::{manifest, reread};
use crate::terms::money::{grouped, pointed};
use crate::terms::{Local, Moment, Pan, Rials, Zone};
use crate::wire::framing::Framing;
use crate::words::Language;

/// When the day of the demo stands.
const START: &str = "1405/09/02 10:15";
const ZONE: &str = "Asia/Tehran";
const DIALECT: &str = "iso87-ascii";
/// The club of the rules that are built in, and a shop of it; another shop that is in no club.
const CLUB: &str = "golestan";
const SHOP: &str = "m-1001";
const OTHER_SHOP: &str = "m-2001";
/// Connections to the shop of the club; one more goes to the other shop.
const CONNECTIONS: usize = 4;
/// Messages of one connection that wait for their answers at once.
const IN_FLIGHT: usize = 16;
/// How long the switch may take to come up, or to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Show a day of the switch: purchases, a crash, the settlement, and that every rial adds up.
///
/// Works in a folder and on ports of its own: starts a daemon, opens and enrols members, drives purchases, redemptions,
/// repeats and reversals over TCP, kills the daemon with SIGKILL in the middle and starts it again, closes the day, and
/// adds everything up twice: from the receipts, and from the settlement files.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clubswitch demo
  clubswitch demo --purchases 20000 --seed 7
  clubswitch demo --keep /tmp/a-day --lang fa

Exit status: 0 every rial and point adds up, 1 it does not, 2 a fault in the command, 3 the daemon does not answer,
74 the disk failed.")]
pub(super) struct Args {
    /// How many purchases
    #[arg(long, value_name = "N", default_value_t = 4_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    purchases: u64,
    /// What the random numbers begin with: the same seed is the same day
    #[arg(long, value_name = "N", default_value_t = 1_405)]
    seed: u64,
    /// Work in this folder, which must be empty or not there, and leave everything in it
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Language of the receipts
    #[arg(long, value_name = "LANG", default_value = "en", value_parser = ["en", "fa"])]
    lang: String,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let dir = folder(args.keep.as_deref())?;
    let done = day(args, &dir);
    match (&done, &args.keep) {
        (Ok(()), None) => {
            let _ = fs::remove_dir_all(&dir);
        }
        (Ok(()), Some(_)) => anstream::println!("everything is left in {}", dir.display()),
        (Err(_), _) => anstream::eprintln!("everything is left in {}", dir.display()),
    }
    done
}

/// The day from its beginning to its reconciliation.
fn day(args: &Args, dir: &Path) -> Result<(), Failure> {
    let language = Language::named(&args.lang).unwrap_or_default();
    let house = House::new(dir)?;
    let mut daemon = house.start()?;
    anstream::println!(
        "switch      on {}, data in {}",
        house.address,
        dir.display()
    );

    let members = usize::try_from((args.purchases / 20).clamp(8, 400)).unwrap_or(400);
    let opened = house.open_members(members / 4)?;
    house.enrol_members(members / 4, members)?;
    anstream::println!(
        "members     {} opened, {} enrolled",
        members / 4,
        members - members / 4
    );

    let plans = plans(args, members);
    let all: u64 = plans.iter().map(|plan| plan.steps.len() as u64).sum();
    let hall = Arc::new(Hall::default());
    let bar = Bar::new();
    let began = Instant::now();
    let tills: Vec<_> = plans
        .into_iter()
        .map(|plan| {
            let mut till = Till::new(&house, plan, Arc::clone(&hall));
            thread::spawn(move || till.work().map(|()| till))
        })
        .collect();
    let mut killed = false;
    while tills.iter().any(|till| !till.is_finished()) {
        let done = hall.answered.load(Ordering::Relaxed);
        bar.show(&json!({ "done": done, "of": all, "what": "messages answered" }));
        if !killed && done >= all / 2 {
            killed = true;
            daemon.kill()?;
            anstream::eprintln!("SIGKILL after {done} answers; starting again");
            daemon = house
                .start()
                .inspect_err(|_| hall.given_up.store(true, Ordering::Relaxed))?;
            hall.crashed.store(true, Ordering::Relaxed);
        }
        thread::sleep(Duration::from_millis(1));
    }
    bar.finish();
    let mut told = Vec::new();
    for till in tills {
        let till = till
            .join()
            .map_err(|_| Failure::Off("a till panicked".to_owned()))?;
        told.push(till?);
    }
    let sent = Counts::of(&told);
    anstream::println!(
        "messages    {all} in {} ms over {} connections: {} purchases ({} declined), {} reversals, {} repeats, \
         {} sent again after the crash",
        began.elapsed().as_millis(),
        told.len(),
        sent.purchases,
        sent.declined,
        sent.reversals,
        sent.repeats,
        sent.again,
    );

    let words = json!({ "day": "today", "close": true });
    let settled = desk::carry_out(&house.config, "settle", &words)?;
    let verified = desk::carry_out(&house.config, "ledger-verify", &json!({}))?;
    let accounts = desk::carry_out(&house.config, "ledger-balance", &json!({}))?;
    daemon.stop()?;
    let stopped = desk::carry_out(&house.config, "ledger-verify", &json!({}))?;

    print_slips(&told, language);
    anstream::println!("\n{}", settle::in_words(&settled));
    let folder = PathBuf::from(settled["folder"].as_str().unwrap_or_default());
    let mut sheet = Sheet::default();
    let mut receipts = totals(&told);
    let mut files = reread(&folder).map_err(|error| Failure::Off(chain(&error)))?;
    let paid: i64 = files.pay.values().sum();
    let manifest = manifest(&folder).map_err(|error| Failure::Off(chain(&error)))?;
    let carried: i64 = manifest.carried.iter().map(|line| line.amount).sum();
    files.pay.clear();
    receipts.pay.clear();
    sheet.totals(&receipts, &files);
    let owed: i64 = receipts.split.values().sum();
    sheet.line(
        "paid out, kept and carried",
        owed,
        paid + manifest.kept + carried,
        0,
    );
    anstream::println!("{}", sheet.drawn("receipts", "files"));

    let mut purses = Sheet::default();
    for (purse, decimals) in [("points", 2), ("club-credit", 0), ("merchant-credit", 0)] {
        let ours = opened.get(purse).copied().unwrap_or(0) + purse_moves(&told, purse);
        purses.line(
            &format!("members' {purse}"),
            ours,
            outstanding(&accounts, purse),
            decimals,
        );
    }
    anstream::println!("{}", purses.drawn("receipts", "ledger"));

    let mut faults = Vec::new();
    faults.extend(sheet.faults);
    faults.extend(purses.faults);
    faults.extend(told.iter().flat_map(|till| till.faults.iter().cloned()));
    for (when, verified) in [("beside the daemon", &verified), ("after it", &stopped)] {
        if verified["whole"] != json!(true) {
            faults.push(format!("ledger verify {when}: {}", verified["faults"]));
        }
    }
    if !killed {
        faults.push("the daemon was never killed".to_owned());
    }
    if faults.is_empty() {
        anstream::println!(
            "every rial and point adds up: {} entries, the crash lost nothing and doubled nothing",
            grouped(stopped["entries"].as_i64().unwrap_or(0), 0)
        );
        return Ok(());
    }
    Err(Failure::Off(format!(
        "it does not add up:\n  {}",
        faults.join("\n  ")
    )))
}

/// The folder to work in, empty.
fn folder(keep: Option<&Path>) -> Result<PathBuf, Failure> {
    let dir = match keep {
        Some(dir) => std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned()),
        None => std::env::temp_dir().join(format!("clubswitch-demo-{}", std::process::id())),
    };
    let failed = |error: io::Error| Failure::Io(format!("make {}: {error}", dir.display()));
    fs::create_dir_all(&dir).map_err(failed)?;
    if fs::read_dir(&dir).map_err(failed)?.next().is_some() {
        let name = dir.display();
        return Err(Failure::Usage(format!(
            "an empty folder wanted, {name} has something in it"
        )));
    }
    Ok(dir)
}

/// Everything that stands still while the daemon comes and goes.
struct House {
    dir: PathBuf,
    config: Config,
    file: PathBuf,
    address: SocketAddr,
    dialect: Arc<Dialect>,
    zone: Zone,
    start: Moment,
}

impl House {
    fn new(dir: &Path) -> Result<House, Failure> {
        let free = || -> io::Result<SocketAddr> {
            TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr())
        };
        let ports = free().and_then(|pos| Ok((pos, free()?)));
        let (address, http) = ports.map_err(|e| Failure::Io(format!("find a free port: {e}")))?;
        let text = format!(
            "# The demo's own configuration.\n\
             data = {:?}\n\n\
             [[listener]]\n\
             name     = \"pos\"\n\
             bind     = \"{address}\"\n\
             framing  = \"len2-be\"\n\
             dialect  = \"{DIALECT}\"\n\
             acquirer = \"581672031\"\n\n\
             [admin]\n\
             http = \"{http}\"\n\n\
             [clock]\n\
             start = \"{START}\"\n",
            dir.join("var").display().to_string()
        );
        let file = dir.join("clubswitch.toml");
        fs::write(&file, text)
            .map_err(|e| Failure::Io(format!("write {}: {e}", file.display())))?;
        let mut config = Config::read(&file)?;
        // The demo's day is one of the rules that are built in, wherever it is started.
        config.rules = None;
        let zone = Zone::named(ZONE).expect("the zone of Tehran is built in");
        let start = zone.moment(Local::parse(START).expect("the start is a time"));
        Ok(House {
            dir: dir.to_owned(),
            config,
            file,
            address,
            dialect: Arc::new(pos::dialect(DIALECT, None)?),
            zone,
            start,
        })
    }

    /// Starts the daemon and waits until it answers.
    fn start(&self) -> Result<Daemon, Failure> {
        let log = self.dir.join("serve.log");
        let open = || File::options().create(true).append(true).open(&log);
        let failed = |error: io::Error| Failure::Io(format!("start the daemon: {error}"));
        let program = std::env::current_exe().map_err(failed)?;
        let child = Command::new(program)
            .args(["serve", "--config"])
            .arg(&self.file)
            // Not where the demo was started: a folder conf/rules there would be taken.
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(open().map_err(failed)?)
            .stderr(open().map_err(failed)?)
            .spawn()
            .map_err(failed)?;
        let mut daemon = Daemon { child };
        let until = Instant::now() + PATIENCE;
        loop {
            if self.echo().is_ok() {
                return Ok(daemon);
            }
            if let Ok(Some(status)) = daemon.child.try_wait() {
                let log = fs::read_to_string(&log).unwrap_or_default();
                let end: Vec<&str> = log.lines().rev().take(5).collect();
                let end = end.into_iter().rev().collect::<Vec<_>>().join("\n  ");
                return Err(Failure::NoAnswer(format!(
                    "the daemon ended, {status}:\n  {end}"
                )));
            }
            if Instant::now() > until {
                return Err(Failure::NoAnswer("the daemon does not answer".to_owned()));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn terminal(&self, name: &str, shop: &str) -> Terminal {
        let place = Place {
            acceptor: shop.to_owned(),
            terminal: name.to_owned(),
            acquirer: None,
            points_decimals: 2,
        };
        Terminal::new(Arc::clone(&self.dialect), place, self.zone.clone())
    }

    fn line(&self) -> io::Result<Line> {
        let framing = Framing::named("len2-be").expect("the framing is built in");
        Line::open(self.address, framing, PATIENCE)
    }

    fn echo(&self) -> io::Result<()> {
        let mut terminal = self.terminal("DEMO", SHOP);
        let sent = terminal
            .network(Network::Echo, self.start)
            .map_err(io::Error::other)?;
        let mut line = self.line()?;
        line.put(&sent.body)?;
        line.flush()?;
        line.take().map(drop)
    }

    /// Books members that have something, by an opening file; gives what they have by purse.
    fn open_members(&self, count: usize) -> Result<BTreeMap<&'static str, i64>, Failure> {
        let mut text = String::from("reason = \"demo: members of before\"\n");
        let tiers = ["normal", "silver", "gold", "platinum"];
        for member in 0..count {
            let card = String::from_utf8_lossy(card(member).digits()).into_owned();
            text.push_str(&format!(
                "\n[[member]]\nclub = \"{CLUB}\"\ncard = \"{card}\"\ntier = \"{}\"\nmarketer = \"p-77\"\n\
                 lot = [\n  \
                 {{ purse = \"points\", amount = \"830.50\", booked = \"1405/05/20\", ends = \"1406/05/31\" }},\n  \
                 {{ purse = \"club-credit\", amount = \"125_000\", booked = \"1405/08/20\", ends = \"1406/02/17\" }},\n  \
                 {{ purse = \"merchant-credit\", amount = \"40_000\", shop = \"{SHOP}\", booked = \"1405/07/11\", \
                 ends = \"1405/10/10\" }},\n]\n",
                tiers[member % tiers.len()],
            ));
        }
        let path = self.dir.join("opening.toml");
        let written = fs::write(&path, &text);
        written.map_err(|error| Failure::Io(format!("write {}: {error}", path.display())))?;
        let words = json!({ "name": "opening.toml", "text": text });
        let booked = desk::carry_out(&self.config, "ledger-open", &words)?;
        if let Some(faults) = booked["faults"].as_str() {
            return Err(Failure::Drawn(faults.to_owned()));
        }
        let count = count as i64;
        Ok(BTreeMap::from([
            ("points", 83_050 * count),
            ("club-credit", 125_000 * count),
            ("merchant-credit", 40_000 * count),
        ]))
    }

    /// Enrols the members from one number to before another, over TCP.
    fn enrol_members(&self, from: usize, to: usize) -> Result<(), Failure> {
        let mut terminal = self.terminal("ENROL", SHOP);
        let mut enrol = || -> io::Result<Vec<String>> {
            let mut line = self.line()?;
            let mut codes = Vec::new();
            for member in from..to {
                let enrolment = Enrolment {
                    card: Some(card(member)),
                    ..Enrolment::default()
                };
                let sent = terminal
                    .enrol(&enrolment, self.start)
                    .map_err(io::Error::other)?;
                line.put(&sent.body)?;
            }
            line.flush()?;
            for _ in from..to {
                let answer = Message::decode(self.dialect.spec(), line.take()?);
                let answer = answer.map_err(io::Error::other)?;
                let receipt = terminal.receipt(&answer);
                if !receipt.is_approved() {
                    codes.push(receipt.code);
                }
            }
            Ok(codes)
        };
        match enrol() {
            Ok(codes) if codes.is_empty() => Ok(()),
            Ok(codes) => Err(Failure::Off(format!(
                "{} enrolments were declined",
                codes.len()
            ))),
            Err(error) => Err(Failure::NoAnswer(format!("enrol members: {error}"))),
        }
    }
}

/// The daemon's process; it does not outlive the demo.
struct Daemon {
    child: Child,
}

impl Daemon {
    /// SIGKILL, as a power cut would.
    fn kill(&mut self) -> Result<(), Failure> {
        let killed = self.child.kill().and_then(|()| self.child.wait());
        killed
            .map(drop)
            .map_err(|error| Failure::Io(format!("kill the daemon: {error}")))
    }

    /// SIGTERM; it must finish and exit 0.
    fn stop(mut self) -> Result<(), Failure> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        let status = self.child.wait();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Failure::Off(format!("the daemon stopped with {status}"))),
            Err(error) => Err(Failure::Io(format!("wait for the daemon: {error}"))),
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A card of an invented issuer.
fn card(member: usize) -> Pan {
    let digits = format!("999912{member:010}");
    Pan::new(digits.as_bytes()).expect("sixteen digits are a card")
}

/// What a till does one after another.
struct Plan {
    name: String,
    shop: &'static str,
    steps: Vec<Step>,
}

enum Step {
    Sale(Box<Sale>),
    /// Undo the sale of that step, if it was approved.
    Reverse(usize),
    /// Send the sale of that step once more: the very bytes, or marked as a repeat.
    Repeat(usize, bool),
}

/// Every member belongs to one till, so that the same seed is the same day however threads run.
fn plans(args: &Args, members: usize) -> Vec<Plan> {
    let mut random = Random(args.seed);
    let mut plans: Vec<Plan> = (0..=CONNECTIONS)
        .map(|at| Plan {
            name: format!("DEMO{at:04}"),
            shop: if at == CONNECTIONS { OTHER_SHOP } else { SHOP },
            steps: Vec::new(),
        })
        .collect();
    for number in 0..args.purchases {
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
struct Done {
    sent: Sent,
    receipt: Option<Receipt>,
    answer: Bytes,
    /// The step that it reverses or repeats.
    of: Option<usize>,
    repeats: bool,
}

/// What all tills know.
#[derive(Default)]
struct Hall {
    answered: AtomicU64,
    /// The daemon was killed and runs again.
    crashed: AtomicBool,
    /// It does not run again.
    given_up: AtomicBool,
}

/// A till: one connection, its messages, and what it was told.
struct Till {
    terminal: Terminal,
    dialect: Arc<Dialect>,
    address: SocketAddr,
    start: Moment,
    steps: Vec<Step>,
    /// By step; none where it was left out.
    done: Vec<Option<Done>>,
    /// Steps that wait for an answer, by trace number.
    waiting: HashMap<u32, usize>,
    line: Option<Line>,
    hall: Arc<Hall>,
    again: u64,
    faults: Vec<String>,
}

impl Till {
    fn new(house: &House, plan: Plan, hall: Arc<Hall>) -> Till {
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
    fn work(&mut self) -> Result<(), Failure> {
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

/// What was sent, counted.
#[derive(Default)]
struct Counts {
    purchases: u64,
    declined: u64,
    reversals: u64,
    repeats: u64,
    again: u64,
}

impl Counts {
    fn of(tills: &[Till]) -> Counts {
        let mut counts = Counts::default();
        for till in tills {
            counts.again += till.again;
            for done in till.done.iter().flatten() {
                match (done.repeats, done.of) {
                    (true, _) => counts.repeats += 1,
                    (_, Some(_)) => counts.reversals += 1,
                    _ => counts.purchases += 1,
                }
                let approved = done.receipt.as_ref().is_some_and(Receipt::is_approved);
                counts.declined += u64::from(!approved && done.of.is_none());
            }
        }
        counts
    }
}

/// Every approved purchase, and once more with the opposite sign where it was reversed.
fn moves(tills: &[Till]) -> Vec<(&Done, &Receipt, i64)> {
    let mut moves = Vec::new();
    for till in tills {
        let mut reversed = HashSet::new();
        for done in till.done.iter().flatten().filter(|done| !done.repeats) {
            let told = done
                .receipt
                .as_ref()
                .filter(|receipt| receipt.is_approved());
            match (done.of, told) {
                (_, None) => {}
                (None, Some(told)) => moves.push((done, told, 1)),
                // A second reversal of the same purchase is approved and moves nothing.
                (Some(of), Some(_)) if reversed.insert(of) => {
                    let original = till.done[of].as_ref();
                    moves.extend(original.and_then(|o| Some((o, o.receipt.as_ref()?, -1))));
                }
                (Some(_), Some(_)) => {}
            }
        }
    }
    moves
}

/// What the receipts come to, counted as settlement files are.
fn totals(tills: &[Till]) -> Totals {
    let mut totals = Totals::default();
    for (sale, told, sign) in moves(tills) {
        if sign > 0 {
            totals.purchases += 1;
        } else {
            totals.reversals += 1;
        }
        let bill = sale.sent.amount.unwrap_or_default().0;
        let rials = |amount: Option<Rials>| amount.unwrap_or_default().0;
        let (pays, discount) = (told.pays.map_or(bill, |pays| pays.0), rials(told.discount));
        totals.gross += sign * bill;
        totals.discount += sign * discount;
        totals.card_paid += sign * pays;
        totals.fee += sign * rials(told.fee);
        let add = |sums: &mut BTreeMap<String, i64>, name: &str, amount: i64| {
            *sums.entry(name.to_owned()).or_default() += sign * amount;
        };
        // What points paid is told in points; in rials it is what nothing else paid.
        let mut by_points = bill - discount - pays;
        for part in told.redeemed.iter().filter(|part| part.decimals == 0) {
            add(&mut totals.redeemed, &part.purse, part.amount);
            by_points -= part.amount;
        }
        add(&mut totals.redeemed, "points", by_points);
        for part in &told.earned {
            add(
                &mut totals.earned,
                &format!("{CLUB}/{}", part.purse),
                part.amount,
            );
        }
        for (role, amount) in &told.split {
            let role = if role == "merchant-marketer" {
                "marketer"
            } else {
                role
            };
            add(&mut totals.split, role, amount.0);
        }
        if told.split.is_empty() {
            add(&mut totals.split, "merchant", pays);
        }
    }
    totals
}

/// What a purse of all members together gained by the receipts, in smallest units.
fn purse_moves(tills: &[Till], purse: &str) -> i64 {
    moves(tills)
        .into_iter()
        .map(|(_, told, sign)| sign * (told.earned_in(purse) - told.redeemed_from(purse)))
        .sum()
}

/// What the ledger says all members together have in a purse (less what they owe it), in smallest units.
fn outstanding(accounts: &Value, purse: &str) -> i64 {
    let name = format!("outstanding {purse} of {CLUB}");
    let lines = accounts["accounts"].as_array().into_iter().flatten();
    let lines = lines.filter(|line| {
        let account = line["account"].as_str().unwrap_or_default();
        account == name || account.starts_with(&format!("{name} at "))
    });
    let smallest = |balance: &Value| match balance.as_str() {
        Some(text) => text.replace('.', "").parse().unwrap_or(0),
        None => balance.as_i64().unwrap_or(0),
    };
    -lines.map(|line| smallest(&line["balance"])).sum::<i64>()
}

/// Two columns that must be equal.
#[derive(Default)]
struct Sheet {
    lines: Vec<(String, String, String)>,
    faults: Vec<String>,
}

impl Sheet {
    fn line(&mut self, what: &str, one: i64, other: i64, decimals: u8) {
        let text = |amount| grouped(amount, decimals);
        if one != other {
            let (one, other) = (pointed(one, decimals), pointed(other, decimals));
            self.faults.push(format!("{what}: {one} and {other}"));
        }
        self.lines.push((what.to_owned(), text(one), text(other)));
    }

    fn totals(&mut self, one: &Totals, other: &Totals) {
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.line("purchases", count(one.purchases), count(other.purchases), 0);
        self.line("reversals", count(one.reversals), count(other.reversals), 0);
        self.line("bills", one.gross, other.gross, 0);
        self.line("discounts", one.discount, other.discount, 0);
        self.line("paid by bank cards", one.card_paid, other.card_paid, 0);
        self.line("fees", one.fee, other.fee, 0);
        for (label, one, other) in [
            ("paid by", &one.redeemed, &other.redeemed),
            ("earned in", &one.earned, &other.earned),
            ("part of", &one.split, &other.split),
        ] {
            let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for name in names {
                let decimals = if label == "earned in" && name.ends_with("points") {
                    2
                } else {
                    0
                };
                let of = |sums: &BTreeMap<String, i64>| sums.get(name).copied().unwrap_or(0);
                self.line(&format!("{label} {name}"), of(one), of(other), decimals);
            }
        }
    }

    fn drawn(&self, one: &str, other: &str) -> String {
        let mut out = format!("  {:<30}{one:>22}{other:>22}\n", "added up twice, from");
        for (what, left, right) in &self.lines {
            let sign = if left == right { "" } else { "  DIFFERS" };
            out.push_str(&format!("  {what:<30}{left:>22}{right:>22}{sign}\n"));
        }
        out
    }
}

/// A purchase with everything in it, a decline, and a reversal.
fn print_slips(tills: &[Till], language: Language) {
    let all = || {
        tills
            .iter()
            .flat_map(|t| t.done.iter().flatten().map(move |done| (t, done)))
    };
    let told = |done: &Done, test: fn(&Receipt) -> bool| done.receipt.as_ref().is_some_and(test);
    let richest = all()
        .filter(|(_, done)| done.of.is_none())
        .max_by_key(|(_, done)| done.receipt.as_ref().map_or(0, |r| r.redeemed.len()));
    let declined = all().find(|(_, done)| told(done, |r| !r.is_approved()));
    let reversal = all().find(|(_, done)| done.of.is_some() && !done.repeats);
    for (till, done) in [richest, declined, reversal].into_iter().flatten() {
        if let Some(receipt) = &done.receipt {
            anstream::println!(
                "\n{}",
                till.terminal
                    .slip(&done.sent, receipt)
                    .print(language)
                    .trim_end()
            );
        }
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
