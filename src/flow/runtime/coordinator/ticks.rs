//! Sealing and committing: what is queued becomes a tick, runs on the workers, and is committed in order.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Coordinator, answer};
use crate::catalog::RelationId;
use crate::clock;
use crate::connector::Positions;
use crate::flow::runtime::event::ReaderId;
use crate::flow::runtime::fragment::Failure;
use crate::flow::runtime::render::DataflowPlan;
use crate::flow::runtime::worker::{Command, DataflowOutput, Feed, Install, Report, WorkerTick};
use crate::flow::{Delta, Tick};
use crate::view::Change;

/// How long input waits for company while the engine is idle.
const IDLE_WAIT: Duration = Duration::from_millis(1);
/// Fewer rows of a relation are not split among workers.
const SPLIT_ROWS_MIN: usize = 1024;

/// A sealed tick that is not committed.
pub(super) struct InFlight {
    t: u64,
    /// Workers that have not reported.
    missing: usize,
    /// Changes of tables.
    tables: Vec<(RelationId, Vec<Delta>)>,
    /// Positions after the tick.
    positions: HashMap<ReaderId, Positions>,
    /// The last write in it; 0 if there is none.
    write: u64,
    dataflows: Arc<[RelationId]>,
    outputs: Vec<DataflowOutput>,
}

/// What goes into a tick.
#[derive(Default)]
struct Input {
    bytes: usize,
    rows: u64,
    write: u64,
    tables: BTreeMap<RelationId, Vec<Delta>>,
    /// By stream, and by the dataflow that alone gets the rows if it is catching up.
    streams: BTreeMap<(RelationId, Option<RelationId>), Vec<Delta>>,
    positions: HashMap<ReaderId, Positions>,
}

impl InFlight {
    /// A tick in which nothing comes in from outside.
    fn without_input(t: u64) -> InFlight {
        InFlight {
            t,
            missing: 0,
            tables: Vec::new(),
            positions: HashMap::new(),
            write: 0,
            dataflows: Arc::from([]),
            outputs: Vec::new(),
        }
    }

    /// Commits without what the dataflows made: they all failed.
    pub(super) fn give_up_outputs(&mut self) {
        self.missing = 0;
        self.outputs.clear();
    }
}

impl Coordinator {
    /// Notes that something waits for a tick.
    pub(super) fn queue(&mut self, bytes: usize) {
        self.queued_bytes += bytes;
        self.queued_since.get_or_insert_with(clock::instant);
    }

    /// When a tick becomes due if nothing else happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.in_flight.len() >= self.options.ticks_in_flight_max || !self.barriers.is_empty() {
            return None;
        }
        self.queued_since.map(|since| since + self.patience())
    }

    /// How long the oldest input may wait.
    fn patience(&self) -> Duration {
        let has_input = |tick: &InFlight| tick.write > 0 || !tick.positions.is_empty();
        if !self.in_flight.iter().any(has_input) {
            IDLE_WAIT
        } else {
            Duration::from_millis(self.options.tick_interval_ms)
        }
    }

    /// Seals ticks as long as one is due.
    pub(super) fn seal_due(&mut self) {
        while let Some(since) = self.queued_since {
            let full = self.queued_bytes >= self.options.tick_bytes_max / 4;
            let due = full || clock::instant() >= since + self.patience();
            if !due || self.in_flight.len() >= self.options.ticks_in_flight_max {
                return;
            }
            self.seal();
            self.commit_finished();
        }
    }

    fn seal(&mut self) {
        let t = self.sealed + 1;
        let mut input = Input::default();
        self.take_writes(t, &mut input);
        self.take_rows(t, &mut input);
        self.queued_bytes = self.queued_bytes.saturating_sub(input.bytes);
        let left = !self.writes.is_empty() || self.readers.values().any(|reader| !reader.queue.is_empty());
        self.queued_since = left.then(clock::instant);
        if input.write == 0 && input.positions.is_empty() {
            // What had been queued went away with its reader.
            return;
        }
        for (relation, deltas) in &input.tables {
            self.hold_back(*relation, deltas);
        }
        for ((relation, only), deltas) in &input.streams {
            if only.is_none() {
                self.hold_back(*relation, deltas);
            }
        }
        self.status.add_rows_in(input.rows);
        for (reader, positions) in &input.positions {
            if let Some(state) = self.readers.get(reader) {
                self.status.update_stream(state.stream, *reader, |stream| stream.set_positions(positions));
            }
        }
        let tables: Vec<(RelationId, Vec<Delta>)> = input.tables.into_iter().collect();
        let from_tables =
            tables.iter().map(|(relation, deltas)| Feed { relation: *relation, only: None, deltas: deltas.clone() });
        let from_streams = input.streams.into_iter().map(|((relation, only), deltas)| Feed { relation, only, deltas });
        let feeds: Vec<Feed> = from_tables.chain(from_streams).collect();
        let dataflows = self.touched(&feeds);
        let tick = InFlight {
            t,
            missing: 0,
            tables,
            positions: input.positions,
            write: input.write,
            dataflows,
            outputs: Vec::new(),
        };
        self.send(tick, feeds, None);
    }

    /// Seals the tick at which a dataflow begins: what its tables and views hold is all that is in it.
    pub(super) fn seal_install(
        &mut self,
        id: RelationId,
        plans: Vec<DataflowPlan>,
        failure: &Arc<Failure>,
        feeds: Vec<Feed>,
    ) {
        let tick = InFlight { dataflows: Arc::from([id]), ..InFlight::without_input(self.sealed + 1) };
        let state_rows = self.status.begin_dataflow(id);
        let install = |plan| Install { id, plan, failure: Arc::clone(failure), state_rows: Arc::clone(&state_rows) };
        let installs = plans.into_iter().map(install).collect();
        self.send(tick, feeds, Some(installs));
    }

    /// Seals a tick of what only some dataflows get.
    pub(super) fn seal_share(&mut self, feeds: Vec<Feed>) {
        let tick = InFlight { dataflows: self.touched(&feeds), ..InFlight::without_input(self.sealed + 1) };
        self.send(tick, feeds, None);
    }

    /// Whole writes in order, at least one, then as many as fit.
    fn take_writes(&mut self, t: u64, input: &mut Input) {
        while let Some(write) = self.writes.front() {
            if input.bytes > 0 && input.bytes + write.bytes > self.options.tick_bytes_max {
                return;
            }
            let Some(write) = self.writes.pop_front() else { return };
            input.bytes += write.bytes;
            input.write = write.number;
            for (table, delta) in write.changes {
                input.rows += delta.rows.num_rows() as u64;
                if delta.rows.num_rows() > 0 {
                    input.tables.entry(table).or_default().push(delta);
                }
            }
            answer(write.reply, Ok(t));
        }
    }

    /// Batches of readers in turn, until the tick is full or nothing waits.
    fn take_rows(&mut self, t: u64, input: &mut Input) {
        let mut empty = 0;
        while input.bytes < self.options.tick_bytes_max && empty < self.readers.len() {
            let after = (Bound::Excluded(self.served), Bound::Unbounded);
            let next = self.readers.range(after).next().or_else(|| self.readers.iter().next()).map(|(id, _)| *id);
            let Some(id) = next else { return };
            self.served = id;
            let Some(reader) = self.readers.get_mut(&id) else { return };
            let Some(batch) = reader.queue.pop_front() else {
                empty += 1;
                continue;
            };
            empty = 0;
            reader.control.release(batch.bytes);
            reader.last_tick = t;
            reader.sealed.insert(batch.partition, batch.next);
            input.positions.entry(id).or_default().insert(batch.partition, batch.next);
            input.bytes += batch.bytes;
            if batch.rows.num_rows() > 0 {
                if reader.only.is_none() {
                    input.rows += batch.rows.num_rows() as u64;
                }
                input.streams.entry((reader.stream, reader.only)).or_default().push(Delta::insert(batch.rows));
            }
        }
    }

    /// The dataflows that the input reaches, directly or through others, in order.
    fn touched(&self, feeds: &[Feed]) -> Arc<[RelationId]> {
        let mut changed: HashSet<RelationId> =
            feeds.iter().filter(|feed| feed.only.is_none()).map(|feed| feed.relation).collect();
        let only: HashSet<RelationId> = feeds.iter().filter_map(|feed| feed.only).collect();
        let mut touched = Vec::new();
        for dataflow in self.dataflows.values().filter(|dataflow| dataflow.runs()) {
            let takes_part = dataflow.backfill.is_none();
            if only.contains(&dataflow.id) || takes_part && dataflow.inputs.iter().any(|input| changed.contains(input))
            {
                changed.insert(dataflow.id);
                touched.push(dataflow.id);
            }
        }
        touched.into()
    }

    fn send(&mut self, mut tick: InFlight, feeds: Vec<Feed>, installs: Option<Vec<Install>>) {
        self.sealed = tick.t;
        self.now = self.now.max(self.clock.now_micros());
        if !tick.dataflows.is_empty() && self.worker_lost.is_none() {
            tick.missing = self.workers.len();
            let message = Tick { t: tick.t, now: self.now, watermarks: Arc::from([]), checkpoint: false };
            let alone = self.dataflows.values().filter(|dataflow| dataflow.backfill.is_some());
            let alone: Arc<[RelationId]> = alone.map(|dataflow| dataflow.id).collect();
            let mut installs = installs.unwrap_or_default().into_iter();
            let dealt = self.deal_feeds(feeds);
            for (worker, feeds) in self.workers.iter().zip(dealt) {
                let dataflows = Arc::clone(&tick.dataflows);
                let install = installs.next();
                let (tick, alone) = (message.clone(), Arc::clone(&alone));
                worker.send(Command::Tick(WorkerTick { tick, install, feeds, dataflows, alone }));
            }
        }
        self.in_flight.push_back(tick);
    }

    /// The feeds of every worker. Where rows go does not matter: whatever needs its keys together exchanges them.
    fn deal_feeds(&mut self, feeds: Vec<Feed>) -> Vec<Vec<Feed>> {
        let workers = self.workers.len();
        let mut dealt: Vec<Vec<Feed>> = (0..workers).map(|_| Vec::with_capacity(feeds.len())).collect();
        for Feed { relation, only, deltas } in feeds {
            for (part, deltas) in split(deltas, workers).into_iter().enumerate() {
                if !deltas.is_empty() {
                    dealt[(self.next_worker + part) % workers].push(Feed { relation, only, deltas });
                }
            }
        }
        self.next_worker = (self.next_worker + 1) % workers;
        dealt
    }

    /// A worker finished its share of a tick.
    pub(super) fn report(&mut self, report: Report) {
        if let Some(tick) = self.in_flight.iter_mut().find(|tick| tick.t == report.tick) {
            tick.missing = tick.missing.saturating_sub(1);
            tick.outputs.extend(report.outputs);
        }
    }

    /// Commits ticks that are finished, in order.
    pub(super) fn commit_finished(&mut self) {
        while self.in_flight.front().is_some_and(|tick| tick.missing == 0) {
            if let Some(tick) = self.in_flight.pop_front() {
                self.commit(tick);
            }
        }
    }

    fn commit(&mut self, tick: InFlight) {
        for id in tick.dataflows.iter() {
            self.fail_if_quarantined(*id);
        }
        for output in &tick.outputs {
            self.hold_back(output.id, &output.rows);
        }
        let mut changes: BTreeMap<RelationId, Vec<Delta>> = tick.tables.into_iter().collect();
        for output in tick.outputs {
            let Some(dataflow) = self.dataflow(output.id).filter(|dataflow| dataflow.runs()) else { continue };
            self.status.add_row_errors(tick.t, output.id, &dataflow.name, output.errors);
            if dataflow.is_kept() || self.publishers.contains_key(&output.id) {
                changes.entry(output.id).or_default().extend(output.rows);
            }
        }
        let mut changed: HashMap<RelationId, Vec<Delta>> = HashMap::new();
        let wanted = |id| self.publishers.contains_key(&id);
        for (id, answer) in self.store.commit(tick.t, changes.into_iter().collect(), &wanted) {
            match answer {
                Ok(deltas) => {
                    changed.insert(id, deltas);
                }
                Err(error) => self.fail_relation(id, &error),
            }
        }
        self.committed = tick.t;
        self.status.set_tick(tick.t);
        self.write_committed = self.write_committed.max(tick.write);
        for (reader, positions) in tick.positions {
            if let Some(reader) = self.readers.get_mut(&reader) {
                reader.committed.extend(positions);
            }
        }
        self.publish(tick.t, &mut changed);
    }

    /// Tells subscribers what the tick changed.
    fn publish(&mut self, tick: u64, changed: &mut HashMap<RelationId, Vec<Delta>>) {
        self.publishers.retain(|id, publishers| {
            let change = Change { tick, delta: changed.remove(id).unwrap_or_default() };
            publishers.retain_mut(|publisher| publisher.publish(&change));
            !publishers.is_empty()
        });
    }
}

/// Deltas in `parts` of about the same number of rows; few rows stay together.
fn split(deltas: Vec<Delta>, parts: usize) -> Vec<Vec<Delta>> {
    let rows: usize = deltas.iter().map(|delta| delta.rows.num_rows()).sum();
    let share = rows.div_ceil(parts).max(SPLIT_ROWS_MIN);
    let mut split: Vec<Vec<Delta>> = vec![Vec::new(); parts];
    let (mut part, mut room) = (0, share);
    for delta in deltas {
        let mut from = 0;
        while from < delta.rows.num_rows() {
            let rows = room.min(delta.rows.num_rows() - from);
            split[part].push(slice(&delta, from, rows));
            from += rows;
            room -= rows;
            if room == 0 {
                (part, room) = ((part + 1).min(parts - 1), share);
            }
        }
    }
    split
}

/// Some rows of a delta.
pub(super) fn slice(delta: &Delta, from: usize, rows: usize) -> Delta {
    if rows == delta.rows.num_rows() {
        return delta.clone();
    }
    Delta {
        rows: delta.rows.slice(from, rows),
        weights: delta.weights.as_ref().map(|weights| weights.slice(from, rows)),
        hash: None,
    }
}
