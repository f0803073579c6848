//! Values as bytes, in an order that is that of the numbers.
//!
//! `class u8, position u16, groups [u16], end u8, scale u16`, all big-endian: groups of four digits, aligned to the point, without
//! outer zeros, the first of which stands at 10000^position. The class tells −infinity, negative numbers, zero, positive numbers,
//! infinity and NaN apart; of negative numbers position, groups and end are complemented. Zero and what is no number have the class
//! and the scale only. Numbers that differ in their scales only are equal but for the last two bytes.

use num_bigint::{BigInt, BigUint, Sign};

use super::{Decimal, Number, ten_to};

const NEGATIVE_INFINITY: u8 = 0;
const NEGATIVE: u8 = 1;
const ZERO: u8 = 2;
const POSITIVE: u8 = 3;
const INFINITY: u8 = 4;
const NAN: u8 = 5;

/// Of groups and positions, so that none has a byte that looks like the end.
const GROUP_OFFSET: u16 = 0x0100;
const POSITION_OFFSET: i32 = 0x8000;
const END: u8 = 0;
const BASE: u32 = 10_000;

/// Appends the bytes of a value.
pub(crate) fn write(value: &Decimal, out: &mut Vec<u8>) {
    match value {
        Decimal::NegativeInfinity => out.extend_from_slice(&[NEGATIVE_INFINITY, 0, 0]),
        Decimal::Infinity => out.extend_from_slice(&[INFINITY, 0, 0]),
        Decimal::NaN => out.extend_from_slice(&[NAN, 0, 0]),
        Decimal::Number(number) => write_number(number, out),
    }
}

/// Appends the bytes of `units` · 10^−`scale`.
pub(crate) fn write_small(units: i128, scale: u32, out: &mut Vec<u8>) {
    let magnitude = units.unsigned_abs();
    let padding = (4 - scale % 4) % 4;
    let Some(aligned) = magnitude.checked_mul(10_u128.pow(padding)) else {
        return write_number(&Number::new(units, scale), out);
    };
    let (groups, position) = trimmed(small_groups(aligned), scale.div_ceil(4));
    write_parts(units < 0, &groups, position, scale, out);
}

/// The bytes of a value.
pub(crate) fn encoded(value: &Decimal) -> Vec<u8> {
    let mut out = Vec::with_capacity(16);
    write(value, &mut out);
    out
}

fn write_number(number: &Number, out: &mut Vec<u8>) {
    let (groups, position) = groups(&number.units, number.scale);
    write_parts(number.units.sign() == Sign::Minus, &groups, position, number.scale, out);
}

/// Appends a number's bytes from its groups, the first of which stands at 10000^position.
pub(crate) fn write_parts(negative: bool, groups: &[u16], position: i32, scale: u32, out: &mut Vec<u8>) {
    // Values have at most 16383 digits after the point.
    let scale = (scale.min(super::SCALE_MAX) as u16).to_be_bytes();
    if groups.is_empty() {
        out.push(ZERO);
        out.extend_from_slice(&scale);
        return;
    }
    out.push(if negative { NEGATIVE } else { POSITIVE });
    let start = out.len();
    out.extend_from_slice(&((position + POSITION_OFFSET) as u16).to_be_bytes());
    groups.iter().for_each(|group| out.extend_from_slice(&(group + GROUP_OFFSET).to_be_bytes()));
    out.push(END);
    if negative {
        out[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
    out.extend_from_slice(&scale);
}

/// What a value's bytes say.
pub(crate) enum Parts {
    /// Whether it is negative, its groups, where the first stands, and its scale.
    Number(bool, Vec<u16>, i32, u32),
    /// −infinity, infinity or NaN.
    Other(Decimal),
}

/// Takes a value's bytes apart; what is none is NaN.
pub(crate) fn parts(bytes: &[u8]) -> Parts {
    let Some((rest, scale)) = bytes.split_last_chunk::<2>() else { return Parts::Other(Decimal::NaN) };
    let scale = u32::from(u16::from_be_bytes(*scale));
    match rest.first() {
        Some(&NEGATIVE_INFINITY) => Parts::Other(Decimal::NegativeInfinity),
        Some(&INFINITY) => Parts::Other(Decimal::Infinity),
        Some(&ZERO) => Parts::Number(false, Vec::new(), 0, scale),
        Some(&class @ (NEGATIVE | POSITIVE)) if rest.len() >= 4 => {
            let flip = if class == NEGATIVE { u16::MAX } else { 0 };
            let mut words =
                rest[1..rest.len() - 1].chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]) ^ flip);
            let position = i32::from(words.next().unwrap_or_default()) - POSITION_OFFSET;
            let groups = words.map(|word| word.wrapping_sub(GROUP_OFFSET)).collect();
            Parts::Number(class == NEGATIVE, groups, position, scale)
        }
        _ => Parts::Other(Decimal::NaN),
    }
}

/// The value of bytes that [`write()`] made; what is none is NaN.
pub(crate) fn read(bytes: &[u8]) -> Decimal {
    match parts(bytes) {
        Parts::Other(value) => value,
        Parts::Number(negative, groups, position, scale) => {
            let sign = if negative { Sign::Minus } else { Sign::Plus };
            Decimal::Number(Number::new(BigInt::from_biguint(sign, units(&groups, position, scale)), scale))
        }
    }
}

/// The units and the scale of a number whose units are less than 10^36; `None` for all others.
pub(crate) fn read_small(bytes: &[u8]) -> Option<(i128, u32)> {
    let (rest, scale) = bytes.split_last_chunk::<2>()?;
    let scale = u32::from(u16::from_be_bytes(*scale));
    let class = *rest.first()?;
    if class == ZERO {
        return Some((0, scale));
    }
    if !matches!(class, NEGATIVE | POSITIVE) || rest.len() > 20 || rest.len() < 4 {
        return None;
    }
    let flip = if class == NEGATIVE { u16::MAX } else { 0 };
    let word = |at: usize| u16::from_be_bytes([rest[at], rest[at + 1]]) ^ flip;
    let position = i32::from(word(1)) - POSITION_OFFSET;
    let count = (rest.len() - 4) / 2;
    let mut value: u128 = 0;
    for at in 0..count {
        value = value * u128::from(BASE) + u128::from(word(3 + 2 * at).wrapping_sub(GROUP_OFFSET));
    }
    // The exponent of ten of the last group's last digit, in units of the scale.
    let exponent = (position + 1 - count as i32) * 4 + scale as i32;
    let value = match u32::try_from(exponent) {
        Ok(exponent) => value.checked_mul(10_u128.checked_pow(exponent)?)?,
        Err(_) => value / 10_u128.checked_pow(exponent.unsigned_abs())?,
    };
    let value = i128::try_from(value).ok().filter(|value| *value < 10_i128.pow(36))?;
    Some((if class == NEGATIVE { -value } else { value }, scale))
}

/// The bytes without what tells scales apart: equal for equal numbers, and in their order.
pub(crate) fn key(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().saturating_sub(2)]
}

/// The bytes of the equal number with the least scale.
pub(crate) fn canonical(bytes: &[u8]) -> Vec<u8> {
    let mut out = key(bytes).to_vec();
    let scale = match parts(bytes) {
        Parts::Number(_, groups, position, _) => scale_min(&groups, position),
        Parts::Other(_) => 0,
    };
    out.extend_from_slice(&(scale as u16).to_be_bytes());
    out
}

/// Digits after the point that a number needs.
fn scale_min(groups: &[u16], position: i32) -> u32 {
    let Some(last) = groups.last() else { return 0 };
    let zeros = (1..4).take_while(|zeros| last % 10_u16.pow(*zeros) == 0).count() as i32;
    ((groups.len() as i32 - 1 - position) * 4 - zeros).max(0) as u32
}

/// The groups of `units` · 10^−`scale` without outer zeros, and where the first stands (0 for zero).
pub(crate) fn groups(units: &BigInt, scale: u32) -> (Vec<u16>, i32) {
    let padding = (4 - scale % 4) % 4;
    let aligned = units.magnitude() * ten_to(padding).magnitude();
    let groups = match u128::try_from(&aligned) {
        Ok(small) => small_groups(small),
        Err(_) => {
            let pairs = aligned.to_radix_le(100);
            let mut groups: Vec<u16> = pairs
                .chunks(2)
                .map(|pair| u16::from(pair[0]) + 100 * u16::from(pair.get(1).copied().unwrap_or_default()))
                .collect();
            groups.reverse();
            groups
        }
    };
    trimmed(groups, scale.div_ceil(4))
}

fn small_groups(mut value: u128) -> Vec<u16> {
    let mut groups = Vec::with_capacity(10);
    while value > u128::from(u64::MAX) {
        groups.push((value % u128::from(BASE)) as u16);
        value /= u128::from(BASE);
    }
    let mut value = value as u64;
    while value > 0 {
        groups.push((value % u64::from(BASE)) as u16);
        value /= u64::from(BASE);
    }
    groups.reverse();
    groups
}

/// Groups without outer zeros and the position of the first, of groups so many of which are behind the point.
pub(crate) fn trimmed(mut groups: Vec<u16>, fraction: u32) -> (Vec<u16>, i32) {
    let first = groups.iter().position(|group| *group != 0).unwrap_or(groups.len());
    let position = groups.len() as i32 - 1 - fraction as i32 - first as i32;
    groups.drain(..first);
    while groups.last() == Some(&0) {
        groups.pop();
    }
    if groups.is_empty() { (groups, 0) } else { (groups, position) }
}

/// The units at a scale of a number given by its groups; digits behind the scale are cut off.
pub(crate) fn units(groups: &[u16], position: i32, scale: u32) -> BigUint {
    let mut value = match groups.len() {
        0..=9 => {
            BigUint::from(groups.iter().fold(0_u128, |value, group| value * u128::from(BASE) + u128::from(*group)))
        }
        _ => {
            let pairs: Vec<u8> = groups.iter().flat_map(|group| [(group / 100) as u8, (group % 100) as u8]).collect();
            BigUint::from_radix_be(&pairs, 100).unwrap_or_default()
        }
    };
    let exponent = (position + 1 - groups.len() as i32) * 4 + scale as i32;
    if exponent >= 0 {
        value *= ten_to(exponent as u32).magnitude();
    } else {
        value /= ten_to(exponent.unsigned_abs()).magnitude();
    }
    value
}
