//! What a dialect means to the book: its roles, outcomes and functions looked up once, by name.

use thiserror::Error;

use crate::ledger::{Function, Verdict};
use crate::message::Message;
use crate::spec::{Inside, Length, Path, Spec};
use crate::wire::tlv::TlvForm;

use super::read::Network;

/// A dialect that the switch can speak.
#[derive(Debug, Clone)]
pub struct Dialect {
    pub(super) spec: Spec,
    pub(super) at: Fields,
    pub(super) tags: Tags,
    /// The shape of the tagged values of the private field.
    pub(super) form: TlvForm,
    /// Most bytes of the private field.
    pub(super) private_bytes_max: usize,
    /// Response codes, by the number of the verdict.
    codes: Vec<String>,
    /// What each function of the dialect means, in its order.
    meanings: Vec<Meaning>,
}

/// What a function of a dialect means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A request to the book.
    Book(Function),
    /// Said between the two ends of a link.
    Network(Network),
    /// Known to the dialect, and to nobody here.
    NotBuilt,
    /// It lacks the field that tells what it asks.
    Lacks(usize),
}

/// Something that a dialect lacks.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BindFault {
    /// A role is not named.
    #[error("dialect {dialect}: no field has the role {role}")]
    NoRole {
        /// The dialect.
        dialect: String,
        /// The role.
        role: &'static str,
    },
    /// A role stands where it cannot be used.
    #[error("dialect {dialect}: the role {role} is at {at}; {wanted} wanted")]
    Misplaced {
        /// The dialect.
        dialect: String,
        /// The role.
        role: &'static str,
        /// Where it stands.
        at: Path,
        /// Where it should.
        wanted: &'static str,
    },
    /// An outcome has no response code, or one that does not fit the field.
    #[error("dialect {dialect}: no response code of {wanted} characters for the outcome {outcome}")]
    NoOutcome {
        /// The dialect.
        dialect: String,
        /// The outcome.
        outcome: &'static str,
        /// How long codes are.
        wanted: usize,
    },
    /// A function cannot be asked for.
    #[error("dialect {dialect}: no message asks for the function {function}")]
    NoFunction {
        /// The dialect.
        dialect: String,
        /// The function.
        function: &'static str,
    },
}

macro_rules! roles {
    ($(#[$doc:meta])* $name:ident of $kind:ty { $($(#[$role_doc:meta])* $field:ident = $role:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub(super) struct $name {
            $($(#[$role_doc])* pub(super) $field: $kind,)*
        }

        impl $name {
            fn find(mut find: impl FnMut(&'static str) -> Option<$kind>) -> Option<$name> {
                // Every role is looked for, so that all that are missing are told at once.
                $(let $field = find($role);)*
                Some($name { $($field: $field?,)* })
            }
        }
    };
}

roles! {
    /// The fields that roles stand in.
    Fields of usize {
        pan = "pan",
        processing = "processing",
        amount = "amount",
        transmitted = "transmitted",
        stan = "stan",
        time = "time",
        date = "date",
        mcc = "mcc",
        acquirer = "acquirer",
        track2 = "track2",
        rrn = "rrn",
        approval = "approval",
        outcome = "outcome",
        terminal = "terminal",
        acceptor = "acceptor",
        text = "text",
        private = "private",
        currency = "currency",
        balances = "balances",
        network = "network",
        original = "original",
        replacement = "replacement",
    }
}

roles! {
    /// The tags of the private field that roles stand in.
    Tags of String {
        member = "member",
        mobile = "mobile",
        national_code = "national-code",
        birth_date = "birth-date",
        introducer = "introducer",
        club = "club",
        enrolled_by = "enrolled-by",
        purse_asked = "purse-asked",
        rials_asked = "rials-asked",
        bill = "bill",
        rules_fired = "rules-fired",
        left_to_pay = "left-to-pay",
        earned = "earned",
        discount = "discount",
        fee = "fee",
        more_balances = "more-balances",
        split = "split",
        redeemed = "redeemed",
        receipt = "receipt",
        field_at_fault = "field-at-fault",
    }
}

/// Looks up all that the switch needs of a dialect.
///
/// # Errors
/// Everything that the dialect lacks.
pub fn bind(spec: &Spec) -> Result<Dialect, Vec<BindFault>> {
    let mut faults = Vec::new();
    let at = Fields::find(|role| field(spec, role, &mut faults));
    let private = spec.role("private").map_or(0, |path| path.field);
    let tags = Tags::find(|role| tag(spec, role, private, &mut faults));
    let codes = codes(spec, &mut faults);
    let meanings = meanings(spec, &mut faults);
    let form = match spec.field(usize::from(private)).map(|field| &field.inside) {
        Some(Inside::Tlv { form, .. }) => Some(*form),
        Some(_) => {
            faults.push(BindFault::Misplaced {
                dialect: spec.name().to_owned(),
                role: "private",
                at: Path::field(usize::from(private)),
                wanted: "a field with tags inside",
            });
            None
        }
        None => None,
    };
    match (at, tags, form) {
        (Some(at), Some(tags), Some(form)) if faults.is_empty() => Ok(Dialect {
            private_bytes_max: longest(spec, at.private),
            spec: spec.clone(),
            at,
            tags,
            form,
            codes,
            meanings,
        }),
        _ => Err(faults),
    }
}

impl Dialect {
    /// What it says about every field.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.spec.name()
    }

    /// The response code of a verdict.
    pub fn code(&self, verdict: Verdict) -> &str {
        &self.codes[verdict as usize]
    }

    /// The verdict of a response code; none for one that this switch never gives.
    pub fn verdict(&self, code: &str) -> Option<Verdict> {
        let place = self.codes.iter().position(|known| known == code)?;
        Verdict::ALL.get(place).map(|(verdict, _)| *verdict)
    }

    /// What a message asks for, by the first function of the dialect that fits.
    pub(super) fn meaning(&self, message: &Message) -> Meaning {
        let mti = message.mti().first();
        let mut meaning = Meaning::NotBuilt;
        for (function, meant) in self.spec.functions().iter().zip(&self.meanings) {
            if !function.mti.contains(&mti) {
                continue;
            }
            let misfit = function.when.iter().find(|(path, pattern)| {
                let value = message.at(&self.spec, path);
                !value.is_some_and(|value| pattern.fits(value.as_bytes()))
            });
            match misfit {
                None => return *meant,
                Some((path, _)) if !message.has(usize::from(path.field)) => {
                    meaning = Meaning::Lacks(usize::from(path.field));
                }
                Some(_) => {}
            }
        }
        meaning
    }
}

fn path<'s>(spec: &'s Spec, role: &'static str, faults: &mut Vec<BindFault>) -> Option<&'s Path> {
    let path = spec.role(role);
    if path.is_none() {
        let dialect = spec.name().to_owned();
        faults.push(BindFault::NoRole { dialect, role });
    }
    path
}

fn misplaced(spec: &Spec, role: &'static str, at: &Path, wanted: &'static str) -> BindFault {
    BindFault::Misplaced {
        dialect: spec.name().to_owned(),
        role,
        at: at.clone(),
        wanted,
    }
}

fn field(spec: &Spec, role: &'static str, faults: &mut Vec<BindFault>) -> Option<usize> {
    let at = path(spec, role, faults)?;
    if at.tag().is_some() || spec.field(usize::from(at.field)).is_none() {
        faults.push(misplaced(spec, role, at, "a whole field of the dialect"));
        return None;
    }
    Some(usize::from(at.field))
}

fn tag(
    spec: &Spec,
    role: &'static str,
    private: u8,
    faults: &mut Vec<BindFault>,
) -> Option<String> {
    let at = path(spec, role, faults)?;
    match at.tag() {
        Some(tag) if at.field == private => Some(tag.to_owned()),
        _ => {
            faults.push(misplaced(spec, role, at, "a tag of the private field"));
            None
        }
    }
}

fn codes(spec: &Spec, faults: &mut Vec<BindFault>) -> Vec<String> {
    let outcome = spec.role("outcome").map_or(0, |path| path.field);
    let wanted = longest(spec, usize::from(outcome));
    let mut code = |outcome: &'static str| {
        let code = spec.outcome_code(outcome).unwrap_or("");
        if code.len() != wanted || !code.bytes().all(|b| b.is_ascii_alphanumeric()) {
            faults.push(BindFault::NoOutcome {
                dialect: spec.name().to_owned(),
                outcome,
                wanted,
            });
        }
        code.to_owned()
    };
    Verdict::ALL.iter().map(|(_, name)| code(name)).collect()
}

fn meanings(spec: &Spec, faults: &mut Vec<BindFault>) -> Vec<Meaning> {
    let meanings: Vec<Meaning> = spec
        .functions()
        .iter()
        .map(|function| meaning_of(&function.name))
        .collect();
    let book = Function::ALL.map(|(function, name)| (Meaning::Book(function), name));
    let network = Network::ALL.map(|(network, name)| (Meaning::Network(network), name));
    for (meaning, function) in book.into_iter().chain(network) {
        if !meanings.contains(&meaning) {
            let dialect = spec.name().to_owned();
            faults.push(BindFault::NoFunction { dialect, function });
        }
    }
    meanings
}

fn meaning_of(name: &str) -> Meaning {
    // An advice is a purchase that has happened; its message type says so.
    if name == "advice" {
        return Meaning::Book(Function::Purchase);
    }
    let book = Function::ALL.iter().find(|(_, known)| *known == name);
    let network = Network::ALL.iter().find(|(_, known)| *known == name);
    match (book, network) {
        (Some((function, _)), _) => Meaning::Book(*function),
        (_, Some((network, _))) => Meaning::Network(*network),
        _ => Meaning::NotBuilt,
    }
}

/// Most units of a field.
fn longest(spec: &Spec, n: usize) -> usize {
    match spec.field(n).map(|field| field.length) {
        Some(Length::Fixed(units)) => units,
        Some(Length::Var { max, .. }) => max,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{SHIPPED, load_text, shipped};

    #[test]
    fn every_shipped_dialect_of_a_link_is_bound() {
        for (name, _) in SHIPPED {
            let spec = shipped(name).unwrap();
            // A dialect of files, without functions, is for describing only.
            if spec.functions().is_empty() {
                continue;
            }
            let dialect = bind(&spec).unwrap();
            for (verdict, _) in Verdict::ALL {
                assert!(!dialect.code(verdict).is_empty(), "{name} {verdict:?}");
            }
        }
    }

    /// The faults of the default dialect after something in its text was put in place of something else.
    fn check(from: &str, to: &str, wanted: &[&str]) {
        let (_, text) = SHIPPED.iter().find(|(n, _)| *n == "iso87-ascii").unwrap();
        assert!(text.contains(from), "{from}");
        let spec = load_text("broken", &text.replace(from, to)).unwrap();
        let faults = bind(&spec).err().unwrap();
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(faults, wanted);
    }

    #[test]
    fn a_dialect_that_lacks_something_is_refused_by_its_name() {
        let role = "dialect broken: no field has the role";
        check("\nstan          = \"11\"", "", &[&format!("{role} stan")]);
        check(
            "\nreceipt       = \"48.90\"",
            "",
            &[&format!("{role} receipt")],
        );
        check(
            "discount      = \"48.74\"",
            "discount      = \"44\"",
            &["dialect broken: the role discount is at 44; a tag of the private field wanted"],
        );
        check(
            "name = \"enrol\"",
            "name = \"welcome\"",
            &["dialect broken: no message asks for the function enrol"],
        );
        check(
            "\nnot-enough           = \"51\"",
            "",
            &["dialect broken: no response code of 2 characters for the outcome not-enough"],
        );
    }
}
