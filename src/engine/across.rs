//! A member turns points of one club into another's, always by two legs: his club owes the house what its points are sold for,
//! and the house owes the other club what its own new points cost. Both clubs know him by the same card.

use crate::engine::convert::own_card;
use crate::engine::load::too_much;
use crate::engine::moves::{Moves, told};
use crate::engine::{Engine, Hand, RIAL};
use crate::ledger::{
    Account, Counted, Effects, FeePayer, Made, Member, Obligation, ObligationKind, Reason, Told,
    Verdict, Who,
};
use crate::rules::{Club, ExchangeTerms, House, HouseMember, Purse, Shop, dies};
use crate::terms::{Day, Overflow, Rate, Rials, UnitId};

/// Currency of points, in smallest units.
const POINTS: u16 = 999;

/// A purse that takes part, with its rate and whose it is.
struct Side<'h> {
    club: &'h Club,
    purse: &'h Purse,
    member: &'h Member,
    of_house: &'h HouseMember,
    rate: Rate,
    since: Day,
}

/// What an exchange comes to.
struct Reckoned {
    /// What is taken, in smallest units.
    charge: i64,
    /// What that is worth, in whole rials.
    value: Rials,
    /// What the house takes, and from whom.
    fee: Rials,
    fee_payer: FeePayer,
    /// What is given, in smallest units.
    gives: i64,
    /// What that costs.
    cost: Rials,
    /// What is left of the value; the house keeps it.
    odd: Rials,
}

/// Whether what is asked for is between clubs: `golestan:points>pars:stars`.
pub(super) fn is_between_clubs(purses: &str) -> bool {
    purses.contains(':')
}

impl Engine {
    /// Points of one club into another's.
    pub(super) fn exchanged(&self, hand: &Hand<'_>, shop: &Shop) -> Result<Effects, Verdict> {
        let purses = hand.request.wishes.purse.as_deref();
        let named = |side: &str| {
            let (club, purse) = side.split_once(':')?;
            Some((club.trim().to_owned(), purse.trim().to_owned()))
        };
        let (from, to) = purses
            .and_then(|purses| purses.split_once('>'))
            .and_then(|(from, to)| Some((named(from)?, named(to)?)))
            .ok_or(Verdict::NotAllowed)?;
        let (house, terms) = house_of(hand, &from.0, &to.0).ok_or(Verdict::NotAllowed)?;
        let card = own_card(hand)?;
        let side = |(club, purse): &(String, String), sells: bool| {
            self.side(hand, house, (club, purse), card.identity, sells)
        };
        let (from, to) = (side(&from, true)?, side(&to, false)?);
        // Points need the card's PIN where the club says so, and this switch verifies none.
        if from.club.redeem.as_ref().is_some_and(|redeem| redeem.pin) {
            return Err(Verdict::NotAllowed);
        }
        let reckoned = reckon(hand, house, (&from, &to))?;
        let available = from
            .member
            .holding(from.purse.id, None)
            .map_or(0, |held| held.available(hand.now, hand.local.day));
        if reckoned.value < terms.min || reckoned.gives == 0 {
            return Err(Verdict::InvalidAmount);
        }
        let who = Who::Member(from.member.id);
        if let Some((window, most)) = terms.per_member {
            let rule = (from.of_house.exchanged, UnitId::RIAL);
            let used = self.book.used(rule, who, window, hand.local.day);
            if reckoned.value.0 > most.0.saturating_sub(used.amount) {
                return Err(Verdict::OverAmountLimit);
            }
        }
        if available < reckoned.charge {
            return Err(Verdict::NotEnough);
        }
        let obligation = obligation(&from, &to, &reckoned);
        let owes = obligation.issuer_owes().map_err(too_much)?;
        if owes > from.of_house.position(&self.book).room() {
            return Err(match from.of_house.own_shops_only {
                true => Verdict::NotAllowed,
                false => Verdict::OverAmountLimit,
            });
        }
        let mut effects = booked(hand, (&from, &to), &reckoned, obligation);
        if let Some((window, _)) = terms.per_member {
            effects.counted.push(Counted {
                rule: from.of_house.exchanged,
                who,
                window,
                day: hand.local.day,
                late: 0,
                unit: UnitId::RIAL,
                amount: reckoned.value.0,
            });
        }
        effects.shop = Some(shop.id);
        Ok(effects)
    }

    /// One side of it: the club and its purse, its rate of the day, and the member who has the card there.
    fn side<'h>(
        &'h self,
        hand: &'h Hand<'_>,
        house: &'h House,
        (club, purse): (&str, &str),
        identity: crate::terms::person::Identity,
        sells: bool,
    ) -> Result<Side<'h>, Verdict> {
        let mut clubs = hand.rules.clubs.iter();
        let club = clubs.find(|known| known.name == club);
        let club = club.ok_or(Verdict::NotAllowed)?;
        let named = club.purse_names.iter().find(|(_, name)| name == purse);
        let purse = named.and_then(|(id, _)| club.purse(*id));
        let purse = purse.ok_or(Verdict::NotAllowed)?;
        let day = hand.local.day;
        let rate = match sells {
            true => house.sell(purse.id, day),
            false => house.buy(purse.id, day),
        };
        let (rate, since) = rate.ok_or(Verdict::NotAllowed)?;
        let of_house = house.member(club.id).ok_or(Verdict::NotAllowed)?;
        let known = club.identify.allows(identity);
        let member = known.then(|| self.book.who(club.id, identity)).flatten();
        let member = member.and_then(|id| self.book.member(id));
        Ok(Side {
            club,
            purse,
            member: member.ok_or(Verdict::MemberUnknown)?,
            of_house,
            rate,
            since,
        })
    }
}

/// The house in which both clubs clear, where it lets members exchange, and the shop is of one of its clubs.
fn house_of<'h>(
    hand: &'h Hand<'_>,
    from: &str,
    to: &str,
) -> Option<(&'h House, &'h ExchangeTerms)> {
    let rules = &hand.rules;
    let id = |name: &str| {
        let club = rules.clubs.iter().find(|club| club.name == name)?;
        Some(club.id)
    };
    let (from, to) = (id(from)?, id(to)?);
    let federation = rules.clearing.of(from)?;
    if from == to || !federation.clubs.contains(&to) || !federation.shares_members {
        return None;
    }
    let shop = hand.shop()?;
    let mcc = crate::engine::category(&hand.request.asked, shop);
    let has = |id: &crate::terms::ClubId| {
        let club = rules.club(*id);
        club.is_some_and(|club| club.places.contains(shop.id, mcc))
    };
    let house = federation.house.as_ref()?;
    let terms = house.exchange.as_ref()?;
    federation.clubs.iter().any(has).then_some((house, terms))
}

/// Of rials (DE49 364) or of points in smallest units (999).
fn reckon(
    hand: &Hand<'_>,
    house: &House,
    (from, to): (&Side<'_>, &Side<'_>),
) -> Result<Reckoned, Verdict> {
    let asked = &hand.request.asked;
    let amount = asked.amount.filter(|amount| *amount > Rials::ZERO);
    let amount = amount.ok_or(Verdict::InvalidAmount)?;
    let reckoned = || -> Result<Option<Reckoned>, Overflow> {
        let (charge, value) = match asked.currency {
            RIAL => (from.rate.needed_for(amount.0)?, amount),
            POINTS => (amount.0, Rials(from.rate.down(amount.0)?)),
            _ => return Ok(None),
        };
        let (fee, fee_payer) = match house.exchange_fee {
            Some(fee) => (fee.on(value)?, fee.payer),
            None => (Rials::ZERO, FeePayer::Issuer),
        };
        let buys = match fee_payer {
            FeePayer::Member => value.less(fee)?,
            FeePayer::Issuer | FeePayer::Acceptor => value,
        };
        // So many as the money pays for, and what they cost: both to the member's disadvantage by less than a rial's worth.
        let makes = Rate {
            value: to.rate.per,
            per: to.rate.value,
        };
        let gives = makes.down(buys.0)?;
        let cost = Rials(makes.needed_for(gives)?);
        Ok(Some(Reckoned {
            charge,
            value,
            fee,
            fee_payer,
            gives,
            cost,
            odd: buys.less(cost)?,
        }))
    };
    let reckoned = reckoned().map_err(too_much)?;
    reckoned.ok_or(Verdict::InvalidAmount)
}

fn obligation(from: &Side<'_>, to: &Side<'_>, reckoned: &Reckoned) -> Obligation {
    Obligation {
        kind: ObligationKind::Exchange,
        issuer: from.club.id,
        acceptor: to.club.id,
        purse: from.purse.id,
        amount: reckoned.charge,
        rate: from.rate,
        rate_from: from.since,
        rial: reckoned.cost,
        fee: reckoned.fee,
        fee_payer: reckoned.fee_payer,
        odd: reckoned.odd,
        made: Some(Made {
            purse: to.purse.id,
            amount: reckoned.gives,
            rate: to.rate,
            rate_from: to.since,
        }),
    }
}

fn booked(
    hand: &Hand<'_>,
    (from, to): (&Side<'_>, &Side<'_>),
    reckoned: &Reckoned,
    obligation: Obligation,
) -> Effects {
    let mut moves = Moves {
        effects: Effects {
            club: Some(from.club.id),
            member: Some(from.member.id),
            obligations: vec![obligation],
            ..Effects::none()
        },
        at: hand.now,
        today: hand.local.day,
        business_day: hand.business_day,
        zone: &hand.rules.world.zone,
    };
    let (issuer, acceptor) = (from.club.id, to.club.id);
    let lots = moves.usable(from.member, from.purse);
    moves.debit(
        from.member,
        from.purse,
        &lots,
        reckoned.charge,
        Reason::Converted,
    );
    let rial = UnitId::RIAL;
    let sold = reckoned.cost.0 + reckoned.odd.0;
    let (owes, due) = (Account::OwesHouse, Account::HouseDue);
    moves.post(
        Account::Club(issuer),
        owes(issuer),
        sold,
        rial,
        Reason::OwedToHouse,
    );
    moves.post(
        due(issuer),
        Account::HouseOwes(acceptor),
        reckoned.cost.0,
        rial,
        Reason::Novated,
    );
    moves.post(
        due(issuer),
        Account::HouseIncome(issuer),
        reckoned.odd.0,
        rial,
        Reason::Rounding,
    );
    moves.post(
        Account::DueFromHouse(acceptor),
        Account::Club(acceptor),
        reckoned.cost.0,
        rial,
        Reason::OwedByHouse,
    );
    let payer = match reckoned.fee_payer {
        FeePayer::Issuer | FeePayer::Member => issuer,
        FeePayer::Acceptor => acceptor,
    };
    let fee = reckoned.fee.0;
    let reason = Reason::ClearingFee;
    moves.post(Account::Club(payer), owes(payer), fee, rial, reason);
    moves.post(due(payer), Account::HouseIncome(payer), fee, rial, reason);
    // Points that cover a sum may be worth a rial more.
    let worth = from.rate.down(reckoned.charge);
    let rounding = worth.unwrap_or(reckoned.value.0) - reckoned.value.0;
    moves.post(
        Account::Club(issuer),
        Account::Rounding(issuer),
        rounding,
        rial,
        Reason::Rounding,
    );
    let dies = dies(to.purse.expiry, hand.local.day);
    let terms = moves.terms(to.of_house.exchanged, dies);
    moves.credit(
        to.member,
        (to.purse, None),
        reckoned.gives,
        terms,
        Reason::Converted,
    );
    let balances = [from, to].map(|side| {
        let mut balances = moves.balances(side.member, side.club);
        balances.retain(|held| held.purse == side.purse.id);
        balances
    });
    moves.effects.told = Some(Told {
        member: Some(from.member.id),
        redeemed: vec![told(from.purse, reckoned.charge)],
        earned: vec![told(to.purse, reckoned.gives)],
        balances: balances.concat(),
        ..Told::only(Verdict::Approved)
    });
    moves.effects
}
