//! Events about a model, for tests, and for the caller's own publishers.

use super::Versioned;
use crate::event::{Event, Op};
use crate::version::SequentialVersion;

/// Events about a model, as its owner would send them. The entity, the key and the version are the
/// model's.
///
/// ```
/// # use diesel::connection::SimpleConnection;
/// # use diesel::prelude::*;
/// # use diesel_migrations::MigrationHarness;
/// # use versioned_core::prelude::*;
/// # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Clone, Queryable, Selectable, serde::Deserialize, Versioned)]
/// # #[diesel(table_name = ticket_copies)]
/// # #[versioned(dependent, entity = "tickets")]
/// # struct TicketCopy { id: i64, price: i64, version: i64 }
/// use versioned_core::{Event, Outcome};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let conn = &mut SqliteConnection::establish(":memory:")?;
/// # conn.batch_execute(
/// #     "CREATE TABLE ticket_copies (id BIGINT PRIMARY KEY, price BIGINT, version BIGINT)",
/// # )?;
/// # conn.run_pending_migrations(versioned_core::MIGRATIONS)?;
/// let created = Event::created(TicketCopy { id: 7, price: 20, version: 1 });
/// let updated = Event::updated(TicketCopy { id: 7, price: 25, version: 2 });
/// assert_eq!(TicketCopy::apply(&updated, conn)?, Outcome::Gap { current: 0, received: 2 });
/// assert_eq!(TicketCopy::apply(&created, conn)?, Outcome::Applied);
/// assert_eq!(TicketCopy::apply(&updated, conn)?, Outcome::Applied);
/// assert_eq!(TicketCopy::find(&7, conn)?.price, 25);
///
/// let deleted = Event::deleted(&7, 3);
/// assert_eq!(TicketCopy::apply(&deleted, conn)?, Outcome::Applied);
/// assert!(TicketCopy::find(&7, conn).optional()?.is_none());
/// # Ok(())
/// # }
/// ```
impl<M: Versioned<Version: SequentialVersion>> Event<M> {
    /// Returns the event of a record that was inserted.
    pub fn created(record: M) -> Self {
        Self::of(Op::Created, record)
    }

    /// Returns the event of a record that was saved or touched.
    pub fn updated(record: M) -> Self {
        Self::of(Op::Updated, record)
    }

    /// Returns the event that shows a record as it is, for a replica that joins late.
    pub fn snapshot(record: M) -> Self {
        Self::of(Op::Snapshot, record)
    }

    /// Returns the event of a record that was deleted. `version` is that of the deletion: the last
    /// version of the record plus one.
    pub fn deleted(id: &M::Id, version: i64) -> Self {
        Self::new(Op::Deleted, M::ENTITY, M::key_text(id), version, None)
    }

    /// The event of a record that is there.
    fn of(op: Op, record: M) -> Self {
        let (key, version) = (M::key_text(&record.id()), record.loaded().number());
        Self::new(op, M::ENTITY, key, version, Some(record))
    }
}
