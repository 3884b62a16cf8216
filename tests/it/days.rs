//! Days: entries in, settlement files out. Entries are written by hand here, as the engine posts them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use clubswitch::engine::{
    Act, Brought, Decision, Engine, Limits, Opening, OpeningLot, OpeningMember,
};
use clubswitch::ledger::told::{PurseAmount, Told};
use clubswitch::ledger::{
    Account, Aim, Asked, Book, Effects, Entry, Facts, Function, Head, Input, Key, Mode, Named,
    Names, Party, Posting, PurseKey, PurseKind, Reason, Redeem, Request, Verdict, Visit, Wishes,
};
use clubswitch::settle::{
    Carry, Folder, Manifest, Memory, Published, Run, SettleError, Totals, pain, publish, reread,
    shaparak,
};
use clubswitch::terms::person::Identity;
use clubswitch::terms::{
    AcquirerId, ClubId, Day, Iban, JalaliDate, Local, MemberId, Moment, PersonId, PurseId, Rials,
    Sequence, SetNumber, ShopId, Token, UnitId, Zone,
};

const A: AcquirerId = AcquirerId(0);
const B: AcquirerId = AcquirerId(1);
const CLUB: ClubId = ClubId(0);
const POINTS: PurseId = PurseId(0);
const CREDIT: PurseId = PurseId(1);
const OWN: PurseId = PurseId(2);
const PEOPLE: u32 = 14;

fn day(text: &str) -> Day {
    JalaliDate::parse(text).unwrap().day()
}

fn zone() -> Zone {
    Zone::named("Asia/Tehran").unwrap()
}

/// An account at a bank, its check digits made.
fn iban(bank: &str, account: u32) -> Iban {
    (2..=98)
        .find_map(|check| Iban::parse(&format!("IR{check:02}{bank}{account:019}")).ok())
        .unwrap()
}

fn shop_iban(shop: ShopId) -> Iban {
    iban("012", 100 + shop.0)
}

fn person_iban(person: u32) -> Iban {
    iban("017", 200 + person)
}

fn club_iban() -> Iban {
    iban("056", 300)
}

fn world() -> Vec<Named> {
    let mut names = vec![
        Named::Operator {
            title: "Switch & Sons".into(),
            alias: "GLS".into(),
            iban: iban("062", 1),
        },
        Named::Acquirer {
            id: A,
            code: "581672031".into(),
        },
        Named::Acquirer {
            id: B,
            code: "627412".into(),
        },
        Named::Club {
            id: CLUB,
            name: "golestan".into(),
            title: "باشگاه گلستان".into(),
            alias: "GLC".into(),
            iban: club_iban(),
        },
    ];
    for (id, name, kind, unit, decimals) in [
        (POINTS, "points", PurseKind::Points, "point", 2),
        (CREDIT, "credit", PurseKind::ClubCredit, "rial", 0),
        (OWN, "own", PurseKind::MerchantCredit, "rial", 0),
    ] {
        names.push(Named::Purse {
            id,
            club: CLUB,
            name: name.into(),
            kind,
            unit: unit.into(),
            decimals,
        });
    }
    for (at, code) in ["m-1001", "m-1002", "m-2001"].into_iter().enumerate() {
        let id = ShopId(at as u32);
        names.push(Named::Shop {
            id,
            code: code.into(),
            title: format!("Shop <{code}>"),
            iban: shop_iban(id),
        });
    }
    for id in 0..PEOPLE {
        names.push(Named::Person {
            id: PersonId(id),
            name: format!("p{id}"),
            title: format!("Person {id}"),
            iban: person_iban(id),
        });
    }
    names
}

/// A purchase by its amounts, in rials; points as (hundredths, rials paid, rials worth).
#[derive(Clone, Default)]
struct Sale {
    gross: i64,
    shop_discount: i64,
    club_discount: i64,
    points: (i64, i64, i64),
    credit: i64,
    own: i64,
    earned_points: i64,
    funded: i64,
    marketer: (u32, i64),
    merchant_marketer: (u32, i64),
    owner: i64,
    fee: i64,
    member: bool,
}

impl Sale {
    /// The worked example of the rule language.
    fn worked() -> Sale {
        Sale {
            gross: 2_755_555,
            shop_discount: 82_666,
            club_discount: 55_111,
            points: (23_334, 35_000, 35_001),
            credit: 125_000,
            own: 40_000,
            earned_points: 29_013,
            funded: 24_177,
            marketer: (0, 6_888),
            merchant_marketer: (1, 4_133),
            owner: 16_533,
            fee: 8_266,
            member: true,
        }
    }

    /// Without a club.
    fn plain(gross: i64) -> Sale {
        Sale {
            gross,
            ..Sale::default()
        }
    }

    fn pays(&self) -> i64 {
        self.gross
            - self.shop_discount
            - self.club_discount
            - self.points.1
            - self.credit
            - self.own
    }

    fn club_owes(&self) -> i64 {
        self.club_discount + self.credit + self.points.1
    }

    fn shop_part(&self) -> i64 {
        self.pays() + self.club_owes()
            - self.marketer.1
            - self.merchant_marketer.1
            - self.owner
            - self.funded
    }

    fn effects(&self, acquirer: AcquirerId, shop: ShopId) -> Effects {
        let member = MemberId(1);
        let purse = |purse, shop| {
            Account::Purse(PurseKey {
                member,
                purse,
                shop,
            })
        };
        let out = |purse, shop| Account::Outstanding { purse, shop };
        let (money, to_shop) = (UnitId::RIAL, Account::Shop(shop));
        let points = UnitId::of_purse(POINTS);
        let (club, person) = (Account::Club(CLUB), |id| Account::Person(PersonId(id)));
        let rows = [
            (
                purse(OWN, Some(shop)),
                out(OWN, Some(shop)),
                self.own,
                money,
                Reason::Spent,
            ),
            (
                purse(CREDIT, None),
                out(CREDIT, None),
                self.credit,
                money,
                Reason::Spent,
            ),
            (club, to_shop, self.credit, money, Reason::RedeemPaid),
            (
                purse(POINTS, None),
                out(POINTS, None),
                self.points.0,
                points,
                Reason::Spent,
            ),
            (club, to_shop, self.points.1, money, Reason::RedeemPaid),
            (
                club,
                Account::Rounding(CLUB),
                self.points.2 - self.points.1,
                money,
                Reason::Rounding,
            ),
            (
                club,
                to_shop,
                self.club_discount,
                money,
                Reason::ClubDiscount,
            ),
            (
                Account::Pool { acquirer, shop },
                to_shop,
                self.pays(),
                money,
                Reason::CardPaid,
            ),
            (
                out(POINTS, None),
                purse(POINTS, None),
                self.earned_points,
                points,
                Reason::Earned,
            ),
            (
                out(CREDIT, None),
                purse(CREDIT, None),
                self.funded,
                money,
                Reason::Earned,
            ),
            (
                to_shop,
                Account::Reserve(CLUB),
                self.funded,
                money,
                Reason::Funded,
            ),
            (
                to_shop,
                person(self.marketer.0),
                self.marketer.1,
                money,
                Reason::Split,
            ),
            (
                to_shop,
                person(self.merchant_marketer.0),
                self.merchant_marketer.1,
                money,
                Reason::Split,
            ),
            (
                to_shop,
                Account::Owner(CLUB),
                self.owner,
                money,
                Reason::Split,
            ),
            (club, Account::Operator, self.fee, money, Reason::Fee),
        ];
        let postings = rows
            .into_iter()
            .filter(|row| row.2 > 0)
            .map(|(from, to, amount, unit, reason)| Posting {
                from,
                to,
                amount,
                unit,
                reason,
            })
            .collect();
        let piece = |purse, amount, worth| PurseAmount {
            purse,
            amount,
            worth: Rials(worth),
        };
        let some = |list: Vec<PurseAmount>| list.into_iter().filter(|p| p.amount > 0).collect();
        let mut told = Told::only(Verdict::Approved);
        if self.member {
            told.pays = Some(Rials(self.pays()));
            told.member = Some(member);
            told.discount = Some(Rials(self.shop_discount + self.club_discount));
            told.fee = Some(Rials(self.fee));
            told.redeemed = some(vec![
                piece(OWN, self.own, self.own),
                piece(CREDIT, self.credit, self.credit),
                piece(POINTS, self.points.0, self.points.1),
            ]);
            told.earned = some(vec![
                piece(POINTS, self.earned_points, 0),
                piece(CREDIT, self.funded, self.funded),
            ]);
            told.split = vec![
                (Party::Marketer, Rials(self.marketer.1)),
                (Party::MerchantMarketer, Rials(self.merchant_marketer.1)),
                (Party::ClubOwner, Rials(self.owner)),
                (Party::HolderSaving, Rials(self.funded)),
                (Party::Merchant, Rials(self.shop_part())),
            ];
        }
        Effects {
            club: self.member.then_some(CLUB),
            shop: Some(shop),
            member: self.member.then_some(member),
            postings,
            visit: self.member.then_some(Visit {
                member,
                shop,
                day: Day(0),
                spent: Rials(self.gross),
                redeemed: Rials(self.points.1 + self.credit + self.own),
                discount: Rials::ZERO,
            }),
            ..Effects::told(told)
        }
    }
}

/// A journal being written: each acquirer has its open day.
struct Journal {
    entries: Vec<Entry>,
    open: BTreeMap<AcquirerId, Day>,
    at: Moment,
}

impl Journal {
    /// The world's names, and acquirer A open on a day.
    fn from(first: &str) -> Journal {
        let first = day(first);
        let mut journal = Journal {
            entries: Vec::new(),
            open: BTreeMap::from([(A, first)]),
            at: zone().midnight(first).plus_seconds(36_000),
        };
        let input = Input::RulesLoaded {
            number: SetNumber(1),
            sha256: [7; 32],
        };
        let effects = Effects {
            names: world(),
            ..Effects::none()
        };
        journal.enter(input, effects, None, first);
        journal
    }

    fn enter(
        &mut self,
        input: Input,
        effects: Effects,
        acquirer: Option<AcquirerId>,
        business_day: Day,
    ) -> Sequence {
        self.at = self.at.plus_seconds(1);
        let sequence = Sequence(self.entries.len() as u64 + 1);
        let head = Head {
            sequence,
            at: self.at,
            business_day,
            acquirer,
            rule_set: SetNumber(1),
        };
        self.entries.push(Entry {
            head,
            input,
            effects,
        });
        sequence
    }

    fn request(
        &mut self,
        acquirer: AcquirerId,
        shop: ShopId,
        asked: (Function, i64),
        effects: Effects,
    ) -> Sequence {
        let mut acceptor = [b' '; 15];
        let code = ["m-1001", "m-1002", "m-2001"][shop.place()];
        acceptor[..code.len()].copy_from_slice(code.as_bytes());
        let stan = self.entries.len() as u32;
        let asked = Asked {
            function: asked.0,
            mode: Mode::Ask,
            key: Key {
                acquirer,
                terminal: *b"T1      ",
                acceptor,
                stan,
                local: 902_101_500,
                kind: 20,
            },
            digest: 0,
            processing: 0,
            amount: Some(Rials(asked.1)),
            currency: 364,
            transmitted: None,
            rrn: Some(*b"000000000042"),
            mcc: 5411,
            last_four: Some(*b"1234"),
            bill: None,
            original: None,
            facts: Facts::default(),
        };
        let open = self.open[&acquirer];
        self.enter(Input::Request(asked), effects, Some(acquirer), open)
    }

    fn sell(&mut self, acquirer: AcquirerId, shop: u32, sale: &Sale) -> Sequence {
        let shop = ShopId(shop);
        let effects = sale.effects(acquirer, shop);
        self.request(acquirer, shop, (Function::Purchase, sale.gross), effects)
    }

    fn reverse(&mut self, original: Sequence) -> Sequence {
        let before = self.entries[original.0 as usize - 1].clone();
        let effects = Effects {
            club: before.effects.club,
            shop: before.effects.shop,
            member: before.effects.member,
            original: Some(original),
            reverses: true,
            postings: before.effects.postings.iter().map(|p| p.undone()).collect(),
            visit: before.effects.visit,
            ..Effects::told(Told::only(Verdict::Approved))
        };
        let (acquirer, shop) = (before.head.acquirer.unwrap(), before.effects.shop.unwrap());
        self.request(acquirer, shop, (Function::Reversal, 0), effects)
    }

    fn turn(&mut self, acquirer: AcquirerId) {
        let closed = self.open[&acquirer];
        let opened = closed.plus(1);
        let input = Input::DayTurned {
            acquirer,
            closed,
            opened,
        };
        self.open.insert(acquirer, opened);
        self.enter(input, Effects::none(), Some(acquirer), opened);
    }

    /// As the first entry of an acquirer that is new.
    fn joins(&mut self, acquirer: AcquirerId, on: Day) {
        let input = Input::DayTurned {
            acquirer,
            closed: on.plus(-1),
            opened: on,
        };
        self.open.insert(acquirer, on);
        self.enter(input, Effects::none(), Some(acquirer), on);
    }

    fn settle_into<S: clubswitch::settle::Sink>(
        &self,
        on: &str,
        sink: S,
    ) -> Result<(Manifest, S), SettleError> {
        let mut run = Run::of(day(on), zone(), sink);
        for entry in &self.entries {
            run.take(entry)?;
        }
        let (manifest, _, sink) = run.finish()?;
        Ok((manifest, sink))
    }

    fn settle(&self, on: &str) -> Made {
        let (manifest, files) = self.settle_into(on, Memory::new()).unwrap();
        Made { manifest, files }
    }

    fn publish(&self, on: &str, out: &Path) -> Result<Published, SettleError> {
        let folder = Folder::begin(out, day(on))?;
        let (_, folder) = self.settle_into(on, folder)?;
        folder.publish()
    }
}

/// A day's files in memory.
struct Made {
    manifest: Manifest,
    files: Memory,
}

impl Made {
    fn text(&self, name: &str) -> &str {
        let bytes = self.files.get(name);
        let bytes = bytes.unwrap_or_else(|| panic!("no {name} in {:?}", self.files.keys()));
        std::str::from_utf8(bytes).unwrap()
    }

    fn find(&self, part: &str) -> Vec<&str> {
        self.files
            .keys()
            .map(String::as_str)
            .filter(|name| name.contains(part))
            .collect()
    }

    /// Of every split file: acceptor, then account and amount of each share.
    fn shares(&self) -> Vec<(String, Vec<(String, i64)>)> {
        let mut found = Vec::new();
        for name in self.find(".json") {
            for detail in shaparak::read(name, self.text(name).as_bytes())
                .unwrap()
                .settlement_data_details
            {
                let shares = detail
                    .shares()
                    .iter()
                    .map(|(iban, amount)| ((*iban).to_owned(), *amount))
                    .collect();
                found.push((detail.acceptor_code.trim_end().to_owned(), shares));
            }
        }
        found
    }

    /// Of every bank file: the account credited and the amount.
    fn transfers(&self) -> Vec<(String, i64)> {
        let mut found = Vec::new();
        for name in self.find(".xml") {
            let paid = pain::read(name, self.text(name).as_bytes()).unwrap();
            found.extend(
                paid.transfers
                    .into_iter()
                    .map(|(_, amount, _, to)| (to, amount)),
            );
        }
        found
    }

    fn carried(&self) -> Vec<(&str, i64)> {
        self.manifest
            .carried
            .iter()
            .map(|line| (line.line.as_str(), line.amount))
            .collect()
    }
}

fn shares_of(list: &[(Iban, i64)]) -> Vec<(String, i64)> {
    list.iter()
        .map(|(iban, amount)| (iban.to_string(), *amount))
        .collect()
}

const D1: &str = "1405/09/02";
const D2: &str = "1405/09/03";
const D3: &str = "1405/09/04";

// ------------------------------------------------------------------------------ the worked example

#[test]
fn the_worked_example_is_divided_to_the_rial() {
    let mut journal = Journal::from(D1);
    journal.sell(A, 0, &Sale::worked());
    journal.turn(A);
    let made = journal.settle(D1);
    assert_eq!(
        made.text("581672031/GLS_14050902_01.json"),
        format!(
            concat!(
                "{{\"settlementDataDetails\":[\n",
                "{{\"iin\":581672031,\"acceptorCode\":\"m-1001         \",",
                "\"paymentFacilitatorIban\":\"{operator}\",",
                "\"settlementAmount\":2417778,\"wageAmount\":0,\"scatteredSettlementDetails\":[",
                "{{\"amountShare\":6888,\"settlementIban\":\"{p0}\"}},",
                "{{\"amountShare\":4133,\"settlementIban\":\"{p1}\"}},",
                "{{\"amountShare\":40710,\"settlementIban\":\"{club}\"}},",
                "{{\"amountShare\":2366047,\"settlementIban\":\"{shop}\"}}]}}\n]}}\n"
            ),
            operator = iban("062", 1),
            p0 = person_iban(0),
            p1 = person_iban(1),
            club = club_iban(),
            shop = shop_iban(ShopId(0)),
        )
    );
    assert_eq!(made.find(".xml"), ["PAY_056_GLS_14050902_01_000001.xml"]);
    assert_eq!(
        made.transfers(),
        shares_of(&[(shop_iban(ShopId(0)), 215_111)])
    );
    assert_eq!(2_366_047 + 215_111, 2_581_158);
    let split = &made.manifest.totals.split;
    assert_eq!(
        split
            .iter()
            .map(|(role, sum)| (role.as_str(), *sum))
            .collect::<Vec<_>>(),
        [
            ("club-owner", 16_533),
            ("holder-saving", 24_177),
            ("marketer", 11_021),
            ("merchant", 2_581_158)
        ]
    );
    assert_eq!(made.manifest.invoiced[0].sum, 8_266);
    assert!(made.manifest.carried.is_empty());
    assert!(made.manifest.trial_balance.iter().all(|unit| unit.sum == 0));
}

#[test]
fn the_worked_example_stands_in_the_statement() {
    let mut journal = Journal::from(D1);
    journal.sell(A, 0, &Sale::worked());
    journal.turn(A);
    let made = journal.settle(D1);
    let rows: Vec<&str> = made
        .text("STM_m-1001__________14050902.csv")
        .lines()
        .collect();
    let masked = |iban: Iban| format!("{}*{}", &iban.as_str()[..4], &iban.as_str()[22..]);
    assert_eq!(
        rows[1],
        format!(
            "item,1405/09/02,2026-11-23T10:00:02+03:30,1405/09/02 10:00:02,581672031,T1,000001,000000000042,2,1234,\
             purchase,2755555,137777,35000,125000,40000,2417778,24177,8266,club,golestan/credit=24177;golestan/points=290.13,\
             holder-saving {club}=24177;marketer {p0}=6888;marketer {p1}=4133;club-owner {club}=16533,2581158,N,,,",
            club = masked(club_iban()),
            p0 = masked(person_iban(0)),
            p1 = masked(person_iban(1)),
        )
    );
    assert_eq!(rows.len(), 7);
    let foot: Vec<(&str, &str)> = rows[2..]
        .iter()
        .map(|row| {
            (
                row.split(',').next().unwrap(),
                row.split(',').nth(22).unwrap(),
            )
        })
        .collect();
    assert_eq!(
        foot,
        [
            ("total", "2581158"),
            ("brought", "0"),
            ("paid", "2366047"),
            ("paid", "215111"),
            ("carried", "0")
        ]
    );
}

#[test]
fn totals_of_entries_and_of_files_are_the_same() {
    let out = tempfile::tempdir().unwrap();
    let mut journal = Journal::from(D1);
    let sale = journal.sell(A, 0, &Sale::worked());
    journal.sell(A, 1, &Sale::worked());
    journal.reverse(sale);
    journal.sell(A, 1, &Sale::plain(77_000));
    journal.turn(A);
    let published = journal.publish(D1, out.path()).unwrap();
    let totals = reread(published.path()).unwrap();
    assert_eq!(totals, publish::manifest(published.path()).unwrap().totals);
    assert_eq!((totals.purchases, totals.reversals), (3, 1));
    assert_eq!((totals.gross, totals.discount), (2_832_555, 137_777));
    assert_eq!(totals.earned["golestan/points"], 29_013);
    assert_eq!(totals.redeemed["points"], 35_000);
}

// ---------------------------------------------------------------------------------------- reversals

#[test]
fn a_purchase_reversed_on_its_day_pays_nobody() {
    let mut journal = Journal::from(D1);
    let sale = journal.sell(A, 0, &Sale::worked());
    journal.reverse(sale);
    journal.turn(A);
    let made = journal.settle(D1);
    assert!(made.find(".json").is_empty() && made.find(".xml").is_empty());
    assert!(made.manifest.carried.is_empty());
    let totals = &made.manifest.totals;
    assert_eq!(
        (totals.gross, totals.discount, totals.card_paid, totals.fee),
        (0, 0, 0, 0)
    );
    assert!(
        totals
            .earned
            .values()
            .chain(totals.redeemed.values())
            .all(|sum| *sum == 0)
    );
}

#[test]
fn a_reversal_of_another_day_is_carried_and_netted() {
    let mut journal = Journal::from(D1);
    let sale = journal.sell(A, 0, &Sale::worked());
    journal.turn(A);
    journal.reverse(sale);
    journal.turn(A);
    journal.sell(A, 0, &Sale::worked());
    journal.sell(A, 0, &Sale::plain(500_000));
    journal.turn(A);
    assert_eq!(journal.settle(D1).transfers().len(), 1);
    let second = journal.settle(D2);
    assert!(second.find(".json").is_empty() && second.find(".xml").is_empty());
    assert_eq!(
        second.carried(),
        [
            ("pool", -2_417_778),
            ("club", -215_111),
            ("marketer", -6_888),
            ("marketer", -4_133),
            ("club-owner", -16_533),
            ("holder-saving", -24_177),
            ("merchant", -2_581_158)
        ]
    );
    let third = journal.settle(D3);
    assert_eq!(third.manifest.brought, second.manifest.carried);
    assert_eq!(
        third.shares(),
        [(
            "m-1001".to_owned(),
            shares_of(&[(shop_iban(ShopId(0)), 500_000)])
        )]
    );
    assert!(
        third
            .text("581672031/GLS_14050904_01.json")
            .contains(&format!(
                "\"settlementIban\":\"{}\"}}\n",
                shop_iban(ShopId(0))
            ))
    );
    assert!(third.transfers().is_empty() && third.manifest.carried.is_empty());
}

#[test]
fn what_a_marketer_must_give_back_is_carried_beside_what_the_shop_lacks() {
    let small = |marketer| Sale {
        gross: 100_000,
        marketer: (marketer, 250),
        member: true,
        ..Sale::default()
    };
    let mut journal = Journal::from(D1);
    let sale = journal.sell(A, 0, &small(0));
    journal.turn(A);
    journal.reverse(sale);
    journal.sell(A, 0, &small(1));
    journal.sell(A, 0, &Sale::plain(1_000));
    journal.turn(A);
    let made = journal.settle(D2);
    assert_eq!(
        made.shares()[0].1,
        shares_of(&[(person_iban(1), 250), (shop_iban(ShopId(0)), 750)])
    );
    assert_eq!(made.carried(), [("marketer", -250), ("merchant", 250)]);
}

// ----------------------------------------------------------------------------------- who pays what

#[test]
fn fully_paid_by_points_the_club_pays_the_parts_too() {
    let sale = Sale {
        gross: 100_000,
        points: (66_667, 100_000, 100_000),
        marketer: (0, 250),
        merchant_marketer: (1, 150),
        owner: 600,
        member: true,
        ..Sale::default()
    };
    let mut journal = Journal::from(D1);
    journal.sell(A, 2, &sale);
    journal.turn(A);
    let made = journal.settle(D1);
    assert!(made.find(".json").is_empty());
    assert_eq!(
        made.transfers(),
        shares_of(&[
            (shop_iban(ShopId(2)), 99_000),
            (person_iban(0), 250),
            (person_iban(1), 150)
        ])
    );
    // The owner's part is on the club's own account already.
    assert_eq!(made.manifest.kept, 600);
    assert!(made.manifest.carried.is_empty());
}

#[test]
fn more_than_ten_accounts_go_through_the_club() {
    let mut journal = Journal::from(D1);
    for person in 0..PEOPLE {
        let amount = 1_000 + i64::from(person);
        let sale = Sale {
            gross: 100_000,
            marketer: (person, amount),
            owner: 600,
            member: true,
            ..Sale::default()
        };
        journal.sell(A, 0, &sale);
    }
    journal.turn(A);
    let made = journal.settle(D1);
    let shares = &made.shares()[0].1;
    // Shop and club are the largest; of the marketers the seven with most stay.
    assert_eq!(shares.len(), 9);
    let parts: i64 = (0..14).map(|p| 1_000 + p).sum();
    let through: i64 = (0..7).map(|p| 1_000 + p).sum();
    let mut want: Vec<(Iban, i64)> = (7..14)
        .map(|p| (person_iban(p), 1_000 + i64::from(p)))
        .collect();
    want.push((club_iban(), 14 * 600 + through));
    want.push((shop_iban(ShopId(0)), 1_400_000 - parts - 14 * 600));
    assert_eq!(*shares, shares_of(&want));
    let onward: Vec<(Iban, i64)> = (0..7)
        .map(|p| (person_iban(p), 1_000 + i64::from(p)))
        .collect();
    assert_eq!(made.transfers(), shares_of(&onward));
}

#[test]
fn a_purchase_without_a_club_is_the_shops() {
    let mut journal = Journal::from(D1);
    journal.sell(A, 1, &Sale::plain(250_000));
    journal.turn(A);
    let made = journal.settle(D1);
    assert_eq!(
        made.shares(),
        [(
            "m-1002".to_owned(),
            shares_of(&[(shop_iban(ShopId(1)), 250_000)])
        )]
    );
    assert!(made.find(".xml").is_empty());
    assert_eq!(
        made.manifest.totals.split,
        BTreeMap::from([("merchant".to_owned(), 250_000)])
    );
}

// ----------------------------------------------------------------------------------------- days

#[test]
fn each_acquirer_has_its_file_and_its_day() {
    let mut journal = Journal::from(D1);
    journal.joins(B, day(D1));
    journal.sell(A, 0, &Sale::worked());
    journal.sell(B, 0, &Sale::worked());
    journal.turn(A);
    journal.sell(A, 0, &Sale::plain(1_000));
    journal.sell(B, 0, &Sale::plain(2_000));
    let open = journal.settle(D1);
    assert!(open.manifest.provisional);
    let closed: Vec<bool> = open.manifest.acquirers.iter().map(|a| a.closed).collect();
    assert_eq!(closed, [true, false]);
    assert_eq!(open.find(".xml"), ["PAY_056_GLS_14050902_01_000000.xml"]);
    journal.turn(B);
    let made = journal.settle(D1);
    assert!(!made.manifest.provisional);
    assert_eq!(
        made.find(".json"),
        [
            "581672031/GLS_14050902_01.json",
            "627412/GLS_14050902_01.json"
        ]
    );
    let pools: Vec<i64> = made
        .shares()
        .iter()
        .map(|(_, shares)| shares.iter().map(|s| s.1).sum())
        .collect();
    assert_eq!(pools, [2_417_778, 2_419_778]);
    assert_eq!(
        made.transfers(),
        shares_of(&[(shop_iban(ShopId(0)), 430_222)])
    );
    assert_eq!(made.manifest.totals.purchases, 3);
    assert_eq!(
        (made.manifest.journal.first, made.manifest.journal.last),
        (1, 7)
    );
    assert_eq!(made.manifest.journal.closed_by, Some(8));
    journal.turn(A);
    journal.turn(B);
    assert_eq!(
        journal.settle(D2).shares()[0].1,
        shares_of(&[(shop_iban(ShopId(0)), 1_000)])
    );
}

#[test]
fn a_banks_files_are_numbered_through() {
    let mut journal = Journal::from(D1);
    for _ in 0..3 {
        journal.sell(A, 0, &Sale::worked());
        journal.turn(A);
    }
    assert_eq!(
        journal.settle(D3).find(".xml"),
        ["PAY_056_GLS_14050904_01_000003.xml"]
    );
}

#[test]
fn what_happens_after_the_close_changes_nothing() {
    let mut journal = Journal::from(D1);
    journal.sell(A, 0, &Sale::worked());
    journal.turn(A);
    let before = journal.settle(D1).files;
    let sale = journal.sell(A, 0, &Sale::worked());
    journal.reverse(sale);
    let moved = Named::Shop {
        id: ShopId(0),
        code: "m-1001".into(),
        title: "moved".into(),
        iban: iban("013", 9),
    };
    let input = Input::RulesLoaded {
        number: SetNumber(2),
        sha256: [8; 32],
    };
    journal.enter(
        input,
        Effects {
            names: vec![moved],
            ..Effects::none()
        },
        None,
        day(D2),
    );
    journal.joins(B, day(D1));
    journal.sell(B, 0, &Sale::plain(5_000));
    journal.turn(B);
    assert_eq!(journal.settle(D1).files, before);
    // What came for the closed day counts in the next.
    let late = journal.settle(D2);
    assert_eq!(
        late.shares(),
        [(
            "m-1001".to_owned(),
            vec![(iban("013", 9).to_string(), 5_000)]
        )]
    );
}

// ------------------------------------------------------------------------------------ publication

#[test]
fn the_same_day_again_is_the_same_bytes() {
    let out = tempfile::tempdir().unwrap();
    let mut journal = Journal::from(D1);
    journal.sell(A, 0, &Sale::worked());
    journal.turn(A);
    let place = out.path().join("1405-09-02");
    assert_eq!(
        journal.publish(D1, out.path()).unwrap(),
        Published::New(place.clone())
    );
    let before = fs::read(place.join("MANIFEST")).unwrap();
    assert_eq!(
        journal.publish(D1, out.path()).unwrap(),
        Published::Same(place.clone())
    );
    assert_eq!(fs::read(place.join("MANIFEST")).unwrap(), before);
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1);
}

#[test]
fn a_closed_day_is_never_replaced_and_a_provisional_one_is() {
    let out = tempfile::tempdir().unwrap();
    let mut journal = Journal::from(D1);
    journal.sell(A, 0, &Sale::worked());
    let place = journal.publish(D1, out.path()).unwrap().path().to_owned();
    assert!(publish::manifest(&place).unwrap().provisional);
    journal.sell(A, 1, &Sale::worked());
    journal.turn(A);
    assert_eq!(
        journal.publish(D1, out.path()).unwrap(),
        Published::Replaced(place.clone())
    );
    assert!(!publish::manifest(&place).unwrap().provisional);
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1);
    journal.entries.remove(2);
    let before = fs::read(place.join("MANIFEST")).unwrap();
    let error = journal.publish(D1, out.path()).unwrap_err();
    assert!(matches!(error, SettleError::Stands { .. }), "{error}");
    assert_eq!(fs::read(place.join("MANIFEST")).unwrap(), before);
}

#[test]
fn what_a_crash_left_is_cleared_or_mended() {
    let out = tempfile::tempdir().unwrap();
    let mut journal = Journal::from(D1);
    journal.sell(A, 0, &Sale::worked());
    journal.turn(A);
    let tmp = out.path().join(".1405-09-02.tmp");
    fs::create_dir_all(&tmp).unwrap();
    fs::write(tmp.join("STM_half.csv"), "half").unwrap();
    let place = journal.publish(D1, out.path()).unwrap().path().to_owned();
    assert!(!tmp.exists() && !place.join("STM_half.csv").exists());
    // Between two renames the old folder lay aside: it is back before anything else happens.
    fs::rename(&place, out.path().join(".1405-09-02.old")).unwrap();
    drop(Folder::begin(out.path(), day(D1)).unwrap());
    assert!(reread(&place).is_ok());
}

#[test]
fn a_changed_file_is_found() {
    let check = |name: &str, from: &str, to: &str, wanted: &str| {
        let out = tempfile::tempdir().unwrap();
        let mut journal = Journal::from(D1);
        journal.sell(A, 0, &Sale::worked());
        journal.turn(A);
        let place = journal.publish(D1, out.path()).unwrap().path().to_owned();
        let file = place.join(name);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&file, text.replace(from, to)).unwrap();
        let error = reread(&place).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(wanted), "{error}");
    };
    check("581672031/GLS_14050902_01.json", "6888", "6889", "SHA-256");
    check("MANIFEST", "\"STM_", "\"STX_", "the files");
}

// ------------------------------------------------------------------------------------- controls

#[test]
fn an_answer_that_differs_from_its_postings_stops_the_day() {
    let check = |change: &dyn Fn(&mut Effects), wanted: &str| {
        let mut journal = Journal::from(D1);
        let sale = journal.sell(A, 0, &Sale::worked());
        change(&mut journal.entries[1].effects);
        let error = journal
            .settle_into(D1, Memory::new())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(&format!("entry {sale}: {wanted}")),
            "{error}"
        );
    };
    fn told(effects: &mut Effects) -> &mut Told {
        effects.told.as_mut().unwrap()
    }
    check(
        &|e| told(e).pays = Some(Rials(1)),
        "what the bank card pays was told as 1 and posted as 2417778",
    );
    check(&|e| told(e).fee = Some(Rials(1)), "the fee");
    check(
        &|e| told(e).earned[0].amount += 1,
        "what a purse earned was told as 29014 and posted as 29013",
    );
    check(&|e| told(e).redeemed[0].amount -= 1, "what a purse paid");
    check(
        &|e| told(e).redeemed[1].worth = Rials(1),
        "what purses paid the shop",
    );
    check(&|e| told(e).discount = Some(Rials(137_778)), "the bill");
    check(&|e| told(e).split[0].1 = Rials(1), "the marketers' parts");
    check(
        &|e| told(e).split.last_mut().unwrap().1 = Rials(1),
        "the shop's part",
    );
    check(
        &|e| e.postings.retain(|p| p.reason != Reason::Earned),
        "what a purse earned",
    );
    check(
        &|e| {
            e.postings.push(Posting {
                from: Account::Shop(ShopId(0)),
                to: Account::Shop(ShopId(1)),
                amount: 1,
                unit: UnitId::RIAL,
                reason: Reason::Split,
            });
        },
        "it moves a shop's money",
    );
}

#[test]
fn bank_files_fit_the_schema() {
    let xsd = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data/iso20022-xsd/pain.001.001.09.xsd");
    if !xsd.exists() {
        eprintln!("skipped: no schema at {}", xsd.display());
        return;
    }
    let out = tempfile::tempdir().unwrap();
    let mut journal = Journal::from(D1);
    for shop in 0..3 {
        journal.sell(A, shop, &Sale::worked());
    }
    journal.turn(A);
    let place = journal.publish(D1, out.path()).unwrap().path().to_owned();
    let file = place.join("PAY_056_GLS_14050902_01_000001.xml");
    let script = "import sys\ntry:\n from lxml import etree\nexcept ImportError:\n sys.exit(77)\n\
                  etree.XMLSchema(etree.parse(sys.argv[1])).assertValid(etree.parse(sys.argv[2]))";
    let checks: [(&str, Vec<&std::ffi::OsStr>); 2] = [
        (
            "xmllint",
            vec![
                "--noout".as_ref(),
                "--schema".as_ref(),
                xsd.as_ref(),
                file.as_ref(),
            ],
        ),
        (
            "python3",
            vec!["-c".as_ref(), script.as_ref(), xsd.as_ref(), file.as_ref()],
        ),
    ];
    for (tool, arguments) in checks {
        match Command::new(tool).args(arguments).output() {
            Ok(done) if done.status.code() == Some(77) => {}
            Ok(done) => {
                assert!(
                    done.status.success(),
                    "{}",
                    String::from_utf8_lossy(&done.stderr)
                );
                return;
            }
            Err(_) => {}
        }
    }
    eprintln!("skipped: neither xmllint nor python3 with lxml is here");
}

// ---------------------------------------------------------------------------------- random days

/// A small generator; the seed is all there is to it.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % end.max(1) as u64) as i64
    }
}

fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    match std::env::var("SEED") {
        Ok(text) => u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap(),
        Err(_) => RandomState::new().hash_one(1),
    }
    .max(1)
}

fn random_sale(dice: &mut Dice, people: u32) -> Sale {
    let gross = 1 + dice.below(5_000_000);
    if dice.below(4) == 0 {
        return Sale::plain(gross);
    }
    let mut left = gross;
    let mut some = |dice: &mut Dice, share: i64| {
        let amount = dice.below(1 + left / share);
        left -= amount;
        amount
    };
    let (shop_discount, club_discount, own) = (some(dice, 9), some(dice, 9), some(dice, 9));
    // Now and then the purses pay everything.
    let (credit, points) = match dice.below(4) {
        0 => (left / 2, left - left / 2),
        1 => (0, 0),
        _ => (some(dice, 3), some(dice, 3)),
    };
    let mut owed = gross - shop_discount - own;
    let mut part = |dice: &mut Dice| {
        let amount = dice.below(1 + owed / 5);
        owed -= amount;
        amount
    };
    Sale {
        gross,
        shop_discount,
        club_discount,
        points: (points, points, points + dice.below(2)),
        credit,
        own,
        earned_points: dice.below(10_000),
        funded: part(dice),
        marketer: (dice.below(i64::from(people)) as u32, part(dice)),
        merchant_marketer: (people, part(dice)),
        owner: part(dice),
        fee: dice.below(50_000),
        member: true,
    }
}

/// What is due by role and name over all entries up to a day: an own fold, from postings alone.
fn dues(journal: &Journal, to: Day) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for entry in journal.entries.iter().filter(|e| e.head.business_day <= to) {
        for posting in &entry.effects.postings {
            if posting.unit != UnitId::RIAL || posting.reason == Reason::Fee {
                continue;
            }
            for (account, amount) in [
                (posting.from, -posting.amount),
                (posting.to, posting.amount),
            ] {
                let name = match account {
                    Account::Shop(shop) => shop_iban(shop).to_string(),
                    Account::Person(person) => person_iban(person.0).to_string(),
                    Account::Owner(_) | Account::Reserve(_) => club_iban().to_string(),
                    Account::Pool { .. } => "pool".to_owned(),
                    Account::Club(_) if posting.reason != Reason::Rounding => "club".to_owned(),
                    _ => continue,
                };
                *sums.entry(name).or_default() += amount;
            }
        }
    }
    sums
}

#[test]
fn over_random_days_what_is_paid_and_carried_is_what_is_owed() {
    random_days(4);
}

#[test]
fn over_random_days_with_many_marketers_too() {
    random_days(PEOPLE - 1);
}

fn random_days(people: u32) {
    let seed = seed();
    eprintln!("SEED={seed:#x}");
    let mut dice = Dice(seed);
    for _ in 0..4 {
        let mut journal = Journal::from(D1);
        journal.joins(B, day(D1));
        let mut live: Vec<Sequence> = Vec::new();
        for _ in 0..4 {
            let mut turned = 0;
            while turned < 2 {
                match dice.below(if people > 10 { 60 } else { 12 }) {
                    0 => {
                        let due = [A, B].into_iter().min_by_key(|a| journal.open[a]).unwrap();
                        journal.turn(due);
                        turned += 1;
                    }
                    1..=3 if !live.is_empty() => {
                        let at = dice.below(live.len() as i64) as usize;
                        let original = live.swap_remove(at);
                        journal.reverse(original);
                    }
                    _ => {
                        let acquirer = [A, B][dice.below(2) as usize];
                        let sale = random_sale(&mut dice, people);
                        let shop = dice.below(3) as u32;
                        live.push(journal.sell(acquirer, shop, &sale));
                    }
                }
            }
        }
        check_days(&journal);
    }
}

/// What passes through a club comes in and goes out again: its account and its dues are one.
fn club_as_one(sums: &BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    let mut joined = sums.clone();
    let account = joined.remove(&club_iban().to_string()).unwrap_or_default();
    *joined.entry("club".to_owned()).or_default() += account;
    joined.retain(|_, sum| *sum != 0);
    joined
}

fn check_days(journal: &Journal) {
    let out = tempfile::tempdir().unwrap();
    let mut paid: BTreeMap<String, i64> = BTreeMap::new();
    for ahead in 0..5 {
        let on = day(D1).plus(ahead).to_string();
        let made = journal.settle(&on);
        let published = journal.publish(&on, out.path()).unwrap();
        let totals: Totals = reread(published.path()).unwrap();
        assert_eq!(totals, made.manifest.totals);
        for (_, shares) in made.shares() {
            assert!((1..=10).contains(&shares.len()));
            for (to, amount) in shares {
                assert!(amount > 0);
                *paid.entry("pool".to_owned()).or_default() -= amount;
                *paid.entry(to).or_default() += amount;
            }
        }
        for (to, amount) in made
            .transfers()
            .into_iter()
            .chain([(club_iban().to_string(), made.manifest.kept)])
        {
            *paid.entry("club".to_owned()).or_default() -= amount;
            *paid.entry(to).or_default() += amount;
        }
        let mut settled = paid.clone();
        for line in &made.manifest.carried {
            let shop = ShopId(
                ["m-1001", "m-1002", "m-2001"]
                    .iter()
                    .position(|s| *s == line.shop)
                    .unwrap() as u32,
            );
            let (name, amount) = match line.line.as_str() {
                "pool" | "club" => (line.line.clone(), -line.amount),
                "merchant" => (shop_iban(shop).to_string(), line.amount),
                "marketer" => (
                    person_iban(line.of[1..].parse().unwrap()).to_string(),
                    line.amount,
                ),
                _ => (club_iban().to_string(), line.amount),
            };
            *settled.entry(name).or_default() += amount;
        }
        let due = dues(journal, day(&on));
        assert_eq!(club_as_one(&settled), club_as_one(&due), "{on}");
    }
}

// ---------------------------------------------------------------------- from where a day was closed

/// Days with acquirers that close one after another or come later, accounts that change, days on which nothing happens: each settled
/// from the first entry and from whatever earlier day is closed gives the same files, and hands the same on.
#[test]
fn a_day_is_the_same_from_wherever_its_fold_begins() {
    let seed = seed();
    eprintln!("SEED={seed:#x}");
    let mut dice = Dice(seed);
    let (mut begun, mut ahead) = (0, 0);
    for _ in 0..12 {
        let journal = random_journal(&mut dice);
        let mut carries: Vec<Carry> = Vec::new();
        for at in 0..7 {
            let on = day(D1).plus(at);
            let (manifest, carry, files) = settled_from(&journal, on, None);
            for carry_before in &carries {
                let before = Carry::read(&carry_before.to_bytes()).unwrap();
                assert_eq!(&before, carry_before);
                let first = before.next();
                ahead += usize::from(first <= before.closed_by.sequence);
                let again = settled_from(&journal, on, Some(before));
                assert_eq!(again.0, manifest, "{on} from {first}");
                assert_eq!(again.1, carry, "{on} from {first}");
                assert!(again.2 == files, "{on} from {first}");
                begun += 1;
            }
            assert_eq!(carry.is_some(), !manifest.provisional);
            carries.extend(carry);
        }
    }
    assert!(begun > 50 && ahead > 5, "{begun}, {ahead}");
}

fn settled_from(
    journal: &Journal,
    on: Day,
    carry: Option<Carry>,
) -> (Manifest, Option<Carry>, Memory) {
    let mut run = match carry {
        Some(carry) => Run::after(carry, on, zone(), Memory::new()),
        None => Run::of(on, zone(), Memory::new()),
    };
    let first = run.next().0 as usize;
    for entry in journal.entries.iter().skip(first - 1) {
        run.take(entry).unwrap();
    }
    run.finish().unwrap()
}

fn random_journal(dice: &mut Dice) -> Journal {
    let mut journal = Journal::from(D1);
    let late = dice.below(3);
    if late == 0 {
        journal.joins(B, day(D1));
    }
    let mut live: Vec<Sequence> = Vec::new();
    for _ in 0..150 {
        let open: Vec<AcquirerId> = journal.open.keys().copied().collect();
        let acquirer = open[dice.below(open.len() as i64) as usize];
        match dice.below(24) {
            0 | 1 => journal.turn(acquirer),
            2 => {
                for acquirer in open {
                    journal.turn(acquirer);
                }
            }
            3 if late == 1 && !journal.open.contains_key(&B) => {
                let on = journal.open[&A];
                journal.joins(B, on);
            }
            4 => {
                // The shops move to another bank.
                let names = world().into_iter().map(|named| match named {
                    Named::Shop {
                        id, code, title, ..
                    } => {
                        let iban = iban("012", 100 + id.0 + 10 * dice.below(3) as u32);
                        Named::Shop {
                            id,
                            code,
                            title,
                            iban,
                        }
                    }
                    other => other,
                });
                let effects = Effects {
                    names: names.collect(),
                    ..Effects::none()
                };
                let input = Input::RulesLoaded {
                    number: SetNumber(2),
                    sha256: [8; 32],
                };
                let open = journal.open[&A];
                journal.enter(input, effects, None, open);
            }
            5..=8 if !live.is_empty() => {
                let at = dice.below(live.len() as i64) as usize;
                journal.reverse(live.swap_remove(at));
            }
            _ => {
                let sale = random_sale(dice, 4);
                let shop = dice.below(3) as u32;
                live.push(journal.sell(acquirer, shop, &sale));
            }
        }
    }
    journal
}

#[test]
fn what_a_day_hands_on_is_whole_or_is_told() {
    let mut journal = Journal::from(D1);
    journal.sell(A, 0, &Sale::worked());
    journal.turn(A);
    let (_, carry, _) = settled_from(&journal, day(D1), None);
    let bytes = carry.unwrap().to_bytes();
    assert!(Carry::read(&bytes).is_ok());
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(
            Carry::read(&flipped).is_err(),
            "bit {} of byte {at}",
            at % 8
        );
        assert!(Carry::read(&bytes[..at]).is_err(), "the first {at} bytes");
    }
}

// --------------------------------------------------------------------------------- the real engine

/// Some days of the real engine under the shipped rules: what the answers told is what the files say.
#[test]
fn what_the_engine_answered_is_what_the_files_say() {
    let seed = seed();
    eprintln!("SEED={seed:#x}");
    let mut dice = Dice(seed);
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/rules");
    let loaded = clubswitch::rulefile::load(&rules, &Names::default()).unwrap();
    let mut engine = Engine::new(
        Book::new(1 << 16),
        Arc::new(loaded.rulebook),
        Limits::default(),
    );
    let mut now = zone().moment(Local::parse("1405/09/02 09:00").unwrap());
    let rules = Arc::clone(engine.rules());
    engine.act(Act::LoadRules(rules), now).unwrap();
    let opening = opening(&engine.names());
    engine.act(Act::Open(opening), now).unwrap();
    let mut receipts: BTreeMap<Day, Totals> = BTreeMap::new();
    let mut live: Vec<(Request, Told)> = Vec::new();
    let first = engine.day_by_clock(now);
    for stan in 1..=600 {
        now = now.plus_seconds(dice.below(400));
        if stan % 200 == 0 {
            now = now.plus_seconds(86_400);
        }
        if dice.below(6) == 0 && !live.is_empty() {
            let at = dice.below(live.len() as i64) as usize;
            let (sale, told) = live.swap_remove(at);
            let mut undo = sale.clone();
            undo.asked.function = Function::Reversal;
            undo.asked.key.kind = 40;
            undo.asked.mode = Mode::Advise;
            let answer = decide(&mut engine, &undo, now);
            assert_eq!(answer.verdict, Verdict::Approved);
            let day = engine
                .book()
                .open_day(engine.names().acquirer_id(&sale.acquirer).unwrap());
            let sums = receipts.entry(day.unwrap()).or_default();
            sums.reversals += 1;
            receipt(sums, &engine.names(), &sale, &told, -1);
            continue;
        }
        let mut sale = request(&mut dice, stan);
        sale.asked.key.local = stamp(now);
        let told = decide(&mut engine, &sale, now);
        if told.verdict == Verdict::Approved {
            let day = engine
                .book()
                .open_day(engine.names().acquirer_id(&sale.acquirer).unwrap());
            let sums = receipts.entry(day.unwrap()).or_default();
            sums.purchases += 1;
            receipt(sums, &engine.names(), &sale, &told, 1);
            live.push((sale, told));
        }
    }
    engine.act(Act::TurnDay(None), now).unwrap();
    let group = engine.take_group().unwrap();
    let entries: Vec<Entry> = (group.first.0..=group.last().0)
        .map(|sequence| group.entry(Sequence(sequence)).unwrap())
        .collect();
    let journal = Journal {
        entries,
        open: BTreeMap::new(),
        at: now,
    };
    let out = tempfile::tempdir().unwrap();
    assert!(receipts.len() >= 3, "{}", receipts.len());
    assert!(
        receipts
            .values()
            .any(|told| told.reversals > 0 && told.redeemed.contains_key("points"))
    );
    for (day, told) in receipts {
        assert!(day >= first);
        let place = journal
            .publish(&day.to_string(), out.path())
            .unwrap()
            .path()
            .to_owned();
        assert!(!publish::manifest(&place).unwrap().provisional);
        let mut found = reread(&place).unwrap();
        found.pay.clear();
        for sums in [&mut found.redeemed, &mut found.earned, &mut found.split] {
            sums.retain(|_, sum| *sum != 0);
        }
        assert_eq!(found, told, "{day}");
    }
}

/// The terminal's date and time as the number MMDDhhmmss.
fn stamp(now: Moment) -> u32 {
    let local = zone().local(now);
    let (date, time) = (local.day.gregorian(), local.time.0);
    let day = date.month() as u32 * 100 + date.day() as u32;
    day * 1_000_000 + time / 3600 * 10_000 + time / 60 % 60 * 100 + time % 60
}

fn decide(engine: &mut Engine, request: &Request, now: Moment) -> Told {
    match engine.decide(request, &Brought::default(), now) {
        Decision::Tell(answer) => answer.told,
        Decision::Needs(needed) => panic!("{needed:?} is in memory"),
    }
}

fn card(id: u8) -> Token {
    Token([id; 16])
}

fn opening(names: &Names) -> Opening {
    let club = names.club_id("golestan").unwrap();
    let lot = |purse: &str, shop: Option<&str>, amount| OpeningLot {
        purse: names.purse_id(club, purse).unwrap(),
        shop: shop.map(|code| names.shop_id(code).unwrap()),
        amount,
        booked: day("1405/07/11"),
        last_day: None,
    };
    let members = (1..=4).map(|id| OpeningMember {
        club,
        identities: vec![Identity::Card(card(id))],
        tier: None,
        marketer: names.person_id("p-77"),
        joined: None,
        born: None,
        lots: vec![
            lot("points", None, 4_000_000),
            lot("club-credit", None, 9_000_000),
            lot("merchant-credit", Some("m-1001"), 2_000_000),
        ],
    });
    Opening {
        reason: "test".into(),
        sha256: [1; 32],
        members: members.collect(),
    }
}

fn request(dice: &mut Dice, stan: u32) -> Request {
    let mut acceptor = [b' '; 15];
    acceptor[..6].copy_from_slice([b"m-1001", b"m-1002"][dice.below(2) as usize]);
    let amount = 200_000 + dice.below(6_000_000);
    let redeem = match dice.below(3) {
        0 => Redeem::AsMuchAsAllowed,
        1 => Redeem::Exactly(Rials(amount / 80_000 * 10_000)),
        _ => Redeem::Nothing,
    };
    // The fifth card is nobody's: it cannot redeem.
    let who = 1 + dice.below(5) as u8;
    Request {
        asked: Asked {
            function: Function::Purchase,
            mode: Mode::Ask,
            key: Key {
                acquirer: A,
                terminal: *b"T1      ",
                acceptor,
                stan,
                local: 902_101_500,
                kind: 20,
            },
            digest: u64::from(stan),
            processing: 0,
            amount: Some(Rials(amount)),
            currency: 364,
            transmitted: None,
            rrn: None,
            mcc: 5411,
            last_four: Some(*b"1234"),
            bill: None,
            original: None,
            facts: Facts::default(),
        },
        acquirer: ["581672031", "627412"][dice.below(2) as usize].to_owned(),
        repeat: false,
        card: Some(card(who)),
        named: None,
        introducer: None,
        wishes: Wishes {
            redeem: if who == 5 { Redeem::Nothing } else { redeem },
            ..Wishes::default()
        },
        enrol: None,
        aim: Aim::default(),
        balance_of: None,
        terminal_allowed: true,
    }
}

/// Counts a receipt: what its answer told, and nothing else.
fn receipt(sums: &mut Totals, names: &Names, sale: &Request, told: &Told, sign: i64) {
    let add = |table: &mut BTreeMap<String, i64>, name: String, amount: i64| {
        let sum = table.entry(name).or_default();
        *sum += sign * amount;
    };
    let bill = sale.asked.amount.unwrap().0;
    sums.gross += sign * bill;
    sums.discount += sign * told.discount.unwrap_or_default().0;
    sums.card_paid += sign * told.pays.map_or(bill, |pays| pays.0);
    sums.fee += sign * told.fee.unwrap_or_default().0;
    for piece in &told.redeemed {
        let (_, kind, _) = names.purse_particulars(piece.purse).unwrap();
        add(&mut sums.redeemed, kind.name().to_owned(), piece.worth.0);
    }
    for piece in &told.earned {
        let (club, ..) = names.purse_particulars(piece.purse).unwrap();
        let name = format!("{}/{}", names.club(club), names.purse(piece.purse));
        add(&mut sums.earned, name, piece.amount);
    }
    for (party, amount) in &told.split {
        let role = match party {
            Party::MerchantMarketer => Party::Marketer.name(),
            other => other.name(),
        };
        add(&mut sums.split, role.to_owned(), amount.0);
    }
    if told.split.is_empty() {
        add(&mut sums.split, Party::Merchant.name().to_owned(), bill);
    }
    for table in [&mut sums.redeemed, &mut sums.earned, &mut sums.split] {
        table.retain(|_, sum| *sum != 0);
    }
}
