//! Subqueries as values. DataFusion has EXISTS only in WHERE, and joins a correlated scalar subquery only if it is an aggregation:
//! `EXISTS (…)` elsewhere becomes `(SELECT count(*) > 0 …)`; `(SELECT y … ORDER BY z LIMIT 1)` becomes
//! `(SELECT first_value(y ORDER BY z) …)`; and `(SELECT y …)` becomes the only item of `(SELECT array_agg(y) …)`.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result as PlanResult;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::functions_aggregate::array_agg::array_agg_udaf;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::first_last::first_value;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    FetchType, Limit, LogicalPlan, LogicalPlanBuilder, ScalarUDF, SkipType, Sort, Subquery,
};
use datafusion::prelude::{Expr, ident, lit};

use super::membership::three_valued;
use super::only_value::OnlyValue;

/// Rewrites the subqueries in a node's expressions.
pub(super) fn rewrite(node: LogicalPlan) -> PlanResult<LogicalPlan> {
    let mut found = false;
    node.apply_expressions(|expression| {
        found |= expression.exists(|part| Ok(is_subquery(part)))?;
        Ok(TreeNodeRecursion::Continue)
    })?;
    match node {
        node if !found => Ok(node),
        LogicalPlan::Filter(_) | LogicalPlan::Join(_) => valued(node, true),
        LogicalPlan::Projection(_) => valued(node, false),
        node => extracted(node),
    }
}

/// Computes the subqueries of a node in a projection below it: elsewhere DataFusion does not know them, or joins too many rows.
fn extracted(node: LogicalPlan) -> PlanResult<LogicalPlan> {
    let [input] = node.inputs()[..] else { return Ok(node) };
    let mut columns: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
    let input = input.clone();
    let kept = node.schema().columns();
    let names = NamePreserver::new(&node);
    let node = node.map_expressions(|expression| {
        let name = names.save(&expression);
        // From the top: a subquery on the left side of IN goes with it.
        let replaced = expression.transform_down(|part| {
            if !is_subquery(&part) {
                return Ok(Transformed::no(part));
            }
            let column = format!("__subquery_{}", columns.len());
            columns.push(part.alias(&column));
            Ok(Transformed::new(ident(column), true, TreeNodeRecursion::Jump))
        })?;
        Ok(replaced.update_data(|expression| name.restore(expression)))
    })?;
    let below = valued(LogicalPlanBuilder::from(input).project(columns)?.build()?, false)?;
    let node = with_input(node.data, below)?;
    if node.schema().columns() == kept {
        return Ok(node);
    }
    LogicalPlanBuilder::from(node).project(kept.into_iter().map(Expr::Column))?.build()
}

/// Writes the subqueries of a node as DataFusion has them as values, or in conditions.
fn valued(node: LogicalPlan, condition: bool) -> PlanResult<LogicalPlan> {
    let schema = merge_schema(&node.inputs());
    let names = NamePreserver::new(&node);
    let rewritten = node.map_expressions(|expression| {
        let name = names.save(&expression);
        let expression = if condition { expression } else { three_valued(expression, &schema)? };
        let valued = expression.transform_up(|part| match part {
            Expr::Exists(test) if !condition => {
                let found = exists(test.subquery)?;
                Ok(Transformed::yes(if test.negated { !found } else { found }))
            }
            Expr::ScalarSubquery(subquery) if !subquery.outer_ref_columns.is_empty() => {
                scalar(subquery).map(Transformed::yes)
            }
            other => Ok(Transformed::no(other)),
        })?;
        Ok(valued.update_data(|expression| name.restore(expression)))
    })?;
    rewritten.data.recompute_schema()
}

fn is_subquery(expression: &Expr) -> bool {
    matches!(expression, Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_))
}

fn with_input(node: LogicalPlan, input: LogicalPlan) -> PlanResult<LogicalPlan> {
    let expressions = node.expressions();
    node.with_new_exprs(expressions, vec![input])
}

/// `EXISTS (…)` as a value.
fn exists(subquery: Subquery) -> PlanResult<Expr> {
    let counted = LogicalPlanBuilder::from(Arc::clone(&subquery.subquery))
        .aggregate(Vec::<Expr>::new(), [count_udaf().call(vec![lit(1_i64)])])?
        .build()?;
    let count = Expr::Column(Column::from(counted.schema().qualified_field(0)));
    let plan = LogicalPlanBuilder::from(counted).project([count.gt(lit(0_i64))])?.build()?;
    Ok(coalesce(vec![Expr::ScalarSubquery(Subquery { subquery: Arc::new(plan), ..subquery }), lit(false)]))
}

/// A correlated subquery as a value.
fn scalar(subquery: Subquery) -> PlanResult<Expr> {
    if let LogicalPlan::Limit(limit) = subquery.subquery.as_ref()
        && let Some(plan) = first(limit)?
    {
        return Ok(Expr::ScalarSubquery(Subquery { subquery: Arc::new(plan), ..subquery }));
    }
    if subquery.subquery.max_rows().is_some_and(|rows| rows <= 1) || subquery.subquery.schema().fields().len() != 1 {
        return Ok(Expr::ScalarSubquery(subquery));
    }
    let value = Expr::Column(Column::from(subquery.subquery.schema().qualified_field(0)));
    let gathered = LogicalPlanBuilder::from(Arc::clone(&subquery.subquery))
        .aggregate(Vec::<Expr>::new(), [array_agg_udaf().call(vec![value])])?
        .build()?;
    let all = Expr::ScalarSubquery(Subquery { subquery: Arc::new(gathered), ..subquery });
    let only = Arc::new(ScalarUDF::new_from_impl(OnlyValue::default()));
    Ok(Expr::ScalarFunction(ScalarFunction::new_udf(only, vec![all])))
}

/// `SELECT y … [ORDER BY z] LIMIT 1` as an aggregation.
fn first(limit: &Limit) -> PlanResult<Option<LogicalPlan>> {
    let one = matches!(limit.get_fetch_type()?, FetchType::Literal(Some(1)));
    if !one || !matches!(limit.get_skip_type()?, SkipType::Literal(0)) {
        return Ok(None);
    }
    let (value, input) = match limit.input.as_ref() {
        LogicalPlan::Projection(projection) if matches!(projection.input.as_ref(), LogicalPlan::Sort(_)) => {
            match projection.expr.as_slice() {
                [value] => (value.clone().unalias(), &projection.input),
                _ => return Ok(None),
            }
        }
        input if input.schema().fields().len() == 1 => {
            (Expr::Column(Column::from(input.schema().qualified_field(0))), &limit.input)
        }
        _ => return Ok(None),
    };
    let (order, input) = match input.as_ref() {
        LogicalPlan::Sort(Sort { expr, input, fetch: None }) => (expr.clone(), input),
        _ => (Vec::new(), input),
    };
    let plan = LogicalPlanBuilder::from(Arc::clone(input))
        .aggregate(Vec::<Expr>::new(), [first_value(value, order)])?
        .build()?;
    Ok(Some(plan))
}
