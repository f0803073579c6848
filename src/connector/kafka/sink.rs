//! Writes records to a topic: idempotent producer, at-least-once.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::creation::Creation;
use super::errors::{Events, unreachable};
use super::options::{KafkaOptions, configuration_error};
use crate::clock;
use crate::connector::{Sink, SinkRecord, SinkWriter};
use crate::error::{Error, Result, code};

/// Our settings: batches fill for 5 ms, memory is bounded, keys go to the partitions where the Java client would put them.
const DEFAULTS: &[(&str, &str)] = &[
    ("enable.idempotence", "true"),
    ("delivery.report.only.error", "true"),
    ("partitioner", "murmur2_random"),
    ("linger.ms", "5"),
    ("queue.buffering.max.messages", "500000"),
    ("queue.buffering.max.kbytes", "131072"),
];

/// Events are served each time this many records were handed over.
const RECORDS_PER_SERVE: usize = 1000;

/// A topic to write to.
pub(super) struct KafkaSink {
    options: Arc<KafkaOptions>,
    creation: Creation,
}

impl KafkaSink {
    /// A sink over checked options.
    pub(super) fn new(options: KafkaOptions) -> KafkaSink {
        KafkaSink { options: Arc::new(options), creation: Creation::default() }
    }

    fn writer(&self) -> Result<KafkaWriter> {
        let config = self.options.client(DEFAULTS);
        let producer = config.create_with_context(Events::default()).map_err(configuration_error)?;
        Ok(KafkaWriter { producer, options: Arc::clone(&self.options) })
    }
}

impl Sink for KafkaSink {
    fn connector(&self) -> &'static str {
        "kafka"
    }

    fn check(&self) -> Result<()> {
        // A producer refuses option values that contradict each other.
        drop(self.writer()?);
        self.creation.inquire(&self.options).map(drop)
    }

    fn undo(&self) -> Result<()> {
        self.creation.undo(&self.options)
    }

    fn open(&self) -> Result<Box<dyn SinkWriter>> {
        Ok(Box::new(self.writer()?))
    }
}

/// An open producer. What was not flushed when it is dropped may be lost.
struct KafkaWriter {
    producer: BaseProducer<Events>,
    options: Arc<KafkaOptions>,
}

impl KafkaWriter {
    /// The first record that was lost, or the producer's own end, as an error.
    fn verify(&self) -> Result<()> {
        let topic = &self.options.topic;
        if let Some(lost) = self.producer.context().take_lost() {
            let error = Error::new(
                code::FDW_ERROR,
                format!("a record could not be written to topic \"{topic}\": {}", lost.text),
            );
            return Err(match self.trouble() {
                Some(trouble) => error.detail(trouble),
                None => error,
            });
        }
        if let Some((code, text)) = self.producer.client().fatal_error() {
            let text = super::errors::clean(&text);
            return Err(Error::new(code::FDW_ERROR, format!("the producer of topic \"{topic}\" stopped: {text}"))
                .detail(code.to_string()));
        }
        Ok(())
    }

    fn trouble(&self) -> Option<String> {
        self.producer.context().last().map(|trouble| trouble.text)
    }

    /// Hands one record over; while the queue is full, waits for the brokers to take some of it.
    fn send(&self, record: &SinkRecord) -> Result<()> {
        let mut message: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&self.options.topic);
        message.key = record.key.as_deref();
        message.payload = record.value.as_deref();
        loop {
            match self.producer.send(message) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(Code::QueueFull), refused)) => {
                    message = refused;
                    self.producer.poll(Duration::from_millis(5));
                    self.verify()?;
                }
                Err((error, _)) => return Err(self.refused(&error, record)),
            }
        }
    }

    fn refused(&self, error: &KafkaError, record: &SinkRecord) -> Error {
        let reason = error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string());
        let size = record.key.as_ref().map_or(0, Vec::len) + record.value.as_ref().map_or(0, Vec::len);
        let message =
            format!("a record of {size} bytes could not be written to topic \"{}\": {reason}", self.options.topic);
        let error_code = error.rdkafka_error_code();
        let error = Error::new(code::FDW_ERROR, message);
        match error_code {
            Some(Code::MessageSizeTooLarge) => {
                error.hint("raise kafka.message.max.bytes and the topic's max.message.bytes")
            }
            _ => error,
        }
    }
}

impl SinkWriter for KafkaWriter {
    fn write(&mut self, records: Vec<SinkRecord>) -> Result<()> {
        for chunk in records.chunks(RECORDS_PER_SERVE) {
            for record in chunk {
                self.send(record)?;
            }
            self.producer.poll(Duration::ZERO);
            self.verify()?;
        }
        Ok(())
    }

    fn flush(&mut self, timeout: Duration) -> Result<()> {
        let deadline = clock::instant() + timeout;
        let mut wait = Duration::from_millis(1);
        // The binding's own flush looks only every 100 ms.
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(wait);
            self.verify()?;
            if clock::instant() >= deadline {
                return Err(self.late(timeout));
            }
            wait = (wait * 2).min(Duration::from_millis(10));
        }
        self.producer.poll(Duration::ZERO);
        self.verify()?;
        self.producer.context().resolve();
        Ok(())
    }
}

impl KafkaWriter {
    fn late(&self, timeout: Duration) -> Error {
        if self.producer.context().is_unresolved() {
            return unreachable(&self.options.brokers, self.producer.context().last().as_ref());
        }
        Error::new(
            code::CONNECTION_FAILURE,
            format!(
                "{} records for topic \"{}\" were not acknowledged within {} s",
                self.producer.in_flight_count(),
                self.options.topic,
                timeout.as_secs_f64()
            ),
        )
    }
}
