//! Window functions: how calls with OVER are planned, and what they answer. Views and ad-hoc queries share one evaluation,
//! [`evaluate`]: rows of whole partitions, sorted, in; one value per row out.
//!
//! DataFusion's planner never sees a frame: the rewriting of the syntax tree puts it into a [`marker`] among the expressions of
//! PARTITION BY, so that EXCLUDE, GROUPS and offsets of any type get through. After types are known, [`node::windows`] replaces
//! DataFusion's window nodes by [`node::WindowNode`], which views lower to operators and [`execution`] runs for ad-hoc queries.

// `min`, `max` and `first_value` from row to row.
mod best;
// Other aggregates: an accumulator per frame.
mod accumulator;
// Aggregates over frames.
mod aggregate;
// Physical operator of ad-hoc queries.
pub(in crate::compile) mod execution;
// `min` and `max`.
mod extreme;
// `sum` and `avg` of floats.
mod float;
// Frames: which rows a row's function sees.
mod frame;
// The functions as the planner knows them.
pub(in crate::compile) mod function;
// Partitions and peers of sorted rows.
mod layout;
// `array_agg` and `string_agg`.
mod list;
// How a frame travels through the planner.
pub(in crate::compile) mod marker;
// Logical node.
pub(in crate::compile) mod node;
// RANGE with offsets.
mod offset;
// `row_number`, `rank`, `ntile` and their like.
mod rank;
// Calls that go on from row to row.
mod running;
// `lag`, `lead`, `first_value` and their like.
mod value;

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::{FieldRef, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::logical_expr::AggregateUDF;
use datafusion::scalar::ScalarValue;

pub use frame::{Bound, Exclusion, Frame, Units, frames};
pub use layout::Layout;
pub use running::{Before, after};

use super::expr::Evaluated;
use super::plan::SortColumn;
use crate::claim;
use crate::error::{Error, Result};

/// One call of a function over a window.
#[derive(Debug, Clone)]
pub struct WindowCall {
    /// Which function.
    pub function: Function,
    /// Its arguments.
    pub arguments: Vec<Argument>,
    /// Position of a boolean column: an aggregate leaves rows out for which it is not true.
    pub filter: Option<usize>,
    /// The rows that it sees.
    pub frame: Frame<ScalarValue>,
    /// Output column.
    pub field: FieldRef,
    /// As EXPLAIN and `tidewater.row_errors` print it.
    pub text: String,
}

/// The functions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are the SQL names")]
pub enum Function {
    RowNumber,
    Rank,
    DenseRank,
    PercentRank,
    CumeDist,
    Ntile,
    Lag,
    Lead,
    FirstValue,
    LastValue,
    NthValue,
    /// An aggregate over the frame.
    Aggregate(Arc<AggregateUDF>),
}

/// An argument of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// The column at this position.
    Column(usize),
    /// The same value for every row.
    Constant(ScalarValue),
}

/// Which other rows of the partition, at most, a row's value depends on: all those that are named.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reach {
    /// So many rows before it and after it.
    pub rows: Option<(usize, usize)>,
    /// Its peers and so many groups of peers before it and after it.
    pub groups: Option<(usize, usize)>,
    /// Those of its frame, which goes by distances.
    pub range: bool,
    /// Those before it, of which [`Before`] tells enough, and its peers.
    pub running: bool,
    /// The number of all rows.
    pub total: bool,
    /// Any.
    pub all: bool,
}

impl Reach {
    /// Any row.
    const ALL: Reach = Reach { rows: None, groups: None, range: false, running: false, total: false, all: true };

    /// Those of either.
    pub fn and(self, other: Reach) -> Reach {
        let farther = |one: Option<(usize, usize)>, other: Option<(usize, usize)>| match (one, other) {
            (Some(one), Some(other)) => Some((one.0.max(other.0), one.1.max(other.1))),
            (one, other) => one.or(other),
        };
        Reach {
            rows: farther(self.rows, other.rows),
            groups: farther(self.groups, other.groups),
            range: self.range || other.range,
            running: self.running || other.running,
            total: self.total || other.total,
            all: self.all || other.all,
        }
    }
}

/// Values of a call for all rows. `rows` are sorted by partition and order as `layout` says; `order` are their columns to order by.
/// A row for which the call fails (a sum that is out of range) is among the errors.
///
/// Cost: proportional to the rows, times a logarithm for `min`, `max` and RANGE with offsets; aggregates that cannot be taken from
/// other frames (`string_agg`, `stddev`, sums of floats) cost the rows of all frames, unless the frames only grow.
pub fn evaluate(call: &WindowCall, rows: &RecordBatch, order: &[SortColumn], layout: &Layout) -> Result<Evaluated> {
    let found = evaluate_alone(call, rows, order, layout)?;
    match best::kept(call).filter(|_| layout.is_continued()) {
        Some(kept) => Ok(Evaluated { values: best::continued(kept, found.values, layout)?, ..found }),
        None => Ok(found),
    }
}

/// The same, but that the value kept of earlier rows is left out.
fn evaluate_alone(call: &WindowCall, rows: &RecordBatch, order: &[SortColumn], layout: &Layout) -> Result<Evaluated> {
    claim::check()?;
    match &call.function {
        Function::RowNumber
        | Function::Rank
        | Function::DenseRank
        | Function::PercentRank
        | Function::CumeDist
        | Function::Ntile => rank::evaluate(call, rows, layout),
        Function::Lag | Function::Lead => value::shifted(call, rows, layout),
        Function::FirstValue | Function::LastValue | Function::NthValue => value::picked(call, rows, order, layout),
        Function::Aggregate(function) => aggregate::evaluate(function, call, rows, order, layout),
    }
}

impl WindowCall {
    /// Its name in SQL.
    pub fn name(&self) -> &str {
        self.function.name()
    }

    /// Which rows its values depend on; `input` are the columns.
    pub fn reach(&self, input: &Schema) -> Reach {
        if running::is_running(self, input) {
            let total = matches!(self.function, Function::PercentRank | Function::CumeDist | Function::Ntile);
            return Reach { running: true, total, ..Reach::default() };
        }
        match (&self.function, self.arguments.get(1)) {
            (Function::Lag | Function::Lead, offset) => {
                let offset = match offset {
                    None => Some(1),
                    Some(Argument::Constant(ScalarValue::Int32(offset))) => Some(offset.unwrap_or(0)),
                    Some(_) => None,
                };
                match offset {
                    Some(offset) => {
                        let rows = offset.unsigned_abs() as usize;
                        Reach { rows: Some((rows, rows)), ..Reach::default() }
                    }
                    None => Reach::ALL,
                }
            }
            // Only one end of the frame matters.
            (Function::FirstValue, _) if self.frame.exclusion == Exclusion::NoOthers => self.frame.start_reach(),
            (Function::LastValue, _) if self.frame.exclusion == Exclusion::NoOthers => self.frame.end_reach(),
            (Function::FirstValue | Function::LastValue | Function::NthValue | Function::Aggregate(_), _) => {
                self.frame.reach()
            }
            _ => Reach::ALL,
        }
    }

    fn argument(&self, at: usize, rows: &RecordBatch) -> Result<ArrayRef> {
        let argument =
            self.arguments.get(at).ok_or_else(|| Error::internal("a window function without its argument"))?;
        match argument {
            Argument::Column(column) => Ok(Arc::clone(rows.column(*column))),
            Argument::Constant(value) => {
                value.to_array_of_size(rows.num_rows()).map_err(|failure| Error::internal(failure.to_string()))
            }
        }
    }

    /// For each row whether an aggregate takes it; `None` if it takes all.
    fn passing(&self, rows: &RecordBatch) -> Option<Vec<bool>> {
        let filter = rows.column(self.filter?).as_boolean();
        Some(filter.iter().map(|passes| passes == Some(true)).collect())
    }
}

impl Function {
    /// Its name in SQL.
    pub fn name(&self) -> &str {
        match self {
            Function::RowNumber => "row_number",
            Function::Rank => "rank",
            Function::DenseRank => "dense_rank",
            Function::PercentRank => "percent_rank",
            Function::CumeDist => "cume_dist",
            Function::Ntile => "ntile",
            Function::Lag => "lag",
            Function::Lead => "lead",
            Function::FirstValue => "first_value",
            Function::LastValue => "last_value",
            Function::NthValue => "nth_value",
            Function::Aggregate(function) => function.name(),
        }
    }
}

/// Values without errors.
fn all(values: ArrayRef) -> Evaluated {
    Evaluated { values, errors: Vec::new() }
}
