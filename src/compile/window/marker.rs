//! How a frame travels through DataFusion's planner: as a call of a function that nobody can name, last in PARTITION BY, where a
//! constant changes nothing. Its first argument says everything but the offsets, in one letter per part; the offsets follow.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::internal_err;
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

use super::{Bound, Exclusion, Frame, Units};

/// The function's name.
pub(in crate::compile) const NAME: &str = "\u{1}frame";

/// The first argument for a frame.
pub(in crate::compile) fn letters<T>(units: Units, start: &Bound<T>, end: &Bound<T>, exclusion: Exclusion) -> String {
    let units = match units {
        Units::Rows => 'r',
        Units::Range => 'v',
        Units::Groups => 'g',
    };
    let bound = |bound: &Bound<T>| match bound {
        Bound::UnboundedPreceding => '<',
        Bound::Preceding(_) => 'p',
        Bound::CurrentRow => 'c',
        Bound::Following(_) => 'f',
        Bound::UnboundedFollowing => '>',
    };
    let exclusion = match exclusion {
        Exclusion::NoOthers => 'n',
        Exclusion::CurrentRow => 'c',
        Exclusion::Group => 'g',
        Exclusion::Ties => 't',
    };
    [units, bound(start), bound(end), exclusion].into_iter().collect()
}

/// The function.
pub(in crate::compile) fn function() -> ScalarUDF {
    let any = TypeSignature::OneOf((1..=3).map(TypeSignature::Any).collect());
    ScalarUDF::new_from_impl(Marker { signature: Signature::new(any, Volatility::Immutable) })
}

/// Whether an expression is the marker of a frame that measures distances between values.
pub(in crate::compile) fn is_by_distance(expression: &Expr) -> bool {
    frame(expression, "").is_some_and(|frame| frame.units == Units::Range && frame.offsets().next().is_some())
}

/// The frame that an expression stands for, if it is a marker.
pub(super) fn frame(expression: &Expr, zone: &str) -> Option<Frame<Expr>> {
    let Expr::ScalarFunction(ScalarFunction { func, args }) = uncast(expression) else { return None };
    let (Expr::Literal(ScalarValue::Utf8(Some(letters)), _), offsets) = args.split_first()? else { return None };
    if func.name() != NAME {
        return None;
    }
    let mut letters = letters.chars();
    let units = match letters.next()? {
        'r' => Units::Rows,
        'g' => Units::Groups,
        _ => Units::Range,
    };
    let mut offsets = offsets.iter().cloned();
    let mut bound = |letter: char| {
        Some(match letter {
            '<' => Bound::UnboundedPreceding,
            'p' => Bound::Preceding(offsets.next()?),
            'f' => Bound::Following(offsets.next()?),
            '>' => Bound::UnboundedFollowing,
            _ => Bound::CurrentRow,
        })
    };
    let (start, end) = (bound(letters.next()?)?, bound(letters.next()?)?);
    let exclusion = match letters.next()? {
        'c' => Exclusion::CurrentRow,
        'g' => Exclusion::Group,
        't' => Exclusion::Ties,
        _ => Exclusion::NoOthers,
    };
    Some(Frame { units, start, end, exclusion, zone: zone.into() })
}

fn uncast(expression: &Expr) -> &Expr {
    match expression {
        Expr::Cast(cast) => uncast(&cast.expr),
        Expr::Alias(alias) => uncast(&alias.expr),
        other => other,
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Marker {
    signature: Signature,
}

impl ScalarUDFImpl for Marker {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> PlanResult<DataType> {
        Ok(DataType::Int32)
    }

    fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> PlanResult<ColumnarValue> {
        internal_err!("a frame has no value")
    }
}
