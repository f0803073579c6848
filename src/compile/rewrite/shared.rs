//! Parts of a view's plan that occur several times: CTEs, views that are named twice, subqueries written twice. What keeps state is
//! computed once: each occurrence becomes a node with the same number, through which the optimizer pushes nothing, so that all
//! occurrences stay alike. Parts without state are cheap to repeat and better optimized where they stand.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchemaRef, plan_datafusion_err};
use datafusion::datasource::cte_worktable::CteWorkTable;
use datafusion::datasource::source_as_provider;
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::{Extension, LogicalPlan, TableScan, UserDefinedLogicalNodeCore};
use datafusion::prelude::Expr;

use super::set_operation;
use crate::compile::window::node;

/// A plan that occurs several times.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::compile) struct Shared {
    /// The same for all occurrences.
    pub(in crate::compile) number: usize,
    /// The plan.
    pub(in crate::compile) input: LogicalPlan,
}

// Derived ones would have to compare plans, which are ordered only in part.
impl PartialOrd for Shared {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        if self == other { Some(Ordering::Equal) } else { None }
    }
}

impl UserDefinedLogicalNodeCore for Shared {
    fn name(&self) -> &str {
        "Shared"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Shared {}", self.number)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> PlanResult<Self> {
        let input = inputs.into_iter().next().ok_or_else(|| plan_datafusion_err!("a shared plan has one input"))?;
        Ok(Shared { number: self.number, input })
    }
}

/// The shared plan that a node is.
pub(in crate::compile) fn of(node: &LogicalPlan) -> Option<&Shared> {
    match node {
        LogicalPlan::Extension(extension) => extension.node.as_any().downcast_ref::<Shared>(),
        _ => None,
    }
}

/// The greatest number among the shared plans of a plan; 0 if there are none.
pub(in crate::compile) fn greatest(plan: &LogicalPlan) -> usize {
    let own = of(plan).map_or(0, |shared| shared.number);
    plan.inputs().into_iter().map(greatest).fold(own, usize::max)
}

/// The name of the recursive query whose work table a scan reads.
pub(in crate::compile) fn work_table(scan: &TableScan) -> Option<String> {
    let provider = source_as_provider(&scan.source).ok()?;
    provider.downcast_ref::<CteWorkTable>().map(|table| table.name().to_string())
}

/// Marks what occurs several times. To be called when all types are known and no subquery is left in an expression.
pub(in crate::compile) fn marked(plan: LogicalPlan) -> PlanResult<LogicalPlan> {
    let mut occurrences = HashMap::new();
    count(&plan, &mut occurrences)?;
    occurrences.retain(|_, times| *times > 1);
    if occurrences.is_empty() {
        return Ok(plan);
    }
    Marking { occurrences: &occurrences, numbers: RefCell::new(HashMap::new()) }.node(&plan, 1)
}

/// How often each part that is worth it occurs.
fn count<'a>(plan: &'a LogicalPlan, occurrences: &mut HashMap<&'a LogicalPlan, usize>) -> PlanResult<()> {
    if is_worth_sharing(plan)? {
        *occurrences.entry(plan).or_insert(0) += 1;
    }
    plan.inputs().into_iter().try_for_each(|input| count(input, occurrences))
}

/// Whether a part keeps state and stands for itself.
fn is_worth_sharing(plan: &LogicalPlan) -> PlanResult<bool> {
    // The part below will be found.
    if matches!(plan, LogicalPlan::SubqueryAlias(_)) {
        return Ok(false);
    }
    let (mut stateful, mut bound, mut read) = (false, Vec::new(), Vec::new());
    plan.apply(|node| {
        match node {
            LogicalPlan::Aggregate(_) | LogicalPlan::Join(_) | LogicalPlan::Distinct(_) | LogicalPlan::Limit(_) => {
                stateful = true
            }
            LogicalPlan::RecursiveQuery(query) => {
                stateful = true;
                bound.push(query.name.clone());
            }
            LogicalPlan::TableScan(scan) => read.extend(work_table(scan)),
            LogicalPlan::Extension(extension) if node::of(extension).is_some() => stateful = true,
            other => stateful |= set_operation::of(other).is_some(),
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(stateful && read.iter().all(|name| bound.contains(name)) && plan.all_out_ref_exprs().is_empty())
}

/// One run of [`marked`].
struct Marking<'a> {
    occurrences: &'a HashMap<&'a LogicalPlan, usize>,
    numbers: RefCell<HashMap<LogicalPlan, usize>>,
}

impl Marking<'_> {
    /// Marks a part inside of one that occurs `around` times: it is shared if it occurs more often than that.
    fn node(&self, plan: &LogicalPlan, around: usize) -> PlanResult<LogicalPlan> {
        let times = self.occurrences.get(plan).copied().unwrap_or(1);
        let within = times.max(around);
        let inner = plan.clone().map_children(|input| self.node(&input, within).map(Transformed::yes))?.data;
        if times <= around {
            return Ok(inner);
        }
        let mut numbers = self.numbers.borrow_mut();
        let next = numbers.len() + 1;
        let number = *numbers.entry(plan.clone()).or_insert(next);
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(Shared { number, input: inner }) }))
    }
}
