//! Entries as bytes, and back. Format 1: numbers are LEB128, signed ones zigzag first; texts and lists carry their length before
//! them; every choice is a tag byte that is never given to something else. Format 2: the same, and behind it what counts toward
//! caps, and which of the lots are held. Format 3: the same, and behind it how a message came and what was bought, the discount
//! on what counts as spent, and what rules say. Format 4: the same, and behind it what clubs owe one another, and whose card it
//! was. An entry is written in the lowest format that holds all of it. What an older version wrote stays readable.

use crate::ledger::sets::Done;
use crate::ledger::told::{PurseAmount, ToldBalance};
use crate::ledger::{
    Account, Asked, By, Counted, Effects, Entry, EventId, Exception, Facts, FeePayer, Function,
    Head, Hold, Input, Key, Lot, LotId, LotMove, LotTerms, Made, MemberChange, Mode, Named,
    Obligation, ObligationKind, OriginalRef, Party, Posting, PurseKey, PurseKind, Reason, RuleSet,
    SetContents, SetStep, TierId, Told, Verdict, Visit, Who,
};
use crate::terms::person::Identity;
use crate::terms::{
    AcquirerId, Bin, ClubId, Day, Iban, MemberId, Moment, OrganisationId, PersonId, PurseId, Rate,
    Rials, RuleId, Sequence, SetNumber, ShopId, Token, UnitId,
};

/// What an entry begins with that has nothing of what came later.
const FORMAT_1: u8 = 1;
/// Of one that has [`Counted`] or a [`Hold`].
const FORMAT_2: u8 = 2;
/// Of one that has unusual [`Facts`], a discount on what counts as spent, or something that rules say.
const FORMAT_3: u8 = 3;
/// Of one that has an [`Obligation`], or the holder of a card beside the member.
const FORMAT_4: u8 = 4;

/// Bytes that are no record of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadRecord {
    /// They end too early.
    #[error("a record ends before its last field")]
    Short,
    /// A tag, length or number that no version has written.
    #[error("a record holds {0}, which this version does not know")]
    Unknown(&'static str),
    /// Something is left over.
    #[error("a record has bytes after its last field")]
    Long,
}

/// A value that has a place in a record.
pub trait Recorded: Sized {
    /// Appends it.
    fn put(&self, out: &mut Vec<u8>);
    /// Takes it off the front.
    fn take(from: &mut &[u8]) -> Result<Self, BadRecord>;
    /// Takes it off the front in place of another one, whose memory is used again.
    fn retake(&mut self, from: &mut &[u8]) -> Result<(), BadRecord> {
        *self = Self::take(from)?;
        Ok(())
    }
}

/// Appends an entry with its length (four bytes, little-endian) before it.
pub fn encode(entry: &Entry, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let effects = &entry.effects;
    let held = effects.lots.iter().any(|moved| moved.terms.hold.is_some());
    let facts = match &entry.input {
        Input::Request(asked) if !asked.facts.are_usual() => Some(&asked.facts),
        _ => None,
    };
    let discount = effects.visit.map_or(Rials::ZERO, |visit| visit.discount);
    let says = effects.told.as_ref().map_or(&[][..], |told| &told.says);
    let latest = facts.is_some() || !discount.is_zero() || !says.is_empty();
    let format_4 = !effects.obligations.is_empty() || effects.holder.is_some();
    if latest || format_4 {
        out.push(if format_4 { FORMAT_4 } else { FORMAT_3 });
        entry.put(out);
        put_later(effects, out);
        out.push(u8::from(facts.is_some()));
        facts.into_iter().for_each(|facts| facts.put(out));
        discount.put(out);
        (says.len() as u32).put(out);
        says.iter().for_each(|line| line.put(out));
        if format_4 {
            effects.obligations.put(out);
            effects.holder.put(out);
        }
    } else if effects.counted.is_empty() && !held {
        out.push(FORMAT_1);
        entry.put(out);
    } else {
        out.push(FORMAT_2);
        entry.put(out);
        put_later(effects, out);
    }
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

/// The bytes of the entries of a group, one by one, each without its length.
pub fn split(mut group: &[u8]) -> impl Iterator<Item = Result<&[u8], BadRecord>> {
    std::iter::from_fn(move || {
        if group.is_empty() {
            return None;
        }
        let Some((length, rest)) = group.split_first_chunk::<4>() else {
            group = &[];
            return Some(Err(BadRecord::Short));
        };
        let length = u32::from_le_bytes(*length) as usize;
        let Some((entry, rest)) = rest.split_at_checked(length) else {
            group = &[];
            return Some(Err(BadRecord::Short));
        };
        group = rest;
        Some(Ok(entry))
    })
}

/// Reads one entry (without its length).
pub fn decode(mut bytes: &[u8]) -> Result<Entry, BadRecord> {
    let format = take_format(&mut bytes)?;
    let mut entry = Entry::take(&mut bytes)?;
    take_rest(format, &mut entry, bytes)?;
    Ok(entry)
}

/// Reads one entry (without its length) in place of another one, whose lists it takes over: who reads a million allocates
/// nothing for most of them. After an error the entry is none.
pub fn decode_into(entry: &mut Entry, mut bytes: &[u8]) -> Result<(), BadRecord> {
    let format = take_format(&mut bytes)?;
    entry.retake(&mut bytes)?;
    take_rest(format, entry, bytes)
}

fn take_format(bytes: &mut &[u8]) -> Result<u8, BadRecord> {
    match u8::take(bytes)? {
        format @ FORMAT_1..=FORMAT_4 => Ok(format),
        _ => Err(BadRecord::Unknown("a format")),
    }
}

/// What stands behind the fields that every format has.
fn take_rest(format: u8, entry: &mut Entry, mut bytes: &[u8]) -> Result<(), BadRecord> {
    if format >= FORMAT_2 {
        take_later(&mut entry.effects, &mut bytes)?;
    }
    if format >= FORMAT_3 {
        take_latest(entry, &mut bytes)?;
    }
    if format >= FORMAT_4 {
        entry.effects.obligations = Recorded::take(&mut bytes)?;
        entry.effects.holder = Recorded::take(&mut bytes)?;
    }
    if bytes.is_empty() {
        Ok(())
    } else {
        Err(BadRecord::Long)
    }
}

/// What format 2 has behind format 1.
fn put_later(effects: &Effects, out: &mut Vec<u8>) {
    effects.counted.put(out);
    let held: Vec<(u32, Hold)> = (0..)
        .zip(&effects.lots)
        .filter_map(|(at, moved)| moved.terms.hold.map(|hold| (at, hold)))
        .collect();
    held.put(out);
}

fn take_later(effects: &mut Effects, from: &mut &[u8]) -> Result<(), BadRecord> {
    effects.counted = Recorded::take(from)?;
    for (at, hold) in Vec::<(u32, Hold)>::take(from)? {
        let moved = effects.lots.get_mut(at as usize);
        let moved = moved.ok_or(BadRecord::Unknown("a hold of a lot that is not there"))?;
        moved.terms.hold = Some(hold);
    }
    Ok(())
}

/// What format 3 has behind format 2.
fn take_latest(entry: &mut Entry, from: &mut &[u8]) -> Result<(), BadRecord> {
    let facts: Option<Facts> = Recorded::take(from)?;
    let discount: Rials = Recorded::take(from)?;
    let says: Vec<String> = Recorded::take(from)?;
    match (&mut entry.input, facts) {
        (Input::Request(asked), Some(facts)) => asked.facts = facts,
        (_, None) => {}
        _ => return Err(BadRecord::Unknown("facts of something that is no message")),
    }
    match (&mut entry.effects.visit, discount.is_zero()) {
        (Some(visit), _) => visit.discount = discount,
        (None, true) => {}
        (None, false) => return Err(BadRecord::Unknown("a discount on no purchase")),
    }
    match (&mut entry.effects.told, says.is_empty()) {
        (Some(told), _) => told.says = says,
        (None, true) => {}
        (None, false) => return Err(BadRecord::Unknown("words that nobody is told")),
    }
    Ok(())
}

fn put_number(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[inline]
fn take_number(from: &mut &[u8]) -> Result<u64, BadRecord> {
    match from.split_first() {
        Some((byte, rest)) if *byte < 0x80 => {
            *from = rest;
            Ok(u64::from(*byte))
        }
        _ => take_long_number(from),
    }
}

/// Eight bytes at a time, where there are so many.
fn take_long_number(from: &mut &[u8]) -> Result<u64, BadRecord> {
    if let Some(word) = from.first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let last = !word & 0x8080_8080_8080_8080;
        if last != 0 {
            let bits = last.trailing_zeros() + 1;
            let word = word & (u64::MAX >> (64 - bits)) & 0x7f7f_7f7f_7f7f_7f7f;
            let word = (word & 0x007f_007f_007f_007f) | ((word & 0x7f00_7f00_7f00_7f00) >> 1);
            let word = (word & 0x0000_3fff_0000_3fff) | ((word & 0x3fff_0000_3fff_0000) >> 2);
            let word = (word & 0x0000_0000_0fff_ffff) | ((word & 0x0fff_ffff_0000_0000) >> 4);
            *from = &from[bits as usize / 8..];
            return Ok(word);
        }
    }
    let mut value = 0u64;
    for at in 0..10 {
        let byte = u8::take(from)?;
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(BadRecord::Unknown("a number of more than 64 bits"))
}

fn take_bytes<'a>(from: &mut &'a [u8], count: usize) -> Result<&'a [u8], BadRecord> {
    let (bytes, rest) = from.split_at_checked(count).ok_or(BadRecord::Short)?;
    *from = rest;
    Ok(bytes)
}

impl Recorded for u8 {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }
    #[inline]
    fn take(from: &mut &[u8]) -> Result<u8, BadRecord> {
        let (first, rest) = from.split_first().ok_or(BadRecord::Short)?;
        *from = rest;
        Ok(*first)
    }
}

impl Recorded for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    #[inline]
    fn take(from: &mut &[u8]) -> Result<bool, BadRecord> {
        match u8::take(from)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(BadRecord::Unknown("a yes or no")),
        }
    }
}

macro_rules! recorded_numbers {
    ($($of:ty),*) => {$(
        impl Recorded for $of {
            fn put(&self, out: &mut Vec<u8>) {
                put_number(u64::from(*self), out);
            }
            #[inline]
            fn take(from: &mut &[u8]) -> Result<$of, BadRecord> {
                <$of>::try_from(take_number(from)?).map_err(|_| BadRecord::Unknown("a number too large for its field"))
            }
        }
    )*};
}
recorded_numbers!(u16, u32, u64);

macro_rules! recorded_signed {
    ($($of:ty),*) => {$(
        impl Recorded for $of {
            fn put(&self, out: &mut Vec<u8>) {
                let wide = i64::from(*self);
                put_number(((wide << 1) ^ (wide >> 63)) as u64, out);
            }
            #[inline]
            fn take(from: &mut &[u8]) -> Result<$of, BadRecord> {
                let raw = take_number(from)?;
                let wide = (raw >> 1) as i64 ^ -((raw & 1) as i64);
                <$of>::try_from(wide).map_err(|_| BadRecord::Unknown("a number too large for its field"))
            }
        }
    )*};
}
recorded_signed!(i32, i64);

impl<const N: usize> Recorded for [u8; N] {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
    #[inline]
    fn take(from: &mut &[u8]) -> Result<[u8; N], BadRecord> {
        let (bytes, rest) = from.split_first_chunk::<N>().ok_or(BadRecord::Short)?;
        *from = rest;
        Ok(*bytes)
    }
}

impl Recorded for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_number(self.len() as u64, out);
        out.extend_from_slice(self.as_bytes());
    }
    fn take(from: &mut &[u8]) -> Result<String, BadRecord> {
        let length = take_number(from)?;
        let length = usize::try_from(length).map_err(|_| BadRecord::Short)?;
        let bytes = take_bytes(from, length)?;
        String::from_utf8(bytes.to_vec())
            .map_err(|_| BadRecord::Unknown("a text that is not UTF-8"))
    }
}

impl<T: Recorded> Recorded for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_number(self.len() as u64, out);
        for item in self {
            item.put(out);
        }
    }
    #[inline]
    fn take(from: &mut &[u8]) -> Result<Vec<T>, BadRecord> {
        let count = take_number(from)?;
        // Every item takes a byte at least: a longer list than bytes is a lie, and must not cost memory.
        if count > from.len() as u64 {
            return Err(BadRecord::Short);
        }
        (0..count).map(|_| T::take(from)).collect()
    }
    fn retake(&mut self, from: &mut &[u8]) -> Result<(), BadRecord> {
        let count = take_number(from)?;
        if count > from.len() as u64 {
            return Err(BadRecord::Short);
        }
        self.clear();
        for _ in 0..count {
            self.push(T::take(from)?);
        }
        Ok(())
    }
}

impl<T: Recorded> Recorded for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(value) => {
                out.push(1);
                value.put(out);
            }
        }
    }
    #[inline]
    fn take(from: &mut &[u8]) -> Result<Option<T>, BadRecord> {
        Ok(if bool::take(from)? {
            Some(T::take(from)?)
        } else {
            None
        })
    }
    fn retake(&mut self, from: &mut &[u8]) -> Result<(), BadRecord> {
        match self {
            _ if !bool::take(from)? => *self = None,
            Some(value) => value.retake(from)?,
            None => *self = Some(T::take(from)?),
        }
        Ok(())
    }
}

impl<A: Recorded, B: Recorded> Recorded for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }
    #[inline]
    fn take(from: &mut &[u8]) -> Result<(A, B), BadRecord> {
        Ok((A::take(from)?, B::take(from)?))
    }
}

/// A type of one field, recorded as that field.
macro_rules! recorded_newtypes {
    ($($of:ident),* $(,)?) => {$(
        impl Recorded for $of {
            fn put(&self, out: &mut Vec<u8>) {
                self.0.put(out);
            }
            #[inline]
            fn take(from: &mut &[u8]) -> Result<$of, BadRecord> {
                Ok($of(Recorded::take(from)?))
            }
        }
    )*};
}
recorded_newtypes!(
    AcquirerId,
    ClubId,
    Day,
    EventId,
    LotId,
    MemberId,
    Moment,
    OrganisationId,
    PersonId,
    PurseId,
    Rials,
    RuleId,
    Sequence,
    SetNumber,
    ShopId,
    TierId,
    Token,
    UnitId,
);

/// A struct, recorded field by field in the order given here; what stands behind `+` only later formats have.
macro_rules! recorded_structs {
    ($($of:ident { $($field:ident),* $(,)? } $(+ { $($later:ident),* })?)*) => {$(
        impl Recorded for $of {
            fn put(&self, out: &mut Vec<u8>) {
                $(self.$field.put(out);)*
            }
            #[inline]
            fn take(from: &mut &[u8]) -> Result<$of, BadRecord> {
                Ok($of {
                    $($field: Recorded::take(from)?,)*
                    $($($later: Default::default(),)*)?
                })
            }
            fn retake(&mut self, from: &mut &[u8]) -> Result<(), BadRecord> {
                $(self.$field.retake(from)?;)*
                $($(self.$later = Default::default();)*)?
                Ok(())
            }
        }
    )*};
}
recorded_structs! {
    Asked {
        function, mode, key, digest, processing, amount, currency, transmitted, rrn, mcc,
        last_four, bill, original,
    } + { facts }
    Done { by, at, why }
    Effects {
        told, club, shop, member, original, reverses, postings, lots, members, visit, names,
        exception,
    } + { counted, obligations, holder }
    By { name, uid }
    Counted { rule, who, window, day, late, unit, amount }
    Entry { head, input, effects }
    Head { sequence, at, business_day, acquirer, rule_set }
    Facts { channel, entry, bin, products, service, staff }
    Hold { until, lapses }
    Key { acquirer, terminal, acceptor, stan, local, kind }
    Lot { id, terms, amount }
    LotMove { key, lot, terms, amount }
    LotTerms { rule, booked, usable_from, dies } + { hold }
    Obligation {
        kind, issuer, acceptor, purse, amount, rate, rate_from, rial, fee, fee_payer, odd, made,
    }
    Made { purse, amount, rate, rate_from }
    OriginalRef { kind, stan, transmitted, local, rrn, partial }
    Posting { from, to, amount, unit, reason }
    PurseAmount { purse, amount, worth }
    PurseKey { member, purse, shop }
    Rate { value, per }
    RuleSet {
        number, sha256, clubs, rules, loaded, approval, approved, withdrawn, planned, from,
    }
    SetContents { sha256, clubs, rules }
    Told {
        verdict, pays, approval, rrn, member, discount, fee, redeemed, earned, split, rules,
        balances,
    } + { says }
    ToldBalance { purse, shop, amount }
    Visit { member, shop, day, spent, redeemed } + { discount }
}

/// An enum, each variant under the tag given here.
macro_rules! recorded_enums {
    ($($of:ident ($what:literal) {
        $($tag:literal => $variant:ident $(($inner:ident))? $({ $($field:ident),* $(,)? })?),* $(,)?
    })*) => {$(
        impl Recorded for $of {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $($of::$variant $(($inner))? $({ $($field),* })? => {
                        out.push($tag);
                        $($inner.put(out);)?
                        $($($field.put(out);)*)?
                    })*
                }
            }
            #[inline]
            fn take(from: &mut &[u8]) -> Result<$of, BadRecord> {
                Ok(match u8::take(from)? {
                    $($tag => {
                        $(let $inner = Recorded::take(from)?;)?
                        $($(let $field = Recorded::take(from)?;)*)?
                        $of::$variant $(($inner))? $({ $($field),* })?
                    })*
                    _ => return Err(BadRecord::Unknown($what)),
                })
            }
        }
    )*};
}
recorded_enums! {
    Account ("a kind of account") {
        1 => Purse(key),
        2 => Debt(key),
        3 => Outstanding { purse, shop },
        4 => Pool { acquirer, shop },
        5 => Shop(id),
        6 => Person(id),
        7 => Club(id),
        8 => Reserve(id),
        9 => Owner(id),
        10 => Saving { shop, club },
        11 => Operator,
        12 => Rounding(id),
        14 => OwesHouse(id),
        15 => DueFromHouse(id),
        16 => HouseDue(id),
        17 => HouseOwes(id),
        18 => HouseIncome(id),
        13 => Organisation(id),
        20 => ShopPurse { shop, purse },
        21 => PersonPurse { person, purse },
    }
    Exception ("an exception") {
        1 => OrphanReversal,
        2 => AmbiguousReversal,
        3 => AmountDiffers,
        4 => PartialReversal,
        5 => AdviceTooOld,
        6 => AdviceOfUnknownShop,
        7 => RedeemedOverBalance,
        8 => SplitCut,
        9 => WithoutClub,
        10 => AdviceOfAnotherKind,
        11 => OverNetDebitCap,
    }
    FeePayer ("a payer of a fee") {
        1 => Issuer,
        2 => Acceptor,
        3 => Member,
    }
    Function ("a function") {
        1 => Purchase,
        2 => Quote,
        3 => Balance,
        4 => Reversal,
        5 => Enrol,
        6 => Load,
        7 => Transfer,
        8 => AddCard,
    }
    Identity ("an identity") {
        1 => Card(token),
        2 => Mobile(token),
        3 => NationalCode(token),
        4 => Number(member),
        5 => Voucher(token),
    }
    Input ("an input") {
        1 => Request(asked),
        2 => DayTurned { acquirer, closed, opened },
        3 => RulesLoaded { number, sha256 },
        4 => Opened { reason, sha256, done, of },
        5 => Event { event, member, reason },
        6 => Rules { number, step, by, why },
        7 => Granted { rule, member, due },
        8 => Given { by, reason, sha256, done, of },
        9 => Holder { by, why },
    }
    MemberChange ("a change of a member") {
        1 => Enrolled { member, club, joined, identities, marketer, introducer, tier },
        2 => KnownBy { member, identity },
        3 => Tier { member, tier },
        4 => Marketer { member, marketer },
        5 => Born { member, day },
        6 => Standing { member, after },
        7 => Card { member, state },
        8 => Limit { member, purse, limit },
    }
    Mode ("a mode") {
        1 => Ask,
        2 => Advise,
    }
    Named ("a name") {
        1 => Operator { title, alias, iban },
        2 => Acquirer { id, code },
        3 => Club { id, name, title, alias, iban },
        4 => Purse { id, club, name, kind, unit, decimals },
        5 => Shop { id, code, title, iban },
        6 => Person { id, name, title, iban },
        7 => Rule { id, club, name },
        8 => Tier { id, club, name },
        9 => Event { id, club, name },
        10 => Organisation { id, name, title, iban },
        11 => Card { id, name, title, issuer },
    }
    ObligationKind ("a kind of obligation") {
        1 => Redeem,
        2 => Exchange,
    }
    Party ("a party") {
        1 => Marketer,
        2 => MerchantMarketer,
        3 => ClubOwner,
        4 => AcceptorSaving,
        5 => Merchant,
        6 => HolderSaving,
    }
    PurseKind ("a kind of purse") {
        1 => Points,
        2 => ClubCredit,
        3 => MerchantCredit,
        4 => Special,
        5 => Virtual,
        6 => Bon,
        7 => Gift,
        8 => Prepaid,
        9 => CreditLine,
    }
    Reason ("a reason") {
        1 => CardPaid,
        2 => ClubDiscount,
        3 => Spent,
        4 => RedeemPaid,
        5 => Rounding,
        6 => Earned,
        7 => Funded,
        8 => Split,
        9 => Fee,
        10 => DebtBooked,
        11 => DebtPaid,
        12 => Opened,
        13 => OwedToHouse,
        14 => Novated,
        15 => OwedByHouse,
        16 => ClearingFee,
        17 => Loaded,
        18 => Converted,
        19 => Granted,
    }
    SetStep ("what was done with a rule set") {
        1 => Waits { contents, from, approval },
        2 => Approved,
        3 => Withdrawn,
        4 => InForce { contents },
    }
    Who ("whom a cap counts for") {
        1 => Member(id),
        2 => Card { member, mark },
        3 => Shop(id),
        4 => Introducer(id),
        5 => Rule,
        6 => Club(id),
        7 => Terminal { shop, mark },
    }
}

impl Recorded for Verdict {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }
    #[inline]
    fn take(from: &mut &[u8]) -> Result<Verdict, BadRecord> {
        let number = usize::from(u8::take(from)?);
        Verdict::ALL
            .get(number)
            .map(|(verdict, _)| *verdict)
            .ok_or(BadRecord::Unknown("a verdict"))
    }
}

impl Recorded for Bin {
    fn put(&self, out: &mut Vec<u8>) {
        self.number().put(out);
    }
    fn take(from: &mut &[u8]) -> Result<Bin, BadRecord> {
        Bin::from_number(u32::take(from)?).ok_or(BadRecord::Unknown("a range of cards"))
    }
}

impl Recorded for Iban {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_str().as_bytes());
    }
    fn take(from: &mut &[u8]) -> Result<Iban, BadRecord> {
        let text: [u8; 26] = Recorded::take(from)?;
        std::str::from_utf8(&text)
            .ok()
            .and_then(|text| Iban::parse(text).ok())
            .ok_or(BadRecord::Unknown("an IBAN"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Window;
    use crate::terms::{Channel, EntryMode};

    fn an_entry() -> Entry {
        let key = PurseKey {
            member: MemberId(7),
            purse: PurseId(1),
            shop: Some(ShopId(300)),
        };
        let told = Told {
            pays: Some(Rials(2_417_778)),
            approval: Some(*b"00002A"),
            rrn: Some(*b"000000000042"),
            discount: Some(Rials(137_777)),
            redeemed: vec![PurseAmount {
                purse: PurseId(1),
                amount: 23_334,
                worth: Rials(35_000),
            }],
            split: vec![
                (Party::Marketer, Rials(6_888)),
                (Party::Merchant, Rials(2_581_158)),
            ],
            rules: vec![RuleId(0), RuleId(4)],
            balances: vec![ToldBalance {
                purse: PurseId(1),
                shop: None,
                amount: 88_729,
            }],
            ..Told::only(Verdict::Approved)
        };
        Entry {
            head: Head {
                sequence: Sequence(42),
                at: Moment(1_795_416_300_123_456_789),
                business_day: Day(20_780),
                acquirer: Some(AcquirerId(0)),
                rule_set: SetNumber(3),
            },
            input: Input::Request(Asked {
                function: Function::Purchase,
                mode: Mode::Ask,
                key: Key {
                    acquirer: AcquirerId(0),
                    terminal: *b"T0000001",
                    acceptor: *b"m-1001         ",
                    stan: 999_999,
                    local: 1_123_101_500,
                    kind: 20,
                },
                digest: u64::MAX,
                processing: 0,
                amount: Some(Rials(2_755_555)),
                currency: 364,
                transmitted: Some(1_123_064_500),
                rrn: None,
                mcc: 5411,
                last_four: Some(*b"1234"),
                bill: Some("F-1".to_owned()),
                original: Some(OriginalRef {
                    stan: Some(1),
                    partial: true,
                    ..OriginalRef::default()
                }),
                facts: Facts::default(),
            }),
            effects: Effects {
                member: Some(MemberId(7)),
                postings: vec![Posting {
                    from: Account::Outstanding {
                        purse: PurseId(1),
                        shop: None,
                    },
                    to: Account::Purse(key),
                    amount: 29_013,
                    unit: UnitId(2),
                    reason: Reason::Earned,
                }],
                lots: vec![LotMove {
                    key,
                    lot: LotId(9),
                    terms: LotTerms {
                        rule: Some(RuleId(2)),
                        booked: Day(20_780),
                        usable_from: Moment(-1),
                        dies: Some(Day(-3)),
                        hold: None,
                    },
                    amount: -29_013,
                }],
                members: vec![MemberChange::KnownBy {
                    member: MemberId(7),
                    identity: Identity::Card(Token([9; 16])),
                }],
                names: vec![Named::Acquirer {
                    id: AcquirerId(0),
                    code: "581672031".to_owned(),
                }],
                exception: Some(Exception::SplitCut),
                ..Effects::told(told)
            },
        }
    }

    #[test]
    fn an_entry_reads_back_as_it_was() {
        let entry = an_entry();
        let mut group = Vec::new();
        encode(&entry, &mut group);
        encode(&entry, &mut group);
        let read: Vec<Entry> = split(&group)
            .map(|bytes| decode(bytes.unwrap()).unwrap())
            .collect();
        assert_eq!(read, [entry.clone(), entry]);
    }

    /// One that only format 2 can hold.
    fn a_counted_entry() -> Entry {
        let mut entry = an_entry();
        let hold = Hold {
            until: EventId(0),
            lapses: Day(20_811),
        };
        entry.effects.lots[0].terms.hold = Some(hold);
        let whose = [
            Who::Member(MemberId(7)),
            Who::card(MemberId(7), None),
            Who::Shop(ShopId(300)),
            Who::Introducer(MemberId(2)),
            Who::Rule,
            Who::Club(ClubId(0)),
        ];
        let windows = [
            Window::Day,
            Window::Week,
            Window::JalaliMonth,
            Window::JalaliYear,
            Window::Days(30),
            Window::Days(400),
        ];
        entry.effects.counted = std::iter::zip(whose, windows)
            .map(|(who, window)| Counted {
                rule: RuleId(4),
                who,
                window,
                day: Day(20_780),
                late: 7,
                unit: UnitId(2),
                amount: 137_777,
            })
            .collect();
        entry
    }

    /// One that only format 3 can hold.
    fn a_told_entry() -> Entry {
        let mut entry = a_counted_entry();
        let Input::Request(asked) = &mut entry.input else {
            unreachable!("a request")
        };
        asked.facts = Facts {
            channel: Channel::App,
            entry: Some(EntryMode::Contactless),
            bin: Bin::parse("99991234"),
            products: vec!["gold".to_owned(), "tea".to_owned()],
            service: Some("tyres".to_owned()),
            staff: Some("p-77".to_owned()),
        };
        entry.effects.visit = Some(Visit {
            member: MemberId(7),
            shop: ShopId(300),
            day: Day(20_780),
            spent: Rials(2_755_555),
            redeemed: Rials(200_000),
            discount: Rials(137_777),
        });
        let told = entry.effects.told.as_mut().expect("it is told");
        told.says = vec!["come again".to_owned()];
        entry
    }

    /// One that only format 4 can hold.
    fn an_owed_entry() -> Entry {
        let mut entry = an_entry();
        let house = |from, to, reason| Posting {
            from,
            to,
            amount: 35_000,
            unit: UnitId::RIAL,
            reason,
        };
        let (one, other) = (ClubId(0), ClubId(300));
        entry.effects.postings = vec![
            house(
                Account::Club(one),
                Account::OwesHouse(one),
                Reason::OwedToHouse,
            ),
            house(
                Account::HouseDue(one),
                Account::HouseOwes(other),
                Reason::Novated,
            ),
            house(
                Account::DueFromHouse(other),
                Account::Shop(ShopId(300)),
                Reason::OwedByHouse,
            ),
            house(
                Account::HouseDue(one),
                Account::HouseIncome(one),
                Reason::ClearingFee,
            ),
        ];
        let redeem = Obligation {
            kind: ObligationKind::Redeem,
            issuer: one,
            acceptor: other,
            purse: PurseId(1),
            amount: 23_334,
            rate: Rate {
                value: 150,
                per: 100,
            },
            rate_from: Day(20_718),
            rial: Rials(35_000),
            fee: Rials(175),
            fee_payer: FeePayer::Issuer,
            odd: Rials::ZERO,
            made: None,
        };
        let exchange = Obligation {
            kind: ObligationKind::Exchange,
            fee_payer: FeePayer::Member,
            odd: Rials(149),
            made: Some(Made {
                purse: PurseId(5),
                amount: 99_000,
                rate: Rate {
                    value: 1_050,
                    per: 700,
                },
                rate_from: Day(20_719),
            }),
            ..redeem
        };
        let told = Obligation {
            fee_payer: FeePayer::Acceptor,
            ..redeem
        };
        entry.effects.obligations = vec![redeem, exchange, told];
        entry.effects.holder = Some(MemberId(3));
        entry.effects.exception = Some(Exception::OverNetDebitCap);
        entry
    }

    /// A rule set that waits for its hour and a second person.
    fn a_rules_entry() -> Entry {
        let mut entry = an_entry();
        let contents = SetContents {
            sha256: [0xab; 32],
            clubs: 2,
            rules: 300,
        };
        entry.head.acquirer = None;
        entry.effects = Effects::none();
        entry.input = Input::Rules {
            number: SetNumber(4),
            step: SetStep::Waits {
                contents,
                from: Some(Moment(1_797_971_400_000_000_000)),
                approval: true,
            },
            by: By {
                name: "sara".to_owned(),
                uid: Some(1002),
            },
            why: "Yalda".to_owned(),
        };
        entry
    }

    /// Bytes that were written once are read for ever: a line for each format but the last, then one for what was done
    /// with a rule set, then one of format 4.
    #[test]
    fn what_each_format_wrote_is_read_and_written_again() {
        let entries = [
            an_entry(),
            a_counted_entry(),
            a_told_entry(),
            a_rules_entry(),
            an_owed_entry(),
        ];
        let hex = |entry: &Entry| {
            let mut bytes = Vec::new();
            encode(entry, &mut bytes);
            let digits = bytes[4..].iter().map(|byte| format!("{byte:02x}"));
            digits.collect::<String>()
        };
        let text = include_str!("../../fixtures/entries.hex");
        assert_eq!(text.lines().count(), entries.len());
        let formats = [FORMAT_1, FORMAT_2, FORMAT_3, FORMAT_1, FORMAT_4];
        for ((line, entry), format) in text.lines().zip(&entries).zip(formats) {
            let bytes: Vec<u8> = (0..line.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&line[at..at + 2], 16).unwrap())
                .collect();
            assert_eq!(bytes[0], format);
            assert_eq!(decode(&bytes).as_ref(), Ok(entry));
            assert_eq!(hex(entry), line);
        }
    }

    #[test]
    fn what_counts_and_what_is_held_costs_only_the_entries_that_have_it() {
        let mut plain = Vec::new();
        encode(&an_entry(), &mut plain);
        assert_eq!(plain[4], FORMAT_1);
        let mut group = Vec::new();
        encode(&a_counted_entry(), &mut group);
        assert_eq!(group[4], FORMAT_2);
        assert_eq!(decode(&group[4..]), Ok(a_counted_entry()));
        let more = group.len() - plain.len();
        assert!(more <= 6 * 13 + 8, "{more} bytes for six rows and a hold");
    }

    #[test]
    fn in_place_of_any_other_it_reads_the_same() {
        let full = an_entry();
        let mut bare = an_entry();
        bare.input = Input::DayTurned {
            acquirer: AcquirerId(1),
            closed: Day(1),
            opened: Day(2),
        };
        bare.effects = Effects::none();
        let mut short = an_entry();
        short.effects.told = Some(Told::only(Verdict::NotAllowed));
        short.effects.lots.clear();
        let all = [
            full,
            bare,
            short,
            a_counted_entry(),
            a_told_entry(),
            a_rules_entry(),
            an_owed_entry(),
        ];
        for before in &all {
            for wanted in &all {
                let (mut group, mut entry) = (Vec::new(), before.clone());
                encode(wanted, &mut group);
                decode_into(&mut entry, &group[4..]).unwrap();
                assert_eq!(&entry, wanted);
            }
        }
    }

    #[test]
    fn numbers_of_every_length_come_back_whatever_stands_behind_them() {
        for bits in 0..64 {
            for number in [1u64 << bits, (1 << bits) - 1, u64::MAX >> bits] {
                for behind in [&[][..], &[0x80; 9], &[0; 9]] {
                    let mut bytes = Vec::new();
                    put_number(number, &mut bytes);
                    bytes.extend_from_slice(behind);
                    let mut from = &bytes[..];
                    assert_eq!(take_number(&mut from), Ok(number));
                    assert_eq!(from, behind);
                }
            }
        }
        assert!(take_number(&mut &[0x80; 12][..]).is_err());
        assert_eq!(take_number(&mut &[0x80; 7][..]), Err(BadRecord::Short));
    }

    #[test]
    fn cut_anywhere_it_is_an_error_and_no_panic() {
        for entry in [
            an_entry(),
            a_counted_entry(),
            a_told_entry(),
            a_rules_entry(),
            an_owed_entry(),
        ] {
            let mut group = Vec::new();
            encode(&entry, &mut group);
            let body = &group[4..];
            for end in 0..body.len() {
                assert!(decode(&body[..end]).is_err(), "cut at {end}");
                let mut other = an_entry();
                assert!(decode_into(&mut other, &body[..end]).is_err(), "{end}");
            }
            assert_eq!(decode(&[body, &[0]].concat()), Err(BadRecord::Long));
        }
    }

    #[test]
    fn a_flipped_byte_never_panics() {
        let mut group = Vec::new();
        encode(&a_counted_entry(), &mut group);
        for at in 4..group.len() {
            for flip in [1u8, 0x80, 0xff] {
                let mut bytes = group[4..].to_vec();
                bytes[at - 4] ^= flip;
                let mut entry = an_entry();
                let read = decode_into(&mut entry, &bytes).map(|()| entry);
                assert_eq!(decode(&bytes), read);
            }
        }
    }
}
