//! Prepared statements: those of Parse messages and of PREPARE, which share their names.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::scalar::ScalarValue;

use super::connection::Connection;
use super::decode::{ParameterType, Parameters, cast, hint};
use super::failure::{Attempt, code};
use super::pg_type;
use super::statement::{check_limit, placed};
use crate::compile::function::Target;
use crate::compile::parse::{Kind, Query, Statement};
use crate::engine::Description;
use crate::error::{Error, Result};
use crate::format::text::TimeZone;
use crate::types::SqlType;

/// Prepared statements of a session.
const STATEMENTS_MAX: usize = 8192;

/// A prepared statement.
pub(super) struct Prepared {
    /// What it says; `None` for an empty text.
    pub(super) statement: Option<Arc<Statement>>,
    /// Types of its parameters.
    pub(super) parameters: Vec<ParameterType>,
    /// How many of them the statement uses: a client may declare more.
    pub(super) parameters_used: usize,
    /// Its columns when it was prepared, where only the catalog decides on them.
    columns: Option<SchemaRef>,
}

impl Prepared {
    /// What the planner takes for the parameters that the statement uses.
    pub(super) fn parameter_types(&self) -> Vec<FieldRef> {
        self.parameters.iter().take(self.parameters_used).map(|parameter| Arc::clone(&parameter.field)).collect()
    }
}

impl Connection {
    /// Prepares what a Parse message says.
    pub(super) async fn prepare_text(&mut self, name: String, sql: String, oids: &[u32]) -> Attempt<()> {
        let mut statements = self.parse(sql).await?;
        if statements.len() > 1 {
            let message = "cannot insert multiple commands into a prepared statement";
            return Err(Error::new(code::SYNTAX_ERROR, message).into());
        }
        self.insert_prepared(name, statements.pop().map(Arc::new), oids).await
    }

    /// Prepares what a PREPARE statement says.
    pub(super) async fn prepare(&mut self, name: &str, types: &[SqlType], statement: &Statement) -> Attempt<()> {
        let preparable = matches!(
            statement.kind,
            Kind::Query(_) | Kind::Insert(_) | Kind::Update(_) | Kind::Delete(_) | Kind::Subscribe(_)
        );
        if !preparable {
            let message = "PREPARE takes SELECT, INSERT, UPDATE, DELETE, VALUES or SUBSCRIBE only";
            return Err(Error::new(code::SYNTAX_ERROR, message).into());
        }
        let oids: Vec<u32> = types.iter().map(pg_type::oid).collect();
        self.insert_prepared(name.to_string(), Some(Arc::new(statement.clone())), &oids).await
    }

    async fn insert_prepared(&mut self, name: String, statement: Option<Arc<Statement>>, oids: &[u32]) -> Attempt<()> {
        if !name.is_empty() {
            if self.statements.contains_key(&name) {
                let message = format!("prepared statement \"{name}\" already exists");
                return Err(Error::new(code::DUPLICATE_PREPARED_STATEMENT, message).into());
            }
            let hint = "DEALLOCATE those that are not needed";
            check_limit(self.statements.len(), STATEMENTS_MAX, "prepared statements", hint)?;
        }
        if statement.as_ref().is_some_and(|statement| !ends_transaction(&statement.kind)) {
            self.refuse_if_failed()?;
        }
        let hints: Vec<Option<FieldRef>> = oids.iter().map(|oid| hint(*oid)).collect::<Result<_>>()?;
        let description = match &statement {
            Some(statement) => self.describe(statement, hints.clone()).await?,
            None => Description { parameters: Vec::new(), columns: None },
        };
        let parameters_used = description.parameters.len();
        let mut parameters: Vec<ParameterType> = Vec::new();
        for index in 0..parameters_used.max(hints.len()) {
            let ours = description.parameters.get(index).cloned().or_else(|| hints.get(index).cloned().flatten());
            let field = ours.unwrap_or_else(|| FieldRef::new(SqlType::Text.field("parameter")));
            // 0 and 705 (`unknown`) leave the type to the statement.
            let given = oids.get(index).copied().filter(|oid| !matches!(oid, 0 | 705));
            parameters.push(ParameterType { oid: given.unwrap_or_else(|| pg_type::field_oid(&field)), field });
        }
        let prepared = Prepared { statement, parameters, parameters_used, columns: description.columns };
        self.statements.insert(name, Arc::new(prepared));
        Ok(())
    }

    /// What a statement needs and answers; for cursors and the like, what the statement inside of it needs.
    async fn describe(&mut self, statement: &Arc<Statement>, hints: Vec<Option<FieldRef>>) -> Attempt<Description> {
        let (described, has_columns) = match &statement.kind {
            Kind::Declare { statement, .. } | Kind::CopyTo { statement, .. } => {
                (Arc::new(statement.as_ref().clone()), false)
            }
            Kind::Fetch { .. }
            | Kind::Close { .. }
            | Kind::Prepare { .. }
            | Kind::Execute { .. }
            | Kind::Deallocate { .. } => return Ok(Description { parameters: Vec::new(), columns: None }),
            _ => (Arc::clone(statement), true),
        };
        self.start_clock();
        let inner = Arc::clone(&described);
        let description = self
            .session
            .work(&mut self.interrupt, |session| Box::pin(async move { session.describe(&inner, &hints).await }))
            .await?;
        let Description { parameters, columns } = description.map_err(|error| placed(error, &described))?;
        Ok(Description { parameters, columns: columns.filter(|_| has_columns) })
    }

    /// The prepared statement of that name; 26000 if there is none.
    pub(super) fn prepared(&self, name: &str) -> Result<Arc<Prepared>> {
        self.statements.get(name).cloned().ok_or_else(|| {
            let message = match name {
                "" => "unnamed prepared statement does not exist".to_string(),
                name => format!("prepared statement \"{name}\" does not exist"),
            };
            Error::new(code::INVALID_SQL_STATEMENT_NAME, message)
        })
    }

    /// The columns of a prepared statement's result. Those of FETCH are its cursor's, those of EXECUTE its statement's, as they
    /// are now.
    pub(super) fn columns(&self, prepared: &Prepared) -> Option<SchemaRef> {
        match prepared.statement.as_ref().map(|statement| &statement.kind) {
            Some(Kind::Fetch { cursor, .. }) => self.cursors.get(cursor).map(|cursor| cursor.results.schema.clone()),
            Some(Kind::Execute { name, .. }) => self.statements.get(name)?.columns.clone(),
            _ => prepared.columns.clone(),
        }
    }

    /// The prepared statement that EXECUTE names, and the values of its arguments: a query of one row, and which of its columns are
    /// constants that have no type yet.
    pub(super) async fn arguments(
        &mut self,
        execute: &Statement,
        name: &str,
        arguments: Option<(&Query, &[usize])>,
        parameters: &Parameters,
    ) -> Attempt<(Arc<Prepared>, Parameters)> {
        let prepared = self.prepared(name)?;
        let mut values = Vec::new();
        if let Some((query, literals)) = arguments {
            let kind = Kind::Query(query.clone());
            let query = Statement { text: execute.text.clone(), offset: execute.offset, kind };
            let mut results = self.start_rows(&Arc::new(query), parameters, "EXECUTE").await?;
            let row = self.interrupt.guard(results.first_row()).await??;
            let row = row.ok_or_else(|| Error::internal("the arguments of EXECUTE have no row"))?;
            check_arguments(name, row.num_columns(), prepared.parameters_used)?;
            let zone = self.text_options().time_zone;
            for (at, (column, parameter)) in row.columns().iter().zip(&prepared.parameters).enumerate() {
                let from = (!literals.contains(&at)).then(|| SqlType::of(results.schema.field(at)));
                values.push(argument(at, column, from, parameter, zone)?);
            }
        } else {
            check_arguments(name, 0, prepared.parameters_used)?;
        }
        let types = prepared.parameter_types();
        Ok((prepared, Parameters { values, types }))
    }

    /// Forgets a prepared statement, or all; returns the command tag.
    pub(super) fn deallocate(&mut self, name: Option<&str>) -> Result<String> {
        match name {
            Some(name) => {
                self.prepared(name)?;
                self.statements.remove(name);
                Ok("DEALLOCATE".to_string())
            }
            None => {
                self.statements.clear();
                Ok("DEALLOCATE ALL".to_string())
            }
        }
    }
}

/// An argument of EXECUTE as a value of the parameter's type: assigned to it like a value to a column, and read as one if it has no
/// type `from` yet.
fn argument(
    at: usize,
    column: &ArrayRef,
    from: Option<SqlType>,
    parameter: &ParameterType,
    zone: TimeZone,
) -> Result<ScalarValue> {
    let sql_type = SqlType::of(&parameter.field);
    let target = Target { name: "parameter", sql_type: sql_type.clone(), zone };
    let assigned = match &from {
        Some(from) => target.assign(column, from),
        None => target.read(column),
    };
    let mismatch = |error: Error| match (&from, error.code) {
        (Some(from), code::DATATYPE_MISMATCH) => {
            let number = at + 1;
            let message =
                format!("parameter ${number} of type {from} cannot be coerced to the expected type {sql_type}");
            Error { message, ..error }
        }
        _ => error,
    };
    let value = crate::batch::scalar(&assigned.map_err(mismatch)?, 0);
    cast(value.map_err(|error| Error::internal(error.to_string()))?, parameter.field.data_type())
}

/// Whether a failed transaction lets the statement pass.
fn ends_transaction(kind: &Kind) -> bool {
    matches!(kind, Kind::Commit | Kind::Rollback)
}

fn check_arguments(name: &str, given: usize, expected: usize) -> Result<()> {
    if given == expected {
        return Ok(());
    }
    Err(Error::new(code::SYNTAX_ERROR, format!("wrong number of parameters for prepared statement \"{name}\""))
        .detail(format!("expected {expected} parameters but got {given}")))
}
