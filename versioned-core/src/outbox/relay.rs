//! The loop that publishes what waits in the outbox.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::trace;
use super::{OutboxRow, Publisher};
use crate::error::Error;

/// Publishes the events that wait in the outbox, and deletes those that the broker has.
///
/// One pass takes a batch, publishes it, and deletes it once the broker has acknowledged it:
///
/// ```sql
/// BEGIN;
/// SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
/// SELECT o.id, o.entity, o.key, o.version, o.op, o.payload, o.attempts FROM versioned_outbox o
///     WHERE o.due <= $1 ORDER BY o.attempts, o.id LIMIT $2 FOR UPDATE SKIP LOCKED;
/// -- here the batch is published
/// DELETE FROM versioned_outbox WHERE id = ANY($1);                                             -- what was acknowledged
/// UPDATE versioned_outbox SET attempts = attempts + 1, due = $1, error = $2 WHERE id = $3;     -- what was refused
/// COMMIT;
/// ```
///
/// **Nothing is lost**: an event stays until the broker has it. A crash after the broker's answer and before the COMMIT, or a
/// connection that breaks there, publishes the batch again; each event carries an [id](OutboxRow::event_id), by which brokers
/// and replicas know it again.
///
/// **Several relays** may run at once, in as many processes: what one has in hand the others skip (PostgreSQL, `MariaDB` from
/// 10.6, MySQL from 8). The transaction stays open while the batch is published, for no longer than the
/// [timeout](Self::timeout); `idle_in_transaction_session_timeout` must be longer. `SQLite` has one writer at a time and
/// no such locks: there nothing is held while the batch is published, and there should be one relay; two publish twice.
///
/// **Events that the broker refuses** wait longer each time and stand behind the others, so that
/// they hold up no other event; in an [ordered](Self::ordered) relay they hold up the later events
/// of their record. **A broker that is away** counts against no event: the outbox fills, and the
/// relay asks again, ever less often.
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
    backoff: Duration,
    longest_backoff: Duration,
    batch: usize,
    /// The size of a batch after a timeout; `usize::MAX` as a rule.
    narrowed: AtomicUsize,
    on_problem: Option<Hook>,
}

type Hook = Box<dyn Fn(&RelayProblem<'_>) + Send + Sync>;

impl<P: Publisher> Relay<P> {
    /// A relay to this broker.
    pub fn new(publisher: P) -> Self {
        Self {
            publisher,
            ordered: false,
            timeout: Duration::from_secs(30),
            pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(5),
            backoff: Duration::from_secs(1),
            longest_backoff: Duration::from_secs(300),
            batch: 100,
            narrowed: AtomicUsize::new(usize::MAX),
            on_problem: None,
        }
    }

    /// The most events that are published at once; 100 unless said otherwise, and at least 1.
    ///
    /// All of them are locked, and in memory, while they are published. With a publisher that costs
    /// nothing, 1,000 are 1.7 times as fast as 100 on PostgreSQL (`relay` in
    /// `tests/speed/RESULTS.md`).
    #[must_use]
    pub fn batch(self, events: usize) -> Self {
        Self {
            batch: events.max(1),
            ..self
        }
    }

    /// The events of a record one after the other: none is taken while an older one of the same record waits, whoever has
    /// that in hand, and however often it was refused.
    ///
    /// ```sql
    /// .. AND NOT EXISTS (SELECT 1 FROM versioned_outbox e WHERE e.entity = o.entity AND e.key = o.key AND e.version < o.version)
    /// ```
    ///
    /// Replicas that are sent what they did not acknowledge, park, or are `policy = "latest"` do not need it: each event
    /// carries its version. Logs do that deliver once and in their own order (Kafka), and streams that keep the last message
    /// of each record.
    ///
    /// It takes one pass for each version of a record that waits, and each pass looks for the
    /// oldest event of each record. On PostgreSQL an event takes 6.6 times as long as in a relay
    /// that is not ordered: the benchmark `relay` in `tests/speed/RESULTS.md`, with 30,000 events
    /// that wait, ten of each record, in batches of 1,000.
    #[must_use]
    pub fn ordered(self) -> Self {
        Self {
            ordered: true,
            ..self
        }
    }

    /// How long the publisher may take for a batch; 30 s unless said otherwise. After it the batch counts as not published.
    ///
    /// The next batches are smaller then, down to one event. One that takes too long all by itself is put aside as if the
    /// broker had refused it: an event which makes a publisher hang does not hold up the others.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// How long an event is put aside that the broker refused: `first` after the first time, then twice as long each time, up
    /// to `longest`. 1 s and 5 min unless said otherwise.
    #[must_use]
    pub fn backoff(self, first: Duration, longest: Duration) -> Self {
        Self {
            backoff: first,
            longest_backoff: longest,
            ..self
        }
    }

    /// How long [`run`](Self::run) waits when there is nothing to do, or the broker or the database is away: `first`, then
    /// twice as long each time, up to `longest`. 500 ms and 5 s unless said otherwise.
    ///
    /// After a pass that had something to do, but no full batch, the next one comes after a tenth
    /// of `first`, and in an [ordered](Self::ordered) relay at once.
    #[must_use]
    pub fn poll(self, first: Duration, longest: Duration) -> Self {
        Self {
            pause: first,
            longest_pause: longest,
            ..self
        }
    }

    /// Calls `report` with everything that goes wrong, for a log or a counter. With the feature `tracing` the same is said by
    /// events.
    #[must_use]
    pub fn on_problem(self, report: impl Fn(&RelayProblem<'_>) + Send + Sync + 'static) -> Self {
        Self {
            on_problem: Some(Box::new(report)),
            ..self
        }
    }

    pub(crate) fn limit(&self) -> usize {
        self.batch.min(self.narrowed.load(Ordering::Relaxed))
    }

    /// After a batch that took too long the next one is half as large.
    pub(crate) fn narrow(&self, events: usize) {
        self.narrowed.store((events / 2).max(1), Ordering::Relaxed);
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

    /// How long an event is put aside that was refused `attempts` times before.
    pub(crate) fn put_aside(&self, attempts: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempts).unwrap_or(u32::MAX);
        self.backoff
            .saturating_mul(factor)
            .min(self.longest_backoff)
    }

    pub(crate) fn report(&self, problem: &RelayProblem<'_>) {
        trace::relay_problem(problem);
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

/// What became of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Pass {
    /// Events that the broker has, and that are deleted here.
    pub published: usize,
    /// Events that the broker refused, and that are put aside.
    pub rejected: usize,
    /// Events that could not be published because the broker is away, or took too long.
    pub unavailable: usize,
}

impl Pass {
    /// The events of the batch.
    pub fn taken(self) -> usize {
        self.published + self.rejected + self.unavailable
    }
}

/// What a relay did until it was shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Totals {
    /// Passes that took events.
    pub passes: u64,
    /// Events that the broker has, and that are deleted here.
    pub published: u64,
    /// How often an event was refused by the broker.
    pub rejected: u64,
    /// How often an event could not be published because the broker was away, or took too long.
    pub unavailable: u64,
    /// How often the database failed, or could not be connected to.
    pub failures: u64,
}

/// What goes wrong at a relay, for whoever operates it.
#[derive(Debug)]
#[non_exhaustive]
pub enum RelayProblem<'a> {
    /// The broker refused an event, which is put aside.
    Rejected {
        /// The event; `attempts` is how often it was refused before.
        row: &'a OutboxRow,
        /// What the broker says.
        reason: &'a str,
    },
    /// The broker took no events; they wait.
    Unavailable {
        /// How many they were.
        events: usize,
        /// What the publisher says about the first of them.
        reason: &'a str,
    },
    /// There is no connection to the database.
    NotConnected(&'a str),
    /// The database failed. What was published in this pass is published again.
    Failed(&'a Error),
}

impl fmt::Display for RelayProblem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected { row, reason } => {
                write!(f, "the broker refuses {}: {reason}", row.event_id())
            }
            Self::Unavailable { events, reason } => {
                write!(f, "the broker took none of {events} events: {reason}")
            }
            Self::NotConnected(error) => write!(f, "no connection to the outbox: {error}"),
            Self::Failed(error) => write!(f, "the outbox failed: {error}"),
        }
    }
}
