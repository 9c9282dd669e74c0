//! A batch in a constant number of statements, on PostgreSQL.

use diesel::result::Error as DieselError;

use super::plan::Plan;
use super::work::{Saving, Work};
use super::{is_no_array, rows};
use crate::dialect::{Dialect, Flavor};
use crate::error::{Error, Result, RowConflict, is_serialization_failure};
use crate::event;
use crate::executor::Executor;
use crate::fetch::Fetch;
use crate::model::By;
use crate::operation::announce::{event_of, event_of_deletion, reads_back};
use crate::operation::outcome::refused;
use crate::operation::settle::settle;
use crate::owner::Owner;
use crate::statement::{
    Arrays, Count, Given, Guard, InsertAll, Missed, Places, Record, Told, WriteAll,
};

/// How many rows one statement writes: what is sent of a batch is held in memory for so many of them.
const CHUNK: usize = 2_000;

/// Whether this batch can be written so: not where a row needs statements of its own.
pub(super) fn fit<W, M, X>() -> bool
where
    X: Executor,
    M: Owner<X::Backend>,
    W: Work,
{
    let is_postgres =
        <<M as Fetch<X::Backend>>::On as Flavor<X::Backend>>::KNOWN == Some(Dialect::Postgres);
    let positions = M::TOMBSTONES && W::BY != By::Update;
    is_postgres && !positions && !reads_back::<M, X::Backend>()
}

/// Writes all rows. A statement writes all of its rows or none; several of them are one transaction.
pub(super) async fn all<W, M, X>(models: &mut [M], plan: &Plan<M::Version>, x: &mut X) -> Result<()>
where
    X: Executor,
    M: Owner<X::Backend>,
    W: Work,
{
    if plan.order.len() <= CHUNK {
        return chunks::<W, M, X>(models, plan, x).await;
    }
    x.begin().await?;
    let done = chunks::<W, M, X>(models, plan, x).await;
    settle(done, x).await
}

async fn chunks<W, M, X>(models: &mut [M], plan: &Plan<M::Version>, x: &mut X) -> Result<()>
where
    X: Executor,
    M: Owner<X::Backend>,
    W: Work,
{
    let mut conflicts = Vec::new();
    for chunk in plan.order.chunks(CHUNK) {
        let events = events::<W, M>(models, chunk, plan)?;
        let given = given(W::BY, models, chunk, plan);
        if W::BY == By::Insert {
            insert::<M, X>(&given, events.as_ref(), x).await?;
        } else if !write::<W, M, X>(&given, events.as_ref(), x).await? {
            conflicts.extend(conflicts_of::<M, X>(models, chunk, plan, x).await?);
        }
    }
    if conflicts.is_empty() {
        Ok(())
    } else {
        Err(Error::conflicts(conflicts))
    }
}

async fn insert<M, X>(given: &Given<'_, M>, events: Option<&Told>, x: &mut X) -> Result<()>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let insert = InsertAll::new(Arrays::new(given, events)?);
    Ok(x.execute(insert).await.map(drop)?)
}

/// Whether all rows were written; otherwise none was.
async fn write<W, M, X>(given: &Given<'_, M>, events: Option<&Told>, x: &mut X) -> Result<bool>
where
    X: Executor,
    M: Owner<X::Backend>,
    W: Work,
{
    let count = given.models.len();
    let least = i64::try_from(count).unwrap_or(i64::MAX);
    let write = WriteAll::<W::Verb, Count, M, X::Backend>::new(Arrays::new(given, events)?, least);
    Ok(x.execute(write).await? == count)
}

/// The conflict of every row of a chunk that is not at the version that was loaded.
async fn conflicts_of<M, X>(
    models: &[M],
    chunk: &[usize],
    plan: &Plan<M::Version>,
    x: &mut X,
) -> Result<Vec<RowConflict>>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let given = given(By::Delete, models, chunk, plan);
    let missed = Missed::new(Arrays::new(&given, None)?);
    let mut places = M::On::numbers(x, missed).await?;
    if places.is_empty() {
        // A trigger keeps rows from being written.
        places = (1..).take(chunk.len()).collect();
    }
    let mut conflicts = Vec::new();
    for place in places {
        let Some((row, model)) = at(place, chunk, models) else {
            continue;
        };
        match refused(Guard::of(model), x).await {
            Error::Conflict(conflict) => conflicts.push(RowConflict { row, conflict }),
            error => return Err(error),
        }
    }
    Ok(conflicts)
}

/// Saves the rows that can be saved; what was wrong with the others.
pub(super) async fn each<M, X>(
    models: &mut [M],
    plan: &Plan<M::Version>,
    x: &mut X,
) -> Result<Vec<(usize, Error)>>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    if plan.order.len() <= CHUNK && !x.in_transaction() {
        return match each_of(&plan.order, models, plan, x).await {
            Err(error) if is_of_a_row(&error) => {
                x.begin().await?;
                let done = rows::each(models, &plan.order, plan, x).await;
                settle(done, x).await
            }
            done => done,
        };
    }
    x.begin().await?;
    let done = each_chunk(models, plan, x).await;
    settle(done, x).await
}

async fn each_chunk<M, X>(
    models: &mut [M],
    plan: &Plan<M::Version>,
    x: &mut X,
) -> Result<Vec<(usize, Error)>>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let mut failures = Vec::new();
    for chunk in plan.order.chunks(CHUNK) {
        x.begin().await?;
        let done = each_of(chunk, models, plan, x).await;
        failures.extend(match settle(done, x).await {
            Err(error) if is_of_a_row(&error) => rows::each(models, chunk, plan, x).await?,
            done => done?,
        });
    }
    Ok(failures)
}

async fn each_of<M, X>(
    chunk: &[usize],
    models: &mut [M],
    plan: &Plan<M::Version>,
    x: &mut X,
) -> Result<Vec<(usize, Error)>>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let events = events::<Saving, M>(models, chunk, plan)?;
    let given = given(By::Update, models, chunk, plan);
    let arrays = Arrays::new(&given, events.as_ref())?;
    let write = WriteAll::<<Saving as Work>::Verb, Places, M, X::Backend>::new(arrays, 0);
    let mut written = vec![false; chunk.len()];
    for place in M::On::numbers(x, write).await? {
        let place = usize::try_from(place).unwrap_or_default().wrapping_sub(1);
        if let Some(written) = written.get_mut(place) {
            *written = true;
        }
    }
    let mut failures = Vec::new();
    for (&row, _) in chunk.iter().zip(written).filter(|(_, written)| !written) {
        if let Some(model) = models.get(row) {
            let error = refused(Guard::of(model), x).await;
            if rows::ends_the_transaction(&error) {
                return Err(error);
            }
            failures.push((row, error));
        }
    }
    Ok(failures)
}

/// A violated constraint is that of one row, and no reason to turn the others away.
fn is_of_a_row(error: &Error) -> bool {
    match error {
        Error::Database(error @ DieselError::DatabaseError(..)) => !is_serialization_failure(error),
        Error::Database(DieselError::SerializationError(_)) => !is_no_array(error),
        _ => false,
    }
}

fn given<'a, M: crate::model::Versioned>(
    by: By,
    models: &'a [M],
    chunk: &[usize],
    plan: &'a Plan<M::Version>,
) -> Given<'a, M> {
    Given {
        models: chunk.iter().filter_map(|&row| models.get(row)).collect(),
        next: chunk.iter().filter_map(|&row| plan.next.get(row)).collect(),
        by,
    }
}

/// The events of a chunk; none without an outbox.
fn events<W: Work, M: crate::model::OwnerModel>(
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

/// The row at a place, counted from 1.
fn at<'a, M>(place: i64, chunk: &[usize], models: &'a [M]) -> Option<(usize, &'a M)> {
    let place = usize::try_from(place).ok()?.checked_sub(1)?;
    let row = *chunk.get(place)?;
    Some((row, models.get(row)?))
}
