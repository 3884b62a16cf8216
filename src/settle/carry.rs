//! What a closed day hands to the days after it: their fold begins there, and not with the first entry.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::ledger::record::{BadRecord, Recorded};
use crate::ledger::{Entry, Named, Names};
use crate::settle::division::{Debtor, Lines, Part, Payee};
use crate::settle::run::{KINDS, Place};
use crate::terms::{AcquirerId, ClubId, Day, Moment, OrganisationId, PersonId, Sequence, UnitId};

const MAGIC: [u8; 8] = *b"CSWCARRY";
const FORMAT: u8 = 2;
/// Of versions that knew clubs alone as debtors.
const FORMAT_1: u8 = 1;

/// The state of a fold behind a closed day. In bytes: magic, format, its fields as records, the SHA-256 of all before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Carry {
    /// The day.
    pub day: Day,
    /// SHA-256 of its `MANIFEST`.
    pub manifest: [u8; 32],
    /// What closed it.
    pub closed_by: Closing,
    pub(crate) standing: Standing,
    /// Dues that it could not pay.
    pub(crate) left: BTreeMap<Place, Lines>,
    /// How many files each bank got up to it.
    pub(crate) sequences: BTreeMap<String, u32>,
    /// What accounts held at its end.
    pub(crate) balances: BTreeMap<(UnitId, &'static str), i64>,
}

/// The entry that closed a day. Its time, to the nanosecond, tells it from what another past has under its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Closing {
    /// Which.
    pub sequence: Sequence,
    /// When.
    pub at: Moment,
}

impl Closing {
    /// By this entry.
    pub fn by(entry: &Entry) -> Closing {
        Closing {
            sequence: entry.head.sequence,
            at: entry.head.at,
        }
    }
}

/// How things stand before the first entry that counts in a later day. Some of the day itself may come after it, where one acquirer
/// closes before another.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Standing {
    pub next: Sequence,
    pub names: Names,
    /// The day that is open for each acquirer seen.
    pub open: BTreeMap<AcquirerId, Day>,
    /// Up to here every acquirer's day is closed.
    pub closed_to: Option<Day>,
}

impl Carry {
    /// The first entry that a later day has to take.
    pub fn next(&self) -> Sequence {
        self.standing.next
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.push(FORMAT);
        self.day.put(&mut out);
        self.manifest.put(&mut out);
        (self.closed_by.sequence, self.closed_by.at).put(&mut out);
        let standing = &self.standing;
        standing.next.put(&mut out);
        standing
            .names
            .all()
            .cloned()
            .collect::<Vec<_>>()
            .put(&mut out);
        pairs(&standing.open).put(&mut out);
        standing.closed_to.put(&mut out);
        (self.left.len() as u64).put(&mut out);
        for (place, lines) in &self.left {
            place.put(&mut out);
            lines.pool.put(&mut out);
            let debtors = lines.debtors.iter();
            let debtors = debtors.map(|(debtor, due)| (debtor_role(*debtor), *due));
            debtors.collect::<Vec<_>>().put(&mut out);
            let parts = lines.parts.iter();
            let parts = parts.map(|(part, due)| ((role(part.payee), part.club), *due));
            parts.collect::<Vec<_>>().put(&mut out);
        }
        let sequences = self.sequences.iter();
        let sequences = sequences.map(|(bank, count)| (bank.clone(), *count));
        sequences.collect::<Vec<_>>().put(&mut out);
        let balances = self.balances.iter();
        let balances = balances.map(|((unit, kind), sum)| ((*unit, (*kind).to_owned()), *sum));
        balances.collect::<Vec<_>>().put(&mut out);
        let sha256: [u8; 32] = Sha256::digest(&out).into();
        sha256.put(&mut out);
        out
    }

    /// Reads what [`Carry::to_bytes`] gave.
    ///
    /// # Errors
    /// When a byte of it is another one.
    pub fn read(bytes: &[u8]) -> Result<Carry, BadRecord> {
        let (body, sha256) = bytes.split_last_chunk::<32>().ok_or(BadRecord::Short)?;
        if <[u8; 32]>::from(Sha256::digest(body)) != *sha256 {
            return Err(BadRecord::Unknown("a checksum"));
        }
        let mut from = body;
        let from = &mut from;
        let (magic, format) = (<[u8; 8]>::take(from)?, u8::take(from)?);
        if magic != MAGIC || !(FORMAT_1..=FORMAT).contains(&format) {
            return Err(BadRecord::Unknown("a format"));
        }
        let (day, manifest) = Recorded::take(from)?;
        let (sequence, at) = Recorded::take(from)?;
        let next = Recorded::take(from)?;
        let mut names = Names::default();
        for named in Vec::<Named>::take(from)? {
            names.put(named);
        }
        let standing = Standing {
            next,
            names,
            open: map(from)?,
            closed_to: Recorded::take(from)?,
        };
        let mut left = BTreeMap::new();
        for _ in 0..u64::take(from)? {
            let place = Recorded::take(from)?;
            let pool = Recorded::take(from)?;
            let debtors = if format == FORMAT_1 {
                let clubs = Vec::<(ClubId, i64)>::take(from)?.into_iter();
                clubs.map(|(club, due)| (Debtor::Club(club), due)).collect()
            } else {
                let roles = Vec::<(Role, i64)>::take(from)?.into_iter();
                let roles = roles.map(|(role, due)| Ok((debtor(role)?, due)));
                roles.collect::<Result<_, BadRecord>>()?
            };
            let mut parts = BTreeMap::new();
            for ((role, club), due) in Vec::<((Role, ClubId), i64)>::take(from)? {
                let payee = payee(role)?;
                parts.insert(Part { payee, club }, due);
            }
            let lines = Lines {
                pool,
                debtors,
                parts,
            };
            left.insert(place, lines);
        }
        let sequences = map(from)?;
        let mut balances = BTreeMap::new();
        for ((unit, kind), sum) in Vec::<((UnitId, String), i64)>::take(from)? {
            let known = KINDS.iter().find(|known| **known == kind);
            let known = known.ok_or(BadRecord::Unknown("a kind of account"))?;
            balances.insert((unit, *known), sum);
        }
        if !from.is_empty() {
            return Err(BadRecord::Long);
        }
        Ok(Carry {
            day,
            manifest,
            closed_by: Closing { sequence, at },
            standing,
            left,
            sequences,
            balances,
        })
    }
}

/// Kind of a payee or debtor, and its id.
type Role = (u8, u32);

fn debtor_role(debtor: Debtor) -> Role {
    match debtor {
        Debtor::Club(club) => (0, u32::from(club.0)),
        Debtor::Organisation(id) => (1, u32::from(id.0)),
        Debtor::Operator => (2, 0),
    }
}

fn debtor((kind, id): Role) -> Result<Debtor, BadRecord> {
    match (kind, u16::try_from(id)) {
        (0, Ok(club)) => Ok(Debtor::Club(ClubId(club))),
        (1, Ok(id)) => Ok(Debtor::Organisation(OrganisationId(id))),
        (2, _) => Ok(Debtor::Operator),
        _ => Err(BadRecord::Unknown("a debtor")),
    }
}

fn role(payee: Payee) -> Role {
    match payee {
        Payee::Person(person) => (0, person.0),
        Payee::Owner(club) => (1, u32::from(club.0)),
        Payee::Saving(club) => (2, u32::from(club.0)),
        Payee::Reserve(club) => (3, u32::from(club.0)),
        Payee::Organisation(id) => (4, u32::from(id.0)),
        Payee::Operator => (5, 0),
    }
}

fn payee((kind, id): Role) -> Result<Payee, BadRecord> {
    let club = u16::try_from(id).map(ClubId);
    match (kind, club) {
        (0, _) => Ok(Payee::Person(PersonId(id))),
        (1, Ok(club)) => Ok(Payee::Owner(club)),
        (2, Ok(club)) => Ok(Payee::Saving(club)),
        (3, Ok(club)) => Ok(Payee::Reserve(club)),
        (4, Ok(club)) => Ok(Payee::Organisation(OrganisationId(club.0))),
        (5, _) => Ok(Payee::Operator),
        _ => Err(BadRecord::Unknown("a payee")),
    }
}

fn pairs<K: Copy, V: Copy>(of: &BTreeMap<K, V>) -> Vec<(K, V)> {
    of.iter().map(|(key, value)| (*key, *value)).collect()
}

fn map<K: Recorded + Ord, V: Recorded>(from: &mut &[u8]) -> Result<BTreeMap<K, V>, BadRecord> {
    Ok(Vec::<(K, V)>::take(from)?.into_iter().collect())
}
