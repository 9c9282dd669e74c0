//! `touch`: moves a version under the version guard.

use crate::change::Change;
use crate::error::Result;
use crate::event::Op;
use crate::executor::Executor;
use crate::operation::owner::returning::written_row;
use crate::operation::owner::write::Atomicity;
use crate::operation::row_count::next_version;
use crate::owner::Owner;
use crate::statement::{Touch, VersionGuard};

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

/// Moves the version of the row that `guard` names. Returns the row.
pub(crate) async fn touch_at<M, C>(guard: VersionGuard<'_, M>, conn: &mut C) -> Result<M>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let next = next_version(guard)?;
    written_row(guard, Touch::new(guard, &next), Atomicity::Own, conn).await
}
