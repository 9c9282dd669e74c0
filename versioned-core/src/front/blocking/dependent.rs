//! `TicketCopy::apply(&event, conn)`: the methods of a dependent.

use super::{BlockingExecutor, Closure, poll_ready};
use crate::connection::BlockingConnection;
use crate::dependent::Dependent;
use crate::error::Result;
use crate::event::Event;
use crate::model::{DependentModel, FromJson};
use crate::operation::{self, NoHook};
use crate::outcome::Outcome;

/// The methods of a replica on a Diesel connection: they apply events and read replicas.
///
/// | purpose | functions |
/// | --- | --- |
/// | apply an event | [`apply`](DependentDsl::apply), [`apply_json`](DependentDsl::apply_json); both return an [`Outcome`] |
/// | apply an event together with writes of the caller | [`apply_with`](DependentDsl::apply_with) |
/// | apply many events in one transaction | [`apply_all`](DependentDsl::apply_all) |
/// | read | [`find`](DependentDsl::find), [`find_by_event`](DependentDsl::find_by_event) |
/// | maintain | [`retention`](crate::retention) forgets old deletions, [`compare`](crate::compare) finds differences from the owner, [`rebuild`](crate::positions::rebuild) empties a replica |
///
/// The trait is implemented for every model with `#[versioned(dependent)]`. With
/// `guard = "position"`, the default, the replica needs the tables of
/// [`MIGRATIONS`](crate::MIGRATIONS). A replica that joins late starts from pages of
/// [`snapshot`](crate::prelude::OwnerDsl::snapshot).
pub trait DependentDsl: DependentModel {
    /// Applies an event if it is the next one of its record, and returns what happened.
    ///
    /// Event N is applied only onto version N−1, or with `policy = "latest"` onto any older version.
    /// A snapshot is applied onto any version that is not newer. Acknowledge the event to the broker
    /// after the method has returned, and only if [`should_ack`](Outcome::should_ack) is true.
    ///
    /// ```sql
    /// UPDATE versioned_positions SET version = 2
    ///     WHERE replica = 'ticket_copies' AND entity = 'tickets' AND key = '7' AND version = 1
    /// INSERT INTO ticket_copies (id, price, version) VALUES (7, 25, 2)
    ///     ON CONFLICT (id) DO UPDATE SET price = excluded.price, version = excluded.version
    /// ```
    ///
    /// On PostgreSQL these two are one statement. On MySQL and MariaDB they are one statement for
    /// an update. They share a transaction for a deletion, with `gap = "park"` and on SQLite.
    /// Inside a transaction of the caller they share a savepoint.
    ///
    /// A deletion removes the row and keeps the position, so that a late event does not bring the
    /// row back. With `guard = "row"`, only the second statement runs, with the version in its
    /// WHERE.
    ///
    /// With `gap = "park"`, a parked event whose turn has come can fail, for example if the
    /// database rejects its row. The events before it are still applied, and other records are not
    /// affected. The failed event stays in `versioned_parked` with the reason in `error`, and
    /// `tracing` reports it. The next event of the record retries it.
    ///
    /// A deadlock or a serialization failure is retried up to 120 times, with pauses of up to 500 ms,
    /// unless the caller has opened a transaction. A retry runs at READ COMMITTED, whatever the
    /// default of the session is. With `guard = "row"` it runs at the level of the session.
    ///
    /// # Errors
    ///
    /// - [`Error::Event`](crate::Error::Event), if the replica cannot apply this event at any
    ///   version. [`EventError`](crate::EventError) lists the causes.
    /// - [`Error::Conflict`](crate::Error::Conflict) of kind
    ///   [`Serialization`](crate::ConflictKind::Serialization), if the retries are used up, or at
    ///   once inside a transaction of the caller.
    /// - [`Error::Conflict`](crate::Error::Conflict) of kind
    ///   [`Suppressed`](crate::ConflictKind::Suppressed), if the database reports success and wrote
    ///   no row.
    /// - [`Error::Database`](crate::Error::Database), if a query fails for another reason, for
    ///   example because a constraint rejects the row.
    /// - [`Error::Other`](crate::Error::Other), if the event must be parked and cannot be written
    ///   as JSON that reads back.
    ///
    /// Nothing was written then.
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

    /// Applies the event with this JSON, as [`apply`](DependentDsl::apply) does.
    ///
    /// With `gap = "park"`, an event that comes too early is stored as this JSON. It therefore
    /// keeps fields that the replica does not read yet, and a later version of the replica can read
    /// them. An [`Event`] has already dropped them.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Event`](crate::Error::Event) with
    /// [`EventError::Unreadable`](crate::EventError::Unreadable) if the JSON is not an event or
    /// lacks a field that the replica needs, and the errors of [`apply`](DependentDsl::apply).
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

    /// Applies an event, as [`apply`](DependentDsl::apply) does, and runs `then` in the same
    /// transaction.
    ///
    /// The writes of `then` happen once for each applied event, however often the event is
    /// delivered. `then` does not run for a duplicate or a gap. With `policy = "latest"`, it
    /// therefore does not run for an event that a newer one overtook.
    ///
    /// With `gap = "park"`, `then` also runs for the parked events whose turn comes with this one.
    /// If it returns an error for one of these, that event stays parked.
    ///
    /// A deadlock or a serialization failure is retried as in [`apply`](DependentDsl::apply), at
    /// the isolation level of the session. The retry runs `then` again. Effects outside the
    /// database can therefore happen more than once.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`apply`](DependentDsl::apply) and those of `then`. The event is not
    /// applied then.
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

    /// Applies events in one transaction, and returns an outcome for each in the order of `events`.
    ///
    /// The events of a record are applied in the order of their versions. Consecutive versions of a
    /// record become one write, that of the last event. With `guard = "row"`, each event is a
    /// write. With `policy = "latest"`, only the newest event of each record is applied, and the
    /// others are duplicates.
    ///
    /// On PostgreSQL, with `guard = "position"`, a batch takes three statements for each 2,000
    /// records. They lock the positions, move or create them, and write the rows:
    ///
    /// ```sql
    /// SELECT p.key, p.version FROM unnest($1) AS g (key) CROSS JOIN LATERAL (
    ///     SELECT key, version FROM versioned_positions
    ///     WHERE replica = $2 AND entity = $3 AND key = g.key FOR UPDATE) AS p
    /// INSERT INTO versioned_positions (..) SELECT $1, $2, unnest($3), ..
    ///     ON CONFLICT (replica, entity, key) DO UPDATE SET version = excluded.version, ..
    /// WITH given AS (SELECT unnest($1) AS c0, ..)
    ///     INSERT INTO ticket_copies (id, price, version) SELECT c0, .. FROM given
    ///     ON CONFLICT (id) DO UPDATE SET price = excluded.price, version = excluded.version
    /// ```
    ///
    /// A batch takes one more statement if some records are new and others are not, and one with
    /// `gap = "park"`. Deletions take one more for all of them, and another one if some of the rows
    /// do not exist. With `gap = "park"`, records with an early or a parked event are applied one
    /// by one. So are all records of a model whose key column may round, cut or pad a key: text,
    /// timestamps, `NUMERIC`. Models with array columns are written row by row.
    ///
    /// On other databases, the records are applied one by one. On MySQL and MariaDB, position and
    /// row of an update are one statement if no transaction is open, except with `gap = "park"`.
    ///
    /// Records are applied in the order of their keys, so that concurrent batches do not deadlock.
    /// If a unique constraint rejects the batch, it is applied again event by event, in the order
    /// of `events`. Two records may therefore swap a unique value.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`apply`](DependentDsl::apply). No event is applied then.
    fn apply_all<C>(events: &[Event<Self>], conn: &mut C) -> Result<Vec<Outcome>>
    where
        C: BlockingConnection,
        Self: Dependent<C::Db>,
    {
        poll_ready(operation::apply_all(
            events,
            &[],
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
    /// Returns [`Error::NotFound`](crate::Error::NotFound) if no row has the key.
    /// [`optional`](crate::OptionalExt::optional) turns that into `None`.
    fn find<C>(id: &Self::Id, conn: &mut C) -> Result<Self>
    where
        C: BlockingConnection,
        Self: Dependent<C::Db>,
    {
        poll_ready(operation::find(id, &mut BlockingExecutor::new(conn)))
    }

    /// Loads the replica onto which this event can be applied: the row with its key, at the version
    /// before it.
    ///
    /// # Errors
    ///
    /// Returns [`Error::NotFound`](crate::Error::NotFound) if no row has the key at that version,
    /// and [`Error::Event`](crate::Error::Event) with [`EventError::Key`](crate::EventError::Key)
    /// if the key of the event cannot be parsed as a key of the replica.
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
