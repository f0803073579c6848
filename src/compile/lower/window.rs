//! Window functions. One `row_number`, `rank` or `dense_rank` alone becomes a [`Plan::TopK`], which knows how to keep the first rows.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, FieldRef};
use datafusion::common::{DFSchemaRef, TableReference};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::prelude::Expr;

use super::linear::{Base, Linear, column};
use super::top_k::{Numbering, distinct, sort_columns};
use super::{Lowering, nullable};
use crate::compile::explain::window_call;
use crate::compile::plan::{Plan, Ranking};
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
        let names = calls.iter().map(|_| self.hidden_name());
        let made = calls.iter().zip(names).map(|(call, name)| Arc::new(call.field.as_ref().clone().with_name(name)));
        let schema_of_all = self.with_columns(&schema, made.collect())?;
        let width = schema.fields().len();
        let columns: Vec<Expr> =
            (0..visible).chain(width..width + calls.len()).map(|at| column(&schema_of_all, at)).collect();
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
        // A column of PARTITION BY is the same in all rows of a partition. RANGE may measure distances in it nevertheless.
        if ranking.is_some() {
            order.retain(|sort| !partition.contains(&sort.column));
        }
        let base = match ranking {
            Some(ranking) => Base::Numbered(Numbering { input: plan, partition, order, ranking }),
            None => {
                for call in &mut calls {
                    call.text = window_call(&plan, &partition, &order, call);
                }
                let schema = nullable(&schema_of_all);
                Base::Plan(Plan::Window { input: Box::new(plan), partition, order, calls, schema })
            }
        };
        Ok(Linear::picked(base, schema_of_all, columns, node.output()))
    }

    /// A schema with more columns behind its own.
    fn with_columns(&self, schema: &DFSchemaRef, more: Vec<Arc<Field>>) -> Result<DFSchemaRef> {
        let mut fields: Vec<(Option<TableReference>, FieldRef)> =
            schema.iter().map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field))).collect();
        fields.extend(more.into_iter().map(|field| (None, field)));
        self.schema(fields)
    }
}
