//! Delimited text (RFC 4180): one record of text a Kafka record. In: records; out: rows, and records that are no rows.
//!
//! The fields are the value columns in their order, each read as PostgreSQL reads text of its type. As in PostgreSQL's
//! `COPY … (FORMAT csv)`, a field that is just the `null` text (nothing, by default) and not in quotes is NULL, while `""` is
//! the empty string. A record with more or fewer fields than columns is rejected. Options: `delimiter` (one ASCII character, a
//! comma by default) and `null`. A header line is for files, whose connector leaves it out.

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};
use datafusion::arrow::datatypes::FieldRef;

use super::column::ColumnBuilder;
use super::rows::{RowDecoder, Rows};
use super::{Decoder, Format, Layout};
use crate::connector::Options;
use crate::error::{Error, Result, code};

/// `format = 'csv'`.
pub const FORMAT: Format = Format { name: "csv", decoder, encoder: None };

fn decoder(options: &Options, layout: &Layout) -> Result<Box<dyn Decoder>> {
    let delimiter = match options.get("delimiter") {
        None => b',',
        Some("\\t") => b'\t',
        Some(text) => match *text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => byte,
            _ => {
                let message = format!("option \"delimiter\" must be one ASCII character, not \"{text}\"");
                return Err(Error::new(code::INVALID_PARAMETER_VALUE, message).hint("e.g. delimiter = ';'"));
            }
        },
    };
    let lines = Lines {
        reader: ReaderBuilder::new().delimiter(delimiter).build(),
        null: options.get("null").unwrap_or_default().to_string(),
        fields: layout.schema.fields()[..layout.value_columns()].to_vec(),
        field: vec![0; 256],
    };
    Ok(Box::new(Rows::new(layout, lines)?))
}

/// Decodes one line of fields a record.
struct Lines {
    reader: Reader,
    null: String,
    fields: Vec<FieldRef>,
    /// The current field without quotes; its length is the room there is.
    field: Vec<u8>,
}

/// A field that was read.
struct FieldRead {
    /// Bytes of it in [`Lines::field`].
    length: usize,
    quoted: bool,
    /// Whether it was the record's last.
    last: bool,
    /// Bytes of the input it took.
    consumed: usize,
}

impl RowDecoder for Lines {
    fn append_row(&mut self, value: &[u8], columns: &mut [ColumnBuilder], _rows: usize) -> Result<(), String> {
        self.reader.reset();
        // A byte order mark is no part of the first field.
        let mut at = if value.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let mut count = 0;
        let mut last = false;
        while !last {
            let Some(read) = self.read_field(&value[at..]) else {
                return Err(if count == 0 { "empty value".to_string() } else { self.wrong_count(count) });
            };
            if read.quoted && value[at..at + read.consumed].iter().filter(|byte| **byte == b'"').count() % 2 == 1 {
                return Err(format!("unterminated quoted field at byte {at}"));
            }
            if let Some(column) = columns.get_mut(count) {
                self.append_field(&read, at, column, count)?;
            }
            at += read.consumed;
            count += 1;
            last = read.last;
        }
        if count != columns.len() {
            return Err(self.wrong_count(count));
        }
        match value[at.min(value.len())..].iter().position(|byte| !matches!(byte, b'\r' | b'\n')) {
            None => Ok(()),
            Some(more) => Err(format!("more than one line of fields: the second begins at byte {}", at + more)),
        }
    }
}

impl Lines {
    /// Reads the field at the start of `input`, which is the rest of the record; `None` if there is none.
    fn read_field(&mut self, input: &[u8]) -> Option<FieldRead> {
        let (mut consumed, mut length) = (0, 0);
        loop {
            let (result, read, written) = self.reader.read_field(&input[consumed..], &mut self.field[length..]);
            consumed += read;
            length += written;
            match result {
                // Asked again with nothing left, the reader takes the end of the input for the end of the record.
                ReadFieldResult::InputEmpty => {}
                ReadFieldResult::OutputFull => self.field.resize(self.field.len() * 2, 0),
                ReadFieldResult::Field { record_end } => {
                    let quoted = input.first() == Some(&b'"');
                    return Some(FieldRead { length, quoted, last: record_end, consumed });
                }
                ReadFieldResult::End => return None,
            }
        }
    }

    fn append_field(
        &self,
        read: &FieldRead,
        at: usize,
        column: &mut ColumnBuilder,
        count: usize,
    ) -> Result<(), String> {
        let name = self.fields[count].name();
        let text = std::str::from_utf8(&self.field[..read.length])
            .map_err(|_| format!("column \"{name}\": invalid UTF-8 in the field at byte {at}"))?;
        if !read.quoted && text == self.null {
            column.append_null();
            return Ok(());
        }
        column.append_text(text).map_err(|error| {
            let detail = error.detail.map_or(String::new(), |detail| format!(" ({detail})"));
            format!("column \"{name}\": {}{detail} at byte {at}", error.message)
        })
    }

    #[cold]
    fn wrong_count(&self, count: usize) -> String {
        format!("expected {} fields, found {count}", self.fields.len())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::Schema;
    use datafusion::arrow::util::pretty::pretty_format_batches;

    use super::*;
    use crate::format::tests::batch_of;
    use crate::types::SqlType;

    fn decode(options: &[(&str, &str)], records: &[&[u8]]) -> (String, Vec<String>) {
        let options = Options(options.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect());
        let fields = vec![SqlType::BigInt.field("id"), SqlType::Text.field("name"), SqlType::Date.field("day")];
        let layout = Layout { schema: Schema::new(fields).into(), includes: vec![] };
        let decoded = decoder(&options, &layout).unwrap().decode(&batch_of(records));
        assert_eq!(decoded.rows.num_rows() + decoded.rejected.len(), records.len());
        let table = pretty_format_batches(&[decoded.rows]).unwrap().to_string();
        let lines: Vec<&str> = table.lines().skip(3).filter(|line| line.starts_with('|')).collect();
        let cells = lines.iter().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>().join("|"));
        (cells.collect::<Vec<_>>().join("\n"), decoded.rejected.into_iter().map(|reject| reject.reason).collect())
    }

    #[test]
    fn fields_nulls_and_quotes() {
        let records: [&[u8]; 5] =
            [b"1,Ann,2024-01-05\n", b"2,,", b"3,\"\",2024-02-29\r\n", b" 4 ,\"a \"\"b\"\", c\",", b"\"5\",x,1/2/2024"];
        let (rows, rejected) = decode(&[], &records);
        assert_eq!(rejected, Vec::<String>::new());
        assert_eq!(rows, "|1|Ann|2024-01-05|\n|2|||\n|3||2024-02-29|\n|4|a \"b\", c||\n|5|x|2024-01-02|");
    }

    #[test]
    fn what_is_no_row_says_why() {
        let records: [&[u8]; 10] = [
            b"1,a",
            b"1,a,2024-01-01,x",
            b"x,a,",
            b"1,a,2024-02-30",
            b"",
            b"1,\xff,",
            b"1,a,\n2,b,",
            b"1,\"a,\n2,b,\n",
            b"1,\"a\",\"2024-01-01",
            b"7,ok,",
        ];
        let (rows, rejected) = decode(&[], &records);
        assert_eq!(rows, "|7|ok||");
        assert_eq!(
            rejected,
            [
                "expected 3 fields, found 2",
                "expected 3 fields, found 4",
                "column \"id\": invalid input syntax for type bigint: \"x\" at byte 0",
                "column \"day\": date/time field value out of range: \"2024-02-30\" at byte 4",
                "empty value",
                "column \"name\": invalid UTF-8 in the field at byte 2",
                "more than one line of fields: the second begins at byte 5",
                "unterminated quoted field at byte 2",
                "unterminated quoted field at byte 6",
            ]
        );
    }

    #[test]
    fn options_change_delimiter_and_null() {
        let (rows, rejected) =
            decode(&[("delimiter", "\\t"), ("null", "\\N")], &[b"1\t\\N\t\\N", b"2\t\"\\N\"\t2024-01-01"]);
        assert_eq!((rows.as_str(), rejected.len()), ("|1|||\n|2|\\N|2024-01-01|", 0));
        let layout = Layout { schema: Schema::empty().into(), includes: vec![] };
        let options = Options(vec![("delimiter".to_string(), "ab".to_string())]);
        assert_eq!(decoder(&options, &layout).err().unwrap().code, code::INVALID_PARAMETER_VALUE);
    }

    #[test]
    fn long_fields_fit() {
        let long = "y".repeat(10_000);
        let record = format!("1,{long},");
        let (rows, _) = decode(&[], &[record.as_bytes()]);
        assert!(rows.contains(&long));
    }
}
