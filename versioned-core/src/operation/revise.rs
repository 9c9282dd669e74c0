use super::announce::Unit;
use super::outcome::{key_changed, next_version, version_assigned};
use super::settle::written_row;
use crate::error::Result;
use crate::executor::Executor;
use crate::owner::Owner;
use crate::statement::{Assigned, Changes, Guard, Revise};

/// Makes `changes` to the row that `guard` names, and answers with the row.
pub(crate) async fn revise_at<M, X, S>(guard: Guard<'_, M>, changes: S, x: &mut X) -> Result<M>
where
    X: Executor,
    M: Owner<X::Backend>,
    S: Changes<M, X::Backend>,
{
    let next = next_version(guard)?;
    let assignments = changes.assignments(next);
    let assigned = Assigned::by::<M, X::Backend>(&assignments)?;
    if assigned.has_key::<M>() {
        return Err(key_changed::<M>(guard.record.key_text()));
    }
    if assigned.has_version_twice::<M>() {
        return Err(version_assigned::<M>());
    }
    let revise = Revise::<_, M, X::Backend>::new(guard, assignments, &assigned);
    written_row(guard, revise, Unit::Alone, x).await
}
