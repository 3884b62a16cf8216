//! The rule files that the configuration names, or those built in, made ready to be put in force.

use crate::config::Config;
use crate::ledger::Names;
use crate::rulefile::{self, Loaded};
use crate::source::Faults;

/// The rule files that come with the program: their names and texts.
pub const SHIPPED: [(&str, &str); 2] = [
    (
        "world/shared.toml",
        include_str!("../../conf/rules/world/shared.toml"),
    ),
    (
        "clubs/golestan.toml",
        include_str!("../../conf/rules/clubs/golestan.toml"),
    ),
];

/// Compiles the rules that the configuration names, against the names that the book knows.
///
/// # Errors
/// Every fault of every file.
pub fn load(config: &Config, names: &Names) -> Result<Loaded, Faults> {
    match &config.rules {
        Some(folder) => rulefile::load(folder, names),
        None => rulefile::compile(&SHIPPED, names),
    }
}
