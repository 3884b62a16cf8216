//! What is decided, told as stories: each line says what comes and what is told. After every story the journal is replayed,
//! and must give the same book, byte for byte.

use std::collections::BTreeMap;
use std::sync::Arc;

use clubswitch::engine::{
    Act, Answer, Brought, CardChange, CardOrder, Decision, Engine, Found, Gift, Giving, Group,
    Happened, Limits, Opening, OpeningLot, OpeningMember, Supposed,
};
use clubswitch::explain::{tell, write};
use clubswitch::ledger::{
    Aim, Aimed, Asked, Book, By, CardState, Effects, EnrolWish, Entry, Facts, Function, Item, Key,
    Mode, Names, OriginalRef, PurseKind, Redeem, Request, Wishes, finding, record,
};
use clubswitch::rulefile;
use clubswitch::terms::money::pointed;
use clubswitch::terms::person::Identity;
use clubswitch::terms::{
    AcquirerId, Bin, Channel, Day, EntryMode, JalaliDate, Local, MemberId, Moment, Percent, Rials,
    Sequence, Token, Zone,
};
use clubswitch::words::Language;

const WORLD: &str = include_str!("../../conf/rules/world/shared.toml");
const GOLESTAN: &str = include_str!("../../conf/rules/clubs/golestan.toml");

/// One town: an engine, the journal it has written, and a clock that stories move.
pub(crate) struct Town {
    pub(crate) engine: Engine,
    pub(crate) journal: Vec<Arc<Group>>,
    pub(crate) now: Moment,
    zone: Zone,
    stans: u32,
    sent: BTreeMap<u32, Request>,
    /// Whether entries out of memory are brought when the engine needs them.
    forgetful: bool,
}

/// The club of `in=CLUB`; left out, golestan.
fn club_of<'w>(words: &[&'w str]) -> &'w str {
    let said = words.iter().find_map(|word| word.strip_prefix("in="));
    said.unwrap_or("golestan")
}

/// The token of a card, mobile or national code that a story names.
pub(crate) fn token(name: &str) -> Token {
    let mut bytes = [0; 16];
    for (at, byte) in name.bytes().take(16).enumerate() {
        bytes[at] = byte;
    }
    Token(bytes)
}

impl Town {
    pub(crate) fn new(world: &str, clubs: &[&str]) -> Town {
        Town::with_limits(world, clubs, Limits::default())
    }

    pub(crate) fn with_lists(world: &str, clubs: &[&str], lists: &[(&str, &str)]) -> Town {
        Town::with(world, clubs, lists, Limits::default())
    }

    pub(crate) fn with_limits(world: &str, clubs: &[&str], limits: Limits) -> Town {
        Town::with(world, clubs, &[], limits)
    }

    fn with(world: &str, clubs: &[&str], lists: &[(&str, &str)], limits: Limits) -> Town {
        let names: Vec<String> = (0..clubs.len())
            .map(|at| format!("clubs/{at}.toml"))
            .collect();
        let mut files = vec![("world/shared.toml", world)];
        files.extend(names.iter().map(String::as_str).zip(clubs.iter().copied()));
        files.extend_from_slice(lists);
        let loaded = rulefile::compile(&files, &Names::default())
            .unwrap_or_else(|faults| panic!("{}", faults.drawn(false)));
        let rules = Arc::new(loaded.rulebook);
        let zone = rules.world.zone.clone();
        let now = zone.moment(Local::parse("1405/09/02 10:15").unwrap());
        let mut engine = Engine::new(
            Book::new(if limits.recent_entries == 0 {
                64
            } else {
                1 << 16
            }),
            Arc::clone(&rules),
            limits,
        );
        engine.act(Act::LoadRules(rules), now).unwrap();
        Town {
            engine,
            journal: Vec::new(),
            now,
            zone,
            stans: 0,
            sent: BTreeMap::new(),
            forgetful: limits.recent_entries == 0,
        }
    }

    pub(crate) fn decide(&mut self, request: &Request) -> Answer {
        let mut brought = Brought::default();
        for _ in 0..8 {
            match self.engine.decide(request, &brought, self.now) {
                Decision::Tell(answer) => {
                    if self.forgetful {
                        self.write();
                    }
                    return answer;
                }
                Decision::Needs(needed) => {
                    self.write();
                    let entries = needed.entries.into_iter().map(|at| self.read(at));
                    brought.entries.extend(entries);
                    let found = needed.items.into_iter().map(|item| self.under(item));
                    brought.found.extend(found);
                }
            }
        }
        panic!("what was brought was not enough");
    }

    fn write(&mut self) {
        self.journal.extend(self.engine.take_group());
    }

    fn read(&self, at: Sequence) -> clubswitch::ledger::Entry {
        let group = self
            .journal
            .iter()
            .find(|group| group.first <= at && at <= group.last());
        group
            .and_then(|group| group.entry(at))
            .expect("an entry that was written")
    }

    /// What is found under an item: every entry is looked at.
    fn under(&self, item: Item) -> Found {
        let all = self.journal.iter().flat_map(|group| {
            record::split(&group.bytes).map(|bytes| record::decode(bytes.unwrap()).unwrap())
        });
        let is_under = |entry: &Entry| {
            let mut items = Vec::new();
            finding::items(entry, &mut items);
            items.contains(&item)
        };
        let mut sequences: Vec<Sequence> = all
            .filter(is_under)
            .map(|entry| entry.head.sequence)
            .collect();
        sequences.reverse();
        Found {
            item,
            sequences,
            up_to: self.engine.book().sequence(),
        }
    }

    fn local(&self) -> Local {
        self.zone.local(self.now)
    }

    pub(crate) fn request(&mut self, function: Function, mode: Mode, stan: Option<u32>) -> Request {
        let stan = stan.unwrap_or_else(|| {
            self.stans += 1;
            900_000 + self.stans
        });
        let local = self.local();
        let date = local.day.gregorian();
        let time = local.time.0;
        let stamp = (date.month() as u32 * 100 + date.day() as u32) * 1_000_000
            + time / 3600 * 10_000
            + time / 60 % 60 * 100
            + time % 60;
        let kind = match (function, mode) {
            (Function::Reversal, Mode::Ask) => 40,
            (Function::Reversal, Mode::Advise) => 42,
            (Function::Enrol | Function::AddCard, _) => 60,
            (Function::Quote | Function::Balance, _) => 10,
            (Function::Purchase | Function::Load | Function::Transfer, Mode::Ask) => 20,
            (Function::Purchase | Function::Load | Function::Transfer, Mode::Advise) => 22,
        };
        Request {
            asked: Asked {
                function,
                mode,
                key: Key {
                    acquirer: AcquirerId(0),
                    terminal: *b"T0000001",
                    acceptor: *b"m-1001         ",
                    stan,
                    local: stamp,
                    kind,
                },
                digest: 0,
                processing: 0,
                amount: None,
                currency: 364,
                transmitted: Some(stamp),
                rrn: None,
                mcc: 0,
                last_four: None,
                bill: None,
                original: None,
                facts: Facts::default(),
            },
            acquirer: "581672031".to_owned(),
            repeat: false,
            card: None,
            named: None,
            introducer: None,
            wishes: Wishes::default(),
            enrol: None,
            aim: Aim::default(),
            balance_of: None,
            terminal_allowed: true,
        }
    }

    /// The message of a line that buys, quotes or tells.
    pub(crate) fn asked(&mut self, line: &str) -> Request {
        let words: Vec<&str> = line.split_whitespace().collect();
        let after = |word: &str| {
            let at = words.iter().position(|w| *w == word)?;
            words.get(at + 1).copied()
        };
        let number = |word: &str| {
            after(word).map(|text| text.replace(['_', ','], "").parse::<i64>().unwrap())
        };
        let (function, mode) = match words[0] {
            "quote" => (Function::Quote, Mode::Ask),
            "tell" => (Function::Purchase, Mode::Advise),
            "load" => (Function::Load, Mode::Ask),
            "convert" => (Function::Transfer, Mode::Ask),
            _ => (Function::Purchase, Mode::Ask),
        };
        let stan = number("stan").map(|stan| stan as u32);
        let mut request = self.request(function, mode, stan);
        let amount = words[1].replace(['_', ','], "").parse().ok();
        request.asked.amount = amount.map(Rials);
        request.aim.to = after("to").map(|name| Aimed {
            identity: match name.strip_prefix('#') {
                Some(number) => Identity::Number(MemberId(number.parse().unwrap())),
                None => Identity::Card(token(name)),
            },
            bin: after("tobin").and_then(Bin::parse),
        });
        request.aim.voucher = after("voucher").map(token);
        request.card = after("card").map(token);
        request.named = after("mobile").map(|name| Identity::Mobile(token(name)));
        request.introducer = after("by").map(|name| Identity::Card(token(name)));
        request.wishes.club = after("club").map(str::to_owned);
        request.wishes.purse = after("purse").map(str::to_owned);
        request.wishes.discount_told = number("discount").map(Rials);
        request.wishes.redeem = match after("redeem") {
            None => Redeem::Nothing,
            Some("max") => Redeem::AsMuchAsAllowed,
            Some(_) => Redeem::Exactly(Rials(number("redeem").unwrap())),
        };
        if let Some(shop) = after("at") {
            let mut code = [b' '; 15];
            code[..shop.len()].copy_from_slice(shop.as_bytes());
            request.asked.key.acceptor = code;
        }
        if let Some(currency) = number("currency") {
            request.asked.currency = currency as u16;
        }
        if let Some(mcc) = number("mcc") {
            request.asked.mcc = mcc as u16;
        }
        if let Some(stamp) = number("stamp") {
            request.asked.key.local = stamp as u32;
        }
        if let Some(code) = number("processing") {
            request.asked.processing = code as u32;
        }
        let facts = &mut request.asked.facts;
        let channel = |name| Channel::ALL.iter().find(|(n, _)| *n == name).unwrap().1;
        facts.channel = after("via").map_or(Channel::Pos, channel);
        let entry = |name| EntryMode::ALL.iter().find(|(n, _)| *n == name).unwrap().1;
        facts.entry = after("entry").map(entry);
        facts.bin = after("bin").and_then(Bin::parse);
        let products = after("product").map(|codes| codes.split(','));
        facts.products = products.into_iter().flatten().map(str::to_owned).collect();
        facts.service = after("service").map(str::to_owned);
        facts.staff = after("staff").map(str::to_owned);
        if let Some(terminal) = after("terminal") {
            let mut code = [b' '; 8];
            code[..terminal.len()].copy_from_slice(terminal.as_bytes());
            request.asked.key.terminal = code;
        }
        request.asked.rrn = after("rrn").map(|rrn| rrn.as_bytes().try_into().unwrap());
        request.terminal_allowed = !words.contains(&"barred");
        request.asked.digest = xxhash_rust::xxh3::xxh3_64(
            format!(
                "{:?}{:?}{}",
                request.card, request.asked.amount, request.asked.currency
            )
            .as_bytes(),
        );
        request
    }

    /// What is explained of such a line, in English.
    pub(crate) fn why(&mut self, line: &str) -> String {
        self.why_in(line, Language::English)
    }

    /// The same in a language.
    pub(crate) fn why_in(&mut self, line: &str, language: Language) -> String {
        let request = self.asked(line);
        let supposed = Supposed {
            request: request.clone(),
            at: None,
            with: None,
        };
        let explained = self.engine.explain(supposed, self.now);
        let story = tell(clubswitch::explain::Facts {
            rules: &explained.rules,
            names: &self.engine.names(),
            heard: &explained.heard,
            effects: &explained.effects,
            shop: request.asked.key.acceptor_code(),
            amount: request.asked.amount.unwrap(),
            local: self.local(),
        });
        write(&story, language)
    }

    /// One line of a story; gives what is told.
    pub(crate) fn line(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        let after = |word: &str| {
            words.iter().position(|w| *w == word).map(|at| {
                *words
                    .get(at + 1)
                    .unwrap_or_else(|| panic!("{word} of what? {line}"))
            })
        };
        let number = |word: &str| {
            after(word).map(|text| text.replace(['_', ','], "").parse::<i64>().unwrap())
        };
        match words[0] {
            "at" => {
                self.now = self
                    .zone
                    .moment(Local::parse(&words[1..3].join(" ")).unwrap());
                String::new()
            }
            "turn" => {
                self.engine.act(Act::TurnDay(None), self.now).unwrap();
                String::new()
            }
            "open" => {
                self.open(&words[1..]);
                String::new()
            }
            "has" => self.balances(words[1], club_of(&words)),
            "event" => self.event(words[1], words[2]),
            "owes" => self.account(words[1]),
            "grants" => self.grants(),
            "give" => self.give(&words[1..]),
            "issue" => self.issue(&words[1..]),
            "state" => {
                let state = CardState::ALL.iter().find(|(_, n)| *n == words[3]);
                self.order_card(&words, CardChange::State(state.unwrap().0))
            }
            "given" => {
                let club = self.engine.names().club_id("golestan").unwrap();
                let giver = Identity::Card(token(words[4]));
                let giver = self.engine.book().who(club, giver);
                let giver = giver.unwrap_or(MemberId(999));
                self.order_card(&words, CardChange::Given(giver))
            }
            "limit" => {
                let (purse, limit) = words[3].split_once('=').unwrap();
                let club = self.engine.names().club_id(club_of(&words)).unwrap();
                let purse = self.engine.names().purse_id(club, purse).unwrap();
                let limit = limit.replace('_', "").parse().unwrap();
                self.order_card(&words, CardChange::Limit(purse, Some(Rials(limit))))
            }
            "buy" | "quote" | "tell" | "load" | "convert" => {
                let request = self.asked(line);
                self.sent.insert(request.asked.key.stan, request.clone());
                let answer = self.decide(&request);
                self.told(&answer)
            }
            "repeat" => {
                let stan = number("stan").unwrap() as u32;
                let mut request = self.sent[&stan].clone();
                request.repeat = true;
                if let Some(amount) = number("amount") {
                    request.asked.amount = Some(Rials(amount));
                    request.asked.digest += 1;
                }
                let answer = self.decide(&request);
                self.told(&answer)
            }
            "reverse" => {
                let of = number("stan").unwrap() as u32;
                let mode = if words.contains(&"advised") {
                    Mode::Advise
                } else {
                    Mode::Ask
                };
                let stan = number("own").map(|stan| stan as u32);
                let mut request = self.request(Function::Reversal, mode, stan);
                let rrn = after("rrn").map(|rrn| rrn.as_bytes().try_into().unwrap());
                let mut original = OriginalRef {
                    stan: rrn.is_none().then_some(of),
                    rrn,
                    partial: words.contains(&"part"),
                    ..OriginalRef::default()
                };
                if let Some(stamp) = number("stamp") {
                    original.local = Some(stamp as u32);
                }
                request.asked.original = Some(original);
                request.asked.amount = number("amount").map(Rials);
                request.card = after("card").map(token);
                if let Some(shop) = after("at") {
                    let mut code = [b' '; 15];
                    code[..shop.len()].copy_from_slice(shop.as_bytes());
                    request.asked.key.acceptor = code;
                }
                original.kind = number("of").map(|kind| kind as u8);
                request.asked.original = Some(original);
                self.sent.insert(request.asked.key.stan, request.clone());
                let answer = self.decide(&request);
                self.told(&answer)
            }
            "enrol" => {
                let mut request = self.request(Function::Enrol, Mode::Ask, None);
                let card = after("card").map(|name| Identity::Card(token(name)));
                let mobile = after("mobile").map(|name| Identity::Mobile(token(name)));
                request.enrol = Some(EnrolWish {
                    identities: card.into_iter().chain(mobile).collect(),
                    staff: after("staff").map(str::to_owned),
                    born: after("born").and_then(Day::parse),
                });
                request.introducer = after("by").map(|name| Identity::Card(token(name)));
                request.card = after("card").map(token);
                let answer = self.decide(&request);
                let mut text = self.told(&answer);
                if let Some(member) = answer.told.member {
                    text += &format!(" member {member}");
                }
                text
            }
            // `add CARD to WHO`: by the first letter, M is a mobile.
            "add" => {
                let mut request = self.request(Function::AddCard, Mode::Ask, None);
                let who = after("to").unwrap();
                match who.starts_with('M') {
                    true => request.named = Some(Identity::Mobile(token(who))),
                    false => request.card = Some(token(who)),
                }
                request.aim.to = Some(Aimed {
                    identity: Identity::Card(token(words[1])),
                    bin: None,
                });
                let answer = self.decide(&request);
                let mut text = self.told(&answer);
                if let Some(member) = answer.told.member {
                    text += &format!(" member {member}");
                }
                text
            }
            "balance" => {
                let mut request = self.request(Function::Balance, Mode::Ask, None);
                request.card = after("card").map(token);
                request.balance_of = after("of")
                    .map(|name| PurseKind::ALL.iter().find(|(_, n)| *n == name).unwrap().0);
                let answer = self.decide(&request);
                let mut text = self.told(&answer);
                for balance in &answer.told.balances {
                    text += &format!(" {}", self.purse_amount(balance.purse, balance.amount));
                }
                text
            }
            other => panic!("a story has no {other}: {line}"),
        }
    }

    /// Everything that the clock grants, a few at a time.
    fn grants(&mut self) -> String {
        let mut given = 0;
        while self.engine.has_grants(self.now) {
            given += self.engine.grant_due(2, self.now);
        }
        format!("{given} given")
    }

    /// `give CARD [in=CLUB] PURSE=AMOUNT[until DATE] [row NUMBER]`: by hand, under a number of its own.
    fn give(&mut self, words: &[&str]) -> String {
        let names = self.engine.names();
        let club = names.club_id(club_of(words)).unwrap();
        let (purse, rest) = words
            .iter()
            .find_map(|word| word.split_once('=').filter(|(key, _)| *key != "in"))
            .unwrap();
        let (amount, last) = rest.split_once('~').unwrap_or((rest, ""));
        let mut sha256 = [0; 32];
        sha256[..16].copy_from_slice(&token(words.last().unwrap()).0);
        let giving = Giving {
            by: By::switch("story"),
            reason: "a story".to_owned(),
            sha256,
            gifts: vec![Gift {
                club,
                to: Identity::Card(token(words[0])),
                purse: names.purse_id(club, purse).unwrap(),
                shop: None,
                amount: amount.parse().unwrap(),
                last_day: JalaliDate::parse(last).map(JalaliDate::day),
            }],
        };
        match self.engine.act(Act::Give(giving), self.now) {
            Ok(_) => "given".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    /// `issue NUMBER PURSE=AMOUNT[~DATE] [in=CARD]`: a voucher is taken in.
    fn issue(&mut self, words: &[&str]) -> String {
        let names = self.engine.names();
        let club = names.club_id(club_of(words)).unwrap();
        let (purse, rest) = words[1].split_once('=').unwrap();
        let (amount, last) = rest.split_once('~').unwrap_or((rest, ""));
        let mut sha256 = [7; 32];
        sha256[..16].copy_from_slice(&token(words[0]).0);
        let opening = Opening {
            reason: "a story".to_owned(),
            sha256,
            members: vec![OpeningMember {
                club,
                identities: vec![Identity::Voucher(token(words[0]))],
                tier: None,
                marketer: None,
                joined: None,
                born: None,
                lots: vec![OpeningLot {
                    purse: names.purse_id(club, purse).unwrap(),
                    shop: None,
                    amount: amount.parse().unwrap(),
                    booked: self.local().day,
                    last_day: JalaliDate::parse(last).map(JalaliDate::day),
                }],
            }],
        };
        match self.engine.act(Act::Open(opening), self.now) {
            Ok(_) => "issued".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    /// `state CARD in=PRODUCT STATE`, `limit CARD in=PRODUCT PURSE=RIALS`, `given CARD in=PRODUCT by CARD`.
    fn order_card(&mut self, words: &[&str], change: CardChange) -> String {
        let order = CardOrder {
            club: self.engine.names().club_id(club_of(words)).unwrap(),
            whose: Identity::Card(token(words[1])),
            change,
            by: By::switch("story"),
            why: "a story".to_owned(),
        };
        match self.engine.act(Act::Card(order), self.now) {
            Ok(_) => "done".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    /// `event NAME CARD`
    fn event(&mut self, name: &str, card: &str) -> String {
        let names = self.engine.names();
        let club = names.club_id("golestan").unwrap();
        let Some(event) = names.event_id(club, name) else {
            return "no such event".to_owned();
        };
        let identity = Identity::Card(token(card));
        let happened = Happened {
            member: self.engine.book().who(club, identity).unwrap(),
            event,
            reason: "a story".to_owned(),
        };
        match self.engine.act(Act::Event(happened), self.now) {
            Ok(_) => "released".to_owned(),
            Err(error) => error
                .to_string()
                .replace("nothing waits for it", "nothing waits"),
        }
    }

    /// `open CARD [in=CLUB] [silver] [p-77] PURSE=AMOUNT[@SHOP][until DATE] …`
    fn open(&mut self, words: &[&str]) {
        let names = self.engine.names();
        let club = names.club_id(club_of(words)).unwrap();
        let mut member = OpeningMember {
            club,
            identities: vec![Identity::Card(token(words[0]))],
            tier: None,
            marketer: None,
            joined: None,
            born: None,
            lots: Vec::new(),
        };
        for word in words[1..].iter().filter(|word| !word.starts_with("in=")) {
            if let Some(tier) = names.tier_id(club, word) {
                member.tier = Some(tier);
            } else if let Some(person) = names.person_id(word) {
                member.marketer = Some(person);
            } else if let Some(day) = word.strip_prefix("born=") {
                member.born = Day::parse(day);
            } else if let Some(day) = word.strip_prefix("joined=") {
                member.joined = Day::parse(day);
            } else if let Some((purse, rest)) = word.split_once('=') {
                let id = names.purse_id(club, purse).unwrap();
                let decimals = names.purse_particulars(id).unwrap().2;
                let (rest, last_day) = match rest.split_once('~') {
                    Some((rest, date)) => (rest, Some(JalaliDate::parse(date).unwrap().day())),
                    None => (rest, None),
                };
                let (amount, shop) = match rest.split_once('@') {
                    Some((amount, shop)) => (amount, Some(names.shop_id(shop).unwrap())),
                    None => (rest, None),
                };
                let (whole, part) = amount.split_once('.').unwrap_or((amount, ""));
                let amount = format!("{whole}{part:0<width$}", width = usize::from(decimals));
                member.lots.push(OpeningLot {
                    purse: id,
                    shop,
                    amount: amount.parse().unwrap(),
                    booked: self.local().day.plus(-30),
                    last_day,
                });
            } else {
                panic!("open with what? {word}");
            }
        }
        let mut sha256 = [0; 32];
        sha256[..16].copy_from_slice(&token(words[0]).0);
        sha256[16..18].copy_from_slice(&club.0.to_le_bytes());
        let opening = Opening {
            reason: "a story".to_owned(),
            sha256,
            members: vec![member],
        };
        self.engine.act(Act::Open(opening), self.now).unwrap();
    }

    fn purse_amount(&self, purse: clubswitch::terms::PurseId, amount: i64) -> String {
        let names = self.engine.names();
        let decimals = names.purse_particulars(purse).unwrap().2;
        format!("{} {}", names.purse(purse), pointed(amount, decimals))
    }

    /// What a member has, purse by purse, usable or not, and what he owes.
    fn balances(&self, card: &str, club: &str) -> String {
        let names = self.engine.names();
        let club = names.club_id(club).unwrap();
        let id = self
            .engine
            .book()
            .who(club, Identity::Card(token(card)))
            .unwrap();
        let member = self.engine.book().member(id).unwrap();
        let mut all: Vec<String> = member
            .holdings()
            .into_iter()
            .filter(|held| held.total() != 0 || held.debt != 0)
            .map(|held| {
                let owed = match held.debt {
                    0 => String::new(),
                    debt => format!(
                        " owes {}",
                        pointed(debt, names.purse_particulars(held.purse).unwrap().2)
                    ),
                };
                format!("{}{owed}", self.purse_amount(held.purse, held.total()))
            })
            .collect();
        all.sort();
        all.join(", ")
    }

    /// What everybody has and owes.
    pub(crate) fn everything(&self) -> String {
        let book = self.engine.book();
        let mut purses: Vec<String> = Vec::new();
        for member in book.members() {
            for held in member.holdings() {
                let net = held.total() - held.debt;
                purses.push(format!("{} {:?} {net}", member.id, held.purse));
            }
        }
        let accounts = book
            .accounts()
            .into_iter()
            .filter(|(_, _, balance)| *balance != 0);
        format!("{purses:?} {:?}", accounts.collect::<Vec<_>>())
    }

    /// The balances of the accounts of one kind: `shop`, `pool`, `club`, `person`, `reserve`, `owner`, `operator`, `rounding`.
    fn account(&self, kind: &str) -> String {
        let all: Vec<String> = self
            .engine
            .book()
            .accounts()
            .into_iter()
            .filter(|(account, _, balance)| {
                *balance != 0 && format!("{account:?}").to_lowercase().starts_with(kind)
            })
            .map(|(_, _, balance)| balance.to_string())
            .collect();
        all.join(" ")
    }

    fn told(&self, answer: &Answer) -> String {
        let told = &answer.told;
        let mut text = told.verdict.name().to_owned();
        if let Some(discount) = told.discount {
            text += &format!(" discount {}", discount.0);
        }
        if !told.redeemed.is_empty() {
            text += &format!(" redeemed {}", told.redeemed_rials().0);
            for redeemed in &told.redeemed {
                text += &format!(" -{}", self.purse_amount(redeemed.purse, redeemed.amount));
            }
        }
        if let Some(pays) = told.pays {
            text += &format!(" pays {}", pays.0);
        }
        for earned in &told.earned {
            text += &format!(" +{}", self.purse_amount(earned.purse, earned.amount));
        }
        for line in &told.says {
            text += &format!(" says {line:?}");
        }
        text
    }

    pub(crate) fn check(&mut self, story: &str) {
        for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (does, wanted) = line.split_once("->").unwrap_or((line, ""));
            let told = self.line(does.trim());
            if line.contains("->") {
                assert_eq!(told.trim(), wanted.trim(), "{line}");
            }
        }
        self.replay();
    }

    /// What every entry did so far.
    pub(crate) fn effects(&mut self) -> Vec<Effects> {
        self.write();
        let entries = self.journal.iter().flat_map(|g| record::split(&g.bytes));
        let read = entries.map(|bytes| record::decode(bytes.unwrap()).unwrap().effects);
        read.collect()
    }

    /// Reads everything back that was written: the same book, to the byte; and it adds up.
    pub(crate) fn replay(&mut self) {
        self.write();
        let mut book = Book::new(self.engine.book().memory().capacity());
        for group in &self.journal {
            for bytes in record::split(&group.bytes) {
                book.apply(&record::decode(bytes.unwrap()).unwrap());
            }
        }
        let live = self.engine.book().to_bytes();
        assert!(book.to_bytes() == live, "a replay gives another book");
        let read = Book::read(&mut &live[..], book.memory().capacity()).unwrap();
        assert!(read.to_bytes() == live, "a snapshot gives another book");
        assert_eq!(read.cap_count(), book.cap_count());
        assert_eq!(book.imbalance(), 0);
        assert_eq!(book.sums(), book.sums_counted());
    }
}

fn check(story: &str) {
    Town::new(WORLD, &[GOLESTAN]).check(story);
    // The same, when memory holds nothing and every old entry has to be brought.
    let forgetful = Limits {
        recent_entries: 0,
        ..Limits::default()
    };
    Town::with_limits(WORLD, &[GOLESTAN], forgetful).check(story);
}

fn check_with(club: &str, story: &str) {
    Town::new(WORLD, &[club]).check(story);
}

#[test]
fn the_worked_example_comes_out_to_the_rial() {
    check(
        "open C1 silver p-77 merchant-credit=40000@m-1001~1405/10/10 club-credit=125000~1405/12/01 points=830.50
         buy 2755555 card C1 redeem 200000 stan 7 -> approved discount 137777 redeemed 200000 -merchant-credit 40000 -club-credit 125000 -points 233.34 pays 2417778 +points 290.13 +club-credit 24177
         owes pool     -> -2417778
         owes club     -> -223378
         owes shop     -> 2581158
         owes person   -> 11021
         owes owner    -> 16533
         owes reserve  -> 24177
         owes operator -> 8266
         owes rounding -> 1
         has C1 -> club-credit 24177, points 887.29",
    );
}

#[test]
fn a_repeat_is_told_the_same_and_moves_nothing() {
    check(
        "open C1 points=1000
         buy 1000000 card C1 redeem 100000 stan 7 -> approved discount 50000 redeemed 100000 -points 666.67 pays 850000 +points 85.00 +club-credit 8500
         repeat stan 7 -> approved discount 50000 redeemed 100000 -points 666.67 pays 850000 +points 85.00 +club-credit 8500
         buy 50000 card C1
         repeat stan 7 -> approved discount 50000 redeemed 100000 -points 666.67 pays 850000 +points 85.00 +club-credit 8500
         repeat stan 7 amount 999 -> key-conflict
         has C1 -> club-credit 8975, points 423.08",
    );
}

#[test]
fn a_declined_wish_is_told_again_as_it_was() {
    check(
        "open C1 points=10
         buy 1000000 card C1 redeem 100000 stan 7 -> not-enough
         repeat stan 7 -> not-enough
         has C1 -> points 10.00",
    );
}

#[test]
fn a_reversal_leaves_everything_as_if_it_had_not_been() {
    check(
        "open C1 silver p-77 merchant-credit=40000@m-1001~1405/10/10 club-credit=125000~1405/12/01 points=830.50
         buy 2755555 card C1 redeem 200000 stan 7
         reverse stan 7 advised own 8 -> approved
         owes pool     ->
         owes shop     ->
         owes club     ->
         owes person   ->
         owes operator ->
         owes rounding ->
         has C1 -> club-credit 125000, merchant-credit 40000, points 830.50
         repeat stan 8 -> approved
         reverse stan 7 advised -> approved
         reverse stan 7 -> approved
         has C1 -> club-credit 125000, merchant-credit 40000, points 830.50
         repeat stan 7 -> approved discount 137777 redeemed 200000 -merchant-credit 40000 -club-credit 125000 -points 233.34 pays 2417778 +points 290.13 +club-credit 24177",
    );
}

#[test]
fn a_refused_request_and_its_advice_are_undone_by_a_reversal_of_either() {
    check(
        "open C1 points=10
         buy 1000000 card C1 redeem 100000 stan 7 -> not-enough
         tell 1000000 card C1 stan 7
         reverse stan 7 of 20 advised -> approved
         owes shop ->
         has C1 -> points 10.00
         buy 1000000 card C1 redeem 100000 stan 8 -> not-enough
         reverse stan 8 advised -> approved
         tell 1000000 card C1 stan 8 -> approved
         owes shop ->
         has C1 -> points 10.00",
    );
}

#[test]
fn a_reversal_may_name_the_amount_as_asked_or_as_answered() {
    check(
        "open C1
         buy 1000000 card C1 stan 1
         reverse stan 1 amount 999 -> amount-differs
         reverse stan 1 amount 1000000 -> approved
         buy 1000000 card C1 stan 2
         reverse stan 2 amount 950000 -> approved
         buy 1000000 card C1 stan 3
         reverse stan 3 amount 999 advised -> approved
         owes shop ->",
    );
}

#[test]
fn a_reversal_that_comes_first_waits_for_its_original() {
    check(
        "open C1
         reverse stan 7 advised -> approved
         buy 1000000 card C1 stan 7 -> unknown-transaction
         repeat stan 7 -> unknown-transaction
         reverse stan 9 -> original-not-found
         buy 1000000 card C1 stan 9 -> unknown-transaction
         buy 1000000 card C1 stan 10 -> approved discount 50000 pays 950000 +points 95.00 +club-credit 9500
         owes pool -> -950000",
    );
}

#[test]
fn a_reversal_by_reference_needs_no_trace_number() {
    check(
        "open C1
         buy 1000000 card C1 stan 7 rrn 555500000001
         buy 1000000 card C1 stan 8 rrn 555500000002
         reverse stan 99 own 8 rrn 555500000001 -> approved
         owes pool -> -950000
         reverse stan 99 advised rrn 555500000003 -> approved
         buy 1000000 card C1 stan 9 rrn 555500000003 -> unknown-transaction
         buy 1000000 card C1 stan 10 rrn 555500000004
         owes pool -> -1900000",
    );
}

#[test]
fn a_reversal_that_two_originals_fit_guesses_neither() {
    check(
        "open C1
         buy 1000000 card C1 stan 7
         at 1405/09/02 11:15
         buy 1000000 card C1 stan 7
         at 1405/09/02 11:20
         reverse stan 7 -> original-not-found
         owes pool -> -1900000
         reverse stan 7 stamp 1123111500 -> approved
         owes pool -> -950000",
    );
}

#[test]
fn a_part_is_not_undone_by_guessing() {
    check(
        "open C1
         buy 1000000 card C1 stan 7
         reverse stan 7 part -> unknown-transaction
         reverse stan 7 part advised -> approved
         owes pool -> -950000",
    );
}

#[test]
fn spent_earnings_are_owed_and_the_next_ones_pay_them() {
    check(
        "open C1
         buy 10000000 card C1 stan 1 -> approved discount 300000 pays 9700000 +points 970.00 +club-credit 120500
         at 1405/09/03 10:15
         buy 400000 card C1 redeem 110000 stan 2 -> approved discount 20000 redeemed 110000 -club-credit 110000 pays 270000 +points 27.00 +club-credit 2700
         reverse stan 1 advised -> approved
         has C1 -> club-credit 0 owes 107300, points 27.00
         buy 1000000 card C1 -> approved discount 50000 pays 950000 +points 95.00 +club-credit 9500
         has C1 -> club-credit 0 owes 97800, points 122.00
         balance card C1 -> approved points 0.00 club-credit 0 merchant-credit 0",
    );
}

#[test]
fn a_purse_that_may_go_below_zero_shows_it() {
    let club = GOLESTAN.replacen("negative  = \"recover\"", "negative  = \"allow\"", 2);
    check_with(
        &club,
        "open C1
         buy 10000000 card C1 stan 1
         buy 400000 card C1 redeem 110000
         reverse stan 1 advised -> approved
         balance card C1 of club-credit -> approved club-credit -107300
         buy 1000000 card C1
         balance card C1 of club-credit -> approved club-credit -97800",
    );
}

#[test]
fn points_can_be_spent_from_the_next_business_day_on() {
    check(
        "open C1
         buy 10000000 card C1
         balance card C1 of points -> approved points 0.00
         at 1405/09/03 00:00
         balance card C1 of points -> approved points 970.00",
    );
}

#[test]
fn a_lot_is_dead_at_the_start_of_the_day_after_its_last() {
    check(
        "open C1 points=1000~1405/09/02
         at 1405/09/02 23:59:59
         balance card C1 of points -> approved points 1000.00
         at 1405/09/03 00:00
         balance card C1 of points -> approved points 0.00
         buy 1000000 card C1 redeem 100000 -> not-enough",
    );
}

#[test]
fn given_back_lots_that_died_live_a_week_more() {
    check(
        "open C1 points=1000~1405/09/03
         buy 1000000 card C1 redeem 100000 stan 7
         at 1405/09/06 09:00
         reverse stan 7 advised -> approved
         balance card C1 of points -> approved points 666.67
         at 1405/09/12 23:59
         balance card C1 of points -> approved points 666.67
         at 1405/09/13 00:00
         balance card C1 of points -> approved points 0.00",
    );
}

#[test]
fn the_soonest_to_die_is_spent_first() {
    check(
        "open C1 points=500 points=500~1405/12/01 points=500~1405/10/01
         buy 1000000 card C1 redeem 100000
         at 1405/10/02 10:00
         balance card C1 of points -> approved points 918.33
         at 1405/12/02 10:00
         balance card C1 of points -> approved points 585.00",
    );
}

#[test]
fn refusals_of_a_wish_come_in_their_order() {
    check(
        "open C1 points=10000
         buy 1000000 card C1 redeem 0 -> invalid-amount
         buy 1000000 card C1 redeem 40000 -> invalid-amount
         buy 1000000 card C1 redeem 55000 -> invalid-amount
         buy 1000000 card C1 redeem 290000 -> over-amount-limit
         buy 1000000 card C1 redeem 280000 purse points -> approved discount 50000 redeemed 280000 -points 1866.67 pays 670000 +points 67.00 +club-credit 6700
         buy 1000000 card C1 redeem 100000 purse nothing -> not-allowed
         buy 1000000 card C1 redeem 100000 mcc 6011 -> not-allowed
         buy 1000000 card C9 redeem 100000 -> member-unknown
         buy 1000000 card C1 redeem 100000 currency 840 -> invalid-amount
         buy 1000000 mobile M1 redeem 100000 -> member-unknown
         buy 0 card C1 -> invalid-amount",
    );
}

#[test]
fn a_mobile_alone_does_not_redeem() {
    check(
        "enrol card C1 mobile M1 -> approved member 1
         buy 1000000 mobile M1 -> approved discount 50000 pays 950000 +points 95.00 +club-credit 9500
         buy 1000000 mobile M1 redeem 50000 -> not-allowed",
    );
}

#[test]
fn as_much_as_allowed_is_trimmed_to_the_step() {
    check(
        "open C1 points=1000
         buy 1000000 card C1 redeem max -> approved discount 50000 redeemed 150000 -points 1000.00 pays 800000 +points 80.00 +club-credit 8000
         open C2 points=100
         buy 1000000 card C2 redeem max -> approved discount 50000 pays 950000 +points 95.00 +club-credit 9500
         open C3 points=100000
         buy 1000000 card C3 redeem max -> approved discount 50000 redeemed 280000 -points 1866.67 pays 670000 +points 67.00 +club-credit 6700",
    );
}

#[test]
fn a_day_has_a_limit_of_redeeming() {
    check(
        "open C1 points=100000
         buy 15000000 card C1 redeem 4400000 stan 1
         buy 15000000 card C1 redeem 610000 -> over-amount-limit
         buy 15000000 card C1 redeem 600000 -> approved discount 300000 redeemed 600000 -club-credit 129500 -points 3136.67 pays 14100000 +points 1410.00 +club-credit 186500
         reverse stan 1 advised -> approved
         buy 15000000 card C1 redeem 4400000 -> approved discount 300000 redeemed 4400000 -club-credit 57000 -points 28953.34 pays 10300000 +points 1030.00 +club-credit 129500",
    );
}

#[test]
fn merchant_credit_is_spent_only_where_it_was_earned() {
    check(
        "open C1 merchant-credit=100000@m-1002
         buy 1000000 card C1 redeem 50000 -> not-enough",
    );
}

#[test]
fn nobodys_card_buys_without_a_club() {
    check(
        "buy 1000000 card C9 -> approved
         owes pool -> -1000000
         owes shop -> 1000000
         buy 1000000 card C9 at m-2001 -> approved
         buy 1000000 card C9 at m-9999 -> merchant-unknown
         buy 1000000 card C9 currency 840 -> approved
         buy 1000000 card C9 barred -> terminal-not-allowed
         owes pool -> -1000000 -1000000",
    );
}

#[test]
fn a_club_judges_only_at_its_shops_and_when_it_is_named() {
    check(
        "open C1
         buy 1000000 card C1 at m-1002 -> approved
         buy 1000000 card C1 club golestan -> approved discount 50000 pays 950000 +points 95.00 +club-credit 9500
         buy 1000000 card C1 club pars -> approved
         buy 1000000 card C1 club pars redeem 50000 -> member-unknown",
    );
}

#[test]
fn somebody_is_enrolled_once() {
    check(
        "enrol card C1 mobile M1 staff p-77 -> approved member 1
         enrol card C1 -> already-there member 1
         enrol card C2 mobile M1 -> already-there member 1
         enrol card C2 -> approved member 2
         enrol -> format-error
         buy 1000000 card C1
         owes person -> 4000",
    );
}

#[test]
fn the_first_purchase_makes_a_member_where_the_club_says_so() {
    let club = GOLESTAN.replace("on_first_purchase = false", "on_first_purchase = true");
    check_with(
        &club,
        "quote 1000000 card C1 -> approved discount 50000 pays 950000 +points 95.00 +club-credit 9500
         enrol card C2 -> approved member 1
         buy 1000000 card C1 stan 1 -> approved discount 50000 pays 950000 +points 95.00 +club-credit 9500
         buy 1000000 card C1 -> approved discount 50000 pays 950000 +points 95.00 +club-credit 9500
         has C1 -> club-credit 19000, points 190.00
         enrol card C1 -> already-there member 2
         reverse stan 1 advised -> approved
         has C1 -> club-credit 9500, points 95.00",
    );
}

#[test]
fn a_quote_tells_and_moves_nothing() {
    check(
        "open C1 points=1000
         quote 1000000 card C1 redeem 100000 -> approved discount 50000 redeemed 100000 -points 666.67 pays 850000 +points 85.00 +club-credit 8500
         has C1 -> points 1000.00
         owes pool ->",
    );
}

#[test]
fn an_advice_posts_what_was_charged() {
    check(
        "open C1 points=100
         tell 1000000 card C1 stan 1 -> approved discount 0 pays 1000000 +points 100.00 +club-credit 10000
         repeat stan 1 -> approved discount 0 pays 1000000 +points 100.00 +club-credit 10000
         tell 900000 card C1 discount 50000 redeem 10000 -> approved discount 50000 redeemed 10000 -club-credit 10000 pays 900000 +points 90.00 +club-credit 9000
         owes pool -> -1900000
         tell 1000000 card C1 at m-9999 -> approved
         owes pool -> -1900000",
    );
}

#[test]
fn an_advice_of_a_decided_purchase_only_confirms_it() {
    check(
        "open C1
         buy 1000000 card C1 stan 7 -> approved discount 50000 pays 950000 +points 95.00 +club-credit 9500
         tell 950000 card C1 stan 7 -> approved
         repeat stan 7 -> approved
         owes pool -> -950000",
    );
}

#[test]
fn an_advice_that_comes_after_the_reversal_posts_nothing() {
    check(
        "open C1
         buy 1000000 card C1 stan 7
         reverse stan 7 advised -> approved
         tell 950000 card C1 stan 7 -> approved
         owes pool ->
         has C1    ->",
    );
}

#[test]
fn a_request_that_its_advice_overtook_is_not_posted_again() {
    check(
        "open C1
         tell 1000000 card C1 stan 7 -> approved discount 0 pays 1000000 +points 100.00 +club-credit 10000
         buy 1000000 card C1 stan 7 -> approved pays 1000000
         owes pool -> -1000000
         reverse stan 7 advised -> approved
         owes pool ->",
    );
}

#[test]
fn a_reversal_of_the_confirmation_undoes_the_purchase() {
    check(
        "open C1
         buy 1000000 card C1 stan 7
         at 1405/09/02 10:20
         tell 950000 card C1 stan 7 stamp 1123101500 -> approved
         reverse stan 7 advised of 22 -> approved
         owes pool ->
         has C1    ->",
    );
}

#[test]
fn an_advice_of_a_refund_is_no_purchase() {
    check(
        "open C1
         tell 1000000 card C1 processing 200000 -> approved
         owes pool ->",
    );
}

#[test]
fn a_reference_that_never_changes_misleads_nobody() {
    check(
        "open C1
         buy 1000000 card C1 stan 7 rrn 555500000001
         at 1405/09/02 10:16
         buy 2000000 card C1 stan 8 rrn 555500000001
         reverse stan 7 own 7 rrn 555500000001 stamp 1123101500 advised amount 950000 -> approved
         owes pool -> -1900000
         tell 700000 card C1 stan 9 rrn 555500000001 -> approved discount 0 pays 700000 +points 70.00 +club-credit 7000
         at 1405/09/02 10:18
         reverse stan 99 advised rrn 777700000001 amount 5000 -> approved
         at 1405/09/02 10:19
         buy 5000 card C1 rrn 777700000001 -> approved discount 250 pays 4750 +points 0.47 +club-credit 47",
    );
}

#[test]
fn a_tombstone_of_one_day_does_not_stop_the_next() {
    check(
        "open C1
         reverse stan 7 advised -> approved
         at 1405/09/03 10:15
         buy 1000000 card C1 stan 7 -> approved discount 50000 pays 950000 +points 95.00 +club-credit 9500",
    );
}

#[test]
fn of_two_days_with_one_trace_number_the_reversal_means_its_own() {
    check(
        "open C1
         buy 1000000 card C1 stan 7
         at 1405/09/03 10:15
         buy 3000000 card C1 stan 7
         reverse stan 7 advised own 7 -> approved
         owes pool -> -950000",
    );
}

#[test]
fn what_is_dead_pays_no_debt() {
    check(
        "open C1 club-credit=500000~1405/09/02
         at 1405/09/03 10:15
         buy 10000000 card C1 stan 1
         buy 400000 card C1 redeem 110000
         reverse stan 1 advised -> approved
         has C1 -> club-credit 500000 owes 107300, points 27.00",
    );
}

#[test]
fn what_an_advice_told_over_the_balance_is_owed() {
    check(
        "open C1 points=100
         tell 900000 card C1 redeem 100000 -> approved discount 0 redeemed 100000 -points 100.00 -club-credit 85000 pays 900000 +points 90.00 +club-credit 9000
         has C1 -> club-credit 0 owes 76000, points 90.00",
    );
}

#[test]
fn an_advice_is_judged_at_its_own_time() {
    check(
        "open C1
         at 1405/09/09 10:14
         tell 1000000 card C1 stamp 1123101500 -> approved discount 0 pays 1000000 +points 100.00 +club-credit 10000
         at 1405/09/09 10:16
         tell 1000000 card C1 stamp 1123101500 -> approved
         owes pool -> -1000000",
    );
}

#[test]
fn an_advice_is_judged_by_the_rules_of_its_own_time() {
    let mut town = Town::new(WORLD, &[GOLESTAN]);
    town.check("open C1\nat 1405/09/03 10:15");
    let dearer = GOLESTAN.replace(
        "points = 1, per_rial = 10_000",
        "points = 3, per_rial = 10_000",
    );
    let texts = [
        ("world/shared.toml", WORLD),
        ("clubs/golestan.toml", dearer.as_str()),
    ];
    let loaded = rulefile::compile(&texts, &town.engine.names()).unwrap();
    let act = Act::LoadRules(Arc::new(loaded.rulebook));
    town.engine.act(act, town.now).unwrap();
    town.check(
        "tell 1000000 card C1 stamp 1123101500 -> approved discount 0 pays 1000000 +points 100.00 +club-credit 10000
         tell 1000000 card C1 -> approved discount 0 pays 1000000 +points 300.00 +club-credit 10000
         buy 1000000 card C1 -> approved discount 50000 pays 950000 +points 285.00 +club-credit 9500",
    );
}

#[test]
fn what_is_older_than_memory_is_not_posted() {
    check(
        "open C1
         at 1405/09/10 10:15
         buy 1000000 card C1 stamp 1123101500 -> approved discount 50000 pays 950000 +points 95.00 +club-credit 9500
         buy 1000000 card C1 stamp 1123101459 -> unknown-transaction
         buy 1000000 card C1 stamp 1231101459 -> approved discount 50000 pays 950000 +points 95.00 +club-credit 9500
         buy 1000000 card C1 stamp 1199101459 -> format-error",
    );
}

#[test]
fn the_day_turns_by_the_clock_and_by_the_operator() {
    let mut town = Town::new(WORLD, &[GOLESTAN]);
    let mut day = |story: &str| {
        town.check(story);
        let open = town.engine.book().open_day(AcquirerId(0)).unwrap();
        open.to_string()
    };
    assert_eq!(day("buy 1000 card C1"), "1405/09/02");
    assert_eq!(
        day("at 1405/09/02 23:59:29\nbuy 1000 card C1"),
        "1405/09/02"
    );
    assert_eq!(
        day("at 1405/09/02 23:59:30\nbuy 1000 card C1"),
        "1405/09/03"
    );
    assert_eq!(day("turn"), "1405/09/04");
    assert_eq!(
        day("at 1405/09/03 23:59:30\nbuy 1000 card C1"),
        "1405/09/04"
    );
    assert_eq!(day("at 1405/09/08 12:00\nbuy 1000 card C1"), "1405/09/08");
}

#[test]
fn days_turned_by_hand_do_not_shorten_the_memory_of_duplicates() {
    let turns = "turn\n".repeat(30);
    check(&format!(
        "open C1
         buy 1000000 card C1 stan 7 -> approved discount 50000 pays 950000 +points 95.00 +club-credit 9500
         {turns}
         repeat stan 7 -> approved discount 50000 pays 950000 +points 95.00 +club-credit 9500
         at 1405/09/10 10:15
         {turns}
         repeat stan 7 -> approved discount 50000 pays 950000 +points 95.00 +club-credit 9500
         has C1 -> club-credit 9500, points 95.00"
    ));
}

#[test]
fn discounts_go_together_as_the_club_says() {
    let club = |mode: &str| {
        GOLESTAN.replacen(
            "mode = \"best-for-member\"",
            &format!("mode = \"{mode}\""),
            1,
        )
    };
    let gold = "open C1 gold\nbuy 1000000 card C1 stan 1 -> approved discount";
    check_with(
        &club("all"),
        &format!("{gold} 80000 pays 920000 +points 138.00 +club-credit 9200"),
    );
    check_with(
        &club("first"),
        &format!("{gold} 50000 pays 950000 +points 142.50 +club-credit 9500"),
    );
    check_with(
        &club("best-for-member"),
        &format!("{gold} 50000 pays 950000 +points 142.50 +club-credit 9500"),
    );
    check_with(
        &club("best-for-member"),
        "at 1405/09/02 12:00
         open C1 gold
         buy 1000000 card C1 -> approved discount 30000 pays 970000 +points 145.50 +club-credit 9700",
    );
}

/// The club with one more accrual of 1,000 points, under a condition.
fn with_bonus(when: &str) -> String {
    let bonus = format!(
        "[[accrue]]\nname = \"bonus\"\nwhen = {when}\nearn = {{ to = \"points\", fixed = \"1000\" }}\nfunded_by = \"club\"\n\n[[split]]"
    );
    // Without the club's own, which would welcome him too.
    let club = GOLESTAN.replace(
        "older_than = \"60 days\" }, amount",
        "older_than = \"400 days\" }, amount",
    );
    assert_ne!(club, GOLESTAN);
    club.replacen("[[split]]", &bonus, 1)
}

#[test]
fn a_first_purchase_is_one_before_which_there_was_none_or_only_what_was_taken_back() {
    check_with(
        &with_bonus("{ first_purchase = true }"),
        "open C1
         buy 1000000 card C1 stan 1 -> approved discount 50000 pays 950000 +points 1095.00 +club-credit 9500
         buy 1000000 card C1 stan 2 -> approved discount 50000 pays 950000 +points 95.00 +club-credit 9500
         reverse stan 1 -> approved
         buy 1000000 card C1 stan 3 -> approved discount 50000 pays 950000 +points 95.00 +club-credit 9500
         reverse stan 2 -> approved
         reverse stan 3 -> approved
         buy 1000000 card C1 stan 4 -> approved discount 50000 pays 950000 +points 1095.00 +club-credit 9500",
    );
    check_with(
        &with_bonus("{ first_purchase = false }"),
        "open C1
         buy 1000000 card C1 -> approved discount 50000 pays 950000 +points 95.00 +club-credit 9500
         buy 1000000 card C1 -> approved discount 50000 pays 950000 +points 1095.00 +club-credit 9500",
    );
}

#[test]
fn who_comes_back_after_sixty_days_is_welcome() {
    // Within 60 days is today and the 59 days before; older is all that was before them.
    let story = |older: &str, within: &str| {
        format!(
            "open C1
             buy 1000000 card C1 -> approved discount 50000 pays 950000 +points 95.00 +club-credit 9500
             at 1405/11/01 13:00
             buy 1000000 card C1 stan 2 -> approved discount 0 pays 1000000 +points {within} +club-credit 10000
             reverse stan 2 -> approved
             at 1405/11/02 13:00
             buy 1000000 card C1 -> approved discount 0 pays 1000000 +points {older} +club-credit 10000"
        )
    };
    check_with(
        &with_bonus("{ last_purchase = { older_than = \"60 days\" } }"),
        &story("1100.00", "100.00"),
    );
    check_with(
        &with_bonus("{ last_purchase = { within = \"60 days\" } }"),
        &story("100.00", "1100.00"),
    );
}

#[test]
fn the_third_purchase_in_a_window_counts_and_what_left_the_window_does_not() {
    check_with(
        &with_bonus("{ visits = { in = \"3 days\", every = 3 } }"),
        "at 1405/09/02 13:00
         open C1
         buy 1000000 card C1 -> approved discount 0 pays 1000000 +points 100.00 +club-credit 10000
         buy 1000000 card C1 stan 2 -> approved discount 0 pays 1000000 +points 100.00 +club-credit 10000
         buy 1000000 card C1 -> approved discount 0 pays 1000000 +points 1100.00 +club-credit 10000
         buy 1000000 card C1 -> approved discount 0 pays 1000000 +points 100.00 +club-credit 10000
         reverse stan 2 -> approved
         at 1405/09/03 13:00
         buy 1000000 card C1 -> approved discount 0 pays 1000000 +points 100.00 +club-credit 10000
         at 1405/09/05 13:00
         buy 1000000 card C1 -> approved discount 0 pays 1000000 +points 100.00 +club-credit 10000
         buy 1000000 card C1 -> approved discount 0 pays 1000000 +points 1100.00 +club-credit 10000",
    );
    check_with(
        &with_bonus("{ visits = { in = \"jalali-month\", min = 2, max = 3 } }"),
        "at 1405/09/29 13:00
         open C1
         buy 1000000 card C1 -> approved discount 0 pays 1000000 +points 100.00 +club-credit 10000
         buy 1000000 card C1 -> approved discount 0 pays 1000000 +points 1100.00 +club-credit 10000
         buy 1000000 card C1 -> approved discount 0 pays 1000000 +points 1100.00 +club-credit 10000
         buy 1000000 card C1 -> approved discount 0 pays 1000000 +points 100.00 +club-credit 10000
         at 1405/10/01 13:00
         buy 1000000 card C1 -> approved discount 0 pays 1000000 +points 100.00 +club-credit 10000",
    );
}

#[test]
fn the_past_counts_in_the_club_at_the_shop_or_in_a_group() {
    let story = |here: &str, there: &str, again: &str| {
        format!(
            "at 1405/09/02 13:00
             open C1
             buy 1000000 card C1 at m-1001 -> approved discount 0 pays 1000000 +points {here} +club-credit 10000
             buy 1000000 card C1 at m-1002 mcc 5411 -> approved discount 0 pays 1000000 +points {there} +club-credit 10000
             buy 1000000 card C1 at m-1001 -> approved discount 0 pays 1000000 +points {again} +club-credit 10000"
        )
    };
    let bonus = |place: &str| {
        with_bonus(&format!(
            "{{ visits = {{ in = \"day\", min = 2, where = \"{place}\" }} }}"
        ))
    };
    check_with(&bonus("club"), &story("100.00", "1100.00", "1100.00"));
    check_with(&bonus("merchant"), &story("100.00", "100.00", "1100.00"));
    check_with(
        &bonus("golestan-branches"),
        &story("100.00", "100.00", "1100.00"),
    );
}

#[test]
fn the_shipped_club_welcomes_who_comes_back_and_gives_for_the_tenth() {
    let mut story = String::from("at 1405/09/02 13:00\nopen C1\n");
    for number in 1..=20 {
        let credit = if number % 10 == 0 { "210000" } else { "10000" };
        story.push_str(&format!(
            "buy 1000000 card C1 stan {number} -> approved discount 0 pays 1000000 +points 100.00 +club-credit {credit}\n"
        ));
    }
    check(&story);
    check(
        "at 1405/09/03 13:00
         open C1
         buy 1000000 card C1 -> approved discount 0 pays 1000000 +points 100.00 +club-credit 10000
         at 1405/11/02 13:00
         buy 1000000 card C1 stan 1 -> approved discount 0 pays 1000000 +points 100.00 +club-credit 10000
         reverse stan 1 -> approved
         at 1405/11/03 13:00
         buy 900000 card C1 stan 2 -> approved discount 0 pays 900000 +points 90.00 +club-credit 9000
         reverse stan 2 -> approved
         buy 1000000 card C1 -> approved discount 0 pays 1000000 +points 200.00 +club-credit 10000",
    );
}

#[test]
fn who_joined_lately_and_who_long_ago() {
    let story = |young: &str, old: &str| {
        format!(
            "at 1405/09/02 13:00
             enrol card C1 -> approved member 1
             buy 1000000 card C1 -> approved discount 0 pays 1000000 +points {young} +club-credit 10000
             at 1405/10/02 13:00
             buy 1000000 card C1 -> approved discount 0 pays 1000000 +points {old} +club-credit 10000"
        )
    };
    check_with(
        &with_bonus("{ joined = { within = \"30 days\" } }"),
        &story("1100.00", "100.00"),
    );
    check_with(
        &with_bonus("{ joined = { older_than = \"30 days\" } }"),
        &story("100.00", "1100.00"),
    );
}

#[test]
fn bands_count_each_part_or_the_whole() {
    let parts = "at 1405/09/02 12:00\nopen C1\nbuy 30000000 card C1 -> approved pays 30000000 +points 3000.00 +club-credit";
    check_with(
        GOLESTAN,
        &format!("{parts} 475000").replace("approved pays", "approved discount 0 pays"),
    );
    let whole = GOLESTAN.replace("to-each-part\" }", "to-whole-amount\" }");
    check_with(
        &whole,
        &format!("{parts} 600000").replace("approved pays", "approved discount 0 pays"),
    );
}

#[test]
fn a_split_is_cut_from_the_last_part_up() {
    // No rules may take so much from a shop; a discount that it gave by itself may.
    check(
        "open C1 p-77
         tell 10000 card C1 discount 990000 -> approved discount 990000 pays 10000 +points 1.00 +club-credit 100
         owes shop    ->
         owes reserve -> 100
         owes person  -> 4000
         owes owner   -> 5900",
    );
}

#[test]
fn fully_paid_by_purses_nothing_is_left_for_the_card() {
    let club = GOLESTAN
        .replace("at_most   = \"30%\"", "at_most   = \"100%\"")
        .replace("step_rial = 10_000", "step_rial = 1_000");
    check_with(
        &club,
        "open C1 points=100000
         buy 1000000 card C1 redeem 950000 stan 1 -> approved discount 50000 redeemed 950000 -points 6333.34 pays 0
         owes pool  ->
         owes shop  -> 962500
         reverse stan 1 advised -> approved
         owes shop  ->
         has C1 -> points 100000.00",
    );
}

#[test]
fn a_percent_of_nothing_is_nothing() {
    assert_eq!(Percent::ALL.of(Rials::ZERO), Ok(Rials::ZERO));
    check("open C1\nbuy 1 card C1 -> approved discount 0 pays 1");
}

#[test]
fn the_last_four_digits_never_stand_beside_the_token() {
    let club = GOLESTAN.replace("on_first_purchase = false", "on_first_purchase = true");
    let mut town = Town::new(WORLD, &[&club]);
    for function in [Function::Purchase, Function::Enrol] {
        let mut request = town.request(function, Mode::Ask, None);
        let card = token(function.name());
        request.asked.amount = Some(Rials(1_000_000));
        request.asked.last_four = Some(*b"1234");
        request.card = Some(card);
        request.enrol = Some(EnrolWish {
            identities: vec![Identity::Card(card)],
            ..EnrolWish::default()
        });
        let answer = town.decide(&request);
        assert!(answer.told.verdict.is_approved());
        town.write();
        let entry = town.read(answer.entry.unwrap());
        let clubswitch::ledger::Input::Request(asked) = &entry.input else {
            panic!("a request was entered");
        };
        assert!(!entry.effects.members.is_empty());
        assert_eq!(asked.last_four, None, "{}", function.name());
    }
}

#[test]
fn strangers_get_no_place_in_the_table_of_acquirers() {
    let mut town = Town::new(WORLD, &[GOLESTAN]);
    for at in 0..5 {
        let mut request = town.request(Function::Purchase, Mode::Ask, None);
        request.acquirer = format!("9{at}");
        request.asked.amount = Some(Rials(1_000));
        request.asked.key.acceptor = *b"nobody         ";
        request.card = Some(token("C1"));
        assert_eq!(town.decide(&request).entry, None);
        let balance = town.request(Function::Balance, Mode::Ask, None);
        town.decide(&balance);
    }
    assert_eq!(town.engine.names().acquirers().count(), 0);
    town.check("buy 1000 card C1 -> approved");
    assert_eq!(town.engine.names().acquirers().count(), 1);
}
