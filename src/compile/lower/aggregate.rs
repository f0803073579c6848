//! GROUP BY, with GROUPING SETS, DISTINCT, ORDER BY and FILTER inside calls.

use std::sync::Arc;

use datafusion::arrow::array::new_null_array;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::logical_expr::expr::{GroupingSet as Sets, Sort};
use datafusion::logical_expr::{Aggregate, utils};
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

use super::linear::Linear;
use super::top_k::sort_columns;
use super::{Lowering, nullable, refuse};
use crate::compile::aggregate::{NAMES, constant_argument};
use crate::compile::plan::{AggregateCall, AggregateFunction, GroupingSet, Plan};
use crate::compile::rewrite::SINGLE_VALUE;
use crate::error::{Error, Result};

/// The aggregate that is maintained under this name.
pub(super) fn function_of(name: &str) -> Option<AggregateFunction> {
    Some(match name {
        "count" => AggregateFunction::Count,
        "sum" => AggregateFunction::Sum,
        "avg" => AggregateFunction::Avg,
        "min" => AggregateFunction::Min,
        "max" => AggregateFunction::Max,
        SINGLE_VALUE => AggregateFunction::Single,
        _ => NAMES.iter().find(|(known, _)| *known == name)?.1,
    })
}

/// One call of an aggregate.
struct Call {
    function: AggregateFunction,
    arguments: Vec<Expr>,
    constant: Option<ScalarValue>,
    distinct: bool,
    order: Vec<Sort>,
    filter: Option<Expr>,
    /// Output column.
    field: FieldRef,
}

impl Call {
    /// The columns that it takes, in the order in which they are planned.
    fn expressions(&self) -> impl Iterator<Item = &Expr> {
        self.arguments.iter().chain(self.order.iter().map(|sort| &sort.expr)).chain(&self.filter)
    }

    /// The call over columns at `positions`, those of [`Call::expressions`].
    fn placed(&self, positions: &[usize]) -> AggregateCall {
        let (arguments, rest) = positions.split_at(self.arguments.len());
        let (order, filter) = rest.split_at(self.order.len());
        AggregateCall {
            function: self.function,
            arguments: arguments.to_vec(),
            constant: self.constant.clone(),
            distinct: self.distinct,
            order: sort_columns(&self.order, order),
            filter: filter.first().copied(),
            field: Arc::new(self.field.as_ref().clone().with_nullable(true)),
        }
    }
}

impl Lowering<'_> {
    /// GROUP BY with its calls.
    pub(super) fn aggregate(&self, aggregate: &Aggregate) -> Result<Linear> {
        let sets = match aggregate.group_expr.as_slice() {
            [Expr::GroupingSet(sets)] => Some(sets),
            _ => None,
        };
        let keys = utils::grouping_set_to_exprlist(&aggregate.group_expr).map_err(|failure| self.failure(failure))?;
        let keys: Vec<Expr> = keys.into_iter().map(|key| key.clone().unalias_nested().data).collect();
        // The id of the grouping set stands between the keys and the calls.
        let first = keys.len() + usize::from(sets.is_some());
        let mut calls = Vec::new();
        for (at, expression) in aggregate.aggr_expr.iter().enumerate() {
            let field = Arc::clone(&aggregate.schema.fields()[first + at]);
            calls.push(self.call(expression, field)?);
        }
        let expressions: Vec<Expr> = keys.iter().chain(calls.iter().flat_map(Call::expressions)).cloned().collect();
        let (input, positions) = self.node(&aggregate.input)?.exactly(&expressions, self)?;
        let (keys, mut rest) = positions.split_at(keys.len());
        let mut placed = Vec::with_capacity(calls.len());
        for call in &calls {
            let (own, others) = rest.split_at(call.expressions().count());
            placed.push(call.placed(own));
            rest = others;
        }
        let plan = match sets {
            Some(sets) => self.over_sets(input, keys, sets, placed, aggregate)?,
            None => Plan::Aggregate {
                input: Box::new(input),
                keys: keys.to_vec(),
                constant_groups: None,
                calls: placed,
                schema: nullable(&aggregate.schema),
            },
        };
        Ok(Linear::new(plan, &aggregate.schema))
    }

    fn call(&self, expression: &Expr, field: FieldRef) -> Result<Call> {
        let Expr::AggregateFunction(call) = expression.clone().unalias_nested().data else {
            return Err(Error::internal("an aggregate without a call"));
        };
        let Some(function) = function_of(call.func.name()).filter(|_| call.params.null_treatment.is_none()) else {
            return Err(refuse::aggregate(&call, self.query));
        };
        let params = call.params;
        let (mut arguments, mut constant) = (params.args, None);
        if let [Expr::Literal(value, _)] = arguments.as_slice()
            && function == AggregateFunction::Count
            && !value.is_null()
            && !params.distinct
        {
            arguments.clear();
        }
        let place = constant_argument(function).filter(|place| *place < arguments.len());
        if let Some(place) = place
            && let Expr::Literal(value, _) = &arguments[place]
        {
            constant = Some(value.clone());
            arguments.remove(place);
        }
        // Only functions of the rows in order have an order.
        let mut order = if function.needs_rows() { params.order_by } else { Vec::new() };
        // It is over doubles, which are ordered as the numbers are that they are made of.
        if let (AggregateFunction::PercentileCont, Some(argument)) = (function, arguments.first()) {
            order.iter_mut().for_each(|sort| sort.expr = argument.clone());
        }
        let distinct = params.distinct && !function.ignores_copies();
        let filter = params.filter.map(|filter| *filter);
        Ok(Call { function, arguments, constant, distinct, order, filter, field })
    }

    /// Several GROUP BYs over the same rows, which are told apart by a further key: the set's id.
    fn over_sets(
        &self,
        input: Plan,
        keys: &[usize],
        sets: &Sets,
        calls: Vec<AggregateCall>,
        aggregate: &Aggregate,
    ) -> Result<Plan> {
        let shape = input.schema();
        let id = aggregate.schema.field(keys.len());
        let sets =
            grouping_sets(sets, aggregate, keys.len(), id.data_type()).map_err(|failure| self.failure(failure))?;
        let mut fields: Vec<FieldRef> = shape.fields().iter().cloned().collect();
        fields.extend(keys.iter().map(|key| Arc::clone(&shape.fields()[*key])));
        fields.push(Arc::new(Field::new(id.name(), id.data_type().clone(), true)));
        let expanded: Vec<usize> = (shape.fields().len()..fields.len()).collect();
        let group_fields: Vec<FieldRef> = expanded.iter().map(|at| Arc::clone(&fields[*at])).collect();
        let constant_groups = constant_groups(group_fields, &sets)?;
        let schema = Arc::new(Schema::new(fields));
        let input = Plan::Expand { input: Box::new(input), keys: keys.to_vec(), sets, schema };
        let schema = nullable(&aggregate.schema);
        Ok(Plan::Aggregate { input: Box::new(input), keys: expanded, constant_groups, calls, schema })
    }
}

/// The sets with their ids: a bit for each key that is left out, the last key's lowest; above, the number among equal sets.
pub(in crate::compile) fn grouping_sets(
    sets: &Sets,
    aggregate: &Aggregate,
    keys: usize,
    id: &DataType,
) -> datafusion::error::Result<Vec<GroupingSet>> {
    let all = utils::grouping_set_to_exprlist(&aggregate.group_expr)?;
    let written: Vec<Vec<&Expr>> = match sets {
        Sets::GroupingSets(sets) => sets.iter().map(|set| set.iter().collect()).collect(),
        Sets::Rollup(keys) => (0..=keys.len()).rev().map(|length| keys[..length].iter().collect()).collect(),
        Sets::Cube(keys) => {
            let chosen = |subset: usize| (0..keys.len()).filter(move |at| subset >> at & 1 == 1);
            (0..1_usize << keys.len()).map(|subset| chosen(subset).map(|at| &keys[at]).collect()).collect()
        }
    };
    let mut found: Vec<GroupingSet> = Vec::with_capacity(written.len());
    for set in written {
        let kept: Vec<bool> = all.iter().map(|key| set.contains(key)).collect();
        let copies = found.iter().filter(|other| other.kept == kept).count();
        let left_out = kept.iter().fold(0_u64, |bits, kept| bits << 1 | u64::from(!kept));
        let number = left_out | (copies as u64).checked_shl(keys as u32).unwrap_or_default();
        found.push(GroupingSet { kept, id: ScalarValue::UInt64(Some(number)).cast_to(id)? });
    }
    Ok(found)
}

/// The groups of the sets without keys, which exist without rows.
fn constant_groups(fields: Vec<FieldRef>, sets: &[GroupingSet]) -> Result<Option<RecordBatch>> {
    let ids: Vec<ScalarValue> = sets.iter().filter(|set| !set.kept.contains(&true)).map(|set| set.id.clone()).collect();
    if ids.is_empty() {
        return Ok(None);
    }
    let keys = &fields[..fields.len() - 1];
    let mut columns: Vec<_> = keys.iter().map(|key| new_null_array(key.data_type(), ids.len())).collect();
    let internal = |error: String| Error::internal(error);
    columns.push(ScalarValue::iter_to_array(ids).map_err(|error| internal(error.to_string()))?);
    let fields: Vec<Field> = fields.iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns);
    batch.map(Some).map_err(|error| internal(error.to_string()))
}
