//! `tidewater.row_errors`: of the same tick as the views that a query reads beside it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::error::{DataFusionError, Result as PlanResult};
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;

use super::{Engine, system};

/// The relation, filled when a query runs.
pub(super) struct RowErrorTable {
    pub(super) engine: Engine,
    /// The tick that the query reads; 0 if it reads nothing else of a tick.
    pub(super) tick: Arc<AtomicU64>,
    pub(super) schema: SchemaRef,
}

impl fmt::Debug for RowErrorTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RowErrorTable")
    }
}

#[async_trait]
impl TableProvider for RowErrorTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let failed = |error| DataFusionError::External(Box::new(error));
        let tick = self.tick.load(Ordering::Acquire);
        let tick = match tick {
            0 => self.engine.runtime().committed(self.engine.last_write()).await.map_err(failed)?,
            tick => tick,
        };
        let rows = system::row_errors(&self.engine, tick);
        system::provider(rows).map_err(failed)?.scan(state, projection, filters, limit).await
    }
}
