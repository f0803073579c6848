//! `FROM t AS x (a, b)` where `t` has more columns than names are given: the others keep theirs. The planner wants a name for each.

use std::collections::HashSet;

use datafusion::common::{DataFusionError, TableReference};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::utils::expand_wildcard;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::Expr;
use datafusion::sql::sqlparser::ast::{Ident, TableAlias, TableFactor};

use super::query::{hidden, shown_name};
use crate::error::{Error, code};

/// Plans relations whose columns get new names.
#[derive(Debug)]
pub(in crate::compile) struct ColumnAliases;

impl RelationPlanner for ColumnAliases {
    fn plan_relation(
        &self,
        mut relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> PlanResult<RelationPlanning> {
        let Some(columns) = taken(&mut relation) else { return Ok(RelationPlanning::Original(Box::new(relation))) };
        let names = columns.into_iter().map(|column| context.normalize_ident(column)).collect();
        let table = alias(&mut relation).map(|alias| alias.name.clone()).map(|name| context.normalize_ident(name));
        let table = table.unwrap_or_default();
        let plan = renamed(context.plan(relation)?, &table, names)?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, None))))
    }
}

/// The new names, taken out of the relation; `None` if it has none, or types beside them.
fn taken(relation: &mut TableFactor) -> Option<Vec<Ident>> {
    let alias = alias(relation)?;
    if alias.columns.is_empty() || alias.columns.iter().any(|column| column.data_type.is_some()) {
        return None;
    }
    Some(std::mem::take(&mut alias.columns).into_iter().map(|column| column.name).collect())
}

/// The alias of a table or a subquery. Functions name their columns themselves.
fn alias(relation: &mut TableFactor) -> Option<&mut TableAlias> {
    match relation {
        TableFactor::Table { alias, args: None, .. } | TableFactor::Derived { alias, .. } => alias.as_mut(),
        _ => None,
    }
}

/// The relation `table` with new names for its first columns. Errors: 42P10 for more names than columns.
fn renamed(plan: LogicalPlan, table: &str, names: Vec<String>) -> PlanResult<LogicalPlan> {
    let shown = expand_wildcard(plan.schema(), &plan, None)?;
    if names.len() > shown.len() {
        let (there, given) = (shown.len(), names.len());
        let table = shown_name(table);
        let message = format!("table \"{table}\" has {there} columns available but {given} columns specified");
        return Err(DataFusionError::External(Box::new(Error::new(code::INVALID_COLUMN_REFERENCE, message))));
    }
    let given = names.len();
    let mut taken: HashSet<String> = HashSet::with_capacity(shown.len());
    let mut names = names.into_iter();
    let named = shown.into_iter().enumerate().map(|(position, column)| {
        let name = names.next().unwrap_or_else(|| column.qualified_name().1);
        // A column that keeps its name is hidden by a new one that is the same.
        let name = match taken.insert(name.clone()) || position < given {
            true => name,
            false => hidden(&name, position + 1).value,
        };
        column.alias(name)
    });
    let columns: Vec<Expr> = named.collect();
    LogicalPlanBuilder::from(plan).project(columns)?.alias(TableReference::bare(table))?.build()
}
