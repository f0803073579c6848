//! PostgreSQL's array literals: `{1,NULL,"a b"}`.

use crate::error::{Error, Result, code};
use crate::format::column::{ColumnBuilder, Items, Values};

/// Appends the array that `text` is.
pub(super) fn append_array(text: &str, items: &mut Items) -> Result<()> {
    let malformed = |detail: String| {
        let message = format!("malformed array literal: \"{text}\"");
        Error::new(code::INVALID_TEXT_REPRESENTATION, message).detail(detail)
    };
    let mut literal =
        Literal { bytes: text.trim_ascii().as_bytes(), at: 0, element: Vec::new(), malformed: &malformed };
    if literal.peek() == Some(b'[') {
        literal.skip_bounds()?;
    }
    if literal.peek() != Some(b'{') {
        return Err(malformed("Array value must start with \"{\" or dimension information.".to_string()));
    }
    literal.list(items)?;
    if literal.at < literal.bytes.len() {
        return Err(malformed("Junk after closing right brace.".to_string()));
    }
    Ok(())
}

/// A literal that is being read.
struct Literal<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The current element without quotes and escapes.
    element: Vec<u8>,
    malformed: &'a dyn Fn(String) -> Error,
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
        (self.malformed)(
            match self.bytes.get(self.at..).and_then(|rest| std::str::from_utf8(rest).ok()?.chars().next()) {
                Some(letter) => format!("Unexpected \"{letter}\" character."),
                None => "Unexpected end of input.".to_string(),
            },
        )
    }

    /// Consumes `[1:n]=`. Other lower bounds would have to be kept with the value.
    fn skip_bounds(&mut self) -> Result<()> {
        let rest = &self.bytes[self.at..];
        let Some(equals) = rest.iter().position(|byte| *byte == b'=') else {
            return Err((self.malformed)("Missing \"]\" after array dimensions.".to_string()));
        };
        let one_based = rest[..equals].split(|byte| *byte == b'[').skip(1).all(|bound| bound.starts_with(b"1:"));
        if !one_based {
            return Err(Error::unsupported("array lower bounds other than 1 are not supported"));
        }
        self.at += equals + 1;
        self.skip_space();
        Ok(())
    }

    /// Reads a list in braces and what is in it.
    fn list(&mut self, items: &mut Items) -> Result<()> {
        self.at += 1;
        self.skip_space();
        if self.peek() == Some(b'}') {
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
                    return items.close();
                }
                _ => return Err(self.unexpected()),
            }
        }
    }

    fn item(&mut self, column: &mut ColumnBuilder) -> Result<()> {
        match (self.peek(), &mut column.values) {
            (Some(b'{'), Values::Array(items)) => return self.list(items),
            (Some(b'{'), _) => {
                return Err(Error::unsupported("arrays of more than one dimension are not supported here")
                    .hint("write ARRAY[[…], […]]"));
            }
            (Some(b'}' | b',') | None, _) => return Err(self.unexpected()),
            _ => {}
        }
        let quoted = self.element()?;
        if !quoted && self.element.eq_ignore_ascii_case(b"null") {
            column.append_null();
            return Ok(());
        }
        if matches!(column.values, Values::Array(_)) {
            return Err((self.malformed)("Unexpected array element.".to_string()));
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
                        return Err((self.malformed)("Unexpected array element.".to_string()));
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
                        return Err((self.malformed)("Unexpected array element.".to_string()));
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
        let byte =
            *self.bytes.get(self.at + 1).ok_or_else(|| (self.malformed)("Unexpected end of input.".to_string()))?;
        self.element.push(byte);
        self.at += 2;
        Ok(())
    }
}
