//! The listener and its connections. Requests of one connection are answered one after the other, in their order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;

use super::dispatch;
use super::state::{Core, TICK};

/// `socket.request.max.bytes` of Apache Kafka. What is longer is no request, but another protocol.
const REQUEST_MAX_BYTES: u32 = 100 << 20;
/// Small requests are read together; what is larger than this is read straight into its own buffer.
const READ_BUFFER_BYTES: usize = 8 << 10;
/// Beyond this many connections new ones are closed at once.
const CONNECTIONS_MAX: usize = 10_000;
/// How long nothing is accepted after that has failed, e.g. for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The tasks behind a listening port. They end when this is dropped.
#[derive(Debug)]
pub(super) struct Server {
    /// Dropping it is the signal to end.
    running: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves `listener`.
    pub(super) fn start(core: Arc<Core>, listener: TcpListener) -> Server {
        let (running, stopped) = watch::channel(());
        Server { running, task: tokio::spawn(serve(core, listener, stopped)) }
    }

    /// Closes the port and all connections, and waits until this is done.
    pub(super) async fn stop(self) {
        drop(self.running);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the embedded broker's listener has failed");
        }
    }
}

async fn serve(core: Arc<Core>, listener: TcpListener, mut stopped: watch::Receiver<()>) {
    // Dropping the set ends the connections.
    let mut connections = JoinSet::new();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // Nothing is ever sent: it ends.
            _ = stopped.changed() => break,
            _ = ticks.tick() => core.tick(),
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection of the embedded broker has failed");
                }
            }
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) if connections.len() < CONNECTIONS_MAX => {
                    connections.spawn(connection(Arc::clone(&core), socket, peer));
                }
                Ok((_, peer)) => tracing::warn!(%peer, "too many connections to the embedded broker"),
                Err(error) => {
                    tracing::warn!(%error, "the embedded broker cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn connection(core: Arc<Core>, socket: TcpStream, peer: SocketAddr) {
    match converse(&core, socket, peer).await {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            tracing::warn!(%peer, %error, "the embedded broker closes a connection that it does not understand");
        }
        Err(error) => tracing::debug!(%peer, %error, "a connection of the embedded broker has ended"),
    }
}

async fn converse(core: &Core, mut socket: TcpStream, peer: SocketAddr) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let local = socket.local_addr()?;
    let (read, mut write) = socket.split();
    let mut read = BufReader::with_capacity(READ_BUFFER_BYTES, read);
    while let Some(frame) = read_frame(&mut read).await? {
        if let Some(mut outgoing) = dispatch::answer(core, peer.ip(), local, frame).await? {
            write.write_all_buf(&mut outgoing).await?;
        }
    }
    Ok(())
}

/// The next request in a buffer of its own, so that records which stay in the log keep nothing else alive; `None` at the end.
async fn read_frame(read: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Bytes>> {
    let length = match read.read_u32().await {
        Ok(length) => length,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    if length > REQUEST_MAX_BYTES {
        let problem = "a request of more than 100 MiB: does the client use TLS or another protocol?";
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    }
    let length = length as usize;
    let mut frame = BytesMut::with_capacity(length);
    let mut rest = read.take(length as u64);
    while frame.len() < length {
        if rest.read_buf(&mut frame).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(Some(frame.freeze()))
}
