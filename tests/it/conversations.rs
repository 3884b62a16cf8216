//! Whole conversations of one connection, in memory: a session, and the engine behind it where a rule set is named.
//!
//! A file of `fixtures/conversations/` has a line for each thing that happens; fields stand as `4=000000000100`, tags
//! as `48.21=max`, with `_` for a blank and `|` for a line feed. Names of files that begin with 1993 speak that version.
//!
//! | line | |
//! |---|---|
//! | `link WORD...` | what the link lays down, first of all; see `Conversation::link` |
//! | `rules shipped` | the engine decides, by the rules of `conf/rules`; with `whole` by those of `fixtures/rules-whole` |
//! | `member CLUB card=...`, `lot PURSE AMOUNT booked=DAY` | opened before the first message |
//! | `at DAY TIME`, `@ +5s` | the clock is set, or goes on |
//! | `> 0200 3=000000 ...` | this comes in; `> text:...` as it stands, `> again` and `> repeat` the last message once more; with `~from~to` the bytes are bent |
//! | `< 0210 39=00 ...` | this goes out, whole; with `..` at its end it may have more fields, with `!48.90` not this |
//! | `< same`, `< nothing` | the very bytes that went out before; nothing |
//! | `? purchase` | without engine: the book is asked this |
//! | `= 1 approved pays=5` | without engine: the first question is answered so |
//! | `% late=1 refused.format-error=2` | what was counted since the last such line, all of it |
//! | `full`, `free`, `closed idle` | reading must pause, may go on; the connection is closed |

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use clubswitch::engine::{
    Act, Brought, Decision, Engine, Limits, Opening, OpeningLot, OpeningMember,
};
use clubswitch::exchange::{
    Action, Answer, Counts, Dropped, Link, LinkTerms, Session, Ticket, bind,
};
use clubswitch::keys::TokenKey;
use clubswitch::ledger::{Book, Names, Request, Told, Verdict};
use clubswitch::message::{Message, MessageBuilder, Mti};
use clubswitch::spec::shipped;
use clubswitch::terms::person::{Identity, Mobile};
use clubswitch::terms::{JalaliDate, Local, Moment, Rials, TokenKind, Zone};
use clubswitch::wire::framing::{Frame, Framing};

struct Conversation {
    link: Arc<Link>,
    session: Session,
    engine: Option<Engine>,
    opening: Vec<OpeningMember>,
    key: TokenKey,
    zone: Zone,
    now: Moment,
    /// Questions to the book in the order they came, for conversations without engine.
    asked: Vec<(Ticket, Box<Request>)>,
    unseen: VecDeque<String>,
    sent: VecDeque<Bytes>,
    closed: VecDeque<String>,
    last_in: String,
    last_out: Bytes,
}

impl Conversation {
    /// `dialect=NAME framing=NAME acquirer=CODE terminals=T1,T2 in-flight=N deadline=SECONDS idle=SECONDS
    /// require-sign-on test`.
    fn link(words: &[&str]) -> Link {
        let value = |name: &str| {
            let found = words
                .iter()
                .find_map(|w| w.strip_prefix(name)?.strip_prefix('='));
            found.map(str::to_owned)
        };
        let seconds = |name| value(name).map(|s| Duration::from_secs(s.parse().unwrap()));
        let dialect = value("dialect").unwrap_or_else(|| "iso87-ascii".to_owned());
        let framing = value("framing").unwrap_or_else(|| "len2-be".to_owned());
        Link {
            dialect: bind(&shipped(&dialect).unwrap()).unwrap(),
            framing: Framing::named(&framing).unwrap(),
            terms: LinkTerms {
                acquirer: value("acquirer").unwrap_or_else(|| "581672031".to_owned()),
                terminals: value("terminals").map(|t| t.split(',').map(str::to_owned).collect()),
                require_sign_on: words.contains(&"require-sign-on"),
                test: words.contains(&"test"),
                channel: Default::default(),
            },
            in_flight_max: value("in-flight").map_or(64, |n| n.parse().unwrap()),
            deadline: seconds("deadline"),
            idle: seconds("idle"),
        }
    }

    fn new(words: &[&str]) -> Conversation {
        let link = Arc::new(Conversation::link(words));
        let zone = Zone::named("Asia/Tehran").unwrap();
        let now = zone.moment(Local::parse("1405/09/02 10:15").unwrap());
        Conversation {
            session: Session::new(Arc::clone(&link), now),
            link,
            engine: None,
            opening: Vec::new(),
            key: TokenKey::new(&[7; 32]),
            zone,
            now,
            asked: Vec::new(),
            unseen: VecDeque::new(),
            sent: VecDeque::new(),
            closed: VecDeque::new(),
            last_in: String::new(),
            last_out: Bytes::new(),
        }
    }

    fn step(&mut self, line: &str) {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        let words: Vec<&str> = rest.split_whitespace().collect();
        match first {
            "rules" => self.rules(rest),
            "member" => self.member(&words),
            "lot" => self.lot(&words),
            "at" => {
                self.now = self.zone.moment(Local::parse(rest).unwrap());
                self.session = Session::new(Arc::clone(&self.link), self.now);
            }
            "@" => {
                let seconds = rest.strip_prefix('+').and_then(|s| s.strip_suffix('s'));
                self.now = self.now.plus_seconds(seconds.unwrap().parse().unwrap());
                let mut actions = Vec::new();
                if self.session.wakes_at().is_some_and(|at| at <= self.now) {
                    self.session.woke(self.now, &mut actions);
                }
                self.act(actions);
            }
            ">" => self.receive(rest),
            "<" => self.expect_sent(rest),
            "?" => {
                let asked = self.unseen.pop_front();
                assert_eq!(asked.as_deref(), Some(rest), "asked");
            }
            "=" => self.answer(&words),
            "%" => {
                let mut wanted = words.clone();
                wanted.sort_unstable();
                assert_eq!(counted(&self.session.take_counts()), wanted);
            }
            "full" => assert!(self.session.is_full()),
            "free" => assert!(!self.session.is_full()),
            "closed" => assert_eq!(self.closed.pop_front().as_deref(), Some(rest)),
            other => panic!("no such line: {other}"),
        }
    }

    fn rules(&mut self, which: &str) {
        let folder = match which {
            "whole" => "fixtures/rules-whole",
            _ => "conf/rules",
        };
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let book = Book::new(1 << 16);
        let loaded = clubswitch::rulefile::load(&dir, book.names()).unwrap();
        let rules = Arc::new(loaded.rulebook);
        let mut engine = Engine::new(book, Arc::clone(&rules), Limits::default());
        engine.act(Act::LoadRules(rules), self.now).unwrap();
        self.engine = Some(engine);
    }

    fn member(&mut self, words: &[&str]) {
        let names = self.engine.as_ref().unwrap().names();
        let club = names.club_id(words[0]).unwrap();
        let mut member = OpeningMember {
            club,
            identities: Vec::new(),
            tier: None,
            marketer: None,
            joined: None,
            born: None,
            lots: Vec::new(),
        };
        for word in &words[1..] {
            match word.split_once('=').unwrap() {
                ("card", pan) => {
                    let token = self.key.token(TokenKind::Card, pan.as_bytes());
                    member.identities.push(Identity::Card(token));
                }
                ("mobile", mobile) => {
                    let mobile = Mobile::parse(mobile).unwrap();
                    let token = self
                        .key
                        .token(TokenKind::Mobile, mobile.as_str().as_bytes());
                    member.identities.push(Identity::Mobile(token));
                }
                ("tier", tier) => member.tier = Some(names.tier_id(club, tier).unwrap()),
                ("marketer", who) => member.marketer = Some(names.person_id(who).unwrap()),
                other => panic!("{other:?}"),
            }
        }
        self.opening.push(member);
    }

    fn lot(&mut self, words: &[&str]) {
        let names = self.engine.as_ref().unwrap().names();
        let member = self.opening.last_mut().unwrap();
        let of = |name: &str| {
            words
                .iter()
                .find_map(|w| w.strip_prefix(name)?.strip_prefix('='))
        };
        let day = |text: &str| JalaliDate::parse(text).unwrap().day();
        member.lots.push(OpeningLot {
            purse: names.purse_id(member.club, words[0]).unwrap(),
            shop: of("shop").map(|shop| names.shop_id(shop).unwrap()),
            amount: words[1].parse().unwrap(),
            booked: day(of("booked").unwrap()),
            last_day: of("last").map(day),
        });
    }

    fn receive(&mut self, line: &str) {
        if let Some(engine) = &mut self.engine
            && !self.opening.is_empty()
        {
            let opening = Opening {
                reason: "a conversation".to_owned(),
                sha256: [1; 32],
                members: std::mem::take(&mut self.opening),
            };
            engine.act(Act::Open(opening), self.now).unwrap();
        }
        let framing = &self.link.framing;
        let frame = match line {
            "keep-alive" => Frame {
                header: Bytes::new(),
                body: Bytes::new(),
            },
            _ => Frame {
                header: framing.first_header(),
                body: self.body(line),
            },
        };
        let (mut out, mut actions) = (BytesMut::new(), Vec::new());
        let key = self.key.clone();
        let tokens = move |kind, value: &[u8]| key.token(kind, value);
        self.session
            .received(frame, self.now, &tokens, &mut out, &mut actions);
        self.hear(out);
        self.act(actions);
    }

    /// Takes the answers out of their frames.
    fn hear(&mut self, mut out: BytesMut) {
        while let Some(frame) = self.link.framing.take(&mut out).unwrap() {
            self.sent.push_back(frame.body);
        }
        assert!(out.is_empty(), "half a frame was sent");
    }

    fn body(&mut self, line: &str) -> Bytes {
        if let Some(text) = line.strip_prefix("text:") {
            return Bytes::copy_from_slice(text.as_bytes());
        }
        if !matches!(line, "again" | "repeat") {
            line.clone_into(&mut self.last_in);
        }
        let last = self.last_in.clone();
        let mut words = last.split_whitespace();
        let mti = Mti::from_digits(words.next().unwrap().as_bytes()).unwrap();
        let mti = if line == "repeat" { mti.repeat() } else { mti };
        let mut builder = MessageBuilder::new(self.link.dialect.spec(), mti);
        let mut bent = None;
        for word in words {
            if let Some(bend) = word.strip_prefix('~') {
                bent = bend.split_once('~');
                continue;
            }
            let (at, value) = word.split_once('=').unwrap();
            let value = value.replace('_', " ");
            match at.split_once('.') {
                Some((field, tag)) => builder.tag(field.parse().unwrap(), tag, value),
                None => match at.parse().unwrap() {
                    n @ 41 => builder.set(n, format!("{value:<8}")),
                    n @ 42 => builder.set(n, format!("{value:<15}")),
                    n => builder.set(n, value),
                },
            };
        }
        let mut body = BytesMut::new();
        builder.encode(&mut body).unwrap();
        if let Some((from, to)) = bent {
            let text = String::from_utf8(body.to_vec()).unwrap();
            assert!(text.contains(from), "{from} is not in {text}");
            return Bytes::from(text.replacen(from, to, 1));
        }
        body.freeze()
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Close(why) => {
                    self.closed.push_back(format!("{why:?}").to_lowercase());
                }
                Action::Ask(ticket, request) => match &mut self.engine {
                    Some(engine) => {
                        let told = match engine.decide(&request, &Brought::default(), self.now) {
                            Decision::Tell(answer) => answer.told,
                            Decision::Needs(needed) => panic!("{needed:?} is not in memory"),
                        };
                        engine.take_group();
                        let names = engine.names();
                        let mut out = BytesMut::new();
                        let answer = Answer::Told(&told, &names);
                        self.session.answered(ticket, answer, self.now, &mut out);
                        self.hear(out);
                    }
                    None => {
                        self.unseen
                            .push_back(request.asked.function.name().to_owned());
                        self.asked.push((ticket, request));
                    }
                },
            }
        }
    }

    /// `= 1 approved pays=5`, `= 2 silence`.
    fn answer(&mut self, words: &[&str]) {
        let at: usize = words[0].parse().unwrap();
        let ticket = self.asked[at - 1].0;
        let names = Names::default();
        let verdict = Verdict::ALL.iter().find(|(_, name)| *name == words[1]);
        let mut told = Told::only(verdict.map_or(Verdict::CannotServe, |(verdict, _)| *verdict));
        for word in &words[2..] {
            let pays = word.strip_prefix("pays=").unwrap();
            told.pays = Some(Rials(pays.parse().unwrap()));
        }
        let answer = match verdict {
            Some(_) => Answer::Told(&told, &names),
            None => Answer::Silence,
        };
        let mut out = BytesMut::new();
        self.session.answered(ticket, answer, self.now, &mut out);
        self.hear(out);
    }

    fn expect_sent(&mut self, wanted: &str) {
        let sent = self.sent.pop_front();
        let Some(body) = sent else {
            assert_eq!(wanted, "nothing", "nothing was sent");
            return;
        };
        if wanted == "same" {
            assert_eq!(body, self.last_out);
            return;
        }
        if wanted == "keep-alive" {
            assert!(body.is_empty());
            return;
        }
        let spec = self.link.dialect.spec();
        let message = Message::decode(spec, body.clone()).unwrap();
        self.last_out = body;
        let mut fields = BTreeMap::new();
        let private = spec.role("private").unwrap().field;
        for n in message.fields() {
            if n == usize::from(private) {
                let inside = &spec.field(n).unwrap().inside;
                for piece in inside.pieces(message.value(n).unwrap()) {
                    let piece = piece.unwrap();
                    let value = piece.text().replace('\n', "|").replace(' ', "_");
                    fields.insert(format!("{n}.{}", piece.label), value);
                }
            } else {
                let value = message.text(spec, n).unwrap();
                fields.insert(n.to_string(), value.trim_end().replace(' ', "_"));
            }
        }
        let shown: Vec<String> = fields.iter().map(|(at, v)| format!("{at}={v}")).collect();
        let shown = format!("{} {}", message.mti(), shown.join(" "));
        let mut words = wanted.split_whitespace();
        assert_eq!(
            words.next(),
            Some(message.mti().to_string().as_str()),
            "{shown}"
        );
        let mut more = false;
        for word in words {
            if word == ".." {
                more = true;
            } else if let Some(at) = word.strip_prefix('!') {
                assert!(!fields.contains_key(at), "{at} in {shown}");
            } else {
                let (at, value) = word.split_once('=').unwrap();
                let told = fields.remove(at);
                assert_eq!(told.as_deref(), Some(value), "{at} of {shown}");
            }
        }
        assert!(more || fields.is_empty(), "more than wanted: {fields:?}");
    }
}

/// What was counted, in words.
fn counted(counts: &Counts) -> Vec<String> {
    let refused = Verdict::ALL.iter().zip(counts.refused);
    let refused = refused.map(|((_, name), n)| (format!("refused.{name}"), n));
    let dropped = Dropped::ALL.iter().zip(counts.dropped);
    let dropped = dropped.map(|((_, name), n)| (format!("dropped.{name}"), n));
    let mut all: Vec<String> = [
        ("keep-alives", counts.keep_alives),
        ("network", counts.network),
        ("asked", counts.asked),
        ("answered", counts.answered),
        ("late", counts.late),
        ("silent", counts.silent),
    ]
    .into_iter()
    .map(|(name, n)| (name.to_owned(), n))
    .chain(refused)
    .chain(dropped)
    .filter(|(_, n)| *n > 0)
    .map(|(name, n)| format!("{name}={n}"))
    .collect();
    all.sort_unstable();
    all
}

/// Tells the line at which a conversation went wrong.
struct At<'a>(&'a str, usize, &'a str);

impl Drop for At<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}:{}: {}", self.0, self.1, self.2);
        }
    }
}

fn check(name: &str, text: &str, dialect: &str) {
    let dialect = format!("dialect={dialect}");
    let mut conversation = None;
    for (at, line) in text.lines().enumerate() {
        let line = line.split(" #").next().unwrap_or("").trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let _at = At(name, at + 1, line);
        if let Some(words) = line.strip_prefix("link") {
            let words = words.split_whitespace().chain([dialect.as_str()]);
            conversation = Some(Conversation::new(&words.collect::<Vec<_>>()));
            continue;
        }
        conversation
            .get_or_insert_with(|| Conversation::new(&[&dialect]))
            .step(line);
    }
    let conversation = conversation.unwrap();
    let _at = At(name, text.lines().count(), "the end");
    assert!(conversation.sent.is_empty(), "more was sent");
    assert!(conversation.unseen.is_empty(), "more was asked");
    assert!(conversation.closed.is_empty(), "it was closed");
}

#[test]
fn conversations_go_as_they_are_written() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/conversations");
    let mut paths: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() > 5);
    let mut wrong = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        // What is said in bytes is said in one dialect; all else means the same in each.
        let bytes = ["text:", "~", "dialect="].iter().any(|w| text.contains(w));
        let dialects: &[&str] = if name.starts_with("1993") {
            &["iso93-ascii", "iso93-bcd"]
        } else {
            &[
                "iso87-ascii",
                "iso87-ascii-binmap",
                "iso87-bcd",
                "iso87-ebcdic",
                "pos-nac-bcd",
            ]
        };
        for dialect in if bytes { &dialects[..1] } else { dialects } {
            let name = format!("{name} in {dialect}");
            if std::panic::catch_unwind(|| check(&name, &text, dialect)).is_err() {
                wrong.push(name);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn bodies_of_noise_never_stop_a_conversation() {
    check_noise(
        "iso87-ascii",
        "0200 2=9999120000001234 3=000000 4=000002755555 7=1123064500 11=000007 12=101500 13=1123 32=581672031 \
         41=T0000001 42=m-1001 48.21=max 48.31=bill-7 49=364",
    );
    check_noise(
        "iso93-bcd",
        "1420 2=9999120000001234 3=000000 4=000002755555 7=1123064500 11=000008 12=261123101600 24=400 32=581672031 \
         41=T0000001 42=m-1001 48.31=bill-7 49=364 56=120000000726112310150009581672031",
    );
}

fn check_noise(dialect: &str, line: &str) {
    let seed = std::env::var("SEED").ok().and_then(|s| s.parse().ok());
    let mut state: u64 = seed.unwrap_or(0x5eed);
    println!("SEED={state}");
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let dialect = format!("dialect={dialect}");
    let mut conversation = Conversation::new(&["in-flight=100000", &dialect]);
    let whole = conversation.body(line);
    let (mut out, mut actions) = (BytesMut::new(), Vec::new());
    for _ in 0..20_000 {
        let mut body = BytesMut::from(&whole[..]);
        for _ in 0..1 + random() % 4 {
            let at = random() as usize % body.len();
            match random() % 4 {
                0 => body[at] = random() as u8,
                1 => body[at] = b'0' + (random() % 10) as u8,
                2 => body.truncate(at.max(1)),
                _ => body[at] ^= 1 << (random() % 8),
            }
        }
        let frame = Frame {
            header: Bytes::new(),
            body: body.freeze(),
        };
        let key = &conversation.key;
        let tokens = |kind, value: &[u8]| key.token(kind, value);
        conversation
            .session
            .received(frame, conversation.now, &tokens, &mut out, &mut actions);
        actions.clear();
        while let Some(frame) = conversation.link.framing.take(&mut out).unwrap() {
            Message::decode(conversation.link.dialect.spec(), frame.body).unwrap();
        }
    }
    let counts = conversation.session.take_counts();
    let refused: u64 = counts.refused.iter().sum();
    let dropped: u64 = counts.dropped.iter().sum();
    assert_eq!(counts.asked + counts.network + refused + dropped, 20_000);
    assert!(counts.asked > 0 && refused > 0 && dropped > 0);
}
