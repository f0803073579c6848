//! Window functions. One `row_number`, `rank` or `dense_rank` alone becomes a [`Plan::TopK`], which knows how to keep the first rows.

use std::sync::Arc;

use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::{DFSchemaRef, TableReference};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::prelude::Expr;

use super::Lowering;
use super::linear::{Base, Linear, column};
use super::top_k::{Numbering, distinct, sort_columns};
use super::whole_partition::Windows;
use crate::compile::explain::window_call;
use crate::compile::plan::Ranking;
use crate::compile::window::Function;
use crate::compile::window::execution::constant;
use crate::compile::window::node::WindowNode;
use crate::error::Result;

impl Lowering<'_> {
    /// Calls over the windows of one PARTITION BY and ORDER BY.
    pub(super) fn window(&self, node: &WindowNode) -> Result<Linear> {
        let input = self.node(&node.input)?;
        let visible = input.output().fields().len();
        let (plan, schema, positions) = input.with(&node.columns(), self)?;
        let keys = node.partition.len();
        let partition = distinct(&positions[..keys]);
        let mut properties = ExecutionProps::new();
        properties.config_options = Some(Arc::clone(self.state.config_options()));
        let calls = node.compiled(&positions, &|expression| constant(expression, &properties));
        let mut calls = calls.map_err(|failure| self.failure(failure))?;
        let mut order = sort_columns(&node.order, &positions[keys..]);
        let ranking = match calls.as_slice() {
            [call] => match call.function {
                Function::RowNumber => Some(Ranking::RowNumber),
                Function::Rank => Some(Ranking::Rank),
                Function::DenseRank => Some(Ranking::DenseRank),
                _ => None,
            },
            _ => None,
        };
        let (base, schema, places) = match ranking {
            Some(ranking) => {
                // A column of PARTITION BY is the same in all rows of a partition. RANGE may measure distances in it nevertheless.
                order.retain(|sort| !partition.contains(&sort.column));
                let number = calls.iter().map(|call| self.hidden(&call.field)).collect();
                let places = vec![schema.fields().len()];
                let base = Base::Numbered(Numbering { input: plan, partition, order, ranking });
                (base, self.with_columns(&schema, number)?, places)
            }
            None => {
                for call in &mut calls {
                    call.text = window_call(&plan, &partition, &order, call);
                }
                let (plan, schema, places) = self.windows(plan, &schema, Windows { partition, order }, calls)?;
                (Base::Plan(plan), schema, places)
            }
        };
        let columns: Vec<Expr> = (0..visible).chain(places).map(|at| column(&schema, at)).collect();
        Ok(Linear::picked(base, schema, columns, node.output()))
    }

    /// A schema with more columns behind its own.
    pub(super) fn with_columns(&self, schema: &DFSchemaRef, more: Vec<FieldRef>) -> Result<DFSchemaRef> {
        let mut fields: Vec<(Option<TableReference>, FieldRef)> =
            schema.iter().map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field))).collect();
        fields.extend(more.into_iter().map(|field| (None, field)));
        self.schema(fields)
    }
}
