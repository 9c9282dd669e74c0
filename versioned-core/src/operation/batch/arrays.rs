//! A batch in a constant number of statements, on PostgreSQL.

mod each;

pub(super) use self::each::each;
use super::Miss;
use super::plan::Plan;
use super::work::Work;
use crate::dialect::Flavor;
use crate::error::{Error, Result, RowConflict};
use crate::event;
use crate::executor::Executor;
use crate::model::{By, NoArray, OwnerModel};
use crate::operation::announce::{event_of, event_of_deletion};
use crate::operation::outcome::refused;
use crate::operation::settle::settle;
use crate::owner::Owner;
use crate::statement::{
    AllFirst, Arrays, Count, Guard, InTurn, InsertAll, Locking, Missed, Record, Told, Unwritten,
    WriteAll,
};

/// How many rows one statement writes: what is sent of a batch is held in memory for so many of them.
const CHUNK: usize = 2_000;

/// Up to so many rows are locked before they are written, by a statement that needs no transaction around it: their table may be
/// so small that PostgreSQL scans it, and would lock in the order of the scan.
const FEW: usize = 100;

/// Writes all rows or none. `false` if it cannot be done so; nothing was written then.
pub(super) async fn all<W, M, X>(
    models: &mut [M],
    plan: &Plan<M::Version>,
    x: &mut X,
) -> Result<bool>
where
    X: Executor,
    M: Owner<X::Backend>,
    W: Work,
{
    let rows = plan.order.len();
    let at_once = rows <= if W::BY == By::Insert { CHUNK } else { FEW };
    let written = if at_once && !x.in_transaction() {
        statement::<W, M, X>(models, plan, x).await
    } else {
        // One statement, too, would end a transaction of the caller's if it fails.
        x.begin().await?;
        let written = if at_once {
            statement::<W, M, X>(models, plan, x).await
        } else {
            chunks::<W, M, X>(models, plan, x).await
        };
        settle(written, x).await
    };
    match written {
        Ok(()) => Ok(true),
        Err(Miss::Row) => match missed(models, plan, x).await? {
            // Rows were suppressed: row by row it shows which.
            none if none.is_empty() => Ok(false),
            conflicts => Err(Error::conflicts(conflicts)),
        },
        // Row by row it shows which.
        Err(Miss::Error(Error::Database(error)))
            if NoArray::is_why(&error) || Unwritten::is_why(&error) =>
        {
            Ok(false)
        }
        Err(Miss::Error(error)) => Err(error),
    }
}

/// All rows in one statement.
async fn statement<W, M, X>(
    models: &mut [M],
    plan: &Plan<M::Version>,
    x: &mut X,
) -> Result<(), Miss>
where
    X: Executor,
    M: Owner<X::Backend>,
    W: Work,
{
    if W::BY == By::Insert {
        insert::<W, M, X>(&plan.order, models, plan, x).await
    } else {
        write::<W, AllFirst, M, X>(&plan.order, models, plan, x).await
    }
}

async fn chunks<W, M, X>(models: &mut [M], plan: &Plan<M::Version>, x: &mut X) -> Result<(), Miss>
where
    X: Executor,
    M: Owner<X::Backend>,
    W: Work,
{
    for chunk in plan.order.chunks(CHUNK) {
        if W::BY == By::Insert {
            insert::<W, M, X>(chunk, models, plan, x).await?;
        } else {
            write::<W, InTurn, M, X>(chunk, models, plan, x).await?;
        }
    }
    Ok(())
}

async fn insert<W, M, X>(
    chunk: &[usize],
    models: &mut [M],
    plan: &Plan<M::Version>,
    x: &mut X,
) -> Result<(), Miss>
where
    X: Executor,
    M: Owner<X::Backend>,
    W: Work,
{
    let events = events::<W, M>(models, chunk, plan)?;
    let given = plan.given(By::Insert, models, chunk);
    let insert = InsertAll::new(Arrays::new(&given, events.as_ref())?);
    Ok(x.execute(insert).await.map(drop)?)
}

async fn write<W, L, M, X>(
    chunk: &[usize],
    models: &mut [M],
    plan: &Plan<M::Version>,
    x: &mut X,
) -> Result<(), Miss>
where
    X: Executor,
    M: Owner<X::Backend>,
    W: Work,
    L: Locking,
{
    let events = events::<W, M>(models, chunk, plan)?;
    let given = plan.given(W::BY, models, chunk);
    let arrays = Arrays::new(&given, events.as_ref())?;
    let least = i64::try_from(chunk.len()).unwrap_or(i64::MAX);
    let write = WriteAll::<W::Verb, Count, L, M, X::Backend>::new(arrays, least);
    if x.execute(write).await? == chunk.len() {
        Ok(())
    } else {
        Err(Miss::Row)
    }
}

/// The conflict of every row that is not at the version that was loaded.
async fn missed<M, X>(models: &[M], plan: &Plan<M::Version>, x: &mut X) -> Result<Vec<RowConflict>>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let mut rows = Vec::new();
    for chunk in plan.order.chunks(CHUNK) {
        let given = plan.given(By::Delete, models, chunk);
        let missed = Missed::new(Arrays::new(&given, None)?);
        let places = M::On::numbers(x, missed).await?;
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
        match refused(Guard::of(model), x).await {
            Error::Conflict(conflict) => conflicts.push(RowConflict { row, conflict }),
            error => return Err(error),
        }
    }
    Ok(conflicts)
}

/// The events of a chunk; none without an outbox.
fn events<W: Work, M: OwnerModel>(
    models: &mut [M],
    chunk: &[usize],
    plan: &Plan<M::Version>,
) -> Result<Option<Told>> {
    if !M::OUTBOX {
        return Ok(None);
    }
    let mut told = Told {
        entity: M::ENTITY,
        op: W::OP.name(),
        at: event::micros_now(),
        keys: Vec::with_capacity(chunk.len()),
        versions: Vec::with_capacity(chunk.len()),
        payloads: Vec::with_capacity(chunk.len()),
    };
    for &row in chunk {
        let (Some(model), Some(next)) = (models.get_mut(row), plan.next.get(row)) else {
            continue;
        };
        let event = if W::BY == By::Delete {
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

/// A place, counted from 1, as an index.
fn index(place: i64) -> Option<usize> {
    usize::try_from(place).ok()?.checked_sub(1)
}
