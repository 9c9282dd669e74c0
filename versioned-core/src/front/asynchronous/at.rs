//! `Ticket::at(id, version)`: writes against a version that was not loaded here.

use super::AsyncExecutor;
use crate::connection::AsyncConnection;
use crate::error::Result;
use crate::model::OwnerModel;
use crate::operation;
use crate::owner::Owner;
use crate::statement::{Changes, Conditions, Record, VersionGuard};

/// A record at a version, without a loaded model: see
/// [`OwnerDsl::at`](crate::async_prelude::OwnerDsl::at).
#[must_use = "`at` alone does nothing: call `.update(..)`, `.touch(..)` or `.delete(..)`"]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<M: OwnerModel, P = ()> {
    id: M::Id,
    version: M::Version,
    conditions: P,
}

impl<M: OwnerModel> At<M> {
    pub(super) fn new(id: M::Id, version: M::Version) -> Self {
        Self {
            id,
            version,
            conditions: (),
        }
    }
}

impl<M: OwnerModel, P> At<M, P> {
    /// Adds a condition: the write finds the row only if the condition holds for it, too.
    ///
    /// See [`At::filter`](crate::At::filter) for the SQL and the errors.
    #[must_use = "`filter` alone does nothing: call `.update(..)`, `.touch(..)` or `.delete(..)`"]
    pub fn filter<T>(self, condition: T) -> At<M, (P, T)> {
        At {
            id: self.id,
            version: self.version,
            conditions: (self.conditions, condition),
        }
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
    /// See [`At::update`](crate::At::update) for the SQL.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`At::update`](crate::At::update).
    pub async fn update<S, C>(&self, changes: S, conn: &mut C) -> Result<M>
    where
        C: AsyncConnection,
        M: Owner<C::Db>,
        P: Conditions<M, C::Db>,
        S: Changes<M, C::Db> + Send,
    {
        operation::update_at(
            self.guard(),
            &self.conditions,
            changes,
            &mut AsyncExecutor::new(conn),
        )
        .await
    }

    /// Increments the version of the row if the row is at this version, and returns the row after
    /// the write.
    ///
    /// See [`At::touch`](crate::At::touch) for the SQL.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`At::touch`](crate::At::touch).
    pub async fn touch<C>(&self, conn: &mut C) -> Result<M>
    where
        C: AsyncConnection,
        M: Owner<C::Db>,
        P: Conditions<M, C::Db>,
    {
        operation::touch_at(
            self.guard(),
            &self.conditions,
            &mut AsyncExecutor::new(conn),
        )
        .await
    }

    /// Deletes the row if the row is at this version, and returns the version of the deletion.
    ///
    /// See [`At::delete`](crate::At::delete) for the SQL.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`At::delete`](crate::At::delete).
    pub async fn delete<C>(&self, conn: &mut C) -> Result<M::Version>
    where
        C: AsyncConnection,
        M: Owner<C::Db>,
        P: Conditions<M, C::Db>,
    {
        operation::delete_at(
            self.guard(),
            &self.conditions,
            &mut AsyncExecutor::new(conn),
        )
        .await
    }
}
