//! A topic as a source.

use std::sync::{Arc, OnceLock};

use super::client::Inquiry;
use super::options::{KafkaOptions, Start};
use super::reader::KafkaReader;
use crate::connector::{Positions, Reader, Source};
use crate::error::Result;

/// A topic with its options. Each question opens a connection of its own (about 15 ms on a fast network).
pub(super) struct KafkaSource {
    options: Arc<KafkaOptions>,
    identity: Identity,
}

/// The topic's identity once somebody has learned it; shared by a source and its readers, so that none reads on in another topic of
/// the same name.
pub(super) type Identity = Arc<OnceLock<u128>>;

impl KafkaSource {
    /// A source over checked options.
    pub(super) fn new(options: KafkaOptions) -> KafkaSource {
        KafkaSource { options: Arc::new(options), identity: Identity::default() }
    }
}

impl Source for KafkaSource {
    fn connector(&self) -> &'static str {
        "kafka"
    }

    fn start(&self) -> Result<Positions> {
        let inquiry = Inquiry::new(&self.options)?;
        let partitions = inquiry.partitions()?;
        let positions = inquiry.positions(&partitions, self.options.start)?;
        if let Some(topic) = inquiry.description().filter(|topic| topic.id != 0) {
            // The first one who learns it wins; a reader that sees another identity says so.
            let _ = self.identity.set(topic.id);
        }
        Ok(positions)
    }

    fn end(&self) -> Result<Option<Positions>> {
        let inquiry = Inquiry::new(&self.options)?;
        let partitions = inquiry.partitions()?;
        inquiry.positions(&partitions, Start::Latest).map(Some)
    }

    fn open(&self, from: &Positions, until: Option<&Positions>, headers: bool) -> Result<Box<dyn Reader>> {
        let (options, identity) = (Arc::clone(&self.options), Arc::clone(&self.identity));
        Ok(Box::new(KafkaReader::open(options, identity, from, until, headers)?))
    }
}
