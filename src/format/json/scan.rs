//! Walks over the bytes of a JSON text (RFC 8259) without building anything: white space, strings, numbers, whole values.
//!
//! Strings are searched eight bytes at a time ("SIMD within a register", as in Daniel Lemire, "Number parsing at a gigabyte
//! per second", and Sean Anderson's "Bit Twiddling Hacks": find a byte in a word).

use std::fmt;

/// How deep objects and arrays may be nested, the record itself included.
pub(crate) const DEPTH_MAX: usize = 128;

/// Where and why a text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// Byte at which it was noticed, from 0.
    pub(crate) at: usize,
    /// What is wrong there.
    pub(crate) what: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

/// A string as it stands between its quotes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawString<'a> {
    /// Valid UTF-8, escapes not yet resolved and not yet checked.
    pub(crate) bytes: &'a [u8],
    /// Whether there is a backslash in it.
    pub(crate) escaped: bool,
    /// Where it starts in the text.
    pub(crate) at: usize,
}

/// A position in a JSON text.
#[derive(Debug, Clone)]
pub(crate) struct Scanner<'a> {
    /// The whole text.
    pub(crate) bytes: &'a [u8],
    /// The next byte to look at.
    pub(crate) at: usize,
}

impl<'a> Scanner<'a> {
    /// A scanner at the start of `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Scanner { bytes, at: 0 }
    }

    /// The next byte; 0, which no JSON text can hold outside of errors, at the end.
    #[inline(always)]
    pub(crate) fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    /// Whether nothing is left.
    #[inline(always)]
    pub(crate) fn at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// An error at the current position, or that the text ends too early.
    #[inline(always)]
    pub(crate) fn malformed(&self, what: &'static str) -> Malformed {
        Malformed { at: self.at, what: if self.at_end() { "unexpected end" } else { what } }
    }

    /// Lets `work` move on a copy of the scanner and follows it. What is not inlined takes the scanner's address; where that is
    /// a copy's address, the position of the original can stay in a register.
    #[inline(always)]
    pub(crate) fn aside<T>(&mut self, work: impl FnOnce(&mut Scanner<'a>) -> T) -> T {
        let mut copy = self.clone();
        let result = work(&mut copy);
        self.at = copy.at;
        result
    }

    /// Goes to the next byte that is not white space.
    #[inline(always)]
    pub(crate) fn skip_whitespace(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\t' | b'\r') {
            self.at += 1;
        }
    }

    /// Consumes `byte` if it is next.
    #[inline(always)]
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == byte;
        self.at += usize::from(found);
        found
    }

    /// Consumes `word` if it is next. What may follow a value is checked by whoever expects what follows.
    pub(crate) fn take_word(&mut self, word: &[u8]) -> bool {
        let found = self.bytes[self.at..].starts_with(word);
        self.at += if found { word.len() } else { 0 };
        found
    }

    /// Consumes a string, whose opening quote is next.
    #[inline(always)]
    pub(crate) fn string(&mut self) -> Result<RawString<'a>, Malformed> {
        let at = self.at + 1;
        let (stop, ascii) = string_stop(self.bytes, at);
        if ascii && self.bytes.get(stop) == Some(&b'"') {
            self.at = stop + 1;
            return Ok(RawString { bytes: &self.bytes[at..stop], escaped: false, at });
        }
        self.aside(|scanner| scanner.odd_string(at, stop, ascii))
    }

    /// The rest of [`Scanner::string`] where it holds escapes or letters beyond ASCII, or is broken.
    fn odd_string(&mut self, at: usize, mut stop: usize, mut ascii: bool) -> Result<RawString<'a>, Malformed> {
        let mut escaped = false;
        loop {
            match self.bytes.get(stop) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    let (next, next_ascii) = string_stop(self.bytes, (stop + 2).min(self.bytes.len()));
                    // The byte after the backslash was jumped over; escapes are ASCII, so UTF-8 is broken if it is not.
                    ascii &= next_ascii && self.bytes.get(stop + 1).is_none_or(u8::is_ascii);
                    stop = next;
                }
                Some(_) => return Err(Malformed { at: stop, what: "control character in a string" }),
                None => return Err(Malformed { at: self.bytes.len(), what: "unexpected end" }),
            }
        }
        let bytes = &self.bytes[at..stop];
        if !ascii && let Err(error) = std::str::from_utf8(bytes) {
            return Err(Malformed { at: at + error.valid_up_to(), what: "invalid UTF-8" });
        }
        self.at = stop + 1;
        Ok(RawString { bytes, escaped, at })
    }

    /// Consumes an integer of at most 18 digits that is not followed by a fraction or an exponent; otherwise consumes nothing.
    #[inline(always)]
    pub(crate) fn integer(&mut self) -> Option<i64> {
        let negative = self.peek() == b'-';
        let start = self.at + usize::from(negative);
        let (mut value, mut count) = digits(self.bytes, start);
        if count == 8 {
            let (next, next_count) = digits(self.bytes, start + 8);
            value = value * POWERS_OF_TEN[next_count] + next;
            count += next_count;
            if next_count == 8 {
                let (next, next_count) = digits(self.bytes, start + 16);
                if next_count > 2 {
                    return None;
                }
                value = value * POWERS_OF_TEN[next_count] + next;
                count += next_count;
            }
        }
        let leading_zero = count > 1 && self.bytes.get(start) == Some(&b'0');
        let after = self.bytes.get(start + count).copied().unwrap_or(0);
        if count == 0 || leading_zero || matches!(after, b'.' | b'e' | b'E') {
            return None;
        }
        self.at = start + count;
        Some(if negative { -(value as i64) } else { value as i64 })
    }

    /// Consumes a number and answers its text.
    pub(crate) fn number(&mut self) -> Result<&'a str, Malformed> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.expect_digits()?;
        }
        if self.take(b'.') {
            self.expect_digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if !self.take(b'-') {
                self.take(b'+');
            }
            self.expect_digits()?;
        }
        if self.peek().is_ascii_digit() {
            return Err(self.malformed("a number must not start with 0"));
        }
        // Nothing but ASCII was consumed, so this is always text.
        Ok(std::str::from_utf8(&self.bytes[start..self.at]).unwrap_or_default())
    }

    /// Consumes a value of any type. `depth` is how many objects and arrays are open around it.
    pub(crate) fn skip_value(&mut self, depth: usize) -> Result<(), Malformed> {
        match self.peek() {
            b'"' => {
                let string = self.string()?;
                if string.escaped { check_escapes(string) } else { Ok(()) }
            }
            b'{' | b'[' => self.skip_container(depth + 1),
            b'-' | b'0'..=b'9' => self.number().map(|_| ()),
            b't' if self.take_word(b"true") => Ok(()),
            b'f' if self.take_word(b"false") => Ok(()),
            b'n' if self.take_word(b"null") => Ok(()),
            _ => Err(self.malformed("expected a JSON value")),
        }
    }

    fn skip_container(&mut self, depth: usize) -> Result<(), Malformed> {
        if depth > DEPTH_MAX {
            return Err(self.malformed("nested too deep"));
        }
        let object = self.peek() == b'{';
        let close = if object { b'}' } else { b']' };
        self.at += 1;
        self.skip_whitespace();
        if self.take(close) {
            return Ok(());
        }
        loop {
            if object {
                let key = self.key()?;
                if key.escaped {
                    check_escapes(key)?;
                }
            }
            self.skip_value(depth)?;
            if !self.next_element(close)? {
                return Ok(());
            }
        }
    }

    /// Consumes a key, the colon after it, and the white space around them.
    pub(crate) fn key(&mut self) -> Result<RawString<'a>, Malformed> {
        if self.peek() != b'"' {
            return Err(self.malformed("expected a key"));
        }
        let key = self.string()?;
        self.skip_whitespace();
        if !self.take(b':') {
            return Err(self.malformed("expected a colon"));
        }
        self.skip_whitespace();
        Ok(key)
    }

    /// Consumes what stands behind an element: `close` (answers false) or a comma (answers true), and white space around it.
    #[inline(always)]
    pub(crate) fn next_element(&mut self, close: u8) -> Result<bool, Malformed> {
        self.skip_whitespace();
        let next = self.peek();
        if next == b',' {
            self.at += 1;
            self.skip_whitespace();
            Ok(true)
        } else if next == close {
            self.at += 1;
            Ok(false)
        } else {
            Err(self.malformed(if close == b'}' { "expected a comma or }" } else { "expected a comma or ]" }))
        }
    }

    /// Consumes the white space at the end, after which nothing may follow.
    #[inline(always)]
    pub(crate) fn finish(&mut self) -> Result<(), Malformed> {
        self.skip_whitespace();
        if self.at_end() { Ok(()) } else { Err(self.malformed("unexpected text after the value")) }
    }

    fn expect_digits(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == start { Err(self.malformed("expected a digit")) } else { Ok(()) }
    }
}

/// Resolves the escapes of a string and appends its text to `out`, which is unspecified beyond its former length after an
/// error.
pub(crate) fn unescape(string: RawString<'_>, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let bytes = string.bytes;
    let mut done = 0;
    while let Some(found) = memchr::memchr(b'\\', &bytes[done..]) {
        let backslash = done + found;
        out.extend_from_slice(&bytes[done..backslash]);
        let malformed = Malformed { at: string.at + backslash, what: "invalid escape sequence" };
        done = backslash + 2;
        let letter = *bytes.get(backslash + 1).ok_or(malformed)?;
        let byte = match letter {
            b'"' | b'\\' | b'/' => letter,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let (letter, end) = unicode_escape(bytes, done).ok_or(malformed)?;
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                done = end;
                continue;
            }
            _ => return Err(malformed),
        };
        out.push(byte);
    }
    out.extend_from_slice(&bytes[done.min(bytes.len())..]);
    Ok(())
}

/// The character of four hexadecimal digits at `at`, or of two such escapes that are a surrogate pair, and where they end.
fn unicode_escape(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = bytes.get(at..at + 4)?;
        digits.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))
    };
    let first = unit(at)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first)?, at + 4));
    }
    if bytes.get(at + 4..at + 6)? != b"\\u" {
        return None;
    }
    let second = unit(at + 6).filter(|second| (0xdc00..0xe000).contains(second))?;
    Some((char::from_u32(0x10000 + (first - 0xd800) * 0x400 + (second - 0xdc00))?, at + 10))
}

/// Checks the escapes of a string that nobody wants.
fn check_escapes(string: RawString<'_>) -> Result<(), Malformed> {
    unescape(string, &mut Vec::new())
}

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;
const POWERS_OF_TEN: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// The first quote, backslash or control character at or after `at` (the text's length if there is none), and whether
/// everything before it is ASCII.
#[inline(always)]
fn string_stop(bytes: &[u8], mut at: usize) -> (usize, bool) {
    let mut seen = 0;
    while let Some(chunk) = bytes.get(at..at + 8) {
        // The slice has eight bytes, so the conversion cannot fail.
        let word = u64::from_le_bytes(chunk.try_into().unwrap_or_default());
        let found = stop_mask(word);
        if found != 0 {
            let before = found.trailing_zeros() & !7;
            seen |= word & !(u64::MAX << before);
            return (at + (before / 8) as usize, seen & HIGH == 0);
        }
        seen |= word;
        at += 8;
    }
    let mut ascii = seen & HIGH == 0;
    while let Some(byte) = bytes.get(at) {
        if *byte == b'"' || *byte == b'\\' || *byte < 0x20 {
            return (at, ascii);
        }
        ascii &= byte.is_ascii();
        at += 1;
    }
    (bytes.len(), ascii)
}

/// Sets the high bit of every byte that is a quote, a backslash or a control character. Bits above the lowest one may be wrong
/// because borrows run upwards.
#[inline(always)]
fn stop_mask(word: u64) -> u64 {
    let quote = word ^ (LOW * 0x22);
    let backslash = word ^ (LOW * 0x5c);
    ((quote.wrapping_sub(LOW) & !quote)
        | (backslash.wrapping_sub(LOW) & !backslash)
        | (word.wrapping_sub(LOW * 0x20) & !word))
        & HIGH
}

/// The number that the up to eight digits at `at` make, and how many they are.
#[inline(always)]
fn digits(bytes: &[u8], at: usize) -> (u64, usize) {
    let Some(chunk) = bytes.get(at..at + 8) else {
        return digits_at_end(bytes, at);
    };
    let word = u64::from_le_bytes(chunk.try_into().unwrap_or_default()) ^ (LOW * 0x30);
    let others = (word.wrapping_add(LOW * 0x76) | word) & HIGH;
    let count = (others.trailing_zeros() / 8) as usize;
    if count == 0 {
        return (0, 0);
    }
    // Moves the digits to the word's end, so that zeros lead, and joins neighbours: ones to tens, hundreds, ten thousands.
    let word = word << (64 - 8 * count);
    let pairs = word.wrapping_mul(10).wrapping_add(word >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let high = (pairs >> 16 & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    (low.wrapping_add(high) >> 32, count)
}

/// [`digits`] where fewer than eight bytes are left.
fn digits_at_end(bytes: &[u8], at: usize) -> (u64, usize) {
    let rest = bytes.get(at..).unwrap_or_default();
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (rest[..count].iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0')), count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_stop_at_every_offset() {
        for length in 0..40 {
            for stop in [b'"', b'\\', 0x1f, 0] {
                let mut text = vec![b'a'; length];
                text.push(stop);
                text.extend_from_slice(&[0x7f; 9]);
                assert_eq!(string_stop(&text, 0), (length, true), "{length} {stop}");
                if length > 0 {
                    text[length - 1] = 0xc3;
                    assert_eq!(string_stop(&text, 0), (length, false));
                }
            }
            assert_eq!(string_stop(&vec![b'!'; length], 0), (length, true));
        }
    }

    #[test]
    fn integers_of_all_lengths() {
        for text in ["0", "-0", "7", "12345678", "-123456789", "1234567890123456", "999999999999999999", "-1000"] {
            for tail in ["", ",", "}          ", " \"abcdefghij\""] {
                let whole = format!("{text}{tail}");
                let mut scanner = Scanner::new(whole.as_bytes());
                assert_eq!(scanner.integer(), text.parse().ok(), "{whole}");
                assert_eq!(scanner.at, text.len());
            }
        }
        for text in ["1000000000000000000", "01", "-", "", "1.0", "1e3", "x", "-01"] {
            let mut scanner = Scanner::new(text.as_bytes());
            assert_eq!((scanner.integer(), scanner.at), (None, 0), "{text}");
        }
    }

    #[test]
    fn words_after_values_are_left_for_the_caller() {
        let mut scanner = Scanner::new(b"[true,false , null, {\"a\\u00e9\" : [1e5,-0.5]}]x");
        assert_eq!(scanner.skip_value(0), Ok(()));
        assert_eq!(scanner.finish().map_err(|error| error.what), Err("unexpected text after the value"));
    }
}
