//! Every operator that Tidewater maintains, on one screen.

use std::sync::Arc;

use datafusion::arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::scalar::ScalarValue;

use super::expr::Expression;
use super::window::WindowCall;
use crate::catalog::RelationId;

/// An incremental plan. Column references are positions in the input's schema; computed keys and arguments are made by a
/// [`Plan::Map`] below the operator that needs them.
#[derive(Debug, Clone)]
pub enum Plan {
    /// The rows of a relation: stream, table or view.
    Source {
        /// Which relation.
        relation: RelationId,
        /// Its name, for EXPLAIN.
        name: String,
        /// Positions of the columns that are read, in output order.
        columns: Vec<usize>,
        /// Output.
        schema: SchemaRef,
    },
    /// Constant rows, emitted once: at the first tick, by one worker.
    Values {
        /// The rows.
        rows: RecordBatch,
    },
    /// Filter, then projection; linear. A row for which `filter` or a column fails becomes a row error instead.
    Map {
        /// Input.
        input: Box<Plan>,
        /// Rows for which this is not true are left out.
        filter: Option<Expression>,
        /// Output columns; `None` passes the input's columns through.
        columns: Option<Vec<Expression>>,
        /// Output.
        schema: SchemaRef,
    },
    /// UNION ALL of inputs with equal column types.
    Union {
        /// Inputs.
        inputs: Vec<Plan>,
        /// Output.
        schema: SchemaRef,
    },
    /// Each row once; NULLs are equal.
    Distinct {
        /// Input.
        input: Box<Plan>,
    },
    /// WITH RECURSIVE: the rows of `first`, and those that `next` makes of rows that are there, as often as there are new ones.
    Recursive {
        /// The query's name.
        name: String,
        /// The term that is not recursive.
        first: Box<Plan>,
        /// The recursive term: linear in the rows of its [`Plan::WorkTable`].
        next: Box<Plan>,
        /// UNION ALL, which keeps every derivation of a row; otherwise each row is there once.
        all: bool,
        /// Iterations in one tick before the view fails.
        iterations_max: u64,
        /// Output.
        schema: SchemaRef,
    },
    /// In the recursive term of the query of this name: its rows.
    WorkTable {
        /// The query's name.
        name: String,
        /// Output.
        schema: SchemaRef,
    },
    /// A plan that is used in several places and computed once.
    Shared {
        /// The same for all places.
        number: usize,
        /// The plan.
        input: Arc<Plan>,
    },
    /// One row per element of arrays, the other columns repeated; linear. Several arrays are read side by side, the shorter ones
    /// filled up with NULLs.
    Unnest {
        /// Input.
        input: Box<Plan>,
        /// Positions of the array columns, which become columns of their elements.
        columns: Vec<usize>,
        /// Whether rows whose arrays have no element stay, with NULLs.
        outer: bool,
        /// Output.
        schema: SchemaRef,
    },
    /// EXCEPT or INTERSECT of the rows of one input, without its last column, which is true for rows of the left side and NULL for
    /// those of the right one. NULLs are equal.
    SetOperation {
        /// Rows of both sides.
        input: Box<Plan>,
        /// Which operation.
        operator: SetOperator,
        /// Whether equal rows count: EXCEPT ALL keeps max(0, left − right) of them, INTERSECT ALL min(left, right).
        all: bool,
        /// Output.
        schema: SchemaRef,
    },
    /// GROUP BY; output is the keys, then the calls. Without keys there is always exactly one row.
    Aggregate {
        /// Input.
        input: Box<Plan>,
        /// Positions of the key columns; NULLs are equal.
        keys: Vec<usize>,
        /// Keys of groups that exist even without rows: the empty sets of GROUPING SETS. One row per group.
        constant_groups: Option<RecordBatch>,
        /// The aggregate calls.
        calls: Vec<AggregateCall>,
        /// Output.
        schema: SchemaRef,
    },
    /// GROUPING SETS, ROLLUP, CUBE: every row once per set; linear. Output is the input's columns, then the keys with those outside of
    /// the set as NULL, then the set's id.
    Expand {
        /// Input.
        input: Box<Plan>,
        /// Positions of the key columns.
        keys: Vec<usize>,
        /// The sets.
        sets: Vec<GroupingSet>,
        /// Output.
        schema: SchemaRef,
    },
    /// Join; output is the left columns, then the right ones as far as the kind shows them. Without keys each left row is compared with
    /// each right row.
    Join {
        /// What becomes of rows with and without a match.
        kind: JoinKind,
        /// Left input.
        left: Box<Plan>,
        /// Right input.
        right: Box<Plan>,
        /// Key columns of the left input.
        left_keys: Vec<usize>,
        /// Key columns of the right input, of the same types.
        right_keys: Vec<usize>,
        /// Whether NULL keys match each other (IS NOT DISTINCT FROM).
        null_equal: bool,
        /// Further condition over the left columns and then the right ones.
        residual: Option<Expression>,
        /// Output.
        schema: SchemaRef,
    },
    /// The first rows of each partition: ORDER BY … LIMIT/OFFSET, or row_number() (rank(), dense_rank()) … <= k. Ties are broken by the whole row.
    TopK {
        /// Input.
        input: Box<Plan>,
        /// Positions of the partition's columns; none for one global partition.
        partition: Vec<usize>,
        /// The order.
        order: Vec<SortColumn>,
        /// Rows that are kept after `offset`; `None` keeps all.
        limit: Option<u64>,
        /// Rows that are skipped first.
        offset: u64,
        /// The number that `limit` and `offset` bound.
        ranking: Ranking,
        /// Whether a bigint column with that number in its partition (from 1, before `offset`) is appended.
        row_number: bool,
        /// Output.
        schema: SchemaRef,
    },
    /// Window functions; output is the input's columns, then the calls. Ties in the order are broken by the whole row. A row for
    /// which a call fails becomes a row error instead.
    Window {
        /// Input.
        input: Box<Plan>,
        /// Positions of the partition's columns; none for one global partition.
        partition: Vec<usize>,
        /// The order.
        order: Vec<SortColumn>,
        /// The calls.
        calls: Vec<WindowCall>,
        /// Output.
        schema: SchemaRef,
    },
}

impl Plan {
    /// The output columns.
    pub fn schema(&self) -> SchemaRef {
        match self {
            Plan::Values { rows } => rows.schema(),
            Plan::Shared { input, .. } => input.schema(),
            Plan::Distinct { input } => input.schema(),
            Plan::Source { schema, .. }
            | Plan::Map { schema, .. }
            | Plan::Union { schema, .. }
            | Plan::SetOperation { schema, .. }
            | Plan::Unnest { schema, .. }
            | Plan::Recursive { schema, .. }
            | Plan::WorkTable { schema, .. }
            | Plan::Aggregate { schema, .. }
            | Plan::Expand { schema, .. }
            | Plan::Join { schema, .. }
            | Plan::TopK { schema, .. }
            | Plan::Window { schema, .. } => SchemaRef::clone(schema),
        }
    }

    /// Whether it reads the rows of the recursive query `name` in whose recursive term it stands.
    pub fn reads_work_table(&self, name: &str) -> bool {
        match self {
            Plan::WorkTable { name: read, .. } => read == name,
            // A query of the same name inside has its own rows.
            Plan::Recursive { name: inner, first, .. } if inner == name => first.reads_work_table(name),
            other => other.inputs().into_iter().any(|input| input.reads_work_table(name)),
        }
    }

    /// The plans whose output this node reads, in order.
    pub fn inputs(&self) -> Vec<&Plan> {
        match self {
            Plan::Source { .. } | Plan::Values { .. } | Plan::WorkTable { .. } => Vec::new(),
            Plan::Shared { input, .. } => vec![input],
            Plan::Recursive { first, next, .. } => vec![first, next],
            Plan::Map { input, .. }
            | Plan::Distinct { input }
            | Plan::SetOperation { input, .. }
            | Plan::Unnest { input, .. }
            | Plan::Aggregate { input, .. }
            | Plan::Expand { input, .. }
            | Plan::TopK { input, .. }
            | Plan::Window { input, .. } => vec![input],
            Plan::Union { inputs, .. } => inputs.iter().collect(),
            Plan::Join { left, right, .. } => vec![left, right],
        }
    }
}

/// One of several GROUP BYs over the same rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupingSet {
    /// For each key, whether it is in the set; the others are NULL.
    pub kept: Vec<bool>,
    /// What tells the set's groups from those of other sets; `GROUPING()` reads it.
    pub id: ScalarValue,
}

/// EXCEPT or INTERSECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the variants are the SQL names")]
pub enum SetOperator {
    Except,
    Intersect,
}

/// The joins that are maintained. A right join is a left join with its inputs exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    /// Pairs of matching rows.
    Inner,
    /// Those, and left rows without a match with NULLs.
    Left,
    /// Those, and rows of both sides without a match with NULLs.
    Full,
    /// Left rows with a match.
    Semi,
    /// Left rows without a match.
    Anti,
    /// Left rows, with a boolean column that tells whether there is a match.
    Mark,
}

/// One aggregate in a GROUP BY.
#[derive(Debug, Clone)]
pub struct AggregateCall {
    /// Which one.
    pub function: AggregateFunction,
    /// Positions of the arguments; none for `count(*)`.
    pub arguments: Vec<usize>,
    /// The argument that is the same for all rows: the delimiter of `string_agg`, the fraction of a percentile.
    pub constant: Option<ScalarValue>,
    /// Whether equal arguments count once.
    pub distinct: bool,
    /// The order in which rows are taken, for functions that depend on it; ties are broken by the arguments.
    pub order: Vec<SortColumn>,
    /// Position of a boolean column: rows for which it is not true are left out.
    pub filter: Option<usize>,
    /// Output column. Its type tells the accumulator what to produce.
    pub field: FieldRef,
}

impl AggregateCall {
    /// A plain call: no constant, DISTINCT, ORDER BY or FILTER.
    pub fn new(function: AggregateFunction, arguments: Vec<usize>, field: FieldRef) -> AggregateCall {
        AggregateCall { function, arguments, constant: None, distinct: false, order: Vec::new(), filter: None, field }
    }
}

/// The aggregates that are maintained.
///
/// Result types are PostgreSQL's: count → bigint; sum: smallint, integer → bigint, bigint → numeric(33,0), numeric(p,s) →
/// numeric(p+14,s) or, beyond 38 digits, numeric of any size, real → real, double → double; avg, variances and standard deviations:
/// integers and numeric → numeric of any size, real and double → double; covariances and regressions: double; min, max, bits,
/// mode, percentile_disc: the argument's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "most variants are the SQL names")]
pub enum AggregateFunction {
    Count,
    Sum,
    Avg,
    Min,
    Max,
    /// The only value of a group that has one row. What it is for other groups is left open.
    Single,
    AnyValue,
    BoolAnd,
    BoolOr,
    BitAnd,
    BitOr,
    BitXor,
    VarPop,
    VarSamp,
    StddevPop,
    StddevSamp,
    CovarPop,
    CovarSamp,
    Corr,
    RegrAvgx,
    RegrAvgy,
    RegrCount,
    RegrIntercept,
    RegrR2,
    RegrSlope,
    RegrSxx,
    RegrSxy,
    RegrSyy,
    StringAgg,
    ArrayAgg,
    JsonAgg,
    JsonObjectAgg,
    JsonbAgg,
    JsonbObjectAgg,
    Mode,
    PercentileCont,
    PercentileDisc,
}

impl AggregateFunction {
    /// The SQL name.
    pub fn name(self) -> &'static str {
        match self {
            AggregateFunction::Count => "count",
            AggregateFunction::Sum => "sum",
            AggregateFunction::Avg => "avg",
            AggregateFunction::Min => "min",
            AggregateFunction::Max => "max",
            AggregateFunction::Single => "single",
            AggregateFunction::AnyValue => "any_value",
            AggregateFunction::BoolAnd => "bool_and",
            AggregateFunction::BoolOr => "bool_or",
            AggregateFunction::BitAnd => "bit_and",
            AggregateFunction::BitOr => "bit_or",
            AggregateFunction::BitXor => "bit_xor",
            AggregateFunction::VarPop => "var_pop",
            AggregateFunction::VarSamp => "var_samp",
            AggregateFunction::StddevPop => "stddev_pop",
            AggregateFunction::StddevSamp => "stddev_samp",
            AggregateFunction::CovarPop => "covar_pop",
            AggregateFunction::CovarSamp => "covar_samp",
            AggregateFunction::Corr => "corr",
            AggregateFunction::RegrAvgx => "regr_avgx",
            AggregateFunction::RegrAvgy => "regr_avgy",
            AggregateFunction::RegrCount => "regr_count",
            AggregateFunction::RegrIntercept => "regr_intercept",
            AggregateFunction::RegrR2 => "regr_r2",
            AggregateFunction::RegrSlope => "regr_slope",
            AggregateFunction::RegrSxx => "regr_sxx",
            AggregateFunction::RegrSxy => "regr_sxy",
            AggregateFunction::RegrSyy => "regr_syy",
            AggregateFunction::StringAgg => "string_agg",
            AggregateFunction::ArrayAgg => "array_agg",
            AggregateFunction::JsonAgg => "json_agg",
            AggregateFunction::JsonObjectAgg => "json_object_agg",
            AggregateFunction::JsonbAgg => "jsonb_agg",
            AggregateFunction::JsonbObjectAgg => "jsonb_object_agg",
            AggregateFunction::Mode => "mode",
            AggregateFunction::PercentileCont => "percentile_cont",
            AggregateFunction::PercentileDisc => "percentile_disc",
        }
    }

    /// Whether the result depends on more than sums over the rows, so that all rows of a group must be there, in order.
    pub fn needs_rows(self) -> bool {
        matches!(self, AggregateFunction::StringAgg | AggregateFunction::ArrayAgg)
            || self.is_ordered_set()
            || self.makes_json()
    }

    /// Whether it makes json or jsonb of its rows.
    pub fn makes_json(self) -> bool {
        use AggregateFunction::{JsonAgg, JsonObjectAgg, JsonbAgg, JsonbObjectAgg};
        matches!(self, JsonAgg | JsonObjectAgg | JsonbAgg | JsonbObjectAgg)
    }

    /// Whether its first argument comes from WITHIN GROUP (ORDER BY …).
    pub fn is_ordered_set(self) -> bool {
        matches!(self, AggregateFunction::Mode | AggregateFunction::PercentileCont | AggregateFunction::PercentileDisc)
    }

    /// Whether equal values may be left out without changing the result.
    pub fn ignores_copies(self) -> bool {
        use AggregateFunction::{AnyValue, BitAnd, BitOr, BoolAnd, BoolOr, Max, Min, Single};
        matches!(self, Min | Max | Single | AnyValue | BoolAnd | BoolOr | BitAnd | BitOr)
    }
}

/// What counts rows in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ranking {
    /// Each row.
    RowNumber,
    /// The rows before it and its peers.
    Rank,
    /// The groups of peers.
    DenseRank,
}

/// A column to order by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortColumn {
    /// Position.
    pub column: usize,
    /// Whether the greatest comes first.
    pub descending: bool,
    /// Whether NULLs come first.
    pub nulls_first: bool,
}
