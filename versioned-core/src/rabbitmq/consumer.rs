//! A queue as the source of a consumer.

use std::fmt;
use std::time::Duration;

use futures_util::stream;

use super::message::Held;
use super::outgoing::BINDING;
use super::queue::Queue;
use super::receiver::Receiver;
use super::servers::Servers;
use crate::consumer::{Consumer, ConsumerError, Incoming, Intake, Source};
use crate::format::Binding;
use crate::model::Gap;

/// Two batches of the default size.
const IN_HAND: usize = 512;

/// Feeds a replica from a queue of `RabbitMQ`. Any number of processes can share one queue. See
/// [`Consumer`] for the settings and for the responses to the server.
///
/// The server delivers as many messages as there is room [in hand](Consumer::in_hand), which is
/// also the prefetch count. The default is 512, and the maximum is 65,535. A message is
/// acknowledged after the COMMIT, and stays in hand while the replica's database is unreachable: no
/// message goes back to the queue as long as the consumer runs, because the server delivers it
/// again at once, and counts towards the delivery limit.
///
/// If early events fill the room in hand, or have waited for the [patience](Consumer::patience),
/// [`replicate`](Consumer::replicate) keeps them with the [dead letters](crate::dead_letters),
/// and applies them when their predecessors have arrived. [`run`](Consumer::run) has no place for
/// them, so it needs a replica with `gap = "park"` or `policy = "latest"`, and returns
/// [`ConsumerError::Configuration`] for any other: after the shutdown of a process, the events that
/// it gave back come later than those behind them, and each process could be full of events that
/// wait for one that is in the queue.
///
/// The consumer has a connection of its own. After any failure, it connects again, to the next of
/// its servers, after pauses of 100 ms to 5 s. Each is [reported](Consumer::on_problem) as
/// [`Broker`](crate::consumer::ConsumerProblem::Broker), again for each attempt: a lost connection,
/// a missing queue, a wrong password, a channel that the server closed because a message was in
/// hand for too long. Messages that were in hand are delivered again, and are duplicates if they
/// were committed.
///
/// At the shutdown, messages that were not processed go back to the queue when the channel is
/// closed.
pub type RabbitMqConsumer = Consumer<RabbitMq>;

/// A queue, as the source of a [`RabbitMqConsumer`].
pub struct RabbitMq {
    pub(super) servers: Servers,
    pub(super) queue: Queue,
    pub(super) timeout: Duration,
}

impl Consumer<RabbitMq> {
    /// Creates a consumer of a queue. Connects when it runs.
    pub fn new(servers: Servers, queue: Queue) -> Self {
        Self::of(RabbitMq {
            servers,
            queue,
            timeout: Duration::from_secs(5),
        })
    }

    /// Sets the time for each answer of the server: to connect, to open a channel, to acknowledge.
    /// The default is 5 s.
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> Self {
        self.source.timeout = time;
        self
    }
}

impl Source for RabbitMq {
    type Delivery = Held;

    const BINDING: Binding = BINDING;
    const REDELIVERS: bool = false;
    const MOST_IN_HAND: usize = u16::MAX as usize;

    fn check(&self, gap: Gap, keeps: bool) -> Result<(), ConsumerError> {
        if gap == Gap::Nack && !keeps {
            return Err(ConsumerError::Configuration(
                "set `gap = \"park\"` on the replica, or call `replicate`: RabbitMQ does not deliver an early event again later, so early events in hand would keep out those that they wait for".to_owned(),
            ));
        }
        Ok(())
    }

    fn in_hand(&self) -> Option<usize> {
        Some(IN_HAND)
    }

    fn deliveries<'s>(
        &'s self,
        intake: Intake<'s>,
    ) -> impl futures_util::Stream<Item = Incoming<Held>> + Send + 's {
        let receiver = Receiver::new(self, intake);
        stream::unfold(receiver, async |mut receiver| {
            let message = receiver.next().await?;
            Some((message, receiver))
        })
    }
}

impl fmt::Debug for RabbitMq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RabbitMq")
            .field("servers", &self.servers)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}
