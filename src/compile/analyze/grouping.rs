//! Groups of values that are compared by sort keys: GROUP BY, DISTINCT, EXCEPT and INTERSECT are by the keys, and a group shows one of
//! its values.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DataFusionError};
use datafusion::error::Result as PlanResult;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::expr::GroupingSet;
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{Aggregate, Distinct, LogicalPlan, LogicalPlanBuilder, when};
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

use super::comparison::{call, has_key, key_of};
use super::tag::sql_type;
use super::types::column;
use crate::compile::function::order;
use crate::compile::rewrite::set_operation as operation;
use crate::error::Error;
use crate::types::SqlType;

/// EXCEPT and INTERSECT over values with keys: an aggregation by the keys that counts the rows of both sides.
pub(super) fn set_operation(node: LogicalPlan, state: &SessionState) -> PlanResult<LogicalPlan> {
    let mut keyed = false;
    for field in node.schema().fields() {
        let kind = SqlType::of(field);
        match &kind {
            SqlType::Row(_) if !is_identity(&kind) => {
                let message = format!("EXCEPT and INTERSECT over {kind} are not supported");
                return Err(DataFusionError::External(Box::new(Error::unsupported(message))));
            }
            SqlType::Row(_) => {}
            kind => keyed |= is_grouped_by_key(Some(kind))?,
        }
    }
    let operation = operation::of(&node).filter(|_| keyed);
    let Some(operation) = operation else { return Ok(node) };
    let counted = operation::counted(operation)?.transform_down(|node| match node {
        LogicalPlan::Aggregate(aggregate) => {
            Ok(Transformed::new(grouped(aggregate, state)?, true, TreeNodeRecursion::Stop))
        }
        other => Ok(Transformed::no(other)),
    })?;
    counted.data.recompute_schema()
}

/// Whether equal values of a type are the same: no jsonb and no intervals are in them, and in rows no floats, whose zeros are
/// two and which groups inside of values do not make one.
fn is_identity(sql_type: &SqlType) -> bool {
    match sql_type {
        SqlType::Jsonb | SqlType::Interval | SqlType::Json | SqlType::AnyNumeric(_) => false,
        SqlType::Array(item) => is_identity(item),
        SqlType::Row(row) => row.fields.iter().all(|(_, field)| {
            is_identity(field) && !matches!(field, SqlType::Real | SqlType::Double | SqlType::Array(_))
        }),
        _ => true,
    }
}

/// DISTINCT as GROUP BY of all columns, if one of them is compared by its key.
pub(super) fn distinct(input: Arc<LogicalPlan>, state: &SessionState) -> PlanResult<LogicalPlan> {
    let schema = Arc::clone(input.schema());
    let columns: Vec<Expr> = (0..schema.fields().len()).map(|position| column(&schema, position)).collect();
    let mut found = false;
    for column in &columns {
        found |= is_grouped_by_key(sql_type(column, &schema).as_ref())?;
    }
    if !found {
        return Ok(LogicalPlan::Distinct(Distinct::All(input)));
    }
    grouped(Aggregate::try_new(input, columns, Vec::new())?, state)
}

/// Arrays are equal where their items are. Errors: 42883 for types without equality.
fn is_grouped_by_key(sql_type: Option<&SqlType>) -> PlanResult<bool> {
    match sql_type {
        Some(SqlType::Array(item)) => has_key(Some(item.as_ref())).map(|_| !is_identity(item)),
        Some(kind @ SqlType::Row(_)) => has_key(Some(kind)).map(|_| !is_identity(kind)),
        other => has_key(other),
    }
}

/// Groups by keys, each of which is shown by its least value; `min` and `max` of intervals by their length.
pub(super) fn grouped(aggregate: Aggregate, state: &SessionState) -> PlanResult<LogicalPlan> {
    let schema = Arc::clone(aggregate.input.schema());
    let sets = matches!(aggregate.group_expr.as_slice(), [Expr::GroupingSet(_)]);
    let values: Vec<Expr> = grouping_set_to_exprlist(&aggregate.group_expr)?.into_iter().cloned().collect();
    let mut groups = aggregate.group_expr.clone();
    let mut calls = aggregate.aggr_expr.clone();
    let mut shown: Vec<Option<(usize, SqlType)>> = Vec::new();
    for value in values {
        let kind = sql_type(&value, &schema);
        if !is_grouped_by_key(kind.as_ref())? {
            shown.push(None);
            continue;
        }
        let key =
            if sets { key_of(value.clone()) } else { key_of(value.clone()).alias(format!("__key_{}", shown.len())) };
        groups = groups.into_iter().map(|group| with_key(group, &value, &key)).collect();
        calls = calls.into_iter().map(|call| grouping_of(call, &value, &key)).collect::<PlanResult<_>>()?;
        shown.push(kind.map(|kind| (calls.len(), kind)));
        calls.push(
            least(value, shown.last().and_then(Option::as_ref), state)?.alias(format!("__value_{}", shown.len())),
        );
    }
    let mut changed = shown.iter().any(Option::is_some);
    let mut unpacked: Vec<Option<SqlType>> = vec![None; calls.len()];
    for (position, call) in calls.iter_mut().enumerate().take(aggregate.aggr_expr.len()) {
        if let Some((packed, kind)) = packed_extreme(call.clone().unalias(), &schema) {
            *call = packed.alias(format!("__extreme_{position}"));
            unpacked[position] = Some(kind);
            changed = true;
        }
    }
    if !changed {
        return Ok(LogicalPlan::Aggregate(aggregate));
    }
    let outputs = aggregate.schema.iter().map(|(table, field)| (table.cloned(), field.name().clone()));
    let outputs: Vec<_> = outputs.collect();
    let keys = outputs.len() - aggregate.aggr_expr.len();
    let plan = LogicalPlan::Aggregate(Aggregate::try_new(aggregate.input, groups, calls)?);
    let plan_schema = Arc::clone(plan.schema());
    // What grouping sets are told apart by is the aggregation's own.
    let named = outputs.into_iter().enumerate().filter(|(_, (_, name))| name != Aggregate::INTERNAL_GROUPING_ID);
    let columns = named.map(|(position, (table, name))| {
        let value = match shown.get(position).and_then(Option::as_ref) {
            Some((call, kind)) => {
                let value = column(&plan_schema, keys + call);
                // Where the set leaves the key out, the group has values, too.
                let null = Expr::Literal(ScalarValue::Null, None);
                let value = match sets {
                    true => when(column(&plan_schema, position).is_null(), null).otherwise(value)?,
                    false => value,
                };
                match kind {
                    SqlType::Interval => unpack(value, kind),
                    SqlType::Row(_) | SqlType::Array(_) => crate::compile::function::cast_to(value, kind),
                    kind => super::tag::tagged(value, Some(kind)),
                }
            }
            _ => match position.checked_sub(keys).and_then(|call| unpacked[call].as_ref()) {
                Some(kind) => unpack(column(&plan_schema, position), kind),
                None => Expr::Column(Column::from(plan_schema.qualified_field(position))),
            },
        };
        Ok(value.alias_qualified(table, name))
    });
    let columns = columns.collect::<PlanResult<Vec<_>>>()?;
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}

/// What is grouped by with a key in place of a value.
fn with_key(group: Expr, value: &Expr, key: &Expr) -> Expr {
    let keyed = |group: Expr| if group == *value { key.clone() } else { group };
    let all = |groups: Vec<Expr>| groups.into_iter().map(keyed).collect();
    match group {
        Expr::GroupingSet(GroupingSet::Rollup(groups)) => Expr::GroupingSet(GroupingSet::Rollup(all(groups))),
        Expr::GroupingSet(GroupingSet::Cube(groups)) => Expr::GroupingSet(GroupingSet::Cube(all(groups))),
        Expr::GroupingSet(GroupingSet::GroupingSets(sets)) => {
            Expr::GroupingSet(GroupingSet::GroupingSets(sets.into_iter().map(all).collect()))
        }
        group => keyed(group),
    }
}

/// A call of `grouping` over a key in place of a value; other calls as they are.
fn grouping_of(call: Expr, value: &Expr, key: &Expr) -> PlanResult<Expr> {
    let replaced = call.transform_up(|part| match part {
        Expr::AggregateFunction(mut function) if function.func.name() == "grouping" => {
            function.params.args = function.params.args.into_iter().map(|part| with_key(part, value, key)).collect();
            Ok(Transformed::yes(Expr::AggregateFunction(function)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(replaced.data)
}

pub(super) fn unpack(packed: Expr, kind: &SqlType) -> Expr {
    let name = (*kind != SqlType::Interval).then(|| datafusion::prelude::lit(kind.spelled()));
    call(&order::packed::UNPACKED, std::iter::once(packed).chain(name).collect())
}

/// The least of the values that one key stands for.
fn least(value: Expr, shown: Option<&(usize, SqlType)>, state: &SessionState) -> PlanResult<Expr> {
    let function = state.aggregate_functions().get("min").cloned();
    let function = function.ok_or_else(|| DataFusionError::Internal("min does not exist".to_string()))?;
    let value = match shown {
        Some((_, SqlType::Interval)) => call(&order::packed::PACKED, vec![value]),
        Some((_, SqlType::Row(_) | SqlType::Array(_))) => crate::compile::function::cast_to(value, &SqlType::Text),
        _ => value,
    };
    Ok(function.call(vec![value]))
}

/// `min(x)` of intervals and arrays as the least of packed ones, and their type.
fn packed_extreme(expression: Expr, schema: &DFSchema) -> Option<(Expr, SqlType)> {
    let Expr::AggregateFunction(mut function) = expression else { return None };
    if !["min", "max"].contains(&function.func.name()) {
        return None;
    }
    let [argument] = function.params.args.as_slice() else { return None };
    let kind = sql_type(argument, schema).filter(|kind| matches!(kind, SqlType::Interval | SqlType::Array(_)))?;
    function.params.args = vec![call(&order::packed::PACKED, vec![argument.clone()])];
    Some((Expr::AggregateFunction(function), kind))
}
