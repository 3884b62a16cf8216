//! The book: what everybody owns and owes, as of one entry. Changed by `apply` and by nothing else,
//! so that a replay gives the same book as the day itself did.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::ledger::member::{Holding, Member, VisitDay};
use crate::ledger::record::{BadRecord, Recorded};
use crate::ledger::{
    Account, Asked, Effects, Entry, Function, Input, Key, LotId, MemberChange, Named, Names,
    Posting, PurseKey,
};
use crate::terms::person::Identity;
use crate::terms::{
    AcquirerId, ClubId, Day, Map, MemberId, Moment, Sequence, SetNumber, Token, UnitId,
};

/// How long duplicates and originals are found, where nobody says otherwise.
pub const DUPLICATE_DAYS: i32 = 8;

/// A rule set as the book knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RuleSet {
    /// Its number.
    pub number: SetNumber,
    /// SHA-256 over its files.
    pub sha256: [u8; 32],
    /// When it came into force.
    pub from: Moment,
}

/// The book. What decides is here; what is only looked up is in the store.
#[derive(Clone, Debug)]
pub struct Book {
    sequence: Sequence,
    at: Moment,
    names: Arc<Names>,
    members: Vec<Member>,
    /// How many purses all members have.
    holdings: usize,
    known: Map<(ClubId, Token), MemberId>,
    accounts: Map<Account, i64>,
    in_lots: Vec<i64>,
    in_debts: Vec<i64>,
    in_accounts: Vec<i64>,
    days: Vec<Day>,
    rule_sets: Vec<RuleSet>,
    opened: Map<[u8; 32], (u32, u32)>,
    index: Index,
}

/// Where entries are found by what messages say of them. Bounded by days: what is older is not found here.
#[derive(Clone, Debug, Default)]
struct Index {
    keep_days: i32,
    keys: Map<u64, Sequence>,
    originals: Map<u64, Sequence>,
    references: Map<u64, Sequence>,
    tombstones: Map<u64, Sequence>,
    /// The entry before this one with the same original key.
    before: Map<Sequence, Sequence>,
    /// The entry before this one with the same reference.
    before_by_reference: Map<Sequence, Sequence>,
    reversed: Map<Sequence, Sequence>,
    /// When days turned: from which entry on everything is younger than that.
    turns: Vec<(Moment, Sequence)>,
}

/// How a reversal and its original find each other: acquirer, terminal, acceptor, STAN.
fn original_hash(key: &Key) -> u64 {
    let bytes = key.bytes();
    xxh3_64(&bytes[..29])
}

fn key_hash(key: &Key) -> u64 {
    xxh3_64(&key.bytes())
}

fn reference_hash(acquirer: AcquirerId, terminal: &[u8; 8], rrn: &[u8; 12]) -> u64 {
    let mut bytes = [0; 22];
    bytes[..2].copy_from_slice(&acquirer.0.to_le_bytes());
    bytes[2..10].copy_from_slice(terminal);
    bytes[10..].copy_from_slice(rrn);
    xxh3_64(&bytes)
}

impl Book {
    /// An empty book, before the first entry. Duplicates and originals will be found for `keep_days`.
    pub fn new(keep_days: i32) -> Book {
        Book {
            sequence: Sequence(0),
            at: Moment(0),
            names: Arc::new(Names::default()),
            members: Vec::new(),
            holdings: 0,
            known: Map::default(),
            accounts: Map::default(),
            in_lots: Vec::new(),
            in_debts: Vec::new(),
            in_accounts: Vec::new(),
            days: Vec::new(),
            rule_sets: Vec::new(),
            opened: Map::default(),
            index: Index {
                keep_days,
                ..Index::default()
            },
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

    /// How long duplicates and originals are found, in days.
    pub fn keep_days(&self) -> i32 {
        self.index.keep_days
    }

    /// A member.
    pub fn member(&self, id: MemberId) -> Option<&Member> {
        self.members.get((id.0 as usize).checked_sub(1)?)
    }

    /// All members, in the order of their numbers.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The number the next member will get.
    pub fn next_member(&self) -> MemberId {
        MemberId(self.members.len() as u32 + 1)
    }

    /// The member of a club that an identity names.
    pub fn who(&self, club: ClubId, identity: Identity) -> Option<MemberId> {
        match identity {
            Identity::Number(id) => self.member(id).filter(|m| m.club == club).map(|m| m.id),
            Identity::Card(token) | Identity::Mobile(token) | Identity::NationalCode(token) => {
                self.known.get(&(club, token)).copied()
            }
        }
    }

    /// The balance of an account: what came in less what went out, in smallest units.
    pub fn balance(&self, account: Account) -> i64 {
        let held = |key: PurseKey| {
            self.member(key.member)
                .and_then(|m| m.holding(key.purse, key.shop))
        };
        match account {
            Account::Purse(key) => held(key).map_or(0, Holding::total),
            Account::Debt(key) => held(key).map_or(0, |h| -h.debt),
            other => self.accounts.get(&other).copied().unwrap_or(0),
        }
    }

    /// The accounts that belong to no member, in their order, with what each is counted in.
    pub fn accounts(&self) -> Vec<(Account, UnitId, i64)> {
        let mut all: Vec<_> = self
            .accounts
            .iter()
            .map(|(account, balance)| (*account, self.unit(*account), *balance))
            .collect();
        all.sort_unstable();
        all
    }

    /// What an account is counted in.
    pub fn unit(&self, account: Account) -> UnitId {
        match account {
            Account::Purse(PurseKey { purse, .. })
            | Account::Debt(PurseKey { purse, .. })
            | Account::Outstanding { purse, .. } => self.names.purse_unit(purse),
            _ => UnitId::RIAL,
        }
    }

    /// How many accounts there are: members' purses and all others.
    pub fn account_count(&self) -> usize {
        self.accounts.len() + self.holdings
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
        for member in &self.members {
            for held in &member.holdings {
                let unit = self.names.purse_unit(held.purse).place();
                lots[unit] += held.total();
                all[unit] += held.total() - held.debt;
            }
        }
        for (account, balance) in &self.accounts {
            all[self.unit(*account).place()] += balance;
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
    pub fn rule_set(&self) -> Option<RuleSet> {
        self.rule_sets.last().copied()
    }

    /// Every rule set that ever was in force, oldest first.
    pub fn rule_sets(&self) -> &[RuleSet] {
        &self.rule_sets
    }

    /// Of an opening file with this SHA-256: how many of its members are booked, of how many.
    pub fn opened(&self, sha256: &[u8; 32]) -> Option<(u32, u32)> {
        self.opened.get(sha256).copied()
    }

    /// The entry that has this key, or another of the same hash: who asks compares the whole key.
    pub fn with_key(&self, key: &Key) -> Option<Sequence> {
        self.index.keys.get(&key_hash(key)).copied()
    }

    /// Entries whose acquirer, terminal, acceptor and STAN are those of a key, newest first.
    pub fn originals<'a>(&'a self, key: &Key) -> impl Iterator<Item = Sequence> + 'a {
        let newest = self.index.originals.get(&original_hash(key)).copied();
        std::iter::successors(newest, |at| self.index.before.get(at).copied())
    }

    /// Reversals without an original that wait for one with this acquirer, terminal, acceptor and STAN, or for one with this retrieval
    /// reference at this terminal; newest first.
    pub fn tombstones<'a>(
        &'a self,
        key: &Key,
        rrn: Option<[u8; 12]>,
    ) -> impl Iterator<Item = Sequence> + 'a {
        let by_reference = rrn.map(|rrn| reference_hash(key.acquirer, &key.terminal, &rrn));
        [Some(original_hash(key)), by_reference]
            .into_iter()
            .flatten()
            .filter_map(|hash| self.index.tombstones.get(&hash).copied())
            .flat_map(|newest| {
                std::iter::successors(Some(newest), |at| self.index.before.get(at).copied())
            })
    }

    /// Purchases with a retrieval reference at a terminal, newest first.
    pub fn with_reference<'a>(
        &'a self,
        acquirer: AcquirerId,
        terminal: &[u8; 8],
        rrn: &[u8; 12],
    ) -> impl Iterator<Item = Sequence> + 'a {
        let hash = reference_hash(acquirer, terminal, rrn);
        let newest = self.index.references.get(&hash).copied();
        std::iter::successors(newest, |at| self.index.before_by_reference.get(at).copied())
    }

    /// The reversal that undid an entry.
    pub fn reversed_by(&self, sequence: Sequence) -> Option<Sequence> {
        self.index.reversed.get(&sequence).copied()
    }

    /// Takes the next entry in. Reads its effects only; every entry that was decided can be applied.
    ///
    /// # Panics
    /// Where the entry is not the next one, or moves what is not there: then this book and the journal do not belong together,
    /// and nothing may be decided by it.
    pub fn apply(&mut self, entry: &Entry) {
        assert_eq!(
            entry.head.sequence,
            self.sequence.next(),
            "entries are applied in order, without gaps"
        );
        self.sequence = entry.head.sequence;
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
            self.post(posting);
        }
        for moved in &effects.lots {
            let unit = self.names.purse_unit(moved.key.purse).place();
            self.in_lots[unit] += moved.amount;
            let member = self.member_mut(moved.key.member);
            let before = member.holdings.len();
            member.move_lot(moved);
            let more = member.holdings.len() - before;
            self.holdings += more;
        }
        if let Some(visit) = effects.visit {
            let sign = if effects.reverses { -1 } else { 1 };
            self.member_mut(visit.member).log_visit(
                visit.day,
                visit.shop,
                visit.spent,
                visit.redeemed,
                sign,
            );
        }
        self.index_entry(entry);
        match &entry.input {
            Input::DayTurned {
                acquirer, opened, ..
            } => self.turn_day(*acquirer, *opened),
            Input::RulesLoaded { number, sha256 } => self.rule_sets.push(RuleSet {
                number: *number,
                sha256: *sha256,
                from: entry.head.at,
            }),
            Input::Opened {
                sha256, done, of, ..
            } => {
                self.opened.insert(*sha256, (*done, *of));
            }
            Input::Request(_) => {}
        }
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

    fn post(&mut self, posting: &Posting) {
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
                    let before = member.holdings.len();
                    let held = member.holding_mut(key.purse, key.shop);
                    held.debt -= amount;
                    assert!(held.debt >= 0, "nobody pays more than he owes");
                    let more = member.holdings.len() - before;
                    self.holdings += more;
                }
                other => {
                    self.in_accounts[posting.unit.place()] += amount;
                    *self.accounts.entry(other).or_insert(0) += amount;
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
                self.members.push(Member {
                    id: *member,
                    club: *club,
                    joined: *joined,
                    tier: *tier,
                    marketer: *marketer,
                    introducer: *introducer,
                    holdings: Vec::new(),
                    visits: Vec::new(),
                    next_lot: LotId(0),
                });
                for token in identities.iter().filter_map(|identity| identity.token()) {
                    self.known.insert((*club, token), *member);
                }
            }
            MemberChange::KnownBy { member, identity } => {
                let club = self.member_mut(*member).club;
                if let Some(token) = identity.token() {
                    self.known.insert((club, token), *member);
                }
            }
            MemberChange::Tier { member, tier } => self.member_mut(*member).tier = *tier,
            MemberChange::Marketer { member, marketer } => {
                self.member_mut(*member).marketer = *marketer;
            }
        }
    }

    fn turn_day(&mut self, acquirer: AcquirerId, opened: Day) {
        if self.days.len() <= acquirer.place() {
            self.days.resize(acquirer.place() + 1, Day::default());
        }
        self.days[acquirer.place()] = opened;
        self.index.turn(self.at, self.sequence);
    }

    fn index_entry(&mut self, entry: &Entry) {
        let sequence = entry.head.sequence;
        let Input::Request(asked) = &entry.input else {
            return;
        };
        self.index.keys.insert(key_hash(&asked.key), sequence);
        let Effects {
            original, reverses, ..
        } = entry.effects;
        match (asked.function, original) {
            (Function::Reversal, Some(original)) if reverses => {
                self.index.reversed.insert(original, sequence);
            }
            (Function::Reversal, None) => self.index.put_tombstone(asked, sequence),
            (Function::Purchase, _) => {
                let told = entry.effects.told.as_ref().and_then(|told| told.rrn);
                self.index.put_original(asked, asked.rrn.or(told), sequence);
            }
            _ => {}
        }
    }
}

impl Index {
    fn put_original(&mut self, asked: &Asked, rrn: Option<[u8; 12]>, sequence: Sequence) {
        if let Some(before) = self.originals.insert(original_hash(&asked.key), sequence) {
            self.before.insert(sequence, before);
        }
        if let Some(rrn) = rrn {
            let hash = reference_hash(asked.key.acquirer, &asked.key.terminal, &rrn);
            if let Some(before) = self.references.insert(hash, sequence) {
                self.before_by_reference.insert(sequence, before);
            }
        }
    }

    /// A tombstone stands under what it knows of the original that it waits for.
    fn put_tombstone(&mut self, asked: &Asked, sequence: Sequence) {
        let original = asked.original.unwrap_or_default();
        let hash = match (original.stan, original.rrn) {
            (None, Some(rrn)) => reference_hash(asked.key.acquirer, &asked.key.terminal, &rrn),
            (stan, _) => original_hash(&Key {
                stan: stan.unwrap_or(asked.key.stan),
                ..asked.key
            }),
        };
        if let Some(before) = self.tombstones.insert(hash, sequence) {
            self.before.insert(sequence, before);
        }
    }

    /// Forgets what is older than duplicates are kept, and a day more: a terminal's clock may be ahead of ours by that. It goes by the
    /// clock and not by business days, which an operator can turn as often as he likes.
    fn turn(&mut self, at: Moment, sequence: Sequence) {
        self.turns.push((at, sequence));
        let oldest = at.plus_seconds(-86_400 * i64::from(self.keep_days + 1));
        let old = self.turns.partition_point(|(turned, _)| *turned <= oldest);
        if old > 1 {
            // Entries behind the last old turn may be young: they stay.
            let first = self.turns[old - 1].1;
            self.turns.drain(..old - 1);
            self.forget_before(first);
        }
    }

    fn forget_before(&mut self, first: Sequence) {
        for map in [
            &mut self.keys,
            &mut self.originals,
            &mut self.references,
            &mut self.tombstones,
        ] {
            map.retain(|_, at| *at >= first);
        }
        for chain in [&mut self.before, &mut self.before_by_reference] {
            chain.retain(|at, before| *at >= first && *before >= first);
        }
        self.reversed.retain(|at, _| *at >= first);
    }
}

/// The version of a book as bytes.
const SNAPSHOT_FORMAT: u8 = 1;

impl Recorded for Member {
    fn put(&self, out: &mut Vec<u8>) {
        self.id.put(out);
        self.club.put(out);
        self.joined.put(out);
        self.tier.put(out);
        self.marketer.put(out);
        self.introducer.put(out);
        self.holdings.put(out);
        self.visits.put(out);
        self.next_lot.put(out);
    }
    fn take(from: &mut &[u8]) -> Result<Member, BadRecord> {
        Ok(Member {
            id: Recorded::take(from)?,
            club: Recorded::take(from)?,
            joined: Recorded::take(from)?,
            tier: Recorded::take(from)?,
            marketer: Recorded::take(from)?,
            introducer: Recorded::take(from)?,
            holdings: Recorded::take(from)?,
            visits: Recorded::take(from)?,
            next_lot: Recorded::take(from)?,
        })
    }
}

impl Recorded for Holding {
    fn put(&self, out: &mut Vec<u8>) {
        self.purse.put(out);
        self.shop.put(out);
        self.debt.put(out);
        self.lots.put(out);
    }
    fn take(from: &mut &[u8]) -> Result<Holding, BadRecord> {
        Ok(Holding {
            purse: Recorded::take(from)?,
            shop: Recorded::take(from)?,
            debt: Recorded::take(from)?,
            lots: Recorded::take(from)?,
        })
    }
}

impl Recorded for VisitDay {
    fn put(&self, out: &mut Vec<u8>) {
        self.day.put(out);
        self.shop.put(out);
        self.times.put(out);
        self.spent.put(out);
        self.redeemed.put(out);
    }
    fn take(from: &mut &[u8]) -> Result<VisitDay, BadRecord> {
        Ok(VisitDay {
            day: Recorded::take(from)?,
            shop: Recorded::take(from)?,
            times: Recorded::take(from)?,
            spent: Recorded::take(from)?,
            redeemed: Recorded::take(from)?,
        })
    }
}

impl Recorded for RuleSet {
    fn put(&self, out: &mut Vec<u8>) {
        self.number.put(out);
        self.sha256.put(out);
        self.from.put(out);
    }
    fn take(from: &mut &[u8]) -> Result<RuleSet, BadRecord> {
        Ok(RuleSet {
            number: Recorded::take(from)?,
            sha256: Recorded::take(from)?,
            from: Recorded::take(from)?,
        })
    }
}

/// A hash table as bytes: in the order of its keys, so that equal books are equal bytes.
fn put_map<K: Recorded + Ord + Copy, V: Recorded + Copy>(map: &Map<K, V>, out: &mut Vec<u8>) {
    let mut all: Vec<(K, V)> = map.iter().map(|(key, value)| (*key, *value)).collect();
    all.sort_unstable_by_key(|(key, _)| *key);
    all.put(out);
}

fn take_map<K: Recorded + std::hash::Hash + Eq, V: Recorded>(
    from: &mut &[u8],
) -> Result<Map<K, V>, BadRecord> {
    Ok(Vec::<(K, V)>::take(from)?.into_iter().collect())
}

impl Book {
    /// The whole book as bytes, for a snapshot. Equal books give equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![SNAPSHOT_FORMAT];
        self.sequence.put(&mut out);
        self.at.put(&mut out);
        self.names
            .all()
            .cloned()
            .collect::<Vec<Named>>()
            .put(&mut out);
        self.members.put(&mut out);
        put_map(&self.known, &mut out);
        put_map(&self.accounts, &mut out);
        self.in_lots.put(&mut out);
        self.in_debts.put(&mut out);
        self.in_accounts.put(&mut out);
        self.days.put(&mut out);
        self.rule_sets.put(&mut out);
        put_map(&self.opened, &mut out);
        self.index.keep_days.put(&mut out);
        for map in [
            &self.index.keys,
            &self.index.originals,
            &self.index.references,
            &self.index.tombstones,
        ] {
            put_map(map, &mut out);
        }
        for map in [
            &self.index.before,
            &self.index.before_by_reference,
            &self.index.reversed,
        ] {
            put_map(map, &mut out);
        }
        self.index.turns.put(&mut out);
        out
    }

    /// Reads a snapshot back. `keep_days` is what the configuration says now.
    pub fn from_bytes(mut bytes: &[u8], keep_days: i32) -> Result<Book, BadRecord> {
        let from = &mut bytes;
        if u8::take(from)? != SNAPSHOT_FORMAT {
            return Err(BadRecord::Unknown("a snapshot format"));
        }
        let sequence = Recorded::take(from)?;
        let at = Recorded::take(from)?;
        let mut names = Names::default();
        for named in Vec::<Named>::take(from)? {
            names.put(named);
        }
        let members: Vec<Member> = Recorded::take(from)?;
        let holdings = members.iter().map(|member| member.holdings.len()).sum();
        let known = take_map(from)?;
        let accounts = take_map(from)?;
        let in_lots = Recorded::take(from)?;
        let in_debts = Recorded::take(from)?;
        let in_accounts = Recorded::take(from)?;
        let days = Recorded::take(from)?;
        let rule_sets = Recorded::take(from)?;
        let opened = take_map(from)?;
        let kept_days = i32::take(from)?;
        if kept_days < keep_days {
            // What was forgotten cannot be made up from a snapshot; a replay of the journal can.
            return Err(BadRecord::Unknown("a shorter memory of duplicates"));
        }
        let index = Index {
            keep_days,
            keys: take_map(from)?,
            originals: take_map(from)?,
            references: take_map(from)?,
            tombstones: take_map(from)?,
            before: take_map(from)?,
            before_by_reference: take_map(from)?,
            reversed: take_map(from)?,
            turns: Recorded::take(from)?,
        };
        if !from.is_empty() {
            return Err(BadRecord::Long);
        }
        Ok(Book {
            sequence,
            at,
            names: Arc::new(names),
            members,
            holdings,
            known,
            accounts,
            in_lots,
            in_debts,
            in_accounts,
            days,
            rule_sets,
            opened,
            index,
        })
    }
}
