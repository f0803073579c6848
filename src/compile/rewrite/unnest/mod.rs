//! Subqueries and LATERAL → joins (after Neumann and Kemper, "Unnesting Arbitrary Queries"). DataFusion joins some subqueries, in
//! some places; here every one becomes joins, aggregations and numbered rows, which any place takes and views maintain:
//!
//! | subquery | becomes |
//! |---|---|
//! | `WHERE [NOT] EXISTS`, `WHERE x IN` | semi, anti join |
//! | `EXISTS`, `x IN`, `x < ANY` elsewhere | mark join, and whether there are rows and NULLs |
//! | `(SELECT max(y) …)` | left join with the aggregation by the outer columns |
//! | `(SELECT y …)` | the same with the number of rows and the only value |
//! | LATERAL | join |
//!
//! How the rows of a subquery depend on the outer row is found in two ways: conditions are [pulled](pull) up out of it into the join,
//! or, where an aggregation or LIMIT is in between, the outer columns are [pushed](push) down into it and become its keys.
//! Runs after types were made alike, so that every comparison made here has operands of one type.

// Subqueries in expressions.
mod attach;
// Single rows per outer row.
mod single;
// Filters: semi and anti joins.
mod filter;
// CASE before its subqueries.
mod guard;
// LATERAL, and subqueries in ON.
mod join;
// Outer columns in plans and expressions.
mod outer;
// Conditions out of subqueries.
mod pull;
// Outer columns into subqueries.
mod push;
// GROUPING SETS, one by one.
mod sets;
// Outer columns into joins.
mod sides;
// Outer columns beside elements of arrays, and in EXCEPT and INTERSECT.
mod rows;

use std::cell::Cell;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DataFusionError, NullEquality};
use datafusion::error::Result as PlanResult;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::expr::Sort as SortExpr;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Join, JoinConstraint, JoinType, LogicalPlan, LogicalPlanBuilder, Projection, Sort};
use datafusion::prelude::Expr;

use self::outer::inlined;
use crate::error::Error;

/// The plan without subqueries in expressions and without LATERAL. The output columns stay the same.
pub(in crate::compile) fn unnest(plan: LogicalPlan, state: &SessionState) -> PlanResult<LogicalPlan> {
    Unnesting { state, made: Cell::new(0) }.plan(plan)
}

/// One run of [`unnest`].
struct Unnesting<'a> {
    state: &'a SessionState,
    /// How many names were made.
    made: Cell<usize>,
}

/// The rows of a subquery for each row of an outer plan.
struct Matched {
    /// Does not depend on the outer plan; its columns have names that nothing else has.
    plan: LogicalPlan,
    /// Whether a row belongs to an outer row: over the columns of both.
    conditions: Vec<Expr>,
    /// The subquery's columns over the columns of both.
    outputs: Vec<Expr>,
}

impl Unnesting<'_> {
    /// Unnests a plan from its leaves up.
    fn plan(&self, plan: LogicalPlan) -> PlanResult<LogicalPlan> {
        Ok(plan.transform_up(|node| self.node(node).map(Transformed::yes))?.data)
    }

    fn node(&self, node: LogicalPlan) -> PlanResult<LogicalPlan> {
        let node = match node {
            // Only LATERAL makes these; the join above knows its sides by their columns.
            LogicalPlan::Subquery(subquery) => return Ok(Arc::unwrap_or_clone(subquery.subquery)),
            LogicalPlan::Join(join) => return self.join(join),
            other => other,
        };
        let mut found = false;
        node.apply_expressions(|expression| {
            found |= has_subquery(expression)?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        match node {
            node if !found => Ok(node),
            LogicalPlan::Filter(filter) => self.filter(filter),
            LogicalPlan::Sort(sort) => self.sort(sort),
            node => self.extended(node),
        }
    }

    /// ORDER BY: its subqueries may use columns that the SELECT list leaves out.
    fn sort(&self, sort: Sort) -> PlanResult<LogicalPlan> {
        let LogicalPlan::Projection(projection) = sort.input.as_ref() else {
            return self.extended(LogicalPlan::Sort(sort));
        };
        let over = |order: SortExpr| -> PlanResult<SortExpr> {
            let expr = inlined(order.expr, &projection.schema, &projection.expr)?.unalias_nested().data;
            Ok(SortExpr { expr, ..order })
        };
        let expr = sort.expr.into_iter().map(over).collect::<PlanResult<_>>()?;
        let input = Arc::clone(&projection.input);
        let sorted = self.extended(LogicalPlan::Sort(Sort { expr, input, fetch: sort.fetch }))?;
        Ok(LogicalPlan::Projection(Projection::try_new(projection.expr.clone(), Arc::new(sorted))?))
    }

    /// A node over an input with the values of its subqueries.
    fn extended(&self, node: LogicalPlan) -> PlanResult<LogicalPlan> {
        let [input] = node.inputs()[..] else {
            return Err(unsupported("a subquery as a value in this place"));
        };
        if matches!(node, LogicalPlan::Limit(_)) {
            return Err(unsupported("a subquery in LIMIT or OFFSET"));
        }
        let mut input = input.clone();
        let kept = node.schema().columns();
        let names = NamePreserver::new(&node);
        let mut expressions = Vec::new();
        for expression in node.expressions() {
            let name = names.save(&expression);
            let (extended, value) = self.value(input, expression)?;
            input = extended;
            expressions.push(name.restore(value));
        }
        let node = node.with_new_exprs(expressions, vec![input])?;
        narrowed(node, kept)
    }

    /// A name that nothing else has.
    fn fresh(&self) -> String {
        let number = self.made.get();
        self.made.set(number + 1);
        format!("__sub_{number}")
    }

    /// The plan with new names for its columns, and those columns.
    fn renamed(&self, plan: LogicalPlan) -> PlanResult<(LogicalPlan, Vec<Expr>)> {
        let columns = columns(plan.schema());
        self.projected(plan, columns)
    }

    /// Expressions over a plan under new names, and the columns that they become.
    fn projected(&self, plan: LogicalPlan, expressions: Vec<Expr>) -> PlanResult<(LogicalPlan, Vec<Expr>)> {
        let names: Vec<String> = expressions.iter().map(|_| self.fresh()).collect();
        let named = expressions.into_iter().zip(&names).map(|(expression, name)| expression.alias(name));
        let plan = LogicalPlan::Projection(Projection::try_new(named.collect(), Arc::new(plan))?);
        Ok((plan, names.into_iter().map(|name| Expr::Column(Column::new_unqualified(name))).collect()))
    }
}

/// A join by conditions.
fn joined(left: LogicalPlan, right: LogicalPlan, kind: JoinType, conditions: Vec<Expr>) -> PlanResult<LogicalPlan> {
    let (filter, equality) = (conjunction(conditions), NullEquality::NullEqualsNothing);
    let join =
        Join::try_new(Arc::new(left), Arc::new(right), Vec::new(), filter, kind, JoinConstraint::On, equality, false)?;
    Ok(LogicalPlan::Join(join))
}

/// The node with only its old columns.
fn narrowed(node: LogicalPlan, kept: Vec<Column>) -> PlanResult<LogicalPlan> {
    if node.schema().columns() == kept {
        return Ok(node);
    }
    LogicalPlanBuilder::from(node).project(kept.into_iter().map(Expr::Column))?.build()
}

fn column_at(schema: &DFSchema, at: usize) -> Expr {
    Expr::Column(Column::from(schema.qualified_field(at)))
}

fn columns(schema: &DFSchema) -> Vec<Expr> {
    schema.columns().into_iter().map(Expr::Column).collect()
}

fn has_subquery(expression: &Expr) -> PlanResult<bool> {
    expression.exists(|part| {
        Ok(matches!(part, Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_) | Expr::SetComparison(_)))
    })
}

/// 0A000 for a construct that depends on the outer query in a way that is not unnested.
fn unsupported(construct: &str) -> DataFusionError {
    DataFusionError::External(Box::new(
        Error::unsupported(format!("{construct} is not supported")).hint("write it as a join"),
    ))
}
