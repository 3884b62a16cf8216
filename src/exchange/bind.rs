//! What a dialect means to the book: its roles, outcomes and functions looked up once, by name.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::ledger::{Function, Verdict};
use crate::message::{Message, Mti};
use crate::spec::{Calendar, FieldSpec, Function as FunctionRow, Inside, Length, Path, Spec};
use crate::wire::tlv::TlvForm;

use super::read::Network;

/// A dialect that the switch can speak.
#[derive(Debug, Clone)]
pub struct Dialect {
    pub(super) spec: Spec,
    pub(super) at: Fields,
    /// The fields that not every version of the standard has.
    pub(super) also: Also,
    pub(super) tags: Tags,
    /// The tags that not every dialect has.
    pub(super) more: MoreTags,
    /// How a reversal tells its original.
    pub(super) original: OriginalForm,
    /// The shape of the tagged values of the private field.
    pub(super) form: TlvForm,
    /// Most bytes of the private field.
    pub(super) private_bytes_max: usize,
    /// Response codes, by message class and the number of the verdict. Class 0: where a class has no code of its own.
    codes: [Vec<String>; CLASSES.len() + 1],
    /// What each function of the dialect means, in its order.
    meanings: Vec<Meaning>,
    /// The functions that come with each type of message, in their order.
    by_type: BTreeMap<Mti, Vec<usize>>,
}

/// What a function of a dialect means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A request to the book.
    Book(Function),
    /// A reversal of a part of its original.
    PartialReversal,
    /// Said between the two ends of a link.
    Network(Network),
    /// Known to the dialect, and to nobody here.
    NotBuilt,
    /// It lacks the field that tells what it asks.
    Lacks(usize),
}

/// How a reversal tells its original, by the length of the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OriginalForm {
    /// 42 digits (1987, DE90): type 4, trace number 6, DE7 10, acquirer 11, forwarder 11.
    Transmitted,
    /// Up to 35 digits (1993, DE56): type 4, trace number 6, local date and time 12, acquirer LL..11.
    Local,
}

/// The message classes, from 1, as they stand behind an outcome: `approved-reversal`.
pub(super) const CLASSES: [&str; 8] = [
    "authorisation",
    "financial",
    "file-action",
    "reversal",
    "reconciliation",
    "administrative",
    "fee-collection",
    "network",
];

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
    /// A code is given for something that is no outcome.
    #[error("dialect {dialect}: \"{outcome}\" is not an outcome, nor one of a message class")]
    UnknownOutcome {
        /// The dialect.
        dialect: String,
        /// What it names.
        outcome: String,
    },
    /// Something is named that is no role.
    #[error("dialect {dialect}: \"{role}\" is not a role")]
    UnknownRole {
        /// The dialect.
        dialect: String,
        /// What it names.
        role: String,
    },
    /// A time that the switch reckons with is told in a calendar whose year it would have to guess.
    #[error(
        "dialect {dialect}: the role {role} is at {at}, a Jalali date; the switch reads Gregorian dates there: say calendar = \"gregorian\" for that field"
    )]
    Jalali {
        /// The dialect.
        dialect: String,
        /// The role.
        role: &'static str,
        /// Where it stands.
        at: Path,
    },
    /// It is for files and captures.
    #[error(
        "dialect {dialect}: it has no functions, so it is for describing messages, not for a link"
    )]
    ForDescribing {
        /// The dialect.
        dialect: String,
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

impl BindFault {
    /// The table and the key of the dialect file that are wrong, or missing.
    pub fn key(&self) -> (&'static str, &str) {
        match self {
            BindFault::NoRole { role, .. }
            | BindFault::Misplaced { role, .. }
            | BindFault::Jalali { role, .. } => ("roles", role),
            BindFault::UnknownRole { role, .. } => ("roles", role),
            BindFault::NoOutcome { outcome, .. } => ("outcomes", outcome),
            BindFault::UnknownOutcome { outcome, .. } => ("outcomes", outcome),
            BindFault::ForDescribing { .. } => ("function", ""),
            BindFault::NoFunction { function, .. } => ("function", function),
        }
    }

    /// What to write.
    pub fn cure(&self) -> &'static str {
        match self {
            BindFault::NoRole { .. } => "name its field in [roles]",
            BindFault::Misplaced { .. } => "name such a place in [roles]",
            BindFault::Jalali { .. } => "give the field a calendar of its own",
            BindFault::NoOutcome { .. } => "add its code to [outcomes]",
            BindFault::UnknownRole { .. } | BindFault::UnknownOutcome { .. } => {
                "spell it as the default dialect does"
            }
            BindFault::ForDescribing { .. } => "extend a dialect that has functions",
            BindFault::NoFunction { .. } => {
                "add a [[function]] of this name; the list replaces the whole of an extended one"
            }
        }
    }
}

macro_rules! roles {
    ($(#[$doc:meta])* $name:ident of $kind:ty { $($(#[$role_doc:meta])* $field:ident = $role:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub(super) struct $name {
            $($(#[$role_doc])* pub(super) $field: $kind,)*
        }

        impl $name {
            /// The names of these roles.
            const NAMES: &[&str] = &[$($role,)*];

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
    }
}

roles! {
    /// The fields of roles that not every version of the standard has.
    Also of Option<usize> {
        /// None: the time tells the date too, as YYMMDDhhmmss.
        date = "date",
        /// None: the message tells by its function that it is about a part.
        replacement = "replacement",
        /// How the card was read; none: it is not told.
        entry = "entry-mode",
        /// The account that a transfer takes from; none: it is of whoever asks.
        from = "account-from",
        /// The account that a load or a transfer puts into; none: a tag may tell it.
        to = "account-to",
    }
}

roles! {
    /// The tags that not every dialect has.
    MoreTags of Option<String> {
        /// Whom a load or a transfer is for.
        target = "target",
        /// The number of a voucher.
        voucher = "voucher",
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
        lines = "lines",
        staff = "staff",
        service = "service",
        rules_fired = "rules-fired",
        left_to_pay = "left-to-pay",
        earned = "earned",
        discount = "discount",
        fee = "fee",
        more_balances = "more-balances",
        split = "split",
        redeemed = "redeemed",
        receipt = "receipt",
        chances = "chances",
        field_at_fault = "field-at-fault",
    }
}

/// Roles that the switch asks nothing of yet, and that describe or later work may.
const OTHER_ROLES: [&str; 12] = [
    "expiry",
    "track1",
    "pin",
    "emv",
    "settlement",
    "net",
    "original-amounts",
    "function-code",
    "category",
    "offer",
    "statement",
    "queue",
];

fn unknown_roles(spec: &Spec, faults: &mut Vec<BindFault>) {
    let known = [
        Fields::NAMES,
        Also::NAMES,
        Tags::NAMES,
        MoreTags::NAMES,
        &OTHER_ROLES,
    ]
    .concat();
    for (role, _) in spec.roles().filter(|(role, _)| !known.contains(role)) {
        faults.push(BindFault::UnknownRole {
            dialect: spec.name().to_owned(),
            role: role.to_owned(),
        });
    }
}

/// Looks up all that the switch needs of a dialect.
///
/// # Errors
/// Everything that the dialect lacks.
pub fn bind(spec: &Spec) -> Result<Dialect, Vec<BindFault>> {
    let mut faults = Vec::new();
    if spec.functions().is_empty() {
        let dialect = spec.name().to_owned();
        return Err(vec![BindFault::ForDescribing { dialect }]);
    }
    gregorian(spec, &mut faults);
    unknown_roles(spec, &mut faults);
    let at = Fields::find(|role| field(spec, role, &mut faults));
    let also = Also::find(|role| match spec.role(role) {
        Some(_) => field(spec, role, &mut faults).map(Some),
        None => Some(None),
    });
    let private = spec.role("private").map_or(0, |path| path.field);
    let tags = Tags::find(|role| tag(spec, role, private, &mut faults));
    let more = MoreTags::find(|role| match spec.role(role) {
        Some(_) => tag(spec, role, private, &mut faults).map(Some),
        None => Some(None),
    });
    let codes = codes(spec, &mut faults);
    let meanings = meanings(spec, &mut faults);
    let inside = spec.field(usize::from(private)).map(|field| &field.inside);
    let form = inside.and_then(|inside| {
        let form = tagged(inside);
        if form.is_none() {
            faults.push(BindFault::Misplaced {
                dialect: spec.name().to_owned(),
                role: "private",
                at: Path::field(usize::from(private)),
                wanted: "a field with tags inside, and before them only what can be left blank",
            });
        }
        form
    });
    if let (Some(at), Some(also)) = (&at, &also) {
        time_and_date(spec, at.time, also.date, &mut faults);
    }
    let original = at
        .as_ref()
        .and_then(|at| original_form(spec, at.original, &mut faults));
    match (at, also, tags.zip(more), form, original) {
        (Some(at), Some(also), Some((tags, more)), Some((form, before)), Some(original))
            if faults.is_empty() =>
        {
            Ok(Dialect {
                private_bytes_max: longest(spec, at.private).saturating_sub(before),
                spec: spec.clone(),
                at,
                also,
                tags,
                more,
                original,
                form,
                codes,
                meanings,
                by_type: by_type(spec),
            })
        }
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

    /// The response code of a verdict on a message of a class.
    pub fn code(&self, class: u8, verdict: Verdict) -> &str {
        &self.codes_of(class)[verdict as usize]
    }

    /// The verdicts that a response code of a message class may stand for; none for one that this switch never gives.
    pub fn verdicts(&self, class: u8, code: &str) -> impl Iterator<Item = Verdict> {
        let codes = self.codes_of(class).iter();
        let all = Verdict::ALL.iter().zip(codes);
        all.filter(move |(_, known)| *known == code)
            .map(|((verdict, _), _)| *verdict)
    }

    fn codes_of(&self, class: u8) -> &[String] {
        self.codes.get(usize::from(class)).unwrap_or(&self.codes[0])
    }

    /// Whether a function can be asked for.
    pub fn says(&self, function: &str) -> bool {
        self.spec.functions().iter().any(|row| row.name == function)
    }

    /// The message type that a function is asked with.
    pub fn mti(&self, function: &str) -> Mti {
        let row = self.row(function);
        row.mti.first().copied().unwrap_or_default()
    }

    /// How a function is said: the first row of its name. An advice without a row is said as a purchase.
    pub(super) fn row(&self, function: &str) -> &FunctionRow {
        let rows = self.spec.functions();
        let named = |name: &str| rows.iter().find(|row| row.name == name);
        named(function)
            .or_else(|| named("purchase"))
            .expect("a dialect is bound only with a row for each function")
    }

    /// What a message asks for, by the first function of the dialect that fits.
    pub(super) fn meaning(&self, message: &Message) -> Meaning {
        let mti = message.mti().first();
        let mut meaning = Meaning::NotBuilt;
        for row in self.by_type.get(&mti).into_iter().flatten() {
            let (function, meant) = (&self.spec.functions()[*row], self.meanings[*row]);
            let mut misfits = function
                .when
                .iter()
                .filter(|(path, pattern)| !message.fits(&self.spec, path, pattern));
            let Some((missing, _)) = misfits.next() else {
                return meant;
            };
            let lacks = |path: &Path| !message.has(usize::from(path.field));
            if lacks(missing) && misfits.all(|(path, _)| lacks(path)) {
                meaning = Meaning::Lacks(usize::from(missing.field));
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

/// Times are kept, compared and echoed as they stand; without a year a Jalali day cannot be told as one of ours.
fn gregorian(spec: &Spec, faults: &mut Vec<BindFault>) {
    for role in ["transmitted", "time", "date", "original"] {
        let Some(at) = spec.role(role) else { continue };
        let is_jalali = |field: &FieldSpec| {
            let dated = field.dated.as_ref();
            dated.is_some_and(|dated| dated.calendar == Calendar::Jalali && dated.has_day())
        };
        let Some(field) = spec.at(at) else { continue };
        if is_jalali(field) || field.inside.specs().iter().any(|(_, part)| is_jalali(part)) {
            faults.push(BindFault::Jalali {
                dialect: spec.name().to_owned(),
                role,
                at: at.clone(),
            });
        }
    }
}

/// The date stands in a field of its own, or in front of the time.
fn time_and_date(spec: &Spec, time: usize, date: Option<usize>, faults: &mut Vec<BindFault>) {
    match (spec.field(time).map(|field| field.length), date) {
        (Some(Length::Fixed(6)), Some(_)) | (Some(Length::Fixed(12)), _) => {}
        (Some(Length::Fixed(6)), None) => {
            let dialect = spec.name().to_owned();
            let role = "date";
            faults.push(BindFault::NoRole { dialect, role });
        }
        _ => {
            let wanted = "a field of 6 digits, or of 12 with the date";
            faults.push(misplaced(spec, "time", &Path::field(time), wanted));
        }
    }
}

fn original_form(spec: &Spec, n: usize, faults: &mut Vec<BindFault>) -> Option<OriginalForm> {
    match spec.field(n)?.length {
        Length::Fixed(42) => Some(OriginalForm::Transmitted),
        Length::Var { max: 35.., .. } => Some(OriginalForm::Local),
        _ => {
            let wanted = "a field of 42 digits, or of up to 35";
            faults.push(misplaced(spec, "original", &Path::field(n), wanted));
            None
        }
    }
}

/// The shape of tagged values, and how many bytes stand before them where those are left blank.
fn tagged(inside: &Inside) -> Option<(TlvForm, usize)> {
    match inside {
        Inside::Tlv { form, .. } => Some((*form, 0)),
        Inside::Prefixed { parts, rest } => {
            let mut blank = Vec::new();
            let all = parts
                .iter()
                .all(|part| part.put_text(b"", &mut blank).is_ok());
            let (form, before) = tagged(rest).filter(|_| all)?;
            Some((form, blank.len() + before))
        }
        _ => None,
    }
}

fn codes(spec: &Spec, faults: &mut Vec<BindFault>) -> [Vec<String>; CLASSES.len() + 1] {
    let at = spec.role("outcome").map_or(0, |path| path.field);
    let wanted = longest(spec, usize::from(at));
    let mut code = |outcome: &'static str, code: &str| {
        if code.len() != wanted || !code.bytes().all(|b| b.is_ascii_alphanumeric()) {
            faults.push(BindFault::NoOutcome {
                dialect: spec.name().to_owned(),
                outcome,
                wanted,
            });
        }
        code.to_owned()
    };
    let mut known = Vec::new();
    let codes = std::array::from_fn(|class| {
        let all = Verdict::ALL.iter().map(|(_, outcome)| {
            let own = match class.checked_sub(1) {
                Some(class) => format!("{outcome}-{}", CLASSES[class]),
                None => (*outcome).to_owned(),
            };
            let usual = spec.outcome_code(outcome).unwrap_or("");
            let found = match spec.outcome_code(&own) {
                Some(own) => code(outcome, own),
                None if class == 0 => code(outcome, usual),
                None => usual.to_owned(),
            };
            known.push(own);
            found
        });
        all.collect()
    });
    for (outcome, _) in spec.outcomes() {
        if !known.iter().any(|known| known == outcome) {
            faults.push(BindFault::UnknownOutcome {
                dialect: spec.name().to_owned(),
                outcome: outcome.to_owned(),
            });
        }
    }
    codes
}

fn meanings(spec: &Spec, faults: &mut Vec<BindFault>) -> Vec<Meaning> {
    let meanings: Vec<Meaning> = spec
        .functions()
        .iter()
        .map(|function| meaning_of(&function.name))
        .collect();
    let needed = Function::ALL
        .iter()
        .filter(|(known, _)| !known.is_optional());
    let book = needed.map(|(_, name)| *name);
    let network = Network::ALL.map(|(_, name)| name);
    for function in book.chain(network) {
        if !spec.functions().iter().any(|row| row.name == function) {
            let dialect = spec.name().to_owned();
            faults.push(BindFault::NoFunction { dialect, function });
        }
    }
    meanings
}

fn by_type(spec: &Spec) -> BTreeMap<Mti, Vec<usize>> {
    let mut by_type: BTreeMap<Mti, Vec<usize>> = BTreeMap::new();
    for (row, function) in spec.functions().iter().enumerate() {
        for mti in &function.mti {
            by_type.entry(*mti).or_default().push(row);
        }
    }
    by_type
}

fn meaning_of(name: &str) -> Meaning {
    // An advice is a purchase that has happened; its message type says so.
    match name {
        "advice" => return Meaning::Book(Function::Purchase),
        "partial-reversal" => return Meaning::PartialReversal,
        _ => {}
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
pub(super) fn longest(spec: &Spec, n: usize) -> usize {
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
                assert!(!dialect.code(2, verdict).is_empty(), "{name} {verdict:?}");
            }
        }
    }

    #[test]
    fn an_approval_has_the_code_of_its_message_class() {
        let dialect = bind(&shipped("iso93-ascii").unwrap()).unwrap();
        let of = |class| dialect.code(class, Verdict::Approved);
        assert_eq!(
            [1, 2, 3, 4, 5, 6, 8].map(of),
            ["000", "000", "300", "400", "500", "000", "800"]
        );
        assert_eq!(dialect.code(4, Verdict::OriginalNotFound), "914");
        let read = |class, code| dialect.verdicts(class, code).collect::<Vec<_>>();
        assert_eq!(read(4, "400"), [Verdict::Approved]);
        assert_eq!(read(2, "400"), []);
        assert_eq!(
            read(6, "913"),
            [Verdict::AlreadyThere, Verdict::KeyConflict]
        );
        let dialect = bind(&shipped("iso87-ascii").unwrap()).unwrap();
        assert_eq!(
            [0, 2, 4, 8, 9].map(|class| dialect.code(class, Verdict::Approved)),
            ["00"; 5]
        );
    }

    /// The faults of a shipped dialect after something in its text was put in place of something else.
    fn check_in(name: &str, from: &str, to: &str, wanted: &[&str]) {
        let (_, text) = SHIPPED.iter().find(|(n, _)| *n == name).unwrap();
        assert!(text.contains(from), "{from}");
        let spec = load_text("broken", &text.replace(from, to)).unwrap();
        let faults = bind(&spec).err().unwrap();
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(faults, wanted);
    }

    fn check(from: &str, to: &str, wanted: &[&str]) {
        check_in("iso87-ascii", from, to, wanted);
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
            "\nqueue         = ",
            "\nqueues        = ",
            &["dialect broken: \"queues\" is not a role"],
        );
        check(
            "name = \"enrol\"",
            "name = \"welcome\"",
            &["dialect broken: no message asks for the function enrol"],
        );
        // What came later, a dialect may do without.
        let (_, text) = SHIPPED.iter().find(|(n, _)| *n == "iso87-ascii").unwrap();
        let text = text.replace("name = \"load\"", "name = \"loading\"");
        let dialect = bind(&load_text("without", &text).unwrap()).unwrap();
        assert!(dialect.says("transfer") && !dialect.says("load"));
        check(
            "\nnot-enough           = \"51\"",
            "",
            &["dialect broken: no response code of 2 characters for the outcome not-enough"],
        );
    }

    #[test]
    fn the_form_of_times_originals_and_codes_must_be_one_that_is_known() {
        check(
            "\ndate          = \"13\"",
            "",
            &["dialect broken: no field has the role date"],
        );
        check(
            "original      = \"90\"",
            "original      = \"37\"",
            &[
                "dialect broken: the role original is at 37; a field of 42 digits, or of up to 35 wanted",
            ],
        );
        check(
            "\ncannot-serve ",
            "\napproved-netwrok = \"80\"\ncannot-serve ",
            &["dialect broken: \"approved-netwrok\" is not an outcome, nor one of a message class"],
        );
        check_in(
            "iso93-ascii",
            "time          = \"12\"",
            "time          = \"7\"",
            &[
                "dialect broken: the role time is at 7; a field of 6 digits, or of 12 with the date wanted",
            ],
        );
        check_in(
            "iso93-ascii",
            "name = \"echo\"",
            "name = \"ping\"",
            &["dialect broken: no message asks for the function echo"],
        );
    }

    #[test]
    fn a_time_of_the_switch_is_not_jalali() {
        let fault = |role: &str, at: &str| {
            format!(
                "dialect broken: the role {role} is at {at}, a Jalali date; the switch reads Gregorian dates there: \
                 say calendar = \"gregorian\" for that field"
            )
        };
        check(
            "\ncounts = \"units\"",
            "\ncounts = \"units\"\ncalendar = \"jalali\"",
            &[
                &fault("transmitted", "7"),
                &fault("date", "13"),
                &fault("original", "90"),
            ],
        );
        // The expiry of a card is not reckoned with.
        let (_, text) = SHIPPED.iter().find(|(n, _)| *n == "iso87-ascii").unwrap();
        let jalali = text.replace("date = \"YYMM\"", "date = \"YYMM\", calendar = \"jalali\"");
        assert_ne!(&jalali, text);
        assert!(bind(&load_text("own", &jalali).unwrap()).is_ok());
    }

    #[test]
    fn shetab_in_bytes_and_with_jalali_expiry_is_a_file_of_its_own() {
        for parent in ["shetab7-87", "shetab7-93"] {
            let text = format!(
                "title = \"bytes\"\nextends = \"{parent}\"\n[coding]\nmti = \"bcd\"\nbitmap = \"binary\"\n\
                 number = \"bcd\"\ntrack = \"bcd\"\nbinary = \"binary\"\nlength = \"bcd\"\n\
                 [fields]\n14 = {{ calendar = \"jalali\" }}\n"
            );
            let dialect = bind(&load_text("bytes", &text).unwrap()).unwrap();
            assert!(dialect.spec().is_unverified());
            assert_eq!(dialect.at.private, 120);
        }
    }

    #[test]
    fn a_dialect_without_functions_is_for_describing() {
        let text = "title = \"files\"\n[coding]\nmti = \"ascii\"\nbitmap = \"hex\"\nnumber = \"ascii\"\n\
                    text = \"ascii\"\ntrack = \"ascii\"\nbinary = \"hex\"\nlength = \"ascii\"\n";
        let faults = bind(&load_text("files", text).unwrap()).err().unwrap();
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "dialect files: it has no functions, so it is for describing messages, not for a link"
            ]
        );
    }
}
