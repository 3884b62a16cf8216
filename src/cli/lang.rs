//! The language that a command answers in: `--lang`, else what the terminal is set to.

use std::env;
use std::sync::OnceLock;

use crate::cli::Failure;
use crate::rulefile;
use crate::source::{ENGLISH, Fault, Faults, PERSIAN};
use crate::words::Language;
use crate::words::phrases::Phrasebook;

/// `--lang`, for every command that tells people something.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Lang {
    /// The language of the answer; left out, Persian where LC_ALL, LC_MESSAGES or LANG begins with fa
    #[arg(long, value_name = "en|fa", value_parser = language)]
    lang: Option<Language>,
}

fn language(name: &str) -> Result<Language, String> {
    Language::named(name).ok_or_else(|| "en or fa wanted".to_owned())
}

impl Lang {
    /// The language asked for, else that of the terminal, as `setlocale` finds it.
    pub(super) fn language(self) -> Language {
        self.lang.unwrap_or_else(|| {
            let names = ["LC_ALL", "LC_MESSAGES", "LANG"];
            let set = names.iter().filter_map(|name| env::var(name).ok());
            match set.into_iter().find(|value| !value.is_empty()) {
                Some(value) if value.starts_with("fa") => Language::Persian,
                _ => Language::English,
            }
        })
    }

    /// A fault in this language; where there are no words for a sentence, it stays English.
    pub(super) fn fault(self, fault: &Fault) -> Fault {
        match self.language() {
            Language::English => fault.clone(),
            Language::Persian => fault.told(|text| phrasebook().persian(text)),
        }
    }

    /// Faults with their lines and carets, in this language and in colour.
    pub(super) fn drawn(self, faults: &Faults) -> String {
        let told = Faults(faults.0.iter().map(|fault| self.fault(fault)).collect());
        match self.language() {
            Language::English => told.drawn_in(&ENGLISH, true),
            Language::Persian => told.drawn_in(&PERSIAN, true),
        }
    }

    /// The end of a command that found errors: their drawing and their number.
    pub(super) fn failure(self, faults: &Faults) -> Failure {
        let count = match (self.language(), faults.errors()) {
            (Language::English, 1) => "1 fault".to_owned(),
            (Language::English, count) => format!("{count} faults"),
            (Language::Persian, count) => format!("\u{2067}{count} خطا\u{2069}"),
        };
        Failure::Drawn(format!("{}\n{count}", self.drawn(faults)))
    }

    /// A sentence in this language.
    pub(super) fn say(self, english: &str) -> String {
        match self.language() {
            Language::English => english.to_owned(),
            Language::Persian => phrasebook().persian(english).map_or_else(
                || english.to_owned(),
                |said| format!("\u{2067}{said}\u{2069}"),
            ),
        }
    }
}

fn phrasebook() -> &'static Phrasebook {
    static BOOK: OnceLock<Phrasebook> = OnceLock::new();
    BOOK.get_or_init(rulefile::phrasebook)
}
