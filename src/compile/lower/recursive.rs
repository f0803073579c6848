//! WITH RECURSIVE, and plans that are used in several places.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::logical_expr::{RecursiveQuery, TableScan};

use super::linear::{Base, Linear, column};
use super::{Lowering, nullable, refuse};
use crate::compile::plan::{JoinKind, Plan};
use crate::compile::rewrite::shared::Shared;
use crate::error::{Error, Result};

impl Lowering<'_> {
    /// A plan that occurs several times is made once. One that the optimizer has changed at its place stands for itself.
    pub(super) fn shared(&self, shared: &Shared) -> Result<Linear> {
        let schema = shared.input.schema();
        let made = self.made.borrow().get(&shared.number).cloned();
        let input = match made {
            Some((known, made)) if known == shared.input => made,
            Some(_) => return self.node(&shared.input),
            None => {
                let made = Arc::new(self.node(&shared.input)?.finish(self)?);
                self.made.borrow_mut().insert(shared.number, (shared.input.clone(), Arc::clone(&made)));
                made
            }
        };
        Ok(Linear::new(Plan::Shared { number: shared.number, input }, schema))
    }

    /// The rows of the last iteration.
    pub(super) fn work_table(&self, name: String, scan: &TableScan) -> Result<Linear> {
        let full = scan.source.schema();
        let named = DFSchema::try_from_qualified_schema(scan.table_name.clone(), &full).map_err(|e| self.failure(e))?;
        let named = Arc::new(named);
        let positions = scan.projection.clone().unwrap_or_else(|| (0..full.fields().len()).collect());
        let columns = positions.into_iter().map(|at| column(&named, at)).collect();
        let plan = Plan::WorkTable { name, schema: nullable(&named) };
        Ok(Linear::picked(Base::Plan(plan), named, columns, &scan.projected_schema))
    }

    /// `WITH RECURSIVE`: what the recursive term does to its own rows must be linear, row by row.
    pub(super) fn recursive(&self, query: &RecursiveQuery) -> Result<Linear> {
        let first = self.node(&query.static_term)?.finish(self)?;
        let next = self.node(&query.recursive_term)?.finish(self)?;
        let schema = nullable(&query.schema);
        for term in [&first, &next] {
            let alike = term.schema().fields().len() == schema.fields().len();
            let mut pairs = schema.fields().iter().zip(term.schema().fields().iter().cloned().collect::<Vec<_>>());
            if !alike || !pairs.all(|(wanted, found)| wanted.data_type() == found.data_type()) {
                return Err(Error::internal("the terms of a recursive query have different types"));
            }
        }
        let all = !query.is_distinct;
        let next = self.linear_in(next, &query.name, all)?;
        let plan = Plan::Recursive {
            name: query.name.clone(),
            first: Box::new(first),
            next: Box::new(next),
            all,
            iterations_max: self.iterations_max,
            schema,
        };
        Ok(Linear::new(plan, &query.schema))
    }

    /// The recursive term without what UNION does anyway; refuses what is not linear in the rows of `name`.
    fn linear_in(&self, plan: Plan, name: &str, all: bool) -> Result<Plan> {
        if !plan.reads_work_table(name) {
            return Ok(plan);
        }
        let inner = |plan: Box<Plan>| self.linear_in(*plan, name, all).map(Box::new);
        Ok(match plan {
            Plan::WorkTable { .. } => plan,
            Plan::Map { input, filter, columns, schema } => Plan::Map { input: inner(input)?, filter, columns, schema },
            Plan::Unnest { input, columns, outer, schema } => {
                Plan::Unnest { input: inner(input)?, columns, outer, schema }
            }
            Plan::Union { inputs, schema } => {
                let inputs = inputs.into_iter().map(|input| self.linear_in(input, name, all)).collect::<Result<_>>()?;
                Plan::Union { inputs, schema }
            }
            // The UNION around removes what is there twice.
            Plan::Distinct { input } if !all => *inner(input)?,
            Plan::Join { kind, left, right, left_keys, right_keys, null_equal, residual, schema } => {
                let (in_left, in_right) = (left.reads_work_table(name), right.reads_work_table(name));
                if in_left && in_right {
                    let message = format!("recursive reference to query \"{name}\" must not appear more than once");
                    return Err(refuse::placed(Error::new("42P19", message), name, self.query));
                }
                let linear = match kind {
                    JoinKind::Inner => true,
                    JoinKind::Semi => in_left,
                    JoinKind::Left | JoinKind::Anti | JoinKind::Mark => in_left && !all,
                    JoinKind::Full => false,
                };
                if !linear {
                    return Err(self.not_linear("this join", name));
                }
                let (left, right) = (inner(left)?, inner(right)?);
                Plan::Join { kind, left, right, left_keys, right_keys, null_equal, residual, schema }
            }
            Plan::Distinct { .. } => return Err(self.not_linear("DISTINCT", name)),
            Plan::Aggregate { .. } => return Err(self.not_linear("an aggregation", name)),
            Plan::TopK { .. } | Plan::Window { .. } => {
                return Err(self.not_linear("ORDER BY … LIMIT or a window function", name));
            }
            Plan::SetOperation { .. } => return Err(self.not_linear("EXCEPT or INTERSECT", name)),
            _ => return Err(self.not_linear("this construct", name)),
        })
    }

    fn not_linear(&self, what: &str, name: &str) -> Error {
        let construct = format!("{what} over recursive query \"{name}\" in its own recursive term");
        refuse::placed(refuse::unsupported(&construct, "recursive", self.query), name, self.query)
    }
}
