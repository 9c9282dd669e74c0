use super::announce::Unit;
use super::outcome::{key_changed, next_version};
use super::settle::written_row;
use crate::error::Result;
use crate::executor::Executor;
use crate::owner::Owner;
use crate::statement::{Changes, Guard, Revise};

/// Makes `changes` to the row that `guard` names, and answers with the row.
pub(crate) async fn revise_at<M, X, S>(guard: Guard<'_, M>, changes: S, x: &mut X) -> Result<M>
where
    X: Executor,
    M: Owner<X::Backend>,
    S: Changes<M, X::Backend>,
{
    let next = next_version(guard)?;
    let revise = Revise::<_, M, X::Backend>::new(guard, changes.assignments(next))?;
    if revise.assigns_key() {
        return Err(key_changed::<M>(guard.record.key_text()));
    }
    written_row(guard, revise, Unit::Alone, x).await
}
