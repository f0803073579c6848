//! The open sessions: their number is bounded, and a cancel request finds the one it names.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::failure::code;
use crate::clock;
use crate::error::{Error, Result};

/// All open sessions of a server.
pub(super) struct Sessions {
    sessions_max: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    last_pid: i32,
    by_pid: HashMap<i32, Entry>,
}

struct Entry {
    key: Vec<u8>,
    cancel: watch::Sender<u64>,
}

/// A session's place among the open ones; dropping it gives the place back.
pub(super) struct Registration {
    sessions: Arc<Sessions>,
    /// The number that the client knows the session by.
    pub(super) pid: i32,
    /// The secret that a cancel request must show.
    pub(super) key: Vec<u8>,
    /// Counts the session's cancel requests.
    pub(super) cancel: watch::Receiver<u64>,
}

impl Sessions {
    /// No sessions yet, at most `sessions_max` at once.
    pub(super) fn new(sessions_max: usize) -> Arc<Self> {
        Arc::new(Sessions { sessions_max, open: Mutex::default() })
    }

    /// Opens a session with a secret of `key_bytes` bytes; 53300 if there are too many.
    pub(super) fn open(self: &Arc<Self>, key_bytes: usize) -> Result<Registration> {
        let mut open = self.lock();
        if open.by_pid.len() >= self.sessions_max {
            return Err(Error::new(code::TOO_MANY_CONNECTIONS, "sorry, too many clients already")
                .hint(format!("at most {} connections are allowed", self.sessions_max)));
        }
        let pid = open.unused_pid();
        let key = random_bytes(key_bytes);
        let (sender, cancel) = watch::channel(0);
        open.by_pid.insert(pid, Entry { key: key.clone(), cancel: sender });
        drop(open);
        Ok(Registration { sessions: Arc::clone(self), pid, key, cancel })
    }

    /// Cancels what session `pid` runs, if `key` is its secret. Says nothing, as the protocol demands.
    pub(super) fn cancel(&self, pid: i32, key: &[u8]) {
        if let Some(entry) = self.lock().by_pid.get(&pid)
            && same_secret(&entry.key, key)
        {
            entry.cancel.send_modify(|requests| *requests += 1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // The map is consistent between any two of its calls, also after a panic elsewhere.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn unused_pid(&mut self) -> i32 {
        loop {
            self.last_pid = self.last_pid.checked_add(1).unwrap_or(1);
            if !self.by_pid.contains_key(&self.last_pid) {
                return self.last_pid;
            }
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.sessions.lock().by_pid.remove(&self.pid);
    }
}

/// Unpredictable bytes, for secrets and salts.
pub(super) fn random_bytes(count: usize) -> Vec<u8> {
    // The upper half of each number: the lower one holds the fixed version bits of the UUID that it comes from.
    let halves = std::iter::repeat_with(|| (clock::random_u64() >> 32) as u32);
    halves.flat_map(u32::to_be_bytes).take(count).collect()
}

/// Compares in a time that does not tell where the first difference is.
fn same_secret(ours: &[u8], theirs: &[u8]) -> bool {
    ours.len() == theirs.len() && ours.iter().zip(theirs).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancel_needs_the_right_secret() {
        let sessions = Sessions::new(2);
        let one = sessions.open(4).unwrap();
        let two = sessions.open(32).unwrap();
        assert_ne!(one.pid, two.pid);
        sessions.cancel(one.pid, &two.key);
        sessions.cancel(one.pid, &[]);
        sessions.cancel(99, &one.key);
        assert!(!one.cancel.has_changed().unwrap());
        sessions.cancel(one.pid, &one.key);
        assert!(one.cancel.has_changed().unwrap());
        assert!(!two.cancel.has_changed().unwrap());
    }

    #[test]
    fn the_limit_counts_open_sessions_only() {
        let sessions = Sessions::new(1);
        let one = sessions.open(4).unwrap();
        assert_eq!(sessions.open(4).err().map(|error| error.code), Some("53300"));
        drop(one);
        sessions.open(4).unwrap();
    }
}
