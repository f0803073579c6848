//! `try(expression)`: NULL where the expression is an error. A function gets values and no errors, so the call is replaced in the compiled
//! expression by [`Attempt`]; where that is not done (in arguments of aggregates of a SELECT), an error stays an error.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, new_null_array};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{FieldRef, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};

use super::definition::{Argument, Call, Definition, Types};
use crate::compile::expr::reason;
use crate::error::{Result, code};

pub(super) static DEFINITION: Definition =
    Definition::immutable("try", types, |call: &Call| -> Result<ArrayRef> { Ok(Arc::clone(&call.arguments[0])) });

fn types(arguments: &[Argument]) -> Types {
    let [value] = arguments else { return Ok(None) };
    Ok(Some((vec![value.or_text()], value.or_text())))
}

/// Whether a part of a compiled expression is a call of `try`.
pub(in crate::compile) fn is_attempt(part: &Arc<dyn PhysicalExpr>) -> bool {
    part.downcast_ref::<ScalarFunctionExpr>().is_some_and(|call| call.fun().name() == DEFINITION.name)
}

/// The compiled expression with every call of `try` answering NULL for errors.
pub(in crate::compile) fn with_attempts(expression: Arc<dyn PhysicalExpr>) -> PlanResult<Arc<dyn PhysicalExpr>> {
    let changed = expression.transform_up(|part| {
        if !is_attempt(&part) {
            return Ok(Transformed::no(part));
        }
        Ok(Transformed::yes(Arc::new(Attempt { call: part }) as Arc<dyn PhysicalExpr>))
    })?;
    Ok(changed.data)
}

/// A call of `try`: computed for all rows at once and, if that fails, by halves down to the rows that fail.
#[derive(Debug, Eq)]
struct Attempt {
    call: Arc<dyn PhysicalExpr>,
}

impl Attempt {
    fn pieces(&self, batch: &RecordBatch, range: Range<usize>, pieces: &mut Vec<ArrayRef>) -> PlanResult<()> {
        let failure = match self.call.evaluate(&batch.slice(range.start, range.len())) {
            Ok(values) => {
                pieces.push(values.into_array(range.len())?);
                return Ok(());
            }
            Err(failure) => failure,
        };
        if range.len() <= 1 {
            if reason(&failure).code == code::INTERNAL_ERROR {
                return Err(failure);
            }
            pieces.push(new_null_array(&self.call.data_type(&batch.schema())?, range.len()));
            return Ok(());
        }
        let middle = range.start + range.len() / 2;
        self.pieces(batch, range.start..middle, pieces)?;
        self.pieces(batch, middle..range.end, pieces)
    }
}

// Written out because the derived ones cannot compare behind a pointer to a trait.
impl PartialEq for Attempt {
    fn eq(&self, other: &Self) -> bool {
        self.call.eq(&other.call)
    }
}

impl Hash for Attempt {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.call.hash(state);
    }
}

impl PhysicalExpr for Attempt {
    fn evaluate(&self, batch: &RecordBatch) -> PlanResult<ColumnarValue> {
        let mut pieces = Vec::new();
        self.pieces(batch, 0..batch.num_rows(), &mut pieces)?;
        let pieces: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
        Ok(ColumnarValue::Array(concat(&pieces)?))
    }

    fn return_field(&self, input: &Schema) -> PlanResult<FieldRef> {
        self.call.return_field(input)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.call]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> PlanResult<Arc<dyn PhysicalExpr>> {
        let call = children.into_iter().next().unwrap_or_else(|| Arc::clone(&self.call));
        Ok(Arc::new(Attempt { call }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call.fmt_sql(f)
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call.fmt(f)
    }
}
