//! A message read as what it asks of the book.

use std::borrow::Cow;
use std::collections::BTreeSet;

use xxhash_rust::xxh3::xxh3_64;

use crate::ledger::{
    Aim, Aimed, Asked, EnrolWish, Facts, Function, Key, Mode, OriginalRef, PurseKind, Redeem,
    Request, Verdict, Wishes,
};
use crate::message::{DecodeError, Message, Mti};
use crate::spec::Path;
use crate::terms::person::{Identity, Mobile, NationalCode};
use crate::terms::{
    Bin, Channel, Day, EntryMode, JalaliDate, MemberId, Pan, Rials, Token, TokenKind, Voucher,
};

use super::bind::{Dialect, Meaning, OriginalForm};
use super::kind_of;

/// What a link lays down about the messages that come over it.
#[derive(Debug, Clone, Default)]
pub struct LinkTerms {
    /// The institution code that counts where a message has none.
    pub acquirer: String,
    /// The terminals that are let in; none: every one.
    pub terminals: Option<BTreeSet<String>>,
    /// Whether nothing but network messages is taken before a sign-on.
    pub require_sign_on: bool,
    /// Whether its terminals are being tested: then an answer names the field at fault.
    pub test: bool,
    /// The way on which its messages come.
    pub channel: Channel,
}

/// What the two ends of a link say about the link itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Network {
    /// The other end begins.
    SignOn,
    /// The other end is done.
    SignOff,
    /// Is anybody there?
    Echo,
}

impl Network {
    /// Every network message with its name in dialect files.
    pub const ALL: [(Network, &'static str); 3] = [
        (Network::SignOn, "sign-on"),
        (Network::SignOff, "sign-off"),
        (Network::Echo, "echo"),
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        Network::ALL[self as usize].1
    }
}

/// What a message turned out to be.
#[derive(Debug)]
pub enum Read {
    /// A request to the book.
    Ask(Box<Request>),
    /// About the link.
    Network(Network),
    /// To be answered with a refusal, without asking the book.
    Refuse(Refusal),
    /// Not to be answered.
    Drop(Dropped),
}

/// A refusal that needs no book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is told.
    pub verdict: Verdict,
    /// The field at fault, where one is.
    pub field: Option<Path>,
}

/// Why a message is not answered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Dropped {
    /// Message type or trace number could not be read.
    Unreadable,
    /// It is an answer, and nothing was asked.
    Response,
    /// Its message class has no meaning.
    UnknownClass,
}

impl Dropped {
    /// Every cause with its name in metrics.
    pub const ALL: [(Dropped, &'static str); 3] = [
        (Dropped::Unreadable, "unreadable"),
        (Dropped::Response, "response"),
        (Dropped::UnknownClass, "unknown-class"),
    ];
}

/// The longest bill number that is kept, in bytes.
const BILL_BYTES_MAX: usize = 60;
/// More codes of products than this are none that a rule could mean.
const PRODUCTS_MAX: usize = 64;
/// The longest code of a product, a service or a member of staff, in bytes.
const CODE_BYTES_MAX: usize = 40;

impl Dialect {
    /// What a message asks. `tokens` makes the token of a card number, a mobile in its stored form or a national code.
    pub fn read(
        &self,
        message: &Message,
        link: &LinkTerms,
        tokens: &impl Fn(TokenKind, &[u8]) -> Token,
    ) -> Read {
        if let Some(cause) = unanswerable(message.mti()) {
            return Read::Drop(cause);
        }
        let reader = |partial| Reader {
            dialect: self,
            message,
            tokens,
            partial,
        };
        let asked = match self.meaning(message) {
            Meaning::Network(network) => return Read::Network(network),
            Meaning::NotBuilt => Err(not_built()),
            Meaning::Lacks(field) => Err(bad(field)),
            Meaning::Book(function) => reader(false).request(function, link),
            Meaning::PartialReversal => reader(true).request(Function::Reversal, link),
        };
        match asked {
            Ok(request) => Read::Ask(Box::new(request)),
            Err(refusal) => Read::Refuse(refusal),
        }
    }

    /// What to do about a message that could not be read whole: refuse it where type and trace number are known.
    pub fn read_broken(&self, error: &DecodeError) -> Read {
        let Some(message) = &error.read else {
            return Read::Drop(Dropped::Unreadable);
        };
        if let Some(cause) = unanswerable(message.mti()) {
            return Read::Drop(cause);
        }
        if !message.has(self.at.stan) {
            return Read::Drop(Dropped::Unreadable);
        }
        Read::Refuse(Refusal {
            verdict: Verdict::FormatError,
            field: Some(error.path.clone()),
        })
    }
}

fn unanswerable(mti: Mti) -> Option<Dropped> {
    if !mti.is_known_class() {
        Some(Dropped::UnknownClass)
    } else if mti.is_response() {
        Some(Dropped::Response)
    } else {
        None
    }
}

fn not_built() -> Refusal {
    Refusal {
        verdict: Verdict::UnknownTransaction,
        field: None,
    }
}

fn bad(field: usize) -> Refusal {
    Refusal {
        verdict: Verdict::FormatError,
        field: Some(Path::field(field)),
    }
}

/// One message on its way to a request.
struct Reader<'a, T> {
    dialect: &'a Dialect,
    message: &'a Message,
    tokens: &'a T,
    /// Whether its function says that it reverses a part only.
    partial: bool,
}

/// The tags of the private field that a request can have, as they stand there.
#[derive(Default)]
struct Tagged<'a> {
    member: Option<Cow<'a, [u8]>>,
    mobile: Option<Cow<'a, [u8]>>,
    national_code: Option<Cow<'a, [u8]>>,
    birth_date: Option<Cow<'a, [u8]>>,
    introducer: Option<Cow<'a, [u8]>>,
    club: Option<Cow<'a, [u8]>>,
    enrolled_by: Option<Cow<'a, [u8]>>,
    purse_asked: Option<Cow<'a, [u8]>>,
    rials_asked: Option<Cow<'a, [u8]>>,
    bill: Option<Cow<'a, [u8]>>,
    target: Option<Cow<'a, [u8]>>,
    voucher: Option<Cow<'a, [u8]>>,
    lines: Option<Cow<'a, [u8]>>,
    staff: Option<Cow<'a, [u8]>>,
    service: Option<Cow<'a, [u8]>>,
    discount: Option<Cow<'a, [u8]>>,
}

impl<'a, T: Fn(TokenKind, &[u8]) -> Token> Reader<'a, T> {
    fn request(&self, function: Function, link: &LinkTerms) -> Result<Request, Refusal> {
        let (at, message) = (&self.dialect.at, self.message);
        let mti = message.mti();
        let mode = if mti.is_advice() {
            Mode::Advise
        } else {
            Mode::Ask
        };
        let tagged = self.tagged();
        self.must_carry(function, tagged.voucher.is_some())?;
        let (card, last_four, bin) = match self.pan(&tagged)? {
            Some(pan) => {
                let token = (self.tokens)(TokenKind::Card, pan.digits());
                (Some(token), Some(pan.last_four()), Some(Bin::of(&pan)))
            }
            None => (None, None, None),
        };
        let tags = &self.dialect.tags;
        let named = self.identity(tagged.member.as_deref(), &tags.member)?;
        let mut aim = match function {
            Function::Load | Function::Transfer | Function::AddCard => self.aim(&tagged)?,
            _ => Aim::default(),
        };
        let mut card = card;
        if function == Function::AddCard {
            // The card that is read at the till may be the new one, where the member is named otherwise.
            if aim.to.is_none() && named.is_some() {
                let identity = card.take().map(Identity::Card);
                aim.to = identity.map(|identity| Aimed { identity, bin });
            }
            if !aim.to.is_some_and(|aimed| aimed.identity.is_card()) {
                let target = self.dialect.more.target.as_ref();
                return Err(target.map_or(bad(at.pan), |tag| self.bad_tag(tag)));
            }
        }
        // A load may be for somebody who is named as its target alone, a transfer from one who is named as its source.
        let named = named.or(match function {
            Function::Load => aim.to.map(|aimed| aimed.identity),
            Function::Transfer => aim.from.map(|aimed| aimed.identity),
            _ => None,
        });
        let needs_member = !matches!(function, Function::Reversal | Function::Enrol);
        if needs_member && card.is_none() && named.is_none() {
            return Err(bad(at.pan));
        }
        let enrol = match function {
            Function::Enrol => Some(self.enrolment(&tagged, card, named)?),
            _ => None,
        };
        let terminal = self.code::<8>(at.terminal)?;
        let processing = self.number(at.processing)?.unwrap_or(0) as u32;
        let amount = self.number(at.amount)?.map(|rials| Rials(rials as i64));
        let currency = self.number(at.currency)?.unwrap_or(0) as u16;
        let local = self.local()?;
        let transmitted = match self.text(at.transmitted) {
            Some(text) => Some(moment(&text).ok_or_else(|| bad(at.transmitted))?),
            None => None,
        };
        let key = Key {
            acquirer: crate::terms::AcquirerId::default(),
            terminal,
            acceptor: self.code::<15>(at.acceptor)?,
            stan: self.number(at.stan)?.unwrap_or(0) as u32,
            local: match local.or(transmitted) {
                Some(time) => time,
                // What is kept must be told from the same trace number of another day.
                None if function.is_kept() => return Err(bad(at.time)),
                None => 0,
            },
            kind: mti.class() * 10 + mti.function(),
        };
        let introducer = self.identity(tagged.introducer.as_deref(), &tags.introducer)?;
        let bill = self.word(tagged.bill.as_deref(), &tags.bill)?;
        if bill
            .as_ref()
            .is_some_and(|bill| bill.len() > BILL_BYTES_MAX)
        {
            return Err(self.bad_tag(&tags.bill));
        }
        let who = card.map(Identity::Card).or(named);
        let purse = self.word(tagged.purse_asked.as_deref(), &tags.purse_asked)?;
        let moves = matches!(
            function,
            Function::Load | Function::Transfer | Function::AddCard
        );
        let moved = moves.then(|| (&aim, purse.as_deref().unwrap_or_default()));
        let digest = digest(who, processing, amount, currency, moved);
        let wishes = Wishes {
            club: self.word(tagged.club.as_deref(), &tags.club)?,
            purse,
            redeem: self.redeem(tagged.rials_asked.as_deref(), mode)?,
            discount_told: match mode {
                Mode::Advise => self.rials(tagged.discount.as_deref(), &tags.discount)?,
                Mode::Ask => None,
            },
        };
        // A transfer names its purses so itself, one after the other.
        let wishes = match function {
            Function::Purchase | Function::Quote => wishes.by_club(),
            _ => wishes,
        };
        Ok(Request {
            acquirer: self.acquirer(link),
            repeat: mti.is_repeat(),
            card,
            named,
            introducer,
            wishes,
            enrol,
            aim,
            balance_of: match function {
                Function::Balance => self.balance_of(processing)?,
                _ => None,
            },
            terminal_allowed: link.terminals.as_ref().is_none_or(|allowed| {
                let code = std::str::from_utf8(&terminal).map_or("", str::trim_end);
                allowed.contains(code)
            }),
            asked: Asked {
                function,
                mode,
                key,
                digest,
                processing,
                amount,
                currency,
                transmitted,
                rrn: self.rrn(),
                mcc: self.number(at.mcc)?.unwrap_or(0) as u16,
                last_four,
                bill,
                original: match function {
                    Function::Reversal => Some(self.original(key)?),
                    _ => None,
                },
                facts: match function {
                    Function::Purchase | Function::Quote | Function::Load | Function::Transfer => {
                        self.facts(&tagged, bin, link)?
                    }
                    _ => Facts::default(),
                },
            },
        })
    }

    /// Refuses a message that lacks a field its function needs, the lowest first.
    fn must_carry(&self, function: Function, has_voucher: bool) -> Result<(), Refusal> {
        let at = &self.dialect.at;
        let purchase = [
            at.processing,
            at.amount,
            at.stan,
            at.time,
            self.dialect.also.date.unwrap_or(at.time),
            at.terminal,
            at.acceptor,
            at.currency,
        ];
        let by_voucher = [at.processing, at.stan, at.time, at.terminal, at.acceptor];
        let other = [at.stan, at.terminal, at.acceptor];
        let needed = match function {
            // What a voucher is worth is known here.
            Function::Load if has_voucher => &by_voucher[..],
            Function::Purchase | Function::Quote | Function::Load | Function::Transfer => {
                &purchase[..]
            }
            Function::Reversal | Function::Enrol | Function::AddCard => &other[..],
            Function::Balance => &other[..1],
        };
        match needed.iter().find(|n| !self.message.has(**n)) {
            Some(missing) => Err(bad(*missing)),
            None => Ok(()),
        }
    }

    fn tagged(&self) -> Tagged<'a> {
        let mut tagged = Tagged::default();
        let (dialect, names, more) = (self.dialect, &self.dialect.tags, &self.dialect.more);
        for item in self.message.tags(&dialect.spec, dialect.at.private) {
            let is = |name: &str| dialect.form.is(item.tag, name);
            let place = if is(&names.rials_asked) {
                &mut tagged.rials_asked
            } else if is(&names.member) {
                &mut tagged.member
            } else if is(&names.purse_asked) {
                &mut tagged.purse_asked
            } else if is(&names.bill) {
                &mut tagged.bill
            } else if more.target.as_deref().is_some_and(is) {
                &mut tagged.target
            } else if more.voucher.as_deref().is_some_and(is) {
                &mut tagged.voucher
            } else if is(&names.lines) {
                &mut tagged.lines
            } else if is(&names.staff) {
                &mut tagged.staff
            } else if is(&names.service) {
                &mut tagged.service
            } else if is(&names.club) {
                &mut tagged.club
            } else if is(&names.introducer) {
                &mut tagged.introducer
            } else if is(&names.discount) {
                &mut tagged.discount
            } else if is(&names.mobile) {
                &mut tagged.mobile
            } else if is(&names.national_code) {
                &mut tagged.national_code
            } else if is(&names.birth_date) {
                &mut tagged.birth_date
            } else if is(&names.enrolled_by) {
                &mut tagged.enrolled_by
            } else {
                continue;
            };
            if place.is_none() {
                *place = Some(dialect.plain(item.value));
            }
        }
        tagged
    }

    /// The card: its own field, else track 2, else the tag that names the member by one.
    fn pan(&self, tagged: &Tagged<'_>) -> Result<Option<Pan>, Refusal> {
        let at = &self.dialect.at;
        if let Some(digits) = self.text(at.pan) {
            let pan = Pan::new(digits.as_bytes()).ok_or_else(|| bad(at.pan))?;
            return Ok(Some(pan));
        }
        if let Some(track) = self.text(at.track2) {
            let pan = Pan::from_track2(track.as_bytes()).ok_or_else(|| bad(at.track2))?;
            return Ok(Some(pan));
        }
        match tagged.member.as_deref() {
            Some([b'C', digits @ ..]) => {
                let pan = Pan::new(digits);
                let tag = &self.dialect.tags.member;
                pan.map(Some).ok_or_else(|| self.bad_tag(tag))
            }
            _ => Ok(None),
        }
    }

    /// Who is named by a kind letter and a value.
    fn identity(&self, value: Option<&[u8]>, tag: &str) -> Result<Option<Identity>, Refusal> {
        let Some(value) = value else { return Ok(None) };
        let identity = value.split_first().and_then(|(kind, value)| match kind {
            b'C' => {
                let pan = Pan::new(value)?;
                Some(Identity::Card((self.tokens)(TokenKind::Card, pan.digits())))
            }
            b'M' => self.mobile(value),
            b'N' => self.national_code(value),
            b'B' if value.iter().all(u8::is_ascii_digit) => {
                let number = std::str::from_utf8(value).ok()?.parse().ok()?;
                Some(Identity::Number(MemberId(number)))
            }
            _ => None,
        });
        identity.map(Some).ok_or_else(|| self.bad_tag(tag))
    }

    /// What a load or a transfer names: accounts in fields of their own, a target also in its tag, a voucher.
    fn aim(&self, tagged: &Tagged<'_>) -> Result<Aim, Refusal> {
        let (also, more) = (&self.dialect.also, &self.dialect.more);
        let at = |n: Option<usize>| {
            let Some((n, text)) = n.and_then(|n| Some((n, self.text(n)?))) else {
                return Ok(None);
            };
            let aimed = self.aimed(text.trim().as_bytes());
            aimed.map(Some).ok_or_else(|| bad(n))
        };
        let target = match (tagged.target.as_deref(), &more.target) {
            (Some(value), Some(tag)) => Some(self.aimed(value).ok_or_else(|| self.bad_tag(tag))?),
            _ => None,
        };
        let voucher = match (tagged.voucher.as_deref(), &more.voucher) {
            (Some(value), Some(tag)) => {
                let number = Voucher::parse(value).ok_or_else(|| self.bad_tag(tag))?;
                Some((self.tokens)(TokenKind::Voucher, number.as_bytes()))
            }
            _ => None,
        };
        Ok(Aim {
            from: at(also.from)?,
            to: at(also.to)?.or(target),
            voucher,
        })
    }

    /// A card by its digits, or anybody by kind letter and value.
    fn aimed(&self, value: &[u8]) -> Option<Aimed> {
        let digits = match value {
            [b'C', digits @ ..] => digits,
            digits => digits,
        };
        if let Some(pan) = Pan::new(digits) {
            return Some(Aimed {
                identity: Identity::Card((self.tokens)(TokenKind::Card, pan.digits())),
                bin: Some(Bin::of(&pan)),
            });
        }
        let identity = self.identity(Some(value), "").ok()??;
        Some(Aimed {
            identity,
            bin: None,
        })
    }

    fn mobile(&self, value: &[u8]) -> Option<Identity> {
        let mobile = Mobile::parse(std::str::from_utf8(value).ok()?)?;
        let token = (self.tokens)(TokenKind::Mobile, mobile.as_str().as_bytes());
        Some(Identity::Mobile(token))
    }

    fn national_code(&self, value: &[u8]) -> Option<Identity> {
        let code = NationalCode::parse(std::str::from_utf8(value).ok()?)?;
        let token = (self.tokens)(TokenKind::NationalCode, code.as_str().as_bytes());
        Some(Identity::NationalCode(token))
    }

    fn enrolment(
        &self,
        tagged: &Tagged<'_>,
        card: Option<Token>,
        named: Option<Identity>,
    ) -> Result<EnrolWish, Refusal> {
        let tags = &self.dialect.tags;
        let mut identities: Vec<Identity> = card.map(Identity::Card).into_iter().collect();
        if let Some(mobile) = tagged.mobile.as_deref() {
            let mobile = self.mobile(mobile);
            identities.push(mobile.ok_or_else(|| self.bad_tag(&tags.mobile))?);
        }
        if let Some(code) = tagged.national_code.as_deref() {
            let code = self.national_code(code);
            identities.push(code.ok_or_else(|| self.bad_tag(&tags.national_code))?);
        }
        // A club number is given by us: nobody is enrolled under one, but he may be known by it.
        if let Some(named) = named.filter(|named| named.token().is_some())
            && !identities.contains(&named)
        {
            identities.push(named);
        }
        if identities.is_empty() {
            return Err(bad(self.dialect.at.pan));
        }
        let born = match tagged.birth_date.as_deref() {
            Some(date) => Some(jalali(date).ok_or_else(|| self.bad_tag(&tags.birth_date))?),
            None => None,
        };
        Ok(EnrolWish {
            identities,
            staff: self.word(tagged.enrolled_by.as_deref(), &tags.enrolled_by)?,
            born,
        })
    }

    fn facts(
        &self,
        tagged: &Tagged<'_>,
        bin: Option<Bin>,
        link: &LinkTerms,
    ) -> Result<Facts, Refusal> {
        let (also, tags) = (&self.dialect.also, &self.dialect.tags);
        let entry = also.entry.and_then(|n| self.text(n));
        let code = |value: &Option<Cow<'_, [u8]>>, tag: &str| {
            let code = self.word(value.as_deref(), tag)?;
            if code
                .as_ref()
                .is_some_and(|code| code.len() > CODE_BYTES_MAX)
            {
                return Err(self.bad_tag(tag));
            }
            Ok(code)
        };
        Ok(Facts {
            channel: link.channel,
            entry: entry.as_deref().and_then(entry_mode),
            bin,
            products: match self.word(tagged.lines.as_deref(), &tags.lines)? {
                Some(lines) => products(&lines).ok_or_else(|| self.bad_tag(&tags.lines))?,
                None => Vec::new(),
            },
            service: code(&tagged.service, &tags.service)?,
            staff: code(&tagged.staff, &tags.staff)?,
        })
    }

    fn redeem(&self, value: Option<&[u8]>, mode: Mode) -> Result<Redeem, Refusal> {
        let tag = &self.dialect.tags.rials_asked;
        match value {
            Some(value) if value.eq_ignore_ascii_case(b"max") => Ok(match mode {
                Mode::Ask => Redeem::AsMuchAsAllowed,
                // What has happened has a number.
                Mode::Advise => Redeem::Nothing,
            }),
            _ => Ok(match self.rials(value, tag)? {
                Some(rials) if !rials.is_zero() => Redeem::Exactly(rials),
                _ => Redeem::Nothing,
            }),
        }
    }

    /// `31 tt xx`: the kind of purse that is asked about, 00 for all.
    fn balance_of(&self, processing: u32) -> Result<Option<PurseKind>, Refusal> {
        match processing / 100 % 100 {
            0 => Ok(None),
            // What only rules count with is told to nobody (S36).
            95 => Err(not_built()),
            code => match kind_of(code) {
                Some(kind) => Ok(Some(kind)),
                None => Err(bad(self.dialect.at.processing)),
            },
        }
    }

    /// What a reversal undoes: its original data elements, else the retrieval reference, else trace number and time.
    fn original(&self, key: Key) -> Result<OriginalRef, Refusal> {
        let at = &self.dialect.at;
        let told = match self.text(at.original) {
            Some(text) => match self.dialect.original {
                OriginalForm::Transmitted => original_by_transmission(&text),
                OriginalForm::Local => original_by_local_time(&text),
            }
            .ok_or_else(|| bad(at.original))?,
            None => OriginalRef::default(),
        };
        let replacement = self.dialect.also.replacement.and_then(|n| self.text(n));
        let partial = self.partial
            || replacement.is_some_and(|amounts| amounts.bytes().any(|b| matches!(b, b'1'..=b'9')));
        // A reference of zeros names nothing.
        let rrn = self
            .rrn()
            .filter(|rrn| rrn.iter().any(|c| *c != b'0' && *c != b' '));
        let local = self.local()?;
        let original = match told {
            // A trace number alone comes again: what else the message carries narrows it.
            OriginalRef {
                stan: Some(_),
                transmitted: None,
                local: None,
                ..
            } => OriginalRef { rrn, ..told },
            OriginalRef { stan: Some(_), .. } => told,
            OriginalRef { .. } if rrn.is_some() => OriginalRef { rrn, ..told },
            OriginalRef { .. } => OriginalRef {
                stan: Some(key.stan),
                local,
                ..told
            },
        };
        Ok(OriginalRef {
            partial,
            ..original
        })
    }

    fn acquirer(&self, link: &LinkTerms) -> String {
        let told = self.text(self.dialect.at.acquirer);
        let code = told
            .as_deref()
            .map_or("", |code| code.trim_start_matches('0'));
        match code {
            "" => link.acquirer.trim_start_matches('0').to_owned(),
            code => code.to_owned(),
        }
    }

    /// Date and time of the terminal as MMDDhhmmss; the time may hold both, as YYMMDDhhmmss.
    fn local(&self) -> Result<Option<u32>, Refusal> {
        let at = &self.dialect.at;
        let Some(time) = self.text(at.time) else {
            return Ok(None);
        };
        if time.len() == 12 {
            return dated_moment(&time).map(Some).ok_or_else(|| bad(at.time));
        }
        let Some((n, date)) = self
            .dialect
            .also
            .date
            .and_then(|n| Some((n, self.text(n)?)))
        else {
            return Ok(None);
        };
        let date = number(date.as_bytes())
            .filter(|date| date_is_real(*date as u32))
            .ok_or_else(|| bad(n))?;
        let time = number(time.as_bytes())
            .filter(|time| time_is_real(*time as u32))
            .ok_or_else(|| bad(at.time))?;
        Ok(Some(date as u32 * 1_000_000 + time as u32))
    }

    fn rrn(&self) -> Option<[u8; 12]> {
        let text = self.text(self.dialect.at.rrn)?;
        padded(&text).filter(|rrn| rrn.iter().any(|c| *c != b' '))
    }

    /// A code of terminal or acceptor, blanks on the right.
    fn code<const N: usize>(&self, n: usize) -> Result<[u8; N], Refusal> {
        let text = self.text(n).unwrap_or_default();
        padded(&text).ok_or_else(|| bad(n))
    }

    fn number(&self, n: usize) -> Result<Option<u64>, Refusal> {
        if !self.message.has(n) {
            return Ok(None);
        }
        let digits = self.message.digits(&self.dialect.spec, n);
        digits.map(Some).ok_or_else(|| bad(n))
    }

    fn text(&self, n: usize) -> Option<Cow<'a, str>> {
        self.message.text(&self.dialect.spec, n)
    }

    fn rials(&self, value: Option<&[u8]>, tag: &str) -> Result<Option<Rials>, Refusal> {
        let Some(value) = value else { return Ok(None) };
        number(value)
            .filter(|rials| *rials <= Rials::FIELD_MAX.0 as u64)
            .map(|rials| Some(Rials(rials as i64)))
            .ok_or_else(|| self.bad_tag(tag))
    }

    /// A name; blanks around it do not count.
    fn word(&self, value: Option<&[u8]>, tag: &str) -> Result<Option<String>, Refusal> {
        let Some(value) = value else { return Ok(None) };
        match std::str::from_utf8(value).map(str::trim) {
            Ok("") => Ok(None),
            Ok(word) => Ok(Some(word.to_owned())),
            Err(_) => Err(self.bad_tag(tag)),
        }
    }

    fn bad_tag(&self, tag: &str) -> Refusal {
        Refusal {
            verdict: Verdict::FormatError,
            field: Some(Path::inside(self.dialect.at.private, tag)),
        }
    }
}

impl Dialect {
    /// A tagged value as characters.
    pub(super) fn plain<'a>(&self, value: &'a [u8]) -> Cow<'a, [u8]> {
        let coding = self.form.coding;
        if value.iter().all(|b| coding.character(*b) == *b) {
            return Cow::Borrowed(value);
        }
        Cow::Owned(value.iter().map(|b| coding.character(*b)).collect())
    }
}

/// MTI 4, STAN 6, DE7 10, acquirer 11, forwarder 11; parts of zeros are not told.
fn original_by_transmission(text: &str) -> Option<OriginalRef> {
    Some(OriginalRef {
        transmitted: told_at(text.get(10..20)?, moment)?,
        ..original_by_trace(text)?
    })
}

/// MTI 4, STAN 6, local date and time 12, two digits of length and the acquirer; parts of zeros are not told.
fn original_by_local_time(text: &str) -> Option<OriginalRef> {
    let acquirer = text.get(24..)?;
    number(text.get(22..24)?.as_bytes()).filter(|len| *len == acquirer.len() as u64)?;
    if !acquirer.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(OriginalRef {
        local: told_at(text.get(10..22)?, dated_moment)?,
        ..original_by_trace(text)?
    })
}

fn original_by_trace(text: &str) -> Option<OriginalRef> {
    let kind = Mti::from_digits(text.get(..4)?.as_bytes())?;
    let stan = number(text.get(4..10)?.as_bytes())? as u32;
    Some(OriginalRef {
        kind: (kind.0 != 0).then(|| kind.class() * 10 + kind.function()),
        stan: (stan != 0).then_some(stan),
        ..OriginalRef::default()
    })
}

/// A moment that zeros leave untold.
fn told_at(text: &str, moment: fn(&str) -> Option<u32>) -> Option<Option<u32>> {
    match number(text.as_bytes())? {
        0 => Some(None),
        _ => moment(text).map(Some),
    }
}

/// What must be equal in a repeat: who, processing code, amount and currency; of a load or a transfer also what it names.
fn digest(
    who: Option<Identity>,
    processing: u32,
    amount: Option<Rials>,
    currency: u16,
    moved: Option<(&Aim, &str)>,
) -> u64 {
    let mut bytes = [0; 32];
    match who {
        Some(Identity::Number(number)) => bytes[..4].copy_from_slice(&number.0.to_le_bytes()),
        Some(identity) => {
            let token = identity.token().map_or([0; 16], |token| token.0);
            bytes[..16].copy_from_slice(&token);
        }
        None => {}
    }
    bytes[16..20].copy_from_slice(&processing.to_le_bytes());
    // No amount is not the same as an amount of nothing.
    let amount = amount.map_or(-1, |amount| amount.0);
    bytes[20..28].copy_from_slice(&amount.to_le_bytes());
    bytes[28..30].copy_from_slice(&currency.to_le_bytes());
    let Some((aim, purse)) = moved else {
        return xxh3_64(&bytes);
    };
    let mut more = bytes.to_vec();
    for aimed in [aim.from, aim.to] {
        match aimed.map(|aimed| aimed.identity) {
            Some(Identity::Number(number)) => more.extend(number.0.to_le_bytes()),
            Some(identity) => more.extend(identity.token().map_or([0; 16], |token| token.0)),
            None => more.push(0),
        }
    }
    more.extend(aim.voucher.map_or([0; 16], |token| token.0));
    more.extend(purse.as_bytes());
    xxh3_64(&more)
}

/// MMDDhhmmss as a number, where it is a date and a time of day.
fn moment(text: &str) -> Option<u32> {
    let value = u32::try_from(number(text.as_bytes())?).ok()?;
    (text.len() == 10 && date_is_real(value / 1_000_000) && time_is_real(value % 1_000_000))
        .then_some(value)
}

/// YYMMDDhhmmss as the number MMDDhhmmss, where it is a date and a time of day.
fn dated_moment(text: &str) -> Option<u32> {
    let year = number(text.get(..2)?.as_bytes())?;
    let value = moment(text.get(2..)?)?;
    // Of the years that two digits tell, every fourth has a leap day.
    (value / 1_000_000 != 229 || year % 4 == 0).then_some(value)
}

fn date_is_real(date: u32) -> bool {
    // No year is told, so February has its leap day.
    const DAYS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let days = (date / 100)
        .checked_sub(1)
        .and_then(|m| DAYS.get(m as usize));
    days.is_some_and(|days| (1..=*days).contains(&(date % 100)))
}

fn time_is_real(time: u32) -> bool {
    time / 10_000 < 24 && time / 100 % 100 < 60 && time % 100 < 60
}

fn jalali(date: &[u8]) -> Option<Day> {
    if date.len() != 8 {
        return None;
    }
    let date = number(date)? as u32;
    let (month, day) = ((date / 100 % 100) as u8, (date % 100) as u8);
    Some(JalaliDate::new((date / 10_000) as i32, month, day)?.day())
}

/// One to eighteen digits.
/// What field 22 tells: of ISO 8583:1987 the first two of its digits (n3), of 1993 the seventh of its characters (an12,
/// card data input mode). What is not told there, or in another way, is none.
fn entry_mode(text: &str) -> Option<EntryMode> {
    let bytes = text.as_bytes();
    match bytes.len() {
        3 => match &bytes[..2] {
            b"01" => Some(EntryMode::Manual),
            b"02" | b"80" | b"90" => Some(EntryMode::Stripe),
            b"05" | b"95" => Some(EntryMode::Chip),
            b"07" | b"91" => Some(EntryMode::Contactless),
            _ => None,
        },
        12 => match bytes[6] {
            b'1' | b'6' => Some(EntryMode::Manual),
            b'2' | b'A' | b'B' => Some(EntryMode::Stripe),
            b'5' | b'C' => Some(EntryMode::Chip),
            b'M' | b'8' => Some(EntryMode::Contactless),
            _ => None,
        },
        _ => None,
    }
}

/// The same, as a terminal tells it in a field of so many characters.
pub(super) fn entry_field(entry: EntryMode, units: usize) -> String {
    let (short, long) = match entry {
        EntryMode::Manual => ("011", '6'),
        EntryMode::Stripe => ("901", '2'),
        EntryMode::Chip => ("051", '5'),
        EntryMode::Contactless => ("071", 'M'),
    };
    match units {
        12 => format!("000000{long}00000"),
        _ => short.to_owned(),
    }
}

/// The codes of product lines `code,quantity,amount`, `;` between them; rising, each once.
fn products(lines: &str) -> Option<Vec<String>> {
    let codes = lines
        .split(';')
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let code = |line: &str| {
        let code = line.split(',').next().unwrap_or_default().trim();
        let good = !code.is_empty() && code.len() <= CODE_BYTES_MAX;
        good.then(|| code.to_owned())
    };
    let mut codes = codes.map(code).collect::<Option<Vec<String>>>()?;
    codes.sort_unstable();
    codes.dedup();
    (codes.len() <= PRODUCTS_MAX).then_some(codes)
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    digits.iter().try_fold(0, |sum, c| {
        c.is_ascii_digit().then(|| sum * 10 + u64::from(c - b'0'))
    })
}

fn padded<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut padded = [b' '; N];
    padded
        .get_mut(..text.len())?
        .copy_from_slice(text.as_bytes());
    Some(padded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::samples::{self, PURCHASE, PURCHASE_93, dialect, link, message, token};

    fn read_in(name: &str, line: &str) -> Read {
        let dialect = dialect(name);
        dialect.read(&message(&dialect, line), &link(), &token)
    }

    fn read(line: &str) -> Read {
        read_in("iso87-ascii", line)
    }

    fn ask_in(name: &str, line: &str) -> Request {
        match read_in(name, line) {
            Read::Ask(request) => *request,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn ask(line: &str) -> Request {
        ask_in("iso87-ascii", line)
    }

    /// The purchase with some fields put in, or taken away where nothing stands behind `=`.
    fn changed(changes: &str) -> String {
        samples::changed(PURCHASE, changes)
    }

    fn changed_93(changes: &str) -> String {
        samples::changed(PURCHASE_93, changes)
    }

    fn check_refused(changes: &str, verdict: Verdict, field: &str) {
        check_refusal(&read(&changed(changes)), changes, verdict, field);
    }

    fn check_refused_93(changes: &str, verdict: Verdict, field: &str) {
        let read = read_in("iso93-ascii", &changed_93(changes));
        check_refusal(&read, changes, verdict, field);
    }

    fn check_refusal(read: &Read, changes: &str, verdict: Verdict, field: &str) {
        let Read::Refuse(refusal) = read else {
            panic!("{changes}: {read:?}");
        };
        let at = refusal
            .field
            .as_ref()
            .map_or(String::new(), Path::to_string);
        assert_eq!(
            (refusal.verdict, at.as_str()),
            (verdict, field),
            "{changes}"
        );
    }

    #[test]
    fn field_22_tells_how_a_card_was_read() {
        for (text, wanted) in [
            ("011", Some(EntryMode::Manual)),
            ("021", Some(EntryMode::Stripe)),
            ("901", Some(EntryMode::Stripe)),
            ("051", Some(EntryMode::Chip)),
            ("071", Some(EntryMode::Contactless)),
            ("001", None),
            ("211101511344", Some(EntryMode::Chip)),
            ("211101211344", Some(EntryMode::Stripe)),
            ("211101M11344", Some(EntryMode::Contactless)),
            ("211101011344", None),
            ("", None),
        ] {
            assert_eq!(entry_mode(text), wanted, "{text}");
        }
        for (_, entry) in EntryMode::ALL {
            for units in [3, 12] {
                assert_eq!(entry_mode(&entry_field(entry, units)), Some(entry));
            }
        }
    }

    #[test]
    fn a_purse_named_with_its_club_names_the_club() {
        let wished = |more: &str| {
            let wishes = ask(&changed(more)).wishes;
            (wishes.club, wishes.purse)
        };
        let both = |club: &str, purse: &str| (Some(club.to_owned()), Some(purse.to_owned()));
        assert_eq!(wished("48.20=pars:stars"), both("pars", "stars"));
        assert_eq!(wished("48.20=pars:stars 48.16=pars"), both("pars", "stars"));
        // Two clubs: there is no such purse.
        let other = both("golestan", "pars:stars");
        assert_eq!(wished("48.20=pars:stars 48.16=golestan"), other);
    }

    #[test]
    fn a_purchase_is_read_whole() {
        let request = ask(&changed(
            "32=581672031 18=5411 37=000000000042 48.21=200000 48.20=points 48.16=golestan 48.31=bill-7 48.15=B88213",
        ));
        let card = token(TokenKind::Card, b"9999120000001234");
        assert_eq!(request.card, Some(card));
        assert_eq!(request.acquirer, "581672031");
        assert_eq!(request.introducer, Some(Identity::Number(MemberId(88_213))));
        assert_eq!(
            request.wishes,
            Wishes {
                club: Some("golestan".to_owned()),
                purse: Some("points".to_owned()),
                redeem: Redeem::Exactly(Rials(200_000)),
                discount_told: None,
            }
        );
        let asked = &request.asked;
        assert_eq!(
            (asked.function, asked.mode),
            (Function::Purchase, Mode::Ask)
        );
        assert_eq!(
            (asked.amount, asked.currency),
            (Some(Rials(2_755_555)), 364)
        );
        assert_eq!((asked.mcc, asked.last_four), (5411, Some(*b"1234")));
        assert_eq!(asked.transmitted, Some(1_123_064_500));
        assert_eq!(asked.rrn, Some(*b"000000000042"));
        assert_eq!(asked.bill.as_deref(), Some("bill-7"));
        let key = asked.key;
        assert_eq!(
            (key.terminal_code(), key.acceptor_code()),
            ("T0000001", "m-1001")
        );
        assert_eq!((key.stan, key.local, key.kind), (7, 1_123_101_500, 20));
    }

    #[test]
    fn what_must_be_there_is_missed_by_its_number() {
        for field in ["3", "4", "11", "12", "13", "41", "42", "49"] {
            check_refused(&format!("{field}="), Verdict::FormatError, field);
        }
        check_refused("2=", Verdict::FormatError, "2");
        check_refused("0800", Verdict::FormatError, "70");
    }

    #[test]
    fn what_is_malformed_is_told_by_its_place() {
        for (change, at) in [
            ("2=1234567", "2"),
            ("12=246000", "12"),
            ("13=1332", "13"),
            ("7=1323064500", "7"),
            ("49=IRR", "49"),
            ("2= 35=9999120000001234", "35"),
            ("48.10=X12", "48.10"),
            ("48.10=N1111111111", "48.10"),
            ("48.15=M12", "48.15"),
            ("48.21=12x", "48.21"),
            ("48.21=1000000000000", "48.21"),
            ("0220 48.74=-1", "48.74"),
            ("0600 3=910000 48.12=0812", "48.12"),
            ("0600 3=910000 48.13=0499370898", "48.13"),
            ("0600 3=910000 48.14=14051301", "48.14"),
            ("0600 3=910000 2=", "2"),
            ("0100 3=315500", "3"),
        ] {
            check_refused(change, Verdict::FormatError, at);
        }
    }

    #[test]
    fn functions_that_are_not_built_are_not_known() {
        for change in [
            "3=090000",
            "3=190000",
            "3=200000",
            "3=770000",
            "0100 3=380000",
            "0500",
            "0600 3=940000",
            "0300",
            "0240",
            "0800 70=161",
        ] {
            check_refused(change, Verdict::UnknownTransaction, "");
        }
    }

    #[test]
    fn a_load_names_its_target_by_account_or_tag_and_may_be_paid_by_a_voucher() {
        let card = |digits: &[u8]| Identity::Card(token(TokenKind::Card, digits));
        let target = |changes: &str| {
            let request = ask(&changed(&format!("3=290000 {changes}")));
            assert_eq!(request.asked.function, Function::Load);
            request.aim.to.map(|to| (to.identity, to.bin))
        };
        let gift = (card(b"9999123400001001"), Bin::parse("99991234"));
        assert_eq!(target(""), None);
        assert_eq!(target("103=9999123400001001"), Some(gift));
        assert_eq!(target("48.11=C9999123400001001"), Some(gift));
        assert_eq!(
            target("103=9999123400001001 48.11=B7").map(|to| to.0),
            Some(gift.0)
        );
        assert_eq!(
            target("48.11=B7"),
            Some((Identity::Number(MemberId(7)), None))
        );
        // Whom it is for is named by his card alone, where nobody pays with another.
        let named = ask(&changed(
            "3=290000 2= 4= 49= 103=9999123400001001 48.22=ab12-cd34",
        ));
        assert_eq!(named.identity(), Some(gift.0));
        let number = token(TokenKind::Voucher, b"AB12CD34");
        assert_eq!(named.aim.voucher, Some(number));
        check_refused("3=290000 4=", Verdict::FormatError, "4");
        check_refused("3=290000 48.22=a1", Verdict::FormatError, "48.22");
        check_refused("3=290000 103=12", Verdict::FormatError, "103");
        check_refused("3=290000 48.11=X12", Verdict::FormatError, "48.11");
    }

    #[test]
    fn what_a_load_names_is_part_of_what_a_repeat_must_equal() {
        let digest = |changes: &str| ask(&changed(changes)).asked.digest;
        let one = "3=290000 103=9999123400001001";
        assert_eq!(digest(one), digest(&format!("0201 {one}")));
        for other in [
            "3=290000 103=9999123400001002",
            "3=290000 103=9999123400001001 48.20=gift",
            "3=290000",
        ] {
            assert_ne!(digest(one), digest(other), "{other}");
        }
        assert_ne!(
            digest("3=400000 48.20=sport>lunch"),
            digest("3=400000 48.20=lunch>sport")
        );
        // Of a purchase, what only a load names counts for nothing.
        assert_eq!(digest(""), digest("48.11=B7"));
    }

    #[test]
    fn a_member_is_named_by_card_track_or_tag() {
        let card = Some(token(TokenKind::Card, b"9999120000001234"));
        assert_eq!(ask(&changed("2= 35=9999120000001234=29121010")).card, card);
        let both = ask(&changed("35=9999990000000007=29121010 48.10=M09120000007"));
        assert_eq!(both.card, card);
        assert_eq!(both.identity(), card.map(Identity::Card));
        let mobile = token(TokenKind::Mobile, b"+989120000007");
        let named = ask(&changed("2= 48.10=M09120000007"));
        assert_eq!(named.identity(), Some(Identity::Mobile(mobile)));
        assert_eq!(named.asked.last_four, None);
        let code = token(TokenKind::NationalCode, b"0499370899");
        let named = ask(&changed("2= 48.10=N0499370899"));
        assert_eq!(named.identity(), Some(Identity::NationalCode(code)));
        let named = ask(&changed("2= 48.10=C9999120000001234"));
        assert_eq!((named.card, named.asked.last_four), (card, Some(*b"1234")));
        check_refused("2= 48.10=C12", Verdict::FormatError, "48.10");
    }

    #[test]
    fn the_key_knows_type_and_function_and_no_repeat() {
        for (mti, kind, repeat) in [
            ("0200", 20, false),
            ("0201", 20, true),
            ("0220", 22, false),
            ("0221", 22, true),
            ("0400", 40, false),
            ("0421", 42, true),
        ] {
            let request = ask(&changed(mti));
            assert_eq!(
                (request.asked.key.kind, request.repeat),
                (kind, repeat),
                "{mti}"
            );
        }
        assert_eq!(ask(&changed("0600 3=910000")).asked.key.kind, 60);
        assert_eq!(ask(&changed("0100 3=390000")).asked.key.kind, 10);
    }

    #[test]
    fn the_digest_is_over_card_code_amount_and_currency() {
        let of = |changes: &str| ask(&changed(changes)).asked.digest;
        let first = of("");
        for same in ["0201", "7=1123064501", "37=000000000001", "48.31=x"] {
            assert_eq!(of(same), first, "{same}");
        }
        for other in ["2=9999120000001235", "3=000001", "4=000002755556", "49=840"] {
            assert_ne!(of(other), first, "{other}");
        }
    }

    #[test]
    fn an_advice_tells_what_happened() {
        let request = ask(&changed("0220 48.74=137777 48.21=200000"));
        assert_eq!(request.asked.mode, Mode::Advise);
        assert_eq!(request.wishes.discount_told, Some(Rials(137_777)));
        assert_eq!(request.wishes.redeem, Redeem::Exactly(Rials(200_000)));
        // Only an advice tells a discount, and only a request asks for the most.
        assert_eq!(ask(&changed("48.74=137777")).wishes.discount_told, None);
        assert_eq!(
            ask(&changed("48.21=max")).wishes.redeem,
            Redeem::AsMuchAsAllowed
        );
        assert_eq!(ask(&changed("48.21=0")).wishes.redeem, Redeem::Nothing);
        assert_eq!(
            ask(&changed("0220 48.21=max")).wishes.redeem,
            Redeem::Nothing
        );
        assert_eq!(ask(&changed("0120")).asked.function, Function::Purchase);
    }

    fn check_original(changes: &str, wanted: OriginalRef) {
        let request = ask(&changed(changes));
        assert_eq!(request.asked.original, Some(wanted), "{changes}");
    }

    #[test]
    fn a_reversal_names_its_original_one_way_or_another() {
        let nothing = OriginalRef::default();
        let rrn = Some(*b"000000000042");
        let data = "90=020000000711230645000058167203100000000000";
        let told = OriginalRef {
            kind: Some(20),
            stan: Some(7),
            transmitted: Some(1_123_064_500),
            ..nothing
        };
        check_original(&format!("0400 11=000008 {data} 37=000000000042"), told);
        let zeros = "90=000000000700000000000000000000000000000000";
        let by_stan = OriginalRef {
            stan: Some(7),
            rrn,
            ..nothing
        };
        check_original(&format!("0420 {zeros} 37=000000000042"), by_stan);
        check_original("0400 37=000000000042", OriginalRef { rrn, ..nothing });
        let by_time = OriginalRef {
            stan: Some(7),
            local: Some(1_123_101_500),
            ..nothing
        };
        check_original("0400", by_time);
        let all = "90=000000000000000000000000000000000000000000";
        check_original(&format!("0400 {all}"), by_time);
        let replaced = "95=000002000000000000000000C00000000C00000000";
        let partial = OriginalRef {
            partial: true,
            ..told
        };
        check_original(&format!("0400 {data} {replaced}"), partial);
        let whole = "95=000000000000000000000000C00000000C00000000";
        check_original(&format!("0400 {data} {whole}"), told);
    }

    #[test]
    fn a_link_fills_in_and_keeps_out() {
        assert_eq!(ask(PURCHASE).acquirer, "581672031");
        assert_eq!(ask(&changed("32=00000627412")).acquirer, "627412");
        let dialect = dialect("iso87-ascii");
        let listed = LinkTerms {
            terminals: Some(["T0000002".to_owned()].into()),
            ..link()
        };
        for (line, allowed) in [(PURCHASE.to_owned(), false), (changed("41=T0000002"), true)] {
            match dialect.read(&message(&dialect, &line), &listed, &token) {
                Read::Ask(request) => assert_eq!(request.terminal_allowed, allowed, "{line}"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn an_enrolment_brings_every_identity() {
        let request = ask(&changed(
            "0600 3=910000 48.12=+989120000007 48.13=0499370899 48.14=13700101 48.17=ali",
        ));
        let wish = request.enrol.unwrap();
        assert_eq!(
            wish.identities,
            [
                Identity::Card(token(TokenKind::Card, b"9999120000001234")),
                Identity::Mobile(token(TokenKind::Mobile, b"+989120000007")),
                Identity::NationalCode(token(TokenKind::NationalCode, b"0499370899")),
            ]
        );
        assert_eq!(wish.staff.as_deref(), Some("ali"));
        assert_eq!(wish.born.unwrap().to_string(), "1370/01/01");
    }

    #[test]
    fn a_card_is_added_to_whom_the_message_names() {
        let card = |digits: &[u8]| Identity::Card(token(TokenKind::Card, digits));
        let (first, second) = (card(b"9999120000001234"), card(b"9999120000005678"));
        // His own card is read and the new one is told; or the new one is read and he is told.
        let told = ask(&changed("0600 3=911000 48.11=C9999120000005678"));
        assert_eq!(told.asked.function, Function::AddCard);
        assert_eq!(told.identity(), Some(first));
        assert_eq!(told.aim.to.unwrap().identity, second);
        let read = ask(&changed("0600 3=911000 48.10=M+989120000007"));
        let mobile = token(TokenKind::Mobile, b"+989120000007");
        assert_eq!(read.identity(), Some(Identity::Mobile(mobile)));
        assert_eq!(read.aim.to.unwrap().identity, first);
        assert_ne!(told.asked.digest, read.asked.digest);
    }

    #[test]
    fn a_balance_is_asked_of_one_kind_or_all() {
        let of = |processing: &str| ask(&changed(&format!("0100 3={processing}"))).balance_of;
        assert_eq!(of("310000"), None);
        assert_eq!(of("319100"), Some(PurseKind::Points));
        assert_eq!(of("319200"), Some(PurseKind::ClubCredit));
        assert_eq!(of("319300"), Some(PurseKind::MerchantCredit));
        assert_eq!(of("319600"), Some(PurseKind::Bon));
        assert_eq!(of("316000"), Some(PurseKind::Prepaid));
    }

    #[test]
    fn a_balance_needs_little_and_what_is_kept_a_time() {
        assert_eq!(
            ask("0100 2=9999120000001234 3=310000 11=000001")
                .asked
                .key
                .local,
            0
        );
        let by_clock = ask(&changed("0400 12= 13="));
        assert_eq!(by_clock.asked.key.local, 1_123_064_500);
        check_refused("0400 7= 12= 13=", Verdict::FormatError, "12");
        check_refused("0600 3=910000 7= 13=", Verdict::FormatError, "12");
    }

    #[test]
    fn what_cannot_be_answered_is_dropped() {
        for (mti, wanted) in [("0210", Dropped::Response), ("0900", Dropped::UnknownClass)] {
            match read(&changed(mti)) {
                Read::Drop(cause) => assert_eq!(cause, wanted),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn the_other_dialects_say_the_same() {
        let line = changed("48.21=max 48.31=bill-7 37=000000000042 32=581672031");
        let wanted = ask(&line);
        for name in [
            "iso87-ascii-binmap",
            "iso87-bcd",
            "iso87-ebcdic",
            "pos-nac-bcd",
        ] {
            let dialect = dialect(name);
            match dialect.read(&message(&dialect, &line), &link(), &token) {
                Read::Ask(request) => assert_eq!(*request, wanted, "{name}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_purchase_of_1993_asks_the_same() {
        let more = "32=581672031 37=000000000042 48.21=max 48.31=bill-7";
        let wanted = ask(&changed(&format!("{more} 18=5411")));
        for name in ["iso93-ascii", "iso93-bcd"] {
            // Its field 13 is another date, its field 18 another code; the function code need not be there.
            let line = changed_93(&format!("{more} 13=2601 18=1234 26=5411"));
            assert_eq!(ask_in(name, &line), wanted, "{name}");
            assert_eq!(ask_in(name, &samples::changed(&line, "24=")), wanted);
        }
    }

    #[test]
    fn what_is_missing_or_malformed_in_1993_is_told_by_its_place() {
        for field in ["3", "4", "11", "12", "41", "42", "49"] {
            check_refused_93(&format!("{field}="), Verdict::FormatError, field);
        }
        for (change, at) in [
            ("12=261323101500", "12"),
            ("12=261123101560", "12"),
            ("12=260229101500", "12"),
            ("1604 3=910000 7= 12=", "12"),
            ("1804 24=", "24"),
            ("1420 24=400 56=1200", "56"),
            ("1420 24=400 56=1200000007261123101500", "56"),
            ("1420 24=400 56=1200000007261123101500065816720", "56"),
            ("1420 24=400 56=120000000726112310156009581672031", "56"),
        ] {
            check_refused_93(change, Verdict::FormatError, at);
        }
        assert_eq!(
            ask_in("iso93-ascii", &changed_93("12=280229101500"))
                .asked
                .key
                .local,
            229_101_500
        );
    }

    #[test]
    fn functions_that_1993_does_not_tell_are_not_known() {
        for change in [
            "3=770000",
            "3=770000 24=",
            "1304",
            "1500",
            "1804 24=821",
            "1420 24=450",
            "1604 3=940000",
        ] {
            check_refused_93(change, Verdict::UnknownTransaction, "");
        }
        for (mti, wanted) in [("1210", Dropped::Response), ("1900", Dropped::UnknownClass)] {
            match read_in("iso93-ascii", &changed_93(mti)) {
                Read::Drop(cause) => assert_eq!(cause, wanted),
                other => panic!("{other:?}"),
            }
        }
        for (code, wanted) in [
            ("801", Network::SignOn),
            ("802", Network::SignOff),
            ("831", Network::Echo),
        ] {
            for mti in ["1804", "1805", "1820"] {
                match read_in("iso93-ascii", &format!("{mti} 11=000001 24={code}")) {
                    Read::Network(network) => assert_eq!(network, wanted),
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    #[test]
    fn the_key_of_1993_is_without_version_and_repeat() {
        for (changes, kind, repeat) in [
            ("1200", 20, false),
            ("1201", 20, true),
            ("1221", 22, true),
            ("1400", 40, false),
            ("1421", 42, true),
            ("1604 3=910000", 60, false),
            ("1605 3=910000", 60, true),
            ("1100 3=390000", 10, false),
        ] {
            let request = ask_in("iso93-ascii", &changed_93(&format!("24= {changes}")));
            assert_eq!(
                (request.asked.key.kind, request.repeat),
                (kind, repeat),
                "{changes}"
            );
        }
    }

    #[test]
    fn a_reversal_of_1993_names_its_original_by_local_time() {
        let rrn = Some(*b"000000000042");
        let told = OriginalRef {
            kind: Some(20),
            stan: Some(7),
            local: Some(1_123_101_500),
            ..OriginalRef::default()
        };
        let partial = OriginalRef {
            partial: true,
            ..told
        };
        let own = OriginalRef { kind: None, ..told };
        let by_stan = OriginalRef {
            local: None,
            rrn,
            ..own
        };
        let data = "56=120000000726112310150009581672031";
        for (changes, wanted) in [
            (
                format!("1420 11=000008 24=400 {data} 37=000000000042"),
                told,
            ),
            (format!("1400 11=000008 24= {data}"), told),
            ("1420 24=400 56=120000000726112310150000".to_owned(), told),
            (
                "1400 24=400 56=000000000700000000000000 37=000000000042".to_owned(),
                by_stan,
            ),
            ("1400 24=400 56=000000000000000000000000".to_owned(), own),
            ("1400 24=400".to_owned(), own),
            (
                format!("1420 24=401 {data} 30=000002755555000000000000"),
                partial,
            ),
        ] {
            for name in ["iso93-ascii", "iso93-bcd"] {
                let request = ask_in(name, &changed_93(&changes));
                assert_eq!(request.asked.original, Some(wanted), "{changes}");
            }
        }
    }
}
