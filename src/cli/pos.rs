//! `pos`: a terminal in the shell. It asks the switch over TCP as a shop's card reader does, and prints the slip.

use std::fmt;
use std::io::Read;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value, json};

use crate::cli::line::Line;
use crate::cli::{Failure, chain};
use crate::exchange::terminal::{Enrolment, Movement, Place, PurseAmount, Sale, Sent, Who};
use crate::exchange::{Dialect, Network, Receipt, Terminal, bind};
use crate::ledger::{PurseKind, Redeem};
use crate::message::{EncodeError, Message, MessageBuilder, Mti};
use crate::serve::clock::Clock;
use crate::source::nearest;
use crate::spec;
use crate::terms::person::{Mobile, NationalCode};
use crate::terms::{
    EntryMode, JalaliDate, Local, MemberId, Moment, Pan, Rials, TimeOfDay, Voucher, Zone,
};
use crate::wire::framing::Framing;
use crate::words::Language;

/// The clock on the wall of a shop.
const ZONE: &str = "Asia/Tehran";

/// Ask the switch something as a shop's terminal does, and print the receipt.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clubswitch pos echo
  clubswitch pos enrol --card 9999120000001234 --mobile 09120000001
  clubswitch pos add-card --card 9999120000001234 --new-card 9999120000005678
  clubswitch pos purchase --card 9999120000001234 --amount 2_755_555 --redeem max
  clubswitch pos balance --card 9999120000001234 --lang fa
  clubswitch pos load --card 9999120000001234 --to 9999123400001001 --purse gift --amount 1_000_000
  clubswitch pos convert --card 9999123400001001 --purse 'sport>lunch' --amount 50_000
  clubswitch pos purchase --card 9999120000001234 --amount 90_000 --json > sold.json
  clubswitch pos reverse --from sold.json

Amounts are whole rials; 2755555, 2_755_555 and 2,755,555 are the same. Cards in examples are invented.

Exit status: 0 approved, 1 declined, 2 a fault in the command, 3 no connection or no answer.")]
pub(super) struct Args {
    #[command(subcommand)]
    act: Act,
    #[command(flatten)]
    seat: Seat,
}

/// Where the terminal stands and how it talks.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Terminal")]
struct Seat {
    /// The switch
    #[arg(
        long,
        global = true,
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:8583"
    )]
    connect: String,
    /// How the length of a message is told; left out: as usual for the dialect
    #[arg(long, global = true, value_name = "NAME", value_parser = Framing::NAMES)]
    framing: Option<String>,
    /// What messages look like
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        default_value = "iso87-ascii"
    )]
    dialect: String,
    /// A folder of dialects beside the built-in ones
    #[arg(long, global = true, value_name = "DIR")]
    specs: Option<PathBuf>,
    /// The acceptor number of the shop
    #[arg(long, global = true, value_name = "CODE", default_value = "m-1001")]
    acceptor: String,
    /// The number of the terminal, at most 8 characters
    #[arg(long, global = true, value_name = "CODE", default_value = "T0000001")]
    terminal: String,
    /// The acquirer's institution code; left out, that of the switch's listener counts
    #[arg(long, global = true, value_name = "CODE")]
    acquirer: Option<String>,
    /// What the terminal's clock shows, "1405/09/02 10:15:30"; left out: now in Tehran
    #[arg(long, global = true, value_name = "TIME", value_parser = local)]
    at: Option<Local>,
    /// Seconds to wait for the connection and for the answer
    #[arg(long, global = true, value_name = "N", default_value_t = 30)]
    timeout_s: u64,
    /// Send it as a repeat of a message whose answer was lost: with its --stan and --at
    #[arg(long, global = true)]
    repeat: bool,
    /// Decimals of points in the balances field, which the message does not tell
    #[arg(long, global = true, value_name = "N", default_value_t = 2)]
    points_decimals: u8,
    /// Language of the receipt
    #[arg(long, global = true, value_name = "LANG", default_value = "en", value_parser = ["en", "fa"])]
    lang: String,
    /// As JSON instead of a receipt
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    /// A customer pays
    Purchase(SaleArgs),
    /// What a purchase would get; nothing is posted
    Quote(SaleArgs),
    /// Tell of a purchase that has happened
    Advice {
        #[command(flatten)]
        sale: SaleArgs,
        /// The discount that was given, rials
        #[arg(long, value_name = "RIALS", value_parser = rials)]
        discount: Option<Rials>,
    },
    /// What a member can spend
    Balance {
        #[command(flatten)]
        who: WhoArgs,
        /// Only the purses of this kind: points, club-credit, merchant-credit, special, bon, gift, prepaid, credit-line
        #[arg(long, value_name = "KIND", value_parser = kind)]
        kind: Option<PurseKind>,
        #[command(flatten)]
        own: Own,
    },
    /// Put money, or a voucher, into a purse
    Load(LoadArgs),
    /// Make of one purse's content another's
    Convert(ConvertArgs),
    /// Undo a purchase, a load or a conversion, named as its receipt names it
    Reverse(ReverseArgs),
    /// Make somebody a member
    Enrol(EnrolArgs),
    /// Give a member a card more
    AddCard(AddCardArgs),
    /// Is the switch there?
    Echo(Own),
    /// Begin on this connection
    SignOn(Own),
    /// End on this connection
    SignOff(Own),
}

#[derive(Debug, clap::Args)]
struct Own {
    /// Trace number of this message, 1 to 999999; left out: one made from the time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=999_999))]
    stan: Option<u32>,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct WhoArgs {
    /// The customer's card number
    #[arg(long, value_name = "DIGITS", group = "who")]
    card: Option<Hidden>,
    /// His mobile number
    #[arg(long, value_name = "DIGITS", group = "who")]
    mobile: Option<Hidden>,
    /// His national code
    #[arg(long, value_name = "DIGITS", group = "who")]
    national_code: Option<Hidden>,
    /// His club number
    #[arg(long, value_name = "N", group = "who")]
    member: Option<u32>,
}

#[derive(Debug, clap::Args)]
struct SaleArgs {
    #[command(flatten)]
    who: WhoArgs,
    /// The bill, rials
    #[arg(long, value_name = "RIALS", value_parser = rials)]
    amount: Rials,
    /// Rials to take from purses, or max for as much as the rules allow
    #[arg(long, value_name = "RIALS|max", value_parser = redeem)]
    redeem: Option<Redeem>,
    /// The only purse to take from
    #[arg(long, value_name = "NAME")]
    purse: Option<String>,
    /// The club it is for, where there are several
    #[arg(long, value_name = "NAME")]
    club: Option<String>,
    /// The shop's bill number
    #[arg(long, value_name = "TEXT")]
    bill: Option<String>,
    /// Who brought the customer: C, M, N or B and his card, mobile, national code or club number
    #[arg(long, value_name = "WHO")]
    introducer: Option<Hidden>,
    /// A retrieval reference of the terminal's own, at most 12 characters
    #[arg(long, value_name = "TEXT")]
    rrn: Option<String>,
    /// What is bought: code,quantity,amount, and ; between
    #[arg(long, value_name = "LINES")]
    lines: Option<String>,
    /// The code of the service
    #[arg(long, value_name = "CODE")]
    service: Option<String>,
    /// Who serves
    #[arg(long, value_name = "NAME")]
    staff: Option<String>,
    /// How the card is read: stripe, chip, contactless or manual
    #[arg(long = "entry-mode", value_name = "HOW", value_parser = entry_mode)]
    entry: Option<EntryMode>,
    /// Currency of the bill, ISO 4217 numeric
    #[arg(long, value_name = "N", default_value_t = 364)]
    currency: u16,
    #[command(flatten)]
    own: Own,
}

#[derive(Debug, clap::Args)]
struct LoadArgs {
    #[command(flatten)]
    who: WhoArgs,
    /// How much, rials
    #[arg(long, value_name = "RIALS", value_parser = rials, required_unless_present = "voucher")]
    amount: Option<Rials>,
    /// The number of the voucher that pays
    #[arg(long, value_name = "NUMBER", conflicts_with = "amount")]
    voucher: Option<Hidden>,
    /// The card it is for; left out: the card itself
    #[arg(long, value_name = "DIGITS")]
    to: Option<Hidden>,
    /// The purse, where the card has several that can be loaded
    #[arg(long, value_name = "NAME")]
    purse: Option<String>,
    #[command(flatten)]
    own: Own,
}

#[derive(Debug, clap::Args)]
struct ConvertArgs {
    #[command(flatten)]
    who: WhoArgs,
    /// What is made of what, as "sport>lunch"
    #[arg(long, value_name = "PAIR")]
    purse: String,
    /// How much of the first, rials; of points: smallest units, with --currency 999
    #[arg(long, value_name = "N", value_parser = rials)]
    amount: Rials,
    /// Currency of the amount, ISO 4217 numeric; 999 for points
    #[arg(long, value_name = "N", default_value_t = 364)]
    currency: u16,
    #[command(flatten)]
    own: Own,
}

#[derive(Debug, clap::Args)]
struct ReverseArgs {
    /// What `pos purchase`, `pos load` or `pos convert` printed with --json; - reads it from standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["stan", "rrn", "time", "amount"])]
    from: Option<PathBuf>,
    /// Trace number of the original
    #[arg(long, value_name = "N", required_unless_present_any = ["from", "rrn"],
        value_parser = clap::value_parser!(u32).range(1..=999_999))]
    stan: Option<u32>,
    /// Time of the original as its receipt has it, "1405/09/02 10:15:30"
    #[arg(long, value_name = "TIME", value_parser = local)]
    time: Option<Local>,
    /// Retrieval reference of the original
    #[arg(long, value_name = "TEXT", conflicts_with = "stan")]
    rrn: Option<String>,
    /// The bill of the original, rials; another amount is refused
    #[arg(long, value_name = "RIALS", value_parser = rials)]
    amount: Option<Rials>,
    /// The card of the original
    #[arg(long, value_name = "DIGITS")]
    card: Option<Hidden>,
    /// The original was an advice
    #[arg(long)]
    of_advice: bool,
    /// Tell it (0420) instead of asking for it (0400): it is never refused
    #[arg(long)]
    told: bool,
}

#[derive(Debug, clap::Args)]
struct EnrolArgs {
    /// His card number
    #[arg(long, value_name = "DIGITS", required_unless_present = "mobile")]
    card: Option<Hidden>,
    /// His mobile number
    #[arg(long, value_name = "DIGITS")]
    mobile: Option<Hidden>,
    /// His national code
    #[arg(long, value_name = "DIGITS")]
    national_code: Option<Hidden>,
    /// His birth date, "1370/04/15"
    #[arg(long, value_name = "DATE", value_parser = jalali)]
    born: Option<JalaliDate>,
    /// Who brought him: C, M, N or B and his card, mobile, national code or club number
    #[arg(long, value_name = "WHO")]
    introducer: Option<Hidden>,
    /// The club, where there are several
    #[arg(long, value_name = "NAME")]
    club: Option<String>,
    /// Who enrols him: a person of the world file, who becomes his marketer
    #[arg(long, value_name = "NAME")]
    staff: Option<String>,
    #[command(flatten)]
    own: Own,
}

#[derive(Debug, clap::Args)]
struct AddCardArgs {
    #[command(flatten)]
    who: WhoArgs,
    /// The card that he gets
    #[arg(long, value_name = "DIGITS")]
    new_card: Hidden,
    /// The club, where there are several
    #[arg(long, value_name = "NAME")]
    club: Option<String>,
    #[command(flatten)]
    own: Own,
}

/// A number that no help, fault or debug line shows.
#[derive(Clone)]
pub(super) struct Hidden(String);

impl From<&str> for Hidden {
    fn from(text: &str) -> Hidden {
        Hidden(text.to_owned())
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

impl Hidden {
    /// Whether it is this text.
    pub(super) fn is(&self, text: &str) -> bool {
        self.0 == text
    }

    /// The card number it is.
    pub(super) fn card(&self) -> Result<Pan, Failure> {
        let digits: String = self
            .0
            .chars()
            .filter(|c| !matches!(c, '_' | '-' | ' '))
            .collect();
        Pan::new(digits.as_bytes()).ok_or_else(|| wanted("--card", "8 to 19 digits"))
    }

    /// The voucher number it is.
    pub(super) fn voucher(&self) -> Result<Voucher, Failure> {
        Voucher::parse(self.0.as_bytes())
            .ok_or_else(|| wanted("--voucher", "6 to 32 letters and digits"))
    }

    /// The mobile number it is.
    pub(super) fn mobile(&self) -> Result<Mobile, Failure> {
        Mobile::parse(&self.0).ok_or_else(|| wanted("--mobile", "09 and nine digits"))
    }

    /// The national code it is.
    pub(super) fn national_code(&self) -> Result<NationalCode, Failure> {
        NationalCode::parse(&self.0)
            .ok_or_else(|| wanted("--national-code", "ten digits with the right check digit"))
    }

    fn introducer(&self) -> Result<Who, Failure> {
        let rest = |letter| self.0.strip_prefix(letter).map(Hidden::from);
        if let Some(card) = rest('C') {
            return card.card().map(Who::Card);
        }
        if let Some(mobile) = rest('M') {
            return mobile.mobile().map(Who::Mobile);
        }
        if let Some(code) = rest('N') {
            return code.national_code().map(Who::NationalCode);
        }
        let number = rest('B').and_then(|number| number.0.parse().ok());
        number
            .map(|number| Who::Number(MemberId(number)))
            .ok_or_else(|| {
                wanted(
                    "--introducer",
                    "C, M, N or B and a card, mobile, national code or club number",
                )
            })
    }
}

impl WhoArgs {
    fn who(&self) -> Result<Who, Failure> {
        match (&self.card, &self.mobile, &self.national_code, self.member) {
            (Some(card), ..) => card.card().map(Who::Card),
            (_, Some(mobile), ..) => mobile.mobile().map(Who::Mobile),
            (_, _, Some(code), _) => code.national_code().map(Who::NationalCode),
            (.., number) => Ok(Who::Number(MemberId(number.unwrap_or_default()))),
        }
    }
}

fn entry_mode(text: &str) -> Result<EntryMode, String> {
    let found = EntryMode::ALL.iter().find(|(name, _)| *name == text);
    let names = EntryMode::ALL.map(|(name, _)| name).join(", ");
    found
        .map(|(_, entry)| *entry)
        .ok_or_else(|| format!("one of {names} wanted"))
}

impl SaleArgs {
    fn sale(&self, discount_told: Option<Rials>) -> Result<Sale, Failure> {
        Ok(Sale {
            who: self.who.who()?,
            amount: self.amount,
            currency: self.currency,
            redeem: self.redeem.unwrap_or_default(),
            purse: self.purse.clone(),
            club: self.club.clone(),
            introducer: self
                .introducer
                .as_ref()
                .map(Hidden::introducer)
                .transpose()?,
            bill: self.bill.clone(),
            discount_told,
            rrn: self.rrn.clone(),
            entry: self.entry,
            lines: self.lines.clone(),
            service: self.service.clone(),
            staff: self.staff.clone(),
        })
    }
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let seat = &args.seat;
    let language = Language::named(&seat.lang).unwrap_or_default();
    let dialect = Arc::new(dialect(&seat.dialect, seat.specs.as_deref())?);
    let framing = match &seat.framing {
        Some(name) => Framing::named(name).expect("no other name was let in"),
        None => dialect.spec().usual_framing(),
    };
    let zone = Zone::named(ZONE).expect("the zone of Tehran is built in");
    let now = match seat.at {
        Some(local) => zone.moment(local),
        None => Clock::new(None, Moment(0)).now(),
    };
    let stan = match &args.act {
        Act::Purchase(sale) | Act::Quote(sale) | Act::Advice { sale, .. } => sale.own.stan,
        Act::Balance { own, .. } | Act::Echo(own) | Act::SignOn(own) | Act::SignOff(own) => {
            own.stan
        }
        Act::Enrol(enrol) => enrol.own.stan,
        Act::AddCard(add) => add.own.stan,
        Act::Load(load) => load.own.stan,
        Act::Convert(convert) => convert.own.stan,
        Act::Reverse(_) => None,
    };
    // Two calls within a thousandth of a second would get one number; shops have one clerk at a till.
    let usual = || (Clock::new(None, Moment(0)).now().0 / 1_000_000).rem_euclid(999_999) as u32 + 1;
    let sold = match &args.act {
        Act::Reverse(ReverseArgs {
            from: Some(path), ..
        }) => Some(sold(path)?),
        _ => None,
    };
    let place = place(seat, sold.as_ref());
    let mut terminal = Terminal::new(Arc::clone(&dialect), place, zone.clone())
        .after_stan(stan.unwrap_or_else(usual) - 1);
    let needed = match &args.act {
        Act::Load(_) => "load",
        Act::Convert(_) => "transfer",
        _ => "purchase",
    };
    if !dialect.says(needed) {
        let name = dialect.name();
        return Err(Failure::Usage(format!(
            "--dialect {name}: it has no message for this"
        )));
    }
    let sent = match &args.act {
        Act::Reverse(reverse) => {
            let original = reverse.original(sold.as_ref(), &dialect, &zone, now)?;
            reversal(reverse, &original, &mut terminal, &dialect, now)
        }
        act => ask(act, &mut terminal, now),
    }?;
    let sent = if seat.repeat {
        terminal.repeat(&sent).map_err(unsayable)?
    } else {
        sent
    };
    let answer = exchange(seat, framing, &dialect, &sent)?;
    let receipt = terminal.receipt(&answer);
    if seat.json {
        anstream::println!("{:#}", in_json(&terminal, &sent, &receipt));
    } else {
        anstream::print!("{}", terminal.slip(&sent, &receipt).print(language));
    }
    if receipt.is_approved() {
        return Ok(());
    }
    let text = receipt.text.as_deref().unwrap_or("declined");
    let field = receipt.field_at_fault.as_deref();
    let field = field.map_or_else(String::new, |field| format!(", at field {field}"));
    Err(Failure::Off(format!(
        "answer {}: {text}{field}",
        receipt.code
    )))
}

/// The message that is asked for.
fn ask(act: &Act, terminal: &mut Terminal, now: Moment) -> Result<Sent, Failure> {
    let sent = match act {
        Act::Purchase(sale) => terminal.purchase(&sale.sale(None)?, now),
        Act::Quote(sale) => terminal.quote(&sale.sale(None)?, now),
        Act::Advice { sale, discount } => terminal.advice(&sale.sale(*discount)?, now),
        Act::Balance { who, kind, .. } => terminal.balance(&who.who()?, *kind, now),
        Act::Enrol(enrol) => terminal.enrol(
            &Enrolment {
                card: enrol.card.as_ref().map(Hidden::card).transpose()?,
                mobile: enrol.mobile.as_ref().map(Hidden::mobile).transpose()?,
                national_code: enrol
                    .national_code
                    .as_ref()
                    .map(Hidden::national_code)
                    .transpose()?,
                born: enrol.born,
                introducer: enrol
                    .introducer
                    .as_ref()
                    .map(Hidden::introducer)
                    .transpose()?,
                club: enrol.club.clone(),
                staff: enrol.staff.clone(),
            },
            now,
        ),
        Act::AddCard(add) => {
            let (who, card) = (add.who.who()?, add.new_card.card()?);
            terminal.add_card(&who, &card, add.club.as_deref(), now)
        }
        Act::Load(load) => terminal.load(&load.movement()?, now),
        Act::Convert(convert) => {
            let asked = Movement {
                purse: Some(convert.purse.clone()),
                currency: convert.currency,
                ..Movement::of(convert.who.who()?, convert.amount)
            };
            terminal.transfer(&asked, now)
        }
        Act::Echo(_) => terminal.network(Network::Echo, now),
        Act::SignOn(_) => terminal.network(Network::SignOn, now),
        Act::SignOff(_) | Act::Reverse(_) => terminal.network(Network::SignOff, now),
    };
    sent.map_err(unsayable)
}

impl LoadArgs {
    fn movement(&self) -> Result<Movement, Failure> {
        let to = self.to.as_ref().map(Hidden::card).transpose()?;
        Ok(Movement {
            who: self.who.who()?,
            to: to.map(Who::Card),
            amount: self.amount,
            currency: 364,
            purse: self.purse.clone(),
            club: None,
            voucher: self.voucher.as_ref().map(Hidden::voucher).transpose()?,
        })
    }
}

impl ReverseArgs {
    /// What is to be undone.
    fn original(
        &self,
        sold: Option<&Value>,
        dialect: &Dialect,
        zone: &Zone,
        now: Moment,
    ) -> Result<Sent, Failure> {
        let card = self.card.as_ref().map(Hidden::card).transpose()?;
        if let Some(sold) = sold {
            return from_json(sold, card);
        }
        Ok(Sent {
            body: Bytes::new(),
            mti: dialect.mti(if self.of_advice { "advice" } else { "purchase" }),
            function: "purchase",
            stan: self.stan.unwrap_or(0),
            at: self.time.unwrap_or(zone.local(now)),
            transmitted: self.time.map_or(0, |time| transmitted(zone, time)),
            processing: 0,
            amount: self.amount,
            currency: 364,
            card,
        })
    }
}

fn reversal(
    args: &ReverseArgs,
    original: &Sent,
    terminal: &mut Terminal,
    dialect: &Dialect,
    now: Moment,
) -> Result<Sent, Failure> {
    let mut sent = terminal
        .reversal(original, args.told, now)
        .map_err(unsayable)?;
    if let Some(rrn) = &args.rrn {
        let spec = dialect.spec();
        let message = Message::decode(spec, sent.body.clone());
        let at = spec.role("rrn").map_or(0, |path| usize::from(path.field));
        let mut builder = MessageBuilder::new(spec, sent.mti);
        if let Ok(message) = message {
            builder.copy_all(&message);
        }
        builder.set(at, format!("{rrn:<12}"));
        let mut body = BytesMut::new();
        builder.encode(&mut body).map_err(unsayable)?;
        sent.body = body.freeze();
    }
    Ok(sent)
}

/// Where the terminal stands: of a reversal, where its original was.
fn place(seat: &Seat, sold: Option<&Value>) -> Place {
    let at = |key: &str, usual: &String| {
        let found = sold.and_then(|sold| sold[key].as_str());
        found.map_or_else(|| usual.clone(), str::to_owned)
    };
    Place {
        acceptor: at("acceptor", &seat.acceptor),
        terminal: at("terminal", &seat.terminal),
        acquirer: seat.acquirer.clone(),
        points_decimals: seat.points_decimals.min(4),
    }
}

/// What `--json` printed before.
fn sold(path: &std::path::Path) -> Result<Value, Failure> {
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    let unread = |why: String| {
        let from = path.display();
        Failure::Usage(format!(
            "--from {from}: what `pos purchase`, `load` or `convert` prints with --json is wanted: {why}"
        ))
    };
    read.map_err(|error| unread(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| unread(error.to_string()))
}

fn from_json(sold: &Value, card: Option<Pan>) -> Result<Sent, Failure> {
    let number = |key: &str| {
        let number = sold[key]
            .as_u64()
            .and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| wanted("--from", &format!("a number under {key:?}")))
    };
    let mti = sold["mti"]
        .as_str()
        .and_then(|mti| Mti::from_digits(mti.as_bytes()));
    let at = sold["time"].as_str().and_then(Local::parse);
    Ok(Sent {
        body: Bytes::new(),
        mti: mti.ok_or_else(|| wanted("--from", "a message type under \"mti\""))?,
        function: "purchase",
        stan: number("stan")?,
        at: at.ok_or_else(|| wanted("--from", "a time under \"time\""))?,
        transmitted: number("transmitted")?,
        processing: number("processing")?,
        amount: sold["amount"].as_i64().map(Rials),
        currency: number("currency")? as u16,
        card,
    })
}

/// DE7 of a time on the wall of the shop.
fn transmitted(zone: &Zone, time: Local) -> u32 {
    let utc = Zone::fixed("UTC", 0).local(zone.moment(time));
    let (date, TimeOfDay(s)) = (utc.day.gregorian(), utc.time);
    let day = date.month() as u32 * 100 + date.day() as u32;
    day * 1_000_000 + s / 3_600 * 10_000 + s / 60 % 60 * 100 + s % 60
}

/// Sends it and waits for its answer; answers to others are passed over.
fn exchange(
    seat: &Seat,
    framing: Framing,
    dialect: &Dialect,
    sent: &Sent,
) -> Result<Message, Failure> {
    let patience = Duration::from_secs(seat.timeout_s.max(1));
    let to = address(&seat.connect)?;
    let failed = |doing: &str, error: std::io::Error| {
        Failure::NoAnswer(format!("{doing} {}: {}", seat.connect, chain(&error)))
    };
    let mut line = Line::open(to, framing, patience).map_err(|error| {
        let hint = "is the switch running? clubswitch serve starts it";
        Failure::NoAnswer(format!("connect to {}: {error}; {hint}", seat.connect))
    })?;
    line.put(&sent.body)
        .map_err(|error| failed("send to", error))?;
    line.flush().map_err(|error| failed("send to", error))?;
    loop {
        let body = line.take().map_err(|error| match error.kind() {
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => {
                Failure::NoAnswer(format!(
                    "no answer from {} within {} s",
                    seat.connect,
                    patience.as_secs()
                ))
            }
            std::io::ErrorKind::UnexpectedEof => {
                Failure::NoAnswer(format!("{} hung up without an answer", seat.connect))
            }
            _ => failed("read from", error),
        })?;
        let answer = Message::decode(dialect.spec(), body).map_err(|error| {
            Failure::NoAnswer(format!(
                "the answer is no message of {}: {error}",
                dialect.name()
            ))
        })?;
        let receipt = Receipt::read(dialect, &answer, 0);
        if answer.mti().is_response() && receipt.stan == Some(sent.stan) {
            return Ok(answer);
        }
    }
}

/// A receipt as JSON. Amounts of rials are numbers, those of purses text with their decimals.
pub(super) fn in_json(terminal: &Terminal, sent: &Sent, receipt: &Receipt) -> Value {
    let purses = |list: &[PurseAmount]| -> Map<String, Value> {
        list.iter()
            .map(|p| (p.purse.clone(), Value::from(p.to_string())))
            .collect()
    };
    let split: Map<String, Value> = receipt
        .split
        .iter()
        .map(|(role, rials)| (role.clone(), Value::from(rials.0)))
        .collect();
    let rials = |rials: Option<Rials>| rials.map(|rials| rials.0);
    let last_four = sent.card.as_ref().map(|card| card.last_four());
    json!({
        "function": sent.function,
        "approved": receipt.is_approved(),
        "code": receipt.code,
        "outcome": receipt.verdict.map(|verdict| verdict.name()),
        "text": receipt.text,
        "mti": sent.mti.to_string(),
        "answer_mti": receipt.mti.to_string(),
        "processing": sent.processing,
        "acceptor": terminal.place().acceptor,
        "terminal": terminal.place().terminal,
        "stan": sent.stan,
        "time": sent.at.to_string(),
        "transmitted": sent.transmitted,
        "rrn": receipt.rrn,
        "approval": receipt.approval,
        "card": last_four.map(|four| format!("****{}", String::from_utf8_lossy(&four))),
        "member": receipt.member,
        "amount": rials(sent.amount),
        "currency": sent.currency,
        "discount": rials(receipt.discount),
        "redeemed": purses(&receipt.redeemed),
        "pays": rials(receipt.pays),
        "earned": purses(&receipt.earned),
        "split": split,
        "fee": rials(receipt.fee),
        "balances": purses(&receipt.balances),
        "rules": receipt.rules,
        "lines": receipt.lines,
        "field_at_fault": receipt.field_at_fault,
    })
}

/// A dialect by its name.
pub(super) fn dialect(name: &str, folder: Option<&std::path::Path>) -> Result<Dialect, Failure> {
    let spec = match folder {
        Some(folder) => spec::load(folder, name)?,
        None => spec::shipped(name).ok_or_else(|| {
            let known = spec::SHIPPED.map(|(name, _)| name);
            Failure::Usage(match nearest(name, known) {
                Some(near) => format!("there is no dialect {name:?}; did you mean {near:?}?"),
                None => format!("there is no dialect {name:?}; one of {}", known.join(", ")),
            })
        })?,
    };
    bind(&spec).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        Failure::Usage(lines.join("\n"))
    })
}

fn address(text: &str) -> Result<SocketAddr, Failure> {
    let found = text.to_socket_addrs().map(|mut all| all.next());
    match found {
        Ok(Some(address)) => Ok(address),
        Ok(None) => Err(Failure::Usage(format!("--connect {text}: no such host"))),
        Err(error) => Err(Failure::Usage(format!(
            "--connect {text}: host and port wanted, as 127.0.0.1:8583: {error}"
        ))),
    }
}

fn unsayable(error: EncodeError) -> Failure {
    Failure::Usage(format!("this cannot be said in the dialect: {error}"))
}

fn wanted(what: &str, form: &str) -> Failure {
    Failure::Usage(format!("{what}: {form} wanted"))
}

/// Whole rials, with `_` or `,` between digits where people like it.
pub(super) fn rials(text: &str) -> Result<Rials, String> {
    let digits: String = text.chars().filter(|c| !matches!(c, '_' | ',')).collect();
    let number = digits
        .parse()
        .ok()
        .filter(|rials| (0..=Rials::FIELD_MAX.0).contains(rials));
    number
        .map(Rials)
        .ok_or_else(|| "whole rials wanted, at most 12 digits".to_owned())
}

pub(super) fn redeem(text: &str) -> Result<Redeem, String> {
    match text {
        "max" => Ok(Redeem::AsMuchAsAllowed),
        _ => rials(text)
            .map(Redeem::Exactly)
            .map_err(|why| format!("{why}, or max")),
    }
}

pub(super) fn local(text: &str) -> Result<Local, String> {
    Local::parse(text).ok_or_else(|| "a Jalali time wanted, as \"1405/09/02 10:15:30\"".to_owned())
}

fn jalali(text: &str) -> Result<JalaliDate, String> {
    JalaliDate::parse(text).ok_or_else(|| "a Jalali date wanted, as 1370/04/15".to_owned())
}

fn kind(text: &str) -> Result<PurseKind, String> {
    let found = PurseKind::ALL.iter().find(|(_, name)| *name == text);
    found.map(|(kind, _)| *kind).ok_or_else(|| {
        let names = PurseKind::ALL.map(|(_, name)| name);
        format!("one of {} wanted", names.join(", "))
    })
}
