//! Dataflows: how they begin, catch up, fail and end.

use std::sync::Arc;

use super::backfill::Backfill;
use super::{Barrier, Coordinator, Subscriber, answer};
use crate::catalog::RelationId;
use crate::error::{Error, Result, code};
use crate::flow::Delta;
use crate::flow::runtime::Keep;
use crate::flow::runtime::event::{NewDataflow, ReaderId, Reply};
use crate::flow::runtime::fragment::Failure;
use crate::flow::runtime::render::DataflowPlan;
use crate::flow::runtime::worker::{Command, Feed};
use crate::view::Availability;

/// A dataflow as the coordinator knows it.
pub(super) struct Dataflow {
    pub(super) id: RelationId,
    pub(super) name: String,
    /// The relations it reads.
    pub(super) inputs: Vec<RelationId>,
    keep: Keep,
    state: State,
    failure: Arc<Failure>,
    /// What it has to see committed before it is up to date.
    pub(super) waits: Vec<Wait>,
    /// What it has to get before it takes part in ticks.
    pub(super) backfill: Option<Backfill>,
    subscribers: Vec<Subscriber>,
}

/// Where a dataflow stands.
enum State {
    /// Known, not installed: one whose result is not kept begins with its first subscriber, so that this misses nothing.
    Registered(Vec<DataflowPlan>),
    /// Installed, not up to date.
    Hydrating,
    /// Up to date.
    Running,
    /// Quarantined.
    Failed(String),
}

/// What a hydrating dataflow waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// A tick.
    Tick(u64),
    /// A dataflow that it reads.
    Dataflow(RelationId),
    /// `reader` is committed up to where the source ended when `opened` was opened.
    End { reader: ReaderId, opened: ReaderId },
    /// All that a catch-up reads.
    CatchUp(ReaderId),
    /// The dataflow's own backfill.
    Backfill(RelationId),
}

impl Dataflow {
    /// Whether ticks reach it.
    pub(super) fn runs(&self) -> bool {
        matches!(self.state, State::Hydrating | State::Running)
    }

    /// Whether its result can be read.
    pub(super) fn is_kept(&self) -> bool {
        self.keep == Keep::Result
    }

    fn failed(&self) -> Option<&str> {
        match &self.state {
            State::Failed(why) => Some(why),
            _ => None,
        }
    }

    fn error(&self, why: &str) -> Error {
        Error::new(code::OBJECT_NOT_IN_PREREQUISITE_STATE, format!("\"{}\" failed: {why}", self.name))
    }
}

impl Coordinator {
    pub(super) fn dataflow(&self, id: RelationId) -> Option<&Dataflow> {
        self.ages.get(&id).and_then(|age| self.dataflows.get(age))
    }

    pub(super) fn dataflow_mut(&mut self, id: RelationId) -> Option<&mut Dataflow> {
        self.ages.get(&id).and_then(|age| self.dataflows.get_mut(age))
    }

    /// Registers a dataflow; one that is kept is installed as soon as no tick is in flight.
    pub(super) fn add_dataflow(&mut self, new: NewDataflow, reply: Reply<()>) {
        let (id, keep) = (new.id, new.keep);
        if let Err(error) = self.register(new) {
            return answer(reply, Err(error));
        }
        match keep {
            Keep::Result => self.barriers.push_back(Barrier::Install(id, Some(reply))),
            Keep::Changes => answer(reply, Ok(())),
        }
    }

    fn register(&mut self, new: NewDataflow) -> Result<()> {
        self.check_new(new.id, &new.name)?;
        if let Some(why) = &self.worker_lost {
            return Err(Error::internal(format!("no view can run any more: {why}")));
        }
        for input in &new.inputs {
            self.check_input(*input)?;
        }
        let keep = new.keep == Keep::Result;
        self.store.create(new.id, &new.name, new.schema, new.append_only, keep, Availability::Pending)?;
        let age = self.number();
        self.ages.insert(new.id, age);
        self.dataflows.insert(
            age,
            Dataflow {
                id: new.id,
                name: new.name,
                inputs: new.inputs,
                keep: new.keep,
                state: State::Registered(new.plans),
                failure: Arc::default(),
                waits: Vec::new(),
                backfill: None,
                subscribers: Vec::new(),
            },
        );
        self.status.set_dataflows(self.dataflows.len());
        Ok(())
    }

    fn check_input(&self, input: RelationId) -> Result<()> {
        if self.tables.contains_key(&input) || self.streams.contains_key(&input) {
            return Ok(());
        }
        let Some(dataflow) = self.dataflow(input) else {
            return Err(Error::new(code::UNDEFINED_TABLE, format!("relation with OID {} does not exist", input.0)));
        };
        if let Some(why) = dataflow.failed() {
            return Err(dataflow.error(why));
        }
        if !dataflow.is_kept() {
            return Err(Error::internal(format!("\"{}\" keeps no rows and cannot be read", dataflow.name)));
        }
        Ok(())
    }

    /// Begins a registered dataflow. No tick is in flight: what its tables and views hold is exactly what was committed, and
    /// streams stand at the positions that were sealed.
    pub(super) fn install(&mut self, id: RelationId) -> Result<()> {
        let Some(dataflow) = self.dataflow_mut(id) else {
            return Err(Error::internal(format!("relation with OID {} is gone", id.0)));
        };
        if let Some(why) = dataflow.failed() {
            return Err(dataflow.error(why));
        }
        let State::Registered(plans) = std::mem::replace(&mut dataflow.state, State::Hydrating) else {
            return Ok(());
        };
        let inputs = dataflow.inputs.clone();
        let clusters = plans.first().map(|plan| plan.clusters.clone()).unwrap_or_default();
        let is_kept = dataflow.is_kept();
        let failure = Arc::clone(&dataflow.failure);
        let mut feeds = Vec::new();
        let mut waits = vec![Wait::Tick(self.sealed + 1)];
        for input in inputs {
            if let Err(error) = self.connect(id, input, &mut feeds, &mut waits) {
                self.fail_dataflow(id, error.message.clone());
                return Err(error);
            }
        }
        // Who follows the changes of one that is not kept must never see a part.
        if let Some(mut backfill) = Backfill::of(&feeds, &clusters).filter(|_| is_kept) {
            feeds = backfill.take_share(id, self.sealed + 1);
            waits.push(Wait::Backfill(id));
            if let Some(dataflow) = self.dataflow_mut(id) {
                dataflow.backfill = Some(backfill);
            }
        }
        self.seal_install(id, plans, &failure, feeds);
        if let Some(dataflow) = self.dataflow_mut(id) {
            dataflow.waits = waits;
        }
        self.unsettled.extend(self.ages.get(&id));
        Ok(())
    }

    /// What a new dataflow gets of `input`, and what it has to wait for because of it.
    fn connect(
        &mut self,
        id: RelationId,
        input: RelationId,
        feeds: &mut Vec<Feed>,
        waits: &mut Vec<Wait>,
    ) -> Result<()> {
        if self.streams.contains_key(&input) {
            return self.attach(input, id, waits);
        }
        if self.dataflow(input).is_some_and(|dataflow| matches!(dataflow.state, State::Hydrating)) {
            waits.push(Wait::Dataflow(input));
        }
        let (_, snapshot) = self.store.snapshot(input)?;
        let deltas = snapshot.batches.into_iter().map(Delta::insert).collect();
        feeds.push(Feed { relation: input, only: Some(id), deltas });
        Ok(())
    }

    /// Removes a relation that nothing reads.
    pub(super) fn remove(&mut self, id: RelationId) -> Result<()> {
        if let Some(reader) = self.dataflows.values().find(|dataflow| dataflow.inputs.contains(&id)) {
            return Err(Error::new(
                code::DEPENDENT_OBJECTS_STILL_EXIST,
                format!("\"{}\" still reads the relation", reader.name),
            ));
        }
        if self.streams.remove(&id).is_some() {
            self.status.remove_stream(id);
            return Ok(());
        }
        let gone = if let Some(age) = self.ages.remove(&id) {
            self.unsettled.remove(&age);
            self.remove_dataflow(id, age)
        } else {
            self.tables.remove(&id).map(|table| table.name)
        };
        let Some(name) = gone else {
            return Err(Error::new(code::UNDEFINED_TABLE, format!("relation with OID {} does not exist", id.0)));
        };
        self.store.remove(id);
        let error = Error::new(code::OBJECT_NOT_IN_PREREQUISITE_STATE, format!("\"{name}\" was dropped"));
        self.end_subscriptions(id, &error);
        Ok(())
    }

    fn remove_dataflow(&mut self, id: RelationId, age: u64) -> Option<String> {
        let dataflow = self.dataflows.remove(&age)?;
        self.status.end_dataflow(id);
        self.workers.iter().for_each(|worker| worker.send(Command::Remove(id)));
        self.status.forget_row_errors(id);
        self.status.set_dataflows(self.dataflows.len());
        self.release_readers();
        let error = Error::new(code::OBJECT_NOT_IN_PREREQUISITE_STATE, format!("\"{}\" was dropped", dataflow.name));
        for subscriber in dataflow.subscribers {
            answer(subscriber.reply, Err(error.clone()));
        }
        Some(dataflow.name)
    }

    /// A subscriber of a dataflow. One whose result is not kept begins now, and a subscriber that asks for a snapshot gets its changes
    /// from the first tick on: their sum is its content at every tick.
    pub(super) fn subscribe_dataflow(&mut self, id: RelationId, subscriber: Subscriber) {
        let Some(dataflow) = self.dataflow_mut(id) else { return };
        if dataflow.keep == Keep::Result || matches!(dataflow.state, State::Failed(_)) {
            dataflow.subscribers.push(subscriber);
        } else if subscriber.snapshot {
            if !matches!(dataflow.state, State::Registered(_)) {
                let message = format!("\"{}\" keeps no rows: it cannot be subscribed to twice", dataflow.name);
                return answer(subscriber.reply, Err(Error::unsupported(message)));
            }
            let subscribed = self.start_subscription(id, false, subscriber.progress);
            answer(subscriber.reply, subscribed);
            self.barriers.push_back(Barrier::Install(id, None));
        } else {
            let registered = matches!(dataflow.state, State::Registered(_));
            dataflow.subscribers.push(subscriber);
            if registered {
                self.barriers.push_back(Barrier::Install(id, None));
            }
        }
        self.unsettled.extend(self.ages.get(&id));
    }

    /// Dataflows that have caught up are announced; subscribers that waited for them begin.
    pub(super) fn settle(&mut self) {
        // In order of age: a dataflow may wait for an older one.
        for age in self.unsettled.clone() {
            let Some(dataflow) = self.dataflows.get(&age) else { continue };
            let id = dataflow.id;
            if matches!(dataflow.state, State::Hydrating) && dataflow.waits.iter().all(|wait| !self.pends(wait)) {
                if let Some(dataflow) = self.dataflow_mut(id) {
                    dataflow.state = State::Running;
                    dataflow.waits.clear();
                }
                self.store.set_availability(id, Availability::Ready);
                self.release_readers();
            }
            self.start_subscribers(id);
            if self.is_settled(id) {
                self.unsettled.remove(&age);
            }
        }
    }

    /// Dataflows that catch up.
    pub(super) fn hydrating(&self) -> Vec<RelationId> {
        let catching_up = |dataflow: &&Dataflow| matches!(dataflow.state, State::Hydrating);
        self.dataflows.values().filter(catching_up).map(|dataflow| dataflow.id).collect()
    }

    /// Whether a dataflow has caught up, failed or gone.
    pub(super) fn is_settled(&self, id: RelationId) -> bool {
        self.dataflow(id).is_none_or(|dataflow| !matches!(dataflow.state, State::Hydrating))
    }

    /// Whether something still has to be waited for.
    fn pends(&self, wait: &Wait) -> bool {
        match wait {
            Wait::Tick(tick) => self.committed < *tick,
            Wait::Dataflow(id) => !self.is_settled(*id),
            Wait::Backfill(id) => self.dataflow(*id).is_some_and(|dataflow| dataflow.backfill.is_some()),
            Wait::CatchUp(reader) => self.readers.get(reader).is_some_and(|reader| !reader.is_finished(self.committed)),
            Wait::End { reader, opened } => match (self.readers.get(reader), self.readers.get(opened)) {
                (Some(reader), Some(opened)) => match &opened.opened {
                    Some(ends) => !ends.as_ref().is_none_or(|ends| reader.has_reached(ends, self.committed)),
                    // A reader that failed before it was opened will not tell.
                    None => !opened.is_finished(self.committed),
                },
                _ => false,
            },
        }
    }

    fn start_subscribers(&mut self, id: RelationId) {
        let Some(dataflow) = self.dataflow_mut(id) else { return };
        let failed = match &dataflow.state {
            State::Registered(_) | State::Hydrating => return,
            State::Running => None,
            State::Failed(why) => Some(dataflow.error(why)),
        };
        let kept = dataflow.is_kept();
        for Subscriber { snapshot, progress, reply } in std::mem::take(&mut dataflow.subscribers) {
            let subscribed = match &failed {
                Some(error) => Err(error.clone()),
                None => self.start_subscription(id, snapshot && kept, progress),
            };
            answer(reply, subscribed);
        }
    }

    /// Takes notice of a quarantine that workers declared.
    pub(super) fn fail_if_quarantined(&mut self, id: RelationId) {
        let why = self.dataflow(id).filter(|dataflow| dataflow.runs()).and_then(|dataflow| dataflow.failure.why());
        if let Some(why) = why {
            self.fail_dataflow(id, why);
        }
    }

    /// A relation could not take its changes.
    pub(super) fn fail_relation(&mut self, id: RelationId, error: &Error) {
        if self.ages.contains_key(&id) {
            return self.fail_dataflow(id, error.message.clone());
        }
        tracing::error!("table with OID {} cannot take its changes: {error}", id.0);
        self.store.set_availability(id, Availability::Failed(error.message.clone()));
        self.end_subscriptions(id, error);
        self.fail_readers_of(id, &error.message);
    }

    /// Quarantines a dataflow and everything that reads it. Everything else goes on, and it can be removed.
    pub(super) fn fail_dataflow(&mut self, id: RelationId, why: String) {
        let Some(dataflow) = self.dataflow_mut(id) else { return };
        if dataflow.failed().is_some() {
            return;
        }
        tracing::error!("dataflow \"{}\" failed: {why}", dataflow.name);
        dataflow.failure.set(why.clone());
        dataflow.waits.clear();
        dataflow.backfill = None;
        dataflow.state = State::Failed(why.clone());
        let error = dataflow.error(&why);
        let name = dataflow.name.clone();
        self.store.set_availability(id, Availability::Failed(why.clone()));
        self.status.forget_row_errors(id);
        self.end_subscriptions(id, &error);
        self.start_subscribers(id);
        self.release_readers();
        self.fail_readers_of(id, &format!("it reads \"{name}\", which failed: {why}"));
    }

    /// Fails the dataflows that read a relation.
    pub(super) fn fail_readers_of(&mut self, id: RelationId, why: &str) {
        let reads = |dataflow: &&Dataflow| dataflow.inputs.contains(&id);
        let readers: Vec<RelationId> = self.dataflows.values().filter(reads).map(|dataflow| dataflow.id).collect();
        for reader in readers {
            self.fail_dataflow(reader, why.to_string());
        }
    }

    /// Whether a reader thread is still of use: a catch-up for its hydrating dataflow, a shared one for any dataflow that runs.
    pub(super) fn needs_reader(&self, stream: RelationId, only: Option<RelationId>) -> bool {
        match only {
            Some(id) => self.dataflow(id).is_some_and(|dataflow| matches!(dataflow.state, State::Hydrating)),
            None => self.dataflows.values().any(|dataflow| dataflow.runs() && dataflow.inputs.contains(&stream)),
        }
    }

    /// Whether any dataflow, failed or not, reads a stream.
    pub(super) fn is_read(&self, stream: RelationId) -> bool {
        self.dataflows.values().any(|dataflow| dataflow.inputs.contains(&stream))
    }
}
