//! The names behind the dense ids. Part of the book; changed only by entries.

use crate::ledger::PurseKind;
use crate::terms::Map;
use crate::terms::{
    AcquirerId, ClubId, Iban, OrganisationId, PersonId, PurseId, RuleId, ShopId, UnitId,
};

/// A tier of a club.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct TierId(pub u16);

/// An event of a club that earnings may wait for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct EventId(pub u16);

/// Who takes a part of the split.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Party {
    /// Who brought the member.
    Marketer,
    /// Who brought the shop.
    MerchantMarketer,
    /// The owner of the club.
    ClubOwner,
    /// What is saved for the shop.
    AcceptorSaving,
    /// Credit that the shop funds for the member: its money goes to the club's reserve.
    HolderSaving,
    /// The shop itself.
    Merchant,
}

impl Party {
    /// Every party, with its name in rule files and on the wire.
    pub const ALL: [(Party, &'static str); 6] = [
        (Party::Marketer, "marketer"),
        (Party::MerchantMarketer, "merchant-marketer"),
        (Party::ClubOwner, "club-owner"),
        (Party::AcceptorSaving, "acceptor-saving"),
        (Party::HolderSaving, "holder-saving"),
        (Party::Merchant, "merchant"),
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        Party::ALL
            .iter()
            .find(|(party, _)| *party == self)
            .map_or("", |(_, name)| name)
    }
}

/// What a name stands for. An entry carries those that are new, and those whose particulars changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Named {
    /// Who runs the switch.
    Operator {
        /// For people.
        title: String,
        /// For file names, 3 to 5 letters.
        alias: String,
        /// Where fees go.
        iban: Iban,
    },
    /// An acquirer.
    Acquirer {
        /// Its id here.
        id: AcquirerId,
        /// Its institution code, as DE32 carries it.
        code: String,
    },
    /// A club.
    Club {
        /// Its id here.
        id: ClubId,
        /// Its name in rule files.
        name: String,
        /// For people.
        title: String,
        /// For file names, 3 to 5 letters.
        alias: String,
        /// Its owner's account.
        iban: Iban,
    },
    /// A purse of a club.
    Purse {
        /// Its id here.
        id: PurseId,
        /// Whose.
        club: ClubId,
        /// Its name in the club file.
        name: String,
        /// Its kind.
        kind: PurseKind,
        /// What one whole of it is called: `rial`, `point`.
        unit: String,
        /// Decimals of one whole, 0 to 4.
        decimals: u8,
    },
    /// A shop.
    Shop {
        /// Its id here.
        id: ShopId,
        /// Its acceptor number, as DE42 carries it, without padding.
        code: String,
        /// For people.
        title: String,
        /// Where its money goes.
        iban: Iban,
    },
    /// A person who gets a share of money.
    Person {
        /// Its id here.
        id: PersonId,
        /// Its name in the world file.
        name: String,
        /// For people.
        title: String,
        /// Where the money goes.
        iban: Iban,
    },
    /// A rule of a club.
    Rule {
        /// Its id here.
        id: RuleId,
        /// Whose.
        club: ClubId,
        /// Its name in the club file.
        name: String,
    },
    /// A tier of a club.
    Tier {
        /// Its id here.
        id: TierId,
        /// Whose.
        club: ClubId,
        /// Its name in the club file.
        name: String,
    },
    /// An event that rules of a club wait for.
    Event {
        /// Its id here.
        id: EventId,
        /// Whose.
        club: ClubId,
        /// Its name in the club file.
        name: String,
    },
    /// A sponsor or an issuer of cards.
    Organisation {
        /// Its id here.
        id: OrganisationId,
        /// Its name in the world file.
        name: String,
        /// For people.
        title: String,
        /// From where it pays.
        iban: Iban,
    },
    /// A card product. It stands among the clubs: who holds a card of it is its member, and its pockets are its purses.
    Card {
        /// Its id here.
        id: ClubId,
        /// Its name in rule files.
        name: String,
        /// For people.
        title: String,
        /// Who issues it.
        issuer: OrganisationId,
    },
}

/// The name table: what each id stands for, and back.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Names {
    /// In the order of their ids, kind by kind.
    operator: Option<Named>,
    acquirers: Vec<Named>,
    clubs: Vec<Named>,
    purses: Vec<Named>,
    shops: Vec<Named>,
    people: Vec<Named>,
    rules: Vec<Named>,
    tiers: Vec<Named>,
    events: Vec<Named>,
    organisations: Vec<Named>,
    acquirer_ids: Map<String, AcquirerId>,
    club_ids: Map<String, ClubId>,
    purse_ids: Map<(ClubId, String), PurseId>,
    shop_ids: Map<String, ShopId>,
    person_ids: Map<String, PersonId>,
    rule_ids: Map<(ClubId, String), RuleId>,
    tier_ids: Map<(ClubId, String), TierId>,
    event_ids: Map<(ClubId, String), EventId>,
    organisation_ids: Map<String, OrganisationId>,
}

impl Names {
    /// Puts a name in, or its new particulars in place of the old. Ids are dense: a new one is the next of its kind.
    pub fn put(&mut self, named: Named) {
        fn at(table: &mut Vec<Named>, place: usize, named: Named) {
            if place < table.len() {
                table[place] = named;
            } else {
                debug_assert_eq!(place, table.len(), "ids are dense");
                table.push(named);
            }
        }
        match &named {
            Named::Operator { .. } => self.operator = Some(named),
            Named::Acquirer { id, code } => {
                self.acquirer_ids.insert(code.clone(), *id);
                at(&mut self.acquirers, id.place(), named);
            }
            Named::Club { id, name, .. } | Named::Card { id, name, .. } => {
                self.club_ids.insert(name.clone(), *id);
                at(&mut self.clubs, id.place(), named);
            }
            Named::Purse { id, club, name, .. } => {
                self.purse_ids.insert((*club, name.clone()), *id);
                at(&mut self.purses, id.place(), named);
            }
            Named::Shop { id, code, .. } => {
                self.shop_ids.insert(code.clone(), *id);
                at(&mut self.shops, id.place(), named);
            }
            Named::Person { id, name, .. } => {
                self.person_ids.insert(name.clone(), *id);
                at(&mut self.people, id.place(), named);
            }
            Named::Rule { id, club, name } => {
                self.rule_ids.insert((*club, name.clone()), *id);
                at(&mut self.rules, id.place(), named);
            }
            Named::Tier { id, club, name } => {
                self.tier_ids.insert((*club, name.clone()), *id);
                at(&mut self.tiers, usize::from(id.0), named);
            }
            Named::Event { id, club, name } => {
                self.event_ids.insert((*club, name.clone()), *id);
                at(&mut self.events, usize::from(id.0), named);
            }
            Named::Organisation { id, name, .. } => {
                self.organisation_ids.insert(name.clone(), *id);
                at(&mut self.organisations, id.place(), named);
            }
        }
    }

    /// All of it, in an order in which [`Self::put`] takes it back.
    pub fn all(&self) -> impl Iterator<Item = &Named> {
        self.operator
            .iter()
            .chain(&self.acquirers)
            .chain(&self.clubs)
            .chain(&self.purses)
            .chain(&self.shops)
            .chain(&self.people)
            .chain(&self.rules)
            .chain(&self.tiers)
            .chain(&self.events)
            .chain(&self.organisations)
    }

    /// The operator: title, alias, account.
    pub fn operator(&self) -> Option<(&str, &str, Iban)> {
        match &self.operator {
            Some(Named::Operator { title, alias, iban }) => Some((title, alias, *iban)),
            _ => None,
        }
    }

    /// The acquirer of an institution code.
    pub fn acquirer_id(&self, code: &str) -> Option<AcquirerId> {
        self.acquirer_ids.get(code).copied()
    }

    /// The institution code of an acquirer; empty where there is none.
    pub fn acquirer(&self, id: AcquirerId) -> &str {
        match self.acquirers.get(id.place()) {
            Some(Named::Acquirer { code, .. }) => code,
            _ => "",
        }
    }

    /// Every acquirer known.
    pub fn acquirers(&self) -> impl Iterator<Item = AcquirerId> {
        (0..self.acquirers.len()).map(|at| AcquirerId(at as u16))
    }

    /// The club, or card product, of a name.
    pub fn club_id(&self, name: &str) -> Option<ClubId> {
        self.club_ids.get(name).copied()
    }

    /// A club's or card product's name; empty where there is none.
    pub fn club(&self, id: ClubId) -> &str {
        match self.clubs.get(id.place()) {
            Some(Named::Club { name, .. } | Named::Card { name, .. }) => name,
            _ => "",
        }
    }

    /// A club's title, alias and owner's account.
    pub fn club_particulars(&self, id: ClubId) -> Option<(&str, &str, Iban)> {
        match self.clubs.get(id.place()) {
            Some(Named::Club {
                title, alias, iban, ..
            }) => Some((title, alias, *iban)),
            _ => None,
        }
    }

    /// A card product's title and who issues it; none of a club.
    pub fn card_particulars(&self, id: ClubId) -> Option<(&str, OrganisationId)> {
        match self.clubs.get(id.place()) {
            Some(Named::Card { title, issuer, .. }) => Some((title, *issuer)),
            _ => None,
        }
    }

    /// The organisation of a name.
    pub fn organisation_id(&self, name: &str) -> Option<OrganisationId> {
        self.organisation_ids.get(name).copied()
    }

    /// An organisation's name; empty where there is none.
    pub fn organisation(&self, id: OrganisationId) -> &str {
        match self.organisations.get(id.place()) {
            Some(Named::Organisation { name, .. }) => name,
            _ => "",
        }
    }

    /// An organisation's title and account.
    pub fn organisation_particulars(&self, id: OrganisationId) -> Option<(&str, Iban)> {
        match self.organisations.get(id.place()) {
            Some(Named::Organisation { title, iban, .. }) => Some((title, *iban)),
            _ => None,
        }
    }

    /// The purse of a name in a club.
    pub fn purse_id(&self, club: ClubId, name: &str) -> Option<PurseId> {
        self.purse_ids.get(&(club, name.to_owned())).copied()
    }

    /// A purse's name; empty where there is none.
    pub fn purse(&self, id: PurseId) -> &str {
        match self.purses.get(id.place()) {
            Some(Named::Purse { name, .. }) => name,
            _ => "",
        }
    }

    /// A purse's club, kind and decimals.
    pub fn purse_particulars(&self, id: PurseId) -> Option<(ClubId, PurseKind, u8)> {
        match self.purses.get(id.place()) {
            Some(Named::Purse {
                club,
                kind,
                decimals,
                ..
            }) => Some((*club, *kind, *decimals)),
            _ => None,
        }
    }

    /// What a purse is counted in.
    pub fn purse_unit(&self, id: PurseId) -> UnitId {
        match self.purses.get(id.place()) {
            Some(Named::Purse { kind, .. }) if !kind.is_money() => UnitId::of_purse(id),
            _ => UnitId::RIAL,
        }
    }

    /// What a unit is called and how many decimals it has: `("rial", 0)`, `("point", 2)`.
    pub fn unit(&self, unit: UnitId) -> (&str, u8) {
        match unit
            .purse()
            .and_then(|purse| self.purses.get(purse.place()))
        {
            Some(Named::Purse { unit, decimals, .. }) => (unit, *decimals),
            _ => ("rial", 0),
        }
    }

    /// How many purses there are; their ids are below this.
    pub fn purses(&self) -> usize {
        self.purses.len()
    }

    /// The shop of an acceptor number (unpadded).
    pub fn shop_id(&self, code: &str) -> Option<ShopId> {
        self.shop_ids.get(code).copied()
    }

    /// A shop's acceptor number; empty where there is none.
    pub fn shop(&self, id: ShopId) -> &str {
        match self.shops.get(id.place()) {
            Some(Named::Shop { code, .. }) => code,
            _ => "",
        }
    }

    /// A shop's title and account.
    pub fn shop_particulars(&self, id: ShopId) -> Option<(&str, Iban)> {
        match self.shops.get(id.place()) {
            Some(Named::Shop { title, iban, .. }) => Some((title, *iban)),
            _ => None,
        }
    }

    /// The person of a name.
    pub fn person_id(&self, name: &str) -> Option<PersonId> {
        self.person_ids.get(name).copied()
    }

    /// A person's name; empty where there is none.
    pub fn person(&self, id: PersonId) -> &str {
        match self.people.get(id.place()) {
            Some(Named::Person { name, .. }) => name,
            _ => "",
        }
    }

    /// A person's title and account.
    pub fn person_particulars(&self, id: PersonId) -> Option<(&str, Iban)> {
        match self.people.get(id.place()) {
            Some(Named::Person { title, iban, .. }) => Some((title, *iban)),
            _ => None,
        }
    }

    /// The rule of a name in a club.
    pub fn rule_id(&self, club: ClubId, name: &str) -> Option<RuleId> {
        self.rule_ids.get(&(club, name.to_owned())).copied()
    }

    /// A rule's name; empty where there is none.
    pub fn rule(&self, id: RuleId) -> &str {
        match self.rules.get(id.place()) {
            Some(Named::Rule { name, .. }) => name,
            _ => "",
        }
    }

    /// The tier of a name in a club.
    pub fn tier_id(&self, club: ClubId, name: &str) -> Option<TierId> {
        self.tier_ids.get(&(club, name.to_owned())).copied()
    }

    /// A tier's name; empty where there is none.
    pub fn tier(&self, id: TierId) -> &str {
        match self.tiers.get(usize::from(id.0)) {
            Some(Named::Tier { name, .. }) => name,
            _ => "",
        }
    }

    /// The event of a name in a club.
    pub fn event_id(&self, club: ClubId, name: &str) -> Option<EventId> {
        self.event_ids.get(&(club, name.to_owned())).copied()
    }

    /// An event's name; empty where there is none.
    pub fn event(&self, id: EventId) -> &str {
        match self.events.get(usize::from(id.0)) {
            Some(Named::Event { name, .. }) => name,
            _ => "",
        }
    }

    /// The id a new name of each kind would get: acquirer, club (or card), purse, shop, person, rule, tier, event, organisation.
    pub fn next_ids(&self) -> [usize; 9] {
        [
            self.acquirers.len(),
            self.clubs.len(),
            self.purses.len(),
            self.shops.len(),
            self.people.len(),
            self.rules.len(),
            self.tiers.len(),
            self.events.len(),
            self.organisations.len(),
        ]
    }

    /// Whether [`Self::put`] may take these, one after another: each has the next id of its kind and a name not known yet, or the id of
    /// the same name.
    pub fn take(&self, all: &[Named]) -> bool {
        // How many of each kind are new.
        let mut new = [0; 9];
        all.iter().all(|named| {
            let (kind, known) = match named {
                Named::Operator { .. } => return true,
                Named::Acquirer { code, .. } => (0, self.acquirer_id(code).map(AcquirerId::place)),
                // Balances exist in what it was: a club does not become a card product.
                Named::Club { id, .. } if self.card_particulars(*id).is_some() => return false,
                Named::Card { id, .. } if self.club_particulars(*id).is_some() => return false,
                Named::Club { name, .. } | Named::Card { name, .. } => {
                    (1, self.club_id(name).map(ClubId::place))
                }
                Named::Purse { club, name, .. } => {
                    (2, self.purse_id(*club, name).map(PurseId::place))
                }
                Named::Shop { code, .. } => (3, self.shop_id(code).map(ShopId::place)),
                Named::Person { name, .. } => (4, self.person_id(name).map(PersonId::place)),
                Named::Rule { club, name, .. } => (5, self.rule_id(*club, name).map(RuleId::place)),
                Named::Tier { club, name, .. } => {
                    (6, self.tier_id(*club, name).map(|id| usize::from(id.0)))
                }
                Named::Event { club, name, .. } => {
                    (7, self.event_id(*club, name).map(|id| usize::from(id.0)))
                }
                Named::Organisation { name, .. } => {
                    (8, self.organisation_id(name).map(OrganisationId::place))
                }
            };
            let (table, place) = self.table(named);
            if known.is_none() {
                new[kind] += 1;
            }
            place == known.unwrap_or(table.len() + new[kind] - 1)
        })
    }

    /// Whether this very name with these very particulars is known.
    pub fn knows(&self, named: &Named) -> bool {
        if matches!(named, Named::Operator { .. }) {
            return self.operator.as_ref() == Some(named);
        }
        let (table, place) = self.table(named);
        table.get(place) == Some(named)
    }

    /// The table that a name is in, and its place there. The operator is in none.
    fn table(&self, named: &Named) -> (&[Named], usize) {
        match named {
            Named::Operator { .. } => (&[], 0),
            Named::Acquirer { id, .. } => (&self.acquirers, id.place()),
            Named::Club { id, .. } | Named::Card { id, .. } => (&self.clubs, id.place()),
            Named::Purse { id, .. } => (&self.purses, id.place()),
            Named::Shop { id, .. } => (&self.shops, id.place()),
            Named::Person { id, .. } => (&self.people, id.place()),
            Named::Rule { id, .. } => (&self.rules, id.place()),
            Named::Tier { id, .. } => (&self.tiers, usize::from(id.0)),
            Named::Event { id, .. } => (&self.events, usize::from(id.0)),
            Named::Organisation { id, .. } => (&self.organisations, id.place()),
        }
    }
}
