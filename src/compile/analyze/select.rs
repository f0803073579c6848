//! SELECT over one snapshot: planned against schemas, run over the rows that the engine brings afterwards.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::DateTime;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray};
use datafusion::arrow::datatypes::{DataType, FieldRef, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::common::metadata::{FieldMetadata, ScalarAndMetadata};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{ParamValues, plan_datafusion_err};
use datafusion::datasource::provider_as_source;
use datafusion::error::Result as PlanResult;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{ExprSchemable, LogicalPlan, TableSource, Volatility};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;
use futures::StreamExt;

use super::careful::careful;
use super::lookup::{Binding, bindings};
use super::source::ReadSource;
use super::{
    Relations, Settings, coerce, constant_rows, error, interruption, names, oids, parameter, relation_of, session,
    shown,
};
use crate::catalog::RelationId;
use crate::clock::Clock;
use crate::compile::function::order;
use crate::compile::parse::Query;
use crate::compile::rewrite;
use crate::error::{Error, Result};
use crate::types::SqlType;

/// A planned SELECT.
#[derive(Debug)]
pub struct Select {
    /// Output columns as users see them; names may repeat.
    pub schema: SchemaRef,
    /// Types of `$1…`, by number.
    pub parameters: Vec<FieldRef>,
    /// The relations it reads, each once.
    pub relations: Vec<RelationId>,
    plan: LogicalPlan,
    state: SessionState,
    query: Query,
    now_micros: Option<i64>,
}

/// Plans a SELECT. `hints` are the parameter types that the client declared (`None` = not told).
/// Errors: what PostgreSQL would complain about; 42P18 for a parameter whose type nothing tells.
pub fn plan_select(
    query: &Query,
    relations: &dyn Relations,
    settings: &Settings,
    hints: &[Option<FieldRef>],
) -> Result<Select> {
    let state = session::state(settings);
    let explain = |failure| error::from_datafusion(failure, query);
    let names = names::Names::new(relations, &state);
    let (raw, parameters) = parameter::planned(query, relations, &names, hints, |raw| coerce(raw, &state, settings))?;
    let raw = constant_rows::as_tables(raw).map_err(explain)?;
    let (plan, schema) =
        coerce(raw, &state, settings).and_then(rewrite::set_operation::expanded).and_then(shown).map_err(explain)?;
    let relations = relations_of(&plan).map_err(explain)?;
    let (schema, parameters) = match relations.is_empty() && oids::reads_catalog(&plan) {
        true => (oids::columns(&schema), parameters.iter().map(oids::told).collect()),
        false => (schema, parameters),
    };
    Ok(Select { schema, parameters, relations, plan, state, query: query.clone(), now_micros: None })
}

impl Select {
    /// Fixes what `now()` shows, in µs since 1970-01-01 UTC; otherwise it shows the machine's clock.
    pub fn at(mut self, now_micros: i64) -> Self {
        self.now_micros = Some(now_micros);
        self
    }

    /// Whether it answers the same for the same rows at any time, in any session.
    pub fn is_immutable(&self) -> bool {
        let mut immutable = true;
        // The closures do not fail.
        let _ = self.plan.apply_with_subqueries(|node| {
            node.apply_expressions(|expression| {
                expression.apply(|part| {
                    if let Expr::ScalarFunction(call) = part {
                        immutable &= call.func.signature().volatility == Volatility::Immutable;
                    }
                    Ok(TreeNodeRecursion::Continue)
                })
            })
        });
        immutable
    }

    /// Whether functions see values of an enum type: its labels, not only which of them it is.
    pub fn converts(&self, oid: u32) -> bool {
        /// Functions that answer one of their arguments, or compare them.
        const BLIND: [&str; 10] = [
            "coalesce",
            "nullif",
            "greatest",
            "least",
            "tagged",
            "in",
            "array",
            "array_append",
            "unnest[]",
            "sort_key",
        ];
        let mut found = false;
        // The closures do not fail.
        let _ = self.plan.apply_with_subqueries(|node| {
            let schema = merge_schema(&node.inputs());
            node.apply_expressions(|expression| {
                expression.apply(|part| {
                    let of_type = |part: &Expr| {
                        part.to_field(&schema).is_ok_and(|(_, field)| SqlType::of(&field).user_types().contains(&oid))
                    };
                    found |= match part {
                        Expr::ScalarFunction(call) => {
                            // A constant label became a value when the view was made.
                            let is_constant =
                                call.func.name() == "cast" && matches!(call.args.first(), Some(Expr::Literal(..)));
                            let is_blind = is_constant || BLIND.contains(&call.func.name());
                            !is_blind && (call.args.iter().any(of_type) || of_type(part))
                        }
                        Expr::AggregateFunction(call) => {
                            let shows = call.func.name().starts_with("json") || call.func.name() == "string_agg";
                            shows && call.params.args.iter().any(of_type)
                        }
                        _ => false,
                    };
                    Ok(TreeNodeRecursion::Continue)
                })
            })
        });
        found
    }

    /// Gets ready to run, with values for [`Select::parameters`].
    pub fn ready(self, parameters: &[ScalarValue]) -> Result<Ready> {
        let Select { schema, plan, mut state, query, relations, parameters: wanted, now_micros } = self;
        if parameters.len() != wanted.len() {
            let message = format!("{} parameters are needed, {} were given", wanted.len(), parameters.len());
            return Err(Error::new("08P01", message));
        }
        let now = now_micros.unwrap_or_else(|| Clock::System.now_micros());
        state.execution_props_mut().query_execution_start_time = DateTime::from_timestamp_micros(now);
        let values = typed(parameters, &wanted);
        let plan = optimized(plan, &state, values).map_err(|failure| error::from_datafusion(failure, &query))?;
        let bindings = bindings(&plan).map_err(|failure| error::from_datafusion(failure, &query))?;
        Ok(Ready { schema, relations, bindings, plan, state, query })
    }

    /// Runs over `providers`, see [`Ready::execute`].
    pub async fn execute(
        self,
        providers: HashMap<RelationId, Arc<dyn TableProvider>>,
        parameters: &[ScalarValue],
    ) -> Result<SendableRecordBatchStream> {
        self.ready(parameters)?.execute(providers).await
    }
}

/// A SELECT that only needs rows.
#[derive(Debug)]
pub struct Ready {
    /// Output columns.
    pub schema: SchemaRef,
    /// The relations it reads, each once.
    pub relations: Vec<RelationId>,
    /// Of the relations of which not all rows are needed: what the needed ones have in some columns.
    pub bindings: HashMap<RelationId, Vec<Binding>>,
    plan: LogicalPlan,
    state: SessionState,
    query: Query,
}

impl Ready {
    /// Runs over `providers`, which hold the rows of exactly [`Ready::relations`], at least those that [`Ready::bindings`] tells.
    /// Batches have [`Ready::schema`]; their errors are for [`error::from_execution`].
    pub async fn execute(
        self,
        providers: HashMap<RelationId, Arc<dyn TableProvider>>,
    ) -> Result<SendableRecordBatchStream> {
        let Ready { schema, plan, state, query, .. } = self;
        run(plan, schema, &state, &providers).await.map_err(|failure| error::from_datafusion(failure, &query))
    }
}

/// Values that say of their SQL type what the parameters' fields do.
fn typed(values: &[ScalarValue], fields: &[FieldRef]) -> Vec<ScalarAndMetadata> {
    let typed = |(value, field): (&ScalarValue, &FieldRef)| {
        let metadata = (!field.metadata().is_empty()).then(|| FieldMetadata::from(field.as_ref()));
        ScalarAndMetadata::new(value.clone(), metadata)
    };
    values.iter().zip(fields).map(typed).collect()
}

/// The plan with values for parameters, as it will run.
fn optimized(plan: LogicalPlan, state: &SessionState, parameters: Vec<ScalarAndMetadata>) -> PlanResult<LogicalPlan> {
    let mut plan = with_source(plan, |relation, source| {
        Ok(Arc::new(ReadSource { relation, schema: source.schema() }) as Arc<dyn TableSource>)
    })?;
    if !parameters.is_empty() {
        plan = plan.with_param_values(ParamValues::List(parameters))?;
    }
    // What reads no relation has nothing to tell before it runs, and is optimized then.
    if relations_of(&plan)?.is_empty() { Ok(plan) } else { crate::claim::folding(|| state.optimize(&plan)) }
}

async fn run(
    plan: LogicalPlan,
    schema: SchemaRef,
    state: &SessionState,
    providers: &HashMap<RelationId, Arc<dyn TableProvider>>,
) -> PlanResult<SendableRecordBatchStream> {
    let plan = with_source(plan, |relation, _| {
        let provider = providers.get(&relation);
        let provider =
            provider.ok_or_else(|| plan_datafusion_err!("no rows were given for relation {}", relation.0))?;
        Ok(provider_as_source(Arc::clone(provider)))
    })?;
    let optimized = order::constant::hidden(rewrite::elements::restored(session::optimize_select(&plan, state)?)?)?;
    let physical = careful(state.query_planner().create_physical_plan(&optimized, state).await?)?;
    let stream = interruption::execute(physical, state.task_ctx())?;
    let shown = SchemaRef::clone(&schema);
    let stream = stream.map(move |batch| {
        let batch: RecordBatch = batch?;
        let options = datafusion::arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(SchemaRef::clone(&shown), conforming(&batch, &shown)?, &options)?)
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
}

/// The columns with the items' fields that the schema has: DataFusion forgets what they say of the SQL type.
fn conforming(batch: &RecordBatch, shown: &SchemaRef) -> PlanResult<Vec<ArrayRef>> {
    let column = |(column, field): (&ArrayRef, &FieldRef)| match (column.data_type(), field.data_type()) {
        (DataType::List(found), DataType::List(item)) if found != item && found.data_type() == item.data_type() => {
            let lists = column.as_list::<i32>();
            let (offsets, nulls) = (lists.offsets().clone(), lists.nulls().cloned());
            let list = ListArray::try_new(Arc::clone(item), offsets, Arc::clone(lists.values()), nulls)?;
            Ok(Arc::new(list) as ArrayRef)
        }
        _ => Ok(Arc::clone(column)),
    };
    batch.columns().iter().zip(shown.fields()).map(column).collect()
}

/// Puts other sources where the plan reads stored relations.
fn with_source(
    plan: LogicalPlan,
    other: impl Fn(RelationId, &dyn TableSource) -> PlanResult<Arc<dyn TableSource>>,
) -> PlanResult<LogicalPlan> {
    let replaced = plan.transform_up_with_subqueries(|node| {
        let LogicalPlan::TableScan(mut scan) = node else { return Ok(Transformed::no(node)) };
        let Some(relation) = relation_of(scan.source.as_ref()) else {
            return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
        };
        scan.source = other(relation, scan.source.as_ref())?;
        Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
    })?;
    Ok(replaced.data)
}

fn relations_of(plan: &LogicalPlan) -> PlanResult<Vec<RelationId>> {
    let mut found = BTreeSet::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            found.extend(relation_of(scan.source.as_ref()));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found.into_iter().collect())
}
