//! INSERT, UPDATE, DELETE: rows are computed against the current content under the writer's lock and wait in the transaction.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::{Array, BooleanArray, Int64Array, RecordBatch};
use datafusion::arrow::compute::{concat_batches, filter_record_batch, interleave};
use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::scalar::ScalarValue;

use super::read::parameter_hints;
use super::transaction::Key;
use super::{Description, Outcome, Session, assign, ready_rows};
use crate::catalog::{Relation, RelationKind};
use crate::compile::parse::{Delete, Insert, OnConflict, Query, Update};
use crate::error::{Error, Result, code};
use crate::flow::Delta;

impl Session {
    pub(super) fn describe_insert(&mut self, insert: &Insert, hints: &[Option<FieldRef>]) -> Result<Description> {
        let table = self.table(&insert.table)?;
        let mut description = Description { parameters: Vec::new(), columns: None };
        if let Some(source) = &insert.source {
            let hints = self.insert_hints(&table, insert, source, hints)?;
            description.parameters = self.plan(source, &hints)?.parameters;
        }
        if let Some(returning) = &insert.returning {
            description.columns = Some(self.plan(returning, &[])?.schema);
        }
        Ok(description)
    }

    /// A parameter that is a whole value of a VALUES list takes its column's type.
    fn insert_hints(
        &self,
        table: &Relation,
        insert: &Insert,
        source: &Query,
        hints: &[Option<FieldRef>],
    ) -> Result<Vec<Option<FieldRef>>> {
        let targets = target_columns(table, insert.columns.as_deref())?;
        let mut hints = hints.to_vec();
        for (parameter, column) in source.value_parameters() {
            if hints.len() < parameter {
                hints.resize(parameter, None);
            }
            if let (None, Some(target)) = (&hints[parameter - 1], targets.get(column)) {
                hints[parameter - 1] = Some(Arc::clone(&table.schema.fields()[*target]));
            }
        }
        Ok(hints)
    }

    pub(super) fn describe_change(&mut self, query: &Query, hints: &[Option<FieldRef>]) -> Result<Description> {
        Ok(Description { parameters: self.plan(query, hints)?.parameters, columns: None })
    }

    pub(super) async fn insert(&mut self, insert: &Insert, parameters: &[ScalarValue]) -> Result<Outcome> {
        let table = self.table(&insert.table)?;
        self.writing(async |session| session.insert_rows(&table, insert, parameters).await).await
    }

    async fn insert_rows(&mut self, table: &Relation, insert: &Insert, parameters: &[ScalarValue]) -> Result<Outcome> {
        let targets = target_columns(table, insert.columns.as_deref())?;
        let given = match &insert.source {
            Some(source) => {
                let hints = self.insert_hints(table, insert, source, &parameter_hints(parameters))?;
                self.collect(source, &hints, parameters).await?
            }
            None => Given::default_row(),
        };
        if given.columns > targets.len() {
            return Err(Error::new(code::SYNTAX_ERROR, "INSERT has more expressions than target columns"));
        }
        if insert.columns.is_some() && given.columns < targets.len() {
            return Err(Error::new(code::SYNTAX_ERROR, "INSERT has more target columns than expressions"));
        }
        let rows = self.complete(table, &targets[..given.columns], &given.rows).await?;
        check_not_null(table, &rows)?;
        let (rows, replaced) = self.resolve_conflicts(table, rows, &insert.on_conflict).await?;
        let count = rows.num_rows();
        let Some(open) = &mut self.open else { return Err(Error::internal("no transaction")) };
        if let Some(replaced) = replaced {
            open.pending.push((table.id, deletes(replaced)));
        }
        if count > 0 {
            open.pending.push((table.id, Delta::insert(rows.clone())));
        }
        match &insert.returning {
            None => Ok(Outcome::Done(format!("INSERT 0 {count}"))),
            Some(returning) => {
                let (schema, batches) = self.over(returning, table.id, rows).await?;
                Ok(Outcome::Rows { schema, rows: ready_rows(batches), verb: "INSERT 0", live: false })
            }
        }
    }

    /// Rows of the table's columns: the given ones cast, the others from their defaults.
    async fn complete(&mut self, table: &Relation, targets: &[usize], given: &RecordBatch) -> Result<RecordBatch> {
        let defaults = match &table.kind {
            RelationKind::Table { defaults, .. } => defaults.clone(),
            _ => Default::default(),
        };
        let rows = given.num_rows();
        let mut columns = Vec::with_capacity(table.schema.fields().len());
        for (i, field) in table.schema.fields().iter().enumerate() {
            let column = match (targets.iter().position(|target| *target == i), defaults.get(&i)) {
                (Some(at), _) => assign::assign(given.column(at), given.schema_ref().field(at), field)?,
                (None, Some(default)) => {
                    // Once per row: a default such as gen_random_uuid() differs from row to row.
                    let query =
                        Query::from_text(&format!("SELECT {default} FROM (VALUES {})", vec!["(1)"; rows].join(", ")))?;
                    let values = self.collect(&query, &[], &[]).await?;
                    assign::assign(values.rows.column(0), values.rows.schema_ref().field(0), field)?
                }
                (None, None) => datafusion::arrow::array::new_null_array(field.data_type(), rows),
            };
            columns.push(column);
        }
        batch(&table.schema, columns, rows)
    }

    /// Checks the primary key and notes the new keys. Answers the rows to insert and the old rows that they replace.
    async fn resolve_conflicts(
        &mut self,
        table: &Relation,
        rows: RecordBatch,
        on_conflict: &OnConflict,
    ) -> Result<(RecordBatch, Option<RecordBatch>)> {
        let key = primary_key(table);
        if key.is_empty() {
            return match on_conflict {
                OnConflict::Error => Ok((rows, None)),
                _ => Err(Error::new(code::UNDEFINED_OBJECT, format!("table \"{}\" has no primary key", table.name))
                    .hint("ON CONFLICT needs one")),
            };
        }
        let set = match on_conflict {
            OnConflict::Update { target, columns } => {
                check_conflict_target(table, key, target)?;
                target_columns(table, Some(columns))?
            }
            _ => Vec::new(),
        };
        let keys = encode_keys(&rows, key)?;
        let mut keep = vec![true; rows.num_rows()];
        let mut seen = HashSet::new();
        let mut replaced = HashSet::new();
        let Some(open) = &mut self.open else { return Err(Error::internal("no transaction")) };
        for (i, row_key) in keys.iter().enumerate() {
            let first = seen.insert(row_key.clone());
            if first && !open.has_key(table.id, row_key) {
                open.add_key(table.id, row_key.clone());
                continue;
            }
            match on_conflict {
                OnConflict::Error => return Err(duplicate_key(table, &rows, i)),
                OnConflict::Nothing => keep[i] = false,
                OnConflict::Update { .. } if first => {
                    replaced.insert(row_key.clone());
                }
                OnConflict::Update { .. } => {
                    return Err(Error::new(
                        code::CARDINALITY_VIOLATION,
                        "ON CONFLICT DO UPDATE command cannot affect row a second time",
                    )
                    .hint("the rows of one INSERT have the same key twice"));
                }
            }
        }
        let rows = filter_record_batch(&rows, &BooleanArray::from(keep)).map_err(internal)?;
        if replaced.is_empty() {
            return Ok((rows, None));
        }
        let current = self.current_rows(table).await?;
        let mask: BooleanArray = encode_keys(&current, key)?.iter().map(|key| Some(replaced.contains(key))).collect();
        let old = filter_record_batch(&current, &mask).map_err(internal)?;
        Ok((keep_unset(table, rows, &old, &set)?, Some(old)))
    }

    pub(super) async fn update(&mut self, update: &Update, parameters: &[ScalarValue]) -> Result<Outcome> {
        let table = self.table(&update.table)?;
        let targets = target_columns(&table, Some(&update.columns))?;
        self.writing(async |session| {
            let found = session.collect(&update.query, &parameter_hints(parameters), parameters).await?.rows;
            let found = one_match_per_row(&table, &update.query, found, targets.len())?;
            let old = found.project(&(targets.len()..found.num_columns()).collect::<Vec<_>>()).map_err(internal)?;
            let old = batch(&table.schema, old.columns().to_vec(), old.num_rows())?;
            let mut columns = old.columns().to_vec();
            for (at, target) in targets.iter().enumerate() {
                let field = &table.schema.fields()[*target];
                columns[*target] = assign::assign(found.column(at), found.schema_ref().field(at), field)?;
            }
            let new = batch(&table.schema, columns, old.num_rows())?;
            check_not_null(&table, &new)?;
            session.replace_keys(&table, &old, &new)?;
            let count = session.change(&table, old, Some(new))?;
            Ok(Outcome::Done(format!("UPDATE {count}")))
        })
        .await
    }

    pub(super) async fn delete(&mut self, delete: &Delete, parameters: &[ScalarValue]) -> Result<Outcome> {
        let table = self.table(&delete.table)?;
        self.writing(async |session| {
            let found = session.collect(&delete.query, &parameter_hints(parameters), parameters).await?.rows;
            let found = one_match_per_row(&table, &delete.query, found, 0)?;
            let old = batch(&table.schema, found.columns().to_vec(), found.num_rows())?;
            session.replace_keys(&table, &old, &RecordBatch::new_empty(Arc::clone(&table.schema)))?;
            let count = session.change(&table, old, None)?;
            Ok(Outcome::Done(format!("DELETE {count}")))
        })
        .await
    }

    fn replace_keys(&mut self, table: &Relation, old: &RecordBatch, new: &RecordBatch) -> Result<()> {
        let key = primary_key(table);
        let Some(open) = &mut self.open else { return Err(Error::internal("no transaction")) };
        if key.is_empty() {
            return Ok(());
        }
        for old_key in encode_keys(old, key)? {
            open.remove_key(table.id, old_key);
        }
        for (i, new_key) in encode_keys(new, key)?.into_iter().enumerate() {
            if open.has_key(table.id, &new_key) {
                return Err(duplicate_key(table, new, i));
            }
            open.add_key(table.id, new_key);
        }
        Ok(())
    }

    fn change(&mut self, table: &Relation, old: RecordBatch, new: Option<RecordBatch>) -> Result<usize> {
        let Some(open) = &mut self.open else { return Err(Error::internal("no transaction")) };
        let count = old.num_rows();
        if count > 0 {
            open.pending.push((table.id, deletes(old)));
            if let Some(new) = new {
                open.pending.push((table.id, Delta::insert(new)));
            }
        }
        Ok(count)
    }

    /// The relation of that name, which must be a table that DML may change.
    fn table(&self, name: &str) -> Result<Arc<Relation>> {
        let relation = self.engine.relation(name)?;
        match &relation.kind {
            RelationKind::Table { .. } => Ok(relation),
            kind => Err(Error::new(code::WRONG_OBJECT_TYPE, format!("cannot change {} \"{name}\"", kind.noun()))
                .hint("INSERT, UPDATE and DELETE work on tables")),
        }
    }
}

/// Rows that a statement gives.
pub(super) struct Given {
    /// All rows in one batch.
    pub(super) rows: RecordBatch,
    /// How many columns they have.
    pub(super) columns: usize,
}

impl Given {
    /// INSERT … DEFAULT VALUES: one row without columns.
    fn default_row() -> Given {
        let options = datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(1));
        let rows = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options);
        Given { rows: rows.unwrap_or_else(|_| RecordBatch::new_empty(Arc::new(Schema::empty()))), columns: 0 }
    }

    pub(super) fn new(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Given> {
        let rows = concat_batches(schema, batches).map_err(internal)?;
        Ok(Given { columns: rows.num_columns(), rows })
    }
}

fn primary_key(table: &Relation) -> &[usize] {
    match &table.kind {
        RelationKind::Table { primary_key, .. } => primary_key,
        _ => &[],
    }
}

/// Positions of the named columns; all without a list.
fn target_columns(table: &Relation, columns: Option<&[String]>) -> Result<Vec<usize>> {
    let Some(columns) = columns else { return Ok((0..table.schema.fields().len()).collect()) };
    let mut targets = Vec::with_capacity(columns.len());
    for column in columns {
        let at = table.schema.index_of(column).map_err(|_| {
            let known: Vec<&str> = table.schema.fields().iter().map(|field| field.name().as_str()).collect();
            Error::new(
                code::UNDEFINED_COLUMN,
                format!("column \"{column}\" of relation \"{}\" does not exist", table.name),
            )
            .hint(format!("its columns are: {}", known.join(", ")))
        })?;
        if targets.contains(&at) {
            return Err(Error::new(code::DUPLICATE_COLUMN, format!("column \"{column}\" specified more than once")));
        }
        targets.push(at);
    }
    Ok(targets)
}

fn check_not_null(table: &Relation, rows: &RecordBatch) -> Result<()> {
    let RelationKind::Table { not_null, .. } = &table.kind else { return Ok(()) };
    for &i in not_null {
        if rows.column(i).null_count() > 0 {
            let column = table.schema.field(i).name();
            return Err(Error::new(
                code::NOT_NULL_VIOLATION,
                format!(
                    "null value in column \"{column}\" of relation \"{}\" violates not-null constraint",
                    table.name
                ),
            ));
        }
    }
    Ok(())
}

/// PostgreSQL looks for a constraint on the conflict target; there is one, the primary key.
fn check_conflict_target(table: &Relation, key: &[usize], target: &[String]) -> Result<()> {
    let names: HashSet<&str> = key.iter().map(|&i| table.schema.field(i).name().as_str()).collect();
    if names == target.iter().map(String::as_str).collect() {
        return Ok(());
    }
    let message = "there is no unique or exclusion constraint matching the ON CONFLICT specification";
    Err(Error::new("42P10", message)
        .hint(format!("the primary key is ({})", names.into_iter().collect::<Vec<_>>().join(", "))))
}

/// `rows` with the values of the `old` rows of the same key in the columns that ON CONFLICT DO UPDATE does not set.
fn keep_unset(table: &Relation, rows: RecordBatch, old: &RecordBatch, set: &[usize]) -> Result<RecordBatch> {
    let key = primary_key(table);
    let by_key: HashMap<Key, usize> = encode_keys(old, key)?.into_iter().enumerate().map(|(i, key)| (key, i)).collect();
    let new_keys = encode_keys(&rows, key)?;
    let from: Vec<(usize, usize)> =
        new_keys.iter().enumerate().map(|(i, key)| by_key.get(key).map_or((0, i), |&old| (1, old))).collect();
    let mut columns = rows.columns().to_vec();
    for (i, column) in columns.iter_mut().enumerate() {
        if !set.contains(&i) && !key.contains(&i) {
            *column = interleave(&[column.as_ref(), old.column(i).as_ref()], &from).map_err(internal)?;
        }
    }
    batch(&table.schema, columns, rows.num_rows())
}

/// With FROM or USING a row may match several times: it is changed once, by its first match, as PostgreSQL does.
fn one_match_per_row(table: &Relation, query: &Query, found: RecordBatch, first: usize) -> Result<RecordBatch> {
    if query.relations().len() <= 1 {
        return Ok(found);
    }
    let key: Vec<usize> = primary_key(table).iter().map(|column| column + first).collect();
    if key.is_empty() {
        return Err(Error::unsupported(format!(
            "UPDATE and DELETE over several relations need a primary key on table \"{}\"",
            table.name
        )));
    }
    let mut seen = HashSet::new();
    let mask: BooleanArray = encode_keys(&found, &key)?.into_iter().map(|key| Some(seen.insert(key))).collect();
    filter_record_batch(&found, &mask).map_err(internal)
}

fn duplicate_key(table: &Relation, rows: &RecordBatch, row: usize) -> Error {
    let key = primary_key(table);
    let names: Vec<&str> = key.iter().map(|&i| table.schema.field(i).name().as_str()).collect();
    let values: Vec<String> = key.iter().map(|&i| show_value(rows, i, row)).collect();
    Error::new(
        code::UNIQUE_VIOLATION,
        format!("duplicate key value violates unique constraint \"{}_pkey\"", table.name),
    )
    .detail(format!("Key ({})=({}) already exists.", names.join(", "), values.join(", ")))
}

fn show_value(rows: &RecordBatch, column: usize, row: usize) -> String {
    ScalarValue::try_from_array(rows.column(column), row).map_or_else(|_| "?".into(), |value| value.to_string())
}

fn encode_keys(rows: &RecordBatch, key: &[usize]) -> Result<Vec<Key>> {
    let fields = key.iter().map(|&i| SortField::new(rows.column(i).data_type().clone())).collect();
    let columns: Vec<_> = key.iter().map(|&i| crate::flow::canonical::canonical_key(rows.column(i))).collect();
    let converter = RowConverter::new(fields).map_err(internal)?;
    let encoded = converter.convert_columns(&columns).map_err(internal)?;
    Ok(encoded.iter().map(|row| row.as_ref().into()).collect())
}

fn deletes(rows: RecordBatch) -> Delta {
    let weights = Int64Array::from(vec![-1; rows.num_rows()]);
    Delta::weighted(rows, weights)
}

/// A batch with the table's own schema; values were checked before.
fn batch(schema: &SchemaRef, columns: Vec<datafusion::arrow::array::ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(internal)
}

fn internal(error: datafusion::arrow::error::ArrowError) -> Error {
    Error::internal(error.to_string())
}
