//! The branches of a UNION one after the other. DataFusion has a partition for each, and merges partitions in tasks of their own, which
//! compute on the threads that the rest of the server waits on.

use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::internal_err;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result as PlanResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::Boundedness;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use futures::{StreamExt, TryStreamExt, stream};

/// Puts [`OneByOneExec`] around unions; to be the first rule, before any other merges their partitions.
#[derive(Debug)]
pub(super) struct OneByOne;

impl PhysicalOptimizerRule for OneByOne {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let around = |node: Arc<dyn ExecutionPlan>| match node.downcast_ref::<UnionExec>() {
            Some(_) => Ok(Transformed::yes(Arc::new(OneByOneExec::new(node)) as Arc<dyn ExecutionPlan>)),
            None => Ok(Transformed::no(node)),
        };
        Ok(plan.transform_up(around)?.data)
    }

    fn name(&self) -> &str {
        "one_by_one"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// All partitions of its input as one, of whose rows nothing is claimed.
#[derive(Debug)]
pub(super) struct OneByOneExec {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl OneByOneExec {
    /// The operator over `input`.
    pub(super) fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            Partitioning::UnknownPartitioning(1),
            input.pipeline_behavior(),
            Boundedness::Bounded,
        );
        OneByOneExec { input, properties: Arc::new(properties) }
    }
}

impl DisplayAs for OneByOneExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("OneByOneExec")
    }
}

impl ExecutionPlan for OneByOneExec {
    fn name(&self) -> &str {
        "OneByOneExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        match children.pop() {
            Some(input) if children.is_empty() => Ok(Arc::new(OneByOneExec::new(input))),
            _ => internal_err!("partitions of one input are read one by one"),
        }
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> PlanResult<TreeNodeRecursion>,
    ) -> PlanResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, _partition: usize, context: Arc<TaskContext>) -> PlanResult<SendableRecordBatchStream> {
        let (input, count) = (Arc::clone(&self.input), self.input.output_partitioning().partition_count());
        let rows = stream::iter(0..count).map(move |at| input.execute(at, Arc::clone(&context))).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.input.schema(), rows)))
    }
}
