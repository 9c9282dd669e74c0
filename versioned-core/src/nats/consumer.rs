//! JetStream as the source of a consumer.

use std::fmt;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::{ConsumerError as StreamError, Stream};
use futures_util::stream;

use super::durable::Durable;
use super::message::{BINDING, Held};
use super::messages::Messages;
use crate::consumer::{Consumer, ConsumerError, Incoming, Intake, Source};
use crate::format::Binding;
use crate::model::Gap;

/// Feeds a replica from a durable pull consumer of JetStream. Any number of processes can share one
/// consumer. See [`Consumer`] for the settings and for the responses to the broker.
///
/// The broker is told that events in hand are still being processed, so that it does not redeliver
/// them. If early and failed events take most of the room [in hand](Consumer::in_hand), some are
/// returned to the broker.
///
/// If the stream or the durable consumer is deleted, the consumer reports
/// [`StreamMissing`](crate::consumer::ConsumerProblem::StreamMissing) or
/// [`DurableMissing`](crate::consumer::ConsumerProblem::DurableMissing) once, and continues when
/// both exist again. See [`recreate`](Consumer::recreate).
///
/// If a process dies before it has acknowledged an event, the broker redelivers the event to
/// another process after the consumer's `ack_wait`. If the event was committed, it is a duplicate
/// there.
pub type JetStreamConsumer = Consumer<JetStream>;

/// A durable pull consumer of JetStream, as the source of a [`JetStreamConsumer`].
pub struct JetStream {
    durable: Durable,
    /// Where to create the durable again.
    stream: Option<Stream>,
}

impl Consumer<JetStream> {
    /// Creates a consumer from a pull consumer of JetStream. It must use explicit acknowledgements
    /// and an unlimited number of deliveries (`max_deliver: -1`), and should have no limit on
    /// outstanding acknowledgements (`max_ack_pending: -1`). If early events use all of a limit,
    /// the server does not deliver the events that they wait for. [`replicate`](Self::replicate)
    /// then keeps the early events with the [dead letters](crate::dead_letters), and
    /// [`run`](Self::run) reports [`WindowFull`](crate::consumer::ConsumerProblem::WindowFull).
    pub fn new(consumer: PullConsumer) -> Self {
        Self::of(JetStream {
            durable: Durable {
                consumer,
                stream: None,
            },
            stream: None,
        })
    }

    /// Opens the durable consumer of this name, or creates it if it does not exist. A new consumer
    /// receives the messages on `filter` (such as `events.tickets.*`), with explicit
    /// acknowledgements, an `ack_wait` of 30 s, and no limit on deliveries and outstanding
    /// acknowledgements. An existing consumer is used with its own configuration.
    ///
    /// # Errors
    ///
    /// Returns the error of the server, if the consumer cannot be opened or created.
    pub async fn durable(stream: &Stream, name: &str, filter: &str) -> Result<Self, StreamError> {
        let config = pull::Config {
            durable_name: Some(name.to_owned()),
            filter_subject: filter.to_owned(),
            ack_policy: AckPolicy::Explicit,
            ack_wait: Duration::from_secs(30),
            max_deliver: -1,
            max_ack_pending: -1,
            ..pull::Config::default()
        };
        let consumer = stream.get_or_create_consumer(name, config).await?;
        let mut consumer = Self::new(consumer);
        consumer.source.stream = Some(stream.clone());
        Ok(consumer)
    }

    /// Creates the durable consumer again, with the configuration that it had, if it is deleted at
    /// the broker while this one runs. Without this, it is used again once the application or an
    /// operator has created it.
    ///
    /// The new one delivers the messages of the stream from its beginning, and those that were
    /// applied before are duplicates. The stream itself is never created. Has an effect only after
    /// [`durable`](Self::durable), which knows the stream.
    #[must_use]
    pub fn recreate(mut self) -> Self {
        self.source.durable.stream = self.source.stream.take();
        self
    }
}

impl Source for JetStream {
    type Delivery = Held;

    const BINDING: Binding = BINDING;
    const REDELIVERS: bool = true;

    fn check(&self, _: Gap, _: bool) -> Result<(), ConsumerError> {
        let config = &self.durable.consumer.cached_info().config;
        let name = self.durable.name();
        if config.ack_policy != AckPolicy::Explicit {
            return Err(ConsumerError::Configuration(format!(
                "set the `ack_policy` of the durable consumer {name} to `Explicit`: with {:?}, events that are not applied yet count as acknowledged",
                config.ack_policy
            )));
        }
        if config.max_deliver > 0 {
            return Err(ConsumerError::Configuration(format!(
                "set the `max_deliver` of the durable consumer {name} to -1: after {} deliveries, the broker would drop events that are not applied yet",
                config.max_deliver
            )));
        }
        Ok(())
    }

    fn keep_every(&self) -> Option<Duration> {
        let ack_wait = self.durable.consumer.cached_info().config.ack_wait;
        (!ack_wait.is_zero()).then(|| (ack_wait / 3).max(Duration::from_millis(100)))
    }

    fn deliveries<'s>(
        &'s self,
        intake: Intake<'s>,
    ) -> impl futures_util::Stream<Item = Incoming<Held>> + Send + 's {
        let messages = Messages::new(&self.durable, intake);
        stream::unfold(messages, async |mut messages| {
            let message = messages.next().await?;
            Some((message, messages))
        })
    }
}

impl fmt::Debug for JetStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStream")
            .field("durable", &self.durable.name())
            .finish_non_exhaustive()
    }
}
