//! Transactions, and writes that answer with the row.

use super::announce::{Unit, announce_row};
use super::outcome::{failed, guarded, not_unique, refused};
use crate::dialect::{Dialect, Flavor};
use crate::error::{Error, Result};
use crate::event::Op;
use crate::executor::Executor;
use crate::owner::Owner;
use crate::statement::{Current, Find, Guard, ReadCommitted, Record, Returning};
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
pub(super) async fn begin_at<F, X>(level: Level, x: &mut X) -> QueryResult<()>
where
    F: Flavor<X::Backend> + ?Sized,
    X: Executor,
{
    if level == Level::OfTheSession || x.in_transaction() {
        return x.begin().await;
    }
    match x.dialect::<F>().await? {
        Dialect::Sqlite => x.begin().await,
        // It is about the next transaction.
        Dialect::Mysql => {
            x.execute(ReadCommitted).await?;
            x.begin().await
        }
        // It is about the transaction that is open.
        Dialect::Postgres => {
            x.begin().await?;
            let set = x.execute(ReadCommitted).await;
            if set.is_err() {
                drop(x.rollback().await);
            }
            set.map(drop)
        }
    }
}

/// Ends the transaction that `begin` opened as `done` says.
pub(super) async fn settle<T, E, X>(done: Result<T, E>, x: &mut X) -> Result<T, E>
where
    E: From<DieselError>,
    X: Executor,
{
    match done {
        Ok(value) => {
            x.commit().await?;
            Ok(value)
        }
        Err(error) => {
            // What went wrong first is the answer; a connection on which the rollback fails too is broken, and says
            // so at its next use.
            drop(x.rollback().await);
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
pub(super) async fn written_row<M, X, S>(
    guard: Guard<'_, M>,
    write: S,
    unit: Unit,
    x: &mut X,
) -> Result<M>
where
    X: Executor,
    M: Owner<X::Backend>,
    S: QueryFragment<X::Backend> + QueryId + Send,
{
    let returns = returns_row::<M, _>(x.dialect::<M::On>().await?);
    if returns && !M::OUTBOX && M::WHOLE_KEY {
        return write_returning(guard, write, x).await;
    }
    if unit == Unit::Part {
        return write_then_announce(guard, write, returns, x).await;
    }
    x.begin().await?;
    let done = write_then_announce(guard, write, returns, x).await;
    settle(done, x).await
}

async fn write_then_announce<M, X, S>(
    guard: Guard<'_, M>,
    write: S,
    returns: bool,
    x: &mut X,
) -> Result<M>
where
    X: Executor,
    M: Owner<X::Backend>,
    S: QueryFragment<X::Backend> + QueryId + Send,
{
    let row = if returns {
        write_returning(guard, write, x).await?
    } else {
        write_then_read(guard, write, x).await?
    };
    announce_row(Op::Updated, &row, x).await?;
    Ok(row)
}

async fn write_returning<M, X, S>(guard: Guard<'_, M>, write: S, x: &mut X) -> Result<M>
where
    X: Executor,
    M: Owner<X::Backend>,
    S: QueryFragment<X::Backend> + QueryId + Send,
{
    let write = Returning::<_, M, X::Backend>::new(write);
    let answer = if M::WHOLE_KEY {
        M::row(x, write).await.map(Vec::from_iter)
    } else {
        M::rows(x, write).await
    };
    let mut rows = match answer {
        Ok(rows) => rows,
        Err(error) => return Err(failed(guard.record, Some(guard.loaded), error)),
    };
    match (rows.pop(), rows.len()) {
        (Some(row), 0) => Ok(row),
        (Some(_), others) => Err(not_unique(guard.record, others + 1)),
        (None, _) => Err(refused(guard, x).await),
    }
}

async fn write_then_read<M, X, S>(guard: Guard<'_, M>, write: S, x: &mut X) -> Result<M>
where
    X: Executor,
    M: Owner<X::Backend>,
    S: QueryFragment<X::Backend> + QueryId + Send,
{
    let answer = x.execute(write).await;
    guarded(guard, answer, x).await?;
    read_back(guard.record, Some(guard.loaded), x).await
}

/// The row that this transaction has just written.
pub(super) async fn read_back<M, X>(
    record: Record<'_, M>,
    expected: Option<&M::Version>,
    x: &mut X,
) -> Result<M>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    match M::row(x, Find::<Current, M, X::Backend>::new(record)).await {
        Ok(Some(row)) => Ok(row),
        // A trigger took it away.
        Ok(None) => Err(Error::NotFound {
            table: M::table_name(),
            id: record.key_text(),
        }),
        Err(error) => Err(failed(record, expected, error)),
    }
}
