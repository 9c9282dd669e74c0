//! The consumer, which feeds a replica from a broker.

mod breaker;
mod chores;
mod closure;
mod dead_letters;
#[cfg(test)]
pub(crate) mod dice;
mod error;
mod finish;
mod intake;
mod lanes;
mod meters;
mod parked;
mod problem;
mod replicate;
mod report;
mod requests;
mod run;
mod settings;
mod source;
mod tally;
mod trace;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::de::DeserializeOwned;

use self::closure::Closure;
pub use self::error::ConsumerError;
pub use self::problem::ConsumerProblem;
pub use self::replicate::Connect;
#[cfg(feature = "nats")]
pub(crate) use self::report::report;
pub(crate) use self::report::{Hook, noting, report_broker};
use self::run::Run;
use self::settings::Settings;
pub use self::source::Source;
pub(crate) use self::source::{Delivery, Incoming, Intake, Message, Settlement};
use self::source::{Handler, Reader};
pub use self::tally::{Consumed, Counters};
use crate::error::Result;
use crate::event::Event;
use crate::format::Decode;
use crate::health::Health;
use crate::model::{DependentModel, Gap, Policy};
use crate::outcome::Outcome;

/// Feeds a replica from a broker. Any number of processes can share the work.
///
/// The module of the broker has the constructors.
///
/// The consumer handles the events of one record one at a time, the lowest version first, and those
/// of different records concurrently.
///
/// | result of the event | response to the broker |
/// | --- | --- |
/// | [`Applied`](Outcome::Applied), [`Duplicate`](Outcome::Duplicate), [`Parked`](Outcome::Parked), committed | acknowledgement |
/// | [`Gap`](Outcome::Gap) | none: the event waits here, and is tried again when its predecessor was applied, or after a pause of 10 ms to a few seconds. With [`replicate`](Self::replicate), acknowledgement after it was kept, if an older event of its record is a dead letter |
/// | cannot be read, or is not for this replica ([`Error::Event`](crate::Error::Event)) | with [`replicate`](Self::replicate), acknowledgement after it was kept as a [dead letter](crate::dead_letters); with [`run`](Self::run), rejection; the problem is [reported](Self::on_problem) |
/// | any other error: a full disk, a violated constraint; a panic; a [deadline](Self::deadline) | none: the problem is [reported](Self::on_problem), and the event is tried again [with backoff](Self::redelivery). Later events of its record wait. With [`replicate`](Self::replicate), it becomes a [dead letter](crate::dead_letters) after so many [attempts](Self::attempts) |
///
/// If early and failed events take most of the room [in hand](Self::in_hand), JetStream gets some
/// of them back, for redelivery. Kafka and RabbitMQ cannot deliver a message again later. There,
/// [`replicate`](Self::replicate) keeps early events with the dead letters, and applies them when
/// their predecessors have arrived.
///
/// While the replica's database is unreachable, the consumer makes one attempt at a time, up to 2 s
/// apart, and reports [`Paused`](ConsumerProblem::Paused) and [`Resumed`](ConsumerProblem::Resumed)
/// once each.
///
/// If a process dies before it has acknowledged an event, the broker delivers the event again. If
/// the event was committed, it is a duplicate then.
pub struct Consumer<S> {
    pub(crate) source: S,
    settings: Settings,
    /// The form of the messages. `None` for the one of this crate.
    form: Option<Arc<dyn Decode>>,
    on_problem: Hook,
    counters: Counters,
    health: Health,
}

impl<S: Source> Consumer<S> {
    pub(crate) fn of(source: S) -> Self {
        let mut settings = Settings::default();
        settings.keep = source.keep_every().unwrap_or(settings.keep);
        settings.in_hand = source.in_hand().unwrap_or(settings.in_hand);
        settings.farewell = source.farewell();
        Self {
            source,
            settings,
            form: None,
            on_problem: Arc::new(|_| ()),
            counters: Counters::default(),
            health: Health::of("consumer"),
        }
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
    /// [`ConsumerProblem::Waiting`]. The default is 30 s. With Kafka and RabbitMQ,
    /// [`replicate`](Self::replicate) then keeps the events that wait with the [dead
    /// letters](crate::dead_letters), so that they take no room [in hand](Self::in_hand).
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

    /// Sets the pause after which [`replicate`](Self::replicate) looks for
    /// [requests](crate::requests) of a redrive, and executes them. The default is 2 s. `None` turns
    /// it off.
    ///
    /// It is on by default, because a request that nothing executes is worse than a query: whoever
    /// created the [tables](crate::Migrations::with_requests) expects that it is executed. A look is
    /// one query for an index of open requests. Without the tables, the consumer looks only once a
    /// minute whether they exist.
    #[must_use]
    pub fn requests(mut self, every: impl Into<Option<Duration>>) -> Self {
        self.settings.requests = every.into();
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

    /// Returns how this consumer is while it runs, for the probes of an orchestrator.
    ///
    /// It knows what it has in hand. What still waits at the broker it does not know: compare the time
    /// of the last event with the owner's.
    pub fn health(&self) -> Health {
        self.health.clone()
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
    /// ends it. The broker delivers the events again that were not acknowledged by then.
    ///
    /// # Errors
    ///
    /// Returns [`ConsumerError::Configuration`] before it receives anything, if events would be
    /// lost, or if the consumer would stop for ever. Returns [`ConsumerError::Broker`] if the broker
    /// does not let this consumer continue.
    ///
    /// ```no_run
    /// # use diesel::prelude::*;
    /// # use diesel_async::{AsyncConnection, AsyncPgConnection};
    /// use versioned_core::async_prelude::*;
    /// use versioned_core::{Error, Event};
    /// # use versioned_core::consumer::{Consumer, ConsumerError, Source};
    /// # use versioned_core::outbox::Shutdown;
    /// # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
    /// # #[derive(Queryable, Selectable, serde::Deserialize, Versioned)]
    /// # #[diesel(table_name = ticket_copies)]
    /// # #[versioned(dependent, entity = "tickets")]
    /// # struct TicketCopy { id: i64, price: i64, version: i64 }
    /// # #[cfg(feature = "postgres")]
    /// # async fn f<S: Source>(consumer: Consumer<S>, shutdown: Shutdown) -> Result<(), ConsumerError> {
    /// let handle = async |event: Event<TicketCopy>| {
    ///     let conn = AsyncPgConnection::establish("postgres:///orders").await; // or from a pool
    ///     TicketCopy::apply(&event, &mut conn.map_err(Error::other)?).await
    /// };
    /// consumer.run(handle, shutdown).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn run<T, F, Fut>(
        &self,
        handle: F,
        shutdown: impl Future + Send,
    ) -> impl Future<Output = Result<Consumed, ConsumerError>> + Send
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
    fn run_with<T, H>(
        &self,
        batch: usize,
        handler: H,
        shutdown: impl Future + Send,
    ) -> impl Future<Output = Result<Consumed, ConsumerError>> + Send
    where
        T: DependentModel + DeserializeOwned,
        H: Handler<T, <S::Delivery as Delivery>::Body>,
    {
        async move {
            let gap = match T::POLICY {
                Policy::Sequential => T::GAP,
                // It has no gaps.
                Policy::Latest => Gap::Park,
            };
            self.source.check(gap, H::KEEPS)?;
            let settings = Settings {
                batch,
                in_hand: self.settings.in_hand.min(S::MOST_IN_HAND),
                ..self.settings.clone()
            };
            let closing = AtomicBool::new(false);
            let close = || closing.store(true, Ordering::Relaxed);
            let reader = Reader::of(self.form.clone());
            let running = self.health.starts();
            let hook = noting(&self.health, &self.on_problem);
            let deliveries = self.source.deliveries(Intake {
                in_hand: settings.in_hand,
                report: &hook,
                closing: &closing,
            });
            let run = Run::new(
                &settings,
                S::REDELIVERS,
                H::PARKS,
                reader,
                &hook,
                self.counters.clone(),
                &self.health,
            );
            let consumed = run.run(deliveries, handler, shutdown, close).await;
            match &consumed {
                Ok(_) => running.stops(),
                Err(error) => running.fails(&error.to_string()),
            }
            consumed
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Consumer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("source", &self.source)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
