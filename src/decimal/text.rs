//! Values as text: what PostgreSQL reads and writes.

use std::fmt;

use num_bigint::{BigInt, Sign};

use super::{Decimal, Number, SCALE_MAX, WHOLE_DIGITS_MAX, encoding, overflow, ten_to};
use crate::error::{Error, Result, code};

impl Decimal {
    /// Reads a value: digits with a point and an exponent, `NaN`, `Infinity`, `inf`. Errors: 22P02, 22003 for too many digits.
    pub fn parse(text: &str) -> Result<Decimal> {
        let trimmed = text.trim_matches(|letter: char| letter.is_ascii_whitespace() || letter == '\x0b');
        match read(trimmed) {
            Some(number) => number,
            None => special(trimmed).ok_or_else(|| {
                let message = format!("invalid input syntax for type numeric: \"{text}\"");
                Error::new(code::INVALID_TEXT_REPRESENTATION, message)
            }),
        }
    }
}

fn special(text: &str) -> Option<Decimal> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if is("nan") {
        return Some(Decimal::NaN);
    }
    if !unsigned.eq_ignore_ascii_case("infinity") && !unsigned.eq_ignore_ascii_case("inf") {
        return None;
    }
    Some(if text.starts_with('-') { Decimal::NegativeInfinity } else { Decimal::Infinity })
}

/// `[+-]digits[.digits][e[+-]digits]`; `None` for anything else.
fn read(text: &str) -> Option<Result<Decimal>> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        None => (text, 0),
        Some((mantissa, exponent)) => {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            (mantissa, exponent.parse().unwrap_or(if exponent.starts_with('-') { i32::MIN } else { i32::MAX }))
        }
    };
    let unsigned = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all_digits = whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    if !all_digits || whole.len() + fraction.len() == 0 {
        return None;
    }
    // What is far beyond the limits is not even computed.
    let scale = (fraction.len() as i64 - i64::from(exponent)).max(0);
    let zeros = whole.bytes().chain(fraction.bytes()).take_while(|byte| *byte == b'0').count();
    let significant = whole.len() + fraction.len() - zeros;
    let before_point = whole.len() as i64 - zeros as i64 + i64::from(exponent);
    if scale > i64::from(SCALE_MAX) || significant > 0 && before_point > WHOLE_DIGITS_MAX as i64 {
        return Some(Err(overflow()));
    }
    if significant == 0 {
        return Some(Ok(Decimal::new(0, scale as u32)));
    }
    Some(plain(mantissa, exponent).map(Decimal::Number).ok_or_else(overflow))
}

/// The number of a mantissa `[+-]digits[.digits]` times 10^exponent.
pub(super) fn plain(mantissa: &str, exponent: i32) -> Option<Number> {
    let (negative, unsigned) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let joined = [whole, fraction].concat();
    let units = match joined.parse::<i128>() {
        Ok(small) => BigInt::from(small),
        Err(_) => BigInt::parse_bytes(joined.as_bytes(), 10)?,
    };
    let units = if negative { -units } else { units };
    let scale = fraction.len() as i32 - exponent;
    Some(match u32::try_from(scale) {
        Ok(scale) => Number::new(units, scale),
        Err(_) => Number::new(units * ten_to(scale.unsigned_abs()), 0),
    })
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Decimal::NegativeInfinity => f.write_str("-Infinity"),
            Decimal::Infinity => f.write_str("Infinity"),
            Decimal::NaN => f.write_str("NaN"),
            Decimal::Number(number) => number.fmt(f),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.units.magnitude().to_string();
        let scale = self.scale as usize;
        if self.units.sign() == Sign::Minus {
            f.write_str("-")?;
        }
        if scale == 0 {
            return f.write_str(&digits);
        }
        match digits.len().checked_sub(scale).filter(|whole| *whole > 0) {
            Some(whole) => write!(f, "{}.{}", &digits[..whole], &digits[whole..]),
            None => write!(f, "0.{digits:0>scale$}"),
        }
    }
}

/// Writes the value of bytes as text.
pub(crate) fn write_encoded(bytes: &[u8], out: &mut Vec<u8>) {
    match encoding::read_small(bytes) {
        Some((units, scale)) if scale <= 127 => crate::format::text::number::write_decimal(units, scale as i8, out),
        _ => out.extend_from_slice(encoding::read(bytes).to_string().as_bytes()),
    }
}
