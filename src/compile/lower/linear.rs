//! Filters and projections that are not operators yet: composed until something above needs rows, then made as one
//! [`Plan::Map`], or as none.

use std::sync::Arc;

use datafusion::arrow::datatypes::FieldRef;
use datafusion::arrow::datatypes::Schema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, DFSchemaRef, TableReference};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::prelude::{Expr, lit};

use super::top_k::Numbering;
use super::{Lowering, position};
use crate::compile::plan::Plan;
use crate::error::Result;

/// An operator with filters and a projection on top.
pub(super) struct Linear {
    base: Base,
    /// The base's columns.
    schema: DFSchemaRef,
    /// Conditions over the base's columns, all of which must be true.
    filters: Vec<Expr>,
    /// Output columns over the base's columns.
    columns: Vec<Expr>,
    /// How expressions above name the output columns.
    output: DFSchemaRef,
}

/// What is below.
pub(super) enum Base {
    /// An operator.
    Plan(Plan),
    /// Rows with their number in their partition as a last column: how many are kept follows from the filters above.
    Numbered(Numbering),
}

impl Linear {
    /// An operator whose columns are those of `schema`.
    pub(super) fn new(plan: Plan, schema: &DFSchemaRef) -> Self {
        Self::over(plan, Arc::clone(schema), schema)
    }

    /// An operator with the columns `schema`, of which the first ones are named `output` above.
    pub(super) fn over(plan: Plan, schema: DFSchemaRef, output: &DFSchemaRef) -> Self {
        let columns = (0..output.fields().len()).map(|at| column(&schema, at)).collect();
        Self::picked(Base::Plan(plan), schema, columns, output)
    }

    /// A base with chosen columns.
    pub(super) fn picked(base: Base, schema: DFSchemaRef, columns: Vec<Expr>, output: &DFSchemaRef) -> Self {
        Linear { base, schema, filters: Vec::new(), columns, output: Arc::clone(output) }
    }

    /// How expressions above name the columns.
    pub(super) fn output(&self) -> &DFSchemaRef {
        &self.output
    }

    /// The same columns under other names.
    pub(super) fn named(mut self, output: &DFSchemaRef) -> Self {
        self.output = Arc::clone(output);
        self
    }

    /// Other output columns.
    pub(super) fn project(self, expressions: &[Expr], output: &DFSchemaRef, lowering: &Lowering) -> Result<Self> {
        let mut input = self.ready_for(expressions, false, lowering)?;
        input.columns = expressions.iter().map(|expression| input.rebound(expression)).collect::<Result<_>>()?;
        input.output = Arc::clone(output);
        Ok(input)
    }

    /// Fewer rows.
    pub(super) fn filter(self, predicate: &Expr, lowering: &Lowering) -> Result<Self> {
        let mut input = self.ready_for(std::slice::from_ref(predicate), true, lowering)?;
        let predicate = input.rebound(predicate)?;
        input.filters.extend(split_conjunction_owned(predicate));
        Ok(input)
    }

    /// Makes the operators; their columns are the output columns.
    pub(super) fn finish(self, lowering: &Lowering) -> Result<Plan> {
        let linear = match self.base {
            Base::Numbered(_) => self.numbered(lowering)?,
            Base::Plan(_) => self,
        };
        let Base::Plan(base) = linear.base else {
            return Err(crate::error::Error::internal("numbered rows were not made"));
        };
        let filter = conjunction(linear.filters).filter(|filter| *filter != lit(true));
        let identity = linear.columns.len() == linear.schema.fields().len()
            && linear
                .columns
                .iter()
                .enumerate()
                .all(|(at, expression)| position(expression, &linear.schema) == Some(at));
        if identity && filter.is_none() {
            return Ok(base);
        }
        if let Plan::Values { rows } = base {
            return lowering.map_values(&rows, &linear.schema, filter, &linear.columns, &linear.output);
        }
        if identity {
            let filter =
                filter.map(|filter| lowering.expression(&filter, &linear.schema, &base, "filter")).transpose()?;
            let schema = base.schema();
            return Ok(Plan::Map { input: Box::new(base), filter, columns: None, schema });
        }
        let (base, input) = pruned(base, &linear.schema, filter.iter().chain(&linear.columns), lowering)?;
        let filter = filter.map(|filter| lowering.expression(&filter, &input, &base, "filter")).transpose()?;
        let positions: Option<Vec<usize>> = linear.columns.iter().map(|column| position(column, &input)).collect();
        if let (Plan::Source { relation, name, columns, schema }, Some(positions), None) = (&base, positions, &filter) {
            let fields: Vec<_> = positions.iter().map(|at| Arc::clone(&schema.fields()[*at])).collect();
            let columns = positions.iter().map(|at| columns[*at]).collect();
            return Ok(Plan::Source {
                relation: *relation,
                name: name.clone(),
                columns,
                schema: Arc::new(Schema::new(fields)),
            });
        }
        let columns = linear
            .columns
            .iter()
            .zip(linear.output.fields())
            .map(|(expression, field)| lowering.expression(expression, &input, &base, field.name()))
            .collect::<Result<Vec<_>>>()?;
        let schema = Arc::new(Schema::new(columns.iter().map(|column| Arc::clone(&column.field)).collect::<Vec<_>>()));
        Ok(Plan::Map { input: Box::new(base), filter, columns: Some(columns), schema })
    }

    /// Makes operators whose columns are exactly the different ones of `expressions`, at least one; returns where each stands.
    pub(super) fn exactly(self, expressions: &[Expr], lowering: &Lowering) -> Result<(Plan, Vec<usize>)> {
        let mut input = self.ready_for(expressions, false, lowering)?;
        let mut columns: Vec<Expr> = Vec::new();
        let mut positions = Vec::new();
        for expression in expressions {
            let rebound = input.rebound(expression)?;
            let found = columns.iter().position(|column| *column == rebound);
            positions.push(found.unwrap_or(columns.len()));
            if found.is_none() {
                columns.push(rebound);
            }
        }
        if columns.is_empty() {
            columns.push(lit(true));
        }
        let fields = columns.iter().map(|expression| input.field(expression, lowering)).collect::<Result<Vec<_>>>()?;
        input.output = lowering.schema(fields)?;
        input.columns = columns;
        Ok((input.finish(lowering)?, positions))
    }

    /// Makes operators whose columns are the output columns and then those of `expressions` that are not among them; returns
    /// how to name the columns, and where each of `expressions` stands.
    pub(super) fn with(self, expressions: &[Expr], lowering: &Lowering) -> Result<(Plan, DFSchemaRef, Vec<usize>)> {
        let mut input = self.ready_for(expressions, true, lowering)?;
        let mut fields: Vec<(Option<TableReference>, FieldRef)> =
            input.output.iter().map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field))).collect();
        let mut positions = Vec::new();
        for expression in expressions {
            let rebound = input.rebound(expression)?;
            let found = input.columns.iter().position(|column| *column == rebound);
            positions.push(found.unwrap_or(input.columns.len()));
            if found.is_none() {
                fields.push(input.field(&rebound, lowering)?);
                input.columns.push(rebound);
            }
        }
        input.output = lowering.schema(fields)?;
        let output = Arc::clone(&input.output);
        Ok((input.finish(lowering)?, output, positions))
    }

    /// Splits into parts, for what decides by the filters on top.
    pub(super) fn into_parts(self) -> (Base, DFSchemaRef, Vec<Expr>, Vec<Expr>, DFSchemaRef) {
        (self.base, self.schema, self.filters, self.columns, self.output)
    }

    /// Puts filters and columns on a base.
    pub(super) fn from_parts(
        base: Base,
        schema: DFSchemaRef,
        filters: Vec<Expr>,
        columns: Vec<Expr>,
        output: DFSchemaRef,
    ) -> Self {
        Linear { base, schema, filters, columns, output }
    }

    /// An expression over the output columns, written over the base's.
    fn rebound(&self, expression: &Expr) -> Result<Expr> {
        let rebound = expression.clone().transform_up(|expression| match expression {
            Expr::Column(column) => {
                let at = self.output.index_of_column(&column)?;
                Ok(Transformed::yes(self.columns[at].clone()))
            }
            Expr::Alias(alias) => Ok(Transformed::yes(*alias.expr)),
            other => Ok(Transformed::no(other)),
        });
        rebound.map(|rebound| rebound.data).map_err(crate::compile::analyze::error::from_execution)
    }

    /// Makes operators first if composing would compute an output column more than once: `keeps` tells that the output columns
    /// stay beside the expressions.
    fn ready_for(self, expressions: &[Expr], keeps: bool, lowering: &Lowering) -> Result<Self> {
        let mut uses = vec![usize::from(keeps); self.columns.len()];
        for expression in expressions {
            expression
                .apply(|part| {
                    if let Expr::Column(column) = part {
                        uses[self.output.index_of_column(column)?] += 1;
                    }
                    Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
                })
                .map_err(|failure| lowering.failure(failure))?;
        }
        let repeated = |(expression, uses): (&Expr, &usize)| *uses > 1 && !is_cheap(expression);
        if !self.columns.iter().zip(&uses).any(repeated) {
            return Ok(self);
        }
        let output = Arc::clone(&self.output);
        Ok(Linear::new(self.finish(lowering)?, &output))
    }

    /// The field of an expression over the base's columns, under a name that nothing else has.
    fn field(&self, expression: &Expr, lowering: &Lowering) -> Result<(Option<TableReference>, FieldRef)> {
        use datafusion::logical_expr::ExprSchemable;
        let (_, field) = expression.to_field(&self.schema).map_err(|failure| lowering.failure(failure))?;
        if let Expr::Column(column) = expression {
            return Ok((column.relation.clone(), field));
        }
        Ok((None, Arc::new(field.as_ref().clone().with_name(lowering.hidden_name()))))
    }
}

/// A source without the columns that none of `expressions` uses, but with at least one; other operators as they are.
fn pruned<'a>(
    base: Plan,
    schema: &DFSchemaRef,
    expressions: impl Iterator<Item = &'a Expr>,
    lowering: &Lowering,
) -> Result<(Plan, DFSchemaRef)> {
    let Plan::Source { relation, name, columns, schema: full } = base else { return Ok((base, Arc::clone(schema))) };
    let mut used = vec![false; columns.len()];
    for column in expressions.flat_map(Expr::column_refs) {
        if let Some(at) = schema.maybe_index_of_column(column) {
            used[at] = true;
        }
    }
    if !used.contains(&true) {
        used[0] = true;
    }
    let kept = || (0..columns.len()).filter(|at| used[*at]);
    let fields = kept().map(|at| schema.qualified_field(at)).map(|(table, field)| (table.cloned(), Arc::clone(field)));
    let named = lowering.schema(fields.collect())?;
    let fields: Vec<_> = kept().map(|at| Arc::clone(&full.fields()[at])).collect();
    let columns = kept().map(|at| columns[at]).collect();
    Ok((Plan::Source { relation, name, columns, schema: Arc::new(Schema::new(fields)) }, named))
}

/// Whether computing an expression twice costs nothing.
fn is_cheap(expression: &Expr) -> bool {
    matches!(expression, Expr::Column(_) | Expr::Literal(..))
}

/// The column at a position of a schema.
pub(super) fn column(schema: &DFSchema, at: usize) -> Expr {
    Expr::Column(Column::from(schema.qualified_field(at)))
}
