//! JSON (RFC 8259): one object a record. In: records; out: rows, and records that are no rows, each with the reason.
//!
//! The decoder is directed by the columns: it compares the next key with the one that followed last time, reads the value
//! straight into the column's buffer, and never builds a tree. A record that fails is cut off again and leaves no trace.
//!
//! | JSON | column | becomes |
//! |---|---|---|
//! | no such key, or `null` | any | NULL; rejected if the column is NOT NULL |
//! | a key that is no column | – | skipped, but must be JSON |
//! | a key twice | any | the last value; each must be readable |
//! | number | smallint, integer, bigint | must be a whole number and fit: `1000`, `1e3` and `1.0` are, `1.5` is not |
//! | number | real, double precision | the nearest float; rejected if too large or so small that it would be 0 |
//! | number, or a string of one | numeric | exact, rounded half away from zero to the scale; rejected if too large |
//! | `"NaN"`, `"Infinity"`, `"-Infinity"` | real, double precision | that |
//! | `true`, `false` | boolean | that |
//! | string | text, varchar(n) | that; rejected if longer than n, or if it holds `\u0000` |
//! | string | date, timestamp, timestamptz, interval, uuid | what PostgreSQL reads; timestamptz without a zone is UTC, and the zone of a string for a timestamp is left out |
//! | whole number | timestamp, timestamptz | milliseconds since 1970-01-01 UTC |
//! | string | bytea | hexadecimal digits after `\x`, otherwise base64 |
//! | array | array | its items, by these rules |
//! | object | row | its members, by these rules: keys are names of fields as they are names of columns; a field without one is NULL |
//! | anything but `null` | jsonb | its canonical text |
//! | any other pair | | rejected: wrong type |
//!
//! Keys are column names exactly, or but for the case of ASCII letters where that is unambiguous; the exact one wins.
//! Rejected are also: what is no object, text after it, text that ends too early, invalid UTF-8, nesting deeper than 128, an
//! empty value, and a null value (a tombstone). Positions in reasons are bytes of the value, from 0.
//!
//! The encoder writes what the decoder reads back as the same row: integers, numeric and finite floats as numbers, timestamps
//! in ISO 8601 (`2024-01-05T06:07:08.9`, with `Z` for timestamptz), intervals, dates and uuids as PostgreSQL's text, bytea as
//! `\x` and hexadecimal digits, jsonb as the value that it is, rows as objects, NULL as `null`.

use super::Format;

// Records into columns.
mod decoder;
// Rows into objects.
mod encoder;
// Which column a key belongs to.
mod key;
// Walks over JSON text.
pub(crate) mod scan;
// Objects inside records.
mod object;
// One JSON value into one column.
mod value;

/// `format = 'json'`.
pub const FORMAT: Format = Format { name: "json", decoder: decoder::decoder, encoder: Some(encoder::encoder) };

#[cfg(test)]
mod tests;
