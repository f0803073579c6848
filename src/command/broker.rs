//! `broker`: the embedded Kafka broker alone.

use tidewater::broker::{Broker, BrokerOptions};
use tidewater::config;

use super::{Message, block_on, say, stop_signal};

/// Runs until it is told to stop.
pub(crate) fn run(given: config::BrokerOptions) -> Result<(), Message> {
    let resolved = config::resolve_broker(given).map_err(|error| error.message_and_hint())?;
    let (listen, memory_max_bytes) = resolved;
    block_on(async {
        let options = BrokerOptions { listen, memory_max_bytes, ..BrokerOptions::default() };
        let broker = Broker::start(options).await.map_err(|error| error.message_and_hint())?;
        say(&format!("Kafka broker on {}; it keeps nothing after it stops (Ctrl-C)", broker.address()));
        stop_signal().await;
        broker.stop().await;
        Ok(())
    })
}
