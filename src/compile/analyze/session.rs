//! DataFusion, set up for PostgreSQL's semantics.

use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use datafusion::common::alias::AliasGenerator;
use datafusion::common::config::{ConfigOptions, Dialect};
use datafusion::error::Result as PlanResult;
use datafusion::execution::memory_pool::{GreedyMemoryPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::registry::FunctionRegistry;
use datafusion::optimizer::{Optimizer, OptimizerConfig, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::SessionConfig;

use super::arithmetic::Arithmetic;
use super::equijoin::{Equijoin, with_null_equal_keys};
use super::one_by_one::OneByOne;
use super::{Settings, aggregate, extreme, filled};
use crate::claim;
use crate::compile::{function, rewrite, window};

/// Optimizer rules that must not see the query of a view: a limit pushed into a scan would read an order into the input; DISTINCT
/// and count(DISTINCT …) have operators of their own; a join with unique keys is cheaper to maintain than the semi join that it
/// would become.
const NOT_IN_VIEWS: [&str; 3] = ["push_down_limit", "replace_distinct_aggregate", "eliminate_join"];

const SINGLE_DISTINCT: &str = "single_distinct_aggregation_to_group_by";

/// How many of the greatest holders of memory an error names.
const CONSUMERS_NAMED: NonZeroUsize = NonZeroUsize::MIN;

/// A session for one statement.
pub(super) fn state(settings: &Settings) -> SessionState {
    static BASE: OnceLock<SessionState> = OnceLock::new();
    let mut state = BASE.get_or_init(base).clone();
    state.config_mut().options_mut().execution.time_zone = Some(settings.time_zone.clone());
    // Functions take the zone from here when they run.
    let options = Arc::clone(state.config_options());
    state.execution_props_mut().config_options = Some(options);
    state
}

/// Optimizes the plan of a view: only with rules that are identities of bag algebra, and without folding what changes over time.
pub(super) fn optimize_view(plan: LogicalPlan, state: &SessionState) -> PlanResult<LogicalPlan> {
    let mut options = ConfigOptions::clone(state.config_options());
    // Scalar subqueries become joins, which we maintain or refuse; otherwise they would stay inside expressions.
    options.optimizer.enable_physical_uncorrelated_scalar_subquery = false;
    let mut optimizer = Optimizer::with_rules(rules());
    optimizer.rules.retain(|rule| !NOT_IN_VIEWS.contains(&rule.name()));
    let config = ViewOptimizer { options: Arc::new(options), aliases: Arc::new(AliasGenerator::new()), state };
    with_null_equal_keys(claim::folding(|| optimizer.optimize(plan, &config, |_, _| {}))?, &config)
}

/// Optimizes the plan of a SELECT.
pub(super) fn optimize_select(plan: &LogicalPlan, state: &SessionState) -> PlanResult<LogicalPlan> {
    filled::guarded(with_null_equal_keys(claim::folding(|| state.optimize(plan))?, state)?)
}

/// DataFusion's rules, with our own for the keys of joins, for conditions that are never true and for relations without rows, and without the one that computes with the types of DataFusion's sums.
fn rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let own: [Arc<dyn OptimizerRule + Send + Sync>; 3] = [
        Arc::new(Equijoin::default()),
        Arc::new(rewrite::never::Propagate::default()),
        Arc::new(rewrite::never::PushFilter::default()),
    ];
    let ours = |rule: Arc<dyn OptimizerRule + Send + Sync>| {
        own.iter().find(|own| own.name() == rule.name()).cloned().unwrap_or(rule)
    };
    let kept = Optimizer::new().rules.into_iter().filter(|rule| rule.name() != SINGLE_DISTINCT);
    let mut rules: Vec<_> = kept.map(ours).collect();
    let pushed = rules.iter().position(|rule| rule.name() == "push_down_filter").unwrap_or(rules.len());
    rules.insert(pushed, Arc::new(rewrite::never::Never));
    rules
}

/// DataFusion's rules for physical plans, but not the one that pushes filters: it finds columns by their names, and two tables may have
/// one of the same name. The logical plan's filters are pushed already. Nor the one that answers from statistics: it counts one distinct
/// value where a column is a constant, also if that is NULL or there are no rows. Nor the one that moves projections below filters and joins:
/// they would be computed for rows that the condition leaves out, and fail for them.
fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let rules = PhysicalOptimizer::new().rules.into_iter();
    let kept = |name: &str| {
        !name.starts_with("FilterPushdown") && !["aggregate_statistics", "ProjectionPushdown"].contains(&name)
    };
    let first: Arc<dyn PhysicalOptimizerRule + Send + Sync> = Arc::new(OneByOne);
    std::iter::once(first).chain(rules.filter(|rule| kept(rule.name()))).collect()
}

/// Half of the machine's memory: what the sorts, joins and aggregations of all statements together may hold.
fn memory_max() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: usize = total.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes * 512)
}

fn base() -> SessionState {
    let mut config = SessionConfig::new().with_target_partitions(1).with_information_schema(false);
    let options = config.options_mut();
    // Functions such as now() take their result type from the zone that is set when they are registered.
    options.execution.time_zone = Some("UTC".to_string());
    options.sql_parser.map_string_types_to_utf8view = false;
    options.sql_parser.parse_float_as_decimal = true;
    options.sql_parser.collect_spans = true;
    options.sql_parser.dialect = Dialect::PostgreSQL;
    options.optimizer.skip_failed_rules = false;
    // Types are checked where they matter; it would complain about columns that the plan knows to hold no NULL.
    options.execution.skip_physical_aggregate_schema_check = true;
    options.optimizer.filter_null_join_keys = true;
    let mut builder =
        SessionStateBuilder::new_with_default_features().with_config(config).with_optimizer_rules(rules());
    builder = builder.with_physical_optimizer_rules(physical_rules());
    if let Some(bytes) = memory_max() {
        let pool = TrackConsumersPool::new(GreedyMemoryPool::new(bytes), CONSUMERS_NAMED);
        let environment = RuntimeEnv { memory_pool: Arc::new(pool), ..RuntimeEnv::default() };
        builder = builder.with_runtime_env(Arc::new(environment));
    }
    let planners = builder.expr_planners().get_or_insert_default();
    planners.insert(0, Arc::new(Arithmetic));
    planners.insert(0, Arc::new(crate::compile::aggregate::Check));
    let builder = builder.with_query_planner(Arc::new(window::execution::Planner));
    let mut state = function::register(builder).build();
    for function in [window::marker::function(), rewrite::with_ties::function()] {
        let _ = FunctionRegistry::register_udf(&mut state, Arc::new(function));
    }
    // Registering replaces DataFusion's function of the same name and cannot fail in a session's own registry.
    let ours = aggregate::functions().into_iter().chain(extreme::functions());
    for function in ours.chain(crate::compile::aggregate::functions()) {
        let _ = FunctionRegistry::register_udaf(&mut state, function);
    }
    for function in window::function::functions() {
        let _ = FunctionRegistry::register_udwf(&mut state, function);
    }
    state
}

/// How views are optimized: `now()` has no value yet, and functions can be looked up (DataFusion's stand-alone configuration has
/// no functions and panics where a rule asks for one).
struct ViewOptimizer<'a> {
    options: Arc<ConfigOptions>,
    aliases: Arc<AliasGenerator>,
    state: &'a SessionState,
}

impl OptimizerConfig for ViewOptimizer<'_> {
    fn query_execution_start_time(&self) -> Option<DateTime<Utc>> {
        None
    }

    fn alias_generator(&self) -> &Arc<AliasGenerator> {
        &self.aliases
    }

    fn options(&self) -> Arc<ConfigOptions> {
        Arc::clone(&self.options)
    }

    fn function_registry(&self) -> Option<&dyn FunctionRegistry> {
        Some(self.state)
    }
}
