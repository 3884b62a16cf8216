//! A statement per acceptor: a CSV row for each purchase and reversal of the day, then what was brought, paid and carried.

use std::collections::BTreeMap;
use std::io::Read;

use crate::ledger::{Asked, Entry, Input, Names};
use crate::settle::output::{Output, Sink};
use crate::settle::row::Row;
use crate::settle::{SettleError, Totals, add};
use crate::terms::money::pointed;
use crate::terms::{Day, Moment, ShopId, Zone};

/// The columns. Amounts are whole rials; purses under `earned` have their own decimals, and
/// `shop` before them where the shop earned. `pockets` is what each kind of pocket of
/// a card paid.
/// `row` is `item` for a purchase or reversal, and below them `total`, `brought`, `paid` and `carried`.
pub const COLUMNS: [&str; 27] = [
    "row",
    "business_day",
    "time",
    "local_time",
    "acquirer",
    "terminal",
    "stan",
    "rrn",
    "sequence",
    "last_four",
    "function",
    "gross",
    "discount",
    "points_value",
    "club_credit",
    "own_credit",
    "card_paid",
    "credit_funded",
    "fee",
    "fee_payer",
    "earned",
    "split",
    "net",
    "status",
    "original",
    "reference",
    "pockets",
];

/// So many bytes of rows wait in memory before all of them are handed on.
const HELD_MAX: usize = 16 << 20;

/// The statements being written.
#[derive(Default)]
pub(crate) struct Statements {
    open: BTreeMap<ShopId, Statement>,
    held: usize,
}

#[derive(Default)]
struct Statement {
    file: String,
    held: Vec<u8>,
    items: u64,
    reversals: u64,
    sums: Sums,
    pockets: BTreeMap<String, i64>,
}

/// Sums of a statement's items, in the order of its columns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Sums([i64; 9]);

impl Sums {
    const PLACES: [usize; 9] = [11, 12, 13, 14, 15, 16, 17, 18, 22];

    fn of(row: &Row) -> Sums {
        let funded = row
            .split
            .iter()
            .filter(|(role, ..)| role == "holder-saving")
            .map(|(.., amount)| amount)
            .sum();
        Sums([
            row.gross,
            row.discount,
            row.points,
            row.club_credit,
            row.own_credit,
            row.card_paid,
            funded,
            row.fee,
            row.net,
        ])
    }

    fn join(&mut self, other: Sums) -> Result<(), SettleError> {
        for (sum, amount) in self.0.iter_mut().zip(other.0) {
            add(sum, amount)?;
        }
        Ok(())
    }

    fn put(self, cells: &mut [String; 27]) {
        for (place, amount) in Sums::PLACES.iter().zip(self.0) {
            cells[*place] = amount.to_string();
        }
    }
}

impl Statements {
    /// Writes an item.
    pub fn put<S: Sink>(
        &mut self,
        output: &mut Output<S>,
        (shop, day, zone): (ShopId, Day, &Zone),
        entry: &Entry,
        row: &Row,
        names: &Names,
    ) -> Result<(), SettleError> {
        let Input::Request(asked) = &entry.input else {
            return Ok(());
        };
        let mut cells = item(day, zone, entry, asked, row, names);
        let sums = Sums::of(row);
        sums.put(&mut cells);
        let statement = self.of(shop, day, names)?;
        statement.items += 1;
        statement.reversals += u64::from(row.reversal);
        statement.sums.join(sums)?;
        join(&mut statement.pockets, &row.pockets)?;
        let before = statement.held.len();
        line(&mut statement.held, &cells)?;
        self.held += statement.held.len() - before;
        if self.held > HELD_MAX {
            self.hand_on(output)?;
        }
        Ok(())
    }

    /// Writes the foot of a shop's statement: what was brought, what each file pays, what is carried.
    pub fn foot(
        &mut self,
        (shop, day): (ShopId, Day),
        (brought, carried): (i64, i64),
        paid: &[(String, i64)],
        names: &Names,
    ) -> Result<(), SettleError> {
        let statement = self.of(shop, day, names)?;
        let mut row = |kind: &str, fill: &dyn Fn(&mut [String; 27])| {
            let mut cells: [String; 27] = std::array::from_fn(|_| String::new());
            cells[0] = kind.to_owned();
            cells[1] = day.to_string();
            fill(&mut cells);
            line(&mut statement.held, &cells)
        };
        let (items, sums) = (statement.items, statement.sums);
        let pockets = listed(&statement.pockets);
        let counts = format!(
            "purchases={} reversals={}",
            items - statement.reversals,
            statement.reversals
        );
        row("total", &|cells| {
            cells[10].clone_from(&counts);
            cells[26].clone_from(&pockets);
            sums.put(cells);
        })?;
        row("brought", &|cells| cells[22] = brought.to_string())?;
        for (reference, amount) in paid {
            row("paid", &|cells| {
                cells[22] = amount.to_string();
                cells[25].clone_from(reference);
            })?;
        }
        row("carried", &|cells| cells[22] = carried.to_string())
    }

    /// The shops that have one.
    pub fn shops(&self) -> Vec<ShopId> {
        self.open.keys().copied().collect()
    }

    /// What items are owed to a shop.
    pub fn net(&self, shop: ShopId) -> i64 {
        self.open
            .get(&shop)
            .map_or(0, |statement| statement.sums.0[8])
    }

    /// Hands everything on.
    pub fn finish<S: Sink>(mut self, output: &mut Output<S>) -> Result<(), SettleError> {
        self.hand_on(output)?;
        for statement in self.open.values() {
            output.controls(&statement.file, statement.items, statement.sums.0[8]);
        }
        Ok(())
    }

    fn of(&mut self, shop: ShopId, day: Day, names: &Names) -> Result<&mut Statement, SettleError> {
        match self.open.entry(shop) {
            std::collections::btree_map::Entry::Occupied(held) => Ok(held.into_mut()),
            std::collections::btree_map::Entry::Vacant(place) => {
                let statement = place.insert(Statement {
                    file: file_name(names.shop(shop), day),
                    ..Statement::default()
                });
                line(&mut statement.held, &COLUMNS)?;
                Ok(statement)
            }
        }
    }

    fn hand_on<S: Sink>(&mut self, output: &mut Output<S>) -> Result<(), SettleError> {
        for statement in self.open.values_mut().filter(|s| !s.held.is_empty()) {
            output.append(&statement.file, &statement.held)?;
            statement.held = Vec::new();
        }
        self.held = 0;
        Ok(())
    }
}

fn item(
    day: Day,
    zone: &Zone,
    entry: &Entry,
    asked: &Asked,
    row: &Row,
    names: &Names,
) -> [String; 27] {
    let text = |bytes: Option<&[u8]>| {
        bytes.map_or(String::new(), |b| {
            String::from_utf8_lossy(b).trim().to_owned()
        })
    };
    let told_rrn = entry.effects.told.as_ref().and_then(|told| told.rrn);
    let rrn = asked.rrn.or(told_rrn);
    let purse = |front: &'static str| {
        move |(purse, (amount, decimals)): (&String, &(i64, u8))| {
            format!("{front}{purse}={}", pointed(*amount, *decimals))
        }
    };
    let of_shop = row.shop_earned.iter().map(purse("shop "));
    let earned: Vec<String> = row.earned.iter().map(purse("")).chain(of_shop).collect();
    let split: Vec<String> = row
        .split
        .iter()
        .map(|(role, account, amount)| format!("{role} {account}={amount}"))
        .collect();
    let mut cells: [String; 27] = std::array::from_fn(|_| String::new());
    cells[0] = "item".to_owned();
    cells[1] = day.to_string();
    cells[2] = iso(zone, entry.head.at);
    cells[3] = zone.local(entry.head.at).to_string();
    cells[4] = names.acquirer(asked.key.acquirer).to_owned();
    cells[5] = asked.key.terminal_code().to_owned();
    cells[6] = format!("{:06}", asked.key.stan);
    cells[7] = text(rrn.as_ref().map(|rrn| rrn.as_slice()));
    cells[8] = entry.head.sequence.to_string();
    cells[9] = text(asked.last_four.as_ref().map(|four| four.as_slice()));
    cells[10] = asked.function.name().to_owned();
    cells[19] = match (row.fee, row.fee_by_shop) {
        (0, _) => "",
        (_, true) => "merchant",
        (_, false) => "club",
    }
    .to_owned();
    cells[20] = earned.join(";");
    cells[21] = split.join(";");
    cells[23] = if row.reversal { "R" } else { "N" }.to_owned();
    cells[24] = entry
        .effects
        .original
        .map_or(String::new(), |original| original.to_string());
    cells[26] = listed(&row.pockets);
    cells
}

/// `bon=150000;gift=20000`.
fn listed(pockets: &BTreeMap<String, i64>) -> String {
    let pockets = pockets.iter();
    let pockets: Vec<String> = pockets
        .map(|(kind, amount)| format!("{kind}={amount}"))
        .collect();
    pockets.join(";")
}

/// What reversals bring back to nothing leaves no name behind.
fn join(sums: &mut BTreeMap<String, i64>, of: &BTreeMap<String, i64>) -> Result<(), SettleError> {
    for (kind, amount) in of {
        add(sums.entry(kind.clone()).or_default(), *amount)?;
    }
    sums.retain(|_, sum| *sum != 0);
    Ok(())
}

fn line<T: AsRef<[u8]>>(out: &mut Vec<u8>, cells: &[T]) -> Result<(), SettleError> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::Any(b'\n'))
        .from_writer(out);
    let failed = |error: csv::Error| SettleError::File {
        doing: "write a row of",
        path: "statement".to_owned(),
        source: error.into(),
    };
    writer.write_record(cells).map_err(failed)?;
    writer.flush().map_err(|error| failed(error.into()))
}

/// `STM_<acceptor15>_YYYYMMDD.csv`, blanks as `_`; what a file name cannot hold as `~` and its hex.
pub(crate) fn file_name(acceptor: &str, day: Day) -> String {
    let mut name = String::from("STM_");
    for byte in format!("{acceptor:15}").bytes() {
        match byte {
            b' ' => name.push('_'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' => name.push(char::from(byte)),
            _ => name.push_str(&format!("~{byte:02X}")),
        }
    }
    format!("{name}_{}.csv", day.jalali().digits())
}

/// `2026-11-23T10:15:00+03:30`, in the zone.
pub(crate) fn iso(zone: &Zone, at: Moment) -> String {
    let local = zone.local(at);
    let ahead = local.wall_seconds() - at.seconds();
    let (sign, offset) = (if ahead < 0 { '-' } else { '+' }, ahead.abs());
    let time = local.time.0;
    format!(
        "{}T{:02}:{:02}:{:02}{sign}{:02}:{:02}",
        local.day.gregorian(),
        time / 3600,
        time / 60 % 60,
        time % 60,
        offset / 3600,
        offset / 60 % 60
    )
}

/// Reads a statement back into totals, and holds its foot against its items.
pub(crate) fn read(file: &str, from: impl Read, totals: &mut Totals) -> Result<(), SettleError> {
    let broken = |wanted: &str, found: &str| SettleError::Broken {
        file: file.to_owned(),
        wanted: wanted.to_owned(),
        found: found.to_owned(),
    };
    let mut reader = csv::Reader::from_reader(from);
    let headers = reader
        .headers()
        .map_err(|e| broken("a heading", &e.to_string()))?;
    if headers.iter().ne(COLUMNS) {
        return Err(broken(
            "the columns of a statement",
            &format!("{headers:?}"),
        ));
    }
    let mut sums = Sums::default();
    let mut pockets = BTreeMap::new();
    let (mut brought, mut paid, mut carried, mut total) = (0, 0, None, None);
    for record in reader.records() {
        let record = record.map_err(|e| broken("a row", &e.to_string()))?;
        let cell = |at: usize| record.get(at).unwrap_or_default();
        let amount = |at: usize| -> Result<i64, SettleError> {
            cell(at)
                .parse()
                .map_err(|_| broken(&format!("an amount under {}", COLUMNS[at]), cell(at)))
        };
        let row_sums = || -> Result<Sums, SettleError> {
            let mut sums = Sums::default();
            for (sum, place) in sums.0.iter_mut().zip(Sums::PLACES) {
                *sum = amount(place)?;
            }
            Ok(sums)
        };
        let row_pockets = || -> Result<BTreeMap<String, i64>, SettleError> {
            let pairs = cell(26).split(';').filter(|pair| !pair.is_empty());
            let pairs = pairs.map(|pair| {
                let (kind, amount) = pair.split_once('=')?;
                Some((kind.to_owned(), amount.parse().ok()?))
            });
            let read: Option<BTreeMap<_, _>> = pairs.collect();
            read.ok_or_else(|| broken("kind=amount", cell(26)))
        };
        match cell(0) {
            "item" => {
                let paid_by = row_pockets()?;
                join(&mut pockets, &paid_by)?;
                let of_row = row_sums()?;
                sums.join(of_row)?;
                let [
                    gross,
                    discount,
                    points,
                    club_credit,
                    own_credit,
                    card_paid,
                    _,
                    fee,
                    net,
                ] = of_row.0;
                let pairs = |at: usize| cell(at).split(';').filter(|pair| !pair.is_empty());
                let mut earned = BTreeMap::new();
                for pair in pairs(20) {
                    let (purse, value) = pair
                        .split_once('=')
                        .ok_or_else(|| broken("purse=amount", pair))?;
                    let decimals = value.split_once('.').map_or(0, |(_, d)| d.len()) as u8;
                    let units = value
                        .replace('.', "")
                        .parse()
                        .map_err(|_| broken("an amount", pair))?;
                    earned.insert(purse.to_owned(), (units, decimals));
                }
                let mut split = Vec::new();
                for pair in pairs(21) {
                    let (who, value) = pair
                        .split_once('=')
                        .ok_or_else(|| broken("role=amount", pair))?;
                    let (role, account) = who.split_once(' ').unwrap_or((who, ""));
                    let value = value.parse().map_err(|_| broken("an amount", pair))?;
                    split.push((role.to_owned(), account.to_owned(), value));
                }
                totals.count(&Row {
                    shop_earned: Default::default(),
                    reversal: cell(23) == "R",
                    gross,
                    discount,
                    points,
                    club_credit,
                    own_credit,
                    pockets: paid_by,
                    card_paid,
                    fee,
                    fee_by_shop: cell(19) == "merchant",
                    earned,
                    split,
                    net,
                })?;
            }
            "total" => total = Some((row_sums()?, row_pockets()?)),
            "brought" => brought = amount(22)?,
            "paid" => paid += amount(22)?,
            "carried" => carried = Some(amount(22)?),
            other => return Err(broken("item, total, brought, paid or carried", other)),
        }
    }
    let carries = carried == Some(brought + sums.0[8] - paid);
    if total.as_ref() != Some(&(sums, pockets)) {
        return Err(broken("a total of its items", &format!("{total:?}")));
    }
    if !carries {
        return Err(broken(
            "brought + net - paid carried",
            &format!("{carried:?}"),
        ));
    }
    Ok(())
}
