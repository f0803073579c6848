//! Runs a fragment: batches are stashed by tick and port; when no more can come for a tick, the fragment's operators run for it in
//! order, once, and the output leaves with the tick's time.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::RecordBatchOptions;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use timely::communication::Pull;
use timely::container::NoopBuilder;
use timely::dataflow::channels::Message;
use timely::dataflow::channels::pact::{DistributorPact, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::generic::{InputHandleCore, OutputBuilder};
use timely::dataflow::{Scope, Stream};

use super::batch::{Batch, Deliver};
use super::render::{Fragment, Node, NodeKind, Port, Route};
use crate::error::{Error, Result};
use crate::flow::delta::{hash_rows, partition};
use crate::flow::{Delta, Output, RowError, Step, Tick};

/// Why a dataflow was quarantined; shared by its fragments on all workers and the coordinator.
#[derive(Debug, Default)]
pub(super) struct Failure {
    failed: AtomicBool,
    why: Mutex<Option<String>>,
}

impl Failure {
    /// Quarantines the dataflow; the first reason stays.
    pub(super) fn set(&self, why: String) {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
        self.failed.store(true, Ordering::Release);
    }

    /// Whether it is quarantined.
    pub(super) fn is_set(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// The reason, if it is quarantined.
    pub(super) fn why(&self) -> Option<String> {
        if !self.is_set() {
            return None;
        }
        self.why.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The ticks that a worker has begun and not finished.
pub(super) type Ticks = Rc<RefCell<BTreeMap<u64, Tick>>>;

/// What a dataflow made on one worker, by tick, until the worker takes it.
#[derive(Debug, Default)]
pub(super) struct Results {
    /// Rows of the last fragment.
    pub(super) rows: BTreeMap<u64, Vec<Delta>>,
    /// Errors of all fragments.
    pub(super) errors: BTreeMap<u64, Vec<RowError>>,
}

/// What all fragments of a dataflow on one worker share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) ticks: Ticks,
    pub(super) results: Rc<RefCell<Results>>,
    pub(super) failure: Arc<Failure>,
    /// Rows that the operators of all fragments on all workers hold.
    pub(super) state_rows: Arc<AtomicU64>,
    /// The tick at which the dataflow is installed: every fragment runs then, with or without input.
    pub(super) first: u64,
    pub(super) workers: usize,
    /// This one.
    pub(super) worker: usize,
}

/// Builds the timely operator that runs `fragment`. `relations` and `fragments` are the streams that its ports name. The stream that
/// it answers carries the output, or for the last fragment nothing: only progress.
pub(super) fn build<'scope>(
    scope: Scope<'scope, u64>,
    fragment: Fragment,
    relations: &[Stream<'scope, u64, Batch>],
    fragments: &[Stream<'scope, u64, Batch>],
    shared: Shared,
) -> Stream<'scope, u64, Batch> {
    let mut builder = OperatorBuilder::new("Fragment".to_string(), scope);
    let mut inputs: Vec<Box<dyn Receive>> = Vec::with_capacity(fragment.ports.len());
    for port in &fragment.ports {
        match port {
            Port::Relation(relation) => {
                inputs.push(Box::new(builder.new_input(relations[*relation].clone(), Pipeline)));
            }
            Port::Fragment(sender) => {
                let pact = DistributorPact(|_workers| Deliver);
                inputs.push(Box::new(builder.new_input(fragments[*sender].clone(), pact)));
            }
        }
    }
    let (output, stream) = builder.new_output::<Batch>();
    let mut output = OutputBuilder::<u64, NoopBuilder<Batch>>::from(output);
    let activator = scope.activator_for(builder.operator_info().address);
    let ports = fragment.ports.len();
    let mut runner = Runner { nodes: fragment.nodes, route: fragment.route, shared, position: None, state_rows: 0 };
    builder.build_reschedule(move |capabilities| {
        let mut stash: BTreeMap<u64, Stash> = BTreeMap::new();
        for capability in capabilities {
            stash.insert(runner.shared.first, Stash::new(capability.delayed(&runner.shared.first), ports));
        }
        move |frontiers| {
            for (port, input) in inputs.iter_mut().enumerate() {
                input.receive(port, ports, &mut stash);
            }
            while let Some(mut entry) = stash.first_entry() {
                let t = *entry.key();
                if frontiers.iter().any(|frontier| frontier.less_equal(&t)) {
                    break;
                }
                if runner.run(t, &mut entry.get_mut().batches) == Step::Yield {
                    activator.activate();
                    return true;
                }
                let sent = runner.take_output(t);
                let mut output = output.activate();
                let stash = entry.remove();
                let mut session = output.session_with_builder(&stash.capability);
                for mut batch in sent {
                    session.give_container(&mut batch);
                }
            }
            false
        }
    });
    stream
}

/// What arrived for one tick.
struct Stash {
    capability: Capability<u64>,
    /// By port.
    batches: Vec<Vec<Delta>>,
}

impl Stash {
    fn new(capability: Capability<u64>, ports: usize) -> Stash {
        Stash { capability, batches: vec![Vec::new(); ports] }
    }
}

/// An input of a timely operator, whatever brings its rows.
trait Receive {
    /// Moves what arrived into the stash.
    fn receive(&mut self, port: usize, ports: usize, stash: &mut BTreeMap<u64, Stash>);
}

impl<P: Pull<Message<u64, Batch>>> Receive for InputHandleCore<u64, Batch, P> {
    fn receive(&mut self, port: usize, ports: usize, stash: &mut BTreeMap<u64, Stash>) {
        self.for_each(|capability, batch| {
            if let Some(delta) = batch.delta.take() {
                let t = *capability.time();
                let stash = stash.entry(t).or_insert_with(|| Stash::new(capability.retain(0), ports));
                stash.batches[port].push(delta);
            }
        });
    }
}

/// The operators of a fragment and how far they are in a tick.
struct Runner {
    nodes: Vec<Node>,
    route: Route,
    shared: Shared,
    /// A tick that was begun and yielded.
    position: Option<Position>,
    /// Rows that the operators held after the last tick.
    state_rows: u64,
}

/// Where a tick stands.
struct Position {
    /// The node that runs next.
    node: usize,
    /// Output of the nodes before.
    outputs: Vec<Vec<Delta>>,
    /// Input of the node that yielded (drained by it).
    inputs: Option<Vec<Vec<Delta>>>,
    /// Everything that the current node put out so far.
    current: Output,
    errors: Vec<RowError>,
}

impl Runner {
    /// Runs tick `t`, or goes on with it after a yield. A panic or an error of an operator quarantines the dataflow: nothing comes out
    /// of it any more, but its time goes on, so nothing else waits for it.
    fn run(&mut self, t: u64, arrived: &mut [Vec<Delta>]) -> Step {
        if self.shared.failure.is_set() {
            self.give_up();
            return Step::Done;
        }
        let Some(tick) = self.shared.ticks.borrow().get(&t).cloned() else {
            self.shared.failure.set(format!("tick {t} is not known"));
            self.give_up();
            return Step::Done;
        };
        match catch_unwind(AssertUnwindSafe(|| self.run_nodes(&tick, arrived))) {
            Ok(Ok(step)) => step,
            Ok(Err(error)) => {
                self.shared.failure.set(error.to_string());
                self.give_up();
                Step::Done
            }
            Err(panic) => {
                self.shared.failure.set(panic_message(panic.as_ref()));
                self.give_up();
                Step::Done
            }
        }
    }

    fn run_nodes(&mut self, tick: &Tick, arrived: &mut [Vec<Delta>]) -> Result<Step> {
        let mut position = self.position.take().unwrap_or_else(|| Position::new(self.nodes.len()));
        let first = tick.t == self.shared.first;
        while position.node < self.nodes.len() {
            let node = &mut self.nodes[position.node];
            match &mut node.kind {
                NodeKind::Port { port, columns } => {
                    let deltas = &arrived[*port];
                    for delta in deltas {
                        position.current.rows.push(read(delta, columns.as_ref())?);
                    }
                }
                NodeKind::Values(rows) => {
                    if let Some(rows) = rows.take() {
                        position.current.rows.push(Delta::insert(rows));
                    }
                }
                NodeKind::Operator(operator) => {
                    let resumed = position.inputs.is_some();
                    let inputs = position.inputs.get_or_insert_with(|| {
                        node.inputs.iter().map(|input| std::mem::take(&mut position.outputs[*input])).collect()
                    });
                    if (first || resumed || inputs.iter().any(|input| !input.is_empty()))
                        && operator.step(tick, inputs, &mut position.current)? == Step::Yield
                    {
                        self.position = Some(position);
                        return Ok(Step::Yield);
                    }
                    // A hash that an operator left on its output is that of its own keys, not of the next operator's.
                    position.current.rows.iter_mut().for_each(|delta| delta.hash = None);
                }
            }
            position.finish_node();
        }
        for deltas in arrived {
            deltas.clear();
        }
        self.position = Some(position);
        self.count_state();
        Ok(Step::Done)
    }

    /// Tells how many rows the operators hold.
    fn count_state(&mut self) {
        let rows = |node: &Node| match &node.kind {
            NodeKind::Operator(operator) => operator.state_rows(),
            NodeKind::Port { .. } | NodeKind::Values(_) => 0,
        };
        let held = self.nodes.iter().map(rows).sum();
        let before = std::mem::replace(&mut self.state_rows, held);
        // The sum of all fragments never is below 0, whichever of them is first.
        self.shared.state_rows.fetch_add(held.wrapping_sub(before), Ordering::Relaxed);
    }

    /// The output of the tick that was just run, addressed; the result of the dataflow goes to [`Results`] instead.
    fn take_output(&mut self, t: u64) -> Vec<Batch> {
        let Some(mut position) = self.position.take() else { return Vec::new() };
        let rows = position.outputs.pop().unwrap_or_default();
        let addressed = catch_unwind(AssertUnwindSafe(|| match &self.route {
            Route::Result => Ok(None),
            Route::Exchange(keys) => address(&rows, keys, self.shared.workers).map(Some),
            Route::Stay => Ok(Some(stay(&rows, self.shared.worker))),
            Route::Broadcast => Ok(Some(broadcast(&rows, self.shared.workers))),
        }));
        let sent = match addressed {
            Ok(Ok(Some(batches))) => batches,
            Ok(Ok(None)) => {
                self.shared.results.borrow_mut().rows.insert(t, rows);
                Vec::new()
            }
            Ok(Err(error)) => {
                self.shared.failure.set(error.to_string());
                Vec::new()
            }
            Err(panic) => {
                self.shared.failure.set(panic_message(panic.as_ref()));
                Vec::new()
            }
        };
        if !position.errors.is_empty() {
            self.shared.results.borrow_mut().errors.entry(t).or_default().append(&mut position.errors);
        }
        sent
    }

    /// Drops the operators and their state: a quarantined dataflow needs none.
    fn give_up(&mut self) {
        let nodes = std::mem::take(&mut self.nodes);
        self.count_state();
        let position = self.position.take();
        // A broken operator may panic again when it is dropped.
        let _ = catch_unwind(AssertUnwindSafe(move || drop((nodes, position))));
    }
}

impl Position {
    fn new(nodes: usize) -> Position {
        Position {
            node: 0,
            outputs: Vec::with_capacity(nodes),
            inputs: None,
            current: Output::default(),
            errors: Vec::new(),
        }
    }

    fn finish_node(&mut self) {
        let output = std::mem::take(&mut self.current);
        self.outputs.push(output.rows);
        self.errors.extend(output.errors);
        self.inputs = None;
        self.node += 1;
    }
}

/// What a port hands on: chosen columns for a relation, everything (with the hash that the sender computed) for an exchange.
fn read(delta: &Delta, columns: Option<&(Vec<usize>, SchemaRef)>) -> Result<Delta> {
    let Some((columns, schema)) = columns else { return Ok(delta.clone()) };
    let options = RecordBatchOptions::new().with_row_count(Some(delta.rows.num_rows()));
    let chosen = columns.iter().map(|column| Arc::clone(delta.rows.column(*column))).collect();
    let rows = RecordBatch::try_new_with_options(Arc::clone(schema), chosen, &options)
        .map_err(|error| Error::internal(format!("rows do not fit the plan: {error}")))?;
    Ok(Delta { rows, weights: delta.weights.clone(), hash: None })
}

/// Splits rows by the worker that owns the hash of their keys.
fn address(deltas: &[Delta], keys: &[usize], workers: usize) -> Result<Vec<Batch>> {
    let mut batches = Vec::new();
    for delta in deltas.iter().filter(|delta| delta.rows.num_rows() > 0) {
        let hashes = hash_rows(&delta.rows, keys);
        for (worker, part) in partition(delta, &hashes, workers)?.into_iter().enumerate() {
            if part.rows.num_rows() > 0 {
                batches.push(Batch::new(part, worker));
            }
        }
    }
    Ok(batches)
}

/// All rows for every worker.
fn broadcast(deltas: &[Delta], workers: usize) -> Vec<Batch> {
    let filled = deltas.iter().filter(|delta| delta.rows.num_rows() > 0);
    filled.flat_map(|delta| (0..workers).map(|worker| Batch::new(delta.clone(), worker))).collect()
}

/// The rows for the worker that has them.
fn stay(deltas: &[Delta], worker: usize) -> Vec<Batch> {
    let some = deltas.iter().filter(|delta| delta.rows.num_rows() > 0);
    some.map(|delta| Batch::new(delta.clone(), worker)).collect()
}

/// What a panic said.
pub(super) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let message = panic
        .downcast_ref::<&str>()
        .map(|message| (*message).to_string())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown panic".to_string());
    format!("internal error: {message}")
}
