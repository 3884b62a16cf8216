//! Every key of the rule language: what it takes, whether it must stand there, what it is for in English and Persian.
//!
//! The reader refuses by this table; `rules schema` and `rules reference` are made from it. A row is one or two lines:
//! name, form, English, Persian. `must` has to stand there, `may` can be left out, of the `one`s of a table exactly one
//! stands there, of the `some`s at least one, `with` stands always and only beside another key, `beside` only beside it. What the language has and this version does not obey is in the last list.

use crate::source::shape::{beside, may, must, one, some, with};
use crate::source::{Form, Key, Shape};

use crate::source::Form::{
    Acceptor, Alias, Bin, Boolean, Code, Day, Either, Entries, Format, Hours, Iban, Integer, Line, List, ListFile, ListOrNone, Mcc, Name, OneOf,
    Percent, Points, PositiveRials, Ref, Rials, Span, Table, TimeOfDay, TimeZone, Times, Title, Weekday,
};

/// The folders of a rule set, and what a file in each holds.
pub const FILES: [(&str, &Shape); 4] = [("world", &WORLD), ("clubs", &CLUB_FILE), ("cards", &CARD_FILE), ("clearing", &CLEARING_FILE)];

/// Every table of the language, each once, in the order in which the files lead to them.
pub fn shapes() -> Vec<&'static Shape> {
    fn visit(shape: &'static Shape, found: &mut Vec<&'static Shape>) {
        if !found.iter().any(|known| std::ptr::eq(*known, shape)) {
            found.push(shape);
            shape.keys.iter().for_each(|key| within(&key.form, found));
        }
    }
    fn within(form: &'static Form, found: &mut Vec<&'static Shape>) {
        match form {
            Table(shape) | Entries(_, shape) => visit(shape, found),
            List(form) | ListOrNone(form) => within(form, found),
            Either(forms) => forms.iter().for_each(|form| within(form, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    FILES.iter().for_each(|(_, shape)| visit(shape, &mut found));
    found
}

const fn shape(what: &'static str, fa: &'static str, keys: &'static [Key], later: &'static [&'static str]) -> Shape {
    Shape { what, fa, keys, later }
}

/// How long a window may be, in words.
const WINDOW: Form = Either(&[OneOf(&["day", "week", "jalali-month", "jalali-year"], &[]), Span(&["day"])]);
/// Where the past is looked at.
const WHERE: Form = Either(&[OneOf(&["club", "merchant"], &[]), Ref("merchant group")]);
/// What percents are taken of.
const BASE: Form = OneOf(&["gross", "net", "paid"], &[]);
const GROUPS: Form = List(&Ref("merchant group"));
const MCCS: Form = List(&Mcc);
/// How near a day that comes every year is.
const FEAST: Form = OneOf(&["day", "week", "month"], &[]);
const DAYS: Form = Span(&["day"]);
const BANDS: Form = List(&Table(&BAND));
const BANDS_APPLY: Form = OneOf(&["to-each-part", "to-whole-amount"], &[]);
const CAPS: Form = List(&Table(&CAP));
const ON_CAP: Form = OneOf(&["trim", "skip"], &[]);
const SHARE: Form = Either(&[Percent, OneOf(&["rest"], &[])]);

/// A file in `world/`.
pub static WORLD: Shape = shape("a world file", "پروندهٔ جهان", &[
    must("format", Format, "the version of the language, 1", "نسخهٔ زبان قاعده، ۱"),
    may("operator", Table(&OPERATOR), "who runs the switch", "گردانندهٔ سوییچ"),
    may("calendar", Table(&CALENDAR), "time zone, cut-over, weekend, holidays; stands in one world file", "منطقهٔ زمانی، ساعت تغییر روز کاری، آخر هفته و تعطیلات؛ فقط در یک پروندهٔ جهان می‌آید"),
    may("season", Entries(&Name, &SPAN), "named spans of days", "بازه‌های نام‌دار از روزها (فصل‌ها)"),
    may("merchant", Entries(&Acceptor, &MERCHANT), "the shops, by acceptor number", "پذیرنده‌ها، با شمارهٔ پذیرنده"),
    may("merchant_group", Entries(&Name, &MERCHANT_GROUP), "groups of shops, by list or by category code", "گروه‌های پذیرنده، با فهرست یا با کد صنف"),
    may("person", Entries(&Name, &PERSON), "marketers who get a share of money, and staff who earn", "بازاریابانی که سهمی از پول می‌گیرند، و کارکنانی که کسب می‌کنند"),
    may("organisation", Entries(&Name, &PERSON), "sponsors and card issuers", "پشتیبانان و صادرکنندگان کارت"),
    may("member_group", Entries(&Name, &MEMBER_GROUP), "groups of members, by list", "گروه‌های عضو، با فهرست"),
    may("terminal_group", Entries(&Name, &TERMINAL_GROUP), "groups of terminals", "گروه‌های پایانه"),
], &[]);

/// `[member_group.NAME]`.
pub static MEMBER_GROUP: Shape = shape("a member group", "گروه عضو", &[
    may("title", Title, "for people", "نام برای نمایش"),
    may("members", List(&Integer(1, 4_294_967_295)), "members' numbers", "شماره‌های عضو"),
    may("cards_from", ListFile, "a file of lists/ with one member number or card token a line", "پرونده‌ای در lists/ که در هر خط یک شمارهٔ عضو یا نشانهٔ کارت دارد"),
], &[]);

/// `[terminal_group.NAME]`.
pub static TERMINAL_GROUP: Shape = shape("a terminal group", "گروه پایانه", &[
    may("title", Title, "for people", "نام برای نمایش"),
    must("terminals", List(&Code), "terminal numbers", "شماره‌های پایانه"),
], &[]);

/// `[operator]`.
pub static OPERATOR: Shape = shape("the operator", "گرداننده", &[
    must("title", Title, "the name for people", "نام برای نمایش"),
    must("alias", Alias, "3 to 5 capital letters for file names", "۳ تا ۵ حرف بزرگ لاتین برای نام پرونده‌ها"),
    must("iban", Iban, "where fees go", "شبایی که کارمزد به آن می‌رود"),
], &[]);

/// `[calendar]`.
pub static CALENDAR: Shape = shape("the calendar", "تقویم", &[
    must("time_zone", TimeZone, "a name of the tz database, such as \"Asia/Tehran\"", "نامی از پایگاه tz، مانند \"Asia/Tehran\""),
    must("cut_over", TimeOfDay, "the time of day at which the business date turns", "ساعتی که تاریخ کاری عوض می‌شود"),
    must("weekend", List(&Weekday), "the banks' days off, such as [\"thu\", \"fri\"]", "روزهای تعطیل هفتگی بانک‌ها، مانند [\"thu\", \"fri\"]"),
    may("holidays", ListOrNone(&Table(&HOLIDAY)), "days that are no business days: { date, name }", "روزهای تعطیل رسمی: { date, name }"),
    may("week_start", OneOf(&["sat"], &[]), "sat: weeks begin on Saturday", "sat: هفته از شنبه آغاز می‌شود"),
], &[]);

/// A member of `holidays`.
pub static HOLIDAY: Shape = shape("a holiday", "روز تعطیل", &[
    must("date", Day, "the day", "روز"),
    must("name", Title, "for people", "نام برای نمایش"),
], &[]);

/// `[season.NAME]`, and `dates` of a condition.
pub static SPAN: Shape = shape("a span of days", "بازهٔ روزها", &[
    must("from", Day, "the first day", "نخستین روز"),
    must("to", Day, "the last day, included", "آخرین روز؛ خودش هم حساب است"),
], &[]);

/// `[merchant.NUMBER]`.
pub static MERCHANT: Shape = shape("a merchant", "پذیرنده", &[
    must("title", Title, "the name for people", "نام برای نمایش"),
    must("iban", Iban, "where its money goes", "شبایی که پول پذیرنده به آن می‌رود"),
    may("mcc", Mcc, "its category code, four digits in quotes", "کد صنف، چهار رقم درون گیومه"),
    may("marketer", Ref("person"), "the person who brought this shop in", "بازاریابی که این پذیرنده را آورده است"),
    may("province", Name, "the province it is in", "استانی که در آن است"),
    may("joined", Day, "the day it was brought in", "روزی که آورده شده است"),
], &[]);

/// `[merchant_group.NAME]`.
pub static MERCHANT_GROUP: Shape = shape("a merchant group", "گروه پذیرنده", &[
    some("merchants", List(&Ref("merchant")), "acceptor numbers", "شماره‌های پذیرنده"),
    some("mcc", MCCS, "category codes; shops of the list and of the codes both belong to it", "کدهای صنف؛ هم پذیرنده‌های فهرست و هم پذیرنده‌های این کدها در گروه‌اند"),
], &["merchants_from"]);

/// `[person.NAME]`, and `owner` of a club.
pub static PERSON: Shape = shape("a person", "شخص", &[
    must("title", Title, "the name for people", "نام برای نمایش"),
    must("iban", Iban, "where the money goes", "شبایی که پول به آن می‌رود"),
], &[]);

/// A file in `clubs/`.
pub static CLUB_FILE: Shape = shape("a club file", "پروندهٔ باشگاه", &[
    must("format", Format, "the version of the language, 1", "نسخهٔ زبان قاعده، ۱"),
    must("club", Table(&CLUB), "who the club is", "مشخصات باشگاه"),
    may("purse", Entries(&Name, &PURSE), "what members collect", "کیف‌ها: آنچه عضو جمع می‌کند"),
    may("tiers", Table(&TIERS), "the steps of membership", "سطح‌های عضویت"),
    may("condition", Entries(&Name, &WHEN), "named conditions for `use`", "شرط‌های نام‌دار برای `use`"),
    may("stack", Table(&STACK), "how the rules of a stage stand together", "قاعده‌های یک مرحله چگونه با هم جمع می‌شوند"),
    may("discount", ListOrNone(&Table(&DISCOUNT)), "money off the bill", "تخفیف: کم‌شدن از مبلغ خرید"),
    may("redeem", Table(&REDEEM), "how purses pay", "خرج‌کردن از کیف‌ها"),
    may("accrue", ListOrNone(&Table(&ACCRUE)), "what a purchase earns", "آنچه خرید به دست می‌دهد"),
    may("split", ListOrNone(&Table(&SPLIT)), "who gets which part of the money", "تسهیم: هر کس چه سهمی از پول می‌گیرد"),
    may("fee", Table(&FEE), "what the operator takes", "کارمزد گرداننده"),
], &["convert", "grant", "load", "voucher", "guest", "receipt"]);

/// `[club]`.
pub static CLUB: Shape = shape("a club", "باشگاه", &[
    must("id", Name, "its name in files and messages", "نام باشگاه در پرونده‌ها و پیام‌ها"),
    must("alias", Alias, "3 to 5 capital letters for file names", "۳ تا ۵ حرف بزرگ لاتین برای نام پرونده‌ها"),
    must("title", Title, "the name for people", "نام برای نمایش"),
    must("owner", Table(&PERSON), "{ title, iban } of who owns it", "{ title, iban } صاحب باشگاه (باشگاه‌دار)"),
    must("merchants", GROUPS, "the merchant groups where it works", "گروه‌های پذیرنده‌ای که باشگاه در آنها کار می‌کند"),
    may("identify_by", List(&OneOf(&["card", "mobile", "national-id", "club-number"], &["token"])), "by what a member may be named: card, mobile, national-id, club-number", "عضو با چه شناخته می‌شود: کارت، موبایل، کد ملی، شمارهٔ باشگاه"),
    may("enrol", Table(&ENROL), "how somebody becomes a member", "عضو شدن چگونه است"),
    may("approve", OneOf(&["one-person", "two-persons"], &[]), "who puts changed rules in force: whoever loads them, or one loads and another approves", "چه کسی قانون‌های تازه را به کار می‌اندازد: همان که بارگذاری می‌کند، یا یکی بارگذاری و دیگری تأیید می‌کند"),
    may("on_engine_failure", OneOf(&["pay-without-club"], &[]), "pay-without-club: a purchase never fails because of the club", "pay-without-club: خرید هیچ‌گاه به سبب باشگاه رد نمی‌شود"),
    may("cards_per_member", Integer(1, 100), "how many cards a member may be known by, who share what he has; left out, 1", "عضو با چند کارت می‌تواند شناخته شود که همه در دارایی او شریک‌اند؛ اگر نیاید ۱"),
    may("sub_of", Ref("club"), "the club it is a part of: what this file lacks it takes from that club's, rules and purses by name; members and balances are its own", "باشگاهی که زیرمجموعهٔ آن است: آنچه این پرونده ندارد از پروندهٔ آن باشگاه گرفته می‌شود، قاعده‌ها و کیف‌ها به نام؛ عضوها و مانده‌ها از آنِ خودش است"),
    may("parent", Name, "the federation it belongs to", "فراباشگاهی که به آن تعلق دارد"),
], &[]);

/// `enrol` of a club.
pub static ENROL: Shape = shape("the way to enrol", "شیوهٔ عضوگیری", &[
    may("at_pos", Boolean, "whether a terminal may enrol a member", "آیا پایانه می‌تواند عضو بگیرد"),
    may("on_first_purchase", Boolean, "whether a purchase with an unknown card enrols its holder", "آیا خرید با کارت ناشناس دارندهٔ آن را عضو می‌کند"),
    may("at_panel", Boolean, "whether the panel may enrol a member", "آیا پنل می‌تواند عضو بگیرد"),
], &[]);

/// `[purse.NAME]`.
pub static PURSE: Shape = shape("a purse", "کیف", &[
    must("kind", OneOf(&["points", "club-credit", "merchant-credit", "special", "virtual"], &["bon", "gift", "prepaid", "credit-line"]), "points, club-credit, merchant-credit, special (chances) or virtual (for counting only)", "points (امتیاز)، club-credit (اعتبار باشگاه)، merchant-credit (اعتبار پذیرنده)، special (اعتبار ویژه، مانند شانس قرعه) یا virtual (اعتبار مجازی، فقط برای شمارش)"),
    may("unit", Name, "what one of it is called; rial for money", "نام یکای آن؛ برای پول rial"),
    may("decimals", Integer(0, 4), "decimals kept of one point, 0 to 4", "شمار رقم‌های اعشار امتیاز، ۰ تا ۴"),
    may("value", Table(&VALUE), "{ rial, per_points }: what points are worth", "{ rial, per_points }: ارزش امتیاز به ریال"),
    may("available", Either(&[OneOf(&["now", "next-day"], &[]), Span(&["hour", "day"])]), "when what was earned can be spent: now, next-day, \"24 hours\", \"3 days\"", "آنچه به دست آمده از کی خرج‌شدنی است: now، next-day، \"24 hours\"، \"3 days\""),
    may("expiry", Table(&EXPIRY), "how long it lives; left out, for ever", "تا کی اعتبار دارد؛ اگر نیاید، همیشه"),
    may("spend_at", Either(&[OneOf(&["same-merchant"], &[]), GROUPS]), "the merchant groups where it can be spent, or same-merchant", "گروه‌های پذیرنده‌ای که در آنها خرج می‌شود، یا same-merchant (همان پذیرنده)"),
    may("consume", OneOf(&["soonest-expiry"], &["oldest", "newest"]), "which lot goes first: soonest-expiry", "کدام بخش زودتر خرج می‌شود: soonest-expiry (زودترین انقضا)"),
    may("negative", OneOf(&["forbid", "recover", "allow"], &[]), "what happens when spent points are taken back: forbid, recover or allow", "اگر امتیاز خرج‌شده پس گرفته شود: forbid (نمی‌شود)، recover (از کسب بعدی کم شود) یا allow (منفی بماند)"),
    may("owed_by", OneOf(&["club", "merchant"], &["operator", "issuer"]), "whose debt the balance is: club or merchant", "مانده بدهی کیست: club (باشگاه) یا merchant (پذیرنده)"),
    may("redeemable", Boolean, "false: nothing is paid with it", "false: با آن چیزی پرداخت نمی‌شود"),
    may("warn_before_expiry", DAYS, "how long before its end the member is told", "چند روز پیش از پایان به عضو خبر داده شود"),
    may("restore_grace", DAYS, "how long what had died meanwhile lives again, when the purchase that spent it is undone; left out, 7 days", "اگر خریدی که آن را خرج کرده برگردد و در این میان مرده باشد، چند روز دیگر زنده است؛ اگر نیاید ۷ روز"),
    may("round_rial", PositiveRials, "what is earned is rounded down to a multiple of this; for purses kept in rials", "آنچه کسب می‌شود رو به پایین به مضرب این مبلغ گرد می‌شود؛ برای کیف‌های ریالی"),
], &[]);

/// `value` of a purse.
pub static VALUE: Shape = shape("the value of points", "ارزش امتیاز", &[
    must("rial", PositiveRials, "so many rials", "این‌قدر ریال"),
    must("per_points", Points, "for so many points", "برای این‌قدر امتیاز"),
], &[]);

/// `expiry` of a purse.
pub static EXPIRY: Shape = shape("an expiry", "انقضا", &[
    one("after", Span(&["day", "jalali-month", "jalali-year"]), "\"180 days\" or \"12 jalali-months\" from the day of earning", "\"180 days\" یا \"12 jalali-months\" پس از روز کسب"),
    one("on", Day, "one day for everything earned", "یک روز برای همهٔ آنچه به دست آمده"),
    beside("round_up_to", &["after"], OneOf(&["end-of-jalali-month", "end-of-jalali-year"], &[]), "end-of-jalali-month or end-of-jalali-year", "تا پایان ماه یا سال جلالی گرد شود"),
], &[]);

/// `[tiers]`.
pub static TIERS: Shape = shape("the tiers", "سطح‌ها", &[
    must("level", List(&Table(&LEVEL)), "the steps, lowest first", "سطح‌ها، از پایین‌ترین"),
    may("measure", Table(&MEASURE), "{ spent = \"365 days\" }, { visits = \"90 days\" } or { earned = \"points\", in = \"365 days\" }: what lifts a member; left out: tiers are given by hand", "{ spent = \"365 days\" }، { visits = \"90 days\" } یا { earned = \"points\", in = \"365 days\" }: چه چیزی عضو را بالا می‌برد؛ اگر نیاید سطح‌ها دستی‌اند"),
    beside("review", &["measure"], OneOf(&["monthly", "yearly"], &[]), "when a tier can fall: at the start of a Jalali month or year", "سطح کی می‌تواند پایین بیاید: آغاز ماه یا سال جلالی"),
    beside("downgrade", &["measure"], OneOf(&["one-step", "by-balance"], &[]), "how far it falls: one step, or to where the measure is", "چه‌قدر پایین می‌آید: یک پله، یا تا جایی که اندازه می‌گوید"),
], &[]);

/// `measure` of the tiers.
pub static MEASURE: Shape = shape("what tiers measure", "سنجهٔ سطح‌ها", &[
    one("spent", WINDOW, "what he spent in this window", "مبلغ خریدها در این بازه"),
    one("visits", WINDOW, "how often he bought in this window", "شمار خریدها در این بازه"),
    one("earned", Ref("purse"), "what he earned into this purse", "آنچه در این کیف کسب کرده"),
    with("in", &["earned"], WINDOW, "in this window, and from the rule set that first asks", "در این بازه؛ و از نخستین مجموعهٔ قاعده‌ای که می‌پرسد"),
], &[]);

/// A member of `level`.
pub static LEVEL: Shape = shape("a tier", "سطح", &[
    must("name", Name, "its name", "نام سطح"),
    may("by_hand", Boolean, "true: given by hand", "true: دستی داده می‌شود"),
    may("earn_times", Times, "multiplies what `tiered` rules earn, such as \"1.2\"", "ضریب آنچه قاعده‌های `tiered` می‌دهند، مانند \"1.2\""),
    may("from_rial", Rials, "reached with so much spent", "با این مبلغ خرید به دست می‌آید"),
    may("from_visits", Integer(0, 1_000_000), "reached with so many purchases", "با این شمار خرید به دست می‌آید"),
    may("from_points", Points, "reached with so much earned", "با این اندازه کسب به دست می‌آید"),
], &[]);

/// `[stack]`.
pub static STACK: Shape = shape("the stacking", "ترکیب قاعده‌ها", &[
    may("discount", Table(&STACK_MODE), "{ mode } of the discounts", "{ mode } تخفیف‌ها"),
    may("accrue", Table(&STACK_MODE), "{ mode } of the accruals", "{ mode } کسب‌ها"),
], &[]);

/// `[stack.discount]`.
pub static STACK_MODE: Shape = shape("a stacking", "شیوهٔ ترکیب", &[
    must("mode", OneOf(&["all", "first", "best-for-member"], &[]), "all, first or best-for-member", "all (همه)، first (نخستین) یا best-for-member (بهترین برای عضو)"),
], &["exclusive", "at_most"]);

/// `when` of a rule, and `[condition.NAME]`.
pub static WHEN: Shape = shape("a condition", "شرط", &[
    may("use", Ref("condition"), "the name of a condition that must hold too", "نام شرطی که آن هم باید برقرار باشد"),
    may("amount_rial", Table(&AMOUNT), "{ min, max } of the purchase", "{ min, max } مبلغ خرید"),
    may("tx_types", List(&OneOf(&["purchase"], &["bill", "top-up", "cash", "load", "refund", "transfer"])), "kinds of transaction, such as purchase", "نوع تراکنش، مانند purchase (خرید)"),
    may("merchants", List(&Ref("merchant")), "acceptor numbers", "شماره‌های پذیرنده"),
    may("merchant_groups", GROUPS, "groups of the world file", "گروه‌های پذیرنده از پروندهٔ جهان"),
    may("mcc", MCCS, "category codes", "کدهای صنف"),
    may("dates", Table(&SPAN), "{ from, to }, both included", "{ from, to }؛ هر دو روز هم حساب‌اند"),
    may("season", Ref("season"), "a season of the world file", "فصلی از پروندهٔ جهان"),
    may("hours", List(&Hours), "spans of the day, such as [\"08:00-12:00\"]", "ساعت‌های روز، مانند [\"08:00-12:00\"]"),
    may("weekdays", List(&Weekday), "days of the week", "روزهای هفته"),
    may("business_days", Boolean, "true: neither weekend nor holiday; false: one of them", "true: نه آخر هفته و نه تعطیل؛ false: یکی از این دو"),
    may("tiers", List(&Ref("tier")), "tiers of this club", "سطح‌های همین باشگاه"),
    may("first_purchase", Boolean, "true: he has bought nothing in this club before; false: something", "true: پیش از این در این باشگاه خرید نکرده؛ false: کرده است"),
    may("last_purchase", Table(&LAST_PURCHASE), "{ older_than or within, where }: how long ago he bought last", "{ older_than یا within، where }: از آخرین خرید او چه‌قدر گذشته"),
    may("joined", Table(&JOINED), "{ older_than or within }: how long ago he became a member", "{ older_than یا within }: چند وقت است که عضو شده"),
    may("visits", Table(&VISITS), "{ in, min, max, every, where }: which of his purchases this one is", "{ in، min، max، every، where }: این خرید چندمین خرید اوست"),
    may("channels", List(&OneOf(&["pos", "pos-cash", "app", "web", "ussd", "import"], &[])), "the way it came: pos, pos-cash, app, web, ussd, import", "از کدام راه آمده: pos (پایانه)، pos-cash (نقدی)، app، web، ussd، import"),
    may("entry", List(&OneOf(&["stripe", "chip", "contactless", "manual"], &[])), "how the card was read: stripe, chip, contactless, manual", "کارت چگونه خوانده شده: stripe (نوار)، chip (تراشه)، contactless (بی‌تماس)، manual (دستی)"),
    may("terminal_groups", List(&Ref("terminal group")), "groups of terminals of the world file", "گروه‌های پایانه از پروندهٔ جهان"),
    may("products", List(&Code), "codes of products, one of which was bought", "کد کالاهایی که یکی از آنها خریده شده باشد"),
    may("not_products", List(&Code), "codes of products, none of which was bought", "کد کالاهایی که هیچ‌کدام خریده نشده باشد"),
    may("services", List(&Code), "codes of services, one of which was rendered", "کد خدمت‌هایی که یکی از آنها انجام شده باشد"),
    may("bins", List(&Bin), "ranges of cards, six to eight digits", "پیش‌شمارهٔ کارت، شش تا هشت رقم"),
    may("card_products", List(&Ref("card product")), "card products of cards/, one of which his card is of", "محصول‌های کارت از cards/ که کارت او از یکی از آنهاست"),
    may("provinces", List(&Ref("province")), "provinces of merchants of the world file", "استان پذیرنده، چنان‌که در پروندهٔ جهان آمده"),
    may("member_groups", List(&Ref("member group")), "groups of members of the world file", "گروه‌های عضو از پروندهٔ جهان"),
    may("birthday", FEAST, "day, week or month of his birthday", "روز، هفته یا ماه زادروز عضو"),
    may("anniversary", FEAST, "day, week or month in which he became a member, some years ago", "روز، هفته یا ماه سالگرد عضویت"),
    may("introduced", Table(&INTRODUCED), "{ first_purchase }: another member brought him", "{ first_purchase }: عضو دیگری او را معرفی کرده"),
    may("spent", Table(&SPENT), "{ in, min_rial, max_rial, crosses_rial, where }: what he spent before", "{ in، min_rial، max_rial، crosses_rial، where }: پیش از این چه‌قدر خرید کرده"),
    may("earned", Table(&EARNED), "{ purse, in, min }: what he earned before", "{ purse، in، min }: پیش از این چه‌قدر کسب کرده"),
    may("balance", Table(&BALANCE), "{ purse, min }: what he could spend before", "{ purse، min }: پیش از این خرید چه‌قدر موجودی داشته"),
    may("event", Name, "earns when this happens to him, and not at a purchase; enrolled happens by itself, when a terminal enrols him", "هنگام رخدادن این رویداد می‌دهد، نه هنگام خرید؛ enrolled خودبه‌خود، هنگام عضوگیری پایانه، رخ می‌دهد"),
    may("any", List(&Table(&WHEN)), "a list of conditions, one of which must hold", "فهرستی از شرط‌ها که یکی از آنها باید برقرار باشد"),
    may("not", Table(&WHEN), "a condition that must not hold", "شرطی که نباید برقرار باشد"),
], &[]);

/// `introduced` of a condition.
pub static INTRODUCED: Shape = shape("being introduced", "معرفی‌شدن", &[
    may("first_purchase", Boolean, "true: with his first purchase; false: with a later one; left out: with any", "true: با نخستین خرید؛ false: با خریدهای بعدی؛ اگر نیاید: با هر خرید"),
], &[]);

/// `spent` of a condition.
pub static SPENT: Shape = shape("what he spent", "آنچه خرید کرده", &[
    must("in", WINDOW, "counted from when: day, week, jalali-month, jalali-year or \"90 days\"", "از کی شمرده شود: day، week، jalali-month، jalali-year یا \"90 days\""),
    some("min_rial", Rials, "before this purchase, at least this", "پیش از این خرید، دست‌کم این مبلغ"),
    some("max_rial", Rials, "before this purchase, at most this", "پیش از این خرید، دست‌بالا این مبلغ"),
    some("crosses_rial", PositiveRials, "below this before, this or more with it", "پیش از این خرید کمتر از این و با آن دست‌کم این مبلغ"),
    may("where", WHERE, "club (all purchases in it), merchant (those at this shop) or a merchant group", "club (همهٔ خریدها در باشگاه)، merchant (نزد همین پذیرنده) یا نام یک گروه پذیرنده"),
], &[]);

/// `earned` of a condition.
pub static EARNED: Shape = shape("what he earned", "آنچه کسب کرده", &[
    must("purse", Ref("purse"), "into which purse", "در کدام کیف"),
    must("in", WINDOW, "counted from when, and from the rule set that first asks", "از کی شمرده شود؛ و از نخستین مجموعهٔ قاعده‌ای که می‌پرسد"),
    must("min", Points, "at least so much", "دست‌کم این‌قدر"),
], &[]);

/// `balance` of a condition.
pub static BALANCE: Shape = shape("what he has", "موجودی او", &[
    must("purse", Ref("purse"), "in which purse", "در کدام کیف"),
    must("min", Points, "at least so much", "دست‌کم این‌قدر"),
], &[]);

/// `amount_rial` of a condition.
pub static AMOUNT: Shape = shape("a span of amounts", "بازهٔ مبلغ", &[
    some("min", Rials, "the least, included", "کمترین مبلغ؛ خودش هم حساب است"),
    some("max", Rials, "the most, included", "بیشترین مبلغ؛ خودش هم حساب است"),
], &[]);

/// `last_purchase` of a condition.
pub static LAST_PURCHASE: Shape = shape("the last purchase", "آخرین خرید", &[
    one("older_than", DAYS, "not in the last so many days: \"60 days\"", "نه در این چند روز گذشته: \"60 days\""),
    one("within", DAYS, "in the last so many days, today among them", "در این چند روز گذشته، امروز هم حساب است"),
    may("where", WHERE, "club (all purchases in it), merchant (those at this shop) or a merchant group", "club (همهٔ خریدها در باشگاه)، merchant (نزد همین پذیرنده) یا نام یک گروه پذیرنده"),
], &[]);

/// `joined` of a condition.
pub static JOINED: Shape = shape("the day of joining", "روز عضویت", &[
    one("older_than", DAYS, "not in the last so many days: \"60 days\"", "نه در این چند روز گذشته: \"60 days\""),
    one("within", DAYS, "in the last so many days, today among them", "در این چند روز گذشته، امروز هم حساب است"),
], &[]);

/// `visits` of a condition.
pub static VISITS: Shape = shape("a count of purchases", "شمار خریدها", &[
    must("in", WINDOW, "counted from when: day, week, jalali-month, jalali-year or \"90 days\"", "از کی شمرده شود: day، week، jalali-month، jalali-year یا \"90 days\""),
    some("min", Integer(1, 1_000_000), "from this one on", "از این خرید به بعد"),
    some("max", Integer(1, 1_000_000), "up to this one", "تا این خرید"),
    some("every", Integer(1, 1_000_000), "10: the 10th, 20th, 30th", "10: دهمین، بیستمین، سی‌امین"),
    may("where", WHERE, "club (all purchases in it), merchant (those at this shop) or a merchant group", "club (همهٔ خریدها در باشگاه)، merchant (نزد همین پذیرنده) یا نام یک گروه پذیرنده"),
], &[]);

/// `[[discount]]`.
pub static DISCOUNT: Shape = shape("a discount", "تخفیف", &[
    must("name", Name, "its name, once in its stage", "نام قاعده؛ در مرحلهٔ خود یکتا"),
    may("title", Title, "for people", "نام برای نمایش"),
    may("when", Table(&WHEN), "the conditions, all of which must hold", "شرط‌ها؛ همه باید برقرار باشند"),
    must("give", Table(&GIVE), "what comes off the bill", "چه مبلغی از خرید کم می‌شود"),
    must("paid_by", Table(&PAYERS), "who bears it, parts of 100%", "چه کسی می‌پردازد؛ سهم‌ها روی‌هم 100%"),
    may("cap", CAPS, "the most it gives over many purchases", "سقف آنچه در چند خرید می‌دهد"),
    beside("on_cap", &["cap"], ON_CAP, "trim: what is left of it; skip: nothing", "trim: آنچه تا سقف مانده؛ skip: هیچ"),
    may("say", Line, "a line on the receipt when it gives", "خطی که هنگام اجرا روی رسید می‌آید"),
    may("stop", Boolean, "true: when it gives, no rule below it is asked", "true: اگر بدهد، قاعده‌های پایین‌تر پرسیده نمی‌شوند"),
    may("carry", OneOf(&["reduce-amount", "rebate"], &[]), "reduce-amount: the bill is lowered; rebate: the bank card pays all of it, and the discount is given back into a purse", "reduce-amount: مبلغ خرید کم می‌شود؛ rebate: کارت همهٔ مبلغ را می‌پردازد و تخفیف به کیفی برمی‌گردد"),
    beside("rebate_to", &["carry"], Ref("purse"), "the purse of a rebate, of kind club-credit or merchant-credit", "کیفی که تخفیف به آن برمی‌گردد، از نوع club-credit یا merchant-credit"),
    may("round_rial", PositiveRials, "what it gives is rounded down to a multiple of this", "آنچه می‌دهد رو به پایین به مضرب این مبلغ گرد می‌شود"),
], &[]);

/// A member of `cap`.
pub static CAP: Shape = shape("a cap", "سقف", &[
    must("per", OneOf(&["member", "card", "merchant", "introducer", "rule", "club"], &[]), "whom it counts for: member, card, merchant, introducer, rule or club", "برای چه کسی شمرده شود: عضو، کارت، پذیرنده، معرف، قاعده یا باشگاه"),
    must("window", WINDOW, "day, week, jalali-month, jalali-year or \"30 days\"", "بازهٔ شمارش: day، week، jalali-month، jalali-year یا \"30 days\""),
    one("max_rial", PositiveRials, "the most rials in it", "بیشترین ریال در بازه"),
    one("max_points", Points, "the most points in it", "بیشترین امتیاز در بازه"),
    one("max_times", Integer(1, 1_000_000_000), "how often in it", "چند بار در بازه"),
], &[]);

/// `hold` of an accrual.
pub static HOLD: Shape = shape("a hold", "نگه‌داشتن", &[
    must("until", Name, "the event that releases what was earned", "رویدادی که آنچه کسب شده را آزاد می‌کند"),
    must("at_most", DAYS, "without it, it lapses after so many days", "اگر رخ ندهد، پس از این چند روز از میان می‌رود"),
], &[]);

/// `give` of a discount.
pub static GIVE: Shape = shape("what a discount gives", "آنچه تخفیف می‌دهد", &[
    one("percent", Percent, "a share of the bill", "درصدی از مبلغ خرید"),
    one("fixed_rial", Rials, "so many rials", "مبلغ ثابت به ریال"),
    one("bands", BANDS, "shares by the size of the bill", "درصدهای پلکانی بر پایهٔ مبلغ خرید"),
    beside("bands_apply", &["bands"], BANDS_APPLY, "to-each-part or to-whole-amount", "to-each-part (هر پله جدا) یا to-whole-amount (همهٔ مبلغ)"),
    may("max_rial", Rials, "never more than this", "هرگز بیش از این نه"),
], &[]);

/// A member of `bands`.
pub static BAND: Shape = shape("a band", "پله", &[
    must("from_rial", Rials, "where it begins; the first at 0", "پله از کجا آغاز می‌شود؛ نخستین از 0"),
    must("percent", Percent, "the share in it", "درصد در این پله"),
], &["points", "per_rial", "fixed", "fixed_rial"]);

/// `paid_by` and `funded_by`.
pub static PAYERS: Shape = shape("who pays", "پرداخت‌کننده", &[
    some("merchant", SHARE, "the shop's part", "سهم پذیرنده"),
    some("club", SHARE, "the club's part", "سهم باشگاه"),
], &["operator", "issuer", "organisation"]);

/// `[redeem]`.
pub static REDEEM: Shape = shape("the redemption", "خرج‌کردن", &[
    must("from", List(&Ref("purse")), "purses in the order of spending", "کیف‌ها به ترتیب خرج‌شدن"),
    may("how", OneOf(&["on-request", "automatic"], &[]), "on-request or automatic", "on-request (با درخواست) یا automatic (خودکار)"),
    may("pin", Boolean, "whether the card's PIN must come with it", "آیا رمز کارت باید همراه باشد"),
    may("at_most", Percent, "the share of the bill after discount", "بیشترین درصد از مبلغ پس از تخفیف"),
    may("min_rial", Rials, "the least to redeem", "کمترین مبلغی که خرج می‌شود"),
    may("step_rial", Rials, "only multiples of this", "فقط مضرب‌های این مبلغ"),
    may("not_mcc", MCCS, "category codes where nothing can be redeemed", "کدهای صنفی که در آنها چیزی خرج نمی‌شود"),
    may("per_member", Table(&PER_MEMBER), "{ window = \"day\", max_rial }: the most a member redeems in a day", "{ window = \"day\", max_rial }: بیشترین مبلغی که عضو در روز خرج می‌کند"),
    may("refund", OneOf(&["pro-rata"], &["purse-first", "card-first"]), "how a refund of a part is shared: pro-rata", "برگشت بخشی از خرید چگونه تقسیم شود: pro-rata (به نسبت)"),
    may("when", Table(&WHEN), "the conditions, all of which must hold; a request is refused where they do not", "شرط‌ها؛ همه باید برقرار باشند؛ اگر نباشند درخواست رد می‌شود"),
    may("say", Line, "a line on the receipt when purses pay", "خطی که هنگام پرداخت از کیف روی رسید می‌آید"),
], &[]);

/// `per_member` of `[redeem]`.
pub static PER_MEMBER: Shape = shape("a member's limit", "سقف عضو", &[
    must("window", OneOf(&["day"], &["week", "jalali-month", "jalali-year"]), "day", "day (روز)"),
    must("max_rial", Rials, "the most in it", "بیشترین مبلغ در بازه"),
], &["max_times"]);

/// `[[accrue]]`.
pub static ACCRUE: Shape = shape("an accrual", "کسب", &[
    must("name", Name, "its name, once in its stage", "نام قاعده؛ در مرحلهٔ خود یکتا"),
    may("title", Title, "for people", "نام برای نمایش"),
    may("when", Table(&WHEN), "the conditions, all of which must hold", "شرط‌ها؛ همه باید برقرار باشند"),
    may("base", BASE, "gross, net (after discount) or paid (after redeeming too)", "gross (ناخالص)، net (پس از تخفیف) یا paid (پس از خرج کیف هم)"),
    must("earn", Table(&EARN), "what is earned", "چه چیزی کسب می‌شود"),
    must("funded_by", OneOf(&["merchant", "club"], &["operator", "issuer"]), "club or merchant", "هزینه با کیست: club (باشگاه) یا merchant (پذیرنده)"),
    may("cap", CAPS, "the most it gives over many purchases", "سقف آنچه در چند خرید می‌دهد"),
    beside("on_cap", &["cap"], ON_CAP, "trim: what is left of it; skip: nothing", "trim: آنچه تا سقف مانده؛ skip: هیچ"),
    may("hold", Table(&HOLD), "{ until, at_most }: the event that what is earned waits for", "{ until، at_most }: رویدادی که آنچه کسب شده در انتظار آن می‌ماند"),
    may("say", Line, "a line on the receipt when it gives", "خطی که هنگام اجرا روی رسید می‌آید"),
    may("stop", Boolean, "true: when it gives, no rule below it is asked", "true: اگر بدهد، قاعده‌های پایین‌تر پرسیده نمی‌شوند"),
], &[]);

/// `earn` of an accrual.
pub static EARN: Shape = shape("what is earned", "آنچه کسب می‌شود", &[
    must("to", Ref("purse"), "the purse", "کیف"),
    one("points", Points, "so many points", "این‌قدر امتیاز"),
    one("chances", Integer(1, 1_000_000), "so many chances, into a purse of kind special", "این‌قدر شانس، در کیفی از نوع special"),
    with("per_rial", &["points", "chances"], PositiveRials, "for so many rials", "برای این‌قدر ریال"),
    one("percent", Percent, "a share of the base, in rials", "درصدی از مبنا، به ریال"),
    one("fixed", Points, "so many points, in quotes", "امتیاز ثابت، درون گیومه"),
    one("fixed_rial", PositiveRials, "so many rials", "مبلغ ثابت به ریال"),
    one("bands", BANDS, "shares by the size of the base", "درصدهای پلکانی بر پایهٔ مبنا"),
    beside("bands_apply", &["bands"], BANDS_APPLY, "to-each-part or to-whole-amount", "to-each-part (هر پله جدا) یا to-whole-amount (همهٔ مبلغ)"),
    one("times", Times, "so many times what the rule `of` earns", "این‌قدر برابر آنچه قاعدهٔ `of` می‌دهد"),
    with("of", &["times"], Ref("accrual above"), "a rule above this one, into the same purse", "قاعده‌ای بالاتر، در همین کیف"),
    may("for", OneOf(&["member", "introducer", "merchant", "staff", "marketer"], &[]), "who earns it: member, introducer, merchant (the shop), staff (the person who served) or marketer (the person who enrolled him); what shops and persons earn neither waits nor expires", "چه کسی کسب می‌کند: member (عضو)، introducer (معرف)، merchant (پذیرنده)، staff (کسی که خدمت داده) یا marketer (کسی که او را عضو کرده)؛ آنچه پذیرنده و شخص کسب می‌کند نه در انتظار می‌ماند و نه منقضی می‌شود"),
    may("tiered", Boolean, "true: times the tier's earn_times", "true: در earn_times سطح عضو ضرب می‌شود"),
], &["max_rial", "max_points"]);

/// `[[split]]`.
pub static SPLIT: Shape = shape("a split", "تسهیم", &[
    must("name", Name, "its name", "نام تسهیم"),
    may("when", Table(&WHEN), "the conditions, all of which must hold; the first split that fits is taken", "شرط‌ها؛ همه باید برقرار باشند. نخستین تسهیمی که بخورد به کار می‌رود"),
    may("of", BASE, "what percents are taken of: gross, net or paid", "درصدها از چه گرفته می‌شوند: gross، net یا paid"),
    may("round", OneOf(&["down"], &["up", "nearest"]), "down", "گرد کردن: down (رو به پایین)"),
    must("part", List(&Table(&PART)), "the parts, in order", "سهم‌ها، به ترتیب"),
    may("min_part_rial", Rials, "a smaller part joins the rest", "سهم کوچک‌تر از این به باقی‌مانده می‌پیوندد"),
    may("if_missing", OneOf(&["to-rest"], &["to-club"]), "to-rest: the part of somebody who is not known joins the rest", "to-rest: سهم کسی که شناخته نیست به باقی‌مانده می‌پیوندد"),
], &[]);

/// A member of `part`.
pub static PART: Shape = shape("a part", "سهم", &[
    must("to", OneOf(&["merchant", "merchant-marketer", "marketer", "club-owner", "acceptor-saving"], &["operator", "member", "holder-saving"]), "who gets it", "چه کسی می‌گیرد"),
    one("percent", Percent, "a share", "درصد"),
    one("fixed_rial", Rials, "so many rials", "مبلغ ثابت به ریال"),
    one("rest", Boolean, "true: what is left, and every odd rial", "true: هر چه می‌ماند، با ریال‌های خرد"),
], &["iban", "max_rial", "min_rial"]);

/// `[fee]`.
pub static FEE: Shape = shape("the fee", "کارمزد", &[
    may("of", BASE, "what the percent is taken of: gross, net or paid", "درصد از چه گرفته می‌شود: gross، net یا paid"),
    must("percent", Percent, "the share", "درصد کارمزد"),
    may("min_rial", Rials, "never less", "هرگز کمتر از این نه"),
    may("max_rial", Rials, "never more", "هرگز بیش از این نه"),
    may("payer", OneOf(&["merchant", "club"], &["member"]), "club or merchant", "پرداخت‌کننده: club (باشگاه) یا merchant (پذیرنده)"),
    may("to", OneOf(&["operator"], &["club"]), "operator", "operator (گرداننده)"),
    may("on_refund", OneOf(&["give-back"], &["keep"]), "give-back", "در برگشت خرید: give-back (پس داده می‌شود)"),
], &["fixed_rial", "bands"]);

/// A file in `cards/`.
pub static CARD_FILE: Shape = shape("a card file", "پروندهٔ کارت", &[
    must("format", Format, "the version of the language, 1", "نسخهٔ زبان قاعده، ۱"),
    must("card", Table(&CARD), "what the card product is", "مشخصات محصول کارت"),
    may("purse", Entries(&Name, &POCKET), "the pockets of the card", "جیب‌های کارت"),
    may("convert", ListOrNone(&Table(&CONVERT)), "one pocket into another, by a rate", "تبدیل یک جیب به جیب دیگر، با نرخ"),
    may("discount", ListOrNone(&Table(&DISCOUNT)), "money off the bill", "تخفیف: کم‌شدن از مبلغ خرید"),
    may("guest_card", Table(&GUEST_CARD), "a card that a member gives away", "کارت مهمان: کارتی که عضو به دیگری می‌دهد"),
    may("voucher", Table(&VOUCHER), "a number that loads a pocket", "ووچر: شماره‌ای که جیبی را پر می‌کند"),
], &[]);

/// `[card]`.
pub static CARD: Shape = shape("a card product", "محصول کارت", &[
    must("id", Name, "the name of the card in files and messages", "نام کارت در پرونده‌ها و پیام‌ها"),
    must("title", Title, "the name for people", "نام برای نمایش"),
    some("bins", List(&Bin), "ranges of cards, six to eight digits", "پیش‌شمارهٔ کارت، شش تا هشت رقم"),
    some("cards_from", ListFile, "a file of lists/ with one card token a line", "پرونده‌ای در lists/ که در هر خط یک نشانهٔ کارت دارد"),
    must("issuer", Ref("organisation"), "the organisation that issues it", "سازمانی که کارت را صادر می‌کند"),
    may("status", List(&OneOf(&["issued", "suspended", "inactive", "terminated", "void"], &[])), "issued (the only one that may spend), suspended, inactive, terminated, void", "وضعیت‌های کارت: issued (تنها این خرج می‌کند)، suspended، inactive، terminated، void"),
    may("pin", Boolean, "whether its PIN must come with a purchase", "آیا رمز کارت باید همراه خرید باشد"),
    must("pay_order", List(&Ref("pocket")), "pockets in the order of paying; \"bank\" is the holder's own account", "جیب‌ها به ترتیب پرداخت؛ \"bank\" حساب خود دارنده است"),
    may("mixed", Boolean, "false: one pocket pays all that is left of the bill, or no pocket pays", "false: یک جیب همهٔ ماندهٔ مبلغ را می‌پردازد، یا هیچ جیبی نمی‌پردازد"),
], &[]);

/// `[purse.NAME]` of a card.
pub static POCKET: Shape = shape("a pocket", "جیب", &[
    must("kind", OneOf(&["bon", "gift", "prepaid", "credit-line"], &[]), "bon (for one purpose, given by a sponsor), gift, prepaid (the holder's own money) or credit-line", "bon (بن، از پشتیبان برای یک کار)، gift (هدیه)، prepaid (پول خود دارنده) یا credit-line (خط اعتبار)"),
    may("title", Title, "for people", "نام برای نمایش"),
    may("unit", OneOf(&["rial"], &[]), "rial: pockets are kept in rials", "rial: جیب به ریال نگه داشته می‌شود"),
    must("owed_by", OneOf(&["sponsor", "club", "operator", "issuer", "holder"], &[]), "whose debt the pocket is: sponsor, club, operator, issuer or (a credit line) holder", "مانده بدهی کیست: sponsor (پشتیبان)، club (باشگاه)، operator (گرداننده)، issuer (صادرکننده) یا در خط اعتبار holder (دارنده)"),
    may("sponsor", Ref("organisation"), "the organisation that gives a bon", "سازمانی که بن را می‌دهد"),
    may("grant", Table(&GRANT), "{ rial, every, on_day, to }: what a bon is filled with", "{ rial، every، on_day، to }: بن با چه پر می‌شود"),
    may("carry_over", Boolean, "false: what is left of a grant lapses to the sponsor", "false: ماندهٔ بن به پشتیبان برمی‌گردد"),
    may("expiry", Table(&EXPIRY), "how long it lives; left out, for ever", "تا کی اعتبار دارد؛ اگر نیاید، همیشه"),
    may("spend_at", GROUPS, "the merchant groups where it pays; left out: everywhere", "گروه‌های پذیرنده‌ای که در آنها پرداخت می‌کند؛ اگر نیاید: همه جا"),
    may("products", List(&Code), "codes of products that it pays for: nothing else may be in the purchase; where a message tells no products, the shop decides by `spend_at`", "کد کالاهایی که با آن خریدنی است و جز آنها نباید چیزی در خرید باشد؛ اگر پیام کالایی نگوید، پذیرنده با `spend_at` تعیین می‌کند"),
    may("not_products", List(&Code), "codes of products that it does not pay for", "کد کالاهایی که با آن خریدنی نیست"),
    may("hours", List(&Hours), "spans of the day in which it pays", "ساعت‌هایی که در آنها پرداخت می‌کند"),
    may("per_day", Table(&PER_DAY), "{ max_rial, max_times } of one day", "{ max_rial، max_times } در یک روز"),
    may("load", Table(&LOAD), "how a gift or prepaid pocket is filled", "جیب هدیه یا پیش‌پرداخت چگونه پر می‌شود"),
    may("bonus", Table(&BONUS), "{ percent, funded_by, expiry }: what is added to a load", "{ percent، funded_by، expiry }: آنچه به شارژ افزوده می‌شود"),
    may("consume", OneOf(&["bonus-last", "soonest-expiry"], &[]), "which part pays first: bonus-last or soonest-expiry", "کدام بخش زودتر خرج می‌شود: bonus-last (پاداش آخر) یا soonest-expiry (زودترین انقضا)"),
    may("cash_out", Boolean, "whether it can be paid out", "آیا می‌توان آن را نقد کرد"),
    may("reload", Boolean, "false: money is loaded into it once in 400 days; left out, true", "false: در ۴۰۰ روز فقط یک بار با پول شارژ می‌شود؛ اگر نیاید، true"),
    may("limit", Table(&LIMIT), "{ from, default_rial, max_rial } of a credit line", "{ from، default_rial، max_rial } سقف خط اعتبار"),
    may("bill", Table(&BILL), "when a credit line is billed and how it is paid back", "خط اعتبار کی صورت‌حساب می‌شود و چگونه پس داده می‌شود"),
    may("installments", Table(&INSTALLMENTS), "{ count, from_rial }: a big bill is paid back in parts", "{ count، from_rial }: مبلغ بزرگ در چند قسط پس داده می‌شود"),
], &[]);

/// `grant` of a pocket.
pub static GRANT: Shape = shape("a grant", "اعطا", &[
    must("rial", PositiveRials, "so many rials for each card", "این مبلغ برای هر کارت"),
    must("every", OneOf(&["jalali-month"], &[]), "jalali-month", "jalali-month (هر ماه جلالی)"),
    must("on_day", Integer(1, 31), "the day of the month; the last one where the month is shorter", "روز ماه؛ در ماه کوتاه‌تر روز آخر"),
    must("to", List(&Ref("member group")), "the member groups that get it", "گروه‌های عضوی که آن را می‌گیرند"),
], &[]);

/// `per_day` of a pocket.
pub static PER_DAY: Shape = shape("a limit of a day", "سقف روزانه", &[
    some("max_rial", PositiveRials, "the most rials of a day", "بیشترین ریال در روز"),
    some("max_times", Integer(1, 1_000), "how often in a day", "چند بار در روز"),
], &[]);

/// `load` of a pocket.
pub static LOAD: Shape = shape("a load", "شارژ", &[
    may("by", List(&OneOf(&["transfer", "cash-desk", "online"], &[])), "transfer, cash-desk (a link of channel pos-cash), online (app, web, ussd)", "از کدام راه: transfer (انتقال)، cash-desk (صندوق؛ پیوند با channel pos-cash)، online (app، web، ussd)"),
    may("min_rial", PositiveRials, "the least of one load", "کمترین مبلغ یک شارژ"),
    may("max_rial", PositiveRials, "the most of one load", "بیشترین مبلغ یک شارژ"),
    may("amounts_rial", List(&PositiveRials), "only these amounts", "فقط این مبلغ‌ها"),
    may("max_balance_rial", PositiveRials, "the most that is kept in the pocket", "بیشترین ماندهٔ جیب"),
], &[]);

/// `bonus` of a pocket.
pub static BONUS: Shape = shape("a bonus", "پاداش شارژ", &[
    must("percent", Percent, "a share of the load", "درصدی از شارژ"),
    must("funded_by", OneOf(&["merchant", "club", "operator", "issuer"], &[]), "merchant, club, operator or issuer", "هزینهٔ پاداش با کیست: merchant (پذیرنده)، club (باشگاه)، operator (گرداننده) یا issuer (صادرکننده)"),
    may("expiry", Table(&EXPIRY), "how long the bonus lives; left out, as the pocket", "پاداش تا کی اعتبار دارد؛ اگر نیاید، مانند جیب"),
], &[]);

/// `limit` of a pocket.
pub static LIMIT: Shape = shape("the limit of a credit line", "سقف خط اعتبار", &[
    may("from", OneOf(&["member-file"], &[]), "member-file: each holder's limit is what `ledger card --limit` set", "member-file: سقف هر دارنده همان است که با `ledger card --limit` گذاشته شده"),
    may("default_rial", Rials, "the limit of who has none of his own", "سقف کسی که از خود سقفی ندارد"),
    must("max_rial", Rials, "the most that any limit can be", "بیشترین سقف ممکن"),
], &[]);

/// `bill` of a pocket.
pub static BILL: Shape = shape("a bill", "صورت‌حساب", &[
    must("every", OneOf(&["jalali-month"], &[]), "jalali-month", "jalali-month (هر ماه جلالی)"),
    must("on_day", Integer(1, 31), "the day of the month; the last one where the month is shorter", "روز ماه؛ در ماه کوتاه‌تر روز آخر"),
    must("due_after", DAYS, "how long after it must be paid: \"10 days\"", "مهلت پرداخت پس از صورت‌حساب: \"10 days\""),
    must("collect", OneOf(&["salary-deduction"], &[]), "salary-deduction", "salary-deduction (کسر از حقوق)"),
], &[]);

/// `installments` of a pocket.
pub static INSTALLMENTS: Shape = shape("instalments", "قسط‌بندی", &[
    must("count", Integer(2, 60), "how many parts", "شمار قسط‌ها"),
    may("from_rial", PositiveRials, "for bills from this on", "برای مبلغ‌های از این به بالا"),
], &[]);

/// `[[convert]]`.
pub static CONVERT: Shape = shape("a conversion", "تبدیل", &[
    must("name", Name, "the name of the conversion", "نام تبدیل"),
    must("from", Ref("pocket"), "the pocket that is emptied", "جیبی که از آن کم می‌شود"),
    must("to", Ref("pocket"), "the pocket that is filled", "جیبی که به آن افزوده می‌شود"),
    must("rate", Table(&CONVERSION), "{ give, get }: so much of one is so much of the other", "{ give، get }: این‌قدر از یکی این‌قدر از دیگری است"),
    may("window", Table(&CONVERT_DAYS), "{ from_day, to_day } of the Jalali month", "{ from_day، to_day } از ماه جلالی"),
    may("max_rial", PositiveRials, "the most of one conversion", "بیشترین مبلغ یک تبدیل"),
], &[]);

/// `rate` of a conversion.
pub static CONVERSION: Shape = shape("the rate of a conversion", "نرخ تبدیل", &[
    must("give", Integer(1, 1_000_000), "so much of the one", "این‌قدر از جیب نخست"),
    must("get", Integer(1, 1_000_000), "is so much of the other", "برابر این‌قدر از جیب دوم"),
], &[]);

/// `window` of a conversion.
pub static CONVERT_DAYS: Shape = shape("days of a month", "روزهایی از ماه", &[
    must("from_day", Integer(1, 31), "the first day of the month", "نخستین روز ماه"),
    must("to_day", Integer(1, 31), "the last day of the month, included", "آخرین روز ماه؛ خودش هم حساب است"),
], &[]);

/// `[guest_card]`.
pub static GUEST_CARD: Shape = shape("a guest card", "کارت مهمان", &[
    must("title", Title, "the name for people", "نام برای نمایش"),
    must("linked_to", OneOf(&["member"], &[]), "member: its number names who gave it away", "member: شمارهٔ آن می‌گوید چه کسی آن را داده"),
    must("give", Table(&GIVE), "what the guest gets off the bill, before the other discounts of the card; the issuer pays it. A guest is who holds a card that `ledger card --given-by` has put down", "آنچه پیش از تخفیف‌های دیگر کارت از خرید مهمان کم می‌شود، به پای صادرکننده. مهمان دارندهٔ کارتی است که با `ledger card --given-by` ثبت شده است"),
    may("introducer_earns", Table(&INTRODUCER_EARNS), "{ club, to, fixed }: what the giver, a member of that club, earns each time the guest gets his discount", "{ club، to، fixed }: آنچه دهندهٔ کارت، عضو همان باشگاه، با هر تخفیف مهمان کسب می‌کند"),
    may("max_uses", Integer(1, 1_000_000), "how often one card can be used; a use counts for 400 days", "هر کارت چند بار به کار می‌رود؛ هر بار تا ۴۰۰ روز شمرده می‌شود"),
], &[]);

/// `introducer_earns` of a guest card.
pub static INTRODUCER_EARNS: Shape = shape("what the giver earns", "آنچه دهندهٔ کارت کسب می‌کند", &[
    must("club", Ref("club"), "in which club", "در کدام باشگاه"),
    must("to", Ref("purse"), "into which purse of it", "در کدام کیف آن"),
    must("fixed", Points, "how many points", "چند امتیاز"),
], &[]);

/// `[voucher]`.
pub static VOUCHER: Shape = shape("a voucher", "ووچر", &[
    must("title", Title, "the name for people", "نام برای نمایش"),
    must("amounts_rial", List(&PositiveRials), "what vouchers are worth", "ارزش ووچرها"),
    must("load_to", Ref("pocket"), "the pocket that it loads", "جیبی که پر می‌شود"),
    may("single_use", Boolean, "true, or left out: all of it at once; false: in parts", "true یا نیامده: همه یک‌جا؛ false: در چند بخش"),
    may("expiry", Table(&EXPIRY), "how long it lives; left out, for ever", "تا کی اعتبار دارد؛ اگر نیاید، همیشه"),
], &[]);

/// A file in `clearing/`.
pub static CLEARING_FILE: Shape = shape("a clearing file", "پروندهٔ پایاپای", &[
    must("format", Format, "the version of the language, 1", "نسخهٔ زبان قاعده، ۱"),
    may("federation", Entries(&Name, &FEDERATION), "clubs that stand together", "فراباشگاه‌ها: باشگاه‌هایی که با هم‌اند"),
    must("clearing", Table(&CLEARING), "who the clearing house is", "مشخصات اتاق پایاپای"),
    may("rate", ListOrNone(&Table(&RATE)), "what points of a club are worth to the others, from a day on", "نرخ امتیاز هر باشگاه نزد دیگران، از یک روز به بعد"),
    may("exchange", Table(&EXCHANGE), "how a member turns points of one club into another's", "تبدیل امتیاز یک باشگاه به امتیاز باشگاه دیگر به دست عضو"),
    may("member", ListOrNone(&Table(&HOUSE_MEMBER)), "the clubs that clear, and what stands behind their debts", "باشگاه‌هایی که پایاپای می‌کنند و پشتوانهٔ بدهی آنها"),
    may("fee", ListOrNone(&Table(&HOUSE_FEE)), "what the house takes", "کارمزدهای اتاق پایاپای"),
    must("window", Table(&HOUSE_WINDOW), "when debts are counted and paid", "دورهٔ شمارش و پرداخت بدهی‌ها"),
    may("reports", Table(&REPORTS), "the files of each window", "پرونده‌های هر دوره"),
], &[]);

/// `[federation.NAME]`.
pub static FEDERATION: Shape = shape("a federation", "فراباشگاه", &[
    must("title", Title, "the name for people", "نام برای نمایش"),
    must("clubs", List(&Ref("club")), "the clubs in it", "باشگاه‌های آن"),
    may("share", Table(&SHARED), "{ members, merchants }: what the clubs share", "{ members، merchants }: آنچه باشگاه‌ها با هم دارند"),
    may("one_purchase_earns_in", OneOf(&["shop-club", "card-club", "both"], &[]), "shop-club, card-club or both", "خرید در کدام باشگاه امتیاز می‌آورد: shop-club (باشگاه پذیرنده)، card-club (باشگاه کارت) یا both (هر دو)"),
], &[]);

/// `share` of a federation.
pub static SHARED: Shape = shape("what clubs share", "داشته‌های مشترک", &[
    may("members", Boolean, "true: members of one are known in the shops of all", "true: عضو هر باشگاه نزد پذیرنده‌های همه شناخته می‌شود"),
    may("merchants", Boolean, "true: points of all pay in the shops of each", "true: امتیاز همه نزد پذیرندهٔ هر باشگاه خرج می‌شود"),
], &[]);

/// `[clearing]`.
pub static CLEARING: Shape = shape("a clearing house", "اتاق پایاپای", &[
    must("id", Name, "the name of the house in files and messages", "نام اتاق پایاپای در پرونده‌ها و پیام‌ها"),
    must("title", Title, "the name for people", "نام برای نمایش"),
    must("unit", OneOf(&["rial"], &[]), "rial: debts are counted in rials", "rial: بدهی‌ها به ریال شمرده می‌شوند"),
    must("federation", Ref("federation"), "the federation that clears here", "فراباشگاهی که اینجا پایاپای می‌کند"),
    may("novation", Boolean, "true: the house is buyer to each seller and seller to each buyer", "true: اتاق در برابر هر دو سو طرف حساب است"),
], &[]);

/// `[[rate]]`.
pub static RATE: Shape = shape("a rate", "نرخ", &[
    must("club", Ref("club"), "the club that issues the points", "باشگاهی که امتیاز را می‌دهد"),
    must("purse", Ref("purse"), "its purse of points", "کیف امتیاز آن"),
    must("from", Day, "the first day", "نخستین روز"),
    may("to", Day, "the last day, included; left out: until the next rate begins", "آخرین روز؛ خودش هم حساب است. اگر نیاید: تا آغاز نرخ بعدی"),
    some("sell", Table(&VALUE), "{ rial, per_points }: what the club pays for its points spent elsewhere", "{ rial، per_points }: آنچه باشگاه برای امتیازی که جای دیگر خرج شده می‌پردازد"),
    some("buy", Table(&VALUE), "{ rial, per_points }: what the club takes for points that an exchange creates", "{ rial، per_points }: آنچه باشگاه برای امتیازی که از تبدیل پدید می‌آید می‌گیرد"),
], &[]);

/// `[exchange]`.
pub static EXCHANGE: Shape = shape("an exchange", "تبدیل امتیاز میان باشگاه‌ها", &[
    may("min_rial", Rials, "the least to exchange", "کمترین مبلغ تبدیل"),
    may("round", OneOf(&["down"], &["up", "nearest"]), "down", "گرد کردن: down (رو به پایین)"),
    may("odd_rial_to", OneOf(&["clearing"], &["member"]), "clearing: the house keeps the odd rial", "clearing: ریال خرد نزد اتاق پایاپای می‌ماند"),
    may("per_member", Table(&EXCHANGE_LIMIT), "{ window, max_rial }: the most that a member exchanges", "{ window، max_rial }: بیشترین مبلغی که عضو تبدیل می‌کند"),
    may("reversible_for", Span(&["hour", "day"]), "how long it can be undone: \"24 hours\"", "تا کی برگشت‌پذیر است: \"24 hours\""),
], &[]);

/// `per_member` of `[exchange]`.
pub static EXCHANGE_LIMIT: Shape = shape("a limit of exchanges", "سقف تبدیل", &[
    must("window", WINDOW, "day, week, jalali-month, jalali-year or \"30 days\"", "بازهٔ شمارش: day، week، jalali-month، jalali-year یا \"30 days\""),
    must("max_rial", PositiveRials, "the most rials in it", "بیشترین ریال در بازه"),
], &[]);

/// `[[member]]` of a clearing file.
pub static HOUSE_MEMBER: Shape = shape("a member of the house", "عضو اتاق پایاپای", &[
    must("club", Ref("club"), "the club", "باشگاه"),
    must("account", Iban, "the account that its debts are paid from and to", "شبایی که بدهی و طلب آن از آن پرداخت می‌شود"),
    must("funding", OneOf(&["prepaid", "postpaid"], &[]), "prepaid (points are bought ahead) or postpaid", "prepaid (امتیاز از پیش خریده می‌شود) یا postpaid (پس از خرج)"),
    must("cover_rial", Rials, "money of it that the house holds", "پولی از آن که نزد اتاق است"),
    must("net_debit_cap_rial", Rials, "the most it may owe, never more than the cover", "بیشترین بدهی آن؛ هرگز بیش از پشتوانه نه"),
    may("warn_at", Percent, "at which share of the cap it is warned", "در چه سهمی از سقف هشدار داده شود"),
    may("on_cap", OneOf(&["own-shops-only", "refuse"], &[]), "own-shops-only or refuse", "در سقف: own-shops-only (فقط نزد پذیرنده‌های خودش) یا refuse (رد)"),
], &[]);

/// `[[fee]]` of a clearing file.
pub static HOUSE_FEE: Shape = shape("a fee of the house", "کارمزد اتاق پایاپای", &[
    must("name", Name, "the name of the fee", "نام کارمزد"),
    must("on", OneOf(&["cross-club-redeem", "points-exchange"], &[]), "cross-club-redeem or points-exchange", "برای چه: cross-club-redeem (خرج نزد باشگاه دیگر) یا points-exchange (تبدیل امتیاز)"),
    must("percent", Percent, "the share", "درصد کارمزد"),
    must("payer", OneOf(&["issuing-club", "shop-club", "member"], &[]), "issuing-club, shop-club or member", "پرداخت‌کننده: issuing-club (باشگاه صادرکننده)، shop-club (باشگاه پذیرنده) یا member (عضو)"),
], &[]);

/// `[window]`.
pub static HOUSE_WINDOW: Shape = shape("the window of the house", "دورهٔ پایاپای", &[
    must("close", OneOf(&["day", "week", "jalali-month"], &[]), "day, week or jalali-month: how often it closes", "هر چند وقت بسته می‌شود: day، week یا jalali-month"),
    must("close_at", TimeOfDay, "the time of day at which it closes", "ساعت بسته‌شدن"),
    may("also_real_time_above_rial", PositiveRials, "one debt this big settles alone and at once", "بدهی به این بزرگی تنها و در دم تسویه می‌شود"),
    must("net", OneOf(&["multilateral", "bilateral", "gross"], &[]), "multilateral, bilateral or gross", "تهاتر: multilateral (چندجانبه)، bilateral (دوجانبه) یا gross (ناخالص)"),
    must("claims_until", Span(&["business day", "day"]), "how long after closing it can be disputed: \"5 business days\"", "تا چند روز پس از بستن اعتراض‌پذیر است: \"5 business days\""),
    must("pay_on", Span(&["business day", "day"]), "how long after closing it is paid: \"8 business days\"", "چند روز پس از بستن پرداخت می‌شود: \"8 business days\""),
    may("min_pay_rial", Rials, "smaller nets join the next window", "خالص کوچک‌تر از این به دورهٔ بعد می‌رود"),
    may("late", Table(&LATE), "{ percent_per_day } of what is paid late", "{ percent_per_day } جریمهٔ دیرکرد"),
], &[]);

/// `late` of `[window]`.
pub static LATE: Shape = shape("the price of being late", "جریمهٔ دیرکرد", &[
    must("percent_per_day", Percent, "the share for each day", "درصد برای هر روز"),
], &[]);

/// `[reports]`.
pub static REPORTS: Shape = shape("the reports", "گزارش‌ها", &[
    must("files", List(&OneOf(&["obligations", "matrix", "net-positions", "pay-instructions", "recap", "disputes", "liability"], &[])), "obligations, matrix, net-positions, pay-instructions, recap, disputes, liability", "کدام پرونده‌ها: obligations (تعهدها)، matrix (ماتریس)، net-positions (خالص‌ها)، pay-instructions (دستور پرداخت)، recap (خلاصه)، disputes (اعتراض‌ها)، liability (بدهی امتیاز)"),
], &[]);
