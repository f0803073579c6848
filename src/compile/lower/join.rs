//! Inner equi-joins.

use std::sync::Arc;

use datafusion::common::{JoinType, NullEquality};
use datafusion::logical_expr::Join;
use datafusion::prelude::{Expr, lit};

use super::linear::{Base, Linear, column};
use super::{Lowering, nullable, refuse};
use crate::compile::plan::Plan;
use crate::error::{Error, Result};

impl Lowering<'_> {
    /// A join: keys that are expressions become columns of the inputs first.
    pub(super) fn join(&self, join: &Join) -> Result<Linear> {
        if let Some(name) = refuse::outer_join(join.join_type) {
            let word = name.split(' ').next().unwrap_or(name);
            return Err(refuse::unsupported(name, word, self.query));
        }
        if join.join_type != JoinType::Inner {
            return Err(self.unsupported("this kind of subquery"));
        }
        if join.on.is_empty() {
            let name = match &join.filter {
                Some(_) => "a join without an equality between its sides",
                None => "CROSS JOIN",
            };
            return Err(refuse::unsupported(name, "join", self.query));
        }
        let (left_on, right_on): (Vec<Expr>, Vec<Expr>) = join.on.iter().cloned().unzip();
        let (left, right) = (self.node(&join.left)?, self.node(&join.right)?);
        let visible = (left.output().fields().len(), right.output().fields().len());
        let (left, left_schema, left_keys) = left.with(&left_on, self)?;
        let (right, right_schema, right_keys) = right.with(&right_on, self)?;
        let (left_shape, right_shape) = (left.schema(), right.schema());
        for (left_key, right_key) in left_keys.iter().zip(&right_keys) {
            let (left, right) = (left_shape.field(*left_key).data_type(), right_shape.field(*right_key).data_type());
            if left != right {
                return Err(Error::internal(format!("join keys have different types: {left} and {right}")));
            }
        }
        let schema = Arc::new(left_schema.join(&right_schema).map_err(|failure| self.failure(failure))?);
        let right_start = left_schema.fields().len();
        let columns =
            (0..visible.0).chain(right_start..right_start + visible.1).map(|at| column(&schema, at)).collect();
        let null_equal = join.null_equality == NullEquality::NullEqualsNull;
        let (left, right) = (Box::new(left), Box::new(right));
        let shape = nullable(&schema);
        let mut plan = Plan::Join { left, right, left_keys, right_keys, null_equal, residual: None, schema: shape };
        if let Some(filter) = join.filter.as_ref().filter(|filter| **filter != lit(true)) {
            let compiled = self.expression(filter, &schema, &plan, "filter")?;
            if let Plan::Join { residual, .. } = &mut plan {
                *residual = Some(compiled);
            }
        }
        Ok(Linear::picked(Base::Plan(plan), schema, columns, &join.schema))
    }
}
