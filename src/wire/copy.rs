//! COPY … TO STDOUT: text, CSV and binary, row by row as the rows become ready. What goes wrong on the way is an ErrorResponse; the
//! protocol has no other end of a COPY from the server's side.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{BufMut, Bytes, BytesMut};
use datafusion::arrow::record_batch::RecordBatch;
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::copy::{CopyDone, CopyOutResponse};

use super::connection::Connection;
use super::encode::{Encoders, Format, Formats, check_columns, length_of};
use super::failure::Attempt;
use super::rows::{Pace, Results, RowFormat, RowWriter};
use crate::compile::parse::{CopyFormat, CopyOptions};
use crate::error::{Error, Result, code};
use crate::format::text::TextOptions;

/// What a binary COPY starts with: the signature, no flags, no header extension.
const BINARY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with: a row of −1 columns.
const BINARY_TRAILER: &[u8] = &[0xff, 0xff];

/// A COPY that is to be sent.
pub(super) struct CopyOut {
    results: Results,
    layout: Layout,
}

/// How rows are laid out.
#[derive(Debug, Clone)]
enum Layout {
    Text { delimiter: u8, null: String, header: bool },
    Csv { delimiter: u8, quote: u8, escape: u8, null: String, header: bool, force: Vec<bool> },
    Binary,
}

impl CopyOut {
    /// A COPY of `results`; refuses options that PostgreSQL refuses.
    pub(super) fn new(results: Results, options: &CopyOptions) -> Result<CopyOut> {
        let names: Vec<&str> = results.schema.fields().iter().map(|field| field.name().as_str()).collect();
        let layout = Layout::new(options, &names)?;
        Ok(CopyOut { results, layout })
    }
}

impl Connection {
    /// Sends a COPY; returns the command tag.
    pub(super) async fn copy_out(&mut self, copy: CopyOut) -> Attempt<String> {
        let CopyOut { mut results, layout } = copy;
        let columns = results.schema.fields().len();
        check_columns(columns)?;
        let code = i8::from(matches!(layout, Layout::Binary));
        let response = CopyOutResponse::new(code, columns as i16, vec![i16::from(code); columns]);
        self.socket.put(&PgWireBackendMessage::CopyOutResponse(response))?;
        let names: Vec<&str> = results.schema.fields().iter().map(|field| field.name().as_str()).collect();
        if let Some(start) = layout.start(&names) {
            put_data(&mut self.socket.output, &start)?;
        }
        let format = CopyRows { layout, options: self.text_options(), is_begun: AtomicBool::new(false) };
        let sent = results.send(&format, &mut self.socket, &mut self.interrupt, Pace::default()).await?;
        if matches!(format.layout, Layout::Binary) {
            put_data(&mut self.socket.output, &[format.binary_header(), BINARY_TRAILER].concat())?;
        }
        self.socket.put(&PgWireBackendMessage::CopyDone(CopyDone::new()))?;
        Ok(format!("COPY {}", sent.rows))
    }
}

/// Appends a CopyData message.
fn put_data(out: &mut BytesMut, bytes: &[u8]) -> Result<()> {
    let length = length_of(bytes.len() + 4)?;
    out.put_u8(b'd');
    out.put_i32(length);
    out.put_slice(bytes);
    Ok(())
}

/// Rows as CopyData messages.
struct CopyRows {
    layout: Layout,
    options: TextOptions,
    /// Whether the binary header was sent.
    is_begun: AtomicBool,
}

impl CopyRows {
    /// What comes before the next binary row: the header, in one message with the first, where clients expect it.
    fn binary_header(&self) -> &'static [u8] {
        if self.is_begun.swap(true, Ordering::Relaxed) { &[] } else { BINARY_HEADER }
    }
}

/// The rows of one batch.
struct CopyWriter<'a> {
    format: &'a CopyRows,
    encoders: Encoders<'a>,
    row: Vec<u8>,
    value: Vec<u8>,
}

impl RowFormat for CopyRows {
    fn bind<'a>(&'a self, batch: &'a RecordBatch) -> Result<Box<dyn RowWriter + 'a>> {
        let format = if matches!(self.layout, Layout::Binary) { Format::Binary } else { Format::Text };
        let encoders = Encoders::new(batch, &Formats::all(format), &self.options)?;
        Ok(Box::new(CopyWriter { format: self, encoders, row: Vec::new(), value: Vec::new() }))
    }
}

impl RowWriter for CopyWriter<'_> {
    fn write(&mut self, row: usize, out: &mut BytesMut) -> Result<()> {
        self.row.clear();
        let columns = self.encoders.len();
        match &self.format.layout {
            Layout::Binary => {
                self.row.extend_from_slice(self.format.binary_header());
                self.row.extend_from_slice(&(columns as i16).to_be_bytes());
                self.encoders.tuple(row, &mut self.row)?;
            }
            layout => {
                for column in 0..columns {
                    self.value.clear();
                    let is_value = self.encoders.value(column, row, &mut self.value)?;
                    layout.write_value(column, is_value.then_some(&self.value), columns, &mut self.row);
                }
                self.row.push(b'\n');
            }
        }
        put_data(out, &self.row)
    }
}

impl Layout {
    fn new(options: &CopyOptions, columns: &[&str]) -> Result<Layout> {
        let refuse = |message: String| Err(Error::new(code::INVALID_PARAMETER_VALUE, message));
        let one_byte = |character: Option<char>, default: u8, name: &str| match character {
            None => Ok(default),
            Some(character) if character.is_ascii() && !matches!(character, '\n' | '\r' | '\0') => Ok(character as u8),
            Some(_) => Err(Error::unsupported(format!("COPY {name} must be a single one-byte character"))),
        };
        let null = options.null.clone();
        if null.as_ref().is_some_and(|null| null.contains(['\n', '\r'])) {
            return refuse("COPY null representation cannot use newline or carriage return".to_string());
        }
        let header = options.header;
        Ok(match options.format {
            CopyFormat::Binary => {
                if header || null.is_some() || options.delimiter.is_some() || options.quote.is_some() {
                    let message = "cannot specify HEADER, NULL, DELIMITER or QUOTE in BINARY mode";
                    return Err(Error::new(code::SYNTAX_ERROR, message));
                }
                Layout::Binary
            }
            CopyFormat::Text => {
                let delimiter = one_byte(options.delimiter, b'\t', "delimiter")?;
                if delimiter.is_ascii_lowercase() || delimiter.is_ascii_digit() || matches!(delimiter, b'\\' | b'.') {
                    return refuse(format!("COPY delimiter cannot be \"{}\"", char::from(delimiter)));
                }
                if options.quote.is_some() {
                    return Err(Error::unsupported("COPY quote available only in CSV mode"));
                }
                Layout::Text { delimiter, null: null.unwrap_or_else(|| "\\N".to_string()), header }
            }
            CopyFormat::Csv => {
                let delimiter = one_byte(options.delimiter, b',', "delimiter")?;
                let quote = one_byte(options.quote, b'"', "quote")?;
                if delimiter == quote {
                    return refuse("COPY delimiter and quote must be different".to_string());
                }
                let escape = one_byte(options.escape, quote, "escape")?;
                let force = options.force_quote.among("FORCE_QUOTE", columns)?;
                Layout::Csv { delimiter, quote, escape, null: null.unwrap_or_default(), header, force }
            }
        })
    }

    /// What comes before the first row, in a message of its own.
    fn start(&self, names: &[&str]) -> Option<Bytes> {
        match self {
            Layout::Text { header: true, .. } | Layout::Csv { header: true, .. } => {
                let mut line = Vec::new();
                // No quotes are forced upon names.
                let mut layout = self.clone();
                if let Layout::Csv { force, .. } = &mut layout {
                    force.clear();
                }
                for (column, name) in names.iter().enumerate() {
                    layout.write_value(column, Some(name.as_bytes()), names.len(), &mut line);
                }
                line.push(b'\n');
                Some(line.into())
            }
            _ => None,
        }
    }

    /// Appends a value, after the delimiter if it is not the row's first.
    fn write_value(&self, column: usize, value: Option<impl AsRef<[u8]>>, columns: usize, out: &mut Vec<u8>) {
        match self {
            Layout::Binary => {}
            Layout::Text { delimiter, null, .. } => {
                if column > 0 {
                    out.push(*delimiter);
                }
                match value {
                    Some(value) => write_escaped(value.as_ref(), *delimiter, out),
                    None => out.extend_from_slice(null.as_bytes()),
                }
            }
            Layout::Csv { delimiter, quote, escape, null, force, .. } => {
                if column > 0 {
                    out.push(*delimiter);
                }
                match value {
                    Some(value) => {
                        let value = value.as_ref();
                        if force.get(column) == Some(&true)
                            || needs_quotes(value, *delimiter, *quote, null.as_bytes(), columns == 1)
                        {
                            write_quoted(value, *quote, *escape, out);
                        } else {
                            out.extend_from_slice(value);
                        }
                    }
                    None => out.extend_from_slice(null.as_bytes()),
                }
            }
        }
    }
}

/// Text format: backslash escapes, as PostgreSQL's CopyAttributeOutText.
fn write_escaped(value: &[u8], delimiter: u8, out: &mut Vec<u8>) {
    for byte in value {
        let letter = match byte {
            8 => b'b',
            12 => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            11 => b'v',
            b'\\' => b'\\',
            byte if *byte == delimiter => delimiter,
            byte => {
                out.push(*byte);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', letter]);
    }
}

/// Whether a reader of CSV would see something else without quotes, as PostgreSQL's CopyAttributeOutCSV decides.
fn needs_quotes(value: &[u8], delimiter: u8, quote: u8, null: &[u8], is_only: bool) -> bool {
    let special = |byte: &u8| *byte == delimiter || *byte == quote || matches!(byte, b'\n' | b'\r');
    // A line of `\.` alone would end the data.
    value == null || value.iter().any(special) || (is_only && value == b"\\.")
}

fn write_quoted(value: &[u8], quote: u8, escape: u8, out: &mut Vec<u8>) {
    out.push(quote);
    for byte in value {
        if *byte == quote || *byte == escape {
            out.push(escape);
        }
        out.push(*byte);
    }
    out.push(quote);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::parse::CopyColumns;

    fn line(options: &CopyOptions, values: &[Option<&str>]) -> String {
        let layout = Layout::new(options, &["a", "b", "c", "d", "e"][..values.len()]).unwrap();
        let mut out = Vec::new();
        for (column, value) in values.iter().enumerate() {
            layout.write_value(column, value.map(str::as_bytes), values.len(), &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_escaped() {
        let options = CopyOptions::default();
        assert_eq!(line(&options, &[Some("a\tb\\c\nd"), None, Some("")]), "a\\tb\\\\c\\nd\t\\N\t");
        let options = CopyOptions { delimiter: Some('|'), null: Some("-".into()), ..CopyOptions::default() };
        assert_eq!(line(&options, &[Some("a|b"), None]), "a\\|b|-");
    }

    #[test]
    fn csv_is_quoted_where_needed() {
        let options = CopyOptions { format: CopyFormat::Csv, ..CopyOptions::default() };
        assert_eq!(
            line(&options, &[Some("a,b"), None, Some(""), Some("say \"x\""), Some("\\.")]),
            "\"a,b\",,\"\",\"say \"\"x\"\"\",\\."
        );
        assert_eq!(line(&options, &[Some("\\.")]), "\"\\.\"");
        let named = CopyColumns::Named(vec!["b".into()]);
        let options = CopyOptions { escape: Some('\\'), force_quote: named, ..options };
        assert_eq!(line(&options, &[Some("a\\\"b"), Some("x"), None]), "\"a\\\\\\\"b\",\"x\",");
    }

    #[test]
    fn options_that_are_refused() {
        let refused = |options: CopyOptions| Layout::new(&options, &[]).unwrap_err().code;
        assert_eq!(refused(CopyOptions { delimiter: Some('é'), ..CopyOptions::default() }), "0A000");
        assert_eq!(refused(CopyOptions { delimiter: Some('n'), ..CopyOptions::default() }), "22023");
        assert_eq!(refused(CopyOptions { null: Some("a\nb".into()), ..CopyOptions::default() }), "22023");
        let csv = CopyOptions { format: CopyFormat::Csv, ..CopyOptions::default() };
        assert_eq!(refused(CopyOptions { quote: Some(','), ..csv }), "22023");
        let binary = CopyOptions { format: CopyFormat::Binary, ..CopyOptions::default() };
        assert_eq!(refused(CopyOptions { header: true, ..binary }), "42601");
    }
}
