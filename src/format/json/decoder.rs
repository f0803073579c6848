//! Records into columns.

use std::fmt::Write as _;

use datafusion::arrow::datatypes::FieldRef;

use super::key::{Keys, Target};
use super::scan::{Malformed, Scanner};
use super::value::{self, Wrong};
use crate::connector::Options;
use crate::error::Result;
use crate::format::column::ColumnBuilder;
use crate::format::rows::{RowDecoder, Rows};
use crate::format::{Decoder, Layout};
use crate::types::SqlType;

/// Letters of a bad value that a reason shows.
const EXCERPT_LETTERS_MAX: usize = 40;

/// A decoder of the layout's columns.
pub(super) fn decoder(_options: &Options, layout: &Layout) -> Result<Box<dyn Decoder>> {
    let fields = layout.schema.fields()[..layout.value_columns()].to_vec();
    let objects = Objects {
        keys: Keys::new(fields.iter().map(|field| field.name().as_str())),
        seen: vec![0; fields.len()],
        record: 0,
        scratch: Vec::new(),
        fields,
    };
    Ok(Box::new(Rows::new(layout, objects)?))
}

/// Decodes one JSON object a record.
struct Objects {
    fields: Vec<FieldRef>,
    keys: Keys,
    /// By column, the last record that had a value for it: twice its number, and one more if the key was exactly the name.
    seen: Vec<u64>,
    /// The current record, counted from 1 over all batches.
    record: u64,
    scratch: Vec<u8>,
}

/// What is wrong with a record, and in which column.
type Failure = (Option<usize>, Box<Wrong>);

impl RowDecoder for Objects {
    fn append_row(&mut self, value: &[u8], columns: &mut [ColumnBuilder], rows: usize) -> Result<(), String> {
        self.record += 1;
        match self.object(value, columns, rows) {
            Ok(filled) if filled == columns.len() => Ok(()),
            Ok(_) => {
                for (column, seen) in columns.iter_mut().zip(&self.seen) {
                    if *seen < self.record * 2 {
                        column.append_null();
                    }
                }
                Ok(())
            }
            Err((column, wrong)) => Err(self.reason(value, column, *wrong)),
        }
    }
}

impl Objects {
    /// Consumes the whole text and answers how many columns got a value.
    #[inline]
    fn object(&mut self, text: &[u8], columns: &mut [ColumnBuilder], rows: usize) -> Result<usize, Failure> {
        let mut scanner = Scanner::new(text);
        let mut filled = 0;
        scanner.skip_whitespace();
        if !scanner.take(b'{') {
            return Err(outside(not_an_object(scanner)));
        }
        scanner.skip_whitespace();
        if !scanner.take(b'}') {
            let mut previous = Keys::START;
            loop {
                let (target, key) = self.keys.take(&mut scanner, previous).map_err(outside)?;
                previous = key;
                match target {
                    Target::Column(column, exact) if self.seen[column] < self.record * 2 => {
                        self.seen[column] = self.record * 2 + u64::from(exact);
                        filled += 1;
                        value::append(&mut columns[column], &mut scanner, &mut self.scratch, 1)
                            .map_err(|wrong| (Some(column), wrong))?;
                    }
                    Target::Column(column, exact) => {
                        scanner.aside(|scanner| self.again(column, exact, &mut columns[column], rows, scanner))?;
                    }
                    Target::Ignored => scanner.aside(|scanner| scanner.skip_value(1)).map_err(outside)?,
                }
                if !scanner.next_element(b'}').map_err(outside)? {
                    break;
                }
            }
        }
        scanner.finish().map_err(outside)?;
        Ok(filled)
    }

    /// Another value for a column that has one: the last wins, but a key that is exactly the name wins over one that is not.
    #[cold]
    fn again(
        &mut self,
        column: usize,
        exact: bool,
        builder: &mut ColumnBuilder,
        rows: usize,
        scanner: &mut Scanner<'_>,
    ) -> Result<(), Failure> {
        if !exact && self.seen[column] > self.record * 2 {
            return scanner.skip_value(1).map_err(outside);
        }
        builder.truncate(rows);
        self.seen[column] = self.record * 2 + u64::from(exact);
        value::append(builder, scanner, &mut self.scratch, 1).map_err(|wrong| (Some(column), wrong))
    }

    #[cold]
    fn reason(&self, text: &[u8], column: Option<usize>, wrong: Wrong) -> String {
        let field = column.map(|column| &self.fields[column]);
        let mut place = field.map_or(String::new(), |field| format!("column \"{}\": ", field.name()));
        let mut sql_type = field.map_or(SqlType::Jsonb, |field| SqlType::of(field));
        let mut wrong = wrong;
        while let Wrong::Inside(name, field, inner) = wrong {
            let _ = write!(place, "field \"{name}\": ");
            (sql_type, wrong) = (field, *inner);
        }
        match wrong {
            Wrong::Inside(..) => place,
            Wrong::Malformed(malformed) => format!("{place}{}", invalid(malformed)),
            Wrong::Refused(at, error) => {
                let detail = error.detail.map_or(String::new(), |detail| format!(" ({detail})"));
                format!("{place}{}{detail} at byte {at}", error.message)
            }
            Wrong::Mismatch(at) => {
                let mut scanner = Scanner::new(text);
                scanner.at = at;
                if let Err(malformed) = scanner.skip_value(1) {
                    return format!("{place}{}", invalid(malformed));
                }
                let found = found(&text[at..scanner.at]);
                let hint = match sql_type {
                    SqlType::Text | SqlType::Varchar(_) | SqlType::Char(_) | SqlType::Row(_) => {
                        "; declare the column as jsonb to take any JSON value"
                    }
                    _ => "",
                };
                format!("{place}expected {sql_type}, found {found} at byte {at}{hint}")
            }
        }
    }
}

fn outside(malformed: Malformed) -> Failure {
    (None, malformed.into())
}

fn not_an_object(mut scanner: Scanner<'_>) -> Malformed {
    let start = scanner.at;
    match scanner.skip_value(0) {
        Ok(()) => Malformed { at: start, what: "expected an object" },
        Err(malformed) => malformed,
    }
}

fn invalid(malformed: Malformed) -> String {
    format!("invalid JSON: {malformed}")
}

/// `string "abc"`, cut off if it is long.
fn found(value: &[u8]) -> String {
    let kind = match value.first() {
        Some(b'"') => "string",
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b't' | b'f') => "boolean",
        _ => "number",
    };
    let text = String::from_utf8_lossy(value);
    match text.char_indices().nth(EXCERPT_LETTERS_MAX) {
        Some((end, _)) => format!("{kind} {}…", &text[..end]),
        None => format!("{kind} {text}"),
    }
}
