//! GROUPING SETS in a subquery that takes columns of the outer query: a UNION ALL of one GROUP BY per set. A set without keys has a row for
//! every outer row then, as an aggregation without GROUP BY does.

use std::sync::Arc;

use datafusion::common::metadata::FieldMetadata;
use datafusion::common::{Column, ScalarValue};
use datafusion::error::Result as PlanResult;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::expr::GroupingSet;
use datafusion::logical_expr::{Aggregate, LogicalPlan, Projection, Union, utils};
use datafusion::prelude::{Expr, lit};

use crate::compile::lower::grouping_sets;

/// The same as a union, whose columns are those of the aggregation.
pub(super) fn one_by_one(node: &Aggregate, sets: &GroupingSet) -> PlanResult<Union> {
    let keys: Vec<Expr> = utils::grouping_set_to_exprlist(&node.group_expr)?.into_iter().cloned().collect();
    let ids = grouping_sets(sets, node, keys.len(), node.schema.field(keys.len()).data_type())?;
    let inputs = ids.into_iter().map(|set| {
        let kept: Vec<Expr> =
            keys.iter().zip(&set.kept).filter(|(_, kept)| **kept).map(|(key, _)| key.clone()).collect();
        let groups = kept.len();
        // One row is asked for even if it shows nothing.
        let calls =
            if kept.is_empty() && node.aggr_expr.is_empty() { vec![count(lit(1))] } else { node.aggr_expr.clone() };
        let grouped = Aggregate::try_new(Arc::clone(&node.input), kept, calls)?;
        let mut own = grouped.schema.columns().into_iter();
        let mut values: Vec<Expr> = Vec::new();
        let mut here = own.by_ref().take(groups).collect::<Vec<Column>>().into_iter();
        for (at, kept) in set.kept.iter().enumerate() {
            let field = node.schema.field(at);
            let null = || -> PlanResult<Expr> {
                let metadata = FieldMetadata::from(field.as_ref());
                Ok(Expr::Literal(ScalarValue::try_from(field.data_type())?, Some(metadata)))
            };
            let column = if *kept { here.next() } else { None };
            values.push(column.map_or_else(null, |column| Ok(Expr::Column(column)))?);
        }
        values.push(Expr::Literal(set.id, None));
        values.extend(own.take(node.aggr_expr.len()).map(Expr::Column));
        let named = values.into_iter().zip(node.schema.iter());
        let named = named.map(|(value, (qualifier, field))| value.alias_qualified(qualifier.cloned(), field.name()));
        let plan =
            LogicalPlan::Projection(Projection::try_new(named.collect(), Arc::new(LogicalPlan::Aggregate(grouped)))?);
        Ok(Arc::new(plan))
    });
    Ok(Union { inputs: inputs.collect::<PlanResult<_>>()?, schema: Arc::clone(&node.schema) })
}
