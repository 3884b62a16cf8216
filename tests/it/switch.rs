//! The real binary under test: on free ports in a folder of its own, started, stopped, killed, and spoken to.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clubswitch::exchange::terminal::Place;
use clubswitch::exchange::{Dialect, Terminal, bind};
use clubswitch::spec;
use clubswitch::terms::{Local, Moment, Zone};
use rustix::process::{Pid, Signal, kill_process};

/// What anything here may take before it counts as hanging.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// What the daemon's clock shows at its start: a Monday morning, when the shipped rules give a discount.
pub(crate) const START: &str = "1405/09/02 10:15";
/// The folder of its data, below its own.
pub(crate) const DATA: &str = "data";
/// The file of its log lines.
pub(crate) const LOG: &str = "log";

/// A running daemon. Killed when it is dropped.
pub(crate) struct Switch {
    /// Its process.
    pub(crate) child: Child,
    dir: PathBuf,
    /// Where its link listens.
    pub(crate) link: String,
    /// Where its metrics and health are.
    pub(crate) http: String,
}

/// Writes a configuration on free ports: these keys more in its listener, and these tables more.
pub(crate) fn configure(dir: &Path, listener: &str, tables: &str) {
    let text = format!(
        "data = \"{DATA}\"\n\n[[listener]]\nname = \"pos\"\nbind = \"127.0.0.1:0\"\ndialect = \"iso87-ascii\"\n\
         acquirer = \"581672031\"\n{listener}\n\n[admin]\nhttp = \"127.0.0.1:0\"\n\n\
         [clock]\nstart = \"{START}\"\n\n{tables}\n"
    );
    fs::write(dir.join("clubswitch.toml"), text).unwrap();
}

impl Switch {
    /// Starts it, and waits until it serves. `level` is what its log shows.
    pub(crate) fn start(dir: &Path, level: &str) -> Switch {
        Switch::start_with(dir, level, |_| {})
    }

    /// The same, with more said to its command.
    pub(crate) fn start_with(dir: &Path, level: &str, more: impl FnOnce(&mut Command)) -> Switch {
        let before = log(dir).len();
        let mut switch = Switch::spawn_with(dir, level, more);
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let text = log(dir).split_off(before);
            if let (Some(link), Some(http)) = (
                word_after(&text, "link pos on "),
                word_after(&text, "metrics and health on http://"),
            ) && text
                .lines()
                .any(|line| line.ends_with(" ready") || line.contains("\"ready\""))
            {
                (switch.link, switch.http) = (link, http);
                return switch;
            }
            if let Some(status) = switch.child.try_wait().unwrap() {
                panic!("the switch does not start, {status}:\n{text}");
            }
            thread::sleep(Duration::from_millis(2));
        }
        panic!("the switch is not ready:\n{}", log(dir));
    }

    /// Starts it, and waits for nothing.
    pub(crate) fn spawn(dir: &Path, level: &str) -> Switch {
        Switch::spawn_with(dir, level, |_| {})
    }

    /// The same, with more said to its command.
    pub(crate) fn spawn_with(dir: &Path, level: &str, more: impl FnOnce(&mut Command)) -> Switch {
        let log = File::options()
            .create(true)
            .append(true)
            .open(dir.join(LOG));
        let mut command = command(dir, &["serve"]);
        command
            .env("CLUBSWITCH_LOG", level)
            .stdout(Stdio::null())
            .stderr(log.unwrap());
        more(&mut command);
        let child = command.spawn().unwrap();
        Switch {
            child,
            dir: dir.to_owned(),
            link: String::new(),
            http: String::new(),
        }
    }

    /// Asks it to stop; it must end well.
    pub(crate) fn stop(mut self) {
        self.ask_to_stop();
        let status = self.wait();
        assert_eq!(status.code(), Some(0), "after SIGTERM:\n{}", log(&self.dir));
    }

    /// Asks it to stop, and does not wait.
    pub(crate) fn ask_to_stop(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Kills it on the spot.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.wait();
    }

    /// A page of the admin port, with its head.
    pub(crate) fn page(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.http).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    /// What the admin socket answers to a command.
    pub(crate) fn admin(&self, words: &str) -> String {
        let mut stream = UnixStream::connect(self.dir.join(DATA).join("admin.sock")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        writeln!(stream, "{words}").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    /// Where another of its links listens.
    pub(crate) fn address(&self, link: &str) -> String {
        word_after(&log(&self.dir), &format!("link {link} on ")).unwrap()
    }

    /// Its resident memory.
    pub(crate) fn resident_bytes(&self) -> u64 {
        resident_bytes(&self.child.id().to_string())
    }

    /// A connection to its link.
    pub(crate) fn connect(&self) -> Link {
        Link::to(&self.link).unwrap()
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            thread::sleep(Duration::from_millis(2));
        }
        panic!("the switch does not end:\n{}", log(&self.dir));
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program with a command, by the configuration of its folder.
pub(crate) fn command(dir: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clubswitch"));
    command
        .args(words)
        .args(["--config", "clubswitch.toml"])
        .current_dir(dir)
        .stdin(Stdio::null());
    command
}

/// The resident memory of a process, `self` or by its number.
pub(crate) fn resident_bytes(process: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = kib.unwrap().trim().trim_end_matches(" kB").parse::<u64>();
    kib.unwrap() << 10
}

fn word_after(text: &str, mark: &str) -> Option<String> {
    let (_, rest) = text.split_once(mark)?;
    let word = rest.split(|c: char| c.is_whitespace() || c == '"').next();
    word.map(str::to_owned)
}

/// What it has logged.
pub(crate) fn log(dir: &Path) -> String {
    fs::read(dir.join(LOG)).map_or(String::new(), |bytes| {
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A connection whose messages have two bytes of length before them.
pub(crate) struct Link {
    stream: TcpStream,
    /// Bytes that came and were not taken yet.
    came: Vec<u8>,
}

impl Link {
    /// Connects.
    pub(crate) fn to(address: &str) -> std::io::Result<Link> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Link {
            stream,
            came: Vec::new(),
        })
    }

    /// Sends bytes as they are.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Tells the other side that nothing more comes.
    pub(crate) fn end(&mut self) {
        // It may have ended first.
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }

    /// The bodies that the next read brings within a time; none where nothing comes.
    pub(crate) fn receive_within(&mut self, most: Duration) -> Vec<Vec<u8>> {
        self.stream.set_read_timeout(Some(most)).unwrap();
        let mut byte = [0];
        let came = !self.came.is_empty() || self.stream.peek(&mut byte).is_ok();
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        if came { self.receive() } else { Vec::new() }
    }

    /// The bodies that the next read brings, at least one; none where the other side has ended.
    pub(crate) fn receive(&mut self) -> Vec<Vec<u8>> {
        let mut bodies = Vec::new();
        let mut bytes = [0; 16 << 10];
        while bodies.is_empty() {
            match self.stream.read(&mut bytes) {
                Ok(0) => break,
                Ok(count) => self.came.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    panic!("no answer within {PATIENCE:?}")
                }
                Err(_) => break,
            }
            let mut at = 0;
            while let Some((head, rest)) = self.came[at..].split_first_chunk::<2>()
                && let Some(body) = rest.get(..usize::from(u16::from_be_bytes(*head)))
            {
                bodies.push(body.to_vec());
                at += 2 + body.len();
            }
            self.came.drain(..at);
        }
        bodies
    }
}

/// Appends a message with its length.
pub(crate) fn put(batch: &mut Vec<u8>, body: &[u8]) {
    let length = u16::try_from(body.len()).expect("a short message");
    batch.extend_from_slice(&length.to_be_bytes());
    batch.extend_from_slice(body);
}

/// The default dialect.
pub(crate) fn dialect() -> Arc<Dialect> {
    Arc::new(bind(&spec::shipped("iso87-ascii").unwrap()).unwrap())
}

/// A terminal in the first shop of the shipped rules.
pub(crate) fn terminal(dialect: &Arc<Dialect>, number: &str) -> Terminal {
    let place = Place {
        acceptor: "m-1001".to_owned(),
        terminal: number.to_owned(),
        acquirer: None,
        points_decimals: 2,
    };
    Terminal::new(Arc::clone(dialect), place, zone())
}

/// The time at its start.
pub(crate) fn now() -> Moment {
    zone().moment(Local::parse(START).unwrap())
}

fn zone() -> Zone {
    Zone::named("Asia/Tehran").unwrap()
}
