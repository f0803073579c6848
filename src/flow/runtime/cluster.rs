//! Which rows of a relation should come together where they come in shares: those of a window's partition, which is evaluated whenever
//! some of its rows come, and those of a group that is joined with its rows, which all change with it.

use std::collections::HashMap;

use crate::catalog::RelationId;
use crate::compile::plan::Plan;

/// Relations whose rows windows partition, with the positions of the columns by which they do; the first window of each tells.
pub(super) fn clusters(plan: &Plan) -> HashMap<RelationId, Vec<usize>> {
    let mut found = HashMap::new();
    collect(plan, &mut found);
    found
}

fn collect(plan: &Plan, found: &mut HashMap<RelationId, Vec<usize>>) {
    let partitioned = match plan {
        Plan::Window { input, partition, .. } | Plan::TopK { input, partition, .. } => Some((input, partition)),
        Plan::Join { left, right, left_keys, .. } if matches!(**right, Plan::Aggregate { .. }) => {
            Some((left, left_keys))
        }
        _ => None,
    };
    if let Some((input, partition)) = partitioned {
        let columns: Option<Vec<(RelationId, usize)>> = partition.iter().map(|column| origin(input, *column)).collect();
        if let Some(columns) = columns
            && let Some((relation, _)) = columns.first().copied()
            && columns.iter().all(|(other, _)| *other == relation)
        {
            found.entry(relation).or_insert_with(|| columns.iter().map(|(_, column)| *column).collect());
        }
    }
    plan.inputs().into_iter().for_each(|input| collect(input, found));
}

/// The column of a relation that a column of a plan is.
fn origin(plan: &Plan, column: usize) -> Option<(RelationId, usize)> {
    match plan {
        Plan::Source { relation, columns, .. } => Some((*relation, *columns.get(column)?)),
        Plan::Map { input, columns: None, .. } => origin(input, column),
        Plan::Map { input, columns: Some(columns), .. } => origin(input, columns.get(column)?.column()?),
        Plan::Shared { input, .. } => origin(input, column),
        Plan::Window { input, .. } | Plan::TopK { input, .. } if column < input.schema().fields().len() => {
            origin(input, column)
        }
        _ => None,
    }
}
