//! Records that wait for an event, at a replica with `gap = "park"`.
//!
//! An event that comes too early is stored, and applied with its predecessor. If that never comes,
//! the record stays behind, and other records are not affected.
//! [`Consumer::replicate`](crate::consumer::Consumer::replicate) reports such a record as
//! [`Waiting`](crate::consumer::ConsumerProblem::Waiting). A
//! [snapshot](crate::prelude::OwnerDsl::snapshot) of the record ends the wait, and so does
//! [`positions::forget`](crate::positions::forget). Events that are parked for too long can be
//! [purged](crate::retention).
//!
//! ```
//! # use diesel::prelude::*;
//! # use versioned_core::prelude::*;
//! # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
//! # #[derive(Clone, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
//! # #[diesel(table_name = ticket_copies)]
//! # #[versioned(dependent, entity = "tickets", gap = "park")]
//! # struct TicketCopy { id: i64, price: i64, version: i64 }
//! use versioned_core::parked;
//!
//! fn look(conn: &mut SqliteConnection) -> versioned_core::Result<()> {
//!     for record in parked::list::<TicketCopy, _>(None, 100, conn)? {
//!         eprintln!("{record}");
//!     }
//!     Ok(())
//! }
//! ```

use diesel::connection::LoadConnection;
#[cfg(feature = "async")]
use diesel_async::AsyncConnection;

use crate::dependent::Dependent;
use crate::error::Result;
#[cfg(feature = "async")]
use crate::front::asynchronous::AsyncExecutor;
use crate::front::blocking::{BlockingExecutor, poll_ready};
use crate::operation;
pub use crate::parked_record::ParkedRecord;

/// Loads the records of a replica that have parked events, in the order of their keys: at most so
/// many, after the one with the key `after`.
///
/// ```sql
/// SELECT key, COALESCE((SELECT version FROM versioned_positions ..), 0), min(version), count(*), min(at), max(error)
///     FROM versioned_parked WHERE replica = $1 AND entity = $2 AND key > $3 GROUP BY key ORDER BY key LIMIT $4
/// ```
///
/// # Errors
///
/// Returns [`Error::Database`](crate::Error::Database) if the query fails, for example because the
/// [migrations](crate::MIGRATIONS) have not been run.
pub fn list<M, C>(after: Option<&str>, most: usize, conn: &mut C) -> Result<Vec<ParkedRecord>>
where
    C: LoadConnection,
    M: Dependent<C::Backend>,
{
    poll_ready(operation::waiting::<M, _>(
        after,
        most,
        &mut BlockingExecutor::new(conn),
    ))
}

/// As [`parked::list`](list), on a connection of `diesel-async`.
///
/// # Errors
///
/// Returns the errors of [`list`].
#[cfg(feature = "async")]
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn list_async<M, C>(
    after: Option<&str>,
    most: usize,
    conn: &mut C,
) -> impl Future<Output = Result<Vec<ParkedRecord>>> + Send
where
    C: AsyncConnection,
    M: Dependent<C::Backend>,
{
    async move { operation::waiting::<M, _>(after, most, &mut AsyncExecutor::new(conn)).await }
}
