//! `update_at`: applies a Diesel changeset under the version guard.

use crate::error::Result;
use crate::executor::Executor;
use crate::operation::owner::filter::or_filtered;
use crate::operation::owner::returning::written_row;
use crate::operation::owner::write::Atomicity;
use crate::operation::row_count::{key_changed, next_version, version_assigned};
use crate::owner::Owner;
use crate::statement::{Assigned, Changes, Conditions, UpdateAt, VersionGuard};

/// Applies `changes` to the row that `guard` names, if `conditions` hold for it. Returns the row.
pub(crate) async fn update_at<M, C, P, S>(
    guard: VersionGuard<'_, M>,
    conditions: &P,
    changes: S,
    conn: &mut C,
) -> Result<M>
where
    C: Executor,
    M: Owner<C::Backend>,
    P: Conditions<M, C::Backend>,
    S: Changes<M, C::Backend>,
{
    let next = next_version(guard)?;
    let assignments = changes.assignments(next);
    let assigned = Assigned::by::<M, C::Backend>(&assignments)?;
    if assigned.has_key::<M>() {
        return Err(key_changed::<M>(guard.record.key_text()));
    }
    if assigned.has_version_twice::<M>() {
        return Err(version_assigned::<M>());
    }
    let update_at = UpdateAt::<_, M, C::Backend>::new(guard, assignments, &assigned);
    let written = written_row(guard, conditions.on(update_at), Atomicity::Own, conn).await;
    or_filtered(written, guard, conditions, conn).await
}
