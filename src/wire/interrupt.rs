//! What stops a statement from outside at any moment of its life: a cancel request, its deadline, a peer that closed, the server's
//! end. Whatever a connection waits for while a statement runs, it waits for inside [`Interrupt::guard`].

use std::future::Future;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

use super::failure::{Attempt, Failure, code};
use crate::clock;
use crate::error::Error;

/// How long a finite statement goes on after the peer closed its sending side: a client may half-close and still read its answers.
const HALF_CLOSED_GRACE: Duration = Duration::from_secs(5);

/// The signals that a connection listens to.
pub(super) struct Interrupt {
    /// Counts the cancel requests of this session.
    cancel: watch::Receiver<u64>,
    /// Becomes true, or loses its sender, when the server stops.
    stop: watch::Receiver<bool>,
    /// A duplicate of the socket's descriptor that is only watched: reading it would take bytes from the connection.
    watched: TcpStream,
    deadline: Option<Instant>,
    live: bool,
    /// Whether cancel requests come too late.
    committed: bool,
}

impl Interrupt {
    /// Signals for a connection.
    pub(super) fn new(
        stream: &TcpStream,
        cancel: watch::Receiver<u64>,
        stop: watch::Receiver<bool>,
    ) -> io::Result<Self> {
        let duplicate = std::net::TcpStream::from(stream.as_fd().try_clone_to_owned()?);
        let watched = TcpStream::from_std(duplicate)?;
        Ok(Interrupt { cancel, stop, watched, deadline: None, live: false, committed: false })
    }

    /// Gives the connection its session's cancel signal, once it has a session.
    pub(super) fn listen(&mut self, cancel: watch::Receiver<u64>) {
        self.cancel = cancel;
    }

    /// Forgets cancel requests that arrived while no statement ran, as PostgreSQL does.
    pub(super) fn forget_cancel(&mut self) {
        self.cancel.borrow_and_update();
    }

    /// Starts a statement that may take `timeout`.
    pub(super) fn start(&mut self, timeout: Option<Duration>) {
        self.deadline = timeout.and_then(|timeout| Instant::from_std(clock::instant()).checked_add(timeout));
        self.live = false;
        self.committed = false;
    }

    /// Says that the statement's changes are committed, or about to be: it is not canceled any more, since its client would take that
    /// for the word that nothing happened.
    pub(super) fn set_committed(&mut self) {
        self.committed = true;
    }

    /// Says that the statement's rows come for ever: it has no deadline, and ends as soon as its peer closed.
    pub(super) fn set_live(&mut self) {
        self.deadline = None;
        self.live = true;
    }

    /// Runs `future` unless something interrupts it; then it is dropped.
    pub(super) async fn guard<T>(&mut self, future: impl Future<Output = T>) -> Attempt<T> {
        tokio::select! { biased;
            _ = stopped(&mut self.stop) => Err(Failure::Fatal(shutdown())),
            _ = peer_gone(&self.watched, self.live) => Err(Failure::Gone),
            _ = canceled(&mut self.cancel), if !self.committed => Err(Failure::Statement(cancel_error("user request"))),
            _ = reached(self.deadline), if !self.committed => Err(Failure::Statement(cancel_error("statement timeout"))),
            value = future => Ok(value),
        }
    }

    /// Runs `future`, the wait for a client, unless the server stops.
    pub(super) async fn guard_idle<T>(&mut self, future: impl Future<Output = T>) -> Attempt<T> {
        tokio::select! { biased;
            _ = stopped(&mut self.stop) => Err(Failure::Fatal(shutdown())),
            value = future => Ok(value),
        }
    }
}

fn shutdown() -> Error {
    Error::new(code::ADMIN_SHUTDOWN, "terminating connection due to administrator command")
}

fn cancel_error(reason: &str) -> Error {
    Error::new(code::QUERY_CANCELED, format!("canceling statement due to {reason}"))
}

/// Waits for the server's stop; a dropped server has stopped too.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stopped| *stopped).await;
}

async fn canceled(cancel: &mut watch::Receiver<u64>) {
    if cancel.changed().await.is_err() {
        std::future::pending().await
    }
}

async fn reached(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Waits until the peer closed its sending side (EPOLLRDHUP) or the connection broke.
async fn peer_gone(watched: &TcpStream, live: bool) {
    loop {
        let Ok(ready) = watched.ready(Interest::READABLE | Interest::ERROR).await else { return };
        if ready.is_error() {
            return;
        }
        if ready.is_read_closed() {
            break;
        }
        // Bytes of a next message: they stay where they are, only the readiness is taken back until something new happens.
        let _ = watched.try_io(Interest::READABLE, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
    }
    if !live {
        tokio::time::sleep(HALF_CLOSED_GRACE).await;
    }
}
