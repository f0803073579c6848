use super::reference::{self, over_groups};
use super::{Input, Random, Running, change, every_type, int, rounds, schema};
use crate::flow::operator::{Distinct, GroupTransform};
use datafusion::arrow::datatypes::DataType;

#[test]
fn random_changes() {
    let mut shapes: Vec<Vec<DataType>> = every_type().into_iter().map(|data_type| vec![data_type]).collect();
    shapes.push(vec![DataType::Int64, DataType::Utf8, DataType::Float64]);
    for (seed, types) in shapes.into_iter().enumerate() {
        let schema = schema(&types);
        let keys: Vec<usize> = (0..types.len()).collect();
        for seed in rounds(seed as u64) {
            let mut random = Random(seed);
            let mut input = Input::new(&schema);
            let mut fast = Running::new(Distinct::new(schema.clone()).unwrap());
            let oracle = Box::new(reference::Distinct(schema.clone()));
            let mut slow =
                Running::new(GroupTransform::new(schema.clone(), keys.clone(), oracle, schema.clone(), false).unwrap());
            for tick in 0..60 {
                let deltas = input.change(&mut random, false);
                slow.step(vec![deltas.clone()]);
                fast.step(vec![deltas]);
                let expected = over_groups(&reference::Distinct(schema.clone()), &schema, &keys, &input.rows, false);
                assert_eq!(fast.rows, expected, "{types:?}, tick {tick}");
                assert_eq!(slow.rows, expected, "{types:?}, tick {tick}");
            }
            fast.step(vec![input.empty()]);
            assert!(fast.rows.is_empty());
            fast.assert_empty();
        }
    }
}

#[test]
fn rows_stay_while_copies_remain() {
    let schema = schema(&[DataType::Int64]);
    let mut distinct = Running::new(Distinct::new(schema.clone()).unwrap());
    assert_eq!(distinct.change(&schema, &[(vec![int(1)], 2)]), change(&[("1", 1)]));
    assert_eq!(distinct.change(&schema, &[(vec![int(1)], -1)]), change(&[]));
    assert_eq!(distinct.change(&schema, &[(vec![int(1)], -1), (vec![int(1)], 1)]), change(&[]));
    assert_eq!(distinct.change(&schema, &[(vec![int(1)], -1)]), change(&[("1", -1)]));
}
