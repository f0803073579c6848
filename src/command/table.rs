//! Query results as text: tab-separated values with a header line, as `psql -A -F '<tab>'` prints them.

use futures::StreamExt;
use tidewater::engine::Outcome;
use tidewater::error::Result;
use tidewater::format::text::{TextOptions, Writer};

/// Prints the rows of an outcome; nothing for one without.
pub(crate) async fn print(outcome: Outcome) -> Result<()> {
    let Outcome::Rows { schema, mut rows, verb: "SELECT", .. } = outcome else { return Ok(()) };
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    super::say(&names.join("\t"));
    let writers = schema.fields().iter().map(|field| Writer::new(field, &TextOptions::default()));
    let writers = writers.collect::<Result<Vec<Writer>>>()?;
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            let mut line = Vec::new();
            for (i, writer) in writers.iter().enumerate() {
                if i > 0 {
                    line.push(b'\t');
                }
                if batch.column(i).is_valid(row) {
                    writer.write(batch.column(i), row, &mut line)?;
                }
            }
            super::say(&String::from_utf8_lossy(&line));
        }
    }
    Ok(())
}
