//! The Postgres server: `psql` and every PostgreSQL driver talk to it. In: the protocol's messages (version 3.0 and 3.2); out:
//! results, row by row as they become ready. Never: SQL parsed, plans made; that is the engine's. The only code that knows pgwire, of
//! which it takes the backend messages and SCRAM; frames are read here, because a broken one must never be more than an error.
//!
//! A connection's life: [`startup`] (options, password, key for cancel requests) → [`connection`] (one message after the other) →
//! [`query`] for the simple protocol, [`extended`] for the extended one → [`statement`] (what the engine runs and what is run here:
//! [`cursor`], [`copy`], [`prepared`]) → [`rows`] and [`encode`] → socket. Whatever it waits for while a statement runs, it waits for
//! under an [`interrupt`], so that a cancel request, a timeout, a closed peer or the server's stop ends it at once. What computes,
//! computes [`beside`] the threads of the connections.
//!
//! `statement_timeout` does not apply to subscriptions and to FETCH from them: they are meant to run for ever.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use self::backend::Backend;
use self::connection::Connection;
use self::failure::{Attempt, Failure, code, error_response};
use self::interrupt::Interrupt;
use self::sessions::Sessions;
use self::socket::Socket;
use self::startup::{OpenSession, Request};
use crate::engine::Engine;
use crate::error::{Error, Result};

mod auth;
mod backend;
mod beside;
mod connection;
mod copy;
mod copy_binary;
mod copy_in;
mod cursor;
mod decode;
mod encode;
mod extended;
mod failure;
mod frontend;
mod interrupt;
// Types as the protocol numbers them.
pub(crate) mod pg_type;
// Statements up to a Sync.
mod pipeline;
mod prepared;
mod query;
mod rows;
mod sessions;
mod socket;
mod startup;
mod statement;
#[cfg(test)]
mod tests;

pub use auth::Passwords;

/// How long a new connection may take until it is a session (PostgreSQL's authentication_timeout).
const STARTUP_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a client may take to read why its connection ends.
const FAREWELL_TIMEOUT: Duration = Duration::from_millis(500);
/// How long `stop` waits for the connections.
const STOP_TIMEOUT: Duration = Duration::from_millis(900);
/// A silent peer is probed after this time: one that lost its power never closes.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// Connections beyond those that may be sessions, so that cancel requests get through when all are taken.
const SPARE_CONNECTIONS: usize = 64;

/// Where the server listens and whom it lets in.
#[derive(Debug, Clone)]
pub struct WireOptions {
    /// Address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Who may connect.
    pub authentication: Authentication,
    /// Sessions at once; more are refused with 53300.
    pub connections_max: usize,
}

impl WireOptions {
    /// Everybody may connect to `listen`, 200 at once.
    pub fn new(listen: SocketAddr) -> Self {
        WireOptions { listen, authentication: Authentication::Trust, connections_max: 200 }
    }
}

/// Who may connect.
#[derive(Debug, Clone)]
pub enum Authentication {
    /// Anybody, as any user. Only on a loopback address.
    Trust,
    /// Who knows a user's password (SCRAM-SHA-256).
    Password(Arc<Passwords>),
}

/// A running server. Dropping it ends it without waiting.
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

/// Listens and serves `engine` until [`Server::stop`].
///
/// Refuses a non-loopback address without passwords (F0000), and an address that cannot be listened on (58030).
pub async fn serve(engine: Engine, options: WireOptions) -> Result<Server> {
    let open = move |user: &str, number| {
        let mut session = engine.session(user);
        session.set_backend(number);
        Box::new(session) as Box<dyn Backend>
    };
    serve_backend(Arc::new(open), options).await
}

impl Server {
    /// The address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all sessions with 57P01 and stops listening; returns within a second.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(STOP_TIMEOUT, &mut self.accepting).await.is_err() {
            // Drops the connections' tasks with it.
            self.accepting.abort();
        }
    }
}

/// What all connections share.
struct Service {
    open: OpenSession,
    authentication: Authentication,
    sessions: Arc<Sessions>,
    connections_max: usize,
}

async fn serve_backend(open: OpenSession, options: WireOptions) -> Result<Server> {
    let WireOptions { listen, authentication, connections_max } = options;
    if matches!(authentication, Authentication::Trust) && !listen.ip().is_loopback() {
        let message = format!("refusing to listen on {listen} without passwords");
        return Err(Error::new(code::CONFIG_FILE_ERROR, message).hint("give a password file, or listen on 127.0.0.1"));
    }
    let failed = |error: std::io::Error| {
        Error::new(code::IO_ERROR, format!("cannot listen on {listen}"))
            .detail(error.to_string())
            .hint("another server may be running; choose another address or port")
    };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let service = Service { open, authentication, sessions: Sessions::new(connections_max), connections_max };
    let (stop, stopped) = watch::channel(false);
    let accepting = tokio::spawn(accept(listener, Arc::new(service), stopped));
    Ok(Server { address, stop, accepting })
}

/// Accepts connections until the server stops, then waits for their ends.
async fn accept(listener: TcpListener, service: Arc<Service>, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let stop_signal = stopped.clone();
    let stopping = async move {
        // A dropped server has stopped too.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    tokio::pin!(stopping);
    loop {
        let accepted = tokio::select! {
            _ = &mut stopping => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) if connections.len() < service.connections_max + SPARE_CONNECTIONS => {
                connections.spawn(serve_client(stream, Arc::clone(&service), stop_signal.clone()));
            }
            Ok(_) => tracing::warn!("too many connections: one was closed before it said what it wants"),
            Err(error) => {
                // Out of descriptors, most likely: give the others time to end.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// One connection from its first byte to its last.
async fn serve_client(stream: TcpStream, service: Arc<Service>, stop: watch::Receiver<bool>) {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 6);
    // A connection without these works too.
    let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
    let _ = stream.set_nodelay(true);
    let (_no_session, cancel) = watch::channel(0);
    let Ok(mut interrupt) = Interrupt::new(&stream, cancel, stop) else { return };
    let mut socket = Socket::new(stream);
    let result = match begin(&mut socket, &mut interrupt, &service).await {
        Ok(Some((session, registration))) => {
            let mut connection = Connection::new(socket, interrupt, session, registration);
            let result = connection.run().await;
            socket = connection.into_socket();
            result
        }
        Ok(None) => Ok(()),
        Err(failure) => Err(failure),
    };
    if let Err(Failure::Fatal(error) | Failure::Statement(error)) = result {
        farewell(&mut socket, &error).await;
    }
}

/// Serves a cancel request (`None`) or opens a session.
async fn begin(
    socket: &mut Socket,
    interrupt: &mut Interrupt,
    service: &Service,
) -> Attempt<Option<(Box<dyn Backend>, sessions::Registration)>> {
    let steps = async {
        match interrupt.guard_idle(startup::read_request(socket)).await?? {
            Request::Cancel(pid, key) => {
                service.sessions.cancel(pid, &key);
                Ok(None)
            }
            Request::Session(startup) => startup::open_session(socket, interrupt, service, startup).await.map(Some),
        }
    };
    // A connection that says nothing is told nothing.
    tokio::time::timeout(STARTUP_TIMEOUT, steps).await.unwrap_or(Err(Failure::Gone))
}

/// Tells the client why its connection ends, if it reads.
async fn farewell(socket: &mut Socket, error: &Error) {
    if socket.put(&error_response("FATAL", error)).is_ok() {
        let _ = tokio::time::timeout(FAREWELL_TIMEOUT, async {
            if socket.flush().await.is_ok() {
                socket.shutdown().await;
            }
        })
        .await;
    }
}
