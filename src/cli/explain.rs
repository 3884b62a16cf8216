//! `explain`: why a purchase got what it got, rule by rule, or what one would get that nobody makes.

use std::io::Read;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::pos::{self, Hidden, local, rials};
use crate::cli::{Failure, desk};
use crate::config::Config;
use crate::explain::{Moved, Story, write, write_moved};
use crate::ledger::{Names, Redeem};
use crate::rulefile;
use crate::terms::{Local, Rials};
use crate::words::Language;

/// Tell why a purchase got what it got, or what one would get: each rule with its conditions, each amount with its arithmetic.
///
/// Of a real purchase, name its receipt's retrieval reference or its entry: it is judged again under the rules and in the book of its own
/// time, and where that differs from what was decided, what was decided counts and the difference is told. Without one, describe a
/// purchase that nobody makes: nothing is posted. Of a load, a conversion or a grant it tells what moved, between which accounts and
/// purses. Works beside the running switch, and without it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clubswitch explain 000000000017
  clubswitch explain --seq 17 --lang fa
  clubswitch explain --card 9999120000001234 --merchant m-1001 --amount 2_755_555 --redeem 200_000
  clubswitch explain --member 17 --merchant m-1001 --amount 500_000 --at \"1405/09/02 10:15\"
  clubswitch explain --member 17 --merchant m-1001 --amount 500_000 --with new-rules --json
  echo 9999120000001234 | clubswitch explain --card - --merchant m-1001 --amount 90_000

Exit status: 0 told, 1 it is not there, 2 a fault in the command, the configuration or a rule file, 74 the disk failed.")]
pub(super) struct Args {
    /// A purchase, load, conversion or grant that was made: the retrieval reference of its receipt (12 characters), or the number of its entry
    #[arg(value_name = "RRN|SEQUENCE", conflicts_with_all = ["seq", "Supposed"])]
    entry: Option<String>,
    /// A purchase, load, conversion or grant that was made: the number of its entry
    #[arg(long, value_name = "SEQUENCE", conflicts_with = "Supposed")]
    seq: Option<u64>,
    #[command(flatten)]
    supposed: Supposed,
    /// Language
    #[arg(long, value_name = "LANG", default_value = "en", value_parser = ["en", "fa"])]
    lang: String,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// The configuration file; conf/clubswitch.toml where it is there, else the one built in
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// A purchase that nobody makes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "A purchase that nobody makes")]
#[group(multiple = true)]
struct Supposed {
    /// The shop: its acceptor number
    #[arg(long, value_name = "CODE")]
    merchant: Option<String>,
    /// The bill, rials; 2755555, 2_755_555 and 2,755,555 are the same
    #[arg(long, value_name = "RIALS", value_parser = rials)]
    amount: Option<Rials>,
    /// The customer's card; - reads it from standard input
    #[arg(long, value_name = "DIGITS", group = "whose")]
    card: Option<Hidden>,
    /// His mobile number, without a card
    #[arg(long, value_name = "DIGITS", group = "whose")]
    mobile: Option<Hidden>,
    /// His national code, without a card
    #[arg(long, value_name = "DIGITS", group = "whose")]
    national_code: Option<Hidden>,
    /// His club number; as if his card had been read
    #[arg(long, value_name = "N", group = "whose")]
    member: Option<u32>,
    /// The club, where the shop is in several
    #[arg(long, value_name = "NAME")]
    club: Option<String>,
    /// Rials to take from purses, or all (max) for as much as the rules allow
    #[arg(long, value_name = "RIALS|all", value_parser = redeem)]
    redeem: Option<Redeem>,
    /// The only purse to take from
    #[arg(long, value_name = "NAME")]
    purse: Option<String>,
    /// When, on the clock of the rules' zone, "1405/09/02 10:15"; left out: now. Purses and counters are those of now
    #[arg(long, value_name = "TIME", value_parser = local)]
    at: Option<Local>,
    /// The category code of the message; left out: the shop's
    #[arg(long, value_name = "CODE")]
    mcc: Option<String>,
    /// The way it comes: pos, pos-cash, app, web, ussd, import; left out: pos
    #[arg(long, value_name = "WAY")]
    channel: Option<String>,
    /// How the card is read: stripe, chip, contactless, manual
    #[arg(long = "entry-mode", id = "entry_mode", value_name = "HOW")]
    entry: Option<String>,
    /// The code of a product that is bought; may be given again
    #[arg(long, value_name = "CODE")]
    product: Vec<String>,
    /// The code of the service that is rendered
    #[arg(long, value_name = "CODE")]
    service: Option<String>,
    /// Who serves, by his name in the world file
    #[arg(long, value_name = "NAME")]
    staff: Option<String>,
    /// Judge by the rule files of another folder
    #[arg(long, value_name = "DIR")]
    with: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let language = Language::named(&args.lang).unwrap_or_default();
    let config = Config::find(args.config.as_deref())?;
    let told = match (&args.entry, args.seq) {
        (Some(entry), _) => desk::carry_out(&config, "explain-entry", &json!({ "entry": entry }))?,
        (None, Some(sequence)) => {
            desk::carry_out(&config, "explain-entry", &json!({ "sequence": sequence }))?
        }
        (None, None) => desk::carry_out(&config, "explain", &args.supposed.words()?)?,
    };
    if let Some(faults) = told["faults"].as_array() {
        let drawn = faults.iter().filter_map(|fault| fault["drawn"].as_str());
        return Err(Failure::Drawn(drawn.collect::<Vec<_>>().join("\n")));
    }
    if args.json {
        anstream::println!("{told:#}");
        return Ok(());
    }
    let other = |error| Failure::Off(format!("the switch answers as another version: {error}"));
    if told["moved"].is_object() {
        let moved: Moved = serde_json::from_value(told["moved"].clone()).map_err(other)?;
        anstream::print!("{}", write_moved(&moved, language));
        return Ok(());
    }
    let story: Story = serde_json::from_value(told).map_err(other)?;
    anstream::print!("{}", write(&story, language));
    Ok(())
}

impl Supposed {
    /// The purchase, as the office is told it.
    fn words(&self) -> Result<Value, Failure> {
        let missing = |what: &str| {
            let why = format!(
                "{what} is missing: name a purchase that was made (explain RRN), or suppose one by --merchant, --amount and --card or --member"
            );
            Failure::Usage(why)
        };
        let shop = self
            .merchant
            .as_ref()
            .ok_or_else(|| missing("--merchant"))?;
        let amount = self.amount.ok_or_else(|| missing("--amount"))?;
        let mut words = json!({
            "shop": shop,
            "amount": amount.0,
            "member": self.member,
            "club": self.club,
            "purse": self.purse,
            "mcc": self.mcc,
            "channel": self.channel,
            "entry": self.entry,
            "products": self.product,
            "staff": self.staff,
            "service": self.service,
            "at": self.at.map(|at| at.to_string()),
        });
        match self.redeem {
            None | Some(Redeem::Nothing) => {}
            Some(Redeem::Exactly(rials)) => words["redeem"] = json!(rials.0),
            Some(Redeem::AsMuchAsAllowed) => words["redeem"] = json!("max"),
        }
        if let Some(card) = &self.card {
            let card = match card.is("-") {
                true => Hidden::from(piped()?.trim()).card()?,
                false => card.card()?,
            };
            words["card"] = json!(String::from_utf8_lossy(card.digits()));
        }
        if let Some(mobile) = &self.mobile {
            words["mobile"] = json!(mobile.mobile()?.as_str());
        }
        if let Some(code) = &self.national_code {
            words["national_code"] = json!(code.national_code()?.as_str());
        }
        if let Some(dir) = &self.with {
            // The switch may run as somebody who cannot see this folder: it gets the files, not their place.
            words["texts"] = json!(rulefile::load(dir, &Names::default())?.texts);
        }
        Ok(words)
    }
}

/// As a terminal is told it, or `all`.
fn redeem(text: &str) -> Result<Redeem, String> {
    match text {
        "all" => Ok(Redeem::AsMuchAsAllowed),
        _ => pos::redeem(text),
    }
}

/// What comes over standard input.
fn piped() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Failure::Usage(format!("no card comes over standard input: {error}")))?;
    Ok(text)
}
