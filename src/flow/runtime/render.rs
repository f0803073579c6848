//! Plan → fragments: the plan is cut where rows must change workers, each piece becomes one timely operator per worker.
//!
//! Stateful operators need all rows of a key on one worker, so with more than one worker their inputs are exchanged by the hash of
//! the keys; without keys everything goes to worker 0. With one worker nothing is cut: the whole plan is one fragment.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use super::cluster::clusters;
use super::recursion::Recursion;
use crate::catalog::RelationId;
use crate::compile::plan::{JoinKind, Plan, SetOperator};
use crate::error::{Error, Result};
use crate::flow::delta::{hash_rows, take_rows, worker_of};
use crate::flow::operator::{
    Aggregate, DegreeJoin, Distinct, Expand, Join, Map, Presence, SetOperation, TopK, Union, Unnest, Window,
};
use crate::flow::{Delta, Operator};

/// What one worker needs to build a dataflow.
pub(super) struct DataflowPlan {
    /// Relations that are read, each once.
    pub(super) inputs: Vec<RelationId>,
    /// The pieces; each sends to a later one, the last one makes the result.
    pub(super) fragments: Vec<Fragment>,
    /// Columns of relations by which rows that come in shares should come together.
    pub(super) clusters: Arc<HashMap<RelationId, Vec<usize>>>,
}

/// A piece of a plan that runs without exchange.
pub(super) struct Fragment {
    /// Where its ports get rows from.
    pub(super) ports: Vec<Port>,
    /// Its operators; each reads earlier ones, the last one makes the output.
    pub(super) nodes: Vec<Node>,
    /// Where the output goes.
    pub(super) route: Route,
}

/// An input of a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Port {
    /// Position in [`DataflowPlan::inputs`].
    Relation(usize),
    /// Position in [`DataflowPlan::fragments`].
    Fragment(usize),
}

/// Where the output of a fragment goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// It is the result of the dataflow.
    Result,
    /// To the workers that own the hash of these columns.
    Exchange(Vec<usize>),
    /// To all workers.
    Broadcast,
    /// Nowhere else: several fragments of this worker read it.
    Stay,
}

/// An operator with the places of its inputs among the fragment's nodes.
pub(super) struct Node {
    pub(super) kind: NodeKind,
    pub(super) inputs: Vec<usize>,
}

/// What a node does.
pub(super) enum NodeKind {
    /// Hands on what arrived at a port. Relations are shared, so their columns are chosen here.
    Port {
        port: usize,
        /// Columns and their schema; `None` passes all through.
        columns: Option<(Vec<usize>, SchemaRef)>,
    },
    /// Constant rows, emitted at the first tick.
    Values(Option<RecordBatch>),
    /// Everything else.
    Operator(Box<dyn Operator>),
}

/// Builds `plan` for every worker. `append_only` answers for relations whether they ever retract. Fails where an operator does not
/// support what the plan asks.
pub(super) fn render(
    plan: &Plan,
    workers: usize,
    append_only: &dyn Fn(RelationId) -> bool,
) -> Result<Vec<DataflowPlan>> {
    let clusters = Arc::new(clusters(plan));
    (0..workers)
        .map(|worker| {
            let mut renderer = Renderer {
                worker,
                workers,
                append_only,
                inputs: Vec::new(),
                fragments: Vec::new(),
                shared: HashMap::new(),
            };
            let root = renderer.fragment(plan, Route::Result)?;
            renderer.fragments.push(root);
            Ok(DataflowPlan { inputs: renderer.inputs, fragments: renderer.fragments, clusters: Arc::clone(&clusters) })
        })
        .collect()
}

/// Whether a plan never retracts a row if its relations do as `relation` says.
pub(super) fn is_append_only(plan: &Plan, relation: &dyn Fn(RelationId) -> bool) -> bool {
    match plan {
        Plan::Source { relation: id, .. } => relation(*id),
        Plan::Values { .. } | Plan::WorkTable { .. } => true,
        Plan::Map { .. }
        | Plan::Shared { .. }
        | Plan::Recursive { .. }
        | Plan::Unnest { .. }
        | Plan::Expand { .. }
        | Plan::Distinct { .. }
        | Plan::Union { .. }
        | Plan::Join { kind: JoinKind::Inner | JoinKind::Semi, .. }
        | Plan::SetOperation { operator: SetOperator::Intersect, .. } => {
            plan.inputs().into_iter().all(|input| is_append_only(input, relation))
        }
        Plan::SetOperation { .. }
        | Plan::Aggregate { .. }
        | Plan::TopK { .. }
        | Plan::Window { .. }
        | Plan::Join { .. } => false,
    }
}

/// The relations that a plan reads, each once, in order of appearance.
pub(super) fn relations(plan: &Plan) -> Vec<RelationId> {
    fn collect(plan: &Plan, found: &mut Vec<RelationId>) {
        if let Plan::Source { relation, .. } = plan
            && !found.contains(relation)
        {
            found.push(*relation);
        }
        plan.inputs().into_iter().for_each(|input| collect(input, found));
    }
    let mut found = Vec::new();
    collect(plan, &mut found);
    found
}

pub(super) struct Renderer<'a> {
    worker: usize,
    workers: usize,
    append_only: &'a dyn Fn(RelationId) -> bool,
    inputs: Vec<RelationId>,
    pub(super) fragments: Vec<Fragment>,
    /// Where the output of shared plans is among the fragments, by number.
    pub(super) shared: HashMap<usize, usize>,
}

impl Renderer<'_> {
    /// A fragment with `plan` as its last node; fragments that feed it are added before.
    pub(super) fn fragment(&mut self, plan: &Plan, route: Route) -> Result<Fragment> {
        let mut fragment = Fragment { ports: Vec::new(), nodes: Vec::new(), route };
        self.node(plan, &mut fragment)?;
        Ok(fragment)
    }

    /// Adds the nodes of `plan`; answers the place of the last one.
    fn node(&mut self, plan: &Plan, fragment: &mut Fragment) -> Result<usize> {
        if let Plan::Shared { number, input } = plan {
            return self.shared(*number, input, fragment);
        }
        if let Plan::Recursive { name, first, next, all, iterations_max, .. } = plan {
            let recursion = Recursion { name, first, next, all: *all, iterations_max: *iterations_max };
            let node = self.recursion(plan, &recursion, fragment)?;
            fragment.nodes.push(node);
            return Ok(fragment.nodes.len() - 1);
        }
        let kind = match plan {
            Plan::Source { relation, columns, schema, .. } => {
                let port = fragment.port(Port::Relation(self.input(*relation)));
                NodeKind::Port { port, columns: Some((columns.clone(), schema.clone())) }
            }
            Plan::Values { rows } => NodeKind::Values((self.worker == 0).then(|| rows.clone())),
            _ => NodeKind::Operator(self.operator(plan)?),
        };
        let inputs = match plan {
            Plan::Source { .. }
            | Plan::Values { .. }
            | Plan::WorkTable { .. }
            | Plan::Recursive { .. }
            | Plan::Shared { .. } => vec![],
            Plan::Map { input, .. } | Plan::Expand { input, .. } | Plan::Unnest { input, .. } => {
                vec![self.node(input, fragment)?]
            }
            Plan::Union { inputs, .. } => {
                inputs.iter().map(|input| self.node(input, fragment)).collect::<Result<Vec<_>>>()?
            }
            Plan::Distinct { input } => {
                let all = (0..input.schema().fields().len()).collect();
                vec![self.exchange(input, all, fragment)?]
            }
            Plan::SetOperation { input, schema, .. } => {
                let all = (0..schema.fields().len()).collect();
                vec![self.exchange(input, all, fragment)?]
            }
            Plan::Aggregate { input, keys, .. } => vec![self.exchange(input, keys.clone(), fragment)?],
            Plan::TopK { input, partition, .. } | Plan::Window { input, partition, .. } => {
                vec![self.exchange(input, partition.clone(), fragment)?]
            }
            // Without keys any worker may have a left row, but for FULL, which needs all rows in one place; always the same one, so
            // that a row that goes meets the one that came.
            Plan::Join { kind, left, right, left_keys, .. } if left_keys.is_empty() && *kind != JoinKind::Full => {
                let all = (0..left.schema().fields().len()).collect();
                vec![self.exchange(left, all, fragment)?, self.routed(right, Route::Broadcast, fragment)?]
            }
            Plan::Join { left, right, left_keys, right_keys, .. } => vec![
                self.exchange(left, left_keys.clone(), fragment)?,
                self.exchange(right, right_keys.clone(), fragment)?,
            ],
        };
        fragment.nodes.push(Node { kind, inputs });
        Ok(fragment.nodes.len() - 1)
    }

    /// The operator of a plan's topmost node.
    pub(super) fn operator(&self, plan: &Plan) -> Result<Box<dyn Operator>> {
        Ok(match plan {
            Plan::Source { .. }
            | Plan::Values { .. }
            | Plan::WorkTable { .. }
            | Plan::Recursive { .. }
            | Plan::Shared { .. } => {
                return Err(Error::internal("this node of a plan has no operator of its own"));
            }
            Plan::Map { input, filter, columns, schema } => {
                Box::new(Map::new(input.schema(), filter.clone(), columns.clone(), schema.clone())?)
            }
            Plan::Union { schema, .. } => Box::new(Union::new(schema.clone())),
            Plan::Distinct { input } => Box::new(Distinct::new(input.schema())?),
            Plan::Unnest { columns, outer, schema, .. } => {
                Box::new(Unnest::new(columns.clone(), *outer, schema.clone()))
            }
            Plan::SetOperation { operator, all, schema, .. } => {
                Box::new(SetOperation::new(*operator, *all, schema.clone())?)
            }
            Plan::Expand { keys, sets, schema, .. } => {
                Box::new(Expand::new(keys.clone(), sets.clone(), schema.clone()))
            }
            Plan::Aggregate { input, keys, constant_groups, calls, schema } => {
                let append_only = is_append_only(input, self.append_only);
                // Without keys all rows go to worker 0, which alone answers for the group that is always there.
                let emits_empty = keys.is_empty() && self.worker == 0;
                let (keys, calls) = (keys.clone(), calls.clone());
                let operator = Aggregate::new(input.schema(), keys, calls, schema.clone(), append_only, emits_empty)?;
                Box::new(match constant_groups {
                    Some(groups) => operator.with_constant_groups(self.owned(groups)?),
                    None => operator,
                })
            }
            Plan::Join { .. } => join(plan)?,
            Plan::TopK { input, partition, order, limit, offset, ranking, row_number, schema } => {
                let append_only = is_append_only(input, self.append_only);
                let (partition, order) = (partition.clone(), order.clone());
                let top = TopK::new(
                    input.schema(),
                    partition,
                    order,
                    *limit,
                    *offset,
                    *row_number,
                    schema.clone(),
                    append_only,
                );
                Box::new(top?.ranked(*ranking))
            }
            Plan::Window { input, partition, order, calls, schema } => {
                Box::new(Window::new(input.schema(), partition.clone(), order.clone(), calls.clone(), schema.clone())?)
            }
        })
    }

    /// The rows of `keys` that this worker gets.
    fn owned(&self, keys: &RecordBatch) -> Result<RecordBatch> {
        let all: Vec<usize> = (0..keys.num_columns()).collect();
        let hashes = hash_rows(keys, &all);
        let mine =
            hashes.values().iter().enumerate().filter(|(_, hash)| worker_of(**hash, self.workers) == self.worker);
        Ok(take_rows(&Delta::insert(keys.clone()), mine.map(|(row, _)| row as u32).collect())?.rows)
    }

    /// The output of `plan` with all rows of a key on one worker; answers the place of the node that has them.
    pub(super) fn exchange(&mut self, plan: &Plan, keys: Vec<usize>, fragment: &mut Fragment) -> Result<usize> {
        self.routed(plan, Route::Exchange(keys), fragment)
    }

    /// The output of `plan` where `route` brings it; answers the place of the node that has it.
    fn routed(&mut self, plan: &Plan, route: Route, fragment: &mut Fragment) -> Result<usize> {
        if self.workers == 1 {
            return self.node(plan, fragment);
        }
        let sender = self.fragment(plan, route)?;
        self.fragments.push(sender);
        let port = fragment.port(Port::Fragment(self.fragments.len() - 1));
        fragment.nodes.push(Node { kind: NodeKind::Port { port, columns: None }, inputs: vec![] });
        Ok(fragment.nodes.len() - 1)
    }

    fn input(&mut self, relation: RelationId) -> usize {
        match self.inputs.iter().position(|known| *known == relation) {
            Some(position) => position,
            None => {
                self.inputs.push(relation);
                self.inputs.len() - 1
            }
        }
    }
}

/// The operator of a join: the cheapest one that its kind and condition allow.
fn join(plan: &Plan) -> Result<Box<dyn Operator>> {
    let Plan::Join { kind, left, right, left_keys, right_keys, null_equal, residual, schema } = plan else {
        return Err(Error::internal("a join was expected"));
    };
    let (left, right, schema) = (left.schema(), right.schema(), SchemaRef::clone(schema));
    let (left_keys, right_keys, residual) = (left_keys.clone(), right_keys.clone(), residual.clone());
    Ok(match (kind, &residual) {
        (JoinKind::Inner, _) => Box::new(Join::new(left, right, left_keys, right_keys, *null_equal, residual, schema)?),
        (JoinKind::Semi | JoinKind::Anti | JoinKind::Mark, None) => {
            Box::new(Presence::new(*kind, left, right, left_keys, right_keys, *null_equal, schema)?)
        }
        _ => Box::new(DegreeJoin::new(*kind, left, right, left_keys, right_keys, *null_equal, residual, schema)?),
    })
}

impl Fragment {
    /// The position of a port, added if it is new.
    pub(super) fn port(&mut self, port: Port) -> usize {
        match self.ports.iter().position(|known| *known == port) {
            Some(position) => position,
            None => {
                self.ports.push(port);
                self.ports.len() - 1
            }
        }
    }
}
