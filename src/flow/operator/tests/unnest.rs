use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::scalar::ScalarValue;

use super::{Bag, Input, Random, Row, Running, change, delta, int, rows_of, schema, text};
use crate::flow::operator::Unnest;

fn list() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Int64, true)))
}

fn shapes() -> (SchemaRef, SchemaRef) {
    let input = schema(&[DataType::Utf8, list(), DataType::Int64, list()]);
    let output = schema(&[DataType::Utf8, DataType::Int64, DataType::Int64, DataType::Int64]);
    (input, output)
}

fn items(value: &ScalarValue) -> Vec<ScalarValue> {
    match value {
        ScalarValue::List(list) if !value.is_null() => {
            let items = list.value(0);
            (0..items.len()).map(|at| ScalarValue::try_from_array(&items, at).unwrap()).collect()
        }
        _ => Vec::new(),
    }
}

fn expected(rows: &[(Row, i64)], outer: bool) -> Bag {
    let mut bag = Bag::new();
    for (row, weight) in rows {
        let (first, second) = (items(&row[1]), items(&row[3]));
        let length = first.len().max(second.len()).max(usize::from(outer));
        for at in 0..length {
            let item = |items: &[ScalarValue]| items.get(at).cloned().unwrap_or(ScalarValue::Int64(None));
            let made = vec![row[0].clone(), item(&first), row[2].clone(), item(&second)];
            *bag.entry(text(&made)).or_default() += weight;
        }
    }
    bag
}

#[test]
fn random_changes() {
    let (input_schema, output_schema) = shapes();
    for outer in [false, true] {
        let mut random = Random(7);
        let mut input = Input::new(&input_schema);
        let mut unnest = Running::new(Unnest::new(vec![1, 3], outer, output_schema.clone()));
        for tick in 0..80 {
            unnest.step(vec![input.change(&mut random, false)]);
            let rows: Vec<(Row, i64)> = input.rows.iter().map(|row| (row.clone(), 1)).collect();
            let wanted = expected(&rows_of(&delta(&input_schema, &rows)), outer);
            assert_eq!(unnest.rows, wanted, "outer={outer}, tick {tick}");
        }
    }
}

#[test]
fn a_long_array_keeps_its_rows() {
    let input = Arc::new(Schema::new(vec![Field::new("l", list(), true), Field::new("n", DataType::Int64, true)]));
    let output = schema(&[DataType::Int64, DataType::Int64]);
    let mut unnest = Running::new(Unnest::new(vec![0], false, output));
    let values = |length: i64| {
        let items: Vec<ScalarValue> = (0..length).map(int).collect();
        ScalarValue::List(ScalarValue::new_list_nullable(&items, &DataType::Int64))
    };
    let rows = [(vec![values(20_000), int(1)], 1), (vec![values(0), int(2)], 1), (vec![values(2), int(3)], 2)];
    assert_eq!(unnest.change(&input, &rows).len(), 20_002);
    assert_eq!(unnest.change(&input, &[(vec![values(2), int(3)], -1)]), change(&[("0 | 3", -1), ("1 | 3", -1)]));
}
