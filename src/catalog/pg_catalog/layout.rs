//! The columns of PostgreSQL's system relations, by name: what we fill in gets the other columns beside it, and a relation that has no rows
//! here has them all.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Int16Array, Int32Array, Int64Array, new_null_array};
use datafusion::arrow::compute::cast;

use super::Column;
use crate::types::SqlType;

/// One relation a line: `schema.name column[:type] …`; a column without a type is text.
const LINES: &str = include_str!("columns.txt");

/// Columns and types of every relation, by `schema.name`.
type Layouts = HashMap<&'static str, Vec<(&'static str, SqlType)>>;

fn layouts() -> &'static Layouts {
    static LAYOUTS: OnceLock<Layouts> = OnceLock::new();
    let column = |text: &'static str| match text.split_once(':') {
        Some((name, kind)) => (name, sql_type(kind)),
        None => (text, SqlType::Text),
    };
    let line = |line: &'static str| {
        let (name, columns) = line.split_once(' ')?;
        Some((name, columns.split(' ').map(column).collect()))
    };
    LAYOUTS.get_or_init(|| LINES.lines().filter_map(line).collect())
}

fn sql_type(name: &str) -> SqlType {
    match name.strip_suffix("[]") {
        Some(item) => SqlType::Array(Box::new(sql_type(item))),
        None => match name {
            "oid" | "bigint" => SqlType::BigInt,
            "int" => SqlType::Integer,
            "smallint" => SqlType::SmallInt,
            "bool" => SqlType::Boolean,
            "real" => SqlType::Real,
            "double" => SqlType::Double,
            "timestamptz" => SqlType::TimestampTz,
            "interval" => SqlType::Interval,
            "bytea" => SqlType::Bytea,
            _ => SqlType::Text,
        },
    }
}

/// The names of all relations of a schema.
pub(super) fn names(schema: &str) -> impl Iterator<Item = &'static str> {
    layouts().keys().filter_map(move |name| name.strip_prefix(schema)?.strip_prefix('.'))
}

/// All columns of `schema.name` in PostgreSQL's order and with its types; those that are not among `known` hold what stands for nothing: 0 for
/// numbers of things, false, NULL. `None` if there is no such relation.
pub(super) fn complete(schema: &str, name: &str, known: Vec<Column>) -> Option<Vec<Column>> {
    let layout = layouts().get(format!("{schema}.{name}").as_str())?;
    let rows = known.first().map_or(0, |(_, _, array)| array.len());
    let mut known = known;
    let mut columns = Vec::with_capacity(layout.len());
    for (column, kind) in layout {
        let found = known.iter().position(|(name, ..)| name == column).map(|at| known.remove(at));
        columns.push(match found {
            Some((_, given, array)) => typed(column, kind, given, array),
            None => (*column, kind.clone(), nothing(kind, rows)),
        });
    }
    Some(columns)
}

/// A column with the type that PostgreSQL gives it, as far as its values have that type.
fn typed(name: &'static str, kind: &SqlType, given: SqlType, array: ArrayRef) -> Column {
    match cast(&array, &kind.arrow()) {
        Ok(array) => (name, kind.clone(), array),
        Err(_) => (name, given, array),
    }
}

fn nothing(kind: &SqlType, rows: usize) -> ArrayRef {
    match kind {
        SqlType::Boolean => Arc::new(BooleanArray::from(vec![false; rows])),
        SqlType::SmallInt => Arc::new(Int16Array::from(vec![0; rows])),
        // `cardinal_number`s of information_schema are NULL where they do not apply.
        SqlType::Integer => Arc::new(Int32Array::new_null(rows)),
        SqlType::BigInt => Arc::new(Int64Array::from(vec![0; rows])),
        other => new_null_array(&other.arrow(), rows),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_stands_among_all_columns() {
        let known = vec![super::super::text("spcname", ["a", "b"])];
        let columns = complete("pg_catalog", "pg_tablespace", known).unwrap();
        let names: Vec<&str> = columns.iter().map(|(name, ..)| *name).collect();
        assert_eq!(names, ["oid", "spcname", "spcowner", "spcacl", "spcoptions"]);
        assert!(columns.iter().all(|(_, kind, array)| array.len() == 2 && *array.data_type() == kind.arrow()));
        assert!(complete("pg_catalog", "pg_nothing", Vec::new()).is_none());
    }

    #[test]
    fn every_relation_has_columns_of_known_types() {
        assert_eq!(names("pg_catalog").count() + names("information_schema").count(), LINES.lines().count());
        for (relation, columns) in layouts() {
            assert!(!columns.is_empty(), "{relation}");
        }
    }
}
