//! The publisher, which sends a relay's events to an exchange.

mod window;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::line::Line;
use super::outgoing::Outgoing;
use super::servers::Servers;
use crate::format::{Encode, Ours};
use crate::outbox::{OutboxRow, PublishError, Publisher};

/// The number of events that are sent before their confirms are awaited.
const WINDOW: usize = 1_000;
/// The size of the events that are sent before their confirms are awaited, in bytes, if there are
/// several.
const WINDOW_BYTES: usize = 8 * 1024 * 1024;
/// What the body of a message may have at a server from 4.0, by default.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// Publishes the events of a [`Relay`](crate::outbox::Relay) to an exchange of `RabbitMQ`.
///
/// Each event is a persistent message with the routing key `{entity}.{key}` (see
/// [`routing_key`](super::routing_key)), or the subject that its [form](Self::format) chooses. Its
/// `message_id` is the [message id](OutboxRow::message_id) of the event, its `type` is
/// `{entity}.{op}`, and its `timestamp` is the time of the event. The server does not drop
/// duplicates. An event is deleted from the outbox when the server has confirmed it: a quorum queue
/// confirms what a majority of its nodes has stored. Up to 1,000 events are in flight at once.
///
/// | what happens | result |
/// | --- | --- |
/// | the server confirms the message | published |
/// | no queue is bound for its routing key, so that the server returns it | [rejected](PublishError::Rejected) |
/// | it is larger than [`largest_body`](Self::largest_body) or than the server permits, has headers of more than 64 KiB, or a routing key, message id, type or name of a header of more than 255 bytes | [rejected](PublishError::Rejected) |
/// | the server refuses to confirm it (`basic.nack`), as a queue does that is full and has the overflow behavior `reject-publish` | [unavailable](PublishError::Unavailable) |
/// | no confirm within the [`timeout`](Self::timeout); a lost connection; a missing exchange; a wrong password | [unavailable](PublishError::Unavailable) |
/// | the server blocks publishers, because it is short of memory or of disk space | [unavailable](PublishError::Unavailable). The connection is kept, and used again when the server permits it |
///
/// If an event fails, the later ones of its record in the batch count as failed too, so that they
/// are published again after it.
///
/// The publisher has a connection of its own, with one channel. It connects when it first
/// publishes, and again after a failure, to the next of its servers, after pauses of 100 ms to 5 s.
/// Each time it checks that the exchange exists, which it never creates. A clone shares the
/// connection, and waits for its turn.
///
/// A server confirms messages that it then loses: if a queue has a maximum length and drops its
/// head, if messages or queues expire, or if the queue is deleted. Use none of these for the queue
/// of a replica. An alternate exchange counts as a queue.
///
/// The connection lives on the tokio runtime that first polls the publisher. For a relay on
/// blocking connections, enter the runtime first (`let _runtime = handle.enter()`); it must have a
/// thread of its own.
#[derive(Clone)]
pub struct RabbitMqPublisher {
    servers: Servers,
    exchange: String,
    form: Arc<dyn Encode>,
    content_type: Option<&'static str>,
    largest_body: usize,
    timeout: Duration,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    line: Line,
    /// The server closed the channel over a message, and did not say which one. Each is then sent
    /// alone, until a batch went through.
    is_careful: bool,
}

impl RabbitMqPublisher {
    /// Creates a publisher to an exchange, which must exist. The empty name is the default
    /// exchange, whose routing keys are names of queues.
    ///
    /// Connects when it first publishes.
    pub fn new(servers: Servers, exchange: impl Into<String>) -> Self {
        Self {
            servers,
            exchange: exchange.into(),
            form: Arc::new(Ours),
            content_type: Some("application/json"),
            largest_body: LARGEST_BODY,
            timeout: Duration::from_secs(5),
            state: Arc::default(),
        }
    }

    /// Sets the form of the messages. The default is that of this crate, an
    /// [`Event`](crate::Event) as JSON.
    ///
    /// A form may choose the routing key, as the subject, and the content type, as the header
    /// `content-type`. Its other headers become headers of the message, as text. An event that it
    /// cannot write is [rejected](PublishError::Rejected), with the reason.
    #[must_use]
    pub fn format(mut self, form: impl Encode + 'static) -> Self {
        self.form = Arc::new(form);
        self.content_type = None;
        self
    }

    /// Sets the maximum size of a body, in bytes. The default is 16 MiB, which is also the default
    /// of the server's `max_message_size` from `RabbitMQ` 4.0. A larger event is rejected.
    #[must_use]
    pub fn largest_body(mut self, bytes: usize) -> Self {
        self.largest_body = bytes;
        self
    }

    /// Sets the time for each step: to connect, to open a channel, and to send up to 1,000 events
    /// or 8 MiB and receive their confirms. The default is 5 s. The steps of a batch together must
    /// be shorter than the [timeout of the relay](crate::outbox::Relay::timeout), which is 30 s by
    /// default.
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = time;
        self
    }

    /// Closes the connection, within the [`timeout`](Self::timeout). The publisher connects again
    /// when it next publishes. Without this, the connection ends when the last clone is dropped.
    pub async fn close(&self) {
        let line = std::mem::take(&mut self.state.lock().await.line);
        line.close(self.timeout).await;
    }
}

impl Publisher for RabbitMqPublisher {
    fn transport(&self) -> &'static str {
        "rabbitmq"
    }

    async fn publish(&self, batch: &[OutboxRow]) -> Vec<Result<(), PublishError>> {
        let mut state = self.state.lock().await;
        let State { line, is_careful } = &mut *state;
        let mut answers = Vec::with_capacity(batch.len());
        let mut is_whole = true;
        let mut rest = batch;
        while !rest.is_empty() {
            let (window, others) = rest.split_at(width(rest, *is_careful));
            rest = others;
            let write = |row| Outgoing::new(row, &*self.form, self.content_type, self.largest_body);
            let messages = window.iter().map(write).collect();
            let mut sent = self.send(line, messages).await;
            let Some(failure) = sent.failure else {
                answers.append(&mut sent.answers);
                continue;
            };
            is_whole = false;
            if failure.is_refusal() && sent.answers.len() == 1 {
                answers.push(Err(PublishError::rejected(failure.text)));
                continue;
            }
            *is_careful |= failure.is_refusal();
            answers.append(&mut sent.answers);
            // The others would only wait as long.
            answers.resize(batch.len(), Err(failure.unavailable()));
            break;
        }
        *is_careful &= !is_whole;
        in_order(batch, answers)
    }
}

/// How many events are sent at once.
fn width(rows: &[OutboxRow], is_careful: bool) -> usize {
    if is_careful {
        return 1;
    }
    let mut bytes = 0;
    let sizes = rows.iter().take(WINDOW).map(|row| row.payload.len());
    let fit = sizes.take_while(|size| {
        bytes += size;
        bytes <= WINDOW_BYTES
    });
    fit.count().max(1)
}

/// Fails the published events that come after one of their record that is sent again.
fn in_order(
    batch: &[OutboxRow],
    answers: Vec<Result<(), PublishError>>,
) -> Vec<Result<(), PublishError>> {
    if answers.iter().all(Result::is_ok) {
        return answers;
    }
    let mut unavailable: HashMap<(&str, &str), i64> = HashMap::new();
    let rows = batch.iter().zip(answers);
    rows.map(|(row, answer)| {
        let record = (row.entity.as_str(), row.key.as_str());
        if let Err(PublishError::Unavailable(_)) = answer {
            unavailable.entry(record).or_insert(row.version);
        }
        match (answer, unavailable.get(&record)) {
            (Ok(()), Some(version)) => Err(PublishError::unavailable(format_args!(
                "version {version} of its record was not confirmed, and is sent first"
            ))),
            (answer, _) => answer,
        }
    })
    .collect()
}

impl fmt::Debug for RabbitMqPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RabbitMqPublisher")
            .field("servers", &self.servers)
            .field("exchange", &self.exchange)
            .finish_non_exhaustive()
    }
}
