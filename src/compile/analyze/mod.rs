//! Query → logical plan: names, types, PostgreSQL's semantics. In: a parsed [`Query`] and what names lead to; out: an incremental
//! [`Plan`] for views, or a [`Select`] that runs over one snapshot. Never: SQL text, rows.

// `sum` and `avg`.
mod aggregate;
// Numerics of any size.
pub(in crate::compile) mod any_numeric;
// `+ - * /`.
mod arithmetic;
// Expressions that fail only for rows that fail.
mod careful;
// Columns whose type was declared.
mod declaration;
// Comparisons by sort keys.
mod comparison;
// Rows of constants.
mod constant_rows;
// Groups by sort keys.
mod grouping;
// FILTER before arguments.
mod guard;
// How much expressions grow when they are simplified.
mod complexity;
// DataFusion's errors → ours.
pub mod error;
// `sum` and `avg` of intervals.
mod interval_sum;
// The end of queries that nobody waits for.
mod interruption;
// Keys of joins.
mod equijoin;
// Types of expressions.
mod field;
// `min` and `max`.
mod extreme;
// Comparisons of values of different types.
mod mixed;
// What rows are filled up with NULLs.
pub(in crate::compile) mod filled;
// Types of parameters.
mod parameter;
// Relations and functions by name.
mod names;
// What the system catalog calls `oid[]`.
mod oids;
// Types of recursive queries.
mod recursion;
// Branches of UNION.
mod one_by_one;
// Rows that a statement brings itself.
mod rows;
// Reads over snapshots.
mod select;
// What a read needs of a relation.
mod lookup;
// DataFusion's settings.
mod session;
// Types of the columns of set operations.
mod set_type;
// Relations without rows.
mod source;
// What PostgreSQL refuses.
pub(in crate::compile) mod strict;
// Types that Arrow does not tell.
mod tag;
// Sums by group.
mod totals;
// What a query needs to be planned once more.
mod unresolved;
// Constants without a type.
mod untyped;
// SQL's types for literals, functions and casts.
mod types;

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::config::ConfigOptions;
use datafusion::error::Result as PlanResult;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, ScalarUDF};
use datafusion::optimizer::Analyzer;
use datafusion::prelude::Expr;

pub(in crate::compile) use arithmetic::as_operator;
pub(in crate::compile) use declaration::is_declared;
pub(in crate::compile) use field::field_of;
pub use lookup::Binding;
pub use rows::{ROWS_ID, Rows};
pub use select::{Ready, Select, plan_select};
pub(in crate::compile) use source::relation_of;
pub(in crate::compile) use tag::{remembered, tagged_again};
pub(in crate::compile) use types::sql_type;

use super::lower;
use super::parse::{Query, shown_name};
use super::plan::Plan;
use super::{rewrite, window};
use crate::catalog::{Domain, RelationId};
use crate::error::Result;
use crate::precision::Precision;
use crate::types::{COMPUTED, PG_CLIENT_TYPE, SqlType};

/// Session settings that change what a query means; views keep those they were created with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Time zone by its IANA name, e.g. `Europe/Berlin`.
    pub time_zone: String,
    /// Iterations that a recursive query of a view may have in one tick.
    pub recursive_iterations_max: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { time_zone: "UTC".to_string(), recursive_iterations_max: 10_000 }
    }
}

/// Where relation names lead. The engine implements it over one version of the catalog.
pub trait Relations {
    /// What `[schema.]name` stands for; `None` if nothing has that name. Names are folded already.
    fn resolve(&self, schema: Option<&str>, name: &str) -> Result<Option<Resolved>>;

    /// The type of a user that `[schema.]name` stands for; `None` if nothing has that name.
    fn type_named(&self, name: &str) -> Result<Option<SqlType>> {
        let _ = name;
        Ok(None)
    }

    /// The domain that `[schema.]name` stands for, if it is one.
    fn domain_named(&self, name: &str) -> Option<Arc<Domain>> {
        let _ = name;
        None
    }

    /// Names that hints may suggest.
    fn names(&self) -> Vec<String>;

    /// What the relation of the statement's own rows is, if it has some.
    fn rows(&self) -> Option<&Rows> {
        None
    }

    /// A function that depends on the catalog or the session, such as `current_user()`.
    fn function(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        let _ = name;
        None
    }
}

/// What a name in FROM stands for.
pub enum Resolved {
    /// A stream, table or materialized view.
    Relation {
        /// Which one.
        id: RelationId,
        /// Its columns.
        schema: SchemaRef,
        /// The columns of its primary key; empty without one.
        key: Vec<usize>,
    },
    /// A view that is expanded where it is named: its query, and new names for its columns (empty keeps the query's).
    View(Box<Query>, Vec<String>),
    /// A system relation. Only SELECT can read it.
    System(Arc<dyn TableProvider>),
}

/// Compiles the query of a materialized view. Returns the plan and the columns as users see them.
/// Errors: 0A000 for what is not maintained, and whatever PostgreSQL would complain about.
pub fn plan_view(query: &Query, relations: &dyn Relations, settings: &Settings) -> Result<(Plan, SchemaRef)> {
    let state = session::state(settings);
    let explain = |failure| error::from_datafusion(failure, query);
    let raw = names::Names::new(relations, &state).plan(query, &[]).map_err(explain)?;
    lower::refuse(&raw, query)?;
    let analyzed = coerce(raw, &state, settings).map_err(explain)?;
    let (plan, shown) = shown(analyzed).map_err(explain)?;
    let plan = rewrite::shared::marked(plan).map_err(explain)?;
    let optimized = session::optimize_view(plan, &state).map_err(explain)?;
    Ok((lower::lower(&optimized, &state, settings, query)?, shown))
}

/// Replaces what DataFusion plans wrongly, gives expressions SQL's types and makes operands alike.
fn coerce(plan: LogicalPlan, state: &SessionState, settings: &Settings) -> PlanResult<LogicalPlan> {
    complexity::check(&plan)?;
    let exact = rewrite::exact(plan, state)?;
    let typed = comparison::by_keys(types::as_sql(exact, &settings.time_zone)?, state)?;
    // The rules alone: the check afterwards would refuse subqueries that are to be unnested.
    let analyzer = Analyzer::new();
    let mut alike = typed;
    for rule in &analyzer.rules {
        alike = rule.analyze(alike, state.config_options())?;
    }
    let plan = rewrite::unnest(alike, state)?;
    let plan = analyzer.execute_and_check(plan, &ConfigOptions::clone(state.config_options()), |_, _| {})?;
    window::node::windows(plan, &settings.time_zone)
}

/// The shown field with what its column was declared with and values do not tell.
fn as_declared(shown: Field, column: &Field) -> Field {
    let shown = Precision::of(column).map_or_else(|| shown.clone(), |precision| precision.on(shown.clone()));
    let Some(client_type) = column.metadata().get(PG_CLIENT_TYPE) else { return shown };
    let mut metadata = shown.metadata().clone();
    metadata.insert(PG_CLIENT_TYPE.to_string(), client_type.clone());
    shown.with_metadata(metadata)
}

/// The plan with outputs of SQL's types, and its columns as users see them. The plan's own names stay: DataFusion wants them
/// unique, SQL does not.
fn shown(plan: LogicalPlan) -> PlanResult<(LogicalPlan, SchemaRef)> {
    let mut columns = Vec::new();
    let mut fields = Vec::new();
    let mut converts = false;
    for (position, field) in plan.schema().fields().iter().enumerate() {
        let wanted = types::sql_type(field.data_type());
        let column = types::column(plan.schema(), position);
        let kind = if wanted == *field.data_type() {
            SqlType::of(field)
        } else {
            SqlType::of(&Field::new("", wanted.clone(), true))
        };
        let mut shown = as_declared(kind.field(shown_name(field.name())), field);
        if matches!(kind, SqlType::Numeric(..)) && !declaration::is_declared(&plan, position) {
            shown.set_metadata(HashMap::from([(COMPUTED.to_string(), String::new())]));
        }
        fields.push(shown);
        if wanted == *field.data_type() {
            columns.push(column);
        } else {
            converts = true;
            let (qualifier, field) = plan.schema().qualified_field(position);
            let converted = Expr::Cast(datafusion::logical_expr::Cast::new(Box::new(column), wanted));
            columns.push(converted.alias_qualified(qualifier.cloned(), field.name()));
        }
    }
    let plan = if converts { LogicalPlanBuilder::from(plan).project(columns)?.build()? } else { plan };
    Ok((plan, Arc::new(Schema::new(fields))))
}

#[cfg(test)]
pub(in crate::compile) mod tests;
