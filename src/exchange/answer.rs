//! What was told, as the answer to a message. A pure function of the request's bytes, what was told and the names:
//! a repeat is answered with the same bytes.

use std::ops::Range;

use bytes::BytesMut;

use crate::ledger::told::{PurseAmount, ToldBalance};
use crate::ledger::{Names, PurseKind, Told, Verdict};
use crate::message::{Message, MessageBuilder, Scratch};
use crate::terms::{PurseId, Rials};
use crate::words::Language;
use crate::words::number::{put_digits, put_pointed};
use crate::words::outcome::outcome;
use crate::words::receipt::WireLines;

use super::bind::Dialect;
use super::kind_code;
use super::read::Refusal;

/// Groups of 20 that the field of balances holds.
const BALANCES_MAX: usize = 6;

impl Dialect {
    /// Appends the answer to a request; `scratch` is the memory of the last one.
    pub fn answer(
        &self,
        request: &Message,
        told: &Told,
        names: &Names,
        scratch: &mut Scratch,
        out: &mut BytesMut,
    ) {
        let mut answer = self.head(request, told, scratch);
        let mut balances = [0; BALANCES_MAX * 20];
        let mut left = Vec::new();
        let used = self.balances(request, told, names, &mut balances, &mut left);
        self.put_text(&mut answer, told.verdict);
        self.put_tags(&mut answer, told, names, &left);
        answer.copy(request, self.at.currency);
        if used > 0 {
            answer.set(self.at.balances, &balances[..used]);
        }
        if answer.encode(out).is_err() {
            // Names that the dialect cannot write never hide what was decided.
            let mut bare = self.head(request, told, &mut answer.leave());
            self.put_text(&mut bare, told.verdict);
            bare.copy(request, self.at.currency);
            self.put(bare, scratch, out);
            return;
        }
        *scratch = answer.leave();
    }

    /// Appends a refusal that needed no book. The field at fault is told to terminals under test only.
    pub fn refuse(
        &self,
        request: &Message,
        refusal: &Refusal,
        test: bool,
        scratch: &mut Scratch,
        out: &mut BytesMut,
    ) {
        let mut answer = self.head(request, &Told::only(refusal.verdict), scratch);
        self.put_text(&mut answer, refusal.verdict);
        if let Some(field) = refusal.field.as_ref().filter(|_| test) {
            let tag = &self.tags.field_at_fault;
            answer.tag(self.at.private, tag, field.to_string());
        }
        answer.copy(request, self.at.currency);
        self.put(answer, scratch, out);
    }

    /// Appends the answer to a network message.
    pub fn answer_network(&self, request: &Message, scratch: &mut Scratch, out: &mut BytesMut) {
        let mut answer = self.head(request, &Told::only(Verdict::Approved), scratch);
        answer.copy(request, self.at.network);
        self.put(answer, scratch, out);
    }

    /// Type, echoed fields, amount, references and response code.
    fn head(&self, request: &Message, told: &Told, scratch: &mut Scratch) -> MessageBuilder<'_> {
        let at = &self.at;
        let mti = self.spec.answer_type(request.mti());
        let mut answer = MessageBuilder::within(&self.spec, mti, std::mem::take(scratch));
        answer.copy(request, at.processing);
        match told.pays {
            Some(pays) => {
                let pays = pays.clamp(Rials::ZERO, Rials::FIELD_MAX);
                answer.number(at.amount, pays.0.unsigned_abs());
            }
            None => {
                answer.copy(request, at.amount);
            }
        }
        let echoed = [at.transmitted, at.stan, at.time].into_iter();
        for echoed in echoed.chain(self.also.date).chain([at.acquirer]) {
            answer.copy(request, echoed);
        }
        match told.rrn {
            Some(rrn) if !request.has(at.rrn) => answer.set(at.rrn, rrn),
            _ => answer.copy(request, at.rrn),
        };
        if let Some(approval) = told.approval {
            answer.set(at.approval, approval);
        }
        answer.set(at.outcome, self.code(request.mti().class(), told.verdict));
        answer.copy(request, at.terminal);
        answer.copy(request, at.acceptor);
        answer
    }

    fn put_text(&self, answer: &mut MessageBuilder<'_>, verdict: Verdict) {
        if verdict != Verdict::Approved {
            answer.set(self.at.text, outcome(verdict.name(), Language::English));
        }
    }

    /// Encodes what cannot fail: copied fields, codes that were checked when the dialect was bound.
    fn put(&self, answer: MessageBuilder<'_>, scratch: &mut Scratch, out: &mut BytesMut) {
        let whole = answer.encode(out);
        debug_assert!(whole.is_ok(), "{whole:?}");
        *scratch = answer.leave();
    }

    /// Writes the groups of the balances field; what it has no room for is left in `left` as `purse=amount`.
    /// Gives the bytes used.
    fn balances(
        &self,
        request: &Message,
        told: &Told,
        names: &Names,
        groups: &mut [u8; BALANCES_MAX * 20],
        left: &mut Vec<u8>,
    ) -> usize {
        if told.balances.is_empty() {
            return 0;
        }
        let acceptor = request.text(&self.spec, self.at.acceptor);
        let here = acceptor.and_then(|code| names.shop_id(code.trim_end()));
        let mut used = 0;
        for balance in &told.balances {
            let particulars = names.purse_particulars(balance.purse);
            // What only rules count with is told to nobody (S36).
            if matches!(particulars, Some((_, PurseKind::Virtual, _))) {
                continue;
            }
            let elsewhere = balance.shop.is_some() && balance.shop != here;
            let room = groups.get_mut(used..used + 20);
            match (particulars, room) {
                (Some((_, kind, _)), Some(group)) if !elsewhere && fits(balance) => {
                    write_group(group, kind, balance.amount);
                    used += 20;
                }
                _ => {
                    semicolon(left);
                    left.extend_from_slice(names.purse(balance.purse).as_bytes());
                    if let Some(shop) = balance.shop.filter(|_| elsewhere) {
                        left.push(b'@');
                        left.extend_from_slice(names.shop(shop).as_bytes());
                    }
                    left.push(b'=');
                    put_pointed(left, balance.amount, decimals(names, balance.purse));
                }
            }
        }
        used
    }

    /// The tags of the private field. Where they would not fit, the receipt goes first, then the balances.
    fn put_tags(
        &self,
        answer: &mut MessageBuilder<'_>,
        told: &Told,
        names: &Names,
        balances: &[u8],
    ) {
        let tags = &self.tags;
        let mut text = Vec::with_capacity(512);
        let mut parts: [(&str, Range<usize>); 11] = Default::default();
        let mut count = 0;
        let mut part = |text: &mut Vec<u8>, tag, write: &mut dyn FnMut(&mut Vec<u8>)| {
            let from = text.len();
            write(text);
            if text.len() > from {
                parts[count] = (tag, from..text.len());
                count += 1;
            }
        };
        part(&mut text, &tags.member, &mut |text| {
            if let Some(member) = told.member {
                put_digits(text, u64::from(member.0));
            }
        });
        part(&mut text, &tags.rules_fired, &mut |text| {
            for (at, rule) in told.rules.iter().enumerate() {
                if at > 0 {
                    text.push(b',');
                }
                text.extend_from_slice(names.rule(*rule).as_bytes());
            }
        });
        for (tag, rials) in [
            (&tags.left_to_pay, told.pays),
            (&tags.discount, told.discount),
            (&tags.fee, told.fee),
        ] {
            part(&mut text, tag, &mut |text| {
                if let Some(rials) = rials {
                    put_pointed(text, rials.0, 0);
                }
            });
        }
        for (tag, list) in [
            (&tags.earned, &told.earned),
            (&tags.redeemed, &told.redeemed),
        ] {
            part(&mut text, tag, &mut |text| purse_amounts(text, list, names));
        }
        part(&mut text, &tags.split, &mut |text| {
            let from = text.len();
            for (party, rials) in &told.split {
                if text.len() > from {
                    text.push(b';');
                }
                text.extend_from_slice(party.name().as_bytes());
                text.push(b'=');
                put_pointed(text, rials.0, 0);
            }
        });
        part(&mut text, &tags.chances, &mut |text| {
            let is_chance = |purse| {
                let particulars = names.purse_particulars(purse);
                matches!(particulars, Some((_, PurseKind::Special, _)))
            };
            let chances = told.earned.iter().filter(|part| is_chance(part.purse));
            let chances: i64 = chances.map(|part| part.amount).sum();
            if chances > 0 {
                put_pointed(text, chances, 0);
            }
        });
        part(&mut text, &tags.more_balances, &mut |text| {
            text.extend_from_slice(balances);
        });
        part(&mut text, &tags.receipt, &mut |text| {
            receipt(text, told, names);
        });
        let parts = &mut parts[..count];
        parts.sort_unstable_by_key(|(tag, _)| *tag);
        let head = self.form.head_bytes();
        let value_max = self.form.value_bytes_max();
        let mut whole: usize = parts.iter().map(|(_, range)| head + range.len()).sum();
        let mut shed = |tag: &str, always: bool| {
            if let Some((_, range)) = parts.iter_mut().find(|(known, _)| *known == tag)
                && (always || range.len() > value_max)
            {
                whole -= head + range.len();
                *range = 0..0;
            }
            whole <= self.private_bytes_max
        };
        // What is too long for one value is shed by itself, whatever the sum.
        for tag in [&tags.receipt, &tags.more_balances, &tags.rules_fired] {
            shed(tag, false);
        }
        // After the two that the contract names, the list of rules: it says least about money.
        for tag in [&tags.receipt, &tags.more_balances, &tags.rules_fired] {
            if shed("", false) {
                break;
            }
            shed(tag, true);
        }
        for (tag, range) in parts.iter().filter(|(_, range)| !range.is_empty()) {
            answer.tag(self.at.private, tag, &text[range.clone()]);
        }
    }
}

fn purse_amounts(text: &mut Vec<u8>, list: &[PurseAmount], names: &Names) {
    for (at, part) in list.iter().enumerate() {
        if at > 0 {
            text.push(b';');
        }
        text.extend_from_slice(names.purse(part.purse).as_bytes());
        text.push(b'=');
        put_pointed(text, part.amount, decimals(names, part.purse));
    }
}

/// What the shop prints for the customer, LF between its lines.
pub fn receipt(text: &mut Vec<u8>, told: &Told, names: &Names) {
    let mut lines = WireLines::new(text);
    if let Some(discount) = told.discount.filter(|discount| !discount.is_zero()) {
        lines.discount(discount.0);
    }
    if !told.redeemed.is_empty() {
        lines.used(told.redeemed_rials().0);
    }
    if let Some(pays) = told.pays {
        lines.pays(pays.0);
    }
    for part in &told.earned {
        let decimals = decimals(names, part.purse);
        lines.earned(names.purse(part.purse), part.amount, decimals);
    }
    for line in &told.says {
        lines.said(line);
    }
}

fn decimals(names: &Names, purse: PurseId) -> u8 {
    names.unit(names.purse_unit(purse)).1
}

fn semicolon(text: &mut Vec<u8>) {
    if !text.is_empty() {
        text.push(b';');
    }
}

/// Whether a balance can be said in twelve digits.
fn fits(balance: &ToldBalance) -> bool {
    balance.amount.unsigned_abs() <= Rials::FIELD_MAX.0.unsigned_abs()
}

/// Kind n2, type 02 (available), currency n3, sign, n12.
fn write_group(group: &mut [u8], kind: PurseKind, amount: i64) {
    let code = kind_code(kind);
    group[..2].copy_from_slice(&[b'0' + code / 10, b'0' + code % 10]);
    group[2..4].copy_from_slice(b"02");
    group[4..7].copy_from_slice(if kind.is_money() { b"364" } else { b"999" });
    group[7] = if amount < 0 { b'D' } else { b'C' };
    let mut left = amount.unsigned_abs();
    for place in group[8..20].iter_mut().rev() {
        *place = b'0' + (left % 10) as u8;
        left /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::samples::{
        MERCHANT_CREDIT, PURCHASE, PURCHASE_93, changed, dialect, example, line, message, names,
    };
    use crate::ledger::Party;
    use crate::spec::Path;
    use crate::terms::ShopId;

    fn answer(request: &str, told: &Told) -> Message {
        let dialect = dialect("iso87-ascii");
        let mut out = BytesMut::new();
        dialect.answer(
            &message(&dialect, request),
            told,
            &names(),
            &mut Scratch::default(),
            &mut out,
        );
        Message::decode(dialect.spec(), out.freeze()).unwrap()
    }

    fn check(request: &str, told: &Told, wanted: &str) {
        let dialect = dialect("iso87-ascii");
        let wanted: Vec<&str> = wanted.split_whitespace().collect();
        let got = line(&dialect, &answer(request, told));
        assert_eq!(got.split(' ').collect::<Vec<_>>(), wanted, "{request}");
    }

    #[test]
    fn the_worked_example_is_answered_to_the_rial() {
        check(
            PURCHASE,
            &example(),
            "0210 3=000000 4=000002417778 7=1123064500 11=000007 12=101500 13=1123 37=000000000042 38=A00001 39=00 \
             41=T0000001 42=m-1001 48.10=88213 48.70=morning-5,base,saving 48.72=2417778 \
             48.73=points=290.13;club-credit=24177 48.74=137777 48.75=8266 \
             48.79=marketer=6888;merchant-marketer=4133;club-owner=16533;holder-saving=24177;merchant=2581158 \
             48.80=merchant-credit=40000;club-credit=125000;points=233.34 \
             48.90=Discount_137,777|Used_200,000|Card_pays_2,417,778|+290.13_points|+24,177_club_credit 49=364 \
             54=9302364C0000000000009202364C0000000241779102999C000000059716",
        );
    }

    #[test]
    fn a_refusal_has_a_text_and_echoes_the_amount() {
        check(
            PURCHASE,
            &Told::only(Verdict::NotEnough),
            "0210 3=000000 4=000002755555 7=1123064500 11=000007 12=101500 13=1123 39=51 41=T0000001 42=m-1001 \
             44=Not_enough_in_the_purse 49=364",
        );
    }

    #[test]
    fn secrets_and_chip_data_are_not_echoed() {
        let request = format!(
            "{PURCHASE} 14=2912 35=9999120000001234=29121010 37=000000000009 45=B9999 52=0102030405060708 55=9F3602002A"
        );
        let answer = answer(&request, &example());
        for field in [2, 14, 35, 45, 52, 55] {
            assert!(!answer.has(field), "{field}");
        }
        let dialect = dialect("iso87-ascii");
        assert_eq!(answer.text(dialect.spec(), 37).unwrap(), "000000000009");
    }

    #[test]
    fn repeats_and_advices_have_the_type_of_their_answer() {
        for (mti, wanted) in [
            ("0201", "0210"),
            ("0100", "0110"),
            ("0220", "0230"),
            ("0221", "0230"),
            ("0400", "0410"),
            ("0421", "0430"),
            ("0600", "0610"),
        ] {
            let request = PURCHASE.replacen("0200", mti, 1);
            let answer = answer(&request, &Told::only(Verdict::Approved));
            assert_eq!(answer.mti().to_string(), wanted);
        }
    }

    #[test]
    fn balances_without_room_go_to_their_tag() {
        let mut told = example();
        for _ in 0..4 {
            told.balances.push(told.balances[2]);
        }
        told.balances.push(ToldBalance {
            purse: MERCHANT_CREDIT,
            shop: Some(ShopId(1)),
            amount: -5,
        });
        let dialect = dialect("iso87-ascii");
        let answer = answer(PURCHASE, &told);
        assert_eq!(answer.text(dialect.spec(), 54).unwrap().len(), 120);
        assert_eq!(
            answer.tag(dialect.spec(), 48, "76").unwrap(),
            b"points=597.16;merchant-credit@m-1002=-5"
        );
    }

    #[test]
    fn too_many_words_shed_the_receipt_first_and_keep_the_money() {
        let mut told = example();
        told.split = vec![(Party::MerchantMarketer, Rials(1)); 38];
        let dialect = dialect("iso87-ascii");
        let less = answer(PURCHASE, &told);
        let has = |answer: &Message, tag| answer.tag(dialect.spec(), 48, tag).is_some();
        assert!(!has(&less, "90") && has(&less, "79") && has(&less, "70"));
        for _ in 0..40 {
            told.balances.push(told.balances[2]);
        }
        let less = answer(PURCHASE, &told);
        assert!(!has(&less, "90") && !has(&less, "76") && has(&less, "79") && has(&less, "80"));
        // More than the field holds even so: what was decided is told without it.
        told.split = vec![(Party::MerchantMarketer, Rials(1)); 90];
        let less = answer(PURCHASE, &told);
        assert!(!has(&less, "79"));
        assert_eq!(less.digits(dialect.spec(), 4), Some(2_417_778));
    }

    #[test]
    fn what_stands_before_the_tags_is_left_blank() {
        let text = "title = \"own\"\nextends = \"iso87-ascii\"\n[inside.48]\n\
                    prefix = [{ name = \"reserved\", class = \"ans\", length = 16 }]\n";
        let dialect = super::super::bind(&crate::spec::load_text("own", text).unwrap()).unwrap();
        let request = message(&dialect, &format!("{PURCHASE} 48.21=200000"));
        assert_eq!(
            request
                .at(dialect.spec(), &"48.p1".parse().unwrap())
                .unwrap(),
            " ".repeat(16)
        );
        let mut told = example();
        told.split = vec![(Party::MerchantMarketer, Rials(1)); 40];
        let mut out = BytesMut::new();
        dialect.answer(&request, &told, &names(), &mut Scratch::default(), &mut out);
        let answer = Message::decode(dialect.spec(), out.freeze()).unwrap();
        let private = answer.value(48).unwrap();
        assert!(private.starts_with(&[b' '; 16]) && private.len() <= 999);
        assert_eq!(answer.tag(dialect.spec(), 48, "74").unwrap(), b"137777");
        assert!(answer.tag(dialect.spec(), 48, "79").is_some());
    }

    #[test]
    fn the_field_at_fault_is_told_under_test_only() {
        let dialect = dialect("iso87-ascii");
        let refusal = Refusal {
            verdict: Verdict::FormatError,
            field: Some(Path::inside(48, "21")),
        };
        for (test, wanted) in [
            (
                true,
                "0210 11=000007 39=30 44=Message_not_understood 48.99=48.21",
            ),
            (false, "0210 11=000007 39=30 44=Message_not_understood"),
        ] {
            let mut out = BytesMut::new();
            let request = message(&dialect, "0200 11=000007");
            dialect.refuse(&request, &refusal, test, &mut Scratch::default(), &mut out);
            let answer = Message::decode(dialect.spec(), out.freeze()).unwrap();
            assert_eq!(line(&dialect, &answer), wanted);
        }
    }

    #[test]
    fn the_same_request_is_answered_with_the_same_bytes() {
        for (name, request) in [
            ("iso87-ascii", PURCHASE),
            ("iso87-ascii-binmap", PURCHASE),
            ("iso87-bcd", PURCHASE),
            ("iso87-ebcdic", PURCHASE),
            ("pos-nac-bcd", PURCHASE),
            ("iso93-ascii", PURCHASE_93),
            ("iso93-bcd", PURCHASE_93),
        ] {
            let dialect = dialect(name);
            let bytes = || {
                let mut out = BytesMut::new();
                dialect.answer(
                    &message(&dialect, request),
                    &example(),
                    &names(),
                    &mut Scratch::default(),
                    &mut out,
                );
                out
            };
            assert_eq!(bytes(), bytes());
        }
    }

    #[test]
    fn answers_of_1993_have_its_types_times_and_codes() {
        let dialect = dialect("iso93-ascii");
        for (changes, verdict, wanted) in [
            (
                "",
                Verdict::NotEnough,
                "1210 .. 39=116 .. 44=Not_enough_in_the_purse 49=364",
            ),
            ("1201", Verdict::Approved, "1210 .. 39=000 .. 49=364"),
            ("1221", Verdict::Approved, "1230 .. 39=000 .. 49=364"),
            ("1400 24=400", Verdict::Approved, "1410 .. 39=400 .. 49=364"),
            ("1421 24=400", Verdict::Approved, "1430 .. 39=400 .. 49=364"),
            (
                "1604",
                Verdict::AlreadyThere,
                "1614 .. 39=913 .. 44=Already_a_member 49=364",
            ),
        ] {
            let mut out = BytesMut::new();
            let request = message(&dialect, &changed(PURCHASE_93, changes));
            dialect.answer(
                &request,
                &Told::only(verdict),
                &names(),
                &mut Scratch::default(),
                &mut out,
            );
            let answer = Message::decode(dialect.spec(), out.freeze()).unwrap();
            let echoed = "3=000000 4=000002755555 7=1123064500 11=000007 12=261123101500";
            let wanted = wanted.replacen("..", echoed, 1);
            let wanted = wanted.replacen("..", "41=T0000001 42=m-1001", 1);
            assert_eq!(line(&dialect, &answer), wanted, "{changes}");
        }
        let mut out = BytesMut::new();
        let request = message(
            &dialect,
            "1804 7=1123064500 11=000001 12=261123101500 24=831",
        );
        dialect.answer_network(&request, &mut Scratch::default(), &mut out);
        let answer = Message::decode(dialect.spec(), out.freeze()).unwrap();
        assert_eq!(
            line(&dialect, &answer),
            "1814 7=1123064500 11=000001 12=261123101500 24=831 39=800"
        );
    }
}
