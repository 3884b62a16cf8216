//! What is said of rule sets: what they can cost, how they are loaded, what others would have made of the past. A phrase a row, in
//! English and Persian.

use crate::words::explain::Phrase;

// ------------------------------------------------------------------------------------------- check --cost

/// Above the table of a club.
pub const MOST: Phrase = Phrase(
    "{0}: the most that its rules can give away",
    "{0}: بیشترین چیزی که قاعده‌هایش می‌توانند بدهند",
);
/// A stage, and how its rules go together.
pub const STAGE: Phrase = Phrase("{0}: {1}", "{0}: {1}");
/// All rules of a stage.
pub const TOGETHER: Phrase = Phrase("together", "روی‌هم");
/// A share, and a bound for one.
pub const SHARE_AT_MOST: Phrase = Phrase(
    "{0} of the {1}, at most {2} rial a {3}",
    "{0} {1}، دست‌بالا {2} ریال در هر {3}",
);
/// A share alone.
pub const SHARE_UNBOUND: Phrase = Phrase(
    "{0} of the {1}, of a {3} without bound",
    "{0} {1}، در هر {3} بی‌سقف",
);
/// An amount.
pub const AMOUNT: Phrase = Phrase("{0} rial a {1}", "{0} ریال در هر {1}");
/// Nothing bounds it.
pub const UNBOUND: Phrase = Phrase("without bound", "بی‌سقف");
/// A bound a day.
pub const DAY: Phrase = Phrase("{0}; at most {1} rial a day", "{0}؛ دست‌بالا {1} ریال در روز");
/// None.
pub const NO_DAY: Phrase = Phrase("{0}; no bound a day", "{0}؛ بی‌سقف در روز");
/// A bound for each of somebody, a day.
pub const EACH_DAY: Phrase = Phrase(
    "; at most {0} rial for each {1} and day",
    "؛ دست‌بالا {0} ریال برای هر {1} در روز",
);
/// The same in more days.
pub const EACH_DAYS: Phrase = Phrase(
    "; at most {0} rial for each {1} in {2} days",
    "؛ دست‌بالا {0} ریال برای هر {1} در {2} روز",
);
/// What is counted of each member.
pub const COUNTED: Phrase = Phrase(
    "counted of each member from the load on: earned into {0}, {1} days",
    "برای هر عضو از هنگام بارگذاری شمرده می‌شود: کسب در {0}، {1} روز",
);
/// What tiers are measured by.
pub const TIERS: Phrase = Phrase("tiers: by {0} in {1} days", "سطح‌ها: با {0} در {1} روز");

// ------------------------------------------------------------------------------------------- load, approve, list

/// The files are those in force.
pub const SAME: Phrase = Phrase(
    "the files are those of rule set {0}, in force since {1}: nothing to do",
    "پرونده‌ها همان مجموعهٔ {0} است که از {1} در کار است: کاری نیست",
);
/// They wait already.
pub const WAITS_ALREADY: Phrase = Phrase(
    "rule set {0} with these files waits already",
    "مجموعهٔ {0} با همین پرونده‌ها در انتظار است",
);
/// It is in force.
pub const IN_FORCE: Phrase = Phrase(
    "rule set {0} is in force since {1}",
    "مجموعهٔ {0} از {1} در کار است",
);
/// It was in force.
pub const WAS_IN_FORCE: Phrase = Phrase(
    "rule set {0} was in force from {1} to {2}",
    "مجموعهٔ {0} از {1} تا {2} در کار بود",
);
/// It was taken back.
pub const TAKEN_BACK: Phrase = Phrase("rule set {0} was taken back", "مجموعهٔ {0} پس گرفته شد");
/// It waits for another person.
pub const FOR_APPROVAL: Phrase = Phrase(
    "rule set {0} waits for a second person{1}: clubswitch rules approve {2}",
    "مجموعهٔ {0} در انتظار تأیید نفر دوم است{1}: clubswitch rules approve {2}",
);
/// From when on it would be in force.
pub const FROM: Phrase = Phrase(", to come into force at {0}", "، تا از {0} به کار افتد");
/// It waits for its hour.
pub const WAITS: Phrase = Phrase("rule set {0} waits for {1}", "مجموعهٔ {0} در انتظار {1} است");
/// How many clubs and rules it has.
pub const COUNTS: Phrase = Phrase("clubs {0}, rules {1}, ", "باشگاه {0}، قاعده {1}، ");
/// Its hash, and who did what.
pub const HASH: Phrase = Phrase("{0}sha {1}, {2}", "{0}sha {1}، {2}");
/// An act with it: what, when, by whom.
pub const ACT: Phrase = Phrase("{0} {1} by {2}{3}", "{0} در {1} به دست {2}{3}");
/// One fault.
pub const FAULT: Phrase = Phrase("1 fault: nothing was changed", "۱ خطا: چیزی عوض نشد");
/// More of them.
pub const FAULTS: Phrase = Phrase("{0} faults: nothing was changed", "{0} خطا: چیزی عوض نشد");
/// Notes that were not told.
pub const MORE_NOTES: Phrase = Phrase(
    "and {0} notes more; `clubswitch rules check DIR` tells all",
    "و {0} یادداشت دیگر؛ `clubswitch rules check DIR` همه را می‌گوید",
);

// ------------------------------------------------------------------------------------------- replay

/// What was judged again.
pub const AGAIN: Phrase = Phrase(
    "{0} to {1}: {2} purchases judged again, {3} would differ",
    "{0} تا {1}: {2} خرید دوباره سنجیده شد، {3} تا فرق می‌کرد",
);
/// What would go another way.
pub const OTHER_WAY: Phrase = Phrase(
    "{0} would go another way: {1}",
    "{0} تا راه دیگری می‌رفت: {1}",
);
/// What was left out.
pub const LEFT_OUT: Phrase = Phrase("left out: {0}", "کنار گذاشته: {0}");
/// Tables of differences.
pub const BY: Phrase = Phrase(
    "by {0}, the difference in rials",
    "به تفکیک {0}، تفاوت به ریال",
);
/// The receipts.
pub const RECEIPTS: Phrase = Phrase(
    "the most changed receipts",
    "رسیدهایی که بیش از همه فرق می‌کند",
);
/// A note.
pub const NOTE: Phrase = Phrase("note: {0}", "یادداشت: {0}");
/// How fast it was.
pub const SPEED: Phrase = Phrase(
    "{0} purchases in {1} ms: {2} purchases/s; {3} entries before them in {4} ms",
    "{0} خرید در {1} هزارم ثانیه: {2} خرید در ثانیه؛ {3} سند پیش از آنها در {4} هزارم ثانیه",
);

/// Single words of all of them: English, Persian.
pub const WORDS: [(&str, &str); 71] = [
    ("discount", "تخفیف"),
    ("accrue", "کسب"),
    ("split", "تسهیم"),
    ("load", "شارژ"),
    ("grant", "اعطا"),
    ("all that apply", "همهٔ آنها که برقرارند"),
    ("the first that applies", "نخستین که برقرار است"),
    ("the best for the member", "بهترین برای عضو"),
    ("bill", "مبلغ خرید"),
    ("purchase", "خرید"),
    ("card and month", "کارت و ماه"),
    ("member", "عضو"),
    ("card", "کارت"),
    ("merchant", "پذیرنده"),
    ("introducer", "معرف"),
    ("rule", "قاعده"),
    ("club", "باشگاه"),
    ("shop", "پذیرنده"),
    ("set", "مجموعه"),
    ("state", "وضع"),
    ("since", "از"),
    ("until", "تا"),
    ("sha", "sha"),
    ("clubs", "باشگاه"),
    ("rules", "قاعده"),
    ("who", "که"),
    ("in force", "در کار"),
    ("before", "پیشین"),
    ("taken back", "پس‌گرفته"),
    ("waits for approval", "در انتظار تأیید"),
    ("waits", "در انتظار"),
    ("loaded", "بارگذاری"),
    ("approved", "تأیید"),
    ("paid from purses", "پرداخت از کیف"),
    ("earned, worth", "کسب، به ارزش"),
    ("liability", "بدهی امتیاز"),
    ("paid by cards", "پرداخت با کارت"),
    ("fee", "کارمزد"),
    ("to shops", "به پذیرنده‌ها"),
    ("earned in", "کسب در"),
    ("spent from", "خرج از"),
    ("part of", "سهم"),
    ("times fired:", "دفعه‌های اجرا:"),
    ("as it was", "چنان‌که بود"),
    ("by the other files", "با پرونده‌های دیگر"),
    ("difference", "تفاوت"),
    ("purchases", "خرید"),
    ("differ", "متفاوت"),
    ("entry", "سند"),
    ("at", "زمان"),
    ("gain", "سود"),
    ("rial", "ریال"),
    ("times", "دفعه"),
    ("undone later", "بعداً برگشته"),
    ("refused then", "آن‌زمان ردشده"),
    ("without a club then", "آن‌زمان بی‌باشگاه"),
    ("cannot be told", "نمی‌توان گفت"),
    ("without-club", "بی‌باشگاه"),
    ("rules-fail", "قاعده‌ها درمی‌مانند"),
    ("spent", "مبلغ خرید"),
    ("visits", "شمار خرید"),
    ("point", "امتیاز"),
    ("redeemed", "خرج‌شده"),
    ("earned", "کسب"),
    ("marketer", "بازاریاب"),
    ("merchant-marketer", "بازاریاب پذیرنده"),
    ("club-owner", "باشگاه‌دار"),
    ("acceptor-saving", "پس‌انداز پذیرنده"),
    ("holder-saving", "پس‌انداز دارنده"),
    ("points", "امتیاز"),
    ("together", "روی‌هم"),
];

/// A word of the table in a language; what is not there stays as it is.
pub fn word(text: &str, language: super::Language) -> &str {
    match language {
        super::Language::English => text,
        super::Language::Persian => WORDS
            .iter()
            .find(|(en, _)| *en == text)
            .map_or(text, |(_, fa)| fa),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Language;

    #[test]
    fn every_word_stands_once_and_has_its_persian() {
        for (at, (english, persian)) in WORDS.iter().enumerate() {
            assert!(
                WORDS[..at].iter().all(|(other, _)| other != english),
                "{english}"
            );
            assert_eq!(word(english, Language::Persian), *persian);
            assert_eq!(word(english, Language::English), *english);
        }
    }

    #[test]
    fn both_languages_have_the_same_parts() {
        for Phrase(english, persian) in [
            MOST,
            STAGE,
            SHARE_AT_MOST,
            AMOUNT,
            DAY,
            EACH_DAY,
            EACH_DAYS,
            COUNTED,
            TIERS,
            SAME,
            IN_FORCE,
            WAS_IN_FORCE,
            FOR_APPROVAL,
            WAITS,
            COUNTS,
            HASH,
            ACT,
            AGAIN,
            OTHER_WAY,
            SPEED,
        ] {
            for part in ["{0}", "{1}", "{2}", "{3}", "{4}"] {
                assert_eq!(english.contains(part), persian.contains(part), "{english}");
            }
        }
    }
}
