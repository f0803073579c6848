//! Elements of arrays as rows.

use datafusion::common::NullHandling;
use datafusion::logical_expr::Unnest;

use super::linear::Linear;
use super::{Lowering, nullable};
use crate::compile::plan::Plan;
use crate::error::Result;

impl Lowering<'_> {
    /// `unnest(…)`: array columns are replaced by their elements.
    pub(super) fn unnest(&self, unnest: &Unnest) -> Result<Linear> {
        let input = Box::new(self.node(&unnest.input)?.finish(self)?);
        let simple = unnest.struct_type_columns.is_empty()
            && unnest.list_type_columns.iter().all(|(_, list)| list.depth == 1)
            && unnest.schema.fields().len() == input.schema().fields().len();
        if !simple {
            return Err(self.unsupported("unnest of arrays of arrays"));
        }
        let columns = unnest.list_type_columns.iter().map(|(at, _)| *at).collect();
        let outer = unnest.options.null_handling == NullHandling::PreserveAndExpandEmpty;
        let plan = Plan::Unnest { input, columns, outer, schema: nullable(&unnest.schema) };
        Ok(Linear::new(plan, &unnest.schema))
    }
}
