//! Texts as numbers, by a pattern.

use super::pattern::{Anchor, Item, Pattern};
use crate::error::{Error, Result};
use crate::format::text::number::parse_decimal;

/// The number that a text stands for, with `scale` digits after the point and without the point. Errors: 22P02 without digits, 22003.
pub(super) fn number(text: &str, pattern: &Pattern, scale: i8) -> Result<i128> {
    if pattern.scientific {
        return Err(Error::unsupported("\"EEEE\" not supported for input"));
    }
    if pattern.roman {
        return Err(Error::unsupported("\"RN\" not supported for input"));
    }
    let mut reader = Reader {
        pattern,
        letters: text.chars().collect(),
        at: 0,
        sign: None,
        number: String::new(),
        before: 0,
        after: 0,
        point: false,
    };
    for item in &pattern.items {
        if reader.at >= reader.letters.len() {
            break;
        }
        reader.item(*item);
    }
    let digits = reader.number.strip_suffix('.').unwrap_or(&reader.number);
    let text = format!("{}{digits}", reader.sign.unwrap_or(' '));
    let shift = pattern.shift as i8;
    let precision = (pattern.pre + pattern.shift + reader.after).clamp(1, 38) as u8;
    let value = parse_decimal(&text, precision.max(reader.after as u8), (reader.after as i8).min(38))?;
    // As many digits as the result has.
    let missing = u32::try_from(scale - shift - reader.after as i8).unwrap_or(0);
    let unit = 10i128.checked_pow(missing);
    unit.and_then(|unit| value.checked_mul(unit))
        .ok_or_else(|| Error::new(crate::error::code::NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow"))
}

struct Reader<'a> {
    pattern: &'a Pattern,
    letters: Vec<char>,
    at: usize,
    sign: Option<char>,
    number: String,
    /// Digits read before and after the point.
    before: usize,
    after: usize,
    point: bool,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn item(&mut self, item: Item) {
        match item {
            Item::Nine | Item::Zero | Item::Point => {
                self.digit(matches!(item, Item::Nine | Item::Zero));
                self.at += 1;
            }
            Item::Comma | Item::Group => {
                let counts = self.before + self.after > 0 || !self.pattern.fill;
                if counts && self.peek() == Some(',') {
                    self.at += 1;
                }
            }
            Item::Currency => self.skip(1),
            Item::Ordinal { .. } => self.skip(2),
            Item::Minus => self.own_sign(&['-']),
            Item::Plus => self.own_sign(&['+']),
            Item::Sign => self.own_sign(&['-', '+']),
            Item::Letter(_) => self.at += 1,
            Item::Roman { .. } | Item::Silent => {}
        }
    }

    fn own_sign(&mut self, signs: &[char]) {
        match self.peek().filter(|letter| signs.contains(letter)) {
            Some(sign) => {
                self.sign = Some(sign);
                self.at += 1;
            }
            None => self.skip(1),
        }
    }

    /// Passes characters that are no part of a number.
    fn skip(&mut self, count: usize) {
        for _ in 0..count {
            match self.peek() {
                Some(letter) if !"0123456789.,+-".contains(letter) => self.at += 1,
                _ => return,
            }
        }
    }

    fn digit(&mut self, is_digit: bool) {
        if self.peek() == Some(' ') {
            self.at += 1;
        }
        let started = self.before + self.after > 0;
        if self.sign.is_none() && is_digit && !started {
            self.leading_sign();
        }
        let mut read = false;
        match self.peek() {
            Some(digit) if digit.is_ascii_digit() => {
                if self.point && self.after == self.pattern.post {
                    return;
                }
                self.number.push(digit);
                if self.point {
                    self.after += 1;
                } else {
                    self.before += 1;
                }
                read = true;
            }
            Some('.') if self.pattern.has_point && !self.point => {
                self.number.push('.');
                self.point = true;
                read = true;
            }
            _ => {}
        }
        if self.sign.is_none() && self.before + self.after > 0 {
            self.trailing_sign(read);
        }
    }

    fn leading_sign(&mut self) {
        let sign = match (self.pattern.anchor, self.peek()) {
            (Some(Anchor::After), _) => None,
            (None, Some('<')) if self.pattern.bracket => Some('-'),
            (_, Some(sign @ ('-' | '+'))) => Some(sign),
            _ => None,
        };
        if sign.is_some() {
            self.sign = sign;
            self.at += 1;
        }
    }

    /// A sign right behind the last digit, where the pattern has one at the end, or where nothing could be read.
    fn trailing_sign(&mut self, read: bool) {
        let next = self.letters.get(self.at + 1).copied();
        if self.pattern.anchor.is_some() {
            if let (true, Some(sign @ ('-' | '+'))) = (read, next) {
                self.sign = Some(sign);
                self.at += 1;
            }
        } else if !read && !self.pattern.plus && !self.pattern.minus {
            self.sign = self.peek().filter(|letter| matches!(letter, '-' | '+'));
        }
    }
}
