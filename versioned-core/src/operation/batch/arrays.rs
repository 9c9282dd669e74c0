//! Batches in a constant number of statements, on PostgreSQL.

mod each;

pub(crate) use self::each::each;
use crate::dialect::NoArray;
use crate::dialect::SqlFor;
use crate::error::{Error, Result, RowConflict};

use crate::executor::Executor;
use crate::model::{OwnerModel, WriteKind};
use crate::operation::batch::BatchError;
use crate::operation::batch::plan::Plan;
use crate::operation::batch::work::BatchOp;
use crate::operation::outbox::event::{event_of, event_of_deletion};
use crate::operation::row_count::refused;
use crate::operation::transaction::finish;
use crate::owner::Owner;
use crate::statement::{
    AllFirst, Arrays, Count, HoldAll, InTurn, InsertAll, Locking, Missed, NewEvents, Partial,
    Record, Unwritten, VersionGuard, WriteAll,
};

/// The number of rows that one statement writes. All values of a statement are held in memory.
const CHUNK: usize = 2_000;

/// Batches of at most this many rows lock all rows before they write the first, in one statement
/// that needs no transaction around it. The table of such a batch may be so small that PostgreSQL
/// scans it, and would lock the rows in the order of the scan.
const FEW: usize = 100;

/// Writes all rows or none. Returns `false`, with nothing written, if arrays cannot be used or if
/// the database suppressed a row.
pub(crate) async fn all<W, M, C>(
    models: &mut [M],
    plan: &Plan<M::Version>,
    conn: &mut C,
) -> Result<bool>
where
    C: Executor,
    M: Owner<C::Backend>,
    W: BatchOp,
{
    let rows = plan.order.len();
    let at_once = rows
        <= if W::BY == WriteKind::Insert {
            CHUNK
        } else {
            FEW
        };
    let written = if at_once && !conn.in_transaction() {
        statement::<W, M, C>(models, plan, conn).await
    } else {
        // Inside a caller's transaction, even a single statement needs a savepoint, because its
        // failure would abort the transaction.
        conn.begin().await?;
        let written = if at_once {
            statement::<W, M, C>(models, plan, conn).await
        } else {
            chunks::<W, M, C>(models, plan, conn).await
        };
        finish(written, conn).await
    };
    match written {
        Ok(()) => Ok(true),
        Err(BatchError::Row) => match missed(models, plan, conn).await? {
            // The database suppressed rows. Writing row by row reports which.
            none if none.is_empty() => Ok(false),
            conflicts => Err(Error::conflicts(conflicts)),
        },
        // Writing row by row reports the row, or works without arrays.
        Err(BatchError::Error(Error::Database(error)))
            if NoArray::is_why(&error) || Unwritten::is_why(&error) =>
        {
            Ok(false)
        }
        Err(BatchError::Error(error)) => Err(error),
    }
}

/// Writes all rows in one statement.
async fn statement<W, M, C>(
    models: &mut [M],
    plan: &Plan<M::Version>,
    conn: &mut C,
) -> Result<(), BatchError>
where
    C: Executor,
    M: Owner<C::Backend>,
    W: BatchOp,
{
    if W::BY == WriteKind::Insert {
        insert::<W, M, C>(&plan.order, models, plan, conn).await
    } else {
        write::<W, AllFirst, M, C>(&plan.order, models, plan, conn).await
    }
}

pub(crate) async fn chunks<W, M, C>(
    models: &mut [M],
    plan: &Plan<M::Version>,
    conn: &mut C,
) -> Result<(), BatchError>
where
    C: Executor,
    M: Owner<C::Backend>,
    W: BatchOp,
{
    for chunk in plan.order.chunks(CHUNK) {
        if W::BY == WriteKind::Insert {
            insert::<W, M, C>(chunk, models, plan, conn).await?;
        } else {
            write::<W, InTurn, M, C>(chunk, models, plan, conn).await?;
        }
    }
    Ok(())
}

async fn insert<W, M, C>(
    chunk: &[usize],
    models: &mut [M],
    plan: &Plan<M::Version>,
    conn: &mut C,
) -> Result<(), BatchError>
where
    C: Executor,
    M: Owner<C::Backend>,
    W: BatchOp,
{
    let events = events::<W, M>(models, chunk, plan)?;
    let given = plan.given(WriteKind::Insert, models, chunk);
    let insert = InsertAll::new(Arrays::new(&given, events.as_ref())?);
    Ok(conn.execute(insert).await.map(drop)?)
}

async fn write<W, L, M, C>(
    chunk: &[usize],
    models: &mut [M],
    plan: &Plan<M::Version>,
    conn: &mut C,
) -> Result<(), BatchError>
where
    C: Executor,
    M: Owner<C::Backend>,
    W: BatchOp,
    L: Locking,
{
    let events = events::<W, M>(models, chunk, plan)?;
    let given = plan.given(W::BY, models, chunk);
    let arrays = Arrays::new(&given, events.as_ref())?;
    let least = i64::try_from(chunk.len()).unwrap_or(i64::MAX);
    let write = WriteAll::<W::Verb, Count, L, M, C::Backend>::new(arrays, least);
    let written = match given.columns {
        None => conn.execute(write).await?,
        Some(columns) => conn.execute(Partial(write, columns)).await?,
    };
    if written == chunk.len() {
        Ok(())
    } else {
        Err(BatchError::Row)
    }
}

/// Locks all rows in their order, inside the open transaction. Each must be at the loaded version.
pub(crate) async fn hold<M, C>(
    models: &[M],
    plan: &Plan<M::Version>,
    conn: &mut C,
) -> Result<(), BatchError>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    for chunk in plan.order.chunks(CHUNK) {
        let given = plan.given(WriteKind::Delete, models, chunk);
        let hold = HoldAll::new(Arrays::new(&given, None)?);
        if M::Sql::numbers(conn, hold).await?.len() != chunk.len() {
            return Err(BatchError::Row);
        }
    }
    Ok(())
}

/// Returns the conflict of every row that is not at the loaded version.
async fn missed<M, C>(
    models: &[M],
    plan: &Plan<M::Version>,
    conn: &mut C,
) -> Result<Vec<RowConflict>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let mut rows = Vec::new();
    for chunk in plan.order.chunks(CHUNK) {
        let given = plan.given(WriteKind::Delete, models, chunk);
        let missed = Missed::new(Arrays::new(&given, None)?);
        let places = M::Sql::numbers(conn, missed).await?;
        rows.extend(
            places
                .into_iter()
                .filter_map(|place| chunk.get(index(place)?)),
        );
    }
    let mut conflicts = Vec::new();
    for row in rows {
        let Some(model) = models.get(row) else {
            continue;
        };
        match refused(VersionGuard::of(model), conn).await {
            Error::Conflict(conflict) => conflicts.push(RowConflict { row, conflict }),
            error => return Err(error),
        }
    }
    Ok(conflicts)
}

/// Builds the events of a chunk. Returns `None` without an outbox.
fn events<W: BatchOp, M: OwnerModel>(
    models: &mut [M],
    chunk: &[usize],
    plan: &Plan<M::Version>,
) -> Result<Option<NewEvents>> {
    // The events of a write of some columns are built from its rows.
    if !M::OUTBOX || plan.columns.is_some() {
        return Ok(None);
    }
    let mut told = NewEvents::with_capacity(M::ENTITY, W::OP.name(), chunk.len());
    for &row in chunk {
        let (Some(model), Some(next)) = (models.get_mut(row), plan.next.get(row)) else {
            continue;
        };
        let event = if W::BY == WriteKind::Delete {
            event_of_deletion(Record::Of(&*model), next)?
        } else {
            event_of(W::OP, model, next)?
        };
        if let Some(event) = event {
            told.push(event);
        }
    }
    Ok(Some(told))
}

/// Converts a place, which counts from 1, to an index.
fn index(place: i64) -> Option<usize> {
    usize::try_from(place).ok()?.checked_sub(1)
}
