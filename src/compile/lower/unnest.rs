//! Elements of arrays as rows.

use datafusion::logical_expr::UserDefinedLogicalNodeCore;

use super::linear::Linear;
use super::{Lowering, nullable};
use crate::compile::plan::Plan;
use crate::compile::rewrite::elements::Elements;
use crate::error::Result;

impl Lowering<'_> {
    /// `unnest(…)`: array columns are replaced by their elements.
    pub(super) fn elements(&self, elements: &Elements) -> Result<Linear> {
        let input = Box::new(self.node(&elements.input)?.finish(self)?);
        let columns = elements.places().map_err(|failure| self.failure(failure))?;
        let plan = Plan::Unnest { input, columns, outer: elements.outer, schema: nullable(elements.schema()) };
        Ok(Linear::new(plan, elements.schema()))
    }
}
