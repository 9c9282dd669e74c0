//! Guarded writes that return the row, by RETURNING or by a read in the same transaction.

use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::event::Op;
use crate::executor::Executor;
use crate::operation::outbox::event::announce_row;
use crate::operation::owner::write::Atomicity;
use crate::operation::row_count::{failed, guarded, not_unique, refused};
use crate::operation::transaction::finish;
use crate::owner::Owner;
use crate::statement::{Current, Find, Record, Returning, VersionGuard};
use diesel::backend::Backend;
use diesel::query_builder::{QueryFragment, QueryId};

/// Returns whether a write can return its row (`RETURNING`). MySQL cannot, and MariaDB is the same
/// backend to Diesel. `SQLite`'s RETURNING does not accept a column name behind a schema's name. It
/// also shows the row before the AFTER triggers, and on `SQLite` only these can generate a value.
pub(crate) fn returns_row<M, DB>(dialect: Dialect) -> bool
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

/// Runs a guarded write and returns the row after it: by one statement with RETURNING, or by the
/// write and a SELECT in a transaction. With an outbox, the transaction also inserts the row's
/// event.
pub(crate) async fn written_row<M, C, S>(
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

/// Reads the row that this transaction has just written.
pub(crate) async fn read_back<M, C>(
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
        // A trigger removed it.
        Ok(None) => Err(Error::NotFound {
            table: M::table_name(),
            id: record.key_text(),
        }),
        Err(error) => Err(failed(record, expected, error)),
    }
}
