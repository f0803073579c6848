//! COPY … FROM STDIN: text and CSV; binary is in [`super::copy_binary`]. All rows are one INSERT: an error in one of them leaves nothing.

use datafusion::arrow::array::ArrayRef;
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::copy::CopyInResponse;

use super::connection::Connection;
use super::copy_binary;
use super::encode::check_columns;
use super::failure::{Attempt, code, protocol_violation};
use super::frontend::utf8;
use crate::compile::parse::{CopyFormat, CopyFrom, CopyOptions};
use crate::engine::CopyColumns;
use crate::error::{Error, Result, Subject};
use crate::format::text::ColumnBuilder;

/// Bytes of one COPY at most; they are held until its end.
const COPY_BYTES_MAX: usize = 1 << 30;

impl Connection {
    /// Reads the rows of a COPY and inserts them; returns the command tag.
    pub(super) async fn copy_in(&mut self, copy: &CopyFrom) -> Attempt<String> {
        let into = self.session.here()?.copy_columns(copy)?;
        let layout = match copy.options.format {
            CopyFormat::Binary => None,
            _ => {
                let names: Vec<&str> = into.columns.iter().map(|(name, _)| name.as_str()).collect();
                Some(Layout::new(&copy.options, &names))
            }
        };
        let columns = into.columns.len();
        check_columns(columns)?;
        let code = i8::from(layout.is_none());
        let layout = layout.transpose()?;
        let options = self.text_options();
        let response = CopyInResponse::new(code, columns as i16, vec![i16::from(code); columns]);
        self.socket.put(&PgWireBackendMessage::CopyInResponse(response))?;
        self.interrupt.guard_idle(self.socket.flush()).await??;
        let data = self.copy_data().await?;
        let copy = copy.clone();
        let inserted = self
            .session
            .work(&mut self.interrupt, |session| {
                Box::pin(async move {
                    let rows = match layout {
                        Some(layout) => layout.read(&data, &into, &copy.table)?,
                        None => copy_binary::read(data, &into, &copy.table, &options)?,
                    };
                    session.copy_rows(&copy, rows.columns, rows.count).await
                })
            })
            .await?;
        Ok(format!("COPY {}", inserted?))
    }

    /// All that the client sends, to its CopyDone.
    async fn copy_data(&mut self) -> Attempt<Vec<u8>> {
        let mut data = Vec::new();
        loop {
            let frame = self.interrupt.guard_idle(self.socket.frame()).await??;
            match frame.kind {
                b'd' if data.len() + frame.body.len() > COPY_BYTES_MAX => {
                    let message = format!("COPY of more than {COPY_BYTES_MAX} bytes is not supported");
                    return Err(Error::unsupported(message).hint("split the data into several COPYs").into());
                }
                b'd' => data.extend_from_slice(&frame.body),
                b'c' => return Ok(data),
                b'f' => {
                    let reason = utf8(frame.body.strip_suffix(b"\0").unwrap_or(&frame.body))?.to_string();
                    let message = format!("COPY from stdin failed: {reason}");
                    return Err(Error::new(code::QUERY_CANCELED, message).into());
                }
                // Flush and Sync mean nothing inside a COPY.
                b'H' | b'S' => {}
                kind => {
                    let message = format!("unexpected message type 0x{kind:02X} during COPY from stdin");
                    return Err(protocol_violation(message).into());
                }
            }
        }
    }
}

/// Characters of a line or value at most, in messages.
const CONTEXT_LETTERS_MAX: usize = 100;

/// How rows are laid out.
struct Layout {
    csv: bool,
    delimiter: u8,
    quote: u8,
    escape: u8,
    null: Vec<u8>,
    header: bool,
    header_match: bool,
    /// By column, whether a quoted value may be NULL, and whether one without quotes is not.
    force_null: Vec<bool>,
    force_not_null: Vec<bool>,
}

/// Rows that were read.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) columns: Vec<ArrayRef>,
    pub(super) count: usize,
}

/// One line of fields, unescaped; `None` is NULL.
type Fields = Vec<Option<Vec<u8>>>;

impl Layout {
    fn new(options: &CopyOptions, columns: &[&str]) -> Result<Layout> {
        let csv = options.format == CopyFormat::Csv;
        // The parser let through single ASCII characters only.
        let byte =
            |given: Option<char>, default: u8| given.and_then(|given| u8::try_from(given).ok()).unwrap_or(default);
        let quote = byte(options.quote, b'"');
        let null = options.null.clone().unwrap_or_else(|| if csv { String::new() } else { "\\N".to_string() });
        let delimiter = byte(options.delimiter, if csv { b',' } else { b'\t' });
        if csv && delimiter == quote {
            return Err(Error::new(code::INVALID_PARAMETER_VALUE, "COPY delimiter and quote must be different"));
        }
        Ok(Layout {
            csv,
            delimiter,
            quote,
            escape: byte(options.escape, quote),
            null: null.into_bytes(),
            header: options.header,
            header_match: options.header_match,
            force_null: options.force_null.among("FORCE_NULL", columns)?,
            force_not_null: options.force_not_null.among("FORCE_NOT_NULL", columns)?,
        })
    }

    fn read(&self, data: &[u8], into: &CopyColumns, table: &str) -> Result<Rows> {
        let mut builders: Vec<ColumnBuilder> =
            into.columns.iter().map(|(_, sql_type)| ColumnBuilder::new(sql_type).with_time_zone(into.zone)).collect();
        let (mut at, mut line, mut count) = (0, 0, 0);
        while at < data.len() {
            line += 1;
            let rest = &data[at..];
            let place = |column: Option<&str>, text: &[u8]| {
                let text = String::from_utf8_lossy(text);
                let column = column.map(|column| format!(", column {column}")).unwrap_or_default();
                let context = match text.char_indices().nth(CONTEXT_LETTERS_MAX) {
                    Some((end, _)) => format!("COPY {table}, line {line}{column}: \"{}...\"", &text[..end]),
                    None => format!("COPY {table}, line {line}{column}: \"{text}\""),
                };
                Subject { context: Some(context), ..Subject::default() }
            };
            let read = if self.csv { self.csv_line(rest) } else { self.text_line(rest) };
            let (fields, taken) = read.map_err(|error| error.about(place(None, rest)))?;
            at += taken;
            if self.header && line == 1 {
                if let Some(fields) = fields.filter(|_| self.header_match) {
                    check_header(&fields, into)
                        .map_err(|error| error.about(place(None, rest[..taken.min(rest.len())].trim_ascii_end())))?;
                }
                continue;
            }
            let Some(fields) = fields else { break };
            append(&fields, &mut builders, into).map_err(|failure| match *failure {
                (error, Some(column)) => {
                    let value = fields[column].as_deref().unwrap_or_default();
                    error.about(place(Some(&into.columns[column].0), value))
                }
                (error, None) => error.about(place(None, rest[..taken.min(rest.len())].trim_ascii_end())),
            })?;
            count += 1;
        }
        Ok(Rows { columns: builders.iter_mut().map(ColumnBuilder::finish).collect(), count })
    }

    /// A line of the text format and how many bytes it took; `None` at the end marker `\.`.
    fn text_line(&self, data: &[u8]) -> Result<(Option<Fields>, usize)> {
        let (mut fields, mut field, mut start, mut at) = (Vec::new(), Vec::new(), 0, 0);
        let mut end = |field: &mut Vec<u8>, raw: &[u8]| fields.push((raw != self.null).then(|| std::mem::take(field)));
        loop {
            match data.get(at) {
                None | Some(b'\n') => {
                    // `\r\n` ends a line, too; a lone `\r` in the data is written as `\r`.
                    let raw = &data[start..at];
                    let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
                    if raw.len() < at - start {
                        field.pop();
                    }
                    if start == 0 && raw == b"\\." {
                        return Ok((None, at + 1));
                    }
                    end(&mut field, raw);
                    return Ok((Some(fields), at + 1));
                }
                Some(b'\\') if at + 1 < data.len() => {
                    let (byte, taken) = escaped(&data[at + 1..]);
                    field.push(byte);
                    at += 1 + taken;
                }
                Some(byte) if *byte == self.delimiter => {
                    end(&mut field, &data[start..at]);
                    field.clear();
                    at += 1;
                    start = at;
                }
                Some(byte) => {
                    field.push(*byte);
                    at += 1;
                }
            }
        }
    }

    /// The value of a field of CSV; `None` is NULL.
    fn csv_value(&self, column: usize, quoted: bool, value: Vec<u8>) -> Option<Vec<u8>> {
        let may_be_null = match quoted {
            true => self.force_null.get(column) == Some(&true),
            false => self.force_not_null.get(column) != Some(&true),
        };
        (!may_be_null || value != self.null).then_some(value)
    }

    /// A record of the CSV format and how many bytes it took; `None` at the end marker `\.`.
    fn csv_line(&self, data: &[u8]) -> Result<(Option<Fields>, usize)> {
        let (mut fields, mut field, mut at) = (Vec::new(), Vec::new(), 0);
        let (mut quoted, mut inside) = (false, false);
        loop {
            let byte = data.get(at).copied();
            if inside {
                match byte {
                    None => return Err(Error::new(code::BAD_COPY_FILE_FORMAT, "unterminated CSV quoted field")),
                    Some(byte)
                        if byte == self.escape
                            && data.get(at + 1).is_some_and(|next| [self.quote, self.escape].contains(next)) =>
                    {
                        field.push(data[at + 1]);
                        at += 1;
                    }
                    Some(byte) if byte == self.quote => inside = false,
                    Some(byte) => field.push(byte),
                }
                at += 1;
                continue;
            }
            match byte {
                None | Some(b'\n') => {
                    // One inside of quotes has the quote behind it.
                    if at > 0 && data[at - 1] == b'\r' {
                        field.pop();
                    }
                    if fields.is_empty() && !quoted && field == b"\\." {
                        return Ok((None, at + 1));
                    }
                    fields.push(self.csv_value(fields.len(), quoted, field));
                    return Ok((Some(fields), at + 1));
                }
                Some(byte) if byte == self.quote => (quoted, inside) = (true, true),
                Some(byte) if byte == self.delimiter => {
                    let value = std::mem::take(&mut field);
                    fields.push(self.csv_value(fields.len(), quoted, value));
                    quoted = false;
                }
                Some(byte) => field.push(byte),
            }
            at += 1;
        }
    }
}

/// HEADER MATCH: the first line has the columns' names.
fn check_header(fields: &Fields, into: &CopyColumns) -> Result<()> {
    let wrong = |message: String| Err(Error::new(code::BAD_COPY_FILE_FORMAT, message));
    if fields.len() != into.columns.len() {
        let (got, expected) = (fields.len(), into.columns.len());
        return wrong(format!("wrong number of fields in header line: got {got}, expected {expected}"));
    }
    for (number, (field, (name, _))) in fields.iter().zip(&into.columns).enumerate() {
        let place = format!("column name mismatch in header line field {}", number + 1);
        match field {
            None => return wrong(format!("{place}: got null value (\"\\N\"), expected \"{name}\"")),
            Some(field) if field != name.as_bytes() => {
                return wrong(format!("{place}: got \"{}\", expected \"{name}\"", String::from_utf8_lossy(field)));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The byte that a backslash and what follows it stand for, and how many bytes follow it.
fn escaped(rest: &[u8]) -> (u8, usize) {
    let digits = |from: usize, base: u32, most: usize| -> (u8, usize) {
        let digits = rest[from..].iter().take(most).map_while(|byte| char::from(*byte).to_digit(base));
        let (value, count) = digits.fold((0, 0), |(value, count), digit| (value * base + digit, count + 1));
        ((value & 0xFF) as u8, count)
    };
    match rest[0] {
        b'b' => (8, 1),
        b'f' => (12, 1),
        b'n' => (b'\n', 1),
        b'r' => (b'\r', 1),
        b't' => (b'\t', 1),
        b'v' => (11, 1),
        b'x' => match digits(1, 16, 2) {
            (_, 0) => (b'x', 1),
            (byte, count) => (byte, count + 1),
        },
        b'0'..=b'7' => digits(0, 8, 3),
        byte => (byte, 1),
    }
}

/// Appends a row; errors with the number of the column that they are about.
fn append(
    fields: &Fields,
    builders: &mut [ColumnBuilder],
    into: &CopyColumns,
) -> Result<(), Box<(Error, Option<usize>)>> {
    let wrong = |message: String| Box::new((Error::new(code::BAD_COPY_FILE_FORMAT, message), None));
    if let Some((name, _)) = into.columns.get(fields.len()) {
        return Err(wrong(format!("missing data for column \"{name}\"")));
    }
    if fields.len() > into.columns.len() {
        return Err(wrong("extra data after last expected column".to_string()));
    }
    for (column, (field, builder)) in fields.iter().zip(builders).enumerate() {
        let appended = match field {
            None => {
                builder.append_null();
                Ok(())
            }
            Some(bytes) => utf8(bytes).and_then(|text| builder.append_text(text)),
        };
        appended.map_err(|error| Box::new((error, Some(column))))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Array, AsArray};

    use super::*;
    use crate::types::SqlType;

    fn read(options: &CopyOptions, data: &str) -> Result<Vec<Vec<Option<String>>>> {
        let columns = vec![("a".to_string(), SqlType::Text), ("b".to_string(), SqlType::Text)];
        let into = CopyColumns { columns, zone: Default::default() };
        let rows = Layout::new(options, &["a", "b"])?.read(data.as_bytes(), &into, "t")?;
        let value = |column: &ArrayRef, row: usize| {
            column.is_valid(row).then(|| column.as_string::<i32>().value(row).to_string())
        };
        Ok((0..rows.count).map(|row| rows.columns.iter().map(|column| value(column, row)).collect()).collect())
    }

    fn row(a: Option<&str>, b: Option<&str>) -> Vec<Option<String>> {
        vec![a.map(str::to_string), b.map(str::to_string)]
    }

    #[test]
    fn text_is_unescaped() {
        let options = CopyOptions::default();
        let rows = read(&options, "a\\tb\t\\N\nx\\\\y\\x41\\101\t\r\n\\.\nignored").unwrap();
        assert_eq!(rows, [row(Some("a\tb"), None), row(Some("x\\yAA"), Some(""))]);
        let error = read(&options, "a\tb\nonly").unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (code::BAD_COPY_FILE_FORMAT, "missing data for column \"b\""));
        let context = error.subject.and_then(|subject| subject.context);
        assert_eq!(context.as_deref(), Some("COPY t, line 2: \"only\""));
        assert_eq!(read(&options, "a\tb\tc").unwrap_err().message, "extra data after last expected column");
        assert_eq!(read(&options, "").unwrap(), Vec::<Vec<Option<String>>>::new());
    }

    #[test]
    fn csv_knows_quotes() {
        let options = CopyOptions { format: CopyFormat::Csv, header: true, ..CopyOptions::default() };
        let rows = read(&options, "a,b\n\"x,\"\"y\"\"\n\",\r\n\"\",z\n\"q\"\"\",\"\"\r\n").unwrap();
        assert_eq!(rows, [row(Some("x,\"y\"\n"), None), row(Some(""), Some("z")), row(Some("q\""), Some(""))]);
        assert_eq!(read(&options, "h\n\"open").unwrap_err().message, "unterminated CSV quoted field");
    }
}
