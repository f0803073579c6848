//! `broker`: the embedded Kafka broker alone.

use std::net::SocketAddr;

use tidewater::broker::{Broker, BrokerOptions};

use super::{Message, block_on, say, stop_signal};

/// Runs until it is told to stop.
pub(crate) fn run(listen: SocketAddr, memory_max_bytes: usize) -> Result<(), Message> {
    block_on(async {
        let options = BrokerOptions { listen, memory_max_bytes, ..BrokerOptions::default() };
        let broker = Broker::start(options).await.map_err(|error| error.message_and_hint())?;
        say(&format!("Kafka broker on {}; it keeps nothing after it stops (Ctrl-C)", broker.address()));
        stop_signal().await;
        broker.stop().await;
        Ok(())
    })
}
