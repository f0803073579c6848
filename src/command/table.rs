//! Query results as text: a header line, then values separated by tabs; a tab, line break or backslash in a value is escaped and NULL
//! is `\N`, as COPY writes them.

use futures::StreamExt;
use tidewater::engine::Outcome;
use tidewater::error::Result;
use tidewater::format::text::{TextOptions, Writer};

/// Prints the rows of an outcome; nothing for one without.
pub(crate) async fn print(outcome: Outcome) -> Result<()> {
    let Outcome::Rows { schema, mut rows, verb: "SELECT", .. } = outcome else { return Ok(()) };
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let mut header = Some(names.join("\t"));
    let writers = schema.fields().iter().map(|field| Writer::new(field, &TextOptions::default()));
    let writers = writers.collect::<Result<Vec<Writer>>>()?;
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        // Not before it is known that there is an answer.
        header.take().inspect(|header| super::say(header));
        for row in 0..batch.num_rows() {
            let mut line = Vec::new();
            for (i, writer) in writers.iter().enumerate() {
                if i > 0 {
                    line.push(b'\t');
                }
                if batch.column(i).is_valid(row) {
                    let mut value = Vec::new();
                    writer.write(batch.column(i), row, &mut value)?;
                    escape(&value, &mut line);
                } else {
                    line.extend_from_slice(b"\\N");
                }
            }
            super::say(&String::from_utf8_lossy(&line));
        }
    }
    header.take().inspect(|header| super::say(header));
    Ok(())
}

fn escape(value: &[u8], line: &mut Vec<u8>) {
    for byte in value {
        match byte {
            b'\t' => line.extend_from_slice(b"\\t"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            b'\\' => line.extend_from_slice(b"\\\\"),
            byte => line.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn what_separates_is_escaped() {
        let mut line = Vec::new();
        escape("a\tb\nc\\d".as_bytes(), &mut line);
        assert_eq!(line, b"a\\tb\\nc\\\\d");
    }
}
