//! Operators where DataFusion's meaning is not PostgreSQL's: on dates, times, intervals and JSON; and constant texts, which are of the
//! type of what they are compared with.

use std::sync::Arc;

use crate::compile::parse::{BinaryOperator, DISTINCT, NOT_DISTINCT};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{Column, DFSchema, ScalarValue, TableReference};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::Operator;
use datafusion::logical_expr::expr::{BinaryExpr, Placeholder, ScalarFunction};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, RawDictionaryExpr};
use datafusion::prelude::{Expr, lit};

use super::container;
use super::datetime::operator;
use super::definition::{Argument, Definition, external};
use super::math::{bit, exact, remainder};
use super::pattern::{like, matching};
use super::row;
use super::text::{concat, position};
use crate::compile::analyze::strict::{comparable, plain_name};
use crate::compile::analyze::{field_of, remembered, tagged_again};
use crate::error::{Error, code};
use crate::types::SqlType;

/// The hook of the SQL planner.
#[derive(Debug)]
pub(super) struct Operators;

impl ExprPlanner for Operators {
    /// `column.field`, `table.column.field`.
    fn plan_compound_identifier(
        &self,
        field: &Field,
        qualifier: Option<&TableReference>,
        nested_names: &[String],
    ) -> PlanResult<PlannerResult<Vec<Expr>>> {
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        Ok(PlannerResult::Planned(nested_names.iter().fold(column, |row, name| row::field_of(row, name))))
    }

    fn plan_binary_op(&self, raw: RawBinaryExpr, schema: &DFSchema) -> PlanResult<PlannerResult<RawBinaryExpr>> {
        // A CASE over jsonb is jsonb.
        let RawBinaryExpr { op, left, right } = raw;
        let raw = RawBinaryExpr { op, left: remembered(left, schema).data, right: remembered(right, schema).data };
        let (left, right) = (sql_type(&raw.left, schema), sql_type(&raw.right, schema));
        let is_array = |side: &Option<SqlType>| matches!(side, Some(SqlType::Array(_)));
        let is_time = |side: &Option<SqlType>| {
            matches!(
                side,
                Some(SqlType::Date | SqlType::Time | SqlType::Timestamp | SqlType::TimestampTz | SqlType::Interval)
            )
        };
        let timely = is_time(&left) || is_time(&right);
        let known =
            |side: &Expr, sql_type: &Option<SqlType>| if is_constant_text(side) { None } else { sql_type.clone() };
        let sides = [known(&raw.left, &left), known(&raw.right, &right)];
        check_types(&raw.op, [&sides[0], &sides[1]])?;
        check_unknown(&raw, &sides)?;
        if let Some(operator) = distinct(&raw.op) {
            let raw = RawBinaryExpr { op: BinaryOperator::Eq, ..raw };
            let PlannerResult::Original(raw) = compared(raw, left, right) else {
                return Err(external(Error::internal("a comparison was planned otherwise")));
            };
            let test = BinaryExpr::new(Box::new(raw.left), operator, Box::new(raw.right));
            return Ok(PlannerResult::Planned(Expr::BinaryExpr(test)));
        }
        let definition = match container::operator(&raw, &left, &right) {
            Some(definition) => definition,
            None => match operator_of(&raw.op, timely, is_array(&left) || is_array(&right)) {
                Some(definition) => definition,
                None => return Ok(compared(raw, left, right)),
            },
        };
        let operands = with_parameters(definition, [raw.left, raw.right], schema)?;
        Ok(PlannerResult::Planned(call(definition, operands)))
    }

    /// A whole number as it is written, or a CASE: the parser marks them so.
    fn plan_dictionary_literal(
        &self,
        mut raw: RawDictionaryExpr,
        schema: &DFSchema,
    ) -> PlanResult<PlannerResult<RawDictionaryExpr>> {
        match raw.values.pop() {
            Some(number @ Expr::Literal(..)) => Ok(PlannerResult::Planned(whole_number(number))),
            Some(case @ Expr::Case(_)) => Ok(PlannerResult::Planned(tagged_again(case, schema).data)),
            other => {
                raw.values.extend(other);
                Ok(PlannerResult::Original(raw))
            }
        }
    }
}

/// A whole number as PostgreSQL types it: integer if it fits, else bigint, else numeric.
fn whole_number(number: Expr) -> Expr {
    match number {
        Expr::Literal(ScalarValue::Int64(Some(value)), metadata) => match i32::try_from(value) {
            Ok(value) => Expr::Literal(ScalarValue::Int32(Some(value)), metadata),
            Err(_) => Expr::Literal(ScalarValue::Int64(Some(value)), metadata),
        },
        Expr::Literal(ScalarValue::UInt64(Some(value)), metadata) => {
            Expr::Literal(ScalarValue::Decimal128(Some(i128::from(value)), 20, 0), metadata)
        }
        other => other,
    }
}

/// `IS [NOT] DISTINCT FROM`.
fn distinct(op: &BinaryOperator) -> Option<Operator> {
    match op {
        BinaryOperator::Custom(name) if name == DISTINCT => Some(Operator::IsDistinctFrom),
        BinaryOperator::Custom(name) if name == NOT_DISTINCT => Some(Operator::IsNotDistinctFrom),
        _ => None,
    }
}

/// The function of an operator on times, numbers and texts.
fn operator_of(op: &BinaryOperator, timely: bool, beside_array: bool) -> Option<&'static Definition> {
    Some(match op {
        BinaryOperator::Plus if timely => &operator::ADD,
        BinaryOperator::Minus if timely => &operator::SUBTRACT,
        BinaryOperator::Multiply if timely => &operator::MULTIPLY,
        BinaryOperator::Divide if timely => &operator::DIVIDE,
        BinaryOperator::PGExp => &exact::POWER,
        BinaryOperator::Modulo => &remainder::OPERATOR,
        BinaryOperator::BitwiseAnd => &bit::AND,
        BinaryOperator::BitwiseOr => &bit::OR,
        BinaryOperator::PGBitwiseXor => &bit::XOR,
        BinaryOperator::PGBitwiseShiftLeft => &bit::LEFT,
        BinaryOperator::PGBitwiseShiftRight => &bit::RIGHT,
        BinaryOperator::PGStartsWith => &position::STARTS_WITH,
        BinaryOperator::PGLikeMatch => &like::LIKE,
        BinaryOperator::PGNotLikeMatch => &like::NOT_LIKE,
        BinaryOperator::PGILikeMatch => &like::ILIKE,
        BinaryOperator::PGNotILikeMatch => &like::NOT_ILIKE,
        BinaryOperator::PGRegexMatch => &matching::MATCHES,
        BinaryOperator::PGRegexNotMatch => &matching::NOT_MATCHES,
        BinaryOperator::PGRegexIMatch => &matching::MATCHES_ANY_CASE,
        BinaryOperator::PGRegexNotIMatch => &matching::NOT_MATCHES_ANY_CASE,
        BinaryOperator::StringConcat if !beside_array => &concat::OPERATOR,
        _ => return None,
    })
}

/// Refuses what PostgreSQL does not convert for an operator: conditions that are none, numbers beside texts.
fn check_types(op: &BinaryOperator, sides: [&Option<SqlType>; 2]) -> PlanResult<()> {
    let [left, right] = sides;
    match op {
        _ if !matches!(op, BinaryOperator::And | BinaryOperator::Or) && !goes_with_enum(op, sides) => {
            let message =
                format!("operator does not exist: {} {op} {}", plain_or_unknown(left), plain_or_unknown(right));
            let hint =
                "No operator matches the given name and argument types. You might need to add explicit type casts.";
            Err(external(Error::new(code::UNDEFINED_FUNCTION, message).hint(hint)))
        }
        BinaryOperator::And | BinaryOperator::Or => {
            let is_condition = |side: &&Option<SqlType>| matches!(side, None | Some(SqlType::Boolean));
            let Some(wrong) = sides.into_iter().find(|side| !is_condition(side)) else { return Ok(()) };
            let message = format!(
                "argument of {op} must be type boolean, not type {}",
                wrong.as_ref().map(plain_name).unwrap_or_default()
            );
            Err(external(Error::new(code::DATATYPE_MISMATCH, message)))
        }
        BinaryOperator::Eq
        | BinaryOperator::NotEq
        | BinaryOperator::Lt
        | BinaryOperator::LtEq
        | BinaryOperator::Gt
        | BinaryOperator::GtEq => {
            let operator = match op {
                BinaryOperator::Eq => Operator::Eq,
                BinaryOperator::NotEq => Operator::NotEq,
                BinaryOperator::Lt => Operator::Lt,
                BinaryOperator::LtEq => Operator::LtEq,
                BinaryOperator::Gt => Operator::Gt,
                _ => Operator::GtEq,
            };
            comparable(left.as_ref(), operator, right.as_ref())
        }
        _ => Ok(()),
    }
}

fn plain_or_unknown(side: &Option<SqlType>) -> String {
    side.as_ref().map_or_else(|| "unknown".to_string(), plain_name)
}

/// Two constants without a type tell no operator. Errors: 42725.
fn check_unknown(raw: &RawBinaryExpr, sides: &[Option<SqlType>; 2]) -> PlanResult<()> {
    use BinaryOperator::{Divide, Minus, Modulo, Multiply, Plus};
    let is_constant = |side: &Expr| matches!(side, Expr::Literal(..));
    let unknown = sides.iter().all(Option::is_none) && is_constant(&raw.left) && is_constant(&raw.right);
    let day = |known: &Option<SqlType>, other: &Expr| *known == Some(SqlType::Date) && is_constant_text(other);
    let beside_date = raw.op == Plus && (day(&sides[0], &raw.right) || day(&sides[1], &raw.left));
    if !beside_date && (!unknown || !matches!(raw.op, Plus | Minus | Multiply | Divide | Modulo)) {
        return Ok(());
    }
    let name = |side: &Option<SqlType>| side.as_ref().map_or_else(|| "unknown".to_string(), plain_name);
    let message = format!("operator is not unique: {} {} {}", name(&sides[0]), raw.op, name(&sides[1]));
    let hint = "Could not choose a best candidate operator. You might need to add explicit type casts.";
    Err(external(Error::new(code::AMBIGUOUS_FUNCTION, message).hint(hint)))
}

/// Whether an operator has such operands, as far as one is of an enum type: values of one type can be compared, and labels joined to texts.
fn goes_with_enum(op: &BinaryOperator, sides: [&Option<SqlType>; 2]) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq, StringConcat};
    let is_enum = |side: &Option<SqlType>| matches!(side, Some(SqlType::Enum(_)));
    if !sides.into_iter().any(is_enum) {
        return true;
    }
    let compares = matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq) || distinct(op).is_some();
    match (op, sides) {
        (StringConcat, _) => true,
        (_, [Some(SqlType::Enum(left)), Some(SqlType::Enum(right))]) if compares => {
            left == right || left.is_any() || right.is_any()
        }
        (_, sides) if compares => sides.contains(&&None),
        _ => sides.into_iter().any(|side| matches!(side, Some(SqlType::Array(_)))),
    }
}

/// What an expression of one of these operators looks like with DataFusion's operator, for EXPLAIN.
pub(super) fn as_operator(definition: &'static Definition, arguments: &[Expr]) -> Option<Expr> {
    let [left, right] = arguments else { return None };
    let operator = match definition.name {
        "+" => Operator::Plus,
        "-" => Operator::Minus,
        "*" => Operator::Multiply,
        "/" => Operator::Divide,
        "->" => Operator::Arrow,
        "->>" => Operator::LongArrow,
        "#>" => Operator::HashArrow,
        "#>>" => Operator::HashLongArrow,
        "@>" => Operator::AtArrow,
        "<@" => Operator::ArrowAt,
        "%" => Operator::Modulo,
        "&" => Operator::BitwiseAnd,
        "|" => Operator::BitwiseOr,
        "#" => Operator::BitwiseXor,
        "<<" => Operator::BitwiseShiftLeft,
        ">>" => Operator::BitwiseShiftRight,
        "||" => Operator::StringConcat,
        "~~" => Operator::LikeMatch,
        "~~*" => Operator::ILikeMatch,
        "!~~" => Operator::NotLikeMatch,
        "!~~*" => Operator::NotILikeMatch,
        "~" => Operator::RegexMatch,
        "~*" => Operator::RegexIMatch,
        "!~" => Operator::RegexNotMatch,
        "!~*" => Operator::RegexNotIMatch,
        _ => return None,
    };
    Some(Expr::BinaryExpr(BinaryExpr::new(Box::new(left.clone()), operator, Box::new(right.clone()))))
}

/// A comparison with a constant text beside something that is no text: the text is read as the other side's type.
fn compared(raw: RawBinaryExpr, left: Option<SqlType>, right: Option<SqlType>) -> PlannerResult<RawBinaryExpr> {
    let compares = matches!(
        raw.op,
        BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq
    );
    // DataFusion has no comparison of lists with lists of lists, nor with those of the other representation of numeric.
    let by_keys = match (&left, &right) {
        (Some(one @ SqlType::Array(_)), Some(other @ SqlType::Array(_))) => {
            one.dimensions() != other.dimensions() || one != other && one.element().is_numeric()
        }
        _ => false,
    };
    let RawBinaryExpr { op, left: left_side, right: right_side } = raw;
    // A time is compared with an interval as one.
    let (left_side, right_side) = match (&left, &right) {
        (Some(SqlType::Time), Some(SqlType::Interval)) => (super::cast_to(left_side, &SqlType::Interval), right_side),
        (Some(SqlType::Interval), Some(SqlType::Time)) => (left_side, super::cast_to(right_side, &SqlType::Interval)),
        _ => (left_side, right_side),
    };
    if compares && by_keys {
        let [left, right] = [left_side, right_side].map(|side| call(&super::order::sort_key::DEFINITION, vec![side]));
        return PlannerResult::Original(RawBinaryExpr { op, left, right });
    }
    if compares && let (Some(one), Some(other)) = (&left, &right) {
        let (converted, [left_side, right_side]) = alike([(left_side, one), (right_side, other)]);
        let raw = RawBinaryExpr { op, left: left_side, right: right_side };
        return if converted { PlannerResult::Original(raw) } else { compared_constants(raw, compares, (left, right)) };
    }
    compared_constants(RawBinaryExpr { op, left: left_side, right: right_side }, compares, (left, right))
}

/// A numeric of any size beside another number: both of that type, or double precision beside a float. Others as they are; tells which.
fn alike(sides: [(Expr, &SqlType); 2]) -> (bool, [Expr; 2]) {
    use SqlType::{AnyNumeric, BigInt, Double, Integer, Numeric, Real, SmallInt};
    let kinds = sides.each_ref().map(|(_, kind)| *kind);
    let numbers =
        kinds.iter().all(|kind| kind.is_numeric() || matches!(kind, SmallInt | Integer | BigInt | Real | Double));
    let any = kinds.iter().any(|kind| matches!(kind, AnyNumeric(_)));
    if !numbers || !any || kinds.iter().all(|kind| matches!(kind, AnyNumeric(_))) {
        return (false, sides.map(|(side, _)| side));
    }
    let float = kinds.iter().any(|kind| matches!(kind, Real | Double));
    let converted = sides.map(|(side, kind)| match kind {
        AnyNumeric(_) if float => super::cast_to(side, &Double),
        SmallInt | Integer | BigInt | Numeric(..) if !float => super::widened(side),
        _ => side,
    });
    (true, converted)
}

/// A comparison with a constant text.
fn compared_constants(
    raw: RawBinaryExpr,
    compares: bool,
    (left, right): (Option<SqlType>, Option<SqlType>),
) -> PlannerResult<RawBinaryExpr> {
    let RawBinaryExpr { op, left: left_side, right: right_side } = raw;
    let (left_side, right_side) = match (is_constant_text(&left_side), is_constant_text(&right_side)) {
        (false, true) if compares => beside(left_side, left, right_side),
        (true, false) if compares => {
            let (right, left) = beside(right_side, right, left_side);
            (left, right)
        }
        _ => (left_side, right_side),
    };
    PlannerResult::Original(RawBinaryExpr { op, left: left_side, right: right_side })
}

fn is_constant_text(expression: &Expr) -> bool {
    matches!(expression, Expr::Literal(ScalarValue::Utf8(Some(_)), _))
}

/// A value of a type, and a constant text beside it that is read as that type.
pub(in crate::compile) fn beside(value: Expr, kind: Option<SqlType>, constant: Expr) -> (Expr, Expr) {
    let Some(kind) = kind.filter(|kind| !matches!(kind, SqlType::Text | SqlType::Varchar(_))) else {
        return (value, constant);
    };
    if !kind.is_numeric() {
        return (value, call(&super::cast::DEFINITION, vec![constant, lit(kind.of_constants().spelled())]));
    }
    // As many digits as are written, so that nothing is rounded before the comparison.
    let written = super::cast::unbounded_numeric(&Argument::of(Some(SqlType::Text), &constant));
    match (kind, written) {
        (SqlType::Numeric(..), SqlType::Numeric(..)) => {
            (value, call(&super::cast::DEFINITION, vec![constant, lit("numeric")]))
        }
        (SqlType::Numeric(..), _) => (super::widened(value), super::widened(constant)),
        _ => (value, super::widened(constant)),
    }
}

fn call(definition: &'static Definition, arguments: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(super::function(definition)), arguments))
}

/// Gives parameters without a type the one that the operator wants.
fn with_parameters(definition: &'static Definition, operands: [Expr; 2], schema: &DFSchema) -> PlanResult<Vec<Expr>> {
    let arguments: Vec<Argument> =
        operands.iter().map(|operand| Argument::of(sql_type(operand, schema), operand)).collect();
    let wanted = (definition.types)(&arguments).map_err(external)?.map(|(wanted, _)| wanted).unwrap_or_default();
    let mut wanted = wanted.into_iter();
    let typed = operands.map(|operand| match (operand, wanted.next()) {
        (Expr::Placeholder(Placeholder { id, field: None }), Some(wanted)) => {
            Expr::Placeholder(Placeholder::new_with_field(id, Some(Arc::new(wanted.field("")))))
        }
        (operand, _) => operand,
    });
    Ok(typed.into())
}

/// `None` for NULL, for parameters without a type and where the type cannot be told.
pub(super) fn sql_type(expression: &Expr, schema: &DFSchema) -> Option<SqlType> {
    let field = field_of(expression, schema).ok()?;
    (*field.data_type() != DataType::Null).then(|| SqlType::of(&field))
}
