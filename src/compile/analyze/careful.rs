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
use datafusion::physical_expr::expressions::{BinaryExpr, CaseExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

use crate::compile::function::attempt::{is_attempt, with_attempts};

/// The plan with careful conditions and columns.
pub(super) fn careful(plan: Arc<dyn ExecutionPlan>) -> PlanResult<Arc<dyn ExecutionPlan>> {
    let changed = plan.transform_up(|node| {
        if let Some(filter) = node.downcast_ref::<FilterExec>()
            && let Some(predicate) = wrapped(filter.predicate())?
        {
            let filter = FilterExecBuilder::from(filter).with_predicate(predicate).build()?;
            return Ok(Transformed::yes(Arc::new(filter) as Arc<dyn ExecutionPlan>));
        }
        if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
            let mut columns = Vec::new();
            let mut changed = false;
            for column in projection.expr() {
                let expression = wrapped(&column.expr)?;
                changed |= expression.is_some();
                let expr = expression.unwrap_or_else(|| Arc::clone(&column.expr));
                columns.push(ProjectionExpr { expr, alias: column.alias.clone() });
            }
            if changed {
                let projection = ProjectionExec::try_new(columns, Arc::clone(projection.input()))?;
                return Ok(Transformed::yes(Arc::new(projection) as Arc<dyn ExecutionPlan>));
            }
        }
        Ok(Transformed::no(node))
    })?;
    Ok(changed.data)
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
