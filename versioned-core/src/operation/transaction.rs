//! Transactions of an operation.

use crate::dialect::{Dialect, SqlFor};
use crate::error::Result;
use crate::executor::Executor;
use crate::statement::ReadCommitted;
use diesel::QueryResult;
use diesel::result::Error as DieselError;

/// The isolation level of a transaction of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    OfTheSession,
    /// What the replica's guards and the relay's locks need. At the levels above, databases also reject transactions that
    /// these have ordered already.
    ReadCommitted,
}

impl Level {
    /// That of a transaction which looks for what may not be there and then inserts, for several records or in several tables. At
    /// REPEATABLE READ MySQL would lock the gap where it looked, for all who have something to insert there.
    pub(crate) fn to_insert(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Mysql => Self::ReadCommitted,
            Dialect::Postgres | Dialect::Sqlite => Self::OfTheSession,
        }
    }
}

/// Opens a transaction at this level; inside of one a savepoint, at the level that it has.
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
        // It is about the next transaction.
        Dialect::Mysql => {
            conn.execute(ReadCommitted).await?;
            conn.begin().await
        }
        // It is about the transaction that is open.
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

/// Ends the transaction that `begin` opened as `done` says.
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
            // What went wrong first is the answer; a connection on which the rollback fails too is broken, and says
            // so at its next use.
            drop(conn.rollback().await);
            Err(error)
        }
    }
}
