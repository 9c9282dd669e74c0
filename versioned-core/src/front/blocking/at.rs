//! `Ticket::at(id, version)`: writes against a version that was not loaded here.

use super::{BlockingExecutor, poll_ready};
use crate::connection::BlockingConnection;
use crate::error::Result;
use crate::model::OwnerModel;
use crate::operation;
use crate::owner::Owner;
use crate::statement::{Changes, Record, VersionGuard};

/// A record at a version, without a loaded model: see
/// [`OwnerDsl::at`](crate::prelude::OwnerDsl::at).
#[must_use = "`at` alone does nothing: call `.update(..)`, `.touch(..)` or `.delete(..)`"]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<M: OwnerModel> {
    id: M::Id,
    version: M::Version,
}

impl<M: OwnerModel> At<M> {
    pub(super) fn new(id: M::Id, version: M::Version) -> Self {
        Self { id, version }
    }

    fn guard(&self) -> VersionGuard<'_, M> {
        VersionGuard {
            record: Record::At(&self.id),
            loaded: &self.version,
        }
    }

    /// Writes `changes` to the row if the row is at this version, increments the version, and
    /// returns the row after the write.
    ///
    /// `changes` is any Diesel `AsChangeset` of the table. The version is incremented even if the
    /// changes are empty.
    ///
    /// ```sql
    /// UPDATE tickets SET title = $1, version = $2 WHERE id = $3 AND version = $4
    ///     RETURNING id, title, version
    /// ```
    ///
    /// MySQL and MariaDB run the UPDATE and a SELECT in a transaction.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`save`](crate::prelude::OwnerDsl::save), and
    /// [`Error::KeyChanged`](crate::Error::KeyChanged) or
    /// [`Error::VersionAssigned`](crate::Error::VersionAssigned), before any SQL, if the changes
    /// assign to a column of the key or to the version.
    pub fn update<S, C>(&self, changes: S, conn: &mut C) -> Result<M>
    where
        C: BlockingConnection,
        M: Owner<C::Db>,
        S: Changes<M, C::Db>,
    {
        poll_ready(operation::update_at(
            self.guard(),
            changes,
            &mut BlockingExecutor::new(conn),
        ))
    }

    /// Increments the version of the row if the row is at this version, and returns the row after
    /// the write.
    ///
    /// ```sql
    /// UPDATE tickets SET version = $1 WHERE id = $2 AND version = $3 RETURNING id, title, version
    /// ```
    ///
    /// MySQL and MariaDB run the UPDATE and a SELECT in a transaction.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`save`](crate::prelude::OwnerDsl::save).
    pub fn touch<C>(&self, conn: &mut C) -> Result<M>
    where
        C: BlockingConnection,
        M: Owner<C::Db>,
    {
        poll_ready(operation::touch_at(
            self.guard(),
            &mut BlockingExecutor::new(conn),
        ))
    }

    /// Deletes the row if the row is at this version, and returns the version of the deletion.
    ///
    /// ```sql
    /// DELETE FROM tickets WHERE id = $1 AND version = $2
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`save`](crate::prelude::OwnerDsl::save).
    pub fn delete<C>(&self, conn: &mut C) -> Result<M::Version>
    where
        C: BlockingConnection,
        M: Owner<C::Db>,
    {
        poll_ready(operation::delete_at(
            self.guard(),
            &mut BlockingExecutor::new(conn),
        ))
    }
}
