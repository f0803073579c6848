//! Relations as the planner sees them: a schema without rows. No statistics and no filter pushdown, so that rows that come and
//! rows that go are treated alike.

use std::borrow::Cow;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Constraints;
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::{LogicalPlan, TableProviderFilterPushDown, TableSource};
use datafusion::prelude::Expr;

use super::lookup::binds;
use crate::catalog::RelationId;

/// A stored relation: stream, table or materialized view. Its rows come in when the plan runs.
pub(super) struct RelationSource {
    /// Which relation.
    pub(super) relation: RelationId,
    /// Its columns.
    pub(super) schema: SchemaRef,
    /// Its primary key, where GROUP BY needs to know it.
    pub(super) constraints: Option<Constraints>,
}

impl TableSource for RelationSource {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    fn constraints(&self) -> Option<&Constraints> {
        self.constraints.as_ref()
    }
}

/// A stored relation in a read that is optimized: conditions on its columns may be answered by an index.
pub(super) struct ReadSource {
    /// Which relation.
    pub(super) relation: RelationId,
    /// Its columns.
    pub(super) schema: SchemaRef,
}

impl TableSource for ReadSource {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> PlanResult<Vec<TableProviderFilterPushDown>> {
        let answer = |filter: &&Expr| match binds(filter) {
            // The condition is tested again on what the index finds.
            true => TableProviderFilterPushDown::Inexact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(answer).collect())
    }
}

/// A view that is expanded where it is named.
pub(super) struct ViewSource {
    /// Its query, planned, with the view's column names.
    pub(super) plan: LogicalPlan,
}

impl TableSource for ViewSource {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(self.plan.schema().inner())
    }

    fn get_logical_plan(&self) -> Option<Cow<'_, LogicalPlan>> {
        Some(Cow::Borrowed(&self.plan))
    }
}

/// The relation that a scan reads, if it is a stored one.
pub(in crate::compile) fn relation_of(source: &dyn TableSource) -> Option<RelationId> {
    let read = || source.downcast_ref::<ReadSource>().map(|source| source.relation);
    source.downcast_ref::<RelationSource>().map(|source| source.relation).or_else(read)
}
