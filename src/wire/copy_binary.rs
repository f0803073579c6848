//! COPY … FROM STDIN in binary format: the bytes of all rows → columns.

use bytes::Bytes;
use datafusion::scalar::ScalarValue;

use super::copy_in::Rows;
use super::decode;
use crate::engine::CopyColumns;
use crate::error::{Error, Result, Subject, code};
use crate::format::text::TextOptions;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// A flag that says that rows have an OID before them; the other ones above it must be known, too.
const CRITICAL_FLAGS: u32 = 0xFFFF_0000;

/// Bytes on their way.
struct Reader {
    bytes: Bytes,
}

impl Reader {
    fn take(&mut self, count: usize) -> Result<Bytes> {
        if self.bytes.len() < count {
            return Err(wrong("unexpected EOF in COPY data"));
        }
        Ok(self.bytes.split_to(count))
    }

    fn number<const COUNT: usize>(&mut self) -> Result<[u8; COUNT]> {
        let bytes = self.take(COUNT)?;
        bytes.as_ref().try_into().map_err(|_| wrong("unexpected EOF in COPY data"))
    }
}

fn wrong(message: impl Into<String>) -> Error {
    Error::new(code::BAD_COPY_FILE_FORMAT, message)
}

/// Reads all rows. What follows the end mark is ignored, as in PostgreSQL.
pub(super) fn read(data: Vec<u8>, into: &CopyColumns, table: &str, options: &TextOptions) -> Result<Rows> {
    let mut reader = Reader { bytes: Bytes::from(data) };
    header(&mut reader)?;
    let mut values: Vec<Vec<ScalarValue>> = into.columns.iter().map(|_| Vec::new()).collect();
    let mut count = 0;
    loop {
        // Without the end mark the data ends where a row could begin.
        if reader.bytes.is_empty() {
            break;
        }
        let fields = i16::from_be_bytes(reader.number()?);
        if fields == -1 {
            break;
        }
        count += 1;
        if usize::try_from(fields).ok() != Some(into.columns.len()) {
            let message = format!("row field count is {fields}, expected {}", into.columns.len());
            return Err(wrong(message).about(place(table, count, None)));
        }
        for ((name, sql_type), column) in into.columns.iter().zip(&mut values) {
            let value = value(&mut reader, sql_type, options);
            column.push(value.map_err(|error| error.about(place(table, count, Some(name))))?);
        }
    }
    let column = |(values, (_, sql_type)): (Vec<ScalarValue>, &(String, crate::types::SqlType))| match values.is_empty()
    {
        true => Ok(datafusion::arrow::array::new_empty_array(&sql_type.arrow())),
        false => ScalarValue::iter_to_array(values).map_err(|error| Error::internal(error.to_string())),
    };
    Ok(Rows { columns: values.into_iter().zip(&into.columns).map(column).collect::<Result<_>>()?, count })
}

fn place(table: &str, line: usize, column: Option<&str>) -> Subject {
    let column = column.map(|column| format!(", column {column}")).unwrap_or_default();
    Subject { context: Some(format!("COPY {table}, line {line}{column}")), ..Subject::default() }
}

fn header(reader: &mut Reader) -> Result<()> {
    let signature = reader.take(SIGNATURE.len()).map_err(|_| wrong("COPY file signature not recognized"))?;
    if signature != SIGNATURE {
        return Err(wrong("COPY file signature not recognized"));
    }
    let flags = reader.number().map_err(|_| wrong("invalid COPY file header (missing flags)"))?;
    if u32::from_be_bytes(flags) & CRITICAL_FLAGS != 0 {
        return Err(wrong("unrecognized critical flags in COPY file header"));
    }
    let length = reader.number().map_err(|_| wrong("invalid COPY file header (missing length)"))?;
    let length = usize::try_from(i32::from_be_bytes(length));
    let length = length.map_err(|_| wrong("invalid COPY file header (wrong length)"))?;
    reader.take(length).map(drop).map_err(|_| wrong("invalid COPY file header (wrong length)"))
}

fn value(reader: &mut Reader, sql_type: &crate::types::SqlType, options: &TextOptions) -> Result<ScalarValue> {
    let length = i32::from_be_bytes(reader.number()?);
    if length == -1 {
        return ScalarValue::try_new_null(&sql_type.arrow()).map_err(|error| Error::internal(error.to_string()));
    }
    let length = usize::try_from(length).map_err(|_| wrong("invalid field size"))?;
    let bytes = reader.take(length)?;
    decode::value(bytes, sql_type, options)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::datatypes::Int32Type;

    use super::*;
    use crate::types::SqlType;

    fn rows(tail: &[u8]) -> Result<Rows> {
        let columns = vec![("a".to_string(), SqlType::Integer), ("b".to_string(), SqlType::Varchar(3))];
        let into = CopyColumns { columns, zone: Default::default() };
        let mut data = [SIGNATURE, &[0; 8]].concat();
        data.extend_from_slice(tail);
        read(data, &into, "t", &TextOptions::default())
    }

    #[test]
    fn rows_are_read_up_to_the_end_mark() {
        let row = b"\0\x02\0\0\0\x04\0\0\0\x07\0\0\0\x02xy\0\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffrest";
        let read = rows(row).unwrap();
        assert_eq!(read.count, 2);
        assert_eq!(read.columns[0].as_primitive::<Int32Type>().iter().collect::<Vec<_>>(), [Some(7), None]);
        assert_eq!(read.columns[1].as_string::<i32>().iter().collect::<Vec<_>>(), [Some("xy"), None]);
        assert_eq!(rows(b"\xff\xff").unwrap().count, 0);
    }

    #[test]
    fn wrong_bytes_are_told() {
        let message = |tail: &[u8]| {
            let error = rows(tail).unwrap_err();
            (error.code, error.message)
        };
        assert_eq!(message(b"\0\x01"), ("22P04", "row field count is 1, expected 2".into()));
        assert_eq!(message(b"\0\x02\0\0\0\x04\0"), ("22P04", "unexpected EOF in COPY data".into()));
        assert_eq!(message(b"\0\x02\0\0\0\x03\0\0\0").0, "22P03");
        assert_eq!(message(b"\0\x02\0\0\0\x04\0\0\0\x07\0\0\0\x04wxyz").0, "22001");
        let into = CopyColumns { columns: Vec::new(), zone: Default::default() };
        let error = read(b"text".to_vec(), &into, "t", &TextOptions::default()).unwrap_err();
        assert_eq!(error.message, "COPY file signature not recognized");
    }
}
