use datafusion::arrow::array::{Array, AsArray, Int32Array, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type, Schema};
use datafusion::execution::context::SessionContext;
use datafusion::physical_plan::projection::ProjectionExec;

use super::*;
use crate::compile::function::tests::session;
use crate::compile::parse::Query;

fn rows() -> RecordBatch {
    let schema = Schema::new(vec![
        Field::new("a", DataType::Int32, true),
        Field::new("b", DataType::Int32, true),
        Field::new("s", DataType::Utf8, true),
    ]);
    let a = Int32Array::from(vec![Some(10), Some(20), Some(i32::MIN), None, Some(50)]);
    let b = Int32Array::from(vec![Some(2), Some(0), Some(-1), Some(0), Some(5)]);
    let s = StringArray::from(vec![Some("1"), Some("x"), None, Some("99999999999"), Some(" 5 ")]);
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(a), Arc::new(b), Arc::new(s)]).unwrap()
}

fn with_table() -> SessionContext {
    let session = session();
    session.register_batch("t", rows()).unwrap();
    session
}

/// The expression of `SELECT sql FROM t`, as it is compiled.
fn compiled(sql: &str) -> Expression {
    let session = with_table();
    // It would take parts of the expression out into a projection of their own.
    session.remove_optimizer_rule("common_sub_expression_eliminate");
    let query = Query::from_text(&format!("SELECT {sql} AS x FROM t")).unwrap();
    let physical = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        let plan = session.state().statement_to_plan(query.statement()).await.unwrap();
        session.state().create_physical_plan(&plan).await.unwrap()
    });
    let projection = physical.downcast_ref::<ProjectionExec>().expect("a projection is on top");
    let physical = Arc::clone(&projection.expr()[0].expr);
    // The scan below reads only the columns that are used: back to the positions in `rows`.
    let physical = datafusion::physical_expr::utils::reassign_expr_columns(physical, &rows().schema()).unwrap();
    let field = physical.return_field(&rows().schema()).unwrap();
    Expression::new(sql.to_string(), field, physical)
}

/// Integers, with `!` and the SQLSTATE for rows that fail.
fn outcome(sql: &str) -> Vec<String> {
    let evaluated = compiled(sql).evaluate(&rows()).unwrap();
    let values = datafusion::arrow::compute::cast(&evaluated.values, &DataType::Int32).unwrap();
    let values = values.as_primitive::<Int32Type>();
    let mut shown: Vec<String> =
        values.iter().map(|value| value.map_or("-".to_string(), |value| value.to_string())).collect();
    for (row, code, _) in &evaluated.errors {
        assert!(evaluated.values.is_null(*row), "{sql}");
        shown[*row] = format!("!{code}");
    }
    shown
}

#[test]
fn only_failing_rows_fail() {
    assert_eq!(outcome("a % b"), ["0", "!22012", "0", "-", "0"]);
    assert_eq!(outcome("s::int"), ["1", "!22P02", "-", "!22003", "5"]);
    assert_eq!(outcome("-a"), ["-10", "-20", "!22003", "-", "-50"]);
    assert_eq!(outcome("a"), ["10", "20", "-2147483648", "-", "50"]);
}

#[test]
fn branches_that_are_not_taken_do_not_fail() {
    assert_eq!(outcome("CASE WHEN b = 0 THEN 0 ELSE a % b END"), ["0", "0", "0", "0", "0"]);
    assert_eq!(outcome("CASE b WHEN 0 THEN 7 ELSE 10 / b END"), ["5", "7", "-10", "7", "2"]);
    assert_eq!(outcome("coalesce(b, a % 0)"), ["2", "0", "-1", "0", "5"]);
    assert_eq!(outcome("(b <> 0 AND 10 % b = 0)::int"), ["1", "0", "1", "0", "1"]);
    assert_eq!(outcome("(b = 0 OR 10 % b = 0)::int"), ["1", "1", "1", "1", "1"]);
    assert_eq!(outcome("10 / nullif(b, 0)"), ["5", "-", "-10", "-", "2"]);
}

#[test]
fn reasons_are_told_as_postgres_tells_them() {
    let evaluated = compiled("s::int").evaluate(&rows()).unwrap();
    assert_eq!(
        evaluated.errors,
        [
            (1, code::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type integer: \"x\"".to_string()),
            (3, code::NUMERIC_VALUE_OUT_OF_RANGE, "value \"99999999999\" is out of range for type integer".to_string()),
        ]
    );
    let evaluated = compiled("b % 0").evaluate(&rows()).unwrap();
    assert_eq!(evaluated.errors.len(), 5);
    assert_eq!(evaluated.errors[0].2, "division by zero");
    assert_eq!(evaluated.values.null_count(), 5);
}

#[test]
fn no_rows_give_no_values() {
    let evaluated = compiled("s::int").evaluate(&rows().slice(0, 0)).unwrap();
    assert_eq!((evaluated.values.len(), evaluated.errors.len()), (0, 0));
    assert_eq!(compiled("b").column(), Some(1));
}
