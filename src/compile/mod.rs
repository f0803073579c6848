//! SQL text → incremental plan, in four steps: parse → analyze → rewrite → lower. The only code that knows sqlparser is `parse`.

/// SQL text → [`Statement`](parse::Statement): PostgreSQL's grammar and ours.
pub mod parse;
/// Statement → DataFusion logical plan: names, types, our functions, PostgreSQL's semantics.
pub mod analyze;
/// Rules on the logical plan before lowering.
pub mod rewrite;
/// Logical plan → [`Plan`](plan::Plan); refuses what is not maintained.
pub mod lower;
/// EXPLAIN: one line per operator.
pub mod explain;
/// Compiled scalar expressions.
pub mod expr;
/// SQL functions that DataFusion does not have or does not have as PostgreSQL does.
pub mod function;
/// The operators.
pub mod plan;
