//! Waiting until what is there now is committed.

use std::sync::Arc;
use std::thread;

use super::{Coordinator, answer};
use crate::catalog::RelationId;
use crate::connector::{Positions, Source};
use crate::error::{Error, Result, code};
use crate::flow::runtime::event::{Event, ReaderId, Reply, Request};

/// Someone who waits.
pub(super) struct Waiter {
    /// A tick that has to be committed.
    tick: u64,
    /// A write that has to be committed.
    write: u64,
    /// Where shared readers have to get.
    targets: Vec<(ReaderId, Positions)>,
    /// Catch-ups that have to end.
    catch_ups: Vec<ReaderId>,
    /// Dataflows that have to catch up: what their sources held when they were made may not even be asked for yet.
    hydrating: Vec<RelationId>,
    reply: Reply<()>,
}

impl Coordinator {
    /// Asks the sources in use where they end, on a thread of its own (that may take seconds), then waits until that is committed.
    pub(super) fn flush(&mut self, reply: Reply<()>) {
        let writes = self.write_accepted;
        let sources: Vec<(ReaderId, Arc<dyn Source>)> = self
            .readers
            .iter()
            .filter(|(_, reader)| reader.only.is_none() && reader.is_active())
            .filter_map(|(id, reader)| {
                self.streams.get(&reader.stream).map(|stream| (*id, Arc::clone(&stream.spec.source)))
            })
            .collect();
        if sources.is_empty() {
            return self.flush_until(Ok(Vec::new()), writes, reply);
        }
        let events = self.sender.clone();
        // If the thread cannot be started the reply is dropped with it, which the asker notices.
        let spawned = thread::Builder::new().name("flush".into()).spawn(move || {
            let targets = ends(&sources);
            let _ = events.send(Event::Request(Request::FlushUntil { targets, writes, reply }));
        });
        if let Err(error) = spawned {
            tracing::error!("cannot start a thread: {error}");
        }
    }

    pub(super) fn flush_until(&mut self, targets: Result<Vec<(ReaderId, Positions)>>, write: u64, reply: Reply<()>) {
        let targets = match targets {
            Ok(targets) => targets,
            Err(error) => return answer(reply, Err(error)),
        };
        let catch_ups = self.readers.iter().filter(|(_, reader)| reader.only.is_some()).map(|(id, _)| *id).collect();
        let hydrating = self.hydrating();
        self.waiters.push(Waiter { tick: self.sealed, write, targets, catch_ups, hydrating, reply });
    }

    /// Answers those whose wait is over; forgets those who are gone.
    pub(super) fn answer_waiters(&mut self) {
        for waiter in std::mem::take(&mut self.waiters) {
            if waiter.reply.is_closed() {
                continue;
            }
            if self.is_over(&waiter) {
                answer(waiter.reply, Ok(()));
            } else {
                self.waiters.push(waiter);
            }
        }
    }

    fn is_over(&self, waiter: &Waiter) -> bool {
        self.committed >= waiter.tick
            && self.write_committed >= waiter.write
            && waiter.hydrating.iter().all(|id| self.is_settled(*id))
            && waiter.targets.iter().all(|(reader, ends)| {
                self.readers.get(reader).is_none_or(|reader| reader.has_reached(ends, self.committed))
            })
            && waiter
                .catch_ups
                .iter()
                .all(|reader| self.readers.get(reader).is_none_or(|reader| reader.is_finished(self.committed)))
    }
}

/// Where the sources end now, asked all at once; those without end are left out.
fn ends(sources: &[(ReaderId, Arc<dyn Source>)]) -> Result<Vec<(ReaderId, Positions)>> {
    thread::scope(|scope| {
        let asked: Vec<_> = sources.iter().map(|(id, source)| (*id, scope.spawn(|| source.end()))).collect();
        let mut ends = Vec::with_capacity(asked.len());
        for (id, asked) in asked {
            let end = asked.join().map_err(|_| {
                Error::new(code::INTERNAL_ERROR, "a connector panicked when it was asked for its end")
            })??;
            ends.extend(end.map(|end| (id, end)));
        }
        Ok(ends)
    })
}
