//! The relay, which publishes the pending events of an outbox.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use super::listener::Hearing;
use super::trace;
use super::{Listener, Publisher, RelayProblem, RelayWaker};
use crate::health::Health;

/// Publishes the pending events of an outbox, and deletes those that the broker has acknowledged.
///
/// One pass locks a batch, publishes it, and deletes the acknowledged events:
///
/// ```sql
/// BEGIN;
/// SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
/// SELECT o.id, o.entity, o.key, o.version, o.op, o.payload, o.attempts, now - o.at FROM versioned_outbox o
///     WHERE o.due <= (extract(epoch FROM statement_timestamp()) * 1000000)::bigint
///     ORDER BY o.attempts, o.id LIMIT $1 FOR UPDATE SKIP LOCKED;
/// -- the batch is published here
/// DELETE FROM versioned_outbox WHERE id = ANY($1);                                             -- acknowledged events
/// UPDATE versioned_outbox SET attempts = attempts + 1,                                         -- rejected events
///     due = (extract(epoch FROM statement_timestamp()) * 1000000)::bigint + $1, error = $2 WHERE id = $3;
/// COMMIT;
/// ```
///
/// **Delivery is at least once.** An event stays in the outbox until the broker has acknowledged
/// it. If the relay crashes, or its connection breaks, between the acknowledgement and the COMMIT,
/// the batch is published again. Each event carries an [id](super::OutboxRow::event_id), by which
/// brokers and replicas recognize a duplicate.
///
/// **Times** are those of the database's clock, so the clocks of relays and writers may differ.
///
/// **Several relays** may run at once, in any number of processes. Each skips the events that
/// another has locked (PostgreSQL, `MariaDB` from 10.6, MySQL from 8). The transaction stays open
/// while the batch is published, up to the [timeout](Self::timeout).
/// `idle_in_transaction_session_timeout` must be longer than that. `SQLite` has one writer at a
/// time and no such locks. On `SQLite` the relay holds no lock while it publishes, so run one relay
/// only; two would publish each event twice.
///
/// **Rejected events** are retried with backoff, after the other events, and do not block them.
/// While all batches are full, one batch in eight is for rejected events only. In an
/// [ordered](Self::ordered) relay they block the later events of their record. **While the broker
/// is unreachable**, events accumulate in the outbox and their attempts are not counted. The relay
/// polls with increasing pauses.
///
/// ```
/// # use diesel::prelude::*;
/// # use diesel_migrations::MigrationHarness;
/// # use std::sync::Mutex;
/// # use versioned_core::prelude::*;
/// use versioned_core::outbox::{self, OutboxRow, PublishError, Publisher, Relay};
/// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Queryable, Selectable, serde::Serialize, Versioned)]
/// # #[diesel(table_name = tickets)]
/// # #[versioned(owner, outbox)]
/// # struct Ticket { id: i64, price: i64, version: i64 }
/// # #[derive(Default)]
/// # struct Queue(Mutex<Vec<String>>);
/// # impl Publisher for Queue {
/// #     async fn publish(&self, batch: &[OutboxRow]) -> Vec<Result<(), PublishError>> {
/// #         let mut queue = self.0.lock().unwrap();
/// #         batch.iter().map(|row| Ok(queue.push(row.payload.clone()))).collect()
/// #     }
/// # }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let conn = &mut SqliteConnection::establish(":memory:")?;
/// # conn.run_pending_migrations(versioned_core::MIGRATIONS)?;
/// # diesel::sql_query("CREATE TABLE tickets (id BIGINT PRIMARY KEY, price BIGINT, version BIGINT NOT NULL)").execute(conn)?;
/// let mut ticket = Ticket { id: 7, price: 20, version: 0 };
/// ticket.insert(conn)?; // the row, and its event
/// assert_eq!(outbox::Lag::load(conn)?.pending, 1);
///
/// let relay = Relay::new(Queue::default()).batch(1_000);
/// let pass = relay.run_once(conn)?;
/// assert_eq!((pass.published, outbox::Lag::load(conn)?.pending), (1, 0));
/// # Ok(())
/// # }
/// ```
pub struct Relay<P> {
    pub(crate) publisher: P,
    pub(crate) ordered: bool,
    pub(crate) timeout: Duration,
    pub(crate) pause: Duration,
    pub(crate) longest_pause: Duration,
    pub(crate) waker: RelayWaker,
    pub(crate) hearing: Hearing,
    backoff: Duration,
    longest_backoff: Duration,
    batch: usize,
    /// The batch size after a timeout. Normally `usize::MAX`.
    narrowed: AtomicUsize,
    /// The number of full batches since the last turn of the rejected events.
    full: AtomicUsize,
    /// How often a single event exceeded the timeout since an event was published.
    hung: AtomicU32,
    on_problem: Option<Arc<Hook>>,
    pub(crate) health: Health,
}

/// Of so many full batches, one is for rejected events.
const TURNS: usize = 8;

pub(crate) type Hook = dyn Fn(&RelayProblem<'_>) + Send + Sync;

impl<P: Publisher> Relay<P> {
    /// Creates a relay to this broker.
    pub fn new(publisher: P) -> Self {
        Self {
            publisher,
            ordered: false,
            timeout: Duration::from_secs(30),
            pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(500),
            waker: RelayWaker::default(),
            hearing: Hearing::default(),
            backoff: Duration::from_secs(1),
            longest_backoff: Duration::from_secs(300),
            batch: 1_000,
            narrowed: AtomicUsize::new(usize::MAX),
            full: AtomicUsize::new(0),
            hung: AtomicU32::new(0),
            on_problem: None,
            health: Health::of("relay"),
        }
    }

    /// Sets the maximum number of events of a batch. The default is 1,000, and the minimum is 1.
    ///
    /// All events of a batch are locked, and held in memory, while they are published. With a
    /// publisher that costs nothing, 1,000 are 1.8 times as fast as 100 on PostgreSQL (`relay` in
    /// `tests/speed/RESULTS.md`).
    #[must_use]
    pub fn batch(self, events: usize) -> Self {
        Self {
            batch: events.max(1),
            ..self
        }
    }

    /// Publishes the events of a record strictly in order. The relay publishes no event while an
    /// older event of the same record is pending, even if another relay has locked it or the broker
    /// has rejected it.
    ///
    /// On PostgreSQL and `SQLite`, a batch has the oldest events, and is published in waves: first
    /// the first event of each record, then the second one of each, and so on. If an event fails,
    /// the later ones of its record stay pending. The waves of a batch together keep to the
    /// [timeout](Self::timeout). On PostgreSQL one ordered relay works at a time, under an advisory
    /// lock that its transaction holds; the others are in reserve. On MySQL and `MariaDB`, several
    /// work at once, and a batch has the oldest event of each record only.
    ///
    /// ```sql
    /// -- PostgreSQL
    /// SELECT pg_try_advisory_xact_lock(1449489012, ('versioned_outbox'::regclass::oid::bigint - 2147483648)::int);
    /// SELECT o.id, .. FROM versioned_outbox o WHERE o.due <= now AND (o.entity, o.key) NOT IN
    ///     (SELECT e.entity, e.key FROM versioned_outbox e WHERE e.attempts > 0 AND e.due > now)
    ///     ORDER BY o.id LIMIT $1 FOR UPDATE;
    /// -- MySQL and MariaDB
    /// .. AND NOT EXISTS (SELECT 1 FROM versioned_outbox e WHERE e.entity = o.entity AND e.key = o.key AND e.version < o.version)
    /// ```
    ///
    /// Most replicas do not need it, because each event carries its version: those whose broker
    /// redelivers unacknowledged messages, those that park, and those with `policy = "latest"`. It
    /// is needed for logs that deliver once and in their own order (Kafka), and for streams that
    /// keep the last message of each record.
    ///
    /// On PostgreSQL, the database takes as long for an ordered batch as for another one. The
    /// publisher is called once for each wave. On MySQL and `MariaDB`, an ordered relay needs one
    /// pass for each pending version of a record, and each pass looks for the oldest event of each
    /// record.
    #[must_use]
    pub fn ordered(self) -> Self {
        Self {
            ordered: true,
            ..self
        }
    }

    /// Sets the time limit of the publisher for one batch. The default is 30 s. After it, the batch
    /// counts as not published.
    ///
    /// After a timeout, the next batches are smaller, down to one event. A single event that
    /// exceeds the limit is handled like a rejected event, so that an event on which the publisher
    /// hangs does not block the others. If the next ones exceed it too, the broker is more likely
    /// to be the cause: until one is published, only the 1st, 2nd, 4th, 8th and so on is rejected.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Sets the delay before a rejected event is retried: `first` after the first rejection, then
    /// twice as long each time, up to `longest`. The defaults are 1 s and 5 min.
    #[must_use]
    pub fn backoff(self, first: Duration, longest: Duration) -> Self {
        Self {
            backoff: first,
            longest_backoff: longest,
            ..self
        }
    }

    /// Sets the pauses between passes. After a pass that did not fill a batch, the relay pauses for
    /// `first`, and then twice as long each time while no event is pending, up to `longest`. The
    /// defaults are 1 ms and 500 ms, so an idle relay runs two queries per second.
    ///
    /// While the broker or the database is unreachable, the pauses grow from `longest` to ten times
    /// `longest`. After a full batch, and in an [ordered](Self::ordered) relay after each pass with
    /// events, the next pass starts immediately. A [`waker`](Self::waker) ends a pause, and so does
    /// a [`listener`](Self::listener), whose heartbeat replaces a shorter `longest`.
    ///
    /// On `SQLite`, the relay also asks every 10 ms of a pause whether another connection has
    /// committed (`PRAGMA data_version`), and then starts the next pass.
    #[must_use]
    pub fn poll(self, first: Duration, longest: Duration) -> Self {
        Self {
            pause: first,
            longest_pause: longest,
            ..self
        }
    }

    /// Returns a handle that wakes this relay, for the writers in the same process.
    pub fn waker(&self) -> RelayWaker {
        self.waker.clone()
    }

    /// Returns the listener of this relay, which wakes it when a transaction with events commits,
    /// on PostgreSQL. Call this after [`on_problem`](Self::on_problem), because the listener
    /// reports to the same hook.
    pub fn listener(&self) -> Listener {
        Listener {
            hearing: self.hearing.clone(),
            waker: self.waker.clone(),
            on_problem: self.on_problem.clone(),
        }
    }

    /// Returns how this relay is while it runs, for the probes of an orchestrator.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Calls `report` for each problem, for a log or a counter. With the feature `tracing`, the
    /// relay also emits an event for each problem.
    #[must_use]
    pub fn on_problem(self, report: impl Fn(&RelayProblem<'_>) + Send + Sync + 'static) -> Self {
        Self {
            on_problem: Some(Arc::new(report)),
            ..self
        }
    }

    pub(crate) fn limit(&self) -> usize {
        self.batch.min(self.narrowed.load(Ordering::Relaxed))
    }

    /// Halves the size of the next batch, after a timeout.
    pub(crate) fn narrow(&self, events: usize) {
        self.narrowed.store((events / 2).max(1), Ordering::Relaxed);
    }

    /// A single event exceeded the timeout. Returns whether it counts as rejected.
    pub(crate) fn is_its_fault(&self) -> bool {
        let before = self.hung.fetch_add(1, Ordering::Relaxed);
        before.wrapping_add(1).is_power_of_two()
    }

    pub(crate) fn has_published(&self) {
        self.hung.store(0, Ordering::Relaxed);
    }

    pub(crate) fn widen(&self) {
        let limit = self.narrowed.load(Ordering::Relaxed);
        if limit != usize::MAX {
            let wider = limit.saturating_mul(2);
            let wider = if wider < self.batch {
                wider
            } else {
                usize::MAX
            };
            self.narrowed.store(wider, Ordering::Relaxed);
        }
    }

    /// Returns whether the next batch is for events that were rejected before. While all batches
    /// are full, one in [`TURNS`] is, or new events would keep rejected ones waiting.
    pub(crate) fn is_turn_of_rejected(&self) -> bool {
        let is_turn = self.full.load(Ordering::Relaxed) >= TURNS - 1;
        if is_turn {
            self.full.store(0, Ordering::Relaxed);
        }
        is_turn
    }

    /// A batch was claimed that was not for rejected events.
    pub(crate) fn took_new(&self, is_full: bool) {
        let full = self.full.load(Ordering::Relaxed);
        let full = if is_full { full + 1 } else { 0 };
        self.full.store(full, Ordering::Relaxed);
    }

    /// The delay of an event that was rejected `attempts` times before.
    pub(crate) fn put_aside(&self, attempts: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempts).unwrap_or(u32::MAX);
        self.backoff
            .saturating_mul(factor)
            .min(self.longest_backoff)
    }

    pub(crate) fn report(&self, problem: &RelayProblem<'_>) {
        trace::relay_problem(problem);
        match problem {
            RelayProblem::NotConnected(reason) => self.health.database_failed(reason),
            RelayProblem::Failed(error) => self.health.database_failed(&error.to_string()),
            RelayProblem::Unavailable { reason, .. } => self.health.broker_failed(reason),
            RelayProblem::Rejected { .. } | RelayProblem::NotListening(_) => {}
        }
        if let Some(report) = &self.on_problem {
            report(problem);
        }
    }
}

impl<P: fmt::Debug> fmt::Debug for Relay<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay")
            .field("publisher", &self.publisher)
            .field("batch", &self.batch)
            .field("ordered", &self.ordered)
            .finish_non_exhaustive()
    }
}

/// The result of one pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Pass {
    /// Events that the broker acknowledged, and that were deleted.
    pub published: usize,
    /// Those of the published events that the broker had stored before, and did not store again. A
    /// relay that was interrupted publishes its last batch again.
    pub duplicates: usize,
    /// Events that the broker rejected, and that are retried later.
    pub rejected: usize,
    /// Events that were not published because the broker was unreachable or a timeout expired.
    pub unavailable: usize,
}

impl Pass {
    /// The number of events in the batch.
    pub fn taken(self) -> usize {
        self.published + self.rejected + self.unavailable
    }
}

/// The totals of a relay until its shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Totals {
    /// Passes that had events.
    pub passes: u64,
    /// Events that the broker acknowledged, and that were deleted.
    pub published: u64,
    /// Those of the published events that the broker had stored before, and did not store again.
    pub duplicates: u64,
    /// How often the broker rejected an event.
    pub rejected: u64,
    /// How often an event was not published because the broker was unreachable or a timeout
    /// expired.
    pub unavailable: u64,
    /// How often the database failed, or a connection could not be established.
    pub failures: u64,
}
