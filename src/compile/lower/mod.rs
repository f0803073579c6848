//! stub
use crate::error::{Error, Result};
use crate::compile::{plan::Plan, parse::Query};
use datafusion::logical_expr::LogicalPlan;
pub(in crate::compile) fn refuse(_: &LogicalPlan, _: &Query) -> Result<()> { Ok(()) }
pub(in crate::compile) fn lower(_: &LogicalPlan, _: &datafusion::execution::session_state::SessionState, _: &Query) -> Result<Plan> { Err(Error::internal("")) }
