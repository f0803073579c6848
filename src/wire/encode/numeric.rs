//! PostgreSQL's binary numeric: groups of four decimal digits (numeric.c, `numeric_send` and `numeric_recv`).
//!
//! `ndigits i16, weight i16, sign u16, dscale u16, digits [i16]`: the value is `± Σ digits[i] · 10000^(weight − i)`, shown with
//! `dscale` digits after the point.

use num_bigint::BigInt;

use crate::decimal::Decimal;
use crate::decimal::encoding::{self, Parts};
use crate::error::{Error, Result};
use crate::wire::failure::code;

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xc000;
const INFINITY: u16 = 0xd000;
const NEGATIVE_INFINITY: u16 = 0xf000;
const GROUP: usize = 4;

/// Writes `value · 10^−scale`.
pub(in crate::wire) fn write(value: i128, scale: i8, out: &mut Vec<u8>) {
    write_digits(value < 0, value.unsigned_abs().to_string().as_bytes(), scale, out);
}

/// Writes the number of these decimal digits, `· 10^−scale`.
pub(super) fn write_digits(negative: bool, digits: &[u8], scale: i8, out: &mut Vec<u8>) {
    // Zeros on the left make the digits before the point a multiple of four, zeros on the right those behind it.
    let fraction = usize::try_from(scale).unwrap_or(0);
    let appended = usize::from(scale.min(0).unsigned_abs());
    let right = (GROUP - fraction % GROUP) % GROUP + appended;
    let mut padded = digits.to_vec();
    padded.extend(std::iter::repeat_n(b'0', right));
    let fraction_groups = fraction.div_ceil(GROUP);
    let left = (GROUP - padded.len() % GROUP) % GROUP;
    padded.splice(0..0, std::iter::repeat_n(b'0', left));
    let groups: Vec<i16> = padded
        .chunks_exact(GROUP)
        .map(|group| group.iter().fold(0, |value, digit| value * 10 + i16::from(digit - b'0')))
        .collect();
    let first = groups.iter().position(|group| *group != 0).unwrap_or(groups.len());
    let last = groups.iter().rposition(|group| *group != 0).map_or(first, |at| at + 1);
    // The counts are small: a decimal has at most 76 digits and a scale of one byte.
    let weight = if first == last { 0 } else { groups.len() as i16 - fraction_groups as i16 - 1 - first as i16 };
    let sign = if negative && first != last { NEGATIVE } else { POSITIVE };
    out.extend_from_slice(&((last - first) as i16).to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&(fraction as u16).to_be_bytes());
    for group in &groups[first..last] {
        out.extend_from_slice(&group.to_be_bytes());
    }
}

/// Reads a binary numeric as a whole number of `10^−scale`, rounded half away from zero; 22003 if that does not fit `precision`
/// digits, 22P03 for bytes that are no numeric, 0A000 for NaN and the infinities, which have no whole number.
pub(in crate::wire) fn read(bytes: &[u8], precision: u8, scale: i8) -> Result<i128> {
    let invalid = || Error::new(code::INVALID_BINARY_REPRESENTATION, "invalid binary numeric");
    let overflow = || {
        Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow")
            .detail(format!("a value of numeric({precision},{scale}) is expected"))
    };
    let words: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    let [count, weight, sign, dscale, digits @ ..] = words.as_slice() else { return Err(invalid()) };
    if !bytes.len().is_multiple_of(2) || digits.len() != usize::from(*count) || digits.iter().any(|group| *group > 9999)
    {
        return Err(invalid());
    }
    match *sign {
        POSITIVE | NEGATIVE if *dscale <= 0x3fff => {}
        NAN | INFINITY | NEGATIVE_INFINITY => {
            let message = format!("NaN and infinity are not supported in numeric({precision},{scale})");
            return Err(Error::unsupported(message).hint("use numeric without precision"));
        }
        _ => return Err(invalid()),
    }
    // The exponent of ten of the first group's last digit, counted in units of 10^−scale.
    let mut exponent = i32::from(*weight as i16) * GROUP as i32 + i32::from(scale);
    let mut value: i128 = 0;
    for group in digits {
        value = add_group(value, *group, exponent).ok_or_else(overflow)?;
        if exponent < 0 {
            break;
        }
        exponent -= GROUP as i32;
    }
    let limit = 10_i128.checked_pow(u32::from(precision)).unwrap_or(i128::MAX);
    if value >= limit {
        return Err(overflow());
    }
    Ok(if *sign == NEGATIVE { -value } else { value })
}

/// Writes a value that [`encoding`] encoded.
pub(super) fn write_any(bytes: &[u8], out: &mut Vec<u8>) {
    let mut words: Vec<u16> = Vec::new();
    match encoding::parts(bytes) {
        Parts::Number(negative, groups, position, scale) => {
            let sign = if negative { NEGATIVE } else { POSITIVE };
            words.extend([groups.len() as u16, position as i16 as u16, sign, scale as u16]);
            words.extend(groups);
        }
        Parts::Other(Decimal::NaN) => words.extend([0, 0, NAN, 0]),
        Parts::Other(Decimal::NegativeInfinity) => words.extend([0, 0, NEGATIVE_INFINITY, 0x20]),
        Parts::Other(_) => words.extend([0, 0, INFINITY, 0x20]),
    }
    words.iter().for_each(|word| out.extend_from_slice(&word.to_be_bytes()));
}

/// Reads a binary numeric of any size; digits behind its scale are cut off. Errors: 22P03.
pub(in crate::wire) fn read_any(bytes: &[u8]) -> Result<Decimal> {
    let invalid = || Error::new(code::INVALID_BINARY_REPRESENTATION, "invalid binary numeric");
    let words: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    let [count, weight, sign, dscale, groups @ ..] = words.as_slice() else { return Err(invalid()) };
    let fits = groups.len() == usize::from(*count) && groups.iter().all(|group| *group <= 9999) && *dscale <= 0x3fff;
    match *sign {
        _ if !bytes.len().is_multiple_of(2) || !fits => Err(invalid()),
        POSITIVE | NEGATIVE => {
            let units = BigInt::from(encoding::units(groups, i32::from(*weight as i16), u32::from(*dscale)));
            Ok(Decimal::new(if *sign == NEGATIVE { -units } else { units }, u32::from(*dscale)))
        }
        NAN => Ok(Decimal::NaN),
        INFINITY => Ok(Decimal::Infinity),
        NEGATIVE_INFINITY => Ok(Decimal::NegativeInfinity),
        _ => Err(invalid()),
    }
}

/// `value + group · 10^exponent`, rounded; `None` on overflow. With a negative exponent the group is the last that counts: what is
/// behind it is less than one of its own digits and cannot change a rounding that looks at one digit.
fn add_group(value: i128, group: u16, exponent: i32) -> Option<i128> {
    let group = i128::from(group);
    match u32::try_from(exponent) {
        _ if group == 0 => Some(value),
        Ok(exponent) => value.checked_add(group.checked_mul(10_i128.checked_pow(exponent)?)?),
        Err(_) if exponent < -(GROUP as i32) => Some(value),
        Err(_) => {
            let divisor = 10_i128.pow(exponent.unsigned_abs());
            value.checked_add((group + divisor / 2) / divisor)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: i128, scale: i8) -> Vec<u16> {
        let mut out = Vec::new();
        write(value, scale, &mut out);
        out.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
    }

    /// Expected words from PostgreSQL's `numeric_send`.
    #[test]
    fn words_as_postgresql_sends_them() {
        assert_eq!(written(0, 0), [0, 0, 0, 0]);
        assert_eq!(written(0, 2), [0, 0, 0, 2]);
        assert_eq!(written(1, 0), [1, 0, 0, 0, 1]);
        assert_eq!(written(-150, 2), [2, 0, 0x4000, 2, 1, 5000]);
        assert_eq!(written(12_345_678, 4), [2, 0, 0, 4, 1234, 5678]);
        assert_eq!(written(100_000_000, 0), [1, 2, 0, 0, 1]);
        assert_eq!(written(1, 5), [1, 0xfffe, 0, 5, 1000]);
        assert_eq!(written(12, -3), [2, 1, 0, 0, 1, 2000]);
        assert_eq!(written(99_999, 3), [2, 0, 0, 3, 99, 9990]);
    }

    #[test]
    fn reads_what_it_writes() {
        let largest = 10_i128.pow(38) - 1;
        for value in [0, 1, -1, 9_999, 10_000, -123_456_789_012_345, largest, -largest] {
            for scale in [-3, 0, 1, 2, 3, 4, 5, 10, 37, 38] {
                let mut out = Vec::new();
                write(value, scale, &mut out);
                assert_eq!(read(&out, 38, scale).unwrap(), value, "{value} scale {scale}");
            }
        }
    }

    #[test]
    fn rounds_half_away_from_zero() {
        for (value, from, to, expected) in
            [(125, 2, 1, 13), (-125, 2, 1, -13), (124, 2, 1, 12), (4, 1, 0, 0), (5, 1, 0, 1), (99_995, 4, 3, 10_000)]
        {
            let mut out = Vec::new();
            write(value, from, &mut out);
            assert_eq!(read(&out, 38, to).unwrap(), expected, "{value} from scale {from} to {to}");
        }
    }

    #[test]
    fn refuses_what_does_not_fit_or_is_broken() {
        let mut out = Vec::new();
        write(100_000, 0, &mut out);
        assert_eq!(read(&out, 5, 0).unwrap_err().code, "22003");
        assert_eq!(read(&out, 38, 36).unwrap_err().code, "22003");
        assert_eq!(read(&out[..out.len() - 1], 38, 0).unwrap_err().code, "22P03");
        assert_eq!(read(&[], 38, 0).unwrap_err().code, "22P03");
        assert_eq!(read(&[0, 0, 0, 0, 0xc0, 0, 0, 0], 38, 0).unwrap_err().code, "0A000");
        let huge = [0, 1, 0x7f, 0xff, 0, 0, 0, 0, 0, 1];
        assert_eq!(read(&huge, 38, 0).unwrap_err().code, "22003");
        let tiny = [0, 1, 0x80, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!(read(&tiny, 38, 10).unwrap(), 0);
    }
}
