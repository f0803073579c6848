//! LATERAL over functions: `a, LATERAL (SELECT unnest(a.list))` is the projection and the unnesting of the rows of `a`, not a join.
//! Here the subquery's nodes are put on top of the left side, whose columns pass through; what the subquery reads besides is joined.
//! No state is needed for that. Other subqueries are left to the [unnesting](mod@super::unnest).

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DataFusionError, TableReference, not_impl_err, plan_datafusion_err};
use datafusion::error::Result as PlanResult;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Join, JoinType, LogicalPlan, LogicalPlanBuilder, when};
use datafusion::prelude::{Expr, lit};

use super::elements::{self, Elements};

/// Replaces the node if it joins a lateral subquery with functions.
pub(super) fn rewrite(node: LogicalPlan, state: &SessionState) -> PlanResult<LogicalPlan> {
    match node {
        // What is not pulled is left to the unnesting of any subquery.
        LogicalPlan::Join(join) if is_function(&join.right)? && refers(&join)? => match joined(&join, state) {
            Err(DataFusionError::NotImplemented(_)) => Ok(LogicalPlan::Join(join)),
            pulled => pulled,
        },
        LogicalPlan::Filter(filter) => match filter.input.as_ref() {
            LogicalPlan::Join(join) if refers(join)? => before(&filter.predicate, join),
            _ => Ok(LogicalPlan::Filter(filter)),
        },
        other => Ok(other),
    }
}

/// A lateral join under a condition, of which what only looks at the left side comes first: functions fail for no row that it leaves out.
fn before(predicate: &Expr, join: &Join) -> PlanResult<LogicalPlan> {
    let is_left = |condition: &Expr| {
        let columns = condition.column_refs();
        let of_left = columns.iter().all(|column| {
            join.left.schema().maybe_index_of_column(column).is_some()
                && join.right.schema().maybe_index_of_column(column).is_none()
        });
        let is_plain = |part: &Expr| {
            !matches!(part, Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_) | Expr::SetComparison(_))
        };
        let plain = !condition.exists(|part| Ok(!is_plain(part))).unwrap_or(true);
        !columns.is_empty() && of_left && plain && !condition.is_volatile() && !condition.contains_outer()
    };
    let (left, rest): (Vec<Expr>, Vec<Expr>) =
        split_conjunction_owned(predicate.clone()).into_iter().partition(is_left);
    let mut join = join.clone();
    if matches!(join.join_type, JoinType::Inner | JoinType::Left)
        && let Some(condition) = conjunction(left)
    {
        join.left = Arc::new(LogicalPlanBuilder::from(Arc::unwrap_or_clone(join.left)).filter(condition)?.build()?);
        let plan = LogicalPlan::Join(join);
        return match conjunction(rest) {
            Some(rest) => LogicalPlanBuilder::from(plan).filter(rest)?.build(),
            None => Ok(plan),
        };
    }
    LogicalPlanBuilder::from(LogicalPlan::Join(join)).filter(predicate.clone())?.build()
}

/// Whether a plan reads functions, or nothing at all.
fn is_function(plan: &LogicalPlan) -> PlanResult<bool> {
    plan.exists(|node| Ok(matches!(node, LogicalPlan::EmptyRelation(_)) || elements::of(node).is_some()))
}

/// Whether the right side, outside of subqueries in its expressions, names columns of the left one.
fn refers(join: &Join) -> PlanResult<bool> {
    let mut found = false;
    join.right.apply(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                found |= matches!(part, Expr::OuterReferenceColumn(_, column) if join.left.schema().has_column(column));
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found)
}

fn joined(join: &Join, state: &SessionState) -> PlanResult<LogicalPlan> {
    let outer = match join.join_type {
        JoinType::Inner => false,
        JoinType::Left => true,
        other => return not_impl_err!("{other} join with a lateral function"),
    };
    let on = join.on.iter().map(|(left, right)| left.clone().eq(right.clone()));
    let conditions: Vec<Expr> = on.chain(join.filter.clone()).filter(|condition| *condition != lit(true)).collect();
    if outer && !conditions.is_empty() {
        return not_impl_err!("LEFT JOIN LATERAL with a condition other than ON true");
    }
    let left_width = join.left.schema().fields().len();
    let mut pull = Pull { left: Arc::clone(&join.left), prefix: left_width, outer, computed: false, state };
    let pulled = pull.node(&join.right)?;
    let (prefix, marker) = (pull.prefix, pull.prefix > left_width);
    let mut columns = Vec::new();
    for (at, (table, field)) in join.left.schema().iter().chain(join.right.schema().iter()).enumerate() {
        let place = if at < left_width { at } else { prefix + at - left_width };
        let mut value = column(&pulled, place);
        if marker && pull.computed && at >= left_width {
            value = when(column(&pulled, left_width).is_not_null(), value).end()?;
        }
        let table: Option<TableReference> = table.cloned();
        columns.push(value.alias_qualified(table, field.name()));
    }
    let mut plan = LogicalPlanBuilder::from(pulled).project(columns)?;
    for condition in conditions {
        plan = plan.filter(condition)?;
    }
    plan.build()
}

/// One lateral join on its way to be none.
struct Pull<'a> {
    left: Arc<LogicalPlan>,
    /// Columns in front of the subquery's: the left ones and, in an outer join, one that is NULL for rows without a match.
    prefix: usize,
    outer: bool,
    /// Whether something was computed from the functions' results that could make a value out of NULL.
    computed: bool,
    state: &'a SessionState,
}

impl Pull<'_> {
    /// The rows of the left side with those of `plan` for them: the prefix, then the columns of `plan` under names of their own.
    fn node(&mut self, plan: &LogicalPlan) -> PlanResult<LogicalPlan> {
        match plan {
            LogicalPlan::SubqueryAlias(alias) => self.node(&alias.input),
            LogicalPlan::Subquery(subquery) => self.node(&subquery.subquery),
            // The order of rows is no property of a relation.
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => self.node(&sort.input),
            LogicalPlan::EmptyRelation(empty) if empty.produce_one_row => Ok(self.left.as_ref().clone()),
            LogicalPlan::Projection(projection) => {
                let input = self.node(&projection.input)?;
                let mut columns = self.kept(&input);
                for (number, expression) in projection.expr.iter().enumerate() {
                    let rebound = self.rebound(expression, &projection.input, &input)?;
                    self.computed |= self.prefix > self.left.schema().fields().len() && !keeps_null(&rebound);
                    columns.push(rebound.alias(self.name(number)));
                }
                LogicalPlanBuilder::from(input).project(columns)?.build()
            }
            LogicalPlan::Filter(filter) if !self.outer => {
                let input = self.node(&filter.input)?;
                let condition = self.rebound(&filter.predicate, &filter.input, &input)?;
                LogicalPlanBuilder::from(input).filter(condition)?.build()
            }
            other if let Some(node) = elements::of(other) => self.elements(node),
            LogicalPlan::Join(join) if join.join_type == JoinType::Inner && !self.outer => self.join(join),
            other if !self.outer && !self.depends(other)? => self.cross(self.left.as_ref().clone(), other),
            other => {
                let name = other.display().to_string();
                let name = name.split([':', ' ']).next().unwrap_or_default().to_uppercase();
                not_impl_err!("{name} in a lateral subquery over a function")
            }
        }
    }

    fn depends(&self, plan: &LogicalPlan) -> PlanResult<bool> {
        let mut found = false;
        plan.apply_with_subqueries(|node| {
            node.apply_expressions(|expression| {
                expression.apply(|part| {
                    let refers = |column: &Column| self.left.schema().has_column(column);
                    found |= matches!(part, Expr::OuterReferenceColumn(_, column) if refers(column));
                    Ok(TreeNodeRecursion::Continue)
                })
            })
        })?;
        Ok(found)
    }

    /// All pairs of `rows` and the rows of `other`, which does not depend on them.
    fn cross(&self, rows: LogicalPlan, other: &LogicalPlan) -> PlanResult<LogicalPlan> {
        let first = rows.schema().fields().len() - self.prefix;
        let columns = (0..other.schema().fields().len()).map(|at| column(other, at).alias(self.name(first + at)));
        let other = LogicalPlanBuilder::from(other.clone()).project(columns.collect::<Vec<_>>())?.build()?;
        LogicalPlanBuilder::from(rows).cross_join(other)?.build()
    }

    fn join(&mut self, join: &Join) -> PlanResult<LogicalPlan> {
        if self.depends(&join.right)? {
            return not_impl_err!("several relations in a lateral subquery that depend on the rows outside");
        }
        let input = self.node(&join.left)?;
        let mut plan = self.cross(input, &join.right)?;
        let on = join.on.iter().map(|(left, right)| left.clone().eq(right.clone()));
        for condition in on.chain(join.filter.clone()) {
            let both = LogicalPlan::Join(join.clone());
            let condition = self.rebound(&condition, &both, &plan)?;
            plan = LogicalPlanBuilder::from(plan).filter(condition)?.build()?;
        }
        Ok(plan)
    }

    fn elements(&mut self, elements: &Elements) -> PlanResult<LogicalPlan> {
        if self.outer && elements.outer {
            return not_impl_err!("LEFT JOIN with a function in LEFT JOIN LATERAL");
        }
        let fields = elements.input.schema().fields().len();
        let own = elements.places()?;
        let mut input = self.node(&elements.input)?;
        let mut lists: Vec<Column> = own.iter().map(|at| name_of(&input, self.prefix + at)).collect();
        if self.outer && self.prefix == self.left.schema().fields().len() {
            let function = self.state.scalar_functions().get("ordinality[]").cloned();
            let function = function.ok_or_else(|| plan_datafusion_err!("function ordinality does not exist"))?;
            let lengths = lists.iter().cloned().map(Expr::Column).collect();
            let marker = Expr::ScalarFunction(ScalarFunction::new_udf(function, lengths)).alias("__lateral_row");
            let mut columns = self.kept(&input);
            columns.push(marker);
            columns.extend((0..fields).map(|at| column(&input, self.prefix + at)));
            input = LogicalPlanBuilder::from(input).project(columns)?.build()?;
            lists.push(name_of(&input, self.prefix));
            self.prefix += 1;
        } else if self.outer {
            return not_impl_err!("a function of another function's rows in LEFT JOIN LATERAL");
        }
        let lists = lists.into_iter().map(|list| (list.clone(), list.name)).collect();
        Elements::plan(input, lists, self.outer || elements.outer)
    }

    /// The columns of the prefix.
    fn kept(&self, input: &LogicalPlan) -> Vec<Expr> {
        (0..self.prefix).map(|at| column(input, at)).collect()
    }

    /// An expression over the columns of `old`, written over the pulled plan; what was outside is inside now.
    fn rebound(&self, expression: &Expr, old: &LogicalPlan, new: &LogicalPlan) -> PlanResult<Expr> {
        let rebound = expression.clone().transform_up(|part| match part {
            Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_) | Expr::SetComparison(_) => {
                not_impl_err!("a subquery in a lateral subquery")
            }
            Expr::Column(name) => {
                let at = old.schema().index_of_column(&name)?;
                Ok(Transformed::yes(column(new, self.prefix + at)))
            }
            Expr::OuterReferenceColumn(_, name) if self.left.schema().has_column(&name) => {
                let at = self.left.schema().index_of_column(&name)?;
                Ok(Transformed::yes(column(new, at)))
            }
            other => Ok(Transformed::no(other)),
        })?;
        Ok(rebound.data.unalias_nested().data)
    }

    /// A name that no column of the left side has.
    fn name(&self, number: usize) -> String {
        format!("__lateral_{}_{number}", self.left.schema().fields().len())
    }
}

/// Whether an expression of a NULL is NULL.
fn keeps_null(expression: &Expr) -> bool {
    match expression {
        Expr::Column(_) => true,
        Expr::Cast(cast) => keeps_null(&cast.expr),
        Expr::ScalarFunction(call) if matches!(call.func.name(), "cast" | "jsonb[]") => {
            call.args.first().is_some_and(keeps_null)
        }
        _ => false,
    }
}

fn name_of(plan: &LogicalPlan, at: usize) -> Column {
    Column::from(plan.schema().qualified_field(at))
}

fn column(plan: &LogicalPlan, at: usize) -> Expr {
    Expr::Column(name_of(plan, at))
}
