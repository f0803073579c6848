//! Types of recursive queries: the terms have those that the query's own name was planned with, but numerics have any scale, since each
//! iteration may give them more digits.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::tree_node::Transformed;
use datafusion::datasource::cte_worktable::CteWorkTable;
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, RecursiveQuery, TableScanBuilder};
use datafusion::prelude::Expr;

use super::any_numeric::is_number;
use super::field::type_of;
use super::set_type;
use super::types::column;
use crate::compile::function;
use crate::types::SqlType;

/// The query with numerics of any size in the rows that its recursive term reads. Runs before types are SQL's.
pub(super) fn widened(node: LogicalPlan) -> PlanResult<Transformed<LogicalPlan>> {
    let LogicalPlan::RecursiveQuery(mut query) = node else { return Ok(Transformed::no(node)) };
    let term = without_casts(Arc::unwrap_or_clone(query.recursive_term));
    query.recursive_term = Arc::new(term.transform_down_with_subqueries(|node| work_table(node, &query.name))?.data);
    Ok(Transformed::yes(LogicalPlan::RecursiveQuery(query)))
}

/// The term without the casts to the types of the first term that DataFusion puts around its numbers, where digits would be lost.
fn without_casts(mut term: LogicalPlan) -> LogicalPlan {
    if let LogicalPlan::Projection(projection) = &mut term {
        let schema = projection.input.schema();
        let is_inserted = |cast: &Cast| type_of(&cast.expr, schema).is_ok_and(|kind| is_number(&kind));
        for column in &mut projection.expr {
            let name = column.schema_name().to_string();
            match column.clone().unalias_nested().data {
                Expr::Cast(cast) if is_inserted(&cast) => *column = cast.expr.alias(name),
                _ => {}
            }
        }
    }
    term
}

fn work_table(node: LogicalPlan, name: &str) -> PlanResult<Transformed<LogicalPlan>> {
    let LogicalPlan::TableScan(scan) = node else { return Ok(Transformed::no(node)) };
    let is_work_table =
        source_as_provider(&scan.source).is_ok_and(|provider| provider.downcast_ref::<CteWorkTable>().is_some());
    if scan.table_name.table() != name || !is_work_table {
        return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
    }
    let fields = scan.source.schema().fields().iter().map(any_scale).collect::<Vec<_>>();
    let table = CteWorkTable::new(name, Arc::new(Schema::new(fields)));
    let source = provider_as_source(Arc::new(table));
    let scan = TableScanBuilder::new(scan.table_name, source)
        .with_projection(scan.projection)
        .with_filters(scan.filters)
        .with_fetch(scan.fetch)
        .build()?;
    Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
}

fn any_scale(field: &FieldRef) -> FieldRef {
    match field.data_type() {
        DataType::Decimal128(..) => Arc::new(SqlType::NUMERIC.field(field.name())),
        _ => Arc::clone(field),
    }
}

/// The query with terms of one type. Errors: 42804 for a recursive term of another type than the first one.
pub(super) fn as_sql(query: RecursiveQuery) -> PlanResult<LogicalPlan> {
    set_type::check_recursion(&query)?;
    let wanted: Vec<FieldRef> = query.schema.fields().iter().map(any_scale).collect();
    let converted = |term: Arc<LogicalPlan>| -> PlanResult<Arc<LogicalPlan>> {
        let schema = Arc::clone(term.schema());
        let columns = wanted.iter().enumerate().map(|(position, field)| {
            let (qualifier, found) = schema.qualified_field(position);
            let column = column(&schema, position);
            if found.data_type() == field.data_type() {
                return column;
            }
            let converted = match field.data_type() {
                DataType::LargeBinary => function::widened(column),
                kind => Expr::Cast(Cast::new(Box::new(column), kind.clone())),
            };
            converted.alias_qualified(qualifier.cloned(), found.name())
        });
        let columns: Vec<Expr> = columns.collect();
        Ok(Arc::new(LogicalPlanBuilder::from(term).project(columns)?.build()?))
    };
    let (first, next) = (converted(query.static_term)?, converted(query.recursive_term)?);
    RecursiveQuery::try_new(query.name, first, next, query.is_distinct).map(LogicalPlan::RecursiveQuery)
}
