//! The end of queries that nobody waits for any more. DataFusion's operators compute from their first input row to their last output row
//! without a pause, so each of them gets an operator around it that hands on batches, fails when nobody waits, and cuts batches
//! so small that what reads them comes back soon.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{exec_datafusion_err, internal_err};
use datafusion::error::{DataFusionError, Result as PlanResult};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, execute_stream};
use futures::{Stream, StreamExt};

use crate::claim::Claim;
use crate::clock;

/// Rows of an operator's first batch at most; later ones are as large as their reader is fast.
const ROWS_FIRST: usize = 16;
/// Rows of the slowest reader's batches.
const ROWS_MIN: usize = 8;
/// A reader that takes longer for a batch gets half as many rows, one that is faster twice as many.
const SLOW: Duration = Duration::from_millis(100);
const FAST: Duration = Duration::from_millis(20);

/// Runs a plan until its last batch or until nobody waits for it: that is, the stream is dropped, or the [`Claim`] under which it
/// was polled last is given up.
pub(super) fn execute(
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
) -> PlanResult<SendableRecordBatchStream> {
    let run = Arc::new(Run::default());
    let around =
        |node| Ok(Transformed::yes(Arc::new(Stage { input: node, run: Arc::clone(&run) }) as Arc<dyn ExecutionPlan>));
    let stream = execute_stream(plan.transform_up(around)?.data, context)?;
    Ok(Box::pin(Root { stream, run }))
}

/// One run of a plan.
#[derive(Debug, Default)]
struct Run {
    ended: AtomicBool,
    claim: Mutex<Claim>,
}

impl Run {
    fn check(&self) -> PlanResult<()> {
        let is_over = self.ended.load(Ordering::Acquire)
            || self.claim.lock().unwrap_or_else(PoisonError::into_inner).is_given_up();
        if is_over { Err(exec_datafusion_err!("nobody waits for this query any more")) } else { Ok(()) }
    }
}

/// What the whole plan answers.
struct Root {
    stream: SendableRecordBatchStream,
    run: Arc<Run>,
}

impl Drop for Root {
    fn drop(&mut self) {
        // Tasks that operators have begun notice it.
        self.run.ended.store(true, Ordering::Release);
    }
}

impl Stream for Root {
    type Item = Result<RecordBatch, DataFusionError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(claim) = Claim::current() {
            *self.run.claim.lock().unwrap_or_else(PoisonError::into_inner) = claim;
        }
        self.stream.poll_next_unpin(context)
    }
}

impl RecordBatchStream for Root {
    fn schema(&self) -> SchemaRef {
        self.stream.schema()
    }
}

/// The operator around another one.
#[derive(Debug)]
struct Stage {
    input: Arc<dyn ExecutionPlan>,
    run: Arc<Run>,
}

impl DisplayAs for Stage {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Stage")
    }
}

impl ExecutionPlan for Stage {
    fn name(&self) -> &str {
        "Stage"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        match children.pop() {
            Some(input) if children.is_empty() => Ok(Arc::new(Stage { input, run: Arc::clone(&self.run) })),
            _ => internal_err!("a stage has one input"),
        }
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> PlanResult<TreeNodeRecursion>,
    ) -> PlanResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> PlanResult<SendableRecordBatchStream> {
        let stream = self.input.execute(partition, context)?;
        Ok(Box::pin(Paced { stream, run: Arc::clone(&self.run), rest: None, pace: Pace::default() }))
    }
}

/// How large batches are for what reads them.
struct Pace {
    rows: usize,
    /// When the last batch was handed on.
    handed: Option<Instant>,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { rows: ROWS_FIRST, handed: None }
    }
}

impl Pace {
    /// The reader comes back for more.
    fn back(&mut self, now: Instant) {
        let Some(took) = self.handed.take().map(|handed| now.saturating_duration_since(handed)) else { return };
        if took > SLOW {
            self.rows = (self.rows / 2).max(ROWS_MIN);
        } else if took < FAST {
            self.rows = self.rows.saturating_mul(2);
        }
    }
}

/// An operator's batches.
struct Paced {
    stream: SendableRecordBatchStream,
    run: Arc<Run>,
    /// What is left of a batch.
    rest: Option<RecordBatch>,
    pace: Pace,
}

impl Stream for Paced {
    type Item = Result<RecordBatch, DataFusionError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.run.check()?;
        self.pace.back(clock::instant());
        let batch = match self.rest.take() {
            Some(rest) => rest,
            None => match ready!(self.stream.poll_next_unpin(context)?) {
                Some(batch) => batch,
                None => return Poll::Ready(None),
            },
        };
        self.run.check()?;
        let rows = self.pace.rows.min(batch.num_rows());
        if rows < batch.num_rows() {
            self.rest = Some(batch.slice(rows, batch.num_rows() - rows));
        }
        self.pace.handed = Some(clock::instant());
        Poll::Ready(Some(Ok(batch.slice(0, rows))))
    }
}

impl RecordBatchStream for Paced {
    fn schema(&self) -> SchemaRef {
        self.stream.schema()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_as_large_as_their_reader_is_fast() {
        let start = clock::instant();
        let mut pace = Pace::default();
        let mut rows = |took: u64| {
            pace.handed = Some(start);
            pace.back(start + Duration::from_millis(took));
            pace.rows
        };
        assert_eq!([rows(1), rows(50), rows(200), rows(500), rows(500)], [32, 32, 16, 8, 8]);
        assert_eq!((0..9).map(|_| rows(5)).last(), Some(4096));
    }
}
