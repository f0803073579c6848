//! SQL text → incremental plan, in four steps: parse → analyze → rewrite → lower. The only code that knows sqlparser is `parse`.

// Aggregate functions, for SELECT and for views.
pub mod aggregate;
// Statement → DataFusion logical plan: names, types, our functions, PostgreSQL's semantics.
pub mod analyze;
// EXPLAIN: one line per operator.
pub mod explain;
// Compiled scalar expressions.
pub mod expr;
// SQL functions that DataFusion does not have or does not have as PostgreSQL does.
pub mod function;
// Constants as SQL.
mod literal;
// Logical plan → [`Plan`](plan::Plan); refuses what is not maintained.
pub mod lower;
// SQL text → [`Statement`](parse::Statement): PostgreSQL's grammar and ours.
pub mod parse;
// The operators.
pub mod plan;
// Rules on the logical plan before lowering.
pub mod rewrite;
// Window functions.
pub mod window;
