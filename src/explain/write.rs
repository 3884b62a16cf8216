//! The story for people, in English and in Persian: one line of thought a line, amounts in a column on the right.

use unicode_width::UnicodeWidthStr;

use crate::explain::NoClub;
use crate::explain::story::{
    Accrue, AccrueRule, Answer, Cap, Clearing, Condition, Discount, DiscountRule, Earner, Fee, How,
    Money, Outcome, Part, Posted, Reckoned, Redeem, Rule, Side, Spent, Split, Stack, Story, Sum,
};
use crate::explain::word::Word;
use crate::words::Language;
use crate::words::explain::{self as say, CONDITIONS, NAMES, Phrase, called, span, weekday};
use crate::words::number::{digits, for_people};
use crate::words::outcome::outcome;

/// Where details of a stage begin.
pub(super) const INDENT: usize = 2;
/// Where what belongs to a rule begins.
pub(super) const DEEP: usize = 6;
/// How wide the name of a rule is at least.
const NAME: usize = 14;
/// The column that amounts end in.
const AMOUNT_ENDS: usize = 84;
/// The width that lists of conditions are broken at.
const WIDE: usize = 110;

/// The story as text, LF after each line.
pub fn write(story: &Story, language: Language) -> String {
    let mut page = Page {
        out: String::new(),
        language,
    };
    page.head(story);
    if let Some(why) = story.no_club {
        let why = match why {
            NoClub::NoClubHere => "no-club-here",
            NoClub::MemberUnknown => "member-unknown",
            NoClub::NothingToJudge => "nothing-to-judge",
            NoClub::Failed => "failed",
            NoClub::Refused => "refused",
            NoClub::NotPosted => "not-posted",
        };
        page.row(INDENT, &page.name(why));
    }
    if let Some(discount) = &story.discount {
        page.discount(discount);
        story
            .of_card
            .iter()
            .for_each(|card| page.discounts_of_card(card));
        match &story.redeem {
            Some(redeem) => page.redeem(redeem),
            None => page.stage(say::REDEEM, &page.say(say::NOT_ASKED, &[])),
        }
        story.of_card.iter().for_each(|card| page.pockets(card));
        if let Some(pays) = story.pays {
            let pays = page.number(pays);
            page.sum(INDENT, &page.say(say::CARD_PAYS, &[]), &pays);
        }
    }
    if let Some(accrue) = &story.accrue {
        page.accrue(accrue, story.purchase.tier.as_deref());
        if story.split.is_some() || story.fee.is_some() || story.clearing.is_none() {
            page.split(story.split.as_ref());
            page.fee(story.fee.as_ref());
        }
    }
    if let Some(clearing) = &story.clearing {
        page.clearing(clearing);
    }
    if story.money.given != 0 || story.money.got != 0 {
        page.money(story, &story.money);
    }
    page.answer(&story.answer);
    page.foot(story);
    page.out
}

pub(super) struct Page {
    out: String,
    language: Language,
}

impl Page {
    // --------------------------------------------------------------------------------------- lines

    pub(super) fn row(&mut self, indent: usize, text: &str) {
        self.out.push_str(&" ".repeat(indent));
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// A line with an amount on the right.
    pub(super) fn sum(&mut self, indent: usize, text: &str, amount: &str) {
        let used = indent + text.width() + amount.width();
        let gap = AMOUNT_ENDS.saturating_sub(used).max(2);
        self.row(indent, &format!("{text}{:gap$}{amount}", ""));
    }

    pub(super) fn stage(&mut self, name: Phrase, text: &str) {
        let name = self.say(name, &[]);
        let gap = 11usize.saturating_sub(name.width()).max(2);
        self.row(0, &format!("{name}{:gap$}{text}", ""));
    }

    /// Pieces with `; ` between them, broken where the line is full.
    fn list(&mut self, indent: usize, pieces: &[String]) {
        let mut line = String::new();
        for piece in pieces {
            if !line.is_empty() && indent + line.width() + 2 + piece.width() > WIDE {
                line.push_str(self.semicolon().trim_end());
                self.row(indent, &std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push_str(self.semicolon());
            }
            line.push_str(piece);
        }
        if !line.is_empty() {
            self.row(indent, &line);
        }
    }

    // --------------------------------------------------------------------------------------- words

    pub(super) fn say(&self, phrase: Phrase, parts: &[&str]) -> String {
        phrase.say(self.language, parts)
    }

    pub(super) fn number(&self, rials: i64) -> String {
        for_people(&rials.to_string(), self.language)
    }

    pub(super) fn digits(&self, text: &str) -> String {
        digits(text, self.language)
    }

    pub(super) fn name(&self, name: &str) -> String {
        called(&NAMES, name, self.language)
    }

    /// An amount without its unit.
    pub(super) fn plain(&self, sum: &Sum) -> String {
        for_people(&sum.amount, self.language)
    }

    /// An amount with its unit; rials go without.
    fn amount(&self, sum: &Sum) -> String {
        let amount = self.plain(sum);
        match sum.unit.as_str() {
            "rial" => amount,
            _ => format!("{amount} {}", self.unit(sum)),
        }
    }

    /// What an amount is counted in.
    fn unit(&self, sum: &Sum) -> String {
        match (sum.amount.as_str(), sum.unit.as_str()) {
            ("1", "point") if self.language == Language::English => "point".to_owned(),
            (_, unit) => self.name(unit),
        }
    }

    fn purse(&self, purse: &str, shop: Option<&str>) -> String {
        let purse = self.name(purse);
        match shop {
            Some(shop) => self.say(say::AT, &[&purse, shop]),
            None => purse,
        }
    }

    fn word(&self, word: &Word) -> String {
        let number = |n: i64| self.number(n);
        let count = |n: u64| self.digits(&n.to_string());
        match word {
            Word::Rials(rials) => number(*rials),
            Word::RialsFrom(rials) => self.say(say::FROM_AMOUNT, &[&number(*rials)]),
            Word::RialsTo(rials) => self.say(say::TO_AMOUNT, &[&number(*rials)]),
            Word::Name(name) | Word::Written(name) => name.clone(),
            Word::Mcc(code) | Word::Day(code) | Word::Time(code) => self.digits(code),
            Word::Days(from, to) => {
                let (from, to) = (self.digits(from), self.digits(to));
                self.say(say::FROM_TO, &[&from, &to])
            }
            Word::Hours(from, to) => {
                let (from, to) = (self.digits(from), self.digits(to));
                self.say(say::HOURS, &[&from, &to])
            }
            Word::Weekday(day) => weekday(*day, self.language).to_owned(),
            Word::Yes(yes) => self.name(if *yes { "yes" } else { "no" }),
            Word::DaysAgo(0) => self.say(say::TODAY, &[]),
            Word::DaysAgo(days) => self.say(say::DAYS_AGO, &[&number(i64::from(*days))]),
            Word::OlderThan(days) => self.say(say::OLDER_THAN, &[&count(u64::from(*days))]),
            Word::Within(days) => self.say(say::WITHIN, &[&count(u64::from(*days))]),
            Word::Never => self.name("none"),
            Word::Number(n) => self.say(say::NUMBER, &[&count(*n)]),
            Word::Every(n) => self.say(say::EVERY, &[&count(*n)]),
            Word::NumberFrom(n) => self.say(say::NUMBER_FROM, &[&count(*n)]),
            Word::NumberTo(n) => self.say(say::NUMBER_TO, &[&count(*n)]),
            Word::In(window) => self.say(say::IN, &[&span(window, self.language)]),
            Word::Amount(sum) => self.amount(sum),
            Word::From(sum) => self.say(say::FROM_AMOUNT, &[&self.amount(sum)]),
            Word::Crosses(rials) => self.say(say::CROSSES, &[&number(*rials)]),
            Word::AtShop => self.say(say::AT_SHOP, &[]),
            Word::AndNow(before, now) => {
                let sum = before.saturating_add(*now);
                let parts = [number(*before), number(*now), number(sum)];
                self.say(say::AND_NOW, &[&parts[0], &parts[1], &parts[2]])
            }
            Word::First(true) => self.say(say::HIS_FIRST, &[]),
            Word::First(false) => self.say(say::NOT_HIS_FIRST, &[]),
            Word::ByMember(member) => self.say(say::BY_MEMBER, &[&count(u64::from(*member))]),
            Word::AtGroup(group) => self.say(say::AT_GROUP, &[group]),
        }
    }

    /// `✓ hours 08:00-12:00: 10:15`.
    fn condition(&self, condition: &Condition) -> String {
        let mark = if condition.holds { '✓' } else { '✗' };
        let label = called(&CONDITIONS, &condition.key, self.language);
        if !condition.inside.is_empty() {
            let lists = condition.inside.iter().map(|list| {
                let all: Vec<String> = list.iter().map(|one| self.condition(one)).collect();
                format!("[{}]", all.join(self.semicolon()))
            });
            let lists: Vec<String> = lists.collect();
            return format!("{mark} {label} {}", lists.join(&self.say(say::OR, &[])));
        }
        let words = |words: &[Word]| {
            let words = words.iter().map(|word| self.word(word));
            words.collect::<Vec<_>>()
        };
        let comma = self.comma();
        let met = words(&condition.met).join(comma);
        // What is to be is said by its name alone.
        if condition.wants == [Word::Yes(true)] {
            return format!("{mark} {label}: {met}");
        }
        let wants = words(&condition.wants).join(comma);
        format!("{mark} {label} {wants}: {met}")
    }

    fn semicolon(&self) -> &'static str {
        match self.language {
            Language::English => "; ",
            Language::Persian => "؛ ",
        }
    }

    fn comma(&self) -> &'static str {
        match self.language {
            Language::English => ", ",
            Language::Persian => "، ",
        }
    }

    // ---------------------------------------------------------------------------------------- head

    fn head(&mut self, story: &Story) {
        let purchase = &story.purchase;
        if let Some(posted) = &story.posted {
            self.posted(posted);
        } else {
            self.row(0, &self.say(say::SUPPOSED, &[]));
        }
        let sha = story.rules.sha256.get(..12).unwrap_or_default();
        let mut first = vec![match story.rules.number {
            0 => self.say(say::OTHER_RULES, &[sha]),
            number => self.say(say::RULE_SET, &[&self.digits(&number.to_string()), sha]),
        }];
        if let Some(club) = &purchase.club {
            first.push(self.say(say::CLUB, &[club]));
        }
        if let Some(member) = purchase.member {
            let number = self.digits(&member.to_string());
            first.push(match &purchase.tier {
                Some(tier) => self.say(say::MEMBER_OF_TIER, &[&number, tier]),
                None => self.say(say::MEMBER, &[&number]),
            });
        }
        if let Some(card) = &purchase.card {
            first.push(self.say(say::CARD, &[&self.digits(card)]));
        }
        let title = purchase.title.as_deref().unwrap_or_default();
        let shop = self.say(say::SHOP, &[&purchase.shop, title]);
        first.push(shop.trim_end().to_owned());
        let first = first.join(self.comma());
        self.row(0, &first);
        let when = self.say(
            say::WHEN,
            &[
                weekday(purchase.weekday, self.language),
                &self.digits(&purchase.day),
                &self.digits(&purchase.time),
                &purchase.zone,
                &self.digits(&purchase.business_day),
            ],
        );
        self.row(0, &when);
        if purchase.advised {
            let charged = self.number(purchase.amount);
            self.row(0, &self.say(say::CHARGED, &[&charged]));
        }
        let bill = self.number(purchase.bill);
        self.sum(0, &self.say(say::BILL, &[]), &bill);
        self.out.push('\n');
    }

    fn posted(&mut self, posted: &Posted) {
        let mut first = vec![self.say(say::ENTRY, &[&self.number(posted.entry as i64)])];
        let more = [
            (say::REFERENCE, posted.rrn.as_deref()),
            (say::APPROVAL, posted.approval.as_deref()),
            (say::TERMINAL, Some(posted.terminal.as_str())),
        ];
        for (phrase, value) in more {
            if let Some(value) = value {
                first.push(self.say(phrase, &[value]));
            }
        }
        let first = first.join(self.comma());
        self.row(0, &first);
        if let Some(by) = posted.reversed_by {
            let by = self.number(by as i64);
            let at = self.digits(posted.reversed_at.as_deref().unwrap_or_default());
            self.row(0, &self.say(say::REVERSED, &[&by, &at]));
        }
        if !posted.differs.is_empty() {
            self.row(0, &self.say(say::DIFFERS, &[]));
            for one in &posted.differs {
                let parts = [one.what.as_str(), &one.decided, &one.found];
                self.row(INDENT, &self.say(say::DIFFERENCE, &parts));
            }
        }
    }

    // --------------------------------------------------------------------------------------- rules

    /// A rule: whether it gave, its conditions, its reckoning, its caps.
    fn rule(&mut self, rule: &Rule, tier: Option<&str>, more: Vec<String>) {
        let gave = matches!(
            rule.outcome,
            Outcome::Gave | Outcome::Beaten | Outcome::Nothing
        );
        let yes = self.say(if gave { say::YES } else { say::NO }, &[]);
        let name_gap = NAME.saturating_sub(rule.name.width()).max(1);
        let yes_gap = 5usize.saturating_sub(yes.width()).max(1);
        let front = format!("{}{:name_gap$}{yes}{:yes_gap$}", rule.name, "", "");
        let deep = INDENT + front.width();
        let mut pieces: Vec<String> = match rule.outcome {
            Outcome::NotReached => vec![self.say(say::NOT_REACHED, &[])],
            Outcome::Nobody => vec![self.say(say::NOBODY, &[])],
            Outcome::NobodyServed => vec![self.say(say::NOBODY_SERVED, &[])],
            Outcome::NobodyEnrolled => vec![self.say(say::NOBODY_ENROLLED, &[])],
            Outcome::NotOurs => vec![self.say(say::NOT_OURS, &[])],
            Outcome::Beaten => vec![self.say(say::BEATEN, &[])],
            Outcome::Nothing => vec![self.say(say::NOTHING, &[])],
            Outcome::Gave | Outcome::No => Vec::new(),
        };
        pieces.extend(rule.conditions.iter().map(|one| self.condition(one)));
        if pieces.is_empty() {
            pieces.push(self.say(say::ALWAYS, &[]));
        }
        let begins = self.out.len();
        self.list(deep, &pieces);
        // The name of the rule stands before the first of its conditions.
        self.out
            .replace_range(begins..begins + deep, &format!("{:INDENT$}{front}", ""));
        let mut below = Vec::new();
        below.extend(rule.reckoned.iter().map(|how| self.reckoned(how, tier)));
        below.extend(rule.caps.iter().map(|cap| self.cap(cap)));
        if let Some(after) = &rule.after_caps {
            below.push(self.say(say::AFTER_CAPS, &[&self.amount(after)]));
        }
        below.extend(more);
        let from = rule.from.as_ref();
        below.extend(from.map(|file| self.say(say::INHERITED, &[file])));
        self.list(deep, &below);
    }

    /// `5% of 2,755,555 = 137,777.75 -> 137,777 (at most 300,000)`.
    fn reckoned(&self, how: &Reckoned, tier: Option<&str>) -> String {
        let of = self.number(how.of);
        let mut text = match &how.how {
            How::Percent(percent) => self.say(say::SHARE_OF, &[&self.digits(percent), &of]),
            How::Fixed(sum) => self.say(say::FIXED, &[&self.amount(sum)]),
            How::Per { sum, rials } => {
                self.say(say::PER, &[&self.amount(sum), &self.number(*rials), &of])
            }
            How::Times { times, of } => self.say(say::TIMES_OF, &[&self.digits(times), of]),
            How::Bands { bands, .. } => {
                let taken = bands.iter().filter(|band| band.part > 0);
                let parts: Vec<String> = taken
                    .map(|band| {
                        let percent = self.digits(&band.percent);
                        let (part, from) = (self.number(band.part), self.number(band.from));
                        self.say(say::BAND, &[&percent, &part, &from])
                    })
                    .collect();
                parts.join(" + ")
            }
        };
        if let Some(times) = how.times.as_ref().filter(|times| *times != "1") {
            let tier = tier.unwrap_or("-");
            text.push(' ');
            text.push_str(&self.say(say::TIMES, &[&self.digits(times), tier]));
        }
        let mut exact = for_people(&how.exact, self.language);
        if how.goes_on {
            exact.push('…');
        }
        let amount = self.plain(&how.amount);
        text.push_str(&format!(" = {exact}"));
        if exact != amount {
            text.push_str(&format!(" -> {amount}"));
        }
        if let Some(most) = how.most {
            let most = self.say(say::AT_MOST, &[&self.number(most)]);
            text.push_str(&format!(" ({most})"));
        }
        if let Some(step) = how.step {
            let step = self.say(say::IN_STEPS, &[&self.number(step)]);
            text.push_str(&format!(" ({step})"));
        }
        text
    }

    fn cap(&self, cap: &Cap) -> String {
        let parts = [
            self.name(&cap.per),
            span(&cap.window, self.language),
            self.plain(&cap.used),
            self.amount(&cap.most),
            self.plain(&cap.left),
        ];
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.say(say::CAP, &parts)
    }

    fn stack(&self, stack: Stack) -> String {
        self.name(match stack {
            Stack::All => "all",
            Stack::First => "first",
            Stack::BestForMember => "best-for-member",
        })
    }

    // -------------------------------------------------------------------------------------- stages

    fn discount(&mut self, discount: &Discount) {
        let how = if discount.told {
            self.say(say::TOLD_DISCOUNT, &[])
        } else if discount.rules.is_empty() {
            self.say(say::NO_RULES, &[])
        } else {
            self.stack(discount.stack)
        };
        self.stage(say::DISCOUNT, &how);
        self.discount_rules(&discount.rules);
        if discount.total == 0 {
            self.row(INDENT, &self.say(say::NO_DISCOUNT, &[]));
        } else if discount.told {
            let total = self.number(discount.total);
            self.sum(INDENT, &self.say(say::DISCOUNT, &[]), &total);
        }
        let after = self.number(discount.bill_after);
        self.sum(INDENT, &self.say(say::AFTER_DISCOUNT, &[]), &after);
    }

    /// Rules of a discount stage, and what each gave.
    pub(super) fn discount_rules(&mut self, rules: &[DiscountRule]) {
        for rule in rules {
            self.rule(&rule.rule, None, Vec::new());
        }
        for rule in rules {
            let Some(gave) = &rule.rule.gave else {
                continue;
            };
            let gives = self.say(say::GIVES, &[&rule.rule.name]);
            let gave = self.plain(gave);
            self.sum(INDENT, &gives, &gave);
            if let Some(purse) = &rule.rebate {
                self.row(DEEP, &self.say(say::GIVEN_BACK, &[&self.name(purse)]));
            }
            let pays = rule.paid_by.iter().map(|paid| {
                let (who, rials) = (self.name(&paid.payer), self.number(paid.rials));
                match &paid.share {
                    Some(share) => self.say(say::PAYS_SHARE, &[&who, &self.digits(share), &rials]),
                    None => self.say(say::PAYS_REST, &[&who, &rials]),
                }
            });
            let pays: Vec<String> = pays.collect();
            self.list(DEEP, &pays);
        }
    }

    fn redeem(&mut self, redeem: &Redeem) {
        let mut pieces = vec![match redeem.asked {
            _ if redeem.asked_unknown => self.say(say::ASKED_UNKNOWN, &[]),
            _ if redeem.automatic => self.say(say::AUTOMATIC, &[]),
            Some(asked) if redeem.told => self.say(say::TOLD_REDEEM, &[&self.number(asked)]),
            Some(asked) => self.say(say::ASKED, &[&self.number(asked)]),
            None => self.say(say::AS_MUCH, &[]),
        }];
        if let Some(purse) = &redeem.purse {
            pieces.push(self.say(say::ONLY_PURSE, &[&self.name(purse)]));
        }
        if let (Some(share), Some(of), Some(of_bill)) = (&redeem.share, redeem.of, redeem.of_bill) {
            let parts = [self.digits(share), self.number(of), self.number(of_bill)];
            pieces.push(self.say(say::LIMIT, &[&parts[0], &parts[1], &parts[2]]));
        }
        if let (Some(most), Some(used)) = (redeem.day_most, redeem.day_used) {
            let parts = [self.number(used), self.number(most)];
            pieces.push(self.say(say::DAY_LIMIT, &[&parts[0], &parts[1]]));
        }
        if redeem.min > 0 && !redeem.told {
            pieces.push(self.say(say::LEAST, &[&self.number(redeem.min)]));
        }
        if redeem.step > 0 && !redeem.told {
            let fits = redeem.asked.is_some_and(|asked| asked % redeem.step == 0);
            let phrase = if fits { say::STEP_FITS } else { say::STEP };
            pieces.push(self.say(phrase, &[&self.number(redeem.step)]));
        }
        if redeem.none_here {
            pieces.push(self.say(say::NO_REDEEM, &[]));
        }
        pieces.extend(redeem.conditions.iter().map(|one| self.condition(one)));
        let first = pieces.remove(0);
        self.stage(say::REDEEM, &first);
        self.list(INDENT, &pieces);
        if let Some(refused) = &redeem.refused {
            let words = outcome(refused, self.language);
            self.row(INDENT, &self.say(say::REFUSED, &[words]));
            if let Some(why) = &redeem.barred {
                self.row(DEEP, &self.say(say::BARRED, &[&self.name(why)]));
            }
        }
        if redeem.spent.is_empty() {
            for held in &redeem.purses {
                let purse = self.purse(&held.purse, held.shop.as_deref());
                let parts = [
                    purse,
                    self.plain(&held.held),
                    self.name(&held.held.unit),
                    self.number(held.worth),
                ];
                let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                let phrase = match held.held.unit.as_str() {
                    "rial" => say::HELD,
                    _ => say::HELD_WORTH,
                };
                self.row(INDENT, &self.say(phrase, &parts));
            }
            if redeem.refused.is_none() {
                self.row(INDENT, &self.say(say::NOTHING_REDEEMED, &[]));
            }
        }
        for spent in &redeem.spent {
            self.spent(spent);
        }
    }

    fn spent(&mut self, spent: &Spent) {
        let purse = self.purse(&spent.purse, spent.shop.as_deref());
        let (took, held) = (self.plain(&spent.took), self.plain(&spent.held));
        let text = match spent.owed {
            true => self.say(say::OWED, &[&purse, &took]),
            false => self.say(say::OF_HELD, &[&purse, &took, &held]),
        };
        let rials = self.number(spent.rials);
        self.sum(INDENT, &text, &rials);
        let mut below = Vec::new();
        if let Some((rials, per)) = &spent.value {
            let parts = [self.plain(per), self.unit(per), self.number(*rials)];
            below.push(self.say(say::VALUE, &[&parts[0], &parts[1], &parts[2]]));
        }
        if spent.odd > 0 {
            below.push(self.say(say::ODD, &[&self.number(spent.odd)]));
        }
        for lot in &spent.lots {
            let earned = self.digits(&lot.earned);
            let amount = self.plain(&lot.amount);
            below.push(match &lot.ends {
                Some(ends) => self.say(say::LOT, &[&earned, &self.digits(ends), &amount]),
                None => self.say(say::LOT_FOR_EVER, &[&earned, &amount]),
            });
        }
        self.list(DEEP, &below);
    }

    fn clearing(&mut self, clearing: &Clearing) {
        let member = self.digits(&clearing.member.to_string());
        let guest = self.say(say::GUEST, &[&member, &clearing.club, &clearing.at]);
        self.stage(say::CLEARING, &guest);
        let house = match clearing.house.as_str() {
            "" => self.name("clearing-house"),
            title => title.to_owned(),
        };
        for earned in &clearing.earned {
            let gave = format!("+{}", self.plain(&earned.held));
            let purse = self.name(&earned.purse);
            let text = self.say(say::GUEST_EARNS, &[&purse, &clearing.club]);
            self.sum(INDENT, &text, &gave);
        }
        for debt in &clearing.debts {
            let (rials, per) = &debt.rate;
            let parts = [
                self.name(&debt.purse),
                self.plain(&debt.points),
                self.plain(per),
                self.unit(per),
                self.number(*rials),
                self.digits(&debt.since),
            ];
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let rials = self.number(debt.rials);
            self.sum(INDENT, &self.say(say::RATE_SINCE, &parts), &rials);
            let mut below = vec![self.say(say::NOVATED, &[&clearing.club, &house, &clearing.at])];
            if debt.fee > 0 {
                let fee = self.number(debt.fee);
                let payer = self.name(&debt.fee_payer);
                below.push(self.say(say::HOUSE_FEE, &[&fee, &payer]));
            }
            let (owes, most) = (self.number(debt.owes), self.number(debt.most));
            below.push(self.say(say::POSITION, &[&clearing.club, &owes, &most]));
            self.list(DEEP, &below);
        }
    }

    fn accrue(&mut self, accrue: &Accrue, tier: Option<&str>) {
        let how = match accrue.rules.is_empty() {
            true => self.say(say::NO_RULES, &[]),
            false => self.stack(accrue.stack),
        };
        self.stage(say::ACCRUE, &how);
        for rule in &accrue.rules {
            let more = self.earned(rule);
            self.rule(&rule.rule, tier, more);
            if let Some(gave) = &rule.rule.gave {
                let mut text = format!("{} -> {}", rule.rule.name, self.name(&rule.purse));
                if let Some(by) = rule.earns {
                    let by = self.digits(&by.to_string());
                    text.push(' ');
                    text.push_str(&self.say(say::EARNED_BY, &[&by]));
                }
                let other = match &rule.earner {
                    Some(Earner::Shop(shop)) => Some((say::EARNED_BY_SHOP, shop)),
                    Some(Earner::Person(person)) => Some((say::EARNED_BY_PERSON, person)),
                    None => None,
                };
                if let Some((phrase, name)) = other {
                    text.push(' ');
                    text.push_str(&self.say(phrase, &[name]));
                }
                let gave = format!("+{}", self.plain(gave));
                self.sum(DEEP, &text, &gave);
            }
        }
    }

    fn earned(&self, rule: &AccrueRule) -> Vec<String> {
        let mut told = Vec::new();
        if rule.dead_at_once {
            told.push(self.say(say::DEAD, &[]));
        }
        if rule.rule.gave.is_none() {
            return told;
        }
        told.push(match rule.shop_pays {
            Some(rials) => self.say(say::PAID_BY_SHOP, &[&self.number(rials)]),
            None if rule.funded_by == "club" => self.say(say::PAID_BY_CLUB, &[]),
            None => self.say(say::PROMISED_BY_SHOP, &[]),
        });
        if let Some(event) = &rule.waits_for {
            told.push(self.say(say::WAITS_FOR, &[event]));
        }
        if let Some(from) = &rule.usable_from {
            let mut text = self.say(say::USABLE, &[&self.digits(from)]);
            if let Some(ends) = &rule.ends {
                text.push(' ');
                text.push_str(&self.say(say::TO_THE_END_OF, &[&self.digits(ends)]));
            }
            told.push(text);
        }
        if let Some(repaid) = &rule.repaid {
            told.push(self.say(say::REPAID, &[&self.amount(repaid)]));
        }
        told
    }

    fn split(&mut self, split: Option<&Split>) {
        let Some(split) = split else {
            self.stage(say::SPLIT, &self.say(say::NO_RULES, &[]));
            return;
        };
        let Some(taken) = &split.taken else {
            self.stage(say::SPLIT, &self.say(say::NO_SPLIT, &[]));
            self.split_conditions(split);
            return;
        };
        let (base, of) = (self.name(&split.base), self.number(split.of));
        let head = self.say(say::SPLIT_OF, &[taken, &base, &of]);
        self.stage(say::SPLIT, &head);
        self.split_conditions(split);
        let owed = self.number(split.owed);
        self.sum(INDENT, &self.say(say::OWED_TO_SHOP, &[]), &owed);
        let own = split.own.iter().map(|own| {
            let what = match own.by.as_str() {
                "discount" => self.say(say::OWN_DISCOUNT, &[]),
                _ => self.say(say::OWN_CREDIT, &[]),
            };
            let less = self.say(say::LESS, &[]);
            format!("{less} {} {what}", self.number(own.rials))
        });
        let bill = self.say(say::BILL, &[]);
        let own: Vec<String> = own.collect();
        if !own.is_empty() {
            self.row(DEEP, &format!("= {bill} {}", own.join(self.comma())));
        }
        let from = split.owed_from.iter().map(|owed| {
            let by = match owed.by.as_str() {
                "discount" => self.say(say::BY_DISCOUNT, &[]),
                by => self.name(by),
            };
            format!("{by} {}", self.number(owed.rials))
        });
        let from: Vec<String> = from.collect();
        self.row(DEEP, &format!("= {}", from.join(" + ")));
        if split.funded > 0 {
            let funded = self.number(split.funded);
            self.sum(INDENT, &self.say(say::SET_ASIDE, &[]), &funded);
        }
        for part in &split.parts {
            self.part(part);
        }
    }

    fn split_conditions(&mut self, split: &Split) {
        for rule in &split.splits {
            if rule.conditions.is_empty() {
                continue;
            }
            let all = rule.conditions.iter().map(|one| self.condition(one));
            let all: Vec<String> = all.collect();
            let all = all.join(self.semicolon());
            self.row(INDENT, &format!("{}  {all}", rule.name));
        }
    }

    fn part(&mut self, part: &Part) {
        let who = self.name(&part.to);
        if part.left_out {
            self.row(INDENT, &self.say(say::LEFT_OUT, &[&who]));
            return;
        }
        let share = match (&part.share, part.rest) {
            (Some(share), _) => self.digits(share),
            (None, true) => self.say(say::REST, &[]),
            (None, false) => String::new(),
        };
        let mut text = format!("{who} {share}").trim_end().to_owned();
        if part.rials < part.wanted {
            let (wanted, got) = (self.number(part.wanted), self.number(part.rials));
            text.push_str(self.semicolon());
            text.push_str(&self.say(say::CUT, &[&wanted, &got]));
        }
        let rials = self.number(part.rials);
        self.sum(INDENT, &text, &rials);
    }

    fn fee(&mut self, fee: Option<&Fee>) {
        let Some(fee) = fee else {
            self.stage(say::FEE, &self.say(say::NO_FEE, &[]));
            return;
        };
        let parts = [
            self.digits(&fee.percent),
            self.number(fee.of),
            self.number(fee.share),
        ];
        let mut text = match fee.share == fee.rials {
            true => self.say(say::SHARE_OF, &[&parts[0], &parts[1]]),
            false => self.say(say::FEE_IS, &[&parts[0], &parts[1], &parts[2]]),
        };
        let mut limits = vec![self.say(say::FEE_MIN, &[&self.number(fee.min)])];
        limits.extend(
            fee.max
                .map(|max| self.say(say::AT_MOST, &[&self.number(max)])),
        );
        text.push_str(&format!(" ({})", limits.join(self.comma())));
        let payer = self.say(say::FEE_BY, &[&self.name(&fee.payer)]);
        text.push_str(self.semicolon());
        text.push_str(&payer);
        let name = self.say(say::FEE, &[]);
        let gap = 11usize.saturating_sub(name.width()).max(2);
        let rials = self.number(fee.rials);
        self.sum(0, &format!("{name}{:gap$}{text}", ""), &rials);
    }

    fn money(&mut self, story: &Story, money: &Money) {
        let side = |page: &Page, side: &Side| {
            let kind = page.name(&side.account);
            let name = format!("{kind} {}", side.name);
            format!("{} {}", name.trim_end(), page.number(side.rials))
        };
        let from: Vec<String> = money.from.iter().map(|one| side(self, one)).collect();
        let to: Vec<String> = money.to.iter().map(|one| side(self, one)).collect();
        let sides = [(say::MONEY_IN, from), (say::MONEY_OUT, to)];
        let equal = money.given == money.got;
        let phrase = if equal {
            say::IN_IS_OUT
        } else {
            say::IN_IS_NOT_OUT
        };
        let parts = [self.number(money.given), self.number(money.got)];
        self.stage(say::MONEY, &self.say(phrase, &[&parts[0], &parts[1]]));
        for (phrase, all) in sides {
            let name = self.say(phrase, &[]);
            self.row(INDENT, &name);
            self.list(DEEP, &all);
        }
        if let (Some(discount), Some(pays)) = (&story.discount, story.pays) {
            let redeemed = story.redeem.as_ref().map_or(0, |redeem| redeem.total);
            let card = story.of_card.as_ref();
            let (less, paid) = card.map_or((0, 0), |card| (card.discount, card.paid));
            let parts = [
                story.purchase.bill,
                discount.total + less,
                redeemed + paid,
                pays,
            ];
            let parts = parts.map(|rials| self.number(rials));
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            self.row(INDENT, &self.say(say::CHECK, &parts));
        }
    }

    fn answer(&mut self, answer: &Answer) {
        let words = outcome(&answer.outcome, self.language);
        let amount = self.number(answer.amount);
        let code = self.digits(&answer.code);
        self.stage(say::ANSWER, &self.say(say::CODES, &[words, &code, &amount]));
        if !answer.print.is_empty() {
            let print = answer.print.join(" | ");
            self.row(INDENT, &self.say(say::PRINTS, &[&print]));
        }
        if !answer.balances.is_empty() {
            let all = answer.balances.iter().map(|held| {
                let purse = self.purse(&held.purse, held.shop.as_deref());
                format!("{purse} {}", self.plain(&held.held))
            });
            let all: Vec<String> = all.collect();
            let all = all.join(self.comma());
            self.row(INDENT, &self.say(say::BALANCES, &[&all]));
        }
        if let Some(exception) = &answer.exception {
            self.row(INDENT, &self.say(say::EXCEPTION, &[&self.name(exception)]));
        }
    }

    fn foot(&mut self, story: &Story) {
        let ms = format!("{}.{:03}", story.took_us / 1_000, story.took_us % 1_000);
        let end = match story.posted {
            Some(_) => say::FROM_THE_JOURNAL,
            None => say::NOTHING_POSTED,
        };
        let parts = [
            self.digits(&ms),
            self.number(story.rules_asked as i64),
            self.number(story.rules_gave as i64),
            self.say(end, &[]),
        ];
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.row(0, &self.say(say::TOOK, &parts));
    }
}
