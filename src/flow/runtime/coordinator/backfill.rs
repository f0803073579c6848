//! Backfill: a dataflow that begins over many rows gets them in shares, one tick each, so that other ticks need not wait for all of
//! them. What its inputs change meanwhile is held back, so that nothing is taken away before it was there, and follows at the end.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::dataflows::{Dataflow, Wait};
use super::ticks::slice;
use super::{Barrier, Coordinator};
use crate::catalog::RelationId;
use crate::clock;
use crate::error::Result;
use crate::flow::Delta;
use crate::flow::delta::{hash_rows, take_rows};
use crate::flow::runtime::worker::Feed;

/// Rows up to which a dataflow gets all at once.
const WHOLE_ROWS_MAX: usize = if cfg!(test) { 4 } else { 65_536 };
/// Rows of the first share.
const SHARE_ROWS: usize = if cfg!(test) { 4 } else { 16_384 };
/// Rows of a share at least.
const SHARE_ROWS_MIN: usize = if cfg!(test) { 2 } else { 4_096 };
/// Rows of a share at most.
const SHARE_ROWS_MAX: usize = 1 << 20;
/// How long a share should take: other ticks wait for it.
const SHARE_TIME: Duration = Duration::from_millis(40);

/// What a dataflow still has to get before it takes part in ticks as the others do.
pub(super) struct Backfill {
    /// What its inputs held, or changed since, in order.
    left: VecDeque<(RelationId, Delta)>,
    /// What its inputs changed since `left` was put together.
    held: Vec<(RelationId, Delta)>,
    /// Rows of the next share.
    share: usize,
    /// The tick of the last share, and when it was sealed.
    tick: u64,
    sealed_at: Instant,
    /// Whether it waits for its last share.
    is_joining: bool,
}

impl Backfill {
    /// Of what the inputs hold; `None` if that is no more than one share.
    pub(super) fn of(feeds: &[Feed], clusters: &HashMap<RelationId, Vec<usize>>) -> Option<Backfill> {
        let rows = |feed: &Feed| feed.deltas.iter().map(|delta| delta.rows.num_rows()).sum::<usize>();
        if feeds.iter().map(rows).sum::<usize>() <= WHOLE_ROWS_MAX {
            return None;
        }
        // Small ones first: rows of a large one then find what they are joined with, instead of being taken back later.
        let mut sorted: Vec<&Feed> = feeds.iter().collect();
        sorted.sort_by_key(|feed| rows(feed));
        let mut left = VecDeque::new();
        for feed in sorted {
            let parts = rows(feed) / SHARE_ROWS + 1;
            let columns = clusters.get(&feed.relation);
            let deltas = columns.and_then(|columns| clustered(&feed.deltas, columns, parts).ok());
            let deltas = deltas.unwrap_or_else(|| feed.deltas.clone());
            left.extend(deltas.into_iter().map(|delta| (feed.relation, delta)));
        }
        Some(Backfill {
            left,
            held: Vec::new(),
            share: SHARE_ROWS,
            tick: 0,
            sealed_at: clock::instant(),
            is_joining: false,
        })
    }

    /// Keeps a change of an input for later.
    pub(super) fn hold(&mut self, relation: RelationId, deltas: &[Delta]) {
        self.held.extend(deltas.iter().map(|delta| (relation, delta.clone())));
    }

    /// The next rows, for a tick.
    pub(super) fn take_share(&mut self, id: RelationId, tick: u64) -> Vec<Feed> {
        (self.tick, self.sealed_at) = (tick, clock::instant());
        let mut room = self.share;
        let mut feeds = Vec::new();
        while room > 0 {
            let Some((relation, delta)) = self.left.pop_front() else { break };
            let rows = delta.rows.num_rows();
            let taken = slice(&delta, 0, rows.min(room));
            if taken.rows.num_rows() < rows {
                self.left.push_front((relation, slice(&delta, room, rows - room)));
            }
            room -= taken.rows.num_rows();
            feeds.push(Feed { relation, only: Some(id), deltas: vec![taken] });
        }
        feeds
    }

    /// Suits the size of shares to the time that the last one took. It grows slowly and shrinks at once.
    fn adapt(&mut self) {
        let times = SHARE_TIME.as_secs_f64() / self.sealed_at.elapsed().as_secs_f64().max(1e-6);
        let suited = self.share as f64 * times.min(2.0);
        self.share = (suited as usize).clamp(SHARE_ROWS_MIN, SHARE_ROWS_MAX);
    }
}

/// The same rows in another order: those that are equal in `columns` follow each other, as far as one of `parts` goes. The parts are no
/// ranges of hashes, since those belong to one worker each.
fn clustered(deltas: &[Delta], columns: &[usize], parts: usize) -> Result<Vec<Delta>> {
    let mut clusters: Vec<Vec<Delta>> = vec![Vec::new(); parts];
    for delta in deltas {
        let mut rows: Vec<Vec<u32>> = vec![Vec::new(); parts];
        for (row, hash) in hash_rows(&delta.rows, columns).values().iter().enumerate() {
            rows[(hash % parts as u64) as usize].push(row as u32);
        }
        for (cluster, rows) in clusters.iter_mut().zip(rows).filter(|(_, rows)| !rows.is_empty()) {
            cluster.push(take_rows(delta, rows)?);
        }
    }
    Ok(clusters.into_iter().flatten().collect())
}

impl Coordinator {
    /// Keeps a change of a relation for the dataflows that read it and do not take part in ticks yet.
    pub(super) fn hold_back(&mut self, relation: RelationId, deltas: &[Delta]) {
        for dataflow in self.dataflows.values_mut().filter(|dataflow| dataflow.inputs.contains(&relation)) {
            if let Some(backfill) = &mut dataflow.backfill {
                backfill.hold(relation, deltas);
            }
        }
    }

    /// Seals the next shares of all dataflows whose last one is committed.
    pub(super) fn continue_backfills(&mut self) {
        let committed = self.committed;
        let is_ready = |backfill: &Backfill| backfill.tick <= committed && !backfill.is_joining;
        let ready = |dataflow: &&Dataflow| dataflow.backfill.as_ref().is_some_and(is_ready);
        let ids: Vec<RelationId> = self.dataflows.values().filter(ready).map(|dataflow| dataflow.id).collect();
        for id in ids {
            if self.in_flight.len() >= self.options.ticks_in_flight_max {
                return;
            }
            let tick = self.sealed + 1;
            let Some(backfill) = self.dataflow_mut(id).and_then(|dataflow| dataflow.backfill.as_mut()) else {
                continue;
            };
            backfill.adapt();
            if backfill.left.is_empty() {
                let held: usize = backfill.held.iter().map(|(_, delta)| delta.rows.num_rows()).sum();
                if held <= backfill.share {
                    backfill.is_joining = true;
                    self.barriers.push_back(Barrier::Join(id));
                    continue;
                }
                backfill.left = std::mem::take(&mut backfill.held).into();
            }
            let feeds = backfill.take_share(id, tick);
            self.seal_share(feeds);
        }
    }

    /// Gives a dataflow the last share: with no tick in flight, what was held back is all that it does not have. From the next tick
    /// on it takes part.
    pub(super) fn join(&mut self, id: RelationId) {
        let tick = self.sealed + 1;
        let Some(dataflow) = self.dataflow_mut(id) else { return };
        let Some(mut backfill) = dataflow.backfill.take() else { return };
        backfill.left.extend(std::mem::take(&mut backfill.held));
        backfill.share = usize::MAX;
        let feeds = backfill.take_share(id, tick);
        if !feeds.is_empty() {
            dataflow.waits.push(Wait::Tick(tick));
            self.seal_share(feeds);
        }
        self.begin_delayed();
    }

    /// Lets dataflows begin that waited for what they read.
    pub(super) fn begin_delayed(&mut self) {
        let (delayed, begin): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.delayed).into_iter().partition(|(id, _)| self.reads_backfilling(*id));
        self.delayed = delayed;
        self.barriers.extend(begin.into_iter().map(|(id, reply)| Barrier::Install(id, reply)));
    }

    /// Whether a dataflow reads one that does not take part in ticks yet.
    pub(super) fn reads_backfilling(&self, id: RelationId) -> bool {
        let backfills = |input: &RelationId| self.dataflow(*input).is_some_and(|dataflow| dataflow.backfill.is_some());
        self.dataflow(id).is_some_and(|dataflow| dataflow.inputs.iter().any(backfills))
    }
}
