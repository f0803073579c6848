//! What a materialized view cannot contain, said in the words of the query. Looked for in the plan before it is optimized, while
//! it still has the shape of the query.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{LogicalPlan, Volatility};
use datafusion::prelude::Expr;

use super::aggregate::function_of;
use crate::compile::analyze::error;
use crate::compile::parse::Query;
use crate::error::{Error, Result, code};

/// Answers with an error, 0A000 or 42P02 for a parameter, if the query of a view contains what is not maintained.
pub(in crate::compile) fn refuse(plan: &LogicalPlan, query: &Query) -> Result<()> {
    let mut found = None;
    let walked = plan.apply_with_subqueries(|node| {
        found = expressions_refusal(node, query)?;
        Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    walked.map_err(|failure| error::from_datafusion(failure, query))?;
    found.map_or(Ok(()), Err)
}

/// 0A000: `construct` is not supported in a view; `words` are what to look for in the query to find its place.
pub(super) fn unsupported(construct: &str, words: &str, query: &Query) -> Error {
    let error = Error::unsupported(format!("{construct} is not supported in a materialized view"));
    placed(error, words, query).hint("an ordinary SELECT can use it")
}

/// The error with the place of `words` in the query.
pub(super) fn placed(mut error: Error, words: &str, query: &Query) -> Error {
    if error.position.is_none() && !words.is_empty() {
        error.position = query.position_of(words);
    }
    error
}

/// An aggregate that is not maintained, or one in a form that is not.
pub(super) fn aggregate(call: &AggregateFunction, query: &Query) -> Error {
    let name = call.func.name();
    let construct = if function_of(name).is_none() {
        format!("aggregate function {name}()")
    } else {
        format!("IGNORE NULLS or RESPECT NULLS of {name}()")
    };
    unsupported(&construct, name, query)
}

/// What a node is called where SQL has no better word.
pub(super) fn node_name(plan: &LogicalPlan) -> String {
    match plan {
        LogicalPlan::Subquery(_) => "LATERAL".to_string(),
        other => {
            let shown = other.display().to_string();
            format!("\"{}\"", shown.split([':', ' ']).next().unwrap_or_default().to_lowercase())
        }
    }
}

fn expressions_refusal(node: &LogicalPlan, query: &Query) -> PlanResult<Option<Error>> {
    let mut found = None;
    node.apply_expressions(|expression| {
        expression.apply(|part| {
            found = expression_refusal(part, query);
            Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
    })?;
    Ok(found)
}

fn expression_refusal(expression: &Expr, query: &Query) -> Option<Error> {
    match expression {
        Expr::Unnest(_) => Some(unsupported("unnest()", "unnest", query)),
        Expr::Placeholder(parameter) => {
            let message = format!("there is no parameter {}", parameter.id);
            Some(Error::new(code::UNDEFINED_PARAMETER, message).hint("a view cannot have parameters"))
        }
        Expr::ScalarFunction(call) => function_refusal(call.func.name(), call.func.signature().volatility, query),
        Expr::AggregateFunction(call) => {
            // `GROUPING()` is a function of the id of the grouping set.
            let known = function_of(call.func.name()).is_some() || call.func.name() == "grouping";
            (!known || call.params.null_treatment.is_some()).then(|| aggregate(call, query))
        }
        _ => None,
    }
}

/// Functions whose value depends on more than their arguments: a row that goes would not be computed as when it came.
fn function_refusal(name: &str, volatility: Volatility, query: &Query) -> Option<Error> {
    match volatility {
        Volatility::Immutable => None,
        Volatility::Stable => Some(unsupported(&format!("{name}()"), name, query)),
        Volatility::Volatile => Some(unsupported(&format!("volatile function {name}()"), name, query)),
    }
}
