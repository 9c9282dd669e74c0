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
    /// It exists, and was created at this time.
    Exists(i128),
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

    pub(super) fn created(&self) -> i128 {
        created(self.consumer.cached_info())
    }

    /// Asks the broker about it.
    pub(super) async fn look(&self) -> Look {
        match tokio::time::timeout(ANSWER, self.consumer.get_info()).await {
            Ok(Ok(info)) => Look::Exists(created(&info)),
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
        let creating = stream.get_or_create_consumer(self.name(), config);
        match tokio::time::timeout(ANSWER, creating).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no response within {ANSWER:?}")),
        }
    }
}

fn created(info: &Info) -> i128 {
    info.created.unix_timestamp_nanos()
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
