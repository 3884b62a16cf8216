//! `explain`: why a purchase got what it got, or what one would get that nobody makes. Both are judged by the judge of purchases itself;
//! a real one under the rules and in the book of its own time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use super::{lookup, past, rules};
use crate::config::Listener;
use crate::engine::again::{enrolled, holder_of};
use crate::engine::guest::Between;
use crate::engine::{Engine, Explained, Limits, Supposed, category, judged_at};
use crate::exchange::{bind, receipt};
use crate::explain::{Difference, Facts, Moved, NoClub, Posted, Story, moved, tell};
use crate::journal::snapshot;
use crate::ledger;
use crate::ledger::{
    Aim, Asked, Book, Effects, Entry, Function, Input, Key, Member, MemberChange, Mode, Names,
    Pages, Redeem, Request, Told, Verdict, Visit, Who, Wishes,
};
use crate::rulefile;
use crate::rules::trace::{Heard, Listener as Ear};
use crate::rules::{Case, Club, Holder, NotJudged, Rulebook, Shop, judge_aloud};
use crate::serve::office::{Office, OfficeError, step};
use crate::serve::rules as sets;
use crate::serve::{ahead, data};
use crate::source::nearest;
use crate::terms::person::Identity;
use crate::terms::{
    AcquirerId, Bin, Channel, ClubId, EntryMode, Local, Moment, Pan, Rials, Sequence, Token,
};

/// ISO 4217 numeric of the rial.
const RIAL: u16 = 364;
/// The class of messages that purchases are.
const FINANCIAL: u8 = 2;
/// Entries between two lines of progress.
const STEP: u64 = 20_000;

/// `{"shop": "m-1001", "amount": 2755555, "card" | "mobile" | "national_code" | "member": …, "redeem": 200000 | "max"?, "purse"?, "club"?,
/// "at": "1405/09/02 10:15"?, "mcc"?, "texts": [[path, text], …]?}` → what such a purchase would get, and why. Nothing is posted.
pub(super) fn explain(
    office: &mut Office,
    words: &Value,
    _progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let with = match rules::texts(words)? {
        None => None,
        Some(texts) => {
            let names = office.look(|engine, _| engine.names())?;
            let texts: Vec<(&str, &str)> = texts.iter().map(|(n, t)| (&**n, &**t)).collect();
            match rulefile::compile(&texts, &names) {
                Ok(loaded) => Some(Arc::new(loaded.rulebook)),
                Err(faults) => return Ok(rules::refused(&faults)),
            }
        }
    };
    let identity = past::identity(office, words)?;
    let at = words["at"].as_str().map(local).transpose()?;
    let request = request(words, identity)?;
    let shop = request.asked.key.acceptor_code().to_owned();
    let club = request.wishes.club.clone();
    let amount = request.asked.amount.unwrap_or_default();
    let member = match identity {
        Some(Identity::Number(id)) => Some(id),
        _ => None,
    };
    // On a copy of the book, so that purchases do not wait for it: a clone takes microseconds.
    let (pages, rules, limits, now) = office.look(|engine, now| {
        let pages = Pages::clone(engine.book());
        (pages, Arc::clone(engine.rules()), engine.limits(), now)
    })?;
    let limits = Limits {
        recent_entries: 0,
        ..limits
    };
    let engine = Engine::new(Book::forgetful(pages), rules, limits);
    if let Some(id) = member.filter(|id| engine.book().member(*id).is_none()) {
        return Err(OfficeError::Refused(format!("there is no member {id}")));
    }
    let judging = with.as_deref().unwrap_or(engine.rules());
    is_known(judging, &shop, club.as_deref()).map_err(OfficeError::Refused)?;
    let supposed = Supposed { request, at, with };
    let began = Instant::now();
    let explained = engine.explain(supposed, now);
    let took = began.elapsed();
    let names = names_of(&engine, &explained.rules);
    let Explained {
        rules,
        effects,
        heard,
    } = explained;
    let facts = Facts {
        rules: &rules,
        names: &names,
        heard: &heard,
        effects: &effects,
        shop: &shop,
        amount,
        local: at.unwrap_or_else(|| rules.world.zone.local(now)),
    };
    let mut story = tell(facts);
    story.took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    story.purchase.card = words["card"].as_str().and_then(masked);
    if let Some(told) = &effects.told {
        let listener = office.config().listeners.first();
        finish(&mut story, told, &names, listener);
    }
    Ok(json!(story))
}

/// How it would have come, and what would have been bought.
fn facts(words: &Value) -> Result<ledger::Facts, OfficeError> {
    let refused = |what: String| Err(OfficeError::Refused(what));
    let channel = match words["channel"].as_str() {
        None => Channel::Pos,
        Some(name) => match Channel::ALL.iter().find(|(known, _)| *known == name) {
            Some((_, channel)) => *channel,
            None => return refused(format!("there is no channel {name:?}")),
        },
    };
    let entry = match words["entry"].as_str() {
        None => None,
        Some(name) => match EntryMode::ALL.iter().find(|(known, _)| *known == name) {
            Some((_, entry)) => Some(*entry),
            None => return refused(format!("there is no entry mode {name:?}")),
        },
    };
    let products = words["products"].as_array().into_iter().flatten();
    let products = products.filter_map(|code| code.as_str().map(str::to_owned));
    let mut products: Vec<String> = products.collect();
    products.sort_unstable();
    products.dedup();
    let card = words["card"]
        .as_str()
        .and_then(|digits| Pan::new(digits.as_bytes()));
    Ok(ledger::Facts {
        channel,
        entry,
        bin: card.map(|pan| Bin::of(&pan)),
        products,
        service: words["service"].as_str().map(str::to_owned),
        staff: words["staff"].as_str().map(str::to_owned),
    })
}

/// The message that such a purchase would be.
fn request(words: &Value, identity: Option<Identity>) -> Result<Request, OfficeError> {
    let wanted = |what: &str| OfficeError::Refused(format!("the command needs {what}"));
    let shop = words["shop"].as_str();
    let shop = shop.ok_or_else(|| wanted("\"shop\", an acceptor number"))?;
    let amount = words["amount"].as_i64().map(Rials);
    let amount = amount.filter(|amount| (Rials::ZERO..=Rials::FIELD_MAX).contains(amount));
    let amount = amount.ok_or_else(|| wanted("\"amount\", whole rials of at most 12 digits"))?;
    let mcc = match words["mcc"].as_str() {
        None => 0,
        Some(code) if code.len() == 4 => code
            .parse()
            .map_err(|_| wanted("\"mcc\" as four digits, such as 5411"))?,
        Some(_) => return Err(wanted("\"mcc\" as four digits, such as 5411")),
    };
    let redeem = match &words["redeem"] {
        Value::Null => Redeem::Nothing,
        Value::String(text) if text == "max" => Redeem::AsMuchAsAllowed,
        value => {
            let rials = value.as_i64().filter(|rials| *rials >= 0);
            Redeem::Exactly(Rials(
                rials.ok_or_else(|| wanted("\"redeem\" as whole rials or \"max\""))?,
            ))
        }
    };
    let mut acceptor = [b' '; 15];
    let code = shop.as_bytes();
    if code.len() > acceptor.len() {
        let why = format!("an acceptor number has at most 15 characters; {shop:?} found");
        return Err(OfficeError::Refused(why));
    }
    acceptor[..code.len()].copy_from_slice(code);
    let text = |key: &str| words[key].as_str().map(str::to_owned);
    Ok(Request {
        asked: Asked {
            function: Function::Purchase,
            mode: Mode::Ask,
            key: Key {
                acquirer: AcquirerId(0),
                terminal: [b' '; 8],
                acceptor,
                stan: 0,
                local: 0,
                kind: 20,
            },
            digest: 0,
            processing: 0,
            amount: Some(amount),
            currency: RIAL,
            transmitted: None,
            rrn: None,
            mcc,
            last_four: None,
            bill: None,
            original: None,
            facts: facts(words)?,
        },
        acquirer: String::new(),
        repeat: false,
        card: match identity {
            Some(Identity::Card(token)) => Some(token),
            _ => None,
        },
        named: identity.filter(|identity| !matches!(identity, Identity::Card(_))),
        introducer: None,
        wishes: Wishes {
            club: text("club"),
            purse: text("purse"),
            redeem,
            discount_told: None,
        }
        .by_club(),
        enrol: None,
        aim: Aim::default(),
        balance_of: None,
        terminal_allowed: true,
    })
}

/// Whether the rules have the shop and the club; what was probably meant where they have not.
fn is_known(rules: &Rulebook, shop: &str, club: Option<&str>) -> Result<(), String> {
    let mut shops: Vec<&str> = rules.world.shops.keys().map(String::as_str).collect();
    shops.sort_unstable();
    let clubs: Vec<&str> = rules.clubs.iter().map(|club| club.name.as_str()).collect();
    let known = |what: &str, name: &str, all: &[&str]| {
        if all.contains(&name) {
            return Ok(());
        }
        let title = format!("the rules have no {what} {name:?}");
        Err(match nearest(name, all.iter().copied()) {
            Some(near) => format!("{title}; did you mean {near:?}?"),
            None => {
                let more = if all.len() > 8 { ", …" } else { "" };
                let some: Vec<&str> = all.iter().copied().take(8).collect();
                format!("{title}; they have {}{more}", some.join(", "))
            }
        })
    };
    known("shop", shop, &shops)?;
    club.map_or(Ok(()), |club| known("club", club, &clubs))
}

/// The names of the book, and those that only these rules bring.
fn names_of(engine: &Engine, rules: &Rulebook) -> Arc<Names> {
    let mut names = engine.names();
    if rules.number.0 == 0 {
        let all = Arc::make_mut(&mut names);
        for named in &rules.names {
            all.put(named.clone());
        }
    }
    names
}

/// What only the edge of the switch knows: code, receipt.
fn finish(story: &mut Story, told: &Told, names: &Names, listener: Option<&Listener>) {
    let dialect = listener.and_then(|listener| bind(&listener.dialect).ok());
    let code = dialect.map(|dialect| dialect.code(FINANCIAL, told.verdict).to_owned());
    story.answer.code = code.unwrap_or_default();
    let mut lines = Vec::new();
    receipt(&mut lines, told, names);
    let lines = String::from_utf8_lossy(&lines);
    story.answer.print = lines.lines().map(str::to_owned).collect();
}

/// The last four digits of a card.
fn masked(card: &str) -> Option<String> {
    let last = Pan::new(card.as_bytes())?.last_four();
    Some(format!("****{}", String::from_utf8_lossy(&last)))
}

fn local(text: &str) -> Result<Local, OfficeError> {
    Local::parse(text).ok_or_else(|| {
        let wanted = "a Jalali moment such as \"1405/09/02 10:15\" wanted";
        OfficeError::Refused(format!("{wanted}; {text:?} found"))
    })
}

// ------------------------------------------------------------------------------------- a real one

/// `{"entry": "90071"}` or, in twelve characters, a retrieval reference; or `{"sequence": 90071}` → why that purchase got what it got.
pub(super) fn entry(
    office: &mut Office,
    words: &Value,
    progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let wanted = match words["sequence"].as_u64() {
        Some(number) => number.to_string(),
        None => crate::serve::office::text(words, "entry")?.to_owned(),
    };
    let entry = lookup::find(office, &wanted, progress)?;
    if is_other(&entry) {
        return told_otherwise(office, &entry, progress);
    }
    let asked = purchase(&entry)?;
    let undone = lookup::reversed_by(office, &entry, progress)?;
    let before = before(office, entry.head.sequence, progress)?;
    let rules = rules_of(office, &entry)?;
    let (names, limits, acquirer) = {
        let id = entry.head.acquirer;
        office.look(move |engine, _| {
            let names = engine.names();
            let acquirer = id.map(|id| names.acquirer(id).to_owned());
            (names, engine.limits(), acquirer)
        })?
    };
    let zone = &rules.world.zone;
    let came = zone.local(entry.head.at);
    let local = judged_at(asked, came, &limits);
    let told = entry.effects.told.as_ref();
    let began = Instant::now();
    let late = u16::try_from(limits.advice_days).unwrap_or(u16::MAX);
    let again = Again {
        entry: &entry,
        asked,
        rules: &rules,
        pages: &before,
        local,
        at: if local == came {
            entry.head.at
        } else {
            zone.moment(local)
        },
        late,
    };
    let (heard, found) = again.judged();
    let took = began.elapsed();
    let mut story = tell(Facts {
        rules: &rules,
        names: &names,
        heard: &heard,
        // What was decided counts, also where it would be judged otherwise now.
        effects: &entry.effects,
        shop: asked.key.acceptor_code(),
        amount: asked.amount.unwrap_or_default(),
        local,
    });
    story.took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    if heard.judged.is_none() && told.is_some_and(|told| !told.verdict.is_approved()) {
        story.no_club = Some(NoClub::Refused);
    }
    if let Some(redeem) = &mut story.redeem
        && redeem.refused.is_some()
    {
        redeem.asked = None;
        redeem.asked_unknown = true;
        redeem.spent.clear();
        redeem.total = 0;
    }
    let four = asked.last_four.as_ref();
    story.purchase.card = four.map(|four| format!("****{}", String::from_utf8_lossy(four)));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    let rrn = asked.rrn.or(told.and_then(|told| told.rrn));
    let reversed_at = match undone {
        Some(by) => data::entry(office.store(), office.journal(), by)?,
        None => None,
    };
    story.posted = Some(Posted {
        entry: entry.head.sequence.0,
        rrn: rrn.map(|rrn| text(&rrn)),
        approval: told.and_then(|told| told.approval).map(|code| text(&code)),
        terminal: asked.key.terminal_code().to_owned(),
        reversed_by: undone.map(|by| by.0),
        reversed_at: reversed_at.map(|by| zone.local(by.head.at).to_string()),
        differs: found.map_or_else(Vec::new, |found| {
            differences(&entry.effects, &found, &names)
        }),
        acquirer: acquirer.clone(),
    });
    if let Some(told) = told {
        let listeners = &office.config().listeners;
        let its = |listener: &&Listener| Some(&listener.acquirer) == acquirer.as_ref();
        let listener = listeners.iter().find(its).or(listeners.first());
        finish(&mut story, told, &names, listener);
    }
    Ok(json!(story))
}

/// Whether it moves purses besides a purchase.
fn is_other(entry: &Entry) -> bool {
    match &entry.input {
        Input::Request(asked) => matches!(asked.function, Function::Load | Function::Transfer),
        Input::Granted { .. } | Input::Given { .. } => true,
        _ => false,
    }
}

/// What a load, a conversion or a grant moved.
fn told_otherwise(
    office: &mut Office,
    entry: &Entry,
    progress: &mut dyn FnMut(Value),
) -> Result<Value, OfficeError> {
    let undone = lookup::reversed_by(office, entry, progress)?;
    // Without the rules of then nothing is reckoned once more, and what moved is told all the same.
    let rules = rules_of(office, entry).ok();
    let (names, zone) =
        office.look(|engine, _| (engine.names(), engine.rules().world.zone.clone()))?;
    let moved = moved(entry, &names, &zone, rules.as_ref());
    let moved = moved.map(|moved| Moved {
        reversed_by: undone.map(|by| by.0),
        ..moved
    });
    Ok(json!({ "moved": moved }))
}

/// The purchase that an entry is.
fn purchase(entry: &Entry) -> Result<&Asked, OfficeError> {
    let number = entry.head.sequence;
    let refused = |why: String| Err(OfficeError::Refused(why));
    let original = entry.effects.original;
    match &entry.input {
        Input::Request(asked) if asked.function == Function::Purchase => match original {
            Some(original) => refused(format!(
                "entry {number} tells of purchase {original} once more and moved nothing; explain {original}"
            )),
            None => Ok(asked),
        },
        Input::Request(asked) if asked.function == Function::Reversal => match original {
            Some(original) => refused(format!(
                "entry {number} is a reversal of entry {original}; explain {original}"
            )),
            None => refused(format!(
                "entry {number} is a reversal that found no purchase; `ledger entry {number}` shows it"
            )),
        },
        _ => refused(format!(
            "entry {number} is no purchase, load, conversion or grant; `ledger entry {number}` shows what it is"
        )),
    }
}

/// The book as it stood before an entry: from a snapshot that is older, else from the first entry.
fn before(
    office: &Office,
    sequence: Sequence,
    progress: &mut dyn FnMut(Value),
) -> Result<Pages, OfficeError> {
    let mut pages = older_book(office, sequence).unwrap_or_else(Pages::empty);
    let (first, last) = (pages.sequence().0 + 1, sequence.0 - 1);
    let mut next_step = first + STEP;
    let seen = |_: &ahead::Batch, _| {};
    ahead::each(office.journal(), (first, last), seen, |batch| {
        data::follow(&mut pages, batch.entries())?;
        let done = pages.sequence().0;
        if done >= next_step {
            progress(step(done, last, "entries replayed"));
            next_step = done + STEP;
        }
        Ok(())
    })?;
    Ok(pages)
}

/// What the newest snapshot says that was written before an entry.
fn older_book(office: &Office, sequence: Sequence) -> Option<Pages> {
    let mut older = snapshot::newest_before(office.data(), sequence.0)?;
    let read = catch_unwind(AssertUnwindSafe(|| Book::read(&mut older, 1)));
    let book = read.ok()?.ok()?;
    let is_there = snapshot::sequences(office.data()).contains(&Some(older.head.sequence));
    is_there.then(|| Pages::clone(&book))
}

/// The rule set that an entry was judged by.
fn rules_of(office: &mut Office, entry: &Entry) -> Result<Rulebook, OfficeError> {
    let number = entry.head.rule_set;
    let found = office.look(move |engine, _| {
        let set = engine.book().rule_sets().get(number);
        (set.map(|set| set.sha256), engine.names())
    })?;
    let (Some(sha256), names) = found else {
        let why = format!(
            "entry {} was judged before the first rule set",
            entry.head.sequence
        );
        return Err(OfficeError::Refused(why));
    };
    let kept = sets::kept(office.data(), &sha256, &names).map_err(OfficeError::Rules)?;
    Ok(Rulebook {
        number,
        ..kept.rulebook
    })
}

/// A purchase of then, to be judged again.
struct Again<'a> {
    entry: &'a Entry,
    asked: &'a Asked,
    rules: &'a Rulebook,
    pages: &'a Pages,
    local: Local,
    at: Moment,
    late: u16,
}

impl Again<'_> {
    /// What is heard, and the effects it would have now; none where no club judged it.
    fn judged(&self) -> (Heard, Option<Effects>) {
        let shop = self.rules.world.shops.get(self.asked.key.acceptor_code());
        let member = self.member();
        let club = member.as_ref().and_then(|member| self.club(member.club));
        let (Some(shop), Some(member), Some(club)) = (shop, member, club) else {
            return (Heard::default(), None);
        };
        let at = (shop.id, category(self.asked, shop));
        let between = Between::of(self.entry, club, at, self.rules, self.pages);
        let (abroad, other) = between.map_or((None, None), |found| (found.abroad, found.other));
        // What he wished is not kept, but what came of it is. The first wish that comes to the same is as good as his own.
        let mut first = None;
        let holder = holder_of(&self.entry.effects, self.pages, self.rules);
        let holder = holder
            .as_ref()
            .map(|(card, member)| Holder { card, member });
        for wishes in self.wishes(club) {
            let ear = Ear::default();
            let mut case = self.case(shop, club, &member, &wishes);
            case.holder = holder;
            case.abroad = abroad;
            let beside;
            if let Some((club, member, abroad)) = other {
                beside = Case {
                    abroad: Some(abroad),
                    ..self.case(shop, club, member, &wishes)
                };
                case.other = Some(&beside);
            }
            let judged = judge_aloud(&case, &ear);
            let effects = match judged {
                Ok(effects) => effects,
                Err(NotJudged::Refused(verdict)) => Effects::told(Told::only(verdict)),
                Err(NotJudged::Failed(_)) => Effects::told(Told::only(Verdict::CannotServe)),
            };
            let found = (ear.heard(), Some(effects));
            let same = found
                .1
                .as_ref()
                .is_some_and(|found| is_same(&self.entry.effects, found));
            if same {
                return found;
            }
            first.get_or_insert(found);
        }
        first.unwrap_or_default()
    }

    fn club(&self, id: ClubId) -> Option<&Club> {
        // Where the stored decision knows of no club, none judged it.
        let told = self.entry.effects.told.as_ref()?;
        let judged = self.entry.effects.club.is_some() || !told.verdict.is_approved();
        judged.then(|| self.rules.club(id))?
    }

    /// Who bought, as he stood before it.
    fn member(&self) -> Option<Member> {
        let effects = &self.entry.effects;
        let id = effects.member?;
        enrolled(effects, id).or_else(|| self.pages.member(id).cloned())
    }

    /// What he may have wished.
    fn wishes(&self, club: &Club) -> Vec<Wishes> {
        let effects = &self.entry.effects;
        let wish = |redeem, purse: Option<&str>| Wishes {
            redeem,
            purse: purse.map(str::to_owned),
            ..Wishes::default()
        };
        let Some(told) = &effects.told else {
            return Vec::new();
        };
        if self.asked.mode == Mode::Advise {
            // All that it told besides what the card was charged and the discount, pockets of the card among it.
            let amount = self.asked.amount.unwrap_or_default().0;
            let discount = told.discount.unwrap_or_default().0;
            let by_visit = |visit: Visit| Rials((visit.spent.0 - amount - discount).max(0));
            let redeemed = effects.visit.map_or(told.redeemed_rials(), by_visit);
            let redeem = match redeemed.is_zero() {
                true => Redeem::Nothing,
                false => Redeem::Exactly(redeemed),
            };
            return vec![Wishes {
                discount_told: told.discount,
                ..wish(redeem, None)
            }];
        }
        if !told.verdict.is_approved() {
            return vec![wish(Redeem::AsMuchAsAllowed, None)];
        }
        // Pockets pay unasked.
        let visit = effects.visit;
        let redeemed = visit.map_or(told.redeemed_rials(), |visit| visit.redeemed);
        if redeemed.is_zero() {
            return vec![
                wish(Redeem::Nothing, None),
                wish(Redeem::AsMuchAsAllowed, None),
            ];
        }
        let mut all = vec![wish(Redeem::Exactly(redeemed), None)];
        if club.redeem.as_ref().is_some_and(|terms| terms.automatic) {
            all.insert(0, wish(Redeem::Nothing, None));
        }
        if let [only] = &told.redeemed[..] {
            let mut names = club.purse_names.iter();
            if let Some((_, name)) = names.find(|(id, _)| *id == only.purse) {
                all.push(wish(Redeem::Exactly(redeemed), Some(name)));
            }
        }
        all
    }

    fn case<'c>(
        &'c self,
        shop: &'c Shop,
        club: &'c Club,
        member: &'c Member,
        wishes: &'c Wishes,
    ) -> Case<'c> {
        Case {
            world: &self.rules.world,
            club,
            member,
            holder: None,
            introducer: member.introducer().and_then(|id| self.pages.member(id)),
            terminal: self.asked.key.terminal_code(),
            facts: &self.asked.facts,
            book: self.pages,
            shop,
            acquirer: self.entry.head.acquirer.unwrap_or(AcquirerId(0)),
            mcc: category(self.asked, shop),
            amount: self.asked.amount.unwrap_or_default(),
            at: self.at,
            local: self.local,
            business_day: self.entry.head.business_day,
            wishes,
            mode: self.asked.mode,
            card: self.card(member),
            late: self.late,
            event: None,
            abroad: None,
            other: None,
        }
    }

    /// The token of the card that came with it: the entry does not keep it, but the member is known by it, and caps have its mark.
    fn card(&self, member: &Member) -> Option<Token> {
        let effects = &self.entry.effects;
        let enrolled = effects.members.iter().find_map(|change| match change {
            MemberChange::Enrolled { identities, .. } => {
                identities.iter().find_map(|identity| identity.token())
            }
            _ => None,
        });
        if enrolled.is_some() {
            return enrolled;
        }
        let redeemed = effects
            .told
            .as_ref()
            .is_some_and(|t| !t.redeemed.is_empty());
        if self.asked.last_four.is_none() && !redeemed {
            return None;
        }
        let mark = effects.counted.iter().find_map(|row| match row.who {
            Who::Card { mark, .. } => Some(mark),
            _ => None,
        });
        let is_it = |token: &Token| match (mark, Who::card(member.id, Some(*token))) {
            (Some(mark), Who::Card { mark: found, .. }) => mark == found,
            _ => true,
        };
        let known = self.pages.tokens(member.id).find(is_it);
        Some(known.unwrap_or(Token([0; 16])))
    }
}

/// Whether two decisions moved and said the same.
fn is_same(decided: &Effects, found: &Effects) -> bool {
    let moved = |effects: &Effects| {
        let told = effects.told.clone().map(|told| Told {
            approval: None,
            rrn: None,
            ..told
        });
        let counted: Vec<_> = effects
            .counted
            .iter()
            .map(|row| (row.rule, row.who, row.amount))
            .collect();
        (
            effects.postings.clone(),
            effects.lots.clone(),
            counted,
            told,
        )
    };
    moved(decided) == moved(found)
}

/// What was decided otherwise than it is judged now.
fn differences(decided: &Effects, found: &Effects, names: &Names) -> Vec<Difference> {
    let refused = |effects: &Effects| {
        let told = effects.told.as_ref();
        told.is_some_and(|told| !told.verdict.is_approved())
    };
    // How much was asked for is not known where it was refused.
    if refused(decided) || is_same(decided, found) {
        return Vec::new();
    }
    let none = Told::only(Verdict::CannotServe);
    let (was, is) = (
        decided.told.as_ref().unwrap_or(&none),
        found.told.as_ref().unwrap_or(&none),
    );
    let rials = |rials: Option<Rials>| rials.map_or("-".to_owned(), |rials| rials.to_string());
    let rules = |told: &Told| {
        let rules = told.rules.iter().map(|rule| names.rule(*rule));
        rules.collect::<Vec<_>>().join(", ")
    };
    let purses = |list: &[crate::ledger::told::PurseAmount]| {
        let parts = list.iter().map(|part| {
            let amount = lookup::amount(names, names.purse_unit(part.purse), part.amount);
            format!("{} {amount}", names.purse(part.purse))
        });
        parts.collect::<Vec<_>>().join(", ")
    };
    let rows = [
        (
            "outcome",
            was.verdict.name().to_owned(),
            is.verdict.name().to_owned(),
        ),
        ("discount", rials(was.discount), rials(is.discount)),
        ("redeemed", purses(&was.redeemed), purses(&is.redeemed)),
        ("pays", rials(was.pays), rials(is.pays)),
        ("earned", purses(&was.earned), purses(&is.earned)),
        ("rules", rules(was), rules(is)),
        ("fee", rials(was.fee), rials(is.fee)),
    ];
    let mut told: Vec<Difference> = rows
        .into_iter()
        .filter(|(_, was, is)| was != is)
        .map(|(what, decided, found)| Difference {
            what: what.to_owned(),
            decided,
            found,
        })
        .collect();
    if told.is_empty() {
        told.push(Difference {
            what: "postings".to_owned(),
            decided: decided.postings.len().to_string(),
            found: found.postings.len().to_string(),
        });
    }
    told
}
