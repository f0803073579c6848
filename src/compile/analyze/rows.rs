//! The rows that a statement brings itself, as a relation that its expressions read: CHECK, GENERATED, RETURNING, ON CONFLICT DO UPDATE.
//! Unlike a stored relation, its columns can belong to several names: `t.a`, `excluded.a`.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{LogicalPlanBuilder, TableSource};
use datafusion::prelude::Expr;

use super::source::RelationSource;
use crate::catalog::RelationId;
use crate::compile::parse::{ROWS, TableFactor};

/// Identity of the relation [`ROWS`] in a planned statement; no stored relation has it.
pub const ROWS_ID: RelationId = RelationId(1);

/// The columns of the statement's rows.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    columns: Vec<(String, Field)>,
}

impl Rows {
    /// Adds columns under the name of a relation.
    pub fn with(mut self, relation: &str, schema: &SchemaRef) -> Rows {
        let named = |field: &Arc<Field>| (relation.to_string(), field.as_ref().clone().with_nullable(true));
        self.columns.extend(schema.fields().iter().map(named));
        self
    }

    /// The columns under names of their own: the schema in which the rows are given.
    pub fn schema(&self) -> SchemaRef {
        let field = |(number, (_, field)): (usize, &(String, Field))| field.clone().with_name(format!("c{number}"));
        Arc::new(Schema::new(self.columns.iter().enumerate().map(field).collect::<Vec<_>>()))
    }
}

/// Plans [`ROWS`] where a query names it.
pub(super) fn planner(rows: &Rows) -> Arc<dyn RelationPlanner> {
    Arc::new(RowsPlanner { rows: rows.clone() })
}

#[derive(Debug)]
struct RowsPlanner {
    rows: Rows,
}

impl RelationPlanner for RowsPlanner {
    fn plan_relation(&self, relation: TableFactor, _: &mut dyn RelationPlannerContext) -> PlanResult<RelationPlanning> {
        let is_rows = matches!(&relation, TableFactor::Table { name, .. }
            if name.0.len() == 1 && name.0[0].as_ident().is_some_and(|name| name.value == ROWS));
        if !is_rows {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        }
        let schema = self.rows.schema();
        let source: Arc<dyn TableSource> =
            Arc::new(RelationSource { relation: ROWS_ID, schema: Arc::clone(&schema), constraints: None });
        let columns = schema.fields().iter().zip(&self.rows.columns).map(|(field, (relation, column))| {
            let given = Expr::Column(datafusion::common::Column::new(Some(ROWS), field.name()));
            given.alias_qualified(Some(datafusion::common::TableReference::bare(relation.as_str())), column.name())
        });
        let plan = LogicalPlanBuilder::scan(ROWS, source, None)?.project(columns.collect::<Vec<_>>())?.build()?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, None))))
    }
}
