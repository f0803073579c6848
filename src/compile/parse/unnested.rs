//! `unnest` of an array of rows in FROM: the rows' fields are its columns, as in PostgreSQL. Whether an array's items are rows is known
//! only when it is planned.

use std::sync::{Mutex, PoisonError};

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, TableReference, plan_err};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::Expr;
use datafusion::sql::sqlparser::ast;

use super::grammar::folded_ident;
use super::rewrite::is_unnest;
use crate::compile::function;

/// The hook of the SQL planner.
#[derive(Debug, Default)]
pub(in crate::compile) struct UnnestedRows {
    /// The relation that is being planned for this hook.
    pending: Mutex<Option<ast::TableFactor>>,
}

impl RelationPlanner for UnnestedRows {
    fn plan_relation(
        &self,
        relation: ast::TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> PlanResult<RelationPlanning> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_unnest(&relation) || pending.as_ref() == Some(&relation) {
            *pending = None;
            return Ok(RelationPlanning::Original(Box::new(relation)));
        }
        let ast::TableFactor::Derived { lateral, subquery, alias: Some(mut alias), sample } = relation else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let names: Vec<String> =
            std::mem::take(&mut alias.columns).iter().map(|column| folded_ident(&column.name)).collect();
        let table = TableReference::bare(folded_ident(&alias.name));
        let relation = ast::TableFactor::Derived { lateral, subquery, alias: Some(alias), sample };
        *pending = Some(relation.clone());
        drop(pending);
        let plan = with_fields(context.plan(relation)?, &table, &names)?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, None))))
    }
}

/// The plan with the fields of its only column, if that has some, under the names that are given.
fn with_fields(plan: LogicalPlan, table: &TableReference, names: &[String]) -> PlanResult<LogicalPlan> {
    let (qualifier, field) = plan.schema().qualified_field(0);
    let value = Expr::Column(Column::from((qualifier, field)));
    let columns: Vec<(Expr, String)> = match field.data_type() {
        DataType::Struct(fields) => {
            let part = |part: &datafusion::arrow::datatypes::FieldRef| {
                (function::row::field_of(value.clone(), part.name()), part.name().clone())
            };
            fields.iter().map(part).collect()
        }
        _ => vec![(value, field.name().clone())],
    };
    if names.len() > columns.len() {
        return plan_err!(
            "table \"{}\" has {} columns available but {} columns specified",
            table.table(),
            columns.len(),
            names.len()
        );
    }
    let named = columns
        .into_iter()
        .enumerate()
        .map(|(at, (value, name))| value.alias_qualified(Some(table.clone()), names.get(at).cloned().unwrap_or(name)));
    let named: Vec<Expr> = named.collect();
    LogicalPlanBuilder::from(plan).project(named)?.build()
}
