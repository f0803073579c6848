//! EXCEPT and INTERSECT, with ALL or without. DataFusion plans them as anti and semi joins, which drop or keep all copies of a row
//! together ({1,1,1,2} EXCEPT ALL {1} lost every 1) and give the result the left side's types. Here they become one node over the rows
//! of both sides, each marked with its side: a view maintains that node ([`Plan::SetOperation`](crate::compile::plan::Plan)); for a
//! SELECT it is written as an aggregation that counts the copies on both sides.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use datafusion::common::{Column, DFSchema, DFSchemaRef, NullEquality, TableReference, plan_datafusion_err};
use datafusion::error::Result as PlanResult;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_nested::expr_fn::array_repeat;
use datafusion::logical_expr::{
    Distinct, Extension, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Union, UserDefinedLogicalNodeCore, when,
};
use datafusion::prelude::{Expr, ident, lit};
use datafusion::scalar::ScalarValue;

use super::elements::Elements;
pub(in crate::compile) use crate::compile::plan::SetOperator;

/// Which side a row comes from: true for the left one, else NULL. The column's name tells the operation, for messages.
const SIDES: [(&str, &str); 2] = [("__except", "EXCEPT"), ("__intersect", "INTERSECT")];
const COPIES: &str = "__copies";

/// EXCEPT or INTERSECT of the rows of one input, whose last column tells the side.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::compile) struct SetOperation {
    /// The rows of both sides.
    pub(in crate::compile) input: LogicalPlan,
    /// Which operation.
    pub(in crate::compile) operator: SetOperator,
    /// Whether equal rows count.
    pub(in crate::compile) all: bool,
    schema: DFSchemaRef,
}

// Derived ones would have to compare schemas, which have no order.
impl PartialOrd for SetOperation {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        if self == other { Some(Ordering::Equal) } else { None }
    }
}

impl SetOperation {
    /// The same operation over rows with more columns in front of the last one.
    pub(super) fn beside(&self, input: LogicalPlan) -> PlanResult<LogicalPlan> {
        let mut fields: Vec<_> = self.schema.iter().map(|(table, field)| (table.cloned(), Arc::clone(field))).collect();
        let more = input.schema().iter().skip(fields.len());
        let more: Vec<_> = more.map(|(table, field)| (table.cloned(), Arc::clone(field))).collect();
        fields.extend(more.into_iter().rev().skip(1).rev());
        let names = DFSchema::new_with_metadata(fields, Default::default())?;
        let node = SetOperation::new(input, self.operator, self.all, &names)?;
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
    }

    /// The node with the columns called as `names` are.
    fn new(input: LogicalPlan, operator: SetOperator, all: bool, names: &DFSchema) -> PlanResult<Self> {
        let fields = names.iter().zip(input.schema().fields()).map(|((table, named), typed)| {
            (table.cloned(), Arc::new(typed.as_ref().clone().with_name(named.name()).with_nullable(true)))
        });
        let schema = DFSchema::new_with_metadata(fields.collect(), Default::default())?;
        Ok(SetOperation { input, operator, all, schema: Arc::new(schema) })
    }
}

impl UserDefinedLogicalNodeCore for SetOperation {
    fn name(&self) -> &str {
        "SetOperation"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:?} all={}", self.operator, self.all)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> PlanResult<Self> {
        let input = inputs.into_iter().next();
        let input = input.ok_or_else(|| plan_datafusion_err!("a set operation has one input"))?;
        SetOperation::new(input, self.operator, self.all, &self.schema)
    }
}

/// The set operation that a node is.
pub(in crate::compile) fn of(node: &LogicalPlan) -> Option<&SetOperation> {
    match node {
        LogicalPlan::Extension(extension) => extension.node.as_any().downcast_ref::<SetOperation>(),
        _ => None,
    }
}

/// The word for the operation whose sides' rows a union is.
pub(in crate::compile) fn word(union: &DFSchema) -> Option<&'static str> {
    let last = union.fields().last()?;
    SIDES.iter().find(|(name, _)| name == last.name()).map(|(_, word)| *word)
}

/// Replaces the node if it is an EXCEPT or INTERSECT.
pub(super) fn rewrite(node: LogicalPlan) -> PlanResult<LogicalPlan> {
    let join = match node {
        LogicalPlan::Join(join) if is_set_operation(&join) => join,
        other => return Ok(other),
    };
    let operator = if join.join_type == JoinType::LeftAnti { SetOperator::Except } else { SetOperator::Intersect };
    let (left, all) = match undistinct(&join.left) {
        Some(left) => (left, false),
        None => (Arc::clone(&join.left), true),
    };
    let names = Arc::clone(left.schema());
    let name = SIDES[usize::from(operator == SetOperator::Intersect)].0;
    let sides = vec![marked(left, true, name)?, marked(join.right, false, name)?];
    let both = LogicalPlan::Union(Union::try_new_with_loose_types(sides)?);
    let node = SetOperation::new(both, operator, all, &names)?;
    Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
}

/// Whether a join of an unoptimized plan stands for EXCEPT or INTERSECT: nothing else compares NULLs as equal there.
fn is_set_operation(join: &Join) -> bool {
    matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti)
        && join.null_equality == NullEquality::NullEqualsNull
}

/// What is below the DISTINCT that DataFusion puts on the left side where ALL is not written.
fn undistinct(input: &LogicalPlan) -> Option<Arc<LogicalPlan>> {
    match input {
        LogicalPlan::Distinct(Distinct::All(input)) => Some(Arc::clone(input)),
        LogicalPlan::SubqueryAlias(alias) => undistinct(&alias.input),
        _ => None,
    }
}

/// The rows of a side, with columns that are called alike on both.
fn marked(side: Arc<LogicalPlan>, left: bool, name: &str) -> PlanResult<Arc<LogicalPlan>> {
    // The planner's own name for a side.
    let side = match side.as_ref() {
        LogicalPlan::SubqueryAlias(alias) if ["left", "right"].contains(&alias.alias.table()) => {
            Arc::clone(&alias.input)
        }
        _ => side,
    };
    let mut columns: Vec<Expr> = side.schema().columns().into_iter().map(Expr::Column).collect();
    for (number, column) in columns.iter_mut().enumerate() {
        *column = column.clone().alias(format!("__column_{number}"));
    }
    columns.push(lit(ScalarValue::Boolean(left.then_some(true))).alias(name));
    Ok(Arc::new(LogicalPlanBuilder::from(side).project(columns)?.build()?))
}

/// The plan with its set operations, inner queries included, as aggregations: how a SELECT runs them. To be called when all types are
/// known.
pub(in crate::compile) fn expanded(plan: LogicalPlan) -> PlanResult<LogicalPlan> {
    use datafusion::common::tree_node::Transformed;
    let expanded = plan.transform_up_with_subqueries(|node| match of(&node) {
        Some(operation) => counted(operation).map(Transformed::yes),
        None => Ok(Transformed::no(node)),
    });
    Ok(expanded?.data)
}

/// `SELECT … FROM input GROUP BY all columns HAVING …` by the number of rows on the left and on both sides.
pub(in crate::compile) fn counted(operation: &SetOperation) -> PlanResult<LogicalPlan> {
    let input = operation.input.clone();
    let mut columns: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
    let side = columns.pop().ok_or_else(|| plan_datafusion_err!("a set operation without columns"))?;
    let (left, both) = ("__left", "__both");
    let counts = [count_udaf().call(vec![side]).alias(left), count_udaf().call(vec![lit(1_i64)]).alias(both)];
    let grouped = LogicalPlanBuilder::from(input).aggregate(columns.clone(), counts)?;
    let right = || ident(both) - ident(left);
    let (kept, copies) = match operation.operator {
        SetOperator::Except if operation.all => (ident(left).gt(right()), ident(left) - right()),
        SetOperator::Except => (ident(left).eq(ident(both)), lit(1_i64)),
        SetOperator::Intersect => {
            let least = when(ident(left).lt(right()), ident(left)).otherwise(right())?;
            (ident(left).gt(lit(0_i64)).and(right().gt(lit(0_i64))), least)
        }
    };
    let kept = grouped.filter(kept)?;
    let repeated = if operation.all {
        let mut with_copies = columns.clone();
        with_copies.push(array_repeat(lit(true), copies).alias(COPIES));
        let repeated = kept.project(with_copies)?.build()?;
        let copies = (Column::new_unqualified(COPIES), COPIES.to_string());
        LogicalPlanBuilder::from(Elements::plan(repeated, vec![copies], false)?)
    } else {
        kept
    };
    let named = operation.schema.iter().zip(columns).map(|((table, field), column)| {
        let table: Option<TableReference> = table.cloned();
        column.alias_qualified(table, field.name())
    });
    repeated.project(named.collect::<Vec<_>>())?.build()
}
