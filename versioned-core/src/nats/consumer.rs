//! Messages of JetStream, to a replica.

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

/// How long the server keeps a request for messages. It says when it gives one up: until then it may still answer.
const EXPIRES: Duration = Duration::from_secs(1);
/// When a request counts as lost.
const LOST: Duration = Duration::from_secs(3);
/// How long to wait before asking a broker that has gone.
const AWAY: Duration = Duration::from_millis(500);

/// Feeds a replica from a durable pull consumer of JetStream, in any number of processes on the same one.
///
/// | what becomes of the event | what the broker is told |
/// | --- | --- |
/// | [`Applied`](Outcome::Applied), [`Duplicate`](Outcome::Duplicate), [`Parked`](Outcome::Parked), committed | acknowledged |
/// | [`Gap`](Outcome::Gap) | to deliver it again, after a delay that grows |
/// | it cannot be read, or is not for this replica ([`Error::Event`]) | never to deliver it again, and [reported](Self::on_problem) |
/// | any other error: a full disk, a closed connection, a violated constraint | to deliver it again, after a delay that grows, and [reported](Self::on_problem) |
///
/// A process that dies has acknowledged what it committed, or the broker delivers it again, after the consumer's `ack_wait`,
/// to another one: a duplicate.
pub struct JetStreamConsumer {
    consumer: PullConsumer,
    concurrency: usize,
    first_delay: Duration,
    longest_delay: Duration,
    on_problem: Option<Hook>,
}

type Hook = Box<dyn Fn(&ConsumerProblem<'_>) + Send + Sync>;

impl JetStreamConsumer {
    /// Any pull consumer. It must acknowledge explicitly, deliver any number of times (`max_deliver: -1`), and have as many
    /// acknowledgements outstanding as there may be gaps (`max_ack_pending: -1`): events that wait for one before them would
    /// otherwise keep it from being delivered.
    pub fn new(consumer: PullConsumer) -> Self {
        Self {
            consumer,
            concurrency: 8,
            first_delay: Duration::from_millis(100),
            longest_delay: Duration::from_secs(10),
            on_problem: None,
        }
    }

    /// The durable consumer of this name, which is made if there is none: of the messages on `filter` (such as
    /// `events.tickets.*`), with explicit acknowledgement, for which it waits 30 s, and no limits of deliveries and of
    /// acknowledgements outstanding. One that is there is taken as it is.
    ///
    /// # Errors
    ///
    /// What the server says.
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

    /// How many events are in hand at once; 8 unless said otherwise, and at least 1. No more are asked for.
    #[must_use]
    pub fn concurrency(self, events: usize) -> Self {
        Self {
            concurrency: events.max(1),
            ..self
        }
    }

    /// After what time an event is delivered again that came too early or failed: `first` after the first delivery, then twice
    /// as long each time, up to `longest`. 100 ms and 10 s unless said otherwise.
    #[must_use]
    pub fn redelivery(self, first: Duration, longest: Duration) -> Self {
        Self {
            first_delay: first,
            longest_delay: longest,
            ..self
        }
    }

    /// Calls `report` with everything that goes wrong, for a log or a counter. With the feature `tracing` the same is said by
    /// events.
    #[must_use]
    pub fn on_problem(self, report: impl Fn(&ConsumerProblem<'_>) + Send + Sync + 'static) -> Self {
        Self {
            on_problem: Some(Box::new(report)),
            ..self
        }
    }

    /// Hands each event to `handle`, which applies it, and tells the broker what became of it; until `shutdown` is ready.
    ///
    /// `handle` answers after its COMMIT. What is in hand is finished before this ends, and what
    /// still comes is given back, which takes up to a second, or a few if the broker does not
    /// answer.
    ///
    /// Errors of `handle` and of the broker do not end it: they are [reported](Self::on_problem),
    /// and a broker that is away is asked again. A panic of `handle` or of the hook does, and so
    /// does dropping the future; events that have no acknowledgement then are delivered again.
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
    ///     let conn = AsyncPgConnection::establish("postgres:///orders").await; // or out of a pool
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

    /// As [`run`](Self::run), with what `part` takes of the event's message.
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

    /// The messages of the consumer, each with its share of the room; until `closing`, and what was asked for has come.
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

    /// Asks for as many messages as there is room for; `None` when nothing more is to be asked for.
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

    /// What to tell the broker.
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

    /// If it does not arrive, the broker delivers the event again.
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

/// Messages that were asked for, and the room for those that have not come yet.
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

/// What a consumer did until it was shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Consumed {
    /// Events that were applied.
    pub applied: u64,
    /// Deliveries of events that the replica had already.
    pub duplicates: u64,
    /// Events that were parked.
    pub parked: u64,
    /// Deliveries of events that came too early, and are delivered again.
    pub gaps: u64,
    /// Deliveries that failed, and are delivered again.
    pub failed: u64,
    /// Messages that cannot be read or are not for this replica, and are not delivered again.
    pub terminated: u64,
}

/// What goes wrong at a consumer, for whoever operates it.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConsumerProblem<'a> {
    /// A message is no event of this replica's. It is not delivered again.
    Unreadable {
        /// Where it was published.
        subject: &'a str,
        /// What is wrong with it.
        reason: &'a str,
    },
    /// An event is not one that this replica can apply, whatever it holds. It is not delivered again.
    Refused {
        /// The event's id.
        id: &'a str,
        /// Why.
        error: &'a Error,
    },
    /// An event could not be applied now. It is delivered again.
    Failed {
        /// The event's id.
        id: &'a str,
        /// Why.
        error: &'a Error,
    },
    /// The broker is away, or its answer made no sense. It is asked again.
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
