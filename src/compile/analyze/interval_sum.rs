//! `sum` and `avg` of intervals, and of times, which count as such; also over windows: the sums of their months, days and microseconds, which are maintained as any sums are.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::error::Result as PlanResult;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction};
use datafusion::logical_expr::{
    Aggregate, AggregateUDF, LogicalPlan, LogicalPlanBuilder, Window, WindowFunctionDefinition,
};
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

/// Windows with sums of parts in place of sums of intervals, and the columns as [`split`] answers them.
pub(super) fn split_window(window: Window) -> PlanResult<(Window, Outputs)> {
    let sums: Vec<Option<WindowFunction>> =
        window.window_expr.iter().map(|call| over_intervals(call, &window)).collect();
    if sums.iter().all(Option::is_none) {
        return Ok((window, Vec::new()));
    }
    let width = window.input.schema().fields().len();
    let mut calls: Vec<Expr> = Vec::new();
    // Equal calls would be columns of one name.
    let mut place = |call: Expr| {
        calls.iter().position(|known| *known == call).unwrap_or_else(|| {
            calls.push(call);
            calls.len() - 1
        })
    };
    let mut places: Vec<Vec<usize>> = Vec::with_capacity(sums.len());
    for (call, sum) in window.window_expr.iter().zip(&sums) {
        let Some(sum) = sum else {
            places.push(vec![place(call.clone())]);
            continue;
        };
        let part = |function: Arc<AggregateUDF>, argument: Expr| {
            let mut part = sum.clone();
            part.fun = WindowFunctionDefinition::AggregateUDF(function);
            part.params.args = vec![argument];
            Expr::WindowFunction(Box::new(part))
        };
        let interval = &sum.params.args[0];
        let parts = parts_of(interval).map(|argument| part(super::aggregate::sum(), argument));
        let count = (sum.fun.name() == "avg").then(|| part(count_udaf(), interval.clone()));
        places.push(parts.into_iter().chain(count).map(&mut place).collect());
    }
    let split = Window::try_new(calls, Arc::clone(&window.input))?;
    let mut outputs: Outputs = (0..width).map(|position| column(&window.schema, position)).collect();
    for (at, places) in places.into_iter().enumerate() {
        let (qualifier, field) = window.schema.qualified_field(width + at);
        let found: Vec<Expr> = places.iter().map(|place| column(&split.schema, width + place)).collect();
        let value = match found.as_slice() {
            [months, days, micros, count @ ..] => {
                let parts = [months, days, micros].map(|sum| cast_to(sum.clone(), &SqlType::BigInt));
                count.iter().fold(interval_of(parts), |whole, count| divided(whole, count.clone()))
            }
            _ => found[0].clone(),
        };
        outputs.push(value.alias_qualified(qualifier.cloned(), field.name()));
    }
    Ok((split, outputs))
}

/// The columns of an aggregation or of windows that were split.
pub(super) fn joined(split: LogicalPlan, outputs: Outputs) -> PlanResult<LogicalPlan> {
    if outputs.is_empty() {
        return Ok(split);
    }
    LogicalPlanBuilder::from(split).project(outputs)?.build()
}

fn over_intervals(call: &Expr, window: &Window) -> Option<WindowFunction> {
    let Expr::WindowFunction(mut call) = call.clone().unalias() else { return None };
    let is_sum = ["sum", "avg"].contains(&call.fun.name()) && !call.params.distinct;
    (is_sum && as_interval(call.params.args.first_mut()?, window.input.schema())).then_some(*call)
}

fn of_intervals(call: &Expr, aggregate: &Aggregate) -> Option<AggregateFunction> {
    let Expr::AggregateFunction(mut call) = call.clone().unalias() else { return None };
    let is_sum = ["sum", "avg"].contains(&call.func.name());
    (is_sum && as_interval(call.params.args.first_mut()?, aggregate.input.schema())).then_some(call)
}

/// Makes a time an interval; answers whether the argument is one.
pub(super) fn as_interval(argument: &mut Expr, schema: &DFSchema) -> bool {
    match type_of(argument, schema) {
        Ok(DataType::Interval(_)) => true,
        Ok(DataType::Time64(_)) => {
            *argument = cast_to(std::mem::take(argument), &SqlType::Interval);
            true
        }
        _ => false,
    }
}
