//! Arrays of identities: where the system catalog is read, arrays of bigint are what PostgreSQL calls `oid[]`. Drivers that look up types
//! know the one beforehand and would have to look up the other.

use datafusion::arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::LogicalPlan;

use crate::types::{PG_CLIENT_TYPE, SqlType};

/// Whether a plan reads relations of `pg_catalog`: their columns tell what clients know them as.
pub(super) fn reads_catalog(plan: &LogicalPlan) -> bool {
    let mut found = false;
    // The closure does not fail.
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let schema = scan.source.schema();
            found |= schema.fields().iter().any(|field| field.metadata().contains_key(PG_CLIENT_TYPE));
        }
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found
}

/// The columns, arrays of bigint told as `oid[]`.
pub(super) fn columns(schema: &Schema) -> SchemaRef {
    let fields: Vec<FieldRef> = schema.fields().iter().map(told).collect();
    SchemaRef::new(Schema::new(fields))
}

/// The field, told as `oid[]` if it is an array of bigint.
pub(super) fn told(field: &FieldRef) -> FieldRef {
    match SqlType::of(field) {
        SqlType::Array(item) if *item == SqlType::BigInt => {
            let mut metadata = field.metadata().clone();
            metadata.insert(PG_CLIENT_TYPE.to_string(), "oid[]".to_string());
            FieldRef::new(Field::clone(field).with_metadata(metadata))
        }
        _ => FieldRef::clone(field),
    }
}
