//! `TicketCopy::apply(&event, conn)`: the methods of a dependent.

use super::{BlockingExecutor, Closure, poll_ready};
use crate::connection::BlockingConnection;
use crate::dependent::Dependent;
use crate::error::Result;
use crate::event::Event;
use crate::model::{DependentModel, FromJson};
use crate::operation::{self, NoHook};
use crate::outcome::Outcome;

/// The methods of a replica on a Diesel connection: applying events, and reads.
///
/// | purpose | functions |
/// | --- | --- |
/// | apply an event | [`apply`](DependentDsl::apply), [`apply_json`](DependentDsl::apply_json); both return an [`Outcome`] |
/// | apply an event together with writes of the caller | [`apply_with`](DependentDsl::apply_with) |
/// | apply many events in one transaction | [`apply_all`](DependentDsl::apply_all) |
/// | read | [`find`](DependentDsl::find), [`find_by_event`](DependentDsl::find_by_event) |
/// | maintain | [`purge_tombstones`](crate::positions::purge_tombstones) forgets old deletions, [`rebuild`](crate::positions::rebuild) empties a replica |
///
/// The trait is implemented for every model with `#[versioned(dependent)]`. With
/// `guard = "position"`, the default, the replica needs the tables of
/// [`MIGRATIONS`](crate::MIGRATIONS). A replica that joins late starts from pages of
/// [`snapshot`](crate::prelude::OwnerDsl::snapshot).
pub trait DependentDsl: DependentModel {
    /// Applies an event, if it is the one that the replica waits for: event N goes only onto version N−1
    /// (`policy = "latest"`: onto any older version). Acknowledge it to the broker after this has returned, and only if
    /// [`should_ack`](Outcome::should_ack).
    ///
    /// ```sql
    /// UPDATE versioned_positions SET version = 2 WHERE replica = 'ticket_copies' AND entity = 'tickets' AND key = '7' AND version = 1
    /// INSERT INTO ticket_copies (id, price, version) VALUES (7, 25, 2)
    ///     ON CONFLICT (id) DO UPDATE SET price = excluded.price, version = excluded.version
    /// ```
    ///
    /// On PostgreSQL these are one statement, and on MySQL and MariaDB those of an update are. Otherwise they share a
    /// transaction: deletions, `gap = "park"`, SQLite, and inside a transaction of the caller's, where it is a savepoint.
    ///
    /// A deletion takes the row away and leaves its position, so that a late event does not bring the row back. With
    /// `guard = "row"` the second statement alone is run, with the version in its WHERE.
    ///
    /// With `gap = "park"`, a parked event that cannot be applied when it has its turn (the database
    /// refuses its row) blocks no other event: it stays in `versioned_parked` with the reason in `error`,
    /// which `tracing` hears too, and is tried again when the record's next event comes.
    ///
    /// Deadlocks and serialization failures are retried up to 120 times, after pauses that grow to
    /// half a second, unless a transaction of the caller's is open. A retry is at READ COMMITTED,
    /// whatever the session's default is; with `guard = "row"`, which opens no transaction, it is
    /// at the session's level.
    ///
    /// # Errors
    ///
    /// [`Error::Event`](crate::Error::Event), if it is not an event that this replica can apply;
    /// [`Error::Conflict`](crate::Error::Conflict) of kind `Serialization`, if the retries did not
    /// help, or of kind `Suppressed`, if the database wrote no row and said nothing. Nothing was
    /// written then.
    fn apply<C>(event: &Event<Self>, conn: &mut C) -> Result<Outcome>
    where
        C: BlockingConnection,
        Self: Dependent<C::Db>,
    {
        poll_ready(operation::apply(
            event,
            None,
            true,
            &mut BlockingExecutor::new(conn),
            NoHook,
        ))
    }

    /// As [`apply`](DependentDsl::apply), from the event's JSON. With `gap = "park"` an event that comes too early is kept as it
    /// came: a replica that has got another field meanwhile reads it from there, where an [`Event`] has forgotten what it did not
    /// read.
    ///
    /// # Errors
    ///
    /// As [`apply`](DependentDsl::apply); [`EventError::Unreadable`](crate::EventError::Unreadable) if it is no event, or lacks
    /// what the replica needs.
    fn apply_json<C>(json: &str, conn: &mut C) -> Result<Outcome>
    where
        C: BlockingConnection,
        Self: Dependent<C::Db> + FromJson,
    {
        poll_ready(operation::apply_json::<Self, _>(
            json,
            &mut BlockingExecutor::new(conn),
        ))
    }

    /// As [`apply`](DependentDsl::apply), with writes of the caller's own in the same transaction: they happen once for
    /// each event, however often it is delivered. With `gap = "park"`, `then` runs also for the parked events that have
    /// their turn now; an error of it for one of these leaves that one parked. After a deadlock everything is run again, `then` too.
    ///
    /// # Errors
    ///
    /// As [`apply`](DependentDsl::apply), and what `then` returns; the event is not applied then.
    fn apply_with<C, F>(event: &Event<Self>, conn: &mut C, then: F) -> Result<Outcome>
    where
        C: BlockingConnection,
        Self: Dependent<C::Db>,
        F: FnMut(&mut C, &Event<Self>) -> Result<()>,
    {
        let then = Closure(then);
        poll_ready(operation::apply(
            event,
            None,
            false,
            &mut BlockingExecutor::new(conn),
            then,
        ))
    }

    /// Applies events in one transaction, by key and version, whatever their order; answers with an outcome for each,
    /// in their order.
    ///
    /// With `policy = "latest"` only the newest event of each record is applied, and the others are
    /// duplicates then. On PostgreSQL, with `guard = "position"`, that takes two statements for
    /// 2,000 records, and one more each if some are deleted, if some are late, and if some are
    /// snapshots and others are not.
    ///
    /// # Errors
    ///
    /// As [`apply`](DependentDsl::apply); none of them is applied then.
    fn apply_all<C>(events: &[Event<Self>], conn: &mut C) -> Result<Vec<Outcome>>
    where
        C: BlockingConnection,
        Self: Dependent<C::Db>,
    {
        poll_ready(operation::apply_all(
            events,
            &mut BlockingExecutor::new(conn),
        ))
    }

    /// Loads the replica with this key.
    ///
    /// ```sql
    /// SELECT id, price, version FROM ticket_copies WHERE id = $1
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`](crate::Error::NotFound) if there is none;
    /// [`optional`](crate::OptionalExt::optional) turns that into `None`.
    fn find<C>(id: &Self::Id, conn: &mut C) -> Result<Self>
    where
        C: BlockingConnection,
        Self: Dependent<C::Db>,
    {
        poll_ready(operation::find(id, &mut BlockingExecutor::new(conn)))
    }

    /// Loads the replica that this event goes onto: the one with its key, at the version before it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`](crate::Error::NotFound) if there is none at that version.
    fn find_by_event<C>(event: &Event<Self>, conn: &mut C) -> Result<Self>
    where
        C: BlockingConnection,
        Self: Dependent<C::Db>,
    {
        poll_ready(operation::find_before(
            event,
            &mut BlockingExecutor::new(conn),
        ))
    }
}

impl<M: DependentModel> DependentDsl for M {}
