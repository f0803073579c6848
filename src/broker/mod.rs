//! The embedded Kafka broker, for trying things out and for tests. **It keeps nothing after it stops**: topics, records,
//! groups and transactions live in memory, and nothing is ever written to a disk.
//!
//! In: the Kafka protocol over TCP, as librdkafka, the Java clients and Kafka's own tools speak it. Out: the same answers that one
//! Apache Kafka broker gives, error codes included, for producing, consuming, consumer groups, transactions and administration.
//! Never: replication, access control, encryption, quotas, log compaction (`cleanup.policy=compact` is accepted and keeps everything).
//!
//! The life of a record: [`server`] reads a frame, [`dispatch`] decodes the request, [`produce`] checks the header of the batch
//! ([`batch`]) and appends it to a partition ([`log`]), which keeps the bytes as they came. [`fetch`] shares these same bytes with the
//! socket; only the first 16 bytes of a batch (offset, length, leader epoch) are written anew.
//!
//! Memory is bounded by [`BrokerOptions::memory_max_bytes`]: beyond it the oldest batches of the largest partitions go, as they do when
//! `retention.bytes` is reached.
//!
//! The advertised maximum versions of the APIs are low on purpose (see [`dispatch`]): every client can speak them, and what newer
//! versions add (topic ids in fetches, the new consumer protocol) is not needed from a single broker.

mod admin;
mod batch;
mod config;
mod config_admin;
mod dispatch;
mod fetch;
mod frame;
mod group;
mod group_admin;
mod group_offset;
mod log;
mod membership;
mod metadata;
mod offset;
mod produce;
mod protocol;
mod server;
mod state;
mod topic;
mod transaction;
mod transaction_api;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::error::{Error, Result, code};

use self::server::Server;
use self::state::Core;

/// How an embedded broker starts.
#[derive(Debug, Clone)]
pub struct BrokerOptions {
    /// Where it listens; port 0 takes a free one, which [`Broker::address`] tells. Default `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// The host name or address that clients are told to connect to. `None` (the default): the address it listens on, or, when that is
    /// the wildcard address, the address at which the asking client reached it.
    pub advertised_host: Option<String>,
    /// Bytes of records, over all topics, beyond which the oldest batches are dropped. Default 1 GiB.
    pub memory_max_bytes: usize,
    /// Whether a topic that a client asks for (and allows to be created) comes into being. Default true.
    pub auto_create_topics: bool,
    /// Partitions of a topic whose creator leaves their number to the broker. Default 1, as in Apache Kafka.
    pub default_partitions: i32,
}

impl Default for BrokerOptions {
    fn default() -> Self {
        BrokerOptions {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            advertised_host: None,
            memory_max_bytes: 1 << 30,
            auto_create_topics: true,
            default_partitions: 1,
        }
    }
}

/// A running embedded broker. Dropping it stops it without waiting; [`Broker::stop`] waits.
#[derive(Debug)]
pub struct Broker {
    address: SocketAddr,
    core: Arc<Core>,
    /// `None` while the broker is paused.
    server: Option<Server>,
}

impl Broker {
    /// Starts a broker without topics. It serves on the current tokio runtime until it is stopped or dropped.
    ///
    /// # Errors
    /// `08006` if the address cannot be listened on, `22023` if an option makes no sense.
    pub async fn start(options: BrokerOptions) -> Result<Broker> {
        if options.default_partitions < 1 || options.default_partitions > topic::PARTITIONS_MAX {
            return Err(Error::new(
                code::INVALID_PARAMETER_VALUE,
                format!("the broker's default number of partitions must be from 1 to {}", topic::PARTITIONS_MAX),
            ));
        }
        let listener = listen(options.listen).await?;
        let address = listener.local_addr().map_err(|error| cannot_listen(options.listen, &error))?;
        let core = Arc::new(Core::new(options));
        let server = Server::start(Arc::clone(&core), listener);
        tracing::info!(%address, "embedded Kafka broker listening; it keeps nothing after it stops");
        Ok(Broker { address, core, server: Some(server) })
    }

    /// Where it listens, with the port that was really taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Creates a topic with the broker's default settings, without the way over a connection.
    ///
    /// # Errors
    /// `22023` for a name or a number of partitions that cannot be, or a topic that exists.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<()> {
        self.core.lock().topics.create(name, partitions, config::TopicConfig::default()).map_err(|refusal| {
            let reason = refusal.message.unwrap_or_else(|| refusal.error.to_string());
            Error::new(code::INVALID_PARAMETER_VALUE, format!("topic \"{name}\" could not be created: {reason}"))
        })
    }

    /// Dies as a broker does that is killed: connections break, new ones are refused, nothing expires. Topics, groups and transactions
    /// stay in memory for [`Broker::resume`]. Does nothing if it is paused already.
    pub async fn pause(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    /// Comes back on the same port with everything it had. Does nothing if it is running.
    ///
    /// # Errors
    /// `08006` if somebody else has taken the port in the meantime.
    pub async fn resume(&mut self) -> Result<()> {
        if self.server.is_none() {
            let listener = listen(self.address).await?;
            self.server = Some(Server::start(Arc::clone(&self.core), listener));
        }
        Ok(())
    }

    /// Closes every connection, waits until all its tasks have ended, and forgets everything.
    pub async fn stop(mut self) {
        self.pause().await;
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| cannot_listen(address, &error))
}

fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> Error {
    Error::new(code::CONNECTION_FAILURE, format!("the embedded broker cannot listen on \"{address}\""))
        .detail(error.to_string())
        .hint("choose another port, or port 0 for any free one")
}
