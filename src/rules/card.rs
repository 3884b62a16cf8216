//! Card products as they are judged by: the pockets of a card, who owes each of them, and where and when it pays.

use crate::ledger::CardState;
use crate::rules::{Caps, Club, Expiry, Purse, Roster};
use crate::terms::{
    Bin, ClubId, OrganisationId, Percent, PurseId, Rials, RuleId, TimeOfDay, Token,
};

/// One card product. Who holds a card of it is a member of its `club`, known by that card alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Card {
    /// What stands among the clubs for it: its purses are the pockets, in file order, its discounts those of the product. It has
    /// no redeem block, no accruals, splits or fee.
    pub club: Club,
    /// Its cards, by their first digits.
    pub bins: Vec<Bin>,
    /// Its cards by name, rising.
    pub cards: Vec<Token>,
    /// Who issues it; where its file says "club", this is meant.
    pub issuer: OrganisationId,
    /// The states a card of it can have.
    pub states: Vec<CardState>,
    /// Its pockets pay only with a verified PIN.
    pub pin: bool,
    /// Several pockets may pay one bill; else one of them pays all that is left of it.
    pub mixed: bool,
    /// Places of the pockets that pay, in their order.
    pub pay_order: Vec<usize>,
    /// What they leave goes on to the holder's own account; else it is not paid, and nothing is.
    pub bank: bool,
    /// Its pockets, in the order of the purses of `club`.
    pub pockets: Vec<Pocket>,
    /// One pocket into another.
    pub converts: Vec<Convert>,
    /// The card that a member gives away.
    pub guest: Option<GuestCard>,
    /// The number that loads a pocket.
    pub voucher: Option<Voucher>,
}

impl Card {
    /// Whether a card is of this product.
    pub fn has(&self, token: Option<Token>, bin: Option<Bin>) -> bool {
        token.is_some_and(|token| self.cards.binary_search(&token).is_ok())
            || bin.is_some_and(|bin| self.bins.iter().any(|range| bin.is_within(*range)))
    }

    /// The pocket that a purse is.
    pub fn pocket(&self, purse: PurseId) -> Option<&Pocket> {
        self.pockets.iter().find(|pocket| pocket.purse == purse)
    }

    /// A pocket by its name.
    pub fn named(&self, name: &str) -> Option<&Pocket> {
        let mut names = self.club.purse_names.iter();
        let (id, _) = names.find(|(_, known)| known == name)?;
        self.pocket(*id)
    }
}

/// Who owes what is in a pocket: he pays the shop when it is spent, and gets the money when it is loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owes {
    /// A sponsor or the issuer. Of a credit line it is the issuer who pays the shop; what is spent the holder owes him.
    Organisation(OrganisationId),
    /// Who runs the switch.
    Operator,
}

/// What one card file says of a pocket beyond its purse. Where it pays and how long it lives stand in the purse.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pocket {
    /// Its purse.
    pub purse: PurseId,
    /// Who owes it.
    pub owes: Owes,
    /// When it pays, each span from its start up to, not including, its end; none: always.
    pub hours: Vec<(TimeOfDay, TimeOfDay)>,
    /// Codes of what alone it pays for, rising; none: of everything.
    pub products: Vec<String>,
    /// Codes of what it does not pay for, rising.
    pub not_products: Vec<String>,
    /// What is counted of it, under a name that no rule has (`pocket/lunch`), and the most of a day.
    pub per_day: (RuleId, Caps),
    /// What fills it by the clock.
    pub grant: Option<Grant>,
    /// What is left of a grant stays when the next one comes.
    pub carry_over: bool,
    /// How it is loaded.
    pub load: Option<LoadTerms>,
    /// What is added to a load.
    pub bonus: Option<Bonus>,
    /// Which part of it pays first.
    pub consume: Consume,
    /// It can be paid out.
    pub cash_out: bool,
    /// It lives on after its first use.
    pub reload: bool,
    /// How far below zero a credit line goes.
    pub limit: Option<CreditLimit>,
    /// When a credit line is billed. Kept, and carried out by whoever collects.
    pub bill: Option<Bill>,
    /// In how many parts a big bill is paid back. Kept, as `bill` is.
    pub installments: Option<Installments>,
}

/// Which lots of a pocket pay first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Consume {
    /// What ends soonest.
    SoonestExpiry,
    /// What was loaded, and of that what ends soonest; what was added to loads comes last.
    BonusLast,
}

/// Rials for a pocket, every Jalali month.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    /// What stands for the rule in its lots (`grant/lunch`).
    pub rule: RuleId,
    /// So much for each card.
    pub amount: Rials,
    /// The day of the month; the last one where the month is shorter.
    pub on_day: u8,
    /// Who gets it.
    pub to: Roster,
}

/// How a pocket is loaded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoadTerms {
    /// What stands for it in its lots (`load/gift`).
    pub rule: RuleId,
    /// The ways; none named: every one.
    pub by: Vec<LoadWay>,
    /// The least of one load.
    pub min: Rials,
    /// The most of one load.
    pub max: Option<Rials>,
    /// Only these amounts, where any stand here (rising).
    pub amounts: Vec<Rials>,
    /// The most that is kept in the pocket.
    pub balance_max: Option<Rials>,
}

/// On which way money is loaded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LoadWay {
    /// From an account.
    Transfer,
    /// Cash at a desk.
    CashDesk,
    /// On the net.
    Online,
}

/// What is added to a load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bonus {
    /// What stands for the rule in its lots (`bonus/gift`).
    pub rule: RuleId,
    /// A share of the load, rounded down to a rial.
    pub percent: Percent,
    /// Who pays it.
    pub funded_by: Funder,
    /// How long it lives.
    pub expiry: Expiry,
}

/// Who pays what is added to a load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Funder {
    /// The shop that loads.
    Merchant,
    /// The issuer.
    Organisation(OrganisationId),
    /// Who runs the switch.
    Operator,
}

/// How far a credit line goes below zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CreditLimit {
    /// The limit of a holder who has none of his own.
    pub usual: Rials,
    /// The most that any limit can be.
    pub most: Rials,
}

/// When what a credit line paid is asked back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bill {
    /// The day of the Jalali month.
    pub on_day: u8,
    /// So many days after it it must be paid.
    pub due_days: u16,
}

/// In how many parts a big bill is paid back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Installments {
    /// So many.
    pub count: u8,
    /// From this bill on.
    pub from: Rials,
}

/// One pocket into another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Convert {
    /// Its name.
    pub name: String,
    /// What is counted of it, under a name that no rule has (`convert/sport-to-lunch`).
    pub rule: RuleId,
    /// The place of the pocket it takes from.
    pub from: usize,
    /// The place of the pocket it fills.
    pub to: usize,
    /// So many of `from` ...
    pub give: u32,
    /// ... are so many of `to`.
    pub get: u32,
    /// From which to which day of the Jalali month, both included; none: always.
    pub days: Option<(u8, u8)>,
    /// At most so much of `from` each time.
    pub max: Option<Rials>,
}

/// A card that a member gives to a guest: money off the bill of who shows it, and something for the member. A guest is a holder who was
/// introduced by somebody; no other holder is. What he gets is the first discount of the product.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GuestCard {
    /// The discount that he gets (`guest/give`); the issuer pays it.
    pub rule: RuleId,
    /// What the giver earns each time it is given.
    pub earns: Option<GiverEarns>,
}

/// What the giver of a guest card earns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GiverEarns {
    /// The club that he is a member of, and that owes it.
    pub club: ClubId,
    /// Into which of its purses, and on what terms.
    pub purse: Purse,
    /// How much, in its smallest units.
    pub amount: i64,
}

/// A number that loads a pocket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Voucher {
    /// What stands for it among the rules (`voucher/number`); wrong numbers are counted under it.
    pub rule: RuleId,
    /// What vouchers are worth (rising).
    pub amounts: Vec<Rials>,
    /// The place of the pocket that it loads.
    pub pocket: usize,
    /// It loads once.
    pub single_use: bool,
    /// How long it can be used.
    pub expiry: Expiry,
}
