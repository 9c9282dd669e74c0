//! `save`: updates a row under the version guard.

use crate::change::Change;
use crate::error::Result;
use crate::event::Op;
use crate::executor::Executor;
use crate::operation::outbox::event::event_of;
use crate::operation::owner::returning::written_row;
use crate::operation::owner::write::{Atomicity, write_with_event};
use crate::operation::owner::written::{Written, reads_row};
use crate::operation::row_count::{guarded, next_version};
use crate::owner::Owner;
use crate::statement::{Save, VersionGuard};

/// Writes the model if the row is still at the loaded version.
pub(crate) async fn save<'m, M, C>(model: &'m mut M, conn: &mut C) -> Result<Change<'m, M>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let next = next_version(VersionGuard::of(&*model))?;
    save_row(model, &next, Atomicity::Own, conn)
        .await?
        .show(model);
    Ok(Change::new(Op::Updated, model))
}

/// Writes the row. Leaves the model in memory unchanged.
pub(crate) async fn save_row<M, C>(
    model: &mut M,
    next: &M::Version,
    unit: Atomicity,
    conn: &mut C,
) -> Result<Written<M>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    if reads_row(&*model)? {
        // An event that cannot be built is reported before anything is written.
        event_of(Op::Updated, model, next)?;
        let row = written_row(
            VersionGuard::of(&*model),
            Save::new(model, next),
            unit,
            conn,
        )
        .await?;
        return Ok(Written::Row(row));
    }
    let event = event_of(Op::Updated, model, next)?;
    let answer = write_with_event::<M, _, _>(Save::new(model, next), event, unit, conn).await;
    guarded(VersionGuard::of(&*model), answer, conn).await?;
    Ok(Written::AsGiven(next.clone()))
}
