//! What a dialect says about every field, as flat tables, loaded from `specs/*.toml`.
//!
//! Roles, outcomes and functions are kept as names here; the room `exchange` knows what they mean.

mod class;
mod dated;
mod draft;
mod field;
mod inside;
mod keys;
mod load;
mod mti;
mod path;
mod put;
mod wanted;

use std::collections::BTreeMap;

pub use class::{Class, all_bcd, all_digits, all_printable, all_track};
pub use dated::{Calendar, Dated};
pub use field::{Check, Counts, FieldSpec, Found, Length, Pad, Plan, Run, Secret, Shape};
pub use inside::{Inside, Label, Piece, Pieces, Policy};
pub use keys::BYTES_MAX;
pub use load::{SHIPPED, load, load_text, shipped};
pub use mti::Mti;
pub use path::{NoPath, Path, Pattern};
pub use put::Given;
pub use wanted::{Inner, Wanted};

use crate::source::Place;
use crate::wire::bitmap::BitmapForm;
use crate::wire::coding::Coding;
use crate::wire::framing::Framing;

/// The highest field number.
pub const FIELDS: usize = 192;

/// One dialect.
#[derive(Debug, Clone)]
pub struct Spec {
    name: String,
    title: String,
    unverified: bool,
    framing: Option<String>,
    mti: Coding,
    bitmap: BitmapForm,
    fields: Vec<Option<FieldSpec>>,
    plans: Box<[Plan; FIELDS + 1]>,
    unknown: Option<Unknown>,
    answers: BTreeMap<Mti, Mti>,
    net: Option<Net>,
    roles: BTreeMap<String, Path>,
    routing: Routing,
    outcomes: BTreeMap<String, String>,
    functions: Vec<Function>,
    meanings: BTreeMap<Path, Vec<(Pattern, String)>>,
    places: Places,
}

/// Where the file says what it says, for faults that only those see who know what it means.
#[derive(Clone)]
struct Places {
    whole: Place,
    /// By table and key.
    keys: BTreeMap<(&'static str, String), Place>,
}

/// Two dialects that say the same are the same wherever they say it.
impl std::fmt::Debug for Places {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Places")
    }
}

/// The fields that messages are routed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Routing {
    /// Their numbers, by [`Routing::PAN`] and its sisters; 0 where the dialect has none.
    pub fields: [u8; Routing::COUNT],
    /// The last of them.
    pub last: u8,
}

impl Routing {
    /// How many there are.
    pub const COUNT: usize = 5;
    /// The card number.
    pub const PAN: usize = 0;
    /// The trace number.
    pub const STAN: usize = 1;
    /// Track 2.
    pub const TRACK2: usize = 2;
    /// The retrieval reference number.
    pub const RRN: usize = 3;
    /// The terminal.
    pub const TERMINAL: usize = 4;
    /// Their roles, in that order.
    pub const ROLES: [&'static str; Routing::COUNT] = ["pan", "stan", "track2", "rrn", "terminal"];

    fn of(roles: &BTreeMap<String, Path>) -> Routing {
        let fields = Routing::ROLES.map(|role| match roles.get(role) {
            Some(path) if path.inside.is_empty() => path.field,
            _ => 0,
        });
        let last = fields.into_iter().max().unwrap_or(0);
        Routing { fields, last }
    }

    /// Which of them field `n` is; [`Routing::COUNT`] for none.
    #[inline]
    pub fn place(&self, n: usize) -> u8 {
        let mut place = Routing::COUNT as u8;
        for (at, field) in self.fields.iter().enumerate() {
            if usize::from(*field) == n {
                place = at as u8;
            }
        }
        place
    }
}

/// What becomes of fields that the dialect does not name, where they are not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// Skip or keep.
    pub policy: Policy,
    /// The one shape of them all.
    pub field: FieldSpec,
}

/// How the net amount of totals is reckoned from other fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Net {
    /// Fields, each with whether it is taken away.
    pub terms: Vec<(bool, usize)>,
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

    /// Where the file, or one that it extends, names a role or an outcome (`roles`, `outcomes`); the begin
    /// of the file where none does.
    pub fn place(&self, table: &'static str, key: &str) -> Place {
        let found = self.places.keys.get(&(table, key.to_owned()));
        found.unwrap_or(&self.places.whole).clone()
    }

    /// What it is, in a line.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Whether it was made without an official document to hold it against.
    pub fn is_unverified(&self) -> bool {
        self.unverified
    }

    /// The framing that the dialect names.
    pub fn framing(&self) -> Option<&str> {
        self.framing.as_deref()
    }

    /// The framing of a link that names none: the dialect's, else `len2-be`.
    pub fn usual_framing(&self) -> Framing {
        self.framing().and_then(Framing::named).unwrap_or_default()
    }

    /// The coding of the message type.
    pub fn mti_coding(&self) -> Coding {
        self.mti
    }

    /// The form of the bitmap.
    pub fn bitmap(&self) -> BitmapForm {
        self.bitmap
    }

    /// A field; of one that the dialect does not name, the shape of such, where it has one.
    pub fn field(&self, n: usize) -> Option<&FieldSpec> {
        let named = self.fields.get(n)?.as_ref();
        // A field for which the bitmap has no bit has no plan either.
        let unknown = self.unknown.as_ref();
        let unknown = unknown.filter(|_| self.plan(n).shape != Shape::Unknown);
        named.or(unknown.map(|unknown| &unknown.field))
    }

    /// What becomes of a field; `None` for one that the dialect names.
    pub fn unknown(&self, n: usize) -> Option<Policy> {
        match (self.fields.get(n), &self.unknown) {
            (Some(Some(_)), _) => None,
            (_, Some(unknown)) => Some(unknown.policy),
            (_, None) => Some(Policy::Reject),
        }
    }

    /// What becomes of the fields that the dialect does not name, where they are not refused.
    pub fn unknown_fields(&self) -> Option<&Unknown> {
        self.unknown.as_ref()
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

    /// The fields that messages are routed by.
    #[inline]
    pub fn routing(&self) -> &Routing {
        &self.routing
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

    /// The type of the answer to a message: function digit + 1, or as the dialect says.
    pub fn answer_type(&self, mti: Mti) -> Mti {
        let known = self.answers.get(&mti.first());
        known.copied().unwrap_or_else(|| mti.response())
    }

    /// How the net amount of totals is reckoned.
    pub fn net(&self) -> Option<&Net> {
        self.net.as_ref()
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
        Some(&self.at(path)?.name)
    }

    /// What the dialect says of a field, tag or part.
    pub fn at(&self, path: &Path) -> Option<&FieldSpec> {
        let mut field = self.fields.get(usize::from(path.field))?.as_ref()?;
        for below in &path.inside {
            field = field.inside.spec(below)?;
        }
        Some(field)
    }
}

impl Net {
    /// What the fields come to; `None` where one of them is no number.
    pub fn of(&self, mut value: impl FnMut(usize) -> Option<u64>) -> Option<i128> {
        self.terms.iter().try_fold(0_i128, |sum, (minus, n)| {
            let value = i128::from(value(*n)?);
            Some(if *minus { sum - value } else { sum + value })
        })
    }
}

/// `86 - 87 - 88 + 89`.
impl std::fmt::Display for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, (minus, n)) in self.terms.iter().enumerate() {
            match (at, minus) {
                (0, false) => write!(f, "{n}")?,
                (0, true) => write!(f, "-{n}")?,
                (_, false) => write!(f, " + {n}")?,
                (_, true) => write!(f, " - {n}")?,
            }
        }
        Ok(())
    }
}
