//! Conditions that are true for no row, such as `x = NULL`: nothing is left of what they filter or join. DataFusion pushes a condition
//! without columns as far down as it can, also below aggregations that have a row for no rows (`GROUP BY ROLLUP (k)`).

use std::sync::Arc;

use datafusion::common::metadata::FieldMetadata;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchemaRef};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{EmptyRelation, Join, JoinType, LogicalPlan, Projection};
use datafusion::optimizer::propagate_empty_relation::PropagateEmptyRelation;
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

/// The rule; to be applied before filters are pushed, when constants are folded.
#[derive(Debug, Default)]
pub(in crate::compile) struct Never;

impl OptimizerRule for Never {
    fn name(&self) -> &str {
        "never_true"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> PlanResult<Transformed<LogicalPlan>> {
        Ok(match plan {
            LogicalPlan::Filter(filter) if is_never_true(&filter.predicate) => {
                Transformed::yes(empty(filter.input.schema()))
            }
            LogicalPlan::Join(join) if join.filter.as_ref().is_some_and(is_never_true) => joined(join)?,
            other => Transformed::no(other),
        })
    }
}

/// A join whose condition is never true.
fn joined(join: Join) -> PlanResult<Transformed<LogicalPlan>> {
    let plan = match join.join_type {
        JoinType::Inner | JoinType::LeftSemi | JoinType::RightSemi => empty(&join.schema),
        JoinType::Left | JoinType::LeftMark => filled_up(&join.left, 0, &join.schema)?,
        JoinType::Right => filled_up(&join.right, join.left.schema().fields().len(), &join.schema)?,
        JoinType::RightMark => filled_up(&join.right, 0, &join.schema)?,
        JoinType::LeftAnti if !join.null_aware => Arc::unwrap_or_clone(join.left),
        JoinType::RightAnti => Arc::unwrap_or_clone(join.right),
        _ => return Ok(Transformed::no(LogicalPlan::Join(join))),
    };
    Ok(Transformed::yes(plan))
}

/// The rows of one side, whose columns begin at `first`, with NULL for the other columns, and false for a mark.
fn filled_up(side: &Arc<LogicalPlan>, first: usize, schema: &DFSchemaRef) -> PlanResult<LogicalPlan> {
    let own = first..first + side.schema().fields().len();
    let columns = schema.iter().enumerate().map(|(at, (table, field))| {
        if own.contains(&at) {
            return Ok(Expr::Column(Column::from(side.schema().qualified_field(at - first))));
        }
        let value = match field.is_nullable() {
            true => ScalarValue::try_from(field.data_type())?,
            false => ScalarValue::Boolean(Some(false)),
        };
        let metadata = Some(FieldMetadata::from(field.as_ref())).filter(|_| !field.metadata().is_empty());
        Ok(Expr::Literal(value, metadata).alias_qualified(table.cloned(), field.name()))
    });
    let columns = columns.collect::<PlanResult<Vec<_>>>()?;
    Ok(LogicalPlan::Projection(Projection::try_new(columns, Arc::clone(side))?))
}

/// DataFusion's rule for relations without rows, but for outer joins, whose other columns it forgets the types' names of (jsonb, uuid).
#[derive(Debug, Default)]
pub(in crate::compile) struct Propagate(PropagateEmptyRelation);

impl OptimizerRule for Propagate {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> PlanResult<Transformed<LogicalPlan>> {
        let LogicalPlan::Join(join) = &plan else { return self.0.rewrite(plan, config) };
        let left_width = join.left.schema().fields().len();
        let filled = match join.join_type {
            JoinType::Left | JoinType::Full if is_empty(&join.right) => filled_up(&join.left, 0, &join.schema)?,
            JoinType::Right | JoinType::Full if is_empty(&join.left) => {
                filled_up(&join.right, left_width, &join.schema)?
            }
            _ => return self.0.rewrite(plan, config),
        };
        Ok(Transformed::yes(filled))
    }
}

/// DataFusion's rule that pushes filters, but for conditions without columns above aggregations that may have a row for no rows.
#[derive(Debug, Default)]
pub(in crate::compile) struct PushFilter(PushDownFilter);

impl OptimizerRule for PushFilter {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> PlanResult<Transformed<LogicalPlan>> {
        if let LogicalPlan::Filter(filter) = &plan
            && let LogicalPlan::Aggregate(aggregate) = filter.input.as_ref()
            && matches!(aggregate.group_expr.as_slice(), [] | [Expr::GroupingSet(_)])
            && split_conjunction(&filter.predicate).iter().any(|part| part.column_refs().is_empty())
        {
            return Ok(Transformed::no(plan));
        }
        self.0.rewrite(plan, config)
    }
}

fn is_empty(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::EmptyRelation(empty) if !empty.produce_one_row)
}

fn empty(schema: &DFSchemaRef) -> LogicalPlan {
    LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema: Arc::clone(schema) })
}

fn is_never_true(condition: &Expr) -> bool {
    let never = |part: &&Expr| match part {
        Expr::Literal(ScalarValue::Boolean(value), _) => *value != Some(true),
        Expr::Literal(value, _) => value.is_null(),
        _ => false,
    };
    split_conjunction(condition).iter().any(never)
}
