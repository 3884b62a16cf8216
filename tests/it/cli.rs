//! The command line as its users meet it: the real binary, its words, its exit statuses; `pos`, `settle` and `ledger`
//! beside a running daemon and without one; a small demo.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use clubswitch::message::{MessageBuilder, Mti};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);
const CARD: &str = "9999120000001234";

/// A shop with a switch of its own: a folder, a configuration, a daemon that may run or not.
pub(crate) struct House {
    pub(crate) dir: TempDir,
    daemon: Option<Child>,
    /// Its links: dialect, framing and, once it runs, address.
    links: Vec<(&'static str, &'static str, String)>,
    /// The one that its terminal is at.
    at: usize,
}

impl House {
    /// A configuration whose clock starts at the worked example's moment. Nothing runs yet.
    pub(crate) fn new() -> House {
        House::with_links(&[("iso87-ascii", "len2-be")])
    }

    /// The same with a link for each of these dialects and framings, where none is named that of the dialect; its
    /// terminal is at the first.
    pub(crate) fn with_links(links: &[(&'static str, &'static str)]) -> House {
        let dir = tempfile::tempdir().unwrap();
        let mut text = "data = \"var\"\n[admin]\nhttp = \"127.0.0.1:0\"\n[clock]\nstart = \"1405/09/02 10:15\"\n".to_owned();
        for (at, (dialect, framing)) in links.iter().enumerate() {
            text.push_str(&format!(
                "[[listener]]\nname = \"pos-{at}\"\nbind = \"127.0.0.1:0\"\n\
                 dialect = \"{dialect}\"\nacquirer = \"581672031\"\n"
            ));
            if !framing.is_empty() {
                text.push_str(&format!("framing = \"{framing}\"\n"));
            }
        }
        fs::write(dir.path().join("clubswitch.toml"), text).unwrap();
        let links = links
            .iter()
            .map(|(dialect, framing)| (*dialect, *framing, String::new()));
        House {
            dir,
            daemon: None,
            links: links.collect(),
            at: 0,
        }
    }

    /// Its terminal goes to another link.
    pub(crate) fn terminal_at(&mut self, link: usize) {
        self.at = link;
    }

    /// Starts the daemon and waits until it listens.
    pub(crate) fn start(&mut self) {
        let log = self.dir.path().join("log");
        let to = fs::File::create(&log).unwrap();
        let mut command = program(self.dir.path());
        command.args(["serve", "--config", "clubswitch.toml"]);
        let mut child = command.stdout(Stdio::null()).stderr(to).spawn().unwrap();
        let until = Instant::now() + PATIENCE;
        loop {
            let text = fs::read_to_string(&log).unwrap();
            if text.contains(" ready") {
                for (at, (_, _, address)) in self.links.iter_mut().enumerate() {
                    let after = text.split(&format!(" link pos-{at} on ")).nth(1).unwrap();
                    after.split_whitespace().next().unwrap().clone_into(address);
                }
                break;
            }
            let ended = child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < until,
                "{ended:?}\n{text}"
            );
            thread::sleep(Duration::from_millis(10));
        }
        self.daemon = Some(child);
    }

    /// Puts this at the head of the configuration.
    pub(crate) fn configure(&self, keys: &str) {
        let path = self.dir.path().join("clubswitch.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{keys}{text}")).unwrap();
    }

    /// Puts this into the configuration of one of its links.
    pub(crate) fn configure_link(&self, link: usize, keys: &str) {
        let path = self.dir.path().join("clubswitch.toml");
        let text = fs::read_to_string(&path).unwrap();
        let name = format!("name = \"pos-{link}\"\n");
        assert!(text.contains(&name));
        fs::write(&path, text.replace(&name, &format!("{name}{keys}"))).unwrap();
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        let mut child = self.daemon.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGTERM; it must exit 0.
    pub(crate) fn stop(&mut self) {
        let mut child = self.daemon.take().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        assert!(child.wait().unwrap().success());
    }

    /// Its process, for signals.
    pub(crate) fn process(&self) -> Pid {
        Pid::from_child(self.daemon.as_ref().unwrap())
    }

    /// A command with this house's configuration.
    pub(crate) fn office(&self, words: &[&str]) -> Output {
        let mut all = words.to_vec();
        all.extend(["--config", "clubswitch.toml"]);
        run(self.dir.path(), &all)
    }

    /// The same, which must go well, as JSON.
    pub(crate) fn office_json(&self, words: &[&str]) -> Value {
        let mut all = words.to_vec();
        all.push("--json");
        parsed(&self.office(&all), 0)
    }

    /// A terminal whose clock shows the worked example's moment.
    pub(crate) fn pos(&self, words: &[&str]) -> Output {
        let (dialect, framing, address) = &self.links[self.at];
        let mut all = vec!["pos", "--connect", address, "--at", "1405/09/02 10:15"];
        all.extend(["--dialect", dialect]);
        if !framing.is_empty() {
            all.extend(["--framing", framing]);
        }
        all.extend(words);
        run(self.dir.path(), &all)
    }

    /// The same as JSON, with the exit status it must have.
    pub(crate) fn pos_json(&self, words: &[&str], status: i32) -> Value {
        let mut all = words.to_vec();
        all.push("--json");
        parsed(&self.pos(&all), status)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(child) = &mut self.daemon {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn program(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clubswitch"));
    command
        .current_dir(dir)
        .stdin(Stdio::null())
        .env_remove("CLUBSWITCH_LOG")
        .env("LC_ALL", "C");
    command
}

fn run(dir: &Path, words: &[&str]) -> Output {
    program(dir).args(words).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn parsed(output: &Output, status: i32) -> Value {
    assert_eq!(
        output.status.code(),
        Some(status),
        "{}\n{}",
        out(output),
        err(output)
    );
    serde_json::from_str(&out(output)).unwrap()
}

pub(crate) fn fixture(name: &str) -> String {
    format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The exit status of a command in an empty folder, and that its faults say this.
fn check(words: &[&str], status: i32, says: &str) {
    let dir = tempfile::tempdir().unwrap();
    let output = run(dir.path(), words);
    let told = format!("{}{}", out(&output), err(&output));
    assert_eq!(output.status.code(), Some(status), "{words:?}\n{told}");
    assert!(told.contains(says), "{words:?}: {says:?} wanted in\n{told}");
    // The help's examples name the invented card.
    let help = words.contains(&"--help");
    assert!(help || !told.contains(CARD), "{told}");
    assert!(!told.contains('\u{1b}'), "{told}");
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
    assert!(left.is_empty(), "{words:?} left {left:?}");
}

#[test]
fn every_command_teaches() {
    for command in [
        "serve", "check", "describe", "encode", "pos", "settle", "ledger", "explain", "rules",
        "demo",
    ] {
        check(&[command, "--help"], 0, "Examples:");
        check(&[command, "--help"], 0, "Exit status:");
        check(&["--help"], 0, &format!("\n  {command} "));
    }
}

#[test]
fn a_fault_in_a_command_is_2_and_shows_no_card() {
    let purchase = |more: &[&'static str]| -> Vec<&str> {
        [&["pos", "purchase", "--card", CARD], more].concat()
    };
    check(&purchase(&[]), 2, "--amount");
    check(&purchase(&["--amount", "12.5"]), 2, "whole rials wanted");
    check(
        &purchase(&["--amount", "5", "--redeem", "all"]),
        2,
        "or max",
    );
    check(
        &purchase(&["--amount", "5", "--framing", "len9"]),
        2,
        "len2-be",
    );
    check(
        &purchase(&["--amount", "5", "--dialect", "iso87-asci"]),
        2,
        "did you mean",
    );
    check(
        &purchase(&["--amount", "5", "--mobile", "09120000001"]),
        2,
        "cannot be used with",
    );
    check(
        &[
            "pos",
            "purchase",
            "--amount",
            "5",
            "--card",
            "9999120000001234x",
        ],
        2,
        "8 to 19 digits",
    );
    check(&["pos", "reverse"], 2, "--stan");
    check(&["pos", "enrol"], 2, "--card");
    check(&["settle"], 2, "--day");
    check(&["settle", "--day", "1405-09-02"], 2, "such as 1405/08/30");
    check(&["settle", "--day", "today"], 2, "there is no data in");
    check(&["ledger", "verify"], 2, "there is no data in");
    check(&["ledger", "open", "nothing.toml"], 2, "cannot be read");
    check(&["demo", "--purchases", "0"], 2, "--purchases");
    check(&["sell"], 2, "unrecognized subcommand");
}

#[test]
fn nobody_there_is_3() {
    check(
        &["pos", "echo", "--connect", "127.0.0.1:1"],
        3,
        "clubswitch serve",
    );
}

#[test]
fn a_terminal_in_the_shell_does_what_terminals_do() {
    let mut house = House::new();
    house.start();
    assert!(out(&house.pos(&["echo"])).starts_with("Line test: Approved"));
    assert!(house.pos(&["sign-on"]).status.success());
    let enrolled = house.pos_json(&["enrol", "--card", CARD, "--mobile", "09120000001"], 0);
    assert_eq!(enrolled["member"], "1");
    let known = house.pos_json(&["enrol", "--card", CARD], 1);
    assert_eq!(
        (&known["code"], &known["member"]),
        (&Value::from("26"), &Value::from("1"))
    );

    let sale = [
        "purchase",
        "--card",
        CARD,
        "--amount",
        "1_000_000",
        "--stan",
        "7",
    ];
    let sold = house.pos_json(&sale, 0);
    assert_eq!(
        (&sold["discount"], &sold["pays"]),
        (&Value::from(50_000), &Value::from(950_000))
    );
    assert_eq!(
        house.pos_json(&sale, 0),
        sold,
        "the same message gets the same answer"
    );
    let mut again = sale.to_vec();
    again.push("--repeat");
    let repeated = house.pos_json(&again, 0);
    assert_eq!(
        (&repeated["mti"], &repeated["rrn"]),
        (&Value::from("0201"), &sold["rrn"])
    );
    let mut other = sale.to_vec();
    other[4] = "1_000_001";
    assert_eq!(house.pos_json(&other, 1)["code"], "94");

    let balance = house.pos_json(&["balance", "--mobile", "09120000001"], 0);
    assert_eq!(balance["balances"]["club-credit"], "9500");
    let persian = out(&house.pos(&["balance", "--member", "1", "--lang", "fa"]));
    assert!(
        persian.contains("۹٬۵۰۰") && !persian.contains("9,500"),
        "{persian}"
    );
    let quote = house.pos_json(
        &[
            "quote", "--card", CARD, "--amount", "200000", "--redeem", "max",
        ],
        0,
    );
    assert_eq!(
        quote["redeemed"],
        serde_json::json!({}),
        "9,500 is less than may be redeemed"
    );
    assert_eq!(quote["pays"], 190_000);
    let short = house.pos(&[
        "purchase", "--card", CARD, "--amount", "900000", "--redeem", "60000",
    ]);
    assert_eq!(short.status.code(), Some(1));
    assert!(
        err(&short).contains("answer 51: Not enough in the purse"),
        "{}",
        err(&short)
    );
    assert!(out(&short).contains("**** 1234") && !out(&short).contains(CARD));
    let told = [
        "advice", "--card", CARD, "--amount", "300000", "--stan", "9",
    ];
    assert!(house.pos(&told).status.success());
    house.stop();
}

#[test]
fn a_purchase_is_undone_by_its_receipt_its_trace_or_its_reference() {
    let mut house = House::new();
    house.start();
    let sell = |stan: &str| {
        let sale = [
            "purchase", "--card", CARD, "--amount", "70000", "--stan", stan,
        ];
        house.pos_json(&sale, 0)
    };
    let (first, second, third) = (sell("1"), sell("2"), sell("3"));
    let receipt = house.dir.path().join("sold.json");
    fs::write(&receipt, first.to_string()).unwrap();
    let undone = |words: &[&str]| house.pos(&[&["reverse"], words].concat()).status.code();
    assert_eq!(undone(&["--from", "sold.json"]), Some(0));
    let time = second["time"].as_str().unwrap();
    assert_eq!(
        undone(&["--stan", "2", "--time", time, "--amount", "70000"]),
        Some(0)
    );
    assert_eq!(undone(&["--rrn", third["rrn"].as_str().unwrap()]), Some(0));
    assert_eq!(undone(&["--stan", "99", "--time", time]), Some(1));
    assert_eq!(undone(&["--stan", "98", "--time", time, "--told"]), Some(0));
    let accounts = house.office_json(&["ledger", "balance", "--shop", "m-1001"]);
    for account in accounts["accounts"].as_array().unwrap() {
        assert_eq!(account["balance"], 0, "{account}");
    }
    let settled = house.office_json(&["settle", "--day", "today"]);
    assert_eq!(settled["manifest"]["totals"]["reversals"], 3);
    house.stop();
}

#[test]
fn the_office_works_beside_the_daemon_and_without_it() {
    let mut house = House::new();
    // A migration may begin before the switch has ever run.
    let opened = house.office(&["ledger", "open", &fixture("openings/worked-example.toml")]);
    assert!(opened.status.success(), "{}", err(&opened));
    house.start();
    for stan in ["1", "2", "3"] {
        let sale = [
            "purchase", "--card", CARD, "--amount", "500000", "--stan", stan,
        ];
        house.pos_json(&sale, 0);
    }
    let running = house.office_json(&["ledger", "verify"]);
    let provisional = house.office_json(&["settle", "--day", "today"]);
    assert_eq!(provisional["manifest"]["provisional"], true);
    let closed = house.office_json(&["settle", "--day", "today", "--close", "--out", "files"]);
    let manifest = closed["manifest"].clone();
    assert_eq!(
        (&manifest["provisional"], &manifest["business_day"]),
        (&false.into(), &"1405/09/02".into())
    );
    assert!(house.dir.path().join("files/1405-09-02/MANIFEST").exists());
    let member = house.office_json(&["ledger", "balance", "--card", CARD]);
    let purchase = house.office_json(&["ledger", "entry", "4"]);
    house.stop();

    let stopped = house.office_json(&["ledger", "verify"]);
    for verified in [&running, &stopped] {
        assert_eq!(verified["whole"], true, "{verified}");
        assert_eq!(verified["chain"]["state"], "whole");
        let sums = verified["sums"].as_object().unwrap();
        assert_eq!(sums.keys().collect::<Vec<_>>(), ["rial", "golestan/points"]);
        assert!(sums.values().all(|sum| *sum == 0));
    }
    assert_eq!(stopped["book"]["compared"], "every byte");
    assert_eq!(
        stopped["entries"].as_u64(),
        running["entries"].as_u64().map(|n| n + 1)
    );
    let again = house.office_json(&["settle", "--day", "1405/09/02", "--out", "files"]);
    assert_eq!(
        (&again["published"], &again["manifest"]),
        (&"same".into(), &manifest)
    );
    assert_eq!(
        house.office_json(&["ledger", "balance", "--card", CARD]),
        member
    );
    assert_eq!(house.office_json(&["ledger", "entry", "4"]), purchase);
    let told = out(&house.office(&["ledger", "entry", "4"]));
    assert!(
        told.contains("card-paid") && told.contains("****1234") && !told.contains(CARD),
        "{told}"
    );
    let rrn = purchase["told"]["rrn"].as_str().unwrap();
    assert_eq!(house.office_json(&["ledger", "entry", rrn]), purchase);
    assert_eq!(
        house.office(&["ledger", "entry", "9999"]).status.code(),
        Some(1)
    );
    assert_eq!(
        house
            .office(&["ledger", "balance", "--member", "9"])
            .status
            .code(),
        Some(1)
    );
    assert_eq!(
        house
            .office(&["settle", "--day", "1405/12/01"])
            .status
            .code(),
        Some(1)
    );
    assert_eq!(
        house
            .office(&["settle", "--day", "1405/09/01"])
            .status
            .code(),
        Some(1),
        "the switch began on the second"
    );
}

#[test]
fn a_broken_opening_file_tells_all_its_faults_and_books_nothing() {
    let mut house = House::new();
    house.start();
    let good = fs::read_to_string(fixture("openings/worked-example.toml")).unwrap();
    let bad = good
        .replace("\"silver\"", "\"slver\"")
        .replace("\"830.50\"", "\"830.505\"");
    let bad =
        format!("{bad}\n[[member]]\nclub = \"golestan\"\ncard = \"{CARD}1\"\ntier = 3 # {CARD}\n");
    fs::write(house.dir.path().join("bad.toml"), bad).unwrap();
    let before = house.office_json(&["ledger", "verify"])["entries"].clone();
    let output = house.office(&["ledger", "open", "bad.toml"]);
    let told = err(&output);
    assert_eq!(output.status.code(), Some(2), "{told}");
    for wanted in [
        "bad.toml:",
        "did you mean \"silver\"?",
        "2 decimals",
        "3 faults; nothing was booked",
    ] {
        assert!(told.contains(wanted), "{wanted:?} wanted in\n{told}");
    }
    assert!(!told.contains(CARD) && !told.contains('\u{1b}'), "{told}");
    assert_eq!(house.office_json(&["ledger", "verify"])["entries"], before);

    let file = fixture("openings/worked-example.toml");
    assert!(house.office(&["ledger", "open", &file]).status.success());
    let twice = house.office(&["ledger", "open", &file]);
    assert_eq!(twice.status.code(), Some(2));
    assert!(err(&twice).contains("booked already"), "{}", err(&twice));
    house.stop();
}

#[test]
fn a_damaged_journal_is_told_with_status_1() {
    let mut house = House::new();
    house.start();
    for stan in ["1", "2", "3"] {
        house.pos_json(
            &[
                "purchase", "--card", CARD, "--amount", "500000", "--stan", stan,
            ],
            0,
        );
    }
    house.stop();
    let journal = house.dir.path().join("var/journal");
    let mut segments: Vec<_> = fs::read_dir(journal)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    segments.sort();
    let mut bytes = fs::read(&segments[0]).unwrap();
    let card = bytes
        .windows(4)
        .position(|four| four == b"1234")
        .expect("an entry keeps the last four");
    bytes[card] ^= 1;
    fs::write(&segments[0], bytes).unwrap();
    let output = house.office(&["ledger", "verify", "--json"]);
    let told = parsed(&output, 1);
    assert_eq!(told["whole"], false);
    let faults = told["faults"].to_string();
    assert!(faults.contains("damaged at byte"), "{faults}");
}

#[test]
fn a_small_demo_adds_up() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(dir.path(), &["demo", "--purchases", "400", "--keep", "day"]);
    let told = out(&output);
    assert_eq!(output.status.code(), Some(0), "{told}\n{}", err(&output));
    for wanted in [
        "every rial and point adds up",
        "Purchase: ",
        "Reversal: Approved",
        "paid by bank cards",
    ] {
        assert!(told.contains(wanted), "{wanted:?} wanted in\n{told}");
    }
    assert!(err(&output).contains("SIGKILL after"), "{}", err(&output));
    assert!(
        !told.contains("DIFFERS") && !told.contains('\u{1b}'),
        "{told}"
    );
    assert!(
        dir.path()
            .join("day/var/settlement/1405-09-02/MANIFEST")
            .exists()
    );
    let again = run(dir.path(), &["demo", "--keep", "day"]);
    assert_eq!(again.status.code(), Some(2), "{}", err(&again));
}

#[test]
fn a_folder_of_rules_is_checked_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let status = |words: &[&str]| {
        let output = run(dir.path(), words);
        (output.status.code(), out(&output), err(&output))
    };
    let good = fixture("rules-good");
    let told = status(&["rules", "check", &good]);
    assert_eq!(
        told,
        (
            Some(0),
            "no fault: rules of 1 club\n".to_owned(),
            String::new()
        )
    );
    let world = fs::read_to_string(format!("{good}/world/shared.toml")).unwrap();
    fs::create_dir_all(dir.path().join("bad/world")).unwrap();
    fs::write(
        dir.path().join("bad/world/shared.toml"),
        format!("{world}\n[persn.x]\n"),
    )
    .unwrap();
    let (code, told, words) = status(&["rules", "check", "bad"]);
    assert_eq!((code, &*told), (Some(2), ""));
    assert!(
        words.contains("--> world/shared.toml:36:2") && words.contains("did you mean \"person\"?"),
        "{words}"
    );
    let (code, told, _) = status(&["rules", "check", "bad", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(code, Some(2));
    assert_eq!(
        (&told["errors"], &told["faults"][0]["line"]),
        (&1.into(), &36.into())
    );
    let persian = |words: &str| words.contains("منظورتان «person» است؟") && words.contains("1 خطا");
    let (code, _, words) = status(&["rules", "check", "bad", "--lang", "fa"]);
    assert!(code == Some(2) && persian(&words), "{words}");
    let mut set = program(dir.path());
    set.args(["rules", "check", "bad"]).env_remove("LC_ALL");
    assert!(persian(&err(&set
        .env("LANG", "fa_IR.UTF-8")
        .output()
        .unwrap())));
    // A note is an error only to who asks.
    let split = "[[split]]\nname = \"x\"\npart = [{ to = \"merchant\", rest = true }]\n";
    for folder in ["world", "clubs"] {
        fs::create_dir_all(dir.path().join("noted").join(folder)).unwrap();
    }
    fs::write(dir.path().join("noted/world/shared.toml"), &world).unwrap();
    let club = fs::read_to_string(format!("{good}/clubs/tulip.toml")).unwrap();
    fs::write(
        dir.path().join("noted/clubs/tulip.toml"),
        format!("{club}\n{split}"),
    )
    .unwrap();
    assert_eq!(status(&["rules", "check", "noted"]).0, Some(0));
    assert_eq!(status(&["rules", "check", "noted", "--strict"]).0, Some(1));
}

#[test]
fn a_dialect_of_files_is_refused_on_a_link_by_check() {
    let dir = tempfile::tempdir().unwrap();
    let conf = include_str!("../../conf/clubswitch.toml");
    let conf = conf.replace("\"iso87-ascii\"", "\"mastercard-ipm\"");
    fs::write(dir.path().join("files.toml"), conf).unwrap();
    let output = run(dir.path(), &["check", "--config", "files.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let told = err(&output);
    assert!(
        told.contains("is for describing messages, not for a link"),
        "{told}"
    );
}

#[test]
fn a_clearing_file_is_read_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let spec = clubswitch::spec::shipped("mastercard-ipm").unwrap();
    let mut file = Vec::new();
    for number in ["00000001", "00000002"] {
        let mut builder = MessageBuilder::new(&spec, Mti(0x1240));
        builder.set(24, "200").set(71, number);
        let mut body = BytesMut::new();
        builder.encode(&mut body).unwrap();
        file.extend((body.len() as u32).to_be_bytes());
        file.extend(body);
    }
    file.extend([0; 4]);
    let described = |bytes: &[u8], blocked: bool| {
        fs::write(dir.path().join("file.ipm"), bytes).unwrap();
        let mut args = vec!["describe", "--dialect", "mastercard-ipm", "--framing"];
        args.extend(["len4-be", "--input", "binary", "--json", "file.ipm"]);
        args.extend(blocked.then_some("--blocked"));
        let output = run(dir.path(), &args);
        let read = out(&output).lines().count();
        (output.status.code(), read, err(&output))
    };
    assert_eq!(described(&file, false), (Some(0), 2, String::new()));
    let mut block = file.clone();
    block.resize(1014, 0x40);
    assert_eq!(described(&block, true), (Some(0), 2, String::new()));
    // Cut in two, something behind the end, a message that is not whole.
    let cut = described(&block[..1000], true);
    assert!(cut.2.contains("whole blocks of 1014 bytes"), "{cut:?}");
    let more = described(&[&file[..], b"x"].concat(), false);
    assert_eq!((more.0, more.1), (Some(1), 2));
    let end = file.len() - 4;
    let wanted = format!(
        "the frame at byte {end} ends the file; at byte {} there is more",
        end + 4
    );
    assert!(more.2.contains(&wanted), "{more:?}");
    let short = described(&file[..end - 1], false);
    assert_eq!((short.0, short.1), (Some(1), 1), "{short:?}");
}

#[test]
fn the_dialects_of_shetab_are_told_as_unverified_by_check() {
    for name in ["shetab7-87", "shetab7-93"] {
        let dir = tempfile::tempdir().unwrap();
        let conf = include_str!("../../conf/clubswitch.toml");
        let conf = conf.replace("\"iso87-ascii\"", &format!("{name:?}"));
        fs::write(dir.path().join("shetab.toml"), conf).unwrap();
        let output = run(dir.path(), &["check", "--config", "shetab.toml"]);
        let told = format!("{}{}", out(&output), err(&output));
        assert_eq!(output.status.code(), Some(0), "{told}");
        assert!(told.contains("D11"), "{told}");
    }
}

#[test]
fn an_unverified_dialect_is_told_by_check() {
    let dir = tempfile::tempdir().unwrap();
    let dialect = "extends = \"iso87-ascii\"\ntitle = \"ours\"\nunverified = true\n";
    fs::create_dir(dir.path().join("specs")).unwrap();
    fs::write(dir.path().join("specs/mine.toml"), dialect).unwrap();
    let conf = include_str!("../../conf/clubswitch.toml")
        .replace("# specs = \"specs\"", "specs = \"specs\"")
        .replace("\"iso87-ascii\"", "\"mine\"");
    fs::write(dir.path().join("mine.toml"), conf).unwrap();
    let output = run(dir.path(), &["check", "--config", "mine.toml"]);
    let told = format!("{}{}", out(&output), err(&output));
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(
        told.contains("D11") && told.contains("unverified"),
        "{told}"
    );
}
