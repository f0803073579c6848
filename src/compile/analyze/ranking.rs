//! `row_number`, `rank`, `dense_rank` and `ntile` with PostgreSQL's result types; DataFusion counts in unsigned numbers, which SQL
//! does not have.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::{SortOptions, cast};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result as PlanResult;
use datafusion::functions_window::{ntile, rank, row_number};
use datafusion::logical_expr::function::{ExpressionArgs, PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{PartitionEvaluator, Signature, WindowUDF, WindowUDFImpl};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::scalar::ScalarValue;

/// The functions.
pub(super) fn functions() -> Vec<Arc<WindowUDF>> {
    [
        (row_number::row_number_udwf(), DataType::Int64),
        (rank::rank_udwf(), DataType::Int64),
        (rank::dense_rank_udwf(), DataType::Int64),
        (ntile::ntile_udwf(), DataType::Int32),
    ]
    .into_iter()
    .map(|(function, result)| Arc::new(WindowUDF::new_from_impl(Ranking { function, result })))
    .collect()
}

/// A ranking function with another result type.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Ranking {
    function: Arc<WindowUDF>,
    result: DataType,
}

impl WindowUDFImpl for Ranking {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn signature(&self) -> &Signature {
        self.function.signature()
    }

    fn expressions(&self, arguments: ExpressionArgs) -> Vec<Arc<dyn PhysicalExpr>> {
        self.function.expressions(arguments)
    }

    fn partition_evaluator(&self, arguments: PartitionEvaluatorArgs) -> PlanResult<Box<dyn PartitionEvaluator>> {
        let evaluator = self.function.partition_evaluator_factory(arguments)?;
        Ok(Box::new(RankingEvaluator { evaluator, result: self.result.clone() }))
    }

    fn field(&self, arguments: WindowUDFFieldArgs) -> PlanResult<FieldRef> {
        Ok(Arc::new(Field::new(arguments.name(), self.result.clone(), true)))
    }

    fn sort_options(&self) -> Option<SortOptions> {
        self.function.sort_options()
    }
}

/// Converts what the wrapped evaluator answers.
#[derive(Debug)]
struct RankingEvaluator {
    evaluator: Box<dyn PartitionEvaluator>,
    result: DataType,
}

impl PartitionEvaluator for RankingEvaluator {
    fn get_range(&self, row: usize, rows: usize) -> PlanResult<Range<usize>> {
        self.evaluator.get_range(row, rows)
    }

    fn is_causal(&self) -> bool {
        self.evaluator.is_causal()
    }

    fn evaluate_all(&mut self, values: &[ArrayRef], rows: usize) -> PlanResult<ArrayRef> {
        Ok(cast(&self.evaluator.evaluate_all(values, rows)?, &self.result)?)
    }

    fn evaluate(&mut self, values: &[ArrayRef], range: &Range<usize>) -> PlanResult<ScalarValue> {
        self.evaluator.evaluate(values, range)?.cast_to(&self.result)
    }

    fn evaluate_all_with_rank(&self, rows: usize, ranks: &[Range<usize>]) -> PlanResult<ArrayRef> {
        Ok(cast(&self.evaluator.evaluate_all_with_rank(rows, ranks)?, &self.result)?)
    }

    fn supports_bounded_execution(&self) -> bool {
        self.evaluator.supports_bounded_execution()
    }

    fn uses_window_frame(&self) -> bool {
        self.evaluator.uses_window_frame()
    }

    fn include_rank(&self) -> bool {
        self.evaluator.include_rank()
    }
}
