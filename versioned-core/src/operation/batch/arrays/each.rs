//! Batches of independent rows, by arrays.

use diesel::result::Error as DieselError;

use crate::dialect::NoArray;
use crate::dialect::SqlFor;
use crate::error::{Error, Result, is_serialization_failure};
use crate::executor::Executor;
use crate::model::WriteKind;
use crate::operation::batch::arrays::{CHUNK, FEW, events, index};
use crate::operation::batch::plan::Plan;
use crate::operation::batch::rows::{self, Each};
use crate::operation::batch::work::{BatchOp, Saving};
use crate::operation::row_count::{ends_the_transaction, refused};
use crate::operation::transaction::finish;
use crate::owner::Owner;
use crate::statement::{AllFirst, Arrays, InTurn, Places, VersionGuard, WriteAll};

/// Saves the rows that can be saved. Returns `None`, with nothing written, if a column has no array
/// type.
pub(crate) async fn each<M, C>(
    models: &mut [M],
    plan: &Plan<M::Version>,
    conn: &mut C,
) -> Result<Option<Each<M>>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let done = if plan.order.len() <= CHUNK && !conn.in_transaction() {
        match each_of(&plan.order, models, plan, conn).await {
            Err(error) if is_of_a_row(&error) => {
                conn.begin().await?;
                let done = rows::each(&plan.order, models, plan, conn).await;
                finish(done, conn).await
            }
            done => done,
        }
    } else {
        conn.begin().await?;
        let done = each_chunk(models, plan, conn).await;
        finish(done, conn).await
    };
    match done {
        Err(Error::Database(error)) if NoArray::is_why(&error) => Ok(None),
        done => done.map(Some),
    }
}

async fn each_chunk<M, C>(
    models: &mut [M],
    plan: &Plan<M::Version>,
    conn: &mut C,
) -> Result<Each<M>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let mut all = Each {
        written: Vec::new(),
        failed: Vec::new(),
    };
    for chunk in plan.order.chunks(CHUNK) {
        conn.begin().await?;
        let done = each_of(chunk, models, plan, conn).await;
        let of_chunk = match finish(done, conn).await {
            Err(error) if is_of_a_row(&error) => rows::each(chunk, models, plan, conn).await?,
            done => done?,
        };
        all.written.extend(of_chunk.written);
        all.failed.extend(of_chunk.failed);
    }
    Ok(all)
}

async fn each_of<M, C>(
    chunk: &[usize],
    models: &mut [M],
    plan: &Plan<M::Version>,
    conn: &mut C,
) -> Result<Each<M>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let events = events::<Saving, M>(models, chunk, plan)?;
    let given = plan.given(WriteKind::Update, models, chunk);
    let arrays = Arrays::new(&given, events.as_ref())?;
    let places = if chunk.len() <= FEW {
        M::Sql::numbers(conn, of_each::<AllFirst, M, C>(arrays)).await?
    } else {
        M::Sql::numbers(conn, of_each::<InTurn, M, C>(arrays)).await?
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
            let error = refused(VersionGuard::of(model), conn).await;
            // Outside a transaction, the writes are committed, whatever the query of another row
            // reports.
            if ends_the_transaction(&error) && conn.in_transaction() {
                return Err(error);
            }
            failed.push((row, error));
        }
    }
    let written = Vec::new();
    Ok(Each { written, failed })
}

type OfEach<'a, L, M, DB> = WriteAll<'a, <Saving as BatchOp>::Verb, Places, L, M, DB>;

fn of_each<L, M, C>(arrays: Arrays<'_, M, C::Backend>) -> OfEach<'_, L, M, C::Backend>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    OfEach::new(arrays, 0)
}

/// Returns whether the error belongs to one row, such as a violated constraint. The other rows can
/// still be saved.
fn is_of_a_row(error: &Error) -> bool {
    match error {
        Error::Database(error @ DieselError::DatabaseError(..)) => !is_serialization_failure(error),
        Error::Database(error @ DieselError::SerializationError(_)) => !NoArray::is_why(error),
        _ => false,
    }
}
