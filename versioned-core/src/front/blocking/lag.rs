//! The lag of an outbox, on blocking connections.

use diesel::connection::LoadConnection;

use super::{BlockingExecutor, poll_ready};
use crate::error::Result;
use crate::operation::outbox::relay;
use crate::outbox::{Lag, SupportedBackend};

impl Lag {
    /// Counts the pending events of the outbox, for a metric or an alert.
    ///
    /// The query reads the whole table, which is short while a relay runs.
    ///
    /// ```sql
    /// SELECT COUNT(*), COUNT(CASE WHEN attempts > 0 THEN 1 END),
    ///     COALESCE((extract(epoch FROM statement_timestamp()) * 1000000)::bigint - MIN(at), 0)
    ///     FROM versioned_outbox
    /// ```
    ///
    /// To list the rejected events with their reasons, query
    /// `SELECT entity, key, version, attempts, error FROM versioned_outbox WHERE attempts > 0`. To
    /// give up an event, delete its row; this leaves a gap at the replicas.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Conflict`](crate::Error::Conflict) of kind `Serialization` if the database
    /// is locked, and [`Error::Database`](crate::Error::Database) if the query fails for another
    /// reason.
    pub fn load<C>(conn: &mut C) -> Result<Self>
    where
        C: LoadConnection,
        C::Backend: SupportedBackend,
    {
        poll_ready(relay::lag(&mut BlockingExecutor::new(conn)))
    }
}
