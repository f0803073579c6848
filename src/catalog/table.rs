//! What CREATE TABLE says of a table beyond the names and types of its columns, and what is looked up by value.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::RelationId;
use crate::error::{Error, Result, code};
use crate::types::SqlType;

/// A table that DML changes.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// One for each column.
    pub columns: Vec<TableColumn>,
    /// CHECK constraints in the order of their names, in which PostgreSQL tests them.
    pub checks: Vec<Check>,
}

impl Table {
    /// The SQL texts of its constraints, defaults and generated columns.
    pub fn expressions(&self) -> impl Iterator<Item = &str> {
        let values = self.columns.iter().filter_map(|column| match &column.value {
            ColumnValue::Default(text) | ColumnValue::Generated(text) => Some(text.as_str()),
            _ => None,
        });
        self.checks.iter().map(|check| check.condition.as_str()).chain(values)
    }
}

/// A column of a table.
#[derive(Debug, Clone, Default)]
pub struct TableColumn {
    /// NOT NULL, also because it is of the primary key.
    pub not_null: bool,
    /// Where its value comes from if none is given.
    pub value: ColumnValue,
    /// The domain that its values are checked against.
    pub domain: Option<RelationId>,
}

/// Where a column's value comes from.
#[derive(Debug, Clone, Default)]
pub enum ColumnValue {
    /// NULL unless given.
    #[default]
    Null,
    /// DEFAULT: an expression as SQL text.
    Default(String),
    /// GENERATED ALWAYS AS (…) STORED: an expression over the row, as SQL text.
    Generated(String),
    /// `serial`: the next number unless given.
    Serial(Arc<Sequence>),
    /// GENERATED … AS IDENTITY: the next number; if `always`, none may be given.
    Identity {
        /// Where the numbers come from.
        sequence: Arc<Sequence>,
        /// ALWAYS and not BY DEFAULT.
        always: bool,
    },
}

impl ColumnValue {
    /// The default as PostgreSQL shows it; identity and generated columns have none.
    pub fn default_text(&self) -> Option<String> {
        match self {
            ColumnValue::Default(text) => Some(text.clone()),
            ColumnValue::Serial(sequence) => Some(format!("nextval('{}'::regclass)", sequence.name)),
            _ => None,
        }
    }
}

/// CHECK (…).
#[derive(Debug, Clone)]
pub struct Check {
    /// Constraint's name.
    pub name: String,
    /// The condition as SQL text.
    pub condition: String,
}

/// Numbers for a column. They are not given back by ROLLBACK, so there may be gaps, as in PostgreSQL.
#[derive(Debug)]
pub struct Sequence {
    /// `table_column_seq`.
    pub name: String,
    /// The last number that its type holds.
    max: i64,
    start: i64,
    step: i64,
    next: AtomicI64,
}

impl Sequence {
    /// Numbers for a column of `sql_type`.
    pub fn new(name: String, sql_type: &SqlType, start: i64, step: i64) -> Sequence {
        let max = match sql_type {
            SqlType::SmallInt => i64::from(i16::MAX),
            SqlType::Integer => i64::from(i32::MAX),
            _ => i64::MAX,
        };
        Sequence { name, max, start, step, next: AtomicI64::new(start) }
    }

    /// The next `count` numbers: the first of them; each is [`Sequence::step`] after the one before. 2200H past the end.
    pub fn take(&self, count: usize) -> Result<i64> {
        let exhausted = || {
            let message = format!("nextval: reached maximum value of sequence \"{}\" ({})", self.name, self.max);
            Error::new(code::SEQUENCE_LIMIT_EXCEEDED, message)
        };
        let width = i64::try_from(count).ok().and_then(|count| count.checked_mul(self.step)).ok_or_else(exhausted)?;
        let after = |next: i64| next.checked_add(width).filter(|after| after - self.step <= self.max);
        self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, after).map_err(|_| exhausted())
    }

    /// What is between two numbers.
    pub fn step(&self) -> i64 {
        self.step
    }

    /// The number that comes first, what is between two, and the last one that can come.
    pub fn bounds(&self) -> (i64, i64, i64) {
        (self.start, self.step, self.max)
    }

    /// The number that comes next.
    pub fn peek(&self) -> i64 {
        self.next.load(Ordering::Relaxed)
    }

    /// Goes on after `number`, or with it if it `is_called` no more. 22003 outside of the sequence's type.
    pub fn set(&self, number: i64, is_called: bool) -> Result<()> {
        if number < 1 || number > self.max {
            let message =
                format!("setval: value {number} is out of bounds for sequence \"{}\" (1..{})", self.name, self.max);
            return Err(Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, message));
        }
        self.next.store(if is_called { number.saturating_add(self.step) } else { number }, Ordering::Relaxed);
        Ok(())
    }

    /// Begins again.
    pub fn restart(&self) {
        self.next.store(self.start, Ordering::Relaxed);
    }
}

/// What finds rows of a table or materialized view by value.
#[derive(Debug, Clone)]
pub struct Index {
    /// Identity, in the same space as relations'.
    pub id: RelationId,
    /// Name, in the same space as relations'; also of the constraint that it serves.
    pub name: String,
    /// What it finds rows of.
    pub relation: RelationId,
    /// Positions of the columns.
    pub columns: Vec<usize>,
    /// What it asks of the rows.
    pub kind: IndexKind,
}

/// What an index asks of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexKind {
    /// Nothing.
    Plain,
    /// CREATE UNIQUE INDEX: no two rows with the same values; NULLs differ.
    Unique,
    /// UNIQUE constraint.
    UniqueConstraint,
    /// PRIMARY KEY.
    PrimaryKey,
}

impl Index {
    /// Whether no two rows may have the same values.
    pub fn is_unique(&self) -> bool {
        self.kind != IndexKind::Plain
    }

    /// Whether it is a constraint and not only an index.
    pub fn is_constraint(&self) -> bool {
        matches!(self.kind, IndexKind::UniqueConstraint | IndexKind::PrimaryKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_with_their_type() {
        let sequence = Sequence::new("t_id_seq".into(), &SqlType::SmallInt, 1, 1);
        assert_eq!((sequence.take(3).unwrap(), sequence.take(1).unwrap()), (1, 4));
        assert_eq!(sequence.take(40_000).unwrap_err().code, code::SEQUENCE_LIMIT_EXCEEDED);
        assert_eq!(sequence.take(32_763).unwrap(), 5, "up to 32767");
        assert_eq!(sequence.take(1).unwrap_err().code, code::SEQUENCE_LIMIT_EXCEEDED);
    }
}
