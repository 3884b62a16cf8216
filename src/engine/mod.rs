//! Requests become entries: one after another, each against the book as the one before left it. No I/O and no clock:
//! what is not in memory is asked for ([`Decision::Needs`]), and the time comes in.

mod across;
pub mod again;
mod convert;
mod enrol;
mod event;
mod explain;
mod grant;
pub mod guest;
mod holder;
mod load;
mod matching;
mod moves;
mod open;
mod purchase;
pub mod recent;
mod reversal;
mod sets;

use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::ledger::told::ToldBalance;
use crate::ledger::{
    Asked, Book, Effects, Entry, Exception, Function, Head, Input, Item, Key, Member, MemberChange,
    Mode, Named, Names, Request, Told, Verdict,
};
use crate::rules::{Club, Purse, Rulebook, Shop, judge};
use crate::terms::{
    AcquirerId, Day, Local, MemberId, Moment, Sequence, SetNumber, ShopId, TimeOfDay,
};

pub use enrol::{CardAdded, NoCard};
pub use event::Happened;
pub use explain::{Explained, Supposed};
use grant::Round;
pub use grant::{Gift, Giving, GivingError};
pub use holder::{CardChange, CardError, CardOrder};
pub use open::{Opening, OpeningError, OpeningLot, OpeningMember};
pub use purchase::judged_at;
pub use recent::Group;
use recent::Recent;
use sets::{Armed, numbered};
pub use sets::{Load, Order};

/// ISO 4217 numeric of the rial.
const RIAL: u16 = 364;

/// What the engine holds itself to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// How long a message is known again, in days. At least `advice_days` + 1.
    pub duplicate_days: i32,
    /// How old an advice may be and still be posted, in days.
    pub advice_days: i32,
    /// How far ahead of the switch a terminal's clock may be, in seconds.
    pub ahead_seconds: i64,
    /// How many entries are kept in memory for repeats and reversals; older ones are fetched.
    pub recent_entries: usize,
    /// How many acquirers there may be.
    pub acquirers: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            duplicate_days: 8,
            advice_days: 7,
            ahead_seconds: 600,
            recent_entries: 262_144,
            acquirers: 1_000,
        }
    }
}

/// What comes of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// This is to be told, once everything up to `after` is durable.
    Tell(Answer),
    /// This is needed and not in memory: bring it and ask again.
    Needs(Needed),
}

/// What a decision needs that is not in memory.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Needed {
    /// These entries.
    pub entries: Vec<Sequence>,
    /// What is found under these, at least among the entries before `before`.
    pub items: Vec<Item>,
    /// Every entry from here on is remembered.
    pub before: Sequence,
}

/// What was brought for a decision.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Brought {
    /// Entries.
    pub entries: Vec<Entry>,
    /// What is found under items.
    pub found: Vec<Found>,
    /// What is before this has left the journal: so old that nothing of it is known again.
    pub gone_before: Sequence,
}

/// What is found under an item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// The item.
    pub item: Item,
    /// Entries that have its hash, newest first.
    pub sequences: Vec<Sequence>,
    /// Among entries up to this one, there is no other.
    pub up_to: Sequence,
}

/// What is told, and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// What is told.
    pub told: Told,
    /// The entry it stands in; none where nothing was kept.
    pub entry: Option<Sequence>,
    /// How it came about.
    pub how: How,
}

/// How an answer came about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum How {
    /// It was decided now.
    New,
    /// It was decided before; nothing moved again.
    Repeat,
    /// The key was used before for something else.
    Conflict,
    /// A reversal found its original.
    Matched,
    /// A reversal found none.
    Orphan,
    /// A reversal found more than one.
    Ambiguous,
}

/// What has to be done besides requests.
#[derive(Clone, Debug)]
pub enum Act {
    /// The business day of one acquirer, or of all, ends now.
    TurnDay(Option<AcquirerId>),
    /// A rule set comes into force by a start; its names must have been compiled against [`Engine::names`].
    LoadRules(Arc<Rulebook>),
    /// Something is done with a rule set.
    Order(Order),
    /// Members and balances are opened.
    Open(Opening),
    /// Something happened that a member's earnings may wait for.
    Event(Happened),
    /// Something is given by hand.
    Give(Giving),
    /// An operator changes how the holder of a card stands.
    Card(CardOrder),
    /// A member gets a card more.
    AddCard(CardAdded),
}

/// Why an act was not done. Nothing moved.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ActError {
    /// The rule set was compiled against other names.
    #[error("the rule set was compiled against an older table of names; compile it again")]
    StaleNames,
    /// There is no set of that number.
    #[error("there is no rule set {0}")]
    NoSet(SetNumber),
    /// It is or was in force, or was taken back.
    #[error("rule set {0} does not wait any more")]
    NotWaiting(SetNumber),
    /// No club of it asks for two persons.
    #[error("rule set {0} needs no approval: it waits for its hour")]
    NeedsNoApproval(SetNumber),
    /// Somebody has done so.
    #[error("rule set {0} was approved already, by {1}")]
    Approved(SetNumber, String),
    /// Two persons are wanted.
    #[error(
        "{0} has loaded rule set {1}: somebody else has to approve it, two persons are asked for"
    )]
    SamePerson(String, SetNumber),
    /// Two persons are wanted, and it is no person who acts.
    #[error(
        "a club asks for two persons (approve = \"two-persons\"): let one load it with `clubswitch rules load`, and another approve it"
    )]
    NobodyKnown,
    /// There is no such acquirer, or none at all yet.
    #[error("no acquirer has sent anything yet: there is no day to turn")]
    NoAcquirer,
    /// There is no such member.
    #[error("there is no member {0}")]
    NoMember(MemberId),
    /// Nothing of the member's waits for the event.
    #[error("nothing waits for it")]
    NothingWaits,
    /// The card cannot stand so.
    #[error(transparent)]
    Card(#[from] CardError),
    /// What is to be given by hand is wrong.
    #[error(transparent)]
    Giving(#[from] GivingError),
    /// The card cannot be added.
    #[error(transparent)]
    NoCard(#[from] NoCard),
    /// The opening file is wrong.
    #[error(transparent)]
    Opening(#[from] OpeningError),
}

/// The deciding thread's whole world.
pub struct Engine {
    book: Book,
    rules: Arc<Rulebook>,
    /// Sets that were in force before, for advices of that time.
    older: Vec<Arc<Rulebook>>,
    /// Sets that wait for nothing but their hour, in the order of their hours.
    armed: Vec<Armed>,
    limits: Limits,
    recent: Recent,
    group: Group,
    /// The cut-over after which every open day has to be looked at.
    next_cut_over: Moment,
    /// How far the grants of today were looked through.
    round: Option<Round>,
    /// When grants have to be looked through again.
    next_grants: Moment,
}

/// What a request needs and nobody has brought.
#[derive(Default)]
struct Missing {
    entries: Vec<Sequence>,
    items: Vec<Item>,
}

/// What a handler has decided.
struct Decided {
    effects: Effects,
    how: How,
}

impl Decided {
    fn new(effects: Effects) -> Decided {
        Decided {
            effects,
            how: How::New,
        }
    }

    fn only(verdict: Verdict) -> Decided {
        Decided::new(Effects::told(Told::only(verdict)))
    }
}

/// A request on its way, with what every handler needs.
struct Hand<'a> {
    request: &'a Request,
    key: Key,
    acquirer: AcquirerId,
    /// It has sent nothing before that was kept.
    is_new_acquirer: bool,
    now: Moment,
    local: Local,
    business_day: Day,
    /// The rule set it is judged by: the one in force, or of an advice the one of its own time.
    rules: Arc<Rulebook>,
    brought: &'a Brought,
    /// See [`Engine::earliest`]; worked out when it is first asked for.
    earliest: OnceCell<Option<Moment>>,
}

impl Hand<'_> {
    fn shop(&self) -> Option<&Shop> {
        self.rules.world.shops.get(self.key.acceptor_code())
    }
}

impl Engine {
    /// Takes over a book. The rule set is the one that decides from now on; where it is not the one the book knows as in force,
    /// [`Act::LoadRules`] comes first.
    pub fn new(book: Book, rules: Arc<Rulebook>, limits: Limits) -> Engine {
        let group = Group::beginning(book.sequence().next());
        let number = book.rule_set().map_or(SetNumber(0), |set| set.number);
        Engine {
            rules: numbered(rules, number),
            older: Vec::new(),
            armed: Vec::new(),
            book,
            limits,
            recent: Recent::holding(limits.recent_entries),
            group,
            next_cut_over: Moment(i64::MIN),
            round: None,
            next_grants: Moment(i64::MIN),
        }
    }

    /// Brings sets that were in force before, each under its number.
    pub fn bring_older(&mut self, sets: Vec<Arc<Rulebook>>) {
        self.older.extend(sets);
    }

    /// The book as of the last decision.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// The name table as of the last decision.
    pub fn names(&self) -> Arc<Names> {
        Arc::clone(self.book.names())
    }

    /// The rule set in force.
    pub fn rules(&self) -> &Arc<Rulebook> {
        &self.rules
    }

    /// Whether the rule set at hand is the one the book knows as in force.
    pub fn rules_in_force(&self) -> bool {
        self.book
            .rule_set()
            .is_some_and(|set| set.sha256 == self.rules.sha256)
    }

    /// The entries decided since this was last called, encoded for the journal; none where nothing was kept.
    pub fn take_group(&mut self) -> Option<Arc<Group>> {
        if self.group.is_empty() {
            return None;
        }
        let group = Arc::new(self.group.take());
        self.recent.push(Arc::clone(&group));
        Some(group)
    }

    /// How large the group being decided is.
    pub fn group_bytes(&self) -> usize {
        self.group.bytes.len()
    }

    /// Decides one request. `brought` is what an earlier [`Decision::Needs`] asked for.
    pub fn decide(&mut self, request: &Request, brought: &Brought, now: Moment) -> Decision {
        let now = now.max(self.book.at());
        self.due_by_clock(now);
        let asked = &request.asked;
        let known = self.book.names().acquirer_id(&request.acquirer);
        let Some(acquirer) = known.or_else(|| self.next_acquirer()) else {
            return tell(Told::only(Verdict::NoRoute), None, How::New);
        };
        let key = Key {
            acquirer,
            ..asked.key
        };
        let mut hand = Hand {
            request,
            key,
            acquirer,
            is_new_acquirer: known.is_none(),
            now,
            local: self.rules.world.zone.local(now),
            business_day: self.open_day(acquirer, now),
            rules: Arc::clone(&self.rules),
            brought,
            earliest: OnceCell::new(),
        };
        if asked.function == Function::Purchase && asked.mode == Mode::Advise {
            hand.rules = self.rules_at(self.judged_at(&hand));
        }
        if asked.function.is_kept() {
            match self.earlier(&hand) {
                Ok(None) => {}
                Ok(Some(answer)) => return Decision::Tell(answer),
                Err(missing) => return self.needs(&hand, missing),
            }
        }
        // Deciding only reads: what panics here has changed nothing, and must not take the others' messages with it.
        let decided = catch_unwind(AssertUnwindSafe(|| match asked.function {
            Function::Purchase => self.purchase(&hand),
            Function::Quote => self.quote(&hand),
            Function::Balance => Ok(self.balance(&hand)),
            Function::Reversal => self.reversal(&hand),
            Function::Enrol => Ok(self.enrol(&hand)),
            Function::Load => self.load_purse(&hand),
            Function::Transfer => self.transfer(&hand),
            Function::AddCard => Ok(self.add_card(&hand)),
        }))
        .unwrap_or_else(|_| Ok(Decided::only(Verdict::CannotServe)));
        match decided {
            Err(missing) => self.needs(&hand, missing),
            Ok(decided) if asked.function.is_kept() => self.keep(&hand, decided),
            Ok(decided) => {
                let mut told = decided
                    .effects
                    .told
                    .unwrap_or_else(|| Told::only(Verdict::CannotServe));
                told.rrn = asked.rrn.is_none().then(|| unkept_reference(&hand));
                tell(told, None, decided.how)
            }
        }
    }

    /// Does what is to be done besides requests. Gives the sequence of the last entry that came of it.
    pub fn act(&mut self, act: Act, now: Moment) -> Result<Sequence, ActError> {
        let now = now.max(self.book.at());
        match act {
            Act::TurnDay(acquirer) => self.turn_days(acquirer, now),
            Act::LoadRules(rules) => self.load_rules(rules, now),
            Act::Order(order) => self.order(order, now),
            Act::Open(opening) => Ok(self.open(&opening, now)?),
            Act::Event(happened) => self.event(happened, now),
            Act::Give(giving) => self.give(&giving, now),
            Act::Card(order) => Ok(self.change_card(order, now)?),
            Act::AddCard(added) => self.add_card_by_hand(added, now),
        }
    }

    /// Does what the clock says: puts rule sets in force whose hour has come, and turns days. The deciding thread calls it also when
    /// nobody asks.
    pub fn due_by_clock(&mut self, now: Moment) {
        if self.armed.first().is_some_and(|armed| armed.at() <= now) {
            self.put_due_in_force(now);
        }
        self.turn_days_by_clock(now);
    }

    /// Turns every day that the clock has passed.
    fn turn_days_by_clock(&mut self, now: Moment) {
        if now < self.next_cut_over {
            return;
        }
        let day = self.day_by_clock(now);
        let late: Vec<(AcquirerId, Day)> = self
            .book
            .names()
            .acquirers()
            .filter_map(|id| self.book.open_day(id).map(|open| (id, open)))
            .filter(|(_, open)| *open < day)
            .collect();
        for (acquirer, open) in late {
            self.turn(acquirer, open, day, now);
        }
        let cut_over = Local {
            day,
            time: self.rules.world.cut_over,
        };
        self.next_cut_over = self.rules.world.zone.moment(cut_over);
    }

    /// The business day that the clock says: from the cut-over on it is the next one's.
    pub fn day_by_clock(&self, now: Moment) -> Day {
        let local = self.rules.world.zone.local(now);
        let cut_over = self.rules.world.cut_over;
        local
            .day
            .plus(i32::from(local.time >= cut_over && cut_over > TimeOfDay(0)))
    }

    fn open_day(&self, acquirer: AcquirerId, now: Moment) -> Day {
        self.book
            .open_day(acquirer)
            .unwrap_or_else(|| self.day_by_clock(now))
    }

    /// The id that the next acquirer will have, where there may be one more.
    fn next_acquirer(&self) -> Option<AcquirerId> {
        let held = self.book.names().next_ids()[0];
        (held < self.limits.acquirers).then_some(AcquirerId(held as u16))
    }

    /// Gives a new acquirer its name, and opens its day.
    fn enter_acquirer(&mut self, hand: &Hand<'_>) {
        let effects = Effects {
            names: vec![Named::Acquirer {
                id: hand.acquirer,
                code: hand.request.acquirer.clone(),
            }],
            ..Effects::none()
        };
        let opened = hand.business_day;
        let input = Input::DayTurned {
            acquirer: hand.acquirer,
            closed: opened.plus(-1),
            opened,
        };
        let number = self.rules.number;
        self.enter(
            input,
            effects,
            Some(hand.acquirer),
            opened,
            hand.now,
            number,
        );
    }

    fn turn_days(&mut self, only: Option<AcquirerId>, now: Moment) -> Result<Sequence, ActError> {
        let open: Vec<(AcquirerId, Day)> = self
            .book
            .names()
            .acquirers()
            .filter(|id| only.is_none_or(|only| only == *id))
            .filter_map(|id| self.book.open_day(id).map(|day| (id, day)))
            .collect();
        if open.is_empty() {
            return Err(ActError::NoAcquirer);
        }
        for (acquirer, day) in open {
            self.turn(acquirer, day, day.plus(1), now);
        }
        Ok(self.book.sequence())
    }

    fn turn(&mut self, acquirer: AcquirerId, closed: Day, opened: Day, now: Moment) {
        let input = Input::DayTurned {
            acquirer,
            closed,
            opened,
        };
        let number = self.rules.number;
        self.enter(input, Effects::none(), Some(acquirer), opened, now, number);
    }

    /// The one place where an entry comes to be: it is applied and goes into the group. Gives it back.
    fn enter(
        &mut self,
        input: Input,
        effects: Effects,
        acquirer: Option<AcquirerId>,
        business_day: Day,
        now: Moment,
        rule_set: SetNumber,
    ) -> Entry {
        let entry = Entry {
            head: Head {
                sequence: self.book.sequence().next(),
                at: now,
                business_day,
                acquirer,
                rule_set,
            },
            input,
            effects,
        };
        self.book.apply(&entry);
        self.group.push(&entry);
        entry
    }

    fn keep(&mut self, hand: &Hand<'_>, decided: Decided) -> Decision {
        let Decided { mut effects, how } = decided;
        let mut told = effects
            .told
            .take()
            .unwrap_or_else(|| Told::only(Verdict::CannotServe));
        // What cannot be served now may be served later, and what cannot be read may be mended: nothing is kept of it.
        if matches!(told.verdict, Verdict::CannotServe | Verdict::FormatError) {
            return tell(told, None, how);
        }
        if hand.is_new_acquirer {
            // Whoever names no shop of ours gets no place in the table of acquirers either.
            let waits = effects.exception == Some(Exception::OrphanReversal);
            if effects.shop.is_none() && !(waits && hand.shop().is_some()) {
                return tell(told, None, how);
            }
            self.enter_acquirer(hand);
        }
        let sequence = self.book.sequence().next();
        if hand.request.asked.rrn.is_none() {
            told.rrn = Some(reference(sequence));
        }
        if told.verdict.is_approved() {
            told.approval = Some(approval(sequence));
        }
        effects.told = Some(told);
        let mut asked = Asked {
            key: hand.key,
            ..hand.request.asked.clone()
        };
        // What is known of a card's number never stands beside the token that an enrolment brings.
        if effects.members.iter().any(MemberChange::has_token) {
            asked.last_four = None;
            asked.facts.bin = None;
        }
        let mut entry = self.enter(
            Input::Request(asked),
            effects,
            Some(hand.acquirer),
            hand.business_day,
            hand.now,
            hand.rules.number,
        );
        let told = entry.effects.told.take();
        let told = told.unwrap_or_else(|| Told::only(Verdict::CannotServe));
        tell(told, Some(entry.head.sequence), how)
    }

    fn needs(&self, hand: &Hand<'_>, missing: Missing) -> Decision {
        let mut items = missing.items;
        // Whoever goes to ask for one thing asks for all that the next steps would send him for.
        if !items.is_empty() {
            let brought = |item: &Item| hand.brought.found.iter().any(|older| older.item == *item);
            let likely = self.likely_items(hand).into_iter();
            items.extend(likely.filter(|item| !brought(item)));
            items.sort_unstable();
            items.dedup();
        }
        Decision::Needs(Needed {
            entries: missing.entries,
            items,
            before: self.book.memory().first(),
        })
    }

    /// What was told to the same message before.
    fn earlier(&self, hand: &Hand<'_>) -> Result<Option<Answer>, Missing> {
        let found = self.found(Item::key(&hand.key), hand, self.earliest(hand))?;
        if found.is_empty() {
            return Ok(None);
        }
        for entry in self.entries(found, hand)? {
            let (Input::Request(before), Some(told)) = (&entry.input, &entry.effects.told) else {
                continue;
            };
            if before.key != hand.key || self.is_forgotten(&entry, hand) {
                continue;
            }
            return Ok(Some(if before.digest == hand.request.asked.digest {
                Answer {
                    told: told.clone(),
                    entry: Some(entry.head.sequence),
                    how: How::Repeat,
                }
            } else {
                Answer {
                    told: Told::only(Verdict::KeyConflict),
                    entry: None,
                    how: How::Conflict,
                }
            }));
        }
        Ok(None)
    }

    /// The club that a message is for (S29), and the member that it names there: the club it names, else the first of the
    /// shop's clubs in which he is a member, else the first of them.
    fn club<'h>(&self, hand: &'h Hand<'_>, shop: &Shop) -> Option<(&'h Club, Option<MemberId>)> {
        let mcc = category(&hand.request.asked, shop);
        let identity = hand.request.identity();
        let who = |club: &Club| {
            identity
                .filter(|identity| club.identify.allows(*identity))
                .and_then(|identity| self.book.who(club.id, identity))
        };
        let wanted = hand.request.wishes.club.as_deref();
        let mut first = None;
        for club in &hand.rules.clubs {
            if wanted.is_some_and(|name| name != club.name) || !club.places.contains(shop.id, mcc) {
                continue;
            }
            match who(club) {
                Some(member) => return Some((club, Some(member))),
                None => first = first.or(Some((club, None))),
            }
        }
        first
    }

    fn balance(&self, hand: &Hand<'_>) -> Decided {
        if !hand.request.terminal_allowed {
            return Decided::only(Verdict::TerminalNotAllowed);
        }
        let Some(shop) = hand.shop() else {
            return Decided::only(Verdict::MerchantUnknown);
        };
        let found = match self.club(hand, shop) {
            Some((club, Some(member))) => Some((club, member)),
            found => {
                let guest = self.guest(hand, shop, found);
                guest.map(|guest| (guest.home, guest.member))
            }
        };
        let known = found.and_then(|(club, id)| Some((club, self.book.member(id)?)));
        let holder = self.card_holder(hand, false);
        if known.is_none() && holder.is_none() {
            return Decided::only(Verdict::MemberUnknown);
        }
        let wanted = |purse: &&Purse| {
            let kind = hand.request.balance_of;
            kind.is_none_or(|kind| kind == purse.kind)
        };
        let net = |member: &Member, purse: &Purse, at: Option<ShopId>| {
            let held = member.holding(purse.id, at);
            held.map_or(0, |held| held.net(hand.now, hand.local.day))
        };
        let mut balances = Vec::new();
        if let Some((club, member)) = known {
            balances.extend(club.purses.iter().filter(wanted).map(|purse| {
                let shop = purse.shop_of(shop.id);
                let amount = purse.shown(net(member, purse, shop));
                ToldBalance {
                    purse: purse.id,
                    shop,
                    amount,
                }
            }));
        }
        if let Some(held) = &holder {
            let holder = judge::Holder {
                card: held.card,
                member: &held.member,
            };
            let pockets = held.card.club.purses.iter().filter(wanted);
            balances.extend(pockets.map(|purse| ToldBalance {
                purse: purse.id,
                shop: None,
                amount: holder.shown(purse, net(&held.member, purse, None)),
            }));
        }
        // A card that nothing has happened to has no holder with a number yet.
        let holder = holder.filter(|held| held.new.is_none());
        let member = known.map(|(_, member)| member.id);
        Decided::new(Effects::told(Told {
            member: member.or(holder.map(|held| held.member.id)),
            balances,
            ..Told::only(Verdict::Approved)
        }))
    }
}

fn tell(told: Told, entry: Option<Sequence>, how: How) -> Decision {
    Decision::Tell(Answer { told, entry, how })
}

/// The category of a purchase: what the message says, else what the shop is.
pub fn category(asked: &Asked, shop: &Shop) -> u16 {
    if asked.mcc == 0 { shop.mcc } else { asked.mcc }
}

/// The retrieval reference of an entry: its sequence, twelve digits.
fn reference(sequence: Sequence) -> [u8; 12] {
    let mut digits = [b'0'; 12];
    let mut left = sequence.0 % 1_000_000_000_000;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (left % 10) as u8;
        left /= 10;
    }
    digits
}

/// The approval code of an entry: its sequence, six characters of 36. It comes again after 2,176,782,336 entries.
fn approval(sequence: Sequence) -> [u8; 6] {
    let mut code = [b'0'; 6];
    let mut left = sequence.0 % 36u64.pow(6);
    for place in code.iter_mut().rev() {
        *place = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[(left % 36) as usize];
        left /= 36;
    }
    code
}

/// The reference of an answer that no entry stands behind: last digit of the year, day of it, hour, STAN.
fn unkept_reference(hand: &Hand<'_>) -> [u8; 12] {
    let date = hand.local.day.gregorian();
    let front = (date.year() as u64 % 10) * 100_000
        + date.day_of_year() as u64 * 100
        + u64::from(hand.local.time.0 / 3_600);
    reference(Sequence(front * 1_000_000 + u64::from(hand.key.stan)))
}

/// The message's own time on the wall clock nearest to now; none where it is no time.
fn terminal_time(asked: &Asked, near: Local) -> Option<Local> {
    let (date, time) = (asked.key.local / 1_000_000, asked.key.local % 1_000_000);
    let (hour, minute, second) = (time / 10_000, time / 100 % 100, time % 100);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let time = TimeOfDay(hour * 3_600 + minute * 60 + second);
    Local::nearest((date / 100) as u8, (date % 100) as u8, time, near)
}

/// Whether it was asked, so that it may be refused.
fn may_refuse(asked: &Asked) -> bool {
    asked.mode == Mode::Ask
}
