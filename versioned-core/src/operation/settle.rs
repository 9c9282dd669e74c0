//! Transactions, and writes that answer with the row.

use super::announce::{Atomicity, announce_row};
use super::outcome::{failed, guarded, not_unique, refused};
use crate::dialect::{Dialect, SqlFor};
use crate::error::{Error, Result};
use crate::event::Op;
use crate::executor::Executor;
use crate::owner::Owner;
use crate::statement::{Current, Find, ReadCommitted, Record, Returning, VersionGuard};
use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::Error as DieselError;

/// The isolation level of a transaction of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    OfTheSession,
    /// What the replica's guards and the relay's locks need. At the levels above, databases also reject transactions that
    /// these have ordered already.
    ReadCommitted,
}

impl Level {
    /// That of a transaction which looks for what may not be there and then inserts, for several records or in several tables. At
    /// REPEATABLE READ MySQL would lock the gap where it looked, for all who have something to insert there.
    pub(super) fn to_insert(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Mysql => Self::ReadCommitted,
            Dialect::Postgres | Dialect::Sqlite => Self::OfTheSession,
        }
    }
}

/// Opens a transaction at this level; inside of one a savepoint, at the level that it has.
pub(super) async fn begin_at<F, C>(level: Level, conn: &mut C) -> QueryResult<()>
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
pub(super) async fn finish<T, E, C>(done: Result<T, E>, conn: &mut C) -> Result<T, E>
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

/// Whether a write can answer with its row (`RETURNING`). MySQL cannot, and MariaDB is the same backend to Diesel. In
/// `SQLite`'s RETURNING a column's name may not stand behind a schema's; and it shows the row before the AFTER triggers,
/// which are the only ones there that can make a value.
pub(super) fn returns_row<M, DB>(dialect: Dialect) -> bool
where
    M: Owner<DB>,
    DB: Backend,
{
    match dialect {
        Dialect::Postgres => true,
        Dialect::Sqlite => M::COMPLETE && !M::OUTBOX && !M::in_schema(),
        Dialect::Mysql => false,
    }
}

/// Runs a guarded write and answers with the row as it is after it: one statement with RETURNING, or the write and a
/// SELECT in a transaction; with an outbox, the row's event is in the transaction too.
pub(super) async fn written_row<M, C, S>(
    guard: VersionGuard<'_, M>,
    write: S,
    unit: Atomicity,
    conn: &mut C,
) -> Result<M>
where
    C: Executor,
    M: Owner<C::Backend>,
    S: QueryFragment<C::Backend> + QueryId + Send,
{
    let returns = returns_row::<M, _>(conn.dialect::<M::Sql>().await?);
    if returns && !M::OUTBOX && M::WHOLE_KEY {
        return write_returning(guard, write, conn).await;
    }
    if unit == Atomicity::Nested {
        return write_then_announce(guard, write, returns, conn).await;
    }
    conn.begin().await?;
    let done = write_then_announce(guard, write, returns, conn).await;
    finish(done, conn).await
}

async fn write_then_announce<M, C, S>(
    guard: VersionGuard<'_, M>,
    write: S,
    returns: bool,
    conn: &mut C,
) -> Result<M>
where
    C: Executor,
    M: Owner<C::Backend>,
    S: QueryFragment<C::Backend> + QueryId + Send,
{
    let row = if returns {
        write_returning(guard, write, conn).await?
    } else {
        write_then_read(guard, write, conn).await?
    };
    announce_row(Op::Updated, &row, conn).await?;
    Ok(row)
}

async fn write_returning<M, C, S>(guard: VersionGuard<'_, M>, write: S, conn: &mut C) -> Result<M>
where
    C: Executor,
    M: Owner<C::Backend>,
    S: QueryFragment<C::Backend> + QueryId + Send,
{
    let write = Returning::<_, M, C::Backend>::new(write);
    let answer = if M::WHOLE_KEY {
        M::row(conn, write).await.map(Vec::from_iter)
    } else {
        M::rows(conn, write).await
    };
    let mut rows = match answer {
        Ok(rows) => rows,
        Err(error) => return Err(failed(guard.record, Some(guard.loaded), error)),
    };
    match (rows.pop(), rows.len()) {
        (Some(row), 0) => Ok(row),
        (Some(_), others) => Err(not_unique(guard.record, others + 1)),
        (None, _) => Err(refused(guard, conn).await),
    }
}

async fn write_then_read<M, C, S>(guard: VersionGuard<'_, M>, write: S, conn: &mut C) -> Result<M>
where
    C: Executor,
    M: Owner<C::Backend>,
    S: QueryFragment<C::Backend> + QueryId + Send,
{
    let answer = conn.execute(write).await;
    guarded(guard, answer, conn).await?;
    read_back(guard.record, Some(guard.loaded), conn).await
}

/// The row that this transaction has just written.
pub(super) async fn read_back<M, C>(
    record: Record<'_, M>,
    expected: Option<&M::Version>,
    conn: &mut C,
) -> Result<M>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    match M::row(conn, Find::<Current, M, C::Backend>::new(record)).await {
        Ok(Some(row)) => Ok(row),
        // A trigger took it away.
        Ok(None) => Err(Error::NotFound {
            table: M::table_name(),
            id: record.key_text(),
        }),
        Err(error) => Err(failed(record, expected, error)),
    }
}
