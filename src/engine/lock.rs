//! Locks of tables: a transaction that changes a table holds it until its end, so that constraints are tested against what is there.
//! Readers never wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::catalog::RelationId;
use crate::error::{Error, Result, code};

/// Who holds which table.
#[derive(Default)]
pub(super) struct Locks {
    state: Mutex<State>,
    released: Notify,
}

#[derive(Default)]
struct State {
    next: u64,
    holders: HashMap<RelationId, u64>,
    /// What each waiting holder waits for.
    waiting: HashMap<u64, RelationId>,
}

/// The tables that one transaction holds; dropped, they are free.
pub(super) struct Held {
    locks: Arc<Locks>,
    holder: u64,
}

/// Ends a wait also where it is given up.
struct Waiting<'a>(&'a Held);

impl Locks {
    /// No tables yet.
    pub(super) fn hold(self: &Arc<Self>) -> Held {
        let mut state = self.state();
        state.next += 1;
        Held { holder: state.next, locks: Arc::clone(self) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether the holder of `table` waits, directly or through others, for `me`.
    fn would_deadlock(&self, me: u64, table: RelationId) -> bool {
        let mut table = table;
        // Every step follows another waiting holder: the number of those bounds the walk.
        for _ in 0..=self.waiting.len() {
            match self.holders.get(&table) {
                Some(holder) if *holder == me => return true,
                Some(holder) => match self.waiting.get(holder) {
                    Some(next) => table = *next,
                    None => return false,
                },
                None => return false,
            }
        }
        false
    }
}

impl Held {
    /// Takes a table, waiting for its holder. 40P01 if that one waits for us. Dropping the future gives up.
    pub(super) async fn lock(&self, table: RelationId) -> Result<()> {
        loop {
            let released = self.locks.released.notified();
            tokio::pin!(released);
            // Registered before the look: a release in between is noticed.
            released.as_mut().enable();
            {
                let mut state = self.locks.state();
                match state.holders.get(&table) {
                    None => {
                        state.holders.insert(table, self.holder);
                        return Ok(());
                    }
                    Some(holder) if *holder == self.holder => return Ok(()),
                    Some(_) if state.would_deadlock(self.holder, table) => {
                        return Err(Error::new(code::DEADLOCK_DETECTED, "deadlock detected")
                            .detail("another transaction waits for a table that this one has changed, and holds the one needed here")
                            .hint("change tables in the same order in all transactions, or try again"));
                    }
                    Some(_) => state.waiting.insert(self.holder, table),
                };
            }
            let _waiting = Waiting(self);
            released.await;
        }
    }

    /// Whether it holds the table.
    pub(super) fn holds(&self, table: RelationId) -> bool {
        self.locks.state().holders.get(&table) == Some(&self.holder)
    }

    /// Gives all tables back.
    pub(super) fn release(&self) {
        self.locks.state().holders.retain(|_, holder| *holder != self.holder);
        self.locks.released.notify_waiters();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.locks.state().waiting.remove(&self.0.holder);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const A: RelationId = RelationId(1);
    const B: RelationId = RelationId(2);

    #[tokio::test]
    async fn a_table_has_one_holder() {
        let locks = Arc::new(Locks::default());
        let (one, other) = (locks.hold(), locks.hold());
        one.lock(A).await.unwrap();
        one.lock(A).await.unwrap();
        other.lock(B).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(20), other.lock(A)).await.is_err());
        assert!(!other.holds(A));
        let waiting = tokio::spawn(async move { other.lock(A).await.map(|()| other.holds(A)) });
        tokio::time::sleep(Duration::from_millis(10)).await;
        drop(one);
        assert!(waiting.await.unwrap().unwrap());
    }

    #[tokio::test]
    async fn who_would_wait_for_ever_is_told() {
        let locks = Arc::new(Locks::default());
        let (one, other) = (locks.hold(), locks.hold());
        one.lock(A).await.unwrap();
        other.lock(B).await.unwrap();
        let waiting = tokio::spawn(async move { one.lock(B).await.map(|()| one.holds(B)) });
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(other.lock(A).await.unwrap_err().code, code::DEADLOCK_DETECTED);
        drop(other);
        assert!(waiting.await.unwrap().unwrap());
    }
}
