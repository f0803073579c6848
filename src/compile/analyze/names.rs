//! What the names in a query mean: relations from the catalog, functions from the session.

use std::cell::Cell;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef, SchemaRef};
use datafusion::catalog::TableFunctionArgs;
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Constraint, Constraints, DFSchema, DataFusionError, TableReference, internal_err};
use datafusion::datasource::cte_worktable::CteWorkTable;
use datafusion::datasource::provider_as_source;
use datafusion::error::Result as PlanResult;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, RelationPlanner, TypePlanner};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{
    AggregateUDF, HigherOrderUDF, LogicalPlan, LogicalPlanBuilder, ScalarUDF, TableSource, WindowUDF,
};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::prelude::Expr;
use datafusion::sql::parser::Statement;
use datafusion::sql::planner::{PlannerContext, SqlToRel};

use super::source::{RelationSource, ViewSource};
use super::unresolved::{self, Unresolved};
use super::{Relations, Resolved, error, rows};
use crate::compile::function::{is_foreign, unknown};
use crate::compile::parse::{ARRAY, ColumnAliases, MergedColumns, Query, UnnestedRows, WholeRows, without_markers};
use crate::compile::rewrite::{elements, size};
use crate::error::{Error, Result, code};
use crate::types::SqlType;

/// What the planner says of a column that is not grouped by.
const UNGROUPED: &str = "must appear in the GROUP BY clause";

/// Names of one statement.
pub(super) struct Names<'a> {
    relations: &'a dyn Relations,
    state: &'a SessionState,
    planners: Vec<Arc<dyn RelationPlanner>>,
    /// Whether the planner is told the primary keys of tables.
    keyed: Cell<bool>,
}

impl<'a> Names<'a> {
    /// Names as `relations` and the functions of `state` give them.
    pub(super) fn new(relations: &'a dyn Relations, state: &'a SessionState) -> Self {
        let mut planners: Vec<Arc<dyn RelationPlanner>> = vec![Arc::new(elements::Relations::default())];
        planners.extend(state.relation_planners().iter().cloned());
        planners.push(Arc::new(MergedColumns));
        planners.push(Arc::new(ColumnAliases));
        planners.push(Arc::new(UnnestedRows::default()));
        planners.extend(relations.rows().map(rows::planner));
        Names { relations, state, planners, keyed: Cell::new(false) }
    }

    /// The logical plan of a query as DataFusion makes it; `parameters` are the types of `$1…` where they are known.
    pub(super) fn plan(&self, query: &Query, parameters: &[Option<FieldRef>]) -> PlanResult<LogicalPlan> {
        let plan = self.plan_resolved(query, parameters);
        match plan {
            // Who groups by a primary key may use the other columns of its table. The planner then groups by all of them.
            Err(failure) if !self.keyed.get() && failure.to_string().contains(UNGROUPED) => {
                self.keyed.set(true);
                let plan = self.plan_resolved(query, parameters);
                self.keyed.set(false);
                plan.map_err(|_| failure)
            }
            plan => plan,
        }
    }

    /// The plan, once names and stars that the planner does not know are replaced.
    fn plan_resolved(&self, query: &Query, parameters: &[Option<FieldRef>]) -> PlanResult<LogicalPlan> {
        let mut resolved: Option<Query> = None;
        loop {
            let current = resolved.as_ref().unwrap_or(query);
            let failure = match self.plan_once(current, parameters) {
                Ok(plan) => return Ok(plan),
                Err(failure) => failure,
            };
            // Each time there is one unknown name or star less.
            resolved = match unresolved::of(&failure) {
                // Where it stands: in another place it may be a column.
                Some(Unresolved::Column(name, place)) => current.with_whole_row(&name, place),
                Some(Unresolved::Star(number, fields)) => current.with_fields(&number, &fields),
                None => None,
            };
            if resolved.is_none() {
                return Err(failure);
            }
        }
    }

    fn plan_once(&self, query: &Query, parameters: &[Option<FieldRef>]) -> PlanResult<LogicalPlan> {
        let mut context = PlannerContext::new().with_prepare_param_data_types(parameters.to_vec());
        let find = |name: &str| {
            type_named(self.relations, name).map_err(|error| match query.position_of(name) {
                Some(position) => error.at(position),
                None => error,
            })
        };
        let query = query
            .clone()
            .with_types(&find, &|name| self.relations.domain_named(name))
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        let whole = query.whole_rows();
        let mut planners = self.planners.clone();
        if !whole.is_empty() {
            planners.insert(planners.len().min(1), Arc::new(WholeRows::new(whole)));
        }
        let keyed = Cell::new(self.keyed.get());
        let names = Names { relations: self.relations, state: self.state, planners, keyed };
        match query.statement() {
            Statement::Statement(statement) => {
                let plan = SqlToRel::new(&names).sql_statement_to_plan_with_context(*statement, &mut context)?;
                size::check(&plan)?;
                without_markers(plan)
            }
            _ => internal_err!("a query is one SQL statement"),
        }
    }

    fn resolve(&self, schema: Option<&str>, name: &str) -> Result<Arc<dyn TableSource>> {
        match self.relations.resolve(schema, name)? {
            Some(Resolved::Relation { id, schema, key }) => {
                let keyed = self.keyed.get() && !key.is_empty();
                let constraints = keyed.then(|| Constraints::new_unverified(vec![Constraint::PrimaryKey(key)]));
                Ok(Arc::new(RelationSource { relation: id, schema, constraints }))
            }
            Some(Resolved::System(provider)) => Ok(provider_as_source(provider)),
            Some(Resolved::View(query, columns)) => {
                let plan = self.plan(&query, &[]).and_then(|plan| renamed(plan, &columns));
                let plan = plan.map_err(error::from_execution)?;
                Ok(Arc::new(ViewSource { plan }))
            }
            None => Err(self.unknown_relation(schema, name)),
        }
    }

    fn unknown_relation(&self, schema: Option<&str>, name: &str) -> Error {
        let shown = schema.map_or_else(|| name.to_string(), |schema| format!("{schema}.{name}"));
        let failure = Error::new(code::UNDEFINED_TABLE, format!("relation \"{shown}\" does not exist"));
        match error::similar(&shown, self.relations.names().iter().map(String::as_str)) {
            Some(similar) => failure.hint(format!("did you mean \"{similar}\"?")),
            None => failure,
        }
    }
}

/// The type of that name. Errors: 42704.
pub(super) fn type_named(relations: &dyn Relations, name: &str) -> Result<SqlType> {
    let unknown = || Error::new(code::UNDEFINED_OBJECT, format!("type \"{name}\" does not exist"));
    relations.type_named(name)?.ok_or_else(unknown)
}

/// The plan with other names for its columns, as CREATE VIEW v (a, b) gives them; columns without a new name keep theirs.
fn renamed(plan: LogicalPlan, columns: &[String]) -> PlanResult<LogicalPlan> {
    if columns.is_empty() {
        return Ok(plan);
    }
    let mut expressions: Vec<Expr> = Vec::new();
    for (position, (qualifier, field)) in plan.schema().iter().enumerate() {
        let column = Expr::Column((qualifier, field).into());
        let name = columns.get(position).unwrap_or_else(|| field.name());
        expressions.push(column.alias(name.clone()));
    }
    LogicalPlanBuilder::from(plan).project(expressions)?.build()
}

impl ContextProvider for Names<'_> {
    fn get_table_source(&self, name: TableReference) -> PlanResult<Arc<dyn TableSource>> {
        self.resolve(name.schema(), name.table()).map_err(|failure| DataFusionError::External(Box::new(failure)))
    }

    /// `FROM generate_series(1, 3)`: the only column of a function is called as the function is.
    fn get_table_function_source(&self, name: &str, arguments: Vec<Expr>) -> PlanResult<Arc<dyn TableSource>> {
        let Some(function) = self.state.table_functions().get(name) else {
            let error = Error::new(code::UNDEFINED_FUNCTION, format!("function {name} does not exist"));
            return Err(DataFusionError::External(Box::new(error)));
        };
        let options = Arc::clone(self.state.config_options());
        let simplifier = ExprSimplifier::new(SimplifyContext::builder().with_config_options(options).build());
        let constant = |argument| simplifier.simplify(simplifier.coerce(argument, &DFSchema::empty())?);
        let arguments: Vec<Expr> = arguments.into_iter().map(constant).collect::<PlanResult<_>>()?;
        let provider = function.create_table_provider_with_args(TableFunctionArgs::new(&arguments, self.state))?;
        let plan = LogicalPlanBuilder::scan(name, provider_as_source(provider), None)?.build()?;
        let columns = if plan.schema().fields().len() == 1 { vec![name.to_string()] } else { Vec::new() };
        Ok(Arc::new(ViewSource { plan: renamed(plan, &columns)? }))
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> PlanResult<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(name, schema))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        self.state.expr_planners()
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        &self.planners
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        None
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        let known = self.state.scalar_functions();
        if name == ARRAY {
            return known.get("make_array").cloned();
        }
        let found = self.relations.function(name);
        let known = found.or_else(|| known.get(name).filter(|_| !is_foreign(name)).cloned());
        let (scalars, aggregates) = (self.state.scalar_functions(), self.state.aggregate_functions());
        // The planner's own.
        if known.is_some()
            || name == "unnest"
            || aggregates.contains_key(name)
            || self.state.window_functions().contains_key(name)
            || self.state.higher_order_functions().contains_key(name)
        {
            return known;
        }
        let named = scalars.keys().chain(aggregates.keys()).map(String::as_str);
        let named = named.filter(|name| {
            name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') && !is_foreign(name)
        });
        Some(Arc::new(unknown(name, error::similar(name, named))))
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.state.higher_order_functions().get(name).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.state.aggregate_functions().get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.state.window_functions().get(name).cloned()
    }

    fn get_variable_type(&self, _variable_names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        self.state.config_options()
    }

    fn udf_names(&self) -> Vec<String> {
        self.state.scalar_functions().keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        self.state.higher_order_functions().keys().cloned().collect()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.state.aggregate_functions().keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.state.window_functions().keys().cloned().collect()
    }
}
