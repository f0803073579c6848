//! Relations as the planner sees them: a schema without rows. No statistics and no filter pushdown, so that rows that come and
//! rows that go are treated alike.

use std::borrow::Cow;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::logical_expr::{LogicalPlan, TableSource};

use crate::catalog::RelationId;

/// A stored relation: stream, table or materialized view. Its rows come in when the plan runs.
pub(super) struct RelationSource {
    /// Which relation.
    pub(super) relation: RelationId,
    /// Its columns.
    pub(super) schema: SchemaRef,
}

impl TableSource for RelationSource {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
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
    source.downcast_ref::<RelationSource>().map(|source| source.relation)
}
