//! Numbers by a pattern.

use num_bigint::{BigInt, BigUint};

use super::digits;
use super::pattern::{Anchor, Item, Pattern};
use crate::compile::function::cast::rounded;
use crate::decimal::{Decimal, Number, ten_to};
use crate::error::{Error, Result, code};

/// Roman numerals are as long as the longest.
const ROMAN_WIDTH: usize = 15;

/// A decimal `value · 10^−scale`.
pub(super) fn decimal(value: i128, scale: i8, pattern: &Pattern) -> Result<String> {
    if pattern.roman {
        return integer_roman(rounded(value, scale), pattern);
    }
    if pattern.scientific {
        return Ok(scientific(&Number::new(value, u32::from(scale.unsigned_abs())), pattern.post));
    }
    let overflow = || Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, "numeric out of range");
    let shift = i8::try_from(pattern.shift).map_err(|_| overflow())?;
    // Digits after the point that the shift brings before it.
    let (value, scale) = match scale - shift {
        left if left >= 0 => (value, left),
        left => (power_of_ten(left.unsigned_abs()).and_then(|unit| value.checked_mul(unit)).ok_or_else(overflow)?, 0),
    };
    let post = i8::try_from(pattern.post).unwrap_or(i8::MAX);
    let (mut text, negative) = match scale > post {
        true => digits(rounded(value, scale - post), post),
        false => digits(value, scale),
    };
    if post > scale {
        if scale == 0 {
            text.push('.');
        }
        text.extend(std::iter::repeat_n('0', (post - scale.max(0)) as usize));
    }
    Ok(laid_out(&text, negative, pattern))
}

/// A numeric of any size.
pub(super) fn any(value: &Decimal, pattern: &Pattern) -> Result<String> {
    let number = match value {
        Decimal::Number(number) => number,
        special if pattern.roman => {
            let what = if *special == Decimal::NaN { "NaN" } else { "infinity" };
            return Err(Error::unsupported(format!("cannot convert {what} to integer")));
        }
        special => return double(special.to_f64(), 15, pattern),
    };
    if pattern.roman {
        return integer_roman(value.to_i128().unwrap_or(i128::MAX), pattern);
    }
    if pattern.scientific {
        return Ok(scientific(number, pattern.post));
    }
    let shifted = Number::new(number.units() * ten_to(pattern.shift as u32), number.scale());
    // A pattern has fewer places than an i32 counts.
    let shown = shifted.rounded(pattern.post as i32);
    let magnitude = Number::new(BigInt::from(shown.units().magnitude().clone()), shown.scale());
    Ok(laid_out(&Decimal::Number(magnitude).to_string(), number.sign() < 0, pattern))
}

fn power_of_ten(digits: u8) -> Option<i128> {
    10i128.checked_pow(u32::from(digits))
}

/// A float, of which so many digits mean something.
pub(super) fn double(value: f64, digits: usize, pattern: &Pattern) -> Result<String> {
    if pattern.roman {
        let number = if value.is_finite() { value.round_ties_even() as i128 } else { 0 };
        return Ok(placed(&roman(number), false, 0, pattern));
    }
    if pattern.scientific {
        return Ok(match value.is_finite() {
            true => with_sign_and_exponent(&format!("{value:+.*e}", pattern.post).replacen('+', " ", 1)),
            false => overflown(pattern.pre, pattern.post, 6),
        });
    }
    let value = value * 10f64.powi(pattern.shift as i32);
    let plain = |post: usize| match value.abs() {
        magnitude if magnitude.is_nan() => "NaN".to_string(),
        magnitude if magnitude.is_infinite() => "Infinity".to_string(),
        magnitude => format!("{magnitude:.post$}"),
    };
    let before = plain(0).len();
    let post = if before >= digits { 0 } else { pattern.post.min(digits - before) };
    let mut pattern = pattern.clone();
    pattern.post = post;
    let text = plain(post);
    // A number that is rounded to zero keeps its sign, as in C.
    Ok(laid_out(&text, value.is_sign_negative() && !value.is_nan(), &pattern))
}

/// `#` for every digit of a number that has more of them than the pattern.
fn overflown(pre: usize, post: usize, more: usize) -> String {
    let mut signs: Vec<char> = std::iter::repeat_n('#', pre + post + more).collect();
    if more > 1 {
        signs[0] = ' ';
        signs[pre + 1] = '.';
    } else {
        signs[pre] = '.';
    }
    signs.into_iter().collect()
}

fn laid_out(text: &str, negative: bool, pattern: &Pattern) -> String {
    let before = text.find('.').unwrap_or(text.len());
    let pre = pattern.pre + pattern.shift;
    let mut pattern = pattern.clone();
    pattern.pre = pre;
    match before > pre {
        true => placed(&overflown(pre, pattern.post, 1), negative, 0, &pattern),
        false => placed(text, negative, pre - before, &pattern),
    }
}

/// The digits of a numeric with an exponent, which is that of the number before it is rounded: 9.99 with one digit is `10.0e+00`.
fn scientific(number: &Number, post: usize) -> String {
    let magnitude = number.units().magnitude();
    let is_zero = *magnitude == BigUint::ZERO;
    let length = if is_zero { 1 } else { magnitude.to_string().len() };
    let exponent = if is_zero { 0 } else { length as i64 - 1 - i64::from(number.scale()) };
    // The first digit and `post` more.
    let mantissa = Number::new(BigInt::from(magnitude.clone()), length as u32 - 1).rounded(post as i32);
    let mantissa = Decimal::Number(mantissa);
    let sign = if number.sign() < 0 { '-' } else { ' ' };
    let exponent_sign = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{mantissa}e{exponent_sign}{:02}", exponent.unsigned_abs())
}

/// C's form of what Rust writes: `1.5e10` → `1.5e+10`.
fn with_sign_and_exponent(text: &str) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs())
}

/// PostgreSQL makes an integer of it first.
fn integer_roman(number: i128, pattern: &Pattern) -> Result<String> {
    if i32::try_from(number).is_err() {
        return Err(Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, "integer out of range"));
    }
    Ok(placed(&roman(number), false, 0, pattern))
}

fn roman(number: i128) -> String {
    if !(1..=3999).contains(&number) {
        return "#".repeat(ROMAN_WIDTH);
    }
    let numerals = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    let (mut left, mut out) = (number, String::new());
    for (value, numeral) in numerals {
        while left >= value {
            out.push_str(numeral);
            left -= value;
        }
    }
    out
}

/// What is laid out, and how far that has come.
struct Layout<'a> {
    pattern: &'a Pattern,
    anchor: Option<Anchor>,
    digits: &'a [u8],
    /// The digit that comes next.
    next: usize,
    negative: bool,
    sign_written: bool,
    /// Places of the pattern before the first digit, and how many places there were.
    blanks: usize,
    place: usize,
    /// The place after which the number ends.
    last_place: usize,
    /// With FM: the last digit after the point that is shown, or the point.
    last_shown: Option<usize>,
    inside: bool,
    out: String,
}

fn placed(text: &str, negative: bool, blanks: usize, pattern: &Pattern) -> String {
    let bytes = text.as_bytes();
    let own_sign = pattern.plus || pattern.minus;
    let sign_written = match own_sign {
        true => pattern.minus,
        false => !negative && pattern.fill && pattern.anchor.is_none(),
    };
    let anchor = match pattern.anchor {
        Some(Anchor::Before) if pattern.pre == pattern.pre_anchor && !own_sign => Some(Anchor::After),
        anchor => anchor,
    };
    let places = pattern.pre + pattern.post + usize::from(!sign_written && blanks == 0);
    let mut layout = Layout {
        pattern,
        anchor,
        digits: bytes,
        next: 0,
        negative,
        sign_written,
        blanks,
        place: 0,
        last_place: (places + usize::from(blanks > 0) + usize::from(pattern.has_point)).saturating_sub(1),
        last_shown: if pattern.fill && pattern.has_point { last_shown(bytes, blanks, pattern) } else { None },
        inside: false,
        out: String::new(),
    };
    for item in &pattern.items {
        layout.item(*item);
    }
    layout.out
}

/// The last digit after the point that is not zero, or that the pattern wants with `0`; else the point.
fn last_shown(digits: &[u8], blanks: usize, pattern: &Pattern) -> Option<usize> {
    let point = digits.iter().position(|digit| *digit == b'.')?;
    let relevant = (point + 1..digits.len()).rev().find(|at| digits[*at] != b'0').unwrap_or(point);
    if pattern.zero_end > blanks {
        return Some(relevant.max((digits.len() - 1).min(pattern.zero_end - blanks)));
    }
    Some(relevant)
}

impl Layout<'_> {
    fn item(&mut self, item: Item) {
        let fill = self.pattern.fill;
        let blank = |shown: bool, sign: char| match (shown, fill) {
            (true, _) => Some(sign),
            (false, false) => Some(' '),
            (false, true) => None,
        };
        match item {
            Item::Nine | Item::Zero | Item::Point if !self.pattern.roman => self.number(item),
            Item::Comma | Item::Group => self.out.extend(blank(self.inside, ',')),
            Item::Currency => self.out.push(' '),
            Item::Minus => self.out.extend(blank(self.negative, '-')),
            Item::Plus => self.out.extend(blank(!self.negative, '+')),
            Item::Sign => self.out.push(if self.negative { '-' } else { '+' }),
            Item::Roman { upper } => {
                let text = String::from_utf8_lossy(self.digits);
                let text = if upper { text.to_string() } else { text.to_ascii_lowercase() };
                self.out.push_str(&if fill { text } else { format!("{text:>ROMAN_WIDTH$}") });
            }
            Item::Ordinal { upper } => self.ordinal(upper),
            Item::Letter(letter) => self.out.push(letter),
            Item::Nine | Item::Zero | Item::Point | Item::Silent => {}
        }
    }

    fn ordinal(&mut self, upper: bool) {
        if self.pattern.roman || self.digits.first() == Some(&b'#') || self.negative || self.pattern.has_point {
            return;
        }
        let tens = self.digits.len().checked_sub(2).map(|at| self.digits[at]);
        let ending = match (tens, self.digits.last()) {
            (Some(b'1'), _) => "th",
            (_, Some(b'1')) => "st",
            (_, Some(b'2')) => "nd",
            (_, Some(b'3')) => "rd",
            _ => "th",
        };
        self.out.push_str(&if upper { ending.to_ascii_uppercase() } else { ending.to_string() });
    }

    /// Whether the only digit before the point is a zero that the pattern does not ask for.
    fn is_at_idle_zero(&self) -> bool {
        let pattern = self.pattern;
        !pattern.has_zero && self.next == 0 && self.digits.first() == Some(&b'0') && pattern.post != 0
    }

    fn shows_no_fraction(&self) -> bool {
        self.last_shown.is_some_and(|last| self.digits[last] == b'.')
    }

    /// Whether zeros are written from this place on.
    fn is_zero_place(&self) -> bool {
        self.pattern.has_zero && self.pattern.zero_start <= self.place + 1
    }

    fn number(&mut self, item: Item) {
        self.inside = false;
        let begins = self.place >= self.blanks || self.pattern.has_zero && self.pattern.zero_start == self.place + 1;
        if !self.sign_written && begins && (!self.is_at_idle_zero() || self.shows_no_fraction()) {
            self.leading_sign();
        }
        if self.place < self.blanks {
            if self.is_zero_place() {
                self.out.push('0');
                self.inside = true;
            } else if !self.pattern.fill {
                self.out.push(' ');
            }
        } else {
            self.digit(item);
        }
        let ends = match self.last_shown {
            Some(last) if last == self.next => self.place,
            _ => self.last_place,
        };
        if self.place + 1 == ends {
            self.trailing_sign();
        }
        self.place += 1;
    }

    fn digit(&mut self, item: Item) {
        match self.digits.get(self.next) {
            Some(b'.') => self.out.push('.'),
            Some(_) if self.last_shown.is_some_and(|last| self.next > last) && item != Item::Zero => {}
            Some(_) if self.is_at_idle_zero() => {
                if !self.pattern.fill {
                    self.out.push(' ');
                } else if self.shows_no_fraction() {
                    self.out.push('0');
                }
            }
            Some(digit) => {
                self.out.push(char::from(*digit));
                self.inside = true;
            }
            None => {}
        }
        self.next = (self.next + 1).min(self.digits.len());
    }

    fn leading_sign(&mut self) {
        match self.anchor {
            Some(Anchor::Before) => self.out.push(if self.negative { '-' } else { '+' }),
            Some(Anchor::After) => return,
            None if self.pattern.bracket && self.negative => self.out.push('<'),
            // A blank stands for the brackets of a number that is not negative, too.
            None if self.negative => self.out.push('-'),
            None if !self.pattern.fill => self.out.push(' '),
            None => {}
        }
        self.sign_written = true;
    }

    fn trailing_sign(&mut self) {
        if self.sign_written && self.pattern.bracket {
            if self.negative || !self.pattern.fill {
                self.out.push(if self.negative { '>' } else { ' ' });
            }
        } else if self.anchor == Some(Anchor::After) {
            self.out.push(if self.negative { '-' } else { '+' });
        }
    }
}
