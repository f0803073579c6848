//! Recursive queries over a graph of edges (from, to): `first` holds the starts (x, y), the recursive term takes each row on to what
//! its y leads to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::physical_expr::expressions::Column;
use datafusion::scalar::ScalarValue;

use super::{Bag, Random, Row, Running, delta, int, rounds, schema, text};
use crate::compile::expr::Expression;
use crate::flow::operator::{Circuit, CircuitNode, Join, Map, Recursive};
use crate::flow::{Delta, Operator, Output, Tick};

type Edge = (i64, i64);

fn pairs() -> SchemaRef {
    schema(&[DataType::Int64, DataType::Int64])
}

/// `SELECT r.x, e.to FROM r JOIN e ON e.from = r.y`.
fn recursive(all: bool, iterations_max: u64) -> Recursive {
    let joined = schema(&[DataType::Int64, DataType::Int64, DataType::Int64, DataType::Int64]);
    let join = Join::new(pairs(), pairs(), vec![1], vec![0], false, None, joined.clone()).unwrap();
    let column = |at: usize| {
        let field = Arc::new(joined.field(at).clone().with_name(format!("c{}", at / 2)));
        Expression::new(format!("c{at}"), field, Arc::new(Column::new(joined.field(at).name(), at)))
    };
    let map = Map::new(joined.clone(), None, Some(vec![column(0), column(3)]), pairs()).unwrap();
    let nodes = vec![
        CircuitNode::Input(0),
        CircuitNode::Input(1),
        CircuitNode::Operator(Box::new(join), vec![0, 1]),
        CircuitNode::Operator(Box::new(map), vec![2]),
    ];
    Recursive::new("r".to_string(), Circuit::new(nodes), all, iterations_max, pairs()).unwrap()
}

fn row((from, to): Edge) -> Row {
    vec![int(from), int(to)]
}

/// Pairs with counts that change at random.
#[derive(Default)]
struct Edges(BTreeMap<Edge, i64>);

impl Edges {
    fn change(&mut self, random: &mut Random, edge: impl Fn(&mut Random) -> Edge, inserts: usize) -> Vec<Delta> {
        let mut changes = Vec::new();
        for _ in 0..random.below(inserts) {
            let edge = edge(random);
            *self.0.entry(edge).or_default() += 1;
            changes.push((row(edge), 1));
        }
        let known: Vec<Edge> = self.0.iter().filter(|(_, count)| **count > 0).map(|(edge, _)| *edge).collect();
        let deletes = if random.below(6) == 0 { known.len() } else { random.below(3) };
        for _ in 0..deletes.min(known.len()) {
            let edge = known[random.below(known.len())];
            if self.0[&edge] > 0 {
                *self.0.entry(edge).or_default() -= 1;
                changes.push((row(edge), -1));
            }
        }
        self.0.retain(|_, count| *count > 0);
        vec![delta(&pairs(), &changes)]
    }

    /// All edges leave.
    fn empty(&mut self) -> Vec<Delta> {
        let changes: Vec<(Row, i64)> = self.0.iter().map(|(edge, count)| (row(*edge), -count)).collect();
        self.0.clear();
        vec![delta(&pairs(), &changes)]
    }
}

fn reached(first: &Edges, edges: &Edges) -> Bag {
    let mut found: BTreeSet<Edge> = first.0.keys().copied().collect();
    let mut new: Vec<Edge> = found.iter().copied().collect();
    while let Some((x, y)) = new.pop() {
        let next = edges.0.keys().filter(|(from, _)| *from == y).map(|(_, to)| (x, *to));
        new.extend(next.filter(|pair| found.insert(*pair)).collect::<Vec<_>>());
    }
    found.into_iter().map(|pair| (text(&row(pair)), 1)).collect()
}

fn derivations(first: &Edges, edges: &Edges) -> Bag {
    let mut all: BTreeMap<Edge, i64> = BTreeMap::new();
    let mut new = first.0.clone();
    while !new.is_empty() {
        let mut next: BTreeMap<Edge, i64> = BTreeMap::new();
        for ((x, y), count) in &new {
            *all.entry((*x, *y)).or_default() += count;
            for ((from, to), times) in &edges.0 {
                if from == y {
                    *next.entry((*x, *to)).or_default() += count * times;
                }
            }
        }
        new = next;
    }
    all.into_iter().map(|(pair, count)| (text(&row(pair)), count)).collect()
}

#[test]
fn closures_of_cyclic_graphs() {
    for seed in (0..12).flat_map(rounds) {
        let mut random = Random(seed);
        let (mut first, mut edges) = (Edges::default(), Edges::default());
        let mut union = Running::new(recursive(false, 100));
        let nodes = 4 + (seed % 12) as usize;
        let any = |random: &mut Random| (random.below(nodes) as i64, random.below(nodes) as i64);
        for tick in 0..60 {
            let starts = first.change(&mut random, any, 3);
            union.step(vec![starts, edges.change(&mut random, any, 5)]);
            assert_eq!(union.rows, reached(&first, &edges), "seed {seed}, tick {tick}");
        }
        union.step(vec![first.empty(), edges.empty()]);
        assert!(union.rows.is_empty(), "seed {seed}");
        union.assert_empty();
    }
}

#[test]
fn derivations_are_counted() {
    for seed in (0..12).flat_map(rounds) {
        let mut random = Random(seed);
        let (mut first, mut edges) = (Edges::default(), Edges::default());
        let mut union_all = Running::new(recursive(true, 100));
        let any = |random: &mut Random| (random.below(6) as i64, random.below(6) as i64);
        // From lower to higher numbers in odd ticks, from higher to lower ones in even ticks: at no tick is there a cycle, but the old
        // and the new edges together have some.
        for tick in 0..60 {
            let starts = first.change(&mut random, any, 3);
            let mut changes: Vec<Delta> = Vec::new();
            if tick % 3 == 0 {
                let gone: Vec<(Row, i64)> = edges.0.iter().map(|(edge, count)| (row(*edge), -count)).collect();
                edges.0.clear();
                changes.push(delta(&pairs(), &gone));
            }
            let up = (tick / 3) % 2 == 0;
            let acyclic = |random: &mut Random| {
                let (one, other) = (random.below(6) as i64, random.below(6) as i64);
                let (low, high) = (one.min(other), one.max(other) + 1);
                if up { (low, high) } else { (high, low) }
            };
            changes.extend(edges.change(&mut random, acyclic, 5));
            union_all.step(vec![starts, changes]);
            assert_eq!(union_all.rows, derivations(&first, &edges), "seed {seed}, tick {tick}");
        }
        union_all.step(vec![first.empty(), edges.empty()]);
        assert!(union_all.rows.is_empty(), "seed {seed}");
        union_all.assert_empty();
    }
}

#[test]
fn a_recursion_without_end_fails() {
    let tick = Tick { t: 1, now: 0, watermarks: Arc::new([]), checkpoint: false };
    let circle = || vec![vec![delta(&pairs(), &[(row((1, 1)), 1)])], vec![delta(&pairs(), &[(row((1, 1)), 1)])]];
    let error = recursive(true, 50).step(&tick, &mut circle(), &mut Output::default()).unwrap_err();
    assert!(error.message.contains("\"r\" did not end after 50 iterations"), "{}", error.message);
    let mut out = Output::default();
    recursive(false, 50).step(&tick, &mut circle(), &mut out).unwrap();
    let columns: Vec<ArrayRef> = out.rows[0].rows.columns().to_vec();
    assert_eq!(ScalarValue::try_from_array(&columns[0], 0).unwrap(), int(1));
}
