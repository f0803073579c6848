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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::format::text::{ColumnBuilder, TextOptions, Writer};
    use crate::types::{RowType, SqlType};

    fn read(text: &str) -> Result<String, String> {
        let sql_type = SqlType::Row(Arc::new(RowType::anonymous([SqlType::Integer, SqlType::Text, SqlType::Text])));
        let mut column = ColumnBuilder::new(&sql_type);
        column.append_text(text).map_err(|error| error.detail.unwrap_or(error.message))?;
        let mut out = Vec::new();
        let writer = Writer::new(&sql_type.field("r"), &TextOptions::default()).unwrap();
        writer.write(&column.finish(), 0, &mut out).unwrap();
        Ok(String::from_utf8(out).unwrap())
    }

    /// PostgreSQL 15's answers.
    #[test]
    fn literals_are_read_and_written_as_postgresql_does() {
        for (text, expected) in [
            (r#"( 1 ," x""y\\z",)"#, r#"(1," x""y\\z",)"#),
            (r#"(,a b , "q"r)"#, r#"(,"a b "," qr")"#),
            ("  (1,,\"\")  ", "(1,,\"\")"),
            (r"(1,a\,b,\))", r#"(1,"a,b",")")"#),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
        for (text, expected) in [
            ("1,2,3", "Missing left parenthesis."),
            ("(1,2)", "Too few columns."),
            ("(1,2,3,4)", "Too many columns."),
            ("(1,\"2,3", "Unexpected end of input."),
            ("(1,2,3)x", "Junk after right parenthesis."),
            ("(a,,)", "invalid input syntax for type integer: \"a\""),
        ] {
            assert_eq!(read(text), Err(expected.to_string()), "{text}");
        }
    }
}
