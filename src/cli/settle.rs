//! `settle`: the files of a business day.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::{Failure, desk};
use crate::config::Config;
use crate::terms::JalaliDate;
use crate::terms::money::grouped;

/// Make the files of a business day, or make them again.
///
/// Writes a folder with the Shaparak split file, a pain.001 for each paying bank, a statement for each shop and MANIFEST.
/// A day that is still open gives its files so far, marked provisional; a closed one gives the same bytes every time.
/// Works beside the running switch, and without it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clubswitch settle --day today
  clubswitch settle --day today --close
  clubswitch settle --day 1405/08/30 --out /srv/settlement --json

Exit status: 0 the folder is there, 1 it was refused, 2 a fault in the command or configuration, 74 the disk failed.")]
pub(super) struct Args {
    /// The business day, as 1405/08/30; today is the one that is open
    #[arg(long, value_name = "DAY", value_parser = day)]
    day: String,
    /// The folder in which the day's folder is put; settlement in the data folder where left out
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// End the day first: what comes from now on counts in the next
    #[arg(long)]
    close: bool,
    /// As JSON: the folder and its manifest
    #[arg(long)]
    json: bool,
    /// The configuration file; conf/clubswitch.toml where it is there, else the one built in
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let config = Config::find(args.config.as_deref())?;
    let mut words = json!({ "day": args.day, "close": args.close });
    if let Some(out) = &args.out {
        // The switch may run in another folder.
        let out = std::path::absolute(out).unwrap_or_else(|_| out.clone());
        words["out"] = json!(out.display().to_string());
    }
    let settled = desk::carry_out(&config, "settle", &words)?;
    if args.json {
        anstream::println!("{settled:#}");
    } else {
        anstream::print!("{}", in_words(&settled));
    }
    Ok(())
}

fn day(text: &str) -> Result<String, String> {
    if text == "today" || JalaliDate::parse(text).is_some() {
        return Ok(text.to_owned());
    }
    Err("a day such as 1405/08/30, or today, wanted".to_owned())
}

/// The folder and the totals, for people.
pub(super) fn in_words(settled: &Value) -> String {
    let manifest = &settled["manifest"];
    let totals = &manifest["totals"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let state = match (
        manifest["provisional"].as_bool(),
        settled["turned"].as_bool(),
    ) {
        (Some(true), _) => "provisional: the day is still open",
        (_, Some(true)) => "closed now",
        _ => "closed",
    };
    let mut out = format!(
        "business day {}, {state}\n",
        text(&manifest["business_day"])
    );
    let news = match settled["published"].as_str() {
        Some("same") => "as it was",
        Some("replaced") => "in place of a provisional one",
        _ => "new",
    };
    out.push_str(&format!("{}  ({news})\n\n", text(&settled["folder"])));
    for warning in settled["warnings"].as_array().into_iter().flatten() {
        out.push_str(&format!("warning: {}\n\n", text(warning)));
    }
    let mut line = |label: &str, amount: i64, unit: &str| {
        out.push_str(&format!("  {label:<34}{:>22} {unit}\n", grouped(amount, 0)));
    };
    let number = |key: &str| totals[key].as_i64().unwrap_or(0);
    line("purchases and loads", number("purchases"), "");
    line("reversals", number("reversals"), "");
    for (key, label) in [
        ("gross", "bills and loads"),
        ("discount", "discounts"),
        ("card_paid", "paid by bank cards"),
        ("fee", "fees"),
    ] {
        line(label, number(key), "rial");
    }
    for (key, label, unit) in [
        ("redeemed", "paid by", "rial"),
        ("earned", "earned in", "smallest units"),
        ("split", "part of", "rial"),
        ("pay", "credited to", "rial"),
    ] {
        for (name, amount) in totals[key].as_object().into_iter().flatten() {
            line(
                &format!("{label} {name}"),
                amount.as_i64().unwrap_or(0),
                unit,
            );
        }
    }
    out.push('\n');
    for file in manifest["files"].as_array().into_iter().flatten() {
        let records = file["records"].as_u64().unwrap_or(0);
        out.push_str(&format!("  {} ({records} records)\n", text(&file["name"])));
    }
    out
}
