//! Sequences of serial and identity columns: `pg_sequence`, `nextval` and its like.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::ScalarUDF;

use super::effect::{effects_of, external};
use super::function::{bare, number, string, text as text_function, volatile};
use super::{Column, Context, bigint, flags, numbers, optional_text, text, words};
use crate::catalog::{ColumnValue, DATABASE, Relation, RelationKind, Sequence, full_name};
use crate::error::{Error, code};
use crate::types::SqlType;

/// Sequences are numbered from here: 2048 for each table.
const OFFSET: i64 = 5 << 28;

/// A sequence and its column.
pub(super) struct Row<'a> {
    pub(super) oid: i64,
    pub(super) table: &'a Relation,
    /// Position of the column.
    column: usize,
    pub(super) sequence: &'a Arc<Sequence>,
    identity: bool,
}

impl Row<'_> {
    fn type_name(&self) -> &'static str {
        match SqlType::of(self.table.schema.field(self.column)) {
            SqlType::SmallInt => "smallint",
            SqlType::Integer => "integer",
            _ => "bigint",
        }
    }

    /// The number that came last; `None` before the first.
    fn last(&self) -> Option<i64> {
        let (start, step, _) = self.sequence.bounds();
        let next = self.sequence.peek();
        (next != start).then_some(next - step)
    }

    /// Name, with the schema in front if that is not `public`.
    pub(super) fn full_name(&self) -> String {
        full_name(self.table.namespace(), &self.sequence.name)
    }
}

/// All sequences.
pub(super) fn rows<'a>(context: &'a Context<'_>) -> Vec<Row<'a>> {
    let mut all = Vec::new();
    for relation in context.catalog.iter() {
        let RelationKind::Table(table) = &relation.kind else { continue };
        for (column, kept) in table.columns.iter().enumerate() {
            let (sequence, identity) = match &kept.value {
                ColumnValue::Serial(sequence) => (sequence, false),
                ColumnValue::Identity { sequence, .. } => (sequence, true),
                _ => continue,
            };
            let oid = OFFSET + (i64::from(relation.id.0) - i64::from(crate::catalog::FIRST_RELATION_ID)) * 2048;
            all.push(Row { oid: oid + column as i64, table: relation, column, sequence, identity });
        }
    }
    all
}

pub(super) fn pg_sequence(context: &Context<'_>) -> Vec<Column> {
    let rows = rows(context);
    let n = rows.len();
    vec![
        bigint("seqrelid", rows.iter().map(|row| row.oid)),
        bigint("seqtypid", rows.iter().map(|row| super::types::by_name(row.type_name()).unwrap_or_default())),
        bigint("seqstart", rows.iter().map(|row| row.sequence.bounds().0)),
        bigint("seqincrement", rows.iter().map(|row| row.sequence.bounds().1)),
        bigint("seqmax", rows.iter().map(|row| row.sequence.bounds().2)),
        numbers("seqmin", 1, n),
        numbers("seqcache", 1, n),
        flags("seqcycle", false, n),
    ]
}

pub(super) fn pg_sequences(context: &Context<'_>) -> Vec<Column> {
    let rows = rows(context);
    let n = rows.len();
    vec![
        text("schemaname", rows.iter().map(|row| row.table.namespace())),
        text("sequencename", rows.iter().map(|row| &row.sequence.name)),
        words("sequenceowner", DATABASE, n),
        text("data_type", rows.iter().map(|row| row.type_name())),
        bigint("start_value", rows.iter().map(|row| row.sequence.bounds().0)),
        numbers("min_value", 1, n),
        bigint("max_value", rows.iter().map(|row| row.sequence.bounds().2)),
        bigint("increment_by", rows.iter().map(|row| row.sequence.bounds().1)),
        flags("cycle", false, n),
        numbers("cache_size", 1, n),
        optional_text("last_value", rows.iter().map(|row| row.last().map(|last| last.to_string()))),
    ]
}

/// `information_schema.sequences`.
pub(super) fn sequences(context: &Context<'_>) -> Vec<Column> {
    // As in PostgreSQL, those of identity columns are not listed.
    let rows: Vec<_> = rows(context).into_iter().filter(|row| !row.identity).collect();
    let n = rows.len();
    let bits = |row: &Row<'_>| match row.type_name() {
        "smallint" => 16,
        "integer" => 32,
        _ => 64,
    };
    vec![
        words("sequence_catalog", DATABASE, n),
        text("sequence_schema", rows.iter().map(|row| row.table.namespace())),
        text("sequence_name", rows.iter().map(|row| &row.sequence.name)),
        text("data_type", rows.iter().map(|row| row.type_name())),
        bigint("numeric_precision", rows.iter().map(bits)),
        numbers("numeric_precision_radix", 2, n),
        numbers("numeric_scale", 0, n),
        text("start_value", rows.iter().map(|row| row.sequence.bounds().0.to_string())),
        words("minimum_value", "1", n),
        text("maximum_value", rows.iter().map(|row| row.sequence.bounds().2.to_string())),
        text("increment", rows.iter().map(|row| row.sequence.bounds().1.to_string())),
        words("cycle_option", "NO", n),
    ]
}

/// Which sequence belongs to which column.
pub(super) fn pg_depend(context: &Context<'_>) -> Vec<Column> {
    let rows = rows(context);
    let n = rows.len();
    vec![
        numbers("classid", 1259, n),
        bigint("objid", rows.iter().map(|row| row.oid)),
        numbers("objsubid", 0, n),
        numbers("refclassid", 1259, n),
        bigint("refobjid", rows.iter().map(|row| i64::from(row.table.id.0))),
        bigint("refobjsubid", rows.iter().map(|row| row.column as i64 + 1)),
        text("deptype", rows.iter().map(|row| if row.identity { "i" } else { "a" })),
    ]
}

/// The functions over sequences.
pub(super) fn functions(context: &Context<'_>) -> Vec<ScalarUDF> {
    let mut by_name: HashMap<String, Arc<Sequence>> = HashMap::new();
    let mut of_columns: HashMap<(String, String), String> = HashMap::new();
    for row in rows(context) {
        by_name.insert(row.full_name(), Arc::clone(row.sequence));
        by_name.insert(row.oid.to_string(), Arc::clone(row.sequence));
        let column = row.table.schema.field(row.column).name().clone();
        let shown = format!("{}.{}", row.table.namespace(), row.sequence.name);
        of_columns.insert((row.table.name.clone(), column), shown);
    }
    let by_name = Arc::new(by_name);
    let found = move |arguments: &[ScalarValue]| -> Result<Option<Arc<Sequence>>> {
        let Some(name) = string(arguments, 0) else { return Ok(None) };
        let missing = || {
            let error = Error::new(code::UNDEFINED_TABLE, format!("relation \"{}\" does not exist", bare(&name)));
            external(error.hint("sequences are those of serial and identity columns"))
        };
        by_name.get(&bare(&name)).cloned().map(Some).ok_or_else(missing)
    };
    let (next, current, set) = (found.clone(), found.clone(), found);
    let (taking, looking, setting, last) =
        (context.effects.clone(), context.effects.clone(), context.effects.clone(), context.effects.clone());
    let answer = |number: i64| Ok(ScalarValue::Int64(Some(number)));
    vec![
        volatile("nextval", DataType::Int64, move |arguments| {
            let Some(sequence) = next(arguments)? else { return Ok(ScalarValue::Int64(None)) };
            let number = sequence.take(1).map_err(external)?;
            effects_of(&taking)?.took(&sequence.name, number);
            answer(number)
        }),
        volatile("currval", DataType::Int64, move |arguments| {
            let Some(sequence) = current(arguments)? else { return Ok(ScalarValue::Int64(None)) };
            let missing = || {
                let message = format!("currval of sequence \"{}\" is not yet defined in this session", sequence.name);
                external(Error::new(code::OBJECT_NOT_IN_PREREQUISITE_STATE, message))
            };
            answer(effects_of(&looking)?.last_of(Some(&sequence.name)).ok_or_else(missing)?)
        }),
        volatile("lastval", DataType::Int64, move |_| {
            let missing = || {
                let message = "lastval is not yet defined in this session";
                external(Error::new(code::OBJECT_NOT_IN_PREREQUISITE_STATE, message))
            };
            answer(effects_of(&last)?.last_of(None).ok_or_else(missing)?)
        }),
        volatile("setval", DataType::Int64, move |arguments| {
            let (Some(sequence), Some(wanted)) = (set(arguments)?, number(arguments, 1)) else {
                return Ok(ScalarValue::Int64(None));
            };
            let is_called = !matches!(arguments.get(2), Some(ScalarValue::Boolean(Some(false))));
            sequence.set(wanted, is_called).map_err(external)?;
            if is_called {
                effects_of(&setting)?.took(&sequence.name, wanted);
            }
            answer(wanted)
        }),
        text_function("pg_get_serial_sequence", move |arguments| {
            let (Some(table), Some(column)) = (string(arguments, 0), string(arguments, 1)) else { return Ok(None) };
            Ok(of_columns.get(&(bare(&table), column)).cloned())
        }),
    ]
}
