//! What people read, in English and Persian: numbers, outcomes, receipts, the sentences of faults.

pub mod difference;
pub mod explain;
pub mod number;
pub mod outcome;
pub mod phrases;
pub mod receipt;
pub mod sets;

pub use receipt::Slip;

/// The languages of the house.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Language {
    /// ASCII, for the wire and for terminals without a font.
    #[default]
    English,
    /// With Persian digits and signs.
    Persian,
}

impl Language {
    /// Every language with its name on the command line.
    pub const ALL: [(Language, &'static str); 2] =
        [(Language::English, "en"), (Language::Persian, "fa")];

    /// The language of a name.
    pub fn named(name: &str) -> Option<Language> {
        let found = Language::ALL.iter().find(|(_, known)| *known == name)?;
        Some(found.0)
    }
}
