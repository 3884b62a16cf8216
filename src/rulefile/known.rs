//! What names stand for while a rule set is compiled, and the dense ids behind them.

use crate::ledger::{EventId, Named, Names, PurseKind, TierId};
use crate::source::{Entry, Fault, Place, Value, nearest};
use crate::terms::{ClubId, Iban, Map, OrganisationId, PersonId, PurseId, RuleId, ShopId};

/// The names of one kind, in file order, each with its place and meaning.
#[derive(Debug)]
pub(super) struct Known<T> {
    /// "merchant group"; an `s` makes the plural.
    what: &'static str,
    /// False when a file that may hold more of them could not be parsed: then nothing is said about unknown names.
    complete: bool,
    list: Vec<(String, Place, T)>,
    index: Map<String, usize>,
}

impl<T> Known<T> {
    pub(super) fn new(what: &'static str, complete: bool) -> Known<T> {
        Known {
            what,
            complete,
            list: Vec::new(),
            index: Map::default(),
        }
    }

    /// From now on nothing is said about unknown names.
    pub(super) fn is_not_complete(&mut self) {
        self.complete = false;
    }

    /// Keeps a name; a second one of the same is a fault, and the first stands.
    pub(super) fn add(&mut self, name: &str, place: Place, at: Value<'_>, meaning: T) {
        if let Some(first) = self.index.get(name) {
            let (_, first, _) = &self.list[*first];
            at.report(
                Fault::error(
                    "R07",
                    place,
                    format!("the {} \"{name}\" stands twice", self.what),
                )
                .why(format!("the first is at {first}"))
                .mend("give one of them another name"),
            );
            return;
        }
        self.index.insert(name.to_owned(), self.list.len());
        self.list.push((name.to_owned(), place, meaning));
    }

    /// As [`Known::add`], for a member of a table.
    pub(super) fn add_entry(&mut self, entry: &Entry<'_>, meaning: T) {
        self.add(entry.name, entry.place.clone(), entry.value, meaning);
    }

    /// Whether a name was taken before.
    pub(super) fn has(&self, name: &str) -> bool {
        self.index.contains_key(name)
    }

    /// What all of them stand for, in file order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.list.iter().map(|(_, _, meaning)| meaning)
    }

    /// What the name in a file stands for; a fault when there is none of it.
    pub(super) fn find(&self, value: Value<'_>) -> Option<&T> {
        let name = value.text()?;
        if let Some(at) = self.index.get(name) {
            return Some(&self.list[*at].2);
        }
        if !self.complete {
            return None;
        }
        let title = format!("there is no {} \"{name}\"", self.what);
        let fault = value.fault("R08", title);
        let names = self.list.iter().map(|(name, _, _)| name.as_str());
        let near = nearest(name, names).and_then(|near| self.index.get(near));
        value.report(match near {
            Some(near) => {
                let (name, place, _) = &self.list[*near];
                let (file, line) = (&place.source.name, place.line());
                fault.mend(format!("did you mean \"{name}\" ({file}:{line})?"))
            }
            None if self.list.is_empty() => fault,
            None => {
                let names: Vec<&str> = self.list.iter().take(8).map(|(n, _, _)| &**n).collect();
                let more = if self.list.len() > names.len() {
                    ", ..."
                } else {
                    ""
                };
                fault.mend(format!("known: {}{more}", names.join(", ")))
            }
        });
        None
    }

    /// The names with their places, in file order.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, &Place)> {
        self.list.iter().map(|(name, place, _)| (&**name, place))
    }

    pub(super) fn meanings(&self) -> impl Iterator<Item = &T> {
        self.list.iter().map(|(_, _, meaning)| meaning)
    }
}

/// Gives every name its id: the one it has had, or the next of its kind.
#[derive(Debug)]
pub(super) struct Ids<'n> {
    names: &'n Names,
    next: Next,
    /// Names that are new or whose particulars have changed.
    pub(super) new: Vec<Named>,
    /// A kind of which there are more than ids.
    pub(super) full: Option<&'static str>,
}

#[derive(Debug)]
struct Next {
    club: usize,
    purse: usize,
    shop: usize,
    person: usize,
    rule: usize,
    tier: usize,
    event: usize,
    organisation: usize,
}

impl<'n> Ids<'n> {
    pub(super) fn new(names: &'n Names) -> Ids<'n> {
        let [
            _,
            club,
            purse,
            shop,
            person,
            rule,
            tier,
            event,
            organisation,
        ] = names.next_ids();
        Ids {
            names,
            next: Next {
                club,
                purse,
                shop,
                person,
                rule,
                tier,
                event,
                organisation,
            },
            new: Vec::new(),
            full: None,
        }
    }

    /// The name table the ids come from.
    pub(super) fn names(&self) -> &'n Names {
        self.names
    }

    pub(super) fn operator(&mut self, title: &str, alias: &str, iban: Iban) {
        self.keep(Named::Operator {
            title: title.to_owned(),
            alias: alias.to_owned(),
            iban,
        });
    }

    pub(super) fn club(&mut self, name: &str, title: &str, alias: &str, iban: Iban) -> ClubId {
        let known = self.names.club_id(name);
        let id =
            known.unwrap_or_else(|| ClubId(small(&mut self.next.club, "clubs", &mut self.full)));
        self.keep(Named::Club {
            id,
            name: name.to_owned(),
            title: title.to_owned(),
            alias: alias.to_owned(),
            iban,
        });
        id
    }

    pub(super) fn card(&mut self, name: &str, title: &str, issuer: OrganisationId) -> ClubId {
        let known = self.names.club_id(name);
        let id =
            known.unwrap_or_else(|| ClubId(small(&mut self.next.club, "clubs", &mut self.full)));
        self.keep(Named::Card {
            id,
            name: name.to_owned(),
            title: title.to_owned(),
            issuer,
        });
        id
    }

    pub(super) fn organisation(&mut self, name: &str, title: &str, iban: Iban) -> OrganisationId {
        let known = self.names.organisation_id(name);
        let next = &mut self.next.organisation;
        let id =
            known.unwrap_or_else(|| OrganisationId(small(next, "organisations", &mut self.full)));
        self.keep(Named::Organisation {
            id,
            name: name.to_owned(),
            title: title.to_owned(),
            iban,
        });
        id
    }

    pub(super) fn purse(
        &mut self,
        club: ClubId,
        name: &str,
        kind: PurseKind,
        unit: &str,
        decimals: u8,
    ) -> PurseId {
        let known = self.names.purse_id(club, name);
        let id =
            known.unwrap_or_else(|| PurseId(small(&mut self.next.purse, "purses", &mut self.full)));
        self.keep(Named::Purse {
            id,
            club,
            name: name.to_owned(),
            kind,
            unit: unit.to_owned(),
            decimals,
        });
        id
    }

    pub(super) fn shop(&mut self, code: &str, title: &str, iban: Iban) -> ShopId {
        let known = self.names.shop_id(code);
        let id = known
            .unwrap_or_else(|| ShopId(large(&mut self.next.shop, "merchants", &mut self.full)));
        self.keep(Named::Shop {
            id,
            code: code.to_owned(),
            title: title.to_owned(),
            iban,
        });
        id
    }

    pub(super) fn person(&mut self, name: &str, title: &str, iban: Iban) -> PersonId {
        let known = self.names.person_id(name);
        let id = known
            .unwrap_or_else(|| PersonId(large(&mut self.next.person, "people", &mut self.full)));
        self.keep(Named::Person {
            id,
            name: name.to_owned(),
            title: title.to_owned(),
            iban,
        });
        id
    }

    pub(super) fn rule(&mut self, club: ClubId, name: &str) -> RuleId {
        let known = self.names.rule_id(club, name);
        let id =
            known.unwrap_or_else(|| RuleId(rule(&mut self.next.rule, "rules", &mut self.full)));
        self.keep(Named::Rule {
            id,
            club,
            name: name.to_owned(),
        });
        id
    }

    /// What the earnings into a purse are counted under; no rule can have this name.
    pub(super) fn earnings(
        &mut self,
        club: ClubId,
        names: &[(PurseId, String)],
        purse: PurseId,
    ) -> RuleId {
        let name = names.iter().find(|(id, _)| *id == purse);
        let name = format!("earned/{}", name.map_or("", |(_, name)| name));
        let made = self.new.iter().find_map(|named| match named {
            Named::Rule {
                id,
                club: of,
                name: n,
            } if *of == club && *n == name => Some(*id),
            _ => None,
        });
        made.unwrap_or_else(|| self.rule(club, &name))
    }

    pub(super) fn tier(&mut self, club: ClubId, name: &str) -> TierId {
        let known = self.names.tier_id(club, name);
        let id =
            known.unwrap_or_else(|| TierId(small(&mut self.next.tier, "tiers", &mut self.full)));
        self.keep(Named::Tier {
            id,
            club,
            name: name.to_owned(),
        });
        id
    }

    pub(super) fn event(&mut self, club: ClubId, name: &str) -> EventId {
        // Several rules may wait for one event that no entry has named yet.
        let named = |named: &Named| match named {
            Named::Event {
                id,
                club: of,
                name: n,
            } if *of == club && n == name => Some(*id),
            _ => None,
        };
        let known = self.names.event_id(club, name);
        if let Some(id) = known.or_else(|| self.new.iter().find_map(named)) {
            return id;
        }
        let id = EventId(small(&mut self.next.event, "events", &mut self.full));
        self.keep(Named::Event {
            id,
            club,
            name: name.to_owned(),
        });
        id
    }

    fn keep(&mut self, named: Named) {
        if !self.names.knows(&named) {
            self.new.push(named);
        }
    }
}

/// The last id of 16 bits stays free: a purse's unit is its id plus one.
fn small(next: &mut usize, kind: &'static str, full: &mut Option<&'static str>) -> u16 {
    let id = u16::try_from(*next).ok().filter(|id| *id < u16::MAX);
    *next += 1;
    id.unwrap_or_else(|| {
        *full = Some(kind);
        0
    })
}

/// Lots keep their rule in 24 bits, and the last of them says that there is none.
fn rule(next: &mut usize, kind: &'static str, full: &mut Option<&'static str>) -> u32 {
    let id = large(next, kind, full);
    if id < (1 << 24) - 1 {
        return id;
    }
    *full = Some(kind);
    0
}

fn large(next: &mut usize, kind: &'static str, full: &mut Option<&'static str>) -> u32 {
    let id = u32::try_from(*next).ok();
    *next += 1;
    id.unwrap_or_else(|| {
        *full = Some(kind);
        0
    })
}
