//! Joins of all kinds. A right join is a left join with its sides exchanged.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, DFSchemaRef, JoinType, NullEquality};
use datafusion::logical_expr::{Join, LogicalPlan};
use datafusion::prelude::{Expr, lit};

use super::linear::{Base, Linear, column};
use super::{Lowering, nullable};
use crate::compile::expr::Expression;
use crate::compile::plan::{JoinKind, Plan};
use crate::error::{Error, Result};

/// A join with the side that is kept on the left.
struct Sides<'a> {
    kind: JoinKind,
    left: &'a LogicalPlan,
    right: &'a LogicalPlan,
    on: Vec<(Expr, Expr)>,
    /// Whether the inputs were exchanged.
    swapped: bool,
}

impl Lowering<'_> {
    /// A join: keys that are expressions become columns of the inputs first.
    pub(super) fn join(&self, join: &Join) -> Result<Linear> {
        if join.null_aware {
            return Err(Error::internal("a null-aware join was planned"));
        }
        let sides = sides(join);
        let (left_on, right_on): (Vec<Expr>, Vec<Expr>) = sides.on.iter().cloned().unzip();
        let (left, right) = (self.node(sides.left)?, self.node(sides.right)?);
        let visible = (left.output().fields().len(), right.output().fields().len());
        let (left, left_schema, left_keys) = left.with(&left_on, self)?;
        let (right, right_schema, right_keys) = right.with(&right_on, self)?;
        let both = Arc::new(left_schema.join(&right_schema).map_err(|failure| self.failure(failure))?);
        let right_start = left_schema.fields().len();
        let left_columns = 0..visible.0;
        let right_columns = right_start..right_start + visible.1;
        let (schema, shown): (DFSchemaRef, Vec<usize>) = match sides.kind {
            JoinKind::Semi | JoinKind::Anti => (Arc::clone(&left_schema), left_columns.collect()),
            JoinKind::Mark => {
                let mark = join.schema.iter().last().map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field)));
                let fields = left_schema.iter().map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field)));
                (self.schema(fields.chain(mark).collect())?, left_columns.chain([right_start]).collect())
            }
            _ if sides.swapped => (Arc::clone(&both), right_columns.chain(left_columns).collect()),
            _ => (Arc::clone(&both), left_columns.chain(right_columns).collect()),
        };
        let columns = shown.into_iter().map(|at| column(&schema, at)).collect();
        let null_equal = join.null_equality == NullEquality::NullEqualsNull;
        let residual = self.residual(join, &left, &right, &both)?;
        let shape = nullable(&schema);
        let kind = sides.kind;
        let (left, right) = (Box::new(left), Box::new(right));
        let plan = Plan::Join { kind, left, right, left_keys, right_keys, null_equal, residual, schema: shape };
        require_equal_types(&plan)?;
        Ok(Linear::picked(Base::Plan(plan), schema, columns, &join.schema))
    }

    /// The part of the condition that is not about keys, over the columns of both inputs.
    fn residual(&self, join: &Join, left: &Plan, right: &Plan, both: &DFSchema) -> Result<Option<Expression>> {
        let Some(filter) = join.filter.as_ref().filter(|filter| **filter != lit(true)) else { return Ok(None) };
        // Names the columns in messages.
        let pairs = Plan::Join {
            kind: JoinKind::Inner,
            left: Box::new(left.clone()),
            right: Box::new(right.clone()),
            left_keys: Vec::new(),
            right_keys: Vec::new(),
            null_equal: false,
            residual: None,
            schema: nullable(&Arc::new(both.clone())),
        };
        self.expression(filter, both, &pairs, "filter").map(Some)
    }
}

fn sides(join: &Join) -> Sides<'_> {
    let (kind, swapped) = match join.join_type {
        JoinType::Inner => (JoinKind::Inner, false),
        JoinType::Left => (JoinKind::Left, false),
        JoinType::Right => (JoinKind::Left, true),
        JoinType::Full => (JoinKind::Full, false),
        JoinType::LeftSemi => (JoinKind::Semi, false),
        JoinType::RightSemi => (JoinKind::Semi, true),
        JoinType::LeftAnti => (JoinKind::Anti, false),
        JoinType::RightAnti => (JoinKind::Anti, true),
        JoinType::LeftMark => (JoinKind::Mark, false),
        JoinType::RightMark => (JoinKind::Mark, true),
    };
    match swapped {
        false => Sides { kind, left: &join.left, right: &join.right, on: join.on.clone(), swapped },
        true => {
            let on = join.on.iter().map(|(left, right)| (right.clone(), left.clone())).collect();
            Sides { kind, left: &join.right, right: &join.left, on, swapped }
        }
    }
}

/// The planner makes the types of keys alike; anything else is our mistake.
fn require_equal_types(plan: &Plan) -> Result<()> {
    let Plan::Join { left, right, left_keys, right_keys, .. } = plan else { return Ok(()) };
    let (left, right) = (left.schema(), right.schema());
    for (left_key, right_key) in left_keys.iter().zip(right_keys) {
        let (left, right): (&DataType, &DataType) =
            (left.field(*left_key).data_type(), right.field(*right_key).data_type());
        if left != right {
            return Err(Error::internal(format!("join keys have different types: {left} and {right}")));
        }
    }
    Ok(())
}
