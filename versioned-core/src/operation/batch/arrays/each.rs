//! A batch in which each row is for itself, by arrays.

use diesel::result::Error as DieselError;

use super::super::plan::Plan;
use super::super::rows::{self, Each};
use super::super::work::{Saving, Work};
use super::{CHUNK, FEW, events, index};
use crate::dialect::Flavor;
use crate::error::{Error, Result, is_serialization_failure};
use crate::executor::Executor;
use crate::model::{By, NoArray};
use crate::operation::outcome::{ends_the_transaction, refused};
use crate::operation::settle::settle;
use crate::owner::Owner;
use crate::statement::{AllFirst, Arrays, Guard, InTurn, Places, WriteAll};

/// Saves the rows that can be saved. None if it cannot be done so; nothing was written then.
pub(in crate::operation::batch) async fn each<M, X>(
    models: &mut [M],
    plan: &Plan<M::Version>,
    x: &mut X,
) -> Result<Option<Each<M>>>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let done = if plan.order.len() <= CHUNK && !x.in_transaction() {
        match each_of(&plan.order, models, plan, x).await {
            Err(error) if is_of_a_row(&error) => {
                x.begin().await?;
                let done = rows::each(&plan.order, models, plan, x).await;
                settle(done, x).await
            }
            done => done,
        }
    } else {
        x.begin().await?;
        let done = each_chunk(models, plan, x).await;
        settle(done, x).await
    };
    match done {
        Err(Error::Database(error)) if NoArray::is_why(&error) => Ok(None),
        done => done.map(Some),
    }
}

async fn each_chunk<M, X>(models: &mut [M], plan: &Plan<M::Version>, x: &mut X) -> Result<Each<M>>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let mut all = Each {
        written: Vec::new(),
        failed: Vec::new(),
    };
    for chunk in plan.order.chunks(CHUNK) {
        x.begin().await?;
        let done = each_of(chunk, models, plan, x).await;
        let of_chunk = match settle(done, x).await {
            Err(error) if is_of_a_row(&error) => rows::each(chunk, models, plan, x).await?,
            done => done?,
        };
        all.written.extend(of_chunk.written);
        all.failed.extend(of_chunk.failed);
    }
    Ok(all)
}

async fn each_of<M, X>(
    chunk: &[usize],
    models: &mut [M],
    plan: &Plan<M::Version>,
    x: &mut X,
) -> Result<Each<M>>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let events = events::<Saving, M>(models, chunk, plan)?;
    let given = plan.given(By::Update, models, chunk);
    let arrays = Arrays::new(&given, events.as_ref())?;
    let places = if chunk.len() <= FEW {
        M::On::numbers(x, of_each::<AllFirst, M, X>(arrays)).await?
    } else {
        M::On::numbers(x, of_each::<InTurn, M, X>(arrays)).await?
    };
    let mut written = vec![false; chunk.len()];
    for place in places.into_iter().filter_map(index) {
        if let Some(written) = written.get_mut(place) {
            *written = true;
        }
    }
    let mut failed = Vec::new();
    for (&row, _) in chunk.iter().zip(written).filter(|(_, written)| !written) {
        if let Some(model) = models.get(row) {
            let error = refused(Guard::of(model), x).await;
            // What was written outside of a transaction is there to stay, whatever a look at another row says.
            if ends_the_transaction(&error) && x.in_transaction() {
                return Err(error);
            }
            failed.push((row, error));
        }
    }
    let written = Vec::new();
    Ok(Each { written, failed })
}

type OfEach<'a, L, M, DB> = WriteAll<'a, <Saving as Work>::Verb, Places, L, M, DB>;

fn of_each<L, M, X>(arrays: Arrays<'_, M, X::Backend>) -> OfEach<'_, L, M, X::Backend>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    OfEach::new(arrays, 0)
}

/// A violated constraint is that of one row, and no reason to turn the others away.
fn is_of_a_row(error: &Error) -> bool {
    match error {
        Error::Database(error @ DieselError::DatabaseError(..)) => !is_serialization_failure(error),
        Error::Database(error @ DieselError::SerializationError(_)) => !NoArray::is_why(error),
        _ => false,
    }
}
