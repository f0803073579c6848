//! `+ - * /` with PostgreSQL's results: overflow and division by zero are errors, numeric keeps its digits. DataFusion wraps
//! integers around, divides floats by zero and gives quotients of numeric four digits.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array};
use datafusion::arrow::compute::kernels::numeric;
use datafusion::arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, DecimalType, Float32Type, Float64Type, i256,
};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DFSchema, DataFusionError, internal_err};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::expr::{BinaryExpr, Cast, Placeholder, ScalarFunction};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{
    ColumnarValue, ExprSchemable, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

use super::any_numeric::{digits, is_exact, is_number, operate};
use super::field::type_of;
use crate::compile::function::{self, widened};
use crate::error::{Error, code};
use crate::types::SqlType;

/// The hook of the SQL planner that makes these operators.
#[derive(Debug)]
pub(super) struct Arithmetic;

impl ExprPlanner for Arithmetic {
    fn plan_binary_op(&self, raw: RawBinaryExpr, schema: &DFSchema) -> PlanResult<PlannerResult<RawBinaryExpr>> {
        let operator = match raw.op.to_string().as_str() {
            "+" => Operator::Plus,
            "-" => Operator::Minus,
            "*" => Operator::Multiply,
            "/" => Operator::Divide,
            _ => return Ok(PlannerResult::Original(raw)),
        };
        let (left, right) = known(raw.left, raw.right, schema);
        let kinds = (type_of(&left, schema), type_of(&right, schema));
        let wanted = match &kinds {
            (Ok(left), Ok(right)) => operand_types(left, operator, right),
            _ => None,
        };
        let (Some((left_type, right_type)), (Ok(left_given), Ok(right_given))) = (wanted, &kinds) else {
            return Ok(PlannerResult::Original(RawBinaryExpr { op: raw.op, left, right }));
        };
        let operands = vec![cast_unless(left, left_given, left_type), cast_unless(right, right_given, right_type)];
        let function = Checked { operator, signature: Signature::any(2, Volatility::Immutable) };
        let function = Arc::new(ScalarUDF::new_from_impl(function));
        Ok(PlannerResult::Planned(Expr::ScalarFunction(ScalarFunction::new_udf(function, operands))))
    }
}

/// Makes the operands of one of these operators alike again, after the columns below got SQL's types. Other calls stay.
pub(super) fn adjusted(mut call: ScalarFunction, schema: &DFSchema) -> PlanResult<ScalarFunction> {
    let Some(checked) = call.func.inner().downcast_ref::<Checked>() else { return Ok(call) };
    // Casts the user wrote are calls of a function: these were put in when the columns had other types.
    let operands: Vec<Expr> = call.args.into_iter().map(|operand| without_cast(operand, schema)).collect();
    let kinds = operands.iter().map(|operand| type_of(operand, schema)).collect::<PlanResult<Vec<_>>>()?;
    let wanted = match kinds.as_slice() {
        [left, right] => operand_types(left, checked.operator, right),
        _ => None,
    };
    let Some((left, right)) = wanted else { return internal_err!("operands of an operator are no numbers any more") };
    let operands = operands.into_iter().zip(&kinds).zip([left, right]);
    call.args = operands.map(|((operand, given), wanted)| cast_unless(operand, given, wanted)).collect();
    Ok(call)
}

fn cast_unless(operand: Expr, given: &DataType, wanted: DataType) -> Expr {
    match given {
        given if *given == wanted => operand,
        DataType::LargeBinary => function::cast_to(operand, &SqlType::Double),
        _ => Expr::Cast(Cast::new(Box::new(operand), wanted)),
    }
}

fn without_cast(operand: Expr, schema: &DFSchema) -> Expr {
    match operand {
        Expr::Cast(cast) if type_of(&cast.expr, schema).is_ok_and(|kind| is_number(&kind)) => *cast.expr,
        other => other,
    }
}

/// The operator expression that an expression of [`Arithmetic`] stands for.
pub(in crate::compile) fn as_operator(expression: &Expr) -> Option<Expr> {
    let Expr::ScalarFunction(call) = expression else { return None };
    let checked = call.func.inner().downcast_ref::<Checked>()?;
    let [left, right] = call.args.as_slice() else { return None };
    Some(Expr::BinaryExpr(BinaryExpr::new(Box::new(left.clone()), checked.operator, Box::new(right.clone()))))
}

/// Parameters and quoted literals take the type of the other operand, as in PostgreSQL.
fn known(left: Expr, right: Expr, schema: &DFSchema) -> (Expr, Expr) {
    let numeric = |expression: &Expr| type_of(expression, schema).ok().filter(is_number);
    let typed = |expression: Expr, kind: &DataType| match expression {
        Expr::Placeholder(Placeholder { id, field: None }) => {
            let field = datafusion::arrow::datatypes::Field::new("", kind.clone(), true);
            Expr::Placeholder(Placeholder::new_with_field(id, Some(Arc::new(field))))
        }
        Expr::Literal(ScalarValue::Utf8(_), _) => match kind {
            // With the digits that it is written with.
            DataType::Decimal128(..) | DataType::LargeBinary => widened(expression),
            kind => expression.clone().cast_to(kind, schema).unwrap_or(expression),
        },
        Expr::Literal(ScalarValue::Null, _) if *kind == DataType::LargeBinary => widened(expression),
        other => other,
    };
    match (numeric(&left), numeric(&right)) {
        (Some(kind), None) => (left, typed(right, &kind)),
        (None, Some(kind)) => (typed(left, &kind), right),
        _ => (left, right),
    }
}

/// What the operands are converted to; `None` leaves the operator to DataFusion. Where the result has no scale of its own, numeric and
/// integer operands stay as they are.
fn operand_types(left: &DataType, operator: Operator, right: &DataType) -> Option<(DataType, DataType)> {
    if !is_number(left) || !is_number(right) {
        return None;
    }
    // A real stays one only beside another.
    let is_real = |side: &DataType| *side == DataType::Float32;
    if is_real(left) != is_real(right) || *left == DataType::Float64 || *right == DataType::Float64 {
        return Some((DataType::Float64, DataType::Float64));
    }
    let is_numeric = |side: &DataType| matches!(side, DataType::Decimal128(..) | DataType::LargeBinary);
    if (is_numeric(left) || is_numeric(right)) && is_exact(left) && is_exact(right) {
        let decimal = |kind: &DataType| digits(kind).map(|(precision, scale)| DataType::Decimal128(precision, scale));
        return match result(left, operator, right) {
            Some(_) => Some((decimal(left)?, decimal(right)?)),
            None => Some((left.clone(), right.clone())),
        };
    }
    let (left, right) = BinaryTypeCoercer::new(left, &operator, right).get_input_types().ok()?;
    match (&left, &right) {
        (DataType::Int16, DataType::Int16)
        | (DataType::Int32, DataType::Int32)
        | (DataType::Int64, DataType::Int64) => {}
        (DataType::Decimal128(..), DataType::Decimal128(..)) => {}
        (DataType::Float32, DataType::Float32) => {}
        _ => return None,
    }
    Some((left, right))
}

/// Precision and scale of a numeric result if it has the same scale for all operands of these types, and no more than 38 digits.
fn result(left: &DataType, operator: Operator, right: &DataType) -> Option<(u8, i8)> {
    let ((precision, scale), (other_precision, other_scale)) = (digits(left)?, digits(right)?);
    let (digits, scale) = match operator {
        Operator::Plus | Operator::Minus => {
            let before_point = (precision as i8 - scale).max(other_precision as i8 - other_scale);
            (before_point + scale.max(other_scale) + 1, scale.max(other_scale))
        }
        Operator::Multiply => ((precision + other_precision) as i8, scale + other_scale),
        _ => return None,
    };
    (digits <= DECIMAL128_MAX_PRECISION as i8).then_some((digits as u8, scale))
}

/// An arithmetic operator over operands of one type, integer, float or numeric.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    operator: Operator,
    signature: Signature,
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        match self.operator {
            Operator::Plus => "add",
            Operator::Minus => "subtract",
            Operator::Multiply => "multiply",
            _ => "divide",
        }
    }

    fn schema_name(&self, arguments: &[Expr]) -> PlanResult<String> {
        let names: Vec<String> = arguments.iter().map(|argument| argument.schema_name().to_string()).collect();
        Ok(format!("({})", names.join(&format!(" {} ", self.operator))))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> PlanResult<DataType> {
        match arguments {
            [left, right] if [left, right].iter().any(|side| digits(side).is_none() && is_exact(side)) => {
                Ok(DataType::LargeBinary)
            }
            [left @ DataType::Decimal128(..), right] | [left, right @ DataType::Decimal128(..)] => {
                let result = result(left, self.operator, right);
                Ok(result.map_or(DataType::LargeBinary, |(digits, scale)| DataType::Decimal128(digits, scale)))
            }
            [left, _] => Ok(left.clone()),
            _ => internal_err!("an operator has two operands"),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> PlanResult<ColumnarValue> {
        let scalar = arguments.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if scalar { 1 } else { arguments.number_rows };
        let left = arguments.args[0].to_array(rows)?;
        let right = arguments.args[1].to_array(rows)?;
        let values = match left.data_type() {
            _ if *arguments.return_type() == DataType::LargeBinary => {
                operate(self.operator, &left, &right).map_err(|error| DataFusionError::External(Box::new(error)))?
            }
            DataType::Decimal128(..) => self.decimals(&left, &right, arguments.return_type())?,
            DataType::Float32 | DataType::Float64 => self.floats(&left, &right)?,
            _ => self.integers(&left, &right)?,
        };
        if scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?));
        }
        Ok(ColumnarValue::Array(values))
    }
}

impl Checked {
    fn integers(&self, left: &ArrayRef, right: &ArrayRef) -> PlanResult<ArrayRef> {
        self.kernel(left, right).map_err(|failure| match failure {
            ArrowError::ArithmeticOverflow(_) => out_of_range(left.data_type()),
            other => other.into(),
        })
    }

    fn kernel(&self, left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef, ArrowError> {
        match self.operator {
            Operator::Plus => numeric::add(left, right),
            Operator::Minus => numeric::sub(left, right),
            Operator::Multiply => numeric::mul(left, right),
            _ => numeric::div(left, right),
        }
    }

    /// Floats: a result without limits from operands with limits is an overflow, and nothing is divided by zero.
    fn floats(&self, left: &ArrayRef, right: &ArrayRef) -> PlanResult<ArrayRef> {
        let values = self.kernel(left, right)?;
        for row in 0..values.len() {
            if values.is_null(row) {
                continue;
            }
            let (a, b, c) = (float(left, row), float(right, row), float(&values, row));
            if self.operator == Operator::Divide && b == 0.0 && !a.is_nan() {
                return Err(ArrowError::DivideByZero.into());
            }
            if c.is_infinite() && a.is_finite() && b.is_finite() {
                return Err(failure("value out of range: overflow"));
            }
            let has_factors = match self.operator {
                Operator::Multiply => a != 0.0 && b != 0.0,
                Operator::Divide => a != 0.0 && b.is_finite(),
                _ => false,
            };
            if c == 0.0 && has_factors {
                return Err(failure("value out of range: underflow"));
            }
        }
        Ok(values)
    }

    fn decimals(&self, left: &ArrayRef, right: &ArrayRef, output: &DataType) -> PlanResult<ArrayRef> {
        let scales = (scale(left.data_type()), scale(right.data_type()), scale(output));
        let (left, right) = (left.as_primitive::<Decimal128Type>(), right.as_primitive::<Decimal128Type>());
        let mut values = Vec::with_capacity(left.len());
        for row in 0..left.len() {
            let operands = (left.is_valid(row) && right.is_valid(row)).then(|| (left.value(row), right.value(row)));
            values.push(operands.map(|(a, b)| self.decimal(a, b, scales)).transpose()?);
        }
        Ok(Arc::new(Decimal128Array::from(values).with_data_type(output.clone())))
    }

    /// One numeric result; operands and result are integers with the scales (left, right, result).
    fn decimal(&self, left: i128, right: i128, (left_scale, right_scale, scale): (i8, i8, i8)) -> PlanResult<i128> {
        let (a, b) = (i256::from(left), i256::from(right));
        let value = match self.operator {
            Operator::Plus => up(a, scale - left_scale).and_then(|a| a.checked_add(up(b, scale - right_scale)?)),
            Operator::Minus => up(a, scale - left_scale).and_then(|a| a.checked_sub(up(b, scale - right_scale)?)),
            _ => Some(a.wrapping_mul(b)),
        };
        value
            .and_then(i256::to_i128)
            .filter(|value| Decimal128Type::validate_decimal_precision(*value, DECIMAL128_MAX_PRECISION, 0).is_ok())
            .ok_or_else(|| out_of_range(&DataType::Decimal128(DECIMAL128_MAX_PRECISION, scale)))
    }
}

/// `value` with more digits after the point.
fn up(value: i256, digits: i8) -> Option<i256> {
    value.checked_mul(i256::from_i128(10).checked_pow(u32::from(digits.unsigned_abs()))?)
}

fn scale(kind: &DataType) -> i8 {
    match kind {
        DataType::Decimal128(_, scale) => *scale,
        _ => 0,
    }
}

fn float(values: &ArrayRef, row: usize) -> f64 {
    match values.data_type() {
        DataType::Float32 => f64::from(values.as_primitive::<Float32Type>().value(row)),
        _ => values.as_primitive::<Float64Type>().value(row),
    }
}

fn out_of_range(kind: &DataType) -> DataFusionError {
    let name = match kind {
        DataType::Decimal128(..) => "numeric".to_string(),
        other => SqlType::of(&datafusion::arrow::datatypes::Field::new("", other.clone(), true)).to_string(),
    };
    failure(&format!("{name} out of range"))
}

fn failure(message: &str) -> DataFusionError {
    DataFusionError::External(Box::new(Error::new(code::NUMERIC_VALUE_OUT_OF_RANGE, message)))
}
