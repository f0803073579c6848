//! Types as PostgreSQL gives them: results of functions have SQL's types, instants
//! are shown in the session's time zone where SQL looks at their parts.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, DataFusionError};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::expr::{BinaryExpr, Case, Cast, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, Operator, Union, Values};
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

use super::field::type_of;
use super::{any_numeric, arithmetic, interval_sum, recursion, set_type, strict, untyped};
use crate::compile::aggregate::{NAMES, takes_doubles};
use crate::compile::function;
use crate::compile::function::condition::common_type::unified;
use crate::compile::plan::AggregateFunction;
use crate::format::text::TextOptions;
use crate::types::SqlType;

/// Functions whose result depends on the zone of an instant.
const ZONED_FUNCTIONS: [&str; 5] = ["date_trunc", "date_part", "to_char", "to_date", "date_bin"];

/// Gives all expressions of a plan, inner queries included, SQL's types; `zone` is the session's.
/// Runs once, before operands are made alike.
pub(super) fn as_sql(plan: LogicalPlan, zone: &str) -> PlanResult<LogicalPlan> {
    let plan = plan.transform_down_with_subqueries(recursion::widened)?.data;
    Ok(plan.transform_up_with_subqueries(|node| node_as_sql(node, zone).map(Transformed::yes))?.data)
}

/// The Arrow type of SQL that is nearest to `kind`, see [`SqlType`].
pub(in crate::compile) fn sql_type(kind: &DataType) -> DataType {
    match kind {
        // Counts and positions; DataFusion's unsigned results never reach half of their range.
        DataType::UInt64 => DataType::Int64,
        DataType::Decimal256(_, scale) => DataType::Decimal128(38, (*scale).min(38)),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => DataType::List(
            Arc::new(Field::new("item", sql_type(item.data_type()), true).with_metadata(item.metadata().clone())),
        ),
        other => SqlType::of(&Field::new("", other.clone(), true)).arrow(),
    }
}

fn node_as_sql(node: LogicalPlan, zone: &str) -> PlanResult<LogicalPlan> {
    // The numbers of LIMIT and OFFSET are DataFusion's own business.
    if matches!(node, LogicalPlan::Limit(_)) {
        return Ok(node);
    }
    let node = match node {
        LogicalPlan::Values(values) => return values_as_sql(values, zone),
        LogicalPlan::RecursiveQuery(query) => return recursion::as_sql(query),
        LogicalPlan::Union(union) => {
            let inputs = set_type::unified(union.inputs)?;
            return Ok(LogicalPlan::Union(Union::try_new_with_loose_types(inputs)?));
        }
        LogicalPlan::Aggregate(aggregate) => {
            strict::check_fractions(&aggregate)?;
            let (aggregate, outputs) = interval_sum::split(aggregate)?;
            if !outputs.is_empty() {
                return interval_sum::joined(node_as_sql(LogicalPlan::Aggregate(aggregate), zone)?, outputs);
            }
            LogicalPlan::Aggregate(aggregate)
        }
        LogicalPlan::Window(window) => {
            let (window, outputs) = interval_sum::split_window(window)?;
            if !outputs.is_empty() {
                return interval_sum::joined(node_as_sql(LogicalPlan::Window(window), zone)?, outputs);
            }
            LogicalPlan::Window(window)
        }
        LogicalPlan::Join(join) => {
            strict::check_join(&join)?;
            LogicalPlan::Join(join)
        }
        other => other,
    };
    let mut schema = merge_schema(&node.inputs());
    if let LogicalPlan::TableScan(scan) = &node {
        schema.merge(&DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())?);
    }
    let names = NamePreserver::new(&node);
    let node = node.map_expressions(|expression| {
        if matches!(expression, Expr::GroupingSet(_)) {
            return Ok(Transformed::no(expression));
        }
        let name = names.save(&expression);
        let typed = expression.transform_up(|expression| {
            let typed = typed(expression, &schema, zone)?;
            let typed = typed.transform_data(|expression| Ok(super::tag::remembered(expression, &schema)))?;
            typed.transform_data(|expression| super::guard::filtered(expression, &schema))
        })?;
        Ok(typed.update_data(|expression| name.restore(expression)))
    })?;
    node.data.recompute_schema()
}

/// Rows that are written out. Their constants have their types.
fn values_as_sql(values: Values, zone: &str) -> PlanResult<LogicalPlan> {
    let schema = DFSchema::empty();
    let value = |value: Expr| -> PlanResult<Expr> {
        let value = value.transform_up(|part| {
            let typed = typed(part, &schema, zone)?;
            typed.transform_data(|part| Ok(super::tag::remembered(part, &schema)))
        })?;
        Ok(value.data)
    };
    let rows = values.values.into_iter().map(|row| row.into_iter().map(value).collect());
    let rows = set_type::unified_rows(rows.collect::<PlanResult<_>>()?)?;
    LogicalPlanBuilder::values(rows)?.build()
}

/// From which of its arguments on an aggregate is over double precision, whatever numbers it is given.
fn first_double(name: &str) -> Option<usize> {
    match NAMES.iter().find(|(known, _)| *known == name) {
        Some((_, AggregateFunction::PercentileDisc)) => Some(1),
        Some((_, function)) if takes_doubles(*function) => Some(0),
        _ => None,
    }
}

fn typed(expression: Expr, schema: &DFSchema, zone: &str) -> PlanResult<Transformed<Expr>> {
    strict::check(&expression, schema)?;
    match expression {
        Expr::ScalarFunction(call) if call.func.name() == function::TYPE_OF => {
            let name = call.args.first().map(|value| strict::type_name(value, schema));
            Ok(Transformed::yes(Expr::Literal(ScalarValue::Utf8(name), None)))
        }
        Expr::Cast(cast) => cast_as_sql(cast, schema, zone).map(Transformed::yes),
        Expr::ScalarFunction(call) if function::reads_text(&call, |text| super::tag::sql_type(text, schema)) => {
            let value = call.args.into_iter().next().unwrap_or_default();
            Ok(Transformed::yes(function::widened(value)))
        }
        Expr::ScalarFunction(mut call) => {
            if !function::is_ours(&call) {
                without_blanks(&mut call.args, schema);
            }
            super::tag::check_chosen(&call, schema)?;
            let call = arithmetic::adjusted(in_zone(call, schema, zone)?, schema)?;
            let call = Expr::ScalarFunction(call);
            // A parameter without a type has none yet; such a call keeps what DataFusion will give it.
            let Ok(kind) = type_of(&call, schema) else { return Ok(Transformed::no(call)) };
            let wanted = sql_type(&kind);
            Ok(if wanted == kind { Transformed::no(call) } else { Transformed::yes(cast_to(call, wanted)) })
        }
        Expr::InList(list) => Ok(Transformed::yes(untyped::in_list(list, schema))),
        Expr::WindowFunction(mut function) if ["lag", "lead"].contains(&function.fun.name()) => {
            untyped::with_default(&function.fun, &mut function.params.args, schema)?;
            if let [value, _, default] = function.params.args.as_mut_slice() {
                let kinds = [type_of(value, schema)?, type_of(default, schema)?];
                for (side, kind) in [value, default].into_iter().zip(&kinds) {
                    if let Some(wanted) = any_numeric::united(&kinds).filter(|wanted| wanted.arrow() != *kind) {
                        *side = function::cast_to(std::mem::take(side), &wanted);
                    }
                }
            }
            Ok(Transformed::yes(Expr::WindowFunction(function)))
        }
        Expr::InSubquery(test) => any_numeric::in_subquery(test, schema).map(Transformed::yes),
        Expr::SetComparison(test) => any_numeric::set_comparison(test, schema).map(Transformed::yes),
        Expr::AggregateFunction(mut call) if first_double(call.func.name()).is_some() => {
            let first = first_double(call.func.name()).unwrap_or_default();
            if let ("percentile_cont", Some(value)) = (call.func.name(), call.params.args.first_mut()) {
                interval_sum::as_interval(value, schema);
            }
            for argument in call.params.args.iter_mut().skip(first) {
                any_numeric::as_doubles(argument, schema);
            }
            Ok(Transformed::yes(Expr::AggregateFunction(call)))
        }
        Expr::AggregateFunction(mut call) if call.func.name() == "string_agg" => {
            binary_delimiter(&mut call.params.args, schema)?;
            without_blanks(&mut call.params.args, schema);
            Ok(Transformed::yes(Expr::AggregateFunction(call)))
        }
        // JSON shows instants in the session's zone.
        Expr::AggregateFunction(mut call) if zone != "UTC" && call.func.name().starts_with("json") => {
            shown_in_zone(&mut call.params.args, schema, zone);
            Ok(Transformed::yes(Expr::AggregateFunction(call)))
        }
        Expr::Case(case) => case_as_sql(case, schema).map(Transformed::yes),
        Expr::IsNull(value) if is_row(&value, schema) => {
            Ok(Transformed::yes(null_test(*value, &function::row::null_test::IS_NULL)))
        }
        Expr::IsNotNull(value) if is_row(&value, schema) => {
            Ok(Transformed::yes(null_test(*value, &function::row::null_test::IS_NOT_NULL)))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(op) => {
            let mut sides = alike(vec![*left, *right], schema).into_iter().map(Box::new);
            let (left, right) = (sides.next().unwrap_or_default(), sides.next().unwrap_or_default());
            Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(left, op, right))))
        }
        Expr::Between(test) => Ok(Transformed::yes(untyped::between(test, schema))),
        other => Ok(Transformed::no(other)),
    }
}

/// A CASE whose conditions are such and whose branches are of one type.
fn case_as_sql(mut case: Case, schema: &DFSchema) -> PlanResult<Expr> {
    if let Some(value) = &mut case.expr {
        let whens = case.when_then_expr.iter_mut().map(|(when, _)| when.as_mut());
        let mut parts: Vec<&mut Expr> = std::iter::once(value.as_mut()).chain(whens).collect();
        let sides = as_intervals(parts.iter_mut().map(|part| std::mem::take(*part)).collect(), schema);
        parts.into_iter().zip(sides).for_each(|(part, side)| *part = side);
    }
    let otherwise = case.else_expr.take().map(|value| *value);
    let has_else = otherwise.is_some();
    let branches = case.when_then_expr.iter_mut().map(|(_, value)| std::mem::take(value.as_mut()));
    let values: Vec<Expr> = otherwise.into_iter().chain(branches).collect();
    let mut values = unified(values, schema)?.into_iter();
    case.else_expr = if has_else { values.next().map(Box::new) } else { None };
    for ((_, branch), value) in case.when_then_expr.iter_mut().zip(values) {
        **branch = value;
    }
    Ok(Expr::Case(case))
}

pub(super) fn compares(operator: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(operator, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// A type's name without precision, as most messages have it.
pub(super) fn bare_name(sql_type: &SqlType) -> String {
    match sql_type {
        SqlType::Numeric(..) | SqlType::AnyNumeric(_) => "numeric".to_string(),
        SqlType::Varchar(_) => "character varying".to_string(),
        other => other.to_string(),
    }
}

/// `IS NULL` and `IS NOT NULL` over a row, which look at its fields.
fn null_test(value: Expr, definition: &'static function::Definition) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(function::udf(definition), vec![value]))
}

fn is_row(value: &Expr, schema: &DFSchema) -> bool {
    matches!(type_of(value, schema), Ok(DataType::Struct(_)))
}

/// Whether a type is one of texts.
pub(super) fn is_text(sql_type: &SqlType) -> bool {
    matches!(sql_type, SqlType::Text | SqlType::Varchar(_))
}

/// Sides of a comparison as values of one type, where DataFusion would compare them otherwise than PostgreSQL.
pub(super) fn alike(sides: Vec<Expr>, schema: &DFSchema) -> Vec<Expr> {
    any_numeric::alike_all(as_floats(as_intervals(sides, schema), schema), schema)
}

/// Times beside intervals are such.
fn as_intervals(sides: Vec<Expr>, schema: &DFSchema) -> Vec<Expr> {
    let kinds: Vec<Option<DataType>> = sides.iter().map(|side| type_of(side, schema).ok()).collect();
    if !kinds.iter().flatten().any(|kind| matches!(kind, DataType::Interval(_))) {
        return sides;
    }
    let converted = |(side, kind): (Expr, &Option<DataType>)| match kind {
        Some(DataType::Time64(_)) => function::cast_to(side, &SqlType::Interval),
        _ => side,
    };
    sides.into_iter().zip(&kinds).map(converted).collect()
}

/// What is compared with a float is compared as double precision, as in PostgreSQL, but reals with each other; DataFusion would round the
/// float to the digits of the numeric, and an integer to a real.
fn as_floats(sides: Vec<Expr>, schema: &DFSchema) -> Vec<Expr> {
    let kinds: Vec<Option<DataType>> = sides.iter().map(|side| type_of(side, schema).ok()).collect();
    let known = || kinds.iter().flatten().filter(|kind| !kind.is_null());
    let is_decimal = |kind: &DataType| matches!(kind, DataType::Decimal128(..));
    let beside_real = known().any(|kind| *kind == DataType::Float32) && known().any(|kind| *kind != DataType::Float32);
    let beside_decimal = known().any(DataType::is_floating) && known().any(is_decimal);
    if !known().all(DataType::is_numeric) || !beside_real && !beside_decimal {
        return sides;
    }
    let converted = |(side, kind): (Expr, &Option<DataType>)| match (kind, side) {
        (Some(DataType::Decimal128(..)), Expr::Literal(decimal @ ScalarValue::Decimal128(Some(_), ..), metadata)) => {
            // By way of its digits, so that the nearest float is taken.
            let digits = decimal.cast_to(&DataType::Utf8).map(|text| text.to_string());
            match digits.ok().and_then(|digits| digits.parse().ok()) {
                Some(float) => Expr::Literal(ScalarValue::Float64(Some(float)), metadata),
                None => cast_to(Expr::Literal(decimal, metadata), DataType::Float64),
            }
        }
        (Some(DataType::Float64 | DataType::Null) | None, side) => side,
        (_, side) => cast_to(side, DataType::Float64),
    };
    sides.into_iter().zip(&kinds).map(converted).collect()
}

/// `x::timestamptz`, `x AT TIME ZONE 'z'` (which DataFusion plans as a cast to nanoseconds in that zone), and casts from instants.
fn cast_as_sql(cast: Cast, schema: &DFSchema, zone: &str) -> PlanResult<Expr> {
    let Ok(from) = type_of(&cast.expr, schema) else { return Ok(Expr::Cast(cast)) };
    let instant = matches!(from, DataType::Timestamp(_, Some(_)));
    let local = |zone: &str| DataType::Timestamp(TimeUnit::Microsecond, Some(zone.into()));
    let wanted = sql_type(cast.field.data_type());
    let given = *cast.expr;
    Ok(match cast.field.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, Some(at)) if instant => local_time(given, at),
        DataType::Timestamp(TimeUnit::Nanosecond, Some(at)) => cast_to(cast_to(given, local(at)), wanted),
        DataType::Timestamp(_, Some(_)) if instant => cast_to(given, wanted),
        DataType::Timestamp(_, Some(_)) if zone != "UTC" => cast_to(cast_to(given, local(zone)), wanted),
        DataType::Timestamp(_, None) if instant => local_time(given, zone),
        DataType::Date32 if instant => cast_to(local_time(given, zone), wanted),
        DataType::Utf8 if instant && zone != "UTC" => cast_to(cast_to(given, local(zone)), wanted),
        kind if *kind != wanted => cast_to(given, wanted),
        _ => Expr::Cast(Cast::new_from_field(Box::new(given), cast.field)),
    })
}

/// Shows instants to functions that look at their parts in the session's zone.
fn in_zone(mut call: ScalarFunction, schema: &DFSchema, zone: &str) -> PlanResult<ScalarFunction> {
    if zone == "UTC" || !ZONED_FUNCTIONS.contains(&call.func.name()) {
        return Ok(call);
    }
    shown_in_zone(&mut call.args, schema, zone);
    Ok(call)
}

/// Values of char(n) as texts, for functions that do not know of the blanks at their ends.
fn without_blanks(arguments: &mut [Expr], schema: &DFSchema) {
    for argument in arguments {
        if matches!(super::tag::sql_type(argument, schema), Some(SqlType::Char(_))) {
            *argument = function::cast_to(std::mem::take(argument), &SqlType::Text);
        }
    }
}

/// A constant beside binary strings is one of them, written as bytea is.
fn binary_delimiter(arguments: &mut [Expr], schema: &DFSchema) -> PlanResult<()> {
    if let [value, Expr::Literal(delimiter, _)] = arguments
        && matches!(type_of(value, schema), Ok(DataType::Binary))
        && let Some(Some(text)) = delimiter.try_as_str()
    {
        let bytes = crate::format::text::parse(text, &SqlType::Bytea, &TextOptions::default());
        *delimiter = bytes.map_err(|error| DataFusionError::External(Box::new(error)))?;
    }
    Ok(())
}

/// Makes instants keep the zone that they are shown in.
fn shown_in_zone(arguments: &mut [Expr], schema: &DFSchema, zone: &str) {
    for argument in arguments {
        let Ok(given) = type_of(argument, schema) else { continue };
        let local = shown_at(&given, zone);
        if local != given {
            *argument = cast_to(std::mem::take(argument), local);
        }
    }
}

/// A type whose instants are shown in a zone, those inside of arrays and rows included.
fn shown_at(kind: &DataType, zone: &str) -> DataType {
    let inside = |field: &Field| Arc::new(field.clone().with_data_type(shown_at(field.data_type(), zone)));
    match kind {
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
            DataType::Timestamp(TimeUnit::Microsecond, Some(zone.into()))
        }
        DataType::List(item) => DataType::List(inside(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|field| inside(field)).collect()),
        other => other.clone(),
    }
}

/// What clocks in a zone show at an instant, without the zone. (A cast would keep what clocks in UTC show.)
fn local_time(instant: Expr, zone: &str) -> Expr {
    function::at_time_zone(instant, zone)
}

fn cast_to(expression: Expr, kind: DataType) -> Expr {
    Expr::Cast(Cast::new(Box::new(expression), kind))
}

/// The column at a position of a schema.
pub(super) fn column(schema: &DFSchema, position: usize) -> Expr {
    Expr::Column(Column::from(schema.qualified_field(position)))
}
