//! A receipt: the lines that travel in an answer, and the slip as a shop would see it.

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use crate::terms::Local;
use crate::words::Language;
use crate::words::number::{digits, for_people, put_grouped};
use crate::words::outcome::outcome;

/// One label of a slip in each language.
struct Label(&'static str, &'static str);

const SHOP: Label = Label("Shop", "پذیرنده");
const TERMINAL: Label = Label("Terminal", "پایانه");
const DATE: Label = Label("Date", "تاریخ");
const CARD: Label = Label("Card", "کارت");
const MEMBER: Label = Label("Member", "عضو");
const STAN: Label = Label("Trace", "پیگیری");
const RRN: Label = Label("Reference", "ارجاع");
const APPROVAL: Label = Label("Approval", "تأیید");
const AMOUNT: Label = Label("Amount", "مبلغ");
const DISCOUNT: Label = Label("Discount", "تخفیف");
const USED: Label = Label("Used", "استفاده از");
const PAYS: Label = Label("Bank card pays", "پرداخت با کارت");
const EARNED: Label = Label("Earned", "دریافت");
const BALANCE: Label = Label("Balance", "مانده");

/// What is printed for each kind of message, by the name of its function.
const TITLES: [(&str, &str, &str); 12] = [
    ("purchase", "Purchase", "خرید"),
    ("advice", "Purchase (told later)", "خرید (اعلام بعدی)"),
    ("quote", "Price enquiry", "استعلام خرید"),
    ("balance", "Balance", "مانده حساب"),
    ("reversal", "Reversal", "برگشت"),
    ("enrol", "New member", "عضویت"),
    ("add-card", "New card", "کارت تازه"),
    ("load", "Load", "شارژ"),
    ("transfer", "Conversion", "تبدیل"),
    ("sign-on", "Sign-on", "برقراری ارتباط"),
    ("sign-off", "Sign-off", "پایان ارتباط"),
    ("echo", "Line test", "آزمون ارتباط"),
];

/// Purses that shops know by a usual name.
const PURSES: [(&str, &str, &str); 7] = [
    ("points", "points", "امتیاز"),
    ("club-credit", "club credit", "اعتبار باشگاه"),
    ("merchant-credit", "shop credit", "اعتبار پذیرنده"),
    ("bon", "bon", "بن"),
    ("gift", "gift", "هدیه"),
    ("prepaid", "prepaid", "پیش‌پرداخت"),
    ("credit-line", "credit line", "خط اعتبار"),
];

/// Characters of a line of a paper slip.
const WIDE: usize = 40;

/// What a slip shows. Numbers are as the wire writes them: `2417778`, `290.13`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Slip {
    /// The function: `purchase`, `balance`, …
    pub function: String,
    /// The outcome by its name in dialect files.
    pub outcome: String,
    /// The acceptor number.
    pub shop: String,
    /// The terminal number.
    pub terminal: String,
    /// When, on the clock of the shop.
    pub at: Option<Local>,
    /// The trace number.
    pub stan: Option<u32>,
    /// The retrieval reference.
    pub rrn: Option<String>,
    /// The approval code.
    pub approval: Option<String>,
    /// The last four digits of the card.
    pub last_four: Option<String>,
    /// The member's number.
    pub member: Option<String>,
    /// The bill, in rials.
    pub amount: Option<String>,
    /// The discount, in rials.
    pub discount: Option<String>,
    /// Purses and what was taken from each.
    pub used: Vec<(String, String)>,
    /// What the bank card still has to pay, in rials.
    pub pays: Option<String>,
    /// Purses and what each gained.
    pub earned: Vec<(String, String)>,
    /// Purses and what can be spent from each now.
    pub balances: Vec<(String, String)>,
}

impl Slip {
    /// The slip in lines of at most 40 characters where its words allow it, LF after each.
    pub fn print(&self, language: Language) -> String {
        let mut out = String::new();
        let title = row(&TITLES, &self.function, language);
        let _ = writeln!(out, "{title}: {}", outcome(&self.outcome, language));
        let mut line = |label: &str, value: &str| {
            let wide = label.width() + value.width();
            let gap = WIDE.saturating_sub(wide).max(1);
            let _ = writeln!(out, "{label}{:gap$}{value}", "");
        };
        let mut plain = |label: Label, value: Option<&str>| {
            if let Some(value) = value.filter(|v| !v.is_empty()) {
                line(label.of(language), &digits(value, language));
            }
        };
        plain(SHOP, Some(&self.shop));
        plain(TERMINAL, Some(&self.terminal));
        plain(DATE, self.at.map(|at| at.to_string()).as_deref());
        let stan = self.stan.map(|stan| format!("{stan:06}"));
        plain(STAN, stan.as_deref());
        plain(RRN, self.rrn.as_deref());
        plain(APPROVAL, self.approval.as_deref());
        let card = self.last_four.as_ref().map(|four| format!("**** {four}"));
        plain(CARD, card.as_deref());
        plain(MEMBER, self.member.as_deref());
        for (label, rials) in [
            (AMOUNT, &self.amount),
            (DISCOUNT, &self.discount),
            (PAYS, &self.pays),
        ] {
            if label.0 == PAYS.0 {
                for (purse, amount) in &self.used {
                    let label = format!("{} {}", USED.of(language), row(&PURSES, purse, language));
                    line(&label, &for_people(amount, language));
                }
            }
            if let Some(rials) = rials {
                line(label.of(language), &for_people(rials, language));
            }
        }
        for (label, list) in [(EARNED, &self.earned), (BALANCE, &self.balances)] {
            for (purse, amount) in list {
                let label = format!("{} {}", label.of(language), row(&PURSES, purse, language));
                line(&label, &for_people(amount, language));
            }
        }
        out
    }
}

/// The lines that travel in the answer to a purchase, LF between them; English, ASCII.
#[derive(Debug)]
pub struct WireLines<'a> {
    out: &'a mut Vec<u8>,
    from: usize,
}

impl WireLines<'_> {
    /// Begins at the end of `out`.
    pub fn new(out: &mut Vec<u8>) -> WireLines<'_> {
        let from = out.len();
        WireLines { out, from }
    }

    /// The discount, in rials.
    pub fn discount(&mut self, rials: i64) {
        self.line(b"Discount ", rials, 0);
    }

    /// What purses paid, in rials.
    pub fn used(&mut self, rials: i64) {
        self.line(b"Used ", rials, 0);
    }

    /// What the bank card still has to pay, in rials.
    pub fn pays(&mut self, rials: i64) {
        self.line(b"Card pays ", rials, 0);
    }

    /// What a purse gained, in its smallest units.
    pub fn earned(&mut self, purse: &str, amount: i64, decimals: u8) {
        self.line(b"+", amount, decimals);
        self.out.push(b' ');
        self.out
            .extend_from_slice(row(&PURSES, purse, Language::English).as_bytes());
    }

    /// What a rule says to the customer.
    pub fn said(&mut self, line: &str) {
        self.begin();
        self.out.extend_from_slice(line.as_bytes());
    }

    fn begin(&mut self) {
        if self.out.len() > self.from {
            self.out.push(b'\n');
        }
    }

    fn line(&mut self, label: &[u8], amount: i64, decimals: u8) {
        self.begin();
        self.out.extend_from_slice(label);
        put_grouped(self.out, amount, decimals);
    }
}

impl Label {
    fn of(&self, language: Language) -> &'static str {
        match language {
            Language::English => self.0,
            Language::Persian => self.1,
        }
    }
}

/// The words of a name in a table; the name itself where the table has none.
fn row<'a>(
    table: &[(&str, &'static str, &'static str)],
    name: &'a str,
    language: Language,
) -> &'a str {
    match table.iter().find(|row| row.0 == name) {
        Some((_, english, _)) if language == Language::English => english,
        Some((_, _, persian)) => persian,
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slip() -> Slip {
        let purse = |name: &str, amount: &str| (name.to_owned(), amount.to_owned());
        Slip {
            function: "purchase".to_owned(),
            outcome: "approved".to_owned(),
            shop: "m-1001".to_owned(),
            terminal: "T0000001".to_owned(),
            at: Local::parse("1405/09/02 10:15"),
            stan: Some(7),
            approval: Some("A00001".to_owned()),
            last_four: Some("1234".to_owned()),
            amount: Some("2755555".to_owned()),
            discount: Some("137777".to_owned()),
            used: vec![purse("merchant-credit", "40000"), purse("points", "233.34")],
            pays: Some("2417778".to_owned()),
            earned: vec![purse("points", "290.13"), purse("stars", "1")],
            balances: vec![purse("points", "597.16")],
            ..Slip::default()
        }
    }

    #[test]
    fn a_slip_reads_as_a_shop_would_see_it() {
        let wanted = "\
Purchase: Approved
Shop                              m-1001
Terminal                        T0000001
Date                    1405/09/02 10:15
Trace                             000007
Approval                          A00001
Card                           **** 1234
Amount                         2,755,555
Discount                         137,777
Used shop credit                  40,000
Used points                       233.34
Bank card pays                 2,417,778
Earned points                     290.13
Earned stars                           1
Balance points                    597.16
";
        assert_eq!(slip().print(Language::English), wanted);
    }

    #[test]
    fn a_persian_slip_has_persian_words_and_digits() {
        let text = slip().print(Language::Persian);
        for wanted in ["خرید: انجام شد", "۱۴۰۵/۰۹/۰۲", "۲٬۴۱۷٬۷۷۸", "۲۹۰٫۱۳"]
        {
            assert!(text.contains(wanted), "{wanted} in {text}");
        }
    }

    #[test]
    fn lines_of_the_wire_have_a_line_feed_between() {
        let mut out = Vec::new();
        let mut lines = WireLines::new(&mut out);
        lines.discount(137_777);
        lines.used(200_000);
        lines.earned("points", 29_013, 2);
        lines.earned("stars", 1, 0);
        let wanted = "Discount 137,777\nUsed 200,000\n+290.13 points\n+1 stars";
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }
}
