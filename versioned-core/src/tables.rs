//! Whether the tables of this crate are there, and what a role may do with them.
//!
//! ```
//! # use diesel::prelude::*;
//! # use diesel_migrations::MigrationHarness;
//! use versioned_core::tables::{self, Use};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! # let conn = &mut SqliteConnection::establish(":memory:")?;
//! assert_eq!(tables::missing(Use::View, conn)?.len(), 4);
//! conn.run_pending_migrations(versioned_core::MIGRATIONS)?;
//! assert_eq!(tables::missing(Use::Operate, conn)?, []);
//! # Ok(())
//! # }
//! ```

use std::fmt;

use diesel::connection::LoadConnection;
#[cfg(feature = "async")]
use diesel_async::AsyncConnection;

pub use crate::error::Cause;
use crate::error::Result;
use crate::executor::Executor;
#[cfg(feature = "async")]
use crate::front::asynchronous::AsyncExecutor;
use crate::front::blocking::{BlockingExecutor, poll_ready};
use crate::operation;
use crate::outbox::SupportedBackend;

/// What a role wants to do with the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Look at them: [`status`](crate::status) and the lists of [`inspect`](crate::inspect).
    View,
    /// Also [`retry`](crate::inspect::retry) and
    /// [`discard_letters`](crate::inspect::discard_letters).
    Operate,
}

/// A table that is missing, has other columns, or denies a right.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Missing {
    /// The table.
    pub table: &'static str,
    /// The right: `SELECT`, `UPDATE` or `DELETE`.
    pub right: &'static str,
    /// Why the database rejects it.
    pub cause: Cause,
    /// The error of the database.
    pub reason: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}: {}", self.right, self.table, self.reason)
    }
}

/// Returns what is missing for a use of the tables. It is empty if nothing is.
///
/// It runs statements that find no rows, each in a transaction or a savepoint that is rolled back.
///
/// ```sql
/// SELECT count(*) FROM (SELECT id, entity, .. FROM versioned_outbox WHERE 1 = 0) AS c
/// UPDATE versioned_outbox SET due = 0 WHERE id = 0 AND attempts > 0 AND due > 0
/// DELETE FROM versioned_dead_letters WHERE id = 0
/// ```
///
/// # Errors
///
/// Returns [`Error::Database`](crate::Error::Database) if a transaction cannot be opened or rolled
/// back, for example because the connection is lost.
pub fn missing<C>(of: Use, conn: &mut C) -> Result<Vec<Missing>>
where
    C: LoadConnection,
    C::Backend: SupportedBackend,
{
    poll_ready(look(of, &mut BlockingExecutor::new(conn)))
}

/// As [`tables::missing`](missing), on a connection of `diesel-async`.
///
/// # Errors
///
/// Returns the errors of [`missing`].
#[cfg(feature = "async")]
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn missing_async<C>(of: Use, conn: &mut C) -> impl Future<Output = Result<Vec<Missing>>> + Send
where
    C: AsyncConnection,
    C::Backend: SupportedBackend,
{
    async move { look(of, &mut AsyncExecutor::new(conn)).await }
}

async fn look<C>(of: Use, conn: &mut C) -> Result<Vec<Missing>>
where
    C: Executor<Backend: SupportedBackend>,
{
    let found = operation::missing::missing(of == Use::Operate, conn).await?;
    let shown = found
        .into_iter()
        .map(|(table, right, cause, reason)| Missing {
            table,
            right,
            cause,
            reason,
        });
    Ok(shown.collect())
}
