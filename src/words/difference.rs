//! What is said of the difference between two sets of rule files: a phrase a row, in English and Persian.

use crate::words::explain::Phrase;

/// A thing is new.
pub const NEW: Phrase = Phrase("new {0}", "{0} تازه است");
/// A thing is gone.
pub const GONE: Phrase = Phrase("{0} is gone", "{0} برداشته شد");
/// A value of a thing is another.
pub const CHANGED: Phrase = Phrase("{0}: {1} {2} -> {3}", "{0}: {1} از {2} به {3}");
/// A thing has a value that it had not.
pub const ADDED: Phrase = Phrase("{0}: new {1} {2}", "{0}: {1} تازه {2}");
/// A thing has a value no more.
pub const DROPPED: Phrase = Phrase(
    "{0}: no {1} any more (it was {2})",
    "{0}: {1} دیگر نیست (بود {2})",
);
/// A list has more and fewer.
pub const LISTED: Phrase = Phrase("{0}: {1} {2}", "{0}: {1} {2}");
/// Things stand in another order.
pub const ORDER: Phrase = Phrase("{0}: the order is now {1}", "{0}: ترتیب اکنون {1} است");
/// The words differ and nothing that is obeyed does.
pub const LAYOUT: Phrase = Phrase(
    "{0}: only comments and layout differ",
    "{0}: تنها توضیح‌ها و چینش فرق دارد",
);
/// Lines of a list that is no TOML.
pub const LINES: Phrase = Phrase(
    "{0}: {1} lines more, {2} fewer",
    "{0}: {1} سطر بیشتر، {2} سطر کمتر",
);
/// What holds for earnings from now on alone.
pub const NEW_LOTS: Phrase = Phrase("(new lots only)", "(تنها برای اندوخته‌های تازه)");
/// The files of sub-clubs that inherit it.
pub const ALSO: Phrase = Phrase("(also {0})", "({0} نیز)");
/// Nothing differs.
pub const SAME: Phrase = Phrase("no difference", "فرقی نیست");

/// What the tables of rule files are called: key, English, Persian.
pub const THINGS: [(&str, &str, &str); 23] = [
    ("discount", "rule", "قاعده"),
    ("accrue", "rule", "قاعده"),
    ("split", "split", "تسهیم"),
    ("purse", "purse", "کیف"),
    ("level", "tier", "سطح"),
    ("condition", "condition", "شرط"),
    ("club", "club", "باشگاه"),
    ("redeem", "redemption", "خرج‌کردن"),
    ("fee", "fee", "کارمزد"),
    ("tiers", "tiers", "سطح‌ها"),
    ("stack", "stacking", "ترکیب قاعده‌ها"),
    ("calendar", "calendar", "تقویم"),
    ("operator", "operator", "گرداننده"),
    ("season", "season", "مناسبت"),
    ("merchant", "merchant", "پذیرنده"),
    ("merchant_group", "merchant group", "گروه پذیرنده"),
    ("person", "person", "شخص"),
    ("organisation", "organisation", "سازمان"),
    ("member_group", "member group", "گروه عضو"),
    ("terminal_group", "terminal group", "گروه پایانه"),
    ("rate", "rate", "نرخ"),
    ("member", "member of the house", "عضو اتاق پایاپای"),
    ("federation", "federation", "فراباشگاه"),
];
