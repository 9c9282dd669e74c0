//! Writes that answer with the row.

use super::outcome::{failed, guarded, refused};
use crate::error::{Error, Result};
use crate::executor::Executor;
use crate::owner::Owner;
use crate::statement::{Current, Find, Guard, Returning};
use diesel::query_builder::{QueryFragment, QueryId};

/// Ends the transaction that `begin` opened as `done` says.
pub(super) async fn settle<T, X: Executor>(done: Result<T>, x: &mut X) -> Result<T> {
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

/// Runs a guarded write and answers with the row as it is after it: one statement with RETURNING, or the write and a
/// SELECT in a transaction.
pub(super) async fn written_row<M, X, S>(guard: Guard<'_, M>, write: S, x: &mut X) -> Result<M>
where
    X: Executor,
    M: Owner<X::Backend>,
    S: QueryFragment<X::Backend> + QueryId + Send,
{
    if x.dialect::<M::On>().await?.returns_rows(M::in_schema()) {
        match M::row(x, Returning::<_, M, X::Backend>::new(write)).await {
            Ok(Some(row)) => Ok(row),
            Ok(None) => Err(refused(guard, x).await),
            Err(error) => Err(failed(guard.record, Some(guard.loaded), error)),
        }
    } else {
        x.begin().await?;
        let done = write_then_read(guard, write, x).await;
        settle(done, x).await
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
    match M::row(x, Find::<Current, M, X::Backend>::new(guard.record)).await {
        Ok(Some(row)) => Ok(row),
        // A trigger took it away.
        Ok(None) => Err(Error::NotFound {
            table: M::TABLE,
            id: guard.record.key_text(),
        }),
        Err(error) => Err(failed(guard.record, Some(guard.loaded), error)),
    }
}
