//! How a function is declared and run: what DataFusion wants to know, in fewer words.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, new_empty_array, new_null_array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::DataFusionError;
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

use crate::error::{Error, Result, code};
use crate::format::text::TimeZone;
use crate::types::SqlType;

/// The types that a function's arguments are converted to, and its result's; `None` if there is no such function.
pub(super) type Types = Result<Option<(Vec<SqlType>, SqlType)>>;

/// One function.
pub(in crate::compile) struct Definition {
    /// Its name in SQL.
    pub(super) name: &'static str,
    /// Other names.
    pub(super) aliases: &'static [&'static str],
    /// Whether it may answer otherwise the next time.
    pub(super) volatility: Volatility,
    /// The types for these arguments.
    pub(super) types: fn(&[Argument]) -> Types,
    /// The values. NULL is the function's business.
    pub(super) evaluate: fn(&Call) -> Result<ArrayRef>,
}

impl Definition {
    /// A function of its arguments alone.
    pub(super) const fn immutable(
        name: &'static str,
        types: fn(&[Argument]) -> Types,
        evaluate: fn(&Call) -> Result<ArrayRef>,
    ) -> Definition {
        Definition { name, aliases: &[], volatility: Volatility::Immutable, types, evaluate }
    }
}

/// An argument as it is known before anything runs.
pub(super) struct Argument {
    /// Its type; `None` for NULL and for parameters of unknown type.
    pub(super) sql_type: Option<SqlType>,
    /// Its value if it is a constant text.
    pub(super) text: Option<String>,
    /// Its value if it is a constant whole number.
    pub(super) integer: Option<i64>,
}

impl Argument {
    /// An argument as it stands in a query.
    pub(super) fn of(sql_type: Option<SqlType>, expression: &Expr) -> Argument {
        let scalar = match expression {
            Expr::Literal(scalar, _) => Some(scalar),
            _ => None,
        };
        Argument::new(sql_type, scalar)
    }

    fn new(sql_type: Option<SqlType>, scalar: Option<&ScalarValue>) -> Argument {
        // A constant that was read as jsonb is no text any more.
        let is_text = matches!(sql_type, None | Some(SqlType::Text));
        Argument { text: text(scalar).filter(|_| is_text), integer: integer(scalar), sql_type }
    }

    /// Whether integer takes it without being asked to.
    pub(super) fn is_integer(&self) -> bool {
        match &self.sql_type {
            Some(SqlType::SmallInt | SqlType::Integer) => true,
            _ => self.is_untyped(),
        }
    }

    /// The type, with text for what has none.
    pub(super) fn or_text(&self) -> SqlType {
        self.sql_type.clone().unwrap_or(SqlType::Text)
    }

    /// The type's name in messages: without precision, and `unknown` for texts whose type is yet unknown.
    pub(super) fn shown_type(&self) -> String {
        match &self.sql_type {
            _ if self.is_untyped() => "unknown".to_string(),
            Some(SqlType::Numeric(..) | SqlType::AnyNumeric(_)) => "numeric".to_string(),
            Some(SqlType::Varchar(_)) => "character varying".to_string(),
            Some(SqlType::Char(_)) => "character".to_string(),
            Some(other) => other.to_string(),
            None => "unknown".to_string(),
        }
    }

    /// Whether it is a text, or a constant that may be one.
    pub(super) fn is_text(&self) -> bool {
        self.is_untyped() || self.sql_type.as_ref().is_some_and(SqlType::is_text)
    }

    /// Whether a constant of any type can stand here: NULL or a text.
    pub(super) fn is_untyped(&self) -> bool {
        self.sql_type.is_none() || self.text.is_some()
    }
}

/// A call over a batch.
pub(super) struct Call {
    /// The arguments, of the types that [`Definition::types`] gave.
    pub(super) arguments: Vec<ArrayRef>,
    /// The same arguments' types as they were given, with what Arrow does not tell (uuid, jsonb).
    pub(super) given: Vec<SqlType>,
    /// The result's type.
    pub(super) result: SqlType,
    /// Rows of the arguments and of the result.
    pub(super) rows: usize,
    /// The session's time zone.
    pub(super) time_zone: TimeZone,
}

/// A [`Definition`] as DataFusion takes it.
pub(super) struct Function {
    pub(super) definition: &'static Definition,
    aliases: Vec<String>,
    signature: Signature,
}

impl Function {
    pub(super) fn new(definition: &'static Definition) -> Self {
        let aliases = definition.aliases.iter().map(ToString::to_string).collect();
        // DataFusion asks for the types only where there are arguments.
        let signature = match (definition.types)(&[]) {
            Ok(Some(_)) => {
                Signature::one_of(vec![TypeSignature::Nullary, TypeSignature::UserDefined], definition.volatility)
            }
            _ => Signature::user_defined(definition.volatility),
        };
        Function { definition, aliases, signature }
    }

    fn types(&self, arguments: &[Argument]) -> PlanResult<(Vec<SqlType>, SqlType)> {
        let found = (self.definition.types)(arguments).map_err(external)?;
        found.ok_or_else(|| external(self.undefined(arguments)))
    }

    fn undefined(&self, arguments: &[Argument]) -> Error {
        undefined(self.definition.name, arguments)
    }
}

/// There is no such function or operator for these arguments.
pub(super) fn undefined(name: &str, arguments: &[Argument]) -> Error {
    let types: Vec<String> = arguments.iter().map(Argument::shown_type).collect();
    // What answers the rows of a function as an array is named after it.
    let name = name.trim_end_matches("[]");
    let is_operator = !name.starts_with(|letter: char| letter.is_ascii_alphabetic());
    let message = match types.as_slice() {
        [one] if is_operator => format!("operator does not exist: {name} {one}"),
        [one, other] if is_operator => format!("operator does not exist: {one} {name} {other}"),
        _ => format!("function {name}({}) does not exist", types.join(", ")),
    };
    let what = if is_operator { "operator" } else { "function" };
    Error::new(code::UNDEFINED_FUNCTION, message).hint(format!(
        "No {what} matches the given name and argument types. You might need to add explicit type casts."
    ))
}

/// Wraps our error for its way through DataFusion; [`crate::compile::expr`] takes it out again.
pub(in crate::compile) fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.definition.name)
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.definition, other.definition)
    }
}

impl Eq for Function {}

impl std::hash::Hash for Function {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.definition.name.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.definition.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Converts what no column of ours has (unsigned numbers, views of texts, other units of time) to what one would have.
    /// The rest is done when the function runs, since only then the SQL types are known.
    fn coerce_types(&self, arguments: &[DataType]) -> PlanResult<Vec<DataType>> {
        Ok(arguments.iter().map(|kind| if kind.is_null() { DataType::Null } else { plain(kind) }).collect())
    }

    fn return_type(&self, _arguments: &[DataType]) -> PlanResult<DataType> {
        Err(external(Error::internal(format!("the type of {} depends on its arguments", self.definition.name))))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> PlanResult<FieldRef> {
        let arguments: Vec<Argument> =
            args.arg_fields.iter().zip(args.scalar_arguments).map(|(field, scalar)| argument(field, *scalar)).collect();
        Ok(Arc::new(self.types(&arguments)?.1.field(self.definition.name)))
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> PlanResult<ExprSimplifyResult> {
        if let Some(case) = super::condition::coalesce::as_case(self.definition, &args, info) {
            return Ok(ExprSimplifyResult::Simplified(case));
        }
        if let (Some(value), []) = (super::datetime::now::at(self.definition, info), args.as_slice()) {
            return Ok(ExprSimplifyResult::Simplified(Expr::Literal(value, None)));
        }
        Ok(match super::in_list::as_list(self.definition, &args, info) {
            Some(list) => ExprSimplifyResult::Simplified(list),
            None => ExprSimplifyResult::Original(args),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> PlanResult<ColumnarValue> {
        // A volatile function has another value in every row.
        let is_constant = self.definition.volatility != Volatility::Volatile
            && args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        if !is_constant && args.number_rows == 0 {
            return Ok(ColumnarValue::Array(new_empty_array(args.return_field.data_type())));
        }
        let rows = if is_constant { 1 } else { args.number_rows };
        let described: Vec<Argument> = args
            .arg_fields
            .iter()
            .zip(&args.args)
            .map(|(field, value)| match value {
                ColumnarValue::Scalar(scalar) => argument(field, Some(scalar)),
                ColumnarValue::Array(_) => argument(field, None),
            })
            .collect();
        let (wanted, _) = self.types(&described)?;
        let time_zone = time_zone(args.config_options.execution.time_zone.as_deref()).map_err(external)?;
        let mut arguments = Vec::with_capacity(args.args.len());
        for ((value, argument), wanted) in args.args.iter().zip(&described).zip(wanted) {
            arguments.push(converted(value.to_array(rows)?, argument, &wanted, time_zone)?);
        }
        let call = Call {
            arguments,
            given: described.iter().map(Argument::or_text).collect(),
            result: SqlType::of(&args.return_field),
            rows,
            time_zone,
        };
        let values = (self.definition.evaluate)(&call).map_err(external)?;
        match is_constant {
            true => Ok(ColumnarValue::Scalar(crate::batch::scalar(&values, 0)?)),
            false => Ok(ColumnarValue::Array(values)),
        }
    }
}

fn time_zone(name: Option<&str>) -> Result<TimeZone> {
    name.map_or(Ok(TimeZone::default()), TimeZone::parse)
}

/// An argument of a query that is not analyzed yet.
pub(super) fn argument(field: &Field, scalar: Option<&ScalarValue>) -> Argument {
    let sql_type = (!field.data_type().is_null()).then(|| SqlType::of(field));
    Argument::new(sql_type, scalar)
}

fn text(scalar: Option<&ScalarValue>) -> Option<String> {
    scalar.and_then(|scalar| scalar.try_as_str().flatten()).map(str::to_string)
}

fn integer(scalar: Option<&ScalarValue>) -> Option<i64> {
    match scalar? {
        ScalarValue::Int16(value) => value.map(i64::from),
        ScalarValue::Int32(value) => value.map(i64::from),
        ScalarValue::Int64(value) => *value,
        _ => None,
    }
}

/// The type that a column of ours has for values of `kind`.
fn plain(kind: &DataType) -> DataType {
    match kind {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            let inner = plain(item.data_type());
            DataType::List(Arc::new(Field::new("item", inner, true).with_metadata(item.metadata().clone())))
        }
        // A constant like 3e9 has a negative scale.
        DataType::Decimal128(_, scale) if *scale < 0 => DataType::Decimal128(38, 0),
        DataType::Decimal256(..) => DataType::LargeBinary,
        // The session's zone stays: it is how instants were shown to the function.
        DataType::Timestamp(_, zone) => {
            DataType::Timestamp(datafusion::arrow::datatypes::TimeUnit::Microsecond, zone.clone())
        }
        _ => SqlType::of(&Field::new("", kind.clone(), true)).arrow(),
    }
}

/// An argument's values in the type that the function wants.
fn converted(values: ArrayRef, argument: &Argument, wanted: &SqlType, time_zone: TimeZone) -> PlanResult<ArrayRef> {
    let target = wanted.arrow();
    match &argument.sql_type {
        // Blanks at the end are none of a text.
        Some(SqlType::Char(_)) if matches!(wanted, SqlType::Text | SqlType::Varchar(_)) => {
            Ok(super::cast::trimmed(&values))
        }
        _ if *values.data_type() == target => Ok(values),
        None => Ok(new_null_array(&target, values.len())),
        // Instants are the same whatever zone they are shown in, and lists whatever their items are called.
        Some(from) if from == wanted => Ok(cast(&values, &target)?),
        Some(from) => super::cast::convert(&values, from, wanted, time_zone).map_err(external),
    }
}

/// The values of one argument as texts; NULL where `rows` asks.
pub(super) fn texts(values: &ArrayRef) -> &datafusion::arrow::array::StringArray {
    datafusion::arrow::array::AsArray::as_string::<i32>(values.as_ref())
}

/// Runs `value` for every row where no argument is NULL.
pub(super) fn strict<T>(call: &Call, mut value: impl FnMut(usize) -> Result<T>) -> Result<Vec<Option<T>>> {
    (0..call.rows)
        .map(|row| match call.arguments.iter().any(|argument| argument.is_null(row)) {
            true => Ok(None),
            false => value(row).map(Some),
        })
        .collect()
}
