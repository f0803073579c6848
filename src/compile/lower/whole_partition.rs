//! Aggregates over whole partitions, `max(x) OVER (PARTITION BY k)`: the rows, joined with the groups of `k`. A change that leaves the
//! aggregates of its group as they are touches no other row.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::DFSchemaRef;
use datafusion::scalar::ScalarValue;

use super::aggregate::function_of;
use super::{Lowering, nullable};
use crate::compile::plan::{AggregateCall, AggregateFunction, JoinKind, Plan, SortColumn};
use crate::compile::window::{Argument, Bound, Exclusion, Frame, Function, Units, WindowCall};
use crate::error::Result;

/// The columns and the order of windows.
pub(super) struct Windows {
    pub(super) partition: Vec<usize>,
    pub(super) order: Vec<SortColumn>,
}

impl Windows {
    /// The aggregate of a partition that a call answers in each of its rows, if it is one that does not depend on the rows' order.
    fn aggregate(&self, call: &WindowCall, input: &Schema) -> Option<AggregateCall> {
        let Function::Aggregate(function) = &call.function else { return None };
        let function = function_of(function.name()).filter(|_| self.is_whole(&call.frame))?;
        let arguments = match call.arguments.as_slice() {
            [] => Vec::new(),
            [Argument::Column(column)] => vec![*column],
            [Argument::Constant(value)] if function == AggregateFunction::Count && !value.is_null() => Vec::new(),
            _ => return None,
        };
        let argument = arguments.first().map(|column| input.field(*column));
        let is_exact = match (function, argument) {
            (AggregateFunction::Count, _) => true,
            (AggregateFunction::BoolAnd | AggregateFunction::BoolOr, Some(_)) => true,
            (AggregateFunction::Sum | AggregateFunction::Avg, Some(field)) => is_exact_number(field.data_type()),
            // Equal values must be the same ones.
            (AggregateFunction::Min | AggregateFunction::Max, Some(field)) => {
                *field.data_type() != DataType::LargeBinary
                    && field.metadata().is_empty()
                    && (is_exact_number(field.data_type()) || is_plain(field.data_type()))
            }
            _ => false,
        };
        let field = Arc::new(call.field.as_ref().clone().with_name(&call.text));
        is_exact.then(|| AggregateCall { filter: call.filter, ..AggregateCall::new(function, arguments, field) })
    }

    /// Whether a frame is the partition for each of its rows.
    fn is_whole(&self, frame: &Frame<ScalarValue>) -> bool {
        let all_are_peers =
            frame.units != Units::Rows && self.order.iter().all(|sort| self.partition.contains(&sort.column));
        let reaches = |bound: &Bound<ScalarValue>, end: Bound<ScalarValue>| {
            *bound == end || all_are_peers && *bound == Bound::CurrentRow
        };
        frame.exclusion == Exclusion::NoOthers
            && reaches(&frame.start, Bound::UnboundedPreceding)
            && reaches(&frame.end, Bound::UnboundedFollowing)
    }
}

fn is_exact_number(kind: &DataType) -> bool {
    use DataType::{Decimal128, Int16, Int32, Int64, LargeBinary};
    matches!(kind, Int16 | Int32 | Int64 | Decimal128(..) | LargeBinary)
}

fn is_plain(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::Date32 | DataType::Timestamp(..) | DataType::Time64(_))
}

fn reads_work_table(plan: &Plan) -> bool {
    matches!(plan, Plan::WorkTable { .. }) || plan.inputs().into_iter().any(reads_work_table)
}

impl Lowering<'_> {
    /// Calls over the rows of `input`, whose columns are those of `schema`: a plan with these columns and more, and where the values
    /// of each call are.
    pub(super) fn windows(
        &self,
        input: Plan,
        schema: &DFSchemaRef,
        windows: Windows,
        calls: Vec<WindowCall>,
    ) -> Result<(Plan, DFSchemaRef, Vec<usize>)> {
        let shape = input.schema();
        let (mut aggregates, mut others, mut places) = (Vec::new(), Vec::new(), Vec::with_capacity(calls.len()));
        // There a window is refused as one, whatever it could be made of.
        let is_recursive = reads_work_table(&input);
        for call in calls {
            match windows.aggregate(&call, &shape).filter(|_| !is_recursive) {
                Some(aggregate) => {
                    places.push((true, aggregates.len()));
                    aggregates.push(aggregate);
                }
                None => {
                    places.push((false, others.len()));
                    others.push(call);
                }
            }
        }
        let (input, grouped) = if aggregates.is_empty() { (input, None) } else { self.twice(input) };
        let made = self.with_columns(schema, others.iter().map(|call| self.hidden(&call.field)).collect())?;
        let rows = match others.is_empty() {
            true => input,
            false => {
                let Windows { partition, order } = &windows;
                let (partition, order, schema) = (partition.clone(), order.clone(), nullable(&made));
                Plan::Window { input: Box::new(input), partition, order, calls: others, schema }
            }
        };
        let (width, groups_at) = (shape.fields().len(), made.fields().len() + windows.partition.len());
        let place = |(is_aggregate, at): &(bool, usize)| at + if *is_aggregate { groups_at } else { width };
        let places = places.iter().map(place).collect();
        let Some(grouped) = grouped else { return Ok((rows, made, places)) };
        let keys = windows.partition.iter().map(|column| &shape.fields()[*column]);
        let fields = keys.chain(aggregates.iter().map(|call| &call.field)).map(|field| self.hidden(field));
        let fields: Vec<FieldRef> = fields.collect();
        let all = self.with_columns(&made, fields.clone())?;
        let groups = Plan::Aggregate {
            input: Box::new(grouped),
            keys: windows.partition.clone(),
            constant_groups: None,
            calls: aggregates,
            schema: Arc::new(Schema::new(fields)),
        };
        let joined = Plan::Join {
            kind: JoinKind::Inner,
            left: Box::new(rows),
            right: Box::new(groups),
            right_keys: (0..windows.partition.len()).collect(),
            left_keys: windows.partition,
            null_equal: true,
            residual: None,
            schema: nullable(&all),
        };
        Ok((joined, all, places))
    }

    /// A column that the query does not name.
    pub(super) fn hidden(&self, field: &FieldRef) -> FieldRef {
        Arc::new(field.as_ref().clone().with_name(self.hidden_name()).with_nullable(true))
    }

    /// A plan for two readers. What may fail must not fail twice.
    fn twice(&self, plan: Plan) -> (Plan, Option<Plan>) {
        if matches!(plan, Plan::Source { .. } | Plan::Shared { .. }) {
            return (plan.clone(), Some(plan));
        }
        self.shared_max.set(self.shared_max.get() + 1);
        let shared = Plan::Shared { number: self.shared_max.get(), input: Arc::new(plan) };
        (shared.clone(), Some(shared))
    }
}
