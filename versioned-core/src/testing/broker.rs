//! A broker in memory.

mod delivery;
mod queue;
mod settle;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::stream;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

use self::delivery::{BINDING, Held};
use self::queue::Queue;
use crate::consumer::{Consumer, ConsumerError, Incoming, Intake, Source};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::format::{Binding, Message, OwnedMessage};
use crate::model::Gap;
use crate::outbox::{OutboxRow, PublishError, Publisher};

/// How often to look whether the consumer is shutting down.
const LOOK: Duration = Duration::from_millis(5);

/// A broker in memory, for tests of the code that consumes events. Clones are the same broker.
///
/// [`consumer`](Self::consumer) returns the same [`Consumer`] as the brokers' modules do, so that a
/// test runs the application's own [`run`](Consumer::run) or [`replicate`](Consumer::replicate). A
/// [relay](crate::outbox::Relay) can publish to it.
///
/// ```
/// # use diesel::connection::SimpleConnection;
/// # use diesel::prelude::*;
/// # use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
/// # use diesel_migrations::MigrationHarness;
/// # use versioned_core::async_prelude::*;
/// # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
/// # #[diesel(table_name = ticket_copies)]
/// # #[versioned(dependent, entity = "tickets")]
/// # struct TicketCopy { id: i64, price: i64, version: i64 }
/// # type Connection = SyncConnectionWrapper<SqliteConnection>;
/// use versioned_core::Event;
/// use versioned_core::testing::MemoryBroker;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let directory = tempfile::tempdir()?;
/// # let url = &directory.path().join("replica.db").to_str().unwrap().to_owned();
/// # let sync = &mut <SqliteConnection as diesel::Connection>::establish(url)?;
/// # sync.batch_execute("CREATE TABLE ticket_copies (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)")?;
/// # sync.run_pending_migrations(versioned_core::MIGRATIONS)?;
/// let broker = MemoryBroker::unreliable(42);
/// for version in 1..=20 {
///     broker.send(&Event::updated(TicketCopy { id: 7, price: 10 * version, version }))?;
/// }
/// let consumer = broker.consumer();
/// let connect = || Connection::establish(url);
/// // Runs until everything is acknowledged.
/// let consumed = consumer.replicate::<TicketCopy, _>(connect, broker.drained()).await?;
/// assert_eq!(consumed.applied, 20);
/// assert_eq!(TicketCopy::find(&7, &mut connect().await?).await?.price, 200);
/// # Ok(())
/// # }
/// ```
///
/// It keeps the messages until they are acknowledged, and delivers a message again that the consumer
/// gives back, or drops without an answer. That is how JetStream behaves. It does not drop messages
/// with an id that was sent before.
///
/// Use it inside a tokio runtime with timers.
#[derive(Clone)]
pub struct MemoryBroker {
    queue: Arc<Queue>,
}

impl MemoryBroker {
    /// Creates a broker that delivers each message once, in the order in which they were sent. A
    /// message that is given back is delivered again.
    #[must_use]
    pub fn new() -> Self {
        Self::of(None)
    }

    /// Creates a broker that delivers each message 1 to 3 times, in another order than they were
    /// sent, and loses one delivery in four, which comes again up to 20 ms later.
    ///
    /// The seed and the number of a message decide how often it comes, where, and what is lost. If all
    /// messages are sent before the consumer starts, they come in the same order in each run, except
    /// for the lost ones, which depend on the time.
    #[must_use]
    pub fn unreliable(seed: u64) -> Self {
        Self::of(Some(seed))
    }

    fn of(seed: Option<u64>) -> Self {
        Self {
            queue: Arc::new(Queue::new(seed)),
        }
    }

    /// Sends an event, as JSON.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Other`] if the event cannot be written as JSON.
    pub fn send<T: Serialize>(&self, event: &Event<T>) -> Result<()> {
        let body = serde_json::to_vec(event).map_err(Error::other)?;
        self.send_message(&Message::new(BINDING, &event.entity, Some(&body)));
        Ok(())
    }

    /// Sends any message, for example one that is no event, or one of another
    /// [form](Consumer::format). Its attributes are read as those of a message of NATS.
    ///
    /// ```
    /// use versioned_core::format::{Binding, Message};
    /// use versioned_core::testing::MemoryBroker;
    ///
    /// let broker = MemoryBroker::new();
    /// broker.send_message(&Message::new(Binding::Nats, "tickets", Some(b"no event")));
    /// ```
    pub fn send_message(&self, message: &Message<'_>) {
        self.queue.send(OwnedMessage::from(message));
    }

    /// Returns a consumer of the messages. Several share them, so use a broker for each replica.
    #[must_use]
    pub fn consumer(&self) -> Consumer<Self> {
        Consumer::of(self.clone())
    }

    /// Waits until each message that was sent is acknowledged or rejected. Pass the future to the
    /// consumer as the shutdown, and it ends when there is nothing left to do. A dead letter is
    /// acknowledged.
    ///
    /// It waits without a limit. [`settle`](Self::settle) has one, and says what is missing.
    pub fn drained(&self) -> impl Future<Output = ()> + Send + use<> {
        let queue = Arc::clone(&self.queue);
        async move { queue.drained().await }
    }
}

impl Default for MemoryBroker {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBroker")
            .field("seed", &self.queue.seed())
            .field("unsettled", &self.queue.unsettled().len())
            .finish_non_exhaustive()
    }
}

impl Publisher for MemoryBroker {
    async fn publish(&self, batch: &[OutboxRow]) -> Vec<std::result::Result<(), PublishError>> {
        let sent = batch.iter().map(|row| {
            let body = Some(row.payload.as_bytes());
            self.send_message(&Message::new(BINDING, &row.entity, body));
            Ok(())
        });
        sent.collect()
    }
}

impl Source for MemoryBroker {
    type Delivery = Held;

    const BINDING: Binding = BINDING;
    const REDELIVERS: bool = true;

    fn check(&self, _: Gap, _: bool) -> std::result::Result<(), ConsumerError> {
        Ok(())
    }

    fn deliveries<'s>(
        &'s self,
        intake: Intake<'s>,
    ) -> impl stream::Stream<Item = Incoming<Held>> + Send + 's {
        let room = Arc::new(Semaphore::new(intake.in_hand.min(Semaphore::MAX_PERMITS)));
        stream::unfold(room, async move |room| {
            let delivery = self.next(&room, intake.closing).await?;
            Some((Incoming::Delivery(delivery), room))
        })
    }
}

impl MemoryBroker {
    /// Waits for the next delivery. Returns `None` after `closing` was set.
    async fn next(&self, room: &Arc<Semaphore>, closing: &AtomicBool) -> Option<Held> {
        loop {
            if closing.load(Ordering::Relaxed) {
                return None;
            }
            let look = Instant::now() + LOOK;
            let Ok(permit) = Arc::clone(room).try_acquire_owned() else {
                sleep_until(look).await;
                continue;
            };
            match self.queue.next(Instant::now()) {
                Ok(copy) => return Some(Held::new(Arc::clone(&self.queue), copy, permit)),
                Err(due) => {
                    let wake = due.map_or(look, |due| due.min(look));
                    tokio::select! {
                        () = self.queue.newcomer() => {}
                        () = sleep_until(wake) => {}
                    }
                }
            }
        }
    }
}
