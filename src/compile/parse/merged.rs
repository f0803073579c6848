//! `USING (k)` and NATURAL: the columns of one name that a join makes one. DataFusion takes either side's column for it, which is wrong
//! where that side has no row, and leaves it in its table's place, where PostgreSQL shows it first.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, NullEquality, TableReference, not_impl_err};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::utils::expand_wildcard;
use datafusion::logical_expr::{
    EmptyRelation, Join, JoinConstraint, JoinType, LogicalPlan, LogicalPlanBuilder, Projection,
};
use datafusion::prelude::Expr;
use datafusion::sql::sqlparser::ast;

use super::rewrite::{APART, MERGED};
use crate::compile::analyze::{field_of, is_declared};
use crate::compile::function::condition::common_type::Branch;
use crate::compile::function::{cast_to, coalesce, external};
use crate::types::SqlType;

/// Plans the joins that were nested for their merged columns.
#[derive(Debug)]
pub(in crate::compile) struct MergedColumns;

impl RelationPlanner for MergedColumns {
    fn plan_relation(
        &self,
        relation: ast::TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> PlanResult<RelationPlanning> {
        let ast::TableFactor::NestedJoin { table_with_joins, alias } = relation else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let Some((tag, kind, constraint)) = merging(&table_with_joins, alias.as_ref()) else {
            if alias.is_none() {
                let original = ast::TableFactor::NestedJoin { table_with_joins, alias };
                return Ok(RelationPlanning::Original(Box::new(original)));
            }
            // Under another name only what `*` shows can be seen.
            let plan = context.plan(ast::TableFactor::NestedJoin { table_with_joins, alias: None })?;
            let shown = expand_wildcard(plan.schema(), &plan, None)?;
            let plan = LogicalPlanBuilder::from(plan).project(shown)?.build()?;
            return Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))));
        };
        let mut joins = table_with_joins.joins;
        let Some(join) = joins.pop() else { return not_impl_err!("a join without a right side") };
        let (left, right) = (context.plan(table_with_joins.relation)?, context.plan(join.relation)?);
        let names = match constraint {
            ast::JoinConstraint::Using(names) => names
                .into_iter()
                .filter_map(|mut name| name.0.pop().and_then(|part| part.as_ident().cloned()))
                .map(|name| context.normalize_ident(name))
                .collect(),
            _ => common_names(&left, &right)?,
        };
        let plan = if names.is_empty() {
            LogicalPlanBuilder::from(left).join_on(right, kind, Vec::<Expr>::new())?.build()?
        } else {
            merged(left, right, kind, &names, &tag)?
        };
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, None))))
    }
}

/// The plan without the joins that only told the planner which columns are one.
pub(in crate::compile) fn without_markers(plan: LogicalPlan) -> PlanResult<LogicalPlan> {
    let rewritten = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Join(join) if is_marker(&join) => Ok(Transformed::yes(Arc::unwrap_or_clone(join.left))),
        other => Ok(Transformed::no(other)),
    })?;
    Ok(rewritten.data)
}

fn is_marker(join: &Join) -> bool {
    let is_empty = matches!(join.right.as_ref(), LogicalPlan::EmptyRelation(empty) if empty.produce_one_row);
    is_empty && join.join_constraint == JoinConstraint::Using && join.right.schema().fields().is_empty()
}

/// The name, kind and condition of an item of FROM that is a join with merged columns.
fn merging(
    item: &ast::TableWithJoins,
    alias: Option<&ast::TableAlias>,
) -> Option<(TableReference, JoinType, ast::JoinConstraint)> {
    use ast::JoinOperator::{FullOuter, Inner, Join, Left, LeftOuter, Right, RightOuter};
    let name = alias.map(|alias| &alias.name.value).filter(|name| name.starts_with(MERGED))?;
    let [join] = item.joins.as_slice() else { return None };
    let (kind, constraint) = match &join.join_operator {
        Join(constraint) | Inner(constraint) => (JoinType::Inner, constraint),
        Left(constraint) | LeftOuter(constraint) => (JoinType::Left, constraint),
        Right(constraint) | RightOuter(constraint) => (JoinType::Right, constraint),
        FullOuter(constraint) => (JoinType::Full, constraint),
        _ => return None,
    };
    Some((TableReference::bare(name.as_str()), kind, constraint.clone()))
}

/// The columns that both sides show, in the order of the left side.
fn common_names(left: &LogicalPlan, right: &LogicalPlan) -> PlanResult<Vec<String>> {
    let shown = |plan: &LogicalPlan| -> PlanResult<Vec<String>> {
        let columns = expand_wildcard(plan.schema(), plan, None)?;
        Ok(columns.iter().map(|column| column.qualified_name().1).collect())
    };
    let (left, right) = (shown(left)?, shown(right)?);
    Ok(left.into_iter().filter(|name| right.contains(name)).collect())
}

/// A join by columns of these names. Its first columns are the merged ones; `*` hides the others of these names, one of which is the merged
/// column once more, as a column of `tag`.
fn merged(
    left: LogicalPlan,
    right: LogicalPlan,
    kind: JoinType,
    names: &[String],
    tag: &TableReference,
) -> PlanResult<LogicalPlan> {
    let keys: Vec<Column> = names.iter().map(Column::from_name).collect();
    let joined = LogicalPlanBuilder::from(left).join_using(right, kind, keys)?.build()?;
    let LogicalPlan::Join(join) = &joined else { return not_impl_err!("USING over columns of these types") };
    let schema = Arc::clone(joined.schema());
    let table = fresh_table(&schema);
    let (mut first, mut last, mut same) = (Vec::new(), Vec::new(), Vec::new());
    for ((one, other), name) in join.on.iter().zip(names) {
        let (Expr::Column(left), Expr::Column(right)) = (one, other) else {
            return not_impl_err!("USING over columns of these types");
        };
        let value = value_of(one, other, join)?;
        // `*` shows the first of equal columns by their tables' names.
        let shown = match kind {
            _ if !matches!(value, Expr::Column(_)) || tag.table().ends_with(APART) => None,
            JoinType::Inner | JoinType::Left if left < right && value == *one => Some(left),
            JoinType::Inner | JoinType::Right if right < left && value == *other => Some(right),
            _ => None,
        };
        let again = Column::new(Some(tag.clone()), name);
        last.push(value.clone().alias_qualified(Some(tag.clone()), name));
        let column = match shown {
            Some(column) => {
                first.push(Expr::Column(column.clone()));
                column.clone()
            }
            None => {
                first.push(value.alias_qualified(Some(table.clone()), name));
                Column::new(Some(table.clone()), name)
            }
        };
        let others =
            schema.columns().into_iter().chain([again]).filter(|other| other.name == *name && *other != column);
        same.extend(others.map(|other| (Expr::Column(column.clone()), Expr::Column(other))));
    }
    let rest = schema.columns().into_iter().map(Expr::Column).filter(|column| !first.contains(column));
    let columns = first.iter().cloned().chain(rest).chain(last).collect();
    let joined = compared_as_one(join)?;
    let plan = LogicalPlan::Projection(Projection::try_new(columns, Arc::new(joined))?);
    let schema = Arc::new(DFSchema::empty());
    let nothing = LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: true, schema });
    let equality = NullEquality::NullEqualsNothing;
    let (plan, nothing) = (Arc::new(plan), Arc::new(nothing));
    let marker = Join::try_new(plan, nothing, same, None, JoinType::Inner, JoinConstraint::Using, equality, false)?;
    Ok(LogicalPlan::Join(marker))
}

/// The value of a merged column, of the type that both have in common: the left one's or the right one's of which the join has all rows. An
/// inner join has both, and takes the left one unless only the right one has the type already. Errors: 42804.
fn value_of(left: &Expr, right: &Expr, join: &Join) -> PlanResult<Expr> {
    let (one, other) = (key(left, &join.left)?, key(right, &join.right)?);
    let branches = [&one.kind, &other.kind].map(|kind| Branch::new(Some(kind.clone()), None));
    let common = Branch::common_type(&branches, "JOIN/USING").map_err(external)?;
    let as_it_is = |key: &Key| key.kind == common || common.is_numeric() && key.kind.is_numeric() && !key.declared;
    let takes_right = !as_it_is(&one) && as_it_is(&other);
    let typed = |side: &Expr, key: &Key| if key.kind == common { side.clone() } else { cast_to(side.clone(), &common) };
    let (one, other) = (typed(left, &one), typed(right, &other));
    Ok(match join.join_type {
        JoinType::Full => coalesce(vec![one, other]),
        JoinType::Right => other,
        JoinType::Inner if takes_right => other,
        _ => one,
    })
}

/// What a column that is to be merged is.
struct Key {
    kind: SqlType,
    /// Whether it is a numeric of declared precision.
    declared: bool,
}

fn key(column: &Expr, input: &LogicalPlan) -> PlanResult<Key> {
    let position = column.try_as_col().and_then(|column| input.schema().maybe_index_of_column(column));
    let declared = position.is_some_and(|position| is_declared(input, position));
    Ok(Key { kind: SqlType::of(&*field_of(column, input.schema())?), declared })
}

/// The join with keys of one type, where DataFusion would compare them otherwise than PostgreSQL does: a real with other numbers, times,
/// char(n) with other texts.
fn compared_as_one(join: &Join) -> PlanResult<LogicalPlan> {
    let mut changed = false;
    let mut on = Vec::with_capacity(join.on.len());
    for (left, right) in &join.on {
        let kinds =
            [SqlType::of(&*field_of(left, join.left.schema())?), SqlType::of(&*field_of(right, join.right.schema())?)];
        let typed = |side: &Expr, kind: &SqlType, wanted: &SqlType| match kind == wanted {
            true => side.clone(),
            false => cast_to(side.clone(), wanted),
        };
        let wanted = compared_type(&kinds);
        changed |= wanted.is_some();
        on.push(match wanted {
            Some(wanted) => (typed(left, &kinds[0], &wanted), typed(right, &kinds[1], &wanted)),
            None => (left.clone(), right.clone()),
        });
    }
    if !changed {
        return Ok(LogicalPlan::Join(join.clone()));
    }
    let (left, right) = (Arc::clone(&join.left), Arc::clone(&join.right));
    let constraint = JoinConstraint::On;
    let made = Join::try_new(left, right, on, None, join.join_type, constraint, join.null_equality, join.null_aware)?;
    Ok(LogicalPlan::Join(made))
}

/// What values of two types are compared as; `None` leaves it to the comparison of keys.
fn compared_type([left, right]: &[SqlType; 2]) -> Option<SqlType> {
    use SqlType::{Char, Date, Double, Real, Timestamp, TimestampTz};
    match (left, right) {
        _ if left == right => None,
        (Real, _) | (_, Real) => Some(Double),
        (Char(_), Char(_)) => None,
        (Char(_), other) | (other, Char(_)) if other.is_text() => Some(SqlType::Text),
        (TimestampTz, Date | Timestamp) | (Date | Timestamp, TimestampTz) => Some(TimestampTz),
        (Timestamp, Date) | (Date, Timestamp) => Some(Timestamp),
        _ => None,
    }
}

/// Whether a column of a table is a merged one.
pub(in crate::compile) fn is_merged(table: &TableReference) -> bool {
    table.table().starts_with(' ')
}

/// A table's name that no query writes, before all others and before those made for joins inside.
fn fresh_table(schema: &DFSchema) -> TableReference {
    let inside = schema.iter().filter_map(|(qualifier, _)| qualifier).filter(|table| is_merged(table)).count();
    TableReference::bare(format!(" {:06}", 999_999_usize.saturating_sub(inside)))
}
