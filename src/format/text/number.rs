//! Integers, floats and decimals as text.

use super::invalid_syntax;
use crate::error::{Error, Result, code};

/// Digits that a `numeric` can have.
const PRECISION_MAX: usize = 38;

/// Writes an integer.
pub(crate) fn write_integer(value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Writes the decimal `unscaled · 10^−scale` with `scale` digits after the point.
pub(crate) fn write_decimal(unscaled: i128, scale: i8, out: &mut Vec<u8>) {
    if unscaled < 0 {
        out.push(b'-');
    }
    let mut buffer = itoa::Buffer::new();
    write_decimal_digits(buffer.format(unscaled.unsigned_abs()).as_bytes(), scale, out);
}

/// Writes a decimal given by the digits of its unscaled absolute value.
pub(crate) fn write_decimal_digits(digits: &[u8], scale: i8, out: &mut Vec<u8>) {
    let scale_digits = usize::from(scale.unsigned_abs());
    if scale <= 0 {
        out.extend_from_slice(digits);
        if digits != b"0" {
            out.extend(std::iter::repeat_n(b'0', scale_digits));
        }
    } else if let Some(split) = digits.len().checked_sub(scale_digits).filter(|split| *split > 0) {
        out.extend_from_slice(&digits[..split]);
        out.push(b'.');
        out.extend_from_slice(&digits[split..]);
    } else {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', scale_digits - digits.len()));
        out.extend_from_slice(digits);
    }
}

/// Writes a double as `float8out` does with `extra_float_digits = 1`.
pub(crate) fn write_double(value: f64, out: &mut Vec<u8>) {
    if !write_special(value, out) {
        let mut buffer = ryu::Buffer::new();
        let shortest = Shortest::of(buffer.format_finite(value));
        let shortest = if shortest.is_midpoint(54) {
            Shortest::inside(54, |precision| (format!("{value:.precision$e}"), value), |text| text.parse().ok())
        } else {
            shortest
        };
        shortest.write(15, out);
    }
}

/// Writes a real as `float4out` does with `extra_float_digits = 1`.
pub(crate) fn write_real(value: f32, out: &mut Vec<u8>) {
    if !write_special(f64::from(value), out) {
        let mut buffer = ryu::Buffer::new();
        let shortest = Shortest::of(buffer.format_finite(value));
        let shortest = if shortest.is_midpoint(25) {
            Shortest::inside(25, |precision| (format!("{value:.precision$e}"), value), |text| text.parse().ok())
        } else {
            shortest
        };
        shortest.write(6, out);
    }
}

/// Reads an integer type's value; `type_name` is the SQL type for the message.
pub(crate) fn parse_integer<T: TryFrom<i64>>(text: &str, type_name: &str) -> Result<T> {
    let trimmed = text.trim_ascii();
    let digits = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid_syntax(type_name, text));
    }
    trimmed.parse::<i64>().ok().and_then(|value| T::try_from(value).ok()).ok_or_else(|| {
        let message = format!("value \"{text}\" is out of range for type {type_name}");
        Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, message)
    })
}

/// Reads a double or a real. `F` is `f64` or `f32`; a value that is too large, or so small that it would become 0, is refused
/// with 22003.
pub(crate) fn parse_float<F: std::str::FromStr + Into<f64> + Copy>(text: &str, type_name: &str) -> Result<F> {
    let trimmed = text.trim_ascii();
    let value: F = trimmed.parse().map_err(|_| invalid_syntax(type_name, text))?;
    let wide: f64 = value.into();
    let names_infinity = trimmed.bytes().any(|byte| byte.is_ascii_alphabetic() && !byte.eq_ignore_ascii_case(&b'e'));
    let became_infinite = wide.is_infinite() && !names_infinity;
    let mantissa = || trimmed.bytes().take_while(|byte| !byte.eq_ignore_ascii_case(&b'e'));
    let became_zero = wide == 0.0 && mantissa().any(|byte| (b'1'..=b'9').contains(&byte));
    if became_infinite || became_zero {
        let message = format!("\"{trimmed}\" is out of range for type {type_name}");
        return Err(Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, message));
    }
    Ok(value)
}

/// Reads a numeric(precision, scale): exact, rounded half away from zero to the scale, refused with 22003 when too large.
pub(crate) fn parse_decimal(text: &str, precision: u8, scale: i8) -> Result<i128> {
    let trimmed = text.trim_ascii();
    let overflow =
        |detail: String| Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow").detail(detail);
    let Some(number) = Digits::parse(trimmed.as_bytes()) else {
        let word = trimmed.trim_start_matches(['+', '-']).to_ascii_lowercase();
        return Err(match word.as_str() {
            "inf" | "infinity" => {
                overflow(format!("A field with precision {precision}, scale {scale} cannot hold an infinite value."))
            }
            "nan" => {
                let message = format!("NaN is not supported in numeric({precision},{scale})");
                Error::unsupported(message).hint("use numeric without precision")
            }
            _ => invalid_syntax("numeric", text),
        });
    };
    number
        .scaled(i32::from(scale))
        .filter(|scaled| scaled.unscaled.unsigned_abs() < 10u128.pow(u32::from(precision).min(38)))
        .map(|scaled| scaled.unscaled)
        .ok_or_else(|| {
            overflow(format!(
                "A field with precision {precision}, scale {scale} must round to an absolute value less than {}.",
                match i32::from(precision) - i32::from(scale) {
                    0 => "1".to_string(),
                    digits => format!("10^{digits}"),
                }
            ))
        })
}

/// A decimal number's parts as they stand in the text.
pub(crate) struct Digits<'a> {
    negative: bool,
    integral: &'a [u8],
    fraction: &'a [u8],
    exponent: i32,
}

/// A number brought to a scale.
pub(crate) struct Scaled {
    /// The number times 10^scale, rounded half away from zero.
    pub(crate) unscaled: i128,
    /// Whether nothing was rounded away.
    pub(crate) exact: bool,
}

impl<'a> Digits<'a> {
    /// Takes `[+-]digits[.digits][e[+-]digits]` apart, where one side of the point may be empty; `None` for anything else.
    pub(crate) fn parse(text: &'a [u8]) -> Option<Digits<'a>> {
        let (negative, rest) = match text.first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (integral, rest) = split_digits(rest);
        let (fraction, rest) = match rest.first() {
            Some(b'.') => split_digits(&rest[1..]),
            _ => (&rest[..0], rest),
        };
        if integral.is_empty() && fraction.is_empty() {
            return None;
        }
        let exponent = match rest.first() {
            None => 0,
            Some(b'e' | b'E') => parse_exponent(&rest[1..])?,
            Some(_) => return None,
        };
        Some(Digits { negative, integral, fraction, exponent })
    }

    /// The number times 10^scale; `None` if it has more than 38 digits then.
    pub(crate) fn scaled(&self, scale: i32) -> Option<Scaled> {
        let digits = self.integral.iter().chain(self.fraction);
        let count = self.integral.len() + self.fraction.len();
        // How many of the digits stand before the point that the scale puts after them.
        let kept = self.integral.len() as i64 + i64::from(self.exponent) + i64::from(scale);
        let mut unscaled: u128 = 0;
        let mut exact = true;
        for (at, digit) in digits.enumerate() {
            let digit = digit - b'0';
            if (at as i64) < kept {
                unscaled = push_digit(unscaled, digit)?;
            } else {
                exact &= digit == 0;
                if at as i64 == kept && digit >= 5 {
                    unscaled += 1;
                }
            }
        }
        if unscaled != 0 {
            for _ in count as i64..kept {
                unscaled = push_digit(unscaled, 0)?;
            }
        }
        let magnitude = i128::try_from(unscaled).ok()?;
        Some(Scaled { unscaled: if self.negative { -magnitude } else { magnitude }, exact })
    }

    /// Writes the number without an exponent, as PostgreSQL's numeric without precision does: with as many digits after the
    /// point as the text had, less what a positive exponent takes. `None` if the exponent stands for more than `zeros_max` zeros.
    pub(crate) fn write_plain(&self, zeros_max: i64, out: &mut Vec<u8>) -> Option<()> {
        let exponent = i64::from(self.exponent);
        let point = self.integral.len() as i64 + exponent;
        let count = (self.integral.len() + self.fraction.len()) as i64;
        if point - count > zeros_max || -point > zeros_max {
            return None;
        }
        let digits = || self.integral.iter().chain(self.fraction).copied();
        if self.negative && digits().any(|digit| digit != b'0') {
            out.push(b'-');
        }
        let start = out.len();
        out.extend(digits().take(point.max(0) as usize).skip_while(|digit| *digit == b'0'));
        if out.len() > start {
            out.extend(std::iter::repeat_n(b'0', (point - count).max(0) as usize));
        } else {
            out.push(b'0');
        }
        if count > point && self.fraction.len() as i64 > exponent {
            out.push(b'.');
            out.extend(std::iter::repeat_n(b'0', (-point).max(0) as usize));
            out.extend(digits().skip(point.max(0) as usize));
        }
        Some(())
    }
}

fn push_digit(value: u128, digit: u8) -> Option<u128> {
    (value < 10u128.pow(PRECISION_MAX as u32 - 1)).then(|| value * 10 + u128::from(digit))
}

fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len()))
}

/// An exponent with its sign. One that is out of all bounds is cut to bounds that no number type reaches either.
fn parse_exponent(text: &[u8]) -> Option<i32> {
    let (negative, digits) = match text.first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let bound = 1_000_000_000;
    let value = digits
        .iter()
        .fold(0i32, |value, digit| if value >= bound / 10 { bound } else { value * 10 + i32::from(digit - b'0') });
    Some(if negative { -value } else { value })
}

/// Writes `NaN` and the infinities; answers whether the value was one of them.
fn write_special(value: f64, out: &mut Vec<u8>) -> bool {
    let text: &[u8] = if value.is_nan() {
        b"NaN"
    } else if value == f64::INFINITY {
        b"Infinity"
    } else if value == f64::NEG_INFINITY {
        b"-Infinity"
    } else {
        return false;
    };
    out.extend_from_slice(text);
    true
}

/// The shortest digits that read back as a float: `0.d₁d₂… · 10^point`.
struct Shortest {
    negative: bool,
    digits: [u8; 24],
    count: usize,
    point: i32,
}

impl Shortest {
    /// Takes the digits out of `-12.34e-5` or the like.
    fn of(text: &str) -> Shortest {
        let mut shortest = Shortest { negative: false, digits: [0; 24], count: 0, point: 0 };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        shortest.point = exponent.parse().unwrap_or(0);
        let mut after_point = false;
        for byte in mantissa.bytes() {
            match byte {
                b'-' => shortest.negative = true,
                b'.' => after_point = true,
                b'0' if shortest.count == 0 => shortest.point -= i32::from(after_point),
                _ => {
                    shortest.digits[shortest.count.min(23)] = byte;
                    shortest.count += 1;
                    shortest.point += i32::from(!after_point);
                }
            }
        }
        while shortest.count > 0 && shortest.digits[shortest.count - 1] == b'0' {
            shortest.count -= 1;
        }
        shortest
    }

    /// Whether the digits name a number halfway between two floats of `bits − 1` bits. It reads back only if the reader rounds
    /// half to even, which PostgreSQL does not rely on: it takes more digits then (2e+23 becomes 1.9999999999999998e+23).
    fn is_midpoint(&self, bits: u32) -> bool {
        let power = self.point - self.count as i32;
        if !(1..=23).contains(&power) {
            return false;
        }
        let digits = self.digits[..self.count].iter().fold(0u128, |value, digit| value * 10 + u128::from(digit - b'0'));
        let odd = (digits >> digits.trailing_zeros()) * 5u128.pow(power as u32);
        128 - odd.leading_zeros() == bits
    }

    /// The shortest digits that read back whatever way the reader rounds. `format` writes the value with one digit and
    /// `precision` more.
    fn inside<F: PartialEq>(
        bits: u32,
        format: impl Fn(usize) -> (String, F),
        parse: impl Fn(&str) -> Option<F>,
    ) -> Shortest {
        for precision in 0..17 {
            let (text, value) = format(precision);
            let candidate = Shortest::of(&text);
            if parse(&text) == Some(value) && !candidate.is_midpoint(bits) {
                return candidate;
            }
        }
        Shortest::of(&format(17).0)
    }

    /// Writes the digits plainly, or with an exponent if that is below −4 or at least `exponent_min`.
    fn write(&self, exponent_min: i32, out: &mut Vec<u8>) {
        if self.negative {
            out.push(b'-');
        }
        let digits = &self.digits[..self.count];
        let exponent = self.point - 1;
        if digits.is_empty() {
            out.push(b'0');
        } else if exponent < -4 || exponent >= exponent_min {
            out.push(digits[0]);
            if digits.len() > 1 {
                out.push(b'.');
                out.extend_from_slice(&digits[1..]);
            }
            out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
            super::calendar::write_padded(u64::from(exponent.unsigned_abs()), 2, out);
        } else if self.point <= 0 {
            out.extend_from_slice(b"0.");
            out.extend(std::iter::repeat_n(b'0', self.point.unsigned_abs() as usize));
            out.extend_from_slice(digits);
        } else {
            let whole = self.point as usize;
            out.extend_from_slice(&digits[..whole.min(digits.len())]);
            out.extend(std::iter::repeat_n(b'0', whole.saturating_sub(digits.len())));
            if digits.len() > whole {
                out.push(b'.');
                out.extend_from_slice(&digits[whole..]);
            }
        }
    }
}
