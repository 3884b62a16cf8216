//! Rule sets of any size, of which about ten rules can apply to a purchase; members who have bought by them; purchases.
//!
//! A set of `n` rules, discounts and accruals by turns, has a shop for ten of them. Six in ten are of one shop, one in twenty-five
//! is of a group of five, the others of a category or a group in a fortnight, and one is of no place at all. Half of them ask
//! for hours, weekdays, tiers, an amount or the past besides; a sixth have caps.

use std::fmt::Write;

use clubswitch::ledger::{
    Asked, Book, Effects, Entry, Facts, Function, Head, Input, Key, Member, MemberChange, Mode,
    Names, TierId, Wishes,
};
use clubswitch::rulefile;
use clubswitch::rules::{Case, Known, Rulebook, Shop, judge};
use clubswitch::terms::{
    AcquirerId, Day, Local, MemberId, Moment, Rials, Sequence, SetNumber, TimeOfDay,
};

/// Splitmix64 (Steele, Lea, Flood 2014).
pub struct Dice(pub u64);

impl Dice {
    /// Below a bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

const IBAN: &str = "IR460170000000112233445566";
const MCCS: u64 = 200;
const GROUP: u64 = 5;

const HEAD: &str = r#"format = 1
[club]
id = "many"
alias = "MNY"
title = "A club of many rules"
owner = { title = "Owner", iban = "IR460170000000112233445566" }
merchants = ["all"]
enrol = { at_pos = true }
[purse.points]
kind = "points"
decimals = 2
value = { rial = 150, per_points = 1 }
available = "next-day"
expiry = { after = "12 jalali-months", round_up_to = "end-of-jalali-month" }
[purse.credit]
kind = "club-credit"
expiry = { after = "180 days" }
[tiers]
level = [
  { name = "normal" },
  { name = "silver", by_hand = true, earn_times = "1.2" },
  { name = "gold", by_hand = true, earn_times = "1.5" },
]
[stack.discount]
mode = "best-for-member"
[redeem]
from = ["credit", "points"]
pin = false
at_most = "30%"
[[split]]
name = "default"
part = [
  { to = "marketer", percent = "0.25%" },
  { to = "club-owner", percent = "0.60%" },
  { to = "merchant", rest = true },
]
[fee]
percent = "0.3%"
min_rial = 500
max_rial = 50_000
"#;

/// So many rules as rule files: the world and one club.
pub fn texts(rules: u64) -> [(String, String); 2] {
    let mut dice = Dice(rules);
    let shops = (rules / 10).max(1);
    let groups = shops.div_ceil(GROUP);
    let mut world = format!(
        "format = 1\n[operator]\ntitle = \"Operator\"\nalias = \"OPR\"\niban = \"{IBAN}\"\n[calendar]\n\
         time_zone = \"Asia/Tehran\"\ncut_over = \"23:59:30\"\nweekend = [\"thu\", \"fri\"]\n"
    );
    let mut all = String::new();
    for shop in 0..shops {
        let mcc = 5000 + shop % MCCS;
        writeln!(
            world,
            "[merchant.s-{shop}]\ntitle = \"Shop {shop}\"\niban = \"{IBAN}\"\nmcc = \"{mcc}\""
        )
        .unwrap();
        write!(all, "\"s-{shop}\",").unwrap();
    }
    writeln!(world, "[merchant_group.all]\nmerchants = [{all}]").unwrap();
    for group in 0..groups {
        let list = (group * GROUP..shops.min((group + 1) * GROUP)).map(|s| format!("\"s-{s}\","));
        let list: String = list.collect();
        writeln!(world, "[merchant_group.g-{group}]\nmerchants = [{list}]").unwrap();
    }
    // So many fortnights that a shop is in about one rule of each of the last two kinds.
    let of_mcc = (rules / 6 / MCCS.min(shops)).max(1);
    let of_group = (rules / 6 / groups).max(1);
    let mut club = HEAD.to_owned();
    for rule in 0..rules {
        let mut when = match dice.below(50) {
            _ if rule == 0 => "amount_rial = { min = 200_000 }".to_owned(),
            0..32 => format!("merchants = [\"s-{}\"]", dice.below(shops)),
            32..34 => format!("merchant_groups = [\"g-{}\"]", dice.below(groups)),
            34..42 => format!(
                "mcc = [\"{}\"], {}",
                5000 + dice.below(MCCS.min(shops)),
                fortnight(dice.below(of_mcc))
            ),
            _ => format!(
                "merchant_groups = [\"g-{}\"], {}",
                dice.below(groups),
                fortnight(dice.below(of_group))
            ),
        };
        when.push_str(match dice.below(12) {
            0 => ", hours = [\"08:00-12:00\", \"17:30-19:00\"]",
            1 => ", weekdays = [\"sat\", \"mon\", \"wed\"]",
            2 => ", tiers = [\"silver\", \"gold\"]",
            3 => ", visits = { in = \"90 days\", every = 3 }",
            4 => ", business_days = true",
            5 if rule > 0 => ", amount_rial = { max = 3_000_000 }",
            _ => "",
        });
        let percent = 1 + dice.below(8);
        let cap = |most: &str| match rule % 12 {
            0 | 1 => format!("\ncap = [{{ per = \"member\", window = \"day\", {most} }}]"),
            2 | 3 => format!("\ncap = [{{ per = \"rule\", window = \"30 days\", {most}_000 }}]"),
            _ => String::new(),
        };
        let rest = match rule % 4 {
            0 | 2 => format!(
                "[[discount]]\nname = \"r-{rule}\"\nwhen = {{ {when} }}\n\
                 give = {{ percent = \"{percent}%\", max_rial = 300_000 }}\n\
                 paid_by = {{ merchant = \"60%\", club = \"rest\" }}{}",
                cap("max_rial = 5_000_000")
            ),
            1 => format!(
                "[[accrue]]\nname = \"r-{rule}\"\nwhen = {{ {when} }}\n\
                 earn = {{ to = \"points\", points = {percent}, per_rial = 50_000, tiered = true }}\n\
                 funded_by = \"club\"{}",
                cap("max_points = 500_000")
            ),
            _ => format!(
                "[[accrue]]\nname = \"r-{rule}\"\nwhen = {{ {when} }}\n\
                 earn = {{ to = \"credit\", percent = \"0.{percent}%\" }}\nfunded_by = \"merchant\"{}",
                cap("max_rial = 5_000_000")
            ),
        };
        writeln!(club, "{rest}").unwrap();
    }
    [
        ("world/shared.toml".to_owned(), world),
        ("clubs/many.toml".to_owned(), club),
    ]
}

/// The fortnights lie around the day of the purchases, the first one on it.
fn fortnight(at: u64) -> String {
    let first = today().plus(14 * (at as i32 / 2) * (1 - 2 * (at as i32 % 2)) - 7);
    format!(
        "dates = {{ from = {}, to = {} }}",
        first.gregorian(),
        first.plus(13).gregorian()
    )
}

fn today() -> Day {
    Day::parse("1405/09/02").unwrap()
}

/// A rule set in force, its members and what they are about to buy.
pub struct Market {
    rules: Rulebook,
    book: Book,
    shops: Vec<Shop>,
    purchases: Vec<Purchase>,
    wishes: Wishes,
    facts: Facts,
}

struct Purchase {
    member: MemberId,
    shop: usize,
    amount: Rials,
    local: Local,
    at: Moment,
}

impl Market {
    /// By so many rules: `members`, each of whom has bought `before` times in the last ninety days, and so many purchases of today.
    pub fn new(rules: u64, members: u32, before: u32, purchases: usize) -> Market {
        let texts = texts(rules);
        let files = texts.each_ref().map(|(name, text)| (&**name, &**text));
        let loaded = rulefile::compile(&files, &Names::default());
        let rules = loaded.unwrap_or_else(|f| panic!("{}", f.drawn(false)));
        let rules = rules.rulebook;
        let mut shops: Vec<Shop> = rules.world.shops.values().cloned().collect();
        shops.sort_by_key(|shop| shop.id);
        let mut market = Market {
            rules,
            book: Book::new(1 << 10),
            shops,
            purchases: Vec::new(),
            wishes: Wishes::default(),
            facts: Facts::default(),
        };
        market.open(members);
        let mut dice = Dice(1);
        for turn in 0..before {
            let day = today().plus(-90 * (before - turn) as i32 / before as i32);
            for member in 1..=members {
                let purchase = market.purchase(member, day, &mut dice);
                let effects = market.decide(&purchase).unwrap();
                market.apply(effects, purchase.at);
            }
        }
        for _ in 0..purchases {
            let member = 1 + dice.below(members.into()) as u32;
            let purchase = market.purchase(member, today(), &mut dice);
            market.purchases.push(purchase);
        }
        market
    }

    fn purchase(&self, member: u32, day: Day, dice: &mut Dice) -> Purchase {
        let local = Local {
            day,
            time: TimeOfDay(8 * 3_600 + dice.below(14 * 3_600) as u32),
        };
        Purchase {
            member: MemberId(member),
            shop: dice.below(self.shops.len() as u64) as usize,
            amount: Rials(100_000 + dice.below(5_000_000) as i64),
            local,
            at: self.rules.world.zone.moment(local),
        }
    }

    fn open(&mut self, members: u32) {
        let mut effects = Effects::none();
        effects.names = std::mem::take(&mut self.rules.names);
        let tiers: Vec<TierId> = self.rules.clubs[0].tiers.iter().map(|t| t.id).collect();
        for member in 1..=members {
            effects.members.push(MemberChange::Enrolled {
                member: MemberId(member),
                club: self.rules.clubs[0].id,
                joined: today().plus(-200),
                identities: Vec::new(),
                marketer: None,
                introducer: None,
                tier: tiers.get(member as usize % 3).copied(),
            });
        }
        let at = self.rules.world.zone.midnight(today().plus(-200));
        self.apply(effects, at);
    }

    fn apply(&mut self, effects: Effects, at: Moment) {
        let sequence = Sequence(self.book.sequence().0 + 1);
        let entry = Entry {
            head: Head {
                sequence,
                at,
                business_day: today(),
                acquirer: None,
                rule_set: SetNumber(1),
            },
            input: Input::Request(Asked {
                function: Function::Purchase,
                mode: Mode::Ask,
                key: Key {
                    acquirer: AcquirerId(0),
                    terminal: *b"T0000001",
                    acceptor: *b"s-1            ",
                    stan: sequence.0 as u32,
                    local: 0,
                    kind: 20,
                },
                digest: 0,
                processing: 0,
                amount: None,
                currency: 364,
                transmitted: None,
                rrn: None,
                mcc: 0,
                last_four: None,
                bill: None,
                original: None,
                facts: Facts::default(),
            }),
            effects,
        };
        self.book.apply(&entry);
    }

    fn decide(&self, purchase: &Purchase) -> Option<Effects> {
        judge(&self.case(purchase)).ok()
    }

    fn case<'a>(&'a self, purchase: &Purchase) -> Case<'a> {
        let shop = &self.shops[purchase.shop];
        Case {
            world: &self.rules.world,
            club: &self.rules.clubs[0],
            member: self.member(purchase.member),
            holder: None,
            introducer: None,
            terminal: "T0000001",
            facts: &self.facts,
            book: &self.book,
            shop,
            acquirer: AcquirerId(0),
            mcc: shop.mcc,
            amount: purchase.amount,
            at: purchase.at,
            local: purchase.local,
            business_day: purchase.local.day,
            wishes: &self.wishes,
            mode: Mode::Ask,
            card: None,
            late: 7,
            event: None,
            abroad: None,
            other: None,
        }
    }

    fn member(&self, id: MemberId) -> &Member {
        self.book.member(id).unwrap()
    }

    /// Its purchases, each as it comes before the rules.
    pub fn cases(&self) -> impl Iterator<Item = Case<'_>> {
        self.purchases.iter().map(|purchase| self.case(purchase))
    }

    /// Tenths of a rule that can apply to a purchase, that fire, and of a lot that its member has.
    pub fn counts(&self) -> (usize, usize, usize) {
        let (mut candidates, mut fired, mut lots) = (0, 0, 0);
        for case in self.cases() {
            let known = Known::new(&case.before());
            let indexes = &case.club.indexes;
            candidates += indexes.discounts.candidates(&known).len();
            candidates += indexes.accruals.candidates(&known).len();
            fired += judge(&case).unwrap().told.unwrap().rules.len();
            lots += case.member.lots().count();
        }
        let tenths = |sum: usize| 10 * sum / self.purchases.len();
        (tenths(candidates), tenths(fired), tenths(lots))
    }
}
