//! The transactions of an operation.

use std::time::Duration;

use crate::dialect::{Dialect, SqlFor};
use crate::error::{Error, Result};
use crate::executor::Executor;
use crate::operation::row_count::ends_the_transaction;
use crate::retry::Retry;
use crate::statement::ReadCommitted;
use diesel::QueryResult;
use diesel::result::Error as DieselError;

/// The retries after a deadlock or a serialization failure, if the caller has no open transaction.
/// The conflicting transactions have several statements, so the pauses must outgrow one that is
/// slow or stalled. Half a minute of retries is more than a loaded machine needs, even if a closure
/// of the caller keeps the session's SERIALIZABLE.
pub(crate) const RETRY: Retry = Retry::times(120).longest(Duration::from_millis(500));

/// Returns whether the operation may retry. A deadlock or a serialization failure ends the whole
/// transaction. If the transaction is the caller's, the caller must run it again.
pub(crate) fn may_retry<C: Executor>(error: &Error, conn: &mut C) -> bool {
    ends_the_transaction(error) && !conn.in_transaction()
}

/// The isolation level of a transaction that an operation opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    OfTheSession,
    /// The level that the replica's guards and the relay's locks need. At higher levels, databases
    /// also reject transactions that these locks have ordered already.
    ReadCommitted,
}

impl Level {
    /// Returns the level for a transaction that looks for rows that may not exist and then inserts,
    /// for several records or into several tables. At REPEATABLE READ, MySQL would lock the gap
    /// where it looked, against every insert there.
    pub(crate) fn to_insert(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Mysql => Self::ReadCommitted,
            Dialect::Postgres | Dialect::Sqlite => Self::OfTheSession,
        }
    }

    /// Returns the level that a transaction has which begins now. Inside a transaction, that is the
    /// level of the outer one.
    pub(crate) fn in_effect<C: Executor>(self, conn: &mut C) -> Self {
        if conn.in_transaction() {
            Self::OfTheSession
        } else {
            self
        }
    }
}

/// Opens a transaction at this level. Inside a transaction, opens a savepoint, which keeps the
/// transaction's level.
pub(crate) async fn begin_at<F, C>(level: Level, conn: &mut C) -> QueryResult<()>
where
    F: SqlFor<C::Backend> + ?Sized,
    C: Executor,
{
    if level == Level::OfTheSession || conn.in_transaction() {
        return conn.begin().await;
    }
    match conn.dialect::<F>().await? {
        Dialect::Sqlite => conn.begin().await,
        // On MySQL, the statement applies to the next transaction.
        Dialect::Mysql => {
            conn.execute(ReadCommitted).await?;
            conn.begin().await
        }
        // On PostgreSQL, the statement applies to the open transaction.
        Dialect::Postgres => {
            conn.begin().await?;
            let set = conn.execute(ReadCommitted).await;
            if set.is_err() {
                drop(conn.rollback().await);
            }
            set.map(drop)
        }
    }
}

/// Ends the transaction that `begin` opened: commits a success, rolls back an error.
pub(crate) async fn finish<T, E, C>(done: Result<T, E>, conn: &mut C) -> Result<T, E>
where
    E: From<DieselError>,
    C: Executor,
{
    match done {
        Ok(value) => {
            conn.commit().await?;
            Ok(value)
        }
        Err(error) => {
            // The first error is returned. A connection on which the rollback fails too is broken,
            // and its next use reports that.
            drop(conn.rollback().await);
            Err(error)
        }
    }
}
