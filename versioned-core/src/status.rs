//! What waits in a database: pending events, parked events and dead letters, for dashboards, alerts
//! and health checks.
//!
//! It needs no model, and is the same for owners and replicas.
//!
//! ```
//! # use diesel::prelude::*;
//! # use diesel_migrations::MigrationHarness;
//! use versioned_core::status;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! # let conn = &mut SqliteConnection::establish(":memory:")?;
//! # conn.run_pending_migrations(versioned_core::MIGRATIONS)?;
//! let status = status::load(status::MOST, conn)?;
//! println!("{} events to publish", status.outbox.pending);
//! for replica in &status.replicas {
//!     println!("{}: {} dead letters", replica.replica, replica.dead_letters);
//! }
//! assert_eq!(status.outbox.oldest_pending, None);
//! # Ok(())
//! # }
//! ```

use diesel::connection::LoadConnection;
#[cfg(feature = "async")]
use diesel_async::AsyncConnection;

pub use crate::backlog::{Count, OutboxBacklog, ReplicaBacklog};
use crate::error::Result;
use crate::executor::Executor;
#[cfg(feature = "async")]
use crate::front::asynchronous::AsyncExecutor;
use crate::front::blocking::{BlockingExecutor, poll_ready};
use crate::operation::outbox::look;
use crate::operation::replica::backlog;
use crate::outbox::SupportedBackend;

/// The usual limit of a count: more than 10,000 is many.
pub const MOST: u64 = 10_001;

/// What waits in a database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Status {
    /// What waits in the outbox.
    pub outbox: OutboxBacklog,
    /// What waits at each replica that has a position, a parked event or a dead letter, in the order
    /// of their names.
    pub replicas: Vec<ReplicaBacklog>,
}

/// Counts what waits in a database, and returns the ages of the oldest by the database's clock.
///
/// Each count ends at `most`, for example [`MOST`], so that it reads no more rows than that. Every
/// statement finds its rows in an index. There is one for the outbox, and two for each replica; each
/// is a transaction of its own, unless the caller has opened one.
///
/// ```sql
/// SELECT p.events, COALESCE(now - p.oldest, 0), r.events, COALESCE(now - r.oldest, 0)
/// FROM (SELECT COUNT(*) AS events, MIN(at) AS oldest FROM (
///     SELECT at FROM versioned_outbox ORDER BY id LIMIT $1) AS e) AS p
/// CROSS JOIN (SELECT COUNT(*) AS events, MIN(at) AS oldest FROM (
///     SELECT at FROM versioned_outbox WHERE attempts > 0 ORDER BY attempts, id LIMIT $1) AS e) AS r;
///
/// SELECT replica, entity FROM ( .. ) AS n ORDER BY replica, entity LIMIT 1;      -- the next replica
/// SELECT p.events, COALESCE(now - p.oldest, 0), d.letters, COALESCE(now - d.oldest, 0)
/// FROM (SELECT COUNT(*) AS events, MIN(at) AS oldest FROM (
///     SELECT at FROM versioned_parked WHERE replica = $1 AND entity = $2 ORDER BY at LIMIT $3) AS e) AS p
/// CROSS JOIN (SELECT COUNT(*) AS letters, MIN(first_at) AS oldest FROM (
///     SELECT first_at FROM versioned_dead_letters WHERE replica = $1 AND entity = $2 ORDER BY id LIMIT $3) AS l) AS d
/// ```
///
/// # Errors
///
/// Returns [`Error::Conflict`](crate::Error::Conflict) of kind `Serialization` if the database is
/// locked, and [`Error::Database`](crate::Error::Database) if a query fails for another reason, for
/// example because the [migrations](crate::MIGRATIONS) have not been run.
pub fn load<C>(most: u64, conn: &mut C) -> Result<Status>
where
    C: LoadConnection,
    C::Backend: SupportedBackend,
{
    poll_ready(status(most, &mut BlockingExecutor::new(conn)))
}

/// As [`status::load`](load), on a connection of `diesel-async`.
///
/// # Errors
///
/// Returns the errors of [`load`].
#[cfg(feature = "async")]
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn load_async<C>(most: u64, conn: &mut C) -> impl Future<Output = Result<Status>> + Send
where
    C: AsyncConnection,
    C::Backend: SupportedBackend,
{
    async move { status(most, &mut AsyncExecutor::new(conn)).await }
}

async fn status<C>(most: u64, conn: &mut C) -> Result<Status>
where
    C: Executor<Backend: SupportedBackend>,
{
    Ok(Status {
        outbox: look::backlog(most, conn).await?,
        replicas: backlog::backlogs(most, conn).await?,
    })
}
