//! PostgreSQL's literals of rows: `(1,,"a b")`.

use crate::error::{Error, Result, code};
use crate::format::parts::Parts;

/// Appends the row that `text` is.
pub(super) fn append_record(text: &str, parts: &mut Parts) -> Result<()> {
    let malformed = |detail: &str| {
        let message = format!("malformed record literal: \"{text}\"");
        Error::new(code::INVALID_TEXT_REPRESENTATION, message).detail(detail)
    };
    let mut rest = text.trim_ascii_start().strip_prefix('(').ok_or_else(|| malformed("Missing left parenthesis."))?;
    let mut value = String::new();
    for (number, column) in parts.columns.iter_mut().enumerate() {
        if number > 0 {
            rest = rest.strip_prefix(',').ok_or_else(|| malformed("Too few columns."))?;
        }
        if rest.starts_with([',', ')']) {
            column.append_null();
            continue;
        }
        value.clear();
        rest = field(rest, &mut value).ok_or_else(|| malformed("Unexpected end of input."))?;
        column.append_text(&value)?;
    }
    let rest = rest.strip_prefix(')').ok_or_else(|| malformed("Too many columns."))?;
    if !rest.trim_ascii_start().is_empty() {
        return Err(malformed("Junk after right parenthesis."));
    }
    parts.close();
    Ok(())
}

/// Reads a field up to the comma or parenthesis behind it; `None` if the text ends before.
fn field<'a>(text: &'a str, value: &mut String) -> Option<&'a str> {
    let mut letters = text.char_indices().peekable();
    let mut in_quotes = false;
    while let Some((at, letter)) = letters.next() {
        match letter {
            ',' | ')' if !in_quotes => return Some(&text[at..]),
            '\\' => value.push(letters.next()?.1),
            '"' if in_quotes && letters.next_if(|(_, next)| *next == '"').is_some() => value.push('"'),
            '"' => in_quotes = !in_quotes,
            letter => value.push(letter),
        }
    }
    None
}
