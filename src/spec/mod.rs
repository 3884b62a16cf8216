//! What a dialect says about every field, as flat tables, loaded from `specs/*.toml`.
//!
//! Roles, outcomes and functions are kept as names here; the room `exchange` knows what they mean.

mod class;
mod field;
mod load;
mod mti;
mod path;

use std::collections::BTreeMap;

pub use class::{Class, all_digits, all_printable};
pub use field::{
    Check, Counts, FieldSpec, Inner, InnerWanted, Inside, Length, Pad, Part, Plan, Secret, Shape,
    TagSpec,
};
pub use load::{SHIPPED, load, load_text, shipped};
pub use mti::Mti;
pub use path::{NoPath, Path, Pattern};

use crate::wire::bitmap::BitmapForm;
use crate::wire::coding::Coding;

/// The highest field number.
pub const FIELDS: usize = 192;

/// One dialect.
#[derive(Debug, Clone)]
pub struct Spec {
    name: String,
    title: String,
    unverified: bool,
    mti: Coding,
    bitmap: BitmapForm,
    fields: Vec<Option<FieldSpec>>,
    plans: Vec<Plan>,
    roles: BTreeMap<String, Path>,
    outcomes: BTreeMap<String, String>,
    functions: Vec<Function>,
    meanings: BTreeMap<Path, Vec<(Pattern, String)>>,
}

/// What a message asks for, told from its type and some of its fields. The room `exchange` gives
/// the name its meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Such as `purchase`; several rows may share a name.
    pub name: String,
    /// Types that it comes with; repeats count as their originals.
    pub mti: Vec<Mti>,
    /// What must stand where.
    pub when: Vec<(Path, Pattern)>,
}

impl Spec {
    /// Its name: that of its file without `.toml`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is, in a line.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Whether it was made without an official document to hold it against.
    pub fn is_unverified(&self) -> bool {
        self.unverified
    }

    /// The coding of the message type.
    pub fn mti_coding(&self) -> Coding {
        self.mti
    }

    /// The form of the bitmap.
    pub fn bitmap(&self) -> BitmapForm {
        self.bitmap
    }

    /// A field, where the dialect has it.
    pub fn field(&self, n: usize) -> Option<&FieldSpec> {
        self.fields.get(n)?.as_ref()
    }

    /// All fields of the dialect with their numbers.
    pub fn fields(&self) -> impl Iterator<Item = (usize, &FieldSpec)> {
        let numbered = self.fields.iter().enumerate();
        numbered.filter_map(|(n, field)| Some((n, field.as_ref()?)))
    }

    /// How to walk over a field; [`Shape::Unknown`] for one the dialect does not have.
    #[inline]
    pub fn plan(&self, n: usize) -> Plan {
        self.plans.get(n).copied().unwrap_or(Plan::UNKNOWN)
    }

    /// Where a role stands: `amount` is at 4, `member` at 48.10.
    pub fn role(&self, name: &str) -> Option<&Path> {
        self.roles.get(name)
    }

    /// All roles with their places.
    pub fn roles(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.roles.iter().map(|(name, path)| (name.as_str(), path))
    }

    /// The code of an outcome: `not-enough` is 51.
    pub fn outcome_code(&self, name: &str) -> Option<&str> {
        self.outcomes.get(name).map(String::as_str)
    }

    /// All outcomes with their codes.
    pub fn outcomes(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.outcomes.iter();
        all.map(|(name, code)| (name.as_str(), code.as_str()))
    }

    /// The functions, in the order in which they are tried.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// What a value of a field means, in words.
    pub fn meaning(&self, path: &Path, value: &[u8]) -> Option<&str> {
        let rows = self.meanings.get(path)?;
        let row = rows.iter().find(|(pattern, _)| pattern.fits(value))?;
        Some(&row.1)
    }

    /// The name of a field, tag or part.
    pub fn name_of(&self, path: &Path) -> Option<&str> {
        match path.field {
            0 => return Some("message type"),
            1 => return Some("bitmap"),
            _ => {}
        }
        let field = self.field(usize::from(path.field))?;
        match (path.tag(), &field.inside) {
            (None, _) => Some(&field.name),
            (Some(tag), Inside::Tlv { tags, .. }) => tags.get(tag).map(|t| t.name.as_str()),
            (Some(part), Inside::Parts { parts, .. }) => {
                let at: usize = part.parse().ok()?;
                Some(&parts.get(at.checked_sub(1)?)?.name)
            }
            (Some(_), Inside::Nothing) => None,
        }
    }
}
