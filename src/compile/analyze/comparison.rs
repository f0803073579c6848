//! Comparisons of values that Arrow does not compare as PostgreSQL does: jsonb (`1` equals `1.0`, and objects have an order), numerics
//! of any size (`1.5` equals `1.50`), intervals (a day equals 24 hours), arrays and rows (NULL items come last). Wherever such values are
//! compared, ordered, joined or grouped, their sort keys are.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::error::Result as PlanResult;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::expr::{
    AggregateFunction, Between, BinaryExpr, Case, InList, InSubquery, ScalarFunction, SetComparison, WindowFunction,
};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Distinct, Join, JoinConstraint, LogicalPlan, LogicalPlanBuilder, Operator, SortExpr, Subquery, when,
};
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

use super::any_numeric::united;
use super::grouping::{distinct, grouped, set_operation, unpack};
use super::mixed::{self, Mixed};
use super::tag::sql_type;
use super::types::{column, compares};
use crate::compile::function::in_list::of_constants;
use crate::compile::function::order;
use crate::compile::rewrite::set_operation as operation;
use crate::compile::window::marker;
use crate::error::{Error, code};
use crate::types::{RowType, SqlType};

/// The plan with sort keys in place of such values, inner queries included. The output columns stay the same.
pub(super) fn by_keys(plan: LogicalPlan, state: &SessionState) -> PlanResult<LogicalPlan> {
    Ok(plan.transform_up_with_subqueries(|node| node_by_keys(node, state).map(Transformed::yes))?.data)
}

fn node_by_keys(node: LogicalPlan, state: &SessionState) -> PlanResult<LogicalPlan> {
    let schema = merge_schema(&node.inputs());
    let names = NamePreserver::new(&node);
    let node = node.map_expressions(|expression| {
        let name = names.save(&expression);
        let compared =
            expression.transform_up(|part| compared(part, &schema)?.transform_data(|part| Ok(of_constants(part))))?;
        Ok(compared.update_data(|expression| name.restore(expression)))
    })?;
    let node = if node.transformed { node.data.recompute_schema()? } else { node.data };
    match node {
        LogicalPlan::Sort(mut sort) => {
            sort.expr = ordered(sort.expr, &schema)?;
            Ok(LogicalPlan::Sort(sort))
        }
        LogicalPlan::Join(join) => joined(join).map(LogicalPlan::Join),
        LogicalPlan::Extension(_) if operation::of(&node).is_some() => set_operation(node, state),
        LogicalPlan::Distinct(Distinct::All(input)) => distinct(input, state),
        LogicalPlan::Aggregate(aggregate) => grouped(aggregate, state),
        other => Ok(other),
    }
}

/// Whether values of a type are compared by keys. Errors: 42883 for json, which has no equality.
pub(super) fn has_key(sql_type: Option<&SqlType>) -> PlanResult<bool> {
    match sql_type {
        Some(SqlType::Jsonb | SqlType::Interval | SqlType::Array(_) | SqlType::Char(_) | SqlType::AnyNumeric(_)) => {
            Ok(true)
        }
        Some(SqlType::Row(row)) => {
            for (_, field) in &row.fields {
                has_key(Some(field))?;
            }
            Ok(true)
        }
        Some(SqlType::Json) => Err(without("equality")),
        _ => Ok(false),
    }
}

fn without(what: &str) -> DataFusionError {
    let message = format!("could not identify an {what} operator for type json");
    DataFusionError::External(Box::new(
        Error::new(code::UNDEFINED_FUNCTION, message).hint("json has no order and no equality: cast it to jsonb"),
    ))
}

/// The value's key if it has one; constants and NULL stay for the other side to decide.
fn key(expression: Expr, schema: &DFSchema) -> PlanResult<Expr> {
    Ok(if has_key(sql_type(&expression, schema).as_ref())? { key_of(expression) } else { expression })
}

pub(super) fn key_of(expression: Expr) -> Expr {
    call(&order::sort_key::DEFINITION, vec![expression])
}

/// The key of a value of a type, as which a constant text is read.
fn key_as(expression: Expr, kind: Option<&SqlType>) -> Expr {
    match (&expression, kind) {
        (Expr::Literal(ScalarValue::Utf8(Some(_)), None), Some(kind)) => {
            key_of(crate::compile::function::cast_to(expression, &kind.of_constants()))
        }
        _ => key_of(expression),
    }
}

pub(super) fn call(definition: &'static crate::compile::function::Definition, arguments: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(crate::compile::function::udf(definition), arguments))
}

/// Keys of all sides if one of them has a key: the others are constants that are read as its type, or NULL.
fn keys<const N: usize>(sides: [Expr; N], schema: &DFSchema) -> PlanResult<Option<[Expr; N]>> {
    let kinds = sides.each_ref().map(|side| sql_type(side, schema));
    let sides = match mixed::converted(sides, &kinds) {
        Mixed::Converted(sides) => return Ok(Some(sides)),
        Mixed::Plain => return Ok(None),
        Mixed::Alike(sides) => sides,
    };
    let mut common: Option<&SqlType> = None;
    for kind in kinds.iter().flatten() {
        if has_key(Some(kind))? {
            common = Some(kind);
        }
    }
    let Some(common) = common else { return Ok(None) };
    for kind in kinds.iter().flatten() {
        if let (SqlType::Row(row), SqlType::Row(other)) = (kind, common) {
            comparable(row, other)?;
        } else if !alike(kind, common) {
            return Ok(None);
        }
    }
    Ok(Some(sides.map(key_of)))
}

fn alike(kind: &SqlType, common: &SqlType) -> bool {
    match (kind, common) {
        (SqlType::AnyNumeric(_), SqlType::AnyNumeric(_)) => true,
        (SqlType::Array(_), SqlType::Array(_)) => {
            let (item, other) = (kind.element(), common.element());
            item == other
                || item.is_numeric() && other.is_numeric()
                || super::types::is_text(item) && super::types::is_text(other)
        }
        (SqlType::Char(_), SqlType::Char(_)) => true,
        _ => kind == common,
    }
}

/// Refuses to compare rows with other numbers or other types of fields.
fn comparable(row: &RowType, other: &RowType) -> PlanResult<()> {
    let refused = |message| Err(DataFusionError::External(Box::new(Error::new(code::DATATYPE_MISMATCH, message))));
    if row.fields.len() != other.fields.len() {
        return refused("cannot compare record types with different numbers of columns".to_string());
    }
    for (number, ((_, one), (_, two))) in row.fields.iter().zip(&other.fields).enumerate() {
        match (one, two) {
            (SqlType::Row(one), SqlType::Row(two)) => comparable(one, two)?,
            (one, two) if field_alike(one, two) => {}
            (one, two) => {
                let at = number + 1;
                let (one, two) = (super::types::bare_name(one), super::types::bare_name(two));
                return refused(format!(
                    "cannot compare dissimilar column types {one} and {two} at record column {at}"
                ));
            }
        }
    }
    Ok(())
}

fn field_alike(one: &SqlType, two: &SqlType) -> bool {
    alike(one, two)
        || matches!((one, two), (SqlType::Numeric(..), SqlType::Numeric(..)))
        || super::types::is_text(one) && super::types::is_text(two)
}

fn compared(expression: Expr, schema: &DFSchema) -> PlanResult<Transformed<Expr>> {
    let unchanged = |expression| Ok(Transformed::no(expression));
    match expression {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(op) => {
            let sides = super::tag::read_constants([*left.clone(), *right.clone()], schema);
            match keys(sides, schema)? {
                Some([left, right]) => Ok(Transformed::yes(operation(left, op, right))),
                None => unchanged(operation(*left, op, *right)),
            }
        }
        Expr::Between(Between { expr, negated, low, high }) => {
            match keys([*expr.clone(), *low.clone(), *high.clone()], schema)? {
                Some([expr, low, high]) => {
                    let between = Between::new(Box::new(expr), negated, Box::new(low), Box::new(high));
                    Ok(Transformed::yes(Expr::Between(between)))
                }
                None => unchanged(Expr::Between(Between::new(expr, negated, low, high))),
            }
        }
        Expr::InList(list) if has_key(sql_type(&list.expr, schema).as_ref())? => {
            let kind = sql_type(&list.expr, schema);
            let items = list.list.into_iter().map(|item| key_as(item, kind.as_ref())).collect();
            Ok(Transformed::yes(Expr::InList(InList::new(Box::new(key_of(*list.expr)), items, list.negated))))
        }
        Expr::ScalarFunction(function) if ["greatest", "least"].contains(&function.func.name()) => {
            extreme_of(function, schema)
        }
        Expr::InSubquery(test) if has_key(sql_type(&test.expr, schema).as_ref())? => in_subquery(test),
        Expr::SetComparison(test) if has_key(sql_type(&test.expr, schema).as_ref())? => by_quantifier(test),
        Expr::Case(Case { expr: Some(value), when_then_expr, else_expr })
            if has_key(sql_type(&value, schema).as_ref())? =>
        {
            let kind = sql_type(&value, schema);
            let case = |(when, then): (Box<Expr>, _)| (Box::new(key_as(*when, kind.as_ref())), then);
            let cases = when_then_expr.into_iter().map(case).collect();
            Ok(Transformed::yes(Expr::Case(Case::new(Some(Box::new(key_of(*value))), cases, else_expr))))
        }
        Expr::ScalarFunction(function) if function.func.name() == "in" => in_constants(function, schema),
        Expr::ScalarFunction(function) if function.func.name() == "nullif" => nullif(function, schema),
        Expr::AggregateFunction(function) => in_aggregate(function, schema),
        Expr::WindowFunction(function) => in_window(*function, schema),
        other => unchanged(other),
    }
}

fn operation(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

/// `in(x, 'a', …)`, whose constants are read as values of the type of `x`.
fn in_constants(function: ScalarFunction, schema: &DFSchema) -> PlanResult<Transformed<Expr>> {
    let kind = function.args.first().and_then(|value| sql_type(value, schema));
    match (kind, function.args.split_first()) {
        (Some(kind), Some((value, list))) if has_key(Some(&kind))? => {
            let list = list.iter().map(|constant| key_as(constant.clone(), Some(&kind))).collect();
            Ok(Transformed::yes(Expr::InList(InList::new(Box::new(key_of(value.clone())), list, false))))
        }
        _ => Ok(Transformed::no(Expr::ScalarFunction(function))),
    }
}

/// `greatest` and `least` of intervals, by their length.
fn extreme_of(mut function: ScalarFunction, schema: &DFSchema) -> PlanResult<Transformed<Expr>> {
    let by_length = function.args.iter().all(|part| matches!(sql_type(part, schema), None | Some(SqlType::Interval)))
        && function.args.iter().any(|part| sql_type(part, schema).is_some());
    if !by_length {
        return Ok(Transformed::no(Expr::ScalarFunction(function)));
    }
    function.args = function.args.into_iter().map(|part| call(&order::packed::PACKED, vec![part])).collect();
    Ok(Transformed::yes(unpack(Expr::ScalarFunction(function), &SqlType::Interval)))
}

/// `nullif(a, b)` as CASE.
fn nullif(function: ScalarFunction, schema: &DFSchema) -> PlanResult<Transformed<Expr>> {
    let [left, right] = function.args.as_slice() else { return Ok(Transformed::no(Expr::ScalarFunction(function))) };
    match keys([left.clone(), right.clone()], schema)? {
        Some([a, b]) => {
            let null = Expr::Literal(ScalarValue::Null, None);
            let kept = when(a.eq(b), null).otherwise(left.clone())?;
            Ok(Transformed::yes(super::tag::tagged(kept, sql_type(left, schema).as_ref())))
        }
        None => Ok(Transformed::no(Expr::ScalarFunction(function))),
    }
}

fn in_subquery(test: InSubquery) -> PlanResult<Transformed<Expr>> {
    let subquery = subquery_of_keys(test.subquery)?;
    Ok(Transformed::yes(Expr::InSubquery(InSubquery::new(Box::new(key_of(*test.expr)), subquery, test.negated))))
}

/// `x < ANY (SELECT …)` and its like.
fn by_quantifier(test: SetComparison) -> PlanResult<Transformed<Expr>> {
    let subquery = subquery_of_keys(test.subquery)?;
    let expr = Box::new(key_of(*test.expr));
    Ok(Transformed::yes(Expr::SetComparison(SetComparison { expr, subquery, ..test })))
}

/// A subquery of one column with its keys.
fn subquery_of_keys(subquery: Subquery) -> PlanResult<Subquery> {
    let inner = Arc::clone(&subquery.subquery);
    let candidate = key(column(inner.schema(), 0), inner.schema())?;
    let plan = LogicalPlanBuilder::from(inner).project([candidate])?.build()?;
    Ok(Subquery { subquery: Arc::new(plan), ..subquery })
}

fn in_aggregate(mut function: AggregateFunction, schema: &DFSchema) -> PlanResult<Transformed<Expr>> {
    let params = &mut function.params;
    params.order_by = ordered(std::mem::take(&mut params.order_by), schema)?;
    if ["min", "max"].contains(&function.func.name())
        && let Some(SqlType::Row(row)) = params.args.first().and_then(|value| sql_type(value, schema))
    {
        let message = format!("function {}({}) does not exist", function.func.name(), row.shown_name());
        return Err(DataFusionError::External(Box::new(Error::new(code::UNDEFINED_FUNCTION, message))));
    }
    if params.distinct {
        let mut found = false;
        for argument in &params.args {
            found |= has_key(sql_type(argument, schema).as_ref())?;
        }
        let is_numeric = |argument| sql_type(argument, schema).is_some_and(|kind| kind.is_numeric());
        if found && function.func.name() != "count" && !params.args.iter().all(is_numeric) {
            let message =
                format!("{}(DISTINCT …) over jsonb, intervals, arrays and rows is not supported", function.func.name());
            return Err(DataFusionError::External(Box::new(Error::unsupported(message))));
        }
        if found && function.func.name() == "count" {
            params.args = std::mem::take(&mut params.args).into_iter().map(key_of).collect();
        }
    }
    Ok(Transformed::yes(Expr::AggregateFunction(function)))
}

fn in_window(mut function: WindowFunction, schema: &DFSchema) -> PlanResult<Transformed<Expr>> {
    let params = &mut function.params;
    let partition = std::mem::take(&mut params.partition_by);
    params.partition_by = partition.into_iter().map(|value| key(value, schema)).collect::<PlanResult<_>>()?;
    // Offsets of a range are added to the values themselves.
    if !params.partition_by.iter().any(marker::is_by_distance) {
        params.order_by = ordered(std::mem::take(&mut params.order_by), schema)?;
    }
    Ok(Transformed::yes(Expr::WindowFunction(Box::new(function))))
}

fn ordered(order: Vec<SortExpr>, schema: &DFSchema) -> PlanResult<Vec<SortExpr>> {
    let by_key = |item: SortExpr| {
        if sql_type(&item.expr, schema) == Some(SqlType::Json) {
            return Err(without("ordering"));
        }
        Ok(SortExpr { expr: key(item.expr, schema)?, ..item })
    };
    order.into_iter().map(by_key).collect()
}

fn joined(join: Join) -> PlanResult<Join> {
    let mut on = Vec::with_capacity(join.on.len());
    let mut changed = false;
    for (left, right) in join.on {
        let sides = (sql_type(&left, join.left.schema()), sql_type(&right, join.right.schema()));
        if let (Some(one), Some(other)) = &sides
            && let Some(wanted) = united(&[one.arrow(), other.arrow()])
            && (matches!(one, SqlType::AnyNumeric(_)) || matches!(other, SqlType::AnyNumeric(_)))
        {
            let same = |side: Expr, kind: &SqlType| match *kind == wanted {
                true => side,
                false => crate::compile::function::cast_to(side, &wanted),
            };
            let (left, right) = (same(left, one), same(right, other));
            on.push(if wanted == SqlType::NUMERIC { (key_of(left), key_of(right)) } else { (left, right) });
            changed = true;
            continue;
        }
        let by_key = has_key(sql_type(&left, join.left.schema()).as_ref())?
            && has_key(sql_type(&right, join.right.schema()).as_ref())?;
        changed |= by_key;
        on.push(if by_key { (key_of(left), key_of(right)) } else { (left, right) });
    }
    if !changed {
        return Ok(Join { on, ..join });
    }
    Join::try_new(
        join.left,
        join.right,
        on,
        join.filter,
        join.join_type,
        // The columns of USING were merged before; a key is none.
        JoinConstraint::On,
        join.null_equality,
        join.null_aware,
    )
}
