//! The run: entries of the journal in their order, folded into the files of one day; from the first one, or from where an
//! earlier day was closed. Of earlier days only what they could not pay is kept, of the day itself sums per shop and the rows not
//! yet handed on.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::ledger::{Account, Entry, Input, Names, Reason};
use crate::settle::carry::{Carry, Closing, Standing};
use crate::settle::division::{Debtor, Lines, Move, Part, Payee};
use crate::settle::manifest::{
    self, AccountLine, AcquirerLine, CarryLine, JournalRange, Manifest, NamedSum, ReasonLine,
};
use crate::settle::output::{Output, Sink};
use crate::settle::pain::{self, Order, Payer, Transfer};
use crate::settle::payments::{self, Creditor, Payments, TransferKey};
use crate::settle::row::Row;
use crate::settle::statement::{Statements, iso};
use crate::settle::{SettleError, Totals, add, shaparak};
use crate::terms::{AcquirerId, Day, Moment, Sequence, ShopId, UnitId, Zone};

/// A pool: through whom, at which shop.
pub(crate) type Place = (AcquirerId, ShopId);

/// Makes the files of one business day.
pub struct Run<S> {
    day: Day,
    zone: Zone,
    output: Output<S>,
    /// Names, and whose day is open. What comes for a day that everybody has closed counts in the next.
    standing: Standing,
    /// What counts in this day or an earlier one is in what is carried.
    carried_to: Option<Day>,
    /// How things stood before the first entry of a later day.
    later: Option<Standing>,
    /// What closed the day.
    closed_by: Option<Closing>,
    /// What is due of days that are not yet netted.
    due: BTreeMap<Day, BTreeMap<Place, Lines>>,
    /// What the days netted so far left.
    left: BTreeMap<Place, Lines>,
    /// How many files each bank got for earlier days.
    sequences: BTreeMap<String, u32>,
    balances: BTreeMap<(UnitId, &'static str), i64>,
    statements: Statements,
    today: Today,
}

/// What is counted of the day itself.
#[derive(Default)]
struct Today {
    totals: Totals,
    journal: JournalRange,
    last_at: Moment,
    acquirers: BTreeSet<AcquirerId>,
    rule_sets: BTreeSet<u32>,
    reasons: BTreeMap<(Reason, UnitId), (u64, i64, i64)>,
    moved: BTreeMap<(UnitId, &'static str), (i64, i64)>,
    fees: BTreeMap<String, i64>,
    exceptions: BTreeMap<&'static str, i64>,
}

impl<S: Sink> Run<S> {
    /// A run for a day; local times are those of `zone`.
    pub fn of(day: Day, zone: Zone, sink: S) -> Run<S> {
        Run {
            day,
            zone,
            output: Output::to(sink),
            standing: Standing {
                next: Sequence(1),
                ..Standing::default()
            },
            carried_to: None,
            later: None,
            closed_by: None,
            due: BTreeMap::new(),
            left: BTreeMap::new(),
            sequences: BTreeMap::new(),
            balances: BTreeMap::new(),
            statements: Statements::default(),
            today: Today::default(),
        }
    }

    /// A run for a day after one that was closed: the same files as from the first entry on.
    pub fn after(carry: Carry, day: Day, zone: Zone, sink: S) -> Run<S> {
        let closed = carry.standing.closed_to.is_some_and(|to| to >= day);
        Run {
            carried_to: Some(carry.day),
            // One entry may close many days.
            later: closed.then(|| carry.standing.clone()),
            closed_by: closed.then_some(carry.closed_by),
            standing: carry.standing,
            left: carry.left,
            sequences: carry.sequences,
            balances: carry.balances,
            ..Run::of(day, zone, sink)
        }
    }

    /// The entry that it waits for.
    pub fn next(&self) -> Sequence {
        self.standing.next
    }

    /// Whether every acquirer has closed the day: entries from here on change nothing, and need not be read.
    pub fn is_closed(&self) -> bool {
        self.closed_by.is_some()
    }

    /// The next entry; all of them from [`Run::next`] on. What was taken is passed over.
    pub fn take(&mut self, entry: &Entry) -> Result<(), SettleError> {
        if self.is_closed() || entry.head.sequence < self.standing.next {
            return Ok(());
        }
        let counts_in = match self.standing.closed_to {
            Some(closed) => entry.head.business_day.max(closed.plus(1)),
            None => entry.head.business_day,
        };
        if counts_in > self.day && self.later.is_none() {
            self.later = Some(self.standing.clone());
        }
        for named in &entry.effects.names {
            self.standing.names.put(named.clone());
        }
        if counts_in <= self.day && self.carried_to.is_none_or(|carried| counts_in > carried) {
            self.count(entry, counts_in)?;
        }
        let opened = match &entry.input {
            Input::DayTurned {
                acquirer, opened, ..
            } => Some((*acquirer, *opened)),
            _ => entry
                .head
                .acquirer
                .map(|acquirer| (acquirer, entry.head.business_day)),
        };
        if let Some((acquirer, day)) = opened {
            let open = self.standing.open.entry(acquirer).or_insert(day);
            *open = day.max(*open);
        }
        self.turn(entry)?;
        self.standing.next = entry.head.sequence.next();
        if self.is_closed() && self.later.is_none() {
            self.later = Some(self.standing.clone());
        }
        Ok(())
    }

    /// Nets the days that no entry can count in any more.
    fn turn(&mut self, entry: &Entry) -> Result<(), SettleError> {
        let Some(earliest) = self.standing.open.values().min() else {
            return Ok(());
        };
        let closed = earliest.plus(-1);
        if self
            .standing
            .closed_to
            .is_some_and(|before| before >= closed)
        {
            return Ok(());
        }
        self.standing.closed_to = Some(closed);
        if closed >= self.day {
            self.closed_by = Some(Closing::by(entry));
        }
        self.net_before(self.day.min(closed.plus(1)))
    }

    fn net_before(&mut self, end: Day) -> Result<(), SettleError> {
        while let Some(day) = self.due.keys().next().copied().filter(|day| *day < end) {
            let (payments, left) = self.net(day)?;
            for bank in self.banks(&payments)?.into_keys() {
                *self.sequences.entry(bank).or_default() += 1;
            }
            self.left = left;
        }
        Ok(())
    }

    /// What a day pays, with what was left before it, and what it leaves.
    fn net(&mut self, day: Day) -> Result<(Payments, BTreeMap<Place, Lines>), SettleError> {
        let mut due = self.due.remove(&day).unwrap_or_default();
        for (place, lines) in &self.left {
            due.entry(*place).or_default().join(lines)?;
        }
        let (mut payments, mut left) = (Payments::default(), BTreeMap::new());
        for (place, lines) in due {
            let division = lines.divide();
            payments.add(place, &division, &self.standing.names)?;
            if !division.left.is_clear() {
                left.insert(place, division.left);
            }
        }
        Ok((payments, left))
    }

    /// The banks that pay, each with the debtors whose accounts they keep.
    fn banks(&self, payments: &Payments) -> Result<BTreeMap<String, Vec<Debtor>>, SettleError> {
        let mut banks: BTreeMap<String, Vec<Debtor>> = BTreeMap::new();
        let debtors: BTreeSet<Debtor> = payments.transfers.keys().map(|key| key.0).collect();
        for debtor in debtors {
            let (_, iban) = payments::debtor_account(&self.standing.names, debtor)?;
            banks
                .entry(iban.bank().to_owned())
                .or_default()
                .push(debtor);
        }
        Ok(banks)
    }

    fn count(&mut self, entry: &Entry, day: Day) -> Result<(), SettleError> {
        let today = day == self.day;
        if today {
            self.count_today(entry)?;
        }
        for posting in &entry.effects.postings {
            let unplaced = |why| SettleError::Unplaced {
                sequence: entry.head.sequence,
                why,
            };
            for (account, amount) in [
                (posting.from, -posting.amount),
                (posting.to, posting.amount),
            ] {
                let key = (posting.unit, kind(account));
                add(self.balances.entry(key).or_default(), amount)?;
                if today {
                    let (came, went) = self.today.moved.entry(key).or_default();
                    add(if amount < 0 { went } else { came }, amount.abs())?;
                }
            }
            let (moved, amount) = Move::of(posting);
            let (shop, part) = match moved {
                Move::Elsewhere | Move::Fee(_) => continue,
                Move::Unknown => {
                    return Err(unplaced("it moves a shop's money where no file can follow"));
                }
                _ if posting.unit != UnitId::RIAL => {
                    return Err(unplaced(
                        "it moves a shop's money in a unit that is not the rial",
                    ));
                }
                Move::Card(_, shop) | Move::Owed(_, shop) => (shop, None),
                Move::Part(shop, payee) => (shop, Some(payee)),
            };
            let acquirer = match (moved, entry.head.acquirer) {
                (Move::Card(pool, _), Some(of)) if pool != of => {
                    return Err(unplaced("it takes from the pool of another acquirer"));
                }
                (Move::Card(pool, _), _) => pool,
                (_, Some(of)) => of,
                (_, None) => return Err(unplaced("it moves a shop's money without an acquirer")),
            };
            let lines = self
                .due
                .entry(day)
                .or_default()
                .entry((acquirer, shop))
                .or_default();
            let line = match (moved, part) {
                (_, Some(payee)) => {
                    let club = match payee {
                        Payee::Owner(club) | Payee::Reserve(club) | Payee::Saving(club) => {
                            Some(club)
                        }
                        Payee::Person(_) | Payee::Organisation(_) | Payee::Operator => {
                            entry.effects.club
                        }
                    };
                    let club = club.ok_or_else(|| unplaced("it splits money without a club"))?;
                    lines.parts.entry(Part { payee, club }).or_default()
                }
                (Move::Owed(debtor, _), _) => lines.debtors.entry(debtor).or_default(),
                _ => &mut lines.pool,
            };
            add(line, amount)?;
        }
        Ok(())
    }

    fn count_today(&mut self, entry: &Entry) -> Result<(), SettleError> {
        let sequence = entry.head.sequence.0;
        let today = &mut self.today;
        if today.journal.entries == 0 {
            today.journal.first = sequence;
        }
        today.journal.last = sequence;
        today.journal.entries += 1;
        today.last_at = entry.head.at;
        today.acquirers.extend(entry.head.acquirer);
        if entry.head.rule_set.0 > 0 {
            today.rule_sets.insert(entry.head.rule_set.0);
        }
        if let Some(exception) = entry.effects.exception {
            *today.exceptions.entry(exception.name()).or_default() += 1;
        }
        for posting in &entry.effects.postings {
            let line = today
                .reasons
                .entry((posting.reason, posting.unit))
                .or_default();
            line.0 += 1;
            let side = if entry.effects.reverses {
                &mut line.2
            } else {
                &mut line.1
            };
            add(side, posting.amount)?;
            if posting.reason == Reason::Fee {
                let (payer, amount) = match (posting.from, posting.to) {
                    (Account::Operator, payer) => (payer, -posting.amount),
                    (payer, _) => (payer, posting.amount),
                };
                let payer = match payer {
                    Account::Shop(shop) => format!("shop {}", self.standing.names.shop(shop)),
                    Account::Club(club) => format!("club {}", self.standing.names.club(club)),
                    other => kind(other).to_owned(),
                };
                add(today.fees.entry(payer).or_default(), amount)?;
            }
        }
        if let (Some(row), Some(shop)) = (Row::of(entry, &self.standing.names)?, entry.effects.shop)
        {
            self.today.totals.count(&row)?;
            let at = (shop, self.day, &self.zone);
            self.statements
                .put(&mut self.output, at, entry, &row, &self.standing.names)?;
        }
        Ok(())
    }

    /// Writes the files, `MANIFEST` last, and gives what later days may begin with. Without a closing entry the files are
    /// provisional, and nothing is given.
    pub fn finish(mut self) -> Result<(Manifest, Option<Carry>, S), SettleError> {
        self.net_before(self.day)?;
        let brought = std::mem::take(&mut self.left);
        self.left.clone_from(&brought);
        let (payments, left) = self.net(self.day)?;
        let mut paid: BTreeMap<ShopId, Vec<(String, i64)>> = BTreeMap::new();
        self.write_split_files(&payments, &mut paid)?;
        self.write_bank_files(&payments, &mut paid)?;
        for ((debtor, shop, creditor), amount) in &payments.kept {
            if *creditor == Creditor::Shop {
                let (_, of) = debtor_name(*debtor, &self.standing.names);
                let reference = format!("kept by {of}");
                paid.entry(*shop).or_default().push((reference, *amount));
            }
        }
        self.write_statements(&brought, &left, &paid)?;
        let manifest = self.manifest(&brought, &left, &payments)?;
        let mut page = serde_json::to_vec_pretty(&manifest).map_err(|error| SettleError::File {
            doing: "write",
            path: manifest::FILE.to_owned(),
            source: error.into(),
        })?;
        page.push(b'\n');
        self.output.append(manifest::FILE, &page)?;
        let carry = match (self.closed_by, self.later.take()) {
            (Some(closed_by), Some(standing)) => {
                for bank in self.banks(&payments)?.into_keys() {
                    *self.sequences.entry(bank).or_default() += 1;
                }
                Some(Carry {
                    day: self.day,
                    manifest: Sha256::digest(&page).into(),
                    closed_by,
                    standing,
                    left,
                    sequences: std::mem::take(&mut self.sequences),
                    balances: std::mem::take(&mut self.balances),
                })
            }
            _ => None,
        };
        Ok((manifest, carry, self.output.into_sink()))
    }

    fn alias(&self) -> Result<&str, SettleError> {
        self.standing
            .names
            .operator()
            .map(|(_, alias, _)| alias)
            .ok_or_else(shaparak::no_operator)
    }

    fn write_split_files(
        &mut self,
        payments: &Payments,
        paid: &mut BTreeMap<ShopId, Vec<(String, i64)>>,
    ) -> Result<(), SettleError> {
        for (acquirer, records) in &payments.records {
            let code = self.standing.names.acquirer(*acquirer);
            let file = format!(
                "{code}/{}_{}_01.json",
                self.alias()?,
                self.day.jalali().digits()
            );
            shaparak::write(
                &mut self.output,
                &file,
                *acquirer,
                records,
                &self.standing.names,
            )?;
            for record in records {
                for (iban, amount) in &record.shares {
                    self.today.totals.pay(iban.as_str(), *amount)?;
                }
                if record.to_shop > 0 {
                    paid.entry(record.shop)
                        .or_default()
                        .push((file.clone(), record.to_shop));
                }
            }
        }
        Ok(())
    }

    fn write_bank_files(
        &mut self,
        payments: &Payments,
        paid: &mut BTreeMap<ShopId, Vec<(String, i64)>>,
    ) -> Result<(), SettleError> {
        let date = self.day.jalali().digits();
        let created = iso(&self.zone, self.made_at());
        let mut counter = 0;
        for (bank, debtors) in self.banks(payments)? {
            let (sender, alias, _) = self
                .standing
                .names
                .operator()
                .ok_or_else(shaparak::no_operator)?;
            let sequence = match self.closed_by {
                Some(_) => self.sequences.get(&bank).copied().unwrap_or_default() + 1,
                None => 0,
            };
            let file = format!("PAY_{bank}_{alias}_{date}_01_{sequence:06}.xml");
            let mut payers = Vec::with_capacity(debtors.len());
            for debtor in debtors {
                let mut transfers = Vec::new();
                for ((_, shop, creditor), amount) in of_debtor(payments, debtor) {
                    counter += 1;
                    let transfer = self.transfer(*shop, *creditor, *amount, counter)?;
                    self.today.totals.pay(transfer.iban.as_str(), *amount)?;
                    if *creditor == Creditor::Shop {
                        let reference = format!("{file} {}", transfer.id);
                        paid.entry(*shop).or_default().push((reference, *amount));
                    }
                    transfers.push(transfer);
                }
                let (title, iban) = payments::debtor_account(&self.standing.names, debtor)?;
                payers.push(Payer {
                    name: title.to_owned(),
                    iban,
                    transfers,
                });
            }
            let order = Order {
                id: &format!("{alias}{date}01-{bank}-{sequence:06}"),
                created: &created,
                sender,
                due: self.day.plus(1),
                payers: &payers,
            };
            pain::write(&mut self.output, &file, &order)?;
        }
        Ok(())
    }

    fn transfer(
        &self,
        shop: ShopId,
        creditor: Creditor,
        amount: i64,
        counter: u32,
    ) -> Result<Transfer, SettleError> {
        use Payee::{Owner, Person, Reserve, Saving};
        let names = &self.standing.names;
        let title = match creditor {
            Creditor::Shop => names.shop_particulars(shop).map(|(title, _)| title),
            Creditor::Part(Person(person)) => {
                names.person_particulars(person).map(|(title, _)| title)
            }
            Creditor::Part(Owner(of) | Reserve(of) | Saving(of)) => {
                names.club_particulars(of).map(|(title, ..)| title)
            }
            Creditor::Part(Payee::Organisation(id)) => {
                names.organisation_particulars(id).map(|(title, _)| title)
            }
            Creditor::Part(Payee::Operator) => names.operator().map(|(title, ..)| title),
        };
        let acceptor: String = names
            .shop(shop)
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '-' {
                    c
                } else {
                    '.'
                }
            })
            .take(15)
            .collect();
        let role = match creditor {
            Creditor::Shop => "merchant",
            Creditor::Part(payee) => payee.role(),
        };
        Ok(Transfer {
            id: format!("{}-{acceptor}-{counter:06}", self.day.jalali().digits()),
            amount,
            name: title.unwrap_or_default().to_owned(),
            iban: payments::iban(names, shop, creditor)?,
            remark: format!("{} {} {role}", self.day, names.shop(shop)),
        })
    }

    fn write_statements(
        &mut self,
        brought: &BTreeMap<Place, Lines>,
        left: &BTreeMap<Place, Lines>,
        paid: &BTreeMap<ShopId, Vec<(String, i64)>>,
    ) -> Result<(), SettleError> {
        let (brought, left) = (to_shops(brought)?, to_shops(left)?);
        let mut shops = BTreeSet::from_iter(self.statements.shops());
        shops.extend(brought.keys().chain(left.keys()).chain(paid.keys()));
        for shop in shops {
            let of = |sums: &BTreeMap<ShopId, i64>| sums.get(&shop).copied().unwrap_or_default();
            let payments = paid.get(&shop).map_or(&[][..], Vec::as_slice);
            let mut carried = of(&brought);
            add(&mut carried, self.statements.net(shop))?;
            for (_, amount) in payments {
                add(&mut carried, -amount)?;
            }
            if carried != of(&left) {
                return Err(SettleError::Unnamed {
                    what: "shop",
                    found: self.standing.names.shop(shop).to_owned(),
                    wanted: "a statement that adds up to what is carried",
                });
            }
            let carry = (of(&brought), carried);
            self.statements
                .foot((shop, self.day), carry, payments, &self.standing.names)?;
        }
        std::mem::take(&mut self.statements).finish(&mut self.output)
    }

    /// The journal time that stands in files.
    fn made_at(&self) -> Moment {
        let closed = self.closed_by.as_ref();
        closed.map_or(self.today.last_at, |closing| closing.at)
    }

    fn manifest(
        &self,
        brought: &BTreeMap<Place, Lines>,
        left: &BTreeMap<Place, Lines>,
        payments: &Payments,
    ) -> Result<Manifest, SettleError> {
        let names = &self.standing.names;
        let today = &self.today;
        let mut trial: BTreeMap<UnitId, i64> = BTreeMap::new();
        for ((unit, _), amount) in &self.balances {
            add(trial.entry(*unit).or_default(), *amount)?;
        }
        if let Some((unit, sum)) = trial.iter().find(|(_, sum)| **sum != 0) {
            let unit = unit_name(names, *unit);
            return Err(SettleError::Unbalanced { unit, sum: *sum });
        }
        let acquirers: BTreeSet<AcquirerId> = self
            .standing
            .open
            .keys()
            .chain(&today.acquirers)
            .copied()
            .collect();
        let is_open = |acquirer: &AcquirerId| {
            self.standing
                .open
                .get(acquirer)
                .is_none_or(|open| *open <= self.day)
        };
        let named_sum = |(name, sum): (&str, &i64)| NamedSum {
            name: name.to_owned(),
            sum: *sum,
        };
        let mut kept = 0;
        for amount in payments.kept.values() {
            add(&mut kept, *amount)?;
        }
        Ok(Manifest {
            format: 1,
            business_day: self.day.to_string(),
            gregorian: self.day.gregorian().to_string(),
            provisional: self.closed_by.is_none(),
            acquirers: acquirers
                .iter()
                .map(|acquirer| AcquirerLine {
                    code: names.acquirer(*acquirer).to_owned(),
                    closed: !is_open(acquirer),
                })
                .collect(),
            journal: JournalRange {
                closed_by: self.closed_by.map(|closing| closing.sequence.0),
                at: iso(&self.zone, self.made_at()),
                ..today.journal.clone()
            },
            rule_sets: today.rule_sets.iter().copied().collect(),
            totals: today.totals.clone(),
            kept,
            invoiced: today.fees.iter().map(|(n, s)| named_sum((n, s))).collect(),
            reasons: today
                .reasons
                .iter()
                .map(|((reason, unit), (postings, amount, undone))| ReasonLine {
                    reason: reason.name().to_owned(),
                    unit: unit_name(names, *unit),
                    postings: *postings,
                    amount: *amount,
                    undone: *undone,
                })
                .collect(),
            accounts: self
                .balances
                .iter()
                .map(|(key, balance)| {
                    let (came, went) = today.moved.get(key).copied().unwrap_or_default();
                    AccountLine {
                        kind: key.1.to_owned(),
                        unit: unit_name(names, key.0),
                        came,
                        went,
                        balance: *balance,
                    }
                })
                .collect(),
            trial_balance: trial
                .iter()
                .map(|(unit, sum)| NamedSum {
                    name: unit_name(names, *unit),
                    sum: *sum,
                })
                .collect(),
            brought: carry_lines(brought, names)?,
            carried: carry_lines(left, names)?,
            exceptions: today
                .exceptions
                .iter()
                .map(|(n, s)| named_sum((n, s)))
                .collect(),
            files: self.output.files(),
        })
    }
}

fn of_debtor(payments: &Payments, debtor: Debtor) -> impl Iterator<Item = (&TransferKey, &i64)> {
    let first = (debtor, ShopId(0), Creditor::Shop);
    payments
        .transfers
        .range(first..)
        .take_while(move |((payer, ..), _)| *payer == debtor)
}

/// What lines leave to the shops themselves.
fn to_shops(lines: &BTreeMap<Place, Lines>) -> Result<BTreeMap<ShopId, i64>, SettleError> {
    let mut sums = BTreeMap::new();
    for ((_, shop), lines) in lines {
        add(sums.entry(*shop).or_default(), lines.shop()?)?;
    }
    Ok(sums)
}

fn carry_lines(
    lines: &BTreeMap<Place, Lines>,
    names: &Names,
) -> Result<Vec<CarryLine>, SettleError> {
    let mut carried = Vec::new();
    for ((acquirer, shop), lines) in lines {
        let mut line = |line: &str, of: &str, amount: i64| {
            if amount != 0 {
                carried.push(CarryLine {
                    acquirer: names.acquirer(*acquirer).to_owned(),
                    shop: names.shop(*shop).to_owned(),
                    line: line.to_owned(),
                    of: of.to_owned(),
                    amount,
                });
            }
        };
        line("pool", "", lines.pool);
        for (debtor, amount) in &lines.debtors {
            let (kind, of) = debtor_name(*debtor, names);
            line(kind, of, *amount);
        }
        for (part, amount) in &lines.parts {
            let of = match part.payee {
                Payee::Person(person) => names.person(person),
                Payee::Organisation(id) => names.organisation(id),
                Payee::Operator => "",
                Payee::Owner(_) | Payee::Saving(_) | Payee::Reserve(_) => names.club(part.club),
            };
            line(part.payee.role(), of, *amount);
        }
        line("merchant", "", lines.shop()?);
    }
    Ok(carried)
}

/// What a debtor is in files, and what he is called.
fn debtor_name(debtor: Debtor, names: &Names) -> (&'static str, &str) {
    match debtor {
        Debtor::Club(club) => ("club", names.club(club)),
        Debtor::Organisation(id) => ("organisation", names.organisation(id)),
        Debtor::Operator => ("operator", ""),
    }
}

/// Every kind of account.
pub(crate) const KINDS: [&str; 20] = [
    "purse",
    "debt",
    "outstanding",
    "pool",
    "shop",
    "person",
    "club",
    "reserve",
    "owner",
    "saving",
    "operator",
    "rounding",
    "owes-house",
    "due-from-house",
    "house-due",
    "house-owes",
    "house-income",
    "organisation",
    "shop-purse",
    "person-purse",
];

/// `rial`, or `club/purse` for points.
fn unit_name(names: &Names, unit: UnitId) -> String {
    match unit.purse() {
        None => "rial".to_owned(),
        Some(purse) => {
            let club = names.purse_particulars(purse);
            let club = club.map_or("", |(club, ..)| names.club(club));
            format!("{club}/{}", names.purse(purse))
        }
    }
}

fn kind(account: Account) -> &'static str {
    match account {
        Account::Purse(_) => "purse",
        Account::Debt(_) => "debt",
        Account::Outstanding { .. } => "outstanding",
        Account::Pool { .. } => "pool",
        Account::Shop(_) => "shop",
        Account::Person(_) => "person",
        Account::Club(_) => "club",
        Account::Reserve(_) => "reserve",
        Account::Owner(_) => "owner",
        Account::Saving { .. } => "saving",
        Account::Operator => "operator",
        Account::Rounding(_) => "rounding",
        Account::OwesHouse(_) => "owes-house",
        Account::DueFromHouse(_) => "due-from-house",
        Account::HouseDue(_) => "house-due",
        Account::HouseOwes(_) => "house-owes",
        Account::HouseIncome(_) => "house-income",
        Account::Organisation(_) => "organisation",
        Account::ShopPurse { .. } => "shop-purse",
        Account::PersonPurse { .. } => "person-purse",
    }
}
