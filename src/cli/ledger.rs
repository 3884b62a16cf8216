//! `ledger`: is the book right, what has or had somebody and how did it come to that, what did an entry do, and opening
//! states.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::pos::Hidden;
use crate::cli::{Failure, desk};
use crate::config::Config;
use crate::serve::commands::backup;
use crate::terms::money::grouped;

/// Look into the ledger and put into it by hand: verify it, balances of now and then, histories, entries; grants, vouchers, cards,
/// opening states.
///
/// Works beside the running switch, and without it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clubswitch ledger verify
  clubswitch ledger verify --json
  clubswitch ledger balance --card 9999120000001234
  clubswitch ledger balance --shop m-1001
  clubswitch ledger balance --member 17 --at '1405/08/30 14:00'
  clubswitch ledger balance --at '2026-11-21 14:00:05' --json
  clubswitch ledger history 17 --last 10
  clubswitch ledger history --card 9999120000001234 --from 1405/08/01 --to 1405/08/30
  clubswitch ledger history --shop m-1001
  clubswitch ledger entry 17
  clubswitch ledger entry 632614000123
  clubswitch ledger event profile-confirmed --member 17 --reason 'call of 1405/08/30'
  clubswitch ledger grant --club golestan --purse points --member 17 --amount 50 --reason 'growth in Aban'
  clubswitch ledger grant --club bpcard --purse lunch --list bons.csv --reason 'late starters' --dry-run
  clubswitch ledger vouchers sold.csv --card-product bpcard --reason 'series 12'
  clubswitch ledger position --club golestan
  clubswitch ledger obligations --from 1405/09/01 --to 1405/09/30 --json
  clubswitch ledger card --card 9999123400001234
  clubswitch ledger card --card 9999123400001234 --set suspended --reason 'lost, call of 1405/08/30'
  clubswitch ledger card --member 17 --limit credit-line=5000000 --reason 'letter 12'
  clubswitch ledger card --card 9999123400001234 --given-by 17 --reason 'guest card, form 8'
  clubswitch ledger tokens cards.txt > conf/rules/lists/staff.csv
  clubswitch ledger archive --dry-run
  clubswitch ledger archive --before 1405/08/01
  clubswitch ledger restore --from 90071
  clubswitch ledger backup /srv/backup/today
  clubswitch ledger rebuild
  clubswitch ledger open fixtures/openings/worked-example.toml

Exit status: 0 well, 1 something is off or not there, 2 a fault in the command, the configuration or an opening file,
74 the disk failed.")]
pub(super) struct Args {
    #[command(subcommand)]
    act: Act,
    /// As JSON
    #[arg(long, global = true)]
    json: bool,
    /// The configuration file; conf/clubswitch.toml where it is there, else the one built in
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Replay the whole journal and hold everything against it
    Verify,
    /// What somebody has or had: a member lot by lot, a shop, a club, or every account that is no member's
    Balance(BalanceArgs),
    /// Every entry that touched a member or a shop, oldest first, with what was there after it
    History(HistoryArgs),
    /// Everything that an entry did
    Entry {
        /// Its number, or the retrieval reference of its receipt (12 characters)
        #[arg(value_name = "SEQUENCE|RRN")]
        entry: String,
    },
    /// Tell that something happened which a member's earnings wait for (`hold` of a rule): they become his
    Event(EventArgs),
    /// Fill a purse by hand: of one member, or of all of a list
    ///
    /// A list names its columns in its first line: card, mobile, national_code, member or token, then amount and, where it is not
    /// as the purse says, ends. The same list is given once. Nothing is given before all of it can be.
    Grant(GrantArgs),
    /// Take in vouchers: numbers that load a pocket
    ///
    /// The list has the columns voucher and amount_rial, or token and amount_rial. No number is kept: a token stands for it.
    Vouchers {
        /// The list
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The card product that has the [voucher]
        #[arg(long, value_name = "NAME")]
        card_product: String,
        /// Why; it stands in every entry
        #[arg(long, value_name = "WORDS")]
        reason: String,
        /// Only tell what would be taken in
        #[arg(long)]
        dry_run: bool,
    },
    /// How clubs stand with the clearing house: what each owes and is owed, and how near it is to its cap
    Position {
        /// This club only
        #[arg(long, value_name = "NAME")]
        club: Option<String>,
    },
    /// Every debt between clubs, oldest first, with its rate and fee, and what they come to
    Obligations {
        /// Those of this club
        #[arg(long, value_name = "NAME")]
        club: Option<String>,
        /// From this business day on
        #[arg(long, value_name = "DATE")]
        from: Option<String>,
        /// To the end of this business day
        #[arg(long, value_name = "DATE")]
        to: Option<String>,
    },
    /// Print the tokens that stand for cards, as lists of rule files want them
    Tokens {
        /// A file with a card number a line; keep it no longer than needed
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Move closed and settled days from the journal to the archive, compressed; a running switch does so by itself
    Archive {
        /// Only what was before this day; left out: as the configuration says (archive.after_days)
        #[arg(long, value_name = "DATE")]
        before: Option<String>,
        /// Only tell what would go, and what keeps the rest
        #[arg(long)]
        dry_run: bool,
    },
    /// How a card with pockets stands; suspend it, let it go on, or set the limit of a credit line
    Card(CardArgs),
    /// Give a member a card more, which shares all that he has
    AddCard(AddCardArgs),
    /// Bring archived entries back into the journal; the switch must not run
    Restore {
        /// From this entry on
        #[arg(long, value_name = "SEQUENCE", default_value_t = 1)]
        from: u64,
    },
    /// Copy everything that a start needs, but the token key and the archive, while the switch serves
    ///
    /// The copy holds the journal up to its last durable entry, a snapshot of the book, the rule sets that were in force, and
    /// the check value of the token key. Not copied: the key itself (keep it elsewhere, or the copy is as good as the cards),
    /// the archive (its files never change: copy them with any tool), the ledger database (it is made again by itself) and
    /// settlement files (settle makes them again). To start from it: name it as the data folder, with the same key.
    Backup {
        /// A new or empty folder
        #[arg(value_name = "DIR")]
        to: PathBuf,
    },
    /// Make the ledger database again from the journal; a running switch serves meanwhile
    Rebuild,
    /// Book an opening state: members with card, tier, marketer and dated lots
    Open {
        /// The opening file, as fixtures/openings/worked-example.toml
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// A member by what he is known by.
#[derive(Debug, clap::Args)]
struct Person {
    /// The member with this card
    #[arg(long, value_name = "DIGITS", group = "whose")]
    card: Option<Hidden>,
    /// The member with this mobile number
    #[arg(long, value_name = "DIGITS", group = "whose")]
    mobile: Option<Hidden>,
    /// The member with this national code
    #[arg(long, value_name = "DIGITS", group = "whose")]
    national_code: Option<Hidden>,
}

#[derive(Debug, clap::Args)]
struct BalanceArgs {
    #[command(flatten)]
    person: Person,
    /// The member with this club number
    #[arg(long, value_name = "N", group = "whose")]
    member: Option<u32>,
    /// The accounts of a shop
    #[arg(long, value_name = "CODE", group = "whose")]
    shop: Option<String>,
    /// The accounts of a club; with a member, him in this club only
    #[arg(long, value_name = "NAME")]
    club: Option<String>,
    /// As of this moment, to the end of its second: "1405/08/30 14:00", "2026-11-21 14:00:05"; of a day alone, its end
    #[arg(long, value_name = "MOMENT")]
    at: Option<String>,
}

#[derive(Debug, clap::Args)]
struct EventArgs {
    /// The event, by its name in the club file
    #[arg(value_name = "EVENT")]
    event: String,
    /// The member with this club number
    #[arg(long, value_name = "N", group = "whose")]
    member: Option<u32>,
    #[command(flatten)]
    person: Person,
    /// In this club only
    #[arg(long, value_name = "NAME")]
    club: Option<String>,
    /// Why; it stands in the entry
    #[arg(long, value_name = "WORDS", default_value = "")]
    reason: String,
}

#[derive(Debug, clap::Args)]
struct CardArgs {
    /// The card
    #[arg(
        long,
        value_name = "DIGITS",
        group = "whose",
        required_unless_present = "member"
    )]
    card: Option<Hidden>,
    /// The number of its holder
    #[arg(long, value_name = "N", group = "whose")]
    member: Option<u32>,
    /// The card product, where its range does not tell
    #[arg(long, value_name = "NAME")]
    card_product: Option<String>,
    /// Let it stand so: issued, suspended, inactive, terminated or void; only an issued card may spend
    #[arg(long, value_name = "STATE")]
    set: Option<String>,
    /// How far a credit line goes below zero; without the rials: as the card file says
    #[arg(long, value_name = "POCKET=RIALS")]
    limit: Option<String>,
    /// The member, by his number, who gave this card to a guest; only a card that nothing has happened to
    #[arg(long, value_name = "N", requires = "card")]
    given_by: Option<u32>,
    /// Why; it stands in the entry
    #[arg(long, value_name = "WORDS", default_value = "")]
    reason: String,
}

#[derive(Debug, clap::Args)]
struct AddCardArgs {
    /// The new card
    #[arg(long, value_name = "DIGITS")]
    new_card: Hidden,
    /// The member with this club number
    #[arg(long, value_name = "N", group = "whose")]
    member: Option<u32>,
    #[command(flatten)]
    person: Person,
    /// The club, where he is in several
    #[arg(long, value_name = "NAME")]
    club: Option<String>,
    /// Why; it stands in the entry
    #[arg(long, value_name = "WORDS")]
    reason: String,
}

#[derive(Debug, clap::Args)]
struct GrantArgs {
    /// The club or card product that the purse is of
    #[arg(long, value_name = "NAME")]
    club: String,
    /// The purse, by its name in the file
    #[arg(long, value_name = "NAME")]
    purse: String,
    /// The member with this club number
    #[arg(long, value_name = "N", group = "whose")]
    member: Option<u32>,
    #[command(flatten)]
    person: Person,
    /// All of this list
    #[arg(long, value_name = "FILE", group = "whose")]
    list: Option<PathBuf>,
    /// How much, with the decimals of the purse
    #[arg(long, value_name = "AMOUNT", conflicts_with = "list")]
    amount: Option<String>,
    /// The shop that owes it, for merchant credit
    #[arg(long, value_name = "CODE")]
    shop: Option<String>,
    /// The last day it can be spent, "1405/12/29"; left out: as the purse says
    #[arg(long, value_name = "DATE")]
    ends: Option<String>,
    /// Why; it stands in every entry
    #[arg(long, value_name = "WORDS")]
    reason: String,
    /// Only tell what would be given
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Args)]
struct HistoryArgs {
    /// The member with this club number
    #[arg(value_name = "MEMBER", group = "whose")]
    member: Option<u32>,
    #[command(flatten)]
    person: Person,
    /// A shop
    #[arg(long, value_name = "CODE", group = "whose")]
    shop: Option<String>,
    /// Of a member who is in several clubs, this one only
    #[arg(long, value_name = "NAME")]
    club: Option<String>,
    /// Nothing before this moment or day
    #[arg(long, value_name = "MOMENT")]
    from: Option<String>,
    /// Nothing after this moment or day
    #[arg(long, value_name = "MOMENT")]
    to: Option<String>,
    /// Only the last so many of them
    #[arg(long, value_name = "N", default_value_t = 100)]
    last: u64,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let config = Config::find(args.config.as_deref())?;
    // Most of them ask the switch one thing, and tell its answer.
    let tell = |command: &str, words: &Value, in_words: fn(&Value) -> String| {
        let answer = desk::carry_out(&config, command, words)?;
        show(args.json, &answer, in_words);
        Ok(())
    };
    match &args.act {
        Act::Verify => verify(&config, args.json),
        Act::Balance(balance) => tell("ledger-balance", &balance.words()?, balance_in_words),
        Act::History(history) => tell("ledger-history", &history.words()?, history_in_words),
        Act::Entry { entry } => tell("ledger-entry", &json!({ "entry": entry }), entry_in_words),
        Act::Event(event) => tell("ledger-event", &event.words()?, event_in_words),
        Act::Card(card) => tell("ledger-card", &card.words()?, card_in_words),
        Act::AddCard(add) => tell("ledger-add-card", &add.words()?, added_in_words),
        Act::Grant(grant) => tell("ledger-grant", &grant.words()?, given_in_words),
        Act::Vouchers {
            file,
            card_product,
            reason,
            dry_run,
        } => tell(
            "ledger-vouchers",
            &json!({
                "card_product": card_product,
                "text": read(file)?,
                "reason": reason,
                "dry_run": dry_run,
            }),
            taken_in_words,
        ),
        Act::Position { club } => tell(
            "ledger-position",
            &json!({ "club": club }),
            position_in_words,
        ),
        Act::Obligations { club, from, to } => tell(
            "ledger-obligations",
            &json!({ "club": club, "from": from, "to": to }),
            obligations_in_words,
        ),
        Act::Tokens { file } => tell(
            "ledger-tokens",
            &json!({ "text": read(file)? }),
            tokens_in_words,
        ),
        Act::Archive { before, dry_run } => tell(
            "ledger-archive",
            &json!({ "before": before, "dry_run": dry_run }),
            archived_in_words,
        ),
        Act::Restore { from } => {
            let bar = desk::Bar::new();
            let back = backup::restore(&config, *from, |step| bar.show(&step));
            bar.finish();
            show(args.json, &back?, |back| {
                format!("{} segments were brought back\n", back["segments"])
            });
            Ok(())
        }
        Act::Backup { to } => {
            // The switch has a folder of its own to begin names at.
            let to = std::path::absolute(to).map_err(|error| {
                Failure::Usage(format!("{} is no folder: {error}", to.display()))
            })?;
            let words = json!({ "to": to });
            let done = desk::carry_out(&config, "ledger-backup", &words)?;
            show(args.json, &done, backup_in_words);
            Ok(())
        }
        Act::Rebuild => {
            let done = desk::carry_out(&config, "ledger-rebuild", &json!({}))?;
            show(args.json, &done, |done| {
                format!(
                    "the ledger database is made again, up to entry {}\n",
                    done["last_entry"]
                )
            });
            Ok(())
        }
        Act::Open { file } => open(&config, file, args.json),
    }
}

fn show(json: bool, found: &Value, in_words: fn(&Value) -> String) {
    if json {
        anstream::println!("{found:#}");
    } else {
        anstream::print!("{}", in_words(found));
    }
}

fn verify(config: &Config, json: bool) -> Result<(), Failure> {
    let found = match desk::carry_out(config, "ledger-verify", &json!({})) {
        // A folder that does not open because of what is in it is just what was asked about.
        Err(Failure::Io(why) | Failure::Off(why)) => json!({ "whole": false, "faults": [why] }),
        other => other?,
    };
    show(json, &found, verify_in_words);
    if found["whole"] == json!(true) {
        return Ok(());
    }
    let count = found["faults"].as_array().map_or(1, Vec::len);
    Err(Failure::Off(format!(
        "{count} faults in {}",
        config.data.display()
    )))
}

fn open(config: &Config, file: &Path, json: bool) -> Result<(), Failure> {
    let read = std::fs::read_to_string(file).map_err(|error| {
        Failure::Usage(format!(
            "{}: the opening file cannot be read: {error}",
            file.display()
        ))
    })?;
    let words = json!({ "name": file.display().to_string(), "text": read });
    let booked = desk::carry_out(config, "ledger-open", &words)?;
    if let Some(faults) = booked["faults"].as_str() {
        let count = booked["errors"].as_u64().unwrap_or(1);
        let faults_are = if count == 1 {
            "1 fault"
        } else {
            &format!("{count} faults")
        };
        return Err(Failure::Drawn(format!(
            "{faults}\n{faults_are}; nothing was booked"
        )));
    }
    show(json, &booked, |booked| {
        format!(
            "booked {} members with {} lots: {}\n",
            booked["booked"],
            booked["lots"],
            booked["reason"].as_str().unwrap_or_default()
        )
    });
    Ok(())
}

impl BalanceArgs {
    fn words(&self) -> Result<Value, Failure> {
        let mut words = json!({
            "shop": self.shop,
            "club": self.club,
            "member": self.member,
            "at": self.at,
        });
        self.person.put(&mut words)?;
        Ok(words)
    }
}

/// A list as it stands in its file.
fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| {
        Failure::Usage(format!(
            "{}: the list cannot be read: {error}",
            file.display()
        ))
    })
}

impl CardArgs {
    fn words(&self) -> Result<Value, Failure> {
        let card = self.card.as_ref().map(Hidden::card).transpose()?;
        let limit = self.limit.as_deref().map(|text| {
            let (pocket, rials) = text.split_once('=').unwrap_or((text, ""));
            let wanted = || {
                let wanted = "--limit: POCKET=RIALS wanted, as credit-line=5000000";
                Failure::Usage(format!("{wanted}; {text:?} found"))
            };
            let rials = match rials.replace(['_', ','], "") {
                none if none.is_empty() => None,
                some => Some(some.parse::<i64>().map_err(|_| wanted())?),
            };
            Ok::<Value, Failure>(json!({ "pocket": pocket, "rials": rials }))
        });
        Ok(json!({
            "card": card.map(|pan| String::from_utf8_lossy(pan.digits()).into_owned()),
            "member": self.member,
            "card_product": self.card_product,
            "set": self.set,
            "limit": limit.transpose()?,
            "given_by": self.given_by,
            "reason": self.reason,
        }))
    }
}

impl AddCardArgs {
    fn words(&self) -> Result<Value, Failure> {
        let new_card = self.new_card.card()?;
        let mut words = json!({
            "new_card": String::from_utf8_lossy(new_card.digits()),
            "member": self.member,
            "club": self.club,
            "reason": self.reason,
        });
        self.person.put(&mut words)?;
        Ok(words)
    }
}

impl GrantArgs {
    fn words(&self) -> Result<Value, Failure> {
        let text = self.list.as_deref().map(read).transpose()?;
        let mut words = json!({
            "club": self.club,
            "purse": self.purse,
            "member": self.member,
            "text": text,
            "amount": self.amount,
            "shop": self.shop,
            "ends": self.ends,
            "reason": self.reason,
            "dry_run": self.dry_run,
        });
        self.person.put(&mut words)?;
        Ok(words)
    }
}

impl EventArgs {
    fn words(&self) -> Result<Value, Failure> {
        let mut words = json!({
            "event": self.event,
            "member": self.member,
            "club": self.club,
            "reason": self.reason,
        });
        self.person.put(&mut words)?;
        let named = ["member", "card", "mobile", "national_code"];
        if named.iter().all(|key| words[*key].is_null()) {
            return Err(Failure::Usage(
                "whose event? name a member by --member, --card, --mobile or --national-code"
                    .to_owned(),
            ));
        }
        Ok(words)
    }
}

impl HistoryArgs {
    fn words(&self) -> Result<Value, Failure> {
        let mut words = json!({
            "shop": self.shop,
            "club": self.club,
            "member": self.member,
            "from": self.from,
            "to": self.to,
            "last": self.last,
        });
        self.person.put(&mut words)?;
        let named = ["shop", "member", "card", "mobile", "national_code"];
        if named.iter().all(|key| words[*key].is_null()) {
            return Err(Failure::Usage(
                "whose history? name a member by number, --card, --mobile or --national-code, or a --shop"
                    .to_owned(),
            ));
        }
        Ok(words)
    }
}

impl Person {
    /// Who is meant, as the office is told it.
    fn put(&self, words: &mut Value) -> Result<(), Failure> {
        if let Some(card) = &self.card {
            let card = card.card()?;
            words["card"] = json!(String::from_utf8_lossy(card.digits()));
        }
        if let Some(mobile) = &self.mobile {
            words["mobile"] = json!(mobile.mobile()?.as_str());
        }
        if let Some(code) = &self.national_code {
            words["national_code"] = json!(code.national_code()?.as_str());
        }
        Ok(())
    }
}

fn tokens_in_words(found: &Value) -> String {
    let tokens = found["tokens"].as_array().into_iter().flatten();
    let lines = tokens.map(|token| format!("{}\n", plain(token)));
    format!("token\n{}", lines.collect::<String>())
}

fn added_in_words(done: &Value) -> String {
    format!(
        "member {} of {} has {} cards now, entry {}\n",
        done["member"],
        plain(&done["club"]),
        done["cards"],
        done["entry"]
    )
}

fn given_in_words(done: &Value) -> String {
    let (what, total) = (plain(&done["each_in"]), plain(&done["total"]));
    if done["dry_run"] == json!(true) {
        return format!(
            "{} would be given {total} in all, into {what}\n",
            done["of"]
        );
    }
    format!(
        "{} of {} were given, {total} in all, into {what}: {}\n",
        done["given"],
        done["of"],
        plain(&done["reason"])
    )
}

fn taken_in_words(done: &Value) -> String {
    let (product, total) = (plain(&done["card_product"]), plain(&done["total"]));
    let ends = done["ends"].as_str().unwrap_or("never");
    if done["dry_run"] == json!(true) {
        return format!(
            "{} vouchers of {product} would be taken in, {total} rials in all, ending {ends}\n",
            done["of"]
        );
    }
    format!(
        "{} of {} vouchers of {product} were taken in, {total} rials in all, ending {ends}\n",
        done["taken"], done["of"]
    )
}

fn card_in_words(done: &Value) -> String {
    let holder = match done["holder"].as_u64() {
        Some(holder) => format!("holder {holder}"),
        None => "nothing has happened to it yet".to_owned(),
    };
    let mut text = format!(
        "card of {}: {}; {holder}\n",
        plain(&done["card_product"]),
        plain(&done["state"])
    );
    if let Some(giver) = done["given_by"].as_u64() {
        text += &format!("  a guest's: member {giver} gave it away\n");
    }
    for pocket in done["pockets"].as_array().into_iter().flatten() {
        let rials = |key: &str| grouped(pocket[key].as_i64().unwrap_or_default(), 0);
        let limit = match pocket["limit"].is_null() {
            true => String::new(),
            false => format!(", limit {}", rials("limit")),
        };
        text += &format!(
            "  {:14} {:12} {} rials, {} can be spent{limit}\n",
            plain(&pocket["pocket"]),
            plain(&pocket["kind"]),
            rials("holds"),
            rials("can_spend")
        );
    }
    if let Some(entry) = done["entry"].as_u64() {
        text += &format!("entry {entry}\n");
    }
    text
}

fn event_in_words(done: &Value) -> String {
    let mut out = String::new();
    for member in done["members"].as_array().into_iter().flatten() {
        let whose = format!("member {} of {}", member["member"], plain(&member["club"]));
        let of = |key: &str| member[key].as_array().map_or(&[][..], Vec::as_slice);
        let released = [of("released"), of("earned")].concat();
        if member["entry"].is_null() {
            out.push_str(&format!(
                "{whose}: nothing waits for {}\n",
                plain(&done["event"])
            ));
            continue;
        }
        out.push_str(&format!("{whose}, entry {}\n", member["entry"]));
        for lot in released {
            out.push_str(&format!(
                "  {:<30}{:>18}  from {}, ends {}\n",
                plain(&lot["purse"]),
                amount(&lot["amount"]),
                plain(&lot["usable_from"]),
                lot["ends"].as_str().unwrap_or("never"),
            ));
        }
    }
    out
}

fn archived_in_words(done: &Value) -> String {
    let mut out = String::new();
    if done["dry_run"] == json!(true) {
        out.push_str(&format!(
            "what is sealed of the entries before {} would go to {}\n",
            done["before_entry"],
            plain(&done["archive"])
        ));
    } else {
        out.push_str(&format!(
            "{} segments with {} entries went to {}: {} bytes, packed {}\nthe journal begins with entry {}\n",
            done["segments"],
            amount(&done["entries"]),
            plain(&done["archive"]),
            amount(&done["bytes"]),
            amount(&done["packed_bytes"]),
            done["first_kept"]
        ));
    }
    out.push_str(&format!(
        "the rest stays: {}\n",
        plain(&done["kept_because"])
    ));
    if let Some(warning) = done["warning"].as_str() {
        out.push_str(&format!("{warning}\n"));
    }
    out
}

fn backup_in_words(done: &Value) -> String {
    let snapshot = match done["snapshot"].as_u64() {
        Some(entry) => format!("and the book as of entry {entry}"),
        None => "and no snapshot: there was none yet".to_owned(),
    };
    let mut out = format!(
        "{} holds entries {} to {}, {snapshot}\nnot copied: the token key {}; a start from the copy needs it\n",
        plain(&done["to"]),
        done["first_entry"],
        done["last_entry"],
        plain(&done["not_copied"]["token_key"]),
    );
    if let Some(archive) = done["not_copied"]["archive"].as_str() {
        out.push_str(&format!(
            "not copied: earlier entries in {archive}; its files never change\n"
        ));
    }
    out
}

fn verify_in_words(found: &Value) -> String {
    let mut out = String::new();
    let mut line = |label: &str, text: String| {
        out.push_str(&format!("{label:<10} {text}\n"));
    };
    if found["entries"].is_u64() {
        let number = |value: &Value| grouped(value.as_i64().unwrap_or(0), 0);
        let groups = number(&found["groups"]);
        line(
            "entries",
            format!("{} in {groups} groups", number(&found["entries"])),
        );
        line("members", number(&found["members"]));
        line("accounts", number(&found["accounts"]));
        for (unit, sum) in found["sums"].as_object().into_iter().flatten() {
            line("sum", format!("{} {unit}", number(sum)));
        }
        let sealed = number(&found["chain"]["sealed_segments"]);
        let chain = found["chain"]["state"].as_str().unwrap_or_default();
        line("chain", format!("{chain}, {sealed} sealed segments"));
        line(
            "journal",
            format!("up to entry {}", number(&found["journal"]["sequence"])),
        );
        let store = &found["store"];
        line(
            "store",
            match store.is_object() {
                true => format!(
                    "up to entry {}, {} entries held against the journal",
                    number(&store["sequence"]),
                    number(&store["compared"])
                ),
                false => "not open".to_owned(),
            },
        );
        let snapshot = &found["snapshot"];
        line(
            "snapshot",
            match snapshot.is_u64() {
                true => {
                    let of = format!("of entry {}", number(snapshot));
                    match found["snapshot_equal"].as_bool() {
                        Some(true) => format!("{of}, equal to the replay"),
                        Some(false) => format!("{of}, NOT equal to the replay"),
                        None => of,
                    }
                }
                false => "none".to_owned(),
            },
        );
        let book = &found["book"];
        let equal = if book["equal"] == json!(true) {
            "equal"
        } else {
            "NOT equal"
        };
        let compared = book["compared"].as_str().unwrap_or_default();
        line("book", format!("{equal} to the replay ({compared})"));
    }
    for problem in found["faults"].as_array().into_iter().flatten() {
        line("FAULT", problem.as_str().unwrap_or_default().to_owned());
    }
    if found["whole"] == json!(true) {
        line("all well", String::new());
    }
    out
}

fn position_in_words(found: &Value) -> String {
    let mut out = String::new();
    for house in found["houses"].as_array().into_iter().flatten() {
        let sums = ["due", "owes", "income"].map(|key| amount(&house[key]));
        out.push_str(&format!(
            "{}: due to it {}, owed by it {}, its income {}\n",
            plain(&house["title"]),
            sums[0],
            sums[1],
            sums[2]
        ));
        for member in house["members"].as_array().into_iter().flatten() {
            let warned = if member["warned"] == true {
                ", WARNED"
            } else {
                ""
            };
            out.push_str(&format!(
                "  {:<20}{:>22} of at most {} ({}%{warned}): owes {}, is owed {}, {}\n",
                plain(&member["club"]),
                amount(&member["position"]),
                amount(&member["cap"]),
                plain(&member["used_percent"]),
                amount(&member["owes"]),
                amount(&member["owed"]),
                plain(&member["funding"]),
            ));
        }
    }
    out
}

fn obligations_in_words(found: &Value) -> String {
    let mut out = String::new();
    for row in found["obligations"].as_array().into_iter().flatten() {
        let of = match row["reverses"].as_u64() {
            Some(original) => format!(" of entry {original}"),
            None => String::new(),
        };
        out.push_str(&format!(
            "{:<12} {} {}{of}: {} owes {} {} rial for {} {} at {} rial for {} since {}; fee {} by {}\n",
            plain(&row["id"]),
            plain(&row["business_day"]),
            plain(&row["kind"]),
            plain(&row["issuer"]),
            plain(&row["acceptor"]),
            amount(&row["rial"]),
            amount(&row["points"]),
            plain(&row["purse"]),
            amount(&row["rate"]["rial"]),
            amount(&row["rate"]["points"]),
            plain(&row["rate_from"]),
            amount(&row["fee"]),
            plain(&row["fee_payer"]),
        ));
        if let Some(purse) = row["made"]["purse"].as_str() {
            let rate = &row["made"]["rate"];
            out.push_str(&format!(
                "             became {} {purse} at {} rial for {} since {}\n",
                amount(&row["made"]["points"]),
                amount(&rate["rial"]),
                amount(&rate["points"]),
                plain(&row["made"]["rate_from"]),
            ));
        }
    }
    for club in found["clubs"].as_array().into_iter().flatten() {
        out.push_str(&format!(
            "{}: owes {}, is owed {}, net {}\n",
            plain(&club["club"]),
            amount(&club["owes"]),
            amount(&club["owed"]),
            amount(&club["net"]),
        ));
    }
    if out.is_empty() {
        out.push_str("no club owes another anything\n");
    }
    out
}

fn balance_in_words(found: &Value) -> String {
    let mut out = String::new();
    if let Some(at) = found["at"].as_str() {
        out.push_str(&format!("as of {at}\n"));
    }
    let nothing = out.len();
    for member in found["members"].as_array().into_iter().flatten() {
        out.push_str(&format!(
            "member {} of {}",
            member["member"],
            plain(&member["club"])
        ));
        for key in ["tier", "marketer", "introducer", "joined", "purchases"] {
            if !member[key].is_null() {
                out.push_str(&format!(", {key} {}", plain(&member[key])));
            }
        }
        out.push('\n');
        for purse in member["purses"].as_array().into_iter().flatten() {
            let at = match purse["shop"].as_str() {
                Some(shop) => format!(" at {shop}"),
                None => String::new(),
            };
            let label = format!("{}{at}", plain(&purse["purse"]));
            let unit = plain(&purse["unit"]);
            let can_spend = amount(&purse["can_spend"]);
            out.push_str(&format!("  {label:<30}{can_spend:>18} {unit} can be spent"));
            if purse["total"] != purse["can_spend"] {
                out.push_str(&format!(", of {}", amount(&purse["total"])));
            }
            if any(&purse["waits"]) {
                out.push_str(&format!(", {} wait", amount(&purse["waits"])));
            }
            if owes(purse) {
                out.push_str(&format!(", owes {}", amount(&purse["debt"])));
            }
            out.push('\n');
            for lot in purse["lots"].as_array().into_iter().flatten() {
                let ends = lot["ends"].as_str().unwrap_or("never");
                out.push_str(&format!(
                    "    lot {:<6}{:>36}  booked {}, from {}, ends {ends}{}\n",
                    lot["lot"],
                    amount(&lot["amount"]),
                    plain(&lot["booked"]),
                    plain(&lot["usable_from"]),
                    waiting(lot),
                ));
            }
        }
    }
    for account in found["accounts"].as_array().into_iter().flatten() {
        out.push_str(&format!(
            "{:<54}{:>20} {}\n",
            plain(&account["account"]),
            amount(&account["balance"]),
            plain(&account["unit"]),
        ));
    }
    if out.len() == nothing {
        out.push_str("no account has moved\n");
    }
    out
}

fn history_in_words(found: &Value) -> String {
    let mut out = String::new();
    for member in found["members"].as_array().into_iter().flatten() {
        let (number, club) = (&member["member"], plain(&member["club"]));
        out.push_str(&format!("member {number} of {club}, oldest first\n"));
        lines_in_words(member, &mut out);
    }
    if let Some(shop) = found["shop"].as_str() {
        out.push_str(&format!("shop {shop}, oldest first\n"));
        lines_in_words(found, &mut out);
    }
    out
}

fn lines_in_words(of: &Value, out: &mut String) {
    let older = of["older"].as_u64().unwrap_or(0);
    if older > 0 {
        out.push_str(&format!(
            "  {older} older entries are left out; --last shows more\n"
        ));
    }
    let lines = of["entries"].as_array().map_or(&[][..], Vec::as_slice);
    if lines.is_empty() {
        out.push_str("  nothing in that time\n");
    }
    for line in lines {
        out.push_str(&format!(
            "  {:>9}  {:<20}{}",
            plain(&line["entry"]),
            plain(&line["at"]),
            plain(&line["what"])
        ));
        if line["advised"] == json!(true) {
            out.push_str(" advised");
        }
        for (key, before) in [
            ("event", " "),
            ("shop", " at "),
            ("member", " of member "),
            ("amount", ", "),
            ("outcome", ", "),
            ("pays", ", pays "),
            ("reverses", ", reverses "),
            ("confirms", ", confirms "),
            ("reversed_by", ", REVERSED BY "),
            ("exception", ", exception "),
        ] {
            let value = &line[key];
            // A member's own number stands above.
            let known = key == "member" && of["member"].is_u64();
            if !value.is_null() && !known {
                let value = match key {
                    "amount" | "pays" => amount(value),
                    _ => plain(value),
                };
                out.push_str(&format!("{before}{value}"));
            }
        }
        if !is_empty(&line["changes"]) {
            out.push_str(&format!(", {}", plain(&line["changes"])));
        }
        out.push('\n');
        for purse in line["purses"].as_array().into_iter().flatten() {
            let at = purse["shop"].as_str().map(|shop| format!(" at {shop}"));
            let label = format!("{}{}", plain(&purse["purse"]), at.unwrap_or_default());
            let (change, total) = (change(&purse["change"]), amount(&purse["total"]));
            out.push_str(&format!("{:13}{label:<32}{change:>16}  then {total}", ""));
            if purse["can_spend"] != purse["total"] {
                out.push_str(&format!(", {} to spend", amount(&purse["can_spend"])));
            }
            if owes(purse) {
                out.push_str(&format!(", owes {}", amount(&purse["debt"])));
            }
            out.push('\n');
        }
        for account in line["accounts"].as_array().into_iter().flatten() {
            let label = plain(&account["account"]);
            let (change, balance) = (change(&account["change"]), amount(&account["balance"]));
            out.push_str(&format!(
                "{:13}{label:<44}{change:>16}  then {balance}\n",
                ""
            ));
        }
    }
}

/// A change of an amount, with its sign: `+1,234`.
fn change(value: &Value) -> String {
    let change = amount(value);
    let sign = if change.starts_with('-') { "" } else { "+" };
    format!("{sign}{change}")
}

/// Whether anything is owed to a purse.
fn owes(purse: &Value) -> bool {
    any(&purse["debt"])
}

/// Whether an amount is not nothing.
fn any(value: &Value) -> bool {
    amount(value).bytes().any(|b| matches!(b, b'1'..=b'9'))
}

/// What a lot waits for, and how long.
fn waiting(lot: &Value) -> String {
    match lot["waits_for"].as_str() {
        Some(event) => format!(", waits for {event} to {}", plain(&lot["waits_to"])),
        None => String::new(),
    }
}

fn entry_in_words(entry: &Value) -> String {
    let mut out = format!(
        "entry {}, {}, business day {}\n",
        entry["entry"],
        plain(&entry["at"]),
        plain(&entry["business_day"])
    );
    let mut fields = |title: &str, of: &Value| {
        let told: Vec<String> = of
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, value)| !is_empty(value))
            .map(|(key, value)| format!("{} {}", key.replace('_', " "), plain(value)))
            .collect();
        if !told.is_empty() {
            out.push_str(&format!("{title}\n  {}\n", told.join("\n  ")));
        }
    };
    fields("asked", &entry["input"]);
    fields("told", &entry["told"]);
    let mut about = json!({});
    for key in [
        "acquirer",
        "club",
        "shop",
        "member",
        "rule_set",
        "reverses",
        "confirms",
        "reversed_by",
        "exception",
    ] {
        about[key] = entry[key].clone();
    }
    fields("about", &about);
    fields("counted as a purchase", &entry["visit"]);
    for (title, key) in [
        ("postings", "postings"),
        ("lots", "lots"),
        ("counted toward caps", "counted"),
        ("members", "members"),
    ] {
        let list = entry[key].as_array().map_or(&[][..], Vec::as_slice);
        if list.is_empty() {
            continue;
        }
        out.push_str(&format!("{title}\n"));
        for line in list {
            out.push_str(&match key {
                "postings" => format!(
                    "  {:<14}{:>18} {:<16} {} -> {}\n",
                    plain(&line["reason"]),
                    amount(&line["amount"]),
                    plain(&line["unit"]),
                    plain(&line["from"]),
                    plain(&line["to"]),
                ),
                "lots" => format!(
                    "  lot {:<10}{:>18} {}, booked {}, from {}, ends {}{}{}\n",
                    line["lot"],
                    amount(&line["amount"]),
                    plain(&line["purse"]),
                    plain(&line["booked"]),
                    plain(&line["usable_from"]),
                    line["ends"].as_str().unwrap_or("never"),
                    match line["rule"].as_str() {
                        Some(rule) => format!(", by rule {rule}"),
                        None => String::new(),
                    },
                    waiting(line),
                ),
                "counted" => format!(
                    "  {:<14}{:>18} {:<16} {:>2} for {}, {} of {}\n",
                    plain(&line["rule"]),
                    amount(&line["amount"]),
                    plain(&line["unit"]),
                    plain(&line["times"]),
                    plain(&line["for"]),
                    plain(&line["window"]),
                    plain(&line["day"]),
                ),
                _ => format!("  {}\n", plain(line)),
            });
        }
    }
    out
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// A value without the signs of JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(map) => {
            let parts = map.iter().filter(|(_, value)| !is_empty(value));
            let parts = parts.map(|(key, value)| format!("{key} {}", plain(value)));
            parts.collect::<Vec<_>>().join(", ")
        }
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

/// An amount with its thousands set off: `-1,234` or `830.50`.
fn amount(value: &Value) -> String {
    crate::words::number::for_people(&plain(value), crate::words::Language::English)
}
