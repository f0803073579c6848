//! EXCEPT and INTERSECT.

use super::linear::Linear;
use super::{Lowering, nullable};
use crate::compile::plan::Plan;
use crate::compile::rewrite::set_operation::SetOperation;
use crate::error::Result;
use datafusion::logical_expr::UserDefinedLogicalNodeCore;

impl Lowering<'_> {
    /// A set operation over the rows of both sides.
    pub(super) fn set_operation(&self, operation: &SetOperation) -> Result<Linear> {
        let input = Box::new(self.node(&operation.input)?.finish(self)?);
        let schema = nullable(operation.schema());
        let plan = Plan::SetOperation { input, operator: operation.operator, all: operation.all, schema };
        Ok(Linear::new(plan, operation.schema()))
    }
}
