//! Outer columns into the parts of subqueries that make other rows of theirs: unnested arrays, EXCEPT and INTERSECT.

use datafusion::common::plan_datafusion_err;
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::Expr;

use super::push::Pushed;
use super::{Unnesting, columns};
use crate::compile::rewrite::elements::Elements;
use crate::compile::rewrite::set_operation::SetOperation;

impl Unnesting<'_> {
    /// The outer columns stay beside the elements.
    pub(super) fn push_elements(&self, node: &Elements, outer: &LogicalPlan, wanted: &[Expr]) -> PlanResult<Pushed> {
        let pushed = self.push(&node.input, outer, wanted)?;
        Ok(Pushed { plan: node.over(pushed.plan)?, ..pushed })
    }

    /// Rows of one outer row are compared with each other only: the outer columns are columns of the rows.
    pub(super) fn push_set_operation(
        &self,
        node: &SetOperation,
        outer: &LogicalPlan,
        wanted: &[Expr],
    ) -> PlanResult<Pushed> {
        let pushed = self.push(&node.input, outer, wanted)?;
        let mut own = columns(node.input.schema());
        let side = own.pop().ok_or_else(|| plan_datafusion_err!("a set operation without columns"))?;
        let all = own.into_iter().chain(pushed.terms.clone()).chain([side]).collect::<Vec<_>>();
        let input = LogicalPlanBuilder::from(pushed.plan).project(all)?.build()?;
        Ok(Pushed { plan: node.beside(input)?, terms: pushed.terms, strict: pushed.strict })
    }
}
