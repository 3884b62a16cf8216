//! What is said of a judgement: why rules gave or did not, from which purse, who pays. A phrase a row, in English and Persian.

use crate::words::Language;
use crate::words::number::digits;

/// A phrase in each language; `{0}`, `{1}`, … stand for what comes into it.
#[derive(Clone, Copy, Debug)]
pub struct Phrase(pub &'static str, pub &'static str);

impl Phrase {
    /// The phrase with its parts, which are written in the language already.
    pub fn say(self, language: Language, parts: &[&str]) -> String {
        let mut rest = match language {
            Language::English => self.0,
            Language::Persian => self.1,
        };
        let mut out = String::new();
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let (place, after) = after.split_once('}').unwrap_or(("", after));
            let part = place.parse().ok().and_then(|at: usize| parts.get(at));
            out.push_str(part.copied().unwrap_or_default());
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

/// A row of a table of words: a name of the rule language, and what it is called.
type Word = (&'static str, &'static str, &'static str);

/// Conditions by their key in a rule file.
pub const CONDITIONS: [Word; 36] = [
    ("amount_rial", "bill", "مبلغ خرید"),
    ("tx_types", "kind of transaction", "نوع تراکنش"),
    ("channels", "channel", "درگاه"),
    ("entry", "card read by", "روش خواندن کارت"),
    ("merchants", "shop", "پذیرنده"),
    ("merchant_groups", "group", "گروه پذیرنده"),
    ("mcc", "category", "صنف"),
    ("terminal_groups", "terminal group", "گروه پایانه"),
    ("products", "product", "کالا"),
    ("not_products", "not product", "جز کالای"),
    ("services", "service", "خدمت"),
    ("card_products", "card product", "نوع کارت"),
    ("bins", "card prefix", "پیش‌شماره کارت"),
    ("provinces", "province", "استان"),
    ("dates", "dates", "تاریخ"),
    ("season", "season", "فصل"),
    ("hours", "hours", "ساعت"),
    ("weekdays", "weekday", "روز هفته"),
    ("business_days", "business day", "روز کاری"),
    ("birthday", "birthday", "زادروز"),
    ("anniversary", "anniversary", "سالگرد عضویت"),
    ("tiers", "tier", "سطح"),
    ("member_groups", "member group", "گروه عضو"),
    ("joined", "joined", "عضویت"),
    ("first_purchase", "first purchase", "نخستین خرید"),
    ("introduced", "introduced", "معرفی‌شده"),
    ("last_purchase", "last purchase", "آخرین خرید"),
    ("spent", "spent", "جمع خرید"),
    ("visits", "purchases", "شمار خرید"),
    ("earned", "earned", "کسب‌شده"),
    ("balance", "balance", "مانده کیف"),
    ("event", "event", "رویداد"),
    ("any", "any of", "یکی از"),
    ("not", "not", "به‌جز"),
    ("card", "card", "کارت"),
    ("use", "condition", "شرط"),
];

/// Who gets, gives and pays; windows; what caps count for; units; stages of stacking; why nothing is redeemed.
pub const NAMES: [Word; 70] = [
    ("organisation", "organisation", "سازمان"),
    ("merchant", "merchant", "پذیرنده"),
    ("shop", "shop", "پذیرنده"),
    ("club", "club", "باشگاه"),
    ("operator", "operator", "گرداننده"),
    ("issuer", "issuer", "صادرکننده"),
    ("introducer", "introducer", "معرف"),
    ("member", "member", "عضو"),
    ("card", "bank card", "کارت بانکی"),
    ("rule", "rule", "قاعده"),
    ("person", "marketer", "بازاریاب"),
    ("reserve", "reserve of", "ذخیره‌ی"),
    ("owner", "owner of", "باشگاه‌دار"),
    ("saving", "saving of", "پس‌انداز"),
    ("rounding", "rounding of", "خرده‌ریال"),
    ("owes-house", "owed to the house by", "بدهی به اتاق از"),
    (
        "due-from-house",
        "due from the house to",
        "طلب از اتاق برای",
    ),
    ("house-due", "house: due from", "اتاق: طلب از"),
    ("house-owes", "house: owed to", "اتاق: بدهی به"),
    ("house-income", "house: income from", "اتاق: درآمد از"),
    ("issuing-club", "the club of the points", "باشگاه صادرکننده"),
    ("shop-club", "the club of the shop", "باشگاه پذیرنده"),
    ("clearing-house", "the clearing house", "اتاق پایاپای"),
    ("purse", "purse", "کیف"),
    ("marketer", "marketer", "بازاریاب"),
    ("merchant-marketer", "merchant-marketer", "بازاریاب پذیرنده"),
    ("club-owner", "club-owner", "باشگاه‌دار"),
    ("acceptor-saving", "acceptor-saving", "ذخیره‌ی پذیرنده"),
    ("holder-saving", "holder-saving", "ذخیره‌ی دارنده"),
    ("gross", "the bill", "مبلغ خرید"),
    ("net", "the bill after discount", "مبلغ پس از تخفیف"),
    ("paid", "what the bank card pays", "پرداخت کارت بانکی"),
    ("day", "day", "روز"),
    ("week", "week", "هفته"),
    ("jalali-month", "month", "ماه"),
    ("jalali-year", "year", "سال"),
    ("days", "days", "روز"),
    ("times", "times", "بار"),
    ("rial", "rial", "ریال"),
    ("point", "points", "امتیاز"),
    ("points", "points", "امتیاز"),
    ("club-credit", "club-credit", "اعتبار باشگاه"),
    ("merchant-credit", "merchant-credit", "اعتبار پذیرنده"),
    ("discount", "discount", "تخفیف"),
    (
        "all",
        "every rule that applies gives",
        "هر قاعده‌ای که برقرار باشد می‌دهد",
    ),
    (
        "first",
        "the first rule that applies gives",
        "نخستین قاعده‌ی برقرار می‌دهد",
    ),
    (
        "best-for-member",
        "the rule that gives most gives",
        "قاعده‌ای که بیشتر می‌دهد",
    ),
    ("pin", "a PIN would be needed", "رمز لازم است"),
    ("no-card", "no card was read", "کارتی خوانده نشده است"),
    (
        "conditions",
        "a condition does not hold",
        "شرطی برقرار نیست",
    ),
    (
        "category",
        "not in this category of shops",
        "در این صنف ممکن نیست",
    ),
    (
        "no-such-purse",
        "this purse cannot be spent here",
        "این کیف اینجا خرج نمی‌شود",
    ),
    (
        "closed-direction",
        "no rate in force sells these points in shops of this club",
        "نرخ فروشی برای خرج این امتیاز نزد این باشگاه برقرار نیست",
    ),
    (
        "net-debit-cap",
        "the club of the points would owe the clearing house more than it may",
        "بدهی باشگاه به اتاق پایاپای از سقف می‌گذشت",
    ),
    (
        "no-club-here",
        "no club has this shop: nobody's purchase",
        "هیچ باشگاهی این پذیرنده را ندارد؛ خرید بدون باشگاه",
    ),
    (
        "member-unknown",
        "no member of this shop's clubs: nobody's purchase",
        "دارنده عضو باشگاه این پذیرنده نیست؛ خرید بدون باشگاه",
    ),
    (
        "nothing-to-judge",
        "nothing that rules judge",
        "چیزی برای داوری قاعده‌ها نیست",
    ),
    ("failed", "the judgement failed", "داوری ناکام ماند"),
    (
        "refused",
        "refused before any rule was asked",
        "پیش از بررسی قاعده‌ها رد شد",
    ),
    (
        "redeemed-over-balance",
        "more was redeemed than there was",
        "بیش از موجودی خرج شده است",
    ),
    (
        "split-cut",
        "the money did not reach for every part of the split",
        "پول برای همه‌ی سهم‌های تسهیم نرسید",
    ),
    (
        "without-club",
        "the rules failed: it was kept as nobody's",
        "قاعده‌ها ناکام ماندند؛ خرید بدون باشگاه ثبت شد",
    ),
    (
        "advice-too-old",
        "told too late: nothing was posted",
        "دیر اعلام شد؛ چیزی جابه‌جا نشد",
    ),
    (
        "advice-of-unknown-shop",
        "told by a shop that nobody knows: nothing was posted",
        "پذیرنده ناشناس است؛ چیزی جابه‌جا نشد",
    ),
    (
        "advice-of-another-kind",
        "told of what is no purchase: nothing was posted",
        "اعلام چیزی جز خرید؛ چیزی جابه‌جا نشد",
    ),
    (
        "over-net-debit-cap",
        "the club owes the clearing house more than it may",
        "بدهی باشگاه به اتاق پایاپای از سقف گذشت",
    ),
    ("not-posted", "nothing was posted", "چیزی جابه‌جا نشد"),
    ("yes", "yes", "بله"),
    ("no", "no", "خیر"),
    ("none", "none", "ندارد"),
];

/// What moves besides purchases: kinds of entries, accounts, reasons.
pub const MOVED: [Word; 29] = [
    ("load", "load", "شارژ"),
    ("transfer", "conversion", "تبدیل"),
    ("granted", "grant", "اعطای خودکار"),
    ("given", "given by hand", "اعطای دستی"),
    ("reversed", "undone by entry", "برگشت‌خورده با ثبت"),
    ("card", "bank card", "کارت بانکی"),
    ("shop", "shop", "پذیرنده"),
    ("person", "person", "شخص"),
    ("club", "club", "باشگاه"),
    ("reserve", "reserve", "ذخیرهٔ"),
    ("owner", "owner", "صاحب"),
    ("saving", "saving", "پس‌انداز"),
    ("rounding", "rounding", "گردکردن"),
    ("operator", "operator", "گرداننده"),
    ("organisation", "organisation", "سازمان"),
    (
        "owes-house",
        "debt to the clearing house",
        "بدهی به اتاق پایاپای",
    ),
    (
        "due-from-house",
        "claim on the clearing house",
        "طلب از اتاق پایاپای",
    ),
    ("house-due", "the clearing house", "اتاق پایاپای"),
    ("house-owes", "the clearing house", "اتاق پایاپای"),
    ("house-income", "clearing fees", "کارمزد پایاپای"),
    ("card-paid", "the card paid", "پرداخت کارت"),
    ("loaded", "what was loaded", "مبلغ شارژ"),
    ("funded", "what is added to the load", "افزودهٔ شارژ"),
    ("converted", "what was converted", "مبلغ تبدیل"),
    ("fee", "fee", "کارمزد"),
    (
        "owed-to-house",
        "owed to the clearing house",
        "بدهی به اتاق پایاپای",
    ),
    (
        "novated",
        "taken over by the clearing house",
        "به عهدهٔ اتاق پایاپای",
    ),
    (
        "owed-by-house",
        "owed by the clearing house",
        "بدهی اتاق پایاپای",
    ),
    ("clearing-fee", "clearing fee", "کارمزد پایاپای"),
];

/// Weekdays from Saturday on.
pub const WEEKDAYS: [(&str, &str); 7] = [
    ("Saturday", "شنبه"),
    ("Sunday", "یکشنبه"),
    ("Monday", "دوشنبه"),
    ("Tuesday", "سه‌شنبه"),
    ("Wednesday", "چهارشنبه"),
    ("Thursday", "پنجشنبه"),
    ("Friday", "جمعه"),
];

/// What a name of the rule language is called; the name itself where nobody has a word for it.
pub fn called(table: &[Word], name: &str, language: Language) -> String {
    match table.iter().find(|row| row.0 == name) {
        Some((_, english, _)) if language == Language::English => (*english).to_owned(),
        Some((_, _, persian)) => (*persian).to_owned(),
        None => name.to_owned(),
    }
}

/// A window or span of days by its name: `jalali-month`, `90 days`.
pub fn span(name: &str, language: Language) -> String {
    match name.split_once(' ') {
        Some((count, unit)) => {
            let unit = called(&NAMES, unit, language);
            format!("{} {unit}", digits(count, language))
        }
        None => called(&NAMES, name, language),
    }
}

/// The weekday of a number, 0 being Saturday.
pub fn weekday(number: u8, language: Language) -> &'static str {
    let (english, persian) = WEEKDAYS[usize::from(number % 7)];
    match language {
        Language::English => english,
        Language::Persian => persian,
    }
}

pub use phrases::*;

/// The phrases, in the order in which they are said.
#[allow(missing_docs, reason = "each says in English what it is")]
mod phrases {
    use super::Phrase;

    pub const SUPPOSED: Phrase = Phrase("supposed; nothing is posted", "آزمایشی؛ چیزی ثبت نشد");
    pub const ENTRY: Phrase = Phrase("entry {0}", "ثبت {0}");
    pub const REFERENCE: Phrase = Phrase("reference {0}", "ارجاع {0}");
    pub const APPROVAL: Phrase = Phrase("approval {0}", "کد تأیید {0}");
    pub const TERMINAL: Phrase = Phrase("terminal {0}", "پایانه {0}");
    pub const REVERSED: Phrase = Phrase(
        "REVERSED by entry {0} on {1}: all of it was undone",
        "برگشت خورده با ثبت {0} در {1}؛ همه‌ی آن باطل شد",
    );
    pub const DIFFERS: Phrase = Phrase(
        "NOTE  this program judges it otherwise now; what was decided counts:",
        "توجه  داوری کنونی این برنامه جور دیگری است؛ آنچه ثبت شده درست است:",
    );
    pub const DIFFERENCE: Phrase = Phrase(
        "{0}: {1} was decided, {2} is found now",
        "{0}: ثبت شده {1}، اکنون {2}",
    );
    pub const RULE_SET: Phrase = Phrase("rule set {0} (sha {1})", "مجموعه قواعد {0} (sha {1})");
    pub const OTHER_RULES: Phrase = Phrase(
        "rules that are not in force (sha {0})",
        "قواعدی که اجرا نمی‌شوند (sha {0})",
    );
    pub const CLUB: Phrase = Phrase("club {0}", "باشگاه {0}");
    pub const MEMBER: Phrase = Phrase("member {0}", "عضو {0}");
    pub const MEMBER_OF_TIER: Phrase = Phrase("member {0} ({1})", "عضو {0} ({1})");
    pub const SHOP: Phrase = Phrase("shop {0} {1}", "پذیرنده {0} {1}");
    pub const WHEN: Phrase = Phrase(
        "{0} {1} {2} {3}, business day {4}",
        "{0} {1} ساعت {2} {3}، روز کاری {4}",
    );
    pub const CARD: Phrase = Phrase("card {0}", "کارت {0}");
    pub const BILL: Phrase = Phrase("bill", "مبلغ خرید");
    pub const CHARGED: Phrase = Phrase(
        "told afterwards: the bank card was charged {0}",
        "اعلام پس از خرید: از کارت بانکی {0} برداشت شد",
    );

    pub const DISCOUNT: Phrase = Phrase("discount", "تخفیف");
    pub const TOLD_DISCOUNT: Phrase = Phrase(
        "given at the shop, and the shop's",
        "در فروشگاه داده شده و به پای پذیرنده است",
    );
    pub const NO_RULES: Phrase = Phrase("no rules", "قاعده‌ای نیست");
    pub const YES: Phrase = Phrase("YES", "آری");
    pub const NO: Phrase = Phrase("no", "نه");
    pub const BEATEN: Phrase = Phrase(
        "applies, but another rule gives more",
        "برقرار است، ولی قاعده‌ای دیگر بیشتر می‌دهد",
    );
    pub const NOTHING: Phrase = Phrase(
        "applies, and comes to nothing",
        "برقرار است، ولی چیزی نمی‌ماند",
    );
    pub const NOBODY: Phrase = Phrase(
        "holds, but no member brought him: nobody earns",
        "برقرار است، ولی معرفی ندارد؛ کسی نمی‌گیرد",
    );
    pub const NOBODY_SERVED: Phrase = Phrase(
        "holds, but no person of the world file served: nobody earns",
        "برقرار است، ولی شخصی از پروندهٔ جهان خدمت نداده؛ کسی نمی‌گیرد",
    );
    pub const NOBODY_ENROLLED: Phrase = Phrase(
        "holds, but nobody is known who enrolled him: nobody earns",
        "برقرار است، ولی دانسته نیست چه کسی او را عضو کرده؛ کسی نمی‌گیرد",
    );
    pub const NOT_REACHED: Phrase = Phrase(
        "not its turn: a rule above it has ended the stage",
        "نوبتش نرسید؛ قاعده‌ای پیش از آن مرحله را بست",
    );
    pub const ALWAYS: Phrase = Phrase("always", "همیشه");
    pub const GIVES: Phrase = Phrase("{0} gives", "قاعده {0} می‌دهد");
    pub const PAYS_SHARE: Phrase = Phrase("{0} pays {1} = {2}", "{0} {1} می‌پردازد = {2}");
    pub const PAYS_REST: Phrase = Phrase("{0} pays the rest = {1}", "{0} بقیه را می‌پردازد = {1}");
    pub const NO_DISCOUNT: Phrase = Phrase("no discount", "بدون تخفیف");
    pub const AFTER_DISCOUNT: Phrase = Phrase("bill after discount", "مبلغ پس از تخفیف");

    pub const SHARE_OF: Phrase = Phrase("{0} of {1}", "{0} از {1}");
    pub const FIXED: Phrase = Phrase("{0}", "{0}");
    pub const TIMES_OF: Phrase = Phrase("{0} times what {1} earns", "{0} برابر کسب {1}");
    pub const PER: Phrase = Phrase(
        "{0} for every {1} rial of {2}",
        "{0} برای هر {1} ریال از {2}",
    );
    pub const BAND: Phrase = Phrase("{0} of {1} (from {2})", "{0} از {1} (از {2} به بالا)");
    pub const TIMES: Phrase = Phrase("x {0} ({1})", "× {0} ({1})");
    pub const AT_MOST: Phrase = Phrase("at most {0}", "حداکثر {0}");
    pub const OF_BASE: Phrase = Phrase("of {0} {1}", "از {0} {1}");
    pub const CAP: Phrase = Phrase(
        "cap per {0} and {1}: {2} of {3} used, {4} left",
        "سقف هر {0} در {1}: {2} از {3} مصرف شده، {4} مانده",
    );
    pub const GIVEN_BACK: Phrase = Phrase(
        "given back into {0}; the bill stays as it is",
        "به {0} برمی‌گردد؛ مبلغ خرید همان می‌ماند",
    );
    pub const IN_STEPS: Phrase = Phrase("in steps of {0}", "در گام‌های {0}");
    pub const AFTER_CAPS: Phrase = Phrase("caps leave {0}", "سقف‌ها {0} باقی می‌گذارند");
    pub const INHERITED: Phrase = Phrase("from {0}", "از {0}");

    pub const REDEEM: Phrase = Phrase("redeem", "خرج از کیف");
    pub const ASKED: Phrase = Phrase("asked {0}", "درخواست {0}");
    pub const ASKED_UNKNOWN: Phrase = Phrase(
        "asked for (how much is not kept of what was refused)",
        "درخواست شد (مبلغ درخواستِ ردشده نگه داشته نمی‌شود)",
    );
    pub const AS_MUCH: Phrase = Phrase("as much as allowed", "هر چه مجاز باشد");
    pub const AUTOMATIC: Phrase =
        Phrase("automatic: as much as allowed", "خودکار: هر چه مجاز باشد");
    pub const TOLD_REDEEM: Phrase = Phrase("was taken: {0}", "خرج شده: {0}");
    pub const ONLY_PURSE: Phrase = Phrase("only from {0}", "تنها از {0}");
    pub const LIMIT: Phrase = Phrase("limit {0} of {1} = {2}", "حد {0} از {1} = {2}");
    pub const DAY_LIMIT: Phrase = Phrase(
        "{0} of {1} a day used before",
        "{0} از {1} روزانه پیش‌تر خرج شده",
    );
    pub const LEAST: Phrase = Phrase("at least {0}", "دست‌کم {0}");
    pub const STEP: Phrase = Phrase("in steps of {0}", "در گام‌های {0}");
    pub const STEP_FITS: Phrase = Phrase("step {0} fits", "گام {0} درست است");
    pub const NOTHING_REDEEMED: Phrase = Phrase("nothing is taken", "چیزی خرج نمی‌شود");
    pub const NOT_ASKED: Phrase = Phrase("not asked for", "درخواست نشده است");
    pub const NO_REDEEM: Phrase = Phrase("this club has none", "این باشگاه ندارد");
    pub const REFUSED: Phrase = Phrase("REFUSED: {0}", "رد شد: {0}");
    pub const BARRED: Phrase = Phrase("why: {0}", "چرا: {0}");
    pub const HELD: Phrase = Phrase("{0} holds {1} {2}", "کیف {0}: {1} {2}");
    pub const HELD_WORTH: Phrase = Phrase(
        "{0} holds {1} {2} = {3} rial",
        "کیف {0}: {1} {2} = {3} ریال",
    );
    pub const OF_HELD: Phrase = Phrase("{0}  {1} of {2}", "{0}  {1} از {2}");
    pub const OWED: Phrase = Phrase(
        "{0}  {1}, which he owes: the purse did not have it",
        "{0}  {1}، که بدهکار شد؛ کیف آن را نداشت",
    );
    pub const VALUE: Phrase = Phrase("{0} {1} = {2} rial", "{0} {1} = {2} ریال");
    pub const ODD: Phrase = Phrase(
        "{0} rial of rounding to the club",
        "{0} ریال خرده برای باشگاه",
    );
    pub const LOT: Phrase = Phrase("lot of {0}, ends {1}: {2}", "بخش {0}، تا {1}: {2}");
    pub const LOT_FOR_EVER: Phrase =
        Phrase("lot of {0}, does not end: {1}", "بخش {0}، بی‌پایان: {1}");
    pub const AT: Phrase = Phrase("{0} at {1}", "{0} در {1}");
    pub const CARD_PAYS: Phrase = Phrase("bank card pays", "کارت بانکی می‌پردازد");

    pub const ACCRUE: Phrase = Phrase("accrue", "کسب");
    pub const EARNED_BY: Phrase = Phrase("of member {0}, who brought him", "عضو {0}، معرف او");
    pub const EARNED_BY_SHOP: Phrase = Phrase("of shop {0}", "پذیرندهٔ {0}");
    pub const EARNED_BY_PERSON: Phrase = Phrase("of {0}", "{0}");
    pub const PAID_BY_SHOP: Phrase = Phrase("the shop pays {0}", "پذیرنده {0} می‌پردازد");
    pub const PAID_BY_CLUB: Phrase = Phrase("paid by the club", "به پای باشگاه");
    pub const PROMISED_BY_SHOP: Phrase = Phrase("the shop's own promise", "تعهد خود پذیرنده");
    pub const USABLE: Phrase = Phrase("can be spent from {0}", "خرج‌شدنی از {0}");
    pub const TO_THE_END_OF: Phrase = Phrase("to the end of {0}", "تا پایان {0}");
    pub const WAITS_FOR: Phrase = Phrase("waits for {0}", "در انتظار {0}");
    pub const REPAID: Phrase = Phrase(
        "{0} of it paid an old debt",
        "{0} از آن بدهی پیشین را پرداخت",
    );
    pub const DEAD: Phrase = Phrase(
        "would end on the day it is earned",
        "همان روز کسب پایان می‌یافت",
    );

    pub const SPLIT: Phrase = Phrase("split", "تسهیم");
    pub const NO_SPLIT: Phrase = Phrase("no split applies", "هیچ تسهیمی برقرار نیست");
    pub const SPLIT_OF: Phrase = Phrase("\"{0}\" of {1} {2}", "«{0}» از {1} {2}");
    pub const OWED_TO_SHOP: Phrase = Phrase("the shop is owed", "طلب پذیرنده");
    pub const BY_DISCOUNT: Phrase = Phrase("club's discount", "تخفیف باشگاه");
    pub const OWN_DISCOUNT: Phrase = Phrase("its part of the discount", "سهم خودش از تخفیف");
    pub const OWN_CREDIT: Phrase = Phrase("its own credit", "اعتبار خودش");
    pub const LESS: Phrase = Phrase("less", "منهای");
    pub const REST: Phrase = Phrase("the rest", "بقیه");
    pub const SET_ASIDE: Phrase = Phrase(
        "set aside for credit it funds",
        "کنار گذاشته برای اعتباری که می‌پردازد",
    );
    pub const CUT: Phrase = Phrase("{0} was cut to {1}", "{0} به {1} کاسته شد");
    pub const LEFT_OUT: Phrase = Phrase(
        "{0}: nobody on file, or too small: joins the rest",
        "{0}: کسی ثبت نشده یا ناچیز است؛ به بقیه می‌پیوندد",
    );
    pub const SHOP_GETS: Phrase = Phrase("the shop gets", "به پذیرنده می‌رسد");

    pub const NOT_OURS: Phrase = Phrase(
        "holds, but the shop is another club's and does not pay for it",
        "برقرار است، ولی پذیرنده از باشگاه دیگری است و هزینه‌ی آن را نمی‌دهد",
    );
    pub const CLEARING: Phrase = Phrase("clearing", "پایاپای");
    pub const GUEST: Phrase = Phrase(
        "member {0} of {1} in a shop of {2}",
        "عضو {0} از باشگاه {1} نزد پذیرنده‌ای از باشگاه {2}",
    );
    pub const GUEST_EARNS: Phrase = Phrase("{0} earned in {1}", "{0} در {1} به‌دست آمد");
    pub const GIVER_EARNS: Phrase = Phrase(
        "{0} of member {1}, who gave the card away",
        "{0} عضو {1}، دهندهٔ کارت",
    );
    pub const RATE_SINCE: Phrase = Phrase(
        "{0}  {1}: {2} {3} = {4} rial since {5}",
        "{0}  {1}: {2} {3} = {4} ریال از {5}",
    );
    pub const NOVATED: Phrase = Phrase(
        "{0} owes {1}, and {1} owes {2}",
        "{0} به {1} بدهکار است و {1} به {2}",
    );
    pub const HOUSE_FEE: Phrase = Phrase("fee {0}, paid by: {1}", "کارمزد {0}، به پای: {1}");
    pub const POSITION: Phrase = Phrase(
        "{0} owes {1} of at most {2} after it",
        "بدهی {0} پس از آن {1} از حداکثر {2}",
    );

    pub const OF_CARD: Phrase = Phrase("card", "کارت");
    pub const POCKETS: Phrase = Phrase("pockets", "جیب‌ها");
    pub const HOLDER: Phrase = Phrase("of {0}, holder {1}", "{0}، دارنده {1}");
    pub const NEW_HOLDER: Phrase = Phrase("of {0}", "{0}");
    pub const POCKET: Phrase = Phrase("{0}  holds {1}", "{0}  موجودی {1}");
    pub const SHUT_PIN: Phrase = Phrase(
        "needs a verified PIN, and none can be verified",
        "رمز وارسی‌شده می‌خواهد و رمزی وارسی نمی‌شود",
    );
    pub const SHUT_SHOP: Phrase =
        Phrase("does not pay in this shop", "در این پذیرنده پرداخت نمی‌کند");
    pub const SHUT_HOUR: Phrase = Phrase("does not pay at {0}", "در ساعت {0} پرداخت نمی‌کند");
    pub const SHUT_PRODUCT: Phrase = Phrase("does not pay for {0}", "برای {0} پرداخت نمی‌کند");
    pub const SHUT_NO_LINES: Phrase = Phrase(
        "pays for some products alone, and nobody says what is bought",
        "تنها برای برخی کالاها پرداخت می‌کند و گفته نشده چه خریده می‌شود",
    );
    pub const SHUT_TIMES: Phrase = Phrase(
        "has paid {0} times today, and may no more",
        "امروز {0} بار پرداخته است و بیش از آن نمی‌تواند",
    );
    pub const SHUT_DAY: Phrase = Phrase(
        "has paid the most of a day, {0}",
        "سقف یک روز، {0}، را پرداخته است",
    );
    pub const SHUT_EMPTY: Phrase = Phrase("there is nothing in it", "چیزی در آن نیست");
    pub const SHUT_TOO_LITTLE: Phrase = Phrase(
        "could pay {0}, and one pocket has to pay all",
        "{0} می‌تواند بپردازد و یک جیب باید همه را بپردازد",
    );
    pub const UNPAID: Phrase = Phrase(
        "{0} is left, and no bank pays it: nothing is bought",
        "{0} می‌ماند و بانکی آن را نمی‌پردازد: خریدی نیست",
    );

    pub const FEE: Phrase = Phrase("fee", "کارمزد");
    pub const FEE_IS: Phrase = Phrase("{0} of {1} = {2}", "{0} از {1} = {2}");
    pub const FEE_MIN: Phrase = Phrase("at least {0}", "دست‌کم {0}");
    pub const FEE_BY: Phrase = Phrase("paid by the {0}", "به پای {0}");
    pub const NO_FEE: Phrase = Phrase("none", "ندارد");

    pub const MONEY: Phrase = Phrase("money", "پول");
    pub const MONEY_IN: Phrase = Phrase("in", "ورودی");
    pub const MONEY_OUT: Phrase = Phrase("out", "خروجی");
    pub const CHECK: Phrase = Phrase(
        "check: bill {0} = discount {1} + purses {2} + bank card {3}",
        "بررسی: مبلغ {0} = تخفیف {1} + کیف‌ها {2} + کارت {3}",
    );
    pub const IN_IS_OUT: Phrase = Phrase("money in {0} = money out {1}", "ورودی {0} = خروجی {1}");
    pub const IN_IS_NOT_OUT: Phrase = Phrase(
        "MONEY IN {0} IS NOT MONEY OUT {1}",
        "ورودی {0} با خروجی {1} برابر نیست",
    );

    pub const ANSWER: Phrase = Phrase("answer", "پاسخ");
    pub const CODES: Phrase = Phrase("{0}: DE39 {1}, DE4 {2}", "{0}: DE39 {1}، DE4 {2}");
    pub const PRINTS: Phrase = Phrase("prints: {0}", "چاپ: {0}");
    pub const BALANCES: Phrase = Phrase("can be spent now: {0}", "اکنون خرج‌شدنی: {0}");
    pub const EXCEPTION: Phrase = Phrase("to be looked at: {0}", "نیازمند بررسی: {0}");
    pub const TOOK: Phrase = Phrase(
        "took {0} ms; {1} rules looked at, {2} gave; {3}",
        "{0} هزارم ثانیه؛ {1} قاعده بررسی شد، {2} داد؛ {3}",
    );
    pub const NOTHING_POSTED: Phrase = Phrase("nothing was posted", "چیزی ثبت نشد");
    pub const FROM_THE_JOURNAL: Phrase = Phrase("from the journal", "از روزنامه");

    pub const FROM_AMOUNT: Phrase = Phrase("at least {0}", "دست‌کم {0}");
    pub const TO_AMOUNT: Phrase = Phrase("at most {0}", "حداکثر {0}");
    pub const FROM_TO: Phrase = Phrase("{0} to {1}", "{0} تا {1}");
    pub const HOURS: Phrase = Phrase("{0}-{1}", "{0} تا {1}");
    pub const TODAY: Phrase = Phrase("today", "امروز");
    pub const DAYS_AGO: Phrase = Phrase("{0} days ago", "{0} روز پیش");
    pub const OLDER_THAN: Phrase = Phrase("more than {0} days ago", "بیش از {0} روز پیش");
    pub const WITHIN: Phrase = Phrase("within {0} days", "در {0} روز گذشته");
    pub const NUMBER: Phrase = Phrase("this is number {0}", "این خرید شماره‌ی {0} است");
    pub const EVERY: Phrase = Phrase("every {0}th", "هر {0} خرید یک بار");
    pub const NUMBER_FROM: Phrase = Phrase("from number {0} on", "از خرید شماره‌ی {0}");
    pub const NUMBER_TO: Phrase = Phrase("up to number {0}", "تا خرید شماره‌ی {0}");
    pub const IN: Phrase = Phrase("in {0}", "در {0}");
    pub const CROSSES: Phrase = Phrase("crosses {0}", "گذر از {0}");
    pub const AT_SHOP: Phrase = Phrase("at this shop", "در همین پذیرنده");
    pub const AND_NOW: Phrase = Phrase("{0} + {1} now = {2}", "{0} و {1} اکنون = {2}");
    pub const HIS_FIRST: Phrase = Phrase("his first purchase", "نخستین خرید او");
    pub const NOT_HIS_FIRST: Phrase = Phrase("not his first purchase", "نه نخستین خرید او");
    pub const BY_MEMBER: Phrase = Phrase("brought by member {0}", "معرف: عضو {0}");
    pub const AT_GROUP: Phrase = Phrase("in group {0}", "در گروه {0}");
    pub const BY_CONDITION: Phrase = Phrase("by \"{0}\"", "از شرط «{0}»");
    pub const OR: Phrase = Phrase(" or ", " یا ");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_into_their_places_in_both_languages() {
        let parts = ["5%", "100"];
        assert_eq!(SHARE_OF.say(Language::English, &parts), "5% of 100");
        assert_eq!(SHARE_OF.say(Language::Persian, &parts), "5% از 100");
        assert_eq!(span("90 days", Language::Persian), "۹۰ روز");
        assert_eq!(span("jalali-month", Language::English), "month");
    }

    #[test]
    fn every_word_is_there_once_in_each_language() {
        for table in [&CONDITIONS[..], &NAMES[..]] {
            for (at, (name, english, persian)) in table.iter().enumerate() {
                assert!(english.is_ascii() && !persian.is_ascii(), "{name}");
                let again = table[at + 1..].iter().any(|row| row.0 == *name);
                assert!(!again, "{name} twice");
            }
        }
    }
}
