//! The rejected events of an outbox, on blocking connections.

use diesel::connection::LoadConnection;

use super::{BlockingExecutor, poll_ready};
use crate::error::Result;
use crate::operation::outbox::look;
use crate::outbox::{Rejected, SupportedBackend};

impl Rejected {
    /// Loads rejected events with their reasons, those with the fewest attempts first: at most so
    /// many, after the event `after`. The relays go on meanwhile, so an event that is rejected again
    /// between two pages may be in both.
    ///
    /// ```sql
    /// SELECT id, entity, key, version, op, error, attempts, at FROM versioned_outbox
    ///     WHERE attempts >= $1 AND (attempts, id) > ($1, $2) ORDER BY attempts, id LIMIT $3
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`](crate::Error::Database) if the query fails.
    pub fn load<C>(after: Option<&Self>, most: usize, conn: &mut C) -> Result<Vec<Self>>
    where
        C: LoadConnection,
        C::Backend: SupportedBackend,
    {
        poll_ready(look::rejected(
            after,
            most,
            &mut BlockingExecutor::new(conn),
        ))
    }

    /// Makes all rejected events due, so that the relays try them again in their next passes, for
    /// example after the broker was repaired. Returns the number of events that were not due before.
    ///
    /// ```sql
    /// UPDATE versioned_outbox SET due = 0
    ///     WHERE attempts > 0 AND due > (extract(epoch FROM statement_timestamp()) * 1000000)::bigint
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Error::Conflict`](crate::Error::Conflict) of kind `Serialization` after a deadlock
    /// or a serialization failure, and [`Error::Database`](crate::Error::Database) if the update
    /// fails for another reason.
    pub fn retry_all<C>(conn: &mut C) -> Result<usize>
    where
        C: LoadConnection,
        C::Backend: SupportedBackend,
    {
        poll_ready(look::retry_rejected(&mut BlockingExecutor::new(conn)))
    }
}
