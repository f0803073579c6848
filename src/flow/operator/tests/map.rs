use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::Operator as Binary;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::scalar::ScalarValue;

use super::{Row, Running, change, int, schema};
use crate::compile::expr::Expression;
use crate::flow::operator::Map;

fn expression(
    text: &str,
    operator: Binary,
    left: Arc<dyn PhysicalExpr>,
    right: Arc<dyn PhysicalExpr>,
    output: DataType,
) -> Expression {
    Expression::new(
        text.into(),
        Arc::new(Field::new("e", output, true)),
        Arc::new(BinaryExpr::new(left, operator, right)),
    )
}

fn literal(value: i64) -> Arc<dyn PhysicalExpr> {
    Arc::new(Literal::new(ScalarValue::Int64(Some(value))))
}

#[test]
fn failing_rows_leave_and_come_back_as_errors() {
    let input = schema(&[DataType::Int64]);
    let column = || Arc::new(Column::new("c0", 0)) as Arc<dyn PhysicalExpr>;
    let filter = expression("c0 < 5", Binary::Lt, column(), literal(5), DataType::Boolean);
    let quotient = expression("10 / c0", Binary::Divide, literal(10), column(), DataType::Int64);
    // The declared type is wider than what the expression gives: the map casts.
    let output = schema(&[DataType::Decimal128(20, 0)]);
    let mut map = Running::new(Map::new(input.clone(), Some(filter), Some(vec![quotient]), output).unwrap());
    let row = |x: i64| -> Row { vec![int(x)] };
    let out = map.change(&input, &[(row(2), 1), (row(7), 1), (row(0), 2), (row(1), 3)]);
    assert_eq!(out, change(&[("10", 3), ("5", 1)]));
    let errors: Vec<_> =
        map.errors.iter().map(|(error, weight)| (error.expression.as_str(), error.row.as_str(), *weight)).collect();
    assert_eq!(errors, [("10 / c0", r#"{"c0":0}"#, 2)]);
    map.change(&input, &[(row(0), -2), (row(2), -1)]);
    assert!(map.errors.is_empty());
    assert_eq!(map.rows.len(), 1);
}

#[test]
fn without_columns_rows_pass() {
    let input = schema(&[DataType::Int64]);
    let mut map = Running::new(Map::new(input.clone(), None, None, input.clone()).unwrap());
    assert_eq!(
        map.change(&input, &[(vec![int(1)], 1), (vec![ScalarValue::Int64(None)], 2)]),
        change(&[("1", 1), ("NULL", 2)])
    );
}
