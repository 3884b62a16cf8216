//! What an outcome is called: short enough for the text field of an answer (25 characters), and in Persian.

use crate::words::Language;

/// Every outcome by its name in dialect files, in English (ASCII, at most 25 characters) and Persian.
pub const TABLE: [(&str, &str, &str); 26] = [
    ("approved", "Approved", "انجام شد"),
    ("part-approved", "Approved in part", "بخشی انجام شد"),
    ("merchant-unknown", "Shop not known", "پذیرنده شناخته نشد"),
    (
        "unknown-transaction",
        "Transaction not known",
        "تراکنش شناخته نشد",
    ),
    ("invalid-amount", "Amount not valid", "مبلغ نامعتبر است"),
    (
        "member-unknown",
        "Card or member not known",
        "کارت یا عضو شناخته نشد",
    ),
    (
        "original-not-found",
        "Original not found",
        "تراکنش اصلی یافت نشد",
    ),
    ("already-there", "Already a member", "پیش‌تر عضو شده است"),
    ("format-error", "Message not understood", "پیام خوانده نشد"),
    ("not-enough", "Not enough in the purse", "موجودی کافی نیست"),
    ("expired-card", "Card has expired", "تاریخ کارت گذشته است"),
    ("wrong-pin", "Wrong PIN", "رمز نادرست است"),
    (
        "pin-tries",
        "PIN tries used up",
        "دفعات رمز نادرست بیش از حد",
    ),
    ("not-allowed", "Not allowed here", "مجاز نیست"),
    (
        "terminal-not-allowed",
        "Terminal not allowed",
        "پایانه مجاز نیست",
    ),
    (
        "over-amount-limit",
        "Over the amount limit",
        "بیش از سقف مبلغ",
    ),
    (
        "over-times-limit",
        "Over the times limit",
        "بیش از سقف دفعات",
    ),
    ("card-suspended", "Card is suspended", "کارت مسدود است"),
    (
        "amount-differs",
        "Amount not the original's",
        "مبلغ با تراکنش اصلی یکی نیست",
    ),
    ("not-signed-on", "Not signed on", "ارتباط برقرار نشده است"),
    ("no-route", "Cannot be routed", "مسیر در دسترس نیست"),
    ("key-conflict", "Number used before", "شماره تکراری است"),
    ("totals-differ", "Totals differ", "جمع‌ها نمی‌خواند"),
    (
        "cannot-serve",
        "Try again later",
        "اکنون ممکن نیست، دوباره تلاش کنید",
    ),
    ("mac-wrong", "MAC wrong", "کد اصالت پیام نادرست است"),
    ("in-progress", "In progress", "در حال انجام است"),
];

/// The words of an outcome; its name where the table has none.
pub fn outcome(name: &str, language: Language) -> &str {
    match TABLE.iter().find(|row| row.0 == name) {
        Some((_, english, _)) if language == Language::English => english,
        Some((_, _, persian)) => persian,
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn english_fits_the_text_field_of_an_answer() {
        for (name, english, persian) in TABLE {
            assert!(english.is_ascii() && english.len() <= 25, "{english}");
            assert!(!persian.is_ascii(), "{name}");
        }
    }
}
