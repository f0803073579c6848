//! Constants with an exponent or many digits, which are numeric, as in PostgreSQL.

use datafusion::sql::sqlparser::ast;

use super::{call, text};
use crate::error::Result;

/// Digits of a constant that the planner can read.
const DIGITS_MAX: usize = 38;

/// Rewrites one expression.
pub(super) fn rewrite(expression: &mut ast::Expr) -> Result<()> {
    let ast::Expr::Value(value) = expression else { return Ok(()) };
    let ast::Value::Number(number, _) = &mut value.value else { return Ok(()) };
    if let Some((mantissa, exponent)) = number.split_once(['e', 'E']) {
        match exponent.parse().ok().and_then(|exponent| written_out(mantissa, exponent)) {
            // Without a point it would be an integer.
            Some(plain) if !plain.contains('.') => *expression = call("cast", [text(plain), text("numeric")]),
            Some(plain) => *number = plain,
            None => *expression = call("cast", [text(number.clone()), text("numeric")]),
        }
        return Ok(());
    }
    let digits = number.trim_start_matches('0').bytes().filter(u8::is_ascii_digit).count();
    if digits > DIGITS_MAX {
        *expression = call("cast", [text(number.clone()), text("numeric")]);
    }
    Ok(())
}

/// `mantissa`·10^`exponent` without exponent, if it has few enough digits.
fn written_out(mantissa: &str, exponent: i64) -> Option<String> {
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let point = whole.len() as i64 + exponent;
    if !(-(DIGITS_MAX as i64)..=DIGITS_MAX as i64).contains(&point) || digits.len() > DIGITS_MAX {
        return None;
    }
    let plain = if point <= 0 {
        format!("0.{}{digits}", "0".repeat(point.unsigned_abs() as usize))
    } else if point as usize >= digits.len() {
        format!("{digits}{}", "0".repeat(point as usize - digits.len()))
    } else {
        format!("{}.{}", &digits[..point as usize], &digits[point as usize..])
    };
    (plain.bytes().filter(u8::is_ascii_digit).count() <= DIGITS_MAX).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::written_out;

    #[test]
    fn exponents_are_written_out_while_digits_last() {
        assert_eq!(written_out("1", 15).as_deref(), Some("1000000000000000"));
        assert_eq!(written_out("1.25", 1).as_deref(), Some("12.5"));
        assert_eq!(written_out("1.5", -3).as_deref(), Some("0.0015"));
        assert_eq!(written_out("2", 0).as_deref(), Some("2"));
        assert_eq!(written_out("1", 300), None);
        assert_eq!(written_out("1", -300), None);
    }
}
