//! GROUP BY. Calls over distinct values become calls over a [`Plan::Distinct`]; calls over different sets of values are computed
//! apart and joined by their keys.

use std::sync::Arc;

use datafusion::arrow::datatypes::{FieldRef, Schema};
use datafusion::common::{DFSchemaRef, TableReference};
use datafusion::logical_expr::{Aggregate, when};
use datafusion::prelude::{Expr, ident, lit};

use super::linear::{Base, Linear};
use super::{Lowering, nullable, refuse};
use crate::compile::plan::{AggregateCall, AggregateFunction, JoinKind, Plan};
use crate::compile::rewrite::SINGLE_VALUE;
use crate::error::{Error, Result};

/// The aggregates that are maintained, by name.
pub(super) const AGGREGATES: [(&str, AggregateFunction); 6] = [
    ("count", AggregateFunction::Count),
    ("sum", AggregateFunction::Sum),
    ("avg", AggregateFunction::Avg),
    ("min", AggregateFunction::Min),
    ("max", AggregateFunction::Max),
    (SINGLE_VALUE, AggregateFunction::Single),
];

/// One call of an aggregate.
struct Call {
    function: AggregateFunction,
    /// `None` for `count(*)`.
    argument: Option<Expr>,
    filter: Option<Expr>,
    /// Over different values only. For minimum and maximum that makes no difference.
    distinct: bool,
    /// Output column.
    field: FieldRef,
}

impl Lowering<'_> {
    /// GROUP BY with its calls.
    pub(super) fn aggregate(&self, aggregate: &Aggregate) -> Result<Linear> {
        let keys: Vec<Expr> = aggregate.group_expr.iter().map(|key| key.clone().unalias_nested().data).collect();
        if keys.iter().any(|key| matches!(key, Expr::GroupingSet(_))) {
            return Err(self.unsupported("GROUPING SETS"));
        }
        let mut calls = Vec::new();
        for (at, expression) in aggregate.aggr_expr.iter().enumerate() {
            let field = Arc::clone(&aggregate.schema.fields()[keys.len() + at]);
            calls.push(self.call(expression, field)?);
        }
        let sets = sets_of_values(&calls);
        if let [only] = sets.as_slice() {
            let plan = self.calls(aggregate, &keys, only)?;
            return Ok(Linear::new(with_schema(plan, &aggregate.schema), &aggregate.schema));
        }
        self.joined(aggregate, &keys, &calls, &sets)
    }

    fn call(&self, expression: &Expr, field: FieldRef) -> Result<Call> {
        let Expr::AggregateFunction(call) = expression.clone().unalias_nested().data else {
            return Err(Error::internal("an aggregate without a call"));
        };
        let name = call.func.name();
        let found = AGGREGATES.iter().find(|(known, _)| *known == name);
        let (Some((_, function)), true) =
            (found, call.params.order_by.is_empty() && call.params.null_treatment.is_none())
        else {
            return Err(refuse::aggregate(&call, self.query));
        };
        let argument = match call.params.args.as_slice() {
            [Expr::Literal(value, _)] if *function == AggregateFunction::Count && !value.is_null() => None,
            [argument] => Some(argument.clone()),
            [] if *function == AggregateFunction::Count => None,
            _ => return Err(refuse::aggregate(&call, self.query)),
        };
        let extreme = matches!(function, AggregateFunction::Min | AggregateFunction::Max);
        let filter = call.params.filter.map(|filter| *filter);
        Ok(Call { function: *function, argument, filter, distinct: call.params.distinct && !extreme, field })
    }

    /// Keys and calls over one set of values.
    fn calls(&self, aggregate: &Aggregate, keys: &[Expr], calls: &[&Call]) -> Result<Plan> {
        let input = self.node(&aggregate.input)?;
        let mut expressions = keys.to_vec();
        let mut places: Vec<(Option<usize>, Option<usize>)> = Vec::new();
        let mut place = |expression: Option<Expr>| {
            expression.map(|expression| {
                expressions.push(expression);
                expressions.len() - 1
            })
        };
        let distinct = calls.first().is_some_and(|call| call.distinct);
        for call in calls {
            // Values that the filter leaves out become NULL, which calls over distinct values leave out as well.
            let (argument, filter) = match (&call.argument, &call.filter) {
                (Some(argument), Some(filter)) if distinct => {
                    let kept = when(filter.clone(), argument.clone()).end().map_err(|failure| self.failure(failure))?;
                    (Some(kept), None)
                }
                (argument, filter) => (argument.clone(), filter.clone()),
            };
            places.push((place(argument), place(filter)));
        }
        let (mut plan, positions) = input.exactly(&expressions, self)?;
        if distinct {
            plan = Plan::Distinct { input: Box::new(plan) };
        }
        let keys = positions[..keys.len()].to_vec();
        let calls: Vec<AggregateCall> = calls
            .iter()
            .zip(places)
            .map(|(call, (argument, filter))| AggregateCall {
                function: call.function,
                argument: argument.map(|at| positions[at]),
                filter: filter.map(|at| positions[at]),
                field: Arc::new(call.field.as_ref().clone().with_nullable(true)),
            })
            .collect();
        let input = plan.schema();
        let mut fields: Vec<FieldRef> = keys.iter().map(|key| Arc::clone(&input.fields()[*key])).collect();
        fields.extend(calls.iter().map(|call| Arc::clone(&call.field)));
        Ok(Plan::Aggregate { input: Box::new(plan), keys, calls, schema: Arc::new(Schema::new(fields)) })
    }

    /// Calls over several sets of values: one aggregation for each, joined by the keys. All of them have the same groups, since
    /// the same rows come into each.
    fn joined(&self, aggregate: &Aggregate, keys: &[Expr], calls: &[Call], sets: &[Vec<&Call>]) -> Result<Linear> {
        let mut branches = Vec::new();
        for set in sets {
            branches.push(self.branch(self.calls(aggregate, keys, set)?, keys.len())?);
        }
        let mut branches = branches.into_iter();
        let mut joined = branches.next().ok_or_else(|| Error::internal("an aggregate without calls"))?;
        for branch in branches {
            joined = self.join_branches(joined, branch)?;
        }
        let name_of = |call: &Call| {
            let in_order = sets.iter().flatten().zip(&joined.calls);
            in_order.into_iter().find(|(other, _)| std::ptr::eq(**other, call)).map(|(_, name)| name.as_str())
        };
        let mut columns: Vec<Expr> = joined.keys.iter().take(keys.len()).map(ident).collect();
        columns.extend(calls.iter().filter_map(name_of).map(ident));
        Ok(Linear::picked(Base::Plan(joined.plan), joined.schema, columns, &aggregate.schema))
    }

    /// Names an aggregation's columns; without keys it gets a constant one to be joined by, since it always has one row.
    fn branch(&self, plan: Plan, keys: usize) -> Result<Branch> {
        let names: Vec<String> = plan.schema().fields().iter().map(|_| self.hidden_name()).collect();
        let shape = plan.schema();
        let fields = shape.fields().iter().zip(&names);
        let fields =
            fields.map(|(field, name)| (None::<TableReference>, Arc::new(field.as_ref().clone().with_name(name))));
        let schema = self.schema(fields.collect())?;
        let (key_names, calls) = (names[..keys].to_vec(), names[keys..].to_vec());
        if keys > 0 {
            return Ok(Branch { plan, schema, keys: key_names, calls });
        }
        let (plan, schema, _) = Linear::new(plan, &schema).with(&[lit(true)], self)?;
        let constant = schema.fields().iter().last().map(|field| field.name().clone());
        Ok(Branch { plan, schema, keys: constant.into_iter().collect(), calls })
    }

    fn join_branches(&self, left: Branch, right: Branch) -> Result<Branch> {
        let positions = |branch: &Branch| -> Vec<usize> {
            branch.keys.iter().filter_map(|name| branch.schema.index_of_column_by_name(None, name)).collect()
        };
        let (left_keys, right_keys) = (positions(&left), positions(&right));
        let schema = Arc::new(left.schema.join(&right.schema).map_err(|failure| self.failure(failure))?);
        let plan = Plan::Join {
            kind: JoinKind::Inner,
            left: Box::new(left.plan),
            right: Box::new(right.plan),
            left_keys,
            right_keys,
            null_equal: true,
            residual: None,
            schema: nullable(&schema),
        };
        let calls = left.calls.into_iter().chain(right.calls).collect();
        Ok(Branch { plan, schema, keys: left.keys, calls })
    }
}

/// The calls over one set of values, with names for its columns.
struct Branch {
    plan: Plan,
    schema: DFSchemaRef,
    keys: Vec<String>,
    calls: Vec<String>,
}

/// Calls grouped by the values they see: first those over all rows, then those over each set of different values.
fn sets_of_values(calls: &[Call]) -> Vec<Vec<&Call>> {
    let mut sets: Vec<Vec<&Call>> = Vec::new();
    let same = |set: &Vec<&Call>, call: &Call| {
        set.first().is_some_and(|first| {
            let values = first.argument == call.argument && first.filter == call.filter;
            first.distinct == call.distinct && (!call.distinct || values)
        })
    };
    for call in calls {
        match sets.iter_mut().find(|set| same(set, call)) {
            Some(set) => set.push(call),
            None => sets.push(vec![call]),
        }
    }
    if sets.is_empty() {
        sets.push(Vec::new());
    }
    sets
}

/// The names that the logical plan gives to an aggregation's columns.
fn with_schema(plan: Plan, schema: &DFSchemaRef) -> Plan {
    match plan {
        Plan::Aggregate { input, keys, calls, .. } => Plan::Aggregate { input, keys, calls, schema: nullable(schema) },
        other => other,
    }
}
