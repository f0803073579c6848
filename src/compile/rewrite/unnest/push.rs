//! Outer columns into a subquery: the subquery is computed once for all outer rows, with the outer columns that it uses as further
//! columns of its own, by which its aggregations group and its LIMITs partition.
//!
//! Below a filter `b.k = a.k` the outer column is `b.k`: rows for keys that no outer row has match nothing later. Where no equality
//! tells the outer columns, their different values are joined in.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema, JoinType};
use datafusion::error::Result as PlanResult;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::expr::{Sort as SortExpr, WindowFunction};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Distinct, ExprSchemable, FetchType, Filter, Join, Limit, LogicalPlan, LogicalPlanBuilder,
    Operator, Projection, SkipType, Sort, SubqueryAlias, Union, Values, Window,
};
use datafusion::prelude::{Expr, lit};

use super::super::{elements, numbered, set_operation};
use super::outer::{depends, expression_depends, in_outer, is_correlated, terms, with_terms};
use super::{Matched, Unnesting, column_at, columns, joined, unsupported};

/// A subquery with outer terms as columns.
pub(super) struct Pushed {
    /// Its own columns keep their names.
    pub(super) plan: LogicalPlan,
    /// The columns of the terms.
    pub(super) terms: Vec<Expr>,
    /// Whether those columns are never NULL, and rows for which a term is NULL have no rows here.
    pub(super) strict: bool,
}

impl Unnesting<'_> {
    /// The rows of a subquery for each row of `outer`, by pushing down the outer columns.
    pub(super) fn pushed(&self, outer: &LogicalPlan, subquery: &LogicalPlan) -> PlanResult<Matched> {
        let wanted = terms(subquery, outer.schema())?;
        let Pushed { plan, terms, strict } = self.push(subquery, outer, &wanted)?;
        let width = subquery.schema().fields().len();
        let own: Vec<Expr> = columns(subquery.schema()).into_iter().chain(terms).collect();
        let (plan, mut outputs) = self.projected(plan, own)?;
        let conditions = conditions(outer.schema(), &wanted, &outputs[width..], strict)?;
        outputs.truncate(width);
        Ok(Matched { plan, conditions, outputs })
    }

    /// A plan with columns for the terms `wanted` over `outer`, which are all that it uses.
    pub(super) fn push(&self, plan: &LogicalPlan, outer: &LogicalPlan, wanted: &[Expr]) -> PlanResult<Pushed> {
        // One row for every outer row.
        if matches!(plan, LogicalPlan::EmptyRelation(empty) if empty.produce_one_row) {
            let (plan, terms) = self.domain(outer, wanted)?;
            return Ok(Pushed { plan, terms, strict: false });
        }
        if !depends(plan, outer.schema())? {
            let (domain, terms) = self.domain(outer, wanted)?;
            return Ok(Pushed { plan: joined(domain, plan.clone(), JoinType::Inner, vec![])?, terms, strict: false });
        }
        match plan {
            LogicalPlan::Projection(projection) => self.push_projection(projection, outer, wanted),
            LogicalPlan::Filter(filter) => self.push_filter(filter, outer, wanted),
            LogicalPlan::SubqueryAlias(alias) => self.push_alias(alias, outer, wanted),
            LogicalPlan::Aggregate(aggregate) => self.push_aggregate(aggregate, outer, wanted),
            LogicalPlan::Join(join) => self.push_join(join, outer, wanted),
            LogicalPlan::Union(union) => self.push_union(union, outer, wanted),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let pushed = self.push(input, outer, wanted)?;
                Ok(Pushed { plan: LogicalPlan::Distinct(Distinct::All(Arc::new(pushed.plan))), ..pushed })
            }
            LogicalPlan::Sort(Sort { input, fetch: None, .. }) => self.push(input, outer, wanted),
            LogicalPlan::Limit(limit) => self.push_limit(limit, outer, wanted),
            LogicalPlan::Window(window) => self.push_window(window, outer, wanted),
            LogicalPlan::Values(values) => self.push_values(values, outer, wanted),
            other if let Some(node) = elements::of(other) => self.push_elements(node, outer, wanted),
            other if let Some(operation) = set_operation::of(other) => {
                self.push_set_operation(operation, outer, wanted)
            }
            other => {
                let name = other.display().to_string().to_lowercase();
                let name = name.split([':', ' ']).next().unwrap_or_default().to_string();
                Err(unsupported(&format!("\"{name}\" over columns of the outer query")))
            }
        }
    }

    /// The different values that outer rows have for the terms.
    fn domain(&self, outer: &LogicalPlan, wanted: &[Expr]) -> PlanResult<(LogicalPlan, Vec<Expr>)> {
        let values = wanted.iter().map(|term| in_outer(term.clone(), outer.schema())).collect::<PlanResult<_>>()?;
        let (plan, columns) = self.projected(outer.clone(), values)?;
        Ok((LogicalPlan::Distinct(Distinct::All(Arc::new(plan))), columns))
    }

    fn push_projection(&self, node: &Projection, outer: &LogicalPlan, wanted: &[Expr]) -> PlanResult<Pushed> {
        let pushed = self.push(&node.input, outer, wanted)?;
        let mut expressions = named(&node.expr, &node.schema, wanted, &pushed.terms)?;
        expressions.extend(pushed.terms.clone());
        let plan = LogicalPlan::Projection(Projection::try_new(expressions, Arc::new(pushed.plan))?);
        Ok(Pushed { plan, ..pushed })
    }

    fn push_alias(&self, node: &SubqueryAlias, outer: &LogicalPlan, wanted: &[Expr]) -> PlanResult<Pushed> {
        let pushed = self.push(&node.input, outer, wanted)?;
        let mut expressions = named(&columns(node.input.schema()), &node.schema, &[], &[])?;
        expressions.extend(pushed.terms.clone());
        let plan = LogicalPlan::Projection(Projection::try_new(expressions, Arc::new(pushed.plan))?);
        Ok(Pushed { plan, ..pushed })
    }

    fn push_filter(&self, node: &Filter, outer: &LogicalPlan, wanted: &[Expr]) -> PlanResult<Pushed> {
        let conditions: Vec<Expr> = split_conjunction(&node.predicate).into_iter().cloned().collect();
        let over = |terms: &[Expr]| -> PlanResult<Vec<Expr>> {
            conditions.iter().map(|condition| with_terms(condition.clone(), wanted, terms)).collect()
        };
        if depends(&node.input, outer.schema())? {
            let pushed = self.push(&node.input, outer, wanted)?;
            let predicate = with_terms(node.predicate.clone(), wanted, &pushed.terms)?;
            let plan = LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(pushed.plan))?);
            return Ok(Pushed { plan, ..pushed });
        }
        let equals: Option<Vec<Expr>> =
            wanted.iter().map(|term| equal_to(term, &conditions, node.input.schema())).collect();
        let Some(equals) = equals else {
            let (domain, terms) = self.domain(outer, wanted)?;
            let plan = joined(domain, node.input.as_ref().clone(), JoinType::Inner, over(&terms)?)?;
            return Ok(Pushed { plan, terms, strict: false });
        };
        let names: Vec<String> = wanted.iter().map(|_| self.fresh()).collect();
        let terms: Vec<Expr> = names.iter().map(|name| Expr::Column(Column::new_unqualified(name))).collect();
        let mut expressions = columns(node.input.schema());
        expressions.extend(equals.into_iter().zip(&names).map(|(value, name)| value.alias(name)));
        let plan = LogicalPlan::Projection(Projection::try_new(expressions, Arc::clone(&node.input))?);
        // Of `a.k = b.k` remains that it is not NULL.
        let plan =
            LogicalPlanBuilder::from(plan).filter(over(&terms)?.into_iter().reduce(Expr::and).unwrap_or(lit(true)))?;
        Ok(Pushed { plan: plan.build()?, terms, strict: true })
    }

    fn push_aggregate(&self, node: &Aggregate, outer: &LogicalPlan, wanted: &[Expr]) -> PlanResult<Pushed> {
        let (plan, pushed) = self.grouped(node, outer, wanted)?;
        if !node.group_expr.is_empty() {
            return Ok(Pushed { plan, ..pushed });
        }
        // Without GROUP BY there is a row for every outer row.
        let (domain, terms) = self.domain(outer, wanted)?;
        let same = terms.iter().zip(&pushed.terms).map(|(one, other)| same(one.clone(), other.clone(), pushed.strict));
        let plan = joined(domain, plan, JoinType::Left, same.collect())?;
        let mut expressions = named(&defaults(node)?, &node.schema, &[], &[])?;
        expressions.extend(terms.clone());
        let plan = LogicalPlan::Projection(Projection::try_new(expressions, Arc::new(plan))?);
        Ok(Pushed { plan, terms, strict: false })
    }

    /// The aggregation by the terms as well as by its own keys.
    pub(super) fn grouped(
        &self,
        node: &Aggregate,
        outer: &LogicalPlan,
        wanted: &[Expr],
    ) -> PlanResult<(LogicalPlan, Pushed)> {
        if node.group_expr.iter().any(|key| matches!(key, Expr::GroupingSet(_))) {
            return Err(unsupported("GROUPING SETS in a subquery that depends on the outer query"));
        }
        let pushed = self.push(&node.input, outer, wanted)?;
        let all = node.group_expr.iter().chain(&node.aggr_expr).cloned().collect::<Vec<_>>();
        let all = named(&all, &node.schema, wanted, &pushed.terms)?;
        let (keys, calls) = all.split_at(node.group_expr.len());
        let keys = keys.iter().cloned().chain(pushed.terms.clone()).collect();
        let input = Arc::new(pushed.plan.clone());
        let plan = LogicalPlan::Aggregate(Aggregate::try_new(input, keys, calls.to_vec())?);
        Ok((plan, pushed))
    }

    fn push_join(&self, node: &Join, outer: &LogicalPlan, wanted: &[Expr]) -> PlanResult<Pushed> {
        let inner = node.join_type == JoinType::Inner;
        let one_sided =
            matches!(node.join_type, JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark);
        if !inner && !one_sided {
            return Err(unsupported("RIGHT or FULL JOIN over columns of the outer query"));
        }
        let in_right = terms(&node.right, outer.schema())?;
        let in_left = depends(&node.left, outer.schema())?;
        let mut in_condition = false;
        for condition in node.on.iter().flat_map(|(left, right)| [left, right]).chain(&node.filter) {
            in_condition |= expression_depends(condition, outer.schema())?;
        }
        if inner && !in_left && !in_condition {
            let right = self.push(&node.right, outer, wanted)?;
            let plan = LogicalPlan::Join(with_inputs(node, Arc::clone(&node.left), Arc::new(right.plan), vec![])?);
            return Ok(Pushed { plan, ..right });
        }
        let left = self.push(&node.left, outer, wanted)?;
        let mut more = Vec::new();
        let right = if in_right.is_empty() {
            Arc::clone(&node.right)
        } else {
            let right = self.push(&node.right, outer, &in_right)?;
            let right =
                if node.join_type == JoinType::LeftMark { self.of_one_name(right, &node.right)? } else { right };
            for (term, column) in in_right.iter().zip(right.terms) {
                let at = wanted.iter().position(|wanted| wanted == term);
                let mine = at.and_then(|at| left.terms.get(at)).cloned();
                let mine = mine.ok_or_else(|| unsupported("a join over columns of the outer query"))?;
                more.push(same(mine, column, right.strict));
            }
            Arc::new(right.plan)
        };
        let mut join = with_inputs(node, Arc::new(left.plan), right, more)?;
        join.on = join
            .on
            .into_iter()
            .map(|(one, other)| Ok((with_terms(one, wanted, &left.terms)?, with_terms(other, wanted, &left.terms)?)))
            .collect::<PlanResult<_>>()?;
        join.filter = join.filter.map(|filter| with_terms(filter, wanted, &left.terms)).transpose()?;
        Ok(Pushed { plan: LogicalPlan::Join(join), terms: left.terms, strict: left.strict })
    }

    /// The same with all columns under the name of the plan's own, which is the name of the mark, too.
    fn of_one_name(&self, pushed: Pushed, own: &LogicalPlan) -> PlanResult<Pushed> {
        let Some((Some(table), _)) = own.schema().iter().next() else { return Ok(pushed) };
        let names: Vec<String> = pushed.terms.iter().map(|_| self.fresh()).collect();
        let named = pushed.terms.into_iter().zip(&names);
        let named = named.map(|(term, name)| term.alias_qualified(Some(table.clone()), name));
        let columns = columns(own.schema()).into_iter().chain(named).collect();
        let plan = LogicalPlan::Projection(Projection::try_new(columns, Arc::new(pushed.plan))?);
        let terms = names.into_iter().map(|name| Expr::Column(Column::new(Some(table.clone()), name))).collect();
        Ok(Pushed { plan, terms, ..pushed })
    }

    fn push_union(&self, node: &Union, outer: &LogicalPlan, wanted: &[Expr]) -> PlanResult<Pushed> {
        let width = node.schema.fields().len();
        let mut inputs = Vec::new();
        let mut names = Vec::new();
        for input in &node.inputs {
            let pushed = self.push(input, outer, wanted)?;
            let own = columns(input.schema()).into_iter().chain(pushed.terms).collect();
            let (plan, columns) = self.projected(pushed.plan, own)?;
            if names.is_empty() {
                names = columns;
            }
            inputs.push(Arc::new(plan));
        }
        let union = LogicalPlan::Union(Union::try_new(inputs)?);
        let terms = names.split_off(width);
        let mut expressions = named(&names, &node.schema, &[], &[])?;
        expressions.extend(terms.clone());
        let plan = LogicalPlan::Projection(Projection::try_new(expressions, Arc::new(union))?);
        Ok(Pushed { plan, terms, strict: false })
    }

    /// `ORDER BY … LIMIT`: the first rows for each value of the terms.
    fn push_limit(&self, node: &Limit, outer: &LogicalPlan, wanted: &[Expr]) -> PlanResult<Pushed> {
        let (SkipType::Literal(skip), FetchType::Literal(fetch)) = (node.get_skip_type()?, node.get_fetch_type()?)
        else {
            return Err(unsupported("LIMIT or OFFSET that is not a number"));
        };
        self.push_limited(&node.input, (skip, fetch), outer, wanted)
    }

    fn push_limited(
        &self,
        input: &LogicalPlan,
        (skip, fetch): (usize, Option<usize>),
        outer: &LogicalPlan,
        wanted: &[Expr],
    ) -> PlanResult<Pushed> {
        let (sorts, input): (&[SortExpr], &LogicalPlan) = match input {
            // What keeps the order may as well come afterwards.
            LogicalPlan::Projection(node) => {
                let pushed = self.push_limited(&node.input, (skip, fetch), outer, wanted)?;
                let mut expressions = named(&node.expr, &node.schema, wanted, &pushed.terms)?;
                expressions.extend(pushed.terms.clone());
                let plan = LogicalPlan::Projection(Projection::try_new(expressions, Arc::new(pushed.plan))?);
                return Ok(Pushed { plan, ..pushed });
            }
            LogicalPlan::Sort(Sort { expr, input, fetch: None }) => (expr, input),
            other => (&[], other),
        };
        let pushed = self.push(input, outer, wanted)?;
        let order = sorts.iter().map(|sort| {
            let expression = with_terms(sort.expr.clone(), wanted, &pushed.terms)?;
            Ok(SortExpr { expr: expression, ..sort.clone() })
        });
        let order = order.collect::<PlanResult<Vec<_>>>()?;
        let kept = columns(pushed.plan.schema());
        let plan = numbered("row_number", Arc::new(pushed.plan), pushed.terms.clone(), order, self.state)?;
        let number = column_at(plan.schema(), kept.len());
        let position = |rows: usize| lit(i64::try_from(rows).unwrap_or(i64::MAX));
        let mut bounds = number.clone().gt(position(skip));
        if let Some(fetch) = fetch {
            bounds = bounds.and(number.lt_eq(position(skip.saturating_add(fetch))));
        }
        let plan = LogicalPlanBuilder::from(plan).filter(bounds)?.project(kept)?.build()?;
        Ok(Pushed { plan, ..pushed })
    }

    fn push_window(&self, node: &Window, outer: &LogicalPlan, wanted: &[Expr]) -> PlanResult<Pushed> {
        let pushed = self.push(&node.input, outer, wanted)?;
        let calls = node.window_expr.iter().map(|call| {
            let call = with_terms(call.clone().unalias_nested().data, wanted, &pushed.terms)?;
            let Expr::WindowFunction(mut call) = call else { return Ok(call) };
            let WindowFunction { params, .. } = call.as_mut();
            params.partition_by.extend(pushed.terms.clone());
            Ok(Expr::WindowFunction(call))
        });
        let calls = calls.collect::<PlanResult<Vec<_>>>()?;
        let width = pushed.plan.schema().fields().len();
        let plan = LogicalPlan::Window(Window::try_new(calls, Arc::new(pushed.plan))?);
        let mut own = columns(node.input.schema());
        own.extend((width..plan.schema().fields().len()).map(|at| column_at(plan.schema(), at)));
        let mut expressions = named(&own, &node.schema, &[], &[])?;
        expressions.extend(pushed.terms.clone());
        let plan = LogicalPlan::Projection(Projection::try_new(expressions, Arc::new(plan))?);
        Ok(Pushed { plan, terms: pushed.terms, strict: pushed.strict })
    }

    /// `VALUES (a.x), (a.y)`: one row for each outer value and row.
    fn push_values(&self, node: &Values, outer: &LogicalPlan, wanted: &[Expr]) -> PlanResult<Pushed> {
        let mut inputs = Vec::new();
        let mut names = Vec::new();
        for row in &node.values {
            let (domain, terms) = self.domain(outer, wanted)?;
            let mut expressions = Vec::new();
            for (expression, field) in row.iter().zip(node.schema.fields()) {
                let value = with_terms(expression.clone(), wanted, &terms)?;
                expressions.push(value.cast_to(field.data_type(), domain.schema())?);
            }
            expressions.extend(terms);
            let (plan, columns) = self.projected(domain, expressions)?;
            if names.is_empty() {
                names = columns;
            }
            inputs.push(Arc::new(plan));
        }
        let union =
            if inputs.len() == 1 { inputs.remove(0) } else { Arc::new(LogicalPlan::Union(Union::try_new(inputs)?)) };
        let terms = names.split_off(node.schema.fields().len());
        let mut expressions = named(&names, &node.schema, &[], &[])?;
        expressions.extend(terms.clone());
        Ok(Pushed { plan: LogicalPlan::Projection(Projection::try_new(expressions, union)?), terms, strict: false })
    }
}

/// That an outer row has the values that the columns hold.
pub(super) fn conditions(outer: &DFSchema, wanted: &[Expr], columns: &[Expr], strict: bool) -> PlanResult<Vec<Expr>> {
    let condition = |(term, column): (&Expr, &Expr)| {
        let term = in_outer(term.clone(), outer)?;
        let strict = strict || !term.nullable(outer)?;
        Ok(same(term, column.clone(), strict))
    };
    wanted.iter().zip(columns).map(condition).collect()
}

/// The calls of an aggregation without GROUP BY over its own columns, which are NULL where it has no row: what it is over no rows.
pub(super) fn defaults(node: &Aggregate) -> PlanResult<Vec<Expr>> {
    let value = |(at, call): (usize, &Expr)| {
        let column = column_at(&node.schema, at);
        let Expr::AggregateFunction(call) = call.clone().unalias_nested().data else { return Ok(column) };
        let default = call.func.default_value(node.schema.field(at).data_type())?;
        Ok(if default.is_null() { column } else { coalesce(vec![column, lit(default)]) })
    };
    node.aggr_expr.iter().enumerate().map(value).collect()
}

fn same(one: Expr, other: Expr, strict: bool) -> Expr {
    let operator = if strict { Operator::Eq } else { Operator::IsNotDistinctFrom };
    Expr::BinaryExpr(BinaryExpr::new(Box::new(one), operator, Box::new(other)))
}

/// What the subquery's own rows must have for a term, if one of the conditions says so.
fn equal_to(term: &Expr, conditions: &[Expr], own: &DFSchema) -> Option<Expr> {
    let is_own = |expression: &Expr| matches!(is_correlated(expression), Ok(false)) && expression.any_column_refs();
    conditions.iter().find_map(|condition| {
        let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = condition else { return None };
        let value = match (left.as_ref(), right.as_ref()) {
            (left, right) if left == term && is_own(right) => right,
            (left, right) if right == term && is_own(left) => left,
            _ => return None,
        };
        let kind = value.get_type(own).ok()?;
        (looks_equal(&kind) && kind == term.get_type(own).ok()?).then(|| value.clone())
    })
}

/// Whether equal values of a type are one value: 0.0 and -0.0 are not.
fn looks_equal(kind: &DataType) -> bool {
    !matches!(kind, DataType::Float32 | DataType::Float64 | DataType::Interval(_) | DataType::List(_))
}

/// Expressions with `terms` replaced, under the names of `schema`.
fn named(expressions: &[Expr], schema: &DFSchema, terms: &[Expr], by: &[Expr]) -> PlanResult<Vec<Expr>> {
    let named = |(at, expression): (usize, &Expr)| {
        let (qualifier, field) = schema.qualified_field(at);
        let column = Column::from((qualifier, field));
        let replaced = with_terms(expression.clone(), terms, by)?;
        if replaced == Expr::Column(column) {
            return Ok(replaced);
        }
        Ok(replaced.unalias().alias_qualified(qualifier.cloned(), field.name()))
    };
    expressions.iter().enumerate().map(named).collect()
}

fn with_inputs(node: &Join, left: Arc<LogicalPlan>, right: Arc<LogicalPlan>, more: Vec<Expr>) -> PlanResult<Join> {
    let filter = node.filter.iter().cloned().chain(more).reduce(Expr::and);
    Join::try_new(
        left,
        right,
        node.on.clone(),
        filter,
        node.join_type,
        node.join_constraint,
        node.null_equality,
        node.null_aware,
    )
}
