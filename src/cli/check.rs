//! `check`: every fault of the configuration, the dialects and the rule files, before anything runs with them.

use std::path::PathBuf;

use crate::cli::Failure;
use crate::cli::lang::Lang;
use crate::cli::rules::cost;
use crate::config::{Config, SHIPPED};
use crate::exchange;
use crate::ledger::Names;
use crate::rulefile;
use crate::serve::clock::Clock;
use crate::serve::rules;
use crate::source::{Fault, Faults, Place, names_in};
use crate::spec;
use crate::terms::Moment;

/// Check configuration, dialects and rule files.
///
/// Tells every fault at once, each with file, line, column and a cure. Nothing is started or changed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  clubswitch check
  clubswitch check --config /etc/clubswitch/clubswitch.toml
  clubswitch check --lang fa
  clubswitch check --cost            and the most that each rule can give away

Exit status: 0 no fault, 2 faults.")]
pub(super) struct Args {
    /// The configuration file; conf/clubswitch.toml where it is there, else the one built in
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Tell the most that each rule can give away, a purchase and a day
    #[arg(long)]
    cost: bool,
    #[command(flatten)]
    lang: Lang,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let mut faults = Vec::new();
    let config = match Config::find(args.config.as_deref()) {
        Ok(config) => config,
        Err(found) => {
            faults.extend(found.0);
            // The rules are checked all the same: those that would be used with nothing configured.
            Config::parse("built in", SHIPPED)?
        }
    };
    let dialects = spec::SHIPPED.len() + check_specs(&config, &mut faults);
    for listener in &config.listeners {
        let unfit = exchange::bind(&listener.dialect).err().unwrap_or_default();
        let place = || Place::file(format!("{}.toml", listener.dialect.name()));
        if listener.dialect.is_unverified() {
            let title = "this dialect is unverified: no official document stands behind it";
            faults.push(Fault::note("D11", place(), title));
        }
        faults.extend(unfit.iter().map(|fault| {
            let (table, key) = fault.key();
            let place = listener.dialect.place(table, key);
            Fault::error("D10", place, fault.to_string()).mend(fault.cure())
        }));
    }
    let rules = rules::load(&config, &Names::default());
    let clubs = rules
        .as_ref()
        .map_or(0, |loaded| loaded.rulebook.clubs.len());
    let costs = rules.as_ref().ok().filter(|_| args.cost).map(cost::of);
    faults.extend(match rules {
        Ok(loaded) => {
            let over = rulefile::over(&loaded, Clock::new(None, Moment(0)).now());
            loaded.notes.0.into_iter().chain(over.0).collect()
        }
        Err(found) => found.0,
    });
    let faults = Faults(faults);
    if faults.errors() > 0 {
        return Err(args.lang.failure(&faults));
    }
    if faults.notes() > 0 {
        anstream::eprintln!("{}", args.lang.drawn(&faults));
    }
    let name = |path: &Option<PathBuf>| match path {
        Some(path) => path.display().to_string(),
        None => "built in".to_owned(),
    };
    for listener in &config.listeners {
        let (dialect, framing) = (listener.dialect.name(), listener.framing.name());
        let link = format!("link {}: {dialect}, {framing}", listener.name);
        anstream::println!("{}", args.lang.say(&link));
    }
    let told = format!(
        "no fault: configuration ({}), {dialects} dialects, rules ({}) of {clubs} club{}",
        name(&config.file),
        name(&config.rules),
        if clubs == 1 { "" } else { "s" },
    );
    anstream::println!("{}", args.lang.say(&told));
    if let Some(costs) = &costs {
        anstream::print!("{}", cost::in_words(costs, args.lang.language()));
    }
    Ok(())
}

/// Loads every dialect of the operator's own; gives their number.
fn check_specs(config: &Config, faults: &mut Vec<Fault>) -> usize {
    let Some(folder) = config.specs.as_deref() else {
        return 0;
    };
    let names = match names_in(folder) {
        Ok(names) => names,
        Err(error) => {
            let title = format!("the folder of dialects cannot be read: {error}");
            let place = Place::file(folder.display().to_string());
            faults.push(Fault::error("D01", place, title));
            return 0;
        }
    };
    let mut count = 0;
    for name in names.iter().filter_map(|name| name.strip_suffix(".toml")) {
        count += usize::from(spec::shipped(name).is_none());
        if let Err(found) = spec::load(folder, name) {
            faults.extend(found.0);
        }
    }
    count
}
