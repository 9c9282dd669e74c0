//! Batches written row by row, in one transaction: on `MultiConnection`, and wherever the multi-row
//! statements of a backend cannot be used.

use crate::dialect::Dialect;
use crate::error::{ConflictKind, Error, Result, RowConflict};
use crate::executor::Executor;
use crate::model::Versioned;
use crate::operation::batch::plan::Plan;
use crate::operation::batch::work::{BatchOp, Saving};
use crate::operation::owner::written::Written;
use crate::operation::row_count::ends_the_transaction;
use crate::owner::Owner;

/// Writes all rows. After a conflict, the remaining rows are tried too, so that the error names
/// every conflict.
pub(crate) async fn all<W, M, C>(
    models: &mut [M],
    plan: &Plan<M::Version>,
    conn: &mut C,
) -> Result<Vec<(usize, Written<M>)>>
where
    C: Executor,
    M: Owner<C::Backend>,
    W: BatchOp,
{
    let mut conflicts = Vec::new();
    let mut all = Vec::with_capacity(models.len());
    for &row in &plan.order {
        let (Some(model), Some(next)) = (models.get_mut(row), plan.next.get(row)) else {
            continue;
        };
        match W::row(model, next, plan.columns, conn).await {
            Ok(written) => all.push((row, written)),
            Err(Error::Conflict(conflict)) if conflict.kind() != ConflictKind::Serialization => {
                conflicts.push(RowConflict { row, conflict });
            }
            Err(error) => return Err(error),
        }
    }
    if conflicts.is_empty() {
        Ok(all)
    } else {
        Err(Error::conflicts(conflicts))
    }
}

/// The outcomes of a batch of independent rows.
pub(crate) struct Each<M: Versioned> {
    /// The outcomes that replace those of the plan. Every other row equals its model, at its next
    /// version.
    pub(crate) written: Vec<(usize, Written<M>)>,
    pub(crate) failed: Vec<(usize, Error)>,
}

/// Saves the rows that can be saved.
pub(crate) async fn each<M, C>(
    order: &[usize],
    models: &mut [M],
    plan: &Plan<M::Version>,
    conn: &mut C,
) -> Result<Each<M>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    // A row gets a savepoint where an error would abort the transaction, or would leave a write
    // without its event. SQLite rolls back the whole transaction if a constraint or a trigger says
    // ROLLBACK, and only a savepoint detects that.
    let savepoints = M::OUTBOX || conn.dialect::<M::Sql>().await? != Dialect::Mysql;
    let mut each = Each {
        written: Vec::new(),
        failed: Vec::new(),
    };
    for &row in order {
        let (Some(model), Some(next)) = (models.get_mut(row), plan.next.get(row)) else {
            continue;
        };
        let saved = if savepoints {
            conn.begin().await?;
            let saved = Saving::row(model, next, plan.columns, conn).await;
            settle_part(saved, conn).await?
        } else {
            Saving::row(model, next, plan.columns, conn).await
        };
        match saved {
            Ok(written) => each.written.push((row, written)),
            Err(error) if ends_the_transaction(&error) => return Err(error),
            Err(error) => each.failed.push((row, error)),
        }
    }
    Ok(each)
}

/// Ends the savepoint of a row. If the savepoint cannot be rolled back, the transaction is lost,
/// and the rows before it too.
async fn settle_part<T, C: Executor>(saved: Result<T>, conn: &mut C) -> Result<Result<T>> {
    let error = match saved {
        Ok(saved) => return Ok(conn.commit().await.map(|()| saved).map_err(Error::from)),
        Err(error) => error,
    };
    match conn.rollback().await {
        Ok(()) => Ok(Err(error)),
        Err(_) if ends_the_transaction(&error) => Ok(Err(error)),
        // SQLite rolled back the whole transaction because of the row's error.
        Err(_) if matches!(error, Error::Database(_)) => Err(error),
        Err(lost) => Err(lost.into()),
    }
}
