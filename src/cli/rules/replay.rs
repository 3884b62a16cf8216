//! `rules replay`: what other rule files would have made of the last days' purchases.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::aligned;
use crate::cli::desk::Bar;
use crate::cli::lang::Lang;
use crate::cli::{Failure, chain};
use crate::config::Config;
use crate::ledger::Names;
use crate::rulefile;
use crate::serve::replay::{Changed, ReplayError, Wanted, run as replay};
use crate::serve::rules;
use crate::words::Language;
use crate::words::number::digits;
use crate::words::sets::{self as say, word};

/// Judge the journal's purchases again by other rule files, and say what would differ.
///
/// Nothing is posted. Each purchase is judged against what its member really had before it; what was undone later is left out. Works
/// beside the running switch, in a process of its own, on the data folder alone (and the archive, where the days are in it).
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clubswitch rules replay --days 30 --with new-rules
  clubswitch rules replay --days 7 --with new-rules --top 50 --csv replay     sums, shops and receipts as three files
  clubswitch rules replay --with new-rules --csv changed.csv --json           every changed receipt

Exit status: 0 well, 1 the journal cannot be read, 2 a fault in the command or in a rule file, 74 the disk failed.")]
pub(super) struct Args {
    /// The folder of the other rule files; left out, the one that the configuration names
    #[arg(long, value_name = "DIR")]
    with: Option<PathBuf>,
    /// How many days, that of the journal's last entry among them
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=4000))]
    days: u32,
    /// How many of the most changed receipts are shown
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    top: usize,
    /// Write comma-separated values: NAME.csv is every changed receipt, any other name a folder with sums.csv, shops.csv, receipts.csv
    #[arg(long, value_name = "FILE|DIR")]
    csv: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    lang: Lang,
    /// The configuration file; conf/clubswitch.toml where it is there, else the one built in
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let config = Config::find(args.config.as_deref())?;
    let with = |names: &Names| match &args.with {
        Some(dir) => rulefile::load(dir, names),
        None => rules::load(&config, names),
    };
    let wanted = Wanted {
        config: &config,
        days: args.days,
        top: args.top,
        with: &with,
    };
    let mut table = args.csv.as_deref().map(Table::create).transpose()?;
    let mut failed = None;
    let bar = Bar::new();
    let done = replay(
        &wanted,
        &mut |changed| {
            if let Some(table) = &mut table
                && let Err(error) = table.receipt(changed)
            {
                failed = Some(error);
            }
        },
        &mut |step| bar.show(&step),
    );
    bar.finish();
    let told = done.map_err(|error| match error {
        ReplayError::Rules(faults) => args.lang.failure(&faults),
        ReplayError::Data(error) if error.is_io() => Failure::Io(chain(&error)),
        error => Failure::Off(chain(&error)),
    })?;
    if let Some(error) = failed {
        return Err(Failure::Io(error));
    }
    if let Some(table) = table {
        table.finish(&told)?;
    }
    if args.json {
        anstream::println!("{told:#}");
    } else {
        anstream::print!("{}", in_words(&told, args.top, args.lang.language()));
    }
    Ok(())
}

/// The files of `--csv`.
struct Table {
    path: PathBuf,
    receipts: csv::Writer<fs::File>,
    is_folder: bool,
}

impl Table {
    fn create(path: &Path) -> Result<Table, Failure> {
        let is_folder = path.extension().is_none_or(|end| end != "csv");
        let file = if is_folder {
            fs::create_dir_all(path).map_err(|error| io(path, &error))?;
            path.join("receipts.csv")
        } else {
            path.to_owned()
        };
        let file = fs::File::create(&file).map_err(|error| io(&file, &error))?;
        let mut receipts = csv::Writer::from_writer(file);
        let heads = [
            "entry",
            "at",
            "shop",
            "club",
            "member",
            "card",
            "bill_rial",
            "discount_was_rial",
            "discount_would_be_rial",
            "redeemed_was_rial",
            "redeemed_would_be_rial",
            "earned_worth_was_rial",
            "earned_worth_would_be_rial",
            "gain_rial",
            "instead",
        ];
        receipts
            .write_record(heads)
            .map_err(|error| io(path, &error))?;
        Ok(Table {
            path: path.to_owned(),
            receipts,
            is_folder,
        })
    }

    fn receipt(&mut self, changed: &Changed) -> Result<(), String> {
        let numbers = [
            changed.bill,
            changed.discount.was,
            changed.discount.would,
            changed.redeemed.was,
            changed.redeemed.would,
            changed.earned.was,
            changed.earned.would,
            changed.gain,
        ];
        let mut row = vec![
            changed.entry.0.to_string(),
            changed.at.clone(),
            changed.shop.clone(),
            changed.club.clone(),
            changed.member.to_string(),
            changed.card.clone(),
        ];
        row.extend(numbers.map(|number| number.to_string()));
        row.push(changed.instead.to_owned());
        let written = self.receipts.write_record(row);
        written.map_err(|error| format!("write {}: {error}", self.path.display()))
    }

    fn finish(mut self, told: &Value) -> Result<(), Failure> {
        self.receipts
            .flush()
            .map_err(|error| io(&self.path, &error))?;
        if !self.is_folder {
            return Ok(());
        }
        let write = |name: &str, rows: Vec<Vec<String>>| {
            let path = self.path.join(name);
            let mut out = csv::Writer::from_path(&path).map_err(|error| io(&path, &error))?;
            for row in rows {
                out.write_record(row).map_err(|error| io(&path, &error))?;
            }
            out.flush().map_err(|error| io(&path, &error))
        };
        write("sums.csv", sums(told, Language::English))?;
        write("shops.csv", shops(told))
    }
}

fn io(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::Io(format!("write {}: {error}", path.display()))
}

/// The amounts of a sum, in rials, with what people call them.
const AMOUNTS: [(&str, &str); 7] = [
    ("discount", "discount"),
    ("redeemed", "paid from purses"),
    ("earned_worth", "earned, worth"),
    ("liability", "liability"),
    ("paid_by_cards", "paid by cards"),
    ("fee", "fee"),
    ("to_shops", "to shops"),
];
/// Groups of sums by name: purses, parties, rules.
const GROUPS: [(&str, &str); 4] = [
    ("earned", "earned in"),
    ("redeemed", "spent from"),
    ("split", "part of"),
    ("rules", "times fired:"),
];

/// Every sum as a row: what, as it was, as it would be, the difference, its unit.
fn sums(told: &Value, language: Language) -> Vec<Vec<String>> {
    let cell = |side: &Value, key: &str| match &side[key] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let row = |name: String, side: &Value, unit: &str| {
        let unit = side["unit"].as_str().unwrap_or(unit);
        let unit = word(unit, language).to_owned();
        let keys = ["was", "would_be", "difference"].map(|key| cell(side, key));
        let [was, would, difference] = keys;
        vec![name, was, would, difference, unit]
    };
    let mut rows = vec![
        ["what", "was", "would_be", "difference", "unit"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for (key, label) in AMOUNTS {
        rows.push(row(
            word(label, language).to_owned(),
            &told["sums"][key],
            "rial",
        ));
    }
    for (key, label) in GROUPS {
        let unit = if key == "rules" { "times" } else { "rial" };
        for (name, side) in told[key].as_object().into_iter().flatten() {
            let label = word(label, language);
            let name = word(name, language);
            rows.push(row(format!("{label} {name}"), side, unit));
        }
    }
    rows
}

fn shops(told: &Value) -> Vec<Vec<String>> {
    let mut heads = ["shop", "purchases", "changed", "bills"]
        .map(str::to_owned)
        .to_vec();
    for (key, _) in AMOUNTS {
        heads.extend(["was", "would_be", "difference"].map(|side| format!("{key}_{side}_rial")));
    }
    let mut rows = vec![heads];
    for shop in told["shops"].as_array().into_iter().flatten() {
        let mut row = vec![shop["shop"].as_str().unwrap_or_default().to_owned()];
        row.extend(["purchases", "changed", "bills"].map(|key| shop[key].to_string()));
        for (key, _) in AMOUNTS {
            row.extend(["was", "would_be", "difference"].map(|side| shop[key][side].to_string()));
        }
        rows.push(row);
    }
    rows
}

/// What was found, for people.
fn in_words(told: &Value, top: usize, language: Language) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let local = |text: &str| digits(text, language);
    let number = |value: &Value| local(&super::number(value));
    let head = |names: &[&str]| -> Vec<String> {
        names
            .iter()
            .map(|name| word(name, language).to_owned())
            .collect()
    };
    let (from, to) = (local(&text(&told["from"])), local(&text(&told["to"])));
    let (all, differ) = (number(&told["purchases"]), number(&told["changed"]));
    let mut out = say::AGAIN.say(language, &[&from, &to, &all, &differ]) + "\n";
    for (what, count) in told["instead"].as_object().into_iter().flatten() {
        let parts = [&number(count), word(what, language)];
        out.push_str(&format!("  {}\n", say::OTHER_WAY.say(language, &parts)));
    }
    let left = [
        ("reversed_later", "undone later"),
        ("refused_then", "refused then"),
        ("without_club_then", "without a club then"),
        ("cannot_be_told", "cannot be told"),
    ];
    let left: Vec<String> = left
        .iter()
        .filter(|(key, _)| told["not_judged"][key].as_u64().unwrap_or(0) > 0)
        .map(|(key, label)| {
            let label = word(label, language);
            format!("{} {label}", number(&told["not_judged"][key]))
        })
        .collect();
    if !left.is_empty() {
        let left = left.join(match language {
            Language::English => ", ",
            Language::Persian => "، ",
        });
        out.push_str(&format!("  {}\n", say::LEFT_OUT.say(language, &[&left])));
    }
    out.push('\n');
    let mut rows: Vec<Vec<String>> = sums(told, language);
    rows[0] = head(&["", "as it was", "by the other files", "difference", ""]);
    for row in &mut rows[1..] {
        for cell in &mut row[1..4] {
            *cell = match cell.parse::<i64>() {
                Ok(amount) => local(&crate::terms::money::grouped(amount, 0)),
                Err(_) => local(cell),
            };
        }
    }
    out.push_str(&aligned(&rows, &[1, 2, 3]));
    let changed = |row: &&Value| row["changed"].as_u64().unwrap_or(0) > 0;
    for (key, what) in [("clubs", "club"), ("shops", "shop")] {
        let all = told[key].as_array().into_iter().flatten();
        let rows: Vec<&Value> = all.filter(changed).collect();
        if rows.is_empty() {
            continue;
        }
        let mut table = vec![head(&[
            what,
            "purchases",
            "differ",
            "discount",
            "earned, worth",
            "liability",
            "to shops",
        ])];
        for row in rows.iter().take(top) {
            let mut cells = vec![
                text(&row[what]),
                number(&row["purchases"]),
                number(&row["changed"]),
            ];
            cells.extend(
                ["discount", "earned_worth", "liability", "to_shops"]
                    .map(|key| number(&row[key]["difference"])),
            );
            table.push(cells);
        }
        let by = say::BY.say(language, &[word(what, language)]);
        out.push_str(&format!("\n{by}\n"));
        out.push_str(&aligned(&table, &[1, 2, 3, 4, 5, 6]));
    }
    let receipts = told["receipts"].as_array().into_iter().flatten();
    let mut table = vec![head(&[
        "entry",
        "at",
        "shop",
        "member",
        "bill",
        "discount",
        "",
        "earned, worth",
        "",
        "gain",
        "",
    ])];
    for row in receipts {
        let side = |key: &str| {
            [
                number(&row[key]["was"]),
                format!("-> {}", number(&row[key]["would_be"])),
            ]
        };
        let mut cells = vec![
            local(&row["entry"].to_string()),
            local(&text(&row["at"])),
            text(&row["shop"]),
            local(&row["member"].to_string()),
            number(&row["bill"]),
        ];
        cells.extend(side("discount"));
        cells.extend(side("earned_worth"));
        cells.push(number(&row["gain"]));
        cells.push(word(&text(&row["instead"]), language).to_owned());
        table.push(cells);
    }
    if table.len() > 1 {
        out.push_str(&format!("\n{}\n", say::RECEIPTS.say(language, &[])));
        out.push_str(&aligned(&table, &[0, 3, 4, 5, 6, 7, 8, 9]));
    }
    out.push('\n');
    for key in ["notes", "remarks"] {
        for remark in told[key].as_array().into_iter().flatten() {
            let note = say::NOTE.say(language, &[&text(remark)]);
            out.push_str(&format!("{note}\n"));
        }
    }
    let speed = &told["speed"];
    let parts = [
        all,
        number(&speed["judged_ms"]),
        number(&speed["purchases_per_second"]),
        number(&told["entries"]["before"]),
        number(&speed["before_ms"]),
    ];
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    out + &say::SPEED.say(language, &parts) + "\n"
}
