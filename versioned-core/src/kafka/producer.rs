//! A producer whose reports arrive as values.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{
    BaseRecord, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer,
};
use tokio::sync::oneshot;

/// What became of a message.
pub(super) type Report = Result<(), RDKafkaErrorCode>;

/// Receives the report of a message.
pub(super) type Receipt = oneshot::Receiver<Report>;

/// A message to send.
pub(super) struct Record<'r> {
    pub(super) topic: &'r str,
    pub(super) key: &'r str,
    pub(super) headers: &'r [(String, String)],
    pub(super) body: Option<&'r [u8]>,
}

/// A producer with a thread of its own, which receives the reports.
pub(super) struct Producer(Option<ThreadedProducer<Context>>);

impl Producer {
    pub(super) fn new(config: &ClientConfig) -> KafkaResult<Self> {
        let producer = config.create_with_context(Context::default())?;
        Ok(Self(Some(producer)))
    }

    /// Queues a message. Its report arrives within `message.timeout.ms`.
    pub(super) fn send(&self, record: &Record<'_>) -> Result<Receipt, RDKafkaErrorCode> {
        let Some(producer) = &self.0 else {
            return Err(RDKafkaErrorCode::PurgeQueue);
        };
        let (sender, receipt) = oneshot::channel();
        let message = BaseRecord {
            topic: record.topic,
            partition: None,
            payload: record.body,
            key: Some(record.key),
            timestamp: None,
            headers: headers(record.headers),
            delivery_opaque: Box::new(sender),
        };
        let sent = producer.send(message);
        sent.map_err(|(error, _)| code(&error))?;
        Ok(receipt)
    }

    /// Returns the reason why this producer can send nothing any more.
    pub(super) fn fatal_error(&self) -> Option<String> {
        let (_, reason) = self.0.as_ref()?.client().fatal_error()?;
        Some(reason)
    }

    /// Returns the last error of a connection.
    pub(super) fn last_error(&self) -> Option<String> {
        self.0.as_ref()?.context().last_error()
    }

    /// Gives up what was not acknowledged. Its reports arrive at once.
    pub(super) fn purge(&self) {
        if let Some(producer) = &self.0 {
            producer.purge(PurgeConfig::default().queue().inflight());
        }
    }

    /// Waits until all messages have a report. Returns the number of those that have none.
    pub(super) fn flush(&self, timeout: Duration) -> i32 {
        let Some(producer) = &self.0 else { return 0 };
        match producer.flush(timeout) {
            Ok(()) => 0,
            Err(_) => producer.in_flight_count(),
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        let producer = self.0.take();
        // This waits for the thread of the producer, for up to a second.
        let dropping = thread::Builder::new().name("versioned-kafka-close".to_owned());
        dropping.spawn(move || drop(producer)).ok();
    }
}

fn headers(headers: &[(String, String)]) -> Option<OwnedHeaders> {
    if headers.is_empty() {
        return None;
    }
    let empty = OwnedHeaders::new_with_capacity(headers.len());
    Some(headers.iter().fold(empty, |all, (key, value)| {
        let value = Some(value.as_bytes());
        all.insert(Header { key, value })
    }))
}

fn code(error: &KafkaError) -> RDKafkaErrorCode {
    error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)
}

/// Passes the reports on.
#[derive(Default)]
pub(super) struct Context(Mutex<Option<String>>);

impl Context {
    fn last_error(&self) -> Option<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl ClientContext for Context {
    fn error(&self, _: KafkaError, reason: &str) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(reason.to_owned());
    }

    fn stats_raw(&self, _: &[u8]) {}
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<oneshot::Sender<Report>>;

    fn delivery(&self, result: &DeliveryResult<'_>, sender: Self::DeliveryOpaque) {
        let report = match result {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(code(error)),
        };
        // The publisher may have been dropped.
        sender.send(report).ok();
    }
}
