//! Cuts a file into records: lines, or CSV records, which may hold line ends between quotes.

use std::io::{self, BufRead, Read};

/// A record longer than this is an error: it is more likely a file of another format than a record.
pub(super) const RECORD_BYTES_MAX: usize = 64 << 20;

/// How records are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One record per line. Numbers of records are numbers of lines, empty ones included.
    Lines,
    /// RFC 4180 with this delimiter. Lines without anything are no records.
    Csv {
        /// Between fields.
        delimiter: u8,
    },
}

/// The records of one file, from its start.
pub(super) struct Records<R> {
    input: R,
    csv: Option<csv_core::Reader>,
    begun: bool,
}

impl<R: BufRead> Records<R> {
    /// The records of `input`.
    pub(super) fn new(input: R, shape: Shape) -> Records<R> {
        let csv = match shape {
            Shape::Lines => None,
            Shape::Csv { delimiter } => Some(csv_core::ReaderBuilder::new().delimiter(delimiter).build()),
        };
        Records { input, csv, begun: false }
    }

    /// Appends the next record, without its line end, to `out`. `false` at the end of the file.
    pub(super) fn next(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        if !self.begun {
            self.begun = true;
            self.skip_byte_order_mark()?;
        }
        let start = out.len();
        let found = match &mut self.csv {
            None => next_line(&mut self.input, out)?,
            Some(reader) => next_csv(&mut self.input, reader, out)?,
        };
        while out.len() > start && matches!(out.last(), Some(b'\n' | b'\r')) {
            out.pop();
        }
        Ok(found)
    }

    fn skip_byte_order_mark(&mut self) -> io::Result<()> {
        if self.input.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
            self.input.consume(3);
        }
        Ok(())
    }
}

fn next_line(input: &mut impl BufRead, out: &mut Vec<u8>) -> io::Result<bool> {
    let read = input.take(RECORD_BYTES_MAX as u64 + 1).read_until(b'\n', out)?;
    if read > RECORD_BYTES_MAX { Err(too_long()) } else { Ok(read > 0) }
}

fn next_csv(input: &mut impl BufRead, reader: &mut csv_core::Reader, out: &mut Vec<u8>) -> io::Result<bool> {
    // The parser's own output is of no interest, only how far each record reaches.
    let (mut fields, mut ends) = ([0; 4096], [0; 256]);
    let start = out.len();
    loop {
        let buffer = input.fill_buf()?;
        let (result, read, _, _) = reader.read_record(buffer, &mut fields, &mut ends);
        // Line ends before a record belong to the one before it or to empty lines.
        let skip = if out.len() == start {
            buffer[..read].iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count()
        } else {
            0
        };
        out.extend_from_slice(&buffer[skip..read]);
        input.consume(read);
        match result {
            csv_core::ReadRecordResult::Record => return Ok(true),
            csv_core::ReadRecordResult::End => return Ok(false),
            _ if out.len() - start > RECORD_BYTES_MAX => return Err(too_long()),
            _ => {}
        }
    }
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("a record is longer than {} MiB", RECORD_BYTES_MAX >> 20))
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// All records, read through a buffer of `capacity` bytes.
    fn records(text: &str, shape: Shape, capacity: usize) -> Vec<String> {
        let mut records = Records::new(BufReader::with_capacity(capacity, text.as_bytes()), shape);
        let mut found = Vec::new();
        let mut out = Vec::new();
        while records.next(&mut out).expect("no trouble with memory") {
            found.push(String::from_utf8(std::mem::take(&mut out)).expect("UTF-8 in, UTF-8 out"));
        }
        found
    }

    #[test]
    fn lines_end_in_any_way() {
        for capacity in [3, 4, 7, 1000] {
            assert_eq!(records("\u{feff}a\nb\r\n\nc", Shape::Lines, capacity), ["a", "b", "", "c"]);
            assert_eq!(records("a\n", Shape::Lines, capacity), ["a"]);
            assert!(records("", Shape::Lines, capacity).is_empty());
        }
    }

    #[test]
    fn csv_records_hold_line_ends_between_quotes() {
        let text = "a,\"b\r\n\"\"b\",c\r\n\r\n1,5\" pipe,3\n\n\"\",,\nlast";
        for capacity in [3, 4, 7, 1000] {
            let expected = ["a,\"b\r\n\"\"b\",c", "1,5\" pipe,3", "\"\",,", "last"];
            assert_eq!(records(text, Shape::Csv { delimiter: b',' }, capacity), expected, "{capacity}");
        }
        assert_eq!(records("a;\"x\n;\"\nb", Shape::Csv { delimiter: b';' }, 3), ["a;\"x\n;\"", "b"]);
    }

    #[test]
    fn more_fields_than_the_parser_holds_are_one_record() {
        let wide = vec!["field"; 3000].join(",");
        assert_eq!(records(&format!("{wide}\n{wide}"), Shape::Csv { delimiter: b',' }, 100), [wide.clone(), wide]);
    }
}
