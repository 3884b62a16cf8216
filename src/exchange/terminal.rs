//! The other side of the conversation: a terminal of a shop that asks, and reads what it is told. For the shell, the
//! demo, load and tests.

use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::ledger::{PurseKind, Redeem, Verdict};
use crate::message::{EncodeError, Message, MessageBuilder, Mti};
use crate::spec::Path;
use crate::terms::money::pointed;
use crate::terms::person::{Mobile, NationalCode};
use crate::terms::{EntryMode, JalaliDate, Local, MemberId, Moment, Pan, Rials, Voucher, Zone};
use crate::words::outcome::outcome;
use crate::words::{Language, Slip};

use super::bind::{Dialect, OriginalForm, longest};
use super::read::{Network, entry_field};
use super::{kind_code, kind_of};

/// A terminal: where it stands, and the number of its next message.
#[derive(Clone, Debug)]
pub struct Terminal {
    dialect: Arc<Dialect>,
    place: Place,
    zone: Zone,
    stan: u32,
    /// The last second that was asked for, with both clocks as MMDDhhmmss.
    clock: Option<(i64, u32, u32)>,
}

/// Where a terminal stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The acceptor number of the shop.
    pub acceptor: String,
    /// The number of the terminal, eight characters.
    pub terminal: String,
    /// The institution code of its acquirer; none: the one of the link counts.
    pub acquirer: Option<String>,
    /// Decimals of points, which an answer does not tell with every balance.
    pub points_decimals: u8,
}

/// Whom a message is about. Cards and numbers are not printed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Who {
    /// By a bank card.
    Card(Pan),
    /// By a mobile number.
    Mobile(Mobile),
    /// By a national code.
    NationalCode(NationalCode),
    /// By the club number.
    Number(MemberId),
}

/// A purchase as it is asked for, or as it happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sale {
    /// Who buys.
    pub who: Who,
    /// The bill; whole units of the currency.
    pub amount: Rials,
    /// ISO 4217 numeric; 364 is the rial.
    pub currency: u16,
    /// How much to take from purses.
    pub redeem: Redeem,
    /// The only purse to take from.
    pub purse: Option<String>,
    /// The club it is for.
    pub club: Option<String>,
    /// Who brought the customer.
    pub introducer: Option<Who>,
    /// The shop's bill number.
    pub bill: Option<String>,
    /// In an advice: the discount that was given.
    pub discount_told: Option<Rials>,
    /// A retrieval reference of its own.
    pub rrn: Option<String>,
    /// How the card was read.
    pub entry: Option<EntryMode>,
    /// What is bought: `code,quantity,amount`, `;` between.
    pub lines: Option<String>,
    /// The code of the service.
    pub service: Option<String>,
    /// Who serves.
    pub staff: Option<String>,
}

impl Sale {
    /// So many rials, without wishes.
    pub fn of(who: Who, amount: Rials) -> Sale {
        Sale {
            who,
            amount,
            currency: 364,
            redeem: Redeem::Nothing,
            purse: None,
            club: None,
            introducer: None,
            bill: None,
            discount_told: None,
            rrn: None,
            entry: None,
            lines: None,
            service: None,
            staff: None,
        }
    }
}

/// Money or points that go into a purse.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Movement {
    /// Who asks; of a load: whose card pays.
    pub who: Who,
    /// Whom it is for; none: whoever asks.
    pub to: Option<Who>,
    /// How much, in whole units of the currency; of a voucher none.
    pub amount: Option<Rials>,
    /// ISO 4217 numeric; 364 is the rial, 999 the smallest unit of a purse of points.
    pub currency: u16,
    /// The purse; of a conversion `from>to`.
    pub purse: Option<String>,
    /// The club or card product it is of.
    pub club: Option<String>,
    /// The voucher that pays.
    pub voucher: Option<Voucher>,
}

impl Movement {
    /// So many rials.
    pub fn of(who: Who, amount: Rials) -> Movement {
        Movement {
            who,
            to: None,
            amount: Some(amount),
            currency: 364,
            purse: None,
            club: None,
            voucher: None,
        }
    }
}

/// Somebody who wants to be a member.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Enrolment {
    /// His card.
    pub card: Option<Pan>,
    /// His mobile number.
    pub mobile: Option<Mobile>,
    /// His national code.
    pub national_code: Option<NationalCode>,
    /// His birth date.
    pub born: Option<JalaliDate>,
    /// Who brought him.
    pub introducer: Option<Who>,
    /// The club, where there are several.
    pub club: Option<String>,
    /// Who enrols him.
    pub staff: Option<String>,
}

/// A message on its way, and what is needed to repeat or reverse it and to print its receipt.
#[derive(Clone)]
pub struct Sent {
    /// Its bytes.
    pub body: Bytes,
    /// Its type.
    pub mti: Mti,
    /// What it asks, by its name in dialect files.
    pub function: &'static str,
    /// Its trace number.
    pub stan: u32,
    /// When, on the clock of the shop.
    pub at: Local,
    /// DE7 as the number MMDDhhmmss; 0: neither it nor the local time is known.
    pub transmitted: u32,
    /// Processing code.
    pub processing: u32,
    /// The amount, where it has one.
    pub amount: Option<Rials>,
    /// The currency of the amount.
    pub currency: u16,
    /// The card, for a reversal.
    pub card: Option<Pan>,
}

/// Its bytes hold card data and are not shown.
impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} stan {:06}", self.mti, self.function, self.stan)
    }
}

impl Terminal {
    /// A terminal whose first message has trace number 1.
    pub fn new(dialect: Arc<Dialect>, place: Place, zone: Zone) -> Terminal {
        Terminal {
            dialect,
            place,
            zone,
            stan: 0,
            clock: None,
        }
    }

    /// Goes on after this trace number.
    #[must_use]
    pub fn after_stan(mut self, stan: u32) -> Terminal {
        self.stan = stan % 1_000_000;
        self
    }

    /// Where it stands.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Asks for a purchase.
    ///
    /// # Errors
    /// Something that was given has no place in the dialect; so for all messages.
    pub fn purchase(&mut self, sale: &Sale, now: Moment) -> Result<Sent, EncodeError> {
        self.sale("purchase", sale, now)
    }

    /// Asks what a purchase would get.
    ///
    /// # Errors
    /// See [`Terminal::purchase`].
    pub fn quote(&mut self, sale: &Sale, now: Moment) -> Result<Sent, EncodeError> {
        self.sale("quote", sale, now)
    }

    /// Tells of a purchase that has happened.
    ///
    /// # Errors
    /// See [`Terminal::purchase`].
    pub fn advice(&mut self, sale: &Sale, now: Moment) -> Result<Sent, EncodeError> {
        self.sale("advice", sale, now)
    }

    /// Asks for the balances of a member: of one kind, or all.
    ///
    /// # Errors
    /// See [`Terminal::purchase`].
    pub fn balance(
        &mut self,
        who: &Who,
        of: Option<PurseKind>,
        now: Moment,
    ) -> Result<Sent, EncodeError> {
        let kind = of.map_or(0, |kind| u32::from(kind_code(kind)));
        let mut draft = self.draft("balance", false, now);
        draft.sent.processing += kind * 100;
        draft.sent.currency = 364;
        draft.sent.card = who.card();
        let tags = who.tag(&self.dialect.tags.member);
        self.write(draft, &tags, |_| ())
    }

    /// Undoes a message that was sent: asked for (0400), or told (0420) where that is wanted or the only way.
    ///
    /// # Errors
    /// See [`Terminal::purchase`].
    pub fn reversal(
        &mut self,
        original: &Sent,
        told: bool,
        now: Moment,
    ) -> Result<Sent, EncodeError> {
        let mut draft = self.draft("reversal", told, now);
        draft.sent.processing = original.processing;
        draft.sent.amount = original.amount;
        draft.sent.currency = original.currency;
        draft.sent.card.clone_from(&original.card);
        let acquirer = self.place.acquirer.as_deref().unwrap_or("");
        let (mti, stan) = (original.mti.first(), original.stan);
        let data = match self.dialect.original {
            OriginalForm::Transmitted => {
                let transmitted = original.transmitted;
                format!("{mti}{stan:06}{transmitted:010}{acquirer:0>11}{:011}", 0)
            }
            OriginalForm::Local => {
                let local = match original.transmitted {
                    0 => 0,
                    _ => year_to_second(original.at),
                };
                format!("{mti}{stan:06}{local:012}{:02}{acquirer}", acquirer.len())
            }
        };
        let at = self.dialect.at.original;
        self.write(draft, &[], |builder| {
            builder.set(at, &data);
        })
    }

    /// Puts money, or what a voucher is worth, into a purse.
    ///
    /// # Errors
    /// See [`Terminal::purchase`].
    pub fn load(&mut self, load: &Movement, now: Moment) -> Result<Sent, EncodeError> {
        self.movement("load", load, now)
    }

    /// Makes of one purse's content another's.
    ///
    /// # Errors
    /// See [`Terminal::purchase`].
    pub fn transfer(&mut self, transfer: &Movement, now: Moment) -> Result<Sent, EncodeError> {
        self.movement("transfer", transfer, now)
    }

    /// Makes somebody a member.
    ///
    /// # Errors
    /// See [`Terminal::purchase`].
    pub fn enrol(&mut self, enrolment: &Enrolment, now: Moment) -> Result<Sent, EncodeError> {
        let mut draft = self.draft("enrol", false, now);
        draft.sent.card.clone_from(&enrolment.card);
        let names = &self.dialect.tags;
        let mut tags = Vec::new();
        let mut tag = |name: &str, value: Option<String>| {
            tags.extend(value.map(|value| (name.to_owned(), value)));
        };
        let mobile = enrolment.mobile.as_ref();
        tag(&names.mobile, mobile.map(|m| m.as_str().to_owned()));
        let code = enrolment.national_code.as_ref();
        tag(&names.national_code, code.map(|c| c.as_str().to_owned()));
        tag(&names.birth_date, enrolment.born.map(JalaliDate::digits));
        let introducer = enrolment.introducer.as_ref();
        tag(&names.introducer, introducer.map(Who::named));
        tag(&names.club, enrolment.club.clone());
        tag(&names.enrolled_by, enrolment.staff.clone());
        self.write(draft, &tags, |_| ())
    }

    /// Adds a card to a member.
    ///
    /// # Errors
    /// See [`Terminal::purchase`].
    pub fn add_card(
        &mut self,
        who: &Who,
        card: &Pan,
        club: Option<&str>,
        now: Moment,
    ) -> Result<Sent, EncodeError> {
        let mut draft = self.draft("add-card", false, now);
        draft.sent.card = who.card();
        let mut tags = who.tag(&self.dialect.tags.member);
        let club = club.map(|club| (self.dialect.tags.club.clone(), club.to_owned()));
        tags.extend(club);
        let target = self.dialect.more.target.as_ref();
        tags.extend(target.map(|tag| (tag.clone(), Who::Card(card.clone()).named())));
        self.write(draft, &tags, |_| ())
    }

    /// Says something about the link.
    ///
    /// # Errors
    /// See [`Terminal::purchase`].
    pub fn network(&mut self, network: Network, now: Moment) -> Result<Sent, EncodeError> {
        let draft = self.draft(network.name(), false, now);
        self.write(draft, &[], |_| ())
    }

    /// A message once more, marked as a repeat; everything else is as it was.
    ///
    /// # Errors
    /// What was sent is no message of the dialect.
    pub fn repeat(&self, sent: &Sent) -> Result<Sent, EncodeError> {
        let spec = self.dialect.spec();
        let mut body = BytesMut::new();
        let mti = sent.mti.repeat();
        let mut builder = MessageBuilder::new(spec, mti);
        if let Ok(message) = Message::decode(spec, sent.body.clone()) {
            builder.copy_all(&message);
        }
        builder.encode(&mut body)?;
        Ok(Sent {
            body: body.freeze(),
            mti,
            ..sent.clone()
        })
    }

    /// What the answer to one of its messages says.
    pub fn receipt(&self, answer: &Message) -> Receipt {
        Receipt::read(&self.dialect, answer, self.place.points_decimals)
    }

    /// The slip that the shop prints.
    pub fn slip(&self, sent: &Sent, receipt: &Receipt) -> Slip {
        let purses = |list: &[PurseAmount]| {
            let pairs = list.iter().map(|p| (p.purse.clone(), p.to_string()));
            pairs.collect()
        };
        let rials = |rials: Option<Rials>| rials.map(|rials| rials.0.to_string());
        let verdict = receipt.verdict.map(|verdict| verdict.name().to_owned());
        let bill = matches!(sent.function, "purchase" | "quote" | "advice" | "load");
        Slip {
            function: sent.function.to_owned(),
            outcome: verdict.unwrap_or_else(|| receipt.code.clone()),
            shop: self.place.acceptor.clone(),
            terminal: self.place.terminal.clone(),
            at: Some(sent.at),
            stan: Some(sent.stan),
            rrn: receipt.rrn.clone(),
            approval: receipt.approval.clone(),
            last_four: sent
                .card
                .as_ref()
                .map(|card| String::from_utf8_lossy(&card.last_four()).into_owned()),
            member: receipt.member.clone(),
            amount: rials(sent.amount),
            discount: rials(receipt.discount),
            used: purses(&receipt.redeemed),
            pays: rials(receipt.pays.filter(|_| bill && receipt.is_approved())),
            earned: purses(&receipt.earned),
            balances: purses(&receipt.balances),
        }
    }

    fn sale(
        &mut self,
        function: &'static str,
        sale: &Sale,
        now: Moment,
    ) -> Result<Sent, EncodeError> {
        let mut draft = self.draft(function, function == "advice", now);
        draft.sent.amount = Some(sale.amount);
        draft.sent.currency = sale.currency;
        draft.sent.card = sale.who.card();
        let names = &self.dialect.tags;
        let mut tags = sale.who.tag(&names.member);
        let mut tag = |name: &str, value: Option<String>| {
            tags.extend(value.map(|value| (name.to_owned(), value)));
        };
        tag(&names.introducer, sale.introducer.as_ref().map(Who::named));
        tag(&names.club, sale.club.clone());
        tag(&names.purse_asked, sale.purse.clone());
        tag(
            &names.rials_asked,
            match sale.redeem {
                Redeem::Nothing => None,
                Redeem::Exactly(rials) => Some(rials.0.to_string()),
                Redeem::AsMuchAsAllowed => Some("max".to_owned()),
            },
        );
        tag(&names.bill, sale.bill.clone());
        tag(&names.lines, sale.lines.clone());
        tag(&names.service, sale.service.clone());
        tag(&names.staff, sale.staff.clone());
        tag(
            &names.discount,
            sale.discount_told.map(|rials| rials.0.to_string()),
        );
        let (at, rrn) = (self.dialect.at.rrn, sale.rrn.as_ref());
        let entry = self.dialect.also.entry.zip(sale.entry);
        let entry = entry.map(|(n, entry)| {
            let units = longest(&self.dialect.spec, n);
            (n, entry_field(entry, units))
        });
        self.write(draft, &tags, |builder| {
            if let Some(rrn) = rrn {
                builder.set(at, format!("{rrn:<12}"));
            }
            if let Some((n, text)) = &entry {
                builder.set(*n, text.clone());
            }
        })
    }

    fn movement(
        &mut self,
        function: &'static str,
        movement: &Movement,
        now: Moment,
    ) -> Result<Sent, EncodeError> {
        let mut draft = self.draft(function, false, now);
        draft.sent.amount = movement.amount;
        draft.sent.currency = movement.currency;
        draft.sent.card = movement.who.card();
        let (names, more) = (&self.dialect.tags, &self.dialect.more);
        let mut tags = movement.who.tag(&names.member);
        let mut tag = |name: Option<&String>, value: Option<String>| {
            tags.extend(name.zip(value).map(|(name, value)| (name.clone(), value)));
        };
        tag(Some(&names.club), movement.club.clone());
        tag(Some(&names.purse_asked), movement.purse.clone());
        tag(more.target.as_ref(), movement.to.as_ref().map(Who::named));
        let number = movement.voucher.as_ref().map(Voucher::as_bytes);
        let number = number.map(|number| String::from_utf8_lossy(number).into_owned());
        tag(more.voucher.as_ref(), number);
        self.write(draft, &tags, |_| ())
    }

    /// The next trace number and the time, of which every message is made, and what the dialect says of the function.
    fn draft(&mut self, function: &'static str, told: bool, now: Moment) -> Draft {
        // Trace number 0 is no number: after the last comes 1.
        self.stan = self.stan % 999_999 + 1;
        let at = self.zone.local(now);
        let (local, transmitted) = match self.clock {
            Some((seconds, local, utc)) if seconds == now.seconds() => (local, utc),
            _ => {
                let utc = Zone::fixed("UTC", 0).local(now);
                let both = (month_to_second(at), month_to_second(utc));
                self.clock = Some((now.seconds(), both.0, both.1));
                both
            }
        };
        let mut draft = Draft {
            local,
            said: Vec::new(),
            sent: Sent {
                body: Bytes::new(),
                mti: self.mti(function, told),
                function,
                stan: self.stan,
                at,
                transmitted,
                processing: 0,
                amount: None,
                currency: 0,
                card: None,
            },
        };
        for (path, pattern) in &self.dialect.row(function).when {
            // Where any value will do nothing need be said; where any digit will, a zero.
            let value = pattern.0.replace('x', "0");
            if usize::from(path.field) == self.dialect.at.processing {
                draft.sent.processing = value.parse().unwrap_or_default();
            } else if value != "*" {
                draft.said.push((path.clone(), value));
            }
        }
        draft
    }

    /// The type that a function is asked for with, or that it is told with.
    fn mti(&self, function: &str, told: bool) -> Mti {
        let row = self.dialect.row(function);
        let fits = row.mti.iter().find(|mti| mti.is_advice() == told);
        fits.copied().unwrap_or(self.dialect.mti(function))
    }

    fn write(
        &self,
        draft: Draft,
        tags: &[(String, String)],
        more: impl FnOnce(&mut MessageBuilder<'_>),
    ) -> Result<Sent, EncodeError> {
        let Draft {
            local,
            said,
            mut sent,
        } = draft;
        let (at, place) = (&self.dialect.at, &self.place);
        let mut builder = MessageBuilder::new(self.dialect.spec(), sent.mti);
        if let Some(card) = &sent.card {
            builder.set(at.pan, card.digits());
        }
        if sent.mti.class() != 8 {
            builder.number(at.processing, u64::from(sent.processing));
        }
        if let Some(amount) = sent.amount {
            builder.number(at.amount, amount.0.unsigned_abs());
        }
        builder.number(at.transmitted, u64::from(sent.transmitted));
        builder.number(at.stan, u64::from(sent.stan));
        if longest(self.dialect.spec(), at.time) == 12 {
            builder.number(at.time, year_to_second(sent.at));
        } else {
            builder.number(at.time, u64::from(local % 1_000_000));
        }
        if let Some(date) = self.dialect.also.date {
            builder.number(date, u64::from(local / 1_000_000));
        }
        if let Some(acquirer) = &place.acquirer {
            builder.set(at.acquirer, acquirer);
        }
        if sent.mti.class() != 8 {
            builder.set(at.terminal, format!("{:<8}", place.terminal));
            builder.set(at.acceptor, format!("{:<15}", place.acceptor));
        }
        for (path, value) in said {
            let n = usize::from(path.field);
            match path.tag() {
                Some(tag) => builder.tag(n, tag, value),
                None => builder.set(n, value),
            };
        }
        for (tag, value) in tags {
            builder.tag(at.private, tag, value);
        }
        if sent.currency != 0 {
            builder.set(at.currency, format!("{:03}", sent.currency));
        }
        more(&mut builder);
        let mut body = BytesMut::with_capacity(256);
        builder.encode(&mut body)?;
        sent.body = body.freeze();
        Ok(sent)
    }
}

/// A message before its bytes are made.
struct Draft {
    sent: Sent,
    local: u32,
    /// What tells its function beside the processing code.
    said: Vec<(Path, String)>,
}

impl Who {
    fn card(&self) -> Option<Pan> {
        match self {
            Who::Card(pan) => Some(pan.clone()),
            _ => None,
        }
    }

    /// The tag that names him where no card does.
    fn tag(&self, name: &str) -> Vec<(String, String)> {
        match self {
            Who::Card(_) => Vec::new(),
            _ => vec![(name.to_owned(), self.named())],
        }
    }

    /// Kind letter and value.
    fn named(&self) -> String {
        match self {
            Who::Card(pan) => format!("C{}", String::from_utf8_lossy(pan.digits())),
            Who::Mobile(mobile) => format!("M{}", mobile.as_str()),
            Who::NationalCode(code) => format!("N{}", code.as_str()),
            Who::Number(number) => format!("B{number}"),
        }
    }
}

/// YYMMDDhhmmss.
fn year_to_second(at: Local) -> u64 {
    let year = at.day.gregorian().year().rem_euclid(100);
    year as u64 * 10_000_000_000 + u64::from(month_to_second(at))
}

/// MMDDhhmmss.
fn month_to_second(at: Local) -> u32 {
    let (date, time) = (at.day.gregorian(), at.time.0);
    let day = date.month() as u32 * 100 + date.day() as u32;
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    day * 1_000_000 + hour * 10_000 + minute * 100 + second
}

/// An amount of a purse.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PurseAmount {
    /// The name of the purse; a shop's code after `@` where it is another shop's.
    pub purse: String,
    /// In smallest units.
    pub amount: i64,
    /// Decimals of one whole.
    pub decimals: u8,
}

/// `290.13`.
impl fmt::Display for PurseAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&pointed(self.amount, self.decimals))
    }
}

/// What an answer says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// Its type.
    pub mti: Mti,
    /// The trace number it answers.
    pub stan: Option<u32>,
    /// The response code as it stands there.
    pub code: String,
    /// What the code means; none where this switch never says it.
    pub verdict: Option<Verdict>,
    /// What the bank card still has to pay.
    pub pays: Option<Rials>,
    /// The discount.
    pub discount: Option<Rials>,
    /// The fee.
    pub fee: Option<Rials>,
    /// What was spent.
    pub redeemed: Vec<PurseAmount>,
    /// What was earned.
    pub earned: Vec<PurseAmount>,
    /// Who takes which part.
    pub split: Vec<(String, Rials)>,
    /// What can be spent now.
    pub balances: Vec<PurseAmount>,
    /// The approval code.
    pub approval: Option<String>,
    /// The retrieval reference.
    pub rrn: Option<String>,
    /// The member's number.
    pub member: Option<String>,
    /// The text beside the code.
    pub text: Option<String>,
    /// The lines to print.
    pub lines: Vec<String>,
    /// The rules that fired.
    pub rules: Vec<String>,
    /// The field at fault, told to terminals under test.
    pub field_at_fault: Option<String>,
}

impl Receipt {
    /// Reads an answer; what it does not say, or says badly, is left out.
    pub fn read(dialect: &Dialect, answer: &Message, points_decimals: u8) -> Receipt {
        let (at, tags, spec) = (&dialect.at, &dialect.tags, dialect.spec());
        let text = |n: usize| {
            let text = answer.text(spec, n)?;
            let text = text.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        let tag = |name: &str| {
            let value = answer.tag(spec, at.private, name)?;
            Some(String::from_utf8_lossy(&dialect.plain(value)).into_owned())
        };
        let rials = |name: &str| tag(name)?.parse().ok().map(Rials);
        let list = |name: &str| -> Vec<PurseAmount> {
            let value = tag(name).unwrap_or_default();
            value.split(';').filter_map(purse_amount).collect()
        };
        let code = text(at.outcome).unwrap_or_default();
        let words = text(at.text);
        let (redeemed, earned) = (list(&tags.redeemed), list(&tags.earned));
        let mut balances = Vec::new();
        for group in text(at.balances).unwrap_or_default().as_bytes().chunks(20) {
            balances.extend(balance(group, points_decimals));
        }
        balances.extend(list(&tags.more_balances));
        Receipt {
            mti: answer.mti(),
            stan: answer.digits(spec, at.stan).map(|stan| stan as u32),
            verdict: verdict(dialect, answer.mti().class(), &code, words.as_deref()),
            code,
            pays: answer
                .digits(spec, at.amount)
                .and_then(|rials| i64::try_from(rials).ok())
                .map(Rials),
            discount: rials(&tags.discount),
            fee: rials(&tags.fee),
            redeemed,
            earned,
            split: tag(&tags.split)
                .unwrap_or_default()
                .split(';')
                .filter_map(|part| {
                    let (role, amount) = part.split_once('=')?;
                    Some((role.to_owned(), Rials(amount.parse().ok()?)))
                })
                .collect(),
            balances,
            approval: text(at.approval),
            rrn: text(at.rrn),
            member: tag(&tags.member),
            text: words,
            lines: tag(&tags.receipt)
                .map(|lines| lines.lines().map(str::to_owned).collect())
                .unwrap_or_default(),
            rules: tag(&tags.rules_fired)
                .map(|rules| rules.split(',').map(str::to_owned).collect())
                .unwrap_or_default(),
            field_at_fault: tag(&tags.field_at_fault),
        }
    }

    /// Whether what was asked was done.
    pub fn is_approved(&self) -> bool {
        self.verdict.is_some_and(Verdict::is_approved)
    }

    /// What was spent from a purse, in smallest units.
    pub fn redeemed_from(&self, purse: &str) -> i64 {
        sum(&self.redeemed, purse)
    }

    /// What a purse gained, in smallest units.
    pub fn earned_in(&self, purse: &str) -> i64 {
        sum(&self.earned, purse)
    }

    /// What can be spent from a purse now, in smallest units; none where it is not told.
    pub fn balance_of(&self, purse: &str) -> Option<i64> {
        let told = self.balances.iter().any(|p| p.purse == purse);
        told.then(|| sum(&self.balances, purse))
    }
}

/// What a response code says. Where it may say several things, the text beside it tells which.
fn verdict(dialect: &Dialect, class: u8, code: &str, words: Option<&str>) -> Option<Verdict> {
    let in_words = |verdict: &Verdict| Some(outcome(verdict.name(), Language::English)) == words;
    dialect
        .verdicts(class, code)
        .find(in_words)
        .or_else(|| dialect.verdicts(class, code).next())
}

fn sum(list: &[PurseAmount], purse: &str) -> i64 {
    let of_purse = list.iter().filter(|p| p.purse == purse);
    of_purse.fold(0, |sum: i64, p| sum.saturating_add(p.amount))
}

/// `points=290.13`.
fn purse_amount(part: &str) -> Option<PurseAmount> {
    let (purse, amount) = part.split_once('=')?;
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    Some(PurseAmount {
        purse: purse.to_owned(),
        amount: format!("{whole}{fraction}").parse().ok()?,
        decimals: u8::try_from(fraction.len()).ok()?,
    })
}

/// A group of 20 of the balances field, under the usual name of its kind.
fn balance(group: &[u8], points_decimals: u8) -> Option<PurseAmount> {
    let group = std::str::from_utf8(group).ok().filter(|g| g.len() == 20)?;
    let kind = kind_of(group.get(..2)?.parse().ok()?)?;
    let decimals = match kind {
        PurseKind::Points => points_decimals,
        _ => 0,
    };
    let amount: i64 = group.get(8..)?.parse().ok()?;
    Some(PurseAmount {
        purse: kind.name().to_owned(),
        amount: if group.get(7..8)? == "D" {
            -amount
        } else {
            amount
        },
        decimals,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::read::Read;
    use crate::exchange::samples::{dialect, example, link, names, token};
    use crate::ledger::{Function, Mode, OriginalRef, Request};
    use crate::terms::TokenKind;
    use crate::terms::person::Identity;

    fn terminal(name: &str) -> Terminal {
        let place = Place {
            acceptor: "m-1001".to_owned(),
            terminal: "T0000001".to_owned(),
            acquirer: Some("581672031".to_owned()),
            points_decimals: 2,
        };
        Terminal::new(
            Arc::new(dialect(name)),
            place,
            Zone::named("Asia/Tehran").unwrap(),
        )
    }

    fn now() -> Moment {
        let zone = Zone::named("Asia/Tehran").unwrap();
        zone.moment(Local::parse("1405/09/02 10:15").unwrap())
    }

    fn card() -> Who {
        Who::Card(Pan::new(b"9999120000001234").unwrap())
    }

    fn decoded(terminal: &Terminal, sent: &Sent) -> Message {
        Message::decode(terminal.dialect.spec(), sent.body.clone()).unwrap()
    }

    fn asked(terminal: &Terminal, sent: &Sent) -> Request {
        let message = decoded(terminal, sent);
        match terminal.dialect.read(&message, &link(), &token) {
            Read::Ask(request) => *request,
            other => panic!("{other:?}"),
        }
    }

    fn check_round(name: &str) {
        let mut terminal = terminal(name);
        let sale = Sale {
            redeem: Redeem::Exactly(Rials(200_000)),
            ..Sale::of(card(), Rials(2_755_555))
        };
        let sent = terminal.purchase(&sale, now()).unwrap();
        let request = asked(&terminal, &sent);
        assert_eq!(request.wishes.redeem, sale.redeem);
        let mut out = BytesMut::new();
        let told = example();
        let dialect = Arc::clone(&terminal.dialect);
        dialect.answer(
            &decoded(&terminal, &sent),
            &told,
            &names(),
            &mut crate::message::Scratch::default(),
            &mut out,
        );
        let answer = Message::decode(dialect.spec(), out.freeze()).unwrap();
        let receipt = terminal.receipt(&answer);
        assert!(receipt.is_approved());
        assert_eq!(receipt.stan, Some(1));
        assert_eq!(
            (receipt.pays, receipt.discount, receipt.fee),
            (told.pays, told.discount, told.fee)
        );
        assert_eq!(receipt.redeemed_from("points"), 23_334);
        assert_eq!(receipt.redeemed_from("merchant-credit"), 40_000);
        assert_eq!(receipt.earned_in("points"), 29_013);
        assert_eq!(receipt.balance_of("points"), Some(59_716));
        assert_eq!(receipt.balance_of("stars"), None);
        assert_eq!(
            receipt.split.last().unwrap(),
            &("merchant".to_owned(), Rials(2_581_158))
        );
        assert_eq!(receipt.approval.as_deref(), Some("A00001"));
        assert_eq!(receipt.rrn.as_deref(), Some("000000000042"));
        assert_eq!(receipt.member.as_deref(), Some("88213"));
        assert_eq!(receipt.lines[3], "+290.13 points");
        assert_eq!(receipt.rules, ["morning-5", "base", "saving"]);
        let slip = terminal.slip(&sent, &receipt).print(Language::English);
        for wanted in [
            "Purchase: Approved",
            "1405/09/02 10:15",
            "2,417,778",
            "**** 1234",
            "597.16",
        ] {
            assert!(slip.contains(wanted), "{wanted} in\n{slip}");
        }
    }

    const DIALECTS: [&str; 7] = [
        "iso87-ascii",
        "iso87-ascii-binmap",
        "iso87-bcd",
        "iso93-ascii",
        "iso93-bcd",
        "iso87-ebcdic",
        "pos-nac-bcd",
    ];

    #[test]
    fn what_is_told_comes_back_as_a_receipt() {
        DIALECTS.iter().for_each(|name| check_round(name));
    }

    #[test]
    fn a_reversal_names_what_was_sent() {
        for name in DIALECTS {
            let mut terminal = terminal(name);
            let sent = terminal
                .purchase(&Sale::of(card(), Rials(10)), now())
                .unwrap();
            let original = asked(&terminal, &sent).asked;
            let reversal = terminal.reversal(&sent, true, now()).unwrap();
            let request = asked(&terminal, &reversal);
            assert_eq!(
                (request.asked.function, request.asked.mode),
                (Function::Reversal, Mode::Advise)
            );
            let by_local_time = terminal.dialect.original == OriginalForm::Local;
            assert_eq!(by_local_time, name.starts_with("iso93"));
            assert_eq!(
                request.asked.original,
                Some(OriginalRef {
                    kind: Some(20),
                    stan: Some(original.key.stan),
                    transmitted: original.transmitted.filter(|_| !by_local_time),
                    local: by_local_time.then_some(original.key.local),
                    ..OriginalRef::default()
                }),
                "{name}"
            );
            assert_eq!(request.asked.amount, original.amount);
            assert_eq!(request.asked.key.stan, 2);
            // Of an original whose time nobody knows, the trace number tells.
            let untimed = Sent {
                transmitted: 0,
                ..sent
            };
            let reversal = terminal.reversal(&untimed, false, now()).unwrap();
            let request = asked(&terminal, &reversal).asked;
            assert_eq!(request.mode, Mode::Ask);
            let reference = request.original.unwrap();
            assert_eq!(
                (reference.stan, reference.transmitted, reference.local),
                (Some(1), None, None)
            );
        }
    }

    #[test]
    fn a_repeat_is_the_same_but_for_its_type() {
        for (name, mti) in [("iso87-ascii", "0201"), ("iso93-ascii", "1201")] {
            let mut terminal = terminal(name);
            let sent = terminal
                .purchase(&Sale::of(card(), Rials(10)), now())
                .unwrap();
            let repeat = terminal.repeat(&sent).unwrap();
            assert_eq!(repeat.body[..4], *mti.as_bytes());
            assert_eq!(format!("{repeat:?}"), format!("{mti} purchase stan 000001"));
            assert_eq!(repeat.body[4..], sent.body[4..]);
            let (first, second) = (asked(&terminal, &sent), asked(&terminal, &repeat));
            assert_eq!(first.asked, second.asked);
            assert!(second.repeat && !first.repeat);
        }
    }

    #[test]
    fn the_other_messages_are_read_as_they_were_meant() {
        DIALECTS.iter().for_each(|name| check_others(name));
    }

    fn check_others(name: &str) {
        let mut terminal = terminal(name);
        let mobile = Who::Mobile(Mobile::parse("09120000007").unwrap());
        let sent = terminal
            .balance(&mobile, Some(PurseKind::Points), now())
            .unwrap();
        let request = asked(&terminal, &sent);
        let wanted = token(TokenKind::Mobile, b"+989120000007");
        assert_eq!(request.identity(), Some(Identity::Mobile(wanted)));
        assert_eq!(request.balance_of, Some(PurseKind::Points));
        let sale = Sale {
            discount_told: Some(Rials(5)),
            ..Sale::of(card(), Rials(10))
        };
        let sent = terminal.advice(&sale, now()).unwrap();
        assert_eq!(asked(&terminal, &sent).wishes.discount_told, Some(Rials(5)));
        let sent = terminal.quote(&sale, now()).unwrap();
        assert_eq!(asked(&terminal, &sent).asked.function, Function::Quote);
        let enrolment = Enrolment {
            mobile: Mobile::parse("09120000007"),
            born: JalaliDate::parse("1370/01/01"),
            ..Enrolment::default()
        };
        let sent = terminal.enrol(&enrolment, now()).unwrap();
        let wish = asked(&terminal, &sent).enrol.unwrap();
        assert_eq!(wish.identities, [Identity::Mobile(wanted)]);
        let load = Movement {
            to: Some(mobile.clone()),
            purse: Some("gift".to_owned()),
            voucher: Voucher::parse(b"ab12-cd34"),
            ..Movement::of(card(), Rials(500_000))
        };
        let sent = terminal.load(&load, now()).unwrap();
        let request = asked(&terminal, &sent);
        assert_eq!(request.asked.function, Function::Load);
        assert_eq!(request.asked.amount, Some(Rials(500_000)));
        assert_eq!(request.wishes.purse.as_deref(), Some("gift"));
        let to = request.aim.to.map(|aimed| aimed.identity);
        assert_eq!(to, Some(Identity::Mobile(wanted)));
        let number = token(TokenKind::Voucher, b"AB12CD34");
        assert_eq!(request.aim.voucher, Some(number));
        let sent = terminal.transfer(&load, now()).unwrap();
        assert_eq!(asked(&terminal, &sent).asked.function, Function::Transfer);
        for (network, _) in Network::ALL {
            let sent = terminal.network(network, now()).unwrap();
            let message = decoded(&terminal, &sent);
            match terminal.dialect.read(&message, &link(), &token) {
                Read::Network(read) => assert_eq!(read, network),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn trace_numbers_come_round_without_zero() {
        let mut terminal = terminal("iso87-ascii").after_stan(999_998);
        let mut next = || terminal.network(Network::Echo, now()).unwrap().stan;
        assert_eq!([next(), next()], [999_999, 1]);
    }

    #[test]
    fn a_code_of_several_meanings_is_told_by_its_words() {
        let dialect = dialect("iso93-ascii");
        let read = |class, code, words| verdict(&dialect, class, code, words);
        let already = read(6, "913", Some("Already a member"));
        assert_eq!(already, Some(Verdict::AlreadyThere));
        let used = read(6, "913", Some("Number used before"));
        assert_eq!(used, Some(Verdict::KeyConflict));
        assert_eq!(read(6, "913", None), Some(Verdict::AlreadyThere));
        assert_eq!(read(2, "914", Some("?")), Some(Verdict::OriginalNotFound));
        assert_eq!(read(2, "999", None), None);
    }

    #[test]
    fn what_cannot_be_asked_is_told() {
        let (_, text) = crate::spec::SHIPPED
            .iter()
            .find(|(name, _)| *name == "iso93-ascii")
            .unwrap();
        let text = text.replace("[\"1400\", \"1420\"]", "[\"1420\"]");
        let spec = crate::spec::load_text("told", &text).unwrap();
        let mut terminal = terminal("iso93-ascii");
        terminal.dialect = Arc::new(crate::exchange::bind(&spec).unwrap());
        let sent = terminal
            .purchase(&Sale::of(card(), Rials(10)), now())
            .unwrap();
        let reversal = terminal.reversal(&sent, false, now()).unwrap();
        assert_eq!(reversal.mti, Mti(0x1420));
        assert_eq!(asked(&terminal, &reversal).asked.mode, Mode::Advise);
    }
}
