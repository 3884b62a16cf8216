//! What the card itself did: the discounts of its product, and each of its pockets.

use serde::{Deserialize, Serialize};

use super::story::{DiscountRule, Sum};
use super::tell::{Teller, payer};
use super::write::{DEEP, INDENT, Page};
use crate::rules::trace::{Fact, Shut};
use crate::rules::{Card, Payer};
use crate::words::explain as say;

/// What the product of a card gave, and what its pockets paid.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct OfCard {
    /// The name of the product.
    pub product: String,
    /// The number of the holder; none where he is none yet.
    pub holder: Option<u32>,
    /// Its discounts, in file order.
    pub rules: Vec<DiscountRule>,
    /// What the giver of a guest card earned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub giver: Option<GiverTold>,
    /// What they gave.
    pub discount: i64,
    /// What was left of the bill behind all discounts.
    pub bill_after: i64,
    /// The pockets whose turn it was, in their order.
    pub pockets: Vec<PocketTold>,
    /// What they paid.
    pub paid: i64,
    /// What nobody paid, so that nothing was bought.
    pub unpaid: Option<i64>,
}

/// The member who gave a guest card away.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct GiverTold {
    /// His number.
    pub member: u32,
    /// The purse he earned in.
    pub purse: String,
    /// How much.
    pub earned: Sum,
}

/// A pocket whose turn it was.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct PocketTold {
    /// Its name.
    pub pocket: String,
    /// What could be spent of it.
    pub holds: i64,
    /// What was left of the bill.
    pub left: i64,
    /// What it paid.
    pub pays: i64,
    /// Why it paid nothing: `pin`, `shop`, `hour`, `product`, `no-lines`, `times`, `day`, `empty`, `too-little`.
    pub shut: Option<String>,
    /// What that is about: the time, the product, how often, how much.
    pub about: Option<String>,
}

impl Teller<'_> {
    /// What the card did; none where it is of no product.
    pub(super) fn of_card(&self, card: &Card, bill_after: i64) -> OfCard {
        let asked = &self.facts.heard.of_card;
        let rules = card.club.discounts.iter().zip(asked);
        let rules = rules.map(|(rule, asked)| {
            let conditions = self.conditions(&rule.when, asked);
            let mut paid_by = self.paid_by(rule);
            for payment in &mut paid_by {
                if payment.payer == payer(Payer::Club) {
                    "issuer".clone_into(&mut payment.payer);
                }
            }
            DiscountRule {
                rule: self.discount_rule(rule, conditions),
                rebate: None,
                paid_by,
            }
        });
        let discount = self.given(|id| card.club.discounts.iter().any(|rule| rule.id == id));
        let names = self.facts.names;
        let mut told = OfCard {
            product: card.club.name.clone(),
            holder: self.facts.heard.holder.map(|(_, holder)| holder.0),
            rules: rules.collect(),
            discount,
            bill_after: bill_after - discount,
            ..OfCard::default()
        };
        for fact in self.heard() {
            match fact {
                Fact::Pocket {
                    purse,
                    holds,
                    left,
                    pays,
                    shut,
                } => {
                    let (shut, about) = why(shut.as_ref());
                    told.paid += pays.0;
                    told.pockets.push(PocketTold {
                        pocket: names.purse(*purse).to_owned(),
                        holds: holds.0,
                        left: left.0,
                        pays: pays.0,
                        shut,
                        about,
                    });
                }
                Fact::GiverEarns {
                    giver,
                    purse,
                    amount,
                } => {
                    told.giver = Some(GiverTold {
                        member: giver.0,
                        purse: names.purse(*purse).to_owned(),
                        earned: self.facts.sum(*purse, *amount),
                    });
                }
                Fact::Unpaid(left) => told.unpaid = Some(left.0),
                _ => {}
            }
        }
        told
    }
}

/// Why a pocket is shut, by name, and what that is about.
fn why(shut: Option<&Shut>) -> (Option<String>, Option<String>) {
    let Some(shut) = shut else {
        return (None, None);
    };
    let (name, about) = match shut {
        Shut::Pin => ("pin", None),
        Shut::Shop => ("shop", None),
        Shut::Hour(time) => ("hour", Some(time.to_string())),
        Shut::Product(code) => ("product", Some(code.clone())),
        Shut::NoLines => ("no-lines", None),
        Shut::Times(most) => ("times", Some(most.to_string())),
        Shut::Day(most) => ("day", Some(most.0.to_string())),
        Shut::Empty => ("empty", None),
        Shut::TooLittle(room) => ("too-little", Some(room.0.to_string())),
    };
    (Some(name.to_owned()), about)
}

impl Page {
    /// The discounts of the product.
    pub(super) fn discounts_of_card(&mut self, card: &OfCard) {
        if card.rules.is_empty() {
            return;
        }
        self.stage(say::OF_CARD, &self.name(&card.product));
        self.discount_rules(&card.rules);
        if let Some(giver) = &card.giver {
            let earned = format!("+{}", self.plain(&giver.earned));
            let member = self.digits(&giver.member.to_string());
            let purse = self.name(&giver.purse);
            self.sum(
                INDENT,
                &self.say(say::GIVER_EARNS, &[&purse, &member]),
                &earned,
            );
        }
        let after = self.number(card.bill_after);
        self.sum(INDENT, &self.say(say::AFTER_DISCOUNT, &[]), &after);
    }

    /// The pockets, each with what it paid or why nothing.
    pub(super) fn pockets(&mut self, card: &OfCard) {
        if card.pockets.is_empty() {
            return;
        }
        let product = self.name(&card.product);
        let of = match card.holder {
            Some(holder) => {
                let holder = self.digits(&holder.to_string());
                self.say(say::HOLDER, &[&product, &holder])
            }
            None => self.say(say::NEW_HOLDER, &[&product]),
        };
        self.stage(say::POCKETS, &of);
        for pocket in &card.pockets {
            let name = self.name(&pocket.pocket);
            let holds = self.number(pocket.holds);
            let text = self.say(say::POCKET, &[&name, &holds]);
            let pays = self.number(pocket.pays);
            self.sum(INDENT, &text, &pays);
            let Some(shut) = &pocket.shut else {
                continue;
            };
            let about = pocket.about.as_deref().unwrap_or_default();
            let about = match about.parse() {
                Ok(number) => self.number(number),
                Err(_) => self.digits(about),
            };
            let phrase = match shut.as_str() {
                "pin" => say::SHUT_PIN,
                "shop" => say::SHUT_SHOP,
                "hour" => say::SHUT_HOUR,
                "product" => say::SHUT_PRODUCT,
                "no-lines" => say::SHUT_NO_LINES,
                "times" => say::SHUT_TIMES,
                "day" => say::SHUT_DAY,
                "too-little" => say::SHUT_TOO_LITTLE,
                _ => say::SHUT_EMPTY,
            };
            self.row(DEEP, &self.say(phrase, &[&about]));
        }
        if let Some(unpaid) = card.unpaid {
            let unpaid = self.number(unpaid);
            self.row(INDENT, &self.say(say::UNPAID, &[&unpaid]));
        }
    }
}
