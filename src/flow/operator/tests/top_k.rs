use datafusion::arrow::datatypes::DataType;

use super::reference::{self, over_groups};
use super::{Input, Random, Running, change, double, every_type, int, rounds, schema};
use crate::compile::plan::{Ranking, SortColumn};
use crate::flow::Operator;
use crate::flow::operator::{GroupTransform, TopK};

struct Shape {
    types: Vec<DataType>,
    partition: Vec<usize>,
    order: Vec<SortColumn>,
    limit: Option<u64>,
    offset: u64,
    ranking: Ranking,
    row_number: bool,
}

fn check(seed: u64, shape: &Shape, append_only: bool) {
    rounds(seed).for_each(|seed| check_round(seed, shape, append_only));
}

fn check_round(seed: u64, shape: &Shape, append_only: bool) {
    let input = schema(&shape.types);
    let mut types = shape.types.clone();
    types.extend(shape.row_number.then_some(DataType::Int64));
    let output = schema(&types);
    let (order, limit, offset, row_number) = (shape.order.clone(), shape.limit, shape.offset, shape.row_number);
    let ranking = shape.ranking;
    let naive = || reference::TopK { order: order.clone(), limit, offset, ranking, row_number, schema: output.clone() };
    let (partition, order) = (shape.partition.clone(), shape.order.clone());
    let fast =
        TopK::new(input.clone(), partition.clone(), order, limit, offset, row_number, output.clone(), append_only);
    let mut fast = Running::new(fast.unwrap().ranked(ranking));
    let slow = GroupTransform::new(input.clone(), partition.clone(), Box::new(naive()), output.clone(), false);
    let mut slow = Running::new(slow.unwrap());
    let mut relation = Input::new(&input);
    let mut random = Random(seed);
    for tick in 0..40 {
        let deltas = relation.change(&mut random, append_only);
        slow.step(vec![deltas.clone()]);
        fast.step(vec![deltas]);
        let expected = over_groups(&naive(), &input, &partition, &relation.rows, false);
        assert_eq!(fast.rows, expected, "seed {seed}, tick {tick}");
        assert_eq!(slow.rows, expected, "seed {seed}, tick {tick}");
    }
    if !append_only {
        fast.step(vec![relation.empty()]);
        assert!(fast.rows.is_empty(), "seed {seed}");
        fast.assert_empty();
    }
}

#[test]
fn random_changes_in_every_order() {
    let types = every_type().into_iter().filter(|data_type| !data_type.is_nested());
    for (seed, data_type) in types.enumerate() {
        for variant in 0..8_u64 {
            let (descending, nulls_first, append_only) = (variant & 1 == 1, variant & 2 == 2, variant & 4 == 4);
            let shape = Shape {
                types: vec![DataType::Int16, data_type.clone(), DataType::Utf8],
                partition: if variant % 3 == 0 { vec![] } else { vec![0] },
                order: vec![
                    SortColumn { column: 1, descending, nulls_first },
                    SortColumn { column: 0, descending: !descending, nulls_first: !nulls_first },
                ],
                limit: (variant != 5).then_some(1 + variant % 4),
                offset: variant % 3,
                ranking: Ranking::RowNumber,
                row_number: variant % 2 == 0,
            };
            check(seed as u64 * 8 + variant, &shape, append_only);
        }
    }
}

#[test]
fn nan_is_greatest_and_nulls_stand_where_asked() {
    let input = schema(&[DataType::Float64]);
    let order = vec![SortColumn { column: 0, descending: true, nulls_first: false }];
    let output = schema(&[DataType::Float64, DataType::Int64]);
    let top = TopK::new(input.clone(), vec![], order, Some(2), 0, true, output, false).unwrap();
    let mut top = Running::new(top);
    let null = || vec![datafusion::scalar::ScalarValue::Float64(None)];
    assert_eq!(top.change(&input, &[(null(), 1), (vec![double(1.0)], 1)]), change(&[("1 | 1", 1), ("NULL | 2", 1)]));
    assert_eq!(
        top.change(&input, &[(vec![double(f64::NAN)], 1)]),
        change(&[("1 | 1", -1), ("1 | 2", 1), ("NULL | 2", -1), ("NaN | 1", 1),])
    );
    assert_eq!(
        top.change(&input, &[(vec![double(-f64::NAN)], -1)]),
        change(&[("1 | 1", 1), ("1 | 2", -1), ("NULL | 2", 1), ("NaN | 1", -1),])
    );
}

#[test]
fn append_only_keeps_only_what_can_come_out() {
    let input = schema(&[DataType::Int64, DataType::Int64]);
    let order = vec![SortColumn { column: 1, descending: true, nulls_first: true }];
    let top = TopK::new(input.clone(), vec![0], order, Some(2), 1, false, input.clone(), true).unwrap();
    let mut top = Running::new(top);
    for i in 0..500 {
        top.change(&input, &[(vec![int(i % 2), int(i)], 1)]);
    }
    assert_eq!(top.rows.keys().collect::<Vec<_>>(), ["0 | 494", "0 | 496", "1 | 495", "1 | 497"]);
    assert!(top.operator.bytes() < 1000, "{} bytes for 6 rows", top.operator.bytes());
}

#[test]
fn peers_share_a_rank() {
    for seed in 0..24_u64 {
        let shape = Shape {
            types: vec![DataType::Int16, DataType::Int64, DataType::Utf8],
            partition: if seed % 2 == 0 { vec![] } else { vec![0] },
            order: vec![SortColumn { column: 1, descending: seed % 5 == 0, nulls_first: seed % 3 == 0 }],
            limit: (seed % 6 != 5).then_some(1 + seed % 5),
            offset: seed % 4 / 2 * (seed % 3),
            ranking: if seed % 4 < 2 { Ranking::Rank } else { Ranking::DenseRank },
            row_number: seed % 3 != 0,
        };
        check(seed, &shape, false);
        check(seed, &shape, true);
    }
}

#[test]
fn append_only_keeps_the_peers_of_the_last_rank() {
    let input = schema(&[DataType::Int64, DataType::Int64]);
    let order = vec![SortColumn { column: 0, descending: true, nulls_first: true }];
    let top = TopK::new(input.clone(), vec![], order, Some(3), 0, false, input.clone(), true).unwrap();
    let mut top = Running::new(top.ranked(Ranking::Rank));
    for i in 0..500 {
        top.change(&input, &[(vec![int(i / 2), int(i)], 1)]);
    }
    assert_eq!(top.rows.keys().collect::<Vec<_>>(), ["248 | 496", "248 | 497", "249 | 498", "249 | 499"]);
    assert!(top.operator.bytes() < 1000, "{} bytes for 4 rows", top.operator.bytes());
}
