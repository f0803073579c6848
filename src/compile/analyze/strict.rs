//! What PostgreSQL refuses for its types: conditions that are not boolean, and comparisons of values of types that have no order among each
//! other. DataFusion would convert numbers to texts, and anything to conditions.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DataFusionError};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::expr::{
    AggregateFunction, Between, BinaryExpr, InList, InSubquery, SetComparison, WindowFunction,
};
use datafusion::logical_expr::{Aggregate, Join, JoinConstraint, LogicalPlan, Operator};
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

use super::field::field_of;
use super::types::compares;
use crate::error::{Error, code};
use crate::types::SqlType;

/// Checks an expression whose parts are checked. Errors: 42804 for conditions that are none, 42883 for values that cannot be compared.
pub(super) fn check(expression: &Expr, schema: &DFSchema) -> PlanResult<()> {
    match expression {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if matches!(op, Operator::And | Operator::Or) => {
            condition(left, schema, &op.to_string())?;
            condition(right, schema, &op.to_string())
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(*op) => {
            // PostgreSQL looks for the operator that both are made of.
            let shown = match op {
                Operator::IsDistinctFrom | Operator::IsNotDistinctFrom => Operator::Eq,
                other => *other,
            };
            compare(left, shown, right, schema)
        }
        Expr::Not(inner) => condition(inner, schema, "NOT"),
        Expr::IsTrue(inner) => condition(inner, schema, "IS TRUE"),
        Expr::IsNotTrue(inner) => condition(inner, schema, "IS NOT TRUE"),
        Expr::IsFalse(inner) => condition(inner, schema, "IS FALSE"),
        Expr::IsNotFalse(inner) => condition(inner, schema, "IS NOT FALSE"),
        Expr::IsUnknown(inner) => condition(inner, schema, "IS UNKNOWN"),
        Expr::IsNotUnknown(inner) => condition(inner, schema, "IS NOT UNKNOWN"),
        Expr::Between(Between { expr, low, high, negated }) => {
            let (from, to) = if *negated { (Operator::Lt, Operator::Gt) } else { (Operator::GtEq, Operator::LtEq) };
            compare(expr, from, low, schema)?;
            compare(expr, to, high, schema)
        }
        Expr::InList(InList { expr, list, negated }) => {
            let op = if *negated { Operator::NotEq } else { Operator::Eq };
            list.iter().try_for_each(|item| compare(expr, op, item, schema))
        }
        Expr::Case(case) => match &case.expr {
            Some(value) => {
                // A constant to begin with is a text.
                let left = known(value, schema).or_else(|| is_constant_text(value).then_some(SqlType::Text));
                let whens = case.when_then_expr.iter();
                whens
                    .map(|(when, _)| when)
                    .try_for_each(|when| comparable(left.as_ref(), Operator::Eq, known(when, schema).as_ref()))
            }
            None => case.when_then_expr.iter().try_for_each(|(when, _)| condition(when, schema, "CASE/WHEN")),
        },
        Expr::InSubquery(InSubquery { expr, subquery, .. }) => beside(expr, Operator::Eq, &subquery.subquery, schema),
        Expr::SetComparison(SetComparison { expr, subquery, op, .. }) => beside(expr, *op, &subquery.subquery, schema),
        Expr::ScalarFunction(call) => ambiguous(call.func.name(), &call.args),
        Expr::AggregateFunction(call) => in_aggregate(call, schema),
        Expr::WindowFunction(call) => in_window(call, schema),
        _ => Ok(()),
    }
}

/// Checks that the fractions of percentiles are the same for all rows of a group. Errors: 42803.
pub(super) fn check_fractions(aggregate: &Aggregate) -> PlanResult<()> {
    let grouped = |column: &Column| aggregate.group_expr.iter().any(|key| *key == Expr::Column(column.clone()));
    for call in &aggregate.aggr_expr {
        let Expr::AggregateFunction(AggregateFunction { func, params }) = call.clone().unalias() else { continue };
        let Some(fraction) = params.args.get(1).filter(|_| func.name().starts_with("percentile_")) else { continue };
        if let Some(column) = fraction.column_refs().into_iter().find(|column| !grouped(column)) {
            let message = format!(
                "column \"{}\" must appear in the GROUP BY clause or be used in an aggregate function",
                column.flat_name()
            );
            let detail = "Direct arguments of an ordered-set aggregate must use only grouped columns.";
            return Err(external(Error::new(code::GROUPING_ERROR, message).detail(detail)));
        }
    }
    Ok(())
}

/// Checks the columns of USING and NATURAL. Errors: 42804.
pub(super) fn check_join(join: &Join) -> PlanResult<()> {
    if join.join_constraint != JoinConstraint::Using {
        return Ok(());
    }
    for (left, right) in &join.on {
        let types = [known(left, join.left.schema()), known(right, join.right.schema())];
        if let [Some(left), Some(right)] = &types
            && !have_order(left, right)
        {
            let message = format!("JOIN/USING types {} and {} cannot be matched", plain_name(left), plain_name(right));
            return Err(external(Error::new(code::DATATYPE_MISMATCH, message)));
        }
    }
    Ok(())
}

/// Errors: 42883 for values that cannot be equal.
pub(super) fn check_comparable(left: &Expr, right: &Expr, schema: &DFSchema) -> PlanResult<()> {
    comparable(known(left, schema).as_ref(), Operator::Eq, known(right, schema).as_ref())
}

/// Whether values of both types can be compared, `None` being NULL and constants without a type. Errors: 42883.
pub(in crate::compile) fn comparable(left: Option<&SqlType>, op: Operator, right: Option<&SqlType>) -> PlanResult<()> {
    let fits = match (left, right) {
        (Some(left), Some(right)) => have_order(left, right),
        (Some(only), None) | (None, Some(only)) => *only != SqlType::Json,
        (None, None) => true,
    };
    if fits {
        return Ok(());
    }
    let name = |side: Option<&SqlType>| side.map_or_else(|| "unknown".to_string(), plain_name);
    let message = format!("operator does not exist: {} {op} {}", name(left), name(right));
    let hint = "No operator matches the given name and argument types. You might need to add explicit type casts.";
    Err(external(Error::new(code::UNDEFINED_FUNCTION, message).hint(hint)))
}

/// A type's name without digits and lengths, as messages and `pg_typeof` show it.
pub(in crate::compile) fn plain_name(kind: &SqlType) -> String {
    match kind {
        SqlType::Numeric(..) | SqlType::AnyNumeric(_) => "numeric".to_string(),
        SqlType::Varchar(_) => "character varying".to_string(),
        SqlType::Char(_) => "character".to_string(),
        // Whatever their dimensions.
        SqlType::Array(item) => format!("{}[]", plain_name(item.element())),
        other => other.to_string(),
    }
}

/// The type's name as `pg_typeof` tells it.
pub(super) fn type_name(expression: &Expr, schema: &DFSchema) -> String {
    match expression {
        Expr::Literal(ScalarValue::Utf8(Some(_)) | ScalarValue::Null, _) => "unknown".to_string(),
        other => plain_name(&super::tag::sql_type(other, schema).unwrap_or(SqlType::Text)),
    }
}

fn have_order(left: &SqlType, right: &SqlType) -> bool {
    use SqlType::{BigInt, Date, Double, Integer, Interval, Json, Real, SmallInt, Time, Timestamp, TimestampTz};
    let is_number = |kind: &SqlType| kind.is_numeric() || matches!(kind, SmallInt | Integer | BigInt | Real | Double);
    let is_day = |kind: &SqlType| matches!(kind, Date | Timestamp | TimestampTz);
    match (left, right) {
        (Json, _) | (_, Json) => false,
        (Time, Interval) | (Interval, Time) => true,
        // Field by field.
        (SqlType::Row(_), SqlType::Row(_)) => true,
        // What min and max answer tells that it is an enum, not which one.
        (SqlType::Enum(left), SqlType::Enum(right)) => left == right || left.is_any() || right.is_any(),
        (SqlType::Array(_), SqlType::Array(_)) => plain_name(left) == plain_name(right),
        _ => {
            left == right
                || is_number(left) && is_number(right)
                || left.is_text() && right.is_text()
                || is_day(left) && is_day(right)
        }
    }
}

fn compare(left: &Expr, op: Operator, right: &Expr, schema: &DFSchema) -> PlanResult<()> {
    comparable(known(left, schema).as_ref(), op, known(right, schema).as_ref())
}

/// Compares with the column of a subquery, whose constants are texts.
fn beside(value: &Expr, op: Operator, subquery: &LogicalPlan, schema: &DFSchema) -> PlanResult<()> {
    let Some(field) = subquery.schema().fields().first() else { return Ok(()) };
    let column = if field.data_type().is_null() { SqlType::Text } else { SqlType::of(field) };
    comparable(known(value, schema).as_ref(), op, Some(&column))
}

/// A condition that is none. Errors: 42804.
fn condition(expression: &Expr, schema: &DFSchema, place: &str) -> PlanResult<()> {
    let Ok(field) = field_of(expression, schema) else { return Ok(()) };
    match field.data_type() {
        DataType::Boolean | DataType::Null => Ok(()),
        _ if is_constant_text(expression) => Ok(()),
        _ => {
            let name = plain_name(&SqlType::of(&field));
            let message = format!("argument of {place} must be type boolean, not type {name}");
            Err(external(Error::new(code::DATATYPE_MISMATCH, message)))
        }
    }
}

/// Types of which PostgreSQL has no least and greatest value, and more.
fn in_aggregate(call: &AggregateFunction, schema: &DFSchema) -> PlanResult<()> {
    check_level(call)?;
    if let Some(filter) = &call.params.filter {
        condition(filter, schema, "FILTER")?;
    }
    in_call(call.func.name(), &call.params.args, schema)
}

/// An aggregate whose columns all are of a query around it belongs to that query, and DataFusion does not know. Errors: 0A000.
fn check_level(call: &AggregateFunction) -> PlanResult<()> {
    let params = &call.params;
    let keys = params.order_by.iter().map(|key| &key.expr);
    let (mut own, mut outer) = (false, false);
    for part in params.args.iter().chain(keys).chain(params.filter.as_deref()) {
        part.apply(|part| {
            own |= matches!(part, Expr::Column(_));
            outer |= matches!(part, Expr::OuterReferenceColumn(..));
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    if own || !outer {
        return Ok(());
    }
    let message = format!("{} over columns of the query around the subquery only is not supported", call.func.name());
    let hint = "Such an aggregate belongs to the query around: compute it there, and use its result in the subquery.";
    Err(external(Error::unsupported(message).hint(hint)))
}

fn in_window(call: &WindowFunction, schema: &DFSchema) -> PlanResult<()> {
    if let Some(filter) = &call.params.filter {
        condition(filter, schema, "FILTER")?;
    }
    let sums = ["sum", "avg"].contains(&call.fun.name());
    let argument = call.params.args.first().and_then(|argument| known(argument, schema));
    if sums && argument == Some(SqlType::Interval) {
        let message = format!("{}(interval) OVER is not supported", call.fun.name());
        return Err(external(Error::unsupported(message)));
    }
    in_call(call.fun.name(), &call.params.args, schema)
}

fn in_call(name: &str, arguments: &[Expr], schema: &DFSchema) -> PlanResult<()> {
    use SqlType::{Boolean, Bytea, Json, Jsonb, Uuid};
    let refused = match (name, arguments) {
        ("min" | "max", [only]) => matches!(known(only, schema), Some(Boolean | Bytea | Json | Jsonb | Uuid)),
        ("count", arguments) => arguments.len() > 1,
        _ => false,
    };
    if !refused {
        return Ok(());
    }
    let types: Vec<String> = arguments.iter().map(|argument| type_name(argument, schema)).collect();
    let message = format!("function {name}({}) does not exist", types.join(", "));
    Err(external(Error::new(code::UNDEFINED_FUNCTION, message)))
}

/// Functions of which constants without a type tell none. Errors: 42725.
fn ambiguous(name: &str, arguments: &[Expr]) -> PlanResult<()> {
    let known = matches!(name, "date_part" | "date_trunc" | "extract" | "to_char");
    if !known || arguments.len() != 2 || !arguments.iter().all(is_constant_text) {
        return Ok(());
    }
    let hint = "Could not choose a best candidate function. You might need to add explicit type casts.";
    let message = format!("function {name}(unknown, unknown) is not unique");
    Err(external(Error::new(code::AMBIGUOUS_FUNCTION, message).hint(hint)))
}

/// The type; `None` for NULL and constants without a type.
fn known(expression: &Expr, schema: &DFSchema) -> Option<SqlType> {
    if is_constant_text(expression) { None } else { super::tag::sql_type(expression, schema) }
}

fn is_constant_text(expression: &Expr) -> bool {
    matches!(expression, Expr::Literal(ScalarValue::Utf8(Some(_)), _))
}

fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
