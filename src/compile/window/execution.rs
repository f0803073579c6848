//! Window functions of ad-hoc queries: all rows are read, sorted and evaluated at once.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, UInt32Array};
use datafusion::arrow::compute::{SortOptions, concat_batches, take_arrays};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::row::{RowConverter, Rows, SortField};
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchema, DataFusionError, internal_err};
use datafusion::error::Result as PlanResult;
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, create_physical_expr};
use datafusion::physical_plan::Distribution;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, InputDistributionRequirements, Partitioning, PlanProperties, common,
};
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;
use futures::{TryStreamExt, stream};

use super::node::{WindowNode, bare};
use super::{Layout, WindowCall, evaluate};
use crate::batch::{arrow_error, batch};
use crate::canonical::comparable;
use crate::compile::analyze::filled;
use crate::compile::expr::{Evaluated, Expression};
use crate::compile::function::external;
use crate::compile::plan::SortColumn;
use crate::error::{Error, Result};

/// Rows per output batch.
const BATCH_ROWS: usize = 8_192;

/// DataFusion's planner of physical plans, with ours for windows and around outer joins.
#[derive(Debug)]
pub(in crate::compile) struct Planner;

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let planner =
            DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(Planner), Arc::new(filled::Planner)]);
        planner.create_physical_plan(plan, session).await
    }
}

#[async_trait]
impl ExtensionPlanner for Planner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> PlanResult<Option<Arc<dyn ExecutionPlan>>> {
        let Some(node) = node.as_any().downcast_ref::<WindowNode>() else { return Ok(None) };
        let ([logical], [input]) = (logical_inputs, physical_inputs) else {
            return internal_err!("a window has one input");
        };
        let windows = Windows::new(node, logical.schema(), session.execution_props(), context)?;
        Ok(Some(Arc::new(WindowExec::new(Arc::new(windows), Arc::clone(input)))))
    }
}

/// The value of an expression without columns.
pub(in crate::compile) fn constant(expression: &Expr, properties: &ExecutionProps) -> PlanResult<ScalarValue> {
    let schema = DFSchema::empty();
    let context = PhysicalPlanningContext::default();
    let physical = create_physical_expr(bare(expression), &schema, properties, &context)?;
    let row = batch(&schema.inner().clone(), Vec::new(), 1).map_err(external)?;
    let values = physical.evaluate(&row)?.into_array(1)?;
    crate::batch::scalar(&values, 0)
}

/// What to compute.
#[derive(Debug)]
struct Windows {
    /// Columns that are computed first and stand behind the input's.
    columns: Vec<Expression>,
    partition: Vec<usize>,
    order: Vec<SortColumn>,
    calls: Vec<WindowCall>,
    schema: SchemaRef,
}

impl Windows {
    fn new(
        node: &WindowNode,
        input: &DFSchema,
        properties: &ExecutionProps,
        context: &PhysicalPlanningContext,
    ) -> PlanResult<Windows> {
        let mut columns = Vec::new();
        let mut positions = Vec::new();
        for expression in node.columns() {
            let physical = create_physical_expr(&expression, input, properties, context)?;
            let field = physical.return_field(input.as_arrow())?;
            let field = Arc::new(field.as_ref().clone().with_nullable(true));
            let column = Expression::new(expression.to_string(), field, physical);
            positions.push(column.column().unwrap_or(input.fields().len() + columns.len()));
            if column.column().is_none() {
                columns.push(column);
            }
        }
        let keys = node.partition.len();
        let sorts = node.order.iter().zip(&positions[keys..]);
        let order = sorts.map(|(sort, column)| SortColumn {
            column: *column,
            descending: !sort.asc,
            nulls_first: sort.nulls_first,
        });
        Ok(Windows {
            columns,
            partition: positions[..keys].to_vec(),
            order: order.collect(),
            calls: node.compiled(&positions, &|expression| constant(expression, properties))?,
            schema: Arc::clone(node.output().inner()),
        })
    }

    /// The output for all rows of the input.
    fn run(&self, input: &RecordBatch) -> Result<Vec<RecordBatch>> {
        let mut columns = input.columns().to_vec();
        for expression in &self.columns {
            columns.push(values(expression.evaluate(input)?)?);
        }
        let (order, layout) = self.sorted(&columns, input)?;
        let columns = take_arrays(&columns, &UInt32Array::from(order), None).map_err(arrow_error)?;
        let fields: Vec<_> = input.schema().fields().iter().cloned().collect();
        let fields: Vec<_> =
            fields.into_iter().chain(self.columns.iter().map(|column| Arc::clone(&column.field))).collect();
        let schema = Arc::new(datafusion::arrow::datatypes::Schema::new(fields));
        let sorted = batch(&schema, columns, input.num_rows())?;
        let mut output = sorted.columns()[..input.num_columns()].to_vec();
        for call in &self.calls {
            output.push(values(evaluate(call, &sorted, &self.order, &layout)?)?);
        }
        let output = batch(&self.schema, output, input.num_rows())?;
        let starts = (0..output.num_rows()).step_by(BATCH_ROWS);
        Ok(starts.map(|start| output.slice(start, BATCH_ROWS.min(output.num_rows() - start))).collect())
    }

    /// The order of the rows: by partition, then as asked, ties by the whole row; and what it makes of them.
    fn sorted(&self, columns: &[ArrayRef], input: &RecordBatch) -> Result<(Vec<u32>, Layout)> {
        let plain = |column: &usize| (*column, SortOptions::default());
        let partition = encoded(columns, self.partition.iter().map(plain))?;
        let sort = |sort: &SortColumn| {
            (sort.column, SortOptions { descending: sort.descending, nulls_first: sort.nulls_first })
        };
        let order = encoded(columns, self.order.iter().map(sort))?;
        let comparable =
            |column: &usize| RowConverter::supports_fields(&[SortField::new(columns[*column].data_type().clone())]);
        let all: Vec<usize> = (0..input.num_columns()).filter(comparable).collect();
        let ties = encoded(columns, all.iter().map(plain))?;
        let mut rows: Vec<u32> = (0..input.num_rows() as u32).collect();
        let compare = |keys: &Option<Rows>, a: u32, b: u32| {
            keys.as_ref().map_or(std::cmp::Ordering::Equal, |keys| keys.row(a as usize).cmp(&keys.row(b as usize)))
        };
        rows.sort_by(|a, b| {
            let before = compare(&partition, *a, *b).then_with(|| compare(&order, *a, *b));
            before.then_with(|| compare(&ties, *a, *b))
        });
        let same = |keys: &Option<Rows>, at: usize| compare(keys, rows[at - 1], rows[at]).is_eq();
        let starts: Vec<usize> = (0..rows.len()).filter(|at| *at == 0 || !same(&partition, *at)).collect();
        let ends = starts.iter().skip(1).copied().chain([rows.len()]);
        let lengths: Vec<usize> = starts.iter().zip(ends).map(|(start, end)| end - start).collect();
        let layout = Layout::new(lengths, |at| same(&order, at));
        Ok((rows, layout))
    }
}

/// Columns as bytes that compare as their rows do; nothing if there are none.
fn encoded(columns: &[ArrayRef], keys: impl Iterator<Item = (usize, SortOptions)>) -> Result<Option<Rows>> {
    let (positions, options): (Vec<usize>, Vec<SortOptions>) = keys.unzip();
    if positions.is_empty() {
        return Ok(None);
    }
    let fields = positions.iter().zip(options);
    let fields = fields.map(|(at, options)| SortField::new_with_options(columns[*at].data_type().clone(), options));
    let keys: Vec<ArrayRef> = positions.iter().map(|at| comparable(&columns[*at])).collect();
    let converter = RowConverter::new(fields.collect()).map_err(arrow_error)?;
    converter.convert_columns(&keys).map(Some).map_err(arrow_error)
}

/// The values, or the first error: it is the statement's.
fn values(evaluated: Evaluated) -> Result<ArrayRef> {
    match evaluated.errors.into_iter().next() {
        Some((_, code, message)) => Err(Error::new(code, message)),
        None => Ok(evaluated.values),
    }
}

/// The operator.
#[derive(Debug)]
struct WindowExec {
    windows: Arc<Windows>,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl WindowExec {
    fn new(windows: Arc<Windows>, input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(SchemaRef::clone(&windows.schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        WindowExec { windows, input, properties: Arc::new(properties) }
    }
}

impl DisplayAs for WindowExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let calls: Vec<&str> = self.windows.calls.iter().map(WindowCall::name).collect();
        write!(f, "WindowExec: {}", calls.join(", "))
    }
}

impl ExecutionPlan for WindowExec {
    fn name(&self) -> &str {
        "WindowExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![Distribution::SinglePartition])
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        match children.pop() {
            Some(input) if children.is_empty() => Ok(Arc::new(WindowExec::new(Arc::clone(&self.windows), input))),
            _ => internal_err!("a window has one input"),
        }
    }

    /// The expressions are of the input as it was planned; no rule is to change them.
    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> PlanResult<TreeNodeRecursion>,
    ) -> PlanResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> PlanResult<SendableRecordBatchStream> {
        if partition != 0 {
            return internal_err!("a window has one partition");
        }
        let input = self.input.execute(0, context)?;
        let windows = Arc::clone(&self.windows);
        let output = async move {
            let schema = input.schema();
            let batches = common::collect(input).await?;
            let rows = concat_batches(&schema, &batches)?;
            let batches = windows.run(&rows).map_err(external)?;
            Ok::<_, DataFusionError>(stream::iter(batches.into_iter().map(Ok)))
        };
        let stream = stream::once(output).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(SchemaRef::clone(&self.windows.schema), stream)))
    }
}
