//! Elements of arrays as rows: DataFusion's `Unnest`, but for what it claims of its output. It keeps the keys of its input, although a
//! row becomes several, and forgets what the elements' type is called (uuid, jsonb). Both would be found too late to be corrected
//! in a plan around it: GROUP BY a former key takes every column for one value per group. So the node is replaced in each relation of a
//! FROM as soon as that is planned. A SELECT is run by DataFusion's own operator.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{
    Column, DFSchema, DFSchemaRef, NullHandling, TableReference, UnnestOptions, not_impl_err, plan_datafusion_err,
};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{Extension, LogicalPlan, Unnest, UserDefinedLogicalNodeCore};
use datafusion::prelude::Expr;

use super::size;
use crate::compile::parse::TableFactor;

/// One row per element of arrays; the other columns are repeated.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::compile) struct Elements {
    /// The rows.
    pub(in crate::compile) input: LogicalPlan,
    /// The arrays, and what their elements are called.
    lists: Vec<(Column, String)>,
    /// Whether rows whose arrays have no element stay.
    pub(in crate::compile) outer: bool,
    schema: DFSchemaRef,
}

// Derived ones would have to compare schemas, which have no order.
impl PartialOrd for Elements {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        if self == other { Some(Ordering::Equal) } else { None }
    }
}

impl Elements {
    /// The elements of `lists`, which keep their places among the columns.
    pub(super) fn plan(input: LogicalPlan, lists: Vec<(Column, String)>, outer: bool) -> PlanResult<LogicalPlan> {
        let node = Arc::new(Elements::new(input, lists, outer)?);
        Ok(LogicalPlan::Extension(Extension { node }))
    }

    fn new(input: LogicalPlan, lists: Vec<(Column, String)>, outer: bool) -> PlanResult<Self> {
        let mut fields: Vec<(Option<TableReference>, FieldRef)> =
            input.schema().iter().map(|(table, field)| (table.cloned(), Arc::clone(field))).collect();
        for (column, name) in &lists {
            let at = input.schema().index_of_column(column)?;
            let DataType::List(item) = input.schema().field(at).data_type() else {
                return not_impl_err!("unnest of what is no array");
            };
            fields[at] = (None, Arc::new(item.as_ref().clone().with_name(name).with_nullable(true)));
        }
        let schema = Arc::new(DFSchema::new_with_metadata(fields, Default::default())?);
        Ok(Elements { input, lists, outer, schema })
    }

    /// Where the arrays are among the input's columns.
    pub(in crate::compile) fn places(&self) -> PlanResult<Vec<usize>> {
        self.lists.iter().map(|(column, _)| self.input.schema().index_of_column(column)).collect()
    }

    /// The same over rows with more columns.
    pub(super) fn over(&self, input: LogicalPlan) -> PlanResult<LogicalPlan> {
        Elements::plan(input, self.lists.clone(), self.outer)
    }
}

impl UserDefinedLogicalNodeCore for Elements {
    fn name(&self) -> &str {
        "Unnest"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        self.lists.iter().map(|(column, _)| Expr::Column(column.clone())).collect()
    }

    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        self.lists.iter().map(|(_, name)| name.clone()).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let columns: Vec<String> = self.lists.iter().map(|(column, _)| column.flat_name()).collect();
        write!(f, "Unnest: {}", columns.join(", "))
    }

    fn with_exprs_and_inputs(&self, expressions: Vec<Expr>, inputs: Vec<LogicalPlan>) -> PlanResult<Self> {
        let input = inputs.into_iter().next().ok_or_else(|| plan_datafusion_err!("unnest has one input"))?;
        let lists = expressions.into_iter().zip(&self.lists).map(|(expression, (_, name))| match expression {
            Expr::Column(column) => Ok((column, name.clone())),
            other => Err(plan_datafusion_err!("unnest of {other}, which is no column")),
        });
        Elements::new(input, lists.collect::<PlanResult<_>>()?, self.outer)
    }

    /// The arrays tell how many rows there are, whether or not their elements are looked at.
    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let mut needed: Vec<usize> = output_columns.iter().copied().chain(self.places().ok()?).collect();
        needed.sort_unstable();
        needed.dedup();
        Some(vec![needed])
    }
}

/// The node that unnests.
pub(in crate::compile) fn of(node: &LogicalPlan) -> Option<&Elements> {
    match node {
        LogicalPlan::Extension(extension) => extension.node.as_any().downcast_ref::<Elements>(),
        _ => None,
    }
}

/// Replaces DataFusion's nodes; what is around them learns their columns.
pub(super) fn replaced(plan: LogicalPlan) -> PlanResult<LogicalPlan> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::Unnest(_));
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if !found {
        return Ok(plan);
    }
    let replaced = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Unnest(unnest) => rewrite(unnest).map(Transformed::yes),
        other => other.recompute_schema().map(Transformed::yes),
    });
    Ok(replaced?.data)
}

fn rewrite(unnest: Unnest) -> PlanResult<LogicalPlan> {
    let simple = unnest.struct_type_columns.is_empty()
        && unnest.list_type_columns.iter().all(|(_, list)| list.depth == 1)
        && unnest.schema.fields().len() == unnest.input.schema().fields().len();
    if !simple {
        return not_impl_err!("unnest of arrays of arrays");
    }
    let schema = unnest.input.schema();
    let lists = unnest
        .list_type_columns
        .iter()
        .map(|(at, list)| (Column::from(schema.qualified_field(*at)), list.output_column.name.clone()))
        .collect();
    let outer = unnest.options.null_handling == NullHandling::PreserveAndExpandEmpty;
    Elements::plan(Arc::unwrap_or_clone(unnest.input), lists, outer)
}

/// The optimized plan of a SELECT, inner queries included, with DataFusion's nodes again, which it can run.
pub(in crate::compile) fn restored(plan: LogicalPlan) -> PlanResult<LogicalPlan> {
    let restored = plan.transform_up_with_subqueries(|node| {
        let Some(elements) = of(&node) else { return Ok(Transformed::no(node)) };
        let handling = if elements.outer { NullHandling::PreserveAndExpandEmpty } else { NullHandling::Drop };
        let options = UnnestOptions::new().with_null_handling(handling);
        let columns = elements.lists.iter().map(|(column, _)| column.clone()).collect();
        let mut unnest = Unnest::try_new(Arc::new(elements.input.clone()), columns, options)?;
        unnest.schema = Arc::clone(&elements.schema);
        Ok(Transformed::yes(LogicalPlan::Unnest(unnest)))
    });
    Ok(restored?.data)
}

/// The hook of the SQL planner: relations in FROM have the nodes replaced before anything is planned over them.
#[derive(Debug, Default)]
pub(in crate::compile) struct Relations {
    /// The relation that is being planned by DataFusion for this hook.
    pending: Mutex<Option<TableFactor>>,
}

impl RelationPlanner for Relations {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> PlanResult<RelationPlanning> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.as_ref() == Some(&relation) {
            *pending = None;
            return Ok(RelationPlanning::Original(Box::new(relation)));
        }
        *pending = Some(relation.clone());
        drop(pending);
        let plan = context.plan(relation)?;
        size::check(&plan)?;
        let plan = replaced(plan)?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, None))))
    }
}
