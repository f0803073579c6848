//! The first rows of an order: `ORDER BY … LIMIT`, `row_number() OVER (…) <= k`, and `rank` and `dense_rank` in its place.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::DFSchemaRef;
use datafusion::logical_expr::expr::{BinaryExpr, Sort};
use datafusion::logical_expr::{Between, FetchType, Limit, LogicalPlan, Operator, SkipType};
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;

use super::linear::{Base, Linear, column};
use super::{Lowering, refuse};
use crate::compile::plan::{Plan, Ranking, SortColumn};
use crate::error::Result;

/// Rows with their number in their partition: a [`Plan::TopK`] whose bounds are not known yet.
pub(super) struct Numbering {
    pub(super) input: Plan,
    pub(super) partition: Vec<usize>,
    pub(super) order: Vec<SortColumn>,
    pub(super) ranking: Ranking,
}

impl Lowering<'_> {
    /// `LIMIT` and `OFFSET`, with the order of the query below.
    pub(super) fn limit(&self, limit: &Limit) -> Result<Linear> {
        let constant = || refuse::unsupported("LIMIT or OFFSET that is not a number", "limit", self.query);
        let SkipType::Literal(skip) = limit.get_skip_type().map_err(|failure| self.failure(failure))? else {
            return Err(constant());
        };
        let FetchType::Literal(fetch) = limit.get_fetch_type().map_err(|failure| self.failure(failure))? else {
            return Err(constant());
        };
        self.limited(&limit.input, skip as u64, fetch.map(|fetch| fetch as u64))
    }

    /// Looks through what keeps the order for the ORDER BY.
    fn limited(&self, input: &LogicalPlan, skip: u64, fetch: Option<u64>) -> Result<Linear> {
        match input {
            LogicalPlan::Projection(projection) => {
                let below = self.limited(&projection.input, skip, fetch)?;
                below.project(&projection.expr, &projection.schema, self)
            }
            LogicalPlan::SubqueryAlias(alias) => Ok(self.limited(&alias.input, skip, fetch)?.named(&alias.schema)),
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => self.top_k(&sort.input, &sort.expr, skip, fetch),
            // Any rows will do: the first ones of the order that breaks ties.
            other => self.top_k(other, &[], skip, fetch),
        }
    }

    /// The first rows of `input` by an order.
    pub(super) fn top_k(&self, input: &LogicalPlan, sorts: &[Sort], skip: u64, fetch: Option<u64>) -> Result<Linear> {
        let expressions: Vec<Expr> = sorts.iter().map(|sort| sort.expr.clone()).collect();
        let input = self.node(input)?;
        let output = Arc::clone(input.output());
        let (plan, schema, positions) = input.with(&expressions, self)?;
        let order = sort_columns(sorts, &positions);
        let shape = plan.schema();
        let top = Plan::TopK {
            input: Box::new(plan),
            partition: Vec::new(),
            order,
            limit: fetch,
            offset: skip,
            ranking: Ranking::RowNumber,
            row_number: false,
            schema: shape,
        };
        Ok(Linear::over(top, schema, &output))
    }
}

impl Linear {
    /// Decides which rows of numbered ones are kept, by the filters on their number.
    pub(super) fn numbered(self, lowering: &Lowering) -> Result<Linear> {
        let (base, schema, filters, columns, output) = self.into_parts();
        let Base::Numbered(numbering) = base else {
            return Ok(Linear::from_parts(base, schema, filters, columns, output));
        };
        let number = column(&schema, schema.fields().len() - 1);
        let mut bounds = Bounds { first: 1, last: None };
        let filters: Vec<Expr> = filters.into_iter().filter(|filter| !bounds.take(filter, &number)).collect();
        let uses =
            |expression: &Expr| expression.column_refs().iter().any(|used| number == Expr::Column((*used).clone()));
        let row_number = filters.iter().chain(&columns).any(uses);
        let base = numbering.bounded(bounds, row_number, &schema);
        let schema = if row_number { schema } else { without_last(&schema, lowering)? };
        Ok(Linear::from_parts(Base::Plan(base), schema, filters, columns, output))
    }
}

impl Numbering {
    fn bounded(self, bounds: Bounds, row_number: bool, schema: &DFSchemaRef) -> Plan {
        let Numbering { input, partition, order, ranking } = self;
        let offset = bounds.first.max(1) - 1;
        let limit = bounds.last.map(|last| last.saturating_sub(offset));
        let mut fields: Vec<_> = input.schema().fields().iter().cloned().collect();
        if row_number {
            fields.extend(schema.fields().iter().last().cloned());
        }
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        if limit == Some(0) {
            return Plan::Values { rows: RecordBatch::new_empty(schema) };
        }
        if limit.is_none() && offset == 0 && !row_number {
            return input;
        }
        Plan::TopK { input: Box::new(input), partition, order, limit, offset, ranking, row_number, schema }
    }
}

/// Row numbers that are kept.
struct Bounds {
    first: u64,
    last: Option<u64>,
}

impl Bounds {
    /// Narrows the bounds if `filter` does nothing but compare the row number with constants.
    fn take(&mut self, filter: &Expr, number: &Expr) -> bool {
        let is_number = |expression: &Expr| uncast(expression) == number;
        match filter {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let (operator, value) = match (integer(left), integer(right)) {
                    (None, Some(value)) if is_number(left) => (*op, value),
                    (Some(value), None) if is_number(right) => match op.swap() {
                        Some(swapped) => (swapped, value),
                        None => return false,
                    },
                    _ => return false,
                };
                self.compare(operator, value)
            }
            Expr::Between(Between { expr, negated: false, low, high }) if is_number(expr) => {
                match (integer(low), integer(high)) {
                    (Some(low), Some(high)) => self.compare(Operator::GtEq, low) && self.compare(Operator::LtEq, high),
                    _ => false,
                }
            }
            _ => false,
        }
    }

    fn compare(&mut self, operator: Operator, value: i128) -> bool {
        let clamp = |value: i128| u64::try_from(value.max(0)).unwrap_or(u64::MAX);
        match operator {
            Operator::Lt => self.at_most(clamp(value - 1)),
            Operator::LtEq => self.at_most(clamp(value)),
            Operator::Gt => self.first = self.first.max(clamp(value + 1)),
            Operator::GtEq => self.first = self.first.max(clamp(value)),
            Operator::Eq => {
                // No row has the number 0 or less.
                self.first = self.first.max(clamp(value));
                self.at_most(clamp(value));
            }
            _ => return false,
        }
        true
    }

    fn at_most(&mut self, value: u64) {
        self.last = Some(self.last.map_or(value, |last| last.min(value)));
    }
}

/// An expression without the casts around it that cannot change a row number.
fn uncast(expression: &Expr) -> &Expr {
    match expression {
        Expr::Cast(cast) if cast.field.data_type().is_numeric() => uncast(&cast.expr),
        other => other,
    }
}

fn integer(expression: &Expr) -> Option<i128> {
    match uncast(expression) {
        Expr::Literal(ScalarValue::Int16(Some(value)), _) => Some(i128::from(*value)),
        Expr::Literal(ScalarValue::Int32(Some(value)), _) => Some(i128::from(*value)),
        Expr::Literal(ScalarValue::Int64(Some(value)), _) => Some(i128::from(*value)),
        _ => None,
    }
}

/// The columns to order by; a column that came before decides already.
pub(super) fn sort_columns(sorts: &[Sort], positions: &[usize]) -> Vec<SortColumn> {
    let mut order: Vec<SortColumn> = Vec::new();
    for (sort, column) in sorts.iter().zip(positions) {
        if !order.iter().any(|earlier| earlier.column == *column) {
            order.push(SortColumn { column: *column, descending: !sort.asc, nulls_first: sort.nulls_first });
        }
    }
    order
}

pub(super) fn distinct(positions: &[usize]) -> Vec<usize> {
    let mut found: Vec<usize> = Vec::new();
    for position in positions {
        if !found.contains(position) {
            found.push(*position);
        }
    }
    found
}

fn without_last(schema: &DFSchemaRef, lowering: &Lowering) -> Result<DFSchemaRef> {
    let kept = schema.fields().len() - 1;
    lowering
        .schema(schema.iter().take(kept).map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field))).collect())
}
