//! The consumer, which feeds a replica from JetStream.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::{ConsumerError, Stream};
use async_nats::jetstream::{AckKind, Message};
use futures_util::stream::{self, StreamExt as _};
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::trace;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::outcome::Outcome;

/// The time for which the server keeps a request for messages. The server reports its expiry, and
/// may send messages until then.
const EXPIRES: Duration = Duration::from_secs(1);
/// The time after which a request counts as lost.
const LOST: Duration = Duration::from_secs(3);
/// The pause before the next request to an unreachable broker.
const AWAY: Duration = Duration::from_millis(500);

/// Feeds a replica from a durable pull consumer of JetStream. Any number of processes can share one
/// consumer.
///
/// | result of the event | response to the broker |
/// | --- | --- |
/// | [`Applied`](Outcome::Applied), [`Duplicate`](Outcome::Duplicate), [`Parked`](Outcome::Parked), committed | acknowledgement |
/// | [`Gap`](Outcome::Gap) | redelivery with backoff |
/// | cannot be read, or is not for this replica ([`Error::Event`]) | termination; the problem is [reported](Self::on_problem) |
/// | any other error: a full disk, a closed connection, a violated constraint | redelivery with backoff; the problem is [reported](Self::on_problem) |
///
/// If a process dies before it has acknowledged an event, the broker redelivers the event to
/// another process after the consumer's `ack_wait`. If the event was committed, it is a duplicate
/// there.
pub struct JetStreamConsumer {
    consumer: PullConsumer,
    concurrency: usize,
    first_delay: Duration,
    longest_delay: Duration,
    on_problem: Option<Hook>,
}

type Hook = Box<dyn Fn(&ConsumerProblem<'_>) + Send + Sync>;

impl JetStreamConsumer {
    /// Creates a consumer from a pull consumer of JetStream. It must use explicit acknowledgements,
    /// an unlimited number of deliveries (`max_deliver: -1`), and as many outstanding
    /// acknowledgements as there may be gaps (`max_ack_pending: -1`). With a lower limit, events
    /// that wait for a predecessor can prevent its delivery.
    pub fn new(consumer: PullConsumer) -> Self {
        Self {
            consumer,
            concurrency: 8,
            first_delay: Duration::from_millis(100),
            longest_delay: Duration::from_secs(10),
            on_problem: None,
        }
    }

    /// Opens the durable consumer of this name, or creates it if it does not exist. A new consumer
    /// receives the messages on `filter` (such as `events.tickets.*`), with explicit
    /// acknowledgements, an `ack_wait` of 30 s, and no limit on deliveries and outstanding
    /// acknowledgements. An existing consumer is used with its own configuration.
    ///
    /// # Errors
    ///
    /// Returns the error of the server, if the consumer cannot be opened or created.
    pub async fn durable(stream: &Stream, name: &str, filter: &str) -> Result<Self, ConsumerError> {
        let config = pull::Config {
            durable_name: Some(name.to_owned()),
            filter_subject: filter.to_owned(),
            ack_policy: AckPolicy::Explicit,
            ack_wait: Duration::from_secs(30),
            max_deliver: -1,
            max_ack_pending: -1,
            ..pull::Config::default()
        };
        stream
            .get_or_create_consumer(name, config)
            .await
            .map(Self::new)
    }

    /// Sets the maximum number of events that are processed concurrently. The consumer requests no
    /// more messages than that. The default is 8, and the minimum is 1.
    #[must_use]
    pub fn concurrency(self, events: usize) -> Self {
        Self {
            concurrency: events.max(1),
            ..self
        }
    }

    /// Sets the delay before an early or failed event is redelivered: `first` after the first
    /// delivery, then twice as long each time, up to `longest`. The defaults are 100 ms and 10 s.
    #[must_use]
    pub fn redelivery(self, first: Duration, longest: Duration) -> Self {
        Self {
            first_delay: first,
            longest_delay: longest,
            ..self
        }
    }

    /// Calls `report` for each problem, for a log or a counter. With the feature `tracing`, the
    /// consumer also emits an event for each problem.
    #[must_use]
    pub fn on_problem(self, report: impl Fn(&ConsumerProblem<'_>) + Send + Sync + 'static) -> Self {
        Self {
            on_problem: Some(Box::new(report)),
            ..self
        }
    }

    /// Passes each event to `handle`, which applies it, and sends the result to the broker. Runs
    /// until `shutdown` is ready.
    ///
    /// `handle` returns after its COMMIT. On shutdown the consumer finishes the events in flight,
    /// and returns messages that still arrive to the broker. This takes up to a second, or a few
    /// seconds if the broker does not respond.
    ///
    /// Errors of `handle` and of the broker do not end the consumer. They are
    /// [reported](Self::on_problem), and an unreachable broker is polled again. A panic in `handle`
    /// or in the hook ends it, and so does dropping the future. The broker redelivers the events
    /// that were not acknowledged by then.
    ///
    /// ```no_run
    /// # use diesel::prelude::*;
    /// # use diesel_async::{AsyncConnection, AsyncPgConnection};
    /// use versioned_core::async_prelude::*;
    /// use versioned_core::{Error, Event};
    /// # use versioned_core::nats::JetStreamConsumer;
    /// # use versioned_core::outbox::Shutdown;
    /// # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
    /// # #[derive(Queryable, Selectable, serde::Deserialize, Versioned)]
    /// # #[diesel(table_name = ticket_copies)]
    /// # #[versioned(dependent, entity = "tickets")]
    /// # struct TicketCopy { id: i64, price: i64, version: i64 }
    /// # #[cfg(feature = "postgres")]
    /// # async fn f(consumer: JetStreamConsumer, shutdown: Shutdown) {
    /// let handle = async |event: Event<TicketCopy>| {
    ///     let conn = AsyncPgConnection::establish("postgres:///orders").await; // or from a pool
    ///     TicketCopy::apply(&event, &mut conn.map_err(Error::other)?).await
    /// };
    /// consumer.run(handle, shutdown).await;
    /// # }
    /// ```
    pub fn run<T, F, Fut>(
        &self,
        handle: F,
        shutdown: impl Future + Send,
    ) -> impl Future<Output = Consumed> + Send
    where
        T: DeserializeOwned + Send,
        F: Fn(Event<T>) -> Fut + Send + Sync,
        Fut: Future<Output = Result<Outcome>> + Send,
    {
        self.run_with(|_| (), move |event, ()| handle(event), shutdown)
    }

    /// As [`run`](Self::run), and passes the value that `part` extracts from the message.
    #[allow(
        clippy::manual_async_fn,
        reason = "the future must be known to be `Send`"
    )]
    pub(super) fn run_with<T, P, F, Fut>(
        &self,
        part: impl Fn(&Message) -> P + Send + Sync,
        handle: F,
        shutdown: impl Future + Send,
    ) -> impl Future<Output = Consumed> + Send
    where
        T: DeserializeOwned + Send,
        P: Send,
        F: Fn(Event<T>, P) -> Fut + Send + Sync,
        Fut: Future<Output = Result<Outcome>> + Send,
    {
        let handle = move |event, message: &Message| handle(event, part(message));
        async move {
            let tally = Tally::default();
            let room = Arc::new(Semaphore::new(self.concurrency));
            let closing = AtomicBool::new(false);
            let mut messages = pin!(self.messages(&room, &closing));
            let over = async move { drop(shutdown.await) };
            let handled = messages.as_mut().take_until(over).for_each_concurrent(
                None,
                async |(message, in_hand)| {
                    self.one(message, &handle, &tally).await;
                    drop(in_hand);
                },
            );
            handled.await;
            closing.store(true, Ordering::Relaxed);
            while let Some((message, in_hand)) = messages.next().await {
                self.answer(&message, AckKind::Nak(None)).await;
                drop(in_hand);
            }
            tally.consumed()
        }
    }

    /// The messages of the consumer, each with its permit. Ends after `closing` is set and all
    /// requested messages have arrived.
    fn messages(
        &self,
        room: &Arc<Semaphore>,
        closing: &AtomicBool,
    ) -> impl futures_util::Stream<Item = (Message, OwnedSemaphorePermit)> + Send {
        stream::unfold(None, async move |mut request: Option<Request>| {
            loop {
                let Some(Request {
                    batch,
                    room: reserved,
                }) = &mut request
                else {
                    request = self.request(room, closing).await?;
                    continue;
                };
                let problem = match tokio::time::timeout(LOST, batch.next()).await {
                    Ok(Some(Ok(message))) => {
                        if let Some(in_hand) = reserved.split(1) {
                            return Some(((message, in_hand), request));
                        }
                        None
                    }
                    Ok(None) => None,
                    Ok(Some(Err(error))) => Some(error.to_string()),
                    Err(_) => Some("no answer to a request for messages".to_owned()),
                };
                request = None;
                if let Some(problem) = problem {
                    self.away(&problem).await;
                }
            }
        })
    }

    /// Requests as many messages as there are permits. Returns `None` when no more are to be
    /// requested.
    #[allow(
        clippy::option_option,
        reason = "the outer one is the end of the stream, the inner one a request that failed"
    )]
    async fn request(
        &self,
        room: &Arc<Semaphore>,
        closing: &AtomicBool,
    ) -> Option<Option<Request>> {
        // Not for each single one, which would cost a request for each.
        let least = u32::try_from(self.concurrency / 4)
            .unwrap_or(u32::MAX)
            .max(1);
        let mut reserved = Arc::clone(room).acquire_many_owned(least).await.ok()?;
        if closing.load(Ordering::Relaxed) {
            return None;
        }
        while let Ok(one) = Arc::clone(room).try_acquire_owned() {
            reserved.merge(one);
        }
        let batch = self
            .consumer
            .batch()
            .max_messages(reserved.num_permits())
            .expires(EXPIRES);
        match batch.messages().await {
            Ok(batch) => Some(Some(Request {
                batch,
                room: reserved,
            })),
            Err(error) => {
                self.away(&error.to_string()).await;
                Some(None)
            }
        }
    }

    async fn away(&self, problem: &str) {
        self.report(&ConsumerProblem::Broker(problem));
        tokio::time::sleep(AWAY).await;
    }

    async fn one<T, F, Fut>(&self, message: Message, handle: &F, tally: &Tally)
    where
        T: DeserializeOwned + Send,
        F: Fn(Event<T>, &Message) -> Fut + Send + Sync,
        Fut: Future<Output = Result<Outcome>> + Send,
    {
        let kind = match serde_json::from_slice::<Event<T>>(&message.payload) {
            Ok(event) => {
                let id = event.id();
                let span = trace::Consuming::new(&id, event.trace.as_deref());
                let outcome = span.applies(handle(event, &message)).await;
                self.judged(&id, &message, outcome, tally)
            }
            Err(error) => {
                tally.terminated.fetch_add(1, Ordering::Relaxed);
                self.report(&ConsumerProblem::Unreadable {
                    subject: &message.subject,
                    reason: &error.to_string(),
                });
                AckKind::Term
            }
        };
        self.answer(&message, kind).await;
    }

    /// The response to the broker.
    fn judged(
        &self,
        id: &str,
        message: &Message,
        outcome: Result<Outcome>,
        tally: &Tally,
    ) -> AckKind {
        let (count, kind) = match outcome {
            Ok(Outcome::Applied) => (&tally.applied, AckKind::Ack),
            Ok(Outcome::Duplicate { .. }) => (&tally.duplicates, AckKind::Ack),
            Ok(Outcome::Parked) => (&tally.parked, AckKind::Ack),
            Ok(Outcome::Gap { .. }) => (&tally.gaps, self.again(message)),
            Err(error @ Error::Event(_)) => {
                self.report(&ConsumerProblem::Refused { id, error: &error });
                (&tally.terminated, AckKind::Term)
            }
            Err(error) => {
                self.report(&ConsumerProblem::Failed { id, error: &error });
                (&tally.failed, self.again(message))
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
        kind
    }

    fn again(&self, message: &Message) -> AckKind {
        let delivered = message.info().map_or(1, |info| info.delivered);
        let doublings = u32::try_from(delivered.saturating_sub(1)).unwrap_or(0);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        let delay = self.first_delay.saturating_mul(factor);
        AckKind::Nak(Some(delay.min(self.longest_delay)))
    }

    /// Sends the response. If it is lost, the broker redelivers the event.
    async fn answer(&self, message: &Message, kind: AckKind) {
        if let Err(error) = message.ack_with(kind).await {
            self.report(&ConsumerProblem::Broker(&error.to_string()));
        }
    }

    pub(super) fn report(&self, problem: &ConsumerProblem<'_>) {
        trace::consumer_problem(problem);
        if let Some(report) = &self.on_problem {
            report(problem);
        }
    }
}

impl fmt::Debug for JetStreamConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStreamConsumer")
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}

/// A request for messages, and the permits of the messages that have not arrived yet.
struct Request {
    batch: pull::Batch,
    room: OwnedSemaphorePermit,
}

#[derive(Default)]
struct Tally {
    applied: AtomicU64,
    duplicates: AtomicU64,
    parked: AtomicU64,
    gaps: AtomicU64,
    failed: AtomicU64,
    terminated: AtomicU64,
}

impl Tally {
    fn consumed(self) -> Consumed {
        Consumed {
            applied: self.applied.into_inner(),
            duplicates: self.duplicates.into_inner(),
            parked: self.parked.into_inner(),
            gaps: self.gaps.into_inner(),
            failed: self.failed.into_inner(),
            terminated: self.terminated.into_inner(),
        }
    }
}

/// The totals of a consumer until its shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Consumed {
    /// Events that were applied.
    pub applied: u64,
    /// Deliveries of events that the replica had already applied.
    pub duplicates: u64,
    /// Events that were parked.
    pub parked: u64,
    /// Deliveries of early events, which are redelivered.
    pub gaps: u64,
    /// Deliveries that failed, and are redelivered.
    pub failed: u64,
    /// Messages that cannot be read or are not for this replica. They are not redelivered.
    pub terminated: u64,
}

/// A problem of a consumer, for logs and counters.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConsumerProblem<'a> {
    /// A message is not an event of this replica. It is not redelivered.
    Unreadable {
        /// The subject of the message.
        subject: &'a str,
        /// The reason why it cannot be read.
        reason: &'a str,
    },
    /// This replica can never apply the event. It is not redelivered.
    Refused {
        /// The id of the event.
        id: &'a str,
        /// The error.
        error: &'a Error,
    },
    /// The event could not be applied now. It is redelivered.
    Failed {
        /// The id of the event.
        id: &'a str,
        /// The error.
        error: &'a Error,
    },
    /// The broker is unreachable, or its response was invalid. The request is retried.
    Broker(&'a str),
}

impl fmt::Display for ConsumerProblem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { subject, reason } => {
                write!(f, "a message on {subject} is no event: {reason}")
            }
            Self::Refused { id, error } => write!(f, "{id} is not for this replica: {error}"),
            Self::Failed { id, error } => write!(f, "{id} could not be applied: {error}"),
            Self::Broker(reason) => write!(f, "the broker failed: {reason}"),
        }
    }
}
