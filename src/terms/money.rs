//! Money in whole minor units, percents and rates as exact ratios. Every rounding happens in a function of this file.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

/// Whole rials. A field of the wire holds at most 12 digits; sums of a day fit with room to spare.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Rials(pub i64);

/// An amount that no longer fits its type: the decision it was for cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an amount does not fit 63 bits")]
pub struct Overflow;

impl Rials {
    /// Nothing.
    pub const ZERO: Rials = Rials(0);
    /// The largest amount that DE4 can say: twelve nines.
    pub const FIELD_MAX: Rials = Rials(999_999_999_999);

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, where it fits.
    pub fn plus(self, other: Rials) -> Result<Rials, Overflow> {
        self.0.checked_add(other.0).map(Rials).ok_or(Overflow)
    }

    /// The difference, where it fits; it may be below zero.
    pub fn less(self, other: Rials) -> Result<Rials, Overflow> {
        self.0.checked_sub(other.0).map(Rials).ok_or(Overflow)
    }

    /// The largest multiple of `step` that is not more than this. A step of zero leaves it as it is.
    pub fn down_to_step(self, step: Rials) -> Rials {
        if step.0 <= 0 {
            self
        } else {
            Rials(self.0 - self.0.rem_euclid(step.0))
        }
    }
}

impl fmt::Display for Rials {
    /// With thousands set off by commas, as people read it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&grouped(self.0, 0))
    }
}

impl fmt::Debug for Rials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rial", self.0)
    }
}

/// A whole number of smallest units with its point set, as `290.13` for 29,013 hundredths: what the wire and files carry.
pub fn pointed(value: i64, decimals: u8) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let digits = value.unsigned_abs();
    if decimals == 0 {
        return format!("{sign}{digits}");
    }
    let one = 10u64.pow(u32::from(decimals));
    format!(
        "{sign}{}.{:0width$}",
        digits / one,
        digits % one,
        width = usize::from(decimals)
    )
}

/// As [`pointed`], with the thousands set off by commas: what people read.
pub fn grouped(value: i64, decimals: u8) -> String {
    let plain = pointed(value, decimals);
    let (sign, plain) = match plain.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", plain.as_str()),
    };
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let mut out = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// `value × times ÷ per`, rounded down.
pub fn scaled_down(value: i64, times: i64, per: i64) -> Result<i64, Overflow> {
    let product = i128::from(value) * i128::from(times);
    i64::try_from(product.div_euclid(i128::from(per.max(1)))).map_err(|_| Overflow)
}

/// `value × times ÷ per`, rounded up.
pub fn scaled_up(value: i64, times: i64, per: i64) -> Result<i64, Overflow> {
    let per = i128::from(per.max(1));
    let product = i128::from(value) * i128::from(times);
    i64::try_from(-(-product).div_euclid(per)).map_err(|_| Overflow)
}

/// A share of 0 to 100 %, exact to four decimals of a percent: kept in millionths of the whole.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Percent(u32);

/// Why a text is no percent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PercentError {
    /// No number followed by `%`.
    #[error("a percent is a number followed by %, as \"2.5%\"")]
    Shape,
    /// Under 0 % or over 100 %.
    #[error("a percent is from 0% to 100%")]
    Range,
    /// More than four decimals.
    #[error("a percent has at most 4 decimals")]
    Decimals,
}

impl Percent {
    /// Everything.
    pub const ALL: Percent = Percent(1_000_000);

    /// Reads `"2.5%"`.
    pub fn parse(text: &str) -> Result<Percent, PercentError> {
        let number = text
            .trim()
            .strip_suffix('%')
            .ok_or(PercentError::Shape)?
            .trim_end();
        if number.is_empty()
            || !number
                .bytes()
                .all(|b| b.is_ascii_digit() || b == b'.' || b == b'-')
        {
            return Err(PercentError::Shape);
        }
        let value = Decimal::from_str(number).map_err(|_| PercentError::Shape)?;
        let value = value.normalize();
        if value.is_sign_negative() && !value.is_zero() || value > Decimal::ONE_HUNDRED {
            return Err(PercentError::Range);
        }
        if value.scale() > 4 {
            return Err(PercentError::Decimals);
        }
        let millionths = value.mantissa() * 10i128.pow(4 - value.scale());
        u32::try_from(millionths)
            .map(Percent)
            .map_err(|_| PercentError::Range)
    }

    /// In millionths of the whole; 1 % is 10,000.
    pub fn millionths(self) -> u32 {
        self.0
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// This share of an amount, rounded down to a whole rial.
    pub fn of(self, amount: Rials) -> Result<Rials, Overflow> {
        scaled_down(amount.0, i64::from(self.0), 1_000_000).map(Rials)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimal = Decimal::new(i64::from(self.0), 4).normalize();
        write!(f, "{decimal}%")
    }
}

/// How much of one thing for how much of another: `value` for every `per`. Both above zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Rate {
    /// What is got, in smallest units.
    pub value: i64,
    /// For how much of the other, in smallest units.
    pub per: i64,
}

impl Rate {
    /// `amount` of the other thing turned into this one, rounded down.
    pub fn down(self, amount: i64) -> Result<i64, Overflow> {
        scaled_down(amount, self.value, self.per)
    }

    /// The smallest amount of the other thing whose worth is at least `wanted`.
    pub fn needed_for(self, wanted: i64) -> Result<i64, Overflow> {
        scaled_up(wanted, self.per, self.value)
    }
}

/// A multiplier such as a tier's `1.2`, exact.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Times {
    /// Above the line.
    pub over: i64,
    /// Below the line, a power of ten.
    pub under: i64,
}

impl Times {
    /// Once.
    pub const ONCE: Times = Times { over: 1, under: 1 };

    /// So many times of it.
    pub fn times(self, other: Times) -> Result<Times, Overflow> {
        Ok(Times {
            over: self.over.checked_mul(other.over).ok_or(Overflow)?,
            under: self.under.checked_mul(other.under).ok_or(Overflow)?,
        })
    }

    /// Reads `"1.2"`: above zero, at most 1,000, at most four decimals.
    pub fn parse(text: &str) -> Option<Times> {
        let value = Decimal::from_str(text.trim()).ok()?.normalize();
        if value <= Decimal::ZERO || value > Decimal::ONE_THOUSAND || value.scale() > 4 {
            return None;
        }
        Some(Times {
            over: i64::try_from(value.mantissa()).ok()?,
            under: 10i64.pow(value.scale()),
        })
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = self.under.ilog10();
        write!(f, "{}", Decimal::new(self.over, scale).normalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percent_is_exact_and_rounds_down() {
        let check = |percent: &str, amount: i64, share: i64| {
            let percent = Percent::parse(percent).unwrap();
            assert_eq!(percent.of(Rials(amount)), Ok(Rials(share)));
        };
        check("5%", 2_755_555, 137_777);
        check("0.25%", 2_755_555, 6_888);
        check("0.15%", 2_755_555, 4_133);
        check("0.60%", 2_755_555, 16_533);
        check("1%", 2_417_778, 24_177);
        check("30%", 2_617_778, 785_333);
        check("0.0001%", 999_999, 0);
        check("100%", 999_999_999_999, 999_999_999_999);
    }

    #[test]
    fn what_is_no_percent_says_why() {
        let check = |text: &str, why: PercentError| assert_eq!(Percent::parse(text), Err(why));
        check("5", PercentError::Shape);
        check("%", PercentError::Shape);
        check("five%", PercentError::Shape);
        check("1e2%", PercentError::Shape);
        check("-1%", PercentError::Range);
        check("100.01%", PercentError::Range);
        check("0.00001%", PercentError::Decimals);
    }

    #[test]
    fn a_percent_reads_back() {
        for text in ["5%", "0.25%", "100%", "0.0001%", "0%"] {
            assert_eq!(Percent::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Percent::parse("0.60%").unwrap().to_string(), "0.6%");
    }

    #[test]
    fn points_cover_the_rials_they_pay() {
        // 150 rial a point of 100 hundredths: 35,000 rial cost 233.34 points, worth 35,001.
        let value = Rate {
            value: 150,
            per: 100,
        };
        assert_eq!(value.needed_for(35_000), Ok(23_334));
        assert_eq!(value.down(23_334), Ok(35_001));
        assert_eq!(value.down(23_333), Ok(34_999));
    }

    #[test]
    fn an_amount_that_does_not_fit_is_told() {
        assert_eq!(scaled_down(i64::MAX, 3, 2), Err(Overflow));
        assert_eq!(Rials(i64::MAX).plus(Rials(1)), Err(Overflow));
    }

    #[test]
    fn numbers_are_written_for_wire_and_people() {
        assert_eq!(pointed(29_013, 2), "290.13");
        assert_eq!(pointed(-5, 2), "-0.05");
        assert_eq!(grouped(2_755_555, 0), "2,755,555");
        assert_eq!(grouped(-12_345_678, 2), "-123,456.78");
        assert_eq!(grouped(999, 0), "999");
        assert_eq!(Rials(1_000).to_string(), "1,000");
    }

    #[test]
    fn a_multiplier_is_exact() {
        assert_eq!(
            Times::parse("1.2"),
            Some(Times {
                over: 12,
                under: 10
            })
        );
        assert_eq!(Times::parse("2"), Some(Times { over: 2, under: 1 }));
        assert_eq!(Times::parse("0"), None);
        assert_eq!(Times::parse("-1"), None);
        assert_eq!(Times::parse("1.2").unwrap().to_string(), "1.2");
        assert_eq!(Times::parse("2").unwrap().to_string(), "2");
    }

    #[test]
    fn a_step_trims_downwards() {
        assert_eq!(Rials(785_333).down_to_step(Rials(10_000)), Rials(780_000));
        assert_eq!(Rials(785_333).down_to_step(Rials(0)), Rials(785_333));
    }
}
