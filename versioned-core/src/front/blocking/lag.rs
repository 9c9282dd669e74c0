//! How far the relays are behind, on blocking connections.

use diesel::connection::LoadConnection;

use super::{BlockingExecutor, poll_ready};
use crate::error::Result;
use crate::operation::outbox::relay;
use crate::outbox::{Lag, SupportedBackend};

impl Lag {
    /// What waits in the outbox, for a metric or an alarm. It reads the whole table, which is short as long as a relay runs.
    ///
    /// ```sql
    /// SELECT COUNT(*), COUNT(CASE WHEN attempts > 0 THEN 1 END), COALESCE(MIN(at), 0) FROM versioned_outbox
    /// ```
    ///
    /// Those that are refused again and again, and why: `SELECT entity, key, version, attempts, error FROM versioned_outbox WHERE
    /// attempts > 0`. To give one up is to delete its row, and to leave a gap at the replicas.
    ///
    /// # Errors
    ///
    /// What the database says.
    pub fn load<C>(conn: &mut C) -> Result<Self>
    where
        C: LoadConnection,
        C::Backend: SupportedBackend,
    {
        poll_ready(relay::lag(&mut BlockingExecutor::new(conn)))
    }
}
