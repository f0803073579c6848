//! Long chains of AND and OR as trees of little depth: what looks at them goes down the tree by recursion, and programs write conditions
//! with thousands of alternatives. The order of the conditions stays.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr};

use super::take;

/// Chains shorter than this stay as they are; so do the balanced ones, whose depth never comes near.
const CHAIN_MIN: usize = 64;

/// Balances the chain that `expression` is the top of.
pub(super) fn balance(expression: &mut Expr) {
    let Expr::BinaryOp { op: chain @ (BinaryOperator::And | BinaryOperator::Or), .. } = &*expression else { return };
    let chain = chain.clone();
    let mut links = 0;
    let mut link = &*expression;
    while let Expr::BinaryOp { left, op, .. } = link
        && *op == chain
    {
        links += 1;
        link = left;
    }
    if links < CHAIN_MIN {
        return;
    }
    let mut conditions = Vec::with_capacity(links + 1);
    let mut rest = take(expression);
    rest = loop {
        match rest {
            Expr::BinaryOp { left, op, right } if op == chain => {
                conditions.push(*right);
                rest = *left;
            }
            first => break first,
        }
    };
    conditions.push(rest);
    conditions.reverse();
    *expression = tree(conditions, &chain);
}

/// Joins neighbours until one is left.
fn tree(mut conditions: Vec<Expr>, op: &BinaryOperator) -> Expr {
    while conditions.len() > 1 {
        let mut pairs = Vec::with_capacity(conditions.len().div_ceil(2));
        let mut each = conditions.into_iter();
        while let Some(left) = each.next() {
            pairs.push(match each.next() {
                Some(right) => Expr::BinaryOp { left: Box::new(left), op: op.clone(), right: Box::new(right) },
                None => left,
            });
        }
        conditions = pairs;
    }
    conditions.pop().unwrap_or_else(|| Expr::value(datafusion::sql::sqlparser::ast::Value::Null))
}
