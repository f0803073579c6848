//! Worker threads: each builds the same dataflows in the same order, feeds them their share of every tick, and reports what came out.
//!
//! A dataflow is touched only at ticks that change something it reads. Views over views stay outside timely: when a dataflow has
//! finished a tick on this worker, its output is fed to the dataflows that read it.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};

use timely::container::NoopBuilder;
use timely::dataflow::operators::{Input, Probe};
use timely::dataflow::{InputHandle, ProbeHandle};
use timely::worker::Worker;

use super::batch::Batch;
use super::event::Event;
use super::fragment::{self, Failure, Results, Shared, Ticks};
use super::render::DataflowPlan;
use crate::catalog::RelationId;
use crate::error::{Error, Result};
use crate::flow::{Delta, RowError, Tick};

/// What the coordinator tells every worker, in one order.
pub(super) enum Command {
    /// Run a tick.
    Tick(WorkerTick),
    /// Drop a dataflow that no tick in flight touches.
    Remove(RelationId),
    /// Drop everything and end.
    Stop,
}

/// A worker's share of a tick.
pub(super) struct WorkerTick {
    pub(super) tick: Tick,
    /// A dataflow that begins at this tick.
    pub(super) install: Option<Install>,
    pub(super) feeds: Vec<Feed>,
    /// The dataflows that the tick touches, readers after what they read.
    pub(super) dataflows: Arc<[RelationId]>,
    /// Those that get nothing but what is for them alone.
    pub(super) alone: Arc<[RelationId]>,
}

/// A dataflow to build.
pub(super) struct Install {
    pub(super) id: RelationId,
    pub(super) plan: DataflowPlan,
    pub(super) failure: Arc<Failure>,
    /// Where its fragments tell how many rows they hold.
    pub(super) state_rows: Arc<AtomicU64>,
}

/// Changes of a relation that is not a dataflow.
pub(super) struct Feed {
    pub(super) relation: RelationId,
    /// The only dataflow that gets them, if not all that read the relation do.
    pub(super) only: Option<RelationId>,
    pub(super) deltas: Vec<Delta>,
}

/// What a worker made in a tick.
pub(super) struct Report {
    pub(super) tick: u64,
    pub(super) outputs: Vec<DataflowOutput>,
}

/// What a dataflow made in a tick on one worker.
pub(super) struct DataflowOutput {
    pub(super) id: RelationId,
    pub(super) rows: Vec<Delta>,
    pub(super) errors: Vec<RowError>,
}

/// The coordinator's end of a worker.
pub(super) struct WorkerHandle {
    commands: Sender<Command>,
    thread: Thread,
}

impl WorkerHandle {
    /// Sends a command and wakes the worker. A worker that is gone has told so by [`Event::WorkerLost`].
    pub(super) fn send(&self, command: Command) {
        let _ = self.commands.send(command);
        self.thread.unpark();
    }
}

impl Drop for WorkerHandle {
    /// However the coordinator ends, a parked worker learns of it.
    fn drop(&mut self) {
        self.send(Command::Stop);
    }
}

/// Starts `workers` threads that report to `events`.
pub(super) fn start(workers: usize, events: &Sender<Event>) -> Result<Vec<WorkerHandle>> {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..workers).map(|_| mpsc::channel()).unzip();
    let receivers = Mutex::new(receivers.into_iter().map(Some).collect::<Vec<_>>());
    let (ready_sender, ready) = mpsc::channel();
    let reports = events.clone();
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        let index = worker.index();
        let commands = receivers.lock().unwrap_or_else(PoisonError::into_inner)[index].take();
        let _ = ready_sender.send((index, thread::current()));
        let Some(commands) = commands else { return };
        let events = reports.clone();
        // Operators are guarded one by one; this catches what goes wrong between them.
        let ran = catch_unwind(AssertUnwindSafe(|| WorkerLoop::new(worker, commands, events).run()));
        if let Err(panic) = ran {
            let _ = reports.send(Event::WorkerLost(fragment::panic_message(panic.as_ref())));
        }
        // Dataflows are dropped whole rather than finished: their peers on other workers go the same way.
        for dataflow in worker.installed_dataflows() {
            worker.drop_dataflow(dataflow);
        }
    })
    .map_err(|error| Error::internal(format!("cannot start workers: {error}")))?;
    let mut threads: Vec<(usize, Thread)> = ready.iter().take(workers).collect();
    threads.sort_by_key(|(index, _)| *index);
    let ended = events.clone();
    thread::Builder::new()
        .name("worker-join".into())
        .spawn(move || {
            guards.join();
            let _ = ended.send(Event::WorkersEnded);
        })
        .map_err(|error| Error::internal(format!("cannot start a thread: {error}")))?;
    Ok(senders.into_iter().zip(threads).map(|(commands, (_, thread))| WorkerHandle { commands, thread }).collect())
}

/// The state of one worker thread.
struct WorkerLoop<'a> {
    worker: &'a mut Worker,
    commands: Receiver<Command>,
    events: Sender<Event>,
    ticks: Ticks,
    dataflows: HashMap<RelationId, Installed>,
    /// Ticks that are not reported, oldest first.
    running: VecDeque<Running>,
}

/// A dataflow on this worker. Dropping it closes its inputs; timely drops the operators when all workers did.
struct Installed {
    inputs: Vec<(RelationId, InputHandle<u64, NoopBuilder<Batch>>)>,
    probe: ProbeHandle<u64>,
    results: Rc<RefCell<Results>>,
}

/// A tick on this worker.
struct Running {
    t: u64,
    feeds: Vec<Feed>,
    dataflows: Vec<(RelationId, Progress)>,
    alone: Arc<[RelationId]>,
    outputs: Vec<DataflowOutput>,
}

/// How far a dataflow is in a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// It waits for a dataflow that it reads, or for its own earlier tick.
    Waiting,
    /// It has its input.
    Fed,
    /// Its output is complete.
    Done,
}

impl<'a> WorkerLoop<'a> {
    fn new(worker: &'a mut Worker, commands: Receiver<Command>, events: Sender<Event>) -> Self {
        WorkerLoop {
            worker,
            commands,
            events,
            ticks: Rc::new(RefCell::new(BTreeMap::new())),
            dataflows: HashMap::new(),
            running: VecDeque::new(),
        }
    }

    fn run(mut self) {
        loop {
            loop {
                match self.commands.try_recv() {
                    Ok(Command::Tick(tick)) => self.begin(tick),
                    Ok(Command::Remove(id)) => {
                        self.dataflows.remove(&id);
                    }
                    Err(mpsc::TryRecvError::Empty) => break,
                    Ok(Command::Stop) | Err(mpsc::TryRecvError::Disconnected) => return,
                }
            }
            self.advance();
            // Parks only if nothing is left to do. A command or a message that comes in between has unparked the thread before
            // it parks, so parking returns at once.
            self.worker.step_or_park(None);
        }
    }

    fn begin(&mut self, tick: WorkerTick) {
        let t = tick.tick.t;
        self.ticks.borrow_mut().insert(t, tick.tick);
        if let Some(install) = tick.install {
            self.install(install, t);
        }
        let dataflows = tick.dataflows.iter().map(|id| (*id, Progress::Waiting)).collect();
        self.running.push_back(Running { t, feeds: tick.feeds, dataflows, alone: tick.alone, outputs: Vec::new() });
    }

    fn install(&mut self, install: Install, first: u64) {
        let results = Rc::new(RefCell::new(Results::default()));
        let shared = Shared {
            ticks: Rc::clone(&self.ticks),
            results: Rc::clone(&results),
            failure: install.failure,
            state_rows: install.state_rows,
            first,
            workers: self.worker.peers(),
            worker: self.worker.index(),
        };
        let DataflowPlan { inputs, fragments, .. } = install.plan;
        let (inputs, probe) = self.worker.dataflow::<u64, _, _>(|scope| {
            let mut handles = Vec::with_capacity(inputs.len());
            let mut relations = Vec::with_capacity(inputs.len());
            for relation in inputs {
                let (handle, stream) = scope.new_input_with_builder::<NoopBuilder<Batch>>();
                handles.push((relation, handle));
                relations.push(stream);
            }
            let mut streams = Vec::with_capacity(fragments.len());
            for fragment in fragments {
                streams.push(fragment::build(scope, fragment, &relations, &streams, shared.clone()));
            }
            let probe = ProbeHandle::new();
            if let Some(result) = streams.pop() {
                result.probe_with(&probe);
            }
            (handles, probe)
        });
        self.dataflows.insert(install.id, Installed { inputs, probe, results });
    }

    /// Feeds what can be fed, takes what is complete, reports ticks that are.
    fn advance(&mut self) {
        // Dataflows with an earlier tick that is not fed yet: ticks are fed in order.
        let mut behind: HashSet<RelationId> = HashSet::new();
        for running in &mut self.running {
            for place in 0..running.dataflows.len() {
                let (id, progress) = running.dataflows[place];
                let Some(dataflow) = self.dataflows.get_mut(&id) else {
                    running.dataflows[place].1 = Progress::Done;
                    continue;
                };
                if progress == Progress::Waiting {
                    if behind.contains(&id) || running.waits(dataflow) {
                        behind.insert(id);
                        continue;
                    }
                    running.feed(id, dataflow);
                } else if progress == Progress::Fed && !dataflow.probe.less_equal(&running.t) {
                    running.take(id, dataflow);
                }
            }
        }
        while self.running.front().is_some_and(Running::is_done) {
            if let Some(done) = self.running.pop_front() {
                self.ticks.borrow_mut().remove(&done.t);
                let report = Report { tick: done.t, outputs: done.outputs };
                let _ = self.events.send(Event::Report(report));
            }
        }
    }
}

impl Running {
    fn is_done(&self) -> bool {
        self.dataflows.iter().all(|(_, progress)| *progress == Progress::Done)
    }

    /// Whether something that the dataflow reads has not finished the tick.
    fn waits(&self, dataflow: &Installed) -> bool {
        dataflow.inputs.iter().any(|(relation, _)| {
            self.dataflows.iter().any(|(id, progress)| id == relation && *progress != Progress::Done)
        })
    }

    fn feed(&mut self, id: RelationId, dataflow: &mut Installed) {
        let alone = self.alone.contains(&id);
        for (relation, handle) in &mut dataflow.inputs {
            handle.advance_to(self.t);
            let feeds = self.feeds.iter().filter(|feed| feed.relation == *relation);
            let own = feeds.filter(|feed| feed.only.map_or(!alone, |only| only == id)).flat_map(|feed| &feed.deltas);
            let upstream = self.outputs.iter().filter(|output| !alone && output.id == *relation);
            let upstream = upstream.flat_map(|output| &output.rows);
            for delta in own.chain(upstream) {
                let delta = Delta { hash: None, ..delta.clone() };
                handle.send_batch(&mut Batch::new(delta, 0));
            }
            handle.advance_to(self.t + 1);
        }
        self.set(id, Progress::Fed);
    }

    fn take(&mut self, id: RelationId, dataflow: &Installed) {
        let mut results = dataflow.results.borrow_mut();
        let rows = results.rows.remove(&self.t).unwrap_or_default();
        let errors = results.errors.remove(&self.t).unwrap_or_default();
        self.outputs.push(DataflowOutput { id, rows, errors });
        self.set(id, Progress::Done);
    }

    fn set(&mut self, id: RelationId, progress: Progress) {
        for dataflow in self.dataflows.iter_mut().filter(|(other, _)| *other == id) {
            dataflow.1 = progress;
        }
    }
}
