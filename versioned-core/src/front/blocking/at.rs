//! `Ticket::at(id, version)`: writes against a version that was not loaded here.

use super::{BlockingExecutor, poll_ready};
use crate::connection::BlockingConnection;
use crate::error::Result;
use crate::model::OwnerModel;
use crate::operation;
use crate::owner::Owner;
use crate::statement::{Changes, Conditions, Record, VersionGuard};

/// A record at a version, without a loaded model: see
/// [`OwnerDsl::at`](crate::prelude::OwnerDsl::at).
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
    /// `condition` is any expression that Diesel's `.filter(..)` accepts for the table. Several calls
    /// are joined by `AND`.
    ///
    /// ```
    /// # use diesel::connection::SimpleConnection;
    /// # use diesel::prelude::*;
    /// # use versioned_core::prelude::*;
    /// use versioned_core::{Conflict, ConflictKind};
    /// # diesel::table! { tickets { id -> BigInt, tenant -> BigInt, price -> BigInt, version -> BigInt, } }
    /// # #[derive(Clone, Queryable, Selectable, Versioned)]
    /// # #[diesel(table_name = tickets)]
    /// # #[versioned(owner)]
    /// # struct Ticket { id: i64, tenant: i64, price: i64, version: i64 }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let conn = &mut SqliteConnection::establish(":memory:")?;
    /// # conn.batch_execute("CREATE TABLE tickets (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL, price BIGINT NOT NULL, version BIGINT NOT NULL)")?;
    /// # Ticket { id: 7, tenant: 1, price: 20, version: 0 }.insert(conn)?;
    ///
    /// let ticket = Ticket::at(7, 1).filter(tickets::tenant.eq(1));
    /// ticket.update(tickets::price.eq(25), conn)?;
    ///
    /// let other = Ticket::at(7, 2).filter(tickets::tenant.eq(2)).filter(tickets::price.lt(30));
    /// let error = other.delete(conn).unwrap_err();
    /// assert_eq!(error.conflict().map(Conflict::kind), Some(ConflictKind::Filtered));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// ```sql
    /// UPDATE tickets SET price = $1, version = $2 WHERE id = $3 AND version = $4 AND (tickets.tenant = $5)
    /// ```
    ///
    /// If the row is at the version and a condition does not hold, the error of the write is an
    /// [`Error::Conflict`](crate::Error::Conflict) of kind
    /// [`Filtered`](crate::ConflictKind::Filtered), for which a second query is made. A row at another
    /// version is [`Stale`](crate::ConflictKind::Stale), whether the conditions hold or not.
    ///
    /// The statement is kept prepared if its SQL depends on the type of the condition alone.
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
        P: Conditions<M, C::Db>,
        S: Changes<M, C::Db>,
    {
        poll_ready(operation::update_at(
            self.guard(),
            &self.conditions,
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
        P: Conditions<M, C::Db>,
    {
        poll_ready(operation::touch_at(
            self.guard(),
            &self.conditions,
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
        P: Conditions<M, C::Db>,
    {
        poll_ready(operation::delete_at(
            self.guard(),
            &self.conditions,
            &mut BlockingExecutor::new(conn),
        ))
    }
}
