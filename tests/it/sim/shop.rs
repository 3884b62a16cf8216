//! Terminals on a bad network: they buy, repeat what they have no answer for, give up and reverse, reverse before or twice,
//! tell afterwards what they did alone, count their messages anew, send something else under a number that was used. The network loses, copies, delays, and lets messages overtake one another.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use clubswitch::ledger::{
    Aim, Asked, Facts, Function, Key, Mode, OriginalRef, Redeem, Request, Told, Verdict, Wishes,
};
use clubswitch::terms::{AcquirerId, Local, Rials};

use crate::decisions::token;
use crate::random::Dice;

pub(super) const CARDS: u64 = 8;
const SHOPS: [&[u8; 15]; 2] = [b"m-1001         ", b"m-1002         "];
const ACQUIRERS: [&str; 2] = ["581672031", "627353"];
/// Ticks until a terminal asks again.
const PATIENCE: u64 = 12;

/// Everything that the terminals have asked, and the messages under way.
pub(super) struct Shop {
    pub(super) calls: Vec<Call>,
    pub(super) buys: Vec<Buy>,
    /// Calls without an answer that somebody waits for.
    open: Vec<usize>,
    later: Vec<(u64, Later)>,
    wires: BinaryHeap<Reverse<(u64, u64, Item)>>,
    sent: u64,
    stans: Vec<u32>,
    /// Reversals are counted apart: they have the time of what they undo.
    undoes: u32,
    /// Calls before this are of a time that nobody remembers: they are never sent again.
    retired: usize,
    /// Numbers are used again: a reversal says of which time it speaks.
    pub(super) counts_anew: bool,
    dice: Dice,
    /// Whether the network behaves.
    pub(super) calm: bool,
}

/// A message with its copies and repeats.
pub(super) struct Call {
    pub(super) request: Request,
    /// The purchase it is about.
    pub(super) buy: usize,
    /// The answer that has arrived.
    pub(super) answer: Option<Told>,
    next: u64,
    given_up: bool,
}

/// Something that was bought at a terminal, or was to be.
#[derive(Default)]
pub(super) struct Buy {
    /// Requests and advices of it.
    pub(super) asks: Vec<usize>,
    /// What is to undo it.
    pub(super) undoes: Vec<usize>,
    /// Nothing but repeats comes after its request.
    plain: bool,
}

/// What is on a wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    /// A call on its way to the switch, marked as a repeat or not.
    Up(usize, bool),
    /// Its answer on its way to the terminal: the first one, since all are the same.
    Down(usize),
    /// The switch could not serve.
    Refused(usize),
}

/// What a terminal does of itself when the time has come.
enum Later {
    /// It gives up on a call, and undoes what it was for.
    GiveUp(usize),
    Undo(usize, Mode),
    Tell(usize),
}

impl Shop {
    pub(super) fn new(terminals: usize, seed: u64) -> Shop {
        Shop {
            calls: Vec::new(),
            buys: Vec::new(),
            open: Vec::new(),
            later: Vec::new(),
            wires: BinaryHeap::new(),
            sent: 0,
            stans: vec![0; terminals],
            undoes: 500_000,
            retired: 0,
            counts_anew: false,
            dice: Dice(seed ^ 0x5b09),
            calm: false,
        }
    }

    /// Whether everybody has an answer, and nobody is about to ask.
    pub(super) fn is_content(&self) -> bool {
        self.open.is_empty() && self.later.is_empty()
    }

    /// Who waits for what, for whoever looks for the fault.
    pub(super) fn state(&self) -> String {
        let first = self.open.first().map(|at| &self.calls[*at].request.asked);
        format!(
            "{} calls open, {} to come, {} on wires, the first {first:?}",
            self.open.len(),
            self.later.len(),
            self.wires.len()
        )
    }

    /// Somebody begins a purchase.
    pub(super) fn buy(&mut self, tick: u64, local: Local) {
        let terminal = self.dice.below(self.stans.len() as u64) as usize;
        let request = self.request(terminal, Function::Purchase, Mode::Ask, None, stamp(local));
        let mut request = self.with_a_basket(request);
        let buy = self.buys.len();
        let way = self.dice.below(12);
        self.buys.push(Buy {
            plain: way > 7,
            ..Buy::default()
        });
        if way == 0 {
            // The reversal overtakes its original, which may be still in the terminal.
            let stan = request.asked.key.stan;
            let local = request.asked.key.local;
            self.undo(buy, &request, (stan, local), Mode::Advise, tick);
        }
        if way == 1 {
            // Done alone, and told afterwards. What it redeemed it took without asking.
            (request.asked.mode, request.asked.key.kind) = (Mode::Advise, 22);
        }
        let call = self.call(request, buy, tick);
        let wait = 3 + self.dice.below(3 * PATIENCE);
        let later = match way {
            2 => Later::GiveUp(call),
            3 => Later::Undo(call, Mode::Ask),
            4 => Later::Undo(call, Mode::Advise),
            5 => {
                self.later.push((tick + wait, Later::Undo(call, Mode::Ask)));
                Later::Undo(call, Mode::Advise)
            }
            6 => Later::Tell(call),
            7 => {
                self.later.push((tick + wait, Later::Tell(call)));
                Later::GiveUp(call)
            }
            _ => return,
        };
        self.later
            .push((tick + 1 + self.dice.below(3 * PATIENCE), later));
    }

    /// Somebody sends something else under a number, time and kind that were used.
    pub(super) fn confuse(&mut self, tick: u64) {
        let plain = |at: &usize| self.buys[self.calls[*at].buy].plain;
        let known: Vec<usize> = (self.retired..self.calls.len()).filter(plain).collect();
        if known.is_empty() {
            return;
        }
        let at = known[self.dice.below(known.len() as u64) as usize];
        let request = self.calls[at].request.clone();
        let request = self.with_a_basket(request);
        let buy = self.buys.len();
        self.buys.push(Buy::default());
        self.call(request, buy, tick);
    }

    /// A night passes: terminals count their messages anew.
    pub(super) fn count_anew(&mut self) {
        self.stans.fill(0);
    }

    /// So long a time passes that nobody comes back to anything.
    pub(super) fn retire(&mut self) {
        self.retired = self.calls.len();
        self.open.clear();
        self.later.clear();
        self.wires.clear();
        self.count_anew();
    }

    /// Everything that terminals do at this tick.
    pub(super) fn act(&mut self, tick: u64) {
        let due: Vec<Later> = self
            .later
            .extract_if(.., |(at, _)| *at <= tick)
            .map(|(_, later)| later)
            .collect();
        for later in due {
            match later {
                Later::GiveUp(call) if self.calls[call].answer.is_some() => {}
                Later::GiveUp(call) => {
                    self.calls[call].given_up = true;
                    self.undo_call(call, Mode::Advise, tick);
                }
                Later::Undo(call, mode) => self.undo_call(call, mode, tick),
                Later::Tell(call) => {
                    let mut request = self.calls[call].request.clone();
                    (request.asked.mode, request.asked.key.kind) = (Mode::Advise, 22);
                    self.call(request, self.calls[call].buy, tick);
                }
            }
        }
        let calls = &self.calls;
        self.open
            .retain(|at| calls[*at].answer.is_none() && !calls[*at].given_up);
        for at in self.open.clone() {
            if self.calls[at].next <= tick {
                self.send(at, true, tick);
            }
        }
        // Somebody repeats what was answered long ago, or a network brings an old copy.
        let known = (self.calls.len() - self.retired) as u64;
        if !self.calm && known > 0 && self.dice.below(4) == 0 {
            let at = self.retired + self.dice.below(known) as usize;
            self.send(at, self.dice.0.is_multiple_of(2), tick);
        }
    }

    /// What arrives at the switch now. Answers reach their terminals.
    pub(super) fn arrive(
        &mut self,
        tick: u64,
        first: impl Fn(usize) -> Option<Told>,
    ) -> Vec<(usize, bool)> {
        let mut up = Vec::new();
        while let Some(Reverse((due, _, item))) = self.wires.peek().copied()
            && due <= tick
        {
            self.wires.pop();
            match item {
                Item::Up(call, repeat) => up.push((call, repeat)),
                Item::Down(call) => self.calls[call].answer = first(call),
                Item::Refused(call) => self.calls[call].next = tick + PATIENCE,
            }
        }
        up
    }

    /// Puts something on a wire, which may lose it, copy it, or take its time.
    pub(super) fn carry(&mut self, item: Item, tick: u64) {
        let copies = match self.dice.below(10) {
            0 | 1 if !self.calm => 0,
            2 if !self.calm => 2,
            _ => 1,
        };
        for _ in 0..copies {
            self.sent += 1;
            let slow = if self.dice.below(12) == 0 { 60 } else { 5 };
            let due = tick + 1 + self.dice.below(slow);
            self.wires.push(Reverse((due, self.sent, item)));
        }
    }

    fn call(&mut self, request: Request, buy: usize, tick: u64) -> usize {
        let at = self.calls.len();
        if request.asked.function == Function::Reversal {
            self.buys[buy].undoes.push(at);
        } else {
            self.buys[buy].asks.push(at);
        }
        self.calls.push(Call {
            request,
            buy,
            answer: None,
            next: tick,
            given_up: false,
        });
        self.open.push(at);
        self.send(at, false, tick);
        at
    }

    fn send(&mut self, at: usize, repeat: bool, tick: u64) {
        self.calls[at].next = tick + PATIENCE + self.dice.below(PATIENCE);
        self.carry(Item::Up(at, repeat), tick);
    }

    fn undo_call(&mut self, call: usize, mode: Mode, tick: u64) {
        let original = self.calls[call].request.clone();
        let key = original.asked.key;
        self.undo(
            self.calls[call].buy,
            &original,
            (key.stan, key.local),
            mode,
            tick,
        );
    }

    fn undo(
        &mut self,
        buy: usize,
        original: &Request,
        (stan, local): (u32, u32),
        mode: Mode,
        tick: u64,
    ) {
        let key = original.asked.key;
        let terminal = key.terminal[7] - b'1';
        let mut request = self.request(
            usize::from(terminal),
            Function::Reversal,
            mode,
            Some(key),
            key.local,
        );
        request.acquirer.clone_from(&original.acquirer);
        // Some carry a number of their own, others that of what they undo.
        if self.dice.below(2) == 0 && self.buys[buy].undoes.is_empty() {
            request.asked.key.stan = stan;
        }
        let by_local = self.dice.below(2) == 0;
        request.asked.original = Some(OriginalRef {
            stan: Some(stan),
            local: by_local.then_some(local),
            transmitted: (self.counts_anew && !by_local).then_some(local),
            kind: (self.dice.below(2) == 0).then_some(key.kind),
            ..OriginalRef::default()
        });
        if self.dice.below(3) == 0 {
            request.asked.amount = original.asked.amount;
        }
        self.call(request, buy, tick);
    }

    fn with_a_basket(&mut self, mut request: Request) -> Request {
        let bound = [100_000, 10_000_000, 1_000_000_000][self.dice.below(3) as usize];
        let amount = 1_000 + self.dice.below(bound);
        request.asked.amount = Some(Rials(amount as i64));
        let card = self.dice.below(CARDS);
        request.card = Some(token(&format!("C{card}")));
        request.asked.digest = amount ^ card << 56;
        request.wishes.redeem = match self.dice.below(4) {
            0 => Redeem::AsMuchAsAllowed,
            1 => Redeem::Exactly(Rials(1_000 * self.dice.below(1 + amount / 3_000) as i64)),
            _ => Redeem::Nothing,
        };
        request
    }

    fn request(
        &mut self,
        terminal: usize,
        function: Function,
        mode: Mode,
        of: Option<Key>,
        stamp: u32,
    ) -> Request {
        let stan = if of.is_some() {
            self.undoes += 1;
            self.undoes
        } else {
            self.stans[terminal] += 1;
            self.stans[terminal]
        };
        let kind = match (function, mode) {
            (Function::Reversal, Mode::Ask) => 40,
            (Function::Reversal, Mode::Advise) => 42,
            (_, Mode::Ask) => 20,
            (_, Mode::Advise) => 22,
        };
        let mut code = *b"T0000001";
        code[7] += terminal as u8;
        Request {
            asked: Asked {
                function,
                mode,
                key: Key {
                    acquirer: AcquirerId(0),
                    terminal: code,
                    acceptor: of.map_or(*SHOPS[terminal % 2], |key| key.acceptor),
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
            acquirer: ACQUIRERS[terminal / 2 % 2].to_owned(),
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
}

/// What a terminal may be told so that it counts as answered: anything but that nobody could serve it.
pub(super) fn is_answer(told: &Told) -> bool {
    told.verdict != Verdict::CannotServe
}

/// A terminal's clock as the number MMDDhhmmss.
fn stamp(local: Local) -> u32 {
    let date = local.day.gregorian();
    let time = local.time.0;
    let clock = time / 3600 * 10_000 + time / 60 % 60 * 100 + time % 60;
    (date.month() as u32 * 100 + date.day() as u32) * 1_000_000 + clock
}
