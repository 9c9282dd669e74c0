//! Looking at all replicas of a database and at its outbox, without their models.
//!
//! Programs for operators use it, such as the command-line tool of this crate. A service that has the
//! models uses [`parked`](crate::parked), [`dead_letters`](crate::dead_letters) and
//! [`outbox`](crate::outbox).
//!
//! ```
//! # use diesel::prelude::*;
//! use versioned_core::inspect::{self, Filter};
//!
//! fn look(conn: &mut SqliteConnection) -> versioned_core::Result<()> {
//!     let failed = Filter::new().replica("ticket_copies").failed();
//!     for letter in inspect::letters(&failed, 0, 100, conn)? {
//!         eprintln!("{letter}");
//!     }
//!     Ok(())
//! }
//! ```

#[cfg(feature = "async")]
mod asynchronous;

use diesel::connection::LoadConnection;

#[cfg(feature = "async")]
pub use self::asynchronous::{
    arrival_async, count_letters_async, count_parked_async, count_pending_async,
    discard_letters_async, letter_async, letters_async, parked_async, pending_async, retry_async,
};
use crate::arrival::Arrival;
use crate::backlog::Count;
use crate::error::Result;
pub use crate::filter::Filter;
use crate::front::blocking::{BlockingExecutor, poll_ready};
pub use crate::inspected::{Letter, LetterMessage, Parked, ParkedPlace, PendingEvent};
use crate::operation::outbox::pending as outbox;
use crate::operation::replica::inspect as replica;
use crate::outbox::SupportedBackend;

/// Loads the dead letters of all replicas in the order of arrival: at most so many, after the one with
/// the id `after`. The messages are left out, because they can be large: see [`letter`].
///
/// ```sql
/// SELECT t.id, t.replica, .., (SELECT count(*) FROM versioned_parked ..), (SELECT count(*) FROM versioned_dead_letters ..)
///     FROM versioned_dead_letters AS t WHERE t.id > $1 AND t.replica = $2 AND .. ORDER BY t.id LIMIT $3
/// ```
///
/// # Errors
///
/// Returns [`Error::Database`](crate::Error::Database) if the query fails, for example because the
/// [migrations](crate::MIGRATIONS) have not been run.
pub fn letters<C>(filter: &Filter, after: i64, most: usize, conn: &mut C) -> Result<Vec<Letter>>
where
    C: LoadConnection,
    C::Backend: SupportedBackend,
{
    poll_ready(replica::letters(
        filter,
        after,
        most,
        &mut BlockingExecutor::new(conn),
    ))
}

/// Loads a dead letter and its message. Returns `None` if there is none with this id.
///
/// ```sql
/// SELECT t.id, t.replica, .. FROM versioned_dead_letters AS t WHERE t.id > $1 AND t.id = ANY($2) ORDER BY t.id LIMIT 1
/// ```
///
/// # Errors
///
/// Returns [`Error::Database`](crate::Error::Database) if the query fails, for example because the
/// [migrations](crate::MIGRATIONS) have not been run.
pub fn letter<C>(id: i64, conn: &mut C) -> Result<Option<(Letter, LetterMessage)>>
where
    C: LoadConnection,
    C::Backend: SupportedBackend,
{
    poll_ready(replica::letter(id, &mut BlockingExecutor::new(conn)))
}

/// Counts dead letters, at most so many. The usual limit is [`status::MOST`](crate::status::MOST).
///
/// ```sql
/// SELECT count(*) FROM (SELECT 1 FROM versioned_dead_letters AS t WHERE t.replica = $1 AND .. LIMIT $2) AS c
/// ```
///
/// # Errors
///
/// Returns [`Error::Database`](crate::Error::Database) if the query fails, for example because the
/// [migrations](crate::MIGRATIONS) have not been run.
pub fn count_letters<C>(filter: &Filter, most: u64, conn: &mut C) -> Result<Count>
where
    C: LoadConnection,
    C::Backend: SupportedBackend,
{
    poll_ready(replica::count_letters(
        filter,
        most,
        &mut BlockingExecutor::new(conn),
    ))
}

/// Deletes dead letters of any replica, and returns their number. Ids that do not exist are ignored. As
/// with [`dead_letters::discard`](crate::dead_letters::discard), the versions of these events are then
/// missing, and later events of their records wait for a
/// [snapshot](crate::prelude::OwnerDsl::snapshot).
///
/// ```sql
/// DELETE FROM versioned_dead_letters WHERE id = ANY($1)
/// ```
///
/// # Errors
///
/// Returns [`Error::Database`](crate::Error::Database) if the statement fails, for example because the
/// [migrations](crate::MIGRATIONS) have not been run.
pub fn discard_letters<C>(ids: &[i64], conn: &mut C) -> Result<usize>
where
    C: LoadConnection,
    C::Backend: SupportedBackend,
{
    poll_ready(replica::discard_letters(
        ids,
        &mut BlockingExecutor::new(conn),
    ))
}

/// Loads the records of all replicas that have parked events, in the order of the replica, the entity and
/// the key: at most so many, after the place `after`.
///
/// ```sql
/// SELECT t.replica, t.entity, t.key, COALESCE((SELECT version FROM versioned_positions ..), $1), min(t.version), count(*), min(t.at), ..
///     FROM versioned_parked AS t WHERE (t.replica, t.entity, t.key) > ($2, $3, $4) AND ..
///     GROUP BY t.replica, t.entity, t.key ORDER BY t.replica, t.entity, t.key LIMIT $5
/// ```
///
/// # Errors
///
/// Returns [`Error::Database`](crate::Error::Database) if the query fails, for example because the
/// [migrations](crate::MIGRATIONS) have not been run.
pub fn parked<C>(
    filter: &Filter,
    after: Option<&ParkedPlace>,
    most: usize,
    conn: &mut C,
) -> Result<Vec<Parked>>
where
    C: LoadConnection,
    C::Backend: SupportedBackend,
{
    poll_ready(replica::parked(
        filter,
        after,
        most,
        &mut BlockingExecutor::new(conn),
    ))
}

/// Counts parked events, at most so many.
///
/// ```sql
/// SELECT count(*) FROM (SELECT 1 FROM versioned_parked AS t WHERE t.replica = $1 AND .. LIMIT $2) AS c
/// ```
///
/// # Errors
///
/// Returns [`Error::Database`](crate::Error::Database) if the query fails, for example because the
/// [migrations](crate::MIGRATIONS) have not been run.
pub fn count_parked<C>(filter: &Filter, most: u64, conn: &mut C) -> Result<Count>
where
    C: LoadConnection,
    C::Backend: SupportedBackend,
{
    poll_ready(replica::count_parked(
        filter,
        most,
        &mut BlockingExecutor::new(conn),
    ))
}

/// Looks once whether a replica has this version of a record or a later one. Returns
/// [`Arrival::TimedOut`] with the version that it has if the event may still arrive.
///
/// It is [`wait_for`](crate::wait::wait_for) with a time of 0, without the model. A replica with
/// `guard = "row"` has no positions, so it never has a version here. Of a replica with
/// `policy = "latest"`, an older dead letter counts although the replica does not need it.
///
/// ```sql
/// SELECT version FROM versioned_positions WHERE replica = $1 AND entity = $2 AND key = $3
/// SELECT id FROM versioned_dead_letters WHERE replica = $1 AND entity = $2 AND key = $3
///     AND version > $4 AND version <= $5 ORDER BY version, id LIMIT 1        -- not if the version is reached
/// ```
///
/// # Errors
///
/// Returns [`Error::Database`](crate::Error::Database) if a query fails.
pub fn arrival<C>(
    replica: &str,
    entity: &str,
    key: &str,
    version: i64,
    conn: &mut C,
) -> Result<Arrival>
where
    C: LoadConnection,
    C::Backend: SupportedBackend,
{
    poll_ready(replica::arrival(
        replica,
        entity,
        key,
        version,
        &mut BlockingExecutor::new(conn),
    ))
}

/// Loads the events of the outbox in the order in which they were written, or with [`Filter::failed`] those
/// that a broker has rejected, in the order in which relays try them: at most so many. `after` has the
/// `attempts` and the `id` of the last event of the page before, and is `(0, 0)` for the first page.
///
/// ```sql
/// SELECT t.id, t.entity, .. FROM versioned_outbox AS t WHERE t.id > $1 AND t.entity = $2 AND .. ORDER BY t.id LIMIT $3
/// ```
///
/// # Errors
///
/// Returns [`Error::Database`](crate::Error::Database) if the query fails, for example because the
/// [migrations](crate::MIGRATIONS) have not been run.
pub fn pending<C>(
    filter: &Filter,
    after: (u32, i64),
    most: usize,
    conn: &mut C,
) -> Result<Vec<PendingEvent>>
where
    C: LoadConnection,
    C::Backend: SupportedBackend,
{
    poll_ready(outbox::pending(
        filter,
        after,
        most,
        &mut BlockingExecutor::new(conn),
    ))
}

/// Counts events of the outbox, at most so many.
///
/// ```sql
/// SELECT count(*) FROM (SELECT 1 FROM versioned_outbox AS t WHERE t.entity = $1 AND .. LIMIT $2) AS c
/// ```
///
/// # Errors
///
/// Returns [`Error::Database`](crate::Error::Database) if the query fails, for example because the
/// [migrations](crate::MIGRATIONS) have not been run.
pub fn count_pending<C>(filter: &Filter, most: u64, conn: &mut C) -> Result<Count>
where
    C: LoadConnection,
    C::Backend: SupportedBackend,
{
    poll_ready(outbox::count_pending(
        filter,
        most,
        &mut BlockingExecutor::new(conn),
    ))
}

/// Makes rejected events of the outbox due, so that the relays try them again in their next passes. Returns
/// the number of those that were not due before.
///
/// ```sql
/// UPDATE versioned_outbox SET due = 0 WHERE id = ANY($1) AND attempts > 0 AND due > ..
/// ```
///
/// # Errors
///
/// Returns [`Error::Conflict`](crate::Error::Conflict) of kind `Serialization` after a deadlock or a
/// serialization failure, and [`Error::Database`](crate::Error::Database) if the update fails for
/// another reason.
pub fn retry<C>(ids: &[i64], conn: &mut C) -> Result<usize>
where
    C: LoadConnection,
    C::Backend: SupportedBackend,
{
    poll_ready(outbox::retry(ids, &mut BlockingExecutor::new(conn)))
}
