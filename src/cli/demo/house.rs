//! Where the demo's day happens: a folder, a configuration on free ports, a daemon that comes and goes, its members.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::{CLUB, PATIENCE, SHOP};
use crate::cli::line::Line;
use crate::cli::{Failure, desk, pos};
use crate::config::Config;
use crate::exchange::terminal::{Enrolment, Place};
use crate::exchange::{Dialect, Network, Terminal};
use crate::message::Message;
use crate::terms::{Local, Moment, Pan, Zone};
use crate::wire::framing::Framing;

/// When the day of the demo stands.
const START: &str = "1405/09/02 10:15";
const ZONE: &str = "Asia/Tehran";
const DIALECT: &str = "iso87-ascii";

/// Everything that stands still while the daemon comes and goes.
pub(super) struct House {
    dir: PathBuf,
    pub(super) config: Config,
    file: PathBuf,
    pub(super) address: SocketAddr,
    pub(super) dialect: Arc<Dialect>,
    pub(super) zone: Zone,
    pub(super) start: Moment,
}

impl House {
    pub(super) fn new(dir: &Path) -> Result<House, Failure> {
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
    pub(super) fn start(&self) -> Result<Daemon, Failure> {
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

    pub(super) fn terminal(&self, name: &str, shop: &str) -> Terminal {
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
    pub(super) fn open_members(
        &self,
        count: usize,
    ) -> Result<BTreeMap<&'static str, i64>, Failure> {
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
    pub(super) fn enrol_members(&self, from: usize, to: usize) -> Result<(), Failure> {
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
pub(super) struct Daemon {
    child: Child,
}

impl Daemon {
    /// SIGKILL, as a power cut would.
    pub(super) fn kill(&mut self) -> Result<(), Failure> {
        let killed = self.child.kill().and_then(|()| self.child.wait());
        killed
            .map(drop)
            .map_err(|error| Failure::Io(format!("kill the daemon: {error}")))
    }

    /// SIGTERM; it must finish and exit 0.
    pub(super) fn stop(mut self) -> Result<(), Failure> {
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
pub(super) fn card(member: usize) -> Pan {
    let digits = format!("999912{member:010}");
    Pan::new(digits.as_bytes()).expect("sixteen digits are a card")
}
