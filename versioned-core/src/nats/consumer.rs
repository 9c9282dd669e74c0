//! The consumer, which feeds a replica from JetStream.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::{ConsumerError, Stream};
use futures_util::stream;
use serde::de::DeserializeOwned;

use super::durable::Durable;
use super::message::{Body, Hook};
use super::requests::Requests;
use crate::consumer::{
    Consumed, Consumer, ConsumerProblem, Counters, Handler, Reader, Settings, Source,
};
use crate::dead_letter::Redriven;
use crate::error::Result;
use crate::event::Event;
use crate::format::Decode;
use crate::model::DependentModel;
use crate::operation::replica::dead_letters::Passing;
use crate::operation::replica::dead_letters::keep::NewLetter;
use crate::outcome::Outcome;

/// Feeds a replica from a durable pull consumer of JetStream. Any number of processes can share one
/// consumer.
///
/// The consumer handles the events of one record one at a time, the lowest version first, and those
/// of different records concurrently.
///
/// | result of the event | response to the broker |
/// | --- | --- |
/// | [`Applied`](Outcome::Applied), [`Duplicate`](Outcome::Duplicate), [`Parked`](Outcome::Parked), committed | acknowledgement |
/// | [`Gap`](Outcome::Gap) | none: the event waits here, and is tried again when its predecessor was applied, or after a pause of 10 ms to a few seconds. With [`replicate`](Self::replicate), acknowledgement after it was kept, if an older event of its record is a dead letter |
/// | cannot be read, or is not for this replica ([`Error::Event`](crate::Error::Event)) | with [`replicate`](Self::replicate), acknowledgement after it was kept as a [dead letter](crate::dead_letters); with [`run`](Self::run), termination; the problem is [reported](Self::on_problem) |
/// | any other error: a full disk, a violated constraint; a panic; a [deadline](Self::deadline) | none: the problem is [reported](Self::on_problem), and the event is tried again [with backoff](Self::redelivery). Later events of its record wait. With [`replicate`](Self::replicate), it becomes a [dead letter](crate::dead_letters) after so many [attempts](Self::attempts) |
///
/// The broker is told that events in hand are still being processed, so that it does not redeliver
/// them. If early and failed events take most of the room [in hand](Self::in_hand), some are
/// returned to the broker.
///
/// While the replica's database is unreachable, the consumer makes one attempt at a time, up to 2 s
/// apart, and reports [`Paused`](ConsumerProblem::Paused) and [`Resumed`](ConsumerProblem::Resumed)
/// once each.
///
/// If the stream or the durable consumer is deleted, the consumer reports
/// [`StreamMissing`](ConsumerProblem::StreamMissing) or
/// [`DurableMissing`](ConsumerProblem::DurableMissing) once, and continues when both exist again.
/// See [`recreate`](Self::recreate).
///
/// If a process dies before it has acknowledged an event, the broker redelivers the event to
/// another process after the consumer's `ack_wait`. If the event was committed, it is a duplicate
/// there.
pub struct JetStreamConsumer {
    durable: Durable,
    /// Where to create the durable again.
    stream: Option<Stream>,
    pub(super) settings: Settings,
    /// The form of the messages. `None` for the one of this crate.
    pub(super) form: Option<Arc<dyn Decode>>,
    on_problem: Hook,
    counters: Counters,
}

impl JetStreamConsumer {
    /// Creates a consumer from a pull consumer of JetStream. It must use explicit acknowledgements
    /// and an unlimited number of deliveries (`max_deliver: -1`), and should have no limit on
    /// outstanding acknowledgements (`max_ack_pending: -1`). If early events use all of a limit,
    /// the server does not deliver the events that they wait for. [`replicate`](Self::replicate)
    /// then keeps the early events with the [dead letters](crate::dead_letters), and
    /// [`run`](Self::run) reports [`WindowFull`](ConsumerProblem::WindowFull).
    pub fn new(consumer: PullConsumer) -> Self {
        let mut settings = Settings::default();
        let ack_wait = consumer.cached_info().config.ack_wait;
        if !ack_wait.is_zero() {
            settings.keep = (ack_wait / 3).max(Duration::from_millis(100));
        }
        Self {
            durable: Durable {
                consumer,
                stream: None,
            },
            stream: None,
            settings,
            form: None,
            on_problem: Arc::new(|_| ()),
            counters: Counters::default(),
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
        let consumer = stream.get_or_create_consumer(name, config).await?;
        Ok(Self {
            stream: Some(stream.clone()),
            ..Self::new(consumer)
        })
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
        self.durable.stream = self.stream.take();
        self
    }

    /// Sets the form of the messages. The default is that of this crate, an [`Event`] as JSON.
    ///
    /// A message that the form skips is acknowledged. One that it refuses becomes a [dead
    /// letter](crate::dead_letters), with the reason. All consumers of a replica apply its dead
    /// letters, so give them the same form.
    #[must_use]
    pub fn format(mut self, form: impl Decode + 'static) -> Self {
        self.form = Some(Arc::new(form));
        self
    }

    /// Sets the maximum number of events of [`run`](Self::run), or of batches of
    /// [`replicate`](Self::replicate), that are processed concurrently. Those of one record are
    /// never processed concurrently. The default is 8, and the minimum is 1.
    #[must_use]
    pub fn concurrency(mut self, events: usize) -> Self {
        self.settings.concurrency = events.max(1);
        self.settings.in_hand = self.settings.in_hand.max(events);
        self
    }

    /// Sets the maximum number of events that [`replicate`](Self::replicate) applies in one
    /// transaction. A batch has the events that have arrived, and never waits for more. The default
    /// is 256, and the minimum is 1.
    #[must_use]
    pub fn batch(mut self, events: usize) -> Self {
        self.settings.batch = events.max(1);
        self
    }

    /// Sets the maximum number of messages that the consumer holds. Events that wait for their turn
    /// are among them: those of a record that is being processed, and early ones. The default is
    /// 1,024, and the minimum is [`concurrency`](Self::concurrency).
    ///
    /// If early events take most of this room, the consumer returns some of them to the broker, for
    /// redelivery.
    #[must_use]
    pub fn in_hand(mut self, messages: usize) -> Self {
        self.settings.in_hand = messages.max(self.settings.concurrency);
        self
    }

    /// Sets the delay before a failed event is tried again: `first` after the first attempt, then
    /// twice as long each time, up to `longest`. Early events that the consumer returns to the
    /// broker are redelivered after `first`, or after a quarter of the time for which their record
    /// has waited, up to `longest`. The defaults are 100 ms and 10 s.
    #[must_use]
    pub fn redelivery(mut self, first: Duration, longest: Duration) -> Self {
        self.settings.first_delay = first;
        self.settings.longest_delay = longest;
        self
    }

    /// Sets the time after which a record that waits for a version is reported, as
    /// [`ConsumerProblem::Waiting`]. The default is 30 s.
    #[must_use]
    pub fn patience(mut self, time: Duration) -> Self {
        self.settings.patience = time;
        self
    }

    /// Sets the time for one event of [`run`](Self::run), or for one batch of
    /// [`replicate`](Self::replicate). An event that takes longer has failed, and is tried again. A
    /// batch that takes longer is split. The default is 60 s.
    #[must_use]
    pub fn deadline(mut self, time: Duration) -> Self {
        self.settings.deadline = time;
        self
    }

    /// Sets the number of attempts after which [`replicate`](Self::replicate) makes an event a [dead
    /// letter](crate::dead_letters). Attempts on an unreachable database, deadlocks and
    /// serialization failures do not count. The default is 20, which is some two minutes with the
    /// default [delays](Self::redelivery). The minimum is 1.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.settings.attempts = attempts.max(1);
        self
    }

    /// Sets the pause after which [`replicate`](Self::replicate) applies the [dead
    /// letters](crate::dead_letters) again. It does so first when it starts. The default is 60 s.
    ///
    /// A pass ends after 20 failures in a row, and the next one continues there.
    #[must_use]
    pub fn redrive_every(mut self, pause: Duration) -> Self {
        self.settings.redrive = pause;
        self
    }

    /// Sets the time that the events in flight get at the shutdown. The default is 10 s.
    #[must_use]
    pub fn shutdown_timeout(mut self, time: Duration) -> Self {
        self.settings.shutdown = time;
        self
    }

    /// Calls `report` for each problem, for a log or a counter. With the feature `tracing`, the
    /// consumer also emits an event for each problem.
    #[must_use]
    pub fn on_problem(
        mut self,
        report: impl Fn(&ConsumerProblem<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.on_problem = Arc::new(report);
        self
    }

    /// Returns the totals of this consumer, to be read while it runs. They count on from one
    /// [`run`](Self::run) or [`replicate`](Self::replicate) to the next.
    pub fn counters(&self) -> Counters {
        self.counters.clone()
    }

    /// Passes each event to `handle`, which applies it, and sends the result to the broker. Runs
    /// until `shutdown` is ready, and returns the [totals](Self::counters).
    ///
    /// `handle` returns after its COMMIT. On shutdown the consumer finishes the events in flight,
    /// and returns the others to the broker. This takes up to a second, or up to
    /// [`shutdown_timeout`](Self::shutdown_timeout) if a handler or the broker does not respond.
    ///
    /// Errors and panics of `handle`, and errors of the broker, do not end the consumer. They are
    /// [reported](Self::on_problem), and an unreachable broker is polled again. Dropping the future
    /// ends it. The broker redelivers the events that were not acknowledged by then.
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
        T: DependentModel + DeserializeOwned,
        F: Fn(Event<T>) -> Fut + Send + Sync,
        Fut: Future<Output = Result<Outcome>> + Send,
    {
        let handler = Closure(handle);
        async move { self.run_with(1, handler, shutdown).await }
    }

    /// As [`run`](Self::run), in batches of at most so many events.
    #[allow(
        clippy::manual_async_fn,
        reason = "the future must be known to be `Send`"
    )]
    pub(super) fn run_with<T, H>(
        &self,
        batch: usize,
        handler: H,
        shutdown: impl Future + Send,
    ) -> impl Future<Output = Consumed> + Send
    where
        T: DependentModel + DeserializeOwned,
        H: Handler<T, Body>,
    {
        async move {
            let settings = Settings {
                batch,
                ..self.settings.clone()
            };
            let closing = AtomicBool::new(false);
            let report = |problem: &ConsumerProblem<'_>| (self.on_problem)(problem);
            let close = || closing.store(true, Ordering::Relaxed);
            let reader = Reader::of(self.form.clone());
            let in_hand = self.settings.in_hand;
            let requests = Requests::new(&self.durable, &self.on_problem, in_hand, &closing);
            let messages = stream::unfold(requests, async |mut requests| {
                let message = requests.next().await?;
                Some((message, requests))
            });
            Consumer::new(&settings, reader, report, self.counters.clone())
                .run(messages, handler, shutdown, close)
                .await
        }
    }
}

/// A closure of the user, which has no place for dead letters.
struct Closure<F>(F);

impl<T, F, Fut> Handler<T, Body> for Closure<F>
where
    T: Send,
    F: Fn(Event<T>) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Outcome>> + Send,
{
    async fn handle(&self, events: Vec<Event<T>>, _: Vec<Source<Body>>) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::with_capacity(events.len());
        for event in events {
            outcomes.push((self.0)(event).await?);
        }
        Ok(outcomes)
    }

    async fn keep(&self, _: Vec<NewLetter>) -> Result<()> {
        Ok(())
    }

    async fn redrive(&self, _: Passing) -> Result<Option<(Redriven, i64)>> {
        Ok(None)
    }
}

impl fmt::Debug for JetStreamConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStreamConsumer")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
