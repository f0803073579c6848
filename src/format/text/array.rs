//! PostgreSQL's array literals: `{1,NULL,"a b"}`.

use crate::error::{Error, Result, code};
use crate::format::column::{ColumnBuilder, Items, Values};
use crate::types::{DIMENSIONS_MAX, other_dimensions, too_many_dimensions};

/// Appends the array that `text` is. Errors: 22P02 for what is no array; 0A000 for another number of dimensions than the column has.
pub(super) fn append_array(text: &str, items: &mut Items) -> Result<()> {
    let malformed = |detail: &str| {
        let message = format!("malformed array literal: \"{text}\"");
        Error::new(code::INVALID_TEXT_REPRESENTATION, message).detail(detail)
    };
    let mut literal =
        Literal { bytes: text.trim_ascii().as_bytes(), at: 0, element: Vec::new(), malformed: &malformed };
    let lengths = literal.bounds()?;
    if literal.peek() != Some(b'{') {
        return Err(malformed("Array value must start with \"{\" or dimension information."));
    }
    let sql_type = items.sql_type();
    if let Some(found) = array_dimensions(text).filter(|found| *found != sql_type.dimensions()) {
        return Err(match found > DIMENSIONS_MAX {
            true => too_many_dimensions(found),
            false => other_dimensions(found, sql_type.dimensions(), sql_type.element()),
        });
    }
    literal.list(items, true)?;
    if literal.at < literal.bytes.len() {
        return Err(malformed("Junk after closing right brace."));
    }
    if lengths.is_some_and(|lengths| lengths != items.last_shape()) {
        return Err(malformed("Specified array dimensions do not match array contents."));
    }
    Ok(())
}

/// How many dimensions an array literal begins with; `None` for `{}`, which fits any number, and for what is no array literal.
pub(crate) fn array_dimensions(text: &str) -> Option<usize> {
    let text = text.trim_ascii();
    let mut rest = if text.starts_with('[') { text.split_once('=')?.1 } else { text }.trim_ascii_start();
    let mut found = 0;
    while let Some(inner) = rest.strip_prefix('{') {
        (rest, found) = (inner.trim_ascii_start(), found + 1);
    }
    (found > 0 && (found > 1 || !rest.starts_with('}'))).then_some(found)
}

/// A literal that is being read.
struct Literal<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The current element without quotes and escapes.
    element: Vec<u8>,
    malformed: &'a dyn Fn(&str) -> Error,
}

impl Literal<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn unexpected(&self) -> Error {
        match self.bytes.get(self.at..).and_then(|rest| std::str::from_utf8(rest).ok()?.chars().next()) {
            Some(letter) => (self.malformed)(&format!("Unexpected \"{letter}\" character.")),
            None => (self.malformed)("Unexpected end of input."),
        }
    }

    /// Consumes `[1:n][1:m]=`, and answers the lengths. Other lower bounds would have to be kept with the value.
    fn bounds(&mut self) -> Result<Option<Vec<usize>>> {
        if self.peek() != Some(b'[') {
            return Ok(None);
        }
        let mut lengths = Vec::new();
        while self.peek() == Some(b'[') {
            self.at += 1;
            let mut upper = self.bound()?;
            let mut lower = 1;
            if self.peek() == Some(b':') {
                self.at += 1;
                (lower, upper) = (upper, self.bound()?);
            }
            if self.peek() != Some(b']') {
                return Err((self.malformed)("Missing \"]\" after array dimensions."));
            }
            self.at += 1;
            if upper < lower {
                return Err(Error::new(code::ARRAY_SUBSCRIPT_ERROR, "upper bound cannot be less than lower bound"));
            }
            if lower != 1 {
                return Err(Error::unsupported("array lower bounds other than 1 are not supported"));
            }
            lengths.push(upper as usize);
            self.skip_space();
        }
        if self.peek() != Some(b'=') {
            return Err((self.malformed)("Missing \"=\" after array dimensions."));
        }
        self.at += 1;
        self.skip_space();
        Ok(Some(lengths))
    }

    fn bound(&mut self) -> Result<i32> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+')) {
            self.at += 1;
        }
        let digits = std::str::from_utf8(&self.bytes[start..self.at]).unwrap_or_default();
        digits.parse().map_err(|_| (self.malformed)("\"[\" must introduce explicitly-specified array dimensions."))
    }

    /// Reads a list in braces and what is in it. Only the outermost may be empty.
    fn list(&mut self, items: &mut Items, outermost: bool) -> Result<()> {
        self.at += 1;
        self.skip_space();
        if outermost && self.peek() == Some(b'}') {
            self.at += 1;
            return items.close();
        }
        loop {
            self.skip_space();
            self.item(&mut items.item)?;
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return items.close().map_err(|error| match error.code == code::ARRAY_SUBSCRIPT_ERROR {
                        true => {
                            (self.malformed)("Multidimensional arrays must have sub-arrays with matching dimensions.")
                        }
                        false => error,
                    });
                }
                _ => return Err(self.unexpected()),
            }
        }
    }

    fn item(&mut self, column: &mut ColumnBuilder) -> Result<()> {
        match (self.peek(), &mut column.values) {
            (Some(b'{'), Values::Array(items)) => return self.list(items, false),
            (Some(b'{' | b'}' | b',') | None, _) => return Err(self.unexpected()),
            (_, Values::Array(_)) => return Err((self.malformed)("Unexpected array element.")),
            _ => {}
        }
        let quoted = self.element()?;
        if !quoted && self.element.eq_ignore_ascii_case(b"null") {
            column.append_null();
            return Ok(());
        }
        // Escapes and quotes are ASCII, so what is left of a text without them is text.
        column.append_text(&String::from_utf8_lossy(&self.element))
    }

    /// Reads an element up to the comma or brace behind it, and answers whether any part of it was quoted.
    fn element(&mut self) -> Result<bool> {
        self.element.clear();
        let mut quoted = false;
        // White space at an element's end belongs to it only where it is quoted or escaped.
        let mut kept = 0;
        loop {
            match self.peek() {
                None | Some(b'{') => return Err(self.unexpected()),
                Some(b',' | b'}') => break,
                Some(b'"') => {
                    if quoted || kept > 0 {
                        return Err((self.malformed)("Unexpected array element."));
                    }
                    quoted = true;
                    self.quoted()?;
                    kept = self.element.len();
                }
                Some(b'\\') => {
                    self.escaped()?;
                    kept = self.element.len();
                }
                Some(byte) => {
                    if quoted && !byte.is_ascii_whitespace() {
                        return Err((self.malformed)("Unexpected array element."));
                    }
                    self.element.push(byte);
                    self.at += 1;
                    if !byte.is_ascii_whitespace() {
                        kept = self.element.len();
                    }
                }
            }
        }
        self.element.truncate(kept);
        Ok(quoted)
    }

    fn quoted(&mut self) -> Result<()> {
        self.at += 1;
        loop {
            match self.peek() {
                None => return Err(self.unexpected()),
                Some(b'"') => break,
                Some(b'\\') => self.escaped()?,
                Some(byte) => {
                    self.element.push(byte);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        Ok(())
    }

    fn escaped(&mut self) -> Result<()> {
        let byte = *self.bytes.get(self.at + 1).ok_or_else(|| (self.malformed)("Unexpected end of input."))?;
        self.element.push(byte);
        self.at += 2;
        Ok(())
    }
}
