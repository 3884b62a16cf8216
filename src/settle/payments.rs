//! From divisions to what stands in files: one record per shop in its acquirer's file, transfers from clubs' accounts.

use std::collections::BTreeMap;

use crate::ledger::Names;
use crate::settle::division::{Debtor, Division, Payee};
use crate::settle::{SettleError, add};
use crate::terms::{AcquirerId, ClubId, Iban, ShopId};

/// The clearing house takes so many accounts for one shop and file.
pub const SHARES_MAX: usize = 10;

/// Who gets a bank transfer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Creditor {
    /// The shop.
    Shop,
    /// A part, on the shop's behalf.
    Part(Payee),
}

/// One pool divided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The shop.
    pub shop: ShopId,
    /// Who gets how much; every account once, at most [`SHARES_MAX`].
    pub shares: Vec<(Iban, i64)>,
    /// What of it goes to the shop for itself.
    pub to_shop: i64,
}

/// Key of a transfer: from whose account, for which shop, to whom. One a day each.
pub(crate) type TransferKey = (Debtor, ShopId, Creditor);

/// All that one day pays.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Payments {
    /// Per acquirer, in the order of shops.
    pub records: BTreeMap<AcquirerId, Vec<Record>>,
    /// Between different accounts.
    pub transfers: BTreeMap<TransferKey, i64>,
    /// What a debtor owes to an account that is its own: paid by leaving it where it is.
    pub kept: BTreeMap<TransferKey, i64>,
}

impl Payments {
    /// Adds what one pool and its clubs pay.
    pub fn add(
        &mut self,
        (acquirer, shop): (AcquirerId, ShopId),
        division: &Division,
        names: &Names,
    ) -> Result<(), SettleError> {
        let mut pieces = Vec::with_capacity(division.pool_parts.len() + 1);
        for (part, amount) in &division.pool_parts {
            let (creditor, club) = (Creditor::Part(part.payee), Some(part.club));
            let iban = iban(names, shop, creditor)?;
            pieces.push(Piece {
                creditor,
                club,
                iban,
                amount: *amount,
            });
        }
        if division.pool_shop > 0 {
            pieces.push(Piece {
                creditor: Creditor::Shop,
                club: None,
                iban: shop_iban(names, shop)?,
                amount: division.pool_shop,
            });
        }
        if !pieces.is_empty() {
            let record = self.record(shop, &pieces, names)?;
            self.records.entry(acquirer).or_default().push(record);
        }
        for (debtor, part, amount) in &division.debtor_parts {
            let creditor = Creditor::Part(part.payee);
            let to = iban(names, shop, creditor)?;
            self.transfer((*debtor, shop, creditor), to, *amount, names)?;
        }
        for (debtor, amount) in &division.debtor_shop {
            let to = shop_iban(names, shop)?;
            self.transfer((*debtor, shop, Creditor::Shop), to, *amount, names)?;
        }
        Ok(())
    }

    fn record(
        &mut self,
        shop: ShopId,
        pieces: &[Piece],
        names: &Names,
    ) -> Result<Record, SettleError> {
        let mut shares = merged(pieces.iter().map(|piece| (piece.iban, piece.amount)))?;
        let mut to_shop = pieces
            .iter()
            .filter(|piece| piece.creditor == Creditor::Shop)
            .map(|piece| piece.amount)
            .sum();
        if shares.len() > SHARES_MAX {
            let mut by_size = shares.clone();
            by_size.sort_by_key(|(iban, amount)| (std::cmp::Reverse(*amount), *iban));
            by_size.truncate(SHARES_MAX - 1);
            let stays = |iban: &Iban| by_size.iter().any(|(kept, _)| kept == iban);
            let over: Vec<&Piece> = pieces.iter().filter(|piece| !stays(&piece.iban)).collect();
            let club = router(pieces).ok_or_else(|| SettleError::Unnamed {
                what: "shop",
                found: names.shop(shop).to_owned(),
                wanted: "a club through which more than ten accounts are paid",
            })?;
            let through = club_iban(names, club)?;
            let mut sum = 0;
            for piece in over {
                add(&mut sum, piece.amount)?;
                if piece.creditor == Creditor::Shop {
                    to_shop -= piece.amount;
                }
                self.transfer(
                    (debtor_of(names, club), shop, piece.creditor),
                    piece.iban,
                    piece.amount,
                    names,
                )?;
            }
            shares.retain(|(iban, _)| stays(iban));
            shares = merged(shares.into_iter().chain([(through, sum)]))?;
        }
        Ok(Record {
            shop,
            shares,
            to_shop,
        })
    }

    fn transfer(
        &mut self,
        key: TransferKey,
        to: Iban,
        amount: i64,
        names: &Names,
    ) -> Result<(), SettleError> {
        let own = debtor_account(names, key.0)?.1 == to;
        let held = if own {
            &mut self.kept
        } else {
            &mut self.transfers
        };
        Ok(add(held.entry(key).or_default(), amount)?)
    }
}

struct Piece {
    creditor: Creditor,
    club: Option<ClubId>,
    iban: Iban,
    amount: i64,
}

/// Every account once, where it first stood.
fn merged(shares: impl Iterator<Item = (Iban, i64)>) -> Result<Vec<(Iban, i64)>, SettleError> {
    let mut once: Vec<(Iban, i64)> = Vec::new();
    let mut places = BTreeMap::new();
    for (iban, amount) in shares {
        let place = *places.entry(iban).or_insert(once.len());
        match once.get_mut(place) {
            Some((_, sum)) => add(sum, amount)?,
            None => once.push((iban, amount)),
        }
    }
    Ok(once)
}

/// The club with the most money in the parts; of equals, the first.
fn router(pieces: &[Piece]) -> Option<ClubId> {
    let mut by_club: BTreeMap<ClubId, i64> = BTreeMap::new();
    for piece in pieces {
        if let Some(club) = piece.club {
            let sum = by_club.entry(club).or_default();
            *sum = sum.saturating_add(piece.amount);
        }
    }
    by_club
        .into_iter()
        .min_by_key(|(club, sum)| (std::cmp::Reverse(*sum), *club))
        .map(|(club, _)| club)
}

/// The account a creditor is paid on.
pub(crate) fn iban(names: &Names, shop: ShopId, creditor: Creditor) -> Result<Iban, SettleError> {
    match creditor {
        Creditor::Shop => shop_iban(names, shop),
        Creditor::Part(Payee::Person(person)) => names
            .person_particulars(person)
            .map(|(_, iban)| iban)
            .ok_or_else(|| unnamed("person", person.0, "an account")),
        Creditor::Part(Payee::Owner(club) | Payee::Reserve(club) | Payee::Saving(club)) => {
            club_iban(names, club)
        }
        Creditor::Part(Payee::Organisation(id)) => {
            Ok(debtor_account(names, Debtor::Organisation(id))?.1)
        }
        Creditor::Part(Payee::Operator) => Ok(debtor_account(names, Debtor::Operator)?.1),
    }
}

/// What a debtor is called, and from which account he pays.
pub(crate) fn debtor_account(names: &Names, debtor: Debtor) -> Result<(&str, Iban), SettleError> {
    let (found, what, id) = match debtor {
        Debtor::Club(club) => {
            let found = names.club_particulars(club);
            let found = found.map(|(title, _, iban)| (title, iban));
            (found, "club", u32::from(club.0))
        }
        Debtor::Organisation(id) => {
            let found = names.organisation_particulars(id);
            (found, "organisation", u32::from(id.0))
        }
        Debtor::Operator => {
            let found = names.operator().map(|(title, _, iban)| (title, iban));
            (found, "operator", 0)
        }
    };
    found.ok_or_else(|| unnamed(what, id, "an account"))
}

pub(crate) fn shop_iban(names: &Names, shop: ShopId) -> Result<Iban, SettleError> {
    names
        .shop_particulars(shop)
        .map(|(_, iban)| iban)
        .ok_or_else(|| unnamed("shop", shop.0, "an account"))
}

/// Who pays for a club: itself; for a card product, its issuer.
fn debtor_of(names: &Names, club: ClubId) -> Debtor {
    match names.card_particulars(club) {
        Some((_, issuer)) => Debtor::Organisation(issuer),
        None => Debtor::Club(club),
    }
}

/// A club's account; of a card product, its issuer's.
pub(crate) fn club_iban(names: &Names, club: ClubId) -> Result<Iban, SettleError> {
    Ok(debtor_account(names, debtor_of(names, club))?.1)
}

pub(crate) fn unnamed(what: &'static str, id: u32, wanted: &'static str) -> SettleError {
    SettleError::Unnamed {
        what,
        found: id.to_string(),
        wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Named;
    use crate::terms::{OrganisationId, PersonId};

    fn iban_of(number: usize) -> Iban {
        let text = |check: usize| format!("IR{check:02}0170000000{number:012}");
        (2..=98)
            .find_map(|check| Iban::parse(&text(check)).ok())
            .expect("one of all check digits fits")
    }

    #[test]
    fn beyond_ten_accounts_a_card_product_pays_from_its_issuers() {
        let (product, issuer) = (ClubId(0), OrganisationId(0));
        let mut names = Names::default();
        names.put(Named::Organisation {
            id: issuer,
            name: "parse".to_owned(),
            title: "Parse".to_owned(),
            iban: iban_of(1),
        });
        names.put(Named::Card {
            id: product,
            name: "bpcard".to_owned(),
            title: "Card".to_owned(),
            issuer,
        });
        let piece = |number: usize| Piece {
            creditor: Creditor::Part(Payee::Person(PersonId(number as u32))),
            club: Some(product),
            iban: iban_of(10 + number),
            amount: 100 - number as i64,
        };
        let pieces: Vec<Piece> = (0..12).map(piece).collect();
        let mut payments = Payments::default();
        let record = payments.record(ShopId(0), &pieces, &names).unwrap();
        assert_eq!(record.shares.len(), SHARES_MAX);
        assert_eq!(record.shares.last(), Some(&(iban_of(1), 91 + 90 + 89)));
        let debtors = payments.transfers.keys().map(|(debtor, ..)| *debtor);
        let debtors: Vec<Debtor> = debtors.collect();
        assert_eq!(debtors, [Debtor::Organisation(issuer); 3]);
    }
}
