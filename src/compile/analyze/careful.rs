//! Expressions that fail only for rows that fail. DataFusion may compute both sides of an AND for all rows, and turns CASE over
//! conditions into ANDs: `x <> 0 AND 1 / x > 2` would divide by zero for rows that the first condition leaves out. Row by row it
//! stops at the first condition, as PostgreSQL does.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{FieldRef, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregatePhysicalExpressions;
use datafusion::physical_expr::expressions::{BinaryExpr, CaseExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    HashJoinExec, HashJoinExecBuilder, NestedLoopJoinExec, NestedLoopJoinExecBuilder,
};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

use crate::compile::function::attempt::{is_attempt, with_attempts};

/// The plan with careful conditions, columns and arguments of aggregates.
pub(super) fn careful(plan: Arc<dyn ExecutionPlan>) -> PlanResult<Arc<dyn ExecutionPlan>> {
    let changed = plan.transform_up(|node| {
        let changed = if let Some(filter) = node.downcast_ref::<FilterExec>() {
            match wrapped(filter.predicate())? {
                Some(predicate) => {
                    Some(Arc::new(FilterExecBuilder::from(filter).with_predicate(predicate).build()?) as _)
                }
                None => None,
            }
        } else if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
            projected(projection)?
        } else if let Some(aggregate) = node.downcast_ref::<AggregateExec>() {
            aggregated(aggregate)?
        } else if let Some(join) = node.downcast_ref::<HashJoinExec>() {
            let on = join.filter().map(on).transpose()?.flatten();
            let built = on.map(|on| HashJoinExecBuilder::from(join).with_filter(Some(on)).build());
            built.transpose()?.map(|join| Arc::new(join) as _)
        } else if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
            let on = join.filter().map(on).transpose()?.flatten();
            let built = on.map(|on| NestedLoopJoinExecBuilder::from(join).with_filter(Some(on)).build());
            built.transpose()?.map(|join| Arc::new(join) as _)
        } else {
            None
        };
        Ok(changed.map_or_else(|| Transformed::no(Arc::clone(&node)), Transformed::yes))
    })?;
    Ok(changed.data)
}

type Changed = Option<Arc<dyn ExecutionPlan>>;

fn projected(projection: &ProjectionExec) -> PlanResult<Changed> {
    let mut changed = false;
    let mut columns = Vec::new();
    for column in projection.expr() {
        let expr = kept_or_wrapped(&column.expr, &mut changed)?;
        columns.push(ProjectionExpr { expr, alias: column.alias.clone() });
    }
    if !changed {
        return Ok(None);
    }
    Ok(Some(Arc::new(ProjectionExec::try_new(columns, Arc::clone(projection.input()))?)))
}

fn aggregated(aggregate: &AggregateExec) -> PlanResult<Changed> {
    let mut changed = false;
    let mut calls = Vec::new();
    for call in aggregate.aggr_expr() {
        let AggregatePhysicalExpressions { args, order_by_exprs } = call.all_expressions();
        let mut all = |parts: Vec<Arc<dyn PhysicalExpr>>| {
            parts.iter().map(|part| kept_or_wrapped(part, &mut changed)).collect::<PlanResult<Vec<_>>>()
        };
        let (arguments, order) = (all(args)?, all(order_by_exprs)?);
        let call = call.with_new_expressions(arguments, order).map_or_else(|| Arc::clone(call), Arc::new);
        calls.push(call);
    }
    let mut filters = Vec::new();
    for filter in aggregate.filter_expr() {
        let filter = filter.as_ref().map(|filter| kept_or_wrapped(filter, &mut changed));
        filters.push(filter.transpose()?);
    }
    if !changed {
        return Ok(None);
    }
    let (groups, input) = (aggregate.group_expr().clone(), Arc::clone(aggregate.input()));
    let made = AggregateExec::try_new(*aggregate.mode(), groups, calls, filters, input, aggregate.input_schema())?;
    Ok(Some(Arc::new(made.with_limit_options(aggregate.limit_options()))))
}

/// The condition of a join.
fn on(filter: &JoinFilter) -> PlanResult<Option<JoinFilter>> {
    let (columns, schema) = (filter.column_indices().to_vec(), Arc::clone(filter.schema()));
    Ok(wrapped(filter.expression())?.map(|condition| JoinFilter::new(condition, columns, schema)))
}

fn kept_or_wrapped(expression: &Arc<dyn PhysicalExpr>, changed: &mut bool) -> PlanResult<Arc<dyn PhysicalExpr>> {
    let wrapped = wrapped(expression)?;
    *changed |= wrapped.is_some();
    Ok(wrapped.unwrap_or_else(|| Arc::clone(expression)))
}

/// A careful form of an expression that decides by a part of itself what else it computes, or contains `try`; `None` for others.
fn wrapped(expression: &Arc<dyn PhysicalExpr>) -> PlanResult<Option<Arc<dyn PhysicalExpr>>> {
    let decides = expression.exists(|part| {
        let connects = |binary: &BinaryExpr| matches!(binary.op(), Operator::And | Operator::Or);
        Ok(part.downcast_ref::<BinaryExpr>().is_some_and(connects) || part.is::<CaseExpr>())
    })?;
    let attempts = expression.exists(|part| Ok(is_attempt(part)))?;
    let expression = with_attempts(Arc::clone(expression))?;
    if decides {
        return Ok(Some(Arc::new(Careful { expression })));
    }
    Ok(attempts.then_some(expression))
}

/// Computes a batch at once and, if that fails, by halves down to the rows that fail.
#[derive(Debug, Eq)]
struct Careful {
    expression: Arc<dyn PhysicalExpr>,
}

// Written out because the derived ones cannot compare behind a pointer to a trait.
impl PartialEq for Careful {
    fn eq(&self, other: &Self) -> bool {
        self.expression.eq(&other.expression)
    }
}

impl Hash for Careful {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.expression.hash(state);
    }
}

impl PhysicalExpr for Careful {
    fn evaluate(&self, batch: &RecordBatch) -> PlanResult<ColumnarValue> {
        let rows = batch.num_rows();
        let failure = match self.expression.evaluate(batch) {
            Ok(values) => return Ok(values),
            Err(failure) => failure,
        };
        if rows <= 1 {
            return Err(failure);
        }
        let mut halves = Vec::with_capacity(2);
        for (start, length) in [(0, rows / 2), (rows / 2, rows - rows / 2)] {
            halves.push(self.evaluate(&batch.slice(start, length))?.into_array(length)?);
        }
        Ok(ColumnarValue::Array(concat(&[halves[0].as_ref(), halves[1].as_ref()])?))
    }

    fn return_field(&self, input: &Schema) -> PlanResult<FieldRef> {
        self.expression.return_field(input)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.expression]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> PlanResult<Arc<dyn PhysicalExpr>> {
        let expression = children.into_iter().next().unwrap_or_else(|| Arc::clone(&self.expression));
        Ok(Arc::new(Careful { expression }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expression.fmt_sql(f)
    }
}

impl fmt::Display for Careful {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expression.fmt(f)
    }
}
