//! Canonical JSON text, as PostgreSQL's jsonb writes it: equal values have equal text.
//!
//! Keys are ordered by length, then by bytes; of equal keys the last one stays; `: ` and `, ` separate; numbers keep their
//! digits (`1.50` stays, `1e2` becomes `100`); strings escape only what they must.

use crate::error::{Error, Result, code};
use crate::format::json::scan::{DEPTH_MAX, Malformed, RawString, Scanner, unescape};

use super::number::Digits;

/// Zeros that an exponent may stand for; PostgreSQL allows 131,071. Ten bytes of input must not become megabytes.
const ZEROS_MAX: i64 = 1_024;

/// The canonical form of a JSON text; 22P02 if it is not JSON, 22P05 if it holds `\u0000`, which no text can.
pub fn canonical_jsonb(text: &str) -> Result<String> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 8);
    Canonical::default().parse(text, &mut out)?;
    String::from_utf8(out).map_err(|_| Error::internal("canonical jsonb is not text"))
}

/// Refuses a text that is not JSON with 22P02.
pub(crate) fn check_json(text: &str) -> Result<()> {
    let mut scanner = Scanner::new(text.as_bytes());
    scanner.skip_whitespace();
    let checked = scanner.skip_value(0).and_then(|()| scanner.finish());
    checked.map_err(|malformed| invalid_json().detail(malformed.to_string()))
}

fn invalid_json() -> Error {
    Error::new(code::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type json")
}

/// Appends `text` to `out` as a JSON string.
pub(crate) fn write_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut done = 0;
    for (at, byte) in text.iter().enumerate() {
        let letter = match byte {
            b'"' | b'\\' => *byte,
            8 => b'b',
            12 => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0..0x20 => b'u',
            _ => continue,
        };
        out.extend_from_slice(&text[done..at]);
        out.extend_from_slice(&[b'\\', letter]);
        if letter == b'u' {
            out.extend_from_slice(b"00");
            super::bytea::write_hex_digits(&[*byte], out);
        }
        done = at + 1;
    }
    out.extend_from_slice(&text[done..]);
    out.push(b'"');
}

/// Why a JSON value has no canonical form.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It is not JSON.
    Malformed(Malformed),
    /// `\u0000` at this byte.
    Nul(usize),
    /// A number at this byte whose exponent stands for too many zeros.
    Number(usize),
}

impl From<Malformed> for Refused {
    fn from(malformed: Malformed) -> Self {
        Refused::Malformed(malformed)
    }
}

/// Makes canonical text; keeps its buffers between values.
#[derive(Debug, Default)]
pub(crate) struct Canonical {
    /// Pairs of the objects that are open, innermost last.
    pairs: Vec<Pair>,
    /// The resolved keys of `pairs`.
    keys: Vec<u8>,
    /// Where an object's pairs are brought into order, and strings resolved.
    scratch: Vec<u8>,
}

/// A key and its value.
#[derive(Debug, Clone, Copy)]
struct Pair {
    /// Where the resolved key is in [`Canonical::keys`].
    key: (usize, usize),
    /// Where `"key": value` is in the output.
    written: (usize, usize),
}

impl Canonical {
    /// Appends the canonical form of `text` to `out`, which is unspecified beyond its former length after an error.
    pub(crate) fn parse(&mut self, text: &str, out: &mut Vec<u8>) -> Result<()> {
        let mut scanner = Scanner::new(text.as_bytes());
        scanner.skip_whitespace();
        let written = self.append(&mut scanner, 0, out).and_then(|()| Ok(scanner.finish()?));
        written.map_err(|refused| match refused {
            Refused::Malformed(malformed) => invalid_json().detail(malformed.to_string()),
            Refused::Nul(_) => Error::new("22P05", "unsupported Unicode escape sequence")
                .detail("\\u0000 cannot be converted to text."),
            Refused::Number(at) => Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format")
                .detail(format!("the number at byte {at} has more than {ZEROS_MAX} zeros")),
        })
    }

    /// Consumes one value of `scanner`, around which `depth` objects and arrays are open, and appends it to `out`.
    pub(crate) fn append(&mut self, scanner: &mut Scanner<'_>, depth: usize, out: &mut Vec<u8>) -> Result<(), Refused> {
        self.pairs.clear();
        self.keys.clear();
        self.value(scanner, depth, out)
    }

    fn value(&mut self, scanner: &mut Scanner<'_>, depth: usize, out: &mut Vec<u8>) -> Result<(), Refused> {
        match scanner.peek() {
            b'"' => {
                let string = scanner.string()?;
                self.string(string, out)
            }
            b'{' | b'[' if depth >= DEPTH_MAX => Err(scanner.malformed("nested too deep").into()),
            b'{' => self.object(scanner, depth + 1, out),
            b'[' => self.array(scanner, depth + 1, out),
            b'-' | b'0'..=b'9' => number(scanner, out),
            _ => {
                let start = scanner.at;
                scanner.skip_value(depth)?;
                out.extend_from_slice(&scanner.bytes[start..scanner.at]);
                Ok(())
            }
        }
    }

    fn string(&mut self, string: RawString<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
        if !string.escaped {
            out.push(b'"');
            out.extend_from_slice(string.bytes);
            out.push(b'"');
            return Ok(());
        }
        self.scratch.clear();
        unescape(string, &mut self.scratch)?;
        if memchr::memchr(0, &self.scratch).is_some() {
            return Err(Refused::Nul(string.at));
        }
        write_string(&self.scratch, out);
        Ok(())
    }

    fn array(&mut self, scanner: &mut Scanner<'_>, depth: usize, out: &mut Vec<u8>) -> Result<(), Refused> {
        scanner.at += 1;
        scanner.skip_whitespace();
        out.push(b'[');
        if !scanner.take(b']') {
            loop {
                self.value(scanner, depth, out)?;
                if !scanner.next_element(b']')? {
                    break;
                }
                out.extend_from_slice(b", ");
            }
        }
        out.push(b']');
        Ok(())
    }

    fn object(&mut self, scanner: &mut Scanner<'_>, depth: usize, out: &mut Vec<u8>) -> Result<(), Refused> {
        scanner.at += 1;
        scanner.skip_whitespace();
        out.push(b'{');
        let (first_pair, first_key) = (self.pairs.len(), self.keys.len());
        if !scanner.take(b'}') {
            loop {
                let (start, key_start) = (out.len(), self.keys.len());
                let key = scanner.key()?;
                unescape(key, &mut self.keys)?;
                let key_end = self.keys.len();
                self.string(key, out)?;
                out.extend_from_slice(b": ");
                self.value(scanner, depth, out)?;
                self.pairs.push(Pair { key: (key_start, key_end), written: (start, out.len()) });
                if !scanner.next_element(b'}')? {
                    break;
                }
                out.extend_from_slice(b", ");
            }
            self.order_pairs(first_pair, out);
        }
        self.pairs.truncate(first_pair);
        self.keys.truncate(first_key);
        out.push(b'}');
        Ok(())
    }

    /// Brings the pairs from `first` on, which are the end of `out`, into order.
    fn order_pairs(&mut self, first: usize, out: &mut Vec<u8>) {
        let Canonical { pairs, keys, scratch } = self;
        let rank = |pair: &Pair| (pair.key.1 - pair.key.0, &keys[pair.key.0..pair.key.1]);
        let pairs = &mut pairs[first..];
        if pairs.is_sorted_by(|left, right| rank(left) < rank(right)) {
            return;
        }
        let start = pairs[0].written.0;
        // The sort is stable, so of equal keys the last written is last.
        pairs.sort_by(|left, right| rank(left).cmp(&rank(right)));
        scratch.clear();
        for (at, pair) in pairs.iter().enumerate() {
            if pairs.get(at + 1).is_some_and(|next| rank(next) == rank(pair)) {
                continue;
            }
            if !scratch.is_empty() {
                scratch.extend_from_slice(b", ");
            }
            scratch.extend_from_slice(&out[pair.written.0..pair.written.1]);
        }
        out.truncate(start);
        out.extend_from_slice(scratch);
    }
}

fn number(scanner: &mut Scanner<'_>, out: &mut Vec<u8>) -> Result<(), Refused> {
    let start = scanner.at;
    let text = scanner.number()?;
    // Zero has no sign, and an exponent is multiplied out; everything else is canonical as it stands.
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        out.extend_from_slice(text.as_bytes());
        return Ok(());
    }
    let plain = Digits::parse(text.as_bytes()).and_then(|digits| digits.write_plain(ZEROS_MAX, out));
    plain.ok_or(Refused::Number(start))
}
