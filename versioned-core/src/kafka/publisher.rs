//! The publisher, which sends a relay's events to Kafka.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::error::RDKafkaErrorCode as Code;
use tokio::sync::oneshot;

use super::config::{Fixed, KafkaConfig, KafkaConfigError};
use super::producer::{Producer, Receipt, Record};
use super::topics::{is_legal, topic};
use crate::format::{Binding, Encode, Encoded, Ours};
use crate::outbox::{OutboxRow, PublishError, Publisher};

/// The default time for a message.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The default timeout of a relay, which must be longer.
const CLAIM: Duration = Duration::from_secs(30);

const FIXED: &[Fixed] = &[
    Fixed {
        property: "enable.idempotence",
        value: Some("true"),
        reason: "set it to `true`, or a message that is sent again may come behind later ones",
    },
    Fixed {
        property: "transactional.id",
        value: None,
        reason: "remove it, because the relay's transactions are those of its database",
    },
];

/// Publishes the events of a [`Relay`](crate::outbox::Relay) to Kafka.
///
/// Each event is a message on the topic `{prefix}.{entity}` (see [`topic`]), and its key is the key
/// of the record. The topic must exist. All events of a record are in one partition, as long as the
/// number of partitions does not change. The partition is that of a Java producer
/// (`murmur2_random`); the property `partitioner` chooses another one. The producer is idempotent.
///
/// An event is acknowledged, and deleted from the outbox, when all replicas in sync have stored it.
/// A message that was not acknowledged within `message.timeout.ms` (10 s) counts as not published,
/// and so do all later events of its record in the batch. They are published again, also those that
/// the broker had stored; replicas recognize the duplicates.
///
/// A message that is larger than `message.max.bytes` (1 MB), or than the topic's
/// `max.message.bytes`, is [rejected](PublishError::Rejected), and so is one that its form or the
/// broker refuses. After any other failure, including a topic that is missing, the broker counts as
/// [unavailable](PublishError::Unavailable) for the event.
///
/// If librdkafka reports an error that its producer cannot survive, the next batch gets a new one.
#[derive(Clone)]
pub struct KafkaPublisher {
    shared: Arc<Shared>,
    prefix: String,
    form: Arc<dyn Encode>,
}

struct Shared {
    config: ClientConfig,
    timeout: Duration,
    state: Mutex<State>,
}

struct State {
    producer: Option<Arc<Producer>>,
    is_closed: bool,
}

impl KafkaPublisher {
    /// Creates a publisher whose topics begin with `prefix`. It connects in the background.
    ///
    /// # Errors
    ///
    /// Returns [`KafkaConfigError::Property`] if `enable.idempotence` is not `true`, if
    /// `transactional.id` is set, or if `message.timeout.ms` is not below 30,000, the default
    /// [timeout](crate::outbox::Relay::timeout) of a relay. Returns [`KafkaConfigError::Client`] if
    /// librdkafka refuses a property.
    pub fn new(config: &KafkaConfig, prefix: impl Into<String>) -> Result<Self, KafkaConfigError> {
        let defaults = [
            ("partitioner", "murmur2_random"),
            ("message.timeout.ms", "10000"),
            ("topic.metadata.propagation.max.ms", "5000"),
            ("linger.ms", "1"),
        ];
        let client = config.client(&defaults, FIXED)?;
        let timeout = config.millis("message.timeout.ms");
        let timeout = timeout.map_or(TIMEOUT, Duration::from_millis);
        if timeout.is_zero() || timeout >= CLAIM {
            return Err(KafkaConfigError::Property {
                property: "message.timeout.ms",
                reason: "set it to less than 30000, the default timeout of a relay, or another relay takes an event while this one still sends it",
            });
        }
        let producer = Producer::new(&client).map_err(|error| KafkaConfigError::client(&error))?;
        Ok(Self {
            shared: Arc::new(Shared {
                config: client,
                timeout,
                state: Mutex::new(State {
                    producer: Some(Arc::new(producer)),
                    is_closed: false,
                }),
            }),
            prefix: prefix.into(),
            form: Arc::new(Ours),
        })
    }

    /// Sets the form of the messages. The default is that of this crate, an
    /// [`Event`](crate::Event) as JSON.
    ///
    /// A form may choose the topic and the key. An event that it cannot write is
    /// [rejected](PublishError::Rejected), with the reason.
    #[must_use]
    pub fn format(mut self, form: impl Encode + 'static) -> Self {
        self.form = Arc::new(form);
        self
    }

    /// Publishes nothing more, and waits until the broker has answered what was sent.
    ///
    /// Call this after the relay has ended. Without it, messages in flight are given up when the
    /// publisher is dropped. Their events are still in the outbox.
    ///
    /// # Errors
    ///
    /// Returns [`PublishError::Unavailable`] if messages are not acknowledged within `timeout`.
    pub async fn close(&self, timeout: Duration) -> Result<(), PublishError> {
        let producer = {
            let mut state = self.shared.state();
            state.is_closed = true;
            state.producer.take()
        };
        let Some(producer) = producer else {
            return Ok(());
        };
        let (done, left) = oneshot::channel();
        let closing = thread::Builder::new().name("versioned-kafka-close".to_owned());
        let closing = closing.spawn(move || done.send(producer.flush(timeout)).ok());
        closing.map_err(PublishError::unavailable)?;
        match left.await {
            Ok(0) => Ok(()),
            left => Err(PublishError::unavailable(format_args!(
                "{} messages were not acknowledged within {timeout:?}",
                left.unwrap_or_default()
            ))),
        }
    }

    fn encode(&self, row: &OutboxRow) -> Result<Message, PublishError> {
        let encoded = self.form.encode(row, Binding::Kafka);
        let Encoded {
            subject,
            key,
            headers,
            body,
            ..
        } = encoded.map_err(PublishError::rejected)?;
        let topic = subject.unwrap_or_else(|| topic(&self.prefix, &row.entity));
        if !is_legal(&topic) {
            return Err(PublishError::rejected(format_args!(
                "choose another topic: `{topic}` has not 1 to 249 letters, digits, `.`, `_` and `-`"
            )));
        }
        Ok(Message {
            topic,
            key: key.unwrap_or_else(|| row.key.clone()),
            headers,
            body,
        })
    }

    /// Queues a message.
    fn send(producer: &Producer, message: &Message) -> Result<Receipt, PublishError> {
        let sent = producer.send(&message.record());
        sent.map_err(|code| Self::error(producer, message, code))
    }

    fn error(producer: &Producer, message: &Message, code: Code) -> PublishError {
        let topic = &message.topic;
        match code {
            Code::MessageSizeTooLarge | Code::MessageBatchTooLarge => {
                let bytes = message.body.as_ref().map_or(0, Vec::len);
                PublishError::rejected(format_args!(
                    "raise `message.max.bytes` of the publisher and `max.message.bytes` of the topic {topic}, or shorten the record: its message has {bytes} bytes"
                ))
            }
            code if is_refusal(code) => {
                PublishError::rejected(format_args!("the topic {topic} does not take it: {code}"))
            }
            Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => {
                PublishError::unavailable(format_args!(
                    "create the topic {topic}, which does not exist"
                ))
            }
            code => match producer.fatal_error().or_else(|| producer.last_error()) {
                Some(reason) => PublishError::unavailable(format_args!("{code}: {reason}")),
                None => PublishError::unavailable(code),
            },
        }
    }

    /// Of each record, nothing counts as published that came after a failure: the last message of a
    /// record in the log must not be an old one. Messages that the broker refused are sent again, one
    /// at a time, because a request of several messages has one answer for all of them.
    async fn settle(
        &self,
        producer: &Producer,
        batch: &[OutboxRow],
        messages: &[Result<Message, PublishError>],
        answers: &mut [Result<(), PublishError>],
    ) {
        let is_refused = |answer: &&Result<(), _>| matches!(answer, Err(PublishError::Rejected(_)));
        let several = answers.iter().filter(is_refused).count() > 1;
        let end = Instant::now() + self.shared.timeout;
        let mut failed = Failed::default();
        for (row, (message, answer)) in batch.iter().zip(messages.iter().zip(answers)) {
            if let Some(error) = failed.before(row) {
                *answer = Err(error);
                continue;
            }
            if let (true, Ok(message), true) = (several, message, is_refused(&&*answer)) {
                *answer = if Instant::now() > end {
                    Err(PublishError::unavailable("not published in time"))
                } else {
                    match Self::send(producer, message) {
                        Ok(receipt) => Self::answer(producer, message, receipt).await,
                        Err(error) => Err(error),
                    }
                };
            }
            if answer.is_err() {
                failed.add(row);
            }
        }
    }

    async fn answer(
        producer: &Producer,
        message: &Message,
        receipt: Receipt,
    ) -> Result<(), PublishError> {
        let report = receipt.await.unwrap_or(Err(Code::PurgeQueue));
        report.map_err(|code| Self::error(producer, message, code))
    }
}

impl Publisher for KafkaPublisher {
    fn transport(&self) -> &'static str {
        "kafka"
    }

    async fn publish(&self, batch: &[OutboxRow]) -> Vec<Result<(), PublishError>> {
        let producer = match self.shared.producer() {
            Ok(producer) => producer,
            Err(error) => return vec![Err(error); batch.len()],
        };
        let mut session = Session {
            shared: &self.shared,
            producer: &producer,
            is_over: false,
        };
        let messages: Vec<_> = batch.iter().map(|row| self.encode(row)).collect();
        let mut sent = Vec::with_capacity(batch.len());
        let mut failed = Failed::default();
        for (row, message) in batch.iter().zip(&messages) {
            let receipt = match (failed.before(row), message) {
                (Some(error), _) => Err(error),
                (None, Err(error)) => Err(error.clone()),
                (None, Ok(message)) => Self::send(&producer, message),
            };
            if receipt.is_err() {
                failed.add(row);
            }
            sent.push(receipt);
        }
        let mut answers = Vec::with_capacity(batch.len());
        for (receipt, message) in sent.into_iter().zip(&messages) {
            answers.push(match (receipt, message) {
                (Ok(receipt), Ok(message)) => Self::answer(&producer, message, receipt).await,
                (Err(error), _) => Err(error),
                (Ok(_), Err(error)) => Err(error.clone()),
            });
        }
        self.settle(&producer, batch, &messages, &mut answers).await;
        session.is_over = producer.fatal_error().is_none();
        answers
    }
}

impl fmt::Debug for KafkaPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaPublisher")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The producer, or a new one in place of one that has failed.
    fn producer(&self) -> Result<Arc<Producer>, PublishError> {
        let mut state = self.state();
        if state.is_closed {
            return Err(PublishError::unavailable("the publisher is closed"));
        }
        if let Some(producer) = &state.producer {
            return Ok(Arc::clone(producer));
        }
        let producer = Producer::new(&self.config).map_err(PublishError::unavailable)?;
        let producer = Arc::new(producer);
        state.producer = Some(Arc::clone(&producer));
        Ok(producer)
    }
}

/// A batch that is being published. If it is dropped before its end, or if the producer has failed,
/// what is not acknowledged is given up, and the next batch gets another producer: the relay has
/// given the claim back, and a message that is sent later might come behind newer ones.
struct Session<'s> {
    shared: &'s Shared,
    producer: &'s Arc<Producer>,
    is_over: bool,
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut state = self.shared.state();
        let is_current = |current: &Arc<Producer>| Arc::ptr_eq(current, self.producer);
        if state.producer.as_ref().is_some_and(is_current) {
            state.producer = None;
        }
        drop(state);
        self.producer.purge();
    }
}

/// A message of a batch.
struct Message {
    topic: String,
    key: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Message {
    fn record(&self) -> Record<'_> {
        Record {
            topic: &self.topic,
            key: &self.key,
            headers: &self.headers,
            body: self.body.as_deref(),
        }
    }
}

/// The first event of each record that was not published.
#[derive(Default)]
struct Failed<'b>(HashMap<(&'b str, &'b str), &'b OutboxRow>);

impl<'b> Failed<'b> {
    fn add(&mut self, row: &'b OutboxRow) {
        self.0.entry((&row.entity, &row.key)).or_insert(row);
    }

    /// Returns why this event waits, if an earlier one of its record was not published.
    fn before(&self, row: &'b OutboxRow) -> Option<PublishError> {
        let failed = self.0.get(&(row.entity.as_str(), row.key.as_str()))?;
        Some(PublishError::unavailable(format_args!(
            "it waits for {}, which was not published",
            failed.event_id()
        )))
    }
}

/// Returns whether the broker would take other messages.
fn is_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::MessageSizeTooLarge
            | Code::MessageBatchTooLarge
            | Code::InvalidRecord
            | Code::InvalidTimestamp
            | Code::InvalidMessage
    )
}
