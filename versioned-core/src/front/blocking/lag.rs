//! The lag of an outbox, on blocking connections.

use diesel::connection::LoadConnection;

use super::{BlockingExecutor, poll_ready};
use crate::error::Result;
use crate::operation::outbox::look;
use crate::outbox::{Lag, SupportedBackend};

impl Lag {
    /// Counts the pending events of the outbox, for a metric or an alert.
    ///
    /// It reads at most 10,001 events for each figure, however many there are.
    ///
    /// ```sql
    /// SELECT p.events, COALESCE(now - p.oldest, 0), r.events, COALESCE(now - r.oldest, 0)
    /// FROM (SELECT COUNT(*) AS events, MIN(at) AS oldest FROM (
    ///     SELECT at FROM versioned_outbox ORDER BY id LIMIT 10001) AS e) AS p
    /// CROSS JOIN (SELECT COUNT(*) AS events, MIN(at) AS oldest FROM (
    ///     SELECT at FROM versioned_outbox WHERE attempts > 0 ORDER BY attempts, id LIMIT 10001) AS e) AS r
    /// ```
    ///
    /// [`status::load`](crate::status::load) has more, also of replicas.
    /// [`Rejected::load`](crate::outbox::Rejected::load) lists the rejected events with their
    /// reasons. To give up an event, delete its row, and
    /// [`resend`](crate::prelude::OwnerDsl::resend) its record: the row that is gone leaves a gap at
    /// the replicas.
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
        poll_ready(look::lag(&mut BlockingExecutor::new(conn)))
    }
}
