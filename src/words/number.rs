//! Numbers as people and the wire write them, without a detour over memory: this is on the path of every answer.

use crate::words::Language;

/// Appends the digits of a number.
pub fn put_digits(out: &mut Vec<u8>, value: u64) {
    let (mut digits, mut at, mut left) = ([0; 20], 20, value);
    while left > 0 || at == 20 {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a whole number of smallest units with its point set: `290.13` for 29,013 hundredths.
pub fn put_pointed(out: &mut Vec<u8>, value: i64, decimals: u8) {
    put(out, value, decimals, put_digits);
}

/// As [`put_pointed`], with the thousands set off by commas.
pub fn put_grouped(out: &mut Vec<u8>, value: i64, decimals: u8) {
    put(out, value, decimals, |out, whole| {
        let (mut text, mut at, mut left, mut count) = ([0; 26], 26, whole, 0);
        while left > 0 || count == 0 {
            if count > 0 && count % 3 == 0 {
                at -= 1;
                text[at] = b',';
            }
            at -= 1;
            text[at] = b'0' + (left % 10) as u8;
            left /= 10;
            count += 1;
        }
        out.extend_from_slice(&text[at..]);
    });
}

fn put(out: &mut Vec<u8>, value: i64, decimals: u8, put_whole: impl Fn(&mut Vec<u8>, u64)) {
    if value < 0 {
        out.push(b'-');
    }
    // More decimals than 18 do not fit the number; purses have at most four.
    let decimals = decimals.min(18);
    let one = 10_u64.pow(u32::from(decimals));
    let value = value.unsigned_abs();
    put_whole(out, value / one);
    if decimals > 0 {
        out.push(b'.');
        let mut unit = one / 10;
        while unit > 0 {
            out.push(b'0' + (value / unit % 10) as u8);
            unit /= 10;
        }
    }
}

/// A number as the wire writes it (`-2417778`, `290.13`) for people of a language; anything else as it is.
pub fn for_people(number: &str, language: Language) -> String {
    let (sign, rest) = match number.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", number),
    };
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    if whole.is_empty() || !(whole.bytes().chain(fraction.bytes())).all(|b| b.is_ascii_digit()) {
        return number.to_owned();
    }
    let mut grouped = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if !fraction.is_empty() {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    digits(&grouped, language)
}

/// A text with its digits, the separators between digits, and the percent sign behind them, in those of a language.
pub fn digits(text: &str, language: Language) -> String {
    if language == Language::English {
        return text.to_owned();
    }
    let mut before = ' ';
    text.chars()
        .map(|c| {
            let after_digit = before.is_ascii_digit();
            before = c;
            match c {
                '0'..='9' => char::from_u32(0x06f0 + (c as u32 - '0' as u32)).unwrap_or(c),
                ',' if after_digit => '٬',
                '.' if after_digit => '٫',
                '%' if after_digit => '٪',
                _ => c,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::money::{grouped, pointed};

    #[test]
    fn both_ways_of_writing_a_number_agree() {
        for value in [
            0,
            7,
            999,
            1000,
            29_013,
            2_417_778,
            -2_417_778,
            i64::MAX,
            i64::MIN,
        ] {
            for decimals in 0..=4 {
                let mut out = Vec::new();
                put_pointed(&mut out, value, decimals);
                out.push(b' ');
                put_grouped(&mut out, value, decimals);
                let wanted = format!("{} {}", pointed(value, decimals), grouped(value, decimals));
                assert_eq!(String::from_utf8(out).unwrap(), wanted);
                assert_eq!(
                    for_people(&pointed(value, decimals), Language::English),
                    grouped(value, decimals)
                );
            }
        }
    }

    #[test]
    fn persian_has_digits_and_separators_of_its_own() {
        assert_eq!(for_people("2417778", Language::Persian), "۲٬۴۱۷٬۷۷۸");
        assert_eq!(for_people("-290.13", Language::Persian), "-۲۹۰٫۱۳");
        assert_eq!(for_people("max", Language::Persian), "max");
        assert_eq!(digits("m-1001.", Language::Persian), "m-۱۰۰۱٫");
    }
}
