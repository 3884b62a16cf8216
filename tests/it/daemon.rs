//! The real binary on free ports: it answers, keeps what it answered over every kind of end, shuts out what is broken,
//! and stands by its data folder and key.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use clubswitch::exchange::terminal::{Enrolment, Place, Sale, Sent, Who};
use clubswitch::exchange::{Receipt, Terminal, bind};
use clubswitch::ledger::Verdict;
use clubswitch::message::Message;
use clubswitch::spec::{self, Spec};
use clubswitch::terms::{Moment, Pan, Rials, Zone};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(20);
/// A moment on a Monday morning of 1405, to which the daemon's clock is set.
const START: &str = "1405/09/02 10:15";

/// A running daemon. Killed when it is dropped.
struct Daemon {
    child: Child,
    link: String,
    http: String,
    lines: Receiver<String>,
}

/// A configuration on free ports, with these keys added to its listener.
fn configure(dir: &Path, listener: &str) {
    configure_at(dir, listener, START);
}

/// The same, with a clock that starts at `start`.
fn configure_at(dir: &Path, listener: &str, start: &str) {
    let text = format!(
        "data = \"data\"\n[[listener]]\nname = \"pos\"\nbind = \"127.0.0.1:0\"\ndialect = \"iso87-ascii\"\n\
         acquirer = \"581672031\"\n{listener}\n[admin]\nhttp = \"127.0.0.1:0\"\n[clock]\nstart = \"{start}\"\n"
    );
    fs::write(dir.join("clubswitch.toml"), text).unwrap();
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clubswitch"));
    command
        .args(["serve", "--config", "clubswitch.toml"])
        .current_dir(dir)
        .env_remove("CLUBSWITCH_LOG")
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Runs a daemon that is expected not to start.
fn refused(dir: &Path) -> Output {
    command(dir).output().unwrap()
}

impl Daemon {
    fn start(dir: &Path) -> Daemon {
        Daemon::run(command(dir))
    }

    fn run(command: Command) -> Daemon {
        Daemon::heard(command, false)
    }

    /// The same; with `deaf`, the reading end of its log is closed when it is ready.
    fn heard(mut command: Command, deaf: bool) -> Daemon {
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (tell, lines) = channel();
        let ear = thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let enough = deaf && line.ends_with(" ready");
                let _ = tell.send(line);
                if enough {
                    break;
                }
            }
        });
        let mut daemon = Daemon {
            child,
            link: String::new(),
            http: String::new(),
            lines,
        };
        let word_after = |line: &str, mark: &str| {
            let (_, rest) = line.split_once(mark)?;
            rest.split_whitespace().next().map(str::to_owned)
        };
        loop {
            let line = daemon.line();
            if let Some(address) = word_after(&line, "link pos on ") {
                daemon.link = address;
            } else if let Some(address) = word_after(&line, "http://") {
                daemon.http = address;
            } else if line.ends_with(" ready") {
                if deaf {
                    ear.join().unwrap();
                }
                return daemon;
            }
        }
    }

    /// The next line of its log.
    fn line(&mut self) -> String {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(_) => panic!("the daemon says nothing more: {:?}", self.child.try_wait()),
        }
    }

    fn connect(&self) -> Wire {
        let stream = TcpStream::connect(&self.link).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Wire { stream }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("the daemon does not end");
    }

    fn stop(mut self) {
        self.signal(Signal::TERM);
        assert_eq!(self.wait().code(), Some(0));
    }

    fn kill(mut self) {
        self.signal(Signal::KILL);
        self.wait();
    }

    /// A page of the admin port: its status line and its body.
    fn page(&self, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.http).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }

    /// A figure of `/metrics`, once it is `wanted`.
    fn await_figure(&self, series: &str, wanted: &str) {
        let end = Instant::now() + PATIENCE;
        let line = format!("{series} {wanted}");
        loop {
            let (_, page) = self.page("/metrics");
            if page.lines().any(|found| found == line) {
                return;
            }
            assert!(Instant::now() < end, "{line} is not in\n{page}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection to the link.
struct Wire {
    stream: TcpStream,
}

impl Wire {
    fn send(&mut self, body: &[u8]) {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        self.stream
            .write_all(&[&length[..], body].concat())
            .unwrap();
    }

    fn receive(&mut self) -> Vec<u8> {
        let mut length = [0; 2];
        self.stream.read_exact(&mut length).unwrap();
        let mut body = vec![0; usize::from(u16::from_be_bytes(length))];
        self.stream.read_exact(&mut body).unwrap();
        body
    }

    fn ask(&mut self, body: &[u8]) -> Vec<u8> {
        self.send(body);
        self.receive()
    }

    fn echo(&mut self) {
        assert_eq!(self.ask(ECHO)[..4], *b"0810");
    }

    /// What still comes before the other side closes.
    fn rest(mut self) -> usize {
        let mut rest = Vec::new();
        // A reset is an end too.
        let _ = self.stream.read_to_end(&mut rest);
        rest.len()
    }
}

const ECHO: &[u8] = b"0800822000000000000004000000000000001124101500000001301";

fn dialect() -> Spec {
    spec::shipped("iso87-ascii").unwrap()
}

fn terminal(number: &str) -> Terminal {
    let place = Place {
        acceptor: "m-1001".to_owned(),
        terminal: number.to_owned(),
        acquirer: None,
        points_decimals: 2,
    };
    let zone = Zone::named("Asia/Tehran").unwrap();
    Terminal::new(Arc::new(bind(&dialect()).unwrap()), place, zone)
}

fn now() -> Moment {
    let local = clubswitch::terms::Local::parse(START).unwrap();
    Zone::named("Asia/Tehran").unwrap().moment(local)
}

fn card() -> Who {
    Who::Card(Pan::new(b"9999120000001234").unwrap())
}

fn purchase(terminal: &mut Terminal, rials: i64) -> Sent {
    let sale = Sale::of(card(), Rials(rials));
    terminal.purchase(&sale, now()).unwrap()
}

fn read(terminal: &Terminal, body: &[u8]) -> Receipt {
    let message = Message::decode(&dialect(), body.to_vec().into()).unwrap();
    terminal.receipt(&message)
}

/// Makes the card a member's.
fn enrol(wire: &mut Wire, terminal: &mut Terminal) {
    let enrolment = Enrolment {
        card: Pan::new(b"9999120000001234"),
        mobile: None,
        national_code: None,
        born: None,
        introducer: None,
        club: Some("golestan".to_owned()),
        staff: None,
    };
    let sent = terminal.enrol(&enrolment, now()).unwrap();
    let answer = wire.ask(&sent.body);
    assert_eq!(read(terminal, &answer).verdict, Some(Verdict::Approved));
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn an_answer_is_kept_over_a_stop_and_over_a_kill() {
    let dir = folder();
    configure(dir.path(), "");
    let mut terminal = terminal("T0000001");
    let daemon = Daemon::start(dir.path());
    let mut wire = daemon.connect();
    wire.echo();
    enrol(&mut wire, &mut terminal);
    let first = purchase(&mut terminal, 2_755_555);
    let told = wire.ask(&first.body);
    let receipt = read(&terminal, &told);
    assert!(receipt.is_approved(), "{}", receipt.code);
    assert!(receipt.discount.is_some_and(|rials| rials.0 > 0));
    assert_eq!(wire.ask(&first.body), told, "a repeat");
    daemon.stop();

    let daemon = Daemon::start(dir.path());
    let mut wire = daemon.connect();
    assert_eq!(wire.ask(&first.body), told, "a repeat after a stop");
    let second = purchase(&mut terminal, 100_000);
    let told_second = wire.ask(&second.body);
    daemon.kill();

    let daemon = Daemon::start(dir.path());
    let mut wire = daemon.connect();
    assert_eq!(wire.ask(&second.body), told_second, "a repeat after a kill");
    assert_eq!(wire.ask(&first.body), told);
    daemon.await_figure("clubswitch_ledger_imbalance", "0");
    daemon.await_figure("clubswitch_ledger_members", "1");
    daemon.await_figure(
        "clubswitch_duplicates_total{link=\"pos\",kind=\"replay\"}",
        "2",
    );
    daemon.stop();
}

#[test]
fn what_was_accepted_before_the_signal_is_answered() {
    let dir = folder();
    configure(dir.path(), "max_in_flight = 1000");
    let mut terminal = terminal("T0000001");
    let daemon = Daemon::start(dir.path());
    let mut wire = daemon.connect();
    enrol(&mut wire, &mut terminal);
    let sent: Vec<Sent> = (1..=300)
        .map(|n| purchase(&mut terminal, 10_000 * n))
        .collect();
    for one in &sent {
        wire.send(&one.body);
    }
    // The first answer shows that the switch has begun with them.
    let mut answered = vec![wire.receive()];
    daemon.signal(Signal::TERM);
    let mut length = [0; 2];
    while wire.stream.read_exact(&mut length).is_ok() {
        let mut body = vec![0; usize::from(u16::from_be_bytes(length))];
        wire.stream.read_exact(&mut body).unwrap();
        answered.push(body);
    }
    let mut daemon = daemon;
    assert_eq!(daemon.wait().code(), Some(0));

    let daemon = Daemon::start(dir.path());
    let mut wire = daemon.connect();
    for answer in &answered {
        let stan = read(&terminal, answer).stan;
        let one = sent.iter().find(|one| Some(one.stan) == stan).unwrap();
        assert_eq!(&wire.ask(&one.body), answer);
    }
    daemon.stop();
}

#[test]
fn a_broken_connection_ends_and_the_one_beside_it_notices_nothing() {
    let dir = folder();
    configure(dir.path(), "partial_frame_timeout = \"500ms\"");
    let daemon = Daemon::start(dir.path());
    let mut healthy = daemon.connect();
    healthy.echo();

    // A length over the limit.
    let mut lying = daemon.connect();
    lying.stream.write_all(b"\xff\xff0200").unwrap();
    assert_eq!(lying.rest(), 0);
    healthy.echo();

    // A frame that never ends.
    let mut endless = daemon.connect();
    endless.stream.write_all(b"\x01\x000200").unwrap();
    assert_eq!(endless.rest(), 0);
    healthy.echo();

    // A frame that trickles, a byte now and then.
    let mut trickling = daemon.connect();
    let began = Instant::now();
    let mut bytes = [b"\x00\x40", ECHO].concat().into_iter();
    while began.elapsed() < Duration::from_secs(5)
        && trickling.stream.write_all(&[bytes.next().unwrap()]).is_ok()
    {
        thread::sleep(Duration::from_millis(100));
    }
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "it went on trickling"
    );
    healthy.echo();

    // Bodies that are no message: the link stays, and goes on.
    let mut garbage = daemon.connect();
    garbage.send(b"this is no message at all");
    garbage.send(&[0xff; 300]);
    garbage.send(b"0210822000000000000004000000000000001124101500000001301");
    garbage.echo();

    // A keep-alive comes back.
    garbage.stream.write_all(b"\x00\x00").unwrap();
    assert_eq!(garbage.receive(), b"");

    daemon.await_figure(
        "clubswitch_frames_rejected_total{link=\"pos\",reason=\"too-long\"}",
        "1",
    );
    daemon.await_figure(
        "clubswitch_frames_rejected_total{link=\"pos\",reason=\"partial-frame-timeout\"}",
        "2",
    );
    daemon.await_figure(
        "clubswitch_frames_rejected_total{link=\"pos\",reason=\"unreadable\"}",
        "2",
    );
    daemon.stop();
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let dir = folder();
    configure(dir.path(), "");
    let daemon = Daemon::heard(command(dir.path()), true);
    let every_thread = 2 * thread::available_parallelism().unwrap().get();
    for _ in 0..every_thread {
        let mut bad = daemon.connect();
        bad.stream.write_all(&[0xff, 0xff]).unwrap();
        assert_eq!(bad.rest(), 0);
    }
    for _ in 0..every_thread {
        daemon.connect().echo();
    }
    daemon.stop();
}

#[test]
fn silence_and_crowds_have_limits() {
    let dir = folder();
    configure(dir.path(), "idle_timeout = \"300ms\"\nmax_connections = 2");
    let daemon = Daemon::start(dir.path());
    let (mut one, mut two) = (daemon.connect(), daemon.connect());
    one.echo();
    two.echo();
    assert_eq!(daemon.connect().rest(), 0, "one too many");
    two.echo();
    assert_eq!(one.rest(), 0, "idle");
    drop(two);
    let end = Instant::now() + PATIENCE;
    loop {
        let mut again = daemon.connect();
        again.stream.write_all(&[&[0, 55], ECHO].concat()).unwrap();
        if again.rest() > 0 {
            break;
        }
        assert!(Instant::now() < end, "the place was not given back");
    }
    daemon.stop();
}

#[test]
fn a_crowd_leaves_descriptors_to_the_journal() {
    let dir = folder();
    configure(dir.path(), "max_connections = 10000");
    let mut limited = Command::new("sh");
    limited
        .args([
            "-c",
            "ulimit -n 400; exec \"$0\" serve --config clubswitch.toml",
        ])
        .arg(env!("CARGO_BIN_EXE_clubswitch"))
        .current_dir(dir.path())
        .env_remove("CLUBSWITCH_LOG")
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    let mut daemon = Daemon::run(limited);
    let mut first = daemon.connect();
    first.echo();
    let crowd: Vec<Wire> = (0..272).map(|_| daemon.connect()).collect();
    while !daemon.line().contains("the journal needs the rest") {}
    first.echo();
    drop(crowd);
    daemon.stop();
}

#[test]
fn health_metrics_and_version_are_served() {
    let dir = folder();
    configure(dir.path(), "");
    let daemon = Daemon::start(dir.path());
    let (status, body) = daemon.page("/readyz");
    assert_eq!(status, "HTTP/1.1 200 OK", "{body}");
    let ready: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(ready["ready"], Value::Bool(true));
    assert_ne!(
        ready["clock"]["set_ahead_s"],
        Value::from(0),
        "the clock is set"
    );
    assert_eq!(daemon.page("/livez").0, "HTTP/1.1 200 OK");
    assert!(
        daemon
            .page("/version")
            .1
            .contains(env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(daemon.page("/nothing").0, "HTTP/1.1 404 Not Found");

    let mut terminal = terminal("T0000001");
    let mut wire = daemon.connect();
    wire.echo();
    let sent = purchase(&mut terminal, 50_000);
    wire.ask(&sent.body);
    let series = "clubswitch_requests_total{link=\"pos\",mti_class=\"financial\",function=\"purchase\",outcome=\"approved\"}";
    daemon.await_figure(series, "1");
    daemon.await_figure("clubswitch_connections{link=\"pos\",state=\"open\"}", "1");
    daemon.await_figure("clubswitch_inflight_requests{link=\"pos\"}", "0");
    let (_, page) = daemon.page("/metrics");
    for label in [
        "pan=",
        "member=",
        "terminal=",
        "acceptor=",
        "rrn=",
        "stan=",
        "9999120000001234",
    ] {
        assert!(!page.contains(label), "{label}");
    }
    daemon.stop();
}

#[test]
fn the_admin_socket_answers_its_owner() {
    use std::os::unix::fs::PermissionsExt;
    let dir = folder();
    configure(dir.path(), "");
    let daemon = Daemon::start(dir.path());
    let path = dir.path().join("data/admin.sock");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let stream = UnixStream::connect(&path).unwrap();
    let ask = |line: &str| {
        (&stream).write_all(line.as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(&stream).read_line(&mut answer).unwrap();
        serde_json::from_str::<Value>(&answer).unwrap()
    };
    let status = ask("{\"command\": \"status\"}\n");
    assert_eq!(status["result"]["running"], Value::Bool(true), "{status}");
    assert_eq!(status["result"]["imbalance"], Value::from(0));
    assert!(
        ask("{\"command\": \"fly\"}\n")["error"]
            .as_str()
            .unwrap()
            .contains("status")
    );
    assert!(ask("no json\n")["error"].is_string());
    daemon.stop();
    assert!(!path.exists());
}

fn check_refused(dir: &Path, status: i32, wanted: &str) {
    let output = refused(dir);
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(status), "{log}");
    assert!(log.contains(wanted), "{wanted:?} is not in\n{log}");
}

#[test]
fn a_data_folder_belongs_to_one_switch_and_one_key() {
    let dir = folder();
    configure(dir.path(), "");
    let daemon = Daemon::start(dir.path());
    check_refused(
        dir.path(),
        74,
        &format!("in use by process {}", daemon.child.id()),
    );
    daemon.stop();

    // Another key: refused, with both check values.
    let key = dir.path().join("data/token.key");
    let right = fs::read(&key).unwrap();
    let check = fs::read_to_string(dir.path().join("data/token-key.check")).unwrap();
    fs::write(&key, "ab".repeat(32)).unwrap();
    check_refused(
        dir.path(),
        2,
        &format!("this data was made with {}", check.trim()),
    );
    // Without the file that keeps the check value, the snapshot still knows it.
    fs::remove_file(dir.path().join("data/token-key.check")).unwrap();
    check_refused(dir.path(), 2, "this data was made with");
    fs::write(dir.path().join("data/token-key.check"), &check).unwrap();
    // No key at all: never a new one.
    fs::remove_file(&key).unwrap();
    check_refused(dir.path(), 2, "not found");
    assert!(!key.exists());
    fs::write(&key, right).unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    check_refused(dir.path(), 2, "chmod 600");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    Daemon::start(dir.path()).stop();
}

#[test]
fn a_start_waits_for_the_one_before_to_end() {
    let dir = folder();
    configure(dir.path(), "");
    let mut before = Daemon::start(dir.path());
    before.signal(Signal::TERM);
    let after = Daemon::start(dir.path());
    assert_eq!(before.wait().code(), Some(0));
    after.connect().echo();
    after.stop();
}

#[test]
fn what_is_kept_is_not_for_everybody() {
    use std::os::unix::fs::PermissionsExt;
    let dir = folder();
    configure(dir.path(), "");
    Daemon::start(dir.path()).stop();
    let data = dir.path().join("data");
    let segments = fs::read_dir(data.join("journal")).unwrap();
    let beside = ["FORMAT", "lock", "token-key.check"].map(|name| data.join(name));
    let books = ["book.0", "book.1"].map(|name| data.join(name));
    for path in segments
        .map(|entry| entry.unwrap().path())
        .chain(beside)
        .chain(books.into_iter().filter(|book| book.exists()))
    {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o137, 0, "{}", path.display());
    }
}

#[test]
fn a_folder_that_is_not_ours_is_left_alone() {
    let dir = folder();
    configure(dir.path(), "");
    fs::create_dir(dir.path().join("data")).unwrap();
    fs::write(dir.path().join("data/holiday.jpg"), "x").unwrap();
    check_refused(dir.path(), 2, "not a data folder of clubswitch");
    let left: Vec<_> = fs::read_dir(dir.path().join("data")).unwrap().collect();
    assert_eq!(left.len(), 1);
}

#[test]
fn the_clock_turns_the_business_day() {
    let dir = folder();
    configure_at(dir.path(), "", "1405/09/02 23:59:27");
    let daemon = Daemon::start(dir.path());
    let mut wire = daemon.connect();
    let sent = purchase(&mut terminal("T0000001"), 50_000);
    wire.ask(&sent.body);
    daemon.await_figure("clubswitch_business_day_info{date=\"1405/09/02\"}", "1");
    // The calendar's cut-over is at 23:59:30.
    daemon.await_figure("clubswitch_business_day_info{date=\"1405/09/03\"}", "1");
    daemon.await_figure("clubswitch_business_day_info{date=\"1405/09/02\"}", "0");
    daemon.stop();
}

#[test]
fn systemd_is_told() {
    let dir = folder();
    configure(dir.path(), "");
    let path = dir.path().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = command(dir.path());
    command
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "30000000");
    let daemon = Daemon::run(command);
    let await_word = |word: &str| {
        let mut told = [0; 256];
        loop {
            let count = socket.recv(&mut told).unwrap();
            let text = String::from_utf8_lossy(&told[..count]);
            if text.lines().any(|line| line == word) {
                return;
            }
        }
    };
    await_word("READY=1");
    await_word("WATCHDOG=1");
    daemon.signal(Signal::TERM);
    await_word("STOPPING=1");
    let mut daemon = daemon;
    assert_eq!(daemon.wait().code(), Some(0));
}

#[test]
fn a_taken_port_and_a_faulty_rule_file_are_told_and_nothing_starts() {
    let dir = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    configure(dir.path(), "");
    let path = dir.path().join("clubswitch.toml");
    let text = fs::read_to_string(&path).unwrap();
    let bind = format!("name = \"pos\"\nbind = \"127.0.0.1:{port}\"");
    let taken_text = text.replace("name = \"pos\"\nbind = \"127.0.0.1:0\"", &bind);
    fs::write(&path, taken_text).unwrap();
    check_refused(
        dir.path(),
        74,
        &format!("listen on 127.0.0.1:{port} for link pos"),
    );

    fs::create_dir_all(dir.path().join("rules/world")).unwrap();
    fs::write(
        dir.path().join("rules/world/w.toml"),
        "format = 1\nshops = 3\n",
    )
    .unwrap();
    fs::write(&path, format!("rules = \"rules\"\n{text}")).unwrap();
    check_refused(dir.path(), 2, "world/w.toml:2:1");
}
