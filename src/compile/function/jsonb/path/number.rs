//! Arithmetic of numbers in paths, as PostgreSQL's numeric: sums and products are exact, quotients have at least 16 digits that count.
//! Numbers have up to 38 digits here.

use super::evaluate::Failure;
use crate::error::code;

/// `unscaled · 10^-scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    unscaled: i128,
    scale: u32,
}

impl Decimal {
    /// Reads a plain number.
    pub(super) fn parse(text: &str) -> Result<Decimal, Failure> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let unscaled = format!("{whole}{fraction}").parse().map_err(|_| too_large())?;
        Ok(Decimal { unscaled, scale: fraction.len() as u32 })
    }

    /// The number as it is written.
    pub(super) fn text(self) -> String {
        let digits = self.unscaled.unsigned_abs().to_string();
        let scale = self.scale as usize;
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        let sign = if self.unscaled < 0 { "-" } else { "" };
        if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    }

    /// One of `+ - * / %`. Errors: 22012, 22003.
    pub(super) fn apply(self, operator: char, other: Decimal) -> Result<Decimal, Failure> {
        let scale = self.scale.max(other.scale);
        let (a, b) = (self.scaled(scale)?, other.scaled(scale)?);
        let made =
            |unscaled: Option<i128>, scale| unscaled.map(|unscaled| Decimal { unscaled, scale }).ok_or_else(too_large);
        match operator {
            '+' => made(a.checked_add(b), scale),
            '-' => made(a.checked_sub(b), scale),
            '*' => made(self.unscaled.checked_mul(other.unscaled), self.scale + other.scale),
            _ if b == 0 => Err(Failure::new(code::DIVISION_BY_ZERO, "division by zero")),
            '%' => made(a.checked_rem(b), scale),
            _ => self.divided(other),
        }
    }

    /// The number with its sign turned.
    pub(super) fn negated(self) -> Decimal {
        Decimal { unscaled: self.unscaled.saturating_neg(), ..self }
    }

    /// Without its sign.
    pub(super) fn absolute(self) -> Decimal {
        Decimal { unscaled: self.unscaled.saturating_abs(), ..self }
    }

    /// The next whole number below (above with `up`).
    pub(super) fn whole(self, up: bool) -> Decimal {
        let unit = 10_i128.saturating_pow(self.scale);
        let floor = self.unscaled.div_euclid(unit);
        let unscaled = if up && floor * unit != self.unscaled { floor + 1 } else { floor };
        Decimal { unscaled, scale: 0 }
    }

    /// The whole part, for a subscript.
    pub(super) fn truncated(self) -> i128 {
        self.unscaled / 10_i128.saturating_pow(self.scale)
    }

    fn scaled(self, scale: u32) -> Result<i128, Failure> {
        10_i128.checked_pow(scale - self.scale).and_then(|unit| self.unscaled.checked_mul(unit)).ok_or_else(too_large)
    }

    fn divided(self, other: Decimal) -> Result<Decimal, Failure> {
        let ((weight, first), (other_weight, other_first)) = (self.leading(), other.leading());
        let quotient_weight = weight - other_weight - i32::from(first <= other_first);
        let scale = (16 - quotient_weight * 4).max(self.scale as i32).max(other.scale as i32).max(0) as u32;
        // One digit more, to round by.
        let shift = scale + 1 + other.scale - self.scale.min(scale + 1 + other.scale);
        let dividend =
            10_i128.checked_pow(shift).and_then(|unit| self.unscaled.checked_mul(unit)).ok_or_else(too_large)?;
        let quotient = dividend / other.unscaled;
        let rounded = (quotient + if quotient < 0 { -5 } else { 5 }) / 10;
        Ok(Decimal { unscaled: rounded, scale })
    }

    /// Position and value of the first digit in base 10000, as numeric keeps numbers.
    fn leading(self) -> (i32, i128) {
        let digits = self.unscaled.unsigned_abs().to_string();
        if self.unscaled == 0 {
            return (0, 0);
        }
        // Decimal position of the first digit; 0 is that of the ones.
        let position = digits.len() as i32 - 1 - self.scale as i32;
        let weight = position.div_euclid(4);
        let length = (position.rem_euclid(4) + 1) as usize;
        let padded = format!("{digits:0<length$}");
        (weight, padded[..length].parse().unwrap_or(0))
    }
}

fn too_large() -> Failure {
    Failure::new(
        code::NUMERIC_VALUE_OUT_OF_RANGE,
        "a number of more than 38 digits is out of range of jsonpath arithmetic",
    )
}
