//! The book: what everybody owns and owes, as of one entry. Changed by `apply` and by nothing else,
//! so that a replay gives the same book as the day itself did.

use std::hint::black_box;
use std::ops::Deref;
use std::sync::Arc;

use crate::ledger::caps::{CapKey, Tally};
use crate::ledger::finding::{Items, decisive};
use crate::ledger::member::Member;
use crate::ledger::memory::Memory;
use crate::ledger::sets::Done;
use crate::ledger::shards::{Sharded, Shards};
use crate::ledger::table::Table;
use crate::ledger::{
    Account, By, Entry, Head, Input, MemberChange, Names, Posting, PurseKey, RuleSet, RuleSets,
    SetContents, SetStep, finding::Item,
};
use crate::terms::person::Identity;
use crate::terms::{
    AcquirerId, ClubId, Day, Map, MemberId, Moment, Sequence, SetNumber, Token, UnitId,
};

/// The book. What decides is here; what is only looked up is in the store.
#[derive(Debug)]
pub struct Book {
    pub(super) pages: Pages,
    pub(super) memory: Memory,
}

/// All that a book says but what it remembers of messages. A clone takes microseconds and stays as it was: rows are shared until
/// the book changes them.
#[derive(Clone, Debug)]
pub struct Pages {
    pub(super) sequence: Sequence,
    pub(super) at: Moment,
    pub(super) names: Arc<Names>,
    pub(super) members: Table<Member>,
    /// How many purses all members have in use.
    pub(super) purses: usize,
    pub(super) known: Shards<(ClubId, Token), MemberId>,
    pub(super) accounts: Shards<Account, i64>,
    pub(super) caps: Shards<CapKey, Tally>,
    pub(super) in_lots: Vec<i64>,
    pub(super) in_debts: Vec<i64>,
    pub(super) in_accounts: Vec<i64>,
    pub(super) days: Vec<Day>,
    pub(super) sets: Arc<RuleSets>,
    pub(super) opened: Arc<Map<[u8; 32], (u32, u32)>>,
}

impl Sharded for (ClubId, Token) {
    /// A token is random already.
    fn shard(&self) -> u64 {
        let token = self.1.0;
        let (front, _) = token.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
        u64::from_le_bytes(*front) ^ u64::from(self.0.0)
    }
}

impl Sharded for Account {
    fn shard(&self) -> u64 {
        let (kind, first, second) = match *self {
            Account::Purse(key) => (0, u64::from(key.member.0), u64::from(key.purse.0)),
            Account::Debt(key) => (1, u64::from(key.member.0), u64::from(key.purse.0)),
            Account::Outstanding { purse, shop } => (
                2,
                u64::from(purse.0),
                shop.map_or(0, |shop| u64::from(shop.0) + 1),
            ),
            Account::Pool { acquirer, shop } => (3, u64::from(shop.0), u64::from(acquirer.0)),
            Account::Shop(shop) => (4, u64::from(shop.0), 0),
            Account::Person(person) => (5, u64::from(person.0), 0),
            Account::Club(club) => (6, u64::from(club.0), 0),
            Account::Reserve(club) => (7, u64::from(club.0), 0),
            Account::Owner(club) => (8, u64::from(club.0), 0),
            Account::Saving { shop, club } => (9, u64::from(shop.0), u64::from(club.0)),
            Account::Operator => (10, 0, 0),
            Account::Rounding(club) => (11, u64::from(club.0), 0),
            Account::OwesHouse(club) => (12, u64::from(club.0), 0),
            Account::DueFromHouse(club) => (13, u64::from(club.0), 0),
            Account::HouseDue(club) => (14, u64::from(club.0), 0),
            Account::HouseOwes(club) => (15, u64::from(club.0), 0),
            Account::HouseIncome(club) => (16, u64::from(club.0), 0),
            Account::Organisation(organisation) => (17, u64::from(organisation.0), 0),
            Account::ShopPurse { shop, purse } => (20, u64::from(shop.0), u64::from(purse.0)),
            Account::PersonPurse { person, purse } => (21, u64::from(person.0), u64::from(purse.0)),
        };
        first << 24 ^ second << 4 ^ kind
    }
}

impl Deref for Book {
    type Target = Pages;

    fn deref(&self) -> &Pages {
        &self.pages
    }
}

/// The half of a [`Book`] that remembers messages, being led on by itself.
pub struct Remembering<'a> {
    memory: &'a mut Memory,
    /// The time of the last entry.
    at: Moment,
    items: Vec<Items>,
}

/// What a run of entries moves in accounts that only add up, gathered so that each account is looked up once in a while and not
/// twice a posting: a place for each hash, and what is in it gives way to another.
struct Gathered(Vec<Option<(Account, i64)>>);

/// Places of [`Gathered`].
const GATHERED: usize = 512;

impl Gathered {
    fn add(&mut self, account: Account, amount: i64) -> Option<(Account, i64)> {
        let place = account.shard().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let place = &mut self.0[place as usize % GATHERED];
        match place {
            Some((there, sum)) if *there == account => {
                *sum += amount;
                None
            }
            _ => place.replace((account, amount)),
        }
    }
}

impl Pages {
    /// Nobody owns or owes anything: before the first entry.
    pub fn empty() -> Pages {
        Pages {
            sequence: Sequence(0),
            at: Moment(0),
            names: Arc::new(Names::default()),
            members: Table::new(),
            purses: 0,
            known: Shards::new(),
            accounts: Shards::new(),
            caps: Shards::new(),
            in_lots: Vec::new(),
            in_debts: Vec::new(),
            in_accounts: Vec::new(),
            days: Vec::new(),
            sets: Arc::default(),
            opened: Arc::default(),
        }
    }

    /// The last entry in it.
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// The time of the last entry in it.
    pub fn at(&self) -> Moment {
        self.at
    }

    /// The name table.
    pub fn names(&self) -> &Arc<Names> {
        &self.names
    }

    /// A member.
    pub fn member(&self, id: MemberId) -> Option<&Member> {
        self.members.get((id.0 as usize).checked_sub(1)?)
    }

    /// All members, in the order of their numbers.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter()
    }

    /// How many members there are.
    pub fn member_count(&self) -> usize {
        self.members.len()
    }

    /// The number the next member will get.
    pub fn next_member(&self) -> MemberId {
        MemberId(self.members.len() as u32 + 1)
    }

    /// The member of a club that an identity names.
    pub fn who(&self, club: ClubId, identity: Identity) -> Option<MemberId> {
        match identity {
            Identity::Number(id) => self.member(id).filter(|m| m.club == club).map(|m| m.id),
            Identity::Card(token)
            | Identity::Mobile(token)
            | Identity::NationalCode(token)
            | Identity::Voucher(token) => self.known.get(&(club, token)),
        }
    }

    /// What a member is known by besides his number. Looks through everybody's.
    pub fn tokens(&self, id: MemberId) -> impl Iterator<Item = Token> {
        let his = self.known.iter().filter(move |(_, member)| *member == id);
        his.map(|((_, token), _)| token)
    }

    /// The balance of an account: what came in less what went out, in smallest units.
    pub fn balance(&self, account: Account) -> i64 {
        let of = |key: PurseKey| self.member(key.member);
        match account {
            Account::Purse(key) => of(key).map_or(0, |m| m.total(key.purse, key.shop)),
            Account::Debt(key) => of(key).map_or(0, |m| -m.debt(key.purse, key.shop)),
            other => self.accounts.get(&other).unwrap_or(0),
        }
    }

    /// What a club owes the clearing house less what the house owes it: its net debit position, in rials.
    pub fn clearing_position(&self, club: ClubId) -> i64 {
        self.balance(Account::OwesHouse(club)) + self.balance(Account::DueFromHouse(club))
    }

    /// By how much the books of clubs and clearing house do not go together: what the house has of its own beside its income, and
    /// what a club's books say of it otherwise than its own. Must be zero. Looks through all accounts.
    pub fn clearing_imbalance(&self) -> i64 {
        let mut house = 0;
        let mut differs: Map<(bool, ClubId), i64> = Map::default();
        for (account, balance) in self.accounts.iter() {
            let owed = match account {
                Account::OwesHouse(club) | Account::HouseDue(club) => Some((true, club)),
                Account::DueFromHouse(club) | Account::HouseOwes(club) => Some((false, club)),
                _ => None,
            };
            if let Some(owed) = owed {
                *differs.entry(owed).or_default() += balance;
            }
            if let Account::HouseDue(_) | Account::HouseOwes(_) | Account::HouseIncome(_) = account
            {
                house += balance;
            }
        }
        let differs = differs.values().map(|differs: &i64| differs.abs());
        house.abs() + differs.sum::<i64>()
    }

    /// The accounts that belong to no member, in their order, with what each is counted in.
    pub fn accounts(&self) -> Vec<(Account, UnitId, i64)> {
        let mut all: Vec<_> = self
            .accounts
            .iter()
            .map(|(account, balance)| (account, self.unit(account), balance))
            .collect();
        all.sort_unstable();
        all
    }

    /// What an account is counted in.
    pub fn unit(&self, account: Account) -> UnitId {
        match account {
            Account::Purse(PurseKey { purse, .. })
            | Account::Debt(PurseKey { purse, .. })
            | Account::Outstanding { purse, .. }
            | Account::ShopPurse { purse, .. }
            | Account::PersonPurse { purse, .. } => self.names.purse_unit(purse),
            _ => UnitId::RIAL,
        }
    }

    /// How many accounts there are: members' purses in use and all others.
    pub fn account_count(&self) -> usize {
        self.accounts.len() + self.purses
    }

    /// For each unit in use, the sum of everything in lots and the sum over all accounts. The second must be zero.
    pub fn sums(&self) -> Vec<(UnitId, i64, i64)> {
        (0..self.in_lots.len())
            .map(|at| {
                let all = self.in_lots[at] - self.in_debts[at] + self.in_accounts[at];
                (UnitId(at as u16), self.in_lots[at], all)
            })
            .collect()
    }

    /// By how much the units do not add up, all together. Must be zero.
    pub fn imbalance(&self) -> i64 {
        self.sums().iter().map(|(_, _, all)| all.abs()).sum()
    }

    /// As [`Self::sums`], but counted anew from every lot and account: what `verify` holds against the running figures.
    pub fn sums_counted(&self) -> Vec<(UnitId, i64, i64)> {
        let mut lots = vec![0i64; self.in_lots.len()];
        let mut all = vec![0i64; self.in_lots.len()];
        for member in self.members() {
            for held in member.lots() {
                let unit = self.names.purse_unit(held.purse).place();
                lots[unit] += held.lot.amount;
                all[unit] += held.lot.amount;
            }
            for debt in member.debts() {
                all[self.names.purse_unit(debt.purse).place()] -= debt.amount;
            }
        }
        for (account, balance) in self.accounts.iter() {
            all[self.unit(account).place()] += balance;
        }
        (0..lots.len())
            .map(|at| (UnitId(at as u16), lots[at], all[at]))
            .collect()
    }

    /// The day that is open for an acquirer.
    pub fn open_day(&self, acquirer: AcquirerId) -> Option<Day> {
        self.days
            .get(acquirer.place())
            .copied()
            .filter(|day| *day != Day::default())
    }

    /// The rule set in force.
    pub fn rule_set(&self) -> Option<&RuleSet> {
        self.sets.now()
    }

    /// Every rule set.
    pub fn rule_sets(&self) -> &RuleSets {
        &self.sets
    }

    /// Of an opening file with this SHA-256: how many of its members are booked, of how many.
    pub fn opened(&self, sha256: &[u8; 32]) -> Option<(u32, u32)> {
        self.opened.get(sha256).copied()
    }
}

impl Book {
    /// An empty book, before the first entry, that remembers so many entries by what messages say of them.
    pub fn new(remembered: usize) -> Book {
        Book {
            pages: Pages::empty(),
            memory: Memory::new(remembered, Sequence(0)),
        }
    }

    /// A book of these pages that remembers no message: to look at, not to go on with.
    pub fn forgetful(pages: Pages) -> Book {
        let memory = Memory::new(1, pages.sequence);
        Book { pages, memory }
    }

    /// The newest entries, by what messages say of them.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Takes the next entry in. Reads its effects only; every entry that was decided can be applied.
    ///
    /// # Panics
    /// Where the entry is not the next one, or moves what is not there: then this book and the journal do not belong together,
    /// and nothing may be decided by it.
    pub fn apply(&mut self, entry: &Entry) {
        let items = decisive(entry);
        self.pages.apply(entry, &mut None);
        self.memory.follow(entry, self.pages.at, &items);
    }

    /// Its two halves, so that each can take entries in on a thread of its own: a book is whole again when both have taken the same.
    pub fn halves(&mut self) -> (&mut Pages, Remembering<'_>) {
        let remembering = Remembering {
            memory: &mut self.memory,
            at: self.pages.at,
            items: Vec::new(),
        };
        (&mut self.pages, remembering)
    }

    /// Entries under an item among those that are remembered, newest first; whoever looks compares the entry itself.
    pub fn remembered(&self, item: Item) -> impl Iterator<Item = Sequence> {
        self.memory.find(item)
    }
}

impl Remembering<'_> {
    /// Remembers the next entries.
    pub fn take_all(&mut self, entries: &[Entry]) {
        self.items.clear();
        self.items.extend(entries.iter().map(decisive));
        // Places lie anywhere in memory. Looked at one behind the other before anything is changed, they are waited for together.
        let places = self.items.iter().map(|items| self.memory.look(items));
        black_box(places.fold(0, u32::wrapping_add));
        for (entry, items) in entries.iter().zip(&self.items) {
            self.at = self.at.max(entry.head.at);
            self.memory.follow(entry, self.at, items);
        }
    }
}

impl Pages {
    /// Takes the next entries in, as [`Book::apply`] does one by one.
    ///
    /// # Panics
    /// As [`Book::apply`]; what the last entry in it is tells how far it came.
    pub fn apply_all<'a>(&mut self, entries: impl Iterator<Item = &'a Entry> + Clone) {
        // Members lie anywhere in memory. Looked at one behind the other before anything is changed, they are waited for together.
        let members = entries.clone().filter_map(|entry| entry.effects.member);
        let looked = members.filter_map(|id| self.members.look((id.0 as usize).checked_sub(1)?));
        black_box(looked.fold(0, |sum: i64, (member, shared)| {
            sum.wrapping_add(member.look()).wrapping_add(shared as i64)
        }));
        let mut gathered = Some(Gathered(vec![None; GATHERED]));
        for entry in entries {
            self.apply(entry, &mut gathered);
        }
        let left = gathered.into_iter().flat_map(|gathered| gathered.0);
        for (account, amount) in left.flatten() {
            *self.accounts.entry(account) += amount;
        }
    }

    /// Takes the next entry in, as [`Book::apply`] does; for whoever looks at what was before each.
    ///
    /// # Panics
    /// As [`Book::apply`].
    pub fn apply_one(&mut self, entry: &Entry) {
        self.apply(entry, &mut None);
    }

    fn apply(&mut self, entry: &Entry, gathered: &mut Option<Gathered>) {
        let next = self.sequence.next();
        self.sequence = entry.head.sequence;
        assert_eq!(
            self.sequence, next,
            "entries are applied in order, without gaps"
        );
        self.at = self.at.max(entry.head.at);
        let effects = &entry.effects;
        if !effects.names.is_empty() {
            let names = Arc::make_mut(&mut self.names);
            for named in &effects.names {
                names.put(named.clone());
            }
            self.make_room_for_units();
        }
        for change in &effects.members {
            self.change_member(change);
        }
        for posting in &effects.postings {
            self.post(posting, gathered);
        }
        for moved in &effects.lots {
            let unit = self.names.purse_unit(moved.key.purse).place();
            self.in_lots[unit] += moved.amount;
            let more = self.member_mut(moved.key.member).move_lot(moved);
            self.purses = self.purses.wrapping_add_signed(more);
        }
        if let Some(visit) = effects.visit {
            let sign = if effects.reverses { -1 } else { 1 };
            let spent = crate::terms::Rials(visit.spent.0 - visit.discount.0);
            let holder = effects.holder.filter(|holder| *holder != visit.member);
            for member in [Some(visit.member), holder].into_iter().flatten() {
                let log = &mut self.member_mut(member).purchases;
                log.log(visit.day, visit.shop, spent, visit.redeemed, sign);
            }
        }
        if !effects.counted.is_empty() {
            self.count_caps(&effects.counted, effects.reverses);
        }
        match &entry.input {
            Input::DayTurned {
                acquirer, opened, ..
            } => self.turn_day(*acquirer, *opened),
            Input::RulesLoaded { number, sha256 } => {
                let contents = SetContents {
                    sha256: *sha256,
                    clubs: 0,
                    rules: 0,
                };
                let step = SetStep::InForce { contents };
                self.set_step(&entry.head, *number, step, By::switch("start"), "");
            }
            Input::Rules {
                number,
                step,
                by,
                why,
            } => self.set_step(&entry.head, *number, *step, by.clone(), why),
            Input::Opened {
                sha256, done, of, ..
            }
            | Input::Given {
                sha256, done, of, ..
            } => {
                Arc::make_mut(&mut self.opened).insert(*sha256, (*done, *of));
            }
            Input::Request(_)
            | Input::Event { .. }
            | Input::Granted { .. }
            | Input::Holder { .. } => {}
        }
    }

    fn set_step(&mut self, head: &Head, number: SetNumber, step: SetStep, by: By, why: &str) {
        let done = Done {
            by,
            at: head.at,
            why: why.to_owned(),
        };
        Arc::make_mut(&mut self.sets).take(head, number, step, done);
    }

    fn member_mut(&mut self, id: MemberId) -> &mut Member {
        let at = (id.0 as usize).wrapping_sub(1);
        self.members
            .get_mut(at)
            .expect("an entry names only members that earlier entries made")
    }

    fn make_room_for_units(&mut self) {
        let units = self.names.purses() + 1;
        self.in_lots.resize(units, 0);
        self.in_debts.resize(units, 0);
        self.in_accounts.resize(units, 0);
    }

    fn post(&mut self, posting: &Posting, gathered: &mut Option<Gathered>) {
        for (account, amount) in [
            (posting.from, -posting.amount),
            (posting.to, posting.amount),
        ] {
            match account {
                // A purse is its lots, and those move by themselves.
                Account::Purse(_) => {}
                Account::Debt(key) => {
                    self.in_debts[posting.unit.place()] -= amount;
                    let member = self.member_mut(key.member);
                    let more = member.owe(key.purse, key.shop, -amount);
                    self.purses = self.purses.wrapping_add_signed(more);
                }
                other => {
                    self.in_accounts[posting.unit.place()] += amount;
                    let moved = match gathered {
                        Some(gathered) => gathered.add(other, amount),
                        None => Some((other, amount)),
                    };
                    if let Some((account, amount)) = moved {
                        *self.accounts.entry(account) += amount;
                    }
                }
            }
        }
    }

    fn change_member(&mut self, change: &MemberChange) {
        match change {
            MemberChange::Enrolled {
                member,
                club,
                joined,
                identities,
                marketer,
                introducer,
                tier,
            } => {
                assert_eq!(
                    *member,
                    self.next_member(),
                    "members are numbered without gaps"
                );
                let mut new = Member::new(*member, *club, *joined);
                new.tier = *tier;
                new.set_marketer(*marketer);
                new.set_introducer(*introducer);
                let cards = identities.iter().filter(|identity| identity.is_card());
                new.cards = u8::try_from(cards.count()).unwrap_or(u8::MAX);
                self.members.push(new);
                for token in identities.iter().filter_map(|identity| identity.token()) {
                    self.known.insert((*club, token), *member);
                }
            }
            MemberChange::KnownBy { member, identity } => {
                let club = self.member_mut(*member).club;
                if let Some(token) = identity.token() {
                    self.known.insert((club, token), *member);
                }
                if identity.is_card() {
                    let known = self.member_mut(*member);
                    known.cards = known.cards.saturating_add(1);
                }
            }
            MemberChange::Tier { member, tier } => self.member_mut(*member).tier = *tier,
            MemberChange::Born { member, day } => self.member_mut(*member).set_born(Some(*day)),
            MemberChange::Standing { member, after, .. } => {
                self.member_mut(*member).set_standing(*after);
            }
            MemberChange::Marketer { member, marketer } => {
                self.member_mut(*member).set_marketer(*marketer);
            }
            MemberChange::Card { member, state } => self.member_mut(*member).card = *state,
            MemberChange::Limit {
                member,
                purse,
                limit,
            } => self.member_mut(*member).set_limit(*purse, *limit),
        }
    }

    fn turn_day(&mut self, acquirer: AcquirerId, opened: Day) {
        if self.days.len() <= acquirer.place() {
            self.days.resize(acquirer.place() + 1, Day::default());
        }
        self.days[acquirer.place()] = opened;
    }
}
