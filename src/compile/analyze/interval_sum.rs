//! `sum` and `avg` of intervals: the sums of their months, days and microseconds, which are maintained as any sums are.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DataFusionError;
use datafusion::error::Result as PlanResult;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Aggregate, LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::Expr;

use super::field::type_of;
use super::types::column;
use crate::compile::function::{cast_to, divided, interval_of, parts_of};
use crate::error::Error;
use crate::types::SqlType;

/// The columns over an aggregation that stand for those that it had.
type Outputs = Vec<Expr>;

/// The aggregation with sums of parts in place of sums of intervals, and its columns; no columns if it has no such sums. Errors: 0A000
/// for DISTINCT.
pub(super) fn split(aggregate: Aggregate) -> PlanResult<(Aggregate, Outputs)> {
    let sums: Vec<Option<AggregateFunction>> =
        aggregate.aggr_expr.iter().map(|call| of_intervals(call, &aggregate)).collect();
    if sums.iter().all(Option::is_none) {
        return Ok((aggregate, Vec::new()));
    }
    let first = aggregate.schema.fields().len() - aggregate.aggr_expr.len();
    let mut outputs: Outputs = (0..first).map(|position| column(&aggregate.schema, position)).collect();
    let mut calls = Vec::new();
    for (at, (call, sum)) in aggregate.aggr_expr.iter().zip(sums).enumerate() {
        let (qualifier, field) = aggregate.schema.qualified_field(first + at);
        let Some(sum) = sum else {
            outputs.push(column(&aggregate.schema, first + at));
            calls.push(call.clone());
            continue;
        };
        if sum.params.distinct {
            let error = Error::unsupported(format!("{}(DISTINCT …) over interval is not supported", sum.func.name()));
            return Err(DataFusionError::External(Box::new(error)));
        }
        let mut part = |function: &Arc<_>, argument: Expr, name: &str| {
            let name = format!("__interval_{at}_{name}");
            let mut params = sum.params.clone();
            params.args = vec![argument];
            calls.push(Expr::AggregateFunction(AggregateFunction { func: Arc::clone(function), params }).alias(&name));
            datafusion::prelude::ident(name)
        };
        let interval = &sum.params.args[0];
        let [months, days, micros] = parts_of(interval);
        let total = super::aggregate::sum();
        let parts = [part(&total, months, "months"), part(&total, days, "days"), part(&total, micros, "micros")];
        let whole = interval_of(parts.map(|sum| cast_to(sum, &SqlType::BigInt)));
        let value = match sum.func.name() {
            "avg" => divided(whole, part(&count_udaf(), interval.clone(), "count")),
            _ => whole,
        };
        outputs.push(value.alias_qualified(qualifier.cloned(), field.name()));
    }
    Ok((Aggregate::try_new(aggregate.input, aggregate.group_expr, calls)?, outputs))
}

/// The columns of an aggregation that was split.
pub(super) fn joined(aggregate: LogicalPlan, outputs: Outputs) -> PlanResult<LogicalPlan> {
    if outputs.is_empty() {
        return Ok(aggregate);
    }
    LogicalPlanBuilder::from(aggregate).project(outputs)?.build()
}

fn of_intervals(call: &Expr, aggregate: &Aggregate) -> Option<AggregateFunction> {
    let Expr::AggregateFunction(call) = call.clone().unalias() else { return None };
    let is_sum = ["sum", "avg"].contains(&call.func.name());
    let kind = type_of(call.params.args.first()?, aggregate.input.schema()).ok()?;
    (is_sum && matches!(kind, DataType::Interval(_))).then_some(call)
}
