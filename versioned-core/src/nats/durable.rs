//! The durable consumer at the broker: whether it exists, and its creation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream::consumer::{Info, PullConsumer};
use async_nats::jetstream::context::ConsumerInfoErrorKind;
use async_nats::jetstream::stream::Stream;

/// The time for an answer of the broker.
const ANSWER: Duration = Duration::from_secs(2);

/// A durable consumer that may be deleted, and created again.
#[derive(Clone)]
pub(super) struct Durable {
    pub(super) consumer: PullConsumer,
    /// Where to create it again.
    pub(super) stream: Option<Stream>,
}

/// What the broker says about a durable consumer.
pub(super) enum Look {
    Exists(Box<Info>),
    Missing(Missing),
    Unreachable(String),
}

/// What does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Stream,
    Durable,
}

impl Durable {
    pub(super) fn stream_name(&self) -> &str {
        &self.consumer.cached_info().stream_name
    }

    pub(super) fn name(&self) -> &str {
        &self.consumer.cached_info().name
    }

    /// Returns whether messages may not be delivered before others are acknowledged.
    pub(super) fn has_window(&self) -> bool {
        self.consumer.cached_info().config.max_ack_pending > 0
    }

    /// Asks the broker about it.
    pub(super) async fn look(&self) -> Look {
        // Boxed, because it is rare, and would make the future of each consumer larger.
        let asking = Box::pin(self.consumer.get_info());
        match tokio::time::timeout(ANSWER, asking).await {
            Ok(Ok(info)) => Look::Exists(Box::new(info)),
            Ok(Err(error)) => match error.kind() {
                ConsumerInfoErrorKind::NotFound => Look::Missing(Missing::Durable),
                ConsumerInfoErrorKind::StreamNotFound => Look::Missing(Missing::Stream),
                _ => Look::Unreachable(error.to_string()),
            },
            Err(_) => Look::Unreachable(format!("no response within {ANSWER:?}")),
        }
    }

    /// Creates it with the configuration that it had.
    pub(super) async fn create(&self, stream: &Stream) -> Result<(), String> {
        let config = self.consumer.cached_info().config.clone();
        let creating = Box::pin(stream.get_or_create_consumer(self.name(), config));
        match tokio::time::timeout(ANSWER, creating).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no response within {ANSWER:?}")),
        }
    }
}

/// Returns how many messages wait for an acknowledgement, if the server delivers no more of them.
pub(super) fn full(info: &Info) -> Option<u64> {
    let limit = u64::try_from(info.config.max_ack_pending).ok()?;
    (limit > 0 && info.num_ack_pending as u64 >= limit).then_some(limit)
}

/// Tells whether the durable consumer is still the one that delivered a message. The sequences of
/// another stream or durable begin at 1 again, so that the answer would be to another message.
#[derive(Debug, Clone, Default)]
pub(super) struct Incarnation {
    own: u64,
    now: Arc<AtomicU64>,
}

impl Incarnation {
    pub(super) fn is_over(&self) -> bool {
        self.now.load(Ordering::Relaxed) != self.own
    }

    /// Ends this one and all of its clones, and begins the next.
    pub(super) fn next(&mut self) {
        self.own = self.now.fetch_add(1, Ordering::Relaxed) + 1;
    }
}
