//! Runs the statements of an operation on a Diesel connection.

use std::future::ready;
use std::num::NonZeroU32;
use std::time::Duration;

use diesel::connection::{Connection, LoadConnection, TransactionManager};
use diesel::deserialize::FromSqlRow;
use diesel::expression::QueryMetadata;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::{Error, QueryResult};

use crate::dialect::{self, Dialect, SqlFor};
use crate::executor::Executor;
use crate::runner::Runner;
use crate::statement::Rows;

/// A Diesel connection as an [`Executor`].
///
/// If a closure of the caller panics inside a transaction that the operation began, the executor
/// marks the connection as broken, because later writes on it would never be committed. Pools close
/// a broken connection.
pub(crate) struct BlockingExecutor<'c, C: Connection> {
    pub(crate) conn: &'c mut C,
    /// The number of transactions that were begun here and have not ended.
    open: u32,
}

impl<'c, C: Connection> BlockingExecutor<'c, C> {
    pub(crate) fn new(conn: &'c mut C) -> Self {
        Self { conn, open: 0 }
    }

    /// Returns an error if the connection is broken.
    fn check(&mut self) -> QueryResult<()> {
        let status = C::TransactionManager::transaction_manager_status_mut(self.conn);
        status.transaction_depth().map(drop)
    }

    pub(crate) fn begin_here(&mut self) -> QueryResult<()> {
        C::TransactionManager::begin_transaction(self.conn)?;
        self.open += 1;
        Ok(())
    }

    pub(crate) fn commit_here(&mut self) -> QueryResult<()> {
        self.open = self.open.saturating_sub(1);
        commit(self.conn)
    }

    pub(crate) fn rollback_here(&mut self) -> QueryResult<()> {
        self.open = self.open.saturating_sub(1);
        C::TransactionManager::rollback_transaction(self.conn)
    }
}

impl<C: Connection> Drop for BlockingExecutor<'_, C> {
    fn drop(&mut self) {
        if self.open > 0 {
            C::TransactionManager::transaction_manager_status_mut(self.conn).set_in_error();
        }
    }
}

impl<C: LoadConnection> Runner for BlockingExecutor<'_, C> {
    type Backend = C::Backend;

    fn execute<S>(&mut self, statement: S) -> impl Future<Output = QueryResult<usize>> + Send
    where
        S: QueryFragment<Self::Backend> + QueryId + Send,
    {
        let ran = self.check();
        ready(ran.and_then(|()| self.conn.execute_returning_count(&statement)))
    }

    fn first<T, ST, S>(
        &mut self,
        statement: S,
    ) -> impl Future<Output = QueryResult<Option<T>>> + Send
    where
        T: FromSqlRow<ST, Self::Backend> + Send,
        Self::Backend: QueryMetadata<ST>,
        S: QueryFragment<Self::Backend> + QueryId + Send,
    {
        let ran = self.check();
        ready(ran.and_then(|()| first(statement, self.conn)))
    }

    fn all<T, ST, S>(&mut self, statement: S) -> impl Future<Output = QueryResult<Vec<T>>> + Send
    where
        T: FromSqlRow<ST, Self::Backend> + Send,
        Self::Backend: QueryMetadata<ST>,
        S: QueryFragment<Self::Backend> + QueryId + Send,
    {
        let ran = self.check();
        ready(ran.and_then(|()| all(statement, self.conn)))
    }
}

impl<C: LoadConnection> Executor for BlockingExecutor<'_, C> {
    fn dialect<F>(&mut self) -> impl Future<Output = QueryResult<Dialect>> + Send
    where
        F: SqlFor<Self::Backend> + ?Sized,
    {
        ready(match F::KNOWN {
            Some(dialect) => Ok(dialect),
            None => dialect::ask::<C, F>(self.conn),
        })
    }

    fn begin(&mut self) -> impl Future<Output = QueryResult<()>> + Send {
        ready(self.begin_here())
    }

    fn commit(&mut self) -> impl Future<Output = QueryResult<()>> + Send {
        ready(self.commit_here())
    }

    fn rollback(&mut self) -> impl Future<Output = QueryResult<()>> + Send {
        ready(self.rollback_here())
    }

    fn in_transaction(&mut self) -> bool {
        let status = C::TransactionManager::transaction_manager_status_mut(self.conn);
        !matches!(status.transaction_depth(), Ok(None))
    }

    fn sleep(&mut self, duration: Duration) -> impl Future<Output = ()> + Send {
        if !duration.is_zero() {
            std::thread::sleep(duration);
        }
        ready(())
    }
}

/// Commits, or releases the innermost savepoint. Rolls back if that fails.
fn commit<C: Connection>(conn: &mut C) -> QueryResult<()> {
    let before = depth(conn);
    let done = C::TransactionManager::commit_transaction(conn);
    // Diesel rolls back a COMMIT that fails. It leaves a savepoint open that cannot be released,
    // and the surrounding transaction would then release that savepoint instead of committing.
    if done.is_err() && depth(conn) == before {
        drop(C::TransactionManager::rollback_transaction(conn));
    }
    done
}

/// Returns the number of nested transactions, or `None` if none is open or the connection is
/// broken.
fn depth<C: Connection>(conn: &mut C) -> Option<NonZeroU32> {
    let status = C::TransactionManager::transaction_manager_status_mut(conn);
    status.transaction_depth().ok().flatten()
}

/// Reads the first row. It runs the statement to its end, because an error may come with the last
/// step.
fn first<T, ST, C, S>(statement: S, conn: &mut C) -> QueryResult<Option<T>>
where
    C: LoadConnection,
    C::Backend: QueryMetadata<ST>,
    T: FromSqlRow<ST, C::Backend>,
    S: QueryFragment<C::Backend> + QueryId,
{
    let mut first = None;
    for row in conn.load(Rows::<S, ST>::new(statement))? {
        let row = row?;
        if first.is_none() {
            first = Some(T::build_from_row(&row).map_err(Error::DeserializationError)?);
        }
    }
    Ok(first)
}

fn all<T, ST, C, S>(statement: S, conn: &mut C) -> QueryResult<Vec<T>>
where
    C: LoadConnection,
    C::Backend: QueryMetadata<ST>,
    T: FromSqlRow<ST, C::Backend>,
    S: QueryFragment<C::Backend> + QueryId,
{
    conn.load(Rows::<S, ST>::new(statement))?
        .map(|row| T::build_from_row(&row?).map_err(Error::DeserializationError))
        .collect()
}
