//! The logical node of window functions, which replaces DataFusion's after types are known.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, DFSchemaRef, TableReference, internal_err};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::expr::{Cast, NullTreatment, WindowFunction};
use datafusion::logical_expr::{
    ExprSchemable, Extension, LogicalPlan, SortExpr, UserDefinedLogicalNodeCore, Window, WindowFunctionDefinition,
};
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

use super::frame::{Frame, Units};
use super::{Argument, WindowCall, function, marker};
use crate::compile::analyze::any_numeric::{is_exact, is_number};
use crate::compile::function::external;
use crate::decimal::{Decimal, encoding};
use crate::error::{Error, Result, code};
use crate::types::SqlType;

/// Calls over windows with one PARTITION BY and ORDER BY; output is the input's columns, then the calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::compile) struct WindowNode {
    pub(in crate::compile) input: LogicalPlan,
    pub(in crate::compile) partition: Vec<Expr>,
    pub(in crate::compile) order: Vec<SortExpr>,
    pub(in crate::compile) calls: Vec<Call>,
    schema: DFSchemaRef,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::compile) struct Call {
    pub(in crate::compile) function: WindowFunctionDefinition,
    arguments: Vec<Expr>,
    filter: Option<Expr>,
    frame: Frame<Expr>,
    relation: Option<TableReference>,
    field: FieldRef,
}

/// Replaces DataFusion's window nodes, inner queries included. `zone` is the session's.
/// Errors: what PostgreSQL complains about in windows; 0A000 for RANGE over a type that has no distances.
pub(in crate::compile) fn windows(plan: LogicalPlan, zone: &str) -> PlanResult<LogicalPlan> {
    let replaced = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Window(window) => replaced(window, zone).map(Transformed::yes),
        other => Ok(Transformed::no(other)),
    })?;
    Ok(replaced.data)
}

/// The node, if a plan is one.
pub(in crate::compile) fn of(extension: &Extension) -> Option<&WindowNode> {
    extension.node.as_any().downcast_ref()
}

fn replaced(window: Window, zone: &str) -> PlanResult<LogicalPlan> {
    let width = window.input.schema().fields().len();
    let mut node: Option<(Vec<Expr>, Vec<SortExpr>)> = None;
    let mut calls = Vec::with_capacity(window.window_expr.len());
    for (at, expression) in window.window_expr.into_iter().enumerate() {
        let Expr::WindowFunction(call) = expression.unalias_nested().data else {
            return internal_err!("a window without a window function");
        };
        let (relation, field) = window.schema.qualified_field(width + at);
        refuse(&call).map_err(external)?;
        let WindowFunction { fun, params } = *call;
        let mut frame = Frame::default_in(zone);
        let mut partition: Vec<Expr> = Vec::new();
        for expression in params.partition_by {
            if let Some(found) = marker::frame(&expression, zone) {
                frame = found;
            } else if !matches!(expression, Expr::Literal(..)) && !partition.contains(&expression) {
                partition.push(expression);
            }
        }
        let frame = with_types(frame, &params.order_by, window.input.schema())?;
        let (relation, field) = (relation.cloned(), Arc::clone(field));
        let filter = params.filter.map(|filter| *filter);
        calls.push(Call { function: fun, arguments: params.args, filter, frame, relation, field });
        node.get_or_insert((partition, params.order_by));
    }
    let (partition, order) = node.unwrap_or_default();
    let mut input = Arc::unwrap_or_clone(window.input);
    if let LogicalPlan::Extension(extension) = &input
        && let Some(below) = of(extension)
        && below.partition == partition
        && below.order == order
        && calls.iter().flat_map(Call::expressions).all(|expression| is_over(expression, below.input.schema()))
    {
        calls = below.calls.iter().cloned().chain(calls).collect();
        input = below.input.clone();
    }
    let node = WindowNode::new(input, partition, order, calls)?;
    Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
}

/// What PostgreSQL does not have.
fn refuse(call: &WindowFunction) -> Result<()> {
    let unsupported = |message: String| Err(Error::unsupported(message));
    let aggregate = matches!(call.fun, WindowFunctionDefinition::AggregateUDF(_));
    if call.params.distinct {
        return unsupported("DISTINCT is not implemented for window functions".to_string());
    }
    if call.params.filter.is_some() && !aggregate {
        return unsupported("FILTER is not implemented for non-aggregate window functions".to_string());
    }
    if call.params.null_treatment == Some(NullTreatment::IgnoreNulls) {
        return unsupported("IGNORE NULLS is not supported".to_string());
    }
    if function::function(&call.fun).is_none() {
        return unsupported(format!("window function {}() is not supported", call.fun.name()));
    }
    Ok(())
}

fn is_over(expression: &Expr, schema: &DFSchema) -> bool {
    expression.column_refs().into_iter().all(|column| schema.has_column(column))
}

/// The frame with offsets of the types that running it takes.
fn with_types(frame: Frame<Expr>, order: &[SortExpr], schema: &DFSchema) -> PlanResult<Frame<Expr>> {
    let misuse = |message: &str| external(Error::new(code::WINDOWING_ERROR, message));
    if frame.units == Units::Groups && order.is_empty() {
        return Err(misuse("GROUPS mode requires an ORDER BY clause"));
    }
    if frame.offsets().next().is_none() {
        return Ok(frame);
    }
    if frame.units == Units::Range && order.len() != 1 {
        return Err(misuse("RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column"));
    }
    let words = match frame.units {
        Units::Rows => "ROWS",
        Units::Groups => "GROUPS",
        Units::Range => "RANGE",
    };
    let sorted = order.first().map(|sort| sort.expr.get_type(schema)).transpose()?;
    frame.map(|offset| {
        if !offset.column_refs().is_empty() {
            let message = format!("argument of {words} must not contain variables");
            return Err(external(Error::new(code::INVALID_COLUMN_REFERENCE, message)));
        }
        let given = offset.get_type(&DFSchema::empty()).unwrap_or(DataType::Null);
        let wanted = match (frame.units, &sorted) {
            (Units::Range, Some(sorted)) => distance_type(sorted, &given),
            _ => count_type(words, &given),
        };
        let wanted = wanted.map_err(external)?;
        let offset = match (frame.units, &given) {
            // Rows are counted in whole numbers, to which others are rounded.
            (Units::Rows | Units::Groups, DataType::Decimal128(..) | DataType::Float32 | DataType::Float64) => {
                Expr::Cast(Cast::new(Box::new(offset.clone()), DataType::Decimal128(38, 0)))
            }
            _ => offset.clone(),
        };
        if wanted == DataType::LargeBinary {
            return Ok(crate::compile::function::widened(offset));
        }
        Ok(if wanted == given { offset } else { Expr::Cast(Cast::new(Box::new(offset), wanted)) })
    })
}

fn is_whole(kind: &DataType) -> bool {
    matches!(kind, DataType::Int16 | DataType::Int32 | DataType::Int64)
}

/// Whether a constant without a type may stand there: NULL, a text, a parameter.
fn is_unknown(kind: &DataType) -> bool {
    matches!(kind, DataType::Null | DataType::Utf8)
}

fn count_type(words: &str, given: &DataType) -> Result<DataType> {
    if given.is_numeric() || is_unknown(given) {
        return Ok(DataType::Int64);
    }
    let message = format!("argument of {words} must be type bigint, not type {}", name(given));
    Err(Error::new(code::DATATYPE_MISMATCH, message))
}

/// The type of distances between values of a type.
fn distance_type(sorted: &DataType, given: &DataType) -> Result<DataType> {
    let interval = SqlType::Interval.arrow();
    match sorted {
        kind if is_whole(kind) && (is_whole(given) || is_unknown(given)) => Ok(DataType::Int64),
        DataType::Float32 | DataType::Float64 if given.is_numeric() || is_unknown(given) => Ok(DataType::Float64),
        DataType::Decimal128(..) => match given {
            DataType::Decimal128(_, scale) => Ok(DataType::Decimal128(38, *scale)),
            kind if is_whole(kind) => Ok(DataType::Decimal128(38, 0)),
            kind if is_unknown(kind) => Ok(DataType::Decimal128(38, 10)),
            _ => Err(no_distance(sorted, given)),
        },
        DataType::LargeBinary if is_exact(given) || is_unknown(given) => Ok(DataType::LargeBinary),
        DataType::Date32 | DataType::Timestamp(TimeUnit::Microsecond, _) | DataType::Interval(_)
            if *given == interval || is_unknown(given) =>
        {
            Ok(interval)
        }
        _ => Err(no_distance(sorted, given)),
    }
}

fn no_distance(sorted: &DataType, given: &DataType) -> Error {
    let column = name(sorted);
    let has_distances = is_whole(sorted)
        || is_number(sorted)
        || matches!(sorted, DataType::Date32 | DataType::Timestamp(..) | DataType::Interval(_));
    if !has_distances {
        let message = "RANGE with offset PRECEDING/FOLLOWING is not supported for column type";
        return Error::unsupported(format!("{message} {column}"));
    }
    let message = "RANGE with offset PRECEDING/FOLLOWING is not supported for column type";
    Error::unsupported(format!("{message} {column} and offset type {}", name(given)))
        .hint("Cast the offset value to an appropriate type.")
}

fn name(kind: &DataType) -> String {
    match kind {
        DataType::Decimal128(..) | DataType::LargeBinary => "numeric".to_string(),
        kind => SqlType::of(&Field::new("", kind.clone(), true)).to_string(),
    }
}

impl Call {
    fn expressions(&self) -> impl Iterator<Item = &Expr> {
        self.arguments.iter().chain(&self.filter).chain(self.frame.offsets())
    }

    /// The call that runs: `place` tells where an expression's values are, `constant` the value of an offset.
    fn compiled(
        &self,
        place: &dyn Fn(&Expr) -> Option<usize>,
        constant: &dyn Fn(&Expr) -> PlanResult<ScalarValue>,
    ) -> PlanResult<WindowCall> {
        let missing = || external(Error::internal("a window's column was not made"));
        let arguments = self.arguments.iter().map(|argument| match bare(argument) {
            Expr::Literal(value, _) => Ok(Argument::Constant(value.clone())),
            other => place(other).map(Argument::Column).ok_or_else(missing),
        });
        let mut names = ["starting", "ending"].into_iter();
        if self.frame.start.offset().is_none() {
            names.next();
        }
        let frame = self.frame.map(|offset| {
            let value = constant(bare(offset))?;
            checked(value, self.frame.units, names.next().unwrap_or("ending")).map_err(external)
        })?;
        Ok(WindowCall {
            function: function::function(&self.function).ok_or_else(missing)?,
            arguments: arguments.collect::<PlanResult<_>>()?,
            filter: self.filter.as_ref().map(|filter| place(bare(filter)).ok_or_else(missing)).transpose()?,
            frame,
            field: Arc::new(self.field.as_ref().clone().with_nullable(true)),
            text: format!("{}() over (…)", self.function.name()),
        })
    }
}

/// An offset must be there and not negative.
fn checked(value: ScalarValue, units: Units, name: &str) -> Result<ScalarValue> {
    if value.is_null() {
        return Err(Error::new(code::NULL_VALUE_NOT_ALLOWED, format!("frame {name} offset must not be null")));
    }
    let negative = match &value {
        ScalarValue::Int64(Some(value)) => *value < 0,
        ScalarValue::Decimal128(Some(value), ..) => *value < 0,
        ScalarValue::Float64(Some(value)) => *value < 0.0 || value.is_nan(),
        ScalarValue::LargeBinary(Some(bytes)) => {
            let value = encoding::read(bytes);
            value.sign() < 0 || value == Decimal::NaN
        }
        ScalarValue::IntervalMonthDayNano(Some(value)) => crate::canonical::interval_nanoseconds(*value) < 0,
        _ => false,
    };
    match (negative, units) {
        (false, _) => Ok(value),
        (true, Units::Range) => {
            let message = "invalid preceding or following size in window function";
            Err(Error::new(code::INVALID_PRECEDING_OR_FOLLOWING_SIZE, message))
        }
        (true, _) => {
            let message = format!("frame {name} offset must not be negative");
            Err(Error::new(code::INVALID_PRECEDING_OR_FOLLOWING_SIZE, message))
        }
    }
}

/// The optimizer gives expressions names.
pub(in crate::compile) fn bare(expression: &Expr) -> &Expr {
    match expression {
        Expr::Alias(alias) => bare(&alias.expr),
        other => other,
    }
}

impl WindowNode {
    fn new(input: LogicalPlan, partition: Vec<Expr>, order: Vec<SortExpr>, calls: Vec<Call>) -> PlanResult<Self> {
        let fields = input.schema().iter().map(|(relation, field)| (relation.cloned(), Arc::clone(field)));
        let fields = fields.chain(calls.iter().map(|call| (call.relation.clone(), Arc::clone(&call.field)))).collect();
        let schema = Arc::new(DFSchema::new_with_metadata(fields, HashMap::new())?);
        Ok(WindowNode { input, partition, order, calls, schema })
    }

    /// The output columns.
    pub(in crate::compile) fn output(&self) -> &DFSchemaRef {
        &self.schema
    }

    /// The expressions whose values the evaluation needs as columns: those of PARTITION BY, of ORDER BY, then the others.
    pub(in crate::compile) fn columns(&self) -> Vec<Expr> {
        let calls = self.calls.iter().flat_map(|call| {
            let constant = |argument: &&Expr| !matches!(bare(argument), Expr::Literal(..));
            call.arguments.iter().filter(constant).chain(&call.filter)
        });
        let sorts = self.order.iter().map(|sort| &sort.expr);
        self.partition.iter().chain(sorts).chain(calls).map(|expression| bare(expression).clone()).collect()
    }

    /// The calls for evaluation; `positions` are where the values of [`WindowNode::columns`] are, `constant` evaluates an expression
    /// without columns.
    pub(in crate::compile) fn compiled(
        &self,
        positions: &[usize],
        constant: &dyn Fn(&Expr) -> PlanResult<ScalarValue>,
    ) -> PlanResult<Vec<WindowCall>> {
        let columns = self.columns();
        let place = |expression: &Expr| columns.iter().position(|column| column == expression).map(|at| positions[at]);
        self.calls.iter().map(|call| call.compiled(&place, constant)).collect()
    }
}

impl PartialOrd for WindowNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for WindowNode {
    fn name(&self) -> &str {
        "Windows"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        let sorts = self.order.iter().map(|sort| &sort.expr);
        let calls = self.calls.iter().flat_map(Call::expressions);
        self.partition.iter().chain(sorts).chain(calls).cloned().collect()
    }

    /// All but those that are the same in all rows of a partition.
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        let is_key = |(relation, field): (Option<&TableReference>, &FieldRef)| {
            self.partition.iter().any(|key| *key == Expr::Column((relation, field).into()))
        };
        self.schema.iter().filter(|column| !is_key(*column)).map(|(_, field)| field.name().clone()).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let calls: Vec<&str> = self.calls.iter().map(|call| call.function.name()).collect();
        write!(f, "Windows: {}", calls.join(", "))
    }

    fn with_exprs_and_inputs(&self, expressions: Vec<Expr>, inputs: Vec<LogicalPlan>) -> PlanResult<Self> {
        let mut expressions = expressions.into_iter();
        let mut next = || match expressions.next() {
            Some(expression) => Ok(expression.unalias_nested().data),
            None => internal_err!("a window lost an expression"),
        };
        let partition = self.partition.iter().map(|_| next()).collect::<PlanResult<_>>()?;
        let mut order = self.order.clone();
        for sort in &mut order {
            sort.expr = next()?;
        }
        let mut calls = self.calls.clone();
        for call in &mut calls {
            for argument in call.arguments.iter_mut().chain(&mut call.filter) {
                *argument = next()?;
            }
            call.frame = call.frame.map(|_| next())?;
        }
        match <[LogicalPlan; 1]>::try_from(inputs) {
            Ok([input]) => WindowNode::new(input, partition, order, calls),
            Err(_) => internal_err!("a window has one input"),
        }
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let width = self.input.schema().fields().len();
        Some(vec![output_columns.iter().copied().filter(|column| *column < width).collect()])
    }
}
