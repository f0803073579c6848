//! Logical plan → [`Plan`]. In: an optimized logical plan whose operands have equal types; out: the operators that maintain it.
//! Never: names looked up, rows. What cannot be maintained is refused with 0A000, in the words of the query.

// GROUP BY, GROUPING SETS.
mod aggregate;
// Scalar expressions.
mod expression;
// Inner joins.
mod join;
// Filters and projections on top of an operator.
mod linear;
// What is not maintained, found before optimization.
mod refuse;
// WITH RECURSIVE, plans used in several places.
mod recursive;
// EXCEPT and INTERSECT.
mod set_operation;
// ORDER BY … LIMIT, row_number() <= k.
mod top_k;
// Elements of arrays as rows.
mod unnest;
// Constant rows.
mod values;
// Window functions.
mod window;
// Aggregates over whole partitions.
mod whole_partition;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::{DFSchema, DFSchemaRef, DataFusionError};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Distinct, Extension, LogicalPlan, TableScan, Union};
use datafusion::prelude::Expr;

pub(in crate::compile) use aggregate::grouping_sets;
pub(in crate::compile) use refuse::refuse;

use self::linear::Linear;
use super::analyze::{Settings, error, relation_of};
use super::parse::Query;
use super::plan::Plan;
use super::rewrite;
use super::window::node;
use crate::error::{Error, Result};

/// Turns an optimized logical plan into operators. `query` is what the user wrote, for positions of errors.
pub(in crate::compile) fn lower(
    plan: &LogicalPlan,
    state: &SessionState,
    settings: &Settings,
    query: &Query,
) -> Result<Plan> {
    let iterations_max = settings.recursive_iterations_max;
    let shared_max = Cell::new(rewrite::shared::greatest(plan));
    let lowering =
        Lowering { state, query, iterations_max, shared_max, hidden: Cell::new(0), made: RefCell::default() };
    lowering.node(plan)?.finish(&lowering)
}

/// One run of [`lower`].
struct Lowering<'a> {
    state: &'a SessionState,
    query: &'a Query,
    /// How many columns were made that the query does not name.
    hidden: Cell<usize>,
    /// Iterations that a recursive query may have.
    iterations_max: u64,
    /// The greatest number of a plan that is used in several places.
    shared_max: Cell<usize>,
    /// Plans that are used in several places, by number, with what they are made of.
    made: RefCell<HashMap<usize, (LogicalPlan, Arc<Plan>)>>,
}

impl Lowering<'_> {
    fn node(&self, plan: &LogicalPlan) -> Result<Linear> {
        match plan {
            LogicalPlan::Projection(projection) => {
                let input = self.node(&projection.input)?;
                input.project(&projection.expr, &projection.schema, self)
            }
            LogicalPlan::Filter(filter) => self.node(&filter.input)?.filter(&filter.predicate, self),
            LogicalPlan::SubqueryAlias(alias) => Ok(self.node(&alias.input)?.named(&alias.schema)),
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let distinct = Plan::Distinct { input: Box::new(self.node(input)?.finish(self)?) };
                Ok(Linear::new(distinct, input.schema()))
            }
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Union(union) => self.union(union),
            // The order of a view's rows is not a property of the view; LIMIT looks for its own order below itself.
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => self.node(&sort.input),
            LogicalPlan::Sort(sort) => self.top_k(&sort.input, &sort.expr, 0, sort.fetch.map(|fetch| fetch as u64)),
            LogicalPlan::Limit(limit) => self.limit(limit),
            LogicalPlan::Values(values) => self.values(values),
            LogicalPlan::EmptyRelation(empty) => self.empty(empty),
            LogicalPlan::RecursiveQuery(query) => self.recursive(query),
            LogicalPlan::Extension(extension) => self.extension(plan, extension),
            other => Err(self.unsupported(&refuse::node_name(other))),
        }
    }

    /// Nodes of our own.
    fn extension(&self, plan: &LogicalPlan, extension: &Extension) -> Result<Linear> {
        if let Some(shared) = rewrite::shared::of(plan) {
            return self.shared(shared);
        }
        if let Some(window) = node::of(extension) {
            return self.window(window);
        }
        if let Some(elements) = rewrite::elements::of(plan) {
            return self.elements(elements);
        }
        match rewrite::set_operation::of(plan) {
            Some(operation) => self.set_operation(operation),
            None => Err(self.unsupported(extension.node.name())),
        }
    }

    fn scan(&self, scan: &TableScan) -> Result<Linear> {
        if let Some(name) = rewrite::shared::work_table(scan) {
            return self.work_table(name, scan);
        }
        let Some(relation) = relation_of(scan.source.as_ref()) else {
            let name = scan.table_name.to_string();
            let error = Error::unsupported(format!("system relation \"{name}\" cannot be read by a materialized view"));
            return Err(self.placed(error, &name));
        };
        let full = scan.source.schema();
        let mut columns: Vec<usize> = scan.projection.clone().unwrap_or_else(|| (0..full.fields().len()).collect());
        // Rows without columns would have nothing to be counted by.
        if columns.is_empty() {
            columns.push(0);
        }
        let fields: Vec<_> = columns.iter().map(|position| Arc::clone(&full.fields()[*position])).collect();
        let schema = Arc::new(Schema::new(fields));
        let named =
            DFSchema::try_from_qualified_schema(scan.table_name.clone(), &schema).map_err(|e| self.failure(e))?;
        let name = scan.table_name.table().to_string();
        Ok(Linear::over(Plan::Source { relation, name, columns, schema }, Arc::new(named), &scan.projected_schema))
    }

    fn union(&self, union: &Union) -> Result<Linear> {
        let mut inputs = Vec::new();
        for input in &union.inputs {
            let plan = self.node(input)?.finish(self)?;
            let kinds =
                |schema: &Schema| schema.fields().iter().map(|field| field.data_type().clone()).collect::<Vec<_>>();
            if kinds(&plan.schema()) != kinds(union.schema.as_arrow()) {
                return Err(Error::internal("the inputs of a UNION have different types"));
            }
            inputs.push(plan);
        }
        Ok(Linear::new(Plan::Union { inputs, schema: nullable(&union.schema) }, &union.schema))
    }

    /// A name for a column that the query does not name.
    fn hidden_name(&self) -> String {
        let number = self.hidden.get();
        self.hidden.set(number + 1);
        format!("__{number}")
    }

    /// 0A000: `construct` is not maintained. Its place is looked for by its own words.
    fn unsupported(&self, construct: &str) -> Error {
        refuse::unsupported(construct, construct, self.query)
    }

    fn placed(&self, error: Error, words: &str) -> Error {
        refuse::placed(error, words, self.query)
    }

    fn failure(&self, failure: DataFusionError) -> Error {
        error::from_datafusion(failure, self.query)
    }
}

/// The Arrow schema of a logical one. Every column may be NULL: what the planner derives about that holds for its own operators.
fn nullable(schema: &DFSchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The position of a column of `schema` if the expression is just that.
fn position(expression: &Expr, schema: &DFSchema) -> Option<usize> {
    match expression {
        Expr::Column(column) => schema.maybe_index_of_column(column),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
