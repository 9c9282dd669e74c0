//! `touch`: moves a version under the version guard.

use crate::change::Change;
use crate::error::Result;
use crate::event::Op;
use crate::executor::Executor;
use crate::operation::owner::filter::or_filtered;
use crate::operation::owner::returning::written_row;
use crate::operation::owner::write::Atomicity;
use crate::operation::row_count::next_version;
use crate::owner::Owner;
use crate::statement::{Conditions, Touch, VersionGuard};

/// Moves the version and writes no other column.
pub(crate) async fn touch<'m, M, C>(model: &'m mut M, conn: &mut C) -> Result<Change<'m, M>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let guard = VersionGuard::of(&*model);
    let next = next_version(guard)?;
    // The model in memory may have unsaved changes, so the change shows the row.
    let row = written_row(guard, Touch::new(guard, &next), Atomicity::Own, conn).await?;
    model.set_version(next);
    model.take_made(&row);
    Ok(Change::of_row(Op::Updated, row))
}

/// Moves the version of the row that `guard` names, if `conditions` hold for it. Returns the row.
pub(crate) async fn touch_at<M, C, P>(
    guard: VersionGuard<'_, M>,
    conditions: &P,
    conn: &mut C,
) -> Result<M>
where
    C: Executor,
    M: Owner<C::Backend>,
    P: Conditions<M, C::Backend>,
{
    let next = next_version(guard)?;
    let touch = conditions.on(Touch::new(guard, &next));
    let written = written_row(guard, touch, Atomicity::Own, conn).await;
    or_filtered(written, guard, conditions, conn).await
}
