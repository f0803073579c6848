//! A topic as a source.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::client::Inquiry;
use super::creation::Creation;
use super::options::{KafkaOptions, Start};
use super::reader::KafkaReader;
use crate::connector::{Positions, Reader, Source};
use crate::error::Result;

/// A topic with its options. Each question opens a connection of its own (about 15 ms on a fast network).
pub(super) struct KafkaSource {
    options: Arc<KafkaOptions>,
    identity: Identity,
    creation: Creation,
    /// For `start = 'latest'`: where the topic ended when this was asked first, which is when the stream was created.
    latest: Mutex<Option<Positions>>,
}

/// The topic's identity once somebody has learned it; shared by a source and its readers, so that none reads on in another topic of
/// the same name.
pub(super) type Identity = Arc<OnceLock<u128>>;

impl KafkaSource {
    /// A source over checked options.
    pub(super) fn new(options: KafkaOptions) -> KafkaSource {
        KafkaSource {
            options: Arc::new(options),
            identity: Identity::default(),
            creation: Creation::default(),
            latest: Mutex::default(),
        }
    }

    /// The beginning of what the stream holds: `latest` means the same records for all who read it, now or later.
    fn beginning(&self, inquiry: &Inquiry<'_>, partitions: &[i32]) -> Result<Positions> {
        let oldest = || inquiry.positions(partitions, Start::Earliest);
        if self.options.start == Start::Earliest {
            return oldest();
        }
        let known = self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(known) = known else {
            let ends = inquiry.positions(partitions, Start::Latest)?;
            // Of two who ask at once the first one is right for both.
            return Ok(self.latest.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(ends).clone());
        };
        // What was deleted since is no part of the stream any more; a partition that was added since begins at its beginning.
        let begins = oldest()?.into_iter();
        Ok(begins
            .map(|(partition, oldest)| (partition, oldest.max(known.get(&partition).copied().unwrap_or(0))))
            .collect())
    }
}

impl Source for KafkaSource {
    fn connector(&self) -> &'static str {
        "kafka"
    }

    fn start(&self) -> Result<Positions> {
        let (inquiry, partitions) = self.creation.inquire(&self.options)?;
        let positions = self.beginning(&inquiry, &partitions)?;
        if let Some(topic) = inquiry.description().filter(|topic| topic.id != 0) {
            // The first one who learns it wins; a reader that sees another identity says so.
            let _ = self.identity.set(topic.id);
        }
        Ok(positions)
    }

    fn undo(&self) -> Result<()> {
        self.creation.undo(&self.options)
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
