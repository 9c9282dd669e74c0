//! The publisher, which sends a relay's events to JetStream.

use std::fmt;
use std::str::FromStr as _;
use std::sync::Arc;

use async_nats::jetstream::context::{PublishAckFuture, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::{Context, ErrorCode, context};
use async_nats::{HeaderName, HeaderValue};
use futures_util::future::join_all;

use super::message::BINDING;
use super::names::{message_id, subject};
use crate::format::{Encode, Ours};
use crate::outbox::{OutboxRow, PublishError, Publisher};

/// The number of events that are sent before their acknowledgements are awaited.
const WINDOW: usize = 1_000;
/// The server closes a connection that sends a line of more than 4,096 bytes, which holds the
/// subject, the inbox of the acknowledgement and two lengths.
const LONGEST_SUBJECT: usize = 4_000;

/// Publishes the events of a [`Relay`](crate::outbox::Relay) to a stream of JetStream.
///
/// Each event is a message on `{prefix}.{entity}.{key}` (see [`subject`]) with its
/// [message id](OutboxRow::message_id) as its `Nats-Msg-Id`. If an event is published again within
/// the stream's `duplicate_window`, the stream stores it once, and the relay counts a
/// [duplicate](crate::outbox::Pass::duplicates). An event is acknowledged, and deleted from the outbox, when the stream
/// has stored it. Up to 1,000 events are in flight at once. An event without a response within the
/// timeout of the context (5 s by default) counts as not published.
///
/// A message that is too large is [rejected](PublishError::Rejected), and so are one whose subject
/// has more than 4,000 bytes, which is never sent, and one to which the server responds with a client error (400 to 499). Errors that would affect every event are
/// the exception: a sealed stream, and exceeded account limits. After these and after any other
/// failure, including a stream that is full or missing, the broker counts as
/// [unavailable](PublishError::Unavailable).
///
/// The publisher uses tokio's timers. For a relay on blocking connections, enter the runtime first
/// (`let _runtime = handle.enter()`).
#[derive(Clone)]
pub struct JetStreamPublisher {
    context: Context,
    prefix: String,
    form: Arc<dyn Encode>,
}

impl JetStreamPublisher {
    /// Creates a publisher whose subjects begin with `prefix`. The stream must exist and accept
    /// `{prefix}.>`.
    pub fn new(context: Context, prefix: impl Into<String>) -> Self {
        Self {
            context,
            prefix: prefix.into(),
            form: Arc::new(Ours),
        }
    }

    /// Sets the form of the messages. The default is that of this crate, an
    /// [`Event`](crate::Event) as JSON.
    ///
    /// A form may choose the subject, which the stream must then accept. An event that it cannot
    /// write is [rejected](PublishError::Rejected), with the reason.
    #[must_use]
    pub fn format(mut self, form: impl Encode + 'static) -> Self {
        self.form = Arc::new(form);
        self
    }

    async fn send(&self, row: &OutboxRow) -> Result<PublishAckFuture, PublishError> {
        let encoded = self.form.encode(row, BINDING);
        let encoded = encoded.map_err(PublishError::rejected)?;
        let own_subject = || subject(&self.prefix, &row.entity, &row.key);
        let subject = encoded.subject.unwrap_or_else(own_subject);
        if subject.len() > LONGEST_SUBJECT {
            let bytes = subject.len();
            return Err(PublishError::rejected(format_args!(
                "use shorter keys, the subject has {bytes} bytes and may have {LONGEST_SUBJECT}"
            )));
        }
        let mut message = PublishMessage::build();
        for (name, value) in encoded.headers {
            let name = HeaderName::from_str(&name).map_err(PublishError::rejected)?;
            let value = HeaderValue::from_str(&value).map_err(PublishError::rejected)?;
            message = message.header(name, value);
        }
        let message = message
            .message_id(message_id(row))
            .payload(encoded.body.unwrap_or_default().into());
        let sent = self.context.send_publish(subject, message).await;
        sent.map_err(|error| classified(&error))
    }

    /// Sends a window of events and awaits their acknowledgements, all at the same time: a broker
    /// that does not answer costs one timeout, and not one for each event.
    async fn publish_window(&self, window: &[OutboxRow]) -> Vec<Result<PublishAck, PublishError>> {
        let mut sent = Vec::with_capacity(window.len());
        for row in window {
            let ack = self.send(row).await;
            let is_away = matches!(ack, Err(PublishError::Unavailable(_)));
            sent.push(ack);
            if is_away {
                break;
            }
        }
        join_all(sent.into_iter().map(async |ack| match ack {
            Ok(ack) => ack.await.map_err(|error| classified(&error)),
            Err(error) => Err(error),
        }))
        .await
    }
}

impl Publisher for JetStreamPublisher {
    fn transport(&self) -> &'static str {
        "jetstream"
    }

    async fn publish(&self, batch: &[OutboxRow]) -> Vec<Result<(), PublishError>> {
        self.publish_counting(batch).await.0
    }

    async fn publish_counting(
        &self,
        batch: &[OutboxRow],
    ) -> (Vec<Result<(), PublishError>>, usize) {
        let mut answers = Vec::with_capacity(batch.len());
        let mut duplicates = 0;
        for window in batch.chunks(WINDOW) {
            let mut away = None;
            for answer in self.publish_window(window).await {
                if let Err(error @ PublishError::Unavailable(_)) = &answer {
                    away = Some(error.clone());
                }
                duplicates += usize::from(answer.as_ref().is_ok_and(|ack| ack.duplicate));
                answers.push(answer.map(drop));
            }
            if let Some(away) = away {
                // The others would only wait as long.
                answers.resize(batch.len(), Err(away));
                break;
            }
        }
        (answers, duplicates)
    }
}

impl fmt::Debug for JetStreamPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStreamPublisher")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// Classifies an error: whether the event or the broker is its cause.
fn classified(error: &context::PublishError) -> PublishError {
    match error.kind() {
        PublishErrorKind::MaxPayloadExceeded
        | PublishErrorKind::WrongLastMessageId
        | PublishErrorKind::WrongLastSequence => PublishError::rejected(error),
        PublishErrorKind::Other if is_refusal(error) => PublishError::rejected(error),
        _ => PublishError::unavailable(error),
    }
}

fn is_refusal(error: &context::PublishError) -> bool {
    let answer = std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<async_nats::jetstream::Error>());
    answer.is_some_and(|answer| {
        (400..500).contains(&answer.code())
            // These are about the account and the stream, and would refuse any event.
            && ![ErrorCode::ACCOUNT_RESOURCES_EXCEEDED, ErrorCode::STREAM_SEALED]
                .contains(&answer.error_code())
    })
}
