//! Incremental execution. In: [`Delta`]s of base relations and a [`Tick`]; out: the [`Delta`] of every view at that
//! tick. Never: SQL text, sockets, wall-clock time.

// Batches of rows with weights: consolidation and partitioning.
pub mod delta;
// The fixed hash of rows.
pub mod hash;
// The operators: plain structs, testable without threads.
pub mod operator;
// Ticks, workers, sources: the only code that knows timely.
pub mod runtime;
// Operator state: a memtable over immutable hash-sorted runs.
pub mod state;

pub use delta::Delta;

use std::sync::Arc;

use crate::error::Result;

/// One consistent step of everything: the logical timestamp and all that results may depend on besides the input.
#[derive(Debug, Clone)]
pub struct Tick {
    /// Number of the tick, from 1, without gaps.
    pub t: u64,
    /// The time `now()` shows in this tick: µs since 1970-01-01 UTC; never goes back.
    pub now: i64,
    /// Bounds on event time by source; empty until a stream declares one.
    pub watermarks: Arc<[i64]>,
    /// Whether states are persisted at the end of this tick.
    pub checkpoint: bool,
}

/// Whether an operator finished its tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// All output of the tick was emitted.
    Done,
    /// Call again with the same tick and no new input.
    Yield,
}

/// A row for which an expression failed: a weighted row of `tidewater.row_errors`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowError {
    /// The expression as EXPLAIN prints it.
    pub expression: String,
    /// SQLSTATE of the reason.
    pub code: &'static str,
    /// What went wrong, e.g. `division by zero`.
    pub reason: String,
    /// The input row as a JSON object.
    pub row: String,
    /// How many such rows came (positive) or went (negative).
    pub weight: i64,
}

/// What one step of an operator emits.
#[derive(Debug, Default)]
pub struct Output {
    /// Changes of the result.
    pub rows: Vec<Delta>,
    /// Changes of the error rows; opposite weights of equal errors cancel downstream.
    pub errors: Vec<RowError>,
}

/// An incremental operator: output deltas of a tick from input deltas of that tick and own state.
///
/// The sum of all outputs up to tick t equals the operator's SQL over the sum of all inputs up to t. There is no order
/// inside a tick: an implementation consolidates before it does anything that is not linear. Errors returned are our
/// own bugs or exhausted resources and quarantine the view; failing expressions go to [`Output::errors`].
pub trait Operator: Send {
    /// Takes the deltas of `tick` (one vector per input, drained) and appends what changed to `out`.
    /// Called once per tick that has input on any worker, and again while it answers [`Step::Yield`].
    fn step(&mut self, tick: &Tick, inputs: &mut [Vec<Delta>], out: &mut Output) -> Result<Step>;

    /// Memory that the operator's state holds, in bytes (an estimate).
    fn bytes(&self) -> usize {
        0
    }

    /// Rows that the state holds, with groups and values that are kept one by one. 0 when everything that came has gone again:
    /// a group that is there without rows is not counted.
    fn state_rows(&self) -> u64 {
        0
    }

    /// The states, by name, for accounting and (later) checkpoints.
    fn states(&mut self) -> Vec<(&'static str, &mut state::StateTable)> {
        Vec::new()
    }
}
